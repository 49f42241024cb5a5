//! Questions about the market. No key is needed.

use super::{INFO_MAX, Request, RestClient, param};
use crate::venues::binance::outcome::ReadError;
use crate::venues::binance::parse;
use crate::venues::binance::wire::{
    AggregateTrade, AveragePrice, BookTicker, Depth, ExchangeInfo, Kline, PriceTicker, PublicTrade,
};
use std::sync::{Mutex, PoisonError};

/// `symbols=["A","B"]`, or `symbol=A` where there is one.
fn symbols_param(symbols: &[&str]) -> Option<(String, String)> {
    match symbols {
        [] => None,
        [symbol] => Some(param("symbol", symbol)),
        several => {
            let quoted: Vec<String> = several.iter().map(|symbol| format!("\"{symbol}\"")).collect();
            Some(param("symbols", format!("[{}]", quoted.join(","))))
        }
    }
}

impl RestClient {
    /// Whether the exchange answers at all.
    pub async fn ping(&self) -> Result<(), ReadError> {
        self.read(Request::read("/api/v3/ping", Vec::new(), 1), parse::nothing).await
    }

    /// The exchange's time, in ms.
    pub async fn server_time(&self) -> Result<i64, ReadError> {
        self.read(Request::read("/api/v3/time", Vec::new(), 1), parse::server_time).await
    }

    /// The market's time in ms, where it has one of its own: that of the local exchange, which replays the past.
    pub async fn market_time(&self) -> Result<i64, ReadError> {
        self.read(Request::read("/control/state", Vec::new(), 0), parse::market_time).await
    }

    /// Compares clocks, and returns how far the exchange's is ahead, in ms.
    pub async fn sync_clock(&self) -> Result<i64, ReadError> {
        let request = Request::read("/api/v3/time", Vec::new(), 1);
        let clock = self.clock();
        // The times around the one attempt that was answered.
        let times = Mutex::new((0, 0));
        let server_ms = self.read_timed(request, parse::server_time, Some(&times)).await?;
        let (asked_ms, answered_ms) = *times.lock().unwrap_or_else(PoisonError::into_inner);
        clock.learn(asked_ms, answered_ms, server_ms);
        Ok(clock.offset_ms())
    }

    /// What may be traded: of the given symbols, or of all where none is given. Takes over the limits it tells.
    pub async fn exchange_info(&self, symbols: &[&str]) -> Result<ExchangeInfo, ReadError> {
        let params = symbols_param(symbols).into_iter().collect();
        let mut request = Request::read("/api/v3/exchangeInfo", params, 20);
        request.body_max = INFO_MAX;
        let info = self.read(request, parse::exchange_info).await?;
        self.set_limits(&info.rate_limits);
        Ok(info)
    }

    /// Candles of a symbol, oldest first, at most `limit` (up to 1000). `interval` as the exchange writes it.
    /// With `start_ms`, the first from there; without it, the last up to `end_ms`. The newest may still be
    /// open: it is closed once [`Kline::close_time`] is before the exchange's time.
    pub async fn klines(
        &self,
        symbol: &str,
        interval: &str,
        start_ms: Option<i64>,
        end_ms: Option<i64>,
        limit: u32,
    ) -> Result<Vec<Kline>, ReadError> {
        let mut params = vec![param("symbol", symbol), param("interval", interval)];
        params.extend(start_ms.map(|time| param("startTime", time)));
        params.extend(end_ms.map(|time| param("endTime", time)));
        params.push(param("limit", limit));
        self.read(Request::read("/api/v3/klines", params, 2), parse::klines).await
    }

    /// The best `limit` (up to 5000) levels of both sides of the book.
    pub async fn depth(&self, symbol: &str, limit: u32) -> Result<Depth, ReadError> {
        let weight = match limit {
            0..=100 => 5,
            101..=500 => 25,
            501..=1000 => 50,
            _ => 250,
        };
        let params = vec![param("symbol", symbol), param("limit", limit)];
        self.read(Request::read("/api/v3/depth", params, weight), parse::depth).await
    }

    /// The latest trades, at most `limit` (up to 1000).
    pub async fn trades(&self, symbol: &str, limit: u32) -> Result<Vec<PublicTrade>, ReadError> {
        let params = vec![param("symbol", symbol), param("limit", limit)];
        self.read(Request::read("/api/v3/trades", params, 25), parse::trades).await
    }

    /// Trades put together by taker, price and time: from a number on, or of a time, or the latest.
    pub async fn aggregate_trades(
        &self,
        symbol: &str,
        from_id: Option<u64>,
        start_ms: Option<i64>,
        end_ms: Option<i64>,
        limit: u32,
    ) -> Result<Vec<AggregateTrade>, ReadError> {
        let mut params = vec![param("symbol", symbol)];
        params.extend(from_id.map(|id| param("fromId", id)));
        params.extend(start_ms.map(|time| param("startTime", time)));
        params.extend(end_ms.map(|time| param("endTime", time)));
        params.push(param("limit", limit));
        self.read(Request::read("/api/v3/aggTrades", params, 4), parse::aggregate_trades).await
    }

    /// The price that the exchange values market orders at.
    pub async fn average_price(&self, symbol: &str) -> Result<AveragePrice, ReadError> {
        let params = vec![param("symbol", symbol)];
        self.read(Request::read("/api/v3/avgPrice", params, 2), parse::average_price).await
    }

    /// Last prices, of the given symbols or of all.
    pub async fn prices(&self, symbols: &[&str]) -> Result<Vec<PriceTicker>, ReadError> {
        let weight = if symbols.len() == 1 { 2 } else { 4 };
        let params = symbols_param(symbols).into_iter().collect();
        self.read(Request::read("/api/v3/ticker/price", params, weight), parse::price_tickers).await
    }

    /// Best bids and asks, of the given symbols or of all.
    pub async fn book_tickers(&self, symbols: &[&str]) -> Result<Vec<BookTicker>, ReadError> {
        let weight = if symbols.len() == 1 { 2 } else { 4 };
        let params = symbols_param(symbols).into_iter().collect();
        self.read(Request::read("/api/v3/ticker/bookTicker", params, weight), parse::book_tickers).await
    }
}
