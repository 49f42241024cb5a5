#!/usr/bin/env python3
"""Compares mista's indicators with TA-Lib's C library on a candle file.

    pip install numpy TA-Lib            # the figures in docs/indicators.md: TA-Lib 0.8.2, C library 0.8.1
    tests/talib/compare.py --mista target/release/mista --data data/1h/BTCUSDT_1h.csv

Prints, for each expression, the row in which it is warm and the largest difference, relative to the value or to the
column's mean magnitude, whichever is greater. Exit code 1 when a difference is above 1e-9, when a warm-up row differs,
or when a column is missing.

    tests/talib/compare.py --fixture tests/fixtures/talib

writes the fixture of the Rust tests anew: a few hundred made-up candles and TA-Lib's columns for them.
"""

import argparse
import csv
import os
import subprocess
import sys
import tempfile
from datetime import datetime, timezone

import numpy as np
import talib

LIMIT = 1e-9


# --- what to compare -------------------------------------------------------------------------------------------------


def cases(fixture=False):
    """[(expression, [field or None], function of the candle columns -> TA-Lib's columns in that order)]"""
    found = []

    def add(expression, compute, fields=(None,)):
        found.append((expression, fields, compute))

    def over_source(name, function, periods, least=1):
        for n in periods:
            for source in ("close",) if fixture else ("close", "volume"):
                if n >= least:
                    add(f"{name}({source}, {n})", lambda c, s=source, n=n: [function(c[s], n)])

    def over_candle(name, function, periods, fields=(None,), least=1):
        for n in periods:
            if n >= least:
                add(f"{name}({n})", lambda c, n=n: function(c, n), fields)

    periods = (2, 7, 14, 21) if fixture else (1, 2, 3, 5, 14, 20, 21, 50, 200)
    for name, function in {
        "sma": talib.SMA, "ema": talib.EMA, "wma": talib.WMA, "dema": talib.DEMA, "tema": talib.TEMA,
        "kama": talib.KAMA, "trima": talib.TRIMA, "roc": talib.ROC, "mom": talib.MOM, "trix": talib.TRIX,
        "variance": talib.VAR,
    }.items():  # fmt: skip
        over_source(name, function, periods)
    for name, function in {
        "rsi": talib.RSI, "highest": talib.MAX, "lowest": talib.MIN, "sum": talib.SUM, "stddev": talib.STDDEV,
        "linreg": talib.LINEARREG, "linreg_slope": talib.LINEARREG_SLOPE,
    }.items():  # fmt: skip
        over_source(name, function, periods, least=2)
    for n in (7, 20) if fixture else (5, 10, 20, 50, 200):
        add(f"correlation(close, open, {n})", lambda c, n=n: [talib.CORREL(c["close"], c["open"], n)])
        add(f"correlation(close, volume, {n})", lambda c, n=n: [talib.CORREL(c["close"], c["volume"], n)])

    for fast, slow, signal in ((12, 26, 9), (26, 12, 9), (5, 35, 5), (3, 10, 1)):
        add(
            f"macd(close, {fast}, {slow}, {signal})",
            lambda c, f=fast, s=slow, g=signal: talib.MACD(c["close"], f, s, g),
            ("macd", "signal", "hist"),
        )
        add(f"ppo(close, {fast}, {slow})", lambda c, f=fast, s=slow: [talib.PPO(c["close"], f, s, 1)])
    for n, k, d in ((14, 14, 3), (14, 5, 3), (5, 3, 1)):
        add(
            f"stoch_rsi(close, {n}, {k}, {d})",
            lambda c, n=n, k=k, d=d: talib.STOCHRSI(c["close"], n, k, d, 0),
            ("k", "d"),
        )
    for n, mult in ((20, 2.0), (5, 2.5), (50, 1.0)):
        add(
            f"bollinger(close, {n}, {mult})",
            lambda c, n=n, m=mult: talib.BBANDS(c["close"], n, m, m, 0),
            ("upper", "middle", "lower"),
        )

    def hlc(c):
        return c["high"], c["low"], c["close"]

    for k, smooth, d in ((14, 3, 3), (5, 1, 3), (1, 1, 1)):
        add(
            f"stoch({k}, {smooth}, {d})",
            lambda c, k=k, s=smooth, d=d: talib.STOCH(*hlc(c), k, s, 0, d, 0),
            ("k", "d"),
        )
    over_candle("atr", lambda c, n: [talib.ATR(*hlc(c), n)], periods)
    over_candle("natr", lambda c, n: [talib.NATR(*hlc(c), n)], periods)
    over_candle("cci", lambda c, n: [talib.CCI(*hlc(c), n)], periods, least=2)
    over_candle("willr", lambda c, n: [talib.WILLR(*hlc(c), n)], periods, least=2)
    over_candle("mfi", lambda c, n: [talib.MFI(*hlc(c), c["volume"], n)], periods, least=2)
    over_candle(
        "adx",
        lambda c, n: [talib.ADX(*hlc(c), n), talib.PLUS_DI(*hlc(c), n), talib.MINUS_DI(*hlc(c), n)],
        periods,
        ("adx", "plus_di", "minus_di"),
        least=2,
    )
    over_candle(
        "aroon",
        lambda c, n: [*reversed(talib.AROON(c["high"], c["low"], n)), talib.AROONOSC(c["high"], c["low"], n)],
        periods,
        ("up", "down", "osc"),
        least=2,
    )
    over_candle(
        "donchian",
        lambda c, n: [talib.MAX(c["high"], n), talib.MIN(c["low"], n)],
        periods,
        ("upper", "lower"),
        least=2,
    )
    for a, b, c_ in ((7, 14, 28), (28, 7, 14), (1, 2, 3)):
        add(f"ultosc({a}, {b}, {c_})", lambda c, a=a, b=b, d=c_: [talib.ULTOSC(*hlc(c), a, b, d)])
    add("true_range()", lambda c: [talib.TRANGE(*hlc(c))])
    add("obv()", lambda c: [talib.OBV(c["close"], c["volume"])])
    add("ad()", lambda c: [talib.AD(*hlc(c), c["volume"])])
    for fast, slow in ((3, 10), (10, 3)):
        add(f"adosc({fast}, {slow})", lambda c, f=fast, s=slow: [talib.ADOSC(*hlc(c), c["volume"], f, s)])
    for step, most in ((0.02, 0.2), (0.05, 0.05), (0.5, 0.2)):
        add(f"psar({step}, {most})", lambda c, a=step, m=most: [talib.SAR(c["high"], c["low"], a, m)])
    add("sma(atr(14), 100)", lambda c: [talib.SMA(talib.ATR(*hlc(c), 14), 100)])
    return found


# --- candles ---------------------------------------------------------------------------------------------------------


def milliseconds(text):
    try:
        return int(text)
    except ValueError:
        time = datetime.fromisoformat(text.replace("Z", "+00:00"))
        return int(time.replace(tzinfo=time.tzinfo or timezone.utc).timestamp() * 1000)


def read_candles(path):
    """The columns of a candle file with a header; lines that begin with # are comments."""
    with open(path, newline="") as file:
        rows = csv.DictReader(line for line in file if not line.startswith("#"))
        time = "open_time" if "open_time" in rows.fieldnames else "date"
        rows = list(rows)
    columns = {name: np.array([float(row[name]) for row in rows]) for name in ("open", "high", "low", "close", "volume")}
    columns["open_time"] = np.array([milliseconds(row[time]) for row in rows])
    return columns


def made_up_candles(rows=240):
    """A walk with flat stretches, candles without range, candles without volume and equal highs."""
    random = np.random.default_rng(20240101)
    table, price, still = [], 250.0, 0
    for row in range(rows):
        if still == 0 and random.random() < 0.03:
            still = int(random.integers(3, 30))
        before = price
        if still > 0:
            still -= 1
            high = low = price
            volume = 0.0 if random.random() < 0.6 else round(random.exponential(20), 3)
        else:
            price = round(max(1.0, price * (1 + random.normal() * 0.01)), 1)
            high = round(max(before, price) + abs(random.normal()) * 0.8, 1)
            low = round(min(before, price) - abs(random.normal()) * 0.8, 1)
            volume = round(random.exponential(20), 3)
        table.append((1_700_000_000_000 + row * 3_600_000, before, high, low, price, volume))
    columns = dict(zip(("open_time", "open", "high", "low", "close", "volume"), np.array(table).T))
    return {name: np.ascontiguousarray(column) for name, column in columns.items()}


# --- the two uses ----------------------------------------------------------------------------------------------------


def name_of(expression, field):
    return expression if field is None else f"{expression}.{field}"


def write_fixture(folder):
    candles = made_up_candles()
    names, columns = [], []
    for expression, fields, compute in cases(fixture=True):
        for field, column in zip(fields, compute(candles)):
            names.append(name_of(expression, field))
            columns.append(column)
    with open(os.path.join(folder, "candles.csv"), "w", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(["open_time", "open", "high", "low", "close", "volume"])
        for row in zip(*(candles[name] for name in ("open_time", "open", "high", "low", "close", "volume"))):
            out.writerow([int(row[0]), *(repr(float(value)) for value in row[1:])])
    with open(os.path.join(folder, "expected.csv"), "w", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(names)
        for row in zip(*columns):
            out.writerow(["" if np.isnan(value) else f"{value:.11g}" for value in row])
    print(f"{len(names)} columns, TA-Lib {talib.__version__} over C library {talib.__ta_version__.decode()}")


def series(mista, data, expressions):
    """mista's columns by name."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "series.csv")
        subprocess.run([mista, "series", "--data", data, *expressions, "--out", path], check=True)
        with open(path, newline="") as file:
            rows = csv.reader(file)
            header = next(rows)
            table = [[float(cell) if cell else np.nan for cell in row[1:]] for row in rows]
    return dict(zip(header[1:], np.array(table).reshape(-1, len(header) - 1).T))


def difference(theirs, ours):
    """Warm-up rows of both, and the largest relative difference."""
    warm = [int(np.argmax(~np.isnan(column))) if not np.isnan(column).all() else None for column in (theirs, ours)]
    if not np.array_equal(np.isnan(theirs), np.isnan(ours)):
        return warm, np.inf
    theirs, ours = theirs[~np.isnan(theirs)], ours[~np.isnan(ours)]
    if len(theirs) == 0:
        return warm, 0.0
    apart = np.abs(theirs - ours)
    scale = np.maximum(np.abs(theirs), np.mean(np.abs(theirs)))
    return warm, float(np.max(np.where(apart == 0.0, 0.0, apart / np.where(scale == 0.0, np.inf, scale))))


def compare(mista, data):
    candles = read_candles(data)
    todo = cases()
    columns = {}
    for start in range(0, len(todo), 50):
        columns |= series(mista, data, [expression for expression, _, _ in todo[start : start + 50]])
    print(f"{len(candles['close'])} candles, TA-Lib {talib.__version__} over C library {talib.__ta_version__.decode()}")
    print(f"{'expression':44} {'warm':>6} {'difference':>12}")
    failures, worst = 0, {}
    for expression, fields, compute in todo:
        for field, theirs in zip(fields, compute(candles)):
            name = name_of(expression, field)
            if name not in columns:
                failures += 1
                print(f"{name:44} missing in mista's output")
                continue
            (warm, our_warm), largest = difference(theirs, columns[name])
            note = "" if warm == our_warm else f"  mista: {our_warm}"
            if largest > LIMIT:
                failures += 1
                note += "  <-- above 1e-9"
            print(f"{name:44} {str(warm):>6} {largest:12.2e}{note}")
            short = name_of(expression.split("(")[0], field)
            worst[short] = max(worst.get(short, 0.0), largest)
    print("\nlargest by indicator")
    for short, largest in worst.items():
        print(f"{short:24} {largest:10.1e}")
    return failures


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mista", help="the mista binary")
    parser.add_argument("--data", help="a candle file with a header")
    parser.add_argument("--fixture", help="write the fixture of the Rust tests into this folder and stop")
    options = parser.parse_args()
    if options.fixture:
        write_fixture(options.fixture)
        return 0
    if not (options.mista and options.data):
        parser.error("--mista and --data are needed")
    return 1 if compare(options.mista, options.data) else 0


if __name__ == "__main__":
    sys.exit(main())
