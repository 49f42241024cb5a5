#!/usr/bin/env python3
"""mista beside Backtesting.py, backtrader and vectorbt: candles per CPU second and peak memory, in one run on the same
candles.

    python3 benches/peers/compare.py [--workloads W1,W2,W3] [--rows 100000,1000000] [--json FILE]

Run it with a Python that has the packages of requirements.txt, from anywhere. It builds mista, writes the candles,
and starts every measurement as a process of its own, one after the other. See README.md for what is compared.
"""

import argparse
import csv
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
WORKLOADS = {
    "W1": ("ma_crossover", []),
    "W2": ("breakout", ["volume_factor=0", "atr_stop=0", "stop_loss_pct=0.02", "take_profit_pct=0.04"]),
}
# W3: a search, W1's script over these averages.
SEARCHED = "ma_crossover"
FAST = range(5, 51, 5)
SLOW = range(60, 241, 20)
VECTORIZED = ["vectorbt-rust", "vectorbt-numba"]
SEARCHERS = [*VECTORIZED, "backtesting"]
# Final values closer than this, relative to each other, are equal.
TOLERANCE = 1e-6


def process(command):
    """Runs a command; its output, CPU seconds (user and system) and peak resident memory in MB."""
    child = subprocess.Popen([str(part) for part in command], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    output = child.stdout.read()
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        sys.exit(f"failed: {' '.join(map(str, command))}")
    return json.loads(output), usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def row(engine, workload, candles, result, whole, memory):
    return {
        "workload": workload,
        "candles": candles,
        "engine": engine,
        "version": result.get("version", ""),
        "engine_cpu_s": result["cpu_s"],
        "process_cpu_s": whole,
        "peak_mb": memory,
        "trades": result["trades"],
        "final_equity": result["final_equity"],
    }


def mista(target, workload, candles, path):
    script, settings = WORKLOADS[workload]
    # The engine alone: candles in memory; columns, script and metrics.
    engine, _, _ = process([target / "examples/bench_run", workload, "backtest", path])
    # The whole: a user's command, which reads the file too. Its trades and equity are what is compared.
    command = [target / "mista", "run", f"strategies/{script}.rhai", "--data", path, "--no-report", "--json"]
    report, whole, memory = process(command + [part for text in settings for part in ("--set", text)])
    engine |= {"trades": report["trades_total"], "final_equity": report["final_balance"]}
    engine["version"] = report["version"]
    return row("mista", workload, candles, engine, whole, memory)


def floor(target, workload, candles, path):
    result, whole, memory = process([target / "examples/bench_run", workload, "floor", path])
    return row("(hand-written loop)", workload, candles, result, float("nan"), float("nan"))


def peer(engine, workload, candles, path):
    result, whole, memory = process([sys.executable, HERE / "engines.py", engine, workload, path])
    return row(engine, workload, candles, result, whole, memory)


def optimize(target, folder, path, fast, slow, threads):
    """`mista optimize` over fast and slow: one stage, and trades and final equity of each combination."""
    grid, out = folder / "grid.yaml", folder / "optimize"
    grid.write_text(f"{SEARCHED}:\n  fast_period: {list(fast)}\n  slow_period: {list(slow)}\n", encoding="ascii")
    command = [target / "mista", "optimize", f"strategies/{SEARCHED}.rhai", "--data", path, "--grid", grid]
    command += ["--out", out, "--save-details", "--yes", "--json", "--quiet", "--threads", threads]
    start = time.perf_counter()
    report, cpu, memory = process(command)
    wall = time.perf_counter() - start
    with open(report["files"]["details"], encoding="utf-8", newline="") as file:
        names = ["fast_period", "slow_period", "trades_total", "final_balance"]
        figures = [[float(row[name]) for name in names] for row in csv.DictReader(file)]
    return {"cpu_s": cpu, "wall_s": wall, "peak_mb": memory}, figures, report["version"]


def searches(target, folder, candles, path, repetitions):
    """W3, the engines one after the other and then all of them again: a row for each engine and stage."""
    grid = [[fast, slow] for fast in FAST for slow in SLOW]
    rows, wanted = {}, []
    for repetition in range(repetitions):
        print(f"W3: repetition {repetition + 1} of {repetitions}", file=sys.stderr, flush=True)

        def add(engine, version, stage, **figures):
            of_stage = rows.setdefault((engine, stage), {"workload": "W3", "candles": candles, "engine": engine})
            of_stage |= {"version": version, "stage": stage, "combinations": len(grid)}
            for name, value in figures.items():
                of_stage.setdefault(name, []).append(value)

        whole, wanted, version = optimize(target, folder, path, FAST, SLOW, 1)
        one, _, _ = optimize(target, folder, path, list(FAST)[:1], list(SLOW)[:1], 1)
        add("mista", version, "whole process", **whole)
        # What a further combination costs, times their number.
        alone = {name: (whole[name] - one[name]) * len(grid) / (len(grid) - 1) for name in ("cpu_s", "wall_s")}
        add("mista", version, "trials alone", **alone)
        spread, _, _ = optimize(target, folder, path, FAST, SLOW, os.cpu_count())
        add("mista", version, f"whole process, {os.cpu_count()} threads", **spread)
        for engine in SEARCHERS:
            command = [sys.executable, HERE / "engines.py", engine, "W3", path, json.dumps(grid)]
            result, cpu, _ = process(command)
            for stage in result["stages"]:
                add(engine, result["version"], process_cpu_s=cpu, **stage)
            rows[engine, result["stages"][0]["stage"]]["differences"] = differences(result["results"], wanted)
    return list(rows.values())


def differences(results, wanted):
    """Combinations for which an engine says something else than mista."""
    pairs = list(zip(results, wanted, strict=True))
    if any(found[:2] != there[:2] for found, there in pairs):
        sys.exit("the combinations are not in the same order")
    close = lambda found, there: abs(found / there - 1) <= TOLERANCE
    return [
        {"combination": found[:2], "trades": [found[2], there[2]], "final_equity": [found[3], there[3]]}
        for found, there in pairs
        if found[2] != there[2] or not close(found[3], there[3])
    ]


def print_searches(rows):
    base = rows[0]
    count = base["combinations"]
    print(f"\nW3, {base['candles']:,} candles x {count} combinations, medians of {len(base['cpu_s'])} repetitions")
    heads = ["engine", "candles x combinations per CPU second", "mista is", "lowest, highest"]
    print(f"| {' | '.join([*heads, 'CPU, s', 'least', 'wall, s', 'peak memory, MB'])} |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|")
    for row in rows:
        cpu = statistics.median(row["cpu_s"])
        # By repetition: what runs close together shares the machine's load.
        ratios = [there / here for there, here in zip(row["cpu_s"], base["cpu_s"])]
        memory = f"{max(row['peak_mb']):,.0f}" if "peak_mb" in row else ""
        print(
            f"| {row['engine']} {row['version']}: {row['stage']} | {row['candles'] * count / cpu:,.0f}"
            f" | {statistics.median(ratios):.2f}x | {min(ratios):.2f}x, {max(ratios):.2f}x"
            f" | {cpu:.2f} | {min(row['cpu_s']):.2f} | {statistics.median(row['wall_s']):.1f} | {memory} |"
        )
    print()
    for row in rows:
        if (different := row.get("differences")) is None:
            continue
        print(f"{row['engine']}: {count - len(different)} of {count} combinations come out as mista's", flush=True)
        for one in different:
            (trades, wanted), (final, there) = one["trades"], one["final_equity"]
            fast, slow = one["combination"]
            print(f"- fast {fast}, slow {slow}: {trades:.0f} trades for {wanted:.0f}, {final:.2f} for {there:.2f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workloads", default="W1,W2,W3", help="which of them")
    parser.add_argument("--rows", default="100000,1000000")
    parser.add_argument("--backtrader-rows", type=int, default=100_000, help="most candles backtrader is given")
    parser.add_argument("--search-rows", type=int, default=100_000, help="most candles W3 is run on")
    parser.add_argument("--repetitions", type=int, default=3, help="of W3")
    parser.add_argument("--gap-bps", default="0", help="deviation of an open from the close before")
    parser.add_argument("--target", type=Path, help="folder with built binaries [default: build here]")
    parser.add_argument("--json", type=Path, help="write the figures to a file as well")
    arguments = parser.parse_args()
    target = arguments.target
    if target is None:
        build = ["cargo", "build", "--release", "--bin", "mista", "--example", "bench_run"]
        subprocess.run(build, cwd=ROOT, check=True)
        target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release"
    rows = []
    wanted = arguments.workloads.split(",")
    if not set(wanted) <= {*WORKLOADS, "W3"}:
        parser.error("--workloads: W1, W2, W3, separated by commas")
    with tempfile.TemporaryDirectory() as folder:
        for candles in map(int, arguments.rows.split(",")):
            path = Path(folder) / f"SYNTH_1m_{candles}.csv"
            command = [target / "examples/bench_run", "candles", str(candles), path, arguments.gap_bps]
            subprocess.run(command, check=True)
            for workload in filter(wanted.__contains__, WORKLOADS):
                peers = [*VECTORIZED, "backtesting"]
                peers += ["backtrader"] if candles <= arguments.backtrader_rows else []
                found = [floor(target, workload, candles, path), mista(target, workload, candles, path)]
                found += [peer(engine, workload, candles, path) for engine in peers]
                print_rows(found)
                rows += found
            if "W3" in wanted and candles <= arguments.search_rows:
                found = searches(target, Path(folder), candles, path, arguments.repetitions)
                print_searches(found)
                rows += found
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1))


def print_rows(rows):
    base = next(row for row in rows if row["engine"] == "mista")
    print(f"\n{base['workload']}, {base['candles']:,} candles")
    print("| engine | candles per CPU second | mista is | whole process, CPU s | peak memory, MB | trades | final equity |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    for row in rows:
        speed = row["candles"] / row["engine_cpu_s"]
        ratio = row["engine_cpu_s"] / base["engine_cpu_s"]
        whole = "" if row["process_cpu_s"] != row["process_cpu_s"] else f"{row['process_cpu_s']:.2f}"
        memory = "" if row["peak_mb"] != row["peak_mb"] else f"{row['peak_mb']:.0f}"
        print(
            f"| {row['engine']} {row['version']} | {speed:,.0f} | {ratio:.3g}x | {whole} | {memory}"
            f" | {row['trades']} | {row['final_equity']:.2f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
