//! Operators, with the interpreter's rules for each pair of types.

use super::values::Val;
use super::{Lowered, Lowering};
use crate::script::native::ir::{Comparison, FloatOp, Function as Call, IntOp, Kind, Op, Operand};
use crate::script::native::syntax::At;

impl Lowering<'_> {
    pub(super) fn operator(&mut self, symbol: &'static str, vals: &[Val], at: At) -> Lowered {
        match vals {
            [val] => self.split(val.clone(), &mut |this, val| this.unary(symbol, &val, at)),
            [a, b] => self.split(a.clone(), &mut |this, a| {
                this.split(b.clone(), &mut |this, b| this.binary(symbol, &a, &b, at))
            }),
            _ => self.outside("this operator", at),
        }
    }

    /// `x += y` and the like: a float is changed in place, and goes on standing for its series.
    pub(super) fn in_place(&mut self, symbol: &'static str, old: Val, new: Val, at: At) -> Lowered {
        self.split(old, &mut |this, old| {
            let tag = match &old {
                Val::Series(series) => Operand::Int(i64::from(*series)),
                Val::Tagged { tag, .. } => *tag,
                _ => return this.operator(symbol, &[old, new.clone()], at),
            };
            if !matches!(symbol, "+" | "-" | "*" | "/" | "%" | "**") {
                return this.give_up(at);
            }
            let value = this.operator(symbol, &[old, new.clone()], at)?;
            match value {
                Val::Float(value) => Ok(Val::Tagged { value, tag }),
                _ => this.outside("this operator", at),
            }
        })
    }

    fn unary(&mut self, symbol: &str, val: &Val, at: At) -> Lowered {
        match (symbol, val) {
            (_, Val::Mixed) => self.outside("a value of several types", at),
            ("!", Val::Bool(value)) => Ok(self.bool(Op::Not(*value), at)),
            ("-", Val::Int(value)) => Ok(self.int(Op::IntNegate(*value), at)),
            ("+", Val::Int(value)) => Ok(Val::Int(*value)),
            ("-" | "+", val) => match (self.number(val, at), symbol) {
                (Some(value), "-") => Ok(self.float(Op::FloatNegate(value), at)),
                (Some(value), _) => Ok(Val::Float(value)),
                (None, _) => self.give_up(at),
            },
            _ => self.give_up(at),
        }
    }

    fn binary(&mut self, symbol: &'static str, a: &Val, b: &Val, at: At) -> Lowered {
        if *a == Val::Mixed || *b == Val::Mixed {
            return self.outside("a value of several types", at);
        }
        if let Some(comparison) = comparison(symbol) {
            return self.compare(comparison, a, b, at);
        }
        if matches!(a, Val::Text(_)) || matches!(b, Val::Text(_)) {
            return self.outside("building a text", at);
        }
        match (a, b) {
            (Val::Int(x), Val::Int(y)) => self.ints(symbol, *x, *y, at),
            (Val::Bool(x), Val::Bool(y)) => match symbol {
                "&" => Ok(self.bool(Op::BoolAnd(*x, *y), at)),
                "|" => Ok(self.bool(Op::BoolOr(*x, *y), at)),
                "^" => Ok(self.bool(Op::BoolXor(*x, *y), at)),
                _ => self.give_up(at),
            },
            _ => {
                let (Some(x), Some(y)) = (self.number(a, at), self.number(b, at)) else {
                    return self.give_up(at);
                };
                let op = match symbol {
                    "+" => Op::Float(FloatOp::Add, x, y),
                    "-" => Op::Float(FloatOp::Subtract, x, y),
                    "*" => Op::Float(FloatOp::Multiply, x, y),
                    "/" => Op::Float(FloatOp::Divide, x, y),
                    "%" => Op::Call(Call::FloatRemainder, vec![x, y]),
                    "**" => Op::Call(Call::FloatPower, vec![x, y]),
                    _ => return self.give_up(at),
                };
                Ok(self.float(op, at))
            }
        }
    }

    fn ints(&mut self, symbol: &str, x: Operand, y: Operand, at: At) -> Lowered {
        let op = match symbol {
            "+" => Op::Int(IntOp::Add, x, y),
            "-" => Op::Int(IntOp::Subtract, x, y),
            "*" => Op::Int(IntOp::Multiply, x, y),
            "/" => Op::Int(IntOp::Divide, x, y),
            "%" => Op::Int(IntOp::Remainder, x, y),
            "&" => Op::Int(IntOp::And, x, y),
            "|" => Op::Int(IntOp::Or, x, y),
            "^" => Op::Int(IntOp::Xor, x, y),
            "**" => Op::Call(Call::IntPower, vec![x, y]),
            "<<" => Op::Call(Call::ShiftLeft, vec![x, y]),
            ">>" => Op::Call(Call::ShiftRight, vec![x, y]),
            _ => return self.give_up(at),
        };
        Ok(self.int(op, at))
    }

    fn compare(&mut self, comparison: Comparison, a: &Val, b: &Val, at: At) -> Lowered {
        let equality = match comparison {
            Comparison::Equal => Some(true),
            Comparison::NotEqual => Some(false),
            _ => None,
        };
        match (a, b, equality) {
            (Val::Int(x), Val::Int(y), _) => Ok(self.bool(Op::CompareInt(comparison, *x, *y), at)),
            (Val::Bool(x), Val::Bool(y), Some(equal)) => {
                let unlike = self.set(Kind::Bool, Op::BoolXor(*x, *y), at);
                Ok(if equal { self.bool(Op::Not(unlike), at) } else { Val::Bool(unlike) })
            }
            (Val::Text(x), Val::Text(y), Some(_)) => Ok(self.bool(Op::CompareInt(comparison, *x, *y), at)),
            (Val::Text(_), Val::Text(_), None) => self.outside("the order of texts", at),
            (Val::Unit, Val::Unit, Some(equal)) => Ok(Val::Bool(Operand::Bool(equal))),
            (Val::Ctx | Val::P | Val::Multi(_), ..) | (_, Val::Ctx | Val::P | Val::Multi(_), _) => {
                self.give_up(at)
            }
            (Val::Unit, _, Some(equal)) | (_, Val::Unit, Some(equal)) => Ok(Val::Bool(Operand::Bool(!equal))),
            _ => match (self.number(a, at), self.number(b, at)) {
                (Some(x), Some(y)) => Ok(self.bool(Op::CompareFloat(comparison, x, y), at)),
                _ => self.give_up(at),
            },
        }
    }
}

fn comparison(symbol: &str) -> Option<Comparison> {
    Some(match symbol {
        "==" => Comparison::Equal,
        "!=" => Comparison::NotEqual,
        "<" => Comparison::Less,
        "<=" => Comparison::LessEqual,
        ">" => Comparison::Greater,
        ">=" => Comparison::GreaterEqual,
        _ => return None,
    })
}
