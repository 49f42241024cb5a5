//! What became of a request. Pure.
//!
//! An order was accepted, refused, or its outcome is unknown: there is no "failed". Unknown is everything that
//! leaves open whether the order was taken: an answer that did not come, a 5xx, an answer that cannot be read.

use super::parse;
use super::read::excerpt;
use super::wire::{ApiError, Canceled, ReplacePart};

/// What became of an order, or of anything else that changes something.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome<T> {
    Accepted(T),
    /// It was not and will not be carried out.
    Refused(Refusal),
    /// It may have been carried out. Never send it again: ask the exchange for it.
    Unknown(Doubt),
}

impl<T> Outcome<T> {
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Outcome<U> {
        match self {
            Outcome::Accepted(value) => Outcome::Accepted(f(value)),
            Outcome::Refused(refusal) => Outcome::Refused(refusal),
            Outcome::Unknown(doubt) => Outcome::Unknown(doubt),
        }
    }

    pub fn accepted(self) -> Option<T> {
        match self {
            Outcome::Accepted(value) => Some(value),
            Outcome::Refused(_) | Outcome::Unknown(_) => None,
        }
    }
}

/// Why it is not known what became of a request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("it is not known whether this was carried out: {why}")]
pub struct Doubt {
    pub why: String,
}

/// That something was not carried out, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub kind: RefusalKind,
    /// Of the exchange; `None` where it gave none, or was never asked.
    pub code: Option<i64>,
    pub message: String,
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.code {
            Some(code) => write!(f, "{} ({code})", self.message),
            None => f.write_str(&self.message),
        }
    }
}

impl std::error::Error for Refusal {}

impl Refusal {
    pub fn new(kind: RefusalKind, message: impl Into<String>) -> Refusal {
        Refusal { kind, code: None, message: message.into() }
    }
}

/// Kinds of refusals that call for different reactions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RefusalKind {
    InsufficientBalance,
    /// An order with this client id is open already.
    Duplicate,
    /// A stop on the wrong side of the market.
    WouldTrigger,
    /// A maker order that would take.
    WouldMatch,
    MarketClosed,
    /// By the filter of this name.
    Filter(String),
    /// More decimals than the asset has.
    Precision,
    /// To cancel or amend: it is not open. It may have been filled: query it.
    NotOpen,
    /// Queried: there is none such (yet: just after placing, ask again for some seconds).
    NoSuchOrder,
    /// Too many requests or orders; when to go on, in ms from now, where it was said.
    RateLimited {
        retry_after_ms: Option<i64>,
    },
    /// The address is banned for a while because of too many requests.
    Banned {
        retry_after_ms: Option<i64>,
    },
    /// The exchange is overloaded and did not take it; it may be sent again after a while.
    Busy,
    /// By its time it came too early or too late.
    Timestamp,
    Signature,
    /// The key is wrong, or may not do this, or not from this address.
    Key,
    /// A firewall before the exchange.
    Firewall,
    /// The exchange serves nobody from this place.
    Region,
    /// The request itself is wrong: a bug here, or something this version does not know.
    Request,
    /// The connection was never there: nothing was sent.
    NotSent,
    /// Refused here, before it was sent.
    Local,
    Other,
}

/// What one attempt brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attempt {
    Answered(Answer),
    /// Nothing left this machine: no connection, no address, a name that does not resolve.
    NotSent(String),
    /// Sent, or partly sent, and no whole answer came: timeout, reset, a body cut off or too long.
    Lost(String),
}

/// A whole answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// As HTTP has it.
    pub status: u16,
    pub body: Vec<u8>,
    /// In ms from now, of `Retry-After`.
    pub retry_after_ms: Option<i64>,
}

/// What became of an order by what one attempt to send it brought. `read` reads a successful answer.
pub fn of_order<T>(attempt: Attempt, read: impl FnOnce(&[u8]) -> Result<T, super::ParseError>) -> Outcome<T> {
    let answer = match attempt {
        Attempt::Answered(answer) => answer,
        Attempt::NotSent(why) => {
            return Outcome::Refused(Refusal::new(RefusalKind::NotSent, format!("nothing was sent: {why}")));
        }
        Attempt::Lost(why) => return Outcome::Unknown(Doubt { why }),
    };
    if (200..300).contains(&answer.status) {
        return match read(&answer.body) {
            Ok(value) => Outcome::Accepted(value),
            // Some say what is wrong in an answer that claims success.
            Err(error) => match parse::api_error(&answer.body) {
                Some(error) => of_code(error, &answer),
                None => Outcome::Unknown(Doubt { why: error.to_string() }),
            },
        };
    }
    of_failure(&answer)
}

/// What an answer other than a success means for an order.
pub fn of_failure<T>(answer: &Answer) -> Outcome<T> {
    if let Some(error) = parse::api_error(&answer.body) {
        return of_code(error, answer);
    }
    let says = || format!("HTTP status {}: {}", answer.status, excerpt(&answer.body));
    let retry_after_ms = answer.retry_after_ms;
    let kind = match answer.status {
        401 => RefusalKind::Key,
        403 => RefusalKind::Firewall,
        404 | 405 | 413 | 414 => RefusalKind::Request,
        418 => RefusalKind::Banned { retry_after_ms },
        429 => RefusalKind::RateLimited { retry_after_ms },
        451 => RefusalKind::Region,
        _ => return Outcome::Unknown(Doubt { why: says() }),
    };
    Outcome::Refused(Refusal::new(kind, says()))
}

fn of_code<T>(error: ApiError, answer: &Answer) -> Outcome<T> {
    match classify(&error, answer.status, answer.retry_after_ms) {
        Some(kind) => Outcome::Refused(Refusal { kind, code: Some(error.code), message: error.message }),
        None => Outcome::Unknown(Doubt { why: format!("HTTP status {}: {error}", answer.status) }),
    }
}

/// What became of the two halves of a cancel-and-replace; `None`: not attempted.
#[derive(Debug, Clone, PartialEq)]
pub struct Replaced {
    pub cancel: Option<Outcome<Canceled>>,
    pub new_order: Option<Outcome<Canceled>>,
}

/// What became of a cancel-and-replace. Whatever the status, the answer may tell of both halves.
pub fn of_replacement(attempt: Attempt) -> Outcome<Replaced> {
    if let Attempt::Answered(answer) = &attempt
        && answer.status < 500
        && let Ok(parts) = parse::cancel_replaced(&answer.body)
    {
        let part = |part| match part {
            ReplacePart::Done(report) => Some(Outcome::Accepted(report)),
            ReplacePart::Failed(error) => {
                let answer = Answer { status: 400, body: Vec::new(), retry_after_ms: answer.retry_after_ms };
                Some(of_code(error, &answer))
            }
            ReplacePart::NotAttempted => None,
        };
        return Outcome::Accepted(Replaced { cancel: part(parts.cancel), new_order: part(parts.new_order) });
    }
    of_order(attempt, |body| parse::cancel_replaced(body).map(|_| Replaced { cancel: None, new_order: None }))
}

/// The kind of refusal that an error is; `None` where it leaves the outcome open.
fn classify(error: &ApiError, status: u16, retry_after_ms: Option<i64>) -> Option<RefusalKind> {
    // Said to be the one of its status that is certain not to have been carried out.
    if error.code == -1008 {
        return Some(RefusalKind::Busy);
    }
    if matches!(error.code, -1000 | -1001 | -1006 | -1007 | -2021) || status >= 500 {
        return None;
    }
    Some(match error.code {
        -1003 if status == 418 || error.message.contains("banned") => RefusalKind::Banned { retry_after_ms },
        _ if status == 418 => RefusalKind::Banned { retry_after_ms },
        -1003 | -1015 => RefusalKind::RateLimited { retry_after_ms },
        _ if status == 429 => RefusalKind::RateLimited { retry_after_ms },
        -1002 | -2014 | -2015 => RefusalKind::Key,
        -1021 => RefusalKind::Timestamp,
        -1022 => RefusalKind::Signature,
        -1111 => RefusalKind::Precision,
        -2011 => RefusalKind::NotOpen,
        -2013 | -2026 => RefusalKind::NoSuchOrder,
        -1010 | -1013 | -2010 | -2022 | -2038 => by_message(&error.message),
        -1199..=-1100 => RefusalKind::Request,
        _ => RefusalKind::Other,
    })
}

/// Some codes say only "refused"; which refusal it is stands in the text.
fn by_message(message: &str) -> RefusalKind {
    if let Some(name) = message.strip_prefix("Filter failure: ") {
        let name = name.split(|c: char| !(c.is_ascii_uppercase() || c == '_')).next().unwrap_or_default();
        return RefusalKind::Filter(name.to_owned());
    }
    match message.trim_end_matches('.') {
        "Account has insufficient balance for requested action" => RefusalKind::InsufficientBalance,
        "Duplicate order sent" => RefusalKind::Duplicate,
        "Order would trigger immediately" => RefusalKind::WouldTrigger,
        "Order would immediately match and take" => RefusalKind::WouldMatch,
        "Market is closed" => RefusalKind::MarketClosed,
        "Unknown order sent" => RefusalKind::NotOpen,
        "Order does not exist" => RefusalKind::NoSuchOrder,
        "Rest API trading is not enabled" | "WebSocket API trading is not enabled" => RefusalKind::Key,
        _ => RefusalKind::Other,
    }
}

/// Why something could not be read from the exchange.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    #[error("the exchange refuses: {0}")]
    Refused(Refusal),
    #[error("the exchange cannot answer now (HTTP status {status}): {message}")]
    Server { status: u16, message: String },
    #[error("no answer from the exchange: {0}")]
    Connection(String),
    #[error(transparent)]
    Unreadable(#[from] super::ParseError),
    #[error("gave up after {waited_ms} ms; the last reason: {last}")]
    Deadline { waited_ms: i64, last: Box<ReadError> },
    #[error("the limit on requests leaves no room for {wait_ms} ms, longer than this request may take")]
    NoRoom { wait_ms: i64 },
    #[error("this needs an API key: set MISTA_API_KEY and MISTA_API_SECRET or MISTA_API_PRIVATE_KEY_FILE")]
    NoKey,
    #[error("the request could not be made: {0}")]
    Local(String),
}

/// What to do about an error of something that may be asked again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Advice {
    /// Again after a pause of this many ms, or of one's own choice.
    Retry { after_ms: Option<i64> },
    /// Again, once the clock is compared anew.
    Resync,
    /// Again makes no difference.
    Stop,
}

impl ReadError {
    pub fn advice(&self) -> Advice {
        match self {
            ReadError::Server { .. } | ReadError::Connection(_) => Advice::Retry { after_ms: None },
            // As likely cut on the way as wrong.
            ReadError::Unreadable(_) => Advice::Retry { after_ms: None },
            ReadError::Refused(refusal) => match refusal.kind {
                RefusalKind::RateLimited { retry_after_ms } | RefusalKind::Banned { retry_after_ms } => {
                    Advice::Retry { after_ms: retry_after_ms }
                }
                RefusalKind::Busy => Advice::Retry { after_ms: None },
                RefusalKind::Timestamp => Advice::Resync,
                _ => Advice::Stop,
            },
            ReadError::Deadline { .. }
            | ReadError::NoRoom { .. }
            | ReadError::NoKey
            | ReadError::Local(_) => Advice::Stop,
        }
    }

    /// What the exchange refused it with, where it did.
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            ReadError::Refused(refusal) => Some(refusal),
            ReadError::Deadline { last, .. } => last.refusal(),
            _ => None,
        }
    }
}

/// What one attempt to read something brought.
pub fn of_read<T>(
    attempt: Attempt,
    read: impl FnOnce(&[u8]) -> Result<T, super::ParseError>,
) -> Result<T, ReadError> {
    let answer = match attempt {
        Attempt::Answered(answer) => answer,
        Attempt::NotSent(why) | Attempt::Lost(why) => return Err(ReadError::Connection(why)),
    };
    let status = answer.status;
    let failure = if (200..300).contains(&status) {
        match read(&answer.body) {
            Ok(value) => return Ok(value),
            Err(error) => match parse::api_error(&answer.body) {
                Some(error) => of_code::<()>(error, &answer),
                None => return Err(ReadError::Unreadable(error)),
            },
        }
    } else {
        of_failure::<()>(&answer)
    };
    let coded = parse::api_error(&answer.body).is_some();
    let message = excerpt(&answer.body);
    Err(match failure {
        Outcome::Refused(refusal) => ReadError::Refused(refusal),
        // A redirection or a strange refusal without a word of the exchange stays what it is.
        Outcome::Unknown(_) | Outcome::Accepted(())
            if !coded && status != 408 && (300..500).contains(&status) =>
        {
            ReadError::Refused(Refusal::new(RefusalKind::Other, format!("HTTP status {status}: {message}")))
        }
        Outcome::Unknown(_) | Outcome::Accepted(()) => ReadError::Server { status, message },
    })
}

/// The pause before attempt number `attempt` (from 1), in ms: doubling from `first_ms` up to `most_ms`, and
/// somewhere in the upper half of it, as `chance` (from 0 up to 1) says.
pub fn pause_ms(attempt: u32, first_ms: i64, most_ms: i64, chance: f64) -> i64 {
    let doubled =
        first_ms.saturating_mul(1_i64.checked_shl(attempt.saturating_sub(1).min(40)).unwrap_or(i64::MAX));
    let whole = doubled.min(most_ms).max(1);
    whole / 2 + ((whole - whole / 2) as f64 * chance.clamp(0.0, 1.0)) as i64
}
