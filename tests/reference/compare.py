"""Compare the mista binary with the reference implementation on random data, settings and parameters.

    python tests/reference/compare.py --mista target/release/mista --cases 300 --seed 1 --keep /tmp/compare

Exit code 1 on any difference that is not a knife-edge (see README.md), or on any failure of the binary.
"""

import argparse
import csv
import json
import math
import os
import random
import shlex
import shutil
import subprocess
import sys
import tempfile
from datetime import datetime, timezone
from decimal import Decimal
from pathlib import Path

import exact as exact_arithmetic
from reference import METRIC_KEYS, STRATEGIES, load, run

ROOT = Path(__file__).resolve().parents[2]
INTERVALS = {"5m": 300_000, "15m": 900_000, "1h": 3_600_000}
FINER = {"5m": 60_000, "15m": 60_000, "1h": 300_000}
SYMBOLS = {"SOLUSDT": 100.0, "SUIUSDT": 2.5, "BTCUSDT": 42_000.0, "DOGEUSDT": 0.12}


# --------------------------------------------------------------------------------------------------------- random candles

def random_candles(rng, interval, fine=None):
    """(symbol, rows, finer rows or None); a row is [open_time, open, high, low, close, volume, close_time]."""
    symbol = rng.choice(list(SYMBOLS))
    style = rng.choice(["grid", "grid", "fine", "fine", "fine"])
    if style == "grid":     # coarse prices: ties and exact touches happen
        step = rng.choice([0.5, 0.5, 1.0, 2.0, 0.25])
        level, digits = rng.choice([64.0, 100.0, 128.0, 200.0]), None
        volatility = rng.choice([0.004, 0.008, 0.015])
    else:
        level = SYMBOLS[symbol] * rng.uniform(0.5, 2)
        digits = max(0, 5 - len(str(int(level)))) + 1
        volatility = rng.choice([0.002, 0.005, 0.01, 0.02])

    def snap(x):
        return max(step, round(x / step) * step) if style == "grid" else max(10 ** -digits, round(x, digits))

    count = rng.choice([300, 500, 800, 1200, 2000, 3000])
    parts = interval // fine if fine else 1
    if parts > 1:
        count = min(count, 1200)
    width = volatility / math.sqrt(parts)
    time = 1_700_000_000_000 // interval * interval + rng.randrange(0, 400) * interval
    price, home, drift = level, level, 0.0
    flat_left, jumpy, whole_volume = 0, rng.random() < 0.5, rng.random() < 0.4
    rows, finer = [], []
    while len(rows) < count:
        if rng.random() < 0.003:        # a gap in time
            time += interval * rng.choice([1, 2, 5, 30, 200])
        if rng.random() < 0.01:         # a regime
            drift = rng.gauss(0, volatility / 6)
        if rng.random() < 0.004:        # a flat stretch
            flat_left = rng.randrange(1, 60)
        bars = []
        for k in range(parts):
            pull = 0.0005 / parts * math.log(home / price)
            o = price
            if rng.random() < (0.25 if jumpy else 0.02) / parts:
                o = snap(price * (1 + rng.gauss(0, 2 * volatility)))
            if flat_left:
                o = c = h = l = price
            else:
                c = snap(o * math.exp(rng.gauss(drift / parts + pull, width)))
                h = max(o, c, snap(max(o, c) * (1 + abs(rng.gauss(0, width)) * rng.choice([0, 1, 1]))))
                l = min(o, c, snap(min(o, c) * (1 - abs(rng.gauss(0, width)) * rng.choice([0, 1, 1]))))
            v = 0.0 if (flat_left and rng.random() < 0.7) else rng.lognormvariate(2, 0.8)
            v = float(round(v)) if whole_volume else round(v, 3)
            start = time + k * (interval // parts)
            bars.append([start, o, h, l, c, v, start + interval // parts - 1])
            price = c
        flat_left = max(0, flat_left - 1)
        rows.append([time, bars[0][1], max(b[2] for b in bars), min(b[3] for b in bars), bars[-1][4],
                     round(sum(b[5] for b in bars), 3), time + interval - 1])
        if parts > 1:
            finer += bars
        time += interval
    if parts > 1:                       # holes in the finer data: whole candles, single rows, the front
        holes = set()
        for row in rows:
            if rng.random() < 0.05:
                holes |= {row[0] + k * fine for k in range(parts)}
        finer = [b for b in finer if b[0] not in holes and rng.random() > 0.01]
        return symbol, rows, finer
    return symbol, rows, None


def file_candles(rng, paths, interval):
    """A random stretch of a real file, as the same rows."""
    path = Path(rng.choice(paths))
    candles = load(path)
    count = min(len(candles), rng.choice([300, 800, 2000, 3000]))
    a = rng.randrange(0, len(candles) - count + 1)
    rows = [[c.open_time, c.open, c.high, c.low, c.close, c.volume, c.open_time + interval - 1] for c in candles[a:a + count]]
    return "BTCUSDT", rows, None


def plain(x):
    """A float without exponent, as it reads back."""
    return format(Decimal(repr(x)), "f")


def write_candles(path, rows, with_close_time=True):
    columns = ["open_time", "open", "high", "low", "close", "volume"] + (["close_time"] if with_close_time else [])
    with open(path, "w", newline="") as out:
        out.write(",".join(columns) + "\n")
        for row in rows:
            out.write(",".join(plain(x) for x in row[:len(columns)]) + "\n")


# ------------------------------------------------------------------------------------------------------------ random runs

def period(rng, low, high):
    """Mostly short periods, so that short files trade."""
    return max(low, min(high, round(low * math.exp(rng.random() ** 1.5 * math.log(high / low)))))


def script_params(rng, name):
    r = rng.random
    if name == "ma_crossover":
        fast = period(rng, 2, 40)
        p = dict(fast_period=fast, slow_period=fast + period(rng, 1, 100), ma_type=rng.choice(["sma", "ema"]),
                 trend_period=rng.choice([0, 0, period(rng, 5, 200)]))
    elif name == "scalping":
        fast = period(rng, 2, 20)
        p = dict(fast_period=fast, slow_period=fast + period(rng, 1, 40), rsi_period=period(rng, 2, 30),
                 rsi_entry=rng.choice([40, 45, 50, 55]), rsi_exit=rng.choice([60, 70, 75, 90]),
                 volume_period=period(rng, 2, 50), volume_factor=rng.choice([0.5, 0.8, 1.0, 1.2]),
                 max_holding_candles=rng.choice([0, 3, 12, 40]), stop_loss_pct=rng.choice([0, 0.005, 0.01, 0.03]),
                 take_profit_pct=rng.choice([0, 0.01, 0.02]))
    elif name == "bollinger_reversion":
        p = dict(bb_period=period(rng, 3, 60), bb_std=rng.choice([0.5, 1.0, 1.5, 2.0]),
                 exit_band=rng.choice(["middle", "upper"]), stop_loss_pct=rng.choice([0, 0.01, 0.03]))
    elif name == "momentum":
        p = dict(roc_period=period(rng, 2, 40), roc_entry=rng.choice([0.0, 0.2, 0.5, 1.0, 2.5]), roc_exit=rng.choice([-1.0, 0.0, 0.3]),
                 trend_period=period(rng, 2, 150), rsi_period=period(rng, 2, 40), rsi_max=rng.choice([60, 70, 80, 95]))
    elif name == "mean_reversion":
        p = dict(lookback=period(rng, 3, 100), entry_z=rng.choice([0.5, 1.0, 1.5, 2.0]), exit_z=rng.choice([0.0, 0.25, 0.5]),
                 rsi_period=period(rng, 2, 30), rsi_oversold=rng.choice([30, 35, 45, 50]),
                 stop_loss_pct=rng.choice([0, 0.01, 0.04]), max_holding_candles=rng.choice([0, 5, 48]))
    elif name == "breakout":
        p = dict(entry_period=period(rng, 2, 80), exit_period=period(rng, 2, 60), volume_period=period(rng, 2, 60),
                 volume_factor=rng.choice([0.5, 0.8, 1.0, 1.3]), atr_period=period(rng, 2, 40),
                 atr_stop=rng.choice([0, 0.3, 1.0, 2.0, 3.5]))
    else:
        fast = period(rng, 2, 20)
        p = dict(adx_period=period(rng, 2, 40), adx_trend=rng.choice([15, 20, 25, 35]), macd_fast=fast,
                 macd_slow=fast + period(rng, 2, 30), macd_signal=period(rng, 2, 15), bb_period=period(rng, 3, 40),
                 bb_std=rng.choice([0.5, 1.0, 2.0]), rsi_period=period(rng, 2, 30), rsi_oversold=rng.choice([30, 35, 45]),
                 stop_loss_pct=rng.choice([0, 0.02, 0.03]), trailing_stop_loss_pct=rng.choice([0, 0.02, 0.05]))
    # each parameter keeps its default now and then, so that the scripts' defaults are compared too
    defaults = STRATEGIES[name].defaults
    p = {key: value for key, value in p.items() if r() > 0.1}
    full = {**defaults, **p}
    for fast, slow in (("fast_period", "slow_period"), ("macd_fast", "macd_slow")):
        if fast in full and full[fast] >= full[slow]:
            p.pop(fast, None), p.pop(slow, None)
    return p


def base_params(rng, balance):
    p, chance = {}, rng.random
    pct = [0.0625, 0.03125, 0.125, 0.02, 0.05, 0.01, 0.005]
    for name in ("stop_loss_pct", "take_profit_pct", "trailing_stop_loss_pct"):
        if chance() < 0.3:
            p[name] = rng.choice(pct)
    if chance() < 0.2:
        p.update(apply_atr_filter=True, atr_filter_period=period(rng, 2, 30),
                 atr_filter_sma_period=rng.choice([0, 1, 5, 20, 100]))
        p["atr_filter_multiplier"] = (rng.choice([0.3, 0.8, 1.5]) if p["atr_filter_sma_period"] == 0
                                      else rng.choice([0.7, 0.95, 1.0, 1.1]))
    if chance() < 0.2:
        p.update(apply_seasonality_filter=True)
        if chance() < 0.8:
            p["allowed_trading_hours_utc"] = rng.choice(["5-17", "22-4", "0-24", "12-24", "20-0", "0-12", "7-8"])
        if chance() < 0.4:
            p["apply_seasonality_to_symbols"] = rng.choice(["SOLUSDT,SUIUSDT", "BTCUSDT", "SOLUSDT,DOGEUSDT"])
    if chance() < 0.25:
        p["cooldown_candles"] = rng.choice([1, 2, 5, 20, 60])
    if chance() < 0.2:
        p["max_holding_candles"] = rng.choice([1, 2, 5, 20])
    if chance() < 0.15:
        p["max_cumulative_loss"] = round(balance * rng.choice([0.005, 0.02, 0.1]), 2)
    if chance() < 0.2:
        p["max_daily_loss"] = round(balance * rng.choice([0.001, 0.005, 0.02]), 2)
    if chance() < 0.15:
        p["max_drawdown_limit"] = rng.choice([0.005, 0.02, 0.08])
    if chance() < 0.25:
        p["max_consecutive_losses"] = rng.choice([1, 2, 3])
    return p


def iso(ms, rng):
    moment = datetime.fromtimestamp(ms / 1000, timezone.utc)
    if rng.random() < 0.3:
        day = moment.replace(hour=0, minute=0, second=0, microsecond=0)
        return day.strftime("%Y-%m-%d"), int(day.timestamp() * 1000)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ"), ms // 1000 * 1000


def make_case(seed, index, folder, args):
    """Everything of one case, written to folder; the same seed and index give the same case."""
    rng = random.Random(f"{seed}-{index}")
    name = args.strategy or list(STRATEGIES)[index % len(STRATEGIES)]
    interval = rng.choice(list(INTERVALS)) if not args.data else args.interval
    fine = FINER[interval] if not args.data and rng.random() < 0.2 else None
    symbol, rows, finer = (file_candles(rng, args.data, INTERVALS[interval]) if args.data
                           else random_candles(rng, INTERVALS[interval], fine))
    folder.mkdir(parents=True, exist_ok=True)
    data = folder / f"{symbol}_{interval}.csv"
    write_candles(data, rows, rng.random() < 0.7)
    candles = load(data, INTERVALS[interval])

    balance = rng.choice([10_000.0, 10_000.0, 1_000.0, 250_000.5])
    price = rows[0][1]
    size = rng.choice([("equity_pct", 95.0), ("equity_pct", 95.0), ("equity_pct", 100.0), ("equity_pct", 12.5),
                       ("quote", round(balance / rng.choice([3, 10]), 2)), ("quote", balance * 2),
                       ("units", round(balance / price / rng.choice([2, 7]), 4) or 1.0),
                       ("risk_pct", 1.0), ("risk_pct", 0.3)])
    params = {**base_params(rng, balance), **script_params(rng, name)}
    if size[0] == "risk_pct" and rng.random() < 0.85 and not params.get("stop_loss_pct"):
        params["stop_loss_pct"] = rng.choice([0.01, 0.03])
    if rng.random() < 0.3:
        params.update({k: v for k, v in base_params(rng, balance).items() if k in params and rng.random() < 0.5})
    settings = dict(balance=balance, size=size, symbol=symbol, commission_bps=rng.choice([0.0, 10.0, 10.0, 7.5, 30.0]),
                    slippage_bps=rng.choice([0.0, 0.0, 2.0, 5.0, 40.0]), allow_short=rng.random() < 0.55)
    command = ["run", f"strategies/{name}.rhai", "--data", data, "--symbol", symbol, "--interval", interval]
    if rng.random() < 0.3:
        # sizes near the usual quantity and notional, so that some entries are refused and others not
        notional = {"units": size[1] * price, "quote": size[1], "equity_pct": balance * size[1] / 100}.get(size[0], balance / 3)
        notional = min(notional, balance)
        step = 10.0 ** math.floor(math.log10(notional / price) - rng.choice([0, 1, 2, 3]))
        usual = math.floor(notional / price / step)
        instrument = dict(tick_size=0.01, step_size=float(f"{step:.9g}"),
                          min_qty=float(f"{step * rng.choice([1, 1, max(1, usual), usual * 0.9]):.9g}"),
                          min_notional=float(f"{notional * rng.choice([0.01, 0.01, 0.5, 0.95]):.6g}"))
        settings["instrument"] = instrument
        (folder / "config.yaml").write_text(
            "instrument: { " + ", ".join(f"{k}: {plain(v)}" for k, v in instrument.items()) + " }\n")
        command += ["--config", folder / "config.yaml"]
    start = end = None
    if rng.random() < 0.35:
        text, start = iso(rows[rng.randrange(0, len(rows) // 2)][0], rng)
        command += ["--start", text]
    if rng.random() < 0.35:
        text, end = iso(rows[rng.randrange(3 * len(rows) // 4, len(rows))][0], rng)
        command += ["--end", text]
    if not [c for c in candles if (start is None or c.open_time >= start) and (end is None or c.open_time < end)]:
        at = command.index("--end")
        del command[at:at + 2]
        end = None
    for key, value in params.items():
        command += ["--set", f"{key}={str(value).lower() if isinstance(value, bool) else value}"]
    command += ["--balance", str(balance), "--commission-bps", str(settings["commission_bps"]),
                "--slippage-bps", str(settings["slippage_bps"]), "--size", f"{size[0]}={size[1]}"]
    if settings["allow_short"]:
        command += ["--allow-short"]
    detail = None
    if finer is not None:
        write_candles(folder / "detail.csv", finer)
        detail = load(folder / "detail.csv", fine)
        command += ["--detail", folder / "detail.csv"]
    command += ["--trades", folder / "trades.csv", "--equity", folder / "equity.csv", "--no-report", "--json", "--quiet"]

    def reference_run(flips=()):
        return run(candles, name, params, settings, start, end, detail, flips)

    return name, [str(x) for x in command], reference_run, candles


# ------------------------------------------------------------------------------------------------------------- comparison

def close(a, b, relative, absolute=0.0):
    return abs(a - b) <= max(relative * max(abs(a), abs(b)), absolute)


def differences(result, theirs, metrics_only=False):
    """The first difference as (time in ms or inf, text), or None."""
    trades, equity, metrics = theirs
    for k in range(max(len(trades), len(result.trades))):
        if k >= len(trades):
            return result.trades[k]["entry_time"], f"trade {k}: missing in mista; reference has {show(result.trades[k])}"
        if k >= len(result.trades):
            return int(trades[k]["entry_time"]), f"trade {k}: only in mista: {show(trades[k])}"
        a, b = result.trades[k], trades[k]
        at = min(a["exit_time"], int(b["exit_time"]))
        if a["entry_time"] != int(b["entry_time"]):
            at = min(a["entry_time"], int(b["entry_time"]))
        both = f"\n      reference {show(a)}\n      mista     {show(b)}"
        for key in ("entry_time", "direction", "entry_reason", "exit_time", "exit_reason", "candles_held"):
            if str(a[key]) != b[key]:
                return at, f"trade {k}: {key}: {a[key]} here, {b[key]} in mista{both}"
        notional = a["quantity"] * a["entry_price"]
        for key in ("quantity", "entry_price", "exit_price", "pnl", "pnl_pct", "commission"):
            absolute = 1e-8 * {"pnl": notional, "commission": notional, "pnl_pct": 100}.get(key, 0)
            if not close(a[key], float(b[key]), 1e-8, absolute):
                return at, f"trade {k}: {key}: {a[key]!r} here, {b[key]} in mista{both}"
    for k in range(max(len(equity), len(result.equity))):
        if k >= len(equity) or k >= len(result.equity):
            return math.inf, f"equity: {len(result.equity)} points here, {len(equity)} in mista"
        (time, value), (t, v) = result.equity[k], equity[k]
        if time != t or not close(value, v, 1e-9):
            return min(time, t), f"equity point {k}: {time},{value!r} here, {t},{v!r} in mista"
    keys = list(metrics)[:len(METRIC_KEYS)]
    if keys != METRIC_KEYS:
        return math.inf, f"the JSON's keys begin {keys}, not with the metrics table's"
    scale = result.metrics["initial_balance"]
    for key in METRIC_KEYS:
        a, b = result.metrics[key], metrics[key]
        if isinstance(a, dict):
            if {k: n for k, n in a.items() if n} != {k: int(n) for k, n in b.items() if int(n)}:
                return math.inf, f"{key}: {a} here, {b} in mista"
        elif a is None or b is None:
            if a is not b:
                return math.inf, f"{key}: {a} here, {b} in mista"
        else:
            money = key in ("cumulative_profit", "max_drawdown_quote", "expectancy", "average_trade", "best_trade", "worst_trade")
            if not close(a, float(b), 1e-7, 1e-10 * scale if money else 1e-9):
                return math.inf, f"{key}: {a!r} here, {b!r} in mista"
    return None


def show(t):
    return ", ".join(f"{key}={t[key]}" for key in ("direction", "entry_time", "entry_reason", "entry_price", "exit_time",
                                                   "exit_reason", "exit_price", "quantity", "pnl", "candles_held"))


def progress(result, theirs):
    """How far two runs agree: the time of the first difference, then how near the counts are. None: they agree."""
    found = differences(result, theirs)
    if found is None:
        return None
    off = 0
    for key in ("vetoes", "refusals", "exits"):
        a, b = result.metrics[key], theirs[2].get(key) or {}
        off += sum(abs(a.get(k, 0) - int(b.get(k, 0))) for k in set(a) | set(b))
    return found[0], -off - abs(result.metrics["ambiguous_exits"] - float(theirs[2].get("ambiguous_exits") or 0))


def knife_edge(reference_run, result, theirs, candles, tries=40, depth=12):
    """Does answering some near ties the other way round remove the difference? Returns the flipped ties, or None."""
    flips, used = [], []
    reached = progress(result, theirs)
    for _ in range(depth):
        near, seen = [], set(flips)
        for index, label, a, b in reversed(result.ties):
            if (index, label) not in seen and candles[index].open_time <= reached[0]:
                seen.add((index, label))
                near.append((index, label, a, b))
        best = None
        for index, label, a, b in near[:tries]:
            other = reference_run(flips + [(index, label)])
            got = progress(other, theirs)
            if got is None:
                return used + [(index, label, a, b)]
            if got > (best[0] if best else reached):
                best = (got, (index, label, a, b), other)
        if best is None:
            return None
        reached, tie, result = best
        used.append(tie)
        flips.append(tie[:2])
    return None


def read_theirs(folder, text):
    with open(folder / "trades.csv", newline="") as handle:
        trades = list(csv.DictReader(handle))
    with open(folder / "equity.csv", newline="") as handle:
        equity = [(int(row["time"]), float(row["equity"])) for row in csv.DictReader(handle)]
    return trades, equity, json.loads(text)


def main():
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--mista", help="the binary; without it the reference alone is run, and its trades counted")
    ask.add_argument("--cases", type=int, default=100)
    ask.add_argument("--seed", default="1")
    ask.add_argument("--only", type=int, help="only the case of this number")
    ask.add_argument("--strategy", choices=STRATEGIES, help="only this strategy")
    ask.add_argument("--keep", type=Path, help="keep the files of failing cases (with --only: of the case) here")
    ask.add_argument("--root", type=Path, default=ROOT, help="the folder that holds strategies/")
    ask.add_argument("--data", type=Path, action="append", help="candle files to cut stretches from, instead of random walks")
    ask.add_argument("--interval", choices=INTERVALS, default="1h", help="of the files of --data")
    ask.add_argument("--exact", action="store_true", help="averages and bands by exact arithmetic (slow): decides ties on coarse prices")
    args = ask.parse_args()
    if args.exact:
        exact_arithmetic.use()
    mista = os.path.abspath(args.mista) if args.mista else None
    work = Path(tempfile.mkdtemp(prefix="compare-"))
    numbers = [args.only] if args.only is not None else range(args.cases)
    counts = dict(equal=0, different=0, edge_rounding=0, edge_exact=0, failed=0)
    trades_total, reasons, vetoes, refusals, ambiguous = 0, {}, {}, {}, 0

    for index in numbers:
        folder = (args.keep or work).absolute() / f"case-{args.seed}-{index}"
        name, command, reference_run, candles = make_case(args.seed, index, folder, args)
        result = reference_run()
        trades_total += len(result.trades)
        ambiguous += result.metrics["ambiguous_exits"]
        for table, key in ((reasons, "exits"), (vetoes, "vetoes"), (refusals, "refusals")):
            for reason, n in result.metrics[key].items():
                table[reason] = table.get(reason, 0) + n
        verdict, text = "equal", None
        if mista:
            done = subprocess.run([mista] + command, cwd=args.root, capture_output=True, text=True)
            if done.returncode:
                verdict, text = "failed", f"exit code {done.returncode}: {(done.stderr or done.stdout).strip()[:800]}"
            else:
                try:
                    theirs = read_theirs(folder, done.stdout)
                    found = differences(result, theirs)
                except (OSError, KeyError, ValueError) as error:
                    verdict, text, found = "failed", f"output not understood: {error!r}", None
                if found:
                    edge = knife_edge(reference_run, result, theirs, candles)
                    verdict, text = "different", found[1]
                    if edge:
                        exact = all(a == b for _, _, a, b in edge)
                        verdict = "edge_exact" if exact else "edge_rounding"
                        text += "".join(f"\n      near tie at candle {i} ({candles[i].open_time}): {label}: {float(a)!r} and {float(b)!r}"
                                        for i, label, a, b in edge)
        counts[verdict] += 1
        if verdict != "equal":
            word = {"different": "DIFFERENT", "failed": "FAILED", "edge_rounding": "knife-edge (rounding)",
                    "edge_exact": "knife-edge (exact tie here: look at it)"}[verdict]
            extra = "".join(f" --{k} {shlex.quote(str(v))}" for k, v in
                            [("strategy", args.strategy)] + [("data", d) for d in args.data or []] if v)
            if args.data:
                extra += f" --interval {args.interval}"
            print(f"{word}: case {index}, {name}: {text}")
            print(f"    (cd {shlex.quote(str(args.root))} && {shlex.join([mista] + command)})")
            print(f"    python {sys.argv[0]} --mista {shlex.quote(mista)} --seed {args.seed} --only {index}{extra} --keep {folder.parent}",
                  flush=True)
        if not (args.only is not None and args.keep) and (verdict == "equal" or not args.keep):
            shutil.rmtree(folder, ignore_errors=True)
    shutil.rmtree(work, ignore_errors=True)

    print(f"reference: {trades_total} trades, {ambiguous} ambiguous exits; exits {reasons}; vetoes {vetoes}; refusals {refusals}")
    print(f"{len(numbers)} cases: {counts['equal']} equal, {counts['different']} different, {counts['failed']} failed, "
          f"{counts['edge_rounding']} knife-edge (rounding), {counts['edge_exact']} knife-edge (exact tie)"
          if mista else f"{len(numbers)} cases run by the reference alone")
    return 1 if counts["different"] or counts["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
