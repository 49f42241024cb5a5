//! From a wish to trade to a running trader: connect, load or recover, settle with the exchange, start.

use super::boundary;
use super::client_manager::{ClientError, ClientManager, ClientSettings, SILENCE};
use super::csv_trade_logger::CsvTradeLogger;
use super::desk::{Desk, DeskSettings, ProtectionMode};
use super::in_force::{Changeable, Standing};
use super::journal::{Entry, Journal, JournalError, Reader};
use super::market_driver::{MarketControl, MarketDriver, Progress};
use super::message::Message;
use super::notice::About;
use super::paper::PaperBroker;
use super::record::{Record, Request, ScriptText, Session};
use super::recovery::{RecoveryError, Snapshot, Walk, never_sent};
use super::state_manager::{StateError, StateManager};
use super::trader::{Broker, Farewell, Parts, Trader, TraderError, Watcher, wall_ms};
use super::venue::Venue;
use super::webhook::Notifier;
use crate::config::{LogLevel, Notifications, RuntimeConfig};
use crate::engine::{Booking, Growth, Settings};
use crate::model::Candles;
use crate::script::{Parameters, Script};
use crate::venues::binance::budget::CONNECTS;
use crate::venues::binance::endpoints::Endpoints;
use crate::venues::binance::outcome::ReadError;
use crate::venues::binance::sign::Credentials;
use crate::venues::binance::socket::SocketSettings;
use crate::venues::rules::SymbolRules;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::watch;

/// How long after its time a request is still carried out, and how long after that its order is known to be absent.
const RECV_WINDOW: Duration = Duration::from_millis(1_000);
/// On this machine nothing takes long.
const RECV_WINDOW_LOCAL: Duration = Duration::from_millis(600);
const ABSENT_AFTER_MS: i64 = 900;
/// The same over a real network, whose answers may lag behind.
const ABSENT_AFTER_REAL_MS: i64 = 5_000;
const ANSWER_TIMEOUT: Duration = Duration::from_secs(3);
/// For notices to be delivered before the process ends.
const PATIENCE_OF_NOTICES: Duration = Duration::from_secs(3);
/// Candles before the first that warm the indicators.
pub const WARMUP: usize = 1_000;

/// What is to be traded, and how.
pub struct Plan {
    pub bot: String,
    pub venue: Venue,
    pub endpoints: Endpoints,
    pub credentials: Option<Arc<Credentials>>,
    pub symbol: String,
    /// As the exchange writes it.
    pub interval: String,
    pub script: Script,
    pub parameters: Parameters,
    /// Rules and limits are those of the parameters; instrument and commission come from the exchange.
    pub settings: Settings,
    /// The account's free quote currency where none is given.
    pub balance: Option<f64>,
    pub protection: ProtectionMode,
    pub state_folder: PathBuf,
    pub trades_folder: PathBuf,
    /// The market is moved by hand, as fast as the trader keeps up.
    pub is_led: bool,
    pub warmup: usize,
    pub runtime_config: PathBuf,
    pub notifications: Option<Notifications>,
    pub set_log_level: Box<dyn Fn(Option<LogLevel>)>,
    /// The exchange began with this process and knows nothing of earlier ones: what is there of an earlier session
    /// is put aside.
    pub begins_anew: bool,
    /// Takes other texts of the script as they are saved.
    pub swaps: bool,
}

#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error(transparent)]
    State(#[from] StateError),
    #[error("{place}: {error}")]
    Recovery { place: String, error: RecoveryError },
    #[error("{0}")]
    Refused(String),
    #[error(transparent)]
    Trader(#[from] TraderError),
}

impl From<super::csv_trade_logger::CsvLogError> for LaunchError {
    fn from(error: super::csv_trade_logger::CsvLogError) -> Self {
        LaunchError::Trader(error.into())
    }
}

/// Trades until it is told to stop or the market ends; whoever wants notices is told of an error, too. `channel` makes the
/// sender of messages that are for the trader. Called on the thread the script is to live on.
pub fn launch(
    mut plan: Plan,
    runtime: &Handle,
    channel: (Sender<Message>, Receiver<Message>),
    watcher: Box<dyn Watcher>,
) -> Result<Farewell, LaunchError> {
    let notifier = match plan.notifications.take() {
        Some(notifications) => Notifier::start(notifications, runtime)
            .map_err(|error| LaunchError::Refused(error.to_string()))?,
        None => Notifier::off(),
    };
    let about =
        About { bot: plan.bot.clone(), symbol: plan.symbol.clone(), venue: plan.venue.name().to_owned() };
    let result = match prepare(plan, runtime, channel, watcher, notifier.clone()) {
        Ok(trader) => trader.run().map_err(|error| {
            notifier.notify(about.ended_by(&error));
            error.into()
        }),
        // The one that runs is well.
        Err(error @ LaunchError::State(StateError::Running { .. })) => Err(error),
        Err(error) => {
            notifier.notify(about.not_begun(&error));
            Err(error)
        }
    };
    runtime.block_on(notifier.close(PATIENCE_OF_NOTICES));
    result
}

/// A trader that is connected, has its session, and is settled with the exchange.
fn prepare(
    mut plan: Plan,
    runtime: &Handle,
    (outbox, inbox): (Sender<Message>, Receiver<Message>),
    mut watcher: Box<dyn Watcher>,
    notifier: Notifier,
) -> Result<Trader, LaunchError> {
    let has_account = plan.venue.has_account();
    if has_account && plan.credentials.is_none() {
        return Err(LaunchError::Refused(format!("the venue {} needs a key", plan.venue)));
    }
    let mut state = StateManager::open(&plan.state_folder, &plan.bot)?;
    if plan.begins_anew {
        state.put_aside()?;
    }
    let client = ClientManager::connect(ClientSettings {
        endpoints: plan.endpoints.clone(),
        credentials: plan.credentials.clone().filter(|_| has_account),
        symbol: plan.symbol.clone(),
        interval: plan.interval.clone(),
        recv_window: if plan.venue == Venue::Local { RECV_WINDOW_LOCAL } else { RECV_WINDOW },
        answer_timeout: ANSWER_TIMEOUT,
        own_time: plan.venue == Venue::Local,
        trades: !plan.is_led,
        socket: SocketSettings::default(),
        connects: CONNECTS,
        silence: SILENCE,
    });
    let client = Arc::new(runtime.block_on(client)?);
    let account = if has_account { Some(runtime.block_on(client.account())?) } else { None };
    if let Some(account) = &account {
        if !account.can_trade {
            return Err(LaunchError::Refused(
                "the account may not trade: see the exchange's website".to_owned(),
            ));
        }
        if plan.venue.may_spend(&plan.endpoints) && account.can_withdraw {
            return Err(LaunchError::Refused(
                "this key's account can withdraw: a key for trading should not be able to. Make one without that right"
                    .to_owned(),
            ));
        }
    }
    let rules = client.rules().clone();
    let symbol = plan.symbol.clone();
    let script_name = plan.script.name().to_owned();
    let trades = CsvTradeLogger::open(&plan.trades_folder, &symbol, &script_name)?;
    let place = state.files().journal().display().to_string();
    let (is_led, begins_anew, bot) = (plan.is_led, plan.begins_anew, plan.bot.clone());
    let (venue, credentials) = (plan.venue, plan.credentials.clone());
    let endpoints = plan.endpoints.clone();
    let (path, started, swaps) = (PathBuf::from(plan.script.path()), plan.parameters.clone(), plan.swaps);
    let runtime_config = plan.runtime_config.clone();
    let set_log_level = std::mem::replace(&mut plan.set_log_level, Box::new(|_| {}));
    let free =
        |asset: &str| account.as_ref().and_then(|it| it.balance(asset)).map(|it| it.free).unwrap_or_default();
    if has_state(&state)? && never_began(&state)? {
        state.put_aside()?;
    }
    let mut begun = if has_state(&state)? {
        recover(&plan, &mut state, watcher.as_mut()).map_err(|error| match error {
            LaunchError::Recovery { error, .. } => LaunchError::Recovery { place: place.clone(), error },
            other => other,
        })?
    } else {
        let free_quote = free(&rules.quote_asset);
        begin(plan, &client, runtime, &state, &rules, free_quote, has_account, watcher.as_mut())?
    };
    if has_account && !begun.first.is_empty() {
        cancel_orphans(&mut begun, &client, runtime, &bot, watcher.as_mut())?;
    }
    let known = begun.desk.data().candles().close_time.last().copied();
    let missed = match known.filter(|_| !begun.first.is_empty()) {
        // The feed asks for them again where this fails.
        Some(close) => runtime.block_on(client.candles(Some(close + 1), usize::MAX)).unwrap_or_default(),
        None => Vec::new(),
    };
    let last_close = missed.last().map(|candle| candle.close_time).or(known);
    let (progress, seen) = watch::channel(Progress::default());
    let feed = client.clone().feed(last_close, outbox.clone());
    runtime.spawn(watched("what follows the market", Ends::Never, feed, outbox.clone()));
    if has_account {
        let follow = client.clone().follow_account(outbox.clone());
        runtime.spawn(watched("what follows the account", Ends::Never, follow, outbox.clone()));
    }
    if is_led {
        let control = MarketControl::new(&endpoints.rest).map_err(LaunchError::Refused)?;
        let account = credentials.as_ref().map(|it| it.api_key().to_owned()).unwrap_or_default();
        let driver = MarketDriver {
            control,
            client: client.clone(),
            account,
            symbol,
            progress: seen,
            out: outbox.clone(),
        };
        runtime.spawn(watched("what moves the market", Ends::WithTheMarket, driver.run(), outbox.clone()));
    }
    let costs = begun.session.settings.costs;
    let broker = match venue {
        Venue::Paper => Broker::Paper(Box::new(PaperBroker {
            rules,
            commission_bps: costs.commission_bps,
            slippage_bps: costs.slippage_bps,
        })),
        _ => Broker::Exchange(client),
    };
    begun.journal.sync().map_err(StateError::from)?;
    let standing = Standing {
        path,
        started,
        script: &begun.script,
        now: begun.now,
        generations: begun.generations,
        goes_on: !begun.first.is_empty(),
    };
    let changeable = Changeable::new(standing, &runtime_config, set_log_level, swaps);
    let trader = Trader::new(Parts {
        changeable,
        notifier,
        session: begun.session,
        script: begun.script,
        desk: begun.desk,
        journal: begun.journal,
        state,
        trades,
        broker,
        runtime: runtime.clone(),
        inbox,
        outbox,
        progress,
        watcher,
        is_led,
        begins_anew,
        first: begun.first,
        missed,
    });
    Ok(trader)
}

/// When a task of the trader's may end.
enum Ends {
    /// With the trader only.
    Never,
    WithTheMarket,
}

/// Does what the trader lives by; if it ends otherwise than it may, the trader is told, as it would go on without it.
async fn watched(
    what: &str,
    ends: Ends,
    task: impl Future<Output = ()> + Send + 'static,
    out: Sender<Message>,
) {
    let why = match (tokio::spawn(task).await, ends) {
        (Ok(()), Ends::WithTheMarket) => return,
        (Ok(()), Ends::Never) => "ended".to_owned(),
        (Err(error), _) => error.to_string(),
    };
    // Nobody is left to be told if the trader has ended.
    let _ = out.send(Message::Fatal(format!("{what} has failed: {why}")));
}

/// A session that was begun or recovered.
struct Begun {
    session: Session,
    script: ScriptText,
    desk: Desk<Script>,
    journal: Journal<Record>,
    /// The highest generation there was of the script.
    generations: u64,
    /// What the desk is to be told before anything else, after a restart.
    first: Vec<Record>,
    /// What is in force of the runtime config.
    now: RuntimeConfig,
}

fn has_state(state: &StateManager) -> Result<bool, LaunchError> {
    match state.load::<serde::de::IgnoredAny>() {
        Err(StateError::Absent(_)) => Ok(false),
        Ok(_) | Err(StateError::JournalOnly(_) | StateError::Damaged { .. }) => Ok(true),
        Err(error) => Err(error.into()),
    }
}

/// Whether the process that wrote the journal ended before its session began: nothing has been decided or sent.
fn never_began(state: &StateManager) -> Result<bool, LaunchError> {
    let reader = match Reader::<Record>::open(&state.files().journal()) {
        Ok(reader) => reader,
        Err(JournalError::Missing(_)) => return Ok(false),
        Err(error) => return Err(StateError::from(error).into()),
    };
    for entry in reader {
        match entry.map_err(StateError::from)?.record {
            Record::Session(_) | Record::Warmup { .. } | Record::Note { .. } => {}
            _ => return Ok(false),
        }
    }
    Ok(true)
}

fn write(
    journal: &mut Journal<Record>,
    watcher: &mut dyn Watcher,
    at: i64,
    record: &Record,
) -> Result<(), LaunchError> {
    boundary::pass();
    let n = journal.append(at, record).map_err(StateError::from)?;
    watcher.on(n, at, record);
    Ok(())
}

fn text_of(script: &Script, parameters: &Parameters, generation: u64) -> ScriptText {
    let written = parameters.written().map(|entry| (entry.name.clone(), entry.value.clone()));
    ScriptText {
        generation,
        sha256: script.sha256(),
        texts: script.texts(),
        parameters: written.collect(),
        difference: String::new(),
        carried: Vec::new(),
    }
}

#[allow(clippy::too_many_arguments)]
fn begin(
    plan: Plan,
    client: &ClientManager,
    runtime: &Handle,
    state: &StateManager,
    rules: &SymbolRules,
    free_quote: Decimal,
    has_account: bool,
    watcher: &mut dyn Watcher,
) -> Result<Begun, LaunchError> {
    let mut settings = plan.settings.clone();
    settings.symbol = plan.symbol.clone();
    settings.instrument = Some(rules.instrument());
    settings.booking = Booking::Exchange;
    if has_account {
        let rate = runtime.block_on(client.commission_rate())?;
        settings.costs.commission_bps = (rate * Decimal::from(10_000)).to_f64().unwrap_or_default();
        let free = free_quote.to_f64().unwrap_or_default();
        settings.initial_balance = plan.balance.unwrap_or(free);
        if settings.initial_balance > free {
            return Err(LaunchError::Refused(format!(
                "--balance {}: the account has only {free_quote} {} free",
                settings.initial_balance, rules.quote_asset
            )));
        }
        if settings.initial_balance <= 0.0 {
            return Err(LaunchError::Refused(format!(
                "the account has no {} free to trade {} with",
                rules.quote_asset, plan.symbol
            )));
        }
    }
    let script = text_of(&plan.script, &plan.parameters, 1);
    let session = Session {
        program: env!("CARGO_PKG_VERSION").to_owned(),
        bot: plan.bot.clone(),
        venue: plan.venue.name().to_owned(),
        symbol: plan.symbol.clone(),
        base_asset: rules.base_asset.clone(),
        quote_asset: rules.quote_asset.clone(),
        interval: plan.interval.clone(),
        script: script.clone(),
        settings,
        desk: DeskSettings {
            bot: plan.bot.clone(),
            protection: if has_account { plan.protection } else { ProtectionMode::Local },
            absent_after_ms: if plan.venue == Venue::Local { ABSENT_AFTER_MS } else { ABSENT_AFTER_REAL_MS },
        },
    };
    let read = |error: ReadError| match error.refusal().and_then(|refusal| refusal.code) {
        Some(-1120) => {
            ClientError::NoInterval { interval: plan.interval.clone(), at: plan.endpoints.rest.clone() }
        }
        _ => ClientError::Read { what: "candles before the session could not be read", error },
    };
    let warmup = runtime.block_on(client.candles(None, plan.warmup)).map_err(read)?;
    let (mut journal, _) = state.open_journal::<Record>(0)?;
    let at = wall_ms();
    write(&mut journal, watcher, at, &Record::Session(Box::new(session.clone())))?;
    for candles in warmup.chunks(1_000) {
        write(&mut journal, watcher, at, &Record::Warmup { candles: candles.to_vec() })?;
    }
    let candles: Candles = warmup.into_iter().collect();
    let filter = session.settings.rules.atr_filter;
    let (data, growth) = Growth::start(candles, plan.script.specs(), filter.as_ref());
    let desk = Desk::new(&session, plan.script, data, growth);
    let now = RuntimeConfig::default();
    Ok(Begun { session, script, desk, journal, generations: 1, first: Vec::new(), now })
}

fn recover(plan: &Plan, state: &mut StateManager, watcher: &mut dyn Watcher) -> Result<Begun, LaunchError> {
    let failed = |error| LaunchError::Recovery { place: String::new(), error };
    let loaded = match state.load::<Snapshot>() {
        Ok(loaded) => Some(loaded),
        Err(StateError::JournalOnly(_)) => None,
        Err(StateError::Damaged { path, why }) => {
            let text = format!("{}: {why}. Everything is taken from the journal instead.", path.display());
            watcher.on(0, wall_ms(), &Record::Note { text });
            None
        }
        Err(error) => return Err(error.into()),
    };
    let least = loaded.as_ref().map_or(0, |loaded| loaded.records);
    let (mut journal, opened) = state.open_journal::<Record>(least)?;
    let entries: &[Entry<Record>] = &opened.records;
    if entries.is_empty() {
        return Err(failed(RecoveryError::NoSession));
    }
    let (mut walk, from) = match loaded {
        Some(loaded) => {
            let records = usize::try_from(loaded.records).unwrap_or(usize::MAX);
            (Walk::resume(entries, records, loaded.state).map_err(failed)?, records)
        }
        None => Walk::begin(entries).map_err(failed)?,
    };
    for entry in entries.iter().skip(from) {
        walk.step(entry).map_err(failed)?;
    }
    check_same(plan, &walk.session)?;
    entries.iter().for_each(|entry| watcher.recall(entry.n, entry.at, &entry.record));
    if let Some(cut) = &opened.cut {
        watcher.on(0, wall_ms(), &Record::Note { text: cut.to_string() });
    }
    let at = wall_ms();
    let unwritten = walk.unwritten();
    for record in &unwritten {
        write(&mut journal, watcher, at, record)?;
    }
    // Nothing of it has left this machine.
    let mut inputs: Vec<Record> = unwritten
        .iter()
        .filter_map(|record| match record {
            Record::Request { number, request } => never_sent(*number, request),
            _ => None,
        })
        .collect();
    inputs.push(Record::Restart { program: env!("CARGO_PKG_VERSION").to_owned() });
    let (session, script) = (walk.session.clone(), walk.script.clone());
    let now = entries.iter().rev().find_map(|entry| match &entry.record {
        Record::Config(config) => Some(config.now.clone()),
        _ => None,
    });
    let now = now.unwrap_or_default();
    if let Some(text) = ignored(plan, &session) {
        write(&mut journal, watcher, at, &Record::Note { text })?;
    }
    let swaps = entries.iter().filter_map(|entry| match &entry.record {
        Record::Swap(text) => Some(text.generation),
        _ => None,
    });
    let generations = swaps.max().unwrap_or(1).max(script.generation);
    Ok(Begun { session, script, desk: walk.desk, journal, generations, first: inputs, now })
}

/// What was asked for and is otherwise in the session that goes on, in words.
fn ignored(plan: &Plan, session: &Session) -> Option<String> {
    let mut others: Vec<String> = Vec::new();
    if plan.settings.size != session.settings.size {
        others.push("--size".to_owned());
    }
    if plan.venue.has_account() && plan.protection != session.desk.protection {
        others.push("--protection".to_owned());
    }
    let balance = plan.balance.filter(|balance| *balance != session.settings.initial_balance);
    others.extend(balance.map(|_| format!("--balance, which was {}", session.settings.initial_balance)));
    (!others.is_empty()).then(|| {
        format!(
            "this session goes on as it was begun, whatever is asked for now of {}: begin another one with --bot",
            others.join(", ")
        )
    })
}

/// Whether a session can go on as it is wanted now.
fn check_same(plan: &Plan, session: &Session) -> Result<(), LaunchError> {
    let pairs = [
        ("venue", session.venue.as_str(), plan.venue.name()),
        ("symbol", session.symbol.as_str(), plan.symbol.as_str()),
        ("interval", session.interval.as_str(), plan.interval.as_str()),
    ];
    for (what, was, is) in pairs {
        if was != is {
            return Err(LaunchError::Refused(format!(
                "the bot {} trades with the {what} {was}, and {is} is asked for now. Give this one a name of its own with --bot",
                session.bot
            )));
        }
    }
    Ok(())
}

/// Whether an order is of this bot, and not of another whose name begins alike: its name, a time and a number.
pub(super) fn is_own(bot: &str, id: &str) -> bool {
    let rest = id.strip_prefix(bot).and_then(|rest| rest.strip_prefix('-'));
    rest.is_some_and(|rest| {
        let parts: Vec<&str> = rest.split('-').collect();
        parts.len() == 2
            && parts.iter().all(|part| !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric()))
    })
}

/// Orders of this bot that rest on the exchange and are in none of its books: they have no owner, and end here.
fn cancel_orphans(
    begun: &mut Begun,
    client: &ClientManager,
    runtime: &Handle,
    bot: &str,
    watcher: &mut dyn Watcher,
) -> Result<(), LaunchError> {
    let read = |error| ClientError::Read { what: "open orders could not be read", error };
    let open = runtime.block_on(client.open_orders()).map_err(read)?;
    let (state, _) = begun.desk.view();
    let orphans: Vec<String> = open
        .into_iter()
        .filter(|id| is_own(bot, id) && !state.orders.iter().any(|order| order.id == *id))
        .collect();
    for id in orphans {
        let request = Request::Cancel { id: id.clone() };
        let outcome = match runtime.block_on(client.carry_out(0, &request)) {
            Message::Answer { outcome, .. } => serde_json::to_string(&outcome).unwrap_or_default(),
            _ => String::new(),
        };
        let text =
            format!("an order of this bot was open and in none of its books: {id} is cancelled: {outcome}");
        write(&mut begun.journal, watcher, wall_ms(), &Record::Note { text })?;
    }
    Ok(())
}
