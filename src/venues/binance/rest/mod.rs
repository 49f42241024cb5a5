//! REST: questions and orders over HTTP.
//!
//! What only reads is asked again after a pause, within a deadline. What changes something is sent once; its one
//! exception is a refusal because of its time, which is certain not to have been carried out.

mod account;
mod market;
mod orders;

pub use account::History;

use super::budget::{Cost, Priority, Used, used_in_header};
use super::clock::Clock;
use super::endpoints::EndpointError;
use super::limits::{Limits, Permit, retry_after_ms};
use super::outcome::{
    Advice, Answer, Attempt, Outcome, ReadError, Refusal, RefusalKind, of_order, of_read, pause_ms,
};
use super::sign::{Credentials, Params, query, signed_query};
use super::tls;
use super::wire::RateLimit;
use super::{ParseError, endpoints};
use reqwest::{Client, Method, header};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// Bytes of an answer that are read; more is an answer that cannot be read.
const BODY_MAX: usize = 4 << 20;

/// `exchangeInfo` of all symbols is much longer, and read symbol by symbol.
const INFO_MAX: usize = 64 << 20;

/// Limits of time and effort.
#[derive(Debug, Clone)]
pub struct RestSettings {
    /// Until a connection is there; two thirds of `timeout` at most, so that what found none in time is known not to have
    /// been sent.
    pub connect_timeout: Duration,
    /// From the start to the end of the answer. The exchange itself gives up after 10 s.
    pub timeout: Duration,
    /// For a read with all its attempts and pauses.
    pub read_deadline: Duration,
    /// For an order to wait for room in the limits; then it is refused without being sent.
    pub order_patience: Duration,
    /// The first pause before a repetition; it doubles up to `pause_most`.
    pub pause_first: Duration,
    pub pause_most: Duration,
    /// How long after its time a request is still carried out; at most 60 s.
    pub recv_window: Duration,
}

impl Default for RestSettings {
    fn default() -> Self {
        RestSettings {
            connect_timeout: Duration::from_secs(5),
            timeout: Duration::from_secs(15),
            read_deadline: Duration::from_secs(60),
            order_patience: Duration::from_secs(2),
            pause_first: Duration::from_millis(250),
            pause_most: Duration::from_secs(8),
            recv_window: Duration::from_secs(5),
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    #[error(transparent)]
    Tls(#[from] tls::TlsError),
    #[error("the HTTP client cannot be set up: {0}")]
    Client(String),
}

/// A connection to the exchange's REST interface. Cheap to clone; clones share limits, clock and connections.
#[derive(Debug, Clone)]
pub struct RestClient {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    http: Client,
    base: String,
    credentials: Option<Arc<Credentials>>,
    settings: RestSettings,
    limits: Limits,
}

/// What a request has to carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Security {
    Open,
    Signed,
}

/// One request, before it is signed.
#[derive(Debug, Clone)]
struct Request {
    pub method: Method,
    pub path: &'static str,
    pub params: Params,
    pub security: Security,
    pub cost: Cost,
    pub priority: Priority,
    pub body_max: usize,
}

impl Request {
    pub fn read(path: &'static str, params: Params, weight: u64) -> Request {
        Request {
            method: Method::GET,
            path,
            params,
            security: Security::Open,
            cost: Cost { weight, orders: 0 },
            priority: Priority::Read,
            body_max: BODY_MAX,
        }
    }

    pub fn signed(mut self) -> Request {
        self.security = Security::Signed;
        self
    }
}

/// A parameter and its value as it is written.
fn param(name: &str, value: impl ToString) -> (String, String) {
    (name.to_owned(), value.to_string())
}

impl RestClient {
    /// To `base`, such as `https://api.binance.com`; signs with `credentials` where there are any.
    pub fn new(
        base: &str,
        credentials: Option<Arc<Credentials>>,
        settings: RestSettings,
    ) -> Result<RestClient, SetupError> {
        endpoints::check_rest(base)?;
        let encrypted = base.starts_with("https:");
        let mut builder = Client::builder()
            .tls_backend_preconfigured(tls::config(encrypted)?)
            .http1_only()
            .user_agent(concat!("mista/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .connect_timeout(settings.connect_timeout.min(settings.timeout * 2 / 3))
            .pool_idle_timeout(Duration::from_secs(30))
            .pool_max_idle_per_host(4)
            .tcp_nodelay(true);
        if !encrypted {
            // Addresses in the clear are this machine.
            builder = builder.no_proxy();
        }
        let http = builder.build().map_err(|error| SetupError::Client(chain(&error)))?;
        let inner = Inner {
            http,
            base: base.trim_end_matches('/').to_owned(),
            credentials,
            settings,
            limits: Limits::default(),
        };
        Ok(RestClient { inner: Arc::new(inner) })
    }

    /// The exchange's time as it is known here.
    pub fn clock(&self) -> &Clock {
        self.inner.limits.clock()
    }

    pub fn has_key(&self) -> bool {
        self.inner.credentials.is_some()
    }

    /// The exchange's limits, as `exchangeInfo` tells them. [`RestClient::exchange_info`] does it by itself.
    pub fn set_limits(&self, limits: &[RateLimit]) {
        self.inner.limits.set(limits);
    }

    /// Limits and clock, for other connections from here to the same exchange.
    pub fn limits(&self) -> &Limits {
        &self.inner.limits
    }

    async fn admit(&self, request: &Request, patience: Duration) -> Result<Permit, i64> {
        self.inner.limits.admit(request.cost, request.priority, patience).await
    }

    /// Asks until there is an answer, the deadline passes, or asking again makes no difference.
    async fn read<T>(
        &self,
        request: Request,
        read: impl Fn(&[u8]) -> Result<T, ParseError>,
    ) -> Result<T, ReadError> {
        self.read_timed(request, read, None).await
    }

    async fn read_timed<T>(
        &self,
        request: Request,
        read: impl Fn(&[u8]) -> Result<T, ParseError>,
        times: Option<&Mutex<(i64, i64)>>,
    ) -> Result<T, ReadError> {
        let settings = &self.inner.settings;
        let started = tokio::time::Instant::now();
        let left = || settings.read_deadline.saturating_sub(started.elapsed());
        let (mut attempt, mut synced) = (0, false);
        loop {
            attempt += 1;
            let wait = self.admit(&request, left()).await;
            let ticket = wait.map_err(|wait_ms| ReadError::NoRoom { wait_ms })?;
            let asked_ms = self.clock().local_ms();
            let patience = settings.timeout.min(left());
            let outcome = self.attempt(&request, ticket, patience).await?;
            if let Some(times) = times {
                *times.lock().unwrap_or_else(PoisonError::into_inner) = (asked_ms, self.clock().local_ms());
            }
            let error = match of_read(outcome, &read) {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            let own =
                pause_ms(attempt, millis(settings.pause_first), millis(settings.pause_most), fastrand::f64());
            let pause = match error.advice() {
                Advice::Retry { after_ms } => after_ms.unwrap_or(0).max(own),
                // Without the clock the second attempt would fail like the first. What carries no time is not
                // cured by it, the question for the time above all.
                Advice::Resync if !synced && request.security == Security::Signed => {
                    synced = true;
                    Box::pin(self.sync_clock()).await?;
                    continue;
                }
                Advice::Resync | Advice::Stop => return Err(error),
            };
            let pause = Duration::from_millis(u64::try_from(pause).unwrap_or(0));
            if pause >= left() {
                let waited_ms = millis(started.elapsed());
                return Err(ReadError::Deadline { waited_ms, last: Box::new(error) });
            }
            tracing::debug!(path = request.path, attempt, %error, "asking again");
            sleep(pause).await;
        }
    }

    /// Sends something that changes something: once.
    async fn change<T>(&self, request: Request, read: impl Fn(&[u8]) -> Result<T, ParseError>) -> Outcome<T> {
        self.change_with(request, |attempt| of_order(attempt, &read)).await
    }

    /// The same with any way to judge what came of it.
    async fn change_with<T>(&self, request: Request, judge: impl Fn(Attempt) -> Outcome<T>) -> Outcome<T> {
        let outcome = self.change_once(&request, &judge).await;
        match outcome {
            // Certain not to have been carried out, and cured by the right time.
            Outcome::Refused(refusal) if refusal.kind == RefusalKind::Timestamp => {
                // Not for long: the order was made for this moment.
                match timeout(self.inner.settings.order_patience, self.sync_clock()).await {
                    Ok(Ok(_)) => self.change_once(&request, &judge).await,
                    _ => Outcome::Refused(refusal),
                }
            }
            outcome => outcome,
        }
    }

    async fn change_once<T>(&self, request: &Request, judge: impl Fn(Attempt) -> Outcome<T>) -> Outcome<T> {
        self.order_attempt(request).await.map_or_else(Outcome::Refused, judge)
    }

    /// What one attempt to send an order brings; an error is a refusal from here.
    async fn order_attempt(&self, request: &Request) -> Result<Attempt, Refusal> {
        let local = |message: String| Refusal::new(RefusalKind::Local, message);
        let ticket = self.admit(request, self.inner.settings.order_patience).await.map_err(|wait_ms| {
            let kind = RefusalKind::RateLimited { retry_after_ms: Some(wait_ms) };
            Refusal::new(kind, format!("not sent: the exchange's limits leave no room for {wait_ms} ms"))
        })?;
        let patience = self.inner.settings.timeout;
        self.attempt(request, ticket, patience).await.map_err(|error| local(error.to_string()))
    }

    /// Signs and sends once, and waits so long for the whole answer. An error is one from here: nothing was sent.
    async fn attempt(
        &self,
        request: &Request,
        mut permit: Permit,
        patience: Duration,
    ) -> Result<Attempt, ReadError> {
        let inner = &self.inner;
        let mut url = format!("{}{}", inner.base, request.path);
        let mut call = match request.security {
            Security::Open => {
                let query = query(&request.params);
                if !query.is_empty() {
                    url = format!("{url}?{query}");
                }
                inner.http.request(request.method.clone(), url)
            }
            Security::Signed => {
                let credentials = inner.credentials.as_ref().ok_or(ReadError::NoKey)?;
                let mut params = request.params.clone();
                params.push(param("recvWindow", inner.settings.recv_window.as_millis()));
                params.push(param("timestamp", self.clock().now_ms()));
                let query = signed_query(&params, credentials);
                let query = query.map_err(|error| ReadError::Local(error.to_string()))?;
                let mut key = header::HeaderValue::from_str(credentials.api_key())
                    .map_err(|_| ReadError::Local("the API key cannot be sent".to_owned()))?;
                key.set_sensitive(true);
                let call = inner.http.request(request.method.clone(), format!("{url}?{query}"));
                call.header("X-MBX-APIKEY", key)
            }
        };
        call = call.header(header::ACCEPT, "application/json");
        let answered = timeout(patience, self.exchange(call, request.body_max));
        let (attempt, used) = answered.await.unwrap_or_else(|_| {
            let why = format!("no whole answer within {} ms", millis(patience + Duration::from_micros(999)));
            (Attempt::Lost(why), Vec::new())
        });
        permit.settle(&used);
        if let Attempt::Answered(answer) = &attempt {
            inner.limits.heed(answer.status, &answer.body, answer.retry_after_ms);
        }
        Ok(attempt)
    }

    async fn exchange(&self, call: reqwest::RequestBuilder, body_max: usize) -> (Attempt, Vec<Used>) {
        let mut response = match call.send().await {
            Ok(response) => response,
            Err(error) => {
                let error = error.without_url();
                let why = chain(&error);
                // Without a connection nothing can have been sent.
                let unsent = error.is_connect() || error.is_builder();
                return (if unsent { Attempt::NotSent(why) } else { Attempt::Lost(why) }, Vec::new());
            }
        };
        let status = response.status().as_u16();
        let headers = response.headers();
        let used: Vec<Used> = headers
            .iter()
            .filter_map(|(name, value)| used_in_header(name.as_str(), value.to_str().ok()?))
            .collect();
        let retry_after_ms = retry_after_ms(headers.get(header::RETRY_AFTER));
        let mut body = Vec::new();
        loop {
            match response.chunk().await {
                Ok(Some(chunk)) if body.len() + chunk.len() <= body_max => body.extend_from_slice(&chunk),
                Ok(Some(_)) => {
                    return (Attempt::Lost(format!("an answer of more than {body_max} bytes")), used);
                }
                Ok(None) => break,
                Err(error) => return (Attempt::Lost(chain(&error.without_url())), used),
            }
        }
        if let Some(credentials) = &self.inner.credentials {
            body = credentials.hidden(status, body);
        }
        (Attempt::Answered(Answer { status, body, retry_after_ms }), used)
    }
}

pub(super) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// An error with what caused it.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let words = error.to_string();
        // Some say what caused them in their own words already.
        if !text.ends_with(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::chain;

    #[derive(Debug, thiserror::Error)]
    #[error("IO error: {0}")]
    struct Told(#[source] std::io::Error);

    #[derive(Debug, thiserror::Error)]
    #[error("no connection")]
    struct Untold(#[source] Told);

    #[test]
    fn a_cause_is_told_once() {
        let error = Untold(Told(std::io::Error::other("refused")));
        assert_eq!(chain(&error), "no connection: IO error: refused");
    }
}
