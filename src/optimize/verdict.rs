//! What the figures about overfitting come to, in one sentence.
//!
//! The bounds were set on simulations: grids of 64 crossings of averages, breakouts and reversions to the mean,
//! long only and with shorts, over 250 to 10,000 candles, with a commission of 0.1 % and without. Of 64,000 walks
//! of prices without an edge 1 % were called sound, 2.7 % in the worst setting. Of 13,800 with a planted one 96 %
//! of those were that reach the deflated Sharpe ratio: how strong an edge must be to be seen is up to that alone.

use super::overfitting::Overfitting;
use serde::{Deserialize, Serialize};

/// The deflated Sharpe ratio that is asked for: the usual 5 % of error. It is what keeps luck out: on prices
/// without an edge 1 % of the best of 64 reach it, 3 % in the worst setting.
pub const DSR_SOUND: f64 = 0.95;
/// Below this luck is the likelier explanation.
pub const DSR_OVERFIT: f64 = 0.5;
/// From here on choosing the best was worth no more than the throw of a coin.
pub const PBO_COIN: f64 = 0.5;
/// The bound on a plateau instead. PBO compares the trials with each other and not with nothing: where all of a
/// grid has the same edge, which one wins is chance, and it may well exceed 0.5 (one in ten exceeds 0.65).
pub const PBO_ON_PLATEAU: f64 = 0.8;
/// Neighbours this close to the best are a plateau: a wrong choice among them costs little.
pub const PLATEAU_FLAT: f64 = 0.8;
/// Below this the best is a lone peak: half of it is gone one step aside.
pub const PLATEAU_PEAK: f64 = 0.5;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// More than luck, by every figure.
    Sound,
    /// Neither shown nor refuted.
    Doubtful,
    /// Selection explains it.
    Overfit,
    /// The best did not make money.
    Losing,
    /// The best did not trade.
    NoTrades,
}

impl Verdict {
    /// `best_return_positive`: whether the best combination made money. Without a deflated Sharpe ratio or a
    /// probability of overfitting nothing is sound; without a plateau, as after a random search, it may be.
    pub fn of(figures: &Overfitting, best_return_positive: bool, trades_of_best: u64) -> Verdict {
        if trades_of_best == 0 {
            return Verdict::NoTrades;
        }
        if !best_return_positive {
            return Verdict::Losing;
        }
        let (Some(dsr), Some(pbo)) = (figures.dsr, figures.pbo) else { return Verdict::Doubtful };
        let flat = figures.plateau.is_some_and(|plateau| plateau >= PLATEAU_FLAT);
        let peak = figures.plateau.is_some_and(|plateau| plateau < PLATEAU_PEAK);
        let chosen_well = pbo < if flat { PBO_ON_PLATEAU } else { PBO_COIN };
        if dsr >= DSR_SOUND {
            if chosen_well && !peak { Verdict::Sound } else { Verdict::Doubtful }
        } else if dsr >= DSR_OVERFIT && chosen_well {
            Verdict::Doubtful
        } else {
            Verdict::Overfit
        }
    }

    /// One word for tables and files.
    pub fn word(self) -> &'static str {
        match self {
            Verdict::Sound => "sound",
            Verdict::Doubtful => "doubtful",
            Verdict::Overfit => "overfit",
            Verdict::Losing => "losing",
            Verdict::NoTrades => "untraded",
        }
    }

    /// The verdict in one plain sentence, with the figures it stands on.
    pub fn sentence(self, figures: &Overfitting) -> String {
        let trials = match figures.trials {
            1 => "the one combination".to_owned(),
            trials => format!("the best of {trials} combinations"),
        };
        let word = match self {
            Verdict::NoTrades => return format!("Nothing to judge: {trials} made no trades."),
            Verdict::Losing => return format!("Nothing to trust: {trials} made no money."),
            Verdict::Sound => "Sound",
            Verdict::Doubtful => "Doubtful",
            Verdict::Overfit => "Overfit",
        };
        let mut parts = vec![match figures.dsr {
            Some(dsr) => {
                let only = if dsr < DSR_SOUND { "only " } else { "" };
                let certain = percent(dsr);
                format!(
                    "it is {only}{certain} certain that {trials} is more than luck (deflated Sharpe ratio)"
                )
            }
            None => format!("whether {trials} is more than luck cannot be told"),
        }];
        if let Some(pbo) = figures.pbo {
            parts.push(format!(
                "in {} of all splits what won on one half of the candles fell behind on the other \
                 (probability of overfitting)",
                percent(pbo)
            ));
        }
        if let Some(plateau) = figures.plateau {
            let harmless = self == Verdict::Sound && figures.pbo.is_some_and(|pbo| pbo >= PBO_COIN);
            let which = if harmless { "which costs little, as " } else { "" };
            let good =
                if plateau > 0.0 { format!("{} as good", percent(plateau)) } else { "no good".to_owned() };
            parts.push(format!("{which}the best one's neighbours in the grid are {good} (plateau)"));
        }
        format!("{word}: {}.", parts.join("; "))
    }
}

/// Rounded down, so that a figure just below a bound is not shown as the bound, and 100 % is certainty.
fn percent(part: f64) -> String {
    let percent = (part * 100.0 + 1e-9).floor();
    if percent < 1.0 { "under 1 %".to_owned() } else { format!("{percent:.0} %") }
}

#[cfg(test)]
#[path = "verdict_tests.rs"]
mod tests;
