//! Dumps of the exchange, in a folder.

use super::{MINUTE, ONE, START, file, row};
use crate::playground::Playground;
use sha2::{Digest, Sha256};
use std::io::{Cursor, Write};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

const DAY: i64 = 1440;
const FETCH: &str = "fetch --symbol BTCUSDT --interval 1m --dumps dumps";

/// The minutes as a dump has them; `micro`: in microseconds.
fn csv(minutes: impl Iterator<Item = i64>, micro: bool) -> String {
    minutes
        .map(|minute| {
            let row = row(minute);
            let mut fields: Vec<String> = row.split(',').map(str::to_owned).collect();
            for index in [1, 2, 3, 4, 5, 7, 9, 10] {
                let (whole, rest) = fields[index].split_once('.').unwrap();
                fields[index] = format!("{whole}.{rest:0<8}");
            }
            if micro {
                fields[0].push_str("000");
                fields[6].push_str("999");
            }
            format!("{},0\n", fields.join(","))
        })
        .collect()
}

fn zip(entries: &[(&str, &str)]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, text) in entries {
        writer.start_file(*name, SimpleFileOptions::default()).unwrap();
        writer.write_all(text.as_bytes()).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn put(play: &Playground, path: &str, text: &str) {
    let name = path.rsplit('/').next().unwrap();
    let bytes = zip(&[(&name.replace(".zip", ".csv"), text)]);
    let sum: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    play.write(path, bytes);
    play.write(&format!("{path}.CHECKSUM"), format!("{sum}  {name}\n"));
}

/// January 2019 as a month, the first two days of February as days: in the folders of the exchange.
fn playground() -> Playground {
    let play = Playground::new();
    let (monthly, daily) =
        ("dumps/data/spot/monthly/klines/BTCUSDT/1m", "dumps/data/spot/daily/klines/BTCUSDT/1m");
    put(&play, &format!("{monthly}/BTCUSDT-1m-2019-01.zip"), &csv(0..31 * DAY, false));
    for day in 0..2 {
        let from = (31 + day) * DAY;
        let path = format!("{daily}/BTCUSDT-1m-2019-02-{:02}.zip", day + 1);
        put(&play, &path, &csv(from..from + DAY, false));
    }
    // Of another market, and of other candles.
    put(&play, "dumps/data/futures/um/monthly/klines/BTCUSDT/1m/BTCUSDT-1m-2019-01.zip", "no");
    put(&play, "dumps/data/spot/monthly/klines/BTCUSDT/1h/BTCUSDT-1h-2019-01.zip", "no");
    put(&play, "dumps/data/spot/monthly/klines/ETHUSDT/1m/ETHUSDT-1m-2019-01.zip", "no");
    play
}

#[test]
fn months_and_days_become_a_file() {
    let play = playground();
    let said = play.mista(FETCH).ok();
    assert!(play.read(ONE) == file(0..33 * DAY));
    assert!(said.out.contains("47,520") && !said.out.contains("CHECKSUM"), "{}", said.out);
    // Again, and a day more: without a checksum, with a header, in microseconds, not packed.
    play.write(
        "dumps/BTCUSDT-1m-2019-02-03.csv",
        format!("open_time,open,…\n{}", csv(33 * DAY..34 * DAY, true)),
    );
    let said = play.mista(FETCH).ok();
    assert!(play.read(ONE) == file(0..34 * DAY));
    assert!(said.out.contains("1 of 2 dumps have no .CHECKSUM"), "{}", said.out);
}

#[test]
fn a_month_and_its_days_must_agree() {
    let play = playground();
    let day = "dumps/days/BTCUSDT-1m-2019-01-05.zip";
    put(&play, day, &csv(4 * DAY..5 * DAY, true));
    play.mista(&format!("{FETCH} --start 2019-01-02 --end 2019-01-10")).ok();
    assert!(play.read(ONE) == file(DAY..9 * DAY));
    std::fs::remove_file(play.path(ONE)).unwrap();
    let minute = 4 * DAY + 7;
    let text = csv(4 * DAY..5 * DAY, false);
    let odd = text.replace(&csv(minute..=minute, false), &csv(minute..=minute, false).replace(".5", ".6"));
    assert_ne!(text, odd);
    put(&play, day, &odd);
    let said = play.mista(FETCH).failed(4, "the candle of 2019-01-05T00:07:00Z is not the same in two dumps");
    assert!(said.err.contains("BTCUSDT-1m-2019-01-05.zip"), "{}", said.err);
    assert!(!play.path(ONE).exists());
}

#[test]
fn a_day_that_the_month_lacks_is_taken_and_what_both_lack_is_a_gap() {
    let play = Playground::new();
    let minutes = || (0..31 * DAY).filter(|minute| !(3 * DAY..5 * DAY).contains(minute));
    put(&play, "dumps/BTCUSDT-1m-2019-01.zip", &csv(minutes(), false));
    put(&play, "dumps/BTCUSDT-1m-2019-01-04.zip", &csv(3 * DAY..4 * DAY, false));
    let said = play.mista(&format!("{FETCH} --json")).ok().json();
    assert!(play.read(ONE) == file((0..31 * DAY).filter(|minute| !(4 * DAY..5 * DAY).contains(minute))));
    assert_eq!(said["files"][0]["gaps"]["missing"], DAY);
}

#[test]
fn a_dump_that_contradicts_the_file_stops_it() {
    let play = playground();
    let odd = file(0..DAY).replace(&row(DAY - 1), &row(DAY - 1).replace(".25", ".24"));
    play.write(ONE, &odd);
    play.mista(FETCH).failed(4, "is not the one that dumps has");
    assert_eq!(play.read(ONE), odd);
}

#[test]
fn a_dump_that_cannot_be_used_is_told_with_its_name() {
    const PATH: &str = "dumps/BTCUSDT-1m-2019-01.zip";
    let good = || csv(0..DAY, false);
    let line = |text: &str, from: &str, to: &str| text.replacen(from, to, 1);
    let check = |name: &str, prepare: &dyn Fn(&Playground), words: &str| {
        let play = Playground::new();
        put(&play, PATH, &good());
        prepare(&play);
        let said = play.mista(FETCH).failed(4, words);
        assert!(said.err.contains("BTCUSDT-1m-2019-01"), "{name}: {}", said.err);
        assert!(!play.path(ONE).exists(), "{name}");
    };
    let sum = |text: &'static str| move |play: &Playground| play.write(&format!("{PATH}.CHECKSUM"), text);
    let zeros = "0000000000000000000000000000000000000000000000000000000000000000  BTCUSDT-1m-2019-01.zip\n";
    check("wrong sum", &sum(zeros), "not what its .CHECKSUM says. Download both again.");
    check("no sum", &sum("<html>"), "this is no checksum");
    let other = "0000000000000000000000000000000000000000000000000000000000000000  BTCUSDT-1m-2019-02.zip\n";
    check("other's sum", &sum(other), "it is of another file");
    let bytes = |bytes: Vec<u8>| {
        move |play: &Playground| {
            std::fs::remove_file(play.path(&format!("{PATH}.CHECKSUM"))).unwrap();
            play.write(PATH, &bytes);
        }
    };
    check("no zip", &bytes(b"<Error>404</Error>".to_vec()), "no zip file that can be read");
    let whole = zip(&[("a.csv", &good())]);
    check("half a zip", &bytes(whole[..whole.len() / 2].to_vec()), "no zip file that can be read");
    let mut broken = whole.clone();
    broken[2000..2100].fill(0x55);
    check("a broken zip", &bytes(broken), "it cannot be read");
    check("two files", &bytes(zip(&[("a.csv", "1"), ("b.csv", "2")])), "there are 2 files in it");
    let text = |text: String| move |play: &Playground| put(play, PATH, &text);
    let csv = good();
    check("a text", &text(line(&csv, ".50000000", ".x")), ":1: this is no row of 12 columns");
    check("not sane", &text(line(&csv, ",30003.50000000", ",3.5")), ":1: its high 3.5 is below its open");
    check(
        "twice",
        &text(format!("{csv}{}", super::dumps::csv(5..6, false))),
        "it does not open after the one before",
    );
    let february = super::dumps::csv(31 * DAY..31 * DAY + 1, false);
    check("of another month", &text(format!("{csv}{february}")), ":1441: it is not of the time");
    check("a long line", &text("9".repeat(10_000)), ":1: this is no row");
    let twice = |play: &Playground| put(play, "dumps/more/BTCUSDT-1m-2019-01.zip", &good());
    check("two of a time", &twice, "is of the same time");
}

#[test]
fn a_zip_that_unpacks_to_more_than_any_dump_is_given_up() {
    // A gibibyte of empty lines is a megabyte, packed.
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    writer.start_file("a.csv", SimpleFileOptions::default()).unwrap();
    let lines = vec![b'\n'; 1 << 24];
    (0..65).for_each(|_| writer.write_all(&lines).unwrap());
    let mut bytes = writer.finish().unwrap().into_inner();
    assert!(bytes.len() < 4 << 20);
    let play = Playground::new().with("dumps/BTCUSDT-1m-2019-01.zip", &bytes);
    play.mista(FETCH).failed(4, "it unpacks to more than 1024 MiB");
    // The same with a lie about its size, in the directory at the end and in front of the data.
    let size = (65_u32 << 24).to_le_bytes();
    let lie = 1000_u32.to_le_bytes();
    let places: Vec<usize> = (0..bytes.len() - 4).filter(|at| bytes[*at..*at + 4] == size).collect();
    assert!(!places.is_empty());
    places.into_iter().for_each(|at| bytes[at..at + 4].copy_from_slice(&lie));
    play.write("dumps/BTCUSDT-1m-2019-01.zip", &bytes);
    let said = play.mista(FETCH);
    assert_eq!(said.exit, 4, "{}", said.err);
    assert_eq!(START % MINUTE, 0);
}
