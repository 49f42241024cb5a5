//! A folder of one's own in which the real binary is run.

use crate::support::{BTC_1H, root};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// 2021-01-04 00:00 UTC, where the candles of [`waves`] begin.
pub const START: i64 = 1_609_718_400_000;

/// A script that trades on [`waves`].
pub const GOOD: &str = r#"fn params() {
    #{
        period: int(5, 2, 20),
        factor: float(1.0, 0.0, 2.0),
        loud: flag(false),
        side: choice("long", ["long", "none"]),
    }
}

fn init(p) { #{ mean: sma(close, p.period) } }

fn on_candle(ctx, p) {
    if ctx.is_flat && ctx.close > ctx.mean { ctx.enter_long("above"); }
    if ctx.is_long && ctx.close < ctx.mean { ctx.exit("below"); }
}
"#;

/// Candles of an hour that rise and fall.
pub fn waves(rows: i64) -> String {
    let row = |row: i64| {
        let close = |row: i64| 100 + (row * 7) % 20;
        let (open, close) = (close(row - 1).max(100), close(row));
        let (high, low) = (open.max(close) + 1, open.min(close) - 1);
        format!("{},{open},{high},{low},{close},5\n", START + row * 3_600_000)
    };
    std::iter::once("open_time,open,high,low,close,volume\n".to_owned()).chain((0..rows).map(row)).collect()
}

/// Some rows of the bundled hours of BTCUSDT, as a file. Row 21000 opens at 2020-01-17.
pub fn hours(rows: std::ops::Range<usize>) -> String {
    let text = fs::read_to_string(root().join(BTC_1H)).unwrap();
    let mut lines = text.split_inclusive('\n');
    let header = lines.next().unwrap();
    std::iter::once(header).chain(lines.skip(rows.start).take(rows.len())).collect()
}

/// Every file below a folder, hidden ones included, with what is in it.
pub fn listing(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(root).unwrap().display().to_string();
            if path.is_dir() {
                files.insert(format!("{name}/"), Vec::new());
                folders.push(path);
            } else {
                files.insert(name, fs::read(path).unwrap());
            }
        }
    }
    files
}

/// Fails with the names of the files that differ.
#[track_caller]
pub fn same(what: &str, expected: &BTreeMap<String, Vec<u8>>, found: &BTreeMap<String, Vec<u8>>) {
    let names = |files: &BTreeMap<String, Vec<u8>>| files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(expected), names(found), "{what}");
    let differ: Vec<&String> =
        expected.iter().filter(|(name, bytes)| found[*name] != **bytes).map(|(name, _)| name).collect();
    assert!(differ.is_empty(), "{what}: {differ:?} differ");
}

/// What one run of the binary said.
#[derive(Debug)]
pub struct Said {
    pub exit: i32,
    pub out: String,
    pub err: String,
}

impl Said {
    #[track_caller]
    pub fn ok(self) -> Said {
        assert_eq!(self.exit, 0, "{}{}", self.out, self.err);
        self
    }

    #[track_caller]
    pub fn failed(self, exit: i32, words: &str) -> Said {
        assert_eq!(self.exit, exit, "{}{}", self.out, self.err);
        assert!(self.err.contains(words), "\"{words}\" is not in: {}", self.err);
        self
    }

    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {}{}", self.out, self.err))
    }
}

pub struct Playground {
    folder: TempDir,
}

impl Playground {
    /// An empty folder.
    pub fn new() -> Playground {
        Playground { folder: tempfile::tempdir().unwrap() }
    }

    /// The script `good.rhai`, ten days of candles `BTCUSDT_1h.csv`, and a grid of twelve in `grid.yaml`.
    pub fn good() -> Playground {
        Playground::new().with("good.rhai", GOOD).with("BTCUSDT_1h.csv", waves(240)).with(
            "grid.yaml",
            "good:\n  period: [3, 5, 7]\n  factor: [0.5, 1.0]\n  stop_loss_pct: [null, 0.02]\n",
        )
    }

    /// A bundled script, and some rows of the bundled hours of BTCUSDT; its grid is the shipped one.
    pub fn bundled(script: &str, rows: std::ops::Range<usize>) -> Playground {
        let read = |path: &str| fs::read(root().join(path)).unwrap();
        Playground::new()
            .with(&format!("{script}.rhai"), read(&format!("strategies/{script}.rhai")))
            .with("BTCUSDT_1h.csv", hours(rows))
            .with("grid.yaml", read("config/optimize_params.yaml"))
    }

    pub fn with(self, name: &str, bytes: impl AsRef<[u8]>) -> Playground {
        self.write(name, bytes);
        self
    }

    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn files(&self, folder: &str) -> BTreeMap<String, Vec<u8>> {
        listing(&self.path(folder))
    }

    /// The only file below a folder whose name ends so.
    #[track_caller]
    pub fn one(&self, folder: &str, ending: &str) -> String {
        let names: Vec<String> =
            self.files(folder).into_keys().filter(|name| name.ends_with(ending)).collect();
        let [name] = names.as_slice() else { panic!("{folder}: {ending}: {names:?}") };
        format!("{folder}/{name}")
    }

    /// Runs the binary with arguments that are separated by spaces.
    pub fn mista(&self, arguments: &str) -> Said {
        self.mista_with(arguments, &[])
    }

    /// The same with variables in its environment.
    pub fn mista_with(&self, arguments: &str, variables: &[(&str, &str)]) -> Said {
        let output = self.command(arguments).envs(variables.iter().copied()).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let (out, err) = (text(output.stdout), text(output.stderr));
        let exit = output.status.code().unwrap_or_else(|| panic!("killed: {out}{err}"));
        assert!(!err.contains("panicked"), "{err}");
        Said { exit, out, err }
    }

    /// The binary, begun and not waited for.
    pub fn begin(&self, arguments: &str) -> Child {
        self.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// The same with variables in its environment; what it says is in the files `name.out` and `name.err`.
    pub fn begin_into(&self, name: &str, arguments: &str, variables: &[(&str, &str)]) -> Child {
        let file = |ending: &str| fs::File::create(self.path(&format!("{name}.{ending}"))).unwrap();
        let mut command = self.command(arguments);
        command.envs(variables.iter().copied()).stdout(file("out")).stderr(file("err")).spawn().unwrap()
    }

    fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mista"));
        command
            .args(arguments.split_whitespace())
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .env_remove("COLUMNS")
            .env_remove("CLICOLOR_FORCE")
            .env_remove("RAYON_NUM_THREADS")
            .env_remove("MISTA_API_KEY")
            .env_remove("MISTA_API_SECRET")
            .env_remove("MISTA_API_PRIVATE_KEY_FILE")
            .env("NO_COLOR", "1");
        command
    }
}
