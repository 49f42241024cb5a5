//! The table of docs/exchange.md: it names everything the protocol has, and a row that says it is there names cases
//! that are.

use super::GROUPS;
use super::script;
use crate::support::root;
use mista::venues::words::{OrderType, SelfTradePrevention, SymbolStatus, TimeInForce};
use std::collections::BTreeSet;

const ENDPOINTS: &[&str] = &[
    "GET /ping",
    "GET /time",
    "GET /exchangeInfo",
    "GET /klines",
    "GET /uiKlines",
    "GET /depth",
    "GET /trades",
    "GET /historicalTrades",
    "GET /aggTrades",
    "GET /avgPrice",
    "GET /ticker/price",
    "GET /ticker/bookTicker",
    "GET /ticker/24hr",
    "GET /ticker/tradingDay",
    "GET /ticker",
    "GET /executionRules",
    "GET /referencePrice",
    "GET /referencePrice/calculation",
    "POST /order",
    "POST /order/test",
    "GET /order",
    "DELETE /order",
    "DELETE /openOrders",
    "POST /order/cancelReplace",
    "PUT /order/amend/keepPriority",
    "GET /order/amendments",
    "GET /openOrders",
    "GET /allOrders",
    "GET /myTrades",
    "POST /orderList/oco",
    "POST /orderList/oto",
    "POST /orderList/otoco",
    "POST /orderList/opo",
    "POST /orderList/opoco",
    "POST /order/oco",
    "DELETE /orderList",
    "GET /orderList",
    "GET /allOrderList",
    "GET /openOrderList",
    "GET /account",
    "GET /account/commission",
    "GET /rateLimit/order",
    "GET /myFilters",
    "GET /myPreventedMatches",
    "GET /myAllocations",
    "POST /sor/order",
    "POST /sor/order/test",
    "POST /userDataStream",
    "PUT /userDataStream",
    "DELETE /userDataStream",
];

const METHODS: &[&str] = &[
    "ping",
    "time",
    "exchangeInfo",
    "executionRules",
    "depth",
    "trades.recent",
    "trades.historical",
    "trades.aggregate",
    "klines",
    "uiKlines",
    "avgPrice",
    "ticker",
    "ticker.24hr",
    "ticker.price",
    "ticker.book",
    "ticker.tradingDay",
    "referencePrice",
    "referencePrice.calculation",
    "session.logon",
    "session.status",
    "session.logout",
    "session.subscriptions",
    "userDataStream.subscribe",
    "userDataStream.subscribe.signature",
    "userDataStream.unsubscribe",
    "userDataStream.start",
    "order.place",
    "order.test",
    "order.cancel",
    "order.cancelReplace",
    "order.status",
    "order.amend.keepPriority",
    "order.amendments",
    "openOrders.status",
    "openOrders.cancelAll",
    "orderList.place",
    "orderList.place.oco",
    "orderList.place.oto",
    "orderList.place.otoco",
    "orderList.place.opo",
    "orderList.place.opoco",
    "orderList.cancel",
    "orderList.status",
    "openOrderLists.status",
    "allOrderLists",
    "account.status",
    "account.rateLimits.orders",
    "account.commission",
    "allOrders",
    "myTrades",
    "myFilters",
    "myPreventedMatches",
    "myAllocations",
    "sor.order.place",
    "sor.order.test",
];

const STREAMS: &[&str] = &[
    "<symbol>@kline_<interval>",
    "<symbol>@kline_<interval>@+08:00",
    "<symbol>@trade",
    "<symbol>@aggTrade",
    "<symbol>@bookTicker",
    "<symbol>@miniTicker",
    "!miniTicker@arr",
    "<symbol>@ticker",
    "<symbol>@ticker_<window>",
    "!ticker_<window>@arr",
    "!ticker@arr",
    "<symbol>@avgPrice",
    "<symbol>@referencePrice",
    "<symbol>@depth<levels>",
    "<symbol>@depth",
    "serverShutdown",
    "<symbol>@blockTrade",
];

const EVENTS: &[&str] = &[
    "executionReport",
    "outboundAccountPosition",
    "balanceUpdate",
    "listStatus",
    "eventStreamTerminated",
    "externalLockUpdate",
    "serverShutdown",
];

const FILTERS: &[&str] = &[
    "PRICE_FILTER",
    "PERCENT_PRICE",
    "PERCENT_PRICE_BY_SIDE",
    "LOT_SIZE",
    "MARKET_LOT_SIZE",
    "MIN_NOTIONAL",
    "NOTIONAL",
    "ICEBERG_PARTS",
    "MAX_NUM_ORDERS",
    "MAX_NUM_ALGO_ORDERS",
    "MAX_NUM_ICEBERG_ORDERS",
    "MAX_NUM_ORDER_LISTS",
    "MAX_NUM_ORDER_AMENDS",
    "MAX_POSITION",
    "TRAILING_DELTA",
    "EXCHANGE_MAX_NUM_ORDERS",
    "EXCHANGE_MAX_NUM_ALGO_ORDERS",
    "EXCHANGE_MAX_NUM_ICEBERG_ORDERS",
    "EXCHANGE_MAX_NUM_ORDER_LISTS",
    "MAX_ASSET",
];

const LISTS: &[&str] = &["OCO", "OTO", "OTOCO", "OPO", "OPOCO"];

const STATUSES: &[&str] =
    &["200", "400", "401", "403", "404", "405", "408", "409", "413", "418", "429", "503", "504"];

const HEADERS: &[&str] = &[
    "X-MBX-APIKEY",
    "X-MBX-TIME-UNIT",
    "X-MBX-SBE",
    "X-MBX-USED-WEIGHT",
    "X-MBX-USED-WEIGHT-1M",
    "X-MBX-ORDER-COUNT-10S",
    "X-MBX-ORDER-COUNT-1D",
    "Retry-After",
];

const CODES: &[&str] = &[
    "-1000", "-1001", "-1002", "-1003", "-1006", "-1007", "-1008", "-1010", "-1013", "-1014", "-1015",
    "-1016", "-1020", "-1021", "-1022", "-1034", "-1100", "-1101", "-1102", "-1103", "-1104", "-1105",
    "-1106", "-1108", "-1111", "-1112", "-1114", "-1115", "-1116", "-1117", "-1118", "-1119", "-1120",
    "-1121", "-1122", "-1125", "-1127", "-1128", "-1130", "-1131", "-1134", "-1135", "-1139", "-1145",
    "-1151", "-1152", "-1153", "-1155", "-1158", "-1160", "-1161", "-1165", "-1166", "-1168", "-1194",
    "-1196", "-1197", "-1198", "-1199", "-1210", "-1211", "-1220", "-1222", "-1223", "-1224", "-1225",
    "-2010", "-2011", "-2013", "-2014", "-2015", "-2016", "-2021", "-2022", "-2026", "-2035", "-2036",
    "-2038", "-2039", "-2042", "-2043",
];

const EXPIRY_REASONS: &[&str] = &[
    "REJECTED",
    "EXCHANGE_CANCELED",
    "OCO_TRIGGER",
    "OTO_PHASE_ONE_EXPIRED",
    "UNFILLED_IOC_QUANTITY_EXPIRED",
    "UNFILLED_FOK_ORDER_EXPIRED",
    "INSUFFICIENT_LIQUIDITY",
    "EXECUTION_RULE_PRICE_RANGE_EXCEEDED",
];

/// Heading of each table, and what has to stand in its first column.
fn tables() -> Vec<(&'static str, Vec<&'static str>)> {
    vec![
        ("REST endpoints", ENDPOINTS.to_vec()),
        ("Methods of the WebSocket API", METHODS.to_vec()),
        ("Market streams", STREAMS.to_vec()),
        ("User events", EVENTS.to_vec()),
        ("Order types", OrderType::ALL.iter().map(|it| it.name()).collect()),
        ("Times in force", TimeInForce::ALL.iter().map(|it| it.name()).collect()),
        ("Self-trade prevention", SelfTradePrevention::ALL.iter().map(|it| it.name()).collect()),
        ("Order lists", LISTS.to_vec()),
        ("Expiry reasons", EXPIRY_REASONS.to_vec()),
        ("Symbol statuses", SymbolStatus::ALL.iter().map(|it| it.name()).collect()),
        ("Filters", FILTERS.to_vec()),
        ("HTTP statuses", STATUSES.to_vec()),
        ("Headers", HEADERS.to_vec()),
        ("Error codes", CODES.to_vec()),
    ]
}

/// Names of all cases, as `group/case`.
fn cases() -> BTreeSet<String> {
    let names = |group: &&str| {
        let path = root().join("tests/exchange").join(group).with_extension("case");
        let cases = script::parse(&std::fs::read_to_string(path).unwrap());
        cases.into_iter().map(|case| format!("{group}/{}", case.name)).collect::<Vec<_>>()
    };
    let all: Vec<String> = GROUPS.iter().chain(&["known"]).flat_map(names).collect();
    let set: BTreeSet<String> = all.iter().cloned().collect();
    assert_eq!(all.len(), set.len(), "two cases have the same name");
    set
}

/// What stands between backticks.
fn quoted(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

#[test]
fn the_table_of_the_documentation_names_everything_and_cases_that_exist() {
    let text = std::fs::read_to_string(root().join("docs/exchange.md")).unwrap();
    let cases = cases();
    assert!(cases.len() >= 150, "{} cases", cases.len());
    let mut faults = Vec::new();
    for (heading, wanted) in tables() {
        let section = text.split("\n### ").find(|section| section.lines().next() == Some(heading));
        let Some(section) = section else {
            faults.push(format!("there is no section `### {heading}`"));
            continue;
        };
        let section = section.split("\n## ").next().unwrap();
        let rows: Vec<Vec<&str>> = section
            .lines()
            .filter(|line| line.starts_with("| `"))
            .map(|line| line.trim_matches('|').split(" | ").map(str::trim).collect())
            .collect();
        let named: BTreeSet<&str> = rows.iter().flat_map(|row| quoted(row[0])).collect();
        for word in &wanted {
            if !named.contains(word) {
                faults.push(format!("{heading}: {word} is missing"));
            }
        }
        faults.extend(
            named.iter().filter(|it| !wanted.contains(it)).map(|it| format!("{heading}: what is {it}?")),
        );
        for row in rows {
            let name = row[0];
            match row.as_slice() {
                [_, "yes", proofs] => {
                    let proofs = quoted(proofs);
                    if proofs.is_empty() {
                        faults.push(format!("{heading}: {name} is not proved"));
                    }
                    let unknown = proofs.iter().filter(|proof| !cases.contains(**proof));
                    faults
                        .extend(unknown.map(|proof| format!("{heading}: {name}: there is no case {proof}")));
                    let open = proofs.iter().filter(|proof| proof.starts_with("known/"));
                    faults.extend(open.map(|proof| format!("{heading}: {name}: {proof} does not hold")));
                }
                [_, "no" | "in part", why] if !why.is_empty() => {
                    let unknown =
                        quoted(why).into_iter().filter(|it| it.contains('/') && !cases.contains(*it));
                    faults.extend(unknown.map(|it| format!("{heading}: {name}: there is no case {it}")));
                }
                _ => faults.push(format!("{heading}: {name} says neither yes nor why not")),
            }
        }
    }
    assert!(faults.is_empty(), "docs/exchange.md:\n{}", faults.join("\n"));
}
