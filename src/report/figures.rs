//! What the figures of [`Metrics`](super::Metrics) are called, how they are written, and which way is better.

use super::number::{days, grouped, pct, signed, signed_pct};

/// How a figure is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Style {
    /// Quote currency.
    Quote,
    /// Quote currency, gained or lost.
    SignedQuote,
    Pct,
    SignedPct,
    /// A plain number with so many places.
    Number(usize),
    Days,
}

/// Which direction is good news.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Better {
    Higher,
    Lower,
    Neither,
}

use Better::{Higher, Lower, Neither};
use Style::{Days, Number, Pct, Quote, SignedPct, SignedQuote};

/// Key, name, style, good direction, and what a null figure means.
const FIGURES: [(&str, &str, Style, Better, &str); 32] = [
    ("initial_balance", "Initial balance", Quote, Neither, ""),
    ("final_balance", "Final balance", Quote, Higher, ""),
    ("cumulative_profit", "Profit", SignedQuote, Higher, ""),
    ("return_pct", "Return", SignedPct, Higher, ""),
    ("buy_and_hold_pct", "Buy and hold", SignedPct, Neither, ""),
    ("cagr_pct", "CAGR", SignedPct, Higher, ""),
    ("volatility_pct", "Volatility, yearly", Pct, Lower, ""),
    ("sharpe_ratio", "Sharpe ratio", Number(3), Higher, ""),
    ("sortino_ratio", "Sortino ratio", Number(3), Higher, ""),
    ("calmar_ratio", "Calmar ratio", Number(3), Higher, ""),
    ("omega_ratio", "Omega ratio", Number(2), Higher, "no losing day"),
    ("max_drawdown_pct", "Max drawdown", Pct, Lower, ""),
    ("max_drawdown_quote", "Max drawdown, quote", Quote, Lower, ""),
    ("max_drawdown_days", "Longest drawdown", Days, Lower, ""),
    ("trades_total", "Trades", Number(0), Neither, ""),
    ("trades_won", "Won", Number(0), Neither, ""),
    ("trades_lost", "Lost", Number(0), Neither, ""),
    ("longest_winning_streak", "Longest winning streak", Number(0), Neither, ""),
    ("longest_losing_streak", "Longest losing streak", Number(0), Lower, ""),
    ("win_rate_pct", "Win rate", Pct, Higher, ""),
    ("profit_factor", "Profit factor", Number(2), Higher, "nothing lost"),
    ("payoff_ratio", "Payoff ratio", Number(2), Higher, "nothing lost"),
    ("expectancy", "Average trade (expectancy)", SignedQuote, Higher, ""),
    ("sqn", "SQN", Number(2), Higher, ""),
    ("average_trade", "Average trade", SignedQuote, Higher, ""),
    ("best_trade", "Best trade", SignedQuote, Higher, ""),
    ("worst_trade", "Worst trade", SignedQuote, Higher, ""),
    ("average_candles_held", "Candles held, average", Number(1), Neither, ""),
    ("exposure_pct", "Exposure", Pct, Neither, ""),
    ("commission_paid", "Commission paid", Quote, Lower, ""),
    ("slippage_paid", "Slippage paid", Quote, Lower, ""),
    ("ambiguous_exits", "Ambiguous exits", Number(0), Lower, ""),
];

fn of(key: &str) -> Option<&'static (&'static str, &'static str, Style, Better, &'static str)> {
    FIGURES.iter().find(|figure| figure.0 == key)
}

/// `sharpe_ratio` as `Sharpe ratio`; a key that is no figure stays as it is.
pub fn label(key: &str) -> &str {
    of(key).map_or(key, |figure| figure.1)
}

/// A figure in its unit. Null is what the figure then means (`nothing lost`), or `—`.
pub fn text(key: &str, x: Option<f64>) -> String {
    let (style, null) = of(key).map_or((Number(3), ""), |figure| (figure.2, figure.4));
    match (x, style) {
        (None, _) if null.is_empty() => "—".to_owned(),
        (None, _) => null.to_owned(),
        (Some(x), Quote) => grouped(x, 2),
        (Some(x), SignedQuote) => signed(x, 2),
        (Some(x), Pct) => pct(x),
        (Some(x), SignedPct) => signed_pct(x),
        (Some(x), Number(places)) => grouped(x, places),
        (Some(x), Days) => days(x),
    }
}

/// `after` less `before` in the figure's unit (`pp` are percentage points), signed; `—` unless both are there.
pub fn change(key: &str, before: Option<f64>, after: Option<f64>) -> String {
    let (Some(before), Some(after)) = (before, after) else { return "—".to_owned() };
    let x = after - before;
    match of(key).map_or(Number(3), |figure| figure.2) {
        Quote | SignedQuote => signed(x, 2),
        Pct | SignedPct => format!("{} pp", signed(x, 2)),
        Number(places) => signed(x, places),
        Days => format!("{} days", signed(x, 1)),
    }
}

/// Whether `after` is better than `before`; `None` where neither direction is, or nothing changed.
pub fn improved(key: &str, before: Option<f64>, after: Option<f64>) -> Option<bool> {
    let (before, after) = (before?, after?);
    let better = of(key).map_or(Neither, |figure| figure.3);
    if before == after || better == Neither {
        return None;
    }
    Some((after > before) == (better == Higher))
}

/// Whether less of a figure is better.
pub fn less_is_better(key: &str) -> bool {
    of(key).is_some_and(|figure| figure.3 == Lower)
}

/// Decimal places of a figure, and the unit written behind it (empty: none).
pub fn places(key: &str) -> (usize, &'static str) {
    match of(key).map_or(Number(3), |figure| figure.2) {
        Quote | SignedQuote => (2, ""),
        Pct | SignedPct => (2, " %"),
        Number(places) => (places, ""),
        Days => (1, " days"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Metrics;

    #[test]
    fn every_figure_has_a_name_and_the_order_of_the_metrics() {
        let keys: Vec<&str> = FIGURES.iter().map(|figure| figure.0).collect();
        assert_eq!(keys, Metrics::KEYS);
    }

    #[test]
    fn figures_are_written_in_their_unit() {
        assert_eq!(label("sharpe_ratio"), "Sharpe ratio");
        assert_eq!(label("my_score"), "my_score");
        assert_eq!(text("return_pct", Some(12.345)), "+12.35 %");
        assert_eq!(text("profit_factor", None), "nothing lost");
        assert_eq!(text("my_score", None), "—");
        assert_eq!(text("trades_total", Some(1234.0)), "1,234");
        assert_eq!(change("return_pct", Some(10.0), Some(4.0)), "-6.00 pp");
        assert_eq!(change("sharpe_ratio", Some(1.0), None), "—");
        assert_eq!(change("max_drawdown_days", Some(1.0), Some(3.5)), "+2.5 days");
    }

    #[test]
    fn better_is_lower_for_what_hurts() {
        assert_eq!(improved("sharpe_ratio", Some(1.0), Some(2.0)), Some(true));
        assert_eq!(improved("max_drawdown_pct", Some(10.0), Some(20.0)), Some(false));
        assert_eq!(improved("trades_total", Some(10.0), Some(20.0)), None);
        assert_eq!(improved("cagr_pct", Some(1.0), Some(1.0)), None);
        assert_eq!(improved("profit_factor", None, Some(1.0)), None);
    }
}
