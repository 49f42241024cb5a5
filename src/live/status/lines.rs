//! A status in lines: for standard output, and for the view on a terminal.

use super::{
    Connection, Decided, Life, OrderPhase, OrderStatus, PositionStatus, Protected, Said, Status, Swapped,
};
use crate::engine::RiskState;
use crate::live::desk::Role;
use crate::live::plain::{Tone, first_line, time, wrapping};
use crate::model::Side;
use crate::report::csv::direction_name;
use crate::report::number::{grouped, price, quantity, signed, signed_pct};

const WIDTH: usize = 80;
const LABEL: usize = 10;
/// Lines that a text of one label takes at most.
const WRAPPED_MAX: usize = 3;

/// A labelled line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusLine {
    pub label: &'static str,
    pub text: String,
    pub tone: Tone,
    /// What goes first where there is little room; 0 never does.
    pub rank: u8,
}

fn line(label: &'static str, rank: u8, tone: Tone, text: impl Into<String>) -> StatusLine {
    let text: String = text.into().chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    StatusLine { label, text, tone, rank }
}

/// `12 s`, `3 h 12 min`, `4 days`: how long `ms` is.
pub fn ago(ms: i64) -> String {
    let seconds = ms.max(0) / 1000;
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match () {
        () if minutes == 0 => format!("{seconds} s"),
        () if hours == 0 => format!("{minutes} min"),
        () if hours < 24 && minutes % 60 == 0 => format!("{hours} h"),
        () if hours < 24 => format!("{hours} h {} min", minutes % 60),
        () if days == 1 => "1 day".to_owned(),
        () => format!("{days} days"),
    }
}

impl Status {
    /// `btc_trend · testnet · BTCUSDT 1h`.
    pub fn title(&self) -> String {
        format!("{} · {} · {} {}", self.bot, self.venue, self.symbol, self.interval)
    }

    /// `running for 3 h (process 4242)`.
    pub fn life(&self) -> String {
        let process = &self.process;
        let since = ago(self.as_of - process.since);
        match (process.state, process.pid) {
            (Life::Running, Some(pid)) => format!("running for {since} (process {pid})"),
            (Life::Running, None) => format!("running for {since}"),
            (Life::Ended, _) => format!("ended {since} ago"),
            (Life::Killed, _) => format!("not running: killed or crashed {since} ago"),
        }
    }

    /// Everything in lines of at most 80 columns, about 25 of them.
    pub fn text(&self) -> String {
        let mut out = format!("{}\n", self.title());
        for line in std::iter::once(self.life_line()).chain(self.lines()) {
            let options = wrapping(WIDTH - LABEL);
            let mut rows: Vec<String> =
                textwrap::wrap(&line.text, options).into_iter().map(|row| row.into_owned()).collect();
            if rows.len() > WRAPPED_MAX {
                rows.truncate(WRAPPED_MAX);
                if let Some(last) = rows.last_mut() {
                    *last = last.chars().take(WIDTH - LABEL - 2).collect::<String>() + " …";
                }
            }
            for (index, row) in rows.iter().enumerate() {
                let label = if index == 0 { line.label } else { "" };
                out.push_str(format!("{label:<LABEL$}{row}").replace('\u{a0}', " ").trim_end());
                out.push('\n');
            }
        }
        out
    }

    /// In one line: `btc_trend  running  testnet BTCUSDT 1h  long 0.01  +12.30 USDT  7 trades, +123.45 USDT`.
    pub fn short(&self) -> String {
        let quote = &self.quote_asset;
        let life = match self.process.state {
            Life::Running => "running",
            Life::Ended => "ended",
            Life::Killed => "killed",
        };
        let held = match &self.position {
            None => "flat".to_owned(),
            Some(position) => {
                let pnl = position.pnl.map(|pnl| format!(", {} {quote}", signed(pnl, 2))).unwrap_or_default();
                format!("{} {}{pnl}", direction_name(position.direction), quantity(position.quantity))
            }
        };
        let net = signed(self.trades.net, 2);
        format!(
            "{:<24} {life:<8} {} {} {} · {held} · {} trades, net {net} {quote}",
            self.bot, self.venue, self.symbol, self.interval, self.trades.count
        )
    }

    fn life_line(&self) -> StatusLine {
        let process = &self.process;
        let restarts = match process.restarts {
            0 => String::new(),
            1 => ", started again once".to_owned(),
            count => format!(", started again {count} times"),
        };
        let tone = match process.state {
            Life::Running => Tone::Plain,
            Life::Ended => Tone::Warn,
            Life::Killed => Tone::Bad,
        };
        let when = format!("{}, since {} UTC{restarts}", self.life(), time(process.since));
        line("Trader", 0, tone, when)
    }

    /// Everything but who and whether it runs, in the order in which it is shown.
    pub fn lines(&self) -> Vec<StatusLine> {
        let mut lines = vec![self.price_line(), self.position_line()];
        lines.extend(self.position.as_ref().map(|position| self.levels_line(position)));
        lines.extend(self.orders_line());
        lines.extend(self.candle.as_ref().map(|candle| self.candle_line(candle)));
        lines.push(self.risk_line());
        lines.push(self.trades_line());
        lines.extend(self.script_lines());
        lines.extend(self.last_swap.as_ref().map(|swap| self.swap_line(swap)));
        let said = |said: &Option<Said>| {
            said.as_ref().map(|said| format!("{} ago: {}", ago(self.as_of - said.at), said.text))
        };
        lines.extend(said(&self.last_not_swapped).map(|text| line("Not taken", 4, Tone::Warn, text)));
        lines.extend(said(&self.last_config).map(|text| line("Settings", 6, Tone::Plain, text)));
        lines.extend(said(&self.last_alarm).map(|text| line("Alarm", 2, Tone::Bad, text)));
        lines.extend(self.feed_line());
        lines.extend(self.notes.iter().map(|note| line("Note", 1, Tone::Warn, note.as_str())));
        lines
    }

    fn price_line(&self) -> StatusLine {
        let equity =
            self.equity.map(|equity| format!(" · equity {} {}", grouped(equity, 2), self.quote_asset));
        let seen = match self.price {
            None => "none seen yet".to_owned(),
            Some(seen) => {
                let age = ago(self.as_of - seen.at);
                format!("{} {}, {age} ago", price(seen.price), self.quote_asset)
            }
        };
        line("Price", 0, Tone::Plain, format!("{seen}{}", equity.unwrap_or_default()))
    }

    fn position_line(&self) -> StatusLine {
        let Some(position) = &self.position else { return line("Position", 0, Tone::Plain, "flat") };
        let pnl = match (position.pnl, position.pnl_pct) {
            (Some(pnl), Some(pct)) => {
                format!(": {} {} ({})", signed(pnl, 2), self.quote_asset, signed_pct(pct))
            }
            _ => String::new(),
        };
        let tone = match position.pnl {
            Some(pnl) if pnl > 0.0 => Tone::Good,
            Some(pnl) if pnl < 0.0 => Tone::Bad,
            _ => Tone::Plain,
        };
        let leaving = if position.leaving { ", being sold" } else { "" };
        let text = format!(
            "{} {} {} at {}{pnl}{leaving}, for {}",
            direction_name(position.direction),
            quantity(position.quantity),
            self.base_asset,
            price(position.entry_price),
            ago(self.as_of - position.entered_at),
        );
        line("Position", 0, tone, text)
    }

    fn levels_line(&self, position: &PositionStatus) -> StatusLine {
        let level = |what: &str, level: Option<f64>| {
            let level = level?;
            let away = self.price.map(|seen| {
                let away = signed_pct((level / seen.price - 1.0) * 100.0);
                // Not to be broken.
                format!(" ({})", away.replace(' ', "\u{a0}"))
            });
            Some(format!("{what} {}{}", price(level), away.unwrap_or_default()))
        };
        let levels: Vec<String> =
            [level("stop", position.stop), level("target", position.target)].into_iter().flatten().collect();
        let runs = self.process.state == Life::Running;
        let (place, tone) = match position.protected {
            Protected::NoLevels => ("none: it ends when the script or a limit says so", Tone::Warn),
            Protected::OnExchange => ("on the exchange", Tone::Good),
            Protected::BeingPlaced => ("NOT PROTECTED YET, being placed", Tone::Warn),
            Protected::InDoubt => ("IN DOUBT, being asked", Tone::Warn),
            Protected::Watched if runs => ("watched by this trader", Tone::Plain),
            Protected::Watched => ("WATCHED BY NOBODY while it does not run", Tone::Bad),
        };
        let levels = levels.join(", ");
        let between = if levels.is_empty() { "" } else { ": " };
        line("Levels", 0, tone, format!("{place}{between}{levels}"))
    }

    fn orders_line(&self) -> Option<StatusLine> {
        if self.orders.is_empty() {
            return None;
        }
        let doubtful = self.orders.iter().any(|order| order.phase == OrderPhase::InDoubt);
        let text: Vec<String> = self.orders.iter().map(order_text).collect();
        Some(line("Orders", 1, if doubtful { Tone::Warn } else { Tone::Plain }, text.join("; ")))
    }

    fn candle_line(&self, candle: &Decided) -> StatusLine {
        let asked = if candle.asked.is_empty() { "nothing asked for" } else { &candle.asked };
        let outcome = match (candle.held.as_deref(), candle.due) {
            (Some(held), _) => format!(" → {held}"),
            (None, true) => ", due at the next open".to_owned(),
            (None, false) => String::new(),
        };
        let text = format!("{asked}{outcome}; {} closed at {}", time(candle.open_time), price(candle.close));
        line("Candle", 1, Tone::Plain, text)
    }

    fn risk_line(&self) -> StatusLine {
        let risk = &self.risk;
        let (state, tone) = match risk.state {
            RiskState::Active => ("active", Tone::Plain),
            RiskState::Reducing => ("reducing", Tone::Warn),
            RiskState::Halted => ("halted", Tone::Bad),
        };
        let why = if risk.why.is_empty() { String::new() } else { format!(" ({})", risk.why.join(", ")) };
        // A filter or a cool-down is no state: it only names what an entry would meet now.
        let means = match (risk.state, risk.why.is_empty()) {
            (RiskState::Active, true) => "entries are taken",
            (RiskState::Active, false) => "this would hold an entry back now",
            (RiskState::Reducing, _) => "no entries for now",
            (RiskState::Halted, _) => "no entries any more, what is held is sold",
        };
        line("Risk", 0, tone, format!("{state}{why}: {means}"))
    }

    fn trades_line(&self) -> StatusLine {
        let trades = &self.trades;
        let quote = &self.quote_asset;
        let last = trades.last.as_ref().map(|last| {
            let ago = ago(self.as_of - last.exit_at);
            format!("; last {} {ago} ago, {}", signed(last.pnl, 2), last.exit_reason)
        });
        let text = match trades.count {
            0 => "none yet".to_owned(),
            count => format!("{count}, {} won, net {} {quote}", trades.won, signed(trades.net, 2)),
        };
        line("Trades", 3, Tone::Plain, format!("{text}{}", last.unwrap_or_default()))
    }

    fn script_lines(&self) -> Vec<StatusLine> {
        let script = &self.script;
        let hash: String = script.sha256.chars().take(10).collect();
        let text = format!("{}, generation {}, {hash}", script.path, script.generation);
        let mut lines = vec![line("Script", 3, Tone::Plain, text)];
        if let Some(why) = &script.stopped {
            let text = format!("{why}; it is not asked any more, stops, limits and base rules still hold");
            lines.push(line("STOPPED", 0, Tone::Bad, text));
        }
        if !script.parameters.is_empty() {
            let values: Vec<String> =
                script.parameters.iter().map(|(name, value)| format!("{name}={value}")).collect();
            lines.push(line("Values", 8, Tone::Dim, values.join(" ")));
        }
        lines
    }

    fn swap_line(&self, swap: &Swapped) -> StatusLine {
        let ago = ago(self.as_of - swap.at);
        let what = match (&swap.rolled_back, first_line(&swap.difference)) {
            (Some(why), _) => format!("failed and rolled back: {why}"),
            (None, "") => "no difference told".to_owned(),
            (None, difference) => difference.to_owned(),
        };
        let tone = if swap.rolled_back.is_some() { Tone::Warn } else { Tone::Plain };
        let carried = match swap.carried.as_slice() {
            [] => String::new(),
            slots => format!("; carried over: {}", slots.join(", ")),
        };
        line("Swap", 5, tone, format!("to generation {} {ago} ago: {what}{carried}", swap.generation))
    }

    fn feed_line(&self) -> Option<StatusLine> {
        let state = |it: &Connection| {
            let (state, since) =
                (if it.connected { "connected" } else { "NOT CONNECTED" }, ago(self.as_of - it.since));
            format!("{} {state} for {since}", it.what)
        };
        let mut parts: Vec<String> = self.connections.iter().map(state).collect();
        if let Some(said) = &self.last_disconnect {
            let count = match self.disconnects_24h {
                0 => "no disconnect in 24 h, the last".to_owned(),
                1 => "1 disconnect in 24 h,".to_owned(),
                count => format!("{count} disconnects in 24 h, the last"),
            };
            parts.push(format!("{count} {} ago ({})", ago(self.as_of - said.at), said.text));
        }
        let lost = self.connections.iter().any(|connection| !connection.connected);
        let tone = if lost { Tone::Warn } else { Tone::Plain };
        (!parts.is_empty()).then(|| line("Feed", if lost { 1 } else { 7 }, tone, parts.join("; ")))
    }
}

/// `stop sell 0.01 at 42000, open`.
fn order_text(order: &OrderStatus) -> String {
    let what = match order.role {
        Role::Entry => "entry",
        Role::Exit => "exit",
        Role::Stop => "stop",
        Role::Target => "target",
    };
    let side = if order.side == Side::Buy { "buy" } else { "sell" };
    let level = order.level.as_ref().map(|level| format!(" at {level}")).unwrap_or_default();
    let executed =
        if order.executed == "0" { String::new() } else { format!(", {} of it executed", order.executed) };
    let phase = match order.phase {
        OrderPhase::Sent => "sent",
        OrderPhase::Open => "open",
        OrderPhase::InDoubt => "IN DOUBT",
        OrderPhase::Settling => "over, executions being asked",
    };
    let cancelling = if order.cancelling { ", being cancelled" } else { "" };
    format!("{what} {side} {}{level}{executed}, {phase}{cancelling}", order.quantity)
}
