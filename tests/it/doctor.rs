//! `mista doctor` against an exchange on this machine: what it says of one that is well, and of each thing that
//! can be wrong with exchange, key, symbol, money, folders, configuration and scripts; and that it never shows
//! a key.

use crate::playground::{GOOD, Playground, START, Said, waves};
use base64::prelude::*;
use mista::model::{Interval, Side};
use mista::venues::binance::request::OrderRequest;
use mista::venues::binance::rest::{RestClient, RestSettings};
use mista::venues::binance::sign::Credentials;
use mista::venues::local::accounts::{AccountConfig, Credential, Permissions, flat_rates};
use mista::venues::local::listing::usual_rules;
use mista::venues::local::market::{Series, SeriesRow};
use mista::venues::local::pace::Speed;
use mista::venues::local::{HISTORY, Handle, Listing, LocalConfig, LocalExchange};
use mista::venues::rules::{ExchangeFilters, Situation};
use ring::signature::{Ed25519KeyPair, KeyPair};
use rust_decimal::Decimal;
use serde_json::{Value, json};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use tokio::runtime::Runtime;

const KEY: &str = "n0tForAnyEyes-k3y";
const SECRET: &str = "n0tForAnyEyes-s3cret";

/// An exchange with one account, whose key is [`KEY`].
struct Exchange {
    runtime: Runtime,
    handle: Option<Handle>,
    port: u16,
}

fn listing(symbol: &str, base: &str) -> Listing {
    let mut series = Series::new(symbol, Interval::from_ms(3_600_000).unwrap());
    for row in 0..48 {
        let price = Decimal::from(100 + (row * 7) % 20);
        let open_time = START + row * 3_600_000;
        let row = SeriesRow {
            open_time,
            close_time: open_time + 3_599_999,
            open: price,
            high: price,
            low: price,
            close: price,
            volume: Decimal::from(5),
            quote_volume: None,
            trades: None,
            taker_buy_base: None,
            taker_buy_quote: None,
        };
        series.push(&row).unwrap();
    }
    let rules = usual_rules(symbol, base, "USDT", Decimal::new(1, 2), Decimal::new(1, 5));
    Listing { rules, series }
}

fn account(balances: &[(&str, i64)], permissions: Permissions) -> AccountConfig {
    AccountConfig {
        key: KEY.to_owned(),
        credential: Credential::Secret(SECRET.to_owned()),
        balances: balances.iter().map(|(asset, amount)| ((*asset).to_owned(), (*amount).into())).collect(),
        rates: flat_rates(Decimal::TEN),
        discount: None,
        permissions,
    }
}

impl Exchange {
    fn with(account: AccountConfig) -> Exchange {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let config = LocalConfig {
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            listings: vec![listing("BTCUSDT", "BTC"), listing("ETHUSDT", "ETH")],
            accounts: vec![account],
            slippage_bps: 0.0,
            filters: ExchangeFilters::default(),
            start: START + 86_400_000,
            end: None,
            speed: Speed::Times(1.0),
            is_paused: true,
            limits_factor: 1.0,
            chaos: None,
            history: HISTORY,
        };
        let handle = runtime.block_on(LocalExchange::start(config)).unwrap();
        Exchange { port: handle.address().port(), handle: Some(handle), runtime }
    }

    fn rich() -> Exchange {
        Exchange::with(account(&[("USDT", 10_000), ("BTC", 1)], Permissions::default()))
    }

    fn control(&self, path: &str, body: Value) {
        let handle = self.handle.as_ref().unwrap();
        self.runtime.block_on(handle.control("POST", path, &body)).unwrap();
    }

    /// An order to sell, far above the price.
    fn place_far_above(&self) {
        let url = format!("http://127.0.0.1:{}", self.port);
        let keys = Credentials::hmac(KEY, SECRET).unwrap();
        let rest = RestClient::new(&url, Some(Arc::new(keys)), RestSettings::default()).unwrap();
        let rules = listing("BTCUSDT", "BTC").rules;
        let order = OrderRequest::limit("BTCUSDT", Side::Sell, Decimal::ONE, Decimal::from(200), "far");
        let order = order.check(&rules, &ExchangeFilters::default(), &Situation::default()).unwrap();
        self.runtime.block_on(rest.place(&order)).accepted().unwrap();
    }

    fn flags(&self) -> String {
        flags(self.port)
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        if let Some(handle) = self.handle.take() {
            self.runtime.block_on(handle.shutdown());
        }
    }
}

fn flags(port: u16) -> String {
    let at = format!("127.0.0.1:{port}");
    format!("doctor --venue local --rest http://{at} --streams ws://{at} --ws-api ws://{at}/ws-api/v3")
}

/// Folders as in a repository: a strategy, configuration, old candles.
fn place() -> Playground {
    let place = Playground::new()
        .with("strategies/good.rhai", GOOD)
        .with("strategies/api.d.rhai", "not a script")
        .with("data/1h/BTCUSDT_1h.csv", waves(240))
        .with("config/backtest.yaml", "data: data/1h/BTCUSDT_1h.csv\nbalance: 1000\n")
        .with("config/optimize_params.yaml", "good:\n  period: [3, 5]\n");
    std::fs::create_dir(place.path("results")).unwrap();
    place
}

const KEYS: [(&str, &str); 2] = [("MISTA_API_KEY", KEY), ("MISTA_API_SECRET", SECRET)];

#[track_caller]
fn hides_keys(said: &Said) {
    for text in [&said.out, &said.err] {
        assert!(!text.contains("n0tForAnyEyes"), "{text}");
    }
}

/// What was printed, without what is never the same: times, ages, ports, room on the disk, weight.
fn shown(said: &Said) -> String {
    hides_keys(said);
    // The connector may warn that the exchange asks for a pause.
    assert!(!said.err.contains("error"), "{}", said.err);
    let mut out = String::new();
    for line in said.out.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        let next = |index: usize| words.get(index + 1).copied().unwrap_or_default();
        let word = |(index, word): (usize, &&str)| {
            let is_number = word.chars().next().is_some_and(|c| c.is_ascii_digit());
            let unit = next(index).trim_end_matches([',', ':', ';', ')']);
            if is_number
                && (matches!(unit, "ms" | "GB" | "s" | "s,")
                    || unit.starts_with("day") && next(index + 1) == "ago")
                || is_number && words.get(index + 3).is_some_and(|it| matches!(*it, "request" | "orders"))
            {
                return "N".to_owned();
            }
            let Some(at) = word.find("//127.0.0.1:") else { return (*word).to_owned() };
            let (before, port) = word.split_at(at + "//127.0.0.1:".len());
            format!("{before}PORT{}", port.trim_start_matches(|c: char| c.is_ascii_digit()))
        };
        let normal: Vec<String> = words.iter().enumerate().map(word).collect();
        out += normal.join(" ").trim_end();
        out.push('\n');
    }
    format!("exit {}\n{out}", said.exit)
}

/// Lines about the exchange only; those about this machine are a matter of another test.
fn about_exchange(said: &Said) -> String {
    let here = ["disk", "config", "scripts", "candles"];
    let is_here = |line: &str| line.split_whitespace().nth(1).is_some_and(|name| here.contains(&name));
    shown(said).lines().filter(|line| !is_here(line)).map(|line| format!("{line}\n")).collect()
}

#[test]
fn all_is_well() {
    let exchange = Exchange::rich();
    let place = place();
    let before = place.files(".");
    insta::assert_snapshot!(shown(&place.mista_with(&exchange.flags(), &KEYS)));
    crate::playground::same("it leaves nothing behind", &before, &place.files("."));
}

#[test]
fn machines_are_told_the_same() {
    let exchange = Exchange::rich();
    let said = place().mista_with(&format!("{} --json", exchange.flags()), &KEYS).ok();
    hides_keys(&said);
    let json = said.json();
    assert_eq!(json["verdict"], "note");
    assert_eq!(json["problems"], 0);
    let checks = json["checks"].as_array().unwrap();
    let names: Vec<&str> = checks.iter().map(|check| check["name"].as_str().unwrap()).collect();
    assert_eq!(
        names,
        [
            "rest", "streams", "ws-api", "clock", "key", "rights", "symbol", "balances", "orders", "limits",
            "disk", "disk", "config", "scripts", "candles"
        ]
    );
    assert!(checks[3]["figures"]["offset_ms"].is_i64(), "{}", checks[3]);
    assert!(checks[9]["figures"]["weight_used"].as_u64().unwrap() > 20, "{}", checks[9]);
}

/// What is said about an exchange with something wrong, under a heading each.
struct Cases(String);

impl Cases {
    fn add(&mut self, heading: &str, said: &Said) {
        self.0 += &format!("== {heading}\n{}\n", about_exchange(said));
    }
}

#[test]
fn what_is_wrong_with_the_key() {
    let mut cases = Cases(String::new());
    let place = place();
    let exchange = Exchange::rich();
    let flags = exchange.flags();
    let keys = |key, secret| [("MISTA_API_KEY", key), ("MISTA_API_SECRET", secret)];
    cases.add("no key", &place.mista(&flags));
    cases.add("another key", &place.mista_with(&flags, &keys("n0tForAnyEyes-other", SECRET)));
    cases.add("another secret", &place.mista_with(&flags, &keys(KEY, "n0tForAnyEyes-other")));
    cases.add("a key without secret", &place.mista_with(&flags, &KEYS[..1]));
    cases.add("a key that is none", &place.mista_with(&flags, &keys("n0tForAnyEyes!", SECRET)));
    // Somebody between here and the exchange may repeat what was sent.
    exchange.control(
        "fault",
        json!({"fault": "reject", "on": "account", "code": -2015, "message": format!("not {KEY}"), "times": 9}),
    );
    cases.add("it repeats the key", &place.mista_with(&flags, &KEYS));
    drop(exchange);

    let withdraws = Permissions { can_withdraw: true, ..Permissions::default() };
    let exchange = Exchange::with(account(&[("USDT", 10_000)], withdraws));
    cases.add("it may withdraw", &place.mista_with(&exchange.flags(), &KEYS));
    drop(exchange);
    let idle = Permissions { can_trade: false, ..Permissions::default() };
    let exchange = Exchange::with(account(&[], idle));
    cases.add("it may not trade, and has nothing", &place.mista_with(&exchange.flags(), &KEYS));
    insta::assert_snapshot!(cases.0);
}

#[test]
fn what_is_wrong_with_symbol_money_and_orders() {
    let mut cases = Cases(String::new());
    let place = place();
    let exchange = Exchange::with(account(&[("USDT", 4), ("BTC", 1)], Permissions::default()));
    let flags = exchange.flags();
    cases.add("enough to sell only", &place.mista_with(&flags, &KEYS));
    exchange.place_far_above();
    cases.add("an order is open", &place.mista_with(&flags, &KEYS));
    cases.add("a slip", &place.mista_with(&format!("{flags} --symbol BTCUDST"), &KEYS));
    cases.add("no symbol at all", &place.mista_with(&format!("{flags} --symbol b/c"), &KEYS));
    cases.add("nothing of it", &place.mista_with(&format!("{flags} --symbol ETHUSDT"), &KEYS));
    exchange.control("symbol", json!({"symbol": "BTCUSDT", "status": "HALT"}));
    cases.add("halted", &place.mista_with(&flags, &KEYS));
    insta::assert_snapshot!(cases.0);
}

#[test]
fn what_is_wrong_with_the_exchange() {
    let mut cases = Cases(String::new());
    let place = place();
    let exchange = Exchange::rich();
    let flags = exchange.flags();
    exchange.control("clock", json!({"skew_ms": 60_000}));
    cases.add("its clock is a minute ahead", &place.mista_with(&flags, &KEYS));
    exchange.control("clock", json!({"skew_ms": -3_000}));
    cases.add("its clock is three seconds behind", &place.mista_with(&flags, &KEYS));
    exchange.control("clock", json!({"skew_ms": 0}));
    exchange.control("fault", json!({"fault": "limited", "on": "any", "retry_after_s": 60, "times": 99}));
    cases.add("too many requests", &place.mista_with(&flags, &KEYS));
    drop(exchange);
    cases.add("it is not there", &place.mista_with(&flags, &KEYS));

    let exchange = Exchange::rich();
    exchange.control("fault", json!({"fault": "status", "on": "public", "status": 502, "times": 99}));
    cases.add("it has trouble", &place.mista_with(&exchange.flags(), &KEYS));
    insta::assert_snapshot!(cases.0);
}

#[test]
fn one_that_never_answers_holds_nobody_up() {
    // Connections are taken by the system, and nobody reads.
    let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let said = place().mista_with(&flags(silent.local_addr().unwrap().port()), &KEYS);
    insta::assert_snapshot!(about_exchange(&said));
}

#[test]
fn what_is_wrong_on_this_machine() {
    let exchange = Exchange::rich();
    let place = Playground::new()
        .with("results", "a file")
        .with("config/backtest.yaml", "balance: 1000\nballance: 5\n")
        .with("config/optimize_params.yaml", "good:\n  period: []\n")
        .with("config/runtime_config.yaml", "paused: [\n")
        .with("config/other.yml", "a: 1\n")
        .with("strategies/good.rhai", GOOD)
        .with("strategies/bad.rhai", GOOD.replace("sma(", "smaa("))
        .with("strategies/odd.rhai", GOOD.replace("fn init(p) {", "fn init(p) { let unused = 1;"))
        .with("data/BTCUSDT_1h.csv", waves(10).replace(",5\n", ",much\n"))
        .with("data/5m/BTCUSDT_5m.csv", "open_time,open,high,low,close,volume\n");
    let only_here = |arguments: &str| {
        let said = place.mista_with(&format!("{} {arguments}", exchange.flags()), &KEYS);
        let exchange = about_exchange(&said);
        let lines: Vec<String> = shown(&said)
            .lines()
            .filter(|line| !exchange.lines().any(|other| other == *line))
            .map(str::to_owned)
            .collect();
        format!("exit {}\n{}\n", said.exit, lines.join("\n"))
    };
    let found = only_here("");
    let named = only_here("--script strategies/bad.rhai --script missing.rhai --symbol ETHUSDT");
    std::fs::remove_dir_all(place.path("config")).unwrap();
    std::fs::remove_dir_all(place.path("strategies")).unwrap();
    insta::assert_snapshot!(format!("{found}\n== named\n{named}\n== nothing there\n{}", only_here("")));
}

#[cfg(unix)]
#[test]
fn a_file_of_keys_is_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let exchange = Exchange::rich();
    let place = place().with("keys", format!("MISTA_API_KEY={KEY}\nMISTA_API_SECRET={SECRET}\n"));
    let said = |mode: u32| {
        std::fs::set_permissions(place.path("keys"), std::fs::Permissions::from_mode(mode)).unwrap();
        let said = place.mista(&format!("{} --keys keys", exchange.flags()));
        let text = about_exchange(&said);
        text.lines().find(|line| line.contains(" key ")).unwrap().to_owned()
    };
    insta::assert_snapshot!(format!("{}\n{}", said(0o644), said(0o600)));
}

/// As a PEM file holds it.
fn pem(what: &str, bytes: &[u8]) -> String {
    let text = BASE64_STANDARD.encode(bytes);
    format!("-----BEGIN {what}-----\n{text}\n-----END {what}-----\n")
}

#[cfg(unix)]
#[test]
fn a_key_of_the_recommended_kind_needs_no_note() {
    use std::os::unix::fs::PermissionsExt;
    let pair = Ed25519KeyPair::generate_pkcs8(&ring::rand::SystemRandom::new()).unwrap();
    let public = Ed25519KeyPair::from_pkcs8(pair.as_ref()).unwrap();
    let of_algorithm = [0x30, 0x2a, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 3, 0x21, 0];
    let public = [&of_algorithm, public.public_key().as_ref()].concat();
    let credential = Credential::PublicKey(pem("PUBLIC KEY", &public));
    let rich = account(&[("USDT", 10_000)], Permissions::default());
    let exchange = Exchange::with(AccountConfig { credential, ..rich });
    let private = pem("PRIVATE KEY", pair.as_ref());
    let place = place().with("key.pem", &private);
    std::fs::set_permissions(place.path("key.pem"), std::fs::Permissions::from_mode(0o600)).unwrap();
    let keys = [KEYS[0], ("MISTA_API_PRIVATE_KEY_FILE", "key.pem")];
    let said = place.mista_with(&exchange.flags(), &keys).ok();
    hides_keys(&said);
    let secret = private.lines().nth(1).unwrap();
    assert!(!said.out.contains(secret) && !said.err.contains(secret));
    assert!(
        said.out.contains("ok       key       Ed25519 key from the environment, accepted\n"),
        "{}",
        said.out
    );
    assert!(said.out.contains("follows the account"), "{}", said.out);
}

#[test]
fn no_flag_shows_a_key() {
    let exchange = Exchange::rich();
    let place = place();
    for more in [
        "",
        "--json",
        "-v",
        "-v --json",
        "--symbol XYZ",
        "--venue data",
        "--venue demo",
        "--script none.rhai",
    ] {
        let flags = exchange.flags();
        let flags = if more.contains("venue") { flags.replace("--venue local", "") } else { flags };
        hides_keys(&place.mista_with(&format!("{flags} {more}"), &KEYS));
    }
    // A wrong flag is told before anything is asked.
    let said = place.mista_with("doctor --rest http://example.com", &KEYS).failed(2, "in the clear");
    hides_keys(&said);
    let said = place.mista_with("doctor --venue mainnet", &KEYS).failed(2, "live, data, testnet");
    hides_keys(&said);
}
