//! A search that was killed, stopped or split leaves, in the end, the bytes of one that was left alone.

use crate::playground::{Playground, Said, same};
use mista::optimize::Study;
use mista::optimize::trials::{Shard, Trials};
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::thread::sleep;
use std::time::Duration;

/// 320 combinations of a bundled script on three weeks of hours.
const GRID: &str = "bollinger_reversion:
  bb_period: { from: 10, to: 50, step: 4 }
  bb_std: { from: 1.5, to: 3.0, step: 0.1 }
  stop_loss_pct: [null, 0.03]
  constraints: [\"bb_period > 10\"]
";

/// By the interpreter, so that there is time to stop it.
const SEARCH: &str = "optimize bollinger_reversion.rhai --data BTCUSDT_1h.csv --grid grid.yaml \
                      --start 2019-12-10 --save-details --threads 2 --tier interpreter";

fn playground() -> Playground {
    Playground::bundled("bollinger_reversion", 20_000..20_700).with("grid.yaml", GRID)
}

type Files = BTreeMap<String, Vec<u8>>;

/// The output of a search that was left alone, what it said, and its trials.
fn undisturbed(play: &Playground, search: &str) -> (Files, String, Vec<u8>) {
    let said = play.mista(&format!("{search} --out alone")).ok();
    // The trials are those of the only shard, which stays.
    let all = search.replace("--save-details", "");
    play.mista(&format!("{all} --out trials --shard 1/1 --quiet")).ok();
    let trials = fs::read(play.path(&play.one("trials", ".trials"))).unwrap();
    (play.files("alone"), said.out.replace("alone", "out"), trials)
}

/// Pseudo-random numbers below `below`, always the same.
struct Random(u64);

impl Random {
    fn below(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }
}

/// Waits until the file has so many bytes, or the program has ended.
fn wait_for(child: &mut Child, path: &PathBuf, bytes: u64) {
    while child.try_wait().unwrap().is_none() {
        if fs::metadata(path).is_ok_and(|file| file.len() >= bytes) {
            return;
        }
        sleep(Duration::from_micros(500));
    }
}

/// Runs `search` to its end through `kills` kills at random moments, spread over all its trials and a little
/// beyond. How many of them hit.
fn through_kills(play: &Playground, search: &str, trials: &[u8], kills: u64, random: &mut Random) -> u64 {
    let path = play.path("out/bollinger_reversion_BTCUSDT_1h.trials");
    let all = trials.len() as u64;
    let mut moments: Vec<u64> = (0..kills).map(|_| random.below(all + all / 8)).collect();
    moments.sort();
    let mut hits = 0;
    for (index, moment) in moments.into_iter().enumerate() {
        let resume = if index == 0 { "" } else { "--resume" };
        let mut child = play.begin(&format!("{search} --out out --quiet {resume}"));
        wait_for(&mut child, &path, moment.min(all));
        // All trials are there: somewhere while the results are written.
        sleep(Duration::from_micros(random.below(if moment >= all { 100_000 } else { 2_000 })));
        let ended = child.try_wait().unwrap().is_some();
        child.kill().unwrap();
        child.wait().unwrap();
        hits += u64::from(!ended);
        if let Ok(there) = fs::read(&path) {
            // What is in the file is in it for good, but for the row that was being written.
            let whole = there.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
            assert!(trials.starts_with(&there[..whole]), "killed at {moment} of {all}");
        }
    }
    play.mista(&format!("{search} --out out --quiet --resume")).ok();
    hits
}

fn kills(chains: &[u64], search: &str) {
    let play = playground();
    let (alone, _, trials) = undisturbed(&play, search);
    let mut random = Random(2024);
    let mut hits = 0;
    for (chain, kills) in chains.iter().enumerate() {
        hits += through_kills(&play, search, &trials, *kills, &mut random);
        same(&format!("chain {chain} of {kills} kills"), &alone, &play.files("out"));
        fs::remove_dir_all(play.path("out")).unwrap();
    }
    let all: u64 = chains.iter().sum();
    assert!(hits * 2 > all, "only {hits} of {all} kills met a search that was still running");
}

#[test]
fn twenty_kills_change_nothing() {
    kills(&[1, 3, 6, 10], SEARCH);
}

#[test]
#[ignore = "a minute: run it when the file of trials or the writing of results changes"]
fn two_hundred_kills_change_nothing() {
    kills(&[1; 40], SEARCH);
    kills(&[20; 4], &format!("{SEARCH} --walk-forward 2"));
    kills(&[1, 2, 5, 12, 20], &format!("{SEARCH} --search random --samples 200 --seed 9"));
    kills(&[8; 5], &format!("{SEARCH} --threads 1 --metric max_drawdown").replace("--threads 2", ""));
}

/// Twelve combinations on ten days: quick enough for a run per byte.
const SMALL: &str = "optimize good.rhai --data BTCUSDT_1h.csv --grid grid.yaml --save-details --threads 1";

/// Where the lines of a text end, each after its line feed.
fn ends(bytes: &[u8]) -> Vec<usize> {
    bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1).collect()
}

#[test]
fn a_file_torn_anywhere_is_used_up_to_its_last_whole_row() {
    let play = Playground::good();
    let (_, _, trials) = undisturbed(&play, SMALL);
    let ends = ends(&trials);
    assert_eq!(ends.len(), 2 + 12);
    let path = play.path("torn.trials");
    fs::write(&path, &trials).unwrap();
    let mut plan = Trials::open(&path).unwrap().header.plan;
    // It was written in another folder than this test runs in.
    plan.recipe.script = play.path("good.rhai");
    plan.recipe.data = play.path("BTCUSDT_1h.csv");
    let study = Study::new(plan.clone(), None).unwrap();
    let file = Trials::new(path.clone(), plan, Shard::WHOLE);
    drop(file.create().unwrap());
    let head = fs::read(&path).unwrap();
    // A test beside this one that is just starting the binary holds the lock a moment longer.
    let resume = || loop {
        match file.resume(&study) {
            Err(error) if error.to_string().contains("another mista") => sleep(Duration::from_millis(1)),
            resumed => return resumed.unwrap().map(|(_, count)| count as usize),
        }
    };
    let resumes = |bytes: &[u8], count: usize, what: &str| {
        fs::write(&path, bytes).unwrap();
        assert_eq!(resume(), Some(count), "{what}");
        let kept = [&head, &trials[ends[1]..ends[1 + count]]].concat();
        assert!(fs::read(&path).unwrap() == kept, "{what}");
    };
    for at in 0..head.len() {
        resumes(&head[..at], 0, &format!("head torn at byte {at}"));
    }
    let rows = &trials[ends[1]..];
    for at in ends[11]..=ends[13] {
        let whole = ends.iter().filter(|end| **end <= at).count() - 2;
        resumes(&[&head, &rows[..at - ends[1]]].concat(), whole, &format!("rows torn at byte {at}"));
    }
    // A disk that was cut off leaves zeros, or what it held before.
    for garbage in
        [&[0u8; 700] as &[u8], b"\xff\xfe\n", b"0,11,,1\n", b"1,0,,1\n", b"0,9,\"no\"\n", b"\n", rows]
    {
        for whole in [0, 5, 12] {
            let bytes = [&head, &trials[ends[1]..ends[1 + whole]], garbage].concat();
            let more = if garbage == rows && whole == 0 { 12 } else { whole };
            resumes(&bytes, more, &format!("{garbage:?} after {whole} rows"));
        }
    }
    assert_eq!(resume(), Some(12));
    fs::remove_file(&path).unwrap();
    assert_eq!(resume(), None);
}

#[test]
fn a_torn_file_is_resumed_to_the_same_bytes() {
    let play = Playground::good();
    let (alone, said, trials) = undisturbed(&play, SMALL);
    let ends = ends(&trials);
    for at in [
        0,
        1,
        ends[0] - 1,
        ends[0],
        ends[0] + 9,
        ends[1] - 1,
        ends[1],
        ends[1] + 1,
        ends[6],
        ends[12] + 3,
        ends[13] - 1,
        ends[13],
    ] {
        play.write("out/good_BTCUSDT_1h.trials", &trials[..at]);
        let again = play.mista(&format!("{SMALL} --out out --resume")).ok();
        same(&format!("torn at byte {at}"), &alone, &play.files("out"));
        assert_eq!(again.out, said, "torn at byte {at}");
    }
}

#[test]
fn a_resumed_search_may_be_judged_otherwise() {
    let play = Playground::good();
    let (_, _, trials) = undisturbed(&play, SMALL);
    let cut = ends(&trials)[7] + 4;
    for judged in ["--metric win_rate", "--min-trades 90", "--metric max_drawdown --min-trades 82"] {
        play.mista(&format!("{SMALL} {judged} --out fresh --quiet")).ok();
        play.write("out/good_BTCUSDT_1h.trials", &trials[..cut]);
        play.mista(&format!("{SMALL} {judged} --out out --quiet --resume")).ok();
        same(judged, &play.files("fresh"), &play.files("out"));
        for folder in ["fresh", "out"] {
            fs::remove_dir_all(play.path(folder)).unwrap();
        }
    }
    // Without details none are written, whatever was begun with.
    play.write("out/good_BTCUSDT_1h.trials", &trials[..cut]);
    play.mista(&format!("{SMALL} --out out --quiet --resume").replace("--save-details", "")).ok();
    assert!(!play.path("out/details").exists());
}

#[test]
fn a_batch_is_resumed_too() {
    let grid = "good: { period: { from: 2, to: 20, step: 1 }, factor: { from: 0.0, to: 2.0, step: 0.1 } }\n";
    let waves = crate::playground::waves(240);
    let play = Playground::new()
        .with("strategies/good.rhai", crate::playground::GOOD)
        .with("data/1h/AUSDT_1h.csv", &waves)
        .with("data/1h/BUSDT_1h.csv", &waves)
        .with("config/optimize_params.yaml", grid);
    let search = "optimize --all --save-details --threads 2";
    play.mista(&format!("{search} --out alone --quiet")).ok();
    let mut random = Random(7);
    for symbol in ["A", "B"] {
        let mut child = play.begin(&format!("{search} --out out --quiet --resume"));
        let path = play.path(&format!("out/good_{symbol}USDT_1h.trials"));
        wait_for(&mut child, &path, 20_000 + random.below(40_000));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    // One of the two files is of another search: that task fails, the other goes on.
    let other = play.path("out/good_BUSDT_1h.trials");
    let (right, wrong) = (play.read("out/good_BUSDT_1h.trials"), "{\"from\":1}");
    fs::write(&other, right.replace("\"start\":\"2021-01-04", "\"start\":\"2021-01-03")).unwrap();
    assert!(!right.contains(wrong));
    play.mista(&format!("{search} --out out --quiet --resume")).failed(
        1,
        "failed: good BUSDT 1h: out/good_BUSDT_1h.trials: it is of another search (the period differs)",
    );
    assert!(other.exists(), "what cannot be used is not removed");
    fs::write(&other, right).unwrap();
    play.mista(&format!("{search} --out out --quiet --resume")).ok();
    same("resumed batch", &play.files("alone"), &play.files("out"));
}

fn signal(child: &Child, signal: &str) {
    let status = Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
    assert!(status.success());
}

fn said(child: Child) -> Said {
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Said { exit: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
}

#[cfg(unix)]
#[test]
fn ctrl_c_prints_what_is_known_and_resume_ends_with_the_same_bytes() {
    let play = playground();
    let (alone, _, trials) = undisturbed(&play, SEARCH);
    let path = play.path("out/bollinger_reversion_BTCUSDT_1h.trials");
    for (flags, resume) in [("", ""), ("--json", "--resume"), ("--quiet", "--resume")] {
        let mut child = play.begin(&format!("{SEARCH} --out out {flags} {resume}"));
        let there = fs::metadata(&path).map_or(0, |file| file.len());
        wait_for(&mut child, &path, there + trials.len() as u64 / 8);
        signal(&child, "-INT");
        let said =
            said(child).failed(130, "stopped before all trials had been run; --resume goes on from here");
        let known = if flags.is_empty() { &said.out } else { &said.err };
        assert_eq!(known.contains("of 320 trials"), flags != "--quiet", "{said:?}");
        assert_eq!(known.contains("Sharpe ratio"), flags != "--quiet", "{said:?}");
        assert_eq!(said.out.is_empty(), !flags.is_empty(), "{said:?}");
        // Stopped in order: the last row is whole.
        let bytes = fs::read(&path).unwrap();
        assert!(trials.starts_with(&bytes) && bytes.ends_with(b"\n") && bytes.len() < trials.len());
    }
    play.mista(&format!("{SEARCH} --out out --quiet --resume")).ok();
    same("stopped three times", &alone, &play.files("out"));
}

#[cfg(unix)]
#[test]
fn two_searches_in_one_folder_do_not_spoil_each_other() {
    let play = playground();
    let (alone, _, trials) = undisturbed(&play, SEARCH);
    let path = play.path("out/bollinger_reversion_BTCUSDT_1h.trials");
    let mut child = play.begin(&format!("{SEARCH} --out out --quiet"));
    wait_for(&mut child, &path, trials.len() as u64 / 20);
    // It must not end before the others have tried.
    signal(&child, "-STOP");
    for flags in ["", "--resume", "--metric win_rate", "--search random --samples 3"] {
        play.mista(&format!("{SEARCH} --out out --quiet {flags}")).failed(
            2,
            "bollinger_reversion_BTCUSDT_1h.trials: another mista is writing it: wait for it to end",
        );
    }
    signal(&child, "-CONT");
    said(child).ok();
    same("the one that was first", &alone, &play.files("out"));
}

#[cfg(unix)]
#[test]
fn a_disk_that_was_full_is_no_loss() {
    let play = playground();
    let (alone, _, trials) = undisturbed(&play, SEARCH);
    // No file grows beyond so many blocks: first there is room for some trials, then for all but no page.
    for blocks in [40, 1 + trials.len() / 512] {
        let mista = env!("CARGO_BIN_EXE_mista");
        let limited =
            format!("trap '' XFSZ; ulimit -f {blocks}; exec {mista} {SEARCH} --out out --quiet --resume");
        let output = Command::new("sh").args(["-c", &limited]).current_dir(play.path("")).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains("cannot write out/"), "{said}");
        let hidden =
            play.files("out").into_keys().filter(|name| name.contains("/.") || name.starts_with('.'));
        assert_eq!(hidden.count(), 0, "nothing half-written is left");
        assert!(
            trials.starts_with(&fs::read(play.path("out/bollinger_reversion_BTCUSDT_1h.trials")).unwrap())
        );
    }
    play.mista(&format!("{SEARCH} --out out --quiet --resume")).ok();
    same("a disk with room again", &alone, &play.files("out"));
}

#[test]
fn shards_in_any_order_are_the_whole() {
    let play = playground().with("small.yaml", GRID.replace("step: 0.1", "step: 0.5"));
    // A merge says which tier runs the best trial again; it chooses by itself.
    let search = SEARCH.replace("grid.yaml", "small.yaml").replace(" --tier interpreter", "");
    for (name, flags) in
        [("grid", ""), ("walked", "--walk-forward 2"), ("drawn", "--search random --samples 33")]
    {
        let search = format!("{search} {flags}");
        let said = play.mista(&format!("{search} --out alone")).ok().out;
        let alone = play.files("alone");
        for of in [1, 3, 7] {
            let shards = format!("{name}{of}");
            let run = search.replace("--save-details", "");
            for index in (1..=of).rev() {
                play.mista(&format!("{run} --shard {index}/{of} --out {shards} --quiet")).ok();
            }
            let mut files: Vec<String> =
                play.files(&shards).into_keys().filter(|name| name.ends_with(".trials")).collect();
            assert_eq!(files.len(), of);
            files.rotate_left(of / 2);
            let files: Vec<String> = files.iter().map(|file| format!("{shards}/{file}")).collect();
            let merged =
                play.mista(&format!("optimize merge {} --save-details --out merged", files.join(" "))).ok();
            same(&format!("{name}, {of} shards"), &alone, &play.files("merged"));
            assert_eq!(merged.out, said.replace("alone", "merged"), "{name}, {of} shards");
            fs::remove_dir_all(play.path("merged")).unwrap();
        }
        fs::remove_dir_all(play.path("alone")).unwrap();
    }
}

#[test]
fn more_shards_than_trials_are_the_whole_too() {
    let play = Playground::good();
    play.mista(&format!("{SMALL} --out alone --quiet")).ok();
    let run = SMALL.replace("--save-details", "");
    let shards: Vec<String> = (1..=14)
        .map(|index| {
            play.mista(&format!("{run} --shard {index}/14 --out out --quiet")).ok();
            format!("out/shards/good_BTCUSDT_1h_{index}of14.trials")
        })
        .collect();
    play.mista(&format!("optimize merge {} --save-details --out merged --quiet", shards.join(" "))).ok();
    same("14 shards of 12 trials", &play.files("alone"), &play.files("merged"));
}

#[test]
fn a_killed_shard_is_resumed() {
    let play = playground();
    let (alone, ..) = undisturbed(&play, &SEARCH.replace(" --tier interpreter", ""));
    let run = SEARCH.replace("--save-details", "");
    play.mista(&format!("{run} --shard 1/2 --out out --quiet")).ok();
    let path = play.path("out/shards/bollinger_reversion_BTCUSDT_1h_2of2.trials");
    for bytes in [10_000, 20_000, 30_000] {
        let mut child = play.begin(&format!("{run} --shard 2/2 --out out --quiet --resume"));
        wait_for(&mut child, &path, bytes);
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let shards = "out/shards/bollinger_reversion_BTCUSDT_1h_2of2.trials out/shards/bollinger_reversion_BTCUSDT_1h_1of2.trials";
    let merge = format!("optimize merge {shards} --save-details --out merged --quiet");
    play.mista(&merge).failed(2, "_2of2.trials: it ends after ");
    play.mista(&format!("{run} --shard 2/2 --out out --quiet --resume --metric win_rate"))
        .failed(2, "this shard was begun with --metric sharpe_ratio --min-trades 1: resume it with them");
    let said = play.mista(&format!("{run} --shard 2/2 --out out --json --resume")).ok();
    assert_eq!(said.json()["shard"], "2/2");
    // Again: there is nothing left to do.
    let before = fs::read(&path).unwrap();
    play.mista(&format!("{run} --shard 2/2 --out out --quiet --resume")).ok();
    assert!(before == fs::read(&path).unwrap());
    play.mista(&merge).ok();
    same("two shards", &alone, &play.files("merged"));
}
