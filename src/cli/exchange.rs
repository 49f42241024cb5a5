//! `mista exchange`: an exchange on this machine.

use super::{Exit, Failure, complain, print};
use crate::config::parse_date;
use crate::model::{Interval, iso};
use crate::rehearsal::{Range, Rehearsal, RehearsalError, RehearsalOptions, Start};
use crate::venues::local::accounts::{AccountConfig, Credential};
use crate::venues::local::pace::Speed;
use crate::venues::local::{Handle, LocalExchange, StartError};
use clap::Args;
use rust_decimal::Decimal;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ExchangeArguments {
    /// Candle file of one symbol, or SYMBOL=FILE; repeatable [default: the bundled data/1h/BTCUSDT_1h.csv]
    #[arg(long, value_name = "FILE")]
    data: Vec<String>,
    /// Length of the candles, such as 1h [default: from the candles]
    #[arg(long, value_name = "INTERVAL")]
    interval: Option<Interval>,
    /// Drop rows that are not sane instead of stopping
    #[arg(long)]
    repair: bool,
    /// Port; 0 for any that is free
    #[arg(long, default_value_t = RehearsalOptions::PORT)]
    port: u16,
    /// Address to listen on. Whoever can reach it can trade, and move the market
    #[arg(long, value_name = "IP", default_value_t = RehearsalOptions::HOST)]
    host: IpAddr,
    /// Seconds of the market in a second, or max: as fast as its clients read, and not at all without any
    #[arg(long, default_value = "60")]
    speed: Speed,
    /// Start with the market standing still
    #[arg(long)]
    pause: bool,
    /// Where the market begins, and candles keep their dates: a date, first, or last [default: after 4/5 of the
    /// candles, which are dated as if that were now]
    #[arg(long, value_name = "DATE|first|last", value_parser = parse_start)]
    start: Option<Start>,
    /// With --start: date the candles as if the market began now all the same
    #[arg(long)]
    today: bool,
    /// Where it ends (ISO, UTC, exclusive) [default: with the last candle]
    #[arg(long, value_name = "DATE", value_parser = parse_date)]
    end: Option<i64>,
    /// What each account begins with; repeatable [default: 10000 of each quote asset, 1 of each base asset]
    #[arg(long, value_name = "ASSET=AMOUNT", value_parser = parse_balance)]
    balance: Vec<(String, Decimal)>,
    /// Commission of what is received, in 1/100 percent
    #[arg(long, value_name = "BPS", default_value = "10", value_parser = parse_commission)]
    commission_bps: Decimal,
    /// How much worse than the price an order that takes is filled, in 1/100 percent
    #[arg(long, value_name = "BPS", default_value = "0", value_parser = parse_slippage)]
    slippage_bps: f64,
    /// Accounts and their keys, instead of the ten that are built in
    #[arg(long, value_name = "FILE.yaml")]
    accounts: Option<PathBuf>,
    /// Filters of symbols, where they are not the usual ones
    #[arg(long, value_name = "FILE.yaml")]
    rules: Option<PathBuf>,
    /// Multiply all rate limits
    #[arg(long, value_name = "FACTOR", default_value = "1", value_parser = parse_factor)]
    limits: f64,
    /// Let things go wrong, the same for the same seed
    #[arg(long, value_name = "SEED")]
    chaos: Option<u64>,
    /// Print one line of JSON instead of the text
    #[arg(long)]
    json: bool,
}

impl ExchangeArguments {
    fn options(&self) -> RehearsalOptions {
        RehearsalOptions {
            data: self.data.clone(),
            interval: self.interval,
            repair: self.repair,
            address: SocketAddr::new(self.host, self.port),
            speed: self.speed,
            is_paused: self.pause,
            start: self.start,
            today: self.today,
            end: self.end,
            balances: self.balance.clone(),
            commission_bps: self.commission_bps,
            slippage_bps: self.slippage_bps,
            accounts: self.accounts.clone(),
            rules: self.rules.clone(),
            limits_factor: self.limits,
            chaos: self.chaos,
            ..RehearsalOptions::default()
        }
    }
}

const EXAMPLES: &str = "Examples:
  mista exchange
  mista exchange --data data/5m/BTCUSDT_5m.csv --data data/5m/ETHUSDT_5m.csv --speed 300
  mista exchange --pause --start 2023-06-01      then the candles' own dates; moved by hand:
  curl -d '{\"candles\": 1}' localhost:9080/control/step
  curl -d '{\"fault\": \"unknown_outcome\"}' localhost:9080/control/fault
  curl localhost:9080/control/state

Accounts: stubkey/stubsecret, stubkey2/stubsecret2, … stubkey10/stubsecret10; or a file:
  accounts:
    - key: mine
      secret: s3cret            # or public_key: an Ed25519 or RSA key in PEM form
      balances: { USDT: 5000 }
      maker_bps: 2
      taker_bps: 4
Filters, as a file:
  BTCUSDT: { filters: { tickSize: 0.01, stepSize: 0.00001, minNotional: 10 } }";

fn parse_start(text: &str) -> Result<Start, String> {
    match text {
        "first" => Ok(Start::First),
        "last" => Ok(Start::Last),
        text => parse_date(text).map(Start::At).map_err(|error| format!("{error}, or first, or last")),
    }
}

fn parse_amount(text: &str) -> Result<Decimal, String> {
    let amount = text.parse().ok().filter(|amount: &Decimal| !amount.is_sign_negative());
    amount.ok_or_else(|| "it must be a number that is not negative".to_owned())
}

fn parse_commission(text: &str) -> Result<Decimal, String> {
    let bps =
        text.parse().ok().filter(|bps: &Decimal| !bps.is_sign_negative() && *bps < Decimal::from(10_000));
    bps.ok_or_else(|| "it must be a number from 0, below 10000".to_owned())
}

fn parse_slippage(text: &str) -> Result<f64, String> {
    let bps = text.parse().ok().filter(|bps: &f64| (0.0..10_000.0).contains(bps));
    bps.ok_or_else(|| "it must be a number from 0, below 10000".to_owned())
}

fn parse_factor(text: &str) -> Result<f64, String> {
    let factor = text.parse().ok().filter(|factor: &f64| *factor > 0.0 && *factor <= 1e6);
    factor.ok_or_else(|| "it must be a number above 0, at most 1000000".to_owned())
}

fn parse_balance(text: &str) -> Result<(String, Decimal), String> {
    let wrong = || "write ASSET=AMOUNT, such as USDT=10000".to_owned();
    let (asset, amount) = text.split_once('=').ok_or_else(wrong)?;
    let is_asset = !asset.is_empty() && asset.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit());
    if is_asset { Ok((asset.to_owned(), parse_amount(amount)?)) } else { Err(wrong()) }
}

pub fn exchange(arguments: &ExchangeArguments) -> Result<(), Failure> {
    let Rehearsal { config, ranges, is_today } = arguments.options().load()?;
    let accounts = config.accounts.clone();
    let failed = |error: std::io::Error| Failure::new(Exit::Failed, format!("cannot start: {error}"));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(failed)?;
    runtime.block_on(async {
        // Before anything is printed: whoever reads the address may send a signal at once.
        let mut signals = signals().map_err(failed)?;
        let handle = LocalExchange::start(config).await.map_err(failure)?;
        print(&announcement(arguments, &handle, &ranges, &accounts, is_today).await?)?;
        signals.recv().await;
        if !arguments.json {
            complain("the exchange ends");
        }
        handle.shutdown().await;
        Ok(())
    })
}

/// Ctrl-C or a request to end.
#[cfg(unix)]
pub(super) fn signals() -> std::io::Result<Signals> {
    use tokio::signal::unix::{SignalKind, signal};
    Ok(Signals(signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?))
}

#[cfg(unix)]
pub(super) struct Signals(tokio::signal::unix::Signal, tokio::signal::unix::Signal);

#[cfg(unix)]
impl Signals {
    pub(super) async fn recv(&mut self) {
        tokio::select! {
            _ = self.0.recv() => {}
            _ = self.1.recv() => {}
        }
    }
}

#[cfg(not(unix))]
pub(super) fn signals() -> std::io::Result<Signals> {
    Ok(Signals)
}

#[cfg(not(unix))]
pub(super) struct Signals;

#[cfg(not(unix))]
impl Signals {
    pub(super) async fn recv(&mut self) {
        // Where it cannot be awaited, the process is ended from outside.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

fn failure(error: StartError) -> Failure {
    let exit = match &error {
        StartError::Listen { .. } => Exit::Failed,
        StartError::Market(_) => Exit::Data,
        _ => Exit::Usage,
    };
    Failure::new(exit, error.to_string())
}

impl From<RehearsalError> for Failure {
    fn from(error: RehearsalError) -> Self {
        match error {
            RehearsalError::Candles(error) => error.into(),
            error @ RehearsalError::Apart { .. } => Failure::new(Exit::Data, error.to_string()),
            error => Failure::new(Exit::Usage, error.to_string()),
        }
    }
}

fn shown(range: &Range) -> Value {
    json!({
        "symbol": range.symbol,
        "interval": range.interval.to_string(),
        "from": iso(range.from),
        "to": iso(range.to),
        "candles": range.candles,
        "file": range.file.display().to_string(),
    })
}

/// What is printed at the start.
async fn announcement(
    arguments: &ExchangeArguments,
    handle: &Handle,
    ranges: &[Range],
    accounts: &[AccountConfig],
    is_today: bool,
) -> Result<String, Failure> {
    let address = handle.address();
    let state = handle.control("GET", "state", &json!({})).await;
    let state = state.map_err(|error| Failure::new(Exit::Failed, error))?;
    let is_built_in = arguments.accounts.is_none();
    let rest = format!("http://{address}");
    let (streams, api) = (format!("ws://{address}"), format!("ws://{address}/ws-api/v3"));
    if arguments.json {
        let keys: Vec<Value> = accounts
            .iter()
            .map(|account| {
                let mut shown = json!({ "key": account.key });
                if let (true, Credential::Secret(secret)) = (is_built_in, &account.credential) {
                    shown["secret"] = secret.as_str().into();
                }
                shown
            })
            .collect();
        let line = json!({
            "address": address.to_string(),
            "rest": rest,
            "streams": streams,
            "ws_api": api,
            "control": format!("{rest}/control"),
            "market_time": state["market_time"],
            "symbols": ranges.iter().map(shown).collect::<Vec<_>>(),
            "accounts": keys,
        });
        return Ok(format!("{line}\n"));
    }
    let mut text = String::new();
    // Writing to a text cannot fail.
    let _ = writeln!(text, "Exchange on {address}: play money, candles as prices.\n");
    let _ = writeln!(text, "REST           {rest}\nStreams        {streams}\nWebSocket API  {api}");
    let _ = writeln!(text, "Control        {rest}/control/state\n");
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    for range in ranges {
        let _ = writeln!(
            text,
            "{:<10} {} candles of {}, {} to {}",
            range.symbol,
            range.candles,
            range.interval,
            iso(range.from),
            iso(range.to)
        );
    }
    let pace =
        if arguments.pause { "stands still".to_owned() } else { format!("runs at {}×", arguments.speed) };
    let _ = writeln!(text, "The market is at {} and {pace}.", word(&state["market_time_iso"]));
    if is_today {
        let _ =
            writeln!(text, "The candles are dated as if that were now; with --start they keep their dates.");
    }
    text.push('\n');
    match (is_built_in, accounts) {
        (true, _) => {
            let _ =
                writeln!(text, "Accounts: key stubkey, secret stubsecret; stubkey2, stubsecret2; … to 10.");
        }
        (false, accounts) => {
            let names: Vec<&str> = accounts.iter().map(|account| account.key.as_str()).collect();
            let _ = writeln!(text, "Accounts: {}", names.join(", "));
        }
    }
    let _ = writeln!(
        text,
        "With ccxt: exchange.urls['api']['public'] = exchange.urls['api']['private'] = '{rest}/api/v3'\nCtrl-C ends it."
    );
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        arguments: ExchangeArguments,
    }

    #[test]
    fn without_a_flag_the_options_are_the_default_ones() {
        let line = Line::try_parse_from(["exchange"]).unwrap();
        assert_eq!(line.arguments.options(), RehearsalOptions::default());
    }
}
