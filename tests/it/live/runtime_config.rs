//! The runtime config: what each mistake says, that it changes nothing, and which changes wait.

use crate::playground::GOOD;
use crate::support::root;
use mista::config::{Apply, ConfigError, InForce, LogLevel, RuntimeConfig};
use mista::live::runtime_config_manager::{Changes, RuntimeConfigManager, changes};
use mista::script::{Parameters, Script, Value, Written};
use std::fs;
use std::path::{Path, PathBuf};

/// A folder with a runtime config, and the script of the playground in force.
struct Place {
    folder: tempfile::TempDir,
    script: PathBuf,
    parameters: Parameters,
    manager: RuntimeConfigManager,
}

impl Place {
    fn new() -> Place {
        let folder = tempfile::tempdir().unwrap();
        let script = folder.path().join("good.rhai");
        fs::write(&script, GOOD).unwrap();
        fs::write(folder.path().join("typo.rhai"), GOOD.replace("ctx.close <", "ctx.clsoe <")).unwrap();
        let picky = "fn params() { #{ period: int(5, 2, 20) } }\n\
                     fn init(p) { if p.period > 10 { throw \"too slow\"; } #{ mean: sma(close, p.period) } }\n\
                     fn on_candle(ctx, p) {}\n";
        fs::write(folder.path().join("picky.rhai"), picky).unwrap();
        fs::create_dir(folder.path().join("folder")).unwrap();
        let parameters = Script::load(&script).unwrap().parameters();
        let manager = RuntimeConfigManager::new(&folder.path().join("runtime.yaml"));
        Place { folder, script, parameters, manager }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, bytes: impl AsRef<[u8]>) {
        fs::write(self.path("runtime.yaml"), bytes).unwrap();
    }

    fn check(&mut self) -> Option<Result<RuntimeConfig, ConfigError>> {
        self.manager.check(InForce { path: &self.script, parameters: &self.parameters })
    }

    /// What comes of the file after it was left alone for a look.
    fn settled(&mut self) -> Option<Result<RuntimeConfig, ConfigError>> {
        assert_eq!(self.check(), None, "a change is taken at the first look");
        self.check()
    }

    /// With `{}` for the folder in the text, and without it in the message.
    fn said(&mut self, text: &[u8]) -> String {
        let folder = self.folder.path().display().to_string();
        let text = match std::str::from_utf8(text) {
            Ok(text) => text.replace("$", &folder).into_bytes(),
            Err(_) => text.to_vec(),
        };
        self.write(text);
        match self.check() {
            Some(Err(error)) => error.to_string().replace(&format!("{folder}/"), ""),
            other => panic!("{other:?}"),
        }
    }
}

fn read(text: &str) -> RuntimeConfig {
    let place = Place::new();
    let in_force = InForce { path: &place.script, parameters: &place.parameters };
    RuntimeConfig::read(Path::new("runtime.yaml"), text, in_force).unwrap()
}

#[test]
fn every_mistake_is_said_with_its_place() {
    let bad: &[&[u8]] = &[
        b"pausd: true",
        b"# later\nmax_dayly_loss: 100",
        b"protect_me: true",
        b"paused: yes please",
        b"paused: yes",
        b"paused: 1",
        b"paused: [true]",
        b"paused: true\npaused: false",
        b"paused: true\n---\npaused: false",
        b"- paused\n- true",
        b"paused",
        b"42",
        b"paused true",
        b"paused: tru",
        b"params:\n\tperiod: 5",
        b"\tpaused: true",
        b"params: { period: 5",
        b"paused: 'true",
        b"params: [period, 5]",
        b"params: 5",
        b"params:\n  perod: 5",
        b"params:\n  zzz: 5",
        b"params:\n  period: 50",
        b"params:\n  period: 5.5",
        b"params:\n  period: many",
        b"params:\n  period: [5, 6]",
        b"params:\n  period: null",
        b"params:\n  period: 5\n  period: 6",
        b"params:\n  side: both",
        b"params:\n  loud: 1",
        b"params:\n  5: 5",
        b"params:\n  stop_loss_pct: 3\nstop_loss_pct: 0.02",
        b"params:\n  stop_loss_pct: 0.03\nstop_loss_pct: 2",
        b"params:\n  paused: true",
        b"params:\n  allowed_trading_hours_utc: 5-5",
        b"stop_loss_pct: 2",
        b"stop_loss_pct: 2%",
        b"stop_loss_pct: 1",
        b"stop_loss_pct: 250",
        b"stop_loss_pct: -0.02",
        b"stop_loss_pct: tight",
        b"stop_loss_pct: true",
        b"trailing_stop_loss_pct: 1.5",
        b"take_profit_pct: -0.1",
        b"take_profit_pct: { at: 0.1 }",
        b"max_daily_loss: -100",
        b"max_daily_loss: .nan",
        b"max_daily_loss: .inf",
        b"max_daily_loss: 100 USDT",
        b"max_daily_loss: 1,000",
        b"max_cumulative_loss: [100]",
        b"max_drawdown_limit: 20",
        b"max_consecutive_losses: 2.5",
        b"max_consecutive_losses: -1",
        b"max_consecutive_losses: 99999999999999999999",
        b"max_order_notional: 0",
        b"max_order_notional: -50",
        b"max_order_notional: lots",
        b"max_order_notional: .inf",
        b"log_level: loud",
        b"log_level: inof",
        b"log_level: 3",
        b"apply: later",
        b"apply: when-flat",
        b"apply: true",
        b"strategy: $/god.rhai",
        b"strategy: $/zzz.rhai",
        b"strategy: $/folder",
        b"strategy: good",
        b"strategy: ''",
        b"strategy: 5",
        b"strategy: $/typo.rhai",
        b"strategy: $/picky.rhai\nparams: { factor: 1.0 }",
        b"strategy: $/picky.rhai\nparams: { period: 15 }",
        b"{ paused: true, log_levle: info }",
        b"{\"paused\": true",
        b"paused: \xff\xfe",
        b"\x00\x01\x02",
        b"PK\x03\x04",
    ];
    let row = |text: &&[u8]| {
        let shown = text.escape_ascii().to_string().replace("\\'", "'").replace("\\\"", "\"");
        format!("{shown}\n    {}", Place::new().said(text))
    };
    insta::assert_snapshot!(bad.iter().map(row).collect::<Vec<_>>().join("\n"));
}

#[test]
fn what_is_no_file_is_said() {
    let mut place = Place::new();
    fs::create_dir(place.path("runtime.yaml")).unwrap();
    assert!(place.check().unwrap().unwrap_err().message.contains("a folder"));
    fs::remove_dir(place.path("runtime.yaml")).unwrap();
    place.write("# much\n".repeat(100_000));
    let error = place.settled().unwrap().unwrap_err();
    assert!(error.message.contains("longer than"), "{error}");
}

#[test]
fn a_whole_file_is_read_as_written() {
    let text = "paused: true\nparams: { period: 7, factor: 2, loud: true, max_daily_loss: 5 }\nstop_loss_pct: 0\n\
                take_profit_pct: null\ntrailing_stop_loss_pct: 0.05\nmax_cumulative_loss: 500\n\
                max_consecutive_losses: 4\nmax_order_notional: 250.5\nlog_level: debug\napply: now\n";
    let config = read(text);
    let params = [
        ("period", Value::Int(7)),
        ("factor", Value::Float(2.0)),
        ("loud", Value::Bool(true)),
        ("max_daily_loss", Value::Float(5.0)),
    ];
    let expected = RuntimeConfig {
        paused: true,
        strategy: None,
        params: params.map(|(name, value)| (name.to_owned(), value)).into(),
        stop_loss_pct: Some(0.0),
        take_profit_pct: None,
        trailing_stop_loss_pct: Some(0.05),
        max_cumulative_loss: Some(500.0),
        max_daily_loss: None,
        max_drawdown_limit: None,
        max_consecutive_losses: Some(4),
        max_order_notional: Some(250.5),
        log_level: Some(LogLevel::Debug),
        apply: Apply::Now,
    };
    assert_eq!(config, expected);
    let json = serde_json::to_string(&config).unwrap();
    assert_eq!(serde_json::from_str::<RuntimeConfig>(&json).unwrap(), config, "{json}");
    let mut parameters = Place::new().parameters;
    parameters.set("stop_loss_pct", &Written::Value(Value::Float(0.1))).unwrap();
    config.apply(&mut parameters).unwrap();
    assert_eq!(parameters.get("period"), Some(&Value::Int(7)));
    assert_eq!(parameters.rules("X").stop_loss_pct, None);
    assert_eq!(parameters.rules("X").trailing_stop_loss_pct, Some(0.05));
    assert_eq!(parameters.limits().max_daily_loss, Some(5.0));
    assert_eq!(parameters.limits().max_consecutive_losses, Some(4));
}

#[test]
fn the_shipped_file_changes_nothing_and_its_examples_are_right() {
    let text = fs::read_to_string(root().join("config/runtime_config.yaml")).unwrap();
    assert_eq!(read(&text), RuntimeConfig::default());
    let is_example = |line: &&str| line.starts_with("# ") && line.contains(':') && !line.contains("---");
    let lines: Vec<&str> = text.lines().skip_while(|line| !line.contains("---")).filter(is_example).collect();
    let shown: String = lines.iter().map(|line| format!("{}\n", &line[2..])).collect();
    let breakout = root().join("strategies/breakout.rhai");
    let parameters = Script::load(&breakout).unwrap().parameters();
    let shown = shown.replace("strategies/breakout.rhai", &breakout.display().to_string());
    let in_force = InForce { path: &breakout, parameters: &parameters };
    let config = RuntimeConfig::read(Path::new("shown"), &shown, in_force).unwrap();
    assert!(config.paused && config.params.len() == 2 && config.strategy.is_some(), "{shown}");
    assert_eq!(config.trailing_stop_loss_pct, Some(0.03));
}

#[test]
fn the_first_look_answers_and_later_ones_only_have_news() {
    let mut place = Place::new();
    assert_eq!(place.check(), Some(Ok(RuntimeConfig::default())), "no file: everything as started");
    assert_eq!((place.check(), place.check()), (None, None));
    place.write("paused: true\n");
    let paused = RuntimeConfig { paused: true, ..RuntimeConfig::default() };
    assert_eq!(place.settled(), Some(Ok(paused.clone())));
    assert_eq!(place.check(), None);
    place.write("# for now\npaused: true\n");
    assert_eq!(place.settled(), None, "says the same");

    place.write("paused: maybe\n");
    let error = place.settled().unwrap().unwrap_err();
    assert_eq!((place.check(), place.check()), (None, None), "a fault is told once");
    assert_eq!(place.manager.standing_error(), Some(&error));
    assert_eq!(*place.manager.config(), paused, "and changes nothing");
    place.write("paused: perhaps\n");
    assert!(place.settled().unwrap().is_err(), "another fault");
    place.write("paused: true\n");
    assert_eq!(place.settled(), Some(Ok(paused.clone())), "good again is told, though nothing has changed");
    assert_eq!((place.check(), place.manager.standing_error()), (None, None));

    fs::remove_file(place.path("runtime.yaml")).unwrap();
    assert_eq!(place.settled(), Some(Ok(RuntimeConfig::default())));
    assert_eq!(place.check(), None);
}

#[test]
fn a_file_that_is_being_written_is_not_taken() {
    let mut place = Place::new();
    let whole = "paused: true\nmax_daily_loss: 100\nlog_level: debug\n";
    place.write(whole);
    let config = place.check().unwrap().unwrap();
    // Emptied, then written again in pieces; a piece may be a good file by itself.
    let other = whole.replace("100", "1000");
    for end in [0, 13, 13 + 20, other.len()] {
        place.write(&other[..end]);
        assert_eq!(place.check(), None, "{end}");
        assert_eq!(*place.manager.config(), config);
    }
    let expected = RuntimeConfig { max_daily_loss: Some(1000.0), ..config.clone() };
    assert_eq!(place.check(), Some(Ok(expected.clone())));
    // Gone for a moment, as with editors that write a new file.
    fs::remove_file(place.path("runtime.yaml")).unwrap();
    assert_eq!(place.check(), None);
    place.write(&other);
    assert_eq!((place.check(), place.check()), (None, None));
    assert_eq!(*place.manager.config(), expected);
    // Empty and left like that is meant.
    place.write("");
    assert_eq!(place.settled(), Some(Ok(RuntimeConfig::default())));
}

#[test]
fn another_script_in_force_is_another_judgement() {
    let mut place = Place::new();
    place.write("params: { factor: 1.5 }\n");
    assert!(place.check().unwrap().is_ok());
    let picky = place.path("picky.rhai");
    let parameters = Script::load(&picky).unwrap().parameters();
    let in_force = InForce { path: &picky, parameters: &parameters };
    let error = place.manager.check(in_force).unwrap().unwrap_err();
    assert!(error.message.contains("unknown parameter `factor`"), "{error}");
    assert_eq!(place.manager.check(in_force), None);
    // The script is corrected, not the file.
    assert!(place.check().unwrap().is_ok());
    // A strategy that is named is read again as long as it is bad.
    let named = place.path("new.rhai");
    place.write(format!("strategy: {}\n", named.display()));
    assert!(place.settled().unwrap().is_err());
    assert_eq!(place.check(), None);
    fs::copy(&place.script, &named).unwrap();
    assert_eq!(place.check().unwrap().unwrap().strategy, Some(named));
}

/// `name: from → to` of each change, those at once before the bar.
fn told(changes: &Changes) -> String {
    let list = |all: &[mista::live::runtime_config_manager::Change]| {
        all.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    };
    format!("{} | {}", list(&changes.at_once), list(&changes.when_flat))
}

#[test]
fn changes_apply_at_once_or_wait() {
    let mut started = Place::new().parameters;
    for (name, value) in [("stop_loss_pct", 0.05), ("take_profit_pct", 0.1)] {
        started.set(name, &Written::Value(Value::Float(value))).unwrap();
    }
    let pairs = [
        ("", ""),
        ("", "apply: now"),
        ("", "paused: true"),
        ("paused: true", ""),
        ("", "max_daily_loss: 100"),
        ("max_daily_loss: 100", "max_daily_loss: 50\nmax_consecutive_losses: 3"),
        ("max_daily_loss: 100", "params: { max_daily_loss: 100 }"),
        ("max_daily_loss: 100", "max_daily_loss: 0"),
        ("", "params: { max_daily_loss: 100, period: 7 }"),
        ("params: { max_daily_loss: 100, period: 7 }", "params: { period: 8 }"),
        ("", "max_order_notional: 250\nlog_level: debug"),
        ("", "params: { period: 7 }"),
        ("params: { period: 7 }", "params: { period: 7 }\napply: now"),
        ("params: { period: 7 }", "params: { period: 8 }\napply: now\npaused: true"),
        // A stop of 5 % was there from the start.
        ("", "stop_loss_pct: 0.02"),
        ("", "params: { stop_loss_pct: 0.02 }"),
        ("", "stop_loss_pct: 0.08"),
        ("", "stop_loss_pct: 0"),
        ("stop_loss_pct: 0.02", ""),
        ("stop_loss_pct: 0.08", ""),
        ("stop_loss_pct: 0", "stop_loss_pct: 0.5"),
        ("stop_loss_pct: 0.02", "stop_loss_pct: 0.03\napply: now"),
        ("", "trailing_stop_loss_pct: 0.03"),
        ("trailing_stop_loss_pct: 0.03", "trailing_stop_loss_pct: null"),
        ("", "take_profit_pct: 0.01"),
        ("stop_loss_pct: 0.04", "params: { stop_loss_pct: 0.03, period: 7 }\npaused: true"),
        ("", "strategy: good.rhai\nparams: { period: 7 }\nmax_daily_loss: 5\nstop_loss_pct: 0.01"),
    ];
    let place = Place::new();
    let read = |text: &str| {
        let text = text.replace("strategy: ", &format!("strategy: {}/", place.folder.path().display()));
        let in_force = InForce { path: &place.script, parameters: &started };
        RuntimeConfig::read(Path::new("runtime.yaml"), &text, in_force).unwrap()
    };
    let row = |(old, new): &(&str, &str)| {
        let (was, will) = (read(old), read(new));
        let found = changes(&was, &will, &started);
        assert_eq!(found.when_flat.is_empty(), changes(&found.until_flat, &will, &started).is_empty());
        let again = changes(&was, &found.until_flat, &started);
        assert_eq!(again.at_once, found.at_once, "{old} → {new}");
        assert!(again.when_flat.is_empty(), "{old} → {new}");
        let told = told(&found).replace(&format!("{}/", place.folder.path().display()), "");
        format!("{} => {}\n    {told}", old.replace('\n', "; "), new.replace('\n', "; "))
    };
    insta::assert_snapshot!(pairs.iter().map(row).collect::<Vec<_>>().join("\n"));
}
