//! The contract every indicator keeps, run over the whole registry, and the values of TA-Lib.

use super::*;
use crate::model::Price;
use std::sync::Arc;

/// One expression per indicator, and the row in which each of its fields is warm.
const WARM: &[(&str, &[usize])] = &[
    ("sma(close, 20)", &[19]),
    ("ema(close, 20)", &[19]),
    ("wma(close, 20)", &[19]),
    ("dema(close, 10)", &[18]),
    ("tema(close, 10)", &[27]),
    ("kama(close, 10)", &[10]),
    ("trima(close, 10)", &[9]),
    ("hma(close, 16)", &[18]),
    ("rma(close, 14)", &[13]),
    ("rsi(close, 14)", &[14]),
    ("stoch(14, 3, 3)", &[17, 17]),
    ("stoch_rsi(close, 14, 14, 3)", &[29, 29]),
    ("macd(close, 12, 26, 9)", &[33, 33, 33]),
    ("bollinger(close, 20, 2)", &[19, 19, 19, 19, 19]),
    ("keltner(20, 10, 2)", &[19, 19, 19]),
    ("donchian(20)", &[19, 19, 19]),
    ("highest(close, 20)", &[19]),
    ("lowest(close, 20)", &[19]),
    ("atr(14)", &[14]),
    ("natr(14)", &[14]),
    ("true_range()", &[1]),
    ("adx(14)", &[27, 14, 14]),
    ("aroon(14)", &[14, 14, 14]),
    ("cci(20)", &[19]),
    ("willr(14)", &[13]),
    ("mfi(14)", &[14]),
    ("ultosc(7, 14, 28)", &[28]),
    ("roc(close, 10)", &[10]),
    ("mom(close, 10)", &[10]),
    ("trix(close, 5)", &[13]),
    ("ppo(close, 12, 26)", &[25]),
    ("stddev(close, 20)", &[19]),
    ("variance(close, 20)", &[19]),
    ("zscore(close, 20)", &[19]),
    ("linreg(close, 14)", &[13]),
    ("linreg_slope(close, 14)", &[13]),
    ("correlation(close, volume, 20)", &[19]),
    ("obv()", &[0]),
    ("ad()", &[0]),
    ("adosc(3, 10)", &[9]),
    ("cmf(20)", &[19]),
    ("vwap()", &[0]),
    ("psar(0.02, 0.2)", &[1]),
    ("supertrend(10, 3)", &[10, 10]),
    ("ichimoku(9, 26, 52)", &[8, 25, 25, 51]),
    ("heikin_ashi()", &[0, 0, 0, 0]),
    ("percentile(close, 20, 75)", &[19]),
    ("sum(close, 20)", &[19]),
    ("change(close, 10)", &[10]),
];

/// Further parameters: the least ones, equal ones, swapped ones, and indicators of indicators.
const MORE: &[(&str, &[usize])] = &[
    ("sma(close, 1)", &[0]),
    ("ema(close, 1)", &[0]),
    ("wma(close, 1)", &[0]),
    ("dema(close, 1)", &[0]),
    ("tema(close, 1)", &[0]),
    ("kama(close, 1)", &[0]),
    ("trima(close, 1)", &[0]),
    ("trima(close, 7)", &[6]),
    ("hma(close, 2)", &[1]),
    ("hma(close, 3)", &[2]),
    ("rma(close, 1)", &[0]),
    ("rsi(close, 2)", &[2]),
    ("stoch(1, 1, 1)", &[0, 0]),
    ("stoch_rsi(close, 2, 1, 1)", &[2, 2]),
    ("macd(close, 26, 12, 9)", &[33, 33, 33]),
    ("macd(close, 2, 2, 1)", &[1, 1, 1]),
    ("bollinger(close, 2, 0)", &[1, 1, 1, 1, 1]),
    ("keltner(1, 1, 1)", &[1, 1, 1]),
    ("keltner(5, 20, 1)", &[20, 20, 20]),
    ("donchian(2)", &[1, 1, 1]),
    ("atr(1)", &[1]),
    ("natr(1)", &[1]),
    ("adx(2)", &[3, 2, 2]),
    ("aroon(2)", &[2, 2, 2]),
    ("cci(2)", &[1]),
    ("willr(2)", &[1]),
    ("mfi(2)", &[2]),
    ("ultosc(1, 1, 1)", &[1]),
    ("ultosc(28, 7, 14)", &[28]),
    ("trix(close, 1)", &[1]),
    ("ppo(close, 26, 12)", &[25]),
    ("variance(close, 1)", &[0]),
    ("zscore(close, 2)", &[1]),
    ("linreg(close, 2)", &[1]),
    ("correlation(close, open, 1)", &[0]),
    ("adosc(10, 3)", &[9]),
    ("cmf(1)", &[0]),
    ("supertrend(1, 0)", &[1, 1]),
    ("ichimoku(1, 1, 1)", &[0, 0, 0, 0]),
    ("percentile(close, 1, 50)", &[0]),
    ("percentile(close, 20, 0)", &[19]),
    ("percentile(close, 20, 100)", &[19]),
    ("change(close, 1)", &[1]),
    ("sma(atr(14), 100)", &[113]),
    ("stddev(adx(14).adx, 10)", &[36]),
    ("correlation(rsi(close, 14), volume, 20)", &[33]),
    ("bollinger(rsi(close, 14), 20, 2)", &[33, 33, 33, 33, 33]),
];

fn expressions() -> impl Iterator<Item = &'static (&'static str, &'static [usize])> {
    WARM.iter().chain(MORE)
}

// --- expressions ------------------------------------------------------------------------------------------------

/// Splits at the commas outside of parentheses.
fn arguments(text: &str) -> Vec<&str> {
    let (mut depth, mut from, mut parts) = (0, 0, Vec::new());
    for (at, character) in text.char_indices() {
        match character {
            '(' => depth += 1,
            ')' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(text[from..at].trim());
                from = at + 1;
            }
            _ => {}
        }
    }
    if !text[from..].trim().is_empty() {
        parts.push(text[from..].trim());
    }
    parts
}

fn given(text: &str) -> Given {
    if let Some(price) = Price::ALL.into_iter().find(|price| price.name() == text) {
        return Given::Source(Source::Price(price));
    }
    if let Ok(integer) = text.parse() {
        return Given::Integer(integer);
    }
    if let Ok(real) = text.parse() {
        return Given::Real(real);
    }
    let (spec, field) = parse(text);
    Given::Source(Source::Output { spec: Arc::new(spec), field })
}

/// `name(arguments)` or `name(arguments).field`.
fn parse(text: &str) -> (Spec, usize) {
    let (open, close) = (text.find('(').unwrap(), text.rfind(')').unwrap());
    let definition = definition(&text[..open]).unwrap();
    let spec = Spec::new(definition, arguments(&text[open + 1..close]).into_iter().map(given).collect());
    let field = text[close + 1..]
        .strip_prefix('.')
        .map_or(0, |field| definition.fields.iter().position(|name| *name == field).unwrap());
    (spec.unwrap(), field)
}

// --- candles ----------------------------------------------------------------------------------------------------

/// A deterministic walk (xorshift) with flat stretches, candles without range, and candles without volume.
struct Walk {
    state: u64,
    price: f64,
    still: u64,
    row: i64,
}

impl Walk {
    fn new(seed: u64, price: f64) -> Self {
        Walk { state: seed * 0x9E37_79B9 + 1, price, still: 0, row: 0 }
    }

    fn random(&mut self) -> f64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        (self.state >> 11) as f64 / (1u64 << 53) as f64
    }

    fn candles(&mut self, rows: usize) -> Candles {
        (0..rows).map(|_| self.candle()).collect()
    }

    fn candle(&mut self) -> Candle {
        if self.still == 0 && self.random() < 0.01 {
            self.still = 2 + (self.random() * 60.0) as u64;
        }
        let open = self.price;
        let (mut high, mut low, mut volume) = (open, open, 0.0);
        if self.still > 0 {
            self.still -= 1;
        } else {
            self.price *= 1.0 + (self.random() - 0.5) * 0.02;
            high = open.max(self.price) * (1.0 + self.random() * 0.003);
            low = open.min(self.price) * (1.0 - self.random() * 0.003);
            volume = if self.random() < 0.05 { 0.0 } else { self.random() * 100.0 };
        }
        self.row += 1;
        let open_time = self.row * 60_000;
        Candle { open_time, close_time: open_time + 59_999, open, high, low, close: self.price, volume }
    }
}

// --- columns ----------------------------------------------------------------------------------------------------

fn source_column(source: &Source, candles: &Candles) -> Vec<f64> {
    match source {
        Source::Price(price) => candles.iter().map(|candle| price.of(&candle)).collect(),
        Source::Output { spec, field } => columns(spec, candles, candles.len()).swap_remove(*field),
    }
}

/// The columns of an indicator, fed `step` rows at a time.
fn columns(spec: &Spec, candles: &Candles, step: usize) -> Vec<Vec<f64>> {
    let sources: Vec<Vec<f64>> = spec.sources().map(|source| source_column(source, candles)).collect();
    let sources: Vec<&[f64]> = sources.iter().map(Vec::as_slice).collect();
    let mut out = vec![vec![0.0; candles.len()]; spec.definition.fields.len()];
    let mut stream = spec.build();
    let mut from = 0;
    while from < candles.len() {
        let to = (from + step).min(candles.len());
        let mut rows: Vec<&mut [f64]> = out.iter_mut().map(|column| &mut column[from..to]).collect();
        stream.write(candles, &sources, from..to, &mut rows);
        from = to;
    }
    out
}

fn bits(columns: &[Vec<f64>]) -> Vec<Vec<u64>> {
    columns.iter().map(|column| column.iter().map(|value| value.to_bits()).collect()).collect()
}

// --- the contract -----------------------------------------------------------------------------------------------

#[test]
fn the_table_has_every_indicator_once_and_in_order() {
    let names: Vec<&str> = REGISTRY.iter().map(|definition| definition.name).collect();
    let table: Vec<&str> = WARM.iter().map(|(text, _)| &text[..text.find('(').unwrap()]).collect();
    assert_eq!(names, table);
}

#[test]
fn each_field_is_warm_in_its_row_and_stays_so() {
    for price in [1e-6, 1.0, 1e5] {
        let candles = Walk::new(1, price).candles(2000);
        for (text, rows) in expressions() {
            let (spec, _) = parse(text);
            let columns = columns(&spec, &candles, candles.len());
            assert_eq!(columns.len(), rows.len(), "{text}");
            for ((column, row), field) in columns.iter().zip(*rows).zip(spec.definition.fields) {
                assert_eq!(column.len(), candles.len(), "{text}.{field}");
                assert!(
                    column[..*row].iter().all(|value| value.is_nan()),
                    "{text}.{field} is warm too early"
                );
                let odd = column[*row..].iter().position(|value| !value.is_finite());
                assert_eq!(odd, None, "{text}.{field} has no number {odd:?} rows after it is warm");
            }
        }
    }
}

#[test]
fn without_any_movement_or_volume_there_are_still_numbers() {
    for price in [0.1, 1e-6 / 3.0, 12_345.678] {
        let candles: Candles = (0..300)
            .map(|row| Candle {
                open_time: row * 60_000,
                close_time: row * 60_000 + 59_999,
                open: price,
                high: price,
                low: price,
                close: price,
                volume: 0.0,
            })
            .collect();
        for (text, rows) in expressions() {
            let (spec, _) = parse(text);
            for (column, row) in columns(&spec, &candles, candles.len()).iter().zip(*rows) {
                assert!(column[*row..].iter().all(|value| value.is_finite()), "{text}");
            }
        }
        let last = |text: &str| *columns(&parse(text).0, &candles, 300)[parse(text).1].last().unwrap();
        assert_eq!(last("rsi(close, 14)"), 0.0);
        assert_eq!(last("stddev(close, 20)"), 0.0);
        assert_eq!(last("zscore(close, 20)"), 0.0);
        assert_eq!(last("cmf(20)"), 0.0);
        assert_eq!(last("vwap()"), Price::Hlc3.of(&candles.get(0)));
        assert_eq!(last("bollinger(close, 20, 2).percent_b"), 0.5);
        assert_eq!(last("correlation(close, open, 20)"), 0.0);
    }
}

#[test]
fn one_row_at_a_time_gives_the_same_bits_as_all_at_once() {
    // Long enough for several pieces of a column.
    let candles = Walk::new(2, 30_000.0).candles(2_500);
    for (text, _) in expressions() {
        let (spec, _) = parse(text);
        let whole = bits(&columns(&spec, &candles, candles.len()));
        for step in [1, 7, 64] {
            assert_eq!(whole, bits(&columns(&spec, &candles, step)), "{text} by {step}");
        }
    }
}

#[test]
fn sums_and_extremes_are_the_same_bits_where_values_leap_or_stand_still() {
    let mut candles = Walk::new(6, 30_000.0).candles(20_000);
    for row in 0..candles.len() {
        let factor = match row {
            5_000..5_010 => 1e6,
            7_000..7_500 => 1e-9,
            9_000..9_002 => 0.0,
            11_000..13_000 => -1.0,
            14_000..17_000 => 1.9 - row as f64 % 2.0,
            _ => 1.0,
        };
        candles.close[row] *= factor;
        if (3_000..3_200).contains(&row) || (18_000..18_400).contains(&row) {
            candles.close[row] = 30_000.1;
        }
    }
    for n in [1, 2, 3, 10, 50, 300, 512, 513, 1_024, 1_500] {
        // Of one value there is a mean, but no sum or extreme to speak of.
        let texts = if n == 1 { &["sma"][..] } else { &["sma", "sum", "highest", "lowest"] };
        for text in texts {
            let (spec, _) = parse(&format!("{text}(close, {n})"));
            let by_one = bits(&columns(&spec, &candles, 1));
            for rows in [candles.len(), 2 * n - 1, 2 * n, 2 * n + 1] {
                assert!(by_one == bits(&columns(&spec, &candles, rows)), "{text} of {n}, {rows} at a time");
            }
        }
    }
}

#[test]
fn a_fresh_instance_gives_the_same_bits_again() {
    let candles = Walk::new(3, 2.0).candles(400);
    for (text, _) in expressions() {
        let (spec, _) = parse(text);
        let first = bits(&columns(&spec, &candles, 400));
        assert_eq!(first, bits(&columns(&spec, &candles, 400)), "{text}");
    }
}

#[test]
fn too_few_candles_give_no_value_and_no_panic() {
    for rows in 0..4 {
        let candles = Walk::new(4, 2.0).candles(rows);
        for (text, warm) in expressions() {
            for (column, warm) in columns(&parse(text).0, &candles, 1).iter().zip(*warm) {
                assert_eq!(
                    column.iter().filter(|value| !value.is_nan()).count(),
                    rows.saturating_sub(*warm),
                    "{text}"
                );
            }
        }
    }
}

#[test]
fn periods_below_the_least_are_refused() {
    for definition in REGISTRY {
        for (at, parameter) in definition.parameters.iter().enumerate() {
            let Parameter::Period { least, .. } = *parameter else { continue };
            let arguments = |n: usize| {
                let value = |(index, parameter): (usize, &Parameter)| match *parameter {
                    Parameter::Source => Given::Source(Source::Price(Price::Close)),
                    Parameter::Period { .. } if index == at => Given::Integer(n as i64),
                    Parameter::Period { least, .. } => Given::Integer(least as i64),
                    Parameter::Real { least, .. } => Given::Real(least),
                };
                definition.parameters.iter().enumerate().map(value).collect()
            };
            assert!(Spec::new(definition, arguments(least)).is_ok(), "{}", definition.signature());
            assert!(Spec::new(definition, arguments(least - 1)).is_err(), "{}", definition.signature());
            assert!(Spec::new(definition, arguments(PERIOD_MAX + 1)).is_err(), "{}", definition.signature());
        }
    }
}

#[test]
fn signatures_name_two_sources_apart() {
    assert_eq!(definition("correlation").unwrap().signature(), "correlation(a, b, n)");
    assert_eq!(definition("sma").unwrap().signature(), "sma(src, n)");
}

// --- drift ------------------------------------------------------------------------------------------------------

/// Indicators whose value depends on a window alone, so that a fresh instance must agree with an old one.
const WINDOWED: &[&str] = &[
    "sma(close, 20)",
    "wma(close, 20)",
    "trima(close, 21)",
    "hma(close, 16)",
    "bollinger(close, 20, 2)",
    "stddev(close, 20)",
    "variance(volume, 50)",
    "zscore(close, 20)",
    "linreg(close, 14)",
    "linreg_slope(close, 14)",
    "correlation(close, volume, 20)",
    "sum(volume, 20)",
    "cci(20)",
    "mfi(14)",
    "ultosc(7, 14, 28)",
    "cmf(20)",
    "stoch(14, 3, 3)",
    "percentile(close, 20, 30)",
    "donchian(20)",
    "aroon(25)",
];

/// After `chunks` of 10,000 candles, a thousandfold spike among the first of them, values must be those of a fresh
/// instance that has seen only the last 200.
fn check_drift(chunks: usize) {
    for text in WINDOWED {
        let (spec, _) = parse(text);
        let mut walk = Walk::new(5, 30_000.0);
        let mut stream = spec.build();
        let mut last = Candles::default();
        let mut old = Vec::new();
        for chunk in 0..chunks {
            // Kept from wandering off to zero or infinity.
            walk.price = walk.price.clamp(3_000.0, 300_000.0);
            let mut candles = walk.candles(10_000);
            if chunk == 0 {
                for row in 500..510 {
                    candles.close[row] *= 1_000.0;
                    candles.high[row] *= 1_000.0;
                    candles.volume[row] *= 1e6;
                }
            }
            let sources: Vec<Vec<f64>> =
                spec.sources().map(|source| source_column(source, &candles)).collect();
            let sources: Vec<&[f64]> = sources.iter().map(Vec::as_slice).collect();
            old = vec![vec![0.0; candles.len()]; spec.definition.fields.len()];
            let mut rows: Vec<&mut [f64]> = old.iter_mut().map(Vec::as_mut_slice).collect();
            stream.write(&candles, &sources, 0..candles.len(), &mut rows);
            last = candles;
        }
        let tail = last.slice(last.len() - 200..last.len());
        let fresh = columns(&spec, &tail, tail.len());
        for (old, fresh) in old.iter().zip(&fresh) {
            let magnitude = fresh[100..].iter().map(|value| value.abs()).sum::<f64>() / 100.0;
            for (old, fresh) in old[old.len() - 100..].iter().zip(&fresh[100..]) {
                let apart = (old - fresh).abs();
                assert!(
                    apart <= 1e-9 * magnitude.max(fresh.abs()),
                    "{text}: {old} after long, {fresh} fresh"
                );
            }
        }
    }
}

#[test]
fn averages_of_equal_values_are_that_value() {
    // A third of three times 3.69635 is another number.
    for price in [3.69635, 0.1, 64_999.7, 1e-8 / 3.0] {
        let mut candles = Walk::new(3, price).candles(400);
        candles.close[100..250].fill(price);
        for n in [2, 3, 4, 6, 9, 35, 100] {
            for name in ["sma", "wma", "trima"] {
                let (spec, _) = parse(&format!("{name}(close, {n})"));
                for step in [1, 7, candles.len()] {
                    let average = columns(&spec, &candles, step).swap_remove(0);
                    let is_it = |value: &f64| *value == price;
                    assert!(average[100 + n - 1..250].iter().all(is_it), "{spec} of {price}");
                    assert!(average[250] != price, "{spec}");
                }
            }
        }
    }
}

#[test]
fn values_do_not_drift() {
    check_drift(5);
}

#[test]
#[ignore = "ten million candles through twenty indicators: ten seconds in a release build"]
fn values_do_not_drift_in_ten_million_candles() {
    check_drift(1_000);
}

// --- known values -----------------------------------------------------------------------------------------------

/// Columns of TA-Lib 0.8.1, made by `tests/talib/compare.py --fixture tests/fixtures/talib`.
#[test]
fn values_are_those_of_ta_lib() {
    let read = |text: &str| {
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let names: Vec<String> = reader.headers().unwrap().iter().map(str::to_string).collect();
        let rows: Vec<Vec<f64>> = reader
            .records()
            .map(|row| row.unwrap().iter().map(|cell| cell.parse().unwrap_or(f64::NAN)).collect())
            .collect();
        (names, rows)
    };
    let (_, rows) = read(include_str!("../../tests/fixtures/talib/candles.csv"));
    let candles: Candles = rows
        .iter()
        .map(|row| Candle {
            open_time: row[0] as i64,
            close_time: row[0] as i64 + 3_599_999,
            open: row[1],
            high: row[2],
            low: row[3],
            close: row[4],
            volume: row[5],
        })
        .collect();
    let (names, expected) = read(include_str!("../../tests/fixtures/talib/expected.csv"));
    assert!(names.len() > 100);
    for (index, name) in names.iter().enumerate() {
        let (spec, field) = parse(name);
        let ours = &columns(&spec, &candles, candles.len())[field];
        let theirs: Vec<f64> = expected.iter().map(|row| row[index]).collect();
        let warm: Vec<f64> = theirs.iter().copied().filter(|value| !value.is_nan()).collect();
        let magnitude = warm.iter().map(|value| value.abs()).sum::<f64>() / warm.len() as f64;
        for (row, (ours, theirs)) in ours.iter().zip(&theirs).enumerate() {
            assert_eq!(ours.is_nan(), theirs.is_nan(), "{name} row {row}");
            if !theirs.is_nan() {
                let apart = (ours - theirs).abs();
                assert!(
                    apart <= 1e-9 * magnitude.max(theirs.abs()),
                    "{name} row {row}: {ours}, TA-Lib {theirs}"
                );
            }
        }
    }
}

#[test]
fn values_without_ta_lib_follow_their_formulas() {
    let price = |open: f64, high: f64, low: f64, close: f64, volume: f64, hour: i64| Candle {
        open_time: hour * 3_600_000,
        close_time: hour * 3_600_000 + 3_599_999,
        open,
        high,
        low,
        close,
        volume,
    };
    let candles: Candles = [
        price(10.0, 12.0, 9.0, 11.0, 0.0, 22),
        price(11.0, 13.0, 11.0, 12.0, 2.0, 23),
        price(12.0, 12.0, 12.0, 12.0, 0.0, 24),
        price(12.0, 15.0, 9.0, 9.0, 4.0, 25),
        price(9.0, 10.0, 8.0, 10.0, 4.0, 26),
    ]
    .into_iter()
    .collect();
    let check = |text: &str, expected: &[f64]| {
        let (spec, field) = parse(text);
        let column = columns(&spec, &candles, candles.len()).swap_remove(field);
        for (row, (value, expected)) in column.iter().zip(expected).enumerate() {
            let same = (value.is_nan() && expected.is_nan()) || (value - expected).abs() < 1e-12;
            assert!(same, "{text} row {row}: {value}, expected {expected}");
        }
    };
    const N: f64 = f64::NAN;
    check("change(close, 2)", &[N, N, 1.0, -3.0, -2.0]);
    check("rma(close, 2)", &[N, 11.5, 11.75, 10.375, 10.1875]);
    check("hma(close, 2)", &[N, 2.0 * 12.0 - 35.0 / 3.0, 12.0, 18.0 - 10.0, 20.0 - 29.0 / 3.0]);
    check("vwap()", &[32.0 / 3.0, 12.0, 12.0, 11.0, (11.0 + 28.0 / 3.0) / 2.0]);
    check("cmf(2)", &[N, 0.0, 0.0, -1.0, 0.0]);
    check("cmf(1)", &[0.0, 0.0, 0.0, -1.0, 1.0]);
    check("zscore(close, 2)", &[N, 1.0, 0.0, -1.0, 1.0]);
    check("percentile(close, 3, 25)", &[N, N, 11.5, 10.5, 9.5]);
    check("bollinger(close, 2, 2).width", &[N, 2.0 / 11.5, 0.0, 6.0 / 10.5, 2.0 / 9.5]);
    check("bollinger(close, 2, 2).percent_b", &[N, 0.75, 0.5, 0.25, 0.75]);
    check("donchian(2).middle", &[N, 11.0, 12.0, 12.0, 11.5]);
    check("heikin_ashi().open", &[10.5, 10.5, 11.125, 11.5625, 11.40625]);
    check("heikin_ashi().close", &[10.5, 11.75, 12.0, 11.25, 9.25]);
    check("heikin_ashi().high", &[12.0, 13.0, 12.0, 15.0, 11.40625]);
    check("heikin_ashi().low", &[9.0, 10.5, 11.125, 9.0, 8.0]);
    check("ichimoku(1, 2, 3).senkou_a", &[N, 11.5, 12.0, 12.0, 10.25]);
    check("ichimoku(1, 2, 3).senkou_b", &[N, N, 11.0, 12.0, 11.5]);
    check("keltner(1, 1, 2).upper", &[N, 16.0, 12.0, 21.0, 14.0]);
    // True ranges 2, 0, 6, 2. The first trend is down: the upper band, lowered until a close is above it.
    check("supertrend(1, 1).value", &[N, 14.0, 12.0, 12.0, 11.0]);
    check("supertrend(1, 1).direction", &[N, -1.0, -1.0, -1.0, -1.0]);
}

#[test]
fn supertrend_turns_on_a_close_beyond_the_band() {
    let candles: Candles = [10.0, 10.0, 10.0, 14.0, 18.0, 18.5, 12.0, 5.0]
        .into_iter()
        .enumerate()
        .map(|(row, close)| Candle {
            open_time: row as i64 * 60_000,
            close_time: row as i64 * 60_000 + 59_999,
            open: close,
            high: close + 1.0,
            low: close - 1.0,
            close,
            volume: 1.0,
        })
        .collect();
    let out = columns(&parse("supertrend(1, 1)").0, &candles, 3);
    assert_eq!(out[1][1..], [-1.0, -1.0, 1.0, 1.0, 1.0, -1.0, -1.0]);
    // Up: lower bands 14 − 5, 18 − 5, 18.5 − 2. Down: upper bands 12 + 7.5, 5 + 8.
    assert_eq!(out[0][1..], [12.0, 12.0, 9.0, 13.0, 16.5, 19.5, 13.0]);
}
