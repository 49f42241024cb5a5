//! Which tier runs `on_candle`. A placeholder: every script runs in the interpreter.

use super::Script;

/// Which tier a user wants.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Tier {
    /// The compiled one where the script is inside of what it covers.
    #[default]
    Auto,
    Native,
    Interpreter,
}

/// Which tier runs.
#[derive(Debug, Clone, PartialEq)]
pub enum TierInUse {
    Native,
    /// `outside`: what the compiled tier does not cover.
    Interpreter {
        outside: Vec<String>,
    },
}

impl Script {
    pub fn set_tier(&mut self, _tier: Tier) {}

    pub fn tier(&self) -> TierInUse {
        TierInUse::Interpreter { outside: Vec::new() }
    }
}
