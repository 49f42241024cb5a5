//! Looks at what is on this machine: folders, configuration, scripts, candles. Leaves nothing behind.

use super::{Check, judge};
use crate::config::{
    BacktestRunConfig, ConfigError, GridFile, Notifications, Overrides, check_runtime, check_yaml,
};
use crate::data::{LoadOptions, load, symbol_of};
use crate::report::number::counted;
use crate::script::Script;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// Folders below the one of candles that are looked into.
const DEPTH: usize = 3;

/// Whether `folder`, or where it would be made, can be written, safely and for long.
pub fn disk(folder: &Path) -> Check {
    let shown = folder.display().to_string();
    if fs::metadata(folder).is_ok_and(|there| !there.is_dir()) {
        return judge::unwritable(&shown, "it is a file, not a folder");
    }
    let existing = folder.ancestors().find(|it| it.is_dir()).unwrap_or(Path::new("."));
    match write_once(existing) {
        Ok(()) => judge::space(&shown, free(existing)),
        Err(error) => judge::unwritable(&shown, &error.to_string()),
    }
}

/// Writes a file so that it would survive a power cut, and removes it.
fn write_once(folder: &Path) -> io::Result<()> {
    let path = folder.join(format!(".mista-doctor-{}", std::process::id()));
    let written = File::create_new(&path).and_then(|mut file| {
        file.write_all(b"written and removed by mista doctor\n")?;
        file.sync_all()
    });
    let removed = fs::remove_file(&path);
    written.and(removed)?;
    // Elsewhere folders cannot be opened.
    #[cfg(unix)]
    File::open(folder)?.sync_all()?;
    Ok(())
}

/// Bytes that this user may still write there.
#[cfg(unix)]
fn free(folder: &Path) -> Option<u64> {
    let told = rustix::fs::statvfs(folder).ok()?;
    Some(told.f_bavail.saturating_mul(told.f_frsize))
}

#[cfg(not(unix))]
fn free(_: &Path) -> Option<u64> {
    None
}

/// Files in a folder whose names end so, in order; none where there is no folder.
fn files(folder: &Path, endings: &[&str]) -> Vec<PathBuf> {
    let ends =
        |path: &PathBuf| path.extension().and_then(OsStr::to_str).is_some_and(|it| endings.contains(&it));
    let mut found: Vec<PathBuf> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| ends(path) && path.is_file())
        .collect();
    found.sort();
    found
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Whether the files in the folder of configuration can be read: a line for each that cannot, one for the rest.
pub fn config(folder: &Path) -> Vec<Check> {
    let (mut checks, mut good) = (Vec::new(), Vec::new());
    for path in files(folder, &["yaml", "yml"]) {
        match config_file(&path) {
            Ok(None) => good.push(name_of(&path)),
            Ok(Some(note)) => checks.push(note),
            Err(error) => checks.push(
                Check::problem("config", error.to_string())
                    .remedy("correct it there; docs/configuration.md tells what goes where"),
            ),
        }
    }
    let folder = folder.display();
    if !good.is_empty() {
        let what = counted(good.len() as u64, "good file");
        checks.insert(0, Check::ok("config", format!("{folder}: {what}: {}", judge::listed(&good))));
    } else if checks.is_empty() {
        checks.push(Check::note("config", format!("{folder}: no file there: the defaults apply")));
    }
    checks
}

/// Reads a file as whoever uses it would.
fn config_file(path: &Path) -> Result<Option<Check>, ConfigError> {
    match name_of(path).as_str() {
        "backtest.yaml" => {
            let config = BacktestRunConfig::load(Some(path), &Overrides::default())?;
            let missing = [config.data, config.detail].into_iter().flatten().find(|path| !path.exists());
            Ok(missing.map(|missing| {
                let text =
                    format!("{}: it names candles that are not there: {}", path.display(), missing.display());
                Check::note("config", text).remedy("change `data`, or fetch them: docs/data.md")
            }))
        }
        "optimize_params.yaml" => {
            let grid = GridFile::load(path)?;
            for strategy in grid.strategies() {
                grid.grid(strategy)?;
            }
            Ok(None)
        }
        "runtime_config.yaml" => check_runtime(path).map(|()| None),
        "notifications.yaml" => Notifications::load(path).map(|_| None),
        _ => check_yaml(path).map(|()| None),
    }
}

/// Whether scripts load: those that are named, else all in `folder`.
pub fn scripts(folder: &Path, named: &[PathBuf]) -> Vec<Check> {
    let is_script = |path: &PathBuf| !name_of(path).ends_with(".d.rhai");
    let paths = match named {
        [] => files(folder, &["rhai"]).into_iter().filter(is_script).collect(),
        named => named.to_vec(),
    };
    let (mut checks, mut good) = (Vec::new(), Vec::new());
    for path in &paths {
        let shown = path.display().to_string();
        let remedy = format!("`mista check {shown}` shows where");
        match Script::load(path) {
            Ok(script) if script.warnings().is_empty() => good.push(name_of(path)),
            Ok(script) => {
                let warnings = counted(script.warnings().len() as u64, "warning");
                checks
                    .push(Check::note("scripts", format!("{shown}: loads, with {warnings}")).remedy(remedy));
            }
            Err(error) => {
                let why = error.in_line();
                let text = if why.starts_with(&shown) { why } else { format!("{shown}: {why}") };
                // One that is not there has no place to show.
                let has_place = error.diagnostics.iter().any(|it| it.line > 0);
                let check = Check::problem("scripts", text);
                checks.push(if has_place { check.remedy(remedy) } else { check });
            }
        }
    }
    if !good.is_empty() {
        let load = if good.len() == 1 { "loads" } else { "load" };
        let text = format!("{} {load}: {}", counted(good.len() as u64, "script"), judge::listed(&good));
        checks.insert(0, Check::ok("scripts", text));
    } else if checks.is_empty() {
        let text = format!("{}: no script there", folder.display());
        checks.push(
            Check::note("scripts", text)
                .remedy("`mista new NAME` writes one; or run from the repository's folder"),
        );
    }
    checks
}

/// The files of candles of a symbol below `folder`: what is in them, and how old they are.
pub fn candles(folder: &Path, symbol: &str) -> Vec<Check> {
    let mut found = Vec::new();
    find_candles(folder, symbol, DEPTH, &mut found);
    let now_ms = now_ms();
    let checks: Vec<Check> = found.iter().map(|path| candle_file(path, now_ms)).collect();
    if checks.is_empty() { vec![judge::no_candles(&folder.display().to_string(), symbol)] } else { checks }
}

fn candle_file(path: &Path, now_ms: i64) -> Check {
    match load(path, &LoadOptions::default()) {
        Ok(loaded) => {
            let end_ms = loaded.candles.close_time.last().copied().unwrap_or_default();
            let path = path.display().to_string();
            judge::candles(&path, loaded.candles.len(), loaded.interval.ms(), end_ms, now_ms)
        }
        // It says what to do.
        Err(error) => Check::problem("candles", error.to_string()),
    }
}

fn find_candles(folder: &Path, symbol: &str, depth: usize, found: &mut Vec<PathBuf>) {
    let is_of_symbol = |path: &PathBuf| symbol_of(path).is_some_and(|name| name == symbol);
    found.extend(files(folder, &["csv"]).into_iter().filter(is_of_symbol));
    if depth == 0 {
        return;
    }
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    // Links could lead round in a circle.
    let mut below: Vec<PathBuf> = entries
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(|entry| entry.path())
        .collect();
    below.sort();
    for folder in below {
        find_candles(&folder, symbol, depth - 1, found);
    }
}

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
