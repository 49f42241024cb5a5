//! From trials to results: files, tables, JSON.

use super::{OUT, Output, Task, study_stem, table};
use crate::cli::outputs::Named;
use crate::cli::{Exit, Failure, complain, print, write};
use crate::job::Job;
use crate::optimize::trials::Trials;
use crate::optimize::{
    BestParams, Findings, FindingsError, Runner, Study, TooFew, overfitting_figures, page, search_in_words,
    walked_sentence,
};
use crate::report::figures;
use crate::report::html::{BatchPage, Cell, Column, Script as ChartScript, Tone, batch_page, chart_script};
use crate::report::number::{counted, grouped};
use crate::report::{Metrics, NewFile};
use crate::script::Parameters;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// The chart library of a batch, beside its pages.
pub const CHARTS: &str = "charts.js";

/// Trials in the table.
const SHOWN: usize = 10;

/// A study whose results are written.
pub struct Finished<'a> {
    study: &'a Study,
    findings: Findings,
    params: BestParams,
    parameters: Parameters,
    /// What was written, and where.
    files: Vec<(&'static str, PathBuf)>,
}

impl From<FindingsError> for Failure {
    fn from(error: FindingsError) -> Self {
        let exit = match error {
            FindingsError::AllFailed { .. } | FindingsError::Run(_) => Exit::Script,
            // Not of no more use: the file may come back as it was.
            FindingsError::Recipe(_) => Exit::Usage,
            FindingsError::Trials(error) => return error.into(),
            FindingsError::Details(_) => Exit::Failed,
        };
        Failure::new(exit, error.to_string())
    }
}

/// Where the results of a study go.
pub struct Paths {
    pub best: PathBuf,
    pub report: PathBuf,
    pub details: PathBuf,
}

impl Paths {
    pub fn of(study: &Study, out: &Path) -> Paths {
        let (metric, study) = (study.plan.metric.name(), study_stem(study));
        Paths {
            best: out.join(format!("{metric}_best_params_{study}.yaml")),
            report: out.join("reports").join(format!("{metric}_{study}.html")),
            details: out.join("details").join(format!("{metric}_{study}.csv")),
        }
    }

    /// As messages name them.
    pub fn named(&self, details: bool) -> Vec<Named<'_>> {
        let mut named: Vec<Named<'_>> =
            vec![("the best parameters", &self.best), ("the report", &self.report)];
        named.extend(details.then_some(("the details", self.details.as_path())));
        named
    }
}

/// Reads the complete trials of a study and writes its results below `out`. `batch`: the page shares its chart
/// library with others.
pub fn finish<'a>(
    study: &'a Study,
    files: &[Trials],
    out: &Path,
    save_details: bool,
    batch: bool,
) -> Result<Finished<'a>, Failure> {
    let failed = |error: &dyn std::fmt::Display| Failure::new(Exit::Failed, error.to_string());
    let Paths { best, report, details } = Paths::of(study, out);
    let mut written = Vec::new();

    let cannot = |error: std::io::Error| {
        Failure::new(Exit::Failed, format!("cannot write {}: {error}", details.display()))
    };
    let mut rows = save_details.then(|| NewFile::create(&details)).transpose().map_err(cannot)?;
    let findings = Findings::of(study, files, rows.as_mut().map(|file| file as &mut dyn std::io::Write))?;

    let runner = Runner::new(study).map_err(|error| failed(&error))?;
    let mut parameters = study.parameters.clone();
    study.plan.grid.apply(findings.best.number, &mut parameters).map_err(|error| failed(&error))?;
    let script = runner.prepared(&parameters)?;
    let mut job = Job::on(script, parameters.clone(), study.setup.clone());
    let result = job.result()?;
    if Metrics::KEYS.iter().any(|key| result.metrics.get(key).flatten() != findings.best.figures.get(key)) {
        // Nothing known makes this happen; if something does, nobody may trade on it.
        let stem = study_stem(study);
        return Err(failed(&format!(
            "{stem}: the best trial, run again, came out differently: its row was altered, or computed by another program; run the search again"
        )));
    }
    if let Some(file) = rows {
        file.commit().map_err(cannot)?;
        written.push(("details", details.clone()));
    }
    let recipe = result.recipe();
    let params = BestParams::of(study, &findings, recipe, &result.metrics);
    let charts = if batch { ChartScript::Shared(CHARTS.to_owned()) } else { ChartScript::Inline };
    let html = page(study, &findings, &result, &params, charts).map_err(|error| failed(&error))?;

    write(&best, params.text().map_err(|error| failed(&error))?)?;
    write(&report, html)?;
    written.insert(0, ("best parameters", best));
    written.push(("report", report));
    Ok(Finished { study, findings, params, parameters, files: written })
}

/// Writes the index page of a batch, and what its pages share.
pub fn write_index(tasks: &[Task<Finished<'_>>], output: &Output) -> Result<(), Failure> {
    write(&output.out.join("reports").join(CHARTS), chart_script())?;
    write(&output.out.join("index.html"), index(tasks))
}

/// Prints what came of all tasks.
pub fn report(tasks: &[Task<Finished<'_>>], output: &Output, batch: bool) -> Result<(), Failure> {
    if output.json {
        let value = match (batch, tasks) {
            (false, [(_, Ok(finished))]) => finished.json()?,
            _ => batch_json(tasks)?,
        };
        print(&format!("{value:#}\n"))?;
    } else if !output.quiet {
        for (_, finished) in tasks {
            match finished {
                Ok(finished) if !batch => print(&finished.text())?,
                _ => {}
            }
        }
        if batch {
            print(&batch_text(tasks, output))?;
        }
    }
    let failures: Vec<(&str, &Failure)> =
        tasks.iter().filter_map(|(name, result)| Some((name.as_str(), result.as_ref().err()?))).collect();
    match (batch, failures.as_slice()) {
        (_, []) => Ok(()),
        (false, [(_, failure)]) => Err((*failure).clone()),
        (_, failures) => {
            for (name, failure) in failures {
                complain(&failure.of(name));
            }
            let all = counted(tasks.len() as u64, "task");
            Err(Failure::new(Exit::Failed, format!("{} of {all} failed, see above", failures.len())))
        }
    }
}

impl Finished<'_> {
    fn json(&self) -> Result<Value, Failure> {
        let failed = |error: serde_json::Error| Failure::new(Exit::Failed, error.to_string());
        let mut value = serde_json::to_value(&self.params).map_err(failed)?;
        if let Some(object) = value.as_object_mut() {
            let files = self
                .files
                .iter()
                .map(|(what, path)| (what.replace(' ', "_"), json!(path.display().to_string())));
            object.insert("files".into(), Value::Object(files.collect()));
        }
        Ok(value)
    }

    /// The result in at most 80 columns, paths excepted.
    fn text(&self) -> String {
        let (plan, findings) = (&self.study.plan, &self.findings);
        let recipe = &plan.recipe;
        let metric = plan.metric;
        let (from, to) = crate::optimize::days(self.study.setup.candles(), self.study.setup.rows.clone());
        let mut out = format!(
            "{} · {} {} · {from} to {to} · {}\n",
            recipe.strategy,
            recipe.symbol,
            recipe.interval,
            counted(recipe.candles as u64, "candle")
        );
        let direction = if metric.higher_is_better() { "highest" } else { "lowest" };
        let mut tried = format!(
            "{} ({}), looking for the {direction} {}",
            counted(findings.trials, "combination"),
            search_in_words(self.study),
            figures::label(metric.key())
        );
        if findings.untraded > 0 {
            let _ = write!(tried, "; {} never traded", grouped(findings.untraded as f64, 0));
        }
        if findings.failed > 0 {
            let _ = write!(tried, "; {} failed", grouped(findings.failed as f64, 0));
        }
        if let Some(TooFew { asked, .. }) = findings.too_few {
            let _ = write!(tried, "; none made {}", counted(asked, "trade"));
        }
        let _ = writeln!(out, "{}\n", wrap(&tried, ""));
        let top: Vec<_> = findings.top.iter().take(SHOWN).collect();
        out.push_str(&table::trials(self.study, &top));
        // With every parameter fixed, the best is what was said.
        if !plan.grid.axes.is_empty() {
            let _ = writeln!(out, "\nBEST");
        }
        for entry in self
            .parameters
            .entries()
            .iter()
            .filter(|entry| plan.grid.axes.iter().any(|axis| axis.name == entry.name))
        {
            let _ = writeln!(out, "  {:<28} {}", entry.name, entry.value);
        }
        let _ = writeln!(out, "\nIS IT TO BE BELIEVED?");
        let _ = writeln!(out, "{}", wrap(&findings.sentence(), "  "));
        for figure in overfitting_figures(findings) {
            let _ = writeln!(out, "  {:<38}{:>6}", figure.name, figure.value);
        }
        if let Some(walked) = &findings.walked {
            let _ = writeln!(out, "\nWALK-FORWARD");
            let label = figures::label(metric.key());
            let _ = writeln!(
                out,
                "  {:<26}{:>18}{:>18}",
                format!("{label}, tested"),
                "in sample",
                "out of sample"
            );
            for step in &walked.steps {
                let (from, to) = crate::optimize::days(self.study.setup.candles(), step.window.test.clone());
                let text = |x| figures::text(metric.key(), x);
                let outside =
                    if step.error.is_some() { "failed".to_owned() } else { text(step.out_of_sample) };
                let _ = writeln!(
                    out,
                    "  {:<26}{:>18}{:>18}",
                    format!("{from} to {to}"),
                    text(step.in_sample),
                    outside
                );
            }
            let _ = writeln!(out, "{}", wrap(&walked_sentence(self.study, walked), "  "));
        }
        out.push('\n');
        for (what, path) in &self.files {
            let _ = writeln!(out, "{what:<16} {}", path.display());
        }
        let best = self.files.first().map(|(_, path)| path.display().to_string()).unwrap_or_default();
        let _ = match findings.too_few {
            // What was asked for was not found.
            Some(TooFew { most, .. }) => {
                writeln!(
                    out,
                    "next:  search again with --min-trades {most} or less, more candles, or other values"
                )
            }
            None => writeln!(out, "next:  mista forward-test {best}"),
        };
        out
    }
}

fn wrap(text: &str, indent: &str) -> String {
    let options = textwrap::Options::new(80).initial_indent(indent).subsequent_indent(indent);
    textwrap::fill(text, options)
}

fn batch_text(tasks: &[Task<Finished<'_>>], output: &Output) -> String {
    let heads = ["task", "trials", "best", "DSR", "PBO", "plateau", "verdict"].map(str::to_owned);
    let two = |x: Option<f64>| x.map_or_else(|| "—".to_owned(), |x| grouped(x, 2));
    let row = |(name, result): &Task<Finished<'_>>| match result {
        Ok(finished) => {
            let (metric, o) = (finished.study.plan.metric, &finished.findings.overfitting);
            vec![
                name.clone(),
                grouped(finished.findings.trials as f64, 0),
                figures::text(metric.key(), finished.params.value),
                two(o.dsr),
                two(o.pbo),
                two(o.plateau),
                finished.findings.verdict.word().to_owned(),
            ]
        }
        Err(_) => vec![
            name.clone(),
            String::new(),
            String::new(),
            String::new(),
            String::new(),
            String::new(),
            "failed".to_owned(),
        ],
    };
    let mut out = String::new();
    let first = tasks.iter().find_map(|(_, result)| result.as_ref().ok());
    if let Some(finished) = first {
        let _ = writeln!(out, "best by {}\n", figures::label(finished.study.plan.metric.key()));
    }
    out.push_str(&table::columns(&heads, &tasks.iter().map(row).collect::<Vec<_>>()));
    if tasks.iter().any(|(_, result)| result.as_ref().is_ok_and(|f| !f.findings.best_is_highest())) {
        let _ = writeln!(out, "\nDSR is that of the highest Sharpe ratio, the verdict that of the best.");
    }
    for remark in too_few(tasks) {
        let _ = writeln!(out, "\n{}", wrap(&remark, ""));
    }
    if first.is_none() {
        return out;
    }
    let _ = writeln!(out, "\nindex            {}", output.out.join("index.html").display());
    let enough =
        |(_, result): &Task<Finished<'_>>| result.as_ref().is_ok_and(|f| f.findings.too_few.is_none());
    if !tasks.iter().any(enough) {
        return out;
    }
    if output.out == Path::new(OUT) {
        let _ = writeln!(out, "next:  mista forward-test --all");
    } else {
        let files = output.out.join("*_best_params_*.yaml");
        let _ = writeln!(out, "next:  mista forward-test {}", files.display());
    }
    out
}

/// Of each task in which no trial made the trades that were asked for.
fn too_few(tasks: &[Task<Finished<'_>>]) -> Vec<String> {
    let remark = |(name, result): &Task<Finished<'_>>| {
        Some(format!("{name}: {}", result.as_ref().ok()?.findings.too_few?))
    };
    tasks.iter().filter_map(remark).collect()
}

fn batch_json(tasks: &[Task<Finished<'_>>]) -> Result<Value, Failure> {
    let mut results = Vec::new();
    let mut failed = Vec::new();
    for (name, result) in tasks {
        match result {
            Ok(finished) => results.push(finished.json()?),
            Err(failure) => failed.push(json!({ "task": name, "reason": failure.message })),
        }
    }
    Ok(json!({ "results": results, "failed": failed }))
}

const COLUMNS: [Column<'static>; 10] = [
    Column::text("Strategy"),
    Column::text("Symbol"),
    Column::text("Verdict"),
    Column::number("Best").hint("the metric of the best trial, in-sample"),
    Column::number("Return").hint("of the best trial, in-sample"),
    Column::number("DSR").hint("deflated Sharpe ratio of the trial with the highest Sharpe ratio: 0.95 or more stands out of what luck gives"),
    Column::number("PBO").hint("probability of backtest overfitting: the lower the better"),
    Column::number("Plateau").hint("median of the neighbours in the grid, of the best's value"),
    Column::number("Trials"),
    Column::text("Trained"),
];

fn index(tasks: &[Task<Finished<'_>>]) -> String {
    let three = |x: Option<f64>| Cell::number(x.map_or_else(|| "—".to_owned(), |x| grouped(x, 3)), x);
    let row = |(_, result): &Task<Finished<'_>>| {
        let finished = result.as_ref().ok()?;
        let (metric, o) = (finished.study.plan.metric.key(), &finished.findings.overfitting);
        let report = finished.files.last().and_then(|(_, path)| path.file_name());
        let report = format!("reports/{}", report.unwrap_or_default().to_string_lossy());
        let setup = &finished.study.setup;
        let total = finished.params.promised("return_pct");
        let recipe = &finished.params.recipe;
        Some(vec![
            Cell::link(recipe.strategy.as_str(), report),
            Cell::text(recipe.symbol.as_str()).below(recipe.interval.as_str()),
            Cell::verdict(finished.findings.verdict.word()),
            Cell::number(figures::text(metric, finished.params.value), finished.params.value),
            Cell::number(figures::text("return_pct", total), total)
                .toned(total.map_or(Tone::Plain, Tone::of)),
            three(o.dsr),
            three(o.pbo),
            three(o.plateau),
            Cell::number(grouped(finished.findings.trials as f64, 0), Some(finished.findings.trials as f64)),
            Cell::period(&crate::optimize::days(setup.candles(), setup.rows.clone())),
        ])
    };
    let rows: Vec<Vec<Cell>> = tasks.iter().filter_map(row).collect();
    let failed = tasks
        .iter()
        .filter_map(|(name, result)| Some((name.clone(), result.as_ref().err()?.message.clone())));
    let metric = tasks.iter().find_map(|(_, result)| Some(result.as_ref().ok()?.study.plan.metric.key()));
    let count = |word: &str| {
        let of = |(_, result): &&Task<Finished<'_>>| {
            result.as_ref().is_ok_and(|f| f.findings.verdict.word() == word)
        };
        tasks.iter().filter(of).count()
    };
    let words = ["sound", "doubtful", "overfit", "losing", "untraded"];
    let counted: Vec<String> = words
        .iter()
        .filter_map(|word| {
            Some(count(word)).filter(|count| *count > 0).map(|count| format!("{count} {word}"))
        })
        .collect();
    let sentence = format!("Verdicts: {}.", counted.join(", "));
    batch_page(&BatchPage {
        title: "Optimizations",
        facts: metric.map(|metric| format!("best by {}", figures::label(metric))).into_iter().collect(),
        sentence,
        columns: COLUMNS.to_vec(),
        rows,
        failed: failed.collect(),
        settings: Vec::new(),
        provenance: vec![("mista".into(), env!("CARGO_PKG_VERSION").into())],
        warnings: too_few(tasks),
        capsule: String::new(),
    })
}
