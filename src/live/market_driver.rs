//! Moves the market of a local exchange by hand, as fast as the trader keeps up: it goes on once everything that a
//! move brought about is dealt with. So a session sees what a backtest sees, candle by candle.

use super::client_manager::ClientManager;
use super::message::Message;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::Duration;
use tokio::sync::watch;

/// How far the trader's loop is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Progress {
    /// Moves of the market that it has dealt with.
    pub moves: u64,
    /// Opening time of the last candle that it has dealt with.
    pub last_open: i64,
    /// Nothing is under way.
    pub is_idle: bool,
    /// Something is held or rests, so that prices between opens matter.
    pub is_exposed: bool,
    /// Connections to the account so far.
    pub account: u64,
    pub has_ended: bool,
}

/// For everything that a move brings about.
const PATIENCE: Duration = Duration::from_secs(30);

/// The control endpoint of a local exchange.
#[derive(Debug, Clone)]
pub struct MarketControl {
    http: reqwest::Client,
    base: String,
}

impl MarketControl {
    /// `base`: of the REST interface, such as `http://127.0.0.1:9080`.
    pub fn new(base: &str) -> Result<MarketControl, String> {
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(
                crate::venues::binance::tls::config(false).map_err(|error| error.to_string())?,
            )
            .no_proxy()
            .tcp_nodelay(true)
            .timeout(PATIENCE);
        let http = client.build().map_err(|error| error.to_string())?;
        Ok(MarketControl { http, base: base.trim_end_matches('/').to_owned() })
    }

    /// Sends a request to the control endpoint.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Value, String> {
        let request = self.http.post(format!("{}/control/{path}", self.base)).body(body.to_string());
        let answer = request.send().await.map_err(|error| error.to_string())?;
        let bytes = answer.bytes().await.map_err(|error| error.to_string())?;
        serde_json::from_slice(&bytes).map_err(|error| error.to_string())
    }

    pub async fn state(&self) -> Result<Value, String> {
        let request = self.http.get(format!("{}/control/state", self.base));
        let bytes = request.send().await.map_err(|error| error.to_string())?;
        let bytes = bytes.bytes().await.map_err(|error| error.to_string())?;
        serde_json::from_slice(&bytes).map_err(|error| error.to_string())
    }
}

pub struct MarketDriver {
    pub control: MarketControl,
    pub client: Arc<ClientManager>,
    /// Whose events are counted.
    pub account: String,
    pub symbol: String,
    pub progress: watch::Receiver<Progress>,
    pub out: Sender<Message>,
}

impl MarketDriver {
    /// Until the market or the trader ends.
    pub async fn run(mut self) {
        if let Err(why) = self.drive().await {
            // The trader may have ended.
            let _ = self.out.send(Message::Fatal(format!("the market could not be moved: {why}")));
        }
    }

    async fn until(&mut self, is_so: impl FnMut(&Progress) -> bool) -> Result<Progress, String> {
        match tokio::time::timeout(PATIENCE, self.progress.wait_for(is_so)).await {
            Ok(Ok(progress)) => Ok(progress.clone()),
            Ok(Err(_)) => Err("the trader has ended".to_owned()),
            Err(_) => Err(format!("the trader was not ready within {} s", PATIENCE.as_secs())),
        }
    }

    async fn drive(&mut self) -> Result<(), String> {
        self.until(|progress| progress.account > 0).await?;
        self.control.post("pause", &json!({})).await?;
        let state = self.control.state().await?;
        let told = |answer: &Value, account: &str| answer["user_events"][account].as_u64().unwrap_or(0);
        let base = self.client.events().wrapping_sub(told(&state, &self.account));
        let mut moves = 0;
        let own = |answer: &Value, symbol: &str| {
            answer["symbols"].as_array()?.iter().find(|it| it["symbol"] == symbol).cloned()
        };
        let candle_of = |own: &Option<Value>| own.as_ref().and_then(|it| it["candle"].as_i64());
        let last_open = self.progress.borrow().last_open;
        let mut running = candle_of(&own(&state, &self.symbol)).filter(|candle| *candle > last_open);
        loop {
            let progress = self
                .until(|progress| progress.has_ended || (progress.moves >= moves && progress.is_idle))
                .await?;
            if progress.has_ended {
                return Ok(());
            }
            // The first move may only open a candle: by a whole one, which one closes would not be known.
            let by_step = progress.is_exposed || moves == 0;
            let how = if by_step { json!({"steps": 1}) } else { json!({"candles": 1}) };
            let mut body = json!({"brief": true, "account": self.account});
            if let (Some(body), Some(how)) = (body.as_object_mut(), how.as_object()) {
                body.extend(how.clone());
            }
            let answer = self.control.post("step", &body).await?;
            if let Some(error) = answer["error"].as_str() {
                return Err(error.to_owned());
            }
            let time = answer["market_time"].as_i64().ok_or("the exchange did not say the time")?;
            self.events(base.wrapping_add(told(&answer, &self.account))).await?;
            let at_open = answer["between_open_and_orders"].as_bool().unwrap_or(false);
            let has_ended = answer["ended"].as_bool().unwrap_or(false);
            let own = own(&answer, &self.symbol);
            let now_running = candle_of(&own);
            if let Some(closed) = running.filter(|_| now_running != running) {
                // It comes over another connection.
                self.until(|progress| progress.has_ended || progress.last_open >= closed).await?;
            }
            running = now_running;
            let price = own.as_ref().and_then(|it| it["price"].as_str()).and_then(|price| price.parse().ok());
            let price = price.ok_or("the exchange did not say the price")?;
            if has_ended {
                let _ = self.out.send(Message::MarketEnded);
                return Ok(());
            }
            moves += 1;
            self.out.send(Message::Moved { time, price, at_open }).map_err(|_| "the trader has ended")?;
        }
    }

    /// Waits until this many events of the account were handed on.
    async fn events(&self, count: u64) -> Result<(), String> {
        let wait = async {
            while self.client.events() < count {
                tokio::time::sleep(Duration::from_micros(200)).await;
            }
        };
        tokio::time::timeout(PATIENCE, wait)
            .await
            .map_err(|_| "events of the account did not come".to_owned())
    }
}
