//! What mista says to input it cannot use: candles, scripts, settings, flags. Every case is one run of the
//! real binary in a folder of its own, and its whole standard error is in a snapshot, to be read as a user
//! would: does it name file, line and column, and what to do?
//!
//! Every run is also asked for trades, equity and a report; where it fails, none of them may exist after it,
//! nor anything else that was not there before.

use crate::playground::GOOD;
use mista::engine::{ColumnCache, Intents, Moment, Settings, Standing, Strategy};
use mista::model::{Candle, Candles, HOUR_MS};
use mista::script::Script;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

/// 2021-01-04 00:00 UTC.
const START: i64 = 1_609_718_400_000;

const HEADER: &str = "open_time,open,high,low,close,volume";

/// Sixty candles, one an hour, that rise and fall.
fn rows() -> Vec<String> {
    let row = |row: i64| {
        let close = |row: i64| 100 + (row * 7) % 20;
        let (open, close) = (close(row - 1).max(100), close(row));
        let (high, low) = (open.max(close) + 1, open.min(close) - 1);
        format!("{},{open},{high},{low},{close},5", START + row * HOUR_MS)
    };
    (0..60).map(row).collect()
}

fn file(rows: &[String]) -> String {
    format!("{HEADER}\n{}\n", rows.join("\n"))
}

/// The candles with one line changed; line 1 is the header.
fn changed(line: usize, change: impl Fn(&str) -> String) -> Vec<u8> {
    let mut rows = rows();
    rows[line - 2] = change(&rows[line - 2]);
    file(&rows).into_bytes()
}

/// One cell of line 7 replaced: 0 open_time, 1 open, 2 high, 3 low, 4 close, 5 volume.
fn cell(column: usize, text: &str) -> Vec<u8> {
    changed(7, |row| {
        let mut cells: Vec<&str> = row.split(',').collect();
        cells[column] = text;
        cells.join(",")
    })
}

struct Case {
    name: &'static str,
    arguments: Vec<String>,
    files: Vec<(&'static str, Vec<u8>)>,
}

fn candle_case(name: &'static str, bytes: impl Into<Vec<u8>>) -> Case {
    case(name, "good.rhai --data CANDLES_1h.csv").with("CANDLES_1h.csv", bytes)
}

fn script_case(name: &'static str, text: impl Into<Vec<u8>>) -> Case {
    case(name, "bad.rhai --data BTCUSDT_1h.csv").with("bad.rhai", text)
}

/// A body of `on_candle`.
fn body_case(name: &'static str, body: &str) -> Case {
    script_case(name, format!("fn on_candle(ctx, p) {{\n    {body}\n}}\n"))
}

/// An `init`, used by an `on_candle` that does nothing.
fn init_case(name: &'static str, map: &str) -> Case {
    script_case(name, format!("fn init(p) {{\n    {map}\n}}\n\nfn on_candle(ctx, p) {{}}\n"))
}

fn yaml_case(name: &'static str, text: &str) -> Case {
    case(name, "good.rhai --data BTCUSDT_1h.csv --config run.yaml").with("run.yaml", text)
}

fn params_case(name: &'static str, text: &str) -> Case {
    case(name, "good.rhai --data BTCUSDT_1h.csv --params best.yaml").with("best.yaml", text)
}

fn set_case(name: &'static str, assignment: &'static str) -> Case {
    let mut case = case(name, "good.rhai --data BTCUSDT_1h.csv --set");
    case.arguments.push(assignment.to_owned());
    case
}

fn flag_case(name: &'static str, flags: &str) -> Case {
    case(name, &format!("good.rhai --data BTCUSDT_1h.csv {flags}"))
}

fn case(name: &'static str, arguments: &str) -> Case {
    Case { name, arguments: arguments.split(' ').map(str::to_owned).collect(), files: Vec::new() }
}

impl Case {
    fn with(mut self, name: &'static str, bytes: impl Into<Vec<u8>>) -> Case {
        self.files.push((name, bytes.into()));
        self
    }

    /// Runs the binary and writes down what it said. Panics when it left something behind.
    fn run(&self) -> String {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        fs::write(root.join("good.rhai"), GOOD).unwrap();
        fs::write(root.join("BTCUSDT_1h.csv"), file(&rows())).unwrap();
        fs::create_dir(root.join("folder")).unwrap();
        for (name, bytes) in &self.files {
            let path = root.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        let before = listing(root);
        let wanted = [("--trades", "trades.csv"), ("--equity", "equity.csv"), ("--report", "report.html")];
        let wanted: Vec<&str> = wanted
            .iter()
            .filter(|(flag, _)| !self.arguments.iter().any(|given| given == flag))
            .flat_map(|(flag, name)| [*flag, *name])
            .collect();
        let output = Command::new(env!("CARGO_BIN_EXE_mista"))
            .arg("run")
            .args(&self.arguments)
            .args(&wanted)
            .arg("--quiet")
            .current_dir(root)
            .env_remove("COLUMNS")
            .env_remove("CLICOLOR_FORCE")
            .env("NO_COLOR", "1")
            .output()
            .unwrap();
        let name = self.name;
        let said = String::from_utf8(output.stderr).unwrap();
        let exit = output.status.code().unwrap_or_else(|| panic!("{name}: killed; {said}"));
        assert!(!said.contains("panicked"), "{name}: {said}");
        assert!(output.stdout.is_empty(), "{name}: {}", String::from_utf8_lossy(&output.stdout));
        let after = listing(root);
        if exit == 0 {
            let written: Vec<&String> = after.keys().filter(|path| !before.contains_key(*path)).collect();
            assert_eq!(written.len(), 3, "{name}: wrote {written:?}");
        } else {
            let names = |files: &BTreeMap<String, Vec<u8>>| files.keys().cloned().collect::<Vec<_>>();
            assert_eq!(names(&before), names(&after), "{name}: a failing run writes nothing");
            assert!(before == after, "{name}: a failing run changes no file");
            assert!(!said.trim().is_empty(), "{name}: says nothing");
        }
        assert!(!said.contains(&root.display().to_string()), "{name}: names the folder it was started in");
        let said: Vec<&str> = said.lines().map(str::trim_end).collect();
        format!("## {name}\n$ mista run {}\nexit {exit}\n{}\n", self.arguments.join(" "), said.join("\n"))
    }
}

/// Every file below a folder, hidden ones included, with what is in it.
fn listing(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(root).unwrap().display().to_string();
            if path.is_dir() {
                files.insert(format!("{name}/"), Vec::new());
                folders.push(path);
            } else {
                files.insert(name, fs::read(path).unwrap());
            }
        }
    }
    files
}

fn table(cases: &[Case]) -> String {
    cases.iter().map(Case::run).collect::<Vec<_>>().join("\n")
}

#[test]
fn candles() {
    let good = file(&rows());
    let mut twice = rows();
    twice.insert(9, twice[8].clone());
    let mut swapped = rows();
    swapped.swap(20, 21);
    let mut micro = rows();
    micro[30] = micro[30].replacen(',', "000,", 1);
    let cases = [
        case("missing file", "good.rhai --data nowhere.csv"),
        case("directory", "good.rhai --data folder"),
        candle_case("empty", ""),
        candle_case("header only", format!("{HEADER}\n")),
        candle_case("no header", rows().join("\n")),
        candle_case("wrong column", good.replacen("close", "closing", 1)),
        candle_case("column missing", good.replacen(",volume", "", 1)),
        candle_case("column twice", good.replacen("volume", "close", 1)),
        candle_case("semicolons", good.replace(',', ";")),
        candle_case("NaN", cell(4, "NaN")),
        candle_case("inf", cell(2, "inf")),
        candle_case("negative price", cell(3, "-1")),
        candle_case("zero price", cell(3, "0")),
        candle_case("negative volume", cell(5, "-3")),
        candle_case("high below low", cell(2, "90")),
        candle_case("low above close", cell(3, "150")),
        candle_case("text in a number", cell(1, "12a")),
        candle_case("decimal comma", changed(7, |row| row.replacen(",5", ",5,5", 1))),
        candle_case("empty cell", cell(4, "")),
        candle_case("huge price", cell(2, "1e300")),
        candle_case("time is text", cell(0, "yesterday")),
        candle_case("time far away", cell(0, "99")),
        candle_case("a row twice", file(&twice)),
        candle_case("unsorted", file(&swapped)),
        candle_case("ms and µs mixed", file(&micro)),
        candle_case("truncated row", changed(61, |row| row[..20].to_owned())),
        candle_case("not UTF-8 in a row", [good.as_bytes(), b"16099344000\xff,1,1,1,1,1\n"].concat()),
        candle_case("not UTF-8 in the header", [b"\xe9t\xe9,", good.as_bytes()].concat()),
        candle_case("UTF-16", b"\xff\xfeo\x00p\x00"),
        candle_case("binary", [b"\x7fELF\x00\x01".as_slice(), &[0; 64]].concat()),
        candle_case("gzip", b"\x1f\x8b\x08\x00\x00\x00\x00\x00"),
        candle_case("one candle and no interval in the name", "")
            .with("CANDLES_1h.csv", "")
            .renamed("one.csv", file(&rows()[..1])),
        candle_case("interval longer than the candles", good.clone()).and("--interval 4h"),
        candle_case("byte order mark works", format!("\u{feff}{good}")),
        candle_case("CRLF works", good.replace('\n', "\r\n")),
        candle_case("trailing comma works", good.replace('\n', ",\n")),
        candle_case("faulty rows with --repair work", cell(4, "NaN")).and("--repair"),
        candle_case("too faulty for --repair", file(&vec!["1,2".to_owned(); 5])).and("--repair"),
    ];
    insta::assert_snapshot!(table(&cases));
}

#[test]
fn scripts() {
    let cases = [
        case("missing", "nowhere.rhai --data BTCUSDT_1h.csv"),
        case("a name", "good --data BTCUSDT_1h.csv"),
        case("a strategy's name", "ours --data BTCUSDT_1h.csv").with("strategies/ours.rhai", "// empty\n"),
        case("directory", "folder --data BTCUSDT_1h.csv"),
        script_case("empty", ""),
        script_case("not UTF-8", b"fn on_candle(ctx, p) { /* \xff */ }"),
        script_case("only a comment", "// nothing yet\n"),
        script_case("on_candle with one argument", "fn on_candle(ctx) {}\n"),
        body_case("syntax error", "let x = = 3;"),
        body_case("missing brace", "if ctx.is_flat { ctx.exit();"),
        body_case("missing semicolon", "let x = 1\n    let y = 2;"),
        body_case("text without end", "ctx.log(\"hello);"),
        body_case("typo in a property of ctx", "if ctx.clsoe > 1.0 { ctx.exit(); }"),
        body_case("typo in a method", "ctx.enter_lnog(\"now\");"),
        body_case("typo in a function", "let x = crosed_above(ctx.close, 3.0);"),
        body_case("typo in a parameter", "let x = p.stop_los_pct;"),
        body_case("unknown variable", "if closee > 1.0 { ctx.exit(); }"),
        body_case("a constant of init in on_candle", "if close > 1.0 { ctx.exit(); }"),
        body_case("undeclared slot", "ctx.armed = true;"),
        body_case("assignment to a series of the candle", "ctx.close = 3.0;"),
        script_case(
            "assignment to an indicator",
            "fn init(p) { #{ mean: sma(close, 5) } }\nfn on_candle(ctx, p) {\n    ctx.mean = 3.0;\n}\n",
        ),
        script_case("assignment to a parameter", "fn on_candle(ctx, p) {\n    p.stop_loss_pct = 0.1;\n}\n"),
        script_case(
            "slot changes its type",
            "fn init(p) { #{ armed: false } }\nfn on_candle(ctx, p) {\n    ctx.armed = 3;\n}\n",
        ),
        script_case(
            "default out of range",
            "fn params() {\n    #{ period: int(1, 5, 100) }\n}\nfn on_candle(ctx, p) {}\n",
        ),
        script_case(
            "range upside down",
            "fn params() {\n    #{ period: int(5, 100, 2) }\n}\nfn on_candle(ctx, p) {}\n",
        ),
        script_case(
            "choice without its default",
            "fn params() {\n    #{ side: choice(\"a\", [\"b\", \"c\"]) }\n}\nfn on_candle(ctx, p) {}\n",
        ),
        script_case(
            "parameter as a plain number",
            "fn params() {\n    #{ period: 20 }\n}\nfn on_candle(ctx, p) {}\n",
        ),
        script_case(
            "base parameter out of range",
            "fn params() {\n    #{ stop_loss_pct: 2.0 }\n}\nfn on_candle(ctx, p) {}\n",
        ),
        script_case("params gives no map", "fn params() {\n    42\n}\nfn on_candle(ctx, p) {}\n"),
        init_case("init gives no map", "[sma(close, 5)]"),
        init_case("name of a built-in", "#{ close: sma(close, 5) }"),
        init_case("text as a slot", "#{ mood: \"fine\" }"),
        init_case("period of zero", "#{ mean: sma(close, 0) }"),
        init_case("negative period", "#{ mean: sma(close, -5) }"),
        init_case("huge period", "#{ mean: sma(close, 99999999) }"),
        init_case("float period", "#{ mean: sma(close, 5.5) }"),
        init_case("period and source swapped", "#{ mean: sma(5, close) }"),
        init_case("too many arguments", "#{ mean: sma(close, 5, 6) }"),
        init_case("too few arguments", "#{ mean: sma() }"),
        init_case("several outputs as a source", "#{ mean: sma(bollinger(close, 20, 2.0), 5) }"),
        init_case("wrong field", "#{ mean: sma(bollinger(close, 20, 2.0).uper, 5) }"),
        init_case("parameter that is not declared", "#{ mean: sma(close, p.perod) }"),
        body_case("endless loop", "loop { }"),
        script_case(
            "endless loop in a helper",
            "fn wait() {\n    while true { }\n}\n\nfn on_candle(ctx, p) {\n    wait();\n}\n",
        ),
        script_case(
            "deep recursion",
            "fn again(n) {\n    again(n + 1)\n}\n\nfn on_candle(ctx, p) {\n    again(0);\n}\n",
        ),
        body_case("huge array", "let a = [];\n    loop { a.push(1); }"),
        body_case("huge text", "let s = \"x\";\n    loop { s += s; }"),
        body_case("huge map", "let m = #{};\n    let i = 0;\n    loop { m[`k${i}`] = i; i += 1; }"),
        body_case("integer overflow", "let x = 9223372036854775807;\n    let y = x + 1;"),
        body_case("integer division by zero", "let zero = ctx.index - ctx.index;\n    let x = 7 / zero;"),
        body_case("throw", "throw \"not today\";"),
        body_case(
            "throw after an order",
            "ctx.enter_long(\"now\");\n    if ctx.index > 10 { throw \"enough\"; }",
        ),
        body_case("type error", "let x = ctx.close + \"a\";"),
        body_case("condition that is no bool", "if ctx.close { ctx.exit(); }"),
        body_case("index out of an array", "let a = [1, 2];\n    let x = a[5];"),
        body_case("candle to come", "let x = ctx.close[-1];"),
        body_case("index that is no number", "let x = ctx.close[\"a\"];"),
        body_case("float index", "let x = ctx.close[1.5];"),
        body_case("stop at nothing", "ctx.stop_at(());"),
        body_case("stop at infinity", "ctx.stop_at(1.0 / 0.0);"),
        body_case("stop at NaN", "ctx.target_at(ctx.close[9999]);"),
        body_case("negative size", "ctx.size_units(-1.0);"),
        body_case("text as a size", "ctx.size_quote(\"much\");"),
        body_case("stop of 100 %", "ctx.stop_pct(1.0);"),
        body_case("stop in percent", "ctx.trail_pct(5.0);"),
        body_case("reason that is no text", "ctx.enter_long(42);"),
        script_case(
            "entry in on_fill",
            "fn on_candle(ctx, p) {\n    if ctx.is_flat { ctx.enter_long(\"now\"); }\n}\n\nfn on_fill(ctx, p, fill) {\n    ctx.enter_short(\"more\");\n}\n",
        ),
        body_case("eval", "eval(\"1 + 1\");"),
        body_case("print", "print(\"hello\");"),
        body_case("debug", "debug(ctx.close);"),
        body_case("sleep", "sleep(1);"),
        body_case("timestamp", "let t = timestamp();"),
        body_case("rand", "let t = rand();"),
        script_case("import outside the folder", "import \"../secrets\" as s;\nfn on_candle(ctx, p) {}\n"),
        script_case("import of an absolute path", "import \"/etc/passwd\" as s;\nfn on_candle(ctx, p) {}\n"),
        script_case("import of a missing module", "import \"lib/nowhere\" as s;\nfn on_candle(ctx, p) {}\n"),
        script_case(
            "import of a broken module",
            "import \"broken\" as b;\nfn on_candle(ctx, p) {\n    b::x();\n}\n",
        )
        .with("broken.rhai", "fn x( {\n"),
        script_case(
            "error in an imported function",
            "import \"helper\" as h;\nfn on_candle(ctx, p) {\n    h::half(0);\n}\n",
        )
        .with("helper.rhai", "fn half(n) {\n    1 / n\n}\n"),
        script_case(
            "typo in an import",
            "import \"helper\" as h;\nfn on_candle(ctx, p) {\n    h::haf(2);\n}\n",
        )
        .with("helper.rhai", "fn half(n) {\n    n / 2\n}\n"),
        script_case(
            "variable outside of functions",
            "let count = 0;\nfn on_candle(ctx, p) {\n    count += 1;\n}\n",
        ),
    ];
    insta::assert_snapshot!(table(&cases));
}

#[test]
fn settings_and_flags() {
    let finer = file(&rows());
    let cases = [
        yaml_case("unknown key", "balance: 100\nblance: 100\n"),
        yaml_case("unknown key of the instrument", "instrument: { tick: 0.01 }\n"),
        yaml_case("wrong type", "balance: much\n"),
        yaml_case("allow_short is a text", "allow_short: maybe\n"),
        yaml_case("bad date", "start: 2021-13-45\n"),
        yaml_case("end before start", "start: 2021-01-05\nend: 2021-01-04\n"),
        yaml_case("bad size", "size: { percent: 5 }\n"),
        yaml_case("size of zero", "size: { equity_pct: 0 }\n"),
        yaml_case("negative balance", "balance: -5\n"),
        yaml_case("balance is not a number", "balance: .nan\n"),
        yaml_case("negative commission", "commission_bps: -1\n"),
        yaml_case("slippage of 100 %", "slippage_bps: 10000\n"),
        yaml_case("bad interval", "interval: hourly\n"),
        yaml_case("instrument negative", "instrument:\n  tick_size: 0.01\n  step_size: -0.1\n"),
        yaml_case("instrument is a text", "instrument: { min_qty: few }\n"),
        yaml_case("a list as a balance", "balance: [1, 2]\n"),
        yaml_case("broken YAML", "balance: 5\nparams: { period: 5\nstart: 2021-01-04\n"),
        yaml_case("tabs", "params:\n\tperiod: 5\n"),
        yaml_case("a list", "- balance\n- 5\n"),
        yaml_case("instrument is a number", "instrument: 5\n"),
        yaml_case("key twice", "balance: 5\nbalance: 6\n"),
        yaml_case("unknown parameter", "balance: 100\nparams:\n  perod: 5\n"),
        yaml_case("parameter out of range", "params:\n  period: 5000\n"),
        yaml_case("parameter of the wrong type", "params: { period: 5.5 }\n"),
        yaml_case("candles that are not there", "data: nowhere.csv\n").without_data(),
        flag_case("config is not there", "--config nowhere.yaml"),
        flag_case("config is a folder", "--config folder"),
        flag_case("parameter file is not there", "--params nowhere.yaml"),
        params_case("a list as parameter file", "- period\n- 5\n"),
        params_case("a text as parameter file", "period\n"),
        params_case(
            "unknown parameter in the file",
            "# best of 40\nparameters:\n    factor: 1.5\n    perod: 5\n",
        ),
        params_case("parameter with a list", "period: [5, 6]\n"),
        params_case("parameter out of range in the file", "factor: 1.5\nperiod: 1\n"),
        params_case(
            "hours without end",
            "apply_seasonality_filter: true\nallowed_trading_hours_utc: \"5-5\"\n",
        ),
        params_case("parameters are no map", "parameters: 5\n"),
        set_case("--set of an unknown name", "perod=5"),
        set_case("--set of a name like nothing", "zzz=5"),
        set_case("--set out of range", "period=1"),
        set_case("--set of the wrong type", "period=many"),
        set_case("--set of a float where a whole number belongs", "period=5.5"),
        set_case("--set of a flag", "loud=maybe"),
        set_case("--set of a choice", "side=both"),
        set_case("--set without =", "period"),
        set_case("--set without a name", "=5"),
        set_case("--set of a limit below zero", "max_daily_loss=-5"),
        set_case("--set of a stop of 100 %", "stop_loss_pct=1"),
        set_case("--set of NaN", "factor=NaN"),
        flag_case("unknown flag", "--blance 100"),
        flag_case("flag without value", "--balance"),
        flag_case("balance of zero", "--balance 0"),
        flag_case("balance below zero", "--balance=-5"),
        flag_case("balance is infinite", "--balance inf"),
        flag_case("balance is huge", "--balance 1e300"),
        flag_case("commission of 100 %", "--commission-bps 10000"),
        flag_case("slippage below zero", "--slippage-bps=-3"),
        flag_case("size of an unknown kind", "--size lots=3"),
        flag_case("size below zero", "--size units=-3"),
        flag_case("bad date", "--start yesterday"),
        flag_case("end before start", "--start 2021-01-05 --end 2021-01-04"),
        flag_case("nothing between start and end", "--start 2024-01-01"),
        flag_case("bad interval", "--interval 1x"),
        flag_case("conflicting flags", "--no-report --report other.html"),
        flag_case("watch and json", "--watch --json"),
        flag_case("report is a folder", "--report folder"),
        flag_case("trades is a folder", "--trades folder"),
        flag_case("equity below a file", "--equity good.rhai/equity.csv"),
        flag_case("trades and equity in one file", "--trades one.csv --equity one.csv"),
        flag_case("report over the script", "--report good.rhai"),
        flag_case("trades over the candles", "--trades BTCUSDT_1h.csv"),
        flag_case("trades over the config", "--config run.yaml --trades run.yaml")
            .with("run.yaml", "balance: 5\n"),
        flag_case("detail is not there", "--detail nowhere.csv"),
        flag_case("detail is not finer", "--detail other_1h.csv").with("other_1h.csv", finer),
        flag_case("a word too many", "other.rhai"),
        case("no script", "--data BTCUSDT_1h.csv"),
    ];
    insta::assert_snapshot!(table(&cases));
}

impl Case {
    fn and(mut self, flags: &str) -> Case {
        self.arguments.extend(flags.split(' ').map(str::to_owned));
        self
    }

    /// Another candle file instead of the case's own.
    fn renamed(mut self, name: &'static str, bytes: String) -> Case {
        self.files = vec![(name, bytes.into_bytes())];
        let place = self.arguments.iter().position(|argument| argument == "--data").unwrap();
        self.arguments[place + 1] = name.to_owned();
        self
    }

    fn without_data(mut self) -> Case {
        let place = self.arguments.iter().position(|argument| argument == "--data").unwrap();
        self.arguments.drain(place..place + 2);
        self
    }
}

#[test]
fn a_call_that_throws_changes_neither_orders_nor_state() {
    let source = r#"fn init(p) { #{ count: 0, armed: false } }
fn on_candle(ctx, p) {
    ctx.count = ctx.count + 1;
    ctx.armed = true;
    ctx.enter_long("now");
    ctx.size_units(2.0);
    ctx.stop_at(ctx.close * 0.9);
    ctx.log("so far");
    if ctx.index == 2 { throw "half-way"; }
    ctx.armed = false;
}
"#;
    let mut script = Script::compile("throws.rhai", source, Path::new(".")).unwrap();
    let candle = |row: i64| Candle {
        open_time: START + row * HOUR_MS,
        close_time: START + (row + 1) * HOUR_MS - 1,
        open: 100.0,
        high: 100.0,
        low: 100.0,
        close: 100.0,
        volume: 1.0,
    };
    let candles: Arc<Candles> = Arc::new((0..5).map(candle).collect());
    let settings = Settings::default();
    let data = script.data(&settings.rules, &ColumnCache::new(candles.clone()));
    let slots = |script: &Script| -> Vec<String> {
        script.declared().iter().map(|(name, declared)| format!("{name} {declared:?}")).collect()
    };
    let moment = |row| Moment {
        row,
        index: row,
        position: None,
        equity: 10_000.0,
        cash: 10_000.0,
        allow_short: false,
        standing: Standing::default(),
    };
    let call = |script: &mut Script, row| {
        let mut intents = Intents::default();
        let result = script.on_candle(&data, &moment(row), &mut intents);
        (result, intents)
    };
    for row in 0..2 {
        let (result, intents) = call(&mut script, row);
        assert!(result.is_ok() && intents.entry.is_some() && intents.levels.stop_price == Some(90.0));
    }
    let before = slots(&script);
    assert_eq!(before, ["count Slot(Int(2))", "armed Slot(Bool(false))"]);
    let (result, intents) = call(&mut script, 2);
    let message = result.unwrap_err().message;
    assert!(message.contains("half-way") && message.contains("throws.rhai:9"), "{message}");
    assert_eq!(intents, Intents::default(), "what it asked for is gone");
    assert_eq!(slots(&script), before, "what it wrote is gone");
    // And the next call works, from the state before.
    let (result, intents) = call(&mut script, 3);
    assert!(result.is_ok() && intents.entry.is_some());
    assert_eq!(slots(&script)[0], "count Slot(Int(3))");
}
