//! What happened in a stretch of time: whole candles as they are, others cut.
//!
//! How a candle is cut: its time is divided into as many equal slots as it has trades, one trade in each. A trade
//! happens at the corner of the path that lies in its slot, else in the middle of it. Volume spreads evenly over the
//! trades, the quote volume as the price goes. So klines and trades tell the same, and the parts of a candle add
//! up to it, whatever the cuts.

use super::series::{Row, Series};

/// Totals of a stretch of time, in units of the series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Part {
    pub open: i64,
    pub high: i64,
    pub low: i64,
    pub close: i64,
    /// Volume, and what of it takers bought.
    pub base: [i128; 2],
    pub quote: [i128; 2],
    /// Id of the first trade in it, or of the next one where there is none.
    pub first_trade: u64,
    pub trades: u64,
}

/// What a candle amounts to up to some instant.
#[derive(Debug, Clone, Copy, Default)]
struct Amounts {
    trades: u64,
    base: [i128; 2],
    quote: [i128; 2],
}

impl Series {
    /// What happened from `from` to `to`, both inclusive; `None` where no candle lies in between.
    pub(super) fn part(&self, from: i64, to: i64) -> Option<Part> {
        let rows = self.first_closing_from(from)..self.opened_before(to.saturating_add(1));
        let mut parts = rows.map(|row| self.row(row).part(from, to));
        let mut whole = parts.next()?;
        for part in parts {
            whole.high = whole.high.max(part.high);
            whole.low = whole.low.min(part.low);
            whole.close = part.close;
            whole.trades += part.trades;
            for side in 0..2 {
                whole.base[side] += part.base[side];
                whole.quote[side] += part.quote[side];
            }
        }
        Some(whole)
    }

    /// Trades of the series that happen before `time`.
    pub(super) fn trades_before(&self, time: i64) -> u64 {
        match self.opened_before(time).checked_sub(1) {
            Some(row) => {
                let row = self.row(row);
                row.first_trade + row.trades_before(time)
            }
            None => 0,
        }
    }
}

impl Row {
    /// What happened of the candle from `from` to `to`, both inclusive, which it must overlap.
    fn part(&self, from: i64, to: i64) -> Part {
        let (from, to) = (from.max(self.open_time), to.min(self.close_time));
        if (from, to) == (self.open_time, self.close_time) {
            let [open, high, low, close] = self.ohlc;
            let (base, quote) = (self.base.map(i128::from), self.quote.map(i128::from));
            let (first_trade, trades) = (self.first_trade, self.trades);
            return Part { open, high, low, close, base, quote, first_trade, trades };
        }
        let [open, high, low, close] = self.path().part(from, to);
        let (before, until) = (self.amounts_before(from), self.amounts_before(to + 1));
        let difference = |until: [i128; 2], before: [i128; 2]| [until[0] - before[0], until[1] - before[1]];
        Part {
            open,
            high,
            low,
            close,
            base: difference(until.base, before.base),
            quote: difference(until.quote, before.quote),
            first_trade: self.first_trade + before.trades,
            trades: until.trades - before.trades,
        }
    }

    /// Where the slot of a trade begins and ends (exclusive), in milliseconds since the open. It is empty where
    /// there are more trades than milliseconds. `trade` counts from 0, up to the number of trades.
    fn slot(&self, trade: u64) -> (i64, i64) {
        let edge = |trade: u64| {
            let edge = u128::from(trade) * u128::from(self.duration().unsigned_abs())
                / u128::from(self.trades.max(1));
            // No more than the duration.
            edge as i64
        };
        (edge(trade), edge(trade + 1))
    }

    /// When a trade happens, in UTC milliseconds.
    pub fn trade_time(&self, trade: u64) -> i64 {
        let (from, to) = self.slot(trade);
        let (from, to) = (self.open_time + from, self.open_time + to);
        // Of several corners the last: a single trade is at the close.
        let corner = self.path().times.into_iter().rfind(|time| (from..to).contains(time));
        corner.unwrap_or(from + (to - from) / 2)
    }

    /// Trades of the candle that happen before `time`.
    pub fn trades_before(&self, time: i64) -> u64 {
        if time > self.close_time {
            return self.trades;
        }
        let (mut least, mut most) = (0, self.trades);
        while least < most {
            let middle = least + (most - least) / 2;
            if self.trade_time(middle) < time { least = middle + 1 } else { most = middle }
        }
        least
    }

    fn amounts_before(&self, time: i64) -> Amounts {
        self.amounts(self.trades_before(time), time)
    }

    /// The amounts of the first `trades` trades; where the candle has none, what is passed at `time`.
    fn amounts(&self, trades: u64, time: i64) -> Amounts {
        let duration = i128::from(self.duration());
        let (done, all, passed) = match self.trades {
            0 => {
                let passed = (time - self.open_time).clamp(0, self.duration());
                (i128::from(passed), duration, passed)
            }
            _ => (i128::from(trades), i128::from(self.trades), self.slot(trades).0),
        };
        let path = self.path();
        let (mut weight, mut total) = (path.area(self.open_time + passed), path.area(self.close_time));
        if total == 0 || done == all {
            (weight, total) = (done, all);
        }
        Amounts {
            trades,
            base: self.base.map(|units| i128::from(units) * done / all),
            quote: self.quote.map(|units| i128::from(units) * weight / total),
        }
    }

    /// Units of base that the trade is of, at least one.
    pub fn trade_quantity(&self, trade: u64) -> i128 {
        let volume = |trades| self.amounts(trades, self.open_time).base[0];
        (volume(trade + 1) - volume(trade)).max(1)
    }
}
