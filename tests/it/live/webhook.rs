//! Notifications over real sockets: what arrives, what is sent again, what is dropped, and that nobody waits.

use super::running::World;
use mista::config::{Address, NoticeKind, Notifications, NotificationsFormat};
use mista::live::webhook::{Notice, Notifier, NotifierSettings, QUEUE};
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::timeout;

const TOKEN: &str = "t0ken-nobody-may-see";

/// Longer than anything here takes.
const LONG: Duration = Duration::from_secs(30);

/// A request as it arrived: path and body.
type Request = (String, Value);

/// A server that answers each request with what it is told to; `None` closes the connection, and without an answer
/// left it never says anything.
struct Server {
    address: String,
    requests: UnboundedReceiver<Request>,
    answers: UnboundedSender<Option<&'static str>>,
}

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
const BUSY: &str = "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n";
const GONE: &str = "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n";
const MOVED: &str = "HTTP/1.1 302 Found\r\nlocation: /elsewhere\r\ncontent-length: 0\r\n\r\n";
const SLOWER: &str = "HTTP/1.1 429 Too Many Requests\r\nretry-after: 0\r\ncontent-length: 0\r\n\r\n";
const MUCH_SLOWER: &str = "HTTP/1.1 429 Too Many Requests\r\nretry-after: 3600\r\ncontent-length: 0\r\n\r\n";

impl Server {
    async fn start(answers: &[Option<&'static str>]) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}/{TOKEN}", listener.local_addr().unwrap());
        let (seen, requests) = unbounded_channel();
        let (tell, mut told) = unbounded_channel();
        answers.iter().for_each(|answer| tell.send(*answer).unwrap());
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                while let Some(request) = read(&mut stream).await {
                    let _ = seen.send(request);
                    match told.recv().await {
                        Some(Some(answer)) => stream.write_all(answer.as_bytes()).await.unwrap(),
                        Some(None) => break,
                        None => return,
                    }
                }
            }
        });
        Server { address, requests, answers: tell }
    }

    async fn next(&mut self) -> Request {
        timeout(LONG, self.requests.recv()).await.unwrap().unwrap()
    }

    fn config(&self) -> Notifications {
        Notifications::to(Address::new(&self.address).unwrap())
    }

    fn notifier(&self) -> Notifier {
        Notifier::start_with(self.config(), quick(), &Handle::current()).unwrap()
    }

    /// Titles of what has arrived and was not asked for yet.
    fn rest(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.requests.try_recv().ok()).map(|(_, body)| title(&body)).collect()
    }
}

async fn read(stream: &mut TcpStream) -> Option<Request> {
    let mut bytes = Vec::new();
    loop {
        let mut part = [0; 4096];
        let count = stream.read(&mut part).await.ok().filter(|count| *count > 0)?;
        bytes.extend_from_slice(&part[..count]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length =
            head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
        if body.len() >= length.unwrap_or(0) {
            let path = head.split(' ').nth(1).unwrap().to_owned();
            return Some((path, serde_json::from_str(body).unwrap()));
        }
    }
}

fn title(body: &Value) -> String {
    body["title"].as_str().unwrap().to_owned()
}

fn quick() -> NotifierSettings {
    NotifierSettings { pause_first: Duration::from_millis(1), ..NotifierSettings::default() }
}

fn notice(title: &str) -> Notice {
    Notice {
        kind: NoticeKind::Trade,
        title: title.to_owned(),
        text: "Left by its stop.".to_owned(),
        fields: json!({ "pnl": -1.5 }),
    }
}

#[tokio::test]
async fn what_is_told_arrives_in_order() {
    let mut server = Server::start(&[Some(OK); 3]).await;
    let notifier = server.notifier();
    ["a", "b", "c"].iter().for_each(|title| notifier.notify(notice(title)));
    assert_eq!(notifier.close(LONG).await, 0);
    let (path, mut body) = server.next().await;
    assert!(body["time"].as_str().unwrap().ends_with('Z'));
    body["time"] = Value::Null;
    assert_eq!(path, format!("/{TOKEN}"));
    assert_eq!(
        body,
        json!({ "kind": "trade", "time": null, "title": "a", "text": "Left by its stop.", "fields": { "pnl": -1.5 } })
    );
    assert_eq!(server.rest(), ["b", "c"]);
}

#[tokio::test]
async fn telegram_has_a_path_and_a_shape_of_its_own() {
    let mut server = Server::start(&[Some(OK)]).await;
    let format = NotificationsFormat::Telegram { chat_id: "-100".into() };
    let config = Notifications { format, ..server.config() };
    let notifier = Notifier::start(config, &Handle::current()).unwrap();
    notifier.notify(notice("a"));
    assert_eq!(notifier.close(LONG).await, 0);
    let expected = json!({ "chat_id": "-100", "text": "a\nLeft by its stop.\npnl: -1.5" });
    assert_eq!(server.next().await, (format!("/{TOKEN}/sendMessage"), expected));
}

#[tokio::test]
async fn only_what_is_wanted_is_told() {
    let mut server = Server::start(&[Some(OK); 2]).await;
    let config = Notifications { events: vec![NoticeKind::Risk], ..server.config() };
    let notifier = Notifier::start(config, &Handle::current()).unwrap();
    notifier.notify(notice("a trade"));
    notifier.notify(Notice { kind: NoticeKind::Risk, ..notice("a limit") });
    assert_eq!(notifier.close(LONG).await, 0);
    assert_eq!(server.rest(), ["a limit"]);
    let off = Notifier::off();
    off.notify(notice("nobody"));
    assert_eq!(off.close(LONG).await, 0);
}

#[tokio::test]
async fn failures_that_may_pass_are_sent_again() {
    let mut server = Server::start(&[Some(BUSY), None, Some(SLOWER), Some(OK), Some(OK)]).await;
    let notifier = server.notifier();
    notifier.notify(notice("a"));
    notifier.notify(notice("b"));
    assert_eq!(notifier.close(LONG).await, 0);
    assert_eq!(server.rest(), ["a", "a", "a", "a", "b"]);
}

#[tokio::test]
async fn what_cannot_be_delivered_is_given_up_and_counted() {
    let answers = [GONE, MOVED, BUSY, BUSY, BUSY, BUSY, OK].map(Some);
    let mut server = Server::start(&answers).await;
    let notifier = server.notifier();
    ["gone", "moved", "busy", "last"].iter().for_each(|title| notifier.notify(notice(title)));
    assert_eq!(notifier.close(LONG).await, 0);
    let mut last = Value::Null;
    let titles: Vec<String> = std::iter::from_fn(|| server.requests.try_recv().ok())
        .map(|(_, body)| {
            last = body.clone();
            title(&body)
        })
        .collect();
    assert_eq!(titles, ["gone", "moved", "busy", "busy", "busy", "busy", "last"]);
    assert_eq!(last["dropped"], 3);
}

#[tokio::test]
async fn a_server_may_ask_for_a_pause() {
    let mut server = Server::start(&[Some(MUCH_SLOWER), Some(OK)]).await;
    let notifier = server.notifier();
    notifier.notify(notice("a"));
    assert_eq!(title(&server.next().await.1), "a");
    // An hour; a pause of its own would be over.
    assert_eq!(notifier.close(Duration::from_millis(300)).await, 1);
    assert!(server.rest().is_empty());
}

#[tokio::test]
async fn no_more_than_agreed_are_sent() {
    let mut server = Server::start(&[Some(OK); 5]).await;
    let settings = NotifierSettings { minute: Duration::from_secs(3600), ..quick() };
    let config = Notifications { most_per_minute: 2, ..server.config() };
    let notifier = Notifier::start_with(config, settings, &Handle::current()).unwrap();
    ["a", "b", "c", "d", "e"].iter().for_each(|title| notifier.notify(notice(title)));
    assert_eq!(title(&server.next().await.1), "a");
    assert_eq!(title(&server.next().await.1), "b");
    // Time for the second answer to come back, and not for another window.
    assert_eq!(notifier.close(Duration::from_secs(1)).await, 3);
    assert!(server.rest().is_empty());
}

#[tokio::test]
async fn a_slow_server_holds_nobody_up_and_the_oldest_are_dropped() {
    let mut server = Server::start(&[]).await;
    let notifier = server.notifier();
    notifier.notify(notice("first"));
    // It has been asked, and does not answer.
    assert_eq!(title(&server.next().await.1), "first");
    (0..QUEUE + 7).for_each(|number| notifier.notify(notice(&number.to_string())));
    (0..=QUEUE).for_each(|_| server.answers.send(Some(OK)).unwrap());
    let (_, body) = server.next().await;
    assert_eq!((title(&body).as_str(), &body["dropped"]), ("7", &json!(7)));
    let (_, body) = server.next().await;
    assert_eq!((title(&body).as_str(), &body["dropped"]), ("8", &Value::Null));
}

#[tokio::test]
async fn nobody_there_is_no_failure() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}/{TOKEN}", listener.local_addr().unwrap());
    drop(listener);
    let config = Notifications::to(Address::new(&address).unwrap());
    let notifier = Notifier::start_with(config, quick(), &Handle::current()).unwrap();
    notifier.notify(notice("a"));
    assert_eq!(notifier.close(LONG).await, 0);
}

#[tokio::test]
async fn the_address_is_shown_nowhere() {
    let server = Server::start(&[]).await;
    let notifier = server.notifier();
    let shown = format!("{notifier:?} {:?}", server.config());
    assert!(!shown.contains(TOKEN) && !shown.contains("127.0.0.1"), "{shown}");
}

#[test]
fn the_file_is_read_and_its_mistakes_never_show_an_address() {
    let text = std::fs::read_to_string(crate::support::root().join("config/notifications.yaml")).unwrap();
    let read = |text: &str| {
        Notifications::read(Path::new("notifications.yaml"), text, |name| match name {
            "HOOK" => Some(format!("https://example.com/{TOKEN}").into()),
            "WORD" => Some(TOKEN.into()),
            _ => None,
        })
    };
    assert_eq!(read(&text), Ok(None), "off as shipped");
    assert_eq!(read("most_per_minute: 5"), Ok(None), "off without an address");
    let told =
        read("url_env: HOOK\nformat: telegram\nchat_id: -100123\nevents: [trade, alarm]\nmost_per_minute: 5");
    assert_eq!(
        told.unwrap().unwrap(),
        Notifications {
            address: Address::new(&format!("https://example.com/{TOKEN}")).unwrap(),
            format: NotificationsFormat::Telegram { chat_id: "-100123".into() },
            events: vec![NoticeKind::Trade, NoticeKind::Alarm],
            most_per_minute: 5,
        }
    );
    let bad = [
        format!("url: {TOKEN}"),
        format!("url: ftp://example.com/{TOKEN}"),
        format!("url: http://example.com/{TOKEN}"),
        format!("url: https://example.com/{TOKEN}\nurl_env: HOOK"),
        format!("url_env: https://example.com/{TOKEN}"),
        "url_env: WORD".to_owned(),
        "url_env: NOT_SET".to_owned(),
        "url: [https://example.com]".to_owned(),
        format!("adress: https://example.com/{TOKEN}"),
        format!("url: https://example.com/{TOKEN}\n\tformat: json"),
        format!("url: \"https://example.com/{TOKEN}"),
        "format: xml".to_owned(),
        "format: telegram".to_owned(),
        "chat_id: 5".to_owned(),
        "format: telegram\nchat_id: [5]".to_owned(),
        "events: trade".to_owned(),
        "events: [trades]".to_owned(),
        "most_per_minute: 0".to_owned(),
        "most_per_minute: often".to_owned(),
        "- url".to_owned(),
    ];
    let row = |text: &String| {
        let error = read(text).unwrap_err().to_string();
        assert!(!error.contains(TOKEN), "{error}");
        format!("{}\n    {error}", text.replace(TOKEN, "[token]").replace('\n', "\\n").replace('\t', "\\t"))
    };
    insta::assert_snapshot!(bad.iter().map(row).collect::<Vec<_>>().join("\n"));
}

#[test]
fn a_trader_tells_how_it_begins_and_how_it_ends() {
    let runtime = super::led::runtime();
    let mut server = runtime.block_on(Server::start(&[Some(OK); 1_000]));
    let mut world = World::new(1_000.0);
    // What it trades is told elsewhere.
    let events = vec![NoticeKind::Started, NoticeKind::Stopped, NoticeKind::Alarm];
    world.notifications = Some(Notifications { events, ..server.config() });
    world.save("still.rhai", "fn on_candle(ctx, p) { }\n");
    let script = world.path("still.rhai");
    let mut trader = world.trader(&script, &[]);
    trader.decision();
    trader.stop();
    assert_eq!(server.rest(), ["test: started", "test: stopped"]);

    let mut trader = world.trader(&script, &[]);
    trader.decision();
    let error = trader.fail("the exchange refuses the key").to_string();
    assert_eq!(title(&runtime.block_on(server.next()).1), "test: started");
    let (_, last) = runtime.block_on(server.next());
    assert_eq!((title(&last), last["text"].as_str()), ("test: ended by an error".to_owned(), Some(&*error)));
    assert!(error.contains("refuses the key"), "{error}");

    world.save("state/test.journal", "no journal\n");
    let trader = world.trader(&script, &[]);
    let error = trader.refused().to_string();
    let (_, last) = runtime.block_on(server.next());
    assert_eq!((title(&last), last["text"].as_str()), ("test: did not start".to_owned(), Some(&*error)));
}
