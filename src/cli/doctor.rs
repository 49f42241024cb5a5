//! `mista doctor`: whether this machine would trade, a line for each check.

use super::{Exit, Failure, print};
use crate::doctor::exchange::{Key, Plan, examine};
use crate::doctor::{Check, Counts, Verdict, machine};
use crate::report::number::counted;
use crate::venues::binance::endpoints::Preset;
use crate::venues::binance::keys;
use clap::Args;
use serde_json::json;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub struct DoctorArguments {
    /// Which exchange: live, data (market data only), testnet, demo or local [default: testnet where there is a
    /// key, else data]
    #[arg(long)]
    venue: Option<Preset>,
    /// What is to be traded
    #[arg(long, default_value = "BTCUSDT")]
    symbol: String,
    /// A script to be run; repeatable [default: all in strategies/]
    #[arg(long, value_name = "FILE")]
    script: Vec<PathBuf>,
    /// A file with the key, instead of the environment: lines such as MISTA_API_KEY=..
    #[arg(long, value_name = "FILE")]
    keys: Option<PathBuf>,
    /// Another address for REST
    #[arg(long, value_name = "URL")]
    rest: Option<String>,
    /// Another address for market streams
    #[arg(long, value_name = "URL")]
    streams: Option<String>,
    /// Another address for the WebSocket API
    #[arg(long, value_name = "URL")]
    ws_api: Option<String>,
    /// Print JSON instead of lines
    #[arg(long)]
    json: bool,
}

const HELP: &str = "Keys come from MISTA_API_KEY with MISTA_API_SECRET, or with MISTA_API_PRIVATE_KEY_FILE; they are never shown.
It only reads: nothing is placed, cancelled or changed. It ends with 5 where there is a problem, else with 0.

Examples:
  mista doctor                           market data, folders, scripts
  mista doctor --venue testnet --symbol ETHUSDT
  MISTA_API_KEY=stubkey MISTA_API_SECRET=stubsecret mista doctor --venue local      while `mista exchange` runs";

pub fn doctor(arguments: &DoctorArguments) -> Result<(), Failure> {
    let plan = plan(arguments)?;
    let failed = |error| Failure::new(Exit::Failed, format!("no connection can be made: {error}"));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.map_err(failed)?;
    let asked = plan.clone();
    let asking = runtime.spawn(async move { examine(&asked).await });
    // Meanwhile; scripts need the stack of this thread.
    let here = here(arguments);
    let mut checks = runtime.block_on(asking).map_err(|error| failed(std::io::Error::other(error)))?;
    // A name that does not resolve may hold a thread for long.
    runtime.shutdown_background();
    checks.extend(here);

    let counts = Counts::of(&checks);
    print(&if arguments.json { as_json(&plan, &checks, counts) } else { as_lines(&plan, &checks, counts) })?;
    match counts.problems {
        0 => Ok(()),
        // The lines have said it.
        _ => Err(Failure::new(Exit::Unfit, "")),
    }
}

fn plan(arguments: &DoctorArguments) -> Result<Plan, Failure> {
    let (found, origin) = match &arguments.keys {
        Some(path) => (keys::from_file(path).map(Some), path.display().to_string()),
        None => (keys::from_environment(), "the environment".to_owned()),
    };
    let key = match found {
        Ok(None) => Key::None,
        Ok(Some(credentials)) => Key::Found { credentials: Arc::new(credentials), origin },
        Err(error) => Key::Unusable(error.to_string()),
    };
    let usual = if matches!(key, Key::None) { Preset::Data } else { Preset::Testnet };
    let venue = arguments.venue.unwrap_or(usual);
    let endpoints = venue.endpoints().replaced(
        arguments.rest.as_deref(),
        arguments.streams.as_deref(),
        arguments.ws_api.as_deref(),
    );
    let endpoints = endpoints.map_err(|error| Failure::new(Exit::Usage, error.to_string()))?;
    Ok(Plan { venue, endpoints, symbol: arguments.symbol.clone(), key })
}

/// What needs no network.
fn here(arguments: &DoctorArguments) -> Vec<Check> {
    let mut checks: Vec<Check> = ["results", "data"].map(|folder| machine::disk(Path::new(folder))).into();
    checks.extend(machine::config(Path::new("config")));
    checks.extend(machine::scripts(Path::new("strategies"), &arguments.script));
    checks.extend(machine::candles(Path::new("data"), &arguments.symbol));
    checks
}

fn as_lines(plan: &Plan, checks: &[Check], counts: Counts) -> String {
    let mut out = format!("doctor · {} · {}\n", plan.venue.name(), plan.symbol);
    for check in checks {
        let _ = write!(out, "{:<8} {:<9} {}", check.verdict.name(), check.name, check.text);
        if let Some(remedy) = &check.remedy {
            let _ = write!(out, " → {remedy}");
        }
        out.push('\n');
    }
    let _ = writeln!(out, "{}", summary(plan.venue, counts));
    out
}

fn summary(venue: Preset, counts: Counts) -> String {
    let (problems, notes) =
        (counted(counts.problems as u64, "problem"), counted(counts.notes as u64, "note"));
    let purpose = match venue {
        Preset::Live => "trading with real money",
        Preset::Data => "what needs market data only",
        Preset::Testnet => "the test network",
        Preset::Demo => "demo trading",
        Preset::Local => "the local exchange",
    };
    match counts.problems {
        0 => format!("ready for {purpose}: no problem, {notes}, {} ok", counts.ok),
        _ => format!("not ready for {purpose}: {problems}, {notes}, {} ok", counts.ok),
    }
}

fn as_json(plan: &Plan, checks: &[Check], counts: Counts) -> String {
    let worst = checks.iter().map(|check| check.verdict).max().unwrap_or(Verdict::Ok);
    let json = json!({
        "venue": plan.venue.name(),
        "symbol": plan.symbol,
        "rest": plan.endpoints.rest,
        "streams": plan.endpoints.streams,
        "ws_api": plan.endpoints.ws_api,
        "verdict": worst,
        "ok": counts.ok,
        "notes": counts.notes,
        "problems": counts.problems,
        "checks": checks,
    });
    format!("{json:#}\n")
}
