//! Filters and risk limits: what stands in the way of an entry, judged at each close.

use super::order_executor::ExitRequest;
use super::settings::{Limits, Rules};
use crate::model::{DAY_MS, Trade, Veto, day_of, hour_of};
use serde::{Deserialize, Serialize};

/// What stands in the way of an entry at one close: a set of vetoes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing(u8);

const _: () = assert!(Veto::ALL.len() <= u8::BITS as usize, "a bit for each veto");

impl Standing {
    fn add(&mut self, veto: Veto, applies: bool) {
        self.0 |= u8::from(applies) << veto as u8;
    }

    pub fn contains(self, veto: Veto) -> bool {
        self.0 & (1 << veto as u8) != 0
    }

    /// The veto that counts: the first in the list's order.
    pub fn first(self) -> Option<Veto> {
        if self.0 == 0 {
            return None;
        }
        Veto::ALL.get(self.0.trailing_zeros() as usize).copied()
    }
}

/// What only RiskManager can make: a request that passed its checks. The order executor takes nothing else.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Approved<T>(T);

impl<T> Approved<T> {
    pub fn into_inner(self) -> T {
        self.0
    }

    pub fn get(&self) -> &T {
        &self.0
    }
}

/// Filters, cool-down and limits. Time is the candle's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RiskManager {
    rules: Rules,
    limits: Limits,
    limits_on: bool,
    initial_balance: f64,
    peak: f64,
    /// First instant after the current UTC day.
    day_end: i64,
    /// Equity at the last close before the current UTC day.
    day_reference: f64,
    last_equity: f64,
    halted: bool,
    daily_loss: bool,
    drawdown: bool,
    losses_in_a_row: u32,
    /// UTC day on which the streak of losses reached its limit.
    streak_day: Option<i64>,
    /// First row whose decisions are no longer in the cool-down.
    cooldown_until: usize,
    paused: bool,
}

/// What the limits leave of trading.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RiskState {
    Active,
    /// No entries for a while: by a limit, or by whoever runs it.
    Reducing,
    /// No entries any more.
    Halted,
}

impl RiskManager {
    pub fn new(rules: &Rules, limits: &Limits, initial_balance: f64) -> Self {
        RiskManager {
            rules: rules.clone(),
            limits: *limits,
            limits_on: *limits != Limits::default(),
            initial_balance,
            peak: initial_balance,
            day_end: i64::MIN,
            day_reference: initial_balance,
            last_equity: initial_balance,
            halted: false,
            daily_loss: false,
            drawdown: false,
            losses_in_a_row: 0,
            streak_day: None,
            cooldown_until: 0,
            paused: false,
        }
    }

    /// New rules and limits; what happened so far counts.
    pub fn set(&mut self, rules: &Rules, limits: &Limits) {
        self.rules = rules.clone();
        self.limits = *limits;
        self.limits_on = *limits != Limits::default();
        self.drawdown &= limits.max_drawdown_limit.is_some();
        self.daily_loss &= limits.max_daily_loss.is_some();
        if limits.max_consecutive_losses.is_none() {
            self.streak_day = None;
        }
    }

    /// No entries from now on, or entries again.
    pub fn set_paused(&mut self, paused: bool) {
        self.paused = paused;
    }

    pub fn state(&self) -> RiskState {
        let reducing = self.paused || self.daily_loss || self.drawdown || self.streak_day.is_some();
        match (self.halted, reducing) {
            (true, _) => RiskState::Halted,
            (false, true) => RiskState::Reducing,
            (false, false) => RiskState::Active,
        }
    }

    /// A trade was closed in `row`. The candle's close time is asked for where its UTC day counts.
    #[inline]
    pub fn on_trade(&mut self, trade: &Trade, row: usize, close_time: impl FnOnce() -> i64) {
        if self.streak_day.is_some() {
            self.lift_streak(day_of(close_time()));
        }
        if trade.pnl > 0.0 {
            self.losses_in_a_row = 0;
            return;
        }
        self.losses_in_a_row += 1;
        self.cooldown_until = self.cooldown_until.max(row + self.rules.cooldown_candles as usize);
    }

    fn lift_streak(&mut self, day: i64) {
        if self.streak_day.is_some_and(|tripped| day > tripped) {
            self.streak_day = None;
            self.losses_in_a_row = 0;
        }
    }

    /// Judges the limits at a close. What they are measured from is kept without them, too: one that is set later counts
    /// from the highest equity of the run and from that of the day before.
    pub fn on_close(&mut self, equity: f64, close_time: i64) {
        if close_time >= self.day_end {
            let day = day_of(close_time);
            self.day_end = (day + 1) * DAY_MS;
            self.day_reference = self.last_equity;
            self.daily_loss = false;
            self.lift_streak(day);
        }
        self.last_equity = equity;
        self.peak = self.peak.max(equity);
        let limits = &self.limits;
        if limits.max_cumulative_loss.is_some_and(|limit| equity - self.initial_balance <= -limit) {
            self.halted = true;
        }
        if limits.max_daily_loss.is_some_and(|limit| equity - self.day_reference <= -limit) {
            self.daily_loss = true;
        }
        self.drawdown = limits.max_drawdown_limit.is_some_and(|limit| equity <= self.peak * (1.0 - limit));
        if limits.max_consecutive_losses.is_some_and(|limit| self.losses_in_a_row >= limit)
            && self.streak_day.is_none()
        {
            self.streak_day = Some(day_of(close_time));
        }
    }

    /// Whether the cumulative loss limit was reached: no entries any more, and the position is closed.
    #[inline]
    pub fn is_halted(&self) -> bool {
        self.halted
    }

    /// Whether a limit is on, so that each close has to be judged.
    #[inline]
    pub fn judges_closes(&self) -> bool {
        self.limits_on
    }

    /// Whether no filter and no limit is on and nobody has paused: then only a cool-down can stand in the way of an
    /// entry, and closes need not be judged.
    pub fn is_unguarded(&self) -> bool {
        let filtered = self.rules.atr_filter.is_some() || self.rules.seasonality.is_some();
        // A halt stays when the limit that made it is taken away.
        let tripped = self.halted || self.daily_loss || self.drawdown || self.streak_day.is_some();
        !(filtered || self.limits_on || self.paused || tripped)
    }

    /// What stands in the way of an entry decided on `row` while nothing else can.
    #[inline(always)]
    pub fn cooling(&self, row: usize) -> Standing {
        let mut standing = Standing::default();
        standing.add(Veto::Cooldown, row < self.cooldown_until);
        standing
    }

    /// What stands in the way of an entry decided on `row`. `atr_pass` is only asked while that filter is on.
    pub fn standing(&self, row: usize, decision_time: i64, atr_pass: impl FnOnce() -> bool) -> Standing {
        let mut standing = Standing::default();
        if self.rules.atr_filter.is_some() {
            standing.add(Veto::AtrFilter, !atr_pass());
        }
        if let Some(hours) = self.rules.seasonality {
            standing.add(Veto::SeasonalityFilter, !hours.contains(hour_of(decision_time)));
        }
        standing.0 |= self.cooling(row).0;
        standing.add(Veto::Paused, self.paused);
        standing.add(Veto::MaxCumulativeLoss, self.halted);
        standing.add(Veto::MaxDailyLoss, self.daily_loss);
        standing.add(Veto::MaxDrawdownLimit, self.drawdown);
        standing.add(Veto::MaxConsecutiveLosses, self.streak_day.is_some());
        standing
    }

    /// Lets a request pass if nothing stands in its way.
    #[inline]
    pub fn check<T>(&self, request: T, standing: Standing) -> Result<Approved<T>, Veto> {
        match standing.first() {
            None => Ok(Approved(request)),
            Some(veto) => Err(veto),
        }
    }

    /// Exits are never vetoed: they only make the risk smaller.
    #[inline]
    pub fn approve_exit(&self, request: ExitRequest) -> Approved<ExitRequest> {
        Approved(request)
    }
}
