//! What is known while a program is written: names in scope with their types, how deep, how wild.

use std::collections::BTreeSet;

/// What a value is, as far as the writer keeps track.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    Int,
    Float,
    Bool,
    Text,
    /// A float that has a history.
    Series,
    /// An indicator with several outputs: its index among those declared.
    Multi(usize),
}

/// One way to write something.
pub struct Rule {
    pub weight: u32,
    /// Whether it holds nothing deeper.
    pub leaf: bool,
    pub name: &'static str,
    /// Gives nothing where it cannot be written.
    pub write: fn(&mut Writer, u32) -> Option<String>,
}

pub const fn leaf(weight: u32, name: &'static str, write: fn(&mut Writer, u32) -> Option<String>) -> Rule {
    Rule { weight, leaf: true, name, write }
}

pub const fn node(weight: u32, name: &'static str, write: fn(&mut Writer, u32) -> Option<String>) -> Rule {
    Rule { weight, leaf: false, name, write }
}

pub struct Variable {
    pub name: String,
    pub of: Type,
    /// Whether it may be assigned.
    pub changes: bool,
}

pub enum Takes {
    /// A number of candles, 2 to 20, and its default.
    Period(i32),
    Int(i64, i64),
    Float(f64, f64),
    Flag,
    Choice,
}

pub struct Parameter {
    pub name: String,
    pub takes: Takes,
}

/// What a helper takes at one place.
#[derive(Clone, Copy, PartialEq)]
pub enum Argument {
    Ctx,
    P,
    Value(Type),
}

#[derive(Clone)]
pub struct Helper {
    pub name: String,
    pub arguments: Vec<Argument>,
    /// `None`: called for what it does.
    pub gives: Option<Type>,
}

pub struct Multi {
    pub name: String,
    pub fields: &'static [&'static str],
}

/// Chances of what goes wrong, by program.
#[derive(Clone, Copy)]
pub struct Temper {
    /// An expression of another type than wanted.
    pub ill: f64,
    /// Numbers near the limits of their types.
    pub extreme: f64,
    /// An action's argument that may be refused.
    pub careless: f64,
}

pub struct Writer {
    pub random: fastrand::Rng,
    pub used: BTreeSet<&'static str>,
    pub temper: Temper,
    pub scope: Vec<Variable>,
    pub indent: usize,
    /// Loops around the statement being written, in this function.
    pub loops: usize,
    pub has_ctx: bool,
    pub has_p: bool,
    /// What `return` gives in the function being written.
    pub gives: Option<Type>,
    /// Statements that may still be written in this function.
    pub room: i32,
    /// Whether constructs are allowed that the compiled tier leaves to the interpreter.
    pub is_outside: bool,
    /// Whether the long loop is still to be written.
    pub may_run_long: bool,
    pub parameters: Vec<Parameter>,
    pub series: Vec<String>,
    pub multis: Vec<Multi>,
    pub slots: Vec<(String, Type)>,
    pub constants: Vec<(String, Type)>,
    pub helpers: Vec<Helper>,
    pub names: usize,
}

impl Writer {
    pub fn new(seed: u64) -> Writer {
        let mut random = fastrand::Rng::with_seed(seed);
        let temper = match random.u32(0..10) {
            0..5 => Temper { ill: 0.0, extreme: 0.004, careless: 0.004 },
            5..8 => Temper { ill: 0.005, extreme: 0.05, careless: 0.08 },
            _ => Temper { ill: 0.03, extreme: 0.2, careless: 0.4 },
        };
        let is_outside = random.u32(0..40) == 0;
        let may_run_long = random.u32(0..150) == 0;
        Writer {
            random,
            used: BTreeSet::new(),
            temper,
            scope: Vec::new(),
            indent: 0,
            loops: 0,
            has_ctx: false,
            has_p: false,
            gives: None,
            room: 0,
            is_outside,
            may_run_long,
            parameters: Vec::new(),
            series: Vec::new(),
            multis: Vec::new(),
            slots: Vec::new(),
            constants: Vec::new(),
            helpers: Vec::new(),
            names: 0,
        }
    }

    pub fn chance(&mut self, chance: f64) -> bool {
        self.random.f64() < chance
    }

    pub fn one_of<T: Copy>(&mut self, items: &[T]) -> Option<T> {
        (!items.is_empty()).then(|| items[self.random.usize(0..items.len())])
    }

    /// A word of a list that is not empty.
    pub fn word(&mut self, words: &[&'static str]) -> &'static str {
        words[self.random.usize(0..words.len())]
    }

    /// By one of the rules, each as often as its weight says.
    pub fn write(&mut self, table: &'static [Rule], depth: u32) -> Option<String> {
        let total: u32 = table.iter().filter(|rule| rule.leaf || depth > 0).map(|rule| rule.weight).sum();
        for _ in 0..12 {
            let mut at = self.random.u32(0..total);
            let rule = table.iter().filter(|rule| rule.leaf || depth > 0).find(|rule| {
                let here = at < rule.weight;
                at = at.wrapping_sub(rule.weight);
                here
            })?;
            if let Some(text) = (rule.write)(self, depth.saturating_sub(1)) {
                self.used.insert(rule.name);
                return Some(text);
            }
        }
        None
    }

    pub fn fresh(&mut self, prefix: &str) -> String {
        self.names += 1;
        format!("{prefix}{}", self.names)
    }

    /// A variable of a type that is what its name means here.
    pub fn variable(&mut self, of: Type, changes: bool) -> Option<String> {
        let fits = self.variables(of, changes);
        // The last ones more often: they are what is worked on.
        let last = fits.len().checked_sub(1)?;
        let at = self.random.usize(0..=last).max(self.random.usize(0..=last));
        Some(self.scope[fits[at]].name.clone())
    }

    /// Those that no later one hides, by their places.
    pub fn variables(&self, of: Type, changes: bool) -> Vec<usize> {
        let seen = |index: usize, variable: &Variable| {
            !self.scope[index + 1..].iter().any(|later| later.name == variable.name)
        };
        let fits = self.scope.iter().enumerate();
        fits.filter(|(index, it)| it.of == of && (it.changes || !changes) && seen(*index, it))
            .map(|(index, _)| index)
            .collect()
    }

    pub fn declare(&mut self, name: &str, of: Type, changes: bool) {
        self.scope.push(Variable { name: name.to_owned(), of, changes });
    }

    /// A new name, or one that is there already.
    pub fn name_for(&mut self, prefix: &str) -> String {
        if self.chance(0.08) && !self.scope.is_empty() {
            let name = self.scope[self.random.usize(0..self.scope.len())].name.clone();
            self.used.insert("let: shadows");
            return name;
        }
        self.fresh(prefix)
    }

    /// A line of its own.
    pub fn line(&self, text: &str) -> String {
        format!("{}{text}\n", "    ".repeat(self.indent))
    }

    /// The slots of a type.
    pub fn slot(&mut self, of: Type) -> Option<String> {
        if !self.has_ctx {
            return None;
        }
        let names: Vec<usize> = (0..self.slots.len()).filter(|at| self.slots[*at].1 == of).collect();
        let at = self.one_of(&names)?;
        Some(format!("ctx.{}", self.slots[at].0))
    }

    pub fn parameter(&mut self, fits: fn(&Takes) -> bool) -> Option<String> {
        if !self.has_p {
            return None;
        }
        let names: Vec<usize> =
            (0..self.parameters.len()).filter(|at| fits(&self.parameters[*at].takes)).collect();
        let at = self.one_of(&names)?;
        Some(format!("p.{}", self.parameters[at].name))
    }

    pub fn constant(&mut self, of: Type) -> Option<String> {
        let names: Vec<usize> = (0..self.constants.len()).filter(|at| self.constants[*at].1 == of).collect();
        let at = self.one_of(&names)?;
        Some(format!("global::{}", self.constants[at].0))
    }
}
