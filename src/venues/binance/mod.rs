//! The connector to Binance spot.
