//! Candles from the exchange: asked for page by page, several pages at a time, and looked at as they come.

use super::error::FetchError;
use super::row::Row;
use super::sink::Sink;
use super::store::Segment;
use super::{Counts, Watch};
use crate::model::iso;
use crate::script::suggest::nearest;
use crate::venues::binance::outcome::Refusal;
use crate::venues::binance::rest::{RestClient, RestSettings};
use futures_util::{StreamExt, stream};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::ops::Range;
use std::time::Duration;

/// Candles in a page, as many as the exchange gives.
const PAGE: u32 = 1000;

/// Pages on their way at a time.
const AHEAD: usize = 4;

/// How often what is missing, or cannot be, is asked for again before it is believed.
const AGAIN: usize = 2;

/// How long ago a candle must have closed to be taken, in ms: the exchange reads candles from a database that may
/// lag, and its time is known here only so well.
const SETTLED_MS: i64 = 1000;

/// For the first answer, which shows whether there is anybody.
const CONTACT: Duration = Duration::from_secs(10);

/// Unknown symbol.
const INVALID_SYMBOL: i64 = -1121;
/// A character that no symbol has.
const ILLEGAL: i64 = -1100;

/// A connection to an exchange that was there a moment ago.
pub struct Exchange {
    client: RestClient,
    /// The market's time when it was asked, where it is not that of the clock.
    market_ms: Option<i64>,
    counts: RefCell<Counts>,
}

/// What of one symbol is asked for.
struct Question<'a> {
    symbol: &'a str,
    interval: &'a str,
    interval_ms: i64,
}

/// Candles, and when they were asked for in the exchange's time.
struct Page {
    rows: Vec<Row>,
    asked_ms: i64,
}

/// Whether a candle was closed, and for good, when it was asked for.
fn is_settled(row: &Row, asked_ms: i64) -> bool {
    row.0.close_time < asked_ms - SETTLED_MS
}

impl Exchange {
    /// To the exchange at `url`. A question that is not answered for `patience` ends it all. A local exchange
    /// replays the past: which of its candles are closed, its market says and not the clock.
    pub async fn connect(url: &str, patience: Duration, is_local: bool) -> Result<Exchange, FetchError> {
        let settings = |read_deadline| RestSettings { read_deadline, ..RestSettings::default() };
        let first = RestClient::new(url, None, settings(CONTACT.min(patience)))?;
        let gone = |source| FetchError::NoContact { url: url.to_owned(), source };
        first.sync_clock().await.map_err(gone)?;
        let client = RestClient::new(url, None, settings(patience))?;
        client.sync_clock().await.map_err(gone)?;
        // One that is not ours has no such answer, and the clock's time.
        let market_ms = if is_local { client.market_time().await.ok() } else { None };
        let counts = Counts { requests: 2, ..Counts::default() };
        Ok(Exchange { client, market_ms, counts: RefCell::new(counts) })
    }

    /// The time by which candles are judged to be closed.
    fn now_ms(&self) -> i64 {
        self.market_ms.map_or_else(|| self.client.clock().now_ms(), |market_ms| market_ms + SETTLED_MS)
    }

    /// What was used so far.
    pub fn counts(&self) -> Counts {
        *self.counts.borrow()
    }

    fn count(&self) {
        let counts = &mut *self.counts.borrow_mut();
        counts.requests += 1;
        if let Some((used, limit)) = self.client.limits().weight() {
            counts.weight_highest = counts.weight_highest.max(used);
            counts.weight_limit = limit;
        }
    }

    /// Learns the exchange's limits, and that it has all of these symbols.
    pub async fn check(&self, symbols: &[&str]) -> Result<(), FetchError> {
        let info = self.client.exchange_info(symbols).await;
        self.count();
        let failed = |source| FetchError::Ask { what: "symbols".to_owned(), source };
        let (source, code) = match info {
            Ok(_) => return Ok(()),
            Err(source) => {
                let code = source.refusal().and_then(|refusal: &Refusal| refusal.code);
                (source, code)
            }
        };
        if !matches!(code, Some(INVALID_SYMBOL | ILLEGAL)) {
            return Err(failed(source));
        }
        let all = self.client.exchange_info(&[]).await.map_err(failed)?;
        self.count();
        let names: Vec<&str> = all.symbols.iter().map(|it| it.rules.symbol.as_str()).collect();
        match symbols.iter().find(|symbol| !names.contains(symbol)) {
            Some(symbol) => {
                let similar = nearest(symbol, names.iter().copied()).map(str::to_owned);
                Err(FetchError::UnknownSymbol { symbol: (*symbol).to_owned(), similar })
            }
            None => Err(failed(source)),
        }
    }

    /// Fetches a segment into its part. Returns what is worth saying.
    pub async fn fetch(
        &self,
        task: &super::Task,
        segment: &mut Segment,
        watch: &mut dyn Watch,
    ) -> Result<Vec<String>, FetchError> {
        let interval = task.interval.to_string();
        let question =
            Question { symbol: &task.symbol, interval: &interval, interval_ms: task.interval.ms() };
        let (from, after) = (segment.from, segment.after.as_ref().map(Row::open_time));
        let now = self.now_ms();
        let until = segment.until.unwrap_or(i64::MAX).min(now + 1);
        // Of what is there, the last may be beyond what is wanted now.
        if after.is_some_and(|after| after.saturating_add(question.interval_ms) >= until) {
            return Ok(Vec::new());
        }
        let mut sink = Sink::new(segment, &task.path, "exchange", true);
        let mut notes = Vec::new();
        if self.market_ms.is_some() {
            notes.push(format!(
                "{}: the local exchange may have dated these candles anew, or made them up: keep them apart from real ones",
                task.name()
            ));
        }
        let mut cursor = match after {
            Some(after) => after,
            None => match self.next(&question, from.unwrap_or(0)..until).await? {
                None => return Ok(notes),
                Some(first) => {
                    if let Some(from) = from.filter(|from| first - from >= question.interval_ms) {
                        notes.push(format!(
                            "{}: the exchange has candles from {} on, none from {}",
                            task.name(),
                            iso(first),
                            iso(from)
                        ));
                    }
                    first
                }
            },
        };
        let start = cursor;
        loop {
            let step = question.interval_ms * i64::from(PAGE);
            let mut at = cursor;
            let ranges = std::iter::from_fn(|| {
                let range = at..until.min(at.saturating_add(step));
                at = range.end;
                (!range.is_empty()).then_some(range)
            });
            let mut pages =
                stream::iter(ranges.map(|range| self.page(&question, range, PAGE))).buffered(AHEAD);
            // The last candle that was seen, taken or not.
            let (mut seen, mut is_open) = (cursor - 1, false);
            while let Some(page) = pages.next().await {
                let page = page?;
                let Some(last) = page.rows.last() else { break };
                seen = last.open_time();
                is_open = !self.take(&question, page, &mut sink).await?;
                sink.flush()?;
                watch.page(&task.name(), start..until, sink.last().unwrap_or(start), self.counts());
                if is_open {
                    break;
                }
            }
            drop(pages);
            if is_open || seen.saturating_add(question.interval_ms) >= until {
                break;
            }
            match self.next(&question, seen + 1..until).await? {
                Some(next) => cursor = next,
                None => break,
            }
        }
        sink.end()?;
        Ok(notes)
    }

    /// Hands the closed candles of a page on. Where some are missing they are asked for again first, and what turns
    /// up is handed on too. False: the rest is not closed yet.
    async fn take(
        &self,
        question: &Question<'_>,
        page: Page,
        sink: &mut Sink<'_>,
    ) -> Result<bool, FetchError> {
        let asked_ms = page.asked_ms;
        let mut rows: VecDeque<Row> = page.rows.into();
        // The candle behind which nothing is to be had.
        let mut believed = None;
        while let Some(row) = rows.front() {
            if !is_settled(row, asked_ms) {
                return Ok(false);
            }
            let time = row.open_time();
            if let Some(last) = sink.last()
                && time > last + question.interval_ms
                && believed != Some(last)
            {
                let found = self.look(question, last + 1..time).await?;
                if found.is_empty() {
                    believed = Some(last);
                }
                found.into_iter().rev().for_each(|row| rows.push_front(row));
                continue;
            }
            if let Some(row) = rows.pop_front() {
                sink.push(row)?;
                self.counts.borrow_mut().candles += 1;
            }
        }
        Ok(true)
    }

    /// Asks again for candles that are missing.
    async fn look(&self, question: &Question<'_>, hole: Range<i64>) -> Result<Vec<Row>, FetchError> {
        for _ in 0..AGAIN {
            let page = self.page(question, hole.clone(), PAGE).await?;
            if !page.rows.is_empty() {
                return Ok(page.rows);
            }
        }
        Ok(Vec::new())
    }

    /// When the first candle of a range opens; `None` where there is none, as often as it is asked.
    async fn next(&self, question: &Question<'_>, range: Range<i64>) -> Result<Option<i64>, FetchError> {
        if range.is_empty() {
            return Ok(None);
        }
        for _ in 0..=AGAIN {
            let page = self.page(question, range.clone(), 1).await?;
            if let Some(first) = page.rows.first() {
                return Ok(Some(first.open_time()));
            }
        }
        Ok(None)
    }

    /// The first candles that open in a range, at most `limit`, judged one by one.
    async fn page(&self, question: &Question<'_>, range: Range<i64>, limit: u32) -> Result<Page, FetchError> {
        let what = || format!("{} {} from {}", question.symbol, question.interval, iso(range.start));
        let mut again = 0;
        loop {
            let asked_ms = self.now_ms();
            let (start, end) = (Some(range.start), Some(range.end - 1));
            let answer = self.client.klines(question.symbol, question.interval, start, end, limit).await;
            self.count();
            let rows: Vec<Row> = match answer {
                Ok(klines) => klines.into_iter().map(Row).collect(),
                Err(source) => return Err(FetchError::Ask { what: what(), source }),
            };
            let Some((fault, row)) = fault(&rows, &range, question.interval_ms) else {
                return Ok(Page { rows, asked_ms });
            };
            if again == AGAIN {
                return Err(FetchError::BadAnswer { what: what(), fault, row: row.to_string() });
            }
            again += 1;
        }
    }
}

/// The first row that cannot be, and why.
fn fault<'a>(rows: &'a [Row], range: &Range<i64>, interval_ms: i64) -> Option<(String, &'a Row)> {
    let mut before = None;
    rows.iter().find_map(|row| {
        let time = row.open_time();
        let fault = if !range.contains(&time) {
            Some("one that was not asked for".to_owned())
        } else if before.is_some_and(|before| before >= time) {
            Some("one that does not open after the one before".to_owned())
        } else {
            row.fault(interval_ms)
        };
        before = Some(time);
        fault.map(|fault| (fault, row))
    })
}
