//! How long a running trader pauses for a swap: `cargo run --release --example bench_swap`. What takes a script's
//! place is judged elsewhere; the trader only compiles it again.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use mista::data::{LoadOptions, load};
use mista::engine::Settings;
use mista::live::candidate::{Candidate, Snapshot};
use mista::script::{STACK, Script, Texts};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

const STRATEGIES: [&str; 7] =
    ["bollinger_reversion", "breakout", "hybrid", "ma_crossover", "mean_reversion", "momentum", "scalping"];
const TIMES: usize = 1_000;

fn main() {
    std::thread::Builder::new().stack_size(STACK).spawn(measure).unwrap().join().unwrap();
}

fn measure() {
    let candles = load(Path::new("data/1h/BTCUSDT_1h.csv"), &LoadOptions::default()).unwrap().candles;
    let candles = Arc::new(candles.slice(0..1_000));
    for name in STRATEGIES {
        let script = Script::load(Path::new(&format!("strategies/{name}.rhai"))).unwrap();
        let texts = script.texts();
        let edited = Texts { source: format!("{}\n// edited\n", texts.source), ..texts.clone() };
        let parameters = script.parameters();
        let written = parameters.written().map(|entry| (entry.name.clone(), entry.value.clone()));
        let snapshot = Snapshot {
            texts,
            parameters: written.collect(),
            slots: script.slots(),
            candles: candles.clone(),
            settings: Settings { symbol: "BTCUSDT".into(), ..Settings::default() },
        };
        let began = Instant::now();
        let candidate = Candidate::prepare(Script::of(&edited).unwrap(), snapshot);
        let judged = began.elapsed();
        let candidate = candidate.map_err(|rejected| rejected.line).unwrap();
        let slots = script.slots();
        let mut took: Vec<Duration> = (0..TIMES)
            .map(|_| {
                let began = Instant::now();
                let script = candidate.script(&slots).map_err(|rejected| rejected.line).unwrap();
                let took = began.elapsed();
                drop(script);
                took
            })
            .collect();
        took.sort();
        let [p50, p99, most] = [TIMES / 2, TIMES * 99 / 100, TIMES - 1].map(|index| took[index]);
        println!("{name:<20} judged in {judged:<12?} ready in p50 {p50:?}, p99 {p99:?}, most {most:?}");
    }
}
