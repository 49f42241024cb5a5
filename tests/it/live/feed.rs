//! The feed of candles over connections that break in all their ways: what is handed on are the candles of the file,
//! each once, in order, none left out.

use super::led::{endpoints, runtime};
use futures_util::future::{Either, select};
use mista::live::client_manager::{ClientManager, ClientSettings};
use mista::live::message::Message;
use mista::model::Candle;
use mista::venues::binance::socket::SocketSettings;
use mista::venues::local::accounts::{default_accounts, flat_rates};
use mista::venues::local::listing::usual_rules;
use mista::venues::local::market::{Series, SeriesRow};
use mista::venues::local::pace::Speed;
use mista::venues::local::{HISTORY, Handle, Listing, LocalConfig, LocalExchange};
use mista::venues::rules::ExchangeFilters;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde_json::json;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::pin::pin;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

const FIRST: i64 = 1_700_006_400_000;
const MINUTE: i64 = 60_000;
/// Candles before the market begins.
const BEFORE: i64 = 120;
/// 24 hours.
const CANDLES: i64 = 1_440;
/// More than anything here takes.
const LONG: Duration = Duration::from_secs(30);

fn row(index: i64) -> SeriesRow {
    // Prices that no other candle has.
    let open = Decimal::new(2_000_000 + (index * 7_919) % 10_007, 2);
    let close = Decimal::new(2_000_000 + ((index + 1) * 7_919) % 10_007, 2);
    let open_time = FIRST + index * MINUTE;
    SeriesRow {
        open_time,
        close_time: open_time + MINUTE - 1,
        open,
        high: open.max(close) + Decimal::new(index % 50 + 1, 2),
        low: open.min(close) - Decimal::new(index % 30 + 1, 2),
        close,
        volume: Decimal::new(1_000 + index, 3),
        quote_volume: None,
        trades: Some(10),
        taker_buy_base: None,
        taker_buy_quote: None,
    }
}

fn candle(index: i64) -> Candle {
    let row = row(index);
    let f64 = |value: Decimal| value.to_f64().unwrap();
    Candle {
        open_time: row.open_time,
        close_time: row.close_time,
        open: f64(row.open),
        high: f64(row.high),
        low: f64(row.low),
        close: f64(row.close),
        volume: f64(row.volume),
    }
}

async fn exchange() -> Handle {
    let mut series = Series::new("BTCUSDT", "1m".parse().unwrap());
    (0..BEFORE + CANDLES).for_each(|index| series.push(&row(index)).unwrap());
    let rules = usual_rules("BTCUSDT", "BTC", "USDT", Decimal::new(1, 2), Decimal::new(1, 5));
    let config = LocalConfig {
        address: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0),
        listings: vec![Listing { rules, series }],
        accounts: default_accounts(&[], flat_rates(Decimal::TEN), None),
        slippage_bps: 0.0,
        filters: ExchangeFilters::default(),
        start: FIRST + BEFORE * MINUTE,
        end: None,
        speed: Speed::Max,
        is_paused: true,
        limits_factor: 1e6,
        chaos: None,
        history: HISTORY,
    };
    LocalExchange::start(config).await.unwrap()
}

/// What stands between the client and the exchange does with what passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Pass = 0,
    /// The connection stays open, and nothing passes any more.
    Stall = 1,
    /// Pings pass, and nothing else.
    Mute = 2,
    /// The next frame passes in part, and then the connection is gone.
    Tear = 3,
}

/// Between the client and the exchange's streams. A mode holds for the connections that are there, not for later ones.
struct Proxy {
    address: SocketAddr,
    links: Arc<Mutex<Vec<Link>>>,
}

struct Link {
    mode: Arc<AtomicU8>,
    cut: watch::Sender<bool>,
}

impl Proxy {
    async fn start(target: SocketAddr) -> Proxy {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let links: Arc<Mutex<Vec<Link>>> = Arc::default();
        let kept = links.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let Ok(server) = TcpStream::connect(target).await else { continue };
                let mode = Arc::new(AtomicU8::new(Mode::Pass as u8));
                let (cut, is_cut) = watch::channel(false);
                kept.lock().unwrap().push(Link { mode: mode.clone(), cut });
                tokio::spawn(link(client, server, mode, is_cut));
            }
        });
        Proxy { address, links }
    }

    fn set(&self, mode: Mode) {
        for link in self.links.lock().unwrap().iter() {
            link.mode.store(mode as u8, Ordering::SeqCst);
        }
    }

    fn cut(&self) {
        for link in self.links.lock().unwrap().drain(..) {
            let _ = link.cut.send(true);
        }
    }
}

async fn link(client: TcpStream, server: TcpStream, mode: Arc<AtomicU8>, mut is_cut: watch::Receiver<bool>) {
    client.set_nodelay(true).unwrap();
    server.set_nodelay(true).unwrap();
    let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
    let up = pin!(async { pass_up(from_client, to_server, &mode).await });
    let down = pin!(async { pass_down(from_server, to_client, &mode).await });
    let both = select(up, down);
    let cut = pin!(is_cut.wait_for(|cut| *cut));
    select(both, cut).await;
}

fn is(mode: &AtomicU8, other: Mode) -> bool {
    mode.load(Ordering::SeqCst) == other as u8
}

/// Reads up to the end of the head of the handshake.
async fn head(from: &mut (impl AsyncRead + Unpin)) -> Option<Vec<u8>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(from.read_u8().await.ok()?);
    }
    Some(head)
}

/// A frame with its head, and what kind it is.
async fn frame(from: &mut (impl AsyncRead + Unpin)) -> Option<(u8, Vec<u8>)> {
    let mut bytes = vec![0; 2];
    from.read_exact(&mut bytes).await.ok()?;
    let kind = bytes[0] & 0x0f;
    let more = match bytes[1] & 0x7f {
        126 => 2,
        127 => 8,
        _ => 0,
    };
    let mut length = u64::from(bytes[1] & 0x7f);
    if more > 0 {
        let mut long = vec![0; more];
        from.read_exact(&mut long).await.ok()?;
        length = long.iter().fold(0, |length, byte| length << 8 | u64::from(*byte));
        bytes.extend(long);
    }
    let mask = if bytes[1] & 0x80 > 0 { 4 } else { 0 };
    let mut rest = vec![0; mask + length as usize];
    from.read_exact(&mut rest).await.ok()?;
    bytes.extend(rest);
    Some((kind, bytes))
}

const PONG: u8 = 0x0a;

async fn pass_up(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mode: &AtomicU8,
) -> Option<()> {
    to.write_all(&head(&mut from).await?).await.ok()?;
    loop {
        let (kind, bytes) = frame(&mut from).await?;
        // They answer pings that the exchange has not sent.
        if kind != PONG && !is(mode, Mode::Stall) {
            to.write_all(&bytes).await.ok()?;
        }
    }
}

async fn pass_down(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mode: &AtomicU8,
) -> Option<()> {
    to.write_all(&head(&mut from).await?).await.ok()?;
    let (frames, mut queue) = tokio::sync::mpsc::channel::<(u8, Vec<u8>)>(64);
    let read = pin!(async move {
        while let Some(frame) = frame(&mut from).await {
            if frames.send(frame).await.is_err() {
                return;
            }
        }
    });
    let write = pin!(async move {
        loop {
            match timeout(Duration::from_millis(40), queue.recv()).await {
                Ok(None) => return None,
                Ok(Some(_)) | Err(_) if is(mode, Mode::Stall) => {}
                // A lively exchange.
                Err(_) => to.write_all(&[0x89, 0]).await.ok()?,
                Ok(Some((kind, _))) if is(mode, Mode::Mute) && kind < 8 => {}
                Ok(Some((_, bytes))) if is(mode, Mode::Tear) => {
                    to.write_all(&bytes[..bytes.len() / 2]).await.ok()?;
                    return None;
                }
                Ok(Some((_, bytes))) => to.write_all(&bytes).await.ok()?,
            }
        }
    });
    match select(read, write).await {
        Either::Left(_) => None,
        Either::Right((end, _)) => end,
    }
}

/// What was handed on so far.
struct Heard {
    inbox: Receiver<Message>,
    candles: Vec<Candle>,
    generation: u64,
    downs: BTreeMap<String, u64>,
}

impl Heard {
    fn take(&mut self) {
        while let Ok(message) = self.inbox.try_recv() {
            match message {
                Message::Candle(candle) => self.candles.push(candle),
                Message::FeedUp { generation } => self.generation = generation,
                Message::FeedDown { why } => *self.downs.entry(kind_of(&why)).or_default() += 1,
                Message::Trade { .. } | Message::Warning(_) => {}
                Message::Fatal(text) => panic!("{text}"),
                _ => panic!("that is not of a feed"),
            }
        }
    }

    async fn until(&mut self, what: &str, is_so: impl Fn(&Heard) -> bool) {
        let since = Instant::now();
        loop {
            self.take();
            if is_so(self) {
                return;
            }
            assert!(
                since.elapsed() < LONG,
                "{what}: generation {}, {} candles",
                self.generation,
                self.candles.len()
            );
            sleep(Duration::from_millis(1)).await;
        }
    }
}

/// Without the numbers of this one.
fn kind_of(why: &str) -> String {
    why.chars().filter(|c| !c.is_ascii_digit()).collect()
}

const FAULTS: [&str; 7] = ["cut", "tear", "stall", "notice", "disconnect", "mute", "cut twice"];

/// Breaks the connection this often in 24 hours of 1m candles.
async fn day(faults: i64) {
    let own = exchange().await;
    let proxy = Proxy::start(own.address()).await;
    let mut endpoints = endpoints(own.address());
    endpoints.streams = format!("ws://{}", proxy.address);
    let pause = Duration::from_millis(5);
    let settings = ClientSettings {
        endpoints,
        credentials: None,
        symbol: "BTCUSDT".to_owned(),
        interval: "1m".to_owned(),
        recv_window: Duration::from_secs(1),
        answer_timeout: Duration::from_secs(10),
        own_time: true,
        trades: true,
        socket: SocketSettings {
            silence: Duration::from_millis(400),
            pause_first: pause,
            pause_most: 4 * pause,
            ..SocketSettings::default()
        },
        connects: 1_000_000,
        silence: Duration::from_millis(100),
    };
    let client = Arc::new(ClientManager::connect(settings).await.unwrap());
    let before = client.candles(None, usize::MAX).await.unwrap();
    assert_eq!(before, (0..BEFORE).map(candle).collect::<Vec<_>>());
    let (outbox, inbox) = channel();
    let feed = tokio::spawn(client.feed(before.last().map(|candle| candle.close_time), outbox));
    let mut heard = Heard { inbox, candles: Vec::new(), generation: 0, downs: BTreeMap::new() };
    heard.until("the first connection", |heard| heard.generation > 0).await;
    let step = async |candles: i64| {
        own.control("POST", "step", &json!({ "candles": candles })).await.unwrap();
    };
    let post = async |path: &str, body| {
        own.control("POST", path, &body).await.unwrap();
    };
    let mut stepped = 0;
    for fault in 0..faults {
        let due = (fault + 1) * (CANDLES - 2) / faults;
        let generation = heard.generation;
        let what = FAULTS[fault as usize % FAULTS.len()];
        match what {
            "cut" | "cut twice" => proxy.cut(),
            "tear" => proxy.set(Mode::Tear),
            "stall" => proxy.set(Mode::Stall),
            "mute" => proxy.set(Mode::Mute),
            "notice" => post("shutdown-notice", json!({})).await,
            "disconnect" => post("disconnect", json!({ "kind": "streams" })).await,
            _ => unreachable!(),
        }
        // Some of it while there is no connection, some once there is one again.
        let now = (due - stepped + 1) / 2;
        if now > 0 {
            step(now).await;
        }
        if what == "cut twice" {
            proxy.cut();
        }
        if what == "tear" || what == "mute" {
            // A frame to tear, and something that is not heard.
            post("step", json!({ "steps": 1 })).await;
        }
        heard.until(what, |heard| heard.generation > generation).await;
        if due - stepped - now > 0 {
            step(due - stepped - now).await;
        }
        stepped = due;
    }
    loop {
        let state = own.control("POST", "step", &json!({ "candles": 1, "brief": true })).await.unwrap();
        if state["ended"] == true {
            break;
        }
    }
    heard.until("the last candle", |heard| heard.candles.len() >= CANDLES as usize).await;
    sleep(Duration::from_millis(50)).await;
    heard.take();
    feed.abort();
    assert_eq!(heard.candles.len(), CANDLES as usize);
    for (index, got) in heard.candles.iter().enumerate() {
        assert_eq!(*got, candle(BEFORE + index as i64), "candle {index}");
    }
    assert!(heard.generation > faults as u64, "{}", heard.generation);
    eprintln!(
        "{faults} faults, {} connections, {} candles, each once and in order; {:?}",
        heard.generation,
        heard.candles.len(),
        heard.downs
    );
    own.shutdown().await;
}

#[test]
fn each_candle_comes_once_over_connections_that_break() {
    runtime().block_on(day(63));
}

#[test]
#[ignore = "minutes: 1,000 broken connections"]
fn each_candle_comes_once_over_a_thousand_broken_connections() {
    runtime().block_on(day(1_001));
}
