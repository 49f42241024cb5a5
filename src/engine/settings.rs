//! What a run is asked to do: money, costs, the base rules every script gets, and the risk limits.
//! These are checked values; reading and checking what a user wrote is the business of `config`.

use crate::model::{Instrument, Size};
use serde::{Deserialize, Serialize};

/// Everything the engine needs to know besides the strategy and the candles.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    pub symbol: String,
    /// Quote currency.
    pub initial_balance: f64,
    pub costs: Costs,
    /// Size of an entry unless the script gives one.
    pub size: Size,
    pub allow_short: bool,
    pub rules: Rules,
    pub limits: Limits,
    /// Order filters of the exchange; `None` trades any quantity.
    pub instrument: Option<Instrument>,
    pub booking: Booking,
    /// Largest entry, quote currency.
    pub max_order_notional: Option<f64>,
}

/// How fills are booked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Booking {
    /// Commission in quote currency, levels as exact as they are computed: what a backtest means.
    #[default]
    Quote,
    /// As the exchange does: commission out of what is received, levels on the grid of prices, exits of whole
    /// steps, and what is smaller than a step stays in the books. Needs an instrument; longs only.
    Exchange,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            symbol: String::new(),
            initial_balance: 10_000.0,
            costs: Costs::default(),
            size: Size::EquityPct(95.0),
            allow_short: false,
            rules: Rules::default(),
            limits: Limits::default(),
            instrument: None,
            booking: Booking::Quote,
            max_order_notional: None,
        }
    }
}

/// Costs of a fill, in basis points (1/10,000).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Costs {
    /// Of the notional, on each side.
    pub commission_bps: f64,
    /// Of the price, against us.
    pub slippage_bps: f64,
}

impl Default for Costs {
    fn default() -> Self {
        Costs { commission_bps: 10.0, slippage_bps: 0.0 }
    }
}

/// The base rules, all off by default. Distances are fractions: 0.02 is 2 %.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Rules {
    pub stop_loss_pct: Option<f64>,
    pub take_profit_pct: Option<f64>,
    pub trailing_stop_loss_pct: Option<f64>,
    pub atr_filter: Option<AtrFilter>,
    pub seasonality: Option<Hours>,
    /// Candles without entries after a losing trade; 0 = off.
    pub cooldown_candles: u32,
    /// Candles after which a position is closed; 0 = off.
    pub max_holding_candles: u32,
}

/// Entries only while `ATR(period) >= multiplier × SMA(ATR, sma_period)`; with `sma_period` 0, while
/// `ATR / close × 100 >= multiplier`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct AtrFilter {
    pub period: usize,
    pub multiplier: f64,
    pub sma_period: usize,
}

/// Hours of the UTC day in `[from, to)`, wrapping midnight when `from > to`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hours {
    pub from: u8,
    pub to: u8,
}

impl Hours {
    pub fn contains(self, hour: i64) -> bool {
        let (from, to) = (i64::from(self.from), i64::from(self.to));
        if from < to { (from..to).contains(&hour) } else { hour >= from || hour < to }
    }
}

/// Risk limits, all off by default. The first two in quote currency, the third a fraction of the peak.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Limits {
    pub max_cumulative_loss: Option<f64>,
    pub max_daily_loss: Option<f64>,
    pub max_drawdown_limit: Option<f64>,
    pub max_consecutive_losses: Option<u32>,
}
