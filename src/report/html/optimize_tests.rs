//! The page of an optimization, from a search that never ran.

use super::super::chart_script;
use super::super::table::Tone;
use super::super::tests::{
    HOSTILE, Noise, assert_harmless, assert_offline, keep, pair, parameter, run, skeleton,
};
use super::*;

/// Values of a metric on a grid, and what a page borrows.
struct Search {
    axes: Vec<Axis>,
    /// By index on each axis, the last axis fastest; `None` where excluded.
    values: Vec<Option<f64>>,
    best: usize,
}

fn axis(name: &str, values: &[&str]) -> Axis {
    Axis { name: name.to_owned(), values: values.iter().map(|&value| value.to_owned()).collect() }
}

impl Search {
    /// A hill with noise; `excluded` says which points are left out.
    fn of(axes: Vec<Axis>, excluded: fn(&[usize]) -> bool) -> Search {
        let mut noise = Noise(11);
        let mut search = Search { axes, values: Vec::new(), best: 0 };
        let size = search.axes.iter().map(|axis| axis.values.len()).product();
        for index in 0..size {
            let point = search.point(index);
            let hill = |(at, axis): (&usize, &Axis)| {
                (*at as f64 / (axis.values.len() - 1) as f64 - 0.6).powi(2) * 1.6
            };
            let height = 1.5 - point.iter().zip(&search.axes).map(hill).sum::<f64>();
            let value = height + (noise.next() - 0.5) * 0.7;
            search.values.push((!excluded(&point)).then_some(value));
        }
        let best = (0..size).max_by(|&a, &b| search.values[a].partial_cmp(&search.values[b]).unwrap());
        search.best = best.unwrap_or_default();
        search
    }

    fn point(&self, index: usize) -> Vec<usize> {
        let mut rest = index;
        let mut point: Vec<usize> = self
            .axes
            .iter()
            .rev()
            .map(|axis| {
                let at = rest % axis.values.len();
                rest /= axis.values.len();
                at
            })
            .collect();
        point.reverse();
        point
    }

    fn at(&self, point: &[usize]) -> Option<f64> {
        let index = point.iter().zip(&self.axes).fold(0, |index, (at, axis)| index * axis.values.len() + at);
        self.values[index]
    }

    fn heat(&self) -> Vec<Heat> {
        let mut heat = Vec::new();
        for y in 0..self.axes.len() {
            for x in y + 1..self.axes.len() {
                let mut values = Vec::new();
                for row in 0..self.axes[y].values.len() {
                    for column in 0..self.axes[x].values.len() {
                        let mut point = self.point(self.best);
                        (point[x], point[y]) = (column, row);
                        values.push(self.at(&point));
                    }
                }
                heat.push(Heat { x, y, values });
            }
        }
        heat
    }

    fn parameters(&self, index: usize) -> Vec<String> {
        self.point(index).iter().zip(&self.axes).map(|(&at, axis)| axis.values[at].clone()).collect()
    }

    fn top(&self, most: usize) -> Vec<TopRow> {
        let mut order: Vec<usize> =
            (0..self.values.len()).filter(|&index| self.values[index].is_some()).collect();
        order.sort_by(|&a, &b| self.values[b].partial_cmp(&self.values[a]).unwrap());
        let rows = order.into_iter().take(most).enumerate().map(|(rank, index)| {
            let x = self.values[index].unwrap_or_default();
            let factor = (rank != 3).then_some(1.0 + x / 3.0);
            TopRow {
                rank: rank as u64 + 1,
                parameters: self.parameters(index),
                values: vec![
                    Some(x),
                    Some(x * 71.3),
                    Some(31.0 - x * 8.0),
                    Some(212.0 - rank as f64),
                    factor,
                ],
            }
        });
        rows.collect()
    }

    fn histogram(&self, bins: usize) -> Histogram {
        let all = || self.values.iter().flatten().copied();
        let (low, high) = (all().fold(f64::MAX, f64::min), all().fold(f64::MIN, f64::max));
        let width = (high - low) / bins as f64;
        let mut counts = vec![0; bins];
        all().for_each(|x| counts[(((x - low) / width) as usize).min(bins - 1)] += 1);
        Histogram { edges: (0..=bins).map(|edge| low + edge as f64 * width).collect(), counts }
    }
}

fn crossover() -> Search {
    let axes = vec![
        axis("fast_period", &["5", "10", "20", "30", "40", "50"]),
        axis("slow_period", &["20", "40", "60", "80", "100", "120", "150", "200"]),
        axis("stop_loss_pct", &["null", "0.02", "0.04"]),
    ];
    Search::of(axes, |point| {
        [5, 10, 20, 30, 40, 50][point[0]] >= [20, 40, 60, 80, 100, 120, 150, 200][point[1]]
    })
}

fn figure(name: &'static str, value: &str, tone: Tone, hint: &str) -> Figure<'static> {
    Figure { name, value: value.to_owned(), hint: hint.to_owned(), tone }
}

/// The page of `search`, with `text` wherever a user could have written.
fn page<'a>(
    search: &Search,
    metrics: Option<&'a Metrics>,
    curve: Curve<'a>,
    text: &'a str,
) -> OptimizePage<'a> {
    let word = |plain: &'a str| if text.is_empty() { plain } else { text };
    let days = |from: &str, to: &str| pair(from, to);
    let window = |trained, tested, index: usize, inside: f64, outside: Option<f64>| Window {
        trained,
        tested,
        parameters: search.parameters(index),
        in_sample: Some(inside),
        out_of_sample: outside,
    };
    let compared =
        |key, inside, outside| Compared { key, in_sample: Some(inside), out_of_sample: Some(outside) };
    let third = curve.times.len() / 3;
    let tail = Curve {
        times: &curve.times[third..],
        equity: &curve.equity[third..],
        hold: curve.hold.get(third..).unwrap_or_default(),
    };
    let trials = search.values.iter().flatten().count() as u64;
    OptimizePage {
        strategy: word("ma_crossover"),
        symbol: word("BTCUSDT"),
        interval: "1h".to_owned(),
        metric: "sharpe_ratio",
        higher_is_better: true,
        trained: pair("2017-08-25", "2019-11-30"),
        candles: 19_800,
        search: word("grid").to_owned(),
        trials,
        failed: 2,
        untraded: 5,
        verdict: Verdict {
            word: word("doubtful"),
            sentence: word(
                "With 126 trials a Sharpe ratio of 1.71 is no surprise: luck alone gives as much in one search of four. \
                 The neighbours of the best point are nearly as good, so it is no lone peak.",
            )
            .to_owned(),
        },
        figures: vec![
            figure("Deflated Sharpe ratio", "0.76", Tone::Caution, "Chance that the true Sharpe ratio is above zero, given 126 trials. Good from 0.95 on."),
            figure("Probability of backtest overfitting", "31.4 %", Tone::Caution, "How often the best in one half of the time is below the median in the other. Good below 10 %."),
            figure("Plateau", "0.87", Tone::Good, "Mean metric of the neighbours, as a share of the best. Good from 0.8 on."),
            figure("Expected best by luck", "1.41", Tone::Plain, "What the best of as many worthless trials would show."),
            figure("Walk-forward efficiency", "—", Tone::Plain, word("Out-of-sample over in-sample.")),
        ],
        best: search
            .parameters(search.best)
            .iter()
            .zip(&search.axes)
            .map(|(value, axis)| parameter(&axis.name, value, "20"))
            .collect(),
        best_value: search.values[search.best],
        metrics,
        axes: search.axes.clone(),
        best_point: search.point(search.best),
        heat: search.heat(),
        line: if search.axes.len() == 1 { search.values.clone() } else { Vec::new() },
        histogram: search.histogram(20),
        top: search.top(20),
        top_columns: vec!["sharpe_ratio", "return_pct", "max_drawdown_pct", "trades_total", "profit_factor"],
        curve,
        walk_forward: Some(WalkForward {
            sentence: word("Out-of-sample the chosen parameters kept 38 % of the Sharpe ratio they had in-sample.").to_owned(),
            windows: vec![
                window(days("2017-08-25", "2018-05-27"), days("2018-05-28", "2018-11-27"), 20, 1.912, Some(0.732)),
                window(days("2018-02-25", "2018-11-27"), days("2018-11-28", "2019-05-27"), 25, 1.544, Some(-0.218)),
                window(days("2018-08-25", "2019-05-27"), days("2019-05-28", "2019-11-30"), 41, 1.702, None),
            ],
            stitched: vec![
                compared("sharpe_ratio", 1.719, 0.651),
                compared("cagr_pct", 44.1, 11.84),
                compared("max_drawdown_pct", 17.9, 28.3),
                compared("trades_total", 431.0, 122.0),
            ],
            curve: tail,
        }),
        settings: vec![
            pair("balance", "10000"),
            pair("commission", "10 bps a side"),
            pair("slippage", "5 bps"),
            pair("constraint", word("fast_period < slow_period")),
        ],
        provenance: vec![
            pair("mista", "0.1.0"),
            pair("script", "sha256 3f1c0a77b2d94e0c8d0f5a1f2b8e9c00"),
            pair("data", word("data/BTCUSDT_1h.csv, sha256 c0ffee00b2d94e0c8d0f5a1f2b8e9c11")),
        ],
        warnings: vec![word("28 gaps in the candles, 312 missing.").to_owned()],
        capsule: serde_json::json!({ "strategy": word("ma_crossover") }).to_string(),
        script: Script::Inline,
    }
}

/// Runs `of` on the page of `search`, and gives the page.
fn built(search: &Search, text: &str, of: impl FnOnce(&mut OptimizePage)) -> String {
    let run = run(20_000, 27, "");
    let metrics = Metrics::of(&run.outcome, &run.candles);
    let range = run.outcome.range.clone();
    let closes = &run.candles.close[range.clone()];
    let hold: Vec<f64> =
        closes.iter().map(|close| 10_000.0 * close / run.candles.open[range.start]).collect();
    let times = &run.candles.close_time[range];
    let curve = Curve { times, equity: &run.outcome.equity, hold: &hold };
    let mut page = page(search, Some(&metrics), curve, text);
    of(&mut page);
    optimize_page(&page)
}

#[test]
fn sections_in_their_order() {
    let html = built(&crossover(), "", |_| ());
    keep("optimize.html", &html);
    assert_offline(&html);
    assert!(html.contains(chart_script()) && html.len() - chart_script().len() < 400_000);
    insta::assert_snapshot!(skeleton(&html));
    let [data, capsule] = assert_harmless(&html, 4);
    assert_eq!(capsule["strategy"], "ma_crossover");
    assert_eq!(data["maps"].as_array().unwrap().len(), 3);
    assert_eq!(data["maps"][0]["z"].as_array().unwrap().len(), 6, "a row for each value of y");
    assert!(data["maps"][0]["z"][5][0].is_null(), "50 is not below 20");
    assert!(data["maps"][0]["rest"].as_str().unwrap().starts_with("stop_loss_pct "));
}

#[test]
fn hostile_texts_stay_texts() {
    let mut search = crossover();
    for axis in &mut search.axes {
        axis.name = HOSTILE.to_owned();
        axis.values[0] = HOSTILE.to_owned();
    }
    let html = built(&search, HOSTILE, |page| {
        page.interval = HOSTILE.to_owned();
        page.metric = HOSTILE;
        page.trained = pair(HOSTILE, HOSTILE);
        page.top_columns[0] = HOSTILE;
        page.figures[0] = Figure { name: HOSTILE, value: HOSTILE.to_owned(), ..page.figures[0].clone() };
        page.best.push(parameter(HOSTILE, HOSTILE, HOSTILE));
        page.settings.push(pair(HOSTILE, HOSTILE));
        page.provenance.push(pair(HOSTILE, HOSTILE));
        let walk = page.walk_forward.as_mut().unwrap();
        walk.stitched[0].key = HOSTILE;
        walk.windows[0].tested = pair(HOSTILE, HOSTILE);
        walk.windows[0].trained = pair(HOSTILE, HOSTILE);
    });
    keep("optimize_hostile.html", &html);
    let [data, capsule] = assert_harmless(&html, 4);
    assert_eq!(capsule["strategy"], HOSTILE);
    for text in [&data["metric"], &data["maps"][0]["x"]["name"], &data["maps"][0]["x"]["values"][0]] {
        assert!(text.as_str().unwrap().starts_with("&lt;/script&gt;"), "{text}");
    }
}

#[test]
fn one_parameter_is_a_line_and_many_values_are_a_map() {
    let values: Vec<String> = (1..=30).map(|value| (value * 5).to_string()).collect();
    let values: Vec<&str> = values.iter().map(String::as_str).collect();
    let html = built(&Search::of(vec![axis("period", &values)], |_| false), "", |page| {
        page.verdict.word = "sound";
        page.walk_forward = None;
    });
    keep("optimize_line.html", &html);
    assert!(html.contains("One parameter was searched.") && !html.contains("<select"));
    let axes = vec![axis("period", &values), axis("percent", &values)];
    let html = built(&Search::of(axes, |point| (point[0] + point[1]) % 7 == 0), "", |page| {
        page.metric = "max_drawdown_pct";
        page.higher_is_better = false;
        page.verdict.word = "overfit";
        let turned = |value: f64| 40.0 - value * 10.0;
        page.heat.iter_mut().flat_map(|heat| &mut heat.values).flatten().for_each(|x| *x = turned(*x));
        page.best_value = page.best_value.map(turned);
        page.histogram.edges.iter_mut().for_each(|x| *x = turned(*x));
        page.histogram.edges.reverse();
        page.histogram.counts.reverse();
    });
    keep("optimize_large.html", &html);
    assert!(!html.contains("<select"), "there is one pair");
    let html = built(&crossover(), "", |page| {
        page.metric = "return_pct";
        let turned = |value: f64| value * 60.0 - 50.0;
        page.heat.iter_mut().flat_map(|heat| &mut heat.values).flatten().for_each(|x| *x = turned(*x));
        page.best_value = page.best_value.map(turned);
        page.histogram.edges.iter_mut().for_each(|x| *x = turned(*x));
    });
    keep("optimize_signs.html", &html);
    assert!(html.contains("Return over the parameters"));
}

#[test]
fn a_search_that_found_nothing_has_a_page() {
    let search = Search::of(vec![axis("a", &["1", "2"]), axis("b", &["1", "2"])], |_| true);
    let html = optimize_page(&OptimizePage {
        verdict: Verdict { word: "losing", sentence: "No trial made a trade.".to_owned() },
        figures: Vec::new(),
        best: Vec::new(),
        best_point: Vec::new(),
        histogram: Histogram::default(),
        top: Vec::new(),
        walk_forward: None,
        ..page(&search, None, Curve::default(), "")
    });
    keep("optimize_nothing.html", &html);
    assert!(html.contains("Losing") && html.contains("None of 0 trials has a Sharpe ratio."));
    for gone in ["id=\"map\"", "id=\"distribution\"", "id=\"equity\"", "id=\"trials\"", "class=\"cards\""] {
        assert!(!html.contains(gone), "{gone}");
    }
    // Axes that are not there, and values that do not fill a map.
    let strange = built(&crossover(), "", |page| {
        page.heat = vec![Heat { x: 7, y: 0, values: vec![] }, Heat { x: 0, y: 1, values: vec![Some(1.0)] }];
        page.best_point = vec![99];
    });
    assert!(strange.contains("id=\"chart-map\""));
}
