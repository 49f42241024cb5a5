use super::super::overfitting::{BlockSums, InSample, Moments, ReturnSums, SharpeSpread, plateau};
use super::*;

fn figures(dsr: f64, pbo: f64, plateau: Option<f64>) -> Overfitting {
    Overfitting { trials: 64, sharpe: 0.05, expected_max: 0.03, dsr: Some(dsr), pbo: Some(pbo), plateau }
}

#[test]
fn verdicts_at_the_bounds() {
    for (dsr, pbo, plateau, expected) in [
        (0.95, 0.49, None, Verdict::Sound),
        (0.95, 0.50, None, Verdict::Doubtful),
        (0.95, 0.50, Some(0.79), Verdict::Doubtful),
        (0.95, 0.79, Some(0.80), Verdict::Sound),
        (0.95, 0.80, Some(0.80), Verdict::Doubtful),
        (0.99, 0.01, Some(0.49), Verdict::Doubtful),
        (0.99, 0.01, Some(0.50), Verdict::Sound),
        (0.94, 0.01, Some(1.0), Verdict::Doubtful),
        (0.94, 0.50, None, Verdict::Overfit),
        (0.50, 0.49, None, Verdict::Doubtful),
        (0.49, 0.01, Some(1.0), Verdict::Overfit),
    ] {
        let figures = figures(dsr, pbo, plateau);
        assert_eq!(Verdict::of(&figures, true, 20), expected, "{figures:?}");
        assert_eq!(Verdict::of(&figures, false, 20), Verdict::Losing);
        assert_eq!(Verdict::of(&figures, true, 0), Verdict::NoTrades);
    }
    let untold = Overfitting { pbo: None, ..figures(0.99, 0.0, Some(1.0)) };
    assert_eq!(Verdict::of(&untold, true, 20), Verdict::Doubtful);
}

#[test]
fn sentences() {
    let sentence = |figures: Overfitting, trades| Verdict::of(&figures, true, trades).sentence(&figures);
    let shown = [
        sentence(figures(0.9996, 0.004, Some(0.93)), 20),
        sentence(figures(0.97, 0.6, Some(0.93)), 20),
        sentence(figures(0.9499, 0.1, None), 20),
        sentence(figures(0.31, 0.72, Some(-0.2)), 20),
        sentence(Overfitting { trials: 1, pbo: None, plateau: None, ..figures(0.99, 0.0, None) }, 20),
        sentence(Overfitting { dsr: None, ..figures(0.0, 0.2, None) }, 20),
        sentence(figures(0.0, 1.0, None), 0),
        Verdict::Losing.sentence(&figures(0.1, 0.6, None)),
    ];
    insta::assert_snapshot!(shown.join("\n"));
}

/// A number from 0 to 1, the same ones every time.
struct Draw(u64);

impl Draw {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let mixed = (self.0 ^ (self.0 >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        (mixed >> 11) as f64 / (1u64 << 53) as f64
    }
}

const SIDE: usize = 6;

/// The verdict over a grid of 36 crossings of two averages, long only, on the given prices.
fn judge(prices: &[f64], commission: f64) -> Verdict {
    let mean = |row: usize, period: usize| prices[row + 1 - period..=row].iter().sum::<f64>() / period as f64;
    let column = |period: usize| (200..prices.len()).map(|row| mean(row, period)).collect::<Vec<f64>>();
    let fast = [4, 8, 12, 18, 25, 35].map(column);
    let slow = [50, 65, 85, 110, 140, 180].map(column);
    let mut trials = Vec::new();
    for fast in &fast {
        for slow in &slow {
            let (mut equity, mut long, mut trades, mut curve) = (1000.0, false, 0u64, Vec::new());
            for ((row, fast), slow) in (200..prices.len() - 1).zip(fast).zip(slow) {
                if long != (fast > slow) {
                    long = !long;
                    trades += u64::from(long);
                    equity *= 1.0 - commission;
                }
                equity *= if long { prices[row + 1] / prices[row] } else { 1.0 };
                curve.push(equity);
            }
            trials.push((ReturnSums::of(1000.0, &curve), curve, trades));
        }
    }
    let mut spread = SharpeSpread::default();
    trials.iter().enumerate().for_each(|(index, trial)| spread.see(index as u64, trial.0.sharpe));
    let best = spread.best().unwrap().0 as usize;
    let blocks: Vec<BlockSums> = trials.iter().map(|trial| trial.0.blocks).collect();
    let mut first = InSample::new(trials[best].1.len() / 16);
    first.see(&blocks);
    let mut second = first.finish();
    second.see(&blocks);
    let (x, y) = (best / SIDE, best % SIDE);
    let beside = |index: &usize| (index / SIDE).abs_diff(x) + (index % SIDE).abs_diff(y) == 1;
    let mut neighbours: Vec<f64> =
        (0..SIDE * SIDE).filter(beside).map(|index| trials[index].0.sharpe).collect();
    let plateau = plateau(trials[best].0.sharpe, &mut neighbours, true);
    let curve = &trials[best].1;
    let figures = Overfitting::of(&Moments::of(1000.0, curve), &spread, second.finish(), plateau);
    Verdict::of(&figures, curve.last().is_some_and(|&last| last > 1000.0), trials[best].2)
}

/// Prices that move by 1 % at every candle; the chance to go on up or down is as `edge` says, which turns
/// around every 200 candles or so.
fn prices(seed: u64, edge: f64) -> Vec<f64> {
    let (mut draw, mut price, mut lean) = (Draw(seed), 100.0, edge);
    let mut step = || {
        if draw.next() < 1.0 / 200.0 {
            lean = -lean;
        }
        price *= if draw.next() < 0.5 + lean { 1.01 } else { 0.99 };
        price
    };
    (0..2200).map(|_| step()).collect()
}

#[test]
fn coins_are_not_called_sound_and_trends_are() {
    let sound = |edge: f64, walks: u64| {
        // Every other one without costs.
        let judge = |seed: u64| judge(&prices(seed, edge), if seed.is_multiple_of(2) { 0.001 } else { 0.0 });
        (1..=walks).filter(|&seed| judge(seed) == Verdict::Sound).count()
    };
    assert!(sound(0.0, 60) <= 3);
    assert!(sound(0.15, 20) >= 16);
}
