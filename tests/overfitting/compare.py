"""Whether `mista optimize` reports the DSR and PBO that reference.py finds in the equity curves of its trials.

    python compare.py --mista target/release/mista [--script strategies/breakout.rhai ...]

Runs an optimization with --save-details, then every row of the details file as `mista run --set ... --equity`,
and makes the matrix of returns from those curves. Also compares every figure of a row with what the run says.
"""

import argparse
import csv
import json
import pathlib
import subprocess
import sys
import tempfile

import numpy
import reference

ROOT = pathlib.Path(__file__).resolve().parents[2]
SCRIPTS = ["ma_crossover", "breakout", "bollinger_reversion"]


def returns_of(mista, script, assignments, period, folder):
    equity = folder / "equity.csv"
    command = [mista, "run", script, *period, "--no-report", "--json", "--equity", equity]
    for assignment in assignments:
        command += ["--set", assignment]
    output = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    figures = json.loads(output)
    curve = numpy.loadtxt(equity, delimiter=",", skiprows=1)[:, 1]
    before = numpy.concatenate([[figures["initial_balance"]], curve[:-1]])
    return curve / before - 1, figures


def compare(mista, script, period, folder, digits):
    command = [mista, "optimize", script, *period, "--save-details", "--json", "--quiet", "--out", folder]
    output = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    result = json.loads(output)
    (details,) = (folder / "details").glob("*.csv")
    with open(details, newline="") as file:
        rows = list(csv.DictReader(file))
    names = list(rows[0])
    parameters = names[1 : names.index("initial_balance")]
    columns, different = [], 0
    for row in rows:
        assignments = [f"{name}={row[name]}" for name in parameters]
        column, figures = returns_of(mista, script, assignments, period, folder)
        columns.append(column)
        for name in names[names.index("initial_balance") : names.index("sharpe_per_candle")]:
            there = float(row[name]) if row[name] else None
            different += there != figures[name]
    matrix = numpy.column_stack(columns)
    _, sharpe, expected, dsr = reference.deflated_sharpe(matrix)
    pbo = float((reference.logits(matrix, 16, digits) <= 0).mean())
    found = result["overfitting"]
    print(f"{script}: {matrix.shape[1]} trials of {matrix.shape[0]} candles, {different} figures differ")
    worst = 0.0
    for name, theirs in [("sharpe", sharpe), ("expected_max", expected), ("dsr", dsr), ("pbo", pbo)]:
        ours = found[name]
        worst = max(worst, abs(ours - theirs))
        print(f"  {name:<14}{ours:<24.17g}{theirs:<24.17g}{abs(ours - theirs):.1e}")
    return different == 0 and worst <= 1e-6


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mista", required=True)
    parser.add_argument("--script", nargs="*", default=[f"strategies/{name}.rhai" for name in SCRIPTS])
    parser.add_argument("--start", default="2020-01-01")
    parser.add_argument("--end", default="2020-07-01")
    parser.add_argument("--digits", type=int, default=11, help="see reference.py")
    arguments = parser.parse_args()
    mista = str(pathlib.Path(arguments.mista).resolve())
    period = ["--start", arguments.start, "--end", arguments.end]
    good = True
    for script in arguments.script:
        with tempfile.TemporaryDirectory() as folder:
            good &= compare(mista, script, period, pathlib.Path(folder), arguments.digits)
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
