//! What changes something: each sent once, each with one of three outcomes.

use super::{Request, RestClient, param};
use crate::venues::binance::budget::{Cost, Priority};
use crate::venues::binance::outcome::{Outcome, Replaced, of_replacement};
use crate::venues::binance::parse;
use crate::venues::binance::request::{
    AmendRequest, CancelRequest, Checked, ListRequest, OrderKey, OrderRequest, ReplaceRequest,
    cancel_list_params,
};
use crate::venues::binance::sign::Params;
use crate::venues::binance::wire::{Amended, Canceled, OrderListReport, OrderReport};
use reqwest::Method;

fn changing(method: Method, path: &'static str, params: Params, orders: u64, priority: Priority) -> Request {
    let mut request = Request::read(path, params, 1).signed();
    request.method = method;
    request.cost.orders = orders;
    request.priority = priority;
    request
}

fn priority(protects: bool) -> Priority {
    if protects { Priority::Cancel } else { Priority::Order }
}

impl RestClient {
    pub async fn place(&self, order: &Checked<OrderRequest>) -> Outcome<OrderReport> {
        let priority = priority(order.request().protects);
        let request = changing(Method::POST, "/api/v3/order", order.params(), 1, priority);
        self.change(request, parse::order).await
    }

    /// Places orders that belong together.
    pub async fn place_list(&self, list: &Checked<ListRequest>) -> Outcome<OrderListReport> {
        let route = list.route();
        let priority = priority(list.protects());
        let request = changing(Method::POST, route.path, list.params(), route.orders, priority);
        self.change(request, parse::order_list).await
    }

    /// Cancels an order. One that is part of a list takes the whole list with it. Refused as
    /// [`RefusalKind::NotOpen`], it may have been filled.
    ///
    /// [`RefusalKind::NotOpen`]: crate::venues::binance::outcome::RefusalKind::NotOpen
    pub async fn cancel(&self, cancel: &CancelRequest) -> Outcome<Canceled> {
        let request = changing(Method::DELETE, "/api/v3/order", cancel.params(), 0, Priority::Cancel);
        self.change(request, parse::cancel).await
    }

    /// Cancels all orders of a symbol.
    pub async fn cancel_all(&self, symbol: &str) -> Outcome<Vec<Canceled>> {
        let params = vec![param("symbol", symbol)];
        let request = changing(Method::DELETE, "/api/v3/openOrders", params, 0, Priority::Cancel);
        self.change(request, parse::cancels).await
    }

    pub async fn cancel_list(&self, symbol: &str, key: &OrderKey) -> Outcome<OrderListReport> {
        let params = cancel_list_params(symbol, key);
        let request = changing(Method::DELETE, "/api/v3/orderList", params, 0, Priority::Cancel);
        self.change(request, parse::order_list).await
    }

    /// Cancels an order and places another. Accepted means that both halves are known: look at each.
    pub async fn cancel_replace(&self, replace: &ReplaceRequest) -> Outcome<Replaced> {
        let priority = priority(replace.order.request().protects);
        let request = changing(Method::POST, "/api/v3/order/cancelReplace", replace.params(), 1, priority);
        self.change_with(request, of_replacement).await
    }

    /// Makes an order smaller; it keeps its place in the book.
    pub async fn amend(&self, amend: &AmendRequest) -> Outcome<Amended> {
        let path = "/api/v3/order/amend/keepPriority";
        let mut request = changing(Method::PUT, path, amend.params(), 0, Priority::Order);
        request.cost = Cost { weight: 4, orders: 0 };
        self.change(request, parse::amended).await
    }
}
