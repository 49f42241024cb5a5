//! The part of the trader's loop that deals with what can change while it runs: the script, its parameters, limits.

use super::candidate::{Candidate, Snapshot as Moment};
use super::message::Message;
use super::record::{LiveConfig, Record, ScriptText};
use super::runtime_config_manager::{RuntimeConfigManager, changes};
use super::script_watcher::{Found, ScriptWatcher};
use super::trader::{Trader, TraderError, wall_ms};
use crate::config::{InForce, LogLevel, RuntimeConfig};
use crate::engine::Settings;
use crate::script::{Parameters, STACK, Script};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Between two looks at the runtime config.
const LOOK: Duration = Duration::from_millis(300);

/// What can change, and what it was at the start.
pub struct Changeable {
    pub watcher: Option<ScriptWatcher>,
    pub config: RuntimeConfigManager,
    /// The script that the trader was started with, and its parameters before any runtime config.
    pub path: PathBuf,
    pub started: Parameters,
    pub set_log_level: Box<dyn Fn(Option<LogLevel>)>,
    /// What is in force of the runtime config.
    now: RuntimeConfig,
    /// What waits until nothing is held.
    waits: Option<RuntimeConfig>,
    looked: Option<Instant>,
    /// The script before the one in force, to go back to.
    previous: Option<(ScriptText, Settings)>,
    generations: u64,
    /// A session goes on: what the files say now may not be what was in force.
    goes_on: bool,
    /// How long each swap held the trader up.
    pub pauses: Vec<Duration>,
}

impl Changeable {
    pub fn new(
        path: PathBuf,
        started: Parameters,
        config: &Path,
        set_log_level: Box<dyn Fn(Option<LogLevel>)>,
        generations: u64,
        goes_on: bool,
    ) -> Changeable {
        Changeable {
            watcher: None,
            config: RuntimeConfigManager::new(config),
            path,
            started,
            set_log_level,
            now: RuntimeConfig::default(),
            waits: None,
            looked: None,
            previous: None,
            generations,
            goes_on,
            pauses: Vec::new(),
        }
    }
}

impl Trader {
    /// How things stand, for who judges a script.
    pub(super) fn moment(&self) -> Moment {
        Moment {
            texts: self.parts.script.texts.clone(),
            parameters: self.parts.script.parameters.clone(),
            slots: self.parts.desk.strategy().slots(),
            candles: self.parts.desk.data().candles().clone(),
            settings: self.parts.desk.settings().clone(),
        }
    }

    pub(super) fn on_found(&mut self, found: Found) -> Result<(), TraderError> {
        match found {
            Found::Candidate(candidate) => self.swap(*candidate),
            Found::Rejected(rejected) => {
                let path = self.parts.changeable.path.display().to_string();
                self.note(&Record::NotSwapped { path, message: rejected.message })
            }
            Found::InForce(_) => Ok(()),
        }
    }

    fn swap(&mut self, candidate: Candidate) -> Result<(), TraderError> {
        let began = Instant::now();
        if *candidate.replaces() != self.moment().in_force() {
            if let Some(watcher) = &self.parts.changeable.watcher {
                watcher.again();
            }
            return Ok(());
        }
        let slots = self.parts.desk.strategy().slots();
        let script = match candidate.script(&slots) {
            Ok(script) => script,
            Err(rejected) => {
                let path = candidate.texts().path.clone();
                return self.note(&Record::NotSwapped { path, message: rejected.message });
            }
        };
        self.parts.changeable.generations += 1;
        let text = candidate.text(self.parts.changeable.generations);
        let (before, settings) = (self.parts.desk.settings().clone(), candidate.settings().clone());
        let notes = candidate.notes().to_vec();
        if settings != before {
            // First, as its indicators are those of its settings.
            self.set_settings(settings, vec!["rules and limits of the script".to_owned()])?;
        }
        let (data, growth) = candidate.into_data();
        let at = wall_ms();
        self.write(at, &Record::Swap(Box::new(text.clone())))?;
        let answers = self.parts.desk.swap(at, &text, script, data, growth);
        let old = std::mem::replace(&mut self.parts.script, text);
        self.parts.changeable.previous = Some((old, before));
        self.parts.changeable.pauses.push(began.elapsed());
        self.answer(at, answers)?;
        for text in notes {
            self.note(&Record::Note { text })?;
        }
        self.sync()
    }

    fn set_settings(&mut self, settings: Settings, changes: Vec<String>) -> Result<(), TraderError> {
        let paused = self.parts.changeable.now.paused;
        self.tell(&Record::Config(Box::new(LiveConfig { settings, paused, changes })))
    }

    /// The desk went back to the script before.
    pub(super) fn on_rolled_back(&mut self) -> Result<(), TraderError> {
        let Some((script, settings)) = self.parts.changeable.previous.take() else { return Ok(()) };
        self.parts.script = script;
        if *self.parts.desk.settings() != settings {
            self.set_settings(settings, vec!["rules and limits of the script before".to_owned()])?;
        }
        Ok(())
    }

    /// Looks at the runtime config now and then, and takes what has waited.
    pub(super) fn look(&mut self) -> Result<(), TraderError> {
        let changeable = &mut self.parts.changeable;
        if changeable.looked.is_some_and(|looked| looked.elapsed() < LOOK) {
            return Ok(());
        }
        changeable.looked = Some(Instant::now());
        let in_force = InForce { path: &changeable.path, parameters: &changeable.started };
        match changeable.config.check(in_force) {
            None => {}
            Some(Ok(config)) => self.on_config(&config)?,
            Some(Err(error)) => {
                let text = format!("the runtime config changes nothing: {error}");
                self.note(&Record::Note { text })?;
            }
        }
        let (_, engine) = self.parts.desk.view();
        if engine.position.position().is_none()
            && self.is_settled()
            && let Some(config) = self.parts.changeable.waits.take()
        {
            match std::mem::take(&mut self.parts.changeable.goes_on) {
                true => self.go_on_with(&config)?,
                false => self.take_config(&config)?,
            }
        }
        Ok(())
    }

    fn on_config(&mut self, config: &RuntimeConfig) -> Result<(), TraderError> {
        let changeable = &self.parts.changeable;
        let changed = changes(&changeable.now, config, &changeable.started);
        self.parts.changeable.waits = None;
        if std::mem::take(&mut self.parts.changeable.goes_on) {
            return self.go_on_with(config);
        }
        if changed.is_empty() {
            return Ok(());
        }
        if !changed.when_flat.is_empty() {
            let waiting: Vec<String> = changed.when_flat.iter().map(ToString::to_string).collect();
            let text = format!("waits until nothing is held: {}", waiting.join("; "));
            self.note(&Record::Note { text })?;
            self.parts.changeable.waits = Some(config.clone());
        }
        if !changed.at_once.is_empty() {
            self.take_config(&changed.until_flat)?;
        }
        Ok(())
    }

    /// After a restart: whatever was in force when the process ended, now it is what flags and files say. What needs
    /// nothing to be held waits for that.
    fn go_on_with(&mut self, config: &RuntimeConfig) -> Result<(), TraderError> {
        let changeable = &self.parts.changeable;
        let mut parameters = changeable.started.clone();
        let applied = config.strategy.is_none() && config.apply(&mut parameters).is_ok();
        let wanted: Vec<_> = parameters.written().map(|it| (it.name.clone(), it.value.clone())).collect();
        let (_, engine) = self.parts.desk.view();
        let is_flat = engine.position.position().is_none();
        let is_other = !applied || wanted != self.parts.script.parameters;
        if is_other && (is_flat || config.apply == crate::config::Apply::Now) {
            let path = config.strategy.clone().unwrap_or_else(|| changeable.path.clone());
            self.judge_apart(path, config.clone());
        } else if is_other {
            self.parts.changeable.goes_on = true;
            self.parts.changeable.waits = Some(config.clone());
        }
        let before = self.parts.desk.settings();
        let (rules, limits) = match is_other {
            true => (before.rules.clone(), before.limits),
            false => (parameters.rules(&before.symbol), parameters.limits()),
        };
        let max_order_notional = config.max_order_notional;
        let settings = Settings { rules, limits, max_order_notional, ..before.clone() };
        (self.parts.changeable.set_log_level)(config.log_level);
        self.parts.changeable.now = config.clone();
        let (state, _) = self.parts.desk.view();
        if *self.parts.desk.settings() == settings && state.paused == config.paused {
            return Ok(());
        }
        self.set_settings(settings, vec!["as flags and files say now".to_owned()])
    }

    /// Puts a runtime config in force; another script or other parameters are judged first.
    fn take_config(&mut self, config: &RuntimeConfig) -> Result<(), TraderError> {
        let changeable = &self.parts.changeable;
        let all = changes(
            &changeable.now,
            &RuntimeConfig { apply: crate::config::Apply::Now, ..config.clone() },
            &changeable.started,
        );
        let shown: Vec<String> = all.at_once.iter().chain(&all.when_flat).map(ToString::to_string).collect();
        let needs_script =
            config.strategy != changeable.now.strategy || config.params != changeable.now.params;
        let mut parameters = changeable.started.clone();
        let path = config.strategy.clone().unwrap_or_else(|| changeable.path.clone());
        if config.strategy.is_none()
            && let Err(error) = config.apply(&mut parameters)
        {
            return self.note(&Record::Note { text: format!("the runtime config changes nothing: {error}") });
        }
        (changeable.set_log_level)(config.log_level);
        self.parts.changeable.now = config.clone();
        if needs_script {
            self.judge_apart(path, config.clone());
        }
        let before = self.parts.desk.settings();
        let rules =
            if config.strategy.is_none() { parameters.rules(&before.symbol) } else { before.rules.clone() };
        let limits = if config.strategy.is_none() { parameters.limits() } else { before.limits };
        let settings =
            Settings { rules, limits, max_order_notional: config.max_order_notional, ..before.clone() };
        self.set_settings(settings, shown)
    }

    /// Another script, or the same with other parameters: judged on a thread of its own.
    fn judge_apart(&self, path: PathBuf, config: RuntimeConfig) {
        let (moment, out) = (self.moment(), self.parts.outbox.clone());
        let judge = move || {
            let judged = Script::load(&path).map_err(Into::into).and_then(|script| {
                let mut parameters = script.parameters();
                if let Err(error) = config.apply(&mut parameters) {
                    let text = format!("{}: {error}", path.display());
                    return Err(super::candidate::Rejected { message: text.clone(), line: text });
                }
                Candidate::another(script, parameters, moment)
            });
            let found = match judged {
                Ok(candidate) => Found::Candidate(Box::new(candidate)),
                Err(rejected) => Found::Rejected(rejected),
            };
            // The trader may have ended.
            let _ = out.send(Message::Found(Box::new(found)));
        };
        let builder = std::thread::Builder::new().name("script candidate".to_owned()).stack_size(STACK);
        if let Err(error) = builder.spawn(judge) {
            let text = format!("cannot start a thread to judge a script: {error}");
            let _ = self.parts.outbox.send(Message::Warning(text));
        }
    }
}
