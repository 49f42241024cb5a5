"""How often `mista optimize` calls luck sound, and how often it sees an edge that is there.

    python judge.py --mista target/release/mista [--walks 200] [--edges 50]

Writes candle files and optimizes three scripts on each, with the grids below:

- *walks*: hourly closes whose returns are independent, with mean 0; candles as made from 60 steps each. Nothing in
  them can be known. At most 5 % may be called sound.
- *trends*: the drift changes its sign every few hundred candles and stays there, DRIFT deviations a candle. Crossings
  of averages and breakouts have an edge, larger than the commission.
- *reversions*: the log price is pulled back to a slowly wandering value, PULL of the way each candle. Fading the
  extremes has an edge.

An edge counts as seen where the script that fits it is called sound on its file; at least 80 % must be.
"""

import argparse
import concurrent.futures
import json
import pathlib
import subprocess
import tempfile

import numpy

ROOT = pathlib.Path(__file__).resolve().parents[2]
CANDLES = 6000
DEVIATION = 0.006
DRIFT = 0.25
PULL = 0.08
STEPS = 20

GRID = """
ma_crossover:
  fast_period: [5, 10, 15, 20, 30]
  slow_period: { from: 40, to: 120, step: 20 }
  stop_loss_pct: [null, 0.05]
breakout:
  entry_period: [10, 20, 40, 80]
  exit_period: [5, 10, 20, 40]
  volume_factor: [0.0]
  atr_stop: [0.0, 3.0]
mean_reversion:
  lookback: [20, 30, 50, 80]
  entry_z: [1.0, 1.5, 2.0, 2.5]
  exit_z: [-0.5, 0.0, 0.5]
  rsi_oversold: [100]
"""


def walk(random):
    return random.normal(0, DEVIATION / STEPS**0.5, (CANDLES, STEPS))


def trend(random):
    steps = walk(random)
    sign, row = random.choice([-1, 1]), 0
    while row < CANDLES:
        length = int(random.integers(150, 450))
        steps[row : row + length] += sign * DRIFT * DEVIATION / STEPS
        sign, row = -sign, row + length
    return steps


def reversion(random):
    steps = walk(random)
    centre = numpy.cumsum(random.normal(0, DEVIATION / 10, CANDLES))
    price = 0.0
    for row in range(CANDLES):
        for step in range(STEPS):
            steps[row, step] += PULL / STEPS * (centre[row] - price)
            price += steps[row, step]
    return steps


def write(path, steps):
    prices = 10_000 * numpy.exp(numpy.concatenate([[0.0], numpy.cumsum(steps.ravel())]))
    with open(path, "w") as file:
        file.write("open_time,open,high,low,close,volume\n")
        for row in range(CANDLES):
            part = prices[row * STEPS : (row + 1) * STEPS + 1].round(2)
            time = 1_600_000_000_000 + row * 3_600_000
            file.write(f"{time},{part[0]},{part.max()},{part.min()},{part[-1]},100\n")


def verdict(job):
    mista, script, path, grid, commission = job
    command = [mista, "optimize", f"strategies/{script}.rhai", "--data", path, "--grid", grid, "--json", "--quiet"]
    command += ["--commission-bps", str(commission), "--threads", "1", "--out", path.with_suffix(f".{script}")]
    output = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    found = json.loads(output)["overfitting"]
    return found["verdict"], found["dsr"], found["pbo"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mista", required=True)
    parser.add_argument("--walks", type=int, default=200)
    parser.add_argument("--edges", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    arguments = parser.parse_args()
    mista = str(pathlib.Path(arguments.mista).resolve())
    kinds = [
        ("walk, no commission", walk, arguments.walks, 0, ["ma_crossover", "breakout", "mean_reversion"]),
        ("walk, commission", walk, arguments.walks, 10, ["ma_crossover"]),
        ("trend", trend, arguments.edges, 10, ["ma_crossover", "breakout"]),
        ("reversion", reversion, arguments.edges, 10, ["mean_reversion"]),
    ]
    random = numpy.random.default_rng(arguments.seed)
    good = True
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        grid = folder / "grid.yaml"
        grid.write_text(GRID)
        for name, make, count, commission, scripts in kinds:
            paths = []
            for index in range(count):
                path = folder / f"{make.__name__}{index}.csv"
                write(path, make(random))
                paths.append(path)
            for script in scripts:
                jobs = [(mista, script, path, grid, commission) for path in paths]
                with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
                    verdicts = [word for word, _, _ in pool.map(verdict, jobs)]
                sound = verdicts.count("sound") / count
                words = ", ".join(f"{verdicts.count(word)} {word}" for word in sorted(set(verdicts)))
                right = sound <= 0.05 if make is walk else sound >= 0.80
                good &= right
                print(f"{name:<20} {script:<16} {sound:6.1%} sound  {'ok   ' if right else 'WRONG'} ({words})", flush=True)
    raise SystemExit(0 if good else 1)


if __name__ == "__main__":
    main()
