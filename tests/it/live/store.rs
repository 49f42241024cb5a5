//! What is on disk after a kill, a power loss, a full disk or a flipped bit is read as it was, cut back to what
//! was whole, or refused; never taken for something else.

use mista::live::journal::{Cut, Entry, Journal, JournalError, Opened, Reader, read};
use mista::live::state_manager::{Files, Loaded, StateError, StateManager, is_running};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
enum Record {
    Candle { close_time: i64, close: f64 },
    Note { text: String },
    Order { id: String, inner: Inner, tags: Vec<String> },
    Stop,
}

/// With names that the line has too.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Inner {
    n: u64,
    crc: Option<f64>,
}

fn record(index: u64) -> Record {
    match index % 4 {
        0 => Record::Candle { close_time: 1_609_718_400_000 + index as i64, close: 0.1 * index as f64 },
        1 => Record::Note { text: format!("\"{index}\"\n{{\"n\":9,\"at\":1}} ü") },
        2 => Record::Order {
            id: format!("a-{index}"),
            inner: Inner { n: 99, crc: None },
            tags: vec![String::new(); 2],
        },
        _ => Record::Stop,
    }
}

fn entry(n: u64) -> Entry<Record> {
    Entry { n, at: -5 + n as i64, record: record(n) }
}

/// A folder with a journal of `count` records, and its bytes.
fn journal_of(count: u64) -> (TempDir, PathBuf, Vec<u8>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.journal");
    let mut journal = Journal::create(&path).unwrap();
    for n in 1..=count {
        let Entry { at, record, .. } = entry(n);
        assert_eq!(journal.append(at, &record).unwrap(), n);
    }
    journal.sync().unwrap();
    let bytes = fs::read(&path).unwrap();
    (folder, path, bytes)
}

fn open(path: &Path) -> Result<(Journal<Record>, Opened<Record>), JournalError> {
    Journal::open(path)
}

fn damaged(path: &Path) -> (u64, String) {
    let before = fs::read(path).unwrap();
    let error = open(path).expect_err("it is damaged");
    assert_eq!(fs::read(path).unwrap(), before, "{error}");
    assert!(error.to_string().contains("Nothing was changed"), "{error}");
    assert!(read::<Record>(path).is_err());
    match error {
        JournalError::Damaged { line, why, .. } => (line, why),
        other => panic!("{other}"),
    }
}

/// Ends of the lines.
fn ends(bytes: &[u8]) -> Vec<usize> {
    bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(index, _)| index + 1).collect()
}

#[test]
fn a_line_is_json_in_the_form_that_is_documented() {
    let (_folder, path, bytes) = journal_of(3);
    let text = String::from_utf8(bytes).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 3);
    assert_eq!(lines[2], r#"{"n":3,"at":-2,"kind":"stop","crc":"2a1e1b95"}"#);
    for line in lines {
        let value: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(value["kind"].is_string());
        assert_eq!(value["crc"].as_str().unwrap().len(), 8);
    }
    assert_eq!(read::<Record>(&path).unwrap().records, [entry(1), entry(2), entry(3)]);
}

#[test]
fn a_journal_cut_at_any_byte_has_exactly_the_whole_records_before() {
    let (folder, _, bytes) = journal_of(20);
    let ends = ends(&bytes);
    for length in 0..=bytes.len() {
        let path = folder.path().join(format!("{length}.journal"));
        fs::write(&path, &bytes[..length]).unwrap();
        let whole = ends.iter().filter(|end| **end <= length).count() as u64;
        let rest = length - ends.iter().rev().find(|end| **end <= length).unwrap_or(&0);
        let cut = (rest > 0).then_some(Cut { bytes: rest as u64, line: whole + 1 });
        let only_read = read::<Record>(&path).unwrap();
        assert_eq!(fs::read(&path).unwrap(), &bytes[..length], "reading changes nothing");
        assert_eq!(only_read.records, (1..=whole).map(entry).collect::<Vec<_>>());
        assert_eq!(only_read.cut, cut);
        // To open it waits for the disk: around every end of a line, and here and there.
        if rest > 1 && !ends.contains(&(length + 1)) && length % 32 > 0 {
            continue;
        }
        let (mut journal, opened) = open(&path).unwrap();
        assert_eq!(only_read, opened);
        let torn = folder.path().join(format!("{length}.journal.torn"));
        match cut {
            Some(_) => {
                let kept = fs::read(torn).unwrap();
                assert_eq!(kept, [&bytes[length - rest..length], b"\n"].concat());
            }
            None => assert!(!torn.exists()),
        }
        // And it goes on as if nothing had been.
        for n in whole + 1..=20 {
            journal.append(entry(n).at, &entry(n).record).unwrap();
        }
        assert_eq!(fs::read(&path).unwrap(), bytes);
    }
}

#[test]
fn a_journal_whose_end_became_zeros_is_cut_back_too() {
    let (folder, _, bytes) = journal_of(6);
    let ends = ends(&bytes);
    for length in 0..bytes.len() {
        let path = folder.path().join(format!("{length}.journal"));
        let mut zeroed = bytes.clone();
        zeroed[length..].fill(0);
        fs::write(&path, &zeroed).unwrap();
        let whole = ends.iter().filter(|end| **end <= length).count() as u64;
        let opened = if length % 16 == 0 { open(&path).unwrap().1 } else { read(&path).unwrap() };
        assert_eq!(opened.records, (1..=whole).map(entry).collect::<Vec<_>>());
        let kept = whole.checked_sub(1).map_or(0, |last| ends[last as usize]);
        assert_eq!(opened.cut, Some(Cut { bytes: (bytes.len() - kept) as u64, line: whole + 1 }));
    }
}

#[test]
fn a_flipped_bit_is_damage_but_in_the_last_line() {
    let (folder, _, bytes) = journal_of(20);
    let ends = ends(&bytes);
    let path = folder.path().join("flipped.journal");
    for place in 0..bytes.len() {
        // Every bit of every seventh byte and of every end of a line, one bit of the others.
        let bits = if place % 7 == 0 || bytes[place] == b'\n' { 0..8 } else { place % 8..place % 8 + 1 };
        for bit in bits {
            let mut flipped = bytes.clone();
            flipped[place] ^= 1 << bit;
            fs::write(&path, &flipped).unwrap();
            let line = ends.iter().filter(|end| **end <= place).count() as u64 + 1;
            if line < 20 {
                let (at, why) = damaged(&path);
                assert_eq!(at, line, "{why}");
            } else {
                let opened = read::<Record>(&path).unwrap();
                assert_eq!(opened.records.len(), 19);
                assert_eq!(opened.cut.unwrap().line, 20);
                // To open it waits for the disk.
                if bit == 0 {
                    assert_eq!(open(&path).unwrap().1, opened);
                    assert_eq!(fs::read(&path).unwrap(), &bytes[..ends[18]]);
                }
            }
        }
    }
}

#[test]
fn what_no_power_loss_leaves_is_damage() {
    let (folder, _, bytes) = journal_of(6);
    let ends = ends(&bytes);
    let path = folder.path().join("other.journal");
    let with = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        damaged(&path)
    };
    // A hole, a repetition, a turn.
    assert_eq!(with(&[&bytes[..ends[1]], &bytes[ends[2]..]].concat()).0, 3);
    let (line, why) = with(&[&bytes[..ends[2]], &bytes[ends[1]..]].concat());
    assert_eq!((line, why.as_str()), (4, "record 3 stands where record 4 belongs"));
    assert_eq!(with(&bytes[ends[0]..]).0, 1);
    // Even where the hole is before the last one.
    assert_eq!(with(&[&bytes[..ends[3]], &bytes[ends[4]..]].concat()).0, 5);
    // Zeros with something after them, whether that is a record or half of one.
    for (from, to) in
        [(ends[1] + 3, ends[3] + 2), (ends[2], ends[3]), (ends[4] + 9, ends[5] - 9), (0, ends[5] - 1)]
    {
        let mut zeroed = bytes.clone();
        zeroed[from..to].fill(0);
        let (line, why) = with(&zeroed);
        assert_eq!(line, ends.iter().filter(|end| **end <= from).count() as u64 + 1);
        assert!(why.contains("zeros") || why.contains("follows"), "{why}");
    }
    // Two bad lines at the end: a record that was there is gone.
    let mut two = bytes.clone();
    two[ends[3] + 20] ^= 1;
    two[ends[4] + 20] ^= 1;
    assert_eq!(with(&two).0, 5);
    // Somebody else's file.
    for text in ["open_time,open\n1,2\n", "x", "{\"n\":2", "\n", "{}\n", "{\"n\":1,\"at\"=\n"] {
        let (line, why) = with(text.as_bytes());
        assert_eq!((line, why.as_str()), (1, "this is not a journal of mista"));
    }
}

#[test]
fn a_record_of_another_version_is_refused_wherever_it_stands() {
    #[derive(Serialize, Deserialize)]
    #[serde(tag = "kind", rename_all = "snake_case")]
    enum Later {
        Stop,
        Resume,
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.journal");
    let mut journal = Journal::create(&path).unwrap();
    journal.append(1, &Later::Stop).unwrap();
    journal.append(2, &Later::Resume).unwrap();
    for more in 0..2 {
        let (line, why) = damaged(&path);
        assert_eq!(line, 2);
        assert!(why.contains("unknown variant `resume`"), "{why}");
        assert!(!why.contains("column"), "{why}");
        journal.append(3 + more, &Later::Stop).unwrap();
    }
    let mut reader = Reader::<Record>::open(&path).unwrap();
    assert_eq!(reader.next().unwrap().unwrap().record, Record::Stop);
    assert!(reader.next().unwrap().is_err());
    assert!(reader.next().is_none(), "it ends after an error");
}

#[test]
fn what_could_not_be_read_again_is_not_written() {
    let (_folder, path, bytes) = journal_of(2);
    let (mut journal, _) = open(&path).unwrap();
    let not = Record::Candle { close_time: 1, close: f64::NAN };
    assert!(matches!(journal.append(1, &not), Err(JournalError::Record { .. })));
    assert_eq!(fs::read(&path).unwrap(), bytes);
    assert_eq!(journal.append(1, &Record::Stop).unwrap(), 3);

    let mut numbers = Journal::create(&path.with_extension("numbers")).unwrap();
    let error = numbers.append(1, &5u32).unwrap_err().to_string();
    assert!(error.ends_with("it is not an object"), "{error}");
}

#[test]
fn a_journal_is_there_or_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.journal");
    assert!(matches!(open(&path), Err(JournalError::Missing(_))));
    assert!(matches!(read::<Record>(&path), Err(JournalError::Missing(_))));
    drop(Journal::<Record>::create(&path).unwrap());
    assert_eq!(open(&path).unwrap().1, Opened { records: vec![], cut: None });
    assert!(matches!(Journal::<Record>::create(&path), Err(JournalError::Exists(_))));
    let error = Journal::<Record>::open_with(&path, 3).unwrap_err().to_string();
    assert!(error.contains("it has 0 records, but 3 are known"), "{error}");
    assert!(matches!(open(folder.path()), Err(JournalError::File(_))), "a folder");
}

#[test]
fn too_few_records_are_refused_before_anything_is_cut() {
    let (_folder, path, bytes) = journal_of(3);
    fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
    let short = Journal::<Record>::open_with(&path, 3);
    assert!(matches!(short, Err(JournalError::Short { has: 2, least: 3, .. })));
    assert_eq!(fs::read(&path).unwrap(), &bytes[..bytes.len() - 1]);
    assert_eq!(Journal::<Record>::open_with(&path, 2).unwrap().0.records(), 2);
}

#[test]
fn what_was_torn_before_is_kept_too() {
    let (folder, path, bytes) = journal_of(1);
    for torn in ["{\"n\":2,", "{\"n\":2,\"at\":77\n"] {
        fs::write(&path, [&bytes, torn.as_bytes()].concat()).unwrap();
        open(&path).unwrap();
    }
    let kept = fs::read_to_string(folder.path().join("a.journal.torn")).unwrap();
    assert_eq!(kept, "{\"n\":2,\n{\"n\":2,\"at\":77\n");
}

#[test]
fn a_journal_that_is_being_written_can_be_read() {
    let (_folder, path, _) = journal_of(1);
    let (mut journal, _) = open(&path).unwrap();
    std::thread::scope(|scope| {
        let writer = scope.spawn(move || {
            for n in 2..=3000 {
                journal.append(entry(n).at, &entry(n).record).unwrap();
            }
        });
        let mut seen = 0;
        loop {
            let ended = writer.is_finished();
            let records = read::<Record>(&path).unwrap().records;
            assert!(records.len() >= seen);
            seen = records.len();
            assert_eq!(records.last(), Some(&entry(seen as u64)));
            if ended {
                break;
            }
        }
        assert_eq!(seen, 3000);
    });
}

/// Begins itself again, in a shell that allows files of a kilobyte at most.
#[cfg(unix)]
#[test]
fn a_write_that_fails_half_way_leaves_no_half_line() {
    const NAME: &str = "live::store::a_write_that_fails_half_way_leaves_no_half_line";
    const HERE: &str = "MISTA_TEST_SMALL_FILES";
    let Ok(path) = std::env::var(HERE) else {
        let folder = tempfile::tempdir().unwrap();
        let output = std::process::Command::new("sh")
            .args(["-c", "trap '' XFSZ; ulimit -f 1; exec \"$0\" \"$@\""])
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", NAME])
            .env(HERE, folder.path().join("a.journal"))
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && said.contains("1 passed"), "{said}");
        return;
    };
    let path = Path::new(&path);
    let mut journal = Journal::create(path).unwrap();
    let note = |length| Record::Note { text: "x".repeat(length) };
    let error = (0..100).find_map(|at| journal.append(at, &note(60)).err()).unwrap();
    assert!(error.to_string().contains("Free space"), "{error}");
    let (count, bytes) = (journal.records(), fs::read(path).unwrap());
    assert!(count > 2 && bytes.ends_with(b"\n"));
    assert_eq!(read::<Record>(path).unwrap().records.len() as u64, count);
    // What fits is taken.
    assert!(journal.append(1, &note(2000)).is_err());
    assert_eq!(fs::read(path).unwrap(), bytes);
    journal.append(1, &Record::Stop).unwrap();
    journal.sync().unwrap();
    assert_eq!(read::<Record>(path).unwrap(), open(path).unwrap().1);
    assert_eq!(journal.records(), count + 1);
}

fn any_record() -> impl Strategy<Value = Record> {
    let finite = || any::<f64>().prop_filter("JSON has no other", |value| value.is_finite());
    prop_oneof![
        (any::<i64>(), finite()).prop_map(|(close_time, close)| Record::Candle { close_time, close }),
        any::<String>().prop_map(|text| Record::Note { text }),
        (any::<String>(), any::<u64>(), prop::option::of(finite()), any::<Vec<String>>())
            .prop_map(|(id, n, crc, tags)| Record::Order { id, inner: Inner { n, crc }, tags }),
        Just(Record::Stop),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(60) })]

    #[test]
    fn appended_cut_and_opened_again(
        rounds in prop::collection::vec(
            (prop::collection::vec((any::<i64>(), any_record()), 0..6), 0..200usize, any::<bool>()), 1..5
        )
    ) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.journal");
        let mut expected: Vec<Entry<Record>> = Vec::new();
        drop(Journal::<Record>::create(&path).unwrap());
        for (records, lost, zeros) in rounds {
            let (mut journal, opened) = open(&path).unwrap();
            prop_assert_eq!(&opened.records, &expected);
            for (at, record) in records {
                let n = journal.append(at, &record).unwrap();
                expected.push(Entry { n, at, record });
            }
            let mut bytes = fs::read(&path).unwrap();
            let kept = bytes.len().saturating_sub(lost);
            let length = bytes.len();
            bytes.truncate(kept);
            expected.truncate(ends(&bytes).len());
            if zeros {
                bytes.resize(length, 0);
            }
            fs::write(&path, bytes).unwrap();
        }
        prop_assert_eq!(read::<Record>(&path).unwrap().records, expected);
    }
}

// ---- the files of a bot

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct State {
    equity: f64,
    notes: Vec<String>,
}

fn state(number: u64) -> State {
    State { equity: 0.1 * number as f64, notes: vec![format!("\"sha256\":\"{number}"), "ü\n".into()] }
}

struct Bot {
    folder: TempDir,
    files: Files,
}

impl Bot {
    /// With a journal of 3 records, and snapshots after each but the first.
    fn saved() -> Bot {
        let folder = tempfile::tempdir().unwrap();
        let mut manager = StateManager::open(folder.path(), "a").unwrap();
        let (mut journal, _) = manager.open_journal(0).unwrap();
        for n in 1..=3 {
            journal.append(entry(n).at, &entry(n).record).unwrap();
            if n > 1 {
                manager.save(&mut journal, 1000 + n as i64, &state(n)).unwrap();
            }
        }
        let files = manager.files().clone();
        Bot { folder, files }
    }

    fn load(&self) -> Result<Loaded<State>, StateError> {
        self.files.load()
    }

    /// The number of the state that is read, and whether something is said about it.
    fn number(&self) -> (u64, bool) {
        let loaded = self.load().unwrap();
        assert_eq!(loaded.state, state(loaded.records));
        assert_eq!(loaded.saved_at, 1000 + loaded.records as i64);
        assert_eq!(loaded.program, env!("CARGO_PKG_VERSION"));
        (loaded.records, loaded.note.is_some())
    }

    /// A snapshot with these bytes is never believed, whether there is one before it or not.
    fn refuses(&self, bytes: &[u8]) {
        let previous = fs::read(self.files.previous()).unwrap();
        fs::write(self.files.snapshot(), bytes).unwrap();
        assert_eq!(self.number(), (2, true), "{}", String::from_utf8_lossy(bytes));
        fs::remove_file(self.files.previous()).unwrap();
        let error = self.load().unwrap_err();
        assert!(matches!(error, StateError::Damaged { .. }), "{error}");
        assert!(error.to_string().contains("rebuilt from the journal"), "{error}");
        fs::write(self.files.previous(), previous).unwrap();
    }
}

#[test]
fn a_snapshot_is_json_in_the_form_that_is_documented() {
    let bot = Bot::saved();
    let text = fs::read_to_string(bot.files.snapshot()).unwrap();
    let start = r#"{"version":1,"program":"0.1.0","saved_at":1003,"records":3,"sha256":""#;
    assert!(text.starts_with(start), "{text}");
    assert!(text.ends_with("}\n") && text.lines().count() == 1);
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(serde_json::from_value::<State>(value["state"].clone()).unwrap(), state(3));
    assert_eq!(bot.number(), (3, false));
    let mut names: Vec<_> =
        fs::read_dir(bot.folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["a.journal", "a.json", "a.json.previous", "a.lock"]);
}

#[test]
fn a_snapshot_cut_zeroed_or_changed_anywhere_is_never_believed() {
    let bot = Bot::saved();
    let bytes = fs::read(bot.files.snapshot()).unwrap();
    for length in 0..bytes.len() {
        bot.refuses(&bytes[..length]);
        bot.refuses(&vec![0; length]);
        let mut zeroed = bytes.clone();
        zeroed[length..].fill(0);
        bot.refuses(&zeroed);
        for bit in 0..8 {
            let mut flipped = bytes.clone();
            flipped[length] ^= 1 << bit;
            bot.refuses(&flipped);
        }
    }
    bot.refuses(&[&bytes[..], b"\n"].concat());
    fs::write(bot.files.snapshot(), &bytes).unwrap();
    assert_eq!(bot.number(), (3, false));
}

/// The text with a checksum that is right.
fn sealed(head: &str, tail: &str) -> String {
    use sha2::{Digest, Sha256};
    let digest = Sha256::digest([head, tail].concat());
    let sum: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{head},\"sha256\":\"{sum}\"{tail}")
}

#[test]
fn a_snapshot_of_another_version_is_refused_and_not_replaced() {
    let bot = Bot::saved();
    let later = sealed(r#"{"version":2,"program":"0.9.0""#, ",\"other\":[1]}\n");
    fs::write(bot.files.snapshot(), &later).unwrap();
    let said = bot.load().unwrap_err().to_string();
    assert!(said.contains("version 2 by mista 0.9.0") && said.contains("reads version 1"), "{said}");
    let mut manager = StateManager::open(bot.folder.path(), "a").unwrap();
    let (mut journal, _) = manager.open_journal::<Record>(3).unwrap();
    assert!(matches!(manager.save(&mut journal, 1, &state(1)), Err(StateError::Version { .. })));
    assert_eq!(fs::read_to_string(bot.files.snapshot()).unwrap(), later);
    // The one before it is no way around that.
    fs::rename(bot.files.snapshot(), bot.files.previous()).unwrap();
    assert!(matches!(bot.load(), Err(StateError::Version { .. })));
}

#[test]
fn a_whole_snapshot_of_something_else_is_damage() {
    let bot = Bot::saved();
    let head = r#"{"version":1,"program":"0.1.0","saved_at":1,"records":1"#;
    for text in [
        sealed(head, ",\"state\":{\"equity\":\"much\"}}\n"),
        sealed(head, "}\n"),
        sealed(head, ",\"state\":{}"),
        sealed("{\"version\":\"1\"", "}\n"),
    ] {
        bot.refuses(text.as_bytes());
    }
}

#[test]
fn a_kill_between_any_two_steps_of_saving_loses_nothing() {
    let bot = Bot::saved();
    let (path, previous) = (bot.files.snapshot(), bot.files.previous());
    let new = bot.folder.path().join("a.json.new");
    let (two, three) = (fs::read(&previous).unwrap(), fs::read(&path).unwrap());
    // The third is being written, for as long as there is none before the second, and when there is one.
    fs::write(&path, &two).unwrap();
    for before in [false, true] {
        if !before {
            fs::remove_file(&previous).unwrap();
        } else {
            fs::write(&previous, &three).unwrap();
        }
        for length in 0..=three.len() {
            fs::write(&new, &three[..length]).unwrap();
            assert_eq!(bot.number(), (2, false));
        }
    }
    // The second was put aside.
    fs::rename(&path, &previous).unwrap();
    assert_eq!(bot.number(), (2, true));
    // From there it goes on.
    let go_on = |number: u64| {
        let mut manager = StateManager::open(bot.folder.path(), "a").unwrap();
        let (mut journal, _) = manager.open_journal::<Record>(2).unwrap();
        journal.append(0, &Record::Stop).unwrap();
        assert_eq!(journal.records(), number);
        manager.save(&mut journal, 1000 + number as i64, &state(number)).unwrap();
        assert_eq!(bot.number(), (number, false));
        assert!(!new.exists());
    };
    go_on(4);
    assert_eq!(fs::read(&previous).unwrap(), two);
    go_on(5);
    fs::remove_file(&path).unwrap();
    assert_eq!(bot.number(), (4, true));
    // Killed while the first one of all was written.
    fs::remove_file(&previous).unwrap();
    for length in 0..=three.len() {
        fs::write(&new, &three[..length]).unwrap();
        assert!(matches!(bot.load(), Err(StateError::JournalOnly(_))));
    }
    fs::remove_file(bot.files.journal()).unwrap();
    assert!(matches!(bot.load(), Err(StateError::Damaged { .. })));
    fs::remove_file(new).unwrap();
    assert!(matches!(bot.load(), Err(StateError::Absent(_))), "the lock file alone says nothing");
}

#[test]
fn a_damaged_snapshot_takes_no_good_ones_place() {
    let bot = Bot::saved();
    fs::write(bot.files.snapshot(), "spoilt").unwrap();
    let mut manager = StateManager::open(bot.folder.path(), "a").unwrap();
    let (mut journal, _) = manager.open_journal::<Record>(2).unwrap();
    manager.save(&mut journal, 1003, &state(3)).unwrap();
    assert_eq!(bot.number(), (3, false));
    fs::remove_file(bot.files.snapshot()).unwrap();
    assert_eq!(bot.number(), (2, true));
    assert_eq!(fs::read_to_string(bot.folder.path().join("a.json.damaged")).unwrap(), "spoilt");
}

#[test]
fn a_snapshot_knows_what_its_journal_must_have() {
    let bot = Bot::saved();
    let manager = StateManager::open(bot.folder.path(), "a").unwrap();
    let records = bot.load().unwrap().records;
    let open = || manager.open_journal::<Record>(records);
    assert_eq!(open().unwrap().1.records.len(), 3);
    for bytes in [Vec::new(), vec![0; 100]] {
        fs::write(bot.files.journal(), &bytes).unwrap();
        let said = open().unwrap_err().to_string();
        assert!(said.contains("it has 0 records, but 3 are known"), "{said}");
        assert_eq!(fs::read(bot.files.journal()).unwrap(), bytes);
    }
    fs::remove_file(bot.files.journal()).unwrap();
    let short = open().unwrap_err();
    assert!(matches!(short, StateError::Journal(JournalError::Short { has: 0, least: 3, .. })), "{short}");
    assert!(!bot.files.journal().exists(), "an empty one would hide that");
}

#[test]
fn a_state_that_could_not_be_read_again_is_not_saved() {
    let bot = Bot::saved();
    let mut manager = StateManager::open(bot.folder.path(), "a").unwrap();
    let (mut journal, _) = manager.open_journal::<Record>(3).unwrap();
    let not = State { equity: f64::INFINITY, notes: vec![] };
    assert!(matches!(manager.save(&mut journal, 1, &not), Err(StateError::State { .. })));
    assert_eq!(bot.number(), (3, false));
}

#[test]
fn a_name_is_for_one_trader() {
    let folder = tempfile::tempdir().unwrap();
    let deep = folder.path().join("results/state");
    assert_eq!(is_running(&deep, "a"), None);
    let first = StateManager::open(&deep, "a").unwrap();
    let said = StateManager::open(&deep, "a").unwrap_err().to_string();
    let pid = std::process::id();
    assert!(said.starts_with(&format!("another trader named a runs already (process {pid})")), "{said}");
    assert_eq!(is_running(&deep, "a"), Some(pid));
    let _other = StateManager::open(&deep, "b").unwrap();
    drop(first);
    assert_eq!(is_running(&deep, "a"), None);
    // What a longer process id left must not show.
    fs::write(deep.join("a.lock"), "99999999999999").unwrap();
    let _again = StateManager::open(&deep, "a").unwrap();
    assert_eq!(is_running(&deep, "a"), Some(pid));
}

#[test]
fn names_that_fit_nowhere_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["", "a b", "a.b", "../a", "a/b", "ä", "-\n", "1234567890123456789012345", "a\0"] {
        let error = StateManager::open(folder.path(), name).unwrap_err();
        assert!(matches!(error, StateError::Name(_)), "{error}");
        assert_eq!(is_running(folder.path(), name), None);
    }
    for name in ["a", "A-b_9", "123456789012345678901234"] {
        StateManager::open(folder.path(), name).unwrap();
    }
}

/// The error of the file system in it.
fn kind(error: &StateError) -> ErrorKind {
    match error {
        StateError::File(file) | StateError::Journal(JournalError::File(file)) => file.source.kind(),
        other => panic!("{other}"),
    }
}

#[cfg(unix)]
#[test]
fn a_folder_that_cannot_be_written_is_named_with_what_to_do() {
    use std::os::unix::fs::PermissionsExt;
    let bot = Bot::saved();
    let through = bot.files.snapshot().join("state");
    let error = StateManager::open(&through, "a").unwrap_err();
    assert_eq!(kind(&error), ErrorKind::NotADirectory);
    let said = error.to_string();
    assert!(said.contains("a.json/state") && said.contains("name another folder"), "{said}");

    let mut manager = StateManager::open(bot.folder.path(), "a").unwrap();
    let (mut journal, _) = manager.open_journal::<Record>(3).unwrap();
    fs::set_permissions(bot.folder.path(), fs::Permissions::from_mode(0o555)).unwrap();
    let ignored = fs::write(bot.folder.path().join("probe"), "").is_ok();
    if ignored {
        eprintln!("left out: this user may write into any folder");
    } else {
        let error = manager.save(&mut journal, 1, &state(3)).unwrap_err();
        assert_eq!(kind(&error), ErrorKind::PermissionDenied);
        assert!(error.to_string().contains("must be allowed to write"), "{error}");
        // Appending needs no new name.
        journal.append(1, &Record::Stop).unwrap();
        assert_eq!(bot.number(), (3, false));
    }
    fs::set_permissions(bot.folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_leaves_the_old_snapshot() {
    let bot = Bot::saved();
    let mut manager = StateManager::open(bot.folder.path(), "a").unwrap();
    let (mut journal, _) = manager.open_journal::<Record>(3).unwrap();
    let new = bot.folder.path().join("a.json.new");
    std::os::unix::fs::symlink("/dev/full", &new).unwrap();
    let error = manager.save(&mut journal, 1, &state(4)).unwrap_err();
    assert_eq!(kind(&error), ErrorKind::StorageFull);
    assert!(error.to_string().contains("Free space"), "{error}");
    assert_eq!(bot.number(), (3, false));
    fs::remove_file(new).unwrap();
    journal.append(1, &Record::Stop).unwrap();
    manager.save(&mut journal, 1004, &state(4)).unwrap();
    assert_eq!(bot.number(), (4, false));
}
