//! L4: whether this machine would trade, as a list of checks.
//!
//! - [`judge`]: what a finding means, and what to do about it. Pure.
//! - [`exchange`]: asks the exchange. Reads only: nothing is placed, cancelled or changed.
//! - [`machine`]: looks at folders, configuration, scripts and candles.

pub mod exchange;
pub mod judge;
pub mod machine;

use serde::Serialize;

/// How a check came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    Ok,
    /// Nothing stands in the way, but somebody should know.
    Note,
    /// Trading would fail, or should not begin.
    Problem,
}

impl Verdict {
    pub fn name(self) -> &'static str {
        match self {
            Verdict::Ok => "ok",
            Verdict::Note => "note",
            Verdict::Problem => "problem",
        }
    }
}

/// One line of the result.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Check {
    /// What was looked at: `clock`, `key`, …; there may be several of one name.
    pub name: &'static str,
    pub verdict: Verdict,
    pub text: String,
    /// What to do, where there is something to do.
    pub remedy: Option<String>,
    /// For machines; units are in the names.
    #[serde(serialize_with = "as_map")]
    pub figures: Vec<(&'static str, i64)>,
}

fn as_map<S: serde::Serializer>(figures: &[(&'static str, i64)], to: S) -> Result<S::Ok, S::Error> {
    to.collect_map(figures.iter().copied())
}

impl Check {
    fn new(name: &'static str, verdict: Verdict, text: impl Into<String>) -> Check {
        Check { name, verdict, text: in_one_line(&text.into()), remedy: None, figures: Vec::new() }
    }

    pub(crate) fn ok(name: &'static str, text: impl Into<String>) -> Check {
        Check::new(name, Verdict::Ok, text)
    }

    pub(crate) fn note(name: &'static str, text: impl Into<String>) -> Check {
        Check::new(name, Verdict::Note, text)
    }

    pub(crate) fn problem(name: &'static str, text: impl Into<String>) -> Check {
        Check::new(name, Verdict::Problem, text)
    }

    fn remedy(mut self, remedy: impl Into<String>) -> Check {
        self.remedy = Some(in_one_line(&remedy.into()));
        self
    }

    fn figure(mut self, name: &'static str, value: i64) -> Check {
        self.figures.push((name, value));
        self
    }

    /// Without a text that nobody may see, whoever repeated it.
    fn hide(&mut self, secret: &str) {
        for text in [Some(&mut self.text), self.remedy.as_mut()].into_iter().flatten() {
            if !secret.is_empty() && text.contains(secret) {
                *text = text.replace(secret, "[key]");
            }
        }
    }
}

/// Whatever others wrote, a check is one line, and moves nothing on a terminal.
fn in_one_line(text: &str) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    text.replace(char::is_control, "")
}

/// How many checks came out how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    pub ok: usize,
    pub notes: usize,
    pub problems: usize,
}

impl Counts {
    pub fn of(checks: &[Check]) -> Counts {
        let count = |verdict| checks.iter().filter(|check| check.verdict == verdict).count();
        Counts { ok: count(Verdict::Ok), notes: count(Verdict::Note), problems: count(Verdict::Problem) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_is_one_line_and_can_forget() {
        let mut check = Check::problem("key", "it says\n  k3y\u{1b} is wrong").remedy("not k3y");
        check.hide("k3y");
        check.hide("");
        assert_eq!(check.text, "it says [key] is wrong");
        assert_eq!(check.remedy.as_deref(), Some("not [key]"));
    }
}
