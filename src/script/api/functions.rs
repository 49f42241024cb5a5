//! Functions and operators that work anywhere in a script.

use super::{Answer, Gives, Place, Registrar, fault, number, type_of};
use crate::script::state::State;
use rhai::{Dynamic, FLOAT, INT, ImmutableString};
use std::rc::Rc;

impl Registrar<'_> {
    /// Floats compare as IEEE 754 says; Rhai's own operators compare with an epsilon.
    pub(super) fn comparisons(&mut self) {
        macro_rules! compare {
            ($($name:literal $op:tt),+) => {$(
                self.engine.register_fn($name, |a: FLOAT, b: FLOAT| a $op b);
                self.engine.register_fn($name, |a: INT, b: FLOAT| (a as FLOAT) $op b);
                self.engine.register_fn($name, |a: FLOAT, b: INT| a $op (b as FLOAT));
            )+};
        }
        compare!("<" <, "<=" <=, ">" >, ">=" >=, "==" ==, "!=" !=);
        // Left alone, Rhai calls any two values of different kinds unequal and unordered: a mistake that
        // would only show as a strategy that never trades.
        macro_rules! same_kind {
            ($($name:literal $op:tt),+) => {$(
                self.engine.register_fn($name, |a: INT, b: INT| a $op b);
                self.engine.register_fn($name, |a: ImmutableString, b: ImmutableString| a $op b);
                self.engine.register_fn($name, |a: char, b: char| a $op b);
                self.engine.register_fn($name, |a: char, b: ImmutableString| a.to_string().as_str() $op b.as_str());
                self.engine.register_fn($name, |a: ImmutableString, b: char| a.as_str() $op b.to_string().as_str());
                self.engine.register_fn($name, |a: Dynamic, b: Dynamic| -> Answer<bool> {
                    unlike(&a, &b, $name)
                });
            )+};
        }
        same_kind!("<" <, "<=" <=, ">" >, ">=" >=, "==" ==, "!=" !=);
        self.engine.register_fn("==", |a: bool, b: bool| a == b);
        self.engine.register_fn("!=", |a: bool, b: bool| a != b);
    }

    pub(super) fn series_functions(&mut self) {
        let crossed = |state: &Rc<State>, above: bool| {
            let state = state.clone();
            move |a: Dynamic, b: Dynamic| -> Answer<bool> {
                let (a0, a1) = pair(&state, &a)?;
                let (b0, b1) = pair(&state, &b)?;
                Ok(if above { a1 <= b1 && a0 > b0 } else { a1 >= b1 && a0 < b0 })
            }
        };
        self.engine.register_fn("crossed_above", crossed(&self.state, true));
        self.engine.register_fn("crossed_below", crossed(&self.state, false));
        let steady = |state: &Rc<State>, up: bool| {
            let state = state.clone();
            move |value: Dynamic, candles: INT| -> Answer<bool> {
                let series = state
                    .series_of(&value)
                    .ok_or_else(|| fault("rising and falling take a series such as ctx.close"))?;
                let candles = usize::try_from(candles).ok().filter(|n| *n > 0).ok_or_else(|| {
                    fault(format!("the number of candles must be at least 1, {candles} given"))
                })?;
                Ok((0..candles).all(|back| {
                    let (now, before) = (state.value(series, back), state.value(series, back + 1));
                    if up { now > before } else { now < before }
                }))
            }
        };
        self.engine.register_fn("rising", steady(&self.state, true));
        self.engine.register_fn("falling", steady(&self.state, false));
        let rows: [(&str, &[&'static str], &str); 4] = [
            (
                "crossed_above",
                &["a", "b"],
                "whether a was at or below b one candle ago and is above it now; a and b are series or numbers",
            ),
            ("crossed_below", &["a", "b"], "whether a was at or above b one candle ago and is below it now"),
            ("rising", &["s", "n"], "whether series s rose on each of the last n candles"),
            ("falling", &["s", "n"], "whether series s fell on each of the last n candles"),
        ];
        for (name, arguments, doc) in rows {
            self.describe(Place::Anywhere, name, arguments, Gives::Bool, doc);
        }
    }

    pub(super) fn math(&mut self) {
        let engine = &mut *self.engine;
        engine.register_fn("min", |a: INT, b: INT| a.min(b));
        engine.register_fn("max", |a: INT, b: INT| a.max(b));
        macro_rules! extreme {
            ($name:literal, $pick:expr) => {{
                let pick: fn(FLOAT, FLOAT) -> FLOAT = $pick;
                engine.register_fn($name, move |a: FLOAT, b: FLOAT| pick(a, b));
                engine.register_fn($name, move |a: INT, b: FLOAT| pick(a as FLOAT, b));
                engine.register_fn($name, move |a: FLOAT, b: INT| pick(a, b as FLOAT));
            }};
        }
        extreme!("min", float_min);
        extreme!("max", float_max);
        engine.register_fn("abs", |a: FLOAT| a.abs());
        engine.register_fn("abs", |a: INT| {
            a.checked_abs().ok_or_else(|| fault("integer overflow: the absolute value of the least integer"))
        });
        macro_rules! unary {
            ($($name:literal $call:expr),+) => {$(
                engine.register_fn($name, |a: FLOAT| -> FLOAT { $call(a) });
                engine.register_fn($name, |a: INT| -> FLOAT { $call(a as FLOAT) });
            )+};
        }
        unary!("sqrt" FLOAT::sqrt, "floor" FLOAT::floor, "ceil" FLOAT::ceil, "round" FLOAT::round,
               "ln" FLOAT::ln, "exp" FLOAT::exp);
        engine.register_fn("is_nan", |a: FLOAT| a.is_nan());
        engine.register_fn("is_nan", |_: INT| false);

        engine.register_fn("stop_price_pct", |price: Dynamic, pct: Dynamic| -> Answer<FLOAT> {
            Ok(number(&price, "price")? * (1.0 - number(&pct, "pct")?))
        });
        engine.register_fn(
            "stop_price_atr",
            |price: Dynamic, atr: Dynamic, mult: Dynamic| -> Answer<FLOAT> {
                Ok(number(&price, "price")? - number(&mult, "mult")? * number(&atr, "atr")?)
            },
        );
        engine.register_fn("take_profit_pct", |price: Dynamic, pct: Dynamic| -> Answer<FLOAT> {
            Ok(number(&price, "price")? * (1.0 + number(&pct, "pct")?))
        });
        engine.register_fn("risk_reward", |entry: Dynamic, stop: Dynamic, ratio: Dynamic| -> Answer<FLOAT> {
            let (entry, stop) = (number(&entry, "entry")?, number(&stop, "stop")?);
            Ok(entry + number(&ratio, "ratio")? * (entry - stop))
        });
        let rows: [(&str, &[&'static str], &str); 14] = [
            ("min", &["a", "b"], "the smaller of two numbers; NaN if either is"),
            ("max", &["a", "b"], "the larger of two numbers; NaN if either is"),
            ("abs", &["x"], "absolute value"),
            ("sqrt", &["x"], "square root; NaN below 0"),
            ("floor", &["x"], "largest whole number at or below x, as a float"),
            ("ceil", &["x"], "smallest whole number at or above x, as a float"),
            ("round", &["x"], "nearest whole number, halves away from 0, as a float"),
            ("ln", &["x"], "natural logarithm"),
            ("exp", &["x"], "e to the power of x"),
            ("is_nan", &["x"], "whether x is not a number, as a read before the first candle gives"),
            ("stop_price_pct", &["price", "pct"], "price × (1 − pct); a negative pct gives a short's stop"),
            (
                "stop_price_atr",
                &["price", "atr", "mult"],
                "price − mult × atr; a negative mult gives a short's stop",
            ),
            (
                "take_profit_pct",
                &["price", "pct"],
                "price × (1 + pct); a negative pct gives a short's target",
            ),
            (
                "risk_reward",
                &["entry", "stop", "ratio"],
                "the target `ratio` times as far from the entry as the stop is, on the other side",
            ),
        ];
        for (name, arguments, doc) in rows {
            let gives = if name == "is_nan" { Gives::Bool } else { Gives::Number };
            self.describe(Place::Anywhere, name, arguments, gives, doc);
        }
    }
}

/// The smaller of two numbers. NaN wins: a missing value must not look like a small or a large one.
#[inline(never)]
pub(in crate::script) fn float_min(a: f64, b: f64) -> f64 {
    if a.is_nan() || b.is_nan() { f64::NAN } else { a.min(b) }
}

/// The larger of two numbers; NaN wins.
#[inline(never)]
pub(in crate::script) fn float_max(a: f64, b: f64) -> f64 {
    if a.is_nan() || b.is_nan() { f64::NAN } else { a.max(b) }
}

/// Compares values for which no comparison is registered: only with nothing (`x == ()`) is there an answer.
fn unlike(a: &Dynamic, b: &Dynamic, operator: &str) -> Answer<bool> {
    let nothing = |value: &Dynamic| value.is_unit() && value.tag() == 0;
    if matches!(operator, "==" | "!=") && (nothing(a) || nothing(b)) {
        return Ok((nothing(a) && nothing(b)) == (operator == "=="));
    }
    let kind = |value: &Dynamic| match value.type_name() {
        "()" if value.tag() != 0 => "a multi-output indicator (name one of its fields)".to_owned(),
        "()" => "nothing".to_owned(),
        name => type_of(name).to_owned(),
    };
    Err(fault(format!("`{operator}` cannot compare {} with {}", kind(a), kind(b))))
}

/// A value now and one candle ago; a plain number is the same in both.
fn pair(state: &State, value: &Dynamic) -> Answer<(f64, f64)> {
    match state.series_of(value) {
        Some(series) => Ok((state.value(series, 0), state.value(series, 1))),
        None => number(value, "crossed_above and crossed_below: each side").map(|value| (value, value)),
    }
}
