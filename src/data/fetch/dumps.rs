//! Candles from the exchange's public dumps in a folder: months, and days where there is no month.

use super::archive;
use super::dump_names::{DumpName, dump_name};
use super::error::FetchError;
use super::row::Row;
use super::sink::Sink;
use super::store::{Segment, Task};
use super::{Counts, Watch};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Folders are looked into so deep: `data/spot/monthly/klines/SYMBOL/INTERVAL` and some above it.
const DEPTH: usize = 9;

/// Other markets have dumps of the same names.
const OTHERS: [&str; 3] = ["futures", "option", "options"];

struct Dump {
    name: DumpName,
    path: PathBuf,
}

/// Reads what the dumps in `folder` have of a segment into its part. Returns what is worth saying.
pub async fn read(
    task: &Task,
    folder: &Path,
    segment: &mut Segment,
    watch: &mut dyn Watch,
) -> Result<Vec<String>, FetchError> {
    let dumps = find(task, folder)?;
    let from = segment.after.as_ref().map(Row::open_time).or(segment.from).unwrap_or(i64::MIN);
    let until = segment.until.unwrap_or(i64::MAX);
    let wanted: Vec<&Dump> =
        dumps.iter().filter(|dump| dump.name.times.end > from && dump.name.times.start < until).collect();
    let times = from.max(wanted.first().map_or(0, |dump| dump.name.times.start))
        ..until.min(wanted.iter().map(|dump| dump.name.times.end).max().unwrap_or(0));
    let mut sink = Sink::new(segment, &task.path, "dumps", false);
    let interval_ms = task.interval.ms();
    let (mut counts, mut unverified) = (Counts::default(), 0);
    let mut rest = &wanted[..];
    while let [first, ..] = rest {
        // A month and the days in it, or a day alone.
        let end = first.name.times.end;
        let group = rest.iter().take_while(|dump| dump.name.times.start < end).count();
        let (these, later) = rest.split_at(group);
        rest = later;
        for dump in these {
            unverified += u64::from(!archive::verify(&dump.path)?);
        }
        let mut push = |row: Row| {
            if (from..until).contains(&row.open_time()) {
                counts.candles += 1;
                sink.push(row)?;
            }
            Ok(())
        };
        match these {
            [dump] => archive::rows(&dump.path, dump.name.times.clone(), interval_ms, push)?,
            dumps => together(dumps, interval_ms)?.into_iter().try_for_each(&mut push)?,
        }
        sink.flush()?;
        watch.page(&task.name(), times.clone(), sink.last().unwrap_or(times.start), counts);
        // For whoever wants to stop it.
        tokio::task::yield_now().await;
    }
    sink.end()?;
    let verified = wanted.len() as u64 - unverified;
    Ok(match unverified {
        0 => Vec::new(),
        _ => vec![format!(
            "{}: {unverified} of {} dumps have no .CHECKSUM beside them and were taken as they are",
            task.name(),
            unverified + verified
        )],
    })
}

/// The rows of dumps of the same time, which must agree.
fn together(dumps: &[&Dump], interval_ms: i64) -> Result<Vec<Row>, FetchError> {
    let mut rows: BTreeMap<i64, (Row, &Path)> = BTreeMap::new();
    for dump in dumps {
        archive::rows(&dump.path, dump.name.times.clone(), interval_ms, |row| {
            match rows.get(&row.open_time()) {
                Some((known, one)) if *known != row => {
                    return Err(FetchError::Overlap {
                        time: row.open_time(),
                        one: one.display().to_string(),
                        other: dump.path.display().to_string(),
                        rows: Box::new((known.to_string(), row.to_string())),
                    });
                }
                Some(_) => {}
                None => drop(rows.insert(row.open_time(), (row, dump.path.as_path()))),
            }
            Ok(())
        })?;
    }
    Ok(rows.into_values().map(|(row, _)| row).collect())
}

/// The dumps of a task, in order of time, a month before its days.
fn find(task: &Task, folder: &Path) -> Result<Vec<Dump>, FetchError> {
    let (symbol, interval) = (&task.symbol, task.interval.to_string());
    let mut dumps = Vec::new();
    look(folder, DEPTH, &mut |path, name| {
        if let Some(name) = dump_name(name, symbol, &interval) {
            dumps.push(Dump { name, path });
        }
    })?;
    if dumps.is_empty() {
        return Err(FetchError::NoDumps {
            what: task.name(),
            folder: folder.to_owned(),
            example: format!("{symbol}-{interval}-2024-01.zip"),
        });
    }
    let order = |dump: &Dump| (dump.name.times.start, dump.name.span, dump.path.clone());
    dumps.sort_by_key(order);
    if let Some([one, other]) = dumps.windows(2).find(|two| two[0].name == two[1].name) {
        return Err(FetchError::Dump {
            path: other.path.clone(),
            why: format!("{} is of the same time", one.path.display()),
            remedy: "Remove one of the two.",
        });
    }
    Ok(dumps)
}

/// Shows all files in a folder and those below it.
fn look(folder: &Path, depth: usize, each: &mut impl FnMut(PathBuf, &str)) -> Result<(), FetchError> {
    let failed = |source| FetchError::Io { path: folder.to_owned(), source };
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name();
        let Some(name) = name.to_str() else { continue };
        let path = entry.path();
        if path.is_dir() {
            if depth > 0 && !OTHERS.contains(&name) {
                look(&path, depth - 1, each)?;
            }
        } else {
            each(path, name);
        }
    }
    Ok(())
}
