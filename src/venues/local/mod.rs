//! The local exchange: the protocol of the exchange over simulated accounts and candles of files, on one port.
//!
//! | file | job |
//! |---|---|
//! | [`market`] | prices, klines, trades and books, from candles |
//! | [`accounts`], `auth`, [`limits`] | who may ask, and how often |
//! | `request`, `refusal`, `routes`, `dispatch` | a request from its parameters to its answer |
//! | `handlers` | what each request does |
//! | `render`, `render_events`, `symbol_info` | answers and events as JSON |
//! | `server`, `lenient`, `rest`, `socket`, `streams`, `ws_api` | sockets, HTTP and frames |
//! | `hub`, `topic`, `feed` | who listens to what, and what is told |
//! | [`pace`] | the market's clock |
//! | `books` | what the exchange knows of an account, without asking over a socket |
//! | `control`, `faults`, [`chaos`] | moving it by hand, and what goes wrong |
//!
//! Two clocks: requests are timed and limited by the wall clock, everything on the market has the market's time.

pub mod accounts;
mod auth;
mod books;
pub mod chaos;
mod control;
mod dispatch;
mod faults;
mod feed;
mod handlers;
mod hub;
mod lenient;
pub mod limits;
pub mod listing;
pub mod market;
pub mod pace;
mod refusal;
mod render;
mod render_events;
mod request;
mod rest;
mod routes;
mod server;
mod socket;
mod state;
mod streams;
mod symbol_info;
mod topic;
mod ws_api;

pub use auth::KeyError;

use crate::venues::rules::{ExchangeFilters, SymbolRules};
use crate::venues::sim::exchange::{Exchange, ExchangeOptions, Rejection, SymbolId};
use accounts::{AccountConfig, Accounts};
use chaos::Chaos;
use control::Control;
use faults::Faults;
use hub::Hub;
use limits::Limits;
use market::{Market, MarketError, Series};
use pace::{Pacer, Speed};
use serde_json::Value;
use server::Server;
use state::{Shared, State, wall_us};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};

/// One symbol: its rules, and its candles.
#[derive(Debug, Clone)]
pub struct Listing {
    pub rules: SymbolRules,
    pub series: Series,
}

/// How the exchange is started.
#[derive(Debug, Clone)]
pub struct LocalConfig {
    /// Port 0: any that is free.
    pub address: SocketAddr,
    pub listings: Vec<Listing>,
    pub accounts: Vec<AccountConfig>,
    pub slippage_bps: f64,
    pub filters: ExchangeFilters,
    /// Where the market begins and ends, in its ms. `None`: at the end of the candles.
    pub start: i64,
    pub end: Option<i64>,
    pub speed: Speed,
    pub is_paused: bool,
    /// Multiplies all rate limits.
    pub limits_factor: f64,
    pub chaos: Option<u64>,
    /// Closed orders, closed lists and executions that an account remembers; [`HISTORY`] is usual.
    pub history: usize,
}

/// Why it cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(
        "cannot listen on {address}: {source}. Choose another port with --port, or end what uses this one."
    )]
    Listen { address: SocketAddr, source: std::io::Error },
    #[error(transparent)]
    Market(#[from] MarketError),
    #[error("account {name}: {source}")]
    Key { name: String, source: KeyError },
    #[error("account {name}: its balances cannot be: {source}")]
    Balance { name: String, source: Rejection },
    #[error("two accounts have the key {name}. Give each its own.")]
    Twice { name: String },
}

/// Closed orders and executions that an account usually remembers.
pub const HISTORY: usize = 10_000;

/// A running exchange. It ends with [`Handle::shutdown`]; when this is dropped, it ends by itself.
pub struct Handle {
    address: SocketAddr,
    control: Control,
    stop: watch::Sender<bool>,
    alive: mpsc::Receiver<()>,
}

pub struct LocalExchange;

impl LocalExchange {
    /// Starts an exchange on the runtime it is called from.
    pub async fn start(config: LocalConfig) -> Result<Handle, StartError> {
        let end = config.end;
        let (address, speed, is_paused) = (config.address, config.speed, config.is_paused);
        let shared = Arc::new(Shared::new(state_of(config)?));
        let listener = TcpListener::bind(address);
        let listener = listener.await.map_err(|source| StartError::Listen { address, source })?;
        let address = listener.local_addr().map_err(|source| StartError::Listen { address, source })?;

        let (stop, stopped) = watch::channel(false);
        let (commands, receiver) = mpsc::channel(16);
        let (alive_sender, alive) = mpsc::channel(1);
        let last = shared.lock().market.end();
        let end = end.map_or(last, |end| end.min(last));
        let pacer = Pacer::new(shared.clone(), speed, is_paused, end);
        let control = Control { shared: shared.clone(), pacer: commands };
        let server = Server { shared, control: control.clone(), stop: stopped.clone(), alive: alive_sender };
        tokio::spawn(server.run(listener));
        tokio::spawn(pacer.run(receiver, stopped));
        Ok(Handle { address, control, stop, alive })
    }
}

fn state_of(config: LocalConfig) -> Result<State, StartError> {
    let LocalConfig { listings, accounts: account_configs, filters, .. } = config;
    let (slippage_bps, history) = (config.slippage_bps, config.history);
    let mut exchange = Exchange::new(ExchangeOptions { slippage_bps, filters, history });
    let (rules, series): (Vec<_>, Vec<_>) = listings.into_iter().map(|it| (it.rules, it.series)).unzip();
    let market = Market::new(series, config.start)?;
    for (index, rules) in rules.into_iter().enumerate() {
        let symbol = exchange.list_symbol(rules);
        debug_assert_eq!(
            symbol,
            SymbolId(index),
            "symbols have the same place in the market and the exchange"
        );
        exchange.set_price(symbol, market.last_price(index));
        exchange.set_average(symbol, market.average_price(index, feed::AVERAGE_MINUTES));
    }
    let mut accounts = Accounts::default();
    for config in &account_configs {
        let name = || config.key.clone();
        if accounts.account(&config.key).is_some() {
            return Err(StartError::Twice { name: name() });
        }
        let account = exchange.open_account(config.rates, config.discount.clone());
        accounts.add(account, config).map_err(|source| StartError::Key { name: name(), source })?;
        for (asset, amount) in &config.balances {
            exchange
                .transfer(account, asset, *amount, market.now())
                .map_err(|source| StartError::Balance { name: name(), source })?;
        }
    }
    // Nobody listens yet.
    exchange.take_events();
    let chaos = config.chaos.map(Chaos::new);
    let trades_told = market.symbols().map(|_| market.now()).collect();
    Ok(State {
        exchange,
        market,
        hub: Hub::new(chaos),
        accounts,
        limits: Limits::new(config.limits_factor),
        faults: Faults::new(chaos),
        filters,
        skew_us: 0,
        amendments: Default::default(),
        trades_told,
        user_events: vec![0; account_configs.len()],
        pace: Value::Null,
    })
}

impl Handle {
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Does what a request to the control endpoint does: see `control`.
    pub async fn control(&self, method: &str, path: &str, body: &Value) -> Result<Value, String> {
        control::handle(&self.control, method, path, body.to_string().as_bytes()).await
    }

    /// Tells everybody that it goes, sends what is still waiting, and ends.
    pub async fn shutdown(mut self) {
        {
            let mut state = self.control.shared.lock();
            state.hub.release_all();
            state.hub.announce_shutdown(wall_us() / 1000);
            state.hub.close_all();
        }
        // Nobody may be left to be told.
        let _ = self.stop.send(true);
        let all_gone = async { while self.alive.recv().await.is_some() {} };
        let _ = tokio::time::timeout(Duration::from_secs(3), all_gone).await;
    }
}
