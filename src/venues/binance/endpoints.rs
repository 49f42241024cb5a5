//! Where the exchange is: three addresses that have nothing to do with each other, each of which can be replaced.

use std::str::FromStr;

/// A named set of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Preset {
    /// Real money.
    Live,
    /// Market data of the real exchange, and nothing else; needs no key.
    Data,
    /// The exchange's test network: own prices, money that is nobody's.
    Testnet,
    /// The exchange's demo mode: prices like the real ones, money that is nobody's.
    Demo,
    /// The local exchange of this program, where it listens by default.
    Local,
}

impl Preset {
    pub const ALL: [Preset; 5] = [Preset::Live, Preset::Data, Preset::Testnet, Preset::Demo, Preset::Local];

    pub fn name(self) -> &'static str {
        match self {
            Preset::Live => "live",
            Preset::Data => "data",
            Preset::Testnet => "testnet",
            Preset::Demo => "demo",
            Preset::Local => "local",
        }
    }

    pub fn endpoints(self) -> Endpoints {
        let (rest, streams, ws_api) = match self {
            Preset::Live => (
                "https://api.binance.com",
                "wss://stream.binance.com:9443",
                Some("wss://ws-api.binance.com:443/ws-api/v3"),
            ),
            Preset::Data => ("https://data-api.binance.vision", "wss://data-stream.binance.vision", None),
            Preset::Testnet => (
                "https://testnet.binance.vision",
                "wss://stream.testnet.binance.vision",
                Some("wss://ws-api.testnet.binance.vision/ws-api/v3"),
            ),
            Preset::Demo => (
                "https://demo-api.binance.com",
                "wss://demo-stream.binance.com",
                Some("wss://demo-ws-api.binance.com/ws-api/v3"),
            ),
            Preset::Local => {
                ("http://127.0.0.1:9080", "ws://127.0.0.1:9080", Some("ws://127.0.0.1:9080/ws-api/v3"))
            }
        };
        Endpoints { rest: rest.to_owned(), streams: streams.to_owned(), ws_api: ws_api.map(str::to_owned) }
    }
}

impl FromStr for Preset {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Preset, EndpointError> {
        let found = Preset::ALL.into_iter().find(|preset| preset.name() == text);
        found.ok_or_else(|| EndpointError::Preset(text.to_owned()))
    }
}

/// Addresses, without a slash at the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoints {
    /// Paths such as `/api/v3/time` are added to it.
    pub rest: String,
    /// `/stream` is added to it.
    pub streams: String,
    /// Used as it is. `None` where only market data is served.
    pub ws_api: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    #[error("`{0}` is no set of addresses: live, data, testnet, demo or local")]
    Preset(String),
    #[error("the address `{url}` must begin with {schemes} and name a host, without user, `?` or `#`")]
    Address { url: String, schemes: &'static str },
    #[error(
        "the address `{0}` would carry keys and orders over the network in the clear: use https or wss; \
         plain http and ws are for this machine (127.0.0.1, ::1, localhost) only"
    )]
    Clear(String),
}

impl Endpoints {
    /// With those addresses replaced that are given.
    pub fn replaced(
        mut self,
        rest: Option<&str>,
        streams: Option<&str>,
        ws_api: Option<&str>,
    ) -> Result<Endpoints, EndpointError> {
        if let Some(url) = rest {
            self.rest = url.trim_end_matches('/').to_owned();
        }
        if let Some(url) = streams {
            self.streams = url.trim_end_matches('/').to_owned();
        }
        if let Some(url) = ws_api {
            self.ws_api = Some(url.trim_end_matches('/').to_owned());
        }
        self.check()?;
        Ok(self)
    }

    /// Whether orders go nowhere but to this machine, or to where the exchange has money that is nobody's.
    pub fn are_play_money(&self) -> bool {
        let known = [Preset::Testnet, Preset::Demo].map(Preset::endpoints);
        let is_known = |host: &str| {
            known.iter().flat_map(Endpoints::hosts_of_orders).any(|known| known.eq_ignore_ascii_case(host))
        };
        self.hosts_of_orders().all(|host| is_loopback(host) || is_known(host))
    }

    fn hosts_of_orders(&self) -> impl Iterator<Item = &str> {
        [Some(&self.rest), self.ws_api.as_ref()].into_iter().flatten().map(|url| host(url))
    }

    /// Whether they are addresses of the right kind, and none in the clear but to this machine.
    pub fn check(&self) -> Result<(), EndpointError> {
        check_rest(&self.rest)?;
        for url in [Some(&self.streams), self.ws_api.as_ref()].into_iter().flatten() {
            check_websocket(url)?;
        }
        Ok(())
    }
}

/// Whether `url` can be a [`Endpoints::rest`].
pub(super) fn check_rest(url: &str) -> Result<(), EndpointError> {
    address(url, "https://", "http://", "https:// or http://")
}

/// Whether `url` can be a [`Endpoints::streams`] or [`Endpoints::ws_api`].
pub(super) fn check_websocket(url: &str) -> Result<(), EndpointError> {
    address(url, "wss://", "ws://", "wss:// or ws://")
}

fn address(url: &str, safe: &str, clear: &str, schemes: &'static str) -> Result<(), EndpointError> {
    let fault = || EndpointError::Address { url: shown(url), schemes };
    let after = url.strip_prefix(safe).or_else(|| url.strip_prefix(clear)).ok_or_else(fault)?;
    let authority = after.split('/').next().unwrap_or_default();
    let strange = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '?' | '#' | '@' | '\\');
    if authority.is_empty() || authority.starts_with(':') || after.contains(strange) {
        return Err(fault());
    }
    if url.starts_with(clear) && !is_loopback(host(authority)) {
        return Err(EndpointError::Clear(shown(url)));
    }
    Ok(())
}

/// Without what might be a password.
fn shown(url: &str) -> String {
    match (url.find("://"), url.rfind('@')) {
        (Some(scheme), Some(at)) if at > scheme => format!("{}…{}", &url[..scheme + 3], &url[at..]),
        _ => url.to_owned(),
    }
}

/// The host of an address, or of `host[:port]`.
fn host(url: &str) -> &str {
    let after = url.split_once("://").map_or(url, |(_, after)| after);
    let authority = after.split('/').next().unwrap_or_default();
    match authority.strip_prefix('[') {
        Some(inside) => inside.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    }
}

/// Whether a host is this machine.
fn is_loopback(host: &str) -> bool {
    let number = host.parse::<std::net::IpAddr>();
    host.eq_ignore_ascii_case("localhost") || number.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_preset_is_fit_to_be_used() {
        for preset in Preset::ALL {
            preset.endpoints().check().unwrap();
            assert_eq!(preset.name().parse::<Preset>().unwrap(), preset);
        }
        assert!("mainnet".parse::<Preset>().is_err());
    }

    #[test]
    fn each_address_can_be_replaced_alone() {
        let ours = Preset::Local.endpoints();
        let other = ours.clone().replaced(None, Some("ws://[::1]:1/"), None).unwrap();
        assert_eq!(other, Endpoints { streams: "ws://[::1]:1".to_owned(), ..ours });
    }

    #[test]
    fn money_is_play_money_where_that_is_known() {
        for preset in Preset::ALL {
            let plays = preset.endpoints().are_play_money();
            assert_eq!(plays, matches!(preset, Preset::Testnet | Preset::Demo | Preset::Local), "{preset:?}");
        }
        let testnet = |rest, ws_api| Preset::Testnet.endpoints().replaced(rest, None, ws_api).unwrap();
        for real in [
            "https://api.binance.com",
            "https://API1.binance.com:443/x",
            "https://a.example/testnet.binance.vision",
        ] {
            assert!(!testnet(Some(real), None).are_play_money(), "{real}");
        }
        assert!(!testnet(None, Some("wss://ws-api.binance.com:443/ws-api/v3")).are_play_money());
        assert!(testnet(Some("https://Testnet.binance.vision:443"), Some("ws://[::1]:1/x")).are_play_money());
    }

    #[test]
    fn nothing_goes_over_the_network_in_the_clear() {
        let replaced = |rest: &str| Preset::Local.endpoints().replaced(Some(rest), None, None);
        for bad in ["http://api.binance.com", "http://127.0.0.1.evil.example", "http://localhost.example:80"]
        {
            assert_eq!(replaced(bad), Err(EndpointError::Clear(bad.to_owned())));
        }
        for bad in ["ftp://x", "https://", "https://:80", "https://a@b", "https://a b", "https://a?b", "a"] {
            assert!(matches!(replaced(bad), Err(EndpointError::Address { .. })), "{bad}");
        }
        assert!(!replaced("https://me:secret@host").unwrap_err().to_string().contains("secret"));
        for good in ["http://localhost:1/", "http://127.0.0.1", "https://api1.binance.com/proxy"] {
            replaced(good).unwrap();
        }
    }
}
