//! A backtest: candles, settings and a strategy in; trades, equity curve and counts out.

use crate::engine::{Counts, DataHandler, Position, Quiet, Recorder, Settings, Strategy, StrategyFault, run};
use crate::model::{Candles, Direction, Refusal, Trade, Veto};
use crate::venues::sim::SimulatedVenue;
use std::ops::Range;

/// What a run did. Pure data; `report` turns it into metrics, tables and pages.
#[derive(Debug, Clone)]
pub struct Outcome {
    pub initial_balance: f64,
    /// Rows of the candle store the run decided on (`--start` to `--end`).
    pub range: Range<usize>,
    /// First row at which the script was called, if it ever was.
    pub first_decision: Option<usize>,
    /// Closed trades in order of their exits.
    pub trades: Vec<Trade>,
    /// Equity at each close of `range`; the last one is after an `end_of_data` close.
    pub equity: Vec<f64>,
    /// Closes at which a position was marked.
    pub closes_in_position: u64,
    pub vetoes: Counts<Veto>,
    pub refusals: Counts<Refusal>,
}

impl Outcome {
    /// Goes on with a run over the rows that follow, begun with the equity this one ended with.
    pub fn append(&mut self, next: Outcome) {
        self.range.end = next.range.end;
        self.first_decision = self.first_decision.or(next.first_decision);
        self.trades.extend(next.trades);
        self.equity.extend(next.equity);
        self.closes_in_position += next.closes_in_position;
        self.vetoes.append(&next.vetoes);
        self.refusals.append(&next.refusals);
    }
}

/// Why an entry that was asked for was not made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Held {
    Veto(Veto),
    Refusal(Refusal),
}

/// Log lines that a run keeps.
pub const LOG_LINES_MAX: usize = 20_000;

/// What a person wants to see besides the outcome: kept only when asked for.
#[derive(Debug, Clone, Default)]
pub struct Trace {
    /// Stop price at each close of the range, NaN where there is none.
    pub stops: Vec<f64>,
    /// Entries that were asked for and not made, with the row of the decision.
    pub held: Vec<(usize, Direction, Held)>,
    /// The script's log lines, the first [`LOG_LINES_MAX`] of them.
    pub logs: Vec<(usize, String)>,
    /// How many more there were.
    pub logs_dropped: usize,
    /// Values the script plotted: row, index of the plot's name, value.
    pub plots: Vec<(usize, usize, f64)>,
}

/// What to run on.
#[derive(Clone)]
pub struct Backtest<'a> {
    pub settings: &'a Settings,
    pub data: &'a DataHandler,
    pub rows: Range<usize>,
    /// Finer candles to walk inside a candle.
    pub detail: Option<&'a Candles>,
}

impl Backtest<'_> {
    /// Runs `strategy`; allocates only for trades and the equity curve.
    pub fn run<S: Strategy>(&self, strategy: &mut S) -> Result<Outcome, StrategyFault> {
        self.run_in(strategy, Vec::new())
    }

    /// Runs `strategy` and keeps the equity curve in the room of an old one.
    pub fn run_in<S: Strategy>(&self, strategy: &mut S, room: Vec<f64>) -> Result<Outcome, StrategyFault> {
        self.run_with(strategy, room, None).map(|(outcome, _)| outcome)
    }

    /// Runs `strategy` and keeps a trace of what happened.
    pub fn run_traced<S: Strategy>(&self, strategy: &mut S) -> Result<(Outcome, Trace), StrategyFault> {
        self.run_with(strategy, Vec::new(), Some(Trace::default()))
            .map(|(outcome, trace)| (outcome, trace.unwrap_or_default()))
    }

    /// Runs `strategy` and keeps nothing: `recorder` watches.
    pub fn watch<S: Strategy, R: Recorder>(
        &self,
        strategy: &mut S,
        recorder: &mut R,
    ) -> Result<(), StrategyFault> {
        let mut venue = SimulatedVenue::new(self.data.candles(), self.detail, self.settings.costs)
            .booked_as(self.settings);
        run(self.settings, self.data, self.rows.clone(), strategy, &mut venue, recorder)
    }

    fn run_with<S: Strategy>(
        &self,
        strategy: &mut S,
        mut equity: Vec<f64>,
        trace: Option<Trace>,
    ) -> Result<(Outcome, Option<Trace>), StrategyFault> {
        equity.clear();
        equity.reserve_exact(self.rows.len());
        let mut recorder = OutcomeRecorder {
            outcome: Outcome {
                initial_balance: self.settings.initial_balance,
                range: self.rows.clone(),
                first_decision: None,
                trades: Vec::new(),
                equity,
                closes_in_position: 0,
                vetoes: Counts::default(),
                refusals: Counts::default(),
            },
            trace,
        };
        self.watch(strategy, &mut recorder)?;
        Ok((recorder.outcome, recorder.trace))
    }
}

struct OutcomeRecorder {
    outcome: Outcome,
    trace: Option<Trace>,
}

impl OutcomeRecorder {
    #[inline(never)]
    fn trace_close(&mut self, position: Option<&Position>) {
        if let Some(trace) = &mut self.trace {
            let stop = position.and_then(|position| position.protection.stop_price());
            trace.stops.push(stop.unwrap_or(f64::NAN));
        }
    }
}

impl Recorder for OutcomeRecorder {
    #[inline(always)]
    fn on_close(&mut self, _row: usize, equity: f64, position: Option<&Position>) {
        self.outcome.equity.push(equity);
        self.outcome.closes_in_position += u64::from(position.is_some());
        if self.trace.is_some() {
            self.trace_close(position);
        }
    }

    fn skims(&self) -> bool {
        true
    }

    fn on_quiet(&mut self, quiet: Quiet<'_>) {
        let Quiet { closes, position, cash, holding } = quiet;
        let equity = &mut self.outcome.equity;
        if holding == 0.0 {
            equity.resize(equity.len() + closes.len(), cash);
        } else {
            equity.extend(closes.iter().map(|close| cash + holding * close));
        }
        if position.is_some() {
            self.outcome.closes_in_position += closes.len() as u64;
        }
        if let Some(trace) = &mut self.trace {
            let stop = position.and_then(|position| position.protection.stop_price());
            trace.stops.resize(trace.stops.len() + closes.len(), stop.unwrap_or(f64::NAN));
        }
    }

    fn on_end(&mut self, equity: f64) {
        // The last close was marked before the position was closed there.
        if let Some(last) = self.outcome.equity.last_mut() {
            *last = equity;
        }
        self.outcome.closes_in_position = self.outcome.closes_in_position.saturating_sub(1);
    }

    fn on_first_decision(&mut self, row: usize) {
        self.outcome.first_decision = Some(row);
    }

    fn on_trade(&mut self, _row: usize, trade: Trade) {
        self.outcome.trades.push(trade);
    }

    fn on_veto(&mut self, row: usize, direction: Direction, veto: Veto) {
        self.outcome.vetoes.add(veto);
        if let Some(trace) = &mut self.trace {
            trace.held.push((row, direction, Held::Veto(veto)));
        }
    }

    fn on_refusal(&mut self, row: usize, direction: Direction, refusal: Refusal) {
        self.outcome.refusals.add(refusal);
        if let Some(trace) = &mut self.trace {
            trace.held.push((row, direction, Held::Refusal(refusal)));
        }
    }

    fn on_notes(&mut self, row: usize, logs: &mut Vec<String>, plots: &[(usize, f64)]) {
        if let Some(trace) = &mut self.trace {
            let room = LOG_LINES_MAX.saturating_sub(trace.logs.len());
            trace.logs_dropped += logs.len().saturating_sub(room);
            trace.logs.extend(logs.drain(..).take(room).map(|text| (row, text)));
            trace.plots.extend(plots.iter().map(|&(plot, value)| (row, plot, value)));
        }
    }
}
