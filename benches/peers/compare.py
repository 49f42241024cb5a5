#!/usr/bin/env python3
"""mista beside Backtesting.py and backtrader: candles per CPU second and peak memory, in one run on the same candles.

    python3 benches/peers/compare.py [--rows 100000,1000000] [--backtrader-rows 100000] [--json FILE]

Run it with a Python that has the packages of requirements.txt, from anywhere. It builds mista, writes the candles,
and starts every measurement as a process of its own, one after the other. See README.md for what is compared.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
WORKLOADS = {
    "W1": ("ma_crossover", []),
    "W2": ("breakout", ["volume_factor=0", "atr_stop=0", "stop_loss_pct=0.02", "take_profit_pct=0.04"]),
}


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


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", default="100000,1000000")
    parser.add_argument("--backtrader-rows", type=int, default=100_000, help="most candles backtrader is given")
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
    with tempfile.TemporaryDirectory() as folder:
        for candles in map(int, arguments.rows.split(",")):
            path = Path(folder) / f"SYNTH_1m_{candles}.csv"
            command = [target / "examples/bench_run", "candles", str(candles), path, arguments.gap_bps]
            subprocess.run(command, check=True)
            for workload in WORKLOADS:
                rows.append(floor(target, workload, candles, path))
                rows.append(mista(target, workload, candles, path))
                rows.append(peer("backtesting", workload, candles, path))
                if candles <= arguments.backtrader_rows:
                    rows.append(peer("backtrader", workload, candles, path))
                print_rows(rows[-4:] if candles <= arguments.backtrader_rows else rows[-3:])
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
