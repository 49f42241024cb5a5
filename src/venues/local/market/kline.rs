//! Klines of any interval, added up from the candles of the file or cut from their paths.

use super::part::Part;
use super::series::Series;
use super::{KlineInterval, Market};
use rust_decimal::Decimal;
use std::ops::Range;

/// Times asked for are brought into 1970 to 2100, where every interval has its place.
const TIMES: Range<i64> = 0..4_102_444_800_000;

/// A kline. Prices and amounts are exact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kline {
    pub open_time: i64,
    /// Inclusive.
    pub close_time: i64,
    pub open: Decimal,
    pub high: Decimal,
    pub low: Decimal,
    pub close: Decimal,
    pub volume: Decimal,
    pub quote_volume: Decimal,
    pub trades: u64,
    pub taker_buy_base: Decimal,
    pub taker_buy_quote: Decimal,
    /// -1 where there was no trade.
    pub first_trade_id: i64,
    pub last_trade_id: i64,
    pub is_closed: bool,
}

impl Market {
    /// At most `limit` klines, oldest first, the newest of them perhaps still open. Neither `start` nor `end`: the
    /// latest. `start`: the oldest that open at it or later. `end`: the latest that open at it or earlier. Both:
    /// as with `start`, up to `end`. `offset_ms` shifts the edges, see [`KlineInterval::span`].
    ///
    /// Of the file's own interval they are its candles, odd times included.
    pub fn klines(
        &self,
        symbol: usize,
        interval: KlineInterval,
        start: Option<i64>,
        end: Option<i64>,
        limit: usize,
        offset_ms: i64,
    ) -> Vec<Kline> {
        let cut = self.cut(symbol, interval, offset_ms);
        let until = end.unwrap_or(self.now).min(self.now);
        match start {
            Some(start) => cut
                .spans_from(start)
                .take_while(|(open_time, _)| *open_time <= until)
                .take(limit)
                .filter_map(|span| cut.kline(span))
                .collect(),
            None => {
                let mut klines: Vec<Kline> =
                    cut.spans_back_from(until).take(limit).filter_map(|span| cut.kline(span)).collect();
                klines.reverse();
                klines
            }
        }
    }

    /// The kline in progress; `None` in a gap.
    pub fn open_kline(&self, symbol: usize, interval: KlineInterval, offset_ms: i64) -> Option<Kline> {
        let cut = self.cut(symbol, interval, offset_ms);
        let span = cut.spans_back_from(self.now).next().filter(|(_, close_time)| *close_time >= self.now)?;
        cut.kline(span)
    }

    /// All closed klines that open at `from` or later, oldest first. Cheap where there are none: ask at every step
    /// and go on from the last one's `close_time + 1`.
    pub fn closed_since(
        &self,
        symbol: usize,
        interval: KlineInterval,
        offset_ms: i64,
        from: i64,
    ) -> Vec<Kline> {
        let cut = self.cut(symbol, interval, offset_ms);
        cut.spans_from(from)
            .take_while(|(_, close_time)| *close_time < self.now)
            .filter_map(|span| cut.kline(span))
            .collect()
    }

    fn cut(&self, symbol: usize, interval: KlineInterval, offset_ms: i64) -> Cut<'_> {
        let series = &self.books[symbol].series;
        let ms = series.interval().ms();
        let is_own = interval.ms() == Some(ms) && offset_ms.rem_euclid(ms) == 0;
        Cut { series, interval, offset_ms, is_own, now: self.now }
    }
}

/// One way to cut a series into klines, up to now.
#[derive(Clone, Copy)]
struct Cut<'a> {
    series: &'a Series,
    interval: KlineInterval,
    offset_ms: i64,
    /// The klines are the candles of the file.
    is_own: bool,
    now: i64,
}

impl<'a> Cut<'a> {
    /// Open and close times of the kline around `time`, which lies in the candle in `row`.
    fn span(&self, row: usize, time: i64) -> (i64, i64) {
        match self.series.close_time(row) {
            Some(close_time) if self.is_own => (self.series.open_times()[row], close_time),
            _ => {
                let (from, to) = self.interval.span(time, self.offset_ms);
                (from, to - 1)
            }
        }
    }

    /// Open and close times of the klines that open at `start` or later and have begun, oldest first.
    fn spans_from(self, start: i64) -> impl Iterator<Item = (i64, i64)> + use<'a> {
        let start = start.clamp(TIMES.start, TIMES.end);
        let mut at = start;
        std::iter::from_fn(move || {
            loop {
                let row = self.series.first_closing_from(at);
                let time = at.max(*self.series.open_times().get(row)?);
                if time > self.now {
                    return None;
                }
                let (open_time, close_time) = self.span(row, time);
                at = close_time + 1;
                if open_time >= start {
                    return Some((open_time, close_time));
                }
            }
        })
    }

    /// Open and close times of the klines that open at `end` or earlier and have begun, newest first.
    fn spans_back_from(self, end: i64) -> impl Iterator<Item = (i64, i64)> + use<'a> {
        let mut at = end.clamp(TIMES.start, TIMES.end).min(self.now);
        std::iter::from_fn(move || {
            let row = self.series.opened_before(at + 1).checked_sub(1)?;
            let span = self.span(row, at.min(self.series.close_time(row)?));
            at = span.0 - 1;
            Some(span)
        })
    }

    /// The kline with these times, as far as it is known now.
    fn kline(&self, (open_time, close_time): (i64, i64)) -> Option<Kline> {
        let Part { open, high, low, close, base, quote, first_trade, trades } =
            self.series.part(open_time, close_time.min(self.now))?;
        let (first_trade_id, last_trade_id) = ids(first_trade, trades);
        Some(Kline {
            open_time,
            close_time,
            open: self.series.price(open),
            high: self.series.price(high),
            low: self.series.price(low),
            close: self.series.price(close),
            volume: self.series.base(base[0]),
            quote_volume: self.series.quote(quote[0]),
            trades,
            taker_buy_base: self.series.base(base[1]),
            taker_buy_quote: self.series.quote(quote[1]),
            first_trade_id,
            last_trade_id,
            is_closed: close_time < self.now,
        })
    }
}

/// Ids of the first and the last of `trades` trades, as the protocol writes them.
pub(super) fn ids(first: u64, trades: u64) -> (i64, i64) {
    match trades {
        0 => (-1, -1),
        _ => (first as i64, (first + trades - 1) as i64),
    }
}
