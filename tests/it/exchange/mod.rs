//! The local exchange over real sockets, held against the protocol of the exchange it stands for.
//!
//! The cases are text, in `tests/exchange/*.case`: see `script` for how they are written, `world` for the market and
//! the accounts they meet. Everything that was said is a snapshot per file as well. Each case has an exchange of its
//! own whose market is moved by hand and whose clock begins at the same instant, so nothing depends on time.

mod client;
mod contract;
mod fuzz;
mod keys;
mod pattern;
mod script;
mod world;

use crate::support::root;

/// Runs all cases of a file. `CASE=part-of-a-name` runs only some, and leaves the snapshot alone.
fn check(group: &str) {
    let path = root().join("tests/exchange").join(group).with_extension("case");
    let cases = script::parse(&std::fs::read_to_string(path).unwrap());
    let only = std::env::var("CASE").unwrap_or_default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut transcript = String::new();
    let mut faults = Vec::new();
    for case in cases.iter().filter(|case| case.name.contains(&only)) {
        let outcome = runtime.block_on(script::run(case));
        transcript.push_str(&outcome.transcript);
        transcript.push('\n');
        faults.extend(outcome.faults.iter().map(|fault| format!("{group}/{}, {fault}", case.name)));
    }
    if !only.is_empty() {
        println!("{transcript}");
    }
    assert!(faults.is_empty(), "{} of the checks fail:\n{}", faults.len(), faults.join("\n"));
    if only.is_empty() {
        insta::with_settings!({ omit_expression => true, snapshot_path => "../snapshots" }, {
            insta::assert_snapshot!(group, transcript);
        });
    }
}

macro_rules! groups {
    ($($group:ident)+) => {
        $(
            #[test]
            fn $group() {
                check(stringify!($group));
            }
        )+
        /// All files of cases.
        pub const GROUPS: &[&str] = &[$(stringify!($group)),+];
    };
}

groups! { market requests orders filters lists cancels account streams api faults limits weights }
