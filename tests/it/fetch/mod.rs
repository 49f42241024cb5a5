//! `mista fetch`: what it writes is what the exchange or the dumps have, byte for byte, however often it was killed,
//! whatever went wrong on the way; and where it cannot be, it says so and changes nothing.

mod dumps;
mod served;

use crate::playground::Playground;
use crate::support::{BTC_5M, ETH_5M, root};
use mista::data::fetch::HEADER;
use serde_json::json;
use served::{Asked, Scripted, Served};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::time::{Duration, Instant};

pub const MINUTE: i64 = 60_000;

/// 2019-01-01.
pub const START: i64 = 1_546_300_800_000;

/// Pseudo-random numbers below `below`, always the same.
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }
}

/// A row of a file with the candle of a minute: always the same for the same minute.
pub fn row(minute: i64) -> String {
    let mut random = Random(minute.unsigned_abs());
    random.below(2);
    let open = 30_000 + minute % 1000 * 7;
    let (high, low) = (open + 3, open - 2);
    let from = START + minute * MINUTE;
    let (cents, volume, quote) =
        (random.below(99) + 1, random.below(100_000) + 1, random.below(1_000_000) + 1);
    let text = format!(
        "{from},{open}.0,{high}.5,{low}.25,{open}.{cents:02},{}.{volume:05},{},{}.{quote:07},{},0.{volume:05},1.{quote:07}",
        minute % 50,
        from + MINUTE - 1,
        minute % 9000,
        random.below(5000),
    );
    let short = |field: &str| match field.contains('.') {
        false => field.to_owned(),
        true => {
            let short = field.trim_end_matches('0');
            if short.ends_with('.') { format!("{short}0") } else { short.to_owned() }
        }
    };
    text.split(',').map(short).collect::<Vec<_>>().join(",")
}

/// A file of the candles of these minutes.
pub fn file(minutes: impl Iterator<Item = i64>) -> String {
    let mut text = format!("{HEADER}\n");
    minutes.for_each(|minute| {
        writeln!(text, "{}", row(minute)).unwrap();
    });
    text
}

/// Minutes with gaps in them: one short, one longer than a page.
fn minutes(count: i64) -> impl Iterator<Item = i64> {
    (0..count).filter(|minute| !(700..703).contains(minute) && !(2500..4700).contains(minute))
}

const ONE: &str = "data/1m/BTCUSDT_1m.csv";

fn served(play: &Playground, chaos: Option<u64>) -> Served {
    Served::start(&[("BTCUSDT", &play.path("served.csv"))], chaos)
}

fn playground(count: i64) -> Playground {
    Playground::new().with("served.csv", file(minutes(count)))
}

/// What is left beside the files.
fn litter(play: &Playground) -> Vec<String> {
    play.files("data").into_keys().filter(|name| !name.ends_with(".csv") && !name.ends_with('/')).collect()
}

#[test]
fn what_the_exchange_serves_is_what_is_in_the_file() {
    let play = Playground::new();
    let [btc, eth] = [BTC_5M, ETH_5M].map(|file| root().join(file));
    let served = Served::start(&[("BTCUSDT", &btc), ("ETHUSDT", &eth)], None);
    let fetch = format!("fetch --symbol BTCUSDT,ethusdt --interval 5m,1h --rest {}", served.url);
    let said = play.mista(&format!("{fetch} --json")).ok().json();
    for (symbol, file) in [("BTCUSDT", BTC_5M), ("ETHUSDT", ETH_5M)] {
        assert!(
            play.read(&format!("data/5m/{symbol}_5m.csv")) == fs::read_to_string(root().join(file)).unwrap()
        );
    }
    let files = said["files"].as_array().unwrap();
    let totals: Vec<_> = files.iter().map(|file| file["total"].as_u64().unwrap()).collect();
    assert_eq!(totals[0], 2576);
    assert_eq!(files[0]["gaps"]["missing"], 16, "the halt of March 2023");
    assert_eq!(files[1]["file"], "data/1h/BTCUSDT_1h.csv");
    assert_eq!(litter(&play), [""; 0]);
    // Again: nothing is new, and nothing changes.
    let before = play.files("data");
    let said = play.mista(&format!("{fetch} --json")).ok().json();
    assert_eq!(
        said["files"].as_array().unwrap().iter().map(|it| it["new"].as_u64().unwrap()).sum::<u64>(),
        0
    );
    assert!(play.files("data") == before);
    play.mista("run good.rhai --data data/5m/BTCUSDT_5m.csv").failed(3, "good.rhai");
}

#[test]
fn the_bundled_hours_come_back_as_they_are() {
    let bundled = root().join("data/1h/BTCUSDT_1h.csv");
    let play = Playground::new();
    let served = Served::start(&[("BTCUSDT", &bundled)], None);
    play.mista(&format!("fetch --symbol BTCUSDT --interval 1h --rest {}", served.url)).ok();
    let (found, expected) = (play.read("data/1h/BTCUSDT_1h.csv"), fs::read_to_string(bundled).unwrap());
    let differ: Vec<_> = found.lines().zip(expected.lines()).filter(|(a, b)| a != b).collect();
    assert_eq!(found.lines().count(), expected.lines().count());
    // The only candle that is still open when the next one opens is shut by the local exchange.
    assert_eq!(differ.len(), 1, "{differ:?}");
    assert!(differ[0].1.contains("1518321600999"));
}

#[test]
fn a_file_grows_at_both_ends_and_keeps_what_it_has() {
    let play = playground(9000);
    let served = served(&play, None);
    let whole = play.read("served.csv");
    let at = |minute: i64| mista::model::iso(START + minute * MINUTE);
    let fetch = format!("fetch --symbol BTCUSDT --interval 1m --json --rest {}", served.url);
    let counts = |said: serde_json::Value| {
        let file = &said["files"][0];
        (file["new"].as_u64().unwrap(), file["total"].as_u64().unwrap())
    };
    let middle = play.mista(&format!("{fetch} --start {} --end {}", at(1000), at(2000))).ok().json();
    assert_eq!(counts(middle), (1000, 1000));
    same(&play.read(ONE), &file(1000..2000));
    // Nothing that is asked for is missing.
    let none = play.mista(&format!("{fetch} --start {} --end {}", at(1200), at(1300))).ok().json();
    assert_eq!(counts(none), (0, 1000));
    let front = play.mista(&format!("{fetch} --start {} --end {}", at(-5000), at(1500))).ok().json();
    assert_eq!(counts(front.clone()), (997, 1997));
    let note = front["files"][0]["notes"][0].as_str().unwrap();
    assert!(
        note.contains("has candles from 2019-01-01T00:00:00Z on, none from 2018-12-28T12:40:00Z"),
        "{note}"
    );
    let tail = play.mista(&fetch).ok().json();
    assert_eq!(counts(tail), (9000 - 3 - 2200 - 1997, 9000 - 3 - 2200));
    assert!(play.read(ONE) == whole);
    assert_eq!(litter(&play), [""; 0]);
}

#[test]
fn a_row_that_is_not_the_exchanges_stops_it_unless_all_is_to_be_fetched_again() {
    let play = playground(3000);
    let served = served(&play, None);
    let odd = file(0..600).replace(&row(599), &row(599).replace(".25,", ".24,"));
    play.write(ONE, &odd);
    let fetch = format!("fetch --symbol BTCUSDT --interval 1m --rest {}", served.url);
    let said =
        play.mista(&fetch).failed(4, "the candle of 2019-01-01T09:59:00Z is not the one that exchange has");
    assert!(said.err.contains(&format!("exchange  {}", row(599))), "{}", said.err);
    same(&play.read(ONE), &odd);
    // It would lose what is there.
    let late = format!("{fetch} --refetch --start 2019-01-01T01:00");
    play.mista(&late).failed(2, "--refetch would lose candles");
    same(&play.read(ONE), &odd);
    play.mista(&format!("{fetch} --refetch")).ok();
    assert!(play.read(ONE) == play.read("served.csv"));
    // At the front.
    let odd = file(600..700).replace(&row(600), &row(600).replace(".25,", ".24,"));
    play.write(ONE, &odd);
    play.mista(&format!("{fetch} --start 2019-01-01")).failed(4, "2019-01-01T10:00:00Z is not the one");
    same(&play.read(ONE), &odd);
    // A row that the exchange does not have at all.
    let beyond = format!("{}{}\n", file(600..700), row(701));
    play.write(ONE, &beyond);
    play.mista(&fetch).failed(4, "exchange  none");
    same(&play.read(ONE), &beyond);
}

/// Fetches through kills at random moments. How many of them hit.
fn through_kills(play: &Playground, fetch: &str, kills: u64, random: &mut Random, served: &Served) -> u64 {
    let part = play.path(&format!("{ONE}.part"));
    let all = fs::metadata(play.path("served.csv")).unwrap().len();
    let mut moments: Vec<u64> = (0..kills).map(|_| random.below(all)).collect();
    moments.sort_unstable();
    let mut hits = 0;
    for moment in moments {
        let mut child = play.begin(fetch);
        let begun = Instant::now();
        while child.try_wait().unwrap().is_none() {
            if fs::metadata(&part).is_ok_and(|file| file.len() >= moment) {
                break;
            }
            assert!(begun.elapsed() < Duration::from_secs(300), "it stands still");
            std::thread::sleep(Duration::from_micros(200));
        }
        std::thread::sleep(Duration::from_micros(random.below(3000)));
        hits += u64::from(child.try_wait().unwrap().is_none());
        child.kill().unwrap();
        let said = child.wait_with_output().unwrap();
        let said = String::from_utf8(said.stderr).unwrap();
        assert!(!said.contains("another mista fetch"), "{said}");
        assert!(served.weight() <= 6000);
        // As after a loss of power: a torn last line.
        if random.below(3) == 0
            && let Ok(there) = fs::read(&part)
        {
            fs::write(&part, &there[..there.len() - random.below(200).min(there.len() as u64) as usize])
                .unwrap();
        }
    }
    hits
}

#[test]
fn killed_at_any_moment_it_goes_on_and_ends_with_the_same_bytes() {
    for chaos in [None, Some(11)] {
        let play = playground(22_000);
        let served = served(&play, chaos);
        served.control("fault", &json!({ "fault": "delay", "ms": 30, "on": "public", "times": 100_000 }));
        let fetch = format!("fetch --symbol BTCUSDT --interval 1m --rest {}", served.url);
        let hits = through_kills(&play, &fetch, 5, &mut Random(3), &served);
        assert!(hits >= 3, "only {hits} kills hit");
        play.mista(&fetch).ok();
        assert!(play.read(ONE) == play.read("served.csv"));
        assert_eq!(litter(&play), [""; 0]);
    }
}

/// In release: `cargo test --release --test it five_years -- --ignored --nocapture`.
#[test]
#[ignore = "takes minutes: the limits of the exchange allow 2,400 pages a minute"]
fn five_years_killed_twenty_times() {
    let play =
        Playground::new().with("served.csv", file((0..2_629_440).filter(|minute| minute % 300_000 > 90)));
    for chaos in [None, Some(5)] {
        let _ = fs::remove_file(play.path(ONE));
        let served = served(&play, chaos);
        let begun = Instant::now();
        let fetch = format!("fetch --symbol BTCUSDT --interval 1m --json --rest {}", served.url);
        let hits = through_kills(&play, &fetch, 20, &mut Random(7), &served);
        let said = play.mista(&fetch).ok();
        eprintln!("chaos {chaos:?}: {hits} kills hit, {:.1} s\n{}", begun.elapsed().as_secs_f64(), said.out);
        assert!(play.read(ONE) == play.read("served.csv"));
        let weight = said.json()["weight"]["highest"].as_u64().unwrap();
        assert!(weight <= 6000, "{weight}");
        if chaos.is_none() {
            assert!(!said.err.contains("429"), "{}", said.err);
        }
        assert!(hits >= 15);
    }
}

#[test]
fn ctrl_c_stops_it_and_it_goes_on_later() {
    let play = playground(9000);
    let served = served(&play, None);
    let fault =
        served.control("fault", &json!({ "fault": "delay", "ms": 60, "on": "public", "times": 100_000 }));
    assert!(fault["id"].is_u64());
    let fetch = format!("fetch --symbol BTCUSDT --interval 1m --rest {}", served.url);
    let mut child = play.begin(&fetch);
    while !fs::metadata(play.path(&format!("{ONE}.part"))).is_ok_and(|file| file.len() > 1000) {
        assert!(child.try_wait().unwrap().is_none());
        std::thread::sleep(Duration::from_millis(1));
    }
    // Meanwhile nobody else.
    play.mista(&fetch).failed(1, "another mista fetch is at it");
    let kill = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(kill.success());
    let said = child.wait_with_output().unwrap();
    let text = String::from_utf8(said.stderr).unwrap();
    assert_eq!(said.status.code(), Some(130), "{text}");
    assert!(text.contains("run the same command again"), "{text}");
    assert!(!play.path(ONE).exists());
    play.mista(&fetch).ok();
    assert!(play.read(ONE) == play.read("served.csv"));
}

#[test]
fn whatever_goes_wrong_on_the_way_the_file_is_right() {
    let play = playground(9000);
    for seed in 1..=3 {
        let _ = fs::remove_dir_all(play.path("data"));
        let served = served(&play, Some(seed));
        play.mista(&format!("fetch --symbol BTCUSDT --interval 1m --rest {}", served.url)).ok();
        assert!(play.read(ONE) == play.read("served.csv"), "seed {seed}");
    }
}

/// Klines of these minutes that open in the time asked for, as the protocol has them.
fn klines(minutes: impl Iterator<Item = i64>, asked: Asked) -> String {
    let rows = minutes
        .filter(|minute| (asked.start..=asked.end).contains(&(START + minute * MINUTE)))
        .take(usize::try_from(asked.limit).unwrap())
        .map(|minute| {
            let row = row(minute);
            let f: Vec<&str> = row.split(',').collect();
            json!([
                f[0].parse::<i64>().unwrap(),
                f[1],
                f[2],
                f[3],
                f[4],
                f[5],
                f[6].parse::<i64>().unwrap(),
                f[7],
                f[8].parse::<i64>().unwrap(),
                f[9],
                f[10],
                "0"
            ])
        });
    serde_json::Value::from(rows.collect::<Vec<_>>()).to_string()
}

/// Says where two files begin to differ, not all of both.
fn same(found: &str, wanted: &str) {
    let differs = found.lines().zip(wanted.lines()).enumerate().find(|(_, (found, wanted))| found != wanted);
    assert_eq!(differs, None, "the first line that differs");
    assert_eq!(found.lines().count(), wanted.lines().count(), "lines");
    assert!(found == wanted, "the ends of lines");
}

const SCRIPTED: &str = "fetch --symbol BTCUSDT --interval 1m --start 2019-01-01 --end 2019-01-03";

fn two_days() -> impl Iterator<Item = i64> {
    (0..2880).filter(|minute| !(700..703).contains(minute))
}

#[test]
fn a_gap_is_believed_when_it_was_asked_for_three_times() {
    // The exchange forgets a few, now and then: in a page, and whole pages. Pages are asked for side by side, so what
    // it forgets goes by the page and not by the order of questions: no minute that is there is forgotten three times.
    let play = Playground::new();
    let times: Mutex<BTreeMap<i64, u32>> = Mutex::default();
    let scripted = Scripted::start(Box::new(move |_, asked| {
        let time = *times.lock().unwrap().entry(asked.start).and_modify(|it| *it += 1).or_insert(1);
        let forgets = |minute: &i64| match (asked.start - START) / MINUTE {
            0 => time == 1 && (100..150).contains(minute),
            1000 => time <= 2,
            _ => time == 1 && *minute > 2500,
        };
        (200, klines(two_days().filter(|minute| !forgets(minute)), asked))
    }));
    let said = play.mista(&format!("{SCRIPTED} --json --rest {}", scripted.url)).ok().json();
    same(&play.read(ONE), &file(two_days()));
    assert_eq!(said["files"][0]["gaps"]["missing"], 3);
    let hole = Asked { start: START + 699 * MINUTE + 1, end: START + 703 * MINUTE - 1, limit: 1000 };
    let asked = scripted.asked.lock().unwrap();
    assert_eq!(asked.iter().filter(|it| **it == hole).count(), 2, "after the page: {asked:?}");
}

#[test]
fn odd_answers_are_asked_for_again() {
    let play = Playground::new();
    let scripted = Scripted::start(Box::new(|count, asked| {
        let whole = klines(two_days(), asked);
        match count {
            2 => (503, "<html>no</html>".to_owned()),
            3 => (200, format!("{}<cut>", &whole[..whole.len() / 2])),
            4 => (200, whole[..whole.len() / 2].to_owned()),
            5 => (200, whole.replacen("0\",\"", "9\",\"-", 1)),
            // Of another time than was asked for.
            6 => (200, klines(two_days(), Asked { start: 0, ..asked })),
            8 => (200, String::new()),
            _ => (200, whole),
        }
    }));
    play.mista(&format!("{SCRIPTED} --rest {}", scripted.url)).ok();
    same(&play.read(ONE), &file(two_days()));
}

#[test]
fn a_candle_that_cannot_be_stops_it_and_what_came_before_is_kept() {
    let play = Playground::new();
    let scripted = Scripted::start(Box::new(|_, asked| {
        let whole = klines(two_days(), asked);
        (200, whole.replace(row(1500).split(',').nth(2).unwrap(), "0.5"))
    }));
    let high = row(1500).split(',').nth(2).unwrap().to_owned();
    let first = (0..2880).find(|minute| row(*minute).split(',').nth(2) == Some(&high)).unwrap();
    let said = play.mista(&format!("{SCRIPTED} --rest {}", scripted.url));
    let said = said.failed(4, "its high 0.5 is below its open");
    assert!(said.err.contains("What has been fetched is kept"), "{}", said.err);
    assert!(!play.path(ONE).exists());
    let part = play.read(&format!("{ONE}.part"));
    let rows: Vec<&str> = part.lines().skip(1).collect();
    assert!(rows.len() as i64 <= first && file(two_days()).contains(&rows.join("\n")));
}

#[test]
fn without_progress_it_gives_up_and_says_how_to_go_on() {
    let play = Playground::new();
    let scripted = Scripted::start(Box::new(|_, asked| match asked.start < START + 1000 * MINUTE {
        true => (200, klines(two_days(), asked)),
        false => (502, String::new()),
    }));
    let said = play.mista(&format!("{SCRIPTED} --patience 2 --rest {}", scripted.url));
    let said = said.failed(1, "run the same command again to go on from there");
    assert!(said.err.contains("HTTP status 502"), "{}", said.err);
    let scripted = Scripted::start(Box::new(|_, asked| (200, klines(two_days(), asked))));
    play.mista(&format!("{SCRIPTED} --rest {}", scripted.url)).ok();
    same(&play.read(ONE), &file(two_days()));
    let asked = scripted.asked.lock().unwrap();
    assert!(asked[0].start > START, "it goes on: {asked:?}");
}

#[test]
fn the_candle_that_is_still_open_is_left_out() {
    let now =
        || std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as i64;
    let hour = 60 * MINUTE;
    let last = now() / hour * hour;
    let rows = move |asked: Asked| {
        let all = (0..5).map(|back| last - (4 - back) * hour);
        let rows = all.filter(|open| (asked.start..=asked.end).contains(open)).take(asked.limit as usize);
        let row = |open| json!([open, "1", "2", "1", "2", "3", open + hour - 1, "5", 6, "1", "2", "0"]);
        (200, serde_json::Value::from(rows.map(row).collect::<Vec<_>>()).to_string())
    };
    let play = Playground::new();
    let scripted = Scripted::start(Box::new(move |_, asked| rows(asked)));
    let said = play.mista(&format!("fetch --symbol BTCUSDT --interval 1h --json --rest {}", scripted.url));
    let said = said.ok().json();
    // The fifth unless the hour has just ended.
    let total = said["files"][0]["total"].as_u64().unwrap();
    assert_eq!(total, if now() / hour * hour == last { 4 } else { total });
}

#[test]
fn what_cannot_be_fetched_is_told_with_what_to_do() {
    let play =
        playground(3000).with("data/5m/BTCUSDT_5m.csv", "time,open,high,low,close,volume\n1,1,1,1,1,1\n");
    play.write("file", "");
    fs::create_dir_all(play.path("empty")).unwrap();
    let served = served(&play, None);
    let gone = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    let local = format!("--rest {}", served.url);
    let cases: BTreeMap<String, (i32, &str)> = [
        (format!("--symbol BTCUSTD --interval 1m {local}"), 2, "no symbol BTCUSTD: did you mean BTCUSDT?"),
        (format!("--symbol BTCUSDT,QQ --interval 1m {local}"), 2, "no symbol QQ. Write it"),
        (format!("--symbol BTC/USDT --interval 1m {local}"), 2, "such as BTCUSDT"),
        (format!("--interval 1m {local}"), 2, "--symbol"),
        (format!("--symbol BTCUSDT {local}"), 2, "--interval"),
        (format!("--symbol BTCUSDT --interval 7m {local}"), 2, "1s 1m 3m 5m 15m 30m 1h 2h"),
        (format!("--symbol BTCUSDT --interval 1M {local}"), 2, "a month has no fixed length"),
        (
            format!("--symbol BTCUSDT --interval 1m --start 2020-01-02 --end 2020-01-01 {local}"),
            2,
            "is not before",
        ),
        (format!("--symbol BTCUSDT --interval 1m --start yesterday {local}"), 2, "yesterday"),
        (
            format!("--symbol BTCUSDT --interval 1m --start 2020-01-01 {local}"),
            4,
            "no candle of BTCUSDT 1m in this time",
        ),
        (format!("--symbol BTCUSDT --interval 1m --rest {gone} --patience 1"), 1, "cannot be reached"),
        ("--symbol BTCUSDT --interval 1m --rest http://example.com".to_owned(), 2, "in the clear"),
        (
            "--symbol BTCUSDT --interval 1m --rest ftp://x".to_owned(),
            2,
            "must begin with https:// or http://",
        ),
        ("--symbol BTCUSDT --interval 1m --venue moon".to_owned(), 2, "live, data, testnet, demo or local"),
        (format!("--symbol BTCUSDT --interval 1m {local}/nowhere --patience 1"), 1, "cannot be reached"),
        (format!("--symbol BTCUSDT --interval 1m --out file {local}"), 1, "file"),
        (
            format!("--symbol BTCUSDT --interval 5m {local}"),
            4,
            "its first line is not that of the files of mista fetch",
        ),
        (format!("--symbol BTCUSDT --interval 1m --dumps empty {local}"), 2, "cannot be used with"),
        ("--symbol BTCUSDT --interval 1m --dumps nowhere".to_owned(), 2, "is no folder"),
        ("--symbol BTCUSDT --interval 1m --dumps empty".to_owned(), 4, "BTCUSDT-1m-2024-01.zip"),
    ]
    .into_iter()
    .map(|(arguments, exit, words)| (arguments, (exit, words)))
    .collect();
    for (arguments, (exit, words)) in &cases {
        play.mista(&format!("fetch {arguments}")).failed(*exit, words);
    }
    assert!(!play.path(ONE).exists());
    assert_eq!(litter(&play), [""; 0]);
    // What is wrong with one does not keep the others back.
    play.mista(&format!("fetch --symbol BTCUSDT --interval 5m,1m {local}"))
        .failed(4, "data/5m/BTCUSDT_5m.csv");
    assert!(play.read(ONE) == play.read("served.csv"));
}

#[cfg(unix)]
#[test]
fn a_full_disk_is_told_as_such() {
    if !Path::new("/dev/full").exists() {
        return;
    }
    let play = playground(3000);
    let served = served(&play, None);
    fs::create_dir_all(play.path("data/1m")).unwrap();
    std::os::unix::fs::symlink("/dev/full", play.path(&format!("{ONE}.part"))).unwrap();
    let fetch = format!("fetch --symbol BTCUSDT --interval 1m --rest {}", served.url);
    play.mista(&fetch).failed(1, "the disk is full");
}
