//! The same inputs give the same bytes: twice, and whatever the number of threads.

use crate::support::{BTC_1H, SCRIPTS, root, script_path};
use std::path::Path;
use std::process::Command;

/// Standard output (`--json`), trades and equity of one run of the binary.
fn run(script: &str, threads: &str, folder: &Path) -> [Vec<u8>; 3] {
    let [trades, equity] = ["trades.csv", "equity.csv"].map(|name| folder.join(name));
    let output = Command::new(env!("CARGO_BIN_EXE_mista"))
        .arg("run")
        .arg(script_path(script))
        .arg("--data")
        .arg(root().join(BTC_1H))
        .args(["--start", "2020-01-01", "--end", "2020-07-01", "--allow-short", "--slippage-bps", "3"])
        .args(["--set", "apply_atr_filter=true", "--set", "atr_filter_multiplier=0.9"])
        .args(["--json", "--no-report", "--trades"])
        .arg(&trades)
        .arg("--equity")
        .arg(&equity)
        .env("RAYON_NUM_THREADS", threads)
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    [output.stdout, std::fs::read(trades).unwrap(), std::fs::read(equity).unwrap()]
}

#[test]
fn runs_are_byte_identical_whatever_the_number_of_threads() {
    for script in SCRIPTS {
        let folders = [(); 3].map(|()| tempfile::tempdir().unwrap());
        let [first, again, parallel] = [(0, "1"), (1, "1"), (2, "2")]
            .map(|(index, threads)| run(script, threads, folders[index].path()));
        assert!(first[1].len() > 500, "{script} hardly traded");
        for (what, index) in [("--json", 0), ("--trades", 1), ("--equity", 2)] {
            assert!(first[index] == again[index], "{script}: {what} differs between two runs");
            assert!(first[index] == parallel[index], "{script}: {what} differs with two threads");
        }
    }
}

#[test]
fn the_report_is_byte_identical() {
    let folder = tempfile::tempdir().unwrap();
    let page = |threads| {
        let path = folder.path().join("report.html");
        let output = Command::new(env!("CARGO_BIN_EXE_mista"))
            .arg("run")
            .arg(script_path("hybrid"))
            .arg("--data")
            .arg(root().join(BTC_1H))
            .args(["--start", "2020-01-01", "--end", "2020-03-01", "--quiet", "--report"])
            .arg(&path)
            .env("RAYON_NUM_THREADS", threads)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        std::fs::read(path).unwrap()
    };
    assert!(page("1") == page("2"));
}
