//! The findings as a page.

use super::Search;
use super::best_params::BestParams;
use super::findings::{Findings, Walked};
use super::study::Study;
use super::verdict::{DSR_OVERFIT, DSR_SOUND, PBO_COIN, PBO_ON_PLATEAU, PLATEAU_FLAT, PLATEAU_PEAK};
use crate::job::{RunResult, parameter_rows, provenance};
use crate::model::{Candles, iso_date};
use crate::report::figures;
use crate::report::html::{
    Axis, Compared, Curve, Figure, OptimizePage, Script, Tone, TopRow, Verdict, WalkForward, Window,
    optimize_page,
};
use crate::report::number::{counted, grouped};
use std::ops::Range;

/// Figures that are shown of the best trials beside the metric.
const TOP: [&str; 6] =
    ["sharpe_ratio", "return_pct", "max_drawdown_pct", "trades_total", "win_rate_pct", "profit_factor"];

/// Figures by which in-sample and out-of-sample are compared.
pub const COMPARED: [&str; 10] = [
    "return_pct",
    "cagr_pct",
    "buy_and_hold_pct",
    "sharpe_ratio",
    "sortino_ratio",
    "volatility_pct",
    "max_drawdown_pct",
    "trades_total",
    "win_rate_pct",
    "profit_factor",
];

/// The metric first, then the others.
pub fn top_columns(metric: &str) -> Vec<&str> {
    std::iter::once(metric).chain(TOP.into_iter().filter(|key| *key != metric)).collect()
}

/// How the combinations were chosen.
pub fn search_in_words(study: &Study) -> String {
    match study.plan.search {
        Search::Grid => "grid".to_owned(),
        Search::Random { seed, .. } => {
            let all =
                study.plan.grid.len().map_or_else(|| "very many".to_owned(), |all| grouped(all as f64, 0));
            format!(
                "random, {} of {all} before constraints, seed {seed}",
                grouped(study.kept.len() as f64, 0)
            )
        }
    }
}

/// The page of an optimization; `best` is the run of its best trial.
pub fn page(
    study: &Study,
    findings: &Findings,
    best: &RunResult<'_>,
    params: &BestParams,
    script: Script,
) -> Result<String, serde_json::Error> {
    let (plan, setup) = (&study.plan, &study.setup);
    let candles = setup.candles();
    let metric = plan.metric.key();
    let columns = top_columns(metric);
    let top = findings.top.iter().enumerate().map(|(index, found)| TopRow {
        rank: index as u64 + 1,
        parameters: plan.grid.labels(found.number),
        values: columns.iter().map(|key| found.figures.get(key)).collect(),
    });
    let axes = plan.grid.axes.iter().map(|axis| Axis {
        name: axis.name.clone(),
        values: (0..axis.values.len()).map(|index| axis.label(index)).collect(),
    });
    // A map needs two parameters with several values.
    let several = |axis: &&crate::optimize::Axis| axis.values.len() > 1;
    let line = match plan.grid.axes.iter().filter(several).count() {
        1 => findings.lines.iter().find(|line| line.len() > 1).cloned().unwrap_or_default(),
        _ => Vec::new(),
    };
    let hold = hold(candles, setup.rows.clone(), setup.settings.initial_balance);
    let walked_hold = findings
        .walked
        .as_ref()
        .map(|walked| self::hold(candles, walked.outcome.range.clone(), walked.outcome.initial_balance))
        .unwrap_or_default();
    let mut warnings = best.notes.clone();
    if let Some((number, error)) = &findings.first_error {
        warnings.push(format!(
            "{} of {} failed; the first ({}): {error}",
            findings.failed,
            counted(findings.trials, "trial"),
            plan.grid.labels(*number).join(", ")
        ));
    }
    for step in findings.walked.iter().flat_map(|walked| &walked.steps) {
        if let Some(error) = &step.error {
            let (from, to) = days(candles, step.window.test.clone());
            warnings.push(format!("Walk-forward: nothing was traded from {from} to {to}: {error}"));
        }
    }
    let sentence = findings.sentence();
    // A base rule that was tried stays in the table where it came out as off.
    let searched = best.job.parameters.entries().iter().filter(|entry| {
        plan.grid.axes.iter().any(|axis| axis.name == entry.name)
            && best.job.parameters.written().all(|written| written.name != entry.name)
    });
    Ok(optimize_page(&OptimizePage {
        strategy: &plan.recipe.strategy,
        symbol: &plan.recipe.symbol,
        interval: plan.recipe.interval.clone(),
        metric,
        higher_is_better: plan.metric.higher_is_better(),
        trained: days(candles, setup.rows.clone()),
        candles: setup.rows.len(),
        search: search_in_words(study),
        trials: findings.trials,
        failed: findings.failed,
        untraded: findings.untraded,
        verdict: Verdict { word: findings.verdict.word(), sentence },
        figures: overfitting_figures(findings),
        best: parameter_rows(best.job.parameters.written().chain(searched)),
        best_value: findings.best.figures.get(metric),
        metrics: Some(&best.metrics),
        axes: axes.collect(),
        best_point: plan.grid.point(findings.best.number),
        heat: findings.heat.clone(),
        line,
        histogram: findings.histogram.clone(),
        top: top.collect(),
        top_columns: columns.clone(),
        curve: Curve {
            times: candles.close_time.get(setup.rows.clone()).unwrap_or_default(),
            equity: &best.outcome.equity,
            hold: &hold,
        },
        walk_forward: findings.walked.as_ref().map(|walked| walk_forward(study, walked, best, &walked_hold)),
        settings: setup.rows_of_settings(),
        provenance: [
            provenance(&params.recipe, &best.job.script.tier()),
            vec![("grid".into(), format!("sha256 {}", params.grid_sha256))],
        ]
        .concat(),
        warnings,
        capsule: serde_json::to_string(params)?,
        script,
    }))
}

/// The figures behind the verdict, with what they say. The deflated Sharpe ratio is there twice where the best
/// is not the trial with the highest Sharpe ratio.
pub fn overfitting_figures(findings: &Findings) -> Vec<Figure<'static>> {
    let (o, judged) = (&findings.overfitting, &findings.judged);
    let figure =
        |name, x: Option<f64>, places, hint: &str, good: fn(f64) -> bool, bad: fn(f64) -> bool| Figure {
            name,
            value: x.map_or_else(|| "—".to_owned(), |x| grouped(x, places)),
            hint: hint.to_owned(),
            tone: match x {
                Some(x) if good(x) => Tone::Good,
                Some(x) if bad(x) => Tone::Bad,
                Some(_) => Tone::Caution,
                None => Tone::Plain,
            },
        };
    let trials = counted(o.trials, "trial");
    let luck =
        |what: &str, sharpe: f64| format!("{what} {sharpe:.4}; luck alone would give {:.4}", o.expected_max);
    let highest = luck(&format!("highest per-candle Sharpe ratio of {trials}"), o.sharpe);
    let deflated =
        |name, dsr, luck: &str| figure(name, dsr, 3, luck, |x| x >= DSR_SOUND, |x| x < DSR_OVERFIT);
    let mut figures = match findings.best_is_highest() {
        true => vec![deflated("Deflated Sharpe ratio", o.dsr, &highest)],
        false => {
            let best = luck("per-candle Sharpe ratio of the best trial", judged.sharpe);
            vec![
                deflated("Deflated Sharpe ratio of the best", judged.dsr, &best),
                deflated("Deflated Sharpe ratio, highest Sharpe", o.dsr, &highest),
            ]
        }
    };
    let beside = match findings.neighbours {
        0 => "no neighbours in the grid were tried".to_owned(),
        1 => "the one neighbour in the grid, of the best's value".to_owned(),
        count => format!("median of the {count} neighbours in the grid, of the best's value"),
    };
    figures.extend([
        figure(
            "Probability of backtest overfitting",
            o.pbo,
            3,
            "how often the best of one half of the candles is below the median in the other",
            |x| x < PBO_COIN,
            |x| x >= PBO_ON_PLATEAU,
        ),
        figure("Plateau", o.plateau, 3, &beside, |x| x >= PLATEAU_FLAT, |x| x < PLATEAU_PEAK),
    ]);
    figures
}

fn walk_forward<'a>(
    study: &'a Study,
    walked: &'a Walked,
    best: &'a RunResult<'_>,
    hold: &'a [f64],
) -> WalkForward<'a> {
    let candles = study.setup.candles();
    let window = |step: &super::findings::Step| Window {
        trained: days(candles, step.window.train.clone()),
        tested: days(candles, step.window.test.clone()),
        parameters: match &step.best {
            Some(best) => study.plan.grid.labels(best.number),
            None => study.plan.grid.axes.iter().map(|_| "—".to_owned()).collect(),
        },
        in_sample: step.in_sample,
        out_of_sample: step.out_of_sample,
    };
    let compared = |key: &&'static str| Compared {
        key,
        in_sample: best.metrics.get(key).flatten(),
        out_of_sample: walked.metrics.get(key).flatten(),
    };
    let range = walked.outcome.range.clone();
    // Where the equity ended early there is nothing more to draw.
    let times = candles.close_time.get(range).unwrap_or_default();
    WalkForward {
        sentence: walked_sentence(study, walked),
        windows: walked.steps.iter().map(window).collect(),
        stitched: COMPARED.iter().map(compared).collect(),
        curve: Curve { times, equity: &walked.outcome.equity, hold },
    }
}

/// What the walk forward comes to.
pub fn walked_sentence(study: &Study, walked: &Walked) -> String {
    let metric = study.plan.metric.key();
    let kept = walked.steps.iter().filter(|step| match (step.in_sample, step.out_of_sample) {
        (Some(inside), Some(outside)) => {
            outside > 0.0 && study.plan.metric.score(outside) >= study.plan.metric.score(inside) * 0.5
        }
        _ => false,
    });
    let (kept, all) = (kept.count(), walked.steps.len());
    let windows = if all == 1 { "the only window".to_owned() } else { format!("{kept} of {all} windows") };
    let half = if study.plan.metric.higher_is_better() && (all > 1 || kept == 1) {
        format!(
            " In {windows} at least half of the {} held on the candles that followed.",
            figures::label(metric)
        )
    } else {
        String::new()
    };
    format!(
        "Chosen anew before each part and traded on it unseen, the {} came to {}, the return to {}.{half}",
        figures::label(metric),
        figures::text(metric, walked.metrics.get(metric).flatten()),
        figures::text("return_pct", Some(walked.metrics.return_pct)),
    )
}

/// First and last day of some rows.
pub fn days(candles: &Candles, rows: Range<usize>) -> (String, String) {
    let first = candles.open_time.get(rows.start).copied().unwrap_or_default();
    let last =
        rows.end.checked_sub(1).and_then(|row| candles.close_time.get(row)).copied().unwrap_or_default();
    (iso_date(first), iso_date(last))
}

/// What holding from the first open came to.
fn hold(candles: &Candles, rows: Range<usize>, balance: f64) -> Vec<f64> {
    let open = candles.open.get(rows.start).copied().unwrap_or_default();
    if open <= 0.0 {
        return Vec::new();
    }
    candles.close.get(rows).unwrap_or_default().iter().map(|close| balance * close / open).collect()
}
