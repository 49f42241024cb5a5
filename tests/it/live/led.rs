//! Whole sessions in this process: a trader on a local exchange of its own, over real sockets, whose market is moved as
//! fast as the trader keeps up.

use crate::support::{root, script_path};
use mista::engine::Settings;
use mista::live::desk::ProtectionMode;
use mista::live::journal::{Entry, read};
use mista::live::launch::{Plan, WARMUP, launch};
use mista::live::record::Record;
use mista::live::trader::{Farewell, Watcher};
use mista::live::venue::Venue;
use mista::model::{Size, parse_iso};
use mista::rehearsal::{RehearsalOptions, Start};
use mista::script::{STACK, Script, Written};
use mista::venues::binance::endpoints::Endpoints;
use mista::venues::binance::sign::Credentials;
use mista::venues::local::pace::Speed;
use mista::venues::local::{Handle, LocalExchange};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::channel;
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// What is traded.
#[derive(Debug, Clone, Copy)]
pub struct Trading<'a> {
    /// Of a bundled script, or the text of one.
    pub script: &'a str,
    pub data: &'a str,
    pub symbol: &'a str,
    /// First day inclusive, last exclusive; an empty last one is the end of the candles.
    pub days: [&'a str; 2],
    /// `name=value`
    pub set: &'a [&'a str],
    pub size: Size,
    pub protection: ProtectionMode,
    pub slippage_bps: f64,
    pub commission_bps: u32,
}

pub const TRADING: Trading<'static> = Trading {
    script: "breakout",
    data: crate::support::BTC_5M,
    symbol: "BTCUSDT",
    days: ["2023-03-24", ""],
    set: &[],
    size: Size::EquityPct(95.0),
    protection: ProtectionMode::Exchange,
    slippage_bps: 0.0,
    commission_bps: 10,
};

/// A session that has ended.
pub struct Traded {
    pub farewell: Farewell,
    pub journal: PathBuf,
    _folder: TempDir,
}

impl Traded {
    pub fn entries(&self) -> Vec<Entry<Record>> {
        read(&self.journal).unwrap().records
    }
}

pub fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

pub fn endpoints(address: SocketAddr) -> Endpoints {
    Endpoints {
        rest: format!("http://{address}"),
        streams: format!("ws://{address}"),
        ws_api: Some(format!("ws://{address}/ws-api/v3")),
    }
}

pub fn time(day: &str) -> Option<i64> {
    (!day.is_empty()).then(|| parse_iso(day).unwrap())
}

/// An exchange of its own over a part of a file, with a market that stands still.
pub fn exchange(runtime: &Runtime, options: RehearsalOptions) -> Handle {
    let options = RehearsalOptions {
        address: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0),
        is_paused: true,
        limits_factor: 1e5,
        ..options
    };
    runtime.block_on(LocalExchange::start(options.load().unwrap().config)).unwrap()
}

struct Deaf;

impl Watcher for Deaf {
    fn on(&mut self, _n: u64, _at: i64, _record: &Record) {}
}

/// Loads the script with the parameters; returns them too.
fn load(trading: &Trading<'_>) -> (Script, mista::script::Parameters) {
    let mut script = if trading.script.contains('\n') {
        Script::compile("inline.rhai", trading.script, Path::new(".")).unwrap()
    } else {
        Script::load(&script_path(trading.script)).unwrap()
    };
    let mut parameters = script.parameters();
    for assignment in trading.set {
        let (name, value) = assignment.split_once('=').unwrap();
        parameters.set(name, &Written::Text(value.to_owned())).unwrap();
    }
    script.prepare(&parameters).unwrap();
    (script, parameters)
}

/// Trades from the first day to the last.
pub fn trade(trading: Trading<'_>) -> Traded {
    std::thread::scope(|scope| {
        let run = || run(trading);
        std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, run).unwrap().join().unwrap()
    })
}

fn run(trading: Trading<'_>) -> Traded {
    let folder = TempDir::new().unwrap();
    let runtime = runtime();
    let [start, end] = trading.days.map(time);
    let own = exchange(
        &runtime,
        RehearsalOptions {
            data: vec![format!("{}={}", trading.symbol, root().join(trading.data).display())],
            speed: Speed::Max,
            start: start.map(Start::At),
            end,
            slippage_bps: trading.slippage_bps,
            commission_bps: trading.commission_bps.into(),
            ..RehearsalOptions::default()
        },
    );
    let (script, parameters) = load(&trading);
    let mut settings = Settings {
        rules: parameters.rules(trading.symbol),
        limits: parameters.limits(),
        size: trading.size,
        ..Settings::default()
    };
    settings.costs.slippage_bps = trading.slippage_bps;
    let state_folder = folder.path().join("state");
    let journal = state_folder.join("test.journal");
    let plan = Plan {
        begins_anew: false,
        bot: "test".to_owned(),
        venue: Venue::Local,
        endpoints: endpoints(own.address()),
        credentials: Some(Arc::new(Credentials::hmac("stubkey", "stubsecret").unwrap())),
        symbol: trading.symbol.to_owned(),
        interval: if trading.data.contains("1h") { "1h" } else { "5m" }.to_owned(),
        script,
        parameters,
        settings,
        balance: None,
        protection: trading.protection,
        state_folder,
        trades_folder: folder.path().join("trades"),
        is_led: true,
        runtime_config: folder.path().join("none.yaml"),
        notifications: None,
        set_log_level: Box::new(|_| ()),
        swaps: false,
        warmup: WARMUP,
    };
    let farewell = launch(plan, runtime.handle(), channel(), Box::new(Deaf)).unwrap();
    runtime.block_on(own.shutdown());
    runtime.shutdown_background();
    Traded { farewell, journal, _folder: folder }
}
