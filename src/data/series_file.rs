//! A candle file with all its columns, exact to the digit, as the local exchange wants it.

use super::candle_file::{self, Content, Row, Rows};
use super::error::{DataError, Fault};
use super::{GapReport, LoadOptions, Repair, interval, open, repairs};
use crate::model::{Candle, Interval};
use crate::venues::local::market::{Series, SeriesRow};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Columns beyond those of a candle, each by all its names: of mista's own format and of the dumps.
const QUOTE_VOLUME: &[&str] = &["quote_volume", "quote_asset_volume"];
const TRADES: &[&str] = &["trades", "count", "number_of_trades"];
const TAKER_BASE: &[&str] = &["taker_buy_base", "taker_buy_volume", "taker_buy_base_asset_volume"];
const TAKER_QUOTE: &[&str] = &["taker_buy_quote", "taker_buy_quote_volume", "taker_buy_quote_asset_volume"];

/// A candle file that passed all checks, see [`Loaded`](super::Loaded).
#[derive(Debug, Clone)]
pub struct LoadedSeries {
    pub series: Series,
    pub gaps: GapReport,
    pub repaired: Vec<Repair>,
    /// Of the bytes of the file, in lower-case hex.
    pub sha256: String,
    pub path: PathBuf,
}

/// Loads the candle file at `path` as candles of `symbol`. What is refused and repaired is the same as with
/// [`load`](super::load); beside that, figures in the further columns that are no figures.
pub fn load_series(path: &Path, symbol: &str, options: &LoadOptions) -> Result<LoadedSeries, DataError> {
    let (file, size) = open(path)?;
    load_from(path, file, size, symbol, options)
}

fn load_from(
    path: &Path,
    source: impl Read,
    size: u64,
    symbol: &str,
    options: &LoadOptions,
) -> Result<LoadedSeries, DataError> {
    let rows = SeriesRows::new(symbol);
    let Content { rows, has_close_time, faults, sha256 } =
        candle_file::read(rows, path, source, size, options.repair)?;
    let interval = interval(path, rows.series.open_times(), options.interval)?;
    let mut series = rows.series.with_interval(interval);
    let mut gaps = GapReport::new(series.open_times(), interval);
    gaps.late_closes = bound_close_times(&mut series, has_close_time);
    Ok(LoadedSeries { series, gaps, repaired: repairs(faults), sha256, path: path.to_owned() })
}

/// As with candles: sets close times that are later than the interval allows, or all if the file has none. Returns
/// how many were late.
fn bound_close_times(series: &mut Series, has_close_time: bool) -> usize {
    let mut late = 0;
    for row in 0..series.len() {
        let end = series.open_times()[row].saturating_add(series.interval().ms() - 1);
        if !has_close_time {
            series.set_close_time(row, end);
        } else if series.close_time(row).is_some_and(|close_time| close_time > end) {
            series.set_close_time(row, end);
            late += 1;
        }
    }
    late
}

/// Rows kept as a series.
struct SeriesRows {
    series: Series,
    quote_volume: Option<usize>,
    trades: Option<usize>,
    taker_base: Option<usize>,
    taker_quote: Option<usize>,
}

impl SeriesRows {
    fn new(symbol: &str) -> Self {
        // The interval is known when all is read.
        let series = Series::new(symbol, Interval::MINUTE);
        SeriesRows { series, quote_volume: None, trades: None, taker_base: None, taker_quote: None }
    }
}

impl Rows for SeriesRows {
    fn columns(&mut self, names: &[String]) {
        let keys: Vec<String> =
            names.iter().map(|name| name.to_lowercase().replace([' ', '-'], "_")).collect();
        let find = |known: &[&str]| keys.iter().position(|key| known.contains(&key.as_str()));
        self.quote_volume = find(QUOTE_VOLUME);
        self.trades = find(TRADES);
        self.taker_base = find(TAKER_BASE);
        self.taker_quote = find(TAKER_QUOTE);
    }

    fn count(&self) -> usize {
        self.series.len()
    }

    fn last_open_time(&self) -> Option<i64> {
        self.series.open_times().last().copied()
    }

    fn take(&mut self, row: &Row<'_>, needed: [usize; 5], candle: Candle) -> Result<(), Fault> {
        let [open, high, low, close, volume] = needed;
        let amount = |index: Option<usize>| index.map(|index| amount(row, index)).transpose();
        let written = SeriesRow {
            open_time: candle.open_time,
            close_time: candle.close_time,
            open: exact(row, open)?,
            high: exact(row, high)?,
            low: exact(row, low)?,
            close: exact(row, close)?,
            volume: exact(row, volume)?,
            quote_volume: amount(self.quote_volume)?,
            trades: self.trades.map(|index| count(row, index)).transpose()?,
            taker_buy_base: amount(self.taker_base)?,
            taker_buy_quote: amount(self.taker_quote)?,
        };
        // The rest was checked before, so a figure must be too long. Which one it is, is not worth a search: the
        // volumes are the largest.
        self.series.push(&written).map_err(|_| {
            let (at, text) = row.quote(self.quote_volume.unwrap_or(volume));
            Fault::TooLong { at, text }
        })
    }

    fn reserve(&mut self, more: usize) {
        self.series.reserve(more);
    }

    fn shrink(&mut self) {
        self.series.shrink();
    }
}

/// The number in a column as it is written.
fn exact(row: &Row<'_>, index: usize) -> Result<Decimal, Fault> {
    let text = row.text(index)?;
    if let Ok(number) = Decimal::from_str_exact(text) {
        return Ok(number);
    }
    // With an exponent or with more digits than there are in a decimal; or no number at all.
    let number = row.number(index)?;
    let (at, text) = row.quote(index);
    crate::model::money::decimal(number).map_err(|_| Fault::TooLong { at, text })
}

fn amount(row: &Row<'_>, index: usize) -> Result<Decimal, Fault> {
    let amount = exact(row, index)?;
    if amount.is_sign_negative() && !amount.is_zero() {
        let (at, text) = row.quote(index);
        return Err(Fault::NegativeVolume { at, text });
    }
    Ok(amount)
}

fn count(row: &Row<'_>, index: usize) -> Result<u64, Fault> {
    let count = exact(row, index)?;
    let whole = if count.fract().is_zero() { count.to_u32() } else { None };
    whole.map(u64::from).ok_or_else(|| {
        let (at, text) = row.quote(index);
        Fault::NotACount { at, text }
    })
}

#[cfg(test)]
mod tests {
    use super::super::{Loaded, load_from as load_candles};
    use super::*;
    use crate::venues::local::market::{Kline, KlineInterval, Market};

    fn load(text: &str) -> Result<LoadedSeries, DataError> {
        let options = LoadOptions::default();
        load_from(Path::new("AB_1h.csv"), text.as_bytes(), text.len() as u64, "AB", &options)
    }

    fn klines(text: &str) -> Vec<Kline> {
        let mut market = Market::new(vec![load(text).unwrap().series], 0).unwrap();
        while market.next(i64::MAX).is_some() {}
        market.klines(0, KlineInterval::H1, None, None, 1000, 0)
    }

    /// As the protocol writes a kline: but for the last field.
    fn written(kline: &Kline) -> String {
        let Kline { open_time, open, high, low, close, volume, close_time, .. } = kline;
        format!(
            "{open_time},{open:.8},{high:.8},{low:.8},{close:.8},{volume:.8},{close_time},{:.8},{},{:.8},{:.8}",
            kline.quote_volume, kline.trades, kline.taker_buy_base, kline.taker_buy_quote
        )
    }

    #[test]
    fn a_dump_comes_out_as_it_went_in() {
        let dump = "\
1609459200000,28923.63000000,29031.34000000,28690.17000000,28995.13000000,2311.81144500,1609462799999,66768830.34010008,58389,1215.35923800,35103542.78288276,0
1609462800000,28995.13000000,29470.00000000,28960.35000000,29409.99000000,5403.06847100,1609466399999,158357816.01000000,103896,3224.67066100,94537890.57398573,0
";
        let rows: Vec<String> = klines(dump).iter().map(|kline| written(kline) + ",0\n").collect();
        assert_eq!(rows.concat(), dump);
    }

    #[test]
    fn columns_are_found_by_name_and_made_up_where_there_are_none() {
        let named = klines(
            "Count,taker buy volume,open_time,open,high,low,close,volume,Quote Asset Volume,taker_buy_quote\n\
             7.0,1,1609459200000,10,12,9,11,3e-1,33.5,11\n",
        );
        assert_eq!(
            written(&named[0]),
            "1609459200000,10.00000000,12.00000000,9.00000000,11.00000000,0.30000000,1609462799999,33.50000000,7,\
             1.00000000,11.00000000"
        );
        let plain = klines("open_time,open,high,low,close,volume\n1609459200000,10,12,9,11,5\n");
        assert_eq!(
            written(&plain[0]),
            "1609459200000,10.00000000,12.00000000,9.00000000,11.00000000,5.00000000,1609462799999,52.50000000,1000,\
             2.00000000,26.25000000"
        );
    }

    #[test]
    fn what_is_no_figure_is_told_by_its_place() {
        let message = |row: &str| {
            let header = "open_time,open,high,low,close,volume,quote_volume,trades,taker_buy_base\n";
            load(&format!("{header}{row}\n")).unwrap_err().to_string()
        };
        insta::assert_snapshot!([
            message("1609459200000,10,12,9,11,5,x,3,2"),
            message("1609459200000,10,12,9,11,5,50,3.5,2"),
            message("1609459200000,10,12,9,11,5,50,-3,2"),
            message("1609459200000,10,12,9,11,5,50,3,-2"),
            message("1609459200000,10,12,9,11,5,99999999999999999999,3,2"),
            message("1609459200000,10,12,13,11,5,50,3,2"),
        ].join("\n"), @r#"
        AB_1h.csv:2: column 7 `quote_volume`: "x" is not a number. Fix the row, or run with --repair to drop it.
        AB_1h.csv:2: column 8 `trades`: "3.5" is not a whole number of trades. Fix the row, or run with --repair to drop it.
        AB_1h.csv:2: column 8 `trades`: "-3" is not a whole number of trades. Fix the row, or run with --repair to drop it.
        AB_1h.csv:2: column 9 `taker_buy_base`: "-2" is negative, which a volume cannot be. Fix the row, or run with --repair to drop it.
        AB_1h.csv:2: column 7 `quote_volume`: "99999999999999999999" has more digits than can be kept (18). Fix the row, or run with --repair to drop it.
        AB_1h.csv:2: column 4 `low`: "13" is above the open 10. Fix the row, or run with --repair to drop it.
        "#);
    }

    #[test]
    fn times_and_intervals_are_those_of_the_candles() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/1h/BTCUSDT_1h.csv");
        let options = LoadOptions::default();
        let (file, size) = open(&path).unwrap();
        let Loaded { candles, interval, gaps, sha256, .. } =
            load_candles(&path, file, size, &options).unwrap();
        let series = load_series(&path, "BTCUSDT", &options).unwrap();
        assert_eq!((series.series.interval(), series.gaps, series.sha256), (interval, gaps, sha256));
        assert_eq!(series.series.open_times(), candles.open_time);
        let close_times: Vec<i64> =
            (0..candles.len()).filter_map(|row| series.series.close_time(row)).collect();
        assert_eq!(close_times, candles.close_time);
        assert_eq!((series.series.price_decimals(), series.series.base_decimals()), (2, 6));
    }
}
