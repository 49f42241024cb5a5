//! The engine's three neighbours: the strategy it asks, the venue it orders from, the recorder that watches.

use super::data_handler::DataHandler;
use super::order_executor::{EntryRequest, ExitRequest, Order};
use super::position_manager::Position;
use super::protection::{Hit, Levels, Protection};
use super::risk_manager::Standing;
use super::run::EngineState;
use crate::model::{Direction, Fill, Refusal, Size, Trade, Veto};
use serde::{Deserialize, Serialize};
use std::ops::{Deref, DerefMut, Range};
use std::sync::Arc;

/// What a strategy may know besides the data: the moment, its position and its account.
#[derive(Debug, Clone, Copy)]
pub struct Moment<'a> {
    /// Row of the last closed candle.
    pub row: usize,
    /// Candles since the first one of the run; 0 for that one.
    pub index: usize,
    pub position: Option<&'a Position>,
    /// Cash plus position marked at the close.
    pub equity: f64,
    pub cash: f64,
    pub allow_short: bool,
    /// What would veto an entry asked for now.
    pub standing: Standing,
}

/// An entry a script asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EntryWish {
    pub direction: Direction,
    pub note: Arc<str>,
}

/// What a script asked for in one call. Empty on most candles, so clearing it must cost nothing then; and hardly more than
/// a pointer, as it changes hands at each decision.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Intents {
    /// Set by whoever writes into the rest.
    pub touched: bool,
    asked: Box<Asked>,
}

/// The rest of [`Intents`].
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Asked {
    pub entry: Option<EntryWish>,
    pub exit: Option<Arc<str>>,
    pub size: Option<Size>,
    pub levels: Levels,
    pub logs: Vec<String>,
    /// Index of the plot's name (see [`Strategy::plot_names`]) and its value.
    pub plots: Vec<(usize, f64)>,
}

impl Intents {
    #[inline(always)]
    pub fn clear(&mut self) {
        debug_assert!(self.touched || *self.asked == Asked::default(), "who writes sets `touched`");
        if self.touched {
            self.reset();
        }
    }

    /// Forgets what was asked for, in place.
    fn reset(&mut self) {
        self.touched = false;
        let Asked { entry, exit, size, levels, logs, plots } = &mut *self.asked;
        (*entry, *exit, *size) = (None, None, None);
        *levels = Levels::default();
        logs.clear();
        plots.clear();
    }
}

impl Deref for Intents {
    type Target = Asked;

    #[inline(always)]
    fn deref(&self) -> &Asked {
        &self.asked
    }
}

impl DerefMut for Intents {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut Asked {
        &mut self.asked
    }
}

/// A script failed: where, and in which words. Nothing it asked for in that call took effect.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct StrategyFault {
    /// The rendered diagnosis, with file, line and column.
    pub message: String,
    /// The same in one line.
    pub line: String,
}

/// Decides at each close. Implemented by the script host's tiers and by native strategies.
pub trait Strategy {
    /// Called at each close after warm-up, but for those that [`quiet`](Strategy::quiet) passed over in a backtest.
    fn on_candle(
        &mut self,
        data: &DataHandler,
        moment: &Moment<'_>,
        intents: &mut Intents,
    ) -> Result<(), StrategyFault>;

    /// Called after each fill; may set protective levels and log.
    fn on_fill(
        &mut self,
        _data: &DataHandler,
        _moment: &Moment<'_>,
        _fill: &Fill,
        _intents: &mut Intents,
    ) -> Result<(), StrategyFault> {
        Ok(())
    }

    /// Called after each closed trade; may log.
    fn on_exit(
        &mut self,
        _data: &DataHandler,
        _moment: &Moment<'_>,
        _trade: &Trade,
        _intents: &mut Intents,
    ) -> Result<(), StrategyFault> {
        Ok(())
    }

    /// Whether it may ever ask for the best price since an entry, or for a level that follows it.
    fn heeds_peak(&self) -> bool {
        true
    }

    /// Whether the two handlers above do anything.
    fn has_fill_handlers(&self) -> bool {
        false
    }

    /// How many closes from the first of `rows` on it passes over: it would ask for nothing at them, take no note, fail
    /// at none and remember nothing, as long as `held` is held. 0 where it cannot tell.
    fn quiet(
        &mut self,
        _data: &DataHandler,
        _held: Option<Direction>,
        _allow_short: bool,
        _rows: Range<usize>,
    ) -> usize {
        0
    }

    /// Lets go of the data it has seen, so that they can grow in place.
    fn release(&mut self) {}
}

impl<S: Strategy + ?Sized> Strategy for &mut S {
    #[inline(always)]
    fn on_candle(
        &mut self,
        data: &DataHandler,
        moment: &Moment<'_>,
        intents: &mut Intents,
    ) -> Result<(), StrategyFault> {
        (**self).on_candle(data, moment, intents)
    }

    fn on_fill(
        &mut self,
        data: &DataHandler,
        moment: &Moment<'_>,
        fill: &Fill,
        intents: &mut Intents,
    ) -> Result<(), StrategyFault> {
        (**self).on_fill(data, moment, fill, intents)
    }

    fn on_exit(
        &mut self,
        data: &DataHandler,
        moment: &Moment<'_>,
        trade: &Trade,
        intents: &mut Intents,
    ) -> Result<(), StrategyFault> {
        (**self).on_exit(data, moment, trade, intents)
    }

    fn heeds_peak(&self) -> bool {
        (**self).heeds_peak()
    }

    fn has_fill_handlers(&self) -> bool {
        (**self).has_fill_handlers()
    }

    fn quiet(
        &mut self,
        data: &DataHandler,
        held: Option<Direction>,
        allow_short: bool,
        rows: Range<usize>,
    ) -> usize {
        (**self).quiet(data, held, allow_short, rows)
    }

    fn release(&mut self) {
        (**self).release();
    }
}

/// Where orders go and prices come from.
pub trait Venue {
    /// Executes an order that is due now. `time` is the open time of the candle in hand.
    fn execute(&mut self, order: &Order, time: i64) -> Fill;

    /// Shows the prices of the candle in `row` to the protection, in order, until a level is hit.
    /// The second value tells whether the walk was ambiguous.
    fn walk(&mut self, row: usize, direction: Direction, protection: &mut Protection) -> Option<(Hit, bool)>;

    /// Shows candles from the first of `rows` on as long as none of their prices reaches a level or moves a stop, and
    /// tells how many it showed.
    fn pass(&mut self, _rows: Range<usize>, _direction: Direction, _protection: &mut Protection) -> usize {
        0
    }
}

/// Closes in a row at which nothing was filled and nothing is decided, and no level moves.
#[derive(Debug, Clone, Copy)]
pub struct Quiet<'a> {
    /// The candles' closes.
    pub closes: &'a [f64],
    pub position: Option<&'a Position>,
    pub cash: f64,
    /// What is held in base currency, below 0 while short: equity is `cash` and this much at the close.
    pub holding: f64,
}

/// Watches a run. Every method has a default that does nothing.
pub trait Recorder {
    /// After each close of the run that is not told by `on_quiet`.
    fn on_close(&mut self, _row: usize, _equity: f64, _position: Option<&Position>) {}
    /// Whether it takes closes at once at which nothing is decided, as [`Quiet`], and hears neither `on_close` nor
    /// `on_decided` of them; else it is told of each.
    fn skims(&self) -> bool {
        false
    }
    fn on_quiet(&mut self, _quiet: Quiet<'_>) {}
    /// The last close again, after a position was closed at the end of the data.
    fn on_end(&mut self, _equity: f64) {}
    fn on_first_decision(&mut self, _row: usize) {}
    fn on_fill(&mut self, _row: usize, _fill: &Fill) {}
    fn on_trade(&mut self, _row: usize, _trade: Trade) {}
    /// What the script asked for at the close of `row`, before anything is judged. Only where it asked.
    fn on_asked(&mut self, _row: usize, _intents: &Intents) {}
    /// What was decided at the close of `row` and is due at the next open. Only where there is something.
    fn on_queued(&mut self, _row: usize, _entry: Option<&EntryRequest>, _exit: Option<&ExitRequest>) {}
    fn on_veto(&mut self, _row: usize, _direction: Direction, _veto: Veto) {}
    fn on_refusal(&mut self, _row: usize, _direction: Direction, _refusal: Refusal) {}
    fn on_notes(&mut self, _row: usize, _logs: &mut Vec<String>, _plots: &[(usize, f64)]) {}
    /// Nothing more is decided at the close of `row`. Told by [`run`](super::run) alone.
    fn on_decided(&mut self, _row: usize, _state: &EngineState) {}
}

/// Watches nothing.
impl Recorder for () {}

impl<R: Recorder + ?Sized> Recorder for &mut R {
    #[inline(always)]
    fn on_close(&mut self, row: usize, equity: f64, position: Option<&Position>) {
        (**self).on_close(row, equity, position);
    }
    fn skims(&self) -> bool {
        (**self).skims()
    }
    fn on_quiet(&mut self, quiet: Quiet<'_>) {
        (**self).on_quiet(quiet);
    }
    fn on_end(&mut self, equity: f64) {
        (**self).on_end(equity);
    }
    fn on_first_decision(&mut self, row: usize) {
        (**self).on_first_decision(row);
    }
    fn on_fill(&mut self, row: usize, fill: &Fill) {
        (**self).on_fill(row, fill);
    }
    fn on_trade(&mut self, row: usize, trade: Trade) {
        (**self).on_trade(row, trade);
    }
    fn on_asked(&mut self, row: usize, intents: &Intents) {
        (**self).on_asked(row, intents);
    }
    fn on_queued(&mut self, row: usize, entry: Option<&EntryRequest>, exit: Option<&ExitRequest>) {
        (**self).on_queued(row, entry, exit);
    }
    fn on_veto(&mut self, row: usize, direction: Direction, veto: Veto) {
        (**self).on_veto(row, direction, veto);
    }
    fn on_refusal(&mut self, row: usize, direction: Direction, refusal: Refusal) {
        (**self).on_refusal(row, direction, refusal);
    }
    fn on_notes(&mut self, row: usize, logs: &mut Vec<String>, plots: &[(usize, f64)]) {
        (**self).on_notes(row, logs, plots);
    }
    #[inline(always)]
    fn on_decided(&mut self, row: usize, state: &EngineState) {
        (**self).on_decided(row, state);
    }
}
