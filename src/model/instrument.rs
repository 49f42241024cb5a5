//! What an exchange prescribes for orders in one symbol.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// Trading rules of one symbol. Zero means "no such rule".
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instrument {
    /// Prices are multiples of this, in quote currency.
    pub tick_size: Decimal,
    /// Quantities are multiples of this, in base currency.
    pub step_size: Decimal,
    /// Least quantity of an order, in base currency.
    pub min_qty: Decimal,
    /// Least price × quantity of an order, in quote currency.
    pub min_notional: Decimal,
}
