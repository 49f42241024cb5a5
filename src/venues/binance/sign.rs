//! Signatures of requests. Pure: the time is a parameter like any other, and keys are handed in
//! ([`super::keys`] finds them).
//!
//! Over REST the exact bytes of the query are signed, percent-encoded already. Over the WebSocket API the
//! parameters are signed sorted by name and raw.

use crate::venues::base64;
use ring::{hmac, rand::SystemRandom, rsa, signature};
use std::fmt;
use zeroize::Zeroizing;

/// What an API key is used with: the key's name, and a secret to sign with. Shows neither; the secret is
/// overwritten when it is dropped.
pub struct Credentials {
    api_key: Zeroizing<String>,
    secret: Secret,
}

enum Secret {
    Hmac(Zeroizing<Vec<u8>>),
    /// The document is kept, and the key pair made from it when needed: what `ring` keeps is not overwritten.
    Ed25519(Zeroizing<Vec<u8>>),
    Rsa(Zeroizing<Vec<u8>>),
}

/// How requests are signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyKind {
    Hmac,
    Ed25519,
    Rsa,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    #[error(
        "the API key is empty or holds characters that no key has: copy it again, letters and digits only"
    )]
    ApiKey,
    #[error("the API secret is empty or holds spaces: copy it again")]
    Secret,
    #[error("not a private key: a PEM file that begins with -----BEGIN PRIVATE KEY----- (PKCS#8) is needed")]
    NotPem,
    #[error("the private key is encrypted: decrypt it first, with `openssl pkcs8 -in KEY -out KEY.plain`")]
    Encrypted,
    #[error("neither an Ed25519 key nor an RSA key of 2048 to 4096 bits")]
    Unsupported,
    #[error("the request could not be signed with this key")]
    Signing,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credentials({:?}, not shown)", self.kind())
    }
}

/// A shorter key, which none is in earnest, may be a part of any word.
const HIDDEN_FROM: usize = 8;

impl Credentials {
    /// A key with a secret that both sides know.
    pub fn hmac(api_key: &str, secret: &str) -> Result<Credentials, KeyError> {
        let secret = secret.trim();
        if secret.is_empty() || secret.contains(char::is_whitespace) {
            return Err(KeyError::Secret);
        }
        let secret = Secret::Hmac(Zeroizing::new(secret.as_bytes().to_vec()));
        Ok(Credentials { api_key: checked(api_key)?, secret })
    }

    /// A key with a private key of its own, Ed25519 or RSA, as a PKCS#8 PEM file holds it.
    pub fn pem(api_key: &str, pem: &str) -> Result<Credentials, KeyError> {
        let api_key = checked(api_key)?;
        let document = decoded(pem)?;
        let secret = if signature::Ed25519KeyPair::from_pkcs8_maybe_unchecked(&document).is_ok() {
            Secret::Ed25519(document)
        } else if rsa::KeyPair::from_pkcs8(&document).is_ok() {
            Secret::Rsa(document)
        } else {
            return Err(KeyError::Unsupported);
        };
        Ok(Credentials { api_key, secret })
    }

    pub fn kind(&self) -> KeyKind {
        match self.secret {
            Secret::Hmac(_) => KeyKind::Hmac,
            Secret::Ed25519(_) => KeyKind::Ed25519,
            Secret::Rsa(_) => KeyKind::Rsa,
        }
    }

    /// The key's name, as it is sent with every signed request.
    pub fn api_key(&self) -> &str {
        &self.api_key
    }

    /// What the exchange, or somebody on the way to it, answered with, without the key: errors are shown and written
    /// down.
    pub(super) fn hidden(&self, status: u16, answer: Vec<u8>) -> Vec<u8> {
        if status < 400 || self.api_key.len() < HIDDEN_FROM {
            return answer;
        }
        match std::str::from_utf8(&answer) {
            Ok(text) if text.contains(self.api_key.as_str()) => {
                text.replace(self.api_key.as_str(), "[key]").into_bytes()
            }
            _ => answer,
        }
    }

    /// The signature of `payload`: hex (HMAC) or base64. Not percent-encoded.
    pub fn sign(&self, payload: &str) -> Result<String, KeyError> {
        let payload = payload.as_bytes();
        match &self.secret {
            Secret::Hmac(secret) => {
                let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
                Ok(hex(hmac::sign(&key, payload).as_ref()))
            }
            Secret::Ed25519(document) => {
                let key = signature::Ed25519KeyPair::from_pkcs8_maybe_unchecked(document);
                Ok(base64::encoded(key.map_err(|_| KeyError::Signing)?.sign(payload).as_ref()))
            }
            Secret::Rsa(document) => {
                let key = rsa::KeyPair::from_pkcs8(document).map_err(|_| KeyError::Signing)?;
                let mut signed = vec![0; key.public().modulus_len()];
                key.sign(&signature::RSA_PKCS1_SHA256, &SystemRandom::new(), payload, &mut signed)
                    .map_err(|_| KeyError::Signing)?;
                Ok(base64::encoded(&signed))
            }
        }
    }
}

/// Letters and digits only, and nothing that could end up as another header.
fn checked(api_key: &str) -> Result<Zeroizing<String>, KeyError> {
    let api_key = api_key.trim();
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if api_key.is_empty() || api_key.len() > 256 || !api_key.chars().all(plain) {
        return Err(KeyError::ApiKey);
    }
    Ok(Zeroizing::new(api_key.to_owned()))
}

/// The document inside a PEM file.
fn decoded(pem: &str) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    if pem.contains("ENCRYPTED") {
        return Err(KeyError::Encrypted);
    }
    let start = pem.split_once("-----BEGIN PRIVATE KEY-----").ok_or(KeyError::NotPem)?.1;
    let inside = start.split_once("-----END PRIVATE KEY-----").ok_or(KeyError::NotPem)?.0;
    let plain = |c: &u8| !c.is_ascii_whitespace() && *c != b'=';
    let text: Zeroizing<Vec<u8>> = Zeroizing::new(inside.bytes().filter(plain).collect());
    let mut document = Zeroizing::new(vec![0; text.len()]);
    let length = base64::decoded_into(&text, &mut document).map_err(|_| KeyError::NotPem)?;
    document.truncate(length);
    Ok(document)
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .map(|digit| char::from(b"0123456789abcdef"[usize::from(digit)]))
        .collect()
}

/// Parameters of a request, in the order in which they are sent.
pub type Params = Vec<(String, String)>;

/// Everything but unreserved characters as `%XX` of its UTF-8 bytes, so that nothing on the way has a reason to
/// change it.
pub fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            encoded.push(char::from(byte));
        } else {
            encoded.push('%');
            encoded.extend(hex(&[byte]).chars().map(|digit| digit.to_ascii_uppercase()));
        }
    }
    encoded
}

/// `a=1&b=2`, percent-encoded, in the order given.
pub fn query(params: &[(String, String)]) -> String {
    let pairs: Vec<String> = params
        .iter()
        .map(|(name, value)| format!("{}={}", percent_encoded(name), percent_encoded(value)))
        .collect();
    pairs.join("&")
}

/// The query with its signature at the end: exactly what is to be sent over REST.
pub fn signed_query(params: &[(String, String)], credentials: &Credentials) -> Result<String, KeyError> {
    let query = query(params);
    let signature = percent_encoded(&credentials.sign(&query)?);
    let and = if query.is_empty() { "" } else { "&" };
    Ok(format!("{query}{and}signature={signature}"))
}

/// What the WebSocket API wants signed: `a=1&b=2` sorted by name, raw.
pub fn websocket_payload(params: &[(String, String)]) -> String {
    let mut pairs: Vec<String> = params.iter().map(|(name, value)| format!("{name}={value}")).collect();
    pairs.sort();
    pairs.join("&")
}
