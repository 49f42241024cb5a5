//! Records as messages for people elsewhere.

use super::record::{Record, Session};
use super::webhook::Notice;
use crate::config::NoticeKind;
use serde_json::json;

/// The message that a record is worth, if any.
pub fn of(session: &Session, record: &Record) -> Option<Notice> {
    let (bot, symbol, quote) = (&session.bot, &session.symbol, &session.quote_asset);
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
    let fields = json!({ "bot": bot, "symbol": symbol, "venue": session.venue });
    Some(Notice { kind, title: format!("{bot}: {title}"), text, fields })
}
