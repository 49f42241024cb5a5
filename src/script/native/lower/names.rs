//! What a script reads and sets by name: properties of `ctx` and `p`, series and their past, variables and slots.

use super::values::Val;
use super::{Declared, Lowered, Lowering, ParameterKind, SlotKind};
use crate::script::native::ir::{Comparison, Function as Call, Kind, Op, Operand, Step, Values};
use crate::script::native::runtime::property;
use crate::script::native::syntax::{At, Form, Node};

/// A longer way back is looked up when it is asked for.
const HISTORY_MAX: i64 = 512;

impl Lowering<'_> {
    pub(super) fn property(&mut self, base: &Val, name: &str, at: At) -> Lowered {
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

    pub(super) fn index(&mut self, base: &Node, index: &Node, at: At) -> Lowered {
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

    pub(super) fn assignment(
        &mut self,
        operator: Option<&'static str>,
        target: &Node,
        value: &Node,
        at: At,
    ) -> Lowered {
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
}
