//! `mista run`: backtest a script, print the result, write what was asked for.

use super::arguments::JobArguments;
use super::outputs::{self, file_stem};
use super::{Exit, Failure, complain, print, watch, write};
use crate::backtest::LOG_LINES_MAX;
use crate::job::{Job, PageOptions, RunResult};
use crate::model::{iso, iso_date};
use crate::report::Metrics;
use crate::report::table::{Colour, Summary, changes, table};
use clap::Args;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};

#[derive(Debug, Args)]
pub struct RunArguments {
    /// The strategy, such as strategies/breakout.rhai
    pub script: PathBuf,
    #[command(flatten)]
    pub job: JobArguments,
    /// Write the trades as CSV
    #[arg(long, value_name = "FILE.csv")]
    pub trades: Option<PathBuf>,
    /// Write the equity curve as CSV
    #[arg(long, value_name = "FILE.csv")]
    pub equity: Option<PathBuf>,
    /// Where to write the report [default: results/backtest/STRATEGY_SYMBOL_INTERVAL.html]
    #[arg(long, value_name = "FILE.html", conflicts_with = "no_report")]
    pub report: Option<PathBuf>,
    /// Write no report
    #[arg(long)]
    pub no_report: bool,
    /// Print one JSON object instead of the table
    #[arg(long)]
    pub json: bool,
    /// Run again whenever the script or a file it uses is saved, and print what changed
    #[arg(long, conflicts_with = "json")]
    pub watch: bool,
    /// Print errors only (and the JSON object, if asked for)
    #[arg(long, short)]
    pub quiet: bool,
}

pub fn run(arguments: &RunArguments) -> Result<(), Failure> {
    if arguments.watch {
        return watch::watch(arguments);
    }
    once(arguments, None).map(|_| ())
}

/// One run: everything is computed before anything is written.
pub(super) fn once(
    arguments: &RunArguments,
    before: Option<&Metrics>,
) -> Result<(Metrics, Vec<PathBuf>), Failure> {
    let mut job = arguments.job.load(&arguments.script)?;
    let report =
        (!arguments.no_report).then(|| arguments.report.clone().unwrap_or_else(|| default_report(&job)));
    check_outputs(arguments, report.as_deref(), &job)?;
    let result = job.result()?;
    let job = result.job;

    let failed = |error: std::io::Error| Failure::new(Exit::Failed, error.to_string());
    let mut files: Vec<(&str, &Path, Vec<u8>)> = Vec::new();
    if let Some(path) = &arguments.trades {
        files.push(("trades", path, result.trades_csv().map_err(failed)?));
    }
    if let Some(path) = &arguments.equity {
        files.push(("equity", path, result.equity_csv().map_err(failed)?));
    }
    if let Some(path) = &report {
        let options = PageOptions { trades: arguments.trades.as_deref(), ..PageOptions::default() };
        files.push(("report", path, result.page(options).map_err(failed)?.into_bytes()));
    }
    let json = if arguments.json { Some(result.json().map_err(failed)?) } else { None };
    // Trades that cannot be booked are no result, whether or not they are shown.
    result.ledger().map_err(|error| failed(std::io::Error::other(error)))?;
    for (_, path, bytes) in &files {
        write(path, bytes)?;
    }
    let files: Vec<(&str, String)> =
        files.iter().map(|(what, path, _)| (*what, path.display().to_string())).collect();

    if let Some(json) = json {
        print(&format!("{json:#}\n"))?;
    } else if !arguments.quiet {
        print_logs(&result);
        let (setup, candles) = (&job.setup, job.candles());
        let summary = Summary {
            strategy: job.script.name(),
            symbol: setup.symbol(),
            interval: setup.interval(),
            from: iso_date(candles.open_time[setup.rows.start]),
            to: iso_date(candles.close_time[setup.rows.end - 1]),
            candles: setup.rows.len(),
            tier: job.script.tier().name(),
            tier_note: job.script.tier().note(),
            metrics: &result.metrics,
            warnings: &result.notes,
            files: &files,
        };
        let text = match before {
            None => table(&summary, Colour::when(std::io::stdout().is_terminal())),
            Some(before) => match changes(before, &result.metrics) {
                same if same.is_empty() => "the same result\n".to_owned(),
                changed => changed,
            },
        };
        print(&text)?;
    }
    let mut used = vec![arguments.script.clone()];
    used.extend(job.script.imported().into_iter().map(|(path, _)| path));
    used.extend([&arguments.job.config, &arguments.job.params].into_iter().flatten().cloned());
    Ok((result.metrics, used))
}

fn check_outputs(arguments: &RunArguments, report: Option<&Path>, job: &Job) -> Result<(), Failure> {
    let wanted = [
        ("--trades", arguments.trades.as_deref()),
        ("--equity", arguments.equity.as_deref()),
        ("--report", report),
    ];
    let outputs: Vec<outputs::Named<'_>> =
        wanted.into_iter().filter_map(|(flag, path)| path.map(|path| (flag, path))).collect();
    let imported = job.script.imported();
    let mut inputs = arguments.job.inputs(&arguments.script, &job.setup.market);
    inputs.extend(imported.iter().map(|(path, _)| ("an imported script", path.as_path())));
    outputs::check(&outputs, &inputs)
}

fn default_report(job: &Job) -> PathBuf {
    let name = file_stem(&[job.script.name(), job.setup.symbol(), &job.setup.interval()]);
    Path::new("results/backtest").join(format!("{name}.html"))
}

fn print_logs(result: &RunResult<'_>) {
    const SHOWN: usize = 5;
    let trace = &result.trace;
    for (row, text) in trace.logs.iter().take(SHOWN) {
        complain(&format!("{}  {text}", iso(result.job.candles().close_time[*row])));
    }
    let more = (trace.logs.len() + trace.logs_dropped).saturating_sub(SHOWN);
    if more > 0 {
        complain(&format!("… and {more} more log lines (the report keeps {LOG_LINES_MAX})"));
    }
}
