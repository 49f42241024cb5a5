//! `mista optimize`: search a script's parameters, one script or a batch, whole or in shards.

mod finish;
mod merge;
mod progress;
mod table;

use super::arguments::{JobArguments, parse_count, parse_name, parse_positive};
use super::outputs::{check, file_stem};
use super::{Exit, Failure, complain, print};
use crate::config::{BacktestRunConfig, GridFile, Overrides};
use crate::data::symbol_of;
use crate::job::{Market, Recipe, Setup};
use crate::model::{HOUR_MS, Interval};
use crate::optimize::pool::{self, Ended, Work};
use crate::optimize::trials::{Shard, Trials, TrialsError, Writer};
use crate::optimize::{
    COMBINATIONS_MOST, Grid, Metric, Plan, Runner, Search, Shared, Study, StudyError, WalkForward,
};
use crate::report::number::{counted, grouped};
use crate::script::Script;
use clap::{Args, Subcommand, ValueEnum};
pub use finish::CHARTS;
use finish::{Finished, Paths, finish};
use merge::MergeArguments;
use progress::Progress;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, IsTerminal};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct OptimizeArguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// The strategy, such as strategies/breakout.rhai
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    script: Option<PathBuf>,
    /// Every strategy that has a grid, on every symbol that has candles, as one pool
    #[arg(long, conflicts_with_all = ["data", "shard", "symbol", "detail"])]
    all: bool,
    /// With --all: these strategies only, separated by commas
    #[arg(long, value_name = "NAMES", value_delimiter = ',', requires = "all", conflicts_with = "script", value_parser = parse_name)]
    strategies: Vec<String>,
    /// With --all: these symbols only, from data/INTERVAL/SYMBOL_INTERVAL.csv
    #[arg(long, value_name = "SYMBOLS", value_delimiter = ',', requires = "all", conflicts_with = "script", value_parser = parse_name)]
    symbols: Vec<String>,
    /// Values to try of each parameter, by strategy
    #[arg(long, value_name = "FILE.yaml", default_value = "config/optimize_params.yaml")]
    grid: PathBuf,
    /// What makes a trial better: any key of `mista run --json`
    #[arg(long, default_value = "sharpe_ratio")]
    metric: Metric,
    /// Try the whole grid, or combinations of it drawn at random
    #[arg(long, value_enum, default_value = "grid")]
    search: Method,
    /// With --search random: how many combinations [default: 100]
    #[arg(long, value_name = "N", value_parser = parse_positive)]
    samples: Option<u64>,
    /// With --search random: another seed draws other combinations [default: 0]
    #[arg(long, value_name = "N", value_parser = parse_count::<u64>)]
    seed: Option<u64>,
    /// Trials with fewer trades come after all others
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = parse_count::<u64>)]
    min_trades: u64,
    /// Also optimize N windows one after the other, each tested on the candles that follow it
    #[arg(long, value_name = "N", value_parser = parse_count::<usize>)]
    walk_forward: Option<usize>,
    /// With --walk-forward: every window begins at the first candle
    #[arg(long, requires = "walk_forward")]
    anchored: bool,
    /// Write a row per combination to OUT/details
    #[arg(long)]
    save_details: bool,
    /// Go on with a search that was stopped or killed
    #[arg(long)]
    resume: bool,
    /// Run a part of the search, such as 2/8, and write a shard file for `mista optimize merge`
    #[arg(long, value_name = "I/N")]
    shard: Option<Shard>,
    /// Threads to use [default: one for each core]
    #[arg(long, value_name = "N", value_parser = parse_positive)]
    threads: Option<u64>,
    /// Start without asking, however long it takes
    #[arg(long, short)]
    yes: bool,
    #[command(flatten, next_help_heading = "Results")]
    output: Output,
    #[command(flatten, next_help_heading = "Candles and settings")]
    job: JobArguments,
}

/// Where results go unless said otherwise; `mista forward-test --all` looks there.
pub(super) const OUT: &str = "results/optimize";

/// Where results go.
#[derive(Debug, Clone, Args)]
pub(super) struct Output {
    /// Folder of the results
    #[arg(long, value_name = "FOLDER", default_value = OUT)]
    out: PathBuf,
    /// Print JSON instead of tables
    #[arg(long)]
    json: bool,
    /// Print errors only (and the JSON, if asked for)
    #[arg(long, short)]
    quiet: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Put the shards of a search together: the result is that of one machine
    Merge(MergeArguments),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Method {
    Grid,
    Random,
}

/// What is drawn by --search random unless said otherwise.
const SAMPLES: u64 = 100;

/// Candles × trials from which on a search is asked about first: some ten seconds on two cores, twenty minutes with
/// the interpreter.
const LARGE: u64 = 2_000_000_000;

pub fn optimize(arguments: &OptimizeArguments) -> Result<(), Failure> {
    match &arguments.command {
        Some(Command::Merge(arguments)) => merge::merge(arguments),
        None => search(arguments),
    }
}

/// A task of a batch: its name, and what is to be searched or why it cannot be.
type Task<T> = (String, Result<T, Failure>);

fn search(arguments: &OptimizeArguments) -> Result<(), Failure> {
    let drawn = [("--samples", arguments.samples), ("--seed", arguments.seed)];
    if let (Method::Grid, Some((flag, _))) = (arguments.search, drawn.iter().find(|flag| flag.1.is_some())) {
        let message = format!(
            "{flag} goes with --search random: say that too, or leave {flag} out, and the whole grid is tried"
        );
        return Err(Failure::new(Exit::Usage, message));
    }
    let grids =
        GridFile::load(&arguments.grid).map_err(|error| Failure::new(Exit::Usage, error.to_string()))?;
    let tasks = match &arguments.script {
        Some(script) => {
            let study = study(arguments, &grids, script, &arguments.job.overrides(), &mut BTreeMap::new())?;
            vec![(study.plan.recipe.strategy.clone(), Ok(study))]
        }
        None => batch(arguments, &grids)?,
    };
    let studies: Vec<&Study> = tasks.iter().filter_map(|(_, study)| study.as_ref().ok()).collect();
    confirm(arguments, &studies)?;

    let stop = interruptible()?;
    let started = Instant::now();
    let (mut work, mut writers) = (Vec::new(), Vec::new());
    let mut begun: Vec<Task<(&Study, Trials)>> = Vec::new();
    for (name, study) in &tasks {
        let one = study.as_ref().map_err(Clone::clone).and_then(|study| {
            let file = Trials::new(trials_path(arguments, study), study.plan.clone(), shard(arguments));
            check_paths(arguments, study, &file)?;
            let (writer, done) = begin(arguments, &file, study)?;
            writers.push(writer);
            work.push(Work { study, shard: shard(arguments), done });
            Ok((study, file))
        });
        match one {
            Err(failure) if !arguments.all => return Err(failure),
            one => begun.push((name.clone(), one)),
        }
    }
    let threads = arguments.threads.map_or_else(threads, |threads| threads as usize);
    let mut progress = Progress::new(&work, arguments.output.quiet);
    let resumed = begun.iter().filter_map(|(_, begun)| begun.as_ref().ok()).enumerate();
    for (index, (study, file)) in resumed.filter(|(index, _)| work[*index].done > 0) {
        progress.recall(index, file.rows(study)?.map_while(Result::ok));
    }
    let ended = pool::run(&work, &mut writers, threads, &stop, &mut progress);
    progress.clear();
    if ended.contains(&Ended::Stopped) {
        match arguments.output {
            Output { quiet: true, .. } => {}
            Output { json: true, .. } => complain(progress.known().trim_end()),
            _ => print(&progress.known())?,
        }
        let text = "stopped before all trials had been run; --resume goes on from here";
        return Err(Failure::new(Exit::Stopped, text));
    }
    tracing::info!(
        "{} trials in {:.1} s",
        grouped(progress.done() as f64, 0),
        started.elapsed().as_secs_f64()
    );

    if let Some(shard) = arguments.shard {
        for ((_, begun), ended) in begun.iter().zip(&ended) {
            if let Ended::Failed(error) = ended {
                return Err(Failure::new(Exit::Failed, error.clone()));
            }
            let Ok((_, file)) = begun else { continue };
            if arguments.output.json {
                print(&format!(
                    "{:#}\n",
                    json!({ "shard": shard.to_string(), "file": file.path.display().to_string() })
                ))?;
            } else if !arguments.output.quiet {
                print(&format!("shard {shard} written to {}\n", file.path.display()))?;
            }
        }
        return Ok(());
    }
    if stop.load(Ordering::Relaxed) {
        let text = "stopped before the results were written; --resume writes them";
        return Err(Failure::new(Exit::Stopped, text));
    }
    let mut ended = ended.into_iter();
    let (out, details, all) = (&arguments.output.out, arguments.save_details, arguments.all);
    let mut finished: Vec<Task<Finished<'_>>> = Vec::new();
    for (name, begun) in &begun {
        let one = match begun {
            Err(failure) => Err(failure.clone()),
            Ok((study, file)) => match ended.next() {
                Some(Ended::Complete) => finish(study, std::slice::from_ref(file), out, details, all),
                Some(Ended::Failed(error)) => Err(Failure::new(Exit::Failed, error)),
                _ => Err(Failure::new(Exit::Failed, "it was not run")),
            },
        };
        finished.push((name.clone(), one));
    }
    // Where nothing came out, what came of the search before is worth more.
    if all && finished.iter().any(|(_, finished)| finished.is_ok()) {
        finish::write_index(&finished, &arguments.output)?;
    }
    for ((_, begun), (_, finished)) in begun.iter().zip(&finished) {
        let over = match finished {
            Ok(_) => true,
            Err(failure) => failure.exit == Exit::Script,
        };
        if let (Ok((_, file)), true) = (begun, over) {
            // What is in it is in the results now, or would fail again.
            let _ = std::fs::remove_file(&file.path);
        }
    }
    // Until here nobody else could begin the same search anew.
    drop(writers);
    finish::report(&finished, &arguments.output, all)
}

/// Looks at what is to be written before anything is computed.
fn check_paths(arguments: &OptimizeArguments, study: &Study, file: &Trials) -> Result<(), Failure> {
    let results = Paths::of(study, &arguments.output.out);
    let mut outputs = vec![("the trials", file.path.as_path())];
    if arguments.shard.is_none() {
        outputs.extend(results.named(arguments.save_details));
    }
    let mut inputs = arguments.job.inputs(&study.plan.recipe.script, &study.setup.market);
    inputs.push(("the grid", &arguments.grid));
    check(&outputs, &inputs)
}

/// The studies of `--all`. What is wrong with one of them does not stop the others.
fn batch(arguments: &OptimizeArguments, grids: &GridFile) -> Result<Vec<Task<Study>>, Failure> {
    let strategies = match arguments.strategies.as_slice() {
        [] => grids.strategies().map(str::to_owned).collect(),
        named => named.to_vec(),
    };
    let config = BacktestRunConfig::load(arguments.job.config.as_deref(), &arguments.job.overrides())
        .map_err(|error| Failure::new(Exit::Usage, error.to_string()))?;
    if config.detail.is_some() {
        let message = "finer candles are those of one symbol: `detail` does not go with --all";
        return Err(Failure::new(Exit::Usage, message));
    }
    let interval = match config.interval.or_else(|| Interval::from_ms(HOUR_MS)) {
        Some(interval) => interval,
        None => return Err(Failure::new(Exit::Usage, "--interval is needed")),
    };
    let folder = Path::new("data").join(interval.to_string());
    let symbols = match arguments.symbols.as_slice() {
        [] => symbols_in(&folder, interval)?,
        named => named.to_vec(),
    };
    if strategies.is_empty() || symbols.is_empty() {
        let message = format!(
            "there is nothing to do: no strategy in {} or no candles in {}",
            arguments.grid.display(),
            folder.display()
        );
        return Err(Failure::new(Exit::Usage, message));
    }
    let mut markets = BTreeMap::new();
    let mut tasks = Vec::new();
    let mut stems = BTreeSet::new();
    for symbol in &symbols {
        for strategy in &strategies {
            let script = script_named(strategy);
            let overrides = Overrides {
                data: Some(folder.join(format!("{symbol}_{interval}.csv"))),
                // A config file may name one, which would be that of all.
                symbol: Some(symbol.clone()),
                interval: Some(interval),
                ..arguments.job.overrides()
            };
            let name = Path::new(strategy).file_stem().unwrap_or_default().to_string_lossy();
            let task = format!("{name} {symbol} {interval}");
            let study = study(arguments, grids, &script, &overrides, &mut markets).and_then(|study| {
                match stems.insert(study_stem(&study)) {
                    true => Ok(study),
                    false => Err(Failure::new(
                        Exit::Usage,
                        format!("{}: another task has these names too: name it once", script.display()),
                    )),
                }
            });
            tasks.push((task, study));
        }
    }
    Ok(tasks)
}

/// `breakout` is strategies/breakout.rhai; a path is a path.
fn script_named(strategy: &str) -> PathBuf {
    match Path::new(strategy) {
        path if path.extension().is_some() => path.to_owned(),
        _ => Path::new("strategies").join(format!("{strategy}.rhai")),
    }
}

fn symbols_in(folder: &Path, interval: Interval) -> Result<Vec<String>, Failure> {
    let entries = std::fs::read_dir(folder).map_err(|error| {
        let folder = folder.display();
        Failure::new(
            Exit::Data,
            match error.kind() {
                std::io::ErrorKind::NotFound => format!(
                    "there is no folder {folder}: --all takes the candles there, of the interval that --interval says"
                ),
                _ => format!("cannot read the folder {folder}: {error}"),
            },
        )
    })?;
    let mut symbols: Vec<String> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter_map(|path| {
            let symbol = symbol_of(&path)?;
            (path.file_name()?.to_str()? == format!("{symbol}_{interval}.csv")).then_some(symbol)
        })
        .collect();
    symbols.sort();
    Ok(symbols)
}

/// Markets that were loaded for other studies, by what they were loaded from.
type Markets = BTreeMap<String, (Shared, usize)>;

/// Reads and checks everything a search of `script` needs.
fn study(
    arguments: &OptimizeArguments,
    grids: &GridFile,
    script: &Path,
    overrides: &Overrides,
    markets: &mut Markets,
) -> Result<Study, Failure> {
    let usage = |message: String| Failure::new(Exit::Usage, message);
    let config = BacktestRunConfig::load(arguments.job.config.as_deref(), overrides)
        .map_err(|error| usage(error.to_string()))?;
    let script = Script::load(script)?;
    let mut parameters = script.parameters();
    config.apply(&mut parameters).map_err(|error| usage(error.to_string()))?;
    let raw = grids.grid(script.name()).map_err(|error| usage(error.to_string()))?;
    let fixed: Vec<&str> = overrides.set.iter().map(|(name, _)| name.as_str()).collect();
    let grid = Grid::new(&raw, &parameters, &fixed).map_err(|error| usage(error.to_string()))?;

    let key = format!("{:?} {:?} {:?} {:?}", config.data, config.detail, config.interval, config.end);
    let shared = match markets.get(&key) {
        Some((shared, _)) => shared.clone(),
        None => {
            let market = Arc::new(Market::load(&config)?);
            let end = Setup::new(&config, market.clone())?.rows.end;
            let shared = Shared::new(market, end);
            markets.insert(key, (shared.clone(), end));
            shared
        }
    };
    let setup = Setup::new(&config, shared.market.clone())?;
    let search = match arguments.search {
        Method::Grid => Search::Grid,
        Method::Random => Search::Random {
            samples: arguments.samples.unwrap_or(SAMPLES),
            seed: arguments.seed.unwrap_or_default(),
        },
    };
    let plan = Plan {
        recipe: Recipe::of(&script, &parameters, &setup),
        grid,
        search,
        walk_forward: arguments
            .walk_forward
            .map(|windows| WalkForward { windows, anchored: arguments.anchored }),
        metric: arguments.metric,
        min_trades: arguments.min_trades,
    };
    let count = match plan.grid.len() {
        Some(count) if search == Search::Grid && count > COMBINATIONS_MOST => Some(format!(
            "{} combinations, more than the {} that are gone through one by one: take fewer values, or draw some with --search random --samples 1000",
            grouped(count as f64, 0),
            grouped(COMBINATIONS_MOST as f64, 0),
        )),
        Some(_) => None,
        None => Some("more combinations than can be counted: take fewer values".to_owned()),
    };
    if let Some(count) = count {
        return Err(usage(format!("{}: the grid of `{}` has {count}", raw.place, plan.recipe.strategy)));
    }
    let place = if plan.grid.constraints.is_empty() { &raw.place } else { &raw.constraints_place };
    let mut study = Study::new(plan, Some(&shared)).map_err(|error| match error {
        StudyError::Grid(message) => usage(format!("{place}: {message}")),
        error => error.into(),
    })?;
    study.tier = arguments.job.tier;
    // The tier may refuse the script: before a file is made.
    Runner::new(&study).map_err(StudyError::from)?;
    Ok(study)
}

impl From<StudyError> for Failure {
    fn from(error: StudyError) -> Self {
        match error {
            StudyError::Recipe(crate::job::RecipeError::Job(error)) => error.into(),
            StudyError::Recipe(error) => Failure::new(Exit::Usage, error.to_string()),
            StudyError::Grid(message) | StudyError::Plan(message) => Failure::new(Exit::Usage, message),
        }
    }
}

impl From<TrialsError> for Failure {
    fn from(error: TrialsError) -> Self {
        let exit = match error {
            TrialsError::File { .. } => Exit::Usage,
            TrialsError::Io { .. } => Exit::Failed,
        };
        Failure::new(exit, error.to_string())
    }
}

fn shard(arguments: &OptimizeArguments) -> Shard {
    arguments.shard.unwrap_or(Shard::WHOLE)
}

/// Where the trials of a study go while it runs.
fn trials_path(arguments: &OptimizeArguments, study: &Study) -> PathBuf {
    let name = study_stem(study);
    match arguments.shard {
        Some(shard) => {
            arguments.output.out.join("shards").join(format!("{name}_{}of{}.trials", shard.index, shard.of))
        }
        None => arguments.output.out.join(format!("{name}.trials")),
    }
}

/// `breakout_BTCUSDT_1h`.
fn study_stem(study: &Study) -> String {
    let recipe = &study.plan.recipe;
    file_stem(&[&recipe.strategy, &recipe.symbol, &recipe.interval])
}

/// Opens the file of trials, anew or where it ended.
fn begin(arguments: &OptimizeArguments, file: &Trials, study: &Study) -> Result<(Writer, u64), Failure> {
    let there = Trials::open(&file.path).map(|there| there.header);
    if let (Ok(there), Some(shard), false) = (&there, arguments.shard, arguments.resume)
        && there.plan != file.header.plan
    {
        return Err(Failure::new(
            Exit::Usage,
            format!(
                "{} is shard {shard} of another search: remove it, or choose another --out",
                file.path.display()
            ),
        ));
    }
    if !arguments.resume {
        let writer = file.create()?;
        if let Ok(there) = there {
            let what = match there == file.header {
                true => "this very search, that was stopped; it begins anew (--resume would have gone on)",
                false => "another search, that was stopped; they are gone",
            };
            complain(&format!("note: {} held trials of {what}", file.path.display()));
        }
        return Ok((writer, 0));
    }
    // The trials are the same whatever they are ranked by, but a shard says what by.
    if let (Ok(there), true) = (there, arguments.shard.is_some()) {
        let (metric, least) = (there.plan.metric, there.plan.min_trades);
        if (metric, least) != (study.plan.metric, study.plan.min_trades) {
            return Err(Failure::new(
                Exit::Usage,
                format!(
                    "{}: this shard was begun with --metric {metric} --min-trades {least}: resume it with them",
                    file.path.display()
                ),
            ));
        }
    }
    match file.resume(study)? {
        Some(found) => Ok(found),
        None => Ok((file.create()?, 0)),
    }
}

/// Asks before a search that takes long.
fn confirm(arguments: &OptimizeArguments, studies: &[&Study]) -> Result<(), Failure> {
    let shards = shard(arguments).of;
    let candles = |study: &Study| -> u64 {
        let rows: usize = (0..=study.windows.len()).map(|window| study.rows(window).len()).sum();
        (study.kept.len() / shards).saturating_mul(rows as u64)
    };
    let all = studies.iter().fold(0u64, |sum, study| sum.saturating_add(candles(study)));
    if arguments.yes || all <= LARGE {
        return Ok(());
    }
    let trials: u64 = studies.iter().map(|study| study.trials() / shards).sum();
    let threads = arguments.threads.map_or_else(threads, |threads| threads as usize);
    let text = format!(
        "{} of {} in all, {} on {}",
        counted(trials, "trial"),
        counted(all, "candle"),
        estimate(studies, all, threads),
        counted(threads as u64, "thread"),
    );
    if !std::io::stdin().is_terminal() {
        return Err(Failure::new(
            Exit::Usage,
            format!("that is {text}: say --yes to start it, or try fewer values"),
        ));
    }
    complain(&format!("This is {text}. Start? [y/N]"));
    let mut answer = String::new();
    let read = std::io::stdin().lock().read_line(&mut answer);
    match read.is_ok() && matches!(answer.trim(), "y" | "Y" | "yes") {
        true => Ok(()),
        false => Err(Failure::new(Exit::Usage, "nothing was started")),
    }
}

/// How long it will take, from one trial.
fn estimate(studies: &[&Study], candles: u64, threads: usize) -> String {
    let sample = studies.first().and_then(|study| {
        let place = study.place(0)?;
        let mut runner = Runner::new(study).ok()?;
        // The first computes the columns, which the others share.
        let _ = runner.trial(place);
        let started = Instant::now();
        let _ = runner.trial(place);
        Some(started.elapsed().as_secs_f64() / study.rows(0).len() as f64)
    });
    match sample {
        Some(seconds) => format!("about {}", in_words(seconds * candles as f64 / threads.max(1) as f64)),
        None => "for an unknown time".to_owned(),
    }
}

/// `3 minutes`.
fn in_words(seconds: f64) -> String {
    let (value, unit) = match seconds {
        s if s < 90.0 => (s, "second"),
        s if s < 5400.0 => (s / 60.0, "minute"),
        s if s < 48.0 * 3600.0 => (s / 3600.0, "hour"),
        s => (s / 86400.0, "day"),
    };
    counted(value.round().max(1.0) as u64, unit)
}

/// A flag that Ctrl-C raises; pressed again, the process ends.
pub(super) fn interruptible() -> Result<Arc<AtomicBool>, Failure> {
    use signal_hook::consts::{SIGINT, SIGTERM};
    let stop = Arc::new(AtomicBool::new(false));
    let failed =
        |error: std::io::Error| Failure::new(Exit::Failed, format!("cannot listen for signals: {error}"));
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register_conditional_shutdown(signal, Exit::Stopped as i32, stop.clone())
            .map_err(failed)?;
        signal_hook::flag::register(signal, stop.clone()).map_err(failed)?;
    }
    Ok(stop)
}

/// A thread for each core, or what RAYON_NUM_THREADS says.
fn threads() -> usize {
    rayon::current_num_threads()
}
