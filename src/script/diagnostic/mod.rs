//! What is wrong with a script, and how it is shown: as a compiler would, with file, line, column, the
//! source line, a caret under the token, and what to do.

mod render;
mod rhai_error;
mod syntax_error;
mod words;

pub use render::{Sources, render_coloured, render_plain};
pub use rhai_error::{Limits, from_parse_error, from_rhai, from_rhai_with};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The script is refused.
    Error,
    /// The script runs, and probably not as its author meant.
    Warning,
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    pub severity: Severity,
    /// From 1; 0 = nowhere in particular.
    pub line: usize,
    /// From 1, in characters; 0 = the whole line.
    pub column: usize,
    /// In characters; 0 = the token that stands there.
    pub length: usize,
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
    /// The file the position is in: the script, or a module it imports.
    pub source_name: String,
}

impl Diagnostic {
    pub fn error(line: usize, column: usize, message: impl Into<String>) -> Diagnostic {
        Diagnostic {
            severity: Severity::Error,
            line,
            column,
            length: 0,
            message: message.into(),
            help: None,
            source_name: String::new(),
        }
    }

    pub fn warning(line: usize, column: usize, message: impl Into<String>) -> Diagnostic {
        Diagnostic { severity: Severity::Warning, ..Diagnostic::error(line, column, message) }
    }

    pub fn with_help(mut self, help: impl Into<String>) -> Diagnostic {
        self.help = Some(help.into());
        self
    }

    pub fn with_length(mut self, length: usize) -> Diagnostic {
        self.length = length;
        self
    }

    pub fn in_source(mut self, name: impl Into<String>) -> Diagnostic {
        self.source_name = name.into();
        self
    }

    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

#[cfg(test)]
mod tests;
