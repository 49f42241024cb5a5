//! The names of market streams.

use super::market::KlineInterval;
use crate::model::{DAY_MS, HOUR_MS};

/// The stretch of time of a ticker stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Span {
    /// The last 24 hours, with the book.
    Day,
    H1,
    H4,
    D1,
}

impl Span {
    pub fn event(self) -> &'static str {
        match self {
            Span::Day => "24hrTicker",
            Span::H1 => "1hTicker",
            Span::H4 => "4hTicker",
            Span::D1 => "1dTicker",
        }
    }

    pub fn ms(self) -> i64 {
        match self {
            Span::Day | Span::D1 => DAY_MS,
            Span::H1 => HOUR_MS,
            Span::H4 => 4 * HOUR_MS,
        }
    }
}

/// What a stream tells. `symbol` is a place in the market's list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Topic {
    Kline {
        symbol: usize,
        interval: KlineInterval,
        offset_ms: i64,
    },
    Trade {
        symbol: usize,
    },
    AggTrade {
        symbol: usize,
    },
    BookTicker {
        symbol: usize,
    },
    MiniTicker {
        symbol: usize,
    },
    AllMiniTickers,
    Ticker {
        symbol: usize,
        span: Span,
    },
    AllTickers {
        span: Span,
    },
    AveragePrice {
        symbol: usize,
    },
    ReferencePrice {
        symbol: usize,
    },
    PartialDepth {
        symbol: usize,
        levels: u8,
        is_fast: bool,
    },
    Depth {
        symbol: usize,
        is_fast: bool,
    },
    /// A well-formed name that nothing is sent on.
    Silent,
}

impl Topic {
    /// The topic of a stream's name; a symbol that is not there, or a kind that is not known, is silent.
    pub fn of(name: &str, find: impl Fn(&str) -> Option<usize>) -> Topic {
        match name {
            // The longer names are of old, and clients still use them.
            "!miniTicker@arr" | "!miniTicker@arr@1000ms" | "!miniTicker@arr@3000ms" => {
                return Topic::AllMiniTickers;
            }
            "!ticker_1h@arr" => return Topic::AllTickers { span: Span::H1 },
            "!ticker_4h@arr" => return Topic::AllTickers { span: Span::H4 },
            "!ticker_1d@arr" => return Topic::AllTickers { span: Span::D1 },
            _ => {}
        }
        let Some((symbol, kind)) = name.split_once('@') else { return Topic::Silent };
        if symbol.chars().any(char::is_uppercase) {
            return Topic::Silent;
        }
        let Some(symbol) = find(&symbol.to_uppercase()) else { return Topic::Silent };
        match kind {
            "trade" => Topic::Trade { symbol },
            "aggTrade" => Topic::AggTrade { symbol },
            "bookTicker" => Topic::BookTicker { symbol },
            "miniTicker" => Topic::MiniTicker { symbol },
            "ticker" => Topic::Ticker { symbol, span: Span::Day },
            "ticker_1h" => Topic::Ticker { symbol, span: Span::H1 },
            "ticker_4h" => Topic::Ticker { symbol, span: Span::H4 },
            "ticker_1d" => Topic::Ticker { symbol, span: Span::D1 },
            "avgPrice" => Topic::AveragePrice { symbol },
            "referencePrice" => Topic::ReferencePrice { symbol },
            "depth" => Topic::Depth { symbol, is_fast: false },
            "depth@100ms" => Topic::Depth { symbol, is_fast: true },
            kind => Topic::with_argument(symbol, kind).unwrap_or(Topic::Silent),
        }
    }

    fn with_argument(symbol: usize, kind: &str) -> Option<Topic> {
        if let Some(rest) = kind.strip_prefix("kline_") {
            let (interval, offset) = rest.split_once('@').unwrap_or((rest, "+00:00"));
            let offset_ms = time_zone_ms(offset)?;
            return Some(Topic::Kline { symbol, interval: KlineInterval::of(interval)?, offset_ms });
        }
        let levels = kind.strip_prefix("depth")?;
        let (levels, is_fast) = match levels.strip_suffix("@100ms") {
            Some(levels) => (levels, true),
            None => (levels, false),
        };
        let levels = [5, 10, 20].into_iter().find(|known| known.to_string() == levels)?;
        Some(Topic::PartialDepth { symbol, levels, is_fast })
    }

    /// How often it tells at most, in ms of the wall clock; `None`: whenever something happens.
    pub fn pace_ms(self) -> Option<i64> {
        match self {
            Topic::Trade { .. } | Topic::AggTrade { .. } | Topic::BookTicker { .. } | Topic::Silent => None,
            Topic::Kline { interval: KlineInterval::S1, .. } => Some(1000),
            Topic::Kline { .. } => Some(2000),
            Topic::PartialDepth { is_fast: true, .. } | Topic::Depth { is_fast: true, .. } => Some(100),
            _ => Some(1000),
        }
    }
}

/// `0`, `8`, `-3:30`, `+08:00`: minutes east of UTC in ms, from -12:00 to +14:00.
pub fn time_zone_ms(text: &str) -> Option<i64> {
    let (sign, digits) = match text.as_bytes().first()? {
        b'-' => (-1, &text[1..]),
        b'+' => (1, &text[1..]),
        _ => (1, text),
    };
    let (hours, minutes) = digits.split_once(':').unwrap_or((digits, "0"));
    let number = |text: &str| {
        let is_plain = (1..=2).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        is_plain.then(|| text.parse::<i64>().ok()).flatten()
    };
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    let offset = sign * (hours * 60 + minutes);
    (minutes < 60 && (-12 * 60..=14 * 60).contains(&offset)).then_some(offset * 60_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_streams_are_read() {
        let of = |name: &str| Topic::of(name, |symbol| (symbol == "BTCUSDT").then_some(0));
        let kline = |interval, offset_ms| Topic::Kline { symbol: 0, interval, offset_ms };
        for (name, topic) in [
            ("btcusdt@kline_1m", kline(KlineInterval::M1, 0)),
            ("btcusdt@kline_1M", kline(KlineInterval::Month, 0)),
            ("btcusdt@kline_1d@+08:00", kline(KlineInterval::D1, 8 * 3_600_000)),
            ("btcusdt@kline_2m", Topic::Silent),
            ("BTCUSDT@trade", Topic::Silent),
            ("nosuch@trade", Topic::Silent),
            ("btcusdt@depth5@100ms", Topic::PartialDepth { symbol: 0, levels: 5, is_fast: true }),
            ("btcusdt@depth20", Topic::PartialDepth { symbol: 0, levels: 20, is_fast: false }),
            ("btcusdt@depth7", Topic::Silent),
            ("btcusdt@depth@100ms", Topic::Depth { symbol: 0, is_fast: true }),
            ("!miniTicker@arr@1000ms", Topic::AllMiniTickers),
            ("!ticker@arr", Topic::Silent),
            ("0", Topic::Silent),
        ] {
            assert_eq!(of(name), topic, "{name}");
        }
    }

    #[test]
    fn time_zones_are_read() {
        for (text, minutes) in
            [("0", 0), ("8", 480), ("-1:30", -90), ("+08:00", 480), ("14:00", 840), ("-12", -720)]
        {
            assert_eq!(time_zone_ms(text), Some(minutes * 60_000), "{text}");
        }
        for text in ["", "+", "15", "-12:01", "1:60", "a", "1:2:3", "é"] {
            assert_eq!(time_zone_ms(text), None, "{text}");
        }
    }
}
