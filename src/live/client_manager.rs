//! Everything between the trader and an exchange: keys, clock, limits, connections, the feed of candles, the events of
//! the account, and requests with what became of them. Decides nothing.

use super::candle_feed::{CandleFeed, Take};
use super::message::Message;
use super::record::{Answered, CommissionIn, Execution, News, OrderNews, RefusedAs, Request};
use crate::model::{Candle, Side};
use crate::venues::binance::endpoints::Endpoints;
use crate::venues::binance::outcome::{Outcome, ReadError, Refusal, RefusalKind, Replaced};
use crate::venues::binance::request::{
    CancelRequest, ListRequest, ListRequestKind, OrderKey, OrderRequest, ReplaceRequest,
};
use crate::venues::binance::rest::{RestClient, RestSettings, SetupError};
use crate::venues::binance::sign::Credentials;
use crate::venues::binance::socket::{Connects, SocketSettings};
use crate::venues::binance::streams::{MarketStream, StreamItem, kline_stream, trade_stream};
use crate::venues::binance::wire::{
    Account, Canceled, ExecutionReport, Kline, MarketEvent, MyTrade, OrderFill, OrderListReport, OrderReport,
    UserEvent,
};
use crate::venues::binance::ws_api::{ApiItem, WsApi, WsApiSettings};
use crate::venues::rules::{ExchangeFilters, Situation, SymbolRules};
use crate::venues::words::{CancelReplaceMode, OrderStatus, OrderType, SymbolStatus};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use rust_decimal::Decimal;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

/// Klines in one request.
const PAGE: u32 = 1000;
/// The pace of open klines is 2 s; twice that without a frame is too long.
pub const SILENCE: Duration = Duration::from_millis(3_900);
/// For the price of an asset that a commission was paid in.
const RATE_WITHIN: Duration = Duration::from_millis(300);
/// A question is put again if there is no answer after this, at most so many times.
const AGAIN_AFTER: Duration = Duration::from_millis(400);
const AGAIN_MOST: usize = 2;
const SILENCE_MOST: Duration = Duration::from_secs(60);

#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    #[error(transparent)]
    Setup(#[from] SetupError),
    #[error("{what}: {error}")]
    Read { what: &'static str, error: ReadError },
    #[error(
        "{0} is not traded at {1}: is the name right? It is written as BTCUSDT; `mista doctor` looks it up"
    )]
    NoSymbol(String, String),
    #[error(
        "the exchange at {at} has no candles of {interval}: take another --interval, such as 1m, 5m, 15m, 1h, 4h or 1d"
    )]
    NoInterval { interval: String, at: String },
    #[error(
        "the account could not be read: {0}. Is it a key of this venue, with its own secret, that may be used from here? `mista doctor` says more"
    )]
    Key(ReadError),
    #[error("{at} does not answer: {error}. Check the network and the address; `mista doctor` says more")]
    Unreachable { at: String, error: ReadError },
    #[error("{symbol} is {status} now: it can be traded when the exchange says TRADING")]
    NotTrading { symbol: String, status: String },
    #[error("{0}")]
    Refused(String),
}

/// What to connect to, and as whom.
#[derive(Debug, Clone)]
pub struct ClientSettings {
    pub endpoints: Endpoints,
    pub credentials: Option<Arc<Credentials>>,
    pub symbol: String,
    /// As the exchange writes it.
    pub interval: String,
    /// How long after its time an order is still carried out.
    pub recv_window: Duration,
    /// For an answer to come; then the outcome is unknown.
    pub answer_timeout: Duration,
    /// The market's time is not that of the clock on the wall.
    pub own_time: bool,
    /// Whether prices between candles come from trades.
    pub trades: bool,
    /// How connections to streams are kept.
    pub socket: SocketSettings,
    /// Connections in 5 minutes at most.
    pub connects: usize,
    /// Without anything from the market for so long, the exchange is asked whether it stands still. Usually
    /// [`SILENCE`].
    pub silence: Duration,
}

/// A trader's way to an exchange.
pub struct ClientManager {
    rest: RestClient,
    settings: ClientSettings,
    rules: SymbolRules,
    account_filters: ExchangeFilters,
    connects: Connects,
    /// Opened once events are wanted.
    api: Mutex<Option<Arc<WsApi>>>,
    /// Events of the account that were handed on.
    events: AtomicU64,
    last_price: Mutex<Option<Decimal>>,
    /// Prices of other assets that commissions were paid in, with their time.
    rates: Mutex<HashMap<String, (Decimal, Instant)>>,
}

impl ClientManager {
    /// Compares clocks, and reads limits and the symbol's rules.
    pub async fn connect(settings: ClientSettings) -> Result<ClientManager, ClientError> {
        let rest_settings = RestSettings {
            recv_window: settings.recv_window,
            timeout: settings.answer_timeout,
            ..RestSettings::default()
        };
        let rest = RestClient::new(&settings.endpoints.rest, settings.credentials.clone(), rest_settings)?;
        let read = |what| move |error| ClientError::Read { what, error };
        let at = || settings.endpoints.rest.clone();
        rest.sync_clock().await.map_err(|error| match error.refusal() {
            Some(_) => read("the exchange's time could not be read")(error),
            None => ClientError::Unreachable { at: at(), error },
        })?;
        let info = rest.exchange_info(&[&settings.symbol]).await;
        let no_symbol = || ClientError::NoSymbol(settings.symbol.clone(), settings.endpoints.rest.clone());
        let info = match info {
            Ok(info) => info,
            Err(error)
                if error.refusal().is_some_and(|refusal| matches!(refusal.code, Some(-1121 | -1100))) =>
            {
                return Err(no_symbol());
            }
            Err(error) => return Err(read("the symbol's rules could not be read")(error)),
        };
        let symbol = info.symbol(&settings.symbol).ok_or_else(no_symbol)?;
        if symbol.rules.status != SymbolStatus::Trading {
            let (symbol, status) = (settings.symbol.clone(), symbol.rules.status.name().to_owned());
            return Err(ClientError::NotTrading { symbol, status });
        }
        let (rules, account_filters) = (symbol.rules.clone(), info.filters);
        let connects = Connects::within(rest.limits()).at_most(settings.connects);
        Ok(ClientManager {
            rest,
            settings,
            rules,
            account_filters,
            connects,
            api: Mutex::default(),
            events: AtomicU64::new(0),
            last_price: Mutex::default(),
            rates: Mutex::default(),
        })
    }

    pub fn rules(&self) -> &SymbolRules {
        &self.rules
    }

    pub fn rest(&self) -> &RestClient {
        &self.rest
    }

    /// Events of the account that were handed on so far.
    pub fn events(&self) -> u64 {
        self.events.load(Ordering::Acquire)
    }

    pub async fn account(&self) -> Result<Account, ClientError> {
        self.in_time(|| self.rest.account()).await.map_err(|error| {
            match error.refusal().map(|refusal| &refusal.kind) {
                Some(RefusalKind::Key | RefusalKind::Signature) => ClientError::Key(error),
                _ => ClientError::Read { what: "the account could not be read", error },
            }
        })
    }

    /// Asks again where the question came too late for the window in which orders are good: that is narrow, and for a
    /// question it does not matter.
    async fn in_time<T, F: Future<Output = Result<T, ReadError>>>(
        &self,
        ask: impl Fn() -> F,
    ) -> Result<T, ReadError> {
        for _ in 0..9 {
            match ask().await {
                Err(error) if error.refusal().is_some_and(|it| it.kind == RefusalKind::Timestamp) => {
                    self.rest.sync_clock().await?;
                }
                answer => return answer,
            }
        }
        ask().await
    }

    /// The market's time in ms.
    pub async fn now(&self) -> Result<i64, ReadError> {
        if self.settings.own_time { self.rest.market_time().await } else { Ok(self.rest.clock().now_ms()) }
    }

    /// Client order ids of what is open on the symbol.
    pub async fn open_orders(&self) -> Result<Vec<String>, ReadError> {
        let orders = self.in_time(|| self.rest.open_orders(&self.settings.symbol)).await?;
        Ok(orders.into_iter().map(|order| order.client_order_id).collect())
    }

    /// Base currency in the account, free or held by orders.
    pub async fn base_balance(&self) -> Result<Decimal, ClientError> {
        let account = self.account().await?;
        let balance = account.balance(&self.rules.base_asset);
        Ok(balance.map(|it| it.free.saturating_add(it.locked)).unwrap_or_default())
    }

    /// Commission of an order at the market, as a part of one.
    pub async fn commission_rate(&self) -> Result<Decimal, ClientError> {
        let what = "the commission could not be read";
        let rates = self.in_time(|| self.rest.commission(&self.settings.symbol)).await;
        let rates = rates.map_err(|error| ClientError::Read { what, error })?;
        let of = |it: crate::venues::binance::wire::Rates| it.taker + it.buyer.max(it.seller);
        Ok(of(rates.standard) + of(rates.special) + of(rates.tax))
    }

    /// Closed candles that open from `from` on, oldest first; or the last `count`.
    pub async fn candles(&self, from: Option<i64>, count: usize) -> Result<Vec<Candle>, ReadError> {
        let now = self.now().await?;
        let mut found: Vec<Candle> = Vec::new();
        let (symbol, interval) = (&self.settings.symbol, &self.settings.interval);
        let mut start = from;
        let mut end = None;
        loop {
            let wanted = count.saturating_sub(found.len()).clamp(1, PAGE as usize - 1);
            // The newest may still be open.
            let limit = u32::try_from(wanted + 1).unwrap_or(PAGE);
            let page = self.rest.klines(symbol, interval, start, end, limit).await?;
            let is_short = page.len() < limit as usize;
            let closed: Vec<Candle> =
                page.iter().filter(|it| it.close_time < now).map(Kline::candle).collect();
            let (first, last) = (closed.first().copied(), closed.last().copied());
            if start.is_some() {
                found.extend(closed);
                start = last.map(|candle| candle.close_time + 1);
            } else {
                found.splice(0..0, closed);
                end = first.map(|candle| candle.open_time - 1);
            }
            if is_short || first.is_none() || found.len() >= count {
                break;
            }
        }
        let surplus = found.len().saturating_sub(count);
        if from.is_some() {
            found.truncate(count);
        } else {
            found.drain(..surplus);
        }
        Ok(found)
    }

    /// Hands candles on, in order, and prices between them, until nobody takes them any more. `last_close`: of
    /// the last candle that is there.
    pub async fn feed(self: Arc<Self>, last_close: Option<i64>, out: Sender<Message>) {
        let mut feed = CandleFeed::new(last_close);
        let mut generation = 0;
        while self.follow(&mut feed, &mut generation, &out).await.is_ok() {}
    }

    /// Follows one stream. `Ok`: it has gone silent, and another is to be opened.
    async fn follow(
        &self,
        feed: &mut CandleFeed,
        generation: &mut u64,
        out: &Sender<Message>,
    ) -> Result<(), Gone> {
        let mut streams = vec![kline_stream(&self.settings.symbol, &self.settings.interval)];
        if self.settings.trades {
            streams.push(trade_stream(&self.settings.symbol));
        }
        let url = &self.settings.endpoints.streams;
        let stream = MarketStream::open(url, streams, self.settings.socket.clone(), self.connects.clone());
        let mut stream = match stream {
            Ok(stream) => stream,
            Err(error) => return send(out, Message::Fatal(error.to_string())).and(Err(Gone)),
        };
        let mut patience = self.settings.silence;
        let mut last_seen: Option<Kline> = None;
        // Without open klines between candles there is nothing to judge silence by.
        let watches = self.settings.trades;
        let mut is_up = false;
        loop {
            let ask = async {
                sleep(patience).await;
                self.newest().await
            };
            // Whatever comes meanwhile ends the question.
            let item = tokio::select! {
                item = stream.next() => item,
                newest = ask, if watches && is_up => {
                    patience = (patience * 2).min(SILENCE_MOST);
                    let Some(newest) = newest else { continue };
                    let other = |seen: &Kline| (seen.open_time, seen.volume) != (newest.open_time, newest.volume);
                    let is_missed = feed.next().is_some_and(|next| newest.open_time > next);
                    if is_missed || last_seen.as_ref().is_some_and(other) {
                        let why = "nothing came though the market moved".to_owned();
                        send(out, Message::FeedDown { why })?;
                        return Ok(());
                    }
                    last_seen = Some(newest);
                    continue;
                }
            };
            match item {
                Some(StreamItem::Connected { .. }) => {
                    *generation += 1;
                    is_up = true;
                    let is_again = *generation > 1;
                    let clock = async {
                        if is_again {
                            // This machine may have slept, and its clock with it. What needs it says so if that fails.
                            _ = self.rest.sync_clock().await;
                        }
                    };
                    // What was seen before a connection was lost is old though this one is not silent.
                    let both = async { tokio::join!(clock, self.newest()).1 };
                    last_seen = timeout(self.settings.answer_timeout, both).await.ok().flatten();
                    send(out, Message::FeedUp { generation: *generation })?;
                    self.catch_up(feed, out).await?;
                }
                Some(StreamItem::Event { event: MarketEvent::Kline(update), .. }) => {
                    if update.closed {
                        self.offer(feed, update.kline.candle(), out).await?;
                    } else if self.settings.trades {
                        send(
                            out,
                            Message::Trade { time: update.event_time, price: update.kline.candle().close },
                        )?;
                    }
                    last_seen = Some(update.kline);
                    patience = self.settings.silence;
                }
                Some(StreamItem::Event { event: MarketEvent::Trade { trade, .. }, .. }) => {
                    use rust_decimal::prelude::ToPrimitive;
                    *self.last_price.lock().unwrap_or_else(PoisonError::into_inner) = Some(trade.price);
                    if let Some(price) = trade.price.to_f64() {
                        send(out, Message::Trade { time: trade.time, price })?;
                    }
                    patience = self.settings.silence;
                }
                Some(StreamItem::Event { .. }) => {}
                Some(StreamItem::Unreadable(error)) => send(out, Message::Warning(error.to_string()))?,
                Some(StreamItem::Refused(error)) => {
                    send(
                        out,
                        Message::Fatal(format!("the exchange refuses the streams: {}", error.message)),
                    )?;
                }
                Some(StreamItem::Disconnected { reason, .. }) => {
                    is_up = false;
                    send(out, Message::FeedDown { why: reason })?;
                }
                None => return Ok(()),
            }
        }
    }

    /// The newest candle that the exchange knows of, if it says so.
    async fn newest(&self) -> Option<Kline> {
        let page = self.rest.klines(&self.settings.symbol, &self.settings.interval, None, None, 1).await;
        page.ok()?.pop()
    }

    async fn catch_up(&self, feed: &mut CandleFeed, out: &Sender<Message>) -> Result<(), Gone> {
        let Some(from) = feed.next() else { return Ok(()) };
        match self.candles(Some(from), usize::MAX).await {
            Ok(candles) => {
                for candle in candles {
                    if let Take::Next(candle) = match feed.take(candle) {
                        Take::Missing { .. } => feed.accept(candle),
                        other => other,
                    } {
                        send(out, Message::Candle(candle))?;
                    }
                }
                Ok(())
            }
            // The next candle that comes shows what is missing.
            Err(error) => {
                send(out, Message::Warning(format!("missed candles could not be read yet: {error}")))
            }
        }
    }

    async fn offer(&self, feed: &mut CandleFeed, candle: Candle, out: &Sender<Message>) -> Result<(), Gone> {
        let mut pause = Duration::from_millis(200);
        loop {
            match feed.take(candle) {
                Take::Next(candle) => return send(out, Message::Candle(candle)),
                Take::Old => return Ok(()),
                Take::Missing { from } => match self.candles(Some(from), usize::MAX).await {
                    Ok(missed) => {
                        for missed in missed.into_iter().filter(|missed| missed.open_time <= candle.open_time)
                        {
                            let taken = match feed.take(missed) {
                                Take::Missing { .. } => feed.accept(missed),
                                other => other,
                            };
                            if let Take::Next(candle) = taken {
                                send(out, Message::Candle(candle))?;
                            }
                        }
                        if let Take::Missing { .. } = feed.take(candle)
                            && let Take::Next(candle) = feed.accept(candle)
                        {
                            return send(out, Message::Candle(candle));
                        }
                    }
                    Err(error) => {
                        send(
                            out,
                            Message::Warning(format!("missed candles could not be read yet: {error}")),
                        )?;
                        sleep(pause).await;
                        pause = (pause * 2).min(Duration::from_secs(10));
                    }
                },
            }
        }
    }

    /// Opens the connection for orders and for events of the account, and hands those on.
    pub async fn follow_account(self: Arc<Self>, out: Sender<Message>) {
        let (Some(credentials), Some(url)) = (&self.settings.credentials, &self.settings.endpoints.ws_api)
        else {
            return;
        };
        let settings = WsApiSettings {
            recv_window: self.settings.recv_window,
            socket: SocketSettings {
                answer_timeout: self.settings.answer_timeout,
                ..self.settings.socket.clone()
            },
            ..WsApiSettings::default()
        };
        let opened = WsApi::open(
            url,
            credentials.clone(),
            self.rest.limits().clone(),
            settings,
            self.connects.clone(),
        );
        let (api, mut items) = match opened {
            Ok(opened) => opened,
            Err(error) => {
                let _ = out.send(Message::Fatal(error.to_string()));
                return;
            }
        };
        *self.api.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(api));
        while let Some(item) = items.recv().await {
            let message = match item {
                ApiItem::Connected { generation } => Message::AccountUp { generation },
                ApiItem::Disconnected { reason, .. } => Message::AccountDown { why: reason },
                ApiItem::User(event) => {
                    let news = self.news_of(&event).await;
                    let sent = news.map_or(Ok(()), |news| out.send(Message::News(news)));
                    self.events.fetch_add(1, Ordering::Release);
                    match sent {
                        Ok(()) => continue,
                        Err(_) => return,
                    }
                }
                ApiItem::Unreadable(error) => Message::Warning(error.to_string()),
                ApiItem::Refused(refusal) => match refusal.kind {
                    RefusalKind::Key | RefusalKind::Signature | RefusalKind::Region => {
                        Message::Fatal(format!("the exchange refuses the key: {refusal}"))
                    }
                    _ => Message::Warning(format!("the exchange refuses events of the account: {refusal}")),
                },
            };
            if out.send(message).is_err() {
                return;
            }
        }
    }

    async fn news_of(&self, event: &UserEvent) -> Option<News> {
        match event {
            UserEvent::Execution(report) if report.symbol == self.settings.symbol => {
                Some(self.news_of_report(report).await)
            }
            _ => None,
        }
    }

    async fn news_of_report(&self, report: &ExecutionReport) -> News {
        let id = report.client_order_id.clone();
        let mut executions = Vec::new();
        if let Some(fill) = &report.fill {
            let asset = fill.commission_asset.as_deref().unwrap_or(&self.rules.quote_asset);
            executions.push(
                self.execution(
                    id.clone(),
                    fill.trade_id,
                    (fill.price, fill.quantity),
                    (fill.commission, asset),
                    report.transaction_time,
                )
                .await,
            );
        }
        let order = OrderNews {
            id,
            order_id: report.order_id,
            is_open: is_open(report.status.known().copied()),
            is_known: report.status.known().is_some(),
            executed: report.executed_quantity,
            status: shown(report.status.known().copied()),
        };
        News { orders: vec![order], executions }
    }

    async fn execution(
        &self,
        id: String,
        trade_id: u64,
        (price, quantity): (Decimal, Decimal),
        (commission, asset): (Decimal, &str),
        time: i64,
    ) -> Execution {
        let (commission_in, value) = if asset == self.rules.quote_asset {
            (CommissionIn::Quote, commission)
        } else if asset == self.rules.base_asset {
            (CommissionIn::Base, commission.checked_mul(price).unwrap_or_default())
        } else {
            let rate = self.rate(asset).await;
            (CommissionIn::Other, commission.checked_mul(rate).unwrap_or_default())
        };
        Execution { id, trade_id, price, quantity, commission, commission_in, commission_value: value, time }
    }

    /// Of one unit of another asset in quote currency; 0 if there is no market for it, or none was ever told.
    async fn rate(&self, asset: &str) -> Decimal {
        const FRESH: Duration = Duration::from_secs(60);
        let rates = || self.rates.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((rate, at)) = rates().get(asset).copied()
            && at.elapsed() < FRESH
        {
            return rate;
        }
        let symbol = format!("{asset}{}", self.rules.quote_asset);
        // Whoever waits for it may have a position to protect.
        let asked = timeout(RATE_WITHIN, self.rest.prices(&[&symbol])).await;
        let Ok(Ok(prices)) = asked else {
            let known = rates().get(asset).map(|(rate, _)| *rate);
            if known.is_none() {
                tracing::warn!("the price of {symbol} is not known: a commission in {asset} is booked as 0");
            }
            return known.unwrap_or_default();
        };
        let rate = prices.first().map(|it| it.price).unwrap_or_default();
        rates().insert(asset.to_owned(), (rate, Instant::now()));
        rate
    }

    /// Carries a request out, and says what became of it.
    pub async fn carry_out(&self, number: u64, request: &Request) -> Message {
        match request {
            Request::AskOrder { id } => self.ask_order(id).await,
            Request::AskTrades { id, order_id } => self.ask_trades(id, *order_id).await,
            Request::Replace { cancel, id, stop, quantity } => {
                let order = self.stop(id, *stop, *quantity);
                let (outcome, cancelled) = self.replace(cancel, order).await;
                Message::Answer { request: number, outcome, cancel: cancelled }
            }
            request => Message::Answer { request: number, outcome: self.change(request).await, cancel: None },
        }
    }

    fn order(&self, side: Side, order_type: OrderType, id: &str, quantity: Decimal) -> OrderRequest {
        OrderRequest::new(&self.settings.symbol, side, order_type, id).quantity(quantity)
    }

    fn stop(&self, id: &str, stop: Decimal, quantity: Decimal) -> OrderRequest {
        self.order(Side::Sell, OrderType::StopLoss, id, quantity).stop_price(stop).protecting()
    }

    fn target(&self, id: &str, price: Decimal, quantity: Decimal) -> OrderRequest {
        self.order(Side::Sell, OrderType::LimitMaker, id, quantity).price(price).protecting()
    }

    async fn change(&self, request: &Request) -> Answered {
        match request {
            Request::Market { id, side, quantity } => {
                let order = self.order(*side, OrderType::Market, id, *quantity);
                self.place(if *side == Side::Sell { order.protecting() } else { order }).await
            }
            Request::Stop { id, stop, quantity } => self.place(self.stop(id, *stop, *quantity)).await,
            Request::Target { id, price, quantity } => self.place(self.target(id, *price, *quantity)).await,
            Request::Oco { list, stop_id, stop, target_id, price, quantity } => {
                let (above, below) =
                    (self.target(target_id, *price, *quantity), self.stop(stop_id, *stop, *quantity));
                self.place_list(ListRequest {
                    list_client_order_id: list.clone(),
                    kind: ListRequestKind::Oco { above, below },
                })
                .await
            }
            Request::Cancel { id } => self.cancel(id).await,
            Request::CancelList { list } => self.cancel_list(list).await,
            Request::Replace { .. } | Request::AskOrder { .. } | Request::AskTrades { .. } => {
                Answered::Refused { kind: RefusedAs::Never, message: "not an order".to_owned() }
            }
        }
    }

    fn situation(&self) -> Situation {
        let average_price = *self.last_price.lock().unwrap_or_else(PoisonError::into_inner);
        Situation { average_price, ..Situation::default() }
    }

    fn api(&self) -> Option<Arc<WsApi>> {
        self.api.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Sends over the connection that stays or, where it is certain that nothing left that way, over REST.
    async fn either_way<T>(
        &self,
        by_api: impl AsyncFnOnce(Arc<WsApi>) -> Outcome<T>,
        by_rest: impl AsyncFnOnce() -> Outcome<T>,
    ) -> Outcome<T> {
        let not_sent = |outcome: &Outcome<T>| matches!(outcome, Outcome::Refused(refusal) if refusal.kind == RefusalKind::NotSent);
        match self.api() {
            Some(api) => match by_api(api).await {
                outcome if not_sent(&outcome) => by_rest().await,
                outcome => outcome,
            },
            None => by_rest().await,
        }
    }

    async fn place(&self, order: OrderRequest) -> Answered {
        let checked = match order.check(&self.rules, &self.account_filters, &self.situation()) {
            Ok(checked) => checked,
            Err(fault) => return refused(&fault.into()),
        };
        let by_api = async |api: Arc<WsApi>| api.place(&checked).await;
        let outcome = self.either_way(by_api, async || self.rest.place(&checked).await).await;
        self.answered(outcome.map(|report| Canceled::Order(Box::new(report)))).await
    }

    async fn place_list(&self, list: ListRequest) -> Answered {
        let checked = match list.check(&self.rules, &self.account_filters, &self.situation()) {
            Ok(checked) => checked,
            Err(fault) => return refused(&fault.into()),
        };
        let by_api = async |api: Arc<WsApi>| api.place_list(&checked).await;
        let outcome = self.either_way(by_api, async || self.rest.place_list(&checked).await).await;
        self.answered(outcome.map(|report| Canceled::List(Box::new(report)))).await
    }

    async fn cancel(&self, id: &str) -> Answered {
        let request = CancelRequest::new(&self.settings.symbol, OrderKey::ClientId(id.to_owned()));
        let by_api = async |api: Arc<WsApi>| api.cancel(&request).await;
        let outcome = self.either_way(by_api, async || self.rest.cancel(&request).await).await;
        self.answered(outcome).await
    }

    async fn answered(&self, outcome: Outcome<Canceled>) -> Answered {
        match outcome {
            Outcome::Accepted(Canceled::Order(report)) => {
                Answered::Accepted(self.news_of_order(&report).await)
            }
            Outcome::Accepted(Canceled::List(report)) => Answered::Accepted(self.news_of_list(&report).await),
            Outcome::Refused(refusal) => refused(&refusal),
            Outcome::Unknown(doubt) => Answered::Unknown { why: doubt.why },
        }
    }

    async fn cancel_list(&self, list: &str) -> Answered {
        let (symbol, key) = (&self.settings.symbol, OrderKey::ClientId(list.to_owned()));
        let by_api = async |api: Arc<WsApi>| api.cancel_list(symbol, &key).await;
        let outcome = self.either_way(by_api, async || self.rest.cancel_list(symbol, &key).await).await;
        self.answered(outcome.map(|report| Canceled::List(Box::new(report)))).await
    }

    /// What became of the new order, and of the cancel.
    async fn replace(&self, old: &str, order: OrderRequest) -> (Answered, Option<Answered>) {
        let nothing = |kind| {
            let message = "the order before it was left as it is".to_owned();
            Answered::Refused { kind, message }
        };
        let order = match order.check(&self.rules, &self.account_filters, &self.situation()) {
            Ok(checked) => checked,
            Err(fault) => return (refused(&fault.into()), Some(nothing(RefusedAs::NotNow))),
        };
        let cancel = CancelRequest::new(&self.settings.symbol, OrderKey::ClientId(old.to_owned()));
        let request = ReplaceRequest { cancel, order, mode: CancelReplaceMode::StopOnFailure };
        let by_api = async |api: Arc<WsApi>| api.cancel_replace(&request).await;
        let outcome = self.either_way(by_api, async || self.rest.cancel_replace(&request).await).await;
        match outcome {
            Outcome::Accepted(Replaced { cancel, new_order }) => {
                let cancelled = match cancel {
                    Some(cancel) => self.answered(cancel).await,
                    None => nothing(RefusedAs::NotNow),
                };
                let placed = match new_order {
                    Some(placed) => self.answered(placed).await,
                    None => nothing(RefusedAs::NotNow),
                };
                (placed, Some(cancelled))
            }
            Outcome::Refused(refusal) => (refused(&refusal), Some(refused(&refusal))),
            Outcome::Unknown(doubt) => {
                let unknown = Answered::Unknown { why: doubt.why };
                (unknown.clone(), Some(unknown))
            }
        }
    }

    async fn news_of_order(&self, report: &OrderReport) -> News {
        let id = report.own_client_order_id().to_owned();
        let status = report.state.as_ref().and_then(|state| state.status.known().copied());
        let order = OrderNews {
            id: id.clone(),
            order_id: report.order_id,
            is_open: is_open(status),
            is_known: status.is_some(),
            executed: report.state.as_ref().map(|state| state.executed_quantity).unwrap_or_default(),
            status: shown(status),
        };
        let mut executions = Vec::new();
        let time = report.transact_time.or(report.update_time).unwrap_or(0);
        for OrderFill { price, quantity, commission, commission_asset, trade_id } in &report.fills {
            if let Some(trade_id) = trade_id {
                let paid = (*commission, commission_asset.as_str());
                executions.push(self.execution(id.clone(), *trade_id, (*price, *quantity), paid, time).await);
            }
        }
        News { orders: vec![order], executions }
    }

    async fn news_of_list(&self, report: &OrderListReport) -> News {
        let mut news = News::default();
        for report in &report.reports {
            let one = self.news_of_order(report).await;
            news.orders.extend(one.orders);
            news.executions.extend(one.executions);
        }
        news
    }

    async fn ask_order(&self, id: &str) -> Message {
        let key = OrderKey::ClientId(id.to_owned());
        match soon(|| self.rest.order(&self.settings.symbol, &key)).await {
            Ok(report) => Message::News(self.news_of_order(&report).await),
            Err(error) if error.refusal().is_some_and(|it| it.kind == RefusalKind::NoSuchOrder) => {
                Message::Unfound { id: id.to_owned() }
            }
            Err(error) => Message::Unasked { id: id.to_owned(), why: error.to_string() },
        }
    }

    async fn ask_trades(&self, id: &str, order_id: u64) -> Message {
        match soon(|| self.rest.trades_of_order(&self.settings.symbol, order_id)).await {
            Ok(trades) => {
                let mut executions = Vec::new();
                for MyTrade { id: trade_id, price, quantity, commission, commission_asset, time, .. } in
                    trades
                {
                    let paid = (commission, commission_asset.as_str());
                    executions
                        .push(self.execution(id.to_owned(), trade_id, (price, quantity), paid, time).await);
                }
                if executions.is_empty() {
                    let why = "its executions are not told yet".to_owned();
                    return Message::Unasked { id: id.to_owned(), why };
                }
                Message::News(News { orders: Vec::new(), executions })
            }
            Err(error) => Message::Unasked { id: id.to_owned(), why: error.to_string() },
        }
    }
}

/// The first answer to a question that is put again beside itself while there is none: what is lost or late must not
/// keep a position without protection, and a question changes nothing.
async fn soon<T, F: Future<Output = T>>(ask: impl Fn() -> F) -> T {
    let mut asked = FuturesUnordered::from_iter([ask()]);
    for _ in 0..AGAIN_MOST {
        if let Ok(Some(answer)) = tokio::time::timeout(AGAIN_AFTER, asked.next()).await {
            return answer;
        }
        asked.push(ask());
    }
    match asked.next().await {
        Some(answer) => answer,
        None => ask().await,
    }
}

/// Nobody takes messages any more.
struct Gone;

fn send(out: &Sender<Message>, message: Message) -> Result<(), Gone> {
    out.send(message).map_err(|_| Gone)
}

fn is_open(status: Option<OrderStatus>) -> bool {
    status.is_none_or(|status| !status.is_closed())
}

fn shown(status: Option<OrderStatus>) -> String {
    status.map_or("unknown", OrderStatus::name).to_owned()
}

fn refused(refusal: &Refusal) -> Answered {
    let kind = match &refusal.kind {
        RefusalKind::WouldTrigger | RefusalKind::WouldMatch => RefusedAs::WouldTrigger,
        // The prices of a pair lie on the wrong sides of the market.
        RefusalKind::Other if refusal.message.contains("relationship of the prices") => {
            RefusedAs::WouldTrigger
        }
        RefusalKind::NotOpen | RefusalKind::NoSuchOrder => RefusedAs::NotOpen,
        RefusalKind::InsufficientBalance => RefusedAs::InsufficientBalance,
        RefusalKind::Key | RefusalKind::Signature | RefusalKind::Region => RefusedAs::Key,
        RefusalKind::Filter(_)
        | RefusalKind::Precision
        | RefusalKind::Request
        | RefusalKind::Local
        | RefusalKind::Duplicate => RefusedAs::Never,
        RefusalKind::RateLimited { .. }
        | RefusalKind::Banned { .. }
        | RefusalKind::Busy
        | RefusalKind::Timestamp
        | RefusalKind::Firewall
        | RefusalKind::NotSent
        | RefusalKind::MarketClosed
        | RefusalKind::Other => RefusedAs::NotNow,
    };
    Answered::Refused { kind, message: refusal.to_string() }
}

#[cfg(test)]
mod tests {
    use super::soon;
    use std::sync::atomic::{AtomicU32, Ordering};

    #[test]
    fn a_question_without_an_answer_is_put_again() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let asked = AtomicU32::new(0);
        let ask = || async {
            match asked.fetch_add(1, Ordering::Relaxed) {
                0 => std::future::pending().await,
                number => number,
            }
        };
        assert_eq!(runtime.block_on(soon(ask)), 1, "the first answer is the second one's");
    }
}
