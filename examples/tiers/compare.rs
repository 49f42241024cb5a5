//! One program in both tiers, call by call: the same answers, wishes and slots, to the last bit.

use super::generator::Program;
use super::world::{ROWS, Told, World, told};
use mista::backtest::{Backtest, Outcome};
use mista::engine::{
    AtrFilter, DataHandler, EngineState, Hours, Intents, Limits, Recorder, Rules, Settings, Strategy,
    StrategyFault,
};
use mista::model::{Size, Trade};
use mista::script::{Script, ScriptError, Slot, Tier, TierInUse, Value, Written};
use std::fmt::{self, Display, Formatter, Write};
use std::path::Path;

/// Calls that may fail before a run is left: showing a failure takes longer than what fails.
const FAULTS_MAX: usize = 3;

/// What one call came to.
pub struct Call {
    row: usize,
    result: Result<(), StrategyFault>,
    intents: Intents,
    plots: Vec<(String, f64)>,
    slots: Vec<Slot>,
    /// The script passed over it when it was asked for quiet closes.
    is_quiet: bool,
    /// It passed over it, and then something happened.
    is_overlooked: bool,
}

/// What a comparison covered.
#[derive(Debug, Default)]
pub struct Compared {
    pub calls: u64,
    /// The failures, in one line each.
    pub faults: Vec<String>,
    pub is_native: bool,
    pub whole_runs: u64,
    pub trades: u64,
    /// Calls that were passed over, rightly.
    pub quiet: u64,
    /// Fields of the wishes that were used.
    pub asked: Vec<&'static str>,
}

/// Where two runs part.
#[derive(Debug)]
pub struct Difference {
    /// Row of the candles, unless it is about a whole run.
    pub row: Option<usize>,
    pub sides: [String; 2],
}

impl Display for Difference {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.row {
            Some(row) => writeln!(f, "at row {row}")?,
            None => writeln!(f, "in the whole run")?,
        }
        let [expected, found] = &self.sides;
        write!(f, "--- interpreter\n{expected}\n--- the other\n{found}")
    }
}

#[derive(Debug)]
pub enum Failure {
    /// The program was refused at load.
    Refused(Box<ScriptError>),
    Differs(Box<Difference>),
}

impl From<ScriptError> for Failure {
    fn from(error: ScriptError) -> Failure {
        Failure::Refused(Box::new(error))
    }
}

fn compiled(program: &Program) -> Result<Script, ScriptError> {
    Script::compile("random.rhai", &program.text, Path::new("."))
}

/// Compares the tiers on a program. One script that changes its tier serves for both, and now and then two: a
/// script takes longer to load than to run.
pub fn compare(program: &Program, world: &World) -> Result<Compared, Failure> {
    compare_changed(program, world, |_| {})
}

/// The same, after `change` did something to the scripts.
pub fn compare_changed(
    program: &Program,
    world: &World,
    change: impl Fn(&mut Script),
) -> Result<Compared, Failure> {
    let mut one = compiled(program)?;
    change(&mut one);
    let mut compared = Compared::default();
    if program.seed.is_multiple_of(8) {
        let mut other = compiled(program)?;
        change(&mut other);
        both(program, world, &mut one, Some(&mut other), &mut compared)?;
    } else {
        both(program, world, &mut one, None, &mut compared)?;
    }
    Ok(compared)
}

/// The same of two scripts that are there already.
pub fn compare_scripts(
    program: &Program,
    world: &World,
    reference: &mut Script,
    other: &mut Script,
) -> Result<Compared, Failure> {
    let mut compared = Compared::default();
    both(program, world, reference, Some(other), &mut compared)?;
    Ok(compared)
}

fn both(
    program: &Program,
    world: &World,
    one: &mut Script,
    other: Option<&mut Script>,
    compared: &mut Compared,
) -> Result<(), Failure> {
    one.set_tier(Tier::Interpreter).unwrap();
    let expected = calls(one, program, world)?;
    let whole_run = program.seed.is_multiple_of(10);
    let expected_run = whole_run.then(|| run(one, program, world)).transpose()?;
    let script = other.unwrap_or(one);
    script.set_tier(Tier::Auto).unwrap();
    let found = calls(script, program, world)?;
    // Asked before, it would be compiled once more for the answer.
    compared.is_native = matches!(script.tier(), TierInUse::Native { .. });
    for (expected, found) in expected.iter().zip(&found) {
        let differ = |what: fn(&Call) -> String| Difference {
            row: Some(expected.row),
            sides: [what(expected), what(found)],
        };
        if !same(expected, found) {
            return Err(Failure::Differs(Box::new(differ(described))));
        }
    }
    if expected.len() != found.len() {
        let sides = [&expected, &found].map(|calls| format!("{} calls", calls.len()));
        return Err(Failure::Differs(Box::new(Difference { row: None, sides })));
    }
    compared.calls = expected.len() as u64;
    compared.quiet = found.iter().filter(|call| call.is_quiet).count() as u64;
    for call in &expected {
        compared.faults.extend(call.result.as_ref().err().map(|fault| fault.line.clone()));
        note_asked(&call.intents, &mut compared.asked);
    }
    if let Some(expected) = expected_run {
        let found = run(script, program, world)?;
        compared.whole_runs = 1;
        if let Ok((outcome, _)) = &expected {
            compared.trades = outcome.trades.len() as u64;
        }
        if let Ok((outcome, trace)) = &found
            && outcome.trades != trace.told
        {
            let sides = [&outcome.trades, &trace.told].map(|trades| format!("{trades:#?}"));
            let sides = first_difference(&sides[0], &sides[1]);
            return Err(Failure::Differs(Box::new(Difference { row: None, sides })));
        }
        // As texts: they show every digit, and take NaN for NaN.
        if format!("{expected:?}") != format!("{found:?}") {
            let [expected, found] = [&expected, &found].map(|ran| format!("{ran:#?}"));
            let sides = first_difference(&expected, &found);
            return Err(Failure::Differs(Box::new(Difference { row: None, sides })));
        }
    }
    Ok(())
}

fn put_in_force(script: &mut Script, values: &[(String, Value)]) -> Result<(), ScriptError> {
    let mut parameters = script.parameters();
    for (name, value) in values {
        // A shrunk program may have lost it.
        let _ = parameters.set(name, &Written::Value(value.clone()));
    }
    script.prepare(&parameters)
}

/// Calls `on_candle` on every row, and again on the later ones with the second set of values.
fn calls(script: &mut Script, program: &Program, world: &World) -> Result<Vec<Call>, ScriptError> {
    let cache = world.of(program.seed);
    let mut calls = Vec::with_capacity(ROWS);
    for (values, from) in program.values.iter().zip([0, ROWS * 4 / 5]) {
        put_in_force(script, values)?;
        let data = script.data(&Rules::default(), &cache);
        let mut faults = 0;
        let all = told(program.seed, cache.candles(), data.first_warm().max(from));
        let mut quiet_until = 0;
        for (index, told) in all.iter().enumerate() {
            if told.row >= quiet_until {
                // As far as nothing changes that it goes by.
                let same = all[index..].iter().take_while(|later| later.held() == told.held()).count();
                let rows = told.row..told.row + same;
                quiet_until = told.row + script.quiet(&data, told.held(), told.moment().allow_short, rows);
            }
            let call = call(script, &data, told, told.row < quiet_until);
            faults += usize::from(call.result.is_err());
            calls.push(call);
            if faults >= FAULTS_MAX {
                break;
            }
        }
    }
    Ok(calls)
}

fn call(script: &mut Script, data: &DataHandler, told: &Told, is_quiet: bool) -> Call {
    let (mut intents, moment) = (Intents::default(), told.moment());
    let before = if is_quiet { values(script) } else { Vec::new() };
    let result = script.on_candle(data, &moment, &mut intents);
    // Which number a name has depends on what ran before; what is drawn does not.
    let names = if intents.plots.is_empty() { Vec::new() } else { script.plot_names() };
    let name = |plot: usize| names.get(plot).cloned().unwrap_or_default();
    let plots = intents.plots.drain(..).map(|(plot, value)| (name(plot), value)).collect();
    let slots = values(script);
    let is_overlooked = is_quiet && (result.is_err() || intents.touched || !same_slots(&before, &slots));
    Call { row: told.row, result, intents, plots, slots, is_quiet, is_overlooked }
}

fn values(script: &Script) -> Vec<Slot> {
    script.slots().into_iter().map(|(_, slot)| slot).collect()
}

/// A whole backtest, or the fault that ended it.
type Ran = Result<(Outcome, TraceShown), StrategyFault>;

fn run(script: &mut Script, program: &Program, world: &World) -> Result<Ran, ScriptError> {
    put_in_force(script, &program.values[0])?;
    let settings = settings(program.seed / 10);
    let data = script.data(&settings.rules, &world.of(program.seed));
    let backtest = Backtest { settings: &settings, data: &data, rows: 0..ROWS, detail: None };
    let ran = backtest.run_traced(script);
    // Once more for one who is told of each close, which is not how a backtest is told.
    put_in_force(script, &program.values[0])?;
    let mut states = States::default();
    let _ = backtest.watch(script, &mut states);
    let names = script.plot_names();
    Ok(ran.map(|(outcome, trace)| {
        let name = |plot: usize| names.get(plot).cloned().unwrap_or_default();
        let plots = trace.plots.iter().map(|(row, plot, value)| (*row, name(*plot), *value)).collect();
        let held = format!("{:?}", trace.held);
        let States { states, trades: told } = states;
        (outcome, TraceShown { stops: trace.stops, held, logs: trace.logs, plots, states, told })
    }))
}

/// Rules and limits of each kind, now and then.
fn settings(kind: u64) -> Settings {
    let maybe = |each: u64, value: f64| kind.is_multiple_of(each).then_some(value);
    Settings {
        symbol: "TESTUSDT".to_owned(),
        allow_short: kind.is_multiple_of(2),
        size: Size::EquityPct(50.0),
        rules: Rules {
            cooldown_candles: (kind % 3) as u32,
            max_holding_candles: if kind % 7 == 3 { 5 } else { 0 },
            stop_loss_pct: maybe(4, 0.01),
            take_profit_pct: maybe(5, 0.02),
            trailing_stop_loss_pct: maybe(6, 0.015),
            atr_filter: (kind % 8 == 5).then_some(AtrFilter { period: 3, multiplier: 1.0, sma_period: 3 }),
            seasonality: (kind % 8 == 6).then_some(Hours { from: 6, to: 18 }),
        },
        limits: Limits { max_consecutive_losses: (kind % 9 == 4).then_some(2), ..Limits::default() },
        ..Settings::default()
    }
}

/// The engine after each close.
#[derive(Debug, Default)]
struct States {
    states: Vec<EngineState>,
    trades: Vec<Trade>,
}

impl Recorder for States {
    fn on_decided(&mut self, _: usize, state: &EngineState) {
        self.states.push(state.clone());
    }

    fn on_trade(&mut self, _: usize, trade: Trade) {
        self.trades.push(trade);
    }
}

/// A trace with the names of what it drew.
#[derive(Debug)]
#[allow(dead_code)]
struct TraceShown {
    stops: Vec<f64>,
    held: String,
    logs: Vec<(usize, String)>,
    plots: Vec<(usize, String, f64)>,
    states: Vec<EngineState>,
    /// The trades of the run that was told of each close.
    told: Vec<Trade>,
}

fn same_float(a: f64, b: f64) -> bool {
    a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan()
}

fn same_slot(a: &Slot, b: &Slot) -> bool {
    match (a, b) {
        (Slot::Float(a), Slot::Float(b)) => same_float(*a, *b),
        (a, b) => a == b,
    }
}

fn same_slots(a: &[Slot], b: &[Slot]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same_slot(a, b))
}

fn same(a: &Call, b: &Call) -> bool {
    let plots = a.plots.len() == b.plots.len()
        && a.plots.iter().zip(&b.plots).all(|(a, b)| a.0 == b.0 && same_float(a.1, b.1));
    let slots = same_slots(&a.slots, &b.slots) && !b.is_overlooked;
    let intents = a.intents == b.intents && numbers(&a.intents) == numbers(&b.intents);
    a.row == b.row && a.result == b.result && plots && slots && intents
}

/// The numbers of the wishes by their bits: 0 and −0 are equal otherwise.
fn numbers(intents: &Intents) -> [Option<u64>; 7] {
    let levels = &intents.levels;
    let size = intents.size.map(|size| match size {
        Size::Units(x) | Size::Quote(x) | Size::EquityPct(x) | Size::RiskPct(x) => x,
    });
    [
        size,
        levels.stop_price,
        levels.stop_pct,
        levels.target_price,
        levels.target_pct,
        levels.trail_pct,
        levels.break_even_pct,
    ]
    .map(|number| number.map(f64::to_bits))
}

fn described(call: &Call) -> String {
    let mut text = String::new();
    match &call.result {
        Ok(()) => text.push_str("returned\n"),
        Err(fault) => {
            let _ = writeln!(text, "failed\n{}\n{}", fault.message, fault.line);
        }
    }
    let _ = writeln!(text, "{:?}\nplots {:?}\nslots {:?}", call.intents, call.plots, call.slots);
    if call.is_overlooked {
        text.push_str("and it was passed over as quiet\n");
    }
    text
}

fn note_asked(intents: &Intents, asked: &mut Vec<&'static str>) {
    let levels = &intents.levels;
    let used = [
        ("entry", intents.entry.is_some()),
        ("exit", intents.exit.is_some()),
        ("size", intents.size.is_some()),
        ("stop_price", levels.stop_price.is_some()),
        ("stop_pct", levels.stop_pct.is_some()),
        ("target_price", levels.target_price.is_some()),
        ("target_pct", levels.target_pct.is_some()),
        ("trail_pct", levels.trail_pct.is_some()),
        ("break_even_pct", levels.break_even_pct.is_some()),
        ("logs", !intents.logs.is_empty()),
    ];
    for (name, is_used) in used {
        if is_used && !asked.contains(&name) {
            asked.push(name);
        }
    }
}

/// The lines around the first one that differs.
fn first_difference(a: &str, b: &str) -> [String; 2] {
    let at = a.lines().zip(b.lines()).take_while(|(a, b)| a == b).count();
    [a, b].map(|text| text.lines().skip(at.saturating_sub(8)).take(16).collect::<Vec<_>>().join("\n"))
}
