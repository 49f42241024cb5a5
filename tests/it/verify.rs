//! `mista verify`: a result that can be had again is equal, and of one that cannot the first difference is
//! named.

use crate::playground::{GOOD, Playground, Said, hours, waves};
use serde_json::Value;

/// Every kind of result there is, of ten days.
fn results() -> Playground {
    let play = Playground::good();
    let data = "--data BTCUSDT_1h.csv --slippage-bps 3 --size quote=500 --set take_profit_pct=0.05";
    let json = play.mista(&format!("run good.rhai {data} --json --report run.html")).ok().out;
    play.write("run.json", json);
    let search = format!("optimize good.rhai {data} --grid grid.yaml --end 2021-01-10 --out best");
    play.write("best.json", play.mista(&format!("{search} --json")).ok().out);
    let best = play.one("best", ".yaml");
    play.write("forward.json", play.mista(&format!("forward-test {best} --json --out forward")).ok().out);
    play
}

const ALL: [&str; 7] = [
    "run.html",
    "run.json",
    "best.json",
    "best/sharpe_ratio_best_params_good_BTCUSDT_1h.yaml",
    "best/reports/sharpe_ratio_good_BTCUSDT_1h.html",
    "forward.json",
    "forward/reports/sharpe_ratio_good_BTCUSDT_1h.html",
];

#[track_caller]
fn differs(play: &Playground, file: &str, words: &str) -> Said {
    let said = play.mista(&format!("verify {file}")).failed(1, "error: the result cannot be reproduced");
    assert!(
        said.out.starts_with(&format!("different  {file}: ")) && said.out.contains(words),
        "{}",
        said.out
    );
    said
}

#[test]
fn what_was_written_can_be_had_again() {
    let play = results();
    let before = play.files(".");
    for file in ALL {
        let said = play.mista(&format!("verify {file}")).ok();
        assert_eq!(said.out, format!("equal      {file}\n"));
    }
    let said = play.mista(&format!("verify {}", ALL.join(" "))).ok();
    assert_eq!(said.out.lines().count(), ALL.len());
    let json = play.mista("verify run.json --json").ok().json();
    assert_eq!(json, serde_json::json!({ "result": "run.json", "equal": true, "difference": null }));
    crate::playground::same("verify writes nothing", &before, &play.files("."));
}

#[test]
fn results_of_shipped_scripts_and_long_trade_lists_can_be_had_again() {
    let play = Playground::bundled("hybrid", 20_000..23_000);
    let settings =
        "--data BTCUSDT_1h.csv --allow-short --start 2019-12-20 --size risk_pct=1 --set stop_loss_pct=0.03";
    let json = play.mista(&format!("run hybrid.rhai {settings} --json --report run.html")).ok().out;
    play.write("run.json", &json);
    play.mista("verify run.json run.html").ok();
    // As another program writes numbers: 10000.0 as 10000.
    play.write("other.json", json.replace(".0,", ","));
    assert_ne!(json, json.replace(".0,", ","));
    play.mista("verify other.json").ok();
}

#[test]
fn a_changed_script_or_candle_is_named() {
    let play = results();
    play.write("good.rhai", format!("{GOOD}\n"));
    for file in ALL {
        differs(
            &play,
            file,
            "good.rhai is not the script of the result: it has changed since, or is another one",
        );
    }
    play.write("good.rhai", GOOD);
    play.write("BTCUSDT_1h.csv", waves(241));
    for file in ALL {
        differs(
            &play,
            file,
            "BTCUSDT_1h.csv does not hold the candles of the result: the file has changed since",
        );
    }
    play.write("BTCUSDT_1h.csv", waves(240));
    std::fs::remove_file(play.path("good.rhai")).unwrap();
    play.mista("verify run.json").failed(3, "good.rhai: there is no such file");
}

/// The JSON with one value made another one.
fn altered(play: &Playground, file: &str, pointer: &str, change: impl Fn(&Value) -> Value) -> String {
    let mut json: Value = serde_json::from_str(&play.read(file)).unwrap();
    let place = json.pointer_mut(pointer).unwrap_or_else(|| panic!("{file}: {pointer}"));
    *place = change(place);
    json.to_string()
}

#[test]
fn an_altered_figure_is_named() {
    let play = results();
    let last_bit = |value: &Value| Value::from(f64::from_bits(value.as_f64().unwrap().to_bits() + 1));
    for key in ["final_balance", "sharpe_ratio", "max_drawdown_pct", "commission_paid"] {
        for (file, pointer) in [("run.json", format!("/{key}")), ("best.json", format!("/metrics/{key}"))] {
            play.write("altered.json", altered(&play, file, &pointer, last_bit));
            differs(&play, "altered.json", &format!("altered.json: {key} was "));
        }
    }
    for (key, value) in [
        ("trades_total", Value::from(1)),
        ("profit_factor", Value::Null),
        ("sortino_ratio", Value::from("0.1")),
    ] {
        play.write("altered.json", altered(&play, "run.json", &format!("/{key}"), |_| value.clone()));
        differs(&play, "altered.json", &format!("altered.json: {key} was {value}, is "));
    }
    play.write("altered.json", altered(&play, "run.json", "/exits", |_| serde_json::json!({ "signal": 3 })));
    differs(&play, "altered.json", "exits were {\"signal\":3}, are ");
    let hash = |_: &Value| Value::from("0".repeat(64));
    play.write("altered.json", altered(&play, "run.json", "/equity_sha256", hash));
    differs(&play, "altered.json", "the equity curve is another, though all trades and figures are equal");
    for (key, value) in [("candles", Value::from(9)), ("strategy", Value::from("better"))] {
        play.write("altered.json", altered(&play, "run.json", &format!("/{key}"), |_| value.clone()));
        differs(&play, "altered.json", &format!("{key} was {value}, is "));
    }
}

#[test]
fn an_altered_trade_is_named() {
    let play = results();
    let digest = |change: &dyn Fn(&str) -> String| {
        play.write(
            "altered.json",
            altered(&play, "run.json", "/trades_digest", |d| Value::from(change(d.as_str().unwrap()))),
        );
    };
    let trades =
        serde_json::from_str::<Value>(&play.read("run.json")).unwrap()["trades_total"].as_u64().unwrap();
    digest(&|text| format!("{}00000000{}", &text[..80], &text[88..]));
    differs(&play, "altered.json", "trade 11 (now entered 2021-01-0");
    digest(&|text| text[..text.len() - 8].to_owned());
    differs(&play, "altered.json", &format!("trade {trades} (entered 2021-01-1"));
    digest(&|text| format!("{text}12345678"));
    differs(
        &play,
        "altered.json",
        &format!("trade {} is gone: there were {}, now {trades}", trades + 1, trades + 1),
    );
}

#[test]
fn an_altered_setting_gives_another_result() {
    let play = results();
    for (pointer, value) in [
        ("/parameters/period", Value::from(6)),
        ("/balance", Value::from(10_001)),
        ("/commission_bps", Value::from(10.5)),
        ("/slippage_bps", Value::from(0)),
        ("/size", Value::from("quote=501")),
        ("/start", Value::from("2021-01-05")),
        ("/end", Value::from("2021-01-11")),
    ] {
        play.write("altered.json", altered(&play, "run.json", pointer, |_| value.clone()));
        differs(&play, "altered.json", "");
    }
    let other = |text: &str| Value::from(text.replace('a', "b"));
    for (key, words) in
        [("script_sha256", "good.rhai is not the script"), ("data_sha256", "does not hold the candles")]
    {
        play.write(
            "altered.json",
            altered(&play, "run.json", &format!("/{key}"), |hash| other(hash.as_str().unwrap())),
        );
        differs(&play, "altered.json", words);
    }
    // A result of another version that differs says so.
    let mut json = altered(&play, "run.json", "/final_balance", |_| Value::from(1));
    json = json.replace("\"version\":\"", "\"version\":\"0.0.");
    play.write("altered.json", json);
    differs(&play, "altered.json", "final_balance was 1, is ").out.contains("it was written by version 0.0.");
}

#[test]
fn best_parameters_that_promise_more_are_told() {
    let play = results();
    let best = play.read(ALL[3]);
    let verdict = best.lines().find(|line| line.starts_with("  verdict: ")).unwrap();
    play.write("best.yaml", best.replace(verdict, "  verdict: splendid"));
    differs(&play, "best.yaml", "the run is equal, but the file was edited: its checksum does not fit");
    let value = best.lines().find(|line| line.starts_with("  final_balance: ")).unwrap();
    play.write("best.yaml", best.replace(value, "  final_balance: 1000000.0"));
    differs(&play, "best.yaml", "final_balance was 1000000.0, is ");
}

#[test]
fn an_altered_page_is_told() {
    let play = results();
    let page = play.read("run.html");
    let balance = page.split("\"final_balance\":").nth(1).unwrap().split(',').next().unwrap().to_owned();
    play.write(
        "altered.html",
        page.replace(&format!("\"final_balance\":{balance}"), "\"final_balance\":5.5"),
    );
    differs(&play, "altered.html", &format!("final_balance was 5.5, is {balance}"));
}

#[test]
fn one_that_cannot_be_used_stops_no_other() {
    let play =
        results().with("notes.txt", "nothing\n").with("cut.html", "<html><script id=\"capsule\">{\"a\":");
    play.write("altered.json", altered(&play, "run.json", "/final_balance", |_| Value::from(1)));
    let files = "run.json notes.txt altered.json nowhere.json cut.html best.json";
    let said = play.mista(&format!("verify {files}")).failed(1, "error: 4 of 6 results cannot be reproduced");
    insta::assert_snapshot!(said.out);
    let said = play.mista(&format!("verify --json {files}")).failed(1, "4 of 6");
    let lines: Vec<Value> = said.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let equal: Vec<bool> = lines.iter().map(|line| line["equal"].as_bool().unwrap()).collect();
    assert_eq!(equal, [true, false, false, false, false, true]);
    assert!(lines[1]["error"].as_str().unwrap().starts_with("notes.txt: it is no result of mista"));
}

#[test]
fn a_result_with_finer_candles_can_be_had_again() {
    // 5-minute candles inside hours of the same days.
    let play = Playground::bundled("breakout", 48_500..49_200)
        .with("BTCUSDT_5m.csv", std::fs::read(crate::support::root().join(crate::support::BTC_5M)).unwrap());
    assert!(hours(48_500..48_501).contains("16"));
    let json = play
        .mista("run breakout.rhai --data BTCUSDT_1h.csv --detail BTCUSDT_5m.csv --json --report run.html")
        .ok();
    play.write("run.json", json.out);
    play.mista("verify run.json run.html").ok();
    let fine = play.read("BTCUSDT_5m.csv");
    play.write("BTCUSDT_5m.csv", &fine[..fine.trim_end().rfind('\n').unwrap() + 1]);
    differs(&play, "run.json", "BTCUSDT_5m.csv does not hold the candles of the result");
}
