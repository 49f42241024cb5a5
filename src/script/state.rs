//! What the registered API reads and writes: one per script, shared with the closures inside `rhai::Engine`.
//!
//! A series travels through a script as a float whose Dynamic tag says which series it is: arithmetic sees
//! its current value at no cost, and `x[n]`, `crossed_above(x, y)` still know where it came from. A
//! multi-output indicator is a tagged unit, of use only through its fields.

use super::api::Registered;
use crate::engine::{Column, DataHandler, Intents, Moment, Protection, Standing};
use crate::indicators::Spec;
use crate::model::{Candles, Direction, Price};
use rhai::Dynamic;
use serde::{Deserialize, Serialize};
use std::cell::{Cell, RefCell};
use std::sync::Arc;

/// Which call the script is in: what it may ask for depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// `params()` and `init(p)`.
    Load,
    Candle,
    /// `on_fill` and `on_exit`.
    Handler,
}

/// A name that `init` put into its map.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Entry {
    /// One series; index of its column.
    Series(usize),
    /// A series that is a plain price.
    Price(Price),
    /// Several series; index of the first column, and the indicator that names the fields.
    Multi(usize, Arc<Spec>),
    /// Declared but off: every read is NaN.
    Off,
    /// Declared with other parameters, not with these.
    Absent,
    /// A state slot.
    Slot(usize),
}

/// A state slot's value. Its type is fixed by `init`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Slot {
    Int(i64),
    #[serde(with = "any_float")]
    Float(f64),
    Bool(bool),
}

impl Slot {
    /// Its type, in a script author's words.
    pub fn kind(self) -> &'static str {
        match self {
            Slot::Int(_) => "a whole number",
            Slot::Float(_) => "a number",
            Slot::Bool(_) => "true or false",
        }
    }

    pub fn is_like(self, other: Slot) -> bool {
        std::mem::discriminant(&self) == std::mem::discriminant(&other)
    }
}

/// A float as a number, or as a text where JSON has no number for it.
mod any_float {
    use serde::{Deserialize, Deserializer, Serializer};

    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        Number(f64),
        Text(String),
    }

    pub fn serialize<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
        if value.is_finite() {
            serializer.serialize_f64(*value)
        } else {
            serializer.serialize_str(&value.to_string())
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
        match Either::deserialize(deserializer)? {
            Either::Number(value) => Ok(value),
            Either::Text(text) => text.parse().map_err(serde::de::Error::custom),
        }
    }
}

/// The position as a script sees it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Held {
    pub direction: Direction,
    pub quantity: f64,
    pub entry_price: f64,
    pub candles_held: i64,
    pub protection: Protection,
}

/// The account and the moment as a script sees them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Now {
    pub row: usize,
    pub index: usize,
    pub equity: f64,
    pub cash: f64,
    pub allow_short: bool,
    pub standing: Standing,
    pub held: Option<Held>,
}

impl Now {
    pub fn new(moment: &Moment<'_>) -> Self {
        Now {
            row: moment.row,
            index: moment.index,
            equity: moment.equity,
            cash: moment.cash,
            allow_short: moment.allow_short,
            standing: moment.standing,
            held: moment.position.map(|position| Held {
                direction: position.direction,
                quantity: position.quantity,
                entry_price: position.entry_price,
                candles_held: position.candles_held(moment.row) as i64,
                protection: position.protection,
            }),
        }
    }
}

/// The data a script is bound to.
#[derive(Default)]
pub(super) struct Data {
    pub candles: Arc<Candles>,
    pub columns: Vec<Column>,
}

impl Data {
    pub fn price(&self, price: Price, row: usize) -> f64 {
        match self.candles.column(price) {
            Some(column) => column.get(row).copied().unwrap_or(f64::NAN),
            None if row < self.candles.len() => price.of(&self.candles.get(row)),
            None => f64::NAN,
        }
    }
}

const FIRST_COLUMN: i32 = 1 + Price::ALL.len() as i32;
const OFF: i32 = i32::MAX;

/// A series, as the tag of a float names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Series {
    Price(Price),
    Column(usize),
    Off,
}

impl Series {
    fn tag(self) -> i32 {
        match self {
            Series::Price(price) => 1 + price as i32,
            Series::Column(column) => FIRST_COLUMN + column as i32,
            Series::Off => OFF,
        }
    }

    fn from_tag(tag: i32) -> Option<Series> {
        match tag {
            OFF => Some(Series::Off),
            1..FIRST_COLUMN => Price::ALL.get(tag as usize - 1).copied().map(Series::Price),
            FIRST_COLUMN.. => Some(Series::Column((tag - FIRST_COLUMN) as usize)),
            _ => None,
        }
    }
}

/// Different reasons that are kept; of a script that makes up more, the first.
const NOTES_KEPT: usize = 16;

pub(super) struct State {
    pub data: RefCell<Data>,
    pub now: Cell<Now>,
    pub phase: Cell<Phase>,
    /// What `init` declared, by the index its name got when it was registered.
    pub entries: RefCell<Vec<Entry>>,
    pub slots: RefCell<Vec<Slot>>,
    pub intents: RefCell<Intents>,
    pub plots: RefCell<Vec<String>>,
    /// Reasons that were given, kept as they are given again and again.
    notes: RefCell<Vec<Arc<str>>>,
    pub registered: RefCell<Registered>,
}

impl State {
    pub fn new() -> Self {
        let standing = Standing::default();
        let now = Now { row: 0, index: 0, equity: 0.0, cash: 0.0, allow_short: false, standing, held: None };
        State {
            data: RefCell::default(),
            now: Cell::new(now),
            phase: Cell::new(Phase::Load),
            entries: RefCell::default(),
            slots: RefCell::default(),
            intents: RefCell::default(),
            plots: RefCell::default(),
            notes: RefCell::default(),
            registered: RefCell::default(),
        }
    }

    /// Makes `data` the one that reads go to; whether it was another one.
    #[inline]
    pub fn bind(&self, data: &DataHandler) -> bool {
        let mut bound = self.data.borrow_mut();
        let other =
            !Arc::ptr_eq(&bound.candles, data.candles()) || bound.columns.len() != data.columns().len();
        if other {
            *bound = Data { candles: data.candles().clone(), columns: data.columns().to_vec() };
        }
        other
    }

    /// A reason as the engine keeps it.
    pub fn note(&self, text: &str) -> Arc<str> {
        let mut notes = self.notes.borrow_mut();
        if let Some(known) = notes.iter().find(|known| &***known == text) {
            return known.clone();
        }
        let note: Arc<str> = text.into();
        if notes.len() < NOTES_KEPT {
            notes.push(note.clone());
        }
        note
    }

    /// Value of a series `back` closed candles ago; NaN before the first candle.
    pub fn value(&self, series: Series, back: usize) -> f64 {
        self.value_at(series, self.now.get().row, back)
    }

    /// Value of a series `back` candles before the one in `row`; NaN before the first candle.
    pub fn value_at(&self, series: Series, row: usize, back: usize) -> f64 {
        let Some(row) = row.checked_sub(back) else { return f64::NAN };
        let data = self.data.borrow();
        match series {
            Series::Price(price) => data.price(price, row),
            Series::Column(column) => data
                .columns
                .get(column)
                .and_then(|column| column.values().get(row))
                .copied()
                .unwrap_or(f64::NAN),
            Series::Off => f64::NAN,
        }
    }

    /// A series as a script holds it.
    pub fn series(&self, series: Series) -> Dynamic {
        let mut value = Dynamic::from_float(self.value(series, 0));
        value.set_tag(series.tag());
        value
    }

    /// The series a value stands for, unless it is an ordinary number.
    pub fn series_of(&self, value: &Dynamic) -> Option<Series> {
        let series = Series::from_tag(value.tag())?;
        // An operator like `+=` changes a value in place and leaves the tag behind.
        let held = value.as_float().ok()?;
        let current = self.value(series, 0);
        (held.to_bits() == current.to_bits() || (held.is_nan() && current.is_nan())).then_some(series)
    }

    /// Reads what `init` declared under the name with this index.
    /// `None` where it did not.
    pub fn read(&self, index: usize) -> Option<Dynamic> {
        Some(match self.entries.borrow().get(index)? {
            Entry::Absent => return None,
            Entry::Series(column) => self.series(Series::Column(*column)),
            Entry::Price(price) => self.series(Series::Price(*price)),
            Entry::Off => self.series(Series::Off),
            Entry::Multi(..) => {
                let mut value = Dynamic::UNIT;
                value.set_tag(1 + index as i32);
                value
            }
            Entry::Slot(slot) => match self.slots.borrow()[*slot] {
                Slot::Int(value) => Dynamic::from_int(value),
                Slot::Float(value) => Dynamic::from_float(value),
                Slot::Bool(value) => Dynamic::from_bool(value),
            },
        })
    }

    /// The field called `name` of a multi-output value.
    pub fn field(&self, value: &Dynamic, name: &str) -> Option<Dynamic> {
        let index = usize::try_from(value.tag()).ok().filter(|_| value.is_unit())?.checked_sub(1)?;
        match self.entries.borrow().get(index)? {
            Entry::Multi(first, spec) => {
                let field = spec.definition.fields.iter().position(|field| *field == name)?;
                Some(self.series(Series::Column(first + field)))
            }
            _ => None,
        }
    }
}
