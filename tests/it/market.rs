//! The market of the local exchange over a bundled file: its prices are those a backtest walks, its klines are the
//! rows of the file.

use crate::support::root;
use mista::data::{LoadOptions, load, load_series};
use mista::model::{Direction, money};
use mista::venues::local::market::{KlineInterval, Market, StepKind};
use mista::venues::sim::path::{Extremes, prices};
use std::fs;

#[test]
fn the_market_walks_as_a_backtest_does_and_tells_the_file_as_it_is() {
    let path = root().join("data/1h/BTCUSDT_1h.csv");
    let options = LoadOptions::default();
    let candles = load(&path, &options).unwrap().candles;
    let series = load_series(&path, "BTCUSDT", &options).unwrap().series;
    let mut market = Market::new(vec![series], 0).unwrap();

    let mut walked = Vec::new();
    while let Some(step) = market.next(i64::MAX) {
        match step.kind {
            StepKind::Opened => assert_eq!(step.time, candles.open_time[walked.len() / 4]),
            StepKind::Corner => assert!(step.time <= candles.close_time[walked.len() / 4]),
            StepKind::Between => panic!("{step:?} was not asked for"),
            StepKind::Ended => {
                assert_eq!(Some(&(step.time - 1)), candles.close_time.last());
                continue;
            }
        }
        walked.push(step.price);
    }
    let expected = (0..candles.len())
        .flat_map(|row| prices(&candles, row, Direction::Long, Extremes::AdverseFirst))
        .map(|price| money::decimal(price).unwrap());
    assert!(expected.eq(walked));

    // Paged through as clients do. The file writes a number as shortly as it can.
    let (mut from, mut rows) = (0, Vec::new());
    loop {
        let page = market.klines(0, KlineInterval::H1, Some(from), None, 1000, 0);
        let Some(last) = page.last() else { break };
        from = last.open_time + 1;
        rows.extend(page.iter().map(|kline| {
            let short = |value: rust_decimal::Decimal| value.normalize().to_string();
            let prices = [kline.open, kline.high, kline.low, kline.close, kline.volume].map(short).join(",");
            let (quote, base) = (short(kline.quote_volume), short(kline.taker_buy_base));
            let (open_time, close_time, trades) = (kline.open_time, kline.close_time, kline.trades);
            format!(
                "{open_time},{prices},{close_time},{quote},{trades},{base},{}",
                short(kline.taker_buy_quote)
            )
        }));
    }
    let file = fs::read_to_string(&path).unwrap();
    let written: Vec<String> = file
        .lines()
        .skip(1)
        .map(|line| {
            let fields = line.split(',').map(|field| field.strip_suffix(".0").unwrap_or(field));
            fields.collect::<Vec<_>>().join(",")
        })
        .collect();
    assert_eq!(rows.len(), written.len());
    let differ: Vec<_> = rows.iter().zip(&written).filter(|(row, line)| row != line).collect();
    // The only one of the file that is still open when the next one opens, at 04:00.
    let [(row, line)] = differ[..] else { panic!("{} rows differ", differ.len()) };
    assert_eq!(line.replace("1518321600999", "1518321599999"), *row);
}
