//! What `exchangeInfo` says of a symbol and its filters.

use super::render::amount;
use crate::venues::rules::{ExchangeFilters, Filters, PercentPrice, SymbolRules};
use crate::venues::words::{OrderType, SelfTradePrevention};
use rust_decimal::Decimal;
use serde_json::{Value, json};

/// What everybody may trade here.
pub const PERMISSION: &str = "SPOT";

pub fn symbol(rules: &SymbolRules) -> Value {
    let order_types: Vec<&str> = OrderType::ALL.iter().map(|it| it.name()).collect();
    let prevention: Vec<&str> = SelfTradePrevention::ALL.iter().map(|it| it.name()).collect();
    json!({
        "symbol": rules.symbol,
        "status": rules.status.name(),
        "baseAsset": rules.base_asset,
        "baseAssetPrecision": rules.base_precision,
        "quoteAsset": rules.quote_asset,
        "quotePrecision": rules.quote_precision,
        "quoteAssetPrecision": rules.quote_precision,
        "baseCommissionPrecision": 8,
        "quoteCommissionPrecision": 8,
        "orderTypes": order_types,
        "icebergAllowed": true,
        "ocoAllowed": true,
        "otoAllowed": true,
        "opoAllowed": true,
        "quoteOrderQtyMarketAllowed": true,
        "allowTrailingStop": true,
        "cancelReplaceAllowed": true,
        "amendAllowed": true,
        "pegInstructionsAllowed": true,
        "isSpotTradingAllowed": true,
        "isMarginTradingAllowed": false,
        "filters": filters(&rules.filters),
        "permissions": [],
        "permissionSets": [[PERMISSION]],
        "defaultSelfTradePreventionMode": SelfTradePrevention::None.name(),
        "allowedSelfTradePreventionModes": prevention,
    })
}

pub fn filters(filters: &Filters) -> Vec<Value> {
    let mut shown = Vec::new();
    if let Some(filter) = filters.price {
        shown.push(json!({
            "filterType": "PRICE_FILTER",
            "minPrice": amount(filter.min_price),
            "maxPrice": amount(filter.max_price),
            "tickSize": amount(filter.tick_size),
        }));
    }
    for (name, filter) in [("LOT_SIZE", filters.lot_size), ("MARKET_LOT_SIZE", filters.market_lot_size)] {
        if let Some(filter) = filter {
            shown.push(json!({
                "filterType": name,
                "minQty": amount(filter.min_qty),
                "maxQty": amount(filter.max_qty),
                "stepSize": amount(filter.step_size),
            }));
        }
    }
    if let Some(filter) = filters.trailing_delta {
        shown.push(json!({
            "filterType": "TRAILING_DELTA",
            "minTrailingAboveDelta": filter.min_above,
            "maxTrailingAboveDelta": filter.max_above,
            "minTrailingBelowDelta": filter.min_below,
            "maxTrailingBelowDelta": filter.max_below,
        }));
    }
    if let Some(PercentPrice { bid_up, bid_down, avg_price_mins, .. }) = filters.percent_price {
        shown.push(json!({
            "filterType": "PERCENT_PRICE",
            "multiplierUp": factor(bid_up),
            "multiplierDown": factor(bid_down),
            "avgPriceMins": avg_price_mins,
        }));
    }
    if let Some(filter) = filters.percent_price_by_side {
        shown.push(json!({
            "filterType": "PERCENT_PRICE_BY_SIDE",
            "bidMultiplierUp": factor(filter.bid_up),
            "bidMultiplierDown": factor(filter.bid_down),
            "askMultiplierUp": factor(filter.ask_up),
            "askMultiplierDown": factor(filter.ask_down),
            "avgPriceMins": filter.avg_price_mins,
        }));
    }
    if let Some(filter) = filters.min_notional {
        shown.push(json!({
            "filterType": "MIN_NOTIONAL",
            "minNotional": amount(filter.min_notional),
            "applyToMarket": filter.apply_to_market,
            "avgPriceMins": filter.avg_price_mins,
        }));
    }
    if let Some(filter) = filters.notional {
        shown.push(json!({
            "filterType": "NOTIONAL",
            "minNotional": amount(filter.min_notional),
            "applyMinToMarket": filter.apply_min_to_market,
            "maxNotional": amount(filter.max_notional),
            "applyMaxToMarket": filter.apply_max_to_market,
            "avgPriceMins": filter.avg_price_mins,
        }));
    }
    if let Some(most) = filters.max_position {
        shown.push(json!({ "filterType": "MAX_POSITION", "maxPosition": amount(most) }));
    }
    let counts = [
        ("ICEBERG_PARTS", "limit", filters.iceberg_parts),
        ("MAX_NUM_ORDERS", "maxNumOrders", filters.max_num_orders),
        ("MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders", filters.max_num_algo_orders),
        ("MAX_NUM_ICEBERG_ORDERS", "maxNumIcebergOrders", filters.max_num_iceberg_orders),
        ("MAX_NUM_ORDER_LISTS", "maxNumOrderLists", filters.max_num_order_lists),
        ("MAX_NUM_ORDER_AMENDS", "maxNumOrderAmends", filters.max_num_order_amends),
    ];
    shown.extend(counted(&counts));
    shown
}

pub fn exchange_filters(filters: &ExchangeFilters) -> Vec<Value> {
    counted(&[
        ("EXCHANGE_MAX_NUM_ORDERS", "maxNumOrders", filters.max_num_orders),
        ("EXCHANGE_MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders", filters.max_num_algo_orders),
        ("EXCHANGE_MAX_NUM_ICEBERG_ORDERS", "maxNumIcebergOrders", filters.max_num_iceberg_orders),
        ("EXCHANGE_MAX_NUM_ORDER_LISTS", "maxNumOrderLists", filters.max_num_order_lists),
    ])
}

fn counted(filters: &[(&str, &str, Option<u32>)]) -> Vec<Value> {
    filters
        .iter()
        .filter_map(|(name, field, count)| {
            let mut shown = json!({ "filterType": name });
            shown[*field] = (*count)?.into();
            Some(shown)
        })
        .collect()
}

/// A multiplier, without zeros that say nothing.
fn factor(value: Decimal) -> String {
    value.normalize().to_string()
}
