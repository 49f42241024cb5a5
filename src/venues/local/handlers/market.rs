//! Requests of anybody: the exchange, its symbols, and what happens on its market.

use crate::model::{DAY_MS, HOUR_MS};
use crate::venues::local::feed::{AVERAGE_MINUTES, BOOK_LEVELS};
use crate::venues::local::market::{KlineInterval, Window};
use crate::venues::local::refusal::Refusal;
use crate::venues::local::render::{self, TickerForm, amount};
use crate::venues::local::request::Params;
use crate::venues::local::routes::Call;
use crate::venues::local::symbol_info;
use crate::venues::local::topic::time_zone_ms;
use crate::venues::sim::exchange::SymbolId;
use crate::venues::words::SymbolStatus;
use serde_json::{Value, json};

type Answer = Result<Value, Refusal>;

pub fn ping(_: &mut Call<'_>) -> Answer {
    Ok(json!({}))
}

pub fn time(call: &mut Call<'_>) -> Answer {
    Ok(json!({ "serverTime": call.unit.micros(call.now_us) }))
}

fn all_symbols(call: &Call<'_>) -> impl Iterator<Item = SymbolId> + use<> {
    (0..call.state.market.symbols().count()).map(SymbolId)
}

fn status_word(params: &Params) -> Result<Option<SymbolStatus>, Refusal> {
    params.word("symbolStatus", SymbolStatus::of, || Refusal::bad(-1122, "Invalid symbolStatus."))
}

/// The symbols a request is about, and whether it named exactly one. Both `symbol` and `symbols` is refused.
fn chosen(call: &Call<'_>) -> Result<(Vec<SymbolId>, bool), Refusal> {
    let params = call.params;
    let status = status_word(params)?;
    let find = |name: &str| call.state.symbol(name).ok_or_else(Refusal::invalid_symbol);
    let has_status =
        |symbol: &SymbolId| status.is_none_or(|status| call.state.exchange.rules(*symbol).status == status);
    let mismatch = || Refusal::bad(-1220, "The symbol's status does not match the requested symbolStatus.");
    match (params.symbol_text("symbol")?, params.symbol_list("symbols")?) {
        (Some(_), Some(_)) => Err(Refusal::combination()),
        (Some(name), None) => {
            let symbol = find(name)?;
            has_status(&symbol).then_some((vec![symbol], true)).ok_or_else(mismatch)
        }
        (None, Some(names)) => {
            let symbols = names.iter().map(|name| find(name)).collect::<Result<Vec<_>, _>>()?;
            symbols.iter().all(has_status).then_some((symbols, false)).ok_or_else(mismatch)
        }
        (None, None) => Ok((all_symbols(call).filter(has_status).collect(), false)),
    }
}

fn one_or_many(call: &Call<'_>, row: impl Fn(&Call<'_>, SymbolId) -> Value) -> Answer {
    let (symbols, is_one) = chosen(call)?;
    let mut rows: Vec<Value> = symbols.into_iter().map(|symbol| row(call, symbol)).collect();
    if is_one { Ok(rows.pop().unwrap_or_default()) } else { Ok(rows.into()) }
}

pub fn exchange_info(call: &mut Call<'_>) -> Answer {
    let params = call.params;
    let given = ["symbol", "symbols", "permissions"].iter().filter(|name| params.has(name)).count();
    let has_one = params.has("symbol") || params.has("symbols");
    if given > 1 || (has_one && params.has("symbolStatus")) {
        return Err(Refusal::combination());
    }
    let has_sets = params.boolean("showPermissionSets")?.unwrap_or(true);
    let permissions = match params.get("permissions") {
        None => vec![symbol_info::PERMISSION.to_owned()],
        Some(text) if text.starts_with('[') => {
            serde_json::from_str(text).map_err(|_| Refusal::illegal("permissions", "^[A-Z0-9_]{1,20}$"))?
        }
        Some(text) => vec![text.to_owned()],
    };
    let is_permitted = permissions.iter().any(|name| name == symbol_info::PERMISSION);
    let (symbols, _) = chosen(call)?;
    let symbols: Vec<Value> = symbols
        .into_iter()
        .filter(|_| is_permitted || has_one)
        .map(|symbol| {
            let mut shown = symbol_info::symbol(call.state.exchange.rules(symbol));
            if let (false, Some(fields)) = (has_sets, shown.as_object_mut()) {
                fields.remove("permissionSets");
            }
            shown
        })
        .collect();
    Ok(json!({
        "timezone": "UTC",
        "serverTime": call.unit.micros(call.now_us),
        "rateLimits": call.state.limits.shown(),
        "exchangeFilters": symbol_info::exchange_filters(&call.state.filters),
        "symbols": symbols,
    }))
}

pub fn klines(call: &mut Call<'_>) -> Answer {
    let params = call.params;
    let symbol = call.symbol()?;
    let interval = KlineInterval::of(params.required("interval")?);
    let interval = interval.ok_or_else(|| Refusal::bad(-1120, "Invalid interval."))?;
    let zone = params.get("timeZone").unwrap_or("0");
    let offset_ms = time_zone_ms(zone)
        .ok_or_else(|| Refusal::bad(-1130, "Data sent for parameter 'timeZone' is not valid."))?;
    let (start, end) = (params.time("startTime")?, params.time("endTime")?);
    let limit = params.limit(500, 1000)?;
    let klines = call.state.market.klines(symbol.0, interval, start, end, limit, offset_ms);
    Ok(klines.iter().map(|kline| render::kline(kline, call.unit)).collect())
}

pub fn depth_weight(params: &Params) -> u64 {
    match params.limit(100, 5000) {
        Ok(101..=500) => 25,
        Ok(501..=1000) => 50,
        Ok(1001..) => 250,
        _ => 5,
    }
}

pub fn depth(call: &mut Call<'_>) -> Answer {
    let symbol = call.symbol()?;
    chosen(call)?;
    let limit = call.params.limit(100, 5000)?.min(BOOK_LEVELS);
    call.state.tell_depth_now(symbol.0);
    Ok(render::depth(&call.state.market.depth(symbol.0, limit)))
}

pub fn trades(call: &mut Call<'_>) -> Answer {
    let symbol = call.symbol()?;
    let from = call.params.integer("fromId")?;
    let trades = call.state.market.trades(symbol.0, from, call.params.limit(500, 1000)?);
    Ok(trades.iter().map(|trade| render::trade(trade, call.unit)).collect())
}

pub fn agg_trades(call: &mut Call<'_>) -> Answer {
    let symbol = call.symbol()?;
    let params = call.params;
    let from = params.integer("fromId")?;
    let (start, end) = (params.time("startTime")?, params.time("endTime")?);
    if from.is_some() && (start.is_some() || end.is_some()) {
        return Err(Refusal::combination());
    }
    let trades = call.state.market.agg_trades(symbol.0, from, start, end, params.limit(500, 1000)?);
    Ok(trades.iter().map(|trade| render::agg_trade(trade, call.unit)).collect())
}

pub fn average_price(call: &mut Call<'_>) -> Answer {
    let symbol = call.symbol()?;
    let average = call.state.market.average_price(symbol.0, AVERAGE_MINUTES);
    Ok(json!({
        "mins": AVERAGE_MINUTES,
        "price": amount(average),
        "closeTime": call.unit.time(call.market_now()),
    }))
}

pub fn price_weight(params: &Params) -> u64 {
    if params.has("symbol") { 2 } else { 4 }
}

pub fn ticker_price(call: &mut Call<'_>) -> Answer {
    one_or_many(
        call,
        |call, symbol| json!({ "symbol": call.symbol_name(symbol), "price": amount(call.state.exchange.last_price(symbol)) }),
    )
}

pub fn ticker_book(call: &mut Call<'_>) -> Answer {
    one_or_many(call, |call, symbol| {
        render::book_ticker(call.symbol_name(symbol), &call.state.market.book_ticker(symbol.0))
    })
}

/// How many symbols a request names; `None`: all of them.
fn named(params: &Params) -> Option<usize> {
    if params.has("symbol") {
        return Some(1);
    }
    params.symbol_list("symbols").ok().flatten().map(|names| names.len())
}

pub fn day_weight(params: &Params) -> u64 {
    match named(params) {
        Some(0..=20) => 2,
        Some(21..=100) => 40,
        _ => 80,
    }
}

pub fn window_weight(params: &Params) -> u64 {
    let count = named(params).unwrap_or(1).min(50);
    4 * u64::try_from(count).unwrap_or(50)
}

pub fn rules_weight(params: &Params) -> u64 {
    match named(params) {
        Some(count) => (2 * u64::try_from(count).unwrap_or(20)).min(40),
        None => 40,
    }
}

fn form(params: &Params, full: TickerForm) -> Result<TickerForm, Refusal> {
    match params.get("type") {
        None | Some("FULL") => Ok(full),
        Some("MINI") => Ok(TickerForm::Mini),
        Some(_) => Err(Refusal::bad(-1139, "Invalid ticker type.")),
    }
}

fn tickers(call: &Call<'_>, window: Window, form: TickerForm) -> Answer {
    one_or_many(call, |call, symbol| {
        let market = &call.state.market;
        let ticker = market.ticker(symbol.0, window);
        render::ticker(call.symbol_name(symbol), &ticker, &market.book_ticker(symbol.0), form, call.unit)
    })
}

pub fn ticker_24hr(call: &mut Call<'_>) -> Answer {
    tickers(call, Window::Rolling(DAY_MS), form(call.params, TickerForm::Day)?)
}

fn symbol_is_named(call: &Call<'_>) -> Result<(), Refusal> {
    match call.params.has("symbol") || call.params.has("symbols") {
        true => Ok(()),
        false => Err(Refusal::missing_both("symbol", "symbols")),
    }
}

pub fn ticker_trading_day(call: &mut Call<'_>) -> Answer {
    symbol_is_named(call)?;
    let offset_ms = time_zone_ms(call.params.get("timeZone").unwrap_or("0"))
        .ok_or_else(|| Refusal::bad(-1130, "Data sent for parameter 'timeZone' is not valid."))?;
    tickers(call, Window::Today { offset_ms }, form(call.params, TickerForm::Window)?)
}

pub fn ticker_window(call: &mut Call<'_>) -> Answer {
    symbol_is_named(call)?;
    let window = call.params.get("windowSize").unwrap_or("1d");
    let refused = || Refusal::bad(-1130, "Data sent for parameter 'windowSize' is not valid.");
    let window = window_ms(window).ok_or_else(refused)?;
    tickers(call, Window::Rolling(window), form(call.params, TickerForm::Window)?)
}

/// `1m` to `59m`, `1h` to `23h`, `1d` to `7d`.
fn window_ms(text: &str) -> Option<i64> {
    let unit = text.chars().last()?;
    let count: i64 = text.strip_suffix(unit)?.parse().ok()?;
    let (most, ms) = match unit {
        'm' => (59, 60_000),
        'h' => (23, HOUR_MS),
        'd' => (7, DAY_MS),
        _ => return None,
    };
    (1..=most).contains(&count).then_some(count * ms)
}

/// No symbol here has a rule beside its filters.
pub fn execution_rules(call: &mut Call<'_>) -> Answer {
    let (symbols, _) = chosen(call)?;
    let rules: Vec<Value> = symbols
        .into_iter()
        .map(|symbol| json!({ "symbol": call.symbol_name(symbol), "rules": [] }))
        .collect();
    Ok(json!({ "symbolRules": rules }))
}

pub fn reference_price(call: &mut Call<'_>) -> Answer {
    call.symbol()?;
    Err(Refusal::bad(-2043, "This symbol doesn't have a reference price."))
}
