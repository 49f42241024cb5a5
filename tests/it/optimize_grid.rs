//! Grids, random draws and walk-forward windows, against the simplest way to say what they are.

use crate::support::{BTC_1H, candles, root, script_path};
use mista::config::Overrides;
use mista::job::{Job, Market, Recipe};
use mista::model::iso;
use mista::optimize::{Axis, COMBINATIONS_MOST, Grid, Plan, Search, Shared, Study, WalkForward, Window};
use mista::script::{Parameters, Script, Value};
use proptest::prelude::*;
use std::path::Path;
use std::sync::{Arc, OnceLock};

/// Parameters `a` to `d`, and all base parameters.
fn parameters() -> Parameters {
    let declared = ["a", "b", "c", "d"].map(|name| format!("{name}: float(0.0, -100.0, 100.0)")).join(", ");
    let source = format!("fn params() {{ #{{ {declared} }} }}\nfn on_candle(ctx, p) {{}}\n");
    Script::compile("grid.rhai", &source, Path::new(".")).unwrap().parameters()
}

/// One to four axes of one to four different values; null among them.
fn axes() -> impl Strategy<Value = Vec<Axis>> {
    let value = prop_oneof![1 => Just(None), 5 => (-3..4i64).prop_map(Some)];
    prop::collection::vec(prop::collection::vec(value, 1..5), 1..5).prop_map(|axes| {
        let axis = |(index, mut values): (usize, Vec<Option<i64>>)| {
            let mut seen = Vec::new();
            values.retain(|value| !seen.contains(value) && (seen.push(*value), true).1);
            // Numbers of both kinds, as a file may hold them.
            let number =
                |value: i64| if value % 2 == 0 { Value::Int(value) } else { Value::Float(value as f64) };
            let values = values.into_iter().map(|value| value.map(number)).collect();
            Axis { name: ["a", "b", "c", "d"][index].to_owned(), values }
        };
        axes.into_iter().enumerate().map(axis).collect()
    })
}

/// A constraint, and the same as a function of `a` and `b` where neither is null.
type Rule = (&'static str, fn(f64, f64) -> bool);

const RULES: [Rule; 6] = [
    ("a < b", |a, b| a < b),
    ("b != a", |a, b| b != a),
    ("a + 1 <= b * 2", |a, b| a + 1.0 <= b * 2.0),
    ("-a >= b", |a, b| -a >= b),
    ("abs(a - b) < 2", |a, b| (a - b).abs() < 2.0),
    ("a + b == 0.0 || a > 0", |a, b| a + b == 0.0 || a > 0.0),
];

/// Every combination, the first axis slowest.
fn enumerated(axes: &[Axis]) -> Vec<Vec<usize>> {
    let mut points = vec![Vec::new()];
    for axis in axes {
        points = points
            .into_iter()
            .flat_map(|point| (0..axis.values.len()).map(move |index| [point.clone(), vec![index]].concat()))
            .collect();
    }
    points
}

fn number_of(value: &Option<Value>) -> Option<f64> {
    match value {
        Some(Value::Int(value)) => Some(*value as f64),
        Some(Value::Float(value)) => Some(*value),
        _ => None,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn numbers_and_points_are_those_of_nested_loops(axes in axes()) {
        let points = enumerated(&axes);
        let grid = Grid { axes, constraints: Vec::new() };
        let parameters = parameters();
        prop_assert_eq!(grid.len(), Some(points.len() as u64));
        for (number, point) in points.iter().enumerate() {
            prop_assert_eq!(&grid.point(number as u64), point);
            prop_assert_eq!(grid.number(point), number as u64);
            // Beside it are those that differ by one step on one axis.
            let beside = |other: &Vec<usize>| other.iter().zip(point).map(|(a, b)| a.abs_diff(*b)).sum::<usize>() == 1;
            let mut expected: Vec<u64> = (0..points.len()).filter(|other| beside(&points[*other])).map(|n| n as u64).collect();
            let mut found = grid.neighbours(number as u64);
            expected.sort();
            found.sort();
            prop_assert_eq!(expected, found);
            for ((axis, index), label) in grid.axes.iter().zip(point).zip(grid.labels(number as u64)) {
                match &axis.values[*index] {
                    None => prop_assert_eq!(label, "null"),
                    Some(value) => prop_assert_eq!(label, value.to_string()),
                }
            }
            // Its values come into force; null is no value of these.
            let mut parameters = parameters.clone();
            let values: Vec<_> = grid.axes.iter().zip(point).map(|(axis, index)| number_of(&axis.values[*index])).collect();
            if grid.apply(number as u64, &mut parameters).is_ok() {
                for (axis, value) in grid.axes.iter().zip(values) {
                    prop_assert_eq!(number_of(&parameters.get(&axis.name).cloned()), value);
                }
            } else {
                prop_assert!(values.contains(&None));
            }
        }
    }

    #[test]
    fn constraints_keep_what_a_filter_keeps(axes in axes(), rules in prop::collection::vec(0..RULES.len(), 0..4)) {
        prop_assume!(axes.len() > 1);
        let holds = |point: &[usize]| {
            let [a, b] = [0, 1].map(|axis: usize| number_of(&axes[axis].values[point[axis]]));
            // Whatever is compared with null holds; the last rule has a part without b.
            rules.iter().all(|rule| match (a, b) {
                (Some(a), Some(b)) => RULES[*rule].1(a, b),
                _ => true,
            })
        };
        let expected: Vec<u64> = enumerated(&axes)
            .iter()
            .enumerate()
            .filter(|(_, point)| holds(point))
            .map(|(number, _)| number as u64)
            .collect();
        let constraints = rules.iter().map(|rule| RULES[*rule].0.to_owned()).collect();
        let grid = Grid { axes: axes.clone(), constraints };
        let kept = grid.selected(Search::Grid, &parameters()).unwrap();
        let found: Vec<u64> = (0..kept.len()).map(|index| kept.get(index).unwrap()).collect();
        prop_assert_eq!(&found, &expected);
        prop_assert_eq!(kept.get(kept.len()), None);
        for number in 0..grid.len().unwrap() + 2 {
            let index = expected.iter().position(|kept| *kept == number).map(|index| index as u64);
            prop_assert_eq!(kept.index_of(number), index);
        }
    }

    #[test]
    fn random_draws_are_different_and_within(
        axes in axes(),
        rules in prop::collection::vec(0..RULES.len(), 0..2),
        samples in 1..40u64,
        seed in any::<u64>(),
    ) {
        prop_assume!(axes.len() > 1);
        let constraints = rules.iter().map(|rule| RULES[*rule].0.to_owned()).collect();
        let grid = Grid { axes, constraints };
        let draw = |search| {
            let kept = grid.selected(search, &parameters()).unwrap();
            (0..kept.len()).map(|index| kept.get(index).unwrap()).collect::<Vec<u64>>()
        };
        let all = draw(Search::Grid);
        let drawn = draw(Search::Random { samples, seed });
        prop_assert_eq!(drawn.len() as u64, samples.min(all.len() as u64));
        prop_assert!(drawn.is_sorted_by(|a, b| a < b));
        prop_assert!(drawn.iter().all(|number| all.binary_search(number).is_ok()));
        prop_assert_eq!(&drawn, &draw(Search::Random { samples, seed }));
        if samples >= all.len() as u64 {
            prop_assert_eq!(drawn, all);
        }
    }
}

/// A rule of a base parameter that is off is null where it is not searched, as it is where it is.
#[test]
fn a_rule_that_is_off_is_null_in_constraints() {
    let axes = vec![Axis {
        name: "stop_loss_pct".into(),
        values: vec![None, Some(Value::Float(0.02)), Some(Value::Float(0.2))],
    }];
    let kept = |parameters: &Parameters, constraint: &str| {
        let grid = Grid { axes: axes.clone(), constraints: vec![constraint.to_owned()] };
        let kept = grid.selected(Search::Grid, parameters).unwrap();
        (0..kept.len()).map(|index| kept.get(index).unwrap()).collect::<Vec<u64>>()
    };
    let mut parameters = parameters();
    assert_eq!(kept(&parameters, "stop_loss_pct < take_profit_pct"), [0, 1, 2], "no target");
    parameters.set("take_profit_pct", &mista::script::Written::Text("0.1".into())).unwrap();
    assert_eq!(kept(&parameters, "stop_loss_pct < take_profit_pct"), [0, 1]);
    assert_eq!(kept(&parameters, "stop_loss_pct < a"), [0], "a parameter of the script that is 0 is 0");
}

/// Axes of 3000, 3000 and 2 values: more than are gone through one by one.
fn huge(constraints: &[&str]) -> Grid {
    let axis = |name: &str, values: i64| Axis {
        name: name.into(),
        values: (0..values).map(|value| Some(Value::Float(value as f64 / 100.0))).collect(),
    };
    Grid {
        axes: vec![axis("a", 3000), axis("b", 3000), axis("c", 2)],
        constraints: constraints.iter().map(|text| (*text).to_owned()).collect(),
    }
}

#[test]
fn draws_from_a_grid_too_large_to_go_through() {
    let grid = huge(&["a < b"]);
    assert!(grid.len().unwrap() > COMBINATIONS_MOST);
    assert!(grid.selected(Search::Grid, &parameters()).is_err());
    let draw = |samples, seed| grid.selected(Search::Random { samples, seed }, &parameters()).unwrap();
    let one = draw(500, 1);
    assert_eq!(one.len(), 500);
    assert_eq!(one, draw(500, 1));
    assert_ne!(one, draw(500, 2));
    let numbers: Vec<u64> = (0..500).map(|index| one.get(index).unwrap()).collect();
    assert!(numbers.is_sorted_by(|a, b| a < b));
    for number in &numbers {
        let point = grid.point(*number);
        assert!(point[0] < point[1], "{point:?}");
    }
    // From all of the grid, not from one end of it: a below b has its middle at a third and two thirds.
    let mean = |axis: usize| numbers.iter().map(|number| grid.point(*number)[axis]).sum::<usize>() / 500;
    assert!((900..1100).contains(&mean(0)) && (1900..2100).contains(&mean(1)), "{} {}", mean(0), mean(1));

    assert!(
        huge(&["a < -1"]).selected(Search::Random { samples: 3, seed: 0 }, &parameters()).unwrap().is_empty()
    );
    let error = grid.selected(Search::Random { samples: COMBINATIONS_MOST + 1, seed: 0 }, &parameters());
    assert!(error.unwrap_err().contains("at most 10000000 are drawn"));
}

#[test]
fn every_combination_is_as_likely_as_any_other() {
    let grid = Grid {
        axes: vec![Axis { name: "a".into(), values: (0..50).map(|value| Some(Value::Int(value))).collect() }],
        constraints: Vec::new(),
    };
    let mut counts = [0u32; 50];
    for seed in 0..2000 {
        let drawn = grid.selected(Search::Random { samples: 5, seed }, &parameters()).unwrap();
        (0..5).for_each(|index| counts[drawn.get(index).unwrap() as usize] += 1);
    }
    // 200 each, with a deviation of 13.
    assert!(counts.iter().all(|count| (140..260).contains(count)), "{counts:?}");
}

/// A plan on bundled hours, and those hours.
fn plan() -> &'static (Plan, Shared) {
    static PLAN: OnceLock<(Plan, Shared)> = OnceLock::new();
    PLAN.get_or_init(|| {
        let overrides = Overrides { data: Some(root().join(BTC_1H)), ..Overrides::default() };
        let config = mista::config::BacktestRunConfig::load(None, &overrides).unwrap();
        let job = Job::of(Script::load(&script_path("breakout")).unwrap(), &config).unwrap();
        let market = Arc::new(Market::load(&config).unwrap());
        let plan = Plan {
            recipe: Recipe::of(&job.script, &job.parameters, &job.setup),
            grid: Grid {
                axes: vec![Axis { name: "entry_period".into(), values: vec![Some(Value::Int(20))] }],
                constraints: Vec::new(),
            },
            search: Search::Grid,
            walk_forward: None,
            metric: "sharpe_ratio".parse().unwrap(),
            min_trades: 1,
        };
        (plan, Shared::new(market, 50_000))
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 80, ..ProptestConfig::default() })]

    #[test]
    fn windows_follow_each_other_without_gap_or_overlap(
        start in 0..49_000usize,
        length in 1..12_000usize,
        windows in 1..30usize,
        anchored in any::<bool>(),
    ) {
        let (plan, shared) = plan();
        let all = candles(BTC_1H);
        let rows = start..(start + length).min(50_000);
        let mut plan = plan.clone();
        plan.recipe.start = iso(all.open_time[rows.start]);
        plan.recipe.end = iso(all.open_time[rows.end]);
        plan.walk_forward = Some(WalkForward { windows, anchored });
        let study = match Study::new(plan, Some(shared)) {
            Ok(study) => study,
            Err(error) => {
                // Too few candles, and only then.
                prop_assert!(error.to_string().contains("take fewer windows or more candles"), "{}", error);
                prop_assert!(rows.len() / (windows + 3) < 50);
                return Ok(());
            }
        };
        prop_assert_eq!(study.setup.rows.clone(), rows.clone());
        prop_assert_eq!(study.windows.len(), windows);
        let part = rows.len() / (windows + 3);
        let mut end = None;
        for (index, Window { train, test }) in study.windows.iter().enumerate() {
            // In-sample ends where its out-of-sample begins, which begins where the one before ended.
            prop_assert_eq!(train.end, test.start);
            prop_assert!(end.is_none_or(|end| end == test.start));
            end = Some(test.end);
            prop_assert!(train.start >= rows.start && test.end <= rows.end);
            let least = if anchored { (3 + index) * part } else { 3 * part };
            prop_assert_eq!(train.len(), least);
            prop_assert_eq!(train.start, if anchored { rows.start } else { rows.start + index * part });
            let last = index + 1 == windows;
            prop_assert!(test.len() == part || (last && test.len() < part + windows + 3), "{}", test.len());
            prop_assert_eq!(study.rows(index + 1), train.clone());
        }
        // Everything behind the first in-sample part is tested once.
        prop_assert_eq!(study.windows[0].test.start, rows.start + 3 * part);
        prop_assert_eq!(end, Some(rows.end));
        prop_assert_eq!(study.rows(0), rows);
        prop_assert_eq!(study.trials(), 1 + windows as u64);
    }
}
