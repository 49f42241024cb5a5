//! What was found out, judged: is it well, worth a note, or a problem, and what to do. Pure.

use super::Check;
use crate::model::{DAY_MS, iso_date};
use crate::report::number::{counted, grouped};
use crate::script::suggest::nearest;
use crate::venues::binance::endpoints::Preset;
use crate::venues::binance::outcome::{ReadError, Refusal, RefusalKind};
use crate::venues::binance::sign::KeyKind;
use crate::venues::binance::wire::{Account, ExchangeInfo, LimitKind, RateLimit, SymbolInfo, Word};
use crate::venues::words::{OrderType, SymbolStatus};
use rust_decimal::Decimal;

/// The exchange refuses what is dated so much later than its own time.
const EARLY_MS: i64 = 1000;
/// Requests are good for so long.
const RECV_WINDOW_MS: i64 = 5000;
/// A clock that is further off is worth a word.
const CLOCK_NOTE_MS: i64 = 500;

/// Percent of a limit from which on it is worth a word, and from which on reads are held back.
const USED_NOTE: u64 = 50;
const USED_PROBLEM: u64 = 80;

const GB: u64 = 1_000_000_000;
const FREE_PROBLEM: u64 = GB;
const FREE_NOTE: u64 = 5 * GB;

/// Names that are listed; more are only counted.
const LISTED: usize = 4;

fn whole(value: i64) -> String {
    grouped(value as f64, 0)
}

/// `a, b, c, d and 3 more`.
pub(super) fn listed(names: &[String]) -> String {
    let shown = names.iter().take(LISTED).cloned().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(LISTED) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// What lies behind a read that was given up.
fn root(error: &ReadError) -> &ReadError {
    match error {
        ReadError::Deadline { last, .. } => root(last),
        error => error,
    }
}

/// Plain addresses are of this machine.
fn is_here(url: &str) -> bool {
    url.starts_with("http:") || url.starts_with("ws:")
}

fn connect_remedy(url: &str) -> String {
    if is_here(url) {
        "start the local exchange: `mista exchange`; if it has another port: --rest, --streams, --ws-api"
            .to_owned()
    } else {
        "check the network, its firewall and proxy; to rehearse without: `mista exchange`, then `mista doctor \
         --venue local`"
            .to_owned()
    }
}

fn wait_remedy(wait_ms: Option<i64>) -> String {
    let wait = wait_ms.map_or("a while".to_owned(), |ms| format!("{} s", whole(ms.div_euclid(1000) + 1)));
    format!("wait {wait}, and ask less: everything at this address counts together")
}

fn refusal_remedy(kind: &RefusalKind, venue: Preset) -> String {
    match kind {
        RefusalKind::RateLimited { retry_after_ms } | RefusalKind::Banned { retry_after_ms } => {
            wait_remedy(*retry_after_ms)
        }
        RefusalKind::Key => format!(
            "check that it is a key of this venue ({}; each has its own), not deleted, and allowed from this address",
            venue.name()
        ),
        RefusalKind::Signature => {
            "the secret does not belong to the key: copy both again; of an Ed25519 or RSA key, \
             the exchange needs the public half of the same file"
                .to_owned()
        }
        RefusalKind::Timestamp => CLOCK_REMEDY.to_owned(),
        RefusalKind::Region => "the exchange serves nobody from this place".to_owned(),
        RefusalKind::Firewall => {
            "a firewall in front of the exchange refuses: wait some minutes, and check the address".to_owned()
        }
        _ => "try again; if it stays, it may be something that this version does not know".to_owned(),
    }
}

/// What to do about a question to `url` that was not answered well.
fn error_remedy(error: &ReadError, url: &str, venue: Preset) -> String {
    match root(error) {
        ReadError::Connection(_) => connect_remedy(url),
        ReadError::Refused(refusal) => refusal_remedy(&refusal.kind, venue),
        ReadError::NoRoom { wait_ms } => wait_remedy(Some(*wait_ms)),
        ReadError::Server { .. } => "the exchange has trouble: try again in some minutes".to_owned(),
        ReadError::Unreadable(_) => "check that the address is the exchange's".to_owned(),
        ReadError::Deadline { .. } | ReadError::NoKey | ReadError::Local(_) => "try again".to_owned(),
    }
}

/// A question that was not answered.
pub fn unanswered(name: &'static str, url: &str, venue: Preset, what: &str, error: &ReadError) -> Check {
    Check::problem(name, format!("{what}: {}", root(error))).remedy(error_remedy(error, url, venue))
}

/// REST does not answer, so that nothing else can be asked.
pub fn no_rest(url: &str, venue: Preset, error: &ReadError) -> Check {
    let text = format!("{url}: {}; clock, symbol and account were not checked", root(error));
    Check::problem("rest", text).remedy(error_remedy(error, url, venue))
}

/// Something that could not even be tried.
pub fn not_set_up(name: &'static str, url: &str, why: &str) -> Check {
    Check::problem(name, format!("{url}: {why}"))
}

pub fn reached(name: &'static str, url: &str, what: &str, round_trip_ms: i64) -> Check {
    let text = format!("{url}: {what} in {} ms", whole(round_trip_ms));
    Check::ok(name, text).figure("round_trip_ms", round_trip_ms)
}

pub fn no_connection(name: &'static str, url: &str, why: &str) -> Check {
    Check::problem(name, format!("{url}: {why}")).remedy(connect_remedy(url))
}

/// The connection is there, and the exchange does not want the account on it.
pub fn not_subscribed(url: &str, venue: Preset, refusal: &Refusal) -> Check {
    let text = format!("{url}: connected, but what happens to the account cannot be followed: {refusal}");
    Check::problem("ws-api", text).remedy(refusal_remedy(&refusal.kind, venue))
}

pub fn no_ws_api(venue: Preset) -> Check {
    Check::note("ws-api", format!("{} has market data only: no orders, no account", venue.name()))
}

const CLOCK_REMEDY: &str = "set the clock and keep it right: turn on NTP (`timedatectl set-ntp true`)";

/// `offset_ms`: how far the exchange's clock is ahead; known to half of the round trip.
pub fn clock(offset_ms: i64, round_trip_ms: i64) -> Check {
    let half = round_trip_ms.div_euclid(2);
    let off = offset_ms.saturating_abs();
    let side = if offset_ms > 0 { "behind" } else { "ahead of" };
    let about = format!("give or take {} ms", whole(half));
    let text = format!("{} ms {side} the exchange's, {about}", whole(off));
    let sure = off.saturating_sub(half);
    let limit = if offset_ms > 0 { RECV_WINDOW_MS } else { EARLY_MS - 1 };
    let check = if sure > limit {
        Check::problem("clock", format!("{text}: more than it tolerates ({} ms)", whole(limit)))
            .remedy(CLOCK_REMEDY)
    } else if sure > CLOCK_NOTE_MS {
        Check::note("clock", text).remedy(CLOCK_REMEDY)
    } else {
        Check::ok("clock", format!("{} ms from the exchange's, {about}", whole(off)))
    };
    check.figure("offset_ms", offset_ms).figure("round_trip_ms", round_trip_ms)
}

fn key_name(kind: KeyKind) -> &'static str {
    match kind {
        KeyKind::Hmac => "HMAC",
        KeyKind::Ed25519 => "Ed25519",
        KeyKind::Rsa => "RSA",
    }
}

const KEY_VARIABLES: &str = "MISTA_API_KEY, and MISTA_API_SECRET or MISTA_API_PRIVATE_KEY_FILE";

/// `why` says where the key was looked for, and not what was found there.
pub fn unusable_key(why: &str) -> Check {
    Check::problem("key", why.to_owned())
}

pub fn no_key(venue: Preset) -> Check {
    let text = "none: paper trading, backtests and market data need none";
    match venue {
        Preset::Data => {
            Check::note("key", text).remedy(format!("to check an account as well, set {KEY_VARIABLES}"))
        }
        Preset::Local => Check::note("key", text)
            .remedy("to check an account as well, set MISTA_API_KEY=stubkey MISTA_API_SECRET=stubsecret"),
        Preset::Live | Preset::Testnet | Preset::Demo => {
            let text = format!("none, and nothing can be traded on {} without", venue.name());
            Check::problem("key", text).remedy(format!("set {KEY_VARIABLES}"))
        }
    }
}

pub fn key_without_account(kind: KeyKind, origin: &str) -> Check {
    let text = format!("{} key from {origin}, not tried: data has no accounts", key_name(kind));
    Check::note("key", text).remedy("leave --venue data away")
}

/// REST does not answer.
pub fn key_not_tried(kind: KeyKind, origin: &str) -> Check {
    Check::note("key", format!("{} key from {origin}, not tried: no answer over REST", key_name(kind)))
}

pub fn accepted_key(kind: KeyKind, origin: &str) -> Check {
    let text = format!("{} key from {origin}, accepted", key_name(kind));
    match kind {
        KeyKind::Hmac => Check::note("key", text).remedy(
            "the exchange calls HMAC keys deprecated: make an Ed25519 key, and name its file in \
             MISTA_API_PRIVATE_KEY_FILE",
        ),
        KeyKind::Ed25519 | KeyKind::Rsa => Check::ok("key", text),
    }
}

pub fn refused_key(kind: KeyKind, origin: &str, url: &str, venue: Preset, error: &ReadError) -> Check {
    let text = format!("{} key from {origin}: {}", key_name(kind), root(error));
    Check::problem("key", text).remedy(error_remedy(error, url, venue))
}

/// What the account may do. Where money is nobody's, it does not matter that it may be withdrawn.
pub fn rights(account: &Account, symbol: Option<&SymbolInfo>, venue: Preset, is_play_money: bool) -> Check {
    let may = |may: bool| if may { "may" } else { "may not" };
    let text = format!(
        "{} account, {} trade, {} withdraw",
        if account.account_type.is_empty() { "an" } else { &account.account_type },
        may(account.can_trade),
        may(account.can_withdraw)
    );
    let missing = symbol.and_then(|symbol| {
        let lacks = |set: &&Vec<String>| !set.iter().any(|one| account.permissions.contains(one));
        symbol.permission_sets.iter().filter(|set| !set.is_empty()).find(lacks)
    });
    if account.can_withdraw && (matches!(venue, Preset::Live | Preset::Local) || !is_play_money) {
        return Check::problem("rights", text).remedy(
            "whoever gets hold of the key could take the money away: use a key without the right to withdraw, \
             for trading only and from this address only, best of a sub-account",
        );
    }
    if !account.can_trade {
        return Check::problem("rights", text)
            .remedy("allow spot trading for the key, and see whether the account is locked");
    }
    match missing {
        Some(set) if !account.permissions.is_empty() => {
            Check::problem("rights", format!("{text}, but not this symbol: it needs {}", listed(set)))
                .remedy("choose another symbol with --symbol, or another account")
        }
        _ if account.can_withdraw => Check::note("rights", text)
            .remedy("harmless here, where money is nobody's; with --venue live it would be refused"),
        _ => Check::ok("rights", text),
    }
}

/// How a symbol is traded, in words.
pub fn symbol(info: &SymbolInfo) -> Check {
    let rules = &info.rules;
    let name = &rules.symbol;
    if rules.status != SymbolStatus::Trading {
        return Check::problem("symbol", format!("{name} is not traded now: its status is {}", rules.status))
            .remedy("wait until it is TRADING again, or choose another with --symbol");
    }
    if !info.spot_trading {
        return Check::problem("symbol", format!("{name} is not traded on the spot market"))
            .remedy("choose another with --symbol");
    }
    let instrument = rules.instrument();
    let amount = |value: Decimal| value.normalize().to_string();
    let text = format!(
        "{name} is traded: prices in steps of {} {}, quantities in steps of {} {} and from {}, an order worth {} {} \
         or more",
        amount(instrument.tick_size),
        rules.quote_asset,
        amount(instrument.step_size),
        rules.base_asset,
        amount(instrument.min_qty),
        amount(instrument.min_notional),
        rules.quote_asset
    );
    let has = |wanted: OrderType| info.order_types.contains(&Word::Known(wanted));
    let types = OrderType::ALL.iter().filter(|wanted| !has(**wanted)).map(|wanted| wanted.name());
    let lists = [("OCO", info.oco), ("OTO", info.oto), ("cancel-and-replace", info.cancel_replace)];
    let lists = lists.iter().filter(|(_, there)| !there).map(|(name, _)| *name);
    let lacks = types.chain(lists).collect::<Vec<_>>().join(", ");
    if !has(OrderType::Market) {
        return Check::problem("symbol", format!("{name} takes no market orders (it lacks {lacks})"))
            .remedy("choose another with --symbol");
    }
    let stops = has(OrderType::StopLoss) || has(OrderType::StopLossLimit);
    match lacks.as_str() {
        "" => Check::ok("symbol", text),
        lacks if !stops || !info.oco => Check::note("symbol", format!("{text}; it lacks {lacks}"))
            .remedy("stops and targets cannot rest on the exchange together: protect locally"),
        lacks => Check::note("symbol", format!("{text}; it lacks {lacks}")),
    }
}

/// What was told about a symbol; `others` are the names that there are, where it is not among them.
pub fn told_symbol(name: &str, info: &ExchangeInfo) -> Check {
    if let Some(info) = info.symbol(name) {
        return symbol(info);
    }
    match info.skipped.first() {
        Some(why) => Check::problem("symbol", format!("its rules cannot be understood: {why}"))
            .remedy("choose another with --symbol, or a newer mista"),
        None => unknown_symbol(name, &[]),
    }
}

pub fn unknown_symbol(name: &str, others: &[String]) -> Check {
    let remedy = match nearest(name, others.iter().map(String::as_str)) {
        Some(near) => format!("did you mean {near}? Say so with --symbol"),
        None if others.is_empty() || others.len() > LISTED => {
            "symbols are written like BTCUSDT: choose one with --symbol".to_owned()
        }
        None => format!("choose one with --symbol: {}", listed(others)),
    };
    Check::problem("symbol", format!("there is no {name} here")).remedy(remedy)
}

/// Whether there is anything to trade with. `price`: the last one, where it is known.
pub fn balances(account: &Account, info: &SymbolInfo, price: Option<Decimal>, venue: Preset) -> Check {
    let (base, quote) = (&info.rules.base_asset, &info.rules.quote_asset);
    let of = |asset: &str| account.balance(asset).map_or_else(Default::default, |it| (it.free, it.locked));
    let ((base_free, base_locked), (quote_free, quote_locked)) = (of(base), of(quote));
    let amount = |value: Decimal| value.normalize().to_string();
    let mut text = format!("free are {} {quote} and {} {base}", amount(quote_free), amount(base_free));
    if !(base_locked.is_zero() && quote_locked.is_zero()) {
        text += &format!("; locked {} {quote} and {} {base}", amount(quote_locked), amount(base_locked));
    }
    let least = info.rules.instrument();
    let buys = |quote: Decimal| quote > Decimal::ZERO && quote >= least.min_notional;
    let sells = |base: Decimal| {
        let worth = price.and_then(|price| base.checked_mul(price));
        base > Decimal::ZERO && base >= least.min_qty && worth.is_none_or(|worth| worth >= least.min_notional)
    };
    let sum = |free: Decimal, locked: Decimal| free.checked_add(locked).unwrap_or(Decimal::MAX);
    // Such as a position that is protected by an order.
    let is_locked = buys(sum(quote_free, quote_locked)) || sells(sum(base_free, base_locked));
    let (can_buy, can_sell) = (buys(quote_free), sells(base_free));
    let least = format!("an order must be worth {} {quote}", amount(least.min_notional));
    if can_buy {
        return Check::ok("balances", text);
    }
    if can_sell {
        return Check::note("balances", format!("{text}: enough to sell, too little to buy ({least})"));
    }
    if is_locked {
        return Check::note("balances", format!("{text}: too little for a new order ({least})"));
    }
    let remedy = match venue {
        Preset::Local => format!("start it with more: `mista exchange --balance {quote}=10000`"),
        Preset::Testnet => {
            "the test network fills accounts up about once a month; a new key has a new account".to_owned()
        }
        Preset::Demo => "fill the demo account up in the exchange's demo mode".to_owned(),
        Preset::Live | Preset::Data => format!("move {quote} into the spot account"),
    };
    Check::problem("balances", format!("{text}: too little for any order ({least})")).remedy(remedy)
}

/// Orders that are open before anybody trades.
pub fn open_orders(symbol: &str, count: usize) -> Check {
    let check = match count {
        0 => Check::ok("orders", format!("none is open on {symbol}")),
        1 => Check::note("orders", format!("1 is open on {symbol}")),
        _ => Check::note("orders", format!("{count} are open on {symbol}")),
    };
    let check = check.figure("open", i64::try_from(count).unwrap_or(i64::MAX));
    match count {
        0 => check,
        _ => check.remedy("unless they are a bot's own, cancel them: nobody here looks after them"),
    }
}

fn span(ms: i64) -> String {
    const UNITS: [(i64, &str); 4] =
        [(DAY_MS, "day"), (3_600_000, "hour"), (60_000, "minute"), (1000, "second")];
    for (unit, name) in UNITS {
        if ms > 0 && ms % unit == 0 {
            return match ms / unit {
                1 => format!("a {name}").replace("a hour", "an hour"),
                count => format!("{count} {name}s"),
            };
        }
    }
    format!("{ms} ms")
}

/// `limits` with what is used of them, as far as it is known.
pub fn limits(limits: &[RateLimit]) -> Check {
    let mut parts = Vec::new();
    let mut worst = 0;
    let mut figures = Vec::new();
    for limit in limits {
        let (what, figure) = match limit.kind {
            LimitKind::Weight => ("request weight", "weight_used"),
            LimitKind::Orders => ("orders", "orders_used_pct_max"),
            LimitKind::RawRequests => continue,
        };
        let most = grouped(limit.limit as f64, 0);
        let per = span(limit.interval_ms);
        parts.push(match limit.count {
            Some(count) => format!("{} of {most} {what} in {per}", grouped(count as f64, 0)),
            None => format!("{most} {what} in {per}"),
        });
        let Some(count) = limit.count else { continue };
        let percent = count.saturating_mul(100) / limit.limit.max(1);
        worst = worst.max(percent);
        if limit.kind == LimitKind::Weight {
            figures.push((figure, i64::try_from(count).unwrap_or(i64::MAX)));
        }
    }
    let text = if parts.is_empty() { "the exchange tells none".to_owned() } else { parts.join("; ") };
    let mut check = if worst >= USED_PROBLEM {
        Check::problem("limits", text).remedy(
            "wait until the window is over; everything at this address or of this account counts together",
        )
    } else if worst >= USED_NOTE {
        Check::note("limits", text).remedy("other programs at this address or of this account use much of it")
    } else {
        Check::ok("limits", text)
    };
    check.figures = figures;
    check
}

/// A folder that can be written; `free` bytes, where they can be told.
pub fn space(folder: &str, free: Option<u64>) -> Check {
    let Some(free) = free else {
        return Check::note("disk", format!("{folder}: can be written; how much is free is not known here"));
    };
    let shown =
        if free >= 10 * GB { grouped((free / GB) as f64, 0) } else { grouped(free as f64 / GB as f64, 1) };
    let text = format!("{folder}: can be written, {shown} GB free");
    let remedy = "make room: results/ can be deleted, and made again";
    let check = match free {
        0..FREE_PROBLEM => Check::problem("disk", text).remedy(remedy),
        FREE_PROBLEM..FREE_NOTE => Check::note("disk", text).remedy(remedy),
        _ => Check::ok("disk", text),
    };
    check.figure("free_bytes", i64::try_from(free).unwrap_or(i64::MAX))
}

pub fn unwritable(folder: &str, why: &str) -> Check {
    Check::problem("disk", format!("{folder}: cannot be written: {why}"))
        .remedy("give this user the right to write there, or start mista in another folder")
}

/// How old a file of candles is. Times in UTC ms, `end_ms` is the last close.
pub fn candles(path: &str, rows: usize, interval_ms: i64, end_ms: i64, now_ms: i64) -> Check {
    let age_ms = now_ms.saturating_sub(end_ms);
    let rows = grouped(rows as f64, 0);
    let text = format!("{path}: {rows} candles of {} up to {}", span(interval_ms), iso_date(end_ms));
    let check = if age_ms <= interval_ms.saturating_mul(2).max(DAY_MS) {
        Check::ok("candles", text)
    } else {
        Check::note("candles", format!("{text}, {} ago", counted((age_ms / DAY_MS) as u64, "day")))
            .remedy("good for backtests; docs/data.md says where later ones come from")
    };
    check.figure("age_ms", age_ms)
}

pub fn no_candles(folder: &str, symbol: &str) -> Check {
    Check::note("candles", format!("{folder}: there is no file of {symbol}"))
        .remedy("a backtest needs one; docs/data.md says where candles come from")
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::*;

    fn line(check: &Check) -> String {
        let remedy = check.remedy.as_ref().map(|_| " → …").unwrap_or_default();
        format!("{} {}{remedy}", check.verdict.name(), check.text)
    }

    #[test]
    fn a_clock_is_judged_by_what_the_exchange_tolerates() {
        let verdict = |offset, round_trip| clock(offset, round_trip).verdict;
        for (offset, round_trip, expected) in [
            (0, 10, Verdict::Ok),
            (400, 10, Verdict::Ok),
            (-400, 10, Verdict::Ok),
            (600, 10, Verdict::Note),
            (-999, 0, Verdict::Note),
            (-1000, 0, Verdict::Problem),
            // Perhaps it is half a second less.
            (-1000, 1000, Verdict::Ok),
            (5000, 0, Verdict::Note),
            (5001, 0, Verdict::Problem),
            (i64::MIN, 0, Verdict::Problem),
        ] {
            assert_eq!(verdict(offset, round_trip), expected, "{offset} {round_trip}");
        }
        assert!(clock(2000, 10).text.contains("behind the exchange's"));
        assert!(clock(-2000, 10).text.contains("ahead of the exchange's"));
    }

    #[test]
    fn free_space_has_two_thresholds() {
        let gb = |free: u64| line(&space("results", Some(free)));
        assert_eq!(gb(GB - 1), "problem results: can be written, 1.0 GB free → …");
        assert_eq!(gb(GB), "note results: can be written, 1.0 GB free → …");
        assert_eq!(gb(5 * GB), "ok results: can be written, 5.0 GB free");
        assert_eq!(gb(1234 * GB), "ok results: can be written, 1,234 GB free");
        assert_eq!(space("results", None).verdict, Verdict::Note);
    }

    #[test]
    fn limits_are_told_with_what_is_used_of_them() {
        let of = |kind, interval_ms, limit, count| RateLimit { kind, interval_ms, limit, count };
        let all = |used| {
            line(&limits(&[
                of(LimitKind::Weight, 60_000, 6000, Some(used)),
                of(LimitKind::Orders, 10_000, 100, Some(3)),
                of(LimitKind::Orders, DAY_MS, 200_000, None),
                of(LimitKind::RawRequests, 300_000, 300_000, Some(299_999)),
            ]))
        };
        let rest =
            "of 6,000 request weight in a minute; 3 of 100 orders in 10 seconds; 200,000 orders in a day";
        assert_eq!(all(62), format!("ok 62 {rest}"));
        assert_eq!(all(3000), format!("note 3,000 {rest} → …"));
        assert_eq!(all(4800), format!("problem 4,800 {rest} → …"));
        assert_eq!(line(&limits(&[])), "ok the exchange tells none");
    }

    #[test]
    fn a_near_symbol_is_suggested() {
        let names = ["BTCUSDT", "ETHUSDT", "BTCUSDC", "A", "B", "C"].map(str::to_owned);
        let remedy = |name: &str, names: &[String]| unknown_symbol(name, names).remedy.unwrap();
        assert_eq!(remedy("btcusdt", &names), "did you mean BTCUSDT? Say so with --symbol");
        assert_eq!(remedy("BTCUDST", &names), "did you mean BTCUSDT? Say so with --symbol");
        assert!(remedy("NOTHING", &names).contains("written like BTCUSDT"));
        assert_eq!(remedy("NOTHING", &names[..2]), "choose one with --symbol: BTCUSDT, ETHUSDT");
    }

    #[test]
    fn candles_are_as_old_as_their_last() {
        let at = |age| line(&candles("f.csv", 10, 3_600_000, 0, age));
        assert_eq!(at(DAY_MS), "ok f.csv: 10 candles of an hour up to 1970-01-01");
        assert_eq!(at(3 * DAY_MS), "note f.csv: 10 candles of an hour up to 1970-01-01, 3 days ago → …");
    }
}
