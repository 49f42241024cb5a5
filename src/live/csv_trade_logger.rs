//! `results/live_trades/{SYMBOL}_{strategy}.csv`: a row per closed trade, on the disk before the call returns.

use crate::model::money::MoneyError;
use crate::model::{Trade, iso};
use crate::report::Booked;
use crate::report::csv::{TRADE_COLUMNS, trade_row};
use std::collections::HashSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// What is known of a live trade beyond a backtest's columns. `exit_at` stands last: it ends in `Z`, so that a row
/// whose end is missing shows.
const LIVE_COLUMNS: [&str; 7] =
    ["bot", "number", "venue", "entry_order_ids", "exit_order_ids", "generation", "exit_at"];

const COLUMNS: usize = TRADE_COLUMNS.len() + LIVE_COLUMNS.len();

/// Where the columns are by which a row is known.
const ENTRY_TIME: usize = 0;
const EXIT_TIME: usize = 1;
const BOT: usize = TRADE_COLUMNS.len();
const NUMBER: usize = BOT + 1;

/// A closed trade with what the trader knows of it.
#[derive(Debug, Clone, PartialEq)]
pub struct LoggedTrade {
    /// Of the bot's trades, from 1.
    pub number: u64,
    pub trade: Trade,
    pub bot: String,
    /// `paper`, `local`, `testnet`, `live`.
    pub venue: String,
    /// As the exchange knows them; none where the venue has none.
    pub entry_orders: Vec<String>,
    pub exit_orders: Vec<String>,
    /// Of the script.
    pub generation: u64,
    /// Time of the last execution, ms.
    pub exit_at: i64,
}

#[derive(Debug, thiserror::Error)]
pub enum CsvLogError {
    #[error("{path}: {source}: no trade is written there until that is corrected", path = path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error(
        "{path}: its columns are not those of this version: move the file away, and a new one begins \
         (line 1 has \"{found}\")", path = path.display()
    )]
    Header { path: PathBuf, found: String },
    #[error("{path}:{line}: {why}: correct the line, or move the file away, and a new one begins", path = path.display())]
    Row { path: PathBuf, line: u64, why: String },
    #[error("`{0}` cannot be a part of a file name: symbol and strategy are words without / and \\")]
    Name(String),
    #[error("trade {number} cannot be written: {source}")]
    Money { number: u64, source: MoneyError },
}

/// By which a row is known: bot, entry time, exit time, number.
type Key = (String, String, String, String);

/// Appends rows. Several traders may append to one file, each with a logger of its own.
#[derive(Debug)]
pub struct CsvTradeLogger {
    path: PathBuf,
    /// Of the file up to `end`.
    keys: HashSet<Key>,
    /// Length of the file when it was read last, bytes.
    end: u64,
}

impl CsvTradeLogger {
    /// Opens or creates the file in `folder`, and writes the header where there is none. The last row, if a crash
    /// left only half of it, is cut off; whoever still knows the trade logs it again.
    pub fn open(folder: &Path, symbol: &str, strategy: &str) -> Result<CsvTradeLogger, CsvLogError> {
        let is_strange = |c: char| matches!(c, '/' | '\\' | '\0') || c.is_control();
        if let Some(name) = [symbol, strategy].into_iter().find(|it| it.is_empty() || it.contains(is_strange))
        {
            return Err(CsvLogError::Name(name.to_owned()));
        }
        let path = folder.join(format!("{symbol}_{strategy}.csv"));
        let mut logger = CsvTradeLogger { path, keys: HashSet::new(), end: 0 };
        logger.locked(|_, _| Ok(()))?;
        Ok(logger)
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes a trade; false: it is there already. After an error it is not there, and can be tried again.
    pub fn log(&mut self, logged: &LoggedTrade) -> Result<bool, CsvLogError> {
        let row = row(logged)?;
        let key = |index: usize| row.get(index).cloned().unwrap_or_default();
        let key: Key = (key(BOT), key(ENTRY_TIME), key(EXIT_TIME), key(NUMBER));
        self.locked(|logger, file| {
            if logger.keys.contains(&key) {
                return Ok(false);
            }
            logger.append(file, &line(&row))?;
            logger.keys.insert(key);
            Ok(true)
        })
    }

    /// Opens the file, which may have been moved away since, and sees to it that nobody else writes meanwhile.
    /// Where files cannot be locked, two traders on one file are not kept apart.
    fn locked<T>(
        &mut self,
        work: impl FnOnce(&mut CsvTradeLogger, &mut File) -> Result<T, CsvLogError>,
    ) -> Result<T, CsvLogError> {
        let folder = self.path.parent().unwrap_or(Path::new("."));
        let open = || {
            fs::create_dir_all(folder)?;
            OpenOptions::new().read(true).append(true).create(true).open(&self.path)
        };
        let mut file = open().map_err(|source| self.io(source))?;
        // Closing it lets it go.
        let _ = file.lock();
        if let Err(error) = self.catch_up(&mut file) {
            // To be looked at again before anything is added.
            self.end = 0;
            return Err(error);
        }
        work(self, &mut file)
    }

    /// Appends in one piece and waits for the disk; a piece of it that was written is taken back.
    fn append(&mut self, file: &mut File, bytes: &[u8]) -> Result<(), CsvLogError> {
        let written = file.write_all(bytes).and_then(|()| file.sync_all());
        if written.is_err() {
            // Already failing: the first error is the one to report, and the next look cuts off what is left.
            let _ = file.set_len(self.end);
        }
        written.map_err(|source| self.io(source))?;
        self.end += bytes.len() as u64;
        Ok(())
    }

    fn io(&self, source: io::Error) -> CsvLogError {
        CsvLogError::Io { path: self.path.clone(), source }
    }

    /// Reads what is new in the file: all of it at first, later what other traders wrote.
    fn catch_up(&mut self, file: &mut File) -> Result<(), CsvLogError> {
        let length = file.metadata().map_err(|source| self.io(source))?.len();
        if length == self.end && length > 0 {
            return Ok(());
        }
        let mut bytes = Vec::new();
        let read = file.seek(SeekFrom::Start(0)).and_then(|_| file.read_to_end(&mut bytes));
        read.map_err(|source| self.io(source))?;
        let whole = whole_rows(&bytes);
        let (rows, rest) = bytes.split_at(whole);
        self.end = bytes.len() as u64;
        if rows.is_empty() {
            // Nothing, or the beginning of our header.
            let header = line(&header());
            if !header.starts_with(rest) {
                return Err(self.header_error(rest));
            }
            self.cut(file, whole)?;
            self.keys.clear();
            self.append(file, &header)?;
            self.sync_name();
            return Ok(());
        }
        self.keys = self.read(rows)?;
        if rest.is_empty() {
            return Ok(());
        }
        match is_whole_row(rest) {
            // All of it but the end of the line: some editors leave it out.
            true => {
                self.keys = self.read(&bytes)?;
                self.append(file, b"\n")
            }
            false => {
                let (path, lost) = (self.path.display(), String::from_utf8_lossy(rest));
                tracing::warn!(%path, %lost, "the last row was not whole and is cut off");
                self.cut(file, whole)
            }
        }
    }

    /// The file's name is on the disk too before a row is said to be.
    fn sync_name(&self) {
        let folder = self.path.parent().unwrap_or(Path::new("."));
        // Some systems cannot open a folder.
        if let Err(error) = File::open(folder).and_then(|folder| folder.sync_all()) {
            tracing::debug!(%error, "a folder could not be synced");
        }
    }

    fn cut(&mut self, file: &mut File, length: usize) -> Result<(), CsvLogError> {
        if self.end != length as u64 {
            let cut = file.set_len(length as u64).and_then(|()| file.sync_all());
            cut.map_err(|source| self.io(source))?;
            self.end = length as u64;
        }
        Ok(())
    }

    /// The keys of whole rows, header included.
    fn read(&self, rows: &[u8]) -> Result<HashSet<Key>, CsvLogError> {
        let mut reader = ::csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(rows);
        let mut keys = HashSet::new();
        for (index, record) in reader.records().enumerate() {
            let fault = |line: u64, why: String| CsvLogError::Row { path: self.path.clone(), line, why };
            let record = record.map_err(|error| {
                let line = error.position().map_or(0, ::csv::Position::line);
                fault(line, "it is not a text in UTF-8".to_owned())
            })?;
            if index == 0 {
                if !record.iter().eq(header()) {
                    return Err(self.header_error(rows));
                }
                continue;
            }
            if record.len() != COLUMNS {
                let line = record.position().map_or(0, ::csv::Position::line);
                return Err(fault(line, format!("{} columns instead of {COLUMNS}", record.len())));
            }
            let field = |index: usize| record.get(index).unwrap_or_default().to_owned();
            keys.insert((field(BOT), field(ENTRY_TIME), field(EXIT_TIME), field(NUMBER)));
        }
        Ok(keys)
    }

    fn header_error(&self, bytes: &[u8]) -> CsvLogError {
        let text = String::from_utf8_lossy(bytes);
        let shown = |c: char| if c.is_control() { '\u{fffd}' } else { c };
        let found = text.lines().next().unwrap_or_default().chars().take(120).map(shown).collect();
        CsvLogError::Header { path: self.path.clone(), found }
    }
}

fn header() -> Vec<&'static str> {
    TRADE_COLUMNS.into_iter().chain(LIVE_COLUMNS).collect()
}

fn row(logged: &LoggedTrade) -> Result<Vec<String>, CsvLogError> {
    let booked = Booked::as_traded(&logged.trade)
        .map_err(|source| CsvLogError::Money { number: logged.number, source })?;
    let live: [String; LIVE_COLUMNS.len()] = [
        logged.bot.clone(),
        logged.number.to_string(),
        logged.venue.clone(),
        logged.entry_orders.join(" "),
        logged.exit_orders.join(" "),
        logged.generation.to_string(),
        iso(logged.exit_at),
    ];
    Ok(trade_row(&logged.trade, &booked).into_iter().chain(live).collect())
}

/// As one line of CSV, with its end.
fn line<T: AsRef<[u8]>>(fields: &[T]) -> Vec<u8> {
    let mut csv = ::csv::Writer::from_writer(Vec::new());
    // A vector takes any bytes, and the first record may have any length.
    let _ = csv.write_record(fields);
    csv.into_inner().unwrap_or_default()
}

/// Where the last whole row ends: after a line's end outside of quotes.
fn whole_rows(bytes: &[u8]) -> usize {
    let (mut is_quoted, mut end) = (false, 0);
    for (index, byte) in bytes.iter().enumerate() {
        match byte {
            b'"' => is_quoted = !is_quoted,
            b'\n' if !is_quoted => end = index + 1,
            _ => {}
        }
    }
    end
}

/// Whether nothing but the end of the line is missing.
fn is_whole_row(bytes: &[u8]) -> bool {
    let mut reader = ::csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(bytes);
    let record = reader.records().next().and_then(Result::ok);
    record.is_some_and(|record| {
        let last = record.get(COLUMNS - 1).unwrap_or_default();
        record.len() == COLUMNS && last.len() >= "2021-03-04T05:06:07Z".len() && last.ends_with('Z')
    })
}
