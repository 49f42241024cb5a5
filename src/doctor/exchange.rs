//! Asks the exchange. Everything is asked once and within seconds, so that an exchange that is not there, or does
//! not answer, holds nobody up; what fails says so, and the rest goes on.

use super::{Check, judge};
use crate::venues::binance::endpoints::{Endpoints, Preset};
use crate::venues::binance::limits::Limits;
use crate::venues::binance::outcome::{ReadError, Refusal};
use crate::venues::binance::rest::{RestClient, RestSettings};
use crate::venues::binance::sign::Credentials;
use crate::venues::binance::socket::{Connects, SocketSettings};
use crate::venues::binance::streams::{MarketStream, StreamItem, book_ticker_stream};
use crate::venues::binance::wire::{Account, ExchangeInfo, LimitKind, RateLimit, SymbolInfo};
use crate::venues::binance::ws_api::{ApiItem, UserData, WsApi, WsApiSettings};
use rust_decimal::Decimal;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, timeout};

/// For one question or one connection; six follow on each other at most.
const ANSWER: Duration = Duration::from_millis(2500);

/// For what makes a connection and then asks. Longer than either may take, so that the one that took too long is
/// the one that is told of.
const CONNECTED_ANSWER: Duration = Duration::from_millis(5000);

/// No second attempt: that it was needed is what is looked for.
const NEVER: Duration = Duration::from_secs(3600);

/// For all of it, whatever happens.
const ALL: Duration = Duration::from_secs(16);

/// What is asked.
#[derive(Debug, Clone)]
pub struct Plan {
    pub venue: Preset,
    pub endpoints: Endpoints,
    pub symbol: String,
    pub key: Key,
}

/// What there is to sign with.
#[derive(Debug, Clone)]
pub enum Key {
    None,
    /// One that cannot be used, and why.
    Unusable(String),
    Found {
        credentials: Arc<Credentials>,
        /// Where it came from.
        origin: String,
    },
}

impl Plan {
    fn credentials(&self) -> Option<Arc<Credentials>> {
        match &self.key {
            Key::Found { credentials, .. } if self.has_accounts() => Some(credentials.clone()),
            _ => None,
        }
    }

    fn has_accounts(&self) -> bool {
        self.venue != Preset::Data
    }
}

/// Asks everything; takes some seconds at most.
pub async fn examine(plan: &Plan) -> Vec<Check> {
    let asked = async {
        let (stream, mut checks) = tokio::join!(streams(plan), by_rest(plan));
        checks.insert(checks.len().min(1), stream);
        checks
    };
    let mut checks = timeout(ALL, asked).await.unwrap_or_else(|_| {
        let why = format!("not all answers came within {} s", ALL.as_secs());
        vec![judge::no_connection("rest", &plan.endpoints.rest, &why)]
    });
    if let Key::Found { credentials, .. } = &plan.key {
        checks.iter_mut().for_each(|check| check.hide(credentials.api_key()));
    }
    checks
}

fn since(start: Instant) -> i64 {
    i64::try_from(start.elapsed().as_millis()).unwrap_or(i64::MAX)
}

fn socket_settings() -> SocketSettings {
    SocketSettings { connect_timeout: ANSWER, answer_timeout: ANSWER, ..SocketSettings::default() }
}

/// Connects to the market streams, until the first answer.
async fn streams(plan: &Plan) -> Check {
    let url = &plan.endpoints.streams;
    let name = book_ticker_stream(&plan.symbol);
    let start = Instant::now();
    let stream = MarketStream::open(url, [name.clone()], socket_settings(), Connects::default());
    let mut stream = match stream {
        Ok(stream) => stream,
        Err(error) => return judge::not_set_up("streams", url, &error.to_string()),
    };
    let first = async {
        loop {
            match stream.next().await {
                Some(StreamItem::Connected { .. }) => return Ok(()),
                Some(StreamItem::Disconnected { reason, .. }) => return Err(reason),
                Some(_) => {}
                None => return Err("the connection ended".to_owned()),
            }
        }
    };
    match timeout(CONNECTED_ANSWER, first).await {
        Ok(Ok(())) => judge::reached("streams", url, &format!("subscribed to {name}"), since(start)),
        Ok(Err(reason)) => judge::no_connection("streams", url, &reason),
        Err(_) => judge::no_connection("streams", url, "no answer"),
    }
}

/// The WebSocket API: connects, asks for the time, and follows the account where there is one.
async fn ws_api(plan: &Plan, account: Option<Arc<Credentials>>, limits: Limits) -> Check {
    let Some(url) = &plan.endpoints.ws_api else { return judge::no_ws_api(plan.venue) };
    let user_data = if account.is_some() { UserData::Signature } else { UserData::None };
    // Without an account nothing is signed, and any key will do.
    let credentials = account.map_or_else(|| Credentials::hmac("none", "none").map(Arc::new), Ok);
    let credentials = match credentials {
        Ok(credentials) => credentials,
        Err(error) => return judge::not_set_up("ws-api", url, &error.to_string()),
    };
    let settings =
        WsApiSettings { socket: socket_settings(), user_data, order_patience: ANSWER, ..Default::default() };
    let (api, mut items) = match WsApi::open(url, credentials, limits, settings, Connects::default()) {
        Ok(opened) => opened,
        Err(error) => return judge::not_set_up("ws-api", url, &error.to_string()),
    };
    let ready = async {
        loop {
            match items.recv().await {
                Some(ApiItem::Connected { .. }) => return Ok(()),
                Some(ApiItem::Refused(refusal)) => return Err(NotReady::Refused(refusal)),
                Some(ApiItem::Disconnected { reason, .. }) => return Err(NotReady::Lost(reason)),
                Some(_) => {}
                None => return Err(NotReady::Lost("the connection ended".to_owned())),
            }
        }
    };
    let ready = timeout(CONNECTED_ANSWER, ready).await;
    match ready.unwrap_or_else(|_| Err(NotReady::Lost("no answer".to_owned()))) {
        Ok(()) => {}
        Err(NotReady::Refused(refusal)) => return judge::not_subscribed(url, plan.venue, &refusal),
        Err(NotReady::Lost(reason)) => return judge::no_connection("ws-api", url, &reason),
    }
    let start = Instant::now();
    match api.sync_clock().await {
        Ok(_) => {
            let what = if user_data == UserData::None { "answers" } else { "follows the account, answers" };
            judge::reached("ws-api", url, what, since(start))
        }
        Err(error) => judge::unanswered("ws-api", url, plan.venue, url, &error),
    }
}

enum NotReady {
    Refused(Refusal),
    Lost(String),
}

/// All that begins with REST, in the order in which it is told.
async fn by_rest(plan: &Plan) -> Vec<Check> {
    let url = &plan.endpoints.rest;
    let settings = RestSettings {
        connect_timeout: ANSWER,
        timeout: ANSWER,
        read_deadline: ANSWER,
        pause_first: NEVER,
        pause_most: NEVER,
        ..RestSettings::default()
    };
    let rest = match RestClient::new(url, plan.credentials(), settings) {
        Ok(rest) => rest,
        Err(error) => {
            let failed = judge::not_set_up("rest", url, &error.to_string());
            return without_rest(plan, failed).await;
        }
    };
    // The first question makes the connection, the second measures.
    if let Err(error) = rest.ping().await {
        return without_rest(plan, judge::no_rest(url, plan.venue, &error)).await;
    }
    let start = Instant::now();
    let offset_ms = match rest.sync_clock().await {
        Ok(offset_ms) => offset_ms,
        Err(error) => return without_rest(plan, judge::no_rest(url, plan.venue, &error)).await,
    };
    let round_trip_ms = since(start);
    let mut checks = vec![judge::reached("rest", url, "answers", round_trip_ms)];

    let symbols = [plan.symbol.as_str()];
    let (info, price, account) =
        tokio::join!(rest.exchange_info(&symbols), rest.prices(&symbols), account(plan, &rest));
    let price = price.ok().and_then(|prices| prices.first().map(|ticker| ticker.price));
    let (mut keys, account) = account;
    let signing = account.as_ref().and_then(|_| plan.credentials());
    let (api, open, used, symbol) = tokio::join!(
        ws_api(plan, signing, rest.limits().clone()),
        open_orders(plan, &rest, account.is_some() && info.is_ok()),
        orders_used(&rest, account.is_some()),
        told_symbol(plan, &rest, &info)
    );
    checks.push(api);
    checks.push(judge::clock(offset_ms, round_trip_ms));
    checks.append(&mut keys);
    let of_symbol = info.as_ref().ok().and_then(|info| info.symbol(&plan.symbol));
    if let Some(account) = &account {
        checks.push(judge::rights(account, of_symbol, plan.venue, plan.endpoints.are_play_money()));
    }
    checks.push(symbol);
    if let Some(account) = &account {
        checks.extend(balances(account, of_symbol, price, plan.venue));
    }
    checks.extend(open);
    checks.push(match &info {
        Ok(info) => judge::limits(&with_use(&info.rate_limits, &used, rest.limits())),
        Err(_) => judge::limits(&used),
    });
    checks
}

/// What can be said without REST.
async fn without_rest(plan: &Plan, failed: Check) -> Vec<Check> {
    let mut checks = vec![failed, ws_api(plan, None, Limits::default()).await];
    checks.push(match &plan.key {
        Key::Found { credentials, origin } => judge::key_not_tried(credentials.kind(), origin),
        Key::None => judge::no_key(plan.venue),
        Key::Unusable(why) => judge::unusable_key(why),
    });
    checks
}

/// The key, and the account that it opens.
async fn account(plan: &Plan, rest: &RestClient) -> (Vec<Check>, Option<Account>) {
    let (credentials, origin) = match &plan.key {
        Key::None => return (vec![judge::no_key(plan.venue)], None),
        Key::Unusable(why) => return (vec![judge::unusable_key(why)], None),
        Key::Found { credentials, origin } => (credentials, origin),
    };
    let kind = credentials.kind();
    if !plan.has_accounts() {
        return (vec![judge::key_without_account(kind, origin)], None);
    }
    match rest.account().await {
        Ok(account) => (vec![judge::accepted_key(kind, origin)], Some(account)),
        Err(error) => {
            (vec![judge::refused_key(kind, origin, &plan.endpoints.rest, plan.venue, &error)], None)
        }
    }
}

async fn told_symbol(plan: &Plan, rest: &RestClient, info: &Result<ExchangeInfo, ReadError>) -> Check {
    match info {
        Ok(info) => judge::told_symbol(&plan.symbol, info),
        // "Invalid symbol.", or characters that no symbol has.
        Err(error) if is_symbol_wrong(error) => {
            let others = rest.prices(&[]).await.unwrap_or_default();
            let others: Vec<String> = others.into_iter().map(|ticker| ticker.symbol).collect();
            judge::unknown_symbol(&plan.symbol, &others)
        }
        Err(error) => judge::unanswered("symbol", &plan.endpoints.rest, plan.venue, &plan.symbol, error),
    }
}

fn is_symbol_wrong(error: &ReadError) -> bool {
    error.refusal().is_some_and(|refusal| matches!(refusal.code, Some(-1121 | -1100)))
}

fn balances(
    account: &Account,
    symbol: Option<&SymbolInfo>,
    price: Option<Decimal>,
    venue: Preset,
) -> Option<Check> {
    symbol.map(|symbol| judge::balances(account, symbol, price, venue))
}

async fn open_orders(plan: &Plan, rest: &RestClient, asked: bool) -> Option<Check> {
    if !asked {
        return None;
    }
    Some(match rest.open_orders(&plan.symbol).await {
        Ok(orders) => judge::open_orders(&plan.symbol, orders.len()),
        Err(error) => judge::unanswered("orders", &plan.endpoints.rest, plan.venue, "open orders", &error),
    })
}

/// How much of the limits on orders is used; empty where it cannot be told.
async fn orders_used(rest: &RestClient, asked: bool) -> Vec<RateLimit> {
    if asked { rest.order_limits().await.unwrap_or_default() } else { Vec::new() }
}

fn with_use(limits: &[RateLimit], orders: &[RateLimit], known: &Limits) -> Vec<RateLimit> {
    let used = |limit: &RateLimit| match limit.kind {
        LimitKind::Orders => {
            let same = orders.iter().find(|it| it.interval_ms == limit.interval_ms);
            same.and_then(|it| it.count)
        }
        kind => known.used(kind, limit.interval_ms),
    };
    limits.iter().map(|limit| RateLimit { count: limit.count.or_else(|| used(limit)), ..*limit }).collect()
}
