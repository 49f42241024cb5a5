//! The connector's pure half: what the exchange sends is read, what it limits is kept, what became of an order
//! is one of three things, and signatures are the documented ones. Fixtures are written by hand from the
//! exchange's field lists.

use crate::support::root;
use base64::prelude::*;
use mista::model::Side;
use mista::venues::binance::budget::{Budget, ConnectBudget, Cost, Priority, Ticket, Used, used_in_header};
use mista::venues::binance::outcome::{
    Advice, Answer, Attempt, Outcome, ReadError, Refusal, RefusalKind, of_order, of_read, of_replacement,
    pause_ms,
};
use mista::venues::binance::request::{ListRequest, ListRequestKind, OrderFault, OrderRequest};
use mista::venues::binance::sign::{
    Credentials, KeyError, KeyKind, percent_encoded, query, signed_query, websocket_payload,
};
use mista::venues::binance::wire::{
    ApiFrame, Canceled, LimitKind, MarketEvent, MarketFrame, RateLimit, ReplacePart, UserEvent, Word,
};
use mista::venues::binance::{frames, keys, parse};
use mista::venues::rules::{ExchangeFilters, FilterFailure, OpenOrders, Situation, SymbolRules};
use mista::venues::words::{ExecutionType, ExpiryReason, OrderStatus, OrderType, SymbolStatus, TimeInForce};
use proptest::prelude::*;
use ring::signature::{ED25519, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use ring::{rand::SystemRandom, signature::KeyPair};
use rust_decimal::Decimal;
use std::ffi::OsString;
use std::fs;

const SECRET: &str = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j";
const KEY: &str = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A";

pub fn fixture(name: &str) -> Vec<u8> {
    fs::read(root().join("tests/fixtures/binance").join(name)).unwrap()
}

fn fixtures(ending: &str) -> Vec<(String, Vec<u8>)> {
    let folder = fs::read_dir(root().join("tests/fixtures/binance")).unwrap();
    let mut names: Vec<String> =
        folder.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.retain(|name| name.ends_with(ending));
    names.sort();
    names.into_iter().map(|name| (name.clone(), fixture(&name))).collect()
}

fn d(text: &str) -> Decimal {
    text.parse().unwrap()
}

fn pairs(params: &[(&str, &str)]) -> Vec<(String, String)> {
    params.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

// ---- signatures ---------------------------------------------------------------------------------------------

fn documented_order(symbol: &str) -> Vec<(String, String)> {
    pairs(&[
        ("symbol", symbol),
        ("side", "BUY"),
        ("type", "LIMIT"),
        ("timeInForce", "GTC"),
        ("quantity", "1"),
        ("price", "0.1"),
        ("recvWindow", "5000"),
        ("timestamp", "1499827319559"),
    ])
}

#[test]
fn hmac_signatures_are_the_documented_ones() {
    let credentials = Credentials::hmac(KEY, SECRET).unwrap();
    let signed = signed_query(&documented_order("LTCBTC"), &credentials).unwrap();
    assert_eq!(
        signed,
        "symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1&recvWindow=5000&\
         timestamp=1499827319559&signature=c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71"
    );
    let signed = signed_query(&documented_order("１２３４５６"), &credentials).unwrap();
    assert!(signed.starts_with("symbol=%EF%BC%91%EF%BC%92%EF%BC%93%EF%BC%94%EF%BC%95%EF%BC%96&"), "{signed}");
    assert!(
        signed.ends_with("&signature=e1353ec6b14d888f1164ae9af8228a3dbd508bc82eb867db8ab6046442f33ef3"),
        "{signed}"
    );
    let payload = websocket_payload(&pairs(&[
        ("timestamp", "1645423376532"),
        ("symbol", "BTCUSDT"),
        ("side", "SELL"),
        ("type", "LIMIT"),
        ("timeInForce", "GTC"),
        ("quantity", "0.01000000"),
        ("price", "52000.00"),
        ("recvWindow", "100"),
        ("apiKey", KEY),
    ]));
    assert_eq!(
        credentials.sign(&payload).unwrap(),
        "aa1b5712c094bc4e57c05a1a5c1fd8d88dcd628338ea863fec7b88e59fe2db24"
    );
}

fn base64_decoded(text: &str) -> Vec<u8> {
    BASE64_STANDARD.decode(text).unwrap()
}

#[test]
fn ed25519_signatures_are_those_of_the_standard() {
    // RFC 8032, 7.1, test 1, as openssl writes such a key.
    let pem = "-----BEGIN PRIVATE KEY-----\n\
               MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n\
               -----END PRIVATE KEY-----\n";
    let credentials = Credentials::pem(KEY, pem).unwrap();
    assert_eq!(credentials.kind(), KeyKind::Ed25519);
    let signature = credentials.sign("").unwrap();
    assert_eq!(
        signature,
        "5VZDAMNgrHKQhuLMgG6CioSHfx645dl02HPgZSJJAVVfuIIVkKM7rMYeOXAc+bRr0lv18FlbviRlUUFDjnoQCw=="
    );
    // In an address, `+` `/` `=` would be something else.
    let signed = signed_query(&pairs(&[("a", "b c")]), &credentials).unwrap();
    let tail = signed.strip_prefix("a=b%20c&signature=").unwrap();
    assert!(
        tail.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '%' | '-' | '_' | '.' | '~')),
        "{tail}"
    );
}

#[test]
fn signatures_of_private_keys_are_verified_by_their_public_keys() {
    let document = ring::signature::Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
    let pair = ring::signature::Ed25519KeyPair::from_pkcs8(document.as_ref()).unwrap();
    let body = BASE64_STANDARD_NO_PAD.encode(document.as_ref());
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----");
    let credentials = Credentials::pem(KEY, &pem).unwrap();
    let signature = base64_decoded(&credentials.sign("symbol=BTCUSDT").unwrap());
    let public = UnparsedPublicKey::new(&ED25519, pair.public_key().as_ref());
    public.verify(b"symbol=BTCUSDT", &signature).unwrap();
    public.verify(b"symbol=BTCUSDX", &signature).unwrap_err();

    let pem = String::from_utf8(fixture("rsa_for_tests.pem")).unwrap();
    let credentials = Credentials::pem(KEY, &pem).unwrap();
    assert_eq!(credentials.kind(), KeyKind::Rsa);
    let inside: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    let pair = ring::rsa::KeyPair::from_pkcs8(&base64_decoded(&inside)).unwrap();
    let signature = base64_decoded(&credentials.sign("symbol=BTCUSDT").unwrap());
    let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, pair.public_key().as_ref());
    public.verify(b"symbol=BTCUSDT", &signature).unwrap();
}

#[test]
fn keys_show_nothing_of_themselves() {
    let credentials = Credentials::hmac(KEY, SECRET).unwrap();
    let shown = format!("{credentials:?} {credentials:#?}");
    assert!(!shown.contains(&SECRET[..6]) && !shown.contains(&KEY[..6]), "{shown}");
    for (error, expected) in [
        (Credentials::hmac("", SECRET), KeyError::ApiKey),
        (Credentials::hmac("a\r\nX-Other: b", SECRET), KeyError::ApiKey),
        (Credentials::hmac(KEY, " "), KeyError::Secret),
        (Credentials::hmac(KEY, "a b"), KeyError::Secret),
        (Credentials::pem(KEY, "-----BEGIN RSA PRIVATE KEY-----"), KeyError::NotPem),
        (Credentials::pem(KEY, "-----BEGIN ENCRYPTED PRIVATE KEY-----"), KeyError::Encrypted),
        (
            Credentials::pem(KEY, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"),
            KeyError::Unsupported,
        ),
    ] {
        assert_eq!(error.unwrap_err(), expected);
    }
}

#[test]
fn keys_come_from_the_environment_or_a_private_file() {
    let from = |pairs: &[(&str, &str)]| {
        keys::from_variables(|name| {
            pairs.iter().find(|(other, _)| *other == name).map(|(_, value)| OsString::from(value))
        })
    };
    assert!(from(&[]).unwrap().is_none());
    assert!(from(&[(keys::API_KEY, ""), (keys::API_SECRET, "")]).unwrap().is_none());
    let both = [(keys::API_KEY, KEY), (keys::API_SECRET, SECRET)];
    assert_eq!(from(&both).unwrap().unwrap().kind(), KeyKind::Hmac);
    for bad in [&both[..1], &both[1..], &[both[0], both[1], (keys::PRIVATE_KEY_FILE, "x")]] {
        let message = from(bad).unwrap_err().to_string();
        assert!(message.contains("MISTA_API") && !message.contains(SECRET), "{message}");
    }

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys");
    fs::write(&path, format!("# mine\nMISTA_API_KEY = {KEY}\nexport MISTA_API_SECRET=\"{SECRET}\"\n"))
        .unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let message = keys::from_file(&path).unwrap_err().to_string();
        assert!(message.contains("chmod 600"), "{message}");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    }
    let credentials = keys::from_file(&path).unwrap();
    assert_eq!(credentials.api_key(), KEY);
    assert_eq!(credentials.sign("").unwrap(), Credentials::hmac(KEY, SECRET).unwrap().sign("").unwrap());
    fs::write(&path, format!("MISTA_API_KEY={KEY}\nPASSWORD={SECRET}\n")).unwrap();
    let message = keys::from_file(&path).unwrap_err().to_string();
    assert!(!message.contains(SECRET), "{message}");
    assert!(keys::from_file(folder.path()).is_err());
    assert!(keys::from_file(&folder.path().join("none")).is_err());
}

// ---- answers ------------------------------------------------------------------------------------------------

#[test]
fn what_the_exchange_says_of_itself_is_read_and_what_is_new_is_tolerated() {
    let info = parse::exchange_info(&fixture("exchange_info.json")).unwrap();
    assert_eq!(info.server_time, 1_767_225_600_123);
    assert_eq!(info.rate_limits.len(), 4, "the unknown one is left out");
    assert_eq!(info.rate_limits[1].interval_ms, 10_000);
    assert_eq!(info.filters, ExchangeFilters { max_num_orders: Some(1000), ..ExchangeFilters::default() });
    let names: Vec<&str> = info.symbols.iter().map(|symbol| symbol.rules.symbol.as_str()).collect();
    assert_eq!(names, ["BTCUSDT", "１２３４５６"]);
    assert_eq!(info.symbol("１２３４５６").unwrap().rules.status, SymbolStatus::CancelOnly);
    assert_eq!(
        info.skipped,
        [
            "ETHUSDT: filters[0].minQty: `many` is not a decimal number of at most 28 digits",
            "NEWUSDT: status: `SOMETHING_ELSE` is not known to this version",
            "?: the whole: expected an object, found a number",
        ]
    );
    let symbol = info.symbol("BTCUSDT").unwrap();
    assert_eq!(symbol.order_types.last(), Some(&Word::Other("TELEPATHIC".to_owned())));
    assert_eq!(symbol.permission_sets, [["SPOT", "TRD_GRP_004"]]);
    let instrument = symbol.rules.instrument();
    assert_eq!((instrument.tick_size, instrument.step_size), (d("0.01"), d("0.00001")));
    assert_eq!(instrument.min_notional, d("5"));
}

#[test]
fn candles_are_the_same_in_milliseconds_and_microseconds() {
    let ms = parse::klines(&fixture("klines_ms.json")).unwrap();
    assert_eq!(ms, parse::klines(&fixture("klines_us.json")).unwrap());
    let first = &ms[0];
    assert_eq!((first.open_time, first.close_time), (1_735_689_600_000, 1_735_693_199_999));
    assert_eq!((first.low, first.trades), (d("93490.00000001"), 1234));
    assert_eq!(first.candle().low, 93490.00000001);
}

#[test]
fn every_fixture_is_read_by_its_reader() {
    assert_eq!(parse::depth(&fixture("depth.json")).unwrap().bids[1].price, d("3.9"));
    assert_eq!(parse::book_tickers(&fixture("book_ticker.json")).unwrap()[0].ask.quantity, d("9"));
    assert_eq!(parse::price_tickers(&fixture("prices.json")).unwrap()[1].price, d("0.079466"));
    assert_eq!(parse::average_price(&fixture("average_price.json")).unwrap().minutes, 5);
    assert!(parse::trades(&fixture("trades.json")).unwrap()[0].buyer_is_maker);
    assert_eq!(parse::aggregate_trades(&fixture("agg_trades.json")).unwrap()[0].last_trade_id, 27782);
    let trade = &parse::my_trades(&fixture("my_trades.json")).unwrap()[0];
    assert_eq!((trade.order_list_id, trade.commission_asset.as_str()), (None, "BNB"));
    let account = parse::account(&fixture("account.json")).unwrap();
    assert!(account.can_trade && !account.can_withdraw);
    assert_eq!(account.balance("LTC").unwrap().free, d("4763368.68"), "a number is as good as a text");
    assert_eq!(parse::commission(&fixture("commission.json")).unwrap().discount.unwrap().factor, d("0.75"));
    assert_eq!(parse::rate_limits(&fixture("order_limits.json")).unwrap()[1].count, Some(99));
}

#[test]
fn orders_are_read_in_each_of_their_forms() {
    let ack = parse::order(&fixture("order_ack.json")).unwrap();
    assert_eq!((ack.order_id, ack.order_list_id, &ack.state), (28, None, &None));
    let result = parse::order(&fixture("order_result.json")).unwrap().state.unwrap();
    assert_eq!(result.average_price(), Some(d("4000")));
    assert!(result.status.is(OrderStatus::Expired));
    assert!(result.expiry_reason.unwrap().is(ExpiryReason::InsufficientLiquidity));
    let full = parse::order(&fixture("order_full.json")).unwrap();
    assert_eq!(full.fills.len(), 2);
    assert_eq!(full.fills[1].commission, d("35.992"));
    let query = parse::order(&fixture("order_query.json")).unwrap();
    let state = query.state.unwrap();
    assert_eq!((query.order_list_id, state.executed_quote, state.working_time), (Some(5), None, None));
    assert_eq!((state.stop_price, state.trailing_delta), (Some(d("0.2")), Some(10)));
    let orders = parse::orders(&fixture("orders.json")).unwrap();
    let status = &orders[1].state.as_ref().unwrap().status;
    assert_eq!(status.to_string(), "NEVER_HEARD_OF");
    let Canceled::Order(cancel) = parse::cancel(&fixture("cancel.json")).unwrap() else { panic!() };
    assert_eq!(
        (cancel.own_client_order_id(), cancel.client_order_id.as_str()),
        ("myOrder1", "cancelMyOrder1")
    );
    let cancels = parse::cancels(&fixture("cancels.json")).unwrap();
    assert!(matches!(&cancels[1], Canceled::List(list) if list.reports.len() == 2));
    let amended = parse::amended(&fixture("amended.json")).unwrap();
    assert_eq!(amended.order.state.unwrap().quantity, d("5"));
    assert_eq!(parse::order_list(&fixture("order_list.json")).unwrap().orders[1].client_order_id, "TXO");
}

#[test]
fn both_halves_of_a_replacement_are_known() {
    let answered = |name: &str, status: u16| {
        of_replacement(Attempt::Answered(Answer { status, body: fixture(name), retry_after_ms: None }))
    };
    let both = answered("replace_ok.json", 200).accepted().unwrap();
    assert!(matches!(both.cancel, Some(Outcome::Accepted(_))));
    assert!(matches!(both.new_order, Some(Outcome::Accepted(_))));
    let half = answered("replace_half.json", 409).accepted().unwrap();
    assert!(matches!(half.cancel, Some(Outcome::Accepted(_))));
    assert!(matches!(half.new_order, Some(Outcome::Refused(Refusal { kind: RefusalKind::WouldMatch, .. }))));
    let none = answered("replace_none.json", 400).accepted().unwrap();
    assert!(matches!(none.cancel, Some(Outcome::Refused(Refusal { kind: RefusalKind::NotOpen, .. }))));
    assert_eq!(none.new_order, None);
    // Half done, and which half is not to be read: that is not a refusal.
    let blind = Answer { status: 409, body: br#"{"code":-2021,"msg":"?"}"#.to_vec(), retry_after_ms: None };
    assert!(matches!(of_replacement(Attempt::Answered(blind)), Outcome::Unknown(_)));
    assert!(matches!(answered("replace_ok.json", 502), Outcome::Unknown(_)));
    let parts = parse::cancel_replaced(&fixture("replace_none.json")).unwrap();
    assert_eq!(parts.new_order, ReplacePart::NotAttempted);
}

#[test]
fn what_cannot_be_read_says_where() {
    let place = |body: &str| parse::order(body.as_bytes()).unwrap_err();
    assert_eq!(place("[1]").problem, "expected an object, found a list");
    assert_eq!(place(r#"{"symbol":"X"}"#).place, "orderId");
    let body = String::from_utf8(fixture("order_full.json")).unwrap().replace("35.99200000", "much");
    assert_eq!(place(&body).place, "fills[1].commission");
    let long = format!("<html>{}", "é\u{7}".repeat(100_000));
    let error = parse::klines(long.as_bytes()).unwrap_err();
    assert!(error.excerpt.chars().count() <= 161 && !error.excerpt.contains('\u{7}'), "{}", error.excerpt);
    let deep = "[".repeat(100_000);
    parse::klines(deep.as_bytes()).unwrap_err();
    frames::market(deep.as_bytes()).unwrap_err();
    // A number that binary cannot hold is refused, one it can hold is read exactly.
    let number =
        |number: &str| parse::price_tickers(format!(r#"{{"symbol":"X","price":{number}}}"#).as_bytes());
    assert_eq!(number("0.1").unwrap()[0].price, d("0.1"));
    assert_eq!(number("1e-7").unwrap()[0].price, d("0.0000001"));
    assert_eq!(number("12345678901234567").unwrap()[0].price, d("12345678901234567"));
    assert!(number("0.12345678901234567").is_err());
    assert!(number("\"1e99\"").is_err() && number("\"NaN\"").is_err() && number("null").is_err());
}

#[test]
fn an_info_of_any_size_skips_what_is_strange_and_counts_it() {
    let mut body = br#"{"serverTime":1,"rateLimits":[],"symbols":["#.to_vec();
    body.extend(b"1,".repeat(200_000));
    body.extend(b"2]}");
    let info = parse::exchange_info(&body).unwrap();
    assert_eq!(info.skipped.len(), 21);
    assert_eq!(info.skipped[20], "and 199981 more");
    let error = parse::exchange_info(br#"{"serverTime":1,"rateLimits":[{"rateLimitType":5}],"symbols":[]}"#);
    assert_eq!(error.unwrap_err().place, "rateLimits[0].rateLimitType");
    let error = parse::exchange_info(br#"{"serverTime":1,"rateLimits":[]}"#).unwrap_err();
    assert_eq!(
        error.to_string(),
        concat!(
            "the exchange's answer cannot be read: symbols: is missing; it begins with: ",
            r#"{"serverTime":1,"rateLimits":[]}"#
        )
    );
}

// ---- frames -------------------------------------------------------------------------------------------------

fn event(name: &str) -> MarketEvent {
    match frames::market(&fixture(name)).unwrap() {
        MarketFrame::Event { event, .. } => event,
        other => panic!("{other:?}"),
    }
}

#[test]
fn market_events_are_read_with_and_without_envelope() {
    let MarketFrame::Event { stream, event: MarketEvent::Kline(update) } =
        frames::market(&fixture("stream_kline.json")).unwrap()
    else {
        panic!()
    };
    assert_eq!(stream.as_deref(), Some("bnbbtc@kline_1m"));
    assert!(update.closed);
    assert_eq!((update.kline.open_time, update.interval.as_str()), (1_672_515_780_000, "1m"));
    assert_eq!(update.kline.taker_buy_quote_volume, d("0.5"));
    assert!(matches!(event("stream_trade.json"), MarketEvent::Trade { trade, .. } if trade.id == 12345));
    assert!(
        matches!(event("stream_agg_trade.json"), MarketEvent::AggregateTrade { trade, .. } if trade.last_trade_id == 105)
    );
    assert!(
        matches!(event("stream_book_ticker.json"), MarketEvent::BookTicker(it) if it.ask.price == d("25.3652"))
    );
    assert!(
        matches!(event("stream_mini_ticker.json"), MarketEvent::MiniTicker(it) if it.close == d("0.0025"))
    );
    assert!(matches!(event("stream_mini_tickers.json"), MarketEvent::MiniTickers(it) if it.len() == 2));
    assert!(matches!(event("stream_depth.json"), MarketEvent::DepthUpdate(it) if it.first_update_id == 157));
    assert!(matches!(event("stream_partial_depth.json"), MarketEvent::Depth(it) if it.last_update_id == 160));
    assert_eq!(event("stream_shutdown.json"), MarketEvent::ServerShutdown { time: Some(1_770_123_456_789) });
    assert_eq!(event("stream_unknown.json"), MarketEvent::Other("weather".to_owned()));
    assert_eq!(frames::market(&fixture("stream_done.json")).unwrap(), MarketFrame::Done { id: Some(3) });
    let refused = frames::market(&fixture("stream_refused.json")).unwrap();
    assert!(matches!(refused, MarketFrame::Refused { id: Some(4), error } if error.code == 2));
    let nothing = frames::market(b"{}").unwrap();
    assert!(matches!(nothing, MarketFrame::Event { event: MarketEvent::Other(_), .. }));
}

fn user(name: &str) -> UserEvent {
    match frames::api(&fixture(name)).unwrap() {
        ApiFrame::User { subscription_id: Some(0), event } => event,
        other => panic!("{other:?}"),
    }
}

#[test]
fn events_of_the_account_are_read() {
    let execution = |name: &str| match user(name) {
        UserEvent::Execution(report) => *report,
        other => panic!("{other:?}"),
    };
    let new = execution("user_new.json");
    assert_eq!((new.order_id, new.execution_id, &new.fill), (4_293_153, 8_641_984, &None));
    assert_eq!(new.client_order_id, "mUvoqJxFIILMdfAW5iGSOW");
    let trade = execution("user_trade.json");
    let fill = trade.fill.unwrap();
    assert_eq!((fill.trade_id, fill.commission_asset.as_deref(), fill.is_maker), (77, Some("ETH"), true));
    assert_eq!(trade.executed_quote, Some(d("0.04104")));
    let cancel = execution("user_cancel.json");
    assert_eq!(cancel.client_order_id, "mUvoqJxFIILMdfAW5iGSOW", "the order's id, not the cancel's");
    assert_eq!(cancel.request_client_order_id.as_deref(), Some("cancel-7"));
    let replaced = execution("user_replaced.json");
    assert!(replaced.execution_type.is(ExecutionType::Replaced));
    assert_eq!(replaced.client_order_id, "new-name");
    assert_eq!(replaced.previous_client_order_id.as_deref(), Some("old-name"));
    let expired = execution("user_expired.json");
    assert_eq!((expired.executed_quantity, expired.trailing_delta), (d("0.4"), Some(4)));
    assert!(expired.expiry_reason.unwrap().is(ExpiryReason::UnfilledIoc));
    assert!(
        matches!(user("user_balances.json"), UserEvent::Balances(it) if it.balances[0].free == d("10000"))
    );
    assert!(
        matches!(user("user_balance_update.json"), UserEvent::BalanceChanged(it) if it.delta == d("-100"))
    );
    assert!(matches!(user("user_lock.json"), UserEvent::LockChanged(it) if it.asset == "NEO"));
    assert!(matches!(user("user_list.json"), UserEvent::List(it) if it.orders[1].order_id == 18));
    assert!(matches!(user("user_terminated.json"), UserEvent::StreamTerminated { .. }));
    assert_eq!(user("user_unknown.json"), UserEvent::Other("horoscope".to_owned()));
}

#[test]
fn responses_over_the_websocket_api_are_read_like_those_over_http() {
    let response = |name: &str| match frames::api(&fixture(name)).unwrap() {
        ApiFrame::Response(response) => response,
        other => panic!("{other:?}"),
    };
    let ok = response("api_ok.json");
    assert_eq!((ok.id, ok.status, ok.rate_limits[0].count), (Some(12), 200, Some(321)));
    assert_eq!(parse::order(ok.body.as_bytes()).unwrap().fills.len(), 2);
    let error = parse::api_error(response("api_error.json").body.as_bytes()).unwrap();
    assert_eq!(error.code, -2010);
    assert_eq!(response("api_limit.json").retry_after, Some(1_659_146_400_000));
    let revoked = response("api_revoked.json");
    assert_eq!((revoked.id, revoked.status), (None, 401));
    let shutdown = frames::api(&fixture("api_shutdown.json")).unwrap();
    assert_eq!(shutdown, ApiFrame::ServerShutdown { time: Some(1_770_123_456_789) });
}

// ---- outcomes -----------------------------------------------------------------------------------------------

fn judged(status: u16, body: &str) -> Outcome<u64> {
    let answer = Answer { status, body: body.as_bytes().to_vec(), retry_after_ms: Some(7000) };
    of_order(Attempt::Answered(answer), |body| parse::order(body).map(|order| order.order_id))
}

#[test]
fn an_order_was_accepted_or_refused_or_nobody_knows() {
    use RefusalKind as R;
    let error = |code: i64, message: &str| format!(r#"{{"code":{code},"msg":"{message}"}}"#);
    let limited = R::RateLimited { retry_after_ms: Some(7000) };
    let banned = R::Banned { retry_after_ms: Some(7000) };
    let balance = "Account has insufficient balance for requested action.";
    for (status, body, expected) in [
        (400, error(-2010, balance), Some(R::InsufficientBalance)),
        (400, error(-2010, "Duplicate order sent."), Some(R::Duplicate)),
        (400, error(-2010, "Order would trigger immediately."), Some(R::WouldTrigger)),
        (400, error(-2010, "Order would immediately match and take."), Some(R::WouldMatch)),
        (400, error(-1010, "Market is closed."), Some(R::MarketClosed)),
        (400, error(-2010, "The moon is in the wrong house."), Some(R::Other)),
        (400, error(-1013, "Filter failure: LOT_SIZE"), Some(R::Filter("LOT_SIZE".to_owned()))),
        (400, error(-1111, "Parameter 'price' has too much precision."), Some(R::Precision)),
        (400, error(-2011, "Unknown order sent."), Some(R::NotOpen)),
        (400, error(-2013, "Order does not exist."), Some(R::NoSuchOrder)),
        (400, error(-1021, "Timestamp"), Some(R::Timestamp)),
        (400, error(-1022, "Signature"), Some(R::Signature)),
        (401, error(-2015, "Invalid API-key"), Some(R::Key)),
        (400, error(-1102, "Mandatory parameter"), Some(R::Request)),
        (429, error(-1015, "Too many new orders"), Some(limited.clone())),
        (429, error(-1003, "Too much request weight used"), Some(limited.clone())),
        (429, "slow down".to_owned(), Some(limited)),
        (418, error(-1003, "Way too much; IP banned until 5."), Some(banned.clone())),
        (418, "<html>".to_owned(), Some(banned)),
        (403, "<html>Forbidden</html>".to_owned(), Some(R::Firewall)),
        (451, "restricted location".to_owned(), Some(R::Region)),
        (404, "<html>".to_owned(), Some(R::Request)),
        (503, error(-1008, "Server is currently overloaded"), Some(R::Busy)),
        // Success that says otherwise.
        (200, error(-2010, balance), Some(R::InsufficientBalance)),
        // None of these says that the order was not taken.
        (500, error(-1000, "?"), None),
        (400, error(-1000, "An unknown error occurred"), None),
        (400, error(-1001, "Internal error"), None),
        (400, error(-1006, "An unexpected response"), None),
        (504, error(-1007, "Timeout waiting for response from backend server."), None),
        (200, error(-1007, "Timeout"), None),
        (502, "<html>Bad gateway</html>".to_owned(), None),
        (503, error(-2010, balance), None),
        (503, String::new(), None),
        (200, String::new(), None),
        (200, "{\"symbol\":\"BTCU".to_owned(), None),
        (200, "null".to_owned(), None),
        (302, String::new(), None),
        (400, "?".to_owned(), None),
        (408, "Request Timeout".to_owned(), None),
    ] {
        match (judged(status, &body), expected) {
            (Outcome::Refused(refusal), Some(kind)) => assert_eq!(refusal.kind, kind, "{status} {body}"),
            (Outcome::Unknown(_), None) => {}
            (other, expected) => panic!("{status} {body}: {other:?} instead of {expected:?}"),
        }
    }
    let full = String::from_utf8(fixture("order_full.json")).unwrap();
    assert_eq!(judged(200, &full), Outcome::Accepted(28));
    let lost = of_order::<()>(Attempt::Lost("reset".to_owned()), |_| Ok(()));
    assert!(matches!(lost, Outcome::Unknown(doubt) if doubt.why == "reset"));
    let unsent = of_order::<()>(Attempt::NotSent("no route".to_owned()), |_| Ok(()));
    assert!(matches!(unsent, Outcome::Refused(Refusal { kind: RefusalKind::NotSent, .. })));
}

#[test]
fn questions_are_asked_again_where_that_can_help() {
    let advice = |status: u16, body: &str| {
        let answer = Answer { status, body: body.as_bytes().to_vec(), retry_after_ms: Some(3000) };
        of_read(Attempt::Answered(answer), parse::server_time).unwrap_err().advice()
    };
    let again = Advice::Retry { after_ms: None };
    let later = Advice::Retry { after_ms: Some(3000) };
    for (status, body, expected) in [
        (500, "", again),
        (503, r#"{"code":-1008,"msg":""}"#, again),
        (504, r#"{"code":-1007,"msg":""}"#, again),
        (400, r#"{"code":-1001,"msg":""}"#, again),
        (200, r#"{"serverTi"#, again),
        (429, "", later),
        (418, r#"{"code":-1003,"msg":"banned"}"#, later),
        (400, r#"{"code":-1021,"msg":""}"#, Advice::Resync),
        (400, r#"{"code":-1121,"msg":"Invalid symbol."}"#, Advice::Stop),
        (401, "", Advice::Stop),
        (403, "<html>", Advice::Stop),
        (301, "", Advice::Stop),
    ] {
        assert_eq!(advice(status, body), expected, "{status} {body}");
    }
    let lost = of_read(Attempt::Lost("reset".to_owned()), parse::server_time).unwrap_err();
    assert_eq!(lost.advice(), again);
    assert_eq!(ReadError::NoKey.advice(), Advice::Stop);
    assert_eq!(pause_ms(1, 250, 8000, 0.0), 125);
    assert_eq!(pause_ms(3, 250, 8000, 1.0), 1000);
    assert_eq!(pause_ms(u32::MAX, 250, 8000, 1.0), 8000);
}

// ---- limits -------------------------------------------------------------------------------------------------

const NOW: i64 = 1_767_225_605_000;

fn budget(weight: u64, orders: u64) -> Budget {
    let limit = |kind, interval_ms, limit| RateLimit { kind, interval_ms, limit, count: None };
    let mut budget = Budget::new();
    budget.set_limits(&[limit(LimitKind::Weight, 60_000, weight), limit(LimitKind::Orders, 10_000, orders)]);
    budget
}

fn reads(budget: &mut Budget, now_ms: i64, weight: u64) -> Vec<Ticket> {
    let cost = Cost { weight, orders: 0 };
    std::iter::from_fn(|| budget.reserve(now_ms, cost, Priority::Read).ok()).take(1000).collect()
}

#[test]
fn requests_on_their_way_count_before_they_are_answered() {
    let mut budget = budget(100, 10);
    assert_eq!(reads(&mut budget, NOW, 10).len(), 8, "a fifth is kept for orders");
    let order = Cost { weight: 1, orders: 1 };
    let wait = budget.reserve(NOW, Cost { weight: 1, orders: 0 }, Priority::Read).unwrap_err();
    assert_eq!(wait.until_ms, 1_767_225_660_000, "the end of the calendar minute");
    let orders: Vec<Ticket> =
        std::iter::from_fn(|| budget.reserve(NOW, order, Priority::Order).ok()).take(100).collect();
    assert_eq!(orders.len(), 9, "95 of 100 orders in ten");
    let wait = budget.reserve(NOW, order, Priority::Order).unwrap_err();
    assert_eq!(wait.until_ms, 1_767_225_610_000);
    let cancel = budget.reserve(NOW, Cost { weight: 1, orders: 0 }, Priority::Cancel);
    assert!(cancel.is_ok(), "cancels go on");
}

#[test]
fn a_new_window_is_empty_but_for_what_is_on_its_way() {
    let mut budget = budget(100, 10);
    let mut tickets = reads(&mut budget, NOW, 40);
    assert_eq!(tickets.len(), 2);
    budget.settle(NOW, tickets.pop().unwrap(), &[]);
    let next = NOW + 60_000;
    assert_eq!(budget.used(next, LimitKind::Weight, 60_000), Some(40));
    budget.settle(next, tickets.pop().unwrap(), &[]);
    assert_eq!(budget.used(next + 60_000, LimitKind::Weight, 60_000), Some(0));
}

#[test]
fn the_exchange_knows_best_how_much_is_used() {
    let mut budget = budget(100, 10);
    let told = |count| [Used { kind: LimitKind::Weight, interval_ms: 60_000, count }];
    let used = |budget: &mut Budget| budget.used(NOW, LimitKind::Weight, 60_000).unwrap();
    let cost = Cost { weight: 2, orders: 0 };
    let first = budget.reserve(NOW, cost, Priority::Read).unwrap();
    let second = budget.reserve(NOW, cost, Priority::Read).unwrap();
    budget.settle(NOW, second, &told(60));
    assert_eq!(used(&mut budget), 62, "others use the address too");
    budget.settle(NOW, first, &told(50));
    assert_eq!(used(&mut budget), 60, "an older answer takes nothing back");
    let third = budget.reserve(NOW, cost, Priority::Read).unwrap();
    budget.settle(NOW, third, &told(58));
    assert_eq!(used(&mut budget), 58, "a newer one may: some requests cost nothing in the end");
}

#[test]
fn pauses_hold_for_what_they_are_for() {
    let mut budget = budget(100, 10);
    let order = Cost { weight: 1, orders: 1 };
    budget.pause_orders(NOW, Some(3000));
    assert_eq!(budget.reserve(NOW, order, Priority::Cancel).unwrap_err().until_ms, NOW + 3000);
    let read = budget.reserve(NOW, Cost { weight: 1, orders: 0 }, Priority::Read).unwrap();
    budget.settle(NOW, read, &[]);
    budget.pause(NOW, Some(30_000), false);
    budget.pause(NOW, Some(1000), false);
    let wait = budget.reserve(NOW, Cost::default(), Priority::Cancel).unwrap_err();
    assert_eq!(wait.until_ms, NOW + 30_000, "the longest one counts");
    budget.pause(NOW, None, true);
    assert_eq!(budget.paused_until_ms(), NOW + 120_000);
}

#[test]
fn headers_tell_of_windows() {
    let used = |name, value| used_in_header(name, value);
    let weight = Used { kind: LimitKind::Weight, interval_ms: 60_000, count: 25 };
    assert_eq!(used("X-MBX-USED-WEIGHT-1M", "25"), Some(weight));
    assert_eq!(used("x-mbx-used-weight-1m", " 25 "), Some(weight));
    let orders = Used { kind: LimitKind::Orders, interval_ms: 10_000, count: 3 };
    assert_eq!(used("x-mbx-order-count-10s", "3"), Some(orders));
    for (name, value) in [
        ("x-mbx-used-weight", "1"),
        ("x-mbx-used-weight-", "1"),
        ("x-mbx-used-weight-m", "1"),
        ("x-mbx-used-weight-0m", "1"),
        ("x-mbx-used-weight-1é", "1"),
        ("x-mbx-used-weight-99999999999999d", "1"),
        ("x-mbx-order-count-1d", "-1"),
        ("date", "1"),
    ] {
        assert_eq!(used(name, value), None, "{name}: {value}");
    }
}

#[test]
fn connections_are_counted_over_five_minutes() {
    let mut budget = ConnectBudget::default();
    for _ in 0..240 {
        budget.admit(NOW).unwrap();
    }
    assert_eq!(budget.admit(NOW + 1000).unwrap_err().until_ms, NOW + 300_000);
    budget.admit(NOW + 300_000).unwrap();
}

// ---- orders as requests -------------------------------------------------------------------------------------

pub fn rules() -> SymbolRules {
    let info = parse::exchange_info(&fixture("exchange_info.json")).unwrap();
    info.symbol("BTCUSDT").unwrap().rules.clone()
}

fn check(order: OrderRequest) -> Result<(), OrderFault> {
    order.check(&rules(), &ExchangeFilters::default(), &Situation::default()).map(|_| ())
}

#[test]
fn an_order_that_the_rules_refuse_is_not_sent() {
    let market = |quantity: &str| OrderRequest::market("BTCUSDT", Side::Buy, d(quantity), "id-1");
    let limit = |quantity: &str, price: &str| {
        OrderRequest::limit("BTCUSDT", Side::Sell, d(quantity), d(price), "id_1")
    };
    let new = |order_type| OrderRequest::new("BTCUSDT", Side::Sell, order_type, "id").quantity(d("0.001"));
    for (order, expected) in [
        (market("0.001"), "Ok"),
        (limit("0.001", "60000.01"), "Ok"),
        (limit("0.001", "60000.001"), "Filter failure: PRICE_FILTER"),
        (limit("0.000015", "60000"), "Filter failure: LOT_SIZE"),
        (market("121"), "Filter failure: MARKET_LOT_SIZE"),
        (limit("0.00001", "60000"), "Filter failure: NOTIONAL"),
        (
            limit("0.001", "60000.000000001"),
            "price 60000.000000001 has more than the 8 decimals that the symbol takes",
        ),
        (market("0"), "quantity must be greater than 0"),
        (market("-1"), "quantity must be greater than 0"),
        (market("0.001").price(d("1")), "MARKET takes no price"),
        (new(OrderType::Limit), "LIMIT needs price"),
        (new(OrderType::StopLoss), "STOP_LOSS needs stop price"),
        (new(OrderType::Market).stop_price(d("5")), "MARKET takes no stop price"),
        (OrderRequest::new("BTCUSDT", Side::Buy, OrderType::Market, "id"), "MARKET needs quantity"),
        (
            OrderRequest { time_in_force: Some(TimeInForce::Gtc), ..market("0.001") },
            "MARKET takes no time in force",
        ),
        (
            OrderRequest::market("ETHUSDT", Side::Buy, d("1"), "id"),
            "the order is for ETHUSDT, the rules are those of BTCUSDT",
        ),
        (
            OrderRequest { client_order_id: "a b".to_owned(), ..market("0.001") },
            "the client order id must be 1 to 36 of the characters a-z A-Z 0-9 - _",
        ),
        (
            OrderRequest { client_order_id: "x".repeat(37), ..market("0.001") },
            "the client order id must be 1 to 36 of the characters a-z A-Z 0-9 - _",
        ),
    ] {
        let said = check(order.clone()).map_or_else(|fault| fault.to_string(), |()| "Ok".to_owned());
        assert_eq!(said, expected, "{order:?}");
    }
    let refusal = Refusal::from(OrderFault::Filter(FilterFailure::LotSize));
    assert_eq!(refusal.kind, RefusalKind::Filter("LOT_SIZE".to_owned()));
}

#[test]
fn the_orders_of_a_list_have_to_fit_together() {
    let maker = |price: &str| {
        OrderRequest::new("BTCUSDT", Side::Sell, OrderType::LimitMaker, "tp")
            .quantity(d("0.001"))
            .price(d(price))
    };
    let stop = |price: &str| {
        OrderRequest::new("BTCUSDT", Side::Sell, OrderType::StopLoss, "sl")
            .quantity(d("0.001"))
            .stop_price(d(price))
    };
    let entry = || OrderRequest::limit("BTCUSDT", Side::Buy, d("0.001"), d("60000"), "in");
    let list = |kind| ListRequest { list_client_order_id: "list".to_owned(), kind };
    let free = |mut order: OrderRequest| {
        order.shape.quantity = None;
        order
    };
    for (kind, good) in [
        (ListRequestKind::Oco { above: maker("70000"), below: stop("50000") }, true),
        (ListRequestKind::Oco { above: maker("50000"), below: stop("70000") }, false),
        (ListRequestKind::Oco { above: stop("70000"), below: maker("50000") }, false),
        (ListRequestKind::Oco { above: maker("70000").quantity(d("0.002")), below: stop("50000") }, false),
        (ListRequestKind::Oco { above: free(maker("70000")), below: free(stop("50000")) }, false),
        (ListRequestKind::Oto { working: entry(), pending: stop("50000") }, true),
        (ListRequestKind::Oto { working: entry(), pending: free(stop("50000")) }, true),
        (ListRequestKind::Oto { working: stop("50000"), pending: entry() }, false),
        (ListRequestKind::Otoco { working: entry(), above: maker("70000"), below: stop("50000") }, true),
        (
            ListRequestKind::Otoco {
                working: entry(),
                above: free(maker("70000")),
                below: free(stop("50000")),
            },
            true,
        ),
        (ListRequestKind::Otoco { working: entry(), above: maker("70000"), below: stop("50000.001") }, false),
    ] {
        let checked = list(kind.clone()).check(&rules(), &ExchangeFilters::default(), &Situation::default());
        assert_eq!(checked.is_ok(), good, "{kind:?}: {checked:?}");
    }
    // Its own orders count among those that may be open.
    let pair = || ListRequestKind::Oco { above: maker("70000"), below: stop("50000") };
    let mut few = rules();
    few.filters.max_num_orders = Some(5);
    let account = ExchangeFilters { max_num_algo_orders: Some(3), ..ExchangeFilters::default() };
    for (orders, algo, expected) in [
        (3, 2, "Ok"),
        (4, 2, "Filter failure: MAX_NUM_ORDERS"),
        (3, 3, "Filter failure: EXCHANGE_MAX_NUM_ALGO_ORDERS"),
    ] {
        let open = Some(OpenOrders { orders, algo, ..OpenOrders::default() });
        let situation = Situation { open, open_in_account: open, ..Situation::default() };
        let checked = list(pair()).check(&few, &account, &situation);
        let said = checked.map_or_else(|fault| fault.to_string(), |_| "Ok".to_owned());
        assert_eq!(said, expected, "{orders} open, {algo} of them stops");
    }
}

#[test]
fn parameters_are_encoded_so_that_nothing_changes_them() {
    assert_eq!(percent_encoded("[\"A\",'é'] +~"), "%5B%22A%22%2C%27%C3%A9%27%5D%20%2B~");
    assert_eq!(query(&pairs(&[("a", "1"), ("b", "x&y=z")])), "a=1&b=x%26y%3Dz");
}

// ---- whatever comes -----------------------------------------------------------------------------------------

/// Every reader gets it; none may panic.
fn read_by_all(body: &[u8]) {
    let _ = parse::server_time(body);
    let _ = parse::nothing(body);
    let _ = parse::api_error(body);
    let _ = parse::exchange_info(body);
    let _ = parse::klines(body)
        .map(|klines| klines.iter().map(mista::venues::binance::wire::Kline::candle).count());
    let _ = parse::depth(body);
    let _ = parse::book_tickers(body);
    let _ = parse::price_tickers(body);
    let _ = parse::average_price(body);
    let _ = parse::trades(body);
    let _ = parse::aggregate_trades(body);
    let _ = parse::order(body).map(|order| order.state.and_then(|state| state.average_price()));
    let _ = parse::orders(body);
    let _ = parse::my_trades(body);
    let _ = parse::order_list(body);
    let _ = parse::order_lists(body);
    let _ = parse::cancel(body);
    let _ = parse::cancels(body);
    let _ = parse::cancel_replaced(body);
    let _ = parse::amended(body);
    let _ = parse::account(body);
    let _ = parse::commission(body);
    let _ = parse::rate_limits(body);
    let _ = frames::market(body);
    let _ = frames::api(body);
    for status in [200, 400, 409, 418, 429, 500] {
        let answer = Attempt::Answered(Answer { status, body: body.to_vec(), retry_after_ms: None });
        let outcome = of_order(answer.clone(), parse::order);
        if status == 500 && !matches!(parse::api_error(body), Some(error) if error.code == -1008) {
            assert!(matches!(outcome, Outcome::Unknown(_)), "{outcome:?}");
        }
        if let Outcome::Refused(refusal) = &outcome {
            assert!(refusal.message.chars().count() <= 400, "bounded");
        }
        let _ = of_replacement(answer);
    }
}

/// Values that a field may hold instead of the right one.
const WRONG: [&str; 16] = [
    "null",
    "-1",
    "0",
    "1e400",
    "-1e-400",
    "99999999999999999999",
    "\"\"",
    "\"99999999999999999999999999999\"",
    "\"1e9\"",
    "\"1e4000000000\"",
    "\"-1e-4000000000\"",
    "[]",
    "{}",
    "true",
    "[[[]]]",
    "-9223372036854775808",
];

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_make_a_reader_panic(body in proptest::collection::vec(any::<u8>(), 0..200)) {
        read_by_all(&body);
    }

    #[test]
    fn no_damaged_frame_makes_a_reader_panic(
        which in any::<prop::sample::Index>(),
        cuts in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0_u8..4), 1..6),
    ) {
        let all = fixtures(".json");
        let (_, mut body) = all[which.index(all.len())].clone();
        for (place, byte, how) in cuts {
            if body.is_empty() { break; }
            let at = place.index(body.len());
            match how {
                0 => body[at] = byte,
                1 => body.truncate(at),
                2 => { body.remove(at); }
                _ => { let tail = body[at..].to_vec(); body.extend(tail); }
            }
        }
        read_by_all(&body);
    }

    #[test]
    fn no_wrong_value_makes_a_reader_panic(
        which in any::<prop::sample::Index>(),
        field in any::<prop::sample::Index>(),
        wrong in any::<prop::sample::Index>(),
    ) {
        let all = fixtures(".json");
        let text = String::from_utf8(all[which.index(all.len())].1.clone()).unwrap();
        let mut value: serde_json::Value = serde_json::from_str(&text).unwrap();
        let mut count = 0;
        walk(&mut value, &mut |_| count += 1);
        let chosen = field.index(count);
        let wrong: serde_json::Value =
            serde_json::from_str(WRONG[wrong.index(WRONG.len())]).unwrap_or(serde_json::Value::Null);
        let mut number = 0;
        walk(&mut value, &mut |place| {
            if number == chosen { *place = wrong.clone(); }
            number += 1;
        });
        read_by_all(value.to_string().as_bytes());
    }

    #[test]
    fn reservations_never_exceed_a_limit(
        limit in 1_u64..200,
        costs in proptest::collection::vec((1_u64..60, 0_usize..3), 1..60),
    ) {
        let mut budget = budget(limit, 1000);
        let (mut taken, mut tickets) = (0, Vec::new());
        for (weight, priority) in costs {
            let priority = [Priority::Read, Priority::Order, Priority::Cancel][priority];
            if let Ok(ticket) = budget.reserve(NOW, Cost { weight, orders: 0 }, priority) {
                prop_assert!(taken == 0 || taken + weight <= limit);
                taken += weight;
                tickets.push(ticket);
            }
        }
        for ticket in tickets { budget.settle(NOW, ticket, &[]); }
        prop_assert_eq!(budget.used(NOW, LimitKind::Weight, 60_000), Some(taken));
    }

    #[test]
    fn money_is_written_without_exponent_and_read_back_the_same(units in 1_i64..i64::MAX, scale in 0_u32..9) {
        let value = Decimal::new(units, scale);
        let text = value.normalize().to_string();
        prop_assert!(text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.'), "{}", text);
        prop_assert_eq!(text.parse::<Decimal>().unwrap(), value);
    }
}

fn walk(value: &mut serde_json::Value, visit: &mut impl FnMut(&mut serde_json::Value)) {
    match value {
        serde_json::Value::Array(items) => items.iter_mut().for_each(|item| walk(item, visit)),
        serde_json::Value::Object(fields) => fields.values_mut().for_each(|field| walk(field, visit)),
        _ => {}
    }
    visit(value);
}
