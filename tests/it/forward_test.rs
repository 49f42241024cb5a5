//! `mista forward-test`: on later candles only, with the very script and candles it was optimized with, and
//! with the result that a plain run of the same parameters gives.

use crate::playground::{Playground, hours, same};
use std::fs;

const GRID: &str = "bollinger_reversion:
  bb_period: [20, 30]
  bb_std: [1.5, 2.0]
  stop_loss_pct: [null, 0.02]
breakout:
  entry_period: [20, 40]
";

/// Settings that are not the default ones; they are those of the test too.
const SETTINGS: &str =
    "--slippage-bps 3 --allow-short --balance 5000 --size equity_pct=50 --commission-bps 7.5";

const BEST: &str = "out/sharpe_ratio_best_params_bollinger_reversion_BTCUSDT_1h.yaml";

/// Optimized until `end`; the candles go on until 2020-03-11 19:00.
fn trained(end: &str) -> Playground {
    let play = Playground::bundled("bollinger_reversion", 20_000..22_400).with("grid.yaml", GRID);
    play.mista(&format!(
        "optimize bollinger_reversion.rhai --data BTCUSDT_1h.csv --grid grid.yaml --start 2019-12-20 --end {end} \
         {SETTINGS} --out out --quiet"
    ))
    .ok();
    play
}

/// Runs it and fails as it should, without a file more or less.
#[track_caller]
fn refused(play: &Playground, arguments: &str, exit: i32, words: &str) {
    let before = play.files(".");
    play.mista(&format!("forward-test {arguments}")).failed(exit, words);
    same(arguments, &before, &play.files("."));
}

#[test]
fn it_begins_the_day_after_its_training_and_gives_what_a_plain_run_gives() {
    for (end, last, start) in
        [("2020-02-01", "2020-01-31", "2020-02-01"), ("2020-02-01T15:00", "2020-02-01", "2020-02-02")]
    {
        let play = trained(end);
        let json = play.mista(&format!("forward-test {BEST} --json --out forward")).ok().json();
        assert_eq!(json["start"], format!("{start}T00:00:00Z"));
        assert_eq!(json["files"]["trades"], "forward/trades/sharpe_ratio_bollinger_reversion_BTCUSDT_1h.csv");
        let stem = "sharpe_ratio_bollinger_reversion_BTCUSDT_1h";
        let files: Vec<String> =
            play.files("forward").into_keys().filter(|name| !name.ends_with('/')).collect();
        let expected = ["equity", "reports", "trades"]
            .map(|folder| format!("{folder}/{stem}.{}", if folder == "reports" { "html" } else { "csv" }));
        assert_eq!(files, expected);

        let run = format!(
            "run bollinger_reversion.rhai --data BTCUSDT_1h.csv --params {BEST} --start {start} {SETTINGS} \
             --json --no-report --trades trades.csv --equity equity.csv"
        );
        let plain = play.mista(&run).ok().json();
        assert!(plain["trades_total"].as_u64().unwrap() > 5);
        for key in [
            "trades_digest",
            "equity_sha256",
            "parameters",
            "final_balance",
            "exits",
            "script_sha256",
            "candles",
        ] {
            assert_eq!(plain[key], json[key], "{key}");
        }
        assert_eq!(play.read("trades.csv"), play.read(&format!("forward/trades/{stem}.csv")));
        assert_eq!(play.read("equity.csv"), play.read(&format!("forward/equity/{stem}.csv")));

        let page = play.read(&format!("forward/reports/{stem}.html"));
        for word in ["bollinger_reversion", last, "2020-03-11"] {
            assert!(page.contains(word), "{word}");
        }
        // What was promised is what the training found, and is not what was delivered.
        let found = play.mista(&format!("verify {BEST}")).ok();
        assert!(found.out.starts_with("equal"), "{}", found.out);
        let promised = json["promised"]["sharpe_ratio"].as_f64().unwrap();
        assert!(play.read(BEST).contains(&format!("\n  sharpe_ratio: {promised}\n")));
        assert_ne!(json["promised"]["sharpe_ratio"], json["sharpe_ratio"]);
    }
}

#[test]
fn it_is_the_same_twice_and_with_any_end() {
    let play = trained("2020-02-01");
    for out in ["a", "b"] {
        play.mista(&format!("forward-test {BEST} --quiet --end 2020-03-01 --out {out}")).ok();
    }
    let trades =
        |out: &str| play.read(&play.one(out, "trades/sharpe_ratio_bollinger_reversion_BTCUSDT_1h.csv"));
    assert_eq!(trades("a"), trades("b"));
    let days = |text: &str| {
        let rows: Vec<String> = text.lines().skip(1).map(str::to_owned).collect();
        rows
    };
    // All but the last trade are those of the longer test: the end comes only into the last one.
    play.mista(&format!("forward-test {BEST} --quiet --out c")).ok();
    let (short, long) = (days(&trades("a")), days(&trades("c")));
    assert!(long.starts_with(&short[..short.len() - 1]) && long.len() > short.len());
}

#[test]
fn candles_of_the_training_are_refused() {
    let play = trained("2020-02-01");
    for start in ["2020-01-31", "2020-01-31T23:00", "2019-01-01"] {
        refused(
            &play,
            &format!("{BEST} --start {start}"),
            2,
            "it was trained until 2020-02-01T00:00:00Z, and the test would begin at",
        );
    }
    let json =
        play.mista(&format!("forward-test {BEST} --start 2020-01-10 --allow-overlap --json")).ok().json();
    assert_eq!(json["start"], "2020-01-10T00:00:00Z");
    for start in ["2020-02-01", "2020-02-10T06:00"] {
        play.mista(&format!("forward-test {BEST} --start {start} --quiet")).ok();
    }
    refused(
        &play,
        &format!("{BEST} --start 2020-02-10 --end 2020-02-10"),
        2,
        "--end must be later than the start",
    );
    refused(&play, &format!("{BEST} --end 2020-01-10"), 2, "--end must be later than the start");
    refused(&play, &format!("{BEST} --start 2021-01-01"), 4, "has no candles from 2021-01-01T00:00:00Z on");
}

#[test]
fn there_must_be_later_candles() {
    let play = trained("2021-01-01");
    refused(
        &play,
        BEST,
        4,
        "its training ended at 2020-03-11T19:00:00Z, and BTCUSDT_1h.csv has no candles from 2020-03-12",
    );
}

#[test]
fn an_edited_script_is_refused() {
    let play = trained("2020-02-01");
    let script = play.read("bollinger_reversion.rhai");
    play.write("bollinger_reversion.rhai", format!("{script}// a word more\n"));
    refused(&play, BEST, 2, "bollinger_reversion.rhai is not the script of the result: it has changed since");
    let said = play.mista(&format!("forward-test {BEST} --allow-changed --out forward")).ok();
    assert!(said.out.contains("The script is not the one that was optimized"), "{}", said.out);
    let page = play.read(&play.one("forward", ".html"));
    assert!(page.contains("The script is not the one that was optimized"));

    // Moved, it is the same.
    play.write("elsewhere/bollinger_reversion.rhai", &script);
    play.mista(&format!("forward-test {BEST} --script elsewhere/bollinger_reversion.rhai --quiet")).ok();
    fs::remove_file(play.path("bollinger_reversion.rhai")).unwrap();
    refused(&play, BEST, 3, "its script bollinger_reversion.rhai is not there: say with --script where");
    // Another one is another one, whatever is allowed.
    play.write("breakout.rhai", &script);
    refused(
        &play,
        &format!("{BEST} --script breakout.rhai --allow-changed"),
        2,
        "these are the best parameters of `bollinger_reversion`, not of `breakout`",
    );
}

#[test]
fn candles_may_be_extended_and_not_edited() {
    let play = trained("2020-02-01");
    let forward = |flags: &str| play.mista(&format!("forward-test {BEST} --json {flags}"));
    let before = forward("").ok().json();

    // More candles after those there were, and other ones after the training.
    play.write("BTCUSDT_1h.csv", hours(20_000..22_900));
    assert!(forward("").ok().json()["candles"].as_u64() > before["candles"].as_u64());
    let same_period = forward("--end 2020-03-11T19:00").ok().json();
    for key in ["trades_digest", "equity_sha256", "candles"] {
        assert_eq!(same_period[key], before[key], "{key}");
    }
    let text = hours(20_000..22_400);
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let volume = |lines: &mut Vec<String>, line: usize| {
        let mut cells: Vec<&str> = lines[line].split(',').collect();
        cells[5] = "77.5";
        lines[line] = cells.join(",");
    };
    volume(&mut lines, 2_300);
    play.write("BTCUSDT_1h.csv", lines.join("\n"));
    forward("").ok();

    // One volume of the training.
    volume(&mut lines, 1_000);
    play.write("BTCUSDT_1h.csv", lines.join("\n"));
    let words = "the candles of BTCUSDT_1h.csv before 2020-02-01T00:00:00Z are not those it was optimized on";
    refused(&play, BEST, 2, words);
    let said = play.mista(&format!("forward-test {BEST} --allow-changed")).ok();
    assert!(said.out.contains("What was promised is of other candles"), "{}", said.out);
    // And one before the training, which warmed it up: all of them count.
    play.write("BTCUSDT_1h.csv", hours(20_001..22_400));
    refused(&play, BEST, 2, words);

    // A file that begins after the training has none of them.
    play.write("later/BTCUSDT_1h.csv", hours(21_700..22_400));
    let said = play.mista(&format!("forward-test {BEST} --data later/BTCUSDT_1h.csv")).ok();
    assert!(said.out.contains("begins after the training"), "{}", said.out);

    play.write("ETHUSDT_1h.csv", &text);
    for flags in ["", " --allow-changed"] {
        let words = "these are the best parameters for BTCUSDT, and ETHUSDT_1h.csv is ETHUSDT";
        refused(&play, &format!("{BEST} --data ETHUSDT_1h.csv{flags}"), 2, words);
    }
    // The same candles under a name that says nothing.
    play.write("candles.csv", &text);
    play.mista(&format!("forward-test {BEST} --data candles.csv --quiet")).ok();
    fs::remove_file(play.path("BTCUSDT_1h.csv")).unwrap();
    refused(&play, BEST, 4, "its candles BTCUSDT_1h.csv are not there: say with --data where");
}

#[test]
fn best_parameters_are_taken_as_they_were_written_only() {
    let play = trained("2020-02-01");
    let text = play.read(BEST);
    let edited = "it was edited since it was written (its checksum does not fit)";
    // Every digit counts, wherever it stands: every 97th of them is made another one.
    let digits: Vec<usize> =
        text.char_indices().filter(|(_, c)| c.is_ascii_digit()).map(|(at, _)| at).collect();
    for at in digits.iter().copied().step_by(97).chain(digits.last().copied()) {
        let mut bytes = text.clone().into_bytes();
        bytes[at] = b'0' + (bytes[at] - b'0' + 1) % 10;
        play.write("best.yaml", bytes);
        // Names have digits too: `grid_sha256`.
        let in_name = text[at..].split(['\n', ' ']).next().unwrap().ends_with(':');
        refused(&play, "best.yaml", 2, if in_name { "best.yaml: it " } else { edited });
    }
    for (what, wrong) in [
        ("a line less", text.replacen("  stop_loss_pct", "  #stop_loss_pct", 1)),
        ("a line more", format!("{text}more: 1\n")),
        ("no checksum", text[..text.rfind("checksum").unwrap()].to_owned()),
        ("no end", text[..text.len() / 2].to_owned()),
    ] {
        play.write("best.yaml", wrong);
        let words = if what.starts_with("no") { "it is no file of best parameters" } else { edited };
        refused(&play, "best.yaml", 2, words);
    }
    // Under another name it is the same.
    play.write("moved.yaml", &text);
    play.mista("forward-test moved.yaml --quiet").ok();
}

/// Two strategies by two metrics, where `--all` looks.
fn batch() -> Playground {
    let play = trained("2020-02-01");
    play.write("breakout.rhai", fs::read(crate::support::script_path("breakout")).unwrap());
    fs::create_dir_all(play.path("config")).unwrap();
    for (script, metric, out) in
        [("bollinger_reversion", "win_rate", "config"), ("breakout", "sharpe_ratio", "results/optimize")]
    {
        play.mista(&format!(
            "optimize {script}.rhai --data BTCUSDT_1h.csv --grid grid.yaml --end 2020-02-01 --metric {metric} \
             --out {out} --quiet"
        ))
        .ok();
    }
    play
}

#[test]
fn a_batch_has_an_index_and_a_file_that_fails_stops_no_other() {
    let play = batch();
    let said = play.mista("forward-test --all").ok();
    assert!(said.out.contains("bollinger_reversion BTCUSDT 1h") && said.out.contains("breakout BTCUSDT 1h"));
    assert!(said.out.contains("index  results/forward_test/index.html"), "{}", said.out);
    let files = play.files("results/forward_test");
    let names: Vec<&str> = files.keys().map(String::as_str).filter(|name| !name.ends_with('/')).collect();
    let (first, second) = ("sharpe_ratio_breakout_BTCUSDT_1h", "win_rate_bollinger_reversion_BTCUSDT_1h");
    let mut expected = vec!["index.html".to_owned(), "reports/charts.js".to_owned()];
    for stem in [first, second] {
        expected.extend(["equity", "trades"].map(|folder| format!("{folder}/{stem}.csv")));
        expected.push(format!("reports/{stem}.html"));
    }
    expected.sort();
    assert_eq!(names, expected);
    let index = play.read("results/forward_test/index.html");
    for stem in [first, second] {
        assert!(index.contains(&format!("href=\"reports/{stem}.html\"")), "{stem}");
    }

    // Named, with one that is edited and one of the same name as another.
    play.write("edited.yaml", play.read(BEST).replace("equity_pct=50", "equity_pct=51"));
    let win_rate = "config/win_rate_best_params_bollinger_reversion_BTCUSDT_1h.yaml";
    let said = play
        .mista(&format!("forward-test {BEST} edited.yaml {win_rate} {BEST} --json --out named"))
        .failed(1, "error: 2 of 4 forward tests failed");
    let json = said.json();
    assert_eq!(json["results"].as_array().map(Vec::len), Some(2));
    assert_eq!(json["failed"][0]["file"], "edited.yaml");
    assert!(said.err.contains("failed: edited.yaml: it was edited since"), "{}", said.err);
    assert!(said.err.contains("another file of this batch is named"), "{}", said.err);
    let index = play.read("named/index.html");
    assert!(index.contains("edited.yaml") && index.contains("it was edited since it was written"));
    // Alone or among others, a test gives the same trades.
    play.mista(&format!("forward-test {win_rate} --quiet --out alone")).ok();
    for folder in ["trades", "equity"] {
        let file = format!("{folder}/{second}.csv");
        assert_eq!(play.read(&format!("alone/{file}")), play.read(&format!("named/{file}")));
    }
}

#[test]
fn all_without_any_says_where_it_looked() {
    let play = Playground::good();
    refused(&play, "--all", 2, "there are no *_best_params_*.yaml in results/optimize or config");
}
