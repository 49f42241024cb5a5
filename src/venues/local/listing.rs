//! The rules of a symbol where nothing else is said, much as production has them.

use crate::venues::rules::{
    Filters, LotSize, NotionalRange, PercentPrice, PriceFilter, SymbolRules, TrailingDelta,
};
use crate::venues::words::SymbolStatus;
use rust_decimal::Decimal;

/// Assets that others are priced in, the longer of two before the shorter.
const QUOTES: [&str; 20] = [
    "FDUSD", "USDT", "USDC", "BUSD", "TUSD", "USDP", "BIDR", "IDRT", "BTC", "ETH", "BNB", "EUR", "GBP",
    "TRY", "BRL", "JPY", "AUD", "DAI", "PAX", "UAH",
];

/// Base and quote of a name such as BTCUSDT. `None`: no known quote asset, or nothing before it.
pub fn split(symbol: &str) -> Option<(&str, &str)> {
    QUOTES.iter().find_map(|quote| {
        symbol.strip_suffix(quote).filter(|base| !base.is_empty()).map(|base| (base, *quote))
    })
}

/// Ticks and steps of production, as numbers of decimals, for symbols that are often traded.
const GRIDS: [(&str, u32, u32); 14] = [
    ("BTCUSDT", 2, 5),
    ("BTCUSDC", 2, 5),
    ("BTCFDUSD", 2, 5),
    ("BTCBUSD", 2, 5),
    ("BTCEUR", 2, 5),
    ("ETHUSDT", 2, 4),
    ("ETHUSDC", 2, 4),
    ("ETHBTC", 5, 4),
    ("BNBUSDT", 2, 3),
    ("SOLUSDT", 2, 3),
    ("XRPUSDT", 4, 1),
    ("ADAUSDT", 4, 1),
    ("DOGEUSDT", 5, 0),
    ("LTCUSDT", 2, 3),
];

/// Tick and step of a symbol whose candles have prices of `price_decimals` and volumes of `base_decimals`: as in
/// production where that is known and no price of the candles is finer, else as in the candles.
pub fn grid(symbol: &str, price_decimals: u32, base_decimals: u32) -> (Decimal, Decimal) {
    let known = GRIDS.iter().find(|(name, _, _)| *name == symbol);
    let (price, base) = known.map_or((price_decimals, base_decimals), |(_, price, base)| (*price, *base));
    (Decimal::new(1, price.max(price_decimals).min(8)), Decimal::new(1, base.min(8)))
}

/// The rules of a symbol whose prices and quantities are on these grids.
pub fn usual_rules(
    symbol: &str,
    base: &str,
    quote: &str,
    tick_size: Decimal,
    step_size: Decimal,
) -> SymbolRules {
    let many = Decimal::from(9_000);
    let filters = Filters {
        price: Some(PriceFilter { min_price: tick_size, max_price: Decimal::from(1_000_000), tick_size }),
        lot_size: Some(LotSize { min_qty: step_size, max_qty: many, step_size }),
        market_lot_size: Some(LotSize { min_qty: Decimal::ZERO, max_qty: many, step_size: Decimal::ZERO }),
        percent_price_by_side: Some(PercentPrice {
            bid_up: Decimal::from(5),
            bid_down: Decimal::new(2, 1),
            ask_up: Decimal::from(5),
            ask_down: Decimal::new(2, 1),
            avg_price_mins: 5,
        }),
        notional: Some(NotionalRange {
            min_notional: least_notional(quote),
            apply_min_to_market: true,
            max_notional: Decimal::from(9_000_000),
            apply_max_to_market: false,
            avg_price_mins: 5,
        }),
        iceberg_parts: Some(100),
        max_num_orders: Some(200),
        max_num_algo_orders: Some(5),
        max_num_order_lists: Some(20),
        max_num_order_amends: Some(10),
        trailing_delta: Some(TrailingDelta {
            min_above: 10,
            max_above: 2000,
            min_below: 10,
            max_below: 2000,
        }),
        ..Filters::default()
    };
    SymbolRules {
        symbol: symbol.to_owned(),
        status: SymbolStatus::Trading,
        base_asset: base.to_owned(),
        quote_asset: quote.to_owned(),
        base_precision: 8,
        quote_precision: 8,
        filters,
    }
}

fn least_notional(quote: &str) -> Decimal {
    match quote {
        "BTC" => Decimal::new(1, 4),
        "ETH" => Decimal::new(1, 3),
        "BNB" => Decimal::new(1, 2),
        "TRY" | "BRL" | "UAH" => Decimal::from(10),
        "JPY" => Decimal::from(1000),
        "BIDR" | "IDRT" => Decimal::from(20_000),
        _ => Decimal::from(5),
    }
}

/// Sets one figure of the filters, by the name the protocol gives it.
pub fn set_filter(filters: &mut Filters, field: &str, value: Decimal) -> Result<(), String> {
    use rust_decimal::prelude::ToPrimitive;
    if value.is_sign_negative() {
        return Err(format!("`{field}` must not be negative"));
    }
    let count = || value.to_u32().filter(|_| value.fract().is_zero());
    let mut price = filters.price.unwrap_or_default();
    let mut lot = filters.lot_size.unwrap_or_default();
    let mut market_lot = filters.market_lot_size.unwrap_or_default();
    let nothing = NotionalRange {
        min_notional: Decimal::ZERO,
        apply_min_to_market: true,
        max_notional: Decimal::ZERO,
        apply_max_to_market: false,
        avg_price_mins: 5,
    };
    let mut notional = filters.notional.unwrap_or(nothing);
    match field {
        "tickSize" => price.tick_size = value,
        "minPrice" => price.min_price = value,
        "maxPrice" => price.max_price = value,
        "stepSize" => lot.step_size = value,
        "minQty" => lot.min_qty = value,
        "maxQty" => lot.max_qty = value,
        "marketStepSize" => market_lot.step_size = value,
        "marketMinQty" => market_lot.min_qty = value,
        "marketMaxQty" => market_lot.max_qty = value,
        "minNotional" => notional.min_notional = value,
        "maxNotional" => notional.max_notional = value,
        "maxPosition" => filters.max_position = Some(value),
        "maxNumOrders" => filters.max_num_orders = count(),
        "maxNumAlgoOrders" => filters.max_num_algo_orders = count(),
        "maxNumIcebergOrders" => filters.max_num_iceberg_orders = count(),
        "maxNumOrderLists" => filters.max_num_order_lists = count(),
        "maxNumOrderAmends" => filters.max_num_order_amends = count(),
        "icebergParts" => filters.iceberg_parts = count(),
        _ => {
            return Err(format!(
                "`{field}` is no filter that can be set: there are tickSize minPrice maxPrice stepSize minQty maxQty marketStepSize marketMinQty marketMaxQty minNotional maxNotional maxPosition maxNumOrders maxNumAlgoOrders maxNumIcebergOrders maxNumOrderLists maxNumOrderAmends icebergParts"
            ));
        }
    }
    filters.price = Some(price);
    filters.lot_size = Some(lot);
    filters.market_lot_size = Some(market_lot);
    filters.notional = Some(notional);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn symbols_are_split_at_their_quote_asset() {
        for (symbol, parts) in [
            ("BTCUSDT", Some(("BTC", "USDT"))),
            ("ETHBTC", Some(("ETH", "BTC"))),
            ("BTCFDUSD", Some(("BTC", "FDUSD"))),
            ("USDTTRY", Some(("USDT", "TRY"))),
            ("BNBEUR", Some(("BNB", "EUR"))),
            ("USDT", None),
            ("XYZ", None),
        ] {
            assert_eq!(split(symbol), parts, "{symbol}");
        }
    }
}
