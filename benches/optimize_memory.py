#!/usr/bin/env python3
"""Peak memory of `mista optimize` by the number of combinations, and what follows the last trial. Linux.

    python3 benches/optimize_memory.py [--mista target/release/mista] [--combinations 1000,100000] [--rows 2000]

A row per search, each a process of its own:

- `few`: ma_crossover, 10 x 10 averages (20 columns), the rest stops and targets.
- `many`: ma_crossover, a column for each of 65 (of 1,000 combinations) to 650 (of 100,000) averages.
- `own`: bollinger_reversion, five columns for each combination, which no other combination uses.

`--details` runs them with --save-details as well. The peak is the largest resident set as the kernel reports it at the
end; `at last trial` is the same figure when the last trial has ended. Trials and what comes after them are wall time.
"""

import argparse
import math
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def steps(first, count, step=1):
    """`count` values from `first` on, as a grid file writes them."""
    return f"{{ from: {first}, to: {round(first + (count - 1) * step, 6)}, step: {step} }}"


def split(count):
    """A number as two factors, the smaller first and as large as can be."""
    smaller = next(factor for factor in range(math.isqrt(count), 0, -1) if count % factor == 0)
    return smaller, count // smaller


def few(count):
    if count % 100:
        sys.exit("--combinations: multiples of 100, please")
    targets, stops = split(count // 100)
    grid = {
        "fast_period": steps(5, 10, 5),
        "slow_period": steps(60, 10, 20),
        "stop_loss_pct": steps(0.005, stops, 0.001),
        "take_profit_pct": steps(0.01, targets, 0.002),
    }
    return "ma_crossover", grid


def many(count):
    fast, slow = split(count)
    return "ma_crossover", {"fast_period": steps(1, fast), "slow_period": steps(fast + 1, slow)}


def own(count):
    periods, deviations = split(count)
    return "bollinger_reversion", {"bb_period": steps(10, periods), "bb_std": steps(0.5, deviations, 0.005)}


GRIDS = {"few": few, "many": many, "own": own}


def write_candles(path, rows):
    draw = random.Random(1)
    close = 30_000.0
    with open(path, "w", encoding="ascii") as file:
        file.write("open_time,open,high,low,close,volume\n")
        for row in range(rows):
            opened, close = close, round(close * (1 + draw.gauss(0, 0.005)), 2)
            high = round(max(opened, close) * (1 + abs(draw.gauss(0, 0.001))), 2)
            low = round(min(opened, close) * (1 - abs(draw.gauss(0, 0.001))), 2)
            file.write(f"{1_609_459_200_000 + 3_600_000 * row},{opened},{high},{low},{close},{draw.randint(1, 999)}\n")


def peak_mb(pid):
    """Largest resident set so far."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return math.nan


def measure(mista, name, count, details, rows, threads, folder):
    script, grid = GRIDS[name](count)
    file = folder / "grid.yaml"
    text = f"{script}:\n" + "".join(f"  {parameter}: {values}\n" for parameter, values in grid.items())
    file.write_text(text, encoding="ascii")
    candles, out = folder / "SYNTH_1h.csv", folder / "out"
    command = [mista, "--verbose", "optimize", f"strategies/{script}.rhai", "--data", candles, "--grid", file]
    command += ["--out", out, "--threads", threads, "--yes", "--quiet"] + ["--save-details"] * details
    start = time.monotonic()
    child = subprocess.Popen([str(part) for part in command], stderr=subprocess.PIPE, text=True, cwd=ROOT)
    ended, at_last = start, math.nan
    said = []
    for line in child.stderr:
        said.append(line)
        if " trials in " in line:
            ended, at_last = time.monotonic(), peak_mb(child.pid)
    _, status, usage = os.wait4(child.pid, 0)
    end = time.monotonic()
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        sys.exit(f"failed: {' '.join(map(str, command))}\n{''.join(said)}")
    print(
        f"| {name} | {rows:,} | {count:,} | {'yes' if details else 'no'} | {usage.ru_maxrss / 1024:.1f} | {at_last:.1f}"
        f" | {ended - start:.1f} | {end - ended:.2f} | {usage.ru_utime + usage.ru_stime:.1f} |",
        flush=True,
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mista", type=Path, default=ROOT / "target/release/mista", help="the program")
    parser.add_argument("--combinations", default="1000,100000", help="multiples of 100")
    parser.add_argument("--grids", default=",".join(GRIDS), help="which of them")
    parser.add_argument("--rows", type=int, default=2000, help="candles")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--details", action="store_true", help="with --save-details as well")
    arguments = parser.parse_args()
    print("| columns | candles | combinations | details | peak, MB | at last trial, MB | trials, s | after, s | CPU, s |")
    print("|---|---:|---:|---|---:|---:|---:|---:|---:|", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        write_candles(Path(folder) / "SYNTH_1h.csv", arguments.rows)
        for name in arguments.grids.split(","):
            for details in [False, True] if arguments.details else [False]:
                for count in map(int, arguments.combinations.split(",")):
                    measure(
                        arguments.mista.resolve(), name, count, details, arguments.rows, arguments.threads, Path(folder)
                    )


if __name__ == "__main__":
    main()
