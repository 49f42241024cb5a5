//! The tiers that can execute a script, and which one does.

use std::fmt;
use std::str::FromStr;

/// Which tier is wanted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Tier {
    /// Machine code where the script is in the compiled subset, else the interpreter.
    #[default]
    Auto,
    /// Machine code, and nothing else for a whole script.
    Native,
    /// The interpreter.
    Interpreter,
}

impl Tier {
    pub const NAMES: [&'static str; 3] = ["auto", "native", "interpreter"];
}

impl FromStr for Tier {
    type Err = String;

    fn from_str(text: &str) -> Result<Tier, String> {
        match text {
            "auto" => Ok(Tier::Auto),
            "native" => Ok(Tier::Native),
            "interpreter" => Ok(Tier::Interpreter),
            _ => Err(format!("one of {}", Tier::NAMES.join(", "))),
        }
    }
}

/// Something that only the interpreter does, with its place in the script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outside {
    pub line: usize,
    pub column: usize,
    pub what: String,
}

impl fmt::Display for Outside {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(out, "{}", self.what),
            line => write!(out, "{}, at {line}:{}", self.what, self.column),
        }
    }
}

/// Which tier executes `on_candle`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TierInUse {
    /// Machine code. On candles that reach one of the places in `left`, the interpreter.
    Native { left: Vec<Outside> },
    /// The interpreter, because of something outside the compiled subset or because it was asked for.
    Interpreter { outside: Option<Outside> },
}

impl TierInUse {
    /// What results call it.
    pub fn name(&self) -> &'static str {
        match self {
            TierInUse::Native { .. } => "native",
            TierInUse::Interpreter { .. } => "interpreter",
        }
    }

    /// What could not be compiled.
    pub fn interpreted(&self) -> &[Outside] {
        match self {
            TierInUse::Native { left } => left,
            TierInUse::Interpreter { outside } => outside.as_slice(),
        }
    }
}

impl TierInUse {
    /// What is not machine code though it might be, as a line of its own.
    pub fn note(&self) -> Option<String> {
        match self {
            TierInUse::Native { .. } => Some(format!("machine code {}", self.exception()?)),
            TierInUse::Interpreter { .. } => Some(format!("not compiled: {}", self.exception()?)),
        }
    }

    fn exception(&self) -> Option<String> {
        match self {
            TierInUse::Interpreter { outside } => outside.as_ref().map(ToString::to_string),
            TierInUse::Native { left } => match left.as_slice() {
                [] => None,
                [first] => Some(format!("but for {first}")),
                [first, more @ ..] => Some(format!("but for {first}, and {} more", more.len())),
            },
        }
    }
}

impl fmt::Display for TierInUse {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())?;
        match self.exception() {
            Some(exception) => write!(out, " ({exception})"),
            None => Ok(()),
        }
    }
}
