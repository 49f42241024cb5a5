//! The page from synthetic runs. `MISTA_REPORT_PAGES=FOLDER cargo test report::html` also writes them, to look at.

use super::*;
use crate::engine::Counts;
use crate::model::{Candle, Direction, EntryReason, ExitReason, HOUR_MS, Interval, Refusal, Trade, Veto};
use crate::report::{warnings, write_atomic};
use std::path::Path;

pub const HOSTILE: &str = "</script><script>alert(1)</script><!-- <img src=x onerror=alert(2)> \"'&";

/// A generator that gives the same numbers everywhere: no dependency for a test's noise.
pub struct Noise(pub u64);

impl Noise {
    /// Uniform in [0, 1).
    pub fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }
}

pub struct Run {
    pub candles: Candles,
    pub outcome: Outcome,
    fast: Vec<f64>,
    slow: Vec<f64>,
    rsi: Vec<f64>,
    stops: Vec<f64>,
}

fn candles(rows: usize) -> Candles {
    let mut noise = Noise(7);
    let mut close = 4000.0f64;
    let mut drift = 0.0f64;
    (0..rows as i64)
        .map(|row| {
            drift = drift * 0.998 + (noise.next() - 0.495) * 0.000_02;
            let open = close;
            close *= 1.0 + drift + (noise.next() - 0.5) * 0.012;
            let high = open.max(close) * (1.0 + noise.next() * 0.004);
            let low = open.min(close) * (1.0 - noise.next() * 0.004);
            let gap = if row > rows as i64 / 2 { 33 } else { 0 };
            let open_time = 1_502_942_400_000 + (row + gap) * HOUR_MS;
            let volume = 100.0;
            Candle { open_time, close_time: open_time + HOUR_MS - 1, open, high, low, close, volume }
        })
        .collect()
}

fn mean(values: &[f64], period: usize) -> Vec<f64> {
    let mut sum = 0.0;
    let mut out = vec![f64::NAN; values.len()];
    for row in 0..values.len() {
        sum += values[row] - if row >= period { values[row - period] } else { 0.0 };
        if row + 1 >= period {
            out[row] = sum / period as f64;
        }
    }
    out
}

/// In and out by a crossing of two means, with a stop: enough to look like a run.
pub fn run(rows: usize, period: usize, note: &str) -> Run {
    let candles = candles(rows);
    let (fast, slow) = (mean(&candles.close, period), mean(&candles.close, period * 3));
    let rsi = (0..rows).map(|row| 50.0 + 45.0 * (row as f64 / 90.0).sin()).collect();
    let start = rows.min(200);
    let mut outcome = Outcome {
        initial_balance: 10_000.0,
        range: start..rows,
        first_decision: Some(start),
        trades: Vec::new(),
        equity: Vec::new(),
        closes_in_position: 0,
        vetoes: Counts::default(),
        refusals: Counts::default(),
    };
    let mut stops = Vec::new();
    let mut cash = 10_000.0;
    let mut open: Option<(usize, Direction, f64, f64)> = None;
    for row in start..rows {
        let price = candles.close[row];
        let up = fast[row] > slow[row];
        if let Some((entry, direction, quantity, stop)) = open {
            let reason = match direction {
                Direction::Long if candles.low[row] < stop => Some(ExitReason::StopLoss),
                Direction::Short if candles.high[row] > stop => Some(ExitReason::TrailingStop),
                Direction::Long if !up => Some(ExitReason::Signal),
                Direction::Short if up => Some(ExitReason::TakeProfit),
                _ if row + 1 == rows => Some(ExitReason::EndOfData),
                _ => None,
            };
            if let Some(exit_reason) = reason {
                let entry_price = candles.open[entry];
                let commission = quantity * (entry_price + price) / 1000.0;
                let pnl = direction.sign() * quantity * (price - entry_price) - commission;
                cash += pnl;
                outcome.trades.push(Trade {
                    entry_time: candles.open_time[entry],
                    exit_time: candles.open_time[row],
                    direction,
                    quantity,
                    entry_price,
                    exit_price: price,
                    pnl,
                    pnl_pct: pnl / (quantity * entry_price) * 100.0,
                    commission,
                    slippage: 0.1,
                    entry_reason: EntryReason::Signal,
                    exit_reason,
                    candles_held: (row - entry) as u32,
                    ambiguous: row % 29 == 0,
                    entry_note: note.into(),
                    exit_note: if exit_reason == ExitReason::Signal {
                        "cross down".into()
                    } else {
                        "".into()
                    },
                });
                open = None;
            }
        } else if fast[row].is_finite()
            && slow[row].is_finite()
            && row + 1 < rows
            && up != (fast[row - 1] > slow[row - 1])
        {
            let direction = if up { Direction::Long } else { Direction::Short };
            let quantity = (cash * 0.95 / price * 1e5).floor() / 1e5;
            open = Some((row, direction, quantity, price * (1.0 - direction.sign() * 0.03)));
            outcome.vetoes.add(if row % 3 == 0 { Veto::AtrFilter } else { Veto::Cooldown });
            outcome.refusals.add(Refusal::InPosition);
        }
        let marked = open.map_or(0.0, |(entry, direction, quantity, _)| {
            direction.sign() * quantity * (price - candles.open[entry])
        });
        outcome.closes_in_position += u64::from(open.is_some());
        outcome.equity.push(cash + marked);
        stops.push(open.map_or(f64::NAN, |(.., stop)| stop));
    }
    Run { candles, outcome, fast, slow, rsi, stops }
}

fn build(run: &Run, name: &str, note: &str, script: Script) -> String {
    build_promised(run, name, note, script, None, "")
}

fn build_promised(
    run: &Run,
    name: &str,
    note: &str,
    script: Script,
    promised: Option<Promised>,
    capsule: &str,
) -> String {
    let metrics = Metrics::of(&run.outcome, &run.candles);
    let hour: Interval = "1h".parse().unwrap();
    let momentum: Vec<(usize, f64)> =
        (0..run.candles.len()).step_by(24).map(|row| (row, (row as f64 / 400.0).cos())).collect();
    page(&Page {
        strategy: name,
        symbol: "BTCUSDT",
        interval: "1h".to_owned(),
        candles: &run.candles,
        outcome: &run.outcome,
        metrics: &metrics,
        series: vec![
            Line { name: "fast", column: run.fast.clone().into(), pane: Pane::Price },
            Line { name: "slow", column: run.slow.clone().into(), pane: Pane::Price },
            Line { name: "rsi", column: run.rsi.clone().into(), pane: Pane::Own("rsi".to_owned()) },
        ],
        plots: vec![Plot { name: "momentum", points: &momentum }],
        stops: &run.stops,
        parameters: vec![
            parameter("fast_period", "27", "10"),
            parameter("slow_period", "81", "60"),
            parameter("stop_loss_pct", "0.03", "null"),
            parameter("note", note, "null"),
        ],
        settings: vec![
            pair("initial_balance", "10000"),
            pair("commission_bps", "10"),
            pair("slippage_bps", "0"),
            pair("size", "equity_pct 95"),
            pair("allow_short", "true"),
        ],
        logs: (0..40)
            .map(|k| (run.candles.open_time[0] + k * HOUR_MS * 50, format!("line {k}: {note}")))
            .collect(),
        source: concat!(
            "// Two averages, one crossing.\nfn params() {\n    #{ fast_period: 10, slow_period: 60, stop_loss_pct: () }\n}\n\n",
            "fn on_candle(ctx, p) {\n    if crossed_above(ctx.fast, ctx.slow) {\n        ctx.stop_pct(p.stop_loss_pct);\n",
            "        ctx.enter_long(\"cross up\");\n    } else if crossed_below(ctx.fast, ctx.slow) {\n        ctx.exit(\"cross down\");\n    }\n}\n"
        ),
        script_path: "strategies/ma_crossover.rhai",
        provenance: vec![
            pair("Host", "mista 0.1.0"),
            pair("Tier", "interpreter"),
            pair("Script", "sha256 3f1c0a77b2d94e0c8d0f5a1f2b8e9c00"),
            pair("Data", "sha256 c0ffee00b2d94e0c8d0f5a1f2b8e9c11"),
        ],
        warnings: warnings(&run.outcome, &run.candles, hour, &metrics),
        trades_csv: Some("results/trades.csv".to_owned()),
        promised,
        capsule: capsule.to_owned(),
        script,
    })
}

pub fn pair(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

pub fn parameter(name: &str, value: &str, default: &str) -> ParameterRow {
    ParameterRow { name: name.to_owned(), value: value.to_owned(), default: default.to_owned() }
}

pub fn keep(name: &str, html: &str) {
    if let Some(folder) = std::env::var_os("MISTA_REPORT_PAGES") {
        write_atomic(&Path::new(&folder).join(name), html).unwrap();
    }
}

pub fn without_library(page: &str) -> String {
    page.replace(chart_script(), "")
}

/// What a page consists of: its sections, headings, tables and places of charts, a line each.
pub fn skeleton(page: &str) -> String {
    const PARTS: [&str; 8] = [
        "<h1>",
        "<h2",
        "<section",
        "<footer",
        "<table",
        "<div class=\"chart\"",
        "<div class=\"heading\"",
        "<select",
    ];
    let lines = page.lines().filter(|line| PARTS.iter().any(|part| line.starts_with(part)));
    lines.map(|line| format!("{line}\n")).collect()
}

/// That a page with hostile texts has these script elements and nothing else of what the texts tried, and
/// its data and capsule as JSON.
pub fn assert_harmless(page: &str, scripts: usize) -> [serde_json::Value; 2] {
    let html = without_library(page);
    assert!(!html.contains("<img") && !html.contains("alert(1)</script>") && !html.contains("<!-- "));
    assert_eq!(html.matches("<script").count(), scripts);
    assert_eq!(html.matches("</script>").count(), scripts);
    ["data", "capsule"].map(|id| {
        let Some((_, rest)) = html.split_once(&format!("id=\"{id}\">")) else {
            return serde_json::Value::Null;
        };
        let data = rest.split_once("</script>").unwrap().0;
        assert!(!data.contains('<'));
        serde_json::from_str(data).unwrap()
    })
}

/// That nothing is loaded from elsewhere, and that the browser is told so.
pub fn assert_offline(page: &str) {
    let page = without_library(page);
    assert!(!page.contains("NaN") && !page.contains("://"), "nothing is loaded from elsewhere");
    assert!(page.contains("content=\"default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:;"));
}

#[test]
fn a_page_of_fifty_thousand_candles_is_small_and_complete() {
    let run = run(50_000, 27, "fast over slow");
    let html = build(&run, "ma_crossover", "fast over slow", Script::Inline);
    keep("page.html", &html);
    assert!(html.contains(chart_script()));
    let page = without_library(&html);
    assert!(run.outcome.trades.len() > 300, "{}", run.outcome.trades.len());
    assert!(page.len() < 2_200_000, "{} bytes besides the library", page.len());
    for section in ["charts", "months", "trades", "metrics", "reasons", "setup", "log", "source"] {
        assert!(page.contains(&format!("<section id=\"{section}\"")), "{section}");
    }
    assert!(page.contains("One drawn candle stands for 25 candles"));
    assert_eq!(page.matches("<tr><td class=n><button").count(), run.outcome.trades.len());
    assert_offline(&html);
}

#[test]
fn hostile_texts_stay_texts() {
    let run = run(3000, 20, HOSTILE);
    let capsule = serde_json::json!({ "note": HOSTILE });
    let promised = Promised {
        trained: pair(HOSTILE, HOSTILE),
        verdict: Verdict { word: HOSTILE, sentence: HOSTILE.to_owned() },
        rows: vec![Compared { key: HOSTILE, in_sample: Some(1.0), out_of_sample: None }],
    };
    let html = build_promised(&run, HOSTILE, HOSTILE, Script::Inline, Some(promised), &capsule.to_string());
    keep("hostile.html", &html);
    let [data, embedded] = assert_harmless(&html, 4);
    assert_eq!(embedded, capsule);
    let texts = data["price"].as_array().unwrap().iter().filter_map(|trace| trace["hovertext"].as_array());
    let texts: Vec<_> = texts.flatten().filter_map(|text| text.as_str()).collect();
    assert!(
        !texts.is_empty() && texts.iter().all(|text| !text.contains("<img") && !text.contains("<script"))
    );
}

#[test]
fn a_shared_library_is_pointed_to() {
    let run = run(300, 5, "");
    let html = build(&run, "s", "", Script::Shared("../assets/charts.js".to_owned()));
    assert!(html.contains("<script src=\"../assets/charts.js\"></script>") && html.len() < 500_000);
    assert!(chart_script().contains("plotly.js v") && !chart_script().contains("</script"));
}

#[test]
fn runs_without_trades_or_candles_have_pages_too() {
    let mut run = run(100, 20, "");
    assert!(run.outcome.trades.is_empty());
    assert!(build(&run, "s", "", Script::Shared("x.js".to_owned())).contains("No trade was made."));
    run.outcome.range = 5000..6000;
    assert!(build(&run, "s", "", Script::Shared("x.js".to_owned())).contains("no candles"));
}

#[test]
fn what_does_not_fit_is_named() {
    let mut run = run(5000, 5, "");
    while run.outcome.trades.len() < 3500 {
        let trades = run.outcome.trades.clone();
        run.outcome.trades.extend(trades);
    }
    run.outcome.trades.truncate(3500);
    let html = build(&run, "s", "", Script::Shared("x.js".to_owned()));
    assert!(html.contains("The latest 2,000 trades are marked, 1,500 earlier ones are not."));
    assert!(
        html.contains(
            "The latest 3,000 trades; 500 earlier ones are left out of this page; all 3,500 are in"
        )
    );
    assert_eq!(html.matches("<tr><td class=n><button").count(), 3000);
}

#[test]
fn a_forward_test_says_what_was_promised() {
    let run = run(3000, 20, "");
    let row = |key, promised, delivered| Compared { key, in_sample: promised, out_of_sample: delivered };
    let promised = Promised {
        trained: pair("2018-01-01", "2021-12-31"),
        verdict: Verdict {
            word: "doubtful",
            sentence: "The deflated Sharpe ratio is 0.61: 144 trials of luck alone would give as much in two cases of five."
                .to_owned(),
        },
        rows: vec![
            row("cagr_pct", Some(41.3), Some(12.75)),
            row("sharpe_ratio", Some(1.842), Some(0.611)),
            row("max_drawdown_pct", Some(18.2), Some(24.9)),
            row("trades_total", Some(212.0), Some(48.0)),
            row("profit_factor", Some(1.71), Some(1.93)),
        ],
    };
    let html = build_promised(&run, "ma_crossover", "", Script::Inline, Some(promised), "");
    keep("forward.html", &html);
    let (_, section) = html.split_once("<section id=\"promised\" class=\"verdict doubt\"").unwrap();
    let (section, _) = section.split_once("</section>").unwrap();
    for text in [
        "Promised in training, from 2018-01-01 to 2021-12-31",
        "-28.55\u{a0}pp <em>worse</em>",
        "+6.70\u{a0}pp <em>worse</em>",
        "+0.22 <em>better</em>",
    ] {
        assert!(section.contains(text), "{text}: {section}");
    }
    assert!(!html.contains("id=\"capsule\""));
    assert!(!build(&run, "ma_crossover", "", Script::Inline).contains("id=\"promised\""));
}
