"""Hand-computed micro cases for the reference implementation: python -m unittest discover -s tests/reference."""

import math
import random
import unittest

import numpy as np
import talib

from reference import DAY_MS, LONG, SHORT, STRATEGIES, Candle, Strategy, run

HOUR = 3_600_000


def candles(*rows, start=0, step=HOUR):
    """(open, high, low, close) rows, or a single number for a flat candle."""
    out = []
    for k, row in enumerate(rows):
        o, h, l, c = row if isinstance(row, tuple) else (row,) * 4
        t = start + k * step
        out.append(Candle(t, o, h, l, c, 1.0, t + step - 1))
    return out


def plan(asks, stops=None):
    """A script that asks what `asks` says: {candle: 'long' | 'short' | 'exit' | 'long exit' ...}."""

    class Planned(Strategy):
        def declare(self, p, s):
            return {}

        def enter(self, d, i):
            return ("long" if d == LONG else "short") in asks.get(i, "")

        def exit(self, d, i, memo):
            return "exit" in asks.get(i, "")

        def stop(self, d, i):
            return (stops or {}).get(i)

    return Planned


FREE = dict(commission_bps=0.0, size=("units", 1.0))


def go(rows, asks, params=None, settings=None, stops=None, **kw):
    data = rows if isinstance(rows[0], Candle) else candles(*rows)
    return run(data, plan(asks, stops), params, {**FREE, **(settings or {})}, **kw)


def brief(result):
    return [(t["direction"], t["entry_index"], t["exit_index"], t["exit_reason"], round(t["exit_price"], 9)) for t in result.trades]


class Protective(unittest.TestCase):
    def test_gap_through_the_stop_fills_at_the_open(self):
        r = go([100, 100, (97, 99, 96, 98), 98], {0: "long"}, dict(stop_loss_pct=0.02), dict(slippage_bps=100.0))
        # entry 101, stop 98.98 (below the open 100 of the entry candle); the next open 97 is past it: 97 * 0.99
        self.assertEqual(brief(r), [("long", 1, 2, "stop_loss", 96.03)])
        self.assertAlmostEqual(r.metrics["slippage_paid"], 1 + 0.97)
        self.assertEqual(r.metrics["ambiguous_exits"], 0)

    def test_stop_before_target_in_one_candle(self):
        r = go([100, 100, (100, 106, 94, 101), 100], {0: "long"}, dict(stop_loss_pct=0.05, take_profit_pct=0.05))
        self.assertEqual(brief(r), [("long", 1, 2, "stop_loss", 95)])
        self.assertEqual(r.metrics["ambiguous_exits"], 1)     # high first: take_profit at 105
        r = go([100, 100, (100, 106, 94, 101), 100], {0: "short"}, dict(stop_loss_pct=0.05, take_profit_pct=0.05),
               dict(allow_short=True))
        self.assertEqual(brief(r), [("short", 1, 2, "stop_loss", 105)])

    def test_target_is_not_slipped_and_a_gap_above_it_fills_at_the_open(self):
        s = dict(slippage_bps=100.0)
        r = go([100, 100, (100, 110, 100, 101), 100], {0: "long"}, dict(take_profit_pct=0.05), s)
        self.assertEqual(brief(r), [("long", 1, 2, "take_profit", round(101 * 1.05, 9))])
        r = go([100, 100, (108, 110, 100, 101), 100], {0: "long"}, dict(take_profit_pct=0.05), s)
        self.assertEqual(brief(r), [("long", 1, 2, "take_profit", 108)])

    def test_trailing_stop_on_the_last_leg(self):
        # the high 120 is a fresh peak: level 108; the close 107 passes it on the leg high -> close
        r = go([100, 100, (100, 120, 99, 107), 107], {0: "long"}, dict(trailing_stop_loss_pct=0.1))
        self.assertEqual(brief(r), [("long", 1, 2, "trailing_stop", 108)])
        self.assertEqual(r.metrics["ambiguous_exits"], 0)     # high first: 108 is hit on the way down to 99, the same exit
        r = go([100, 100, (100, 120, 107, 119), 119], {0: "long"}, dict(trailing_stop_loss_pct=0.1))
        self.assertEqual(brief(r), [("long", 1, 3, "end_of_data", 119)])    # not hit, so not counted either
        r = go([100, 100, (100, 120, 89, 119), 119], {0: "long"}, dict(trailing_stop_loss_pct=0.1))
        self.assertEqual(brief(r), [("long", 1, 2, "trailing_stop", 90)])
        self.assertEqual(r.metrics["ambiguous_exits"], 1)     # high first: 108

    def test_trailing_stop_other_order_same_exit_is_not_ambiguous(self):
        # peak 120 in candle 2 (close 119), level 108 in candle 3, whose high does not exceed the peak
        r = go([100, 100, (100, 120, 100, 119), (118, 119, 105, 106), 106], {0: "long"}, dict(trailing_stop_loss_pct=0.1))
        self.assertEqual(brief(r), [("long", 1, 3, "trailing_stop", 108)])
        self.assertEqual(r.metrics["ambiguous_exits"], 0)

    def test_touching_a_level_is_a_hit(self):
        r = go([128, 128, (128, 128, 112, 128), 128], {0: "long"}, dict(stop_loss_pct=0.125))
        self.assertEqual(brief(r), [("long", 1, 2, "stop_loss", 112)])
        r = go([128, 128, (128, 128, 112.5, 128), 128], {0: "long"}, dict(stop_loss_pct=0.125))
        self.assertEqual(brief(r), [("long", 1, 3, "end_of_data", 128)])

    def test_stopped_in_the_entry_candle(self):
        r = go([100, (100, 101, 90, 100), 100], {0: "long"}, dict(stop_loss_pct=0.05))
        self.assertEqual(brief(r), [("long", 1, 1, "stop_loss", 95)])
        self.assertEqual(r.trades[0]["candles_held"], 0)
        self.assertEqual(r.metrics["exposure_pct"], 0)

    def test_entry_open_already_past_the_stop(self):
        r = go([100, (100, 110, 90, 100), 100], {0: "long"}, settings=dict(slippage_bps=100.0), stops={0: 105.0})
        self.assertEqual(brief(r), [("long", 1, 1, "stop_loss", 99)])
        # the slipped entry fill puts the percent stop above the open as well: 101 * 0.995 > 100
        r = go([100, (100, 110, 90, 100), 100], {0: "long"}, dict(stop_loss_pct=0.005), dict(slippage_bps=100.0))
        self.assertEqual(brief(r), [("long", 1, 1, "stop_loss", 99)])

    def test_the_tighter_stop_rules(self):
        for script_stop, price in ((97.0, 97), (93.0, 95)):
            r = go([100, (100, 100, 90, 100), 100], {0: "long"}, dict(stop_loss_pct=0.05), stops={0: script_stop})
            self.assertEqual(brief(r), [("long", 1, 1, "stop_loss", price)])

    def test_stop_and_trailing_tie(self):
        r = go([100, (100, 100, 90, 100), 100], {0: "long"}, dict(stop_loss_pct=0.05, trailing_stop_loss_pct=0.05))
        self.assertEqual(brief(r), [("long", 1, 1, "stop_loss", 95)])

    def test_trailing_nearer_than_stop(self):
        r = go([100, (100, 100, 90, 100), 100], {0: "long"}, dict(stop_loss_pct=0.05, trailing_stop_loss_pct=0.03))
        self.assertEqual(brief(r), [("long", 1, 1, "trailing_stop", 97)])

    def test_flat_script_may_enter_again_at_that_close(self):
        r = go([100, (100, 101, 90, 100), 100, 100], {0: "long", 1: "long"}, dict(stop_loss_pct=0.05))
        self.assertEqual(brief(r), [("long", 1, 1, "stop_loss", 95), ("long", 2, 3, "end_of_data", 100)])

    def test_detail_candles(self):
        rows = candles(100, 100, (100, 106, 94, 101), 100)
        p = dict(stop_loss_pct=0.05, take_profit_pct=0.05)
        up_first = candles((100, 106, 100, 106), (106, 106, 94, 94), (94, 101, 94, 101), start=2 * HOUR, step=HOUR // 3)
        r = go(rows, {0: "long"}, p, detail=up_first)
        self.assertEqual(brief(r), [("long", 1, 2, "take_profit", 105)])
        self.assertEqual(r.metrics["ambiguous_exits"], 0)
        # a finer candle's open can gap: 99 -> 93 through the stop at 95
        gap = candles((100, 100, 99, 99), (93, 106, 93, 101), start=2 * HOUR, step=HOUR // 2)
        self.assertEqual(brief(go(rows, {0: "long"}, p, detail=gap)), [("long", 1, 2, "stop_loss", 93)])


class Orders(unittest.TestCase):
    def test_equity_pct_is_capped_by_the_commission(self):
        r = run(candles(100, 100, 100), plan({0: "long"}), {}, dict(size=("equity_pct", 100.0), commission_bps=100.0))
        self.assertAlmostEqual(r.trades[0]["quantity"], 10_000 / 101)

    def test_step_size_floors_and_minima_refuse(self):
        i = dict(step_size=0.1, min_qty=0.3, min_notional=25)
        r = go([100, 100, 100], {0: "long"}, settings=dict(size=("units", 0.37), instrument=i))
        self.assertAlmostEqual(r.trades[0]["quantity"], 0.3)
        for units, reason in ((0.05, "zero_quantity"), (0.25, "min_qty")):
            r = go([100, 100, 100], {0: "long"}, settings=dict(size=("units", units), instrument=i))
            self.assertEqual((r.trades, r.metrics["refusals"]), ([], {reason: 1}))
        r = go([50, 50, 50], {0: "long"}, settings=dict(size=("units", 0.3), instrument=i))
        self.assertEqual((r.trades, r.metrics["refusals"]), ([], {"min_notional": 1}))

    def test_risk_pct(self):
        s = dict(size=("risk_pct", 1.0))
        r = go([100, 100, 100], {0: "long"}, dict(stop_loss_pct=0.05), s)
        self.assertAlmostEqual(r.trades[0]["quantity"], 20)     # 100 at risk, 5 a unit
        r = go([100, 100, 100], {0: "long"}, dict(stop_loss_pct=0.05), s, stops={0: 98.0})
        self.assertAlmostEqual(r.trades[0]["quantity"], 50)     # the tighter stop
        for params, stops in (({}, None), (dict(trailing_stop_loss_pct=0.05), None), ({}, {0: 100.0}), ({}, {0: 120.0})):
            r = go([100, 100, 100], {0: "long"}, params, s, stops=stops)
            self.assertEqual((r.trades, r.metrics["refusals"]), ([], {"no_stop": 1}))

    def test_reversal(self):
        r = go([100, 100, 110, 105, 105], {0: "long", 1: "short"}, settings=dict(allow_short=True))
        self.assertEqual(brief(r), [("long", 1, 2, "reverse", 110), ("short", 2, 4, "end_of_data", 105)])
        self.assertEqual([t["entry_reason"] for t in r.trades], ["signal", "reverse"])
        self.assertAlmostEqual(r.metrics["final_balance"], 10_015)
        self.assertAlmostEqual(r.equity[2][1], 10_010)

    def test_vetoed_reversal_leaves_only_if_the_script_asked(self):
        hours = dict(apply_seasonality_filter=True, allowed_trading_hours_utc="0-2")
        short = dict(allow_short=True)
        # decisions on candles 0, 1, 2 are taken at 01:00, 02:00, 03:00
        r = go([100, 100, 100, 100, 100], {0: "long", 2: "short"}, hours, short)
        self.assertEqual(brief(r), [("long", 1, 4, "end_of_data", 100)])
        self.assertEqual(r.metrics["vetoes"], {"seasonality_filter": 1})
        r = go([100, 100, 100, 100, 100], {0: "long", 2: "short exit"}, hours, short)
        self.assertEqual(brief(r), [("long", 1, 3, "signal", 100)])

    def test_refused_new_leg_leaves_the_closing_leg(self):
        i = dict(min_qty=0.9)
        r = go([100, 100, 200, 200, 200], {0: "long", 1: "short"},
               settings=dict(allow_short=True, size=("quote", 100.0), instrument=i))
        self.assertEqual(brief(r), [("long", 1, 2, "reverse", 200)])
        self.assertEqual(r.metrics["refusals"], {"min_qty": 1})

    def test_no_short_unless_allowed(self):
        self.assertEqual(go([100, 100, 100], {0: "short"}).trades, [])

    def test_last_candle_is_dropped_and_end_of_data_pays_commission_only(self):
        r = go([100, 100, 110], {0: "long", 2: "exit"}, settings=dict(slippage_bps=100.0, commission_bps=100.0))
        self.assertEqual(brief(r), [("long", 1, 2, "end_of_data", 110)])
        self.assertAlmostEqual(r.trades[0]["commission"], 1.01 + 1.10)
        self.assertAlmostEqual(r.metrics["final_balance"], 10_000 + 9 - 2.11)
        self.assertAlmostEqual(r.equity[-1][1], r.metrics["final_balance"])
        self.assertAlmostEqual(r.metrics["exposure_pct"], 100 / 3)

    def test_time_stop(self):
        r = go([100] * 8, {0: "long"}, dict(max_holding_candles=3))
        self.assertEqual(brief(r), [("long", 1, 4, "time_stop", 100)])
        self.assertEqual(r.trades[0]["candles_held"], 3)
        r = go([100] * 8, {0: "long", 3: "exit"}, dict(max_holding_candles=3))
        self.assertEqual(brief(r), [("long", 1, 4, "signal", 100)])

    def test_range(self):
        data = candles(*[100] * 10)
        r = go(data, {0: "long", 4: "long"}, start=4 * HOUR, end=8 * HOUR)
        self.assertEqual(brief(r), [("long", 5, 7, "end_of_data", 100)])
        self.assertEqual(len(r.equity), 4)


class Filters(unittest.TestCase):
    def test_cooldown_window(self):
        every = {k: "long" for k in range(20)}
        # entered in 1, stopped in 2: decisions on 2, 3, 4 vetoed, on 5 not
        r = go([100, 100, (100, 100, 90, 100)] + [100] * 6, every, dict(stop_loss_pct=0.05, cooldown_candles=3))
        self.assertEqual([(t["entry_index"], t["exit_index"]) for t in r.trades], [(1, 2), (6, 8)])
        self.assertEqual(r.metrics["vetoes"], {"cooldown": 3})

    def test_cooldown_does_not_touch_a_reversal_already_decided(self):
        r = go([100, 100, 90, 80, 80, 80], {0: "long", 1: "short", 2: "long"}, dict(cooldown_candles=2), dict(allow_short=True))
        self.assertEqual(brief(r), [("long", 1, 2, "reverse", 90), ("short", 2, 5, "end_of_data", 80)])
        self.assertEqual(r.metrics["vetoes"], {"cooldown": 1})

    def test_hours(self):
        for text, allowed in (("5-7", {5, 6}), ("22-1", {22, 23, 0}), ("22-24", {22, 23}), ("22-0", {22, 23})):
            for hour in range(24):
                data = candles(100, 100, 100, start=(hour - 1) * HOUR + DAY_MS)
                p = dict(apply_seasonality_filter=True, allowed_trading_hours_utc=text)
                self.assertEqual(bool(go(data, {0: "long"}, p).trades), hour in allowed, (text, hour))
        p = dict(apply_seasonality_filter=True, allowed_trading_hours_utc="5-6", apply_seasonality_to_symbols="SUIUSDT")
        self.assertTrue(go([100] * 3, {0: "long"}, p, dict(symbol="SOLUSDT")).trades)
        self.assertFalse(go([100] * 3, {0: "long"}, p, dict(symbol="SUIUSDT")).trades)

    def test_atr_filter(self):
        rows = [(100, 101, 99, 100)] * 9            # ATR 2, 2 % of the close
        every = {k: "long" for k in range(20)}
        p = dict(apply_atr_filter=True, atr_filter_period=3, atr_filter_sma_period=2)
        r = go(rows, every, {**p, "atr_filter_multiplier": 1.0})
        # ATR from row 3, its mean from row 4, first called on row 5, filled in 6
        self.assertEqual(r.first_call, 5 * HOUR)
        self.assertEqual(r.trades[0]["entry_index"], 6)
        r = go(rows, every, {**p, "atr_filter_multiplier": 1.5})
        self.assertEqual(r.metrics["vetoes"], {"atr_filter": 3})
        r = go(rows, every, dict(apply_atr_filter=True, atr_filter_period=3, atr_filter_sma_period=0, atr_filter_multiplier=1.9))
        self.assertEqual(r.first_call, 4 * HOUR)


class Risk(unittest.TestCase):
    def test_daily_loss_blocks_until_the_next_utc_day(self):
        every = {k: "long" for k in range(60)}
        rows = [100, 100, (100, 100, 90, 100)] + [100] * 25
        r = go(rows, every, dict(stop_loss_pct=0.05, max_daily_loss=5))
        # the loss of 5 is in candle 2; candles 2..23 close on the first day; candle 24 decides on the second
        self.assertEqual([t["entry_index"] for t in r.trades], [1, 25])
        self.assertEqual(r.metrics["vetoes"], {"max_daily_loss": 22})

    def test_daily_loss_counts_from_the_last_close_of_the_day_before(self):
        every = {k: "long" for k in range(60)}
        rows = [100] * 24 + [97] * 2 + [(97, 97, 80, 97)] + [97] * 4
        r = go(rows, every, dict(stop_loss_pct=0.04, max_daily_loss=4))
        # open from candle 1 at 100, stop 96: hit in candle 26; 9 996 - 10 000 = -4 on the second day
        self.assertEqual(brief(r), [("long", 1, 26, "stop_loss", 96)])

    def test_drawdown_limit_never_lifts_when_flat(self):
        every = {k: "long" for k in range(99)}
        r = go([100, 100, (100, 100, 40, 100)] + [100] * 60, every, dict(stop_loss_pct=0.5, max_drawdown_limit=0.05),
               dict(size=("units", 10.0)))
        self.assertEqual(brief(r), [("long", 1, 2, "stop_loss", 50)])
        self.assertEqual(r.metrics["vetoes"], {"max_drawdown_limit": 60})

    def test_drawdown_limit_lifts_with_the_equity(self):
        r = go([100, 100, 90, 100, 95, 95], {0: "long", 2: "short", 3: "short"}, dict(max_drawdown_limit=0.05),
               dict(allow_short=True, size=("units", 50.0)))
        self.assertEqual(brief(r), [("long", 1, 4, "reverse", 95), ("short", 4, 5, "end_of_data", 95)])
        self.assertEqual(r.metrics["vetoes"], {"max_drawdown_limit": 1})

    def test_cumulative_loss_leaves_at_the_next_open_and_halts(self):
        every = {k: "long" for k in range(60)}
        r = go([100, 100, (100, 100, 94, 95), 96, 100, 100], every, dict(max_cumulative_loss=5))
        self.assertEqual(brief(r), [("long", 1, 3, "max_loss", 96)])
        self.assertEqual(r.metrics["vetoes"], {"max_cumulative_loss": 2})   # decisions on 3 and 4

    def test_consecutive_losses_lift_the_next_day_and_count_anew(self):
        every = {k: "long" for k in range(60)}
        hit = (100, 100, 90, 100)
        rows = [100, hit, hit, hit] + [100] * 20 + [100, hit, 100, hit, 100, 100]
        r = go(rows, every, dict(stop_loss_pct=0.05, max_consecutive_losses=2))
        # stopped in 1 and 2: blocked for the day; candle 24 is the next day: two more losses, in 25 and 27, are allowed
        self.assertEqual([(t["entry_index"], t["exit_index"]) for t in r.trades], [(1, 1), (2, 2), (25, 25), (26, 27)])
        self.assertEqual(r.metrics["vetoes"], {"max_consecutive_losses": 22 + 2})


class Metrics(unittest.TestCase):
    def test_small_curve(self):
        r = go([100, 100, 110, 99, 99, 105], {0: "long", 3: "exit"})
        m = r.metrics
        self.assertEqual([v for _, v in r.equity], [10_000, 10_000, 10_010, 9_999, 9_999, 9_999])
        self.assertAlmostEqual(m["max_drawdown_quote"], 11)
        self.assertAlmostEqual(m["max_drawdown_pct"], 11 / 10_010 * 100)
        self.assertAlmostEqual(m["max_drawdown_days"], 3 / 24)
        self.assertAlmostEqual(m["buy_and_hold_pct"], 5)
        self.assertEqual((m["trades_total"], m["trades_lost"], m["profit_factor"], m["sqn"]), (1, 1, 0.0, 0.0))
        self.assertEqual((m["omega_ratio"], m["sharpe_ratio"]), (0.0, 0.0))
        self.assertAlmostEqual(m["exposure_pct"], 50)

    def test_days_without_candles_carry_the_value(self):
        a = candles(100, 100, 100)
        b = candles(110, 110, start=3 * DAY_MS)
        m = go(a + b, {0: "long"}).metrics
        r = [0, 0, 0, 0.001]
        mean, sd = np.mean(r), np.std(r, ddof=1)
        self.assertAlmostEqual(m["sharpe_ratio"], mean / sd * math.sqrt(365))
        self.assertAlmostEqual(m["cagr_pct"], (1.001 ** (365 / 4) - 1) * 100)
        self.assertIsNone(m["omega_ratio"])
        self.assertIsNone(m["profit_factor"])


class Properties(unittest.TestCase):
    """What must hold on any data, for all seven strategies."""

    def test_cash_adds_up_and_mirrors(self):
        for seed, name in enumerate(STRATEGIES):
            rng = random.Random(seed)
            price, rows = 100.0, []
            for _ in range(800):
                o = price * (1 + rng.gauss(0, 0.001))
                c = o * (1 + rng.gauss(0, 0.01))
                rows.append((o, max(o, c) * (1 + abs(rng.gauss(0, 0.004))), min(o, c) * (1 - abs(rng.gauss(0, 0.004))), c))
                price = c
            data = [c._replace(volume=rng.uniform(1, 5)) for c in candles(*rows)]
            for short in (False, True):
                r = run(data, name, {}, dict(allow_short=short, slippage_bps=3.0))
                self.assertTrue(r.trades, name)
                self.assertAlmostEqual(r.metrics["cumulative_profit"], sum(t["pnl"] for t in r.trades), 6)
                self.assertEqual(sum(r.metrics["exits"].values()), len(r.trades))
                # no look-ahead: cutting the future off changes no decision before it
                cut = run(data[:500], name, {}, dict(allow_short=short, slippage_bps=3.0))
                done = [t for t in r.trades if t["exit_index"] < 499]
                self.assertEqual(done, cut.trades[:len(done)])


if __name__ == "__main__":
    unittest.main()
