//! What the benches and `examples/bench_run.rs` share: synthetic candles, the two workloads as settings, as
//! hand-written loops (the floor), and as native strategies.
//!
//! - W1: `ma_crossover` with its defaults (fast 10, slow 50).
//! - W2: `breakout` with entry 20, exit 10, no volume filter, no ATR stop, a stop of 2 % and a target of 4 %.
//!
//! Both: long only, commission 10 bps a side, 10,000 at the start, 95 % of equity, decided at the close, filled
//! at the next open, no slippage.

use mista::engine::{DataHandler, EntryWish, Intents, Moment, Settings, Strategy, StrategyFault};
use mista::model::{Candle, Candles, Direction};
use std::sync::Arc;

/// The SplitMix64 generator: tiny, seedable, the same on every machine.
struct SplitMix64(u64);

impl SplitMix64 {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Uniform in [0, 1).
    fn uniform(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// About normal, mean 0 and deviation 1: a sum of twelve uniforms. No transcendental function, so that the
    /// candles are the same bytes everywhere.
    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.uniform()).sum::<f64>() - 6.0
    }
}

const MINUTE_MS: i64 = 60_000;
/// 2021-01-01T00:00Z.
const START_MS: i64 = 1_609_459_200_000;

/// One-minute candles of a random walk with changing volatility and short trends. Fewer candles are a prefix
/// of more.
///
/// The trends (half-life about 14 candles) make up for the commissions of thousands of trades, and a weak pull
/// to the first price keeps a long series in range: without them every account is empty long before the end,
/// and there is nothing to compare. A candle opens `gap_bps` (deviation) from the close before: at 0 a fill at
/// the close and one at the next open have the same price, so engines that set a stop from the close and from
/// the fill agree.
pub fn candles(rows: usize, gap_bps: f64) -> Candles {
    let mut random = SplitMix64(20_210_101);
    let cents = |price: f64| (price * 100.0).round() / 100.0;
    let mut made = Candles::with_capacity(rows);
    let (first, mut close) = (30_000.0, 30_000.0);
    let (mut volatility, mut drift) = (1.0, 0.0);
    for row in 0..rows {
        let gap = random.normal() * gap_bps * 1e-4;
        let open = cents(close * (1.0 + gap));
        volatility = f64::max(0.3, volatility + 0.02 * (1.0 - volatility) + 0.04 * random.normal());
        drift = 0.95 * drift + 0.0002 * 0.312_25 * random.normal();
        let deviation = 0.0012 * volatility;
        let pull = 3e-6 * (1.0 - close / first);
        close = cents(open * (1.0 + drift + pull + deviation * random.normal().clamp(-5.0, 5.0)));
        let reach = |random: &mut SplitMix64| 0.4 * deviation * random.normal().abs();
        let high = cents(open.max(close) * (1.0 + reach(&mut random)));
        let low = cents(open.min(close) * (1.0 - reach(&mut random)));
        let volume = (2_000_000.0 * volatility * (0.5 + random.uniform())).round() / 1000.0;
        let open_time = START_MS + MINUTE_MS * row as i64;
        let close_time = open_time + MINUTE_MS - 1;
        made.push(Candle { open_time, close_time, open, high, low, close, volume });
    }
    made
}

/// What a loop or a run did.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Result {
    pub trades: usize,
    pub equity: f64,
}

const FEE: f64 = 0.001;
const SIZE: f64 = 0.95;

/// Cash and one long position: all the bookkeeping the hand-written loops do. Every close is marked into an
/// equity curve, as the engine does.
struct Account {
    cash: f64,
    quantity: f64,
    trades: usize,
    curve: Vec<f64>,
}

impl Account {
    fn new(rows: usize) -> Account {
        Account { cash: 10_000.0, quantity: 0.0, trades: 0, curve: Vec::with_capacity(rows) }
    }

    fn buy(&mut self, price: f64) {
        self.quantity = self.cash * SIZE / price;
        self.cash -= self.quantity * price * (1.0 + FEE);
    }

    fn sell(&mut self, price: f64) {
        self.cash += self.quantity * price * (1.0 - FEE);
        self.quantity = 0.0;
        self.trades += 1;
    }

    fn mark(&mut self, close: f64) {
        self.curve.push(self.cash + self.quantity * close);
    }

    fn end(mut self, close: f64) -> Result {
        if self.quantity > 0.0 {
            self.sell(close);
        }
        std::hint::black_box(&self.curve);
        Result { trades: self.trades, equity: self.cash }
    }
}

/// W1 by hand, averages in the same pass: the floor.
pub fn floor_w1(candles: &Candles) -> Result {
    const FAST: usize = 10;
    const SLOW: usize = 50;
    let rows = candles.len();
    let (open, close) = (&candles.open[..rows], &candles.close[..rows]);
    let mut slow: f64 = close[..SLOW].iter().sum();
    let mut fast: f64 = close[SLOW - FAST..SLOW].iter().sum();
    let mut above = fast * 0.1 > slow * 0.02;
    let mut account = Account::new(rows);
    account.curve.resize(SLOW, account.cash);
    let (mut buy, mut sell) = (false, false);
    for row in SLOW..rows {
        if buy {
            account.buy(open[row]);
        } else if sell {
            account.sell(open[row]);
        }
        (buy, sell) = (false, false);
        slow += close[row] - close[row - SLOW];
        fast += close[row] - close[row - FAST];
        let now = fast * 0.1 > slow * 0.02;
        if now != above {
            buy = now && account.quantity == 0.0;
            sell = !now && account.quantity > 0.0;
            above = now;
        }
        account.mark(close[row]);
    }
    account.end(close[rows - 1])
}

/// Extreme of the last `N` values of `sign × value`, as they are shown one by one: the value is looked for again
/// only when it leaves the window.
struct Highest<const N: usize> {
    sign: f64,
    value: f64,
    at: usize,
}

impl<const N: usize> Highest<N> {
    fn new(sign: f64) -> Self {
        Highest { sign, value: f64::NEG_INFINITY, at: 0 }
    }

    fn show(&mut self, column: &[f64], row: usize) {
        let value = self.sign * column[row];
        if value >= self.value {
            (self.value, self.at) = (value, row);
        } else if self.at + N <= row {
            self.value = f64::NEG_INFINITY;
            for (at, &value) in column.iter().enumerate().take(row + 1).skip(row + 1 - N) {
                let value = self.sign * value;
                if value >= self.value {
                    (self.value, self.at) = (value, at);
                }
            }
        }
    }

    fn get(&self) -> f64 {
        self.sign * self.value
    }
}

/// W2 by hand: the floor.
pub fn floor_w2(candles: &Candles) -> Result {
    const ENTRY: usize = 20;
    let rows = candles.len();
    let (open, close) = (&candles.open[..rows], &candles.close[..rows]);
    let (high, low) = (&candles.high[..rows], &candles.low[..rows]);
    let (mut highest, mut lowest) = (Highest::<ENTRY>::new(1.0), Highest::<10>::new(-1.0));
    for row in 0..ENTRY {
        highest.show(high, row);
        lowest.show(low, row);
    }
    let mut account = Account::new(rows);
    account.curve.resize(ENTRY, account.cash);
    let (mut buy, mut sell, mut stop, mut target) = (false, false, 0.0, 0.0);
    for row in ENTRY..rows {
        if buy {
            account.buy(open[row]);
            (stop, target) = (open[row] * (1.0 - 0.02), open[row] * (1.0 + 0.04));
        } else if sell {
            account.sell(open[row]);
        }
        if account.quantity > 0.0 {
            if low[row] <= stop {
                account.sell(stop.min(open[row]));
            } else if high[row] >= target {
                account.sell(target.max(open[row]));
            }
        }
        let held = account.quantity > 0.0;
        buy = !held && close[row] > highest.get();
        sell = held && close[row] < lowest.get();
        account.mark(close[row]);
        highest.show(high, row);
        lowest.show(low, row);
    }
    account.end(close[rows - 1])
}

/// Asks for nothing: what is left is the engine's own cost.
pub struct Nothing;

impl Strategy for Nothing {
    fn on_candle(
        &mut self,
        _data: &DataHandler,
        _moment: &Moment<'_>,
        _intents: &mut Intents,
    ) -> std::result::Result<(), StrategyFault> {
        Ok(())
    }
}

/// The rules of W1 over the script's own columns: fast, slow.
pub struct NativeW1 {
    note: Arc<str>,
}

/// The rules of W2 over the script's own columns: entry_high, entry_low, exit_low.
pub struct NativeW2 {
    note: Arc<str>,
}

impl NativeW1 {
    pub fn new() -> Self {
        NativeW1 { note: Arc::from("") }
    }
}

impl NativeW2 {
    pub fn new() -> Self {
        NativeW2 { note: Arc::from("") }
    }
}

fn enter(intents: &mut Intents, note: &Arc<str>) {
    intents.touched = true;
    intents.entry = Some(EntryWish { direction: Direction::Long, note: note.clone() });
}

fn exit(intents: &mut Intents, note: &Arc<str>) {
    intents.touched = true;
    intents.exit = Some(note.clone());
}

impl Strategy for NativeW1 {
    fn on_candle(
        &mut self,
        data: &DataHandler,
        moment: &Moment<'_>,
        intents: &mut Intents,
    ) -> std::result::Result<(), StrategyFault> {
        let row = moment.row;
        let [fast, slow, ..] = data.columns() else { return Ok(()) };
        let (fast, slow) = (fast.values(), slow.values());
        let (fast, fast_before, slow, slow_before) = (fast[row], fast[row - 1], slow[row], slow[row - 1]);
        if fast_before <= slow_before && fast > slow && moment.position.is_none() {
            enter(intents, &self.note);
        } else if fast_before >= slow_before && fast < slow && moment.position.is_some() {
            exit(intents, &self.note);
        }
        Ok(())
    }
}

impl Strategy for NativeW2 {
    fn on_candle(
        &mut self,
        data: &DataHandler,
        moment: &Moment<'_>,
        intents: &mut Intents,
    ) -> std::result::Result<(), StrategyFault> {
        let row = moment.row;
        let [entry_high, _, exit_low, ..] = data.columns() else { return Ok(()) };
        let close = data.candles().close[row];
        if moment.position.is_some() {
            if close < exit_low.values()[row - 1] {
                exit(intents, &self.note);
            }
        } else if close > entry_high.values()[row - 1] {
            enter(intents, &self.note);
        }
        Ok(())
    }
}

/// One of the two workloads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Workload {
    W1,
    W2,
}

impl Workload {
    pub fn script(self) -> &'static str {
        match self {
            Workload::W1 => "ma_crossover",
            Workload::W2 => "breakout",
        }
    }

    /// Parameters that differ from the script's defaults.
    pub fn parameters(self) -> &'static [(&'static str, f64)] {
        match self {
            Workload::W1 => &[],
            Workload::W2 => &[
                ("volume_factor", 0.0),
                ("atr_stop", 0.0),
                ("stop_loss_pct", 0.02),
                ("take_profit_pct", 0.04),
            ],
        }
    }

    pub fn floor(self, candles: &Candles) -> Result {
        match self {
            Workload::W1 => floor_w1(candles),
            Workload::W2 => floor_w2(candles),
        }
    }
}

/// A script of the repository with the parameters given, and its columns over the candles.
pub fn prepared(
    name: &str,
    parameters: &[(&str, f64)],
    candles: &Arc<Candles>,
) -> (mista::script::Script, Settings, DataHandler) {
    use mista::script::{Script, Value, Written};
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("strategies/{name}.rhai"));
    let mut script = Script::load(&path).unwrap_or_else(|error| panic!("{error}"));
    let mut values = script.parameters();
    for &(name, value) in parameters {
        let written = Written::Value(Value::Float(value));
        values.set(name, &written).unwrap_or_else(|error| panic!("{error}"));
    }
    script.prepare(&values).unwrap_or_else(|error| panic!("{error}"));
    let settings = Settings {
        symbol: "SYNTH".to_owned(),
        rules: values.rules("SYNTH"),
        limits: values.limits(),
        ..Settings::default()
    };
    let data = script.data(&settings.rules, &mista::engine::ColumnCache::new(candles.clone()));
    (script, settings, data)
}
