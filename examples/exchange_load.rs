//! `cargo run --release --example exchange_load -- [MINUTES] [ORDERS_PER_SECOND] [SUBSCRIBERS]`: the local exchange
//! under load, in a process of its own. Ten accounts place and cancel orders; each has a user stream; everybody
//! else listens to klines and best prices. Counted: every event of every order, in its order, without a gap;
//! every kline; the time an order takes; the exchange's memory. Ends with 1 if anything is missing.
//!
//! Defaults: 10 minutes, 1,000 orders a second, 500 subscribers. Memory is read from /proc, so on Linux only.

use futures_util::{SinkExt, StreamExt};
use mista::venues::binance::sign::{Credentials, signed_query, websocket_payload};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Message;

type Fault = Box<dyn std::error::Error + Send + Sync>;

const ACCOUNTS: usize = 10;

/// What one order has brought so far: its execution types, in the order of arrival.
#[derive(Default)]
struct Seen {
    sent: Option<Instant>,
    types: Vec<String>,
}

#[derive(Default)]
struct Account {
    orders: Mutex<HashMap<String, Seen>>,
    last_execution: AtomicU64,
    events: AtomicU64,
    out_of_order: AtomicU64,
    /// From sending an order to its first event, in µs.
    to_event: Mutex<Vec<u32>>,
    /// From sending an order to its answer, in µs.
    to_answer: Mutex<Vec<u32>>,
    placed: AtomicU64,
    refused: AtomicU64,
    first_refusal: Mutex<Option<String>>,
}

#[derive(Default)]
struct Streams {
    frames: AtomicU64,
    klines: AtomicU64,
    faults: AtomicU64,
    ended: AtomicU64,
}

fn now_ms() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis()
}

fn micros(since: Instant) -> u32 {
    u32::try_from(since.elapsed().as_micros()).unwrap_or(u32::MAX)
}

fn param(name: &str, value: impl ToString) -> (String, String) {
    (name.to_owned(), value.to_string())
}

/// Ends the exchange however this ends.
struct Exchange(Child);

impl Drop for Exchange {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Exchange {
    fn start() -> Result<(Exchange, String), Fault> {
        let own = std::env::current_exe()?;
        let folder = own.parent().and_then(Path::parent).ok_or("no folder of binaries")?;
        let binary = folder.join("mista");
        let mut child = Command::new(&binary)
            .args(["exchange", "--json", "--port", "0", "--speed", "600", "--limits", "100000"])
            .args(["--balance", "USDT=100000000", "--balance", "BTC=10000"])
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{}: {error}; build it: cargo build --release", binary.display()))?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().ok_or("no output")?).read_line(&mut line)?;
        let told: Value = serde_json::from_str(&line)?;
        let rest = told["rest"].as_str().ok_or("no address in what the exchange printed")?;
        Ok((Exchange(child), rest.trim_start_matches("http://").to_owned()))
    }

    /// Resident memory in kB.
    fn memory(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.0.id())).ok()?;
        let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
        line.split_whitespace().nth(1)?.parse().ok()
    }
}

fn key(account: usize) -> (String, String) {
    let number = if account == 0 { String::new() } else { (account + 1).to_string() };
    (format!("stubkey{number}"), format!("stubsecret{number}"))
}

/// Follows klines and best prices; each closed kline must follow the one before.
async fn subscriber(address: Arc<str>, streams: Arc<Streams>) {
    let url = format!("ws://{address}/stream?streams=btcusdt@kline_1m/btcusdt@bookTicker/btcusdt@miniTicker");
    let Ok((mut socket, _)) = connect_async(&url).await else {
        streams.faults.fetch_add(1, Relaxed);
        return;
    };
    let (mut next_open, mut last_update) = (None, 0);
    while let Some(Ok(message)) = socket.next().await {
        let Message::Text(text) = message else { continue };
        streams.frames.fetch_add(1, Relaxed);
        let Ok(frame) = serde_json::from_str::<Value>(&text) else {
            streams.faults.fetch_add(1, Relaxed);
            continue;
        };
        let data = &frame["data"];
        if data["k"]["x"] == true {
            streams.klines.fetch_add(1, Relaxed);
            let (open, close) = (data["k"]["t"].as_i64(), data["k"]["T"].as_i64());
            if next_open.is_some() && next_open != open {
                streams.faults.fetch_add(1, Relaxed);
            }
            next_open = close.map(|close| close + 1);
        } else if let Some(update) = data["u"].as_u64() {
            if update <= last_update {
                streams.faults.fetch_add(1, Relaxed);
            }
            last_update = update;
        }
    }
    streams.ended.fetch_add(1, Relaxed);
}

async fn user_stream(address: Arc<str>, number: usize, account: Arc<Account>) -> Result<(), Fault> {
    let (name, secret) = key(number);
    let credentials = Credentials::hmac(&name, &secret)?;
    let (mut socket, _) = connect_async(format!("ws://{address}/ws-api/v3")).await?;
    let mut params = vec![param("apiKey", &name), param("timestamp", now_ms())];
    let signature = credentials.sign(&websocket_payload(&params))?;
    params.push(param("signature", signature));
    let params: serde_json::Map<String, Value> =
        params.into_iter().map(|(name, value)| (name, Value::String(value))).collect();
    let request = json!({ "id": 1, "method": "userDataStream.subscribe.signature", "params": params });
    socket.send(Message::text(request.to_string())).await?;
    while let Some(message) = socket.next().await {
        let Message::Text(text) = message? else { continue };
        let frame: Value = serde_json::from_str(&text)?;
        let event = &frame["event"];
        if event["e"] != "executionReport" {
            continue;
        }
        account.events.fetch_add(1, Relaxed);
        let execution = event["I"].as_u64().unwrap_or(0);
        if account.last_execution.swap(execution, Relaxed) >= execution {
            account.out_of_order.fetch_add(1, Relaxed);
        }
        // A cancel has a name of its own; the order's stands beside it.
        let original = event["C"].as_str().filter(|name| !name.is_empty());
        let name = original.or(event["c"].as_str()).unwrap_or_default().to_owned();
        let kind = event["x"].as_str().unwrap_or_default().to_owned();
        let mut orders = account.orders.lock().unwrap_or_else(|it| it.into_inner());
        let seen = orders.entry(name).or_default();
        if let (Some(sent), true) = (seen.sent, seen.types.is_empty()) {
            account.to_event.lock().unwrap_or_else(|it| it.into_inner()).push(micros(sent));
        }
        seen.types.push(kind);
    }
    Ok(())
}

struct Trader {
    http: reqwest::Client,
    address: Arc<str>,
    credentials: Credentials,
    account: Arc<Account>,
}

impl Trader {
    async fn send(&self, method: reqwest::Method, params: Vec<(String, String)>) -> Result<Value, Fault> {
        let mut params = params;
        params.push(param("timestamp", now_ms()));
        let query = signed_query(&params, &self.credentials)?;
        let call = self.http.request(method, format!("http://{}/api/v3/order?{query}", self.address));
        let answer = call.header("X-MBX-APIKEY", self.credentials.api_key()).send().await?;
        let (status, body) = (answer.status(), answer.bytes().await?);
        match status.is_success() {
            true => Ok(serde_json::from_slice(&body)?),
            false => Err(format!("{status}: {}", String::from_utf8_lossy(&body)).into()),
        }
    }

    /// One order: at the market, or one that rests and is cancelled.
    async fn order(self: Arc<Self>, number: u64, name: String) {
        let side = if number.is_multiple_of(2) { "BUY" } else { "SELL" };
        let mut params = vec![param("symbol", "BTCUSDT"), param("side", side), param("quantity", "0.001")];
        let rests = number % 4 == 2;
        if rests {
            params.extend([param("type", "LIMIT"), param("timeInForce", "GTC"), param("price", "10000")]);
        } else {
            params.push(param("type", "MARKET"));
        }
        params.push(param("newClientOrderId", &name));
        let sent = Instant::now();
        self.account
            .orders
            .lock()
            .unwrap_or_else(|it| it.into_inner())
            .entry(name.clone())
            .or_default()
            .sent = Some(sent);
        let placed = self.send(reqwest::Method::POST, params).await;
        self.account.to_answer.lock().unwrap_or_else(|it| it.into_inner()).push(micros(sent));
        let outcome = match placed {
            Ok(_) if rests => {
                let params = vec![param("symbol", "BTCUSDT"), param("origClientOrderId", &name)];
                self.send(reqwest::Method::DELETE, params).await.map(drop)
            }
            other => other.map(drop),
        };
        match outcome {
            Ok(()) => {
                self.account.placed.fetch_add(1, Relaxed);
            }
            Err(fault) => {
                self.account.refused.fetch_add(1, Relaxed);
                let mut first = self.account.first_refusal.lock().unwrap_or_else(|it| it.into_inner());
                first.get_or_insert_with(|| fault.to_string());
            }
        }
    }

    async fn run(self: Arc<Self>, per_second: u64, end: Instant, label: usize) {
        let mut ticks = interval(Duration::from_micros(1_000_000 / per_second.max(1)));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let mut number = 0;
        let mut running = tokio::task::JoinSet::new();
        while Instant::now() < end {
            ticks.tick().await;
            number += 1;
            running.spawn(self.clone().order(number, format!("load-{label}-{number}")));
            while running.try_join_next().is_some() {}
        }
        while running.join_next().await.is_some() {}
    }
}

fn percentile(sorted: &[u32], part: f64) -> f64 {
    let index = ((sorted.len() as f64 - 1.0).max(0.0) * part) as usize;
    sorted.get(index).map_or(0.0, |micros| f64::from(*micros) / 1000.0)
}

fn show(what: &str, mut times: Vec<u32>) {
    times.sort_unstable();
    println!(
        "{what}: p50 {:.2} ms, p99 {:.2} ms, p99.9 {:.2} ms, most {:.2} ms ({} of them)",
        percentile(&times, 0.5),
        percentile(&times, 0.99),
        percentile(&times, 0.999),
        percentile(&times, 1.0),
        times.len()
    );
}

#[tokio::main]
async fn main() -> Result<(), Fault> {
    let numbers: Vec<f64> = std::env::args().skip(1).map(|text| text.parse()).collect::<Result<_, _>>()?;
    let minutes = numbers.first().copied().unwrap_or(10.0);
    let per_second = numbers.get(1).copied().unwrap_or(1000.0) as u64;
    let subscribers = numbers.get(2).copied().unwrap_or(500.0) as usize;

    // Nothing here is encrypted, but the client wants to know how it would be.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let (exchange, address) = Exchange::start()?;
    let address: Arc<str> = address.into();
    let streams = Arc::new(Streams::default());
    for _ in 0..subscribers {
        tokio::spawn(subscriber(address.clone(), streams.clone()));
    }
    let accounts: Vec<Arc<Account>> = (0..ACCOUNTS).map(|_| Arc::new(Account::default())).collect();
    for (number, account) in accounts.iter().enumerate() {
        tokio::spawn(user_stream(address.clone(), number, account.clone()));
    }
    sleep(Duration::from_secs(3)).await;

    let end = Instant::now() + Duration::from_secs_f64(minutes * 60.0);
    let mut traders = tokio::task::JoinSet::new();
    for (number, account) in accounts.iter().enumerate() {
        let (name, secret) = key(number);
        let trader = Arc::new(Trader {
            http: reqwest::Client::builder().no_proxy().build()?,
            address: address.clone(),
            credentials: Credentials::hmac(&name, &secret)?,
            account: account.clone(),
        });
        traders.spawn(trader.run(per_second / ACCOUNTS as u64, end, number));
    }
    println!(
        "{subscribers} subscribers, {ACCOUNTS} accounts, {per_second} orders a second, {minutes} minutes"
    );
    println!("minute  orders  frames to subscribers  memory kB");
    let mut minute = 0;
    let started = Instant::now();
    while Instant::now() < end {
        let next = started + Duration::from_secs(60 * (minute + 1));
        sleep(next.min(end).saturating_duration_since(Instant::now())).await;
        minute += 1;
        let placed: u64 = accounts.iter().map(|account| account.placed.load(Relaxed)).sum();
        let frames = streams.frames.load(Relaxed);
        println!("{minute:>6}  {placed:>6}  {frames:>21}  {:>9}", exchange.memory().unwrap_or(0));
    }
    let _ = timeout(Duration::from_secs(30), async { while traders.join_next().await.is_some() {} }).await;
    sleep(Duration::from_secs(2)).await;

    let mut wrong = 0;
    let (mut events, mut orders) = (0, 0);
    let (mut to_event, mut to_answer) = (Vec::new(), Vec::new());
    for account in &accounts {
        let seen = account.orders.lock().unwrap_or_else(|it| it.into_inner());
        let whole = |seen: &Seen| {
            let types: Vec<&str> = seen.types.iter().map(String::as_str).collect();
            matches!(types.as_slice(), ["NEW", "TRADE"] | ["NEW", "CANCELED"])
        };
        wrong += seen.values().filter(|seen| !whole(seen)).count();
        orders += seen.len();
        events += account.events.load(Relaxed);
        wrong += account.out_of_order.load(Relaxed) as usize + account.refused.load(Relaxed) as usize;
        if let Some(refusal) = &*account.first_refusal.lock().unwrap_or_else(|it| it.into_inner()) {
            println!("refused: {refusal}");
        }
        to_event.append(&mut account.to_event.lock().unwrap_or_else(|it| it.into_inner()));
        to_answer.append(&mut account.to_answer.lock().unwrap_or_else(|it| it.into_inner()));
    }
    let elapsed = started.elapsed().as_secs_f64();
    println!("{orders} orders ({:.0} a second), {events} events of accounts", orders as f64 / elapsed);
    show("order to its answer", to_answer);
    show("order to its first event", to_event);
    println!(
        "subscribers: {} frames, {} closed klines, {} faults, {} cut off",
        streams.frames.load(Relaxed),
        streams.klines.load(Relaxed),
        streams.faults.load(Relaxed),
        streams.ended.load(Relaxed)
    );
    wrong += (streams.faults.load(Relaxed) + streams.ended.load(Relaxed)) as usize;
    println!("{wrong} orders or frames lost, repeated, out of order or refused");
    drop(exchange);
    if wrong > 0 {
        std::process::exit(1);
    }
    Ok(())
}
