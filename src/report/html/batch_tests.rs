//! Indices of batches that never ran.

use super::super::table::Tone;
use super::super::tests::{HOSTILE, assert_harmless, assert_offline, keep, pair, skeleton};
use super::*;
use crate::report::figures;

const FIGURES: [(&str, &str); 6] = [
    ("return_pct", "Return"),
    ("sharpe_ratio", "Sharpe"),
    ("max_drawdown_pct", "Max drawdown"),
    ("trades_total", "Trades"),
    ("profit_factor", "Profit factor"),
    ("win_rate_pct", "Win rate"),
];

fn forward_tests<'a>() -> BatchPage<'a> {
    let mut columns = vec![
        Column::text("Strategy"),
        Column::text("Symbol"),
        Column::text("Verdict").hint("Of the optimization"),
    ];
    for (_, name) in FIGURES {
        columns.push(
            Column::number(name).below("promised").hint("In the forward test, and below it in training"),
        );
    }
    columns.extend(["Optimized", "Trained", "Tested"].map(Column::text));
    let names = [
        "breakout",
        "bollinger_reversion",
        "hybrid",
        "ma_crossover",
        "mean_reversion",
        "momentum",
        "scalping",
    ];
    let words = ["sound", "doubtful", "overfit", "doubtful", "losing", "sound", "overfit"];
    let rows = names.iter().zip(words).enumerate().map(|(index, (&name, word))| {
        let k = index as f64;
        let mut row = vec![
            Cell::link(name, format!("{name}_BTCUSDT_1h.html")),
            Cell::text("BTCUSDT").below("1h"),
            Cell::verdict(word),
        ];
        let factor = (index != 4).then_some(1.6 - k / 10.0);
        let promised = [
            Some(1231.1 / (k + 1.0)),
            Some(1.9 - k / 5.0),
            Some(21.0 + k),
            Some(212.0 + k),
            factor,
            Some(48.0),
        ];
        let delivered = [
            Some(31.0 - 11.0 * k),
            Some(0.9 - k / 4.0),
            Some(23.0 + 2.0 * k),
            Some(61.0),
            Some(1.2 - k / 20.0),
            Some(44.0),
        ];
        for ((key, _), (before, after)) in FIGURES.iter().zip(promised.into_iter().zip(delivered)) {
            let signed = matches!(*key, "return_pct" | "sharpe_ratio");
            let tone = after.filter(|_| signed).map_or(Tone::Plain, Tone::of);
            let promised = figures::text(key, before);
            row.push(Cell::number(figures::text(key, after), after).toned(tone).below(promised));
        }
        row.extend([
            Cell::text("Sharpe ratio"),
            Cell::period(&pair("2017-08-17", "2021-12-31")),
            Cell::period(&pair("2022-01-01", "2023-12-31")),
        ]);
        row
    });
    BatchPage {
        title: "Forward tests",
        facts: vec!["9 best-params files".to_owned(), "7 ran".to_owned(), "2 failed".to_owned()],
        sentence: "5 of 7 kept less than half of the Sharpe ratio they promised; 3 lost money.".to_owned(),
        rows: rows.collect(),
        columns,
        failed: vec![
            pair(
                "best_params/x_ETHUSDT_1h.yaml",
                "no candles of ETHUSDT after the training: 2021-12-31 is the last day\n  get some with `mista fetch`",
            ),
            pair("best_params/old.yaml", "strategies/old.rhai is not there"),
        ],
        settings: vec![pair("balance", "10000"), pair("commission", "10 bps a side")],
        provenance: vec![pair("mista", "0.1.0"), pair("command", "mista forward-test --all")],
        warnings: vec![],
        capsule: "{\"rows\":7}".to_owned(),
    }
}

#[test]
fn a_row_for_each_page_and_a_line_for_each_failure() {
    let page = forward_tests();
    let html = batch_page(&page);
    keep("batch.html", &html);
    assert_offline(&html);
    assert!(html.len() < 60_000, "{} bytes: no chart library", html.len());
    insta::assert_snapshot!(skeleton(&html));
    assert_eq!(html.matches("<tr><th scope=\"row\">").count(), 7 + page.settings.len());
    assert!(html.contains("<button type=\"button\">Return<small>promised</small></button>"));
    assert!(html.contains("<a href=\"breakout_BTCUSDT_1h.html\">breakout</a>"));
    assert!(html.contains("<span class=\"badge down\">overfit</span>"));
    assert!(html.contains("<td class=\"n up\" data-key=\"0.9\">0.900<small>1.900</small></td>"));
    assert!(html.contains("<td class=\"n down\" data-key=\"-0.6\">-0.600<small>0.700</small></td>"));
}

#[test]
fn a_batch_of_optimizations_and_an_empty_one() {
    let html = batch_page(&BatchPage {
        title: "Optimizations",
        columns: vec![
            Column::text("Strategy"),
            Column::number("Trials"),
            Column::number("Deflated Sharpe ratio"),
        ],
        rows: vec![
            vec![Cell::text("breakout"), Cell::text("1,200"), Cell::text("—")],
            vec![Cell::text("hybrid")],
        ],
        failed: Vec::new(),
        settings: Vec::new(),
        ..forward_tests()
    });
    keep("batch_optimize.html", &html);
    assert!(!html.contains("id=\"failed\"") && !html.contains("<small>"));
    let html = batch_page(&BatchPage { rows: Vec::new(), ..forward_tests() });
    assert!(html.contains("There is nothing to show."));
}

#[test]
fn hostile_texts_stay_texts() {
    let hostile = || HOSTILE.to_owned();
    let capsule = serde_json::json!({ HOSTILE: HOSTILE });
    let html = batch_page(&BatchPage {
        title: HOSTILE,
        facts: vec![hostile()],
        sentence: hostile(),
        columns: vec![
            Column::text(HOSTILE).below(HOSTILE).hint(HOSTILE),
            Column::number(HOSTILE),
            Column::text(HOSTILE),
        ],
        rows: vec![vec![
            Cell::link(HOSTILE, "javascript:alert(1)"),
            Cell::number(HOSTILE, Some(1.0)).below(HOSTILE),
            Cell::verdict(HOSTILE),
        ]],
        failed: vec![pair(HOSTILE, HOSTILE)],
        settings: vec![pair(HOSTILE, HOSTILE)],
        provenance: vec![pair(HOSTILE, HOSTILE)],
        warnings: vec![hostile()],
        capsule: capsule.to_string(),
    });
    keep("batch_hostile.html", &html);
    let [_, embedded] = assert_harmless(&html, 2);
    assert_eq!(embedded, capsule);
    assert!(!html.contains("javascript:"));
}
