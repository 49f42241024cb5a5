//! What is told of a market is of one piece: klines of every interval, trades and steps agree to the last digit, and
//! none of them knows what comes.

use super::*;
use crate::model::{DAY_MS, HOUR_MS, Interval};
use proptest::prelude::*;

/// 2021-01-01, a Friday.
const START: i64 = 1_609_459_200_000;
const MINUTE_MS: i64 = 60_000;

fn decimal(units: i64, decimals: u32) -> Decimal {
    Decimal::new(units, decimals)
}

/// Candles at full minutes, hours and so on from [`START`] on: some are missing, some close early, some have no
/// trade, and of some the file tells little.
fn rows(interval_ms: i64, most: usize) -> impl Strategy<Value = Vec<SeriesRow>> {
    let row = (
        (prop::bool::weighted(0.15), 1..4_i64, prop::bool::weighted(0.1)),
        prop::array::uniform4(1..2000_i64),
        (0..3_u32, 0..5_000_000_i64, 0..900_000_000_i64, 0..7_u32),
        prop_oneof![Just(None), Just(Some(0)), (1..6_u64).prop_map(Some), (1..4000_u64).prop_map(Some)],
        any::<bool>(),
    );
    prop::collection::vec(row, 1..most).prop_map(move |rows| {
        let mut open_time = START;
        let mut made = Vec::new();
        for ((gap, missing, early), prices, (decimals, volume, quote, digits), trades, told) in rows {
            open_time += if gap { missing * interval_ms } else { 0 };
            let length = if early { interval_ms / 3 + 1 } else { interval_ms };
            let [a, b, c, d] = prices.map(|units| decimal(units, decimals));
            made.push(SeriesRow {
                open_time,
                close_time: open_time + length - 1,
                open: a,
                high: a.max(b).max(c).max(d),
                low: a.min(b).min(c).min(d),
                close: d,
                volume: decimal(volume, digits),
                quote_volume: told.then(|| decimal(quote, 8)),
                trades,
                taker_buy_base: told.then(|| decimal(volume / 3, digits)),
                taker_buy_quote: told.then(|| decimal(quote / 3, 8)),
            });
            open_time += interval_ms;
        }
        made
    })
}

fn series(symbol: &str, interval_ms: i64, rows: &[SeriesRow]) -> Series {
    let mut series = Series::new(symbol, Interval::from_ms(interval_ms).unwrap());
    rows.iter().for_each(|row| series.push(row).unwrap());
    series
}

fn market(interval_ms: i64, rows: &[SeriesRow]) -> Market {
    Market::new(vec![series("AB", interval_ms, rows)], 0).unwrap()
}

/// All steps to the end.
fn run(market: &mut Market) -> Vec<Step> {
    std::iter::from_fn(|| market.next(i64::MAX)).collect()
}

fn interval() -> impl Strategy<Value = KlineInterval> {
    prop::sample::select(KlineInterval::ALL.to_vec())
}

fn offset() -> impl Strategy<Value = i64> {
    prop_oneof![Just(0), (-24..=28_i64).prop_map(|half_hours| half_hours * HOUR_MS / 2)]
}

/// A file's interval with few enough candles that its seconds can be counted.
fn file() -> impl Strategy<Value = (i64, Vec<SeriesRow>)> {
    let sizes = vec![(1000, 40), (MINUTE_MS, 30), (5 * MINUTE_MS, 12), (HOUR_MS, 5), (DAY_MS, 3)];
    prop::sample::select(sizes).prop_flat_map(|(ms, most)| rows(ms, most).prop_map(move |rows| (ms, rows)))
}

/// Every kline, in one page.
fn all(market: &Market, interval: KlineInterval, offset_ms: i64) -> Vec<Kline> {
    market.klines(0, interval, Some(0), None, usize::MAX, offset_ms)
}

/// A kline of all that `klines` tell.
fn joined(klines: &[Kline]) -> Kline {
    let mut klines = klines.iter();
    let mut whole = klines.next().unwrap().clone();
    for kline in klines {
        whole.close_time = kline.close_time;
        whole.high = whole.high.max(kline.high);
        whole.low = whole.low.min(kline.low);
        whole.close = kline.close;
        whole.volume += kline.volume;
        whole.quote_volume += kline.quote_volume;
        whole.trades += kline.trades;
        whole.taker_buy_base += kline.taker_buy_base;
        whole.taker_buy_quote += kline.taker_buy_quote;
        if kline.trades > 0 {
            whole.last_trade_id = kline.last_trade_id;
            if whole.first_trade_id < 0 {
                whole.first_trade_id = kline.first_trade_id;
            }
        }
        whole.is_closed = kline.is_closed;
    }
    whole
}

/// The times of a whole made of smaller klines may lie within those of the whole.
fn figures(kline: &Kline) -> Kline {
    Kline { open_time: 0, close_time: 0, is_closed: true, ..kline.clone() }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn klines_of_the_files_interval_are_its_candles((ms, rows) in file()) {
        let mut market = market(ms, &rows);
        run(&mut market);
        let own = KlineInterval::ALL.into_iter().find(|interval| interval.ms() == Some(ms)).unwrap();
        let klines = all(&market, own, 0);
        prop_assert_eq!(klines.len(), rows.len());
        for (kline, row) in klines.iter().zip(&rows) {
            prop_assert_eq!((kline.open_time, kline.close_time), (row.open_time, row.close_time));
            prop_assert_eq!(
                [kline.open, kline.high, kline.low, kline.close, kline.volume],
                [row.open, row.high, row.low, row.close, row.volume]
            );
            prop_assert!(row.quote_volume.is_none_or(|quote| quote == kline.quote_volume));
            prop_assert!(row.trades.is_none_or(|trades| trades == kline.trades));
            prop_assert!(row.taker_buy_base.is_none_or(|base| base == kline.taker_buy_base));
            prop_assert!(row.taker_buy_quote.is_none_or(|quote| quote == kline.taker_buy_quote));
            prop_assert!(kline.is_closed);
        }
    }

    #[test]
    fn parts_add_up_to_the_candles_whatever_the_cut(
        (ms, rows) in file(), interval in interval(), offset_ms in offset(),
    ) {
        let mut market = market(ms, &rows);
        run(&mut market);
        let own = KlineInterval::ALL.into_iter().find(|own| own.ms() == Some(ms)).unwrap();
        let (candles, klines) = (all(&market, own, 0), all(&market, interval, offset_ms));
        prop_assert_eq!(figures(&joined(&klines)), figures(&joined(&candles)));
        for candle in &candles {
            let within = |kline: &&Kline| kline.open_time >= candle.open_time && kline.open_time <= candle.close_time;
            let parts: Vec<Kline> = klines.iter().filter(within).cloned().collect();
            let aligned = offset_ms == 0 && interval.ms().is_some_and(|part| part <= ms && ms % part == 0);
            if aligned {
                prop_assert_eq!(figures(&joined(&parts)), figures(candle));
            }
        }
        for kline in &klines {
            prop_assert!(kline.low <= kline.open.min(kline.close) && kline.high >= kline.open.max(kline.close));
            prop_assert!(kline.volume >= kline.taker_buy_base && kline.taker_buy_base >= Decimal::ZERO);
        }
        prop_assert!(klines.windows(2).all(|pair| pair[0].close_time < pair[1].open_time));
    }

    #[test]
    fn paging_gives_every_kline_once_in_either_direction(
        (ms, rows) in file(), interval in interval(), offset_ms in offset(), limit in 1..50_usize,
    ) {
        let mut market = market(ms, &rows);
        run(&mut market);
        let klines = all(&market, interval, offset_ms);
        // As many pages as are worth turning.
        let limit = limit.max(klines.len() / 200);
        let mut paged: Vec<Kline> = Vec::new();
        loop {
            let start = paged.last().map_or(0, |last| last.open_time + 1);
            let page = market.klines(0, interval, Some(start), None, limit, offset_ms);
            let short = page.len() < limit;
            paged.extend(page);
            if short {
                break;
            }
        }
        prop_assert_eq!(&paged, &klines);
        let mut back: Vec<Kline> = Vec::new();
        loop {
            let end = back.first().map(|first| first.open_time - 1);
            let mut page = market.klines(0, interval, None, end, limit, offset_ms);
            let short = page.len() < limit;
            page.append(&mut back);
            back = page;
            if short {
                break;
            }
        }
        prop_assert_eq!(&back, &klines);
        let (first, last) = (&klines[klines.len() / 3], &klines[klines.len() / 2]);
        let between = market.klines(0, interval, Some(first.open_time), Some(last.open_time), usize::MAX, offset_ms);
        prop_assert_eq!(between, &klines[klines.len() / 3..=klines.len() / 2]);
    }

    #[test]
    fn the_cursor_misses_no_closed_kline(
        (ms, rows) in file(), interval in interval(), offset_ms in offset(), paces in prop::collection::vec(1..3_000_i64, 1..20),
    ) {
        let mut market = market(ms, &rows);
        let (mut told, mut from, mut until) = (Vec::new(), 0, market.now());
        for pace in paces.iter().cycle() {
            if market.now() >= market.end() {
                break;
            }
            until = until.max(market.now()) + ms * pace / 1000;
            while let Some(step) = market.next(until) {
                let closed = market.closed_since(0, interval, offset_ms, from);
                prop_assert!(closed.iter().all(|kline| kline.close_time < step.time && kline.is_closed));
                from = closed.last().map_or(from, |last: &Kline| last.close_time + 1);
                told.extend(closed);
                if let Some(open) = market.open_kline(0, interval, offset_ms) {
                    prop_assert!(!open.is_closed && open.open_time >= from && open.close == step.price);
                }
            }
        }
        let klines: Vec<Kline> = all(&market, interval, offset_ms).into_iter().filter(|kline| kline.is_closed).collect();
        prop_assert_eq!(told, klines);
    }

    #[test]
    fn steps_do_not_depend_on_how_finely_time_goes_on(
        a in rows(MINUTE_MS, 12), b in rows(5 * MINUTE_MS, 5), paces in prop::collection::vec(1..200_000_i64, 1..20),
    ) {
        let build = || Market::new(vec![series("A", MINUTE_MS, &a), series("B", 5 * MINUTE_MS, &b)], 0);
        prop_assume!(build().is_ok());
        let whole = run(&mut build().unwrap());
        let (mut market, mut steps) = (build().unwrap(), Vec::new());
        let mut paces = paces.iter().cycle();
        let mut last = [None; 2];
        while market.now() < market.end() {
            let until = market.now() + paces.next().unwrap();
            while let Some(step) = market.next(until) {
                prop_assert_eq!((step.time, step.price), (market.now(), market.last_price(step.symbol)));
                prop_assert!(last[step.symbol].is_none_or(|before: Step| before.time <= step.time));
                last[step.symbol] = Some(step);
                steps.push(step);
            }
            prop_assert!(market.now() >= until || market.now() == market.end());
        }
        prop_assert!(steps.is_sorted_by_key(|step| step.time));
        // Between two corners the price does not turn, nor leave what lies between them.
        for symbol in 0..2 {
            let own: Vec<&Step> = steps.iter().filter(|step| step.symbol == symbol).collect();
            let corners = own.iter().enumerate().filter(|(_, step)| step.kind != StepKind::Between);
            let places: Vec<usize> = corners.map(|(place, _)| place).collect();
            for pair in places.windows(2) {
                let leg: Vec<Decimal> = own[pair[0]..=pair[1]].iter().map(|step| step.price).collect();
                prop_assert!(leg.is_sorted() || leg.is_sorted_by(|a, b| a >= b) , "{:?}", leg);
            }
        }
        steps.retain(|step| step.kind != StepKind::Between);
        prop_assert_eq!(steps, whole);
    }

    #[test]
    fn nothing_later_than_now_is_told(
        (ms, rows) in file(), interval in interval(), offset_ms in offset(), share in 0..1000_i64,
    ) {
        let mut market = market(ms, &rows);
        let until = market.now() + (market.end() - market.now()) * share / 1000;
        while market.now() < until {
            market.next(until);
        }
        while market.next(until).is_some() {}
        let now = market.now();
        // A market that ends with the candle in hand, at the same instant.
        let known: Vec<SeriesRow> = rows.iter().filter(|row| row.open_time <= now).copied().collect();
        let mut short = self::market(ms, &known);
        while short.now() < now && short.next(now).is_some() {}
        while short.next(now).is_some() {}
        prop_assert_eq!(short.now(), now);
        let klines = all(&market, interval, offset_ms);
        let same_units = market.series(0).price_decimals() == short.series(0).price_decimals()
            && market.series(0).base_decimals() == short.series(0).base_decimals();
        if same_units {
            prop_assert_eq!(&klines, &all(&short, interval, offset_ms));
            prop_assert_eq!(market.trades(0, None, 50), short.trades(0, None, 50));
            prop_assert_eq!(market.ticker(0, Window::Rolling(DAY_MS)), short.ticker(0, Window::Rolling(DAY_MS)));
            prop_assert_eq!(market.average_price(0, 5), short.average_price(0, 5));
            prop_assert_eq!(market.depth(0, 5).bids, short.depth(0, 5).bids);
        }
        // And of the candle in hand, only the way walked so far.
        let row = known.last().unwrap();
        let place = known.len() - 1;
        let path = market.series(0).row(place).path();
        let to = now.min(row.close_time);
        let sampled = (0..=2000).map(|n| row.open_time + (to - row.open_time) * n / 2000);
        let corners = path.times.into_iter().filter(|time| *time <= to);
        let seen: Vec<i64> = sampled.chain(corners).map(|time| path.at(time)).collect();
        let part = market.series(0).part(row.open_time, to).unwrap();
        prop_assert_eq!(part.high, *seen.iter().max().unwrap().max(&part.open));
        prop_assert_eq!(part.low, *seen.iter().min().unwrap().min(&part.open));
        prop_assert!(klines.iter().all(|kline| kline.open_time <= now && kline.is_closed == (kline.close_time < now)));
        prop_assert!(market.trades(0, None, 50).iter().all(|trade| trade.time <= now));
        let last = klines.last().unwrap();
        prop_assert_eq!(last.close, market.last_price(0));
        prop_assert!(market.trades(0, Some(last.last_trade_id + 1), 1).is_empty() || last.last_trade_id < 0);
    }

    #[test]
    fn trades_make_up_the_klines((ms, rows) in file(), interval in interval(), limit in 1..700_usize) {
        let mut market = market(ms, &rows);
        run(&mut market);
        let mut trades: Vec<PublicTrade> = Vec::new();
        loop {
            let page = market.trades(0, Some(trades.len() as i64), limit);
            if page.is_empty() {
                break;
            }
            trades.extend(page);
        }
        prop_assert!(trades.iter().enumerate().all(|(id, trade)| trade.id == id as i64));
        prop_assert!(trades.is_sorted_by_key(|trade| trade.time));
        prop_assert!(trades.iter().all(|trade| trade.quantity > Decimal::ZERO && trade.price > Decimal::ZERO));
        let latest = trades.len().saturating_sub(limit);
        prop_assert_eq!(market.trades(0, None, limit), &trades[latest..]);
        let ids = |trades: &[AggTrade]| trades.iter().map(|trade| trade.id).collect::<Vec<_>>();
        for kline in all(&market, interval, 0) {
            let within: Vec<&PublicTrade> =
                trades.iter().filter(|t| (kline.open_time..=kline.close_time).contains(&t.time)).collect();
            prop_assert_eq!(within.len() as u64, kline.trades);
            prop_assert_eq!(within.first().map_or(-1, |trade| trade.id), kline.first_trade_id);
            prop_assert_eq!(within.last().map_or(-1, |trade| trade.id), kline.last_trade_id);
            prop_assert!(within.iter().all(|trade| (kline.low..=kline.high).contains(&trade.price)));
            if interval.ms().is_some_and(|part| part >= MINUTE_MS) {
                let agg = market.agg_trades(0, None, Some(kline.open_time), Some(kline.close_time), usize::MAX);
                prop_assert_eq!(ids(&agg), within.iter().map(|trade| trade.id).collect::<Vec<_>>());
            }
        }
        let own = KlineInterval::ALL.into_iter().find(|own| own.ms() == Some(ms)).unwrap();
        for kline in all(&market, own, 0).iter().filter(|kline| kline.trades > 0) {
            let own = &trades[kline.first_trade_id as usize..=kline.last_trade_id as usize];
            if kline.volume >= market.step_size(0) * Decimal::from(kline.trades) {
                prop_assert_eq!(own.iter().map(|trade| trade.quantity).sum::<Decimal>(), kline.volume);
            }
            prop_assert_eq!(own.last().unwrap().price, kline.close);
            if kline.trades >= 4 {
                let prices = || own.iter().map(|trade| trade.price);
                prop_assert_eq!(
                    (own[0].price, prices().max().unwrap(), prices().min().unwrap()),
                    (kline.open, kline.high, kline.low)
                );
            }
        }
    }

    #[test]
    fn the_book_encloses_the_last_price((ms, rows) in file(), levels in 1..30_usize) {
        let mut market = market(ms, &rows);
        let mut before = market.depth(0, 1).last_update_id;
        while let Some(step) = market.next(i64::MAX) {
            let (depth, best) = (market.depth(0, levels), market.book_ticker(0));
            prop_assert!(depth.last_update_id > before);
            before = depth.last_update_id;
            prop_assert_eq!((depth.bids[0], depth.asks[0], before), (best.bid, best.ask, best.update_id));
            prop_assert!(best.bid.price <= step.price && best.ask.price == step.price + market.tick_size(0));
            prop_assert!(depth.bids.is_sorted_by(|a, b| a.price > b.price));
            prop_assert!(depth.asks.is_sorted_by(|a, b| a.price < b.price) && depth.asks.len() == levels);
            let both = || depth.bids.iter().chain(&depth.asks);
            prop_assert!(both().all(|level| level.price > Decimal::ZERO && level.quantity > Decimal::ZERO));
        }
    }
}

/// A candle from 10 to 13, by 9 and 14, of 300 trades and a volume of 30.
fn plain(open_time: i64, length: i64) -> SeriesRow {
    SeriesRow {
        open_time,
        close_time: open_time + length - 1,
        open: decimal(100, 1),
        high: decimal(140, 1),
        low: decimal(90, 1),
        close: decimal(130, 1),
        volume: decimal(3000, 2),
        quote_volume: Some(decimal(345, 0)),
        trades: Some(300),
        taker_buy_base: None,
        taker_buy_quote: None,
    }
}

fn told(steps: &[Step]) -> Vec<(i64, usize, String, StepKind)> {
    steps
        .iter()
        .map(|step| (step.time - START, step.symbol, step.price.normalize().to_string(), step.kind))
        .collect()
}

#[test]
fn the_clock_jumps_over_a_gap_and_stops_at_the_end() {
    use StepKind::*;
    let rows = [plain(START, MINUTE_MS), plain(START + 10 * MINUTE_MS, MINUTE_MS)];
    let mut market = market(MINUTE_MS, &rows);
    assert_eq!((market.now(), market.end()), (START, START + 11 * MINUTE_MS));
    let mut steps: Vec<Step> = std::iter::from_fn(|| market.next(START + 10_000)).collect();
    assert_eq!(market.now(), START + 10_000);
    let step = |time, price: &str, kind| (time, 0, price.to_owned(), kind);
    assert_eq!(told(&steps), [step(0, "10", Opened), step(10_000, "9.5", Between)]);
    steps = std::iter::from_fn(|| market.next(START + 59_999)).collect();
    assert_eq!(
        told(&steps),
        [step(20_000, "9", Corner), step(40_000, "14", Corner), step(59_999, "13", Corner)]
    );
    assert!(
        !market.klines(0, KlineInterval::M1, None, None, 1, 0)[0].is_closed,
        "until its last instant is over"
    );
    assert_eq!(told(&[market.next(START + 60_000).unwrap()]), [step(600_000, "10", Opened)]);
    assert_eq!(market.next(START + 60_000), None, "the clock does not go back");
    assert_eq!(market.now(), START + 600_000);
    let (one, five) = (KlineInterval::M1, KlineInterval::M5);
    let times = |klines: Vec<Kline>| klines.iter().map(|kline| kline.open_time - START).collect::<Vec<_>>();
    assert_eq!(times(market.closed_since(0, one, 0, START)), [0]);
    assert_eq!(times(market.klines(0, five, None, None, 9, 0)), [0, 600_000]);
    let rest = run(&mut market);
    assert_eq!(told(&rest[rest.len() - 1..]), [step(660_000, "13", Ended)]);
    assert_eq!((market.now(), market.next(i64::MAX)), (market.end(), None));
    assert_eq!(times(market.closed_since(0, one, 0, START)), [0, 600_000]);
    assert_eq!(times(market.closed_since(0, five, 0, START)), [0], "the second one is never finished");
}

#[test]
fn a_gap_of_one_symbol_is_no_gap_of_the_market() {
    let a = [plain(START, MINUTE_MS), plain(START + 4 * MINUTE_MS, MINUTE_MS)];
    let b = [plain(START + MINUTE_MS, 5 * MINUTE_MS)];
    let both = || vec![series("A", MINUTE_MS, &a), series("B", 5 * MINUTE_MS, &b)];
    let mut market = Market::new(both(), 0).unwrap();
    assert_eq!(market.now(), START + MINUTE_MS, "where both have a price");
    assert_eq!((market.last_price(0), market.last_price(1)), (decimal(13, 0), decimal(10, 0)));
    let steps: Vec<Step> = std::iter::from_fn(|| market.next(START + 2 * MINUTE_MS)).collect();
    assert!(steps.iter().all(|step| step.symbol == 1 && step.time <= START + 2 * MINUTE_MS));
    assert_eq!(market.now(), START + 2 * MINUTE_MS);
    let steps = run(&mut market);
    assert!(steps.is_sorted_by_key(|step| step.time));
    assert_eq!(market.symbols().collect::<Vec<_>>(), ["A", "B"]);
    assert_eq!(market.find("B"), Some(1));
    // Started on its way, a market goes on as one that was watched.
    let mut late = Market::new(both(), START + 2 * MINUTE_MS).unwrap();
    assert_eq!(late.last_price(1), decimal(94, 1));
    assert_eq!(run(&mut late), steps);
}

#[test]
fn a_market_that_cannot_be_is_refused_with_what_to_do() {
    let one = || series("A", MINUTE_MS, &[plain(START, MINUTE_MS)]);
    let message = |series: Vec<Series>, start| Market::new(series, start).unwrap_err().to_string();
    let later = series("B", MINUTE_MS, &[plain(START + HOUR_MS, MINUTE_MS)]);
    let empty = Series::new("C", Interval::from_ms(1000).unwrap());
    insta::assert_snapshot!([
        message(Vec::new(), 0),
        message(vec![one(), one()], 0),
        message(vec![one(), empty], 0),
        message(vec![one(), later], 0),
        message(vec![one()], START + MINUTE_MS),
    ].join("\n"), @r"
    there is no candle file. Name at least one with --data.
    two candle files are of A. Name one file for each symbol.
    there is no candle of C. Choose another file.
    the candles of A end at 2021-01-01T00:01:00Z, and the market would start at 2021-01-01T01:00:00Z. Choose files of the same time, or an earlier start.
    the candles of A end at 2021-01-01T00:01:00Z, and the market would start at 2021-01-01T00:01:00Z. Choose files of the same time, or an earlier start.
    ");
}

#[test]
fn intervals_open_where_the_calendar_says() {
    let at = |text: &str| crate::model::parse_iso(text).unwrap();
    let thursday = at("2024-02-29T13:14:15.678Z");
    for (interval, offset_hours, from, to) in [
        ("1s", 0, "2024-02-29T13:14:15Z", "2024-02-29T13:14:16Z"),
        ("3m", 0, "2024-02-29T13:12:00Z", "2024-02-29T13:15:00Z"),
        ("8h", 0, "2024-02-29T08:00:00Z", "2024-02-29T16:00:00Z"),
        ("1d", 0, "2024-02-29", "2024-03-01"),
        ("1d", 8, "2024-02-28T16:00:00Z", "2024-02-29T16:00:00Z"),
        ("1d", 14, "2024-02-29T10:00:00Z", "2024-03-01T10:00:00Z"),
        ("1w", 0, "2024-02-26", "2024-03-04"),
        ("1w", -5, "2024-02-26T05:00:00Z", "2024-03-04T05:00:00Z"),
        ("1M", 0, "2024-02-01", "2024-03-01"),
        ("1M", 14, "2024-02-29T10:00:00Z", "2024-03-31T10:00:00Z"),
    ] {
        let span = KlineInterval::of(interval).unwrap().span(thursday, offset_hours * HOUR_MS);
        assert_eq!(span, (at(from), at(to)), "{interval} {offset_hours}");
    }
    assert_eq!(KlineInterval::of("1mo"), None);
    assert_eq!(KlineInterval::of("1H"), None);
    assert!(
        KlineInterval::ALL.into_iter().all(|interval| KlineInterval::of(interval.name()) == Some(interval))
    );
    for extreme in [i64::MIN, i64::MAX] {
        KlineInterval::ALL.into_iter().for_each(|interval| _ = interval.span(extreme, DAY_MS));
    }
}

#[test]
fn tickers_and_averages_are_of_their_window() {
    let rows: Vec<SeriesRow> = (0..30).map(|hour| plain(START + hour * HOUR_MS, HOUR_MS)).collect();
    let mut market = market(HOUR_MS, &rows);
    while market.next(START + 26 * HOUR_MS - 1).is_some() {}
    let day = market.ticker(0, Window::Rolling(DAY_MS - 1));
    assert_eq!(
        (day.open, day.high, day.low, day.last),
        (decimal(10, 0), decimal(14, 0), decimal(9, 0), decimal(13, 0))
    );
    assert_eq!((day.volume, day.quote_volume, day.trades), (decimal(720, 0), decimal(8280, 0), 7200));
    assert_eq!((day.first_trade_id, day.last_trade_id), (600, 7799));
    assert_eq!(
        (day.change, day.change_percent, day.weighted_average),
        (decimal(3, 0), decimal(30, 0), decimal(115, 1))
    );
    assert_eq!((day.prev_close, day.last_quantity), (decimal(13, 0), decimal(1, 1)));
    let today = market.ticker(0, Window::Today { offset_ms: 0 });
    assert_eq!((today.open_time, today.close_time), (START + DAY_MS, START + 2 * DAY_MS - 1));
    assert_eq!(today.volume, decimal(60, 0));
    let average = market.average_price(0, 5);
    assert!((average - decimal(13125, 3)).abs() < decimal(1, 3), "{average}");
    assert_eq!(market.average_price(0, 0), decimal(13, 0));
    assert_eq!(market.average_price(0, 60), decimal(115, 1));
}

#[test]
fn trades_of_a_stretch_can_be_thinned() {
    let mut market = market(MINUTE_MS, &[plain(START, MINUTE_MS), plain(START + MINUTE_MS, MINUTE_MS)]);
    while market.next(START + 90_000).is_some() {}
    let every = market.trades_between(0, START - 1, START + DAY_MS, usize::MAX);
    assert_eq!(every.len(), market.trades(0, Some(0), usize::MAX).len(), "none is later than now");
    let (first, second) = (
        market.trades_between(0, START - 1, START + 30_000, 1000),
        market.trades_between(0, START + 30_000, START + DAY_MS, 1000),
    );
    assert_eq!([first, second].concat(), every, "stretches meet");
    let some = market.trades_between(0, START - 1, START + DAY_MS, 7);
    assert_eq!((some.len(), some.last()), (7, every.last()));
    assert!(some.is_sorted_by(|a, b| a.id < b.id));
    assert!(market.trades_between(0, START + 5, START, 7).is_empty());
    assert!(market.trades_between(0, START, START + 50, 0).is_empty());
}

#[test]
fn the_first_kline_is_found_at_once_whatever_is_asked() {
    let mut market = market(MINUTE_MS, &[plain(START, MINUTE_MS)]);
    run(&mut market);
    for start in [i64::MIN, -1, 0, START - 1, START] {
        let klines = market.klines(0, KlineInterval::M1, Some(start), Some(i64::MAX), 1, 0);
        assert_eq!(klines[0].open_time, START);
    }
    for (start, end) in [
        (Some(i64::MAX), None),
        (Some(START + 1), None),
        (None, Some(0)),
        (None, Some(i64::MIN)),
        (Some(START), Some(0)),
    ] {
        assert!(market.klines(0, KlineInterval::M1, start, end, 5, 0).is_empty(), "{start:?} {end:?}");
    }
    assert!(market.klines(0, KlineInterval::M1, None, None, 0, 0).is_empty());
    assert_eq!(market.klines(0, KlineInterval::Month, None, Some(i64::MAX), 5, 0).len(), 1);
}
