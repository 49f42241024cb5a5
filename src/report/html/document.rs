//! What surrounds the sections of every page: head, policy, data and scripts.

use super::escape::{Html, inert};
use std::fmt::Write;
use std::sync::OnceLock;

/// Where the page gets the chart library from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Script {
    /// In the page: one file that can be sent to anybody.
    Inline,
    /// Beside it, at this path relative to the page: for a batch. Write [`chart_script`] there.
    Shared(String),
}

/// The chart library: one script, some 4.5 MB of it.
pub fn chart_script() -> &'static str {
    static SCRIPT: OnceLock<String> = OnceLock::new();
    SCRIPT.get_or_init(|| {
        // The crate gives two script elements, the library and a formula renderer; ours has no formulas.
        let elements = plotly::Plot::offline_js_sources();
        let script = elements.split_once('>').and_then(|(_, rest)| rest.split_once("</script>"));
        script.map(|(script, _)| script.to_owned()).unwrap_or_default()
    })
}

/// A page around its sections.
pub struct Document<'a> {
    pub title: String,
    /// Where the chart library is, and what it draws, as JSON from [`json`](super::escape::json). `None` on a
    /// page without charts.
    pub charts: Option<(&'a Script, String)>,
    /// JSON for programs that read the page; empty for none.
    pub capsule: &'a str,
    /// Our own scripts. They share the names they declare.
    pub code: &'a [&'a str],
}

impl Document<'_> {
    /// The whole page; `sections` writes what is seen of it.
    pub fn around(&self, sections: impl FnOnce(&mut String)) -> String {
        let library = match self.charts {
            Some((Script::Inline, _)) => chart_script(),
            _ => "",
        };
        let mut out = String::with_capacity(library.len() + (2 << 20));
        self.head(&mut out);
        // A page without charts is one wide table.
        let class = if self.charts.is_none() { " class=\"wide\"" } else { "" };
        let _ = writeln!(out, "<body>\n<main{class}>");
        sections(&mut out);
        out.push_str("</main>\n");
        if !self.capsule.is_empty() {
            data(&mut out, "capsule", &inert(self.capsule));
        }
        if let Some((script, charts)) = &self.charts {
            data(&mut out, "data", charts);
            match script {
                Script::Inline => {
                    out.push_str("<script>");
                    out.push_str(library);
                    out.push_str("</script>\n");
                }
                Script::Shared(path) => {
                    let _ = writeln!(out, r#"<script src="{}"></script>"#, Html(path));
                }
            }
        }
        // One function around all pieces: their names meet each other and nothing else.
        out.push_str("<script>\n(function () {\n'use strict';\n");
        out.extend(self.code.iter().copied());
        out.push_str("})();\n</script>\n</body>\n</html>\n");
        out
    }

    fn head(&self, out: &mut String) {
        // Even if something slipped through the escaping, nothing can be loaded or sent from here.
        let scripts = match self.charts {
            Some((Script::Shared(_), _)) => "'unsafe-inline' 'self' file:",
            _ => "'unsafe-inline'",
        };
        let _ = write!(
            out,
            concat!(
                "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n",
                "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n",
                "<meta name=\"color-scheme\" content=\"light dark\">\n",
                "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; script-src {scripts}; ",
                "style-src 'unsafe-inline'; img-src data: blob:; base-uri 'none'; form-action 'none'\">\n",
                "<title>{title}</title>\n<style>\n{style}</style>\n</head>\n"
            ),
            scripts = scripts,
            title = Html(&self.title),
            style = include_str!("style.css"),
        );
    }
}

fn data(out: &mut String, id: &str, json: &str) {
    let _ = writeln!(out, r#"<script type="application/json" id="{id}">{json}</script>"#);
}
