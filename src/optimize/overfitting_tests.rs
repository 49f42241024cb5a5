use super::*;
use proptest::prelude::*;

/// The columns of `tests/overfitting/returns.csv`: 100 candles of nine trials. The eighth is flat, the ninth is
/// like the third for 52 candles. What is expected of it is what `tests/overfitting/reference.py` prints.
fn fixture() -> Vec<Vec<f64>> {
    let text = include_str!("../../tests/overfitting/returns.csv");
    let mut columns = vec![Vec::new(); 9];
    for line in text.lines() {
        for (column, cell) in columns.iter_mut().zip(line.split(',')) {
            column.push(cell.parse().unwrap());
        }
    }
    columns
}

/// An equity curve with the given returns, from 1000 on.
fn curve(returns: &[f64]) -> Vec<f64> {
    let grow = |equity: &mut f64, r: &f64| {
        *equity *= 1.0 + r;
        Some(*equity)
    };
    returns.iter().scan(1000.0, grow).collect()
}

fn moments(returns: &[f64]) -> Moments {
    Moments::of(1000.0, &curve(returns))
}

/// Block sums of `rows` returns each.
fn blocks(returns: &[f64], rows: usize) -> BlockSums {
    assert_eq!(returns.len(), rows * BLOCKS);
    std::array::from_fn(|block| {
        let returns = &returns[block * rows..(block + 1) * rows];
        [returns.iter().sum(), returns.iter().map(|r| r * r).sum()]
    })
}

/// PBO with both showings in chunks of the given sizes, over and over.
fn pbo_in_chunks(trials: &[BlockSums], rows: usize, sizes: [usize; 2]) -> Option<f64> {
    let mut first = InSample::new(rows);
    trials.chunks(sizes[0]).for_each(|chunk| first.see(chunk));
    let mut second = first.finish();
    trials.chunks(sizes[1]).for_each(|chunk| second.see(chunk));
    second.finish()
}

fn pbo(trials: &[BlockSums], rows: usize) -> Option<f64> {
    pbo_in_chunks(trials, rows, [usize::MAX; 2])
}

#[track_caller]
fn close(left: f64, right: f64, tolerance: f64) {
    assert!((left - right).abs() <= tolerance * right.abs().max(1e-300), "{left} is not {right}");
}

// ---- returns

#[test]
fn the_first_return_is_against_the_initial_balance_and_none_is_on_nothing() {
    let all: Vec<f64> = returns(100.0, &[110.0, 55.0, 0.0, 20.0, -10.0, -20.0, 5.0, 10.0]).collect();
    close(all[0], 0.1, 1e-12);
    assert_eq!(all[1..], [-0.5, -1.0, 0.0, -1.5, 0.0, 0.0, 1.0]);
    let odd: Vec<f64> = returns(0.0, &[1e-300, 1e300, f64::NAN, 5.0]).collect();
    assert_eq!(odd, [0.0; 4]);
}

#[test]
fn the_oldest_are_in_no_block_but_in_the_sharpe_ratio() {
    // 35 candles: 3 left out, 2 in each block. Sums of powers of two, so nothing is rounded.
    let returns: Vec<f64> = [1.0, -0.5, 1.0].into_iter().chain([0.5, 0.0].repeat(16)).collect();
    let sums = ReturnSums::of(1000.0, &curve(&returns));
    assert_eq!(sums.blocks, [[0.5, 0.25]; BLOCKS]);
    // Sum 9.5 of 35; squares 2.25 + 4 = 6.25.
    let mean: f64 = 9.5 / 35.0;
    close(sums.sharpe, mean / ((6.25 - 35.0 * mean * mean) / 34.0).sqrt(), 1e-14);
}

#[test]
fn what_is_undefined_is_zero() {
    for equity in [vec![], vec![1100.0], vec![1000.0; 40]] {
        assert_eq!(ReturnSums::of(1000.0, &equity).sharpe, 0.0, "{equity:?}");
        assert_eq!(deflated_sharpe(&Moments::of(1000.0, &equity), 5, 0.1), None, "{equity:?}");
    }
    // Equal returns do not deviate but for rounding.
    for r in [1e-7, 1e-4, 0.003, 0.1] {
        let equity = curve(&vec![r; 2000]);
        let sums = ReturnSums::of(1000.0, &equity);
        assert_eq!(sums.sharpe, 0.0, "{r}");
        let [sum, squares] = sums.blocks.iter().take(8).fold([0.0; 2], |a, b| [a[0] + b[0], a[1] + b[1]]);
        assert_eq!(standing(sum, squares, Lanes::new(125).limit), 0.0, "{r}");
        let moments = Moments::of(1000.0, &equity);
        assert_eq!((moments.sharpe, moments.kurtosis), (0.0, 0.0), "{r}");
    }
}

#[test]
fn moments_by_hand() {
    // Mean 0.25, deviations -0.25 -0.25 -0.25 0.75: squares sum to 0.75, cubes to 0.375, fourths to 0.328125.
    let moments = moments(&[0.0, 0.0, 0.0, 1.0]);
    assert_eq!(moments.count, 4);
    close(moments.sharpe, 0.25 / 0.5, 1e-15);
    close(moments.skewness, (0.375 / 4.0) / (0.1875f64).powf(1.5), 1e-14);
    close(moments.kurtosis, (0.328125 / 4.0) / (0.1875 * 0.1875), 1e-14);
}

#[test]
fn spread_by_hand() {
    let mut spread = SharpeSpread::default();
    assert_eq!((spread.count(), spread.variance(), spread.best()), (0, 0.0, None));
    for (index, sharpe) in [(7, -1.0), (8, 3.0), (9, 3.0), (12, 0.0)] {
        spread.see(index, sharpe);
    }
    // Mean 1.25, squared deviations 5.0625 + 2 × 3.0625 + 1.5625 = 12.75.
    close(spread.variance(), 12.75 / 3.0, 1e-15);
    assert_eq!((spread.count(), spread.best()), (4, Some((8, 3.0))));
}

// ---- DSR

#[test]
fn the_normal_distribution_to_the_last_digits() {
    // 40 digits of mpmath, shortened.
    for (x, expected) in [
        (-37.0, 5.725571222524577e-300),
        (-20.0, 2.7536241186062337e-89),
        (-10.0, 7.619853024160526e-24),
        (-5.0, 2.866515718791939e-7),
        (-3.0, 1.3498980316300945e-3),
        (-0.75, 0.2266273523768682),
        (0.0, 0.5),
        (0.3, 0.6179114221889527),
        (2.5, 0.993790334674224),
    ] {
        close(normal(x), expected, 2e-13);
    }
    for (q, expected) in [
        (0.49, 0.025068908258711058),
        (0.25, 0.6744897501960817),
        (0.05, 1.6448536269514727),
        (1e-3, 3.0902323061678135),
        (1e-6, 4.753424308822899),
        (1e-12, 7.034483825301132),
        (1e-18, 8.757290348782315),
    ] {
        close(upper_quantile(q), expected, 1e-15);
    }
    assert!(upper_quantile(0.5).abs() < 1e-15);
    assert!(upper_quantile(1.0 / u64::MAX as f64).is_finite());
}

#[test]
fn the_example_of_the_paper() {
    // Yearly Sharpe ratio 2.5 over five years of 250 days, the best of 100, with yearly variance 1/2.
    let day = |sharpe: f64| sharpe / 250f64.sqrt();
    let best = Moments { count: 1250, sharpe: day(2.5), skewness: -3.0, kurtosis: 10.0 };
    let variance = 0.5 / 250.0;
    close(expected_max(100, variance), 0.1132, 5e-4);
    close(deflated_sharpe(&best, 100, variance).unwrap(), 0.9004, 1e-4);
    close(deflated_sharpe(&best, 46, variance).unwrap(), 0.9505, 1e-4);
    let normal = Moments { skewness: 0.0, kurtosis: 3.0, ..best };
    close(deflated_sharpe(&normal, 88, variance).unwrap(), 0.9505, 1e-4);
}

#[test]
fn one_trial_has_nothing_to_deflate() {
    let best = Moments { count: 101, sharpe: 0.1, skewness: 0.0, kurtosis: 3.0 };
    assert_eq!(expected_max(1, 0.3), 0.0);
    // 0.1 · 10 / √(1 + 0.1² / 2)
    close(deflated_sharpe(&best, 1, 0.0).unwrap(), normal(1.0 / 1.005f64.sqrt()), 1e-14);
    // The more trials, the less is left.
    let dsr: Vec<f64> =
        [1, 2, 3, 10, 1000, 1_000_000].map(|trials| deflated_sharpe(&best, trials, 0.01).unwrap()).to_vec();
    assert!(dsr.windows(2).all(|pair| pair[1] < pair[0]), "{dsr:?}");
    assert_eq!(deflated_sharpe(&best, 0, 0.0), None);
}

#[test]
fn the_fixture_agrees_with_the_reference() {
    let mut spread = SharpeSpread::default();
    let mut trials = Vec::new();
    for (index, column) in fixture().iter().enumerate() {
        let sums = ReturnSums::of(1000.0, &curve(column));
        spread.see(index as u64, sums.sharpe);
        close(sums.sharpe, moments(column).sharpe, 1e-12);
        // From the returns themselves, as the reference: a curve rounds them, and equals no longer are.
        trials.push(blocks(&column[4..], 6));
    }
    assert_eq!(spread.best().map(|(index, _)| index), Some(4));
    let figures = Overfitting::of(&moments(&fixture()[4]), &spread, pbo(&trials, 6), None);
    close(figures.sharpe, 0.2360127803637156, 1e-12);
    close(figures.expected_max, 0.1663537335577653, 1e-12);
    close(figures.dsr.unwrap(), 0.7563518809789291, 1e-12);
    assert_eq!(figures.pbo, Some(5990.0 / 12870.0));
}

// ---- PBO

#[test]
fn there_are_12870_splits_and_each_has_its_mirror() {
    let splits = splits();
    assert_eq!(splits.len(), 12870);
    assert!(splits.iter().all(|&split| splits.contains(&others(split))));
}

#[test]
fn a_winner_everywhere_is_not_overfitted() {
    let noise: Vec<f64> = (0..32).map(|row| f64::from(row * 7 % 5) - 2.0).collect();
    let better: Vec<f64> = noise.iter().map(|r| r + 1.0).collect();
    assert_eq!(pbo(&[blocks(&noise, 2), blocks(&better, 2)], 2), Some(0.0));
    assert_eq!(pbo(&[blocks(&better, 2), blocks(&noise, 2)], 2), Some(0.0));
}

#[test]
fn what_works_in_one_half_only_is_overfitted() {
    // The first trial earns in the older eight blocks, the second in the younger. With more older blocks in
    // sample the first wins, and the second has more of its blocks out of sample; with four of each it is a tie
    // inside and outside. In the split of older against younger equal returns give no Sharpe ratio: ties again.
    let older: Vec<f64> = (0..16).map(|block| f64::from(u8::from(block < 8))).collect();
    let younger: Vec<f64> = older.iter().map(|r| 1.0 - r).collect();
    assert_eq!(pbo(&[blocks(&older, 1), blocks(&younger, 1)], 1), Some(1.0));
}

#[test]
fn ties_in_sample_go_to_the_first_and_out_of_sample_share_the_mean_rank() {
    let idle = blocks(&[0.0; 32], 2);
    let mut once = [0.0; 32];
    (once[0], once[1]) = (1.0, 2.0);
    let once = blocks(&once, 2);
    // With its block in sample it wins, and outside all are idle: rank 1.5 of 2, logit 0, which counts. With
    // its block outside all tie inside, and the first is chosen: itself, rank 2, or the idle one, rank 1.
    assert_eq!(pbo(&[once, idle], 2), Some(0.5));
    assert_eq!(pbo(&[idle, once], 2), Some(1.0));
    // Of three: rank 2 of 3 is a logit of 0.
    assert_eq!(pbo(&[once, idle, idle], 2), Some(0.5));
    assert_eq!(pbo(&[idle; 2], 2), Some(1.0));
    assert_eq!(pbo(&[idle; 40], 2), Some(1.0));
}

#[test]
fn equals_are_equal_whatever_their_balance_and_order() {
    let limit = Lanes::new(4).limit;
    let returns = [0.013, -0.004, 0.007, -0.021, 0.0003, 0.011, -0.0005, 0.002].repeat(4);
    let of = |returns: &[f64]| {
        let [sum, squares] = [returns.iter().sum::<f64>(), returns.iter().map(|r| r * r).sum()];
        (sum, standing(sum, squares, limit))
    };
    let reversed: Vec<f64> = returns.iter().rev().copied().collect();
    let rich: Vec<f64> =
        super::returns(1e7 / 3.0, &curve(&returns).iter().map(|e| e * 1e4 / 3.0).collect::<Vec<_>>())
            .collect();
    assert_ne!(of(&returns).0, of(&rich).0);
    let equal = |a: f64, b: f64| (a - b).abs() <= slack(a);
    assert!(equal(of(&returns).1, of(&rich).1));
    assert!(equal(of(&returns).1, of(&reversed).1));
    assert!(!equal(of(&returns).1, of(&[&returns[1..], &[0.013 + 1e-10]].concat()).1));
}

#[test]
fn undefined_under_two_trials_without_candles_and_with_half_a_second_showing() {
    let trial = blocks(&[1.0; 16], 1);
    assert_eq!(pbo(&[], 1), None);
    assert_eq!(pbo(&[trial], 1), None);
    assert_eq!(pbo(&[trial; 2], 0), None);
    let mut first = InSample::new(1);
    first.see(&[trial; 20]);
    let mut second = first.finish();
    second.see(&[trial; 19]);
    assert_eq!(second.finish(), None);
}

#[test]
fn figures_too_large_to_square_are_no_sharpe_ratio() {
    let huge = blocks(&[1e200, -1e190].repeat(16), 2);
    let calm = blocks(&[1.0, 2.0].repeat(16), 2);
    assert_eq!(pbo(&[calm, huge], 2), Some(0.0));
}

/// The Sharpe ratio of whole numbers, squared and with its sign, but for a factor that depends on their count
/// only: S·|S| over n·Q − S², which are whole numbers too.
#[derive(Clone, Copy)]
struct Exact(i128, i128);

impl Exact {
    fn of(returns: &[i128]) -> Exact {
        let (sum, squares): (i128, i128) = (returns.iter().sum(), returns.iter().map(|r| r * r).sum());
        let spread = returns.len() as i128 * squares - sum * sum;
        if spread == 0 { Exact(0, 1) } else { Exact(sum * sum.abs(), spread) }
    }

    fn compare(self, other: Exact) -> std::cmp::Ordering {
        (self.0 * other.1).cmp(&(other.0 * self.1))
    }
}

/// CSCV as the paper tells it, in whole numbers: how many splits have a logit ≤ 0.
fn overfitted(columns: &[Vec<i128>], rows: usize) -> usize {
    let half = |column: &[i128], blocks: u16| {
        let inside = |(row, _): &(usize, &i128)| blocks >> (row / rows) & 1 == 1;
        Exact::of(&column.iter().enumerate().filter(inside).map(|(_, r)| *r).collect::<Vec<_>>())
    };
    let lost = |blocks: &u16| {
        let inside: Vec<Exact> = columns.iter().map(|column| half(column, *blocks)).collect();
        let outside: Vec<Exact> = columns.iter().map(|column| half(column, !blocks)).collect();
        let winner = (1..columns.len())
            .fold(0, |best, k| if inside[k].compare(inside[best]).is_gt() { k } else { best });
        let below = outside.iter().filter(|other| other.compare(outside[winner]).is_lt()).count();
        let equal = outside.iter().filter(|other| other.compare(outside[winner]).is_eq()).count();
        let rank = below as f64 + (equal as f64 + 1.0) / 2.0;
        let relative = rank / (columns.len() as f64 + 1.0);
        (relative / (1.0 - relative)).ln() <= 0.0
    };
    (0..=u16::MAX).filter(|blocks| blocks.count_ones() == 8).filter(lost).count()
}

/// Some columns, some of them equal to others or flat in part, with small whole returns.
fn columns() -> impl Strategy<Value = (Vec<Vec<i128>>, usize)> {
    (1..=3usize, 2..=5usize).prop_flat_map(|(rows, count)| {
        let column = (prop::collection::vec(-2..=3i128, rows * BLOCKS), 0..=rows * BLOCKS, 0..3u8);
        prop::collection::vec(column, count).prop_map(move |drawn| {
            let first = drawn[0].0.clone();
            let column = |(mut returns, until, kind): (Vec<i128>, usize, u8)| {
                match kind {
                    0 => returns[..until].fill(0),
                    1 => returns[..until].copy_from_slice(&first[..until]),
                    _ => {}
                }
                returns
            };
            (drawn.into_iter().map(column).collect(), rows)
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_splits_are_counted_as_the_paper_tells_it((columns, rows) in columns()) {
        let floats = |column: &Vec<i128>| column.iter().map(|r| *r as f64).collect::<Vec<f64>>();
        let trials: Vec<BlockSums> = columns.iter().map(|column| blocks(&floats(column), rows)).collect();
        let expected = overfitted(&columns, rows) as f64 / 12870.0;
        prop_assert_eq!(pbo(&trials, rows), Some(expected));
    }

    #[test]
    fn chunks_of_any_size_give_the_same(
        trials in prop::collection::vec(prop::array::uniform16((-1.0..1.0, 1.0..2.0)), 2..60),
        sizes in prop::array::uniform2(1..70usize),
    ) {
        let trials: Vec<BlockSums> =
            trials.iter().map(|trial| trial.map(|(sum, squares)| [sum, squares])).collect();
        let whole = pbo(&trials, 4);
        prop_assert!(whole.is_some());
        prop_assert_eq!(pbo_in_chunks(&trials, 4, sizes), whole);
    }

    #[test]
    fn a_standing_rises_with_the_sharpe_ratio(
        pair in prop::array::uniform2(prop::collection::vec(-1.0..1.0, 32)),
    ) {
        let limit = Lanes::new(4).limit;
        let [left, right] = pair.map(|returns: Vec<f64>| {
            let (sum, squares) = (returns.iter().sum::<f64>(), returns.iter().map(|r| r * r).sum::<f64>());
            (moments(&returns).sharpe, standing(sum, squares, limit))
        });
        prop_assert_eq!(left.0 < right.0, left.1 < right.1);
    }
}

// ---- plateau

#[test]
fn plateaus_by_hand() {
    assert_eq!(plateau(2.0, &mut [], true), None);
    assert_eq!(plateau(2.0, &mut [1.0], true), Some(0.5));
    assert_eq!(plateau(2.0, &mut [3.0, -1.0, 1.0], true), Some(0.5));
    assert_eq!(plateau(2.0, &mut [3.0, -1.0, 1.0, 2.0], true), Some(0.75));
    assert_eq!(plateau(2.0, &mut [-1.0, -3.0], true), Some(-1.0));
    assert_eq!(plateau(0.0, &mut [1.0], true), None);
    assert_eq!(plateau(-1.0, &mut [-1.0], true), None);
    assert_eq!(plateau(2.0, &mut [4.0, 2.5, 9.0], false), Some(0.5));
    assert_eq!(plateau(0.0, &mut [4.0], false), None);
    assert_eq!(plateau(2.0, &mut [0.0], false), None);
    assert_eq!(plateau(2.0, &mut [f64::NAN], true), None);
}

/// `cargo test --release -- --ignored --nocapture pbo_of_many`
#[test]
#[ignore = "a measurement"]
fn pbo_of_many_trials() {
    let mut seed = 1u64;
    let mut next = move || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 11) as f64 / (1u64 << 53) as f64
    };
    for count in [100, 10_000, 100_000] {
        let trials: Vec<BlockSums> =
            (0..count).map(|_| std::array::from_fn(|_| [next() - 0.5, 1.0 + next()])).collect();
        let start = std::time::Instant::now();
        let pbo = pbo(&trials, 100);
        println!("{count} trials: {pbo:?} in {:?}", start.elapsed());
    }
}
