//! Figures over a stretch of time that ends now.

use super::kline::ids;
use super::part::Part;
use super::{KlineInterval, Market};
use rust_decimal::Decimal;

/// Decimals of averages.
const AVERAGE_DECIMALS: u32 = 8;

/// Decimals of a change in percent.
const PERCENT_DECIMALS: u32 = 3;

/// The stretch of time of a ticker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Window {
    /// The last milliseconds, up to now.
    Rolling(i64),
    /// Today, where days begin `offset_ms` before 00:00 UTC.
    Today { offset_ms: i64 },
}

/// Figures of a [`Window`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticker {
    pub open_time: i64,
    /// Now; at the end of the day where the window is a day.
    pub close_time: i64,
    pub open: Decimal,
    pub high: Decimal,
    pub low: Decimal,
    pub last: Decimal,
    /// Of the latest trade.
    pub last_quantity: Decimal,
    /// The price just before the window; the open where there was none.
    pub prev_close: Decimal,
    pub change: Decimal,
    pub change_percent: Decimal,
    /// The last price where nothing was traded.
    pub weighted_average: Decimal,
    pub volume: Decimal,
    pub quote_volume: Decimal,
    /// -1 where there was no trade.
    pub first_trade_id: i64,
    pub last_trade_id: i64,
    pub trades: u64,
}

impl Market {
    pub fn ticker(&self, symbol: usize, window: Window) -> Ticker {
        let book = &self.books[symbol];
        let series = &book.series;
        let (open_time, close_time) = match window {
            Window::Rolling(ms) => (self.now.saturating_sub(ms), self.now),
            Window::Today { offset_ms } => {
                let (from, to) = KlineInterval::D1.span(self.now, offset_ms);
                (from, to - 1)
            }
        };
        let part = series.part(open_time, self.now).unwrap_or(Part {
            open: book.last,
            high: book.last,
            low: book.last,
            close: book.last,
            base: [0; 2],
            quote: [0; 2],
            first_trade: 0,
            trades: 0,
        });
        let before = series.opened_before(open_time).checked_sub(1);
        let prev_close = before.map_or(part.open, |row| series.row(row).path().at(open_time - 1));
        let (first_trade_id, last_trade_id) = ids(part.first_trade, part.trades);
        let (open, last) = (series.price(part.open), series.price(part.close));
        let change = last - open;
        let percent = (change / open).checked_mul(Decimal::ONE_HUNDRED).unwrap_or_default();
        Ticker {
            open_time,
            close_time,
            open,
            high: series.price(part.high),
            low: series.price(part.low),
            last,
            last_quantity: self.trades(symbol, None, 1).last().map_or(Decimal::ZERO, |trade| trade.quantity),
            prev_close: series.price(prev_close),
            change,
            change_percent: percent.round_dp(PERCENT_DECIMALS),
            weighted_average: self.weighted(symbol, &part),
            volume: series.base(part.base[0]),
            quote_volume: series.quote(part.quote[0]),
            first_trade_id,
            last_trade_id,
            trades: part.trades,
        }
    }

    /// Average of the last `minutes`, weighted with volume; the last price where nothing was traded, or where
    /// `minutes` is 0.
    pub fn average_price(&self, symbol: usize, minutes: u32) -> Decimal {
        let from = self.now.saturating_sub(i64::from(minutes) * 60_000).saturating_add(1);
        match self.books[symbol].series.part(from, self.now) {
            Some(part) if minutes > 0 => self.weighted(symbol, &part),
            _ => self.last_price(symbol),
        }
    }

    /// Of a cut candle volumes are made up, so what they give is held between low and high.
    fn weighted(&self, symbol: usize, part: &Part) -> Decimal {
        let series = &self.books[symbol].series;
        let average = series.quote(part.quote[0]).checked_div(series.base(part.base[0]));
        average.map_or_else(
            || series.price(part.close),
            |average| {
                average.round_dp(AVERAGE_DECIMALS).clamp(series.price(part.low), series.price(part.high))
            },
        )
    }
}
