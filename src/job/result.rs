//! What came of a run, in every form it is given away in: figures, files, JSON and the page.

use super::{Job, Recipe};
use crate::backtest::{Outcome, Trace};
use crate::engine::StrategyFault;
use crate::indicators::{Source, Spec};
use crate::model::{EquityPoint, Price};
use crate::report::html::{Line, Page, Pane, ParameterRow, Plot, Promised, Script as ChartScript, page};
use crate::report::{Ledger, LedgerError, Metrics, csv, warnings};
use crate::script::{Parameter, TierInUse};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use std::cell::OnceCell;
use std::io;
use std::path::Path;

/// A run that has ended.
pub struct RunResult<'a> {
    pub job: &'a Job,
    pub outcome: Outcome,
    pub trace: Trace,
    pub metrics: Metrics,
    /// What a reader must know to judge the figures.
    pub notes: Vec<String>,
    digests: OnceCell<Digests>,
}

/// By which a result is told from another.
#[derive(Clone)]
struct Digests {
    /// Of the equity curve as a file.
    equity: String,
    /// Of each trade.
    trades: String,
}

/// What a page shows besides the run itself.
#[derive(Default)]
pub struct PageOptions<'a> {
    /// Where all trades are, for when there are more than a page should hold.
    pub trades: Option<&'a Path>,
    /// For a forward test: what the optimization promised.
    pub promised: Option<Promised<'a>>,
    /// Where the chart library is; in the page itself if nothing is said.
    pub script: Option<ChartScript>,
}

impl Job {
    /// Runs the script once, with everything a reader may want to see.
    pub fn result(&mut self) -> Result<RunResult<'_>, StrategyFault> {
        let (outcome, trace) = self.run()?;
        Ok(RunResult::new(self, outcome, trace))
    }
}

impl<'a> RunResult<'a> {
    fn new(job: &'a Job, outcome: Outcome, trace: Trace) -> RunResult<'a> {
        let metrics = Metrics::of(&outcome, job.candles());
        let notes = notes(job, &outcome, &metrics);
        RunResult { job, outcome, trace, metrics, notes, digests: OnceCell::new() }
    }

    pub fn recipe(&self) -> Recipe {
        Recipe::of(&self.job.script, &self.job.parameters, &self.job.setup)
    }

    /// The trades as booked.
    pub fn ledger(&self) -> Result<Ledger<'_>, LedgerError> {
        Ledger::of(&self.outcome, self.job.setup.settings.costs.commission_bps)
    }

    pub fn trades_csv(&self) -> io::Result<Vec<u8>> {
        let ledger = self.ledger().map_err(io::Error::other)?;
        let mut bytes = Vec::new();
        csv::write_trades(&mut bytes, &ledger)?;
        Ok(bytes)
    }

    pub fn equity_csv(&self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.write_equity(&mut bytes)?;
        Ok(bytes)
    }

    fn write_equity(&self, out: impl io::Write) -> io::Result<()> {
        let times = &self.job.candles().close_time[self.job.setup.rows.clone()];
        let points = times.iter().zip(&self.outcome.equity);
        csv::write_equity(out, points.map(|(&time, &equity)| EquityPoint { time, equity }))
    }

    /// Computed once: the page holds what `--json` prints.
    fn digests(&self) -> io::Result<Digests> {
        if let Some(digests) = self.digests.get() {
            return Ok(digests.clone());
        }
        // Hashed as it is written: the file of a long run is larger than the run.
        let mut hashing = io::BufWriter::with_capacity(HASHED_BYTES, Hashing(Sha256::new()));
        self.write_equity(&mut hashing)?;
        let Hashing(equity) = hashing.into_inner().map_err(io::IntoInnerError::into_error)?;
        let digests =
            Digests { equity: hex(&equity.finalize()), trades: digest_of_rows(&self.trades_csv()?) };
        Ok(self.digests.get_or_init(|| digests).clone())
    }

    /// Metrics first, in the order of their table; then what is needed to run it again and to see whether the
    /// same comes of it.
    pub fn json(&self) -> io::Result<Value> {
        let mut object = Map::new();
        for part in [serde_json::to_value(&self.metrics)?, serde_json::to_value(self.recipe())?] {
            if let Value::Object(part) = part {
                object.extend(part);
            }
        }
        let tier = self.job.script.tier();
        object.insert("tier".into(), json!(tier.name()));
        let interpreted: Vec<String> = tier.interpreted().iter().map(ToString::to_string).collect();
        object.insert("interpreted".into(), json!(interpreted));
        object.insert("warnings".into(), json!(self.notes));
        let digests = self.digests()?;
        object.insert("equity_sha256".into(), json!(digests.equity));
        // Last: it is long.
        object.insert("trades_digest".into(), json!(digests.trades));
        Ok(Value::Object(object))
    }

    /// The page.
    pub fn page(&self, options: PageOptions<'_>) -> io::Result<String> {
        let job = self.job;
        let setup = &job.setup;
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
            .map(|((name, pane), column)| Line { name, column: column.clone(), pane: pane.clone() })
            .collect();
        let plot_names = job.script.plot_names();
        let mut points: Vec<Vec<(usize, f64)>> = vec![Vec::new(); plot_names.len()];
        for &(row, plot, value) in &self.trace.plots {
            points[plot].push((row, value));
        }
        let plots = plot_names.iter().zip(&points).map(|(name, points)| Plot { name, points }).collect();
        let times = &job.candles().close_time;
        let logs = self.trace.logs.iter().map(|(row, text)| (times[*row], text.clone())).collect();
        Ok(page(&Page {
            strategy: job.script.name(),
            symbol: setup.symbol(),
            interval: setup.interval(),
            candles: job.candles(),
            outcome: &self.outcome,
            metrics: &self.metrics,
            series,
            plots,
            stops: &self.trace.stops,
            parameters: parameter_rows(job.parameters.entries()),
            settings: setup.rows_of_settings(),
            logs,
            source: job.script.source(),
            script_path: job.script.path(),
            provenance: provenance(&self.recipe(), &self.job.script.tier()),
            warnings: self.notes.clone(),
            trades_csv: options.trades.map(|path| path.display().to_string()),
            promised: options.promised,
            capsule: self.json()?.to_string(),
            script: options.script.unwrap_or(ChartScript::Inline),
        }))
    }
}

/// Parameters as a table shows them.
pub fn parameter_rows<'a>(parameters: impl IntoIterator<Item = &'a Parameter>) -> Vec<ParameterRow> {
    let row = |entry: &Parameter| ParameterRow {
        name: entry.name.clone(),
        value: entry.value.to_string(),
        default: entry.default.to_string(),
    };
    parameters.into_iter().map(row).collect()
}

/// Where a result comes from, as a table shows it.
pub fn provenance(recipe: &Recipe, tier: &TierInUse) -> Vec<(String, String)> {
    vec![
        ("mista".into(), recipe.version.clone()),
        ("tier".into(), tier.to_string()),
        ("script".into(), format!("sha256 {}", recipe.script_sha256)),
        ("data".into(), format!("{}, sha256 {}", recipe.data.display(), recipe.data_sha256)),
    ]
}

impl super::Setup {
    /// The settings as a table shows them.
    pub fn rows_of_settings(&self) -> Vec<(String, String)> {
        let settings = &self.settings;
        let mut rows: Vec<(String, String)> = vec![
            ("balance".into(), settings.initial_balance.to_string()),
            ("commission".into(), format!("{} bps a side", settings.costs.commission_bps)),
            ("slippage".into(), format!("{} bps", settings.costs.slippage_bps)),
            ("size".into(), settings.size.in_words()),
            ("shorts".into(), if settings.allow_short { "allowed" } else { "not allowed" }.into()),
        ];
        if let Some(detail) = &self.market.detail {
            rows.push(("detail".into(), format!("{} ({})", detail.path.display(), detail.interval)));
        }
        rows
    }
}

/// Of `bytes`, in lower-case hex.
pub fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

const HASHED_BYTES: usize = 64 * 1024;

/// Keeps nothing of what is written but its hash.
struct Hashing(Sha256);

impl io::Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Hex digits by which a trade is told from another.
pub const DIGITS: usize = 8;

/// [`DIGITS`] for each trade, in one text: which one differs can be told later.
fn digest_of_rows(csv: &[u8]) -> String {
    let mut rows = ::csv::Reader::from_reader(csv);
    let digest = |row: ::csv::ByteRecord| sha256(row.as_slice()).get(..DIGITS).unwrap_or_default().to_owned();
    rows.byte_records().map_while(Result::ok).map(digest).collect()
}

fn notes(job: &Job, outcome: &Outcome, metrics: &Metrics) -> Vec<String> {
    let market = &job.setup.market;
    let mut notes = warnings(outcome, job.candles(), market.loaded.interval, metrics);
    if !market.loaded.repaired.is_empty() {
        let (count, rows) = (market.loaded.repaired.len(), &market.loaded.repaired);
        let first: Vec<String> = rows.iter().take(5).map(ToString::to_string).collect();
        let (what, more) =
            (if count == 1 { "row was" } else { "rows were" }, if count > 5 { "; …" } else { "" });
        notes.push(format!("{count} {what} dropped by --repair: {}{more}", first.join("; ")));
    }
    let (detailed, rows) = (job.setup.detailed, job.setup.rows.len());
    if let Some(detail) = &market.detail
        && detailed < rows
    {
        notes.push(format!(
            "{detailed} of the {rows} candles have finer ones in {}; the others are walked by the assumption.",
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
    notes
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
