//! `mista run`: backtest a script, print the result, write what was asked for.

use super::arguments::JobArguments;
use super::{Exit, Failure, complain, outputs, print, watch, write};
use crate::backtest::{Outcome, Trace};
use crate::indicators::{Source, Spec};
use crate::job::Job;
use crate::model::{EquityPoint, Price, iso, iso_date};
use crate::report::html::{Line, Page, Pane, ParameterRow, Plot, Script as ChartScript, page};
use crate::report::table::{Colour, Summary, changes, table};
use crate::report::{Ledger, Metrics, csv, warnings};
use crate::script::TIER;
use clap::Args;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
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
    let (outcome, trace) = job.run()?;
    let metrics = Metrics::of(&outcome, &job.candles);
    let ledger = Ledger::of(&outcome, job.settings.costs.commission_bps)
        .map_err(|error| Failure::new(Exit::Failed, error.to_string()))?;
    let mut notes = warnings(&outcome, &job.candles, job.loaded.interval, &metrics);
    if !job.loaded.repaired.is_empty() {
        let (count, rows) = (job.loaded.repaired.len(), &job.loaded.repaired);
        let first: Vec<String> = rows.iter().take(5).map(ToString::to_string).collect();
        let (what, more) =
            (if count == 1 { "row was" } else { "rows were" }, if count > 5 { "; …" } else { "" });
        notes.push(format!("{count} {what} dropped by --repair: {}{more}", first.join("; ")));
    }
    if let Some(detail) = &job.detail
        && job.detailed < job.rows.len()
    {
        notes.push(format!(
            "{} of the {} candles have finer ones in {}; the others are walked by the assumption.",
            job.detailed,
            job.rows.len(),
            detail.path.display()
        ));
    }
    match job.script.warnings().len() {
        0 => {}
        1 => notes.push(format!("1 warning about the script: see `mista check {}`.", job.script.path())),
        count => {
            notes.push(format!("{count} warnings about the script: see `mista check {}`.", job.script.path()))
        }
    }

    let failed = |error: std::io::Error| Failure::new(Exit::Failed, error.to_string());
    let mut files: Vec<(&str, &Path, Vec<u8>)> = Vec::new();
    if let Some(path) = &arguments.trades {
        let mut bytes = Vec::new();
        csv::write_trades(&mut bytes, &ledger).map_err(failed)?;
        files.push(("trades", path, bytes));
    }
    if let Some(path) = &arguments.equity {
        let times = &job.candles.close_time[job.rows.clone()];
        let points = times.iter().zip(&outcome.equity).map(|(&time, &equity)| EquityPoint { time, equity });
        let mut bytes = Vec::new();
        csv::write_equity(&mut bytes, points).map_err(failed)?;
        files.push(("equity", path, bytes));
    }
    if let Some(path) = &report {
        let page = html(&job, &outcome, &trace, &metrics, &notes, arguments.trades.as_deref());
        files.push(("report", path, page.into_bytes()));
    }
    for (_, path, bytes) in &files {
        write(path, bytes)?;
    }
    let files: Vec<(&str, String)> =
        files.iter().map(|(what, path, _)| (*what, path.display().to_string())).collect();

    if arguments.json {
        let text = serde_json::to_string_pretty(&as_json(&job, &metrics, &notes))
            .map_err(|error| Failure::new(Exit::Failed, error.to_string()))?;
        print(&format!("{text}\n"))?;
    } else if !arguments.quiet {
        print_logs(&job, &trace);
        let last = job.rows.end - 1;
        let summary = Summary {
            strategy: job.script.name(),
            symbol: &job.settings.symbol,
            interval: job.loaded.interval.to_string(),
            from: iso_date(job.candles.open_time[job.rows.start]),
            to: iso_date(job.candles.close_time[last]),
            candles: job.rows.len(),
            tier: TIER,
            metrics: &metrics,
            warnings: &notes,
            files: &files,
        };
        let text = match before {
            None => table(&summary, Colour::when(std::io::stdout().is_terminal())),
            Some(before) => match changes(before, &metrics) {
                same if same.is_empty() => "the same result\n".to_owned(),
                changed => changed,
            },
        };
        print(&text)?;
    }
    let mut used = vec![arguments.script.clone()];
    used.extend(job.script.imported().into_iter().map(|(path, _)| path));
    used.extend([&arguments.job.config, &arguments.job.params].into_iter().flatten().cloned());
    Ok((metrics, used))
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
    let mut inputs: Vec<outputs::Named<'_>> =
        vec![("the script", &arguments.script), ("the candles", &job.loaded.path)];
    inputs.extend(imported.iter().map(|(path, _)| ("an imported script", path.as_path())));
    inputs.extend(job.detail.iter().map(|detail| ("the finer candles", detail.path.as_path())));
    inputs.extend(arguments.job.config.iter().map(|path| ("the settings", path.as_path())));
    inputs.extend(arguments.job.params.iter().map(|path| ("the parameter file", path.as_path())));
    outputs::check(&outputs, &inputs)
}

fn default_report(job: &Job) -> PathBuf {
    let plain = |text: &str| text.replace(|c: char| !c.is_ascii_alphanumeric() && c != '_', "-");
    let (name, symbol) = (plain(job.script.name()), plain(&job.settings.symbol));
    Path::new("results/backtest").join(format!("{name}_{symbol}_{}.html", job.loaded.interval))
}

fn print_logs(job: &Job, trace: &Trace) {
    const SHOWN: usize = 5;
    for (row, text) in trace.logs.iter().take(SHOWN) {
        complain(&format!("{}  {text}", iso(job.candles.close_time[*row])));
    }
    let more = (trace.logs.len() + trace.logs_dropped).saturating_sub(SHOWN);
    if more > 0 {
        complain(&format!(
            "… and {more} more log lines (the report keeps {})",
            crate::backtest::LOG_LINES_MAX
        ));
    }
}

/// Hash of the script with everything it imports, as lower-case hex.
fn script_hash(job: &Job) -> String {
    let mut hash = Sha256::new();
    hash.update(job.script.source());
    for (_, text) in job.script.imported() {
        hash.update(text);
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Metrics first, in the order of their table; then what is needed to run it again.
fn as_json(job: &Job, metrics: &Metrics, notes: &[String]) -> Value {
    let mut object = match serde_json::to_value(metrics) {
        Ok(Value::Object(object)) => object,
        _ => Map::new(),
    };
    let parameters: Map<String, Value> = job
        .parameters
        .entries()
        .iter()
        .map(|entry| {
            let value = match &entry.value {
                crate::script::Value::Int(value) => json!(value),
                crate::script::Value::Float(value) => json!(value),
                crate::script::Value::Bool(value) => json!(value),
                crate::script::Value::Text(value) => json!(value),
            };
            (entry.name.clone(), value)
        })
        .collect();
    let settings = &job.settings;
    object.insert("strategy".into(), json!(job.script.name()));
    object.insert("symbol".into(), json!(settings.symbol));
    object.insert("interval".into(), json!(job.loaded.interval.to_string()));
    object.insert("start".into(), json!(iso(job.candles.open_time[job.rows.start])));
    object.insert("end".into(), json!(iso(job.candles.close_time[job.rows.end - 1])));
    object.insert("candles".into(), json!(job.rows.len()));
    object.insert("parameters".into(), Value::Object(parameters));
    object.insert("commission_bps".into(), json!(settings.costs.commission_bps));
    object.insert("slippage_bps".into(), json!(settings.costs.slippage_bps));
    object.insert("size".into(), json!(settings.size));
    object.insert("allow_short".into(), json!(settings.allow_short));
    object.insert("tier".into(), json!(TIER));
    object.insert("version".into(), json!(env!("CARGO_PKG_VERSION")));
    object.insert("script_sha256".into(), json!(script_hash(job)));
    object.insert("data_sha256".into(), json!(job.loaded.sha256));
    if let Some(detail) = &job.detail {
        object.insert("detail_sha256".into(), json!(detail.sha256));
    }
    object.insert("warnings".into(), json!(notes));
    Value::Object(object)
}

fn html(
    job: &Job,
    outcome: &Outcome,
    trace: &Trace,
    metrics: &Metrics,
    notes: &[String],
    trades: Option<&Path>,
) -> String {
    let settings = &job.settings;
    let mut names = Vec::new();
    for spec in job.script.specs() {
        for (index, field) in spec.definition.fields.iter().enumerate() {
            let name = Source::Output { spec: spec.clone(), field: index }.to_string();
            let pane = if on_price(spec, field) { Pane::Price } else { Pane::Own(spec.to_string()) };
            names.push((name, pane));
        }
    }
    let series = names
        .iter()
        .zip(job.data.columns())
        .map(|((name, pane), column)| Line { name, values: column, pane: pane.clone() })
        .collect();
    let plot_names = job.script.plot_names();
    let mut points: Vec<Vec<(usize, f64)>> = vec![Vec::new(); plot_names.len()];
    for &(row, plot, value) in &trace.plots {
        points[plot].push((row, value));
    }
    let plots = plot_names.iter().zip(&points).map(|(name, points)| Plot { name, points }).collect();
    let parameters = job
        .parameters
        .entries()
        .iter()
        .map(|entry| ParameterRow {
            name: entry.name.clone(),
            value: entry.value.to_string(),
            default: entry.default.to_string(),
        })
        .collect();
    let mut rows: Vec<(String, String)> = vec![
        ("balance".into(), settings.initial_balance.to_string()),
        ("commission".into(), format!("{} bps a side", settings.costs.commission_bps)),
        ("slippage".into(), format!("{} bps", settings.costs.slippage_bps)),
        ("size".into(), size_text(settings.size)),
        ("shorts".into(), if settings.allow_short { "allowed" } else { "not allowed" }.into()),
    ];
    if let Some(detail) = &job.detail {
        rows.push(("detail".into(), format!("{} ({})", detail.path.display(), detail.interval)));
    }
    let logs = trace.logs.iter().map(|(row, text)| (job.candles.close_time[*row], text.clone())).collect();
    let provenance = vec![
        ("mista".into(), env!("CARGO_PKG_VERSION").into()),
        ("tier".into(), TIER.into()),
        ("script".into(), format!("sha256 {}", script_hash(job))),
        ("data".into(), format!("{}, sha256 {}", job.loaded.path.display(), job.loaded.sha256)),
    ];
    page(&Page {
        strategy: job.script.name(),
        symbol: &settings.symbol,
        interval: job.loaded.interval.to_string(),
        candles: &job.candles,
        outcome,
        promised: None,
        metrics,
        series,
        plots,
        stops: &trace.stops,
        parameters,
        settings: rows,
        logs,
        source: job.script.source(),
        script_path: job.script.path(),
        provenance,
        warnings: notes.to_vec(),
        trades_csv: trades.map(|path| path.display().to_string()),
        capsule: String::new(),
        script: ChartScript::Inline,
    })
}

fn size_text(size: crate::model::Size) -> String {
    use crate::model::Size;
    match size {
        Size::Units(x) => format!("{x} units"),
        Size::Quote(x) => format!("{x} quote"),
        Size::EquityPct(x) => format!("{x} % of equity"),
        Size::RiskPct(x) => format!("{x} % of equity at risk"),
    }
}

/// Whether an indicator's field is a price, to be drawn over the candles.
fn on_price(spec: &Spec, field: &str) -> bool {
    const PRICES: [&str; 20] = [
        "sma",
        "ema",
        "wma",
        "dema",
        "tema",
        "kama",
        "trima",
        "hma",
        "rma",
        "bollinger",
        "keltner",
        "donchian",
        "highest",
        "lowest",
        "linreg",
        "vwap",
        "psar",
        "supertrend",
        "ichimoku",
        "heikin_ashi",
    ];
    let of_prices = spec.sources().all(|source| match source {
        Source::Price(price) => *price != Price::Volume,
        Source::Output { spec, field } => on_price(spec, spec.definition.fields[*field]),
    });
    PRICES.contains(&spec.definition.name)
        && of_prices
        && !matches!(field, "width" | "percent_b" | "direction")
}
