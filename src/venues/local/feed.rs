//! A step of the market, told to the exchange and to all who listen.

use super::hub::Stream;
use super::market::{AggTrade, Depth, PublicTrade, Step, StepKind, Window};
use super::render::{Unit, levels};
use super::render_events::{
    agg_trade_event, average_event, book_ticker_event, depth_event, kline_event, mini_ticker_event,
    reference_price_event, ticker_event, trade_event,
};
use super::state::State;
use super::topic::{Span, Topic};
use crate::model::DAY_MS;
use crate::venues::sim::exchange::SymbolId;
use serde_json::{Value, json};
use std::sync::Arc;

/// Minutes of the average that filters compare with.
pub const AVERAGE_MINUTES: u32 = 5;
/// Levels of the book that exist, on each side.
pub const BOOK_LEVELS: usize = 500;
/// Public trades told at one step, of each symbol.
const TRADES_PER_STEP: usize = 20;

impl State {
    /// First half of a step: what is closed is told, and the new price is known. Nothing was filled by it yet.
    pub fn begin_step(&mut self, step: Step) {
        let symbol = SymbolId(step.symbol);
        if matches!(step.kind, StepKind::Opened | StepKind::Ended) {
            self.exchange.set_price(symbol, step.price);
            self.exchange.set_average(symbol, self.market.average_price(step.symbol, AVERAGE_MINUTES));
        }
        self.tell_closed_klines(step.symbol);
    }

    /// Second half: the price meets the orders that rest.
    pub fn finish_step(&mut self, step: Step) {
        if step.kind != StepKind::Ended {
            let at_open = step.kind == StepKind::Opened;
            self.exchange.on_price(SymbolId(step.symbol), step.price, at_open, step.time);
        }
        self.flush_events();
        if self.hub.has_streams() {
            self.tell_trades(step.symbol, step.time);
        }
    }

    fn names(&self, of: impl Fn(Topic) -> bool) -> Vec<(Arc<str>, Topic)> {
        let mut names = self.hub.stream_names();
        names.retain(|(_, topic)| of(*topic));
        names
    }

    fn name_of(&self, symbol: usize) -> String {
        self.exchange.rules(SymbolId(symbol)).symbol.clone()
    }

    fn tell_closed_klines(&mut self, symbol: usize) {
        let is_kline = |topic: Topic| matches!(topic, Topic::Kline { symbol: own, .. } if own == symbol);
        let now = self.market.now();
        for (name, topic) in self.names(is_kline) {
            let Topic::Kline { interval, offset_ms, .. } = topic else { continue };
            let cursor = self.hub.stream_mut(&name).map_or(now, |stream| stream.cursor);
            let closed = self.market.closed_since(symbol, interval, offset_ms, cursor);
            let Some(last) = closed.last() else { continue };
            if let Some(stream) = self.hub.stream_mut(&name) {
                stream.cursor = last.close_time.saturating_add(1);
            }
            let text = self.name_of(symbol);
            for kline in &closed {
                self.hub.publish(&name, |unit| kline_event(&text, interval.name(), kline, now, unit));
            }
        }
    }

    fn tell_trades(&mut self, symbol: usize, time: i64) {
        let Some(told) = self.trades_told.get_mut(symbol) else { return };
        let after = std::mem::replace(told, time);
        let wanted = self.names(|topic| {
            matches!(topic, Topic::Trade { symbol: own } | Topic::AggTrade { symbol: own } | Topic::BookTicker { symbol: own } if own == symbol)
        });
        if wanted.is_empty() {
            return;
        }
        let text = self.name_of(symbol);
        let is_trade = |topic: &Topic| !matches!(topic, Topic::BookTicker { .. });
        let trades = match wanted.iter().any(|(_, topic)| is_trade(topic)) {
            true => self.market.trades_between(symbol, after, time, TRADES_PER_STEP),
            false => Vec::new(),
        };
        for (name, topic) in wanted {
            match topic {
                Topic::Trade { .. } => {
                    for trade in &trades {
                        self.hub.publish(&name, |unit| trade_event(&text, trade, time, unit));
                    }
                }
                Topic::AggTrade { .. } => {
                    for trade in trades.iter().map(alone) {
                        self.hub.publish(&name, |unit| agg_trade_event(&text, &trade, time, unit));
                    }
                }
                _ => {
                    let book = self.market.book_ticker(symbol);
                    self.hub.publish(&name, |_| book_ticker_event(&text, &book));
                }
            }
        }
    }

    /// Tells the streams that tell at a pace of their own. `wall` in ms of the wall clock.
    pub fn tell_paced(&mut self, wall: i64) {
        let now = self.market.now();
        let is_due = |stream: &Stream| {
            stream
                .topic
                .pace_ms()
                .is_some_and(|pace| stream.told_of != now && wall.saturating_sub(stream.told_at) >= pace)
        };
        let mut due: Vec<(Arc<str>, Topic)> = Vec::new();
        for (name, stream) in self.hub.streams_mut() {
            if is_due(stream) {
                (stream.told_at, stream.told_of) = (wall, now);
                due.push((name.clone(), stream.topic));
            }
        }
        for (name, topic) in due {
            self.tell(&name, topic, now);
        }
        self.hub.release_all();
    }

    fn tell(&mut self, name: &str, topic: Topic, now: i64) {
        match topic {
            Topic::Kline { symbol, interval, offset_ms } => {
                let Some(kline) = self.market.open_kline(symbol, interval, offset_ms) else { return };
                let text = self.name_of(symbol);
                self.hub.publish(name, |unit| kline_event(&text, interval.name(), &kline, now, unit));
            }
            Topic::MiniTicker { symbol } => {
                let event = self.mini_ticker(symbol, now);
                self.hub.publish(name, event);
            }
            Topic::AllMiniTickers => {
                let events: Vec<_> =
                    (0..self.trades_told.len()).map(|symbol| self.mini_ticker(symbol, now)).collect();
                self.hub.publish(name, |unit| events.iter().map(|event| event(unit)).collect());
            }
            Topic::Ticker { symbol, span } => {
                let event = self.ticker(symbol, span, now);
                self.hub.publish(name, event);
            }
            Topic::AllTickers { span } => {
                let events: Vec<_> =
                    (0..self.trades_told.len()).map(|symbol| self.ticker(symbol, span, now)).collect();
                self.hub.publish(name, |unit| events.iter().map(|event| event(unit)).collect());
            }
            Topic::AveragePrice { symbol } => {
                let average = self.market.average_price(symbol, AVERAGE_MINUTES);
                let text = self.name_of(symbol);
                self.hub.publish(name, |unit| average_event(&text, average, AVERAGE_MINUTES, now, unit));
            }
            Topic::ReferencePrice { symbol } => {
                let text = self.name_of(symbol);
                self.hub.publish(name, |unit| reference_price_event(&text, now, unit));
            }
            Topic::PartialDepth { symbol, levels: count, .. } => {
                let depth = self.market.depth(symbol, usize::from(count));
                self.hub.publish(name, |_| partial_depth(&depth));
            }
            Topic::Depth { symbol, .. } => self.tell_depth(name, symbol, now),
            Topic::Trade { .. } | Topic::AggTrade { .. } | Topic::BookTicker { .. } | Topic::Silent => {}
        }
    }

    fn mini_ticker(&self, symbol: usize, now: i64) -> impl Fn(Unit) -> Value + use<> {
        let ticker = self.market.ticker(symbol, Window::Rolling(DAY_MS));
        let text = self.name_of(symbol);
        move |unit| mini_ticker_event(&text, &ticker, now, unit)
    }

    fn ticker(&self, symbol: usize, span: Span, now: i64) -> impl Fn(Unit) -> Value + use<> {
        let ticker = self.market.ticker(symbol, Window::Rolling(span.ms()));
        let book = (span == Span::Day).then(|| self.market.book_ticker(symbol));
        let text = self.name_of(symbol);
        move |unit| ticker_event(span.event(), &text, &ticker, book.as_ref(), now, unit)
    }

    /// Tells of the book as it is now, whatever the pace: before it is given as a whole, so that who continues a copy
    /// of it by the updates meets no level that came and went between two of them.
    pub fn tell_depth_now(&mut self, symbol: usize) {
        let now = self.market.now();
        let is_depth = |topic: Topic| matches!(topic, Topic::Depth { symbol: own, .. } if own == symbol);
        for (name, _) in self.names(is_depth) {
            self.tell_depth(&name, symbol, now);
        }
    }

    fn tell_depth(&mut self, name: &str, symbol: usize, now: i64) {
        let after = self.market.depth(symbol, BOOK_LEVELS);
        let Some(stream) = self.hub.stream_mut(name) else { return };
        let nothing = Depth { last_update_id: after.last_update_id, bids: Vec::new(), asks: Vec::new() };
        let (before, first) = match stream.depth.replace(Box::new(after.clone())) {
            // The whole book at once, as one update.
            None => (nothing, after.last_update_id),
            Some(before) => {
                let first = before.last_update_id.saturating_add(1);
                (*before, first)
            }
        };
        if first > after.last_update_id {
            return;
        }
        let text = self.name_of(symbol);
        self.hub.publish(name, |unit| depth_event(&text, first, &before, &after, now, unit));
    }
}

fn alone(trade: &PublicTrade) -> AggTrade {
    AggTrade {
        id: trade.id,
        first_id: trade.id,
        last_id: trade.id,
        time: trade.time,
        price: trade.price,
        quantity: trade.quantity,
        is_buyer_maker: trade.is_buyer_maker,
    }
}

fn partial_depth(depth: &Depth) -> Value {
    json!({
        "lastUpdateId": depth.last_update_id,
        "bids": levels(&depth.bids),
        "asks": levels(&depth.asks),
    })
}
