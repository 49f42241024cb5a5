//! `mista exchange`: an exchange on this machine.

mod files;

use super::{Exit, Failure, complain, print};
use crate::config::parse_date;
use crate::data::{LoadOptions, LoadedSeries, load_series, symbol_of};
use crate::job::BUNDLED;
use crate::model::{DAY_MS, HOUR_MS, Interval, iso, iso_date};
use crate::venues::local::accounts::{AccountConfig, Credential, default_accounts, flat_rates};
use crate::venues::local::listing::{grid, split, usual_rules};
use crate::venues::local::market::Series;
use crate::venues::local::pace::Speed;
use crate::venues::local::{Handle, Listing, LocalConfig, LocalExchange, StartError};
use crate::venues::rules::ExchangeFilters;
use clap::Args;
use files::RulesFile;
use rust_decimal::Decimal;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

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
    #[arg(long, default_value_t = 9080)]
    port: u16,
    /// Address to listen on. Whoever can reach it can trade, and move the market
    #[arg(long, value_name = "IP", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
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
    #[arg(long, value_name = "BPS", default_value = "10", value_parser = parse_amount)]
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
    /// Whoever names no date has no use for the file's: clients ask for candles by the clock on the wall.
    fn is_today(&self) -> bool {
        self.today || (self.start.is_none() && self.end.is_none())
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

#[derive(Debug, Clone, Copy)]
enum Start {
    First,
    Last,
    At(i64),
}

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
    let mut loaded = load(arguments)?;
    let mut start = start(arguments, &loaded)?;
    let mut end = arguments.end;
    if let Some(end) = end.filter(|end| *end <= start) {
        let text = format!("--end: the market begins at {}, and {} is not after that", iso(start), iso(end));
        return Err(Failure::new(Exit::Usage, text));
    }
    if arguments.is_today() {
        let shift;
        (start, shift) = move_to_today(&mut loaded, start);
        end = end.map(|end| end.saturating_add(shift));
    }
    let ranges: Vec<Value> = loaded.iter().map(range).collect();
    let config = config(arguments, loaded, start, end)?;
    let accounts = config.accounts.clone();
    let failed = |error: std::io::Error| Failure::new(Exit::Failed, format!("cannot start: {error}"));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(failed)?;
    runtime.block_on(async {
        // Before anything is printed: whoever reads the address may send a signal at once.
        let mut signals = signals().map_err(failed)?;
        let handle = LocalExchange::start(config).await.map_err(failure)?;
        print(&announcement(arguments, &handle, &ranges, &accounts).await?)?;
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
fn signals() -> std::io::Result<Signals> {
    use tokio::signal::unix::{SignalKind, signal};
    Ok(Signals(signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?))
}

#[cfg(unix)]
struct Signals(tokio::signal::unix::Signal, tokio::signal::unix::Signal);

#[cfg(unix)]
impl Signals {
    async fn recv(&mut self) {
        tokio::select! {
            _ = self.0.recv() => {}
            _ = self.1.recv() => {}
        }
    }
}

#[cfg(not(unix))]
fn signals() -> std::io::Result<Signals> {
    Ok(Signals)
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    async fn recv(&mut self) {
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

fn load(arguments: &ExchangeArguments) -> Result<Vec<LoadedSeries>, Failure> {
    let options = LoadOptions { interval: arguments.interval, repair: arguments.repair };
    let files = match arguments.data.as_slice() {
        [] if Path::new(BUNDLED).exists() => vec![BUNDLED.to_owned()],
        [] => return Err(crate::job::JobError::NotBundled.into()),
        files => files.to_vec(),
    };
    let mut loaded: Vec<LoadedSeries> = Vec::new();
    for file in &files {
        let (symbol, path) = match file.split_once('=') {
            Some((symbol, path)) if symbol_of(Path::new(symbol)).as_deref() == Some(symbol) => {
                (Some(symbol.to_owned()), PathBuf::from(path))
            }
            _ => (None, PathBuf::from(file)),
        };
        let symbol = symbol.or_else(|| symbol_of(&path)).ok_or_else(|| {
            let text = format!(
                "{}: the name does not begin with a symbol. Write --data BTCUSDT={}",
                path.display(),
                path.display()
            );
            Failure::new(Exit::Usage, text)
        })?;
        if let Some(other) = loaded.iter().find(|other| other.series.symbol() == symbol) {
            let text = format!(
                "{} and {} are both of {symbol}. Name one file for each symbol.",
                other.path.display(),
                path.display()
            );
            return Err(Failure::new(Exit::Usage, text));
        }
        let series = load_series(&path, &symbol, &options);
        loaded.push(series.map_err(|error| Failure::from(crate::job::JobError::Data(error)))?);
    }
    Ok(loaded)
}

fn config(
    arguments: &ExchangeArguments,
    loaded: Vec<LoadedSeries>,
    start: i64,
    end: Option<i64>,
) -> Result<LocalConfig, Failure> {
    let rules_file = arguments.rules.as_deref().map(RulesFile::load).transpose()?;
    let mut listings = Vec::new();
    for LoadedSeries { series, .. } in loaded {
        let symbol = series.symbol().to_owned();
        let said = rules_file.as_ref().and_then(|file| file.assets(&symbol));
        let (base, quote) = said.or_else(|| split(&symbol)).ok_or_else(|| {
            let text = format!(
                "{symbol}: its quote asset is not known. Say it in a file for --rules:\n{symbol}: {{ base: …, quote: … }}"
            );
            Failure::new(Exit::Usage, text)
        })?;
        let (tick, step) = grid(&symbol, series.price_decimals(), series.base_decimals());
        let mut rules = usual_rules(&symbol, base, quote, tick, step);
        if let Some(file) = &rules_file {
            file.apply(&mut rules)?;
        }
        listings.push(Listing { rules, series });
    }
    let symbols: Vec<String> = listings.iter().map(|it| it.rules.symbol.clone()).collect();
    if let Some(unknown) = rules_file.as_ref().map(|file| file.unknown(&symbols)).filter(|it| !it.is_empty())
    {
        let text = format!("--rules names {}, which is not traded here", unknown.join(", "));
        return Err(Failure::new(Exit::Usage, text));
    }
    let balances = balances(arguments, &listings);
    let rates = flat_rates(arguments.commission_bps);
    let accounts = match &arguments.accounts {
        Some(path) => files::accounts(path, &balances, rates)?,
        None => default_accounts(&balances, rates, None),
    };
    Ok(LocalConfig {
        address: SocketAddr::new(arguments.host, arguments.port),
        listings,
        accounts,
        slippage_bps: arguments.slippage_bps,
        filters: ExchangeFilters::default(),
        start,
        end,
        speed: arguments.speed,
        is_paused: arguments.pause,
        limits_factor: arguments.limits,
        chaos: arguments.chaos,
    })
}

/// 10,000 of each quote asset, 1 of each base asset, and what is said otherwise.
fn balances(arguments: &ExchangeArguments, listings: &[Listing]) -> Vec<(String, Decimal)> {
    let mut balances: Vec<(String, Decimal)> = Vec::new();
    let mut set = |asset: &str, amount: Decimal| match balances.iter_mut().find(|(it, _)| it == asset) {
        Some((_, known)) => *known = amount,
        None => balances.push((asset.to_owned(), amount)),
    };
    listings.iter().for_each(|it| set(&it.rules.base_asset, Decimal::ONE));
    listings.iter().for_each(|it| set(&it.rules.quote_asset, Decimal::from(10_000)));
    arguments.balance.iter().for_each(|(asset, amount)| set(asset, *amount));
    balances
}

fn first_and_last(loaded: &LoadedSeries) -> (i64, i64) {
    let times = loaded.series.open_times();
    (times.first().copied().unwrap_or(0), times.last().copied().unwrap_or(0))
}

/// Where the market begins: inside the time that all files cover.
fn start(arguments: &ExchangeArguments, loaded: &[LoadedSeries]) -> Result<i64, Failure> {
    let first = loaded.iter().map(|it| first_and_last(it).0).max().unwrap_or(0);
    let last = loaded.iter().map(|it| first_and_last(it).1).min().unwrap_or(0);
    if first > last {
        let covers: Vec<String> = loaded
            .iter()
            .map(|it| {
                let (first, last) = first_and_last(it);
                format!("{} {} to {}", it.series.symbol(), iso_date(first), iso_date(last))
            })
            .collect();
        let text = format!("the files have no time in common: {}. Choose files that do.", covers.join(", "));
        return Err(Failure::new(Exit::Data, text));
    }
    match arguments.start.unwrap_or(Start::At(first + (last - first) / 5 * 4)) {
        Start::First => Ok(first),
        Start::Last => Ok(last),
        Start::At(time) if arguments.start.is_some() && !(first..=last).contains(&time) => {
            let text = format!("--start: the candles cover {} to {}", iso(first), iso(last));
            Err(Failure::new(Exit::Usage, text))
        }
        // The opening of a candle.
        Start::At(time) => {
            let times = loaded.first().map(|it| it.series.open_times()).unwrap_or_default();
            let row = times.partition_point(|open| *open < time);
            Ok(times.get(row).copied().unwrap_or(last).min(last))
        }
    }
}

/// Moves the candles so that the market's time is the wall clock's, and the start on to there: by threes of weeks, so
/// that klines of 3 days and of weeks open where they did, or by less where so much is not left of the candles.
/// Returns the start, and how far they were moved.
fn move_to_today(loaded: &mut [LoadedSeries], start: i64) -> (i64, i64) {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let now = i64::try_from(now.as_millis()).unwrap_or(i64::MAX);
    let left = loaded.iter().map(|it| first_and_last(it).1).min().unwrap_or(start).saturating_sub(start);
    let longest = loaded.iter().map(|it| it.series.interval().ms()).max().unwrap_or(DAY_MS);
    // Twice over, so that some of the market is still to come.
    let units = [21 * DAY_MS, 7 * DAY_MS, DAY_MS, HOUR_MS.max(longest)];
    let unit = units.into_iter().find(|unit| unit.saturating_mul(2) <= left).unwrap_or(longest);
    let shift = now.saturating_sub(start).div_euclid(unit) * unit;
    for one in loaded.iter_mut() {
        let nothing = Series::new("", one.series.interval());
        one.series = std::mem::replace(&mut one.series, nothing).shifted(shift);
    }
    let times = loaded.first().map(|it| it.series.open_times()).unwrap_or_default();
    let row = times.partition_point(|open| *open <= now).saturating_sub(1);
    (times.get(row).copied().unwrap_or(now), shift)
}

fn range(loaded: &LoadedSeries) -> Value {
    let (first, last) = first_and_last(loaded);
    json!({
        "symbol": loaded.series.symbol(),
        "interval": loaded.series.interval().to_string(),
        "from": iso(first),
        "to": iso(last),
        "candles": loaded.series.len(),
        "file": loaded.path.display().to_string(),
    })
}

/// What is printed at the start.
async fn announcement(
    arguments: &ExchangeArguments,
    handle: &Handle,
    ranges: &[Value],
    accounts: &[AccountConfig],
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
            "symbols": ranges,
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
            word(&range["symbol"]),
            range["candles"],
            word(&range["interval"]),
            word(&range["from"]),
            word(&range["to"])
        );
    }
    let pace =
        if arguments.pause { "stands still".to_owned() } else { format!("runs at {}×", arguments.speed) };
    let _ = writeln!(text, "The market is at {} and {pace}.", word(&state["market_time_iso"]));
    if arguments.is_today() {
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
