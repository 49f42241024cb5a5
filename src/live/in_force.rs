//! The part of the trader's loop that deals with what can change while it runs: the script, its parameters, limits.

use super::candidate::{Candidate, Rejected, Snapshot as Moment};
use super::message::Message;
use super::record::{LiveConfig, Record, ScriptText};
use super::runtime_config_manager::{RuntimeConfigManager, changes};
use super::script_watcher::{Found, ScriptWatcher};
use super::trader::{Trader, TraderError, wall_ms};
use crate::config::{Apply, InForce, LogLevel, RuntimeConfig};
use crate::engine::Settings;
use crate::script::{Parameters, STACK, Script, Value, Written, is_limit};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Between two looks at the runtime config.
const LOOK: Duration = Duration::from_millis(300);

/// What can change, and what it was at the start.
pub struct Changeable {
    pub watcher: Option<ScriptWatcher>,
    pub config: RuntimeConfigManager,
    /// The script that the trader was started with, and its parameters by the flags.
    pub path: PathBuf,
    pub started: Parameters,
    pub set_log_level: Box<dyn Fn(Option<LogLevel>)>,
    /// Parameters of the script in force before any runtime config: `started`, unless that names another strategy, or
    /// the flags are others than before a restart and are not in force yet.
    own: Parameters,
    /// A session goes on: the flags may not be what was in force.
    goes_on: bool,
    /// What is in force of the runtime config.
    now: RuntimeConfig,
    /// What waits until nothing is held.
    waits: Option<RuntimeConfig>,
    /// A runtime config whose script or parameters are being judged, and which judgement that is.
    chosen: Option<(u64, RuntimeConfig)>,
    choices: u64,
    looked: Option<Instant>,
    /// The script before the one in force, to go back to.
    previous: Option<Previous>,
    generations: u64,
    watches: bool,
    /// How long each swap held the trader up.
    pub pauses: Vec<Duration>,
}

/// What a rollback goes back to.
struct Previous {
    script: ScriptText,
    started: Parameters,
    own: Parameters,
    strategy: Option<PathBuf>,
    params: BTreeMap<String, Value>,
}

/// What a trader goes on with.
pub struct Standing<'a> {
    pub path: PathBuf,
    /// Of that script, by the flags.
    pub started: Parameters,
    /// The text in force.
    pub script: &'a ScriptText,
    /// What is in force of the runtime config.
    pub now: RuntimeConfig,
    /// The highest generation there was of the script.
    pub generations: u64,
    /// A session goes on.
    pub goes_on: bool,
}

impl Changeable {
    pub fn new(
        standing: Standing<'_>,
        config: &Path,
        set_log_level: Box<dyn Fn(Option<LogLevel>)>,
        watches: bool,
    ) -> Changeable {
        let Standing { path, started, script, now, generations, goes_on } = standing;
        let mut own = match Script::of(&script.texts) {
            Ok(script) => script.parameters(),
            // It has been loaded before.
            Err(_) => started.clone(),
        };
        for (name, value) in &script.parameters {
            let _ = own.set(name, &Written::Value(value.clone()));
        }
        set_log_level(now.log_level);
        Changeable {
            watcher: None,
            config: RuntimeConfigManager::new(config),
            path,
            started,
            set_log_level,
            own,
            now,
            waits: None,
            chosen: None,
            choices: 0,
            looked: None,
            previous: None,
            goes_on,
            generations,
            watches,
            pauses: Vec::new(),
        }
    }

    /// The file of the script in force.
    fn path_in_force(&self) -> &Path {
        self.now.strategy.as_deref().unwrap_or(&self.path)
    }

    /// Parameters in force: the script's own ones under the runtime config.
    fn parameters(&self) -> Parameters {
        under(self.own.clone(), &self.now)
    }

    /// Whether the flags, under this runtime config, say something else than what is in force. Where they do not, they
    /// are what is in force from now on.
    fn is_otherwise(&mut self, config: &RuntimeConfig) -> bool {
        if config.strategy.is_some() || self.now.strategy.is_some() {
            return false;
        }
        let own = kept(self.own.clone(), &self.started);
        let differs = written(&under(own.clone(), config)) != written(&under(self.own.clone(), config));
        if !differs {
            self.own = own;
        }
        differs
    }
}

/// Parameters under a runtime config.
fn under(mut parameters: Parameters, config: &RuntimeConfig) -> Parameters {
    for (name, value) in config.values() {
        // All have been taken before, at least by another text of the script.
        let _ = parameters.set(name, &Written::Value(value));
    }
    parameters
}

fn written(parameters: &Parameters) -> Vec<(String, Value)> {
    parameters.written().map(|entry| (entry.name.clone(), entry.value.clone())).collect()
}

/// Parameters of another text of a script, with the values of those that were there before.
fn kept(mut parameters: Parameters, before: &Parameters) -> Parameters {
    for entry in before.written() {
        // One that is gone, or does not take the value any more, is at its default.
        let _ = parameters.set(&entry.name, &Written::Value(entry.value.clone()));
    }
    parameters
}

impl Trader {
    /// How things stand, for who judges a script.
    pub(super) fn moment(&self) -> Moment {
        Moment {
            texts: self.parts.script.texts.clone(),
            parameters: written(&self.parts.changeable.parameters()),
            slots: self.parts.desk.strategy().slots(),
            candles: self.parts.desk.data().candles().clone(),
            settings: self.parts.desk.settings().clone(),
        }
    }

    /// Watches the file of the script in force, in the place of any other.
    pub(super) fn watch(&mut self) -> Result<(), TraderError> {
        if !self.parts.changeable.watches {
            return Ok(());
        }
        let (ask, tell) = (self.parts.outbox.clone(), self.parts.outbox.clone());
        let ask = move || {
            let (reply, answer) = std::sync::mpsc::channel();
            ask.send(Message::Asked(reply)).ok()?;
            answer.recv().ok()
        };
        let tell = move |found| tell.send(Message::Found(Box::new(found))).is_ok();
        self.parts.changeable.watcher = None;
        match ScriptWatcher::start(self.parts.changeable.path_in_force(), ask, tell) {
            Ok(watcher) => self.parts.changeable.watcher = Some(watcher),
            Err(error) => self.note(&Record::Note { text: error.to_string() })?,
        }
        Ok(())
    }

    pub(super) fn on_found(&mut self, found: Found) -> Result<(), TraderError> {
        match found {
            Found::Candidate(candidate) if *candidate.replaces() == self.moment().in_force() => {
                let changeable = &self.parts.changeable;
                let (now, own) = (changeable.now.clone(), changeable.own.clone());
                self.swap(*candidate, now, Some(own))
            }
            Found::Candidate(_) => {
                if let Some(watcher) = &self.parts.changeable.watcher {
                    watcher.again();
                }
                Ok(())
            }
            Found::Rejected(rejected) => self.not_swapped(rejected),
            Found::InForce(_) => Ok(()),
        }
    }

    /// A script or parameters that the runtime config chose have been judged.
    pub(super) fn on_chosen(
        &mut self,
        number: u64,
        judged: Result<Box<Candidate>, Rejected>,
    ) -> Result<(), TraderError> {
        let Some((_, config)) = self.parts.changeable.chosen.take_if(|(chosen, _)| *chosen == number) else {
            return Ok(());
        };
        match judged {
            // Another text was saved in the meantime.
            Ok(candidate) if *candidate.replaces() != self.moment().in_force() => {
                self.choose(config);
                Ok(())
            }
            Ok(candidate) => {
                let before = self.parts.changeable.path_in_force().to_owned();
                let started = config.strategy.is_none().then(|| self.parts.changeable.started.clone());
                self.swap(*candidate, config, started)?;
                match before == self.parts.changeable.path_in_force() {
                    true => Ok(()),
                    false => self.watch(),
                }
            }
            Err(rejected) => self.not_swapped(rejected),
        }
    }

    fn not_swapped(&mut self, rejected: Rejected) -> Result<(), TraderError> {
        let path = self.parts.changeable.path_in_force().display().to_string();
        self.note(&Record::NotSwapped { path, message: rejected.message, line: rejected.line })
    }

    /// Puts a candidate in force, and with it the script and parameters of `config`. `base`: values of its parameters
    /// before any runtime config.
    fn swap(
        &mut self,
        candidate: Candidate,
        config: RuntimeConfig,
        base: Option<Parameters>,
    ) -> Result<(), TraderError> {
        let began = Instant::now();
        let slots = self.parts.desk.strategy().slots();
        let script = match candidate.script(&slots) {
            Ok(script) => script,
            Err(rejected) => return self.not_swapped(rejected),
        };
        let changeable = &mut self.parts.changeable;
        changeable.generations += 1;
        let text = candidate.text(changeable.generations);
        let own = match base {
            Some(base) => kept(script.parameters(), &base),
            None => script.parameters(),
        };
        let started = match config.strategy {
            None => kept(script.parameters(), &changeable.started),
            Some(_) => changeable.started.clone(),
        };
        let previous = Previous {
            script: self.parts.script.clone(),
            started: std::mem::replace(&mut changeable.started, started),
            own: std::mem::replace(&mut changeable.own, own),
            strategy: changeable.now.strategy.clone(),
            params: changeable.now.params.clone(),
        };
        let shown = shown(&changeable.now, &config, &changeable.own);
        let is_news = changeable.now != config;
        changeable.now = config;
        let parameters = candidate.parameters();
        let before = self.parts.desk.settings();
        let settings = self.settings_with(parameters);
        if settings != *before || is_news {
            let shown = if is_news { shown } else { vec!["rules and limits of the script".to_owned()] };
            // First, as its indicators are those of its settings.
            self.set_settings(settings, shown)?;
        }
        let notes = candidate.notes().to_vec();
        let (data, growth) = candidate.into_data();
        let at = wall_ms();
        self.write(at, &Record::Swap(Box::new(text.clone())))?;
        let answers = self.parts.desk.swap(at, &text, script, data, growth);
        self.parts.script = text;
        self.parts.changeable.previous = Some(previous);
        self.parts.changeable.pauses.push(began.elapsed());
        self.answer(at, answers)?;
        for text in notes {
            self.note(&Record::Note { text })?;
        }
        self.sync()
    }

    /// The settings in force, with rules and limits of `parameters`.
    fn settings_with(&self, parameters: &Parameters) -> Settings {
        let before = self.parts.desk.settings();
        Settings {
            rules: parameters.rules(&before.symbol),
            limits: parameters.limits(),
            max_order_notional: self.parts.changeable.now.max_order_notional,
            ..before.clone()
        }
    }

    fn set_settings(&mut self, settings: Settings, changes: Vec<String>) -> Result<(), TraderError> {
        let now = self.parts.changeable.now.clone();
        let config = LiveConfig { settings, paused: now.paused, changes, now };
        self.tell(&Record::Config(Box::new(config)))
    }

    /// The desk went back to the script before. Limits and pauses of the time since stay.
    pub(super) fn on_rolled_back(&mut self) -> Result<(), TraderError> {
        let Some(previous) = self.parts.changeable.previous.take() else { return Ok(()) };
        self.parts.script = previous.script;
        let changeable = &mut self.parts.changeable;
        let is_another = changeable.now.strategy != previous.strategy;
        let limits = changeable.now.params.clone().into_iter().filter(|(name, _)| is_limit(name));
        let mut params = previous.params;
        params.retain(|name, _| !is_limit(name));
        params.extend(limits);
        let before = changeable.now.clone();
        changeable.now = RuntimeConfig { strategy: previous.strategy, params, ..before.clone() };
        (changeable.started, changeable.own) = (previous.started, previous.own);
        let is_news = before != changeable.now;
        let settings = self.settings_with(&self.parts.changeable.parameters());
        if is_news || *self.parts.desk.settings() != settings {
            self.set_settings(settings, vec!["rules and limits of the script before".to_owned()])?;
        }
        if is_another { self.watch() } else { Ok(()) }
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
            self.take_config(&config, true)?;
        }
        Ok(())
    }

    fn on_config(&mut self, config: &RuntimeConfig) -> Result<(), TraderError> {
        let changeable = &mut self.parts.changeable;
        (changeable.waits, changeable.chosen) = (None, None);
        let is_otherwise = std::mem::take(&mut changeable.goes_on) && changeable.is_otherwise(config);
        changeable.goes_on = is_otherwise;
        let changed = changes(&changeable.now, config, &changeable.own);
        let mut waiting: Vec<String> = changed.when_flat.iter().map(ToString::to_string).collect();
        if is_otherwise {
            waiting.push("parameters as the flags say now".to_owned());
        }
        if is_otherwise && config.apply == Apply::Now {
            return self.take_config(config, true);
        }
        if !waiting.is_empty() {
            self.parts.changeable.waits = Some(config.clone());
            let (_, engine) = self.parts.desk.view();
            if engine.position.position().is_some() {
                let text = format!("waits until nothing is held: {}", waiting.join("; "));
                self.note(&Record::Note { text })?;
            }
        }
        if !changed.at_once.is_empty() {
            self.take_config(&changed.until_flat, false)?;
        }
        Ok(())
    }

    /// Puts a runtime config in force. Another script or other parameters are judged first; until then, only what
    /// need not wait is. `flags`: with what they say after a restart.
    fn take_config(&mut self, config: &RuntimeConfig, flags: bool) -> Result<(), TraderError> {
        let changeable = &mut self.parts.changeable;
        let is_otherwise =
            flags && std::mem::take(&mut changeable.goes_on) && changeable.is_otherwise(config);
        let needs_script = needs_script(&changeable.now, config) || is_otherwise;
        let config = RuntimeConfig { apply: Apply::default(), ..config.clone() };
        let now = match needs_script {
            true => changes(&changeable.now, &config, &changeable.own).until_flat,
            false => config.clone(),
        };
        let shown = shown(&changeable.now, &now, &changeable.own);
        (changeable.set_log_level)(now.log_level);
        changeable.now = now;
        if !shown.is_empty() {
            let settings = self.settings_with(&self.parts.changeable.parameters());
            self.set_settings(settings, shown)?;
        }
        if needs_script {
            self.choose(config);
        }
        Ok(())
    }

    /// Has another script judged, or the same with other parameters, on a thread of its own.
    fn choose(&mut self, config: RuntimeConfig) {
        let moment = self.moment();
        let changeable = &mut self.parts.changeable;
        changeable.choices += 1;
        let number = changeable.choices;
        changeable.chosen = Some((number, config.clone()));
        let path = config.strategy.clone().unwrap_or_else(|| changeable.path.clone());
        let started = config.strategy.is_none().then(|| changeable.started.clone());
        let out = self.parts.outbox.clone();
        let judge = move || {
            let judged = Script::load(&path).map_err(Into::into).and_then(|script| {
                let mut parameters = script.parameters();
                if let Some(started) = started {
                    parameters = kept(parameters, &started);
                }
                if let Err(error) = config.apply(&mut parameters) {
                    let text = format!("{}: {error}", path.display());
                    return Err(Rejected { message: text.clone(), line: text });
                }
                Candidate::another(script, parameters, moment)
            });
            // The trader may have ended.
            let _ = out.send(Message::Chosen { number, judged: judged.map(Box::new) });
        };
        let builder = std::thread::Builder::new().name("script candidate".to_owned()).stack_size(STACK);
        if let Err(error) = builder.spawn(judge) {
            let text = format!("cannot start a thread to judge a script: {error}");
            let _ = self.parts.outbox.send(Message::Warning(text));
        }
    }
}

/// Whether a runtime config asks for another script, or the same with other parameters than limits.
fn needs_script(now: &RuntimeConfig, config: &RuntimeConfig) -> bool {
    let own = |config: &RuntimeConfig| -> Vec<(String, Value)> {
        let params = config.params.iter().filter(|(name, _)| !is_limit(name));
        params.map(|(name, value)| (name.clone(), value.clone())).collect()
    };
    config.strategy != now.strategy || own(config) != own(now)
}

/// What changes, for people.
fn shown(now: &RuntimeConfig, config: &RuntimeConfig, own: &Parameters) -> Vec<String> {
    let config = RuntimeConfig { apply: Apply::Now, ..config.clone() };
    changes(now, &config, own).at_once.iter().map(ToString::to_string).collect()
}
