//! `config/notifications.yaml`: where a trader reports what happens, if anywhere.

use super::raw::{is_blank, read};
use super::settings::{ConfigError, place_in, place_of};
use crate::script::suggest::nearest;
use serde::{Deserialize, Serialize};
use serde_yaml::Value;
use std::ffi::OsString;
use std::fmt;
use std::net::IpAddr;
use std::path::Path;
use zeroize::Zeroizing;

/// Messages a minute, unless the file says otherwise.
const PER_MINUTE: u32 = 20;

/// The file exactly as written. Every key may be left out.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawNotifications {
    url: Option<String>,
    url_env: Option<String>,
    format: Option<String>,
    /// A number or a text.
    chat_id: Option<Value>,
    events: Option<Vec<String>>,
    most_per_minute: Option<i64>,
}

/// What a message is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NoticeKind {
    Started,
    Stopped,
    Trade,
    Alarm,
    Swap,
    Config,
    Risk,
}

impl NoticeKind {
    pub const ALL: [NoticeKind; 7] = [
        NoticeKind::Started,
        NoticeKind::Stopped,
        NoticeKind::Trade,
        NoticeKind::Alarm,
        NoticeKind::Swap,
        NoticeKind::Config,
        NoticeKind::Risk,
    ];

    pub fn name(self) -> &'static str {
        match self {
            NoticeKind::Started => "started",
            NoticeKind::Stopped => "stopped",
            NoticeKind::Trade => "trade",
            NoticeKind::Alarm => "alarm",
            NoticeKind::Swap => "swap",
            NoticeKind::Config => "config",
            NoticeKind::Risk => "risk",
        }
    }
}

/// What is posted to the address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotificationsFormat {
    /// A JSON object: kind, time, title, text, fields.
    Json,
    /// `sendMessage` of a Telegram bot to this chat; the address ends in `/bot` and the bot's token.
    Telegram { chat_id: String },
}

/// Where messages go. It may hold a token: nothing but [`Address::reveal`] shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct Address(Zeroizing<String>);

/// Why a text is no address; it does not say which.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    #[error("this is no address of the web: it begins with https:// and names a host")]
    NotAnAddress,
    #[error(
        "messages would travel in the clear: use https; plain http is for this machine (127.0.0.1, ::1, localhost) only"
    )]
    Clear,
}

impl Address {
    pub fn new(url: &str) -> Result<Address, AddressError> {
        let url = url.trim();
        let parsed = reqwest::Url::parse(url).map_err(|_| AddressError::NotAnAddress)?;
        let host = parsed.host_str().filter(|host| !host.is_empty()).ok_or(AddressError::NotAnAddress)?;
        let number = host.trim_matches(['[', ']']).parse::<IpAddr>();
        let is_here = host.eq_ignore_ascii_case("localhost") || number.is_ok_and(|ip| ip.is_loopback());
        match parsed.scheme() {
            "https" => {}
            "http" if is_here => {}
            "http" => return Err(AddressError::Clear),
            _ => return Err(AddressError::NotAnAddress),
        }
        Ok(Address(Zeroizing::new(url.to_owned())))
    }

    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[address]")
    }
}

/// The file, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notifications {
    pub address: Address,
    pub format: NotificationsFormat,
    /// What is told; the rest is not.
    pub events: Vec<NoticeKind>,
    pub most_per_minute: u32,
}

impl Notifications {
    /// Of the address, everything as JSON at the usual pace.
    pub fn to(address: Address) -> Notifications {
        Notifications {
            address,
            format: NotificationsFormat::Json,
            events: NoticeKind::ALL.to_vec(),
            most_per_minute: PER_MINUTE,
        }
    }

    /// `None`: no notifications, as there is no such file, or it names no address.
    pub fn load(path: &Path) -> Result<Option<Notifications>, ConfigError> {
        if !path.exists() {
            return Ok(None);
        }
        let text = Zeroizing::new(read(path)?);
        Notifications::read(path, &text, |name| std::env::var_os(name))
    }

    /// The same of the file's text, with any source of environment variables.
    pub fn read(
        path: &Path,
        text: &str,
        variable: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Option<Notifications>, ConfigError> {
        let raw: RawNotifications = match is_blank(text) {
            true => RawNotifications::default(),
            false => serde_yaml::from_str(text).map_err(|error| ConfigError::yaml(path, &error))?,
        };
        let (url, url_env) = (raw.url.map(Zeroizing::new), raw.url_env.map(Zeroizing::new));
        let wrong = |key: &str, message: &str| Err(ConfigError::new(place_of(path, text, key), message));
        let address = |key: &str, url: &str| {
            Address::new(url)
                .map_err(|error| ConfigError::new(place_of(path, text, key), format!("`{key}`: {error}")))
        };
        let address = match (&url, &url_env) {
            (Some(_), Some(_)) => {
                return wrong("url_env", "`url` and `url_env` are both there: take one out");
            }
            (Some(url), None) => Some(address("url", url)?),
            (None, Some(name)) if !is_variable(name) => {
                // It may be the address itself, so it is not repeated.
                let message = "`url_env` takes the name of an environment variable, such as MISTA_NOTIFY_URL";
                return wrong("url_env", message);
            }
            (None, Some(name)) => match variable(name).map(OsString::into_string) {
                Some(Ok(url)) => Some(address("url_env", &Zeroizing::new(url))?),
                Some(Err(_)) => {
                    return wrong("url_env", "what the environment variable holds is not readable text");
                }
                None => {
                    let message = format!("the environment variable {} is not set", name.as_str());
                    return wrong("url_env", &message);
                }
            },
            (None, None) => None,
        };
        let chat_id = match &raw.chat_id {
            None | Some(Value::Null) => None,
            Some(Value::Number(number)) => Some(number.to_string()),
            Some(Value::String(text)) if !text.trim().is_empty() => Some(text.trim().to_owned()),
            Some(_) => return wrong("chat_id", "`chat_id` must be a number, or a text such as \"@channel\""),
        };
        let format = match (raw.format.as_deref().unwrap_or("json"), chat_id) {
            ("json", None) => NotificationsFormat::Json,
            ("json", Some(_)) => return wrong("chat_id", "`chat_id` goes with `format: telegram` only"),
            ("telegram", Some(chat_id)) => NotificationsFormat::Telegram { chat_id },
            ("telegram", None) => return wrong("format", "`format: telegram` needs a `chat_id`"),
            (other, _) => {
                return wrong("format", &format!("`format` is json or telegram, \"{other}\" given"));
            }
        };
        let events = match &raw.events {
            None => NoticeKind::ALL.to_vec(),
            Some(names) => names
                .iter()
                .map(|name| {
                    event(name)
                        .map_err(|message| ConfigError::new(place_in(path, text, &["events"]), message))
                })
                .collect::<Result<_, _>>()?,
        };
        let most_per_minute = match raw.most_per_minute.unwrap_or(i64::from(PER_MINUTE)) {
            most @ 1..=1000 => most as u32,
            other => {
                let message =
                    format!("`most_per_minute` must be a whole number from 1 to 1000, {other} given");
                return wrong("most_per_minute", &message);
            }
        };
        Ok(address.map(|address| Notifications { address, format, events, most_per_minute }))
    }
}

fn is_variable(name: &str) -> bool {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    !name.is_empty() && name.chars().all(is_word) && !name.starts_with(|c: char| c.is_ascii_digit())
}

fn event(name: &str) -> Result<NoticeKind, String> {
    let found = NoticeKind::ALL.into_iter().find(|kind| kind.name() == name);
    found.ok_or_else(|| {
        let names = NoticeKind::ALL.map(NoticeKind::name);
        let similar = nearest(name, names).map(|name| format!(": did you mean {name}?")).unwrap_or_default();
        format!("`events` are some of {}; \"{name}\" given{similar}", names.join(", "))
    })
}
