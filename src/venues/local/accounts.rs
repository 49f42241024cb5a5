//! Accounts and the API keys that open them.

use super::auth::{KeyError, Verifier};
use super::refusal::Refusal;
use crate::venues::sim::exchange::{AccountId, CommissionDiscount, CommissionRates};
use rust_decimal::Decimal;
use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

/// What a key signs with.
#[derive(Clone)]
pub enum Credential {
    Secret(String),
    /// Ed25519 or RSA, in PEM form.
    PublicKey(String),
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Credential::Secret(_) => "Secret(..)",
            Credential::PublicKey(_) => "PublicKey(..)",
        })
    }
}

/// What a key may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permissions {
    pub can_trade: bool,
    pub can_withdraw: bool,
    pub can_deposit: bool,
    /// Where requests may come from; empty: from anywhere.
    pub ips: Vec<IpAddr>,
}

impl Default for Permissions {
    fn default() -> Self {
        Permissions { can_trade: true, can_withdraw: false, can_deposit: true, ips: Vec::new() }
    }
}

/// One account, as the exchange is started with it.
#[derive(Debug, Clone)]
pub struct AccountConfig {
    pub key: String,
    pub credential: Credential,
    pub balances: Vec<(String, Decimal)>,
    pub rates: CommissionRates,
    pub discount: Option<CommissionDiscount>,
    pub permissions: Permissions,
}

/// Rates where only one number is given, in 1/100 percent.
pub fn flat_rates(commission_bps: Decimal) -> CommissionRates {
    let rate = commission_bps / Decimal::from(10_000);
    CommissionRates { maker: rate, taker: rate, buyer: Decimal::ZERO, seller: Decimal::ZERO }
}

/// The accounts that are there when nothing is said: `stubkey` with `stubsecret`, `stubkey2` with `stubsecret2`,
/// and so on to ten, all with the same balances.
pub fn default_accounts(
    balances: &[(String, Decimal)],
    rates: CommissionRates,
    discount: Option<&CommissionDiscount>,
) -> Vec<AccountConfig> {
    let number = |index: u32| if index == 1 { String::new() } else { index.to_string() };
    (1..=10)
        .map(|index| AccountConfig {
            key: format!("stubkey{}", number(index)),
            credential: Credential::Secret(format!("stubsecret{}", number(index))),
            balances: balances.to_vec(),
            rates,
            discount: discount.cloned(),
            permissions: Permissions::default(),
        })
        .collect()
}

/// An API key that is known.
#[derive(Debug)]
pub struct ApiKey {
    pub account: AccountId,
    pub verifier: Verifier,
    pub permissions: Permissions,
    pub is_revoked: bool,
}

/// All keys by name.
#[derive(Debug, Default)]
pub struct Accounts {
    keys: HashMap<Arc<str>, ApiKey>,
    /// Key of each account, for control and for messages.
    names: Vec<Arc<str>>,
}

impl Accounts {
    pub fn add(&mut self, account: AccountId, config: &AccountConfig) -> Result<(), KeyError> {
        let verifier = match &config.credential {
            Credential::Secret(secret) => Verifier::of_secret(secret),
            Credential::PublicKey(pem) => Verifier::of_pem(pem)?,
        };
        let key = ApiKey { account, verifier, permissions: config.permissions.clone(), is_revoked: false };
        let name: Arc<str> = config.key.as_str().into();
        self.names.push(name.clone());
        self.keys.insert(name, key);
        Ok(())
    }

    pub fn len(&self) -> usize {
        self.names.len()
    }

    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(AsRef::as_ref)
    }

    pub fn name_of(&self, account: AccountId) -> &str {
        self.names.get(account.0).map_or("", AsRef::as_ref)
    }

    pub fn key_mut(&mut self, name: &str) -> Option<&mut ApiKey> {
        self.keys.get_mut(name)
    }

    pub fn account(&self, name: &str) -> Option<AccountId> {
        self.keys.get(name).map(|key| key.account)
    }

    /// What an account's own key may do.
    pub fn permissions(&self, account: AccountId) -> Permissions {
        let key = self.names.get(account.0).and_then(|name| self.keys.get(name));
        key.map(|key| key.permissions.clone()).unwrap_or_default()
    }

    /// The key of a request. A request without one, or with one that is none, is told apart from an unknown one.
    pub fn find(&self, name: Option<&str>, ip: IpAddr) -> Result<&ApiKey, Refusal> {
        let legal = |name: &&str| {
            (1..=128).contains(&name.len())
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        };
        let name = name.filter(legal).ok_or_else(Refusal::key_format)?;
        let key = self.keys.get(name).filter(|key| !key.is_revoked).ok_or_else(Refusal::key)?;
        let allowed = key.permissions.ips.is_empty() || key.permissions.ips.contains(&ip);
        if allowed { Ok(key) } else { Err(Refusal::key()) }
    }
}
