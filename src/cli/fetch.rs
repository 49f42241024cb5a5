//! `mista fetch`: candles of the exchange, or of its dumps, into files.

use super::optimize::interruptible;
use super::{Exit, Failure, complain, print};
use crate::config::parse_date;
use crate::data::fetch::{
    Counts, Exchange, FetchError, Fetched, INTERVALS, Source, Task, Trouble, Watch, fetch as fetch_file,
};
use crate::model::{Interval, iso};
use crate::report::number::grouped;
use crate::venues::binance::endpoints::Preset;
use clap::Args;
use serde_json::{Value, json};

use std::fmt::Write as _;
use std::io::{IsTerminal, Write as _};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct FetchArguments {
    /// Symbol, such as BTCUSDT; several with commas between them, or repeated
    #[arg(long, value_name = "SYMBOL", required = true, value_delimiter = ',', value_parser = parse_symbol)]
    symbol: Vec<String>,
    /// Length of the candles, such as 1m; several with commas between them, or repeated
    #[arg(long, value_name = "INTERVAL", required = true, value_delimiter = ',', value_parser = parse_interval)]
    interval: Vec<Interval>,
    /// First day or time (ISO, UTC, inclusive) [default: on from the file there is, or the first candle]
    #[arg(long, value_name = "DATE", value_parser = parse_date)]
    start: Option<i64>,
    /// Last day or time (ISO, UTC, exclusive) [default: the last candle that is closed]
    #[arg(long, value_name = "DATE", value_parser = parse_date)]
    end: Option<i64>,
    /// Where to ask: live, data (live without an account), testnet, demo or local
    #[arg(long, default_value = "data")]
    venue: Preset,
    /// Another address to ask, such as http://127.0.0.1:9080
    #[arg(long, value_name = "URL")]
    rest: Option<String>,
    /// Read the exchange's public dumps in this folder instead of asking
    #[arg(long, value_name = "DIR", conflicts_with_all = ["venue", "rest", "patience"])]
    dumps: Option<PathBuf>,
    /// Folder of the files: INTERVAL/SYMBOL_INTERVAL.csv below it
    #[arg(long, value_name = "DIR", default_value = "data")]
    out: PathBuf,
    /// Fetch what is in the files again, and replace them
    #[arg(long)]
    refetch: bool,
    /// Give up after so long without an answer
    #[arg(long, value_name = "SECONDS", default_value_t = 300, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    patience: u64,
    /// Print one JSON object instead of the table
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "Examples:
  mista fetch --symbol BTCUSDT --interval 1h
  mista fetch --symbol BTCUSDT,ETHUSDT --interval 1m,1h --start 2021-01-01 --end 2024-01-01
  mista fetch --symbol BTCUSDT --interval 1m --dumps ~/dumps      then, for what is newer:
  mista fetch --symbol BTCUSDT --interval 1m

Stopped or killed, it goes on where it was when the same command is run again.";

fn parse_symbol(text: &str) -> Result<String, String> {
    let symbol = text.trim().to_uppercase();
    match !symbol.is_empty() && symbol.chars().count() <= 30 && symbol.chars().all(char::is_alphanumeric) {
        true => Ok(symbol),
        false => Err("write it as the exchange does, letters and digits only, such as BTCUSDT".to_owned()),
    }
}

fn parse_interval(text: &str) -> Result<Interval, String> {
    let text = text.trim();
    if let Some(interval) = INTERVALS.contains(&text).then(|| text.parse().ok()).flatten() {
        return Ok(interval);
    }
    if matches!(text, "1M" | "1mo") {
        return Err("a month has no fixed length, and mista's candles have one: fetch 1d or 1w".to_owned());
    }
    Err(format!("the exchange has {}", INTERVALS.join(" ")))
}

pub fn fetch(arguments: &FetchArguments) -> Result<(), Failure> {
    if let (Some(start), Some(end)) = (arguments.start, arguments.end)
        && start >= end
    {
        let text = format!("--start {} is not before --end {}", iso(start), iso(end));
        return Err(Failure::new(Exit::Usage, text));
    }
    let folder = arguments.dumps.as_deref();
    if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
        return Err(Failure::new(Exit::Usage, format!("--dumps: {} is no folder", folder.display())));
    }
    let endpoints = arguments.venue.endpoints().replaced(arguments.rest.as_deref(), None, None);
    let url = endpoints.map_err(|error| Failure::new(Exit::Usage, format!("--rest: {error}")))?.rest;
    let stop = interruptible()?;
    let failed = |error: std::io::Error| Failure::new(Exit::Failed, format!("cannot start: {error}"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
    let mut run = Run::new(arguments);
    runtime.block_on(async {
        tokio::select! {
            biased;
            () = stopped(&stop) => run.failures.push(FetchError::Stopped),
            () = work(arguments, &url, &mut run) => {}
        }
    });
    run.finish(arguments)
}

/// Ends when the flag is raised.
async fn stopped(stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// What has come so far.
struct Run {
    progress: Progress,
    done: Vec<(Task, Fetched)>,
    failures: Vec<FetchError>,
    started: Instant,
}

impl Run {
    fn new(arguments: &FetchArguments) -> Run {
        let is_shown = std::io::stderr().is_terminal() && !arguments.json;
        let progress = Progress { is_shown, drawn: Instant::now(), counts: Counts::default(), before: 0 };
        Run { progress, done: Vec::new(), failures: Vec::new(), started: Instant::now() }
    }

    fn finish(self, arguments: &FetchArguments) -> Result<(), Failure> {
        self.progress.clear();
        let seconds = self.started.elapsed().as_secs_f64();
        if arguments.json {
            print(&format!("{:#}\n", self.as_json(seconds)))?;
        } else if !self.done.is_empty() {
            print(&self.table(seconds))?;
        }
        let mut failures: Vec<Failure> = self.failures.iter().map(failure).collect();
        let Some(last) = failures.pop() else { return Ok(()) };
        // The last one is told by who called; the exit code is that of the first.
        for failure in &failures {
            complain(&format!("error: {}", failure.message));
        }
        Err(Failure { exit: failures.first().map_or(last.exit, |first| first.exit), ..last })
    }

    fn as_json(&self, seconds: f64) -> Value {
        let Counts { requests, candles, weight_highest, weight_limit } = self.progress.counts;
        let files: Vec<Value> = self
            .done
            .iter()
            .map(|(task, it)| {
                json!({
                    "symbol": task.symbol,
                    "interval": task.interval.to_string(),
                    "file": it.path.display().to_string(),
                    "new": it.new,
                    "total": it.gaps.candles,
                    "first": iso(it.first),
                    "last": iso(it.last),
                    "gaps": it.gaps,
                    "notes": it.notes,
                })
            })
            .collect();
        json!({
            "files": files,
            "errors": self.failures.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "requests": requests,
            "weight": { "highest": weight_highest, "limit": weight_limit },
            "candles": candles,
            "seconds": (seconds * 1000.0).round() / 1000.0,
            "candles_per_second": (candles as f64 / seconds.max(1e-3)).round(),
        })
    }

    fn table(&self, seconds: f64) -> String {
        let mut text = format!(
            "{:<14}{:>11}{:>11}  {:<16}  {:<16}{:>8}\n",
            "", "new", "total", "first", "last", "missing"
        );
        let short = |time: i64| iso(time).replace('T', " ").chars().take(16).collect::<String>();
        let number = |number: u64| grouped(number as f64, 0);
        for (task, it) in &self.done {
            // Writing to a text cannot fail.
            let _ = writeln!(
                text,
                "{:<14}{:>11}{:>11}  {:<16}  {:<16}{:>8}",
                task.name(),
                number(it.new),
                number(it.gaps.candles as u64),
                short(it.first),
                short(it.last),
                number(it.gaps.missing),
            );
        }
        for (task, it) in self.done.iter().filter(|(_, it)| !it.gaps.is_clean()) {
            let _ = writeln!(text, "\n{}: {}", task.symbol, it.gaps);
        }
        let notes: Vec<&String> = self.done.iter().flat_map(|(_, it)| &it.notes).collect();
        if !notes.is_empty() {
            text.push('\n');
        }
        notes.into_iter().for_each(|note| {
            let _ = writeln!(text, "Note: {note}.");
        });
        text.push('\n');
        for (_, it) in &self.done {
            let _ = writeln!(text, "{}", it.path.display());
        }
        let Counts { requests, candles, weight_highest, weight_limit } = self.progress.counts;
        if requests > 0 {
            let _ = write!(text, "{} requests", number(requests));
            if weight_limit > 0 {
                let (highest, limit) = (number(weight_highest), number(weight_limit));
                let _ = write!(text, ", at most {highest} of the {limit} weight a minute");
            }
            text.push('\n');
        }
        if self.done.iter().any(|(_, it)| it.new > 0) {
            let rate = number((candles as f64 / seconds.max(1e-3)) as u64);
            let _ = writeln!(text, "{rate} candles a second");
        }
        text
    }
}

fn failure(error: &FetchError) -> Failure {
    let exit = match error.trouble() {
        Trouble::Usage => Exit::Usage,
        Trouble::Data => Exit::Data,
        Trouble::File | Trouble::Network => Exit::Failed,
        Trouble::Stopped => Exit::Stopped,
    };
    Failure::new(exit, error.to_string())
}

/// Fetches one file after the other. What is wrong with one of them does not stop the others; what is wrong with
/// the exchange or the disk does.
async fn work(arguments: &FetchArguments, url: &str, run: &mut Run) {
    let exchange = match &arguments.dumps {
        Some(_) => None,
        None => match connect(arguments, url).await {
            Ok(exchange) => Some(exchange),
            Err(error) => return run.failures.push(error),
        },
    };
    for task in tasks(arguments) {
        let source = match (&arguments.dumps, &exchange) {
            (Some(folder), _) => Source::Dumps(folder),
            (None, Some(exchange)) => Source::Exchange(exchange),
            (None, None) => return,
        };
        let result = fetch_file(task.clone(), source, &mut run.progress).await;
        run.progress.file_ends(exchange.as_ref().map(Exchange::counts));
        match result {
            Ok(fetched) => run.done.push((task, fetched)),
            Err(error) => {
                let goes_on = matches!(error.trouble(), Trouble::Data | Trouble::Usage);
                run.failures.push(error);
                if !goes_on {
                    return;
                }
            }
        }
    }
}

async fn connect(arguments: &FetchArguments, url: &str) -> Result<Exchange, FetchError> {
    let exchange =
        Exchange::connect(url, Duration::from_secs(arguments.patience), arguments.venue == Preset::Local)
            .await?;
    let mut symbols: Vec<&str> = arguments.symbol.iter().map(String::as_str).collect();
    symbols.sort_unstable();
    symbols.dedup();
    exchange.check(&symbols).await?;
    Ok(exchange)
}

/// A file for each symbol and interval, once.
fn tasks(arguments: &FetchArguments) -> Vec<Task> {
    let mut tasks: Vec<Task> = Vec::new();
    for symbol in &arguments.symbol {
        for interval in &arguments.interval {
            let path = file(&arguments.out, symbol, *interval);
            if tasks.iter().all(|task| task.path != path) {
                tasks.push(Task {
                    symbol: symbol.clone(),
                    interval: *interval,
                    start: arguments.start,
                    end: arguments.end,
                    path,
                    refetch: arguments.refetch,
                });
            }
        }
    }
    tasks
}

fn file(out: &Path, symbol: &str, interval: Interval) -> PathBuf {
    out.join(interval.to_string()).join(format!("{symbol}_{interval}.csv"))
}

/// One line on a terminal, drawn over.
struct Progress {
    is_shown: bool,
    drawn: Instant,
    counts: Counts,
    /// Candles of files before the one in hand, where their source does not count them all.
    before: u64,
}

const DRAW_EVERY: Duration = Duration::from_millis(250);

impl Progress {
    /// A file is done; `counts` are those of the exchange, if there is one.
    fn file_ends(&mut self, counts: Option<Counts>) {
        match counts {
            Some(counts) => self.counts = counts,
            None => self.before = self.counts.candles,
        }
    }

    fn put(&self, text: &str) {
        // Nobody is left to look when that is closed.
        let _ = std::io::stderr().write_all(text.as_bytes());
    }

    fn clear(&self) {
        if self.is_shown {
            self.put("\r\x1b[K");
        }
    }
}

impl Watch for Progress {
    fn page(&mut self, name: &str, times: Range<i64>, at: i64, counts: Counts) {
        self.counts = Counts { candles: self.before + counts.candles, ..counts };
        if !self.is_shown || self.drawn.elapsed() < DRAW_EVERY {
            return;
        }
        self.drawn = Instant::now();
        let percent = at.saturating_sub(times.start) as f64 * 100.0 / (times.end - times.start).max(1) as f64;
        let candles = grouped(self.counts.candles as f64, 0);
        let mut line = format!("{name}  {}  {percent:.0} %  {candles} candles", iso(at));
        if counts.weight_limit > 0 {
            let _ = write!(line, "  weight at most {} of {}", counts.weight_highest, counts.weight_limit);
        }
        self.put(&format!("\r{line}\x1b[K"));
    }
}
