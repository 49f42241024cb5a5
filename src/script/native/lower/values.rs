//! What is known of a value, its class where several ways meet, and one value for several.

use super::Lowering;
use crate::script::native::ir::{FloatOp, Kind, Op, Operand, Step, Values};
use crate::script::native::syntax::At;
use std::mem;

/// A value as far as it is known.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Val {
    Unit,
    Int(Operand),
    Float(Operand),
    Bool(Operand),
    Text(Operand),
    /// A series with its current value.
    Series(u32),
    /// A float that may stand for a series: its number, −1 if for none. Whether it still has the series' current
    /// value is for whoever wants the series to find out.
    Tagged {
        value: Operand,
        tag: Operand,
    },
    /// A whole number or a float.
    Num {
        is_float: Operand,
        int: Operand,
        float: Operand,
        tag: Operand,
    },
    /// An indicator with several outputs, by its index among the declared names.
    Multi(usize),
    Ctx,
    P,
    /// One of several that are unlike.
    Mixed,
}

/// What is known of a value's type where several ways meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    Unit,
    Int,
    Float,
    Bool,
    Text,
    Tagged,
    Num,
    Multi(usize),
    Ctx,
    P,
    Mixed,
}

impl Val {
    pub(super) fn class(&self) -> Class {
        match self {
            Val::Unit => Class::Unit,
            Val::Int(_) => Class::Int,
            Val::Float(_) => Class::Float,
            Val::Bool(_) => Class::Bool,
            Val::Text(_) => Class::Text,
            Val::Series(_) | Val::Tagged { .. } => Class::Tagged,
            Val::Num { .. } => Class::Num,
            Val::Multi(index) => Class::Multi(*index),
            Val::Ctx => Class::Ctx,
            Val::P => Class::P,
            Val::Mixed => Class::Mixed,
        }
    }
}

impl Class {
    pub(super) fn join(self, other: Class) -> Class {
        use Class::{Float, Int, Mixed, Num, Tagged};
        match (self, other) {
            (a, b) if a == b => a,
            (Float | Tagged, Float | Tagged) => Tagged,
            (Int | Float | Tagged | Num, Int | Float | Tagged | Num) => Num,
            _ => Mixed,
        }
    }
}

const NO_SERIES: Operand = Operand::Int(-1);

impl Lowering<'_> {
    /// One value for several, one from each way; what has to be set on each.
    pub(super) fn merge(&mut self, vals: &[&Val]) -> (Val, Vec<Vec<Step>>) {
        let mut sets = vec![Vec::new(); vals.len()];
        let Some(first) = vals.first() else { return (Val::Unit, sets) };
        if vals.iter().all(|val| val == first) {
            return ((*first).clone(), sets);
        }
        let class = vals.iter().skip(1).fold(first.class(), |class, val| class.join(val.class()));
        let merged = self.fresh(class);
        for (set, val) in sets.iter_mut().zip(vals) {
            self.assign(&merged, val, set);
        }
        (merged, sets)
    }

    /// A value of a class, in locals of its own.
    pub(super) fn fresh(&mut self, class: Class) -> Val {
        match class {
            Class::Unit => Val::Unit,
            Class::Int => Val::Int(Operand::Local(self.local(Kind::Int))),
            Class::Float => Val::Float(Operand::Local(self.local(Kind::Float))),
            Class::Bool => Val::Bool(Operand::Local(self.local(Kind::Bool))),
            Class::Text => Val::Text(Operand::Local(self.local(Kind::Int))),
            Class::Tagged => Val::Tagged {
                value: Operand::Local(self.local(Kind::Float)),
                tag: Operand::Local(self.local(Kind::Int)),
            },
            Class::Num => Val::Num {
                is_float: Operand::Local(self.local(Kind::Bool)),
                int: Operand::Local(self.local(Kind::Int)),
                float: Operand::Local(self.local(Kind::Float)),
                tag: Operand::Local(self.local(Kind::Int)),
            },
            Class::Multi(index) => Val::Multi(index),
            Class::Ctx => Val::Ctx,
            Class::P => Val::P,
            Class::Mixed => Val::Mixed,
        }
    }

    /// Steps that bring `val` into the locals of `target`, which has a class that can hold it.
    pub(super) fn assign(&mut self, target: &Val, val: &Val, steps: &mut Vec<Step>) {
        let none = NO_SERIES;
        let no_float = Operand::Float(0.0);
        // As whole number, as float, and which series.
        let (is_float, int, float, tag) = match val {
            Val::Int(value) | Val::Text(value) => (Operand::Bool(false), *value, no_float, none),
            Val::Bool(value) => (*value, Operand::Int(0), no_float, none),
            Val::Float(value) => (Operand::Bool(true), Operand::Int(0), *value, none),
            Val::Tagged { value, tag } => (Operand::Bool(true), Operand::Int(0), *value, *tag),
            Val::Num { is_float, int, float, tag } => (*is_float, *int, *float, *tag),
            Val::Series(series) => {
                let before = mem::replace(&mut self.steps, mem::take(steps));
                let value = self.ago(*series, 0, At::default());
                *steps = mem::replace(&mut self.steps, before);
                (Operand::Bool(true), Operand::Int(0), value, Operand::Int(i64::from(*series)))
            }
            Val::Unit | Val::Multi(_) | Val::Ctx | Val::P | Val::Mixed => return,
        };
        let mut set = |to: &Operand, from: Operand| {
            if let Operand::Local(local) = to
                && from != *to
            {
                steps.push(Step::Set(*local, Op::Copy(from), At::default()));
            }
        };
        match target {
            Val::Int(to) | Val::Text(to) => set(to, int),
            Val::Bool(to) => set(to, is_float),
            Val::Float(to) => set(to, float),
            Val::Tagged { value, tag: to } => {
                set(value, float);
                set(to, tag);
            }
            Val::Num { is_float: to, int: int_to, float: float_to, tag: tag_to } => {
                set(to, is_float);
                set(int_to, int);
                set(float_to, float);
                set(tag_to, tag);
            }
            Val::Unit | Val::Series(_) | Val::Multi(_) | Val::Ctx | Val::P | Val::Mixed => {}
        }
    }

    pub(super) fn series(&mut self, values: Values) -> Val {
        let known = self.program.series.iter().position(|it| *it == values);
        let number = known.unwrap_or_else(|| {
            self.program.series.push(values);
            self.program.series.len() - 1
        });
        Val::Series(number as u32)
    }

    /// A series' value a known number of candles ago.
    pub(super) fn ago(&mut self, series: u32, back: u32, at: At) -> Operand {
        let values = self.program.series.get(series as usize).cloned().unwrap_or(Values::Nowhere);
        self.program.history = self.program.history.max(back);
        match values {
            Values::Nowhere => Operand::Float(f64::NAN),
            Values::Price(name @ ("hl2" | "hlc3" | "ohlc4")) => {
                let parts: &[&'static str] = match name {
                    "hl2" => &["high", "low"],
                    "hlc3" => &["high", "low", "close"],
                    _ => &["open", "high", "low", "close"],
                };
                let mut sum = None;
                for part in parts {
                    let Val::Series(series) = self.series(Values::Price(part)) else { continue };
                    let value = self.set(Kind::Float, Op::Series(series, back), at);
                    sum = Some(match sum {
                        None => value,
                        Some(sum) => self.set(Kind::Float, Op::Float(FloatOp::Add, sum, value), at),
                    });
                }
                let count = Operand::Float(parts.len() as f64);
                let sum = sum.unwrap_or(Operand::Float(f64::NAN));
                self.set(Kind::Float, Op::Float(FloatOp::Divide, sum, count), at)
            }
            _ => self.set(Kind::Float, Op::Series(series, back), at),
        }
    }

    /// A value as a float; `None` if it is no number. Not for [`Val::Num`].
    pub(super) fn number(&mut self, val: &Val, at: At) -> Option<Operand> {
        Some(match val {
            Val::Float(value) | Val::Tagged { value, .. } => *value,
            Val::Series(series) => self.ago(*series, 0, at),
            Val::Int(Operand::Int(value)) => Operand::Float(*value as f64),
            Val::Int(value) => self.set(Kind::Float, Op::IntToFloat(*value), at),
            _ => return None,
        })
    }
}
