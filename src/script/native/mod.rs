//! The compiled tier: `on_candle` and its helpers as machine code, beside the interpreter.
//!
//! `syntax` reads Rhai's tree, `lower` gives every value a type, `ir` is what comes of it, `machine` makes code of
//! that, and `runtime` is what the code calls back for. Where the code gives up, nothing has happened: the
//! interpreter runs the candle from its start, and what it finds, an error or not, counts.
//!
//! Invariant: what the interpreter would do, the code does to the bit, or gives up.

pub mod ir;
mod lower;
mod machine;
mod runtime;
pub mod syntax;
mod tables;

pub(super) use lower::Outside;

use super::state::{Entry, Phase, Slot, State};
use crate::engine::{DataHandler, Intents, Moment};
use crate::model::Direction;
use ir::Program;
use lower::{Declared, Input, ParameterKind, Shape, SlotKind, Texts};
use machine::{Code, Way};
use rhai::{AST, Dynamic};
use runtime::Host;
use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;
use syntax::{Constant, Functions};
use tables::Tables;

/// Shapes of a script whose code is kept.
const SHAPES_MAX: usize = 16;

/// What changes a program before it becomes code: to see whether a mistake in it would be found.
pub type Planted = Rc<dyn Fn(&mut Program)>;

/// The compiled tier of one script.
pub(super) struct Native {
    functions: Functions,
    constants: BTreeMap<String, Constant>,
    texts: Rc<RefCell<Texts>>,
    host: Host,
    known: Vec<(Shape, Rc<Compiled>)>,
    running: Option<Running>,
    /// Where the candles are that the code is bound to, 0 if there are none, and how many columns.
    bound: (usize, usize),
    planted: Option<Planted>,
}

/// What became of a shape. There are few, each behind a pointer.
#[allow(clippy::large_enum_variant)]
enum Compiled {
    Code {
        code: Code,
        quiet: OnceCell<Option<Code>>,
        program: Program,
        /// [`Program::sure_series`] and [`Program::series_read_anywhere`].
        sure: Vec<u32>,
        anywhere: BTreeSet<u32>,
        left: Vec<Outside>,
    },
    Outside(Outside),
}

/// Code with the parameters and data in force.
struct Running {
    compiled: Rc<Compiled>,
    tables: Tables,
    /// By what is held: how many questions about quiet candles in a row were in vain, and how many are not put therefore.
    in_vain: [(u32, u32); 3],
}

/// After so many questions in vain no more are left out between two than before.
const IN_VAIN_MAX: u32 = 7;

impl Native {
    pub fn new(ast: &AST, text: &str, constants: Vec<(String, Dynamic)>, state: &Rc<State>) -> Native {
        let texts = Rc::new(RefCell::new(Texts::default()));
        let plain = |(name, value): (String, Dynamic)| Some((name, syntax::constant(&value)?));
        Native {
            functions: syntax::read(ast, text),
            constants: constants.into_iter().filter_map(plain).collect(),
            host: Host::new(state.clone(), texts.clone()),
            texts,
            known: Vec::new(),
            running: None,
            bound: (0, 0),
            planted: None,
        }
    }

    /// Mistakes on purpose.
    pub fn plant(&mut self, planted: Planted) {
        self.planted = Some(planted);
        self.known.clear();
        self.forget();
    }

    /// Forgets the parameters and data.
    pub fn forget(&mut self) {
        self.running = None;
        self.bound = (0, 0);
    }

    /// Forgets the data.
    pub fn release(&mut self) {
        self.bound = (0, 0);
        if let Some(running) = &mut self.running {
            running.tables.release();
        }
    }

    pub fn is_ready(&self) -> bool {
        self.running.is_some()
    }

    /// What is left to the interpreter in branches, or why all of it is.
    pub fn outside(&self) -> Result<&[Outside], &Outside> {
        match self.running.as_ref().map(|running| &*running.compiled) {
            Some(Compiled::Code { left, .. }) => Ok(left),
            Some(Compiled::Outside(outside)) => Err(outside),
            None => Ok(&[]),
        }
    }

    /// Makes ready for the parameters in force, by their names and values, and the names that `init` declared.
    pub fn make_ready(&mut self, names: &[String], parameters: (&[String], &[Dynamic])) {
        let entries = self.host.state.entries.borrow();
        let slots = self.host.state.slots.borrow();
        let declared = names.iter().zip(entries.iter()).map(|(name, entry)| {
            let declared = match entry {
                Entry::Series(_) => Declared::Series,
                Entry::Price(price) => Declared::Price(price.name()),
                Entry::Multi(_, spec) => Declared::Multi(spec.definition.fields.to_vec()),
                Entry::Off => Declared::Off,
                Entry::Absent => Declared::Absent,
                Entry::Slot(slot) => {
                    let kind = match slots.get(*slot) {
                        Some(Slot::Bool(_)) => SlotKind::Bool,
                        Some(Slot::Float(_)) => SlotKind::Float,
                        Some(Slot::Int(_)) | None => SlotKind::Int,
                    };
                    Declared::Slot(*slot, kind)
                }
            };
            (name.clone(), declared)
        });
        let mut shape = Shape { declared: declared.collect(), parameters: Vec::new() };
        let count = slots.len();
        drop((entries, slots));
        let mut bits = Vec::new();
        for (name, value) in parameters.0.iter().zip(parameters.1) {
            let (kind, value) = match syntax::constant(value) {
                Some(Constant::Int(value)) => (ParameterKind::Int, value as u64),
                Some(Constant::Float(value)) => (ParameterKind::Float, value.to_bits()),
                Some(Constant::Bool(value)) => (ParameterKind::Bool, u64::from(value)),
                Some(Constant::Text(text)) => {
                    (ParameterKind::Text, self.texts.borrow_mut().number(&text) as u64)
                }
                Some(Constant::Unit) | None => continue,
            };
            shape.parameters.push((name.clone(), kind));
            bits.push(value);
        }
        let compiled = self.compiled(shape);
        self.running = Some(Running { compiled, tables: Tables::new(bits, count), in_vain: [(0, 0); 3] });
    }

    fn compiled(&mut self, shape: Shape) -> Rc<Compiled> {
        if let Some((_, compiled)) = self.known.iter().find(|(known, _)| *known == shape) {
            return compiled.clone();
        }
        let compiled = Rc::new(self.compile(&shape));
        if self.known.len() >= SHAPES_MAX {
            self.known.remove(0);
        }
        self.known.push((shape, compiled.clone()));
        compiled
    }

    fn compile(&self, shape: &Shape) -> Compiled {
        let mut texts = self.texts.borrow_mut();
        let (functions, constants) = (&self.functions, &self.constants);
        let lowered = lower::lower(Input { functions, constants, shape, texts: &mut texts });
        let (mut program, left) = match lowered {
            Ok(lowered) => lowered,
            Err(outside) => return Compiled::Outside(outside),
        };
        if let Some(planted) = &self.planted {
            planted(&mut program);
        }
        match Code::new(&program, Way::Candle) {
            Ok(code) => {
                let sure = program.sure_series().into_iter().collect();
                let anywhere = program.series_read_anywhere();
                Compiled::Code { code, quiet: OnceCell::new(), program, sure, anywhere, left }
            }
            Err(error) => {
                let at = syntax::At::default();
                Compiled::Outside(Outside { at, what: error.to_string().into() })
            }
        }
    }

    /// Whether it is bound to these data. The state holds on to what it is bound to, so no others are where they were;
    /// other columns of the same candles come with other parameters only, and those forget what was bound.
    #[inline(always)]
    pub fn is_bound(&self, data: &DataHandler) -> bool {
        self.bound == (Arc::as_ptr(data.candles()) as usize, data.columns().len())
    }

    /// Finds the series in the data, which the state is bound to.
    pub fn bind(&mut self, data: &DataHandler) {
        let Some(running) = &mut self.running else { return };
        let Compiled::Code { program, sure, anywhere, .. } = &*running.compiled else { return };
        self.bound = (Arc::as_ptr(data.candles()) as usize, data.columns().len());
        running.tables.bind(program, sure, anywhere, &self.host.state);
    }

    /// Runs the code at a close; `false` if it did not or gave up: then nothing was asked for and no slot was written.
    #[inline]
    pub fn on_candle(&mut self, moment: &Moment, intents: &mut Intents) -> bool {
        let Some(running) = &mut self.running else { return false };
        let Compiled::Code { code, program, .. } = &*running.compiled else { return false };
        let state = &*self.host.state;
        let row = moment.row;
        if row < program.history as usize || intents.touched || row >= running.tables.reach(state, row) {
            return false;
        }
        state.phase.set(Phase::Candle);
        let held = moment.position.map(|position| position.direction);
        loop {
            let mut frame = running.tables.frame(&self.host, program, row, held, moment.allow_short);
            frame.moment = Some(moment);
            // SAFETY: the tables were made for this program and reach the row, with its history; the state holds the
            // columns that the tables do not.
            #[allow(unsafe_code)]
            let gave_up = unsafe { code.run(&mut frame, 0) } != 0;
            if !gave_up {
                break;
            }
            let missing = frame.missing;
            give_back(state);
            if !running.tables.fill(state, missing) {
                return false;
            }
        }
        if program.writes_slots {
            for (slot, bits) in state.slots.borrow_mut().iter_mut().zip(&running.tables.slots) {
                *slot = match slot {
                    Slot::Int(_) => Slot::Int(*bits as i64),
                    Slot::Float(_) => Slot::Float(f64::from_bits(*bits)),
                    Slot::Bool(_) => Slot::Bool(*bits != 0),
                };
            }
        }
        let mut asked = state.intents.borrow_mut();
        if asked.touched {
            std::mem::swap(&mut *asked, intents);
        }
        true
    }

    /// How many of `rows` the code passes over, from the first one on: it would do nothing at them and remember nothing.
    pub fn quiet(&mut self, held: Option<Direction>, allow_short: bool, rows: Range<usize>) -> usize {
        let Some(running) = &mut self.running else { return 0 };
        let Compiled::Code { quiet, program, .. } = &*running.compiled else { return 0 };
        if rows.is_empty() || rows.start < program.history as usize {
            return 0;
        }
        // Some programs are never quiet, or not while they hold something: then asking only costs.
        let (in_vain, left_out) = &mut running.in_vain[held.map_or(0, |direction| 1 + direction as usize)];
        if *left_out > 0 {
            *left_out -= 1;
            return 0;
        }
        let Some(code) = quiet.get_or_init(|| Code::new(program, Way::Quiet).ok()) else { return 0 };
        let mut row = rows.start;
        while row < rows.end {
            let end = running.tables.reach(&self.host.state, row).min(rows.end);
            if end <= row {
                break;
            }
            let mut frame = running.tables.frame(&self.host, program, row, held, allow_short);
            // SAFETY: as in `on_candle`; the tables reach to the end.
            #[allow(unsafe_code)]
            let first = unsafe { code.run(&mut frame, end) };
            row = usize::try_from(first).map_or(row, |first| first.clamp(row, end));
            let missing = frame.missing;
            if row < end && !running.tables.fill(&self.host.state, missing) {
                break;
            }
        }
        let passed = row - rows.start;
        *in_vain = if passed == 0 { (*in_vain + 1).min(IN_VAIN_MAX) } else { 0 };
        *left_out = (1 << in_vain.saturating_sub(1)) - 1;
        passed
    }
}

#[cold]
fn give_back(state: &State) {
    *state.intents.borrow_mut() = Intents::default();
}
