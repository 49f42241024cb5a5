//! Fills as an exchange would give them, at the price that was seen last. No order ever leaves this machine.

use super::message::Message;
use super::record::{Answered, CommissionIn, Execution, News, OrderNews, RefusedAs, Request};
use crate::engine::slipped_on_grid;
use crate::model::Side;
use crate::model::money::decimal;
use crate::venues::rules::SymbolRules;
use rust_decimal::Decimal;

/// Decimals of a commission; what is beyond them is not taken.
const COMMISSION_DIGITS: u32 = 8;

#[derive(Debug, Clone)]
pub struct PaperBroker {
    pub rules: SymbolRules,
    pub commission_bps: f64,
    pub slippage_bps: f64,
}

impl PaperBroker {
    /// Carries a request out at `price`.
    pub fn carry_out(&self, number: u64, request: &Request, price: Option<f64>, time: i64) -> Message {
        let outcome = match (request, price) {
            (Request::Market { id, side, quantity }, Some(price)) => {
                self.fill(number, id, *side, *quantity, price, time)
            }
            (Request::AskOrder { id } | Request::AskTrades { id, .. }, _) => {
                return Message::Unfound { id: id.clone() };
            }
            (Request::Market { .. }, None) => refused(RefusedAs::NotNow, "no price has been seen yet"),
            _ => refused(RefusedAs::Never, "nothing rests on an exchange while trading on paper"),
        };
        Message::Answer { request: number, outcome, cancel: None }
    }

    fn fill(&self, number: u64, id: &str, side: Side, quantity: Decimal, price: f64, time: i64) -> Answered {
        let price = slipped_on_grid(price, side, self.slippage_bps, self.rules.instrument().tick_size);
        let filled = || {
            let price = decimal(price).ok()?;
            let rate = decimal(self.commission_bps).ok()? / Decimal::from(10_000);
            let cut = |amount: Decimal| Some(amount.checked_mul(rate)?.trunc_with_scale(COMMISSION_DIGITS));
            let (commission_in, commission, value) = match side {
                Side::Buy => {
                    let base = cut(quantity)?;
                    (CommissionIn::Base, base, base.checked_mul(price)?)
                }
                Side::Sell => {
                    let quote = cut(quantity.checked_mul(price)?)?;
                    (CommissionIn::Quote, quote, quote)
                }
            };
            let id = id.to_owned();
            Some(Execution {
                id,
                trade_id: 1,
                price,
                quantity,
                commission,
                commission_in,
                commission_value: value,
                time,
            })
        };
        let Some(execution) = filled() else {
            return refused(RefusedAs::Never, "the numbers are too large");
        };
        let order = OrderNews {
            id: id.to_owned(),
            order_id: number,
            is_open: false,
            is_known: true,
            executed: quantity,
            status: "FILLED".to_owned(),
        };
        Answered::Accepted(News { orders: vec![order], executions: vec![execution] })
    }
}

fn refused(kind: RefusedAs, message: &str) -> Answered {
    Answered::Refused { kind, message: message.to_owned() }
}
