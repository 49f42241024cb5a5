//! From the tree to typed steps: every value gets a type here, or the interpreter keeps what has none.
//!
//! Rhai's variables have no types, so a name has at each point the type of what was assigned last. Where two ways
//! meet with a whole number on one and a float on the other, both are carried along with a mark ([`Val::Num`]).
//! Helpers are inlined, so each call has the types of its own arguments.

use super::ir::{
    Comparison, Edge, FloatOp, Function as Call, IntOp, Kind, Label, Local, Op, Operand, Program, Step,
    Values,
};
use super::runtime::{Takes, action, property};
use super::syntax::{At, Case, Constant, Form, Functions, Loop, Node, Pattern, assigned};
use crate::script::host::OPERATIONS_MAX;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::mem;

/// What a name of `init` is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Declared {
    Series,
    Price(&'static str),
    /// Names of the fields.
    Multi(Vec<&'static str>),
    Off,
    Absent,
    Slot(usize, SlotKind),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SlotKind {
    Int,
    Float,
    Bool,
}

/// The type of a parameter's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ParameterKind {
    Int,
    Float,
    Bool,
    Text,
}

/// What a script is, besides its functions: the machine code holds for all parameters that leave this the same.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Shape {
    pub declared: Vec<(String, Declared)>,
    pub parameters: Vec<(String, ParameterKind)>,
}

/// Something outside the compiled subset, in an author's words.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Outside {
    pub at: At,
    pub what: Cow<'static, str>,
}

/// Numbers of texts; the same text has the same number everywhere.
#[derive(Debug, Default)]
pub struct Texts(Vec<String>);

impl Texts {
    pub fn number(&mut self, text: &str) -> usize {
        let known = self.0.iter().position(|it| it == text);
        known.unwrap_or_else(|| {
            self.0.push(text.to_owned());
            self.0.len() - 1
        })
    }

    pub fn get(&self, number: usize) -> Option<&str> {
        self.0.get(number).map(String::as_str)
    }
}

/// What a program is made from.
pub struct Input<'a> {
    pub functions: &'a Functions,
    pub constants: &'a BTreeMap<String, Constant>,
    pub shape: &'a Shape,
    pub texts: &'a mut Texts,
}

/// Calls inside calls that are inlined.
const DEPTH_MAX: usize = 24;
/// Nodes that a program may have, helpers counted at each call.
const NODES_MAX: u32 = 20_000;
/// Operations that the interpreter may count for one node.
const OPERATIONS_PER_NODE: u32 = 4;
/// A longer way back is looked up when it is asked for.
const HISTORY_MAX: i64 = 512;

/// Lowers `on_candle`. What is left to the interpreter in branches that may not be taken comes along.
pub fn lower(input: Input) -> Result<(Program, Vec<Outside>), Outside> {
    let key = ("on_candle".to_owned(), 2);
    let Some(function) = input.functions.get(&key) else {
        return Err(Outside { at: At::default(), what: "there is no on_candle(ctx, p)".into() });
    };
    let mut lowering = Lowering {
        input,
        program: Program::default(),
        steps: Vec::new(),
        env: Vec::new(),
        loops: Vec::new(),
        calls: Vec::new(),
        labels: 0,
        nodes: 0,
        left: Vec::new(),
    };
    let [ctx, p] = function.parameters.as_slice() else {
        return Err(Outside { at: function.body.at, what: "an on_candle with other arguments".into() });
    };
    match lowering.inline("on_candle", vec![(ctx.clone(), Val::Ctx), (p.clone(), Val::P)], &function.body) {
        Ok(_) | Err(Stop::Ends) => {}
        Err(Stop::Outside(outside)) => return Err(outside),
    }
    lowering.program.steps = lowering.steps;
    lowering.left.sort();
    lowering.left.dedup();
    Ok((lowering.program, lowering.left))
}

/// Fuel at the start, less what a call without loops uses.
pub const FUEL: i64 = OPERATIONS_MAX as i64 - (NODES_MAX * OPERATIONS_PER_NODE) as i64;

/// A value as far as it is known.
#[derive(Debug, Clone, PartialEq)]
enum Val {
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
enum Class {
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
    fn class(&self) -> Class {
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
    fn join(self, other: Class) -> Class {
        use Class::{Float, Int, Mixed, Num, Tagged};
        match (self, other) {
            (a, b) if a == b => a,
            (Float | Tagged, Float | Tagged) => Tagged,
            (Int | Float | Tagged | Num, Int | Float | Tagged | Num) => Num,
            _ => Mixed,
        }
    }
}

/// Steps of a way that may not be taken; its value and variables, if it does not end.
type Branch = (Vec<Step>, Option<(Val, Vec<Val>)>);

/// Why nothing comes after this.
enum Stop {
    /// Every way from here leads elsewhere.
    Ends,
    Outside(Outside),
}

type Lowered<T = Val> = Result<T, Stop>;

#[derive(Debug, Clone, PartialEq)]
struct Variable {
    name: String,
    val: Val,
}

/// One way to a place where ways meet: what is set on it, and the values it brings.
struct Way {
    edge: Edge,
    env: Vec<Val>,
    val: Val,
}

struct LoopFrame {
    label: Label,
    /// How many variables there were before it.
    depth: usize,
    breaks: Vec<Way>,
    agains: Vec<Way>,
}

struct CallFrame {
    name: String,
    label: Label,
    returns: Vec<Way>,
}

struct Lowering<'a> {
    input: Input<'a>,
    program: Program,
    steps: Vec<Step>,
    env: Vec<Variable>,
    loops: Vec<LoopFrame>,
    calls: Vec<CallFrame>,
    labels: Label,
    nodes: u32,
    left: Vec<Outside>,
}

const NO_SERIES: Operand = Operand::Int(-1);

impl Lowering<'_> {
    fn local(&mut self, kind: Kind) -> Local {
        self.program.locals.push(kind);
        (self.program.locals.len() - 1) as Local
    }

    fn set(&mut self, kind: Kind, op: Op, at: At) -> Operand {
        let local = self.local(kind);
        self.steps.push(Step::Set(local, op, at));
        Operand::Local(local)
    }

    fn int(&mut self, op: Op, at: At) -> Val {
        Val::Int(self.set(Kind::Int, op, at))
    }

    fn float(&mut self, op: Op, at: At) -> Val {
        Val::Float(self.set(Kind::Float, op, at))
    }

    fn bool(&mut self, op: Op, at: At) -> Val {
        Val::Bool(self.set(Kind::Bool, op, at))
    }

    fn label(&mut self) -> Label {
        self.labels += 1;
        self.labels
    }

    fn edge(&mut self) -> Edge {
        self.program.edges.push(Vec::new());
        (self.program.edges.len() - 1) as Edge
    }

    /// Here the interpreter has an error, or takes over.
    fn give_up<T>(&mut self, at: At) -> Lowered<T> {
        self.steps.push(Step::GiveUp(at));
        Err(Stop::Ends)
    }

    fn outside<T>(&self, what: impl Into<Cow<'static, str>>, at: At) -> Lowered<T> {
        Err(Stop::Outside(Outside { at, what: what.into() }))
    }

    fn vals(&self) -> Vec<Val> {
        self.env.iter().map(|variable| variable.val.clone()).collect()
    }

    fn restore(&mut self, vals: Vec<Val>) {
        self.env.truncate(vals.len());
        for (variable, val) in self.env.iter_mut().zip(vals) {
            variable.val = val;
        }
    }

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

    /// One value for several, one from each way; what has to be set on each.
    fn merge(&mut self, vals: &[&Val]) -> (Val, Vec<Vec<Step>>) {
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
    fn fresh(&mut self, class: Class) -> Val {
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
    fn assign(&mut self, target: &Val, val: &Val, steps: &mut Vec<Step>) {
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
    fn choose(
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
    fn split(&mut self, val: Val, act: &mut dyn FnMut(&mut Self, Val) -> Lowered) -> Lowered {
        let Val::Num { is_float, int, float, tag } = val else { return act(self, val) };
        let act = std::cell::RefCell::new(act);
        self.choose(
            is_float,
            |this| (*act.borrow_mut())(this, Val::Tagged { value: float, tag }),
            |this| (*act.borrow_mut())(this, Val::Int(int)),
        )
    }

    fn series(&mut self, values: Values) -> Val {
        let known = self.program.series.iter().position(|it| *it == values);
        let number = known.unwrap_or_else(|| {
            self.program.series.push(values);
            self.program.series.len() - 1
        });
        Val::Series(number as u32)
    }

    /// A series' value a known number of candles ago.
    fn ago(&mut self, series: u32, back: u32, at: At) -> Operand {
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
    fn number(&mut self, val: &Val, at: At) -> Option<Operand> {
        Some(match val {
            Val::Float(value) | Val::Tagged { value, .. } => *value,
            Val::Series(series) => self.ago(*series, 0, at),
            Val::Int(Operand::Int(value)) => Operand::Float(*value as f64),
            Val::Int(value) => self.set(Kind::Float, Op::IntToFloat(*value), at),
            _ => return None,
        })
    }

    /// A value that has to be true or false.
    fn condition(&mut self, node: &Node) -> Lowered<Operand> {
        match self.node(node)? {
            Val::Bool(value) => Ok(value),
            Val::Mixed => self.outside("a value of several types", node.at),
            _ => self.give_up(node.at),
        }
    }

    fn node(&mut self, node: &Node) -> Lowered {
        self.nodes += 1;
        if self.nodes > NODES_MAX {
            return self.outside("more than the compiler takes", node.at);
        }
        let at = node.at;
        match &node.form {
            Form::Constant(constant) => Ok(self.constant(constant)),
            Form::Variable(name) => match self.env.iter().rev().find(|it| it.name == *name) {
                Some(variable) => Ok(variable.val.clone()),
                None => self.outside(format!("variable `{name}`"), at),
            },
            Form::Global(name) => match self.input.constants.get(name).cloned() {
                Some(constant) => Ok(self.constant(&constant)),
                None => self.outside(format!("constant `{name}`"), at),
            },
            Form::Property(base, name) => {
                let base = self.node(base)?;
                self.property(&base, name, at)
            }
            Form::Index(base, index) => self.index(base, index, at),
            Form::Method(base, name, arguments) => self.method(base, name, arguments, at),
            Form::Call(name, arguments) => self.call(name, arguments, at),
            Form::Operator(symbol, operands) => {
                let vals = self.arguments(operands, at)?;
                self.operator(symbol, &vals, at)
            }
            Form::And(parts) => self.all(parts, true),
            Form::Or(parts) => self.all(parts, false),
            Form::Block(nodes) => self.block(nodes),
            Form::If(parts) => {
                let (condition, then, otherwise) = &**parts;
                let condition = self.condition(condition)?;
                self.choose(condition, |this| this.node(then), |this| this.node(otherwise))
            }
            Form::Switch(value, cases, default) => {
                let value = self.node(value)?;
                self.switch(&value, cases, default.as_deref(), at)
            }
            Form::Loop(kind, body) => {
                let mut names = Vec::new();
                assigned(body, &mut names);
                if let Loop::While(condition) | Loop::Do(condition, _) = &**kind {
                    assigned(condition, &mut names);
                }
                self.repeat(&names, at, &mut |this| this.loop_body(kind, body))
            }
            Form::For { name, counter, from, to, inclusive, body } => {
                let (from, to) = (self.node(from)?, self.node(to)?);
                let (Val::Int(from), Val::Int(to)) = (&from, &to) else {
                    return match (&from, &to) {
                        (Val::Mixed | Val::Num { .. }, _) | (_, Val::Mixed | Val::Num { .. }) => {
                            self.outside("a range of what may be no whole number", at)
                        }
                        // A range of floats is something else, and nothing goes through it.
                        _ => self.give_up(at),
                    };
                };
                self.count(name, counter.as_deref(), (*from, *to), *inclusive, body, at)
            }
            Form::Let(name, value) => {
                let val = self.node(value)?;
                self.env.push(Variable { name: name.clone(), val });
                Ok(Val::Unit)
            }
            Form::Assign(operator, target, value) => self.assignment(*operator, target, value, at),
            Form::Break(value) => {
                let val = match value {
                    Some(value) => self.node(value)?,
                    None => Val::Unit,
                };
                let (edge, env) = (self.edge(), self.vals());
                let Some(frame) = self.loops.last_mut() else { return self.outside("`break`", at) };
                let (label, depth) = (frame.label, frame.depth);
                frame.breaks.push(Way { edge, env: env[..depth].to_vec(), val });
                self.steps.push(Step::Leave(label, edge));
                Err(Stop::Ends)
            }
            Form::Continue => {
                self.again(at)?;
                Err(Stop::Ends)
            }
            Form::Return(value) => {
                let val = match value {
                    Some(value) => self.node(value)?,
                    None => Val::Unit,
                };
                let edge = self.edge();
                let Some(frame) = self.calls.last_mut() else { return self.outside("`return`", at) };
                frame.returns.push(Way { edge, env: Vec::new(), val });
                let label = frame.label;
                self.steps.push(Step::Leave(label, edge));
                Err(Stop::Ends)
            }
            Form::Throw => self.give_up(at),
            Form::Outside(what) => self.outside(*what, at),
        }
    }

    fn constant(&mut self, constant: &Constant) -> Val {
        match constant {
            Constant::Unit => Val::Unit,
            Constant::Int(value) => Val::Int(Operand::Int(*value)),
            Constant::Float(value) => Val::Float(Operand::Float(*value)),
            Constant::Bool(value) => Val::Bool(Operand::Bool(*value)),
            Constant::Text(text) => Val::Text(Operand::Int(self.input.texts.number(text) as i64)),
        }
    }

    fn block(&mut self, nodes: &[Node]) -> Lowered {
        let depth = self.env.len();
        let mut last = Val::Unit;
        for node in nodes {
            last = self.node(node)?;
        }
        self.env.truncate(depth);
        Ok(last)
    }

    /// `&&` and `||`: what follows is only looked at where it decides.
    fn all(&mut self, parts: &[Node], and: bool) -> Lowered {
        let Some((first, rest)) = parts.split_first() else { return Ok(Val::Bool(Operand::Bool(and))) };
        let one = self.condition(first)?;
        if rest.is_empty() {
            return Ok(Val::Bool(one));
        }
        let before = self.vals();
        let (steps, end) = self.branch(|this| this.all(rest, and));
        if let Some((Val::Bool(two), env)) = &end
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

    /// Arguments in the order in which the interpreter looks at them.
    fn arguments(&mut self, nodes: &[Node], at: At) -> Lowered<Vec<Val>> {
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

    fn property(&mut self, base: &Val, name: &str, at: At) -> Lowered {
        match base {
            Val::Ctx => self.ctx_property(name, at),
            Val::P => {
                let found = self.input.shape.parameters.iter().position(|(known, _)| known == name);
                let Some(index) = found else { return self.give_up(at) };
                let number = index as u32;
                Ok(match self.input.shape.parameters[index].1 {
                    ParameterKind::Int => self.int(Op::Parameter(number, Kind::Int), at),
                    ParameterKind::Float => self.float(Op::Parameter(number, Kind::Float), at),
                    ParameterKind::Bool => self.bool(Op::Parameter(number, Kind::Bool), at),
                    ParameterKind::Text => {
                        Val::Text(self.set(Kind::Int, Op::Parameter(number, Kind::Int), at))
                    }
                })
            }
            Val::Multi(index) => {
                let declared = self.input.shape.declared.get(*index).map(|(_, declared)| declared);
                let field = match declared {
                    Some(Declared::Multi(fields)) => fields.iter().position(|field| *field == name),
                    _ => None,
                };
                match field {
                    Some(field) => Ok(self.series(Values::Declared(*index, field))),
                    None => self.give_up(at),
                }
            }
            Val::Mixed => self.outside("a value of several types", at),
            _ => self.outside(format!("property `{name}` of a value"), at),
        }
    }

    fn ctx_property(&mut self, name: &str, at: At) -> Lowered {
        let direction = |this: &mut Self, wanted| {
            let direction = this.set(Kind::Int, Op::Direction, at);
            Ok(this.bool(Op::CompareInt(Comparison::Equal, direction, Operand::Int(wanted)), at))
        };
        match name {
            "is_flat" => return direction(self, 0),
            "is_long" => return direction(self, 1),
            "is_short" => return direction(self, -1),
            "allow_short" => return Ok(self.bool(Op::AllowShort, at)),
            _ => {}
        }
        const PRICES: [&str; 8] = ["open", "high", "low", "close", "volume", "hl2", "hlc3", "ohlc4"];
        if let Some(price) = PRICES.into_iter().find(|price| *price == name) {
            return Ok(self.series(Values::Price(price)));
        }
        if let Some((number, kind)) = property(name) {
            let number = vec![Operand::Int(number)];
            return Ok(match kind {
                Kind::Int => self.int(Op::Call(Call::PropertyInt, number), at),
                Kind::Float => self.float(Op::Call(Call::PropertyFloat, number), at),
                Kind::Bool => self.bool(Op::Call(Call::PropertyBool, number), at),
            });
        }
        let Some(index) = self.input.shape.declared.iter().position(|(known, _)| known == name) else {
            return self.give_up(at);
        };
        match self.input.shape.declared[index].1.clone() {
            Declared::Series => Ok(self.series(Values::Declared(index, 0))),
            Declared::Price(price) => Ok(self.series(Values::Price(price))),
            Declared::Multi(_) => Ok(Val::Multi(index)),
            Declared::Off => Ok(self.series(Values::Nowhere)),
            Declared::Absent => self.give_up(at),
            Declared::Slot(slot, kind) => {
                self.program.reads_slots = true;
                let slot = slot as u32;
                Ok(match kind {
                    SlotKind::Int => self.int(Op::Slot(slot, Kind::Int), at),
                    SlotKind::Float => self.float(Op::Slot(slot, Kind::Float), at),
                    SlotKind::Bool => self.bool(Op::Slot(slot, Kind::Bool), at),
                })
            }
        }
    }

    fn index(&mut self, base: &Node, index: &Node, at: At) -> Lowered {
        // The index is looked at first.
        let back = self.node(index)?;
        let base_val = self.node(base)?;
        self.split(back, &mut |this, back| match (&base_val, back) {
            (Val::Mixed, _) | (_, Val::Mixed) => this.outside("a value of several types", at),
            (Val::Int(_) | Val::Text(_), _) => this.outside("a bit or a character by its index", at),
            (Val::Series(series), Val::Int(back)) => this.series_ago(*series, back, at),
            (Val::Tagged { value, tag }, Val::Int(back)) => {
                let call = Op::Call(Call::TaggedAt, vec![*tag, *value, back]);
                Ok(this.float(call, at))
            }
            (Val::Num { is_float, float, tag, .. }, Val::Int(back)) => this.choose(
                *is_float,
                |this| Ok(this.float(Op::Call(Call::TaggedAt, vec![*tag, *float, back]), at)),
                |this| this.outside("a bit or a character by its index", at),
            ),
            // Only a series has a history, and only whole numbers go back.
            _ => this.give_up(at),
        })
    }

    fn series_ago(&mut self, series: u32, back: Operand, at: At) -> Lowered {
        match back {
            Operand::Int(back) if back < 0 => self.give_up(at),
            Operand::Int(back) if back <= HISTORY_MAX => Ok(Val::Float(self.ago(series, back as u32, at))),
            back => {
                let derived = match self.program.series.get(series as usize) {
                    Some(Values::Price(name)) => matches!(*name, "hl2" | "hlc3" | "ohlc4"),
                    Some(Values::Nowhere) | None => true,
                    Some(Values::Declared(..)) => false,
                };
                let op = if derived {
                    Op::Call(Call::SeriesAt, vec![Operand::Int(i64::from(series)), back])
                } else {
                    Op::SeriesAt(series, back)
                };
                Ok(self.float(op, at))
            }
        }
    }

    fn method(&mut self, base: &Node, name: &str, arguments: &[Node], at: At) -> Lowered {
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

    fn call(&mut self, name: &str, arguments: &[Node], at: At) -> Lowered {
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

    fn inline(&mut self, name: &str, arguments: Vec<(String, Val)>, body: &Node) -> Lowered {
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

    fn again(&mut self, at: At) -> Lowered<()> {
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
    fn repeat(&mut self, names: &[&str], at: At, body: &mut dyn FnMut(&mut Self) -> Lowered<()>) -> Lowered {
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

    fn loop_body(&mut self, kind: &Loop, body: &Node) -> Lowered<()> {
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
    fn count(
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
                this.env.push(Variable { name: counter.to_owned(), val: Val::Int(index) });
            }
            this.env.push(Variable { name: name.to_owned(), val: Val::Int(item) });
            this.node(body)?;
            this.env.truncate(depth);
            this.again(at)
        })
    }

    fn switch(&mut self, value: &Val, cases: &[Case], default: Option<&Node>, at: At) -> Lowered {
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

    fn assignment(&mut self, operator: Option<&'static str>, target: &Node, value: &Node, at: At) -> Lowered {
        let new = self.node(value)?;
        match &target.form {
            Form::Variable(name) => {
                let Some(index) = self.env.iter().rposition(|it| it.name == *name) else {
                    return self.outside(format!("variable `{name}`"), at);
                };
                let val = match operator {
                    None => new,
                    Some(symbol) => {
                        let old = self.env[index].val.clone();
                        self.in_place(symbol, old, new, at)?
                    }
                };
                self.env[index].val = val;
                Ok(Val::Unit)
            }
            Form::Property(base, name) => {
                let base = self.node(base)?;
                if base != Val::Ctx {
                    return self.outside("an assignment to this", at);
                }
                let new = match operator {
                    None => new,
                    Some(symbol) => {
                        let old = self.ctx_property(name, target.at)?;
                        self.operator(symbol, &[old, new], at)?
                    }
                };
                self.set_slot(name, new, target.at)
            }
            _ => self.outside("an assignment to this", at),
        }
    }

    fn set_slot(&mut self, name: &str, new: Val, at: At) -> Lowered {
        let declared = self.input.shape.declared.iter().find(|(known, _)| known == name);
        let Some((_, Declared::Slot(slot, kind))) = declared else { return self.give_up(at) };
        let (slot, kind) = (*slot as u32, *kind);
        self.split(new, &mut |this, new| {
            let value = match (kind, &new) {
                (SlotKind::Int, Val::Int(value)) | (SlotKind::Bool, Val::Bool(value)) => *value,
                (SlotKind::Float, new) => match this.number(new, at) {
                    Some(value) => value,
                    None if *new == Val::Mixed => return this.outside("a value of several types", at),
                    None => return this.give_up(at),
                },
                (_, Val::Mixed) => return this.outside("a value of several types", at),
                _ => return this.give_up(at),
            };
            this.program.writes_slots = true;
            this.steps.push(Step::SetSlot(slot, value));
            Ok(Val::Unit)
        })
    }

    /// `x += y` and the like: a float is changed in place, and goes on standing for its series.
    fn in_place(&mut self, symbol: &'static str, old: Val, new: Val, at: At) -> Lowered {
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

    fn operator(&mut self, symbol: &'static str, vals: &[Val], at: At) -> Lowered {
        match vals {
            [val] => self.split(val.clone(), &mut |this, val| this.unary(symbol, &val, at)),
            [a, b] => self.split(a.clone(), &mut |this, a| {
                this.split(b.clone(), &mut |this, b| this.binary(symbol, &a, &b, at))
            }),
            _ => self.outside("this operator", at),
        }
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
        Ok(self.bool(Op::BoolAnd(before, now), at))
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
