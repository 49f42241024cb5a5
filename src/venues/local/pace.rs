//! The clock of the market: how fast it runs, and where it stops.
//!
//! A step that opens a candle has two halves. First what is closed is told and the new price is known; then the
//! price meets the orders that rest. Between the two whoever moves the market by hand may act, so that an order
//! placed then is at the same price, and as early, as the backtest's.

use super::market::{KlineInterval, Step, StepKind};
use super::state::{Shared, State, wall_us};
use serde_json::{Value, json};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

/// Seconds of the market in a second of the wall clock.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Speed {
    Times(f64),
    /// As fast as those who listen read.
    Max,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no speed: write how many seconds of the market pass in a second, such as 60, or max")]
pub struct SpeedError(String);

impl FromStr for Speed {
    type Err = SpeedError;

    fn from_str(text: &str) -> Result<Self, SpeedError> {
        if text == "max" {
            return Ok(Speed::Max);
        }
        let times =
            text.parse().ok().filter(|times: &f64| times.is_finite() && *times > 0.0 && *times <= 1e9);
        times.map(Speed::Times).ok_or_else(|| SpeedError(text.to_owned()))
    }
}

impl fmt::Display for Speed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Speed::Times(times) => write!(f, "{times}"),
            Speed::Max => f.write_str("max"),
        }
    }
}

/// How far to go by hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// Changes of the price.
    Steps(u64),
    /// A time of the market in ms: a candle that opens right then is opened, and its first half told.
    Until(i64),
    Candles {
        interval: KlineInterval,
        count: u64,
    },
}

#[derive(Debug)]
pub enum Command {
    Pause(oneshot::Sender<()>),
    Resume(oneshot::Sender<()>),
    Speed(Speed, oneshot::Sender<()>),
    /// Answered when it is there, and all that happened is on its way to those who listen.
    Advance(Target, oneshot::Sender<()>),
}

const TICK: Duration = Duration::from_millis(50);
const NO_ROOM: Duration = Duration::from_millis(2);
/// How long one reader may hold up the market.
const PATIENCE: Duration = Duration::from_secs(5);
/// Steps taken before somebody else may have the lock.
const BATCH: usize = 64;

pub struct Pacer {
    shared: Arc<Shared>,
    speed: Speed,
    is_paused: bool,
    has_ended: bool,
    /// Where the market stops, in its ms.
    end: i64,
    /// Openings whose second half is still to come.
    pending: Vec<Step>,
    /// The market's time and the wall's, from which the pace is counted.
    anchor: (i64, Instant),
}

impl Pacer {
    pub fn new(shared: Arc<Shared>, speed: Speed, is_paused: bool, end: i64) -> Self {
        let now = shared.lock().market.now();
        let pacer = Pacer {
            shared,
            speed,
            is_paused,
            has_ended: false,
            end,
            pending: Vec::new(),
            anchor: (now, Instant::now()),
        };
        pacer.show();
        pacer
    }

    pub async fn run(mut self, mut commands: mpsc::Receiver<Command>, mut stop: watch::Receiver<bool>) {
        loop {
            let is_hurried = self.speed == Speed::Max
                && !self.is_paused
                && !self.has_ended
                && self.shared.lock().hub.connections() > 0;
            let wait = if is_hurried { Duration::ZERO } else { TICK };
            tokio::select! {
                _ = stop.changed() => return,
                command = commands.recv() => match command {
                    Some(command) => self.on_command(command).await,
                    None => return,
                },
                () = tokio::time::sleep(wait) => self.tick().await,
            }
        }
    }

    async fn on_command(&mut self, command: Command) {
        let done = match command {
            Command::Pause(done) => {
                self.is_paused = true;
                done
            }
            Command::Resume(done) => {
                self.is_paused = false;
                done
            }
            Command::Speed(speed, done) => {
                self.speed = speed;
                done
            }
            Command::Advance(target, done) => {
                self.is_paused = true;
                self.advance(target).await;
                done
            }
        };
        self.set_anchor();
        self.show();
        // Whoever asked may have gone.
        let _ = done.send(());
    }

    fn set_anchor(&mut self) {
        self.anchor = (self.shared.lock().market.now(), Instant::now());
    }

    fn show(&self) {
        self.shared.lock().pace = json!({
            "speed": match self.speed {
                Speed::Times(times) => json!(times),
                Speed::Max => Value::from("max"),
            },
            "paused": self.is_paused,
            "ended": self.has_ended,
            "between_open_and_orders": !self.pending.is_empty(),
            "end": self.end,
        });
    }

    /// What is due by now at the speed of the market.
    async fn tick(&mut self) {
        // At full speed the readers set the pace: without any, nothing moves.
        let has_readers = self.speed != Speed::Max || self.shared.lock().hub.connections() > 0;
        if !self.is_paused && !self.has_ended && has_readers {
            let until = match self.speed {
                Speed::Max => self.end,
                Speed::Times(times) => {
                    // A float becomes the nearest number that there is.
                    let ms = (self.anchor.1.elapsed().as_secs_f64() * 1000.0 * times) as i64;
                    self.anchor.0.saturating_add(ms).min(self.end)
                }
            };
            self.walk(until).await;
        }
        self.shared.lock().tell_paced(wall_us() / 1000);
    }

    /// Waits until everybody who listens has room; who has none for long is cut off, so that it holds nobody up.
    async fn room(&self) {
        let since = Instant::now();
        while !self.shared.lock().hub.has_room() {
            tokio::time::sleep(NO_ROOM).await;
            if since.elapsed() > PATIENCE {
                self.shared.lock().hub.cut_slow();
            }
        }
    }

    fn finish_pending(&mut self) {
        let shared = self.shared.clone();
        let mut state = shared.lock();
        self.pending.drain(..).for_each(|step| state.finish_step(step));
    }

    /// Goes on to `until`, or one batch of the way at full speed.
    async fn walk(&mut self, until: i64) {
        if !self.pending.is_empty() {
            self.finish_pending();
            self.show();
        }
        loop {
            self.room().await;
            let taken = {
                let mut state = self.shared.lock();
                let taken = (0..BATCH).take_while(|_| whole_step(&mut state, until)).count();
                self.has_ended = state.market.is_over(self.end);
                if state.market.now() > until {
                    // It jumped over a gap.
                    self.anchor = (state.market.now(), Instant::now());
                }
                taken
            };
            if taken < BATCH || self.speed == Speed::Max {
                break;
            }
            tokio::task::yield_now().await;
        }
        if self.has_ended {
            self.show();
        }
    }

    async fn advance(&mut self, target: Target) {
        match target {
            Target::Steps(count) => {
                for number in 0..count {
                    if number % BATCH as u64 == 0 {
                        tokio::task::yield_now().await;
                    }
                    self.room().await;
                    self.finish_pending();
                    if !self.one_step(self.end, None) {
                        break;
                    }
                }
            }
            Target::Until(time) => self.advance_to(time).await,
            Target::Candles { interval, count } => {
                let mut time = self.shared.lock().market.now();
                for _ in 0..count {
                    time = interval.span(time, 0).1;
                }
                self.advance_to(time).await;
            }
        }
        let mut state = self.shared.lock();
        self.has_ended = state.market.is_over(self.end);
        state.tell_paced(wall_us() / 1000);
    }

    async fn advance_to(&mut self, time: i64) {
        let time = time.min(self.end);
        if time > self.shared.lock().market.now() {
            self.finish_pending();
        }
        loop {
            self.room().await;
            let taken = (0..BATCH).take_while(|_| self.one_step(time, Some(time))).count();
            if taken < BATCH {
                return;
            }
            tokio::task::yield_now().await;
        }
    }

    /// One step by hand, stopping between the halves of an opening at `stop` (or of any, if there is none).
    fn one_step(&mut self, until: i64, stop: Option<i64>) -> bool {
        let mut state = self.shared.lock();
        let Some(step) = state.market.next(until) else { return false };
        if self.pending.iter().any(|it| it.symbol == step.symbol && it.time == step.time) {
            // Its candle has just opened: it is where it should be.
            return true;
        }
        state.begin_step(step);
        if step.kind == StepKind::Opened && stop.is_none_or(|stop| step.time >= stop) {
            self.pending.push(step);
        } else {
            state.finish_step(step);
        }
        // Behind a gap the clock is further than it was to go.
        stop.is_none_or(|stop| step.time <= stop)
    }
}

fn whole_step(state: &mut State, until: i64) -> bool {
    let Some(step) = state.market.next(until) else { return false };
    state.begin_step(step);
    state.finish_step(step);
    true
}
