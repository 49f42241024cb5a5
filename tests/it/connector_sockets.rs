//! The connector over real sockets, against a scripted server on loopback: what is sent once, what is asked
//! again, and what is noticed when a connection dies in one of its ways.

use crate::connector::{fixture, rules};
use futures_util::{SinkExt, StreamExt};
use mista::model::Side;
use mista::venues::binance::budget::Priority;
use mista::venues::binance::limits::Limits;
use mista::venues::binance::outcome::{Outcome, ReadError, RefusalKind};
use mista::venues::binance::request::{CancelRequest, Checked, OrderKey, OrderRequest};
use mista::venues::binance::rest::{RestClient, RestSettings};
use mista::venues::binance::sign::Credentials;
use mista::venues::binance::socket::{Connects, SocketSettings};
use mista::venues::binance::streams::{MarketStream, StreamItem, kline_stream, trade_stream};
use mista::venues::binance::wire::{MarketEvent, OrderReport, UserEvent};
use mista::venues::binance::ws_api::{ApiItem, UserData, WsApi, WsApiSettings};
use mista::venues::rules::{ExchangeFilters, Situation};
use serde_json::{Value, json};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

/// More than anything here takes; a test that hangs fails by it.
const LONG: Duration = Duration::from_secs(20);

fn run<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async { timeout(LONG, test).await.expect("the test hangs") })
}

fn credentials() -> Arc<Credentials> {
    Arc::new(Credentials::hmac("thekey", "thesecret").unwrap())
}

fn order(id: &str) -> Checked<OrderRequest> {
    let order = OrderRequest::market("BTCUSDT", Side::Buy, "0.001".parse().unwrap(), id);
    order.check(&rules(), &ExchangeFilters::default(), &Situation::default()).unwrap()
}

// ---- REST ---------------------------------------------------------------------------------------------------

/// What the server does with one request.
enum Act {
    Answer(u16, &'static str, String),
    /// Closes after these bytes.
    Raw(String),
    /// Keeps silent with the connection open.
    Hang,
}

fn text(name: &str) -> String {
    String::from_utf8(fixture(name)).unwrap()
}

/// A server that acts as told, once per request, and the requests it gets (head only).
async fn server(acts: Vec<Act>) -> (String, mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let (heads, requests) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        let mut kept = Vec::new();
        for act in acts {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(socket.read_u8().await.unwrap());
            }
            heads.send(String::from_utf8(head).unwrap()).unwrap();
            let raw = match act {
                Act::Answer(status, headers, body) => format!(
                    "HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n{headers}\r\n{body}",
                    body.len()
                ),
                Act::Raw(raw) => raw,
                Act::Hang => {
                    kept.push(socket);
                    continue;
                }
            };
            // Whoever asked may have gone already.
            let _ = socket.write_all(raw.as_bytes()).await;
            let _ = socket.shutdown().await;
        }
    });
    (base, requests)
}

fn settings() -> RestSettings {
    RestSettings {
        timeout: Duration::from_secs(5),
        read_deadline: Duration::from_secs(15),
        pause_first: Duration::from_millis(5),
        ..RestSettings::default()
    }
}

fn client(base: &str, settings: RestSettings) -> RestClient {
    RestClient::new(base, Some(credentials()), settings).unwrap()
}

fn ok(body: impl Into<String>) -> Act {
    Act::Answer(200, "", body.into())
}

fn error(status: u16, code: i64) -> Act {
    Act::Answer(status, "", json!({ "code": code, "msg": "?" }).to_string())
}

#[test]
fn an_order_without_a_clear_answer_is_unknown_and_was_sent_once() {
    run(async {
        let cut = "HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{\"symbol\":\"BTC";
        for act in [
            Act::Hang,
            Act::Raw(String::new()),
            Act::Raw("HTTP/1.1 200 OK\r\ncontent-le".to_owned()),
            Act::Raw(cut.to_owned()),
            Act::Raw("SSH-2.0-OpenSSH\r\n".to_owned()),
            ok("{\"symbol\":\"BTC"),
            ok("x".repeat(5 << 20)),
            Act::Answer(502, "", "<html>".to_owned()),
            error(504, -1007),
            error(400, -1006),
        ] {
            // More answers than are needed: a second request would be seen.
            let (base, mut requests) = server(vec![act, ok(text("order_full.json"))]).await;
            let impatient = RestSettings { timeout: Duration::from_millis(500), ..settings() };
            let outcome = client(&base, impatient).place(&order("only-once")).await;
            assert!(matches!(outcome, Outcome::Unknown(_)), "{outcome:?}");
            let head = requests.recv().await.unwrap();
            assert!(head.starts_with("POST /api/v3/order?symbol=BTCUSDT&side=BUY&quantity=0.001&type=MARKET&newClientOrderId=only-once&"), "{head}");
            assert!(requests.try_recv().is_err(), "sent twice");
            assert!(!format!("{outcome:?}").contains("signature"));
        }
    });
}

#[test]
fn an_order_that_never_left_is_refused() {
    run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        drop(listener);
        match client(&base, settings()).place(&order("a")).await {
            Outcome::Refused(refusal) => assert_eq!(refusal.kind, RefusalKind::NotSent),
            other => panic!("{other:?}"),
        }
        let client = RestClient::new(&base, None, settings()).unwrap();
        match client.place(&order("a")).await {
            Outcome::Refused(refusal) => assert!(refusal.message.contains("MISTA_API_KEY"), "{refusal}"),
            other => panic!("{other:?}"),
        }
    });
}

#[test]
fn an_order_that_found_no_connection_in_time_is_known_not_to_have_left() {
    run(async {
        // Somebody listens, and never answers what begins an encrypted connection.
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("https://{}", listener.local_addr().unwrap());
        let impatient = RestSettings { timeout: Duration::from_millis(900), ..settings() };
        match client(&base, impatient).place(&order("a")).await {
            Outcome::Refused(refusal) => assert_eq!(refusal.kind, RefusalKind::NotSent),
            other => panic!("{other:?}"),
        }
    });
}

#[test]
fn a_question_takes_no_longer_than_there_is_time_for_it() {
    run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let hasty = RestSettings { read_deadline: Duration::from_millis(300), ..settings() };
        let failed = client(&base, hasty).server_time().await.unwrap_err().to_string();
        let (_, waited) = failed.split_once("no whole answer within ").unwrap();
        assert!(waited.split(' ').next().unwrap().parse::<u64>().unwrap() <= 300, "{failed}");
    });
}

#[test]
fn signed_requests_carry_key_and_signature_of_what_is_sent() {
    run(async {
        let (base, mut requests) = server(vec![ok(text("order_full.json")), ok(text("cancel.json"))]).await;
        let client = client(&base, settings());
        let report = client.place(&order("mine")).await.accepted().unwrap();
        assert_eq!((report.order_id, report.fills.len()), (28, 2));
        let cancel = CancelRequest::new("BTCUSDT", OrderKey::ClientId("mine".to_owned()));
        client.cancel(&cancel).await.accepted().unwrap();
        let shown = format!("{client:?}");
        assert!(!shown.contains("thekey") && !shown.contains("thesecret"), "{shown}");
        for method in ["POST", "DELETE"] {
            let head = requests.recv().await.unwrap();
            assert!(head.starts_with(method) && head.contains("x-mbx-apikey: thekey\r\n"), "{head}");
            assert!(head.contains(concat!("user-agent: mista/", env!("CARGO_PKG_VERSION"))), "{head}");
            let query = head.split([' ', '?']).nth(2).unwrap();
            let (payload, signature) = query.rsplit_once("&signature=").unwrap();
            assert_eq!(signature, credentials().sign(payload).unwrap());
        }
    });
}

#[test]
fn questions_are_asked_again_until_there_is_an_answer() {
    run(async {
        let acts = vec![
            error(503, -1008),
            Act::Raw(String::new()),
            Act::Hang,
            ok("{\"serv"),
            ok("{\"serverTime\":5}"),
        ];
        let (base, mut requests) = server(acts).await;
        let impatient = RestSettings { timeout: Duration::from_secs(1), ..settings() };
        assert_eq!(client(&base, impatient).server_time().await.unwrap(), 5);
        requests.close();
        let mut count = 0;
        while requests.recv().await.is_some() {
            count += 1;
        }
        assert_eq!(count, 5);
        // What asking again cannot cure is not asked again.
        let (base, mut requests) = server(vec![error(400, -1121), ok("{\"serverTime\":5}")]).await;
        let failed = client(&base, settings()).server_time().await.unwrap_err();
        assert!(matches!(failed, ReadError::Refused(_)), "{failed}");
        requests.recv().await.unwrap();
        assert!(requests.try_recv().is_err());
        let moved = Act::Answer(302, "location: http://127.0.0.1:1/\r\n", String::new());
        let (base, _requests) = server(vec![moved]).await;
        let failed = client(&base, settings()).server_time().await.unwrap_err();
        assert!(failed.to_string().contains("302"), "{failed}");
    });
}

#[test]
fn a_pause_that_the_exchange_asks_for_is_kept_by_everything() {
    run(async {
        let slow =
            || Act::Answer(429, "Retry-After: 1\r\n", "{\"code\":-1003,\"msg\":\"Too much\"}".to_owned());
        let (base, _requests) = server(vec![slow(), ok("{\"serverTime\":5}")]).await;
        let started = Instant::now();
        assert_eq!(client(&base, settings()).server_time().await.unwrap(), 5);
        assert!(started.elapsed() >= Duration::from_secs(1));

        // Longer than there is time for: said, not waited for, and not asked by anything else either.
        let banned = Act::Answer(418, "Retry-After: 600\r\n", String::new());
        let (base, mut requests) = server(vec![banned, ok(text("order_full.json"))]).await;
        let client = client(&base, settings());
        let failed = client.server_time().await.unwrap_err();
        assert_eq!(failed.refusal().unwrap().kind, RefusalKind::Banned { retry_after_ms: Some(600_000) });
        match client.place(&order("a")).await {
            Outcome::Refused(refusal) => assert!(matches!(refusal.kind, RefusalKind::RateLimited { .. })),
            other => panic!("{other:?}"),
        }
        requests.recv().await.unwrap();
        assert!(requests.try_recv().is_err());
    });
}

#[test]
fn headers_keep_questions_back_and_let_orders_through() {
    run(async {
        let used = |count: u32| match count {
            0 => "x-mbx-used-weight-1m: 5000\r\n",
            _ => "x-mbx-used-weight-1m: 5001\r\n",
        };
        let acts = vec![
            Act::Answer(200, used(0), "{\"serverTime\":5}".to_owned()),
            Act::Answer(200, used(1), text("order_full.json")),
        ];
        let (base, _requests) = server(acts).await;
        let client = client(&base, RestSettings { read_deadline: Duration::from_millis(1), ..settings() });
        client.server_time().await.unwrap();
        // Unless the minute is over just now, which takes it all back.
        match client.server_time().await {
            Err(ReadError::NoRoom { .. }) => {
                assert!(client.place(&order("a")).await.accepted().is_some());
            }
            other => assert!(other.is_err(), "{other:?}"),
        }
        assert!(Priority::Read < Priority::Order);
    });
}

#[test]
fn a_wrong_clock_is_set_and_the_order_sent_once_more() {
    run(async {
        let server_ms = 4_000_000_000_000_i64;
        let time = json!({ "serverTime": server_ms }).to_string();
        let acts = vec![error(400, -1021), ok(time), ok(text("order_full.json")), error(400, -1021)];
        let (base, mut requests) = server(acts).await;
        let client = client(&base, settings());
        assert!(client.place(&order("same-id")).await.accepted().is_some());
        assert!(client.clock().now_ms() >= server_ms);
        let stamp = |head: &str| -> i64 {
            assert!(head.contains("newClientOrderId=same-id&"));
            head.split("timestamp=").nth(1).unwrap().split('&').next().unwrap().parse().unwrap()
        };
        let first = requests.recv().await.unwrap();
        assert!(requests.recv().await.unwrap().starts_with("GET /api/v3/time"));
        let second = requests.recv().await.unwrap();
        assert!(stamp(&first) < server_ms && stamp(&second) >= server_ms - 1000);
    });
}

#[test]
fn a_question_for_the_time_that_is_refused_for_its_time_is_not_asked_for_ever() {
    run(async {
        let acts = (0..9).map(|_| error(400, -1021)).collect();
        let (base, mut requests) = server(acts).await;
        let failed = client(&base, settings()).sync_clock().await.unwrap_err();
        assert_eq!(failed.refusal().unwrap().kind, RefusalKind::Timestamp);
        requests.recv().await.unwrap();
        assert!(requests.try_recv().is_err(), "asked again");
    });
}

// ---- market streams -----------------------------------------------------------------------------------------

type Server = WebSocketStream<TcpStream>;

fn quick() -> SocketSettings {
    SocketSettings {
        silence: Duration::from_secs(10),
        answer_timeout: Duration::from_secs(2),
        pause_first: Duration::from_millis(5),
        pause_most: Duration::from_millis(50),
        ..SocketSettings::default()
    }
}

async fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}", listener.local_addr().unwrap());
    (listener, url)
}

async fn accept(listener: &TcpListener) -> Server {
    let (socket, _) = listener.accept().await.unwrap();
    tokio_tungstenite::accept_async(socket).await.unwrap()
}

async fn request(server: &mut Server) -> Value {
    loop {
        if let Message::Text(text) = server.next().await.unwrap().unwrap() {
            return serde_json::from_str(text.as_str()).unwrap();
        }
    }
}

async fn send(server: &mut Server, value: impl ToString) {
    server.send(Message::text(value.to_string())).await.unwrap();
}

/// Accepts a connection and confirms what it subscribes to.
async fn subscribed(listener: &TcpListener) -> (Server, Value) {
    let mut server = accept(listener).await;
    let asked = request(&mut server).await;
    send(&mut server, json!({ "result": null, "id": asked["id"] })).await;
    (server, asked)
}

fn streams(url: &str, settings: SocketSettings) -> MarketStream {
    let names = [kline_stream("BTCUSDT", "1m"), trade_stream("BTCUSDT")];
    MarketStream::open(url, names, settings, Connects::default()).unwrap()
}

async fn connected(stream: &mut MarketStream, expected: u64) {
    loop {
        match stream.next().await.unwrap() {
            StreamItem::Connected { generation } => {
                assert_eq!(generation, expected);
                return;
            }
            StreamItem::Disconnected { .. } => {}
            other => panic!("{other:?}"),
        }
    }
}

fn is_trade(item: &StreamItem) -> bool {
    matches!(item, StreamItem::Event { event: MarketEvent::Trade { .. }, .. })
}

#[test]
fn a_stream_survives_garbage_and_frames_in_pieces_and_answers_pings() {
    run(async {
        let (listener, url) = listen().await;
        let mut stream = streams(&url, quick());
        let (mut server, asked) = subscribed(&listener).await;
        assert_eq!(asked["params"], json!(["btcusdt@kline_1m", "btcusdt@trade"]));
        connected(&mut stream, 1).await;
        for garbage in ["", "}{", "[1,2]", "null", "{\"e\":\"trade\"}", "{\"e\":7}"] {
            send(&mut server, garbage).await;
        }
        let trade = text("stream_trade.json");
        let trade = trade.trim();
        // One frame, unmasked as servers send it, with its bytes arriving in three pieces.
        let mut frame = vec![0x81, 126];
        frame.extend(u16::try_from(trade.len()).unwrap().to_be_bytes());
        frame.extend(trade.as_bytes());
        for piece in [&frame[..3], &frame[3..40], &frame[40..]] {
            server.get_mut().write_all(piece).await.unwrap();
            server.get_mut().flush().await.unwrap();
            tokio::task::yield_now().await;
        }
        server.send(Message::Ping("are you there".into())).await.unwrap();
        let (mut unreadable, mut trades, mut others) = (0, 0, 0);
        while trades == 0 {
            match stream.next().await.unwrap() {
                StreamItem::Unreadable(_) => unreadable += 1,
                item if is_trade(&item) => trades += 1,
                StreamItem::Event { event: MarketEvent::Other(_), .. } => others += 1,
                other => panic!("{other:?}"),
            }
        }
        assert_eq!((unreadable, others), (5, 1));
        let pong = server.next().await.unwrap().unwrap();
        assert_eq!(pong, Message::Pong("are you there".into()));
        stream.subscribe(["ethusdt@trade".to_owned()]).await;
        let asked = request(&mut server).await;
        assert_eq!((&asked["method"], &asked["params"]), (&json!("SUBSCRIBE"), &json!(["ethusdt@trade"])));
    });
}

#[test]
fn a_lost_stream_comes_back_as_the_next_generation() {
    run(async {
        let (listener, url) = listen().await;
        let mut stream = streams(&url, quick());
        for generation in 1..=3 {
            let (server, _) = subscribed(&listener).await;
            connected(&mut stream, generation).await;
            drop(server);
            let lost = stream.next().await.unwrap();
            assert!(matches!(lost, StreamItem::Disconnected { generation: of, .. } if of == generation));
        }
        // Refused and unconfirmed subscriptions are no connections.
        let mut server = accept(&listener).await;
        let asked = request(&mut server).await;
        send(&mut server, json!({ "code": 2, "msg": "Invalid request", "id": asked["id"] })).await;
        let refused = stream.next().await.unwrap();
        assert!(
            matches!(&refused, StreamItem::Disconnected { generation: 3, reason } if reason.contains("Invalid request")),
            "{refused:?}"
        );
        let _unconfirmed = accept(&listener).await;
        let silent = stream.next().await.unwrap();
        assert!(
            matches!(&silent, StreamItem::Disconnected { reason, .. } if reason.contains("confirm")),
            "{silent:?}"
        );
    });
}

#[test]
fn a_connection_that_is_only_half_there_is_noticed() {
    run(async {
        let (listener, url) = listen().await;
        let mut stream = streams(&url, SocketSettings { silence: Duration::from_millis(200), ..quick() });
        let (_silent, _) = subscribed(&listener).await;
        connected(&mut stream, 1).await;
        let lost = stream.next().await.unwrap();
        assert!(
            matches!(&lost, StreamItem::Disconnected { reason, .. } if reason.contains("nothing heard")),
            "{lost:?}"
        );
        let (_server, _) = subscribed(&listener).await;
        connected(&mut stream, 2).await;
    });
}

#[test]
fn a_new_connection_takes_over_before_the_old_one_goes() {
    run(async {
        let (listener, url) = listen().await;
        let mut stream = streams(&url, quick());
        let (mut old, _) = subscribed(&listener).await;
        connected(&mut stream, 1).await;
        send(&mut old, text("stream_shutdown.json")).await;
        let item = stream.next().await.unwrap();
        assert!(matches!(item, StreamItem::Event { event: MarketEvent::ServerShutdown { .. }, .. }));
        let mut new = accept(&listener).await;
        let asked = request(&mut new).await;
        // The old one still delivers, and the new one before it has confirmed.
        send(&mut old, text("stream_trade.json")).await;
        assert!(is_trade(&stream.next().await.unwrap()));
        send(&mut new, text("stream_kline.json")).await;
        send(&mut new, json!({ "result": null, "id": asked["id"] })).await;
        // One that was on its way when the old one was let go.
        send(&mut old, text("stream_trade.json")).await;
        while old.next().await.is_some_and(|frame| frame.is_ok()) {}
        assert!(is_trade(&stream.next().await.unwrap()));
        connected(&mut stream, 2).await;
        let item = stream.next().await.unwrap();
        assert!(matches!(item, StreamItem::Event { event: MarketEvent::Kline(_), .. }), "{item:?}");
    });
}

#[test]
fn a_goodbye_during_the_subscription_is_heard() {
    run(async {
        let (listener, url) = listen().await;
        let mut stream = streams(&url, quick());
        let mut leaving = accept(&listener).await;
        let asked = request(&mut leaving).await;
        send(&mut leaving, text("stream_shutdown.json")).await;
        send(&mut leaving, json!({ "result": null, "id": asked["id"] })).await;
        connected(&mut stream, 1).await;
        let item = stream.next().await.unwrap();
        assert!(matches!(item, StreamItem::Event { event: MarketEvent::ServerShutdown { .. }, .. }));
        // The old one lives on until the next is ready.
        let (_new, _) = subscribed(&listener).await;
        while leaving.next().await.is_some_and(|frame| frame.is_ok()) {}
        connected(&mut stream, 2).await;

        let (listener, url) = listen().await;
        let (_api, mut items) = api(&url, UserData::Signature);
        let mut leaving = accept(&listener).await;
        let asked = request(&mut leaving).await;
        send(&mut leaving, text("api_shutdown.json")).await;
        send(&mut leaving, json!({ "id": asked["id"], "status": 200, "result": { "subscriptionId": 0 } }))
            .await;
        assert_eq!(items.recv().await.unwrap(), ApiItem::Connected { generation: 1 });
        let _new = subscriber(&listener).await;
        assert_eq!(items.recv().await.unwrap(), ApiItem::Connected { generation: 2 });
    });
}

// ---- the WebSocket API --------------------------------------------------------------------------------------

fn api(url: &str, user_data: UserData) -> (WsApi, mpsc::Receiver<ApiItem>) {
    let settings = WsApiSettings { socket: quick(), user_data, ..WsApiSettings::default() };
    WsApi::open(url, credentials(), Limits::default(), settings, Connects::default()).unwrap()
}

async fn place(api: &WsApi, id: &str) -> Outcome<OrderReport> {
    api.place(&order(id)).await
}

/// Accepts a connection, checks how it subscribes, and confirms.
async fn subscriber(listener: &TcpListener) -> Server {
    let mut server = accept(listener).await;
    let asked = request(&mut server).await;
    assert_eq!(asked["method"], "userDataStream.subscribe.signature");
    let params = &asked["params"];
    let payload =
        format!("apiKey=thekey&recvWindow={}&timestamp={}", params["recvWindow"], params["timestamp"]);
    assert_eq!(params["signature"], credentials().sign(&payload).unwrap());
    let answer =
        json!({ "id": asked["id"], "status": 200, "result": { "subscriptionId": 0 }, "rateLimits": [] });
    send(&mut server, answer).await;
    server
}

#[test]
fn orders_over_the_websocket_api_have_one_of_three_outcomes() {
    run(async {
        let (listener, url) = listen().await;
        let (api, mut items) = api(&url, UserData::Signature);
        // Not connected yet: not sent.
        match api.place(&order("early")).await {
            Outcome::Refused(refusal) => assert_eq!(refusal.kind, RefusalKind::NotSent),
            other => panic!("{other:?}"),
        }
        let mut server = subscriber(&listener).await;
        assert_eq!(items.recv().await.unwrap(), ApiItem::Connected { generation: 1 });

        let accepted = place(&api, "good");
        let answering = async {
            let asked = request(&mut server).await;
            assert_eq!(
                (&asked["method"], &asked["params"]["quantity"]),
                (&json!("order.place"), &json!("0.001"))
            );
            assert!(asked["params"]["timestamp"].is_i64());
            let mut answer: Value = serde_json::from_slice(&fixture("api_ok.json")).unwrap();
            answer["id"] = asked["id"].clone();
            // An event may come before the answer; garbage may come at any time.
            send(&mut server, text("user_trade.json")).await;
            send(&mut server, "}{").await;
            send(&mut server, answer).await;
        };
        let (outcome, ()) = tokio::join!(accepted, answering);
        assert_eq!(outcome.accepted().unwrap().order_id, 28);
        assert!(matches!(items.recv().await.unwrap(), ApiItem::User(UserEvent::Execution(_))));
        assert!(matches!(items.recv().await.unwrap(), ApiItem::Unreadable(_)));

        let (outcome, asked) = tokio::join!(place(&api, "unheard"), request(&mut server));
        assert_eq!(asked["params"]["newClientOrderId"], "unheard");
        assert!(matches!(outcome, Outcome::Unknown(_)), "{outcome:?}");

        let cut = async {
            request(&mut server).await;
            drop(server);
        };
        let (outcome, ()) = tokio::join!(place(&api, "cut"), cut);
        assert!(matches!(outcome, Outcome::Unknown(_)), "{outcome:?}");
        assert!(matches!(items.recv().await.unwrap(), ApiItem::Disconnected { generation: 1, .. }));

        // The account is subscribed to anew, and nothing of before is written again.
        let mut server = subscriber(&listener).await;
        assert_eq!(items.recv().await.unwrap(), ApiItem::Connected { generation: 2 });
        let refusing = async {
            let asked = request(&mut server).await;
            assert_eq!(asked["params"]["newClientOrderId"], "poor");
            let mut answer: Value = serde_json::from_slice(&fixture("api_error.json")).unwrap();
            answer["id"] = asked["id"].clone();
            send(&mut server, answer).await;
        };
        let (outcome, ()) = tokio::join!(place(&api, "poor"), refusing);
        match outcome {
            Outcome::Refused(refusal) => assert_eq!(refusal.kind, RefusalKind::InsufficientBalance),
            other => panic!("{other:?}"),
        }
        send(&mut server, text("api_revoked.json")).await;
        match items.recv().await.unwrap() {
            ApiItem::Refused(refusal) => assert_eq!(refusal.kind, RefusalKind::Key),
            other => panic!("{other:?}"),
        }
    });
}

/// Answers the handshake of a connection by an error instead.
async fn turned_away(listener: &TcpListener, status: u16, headers: &str, body: &str) {
    let (mut socket, _) = listener.accept().await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(socket.read_u8().await.unwrap());
    }
    let length = body.len();
    let answer = format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\n{headers}\r\n{body}");
    socket.write_all(answer.as_bytes()).await.unwrap();
    socket.shutdown().await.unwrap();
}

#[test]
fn connections_wait_until_a_ban_is_over_and_count_in_the_limits() {
    run(async {
        let (listener, url) = listen().await;
        let limits = Limits::default();
        let quickly = WsApiSettings { socket: quick(), ..WsApiSettings::default() };
        let (api, mut items) =
            WsApi::open(&url, credentials(), limits.clone(), quickly, Connects::default()).unwrap();
        turned_away(&listener, 418, "Retry-After: 1\r\n", "").await;
        let banned = Instant::now();
        match items.recv().await.unwrap() {
            ApiItem::Disconnected { generation: 0, reason } => assert!(reason.contains("418"), "{reason}"),
            other => panic!("{other:?}"),
        }
        let _server = subscriber(&listener).await;
        assert!(banned.elapsed() >= Duration::from_millis(950), "dialled within the ban");
        assert_eq!(items.recv().await.unwrap(), ApiItem::Connected { generation: 1 });
        // Unless a minute has begun just then.
        let (weight, _) = limits.weight().unwrap();
        assert!(weight == 8 || weight <= 4, "{weight}");
        drop(api);

        // So do streams, and the other way round: what a stream is told holds for all of these limits.
        let (listener, url) = listen().await;
        let rest = client("http://127.0.0.1:1", settings());
        let names = [trade_stream("BTCUSDT")];
        let mut stream = MarketStream::open(&url, names, quick(), Connects::within(rest.limits())).unwrap();
        turned_away(&listener, 429, "Retry-After: 600\r\n", "").await;
        assert!(matches!(stream.next().await.unwrap(), StreamItem::Disconnected { .. }));
        match rest.place(&order("a")).await {
            Outcome::Refused(refusal) => {
                assert!(matches!(refusal.kind, RefusalKind::RateLimited { .. }), "{refusal}");
            }
            other => panic!("{other:?}"),
        }
    });
}

#[test]
fn an_order_that_the_connection_does_not_take_is_refused_and_never_written() {
    run(async {
        let (listener, url) = listen().await;
        let socket = SocketSettings { capacity: 1, answer_timeout: Duration::from_secs(2), ..quick() };
        let order_patience = Duration::from_secs(1);
        let settings = WsApiSettings { socket, order_patience, ..WsApiSettings::default() };
        let (api, mut items) =
            WsApi::open(&url, credentials(), Limits::default(), settings, Connects::default()).unwrap();
        let mut server = subscriber(&listener).await;
        // Nobody reads what comes: `Connected` fills the channel, and the first event stops everything.
        send(&mut server, text("user_trade.json")).await;
        send(&mut server, text("user_trade.json")).await;
        // Until the events have stopped it, it may still write. On a busy machine one refusal may be chance.
        let mut refused = 0;
        while refused < 2 {
            let is_refused = matches!(place(&api, "early").await, Outcome::Refused(_));
            refused = if is_refused { refused + 1 } else { 0 };
        }
        let late = |number: usize| {
            let api = &api;
            async move { place(api, &format!("late-{number}")).await }
        };
        // More than fit into the queue to the connection.
        for outcome in futures_util::future::join_all((0..80).map(late)).await {
            match outcome {
                Outcome::Refused(refusal) => assert_eq!(refusal.kind, RefusalKind::NotSent, "{refusal}"),
                other => panic!("{other:?}"),
            }
        }
        // Once somebody reads again, only what is asked from then on is written.
        let reading =
            async { while !matches!(items.recv().await, None | Some(ApiItem::Disconnected { .. })) {} };
        let answering = async {
            loop {
                let asked = request(&mut server).await;
                let id = asked["params"]["newClientOrderId"].as_str().unwrap().to_owned();
                assert!(!id.starts_with("late"), "{id} was written");
                let mut answer: Value = serde_json::from_slice(&fixture("api_ok.json")).unwrap();
                answer["id"] = asked["id"].clone();
                send(&mut server, answer).await;
                if id == "now" {
                    return;
                }
            }
        };
        let placing = async {
            let (outcome, ()) = tokio::join!(place(&api, "now"), answering);
            outcome
        };
        tokio::select! {
            outcome = placing => assert!(outcome.accepted().is_some()),
            () = reading => panic!("the connection is gone"),
        }
    });
}

#[test]
fn an_order_on_its_way_is_answered_on_the_connection_that_is_replaced() {
    run(async {
        let (listener, url) = listen().await;
        let (api, mut items) = api(&url, UserData::Signature);
        let mut old = subscriber(&listener).await;
        assert_eq!(items.recv().await.unwrap(), ApiItem::Connected { generation: 1 });
        let replacing = async {
            let asked = request(&mut old).await;
            send(&mut old, text("api_shutdown.json")).await;
            let new = subscriber(&listener).await;
            assert_eq!(items.recv().await.unwrap(), ApiItem::Connected { generation: 2 });
            let mut answer: Value = serde_json::from_slice(&fixture("api_ok.json")).unwrap();
            answer["id"] = asked["id"].clone();
            send(&mut old, answer).await;
            new
        };
        let (outcome, mut new) = tokio::join!(place(&api, "slow"), replacing);
        assert_eq!(outcome.accepted().unwrap().order_id, 28);
        let cancel = CancelRequest::new("BTCUSDT", OrderKey::Id(28));
        let canceling = async {
            let asked = request(&mut new).await;
            assert_eq!((&asked["method"], &asked["params"]["orderId"]), (&json!("order.cancel"), &json!(28)));
            let body: Value = serde_json::from_slice(&fixture("cancel.json")).unwrap();
            send(&mut new, json!({ "id": asked["id"], "status": 200, "result": body })).await;
        };
        let (outcome, ()) = tokio::join!(api.cancel(&cancel), canceling);
        assert!(outcome.accepted().is_some());
    });
}

#[test]
fn a_wrong_clock_does_not_keep_the_account_away() {
    run(async {
        let (listener, url) = listen().await;
        let (api, mut items) = api(&url, UserData::Signature);
        let mut server = accept(&listener).await;
        let asked = request(&mut server).await;
        let wrong =
            json!({ "code": -1021, "msg": "Timestamp for this request is outside of the recvWindow." });
        send(&mut server, json!({ "id": asked["id"], "status": 400, "error": wrong })).await;
        let asked = request(&mut server).await;
        assert_eq!(asked["method"], "time");
        let time = json!({ "serverTime": 4_000_000_000_000_i64 });
        send(&mut server, json!({ "id": asked["id"], "status": 200, "result": time })).await;
        let asked = request(&mut server).await;
        assert!(asked["params"]["timestamp"].as_i64().unwrap() >= 3_999_999_999_000);
        send(&mut server, json!({ "id": asked["id"], "status": 200, "result": { "subscriptionId": 0 } }))
            .await;
        assert_eq!(items.recv().await.unwrap(), ApiItem::Connected { generation: 1 });
        // A key that is refused is said, and then tried less often.
        drop(server);
        drop(api);
        assert!(matches!(items.recv().await, Some(ApiItem::Disconnected { .. }) | None));
    });
}
