//! Files of accounts, and of rules of symbols.

use super::RehearsalError;
use crate::venues::local::accounts::{AccountConfig, Credential, Permissions, flat_rates};
use crate::venues::local::listing::set_filter;
use crate::venues::rules::SymbolRules;
use crate::venues::sim::exchange::{CommissionDiscount, CommissionRates};
use crate::venues::words::SymbolStatus;
use rust_decimal::Decimal;
use serde::Deserialize;
use serde_yaml::Value;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawAccounts {
    accounts: Vec<RawAccount>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawAccount {
    key: String,
    /// HMAC.
    secret: Option<String>,
    /// Ed25519 or RSA, in PEM form.
    public_key: Option<String>,
    /// The same as a file, relative to this one.
    public_key_file: Option<PathBuf>,
    balances: Option<BTreeMap<String, Value>>,
    commission_bps: Option<Value>,
    maker_bps: Option<Value>,
    taker_bps: Option<Value>,
    discount: Option<RawDiscount>,
    can_trade: Option<bool>,
    can_withdraw: Option<bool>,
    can_deposit: Option<bool>,
    #[serde(default)]
    ips: Vec<IpAddr>,
}

/// Commission in another asset: what it is, 0.75 for a quarter off, and its price in each quote asset.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawDiscount {
    #[serde(default = "usual_asset")]
    asset: String,
    factor: Option<Value>,
    prices: BTreeMap<String, Value>,
}

fn usual_asset() -> String {
    "BNB".to_owned()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRules {
    base: Option<String>,
    quote: Option<String>,
    status: Option<String>,
    #[serde(default)]
    filters: BTreeMap<String, Value>,
}

fn wrong(path: &Path, what: impl std::fmt::Display) -> RehearsalError {
    RehearsalError::File { path: path.to_owned(), what: what.to_string() }
}

fn read<T: for<'de> Deserialize<'de>>(path: &Path) -> Result<T, RehearsalError> {
    let text = std::fs::read_to_string(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => wrong(path, "there is no such file"),
        _ => wrong(path, format!("cannot be read: {error}")),
    })?;
    serde_yaml::from_str(&text).map_err(|error| wrong(path, error))
}

/// A text or a number, as a decimal that is not negative.
fn decimal(value: &Value) -> Option<Decimal> {
    let decimal: Decimal = match value {
        Value::String(text) => text.parse().ok()?,
        Value::Number(number) => number.to_string().parse().ok()?,
        _ => return None,
    };
    (!decimal.is_sign_negative()).then_some(decimal)
}

/// The accounts of a file. `balances` and `rates` are those of accounts that say nothing of their own.
pub fn accounts(
    path: &Path,
    balances: &[(String, Decimal)],
    rates: CommissionRates,
) -> Result<Vec<AccountConfig>, RehearsalError> {
    let raw: RawAccounts = read(path)?;
    if raw.accounts.is_empty() {
        return Err(wrong(path, "there is no account in it"));
    }
    raw.accounts.into_iter().map(|account| read_account(path, account, balances, rates)).collect()
}

fn read_account(
    path: &Path,
    raw: RawAccount,
    balances: &[(String, Decimal)],
    rates: CommissionRates,
) -> Result<AccountConfig, RehearsalError> {
    let key = raw.key.clone();
    let fault = |what: &str| wrong(path, format!("account {key}: {what}"));
    let number = |value: &Value, name: &str| {
        decimal(value).ok_or_else(|| fault(&format!("`{name}` must be a number that is not negative")))
    };
    let credential = match (raw.secret, raw.public_key, raw.public_key_file) {
        (Some(secret), None, None) => Credential::Secret(secret),
        (None, Some(pem), None) => Credential::PublicKey(pem),
        (None, None, Some(file)) => {
            let file = path.parent().unwrap_or(Path::new("")).join(file);
            let text = std::fs::read_to_string(&file);
            Credential::PublicKey(text.map_err(|error| wrong(&file, format!("cannot be read: {error}")))?)
        }
        _ => return Err(fault("write one of `secret`, `public_key` and `public_key_file`")),
    };
    let bps = |value: &Option<Value>, name: &str| value.as_ref().map(|value| number(value, name)).transpose();
    let both = bps(&raw.commission_bps, "commission_bps")?;
    let rate_of =
        |own: Option<Decimal>, usual: Decimal| own.or(both).map_or(usual, |bps| flat_rates(bps).maker);
    let rates = CommissionRates {
        maker: rate_of(bps(&raw.maker_bps, "maker_bps")?, rates.maker),
        taker: rate_of(bps(&raw.taker_bps, "taker_bps")?, rates.taker),
        ..rates
    };
    let balances = match raw.balances {
        None => balances.to_vec(),
        Some(own) => own
            .into_iter()
            .map(|(asset, value)| Ok((asset, number(&value, "balances")?)))
            .collect::<Result<_, RehearsalError>>()?,
    };
    let discount = raw.discount.map(|raw| -> Result<CommissionDiscount, RehearsalError> {
        let prices: Result<_, RehearsalError> = raw
            .prices
            .iter()
            .map(|(asset, value)| Ok((asset.as_str().into(), number(value, "prices")?)))
            .collect();
        let factor = raw.factor.as_ref().map_or(Ok(Decimal::new(75, 2)), |value| number(value, "factor"))?;
        Ok(CommissionDiscount { asset: raw.asset.as_str().into(), factor, prices: prices? })
    });
    let usual = Permissions::default();
    let permissions = Permissions {
        can_trade: raw.can_trade.unwrap_or(usual.can_trade),
        can_withdraw: raw.can_withdraw.unwrap_or(usual.can_withdraw),
        can_deposit: raw.can_deposit.unwrap_or(usual.can_deposit),
        ips: raw.ips,
    };
    let discount = discount.transpose()?;
    Ok(AccountConfig { key: raw.key, credential, balances, rates, discount, permissions })
}

/// Rules of symbols, by name, that replace the usual ones.
pub struct RulesFile {
    path: PathBuf,
    symbols: BTreeMap<String, RawRules>,
}

impl RulesFile {
    pub fn load(path: &Path) -> Result<Self, RehearsalError> {
        Ok(RulesFile { path: path.to_owned(), symbols: read(path)? })
    }

    /// Base and quote of a symbol, where the file says so.
    pub fn assets(&self, symbol: &str) -> Option<(&str, &str)> {
        let raw = self.symbols.get(symbol)?;
        Some((raw.base.as_deref()?, raw.quote.as_deref()?))
    }

    pub fn apply(&self, rules: &mut SymbolRules) -> Result<(), RehearsalError> {
        let Some(raw) = self.symbols.get(&rules.symbol) else { return Ok(()) };
        let fault = |what: String| wrong(&self.path, format!("{}: {what}", rules.symbol));
        if let Some(word) = &raw.status {
            let known: Vec<&str> = SymbolStatus::ALL.iter().map(|it| it.name()).collect();
            let status = SymbolStatus::of(word);
            rules.status =
                status.ok_or_else(|| fault(format!("`status` must be one of {}", known.join(" "))))?;
        }
        for (field, value) in &raw.filters {
            let number = decimal(value).ok_or_else(|| fault(format!("`{field}` must be a number")))?;
            set_filter(&mut rules.filters, field, number).map_err(fault)?;
        }
        Ok(())
    }

    /// Symbols of the file that are not traded here.
    pub fn unknown<'a>(&'a self, symbols: &[String]) -> Vec<&'a str> {
        self.symbols.keys().filter(|name| !symbols.contains(name)).map(String::as_str).collect()
    }
}
