//! Mistakes that a compiler of scripts could make, made on purpose: a comparison that misses them is of no use.

use super::compare::{Failure, compare_changed};
use super::generator::generate;
use super::world::World;
use mista::script::Script;
use mista::script::native::ir::{Comparison, FloatOp, Function, IntOp, Op, Operand, Program, Step};
use std::rc::Rc;

pub struct Mistake {
    pub what: &'static str,
    make: fn(&mut Program),
}

pub const ALL: &[Mistake] = &[
    Mistake { what: "`<` of floats is `<=`", make: |it| ops(it, &mut less_is_less_or_equal) },
    Mistake { what: "`>=` of floats is true of NaN", make: greater_or_equal_holds_of_nan },
    Mistake { what: "a difference of whole numbers is turned round", make: |it| ops(it, &mut turned_round) },
    Mistake { what: "a quotient of floats is turned round", make: |it| ops(it, &mut quotient_turned_round) },
    Mistake { what: "the history is off by one candle", make: |it| ops(it, &mut off_by_one) },
    Mistake { what: "a computed index reads the current candle", make: |it| ops(it, &mut index_ignored) },
    Mistake { what: "a slot is not written", make: |it| steps(it, &mut slot_not_written) },
    Mistake { what: "the branches of a choice are exchanged", make: |it| steps(it, &mut exchanged) },
    Mistake { what: "`break` begins the loop again", make: |it| steps(it, &mut leave_is_again) },
    Mistake { what: "what a loop carries is forgotten", make: |it| it.edges.iter_mut().for_each(Vec::clear) },
    Mistake { what: "an error is passed over", make: |it| steps(it, &mut no_giving_up) },
    Mistake { what: "`&&` is `||`", make: |it| ops(it, &mut and_is_or) },
    Mistake { what: "`min` is `max`", make: |it| ops(it, &mut min_is_max) },
    Mistake { what: "loops use no fuel", make: |it| steps(it, &mut no_fuel) },
    Mistake { what: "-x of a float is 0 - x", make: |it| ops(it, &mut negation_by_difference) },
    Mistake { what: "short is long", make: |it| ops(it, &mut short_is_long) },
];

/// Whether the comparison sees a mistake in the program of a seed.
pub fn finds(mistake: &'static Mistake, seed: u64, world: &World) -> bool {
    let change = |script: &mut Script| script.plant(Rc::new(mistake.make));
    matches!(compare_changed(&generate(seed), world, change), Err(Failure::Differs(_)))
}

/// Changes every step, inner ones first.
fn steps(program: &mut Program, change: &mut dyn FnMut(&mut Step)) {
    fn inside(steps: &mut [Step], change: &mut dyn FnMut(&mut Step)) {
        for step in steps {
            match step {
                Step::If(_, one, other) => {
                    inside(one, change);
                    inside(other, change);
                }
                Step::Block(_, steps) | Step::Loop(_, steps) => inside(steps, change),
                _ => {}
            }
            change(step);
        }
    }
    inside(&mut program.steps, change);
    program.edges.iter_mut().for_each(|steps| inside(steps, change));
}

fn ops(program: &mut Program, change: &mut dyn FnMut(&mut Op)) {
    steps(program, &mut |step| {
        if let Step::Set(_, op, _) | Step::Do(op, _) = step {
            change(op);
        }
    });
}

fn less_is_less_or_equal(op: &mut Op) {
    if let Op::CompareFloat(comparison @ Comparison::Less, ..) = op {
        *comparison = Comparison::LessEqual;
    }
}

fn greater_or_equal_holds_of_nan(program: &mut Program) {
    steps(program, &mut |step| {
        if let Step::Set(local, Op::CompareFloat(Comparison::GreaterEqual, a, b), at) = step {
            let less = Step::Set(*local, Op::CompareFloat(Comparison::Less, *a, *b), *at);
            let not = Step::Set(*local, Op::Not(Operand::Local(*local)), *at);
            *step = Step::If(Operand::Bool(true), vec![less, not], Vec::new());
        }
    });
}

fn turned_round(op: &mut Op) {
    if let Op::Int(IntOp::Subtract, a, b) = op {
        std::mem::swap(a, b);
    }
}

fn quotient_turned_round(op: &mut Op) {
    if let Op::Float(FloatOp::Divide, a, b) = op {
        std::mem::swap(a, b);
    }
}

fn off_by_one(op: &mut Op) {
    if let Op::Series(_, back) = op {
        *back = back.saturating_sub(1);
    }
}

fn index_ignored(op: &mut Op) {
    if let Op::SeriesAt(series, _) = op {
        *op = Op::Series(*series, 0);
    }
}

fn slot_not_written(step: &mut Step) {
    if let Step::SetSlot(..) = step {
        *step = Step::Block(u32::MAX, Vec::new());
    }
}

fn exchanged(step: &mut Step) {
    if let Step::If(_, one, other) = step {
        std::mem::swap(one, other);
    }
}

fn leave_is_again(step: &mut Step) {
    if let Step::Loop(label, steps) = step {
        let label = *label;
        for step in steps {
            if let Step::If(_, one, _) = step
                && let Some(Step::Leave(left, edge)) = one.last()
                && *left == label
            {
                let again = Step::Again(label, *edge);
                one.pop();
                one.push(again);
            }
        }
    }
}

fn no_giving_up(step: &mut Step) {
    if let Step::If(_, one, other) = step {
        for steps in [one, other] {
            steps.retain(|step| !matches!(step, Step::GiveUp(_)));
        }
    }
}

fn and_is_or(op: &mut Op) {
    if let Op::BoolAnd(a, b) | Op::BoolAndThen(a, b) = op {
        *op = Op::BoolOr(*a, *b);
    }
}

fn min_is_max(op: &mut Op) {
    if let Op::Call(function @ Function::FloatMin, _) = op {
        *function = Function::FloatMax;
    }
}

fn no_fuel(step: &mut Step) {
    // Not none at all: it shall end.
    if let Step::Fuel(cost) = step {
        *cost = 1;
    }
}

fn negation_by_difference(op: &mut Op) {
    if let Op::FloatNegate(value) = op {
        *op = Op::Float(FloatOp::Subtract, Operand::Float(0.0), *value);
    }
}

fn short_is_long(op: &mut Op) {
    if let Op::CompareInt(_, _, side @ Operand::Int(-1)) = op {
        *side = Operand::Int(1);
    }
}
