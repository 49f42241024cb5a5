//! `mista torture`: a trader that is killed over and over.

use super::arguments::{parse_assignment, parse_count};
use super::{Exit, Failure, complain, print};
use crate::config::{BacktestRunConfig, Overrides};
use crate::job::JobError;
use crate::live::torture::{Report, Torture, UNPROTECTED};
use crate::rehearsal::{RehearsalOptions, Start};
use crate::venues::local::LocalExchange;
use crate::venues::local::pace::Speed;
use clap::Args;
use std::net::SocketAddr;
use std::path::PathBuf;

#[derive(Debug, Args)]
#[command(
    after_help = "It trades with play money on an exchange of its own that lets things go wrong (--chaos), and is ended without warning: at each place where it writes, sends or receives in turn, and at random. After every kill its books are compared with the exchange's.\n\nExample:\n  mista torture strategies/breakout.rhai --kills 1000"
)]
pub struct TortureArguments {
    /// Strategy script
    script: PathBuf,
    /// How often the trader is killed
    #[arg(long, default_value_t = 200, value_parser = parse_count::<u64>)]
    kills: u64,
    /// Of the random instants
    #[arg(long, default_value_t = 1, value_parser = parse_count::<u64>)]
    seed: u64,
    /// Of what goes wrong on the exchange
    #[arg(long, default_value_t = 1, value_parser = parse_count::<u64>)]
    chaos: u64,
    /// Nothing goes wrong on the exchange
    #[arg(long)]
    no_chaos: bool,
    /// Candles of the market
    #[arg(long, value_name = "FILE", default_value = "data/5m/BTCUSDT_5m.csv")]
    data: String,
    #[arg(long, default_value = "BTCUSDT")]
    symbol: String,
    /// Seconds of the market in a second
    #[arg(long, default_value = "600")]
    speed: Speed,
    /// Set a parameter of the script, a base parameter or a risk limit; repeatable
    #[arg(long, value_name = "NAME=VALUE", value_parser = parse_assignment)]
    set: Vec<(String, String)>,
    /// Folder for its files; what is there of an earlier torture is removed
    #[arg(long, value_name = "FOLDER", default_value = "results/torture")]
    folder: PathBuf,
}

/// Fewer than the bundled candles last for, at the highest speed that makes sense.
const KILLS_PER_EXCHANGE: u64 = 200;

pub fn torture(arguments: &TortureArguments) -> Result<(), Failure> {
    let failed = |text: String| Failure::new(Exit::Failed, text);
    // Anything wrong with the script is better said before.
    let mut parameters = crate::script::Script::load(&arguments.script)?.parameters();
    let overrides = Overrides { set: arguments.set.clone(), ..Overrides::default() };
    let config = BacktestRunConfig::load(None, &overrides).map_err(JobError::Config)?;
    config.apply(&mut parameters).map_err(JobError::Config)?;
    if arguments.folder.exists() {
        let is_own = arguments.folder.join("torture.log").exists();
        if !is_own {
            let text =
                format!("{}: this folder is not of a torture: name another", arguments.folder.display());
            return Err(Failure::new(Exit::Usage, text));
        }
        std::fs::remove_dir_all(&arguments.folder).map_err(|error| failed(error.to_string()))?;
    }
    // With what shows that the folder is of a torture, however far it comes.
    let log = arguments.folder.join("torture.log");
    std::fs::create_dir_all(&arguments.folder)
        .and_then(|()| std::fs::write(&log, ""))
        .map_err(|error| failed(format!("{}: cannot be written: {error}", log.display())))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| failed(error.to_string()))?;
    let options = |round: u64| RehearsalOptions {
        data: vec![format!("{}={}", arguments.symbol, arguments.data)],
        address: SocketAddr::new(RehearsalOptions::HOST, 0),
        speed: arguments.speed,
        start: Some(Start::First),
        limits_factor: 1e4,
        chaos: (!arguments.no_chaos).then_some(arguments.chaos.wrapping_add(round)),
        history: 1_000_000,
        ..RehearsalOptions::default()
    };
    let rehearsal = options(0).load().map_err(Failure::from)?;
    let rules = rehearsal.config.listings.first().map(|listing| listing.rules.clone());
    let rules = rules.ok_or_else(|| failed("no candles".to_owned()))?;
    let interval = rehearsal.ranges.first().map(|range| range.interval.to_string()).unwrap_or_default();
    let mut trade = vec![
        arguments.script.display().to_string(),
        "--symbol".to_owned(),
        arguments.symbol.clone(),
        "--interval".to_owned(),
        interval,
    ];
    for (name, value) in &arguments.set {
        trade.extend(["--set".to_owned(), format!("{name}={value}")]);
    }
    let program = std::env::current_exe().map_err(|error| failed(error.to_string()))?;
    let mut report = Report::default();
    for round in 0.. {
        if report.kills() >= arguments.kills || !report.faults.is_empty() {
            break;
        }
        // Another exchange before the candles of this one are over.
        let rehearsal = options(round).load().map_err(Failure::from)?;
        let exchange = runtime.block_on(LocalExchange::start(rehearsal.config));
        let exchange = exchange.map_err(|error| failed(error.to_string()))?;
        let torture = Torture {
            program: program.clone(),
            arguments: trade.clone(),
            exchange: &exchange,
            key: "stubkey".to_owned(),
            quote_asset: rules.quote_asset.clone(),
            base_asset: rules.base_asset.clone(),
            folder: arguments.folder.clone(),
            kills: arguments.kills.min(report.kills() + KILLS_PER_EXCHANGE),
            seed: arguments.seed.wrapping_add(round),
        };
        report = torture.run(report, |report| complain(&one_line(report))).map_err(failed)?;
        runtime.block_on(exchange.shutdown());
    }
    print(&format!("{}\n", one_line(&report)))?;
    if report.faults.is_empty() && report.trades == 0 {
        complain(
            "Nothing was traded, so this shows little: take a script that trades more often, or more --kills, or a higher --speed.",
        );
    }
    match report.faults.is_empty() {
        true => print("0 orders lost, 0 repeated, 0 without an owner; books and account agree\n"),
        false => Err(failed(report.faults.join("\n"))),
    }
}

fn one_line(report: &Report) -> String {
    format!(
        "{} kills ({} at boundaries up to {}, {} at random) in {} sessions: {} orders, {} executions, {} trades, {} unknown outcomes, longest without protection {} ms ({} times over {} s)",
        report.kills(),
        report.kills_at_boundaries,
        report.boundaries,
        report.kills_at_random,
        report.sessions,
        report.orders,
        report.executions,
        report.trades,
        report.unknown_outcomes,
        report.unprotected_ms_max,
        report.unprotected_long,
        UNPROTECTED.as_secs(),
    )
}
