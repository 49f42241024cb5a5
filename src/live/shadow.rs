//! A script in the shadow: run over the last candles as a backtest with the live settings, and what it decided
//! there.

use crate::engine::{
    DataHandler, EntryRequest, ExitRequest, Intents, Levels, Moment, Position, Recorder, Settings, Strategy,
    StrategyFault, run,
};
use crate::model::{Direction, ExitReason, Fill, Size, Trade, iso};
use crate::script::Script;
use crate::venues::sim::SimulatedVenue;
use std::ops::Range;
use std::time::{Duration, Instant};

/// An entry may ask for this many times what the equity can pay, before that is taken for a mistake.
const TIMES_MAX: f64 = 10.0;

/// What was decided at one close. Texts are left out: saying it in other words decides nothing else.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Decided {
    entry: Option<(Direction, Option<Size>)>,
    levels: Levels,
    exit: bool,
    due: Option<(bool, Option<ExitReason>)>,
    /// Of the position held at the close.
    stop: Option<f64>,
    target: Option<f64>,
}

impl Decided {
    /// In words that tell it from `other`.
    pub fn against(&self, other: &Decided) -> String {
        let mut said = Vec::new();
        if let Some((direction, size)) = &self.entry {
            let size = size.map(|size| format!(" with {}", size.in_words())).unwrap_or_default();
            let direction = match direction {
                Direction::Long => "long",
                Direction::Short => "short",
            };
            said.push(format!("entered {direction}{size}"));
        }
        if self.exit {
            said.push("left".to_owned());
        }
        if let (false, Some((_, Some(reason)))) = (self.exit, self.due) {
            said.push(format!("left by {}", reason.name()));
        }
        if self.levels != other.levels && !self.levels.is_empty() {
            said.push(format!("set {}", in_words(&self.levels)));
        }
        if said.is_empty() {
            let level = |name: &str, own: Option<f64>, other: Option<f64>| {
                own.filter(|own| Some(*own) != other).map(|own| format!("{name} {own}"))
            };
            let levels = [level("stop", self.stop, other.stop), level("target", self.target, other.target)];
            said.extend(levels.into_iter().flatten());
        }
        if said.is_empty() { "nothing".to_owned() } else { said.join(", ") }
    }
}

fn in_words(levels: &Levels) -> String {
    let named = [
        ("stop", levels.stop_price),
        ("stop_pct", levels.stop_pct),
        ("target", levels.target_price),
        ("target_pct", levels.target_pct),
        ("trail_pct", levels.trail_pct),
        ("break_even_after", levels.break_even_pct),
    ];
    let said: Vec<String> =
        named.iter().filter_map(|(name, value)| value.map(|value| format!("{name} {value}"))).collect();
    said.join(", ")
}

/// Why a script did not come through.
#[derive(Debug, Clone, PartialEq)]
pub enum Fell {
    Fault(StrategyFault),
    /// Candles it got through, of how many, in the time there is.
    Slow(usize, usize, Duration),
    Absurd(String),
}

/// Decides over `rows` from fresh slots, flat, and with the balance of the settings. One entry for each row.
pub fn shadow(
    script: &mut Script,
    data: &DataHandler,
    settings: &Settings,
    rows: Range<usize>,
    within: Duration,
) -> Result<Vec<Decided>, Fell> {
    let candles = data.candles();
    let mut ears = Ears { data, decided: Vec::with_capacity(rows.len()), equity: 0.0, absurd: None };
    let mut timed = Timed { script, until: Instant::now() + within, slow: false };
    let mut venue = SimulatedVenue::new(candles, None, settings.costs).booked_as(settings);
    let ran = run(settings, data, rows.clone(), &mut timed, &mut venue, &mut ears);
    if timed.slow {
        // The last of them closed, and was not decided on.
        return Err(Fell::Slow(ears.decided.len().saturating_sub(1), rows.len(), within));
    }
    // The first thing that went wrong, whichever it was.
    if let Some(absurd) = ears.absurd {
        return Err(Fell::Absurd(absurd));
    }
    ran.map_err(Fell::Fault)?;
    Ok(ears.decided)
}

struct Timed<'a> {
    script: &'a mut Script,
    until: Instant,
    slow: bool,
}

impl Strategy for Timed<'_> {
    fn on_candle(
        &mut self,
        data: &DataHandler,
        moment: &Moment<'_>,
        intents: &mut Intents,
    ) -> Result<(), StrategyFault> {
        if Instant::now() > self.until {
            self.slow = true;
            let line = String::from("too slow");
            return Err(StrategyFault { message: line.clone(), line });
        }
        self.script.on_candle(data, moment, intents)
    }

    fn on_fill(
        &mut self,
        data: &DataHandler,
        moment: &Moment<'_>,
        fill: &Fill,
        intents: &mut Intents,
    ) -> Result<(), StrategyFault> {
        self.script.on_fill(data, moment, fill, intents)
    }

    fn on_exit(
        &mut self,
        data: &DataHandler,
        moment: &Moment<'_>,
        trade: &Trade,
        intents: &mut Intents,
    ) -> Result<(), StrategyFault> {
        self.script.on_exit(data, moment, trade, intents)
    }

    fn has_fill_handlers(&self) -> bool {
        self.script.has_fill_handlers()
    }
}

struct Ears<'a> {
    data: &'a DataHandler,
    decided: Vec<Decided>,
    equity: f64,
    absurd: Option<String>,
}

impl Recorder for Ears<'_> {
    fn on_close(&mut self, _row: usize, equity: f64, position: Option<&Position>) {
        self.equity = equity;
        self.decided.push(Decided {
            stop: position.and_then(|position| position.protection.stop_price()),
            target: position.and_then(|position| position.protection.target_price()),
            ..Decided::default()
        });
    }

    fn on_asked(&mut self, row: usize, intents: &Intents) {
        let entry = intents.entry.as_ref().map(|wish| (wish.direction, intents.size));
        if let (None, Some((_, Some(size)))) = (&self.absurd, entry) {
            self.absurd = self.judge(row, size);
        }
        if let Some(decided) = self.decided.last_mut() {
            (decided.entry, decided.levels, decided.exit) = (entry, intents.levels, intents.exit.is_some());
        }
    }

    fn on_queued(&mut self, _row: usize, entry: Option<&EntryRequest>, exit: Option<&ExitRequest>) {
        if let Some(decided) = self.decided.last_mut() {
            decided.due = Some((entry.is_some(), exit.map(|exit| exit.reason)));
        }
    }
}

impl Ears<'_> {
    /// What is wrong with the size of an entry.
    fn judge(&self, row: usize, size: Size) -> Option<String> {
        let candles = self.data.candles();
        let (close, time) = (*candles.close.get(row)?, iso(self.data.close_time(row) + 1));
        if self.equity <= 0.0 {
            return None;
        }
        let times = match size {
            Size::Units(units) => units * close / self.equity,
            Size::Quote(amount) => amount / self.equity,
            Size::EquityPct(pct) | Size::RiskPct(pct) => pct / 100.0,
        };
        if times.is_finite() && (0.0..=TIMES_MAX).contains(&times) {
            return None;
        }
        // A number that somebody has to read.
        let words = match size {
            Size::Units(x) if x >= 1e15 => format!("{x:e} units"),
            Size::Quote(x) if x >= 1e15 => format!("{x:e} quote"),
            Size::EquityPct(x) | Size::RiskPct(x) if x >= 1e15 => format!("{x:e} %"),
            size => size.in_words(),
        };
        let many = if times < 1e6 { format!("{times:.0}") } else { String::from("more than a million") };
        Some(if times > TIMES_MAX {
            format!(
                "the entry at the close of {time} asks for {words}, {many} times what the equity of {:.2} can pay: is it meant in another unit?",
                self.equity
            )
        } else {
            format!("the entry at the close of {time} asks for {words}, which is no size")
        })
    }
}
