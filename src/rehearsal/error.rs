//! What is wrong with the wishes for a local exchange.

use crate::job::JobError;
use crate::model::iso;
use std::path::PathBuf;

/// Why no exchange can be made of what was asked for. The flags named are those of `mista exchange`.
#[derive(Debug, thiserror::Error)]
pub enum RehearsalError {
    /// The candles cannot be read.
    #[error(transparent)]
    Candles(#[from] JobError),
    #[error(
        "{}: the name does not begin with a symbol. Write --data BTCUSDT={}", .path.display(), .path.display()
    )]
    NoSymbol { path: PathBuf },
    #[error(
        "{} and {} are both of {symbol}. Name one file for each symbol.", .first.display(), .second.display()
    )]
    Twice { symbol: String, first: PathBuf, second: PathBuf },
    /// `covers`: what each of them does.
    #[error("the files have no time in common: {covers}. Choose files that do.")]
    Apart { covers: String },
    #[error("--start: the candles cover {} to {}", iso(*.first), iso(*.last))]
    StartsOutside { first: i64, last: i64 },
    #[error("--end: the market begins at {}, and {} is not after that", iso(*.start), iso(*.end))]
    EndsBeforeStart { start: i64, end: i64 },
    #[error(
        "{symbol}: its quote asset is not known. Say it in a file for --rules:\n{symbol}: {{ base: …, quote: … }}"
    )]
    UnknownQuote { symbol: String },
    /// Symbols of the file of rules.
    #[error("--rules names {0}, which is not traded here")]
    NotTraded(String),
    /// A file of accounts or rules.
    #[error("{}: {what}", .path.display())]
    File { path: PathBuf, what: String },
}
