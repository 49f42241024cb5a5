//! Records as messages for people elsewhere.

use super::record::{Record, Session};
use super::webhook::Notice;
use crate::config::NoticeKind;
use serde_json::json;

/// The message that a record is worth, if any.
pub fn of(session: &Session, record: &Record) -> Option<Notice> {
    let (symbol, quote) = (&session.symbol, &session.quote_asset);
    let (kind, title, text) = match record {
        Record::Session(_) | Record::Restart { .. } => {
            let script = &session.script.texts.path;
            (
                NoticeKind::Started,
                "started".to_owned(),
                format!("{script} on {symbol}, venue {}", session.venue),
            )
        }
        Record::Ended => (NoticeKind::Stopped, "stopped".to_owned(), String::new()),
        Record::Entered { quantity, price, .. } => {
            (NoticeKind::Trade, "entered".to_owned(), format!("{quantity} {symbol} at {price}"))
        }
        Record::Trade(closed) => {
            let trade = &closed.trade;
            let text = format!(
                "{} {symbol} at {}, {}: {:+.2} {quote}",
                trade.quantity, trade.exit_price, trade.exit_reason, trade.pnl
            );
            (NoticeKind::Trade, "left".to_owned(), text)
        }
        Record::Alarm { text } => (NoticeKind::Alarm, "alarm".to_owned(), text.clone()),
        Record::Script { rolled_back, message, .. } => {
            let title = if *rolled_back { "script rolled back" } else { "script stopped" };
            (NoticeKind::Alarm, title.to_owned(), message.clone())
        }
        Record::Swap(text) => {
            let title = format!("script generation {}", text.generation);
            (NoticeKind::Swap, title, text.difference.clone())
        }
        Record::NotSwapped { message, .. } => {
            (NoticeKind::Swap, "script not taken".to_owned(), message.clone())
        }
        Record::Config(config) => (NoticeKind::Config, "config".to_owned(), config.changes.join("; ")),
        Record::Decision(decision) => {
            let risk = decision.risk.filter(|_| decision.veto.is_some())?;
            let text = format!("an entry was held back: {}", decision.veto?);
            (NoticeKind::Risk, format!("{risk:?}").to_lowercase(), text)
        }
        _ => return None,
    };
    Some(About::session(session).notice(kind, &title, text))
}

/// Whom a message is about.
pub struct About {
    pub bot: String,
    pub symbol: String,
    pub venue: String,
}

impl About {
    fn session(session: &Session) -> About {
        let Session { bot, symbol, venue, .. } = session;
        About { bot: bot.clone(), symbol: symbol.clone(), venue: venue.clone() }
    }

    fn notice(&self, kind: NoticeKind, title: &str, text: String) -> Notice {
        let About { bot, symbol, venue } = self;
        let fields = json!({ "bot": bot, "symbol": symbol, "venue": venue });
        Notice { kind, title: format!("{bot}: {title}"), text, fields }
    }

    /// That a trader could not begin.
    pub fn not_begun(&self, error: &dyn std::error::Error) -> Notice {
        self.notice(NoticeKind::Alarm, "did not start", error.to_string())
    }

    /// That a trader ends otherwise than it was told to.
    pub fn ended_by(&self, error: &dyn std::error::Error) -> Notice {
        self.notice(NoticeKind::Alarm, "ended by an error", error.to_string())
    }
}

/// Something that somebody has to look at, and that the desk was not told.
pub fn of_alarm(session: &Session, text: &str) -> Notice {
    About::session(session).notice(NoticeKind::Alarm, "alarm", text.to_owned())
}
