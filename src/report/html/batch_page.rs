//! The index of a batch: one row for each of its pages, and what failed. Nothing is drawn.

use super::document::Document;
use super::escape::Html;
use super::parts::{self, count};
use super::table::{self, Cell, Column};
use std::fmt::Write;

/// Everything the index of a batch shows.
#[derive(Debug, Clone)]
pub struct BatchPage<'a> {
    /// `Forward tests`.
    pub title: &'a str,
    /// Below the title, such as `7 best-params files`.
    pub facts: Vec<String>,
    /// What the whole comes to; empty for nothing.
    pub sentence: String,
    /// The first stays in sight where the table has to scroll.
    pub columns: Vec<Column<'a>>,
    /// A cell for each column; missing ones are empty.
    pub rows: Vec<Vec<Cell>>,
    /// What failed, and why.
    pub failed: Vec<(String, String)>,
    pub settings: Vec<(String, String)>,
    pub provenance: Vec<(String, String)>,
    pub warnings: Vec<String>,
    /// The batch as JSON, for programs that read the page; empty for none.
    pub capsule: String,
}

/// The index of a batch.
pub fn batch_page(page: &BatchPage) -> String {
    let document = Document {
        title: page.title.to_owned(),
        charts: None,
        capsule: &page.capsule,
        code: &[include_str!("sortable.js")],
    };
    document.around(|out| {
        header(out, page);
        parts::warnings(out, &page.warnings);
        results(out, page);
        failed(out, page);
        if !page.settings.is_empty() {
            parts::setup(out, "Settings", &[], &page.settings);
        }
        parts::provenance(out, &page.provenance);
    })
}

fn header(out: &mut String, page: &BatchPage) {
    let facts: Vec<String> = page.facts.iter().map(|fact| Html(fact).to_string()).collect();
    let mut links = vec![("results", "Results")];
    if !page.failed.is_empty() {
        links.push(("failed", "Failed"));
    }
    if !page.settings.is_empty() {
        links.push(("setup", "Settings"));
    }
    parts::header(out, page.title, "", &facts, &links);
}

fn results(out: &mut String, page: &BatchPage) {
    out.push_str("<section id=\"results\">\n<h2>Results</h2>\n");
    if !page.sentence.is_empty() {
        let _ = writeln!(out, "<p class=\"sentence\">{}</p>", Html(&page.sentence));
    }
    if page.rows.is_empty() {
        out.push_str("<p>There is nothing to show.</p>\n");
    } else {
        table::table(out, "Results", "grid", &page.columns, &page.rows);
    }
    out.push_str("</section>\n");
}

fn failed(out: &mut String, page: &BatchPage) {
    if page.failed.is_empty() {
        return;
    }
    let _ = writeln!(
        out,
        "<section id=\"failed\" class=\"warnings\" aria-labelledby=\"failed-head\">\n\
         <h2 id=\"failed-head\">Failed: {}</h2>\n<dl class=\"failures\">",
        count(page.failed.len() as u64)
    );
    for (what, why) in &page.failed {
        let _ = writeln!(out, "<div><dt>{}</dt><dd>{}</dd></div>", Html(what), Html(why));
    }
    out.push_str("</dl>\n</section>\n");
}

#[cfg(test)]
#[path = "batch_tests.rs"]
mod tests;
