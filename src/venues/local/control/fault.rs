//! Faults in the words of control: as they are armed, and as those that are armed are shown.

use super::super::accounts::Accounts;
use super::super::faults::{Armed, Fault, RequestKind};
use super::{decimal, number_of, text_of};
use crate::venues::sim::exchange::Liquidity;
use rust_decimal::Decimal;
use serde_json::{Value, json};

const KINDS: [(&str, Option<RequestKind>); 6] = [
    ("any", None),
    ("order", Some(RequestKind::Order)),
    ("cancel", Some(RequestKind::Cancel)),
    ("query", Some(RequestKind::Query)),
    ("account", Some(RequestKind::Account)),
    ("public", Some(RequestKind::Public)),
];

/// A fault, and the requests it waits for.
///
/// `unknown_outcome`, `drop_answer`, `status` {status}, `limited` {status, retry_after_s}, `reject` {code, message},
/// `read_lag`, `delay` {ms}, `partial` {pieces, fraction}.
pub fn read(body: &Value) -> Result<(Fault, Option<RequestKind>), String> {
    let (fault, usual) = fault(body)?;
    let on = match body["on"].as_str() {
        None => usual,
        Some(word) => match KINDS.iter().find(|(known, _)| *known == word) {
            Some((_, kind)) => *kind,
            None => return Err(format!("`on` is any, order, cancel, query, account or public, not {word}")),
        },
    };
    Ok((fault, on))
}

fn fault(body: &Value) -> Result<(Fault, Option<RequestKind>), String> {
    let order = Some(RequestKind::Order);
    Ok(match text_of(body, "fault")? {
        "unknown_outcome" => (Fault::UnknownOutcome, order),
        "drop_answer" => (Fault::DropAnswer, order),
        "status" => {
            let status = number_of(body, "status")?;
            let status = u16::try_from(status).ok().filter(|status| (400..=599).contains(status));
            (Fault::Status(status.ok_or("`status` must be from 400 to 599")?), order)
        }
        "limited" => {
            let status = match body["status"].as_u64().unwrap_or(429) {
                status @ (418 | 429) => u16::try_from(status).unwrap_or(429),
                _ => return Err("`status` must be 429 or 418".to_owned()),
            };
            let retry_after_s = body["retry_after_s"].as_i64().unwrap_or(1).clamp(0, 86_400);
            (Fault::Limited { status, retry_after_s }, None)
        }
        "reject" => {
            let code = body["code"].as_i64().and_then(|code| i32::try_from(code).ok());
            let code = code.ok_or("`code` is missing: it must be a number such as -2010")?;
            (Fault::Reject { code, message: text_of(body, "message")?.to_owned() }, order)
        }
        "read_lag" => (Fault::ReadLag, Some(RequestKind::Query)),
        "delay" => (Fault::Delay { ms: number_of(body, "ms")?.min(600_000) }, None),
        "partial" => {
            let pieces = body["pieces"].as_u64().unwrap_or(1).clamp(1, 100);
            let fraction = decimal(&body["fraction"]).unwrap_or(Decimal::ONE);
            if fraction.is_sign_negative() || fraction > Decimal::ONE {
                return Err("`fraction` must be from 0 to 1".to_owned());
            }
            let pieces = u32::try_from(pieces).unwrap_or(1);
            (Fault::Partial(Liquidity { pieces, fraction }), order)
        }
        other => {
            return Err(format!(
                "`fault` is unknown_outcome, drop_answer, status, limited, reject, read_lag, delay or partial, not {other}"
            ));
        }
    })
}

/// What is armed. `account` is the key that it waits for, null for any.
pub fn shown<'a>(armed: impl Iterator<Item = &'a Armed>, accounts: &Accounts) -> Value {
    armed
        .map(|armed| {
            let on = KINDS.iter().find(|(_, kind)| *kind == armed.on).map(|(word, _)| *word);
            let mut shown = words(&armed.fault);
            shown["id"] = armed.id.into();
            shown["account"] = armed.account.map(|account| accounts.name_of(account)).into();
            shown["on"] = on.into();
            shown["times"] = armed.times.into();
            shown
        })
        .collect()
}

fn words(fault: &Fault) -> Value {
    match fault {
        Fault::UnknownOutcome => json!({ "fault": "unknown_outcome" }),
        Fault::DropAnswer => json!({ "fault": "drop_answer" }),
        Fault::Status(status) => json!({ "fault": "status", "status": status }),
        Fault::Limited { status, retry_after_s } => {
            json!({ "fault": "limited", "status": status, "retry_after_s": retry_after_s })
        }
        Fault::Reject { code, message } => json!({ "fault": "reject", "code": code, "message": message }),
        Fault::ReadLag => json!({ "fault": "read_lag" }),
        Fault::Delay { ms } => json!({ "fault": "delay", "ms": ms }),
        Fault::Partial(Liquidity { pieces, fraction }) => {
            json!({ "fault": "partial", "pieces": pieces, "fraction": fraction.to_string() })
        }
    }
}
