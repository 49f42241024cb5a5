//! What `mista trade`, `status`, `replay`, `why` and `torture` say to what they cannot use, in the manner of
//! `bad_input`: every case is one run of the real binary in a folder of its own, with its exit code and all it said.

use crate::playground::{GOOD, Playground};
use mista::rehearsal::{RehearsalOptions, Start};
use mista::venues::local::pace::Speed;
use mista::venues::local::{Handle, LocalExchange};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::Child;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;

const KEY: [(&str, &str); 2] = [("MISTA_API_KEY", "stubkey"), ("MISTA_API_SECRET", "stubsecret")];

struct Table {
    play: Playground,
    runtime: Runtime,
    exchange: Option<Handle>,
    text: String,
    patience: Duration,
}

impl Table {
    /// A folder with scripts, candles, and the session of a trader named `made`; and an exchange that stands still.
    fn new() -> Table {
        let play = Playground::good()
            .with("broken.rhai", GOOD.replace("ctx.close <", "ctx.clsoe <"))
            .with("folder/inside", "")
            .with("results/state/garbage.journal", "this is not a journal\n")
            .with("results/state/garbage.json", "{}\n")
            .with("bad.yaml", "period: many\n")
            .with("notifications.yaml", "url: nowhere\n");
        play.write("open.key", "MISTA_API_KEY=a\nMISTA_API_SECRET=b\n");
        play.mista("trade good.rhai --data BTCUSDT_1h.csv --bot made").ok();
        let runtime = super::led::runtime();
        let options = RehearsalOptions {
            data: vec![play.path("BTCUSDT_1h.csv").display().to_string()],
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            speed: Speed::Times(1.0),
            is_paused: true,
            start: Some(Start::Last),
            limits_factor: 1e5,
            ..RehearsalOptions::default()
        };
        let exchange = runtime.block_on(LocalExchange::start(options.load().unwrap().config)).unwrap();
        Table {
            play,
            runtime,
            exchange: Some(exchange),
            text: String::new(),
            patience: Duration::from_secs(60),
        }
    }

    /// `AT` in the arguments are the addresses of the exchange.
    fn whole(&self, arguments: &str) -> String {
        let at = self.exchange.as_ref().unwrap().address();
        let at = format!("--venue local --rest http://{at} --streams ws://{at} --ws-api ws://{at}/ws-api/v3");
        arguments.replace("AT", &at)
    }

    fn begin(&self, name: &str, arguments: &str, variables: &[(&str, &str)]) -> Child {
        self.play.begin_into(name, &self.whole(arguments), variables)
    }

    #[track_caller]
    fn with(&mut self, name: &str, arguments: &str, variables: &[(&str, &str)]) {
        let mut child = self.begin("said", arguments, variables);
        let until = Instant::now() + self.patience;
        let status = loop {
            match child.try_wait().unwrap() {
                Some(status) => break status,
                None if Instant::now() < until => std::thread::sleep(Duration::from_millis(10)),
                None => {
                    child.kill().unwrap();
                    child.wait().unwrap();
                    panic!("{name}: it runs: {}{}", self.play.read("said.out"), self.play.read("said.err"));
                }
            }
        };
        let port = self.exchange.as_ref().unwrap().address().port().to_string();
        let said = format!("{}{}", self.play.read("said.out"), self.play.read("said.err"));
        let said = said.replace(&format!("127.0.0.1:{port}"), "127.0.0.1:PORT");
        let folder = self.play.path("").display().to_string();
        assert!(!said.contains("panicked") && !said.contains(folder.trim_end_matches('/')), "{name}: {said}");
        let lines: Vec<&str> = said.lines().map(str::trim_end).collect();
        let exit = status.code().map_or("killed".to_owned(), |code| code.to_string());
        self.text += &format!("## {name}\n$ mista {arguments}\nexit {exit}\n{}\n\n", lines.join("\n"));
        assert_ne!(exit, "0", "{name}: {said}");
    }

    #[track_caller]
    fn add(&mut self, name: &str, arguments: &str) {
        self.with(name, arguments, &[]);
    }

    fn control(&self, path: &str, body: serde_json::Value) {
        self.runtime.block_on(self.exchange.as_ref().unwrap().control("POST", path, &body)).unwrap();
    }
}

impl Drop for Table {
    fn drop(&mut self) {
        if let Some(exchange) = self.exchange.take() {
            self.runtime.block_on(exchange.shutdown());
        }
    }
}

#[test]
fn trades_that_cannot_begin() {
    let mut table = Table::new();
    for (name, arguments) in [
        ("no script", "trade"),
        ("script is not there", "trade nowhere.rhai"),
        ("script is a folder", "trade folder"),
        ("script is broken", "trade broken.rhai"),
        ("unknown flag", "trade good.rhai --simbol BTCUSDT"),
        ("no such venue", "trade good.rhai --venue binance"),
        ("real money by mistake", "trade good.rhai --venue live"),
        ("real money without a key", "trade good.rhai --venue live --yes-real-money"),
        ("test network without a key", "trade good.rhai --venue testnet"),
        ("file of keys is not there", "trade good.rhai --keys nowhere.key"),
        ("file of keys is for everybody", "trade good.rhai --keys open.key"),
        ("interval is none", "trade good.rhai --interval often"),
        ("interval shorter than the candles", "trade good.rhai --data BTCUSDT_1h.csv --interval 5m"),
        ("interval the market does not move by", "trade good.rhai --data BTCUSDT_1h.csv --interval 4h"),
        ("interval that nobody has", "trade good.rhai --interval 7m"),
        ("interval that the exchange does not have", "trade good.rhai --interval 10m AT"),
        ("symbol that is not traded", "trade good.rhai --symbol DOGEUSDT AT"),
        ("symbol in small letters", "trade good.rhai --symbol btcusdt AT"),
        ("symbol that is none", "trade good.rhai --symbol BTC/USDT AT"),
        ("symbol that its own exchange does not have", "trade good.rhai --symbol XYZ --data BTCUSDT_1h.csv"),
        ("name with a slash", "trade good.rhai --bot my/bot AT"),
        ("name too long", "trade good.rhai --bot a_name_that_is_longer_than_names_are AT"),
        ("empty name", "trade good.rhai --bot= AT"),
        ("balance below 0", "trade good.rhai --balance -5 AT"),
        ("balance of 0", "trade good.rhai --balance 0 AT"),
        ("balance that is no number", "trade good.rhai --balance much AT"),
        ("balance above the account's", "trade good.rhai --balance 20000 AT"),
        ("address is none", "trade good.rhai --venue local --rest nowhere"),
        ("address that may be real money", "trade good.rhai --venue local --rest https://api.binance.com"),
        ("address of another kind", "trade good.rhai --venue local --rest ws://127.0.0.1:1"),
        ("streams of another kind", "trade good.rhai --venue local --streams http://127.0.0.1:1"),
        ("protection that is none", "trade good.rhai --protection none"),
        ("size that is none", "trade good.rhai --size lots=3"),
        ("parameter without value", "trade good.rhai --set period"),
        ("parameter with a typo", "trade good.rhai --set perod=3"),
        ("parameter out of range", "trade good.rhai --set period=500"),
        ("file of parameters is not there", "trade good.rhai --params nowhere.yaml"),
        ("file of parameters is wrong", "trade good.rhai --params bad.yaml"),
        ("whom to tell is wrong", "trade good.rhai --notifications notifications.yaml AT"),
        ("speed of 0", "trade good.rhai --speed 0"),
        ("candles are not there", "trade good.rhai --data nowhere.csv"),
        ("start that is no date", "trade good.rhai --data BTCUSDT_1h.csv --start soon"),
        ("start outside", "trade good.rhai --data BTCUSDT_1h.csv --start 2030-01-01"),
        ("end before the start", "trade good.rhai --data BTCUSDT_1h.csv --start 2021-01-10 --end 2021-01-08"),
        ("chaos that is no number", "trade good.rhai --chaos total"),
        ("state folder is a file", "trade good.rhai --state good.rhai AT"),
        ("folder of trades is a file", "trade good.rhai --trades good.rhai AT"),
        ("session of another symbol", "trade good.rhai --bot made --symbol BTCUSDT --interval 4h AT"),
        ("session of another venue", "trade good.rhai --bot made --venue paper --interval 1h --rest RESTURL"),
        ("journal that is none", "trade good.rhai --bot garbage AT"),
    ] {
        let at = table.exchange.as_ref().unwrap().address();
        let shown = arguments.to_owned();
        if shown.contains("RESTURL") {
            let whole = shown.replace("RESTURL", &format!("http://{at} --streams ws://{at}"));
            table.add(name, &whole);
            table.text = table.text.replace(&at.to_string(), "127.0.0.1:PORT");
        } else {
            table.add(name, arguments);
        }
    }
    let half = &KEY[..1];
    table.with("key without secret", "trade good.rhai AT", half);
    table.with("secret without key", "trade good.rhai AT", &KEY[1..]);
    table.with(
        "key that the exchange does not know",
        "trade good.rhai AT",
        &[("MISTA_API_KEY", "other"), KEY[1]],
    );
    table.with("secret of another key", "trade good.rhai AT", &[KEY[0], ("MISTA_API_SECRET", "other")]);
    let mut first = table.begin("first", "trade good.rhai --bot twin --interval 1h AT", &KEY);
    let until = Instant::now() + Duration::from_secs(60);
    let has_begun = |table: &Table| table.play.path("results/state/twin.journal").exists();
    while !has_begun(&table) && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(20));
    }
    let pid = first.id().to_string();
    table.with("second trader of a name", "trade good.rhai --bot twin --interval 1h AT", &KEY);
    table.text = table.text.replace(&format!("process {pid}"), "process PID");
    first.kill().unwrap();
    first.wait().unwrap();
    table.control("key", serde_json::json!({ "key": "stubkey", "revoked": true }));
    table.with("key that was revoked", "trade good.rhai AT", &KEY);
    table.control("symbol", serde_json::json!({ "symbol": "BTCUSDT", "status": "HALT" }));
    table.add("symbol that is halted", "trade good.rhai AT");
    insta::with_settings!({ omit_expression => true }, {
        insta::assert_snapshot!("trades_that_cannot_begin", table.text.trim_end());
    });
}

/// It tries for a minute first.
#[test]
#[ignore = "a minute each"]
fn nobody_there() {
    let mut table = Table::new();
    table.patience = Duration::from_secs(120);
    table.add("nobody there", "trade good.rhai --venue local --rest http://127.0.0.1:1");
    table.add("paper without network", "trade good.rhai --venue paper --rest http://127.0.0.1:1");
    println!("{}", table.text);
    assert_eq!(table.text.matches("http://127.0.0.1:1 does not answer: ").count(), 2);
}

#[test]
fn what_cannot_be_shown_or_done_again() {
    let mut table = Table::new();
    for (name, arguments) in [
        ("status of nobody", "status nobody"),
        ("status of a name that is none", "status my/bot"),
        ("status in another folder", "status made --state nowhere"),
        ("status of garbage", "status garbage"),
        ("status of two", "status made garbage"),
        ("replay of nothing", "replay"),
        ("replay of nobody", "replay nobody"),
        ("replay of a file that is not there", "replay nowhere.journal"),
        ("replay of candles", "replay BTCUSDT_1h.csv"),
        ("replay of a folder", "replay ./folder"),
        ("replay of garbage", "replay garbage"),
        ("replay of a name that is none", "replay my+bot"),
        ("a backtest of garbage", "replay garbage --backtest"),
        ("why of which", "why"),
        ("why of nobody", "why nobody"),
        ("why of garbage", "why garbage"),
        ("why at no time", "why made --time noon"),
        ("why at another time", "why made --time 2030-01-01"),
        ("why with flags of a run", "why made --data BTCUSDT_1h.csv"),
        ("why in two ways", "why made --last-signal --signals"),
        ("why from, of what", "why made --from 2021-01-01"),
        ("why of a backtest without candles", "why --backtest good.rhai --data nowhere.csv"),
        ("torture of nothing", "torture"),
        ("torture of a script that is not there", "torture nowhere.rhai"),
        ("torture of a broken script", "torture broken.rhai"),
        ("torture in a folder of something else", "torture good.rhai --folder folder"),
        ("torture without candles", "torture good.rhai --data nowhere.csv"),
        ("torture without its candles", "torture good.rhai --folder other"),
        ("torture, how often", "torture good.rhai --kills many"),
        ("torture of a symbol that is none", "torture good.rhai --data BTCUSDT_1h.csv --symbol XYZ"),
        ("torture with a typo", "torture good.rhai --data BTCUSDT_1h.csv --set perod=3 --kills 2"),
    ] {
        table.add(name, arguments);
    }
    let text = without_times_of_the_session(&table.text);
    insta::with_settings!({ omit_expression => true }, {
        insta::assert_snapshot!("what_cannot_be_shown_or_done_again", text.trim_end());
    });
}

/// The session's market began when the test did.
fn without_times_of_the_session(text: &str) -> String {
    let covers = "the first one is ";
    let line = |line: &str| match line.split_once(covers) {
        Some((before, _)) => format!("{before}{covers}FIRST, the last one LAST"),
        None => line.to_owned(),
    };
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}
