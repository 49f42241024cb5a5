//! What control tells of the market: all of it, or only what whoever moves it step by step needs.

use super::super::state::State;
use super::fault;
use crate::model::iso;
use crate::venues::sim::exchange::AccountId;
use serde_json::{Map, Value, json};

/// What a request wants to hear.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wanted {
    /// Only the fields of [`brief`].
    pub is_brief: bool,
    /// Whose user events are counted. `None`: everybody's; nobody's, if it is brief.
    pub account: Option<AccountId>,
}

/// Everything; see [`brief`] for the fields that are in both.
pub fn state(state: &State, wanted: Wanted) -> Value {
    let mut answer = brief(state, wanted);
    if wanted.is_brief {
        return answer;
    }
    answer["market_time_iso"] = iso(state.market.now()).into();
    answer["server_time"] = (state.server_us() / 1000).into();
    answer["skew_ms"] = (state.skew_us / 1000).into();
    answer["pace"] = state.pace.clone();
    answer["accounts"] = state.accounts.names().collect();
    answer["connections"] = state.hub.connections().into();
    answer["faults"] = fault::shown(state.faults.armed(), &state.accounts);
    answer
}

/// `symbols`: the price of each, and when the candle that it is in opened (null before the first one of the symbol
/// and after its last). `ended`: nothing more will happen. `user_events`: what happened to an account since the
/// start, in events: as many as a subscriber who was there all the time was sent frames of it, if none of them were
/// made to come twice, or to get lost.
fn brief(state: &State, wanted: Wanted) -> Value {
    let market = &state.market;
    let symbols: Vec<Value> = market
        .symbols()
        .enumerate()
        .map(|(index, name)| {
            let price = market.last_price(index).to_string();
            json!({ "symbol": name, "price": price, "candle": market.open_candle(index) })
        })
        .collect();
    let is_told = |index: usize| match wanted.account {
        Some(account) => account.0 == index,
        None => !wanted.is_brief,
    };
    let counts = state.accounts.names().zip(&state.user_events).enumerate();
    let user_events: Map<String, Value> = counts
        .filter(|(index, _)| is_told(*index))
        .map(|(_, (name, count))| (name.to_owned(), (*count).into()))
        .collect();
    json!({
        "market_time": market.now(),
        "between_open_and_orders": state.pace["between_open_and_orders"],
        "ended": state.pace["ended"],
        "symbols": symbols,
        "user_events": user_events,
    })
}
