//! Diagnostics as text, drawn by `miette`.

use super::{Diagnostic, Severity};
use crate::script::source::Source;
use miette::{
    GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteError, MietteSpanContents, SourceCode,
    SourceSpan, SpanContents,
};
use std::collections::BTreeMap;
use std::fmt;

const WIDTH: usize = 100;
const TAB_WIDTH: usize = 4;

/// The texts that diagnostics point into, by name: the script and the modules it imports.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    texts: BTreeMap<String, String>,
}

impl Sources {
    pub fn one(name: impl Into<String>, text: impl Into<String>) -> Sources {
        let mut sources = Sources::default();
        sources.insert(name, text);
        sources
    }

    pub fn insert(&mut self, name: impl Into<String>, text: impl Into<String>) {
        self.texts.insert(name.into(), text.into());
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.texts.get(name).map(String::as_str)
    }
}

/// All of them, in order of position, without colours, 100 columns wide.
pub fn render_plain(diagnostics: &[Diagnostic], sources: &Sources) -> String {
    render(diagnostics, sources, GraphicalTheme::unicode_nocolor())
}

/// All of them, in order of position, with ANSI colours.
pub fn render_coloured(diagnostics: &[Diagnostic], sources: &Sources) -> String {
    render(diagnostics, sources, GraphicalTheme::unicode())
}

fn render(diagnostics: &[Diagnostic], sources: &Sources, theme: GraphicalTheme) -> String {
    let handler = GraphicalReportHandler::new_themed(theme)
        .with_width(WIDTH)
        .tab_width(TAB_WIDTH)
        .with_links(false)
        .with_context_lines(1);
    let mut ordered: Vec<&Diagnostic> = diagnostics.iter().collect();
    ordered.sort_by_key(|d| (&d.source_name, d.line, d.column, d.severity));
    let mut out = String::new();
    for diagnostic in ordered {
        if !out.is_empty() {
            out.push('\n');
        }
        let mut text = String::new();
        // Writing into a string fails only if something inside refuses to be drawn; the finding is said anyway.
        match handler.render_report(&mut text, &Report::new(diagnostic, sources)) {
            Ok(()) => out.push_str(text.trim_start_matches('\n')),
            Err(_) => out.push_str(&format!("{}\n", diagnostic.in_line())),
        }
    }
    out
}

impl Diagnostic {
    /// Place and message, without the source line.
    pub fn in_line(&self) -> String {
        let message = self.message.split_whitespace().collect::<Vec<_>>().join(" ");
        if self.source_name.is_empty() { message } else { format!("{}: {message}", place(self)) }
    }
}

fn place(diagnostic: &Diagnostic) -> String {
    match (diagnostic.line, diagnostic.column) {
        (0, _) => diagnostic.source_name.clone(),
        (line, 0) => format!("{}:{line}", diagnostic.source_name),
        (line, column) => format!("{}:{line}:{column}", diagnostic.source_name),
    }
}

/// A diagnostic as `miette` wants it.
struct Report<'a> {
    diagnostic: &'a Diagnostic,
    /// The text it points into and where; `None` if the text is not at hand or there is no position.
    snippet: Option<(Snippet<'a>, SourceSpan)>,
}

impl<'a> Report<'a> {
    fn new(diagnostic: &'a Diagnostic, sources: &'a Sources) -> Report<'a> {
        let snippet = sources.get(&diagnostic.source_name).filter(|_| diagnostic.line > 0).and_then(|text| {
            let span = span(text, diagnostic)?;
            Some((Snippet { name: &diagnostic.source_name, text }, span))
        });
        Report { diagnostic, snippet }
    }
}

/// Bytes of the marked piece: on one line, never more than the text has.
fn span(text: &str, diagnostic: &Diagnostic) -> Option<SourceSpan> {
    let line_start: usize = text.split_inclusive('\n').take(diagnostic.line - 1).map(str::len).sum();
    let line = text.get(line_start..)?.split('\n').next()?.trim_end_matches('\r');
    let byte = |column: usize| line.char_indices().nth(column).map_or(line.len(), |(at, _)| at);
    let (from, to) = match diagnostic.column {
        0 => (line.len() - line.trim_start().len(), line.len()),
        column => {
            let length = match diagnostic.length {
                0 => Source::new(text).length_at(diagnostic.line, column),
                length => length,
            };
            (byte(column - 1), byte(column - 1 + length))
        }
    };
    Some((line_start + from, to - from).into())
}

impl fmt::Debug for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.diagnostic.fmt(f)
    }
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.snippet.is_none() && !self.diagnostic.source_name.is_empty() {
            write!(f, "{}: ", place(self.diagnostic))?;
        }
        f.write_str(&self.diagnostic.message)
    }
}

impl std::error::Error for Report<'_> {}

impl miette::Diagnostic for Report<'_> {
    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.diagnostic.severity {
            Severity::Error => miette::Severity::Error,
            Severity::Warning => miette::Severity::Warning,
        })
    }

    fn help<'b>(&'b self) -> Option<Box<dyn fmt::Display + 'b>> {
        self.diagnostic.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.snippet.as_ref().map(|(snippet, _)| snippet as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let (_, span) = self.snippet.as_ref()?;
        Some(Box::new(std::iter::once(LabeledSpan::new_primary_with_span(None, *span))))
    }
}

/// A text with its name. `miette` counts columns in bytes; this counts characters, as Rhai does.
struct Snippet<'a> {
    name: &'a str,
    text: &'a str,
}

impl SourceCode for Snippet<'_> {
    fn read_span<'b>(
        &'b self,
        span: &SourceSpan,
        before: usize,
        after: usize,
    ) -> Result<Box<dyn SpanContents<'b> + 'b>, MietteError> {
        let line_start = self.text.get(..span.offset()).and_then(|t| t.rfind('\n')).map_or(0, |at| at + 1);
        let head = self.text.get(line_start..span.offset()).unwrap_or_default();
        let inner = self.text.read_span(span, before, after)?;
        let column = if inner.column() > 0 { head.chars().count() } else { 0 };
        Ok(Box::new(MietteSpanContents::new_named(
            self.name.to_string(),
            inner.data(),
            *inner.span(),
            inner.line(),
            column,
            inner.line_count(),
        )))
    }
}
