//! What machine code and host share: the frame of a call, and what the code calls back for.
//!
//! Everything here that a script could also reach through the interpreter is the same code: actions and properties
//! are the registered ones. What is rare enough to be called, and not compiled, is.

use super::ir::{Function, Kind};
use super::lower::Texts;
use crate::engine::Moment;
use crate::script::api::{Act, Reader, float_max, float_min};
use crate::script::state::{Now, Series, State};
use rhai::{Dynamic, ImmutableString};
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

/// What an action takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Takes {
    Nothing,
    Text,
    /// A number where it works; anything else is its own error.
    Value,
}

/// The actions of `ctx`, with how many arguments they have, but for `plot`.
pub const ACTIONS: [(&str, usize, Takes); 17] = [
    ("enter_long", 0, Takes::Nothing),
    ("enter_long", 1, Takes::Text),
    ("enter_short", 0, Takes::Nothing),
    ("enter_short", 1, Takes::Text),
    ("exit", 0, Takes::Nothing),
    ("exit", 1, Takes::Text),
    ("size_units", 1, Takes::Value),
    ("size_quote", 1, Takes::Value),
    ("size_equity_pct", 1, Takes::Value),
    ("size_risk_pct", 1, Takes::Value),
    ("stop_at", 1, Takes::Value),
    ("target_at", 1, Takes::Value),
    ("stop_pct", 1, Takes::Value),
    ("target_pct", 1, Takes::Value),
    ("trail_pct", 1, Takes::Value),
    ("break_even_after", 1, Takes::Value),
    ("log", 1, Takes::Value),
];

/// The properties of `ctx` that are read by a call.
pub const PROPERTIES: [(&str, Kind); 16] = [
    ("time", Kind::Int),
    ("hour", Kind::Int),
    ("weekday", Kind::Int),
    ("index", Kind::Int),
    ("candles_held", Kind::Int),
    ("quantity", Kind::Float),
    ("entry_price", Kind::Float),
    ("profit_pct", Kind::Float),
    ("peak_profit_pct", Kind::Float),
    ("stop_price", Kind::Float),
    ("target_price", Kind::Float),
    ("equity", Kind::Float),
    ("cash", Kind::Float),
    ("filters_pass", Kind::Bool),
    ("atr_filter_pass", Kind::Bool),
    ("hours_pass", Kind::Bool),
];

/// Number of an action, and what it takes.
pub fn action(name: &str, arguments: usize) -> Option<(i64, Takes)> {
    let index = ACTIONS.iter().position(|(known, count, _)| *known == name && *count == arguments)?;
    Some((index as i64, ACTIONS[index].2))
}

/// Number of a property, and what it is.
pub fn property(name: &str) -> Option<(i64, Kind)> {
    let index = PROPERTIES.iter().position(|(known, _)| *known == name)?;
    Some((index as i64, PROPERTIES[index].1))
}

/// What the calls out of the code work with.
pub struct Host {
    pub state: Rc<State>,
    pub texts: Rc<RefCell<Texts>>,
    actions: Vec<Option<Act>>,
    plot: Option<Act>,
    properties: Vec<Option<Reader>>,
    /// Reasons by the numbers of their texts, once they were given.
    reasons: RefCell<Vec<Option<Arc<str>>>>,
    no_reason: Arc<str>,
}

impl Host {
    pub fn new(state: Rc<State>, texts: Rc<RefCell<Texts>>) -> Host {
        let registered = state.registered.borrow();
        let actions = ACTIONS.iter().map(|(name, ..)| registered.act(name)).collect();
        let plot = registered.act("plot");
        let properties = PROPERTIES.iter().map(|(name, _)| registered.reader(name)).collect();
        drop(registered);
        let no_reason = state.note("");
        Host { state, texts, actions, plot, properties, reasons: RefCell::default(), no_reason }
    }

    fn action(&self, number: i64) -> Option<&Act> {
        usize::try_from(number).ok().and_then(|number| self.actions.get(number))?.as_ref()
    }

    fn reader(&self, number: i64) -> Option<&Reader> {
        usize::try_from(number).ok().and_then(|number| self.properties.get(number))?.as_ref()
    }

    fn text(&self, number: i64) -> ImmutableString {
        let texts = self.texts.borrow();
        let text = usize::try_from(number).ok().and_then(|number| texts.get(number));
        text.cloned().unwrap_or_default()
    }

    /// A text as the reason of a decision.
    fn reason(&self, number: i64) -> Arc<str> {
        let index = usize::try_from(number).unwrap_or(usize::MAX);
        if let Some(Some(known)) = self.reasons.borrow().get(index) {
            return known.clone();
        }
        let reason = self.state.note(&self.text(number));
        let mut reasons = self.reasons.borrow_mut();
        if index < self.texts.borrow().len() {
            let length = reasons.len().max(index + 1);
            reasons.resize(length, None);
            reasons[index] = Some(reason.clone());
        }
        reason
    }
}

/// One call, as the code sees it.
#[repr(C)]
pub struct Frame<'a> {
    pub row: i64,
    /// Where row 0 of each series is, or would be, by number; null for those that nobody has computed yet.
    pub series: *const *const f64,
    pub parameters: *const u64,
    pub slots: *mut u64,
    /// 1 while long, −1 while short, 0 while flat.
    pub direction: i64,
    pub fuel: i64,
    pub allow_short: u8,
    /// Set by a call out of the code that gives up.
    pub given_up: u8,
    /// The series that nobody has computed yet, by number, for which the code gave up; negative if there is none.
    pub missing: i64,
    pub host: &'a Host,
    /// Until the state knows it. A walk over many rows has none, and does nothing that asks for it.
    pub moment: Option<&'a Moment<'a>>,
    /// What the numbers of series stand for.
    pub sources: &'a [Series],
}

impl Frame<'_> {
    fn state(&mut self) -> &State {
        if let Some(moment) = self.moment.take() {
            self.host.state.now.set(Now::new(moment));
        }
        &self.host.state
    }

    fn value(&mut self, series: Series, back: usize) -> f64 {
        self.host.state.value_at(series, self.row as usize, back)
    }

    /// The series that a value with this number still is, as [`State::series_of`] has it.
    fn fresh(&mut self, number: i64, held: f64) -> Option<Series> {
        let series = *self.sources.get(usize::try_from(number).ok()?)?;
        let current = self.value(series, 0);
        (held.to_bits() == current.to_bits() || (held.is_nan() && current.is_nan())).then_some(series)
    }

    fn give_up(&mut self) {
        self.given_up = 1;
    }

    fn decide(&mut self, act: Option<&Act>, reason: Arc<str>) {
        let done = match act {
            Some(Act::Decision(act)) => act(&self.host.state, reason).is_ok(),
            _ => false,
        };
        self.done(done);
    }

    fn act(&mut self, act: Option<&Act>, arguments: &mut [Dynamic]) {
        let done = match act {
            Some(Act::Values(act)) => act(&self.host.state, arguments).is_ok(),
            _ => false,
        };
        self.done(done);
    }

    fn done(&mut self, done: bool) {
        if !done {
            self.give_up();
        }
    }
}

macro_rules! outward {
    ($($name:ident($frame:ident $(, $argument:ident: $kind:ty)*) -> $gives:ty $body:block)+) => {$(
        extern "C" fn $name($frame: &mut Frame $(, $argument: $kind)*) -> $gives $body
    )+};
}

outward! {
    int_power(frame, x: i64, y: i64) -> i64 {
        let power = u32::try_from(y).ok().and_then(|y| x.checked_pow(y));
        power.unwrap_or_else(|| { frame.give_up(); 0 })
    }
    shift_left(_frame, x: i64, y: i64) -> i64 { left(x, y) }
    shift_right(_frame, x: i64, y: i64) -> i64 { right(x, y) }
    float_to_int(frame, x: f64) -> i64 {
        // The bounds are exact as floats; what is near them is left to the interpreter.
        if x > -9e18 && x < 9e18 { x.trunc() as i64 } else { frame.give_up(); 0 }
    }
    float_remainder(_frame, x: f64, y: f64) -> f64 { x % y }
    float_power(_frame, x: f64, y: f64) -> f64 { x.powf(y) }
    float_min_of(_frame, a: f64, b: f64) -> f64 { float_min(a, b) }
    float_max_of(_frame, a: f64, b: f64) -> f64 { float_max(a, b) }
    floor(_frame, x: f64) -> f64 { x.floor() }
    ceil(_frame, x: f64) -> f64 { x.ceil() }
    round(_frame, x: f64) -> f64 { x.round() }
    ln(_frame, x: f64) -> f64 { x.ln() }
    exp(_frame, x: f64) -> f64 { x.exp() }
    sin(_frame, x: f64) -> f64 { x.sin() }
    cos(_frame, x: f64) -> f64 { x.cos() }
    tan(_frame, x: f64) -> f64 { x.tan() }
    property_float(frame, number: i64) -> f64 {
        match frame.host.reader(number) {
            Some(Reader::Float(read)) => read(frame.state()),
            _ => { frame.give_up(); 0.0 }
        }
    }
    property_int(frame, number: i64) -> i64 {
        match frame.host.reader(number) {
            Some(Reader::Int(read)) => read(frame.state()),
            _ => { frame.give_up(); 0 }
        }
    }
    property_bool(frame, number: i64) -> u8 {
        match frame.host.reader(number) {
            Some(Reader::Bool(read)) => u8::from(read(frame.state())),
            _ => { frame.give_up(); 0 }
        }
    }
    series_at(frame, number: i64, back: i64) -> f64 {
        let series = usize::try_from(number).ok().and_then(|number| frame.sources.get(number)).copied();
        match (series, usize::try_from(back)) {
            (Some(series), Ok(back)) => frame.value(series, back),
            _ => { frame.give_up(); 0.0 }
        }
    }
    tagged_at(frame, number: i64, held: f64, back: i64) -> f64 {
        match (frame.fresh(number, held), usize::try_from(back)) {
            (Some(series), Ok(back)) => frame.value(series, back),
            _ => { frame.give_up(); 0.0 }
        }
    }
    tagged_before(frame, number: i64, held: f64) -> f64 {
        frame.fresh(number, held).map_or(held, |series| frame.value(series, 1))
    }
    rising(frame, number: i64, held: f64, candles: i64) -> u8 { steady(frame, number, held, candles, true) }
    falling(frame, number: i64, held: f64, candles: i64) -> u8 { steady(frame, number, held, candles, false) }
    act_plainly(frame, number: i64) -> () {
        frame.decide(frame.host.action(number), frame.host.no_reason.clone());
    }
    act_int(frame, number: i64, value: i64) -> () {
        frame.act(frame.host.action(number), &mut [Dynamic::from_int(value)])
    }
    act_float(frame, number: i64, value: f64) -> () {
        frame.act(frame.host.action(number), &mut [Dynamic::from_float(value)])
    }
    act_bool(frame, number: i64, value: u8) -> () {
        frame.act(frame.host.action(number), &mut [Dynamic::from_bool(value != 0)])
    }
    act_text(frame, number: i64, text: i64) -> () {
        match frame.host.action(number) {
            act @ Some(Act::Decision(_)) => frame.decide(act, frame.host.reason(text)),
            act => frame.act(act, &mut [frame.host.text(text).into()]),
        }
    }
    plot(frame, name: i64, value: f64) -> () {
        frame.act(frame.host.plot.as_ref(), &mut [frame.host.text(name).into(), Dynamic::from_float(value)]);
    }
}

/// As the language has it: a shift by a negative number goes the other way.
fn left(x: i64, y: i64) -> i64 {
    match u32::try_from(y) {
        Ok(y) => x.checked_shl(y).unwrap_or(0),
        Err(_) if y > 0 => 0,
        Err(_) => right(x, y.checked_abs().unwrap_or(i64::MAX)),
    }
}

fn right(x: i64, y: i64) -> i64 {
    match u32::try_from(y) {
        Ok(y) => x.checked_shr(y).unwrap_or_else(|| x.wrapping_shr(u32::MAX)),
        Err(_) if y > 0 => x.wrapping_shr(u32::MAX),
        Err(_) => left(x, y.checked_abs().unwrap_or(i64::MAX)),
    }
}

fn steady(frame: &mut Frame, number: i64, held: f64, candles: i64, up: bool) -> u8 {
    let candles = usize::try_from(candles).ok().filter(|candles| *candles > 0);
    let (Some(series), Some(candles)) = (frame.fresh(number, held), candles) else {
        frame.give_up();
        return 0;
    };
    let all = (0..candles).all(|back| {
        let (now, before) = (frame.value(series, back), frame.value(series, back + 1));
        if up { now > before } else { now < before }
    });
    u8::from(all)
}

/// A function that the code calls.
pub struct Outward {
    pub address: *const u8,
    /// Behind the frame.
    pub takes: &'static [Kind],
    pub gives: Option<Kind>,
    pub may_give_up: bool,
}

/// Where a function is, and how it is called.
pub fn outward(function: Function) -> Outward {
    use Kind::{Bool, Float, Int};
    let (address, takes, gives, may_give_up): (*const u8, &'static [Kind], Option<Kind>, bool) =
        match function {
            Function::IntPower => (int_power as *const u8, &[Int, Int], Some(Int), true),
            Function::ShiftLeft => (shift_left as *const u8, &[Int, Int], Some(Int), false),
            Function::ShiftRight => (shift_right as *const u8, &[Int, Int], Some(Int), false),
            Function::FloatToInt => (float_to_int as *const u8, &[Float], Some(Int), true),
            Function::FloatRemainder => (float_remainder as *const u8, &[Float, Float], Some(Float), false),
            Function::FloatPower => (float_power as *const u8, &[Float, Float], Some(Float), false),
            Function::FloatMin => (float_min_of as *const u8, &[Float, Float], Some(Float), false),
            Function::FloatMax => (float_max_of as *const u8, &[Float, Float], Some(Float), false),
            Function::Floor => (floor as *const u8, &[Float], Some(Float), false),
            Function::Ceil => (ceil as *const u8, &[Float], Some(Float), false),
            Function::Round => (round as *const u8, &[Float], Some(Float), false),
            Function::Ln => (ln as *const u8, &[Float], Some(Float), false),
            Function::Exp => (exp as *const u8, &[Float], Some(Float), false),
            Function::Sin => (sin as *const u8, &[Float], Some(Float), false),
            Function::Cos => (cos as *const u8, &[Float], Some(Float), false),
            Function::Tan => (tan as *const u8, &[Float], Some(Float), false),
            Function::PropertyFloat => (property_float as *const u8, &[Int], Some(Float), true),
            Function::PropertyInt => (property_int as *const u8, &[Int], Some(Int), true),
            Function::PropertyBool => (property_bool as *const u8, &[Int], Some(Bool), true),
            Function::SeriesAt => (series_at as *const u8, &[Int, Int], Some(Float), true),
            Function::TaggedAt => (tagged_at as *const u8, &[Int, Float, Int], Some(Float), true),
            Function::TaggedBefore => (tagged_before as *const u8, &[Int, Float], Some(Float), false),
            Function::Rising => (rising as *const u8, &[Int, Float, Int], Some(Bool), true),
            Function::Falling => (falling as *const u8, &[Int, Float, Int], Some(Bool), true),
            Function::Act => (act_plainly as *const u8, &[Int], None, true),
            Function::ActInt => (act_int as *const u8, &[Int, Int], None, true),
            Function::ActFloat => (act_float as *const u8, &[Int, Float], None, true),
            Function::ActBool => (act_bool as *const u8, &[Int, Bool], None, true),
            Function::ActText => (act_text as *const u8, &[Int, Int], None, true),
            Function::Plot => (plot as *const u8, &[Int, Float], None, true),
        };
    Outward { address, takes, gives, may_give_up }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::Script;
    use crate::script::api::Place;

    #[test]
    fn whatever_a_script_can_ask_ctx_for_is_compiled() {
        let script =
            Script::compile("s.rhai", "fn on_candle(ctx, p) { }", std::path::Path::new(".")).unwrap();
        // Read without a call, and written with one of its own.
        const OTHERS: [&str; 13] = [
            "open",
            "high",
            "low",
            "close",
            "volume",
            "hl2",
            "hlc3",
            "ohlc4",
            "is_flat",
            "is_long",
            "is_short",
            "allow_short",
            "plot",
        ];
        let is_known = |item: &crate::script::api::Item| match item.place {
            Place::Property => property(&item.name).is_some(),
            Place::Action => {
                let most = item.arguments.len();
                let least = item.arguments.iter().filter(|argument| !argument.ends_with('?')).count();
                (least..=most).all(|count| action(&item.name, count).is_some())
            }
            _ => true,
        };
        let items = script.items().iter().filter(|item| !is_known(item)).map(|item| item.name.as_str());
        let missing: Vec<&str> = items.filter(|name| !OTHERS.contains(name)).collect();
        assert!(missing.is_empty(), "{missing:?}");
    }
}
