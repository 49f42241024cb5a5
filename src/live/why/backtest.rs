//! A backtest that tells what a trader would write down, so that one story is told of both.

use super::story::{Pick, Story};
use crate::engine::{
    DataHandler, EntryRequest, ExitRequest, Intents, Position, Recorder, StrategyFault, run,
};
use crate::job::Job;
use crate::live::journal::Entry;
use crate::live::record::{AskedEntry, ClosedTrade, Decision, Due, Record};
use crate::model::{Direction, Fill, FillReason, Refusal, Trade, Veto};
use crate::venues::sim::SimulatedVenue;

/// Runs the job's script over its candles, and tells the story.
pub fn tell(job: &mut Job, pick: Pick) -> Result<Story, StrategyFault> {
    let (data, setup) = (job.data.clone(), &job.setup);
    let mut story = Story::new(pick);
    story.title = format!("{} · backtest · {} {}", job.script.name(), setup.symbol(), setup.interval());
    let detail = setup.market.detail.as_ref().map(|detail| &*detail.candles);
    let mut venue =
        SimulatedVenue::new(data.candles(), detail, setup.settings.costs).booked_as(&setup.settings);
    let mut teller = Teller::new(&data, story);
    run(&setup.settings, &data, setup.rows.clone(), &mut job.script, &mut venue, &mut teller)?;
    Ok(teller.finish())
}

/// Tells a story what it sees of a run.
pub struct Teller<'a> {
    data: &'a DataHandler,
    story: Story,
    /// Of the last close, while more may be said about it.
    decision: Option<(usize, Decision)>,
    trades: u64,
}

impl<'a> Teller<'a> {
    pub fn new(data: &'a DataHandler, story: Story) -> Teller<'a> {
        Teller { data, story, decision: None, trades: 0 }
    }

    /// The run is over.
    pub fn finish(mut self) -> Story {
        self.close(true);
        self.story.finish();
        self.story
    }

    /// Nothing more will be decided at the last close.
    fn close(&mut self, last: bool) {
        if let Some((_, decision)) = self.decision.take() {
            self.story.on_decision(&decision, last);
        }
    }

    fn tell(&mut self, row: usize, record: Record) {
        let at = self.data.candles().open_time.get(row).copied().unwrap_or_default();
        self.story.on(&Entry { n: 0, at, record });
    }

    fn change(&mut self, change: impl FnOnce(&mut Decision)) {
        if let Some((_, decision)) = &mut self.decision {
            change(decision);
        }
    }
}

impl Recorder for Teller<'_> {
    fn on_close(&mut self, row: usize, equity: f64, position: Option<&Position>) {
        self.close(false);
        let candle = self.data.candles().get(row);
        self.tell(row, Record::Candle { candle });
        let decision = Decision {
            candle: candle.open_time,
            asked: row >= self.data.first_warm(),
            equity,
            quantity: position.map(|position| position.quantity),
            stop: position.and_then(|position| position.protection.stop_price()),
            target: position.and_then(|position| position.protection.target_price()),
            ..Decision::default()
        };
        self.decision = Some((row, decision));
    }

    fn on_asked(&mut self, _row: usize, intents: &Intents) {
        self.change(|decision| {
            decision.exit.clone_from(&intents.exit);
            decision.entry = intents.entry.as_ref().map(|wish| AskedEntry {
                direction: wish.direction,
                note: wish.note.clone(),
                size: intents.size,
                levels: intents.levels,
            });
        });
    }

    fn on_notes(&mut self, row: usize, logs: &mut Vec<String>, _plots: &[(usize, f64)]) {
        if self.decision.as_ref().is_some_and(|(of, _)| *of == row) {
            self.change(|decision| decision.logs.append(logs));
        }
    }

    fn on_veto(&mut self, _row: usize, _direction: Direction, veto: Veto) {
        self.change(|decision| decision.veto = Some(veto));
    }

    fn on_queued(&mut self, _row: usize, entry: Option<&EntryRequest>, exit: Option<&ExitRequest>) {
        let due = Due { entry: entry.is_some(), exit: exit.map(|exit| exit.reason) };
        self.change(|decision| decision.due = Some(due));
    }

    fn on_refusal(&mut self, row: usize, _direction: Direction, refusal: Refusal) {
        // At the close, or at the open after it.
        if matches!(refusal, Refusal::InPosition | Refusal::ShortNotAllowed) {
            return self.change(|decision| decision.refusal = Some(refusal));
        }
        self.close(false);
        let candle = self.data.candles().open_time.get(row).copied().unwrap_or_default();
        self.tell(row + 1, Record::Held { candle, refusal, why: String::new() });
    }

    fn on_fill(&mut self, row: usize, fill: &Fill) {
        let is_last = fill.reason == FillReason::Exit(crate::model::ExitReason::EndOfData);
        self.close(is_last);
        if let FillReason::Entry(_) = fill.reason {
            let direction = match fill.side {
                crate::model::Side::Buy => Direction::Long,
                crate::model::Side::Sell => Direction::Short,
            };
            let (quantity, price) = (fill.quantity - fill.base_commission, fill.price);
            self.tell(row, Record::Entered { direction, quantity, price, orders: Vec::new() });
        }
    }

    fn on_trade(&mut self, row: usize, trade: Trade) {
        self.trades += 1;
        let closed = ClosedTrade {
            number: self.trades,
            exit_at: trade.exit_time,
            trade,
            entry_orders: Vec::new(),
            exit_orders: Vec::new(),
            generation: 0,
        };
        self.tell(row, Record::Trade(Box::new(closed)));
    }
}
