//! Questions about the account and its orders. They need a key, and change nothing.

use super::{Request, RestClient, param};
use crate::venues::binance::outcome::ReadError;
use crate::venues::binance::parse;
use crate::venues::binance::request::{Checked, OrderKey, OrderRequest};
use crate::venues::binance::wire::{Account, Commission, MyTrade, OrderListReport, OrderReport, RateLimit};

/// Which part of the history is asked for. The exchange takes only some combinations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum History {
    Latest,
    /// From this number of an order or trade on.
    FromId(u64),
    /// From this time on, in ms.
    Since(i64),
    /// Between two times, at most 24 hours apart.
    Between(i64, i64),
}

impl RestClient {
    /// Balances and permissions; assets of which there is nothing are left out.
    pub async fn account(&self) -> Result<Account, ReadError> {
        let params = vec![param("omitZeroBalances", true)];
        self.read(Request::read("/api/v3/account", params, 20).signed(), parse::account).await
    }

    pub async fn commission(&self, symbol: &str) -> Result<Commission, ReadError> {
        let params = vec![param("symbol", symbol)];
        self.read(Request::read("/api/v3/account/commission", params, 20).signed(), parse::commission).await
    }

    /// How an order stands. Just after it was placed it may not be found yet ([`RefusalKind::NoSuchOrder`]).
    ///
    /// [`RefusalKind::NoSuchOrder`]: crate::venues::binance::outcome::RefusalKind::NoSuchOrder
    pub async fn order(&self, symbol: &str, key: &OrderKey) -> Result<OrderReport, ReadError> {
        self.read(Request::read("/api/v3/order", key.params(symbol), 4).signed(), parse::order).await
    }

    pub async fn open_orders(&self, symbol: &str) -> Result<Vec<OrderReport>, ReadError> {
        let params = vec![param("symbol", symbol)];
        self.read(Request::read("/api/v3/openOrders", params, 6).signed(), parse::orders).await
    }

    /// Of all symbols: costs as much as 13 questions about one.
    pub async fn all_open_orders(&self) -> Result<Vec<OrderReport>, ReadError> {
        self.read(Request::read("/api/v3/openOrders", Vec::new(), 80).signed(), parse::orders).await
    }

    /// Orders of any status, oldest first, at most `limit` (up to 1000). May lag behind.
    pub async fn all_orders(
        &self,
        symbol: &str,
        history: History,
        limit: u32,
    ) -> Result<Vec<OrderReport>, ReadError> {
        let mut params = vec![param("symbol", symbol), param("limit", limit)];
        history.write("orderId", &mut params);
        self.read(Request::read("/api/v3/allOrders", params, 20).signed(), parse::orders).await
    }

    /// Own executions, oldest first, at most `limit` (up to 1000).
    pub async fn my_trades(
        &self,
        symbol: &str,
        history: History,
        limit: u32,
    ) -> Result<Vec<MyTrade>, ReadError> {
        let mut params = vec![param("symbol", symbol), param("limit", limit)];
        history.write("fromId", &mut params);
        self.read(Request::read("/api/v3/myTrades", params, 20).signed(), parse::my_trades).await
    }

    /// Own executions of one order.
    pub async fn trades_of_order(&self, symbol: &str, order_id: u64) -> Result<Vec<MyTrade>, ReadError> {
        let params = vec![param("symbol", symbol), param("orderId", order_id), param("limit", 1000)];
        self.read(Request::read("/api/v3/myTrades", params, 5).signed(), parse::my_trades).await
    }

    /// How a list of orders stands.
    pub async fn order_list(&self, key: &OrderKey) -> Result<OrderListReport, ReadError> {
        let request = Request::read("/api/v3/orderList", key.list_params(), 4).signed();
        self.read(request, parse::order_list).await
    }

    pub async fn open_order_lists(&self) -> Result<Vec<OrderListReport>, ReadError> {
        let request = Request::read("/api/v3/openOrderList", Vec::new(), 6).signed();
        self.read(request, parse::order_lists).await
    }

    /// How much of the limits on orders is used.
    pub async fn order_limits(&self) -> Result<Vec<RateLimit>, ReadError> {
        let request = Request::read("/api/v3/rateLimit/order", Vec::new(), 40).signed();
        self.read(request, parse::rate_limits).await
    }

    /// Lets the exchange judge an order without placing it.
    pub async fn test_order(&self, order: &Checked<OrderRequest>) -> Result<(), ReadError> {
        let mut request = Request::read("/api/v3/order/test", order.params(), 1).signed();
        request.method = reqwest::Method::POST;
        self.read(request, parse::nothing).await
    }
}

impl History {
    fn write(self, id: &str, params: &mut crate::venues::binance::sign::Params) {
        match self {
            History::Latest => {}
            History::FromId(number) => params.push(param(id, number)),
            History::Since(start) => params.push(param("startTime", start)),
            History::Between(start, end) => {
                params.push(param("startTime", start));
                params.push(param("endTime", end));
            }
        }
    }
}
