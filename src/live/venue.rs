//! Where a trader trades.

use crate::venues::binance::endpoints::{Endpoints, Preset};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Venue {
    /// Real prices, simulated fills, no key.
    Paper,
    /// The exchange on this machine: play money.
    Local,
    /// The exchange's test network: play money.
    Testnet,
    /// The exchange's demo mode: play money.
    Demo,
    /// Real money.
    Live,
}

impl Venue {
    pub const ALL: [Venue; 5] = [Venue::Paper, Venue::Local, Venue::Testnet, Venue::Demo, Venue::Live];

    pub fn name(self) -> &'static str {
        match self {
            Venue::Paper => "paper",
            Venue::Local => "local",
            Venue::Testnet => "testnet",
            Venue::Demo => "demo",
            Venue::Live => "live",
        }
    }

    /// The usual addresses.
    pub fn preset(self) -> Preset {
        match self {
            Venue::Paper => Preset::Data,
            Venue::Local => Preset::Local,
            Venue::Testnet => Preset::Testnet,
            Venue::Demo => Preset::Demo,
            Venue::Live => Preset::Live,
        }
    }

    /// Whether orders are sent to an exchange.
    pub fn has_account(self) -> bool {
        self != Venue::Paper
    }

    /// Whether what is traded there may be real money: by its name, or by an address it is given that is not known to be
    /// otherwise.
    pub fn may_spend(self, endpoints: &Endpoints) -> bool {
        self.has_account() && (self == Venue::Live || !endpoints.are_play_money())
    }
}

impl fmt::Display for Venue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Venue {
    type Err = String;

    fn from_str(text: &str) -> Result<Venue, String> {
        let found = Venue::ALL.into_iter().find(|venue| venue.name() == text);
        found.ok_or_else(|| format!("`{text}` is no venue: paper, local, testnet, demo or live"))
    }
}
