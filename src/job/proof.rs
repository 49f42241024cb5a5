//! Proofs that a script does not look ahead.

use super::JobError;
use crate::backtest::Backtest;
use crate::engine::{Asked, ColumnCache, DataHandler, Intents, Moment, Settings, Strategy, StrategyFault};
use crate::model::{Candles, Fill, Trade, iso};
use crate::report::number::grouped;
use crate::script::{Parameters, Script};
use std::ops::Range;
use std::sync::Arc;

/// Candles whose every prefix is run.
const PREFIXES: usize = 300;
/// Candles decided on in the warm-up proof.
const DECIDED: usize = 500;

/// A strategy whose decisions are kept.
struct Watched<'a> {
    script: &'a mut Script,
    /// Row − first row, and what was asked.
    decisions: Vec<(usize, Intents)>,
}

impl Strategy for Watched<'_> {
    fn on_candle(
        &mut self,
        data: &DataHandler,
        moment: &Moment<'_>,
        intents: &mut Intents,
    ) -> Result<(), StrategyFault> {
        self.script.on_candle(data, moment, intents)?;
        if intents.touched {
            // What it asked for; what it logged or plotted is no decision, and may well depend on the past.
            let mut asked = intents.clone();
            asked.logs.clear();
            asked.plots.clear();
            if *asked != Asked::default() {
                self.decisions.push((moment.index, asked));
            }
        }
        Ok(())
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

/// Two proofs that a script does not look ahead, by running it on parts of candles.
pub struct Proof<'a> {
    pub settings: &'a Settings,
    pub parameters: &'a Parameters,
    pub script: &'a mut Script,
    pub candles: &'a Candles,
    /// First row in which every indicator has its values.
    pub warm: usize,
}

/// What was proved, or what was found instead.
pub type Verdict = Result<String, String>;

impl Proof<'_> {
    /// Decisions on the candles in `all`, deciding from row `from` of them on.
    fn decisions(&mut self, all: Range<usize>, from: usize) -> Result<Vec<(usize, Intents)>, JobError> {
        self.script.prepare(self.parameters)?;
        let candles = Arc::new(self.candles.slice(all));
        let data = self.script.data(&self.settings.rules, &ColumnCache::new(candles.clone()));
        let mut watched = Watched { script: self.script, decisions: Vec::new() };
        let rows = from..candles.len();
        Backtest { settings: self.settings, data: &data, rows, detail: None }.run(&mut watched)?;
        Ok(watched.decisions)
    }

    /// Decisions on every prefix of a stretch equal those on the whole stretch.
    pub fn prefixes(&mut self, acts: Option<usize>) -> Result<Verdict, JobError> {
        let rows = self.candles.len();
        if rows <= self.warm + 1 {
            return Ok(Err(format!("{rows} candles are too few: none has all indicators and one after it")));
        }
        let around = acts.unwrap_or(rows / 2).saturating_sub(self.warm + PREFIXES / 3);
        let start = around.min(rows.saturating_sub(self.warm + PREFIXES));
        let end = (start + self.warm + PREFIXES).min(rows);
        self.on_prefixes(start..end, start + self.warm + 1..end)
    }

    /// Decisions on the candles of `all` up to each of `ends` equal those on all of them.
    pub fn on_prefixes(
        &mut self,
        all: Range<usize>,
        ends: impl Iterator<Item = usize>,
    ) -> Result<Verdict, JobError> {
        let start = all.start;
        let whole = self.decisions(all, 0)?;
        let mut proved = 0;
        for prefix in ends {
            let decided = self.decisions(start..prefix, 0)?;
            let same = whole.iter().filter(|(index, _)| start + index < prefix);
            if let Some(index) = first_difference(&decided, same) {
                let time = iso(self.candles.close_time[start + index]);
                return Ok(Err(format!(
                    "the decision at {time} is another one when the candles end at {}: the script or an indicator looks ahead",
                    iso(self.candles.close_time[prefix - 1])
                )));
            }
            proved += 1;
        }
        if whole.is_empty() {
            return Ok(Ok(format!(
                "{proved} prefixes were run, but the script asked for nothing there to compare"
            )));
        }
        Ok(Ok(format!("decisions on {proved} prefixes equal those on the whole ({} decisions)", whole.len())))
    }

    /// A longer warm-up than needed changes nothing.
    pub fn warm_up(&mut self) -> Result<Verdict, JobError> {
        let rows = self.candles.len();
        let decided = DECIDED.min(rows / 4);
        let start = rows - decided;
        if start <= self.warm {
            return Ok(Err(format!("{rows} candles are too few for a warm-up of {}", self.warm)));
        }
        let whole = self.decisions(0..rows, start)?;
        if whole.is_empty() {
            return Ok(Ok(
                "the script asked for nothing in the last candles, so nothing depends on it".to_owned()
            ));
        }
        let mut warm = self.warm.max(1);
        loop {
            let from = start - warm;
            let decisions = self.decisions(from..rows, warm)?;
            let Some(index) = first_difference(&decisions, whole.iter()) else {
                return Ok(Ok(format!(
                    "{} candles are enough: {} decisions equal those after {} candles",
                    grouped(warm as f64, 0),
                    whole.len(),
                    grouped(start as f64, 0),
                )));
            };
            if warm * 2 > start {
                return Ok(Err(format!(
                    "the decision at {} still depends on whether {} or {} candles came before",
                    iso(self.candles.close_time[start + index]),
                    grouped(warm as f64, 0),
                    grouped(start as f64, 0),
                )));
            }
            warm *= 2;
        }
    }
}

/// Index of the first decision that differs.
fn first_difference<'a>(
    a: &[(usize, Intents)],
    b: impl Iterator<Item = &'a (usize, Intents)>,
) -> Option<usize> {
    let mut a = a.iter();
    for theirs in b {
        match a.next() {
            Some(ours) if ours == theirs => {}
            Some(ours) => return Some(ours.0.min(theirs.0)),
            None => return Some(theirs.0),
        }
    }
    a.next().map(|(index, _)| *index)
}
