//! `cargo run --release --example soak -- [HOURS] [SPEED] [SEED]`: three traders, a process and a symbol each, on a
//! local exchange where things go wrong, for a day of the market at 60 times its pace. Every minute: how much memory
//! and how many files each has. At the end, whether that was still growing. Ends with 1 if it was, or if one of the
//! traders ended.
//!
//! Defaults: 24 hours of the market, 60 seconds of it in a second, seed 1; that is 24 minutes. The program is the
//! `mista` that was built with the same profile: `cargo build --release` first. Memory and files are read from /proc, so
//! on Linux only.

use mista::rehearsal::{RehearsalOptions, Start};
use mista::venues::local::LocalExchange;
use mista::venues::local::pace::Speed;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

type Fault = Box<dyn std::error::Error + Send + Sync>;

/// The third symbol has the candles of the first: what they are makes no difference here.
const MARKETS: [(&str, &str, &str); 3] = [
    ("BTCUSDT", "data/5m/BTCUSDT_5m.csv", "scalping"),
    ("ETHUSDT", "data/5m/ETHUSDT_5m.csv", "ma_crossover"),
    ("BNBUSDT", "data/5m/BTCUSDT_5m.csv", "momentum"),
];

/// Growth that is none, in kB in an hour of the clock on the wall: candles and the allocator's own ways.
const FLAT: f64 = 4_096.0;

struct Trader {
    name: String,
    child: Child,
    /// Seconds since the start, kB, open files.
    seen: Vec<(f64, f64, usize)>,
}

fn number_of(index: usize, default: f64) -> Result<f64, Fault> {
    match std::env::args().nth(index) {
        Some(text) => Ok(text.parse().map_err(|_| format!("{text}: write a number"))?),
        None => Ok(default),
    }
}

fn program() -> Result<PathBuf, Fault> {
    let examples = std::env::current_exe()?;
    let program = examples.parent().and_then(Path::parent).map(|folder| folder.join("mista"));
    let program = program.filter(|path| path.is_file());
    program.ok_or_else(|| "there is no mista beside the examples: `cargo build --release` first".into())
}

fn memory_kb(pid: u32) -> Option<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

fn files(pid: u32) -> Option<usize> {
    Some(std::fs::read_dir(format!("/proc/{pid}/fd")).ok()?.count())
}

/// kB in an hour, by least squares over the second half.
fn slope(seen: &[(f64, f64, usize)]) -> f64 {
    let half = &seen[seen.len() / 2..];
    let count = half.len().max(1) as f64;
    let (mean_x, mean_y) = half.iter().fold((0.0, 0.0), |(x, y), it| (x + it.0 / count, y + it.1 / count));
    let (above, below) = half.iter().fold((0.0, 0.0), |(above, below), it| {
        (above + (it.0 - mean_x) * (it.1 - mean_y), below + (it.0 - mean_x).powi(2))
    });
    if below > 0.0 { above / below * 3_600.0 } else { 0.0 }
}

impl Trader {
    fn look(&mut self, seconds: f64) -> Result<String, Fault> {
        if let Some(status) = self.child.try_wait()? {
            return Err(format!("{} has ended: {status}", self.name).into());
        }
        let pid = self.child.id();
        let (memory, files) = (memory_kb(pid).ok_or("no /proc")?, files(pid).ok_or("no /proc")?);
        self.seen.push((seconds, memory, files));
        Ok(format!("{} {:>6.1} MB {files:>3} files", self.name, memory / 1_024.0))
    }
}

fn main() -> Result<(), Fault> {
    let (hours, speed, seed) = (number_of(1, 24.0)?, number_of(2, 60.0)?, number_of(3, 1.0)?);
    let lasts = Duration::from_secs_f64(hours * 3_600.0 / speed);
    let program = program()?;
    let folder = PathBuf::from("results/soak");
    std::fs::create_dir_all(&folder)?;
    for inside in ["state", "trades"] {
        if folder.join(inside).exists() {
            std::fs::remove_dir_all(folder.join(inside))?;
        }
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let options = RehearsalOptions {
        data: MARKETS.iter().map(|(symbol, file, _)| format!("{symbol}={file}")).collect(),
        address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        speed: Speed::Times(speed),
        start: Some(Start::At(mista::model::parse_iso("2023-03-25").ok_or("no date")?)),
        chaos: Some(seed as u64),
        ..RehearsalOptions::default()
    };
    let exchange = runtime.block_on(LocalExchange::start(options.load()?.config))?;
    let at = exchange.address();
    let mut traders = Vec::new();
    for (index, (symbol, _, script)) in MARKETS.iter().enumerate() {
        let log = std::fs::File::create(folder.join(format!("{symbol}.log")))?;
        let number = if index == 0 { String::new() } else { (index + 1).to_string() };
        let child = Command::new(&program)
            .args(["trade", &format!("strategies/{script}.rhai"), "--symbol", symbol, "--interval", "5m"])
            .args(["--set", "stop_loss_pct=0.01", "--venue", "local", "--plain", "--bot", symbol])
            .args(["--rest", &format!("http://{at}"), "--streams", &format!("ws://{at}")])
            .args(["--ws-api", &format!("ws://{at}/ws-api/v3")])
            .arg("--state")
            .arg(folder.join("state"))
            .arg("--trades")
            .arg(folder.join("trades"))
            .env("MISTA_API_KEY", format!("stubkey{number}"))
            .env("MISTA_API_SECRET", format!("stubsecret{number}"))
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()?;
        traders.push(Trader { name: (*symbol).to_owned(), child, seen: Vec::new() });
    }
    let began = Instant::now();
    let looked = watch(&mut traders, began, lasts);
    for trader in &mut traders {
        trader.child.kill()?;
        trader.child.wait()?;
    }
    runtime.block_on(exchange.shutdown());
    looked?;
    let mut grows = false;
    for Trader { name, seen, .. } in &traders {
        let slope = slope(seen);
        let half = &seen[seen.len() / 2..];
        let (first, last) = (half.first().map_or(0, |it| it.2), half.last().map_or(0, |it| it.2));
        let is_flat = slope < FLAT && last <= first + 2;
        grows |= !is_flat;
        let verdict = if is_flat { "flat" } else { "GROWS" };
        println!(
            "{name}: {slope:+.0} kB in an hour over the second half, files {first} to {last}: {verdict}"
        );
    }
    println!("Logs and journals are in {}.", folder.display());
    if grows { Err("growing".into()) } else { Ok(()) }
}

/// A line each minute, or more often where it does not last long.
fn watch(traders: &mut [Trader], began: Instant, lasts: Duration) -> Result<(), Fault> {
    let pause = Duration::from_secs(60).min(lasts / 20);
    while began.elapsed() < lasts {
        std::thread::sleep(pause);
        let seconds = began.elapsed().as_secs_f64();
        let told: Result<Vec<String>, Fault> =
            traders.iter_mut().map(|trader| trader.look(seconds)).collect();
        println!("{:>6.1} min  {}", seconds / 60.0, told?.join("   "));
    }
    Ok(())
}
