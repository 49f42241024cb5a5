//! Exchanges to fetch from, on loopback sockets: the local one, and one that says whatever a test wants.

use mista::data::{LoadOptions, load_series};
use mista::venues::local::listing::{grid, split, usual_rules};
use mista::venues::local::pace::Speed;
use mista::venues::local::{HISTORY, Handle, Listing, LocalConfig, LocalExchange};
use mista::venues::rules::ExchangeFilters;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::sync::{Arc, Mutex};
use tokio::runtime::Runtime;

/// The local exchange at the end of its candles, in this process.
pub struct Served {
    runtime: Runtime,
    handle: Handle,
    pub url: String,
}

impl Served {
    pub fn start(files: &[(&str, &Path)], chaos: Option<u64>) -> Served {
        let listings: Vec<Listing> = files
            .iter()
            .map(|(symbol, path)| {
                let series = load_series(path, symbol, &LoadOptions::default()).unwrap().series;
                let (base, quote) = split(symbol).unwrap();
                let (tick, step) = grid(symbol, series.price_decimals(), series.base_decimals());
                Listing { rules: usual_rules(symbol, base, quote, tick, step), series }
            })
            .collect();
        let start = listings.iter().map(|it| *it.series.open_times().last().unwrap()).max().unwrap();
        let config = LocalConfig {
            address: SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 0),
            listings,
            accounts: Vec::new(),
            slippage_bps: 0.0,
            filters: ExchangeFilters::default(),
            start,
            end: None,
            speed: Speed::Max,
            is_paused: true,
            limits_factor: 1.0,
            chaos,
            history: HISTORY,
        };
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let runtime = runtime.unwrap();
        let handle = runtime.block_on(LocalExchange::start(config)).unwrap();
        let url = format!("http://{}", handle.address());
        let served = Served { runtime, handle, url };
        served.control("step", &json!({ "until": start + 7 * 86_400_000 }));
        served
    }

    pub fn control(&self, path: &str, body: &Value) -> Value {
        self.runtime.block_on(self.handle.control("POST", path, body)).unwrap()
    }

    /// What the exchange counts of weight in this minute, by its own header.
    pub fn weight(&self) -> u64 {
        // Where things go wrong, an answer may be missing.
        let mut answers = std::iter::repeat_with(|| get(&self.url, "/api/v3/ping")).flatten().take(10);
        let count = answers.find_map(|head| {
            let line = head.lines().find_map(|line| line.strip_prefix("x-mbx-used-weight-1m: "));
            line.and_then(|count| count.trim().parse().ok())
        });
        count.expect("an answer that says how much is used")
    }
}

/// The head of an answer, if there is one.
fn get(url: &str, path: &str) -> Option<String> {
    let mut socket = std::net::TcpStream::connect(url.strip_prefix("http://").unwrap()).unwrap();
    write!(socket, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    std::io::Read::read_to_string(&mut socket, &mut text).ok()?;
    let (head, _) = text.split_once("\r\n\r\n")?;
    Some(head.to_lowercase())
}

/// A question about klines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked {
    pub start: i64,
    pub end: i64,
    pub limit: i64,
}

/// What to say to it: a status and a body.
pub type Say = dyn Fn(usize, Asked) -> (u16, String) + Send + Sync;

/// Answers questions about klines as told, all others as it should.
pub struct Scripted {
    pub url: String,
    pub asked: Arc<Mutex<Vec<Asked>>>,
}

impl Scripted {
    pub fn start(say: Box<Say>) -> Scripted {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let (log, say): (_, Arc<Say>) = (asked.clone(), say.into());
        std::thread::spawn(move || {
            for socket in listener.incoming() {
                let (log, say) = (log.clone(), say.clone());
                std::thread::spawn(move || {
                    let mut socket = socket.unwrap();
                    let mut lines = BufReader::new(socket.try_clone().unwrap()).lines();
                    let first = lines.next().unwrap().unwrap();
                    while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
                    let target = first.split(' ').nth(1).unwrap().to_owned();
                    let (status, body) = answer(&target, &log, &*say);
                    // A length of its own says where the body should end, so that it can be cut off.
                    let (length, body) = match body.strip_suffix("<cut>") {
                        Some(body) => (body.len() + 100, body.to_owned()),
                        None => (body.len(), body),
                    };
                    let _ = write!(
                        socket,
                        "HTTP/1.1 {status} x\r\nContent-Length: {length}\r\nX-MBX-USED-WEIGHT-1M: 7\r\n\
                         Connection: close\r\n\r\n{body}"
                    );
                });
            }
        });
        Scripted { url, asked }
    }
}

fn answer(target: &str, log: &Mutex<Vec<Asked>>, say: &Say) -> (u16, String) {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    match path {
        "/api/v3/time" => {
            let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
            (200, json!({ "serverTime": now.as_millis() as u64 }).to_string())
        }
        "/api/v3/exchangeInfo" => {
            let limit = json!({
                "rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 6000
            });
            let info = json!({
                "timezone": "UTC", "serverTime": 0, "rateLimits": [limit], "exchangeFilters": [], "symbols": []
            });
            (200, info.to_string())
        }
        "/api/v3/klines" => {
            let value = |name: &str| {
                let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
                pairs.filter(|(key, _)| *key == name).map(|(_, value)| value.parse().unwrap()).next().unwrap()
            };
            let asked = Asked { start: value("startTime"), end: value("endTime"), limit: value("limit") };
            let count = {
                let mut log = log.lock().unwrap();
                log.push(asked);
                log.len()
            };
            say(count, asked)
        }
        _ => (404, "not here".to_owned()),
    }
}
