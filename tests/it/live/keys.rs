//! Keys and secrets are nowhere but where they were given: not in files, not in what is printed, not on the command
//! line; also when they are refused, revoked, or everything goes wrong.
//!
//! No panic is forced: nothing from outside brings one about, its message has only what the code writes into it, and
//! what holds a key shows no more than its kind.

use crate::playground::{GOOD, Playground};
use crate::support::root;
use base64::prelude::*;
use mista::rehearsal::{RehearsalOptions, Start};
use mista::venues::local::pace::Speed;
use mista::venues::local::{Handle, LocalExchange};
use ring::signature::{Ed25519KeyPair, KeyPair};
use serde_json::json;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt;
use std::process::Child;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;

const KEY: &str = "n0tForAnyEyesK3y";
const SECRET: &str = "n0tForAnyEyesS3cret";
const ED_KEY: &str = "n0tForAnyEyesEdK3y";
const WRONG: &str = "n0tForAnyEyesWr0ng";
const SEED: [u8; 32] = [9; 32];

/// PKCS#8, and the public key.
fn ed25519() -> (String, String) {
    let pair = Ed25519KeyPair::from_seed_unchecked(&SEED).unwrap();
    let pem = |name: &str, der: &[u8]| {
        format!("-----BEGIN {name}-----\n{}\n-----END {name}-----\n", BASE64_STANDARD.encode(der))
    };
    let private =
        [&[0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20][..], &SEED].concat();
    let public =
        [&[0x30, 0x2a, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 3, 0x21, 0][..], pair.public_key().as_ref()].concat();
    (pem("PRIVATE KEY", &private), pem("PUBLIC KEY", &public))
}

/// What must not be seen anywhere.
fn secrets() -> Vec<String> {
    let (private, _) = ed25519();
    let inside = private.lines().nth(1).unwrap().to_owned();
    let hex = SEED.map(|byte| format!("{byte:02x}")).concat();
    vec!["n0tForAnyEyes".to_owned(), inside, BASE64_STANDARD.encode(SEED), hex]
}

struct Place {
    play: Playground,
    runtime: Runtime,
    exchange: Option<Handle>,
}

impl Place {
    fn new(chaos: Option<u64>) -> Place {
        let (private, public) = ed25519();
        let indented = public.trim_end().replace('\n', "\n      ");
        let accounts = format!(
            "accounts:\n  - key: {KEY}\n    secret: {SECRET}\n  - key: {ED_KEY}\n    public_key: |\n      {indented}\n"
        );
        let play = Playground::new().with("good.rhai", GOOD).with("accounts.yaml", accounts);
        let file = |name: &str, text: &str| {
            play.write(name, text);
            let mode = std::fs::Permissions::from_mode(0o600);
            std::fs::set_permissions(play.path(name), mode).unwrap();
        };
        let pem = play.path("private.pem").display().to_string();
        file("private.pem", &private);
        file("hmac.key", &format!("MISTA_API_KEY={KEY}\nMISTA_API_SECRET={SECRET}\n"));
        file("wrong.key", &format!("MISTA_API_KEY={KEY}\nMISTA_API_SECRET={WRONG}\n"));
        file("ed.key", &format!("MISTA_API_KEY={ED_KEY}\nMISTA_API_PRIVATE_KEY_FILE={pem}\n"));
        let runtime = super::led::runtime();
        let options = RehearsalOptions {
            data: vec![format!("BTCUSDT={}", root().join(crate::support::BTC_5M).display())],
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            speed: Speed::Times(1200.0),
            start: super::led::time("2023-03-24").map(Start::At),
            accounts: Some(play.path("accounts.yaml")),
            limits_factor: 1e5,
            chaos,
            ..RehearsalOptions::default()
        };
        let exchange = runtime.block_on(LocalExchange::start(options.load().unwrap().config)).unwrap();
        Place { play, runtime, exchange: Some(exchange) }
    }

    fn at(&self) -> String {
        let at = self.exchange.as_ref().unwrap().address();
        format!("--venue local --rest http://{at} --streams ws://{at} --ws-api ws://{at}/ws-api/v3")
    }

    fn begin(&self, bot: &str, flags: &str, variables: &[(&str, &str)]) -> Child {
        let flags = format!("--verbose trade good.rhai --interval 5m {} --bot {bot} {flags}", self.at());
        self.play.begin_into(bot, &flags, variables)
    }

    /// Waits until the bot has decided on some candles.
    fn wait(&self, bot: &str) {
        let until = Instant::now() + Duration::from_secs(60);
        let path = self.play.path(&format!("results/state/{bot}.journal"));
        while Instant::now() < until {
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            if text.matches("\"decision\"").count() >= 4 {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("{bot} has decided nothing");
    }

    fn stop(&self, bot: &str, mut child: Child) -> String {
        let pid = rustix::process::Pid::from_raw(child.id() as i32).unwrap();
        let line = std::fs::read(format!("/proc/{}/cmdline", child.id())).unwrap_or_default();
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        child.wait().unwrap();
        let line = String::from_utf8_lossy(&line);
        format!(
            "{line}\n{}\n{}",
            self.play.read(&format!("{bot}.out")),
            self.play.read(&format!("{bot}.err"))
        )
    }

    fn control(&self, path: &str, body: serde_json::Value) {
        self.runtime.block_on(self.exchange.as_ref().unwrap().control("POST", path, &body)).unwrap();
    }

    /// Nothing that was said or written has any of it.
    #[track_caller]
    fn hides(&self, said: &[String]) {
        for secret in secrets() {
            for said in said {
                assert!(!said.contains(&secret), "{said}");
            }
            for (name, bytes) in self.play.files("results") {
                let text = String::from_utf8_lossy(&bytes);
                assert!(!text.contains(&secret), "{name} has {secret}");
            }
        }
    }

    fn ask(&self, arguments: &str, variables: &[(&str, &str)]) -> String {
        let said = self.play.mista_with(arguments, variables);
        format!("{}{}", said.out, said.err)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(exchange) = self.exchange.take() {
            self.runtime.block_on(exchange.shutdown());
        }
    }
}

const HMAC: [(&str, &str); 2] = [("MISTA_API_KEY", KEY), ("MISTA_API_SECRET", SECRET)];

#[test]
fn sessions_show_no_key() {
    for chaos in [None, Some(3)] {
        let place = Place::new(chaos);
        let pem = place.play.path("private.pem").display().to_string();
        let ed = [("MISTA_API_KEY", ED_KEY), ("MISTA_API_PRIVATE_KEY_FILE", pem.as_str())];
        let sessions = [
            ("file", "--keys hmac.key", &[][..]),
            ("variables", "--json", &HMAC[..]),
            ("ed_file", "--keys ed.key --json", &[][..]),
            ("ed_variables", "--plain", &ed[..]),
        ];
        let mut said = Vec::new();
        for (bot, flags, variables) in sessions {
            let child = place.begin(bot, flags, variables);
            place.wait(bot);
            said.push(place.ask(&format!("status {bot} --json"), variables));
            let text = place.stop(bot, child);
            assert!(text.contains("Stopped."), "{text}");
            said.push(text);
            for verb in ["status", "replay", "why"] {
                said.push(place.ask(&format!("{verb} {bot}"), variables));
            }
        }
        said.push(place.ask(&format!("doctor {}", place.at()), &HMAC));
        said.push(place.ask(&format!("doctor {} --json", place.at()), &ed));
        assert!(place.play.files("results").len() >= 8);
        place.hides(&said);
    }
}

#[test]
fn refused_and_revoked_keys_are_not_shown() {
    let place = Place::new(None);
    let mut said = Vec::new();
    let trade = format!("--verbose trade good.rhai --interval 5m {}", place.at());
    for (flags, variables) in [
        ("--keys wrong.key", &[][..]),
        ("--bot other", &[("MISTA_API_KEY", WRONG), ("MISTA_API_SECRET", SECRET)][..]),
        ("--bot none", &[("MISTA_API_KEY", "n0tForAnyEyes!\u{e9}"), ("MISTA_API_SECRET", SECRET)][..]),
        ("--bot half", &[("MISTA_API_SECRET", SECRET)][..]),
        ("--keys private.pem", &[][..]),
        ("--keys accounts.yaml", &[][..]),
    ] {
        let refused = place.play.mista_with(&format!("{trade} {flags}"), variables);
        assert_ne!(refused.exit, 0, "{flags}");
        said.push(format!("{}{}", refused.out, refused.err));
    }
    // Somebody between here and the exchange may repeat what was sent.
    let echo = format!("no such key {KEY}");
    place.control(
        "fault",
        json!({ "fault": "reject", "code": -2015, "message": echo, "on": "account", "times": 1 }),
    );
    said.push(place.ask(&format!("{trade} --bot echo --keys hmac.key"), &[]));
    // Revoked while it trades.
    let child = place.begin("revoked", "--keys hmac.key", &[]);
    place.wait("revoked");
    place.control("key", json!({ "key": KEY, "revoked": true }));
    place.control("disconnect", json!({}));
    std::thread::sleep(Duration::from_secs(3));
    said.push(place.stop("revoked", child));
    said.push(place.ask("status revoked --json", &[]));
    place.hides(&said);
}
