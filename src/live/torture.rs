//! Kills a trader over and over, at every place where it writes, sends or receives, and at random instants, while the
//! exchange it trades on lets things go wrong; and compares its books with the exchange's after every kill.

use super::journal::{self, Entry};
use super::launch::is_own;
use super::record::{Answered, Record, Request};
use super::recovery::Snapshot;
use super::replay::replay;
use super::state_manager::Files;
use crate::model::Side;
use crate::venues::local::Handle;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// What to torture, and how long.
pub struct Torture<'a> {
    /// The program itself.
    pub program: PathBuf,
    /// What `mista trade` is called with, but for names, folders and what kills it.
    pub arguments: Vec<String>,
    pub exchange: &'a Handle,
    /// Whose account it trades on.
    pub key: String,
    pub quote_asset: String,
    pub base_asset: String,
    pub folder: PathBuf,
    /// With those that the report it goes on from has.
    pub kills: u64,
    pub seed: u64,
}

/// What came of it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Report {
    pub kills_at_boundaries: u64,
    pub kills_at_random: u64,
    /// Highest boundary at which it was killed.
    pub boundaries: u64,
    pub sessions: u64,
    pub orders: u64,
    pub executions: u64,
    pub trades: u64,
    pub unknown_outcomes: u64,
    /// Longest that a position was without protection, from the connection on, in ms.
    pub unprotected_ms_max: u64,
    /// How often it was so for more than [`UNPROTECTED`].
    pub unprotected_long: u64,
    pub faults: Vec<String>,
    /// The last boundary at which it was killed.
    boundary: u64,
}

impl Report {
    pub fn kills(&self) -> u64 {
        self.kills_at_boundaries + self.kills_at_random
    }
}

/// A position is protected again within this, from the connection on.
pub const UNPROTECTED: Duration = Duration::from_secs(2);
/// Unless the exchange wants to hear nothing meanwhile: the pause it asks for with a 429.
const PAUSE: Duration = Duration::from_secs(1);
/// Kills in one session, so that its journal stays short.
const KILLS_PER_SESSION: u64 = 100;
/// For a process to come to its end by itself.
const PATIENCE: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(10);

impl Torture<'_> {
    /// Runs until all kills are done, or something is wrong. `tell` hears of each session.
    pub fn run(&self, mut report: Report, mut tell: impl FnMut(&Report)) -> Result<Report, String> {
        let mut random = fastrand::Rng::with_seed(self.seed);
        while report.kills() < self.kills && report.faults.is_empty() {
            report.sessions += 1;
            self.session(&mut report, &mut random)?;
            tell(&report);
        }
        Ok(report)
    }

    fn session(&self, report: &mut Report, random: &mut fastrand::Rng) -> Result<(), String> {
        let bot = format!("t{}", report.sessions);
        let files = Files::new(&self.folder.join("state"), &bot).map_err(|error| error.to_string())?;
        let before = self.balances();
        for _ in 0..KILLS_PER_SESSION {
            if report.kills() >= self.kills {
                break;
            }
            if random.bool() {
                // In turn, and every now and then from the start again.
                let next = report.boundary + 1 + random.u64(0..3);
                report.boundary = if report.boundary >= 300 { 1 } else { next };
                let mut child = self.spawn(&bot, Some(report.boundary), false)?;
                let watched = self.watch(&mut child, &files, PATIENCE, report)?;
                if !watched {
                    // It had less to do than that: as good a moment as any.
                    child.kill().map_err(|error| error.to_string())?;
                    child.wait().map_err(|error| error.to_string())?;
                }
                report.kills_at_boundaries += 1;
                report.boundaries = report.boundaries.max(report.boundary);
            } else {
                let mut child = self.spawn(&bot, None, false)?;
                let life = Duration::from_millis(random.u64(1..800));
                self.watch(&mut child, &files, life, report)?;
                child.kill().map_err(|error| error.to_string())?;
                child.wait().map_err(|error| error.to_string())?;
                report.kills_at_random += 1;
            }
            self.check_dead(&files, &bot, report)?;
            if !report.faults.is_empty() {
                return Ok(());
            }
        }
        self.farewell(&files, &bot)?;
        self.check_end(&files, &bot, &before, report)
    }

    fn spawn(&self, bot: &str, die_at: Option<u64>, flatten: bool) -> Result<Child, String> {
        let address = self.exchange.address();
        let mut command = Command::new(&self.program);
        command
            .arg("trade")
            .args(&self.arguments)
            .args(["--venue", "local", "--plain", "--bot", bot])
            .args(["--rest", &format!("http://{address}"), "--streams", &format!("ws://{address}")])
            .args(["--ws-api", &format!("ws://{address}/ws-api/v3")])
            .arg("--state")
            .arg(self.folder.join("state"))
            .arg("--trades")
            .arg(self.folder.join("trades"));
        if let Some(count) = die_at {
            command.arg("--die-at").arg(count.to_string());
        }
        if flatten {
            command.arg("--flatten");
        }
        let log = std::fs::OpenOptions::new().create(true).append(true).open(self.folder.join("torture.log"));
        let log = log.map_err(|error| error.to_string())?;
        let errors = log.try_clone().map_err(|error| error.to_string())?;
        command.stdin(Stdio::null()).stdout(log).stderr(errors);
        command.spawn().map_err(|error| format!("{} cannot be started: {error}", self.program.display()))
    }

    /// Watches a running trader; `true` once it has ended by itself.
    fn watch(
        &self,
        child: &mut Child,
        files: &Files,
        life: Duration,
        report: &mut Report,
    ) -> Result<bool, String> {
        let began = Instant::now();
        let connections = connections(files);
        let (mut bare_since, mut is_long) = (None, false);
        let mut connected = false;
        while began.elapsed() < life {
            if let Some(status) = child.try_wait().map_err(|error| error.to_string())? {
                if status.code().is_some_and(|code| code != 0) {
                    report.faults.push(format!("the trader ended by itself: {status}; see torture.log"));
                }
                return Ok(true);
            }
            connected = connected || self::connections(files) > connections;
            if connected && self.is_bare(files.bot()) {
                let since = *bare_since.get_or_insert_with(Instant::now);
                let bare = since.elapsed();
                report.unprotected_ms_max = report.unprotected_ms_max.max(bare.as_millis() as u64);
                if bare > UNPROTECTED && !is_long {
                    report.unprotected_long += 1;
                    is_long = true;
                }
                if bare > UNPROTECTED + PAUSE {
                    report
                        .faults
                        .push(format!("a position was without protection for {} ms", bare.as_millis()));
                    return Ok(false);
                }
            } else {
                bare_since = None;
                is_long = false;
            }
            std::thread::sleep(POLL);
        }
        Ok(false)
    }

    fn own<'a>(&self, bot: &'a str) -> impl Fn(&str) -> bool + 'a {
        move |id: &str| is_own(bot, id)
    }

    /// Whether the exchange holds something for the bot, worth more than a step, and nothing that protects it is open.
    fn is_bare(&self, bot: &str) -> bool {
        let own = self.own(bot);
        let orders = self.exchange.orders(&self.key);
        let ours: Vec<_> = orders.iter().filter(|order| own(&order.client_order_id)).collect();
        let rests = ours.iter().any(|order| order.side == Side::Sell && !order.status.is_closed());
        let mut held = Decimal::ZERO;
        for execution in self.exchange.executions(&self.key) {
            if ours.iter().any(|order| order.id == execution.order_id) {
                held += if execution.is_buyer { execution.quantity } else { -execution.quantity };
                if *execution.commission_asset == *self.base_asset {
                    held -= execution.commission;
                }
            }
        }
        let largest = ours.iter().map(|order| order.quantity).max().unwrap_or(Decimal::ONE);
        held * Decimal::from(50) > largest && !rests
    }

    fn balances(&self) -> BTreeMap<String, Decimal> {
        let all = self.exchange.balances(&self.key);
        all.into_iter().map(|(asset, free, locked)| (asset, free + locked)).collect()
    }

    /// What must be true whenever the process is dead.
    fn check_dead(&self, files: &Files, bot: &str, report: &mut Report) -> Result<(), String> {
        let entries = read(files)?;
        let intents = intents(&entries);
        let own = self.own(bot);
        let mut seen = BTreeSet::new();
        for order in self.exchange.orders(&self.key).iter().filter(|order| own(&order.client_order_id)) {
            let id = order.client_order_id.to_string();
            if !intents.contains(&id) {
                report.faults.push(format!("order {id} is on the exchange and was never written down"));
            }
            if !seen.insert(id.clone()) {
                report.faults.push(format!("order {id} is on the exchange twice"));
            }
        }
        Ok(())
    }

    /// Lets it come to rest: everything sold, and ended as it is meant to end.
    fn farewell(&self, files: &Files, bot: &str) -> Result<(), String> {
        let connections = connections(files);
        let mut child = self.spawn(bot, None, true)?;
        let began = Instant::now();
        // The exchange may make it wait before it lets it in.
        while self::connections(files) == connections && began.elapsed() < PATIENCE {
            std::thread::sleep(POLL);
        }
        // Until it has settled with the exchange what was under way.
        std::thread::sleep(Duration::from_secs(3));
        terminate(&child);
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            if child.try_wait().map_err(|error| error.to_string())?.is_some() {
                return Ok(());
            }
            std::thread::sleep(POLL);
        }
        let _ = child.kill();
        let _ = child.wait();
        Err("the trader did not end when it was asked to".to_owned())
    }

    /// What must be true of a whole session.
    fn check_end(
        &self,
        files: &Files,
        bot: &str,
        before: &BTreeMap<String, Decimal>,
        report: &mut Report,
    ) -> Result<(), String> {
        let entries = read(files)?;
        let own = self.own(bot);
        let orders: Vec<_> =
            self.exchange.orders(&self.key).into_iter().filter(|order| own(&order.client_order_id)).collect();
        let mut faults = Vec::new();
        // Executions, by order and number.
        let names: BTreeMap<_, _> = orders.iter().map(|it| (it.id, it.client_order_id.to_string())).collect();
        let there: BTreeSet<(String, u64)> = self
            .exchange
            .executions(&self.key)
            .iter()
            .filter_map(|it| Some((names.get(&it.order_id)?.clone(), it.trade_id)))
            .collect();
        let booked: BTreeSet<(String, u64)> =
            executions(&entries).into_iter().filter(|(id, _)| own(id)).collect();
        for (id, trade) in there.difference(&booked) {
            faults.push(format!("execution {trade} of order {id} was never heard of"));
        }
        for (id, trade) in booked.difference(&there) {
            faults.push(format!("execution {trade} of order {id} was booked and did not happen"));
        }
        if let Some(order) = orders.iter().find(|order| !order.status.is_closed()) {
            faults.push(format!("order {} is still open", order.client_order_id));
        }
        let snapshot = files.load::<Snapshot>().map_err(|error| error.to_string())?.state;
        let books = &snapshot.desk.engine.position;
        let held = books.position().map_or(0.0, |position| position.quantity) + books.dust();
        let after = self.balances();
        let change = |asset: &str| {
            let of = |all: &BTreeMap<String, Decimal>| all.get(asset).copied().unwrap_or_default();
            (of(&after) - of(before)).to_f64().unwrap_or_default()
        };
        let cash = books.cash() - snapshot.session.settings.initial_balance;
        for (what, books, account) in [
            (&self.base_asset, held, change(&self.base_asset)),
            (&self.quote_asset, cash, change(&self.quote_asset)),
        ] {
            if (books - account).abs() > 1e-6 * (1.0 + books.abs()) {
                faults.push(format!("{what}: the books say {books}, the account {account}"));
            }
        }
        let replayed = replay(&files.journal()).map_err(|error| error.to_string())?;
        if let Some(difference) = replayed.difference {
            faults.push(format!("its replay differs: {difference}"));
        }
        report.orders += orders.len() as u64;
        report.executions += there.len() as u64;
        report.trades += replayed.trades;
        report.unknown_outcomes += entries.iter().filter(|entry| is_unknown(&entry.record)).count() as u64;
        report.faults.extend(faults.into_iter().map(|fault| format!("{bot}: {fault}")));
        Ok(())
    }
}

fn read(files: &Files) -> Result<Vec<Entry<Record>>, String> {
    match journal::read::<Record>(&files.journal()) {
        Ok(opened) => Ok(opened.records),
        Err(journal::JournalError::Missing(_)) => Ok(Vec::new()),
        Err(error) => Err(error.to_string()),
    }
}

/// How often the account was connected, by the journal.
fn connections(files: &Files) -> usize {
    let path = files.journal();
    let text = std::fs::read(&path).unwrap_or_default();
    let wanted = b"\"kind\":\"connected\",\"what\":\"account\"";
    text.windows(wanted.len()).filter(|window| window == wanted).count()
}

/// Ids of all orders that were to be sent.
fn intents(entries: &[Entry<Record>]) -> BTreeSet<String> {
    let mut ids = BTreeSet::new();
    for entry in entries {
        let Record::Request { request, .. } = &entry.record else { continue };
        match request {
            Request::Market { id, .. } | Request::Stop { id, .. } | Request::Target { id, .. } => {
                ids.insert(id.clone());
            }
            Request::Replace { id, .. } => {
                ids.insert(id.clone());
            }
            Request::Oco { stop_id, target_id, .. } => ids.extend([stop_id.clone(), target_id.clone()]),
            _ => {}
        }
    }
    ids
}

fn executions(entries: &[Entry<Record>]) -> BTreeSet<(String, u64)> {
    let mut all = BTreeSet::new();
    for entry in entries {
        let accepted = |answered: &Option<Answered>| match answered {
            Some(Answered::Accepted(news)) => Some(news.clone()),
            _ => None,
        };
        let news = match &entry.record {
            Record::News(news) => vec![news.clone()],
            Record::Answer { outcome, cancel, .. } => {
                accepted(&Some(outcome.clone())).into_iter().chain(accepted(cancel)).collect()
            }
            _ => continue,
        };
        all.extend(news.iter().flat_map(|news| &news.executions).map(|it| (it.id.clone(), it.trade_id)));
    }
    all
}

fn is_unknown(record: &Record) -> bool {
    matches!(record, Record::Answer { outcome: Answered::Unknown { .. }, .. } | Record::Restart { .. })
}

#[cfg(unix)]
fn terminate(child: &Child) {
    use rustix::process::{Pid, Signal, kill_process};
    if let Some(pid) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        // It may have ended.
        let _ = kill_process(pid, Signal::TERM);
    }
}

#[cfg(not(unix))]
fn terminate(_child: &Child) {}
