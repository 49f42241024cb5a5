//! L4: from candle files and wishes to a local exchange that can be started: what `mista exchange` serves, and what
//! whoever brings an exchange of its own along trades against.
//!
//! | file | job |
//! |---|---|
//! | `candles` | files as series; where the market begins, and on which dates |
//! | `files` | files of accounts, and of rules of symbols |
//! | `error` | what is wrong with the wishes |

mod candles;
mod error;
mod files;

pub use candles::{Range, Start};
pub use error::RehearsalError;

use crate::data::LoadedSeries;
use crate::model::Interval;
use crate::venues::local::accounts::{default_accounts, flat_rates};
use crate::venues::local::listing::{grid, split, usual_rules};
use crate::venues::local::pace::Speed;
use crate::venues::local::{HISTORY, Listing, LocalConfig};
use crate::venues::rules::ExchangeFilters;
use files::RulesFile;
use rust_decimal::Decimal;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

/// What the local exchange is to be like. The default is that of `mista exchange` without a flag.
#[derive(Debug, Clone, PartialEq)]
pub struct RehearsalOptions {
    /// Candle files, each of one symbol, as a path or `SYMBOL=PATH`. None: the bundled candles.
    pub data: Vec<String>,
    /// Length of the candles. `None`: as the candles say.
    pub interval: Option<Interval>,
    /// Drops rows that are not sane instead of failing.
    pub repair: bool,
    /// Port 0: any that is free.
    pub address: SocketAddr,
    pub speed: Speed,
    pub is_paused: bool,
    /// `None`: after 4/5 of the candles.
    pub start: Option<Start>,
    /// Dates the candles as if the market began now. So they are without a start and an end, in any case.
    pub today: bool,
    /// In ms, exclusive. `None`: with the last candle.
    pub end: Option<i64>,
    /// What each account begins with, where it is not 10,000 of each quote asset and 1 of each base asset.
    pub balances: Vec<(String, Decimal)>,
    /// Of what is received, in 1/100 percent.
    pub commission_bps: Decimal,
    /// From 0, below 10,000.
    pub slippage_bps: f64,
    /// A file of accounts, instead of the ten that are built in.
    pub accounts: Option<PathBuf>,
    /// A file of filters of symbols.
    pub rules: Option<PathBuf>,
    /// Multiplies all rate limits.
    pub limits_factor: f64,
    /// Things go wrong, the same for the same seed.
    pub chaos: Option<u64>,
    /// Closed orders, lists and executions that an account remembers.
    pub history: usize,
}

impl RehearsalOptions {
    pub const PORT: u16 = 9080;
    pub const HOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
}

impl Default for RehearsalOptions {
    fn default() -> Self {
        RehearsalOptions {
            data: Vec::new(),
            interval: None,
            repair: false,
            address: SocketAddr::new(Self::HOST, Self::PORT),
            speed: Speed::Times(60.0),
            is_paused: false,
            start: None,
            today: false,
            end: None,
            balances: Vec::new(),
            commission_bps: Decimal::TEN,
            slippage_bps: 0.0,
            accounts: None,
            rules: None,
            limits_factor: 1.0,
            chaos: None,
            history: HISTORY,
        }
    }
}

/// An exchange that can be started, and what it was made of.
#[derive(Debug, Clone)]
pub struct Rehearsal {
    pub config: LocalConfig,
    /// What each file covers, on the dates its candles have on the market; in the order of the files.
    pub ranges: Vec<Range>,
    /// The candles do not have the dates of their files.
    pub is_today: bool,
}

impl RehearsalOptions {
    /// Reads the files, and puts the exchange together.
    pub fn load(&self) -> Result<Rehearsal, RehearsalError> {
        let mut loaded = candles::load(self)?;
        let mut start = candles::start(self.start, &loaded)?;
        let mut end = self.end;
        if let Some(end) = end.filter(|end| *end <= start) {
            return Err(RehearsalError::EndsBeforeStart { start, end });
        }
        // Whoever names no date has no use for the file's: clients ask for candles by the clock on the wall.
        let is_today = self.today || (self.start.is_none() && self.end.is_none());
        if is_today {
            let shift;
            (start, shift) = candles::move_to_today(&mut loaded, start);
            end = end.map(|end| end.saturating_add(shift));
        }
        let ranges = loaded.iter().map(Range::of).collect();
        Ok(Rehearsal { config: self.config(loaded, start, end)?, ranges, is_today })
    }

    fn config(
        &self,
        loaded: Vec<LoadedSeries>,
        start: i64,
        end: Option<i64>,
    ) -> Result<LocalConfig, RehearsalError> {
        let rules_file = self.rules.as_deref().map(RulesFile::load).transpose()?;
        let mut listings = Vec::new();
        for LoadedSeries { series, .. } in loaded {
            listings.push(listing(series, rules_file.as_ref())?);
        }
        let symbols: Vec<String> = listings.iter().map(|it| it.rules.symbol.clone()).collect();
        let unknown = rules_file.as_ref().map(|file| file.unknown(&symbols)).unwrap_or_default();
        if !unknown.is_empty() {
            return Err(RehearsalError::NotTraded(unknown.join(", ")));
        }
        let balances = self.balances(&listings);
        let rates = flat_rates(self.commission_bps);
        let accounts = match &self.accounts {
            Some(path) => files::accounts(path, &balances, rates)?,
            None => default_accounts(&balances, rates, None),
        };
        Ok(LocalConfig {
            address: self.address,
            listings,
            accounts,
            slippage_bps: self.slippage_bps,
            filters: ExchangeFilters::default(),
            start,
            end,
            speed: self.speed,
            is_paused: self.is_paused,
            limits_factor: self.limits_factor,
            chaos: self.chaos,
            history: self.history,
        })
    }

    /// 10,000 of each quote asset, 1 of each base asset, and what is said otherwise.
    fn balances(&self, listings: &[Listing]) -> Vec<(String, Decimal)> {
        let mut balances: Vec<(String, Decimal)> = Vec::new();
        let mut set = |asset: &str, amount: Decimal| match balances.iter_mut().find(|(it, _)| it == asset) {
            Some((_, known)) => *known = amount,
            None => balances.push((asset.to_owned(), amount)),
        };
        listings.iter().for_each(|it| set(&it.rules.base_asset, Decimal::ONE));
        listings.iter().for_each(|it| set(&it.rules.quote_asset, Decimal::from(10_000)));
        self.balances.iter().for_each(|(asset, amount)| set(asset, *amount));
        balances
    }
}

/// A symbol with the usual rules, and what a file says otherwise.
fn listing(
    series: crate::venues::local::market::Series,
    file: Option<&RulesFile>,
) -> Result<Listing, RehearsalError> {
    let symbol = series.symbol().to_owned();
    let said = file.and_then(|file| file.assets(&symbol));
    let assets = said.or_else(|| split(&symbol));
    let (base, quote) = assets.ok_or_else(|| RehearsalError::UnknownQuote { symbol: symbol.clone() })?;
    let (tick, step) = grid(&symbol, series.price_decimals(), series.base_decimals());
    let mut rules = usual_rules(&symbol, base, quote, tick, step);
    if let Some(file) = file {
        file.apply(&mut rules)?;
    }
    Ok(Listing { rules, series })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::DAY_MS;

    const BTC: &str = "data/5m/BTCUSDT_5m.csv";
    const ETH: &str = "data/5m/ETHUSDT_5m.csv";
    /// 2023-03-20, when both files begin.
    const FIRST: i64 = 1_679_270_400_000;

    fn options(data: &[&str]) -> RehearsalOptions {
        let data = data.iter().map(|file| (*file).to_owned()).collect();
        RehearsalOptions { data, start: Some(Start::First), ..RehearsalOptions::default() }
    }

    #[test]
    fn files_become_symbols_and_what_accounts_have_of_them() {
        let options = RehearsalOptions {
            balances: vec![("USDT".to_owned(), Decimal::ONE_HUNDRED), ("BNB".to_owned(), Decimal::TWO)],
            end: Some(FIRST + DAY_MS),
            ..options(&[BTC, ETH])
        };
        let Rehearsal { config, ranges, is_today } = options.load().unwrap();
        assert!(!is_today);
        assert_eq!((config.start, config.end), (FIRST, Some(FIRST + DAY_MS)));
        let symbols: Vec<&str> = config.listings.iter().map(|it| it.rules.symbol.as_str()).collect();
        assert_eq!(symbols, ["BTCUSDT", "ETHUSDT"]);
        assert_eq!((ranges[0].from, ranges[0].candles), (FIRST, config.listings[0].series.len()));
        let balances: Vec<String> =
            config.accounts[9].balances.iter().map(|(asset, amount)| format!("{asset} {amount}")).collect();
        assert_eq!(balances, ["BTC 1", "ETH 1", "USDT 100", "BNB 2"]);
    }

    #[test]
    fn without_a_date_the_market_is_at_the_present() {
        let Rehearsal { config, ranges, is_today } =
            RehearsalOptions { start: None, ..options(&[BTC]) }.load().unwrap();
        assert!(is_today);
        // By whole units of what is left behind the start, so that intervals open where they did.
        assert_eq!((ranges[0].from - FIRST) % crate::model::HOUR_MS, 0);
        assert!(ranges[0].from > FIRST && (ranges[0].from..=ranges[0].to).contains(&config.start));
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let start = |start| RehearsalOptions { start: Some(start), ..options(&[BTC]) };
        for (options, message) in [
            (
                options(&["data/candles.csv"]),
                "data/candles.csv: the name does not begin with a symbol. Write --data BTCUSDT=data/candles.csv",
            ),
            (
                options(&[BTC, BTC]),
                "data/5m/BTCUSDT_5m.csv and data/5m/BTCUSDT_5m.csv are both of BTCUSDT. Name one file for each symbol.",
            ),
            (start(Start::At(0)), "--start: the candles cover 2023-03-20T00:00:00Z to "),
            (
                RehearsalOptions { end: Some(FIRST), ..options(&[BTC]) },
                "--end: the market begins at 2023-03-20T00:00:00Z, and 2023-03-20T00:00:00Z is not after that",
            ),
            (
                options(&["BTCXXX=data/5m/BTCUSDT_5m.csv"]),
                "BTCXXX: its quote asset is not known. Say it in a file for --rules:\nBTCXXX: { base: …, quote: … }",
            ),
            (
                RehearsalOptions { accounts: Some("nowhere.yaml".into()), ..options(&[BTC]) },
                "nowhere.yaml: there is no such file",
            ),
        ] {
            let error = options.load().unwrap_err().to_string();
            assert!(error.starts_with(message), "{error}");
        }
    }
}
