//! What can keep candles from being fetched, with what to do about it.

use super::super::DataError;
use crate::model::iso;
use crate::venues::binance::outcome::ReadError;
use crate::venues::binance::rest::SetupError;
use std::io;
use std::path::PathBuf;

/// What kind of trouble it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// What was asked for cannot be.
    Usage,
    /// What is on disk or what was answered cannot be used. Other files may be fetched all the same.
    Data,
    /// A file cannot be read or written.
    File,
    /// The exchange is out of reach, for all files.
    Network,
    /// Somebody wants it to stop.
    Stopped,
}

#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    #[error(transparent)]
    Setup(#[from] SetupError),
    #[error("{url} cannot be reached: {source}. Check the network, and --venue or --rest.")]
    NoContact { url: String, source: ReadError },
    #[error("the exchange has no symbol {symbol}{}", match .similar {
        Some(similar) => format!(": did you mean {similar}?"),
        None => ". Write it as the exchange does, such as BTCUSDT.".to_owned(),
    })]
    UnknownSymbol { symbol: String, similar: Option<String> },
    #[error(
        "{what}: {source}. What has been fetched is kept: run the same command again to go on from there."
    )]
    Ask { what: String, source: ReadError },
    #[error(
        "{what}: the exchange answers with a candle that cannot be, {fault}:\n  {row}\nAsking again did not help. \
             What has been fetched is kept."
    )]
    BadAnswer { what: String, fault: String, row: String },
    #[error("{}: the candle of {} is not the one that {whose} has:\n  on disk   {disk}\n  {whose:<9} {theirs}\n\
             Nothing was changed. --refetch replaces the file by what {whose} has.", .path.display(), iso(*.time))]
    Seam { path: PathBuf, time: i64, disk: String, whose: &'static str, theirs: String },
    #[error("{}: {why}. Move it away, or write elsewhere with --out.", .path.display())]
    NotOurs { path: PathBuf, why: String },
    #[error("{}: another mista fetch is at it. Wait for it, or end it.", .path.display())]
    Locked { path: PathBuf },
    #[error("{}: {}", .path.display(), told(.source))]
    Io { path: PathBuf, source: io::Error },
    #[error("{}: --refetch would lose candles: the file has them from {} to {}. {remedy}", .path.display(),
            iso(*.first), iso(*.last))]
    WouldLose { path: PathBuf, first: i64, last: i64, remedy: &'static str },
    #[error("there is no candle of {what} in this time. Check --start and --end.")]
    NoCandles { what: String },
    #[error("there are no dumps of {what} in {}: files such as {example}, as they are called at data.binance.vision, \
             there or in folders below. Check --dumps, --symbol and --interval.", .folder.display())]
    NoDumps { what: String, folder: PathBuf, example: String },
    #[error("{}: {why}. {remedy}", .path.display())]
    Dump { path: PathBuf, why: String, remedy: &'static str },
    #[error("{}:{line}: {why}. Download the file again.", .path.display())]
    DumpRow { path: PathBuf, line: u64, why: String },
    #[error("the candle of {} is not the same in two dumps:\n  {one}\n    {}\n  {other}\n    {}\nDownload both again.",
            iso(*.time), .rows.0, .rows.1)]
    Overlap { time: i64, one: String, other: String, rows: Box<(String, String)> },
    #[error(transparent)]
    Data(#[from] DataError),
    #[error("stopped. What has been fetched is kept: run the same command again to go on from there.")]
    Stopped,
}

fn told(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "the disk is full. What has been fetched is kept: make room, and run the same command again."
                .to_owned()
        }
        io::ErrorKind::PermissionDenied => {
            format!("{error}. Check who may write there, or write elsewhere with --out.")
        }
        _ => error.to_string(),
    }
}

impl FetchError {
    pub fn trouble(&self) -> Trouble {
        match self {
            FetchError::Setup(SetupError::Endpoint(_))
            | FetchError::UnknownSymbol { .. }
            | FetchError::WouldLose { .. } => Trouble::Usage,
            FetchError::Setup(_) | FetchError::NoContact { .. } | FetchError::Ask { .. } => Trouble::Network,
            FetchError::Io { .. } | FetchError::Locked { .. } => Trouble::File,
            FetchError::Stopped => Trouble::Stopped,
            FetchError::BadAnswer { .. }
            | FetchError::Seam { .. }
            | FetchError::NotOurs { .. }
            | FetchError::NoCandles { .. }
            | FetchError::NoDumps { .. }
            | FetchError::Dump { .. }
            | FetchError::DumpRow { .. }
            | FetchError::Overlap { .. }
            | FetchError::Data(_) => Trouble::Data,
        }
    }
}
