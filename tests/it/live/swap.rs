//! A saved script takes the place of the one in force only if nothing is wrong with it: a hundred bad ones as
//! data, each refused with the place where it is wrong; good ones with what they decide differently.

use crate::support::{BTC_1H, SCRIPTS, candles, root, script_path};
use mista::engine::{Settings, Strategy};
use mista::live::candidate::{Candidate, Rejected, Snapshot};
use mista::live::script_watcher::{Found, ScriptWatcher};
use mista::model::Candles;
use mista::script::{STACK, Script, Slot, Texts, Value, Written};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;

/// A case: its name, the script in force (`swing`, or one that comes with the repository), what is replaced in
/// it, and by what. Where nothing is replaced, it is the whole text.
pub(super) type Case = (&'static str, &'static str, &'static str, &'static str);

#[rustfmt::skip]
pub(super) const BAD: &[Case] = &[
    // Texts that are no scripts.
    ("empty", "swing", "", ""),
    ("only a comment", "swing", "", "// later\n"),
    ("no on_candle", "swing", "", "fn params() { #{} }\nfn init(p) { #{} }\n"),
    ("prose", "swing", "", "This is not a script at all."),
    ("yaml", "swing", "", "period: 20\nfactor: 2.0\n"),
    ("a conflict of git", "swing", "    ctx.count += 1;", "<<<<<<< HEAD\n    ctx.count += 1;\n======="),
    ("a nul byte", "swing", "ctx.count += 1", "ctx.count \0+= 1"),
    // Syntax.
    ("no semicolon", "swing", "ctx.count += 1;", "ctx.count += 1"),
    ("no brace at the end", "swing", "    if fill.is_entry { ctx.armed = false; }\n}", "    if fill.is_entry { ctx.armed = false; }\n"),
    ("a brace too many", "swing", "ctx.count += 1;", "ctx.count += 1; }"),
    ("an open bracket", "swing", "sma(close, p.period)", "sma(close, p.period"),
    ("an open text", "swing", "\"below the average\"", "\"below the average"),
    ("a comma missing in init", "swing", "armed:   false,", "armed:   false"),
    ("a map without its hash", "breakout", "fn init(p) {\n    #{", "fn init(p) {\n    {"),
    ("assignment for comparison", "swing", "ctx.close < ctx.average", "ctx.close = < ctx.average"),
    ("two else", "swing", "    } else if ctx.close < ctx.average {", "    } else { } else if ctx.close < ctx.average {"),
    ("a reserved word", "swing", "ctx.count += 1;", "let fn = 1;"),
    ("an unknown symbol", "swing", "ctx.count += 1;", "ctx.count += 1 § 2;"),
    ("a bad number", "swing", "2.0, 0.5, 10.0", "2..0, 0.5, 10.0"),
    ("a comment never closed", "swing", "ctx.count += 1;", "/* ctx.count += 1;"),
    ("python", "ma_crossover", "    if crossed_above(ctx.fast, ctx.slow) {", "    if crossed_above(ctx.fast, ctx.slow):"),
    ("eval", "swing", "ctx.count += 1;", "eval(\"1\");"),
    ("twice the same function", "breakout", "fn enough_volume(ctx, p) {", "fn enough_volume(ctx, p) { true }\nfn enough_volume(ctx, p) {"),
    // Names.
    ("unknown variable", "swing", "ctx.count += 1;", "ctx.count += step;"),
    ("unknown series", "swing", "ctx.close < ctx.average", "ctx.close < ctx.averag"),
    ("unknown property", "hybrid", "if !ctx.is_flat { leave(ctx); }", "if !ctx.is_flta { leave(ctx); }"),
    ("unknown parameter", "swing", "p.period", "p.perod"),
    ("unknown action", "scalping", "ctx.exit(\"strength used up\")", "ctx.sell(\"strength used up\")"),
    ("unknown function", "swing", "max(ctx.best, ctx.close)", "maximum(ctx.best, ctx.close)"),
    ("unknown indicator", "swing", "sma(close, p.period)", "smoothed(close, p.period)"),
    ("unknown price", "breakout", "highest(high, p.entry_period)", "highest(hihg, p.entry_period)"),
    ("unknown field", "hybrid", "ctx.macd.signal", "ctx.macd.sginal"),
    ("unknown module", "swing", "levels::below", "level::below"),
    ("unknown function of a module", "swing", "levels::below", "levels::under"),
    ("unknown constant", "hybrid", "global::TREND", "global::TRENDS"),
    ("unknown property of a fill", "swing", "fill.is_entry", "fill.is_open"),
    ("misspelled handler", "swing", "fn on_fill(", "fn on_fil("),
    ("handler with too few arguments", "swing", "fn on_candle(ctx, p)", "fn on_candle(ctx)"),
    ("series written", "swing", "ctx.count += 1;", "ctx.average = 1.0;"),
    ("price written", "swing", "ctx.count += 1;", "ctx.close = 1.0;"),
    ("parameter written", "swing", "ctx.count += 1;", "p.period = 3;"),
    ("clock", "swing", "ctx.count += 1;", "let t = timestamp();"),
    ("sleep", "swing", "ctx.count += 1;", "sleep(1);"),
    ("random", "swing", "ctx.count += 1;", "let r = rand();"),
    ("print", "swing", "ctx.count += 1;", "print(ctx.count);"),
    ("reads a file", "swing", "ctx.count += 1;", "let f = open_file(\"/etc/passwd\");"),
    // Wrong numbers and types.
    ("too many arguments", "swing", "sma(close, p.period)", "sma(close, p.period, 3)"),
    ("too few arguments", "swing", "sma(close, p.period)", "sma(close)"),
    ("period of 0", "swing", "sma(close, p.period)", "sma(close, 0)"),
    ("period below 0", "swing", "sma(close, p.period)", "sma(close, 0 - p.period)"),
    ("period as a text", "swing", "sma(close, p.period)", "sma(close, \"20\")"),
    ("series for a period", "swing", "sma(close, p.period)", "sma(p.period, close)"),
    ("default outside its range", "swing", "int(20, 2, 200)", "int(1, 2, 200)"),
    ("range upside down", "swing", "int(20, 2, 200)", "int(20, 200, 2)"),
    ("default that is no choice", "swing", "choice(\"both\", [\"both\", \"long\"])", "choice(\"short\", [\"both\", \"long\"])"),
    ("bare parameter", "swing", "int(20, 2, 200)", "20"),
    ("base parameter out of range", "swing", "stop_loss_pct: 0.05", "stop_loss_pct: 5"),
    ("params gives no map", "swing", "", "fn params() { 3 }\nfn on_candle(ctx, p) { }\n"),
    ("init gives no map", "swing", "", "fn init(p) { [1] }\nfn on_candle(ctx, p) { }\n"),
    ("text as a slot", "swing", "count:   0,", "count:   \"none\","),
    ("array as a slot", "swing", "count:   0,", "count:   [],"),
    ("slot named as a price", "swing", "count:   0,", "count:   0, volume: 0,"),
    ("multi-output as a number", "hybrid", "ctx.close < ctx.bands.lower", "ctx.close < ctx.bands"),
    ("text compared with a number", "swing", "ctx.close < ctx.average", "ctx.close < \"average\""),
    ("text added to a number", "swing", "ctx.count += 1;", "ctx.count += 1 + true;"),
    ("slot of another type written", "swing", "ctx.count += 1;", "ctx.count = 1.5;"),
    ("flag written as a number", "swing", "ctx.armed = true;", "ctx.armed = 1;"),
    ("number as a condition", "swing", "if ctx.is_flat {", "if ctx.count {"),
    // Running away.
    ("endless loop", "swing", "ctx.count += 1;", "loop { }"),
    ("endless while", "breakout", "    if ctx.is_long {", "    while true { let x = 1; }\n    if ctx.is_long {"),
    ("endless loop in init", "swing", "    #{\n        average", "    while true { }\n    #{\n        average"),
    ("endless loop in params", "swing", "    #{\n        period", "    while true { }\n    #{\n        period"),
    ("endless loop in a handler", "swing", "if fill.is_entry {", "while true { } if fill.is_entry {"),
    ("endless loop outside functions", "swing", "const ENOUGH = 0;", "const ENOUGH = 0; while true { }"),
    ("recursion", "breakout", "    ctx.volume >= p.volume_factor", "    enough_volume(ctx, p) && ctx.volume >= p.volume_factor"),
    ("mutual recursion", "hybrid", "fn leave(ctx) {", "fn again(ctx) { leave(ctx) }\nfn leave(ctx) {\n    again(ctx);"),
    ("huge text", "swing", "ctx.count += 1;", "let t = \"x\"; loop { t += t; }"),
    ("huge array", "swing", "ctx.count += 1;", "let a = []; loop { a.push(1); }"),
    ("huge map", "swing", "ctx.count += 1;", "let m = #{}; for i in 0..1_000_000 { m[`k${i}`] = i; }"),
    ("nested arrays", "swing", "ctx.count += 1;", "let a = []; loop { a = [a, a]; }"),
    ("a flood of log lines", "swing", "ctx.count += 1;", "for i in 0..1000 { ctx.log(\"here\"); }"),
    ("a flood of plots", "swing", "ctx.count += 1;", "for i in 0..1000 { ctx.plot(`p${i}`, 1.0); }"),
    // Failing late.
    ("throws at the third candle", "swing", "ctx.count += 1;", "ctx.count += 1; if ctx.count == 3 { throw \"third\"; }"),
    ("divides by zero late", "swing", "ctx.count += 1;", "ctx.count += 1; let x = 100 / (400 - ctx.count);"),
    ("overflows late", "swing", "ctx.count += 1;", "if ctx.count == 0 { ctx.count = 1; } ctx.count *= 2;"),
    ("reads a candle to come", "swing", "ctx.count += 1;", "let x = ctx.close[0 - 1];"),
    ("throws in on_fill", "swing", "ctx.armed = false;", "throw fill.price;"),
    ("throws in a module", "swing", "levels::below(ctx.close, ctx.atr, p.factor)", "levels::below(ctx.close, ctx.atr, \"2\")"),
    ("array out of its bounds", "swing", "ctx.count += 1;", "let a = [1, 2]; let b = a[ctx.index];"),
    // Prices and sizes.
    ("NaN as a stop", "swing", "levels::below(ctx.close, ctx.atr, p.factor)", "0.0 / 0.0"),
    ("infinite target", "swing", "ctx.size_equity_pct(50.0);", "ctx.target_at(1.0 / 0.0);"),
    ("negative size", "swing", "ctx.size_equity_pct(50.0);", "ctx.size_quote(0.0 - 100.0);"),
    ("NaN as a size", "swing", "ctx.size_equity_pct(50.0);", "ctx.size_units(0.0 / 0.0);"),
    ("quote for units", "swing", "ctx.size_equity_pct(50.0);", "ctx.size_units(1000.0);"),
    ("price for a quote amount", "swing", "ctx.size_equity_pct(50.0);", "ctx.size_quote(ctx.close * 1000.0);"),
    ("percent twice", "swing", "ctx.size_equity_pct(50.0);", "ctx.size_equity_pct(5000.0);"),
    ("risks all many times", "swing", "ctx.size_equity_pct(50.0);", "ctx.size_risk_pct(2000.0);"),
    ("size beyond every number", "swing", "ctx.size_equity_pct(50.0);", "ctx.size_units(1e308);"),
    ("stop of more than all", "swing", "ctx.size_equity_pct(50.0);", "ctx.stop_pct(1.5);"),
    ("percent for a fraction", "swing", "ctx.size_equity_pct(50.0);", "ctx.trail_pct(2);"),
    // State.
    ("slot renamed", "swing", "armed", "ready"),
    ("slot renamed where it is declared", "swing", "armed:   false,", "ready:   false,"),
    ("slot gone", "hybrid", "        asked: 0,    // regime of the last entry asked for\n", ""),
    ("all slots gone", "swing", "", "fn params() { #{ period: int(20, 2, 200), factor: float(2.0, 0.5, 10.0), mode: choice(\"both\", [\"both\"]) } }\nfn on_candle(ctx, p) { }\n"),
    ("a number instead of a whole one", "swing", "count:   0,", "count:   0.0,"),
    ("a whole number instead of a flag", "hybrid", "regime: 0,", "regime: false,"),
    ("a slot that is an indicator now", "swing", "best:    0.0,", "best:    highest(close, 50),"),
    ("a slot that is off now", "swing", "best:    0.0,", "best:    (),"),
    // Parameters.
    ("parameter gone", "swing", "        mode:   choice(\"both\", [\"both\", \"long\"]),\n", ""),
    ("parameter renamed", "swing", "factor", "multiple"),
    ("range narrowed", "swing", "int(20, 2, 200)", "int(20, 2, 30)"),
    ("range of a number narrowed", "swing", "float(2.0, 0.5, 10.0)", "float(0.6, 0.5, 1.0)"),
    ("choice gone", "swing", "choice(\"both\", [\"both\", \"long\"])", "choice(\"long\", [\"long\"])"),
    ("another kind", "swing", "float(2.0, 0.5, 10.0)", "flag(true)"),
    ("all parameters gone", "breakout", "", "fn on_candle(ctx, p) { }\n"),
    // Imports.
    ("import from outside", "swing", "\"lib/levels\"", "\"../lib/levels\""),
    ("import by an absolute path", "swing", "\"lib/levels\"", "\"/etc/passwd\""),
    ("import that is not there", "swing", "\"lib/levels\"", "\"lib/level\""),
    ("import of itself", "swing", "\"lib/levels\"", "\"swing\""),
    ("import of a broken file", "swing", "\"lib/levels\"", "\"lib/broken\""),
    ("import through a link to outside", "swing", "\"lib/levels\"", "\"lib/outside\""),
    ("import by a computed path", "swing", "import \"lib/levels\" as levels;", "import `lib/${1}` as levels;"),
    // Data.
    ("more candles than there are", "swing", "atr:     atr(14),", "atr:     atr(14), long: sma(close, 5000),"),
];

/// The folder of a strategy author, with the scripts that cases begin with.
pub(super) struct Folder(TempDir);

impl Folder {
    pub(super) fn new() -> Folder {
        let folder = Folder(tempfile::tempdir().unwrap());
        let fixtures = root().join("tests/fixtures/live");
        fs::create_dir_all(folder.path("lib")).unwrap();
        fs::copy(fixtures.join("swing.rhai"), folder.path("swing.rhai")).unwrap();
        fs::copy(fixtures.join("lib/levels.rhai"), folder.path("lib/levels.rhai")).unwrap();
        for name in SCRIPTS {
            fs::copy(script_path(name), folder.path(&format!("{name}.rhai"))).unwrap();
        }
        folder
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join("strategies").join(name)
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    /// A message without the folder's own name.
    fn plain(&self, message: &str) -> String {
        message.replace(&format!("{}/", self.0.path().display()), "")
    }
}

fn recent() -> Arc<Candles> {
    Arc::new(candles(BTC_1H).slice(0..800))
}

/// A trader that runs the script at `path` with these parameters, and is in the middle of something.
fn snapshot(path: &Path, set: &[(&str, &str)]) -> Snapshot {
    let mut script = Script::load(path).unwrap();
    let mut parameters = script.parameters();
    for (name, value) in set {
        parameters.set(name, &Written::Text((*value).to_owned())).unwrap();
    }
    script.prepare(&parameters).unwrap();
    let moved = |slot: Slot| match slot {
        Slot::Int(_) => Slot::Int(7),
        Slot::Float(_) => Slot::Float(7.5),
        Slot::Bool(value) => Slot::Bool(!value),
    };
    Snapshot {
        texts: script.texts(),
        parameters: parameters.written().map(|entry| (entry.name.clone(), entry.value.clone())).collect(),
        slots: script.slots().into_iter().map(|(name, slot)| (name, moved(slot))).collect(),
        candles: recent(),
        settings: Settings { symbol: "BTCUSDT".into(), ..Settings::default() },
    }
}

/// On a stack that scripts need.
fn apart<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, work).unwrap();
        thread.join().unwrap()
    })
}

pub(super) fn edited(folder: &Folder, name: &str, from: &str, to: &str) -> String {
    let text = folder.text(&format!("{name}.rhai"));
    assert!(text.contains(from), "{name} does not contain {from:?}");
    if from.is_empty() { to.to_owned() } else { text.replace(from, to) }
}

fn in_force(folder: &Folder, name: &str) -> Snapshot {
    let set: &[(&str, &str)] = if name == "swing" { &[("period", "50")] } else { &[] };
    snapshot(&folder.path(&format!("{name}.rhai")), set)
}

/// Saves `bytes` in the place of a script and judges them.
fn judge(folder: &Folder, name: &str, bytes: &[u8]) -> Result<Candidate, Rejected> {
    let before = in_force(folder, name);
    let path = folder.path(&format!("{name}.rhai"));
    let kept = fs::read(&path).unwrap();
    fs::write(&path, bytes).unwrap();
    let judged = Candidate::read(&path, before);
    fs::write(&path, kept).unwrap();
    judged
}

#[test]
fn a_hundred_bad_scripts_are_refused_with_the_place_where_they_are_wrong() {
    let folder = Folder::new();
    fs::write(folder.path("lib/broken.rhai"), "fn below(price, atr, factor) {\n    price -\n}\n").unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink(script_path("breakout"), folder.path("lib/outside.rhai")).unwrap();
    let said = apart(|| {
        let mut said = Vec::new();
        for (what, name, from, to) in BAD {
            let bytes = edited(&folder, name, from, to);
            said.push(match judge(&folder, name, bytes.as_bytes()) {
                Ok(candidate) => format!("{what}: TAKEN, {}", candidate.difference()),
                Err(rejected) => format!("{what}: {}", folder.plain(&rejected.line)),
            });
        }
        said
    });
    insta::with_settings!({ omit_expression => true }, {
        insta::assert_snapshot!("bad_scripts", said.join("\n"));
    });
    let taken: Vec<&String> = said.iter().filter(|line| line.contains("TAKEN")).collect();
    assert!(taken.is_empty(), "{taken:#?}");
    assert!(BAD.len() >= 100);
}

#[test]
fn what_is_no_text_or_only_a_part_of_one_is_refused() {
    let folder = Folder::new();
    let whole = folder.text("swing.rhai").into_bytes();
    let said = apart(|| {
        let mut said = Vec::new();
        for part in 0..24 {
            let cut = whole.len() * part / 24;
            let line =
                judge(&folder, "swing", &whole[..cut]).err().map(|rejected| folder.plain(&rejected.line));
            said.push(format!("cut at {cut}: {}", line.unwrap_or("TAKEN".into())));
        }
        let mut latin = whole.clone();
        latin[5] = 0xe9;
        let wide: Vec<u8> = folder.text("swing.rhai").encode_utf16().flat_map(u16::to_le_bytes).collect();
        for (what, bytes) in [("latin", latin), ("utf-16", wide), ("zeros", vec![0; 4096])] {
            let line = judge(&folder, "swing", &bytes).err().map(|rejected| folder.plain(&rejected.line));
            said.push(format!("{what}: {}", line.unwrap_or("TAKEN".into())));
        }
        let definitions = folder.path("api.d.rhai");
        fs::write(&definitions, &whole).unwrap();
        for path in [definitions, folder.path("nowhere.rhai"), folder.path("lib")] {
            let line = Candidate::read(&path, in_force(&folder, "swing")).err().unwrap().line;
            said.push(folder.plain(&line));
        }
        said
    });
    insta::with_settings!({ omit_expression => true }, {
        insta::assert_snapshot!("no_texts", said.join("\n"));
    });
    assert!(!said.iter().any(|line| line.contains("TAKEN")));
}

#[rustfmt::skip]
const GOOD: &[Case] = &[
    ("a comment", "swing", "ctx.count += 1;", "ctx.count += 1; // counts candles"),
    ("a mark of the byte order", "swing", "//! Long above", "\u{feff}//! Long above"),
    ("other words", "swing", "\"below the average\"", "\"it fell\""),
    ("another way to write it", "swing", "ctx.close < ctx.average", "ctx.average > ctx.close"),
    ("a slot more", "swing", "count:   0,", "count:   0,\n        seen:    0,"),
    ("slots in another order", "swing", "        armed:   false,\n        count:   0,", "        count:   0,\n        armed:   false,"),
    ("a parameter more", "swing", "        period: int", "        extra: flag(true),\n        period: int"),
    ("another default", "swing", "int(20, 2, 200)", "int(30, 2, 200)"),
    ("another default of a base parameter", "swing", "stop_loss_pct: 0.05", "stop_loss_pct: 0.01"),
    ("a base parameter more", "swing", "stop_loss_pct: 0.05,", "stop_loss_pct: 0.05,\n        max_holding_candles: 5,"),
    ("another size", "swing", "ctx.size_equity_pct(50.0);", "ctx.size_quote(500.0);"),
    ("another stop", "swing", "ctx.stop_at(levels::below(ctx.close, ctx.atr, p.factor));", "ctx.stop_at(levels::below(ctx.close, ctx.atr, 3.0));"),
    ("never in", "swing", "ctx.count > global::ENOUGH", "ctx.count > 100_000"),
    ("out later", "swing", "} else if ctx.close < ctx.average {", "} else if ctx.close < 0.99 * ctx.average {"),
    ("another indicator", "swing", "sma(close, p.period)", "ema(close, p.period)"),
    ("in every time", "breakout", "        if !ctx.is_long && enough_volume(ctx, p) {", "        if !ctx.is_long {"),
    ("in more often", "hybrid", "rsi < p.rsi_oversold", "rsi < p.rsi_oversold + 10.0"),
];

#[test]
fn good_edits_are_taken_and_it_is_said_what_they_decide_differently() {
    let folder = Folder::new();
    let said = apart(|| {
        let mut said = Vec::new();
        for (what, name, from, to) in GOOD {
            let bytes = edited(&folder, name, from, to);
            said.push(match judge(&folder, name, bytes.as_bytes()) {
                Ok(candidate) => {
                    let notes: Vec<String> =
                        candidate.notes().iter().map(|note| format!("\n    {note}")).collect();
                    format!("{what}: {}{}", candidate.difference(), notes.concat())
                }
                Err(rejected) => format!("{what}: REFUSED, {}", folder.plain(&rejected.line)),
            });
        }
        said
    });
    insta::with_settings!({ omit_expression => true }, {
        insta::assert_snapshot!("good_scripts", said.join("\n"));
    });
    assert!(!said.iter().any(|line| line.contains("REFUSED")));
}

#[test]
fn a_candidate_takes_over_slots_as_they_are_when_it_is_swapped_in_and_reads_no_file() {
    let folder = Folder::new();
    let text = edited(&folder, "swing", "count:   0,", "seen: 3, count:   0,");
    apart(|| {
        let before = in_force(&folder, "swing");
        let candidate =
            judge(&folder, "swing", text.as_bytes()).unwrap_or_else(|rejected| panic!("{rejected}"));
        assert_eq!(*candidate.replaces(), before.in_force());
        // A candle later, and with the files gone.
        let slots = vec![
            ("armed".to_owned(), Slot::Bool(true)),
            ("count".to_owned(), Slot::Int(8)),
            ("best".to_owned(), Slot::Float(f64::NAN)),
        ];
        fs::remove_dir_all(folder.path("")).unwrap();
        let script = candidate.script(&slots).unwrap_or_else(|rejected| panic!("{rejected}"));
        let text = format!("{:?}", script.slots());
        assert_eq!(
            text,
            r#"[("armed", Bool(true)), ("seen", Int(3)), ("count", Int(8)), ("best", Float(NaN))]"#
        );
        assert_eq!(script.sha256(), candidate.sha256());
        let journaled = candidate.text(2);
        assert_eq!(journaled.carried, ["armed", "count", "best"]);
        assert!(journaled.parameters.contains(&("period".to_owned(), Value::Int(50))));
        let (data, _) = candidate.into_data();
        assert_eq!(data.candles().len(), recent().len());
        assert_eq!(data.columns().len(), script.specs().len());
    });
}

#[test]
fn slots_are_given_back_all_or_none_and_survive_being_written_down() {
    let folder = Folder::new();
    let mut script = Script::load(&folder.path("swing.rhai")).unwrap();
    let slots = vec![
        ("armed".to_owned(), Slot::Bool(true)),
        ("count".to_owned(), Slot::Int(i64::MIN)),
        ("best".to_owned(), Slot::Float(f64::NEG_INFINITY)),
    ];
    script.set_slots(&slots).unwrap();
    let text = serde_json::to_string(&script.slots()).unwrap();
    assert_eq!(
        text,
        r#"[["armed",{"bool":true}],["count",{"int":-9223372036854775808}],["best",{"float":"-inf"}]]"#
    );
    assert_eq!(serde_json::from_str::<Vec<(String, Slot)>>(&text).unwrap(), slots);
    for float in [0.1 + 0.2, -0.0, 1.0, f64::MIN_POSITIVE, f64::MAX] {
        let text = serde_json::to_string(&Slot::Float(float)).unwrap();
        let Slot::Float(read) = serde_json::from_str(&text).unwrap() else { panic!("{text}") };
        assert_eq!(read.to_bits(), float.to_bits());
    }
    for (name, value) in [("armed", Slot::Int(1)), ("gone", Slot::Int(1)), ("average", Slot::Float(1.0))] {
        let bad = [("count".to_owned(), Slot::Int(1)), (name.to_owned(), value)];
        assert!(script.set_slots(&bad).is_err());
        assert_eq!(script.slots(), slots);
    }
}

#[test]
fn a_script_that_was_in_force_comes_back_from_its_texts_alone() {
    let folder = Folder::new();
    let script = Script::load(&folder.path("swing.rhai")).unwrap();
    let (sha256, shown) = (script.sha256(), script.path().to_owned());
    fs::remove_dir_all(folder.path("")).unwrap();
    let written = serde_json::to_string(&script.texts()).unwrap();
    let back = Script::of(&serde_json::from_str(&written).unwrap()).unwrap();
    assert_eq!((back.sha256(), back.texts()), (sha256, script.texts()));
    // Errors name the files it was written in.
    let broken = Texts { source: script.source().replace("count += 1", "cuont += 1"), ..script.texts() };
    let error = Script::of(&broken).err().unwrap().to_string();
    assert!(error.contains(&format!("{shown}:27:9")), "{error}");
}

/// A watcher over a folder, and the trader it asks.
struct Watched {
    folder: Folder,
    trader: Arc<Mutex<Snapshot>>,
    found: Receiver<Found>,
    watcher: ScriptWatcher,
}

impl Watched {
    fn new() -> Watched {
        let folder = Folder::new();
        let before = in_force(&folder, "swing");
        Watched::over(folder, before)
    }

    fn over(folder: Folder, before: Snapshot) -> Watched {
        let trader = Arc::new(Mutex::new(before));
        let asked = trader.clone();
        let (sender, found) = channel();
        let ask = move || Some(asked.lock().unwrap().clone());
        let watcher =
            ScriptWatcher::start(&folder.path("swing.rhai"), ask, move |it| sender.send(it).is_ok());
        Watched { watcher: watcher.unwrap(), folder, trader, found }
    }

    fn edited(&self, mark: &str) -> String {
        edited(&self.folder, "swing", "// candles", &format!("// {mark}"))
    }

    fn next(&self) -> Found {
        self.found.recv_timeout(Duration::from_secs(60)).unwrap()
    }

    /// The next thing found is a candidate with this text.
    fn finds(&self, text: &str) -> Candidate {
        match self.next() {
            Found::Candidate(candidate) => {
                assert_eq!(candidate.texts().source, text);
                *candidate
            }
            Found::Rejected(rejected) => panic!("{rejected}"),
            Found::InForce(_) => panic!("in force"),
        }
    }

    fn refuses(&self) -> String {
        match self.next() {
            Found::Rejected(rejected) => self.folder.plain(&rejected.line),
            _ => panic!("not refused"),
        }
    }

    /// The last of what is found; what came before may or may not be seen.
    fn finds_at_last(&self, text: &str) {
        loop {
            if let Found::Candidate(candidate) = self.next()
                && candidate.texts().source == text
            {
                return;
            }
        }
    }

    fn save(&self, text: &str) {
        fs::write(self.folder.path("swing.rhai"), text).unwrap();
    }

    fn save_by_renaming(&self, text: &str) {
        let new = self.folder.path("swing.rhai.new");
        fs::write(&new, text).unwrap();
        fs::rename(new, self.folder.path("swing.rhai")).unwrap();
    }
}

#[test]
fn a_save_is_found_however_an_editor_makes_it() {
    let watched = Watched::new();
    let texts: Vec<String> = (0..6).map(|mark| watched.edited(&format!("save {mark}"))).collect();
    // By renaming, so that no half of it is there even if this machine is slow.
    watched.save_by_renaming(&texts[0]);
    assert_eq!(watched.finds(&texts[0]).difference(), "the same in 500 of 500 candles");
    // Touched, then saved as it is: nothing to judge; the next thing found is the next text.
    fs::File::open(watched.folder.path("swing.rhai"))
        .unwrap()
        .set_modified(std::time::SystemTime::now())
        .unwrap();
    watched.save_by_renaming(&texts[0]);
    watched.save_by_renaming(&texts[1]);
    watched.finds(&texts[1]);
    // In two writes.
    let (first, second) = texts[2].split_at(400);
    let mut file = fs::File::create(watched.folder.path("swing.rhai")).unwrap();
    std::io::Write::write_all(&mut file, first.as_bytes()).unwrap();
    std::io::Write::write_all(&mut file, second.as_bytes()).unwrap();
    drop(file);
    watched.finds_at_last(&texts[2]);
    // Removed, then written anew.
    fs::remove_file(watched.folder.path("swing.rhai")).unwrap();
    watched.save_by_renaming(&texts[3]);
    watched.finds_at_last(&texts[3]);
    // Many times.
    for mark in 0..10 {
        watched.save(&texts[mark % 3]);
    }
    watched.save_by_renaming(&texts[4]);
    watched.finds_at_last(&texts[4]);
    // Nothing of those comes later.
    watched.save_by_renaming(&texts[5]);
    watched.finds(&texts[5]);
}

#[test]
fn what_a_script_imports_is_watched_too_also_what_is_not_there_yet() {
    let watched = Watched::new();
    let levels = watched.folder.path("lib/levels.rhai");
    fs::write(&levels, "fn below(price, atr, factor) { price - 2.0 * factor * atr }\n").unwrap();
    let candidate = match watched.next() {
        Found::Candidate(candidate) => candidate,
        // Half of it was seen.
        _ => panic!("not found"),
    };
    assert!(candidate.difference().starts_with("differs in "), "{}", candidate.difference());
    let text = watched.edited("more").replace("\"lib/levels\"", "\"more/levels\"");
    watched.save_by_renaming(&text);
    assert_eq!(
        watched.refuses(),
        "strategies/swing.rhai:3:8: import \"more/levels\": there is no file strategies/more/levels.rhai; imports come from below strategies"
    );
    fs::create_dir(watched.folder.path("more")).unwrap();
    fs::copy(&levels, watched.folder.path("more/levels.rhai")).unwrap();
    watched.finds_at_last(&text);
}

#[test]
fn a_file_or_folder_that_goes_and_comes_back_does_not_end_the_watching() {
    let watched = Watched::new();
    let (first, second) = (watched.edited("first"), watched.edited("second"));
    fs::remove_file(watched.folder.path("swing.rhai")).unwrap();
    assert!(watched.refuses().contains("there is no such file"));
    watched.save_by_renaming(&first);
    watched.finds(&first);
    let (folder, away) = (watched.folder.path(""), watched.folder.0.path().join("away"));
    fs::rename(&folder, &away).unwrap();
    assert!(watched.refuses().contains("there is no such file"));
    fs::create_dir_all(watched.folder.path("lib")).unwrap();
    fs::copy(away.join("lib/levels.rhai"), watched.folder.path("lib/levels.rhai")).unwrap();
    watched.save(&second);
    watched.finds_at_last(&second);
    // The folder is another one now, and is watched like the first.
    watched.save_by_renaming(&first);
    watched.finds(&first);
}

#[test]
fn what_is_in_force_decides_what_a_save_means() {
    let folder = Folder::new();
    let original = folder.text("swing.rhai");
    let before = in_force(&folder, "swing");
    let text = edited(&folder, "swing", "// candles", "// edited while the trader was away");
    fs::write(folder.path("swing.rhai"), &text).unwrap();
    let watched = Watched::over(folder, before.clone());
    // Edited before it was watched.
    watched.finds(&text);
    // Taken back.
    watched.save_by_renaming(&original);
    let Found::InForce(in_force) = watched.next() else { panic!("not in force") };
    assert_eq!(in_force, before.in_force());
    // Something else is in force since: the same file is a candidate now.
    let texts = Texts { source: text, ..before.texts.clone() };
    *watched.trader.lock().unwrap() = Snapshot { texts, ..before };
    watched.watcher.again();
    watched.finds(&original);
}

/// `cargo test --release --test it swap_pauses -- --ignored --nocapture`
#[test]
#[ignore = "prints how long a trader pauses"]
fn how_long_a_swap_pauses() {
    let folder = Folder::new();
    apart(|| {
        for name in SCRIPTS.into_iter().chain(["swing"]) {
            let text = folder.text(&format!("{name}.rhai")) + "\n// edited\n";
            let began = std::time::Instant::now();
            let candidate =
                judge(&folder, name, text.as_bytes()).unwrap_or_else(|rejected| panic!("{rejected}"));
            let judged = began.elapsed();
            let slots = in_force(&folder, name).slots;
            let mut took: Vec<Duration> = (0..300)
                .map(|_| {
                    let began = std::time::Instant::now();
                    let mut script = candidate.script(&slots).unwrap_or_else(|rejected| panic!("{rejected}"));
                    script.release();
                    began.elapsed()
                })
                .collect();
            took.sort();
            println!(
                "{name:<22} judged in {judged:?}, ready in p50 {:?}, p99 {:?}, most {:?}",
                took[150], took[297], took[299]
            );
        }
    });
}
