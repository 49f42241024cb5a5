//! A script that was saved while another is in force, judged before it may take its place.
//!
//! It is compiled, gets the parameters in force, has to have every state slot of the one in force, and is run in
//! the shadow over the last candles. Anything wrong: it is [`Rejected`], and the one in force never notices.
//!
//! A [`Script`] belongs to one thread, so a candidate is prepared on a thread of its own and carries texts;
//! the trader compiles them again ([`Candidate::script`]), which is all that it has to pause for.

use super::record::ScriptText;
use super::shadow::{Decided, Fell, shadow};
use crate::engine::{ColumnCache, DataHandler, Growth, Settings};
use crate::job::{JobError, Proof};
use crate::model::{Candles, iso};
use crate::script::{
    Parameter, ParameterError, Parameters, Script, ScriptError, Slot, SlotsError, Texts, Value, Written,
};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Candles of the shadow run.
pub const SHADOW_CANDLES: usize = 500;
/// Longest time that the shadow run may take.
pub const SHADOW_WITHIN: Duration = Duration::from_secs(5);
/// Prefixes of the candles on which decisions are made once more; only where that is fast.
const PREFIXES: usize = 8;
const FAST: Duration = Duration::from_millis(500);

/// What is in force: a script's text, and its parameters as [`ScriptText`] writes them down.
#[derive(Debug, Clone, PartialEq)]
pub struct InForce {
    pub sha256: String,
    pub parameters: Vec<(String, Value)>,
}

/// A trader between two candles, as far as a new script has to fit it.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// Of the script in force.
    pub texts: Texts,
    pub parameters: Vec<(String, Value)>,
    pub slots: Vec<(String, Slot)>,
    /// Closed candles, those before the session included. Let go of as soon as they are copied.
    pub candles: Arc<Candles>,
    pub settings: Settings,
}

impl Snapshot {
    pub fn in_force(&self) -> InForce {
        InForce { sha256: self.texts.sha256(), parameters: self.parameters.clone() }
    }
}

/// A script that is not taken, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Rejected {
    /// As a compiler would show it, over several lines.
    pub message: String,
    /// The same in one line.
    pub line: String,
}

impl Rejected {
    pub(super) fn new(path: &str, text: &str) -> Rejected {
        let message = format!("{path}: {text}");
        Rejected { line: message.clone(), message }
    }
}

impl From<ScriptError> for Rejected {
    fn from(error: ScriptError) -> Rejected {
        Rejected { message: error.to_string(), line: error.in_line() }
    }
}

/// A script that may take the place of the one in force.
pub struct Candidate {
    replaces: InForce,
    texts: Texts,
    sha256: String,
    parameters: Parameters,
    settings: Settings,
    difference: String,
    carried: Vec<String>,
    notes: Vec<String>,
    data: DataHandler,
    growth: Growth,
}

impl Candidate {
    /// Reads a script and judges it as another text of the one in force. Wants a thread with a stack of
    /// [`STACK`](crate::script::STACK) bytes, as a backtest does.
    pub fn read(path: &Path, snapshot: Snapshot) -> Result<Candidate, Rejected> {
        Candidate::prepare(Script::load(path)?, snapshot)
    }

    /// Judges `script` as another text of the one in force: parameters keep their values and slots are carried
    /// over.
    pub fn prepare(script: Script, snapshot: Snapshot) -> Result<Candidate, Rejected> {
        Candidate::prepare_within(script, snapshot, SHADOW_WITHIN)
    }

    fn prepare_within(
        mut script: Script,
        snapshot: Snapshot,
        within: Duration,
    ) -> Result<Candidate, Rejected> {
        let parameters = kept_parameters(&script, &snapshot.parameters)?;
        script.prepare(&parameters)?;
        carry(&mut script, &snapshot.slots)?;
        // The shadow begins anew, so that the two scripts begin alike.
        script.prepare(&parameters)?;
        let carried = snapshot.slots.iter().map(|(name, _)| name.clone()).collect();
        Candidate::judge(script, parameters, carried, snapshot, within)
    }

    /// Judges `script` as another strategy: with parameters of its own, and slots that begin anew.
    pub fn another(
        mut script: Script,
        parameters: Parameters,
        snapshot: Snapshot,
    ) -> Result<Candidate, Rejected> {
        script.prepare(&parameters)?;
        Candidate::judge(script, parameters, Vec::new(), snapshot, SHADOW_WITHIN)
    }

    /// `parameters` are in force in `script`.
    fn judge(
        mut script: Script,
        parameters: Parameters,
        carried: Vec<String>,
        snapshot: Snapshot,
        within: Duration,
    ) -> Result<Candidate, Rejected> {
        let settings = settings_for(&parameters, &snapshot.settings);
        let copy = (*snapshot.candles).clone();
        let before = Before::new(&snapshot);
        let replaces = snapshot.in_force();
        drop(snapshot);
        let (data, growth) = Growth::start(copy, script.specs(), settings.rules.atr_filter.as_ref());
        let rows = data.candles().len();
        let warm = data.first_warm();
        let warm_before = before.as_ref().map_or(usize::MAX, |before| before.data.first_warm());
        if warm > rows && warm_before <= rows {
            let text = format!(
                "its indicators need more than the {rows} candles there are, so it would not decide for a while: stop the trader and start it again, which fetches more"
            );
            return Err(Rejected::new(script.path(), &text));
        }
        // Both decide from the same candle on, or they would be in other positions for that alone.
        let common = if warm_before < rows { warm.max(warm_before) } else { warm };
        let start = common.max(rows.saturating_sub(SHADOW_CANDLES)).min(rows);
        let began = Instant::now();
        let decided = shadow(&mut script, &data, &settings, start..rows, within)
            .map_err(|fell| rejected(script.path(), fell))?;
        let is_fast = began.elapsed() < FAST;
        let proof = Proof {
            settings: &settings,
            parameters: &parameters,
            script: &mut script,
            candles: data.candles(),
            warm,
        };
        prove(proof, start, if is_fast { PREFIXES } else { 0 })?;
        let notes = before.as_ref().map(|before| before.notes(&parameters)).unwrap_or_default();
        let difference = match before {
            Ok(before) => before.difference(&decided, data.candles(), start..rows, within),
            Err(why) => why,
        };
        Ok(Candidate {
            replaces,
            sha256: script.sha256(),
            texts: script.texts(),
            parameters,
            settings,
            difference,
            carried,
            notes,
            data,
            growth,
        })
    }

    /// What it was judged against. Where something else is in force by now, it has to be judged again.
    pub fn replaces(&self) -> &InForce {
        &self.replaces
    }

    pub fn texts(&self) -> &Texts {
        &self.texts
    }

    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// The settings it was judged with: those of the trader, with the rules and limits of its parameters.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// How its decisions over the last candles differ from those of the one in force.
    pub fn difference(&self) -> &str {
        &self.difference
    }

    /// What its author may not expect: defaults that were edited, and do not count.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// As the journal has it.
    pub fn text(&self, generation: u64) -> ScriptText {
        let written = self.parameters.written();
        ScriptText {
            generation,
            sha256: self.sha256.clone(),
            texts: self.texts.clone(),
            parameters: written.map(|entry| (entry.name.clone(), entry.value.clone())).collect(),
            difference: self.difference.clone(),
            carried: self.carried.clone(),
        }
    }

    /// The script itself, ready to decide, with what the slots of the one in force hold now. Takes as long as a
    /// compilation; no file is read.
    pub fn script(&self, slots: &[(String, Slot)]) -> Result<Script, Rejected> {
        let mut script = Script::of(&self.texts)?;
        script.prepare(&self.parameters)?;
        let is_carried = |(name, _): &&(String, Slot)| self.carried.contains(name);
        let slots: Vec<(String, Slot)> = slots.iter().filter(is_carried).cloned().collect();
        carry(&mut script, &slots)?;
        Ok(script)
    }

    /// Its indicators over the candles of the snapshot, and what makes them grow.
    pub fn into_data(self) -> (DataHandler, Growth) {
        (self.data, self.growth)
    }
}

/// The settings with the rules and limits of `parameters`.
fn settings_for(parameters: &Parameters, settings: &Settings) -> Settings {
    Settings { rules: parameters.rules(&settings.symbol), limits: parameters.limits(), ..settings.clone() }
}

/// The script's parameters, with the values in force of those that were there before.
fn kept_parameters(script: &Script, in_force: &[(String, Value)]) -> Result<Parameters, Rejected> {
    const OR: &str = "or stop the trader and start it again with other parameters";
    let mut parameters = script.parameters();
    for (name, value) in in_force {
        parameters.set(name, &Written::Value(value.clone())).map_err(|error| {
            let text = match &error {
                ParameterError::Unknown { .. } => {
                    format!("parameter `{name}` is in force with {value} and is gone: keep it, {OR}")
                }
                ParameterError::Value { .. } => {
                    format!("{error}, which is in force: let the parameter take it, {OR}")
                }
            };
            script.parameter_error(name, &text)
        })?;
    }
    Ok(parameters)
}

fn carry(script: &mut Script, slots: &[(String, Slot)]) -> Result<(), Rejected> {
    const OR: &str = "keep the slot as it was, or stop the trader and start it again";
    script.set_slots(slots).map_err(|error| {
        let text = match &error {
            SlotsError::Gone { .. } => format!("{error}: a swap would lose its value; {OR}"),
            SlotsError::Type { .. } => format!("{error}: its value cannot be carried over; {OR}"),
        };
        script.slot_error(error.name(), &text).into()
    })
}

fn rejected(path: &str, fell: Fell) -> Rejected {
    match fell {
        Fell::Fault(fault) => Rejected { message: fault.message, line: fault.line },
        Fell::Slow(done, of, within) => Rejected::new(
            path,
            &format!(
                "too slow: {done} of the last {of} candles took more than {} s; look for a loop over candles that an indicator in init can stand for",
                within.as_secs_f64()
            ),
        ),
        Fell::Absurd(text) => Rejected::new(path, &text),
    }
}

/// Decisions must not depend on candles to come.
fn prove(mut proof: Proof<'_>, start: usize, prefixes: usize) -> Result<(), Rejected> {
    let (rows, path) = (proof.candles.len(), proof.script.path().to_owned());
    let warm = proof.warm.min(rows);
    let ends = (1..=prefixes).map(|part| start + (rows - start) * part / (prefixes + 1));
    match proof.on_prefixes(start - warm..rows, ends.filter(|end| *end > start)) {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(text)) => Err(Rejected::new(&path, &text)),
        Err(JobError::Fault(fault)) => Err(rejected(&path, Fell::Fault(fault))),
        Err(error) => Err(Rejected::new(&path, &error.to_string())),
    }
}

/// The script in force, to be run over the same candles.
struct Before {
    script: Script,
    data: DataHandler,
    settings: Settings,
}

impl Before {
    /// An `Err` says why there is nothing to compare with.
    fn new(snapshot: &Snapshot) -> Result<Before, String> {
        let why = |error: String| format!("not compared: the script in force cannot be run again: {error}");
        let mut script = Script::of(&snapshot.texts).map_err(|error| why(error.in_line()))?;
        let mut parameters = script.parameters();
        for (name, value) in &snapshot.parameters {
            let set = parameters.set(name, &Written::Value(value.clone()));
            set.map_err(|error| why(error.to_string()))?;
        }
        script.prepare(&parameters).map_err(|error| why(error.in_line()))?;
        let settings = settings_for(&parameters, &snapshot.settings);
        let data = script.data(&settings.rules, &ColumnCache::new(snapshot.candles.clone()));
        Ok(Before { script, data, settings })
    }

    /// Parameters whose default was edited while another value is in force.
    fn notes(&self, parameters: &Parameters) -> Vec<String> {
        let before = self.script.parameters();
        let edited = parameters.entries().iter().filter(|entry| {
            entry.value != entry.default
                && before.get(&entry.name).is_some_and(|default| *default != entry.default)
        });
        let note = |entry: &Parameter| {
            format!(
                "`{}` stays at {}; its new default {} does not count while the trader runs",
                entry.name, entry.value, entry.default
            )
        };
        edited.map(note).collect()
    }

    /// How often the two decide differently over `rows`, and where first.
    fn difference(
        mut self,
        decided: &[Decided],
        candles: &Candles,
        rows: Range<usize>,
        within: Duration,
    ) -> String {
        if self.data.first_warm() >= candles.len() || rows.is_empty() {
            return String::from("not compared: no candle has all indicators yet");
        }
        let ran = shadow(&mut self.script, &self.data, &self.settings, rows.clone(), within);
        let before = match ran {
            Ok(before) => before,
            Err(fell) => {
                let line = rejected(self.script.path(), fell).line;
                return format!("not compared: the script in force fails on these candles: {line}");
            }
        };
        let all = rows.len();
        let mut differ = rows.zip(decided.iter().zip(&before)).filter(|(_, (new, old))| new != old);
        let Some((row, (new, old))) = differ.next() else {
            return format!("the same in {all} of {all} candles");
        };
        let time = iso(candles.close_time.get(row).map_or(0, |close| close + 1));
        let (now, was) = (new.against(old), old.against(new));
        let count = 1 + differ.count();
        format!("differs in {count} of {all} candles, first at {time}: {now}, was: {was}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Candle;

    fn script(source: &str) -> Script {
        Script::compile("slow.rhai", source, Path::new("")).unwrap()
    }

    fn rising(rows: usize) -> Arc<Candles> {
        let mut candles = Candles::default();
        for row in 0..rows {
            let (time, price) = (row as i64 * 60_000, 100.0 + row as f64);
            let (open_time, close_time) = (time, time + 59_999);
            let candle = Candle {
                open_time,
                close_time,
                open: price,
                high: price,
                low: price,
                close: price,
                volume: 1.0,
            };
            candles.push(candle);
        }
        Arc::new(candles)
    }

    fn over(rows: usize, before: &Script) -> Snapshot {
        Snapshot {
            texts: before.texts(),
            parameters: Vec::new(),
            slots: before.slots(),
            candles: rising(rows),
            settings: Settings::default(),
        }
    }

    #[test]
    fn one_that_takes_too_long_is_refused() {
        let before = script("fn on_candle(ctx, p) { }");
        let slow = script("fn on_candle(ctx, p) { let n = 0; for i in 0..1000 { n += i; } }");
        let rejected = Candidate::prepare_within(slow, over(20, &before), Duration::ZERO).err().unwrap();
        let line = "slow.rhai: too slow: 0 of the last 20 candles took more than 0 s";
        assert!(rejected.line.starts_with(line), "{rejected}");
    }

    #[test]
    fn where_there_are_few_candles_or_none_what_can_be_judged_is() {
        let before = script("fn on_candle(ctx, p) { }");
        let new = || script("fn on_candle(ctx, p) { ctx.enter_long(); }");
        let long = || script("fn init(p) { #{ a: sma(close, 30) } } fn on_candle(ctx, p) { }");
        let difference = |new: Script, rows: usize, before: &Script| {
            let judged = Candidate::prepare(new, over(rows, before));
            judged.map_or_else(|rejected| rejected.line, |candidate| candidate.difference().to_owned())
        };
        assert_eq!(difference(new(), 0, &before), "not compared: no candle has all indicators yet");
        assert_eq!(
            difference(new(), 1, &before),
            "differs in 1 of 1 candles, first at 1970-01-01T00:01:00Z: entered long, was: nothing"
        );
        // Neither decides yet: nothing is lost.
        assert_eq!(difference(long(), 20, &long()), "not compared: no candle has all indicators yet");
        assert!(difference(long(), 20, &before).contains("more than the 20 candles there are"));
        assert_eq!(difference(new(), 20, &long()), "not compared: no candle has all indicators yet");
    }
}
