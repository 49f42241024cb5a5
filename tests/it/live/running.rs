//! Traders that run while a test does something to them: in this process, over real sockets and real files, on a local
//! exchange whose market runs by itself.

use super::led::{endpoints, time};
use crate::support::root;
use mista::config::Notifications;
use mista::engine::Settings;
use mista::live::desk::ProtectionMode;
use mista::live::journal::{Entry, read};
use mista::live::launch::{LaunchError, Plan, WARMUP, launch};
use mista::live::message::Message;
use mista::live::record::{Decision, Record};
use mista::live::replay::replay;
use mista::live::trader::{Farewell, Watcher};
use mista::live::venue::Venue;
use mista::model::{Candle, Size};
use mista::rehearsal::{RehearsalOptions, Start};
use mista::script::{STACK, Script, Written};
use mista::venues::binance::sign::Credentials;
use mista::venues::local::pace::Speed;
use mista::venues::local::{Handle, LocalExchange};
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// For anything that a trader is to do by itself.
const PATIENCE: Duration = Duration::from_secs(120);

/// An exchange, and a folder with what its traders leave.
pub struct World {
    /// Whom its traders tell.
    pub notifications: Option<Notifications>,
    folder: TempDir,
    runtime: Runtime,
    exchange: Handle,
}

impl World {
    /// `speed`: seconds of the market in a second.
    pub fn new(speed: f64) -> World {
        let runtime = super::led::runtime();
        let options = RehearsalOptions {
            data: vec![format!("BTCUSDT={}", root().join(crate::support::BTC_5M).display())],
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            speed: Speed::Times(speed),
            start: time("2023-03-24").map(Start::At),
            limits_factor: 1e5,
            ..RehearsalOptions::default()
        };
        let exchange = LocalExchange::start(options.load().unwrap().config);
        let exchange = runtime.block_on(exchange).unwrap();
        World { notifications: None, folder: TempDir::new().unwrap(), runtime, exchange }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A file below the folder, at once and whole.
    pub fn save(&self, name: &str, text: impl AsRef<[u8]>) {
        save(&self.path(name), text);
    }

    /// Starts a trader, or goes on with its session.
    pub fn trader(&self, script: &Path, set: &[&str]) -> Running {
        let (outbox, inbox) = channel();
        let (sender, seen) = channel();
        let (address, folder) = (self.exchange.address(), self.folder.path().to_owned());
        let (script, runtime) = (script.to_owned(), self.runtime.handle().clone());
        let set: Vec<String> = set.iter().map(|it| (*it).to_owned()).collect();
        let (out, notifications) = (outbox.clone(), self.notifications.clone());
        let run = move || {
            let mut script = Script::load(&script).unwrap();
            let mut parameters = script.parameters();
            for assignment in &set {
                let (name, value) = assignment.split_once('=').unwrap();
                parameters.set(name, &Written::Text(value.to_owned())).unwrap();
            }
            script.prepare(&parameters).unwrap();
            let settings = Settings {
                rules: parameters.rules("BTCUSDT"),
                limits: parameters.limits(),
                size: Size::EquityPct(50.0),
                ..Settings::default()
            };
            let plan = Plan {
                bot: "test".to_owned(),
                venue: Venue::Local,
                endpoints: endpoints(address),
                credentials: Some(Arc::new(Credentials::hmac("stubkey", "stubsecret").unwrap())),
                symbol: "BTCUSDT".to_owned(),
                interval: "5m".to_owned(),
                script,
                parameters,
                settings,
                balance: None,
                protection: ProtectionMode::Exchange,
                state_folder: folder.join("state"),
                trades_folder: folder.join("trades"),
                is_led: false,
                runtime_config: folder.join("runtime.yaml"),
                notifications,
                set_log_level: Box::new(|_| ()),
                begins_anew: false,
                swaps: true,
                warmup: WARMUP,
            };
            launch(plan, &runtime, (outbox, inbox), Box::new(Teller { sender }))
        };
        let thread = std::thread::Builder::new().stack_size(STACK).spawn(run).unwrap();
        Running {
            entries: Vec::new(),
            taken: 0,
            out,
            seen,
            thread: Some(thread),
            journal: self.path("state/test.journal"),
        }
    }
}

pub fn save(path: &Path, text: impl AsRef<[u8]>) {
    let new = path.with_extension("new");
    fs::write(&new, text).unwrap();
    fs::rename(new, path).unwrap();
}

struct Teller {
    sender: Sender<Entry<Record>>,
}

impl Watcher for Teller {
    fn on(&mut self, n: u64, at: i64, record: &Record) {
        // The test may not listen any more.
        let _ = self.sender.send(Entry { n, at, record: record.clone() });
    }
}

/// A trader that runs.
pub struct Running {
    /// What it has written down so far and the test has seen.
    pub entries: Vec<Entry<Record>>,
    /// Those that were waited for before.
    taken: usize,
    out: Sender<Message>,
    seen: Receiver<Entry<Record>>,
    thread: Option<JoinHandle<Result<Farewell, LaunchError>>>,
    pub journal: PathBuf,
}

impl Running {
    /// The next record of which this is so.
    #[track_caller]
    pub fn next<T>(&mut self, what: &str, mut is: impl FnMut(&Record) -> Option<T>) -> T {
        let end = Instant::now() + PATIENCE;
        loop {
            while self.taken < self.entries.len() {
                self.taken += 1;
                if let Some(found) = is(&self.entries[self.taken - 1].record) {
                    return found;
                }
            }
            let left = end.saturating_duration_since(Instant::now());
            match self.seen.recv_timeout(left) {
                Ok(entry) => self.entries.push(entry),
                Err(error) => {
                    let last: Vec<String> =
                        self.entries.iter().rev().take(12).map(|it| format!("{it:.300?}")).collect();
                    panic!("{what}: {error}: {last:#?}")
                }
            }
        }
    }

    #[track_caller]
    pub fn decision(&mut self) -> Decision {
        self.next("a decision", |record| match record {
            Record::Decision(decision) => Some((**decision).clone()),
            _ => None,
        })
    }

    #[track_caller]
    pub fn decisions(&mut self, count: usize) {
        (0..count).for_each(|_| drop(self.decision()));
    }

    /// The text of the next note that contains this.
    #[track_caller]
    pub fn note(&mut self, part: &str) -> String {
        self.next(part, |record| match record {
            Record::Note { text } if text.contains(part) => Some(text.clone()),
            _ => None,
        })
    }

    /// The next swap's generation, and that no save is refused before it.
    #[track_caller]
    pub fn swap(&mut self) -> u64 {
        self.next("a swap", |record| match record {
            Record::Swap(text) => Some(text.generation),
            Record::NotSwapped { message, .. } => panic!("{message}"),
            _ => None,
        })
    }

    #[track_caller]
    pub fn refusal(&mut self) -> String {
        self.next("a refusal", |record| match record {
            Record::NotSwapped { message, .. } => Some(message.clone()),
            _ => None,
        })
    }

    /// What the next change of the settings says.
    #[track_caller]
    pub fn config(&mut self) -> mista::live::record::LiveConfig {
        self.next("a change of settings", |record| match record {
            Record::Config(config) => Some((**config).clone()),
            _ => None,
        })
    }

    #[track_caller]
    pub fn entered(&mut self) {
        self.next("an entry", |record| matches!(record, Record::Entered { .. }).then_some(()));
    }

    #[track_caller]
    pub fn left(&mut self) {
        self.next("an exit", |record| matches!(record, Record::Trade(_)).then_some(()));
    }

    /// Has it end by an error.
    #[track_caller]
    pub fn fail(mut self, why: &str) -> LaunchError {
        self.out.send(Message::Fatal(why.to_owned())).unwrap();
        self.thread.take().unwrap().join().unwrap().unwrap_err()
    }

    /// Why it does not begin.
    #[track_caller]
    pub fn refused(mut self) -> LaunchError {
        self.thread.take().unwrap().join().unwrap().unwrap_err()
    }

    /// Stops it; its whole journal, which comes out the same once more and misses no candle.
    #[track_caller]
    pub fn stop(mut self) -> (Farewell, Vec<Entry<Record>>) {
        self.out.send(Message::Stop { flatten: false }).unwrap();
        let farewell = self.thread.take().unwrap().join().unwrap().unwrap();
        let replayed = replay(&self.journal).unwrap();
        assert!(replayed.difference.is_none(), "{}", replayed.difference.unwrap());
        let entries = read(&self.journal).unwrap().records;
        none_missed(&entries);
        (farewell, entries)
    }
}

pub fn candles(entries: &[Entry<Record>]) -> Vec<Candle> {
    let candle = |entry: &Entry<Record>| match &entry.record {
        Record::Candle { candle } => Some(*candle),
        _ => None,
    };
    entries.iter().filter_map(candle).collect()
}

/// Each candle is there once, in order, and was decided on.
#[track_caller]
pub fn none_missed(entries: &[Entry<Record>]) {
    let candles = candles(entries);
    // The market itself stood still for an hour and a half, on March 24.
    let there = crate::support::candles(crate::support::BTC_5M);
    for pair in candles.windows(2) {
        let row = there.first_at_or_after(pair[0].open_time);
        assert_eq!(pair[1].open_time, there.open_time[row + 1]);
    }
    let decided = entries.iter().filter_map(|entry| match &entry.record {
        Record::Decision(decision) => Some(decision.candle),
        _ => None,
    });
    assert!(decided.eq(candles.iter().map(|candle| candle.open_time)));
}
