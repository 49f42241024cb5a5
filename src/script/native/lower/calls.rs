//! What a script calls: methods of `ctx`, its own functions, put in where they are called, and those it is given.

use super::values::{Class, Val};
use super::{CallFrame, Lowered, Lowering, Stop, Variable, Way};
use crate::script::native::ir::{Comparison, FloatOp, Function as Call, IntOp, Kind, Op, Operand, Step};
use crate::script::native::runtime::{Takes, action};
use crate::script::native::syntax::{At, Form, Node, assigned};
use std::mem;

/// Calls inside calls that are inlined.
const DEPTH_MAX: usize = 24;

impl Lowering<'_> {
    /// Arguments in the order in which the interpreter looks at them.
    pub(super) fn arguments(&mut self, nodes: &[Node], at: At) -> Lowered<Vec<Val>> {
        // A variable in front is read last: that matters only where what follows assigns to it.
        if let Some((Node { form: Form::Variable(name), .. }, rest)) = nodes.split_first() {
            let mut names = Vec::new();
            rest.iter().for_each(|node| assigned(node, &mut names));
            if names.contains(&name.as_str()) {
                return self.outside("an argument that assigns to another one", at);
            }
        }
        nodes.iter().map(|node| self.node(node)).collect()
    }

    pub(super) fn method(&mut self, base: &Node, name: &str, arguments: &[Node], at: At) -> Lowered {
        let mut names = Vec::new();
        arguments.iter().for_each(|node| assigned(node, &mut names));
        if !names.is_empty() {
            return self.outside("an argument that assigns", at);
        }
        let vals: Vec<Val> = arguments.iter().map(|node| self.node(node)).collect::<Lowered<_>>()?;
        let base = self.node(base)?;
        if base == Val::Ctx {
            return self.act(name, &vals, at);
        }
        let own = self.input.functions.keys().any(|(known, _)| known == name);
        if own || matches!(base, Val::P | Val::Multi(_) | Val::Mixed) {
            return self.outside(format!("method `{name}`"), at);
        }
        let whole: Vec<Val> = std::iter::once(base).chain(vals).collect();
        self.built_in(name, whole, at)
    }

    fn act(&mut self, name: &str, vals: &[Val], at: At) -> Lowered {
        if self.input.functions.contains_key(&(name.to_owned(), vals.len())) {
            return self.outside(format!("method `{name}`"), at);
        }
        if name == "plot" {
            let [Val::Text(name), value] = vals else { return self.give_up(at) };
            let name = *name;
            return self.split(value.clone(), &mut |this, value| match this.number(&value, at) {
                Some(value) => {
                    this.steps.push(Step::Do(Op::Call(Call::Plot, vec![name, value]), at));
                    Ok(Val::Unit)
                }
                None => this.give_up(at),
            });
        }
        let Some((number, takes)) = action(name, vals.len()) else { return self.give_up(at) };
        let number = Operand::Int(number);
        let Some(val) = vals.first() else {
            self.steps.push(Step::Do(Op::Call(Call::Act, vec![number]), at));
            return Ok(Val::Unit);
        };
        self.split(val.clone(), &mut |this, val| {
            let (call, value) = match (&val, takes) {
                (Val::Text(text), _) => (Call::ActText, *text),
                (_, Takes::Text) => return this.give_up(at),
                (Val::Int(value), _) => (Call::ActInt, *value),
                (Val::Bool(value), _) => (Call::ActBool, *value),
                (Val::Float(value) | Val::Tagged { value, .. }, _) => (Call::ActFloat, *value),
                (Val::Series(series), _) => (Call::ActFloat, this.ago(*series, 0, at)),
                (Val::Mixed, _) => return this.outside("a value of several types", at),
                _ => return this.outside("an argument of this kind", at),
            };
            this.steps.push(Step::Do(Op::Call(call, vec![number, value]), at));
            Ok(Val::Unit)
        })
    }

    pub(super) fn call(&mut self, name: &str, arguments: &[Node], at: At) -> Lowered {
        let key = (name.to_owned(), arguments.len());
        let functions = self.input.functions;
        let Some(function) = functions.get(&key) else {
            let vals = self.arguments(arguments, at)?;
            return self.built_in(name, vals, at);
        };
        if self.calls.iter().any(|frame| frame.name == name) {
            return self.outside(format!("`{name}`, which calls itself"), at);
        }
        if self.calls.len() >= DEPTH_MAX {
            return self.outside("calls this deep", at);
        }
        let vals = self.arguments(arguments, at)?;
        let named = function.parameters.iter().cloned().zip(vals).collect();
        self.inline(name, named, &function.body)
    }

    pub(super) fn inline(&mut self, name: &str, arguments: Vec<(String, Val)>, body: &Node) -> Lowered {
        let arguments = arguments.into_iter().map(|(name, val)| Variable { name, val }).collect();
        let env = mem::replace(&mut self.env, arguments);
        let label = self.label();
        let loops = mem::take(&mut self.loops);
        let frame = CallFrame { name: name.to_owned(), label, returns: Vec::new() };
        self.calls.push(frame);
        let before = mem::take(&mut self.steps);
        let lowered = self.node(body);
        let mut steps = mem::replace(&mut self.steps, before);
        self.loops = loops;
        let frame = self.calls.pop();
        self.env = env;
        let mut ways = frame.map(|frame| frame.returns).unwrap_or_default();
        match lowered {
            Ok(val) if ways.is_empty() => {
                self.steps.extend(steps);
                return Ok(val);
            }
            Ok(val) => {
                let edge = self.edge();
                steps.push(Step::Leave(label, edge));
                ways.push(Way { edge, env: Vec::new(), val });
            }
            Err(Stop::Ends) => {}
            Err(outside) => return Err(outside),
        }
        self.steps.push(Step::Block(label, steps));
        if ways.is_empty() {
            return Err(Stop::Ends);
        }
        let vals: Vec<&Val> = ways.iter().map(|way| &way.val).collect();
        let (val, sets) = self.merge(&vals);
        for (way, set) in ways.iter().zip(sets) {
            self.program.edges[way.edge as usize].extend(set);
        }
        Ok(val)
    }

    /// Functions that the host gives, and those of the language that are in the subset.
    fn built_in(&mut self, name: &str, vals: Vec<Val>, at: At) -> Lowered {
        if vals.contains(&Val::Mixed) {
            return self.outside("a value of several types", at);
        }
        // One case for each way a number may be.
        if let Some(index) = vals.iter().position(|val| matches!(val, Val::Num { .. })) {
            let val = vals[index].clone();
            let name = name.to_owned();
            return self.split(val, &mut |this, val| {
                let mut vals = vals.clone();
                vals[index] = val;
                this.built_in(&name, vals, at)
            });
        }
        match (name, vals.as_slice()) {
            ("crossed_above", [a, b]) => self.crossed(a, b, true, at),
            ("crossed_below", [a, b]) => self.crossed(a, b, false, at),
            ("rising" | "falling", [series, candles]) => {
                let Val::Int(candles) = candles else { return self.give_up(at) };
                let (tag, value) = match series {
                    Val::Series(series) => (Operand::Int(i64::from(*series)), self.ago(*series, 0, at)),
                    Val::Tagged { value, tag } => (*tag, *value),
                    _ => return self.give_up(at),
                };
                let call = if name == "rising" { Call::Rising } else { Call::Falling };
                Ok(self.bool(Op::Call(call, vec![tag, value, *candles]), at))
            }
            ("min", [Val::Int(a), Val::Int(b)]) => Ok(self.int(Op::Int(IntOp::Min, *a, *b), at)),
            ("max", [Val::Int(a), Val::Int(b)]) => Ok(self.int(Op::Int(IntOp::Max, *a, *b), at)),
            ("min" | "max", [a, b]) => {
                let call = if name == "min" { Call::FloatMin } else { Call::FloatMax };
                self.of_numbers(&[a, b], at, |x| Op::Call(call, x.to_vec()))
            }
            ("abs", [Val::Int(value)]) => Ok(self.int(Op::IntAbs(*value), at)),
            ("abs", [x]) => self.of_numbers(&[x], at, |x| Op::FloatAbs(x[0])),
            ("sqrt", [x]) => self.of_numbers(&[x], at, |x| Op::Sqrt(x[0])),
            ("floor" | "ceil" | "round" | "ln" | "exp", [x]) => {
                let call = match name {
                    "floor" => Call::Floor,
                    "ceil" => Call::Ceil,
                    "round" => Call::Round,
                    "ln" => Call::Ln,
                    _ => Call::Exp,
                };
                self.of_numbers(&[x], at, |x| Op::Call(call, x.to_vec()))
            }
            ("sin" | "cos" | "tan", [x]) if x.class() != Class::Int => {
                let call = match name {
                    "sin" => Call::Sin,
                    "cos" => Call::Cos,
                    _ => Call::Tan,
                };
                self.of_numbers(&[x], at, |x| Op::Call(call, x.to_vec()))
            }
            ("is_nan", [Val::Int(_)]) => Ok(Val::Bool(Operand::Bool(false))),
            ("is_nan", [x]) => match self.number(x, at) {
                Some(x) => Ok(self.bool(Op::CompareFloat(Comparison::NotEqual, x, x), at)),
                None => self.give_up(at),
            },
            ("to_float", [Val::Int(value)]) => Ok(self.float(Op::IntToFloat(*value), at)),
            ("to_int", [x]) if !matches!(x, Val::Int(_)) => match self.number(x, at) {
                Some(x) => Ok(self.int(Op::Call(Call::FloatToInt, vec![x]), at)),
                None => self.outside("function `to_int`", at),
            },
            ("PI", []) => Ok(Val::Float(Operand::Float(std::f64::consts::PI))),
            ("E", []) => Ok(Val::Float(Operand::Float(std::f64::consts::E))),
            ("stop_price_pct" | "take_profit_pct", [price, pct]) => {
                let op = if name == "stop_price_pct" { FloatOp::Subtract } else { FloatOp::Add };
                let (Some(price), Some(pct)) = (self.number(price, at), self.number(pct, at)) else {
                    return self.give_up(at);
                };
                let factor = self.set(Kind::Float, Op::Float(op, Operand::Float(1.0), pct), at);
                Ok(self.float(Op::Float(FloatOp::Multiply, price, factor), at))
            }
            ("stop_price_atr", [price, atr, mult]) => {
                let numbers = (self.number(price, at), self.number(atr, at), self.number(mult, at));
                let (Some(price), Some(atr), Some(mult)) = numbers else { return self.give_up(at) };
                let away = self.set(Kind::Float, Op::Float(FloatOp::Multiply, mult, atr), at);
                Ok(self.float(Op::Float(FloatOp::Subtract, price, away), at))
            }
            ("risk_reward", [entry, stop, ratio]) => {
                let numbers = (self.number(entry, at), self.number(stop, at), self.number(ratio, at));
                let (Some(entry), Some(stop), Some(ratio)) = numbers else { return self.give_up(at) };
                let risk = self.set(Kind::Float, Op::Float(FloatOp::Subtract, entry, stop), at);
                let reward = self.set(Kind::Float, Op::Float(FloatOp::Multiply, ratio, risk), at);
                Ok(self.float(Op::Float(FloatOp::Add, entry, reward), at))
            }
            _ => self.outside(format!("function `{name}`"), at),
        }
    }

    fn of_numbers(&mut self, vals: &[&Val], at: At, op: impl FnOnce(&[Operand]) -> Op) -> Lowered {
        let numbers: Option<Vec<Operand>> = vals.iter().map(|val| self.number(val, at)).collect();
        match numbers {
            Some(numbers) => Ok(self.float(op(&numbers), at)),
            None => self.give_up(at),
        }
    }

    fn crossed(&mut self, a: &Val, b: &Val, above: bool, at: At) -> Lowered {
        let mut sides = Vec::new();
        for val in [a, b] {
            let pair = match val {
                Val::Series(series) => (self.ago(*series, 0, at), self.ago(*series, 1, at)),
                Val::Tagged { value, tag } => {
                    let before = Op::Call(Call::TaggedBefore, vec![*tag, *value]);
                    (*value, self.set(Kind::Float, before, at))
                }
                val => match self.number(val, at) {
                    Some(value) => (value, value),
                    None => return self.give_up(at),
                },
            };
            sides.push(pair);
        }
        let [(a0, a1), (b0, b1)] = sides.as_slice() else { return self.give_up(at) };
        let (before, now) = if above {
            (Comparison::LessEqual, Comparison::Greater)
        } else {
            (Comparison::GreaterEqual, Comparison::Less)
        };
        let before = self.set(Kind::Bool, Op::CompareFloat(before, *a1, *b1), at);
        let now = self.set(Kind::Bool, Op::CompareFloat(now, *a0, *b0), at);
        // Which side one is on changes rarely.
        Ok(self.bool(Op::BoolAndThen(now, before), at))
    }
}
