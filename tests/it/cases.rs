//! The snapshot tests that `mista new` writes: a case in `tests/strategies/NAME.yaml` (the keys of
//! `config/backtest.yaml`), the behaviour of `strategies/NAME.rhai` in `tests/strategies/NAME.snap`.
//! `NAME.VARIANT.yaml` is one more case of the same script.

use mista::config::Overrides;
use mista::job::Job;
use mista::report::journal::journal;
use std::path::Path;

#[test]
fn scripts_behave_as_their_snapshots_say() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut cases: Vec<_> = std::fs::read_dir(root.join("tests/strategies"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "yaml"))
        .collect();
    cases.sort();
    assert!(!cases.is_empty());
    for case in cases {
        let name = case.file_stem().unwrap().to_str().unwrap().to_owned();
        let script = name.split('.').next().unwrap();
        let script = root.join("strategies").join(format!("{script}.rhai"));
        let mut job = Job::load(&script, Some(&case), &Overrides::default()).unwrap();
        let (outcome, trace) = job.run().unwrap();
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_path("../strategies");
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings.bind(|| insta::assert_snapshot!(name, journal(&outcome, &trace, job.candles())));
    }
}

#[test]
fn the_api_definitions_are_those_of_this_version() {
    let folder = tempfile::tempdir().unwrap();
    let fresh = folder.path().join("api.d.rhai");
    let status = std::process::Command::new(env!("CARGO_BIN_EXE_mista"))
        .args(["api", "--out"])
        .arg(&fresh)
        .stdout(std::process::Stdio::null())
        .status()
        .unwrap();
    assert!(status.success());
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let committed = std::fs::read_to_string(root.join("strategies/api.d.rhai")).unwrap();
    assert!(
        std::fs::read_to_string(&fresh).unwrap() == committed,
        "run `mista api` and commit strategies/api.d.rhai"
    );
}

#[test]
fn a_new_script_passes_its_own_test() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = tempfile::tempdir().unwrap();
    let status = std::process::Command::new(env!("CARGO_BIN_EXE_mista"))
        .current_dir(root)
        .args(["new", "fresh", "--folder"])
        .arg(folder.path())
        .arg("--tests")
        .arg(folder.path())
        .stdout(std::process::Stdio::null())
        .status()
        .unwrap();
    assert!(status.success());
    let path = |name: &str| folder.path().join(name);
    let mut job = Job::load(&path("fresh.rhai"), Some(&path("fresh.yaml")), &Overrides::default()).unwrap();
    let (outcome, trace) = job.run().unwrap();
    let snapshot = std::fs::read_to_string(path("fresh.snap")).unwrap();
    assert!(snapshot.ends_with(&journal(&outcome, &trace, job.candles())));
    assert!(outcome.trades.len() > 5);
}
