//! Notifications: what happens to a trader, posted to an address of its owner's. It may be slow or gone: whoever
//! tells something never waits for it, and never hears of a failure but in the log.
//!
//! Two formats. `json` posts
//! `{"kind":"trade","time":"2021-03-04T05:06:07Z","title":"…","text":"…","fields":{…}}`, with `"dropped": 3` where
//! messages before it were lost. `telegram` posts `{"chat_id":"…","text":"…"}` to `{url}/sendMessage`, where the
//! address is `https://api.telegram.org/bot` and the bot's token.

use crate::config::{Address, NoticeKind, Notifications, NotificationsFormat};
use crate::model::iso;
use crate::venues::binance::limits::retry_after_ms;
use crate::venues::binance::rest::chain;
use crate::venues::binance::tls;
use reqwest::{Client, StatusCode, header};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, sleep_until, timeout};

/// Messages that wait at most; of more the oldest are dropped.
pub const QUEUE: usize = 100;

/// How often a message that could not be delivered is sent again.
const RETRIES: u32 = 3;

/// Longest text that Telegram takes, in characters.
const TELEGRAM_MAX: usize = 4096;

/// One message.
#[derive(Debug, Clone, PartialEq)]
pub struct Notice {
    pub kind: NoticeKind,
    /// A few words.
    pub title: String,
    /// Sentences; may be empty.
    pub text: String,
    /// An object for programs, or null.
    pub fields: Value,
}

/// Limits of time.
#[derive(Debug, Clone)]
pub struct NotifierSettings {
    /// For one attempt, from the connection to the answer.
    pub timeout: Duration,
    /// The first pause before a repetition; each is twice as long as the one before.
    pub pause_first: Duration,
    /// The longest pause that a server may ask for.
    pub pause_most: Duration,
    /// In which `most_per_minute` messages are sent.
    pub minute: Duration,
}

impl Default for NotifierSettings {
    fn default() -> Self {
        NotifierSettings {
            timeout: Duration::from_secs(10),
            pause_first: Duration::from_secs(1),
            pause_most: Duration::from_secs(600),
            minute: Duration::from_secs(60),
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum NotifierError {
    #[error("notifications: {0}")]
    Tls(#[from] tls::TlsError),
    #[error("notifications: the HTTP client cannot be set up: {0}")]
    Client(String),
}

/// Where to tell what happens. Cheap to clone. Dropping the last one forgets what is still queued;
/// [`Notifier::close`] waits for it.
#[derive(Debug, Clone, Default)]
pub struct Notifier {
    /// `None`: nobody wants to hear.
    inner: Option<Arc<Inner>>,
}

#[derive(Debug)]
struct Inner {
    events: Vec<NoticeKind>,
    shared: Arc<Shared>,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let Some(task) = lock(&self.task).take() {
            task.abort();
        }
    }
}

/// Between those who tell and the task that sends.
#[derive(Debug, Default)]
struct Shared {
    queue: Mutex<Queue>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Queue {
    /// With the time of each, ms.
    waiting: VecDeque<(i64, Notice)>,
    /// Lost since the last message that was delivered.
    dropped: u64,
    /// One has been taken and is neither delivered nor given up.
    is_sending: bool,
    is_closing: bool,
}

impl Notifier {
    /// One that tells nobody.
    pub fn off() -> Notifier {
        Notifier::default()
    }

    /// Sends from a task on `runtime`.
    pub fn start(config: Notifications, runtime: &Handle) -> Result<Notifier, NotifierError> {
        Notifier::start_with(config, NotifierSettings::default(), runtime)
    }

    /// The same with other limits of time.
    pub fn start_with(
        config: Notifications,
        settings: NotifierSettings,
        runtime: &Handle,
    ) -> Result<Notifier, NotifierError> {
        let sender = Sender::new(&config, settings)?;
        let shared = Arc::new(Shared::default());
        let task = runtime.spawn(run(shared.clone(), sender));
        let inner = Inner { events: config.events, shared, task: Mutex::new(Some(task)) };
        Ok(Notifier { inner: Some(Arc::new(inner)) })
    }

    /// Queues a message, if its kind is wanted. Returns at once.
    pub fn notify(&self, notice: Notice) {
        let Some(inner) = self.inner.as_ref().filter(|inner| inner.events.contains(&notice.kind)) else {
            return;
        };
        inner.shared.with(|queue| {
            queue.waiting.push_back((now_ms(), notice));
            if queue.waiting.len() > QUEUE {
                queue.waiting.pop_front();
                queue.dropped += 1;
            }
        });
    }

    /// Waits until everything is delivered or given up, for `patience` at most. Returns the number of messages that
    /// were never sent. What is told afterwards, or by a clone, is not heard.
    pub async fn close(self, patience: Duration) -> usize {
        let Some(inner) = self.inner.as_ref() else { return 0 };
        inner.shared.with(|queue| queue.is_closing = true);
        let task = lock(&inner.task).take();
        if let Some(mut task) = task
            && timeout(patience, &mut task).await.is_err()
        {
            task.abort();
        }
        inner.shared.with(|queue| {
            let lost = queue.waiting.len() + usize::from(queue.is_sending);
            queue.waiting.clear();
            lost
        })
    }
}

impl Shared {
    fn with<T>(&self, work: impl FnOnce(&mut Queue) -> T) -> T {
        let done = work(&mut lock(&self.queue));
        self.changed.notify_one();
        done
    }

    /// Waits until there is a message; false: there will be none.
    async fn wait(&self) -> bool {
        loop {
            let changed = self.changed.notified();
            {
                let queue = lock(&self.queue);
                if !queue.waiting.is_empty() {
                    return true;
                }
                if queue.is_closing {
                    return false;
                }
            }
            changed.await;
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Sends one message after the other until there will be no more.
async fn run(shared: Arc<Shared>, mut sender: Sender) {
    while shared.wait().await {
        // Room first: while there is none, older messages may have to make room for newer ones.
        sender.room().await;
        let taken = {
            let mut queue = lock(&shared.queue);
            let taken = queue.waiting.pop_front();
            queue.is_sending = taken.is_some();
            taken.map(|(time, notice)| (time, notice, std::mem::take(&mut queue.dropped)))
        };
        let Some((time, notice, dropped)) = taken else { continue };
        let sent = sender.deliver(&notice, time, dropped).await;
        let mut queue = lock(&shared.queue);
        queue.is_sending = false;
        if let Err(why) = sent {
            queue.dropped += dropped + 1;
            tracing::warn!(kind = notice.kind.name(), title = %notice.title, %why, "a notification was not delivered");
        }
    }
}

/// Why an attempt failed, and whether another one may do better.
struct Fault {
    why: String,
    is_final: bool,
    retry_after: Option<Duration>,
}

struct Sender {
    http: Client,
    address: Address,
    format: NotificationsFormat,
    settings: NotifierSettings,
    rate: Rate,
}

impl Sender {
    fn new(config: &Notifications, settings: NotifierSettings) -> Result<Sender, NotifierError> {
        let is_encrypted = config.address.reveal().starts_with("https:");
        let mut builder = Client::builder()
            .tls_backend_preconfigured(tls::config(is_encrypted)?)
            .http1_only()
            .user_agent(concat!("mista/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .timeout(settings.timeout)
            .pool_max_idle_per_host(1);
        if !is_encrypted {
            // Addresses in the clear are this machine.
            builder = builder.no_proxy();
        }
        let http = builder.build().map_err(|error| NotifierError::Client(chain(&error.without_url())))?;
        let rate = Rate::new(config.most_per_minute, settings.minute);
        Ok(Sender { http, address: config.address.clone(), format: config.format.clone(), settings, rate })
    }

    /// Waits for room for one attempt. Each counts, those that fail too.
    async fn room(&mut self) {
        let at = self.rate.next(Instant::now());
        sleep_until(at).await;
    }

    /// Sends until it is taken, a repetition makes no difference, or it was repeated often enough. There was room for
    /// the first attempt.
    async fn deliver(&mut self, notice: &Notice, time: i64, dropped: u64) -> Result<(), String> {
        let body = body(&self.format, notice, time, dropped);
        let mut attempt = 0;
        loop {
            self.rate.count(Instant::now());
            let Err(fault) = self.attempt(&body).await else { return Ok(()) };
            if fault.is_final || attempt == RETRIES {
                return Err(fault.why);
            }
            let pause = pause(&self.settings, attempt, fault.retry_after);
            tracing::debug!(why = %fault.why, attempt, ?pause, "sending a notification again");
            sleep(pause).await;
            self.room().await;
            attempt += 1;
        }
    }

    async fn attempt(&self, body: &str) -> Result<(), Fault> {
        let address = self.address.reveal();
        let call = match self.format {
            NotificationsFormat::Json => self.http.post(address),
            NotificationsFormat::Telegram { .. } => {
                self.http.post(format!("{}/sendMessage", address.trim_end_matches('/')))
            }
        };
        let call = call.header(header::CONTENT_TYPE, "application/json").body(body.to_owned());
        let response = call.send().await.map_err(|error| {
            // Its address may hold a token.
            Fault { why: chain(&error.without_url()), is_final: false, retry_after: None }
        })?;
        let status = response.status();
        if status.is_success() {
            return Ok(());
        }
        let again = [StatusCode::TOO_MANY_REQUESTS, StatusCode::REQUEST_TIMEOUT];
        let wait = retry_after_ms(response.headers().get(header::RETRY_AFTER));
        Err(Fault {
            why: format!("the answer is {status}"),
            is_final: !(again.contains(&status) || status.is_server_error()),
            retry_after: wait.and_then(|ms| u64::try_from(ms).ok()).map(Duration::from_millis),
        })
    }
}

/// How long to wait after attempt `attempt`, from 0.
fn pause(settings: &NotifierSettings, attempt: u32, retry_after: Option<Duration>) -> Duration {
    let own = settings.pause_first.saturating_mul(2u32.saturating_pow(attempt));
    own.max(retry_after.unwrap_or_default()).min(settings.pause_most)
}

/// What is posted.
fn body(format: &NotificationsFormat, notice: &Notice, time: i64, dropped: u64) -> String {
    match format {
        NotificationsFormat::Json => {
            let mut body = json!({
                "kind": notice.kind.name(),
                "time": iso(time),
                "title": notice.title,
                "text": notice.text,
                "fields": notice.fields,
            });
            if let Some(body) = body.as_object_mut().filter(|_| dropped > 0) {
                body.insert("dropped".to_owned(), dropped.into());
            }
            body.to_string()
        }
        NotificationsFormat::Telegram { chat_id } => {
            let mut lines = vec![notice.title.clone(), notice.text.clone()];
            let fields = notice.fields.as_object().into_iter().flatten();
            lines.extend(fields.map(|(name, value)| match value {
                Value::String(text) => format!("{name}: {text}"),
                value => format!("{name}: {value}"),
            }));
            if dropped > 0 {
                lines.insert(0, format!("({dropped} messages before this one were lost)"));
            }
            lines.retain(|line| !line.is_empty());
            let text: String = lines.join("\n").chars().take(TELEGRAM_MAX).collect();
            json!({ "chat_id": chat_id, "text": text }).to_string()
        }
    }
}

/// So many in any window of time.
#[derive(Debug)]
struct Rate {
    most: usize,
    window: Duration,
    /// When the last ones were, at most `most`.
    last: VecDeque<Instant>,
}

impl Rate {
    fn new(most: u32, window: Duration) -> Rate {
        Rate { most: most.max(1) as usize, window, last: VecDeque::new() }
    }

    /// The earliest time for another one.
    fn next(&self, now: Instant) -> Instant {
        match self.last.front() {
            Some(first) if self.last.len() >= self.most => now.max(*first + self.window),
            _ => now,
        }
    }

    fn count(&mut self, now: Instant) {
        self.last.push_back(now);
        if self.last.len() > self.most {
            self.last.pop_front();
        }
    }
}

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_window_has_more_than_its_share() {
        let start = Instant::now();
        let after = |seconds: u64| start + Duration::from_secs(seconds);
        let mut rate = Rate::new(2, Duration::from_secs(60));
        assert_eq!(rate.next(start), start);
        rate.count(start);
        rate.count(after(10));
        assert_eq!(rate.next(after(20)), after(60));
        rate.count(after(60));
        assert_eq!(rate.next(after(61)), after(70));
        assert_eq!(rate.next(after(90)), after(90));
    }

    #[test]
    fn pauses_double_and_a_server_may_ask_for_longer_ones() {
        let settings = NotifierSettings::default();
        let seconds =
            |attempt, asked: Option<u64>| pause(&settings, attempt, asked.map(Duration::from_secs)).as_secs();
        assert_eq!([0, 1, 2].map(|attempt| seconds(attempt, None)), [1, 2, 4]);
        assert_eq!((seconds(0, Some(30)), seconds(2, Some(1)), seconds(0, Some(9000))), (30, 4, 600));
    }

    #[test]
    fn bodies_are_what_the_formats_say() {
        let notice = Notice {
            kind: NoticeKind::Trade,
            title: "BTCUSDT closed".into(),
            text: "".into(),
            fields: json!({ "pnl": -1.5, "reason": "stop_loss" }),
        };
        let telegram = NotificationsFormat::Telegram { chat_id: "-100".into() };
        assert_eq!(
            body(&NotificationsFormat::Json, &notice, 0, 0),
            r#"{"kind":"trade","time":"1970-01-01T00:00:00Z","title":"BTCUSDT closed","text":"","fields":{"pnl":-1.5,"reason":"stop_loss"}}"#
        );
        assert!(body(&NotificationsFormat::Json, &notice, 0, 3).ends_with(r#","dropped":3}"#));
        assert_eq!(
            body(&telegram, &notice, 0, 2),
            r#"{"chat_id":"-100","text":"(2 messages before this one were lost)\nBTCUSDT closed\npnl: -1.5\nreason: stop_loss"}"#
        );
        let long = Notice { text: "é".repeat(5000), ..notice };
        let posted: Value = serde_json::from_str(&body(&telegram, &long, 0, 0)).unwrap();
        assert_eq!(posted["text"].as_str().unwrap().chars().count(), TELEGRAM_MAX);
    }
}
