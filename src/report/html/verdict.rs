//! Whether a result is to be believed, and what became of a promise.

use super::escape::Html;
use super::parts::nobreak;
use super::table::Tone;
use crate::report::figures;
use std::fmt::Write;

/// The answer to "is it to be believed?".
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verdict<'a> {
    /// `sound`, `doubtful`, `overfit`, `losing` or `untraded`; empty where nobody judged.
    pub word: &'a str,
    pub sentence: String,
}

/// A figure with what it says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Figure<'a> {
    pub name: &'a str,
    /// `—` where undefined.
    pub value: String,
    /// One line: what it is, and from where on it is good.
    pub hint: String,
    pub tone: Tone,
}

/// One metric twice: as it was in-sample and as it was out-of-sample.
#[derive(Debug, Clone, PartialEq)]
pub struct Compared<'a> {
    /// Key of the metric, such as `sharpe_ratio`.
    pub key: &'a str,
    pub in_sample: Option<f64>,
    pub out_of_sample: Option<f64>,
}

/// What an optimization promised of the run that a page shows.
#[derive(Debug, Clone, PartialEq)]
pub struct Promised<'a> {
    /// First and last day of the training, ISO dates.
    pub trained: (String, String),
    pub verdict: Verdict<'a>,
    pub rows: Vec<Compared<'a>>,
}

/// A sentence whose first word is the verdict, below a heading that says it: `Sound: it is …` as `It is …`.
fn below_heading(sentence: &str) -> String {
    let rest = sentence.split_once(": ").filter(|(word, _)| word.chars().all(char::is_alphabetic));
    let mut rest = rest.map_or(sentence, |(_, rest)| rest).chars();
    rest.next().map(|first| first.to_uppercase().chain(rest).collect()).unwrap_or_default()
}

/// How a verdict reads at a glance.
pub fn tone(word: &str) -> Tone {
    match word {
        "sound" => Tone::Good,
        "doubtful" => Tone::Caution,
        "overfit" => Tone::Bad,
        _ => Tone::Plain,
    }
}

/// Class, sign and words for the head of a box.
fn look(word: &str) -> (&'static str, char, String) {
    match word {
        "sound" => ("good", '✓', "Sound".to_owned()),
        "doubtful" => ("doubt", '?', "Doubtful".to_owned()),
        "overfit" => ("bad", '✗', "Overfit".to_owned()),
        "losing" => ("none", '–', "Losing".to_owned()),
        "untraded" => ("none", '–', "No trades".to_owned()),
        word => ("none", '–', Html(word).to_string()),
    }
}

/// The box on top of an optimization. `found` is a line of HTML: what the verdict is about.
pub fn section(out: &mut String, verdict: &Verdict, found: &str, figures: &[Figure]) {
    let (class, sign, words) = look(verdict.word);
    let _ = writeln!(
        out,
        "<section id=\"verdict\" class=\"verdict {class}\" aria-labelledby=\"verdict-word\">\n\
         <p class=\"note\">Is it to be believed?</p>\n\
         <h2 id=\"verdict-word\"><span class=\"sign\" aria-hidden=\"true\">{sign}</span> {words}</h2>\n\
         <p class=\"sentence\">{}</p>\n<p>{found}</p>",
        Html(&below_heading(&verdict.sentence)),
    );
    if !figures.is_empty() {
        out.push_str("<dl class=\"figures\">\n");
        for figure in figures {
            let _ = writeln!(
                out,
                "<div><dt>{}</dt><dd><b class=\"{}\">{}</b><span>{}</span></dd></div>",
                Html(figure.name),
                figure.tone.class(),
                nobreak(&figure.value),
                Html(&figure.hint),
            );
        }
        out.push_str("</dl>\n");
    }
    out.push_str("</section>\n");
}

/// Metrics side by side, with the change and whether it is for the better.
pub fn comparison(out: &mut String, caption: &str, heads: [&str; 2], rows: &[Compared]) {
    let _ = write!(
        out,
        "<div class=\"scroll\" role=\"region\" aria-label=\"{0}\" tabindex=\"0\">\n<table class=\"compared\">\n\
         <caption>{0}</caption>\n<thead><tr><th scope=\"col\">Metric</th>",
        Html(caption)
    );
    for head in heads {
        let _ = write!(out, "<th scope=\"col\" class=\"n\">{head}</th>");
    }
    out.push_str("<th scope=\"col\" class=\"n\">Change</th></tr></thead>\n<tbody>\n");
    for row in rows {
        let (before, after) = (row.in_sample, row.out_of_sample);
        let (class, word) = match figures::improved(row.key, before, after) {
            Some(true) => (" up", " <em>better</em>"),
            Some(false) => (" down", " <em>worse</em>"),
            None => ("", ""),
        };
        let _ = writeln!(
            out,
            "<tr><th scope=\"row\">{}</th><td class=\"n\">{}</td><td class=\"n\"><b>{}</b></td><td class=\"n{class}\">{}{word}</td></tr>",
            Html(figures::label(row.key)),
            nobreak(&figures::text(row.key, before)),
            nobreak(&figures::text(row.key, after)),
            nobreak(&figures::change(row.key, before, after)),
        );
    }
    out.push_str("</tbody>\n</table>\n</div>\n");
}

/// The box on top of a forward test.
pub fn promised(out: &mut String, promised: &Promised) {
    let (class, sign, words) = look(promised.verdict.word);
    let (from, to) = &promised.trained;
    let said = match promised.verdict.word {
        "" => String::new(),
        _ => format!("<b><span class=\"sign\" aria-hidden=\"true\">{sign}</span> {words}.</b> "),
    };
    let _ = writeln!(
        out,
        "<section id=\"promised\" class=\"verdict {class}\" aria-labelledby=\"promised-word\">\n\
         <h2 id=\"promised-word\">Promised and delivered</h2>\n\
         <p class=\"sentence\">{said}{}</p>",
        Html(&below_heading(&promised.verdict.sentence)),
    );
    let caption = format!("Promised in training, from {from} to {to}; delivered in this run");
    comparison(out, &caption, ["Promised", "Delivered"], &promised.rows);
    out.push_str("</section>\n");
}
