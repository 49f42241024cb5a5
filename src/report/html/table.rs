//! A table that a reader can sort by any of its columns.

use super::escape::{Html, href};
use std::fmt::Write;

/// A column: how its head reads and how it sorts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column<'a> {
    pub label: &'a str,
    /// What the second line of its cells is, for the second line of its head; empty for none.
    pub below: &'a str,
    /// Sorts as numbers, and stands at the right.
    pub number: bool,
    /// What the column means, shown on hovering; empty for none.
    pub hint: &'a str,
}

impl<'a> Column<'a> {
    pub const fn text(label: &'a str) -> Column<'a> {
        Column { label, below: "", number: false, hint: "" }
    }

    pub const fn number(label: &'a str) -> Column<'a> {
        Column { label, below: "", number: true, hint: "" }
    }

    pub const fn hint(self, hint: &'a str) -> Column<'a> {
        Column { hint, ..self }
    }

    pub const fn below(self, below: &'a str) -> Column<'a> {
        Column { below, ..self }
    }
}

/// What a cell is to the reader. Never said by colour alone: the text has a sign, or is a word.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Tone {
    #[default]
    Plain,
    Good,
    /// In doubt.
    Caution,
    Bad,
}

impl Tone {
    /// By sign: above zero is good.
    pub fn of(x: f64) -> Tone {
        match x {
            x if x > 0.0 => Tone::Good,
            x if x < 0.0 => Tone::Bad,
            _ => Tone::Plain,
        }
    }

    /// The class in the style sheet.
    pub fn class(self) -> &'static str {
        match self {
            Tone::Plain => "",
            Tone::Good => "up",
            Tone::Caution => "caution",
            Tone::Bad => "down",
        }
    }
}

/// A cell. A line feed in its text breaks the line.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Cell {
    pub text: String,
    /// A second, quieter line; empty for none.
    pub below: String,
    /// What a column of numbers sorts by, where that cannot be read from the text. Cells without a number
    /// come last.
    pub key: Option<f64>,
    pub tone: Tone,
    /// Drawn as a label.
    pub badge: bool,
    /// A file this cell leads to: a path relative to the page, not escaped in any way.
    pub path: Option<String>,
}

impl Cell {
    pub fn text(text: impl Into<String>) -> Cell {
        Cell { text: text.into(), ..Cell::default() }
    }

    /// A number as `text`, sorted by its exact value.
    pub fn number(text: impl Into<String>, key: Option<f64>) -> Cell {
        Cell { key, ..Cell::text(text) }
    }

    pub fn below(self, below: impl Into<String>) -> Cell {
        Cell { below: below.into(), ..self }
    }

    /// Two dates, one below the other.
    pub fn period((from, to): &(String, String)) -> Cell {
        Cell::text(format!("{from}\n{to}"))
    }

    /// The word of a [`Verdict`](super::Verdict).
    pub fn verdict(word: &str) -> Cell {
        Cell { tone: super::verdict::tone(word), badge: true, ..Cell::text(word) }
    }

    pub fn link(text: impl Into<String>, path: impl Into<String>) -> Cell {
        Cell { path: Some(path.into()), ..Cell::text(text) }
    }

    pub fn toned(self, tone: Tone) -> Cell {
        Cell { tone, ..self }
    }
}

/// A table with its box, which scrolls where there is no room. `class`: `grid`, where the first column stays
/// in sight, or nothing.
pub fn table(out: &mut String, label: &str, class: &str, columns: &[Column], rows: &[Vec<Cell>]) {
    open(out, label, class, columns);
    for row in rows {
        out.push_str("<tr>");
        for (index, column) in columns.iter().enumerate() {
            cell(out, index, column, row.get(index).unwrap_or(&Cell::default()));
        }
        out.push_str("</tr>\n");
    }
    close(out);
}

/// A table up to its first row.
pub fn open(out: &mut String, label: &str, class: &str, columns: &[Column]) {
    let tall = if class.is_empty() { " tall" } else { "" };
    let class = if class.is_empty() { "sortable".to_owned() } else { format!("sortable {class}") };
    let label = Html(label);
    let _ = write!(
        out,
        "<div class=\"scroll{tall}\" role=\"region\" aria-label=\"{label}\" tabindex=\"0\">\n\
         <table class=\"{class}\">\n<caption class=\"unseen\">{label}</caption>\n<thead>"
    );
    out.push_str("<tr>");
    for column in columns {
        let class = if column.number { "n" } else { "" };
        let hint = match column.hint {
            "" => String::new(),
            hint => format!(" title=\"{}\"", Html(hint)),
        };
        let (label, below) = (Html(column.label), small(column.below));
        let _ = write!(
            out,
            "<th scope=\"col\" class=\"{class}\"{hint}><button type=\"button\">{label}{below}</button></th>"
        );
    }
    out.push_str("</tr></thead>\n<tbody>\n");
}

pub fn close(out: &mut String) {
    out.push_str("</tbody>\n</table>\n</div>\n");
}

fn small(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("<small>{}</small>", Html(text)) }
}

fn cell(out: &mut String, index: usize, column: &Column, cell: &Cell) {
    let tag = if index == 0 { "th" } else { "td" };
    let _ = write!(out, "<{tag}");
    if index == 0 {
        out.push_str(" scope=\"row\"");
    }
    let tone = if cell.badge { "" } else { cell.tone.class() };
    let classes: Vec<&str> =
        [if column.number { "n" } else { "" }, tone].into_iter().filter(|class| !class.is_empty()).collect();
    if !classes.is_empty() {
        let _ = write!(out, " class=\"{}\"", classes.join(" "));
    }
    if let Some(key) = cell.key {
        let _ = write!(out, " data-key=\"{key}\"");
    }
    out.push('>');
    let text = Html(&cell.text);
    let _ = match (&cell.path, cell.badge && !cell.text.is_empty()) {
        (Some(path), _) => write!(out, "<a href=\"{}\">{text}</a>", href(path)),
        (None, true) => write!(out, "<span class=\"badge {}\">{text}</span>", cell.tone.class()),
        (None, false) => write!(out, "{text}"),
    };
    let _ = write!(out, "{}</{tag}>", small(&cell.below));
}
