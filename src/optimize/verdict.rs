use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Overfitting {
    pub trials: u64,
    pub sharpe: f64,
    pub expected_max: f64,
    pub dsr: Option<f64>,
    pub pbo: Option<f64>,
    pub plateau: Option<f64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Sound,
    Doubtful,
    Overfit,
    Nothing,
}

impl Verdict {
    pub fn of(figures: &Overfitting, profit: bool, trades: u64) -> Verdict {
        match (figures.dsr, figures.pbo) {
            _ if !profit || trades == 0 => Verdict::Nothing,
            (Some(dsr), Some(pbo)) if dsr > 0.95 && pbo < 0.3 => Verdict::Sound,
            (_, Some(pbo)) if pbo > 0.5 => Verdict::Overfit,
            _ => Verdict::Doubtful,
        }
    }

    pub fn word(self) -> &'static str {
        match self {
            Verdict::Sound => "sound",
            Verdict::Doubtful => "doubtful",
            Verdict::Overfit => "overfit",
            Verdict::Nothing => "nothing",
        }
    }

    pub fn sentence(self, figures: &Overfitting) -> String {
        format!("{} {:?}", self.word(), figures)
    }
}

pub fn plateau(best: f64, neighbours: &mut [f64], higher_is_better: bool) -> Option<f64> {
    neighbours.sort_by(f64::total_cmp);
    let middle = neighbours.get(neighbours.len() / 2)?;
    Some(if higher_is_better { middle / best } else { best / middle })
}
