//! The file of live trades: whole rows, each once, whatever a crash or another trader did to it.

use mista::live::csv_trade_logger::{CsvTradeLogger, LoggedTrade};
use mista::model::{Direction, EntryReason, ExitReason, Trade};
use std::fs;
use std::path::{Path, PathBuf};

fn trade(number: u64) -> LoggedTrade {
    let at = number as i64 * 3_600_000;
    LoggedTrade {
        number,
        trade: Trade {
            entry_time: at,
            exit_time: at + 7_200_000,
            direction: Direction::Long,
            quantity: 0.1,
            entry_price: 300.3,
            exit_price: 330.6,
            pnl: 2.9669100000000004,
            pnl_pct: 9.87982017982018,
            commission: 0.06309,
            slippage: 0.0,
            entry_reason: EntryReason::Signal,
            exit_reason: ExitReason::TakeProfit,
            candles_held: 2,
            ambiguous: false,
            entry_note: "above, \"far\"\nabove".into(),
            exit_note: "=1+1".into(),
        },
        bot: "btc".into(),
        venue: "local".into(),
        entry_orders: vec!["17".into(), "18".into()],
        exit_orders: vec!["21".into()],
        generation: 3,
        exit_at: at + 7_200_123,
    }
}

fn open(folder: &Path) -> CsvTradeLogger {
    CsvTradeLogger::open(folder, "BTCUSDT", "breakout").unwrap()
}

fn file(folder: &Path) -> PathBuf {
    folder.join("BTCUSDT_breakout.csv")
}

fn text(folder: &Path) -> String {
    fs::read_to_string(file(folder)).unwrap()
}

#[test]
fn a_row_has_the_columns_of_a_backtest_and_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("results/live_trades");
    let mut log = open(&place);
    assert_eq!(log.path(), file(&place));
    assert!(log.log(&trade(1)).unwrap());
    insta::assert_snapshot!(text(&place));
}

#[test]
fn a_trade_is_written_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = open(folder.path());
    assert!(log.log(&trade(1)).unwrap() && log.log(&trade(2)).unwrap());
    let before = text(folder.path());
    assert!(!log.log(&trade(1)).unwrap());
    let mut again = open(folder.path());
    assert!(!again.log(&trade(1)).unwrap() && !again.log(&trade(2)).unwrap());
    assert_eq!(text(folder.path()), before);
    // Another bot's trade, another number, another candle: others.
    for other in [
        LoggedTrade { bot: "eth".into(), ..trade(1) },
        LoggedTrade { number: 9, ..trade(1) },
        LoggedTrade { trade: Trade { exit_time: 5, ..trade(1).trade }, ..trade(1) },
    ] {
        assert!(again.log(&other).unwrap());
        assert!(!log.log(&other).unwrap(), "what another logger wrote is seen");
    }
    assert_eq!(text(folder.path()).matches("\nentry_time").count(), 0);
}

#[test]
fn cut_anywhere_it_comes_out_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = open(folder.path());
    let trades = [trade(1), trade(2)];
    trades.iter().for_each(|trade| assert!(log.log(trade).unwrap()));
    let whole = fs::read(file(folder.path())).unwrap();
    for end in (0..=whole.len()).step_by(5) {
        fs::write(file(folder.path()), &whole[..end]).unwrap();
        let mut log = open(folder.path());
        trades.iter().for_each(|trade| {
            log.log(trade).unwrap();
        });
        assert_eq!(fs::read(file(folder.path())).unwrap(), whole, "cut after {end} bytes");
    }
    // The same under the feet of one that is open.
    for end in (0..whole.len()).step_by(11) {
        fs::write(file(folder.path()), &whole[..end]).unwrap();
        trades.iter().for_each(|trade| {
            log.log(trade).unwrap();
        });
        assert_eq!(fs::read(file(folder.path())).unwrap(), whole, "cut after {end} bytes");
    }
    fs::remove_file(file(folder.path())).unwrap();
    assert!(log.log(&trade(1)).unwrap(), "moved away: a new one begins");
}

#[test]
fn files_of_somebody_else_stay_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    open(folder.path());
    let header = text(folder.path());
    let cases: [(&str, &[u8]); 7] = [
        ("older columns", b"entry_time,exit_time\n1,2\n"),
        ("no CSV", b"hello\n"),
        ("no CSV and no end", b"hello"),
        ("binary", b"\xff\xfe\x00"),
        ("row too short", &[header.as_bytes(), b"1,2,3\n"].concat()),
        ("row that is no text", &[header.as_bytes(), b"\xff,2,3\n"].concat()),
        ("more columns", &[header.trim_end().as_bytes(), b",more\n"].concat()),
    ];
    let row = |(name, bytes): &(&str, &[u8])| {
        fs::write(file(folder.path()), bytes).unwrap();
        let error = CsvTradeLogger::open(folder.path(), "BTCUSDT", "breakout").unwrap_err().to_string();
        assert_eq!(fs::read(file(folder.path())).unwrap(), *bytes, "{name}");
        format!("{name}\n    {}", error.replace(&folder.path().display().to_string(), ""))
    };
    let mut rows: Vec<String> = cases.iter().map(row).collect();
    fs::remove_file(file(folder.path())).unwrap();
    fs::create_dir(file(folder.path())).unwrap();
    let folder_error = CsvTradeLogger::open(folder.path(), "BTCUSDT", "breakout").unwrap_err().to_string();
    rows.push(format!("a folder\n    {}", folder_error.replace(&folder.path().display().to_string(), "")));
    let name = CsvTradeLogger::open(folder.path(), "BTCUSDT", "../x").unwrap_err();
    rows.push(format!("a path as a name\n    {name}"));
    insta::assert_snapshot!(rows.join("\n"));
}

#[test]
fn a_file_that_a_spreadsheet_saved_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = open(folder.path());
    let plain = LoggedTrade { trade: Trade { entry_note: "".into(), ..trade(1).trade }, ..trade(1) };
    assert!(log.log(&plain).unwrap());
    let saved = format!("\u{feff}{}", text(folder.path()).replace('\n', "\r\n"));
    for saved in [saved.as_str(), saved.trim_end()] {
        fs::write(file(folder.path()), saved).unwrap();
        let mut log = open(folder.path());
        assert!(!log.log(&plain).unwrap() && log.log(&trade(2)).unwrap());
        let text = text(folder.path());
        assert!(text.starts_with(saved));
        assert_eq!(csv::Reader::from_reader(text.as_bytes()).records().map(Result::unwrap).count(), 2);
    }
}

#[test]
fn a_fault_that_is_found_later_stops_the_next_row() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = open(folder.path());
    assert!(log.log(&trade(1)).unwrap());
    let good = text(folder.path());
    fs::write(file(folder.path()), format!("{good}1,2,3\n")).unwrap();
    assert!(log.log(&trade(2)).is_err() && log.log(&trade(2)).is_err());
    fs::write(file(folder.path()), &good).unwrap();
    assert!(log.log(&trade(2)).unwrap() && !log.log(&trade(1)).unwrap());
    let huge = LoggedTrade { trade: Trade { pnl: f64::NAN, ..trade(3).trade }, ..trade(3) };
    assert!(log.log(&huge).unwrap_err().to_string().contains("trade 3"));
    assert_eq!(csv::Reader::from_reader(text(folder.path()).as_bytes()).records().count(), 2);
}

#[test]
fn two_traders_share_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let write = |bot: &str| {
        let mut log = open(folder.path());
        (1..=40).for_each(|number| {
            assert!(log.log(&LoggedTrade { bot: bot.to_owned(), ..trade(number) }).unwrap());
        });
    };
    std::thread::scope(|scope| {
        scope.spawn(|| write("a"));
        scope.spawn(|| write("b"));
    });
    let text = text(folder.path());
    let mut rows = csv::Reader::from_reader(text.as_bytes());
    assert_eq!(rows.records().map(Result::unwrap).count(), 80);
    assert_eq!(text.matches("entry_time").count(), 1);
}
