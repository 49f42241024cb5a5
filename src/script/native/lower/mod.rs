//! From the tree to typed steps: every value gets a type here, or the interpreter keeps what has none.
//!
//! Rhai's variables have no types, so a name has at each point the type of what was assigned last. Where two ways
//! meet with a whole number on one and a float on the other, both are carried along with a mark ([`Val::Num`]).
//! Helpers are inlined, so each call has the types of its own arguments.
//!
//! - here: what goes in and comes out, the state of the work, and one node of the tree;
//! - `values`: what is known of a value, and one value for several;
//! - `names`: what a script reads and sets by name;
//! - `operators`, `calls`: what is done with values;
//! - `flow`: which way it goes, and where ways meet.

mod calls;
mod flow;
mod names;
mod operators;
mod values;

use super::ir::{Edge, Kind, Label, Local, Op, Operand, Program, Step};
use super::syntax::{At, Constant, Form, Functions, Loop, Node, assigned};
use crate::script::host::OPERATIONS_MAX;
use rhai::ImmutableString;
use std::borrow::Cow;
use std::collections::BTreeMap;
use values::Val;

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
pub struct Texts(Vec<ImmutableString>);

impl Texts {
    pub fn number(&mut self, text: &str) -> usize {
        let known = self.0.iter().position(|it| it == text);
        known.unwrap_or_else(|| {
            self.0.push(text.into());
            self.0.len() - 1
        })
    }

    pub fn get(&self, number: usize) -> Option<&ImmutableString> {
        self.0.get(number)
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }
}

/// What a program is made from.
pub struct Input<'a> {
    pub functions: &'a Functions,
    pub constants: &'a BTreeMap<String, Constant>,
    pub shape: &'a Shape,
    pub texts: &'a mut Texts,
}

/// Nodes that a program may have, helpers counted at each call.
const NODES_MAX: u32 = 20_000;
/// Operations that the interpreter may count for one node.
const OPERATIONS_PER_NODE: u32 = 4;

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
                self.declare(name, val, at)?;
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
}
