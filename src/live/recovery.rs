//! From a journal to a desk: after a restart, and to see whether a session comes out the same again.

use super::desk::{Desk, DeskState};
use super::journal::Entry;
use super::record::{Answered, Record, RefusedAs, Request, ScriptText, Session};
use crate::engine::{Growth, Settings};
use crate::model::{Candle, Candles, iso};
use crate::script::{Parameters, Script, Slot, Written};
use serde::{Deserialize, Serialize};

/// What a snapshot holds: all that the records up to it led to, but the candles.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    pub desk: DeskState,
    pub slots: Vec<(String, Slot)>,
    pub script: ScriptText,
    /// Signed and shown where there is no journal at hand.
    pub session: Session,
    /// In force then.
    pub settings: Settings,
}

#[derive(Debug, thiserror::Error)]
pub enum RecoveryError {
    #[error("the journal does not begin with a session: it is not one of a trader")]
    NoSession,
    #[error("generation {generation} of the script cannot be loaded any more: {why}")]
    Script { generation: u64, why: String },
    #[error("{0}")]
    Differs(Box<Difference>),
}

/// Where a session does not come out as it is written down.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// Number of the record.
    pub record: u64,
    /// Open time of the last candle before it.
    pub candle: Option<i64>,
    pub written: Option<Record>,
    pub again: Option<Record>,
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let candle =
            self.candle.map_or("before the first candle".to_owned(), |time| format!("candle {}", iso(time)));
        let shown = |record: &Option<Record>| match record {
            Some(record) => serde_json::to_string(record).unwrap_or_default(),
            None => "nothing".to_owned(),
        };
        write!(
            f,
            "record {}, {candle}: the session has\n  {}\nand the same inputs give\n  {}",
            self.record,
            shown(&self.written),
            shown(&self.again)
        )
    }
}

/// Puts the parameters that a record names in force in a script.
pub fn prepare(script: &mut Script, text: &ScriptText) -> Result<Parameters, String> {
    let mut parameters = script.parameters();
    for (name, value) in &text.parameters {
        parameters.set(name, &Written::Value(value.clone())).map_err(|error| error.to_string())?;
    }
    script.prepare(&parameters).map_err(|error| error.to_string())?;
    Ok(parameters)
}

/// Follows a session record by record.
pub struct Walk {
    pub session: Session,
    pub script: ScriptText,
    /// The script before, to go back to.
    before: Option<ScriptText>,
    pub desk: Desk<Script>,
    pub last_candle: Option<i64>,
    /// What the desk answered and the journal has not shown yet.
    due: std::collections::VecDeque<Record>,
    /// The record that it answered.
    asked_by: u64,
}

/// The script of a record, ready to decide.
pub(super) fn loaded(text: &ScriptText) -> Result<Script, RecoveryError> {
    let wrong = |why| RecoveryError::Script { generation: text.generation, why };
    let script = Script::of(&text.texts).map_err(|error| error.to_string());
    let mut script = script.map_err(wrong)?;
    prepare(&mut script, text).map_err(wrong)?;
    Ok(script)
}

impl Walk {
    /// Begins a session: `entries` up to what is returned are taken.
    pub fn begin(entries: &[Entry<Record>]) -> Result<(Walk, usize), RecoveryError> {
        let Some(Record::Session(session)) = entries.first().map(|entry| &entry.record) else {
            return Err(RecoveryError::NoSession);
        };
        let mut candles = Candles::default();
        let mut taken = 1;
        while let Some(Record::Warmup { candles: more }) = entries.get(taken).map(|entry| &entry.record) {
            more.iter().for_each(|candle| candles.push(*candle));
            taken += 1;
        }
        let script = loaded(&session.script)?;
        Ok((Walk::on(session, session.script.clone(), script, candles), taken))
    }

    fn on(session: &Session, text: ScriptText, script: Script, candles: Candles) -> Walk {
        let last_candle = candles.open_time.last().copied();
        let (data, growth) =
            Growth::start(candles, script.specs(), session.settings.rules.atr_filter.as_ref());
        let desk = Desk::new(session, script, data, growth);
        Walk {
            session: session.clone(),
            script: text,
            before: None,
            desk,
            last_candle,
            due: std::collections::VecDeque::new(),
            asked_by: 0,
        }
    }

    /// Goes on from a snapshot that includes `entries`, but for what comes after `records`.
    pub fn resume(
        entries: &[Entry<Record>],
        records: usize,
        snapshot: Snapshot,
    ) -> Result<Walk, RecoveryError> {
        let mut candles = Candles::default();
        let mut session = None;
        for entry in entries.iter().take(records) {
            match &entry.record {
                Record::Session(begun) => session = Some(begun),
                Record::Warmup { candles: more } => more.iter().for_each(|candle| candles.push(*candle)),
                // As the desk takes them.
                Record::Candle { candle } if is_next(&candles, candle) => candles.push(*candle),
                _ => {}
            }
        }
        let session = session.ok_or(RecoveryError::NoSession)?;
        let mut script = loaded(&snapshot.script)?;
        let wrong = |why: String| RecoveryError::Script { generation: snapshot.script.generation, why };
        script.set_slots(&snapshot.slots).map_err(|error| wrong(error.to_string()))?;
        let begun = Session { settings: snapshot.settings, ..(**session).clone() };
        let mut walk = Walk::on(&begun, snapshot.script, script, candles);
        walk.session = (**session).clone();
        walk.desk.restore(snapshot.desk);
        Ok(walk)
    }

    /// Takes the next record: an input goes to the desk, an output is compared with what the desk answered.
    pub fn step(&mut self, entry: &Entry<Record>) -> Result<(), RecoveryError> {
        let record = &entry.record;
        if record.is_output() {
            let mut again = self.due.pop_front();
            if let (Record::Script { line: written, .. }, Some(Record::Script { line, .. })) =
                (record, &mut again)
                && written.is_empty()
            {
                // Journals of before it was written down.
                line.clear();
            }
            if again.as_ref() == Some(record) {
                return Ok(());
            }
            return Err(self.differs(entry.n, Some(record.clone()), again));
        }
        if !record.is_input() {
            return Ok(());
        }
        if let Some(again) = self.due.pop_front() {
            return Err(self.differs(self.asked_by, None, Some(again)));
        }
        self.asked_by = entry.n;
        if let Record::Candle { candle } = record {
            self.last_candle = Some(candle.open_time);
        }
        let answers = match record {
            Record::Swap(text) => self.swap(entry.at, text)?,
            record => self.desk.on(entry.at, record),
        };
        let is_back = |answer: &Record| matches!(answer, Record::Script { rolled_back: true, .. });
        if answers.iter().any(is_back)
            && let Some(before) = self.before.take()
        {
            self.script = before;
        }
        self.due.extend(answers);
        Ok(())
    }

    fn differs(&self, record: u64, written: Option<Record>, again: Option<Record>) -> RecoveryError {
        RecoveryError::Differs(Box::new(Difference { record, candle: self.last_candle, written, again }))
    }

    fn swap(&mut self, at: i64, text: &ScriptText) -> Result<Vec<Record>, RecoveryError> {
        let mut script = loaded(text)?;
        let slots = self.desk.strategy().slots();
        let carried: Vec<(String, Slot)> =
            slots.into_iter().filter(|(name, _)| text.carried.contains(name)).collect();
        let wrong = |why: String| RecoveryError::Script { generation: text.generation, why };
        script.set_slots(&carried).map_err(|error| wrong(error.to_string()))?;
        self.before = Some(std::mem::replace(&mut self.script, text.clone()));
        let candles = (**self.desk.data().candles()).clone();
        let filter = self.desk.settings().rules.atr_filter;
        let (data, growth) = Growth::start(candles, script.specs(), filter.as_ref());
        Ok(self.desk.swap(at, text, script, data, growth))
    }

    /// What the desk answered to the last input and is not written down: the process ended before.
    pub fn unwritten(&mut self) -> Vec<Record> {
        self.due.drain(..).collect()
    }
}

/// Whether the desk takes the candle.
pub(super) fn is_next(candles: &Candles, candle: &Candle) -> bool {
    candles.close_time.last().is_none_or(|close| candle.open_time > *close)
}

/// That a request was never sent, as the desk is to be told: it was not written down before the process ended.
pub fn never_sent(number: u64, request: &Request) -> Option<Record> {
    let refused = || Answered::Refused {
        kind: RefusedAs::NotNow,
        message: "the process ended before it was sent".to_owned(),
    };
    let cancel = matches!(request, Request::Replace { .. }).then(refused);
    request.is_change().then(|| Record::Answer { request: number, outcome: refused(), cancel })
}
