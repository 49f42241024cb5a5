//! Which way it goes: choices, loops, and the places where ways meet.

use super::values::{Class, Val};
use super::{LoopFrame, Lowered, Lowering, OPERATIONS_PER_NODE, Stop, Variable, Way};
use crate::script::host::VARIABLES_MAX;
use crate::script::native::ir::{Comparison, IntOp, Kind, Op, Operand, Step};
use crate::script::native::syntax::{At, Case, Constant, Loop, Node, Pattern, assigned};
use std::mem;

/// Steps of a way that may not be taken; its value and variables, if it does not end.
type Branch = (Vec<Step>, Option<(Val, Vec<Val>)>);

impl Lowering<'_> {
    /// Lowers something that may not be reached. `None` if no way leads out of it.
    fn branch(&mut self, lower: impl FnOnce(&mut Self) -> Lowered) -> Branch {
        let before = mem::take(&mut self.steps);
        let depth = self.env.len();
        let lowered = lower(self);
        self.env.truncate(depth);
        let mut steps = mem::replace(&mut self.steps, before);
        match lowered {
            Ok(val) => (steps, Some((val, self.vals()))),
            Err(Stop::Ends) => (steps, None),
            Err(Stop::Outside(outside)) => {
                // What was lowered up to there may have left its traces: only that it gives up is kept.
                steps.clear();
                steps.push(Step::GiveUp(outside.at));
                self.left.push(outside);
                (steps, None)
            }
        }
    }

    /// Where several ways meet: their variables become one set of variables, and their values one value.
    fn meet(&mut self, ways: Vec<Way>) -> Val {
        let mut joined = Vec::new();
        let depth = ways.iter().map(|way| way.env.len()).min().unwrap_or(0);
        for index in 0..=depth {
            let vals: Vec<&Val> =
                ways.iter().map(|way| way.env[..depth].get(index).unwrap_or(&way.val)).collect();
            let (val, sets) = self.merge(&vals);
            joined.push(val);
            for (way, set) in ways.iter().zip(sets) {
                self.program.edges[way.edge as usize].extend(set);
            }
        }
        let val = joined.pop().unwrap_or(Val::Unit);
        self.restore(joined);
        val
    }

    /// Lowers a choice between two; what follows is reached from those that do not end.
    pub(super) fn choose(
        &mut self,
        condition: Operand,
        one: impl FnOnce(&mut Self) -> Lowered,
        other: impl FnOnce(&mut Self) -> Lowered,
    ) -> Lowered {
        let before = self.vals();
        let one = self.branch(one);
        self.restore(before.clone());
        let other = self.branch(other);
        self.restore(before);
        self.either(condition, one, other)
    }

    /// Goes one of two ways, and on from where they meet.
    fn either(&mut self, condition: Operand, one: Branch, other: Branch) -> Lowered {
        let ((mut then, then_end), (mut otherwise, other_end)) = (one, other);
        let ended = match (then_end, other_end) {
            (None, None) => Err(Stop::Ends),
            (Some((val, env)), None) | (None, Some((val, env))) => {
                self.restore(env);
                Ok(val)
            }
            (Some((a, a_env)), Some((b, b_env))) => {
                let mut joined = Vec::new();
                for (one, two) in a_env.iter().chain([&a]).zip(b_env.iter().chain([&b])) {
                    let (val, sets) = self.merge(&[one, two]);
                    joined.push(val);
                    for (steps, set) in [&mut then, &mut otherwise].into_iter().zip(sets) {
                        steps.extend(set);
                    }
                }
                let val = joined.pop().unwrap_or(Val::Unit);
                self.restore(joined);
                Ok(val)
            }
        };
        self.steps.push(Step::If(condition, then, otherwise));
        ended
    }

    /// Does the same for a whole number and for a float, where it is not known which one it is.
    pub(super) fn split(&mut self, val: Val, act: &mut dyn FnMut(&mut Self, Val) -> Lowered) -> Lowered {
        let Val::Num { is_float, int, float, tag } = val else { return act(self, val) };
        let act = std::cell::RefCell::new(act);
        self.choose(
            is_float,
            |this| (*act.borrow_mut())(this, Val::Tagged { value: float, tag }),
            |this| (*act.borrow_mut())(this, Val::Int(int)),
        )
    }

    /// A value that has to be true or false.
    pub(super) fn condition(&mut self, node: &Node) -> Lowered<Operand> {
        match self.node(node)? {
            Val::Bool(value) => Ok(value),
            Val::Mixed => self.outside("a value of several types", node.at),
            _ => self.give_up(node.at),
        }
    }

    pub(super) fn block(&mut self, nodes: &[Node]) -> Lowered {
        let depth = self.env.len();
        let mut last = Val::Unit;
        for node in nodes {
            last = self.node(node)?;
        }
        self.env.truncate(depth);
        Ok(last)
    }

    /// `&&` and `||`: what follows is only looked at where it decides.
    pub(super) fn all(&mut self, parts: &[Node], and: bool) -> Lowered {
        let Some((first, rest)) = parts.split_first() else { return Ok(Val::Bool(Operand::Bool(and))) };
        let one = self.condition(first)?;
        if rest.is_empty() {
            return Ok(Val::Bool(one));
        }
        let before = self.vals();
        let (steps, end) = self.branch(|this| this.all(rest, and));
        // A branch that always goes the same way costs nothing, and spares reading a column for nothing.
        let is_fixed = self.is_fixed(one);
        if let Some((Val::Bool(two), env)) = &end
            && !is_fixed
            && *env == before
            && steps.len() <= 12
            && steps.iter().all(is_harmless)
        {
            // Cheaper to look at both.
            self.steps.extend(steps);
            let both = if and { Op::BoolAnd(one, *two) } else { Op::BoolOr(one, *two) };
            return Ok(self.bool(both, first.at));
        }
        self.restore(before.clone());
        let skipped = (Vec::new(), Some((Val::Bool(Operand::Bool(!and)), before)));
        let looked = (steps, end);
        if and { self.either(one, looked, skipped) } else { self.either(one, skipped, looked) }
    }

    /// Whether a value is known to come from parameters and settings only: the same at each candle.
    fn is_fixed(&self, operand: Operand) -> bool {
        let Operand::Local(local) = operand else { return true };
        let set = self.steps.iter().rev().find_map(|step| match step {
            Step::Set(set, op, _) if *set == local => Some(op),
            _ => None,
        });
        match set {
            Some(Op::AllowShort | Op::Parameter(..)) => true,
            Some(Op::Not(value)) => self.is_fixed(*value),
            Some(Op::CompareInt(_, a, b) | Op::CompareFloat(_, a, b)) => {
                self.is_fixed(*a) && self.is_fixed(*b)
            }
            _ => false,
        }
    }

    pub(super) fn again(&mut self, at: At) -> Lowered<()> {
        let (edge, env) = (self.edge(), self.vals());
        let Some(frame) = self.loops.last_mut() else { return self.outside("`continue`", at) };
        let (label, depth) = (frame.label, frame.depth);
        frame.agains.push(Way { edge, env: env[..depth].to_vec(), val: Val::Unit });
        self.steps.push(Step::Again(label, edge));
        Ok(())
    }

    fn leave_loop(&mut self, at: At) -> Lowered {
        let (edge, env) = (self.edge(), self.vals());
        let Some(frame) = self.loops.last_mut() else { return self.outside("`break`", at) };
        let (label, depth) = (frame.label, frame.depth);
        frame.breaks.push(Way { edge, env: env[..depth].to_vec(), val: Val::Unit });
        self.steps.push(Step::Leave(label, edge));
        Err(Stop::Ends)
    }

    /// A loop. `body` goes through it once, from its start to wherever it leaves or begins again; `names` are the
    /// variables that may be assigned to in it.
    pub(super) fn repeat(
        &mut self,
        names: &[&str],
        at: At,
        body: &mut dyn FnMut(&mut Self) -> Lowered<()>,
    ) -> Lowered {
        let carried: Vec<usize> = (0..self.env.len())
            .filter(|index| {
                let name = &self.env[*index].name;
                names.contains(&name.as_str()) && !self.env[index + 1..].iter().any(|it| it.name == *name)
            })
            .collect();
        let entry = self.vals();
        let mut classes: Vec<Class> = carried.iter().map(|index| entry[*index].class()).collect();
        let before = mem::take(&mut self.steps);
        let (edges, left, nodes) = (self.program.edges.len(), self.left.len(), self.nodes);
        let returns = self.calls.last().map_or(0, |frame| frame.returns.len());
        let outer = self.loops.last().map_or((0, 0), |frame| (frame.breaks.len(), frame.agains.len()));
        loop {
            self.restore(entry.clone());
            self.steps.clear();
            let mut entering = Vec::new();
            let headers: Vec<Val> = classes.iter().map(|class| self.fresh(*class)).collect();
            for (index, header) in carried.iter().zip(&headers) {
                self.assign(header, &entry[*index], &mut entering);
                self.env[*index].val = header.clone();
            }
            let label = self.label();
            let frame = LoopFrame { label, depth: entry.len(), breaks: Vec::new(), agains: Vec::new() };
            self.loops.push(frame);
            let begun = self.nodes;
            self.steps.push(Step::Fuel(0));
            let lowered = body(self);
            let cost = (self.nodes - begun + 2) * OPERATIONS_PER_NODE;
            if let Some(fuel) = self.steps.first_mut() {
                *fuel = Step::Fuel(cost);
            }
            let frame = self.loops.pop();
            let steps = mem::take(&mut self.steps);
            match lowered {
                Ok(()) | Err(Stop::Ends) => {}
                Err(outside) => {
                    self.steps = before;
                    return Err(outside);
                }
            }
            let Some(LoopFrame { breaks, agains, .. }) = frame else { return self.outside("a loop", at) };
            let wider: Vec<Class> = carried
                .iter()
                .zip(&classes)
                .map(|(index, class)| {
                    agains.iter().fold(*class, |class, way| class.join(way.env[*index].class()))
                })
                .collect();
            if wider != classes {
                classes = wider;
                self.program.edges.truncate(edges);
                self.left.truncate(left);
                self.nodes = nodes;
                if let Some(frame) = self.calls.last_mut() {
                    frame.returns.truncate(returns);
                }
                if let Some(frame) = self.loops.last_mut() {
                    frame.breaks.truncate(outer.0);
                    frame.agains.truncate(outer.1);
                }
                continue;
            }
            for way in &agains {
                // All are read before any is written.
                let mut reads = Vec::new();
                let mut writes = Vec::new();
                for ((index, class), header) in carried.iter().zip(&classes).zip(&headers) {
                    let val = &way.env[*index];
                    if val != header {
                        let between = self.fresh(*class);
                        self.assign(&between, val, &mut reads);
                        self.assign(header, &between, &mut writes);
                    }
                }
                reads.extend(writes);
                self.program.edges[way.edge as usize].extend(reads);
            }
            self.steps = before;
            self.steps.extend(entering);
            self.steps.push(Step::Loop(label, steps));
            self.restore(entry);
            if breaks.is_empty() {
                return Err(Stop::Ends);
            }
            return Ok(self.meet(breaks));
        }
    }

    pub(super) fn loop_body(&mut self, kind: &Loop, body: &Node) -> Lowered<()> {
        if let Loop::While(condition) = kind {
            let frame = self.loops.pop();
            // A `break` in the condition is the outer loop's.
            let goes_on = self.condition(condition);
            self.loops.extend(frame);
            let goes_on = goes_on?;
            self.choose(goes_on, |_| Ok(Val::Unit), |this| this.leave_loop(condition.at))?;
        }
        self.node(body)?;
        if let Loop::Do(condition, on) = kind {
            let frame = self.loops.pop();
            let answer = self.condition(condition);
            self.loops.extend(frame);
            let answer = answer?;
            let leave = |this: &mut Self| this.leave_loop(condition.at);
            let stay = |_: &mut Self| Ok(Val::Unit);
            if *on {
                self.choose(answer, stay, leave)?;
            } else {
                self.choose(answer, leave, stay)?;
            }
        }
        self.again(body.at)
    }

    /// A loop over whole numbers.
    pub(super) fn count(
        &mut self,
        name: &str,
        counter: Option<&str>,
        (from, to): (Operand, Operand),
        inclusive: bool,
        body: &Node,
        at: At,
    ) -> Lowered {
        let (next, ended, number) = (self.local(Kind::Int), self.local(Kind::Bool), self.local(Kind::Int));
        let empty = if inclusive { Comparison::Greater } else { Comparison::GreaterEqual };
        self.steps.push(Step::Set(next, Op::Copy(from), at));
        self.steps.push(Step::Set(ended, Op::CompareInt(empty, from, to), at));
        self.steps.push(Step::Set(number, Op::Copy(Operand::Int(0)), at));
        let mut names = Vec::new();
        assigned(body, &mut names);
        self.repeat(&names, at, &mut |this| {
            let over = Operand::Local(ended);
            this.choose(over, |this| this.leave_loop(at), |_| Ok(Val::Unit))?;
            let item = this.set(Kind::Int, Op::Copy(Operand::Local(next)), at);
            let index = this.set(Kind::Int, Op::Copy(Operand::Local(number)), at);
            let one = Operand::Int(1);
            this.steps.push(Step::Set(number, Op::Int(IntOp::Add, index, one), at));
            if inclusive {
                let last = Op::CompareInt(Comparison::Equal, item, to);
                this.steps.push(Step::Set(ended, last, at));
                let step = vec![Step::Set(next, Op::Int(IntOp::Add, item, one), at)];
                this.steps.push(Step::If(Operand::Local(ended), Vec::new(), step));
            } else {
                this.steps.push(Step::Set(next, Op::Int(IntOp::Add, item, one), at));
                let last = Op::CompareInt(Comparison::GreaterEqual, Operand::Local(next), to);
                this.steps.push(Step::Set(ended, last, at));
            }
            let depth = this.env.len();
            if let Some(counter) = counter {
                this.declare(counter, Val::Int(index), at)?;
            }
            this.declare(name, Val::Int(item), at)?;
            this.node(body)?;
            this.env.truncate(depth);
            this.again(at)
        })
    }

    /// A new variable. Scripts with so many that the interpreter may refuse one are left to it.
    pub(super) fn declare(&mut self, name: &str, val: Val, at: At) -> Result<(), Stop> {
        if self.env.len() >= VARIABLES_MAX / 2 {
            return self.outside("so many variables", at);
        }
        self.env.push(Variable { name: name.to_owned(), val });
        Ok(())
    }

    pub(super) fn switch(&mut self, value: &Val, cases: &[Case], default: Option<&Node>, at: At) -> Lowered {
        if !matches!(value, Val::Int(_) | Val::Text(_) | Val::Bool(_)) {
            return self.outside("a `switch` on something else than a whole number or a text", at);
        }
        let Some((case, rest)) = cases.split_first() else {
            return match default {
                Some(default) => self.node(default),
                None => Ok(Val::Unit),
            };
        };
        let mut matches = Operand::Bool(false);
        for pattern in &case.patterns {
            let Some(one) = self.is_like(value, pattern, at) else { continue };
            matches = match matches {
                Operand::Bool(false) => one,
                other => self.set(Kind::Bool, Op::BoolOr(other, one), at),
            };
        }
        if matches == Operand::Bool(false) {
            return self.switch(value, rest, default, at);
        }
        let Some(condition) = &case.condition else {
            return self.choose(
                matches,
                |this| this.node(&case.value),
                |this| this.switch(value, rest, default, at),
            );
        };
        let holds = self.choose(
            matches,
            |this| Ok(Val::Bool(this.condition(condition)?)),
            |_| Ok(Val::Bool(Operand::Bool(false))),
        )?;
        let Val::Bool(holds) = holds else { return self.outside("this condition", at) };
        self.choose(holds, |this| this.node(&case.value), |this| this.switch(value, rest, default, at))
    }

    /// Whether a value is the one of a pattern; `None` if it never is.
    fn is_like(&mut self, value: &Val, pattern: &Pattern, at: At) -> Option<Operand> {
        let op = match (value, pattern) {
            (Val::Int(value), Pattern::Is(Constant::Int(wanted))) => {
                Op::CompareInt(Comparison::Equal, *value, Operand::Int(*wanted))
            }
            (Val::Int(value), Pattern::Within(from, last)) => {
                let low = Op::CompareInt(Comparison::GreaterEqual, *value, Operand::Int(*from));
                let low = self.set(Kind::Bool, low, at);
                let high = Op::CompareInt(Comparison::LessEqual, *value, Operand::Int(*last));
                let high = self.set(Kind::Bool, high, at);
                Op::BoolAnd(low, high)
            }
            (Val::Text(value), Pattern::Is(Constant::Text(wanted))) => {
                let number = self.input.texts.number(wanted) as i64;
                Op::CompareInt(Comparison::Equal, *value, Operand::Int(number))
            }
            (Val::Bool(value), Pattern::Is(Constant::Bool(true))) => Op::Copy(*value),
            (Val::Bool(value), Pattern::Is(Constant::Bool(false))) => Op::Not(*value),
            _ => return None,
        };
        Some(self.set(Kind::Bool, op, at))
    }
}

/// Whether a step only computes something, and never gives up.
fn is_harmless(step: &Step) -> bool {
    match step {
        Step::Set(_, op, _) => match op {
            Op::Int(op, ..) => matches!(op, IntOp::And | IntOp::Or | IntOp::Xor | IntOp::Min | IntOp::Max),
            Op::IntNegate(_) | Op::IntAbs(_) | Op::SeriesAt(..) | Op::Call(..) => false,
            _ => true,
        },
        _ => false,
    }
}
