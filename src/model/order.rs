//! Orders and fills, and the closed lists of reasons that results are counted by.

use serde::{Deserialize, Serialize};

/// Side of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    Buy,
    Sell,
}

/// Direction of a position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    Long,
    Short,
}

impl Direction {
    /// 1 for long, -1 for short.
    pub fn sign(self) -> f64 {
        match self {
            Direction::Long => 1.0,
            Direction::Short => -1.0,
        }
    }

    pub fn opposite(self) -> Direction {
        match self {
            Direction::Long => Direction::Short,
            Direction::Short => Direction::Long,
        }
    }

    /// Side of the order that opens a position of this direction.
    pub fn entry_side(self) -> Side {
        match self {
            Direction::Long => Side::Buy,
            Direction::Short => Side::Sell,
        }
    }

    /// Side of the order that closes a position of this direction.
    pub fn exit_side(self) -> Side {
        self.opposite().entry_side()
    }
}

/// How large an entry is to be.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Size {
    /// Fixed base quantity.
    Units(f64),
    /// Fixed quote amount.
    Quote(f64),
    /// Percent of equity at the fill price.
    EquityPct(f64),
    /// Percent of equity lost, costs aside, when the tighter fixed stop is hit.
    RiskPct(f64),
}

/// As it is written on the command line: `equity_pct=95`.
impl std::fmt::Display for Size {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Size::Units(x) => write!(f, "units={x}"),
            Size::Quote(x) => write!(f, "quote={x}"),
            Size::EquityPct(x) => write!(f, "equity_pct={x}"),
            Size::RiskPct(x) => write!(f, "risk_pct={x}"),
        }
    }
}

impl Size {
    pub fn in_words(self) -> String {
        match self {
            Size::Units(x) => format!("{x} units"),
            Size::Quote(x) => format!("{x} quote"),
            Size::EquityPct(x) => format!("{x} % of equity"),
            Size::RiskPct(x) => format!("{x} % of equity at risk"),
        }
    }
}

/// A closed list of reasons, each with the name that files and JSON show.
macro_rules! reasons {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum $name { $($(#[$vdoc])* $variant),+ }

        impl $name {
            /// Every reason, in the order in which the first one counts.
            pub const ALL: &'static [$name] = &[$($name::$variant),+];

            pub fn name(self) -> &'static str {
                match self { $($name::$variant => $text),+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.name())
            }
        }
    };
}

reasons! {
    /// Why a position was opened.
    EntryReason { Signal = "signal", Reverse = "reverse" }
}

reasons! {
    /// Why a position was closed. The first four are decided at a close and fill at the next open,
    /// in this order of precedence; the next three are protective, in the order that breaks ties.
    ExitReason {
        MaxLoss = "max_loss",
        Reverse = "reverse",
        Signal = "signal",
        TimeStop = "time_stop",
        StopLoss = "stop_loss",
        TrailingStop = "trailing_stop",
        TakeProfit = "take_profit",
        EndOfData = "end_of_data",
    }
}

reasons! {
    /// Why an entry that a script asked for was held back by a filter or a risk limit.
    Veto {
        AtrFilter = "atr_filter",
        SeasonalityFilter = "seasonality_filter",
        Cooldown = "cooldown",
        MaxCumulativeLoss = "max_cumulative_loss",
        MaxDailyLoss = "max_daily_loss",
        MaxDrawdownLimit = "max_drawdown_limit",
        MaxConsecutiveLosses = "max_consecutive_losses",
        /// By whoever runs the trader: paused, or about to stop.
        Paused = "paused",
    }
}

reasons! {
    /// Why an entry could not be made at all: the first two when asked, the others at the fill. A backtest knows
    /// the first six.
    Refusal {
        InPosition = "in_position",
        ShortNotAllowed = "short_not_allowed",
        NoStop = "no_stop",
        ZeroQuantity = "zero_quantity",
        MinQty = "min_qty",
        MinNotional = "min_notional",
        /// Larger than the trader was told to order at most.
        MaxOrderNotional = "max_order_notional",
        /// The moment to act had passed.
        Late = "late",
        /// The exchange refused it, or filled nothing.
        NotFilled = "not_filled",
    }
}

/// What a fill was for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FillReason {
    Entry(EntryReason),
    Exit(ExitReason),
}

/// An order carried out, in one execution or several. Money in quote currency, quantity in base currency.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Fill {
    /// Open time (ms) of the candle in which it happened.
    pub time: i64,
    pub side: Side,
    pub quantity: f64,
    /// Price paid or received, slippage included.
    pub price: f64,
    /// Its value in quote currency, whatever it was paid in.
    pub commission: f64,
    /// What of it was taken from the quantity received, in base currency; the rest is paid from the cash.
    #[serde(default)]
    pub base_commission: f64,
    /// quantity × |price − price before slippage|.
    pub slippage: f64,
    pub reason: FillReason,
}
