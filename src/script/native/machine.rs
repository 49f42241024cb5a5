//! From typed steps to machine code, by Cranelift.
//!
//! The memory of the code is written, then made executable and no longer writable; it is given back when a
//! [`Code`] is dropped.

#![allow(unsafe_code)]

use super::ir::{
    Comparison, FloatOp, Function as Called, IntOp, Kind, Label, Local, Op, Operand, Program, Step, Values,
};
use super::runtime::{Frame, outward};
use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::{
    AbiParam, Block, InstBuilder, MemFlagsData, SigRef, Signature, Type, Value, types,
};
use cranelift_codegen::isa::TargetFrontendConfig;
use cranelift_codegen::settings::{self, Configurable};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext, Variable};
use cranelift_jit::{JITBuilder, JITModule};
use cranelift_module::{Module, default_libcall_names};
use std::collections::{BTreeMap, BTreeSet};
use std::mem::{ManuallyDrop, offset_of};

/// Why there is no code.
#[derive(Debug, thiserror::Error)]
#[error("no machine code: {0}")]
pub struct MachineError(String);

/// What the code of a program does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Runs the candle in the frame's row.
    Candle,
    /// Goes over candles, from the frame's row on, until there is one at which the program would act, give up, write a
    /// slot or ask for more than the frame's tables and what is held. Only the frame's row changes.
    Quiet,
}

type Entry = unsafe extern "C" fn(*mut Frame, i64) -> i64;

/// Machine code of one program.
pub struct Code {
    module: ManuallyDrop<JITModule>,
    entry: Entry,
}

impl Drop for Code {
    fn drop(&mut self) {
        // SAFETY: nothing of the code is referred to but by `entry`, which goes away with it.
        unsafe { ManuallyDrop::take(&mut self.module).free_memory() }
    }
}

impl Code {
    pub fn new(program: &Program, way: Way) -> Result<Code, MachineError> {
        let failed = |error: &dyn std::fmt::Display| MachineError(error.to_string());
        let mut flags = settings::builder();
        // It looks for mistakes in what we made, and costs as much as the rest.
        let verifier = ("enable_verifier", if cfg!(debug_assertions) { "true" } else { "false" });
        for (name, value) in
            [("opt_level", "speed"), ("use_colocated_libcalls", "false"), ("is_pic", "false"), verifier]
        {
            flags.set(name, value).map_err(|error| failed(&error))?;
        }
        let isa = cranelift_native::builder().map_err(|error| failed(&error))?;
        let isa = isa.finish(settings::Flags::new(flags)).map_err(|error| failed(&error))?;
        let mut module = JITModule::new(JITBuilder::with_isa(isa, default_libcall_names()));
        let mut context = module.make_context();
        let pointer = module.target_config().pointer_type();
        context.func.signature.params.push(AbiParam::new(pointer));
        context.func.signature.params.push(AbiParam::new(types::I64));
        context.func.signature.returns.push(AbiParam::new(types::I64));
        let mut shared = FunctionBuilderContext::new();
        let builder = FunctionBuilder::new(&mut context.func, &mut shared);
        let target = module.target_config();
        Emitter::new(builder, program, pointer, way).finish(target);
        let mut define = |module: &mut JITModule| {
            let named = module.declare_anonymous_function(&context.func.signature);
            let id = named.map_err(|error| failed(&error))?;
            module.define_function(id, &mut context).map_err(|error| failed(&error))?;
            module.finalize_definitions().map_err(|error| failed(&error))?;
            Ok::<_, MachineError>(id)
        };
        match define(&mut module) {
            Ok(id) => {
                let address = module.get_finalized_function(id);
                // SAFETY: the code was just made with this signature, and lives as long as the module.
                let entry = unsafe { std::mem::transmute::<*const u8, Entry>(address) };
                Ok(Code { module: ManuallyDrop::new(module), entry })
            }
            Err(error) => {
                // SAFETY: no function of the module was handed out.
                unsafe { module.free_memory() };
                Err(error)
            }
        }
    }

    /// Runs it, with an end of the rows for [`Way::Quiet`]: the row that is not quiet, or the end. For
    /// [`Way::Candle`], whether it gave up.
    ///
    /// # Safety
    /// The frame's tables must be as long as the program says, and the row not below the program's history. Of every series
    /// that is not null, and of each of [`Program::sure_series`], the values from the history before the row to the row,
    /// or to the end of [`Way::Quiet`], which is behind the row, must be where row 0 would be and on; all from row 0 on
    /// for one of [`Program::series_read_anywhere`].
    #[inline(always)]
    pub unsafe fn run(&self, frame: &mut Frame, end: usize) -> i64 {
        // SAFETY: as the caller promises.
        unsafe { (self.entry)(frame, end as i64) }
    }
}

fn of(kind: Kind) -> Type {
    match kind {
        Kind::Int => types::I64,
        Kind::Float => types::F64,
        Kind::Bool => types::I8,
    }
}

/// Tables that stay the same through a call. They may not be moved: a series is read behind the question whether it is
/// there.
fn fixed() -> MemFlagsData {
    MemFlagsData::trusted().with_readonly()
}

struct Emitter<'a> {
    builder: FunctionBuilder<'a>,
    program: &'a Program,
    pointer: Type,
    way: Way,
    frame: Value,
    end: Value,
    row: Value,
    give_up: Block,
    /// What is loaded once, before the rows are walked: where the series are, and parameters.
    bases: Vec<Value>,
    /// Series that have been computed wherever the code at hand is reached.
    computed: BTreeSet<u32>,
    /// Where the code gives up for want of a series.
    missing: Option<Block>,
    parameters: BTreeMap<u32, Value>,
    /// What each [`Op::BoolAndThen`] is made of.
    pairs: BTreeMap<Value, (Value, Value)>,
    variables: Vec<Variable>,
    /// Where a label is left to, and where it begins again.
    labels: BTreeMap<Label, (Block, Option<Block>)>,
    signatures: Vec<(Called, SigRef)>,
    fuel: Option<Variable>,
    /// The block at hand is ended already.
    ended: bool,
}

impl<'a> Emitter<'a> {
    fn new(mut builder: FunctionBuilder<'a>, program: &'a Program, pointer: Type, way: Way) -> Self {
        let entry = builder.create_block();
        builder.append_block_params_for_function_params(entry);
        builder.switch_to_block(entry);
        let (frame, end) = (builder.block_params(entry)[0], builder.block_params(entry)[1]);
        let give_up = builder.create_block();
        builder.set_cold_block(give_up);
        let variables = program.locals.iter().map(|kind| builder.declare_var(of(*kind))).collect();
        let row =
            builder.ins().load(types::I64, MemFlagsData::trusted(), frame, offset_of!(Frame, row) as i32);
        let mut emitter = Emitter {
            builder,
            program,
            pointer,
            way,
            frame,
            end,
            row,
            give_up,
            bases: Vec::new(),
            computed: program.sure_series(),
            missing: None,
            parameters: BTreeMap::new(),
            pairs: BTreeMap::new(),
            variables,
            labels: BTreeMap::new(),
            signatures: Vec::new(),
            fuel: None,
            ended: false,
        };
        emitter.fuel = any(&program.steps, &|step| matches!(step, Step::Fuel(_)))
            .then(|| emitter.builder.declare_var(types::I64));
        emitter
    }

    fn finish(mut self, target: TargetFrontendConfig) {
        match self.way {
            Way::Candle => self.candle(),
            Way::Quiet => self.candles(),
        }
        if let Some(block) = self.missing {
            self.begin(block);
            let series = self.builder.block_params(block)[0];
            let at = offset_of!(Frame, missing) as i32;
            self.builder.ins().store(MemFlagsData::trusted(), series, self.frame, at);
            self.builder.ins().jump(self.give_up, &[]);
        }
        self.builder.seal_all_blocks();
        self.builder.finalize(target);
    }

    fn candle(&mut self) {
        self.body();
        if !self.ended {
            let done = self.builder.ins().iconst(types::I64, 0);
            self.builder.ins().return_(&[done]);
        }
        self.begin(self.give_up);
        let gave_up = self.builder.ins().iconst(types::I64, 1);
        self.builder.ins().return_(&[gave_up]);
    }

    /// The body in a loop over rows.
    fn candles(&mut self) {
        self.bases = (0..self.program.series.len() as u32).map(|series| self.base(series)).collect();
        self.load_parameters();
        let row = self.builder.declare_var(types::I64);
        let (again, over) = (self.builder.create_block(), self.builder.create_block());
        let first = self.row;
        self.builder.def_var(row, first);
        self.builder.ins().jump(again, &[]);
        self.begin(again);
        self.row = self.builder.use_var(row);
        if any(&self.program.steps, &|step| matches!(step, Step::Set(_, Op::Call(..), _))) {
            let at = offset_of!(Frame, row) as i32;
            self.builder.ins().store(MemFlagsData::trusted(), self.row, self.frame, at);
        }
        self.body();
        if !self.ended {
            let next = self.builder.ins().iadd_imm_s(self.row, 1);
            self.builder.def_var(row, next);
            let goes_on = self.builder.ins().icmp(IntCC::SignedLessThan, next, self.end);
            self.builder.ins().brif(goes_on, again, &[], over, &[]);
        }
        for (block, value) in [(over, self.end), (self.give_up, self.row)] {
            self.begin(block);
            self.builder.ins().return_(&[value]);
        }
    }

    /// One candle.
    fn body(&mut self) {
        if let Some(fuel) = self.fuel {
            let full = self.field(types::I64, offset_of!(Frame, fuel));
            self.builder.def_var(fuel, full);
        }
        self.steps(&self.program.steps);
    }

    fn load_parameters(&mut self) {
        let used = std::cell::RefCell::new(BTreeMap::new());
        any(&self.program.steps, &|step| {
            if let Step::Set(_, Op::Parameter(index, kind), _) = step {
                used.borrow_mut().insert(*index, *kind);
            }
            false
        });
        for (index, kind) in used.into_inner() {
            let value = self.parameter(index, kind);
            self.parameters.insert(index, value);
        }
    }

    fn parameter(&mut self, index: u32, kind: Kind) -> Value {
        let table = self.field(self.pointer, offset_of!(Frame, parameters));
        self.load(kind, fixed(), table, index)
    }

    /// From a table of 64 bits each.
    fn load(&mut self, kind: Kind, flags: MemFlagsData, table: Value, index: u32) -> Value {
        let offset = 8 * index as i32;
        if kind == Kind::Bool {
            let bits = self.builder.ins().load(types::I64, flags, table, offset);
            return self.builder.ins().ireduce(types::I8, bits);
        }
        self.builder.ins().load(of(kind), flags, table, offset)
    }

    fn field(&mut self, kind: Type, offset: usize) -> Value {
        self.builder.ins().load(kind, fixed(), self.frame, offset as i32)
    }

    fn steps(&mut self, steps: &[Step]) {
        for step in steps {
            if self.ended {
                return;
            }
            self.step(step);
        }
    }

    /// Steps that what follows is reached without, too.
    fn steps_aside(&mut self, steps: &[Step]) {
        let computed = self.computed.clone();
        self.steps(steps);
        self.computed = computed;
    }

    fn go_to(&mut self, block: Block) {
        if !self.ended {
            self.builder.ins().jump(block, &[]);
        }
    }

    fn begin(&mut self, block: Block) {
        self.builder.switch_to_block(block);
        self.ended = false;
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Set(local, op, _) => {
                if let Some(value) = self.op(op) {
                    self.builder.def_var(self.variables[*local as usize], value);
                }
            }
            Step::Do(op, _) => {
                self.op(op);
            }
            // What was remembered would have to be forgotten again, were the candle not quiet after all.
            Step::SetSlot(..) if self.way == Way::Quiet => self.give_up_here(),
            Step::SetSlot(slot, value) => {
                let value = self.operand(*value);
                let slots = self.field(self.pointer, offset_of!(Frame, slots));
                let value = match self.builder.func.dfg.value_type(value) {
                    types::I8 => self.builder.ins().uextend(types::I64, value),
                    _ => value,
                };
                self.builder.ins().store(MemFlagsData::trusted(), value, slots, 8 * *slot as i32);
            }
            Step::If(condition, then, otherwise) => {
                let condition = self.operand(*condition);
                let (one, other, after) =
                    (self.builder.create_block(), self.builder.create_block(), self.builder.create_block());
                if let Some((first, second)) = self.pairs.get(&condition).copied() {
                    let between = self.builder.create_block();
                    self.builder.ins().brif(first, between, &[], other, &[]);
                    self.begin(between);
                    self.builder.ins().brif(second, one, &[], other, &[]);
                } else {
                    self.builder.ins().brif(condition, one, &[], other, &[]);
                }
                let mut reached = false;
                for (block, steps) in [(one, then), (other, otherwise)] {
                    self.begin(block);
                    self.steps_aside(steps);
                    reached |= !self.ended;
                    self.go_to(after);
                }
                self.begin(after);
                if !reached {
                    self.give_up_here();
                }
            }
            Step::Block(label, steps) => {
                let after = self.builder.create_block();
                self.labels.insert(*label, (after, None));
                self.steps_aside(steps);
                self.go_to(after);
                self.begin(after);
            }
            Step::Loop(label, steps) => {
                let (start, after) = (self.builder.create_block(), self.builder.create_block());
                self.labels.insert(*label, (after, Some(start)));
                self.builder.ins().jump(start, &[]);
                self.begin(start);
                self.steps_aside(steps);
                // Its steps leave it, begin it again, or give up.
                if !self.ended {
                    self.builder.ins().jump(start, &[]);
                }
                self.begin(after);
            }
            Step::Leave(label, edge) | Step::Again(label, edge) => {
                if let Some(sets) = self.program.edges.get(*edge as usize) {
                    self.steps(sets);
                }
                let target = self.labels.get(label).and_then(|(after, start)| match step {
                    Step::Again(..) => *start,
                    _ => Some(*after),
                });
                self.builder.ins().jump(target.unwrap_or(self.give_up), &[]);
                self.ended = true;
            }
            Step::Fuel(cost) => {
                let Some(fuel) = self.fuel else { return };
                let left = self.builder.use_var(fuel);
                let left = self.builder.ins().iadd_imm_s(left, -i64::from(*cost));
                self.builder.def_var(fuel, left);
                let empty = self.builder.ins().icmp_imm_s(IntCC::SignedLessThan, left, 0);
                self.give_up_if(empty);
            }
            Step::GiveUp(_) => self.give_up_here(),
        }
    }

    /// Gives up; also where no way leads, as something must stand there.
    fn give_up_here(&mut self) {
        self.builder.ins().jump(self.give_up, &[]);
        self.ended = true;
    }

    fn give_up_if(&mut self, condition: Value) {
        let on = self.builder.create_block();
        self.builder.ins().brif(condition, self.give_up, &[], on, &[]);
        self.begin(on);
    }

    fn local(&mut self, local: Local) -> Value {
        self.builder.use_var(self.variables[local as usize])
    }

    fn operand(&mut self, operand: Operand) -> Value {
        match operand {
            Operand::Local(local) => self.local(local),
            Operand::Int(value) => self.builder.ins().iconst(types::I64, value),
            Operand::Float(value) => self.builder.ins().f64const(value),
            Operand::Bool(value) => self.builder.ins().iconst(types::I8, i64::from(value)),
        }
    }

    /// `None` for what gives nothing.
    fn op(&mut self, op: &Op) -> Option<Value> {
        Some(match op {
            Op::Copy(value) => self.operand(*value),
            Op::Int(op, a, b) => {
                let (a, b) = (self.operand(*a), self.operand(*b));
                self.ints(*op, a, b)
            }
            Op::Float(op, a, b) => {
                let (a, b) = (self.operand(*a), self.operand(*b));
                match op {
                    FloatOp::Add => self.builder.ins().fadd(a, b),
                    FloatOp::Subtract => self.builder.ins().fsub(a, b),
                    FloatOp::Multiply => self.builder.ins().fmul(a, b),
                    FloatOp::Divide => self.builder.ins().fdiv(a, b),
                }
            }
            Op::IntNegate(value) => {
                let value = self.not_least(*value);
                self.builder.ins().ineg(value)
            }
            Op::IntAbs(value) => {
                let value = self.not_least(*value);
                self.builder.ins().iabs(value)
            }
            Op::FloatNegate(value) => {
                let value = self.operand(*value);
                self.builder.ins().fneg(value)
            }
            Op::FloatAbs(value) => {
                let value = self.operand(*value);
                self.builder.ins().fabs(value)
            }
            Op::Sqrt(value) => {
                let value = self.operand(*value);
                self.builder.ins().sqrt(value)
            }
            Op::IntToFloat(value) => {
                let value = self.operand(*value);
                self.builder.ins().fcvt_from_sint(types::F64, value)
            }
            Op::CompareInt(comparison, a, b) => {
                let (a, b) = (self.operand(*a), self.operand(*b));
                let code = match comparison {
                    Comparison::Equal => IntCC::Equal,
                    Comparison::NotEqual => IntCC::NotEqual,
                    Comparison::Less => IntCC::SignedLessThan,
                    Comparison::LessEqual => IntCC::SignedLessThanOrEqual,
                    Comparison::Greater => IntCC::SignedGreaterThan,
                    Comparison::GreaterEqual => IntCC::SignedGreaterThanOrEqual,
                };
                self.builder.ins().icmp(code, a, b)
            }
            Op::CompareFloat(comparison, a, b) => {
                let (a, b) = (self.operand(*a), self.operand(*b));
                let code = match comparison {
                    Comparison::Equal => FloatCC::Equal,
                    Comparison::NotEqual => FloatCC::NotEqual,
                    Comparison::Less => FloatCC::LessThan,
                    Comparison::LessEqual => FloatCC::LessThanOrEqual,
                    Comparison::Greater => FloatCC::GreaterThan,
                    Comparison::GreaterEqual => FloatCC::GreaterThanOrEqual,
                };
                self.builder.ins().fcmp(code, a, b)
            }
            Op::Not(value) => {
                let value = self.operand(*value);
                self.builder.ins().bxor_imm_s(value, 1)
            }
            Op::BoolAnd(a, b) => {
                let (a, b) = (self.operand(*a), self.operand(*b));
                self.builder.ins().band(a, b)
            }
            Op::BoolAndThen(a, b) => {
                let (a, b) = (self.operand(*a), self.operand(*b));
                let both = self.builder.ins().band(a, b);
                self.pairs.insert(both, (a, b));
                both
            }
            Op::BoolOr(a, b) => {
                let (a, b) = (self.operand(*a), self.operand(*b));
                self.builder.ins().bor(a, b)
            }
            Op::BoolXor(a, b) => {
                let (a, b) = (self.operand(*a), self.operand(*b));
                self.builder.ins().bxor(a, b)
            }
            Op::Parameter(index, kind) => {
                let known = self.parameters.get(index).copied();
                known.unwrap_or_else(|| self.parameter(*index, *kind))
            }
            Op::Slot(index, kind) => {
                let table = self.field(self.pointer, offset_of!(Frame, slots));
                self.load(*kind, MemFlagsData::trusted(), table, *index)
            }
            Op::Direction => self.field(types::I64, offset_of!(Frame, direction)),
            Op::AllowShort => self.field(types::I8, offset_of!(Frame, allow_short)),
            Op::Series(series, back) => {
                let rows = self.rows(*series);
                let offset = self.builder.ins().ishl_imm_s(self.row, 3);
                let at = self.builder.ins().iadd(rows, offset);
                self.builder.ins().load(types::F64, fixed(), at, -8 * *back as i32)
            }
            Op::SeriesAt(series, back) => {
                let back = self.operand(*back);
                let ahead = self.builder.ins().icmp_imm_s(IntCC::SignedLessThan, back, 0);
                self.give_up_if(ahead);
                let before = self.builder.ins().icmp(IntCC::SignedGreaterThan, back, self.row);
                // Where there is no such row, the one at hand is read, and not used.
                let row = self.builder.ins().isub(self.row, back);
                let row = self.builder.ins().select(before, self.row, row);
                let rows = self.rows(*series);
                let offset = self.builder.ins().ishl_imm_s(row, 3);
                let at = self.builder.ins().iadd(rows, offset);
                let value = self.builder.ins().load(types::F64, fixed(), at, 0);
                let nan = self.builder.ins().f64const(f64::NAN);
                self.builder.ins().select(before, nan, value)
            }
            Op::Call(function, _) if self.way == Way::Quiet && !function.is_quiet() => {
                self.give_up_here();
                return None;
            }
            Op::Call(function, arguments) => return self.call(*function, arguments),
        })
    }

    /// Where row 0 of a series is, or would be, for reading it.
    fn rows(&mut self, series: u32) -> Value {
        let base = self.base(series);
        let is_price = matches!(self.program.series.get(series as usize), Some(Values::Price(_)));
        if !is_price && self.computed.insert(series) {
            let missing = *self.missing.get_or_insert_with(|| {
                let block = self.builder.create_block();
                self.builder.append_block_param(block, types::I64);
                self.builder.set_cold_block(block);
                block
            });
            let on = self.builder.create_block();
            let number = self.builder.ins().iconst(types::I64, i64::from(series));
            self.builder.ins().brif(base, on, &[], missing, &[number.into()]);
            self.begin(on);
        }
        base
    }

    fn base(&mut self, series: u32) -> Value {
        if let Some(base) = self.bases.get(series as usize) {
            return *base;
        }
        let table = self.field(self.pointer, offset_of!(Frame, series));
        self.builder.ins().load(self.pointer, fixed(), table, 8 * series as i32)
    }

    fn not_least(&mut self, value: Operand) -> Value {
        let value = self.operand(value);
        let least = self.builder.ins().icmp_imm_s(IntCC::Equal, value, i64::MIN);
        self.give_up_if(least);
        value
    }

    fn ints(&mut self, op: IntOp, a: Value, b: Value) -> Value {
        let checked = match op {
            IntOp::Add => self.builder.ins().sadd_overflow(a, b),
            IntOp::Subtract => self.builder.ins().ssub_overflow(a, b),
            IntOp::Multiply => self.builder.ins().smul_overflow(a, b),
            IntOp::Divide | IntOp::Remainder => {
                let zero = self.builder.ins().icmp_imm_s(IntCC::Equal, b, 0);
                let least = self.builder.ins().icmp_imm_s(IntCC::Equal, a, i64::MIN);
                let minus = self.builder.ins().icmp_imm_s(IntCC::Equal, b, -1);
                let over = self.builder.ins().band(least, minus);
                let bad = self.builder.ins().bor(zero, over);
                self.give_up_if(bad);
                return match op {
                    IntOp::Divide => self.builder.ins().sdiv(a, b),
                    _ => self.builder.ins().srem(a, b),
                };
            }
            IntOp::And => return self.builder.ins().band(a, b),
            IntOp::Or => return self.builder.ins().bor(a, b),
            IntOp::Xor => return self.builder.ins().bxor(a, b),
            IntOp::Min => return self.builder.ins().smin(a, b),
            IntOp::Max => return self.builder.ins().smax(a, b),
        };
        let (value, over) = checked;
        self.give_up_if(over);
        value
    }

    fn call(&mut self, function: Called, arguments: &[Operand]) -> Option<Value> {
        let called = outward(function);
        let known = self.signatures.iter().find(|(known, _)| *known == function).map(|(_, known)| *known);
        let signature = known.unwrap_or_else(|| {
            let mut signature = Signature::new(self.builder.func.signature.call_conv);
            signature.params.push(AbiParam::new(self.pointer));
            signature.params.extend(called.takes.iter().map(|kind| AbiParam::new(of(*kind)).uext_if(*kind)));
            signature.returns.extend(called.gives.map(|kind| AbiParam::new(of(kind))));
            let signature = self.builder.import_signature(signature);
            self.signatures.push((function, signature));
            signature
        });
        let address = self.builder.ins().iconst(self.pointer, called.address as i64);
        let mut values = vec![self.frame];
        for argument in arguments {
            let value = self.operand(*argument);
            values.push(value);
        }
        let call = self.builder.ins().call_indirect(signature, address, &values);
        let given = self.builder.inst_results(call).first().copied();
        if called.may_give_up {
            let flag = offset_of!(Frame, given_up) as i32;
            let gave_up = self.builder.ins().load(types::I8, MemFlagsData::trusted(), self.frame, flag);
            self.give_up_if(gave_up);
        }
        given
    }
}

/// Small values are widened as C wants it.
trait Widened {
    fn uext_if(self, kind: Kind) -> Self;
}

impl Widened for AbiParam {
    fn uext_if(self, kind: Kind) -> Self {
        if kind == Kind::Bool { self.uext() } else { self }
    }
}

/// Whether one of the steps, or of those in them, is such.
fn any(steps: &[Step], such: &dyn Fn(&Step) -> bool) -> bool {
    steps.iter().any(|step| {
        such(step)
            || match step {
                Step::If(_, one, other) => any(one, such) || any(other, such),
                Step::Block(_, steps) | Step::Loop(_, steps) => any(steps, such),
                _ => false,
            }
    })
}
