//! What a script's `on_candle` comes to: steps over typed locals, with structured control flow.
//!
//! A step that cannot go on, because the interpreter would report an error or because something is rare enough to
//! be left to it, *gives up*: the call has no effect then, and the interpreter runs the candle again from its start.
//! So the compiled tier needs no error messages of its own, and can have none that differ.

use super::syntax::At;
use std::collections::BTreeSet;

/// A local, by its number.
pub type Local = u32;

/// What a local holds. Texts are numbers of texts, and series numbers of series: both are [`Kind::Int`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Int,
    Float,
    Bool,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Operand {
    Local(Local),
    Int(i64),
    Float(f64),
    Bool(bool),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IntOp {
    /// These give up on overflow, the divisions on a divisor of 0 too.
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    /// From here on they never give up.
    And,
    Or,
    Xor,
    Min,
    Max,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FloatOp {
    Add,
    Subtract,
    Multiply,
    Divide,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
}

/// What is done by a call out of the machine code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Function {
    /// These give up where the interpreter has an error.
    IntPower,
    ShiftLeft,
    ShiftRight,
    FloatToInt,
    FloatRemainder,
    FloatPower,
    FloatMin,
    FloatMax,
    Floor,
    Ceil,
    Round,
    Ln,
    Exp,
    Sin,
    Cos,
    Tan,
    /// Properties of `ctx` that few scripts read, by number.
    PropertyFloat,
    PropertyInt,
    PropertyBool,
    /// Value of a series (given by its number) some candles ago; gives up below 0.
    SeriesAt,
    /// The same of what may be a series: its number or −1, its value, how many candles ago.
    TaggedAt,
    /// The value one candle ago of what may be a series: its number or −1, and its value.
    TaggedBefore,
    /// Whether a series (its number or −1, its value) rose, or fell, on each of the last candles.
    Rising,
    Falling,
    /// An action by number, without an argument, or with one.
    Act,
    ActInt,
    ActFloat,
    ActBool,
    ActText,
    /// `ctx.plot`: name and value.
    Plot,
}

impl Function {
    /// Whether it does nothing, and needs to know no more than the series, the row and its arguments.
    pub fn is_quiet(self) -> bool {
        use Function::*;
        !matches!(
            self,
            PropertyFloat | PropertyInt | PropertyBool | Act | ActInt | ActFloat | ActBool | ActText | Plot
        )
    }

    /// Whether it reads a series, whose number is its first argument.
    pub fn reads_series(self) -> bool {
        use Function::*;
        matches!(self, SeriesAt | TaggedAt | TaggedBefore | Rising | Falling)
    }
}

#[derive(Debug, Clone, PartialEq)]
pub enum Op {
    Copy(Operand),
    Int(IntOp, Operand, Operand),
    Float(FloatOp, Operand, Operand),
    /// Gives up at the least integer.
    IntNegate(Operand),
    /// Gives up at the least integer.
    IntAbs(Operand),
    FloatNegate(Operand),
    FloatAbs(Operand),
    Sqrt(Operand),
    IntToFloat(Operand),
    CompareInt(Comparison, Operand, Operand),
    /// As IEEE 754 says: with NaN, only `NotEqual` holds.
    CompareFloat(Comparison, Operand, Operand),
    Not(Operand),
    BoolAnd(Operand, Operand),
    /// The same where the first rarely changes: a question about both may be one jump for each.
    BoolAndThen(Operand, Operand),
    BoolOr(Operand, Operand),
    BoolXor(Operand, Operand),
    /// A value from the table of parameters.
    Parameter(u32, Kind),
    Slot(u32, Kind),
    /// 1 while long, −1 while short, 0 while flat.
    Direction,
    AllowShort,
    /// Value of a series so many candles ago; rows before the first candle are never asked for.
    Series(u32, u32),
    /// The same a computed number of candles ago: gives up below 0, NaN before the first candle.
    SeriesAt(u32, Operand),
    Call(Function, Vec<Operand>),
}

/// A place to leave or to go on from.
pub type Label = u32;

/// What is set on the way of a jump, by its number in [`Program::edges`].
pub type Edge = u32;

#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    Set(Local, Op, At),
    /// For its effect.
    Do(Op, At),
    SetSlot(u32, Operand),
    If(Operand, Vec<Step>, Vec<Step>),
    /// `Leave` goes behind it.
    Block(Label, Vec<Step>),
    /// Again and again; `Again` goes to its start, `Leave` behind it.
    Loop(Label, Vec<Step>),
    Leave(Label, Edge),
    Again(Label, Edge),
    /// Uses up fuel, and gives up when there is none left.
    Fuel(u32),
    GiveUp(At),
}

/// Where the values of a series come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Values {
    /// A price, by its name.
    Price(&'static str),
    /// What `init` declared, by its index among the declared names, and the field.
    Declared(usize, usize),
    /// Declared, but off.
    Nowhere,
}

/// A compiled `on_candle`, before it becomes machine code.
#[derive(Debug, Clone, Default)]
pub struct Program {
    /// What each local holds.
    pub locals: Vec<Kind>,
    pub steps: Vec<Step>,
    pub edges: Vec<Vec<Step>>,
    pub series: Vec<Values>,
    /// Candles that must be before the one in hand.
    pub history: u32,
    pub writes_slots: bool,
    pub reads_slots: bool,
}

impl Program {
    /// The series of which a value is read at every candle, whatever happens.
    pub fn sure_series(&self) -> BTreeSet<u32> {
        let mut found = BTreeSet::new();
        sure_series(&self.steps, &mut found);
        found
    }

    /// The series of which values are read that may be any number of candles ago: of all others none is read from further
    /// back than [`history`](Program::history).
    pub fn series_read_anywhere(&self) -> BTreeSet<u32> {
        let mut found = BTreeSet::new();
        self.edges.iter().chain([&self.steps]).for_each(|steps| self.find_read_anywhere(steps, &mut found));
        found
    }

    fn find_read_anywhere(&self, steps: &[Step], found: &mut BTreeSet<u32>) {
        for step in steps {
            match step {
                Step::Set(_, Op::SeriesAt(series, _), _) | Step::Do(Op::SeriesAt(series, _), _) => {
                    found.insert(*series);
                }
                Step::Set(_, Op::Call(function, arguments), _)
                | Step::Do(Op::Call(function, arguments), _)
                    if function.reads_series() =>
                {
                    match arguments.first() {
                        Some(Operand::Int(series)) => found.extend(u32::try_from(*series)),
                        _ => found.extend(0..self.series.len() as u32),
                    }
                }
                Step::If(_, one, other) => {
                    self.find_read_anywhere(one, found);
                    self.find_read_anywhere(other, found);
                }
                Step::Block(_, steps) | Step::Loop(_, steps) => self.find_read_anywhere(steps, found),
                _ => {}
            }
        }
    }
}

/// Whether what follows the steps is reached for sure.
fn sure_series(steps: &[Step], found: &mut BTreeSet<u32>) -> bool {
    steps.iter().all(|step| match step {
        Step::Set(_, Op::Series(series, _) | Op::SeriesAt(series, _), _) => {
            found.insert(*series);
            true
        }
        Step::Set(..) | Step::Do(..) | Step::SetSlot(..) | Step::Fuel(_) => true,
        Step::If(_, one, other) => {
            let (mut of_one, mut of_other) = (BTreeSet::new(), BTreeSet::new());
            let goes_on = [sure_series(one, &mut of_one), sure_series(other, &mut of_other)];
            found.extend(of_one.intersection(&of_other));
            goes_on == [true, true]
        }
        Step::Block(_, steps) => sure_series(steps, found),
        Step::Loop(_, steps) => {
            sure_series(steps, found);
            false
        }
        Step::Leave(..) | Step::Again(..) | Step::GiveUp(_) => false,
    })
}
