//! `mista trade`: a script on a venue.

mod show;

use super::arguments::{parse_amount, parse_assignment, parse_count};
use super::{Exit, Failure, complain, print};
use crate::config::{BacktestRunConfig, Notifications, Overrides, parse_date, parse_size};
use crate::job::JobError;
use crate::live::boundary;
use crate::live::client_manager::ClientError;
use crate::live::desk::{Desk, ProtectionMode};
use crate::live::launch::{LaunchError, Plan, WARMUP, launch};
use crate::live::message::Message;
use crate::live::record::Record;
use crate::live::state_manager::{BOT_NAME_MAX, StateError};
use crate::live::trader::Watcher;
use crate::live::venue::Venue;
use crate::model::{Interval, Size, iso};
use crate::rehearsal::{RehearsalError, RehearsalOptions, Start};
use crate::script::Script;
use crate::venues::binance::endpoints::Endpoints;
use crate::venues::binance::keys;
use crate::venues::binance::sign::Credentials;
use crate::venues::local::pace::Speed;
use crate::venues::local::{Handle as ExchangeHandle, LocalExchange};
use clap::Args;
use std::io::IsTerminal;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use tracing_subscriber::filter::LevelFilter;

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct TradeArguments {
    /// Strategy script
    script: PathBuf,
    /// Where to trade: paper, local, testnet, demo or live [default: testnet with a key, else an exchange of its own
    /// on this machine]
    #[arg(long)]
    venue: Option<Venue>,
    /// That orders may spend real money; needed for --venue live
    #[arg(long)]
    yes_real_money: bool,
    /// What to trade [default: from the name of --data, else BTCUSDT]
    #[arg(long)]
    symbol: Option<String>,
    /// Length of a candle [default: 1h, or that of --data]
    #[arg(long, value_name = "INTERVAL")]
    interval: Option<Interval>,
    /// Parameter values, a `name: value` line each
    #[arg(long, value_name = "FILE.yaml")]
    params: Option<PathBuf>,
    /// Set a parameter of the script, a base parameter or a risk limit; repeatable
    #[arg(long, value_name = "NAME=VALUE", value_parser = parse_assignment)]
    set: Vec<(String, String)>,
    /// Quote currency to begin with [default: what the account has free, 10000 on paper]
    #[arg(long, value_name = "QUOTE", allow_negative_numbers = true, value_parser = parse_amount)]
    balance: Option<f64>,
    /// Entry size: equity_pct=95, units=.., quote=.. or risk_pct=.. [default: equity_pct=95]
    #[arg(long, value_name = "KIND=X", value_parser = parse_size)]
    size: Option<Size>,
    /// Where protective levels are: exchange or local
    #[arg(long, default_value = "exchange", value_parser = parse_protection)]
    protection: ProtectionMode,
    /// Name of this trader; its files and orders carry it [default: the script and the symbol]
    #[arg(long)]
    bot: Option<String>,
    /// Folder for journals and state
    #[arg(long, value_name = "FOLDER", default_value = "results/state")]
    state: PathBuf,
    /// Folder for the trades, as CSV
    #[arg(long, value_name = "FOLDER", default_value = "results/live_trades")]
    trades: PathBuf,
    /// File with the key, readable by its owner only [default: from the environment]
    #[arg(long, value_name = "FILE")]
    keys: Option<PathBuf>,
    /// Address of the REST interface
    #[arg(long, value_name = "URL")]
    rest: Option<String>,
    /// Address of the market streams
    #[arg(long, value_name = "URL")]
    streams: Option<String>,
    /// Address of the WebSocket API
    #[arg(long, value_name = "URL")]
    ws_api: Option<String>,
    /// Candles of the exchange of its own [default: the bundled ones]
    #[arg(long, value_name = "FILE", help_heading = "The exchange of its own")]
    data: Option<PathBuf>,
    /// Seconds of the market in a second, or max: as fast as the trader keeps up, and never faster
    #[arg(long, default_value = "max", help_heading = "The exchange of its own")]
    speed: Speed,
    /// Where its market begins; candles before it warm the indicators [default: after 4/5 of them]
    #[arg(long, value_name = "DATE", value_parser = parse_date, help_heading = "The exchange of its own")]
    start: Option<i64>,
    /// Where its market ends (exclusive) [default: with the candles]
    #[arg(long, value_name = "DATE", value_parser = parse_date, help_heading = "The exchange of its own")]
    end: Option<i64>,
    /// Let things go wrong there, the same for the same seed
    #[arg(long, value_name = "SEED", value_parser = parse_count::<u64>, help_heading = "The exchange of its own")]
    chaos: Option<u64>,
    /// Move the market of a local exchange by hand, as fast as the trader keeps up
    #[arg(long)]
    lead: bool,
    /// What may be changed while it runs; need not be there
    #[arg(long, value_name = "FILE.yaml", default_value = "config/runtime_config.yaml")]
    runtime_config: PathBuf,
    /// Whom to tell; need not be there
    #[arg(long, value_name = "FILE.yaml", default_value = "config/notifications.yaml")]
    notifications: PathBuf,
    /// Sell what is held when the trader is stopped
    #[arg(long)]
    flatten: bool,
    /// Plain lines instead of the terminal view
    #[arg(long)]
    plain: bool,
    /// Every record of the journal as a line of JSON, instead
    #[arg(long)]
    json: bool,
    #[arg(long, hide = true)]
    die_at: Option<u64>,
}

const EXAMPLES: &str = "Examples:
  mista trade strategies/breakout.rhai                          no key, no network: an exchange of its own
  mista trade strategies/breakout.rhai --speed 3600             the same, a 1h candle a second
  mista trade strategies/breakout.rhai --venue paper            real prices, simulated fills
  mista trade strategies/breakout.rhai --venue testnet --keys testnet.key
  mista trade strategies/breakout.rhai --venue live --yes-real-money --keys live.key --balance 500";

fn parse_protection(text: &str) -> Result<ProtectionMode, String> {
    match text {
        "exchange" => Ok(ProtectionMode::Exchange),
        "local" => Ok(ProtectionMode::Local),
        _ => Err("write exchange or local".to_owned()),
    }
}

/// Of the accounts that every local exchange has.
const LOCAL_KEY: (&str, &str) = ("stubkey", "stubsecret");

pub fn trade(arguments: &TradeArguments) -> Result<(), Failure> {
    let usage = |text: String| Failure::new(Exit::Usage, text);
    let script = Script::load(&arguments.script)?;
    let overrides = Overrides {
        symbol: Some(arguments.symbol()),
        balance: arguments.balance,
        size: arguments.size,
        params: arguments.params.clone(),
        set: arguments.set.clone(),
        ..Overrides::default()
    };
    let config = BacktestRunConfig::load(None, &overrides).map_err(JobError::Config)?;
    let mut script = script;
    let mut parameters = script.parameters();
    config.apply(&mut parameters).map_err(JobError::Config)?;
    script.prepare(&parameters)?;
    let settings = crate::engine::Settings {
        rules: parameters.rules(&arguments.symbol()),
        limits: parameters.limits(),
        ..config.settings.clone()
    };
    let notifications = match arguments.notifications.exists() {
        true => Notifications::load(&arguments.notifications).map_err(JobError::Config)?,
        false => None,
    };
    for (flag, folder) in [("--state", &arguments.state), ("--trades", &arguments.trades)] {
        if folder.exists() && !folder.is_dir() {
            return Err(usage(format!("{flag} {}: it is not a folder: name another", folder.display())));
        }
    }
    let (venue, credentials) = venue_and_key(arguments)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(Exit::Failed, format!("cannot start: {error}")))?;
    let overridden = arguments.rest.is_some() || arguments.streams.is_some() || arguments.ws_api.is_some();
    let mut endpoints = venue
        .preset()
        .endpoints()
        .replaced(arguments.rest.as_deref(), arguments.streams.as_deref(), arguments.ws_api.as_deref())
        .map_err(|error| usage(error.to_string()))?;
    if venue.may_spend(&endpoints) && !arguments.yes_real_money {
        let ws_api = endpoints.ws_api.as_deref().unwrap_or_default();
        return Err(usage(format!(
            "--venue {venue}: orders would go to {} and {ws_api}, which may be real money: say --yes-real-money too, if that is what you want",
            endpoints.rest
        )));
    }
    let mut interval = arguments.interval.map(|interval| interval.to_string());
    let mut is_led = arguments.lead;
    let mut exchange = None;
    // `--venue local` means the exchange that runs on this machine, if one does.
    let has_one = arguments.venue == Some(Venue::Local) && !arguments.wants_own() && answers(&endpoints.rest);
    if has_one {
        complain(&format!("Trading on the exchange at {}, with play money.", endpoints.rest));
    }
    if venue == Venue::Local && !overridden && !has_one {
        is_led = arguments.speed == Speed::Max && arguments.chaos.is_none();
        let (own, own_interval) = runtime.block_on(own_exchange(arguments, is_led))?;
        endpoints = at(own.address());
        interval = interval.or(Some(own_interval));
        exchange = Some(own);
    }
    if exchange.is_none() && !has_one {
        complain(&format!("Connecting to {}: it has a minute to answer.", endpoints.rest));
    }
    let bot = match &arguments.bot {
        Some(bot) => bot.clone(),
        None => {
            let name: String = format!("{}-{}", script.name(), arguments.symbol().to_lowercase());
            name.chars()
                .map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' })
                .take(BOT_NAME_MAX)
                .collect()
        }
    };
    boundary::arm(arguments.die_at.unwrap_or(0));
    let mut plan = Plan {
        bot,
        venue,
        endpoints,
        credentials,
        symbol: arguments.symbol(),
        interval: interval.unwrap_or_else(|| "1h".to_owned()),
        script,
        parameters,
        settings,
        balance: arguments.balance,
        protection: arguments.protection,
        state_folder: arguments.state.clone(),
        trades_folder: arguments.trades.clone(),
        is_led,
        runtime_config: arguments.runtime_config.clone(),
        notifications,
        set_log_level: Box::new(super::set_log_level),
        begins_anew: exchange.is_some(),
        swaps: true,
        warmup: if venue == Venue::Local { usize::MAX } else { WARMUP },
    };
    let (outbox, inbox) = channel();
    let flatten = arguments.flatten;
    let stopper = outbox.clone();
    let has_begun = Arc::new(AtomicBool::new(false));
    let begun = has_begun.clone();
    runtime.spawn(async move {
        if let Ok(mut signals) = super::exchange::signals() {
            loop {
                signals.recv().await;
                if !begun.load(Ordering::Relaxed) {
                    // It still waits for the exchange, and has done nothing.
                    complain("Stopped before it began.");
                    std::process::exit(Exit::Stopped as i32);
                }
                if stopper.send(Message::Stop { flatten }).is_err() {
                    return;
                }
            }
        }
    });
    // Once it runs, what is said is on its screen.
    let is_plain = arguments.plain || arguments.json || !std::io::stdout().is_terminal();
    let watcher: Box<dyn Watcher> = match is_plain {
        true => Box::new(show::Plain { json: arguments.json }),
        false => match show::Screen::start(flatten) {
            Ok(screen) => {
                // Lines between would be drawn over; what matters is in the journal, and on the screen.
                super::set_log_filter(Some(LevelFilter::OFF));
                plan.set_log_level = Box::new(|_| {});
                Box::new(screen)
            }
            Err(_) => Box::new(show::Plain { json: false }),
        },
    };
    let watcher = Box::new(Begins { watcher, has_begun });
    let result = launch(plan, runtime.handle(), (outbox, inbox), watcher);
    if let Some(exchange) = exchange {
        runtime.block_on(exchange.shutdown());
    }
    let farewell = result.map_err(failure)?;
    runtime.shutdown_background();
    let why = if farewell.market_ended { "The market has no more candles. " } else { "Stopped. " };
    print(&format!("{why}{}\n", farewell.open))
}

/// Whether somebody listens at an address on this machine.
fn answers(rest: &str) -> bool {
    let host = rest.trim_start_matches("http://");
    let address = host.parse::<SocketAddr>();
    address.is_ok_and(|address| std::net::TcpStream::connect_timeout(&address, PROBE).is_ok())
}

const PROBE: std::time::Duration = std::time::Duration::from_millis(500);

impl TradeArguments {
    fn symbol(&self) -> String {
        let named = || self.data.as_deref().and_then(crate::data::symbol_of);
        self.symbol.clone().or_else(named).unwrap_or_else(|| "BTCUSDT".to_owned())
    }

    /// Whether flags say what an exchange of its own is to be like.
    fn wants_own(&self) -> bool {
        self.data.is_some()
            || self.speed != Speed::Max
            || self.start.is_some()
            || self.end.is_some()
            || self.chaos.is_some()
    }
}

/// Notices that a session begins or goes on, which the first record of it says.
struct Begins {
    watcher: Box<dyn Watcher>,
    has_begun: Arc<AtomicBool>,
}

impl Watcher for Begins {
    fn on(&mut self, n: u64, at: i64, record: &Record) {
        self.has_begun.store(true, Ordering::Relaxed);
        self.watcher.on(n, at, record);
    }

    fn recall(&mut self, n: u64, at: i64, record: &Record) {
        self.has_begun.store(true, Ordering::Relaxed);
        self.watcher.recall(n, at, record);
    }

    fn see(&mut self, price: f64, at: i64) {
        self.watcher.see(price, at);
    }

    fn tick(&mut self, desk: &Desk<Script>) -> Option<Record> {
        self.watcher.tick(desk)
    }
}

fn failure(error: LaunchError) -> Failure {
    let exit = match &error {
        LaunchError::Refused(_)
        | LaunchError::State(StateError::Name(_))
        | LaunchError::Client(
            ClientError::NoSymbol(..) | ClientError::NoInterval { .. } | ClientError::Key(_),
        ) => Exit::Usage,
        _ => Exit::Failed,
    };
    Failure::new(exit, error.to_string())
}

fn venue_and_key(arguments: &TradeArguments) -> Result<(Venue, Option<Arc<Credentials>>), Failure> {
    let usage = |text: String| Failure::new(Exit::Usage, text);
    let given = match &arguments.keys {
        Some(path) => Some(keys::from_file(path)),
        None => keys::from_environment().transpose(),
    };
    let given = given.transpose().map_err(|error| usage(error.to_string()))?;
    let usual = if given.is_some() { Venue::Testnet } else { Venue::Local };
    let venue = arguments.venue.unwrap_or(usual);
    if venue == Venue::Live && !arguments.yes_real_money {
        return Err(usage(
            "--venue live spends real money: say --yes-real-money too, if that is what you want".to_owned(),
        ));
    }
    let credentials = match (venue, given) {
        (Venue::Paper, _) => None,
        (_, Some(credentials)) => Some(credentials),
        (Venue::Local, None) => {
            Some(Credentials::hmac(LOCAL_KEY.0, LOCAL_KEY.1).map_err(|error| usage(error.to_string()))?)
        }
        (_, None) => {
            return Err(usage(format!(
                "--venue {venue} needs a key: set {} and {}, or name a file with --keys",
                keys::API_KEY,
                keys::API_SECRET
            )));
        }
    };
    Ok((venue, credentials.map(Arc::new)))
}

fn at(address: SocketAddr) -> Endpoints {
    Endpoints {
        rest: format!("http://{address}"),
        streams: format!("ws://{address}"),
        ws_api: Some(format!("ws://{address}/ws-api/v3")),
    }
}

/// An exchange in this process, over candles of a file.
async fn own_exchange(arguments: &TradeArguments, is_led: bool) -> Result<(ExchangeHandle, String), Failure> {
    let data = match &arguments.data {
        Some(path) => vec![format!("{}={}", arguments.symbol(), path.display())],
        None => Vec::new(),
    };
    let options = RehearsalOptions {
        data,
        interval: None,
        address: SocketAddr::new(RehearsalOptions::HOST, 0),
        speed: arguments.speed,
        is_paused: is_led,
        start: arguments.start.map(Start::At),
        end: arguments.end,
        // At full speed the limits of the real one, which count by the clock on the wall, would be passed.
        limits_factor: if is_led { 1e5 } else { 1.0 },
        chaos: arguments.chaos,
        ..RehearsalOptions::default()
    };
    let rehearsal = options.load().map_err(|error| match error {
        RehearsalError::UnknownQuote { symbol } => Failure::new(
            Exit::Usage,
            format!(
                "--symbol {symbol}: it does not end in a quote currency that is known here, as BTCUSDT does"
            ),
        ),
        error => Failure::from(error),
    })?;
    let range = rehearsal.ranges.first();
    let interval = range.map(|range| range.interval.to_string()).unwrap_or_default();
    if let (Some(wanted), Some(range)) = (arguments.interval, range) {
        let (own, file) = (range.interval, range.file.display());
        if wanted.ms() < own.ms() {
            return Err(Failure::new(
                Exit::Usage,
                format!(
                    "--interval {wanted}: the exchange of its own has the candles of {file}, of {own}: name some of {wanted} with --data, or leave --interval out"
                ),
            ));
        }
        if is_led && wanted != own {
            return Err(Failure::new(
                Exit::Usage,
                format!(
                    "--interval {wanted}: at full speed the market moves by the candles of {file}, of {own}: leave --interval out, or name a --speed, such as 3600"
                ),
            ));
        }
    }
    let begins = rehearsal.config.start;
    let file = range.map(|range| range.file.display().to_string()).unwrap_or_default();
    let handle = LocalExchange::start(rehearsal.config).await;
    let handle = handle.map_err(|error| Failure::new(Exit::Failed, error.to_string()))?;
    complain(&format!(
        "No key and no network needed: trading on an exchange of its own on this machine, with play money, over {file} from {}{}.",
        iso(begins),
        if rehearsal.is_today { " (dated as of today)" } else { "" },
    ));
    Ok((handle, interval))
}
