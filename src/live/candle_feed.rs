//! Candles in order, each once, none left out: what a script sees, whatever the connection does. Pure.

use crate::model::Candle;

/// What to do with a closed candle.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Take {
    /// It is the next one.
    Next(Candle),
    /// It was there before.
    Old,
    /// Others are missing before it: ask for those that open from this time on, and offer it again.
    Missing { from: i64 },
}

/// Knows which candle is the next.
#[derive(Debug, Clone)]
pub struct CandleFeed {
    /// Open time of the next one; `None` before the first.
    next: Option<i64>,
}

impl CandleFeed {
    /// After the candle that closed at `last_close`, if there is one.
    pub fn new(last_close: Option<i64>) -> CandleFeed {
        CandleFeed { next: last_close.map(|close| close + 1) }
    }

    /// Open time of the next one.
    pub fn next(&self) -> Option<i64> {
        self.next
    }

    /// Judges a closed candle.
    pub fn take(&mut self, candle: Candle) -> Take {
        match self.next {
            Some(next) if candle.open_time < next => Take::Old,
            Some(next) if candle.open_time > next => Take::Missing { from: next },
            _ => self.accept(candle),
        }
    }

    /// Takes a candle though others are missing before it: the exchange has been asked, and has none.
    pub fn accept(&mut self, candle: Candle) -> Take {
        self.next = Some(candle.close_time + 1);
        Take::Next(candle)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candle(open_time: i64) -> Candle {
        let price = 1.0;
        Candle {
            open_time,
            close_time: open_time + 9,
            open: price,
            high: price,
            low: price,
            close: price,
            volume: 0.0,
        }
    }

    #[test]
    fn each_candle_comes_once_and_in_order() {
        let mut feed = CandleFeed::new(Some(99));
        assert_eq!(feed.take(candle(90)), Take::Old);
        assert_eq!(feed.take(candle(100)), Take::Next(candle(100)));
        assert_eq!(feed.take(candle(100)), Take::Old);
        assert_eq!(feed.take(candle(130)), Take::Missing { from: 110 });
        assert_eq!(feed.take(candle(110)), Take::Next(candle(110)));
        assert_eq!(feed.accept(candle(130)), Take::Next(candle(130)), "there is none at 120");
        assert_eq!(feed.take(candle(120)), Take::Old);
    }
}
