//! Keys of the three kinds, and what they sign.

use crate::support::root;
use base64::prelude::*;
use ring::signature::{Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use ring::{hmac, rand};

/// How requests of one API key are signed.
pub enum Signer {
    Hmac(String),
    Ed25519(Ed25519KeyPair),
    Rsa(RsaKeyPair),
}

impl Signer {
    /// The signer of an API key of [`super::world`]. A key that is not there signs all the same.
    pub fn of(key: &str) -> Signer {
        match key {
            "edkey" | "edkey2" => Signer::Ed25519(ed25519(key)),
            "rsakey" => {
                let pem = read("rsa-only-for-tests.pem");
                Signer::Rsa(RsaKeyPair::from_pkcs8(&pem_body(&pem)).unwrap())
            }
            key => Signer::Hmac(key.replace("stubkey", "stubsecret")),
        }
    }

    pub fn sign(&self, payload: &str) -> String {
        match self {
            Signer::Hmac(secret) => {
                let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
                let tag = hmac::sign(&key, payload.as_bytes());
                tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
            }
            Signer::Ed25519(pair) => BASE64_STANDARD.encode(pair.sign(payload.as_bytes()).as_ref()),
            Signer::Rsa(pair) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                let random = rand::SystemRandom::new();
                pair.sign(&RSA_PKCS1_SHA256, &random, payload.as_bytes(), &mut signature).unwrap();
                BASE64_STANDARD.encode(&signature)
            }
        }
    }
}

fn ed25519(key: &str) -> Ed25519KeyPair {
    let seed = if key == "edkey" { [7; 32] } else { [8; 32] };
    Ed25519KeyPair::from_seed_unchecked(&seed).unwrap()
}

/// The public key in PEM form, as an account is opened with it.
pub fn ed25519_public(key: &str) -> String {
    const PREFIX: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
    let pair = ed25519(key);
    let der = [&PREFIX, pair.public_key().as_ref()].concat();
    format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", BASE64_STANDARD.encode(&der))
}

pub fn rsa_public() -> String {
    read("rsa-only-for-tests.pub.pem")
}

fn read(name: &str) -> String {
    std::fs::read_to_string(root().join("tests/exchange").join(name)).unwrap()
}

fn pem_body(pem: &str) -> Vec<u8> {
    let text: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    BASE64_STANDARD.decode(text).unwrap()
}
