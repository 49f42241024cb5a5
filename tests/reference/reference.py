"""An independent reference implementation of the backtest specification.

Written from the specification alone (engine, strategies, indicators), never from the Rust source, so that the two can be
compared trade by trade. Plain floats, one candle at a time, no attempt at speed. Indicators whose values the specification
defines as TA-Lib's are taken from TA-Lib; the z-score is computed here.

    candles = load("SOLUSDT_1h.csv")
    result = run(candles, "ma_crossover", {"fast_period": 5, "stop_loss_pct": 0.02}, {"symbol": "SOLUSDT"})
    result.trades, result.equity, result.metrics
"""

import bisect
import csv
import math
import re
from collections import namedtuple
from datetime import datetime, timezone
from decimal import ROUND_FLOOR, Decimal
from types import SimpleNamespace

import numpy as np
import talib

DAY_MS = 86_400_000
LONG, SHORT = 1, -1
NAME = {LONG: "long", SHORT: "short"}

Candle = namedtuple("Candle", "open_time open high low close volume close_time")
Result = namedtuple("Result", "trades equity metrics ties first_call")


# ---------------------------------------------------------------------------------------------------------------- loading

def _time(text):
    """Milliseconds since 1970 in UTC; a date text is accepted too (as in some public files)."""
    if re.fullmatch(r"-?\d+", text):
        return int(text)
    moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc)
    return int(moment.timestamp() * 1000)


def load(path, interval_ms=None):
    """Candles of a CSV file with the columns open_time (or date), open, high, low, close, volume[, close_time, ...].

    close_time, where absent, is open_time + interval - 1; the interval, where not given, is the smallest step in the file.
    Lines that start with # are skipped. Anything the specification calls invalid raises ValueError.
    """
    with open(path, newline="") as handle:
        rows = list(csv.DictReader(line for line in handle if not line.startswith("#")))
    key = "open_time" if rows and "open_time" in rows[0] else "date"
    times = [_time(row[key]) for row in rows]
    if interval_ms is None and len(times) > 1:
        interval_ms = min(b - a for a, b in zip(times, times[1:]))
    candles = []
    for row, open_time in zip(rows, times):
        o, h, l, c, v = (float(row[name]) for name in ("open", "high", "low", "close", "volume"))
        if not all(math.isfinite(x) and x >= 0 for x in (o, h, l, c, v)) or h < max(o, c) or l > min(o, c):
            raise ValueError(f"{path}: invalid candle at {open_time}")
        if candles and open_time <= candles[-1].open_time:
            raise ValueError(f"{path}: repeated or out-of-order candle at {open_time}")
        # a close_time of whole seconds (some public files) is not the last millisecond: such files are read by interval
        close_time = row.get("close_time")
        close_time = int(close_time) if close_time and close_time.isdigit() else open_time + interval_ms - 1
        candles.append(Candle(open_time, o, h, l, c, v, close_time))
    return candles


# ------------------------------------------------------------------------------------------------------------ comparisons

class Judge:
    """Every comparison that decides something goes through here.

    It answers as plain floats do, and notes the near ties: comparisons two correct implementations may answer
    differently because their roundings differ. A key listed in `flips` is answered the other way round; that is how the
    comparator finds out whether a mismatch hangs on a rounding. `flips` is empty in an ordinary run.
    """

    PRICE = 1e-12       # prices, money, quantities: both sides compute the same few products
    INDICATOR = 1e-9    # the agreement the specification asks of indicators

    def __init__(self, flips=()):
        self.flips = set(flips)
        self.ties = []      # (candle index, label, a, b)
        self.now = -1

    def _answer(self, label, answer, a, b, scale, tolerance):
        if abs(a - b) > tolerance * max(abs(a), abs(b), scale):
            return answer
        key = (self.now, label)
        self.ties.append((self.now, label, a, b))
        return (not answer) if key in self.flips else answer

    def gt(self, label, a, b, scale=0.0, tolerance=PRICE):
        return self._answer(label, a > b, a, b, scale, tolerance)

    def ge(self, label, a, b, scale=0.0, tolerance=PRICE):
        return self._answer(label, a >= b, a, b, scale, tolerance)

    def lt(self, label, a, b, scale=0.0, tolerance=PRICE):
        return self._answer(label, a < b, a, b, scale, tolerance)

    def le(self, label, a, b, scale=0.0, tolerance=PRICE):
        return self._answer(label, a <= b, a, b, scale, tolerance)

    def eq(self, label, a, b):
        return a == b or self._answer(label, False, a, b, 0.0, self.PRICE)

    def floor_to(self, label, quantity, step):
        """quantity floored to a multiple of step, in decimal so that 0.3 / 0.1 is 3."""
        q, s = Decimal(repr(quantity)), Decimal(repr(step))
        whole = (q / s).to_integral_value(rounding=ROUND_FLOOR)
        near = round(quantity / step)
        if near > 0 and abs(quantity / step - near) <= 1e-11 * near:
            self.ties.append((self.now, label, quantity, near * step))
            if (self.now, label) in self.flips:
                whole = Decimal(near) if whole < near else Decimal(near - 1)
        return float(whole * s)


# ------------------------------------------------------------------------------------------------------------- strategies

def _zscore(values, n):
    """(x - mean) / population deviation of the last n values, each window computed afresh; 0 where the deviation is 0."""
    out = np.full(len(values), np.nan)
    for i in range(n - 1, len(values)):
        window = [float(x) for x in values[i - n + 1:i + 1]]
        if max(window) == min(window):
            out[i] = 0.0
            continue
        mean = math.fsum(window) / n
        deviation = math.sqrt(math.fsum((x - mean) ** 2 for x in window) / n)
        out[i] = (window[-1] - mean) / deviation if deviation > 0 else 0.0
    return out


class Strategy:
    """One of the seven. `x` holds the declared columns, `i` is the deciding candle, `d` is LONG or SHORT."""

    defaults = {}

    def __init__(self, p, s, judge):
        """p: parameters; s: columns open, high, low, close, volume of the file up to the end of the range."""
        self.p, self.s, self.j = p, s, judge
        self.price_scale = float(np.mean(np.abs(s.close))) if len(s.close) else 1.0
        self.volume_scale = float(np.mean(np.abs(s.volume))) if len(s.volume) else 1.0
        self.x = self.declare(p, s)

    # comparisons of indicator values -------------------------------------------------------------------------------
    def _scale(self, kind):
        return {"price": self.price_scale, "percent": 1.0, "unit": 1.0, "volume": self.volume_scale}[kind]

    def gt(self, label, a, b, kind="price"):
        return self.j.gt(label, a, b, self._scale(kind), Judge.INDICATOR)

    def ge(self, label, a, b, kind="price"):
        return self.j.ge(label, a, b, self._scale(kind), Judge.INDICATOR)

    def lt(self, label, a, b, kind="price"):
        return self.j.lt(label, a, b, self._scale(kind), Judge.INDICATOR)

    def le(self, label, a, b, kind="price"):
        return self.j.le(label, a, b, self._scale(kind), Judge.INDICATOR)

    def crosses_above(self, label, a, b, i, kind="price"):
        before = self.le(label + " [1]", a[i - 1], _at(b, i - 1), kind)
        now = self.gt(label, a[i], _at(b, i), kind)
        return before and now

    def crosses_below(self, label, a, b, i, kind="price"):
        before = self.ge(label + " [1]", a[i - 1], _at(b, i - 1), kind)
        now = self.lt(label, a[i], _at(b, i), kind)
        return before and now

    # the rules -------------------------------------------------------------------------------------------------------
    def declare(self, p, s):
        raise NotImplementedError

    def enter(self, d, i):
        raise NotImplementedError

    def exit(self, d, i, memo):
        raise NotImplementedError

    def stop(self, d, i):
        """A stop price the script sets with the entry, or None."""
        return None

    def memo(self, i):
        """What the script remembers of the decision that led to the fill."""
        return None


def _at(b, i):
    """A column's value, or the constant itself."""
    return b[i] if isinstance(b, np.ndarray) else b


class MaCrossover(Strategy):
    defaults = dict(fast_period=10, slow_period=50, ma_type="sma", trend_period=0)

    def declare(self, p, s):
        average = {"sma": talib.SMA, "ema": talib.EMA}[p["ma_type"]]
        x = dict(fast=average(s.close, p["fast_period"]), slow=average(s.close, p["slow_period"]))
        if p["trend_period"] > 0:
            x["trend"] = talib.SMA(s.close, p["trend_period"])
        return x

    def enter(self, d, i):
        x, close = self.x, self.s.close
        if d == LONG:
            return (self.crosses_above("fast crosses above slow", x["fast"], x["slow"], i)
                    and ("trend" not in x or self.gt("close > trend", close[i], x["trend"][i])))
        return (self.crosses_below("fast crosses below slow", x["fast"], x["slow"], i)
                and ("trend" not in x or self.lt("close < trend", close[i], x["trend"][i])))

    def exit(self, d, i, memo):
        x = self.x
        if d == LONG:
            return self.crosses_below("fast crosses below slow", x["fast"], x["slow"], i)
        return self.crosses_above("fast crosses above slow", x["fast"], x["slow"], i)


class Scalping(Strategy):
    defaults = dict(fast_period=5, slow_period=13, rsi_period=7, rsi_entry=50, rsi_exit=75, volume_period=20,
                    volume_factor=1.2, max_holding_candles=12, stop_loss_pct=0.005, take_profit_pct=0.01)

    def declare(self, p, s):
        return dict(fast=talib.EMA(s.close, p["fast_period"]), slow=talib.EMA(s.close, p["slow_period"]),
                    rsi=talib.RSI(s.close, p["rsi_period"]), volume=talib.SMA(s.volume, p["volume_period"]))

    def enter(self, d, i):
        x, p = self.x, self.p
        loud = self.gt("volume > factor * sma", self.s.volume[i], p["volume_factor"] * x["volume"][i], "volume")
        if d == LONG:
            return (self.gt("fast > slow", x["fast"][i], x["slow"][i])
                    and self.crosses_above("rsi crosses above entry", x["rsi"], p["rsi_entry"], i, "percent") and loud)
        return (self.lt("fast < slow", x["fast"][i], x["slow"][i])
                and self.crosses_below("rsi crosses below entry", x["rsi"], 100 - p["rsi_entry"], i, "percent") and loud)

    def exit(self, d, i, memo):
        x, p, close = self.x, self.p, self.s.close
        if d == LONG:
            return (self.ge("rsi >= exit", x["rsi"][i], p["rsi_exit"], "percent")
                    or self.lt("close < slow", close[i], x["slow"][i]))
        return (self.le("rsi <= exit", x["rsi"][i], 100 - p["rsi_exit"], "percent")
                or self.gt("close > slow", close[i], x["slow"][i]))


class BollingerReversion(Strategy):
    defaults = dict(bb_period=20, bb_std=2.0, exit_band="middle", stop_loss_pct=0.03)

    def declare(self, p, s):
        upper, middle, lower = talib.BBANDS(s.close, p["bb_period"], p["bb_std"], p["bb_std"], 0)
        return dict(upper=upper, middle=middle, lower=lower)

    def enter(self, d, i):
        x, close = self.x, self.s.close
        if d == LONG:
            return self.crosses_below("close crosses below lower", close, x["lower"], i)
        return self.crosses_above("close crosses above upper", close, x["upper"], i)

    def exit(self, d, i, memo):
        x, close = self.x, self.s.close
        middle = self.p["exit_band"] == "middle"
        if d == LONG:
            return self.ge("close >= exit band", close[i], x["middle" if middle else "upper"][i])
        return self.le("close <= exit band", close[i], x["middle" if middle else "lower"][i])


class Momentum(Strategy):
    defaults = dict(roc_period=12, roc_entry=1.0, roc_exit=0.0, trend_period=50, rsi_period=14, rsi_max=80)

    def declare(self, p, s):
        return dict(roc=talib.ROC(s.close, p["roc_period"]), ema=talib.EMA(s.close, p["trend_period"]),
                    rsi=talib.RSI(s.close, p["rsi_period"]))

    def enter(self, d, i):
        x, p, close = self.x, self.p, self.s.close
        if d == LONG:
            return (self.gt("roc > entry", x["roc"][i], p["roc_entry"], "percent")
                    and self.gt("close > ema", close[i], x["ema"][i])
                    and self.lt("rsi < max", x["rsi"][i], p["rsi_max"], "percent"))
        return (self.lt("roc < -entry", x["roc"][i], -p["roc_entry"], "percent")
                and self.lt("close < ema", close[i], x["ema"][i])
                and self.gt("rsi > 100 - max", x["rsi"][i], 100 - p["rsi_max"], "percent"))

    def exit(self, d, i, memo):
        x, p = self.x, self.p
        if d == LONG:
            return self.lt("roc < exit", x["roc"][i], p["roc_exit"], "percent")
        return self.gt("roc > -exit", x["roc"][i], -p["roc_exit"], "percent")


class MeanReversion(Strategy):
    defaults = dict(lookback=30, entry_z=2.0, exit_z=0.0, rsi_period=14, rsi_oversold=35, stop_loss_pct=0.04,
                    max_holding_candles=48)

    def declare(self, p, s):
        return dict(z=_zscore(s.close, p["lookback"]), rsi=talib.RSI(s.close, p["rsi_period"]))

    def enter(self, d, i):
        x, p = self.x, self.p
        if d == LONG:
            return (self.lt("z < -entry", x["z"][i], -p["entry_z"], "unit")
                    and self.lt("rsi < oversold", x["rsi"][i], p["rsi_oversold"], "percent"))
        return (self.gt("z > entry", x["z"][i], p["entry_z"], "unit")
                and self.gt("rsi > 100 - oversold", x["rsi"][i], 100 - p["rsi_oversold"], "percent"))

    def exit(self, d, i, memo):
        x, p = self.x, self.p
        if d == LONG:
            return self.ge("z >= -exit", x["z"][i], -p["exit_z"], "unit")
        return self.le("z <= exit", x["z"][i], p["exit_z"], "unit")


class Breakout(Strategy):
    defaults = dict(entry_period=20, exit_period=10, volume_period=20, volume_factor=1.0, atr_period=14, atr_stop=2.0)

    def declare(self, p, s):
        return dict(entry_high=talib.MAX(s.high, p["entry_period"]), entry_low=talib.MIN(s.low, p["entry_period"]),
                    exit_high=talib.MAX(s.high, p["exit_period"]), exit_low=talib.MIN(s.low, p["exit_period"]),
                    volume=talib.SMA(s.volume, p["volume_period"]),
                    atr=talib.ATR(s.high, s.low, s.close, p["atr_period"]))

    def enter(self, d, i):
        x, p, close = self.x, self.p, self.s.close
        loud = self.ge("volume >= factor * sma", self.s.volume[i], p["volume_factor"] * x["volume"][i], "volume")
        if d == LONG:
            return bool(close[i] > x["entry_high"][i - 1]) and loud     # prices of the file: no rounding, no near ties
        return bool(close[i] < x["entry_low"][i - 1]) and loud

    def exit(self, d, i, memo):
        x, close = self.x, self.s.close
        if d == LONG:
            return bool(close[i] < x["exit_low"][i - 1])
        return bool(close[i] > x["exit_high"][i - 1])

    def stop(self, d, i):
        if self.p["atr_stop"] == 0:
            return None
        return float(self.s.close[i] - d * self.p["atr_stop"] * self.x["atr"][i])


class Hybrid(Strategy):
    defaults = dict(adx_period=14, adx_trend=25, macd_fast=12, macd_slow=26, macd_signal=9, bb_period=20, bb_std=2.0,
                    rsi_period=14, rsi_oversold=35, stop_loss_pct=0.03, trailing_stop_loss_pct=0.05)

    def declare(self, p, s):
        n = p["adx_period"]
        macd, signal, _ = talib.MACD(s.close, p["macd_fast"], p["macd_slow"], p["macd_signal"])
        upper, middle, lower = talib.BBANDS(s.close, p["bb_period"], p["bb_std"], p["bb_std"], 0)
        return dict(adx=talib.ADX(s.high, s.low, s.close, n), plus=talib.PLUS_DI(s.high, s.low, s.close, n),
                    minus=talib.MINUS_DI(s.high, s.low, s.close, n), macd=macd, signal=signal,
                    upper=upper, middle=middle, lower=lower, rsi=talib.RSI(s.close, p["rsi_period"]))

    def trending(self, i):
        return self.ge("adx >= trend", self.x["adx"][i], self.p["adx_trend"], "percent")

    def enter(self, d, i):
        x, p, close = self.x, self.p, self.s.close
        if self.trending(i):
            if d == LONG:
                return (self.crosses_above("macd crosses above signal", x["macd"], x["signal"], i)
                        and self.gt("plus > minus", x["plus"][i], x["minus"][i], "percent"))
            return (self.crosses_below("macd crosses below signal", x["macd"], x["signal"], i)
                    and self.gt("minus > plus", x["minus"][i], x["plus"][i], "percent"))
        if d == LONG:
            return (self.lt("close < lower", close[i], x["lower"][i])
                    and self.lt("rsi < oversold", x["rsi"][i], p["rsi_oversold"], "percent"))
        return (self.gt("close > upper", close[i], x["upper"][i])
                and self.gt("rsi > 100 - oversold", x["rsi"][i], 100 - p["rsi_oversold"], "percent"))

    def exit(self, d, i, memo):
        x, close = self.x, self.s.close
        if memo == "trend":
            if d == LONG:
                return self.crosses_below("macd crosses below signal", x["macd"], x["signal"], i)
            return self.crosses_above("macd crosses above signal", x["macd"], x["signal"], i)
        if d == LONG:
            return self.ge("close >= middle", close[i], x["middle"][i])
        return self.le("close <= middle", close[i], x["middle"][i])

    def memo(self, i):
        return "trend" if self.trending(i) else "range"


STRATEGIES = dict(ma_crossover=MaCrossover, scalping=Scalping, bollinger_reversion=BollingerReversion, momentum=Momentum,
                  mean_reversion=MeanReversion, breakout=Breakout, hybrid=Hybrid)

BASE_DEFAULTS = dict(
    stop_loss_pct=0, take_profit_pct=0, trailing_stop_loss_pct=0,
    apply_atr_filter=False, atr_filter_period=14, atr_filter_multiplier=1.5, atr_filter_sma_period=100,
    apply_seasonality_filter=False, allowed_trading_hours_utc="5-17", apply_seasonality_to_symbols="",
    cooldown_candles=0, max_holding_candles=0,
    max_cumulative_loss=0, max_daily_loss=0, max_drawdown_limit=0, max_consecutive_losses=0,
)

SETTINGS_DEFAULTS = dict(balance=10_000.0, commission_bps=10.0, slippage_bps=0.0, size=("equity_pct", 95.0),
                         allow_short=False, symbol="", instrument=None)


# ----------------------------------------------------------------------------------------------------- protective exits

def walk(position, bar, judge, other_order=False):
    """Walk one bar's prices past the position's levels.

    Returns None or (reason, price, slipped) and moves position.peak. For a long the order is open, low, high, close.
    """
    d = position.d
    adverse, favourable = (bar.low, bar.high) if d == LONG else (bar.high, bar.low)
    middle = [favourable, adverse] if other_order else [adverse, favourable]
    tag = "other order: " if other_order else ""

    def reached(label, level, price):
        """Has the price gone down to (long) or up to (short) a stop level?"""
        return judge.le(label, d * price, d * level)

    def exceeded(label, level, price):
        """Has the price gone up to (long) or down to (short) the target?"""
        return judge.ge(label, d * price, d * level)

    def trail():
        if not position.trailing:
            return None
        return position.peak * (1 - d * position.trailing)

    def see(price):
        position.peak = max(position.peak, price) if d == LONG else min(position.peak, price)

    # 1. at the open: a level already passed or touched is a gap, filled at the open itself
    at = f"{tag}{bar.open_time} open: "
    if position.stop is not None and reached(at + "stop", position.stop, bar.open):
        return "stop_loss", bar.open, True
    if trail() is not None and reached(at + "trailing", trail(), bar.open):
        return "trailing_stop", bar.open, True
    if position.target is not None and exceeded(at + "target", position.target, bar.open):
        return "take_profit", bar.open, False
    see(bar.open)

    # 2. on the way to each later price: the level met first; ties: stop_loss, trailing_stop, take_profit
    previous = bar.open
    for step, price in enumerate(middle + [bar.close], 1):
        at = f"{tag}{bar.open_time} leg {step}: "
        if d * price < d * previous:        # moving against the position: only stops can lie on the way
            stop = position.stop if position.stop is not None and reached(at + "stop", position.stop, price) else None
            trailing = trail() if trail() is not None and reached(at + "trailing", trail(), price) else None
            if stop is not None and trailing is not None:
                if judge.ge(at + "stop before trailing", d * stop, d * trailing):
                    return "stop_loss", stop, True
                return "trailing_stop", trailing, True
            if stop is not None:
                return "stop_loss", stop, True
            if trailing is not None:
                return "trailing_stop", trailing, True
        elif d * price > d * previous:      # moving with it: only the target can
            if position.target is not None and exceeded(at + "target", position.target, price):
                return "take_profit", position.target, False
        see(price)                          # 3. the peak moves after the levels were compared with this price
        previous = price
    return None


def first_hit(position, bars, judge, other_order=False):
    """Walk the bars of one candle in order, all with their extremes in the same order."""
    for bar in bars:
        found = walk(position, bar, judge, other_order)
        if found is not None:
            return found
    return None


# ------------------------------------------------------------------------------------------------------------ the engine

def _hours(text):
    match = re.fullmatch(r"\s*(\d+)\s*-\s*(\d+)\s*", text)
    start, end = int(match.group(1)), int(match.group(2))
    if start == end or start > 23 or end > 24:
        raise ValueError(f"allowed_trading_hours_utc: {text}")
    return start, end


def _in_hours(hour, hours):
    start, end = hours
    return start <= hour < end if start < end else hour >= start or hour < end


def run(candles, strategy, params=None, settings=None, start=None, end=None, detail=None, flips=()):
    """One backtest. start (inclusive) and end (exclusive) are open times in ms; detail is a list of finer candles.

    params holds the script's parameters, the base rules' and the risk limits; settings: see SETTINGS_DEFAULTS.
    `strategy` is a name or a class derived from Strategy.
    """
    kind = STRATEGIES[strategy] if isinstance(strategy, str) else strategy
    p = {**BASE_DEFAULTS, **kind.defaults, **(params or {})}
    o = {**SETTINGS_DEFAULTS, **(settings or {})}
    unknown = (set(p) - set(BASE_DEFAULTS) - set(kind.defaults)) | (set(o) - set(SETTINGS_DEFAULTS))
    if unknown:
        raise ValueError(f"unknown: {sorted(unknown)}")
    for name in ("stop_loss_pct", "take_profit_pct", "trailing_stop_loss_pct"):
        value = p[name] or 0
        if value < 0 or (name != "take_profit_pct" and value >= 1):
            raise ValueError(f"{name}: {value}")
    stop_pct, target_pct = p["stop_loss_pct"] or 0, p["take_profit_pct"] or 0
    trailing_pct = p["trailing_stop_loss_pct"] or 0
    cooldown_n, holding_n = p["cooldown_candles"] or 0, p["max_holding_candles"] or 0
    limit_total, limit_day = p["max_cumulative_loss"] or 0, p["max_daily_loss"] or 0
    limit_drawdown, limit_streak = p["max_drawdown_limit"] or 0, p["max_consecutive_losses"] or 0
    hours = _hours(p["allowed_trading_hours_utc"]) if p["apply_seasonality_filter"] else None
    symbols = [s.strip() for s in (p["apply_seasonality_to_symbols"] or "").split(",") if s.strip()]
    seasonal = hours is not None and (not symbols or o["symbol"] in symbols)
    initial = float(o["balance"])
    fee, slip = o["commission_bps"] / 10_000, o["slippage_bps"] / 10_000
    size_kind, size_value = o["size"]
    instrument = o["instrument"] or {}

    # The candles of the file up to the end of the range; the ones before `first` only warm the indicators.
    candles = [c for c in candles if end is None or c.open_time < end]
    first = next((i for i, c in enumerate(candles) if start is None or c.open_time >= start), len(candles))
    if first == len(candles):
        raise ValueError("no candle in the range")
    last = len(candles) - 1
    judge = Judge(flips)
    columns = SimpleNamespace(**{name: np.array([getattr(c, name) for c in candles], dtype=float)
                                 for name in ("open", "high", "low", "close", "volume")})
    script = kind(p, columns, judge)
    needed = list(script.x.values())
    atr = atr_mean = None
    if p["apply_atr_filter"]:
        atr = talib.ATR(columns.high, columns.low, columns.close, p["atr_filter_period"])
        needed.append(atr)
        if p["atr_filter_sma_period"] > 0:
            atr_mean = np.full(len(atr), np.nan)
            warm_from = p["atr_filter_period"]      # row of the first ATR
            if len(atr) > warm_from:
                atr_mean[warm_from:] = talib.SMA(atr[warm_from:], p["atr_filter_sma_period"])
            needed.append(atr_mean)

    def warm(i):
        return all(i >= 1 and not math.isnan(x[i]) and not math.isnan(x[i - 1]) for x in needed)

    detail = detail or []
    detail_times = [c.open_time for c in detail]

    def bars_of(candle):
        """The finer candles inside this one, or the candle itself."""
        a = bisect.bisect_left(detail_times, candle.open_time)
        b = bisect.bisect_right(detail_times, candle.close_time)
        return detail[a:b] or [candle]

    # -- the state
    cash = initial
    position = None
    pending_exit = None             # reason
    pending_entry = None            # direction, script's stop, memo, reason
    trades, equity = [], []
    vetoes, refusals, exits = {}, {}, {}
    commission_paid = slippage_paid = 0.0
    ambiguous = marked = 0
    closed_pnl = 0.0
    cooldown_until = -1             # the last candle whose decision is vetoed
    halted = False
    day_blocked = None              # the UTC day max_daily_loss blocks
    day_base, day_now, last_equity = initial, None, initial
    peak_equity = initial
    drawn_down = False
    streak = 0
    streak_day = None               # the UTC day max_consecutive_losses blocks
    first_call = None

    def count(table, reason):
        table[reason] = table.get(reason, 0) + 1

    def close_position(i, price, slipped, reason):
        """Book the exit of the position in candle i; price is before slippage."""
        nonlocal cash, position, closed_pnl, commission_paid, slippage_paid, cooldown_until, streak
        d, q = position.d, position.quantity
        fill = price * (1 - d * slip) if slipped else price
        commission = q * fill * fee
        cash += d * q * fill - commission
        pnl = d * (fill - position.entry_price) * q - position.entry_commission - commission
        commission_paid += commission
        slippage_paid += q * abs(fill - price)
        closed_pnl += pnl
        won = judge.gt("trade won", pnl, 0.0, q * position.entry_price)
        trades.append(dict(
            entry_time=candles[position.entry_index].open_time, exit_time=candles[i].open_time, direction=NAME[d],
            quantity=q, entry_price=position.entry_price, exit_price=fill, pnl=pnl,
            pnl_pct=pnl / (q * position.entry_price) * 100, commission=position.entry_commission + commission,
            entry_reason=position.entry_reason, exit_reason=reason, candles_held=i - position.entry_index, won=won,
            entry_index=position.entry_index, exit_index=i))
        count(exits, reason)
        if won:
            streak = 0
        else:
            streak += 1
            if cooldown_n:
                cooldown_until = max(cooldown_until, i + cooldown_n - 1)
        position = None

    def open_position(i, order):
        """Fill the entry at the open of candle i, or refuse it."""
        nonlocal cash, position, commission_paid, slippage_paid
        d = order.d
        price = candles[i].open
        fill = price * (1 + d * slip)
        stops = ([fill * (1 - d * stop_pct)] if stop_pct else []) + ([order.stop] if order.stop is not None else [])
        stop = (max(stops) if d == LONG else min(stops)) if stops else None
        if size_kind == "units":
            quantity = size_value
        elif size_kind == "quote":
            quantity = size_value / fill
        elif size_kind == "equity_pct":
            quantity = cash * size_value / 100 / fill
        else:   # risk_pct
            if stop is None or judge.le("risk_pct: stop passed", d * fill, d * stop):
                return count(refusals, "no_stop")
            quantity = cash * size_value / 100 / abs(fill - stop)
        quantity = max(0.0, min(quantity, cash / (fill * (1 + fee))))
        if instrument.get("step_size"):
            quantity = judge.floor_to("step_size", quantity, instrument["step_size"])
        if quantity <= 0:
            return count(refusals, "zero_quantity")
        if instrument.get("min_qty") and judge.lt("min_qty", quantity, instrument["min_qty"]):
            return count(refusals, "min_qty")
        if instrument.get("min_notional") and judge.lt("min_notional", quantity * fill, instrument["min_notional"]):
            return count(refusals, "min_notional")
        commission = quantity * fill * fee
        cash -= d * quantity * fill + commission
        commission_paid += commission
        slippage_paid += quantity * abs(fill - price)
        position = SimpleNamespace(d=d, quantity=quantity, entry_price=fill, entry_commission=commission, entry_index=i,
                                   entry_reason=order.reason, stop=stop,
                                   target=fill * (1 + d * target_pct) if target_pct else None,
                                   trailing=trailing_pct, peak=fill, memo=order.memo)

    def veto(i):
        """The first filter against an entry decided on candle i, or None."""
        c = candles[i]
        if p["apply_atr_filter"]:
            factor = p["atr_filter_multiplier"]
            if atr_mean is not None:
                passed = judge.ge("atr filter", atr[i], factor * atr_mean[i], 0.0, Judge.INDICATOR)
            else:
                passed = judge.ge("atr filter", atr[i] / c.close * 100, factor, 0.0, Judge.INDICATOR)
            if not passed:
                return "atr_filter"
        if seasonal and not _in_hours((c.close_time + 1) // 3_600_000 % 24, hours):
            return "seasonality_filter"
        if i <= cooldown_until:
            return "cooldown"
        if halted:
            return "max_cumulative_loss"
        if day_blocked is not None:
            return "max_daily_loss"
        if drawn_down:
            return "max_drawdown_limit"
        if streak_day is not None:
            return "max_consecutive_losses"
        return None

    for i in range(first, last + 1):
        c = candles[i]
        judge.now = i

        # a new UTC day lifts the limits of the day before
        day = c.close_time // DAY_MS
        if day != day_now:
            day_base, day_now = last_equity, day
            if day_blocked is not None:
                day_blocked = None
            if streak_day is not None:
                streak_day, streak = None, 0

        # 1. pending orders fill at the open
        if pending_exit is not None:
            close_position(i, c.open, True, pending_exit)
        if pending_entry is not None:
            open_position(i, pending_entry)
        pending_exit = pending_entry = None

        # 2. the protective walk
        if position is not None:
            bars, before = list(bars_of(c)), position.peak
            found = first_hit(position, bars, judge)
            if found is not None:
                reason, price, slipped = found
                after, position.peak = position.peak, before
                other = first_hit(position, bars, judge, other_order=True)
                position.peak = after
                if other is None or other[0] != reason or not judge.eq("ambiguous: same price", other[1], price):
                    ambiguous += 1
                close_position(i, price, slipped, reason)

        # 3. the last candle: close what is open, without slippage; the script's wishes there are dropped
        if i == last and position is not None:
            close_position(i, c.close, False, "end_of_data")

        # the equity curve: cash and the position marked at the close
        open_pnl = 0.0
        value = cash
        if position is not None:
            marked += 1
            open_pnl = position.d * position.quantity * (c.close - position.entry_price) - position.entry_commission
            value = cash + position.d * position.quantity * c.close
        equity.append((c.close_time, value))
        last_equity = value
        if i == last:
            break

        # 4. risk, judged at the close, before the script's wishes
        peak_equity = max(peak_equity, value)
        if limit_total and judge.le("max_cumulative_loss", closed_pnl + open_pnl, -limit_total, initial):
            halted = True
        if limit_day and judge.le("max_daily_loss", value - day_base, -limit_day, initial):
            day_blocked = day
        drawn_down = bool(limit_drawdown) and judge.le("max_drawdown_limit", value, peak_equity * (1 - limit_drawdown))
        if limit_streak and streak >= limit_streak:
            streak_day = day

        # 5. the script
        wants, wants_exit = None, False
        if warm(i):
            if first_call is None:
                first_call = c.open_time
            if position is None:
                if script.enter(LONG, i):
                    wants = LONG
                elif o["allow_short"] and script.enter(SHORT, i):
                    wants = SHORT
            else:
                if o["allow_short"] and script.enter(-position.d, i):
                    wants = -position.d
                wants_exit = script.exit(position.d, i, position.memo)

        # 6. the filters, and the new pending orders
        if wants is not None:
            against = veto(i)
            if against is not None:
                count(vetoes, against)
                wants = None
        if position is not None:
            if halted:
                pending_exit = "max_loss"
            elif wants is not None:
                pending_exit = "reverse"
            elif wants_exit:
                pending_exit = "signal"
            elif holding_n and i - position.entry_index + 1 >= holding_n:
                pending_exit = "time_stop"
        if wants is not None:
            pending_entry = SimpleNamespace(d=wants, stop=script.stop(wants, i), memo=script.memo(i),
                                            reason="signal" if position is None else "reverse")

    metrics = _metrics(candles[first:], initial, trades, equity, marked)
    metrics.update(commission_paid=commission_paid, slippage_paid=slippage_paid, ambiguous_exits=ambiguous,
                   vetoes=vetoes, refusals=refusals, exits=exits)
    return Result(trades, equity, {key: metrics[key] for key in METRIC_KEYS}, judge.ties, first_call)


# --------------------------------------------------------------------------------------------------------------- metrics

METRIC_KEYS = """initial_balance final_balance cumulative_profit return_pct buy_and_hold_pct cagr_pct volatility_pct
sharpe_ratio sortino_ratio calmar_ratio omega_ratio max_drawdown_pct max_drawdown_quote max_drawdown_days trades_total
trades_won trades_lost longest_winning_streak longest_losing_streak win_rate_pct profit_factor payoff_ratio expectancy sqn
average_trade best_trade worst_trade average_candles_held exposure_pct commission_paid slippage_paid ambiguous_exits vetoes
refusals exits""".split()


def _mean(values):
    return math.fsum(values) / len(values) if values else 0.0


def _deviation(values):
    """The sample deviation; 0 where it is undefined."""
    if len(values) < 2 or max(values) == min(values):
        return 0.0
    mean = _mean(values)
    return math.sqrt(math.fsum((x - mean) ** 2 for x in values) / (len(values) - 1))


def _metrics(candles, initial, trades, equity, marked):
    final = equity[-1][1]
    m = dict(initial_balance=initial, final_balance=final, cumulative_profit=final - initial,
             return_pct=(final - initial) * 100 / initial,
             buy_and_hold_pct=(candles[-1].close / candles[0].open - 1) * 100 if candles[0].open else 0.0)

    # daily returns; a day without candles carries the value on
    by_day = {}
    for time, value in equity:
        by_day[time // DAY_MS] = value
    days = range(equity[0][0] // DAY_MS, equity[-1][0] // DAY_MS + 1)
    n = len(days)
    previous, r = initial, []
    for day in days:
        value = by_day.get(day, previous)
        r.append(value / previous - 1 if previous else 0.0)
        previous = value
    sd, year = _deviation(r), math.sqrt(365)
    downside = math.sqrt(math.fsum(min(x, 0.0) ** 2 for x in r) / n)
    gains, losses = math.fsum(max(x, 0.0) for x in r), math.fsum(max(-x, 0.0) for x in r)
    growth = final / initial
    m["cagr_pct"] = (growth ** (365 / n) - 1) * 100 if growth >= 0 else 0.0
    m["volatility_pct"] = sd * year * 100
    m["sharpe_ratio"] = _mean(r) / sd * year if sd else 0.0
    m["sortino_ratio"] = _mean(r) / downside * year if downside else 0.0

    # drawdowns; the peak starts at the initial balance, at the first open
    peak, peak_time = initial, candles[0].open_time
    worst_pct = worst_quote = longest = 0.0
    for time, value in equity:
        if value > peak:
            peak, peak_time = value, time
        elif value < peak:
            worst_pct = max(worst_pct, 1 - value / peak)
            worst_quote = max(worst_quote, peak - value)
            longest = max(longest, (time - peak_time) / DAY_MS)
    m["calmar_ratio"] = m["cagr_pct"] / (worst_pct * 100) if worst_pct else 0.0
    m["omega_ratio"] = gains / losses if losses else None
    m["max_drawdown_pct"], m["max_drawdown_quote"], m["max_drawdown_days"] = worst_pct * 100, worst_quote, longest

    pnl = [t["pnl"] for t in trades]
    won = [t["pnl"] for t in trades if t["won"]]
    lost = [t["pnl"] for t in trades if not t["won"]]
    runs = {True: 0, False: 0}
    length, side = 0, None
    for t in trades:
        length = length + 1 if t["won"] == side else 1
        side = t["won"]
        runs[side] = max(runs[side], length)
    total = len(trades)
    gross_won, gross_lost = math.fsum(won), -math.fsum(lost)
    m.update(trades_total=total, trades_won=len(won), trades_lost=len(lost), longest_winning_streak=runs[True],
             longest_losing_streak=runs[False], win_rate_pct=len(won) / total * 100 if total else 0.0,
             profit_factor=gross_won / gross_lost if gross_lost else None,
             payoff_ratio=_mean(won) / (gross_lost / len(lost)) if gross_lost else None,
             expectancy=_mean(pnl),
             sqn=math.sqrt(total) * _mean(pnl) / _deviation(pnl) if _deviation(pnl) else 0.0,
             average_trade=_mean(pnl), best_trade=max(pnl, default=0.0), worst_trade=min(pnl, default=0.0),
             average_candles_held=_mean([t["candles_held"] for t in trades]),
             exposure_pct=marked / len(candles) * 100)
    return m
