//! `mista forward-test`: best parameters on later candles, one file or all of them.

use super::optimize::CHARTS;
use super::outputs::{check, file_stem};
use super::{Exit, Failure, complain, print, write};
use crate::config::parse_date;
use crate::forward_test::{ForwardTest, ForwardTestError, Options, compared, kept, kept_in_words, promised};
use crate::job::{PageOptions, RecipeError};
use crate::model::iso_date;
use crate::optimize::{BestParams, days};
use crate::report::html::{BatchPage, Cell, Column, Script as ChartScript, Tone, batch_page, chart_script};
use crate::report::table::{Colour, Summary, table};
use crate::report::{Metrics, figures};
use clap::Args;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};

#[derive(Debug, Args)]
pub struct ForwardTestArguments {
    /// Files of best parameters, as `mista optimize` writes them
    #[arg(required_unless_present = "all", value_name = "BEST_PARAMS.yaml")]
    files: Vec<PathBuf>,
    /// All *_best_params_*.yaml in results/optimize and config
    #[arg(long, conflicts_with = "files")]
    all: bool,
    /// First day or time (ISO, UTC) [default: the day after the training ended]
    #[arg(long, value_name = "DATE", value_parser = parse_date)]
    start: Option<i64>,
    /// Last day or time (ISO, UTC, exclusive) [default: the last candle]
    #[arg(long, value_name = "DATE", value_parser = parse_date)]
    end: Option<i64>,
    /// Candle file [default: the one it was optimized on]
    #[arg(long, value_name = "FILE")]
    data: Option<PathBuf>,
    /// Script, if it has moved
    #[arg(long, value_name = "FILE.rhai")]
    script: Option<PathBuf>,
    /// Test on candles it was optimized on, which proves nothing
    #[arg(long)]
    allow_overlap: bool,
    /// Test although the script or the candles of the training have changed
    #[arg(long)]
    allow_changed: bool,
    /// Folder of the results
    #[arg(long, value_name = "FOLDER", default_value = "results/forward_test")]
    out: PathBuf,
    /// Print JSON instead of tables
    #[arg(long)]
    json: bool,
    /// Print errors only (and the JSON, if asked for)
    #[arg(long, short)]
    quiet: bool,
}

/// Folders in which `--all` looks.
const FOLDERS: [&str; 2] = ["results/optimize", "config"];

impl From<ForwardTestError> for Failure {
    fn from(error: ForwardTestError) -> Self {
        match error {
            ForwardTestError::Recipe(RecipeError::Job(error)) => error.into(),
            error @ ForwardTestError::NoScript { .. } => Failure::new(Exit::Script, error.to_string()),
            error @ (ForwardTestError::NothingLater { .. } | ForwardTestError::NoCandles { .. }) => {
                Failure::new(Exit::Data, error.to_string())
            }
            error => Failure::new(Exit::Usage, error.to_string()),
        }
    }
}

/// One forward test that was run.
struct Tested {
    params: BestParams,
    metrics: Metrics,
    /// First and last day.
    tested: (String, String),
    name: String,
    report: PathBuf,
    json: Value,
    text: String,
}

pub fn forward_test(arguments: &ForwardTestArguments) -> Result<(), Failure> {
    let files = if arguments.all { found()? } else { arguments.files.clone() };
    let batch = arguments.all || files.len() > 1;
    let mut seen: Vec<String> = Vec::new();
    let mut tests = Vec::new();
    for file in &files {
        let test = test(arguments, file, batch, &mut seen);
        tests.push((file, test.map_err(|failure| failure.about(file))));
    }
    // Where there is nothing to show, what is there stays.
    if batch && tests.iter().any(|(_, test)| test.is_ok()) {
        write(&arguments.out.join("reports").join(CHARTS), chart_script())?;
        write(&arguments.out.join("index.html"), index(&tests))?;
    }
    if arguments.json {
        let value = match tests.as_slice() {
            [(_, Ok(tested))] if !batch => tested.json.clone(),
            tests => {
                let results: Vec<&Value> =
                    tests.iter().filter_map(|(_, test)| Some(&test.as_ref().ok()?.json)).collect();
                let failed = tests.iter().filter_map(|(file, test)| Some((file, test.as_ref().err()?)));
                let failed: Vec<Value> = failed
                    .map(|(file, failure)| json!({ "file": file.display().to_string(), "reason": failure.message }))
                    .collect();
                json!({ "results": results, "failed": failed })
            }
        };
        print(&format!("{value:#}\n"))?;
    } else if !arguments.quiet {
        match tests.as_slice() {
            [(_, Ok(tested))] if !batch => print(&tested.text)?,
            tests if batch => print(&batch_text(tests, arguments))?,
            _ => {}
        }
    }
    let failures: Vec<(&&PathBuf, &Failure)> =
        tests.iter().filter_map(|(file, test)| Some((file, test.as_ref().err()?))).collect();
    match failures.as_slice() {
        [] => Ok(()),
        [(_, failure)] if !batch => Err((*failure).clone()),
        failures => {
            for (file, failure) in failures {
                complain(&failure.of(&file.display().to_string()));
            }
            let text = format!("{} of {} forward tests failed, see above", failures.len(), tests.len());
            Err(Failure::new(Exit::Failed, text))
        }
    }
}

/// The files of best parameters where `--all` looks.
fn found() -> Result<Vec<PathBuf>, Failure> {
    let mut files: Vec<PathBuf> = Vec::new();
    for folder in FOLDERS {
        let entries = match std::fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(_) => continue,
        };
        let is_one = |path: &PathBuf| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.contains("_best_params_") && (name.ends_with(".yaml") || name.ends_with(".yml"))
        };
        let mut there: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).filter(is_one).collect();
        there.sort();
        // A copy in the other folder is not another promise.
        let same = |a: &Path, b: &Path| std::fs::read(a).ok() == std::fs::read(b).ok();
        there.retain(|file| {
            let namesake = |other: &&PathBuf| other.file_name() == file.file_name();
            !files.iter().filter(namesake).any(|other: &PathBuf| same(other, file))
        });
        files.extend(there);
    }
    match files.is_empty() {
        false => Ok(files),
        true => Err(Failure::new(
            Exit::Usage,
            format!(
                "there are no *_best_params_*.yaml in {}: `mista optimize` writes them",
                FOLDERS.join(" or ")
            ),
        )),
    }
}

/// Runs one and writes its files.
fn test(
    arguments: &ForwardTestArguments,
    file: &Path,
    batch: bool,
    seen: &mut Vec<String>,
) -> Result<Tested, Failure> {
    let options = Options {
        start: arguments.start,
        end: arguments.end,
        script: arguments.script.clone(),
        data: arguments.data.clone(),
        allow_overlap: arguments.allow_overlap,
        allow_changed: arguments.allow_changed,
    };
    let ForwardTest { params, mut job, notes } = ForwardTest::load(file, &options)?;
    let recipe = &params.recipe;
    let stem = file_stem(&[&params.metric, &recipe.strategy, &recipe.symbol, &recipe.interval]);
    if seen.contains(&stem) {
        let message =
            format!("{}: another file of this batch is named {stem} too: test it alone", file.display());
        return Err(Failure::new(Exit::Usage, message));
    }
    seen.push(stem.clone());
    let path = |folder: &str, ending: &str| arguments.out.join(folder).join(format!("{stem}.{ending}"));
    let (report, trades, equity) = (path("reports", "html"), path("trades", "csv"), path("equity", "csv"));
    check(
        &[("the report", &report), ("the trades", &trades), ("the equity", &equity)],
        &[
            vec![("the best parameters", file), ("the script", Path::new(job.script.path()))],
            job.setup.market.files(),
        ]
        .concat(),
    )?;
    let mut result = job.result()?;
    result.notes.splice(0..0, notes);
    let failed = |error: std::io::Error| Failure::new(Exit::Failed, error.to_string());
    let page = result.page(PageOptions {
        trades: Some(&trades),
        promised: Some(promised(&params, &result)),
        script: batch.then(|| ChartScript::Shared(CHARTS.to_owned())),
    });
    let (page, trades_csv, equity_csv) =
        (page.map_err(failed)?, result.trades_csv().map_err(failed)?, result.equity_csv().map_err(failed)?);
    write(&trades, trades_csv)?;
    write(&equity, equity_csv)?;
    write(&report, page)?;

    let candles = result.job.candles();
    let rows = result.job.setup.rows.clone();
    let tested = days(candles, rows.clone());
    let shown = |path: &Path| path.display().to_string();
    let written = [("report", shown(&report)), ("trades", shown(&trades)), ("equity", shown(&equity))];
    let mut text = table(
        &Summary {
            strategy: &recipe.strategy,
            symbol: &recipe.symbol,
            interval: recipe.interval.clone(),
            from: iso_date(candles.open_time[rows.start]),
            to: iso_date(candles.close_time[rows.end - 1]),
            candles: rows.len(),
            tier: result.job.script.tier().name(),
            tier_note: result.job.script.tier().note(),
            metrics: &result.metrics,
            warnings: &result.notes,
            files: &written,
        },
        Colour::when(std::io::stdout().is_terminal()),
    );
    text.push_str(&comparison(&params, &result.metrics));
    let mut json = result.json().map_err(failed)?;
    if let Some(object) = json.as_object_mut() {
        object.insert("best_params".into(), json!(file.display().to_string()));
        object.insert("promised".into(), Value::Object(params.metrics.clone()));
        object.insert("verdict".into(), json!(params.overfitting.verdict));
        let files = written.iter().map(|(what, path)| ((*what).to_owned(), json!(path)));
        object.insert("files".into(), Value::Object(files.collect()));
    }
    let name = format!("{} {} {}", recipe.strategy, recipe.symbol, recipe.interval);
    Ok(Tested { metrics: result.metrics, tested, name, report, json, text, params })
}

/// Promised and delivered, in at most 80 columns.
fn comparison(params: &BestParams, delivered: &Metrics) -> String {
    let mut out =
        format!("\n{:<24}{:>18}{:>18}{:>18}\n", "PROMISED AND DELIVERED", "promised", "delivered", "change");
    for row in compared(params, delivered) {
        let _ = writeln!(
            out,
            "{:<24}{:>18}{:>18}{:>18}",
            figures::label(row.key),
            figures::text(row.key, row.in_sample),
            figures::text(row.key, row.out_of_sample),
            figures::change(row.key, row.in_sample, row.out_of_sample)
        );
    }
    let sentence = format!("{} {}", params.overfitting.sentence, kept_in_words(params, delivered));
    let _ = writeln!(out, "\n{}", textwrap::fill(&sentence, 80));
    out
}

/// A file, and what came of it.
type Test<'a> = (&'a PathBuf, Result<Tested, Failure>);

/// How many kept at least half of what they promised.
fn sentence(tests: &[Test<'_>]) -> String {
    let tested: Vec<&Tested> = tests.iter().filter_map(|(_, test)| test.as_ref().ok()).collect();
    let promised: Vec<f64> = tested.iter().filter_map(|test| kept(&test.params, &test.metrics)).collect();
    let held = promised.iter().filter(|kept| **kept >= 0.5).count();
    let profit = tested.iter().filter(|test| test.metrics.cumulative_profit > 0.0).count();
    format!(
        "{} of {} promised a positive Sharpe ratio; {held} of them kept at least half of it. {profit} of {} made money.",
        promised.len(),
        tested.len(),
        tested.len()
    )
}

fn batch_text(tests: &[Test<'_>], arguments: &ForwardTestArguments) -> String {
    let mut out = format!(
        "{:<30}{:>8}{:>8}  {:>11}{:>9}  verdict\n",
        "promised → delivered", "Sharpe", "", "return", ""
    );
    for (file, test) in tests {
        let _ = match test {
            Ok(test) => {
                let two = |x: Option<f64>| x.map_or_else(|| "—".to_owned(), |x| format!("{x:.2}"));
                let whole = |x: Option<f64>| x.map_or_else(|| "—".to_owned(), |x| format!("{x:+.0} %"));
                writeln!(
                    out,
                    "{:<30}{:>8}{:>8}  {:>11}{:>9}  {}",
                    test.name,
                    two(test.params.promised("sharpe_ratio")),
                    two(Some(test.metrics.sharpe_ratio)),
                    whole(test.params.promised("return_pct")),
                    whole(Some(test.metrics.return_pct)),
                    test.params.overfitting.verdict
                )
            }
            Err(_) => writeln!(out, "{:<70}failed", file.file_name().unwrap_or_default().to_string_lossy()),
        };
    }
    let _ = writeln!(out, "\n{}", textwrap::fill(&sentence(tests), 80));
    if tests.iter().any(|(_, test)| test.is_ok()) {
        let _ = writeln!(out, "\nindex  {}", arguments.out.join("index.html").display());
    }
    out
}

/// Figures of which the promised is below the delivered.
const FIGURES: [&str; 6] =
    ["return_pct", "cagr_pct", "sharpe_ratio", "max_drawdown_pct", "trades_total", "profit_factor"];

fn columns() -> Vec<Column<'static>> {
    let mut columns = vec![
        Column::text("Strategy"),
        Column::text("Symbol"),
        Column::text("Verdict").hint("what the optimization thought of itself"),
    ];
    columns.extend(FIGURES.map(|key| {
        Column::number(figures::label(key))
            .below("promised")
            .hint("delivered on later candles, promised below")
    }));
    columns.extend(["Best by", "Trained", "Tested"].map(Column::text));
    columns
}

fn index(tests: &[Test<'_>]) -> String {
    let row = |(_, test): &Test<'_>| {
        let test = test.as_ref().ok()?;
        let report = test.report.file_name().unwrap_or_default().to_string_lossy();
        let recipe = &test.params.recipe;
        let mut cells = vec![
            Cell::link(recipe.strategy.as_str(), format!("reports/{report}")),
            Cell::text(recipe.symbol.as_str()).below(recipe.interval.as_str()),
            Cell::verdict(&test.params.overfitting.verdict),
        ];
        for key in FIGURES {
            let (before, after) = (test.params.promised(key), test.metrics.get(key).flatten());
            let tone = match key {
                "return_pct" | "cagr_pct" | "sharpe_ratio" => after.map_or(Tone::Plain, Tone::of),
                _ => Tone::Plain,
            };
            let cell = Cell::number(figures::text(key, after), after);
            cells.push(cell.below(figures::text(key, before)).toned(tone));
        }
        cells.push(Cell::text(figures::label(&test.params.metric)));
        cells.push(Cell::period(&promised_days(&test.params)));
        cells.push(Cell::period(&test.tested));
        Some(cells)
    };
    let failed = |(file, test): &Test<'_>| {
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Some((name, test.as_ref().err()?.message.clone()))
    };
    batch_page(&BatchPage {
        title: "Forward tests",
        facts: vec![format!("{} files of best parameters", tests.len())],
        sentence: sentence(tests),
        columns: columns(),
        rows: tests.iter().filter_map(row).collect(),
        failed: tests.iter().filter_map(failed).collect(),
        settings: Vec::new(),
        provenance: vec![("mista".into(), env!("CARGO_PKG_VERSION").into())],
        warnings: Vec::new(),
        capsule: String::new(),
    })
}

fn promised_days(params: &BestParams) -> (String, String) {
    let day = params.train.start.split('T').next().unwrap_or_default().to_owned();
    (day, params.trained_until().map(|end| iso_date(end - 1)).unwrap_or_default())
}
