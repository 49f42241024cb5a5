//! The exchange that every case starts: four symbols of minute candles, and a handful of accounts.
//!
//! The market begins on Monday 2025-03-03 at 00:00, three days into its candles, with BTCUSDT at 50000. The minutes
//! after that, in BTCUSDT (ETHUSDT, BNBUSDT and the others move alike):
//!
//! | minute | open | high | low | close |
//! |---|---|---|---|---|
//! | 0 | 50000 | 50200 | 49900 | 50100 |
//! | 1 | 50100 | 50100 | 49000 | 49100 |
//! | 2 | 49100 | 52000 | 49100 | 51900 |
//! | 3 | 51900 | 51900 | 50000 | 50000 |
//! | 4.. | 50000 | 50010 | 49990 | 50000 |

use super::keys::{ed25519_public, rsa_public};
use mista::venues::local::accounts::{AccountConfig, Credential, Permissions, flat_rates};
use mista::venues::local::listing::usual_rules;
use mista::venues::local::market::{Series, SeriesRow};
use mista::venues::local::pace::Speed;
use mista::venues::local::{HISTORY, Handle, Listing, LocalConfig, LocalExchange};
use mista::venues::rules::{ExchangeFilters, MinNotional, PercentPrice};
use mista::venues::sim::exchange::CommissionDiscount;
use rust_decimal::Decimal;

/// Monday 2025-03-03T00:00:00Z.
pub const START: i64 = 1_740_960_000_000;
const MINUTE: i64 = 60_000;
const BEFORE: i64 = 3 * 24 * 60;
const AFTER: i64 = 6 * 60;

/// What a case asks for beyond the usual.
#[derive(Default)]
pub struct Wishes {
    pub limits: Option<f64>,
    pub chaos: Option<u64>,
    pub filters: ExchangeFilters,
    /// Runs at this speed instead of being paused.
    pub speed: Option<f64>,
}

pub async fn start(wishes: &Wishes) -> Handle {
    let config = LocalConfig {
        address: ([127, 0, 0, 1], 0).into(),
        listings: listings(),
        accounts: accounts(),
        slippage_bps: 0.0,
        filters: wishes.filters,
        start: START,
        end: None,
        speed: Speed::Times(wishes.speed.unwrap_or(1.0)),
        is_paused: wishes.speed.is_none(),
        limits_factor: wishes.limits.unwrap_or(1.0),
        chaos: wishes.chaos,
        history: HISTORY,
    };
    LocalExchange::start(config).await.unwrap()
}

fn listings() -> Vec<Listing> {
    let mut eth = listing("ETHUSDT", "ETH", 25, 4);
    // The filters that the others have in their newer form.
    eth.rules.filters.notional = None;
    eth.rules.filters.percent_price_by_side = None;
    eth.rules.filters.min_notional =
        Some(MinNotional { min_notional: Decimal::from(10), apply_to_market: true, avg_price_mins: 5 });
    eth.rules.filters.percent_price = Some(PercentPrice {
        bid_up: Decimal::new(15, 1),
        bid_down: Decimal::new(5, 1),
        ask_up: Decimal::new(15, 1),
        ask_down: Decimal::new(5, 1),
        avg_price_mins: 5,
    });
    vec![
        listing("BTCUSDT", "BTC", 1, 5),
        eth,
        listing("BNBUSDT", "BNB", 100, 3),
        listing("测试USDT", "测试", 50_000, 0),
    ]
}

/// A symbol at 50000 / `divisor`.
fn listing(symbol: &str, base: &str, divisor: i64, step: u32) -> Listing {
    let mut series = Series::new(symbol, "1m".parse().unwrap());
    let price = |at_btc: i64| Decimal::from(at_btc) / Decimal::from(divisor);
    for minute in -BEFORE..AFTER {
        let [open, high, low, close] = minute_of(minute).map(price);
        let open_time = START + minute * MINUTE;
        series
            .push(&SeriesRow {
                open_time,
                close_time: open_time + MINUTE - 1,
                open,
                high,
                low,
                close,
                volume: Decimal::from(10),
                quote_volume: None,
                trades: Some(20),
                taker_buy_base: None,
                taker_buy_quote: None,
            })
            .unwrap();
    }
    let tick = Decimal::new(1, if divisor == 50_000 { 4 } else { 2 });
    let rules = usual_rules(symbol, base, "USDT", tick, Decimal::new(1, step));
    Listing { rules, series }
}

fn minute_of(minute: i64) -> [i64; 4] {
    match minute {
        0 => [50_000, 50_200, 49_900, 50_100],
        1 => [50_100, 50_100, 49_000, 49_100],
        2 => [49_100, 52_000, 49_100, 51_900],
        3 => [51_900, 51_900, 50_000, 50_000],
        4.. => [50_000, 50_010, 49_990, 50_000],
        _ => {
            let at = |minute: i64| 50_000 + 2 * (30 - (30 - minute.rem_euclid(60)).abs());
            let (open, close) = (at(minute), at(minute + 1));
            [open, open.max(close) + 5, open.min(close) - 5, close]
        }
    }
}

fn accounts() -> Vec<AccountConfig> {
    let account = |key: &str, credential: Credential| AccountConfig {
        key: key.to_owned(),
        credential,
        balances: [("USDT", 100_000), ("BTC", 2), ("ETH", 50), ("测试", 1000), ("EMPTY", 0)]
            .map(|(asset, amount)| (asset.to_owned(), Decimal::from(amount)))
            .to_vec(),
        rates: flat_rates(Decimal::from(10)),
        discount: None,
        permissions: Permissions::default(),
    };
    let hmac = |key: &str| account(key, Credential::Secret(key.replace("stubkey", "stubsecret")));
    let mut with_bnb = hmac("bnbkey");
    with_bnb.balances.push(("BNB".to_owned(), Decimal::ONE));
    with_bnb.discount = Some(CommissionDiscount {
        asset: "BNB".into(),
        factor: Decimal::new(75, 2),
        prices: vec![("USDT".into(), Decimal::from(500))],
    });
    let mut reader = hmac("readkey");
    reader.permissions.can_trade = false;
    let mut elsewhere = hmac("ipkey");
    elsewhere.permissions.ips = vec![[10, 0, 0, 1].into()];
    vec![
        hmac("stubkey"),
        hmac("stubkey2"),
        with_bnb,
        reader,
        elsewhere,
        account("edkey", Credential::PublicKey(ed25519_public("edkey"))),
        account("edkey2", Credential::PublicKey(ed25519_public("edkey2"))),
        account("rsakey", Credential::PublicKey(rsa_public())),
    ]
}
