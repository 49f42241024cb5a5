//! What a candle costs, part by part: `cargo bench --bench engine`. Criterion measures wall time, so on a busy
//! machine compare parts of one run with each other; `examples/bench_run.rs` counts CPU time.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, dead_code)]

mod common;

use common::{NativeW1, NativeW2, Nothing, Workload};
use criterion::{BenchmarkId, Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use mista::backtest::{Backtest, Outcome};
use mista::data::{LoadOptions, load};
use mista::engine::{ColumnCache, DataHandler, Settings, Strategy};
use mista::indicators::{Given, Source, Spec, definition};
use mista::model::{Candles, Price};
use mista::report::Metrics;
use std::hint::black_box;
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

const ROWS: usize = 100_000;
const STRATEGIES: [&str; 7] =
    ["bollinger_reversion", "breakout", "hybrid", "ma_crossover", "mean_reversion", "momentum", "scalping"];

fn synthetic() -> Arc<Candles> {
    Arc::new(common::candles(ROWS, 0.0))
}

fn run<S: Strategy>(strategy: &mut S, settings: &Settings, data: &DataHandler) -> Outcome {
    let rows = 0..data.candles().len();
    Backtest { settings, data, rows, detail: None }.run(strategy).unwrap_or_else(|fault| panic!("{fault}"))
}

/// Floor (no engine), engine alone, and the same rules as a native strategy.
fn engine(criterion: &mut Criterion) {
    let candles = synthetic();
    let mut group = criterion.benchmark_group("engine");
    group.throughput(Throughput::Elements(ROWS as u64)).sampling_mode(SamplingMode::Flat);
    for workload in [Workload::W1, Workload::W2] {
        let (_, settings, data) = common::prepared(workload.script(), workload.parameters(), &candles);
        let id = |part: &str| BenchmarkId::new(part, format!("{workload:?}"));
        group.bench_function(id("floor"), |b| b.iter(|| workload.floor(black_box(&candles))));
        group.bench_function(id("no_trades"), |b| b.iter(|| run(&mut Nothing, &settings, &data)));
        group.bench_function(id("native"), |b| match workload {
            Workload::W1 => b.iter(|| run(&mut NativeW1::new(), &settings, &data)),
            Workload::W2 => b.iter(|| run(&mut NativeW2::new(), &settings, &data)),
        });
    }
    group.finish();
}

/// One candle through the interpreter.
fn script(criterion: &mut Criterion) {
    let candles = synthetic();
    let mut group = criterion.benchmark_group("script");
    group.throughput(Throughput::Elements(ROWS as u64)).sampling_mode(SamplingMode::Flat);
    group.sample_size(10).measurement_time(Duration::from_secs(3));
    let workloads = [Workload::W1, Workload::W2].map(|w| (format!("{w:?}"), w.script(), w.parameters()));
    let scripts = STRATEGIES.map(|name| (name.to_owned(), name, &[][..]));
    for (id, name, parameters) in workloads.into_iter().chain(scripts) {
        let (mut script, settings, data) = common::prepared(name, parameters, &candles);
        group.bench_function(id, |b| b.iter(|| run(&mut script, &settings, &data)));
    }
    group.finish();
}

/// One column, computed from the candles.
fn indicators(criterion: &mut Criterion) {
    let candles = synthetic();
    let close = Given::Source(Source::Price(Price::Close));
    let high = Given::Source(Source::Price(Price::High));
    let columns: [(&str, Vec<Given>); 6] = [
        ("sma", vec![close.clone(), Given::Integer(50)]),
        ("ema", vec![close.clone(), Given::Integer(50)]),
        ("rsi", vec![close.clone(), Given::Integer(14)]),
        ("atr", vec![Given::Integer(14)]),
        ("bollinger", vec![close, Given::Integer(20), Given::Real(2.0)]),
        ("highest", vec![high, Given::Integer(20)]),
    ];
    let mut group = criterion.benchmark_group("indicators");
    group.throughput(Throughput::Elements(ROWS as u64)).sampling_mode(SamplingMode::Flat);
    for (name, given) in columns {
        let spec = Arc::new(Spec::new(definition(name).unwrap(), given).unwrap());
        group.bench_function(name, |b| {
            b.iter(|| {
                let cache = ColumnCache::new(candles.clone());
                cache.columns(&spec).next().map(|column| column.values().len())
            });
        });
    }
    group.finish();
}

/// What comes before and after the loop: the candle file, the figures.
fn around(criterion: &mut Criterion) {
    let candles = synthetic();
    let mut group = criterion.benchmark_group("around");
    group.throughput(Throughput::Elements(ROWS as u64)).sampling_mode(SamplingMode::Flat).sample_size(20);
    let workload = Workload::W1;
    let (_, settings, data) = common::prepared(workload.script(), workload.parameters(), &candles);
    let outcome = run(&mut NativeW1::new(), &settings, &data);
    group.bench_function("metrics", |b| b.iter(|| Metrics::of(&outcome, &candles)));

    let mut file = tempfile::Builder::new().suffix("_1m.csv").tempfile().unwrap();
    let mut text = String::from("open_time,open,high,low,close,volume\n");
    for c in candles.iter() {
        text += &format!("{},{},{},{},{},{}\n", c.open_time, c.open, c.high, c.low, c.close, c.volume);
    }
    file.write_all(text.as_bytes()).unwrap();
    group.bench_function("load_csv", |b| b.iter(|| load(file.path(), &LoadOptions::default()).unwrap()));
    group.finish();
}

criterion_group!(benches, engine, script, indicators, around);
criterion_main!(benches);
