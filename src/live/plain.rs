//! What happened, in one line each: for a terminal that is none, for logs, and for the list in the terminal view.
//! Quiet candles and the traffic of orders are left out.

use super::journal::Entry;
use super::record::{Decision, Record, RefusedAs, Request};
use crate::model::{Side, iso};
use crate::report::csv::direction_name;
use crate::report::number::{price, quantity, signed, signed_pct};

/// How a line is to be taken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Tone {
    #[default]
    Plain,
    Good,
    Bad,
    /// Somebody should look.
    Warn,
    Dim,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Wall clock, ms.
    pub at: i64,
    pub text: String,
    pub tone: Tone,
}

/// One human line for a record worth one: `2021-01-04 05:00:03  bought 0.01 at 43,000.00`.
pub fn line(entry: &Entry<Record>) -> Option<String> {
    Line::of(entry).map(|line| format!("{}  {}", time(line.at), line.text))
}

/// `2021-01-04 05:00:03`, UTC.
pub fn time(ms: i64) -> String {
    let text = iso(ms).replacen('T', " ", 1);
    text.trim_end_matches('Z').split('.').next().unwrap_or_default().to_owned()
}

/// `05:00:03`, UTC.
pub fn clock(ms: i64) -> String {
    let text = time(ms);
    text.split_once(' ').map_or(text.clone(), |(_, clock)| clock.to_owned())
}

/// The line of a text of several that says most: the first one that is not empty.
pub fn first_line(text: &str) -> &str {
    text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default()
}

/// What a script is said to have failed by, in one line: `line`, where there is one, else what of `message` says most.
pub fn failure<'a>(line: &'a str, message: &'a str) -> &'a str {
    if line.is_empty() { first_line(message) } else { line }
}

/// How texts are broken into lines: between words only, as ids have hyphens in them.
pub(super) fn wrapping(width: usize) -> textwrap::Options<'static> {
    textwrap::Options::new(width.max(1)).word_splitter(textwrap::WordSplitter::NoHyphenation)
}

impl Line {
    fn new(at: i64, tone: Tone, text: impl Into<String>) -> Option<Line> {
        // It is one line, whatever a message of somebody else has in it.
        let text: String = text.into().chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        Some(Line { at, text, tone })
    }

    pub fn of(entry: &Entry<Record>) -> Option<Line> {
        let at = entry.at;
        match &entry.record {
            Record::Session(session) => Line::new(
                at,
                Tone::Plain,
                format!(
                    "{} begins: {} {} on {}, {} generation {}",
                    session.bot,
                    session.symbol,
                    session.interval,
                    session.venue,
                    session.script.texts.path,
                    session.script.generation
                ),
            ),
            Record::Restart { program } => {
                Line::new(at, Tone::Plain, format!("started again, mista {program}"))
            }
            Record::Decision(decision) => Line::new(at, Tone::Plain, asked(decision)?),
            Record::Request { request, .. } => {
                let (text, tone) = request_line(request)?;
                Line::new(at, tone, text)
            }
            Record::Answer { outcome, .. } => {
                let (text, tone) = answer_line(outcome)?;
                Line::new(at, tone, text)
            }
            Record::Held { refusal, why, .. } => {
                let why = if why.is_empty() { String::new() } else { format!(": {why}") };
                Line::new(at, Tone::Warn, format!("no entry: {refusal}{why}"))
            }
            Record::Late => Line::new(at, Tone::Warn, "too late for what was decided at the last close"),
            Record::Entered { direction, quantity: held, price: paid, .. } => {
                let verb = if direction.entry_side() == Side::Buy { "bought" } else { "sold short" };
                Line::new(at, Tone::Plain, format!("{verb} {} at {}", quantity(*held), price(*paid)))
            }
            Record::Trade(closed) => {
                let trade = &closed.trade;
                let note = if trade.exit_note.is_empty() {
                    String::new()
                } else {
                    format!(" \"{}\"", trade.exit_note)
                };
                let text = format!(
                    "trade {} closed at {}, {}{note}: {} ({})",
                    closed.number,
                    price(trade.exit_price),
                    trade.exit_reason,
                    signed(trade.pnl, 2),
                    signed_pct(trade.pnl_pct)
                );
                Line::new(at, if trade.pnl > 0.0 { Tone::Good } else { Tone::Bad }, text)
            }
            Record::Script { generation, rolled_back, message, line } => {
                let done = if *rolled_back { "failed and was rolled back" } else { "failed and is stopped" };
                let message = failure(line, message);
                Line::new(at, Tone::Bad, format!("script generation {generation} {done}: {message}"))
            }
            Record::Alarm { text } => Line::new(at, Tone::Bad, format!("ALARM {text}")),
            Record::Swap(script) => {
                let difference = first_line(&script.difference);
                let difference =
                    if difference.is_empty() { String::new() } else { format!(": {difference}") };
                Line::new(
                    at,
                    Tone::Plain,
                    format!("script generation {} in force{difference}", script.generation),
                )
            }
            Record::NotSwapped { path, message, line } => {
                let text = match line.starts_with(path.as_str()) {
                    true => format!("saved and not taken: {line}"),
                    false => format!("{path} was saved and not taken: {}", failure(line, message)),
                };
                Line::new(at, Tone::Warn, text)
            }
            Record::Config(config) => {
                Line::new(at, Tone::Plain, format!("settings changed: {}", config.changes.join(", ")))
            }
            Record::Stop { flatten: true } => {
                Line::new(at, Tone::Warn, "stopping: no entries any more, what is held is sold")
            }
            Record::Stop { flatten: false } => Line::new(at, Tone::Warn, "stopping: no entries any more"),
            Record::Doubt { why } => Line::new(at, Tone::Warn, format!("orders have to be asked for: {why}")),
            Record::Connected { what, generation } if *generation > 1 => {
                Line::new(at, Tone::Dim, format!("{what} is connected again"))
            }
            Record::Connected { what, .. } => Line::new(at, Tone::Dim, format!("{what} is connected")),
            Record::Disconnected { what, why } => {
                Line::new(at, Tone::Warn, format!("{what} lost its connection: {why}"))
            }
            Record::Note { text } => Line::new(at, Tone::Dim, text.as_str()),
            Record::Ended => Line::new(at, Tone::Plain, "ended"),
            Record::Warmup { .. }
            | Record::Candle { .. }
            | Record::Price { .. }
            | Record::News(_)
            | Record::Unfound { .. }
            | Record::Unasked { .. }
            | Record::Timer => None,
        }
    }
}

/// What was asked at a close, and what became of it at once; `None` where nothing was.
fn asked(decision: &Decision) -> Option<String> {
    let entry = decision.entry.as_ref().map(|entry| wish(direction_name(entry.direction), &entry.note));
    // Asked for while nothing is held, as many scripts do at every close.
    let exit = decision.exit.as_ref().filter(|_| decision.quantity.is_some() || entry.is_some());
    let exit = exit.map(|note| wish("exit", note));
    let forced = decision.due.as_ref().and_then(|due| due.exit).filter(|_| exit.is_none());
    let forced = forced.map(|reason| format!("exit by rule: {reason}"));
    let parts: Vec<String> = [entry, exit, forced].into_iter().flatten().collect();
    if parts.is_empty() {
        return None;
    }
    let outcome = match (decision.veto, decision.refusal) {
        (Some(veto), _) => format!(" → vetoed: {veto}"),
        (None, Some(refusal)) => format!(" → refused: {refusal}"),
        (None, None) => String::new(),
    };
    Some(format!("candle {}: {}{outcome}", time(decision.candle), parts.join(", ")))
}

/// `long "note"`.
pub(super) fn wish(what: &str, note: &str) -> String {
    if note.is_empty() { what.to_owned() } else { format!("{what} \"{note}\"") }
}

fn request_line(request: &Request) -> Option<(String, Tone)> {
    // Fills are told of; of what rests, that it was placed.
    let text = match request {
        Request::Stop { stop, .. } => format!("stop at {stop}"),
        Request::Target { price, .. } => format!("target at {price}"),
        Request::Oco { stop, price, .. } => format!("stop at {stop}, target at {price}"),
        Request::Replace { stop, .. } => format!("stop moved to {stop}"),
        _ => return None,
    };
    Some((text, Tone::Dim))
}

fn answer_line(outcome: &super::record::Answered) -> Option<(String, Tone)> {
    use super::record::Answered;
    match outcome {
        Answered::Accepted(_) => None,
        Answered::Refused { kind: RefusedAs::NotOpen, .. } => None,
        Answered::Refused { message, .. } => Some((format!("an order was refused: {message}"), Tone::Warn)),
        Answered::Unknown { why } => {
            Some((format!("what became of an order is not known, and asked for: {why}"), Tone::Warn))
        }
    }
}
