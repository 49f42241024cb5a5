//! The API that scripts see: everything registered with `rhai::Engine`, each item described where it is
//! registered. `mista api` prints these descriptions; the linter's vocabulary is made of them.

mod act;
mod declare;
mod events;
mod functions;
mod read;

pub(super) use declare::{Declared, DeclaredParameter, plain_value};
pub(super) use events::{FillView, TradeView};
#[cfg(feature = "native")]
pub(super) use functions::{float_max, float_min};
pub(super) use read::register_entry;

use super::state::State;
use rhai::{Dynamic, Engine, EvalAltResult, Position};
use std::rc::Rc;
use std::sync::Arc;

/// The first argument of the handlers. All it stands for is in [`State`].
#[derive(Debug, Clone, Copy)]
pub(super) struct Ctx;

/// The `p` of the handlers; its values are in the getters' shared table.
#[derive(Debug, Clone, Copy)]
pub(super) struct P;

/// Where an item can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// A series for indicators, in `init(p)`.
    Constant,
    /// In `params()`.
    Params,
    /// In `init(p)`.
    Init,
    /// Anywhere.
    Anywhere,
    /// `ctx.name`, read.
    Property,
    /// `ctx.name(..)`.
    Action,
    /// `fill.name` in `on_fill`.
    Fill,
    /// `trade.name` in `on_exit`.
    Trade,
}

/// What reading an item gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gives {
    Nothing,
    Number,
    Bool,
    Text,
    Series,
}

/// One registered item.
#[derive(Debug, Clone)]
pub struct Item {
    pub place: Place,
    pub name: String,
    /// Names of the arguments; a `?` at the end marks one that may be left out.
    pub arguments: Vec<&'static str>,
    pub gives: Gives,
    pub doc: String,
}

impl Item {
    /// `name(a, b)`, or the bare name of what takes no arguments.
    pub fn signature(&self) -> String {
        match (self.place, self.arguments.as_slice()) {
            (Place::Constant | Place::Property | Place::Fill | Place::Trade, _) => self.name.clone(),
            (_, arguments) => format!("{}({})", self.name, arguments.join(", ")),
        }
    }
}

type Fault = Box<EvalAltResult>;
type Answer<T> = Result<T, Fault>;

/// An action of `ctx`.
#[derive(Clone)]
#[cfg_attr(not(feature = "native"), allow(dead_code))]
pub(super) enum Act {
    /// For a reason.
    Decision(Rc<Decide>),
    /// With the arguments behind `ctx`.
    Values(Rc<Take>),
}

type Decide = dyn Fn(&State, Arc<str>) -> Answer<()>;
type Take = dyn Fn(&State, &mut [Dynamic]) -> Answer<()>;

/// What reads a property of `ctx`.
#[derive(Clone)]
#[cfg_attr(not(feature = "native"), allow(dead_code))]
pub(super) enum Reader {
    Float(Rc<dyn Fn(&State) -> f64>),
    Int(Rc<dyn Fn(&State) -> i64>),
    Bool(Rc<dyn Fn(&State) -> bool>),
}

/// A value that a property can have.
trait Readable: rhai::Variant + Clone {
    /// `None` for what only a script can hold.
    fn reader(read: Rc<dyn Fn(&State) -> Self>) -> Option<Reader>;
}

impl Readable for f64 {
    fn reader(read: Rc<dyn Fn(&State) -> f64>) -> Option<Reader> {
        Some(Reader::Float(read))
    }
}

impl Readable for i64 {
    fn reader(read: Rc<dyn Fn(&State) -> i64>) -> Option<Reader> {
        Some(Reader::Int(read))
    }
}

impl Readable for bool {
    fn reader(read: Rc<dyn Fn(&State) -> bool>) -> Option<Reader> {
        Some(Reader::Bool(read))
    }
}

impl Readable for Dynamic {
    fn reader(_: Rc<dyn Fn(&State) -> Dynamic>) -> Option<Reader> {
        None
    }
}

/// What was registered, for a tier that does not go through Rhai's engine: the same code behind both.
#[derive(Default)]
pub(super) struct Registered {
    acts: Vec<(&'static str, Act)>,
    readers: Vec<(&'static str, Reader)>,
}

#[cfg(feature = "native")]
impl Registered {
    pub fn act(&self, name: &str) -> Option<Act> {
        self.acts.iter().find(|(known, _)| *known == name).map(|(_, act)| act.clone())
    }

    pub fn reader(&self, name: &str) -> Option<Reader> {
        self.readers.iter().find(|(known, _)| *known == name).map(|(_, reader)| reader.clone())
    }
}

pub(super) fn fault(message: impl Into<String>) -> Fault {
    Box::new(EvalAltResult::ErrorRuntime(Dynamic::from(message.into()), Position::NONE))
}

/// A number from a script: a float or a whole number.
fn number(value: &Dynamic, what: &str) -> Answer<f64> {
    if let Ok(value) = value.as_float() {
        return Ok(value);
    }
    if value.is_unit() && value.tag() != 0 {
        return Err(fault(format!(
            "{what} must be a number: name a field of the indicator, such as ctx.macd.signal"
        )));
    }
    value
        .as_int()
        .map(|value| value as f64)
        .map_err(|kind| fault(format!("{what} must be a number, {} given", type_of(kind))))
}

fn finite(value: &Dynamic, what: &str) -> Answer<f64> {
    let value = number(value, what)?;
    if value.is_finite() {
        Ok(value)
    } else {
        Err(fault(format!("{what} must be a finite number, {value} given")))
    }
}

/// A Rhai type name in an author's words.
fn type_of(name: &str) -> &str {
    match name {
        "()" => "nothing",
        "i64" | "f64" => "a number",
        "bool" => "true or false",
        "string" => "a text",
        other => other,
    }
}

/// Registers everything that scripts can use, and gives the descriptions.
pub(super) fn register(engine: &mut Engine, state: &Rc<State>) -> Vec<Item> {
    let mut registrar = Registrar { engine, state: state.clone(), items: Vec::new() };
    registrar.all();
    registrar.items
}

/// Registers items and keeps their descriptions.
struct Registrar<'a> {
    engine: &'a mut Engine,
    state: Rc<State>,
    items: Vec<Item>,
}

impl Registrar<'_> {
    fn describe(
        &mut self,
        place: Place,
        name: &str,
        arguments: &[&'static str],
        gives: Gives,
        doc: impl Into<String>,
    ) {
        let doc = doc.into();
        self.items.push(Item { place, name: name.to_owned(), arguments: arguments.to_vec(), gives, doc });
    }

    fn all(&mut self) {
        self.comparisons();
        self.constants();
        self.parameter_kinds();
        self.indicators();
        self.data();
        self.position();
        self.actions();
        self.series_functions();
        self.math();
        self.fills();
    }
}
