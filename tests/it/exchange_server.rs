//! The local exchange over real sockets: its HTTP, its frames, the market's clock moved by hand, and what goes
//! wrong when it is told to. What each endpoint answers to the letter is for the conformance tests.

use futures_util::{SinkExt, StreamExt};
use mista::model::Interval;
use mista::venues::local::accounts::{default_accounts, flat_rates};
use mista::venues::local::listing::usual_rules;
use mista::venues::local::market::{Series, SeriesRow};
use mista::venues::local::pace::Speed;
use mista::venues::local::{self, Handle, Listing, LocalConfig, LocalExchange};
use mista::venues::rules::ExchangeFilters;
use ring::hmac;
use rust_decimal::Decimal;
use serde_json::{Value, json};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

pub const HOUR: i64 = 3_600_000;
/// 2024-01-01.
pub const FIRST: i64 = 1_704_067_200_000;
/// Candles before the market starts.
pub const HISTORY: i64 = 24;
const LONG: Duration = Duration::from_secs(20);

/// Prices rise by 10 an hour from 1000, up to 15 above and down to 5 below the open.
fn series(symbol: &str) -> Series {
    let mut series = Series::new(symbol, "1h".parse::<Interval>().unwrap());
    for row in 0..48 {
        let open = Decimal::from(1000 + 10 * row);
        let open_time = FIRST + row * HOUR;
        let candle = SeriesRow {
            open_time,
            close_time: open_time + HOUR - 1,
            open,
            high: open + Decimal::from(15),
            low: open - Decimal::from(5),
            close: open + Decimal::from(10),
            volume: Decimal::from(100),
            quote_volume: None,
            trades: Some(60),
            taker_buy_base: None,
            taker_buy_quote: None,
        };
        series.push(&candle).unwrap();
    }
    series
}

pub fn config() -> LocalConfig {
    let rules = usual_rules("BTCUSDT", "BTC", "USDT", Decimal::new(1, 2), Decimal::new(1, 5));
    let balances = [("BTC".to_owned(), Decimal::ONE), ("USDT".to_owned(), Decimal::from(10_000))];
    LocalConfig {
        address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        listings: vec![Listing { rules, series: series("BTCUSDT") }],
        accounts: default_accounts(&balances, flat_rates(Decimal::from(10)), None),
        slippage_bps: 0.0,
        filters: ExchangeFilters::default(),
        start: FIRST + HISTORY * HOUR,
        end: None,
        speed: Speed::Times(60.0),
        is_paused: true,
        limits_factor: 1.0,
        chaos: None,
        history: local::HISTORY,
    }
}

/// Runs a test against an exchange whose first candle has just opened.
fn with_exchange<F: Future<Output = ()>>(config: LocalConfig, test: impl FnOnce(Client) -> F) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let handle = LocalExchange::start(config).await.unwrap();
        let client = Client { address: handle.address() };
        client.control("step", json!({ "steps": 1 })).await;
        timeout(3 * LONG, test(client)).await.expect("the test ends");
        handle.shutdown().await;
    });
}

#[derive(Debug, Clone, Copy)]
pub struct Client {
    pub address: SocketAddr,
}

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    head: String,
    body: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    fn code(&self) -> i64 {
        self.json()["code"].as_i64().unwrap_or(0)
    }

    fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(':'));
        lines.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }
}

fn now_ms() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()
}

fn signed(payload: &str, secret: &str) -> String {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()), payload.as_bytes());
    tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Client {
    /// Sends bytes and reads until the other side closes. `None`: it said nothing.
    async fn raw(self, bytes: &[u8]) -> Option<Answer> {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        // It may close before all is written.
        let _ = stream.write_all(bytes).await;
        let mut answer = Vec::new();
        let _ = timeout(LONG, stream.read_to_end(&mut answer)).await.expect("the connection ends");
        let text = String::from_utf8(answer).unwrap();
        let (head, body) = text.split_once("\r\n\r\n")?;
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Some(Answer { status, head: head.to_owned(), body: body.to_owned() })
    }

    pub async fn send(self, method: &str, target: &str, headers: &str, body: &str) -> Option<Answer> {
        let text = format!(
            "{method} {target} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {}\r\n{headers}\r\n{body}",
            body.len()
        );
        self.raw(text.as_bytes()).await
    }

    async fn get(self, target: &str) -> Answer {
        self.send("GET", target, "", "").await.unwrap()
    }

    /// A signed request of the first account. `None`: the connection was closed without an answer.
    async fn try_signed(self, method: &str, path: &str, query: &str) -> Option<Answer> {
        let query = format!("{query}&timestamp={}", now_ms());
        let query = query.trim_start_matches('&');
        let target = format!("/api/v3/{path}?{query}&signature={}", signed(query, "stubsecret"));
        self.send(method, &target, "X-MBX-APIKEY: stubkey\r\n", "").await
    }

    pub async fn signed(self, method: &str, path: &str, query: &str) -> Answer {
        self.try_signed(method, path, query).await.unwrap()
    }

    async fn control(self, path: &str, body: Value) -> Value {
        let answer = self.send("POST", &format!("/control/{path}"), "", &body.to_string()).await.unwrap();
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()
    }

    pub async fn socket(self, path: &str) -> Socket {
        let (socket, _) = connect_async(format!("ws://{}{path}", self.address)).await.unwrap();
        Socket(socket)
    }
}

pub struct Socket(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Socket {
    async fn send(&mut self, text: impl Into<String>) {
        self.0.send(Message::Text(text.into().into())).await.unwrap();
    }

    /// The next frame with text; `None` at the end.
    pub async fn next(&mut self) -> Option<Value> {
        loop {
            match timeout(LONG, self.0.next()).await.expect("a frame arrives")? {
                Ok(Message::Text(text)) => return Some(serde_json::from_str(&text).unwrap()),
                Ok(Message::Close(_)) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }

    /// The next frame for which `is_it` holds.
    async fn wait(&mut self, is_it: impl Fn(&Value) -> bool) -> Value {
        loop {
            let frame = self.next().await.expect("the socket stays open");
            if is_it(&frame) {
                return frame;
            }
        }
    }

    /// A signed request over the WebSocket API.
    pub async fn ask(&mut self, method: &str, mut params: Value, key: &str, secret: &str) -> Value {
        params["apiKey"] = key.into();
        params["timestamp"] = u64::try_from(now_ms()).unwrap().into();
        let fields: std::collections::BTreeMap<_, _> = params.as_object().unwrap().iter().collect();
        let pieces = fields.iter().map(|(name, value)| match value {
            Value::String(text) => format!("{name}={text}"),
            other => format!("{name}={other}"),
        });
        let payload = pieces.collect::<Vec<_>>().join("&");
        params["signature"] = signed(&payload, secret).into();
        self.send(json!({ "id": 7, "method": method, "params": params }).to_string()).await;
        self.wait(|frame| frame["id"] == 7).await
    }
}

#[test]
fn rest_answers_with_its_headers_and_errors() {
    with_exchange(config(), async |client| {
        let time = client.get("/api/v3/time").await;
        assert_eq!((time.status, time.header("x-mbx-used-weight-1m")), (200, Some("1")));
        assert!(time.json()["serverTime"].as_i64().unwrap().abs_diff(now_ms() as i64) < 60_000);
        for (target, status, code) in [
            ("/api/v3/nothing", 404, -1000),
            ("/api/v3/userDataStream", 404, -1000),
            ("/api/v1/ping", 404, -1000),
            ("/", 404, -1000),
            ("/api/v3/klines?symbol=BTCUSDT", 400, -1102),
            ("/api/v3/klines?symbol=BTCUSDT&interval=1x", 400, -1120),
            ("/api/v3/klines?symbol=btcusdt&interval=1h", 400, -1100),
            ("/api/v3/klines?symbol=NOSUCH&interval=1h", 400, -1121),
            ("/api/v3/klines?symbol=BTCUSDT&interval=1h&x=1", 400, -1104),
            ("/api/v3/ping?x=1", 400, -1101),
            ("/api/v3/referencePrice?symbol=BTCUSDT", 400, -2043),
            ("/api/v3/account", 401, -2014),
        ] {
            let answer = client.get(target).await;
            assert_eq!((answer.status, answer.code()), (status, code), "{target}");
            assert!(answer.header("content-type").unwrap().starts_with("application/json"), "{target}");
        }
        let wrong = client.send("POST", "/api/v3/ping", "", "").await.unwrap();
        assert_eq!(wrong.status, 405);
        let unknown = client.send("GET", "/api/v3/account", "x-mbx-apikey: nobody\r\n", "").await.unwrap();
        assert_eq!((unknown.status, unknown.code()), (401, -2015));
        let klines = client.get("/api/v3/klines?symbol=BTCUSDT&interval=1h&limit=2").await.json();
        assert_eq!(klines[0][0], FIRST + (HISTORY - 1) * HOUR);
        assert_eq!(klines[1][1], "1240.00000000");
        let micro = client.send(
            "GET",
            "/api/v3/klines?symbol=BTCUSDT&interval=1h&limit=1",
            "X-MBX-TIME-UNIT: MICROSECOND\r\n",
            "",
        );
        let micro = micro.await.unwrap().json();
        assert_eq!(micro[0][6], (FIRST + (HISTORY + 1) * HOUR) * 1000 - 1);
    });
}

#[test]
fn orders_are_placed_by_query_and_by_body() {
    with_exchange(config(), async |client| {
        let bought = client.signed("POST", "order", "symbol=BTCUSDT&side=BUY&type=MARKET&quantity=0.5").await;
        assert_eq!(bought.status, 200, "{bought:?}");
        assert_eq!(bought.json()["status"], "FILLED");
        assert_eq!(bought.json()["fills"][0]["price"], "1240.00000000");
        assert_eq!(bought.json()["transactTime"], FIRST + HISTORY * HOUR);
        assert!(bought.header("x-mbx-order-count-10s").is_some());
        // Part in the query, part in the body, the signature over both with nothing between them.
        let (query, body) = (
            "symbol=BTCUSDT&side=BUY",
            format!("type=LIMIT&timeInForce=GTC&quantity=0.1&price=1000&timestamp={}", now_ms()),
        );
        let signature = signed(&format!("{query}{body}"), "stubsecret");
        let target = format!("/api/v3/order?{query}");
        let body = format!("{body}&signature={signature}");
        let rests = client.send(
            "POST",
            &target,
            "X-MBX-APIKEY: stubkey\r\ncontent-type: application/json\r\n",
            &body,
        );
        let rests = rests.await.unwrap();
        assert_eq!(rests.json()["status"], "NEW", "{rests:?}");
        let forged = client
            .send("POST", &target, "X-MBX-APIKEY: stubkey\r\n", &body.replace("0.1", "0.2"))
            .await
            .unwrap();
        assert_eq!((forged.status, forged.code()), (400, -1022));
        let canceled = client
            .signed("DELETE", "order", &format!("symbol=BTCUSDT&orderId={}", rests.json()["orderId"]))
            .await;
        assert_eq!(canceled.json()["status"], "CANCELED");
        let dust =
            client.signed("POST", "order", "symbol=BTCUSDT&side=BUY&type=MARKET&quantity=0.0000001").await;
        assert_eq!((dust.code(), dust.json()["msg"].as_str()), (-1013, Some("Filter failure: LOT_SIZE")));
    });
}

#[test]
fn a_step_tells_the_closed_candle_before_resting_orders_meet_the_open() {
    with_exchange(config(), async |client| {
        let mut streams = client.socket("/ws/btcusdt@kline_1h").await;
        let mut api = client.socket("/ws-api/v3").await;
        let subscribed =
            api.ask("userDataStream.subscribe.signature", json!({}), "stubkey", "stubsecret").await;
        assert_eq!(subscribed["result"]["subscriptionId"], 0);
        assert!(subscribed["rateLimits"].is_array());
        // The next candle opens at 1250: a sell limit below that is met at the open, a stop at 1246 on its way down.
        let order = "symbol=BTCUSDT&side=SELL&quantity=0.1&timeInForce=GTC&type=LIMIT&price=1258";
        assert_eq!(client.signed("POST", "order", order).await.json()["status"], "NEW");
        let state = client.control("step", json!({ "candles": 1 })).await;
        assert_eq!(state["market_time"], FIRST + (HISTORY + 1) * HOUR);
        assert_eq!(state["pace"]["between_open_and_orders"], true);
        let closed = streams.wait(|frame| frame["k"]["x"] == true).await;
        assert_eq!(
            (closed["k"]["t"].as_i64(), closed["k"]["c"].as_str()),
            (Some(FIRST + HISTORY * HOUR), Some("1250.00000000"))
        );
        // At the price of the open, before anything else happens.
        let sold =
            client.signed("POST", "order", "symbol=BTCUSDT&side=SELL&type=MARKET&quantity=0.1").await.json();
        assert_eq!(sold["fills"][0]["price"], "1250.00000000");
        assert_eq!(sold["transactTime"], FIRST + (HISTORY + 1) * HOUR);
        client.control("step", json!({ "candles": 1 })).await;
        let event = api.wait(|frame| frame["event"]["x"] == "TRADE" && frame["event"]["o"] == "LIMIT").await;
        assert_eq!(event["subscriptionId"], 0);
        assert_eq!(event["event"]["L"], "1258.00000000");
        let next = streams.wait(|frame| frame["k"]["x"] == true).await;
        assert_eq!(next["k"]["t"], FIRST + (HISTORY + 1) * HOUR);
    });
}

#[test]
fn the_websocket_api_answers_as_rest_does() {
    with_exchange(config(), async |client| {
        let mut api = client.socket("/ws-api/v3").await;
        for (frame, status, code) in [
            (r#"{"id":"a","method":"ping"}"#, 200, 0),
            (r#"{"id":null,"method":"v3/time"}"#, 200, 0),
            (r#"{"id":1,"method":"depth","params":{"symbol":"BTCUSDT","limit":5}}"#, 200, 0),
            (
                r#"{"id":1,"method":"klines","params":{"symbol":"BTCUSDT","interval":"1h","limit":"2"}}"#,
                200,
                0,
            ),
            (r#"{"id":1,"method":"klines","params":{"symbol":"BTCUSDT"}}"#, 400, -1102),
            (r#"{"id":1,"method":"nothing"}"#, 400, -1000),
            (r#"{"id":1,"method":"account.status"}"#, 401, -2014),
            (r#"{"id":1,"method":"userDataStream.start"}"#, 400, -1000),
            (
                r#"{"id":1,"method":"session.logon","params":{"apiKey":"stubkey","timestamp":1,"signature":"x"}}"#,
                400,
                -4056,
            ),
            (r#"{"id":{},"method":"ping"}"#, 400, -1135),
            (r#"{"id":1"#, 400, -1135),
        ] {
            api.send(frame).await;
            let answer = api.next().await.unwrap();
            assert_eq!(
                (answer["status"].as_i64(), answer["error"]["code"].as_i64().unwrap_or(0)),
                (Some(status), code),
                "{frame}: {answer}"
            );
            assert!(answer["rateLimits"].is_array(), "{frame}");
        }
        api.send(r#"{"id":5,"method":"ping","params":{"returnRateLimits":false}}"#).await;
        assert_eq!(api.next().await.unwrap(), json!({ "id": 5, "status": 200, "result": {} }));
        let placed = api
            .ask(
                "order.place",
                json!({ "symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": 0.01 }),
                "stubkey2",
                "stubsecret2",
            )
            .await;
        assert_eq!(placed["result"]["status"], "FILLED", "{placed}");
        let counted: Vec<&Value> =
            placed["rateLimits"].as_array().unwrap().iter().map(|it| &it["rateLimitType"]).collect();
        assert_eq!(counted, ["ORDERS", "ORDERS", "REQUEST_WEIGHT"]);
        let subscribe = "userDataStream.subscribe.signature";
        assert_eq!(
            api.ask(subscribe, json!({}), "stubkey", "stubsecret").await["result"]["subscriptionId"],
            0
        );
        assert_eq!(api.ask(subscribe, json!({}), "stubkey", "stubsecret").await["error"]["code"], -2035);
        assert_eq!(
            api.ask(subscribe, json!({}), "stubkey2", "stubsecret2").await["result"]["subscriptionId"],
            1
        );
        api.send(r#"{"id":9,"method":"userDataStream.unsubscribe","params":{"subscriptionId":0}}"#).await;
        assert_eq!(api.next().await.unwrap()["result"], json!({}));
        let ended = api.next().await.unwrap();
        assert_eq!(
            (&ended["subscriptionId"], &ended["event"]["e"]),
            (&json!(0), &json!("eventStreamTerminated"))
        );
        api.send(r#"{"id":9,"method":"userDataStream.unsubscribe","params":{"subscriptionId":0}}"#).await;
        assert_eq!(api.next().await.unwrap()["error"]["code"], -2036);
    });
}

#[test]
fn streams_are_controlled_by_frames() {
    with_exchange(config(), async |client| {
        // A counter is no stream, and is taken all the same.
        let mut socket = client.socket("/ws/0").await;
        let mut at_once = async |frame: &str| {
            socket.send(frame).await;
            let answer = socket.wait(|answer| answer.get("e").is_none()).await;
            // Five messages a second are the most.
            tokio::time::sleep(Duration::from_millis(250)).await;
            answer
        };
        let id = "0f8fad5b-d9cb-469f-a165-70867728950e";
        let asked =
            format!(r#"{{"method":"SUBSCRIBE","params":["btcusdt@aggTrade","nosuch@trade"],"id":"{id}"}}"#);
        assert_eq!(at_once(&asked).await, json!({ "result": null, "id": id }));
        let listed = at_once(r#"{"method":"LIST_SUBSCRIPTIONS","id":3}"#).await;
        assert_eq!(listed, json!({ "result": ["0", "btcusdt@aggTrade", "nosuch@trade"], "id": 3 }));
        assert_eq!(
            at_once(r#"{"method":"GET_PROPERTY","params":["combined"],"id":1}"#).await["result"],
            false
        );
        assert_eq!(at_once(r#"{"method":"SET_PROPERTY","params":["combined",1],"id":1}"#).await["code"], 1);
        assert_eq!(at_once(r#"{"method":"SET_PROPERTY","params":["other",true],"id":1}"#).await["code"], 0);
        assert_eq!(at_once(r#"{"method":"OTHER","id":1}"#).await["code"], 2);
        assert_eq!(at_once(r#"{"method":"SUBSCRIBE","params":[],"id":1}"#).await["code"], 2);
        assert_eq!(at_once("{").await["code"], 3);
        assert_eq!(
            at_once(r#"{"method":"SET_PROPERTY","params":["combined",true],"id":1}"#).await["result"],
            Value::Null
        );
        client.control("step", json!({ "candles": 1 })).await;
        let frame = socket.wait(|frame| frame.get("stream").is_some()).await;
        assert_eq!((&frame["stream"], &frame["data"]["e"]), (&json!("btcusdt@aggTrade"), &json!("aggTrade")));
    });
}

#[test]
fn too_many_messages_end_a_connection() {
    with_exchange(config(), async |client| {
        let mut socket = client.socket("/stream?streams=").await;
        for id in 0..20 {
            // It may be closed by then.
            let frame = format!(r#"{{"method":"LIST_SUBSCRIPTIONS","id":{id}}}"#);
            if socket.0.send(Message::Text(frame.into())).await.is_err() {
                break;
            }
        }
        while socket.next().await.is_some() {}
    });
}

#[test]
fn limits_end_in_429_and_418() {
    let config = LocalConfig { limits_factor: 0.005, ..config() };
    with_exchange(config, async |client| {
        // 30 are the most.
        let mut statuses = Vec::new();
        for _ in 0..30 {
            let answer = client.get("/api/v3/klines?symbol=BTCUSDT&interval=1h&limit=1").await;
            if answer.status != 200 {
                assert!(answer.header("retry-after").is_some());
            }
            statuses.push(answer.status);
        }
        statuses.dedup();
        assert_eq!(statuses, [200, 429, 418]);
        let refused = connect_async(format!("ws://{}/ws-api/v3", client.address)).await;
        assert!(refused.is_err());
    });
}

#[test]
fn faults_happen_to_whom_they_are_meant_for() {
    with_exchange(config(), async |client| {
        let order =
            "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.01&price=900&newClientOrderId=";
        let count = async || {
            client.signed("GET", "openOrders", "symbol=BTCUSDT").await.json().as_array().unwrap().len()
        };
        client.control("fault", json!({ "fault": "unknown_outcome" })).await;
        let unknown = client.signed("POST", "order", &format!("{order}a")).await;
        assert_eq!((unknown.code(), count().await), (-1007, 1));
        client.control("fault", json!({ "fault": "drop_answer", "account": "stubkey" })).await;
        assert!(client.try_signed("POST", "order", &format!("{order}b")).await.is_none());
        assert_eq!(count().await, 2);
        client.control("fault", json!({ "fault": "status", "status": 503 })).await;
        let page = client.signed("POST", "order", &format!("{order}c")).await;
        assert_eq!((page.status, count().await), (503, 2));
        client.control("fault", json!({ "fault": "read_lag", "times": 2 })).await;
        let query = "symbol=BTCUSDT&origClientOrderId=a";
        assert_eq!(client.signed("GET", "order", query).await.code(), -2013);
        assert_eq!(client.signed("GET", "order", query).await.code(), -2013);
        assert_eq!(client.signed("GET", "order", query).await.json()["status"], "NEW");
        client.control("fault", json!({ "fault": "limited", "retry_after_s": 2, "on": "public" })).await;
        let limited = client.get("/api/v3/ping").await;
        assert_eq!((limited.status, limited.header("retry-after").is_some()), (429, true));
        client.control("fault", json!({ "fault": "partial", "pieces": 2, "fraction": "0.5" })).await;
        let part =
            client.signed("POST", "order", "symbol=BTCUSDT&side=BUY&type=MARKET&quantity=0.1").await.json();
        assert_eq!((&part["status"], &part["executedQty"]), (&json!("EXPIRED"), &json!("0.05000000")));
        assert_eq!(part["fills"].as_array().unwrap().len(), 2);
        client.control("clock", json!({ "skew_ms": 20_000 })).await;
        assert_eq!(client.signed("GET", "account", "").await.code(), -1021);
        client.control("clock", json!({ "skew_ms": 0 })).await;
        client.control("key", json!({ "key": "stubkey" })).await;
        assert_eq!(client.signed("GET", "account", "").await.code(), -2015);
        client.control("key", json!({ "key": "stubkey", "revoked": false })).await;
        client.control("symbol", json!({ "symbol": "BTCUSDT", "status": "HALT" })).await;
        let closed = client.signed("POST", "order", "symbol=BTCUSDT&side=BUY&type=MARKET&quantity=0.1").await;
        assert_eq!((closed.code(), closed.json()["msg"].as_str()), (-2010, Some("Market is closed.")));
    });
}

#[test]
fn a_cut_connection_and_a_shutdown_are_told_apart() {
    with_exchange(config(), async |client| {
        let mut api = client.socket("/ws-api/v3").await;
        api.ask("userDataStream.subscribe.signature", json!({}), "stubkey", "stubsecret").await;
        let mut streams = client.socket("/stream?streams=btcusdt@trade").await;
        client.control("shutdown-notice", json!({})).await;
        assert_eq!(streams.next().await.unwrap()["stream"], "!serverShutdown");
        assert_eq!(api.next().await.unwrap()["event"]["e"], "serverShutdown");
        let cut = client.control("disconnect", json!({ "account": "stubkey" })).await;
        assert_eq!(cut["disconnected"], 1);
        assert!(api.next().await.is_none());
        client.control("step", json!({ "candles": 1 })).await;
        assert_eq!(streams.next().await.unwrap()["data"]["e"], "trade");
    });
}

#[test]
fn shutting_down_says_goodbye() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let handle: Handle = LocalExchange::start(config()).await.unwrap();
        let client = Client { address: handle.address() };
        let mut streams = client.socket("/ws/btcusdt@trade").await;
        handle.shutdown().await;
        assert_eq!(streams.next().await.unwrap()["e"], "serverShutdown");
        assert!(streams.next().await.is_none());
        assert!(TcpStream::connect(client.address).await.is_err());
    });
}

#[test]
fn what_is_no_protocol_is_refused_and_the_exchange_lives() {
    with_exchange(config(), async |client| {
        let long = format!("GET /api/v3/ping?{} HTTP/1.1\r\nhost: x\r\n\r\n", "a".repeat(200_000));
        let large = format!(
            "POST /api/v3/order HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n{}",
            2 << 20,
            "a".repeat(2 << 20)
        );
        for bytes in [
            b"\0\0\0\0\r\n\r\n".to_vec(),
            b"GET\r\n\r\n".to_vec(),
            b"GET /api/v3/ping HTTP/9.9\r\n\r\n".to_vec(),
            long.into_bytes(),
        ] {
            if let Some(answer) = client.raw(&bytes).await {
                assert!((400..=505).contains(&answer.status), "{answer:?}");
            }
        }
        if let Some(answer) = client.raw(large.as_bytes()).await {
            assert_eq!(answer.status, 413);
        }
        let bad = client.raw(b"POST /api/v3/order HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 4\r\n\r\na=\xff\xfe").await.unwrap();
        assert_eq!(bad.code(), -1100);
        let page = client.send("GET", "/ws/btcusdt@trade", "connection: close\r\n", "").await.unwrap();
        assert_eq!(page.status, 400);
        for frame in [Message::Binary(vec![0; 10].into()), Message::Text("a".repeat(100_000).into())] {
            let mut socket = client.socket("/ws").await;
            let _ = socket.0.send(frame).await;
            while socket.next().await.is_some() {}
        }
        let mut socket = client.socket("/ws-api/v3").await;
        for text in [
            "",
            "[]",
            "null",
            "\"\\ud800\"",
            r#"{"id":1,"method":"ping","params":[1]}"#,
            r#"{"id":1,"method":"ping","params":{"a":{"b":[]}}}"#,
        ] {
            socket.send(text).await;
            assert_eq!(socket.next().await.unwrap()["status"], 400, "{text}");
        }
        assert_eq!(client.get("/api/v3/ping").await.status, 200);
    });
}
