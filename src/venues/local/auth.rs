//! Who sent a request, and when: keys, signatures, and the time a signed request must arrive in.

use super::refusal::Refusal;
use super::request::{JsonParams, Params, hex_value, json_text, percent_decoded, to_micros};
use crate::venues::base64;
use ring::{hmac, signature};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use std::fmt;

/// What signatures of one API key are verified with.
pub enum Verifier {
    Hmac(hmac::Key),
    Ed25519(Vec<u8>),
    /// A PKCS#1 public key of 2048 to 8192 bits.
    Rsa(Vec<u8>),
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind())
    }
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "this is no public key: it must be an Ed25519 or RSA key in PEM form, as `openssl pkey -pubout` writes it"
)]
pub struct KeyError;

impl Verifier {
    pub fn of_secret(secret: &str) -> Self {
        Verifier::Hmac(hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()))
    }

    /// Of a public key in PEM form.
    pub fn of_pem(pem: &str) -> Result<Self, KeyError> {
        let body: String = pem.lines().map(str::trim).filter(|line| !line.starts_with("-----")).collect();
        let der = base64::decoded(&body).ok_or(KeyError)?;
        if pem.contains("BEGIN RSA PUBLIC KEY") {
            return Ok(Verifier::Rsa(der));
        }
        // SubjectPublicKeyInfo: a sequence of the algorithm and a bit string with no unused bits.
        const ED25519: &[u8] = &[0x06, 0x03, 0x2b, 0x65, 0x70];
        const RSA: &[u8] = &[0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
        let (outer, _) = der_value(&der, 0x30).ok_or(KeyError)?;
        let (algorithm, rest) = der_value(outer, 0x30).ok_or(KeyError)?;
        let (bits, _) = der_value(rest, 0x03).ok_or(KeyError)?;
        let key = bits.strip_prefix(&[0]).ok_or(KeyError)?.to_vec();
        match () {
            () if algorithm.starts_with(ED25519) && key.len() == 32 => Ok(Verifier::Ed25519(key)),
            () if algorithm.starts_with(RSA) => Ok(Verifier::Rsa(key)),
            () => Err(KeyError),
        }
    }

    pub fn kind(&self) -> &'static str {
        match self {
            Verifier::Hmac(_) => "HMAC",
            Verifier::Ed25519(_) => "Ed25519",
            Verifier::Rsa(_) => "RSA",
        }
    }

    /// Whether `signature` (hex of either case, or base64) is the key's over `payload`.
    pub fn verifies(&self, payload: &[u8], signature: &str) -> bool {
        match self {
            Verifier::Hmac(key) => {
                hex_decoded(signature).is_some_and(|tag| hmac::verify(key, payload, &tag).is_ok())
            }
            Verifier::Ed25519(key) => asymmetric(&signature::ED25519, key, payload, signature),
            Verifier::Rsa(key) => asymmetric(&signature::RSA_PKCS1_2048_8192_SHA256, key, payload, signature),
        }
    }
}

fn asymmetric(
    algorithm: &'static dyn signature::VerificationAlgorithm,
    key: &[u8],
    payload: &[u8],
    signature: &str,
) -> bool {
    let key = signature::UnparsedPublicKey::new(algorithm, key);
    base64::decoded(signature).is_some_and(|signature| key.verify(payload, &signature).is_ok())
}

/// The value of a DER element with `tag`, and what comes after it.
fn der_value(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let rest = der.strip_prefix(&[tag])?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        let (bytes, rest) =
            rest.split_at_checked(usize::from(first & 0x7f)).filter(|(it, _)| it.len() <= 4)?;
        (bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), rest)
    };
    rest.split_at_checked(length)
}

fn hex_decoded(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = text.bytes().map(hex_value).collect::<Option<_>>()?;
    let (pairs, rest) = digits.as_chunks::<2>();
    rest.is_empty().then(|| pairs.iter().map(|[high, low]| high << 4 | low).collect())
}

/// What a REST request's signature is over, and that signature: query and body exactly as they were sent,
/// without the signature wherever it stands, and with nothing between them.
pub fn http_payload(query: &str, body: &str) -> (String, Option<String>) {
    let mut found = None;
    let mut without = |encoded: &str| {
        let kept: Vec<&str> = encoded
            .split('&')
            .filter(|piece| match piece.strip_prefix("signature=") {
                Some(value) => {
                    found.get_or_insert_with(|| value.to_owned());
                    false
                }
                None => true,
            })
            .collect();
        kept.join("&")
    };
    let payload: String = [without(query), without(body)].concat();
    let signature = found.and_then(|value| percent_decoded(&value)).filter(|value| !value.is_empty());
    (payload, signature)
}

/// The same of a WebSocket API frame: its fields by name, as text.
pub fn json_payload(fields: &JsonParams) -> (String, Option<String>) {
    let pieces: Vec<String> = fields
        .iter()
        .filter(|(name, _)| *name != "signature")
        .map(|(name, value)| format!("{name}={}", json_text(value)))
        .collect();
    (pieces.join("&"), fields.get("signature").map(|value| json_text(value)))
}

const RECV_WINDOW_US: i64 = 5_000_000;
const RECV_WINDOW_MAX_US: i64 = 60_000_000;
const AHEAD_MAX_US: i64 = 1_000_000;

/// Checks `timestamp` and `recvWindow` against the server's time (µs).
pub fn check_time(params: &Params, now_us: i64) -> Result<(), Refusal> {
    let window = match params.decimal("recvWindow")? {
        None => RECV_WINDOW_US,
        Some(window) if window.normalize().scale() > 3 => return Err(Refusal::too_precise("recvWindow")),
        Some(window) => (window * Decimal::ONE_THOUSAND).to_i64().unwrap_or(i64::MAX),
    };
    if window > RECV_WINDOW_MAX_US {
        return Err(Refusal::bad(-1131, "recvWindow must be less than 60000"));
    }
    let timestamp = to_micros(params.integer("timestamp")?.ok_or_else(|| Refusal::missing("timestamp"))?);
    if timestamp >= now_us.saturating_add(AHEAD_MAX_US) {
        return Err(Refusal::bad(-1021, "Timestamp for this request was 1000ms ahead of the server's time."));
    }
    if now_us.saturating_sub(timestamp) > window {
        return Err(Refusal::bad(-1021, "Timestamp for this request is outside of the recvWindow."));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j";
    const QUERY: &str = "symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1&recvWindow=5000&timestamp=1499827319559";
    const SIGNATURE: &str = "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71";

    #[test]
    fn documented_signatures_verify() {
        let key = Verifier::of_secret(SECRET);
        assert!(key.verifies(QUERY.as_bytes(), SIGNATURE));
        assert!(key.verifies(QUERY.as_bytes(), &SIGNATURE.to_uppercase()));
        assert!(!key.verifies(QUERY.as_bytes(), &SIGNATURE[2..]));
        assert!(!key.verifies(b"x", SIGNATURE));
        let wide = QUERY.replace("LTCBTC", "%EF%BC%91%EF%BC%92%EF%BC%93%EF%BC%94%EF%BC%95%EF%BC%96");
        assert!(
            key.verifies(wide.as_bytes(), "e1353ec6b14d888f1164ae9af8228a3dbd508bc82eb867db8ab6046442f33ef3")
        );
        let fields: JsonParams = serde_json::from_str(
            r#"{"symbol":"BTCUSDT","side":"SELL","type":"LIMIT","timeInForce":"GTC","quantity":"0.01000000",
            "signature":"aa1b5712c094bc4e57c05a1a5c1fd8d88dcd628338ea863fec7b88e59fe2db24","price":"52000.00","recvWindow":100,
            "timestamp":1645423376532,"apiKey":"vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A"}"#,
        )
        .unwrap();
        let (payload, signature) = json_payload(&fields);
        assert!(key.verifies(payload.as_bytes(), &signature.unwrap()));
    }

    #[test]
    fn the_signature_is_left_out_wherever_it_stands() {
        for (query, body) in [
            (format!("{QUERY}&signature={SIGNATURE}"), String::new()),
            (format!("signature={SIGNATURE}&{QUERY}"), String::new()),
            (String::new(), format!("{QUERY}&signature={SIGNATURE}")),
            (QUERY.to_owned(), format!("signature={SIGNATURE}")),
        ] {
            assert_eq!(http_payload(&query, &body), (QUERY.to_owned(), Some(SIGNATURE.to_owned())));
        }
        // Query and body are joined with nothing between them.
        assert_eq!(http_payload("a=1", "b=2").0, "a=1b=2");
        assert_eq!(http_payload("a=1&signature=x%2By%3D", "").1.as_deref(), Some("x+y="));
    }

    #[test]
    fn public_keys_are_read_and_verify() {
        use ring::signature::KeyPair;
        let pair = ring::signature::Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
        let mut der = vec![0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
        der.extend(pair.public_key().as_ref());
        let pem =
            format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", base64::encoded(&der));
        let key = Verifier::of_pem(&pem).unwrap();
        assert_eq!(key.kind(), "Ed25519");
        let signature = base64::encoded(pair.sign(QUERY.as_bytes()).as_ref());
        assert!(key.verifies(QUERY.as_bytes(), &signature));
        assert!(!key.verifies(b"x", &signature));
        for wrong in ["", "-----BEGIN PUBLIC KEY-----", "MCowBQYDK2VwAyEA", "é"] {
            assert_eq!(Verifier::of_pem(wrong).err(), Some(KeyError), "{wrong}");
        }
    }

    #[test]
    fn a_signed_request_has_to_arrive_in_time() {
        let now = 1_700_000_000_000_000;
        let check = |query: &str| Params::of_http(query, "").and_then(|params| check_time(&params, now));
        let said = |query: &str| check(query).unwrap_err();
        assert_eq!(check("timestamp=1700000000000"), Ok(()));
        assert_eq!(check("timestamp=1700000000000000"), Ok(()));
        assert_eq!(check("timestamp=1700000000999"), Ok(()));
        assert_eq!(
            said("timestamp=1700000001000").message,
            "Timestamp for this request was 1000ms ahead of the server's time."
        );
        assert_eq!(check("timestamp=1699999995000"), Ok(()));
        assert_eq!(
            said("timestamp=1699999994999").message,
            "Timestamp for this request is outside of the recvWindow."
        );
        assert_eq!(check("timestamp=1699999999999500&recvWindow=0.5"), Ok(()));
        assert_eq!(said("timestamp=1699999999999499&recvWindow=0.5").code, -1021);
        assert_eq!(said("timestamp=1700000000000&recvWindow=60001").code, -1131);
        assert_eq!(said("timestamp=1700000000000&recvWindow=0.1234").code, -1111);
        assert_eq!(said("recvWindow=1"), Refusal::missing("timestamp"));
    }
}
