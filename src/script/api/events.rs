//! What `on_fill` and `on_exit` are told.

use super::{Gives, Place, Registrar};
use crate::model::{Direction, Fill, FillReason, Side, Trade};
use rhai::{INT, ImmutableString};

#[derive(Debug, Clone)]
pub(in crate::script) struct FillView(pub Fill);

#[derive(Debug, Clone)]
pub(in crate::script) struct TradeView(pub Trade);

impl Registrar<'_> {
    pub(super) fn fills(&mut self) {
        macro_rules! view {
            ($view:ident, $place:expr, $($name:literal $gives:ident $doc:literal $read:expr),+ $(,)?) => {$(
                self.engine.register_get($name, |view: &mut $view| $read(&view.0));
                self.describe($place, $name, &[], Gives::$gives, $doc);
            )+};
        }
        self.engine.register_type_with_name::<FillView>("fill");
        self.engine.register_type_with_name::<TradeView>("trade");
        view!(FillView, Place::Fill,
            "price" Number "price paid or received, slippage included" |fill: &Fill| fill.price,
            "quantity" Number "base currency" |fill: &Fill| fill.quantity,
            "commission" Number "quote currency" |fill: &Fill| fill.commission,
            "time" Number "open time of the candle in which it happened, UTC milliseconds" |fill: &Fill| fill.time,
            "is_buy" Bool "whether it was a buy" |fill: &Fill| fill.side == Side::Buy,
            "is_entry" Bool "whether it opened a position" |fill: &Fill| matches!(fill.reason, FillReason::Entry(_)),
            "reason" Text "signal, reverse, stop_loss, take_profit, trailing_stop, time_stop or max_loss" |fill: &Fill| {
                ImmutableString::from(match fill.reason {
                    FillReason::Entry(reason) => reason.name(),
                    FillReason::Exit(reason) => reason.name(),
                })
            },
        );
        view!(TradeView, Place::Trade,
            "is_long" Bool "whether it was a long position" |trade: &Trade| trade.direction == Direction::Long,
            "quantity" Number "base currency" |trade: &Trade| trade.quantity,
            "entry_price" Number "price of the entry fill" |trade: &Trade| trade.entry_price,
            "exit_price" Number "price of the exit fill" |trade: &Trade| trade.exit_price,
            "pnl" Number "net of both commissions, quote currency" |trade: &Trade| trade.pnl,
            "pnl_pct" Number "net PnL in percent of the entry notional" |trade: &Trade| trade.pnl_pct,
            "commission" Number "both sides, quote currency" |trade: &Trade| trade.commission,
            "candles_held" Number "index of the exit candle − index of the entry candle" |trade: &Trade| INT::from(trade.candles_held),
            "entry_time" Number "open time of the entry's candle, UTC milliseconds" |trade: &Trade| trade.entry_time,
            "exit_time" Number "open time of the exit's candle, UTC milliseconds" |trade: &Trade| trade.exit_time,
            "entry_reason" Text "signal or reverse" |trade: &Trade| ImmutableString::from(trade.entry_reason.name()),
            "exit_reason" Text "signal, reverse, stop_loss, take_profit, trailing_stop, time_stop or max_loss" |trade: &Trade| ImmutableString::from(trade.exit_reason.name()),
        );
    }
}
