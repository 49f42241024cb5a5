//! Whole files: what loads, and what every kind of broken file is told.

use super::*;
use crate::model::{Candle, HOUR_MS, iso};
use proptest::prelude::*;
use std::fmt::Write as _;

fn load_bytes(name: &str, bytes: &[u8], options: &LoadOptions) -> Result<Loaded, DataError> {
    load_from(Path::new(name), bytes, bytes.len() as u64, options)
}

fn loaded(name: &str, text: &str) -> Loaded {
    load_bytes(name, text.as_bytes(), &LoadOptions::default()).unwrap()
}

/// What a user sees for a file with these bytes.
fn message(name: &str, bytes: &[u8]) -> String {
    match load_bytes(name, bytes, &LoadOptions::default()) {
        Ok(loaded) => format!("loads: {}", loaded.gaps),
        Err(error) => error.to_string(),
    }
}

const HEADER: &str = "open_time,open,high,low,close,volume\n";
const ROW: &str = "1609459200000,10,12,9,11,5\n";

/// The header, a good row, and then this.
fn after_a_good_row(row: &str) -> Vec<u8> {
    format!("{HEADER}{ROW}{row}").into_bytes()
}

#[test]
fn every_bad_file_is_told_what_is_wrong_where_and_what_to_do() {
    let row = after_a_good_row;
    let csv = |text: &str| text.as_bytes().to_vec();
    let dump = |open: &str, close: &str| format!("{open},10,12,9,11,5,{close},50,3,2,20,0\n");
    let cases: Vec<(&str, Vec<u8>)> = vec![
        // The file.
        ("empty", csv("")),
        ("only blank lines and comments", csv("\n# candles\n\r\n  \n")),
        ("only a byte order mark", b"\xef\xbb\xbf".to_vec()),
        ("header only", csv(HEADER)),
        ("gzip", b"\x1f\x8b\x08\x00rest".to_vec()),
        ("zip", b"PK\x03\x04rest".to_vec()),
        ("parquet", b"PAR1\x15\x04".to_vec()),
        ("UTF-16", b"\xff\xfeo\x00p\x00".to_vec()),
        ("binary", b"open\x00\x01\x02".to_vec()),
        ("one endless line", vec![b'x'; 70_000]),
        ("an endless row", row(&"1".repeat(70_000))),
        ("old Mac line ends", csv("open_time,open,high,low,close,volume\r1609459200000,10,12,9,11,5\r")),
        // The header.
        ("header not UTF-8", b"open_time,open,h\xe9gh,low,close,volume\n".to_vec()),
        ("semicolons", csv("open_time;open;high;low;close;volume\n1;2;3;4;5;6\n")),
        ("tabs without header", csv("1609459200000\t10\t12\t9\t11\t5\n")),
        ("no header", csv(ROW)),
        ("a web page", csv("<!DOCTYPE html>\n<html>404</html>\n")),
        ("misspelt columns", csv("open_tme,open,hihg,low,close,vol\n")),
        ("no such column", csv("time,open,high,low,price\n")),
        ("volume by asset", csv("unix,date,symbol,open,high,low,close,Volume BTC,Volume USD\n")),
        ("two columns of a name", csv("open_time,open,high,low,close,volume,Open\n")),
        // Fields.
        ("a field short", row("1609462800000,10,12,9,11\n")),
        ("two fields more", row("1609462800000,10,12,9,11,5,,\n")),
        ("a torn last row", row("16094628000")),
        ("words", row("1609462800000,10,abc,9,11,5\n")),
        ("thousands separators", row("1609462800000,\"1,000\",1200,900,1100,5\n")),
        ("two decimal points", row("1609462800000,10.0.0,12,9,11,5\n")),
        ("an empty price", row("1609462800000,10,12,,11,5\n")),
        ("not UTF-8", row("1609462800000,10,12,9,11,").into_iter().chain(*b"5\xff\n").collect()),
        ("nan", row("1609462800000,NaN,12,9,11,5\n")),
        ("inf", row("1609462800000,10,inf,9,11,5\n")),
        ("overflow", row("1609462800000,10,1e999,9,11,5\n")),
        ("a very long field", row(&format!("1609462800000,10,{},9,11,5\n", "é".repeat(300)))),
        ("control characters", row("1609462800000,10,\x1b[31m,9,11,5\n")),
        // Values.
        ("zero price", row("1609462800000,10,12,0,11,5\n")),
        ("negative price", row("1609462800000,-10,12,9,11,5\n")),
        ("absurd price", row("1609462800000,10,1e16,9,11,5\n")),
        ("negative volume", row("1609462800000,10,12,9,11,-0.1\n")),
        ("high below open", row("1609462800000,13,12,9,11,5\n")),
        ("high below close", row("1609462800000,10,12,9,12.5,5\n")),
        ("low above open", row("1609462800000,10,12,10.5,11,5\n")),
        ("low above close", row("1609462800000,11,12,10.5,10,5\n")),
        // Times.
        ("a time in words", row("noon,10,12,9,11,5\n")),
        ("a time from a spreadsheet", row("1.60946E+12,10,12,9,11,5\n")),
        ("a compact date", row("20210101,10,12,9,11,5\n")),
        ("time zero", row("0,10,12,9,11,5\n")),
        ("a negative time", row("-1609462800000,10,12,9,11,5\n")),
        ("a time far in the future", csv(&format!("{HEADER}2101-01-01,10,12,9,11,5\n"))),
        ("a repeated time", row(ROW)),
        ("an earlier time", row("1609455600000,10,12,9,11,5\n")),
        (
            "ms, then µs",
            csv(&(dump("1609459200000", "1609462799999")
                + dump("1609462800000000", "1609466399999999").as_str())),
        ),
        (
            "µs, then ms in close_time alone",
            csv(&(dump("1609459200000000", "1609462799999999")
                + dump("1609462800000000", "1609466399999").as_str())),
        ),
        ("ms, then ISO", row("2021-01-01T01:00:00Z,10,12,9,11,5\n")),
        (
            "closes before it opens",
            csv(
                "open_time,open,high,low,close,volume,close_time\n1609459200000,10,12,9,11,5,1609459199999\n",
            ),
        ),
        (
            "no close time",
            csv("open_time,open,high,low,close,volume,close_time\n1609459200000,10,12,9,11,5,\n"),
        ),
        // The interval.
        ("one candle", csv(&format!("{HEADER}{ROW}"))),
        // Line numbers.
        (
            "comments, blank lines and CRLF count",
            csv(
                "\u{feff}# a\r\n\r\nopen_time,open,high,low,close,volume\r\n# b\r\n\r\n1609459200000,10,12,x,11,5\r\n",
            ),
        ),
        (
            "columns in another order",
            csv("close,Volume,OPEN,Open Time,low,high\n11,5,10,1609459200000,9,x\n"),
        ),
    ];
    let mut all = String::new();
    for (case, bytes) in &cases {
        let _ = writeln!(all, "{case}\n    {}\n", message("data/X.csv", bytes));
    }
    insta::assert_snapshot!("bad_files", all.trim_end());
}

#[test]
fn paths_that_are_no_file() {
    let told = |path: &str| load(Path::new(path), &LoadOptions::default()).unwrap_err().to_string();
    insta::assert_snapshot!(told("data/1h/NOSUCHUSDT_1h.csv"), @"data/1h/NOSUCHUSDT_1h.csv: no such file. Check the path; docs/data.md says where candles come from.");
    insta::assert_snapshot!(told("data/1h"), @"data/1h: this is a directory. Name a file in it, such as BTCUSDT_1h.csv.");
}

#[test]
fn an_interval_longer_than_the_steps_is_refused_and_a_shorter_one_makes_gaps() {
    let text = format!("{HEADER}{ROW}1609462800000,10,12,9,11,5\n1609466400000,10,12,9,11,5\n");
    let with = |interval: &str| {
        let options = LoadOptions { interval: Some(interval.parse().unwrap()), repair: false };
        load_bytes("X.csv", text.as_bytes(), &options)
    };
    insta::assert_snapshot!(with("4h").unwrap_err(), @"X.csv: the candles are 1h apart, closer than the interval 4h that was given. Give 1h, or choose another file.");
    insta::assert_snapshot!(with("30m").unwrap().gaps, @r#"
    3 candles of 30m, 2 gaps, 2 missing
      2021-01-01T00:30:00Z to 2021-01-01T01:00:00Z: 1 missing
      2021-01-01T01:30:00Z to 2021-01-01T02:00:00Z: 1 missing
    "#);
    assert!(with("1h").unwrap().gaps.is_clean());
    let ages = LoadOptions { interval: Interval::from_ms(i64::MAX), repair: false };
    let one = load_bytes("X.csv", format!("{HEADER}{ROW}").as_bytes(), &ages).unwrap();
    assert_eq!(one.candles.close_time, [i64::MAX], "no overflow");
}

#[test]
fn irregular_candles_need_an_interval() {
    let mut text = HEADER.to_owned();
    for n in 0..6000_i64 {
        let _ = writeln!(text, "{},10,12,9,11,5", 1_000_000_000_000 + n * n);
    }
    insta::assert_snapshot!(message("data/X.csv", text.as_bytes()), @"data/X.csv: the interval cannot be told from candles so irregularly spaced, nor from the file name. Give it with --interval, or name the file like BTCUSDT_1h.csv.");
}

#[test]
fn the_formats_of_the_exchange_load_as_they_are() {
    let own = loaded(
        "X.csv",
        "open_time,open,high,low,close,volume,close_time,quote_volume,trades,taker_buy_base,taker_buy_quote\n\
         1609459200000,10,12,9,11,5,1609462799999,50,3,2,20\n1609462800000,11,11,8,9.5,0,1609463000000,50,3,2,20\n",
    );
    let ms = loaded(
        "X.csv",
        "1609459200000,10,12,9,11,5,1609462799999,50,3,2,20,0\n1609462800000,11,11,8,9.5,0,1609463000000,50,3,2,20,0\n",
    );
    let us = loaded(
        "X.csv",
        "1609459200000000,10,12,9,11,5,1609462799999999,50,3,2,20,0\n\
         1609462800000000,11,11,8,9.5,0,1609463000000999,50,3,2,20,0\n",
    );
    assert_eq!(own.candles, ms.candles);
    assert_eq!(own.candles, us.candles);
    assert_eq!(own.interval.to_string(), "1h");
    assert_eq!(
        own.candles.get(1),
        Candle {
            open_time: 1_609_462_800_000,
            close_time: 1_609_463_000_000,
            open: 11.0,
            high: 11.0,
            low: 8.0,
            close: 9.5,
            volume: 0.0
        }
    );
}

#[test]
fn harmless_oddities_change_nothing() {
    let plain = loaded("X_1h.csv", &format!("{HEADER}{ROW}"));
    for text in [
        "\u{feff}open_time,open,high,low,close,volume\r\n1609459200000,10,12,9,11,5\r\n",
        "open_time,open,high,low,close,volume\n1609459200000,10,12,9,11,5",
        "# made by hand\n\nopen_time,open,high,low,close,volume,\n1609459200000,10,12,9,11,5,\n\n \n",
        "\"Open Time\",\"Open\",\"High\",\"Low\",\"Close\",\"Volume\"\n\"1609459200000\", \"10\" ,12,9,11,\"5\"\n",
        "note,timestamp,OPEN,high,low,close,volume\nanything,1609459200,10.0,1.2e1,9,11,5\n",
        "Date,open,high,low,close,volume,date2\n2021-01-01,10,12,9,11,5,\n",
        "datetime,open,high,low,close,volume\n2021-01-01 00:00:00,10,12,9,11,5\n",
    ] {
        let odd = loaded("X_1h.csv", text);
        assert_eq!(odd.candles, plain.candles, "{text}");
        assert!(odd.gaps.is_clean(), "{text}");
    }
    let latin1 = b"note,time,open,high,low,close,volume\ncaf\xe9,1609459200000,10,12,9,11,5\n";
    assert_eq!(load_bytes("X_1h.csv", latin1, &LoadOptions::default()).unwrap().candles, plain.candles);
}

#[test]
fn a_close_time_in_whole_seconds_ends_with_its_second_and_none_outlasts_its_candle() {
    let close = |close_time: &str| {
        let text =
            format!("date,open,high,low,close,volume,close_time\n2021-01-01,10,12,9,11,5,{close_time}\n");
        let loaded = loaded("X_1h.csv", &text);
        (iso(loaded.candles.close_time[0]), loaded.gaps.late_closes)
    };
    assert_eq!(close("2021-01-01 00:59:59"), ("2021-01-01T00:59:59.999Z".to_owned(), 0));
    assert_eq!(close("1609462799"), ("2021-01-01T00:59:59.999Z".to_owned(), 0));
    assert_eq!(close("2021-01-01 00:29:13"), ("2021-01-01T00:29:13.999Z".to_owned(), 0));
    assert_eq!(close("2021-01-01 00:29:13.5"), ("2021-01-01T00:29:13.500Z".to_owned(), 0));
    assert_eq!(close("2021-01-01 01:00:00"), ("2021-01-01T00:59:59.999Z".to_owned(), 1));
    assert_eq!(close("1609462800000"), ("2021-01-01T00:59:59.999Z".to_owned(), 1));
}

#[test]
fn repair_drops_bad_rows_and_lists_each() {
    let text = "open_time,open,high,low,close,volume\n\
                1609459200000,10,12,9,11,5\n\
                1609462800000,10,abc,9,11,5\n\
                1609459200000,10,12,9,11,5\n\
                1609466400000,10,12,9,11,5\n\
                1609455600000,10,12,9,11,5\n\
                1609470000000,10,12\n\
                1609473600000,10,12,9,11,5\n\
                1609477200000,10,12,9,11,5\n";
    let repair = LoadOptions { interval: None, repair: true };
    let loaded = load_bytes("X.csv", text.as_bytes(), &repair).unwrap();
    assert_eq!(loaded.candles.len(), 4);
    assert_eq!((loaded.gaps.gaps.len(), loaded.gaps.missing), (2, 2), "a dropped row is a gap");
    let list: Vec<String> = loaded.repaired.iter().map(Repair::to_string).collect();
    insta::assert_snapshot!(list.join("\n"), @r#"
    line 3: column 3 `high`: "abc" is not a number
    line 4: column 1 `open_time`: "1609459200000" repeats the time of the candle before (2021-01-01T00:00:00Z)
    line 6: column 1 `open_time`: "1609455600000" (2020-12-31T23:00:00Z) is earlier than the candle before (2021-01-01T02:00:00Z)
    line 7: 3 fields where the file has 6 columns
    "#);
    insta::assert_snapshot!(serde_json::to_string(&loaded.repaired[0]).unwrap(), @r#"{"line":3,"fault":"column 3 `high`: \"abc\" is not a number"}"#);
}

#[test]
fn repair_does_not_hide_a_file_that_is_wrong_as_a_whole() {
    let repair = LoadOptions { interval: None, repair: true };
    let told = |text: &str| load_bytes("data/X.csv", text.as_bytes(), &repair).unwrap_err().to_string();
    insta::assert_snapshot!(told(&format!("{HEADER}{ROW}1609462800000000,10,12,9,11,5\n")), @r#"data/X.csv:3: column 1 `open_time`: "1609462800000000" is a time in microseconds, but from line 2 on they were in milliseconds. Write all times in one unit, or split the file here."#);
    insta::assert_snapshot!(told("open_time,open\n"), @"data/X.csv:1: the header has no column `high`, `low`, `close`, `volume`. Rename or add it; needed are open_time, open, high, low, close and volume.");
    insta::assert_snapshot!(told(&format!("{HEADER}1609459200000,x,12,9,11,5\n")), @r#"data/X.csv: 1 of 1 rows are faulty, too many to repair. The first is line 2: column 2 `open`: "x" is not a number. Fix the file at its source."#);
    insta::assert_snapshot!(told(&format!("{HEADER}{ROW}{}", "torn\n".repeat(5000))), @"data/X.csv: 1001 of 1002 rows are faulty, too many to repair. The first is line 3: 1 field where the file has 6 columns. Fix the file at its source.");
}

#[test]
fn symbol_and_interval_of_a_file_name() {
    for (name, symbol, interval) in [
        ("data/1h/SOLUSDT_1h.csv", Some("SOLUSDT"), Some("1h")),
        ("SOLUSDT-15m-2023-01.csv", Some("SOLUSDT"), Some("15m")),
        ("1INCHUSDT.csv", Some("1INCHUSDT"), None),
        ("BTCUSDT", Some("BTCUSDT"), None),
        ("btcusdt_5m.csv", None, Some("5m")),
        ("ÄUSDT_1d.csv", None, Some("1d")),
        ("..", None, None),
    ] {
        assert_eq!(symbol_of(Path::new(name)).as_deref(), symbol, "{name}");
        assert_eq!(interval_of(Path::new(name)).map(|i| i.to_string()).as_deref(), interval, "{name}");
    }
}

#[test]
fn the_bundled_candles_are_as_their_readme_says() {
    let loaded = |path: &str| load(Path::new(path), &LoadOptions::default()).unwrap();
    let hours = loaded("data/1h/BTCUSDT_1h.csv");
    assert_eq!(hours.interval.ms(), HOUR_MS);
    assert_eq!((hours.gaps.gaps.len(), hours.gaps.missing, hours.gaps.off_grid), (28, 127, 43));
    assert_eq!((hours.candles.len(), hours.gaps.late_closes), (55_741, 0));
    assert_eq!(hours.sha256, "71f0f3b73c887306a8dfab5881f400690708b5c95e243d14f95d8c87b8fe5fb1");
    insta::assert_snapshot!(hours.gaps, @r#"
    55741 candles of 1h, 28 gaps, 127 missing
      2017-09-06T16:00:00Z to 2017-09-06T23:00:00Z: 7 missing
      2018-01-04T04:00:00Z to 2018-01-04T05:00:00Z: 1 missing
      2018-02-08T01:00:00Z to 2018-02-09T09:28:14Z: 32 missing
      2018-06-26T02:00:00Z to 2018-06-26T12:00:00Z: 10 missing
      2018-06-27T13:00:00Z to 2018-06-27T14:00:00Z: 1 missing
      and 23 more
    43 candles off the 1h grid
    "#);
    for path in ["data/5m/BTCUSDT_5m.csv", "data/5m/ETHUSDT_5m.csv"] {
        let minutes = loaded(path);
        assert_eq!((minutes.candles.len(), minutes.interval.to_string().as_str()), (2576, "5m"));
        insta::allow_duplicates! {
            insta::assert_snapshot!(minutes.gaps, @r#"
            2576 candles of 5m, 1 gap, 16 missing
              2023-03-24T12:40:00Z to 2023-03-24T14:00:00Z: 16 missing
            "#);
        }
    }
}

#[test]
fn much_room_left_unused_is_given_back() {
    let mut text = HEADER.to_owned();
    for n in 0..5000_i64 {
        let _ = writeln!(text, "{},10,12,9,11,5", 1_609_459_200_000 + n * HOUR_MS);
    }
    let far_too_much = text.len() as u64 * 100;
    let loaded =
        load_from(Path::new("X.csv"), text.as_bytes(), far_too_much, &LoadOptions::default()).unwrap();
    assert_eq!(loaded.candles.len(), 5000);
    assert!(loaded.candles.open.capacity() < 10_000);
    let exact =
        load_from(Path::new("X.csv"), text.as_bytes(), text.len() as u64, &LoadOptions::default()).unwrap();
    assert!(exact.candles.open.capacity() < 5_200, "one reservation, no doubling");
}

/// The units in which a file may give its times.
#[derive(Debug, Clone, Copy)]
enum Written {
    S,
    Ms,
    Us,
    Ns,
    Iso,
    IsoMs,
}

impl Written {
    fn text(self, ms: i64) -> String {
        match self {
            Written::S => (ms.div_euclid(1000)).to_string(),
            Written::Ms => ms.to_string(),
            Written::Us => format!("{ms}999"),
            Written::Ns => format!("{ms}000001"),
            Written::Iso => iso(ms.div_euclid(1000) * 1000),
            Written::IsoMs => {
                format!("{}.{:03}Z", iso(ms.div_euclid(1000) * 1000).trim_end_matches('Z'), ms % 1000)
            }
        }
    }
}

fn candle_sets() -> impl Strategy<Value = Vec<Candle>> {
    let row = (1_i64..4, 0_i64..60, prop::array::uniform4(1e-8..1e7_f64), 0.0..1e9_f64);
    (16_000_000_i64..60_000_000, prop::collection::vec(row, 1..40)).prop_map(|(minute, rows)| {
        let mut open_time = minute * 60_000;
        let of_row = |(steps, short_s, mut prices, volume): (i64, i64, [f64; 4], f64)| {
            open_time += steps * 60_000;
            let [a, b] = [prices[0], prices[3]];
            prices.sort_by(f64::total_cmp);
            let [low, _, _, high] = prices;
            Candle {
                open_time,
                close_time: open_time + 59_999 - short_s * 1000,
                open: a,
                high,
                low,
                close: b,
                volume,
            }
        };
        rows.into_iter().map(of_row).filter(|candle| candle.open_time < 4_000_000_000_000).collect()
    })
}

proptest! {
    #[test]
    fn valid_candles_load_back_equal_whatever_the_time_unit(
        candles in candle_sets().prop_filter("some candle", |candles| !candles.is_empty()),
        unit in prop::sample::select(vec![
            Written::S, Written::Ms, Written::Us, Written::Ns, Written::Iso, Written::IsoMs,
        ]),
        line_end in prop::sample::select(vec!["\n", "\r\n"]),
    ) {
        let mut text = format!("open_time,open,high,low,close,volume,close_time{line_end}");
        for candle in &candles {
            let Candle { open_time, close_time, open, high, low, close, volume } = *candle;
            let (open_time, close_time) = (unit.text(open_time), unit.text(close_time));
            let _ = write!(text, "{open_time},{open},{high},{low},{close},{volume},{close_time}{line_end}");
        }
        let options = LoadOptions { interval: Some("1m".parse().unwrap()), repair: false };
        let loaded = load_bytes("X.csv", text.as_bytes(), &options).unwrap();
        prop_assert_eq!(&*loaded.candles, &candles.into_iter().collect::<Candles>());
        prop_assert_eq!(loaded.gaps.late_closes, 0);
    }

    #[test]
    fn no_bytes_make_the_loader_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), repair: bool) {
        let mut file = HEADER.as_bytes().to_vec();
        file.extend(&bytes);
        let options = LoadOptions { interval: None, repair };
        let _ = load_bytes("X.csv", &file, &options);
        let _ = load_bytes("X.csv", &bytes, &options);
    }
}
