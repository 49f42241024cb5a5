//! Bytes that no client would send: the exchange answers or closes, and goes on for everybody else. A panic in it
//! would be seen as a connection that ends without an answer, or as a lock that nobody gets any more.

use super::client::{Frame, Line, http, raw};
use super::keys::Signer;
use super::world::{self, Wishes};
use fastrand::Rng;
use std::net::SocketAddr;
use tokio_tungstenite::tungstenite::Message;

/// Requests and frames that mean something, to be spoilt.
const TARGETS: [&str; 8] = [
    "GET /api/v3/klines?symbol=BTCUSDT&interval=1m&startTime=1740960000000&limit=5 HTTP/1.1",
    "GET /api/v3/depth?symbol=BTCUSDT&limit=5 HTTP/1.1",
    "GET /api/v3/ticker?symbols=%5B%22BTCUSDT%22%5D&windowSize=1h HTTP/1.1",
    "POST /api/v3/order?symbol=BTCUSDT&side=BUY&type=MARKET&quantity=0.01&timestamp=1 HTTP/1.1",
    "GET /ws/btcusdt@kline_1m@+08:00 HTTP/1.1",
    "GET /stream?streams=btcusdt@trade/ethusdt@depth5@100ms HTTP/1.1",
    "POST /control/step HTTP/1.1",
    "DELETE /api/v3/openOrders?symbol=BTCUSDT HTTP/1.1",
];
const FRAMES: [&str; 8] = [
    r#"{"id":1,"method":"SUBSCRIBE","params":["btcusdt@kline_1m","ethusdt@depth20@100ms"]}"#,
    r#"{"id":"a","method":"SET_PROPERTY","params":["combined",true]}"#,
    r#"{"id":1,"method":"klines","params":{"symbol":"BTCUSDT","interval":"1h","limit":5,"timeZone":"-3:30"}}"#,
    r#"{"id":1,"method":"order.place","params":{"symbol":"BTCUSDT","side":"BUY","quantity":0.01,"timestamp":17}}"#,
    r#"{"id":null,"method":"session.logon","params":{"apiKey":"edkey","signature":"AAAA","timestamp":1}}"#,
    r#"{"id":1,"method":"userDataStream.unsubscribe","params":{"subscriptionId":0}}"#,
    r#"{"id":1,"method":"ticker","params":{"symbols":["BTCUSDT","ETHUSDT"],"windowSize":"7d"}}"#,
    r#"{"id":1,"method":"trades.historical","params":{"symbol":"BTCUSDT","fromId":18446744073709551615}}"#,
];

/// Numbers where something might overflow, and signs where something might be cut.
const CRUMBS: [&str; 22] = [
    "9223372036854775807",
    "-9223372036854775808",
    "18446744073709551616",
    "99999999999999999999",
    "0",
    "-1",
    "1e308",
    "NaN",
    "%",
    "%00",
    "%ff",
    "&",
    "=",
    "\"",
    "\\u0000",
    "{",
    "[",
    "]]]]",
    "测试",
    "\u{202e}",
    "@",
    "0.00000000000000000000001",
];

fn spoilt(random: &mut Rng, text: &str) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    for _ in 0..random.usize(1..4) {
        let place = random.usize(0..=bytes.len());
        match random.u8(0..6) {
            0 if place < bytes.len() => bytes[place] = random.u8(..),
            1 => {
                bytes.truncate(place);
            }
            2 => bytes.insert(place, random.u8(..)),
            3 => {
                let from = random.usize(0..=place);
                bytes.drain(from..place);
            }
            4 => {
                let crumb = CRUMBS[random.usize(..CRUMBS.len())];
                bytes.splice(place..place, crumb.bytes());
            }
            _ => {
                // In place of a number or a word.
                let end = bytes[place..].iter().position(|byte| b"&=,\"}] ".contains(byte));
                let end = end.map_or(bytes.len(), |end| place + end);
                let crumb = CRUMBS[random.usize(..CRUMBS.len())];
                bytes.splice(place..end, crumb.bytes());
            }
        }
    }
    bytes
}

/// Still there, and still does what it should.
async fn is_well(address: SocketAddr) {
    let answer = http(address, "GET", "/api/v3/ping", &[], b"").await.expect("no answer to a ping");
    assert_eq!(answer.status, 200);
    let answer = http(address, "GET", "/control/state", &[], b"").await.expect("no answer from control");
    assert_eq!(answer.status, 200);
}

/// Signed, so that what is spoilt gets past the door.
async fn signed_nonsense(address: SocketAddr, random: &mut Rng) {
    const REQUESTS: [(&str, &str, &str); 8] = [
        ("POST", "order", "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.01&price=49000"),
        (
            "POST",
            "order",
            "symbol=BTCUSDT&side=SELL&type=STOP_LOSS&quantity=0.01&trailingDelta=100&stopPrice=51000",
        ),
        ("POST", "order", "symbol=BTCUSDT&side=BUY&type=MARKET&quoteOrderQty=100&icebergQty=1"),
        (
            "POST",
            "orderList/oco",
            "symbol=BTCUSDT&side=SELL&quantity=0.01&aboveType=LIMIT_MAKER&abovePrice=51000&belowType=STOP_LOSS&belowStopPrice=49000",
        ),
        (
            "POST",
            "order/cancelReplace",
            "symbol=BTCUSDT&side=BUY&type=MARKET&quantity=1&cancelReplaceMode=ALLOW_FAILURE&cancelOrderId=1",
        ),
        ("PUT", "order/amend/keepPriority", "symbol=BTCUSDT&orderId=1&newQty=0.005"),
        ("GET", "myTrades", "symbol=BTCUSDT&startTime=1740960000000&endTime=1740960000000&limit=5"),
        ("DELETE", "orderList", "symbol=BTCUSDT&orderListId=1"),
    ];
    let (method, path, query) = REQUESTS[random.usize(..REQUESTS.len())];
    let spoilt = spoilt(random, query);
    // What HTTP itself would refuse is somebody else's case.
    let query: String =
        String::from_utf8_lossy(&spoilt).chars().filter(|c| c.is_ascii_graphic() && *c != '#').collect();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis();
    let query = format!("{query}&timestamp={now}");
    let signature = Signer::of("stubkey").sign(&query);
    let headers = [("X-MBX-APIKEY".to_owned(), "stubkey".to_owned())];
    let target = format!("/api/v3/{path}?{query}&signature={signature}");
    let answer = http(address, method, &target, &headers, b"").await;
    let answer = answer.unwrap_or_else(|| panic!("{method} {target}: closed without an answer"));
    assert!(answer.status < 500, "{method} {target}: {answer:?}");
}

/// Frames of one connection until it is closed. `true`: all of them were taken.
async fn frames(address: SocketAddr, path: &str, random: &mut Rng, count: usize) {
    let Ok(mut line) = Line::open(address, path).await else { return };
    for _ in 0..count {
        let frame = FRAMES[random.usize(..FRAMES.len())];
        let frame = spoilt(random, frame);
        let text = String::from_utf8_lossy(&frame).into_owned();
        line.send(Message::text(text.clone()));
        match line.next().await {
            Frame::Text(_) => {}
            // Too fast, or a frame that is none.
            Frame::Closed(1006, _) => panic!("{path}: closed without a word after {text}"),
            Frame::Closed(..) => return,
        }
    }
}

fn fuzz(seed: u64, rounds: usize) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut random = Rng::with_seed(seed);
    runtime.block_on(async {
        let handle = world::start(&Wishes { limits: Some(1e6), ..Wishes::default() }).await;
        let address = handle.address();
        for round in 0..rounds {
            let head = TARGETS[random.usize(..TARGETS.len())];
            let head = spoilt(&mut random, head);
            let end: &[u8] = if random.bool() {
                b"\r\nHost: x\r\nConnection: close\r\n\r\n"
            } else {
                b"\r\nConnection: close\r\n\r\n"
            };
            let _ = raw(address, &[&head, end].concat()).await;
            signed_nonsense(address, &mut random).await;
            frames(address, "/ws-api/v3", &mut random, 4).await;
            frames(address, "/ws", &mut random, 4).await;
            if round % 16 == 0 {
                is_well(address).await;
            }
        }
        is_well(address).await;
        handle.shutdown().await;
    });
}

#[test]
fn nonsense_is_answered_or_closed() {
    fuzz(1, 60);
}

#[test]
#[ignore = "minutes of nonsense"]
fn nonsense_for_long() {
    (2..42).for_each(|seed| fuzz(seed, 500));
}

#[test]
fn what_is_too_large_is_not_kept() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let handle = world::start(&Wishes::default()).await;
        let address = handle.address();
        let long = "x".repeat(2 * 1024 * 1024);

        let answer = http(address, "POST", "/api/v3/order", &[], long.as_bytes()).await;
        // It may give up before it was told all of it.
        assert!(answer.is_none_or(|answer| answer.status == 413), "a body of 2 MiB");

        let head = format!("GET /api/v3/ping HTTP/1.1\r\nX-Long: {long}\r\n\r\n");
        let answer = raw(address, head.as_bytes()).await;
        assert!(!answer.starts_with(b"HTTP/1.1 200"), "a header of 2 MiB");

        let many: String = (0..5000).map(|number| format!("X-{number}: a\r\n")).collect();
        let answer = raw(address, format!("GET /api/v3/ping HTTP/1.1\r\n{many}\r\n").as_bytes()).await;
        assert!(!answer.starts_with(b"HTTP/1.1 200"), "5000 headers");

        for path in ["/ws", "/ws-api/v3"] {
            let mut line = Line::open(address, path).await.unwrap();
            line.send(Message::text(long.clone()));
            assert!(matches!(line.next().await, Frame::Closed(..)), "{path}: a frame of 2 MiB");
        }

        let names: Vec<String> = (0..1025).map(|number| format!("s{number}@trade")).collect();
        let answer = Line::open(address, &format!("/stream?streams={}", names.join("/"))).await;
        assert_eq!(answer.err().expect("1025 streams").status, 400);
        let mut line =
            Line::open(address, &format!("/stream?streams={}", names[..1024].join("/"))).await.ok().unwrap();
        line.send(Message::text(r#"{"method":"SUBSCRIBE","params":["one@more"],"id":1}"#));
        let Frame::Text(text) = line.next().await else { panic!("closed") };
        assert!(text.contains("\"code\":2"), "{text}");

        // JSON as deep as it fits in a frame.
        let mut line = Line::open(address, "/ws-api/v3").await.unwrap();
        line.send(Message::text("[".repeat(60_000)));
        let Frame::Text(text) = line.next().await else { panic!("closed") };
        assert!(text.contains("-1135"), "{text}");

        is_well(address).await;
        handle.shutdown().await;
    });
}
