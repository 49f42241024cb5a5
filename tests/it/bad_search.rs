//! What `mista optimize`, `forward-test` and `verify` say to input they cannot use, in the manner of
//! `bad_input`: every case is one run of the real binary in a folder of its own, with everything it said in a
//! snapshot. A run that fails leaves every file as it was and none behind; what it leaves all the same is said.

use crate::playground::{GOOD, Playground, listing, waves};
use std::collections::BTreeMap;
use std::sync::OnceLock;

const DATA: &str = "--data BTCUSDT_1h.csv --grid grid.yaml";

/// What every case finds in its folder: inputs that can be used, shards and results made of them.
fn prepared() -> &'static BTreeMap<String, Vec<u8>> {
    static PREPARED: OnceLock<BTreeMap<String, Vec<u8>>> = OnceLock::new();
    PREPARED.get_or_init(|| {
        let play = Playground::good();
        play.mista(&format!("optimize good.rhai {DATA} --end 2021-01-10 --out made --quiet")).ok();
        let best = play.read(&play.one("made", ".yaml"));
        let run = play.mista("run good.rhai --data BTCUSDT_1h.csv --json --no-report").ok().out;
        for shard in ["1/3", "2/3", "3/3", "1/2"] {
            play.mista(&format!("optimize good.rhai {DATA} --shard {shard} --out made --quiet")).ok();
        }
        let shards = listing(&play.path("made/shards"));
        let named = shards.into_iter().map(|(name, bytes)| (name.replace("good_BTCUSDT_1h_", "s"), bytes));
        let texts = [
            ("good.rhai", GOOD.to_owned()),
            ("BTCUSDT_1h.csv", waves(240)),
            ("grid.yaml", play.read("grid.yaml")),
            ("best.yaml", best),
            ("run.json", run),
        ];
        let texts = texts.into_iter().map(|(name, text)| (name.to_owned(), text.into_bytes()));
        named.chain(texts).chain([("folder/inside".to_owned(), Vec::new())]).collect()
    })
}

fn text(name: &str) -> String {
    String::from_utf8(prepared()[name].clone()).unwrap()
}

struct Case {
    name: &'static str,
    arguments: String,
    files: Vec<(&'static str, Vec<u8>)>,
    gone: Vec<&'static str>,
}

fn case(name: &'static str, arguments: &str) -> Case {
    Case { name, arguments: arguments.to_owned(), files: Vec::new(), gone: Vec::new() }
}

/// A grid, below the name of the script.
fn grid_case(name: &'static str, grid: &str) -> Case {
    let grid = if grid.starts_with("good") { grid.to_owned() } else { format!("good:\n{grid}\n") };
    case(name, &format!("optimize good.rhai {DATA}")).with("grid.yaml", grid)
}

fn flag_case(name: &'static str, flags: &str) -> Case {
    case(name, &format!("optimize good.rhai {DATA} {flags}"))
}

/// The trials of `--shard 1/1` are those of a search that was killed.
fn resume_case(name: &'static str, flags: &str) -> Case {
    flag_case(name, &format!("--shard 2/3 --out . --resume {flags}"))
        .with("shards/good_BTCUSDT_1h_2of3.trials", text("s2of3.trials"))
}

fn merge_case(name: &'static str, shards: &str) -> Case {
    case(name, &format!("optimize merge {shards}"))
}

fn forward_case(name: &'static str, arguments: &str) -> Case {
    case(name, &format!("forward-test {arguments}"))
}

fn verify_case(name: &'static str, file: &'static str, bytes: impl Into<Vec<u8>>) -> Case {
    case(name, &format!("verify {file}")).with(file, bytes)
}

impl Case {
    fn with(mut self, name: &'static str, bytes: impl Into<Vec<u8>>) -> Case {
        self.files.push((name, bytes.into()));
        self
    }

    fn without(mut self, name: &'static str) -> Case {
        self.gone.push(name);
        self
    }

    fn run(&self) -> String {
        let play = Playground::new();
        prepared().iter().for_each(|(name, bytes)| play.write(name, bytes));
        self.files.iter().for_each(|(name, bytes)| play.write(name, bytes));
        for name in &self.gone {
            std::fs::remove_file(play.path(name)).unwrap();
        }
        let before = play.files(".");
        let said = play.mista(&self.arguments);
        let after = play.files(".");
        let name = self.name;
        assert!(said.exit != 0 && !said.err.trim().is_empty(), "{name}: {said:?}");
        let left: Vec<&String> = after
            .iter()
            .filter(|(name, bytes)| before.get(*name) != Some(bytes))
            .map(|(name, _)| name)
            .collect();
        assert!(before.keys().all(|file| after.contains_key(file)), "{name}: a file is gone");
        let folder = play.path("").display().to_string();
        assert!(
            !said.err.contains(folder.trim_end_matches('/')),
            "{name}: names the folder it was started in"
        );
        let mut text = format!("## {name}\n$ mista {}\nexit {}\n", self.arguments, said.exit);
        if !left.is_empty() {
            text += &format!("left: {left:?}\n");
        }
        let lines = |text: &str| text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n");
        if !said.out.is_empty() {
            text += &format!("{}\n", lines(&said.out));
        }
        format!("{text}{}\n", without_times(&lines(&said.err)))
    }
}

/// How long a search will take depends on the machine.
fn without_times(text: &str) -> String {
    match text.split_once(" in all, about ").and_then(|(a, b)| Some((a, b.split_once(" on ")?.1))) {
        Some((before, after)) => format!("{before} in all, about [time] on {after}"),
        None => text.to_owned(),
    }
}

fn table(cases: &[Case]) -> String {
    cases.iter().map(Case::run).collect::<Vec<_>>().join("\n")
}

#[test]
fn grids() {
    let cases = [
        flag_case("grid is not there", "--grid nowhere.yaml").once(),
        case("no grid where it is looked for", "optimize good.rhai --data BTCUSDT_1h.csv"),
        flag_case("grid is a folder", "--grid folder").once(),
        flag_case("grid is a candle file", "--grid BTCUSDT_1h.csv").once(),
        grid_case("grid is not UTF-8", "good").with("grid.yaml", b"good:\n  period: [\xff]\n"),
        grid_case("broken YAML", "  period: [3, 5\n  factor: [1.0]"),
        grid_case("tab", "\tperiod: [3, 5]"),
        grid_case("grid is a list", "good").with("grid.yaml", "- good\n"),
        grid_case("empty grid file", "good").with("grid.yaml", "# nothing\n"),
        grid_case("strategy with a typo", "goods:\n  period: [3, 5]\n"),
        grid_case("strategy like none", "good").with("grid.yaml", "breakout:\n  entry_period: [3, 5]\n"),
        grid_case("strategy is a list", "good: [3, 5]\n"),
        grid_case("strategy is nothing", "good:\n"),
        grid_case("constraints only", "  constraints: [\"period > 3\"]"),
        grid_case("empty list", "  factor: [1.0]\n  period: []"),
        grid_case("list in a list", "  period: [[3, 5]]"),
        grid_case("map in a list", "  period: [{ from: 3 }]"),
        grid_case("range without step", "  period: { from: 3, to: 5 }"),
        grid_case("step of 0", "  period: { from: 3, to: 5, step: 0 }"),
        grid_case("step below 0", "  period: { from: 5, to: 3, step: -1 }"),
        grid_case("range upside down", "  period: { from: 5, to: 3, step: 1 }"),
        grid_case("range of texts", "  period: { from: few, to: many, step: some }"),
        grid_case("range with another key", "  period: { from: 3, to: 5, by: 1 }"),
        grid_case("range of too many values", "  factor: { from: 0, to: 1, step: 0.000001 }"),
        grid_case("value twice", "  period: [3, 5, 3]"),
        grid_case("value twice as another number", "  factor: [1, 0.5, 1.0]"),
        grid_case("null and 0", "  stop_loss_pct: [null, 0.0]"),
        grid_case("parameter twice", "  period: [3]\n  factor: [1]\n  period: [5]"),
        grid_case("parameter with a typo", "  factor: [1.0]\n  perod: [3, 5]"),
        grid_case("parameter like none", "  zzz: [3, 5]"),
        grid_case("value out of range", "  factor: [1.0]\n  period: [3, 50]"),
        grid_case("value of another kind", "  period: [3, 5.5]"),
        grid_case("text for a number", "  period: [3, many]"),
        grid_case("no such choice", "  side: [long, both]"),
        grid_case("null for what cannot be off", "  period: [null, 5]"),
        grid_case("percent for a fraction", "  stop_loss_pct: [2, 5]"),
        grid_case("infinity", "  factor: [.inf]"),
        grid_case("constraint with a typo", "  period: [3, 5]\n  constraints: [\"perod < 5\"]"),
        grid_case("constraint on nothing", "  period: [3, 5]\n  constraints: [\"zzz < 5\"]"),
        grid_case("constraint without end", "  period: [3, 5]\n  constraints: [\"period <\"]"),
        grid_case("constraint in Python", "  period: [3, 5]\n  constraints: [\"period > 2 and period < 9\"]"),
        grid_case("constraint that says nothing", "  period: [3, 5]\n  constraints: [\"period\"]"),
        grid_case("assignment as a constraint", "  period: [3, 5]\n  constraints: [\"period = 5\"]"),
        grid_case("number against text", "  period: [3, 5]\n  constraints: [\"side < 5\"]"),
        grid_case("constraint that does not end", "  period: [3, 5]\n  constraints: [\"loop {}\"]"),
        grid_case("constraint that is a text", "  period: [3, 5]\n  constraints: period < 5"),
        grid_case(
            "constraint that fails later",
            "  period: [3, 5]\n  constraints: [\"period < 4 || perod > 3\"]",
        ),
        grid_case("constraints exclude all", "  period: [3, 5]\n  constraints: [\"period > 3\", \"period < 5\"]"),
        grid_case(
            "more than ten million",
            "  factor: { from: 0, to: 2, step: 0.0001 }\n  take_profit_pct: { from: 0, to: 0.5, step: 0.001 }",
        )
        .and("--yes"),
        grid_case(
            "more than can be counted",
            "  factor: &many { from: 0, to: 0.9, step: 0.00001 }\n  stop_loss_pct: *many\n  take_profit_pct: *many\n  trailing_stop_loss_pct: *many",
        ),
        grid_case(
            "random, of more than can be counted",
            "  factor: &many { from: 0, to: 0.9, step: 0.00001 }\n  stop_loss_pct: *many\n  take_profit_pct: *many\n  trailing_stop_loss_pct: *many",
        )
        .and("--search random"),
        grid_case(
            "nobody is there to be asked",
            "  period: { from: 2, to: 20, step: 1 }\n  factor: { from: 0, to: 2, step: 0.01 }\n  stop_loss_pct: { from: 0, to: 0.9, step: 0.0004 }",
        )
        .and("--threads 2"),
        grid_case(
            "more samples than are drawn",
            "  factor: { from: 0, to: 2, step: 0.0001 }\n  take_profit_pct: { from: 0, to: 0.5, step: 0.001 }",
        )
        .and("--search random --samples 10000001"),
        grid_case(
            "samples that no constraint keeps",
            "  factor: { from: 0, to: 2, step: 0.0001 }\n  take_profit_pct: { from: 0, to: 0.5, step: 0.001 }\n  constraints: [\"factor > 3\"]",
        )
        .and("--search random --samples 10"),
        grid_case("value out of range on the command line", "  factor: [1.0]").and("--set period=50"),
    ];
    insta::assert_snapshot!(table(&cases));
}

#[test]
fn flags() {
    let throws = "fn params() { #{ period: int(5, 2, 20) } }\nfn on_candle(ctx, p) { throw \"never\"; }\n";
    let all = |name, flags: &str| {
        case(name, &format!("optimize --all --quiet {flags}"))
            .with("strategies/good.rhai", GOOD)
            .with("data/1h/BTCUSDT_1h.csv", waves(240))
            .with("config/optimize_params.yaml", "good: { period: [3] }\nmissing: { period: [3] }\n")
    };
    let cases = [
        flag_case("metric with a typo", "--metric sharp_ratio"),
        flag_case("alias with a typo", "--metric winrate"),
        flag_case("metric like none", "--metric beauty"),
        flag_case("no samples", "--search random --samples 0"),
        flag_case("another search", "--search genetic"),
        flag_case("seed is no number", "--search random --seed x"),
        flag_case("no windows", "--walk-forward 0"),
        flag_case("windows are no number", "--walk-forward few"),
        flag_case("too many windows", "--walk-forward 20"),
        flag_case("far too many windows", "--walk-forward 18446744073709551615"),
        flag_case("anchored alone", "--anchored"),
        flag_case("samples alone", "--samples 5"),
        flag_case("samples of a grid", "--search grid --samples 5"),
        flag_case("seed alone", "--seed 0"),
        flag_case("shard 0", "--shard 0/3"),
        flag_case("shard beyond the last", "--shard 4/3"),
        flag_case("shard is no shard", "--shard x"),
        flag_case("shard of too many", "--shard 1/18446744073709551615"),
        flag_case("no threads", "--threads 0"),
        flag_case("fewer trades than none", "--min-trades=-1"),
        case("no script", "optimize"),
        case("script is not there", &format!("optimize nowhere.rhai {DATA}")),
        case("script is a folder", &format!("optimize folder {DATA}")),
        case("script that does not load", &format!("optimize good.rhai {DATA}"))
            .with("good.rhai", "fn on_candle(ctx, p) { ctx.clsoe }\n"),
        case("candles are not there", "optimize good.rhai --data nowhere.csv --grid grid.yaml"),
        case("candles that cannot be used", &format!("optimize good.rhai {DATA}"))
            .with("BTCUSDT_1h.csv", waves(240).replace(",5\n", ",-5\n")),
        flag_case("nothing between start and end", "--start 2024-01-01"),
        flag_case("end before start", "--start 2021-01-09 --end 2021-01-08"),
        flag_case("unknown parameter", "--set perod=5"),
        flag_case("results in a file", "--out grid.yaml"),
        flag_case("results below a file", "--out grid.yaml/results"),
        flag_case("a folder where the best go", "--out .")
            .with("sharpe_ratio_best_params_good_BTCUSDT_1h.yaml/inside", ""),
        flag_case("a folder where the trials go", "--out .").with("good_BTCUSDT_1h.trials/inside", ""),
        flag_case("a file where the reports go", "--out .").with("reports", "mine"),
        flag_case("a file where the details go", "--out . --save-details").with("details", "mine"),
        flag_case(
            "best over the parameters they start from",
            "--out . --params sharpe_ratio_best_params_good_BTCUSDT_1h.yaml",
        )
        .with("sharpe_ratio_best_params_good_BTCUSDT_1h.yaml", "period: 3\n"),
        case("every trial fails", &format!("optimize good.rhai {DATA}"))
            .with("good.rhai", throws)
            .with("grid.yaml", "good: { period: [3, 5] }\n"),
        case("script and --all", "optimize good.rhai --all"),
        case("--all with --data", "optimize --all --data BTCUSDT_1h.csv"),
        case("--all with --shard", "optimize --all --shard 1/2"),
        case("--strategies without --all", &format!("optimize good.rhai {DATA} --strategies good")),
        case("--all without a grid", "optimize --all"),
        case("--all without candles", "optimize --all --grid grid.yaml"),
        all("--all without candles of the interval", "--interval 4h"),
        all("--all with a strategy that is not there", "--strategies good,missing,godo"),
        all("--all with a symbol that is not there", "--symbols BTCUSDT,NOUSDT --strategies good"),
        all("--all with a bad interval", "--interval 1x"),
        all("--all with a metric that is not there", "--metric x"),
        resume_case("resumed with another grid", "").with("grid.yaml", "good: { period: [3, 5] }\n"),
        resume_case("resumed with another constraint", "")
            .with("grid.yaml", text("grid.yaml") + "  constraints: [\"period < 9\"]\n"),
        resume_case("resumed with another script", "").with("good.rhai", format!("{GOOD}// more\n")),
        resume_case("resumed with other candles", "").with("BTCUSDT_1h.csv", waves(241)),
        resume_case("resumed with another period", "--start 2021-01-05"),
        resume_case("resumed with another search", "--search random"),
        resume_case("resumed with windows", "--walk-forward 1"),
        resume_case("resumed with other costs", "--slippage-bps 1"),
        resume_case("resumed with another value", "--set loud=true"),
        resume_case("resumed with another metric", "--metric win_rate"),
        resume_case("resumed with another number of trades", "--min-trades 9"),
        resume_case("resumed from something else", "")
            .with("shards/good_BTCUSDT_1h_2of3.trials", "not\nthis\n"),
        resume_case("resumed from another shard", "")
            .with("shards/good_BTCUSDT_1h_2of3.trials", text("s1of3.trials")),
        resume_case("resumed from another version", "").with(
            "shards/good_BTCUSDT_1h_2of3.trials",
            text("s2of3.trials").replace("\"version\":\"", "\"version\":\"0.0."),
        ),
        resume_case("resumed from another format", "").with(
            "shards/good_BTCUSDT_1h_2of3.trials",
            text("s2of3.trials").replace("\"trials_format\":1", "\"trials_format\":2"),
        ),
    ];
    insta::assert_snapshot!(table(&cases));
}

#[test]
fn shards() {
    let (first, second) = (text("s1of3.trials"), text("s2of3.trials"));
    let all = "s1of3.trials s2of3.trials s3of3.trials";
    let lines: Vec<&str> = second.split_inclusive('\n').collect();
    let cases = [
        merge_case("no shard", "").trimmed(),
        merge_case("shard is not there", "s1of3.trials nowhere.trials"),
        merge_case("shard is a folder", "folder"),
        merge_case("shard is a text", "grid.yaml"),
        merge_case("shard is empty", "empty.trials").with("empty.trials", ""),
        merge_case("shard is binary", "binary.trials").with("binary.trials", b"\x7fELF\x00\xff\xfe"),
        merge_case("head cannot be read", "bad.trials").with("bad.trials", first.replacen('}', ",", 1)),
        merge_case("one of three", "s2of3.trials"),
        merge_case("two of three", "s3of3.trials s1of3.trials"),
        merge_case("one twice", "s1of3.trials s2of3.trials s2of3.trials"),
        merge_case("one twice and one missing", "s1of3.trials s1of3.trials s2of3.trials"),
        merge_case("of two and of three", "s1of3.trials s1of2.trials s2of3.trials s3of3.trials"),
        merge_case("of another script", all)
            .with("s2of3.trials", second.replace("\"script_sha256\":\"", "\"script_sha256\":\"0")),
        merge_case("of other candles", all)
            .with("s3of3.trials", text("s3of3.trials").replace("\"data_sha256\":\"", "\"data_sha256\":\"0")),
        merge_case("of another period", all)
            .with("s2of3.trials", second.replace("\"end\":\"2021", "\"end\":\"2022")),
        merge_case("of another grid", all).with("s2of3.trials", second.replace("[3,5,7]", "[3,5,8]")),
        merge_case("of another search", all).with(
            "s2of3.trials",
            second.replace("\"search\":\"grid\"", "\"search\":{\"random\":{\"samples\":3,\"seed\":0}}"),
        ),
        merge_case("of another metric", all)
            .with("s2of3.trials", second.replace("\"metric\":\"sharpe_ratio\"", "\"metric\":\"win_rate\"")),
        merge_case("of an unknown metric", all)
            .with("s2of3.trials", second.replace("\"metric\":\"sharpe_ratio\"", "\"metric\":\"beauty\"")),
        merge_case("of other costs", all)
            .with("s2of3.trials", second.replace("\"slippage_bps\":0.0", "\"slippage_bps\":1.0")),
        merge_case("with the candles elsewhere", all)
            .with("s2of3.trials", second.replace("\"data\":\"", "\"data\":\"there/")),
        merge_case("with the script elsewhere", all)
            .with("s2of3.trials", second.replace("\"script\":\"", "\"script\":\"there/")),
        merge_case("of another version", all)
            .with("s2of3.trials", second.replace("\"version\":\"", "\"version\":\"0.0.")),
        merge_case("one ends early", all).with("s2of3.trials", lines[..4].concat()),
        merge_case("one has no trial", all).with("s2of3.trials", lines[..2].concat()),
        merge_case("one is cut within its head", all).with("s2of3.trials", lines[0]),
        merge_case("one is cut within a row", all).with("s2of3.trials", &second[..second.len() - 9]),
        merge_case("a row is gone", all).with("s2of3.trials", [&lines[..3], &lines[4..]].concat().concat()),
        merge_case("a number is a word", all)
            .with("s2of3.trials", second.replacen(",1e4,", ",ten thousand,", 1)),
        merge_case("a row more", all).with("s2of3.trials", format!("{second}{}", lines[4])),
        merge_case("the best is too good", all).with("s2of3.trials", second.replacen(",-", ",", 400)),
        merge_case("the script has changed since", all).with("good.rhai", format!("{GOOD}// more\n")),
        merge_case("the candles have changed since", all).with("BTCUSDT_1h.csv", waves(241)),
        merge_case("the script is gone", all).without("good.rhai"),
        merge_case("the candles are gone", all).without("BTCUSDT_1h.csv"),
        merge_case("results below a file", &format!("{all} --out grid.yaml/x")),
        merge_case("a folder where the details go", &format!("{all} --out . --save-details"))
            .with("details/sharpe_ratio_good_BTCUSDT_1h.csv/inside", ""),
        merge_case("a flag of the search", &format!("{all} --metric win_rate")),
    ];
    insta::assert_snapshot!(table(&cases));
}

#[test]
fn forward_tests() {
    let best = text("best.yaml");
    let cases = [
        forward_case("no file", "").trimmed(),
        forward_case("file is not there", "nowhere.yaml"),
        forward_case("file is a folder", "folder"),
        forward_case("file is a script", "good.rhai"),
        forward_case("file is a grid", "grid.yaml"),
        forward_case("file is empty", "empty.yaml").with("empty.yaml", ""),
        forward_case("file is not UTF-8", "bad.yaml").with("bad.yaml", b"\xff\xfe\n"),
        forward_case("parameters by hand", "mine.yaml").with("mine.yaml", "period: 3\n"),
        forward_case("one digit edited", "best.yaml")
            .with("best.yaml", best.replacen("period: ", "period: 1", 1)),
        forward_case("a comment added", "best.yaml").with("best.yaml", format!("# mine\n{best}")),
        forward_case("line ends of Windows", "best.yaml").with("best.yaml", best.replace('\n', "\r\n")),
        forward_case("checksum edited", "best.yaml")
            .with("best.yaml", best.replace("checksum: ", "checksum: 0")),
        forward_case("cut in the middle", "best.yaml").with("best.yaml", &best[..best.len() / 2]),
        forward_case("start within the training", "best.yaml --start 2021-01-09"),
        forward_case("start after all candles", "best.yaml --start 2022-01-01"),
        forward_case("end before the start", "best.yaml --end 2021-01-09"),
        forward_case("bad date", "best.yaml --start tomorrow"),
        forward_case("script has changed", "best.yaml").with("good.rhai", format!("{GOOD}// more\n")),
        forward_case("script of another strategy", "best.yaml --script other.rhai").with("other.rhai", GOOD),
        forward_case("script is gone", "best.yaml").without("good.rhai"),
        forward_case("script does not load any more", "best.yaml --allow-changed")
            .with("good.rhai", "fn on_candle(ctx, p) { ctx.clsoe }\n"),
        forward_case("parameter is gone from the script", "best.yaml --allow-changed")
            .with("good.rhai", "fn on_candle(ctx, p) {}\n"),
        forward_case("candles have changed", "best.yaml")
            .with("BTCUSDT_1h.csv", waves(240).replacen(",5\n", ",6\n", 1)),
        forward_case("candles of another symbol", "best.yaml --data ETHUSDT_1h.csv")
            .with("ETHUSDT_1h.csv", waves(240)),
        forward_case("candles of another interval", "best.yaml --data BTCUSDT_5m.csv").with(
            "BTCUSDT_5m.csv",
            "open_time,open,high,low,close,volume\n1610236800000,1,1,1,1,1\n1610237100000,1,1,1,1,1\n",
        ),
        forward_case("candles are gone", "best.yaml").without("BTCUSDT_1h.csv"),
        forward_case("no later candles", "best.yaml").with("BTCUSDT_1h.csv", waves(144)),
        forward_case("--all and a file", "best.yaml --all"),
        forward_case("--all without any", "--all"),
        forward_case("--all with one that is edited", "--all --quiet")
            .with("config/x_best_params_good.yaml", best.replacen("period: ", "period: 1", 1)),
        forward_case("results in a file", "best.yaml --out grid.yaml"),
        forward_case("a folder where the trades go", "best.yaml --out .")
            .with("trades/sharpe_ratio_good_BTCUSDT_1h.csv/inside", ""),
        forward_case("another flag", "best.yaml --balance 5"),
    ];
    insta::assert_snapshot!(table(&cases));
}

#[test]
fn results_to_verify() {
    let run = text("run.json");
    let cases = [
        case("no file", "verify"),
        case("file is not there", "verify nowhere.json"),
        case("file is a folder", "verify folder"),
        case("file is a script", "verify good.rhai"),
        case("file is a grid", "verify grid.yaml"),
        case("file is a candle file", "verify BTCUSDT_1h.csv"),
        case("file is a shard", "verify s1of3.trials"),
        verify_case("file is empty", "empty.json", ""),
        verify_case("file is binary", "binary.json", b"\x7fELF\xff\xfe"),
        verify_case("JSON without end", "cut.json", run.split_once("\"tier\"").unwrap().0),
        verify_case("JSON of something else", "other.json", "{\"a\": 1}"),
        verify_case("JSON is a list", "list.json", format!("[{run}]")),
        verify_case("JSON of a batch", "batch.json", format!("{{\"results\": [{run}], \"failed\": []}}")),
        verify_case("page without a capsule", "page.html", "<html><body>final_balance</body></html>"),
        verify_case("page with half a capsule", "page.html", "<script id=\"capsule\">{\"a\": </script>"),
        verify_case("no balance to start with", "less.json", run.replace("\"balance\"", "\"blance\"")),
        verify_case("a size of no kind", "size.json", run.replace("equity_pct=95", "lots=3")),
        verify_case(
            "a start that is no date",
            "start.json",
            run.replace("\"start\": \"2021", "\"start\": \"soon"),
        ),
        verify_case("a parameter that is not there", "more.json", run.replace("\"period\"", "\"perod\"")),
        verify_case(
            "a parameter out of range",
            "range.json",
            run.replace("\"period\": 5", "\"period\": 500"),
        ),
        verify_case("script has changed", "run.json", run.clone())
            .with("good.rhai", format!("{GOOD}// more\n")),
        verify_case("script is gone", "run.json", run.clone()).without("good.rhai"),
        verify_case("candles have changed", "run.json", run.clone()).with("BTCUSDT_1h.csv", waves(239)),
        verify_case("candles are gone", "run.json", run.clone()).without("BTCUSDT_1h.csv"),
        verify_case(
            "best parameters edited",
            "best.yaml",
            text("best.yaml").replace("  failed: 0", "  failed: 1"),
        ),
        case("another flag", "verify run.json --quiet"),
    ];
    insta::assert_snapshot!(table(&cases));
}

impl Case {
    fn and(mut self, flags: &str) -> Case {
        self.arguments += &format!(" {flags}");
        self
    }

    fn trimmed(mut self) -> Case {
        self.arguments = self.arguments.trim_end().to_owned();
        self
    }

    /// The last `--grid` only.
    fn once(mut self) -> Case {
        self.arguments = self.arguments.replacen(" --grid grid.yaml", "", 1);
        self
    }
}
