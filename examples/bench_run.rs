//! CPU time of one part of a run, as one line of JSON: what `benches/peers/compare.py` and callgrind look at.
//!
//! ```text
//! bench_run candles ROWS FILE.csv [GAP_BPS]       write synthetic candles
//! bench_run W1|W2|NAME PART FILE.csv|ROWS [REPETITIONS]
//! ```
//! NAME is one of the scripts in `strategies/`. PART is `script` (engine and script, compiled where it can be), `native` (the same rules as a
//! native strategy), `engine` (a strategy that asks for nothing), `floor` (a hand-written loop, no engine),
//! `run` (script with the indicator columns it reads), `backtest` (that and the metrics: what a user waits for once the
//! candles are loaded), `columns` (all its indicator columns alone), `whole` (columns and `native`), `metrics` (the figures of a `native` run), `grid` (W3:
//! the script and its figures over 100 combinations with shared columns, per candle and combination) or `load` (the
//! candle file). Without REPETITIONS the part runs for about a second of CPU time.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, dead_code)]

#[path = "../benches/common/mod.rs"]
mod common;

use common::{NativeW1, NativeW2, Nothing, Result, Workload};
use mista::backtest::{Backtest, Outcome};
use mista::data::{LoadOptions, load};
use mista::engine::{ColumnCache, DataHandler, Settings, Strategy};
use mista::model::Candles;
use mista::optimize::overfitting::ReturnSums;
use mista::report::Metrics;
use mista::script::{Script, Value, Written};
use std::hint::black_box;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

/// CPU seconds this process has used, all threads, user and system. Linux counts them in ticks of 10 ms: a part is
/// repeated for so long that one tick is about 1 %.
fn cpu_s() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").expect("CPU time is read from /proc: Linux only");
    let after_name = text.rsplit(')').next().unwrap();
    let fields: Vec<&str> = after_name.split_whitespace().collect();
    let ticks: u64 = [fields[11], fields[12]].iter().map(|field| field.parse::<u64>().unwrap()).sum();
    ticks as f64 / 100.0
}

fn write_candles(rows: usize, path: &str, gap_bps: f64) {
    let mut file = std::io::BufWriter::new(std::fs::File::create(path).unwrap());
    writeln!(file, "open_time,open,high,low,close,volume").unwrap();
    for c in common::candles(rows, gap_bps).iter() {
        writeln!(file, "{},{},{},{},{},{}", c.open_time, c.open, c.high, c.low, c.close, c.volume).unwrap();
    }
    file.flush().unwrap();
}

fn result(outcome: &Outcome) -> Result {
    Result { trades: outcome.trades.len(), equity: outcome.equity.last().copied().unwrap_or(f64::NAN) }
}

fn run<S: Strategy>(strategy: &mut S, settings: &Settings, data: &DataHandler) -> Outcome {
    let rows = 0..data.candles().len();
    Backtest { settings, data, rows, detail: None }.run(strategy).unwrap_or_else(|fault| panic!("{fault}"))
}

fn native(workload: Workload, settings: &Settings, data: &DataHandler) -> Outcome {
    match workload {
        Workload::W1 => run(&mut NativeW1::new(), settings, data),
        Workload::W2 => run(&mut NativeW2::new(), settings, data),
    }
}

/// Fast 5..50 step 5 × slow 60..240 step 20; what a trial of a search keeps is computed of each.
fn grid(script: &mut Script, settings: &Settings, candles: &Arc<Candles>) -> Result {
    let cache = ColumnCache::new(candles.clone());
    let mut room = Vec::new();
    let mut all = Result::default();
    for fast in (5..=50).step_by(5) {
        for slow in (60..=240).step_by(20) {
            let mut parameters = script.parameters();
            for (name, value) in [("fast_period", fast), ("slow_period", slow)] {
                parameters.set(name, &Written::Value(Value::Int(value))).unwrap();
            }
            script.prepare(&parameters).unwrap();
            let data = script.data(&settings.rules, &cache);
            let rows = 0..candles.len();
            let backtest = Backtest { settings, data: &data, rows, detail: None };
            let outcome = backtest.run_in(script, room).unwrap_or_else(|fault| panic!("{fault}"));
            black_box(Metrics::of(&outcome, candles));
            black_box(ReturnSums::of(outcome.initial_balance, &outcome.equity));
            let one = result(&outcome);
            all = Result { trades: all.trades + one.trades, equity: all.equity.max(one.equity) };
            room = outcome.equity;
        }
    }
    all
}

/// Repeats a part and returns its last result, the CPU seconds of one repetition, and how many there were.
fn timed(repetitions: Option<usize>, mut part: impl FnMut() -> Result) -> (Result, f64, usize) {
    if repetitions.is_none() {
        part();
    }
    let start = cpu_s();
    let mut done = 0;
    loop {
        let result = part();
        done += 1;
        let enough = match repetitions {
            Some(wanted) => done >= wanted,
            // Looking at the clock costs microseconds: not after each of many short repetitions.
            None => (done < 8 || done % 16 == 0) && cpu_s() - start >= 1.0,
        };
        if enough {
            return (result, (cpu_s() - start) / done as f64, done);
        }
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    if let ["candles", rows, path, rest @ ..] = arguments.as_slice() {
        let gap_bps = rest.first().map_or(0.0, |gap| gap.parse().unwrap());
        return write_candles(rows.parse().unwrap(), path, gap_bps);
    }
    let [name, part, source, rest @ ..] = arguments.as_slice() else {
        eprintln!(
            "bench_run W1|W2|NAME script|native|engine|floor|run|backtest|columns|whole|metrics|grid|load FILE.csv|ROWS [REPETITIONS]"
        );
        std::process::exit(2);
    };
    let repetitions = rest.first().map(|text| text.parse().unwrap());
    let workload = match *name {
        "W1" => Some(Workload::W1),
        "W2" => Some(Workload::W2),
        _ => None,
    };
    let (script_name, parameters) = workload.map_or((*name, &[][..]), |w| (w.script(), w.parameters()));
    let read = |path: &str| load(Path::new(path), &LoadOptions::default()).unwrap().candles;
    let candles: Arc<Candles> = match source.parse() {
        Ok(rows) => Arc::new(common::candles(rows, 0.0)),
        Err(_) => read(source),
    };
    let (mut script, settings, data) = common::prepared(script_name, parameters, &candles);
    let (done, cpu_s, repetitions) = match *part {
        "script" => timed(repetitions, || result(&run(&mut script, &settings, &data))),
        "native" => {
            let workload = workload.expect("native: W1 or W2");
            timed(repetitions, || result(&native(workload, &settings, &data)))
        }
        "whole" => {
            let workload = workload.expect("whole: W1 or W2");
            timed(repetitions, || {
                let data = script.data(&settings.rules, &ColumnCache::new(candles.clone()));
                result(&native(workload, &settings, &data))
            })
        }
        "columns" => timed(repetitions, || {
            let data = script.data(&settings.rules, &ColumnCache::new(candles.clone()));
            data.columns().iter().for_each(|column| _ = black_box(column.values()));
            Result::default()
        }),
        "metrics" => {
            let outcome = native(workload.expect("metrics: W1 or W2"), &settings, &data);
            timed(repetitions, || {
                black_box(Metrics::of(black_box(&outcome), &candles));
                result(&outcome)
            })
        }
        "grid" => timed(repetitions, || grid(&mut script, &settings, &candles)),
        "engine" => timed(repetitions, || result(&run(&mut Nothing, &settings, &data))),
        "floor" => {
            let workload = workload.expect("floor: W1 or W2");
            timed(repetitions, || workload.floor(black_box(&candles)))
        }
        "run" => timed(repetitions, || {
            script.release();
            let data = script.data(&settings.rules, &ColumnCache::for_one_run(candles.clone()));
            result(&run(&mut script, &settings, &data))
        }),
        "backtest" => timed(repetitions, || {
            script.release();
            let data = script.data(&settings.rules, &ColumnCache::for_one_run(candles.clone()));
            let outcome = run(&mut script, &settings, &data);
            black_box(Metrics::of(&outcome, &candles));
            result(&outcome)
        }),
        "load" => timed(repetitions, || {
            black_box(read(source));
            Result::default()
        }),
        other => panic!("no part called {other}"),
    };
    let rows = candles.len() * if *part == "grid" { 100 } else { 1 };
    println!(
        "{{\"name\":\"{name}\",\"part\":\"{part}\",\"candles\":{rows},\"repetitions\":{repetitions},\"cpu_s\":{cpu_s:.9},\
         \"ns_per_candle\":{:.3},\"candles_per_cpu_s\":{:.0},\"trades\":{},\"final_equity\":{}}}",
        cpu_s * 1e9 / rows as f64,
        rows as f64 / cpu_s,
        done.trades,
        done.equity,
    );
}
