"""Deflated Sharpe ratio and probability of backtest overfitting of a CSV of returns, straight from the papers.

    python reference.py RETURNS.csv [--blocks 16] [--digits 11]

The CSV has a row per candle, the oldest first, and a column per trial; a first row that is no numbers is a
header. Prints a line per figure. Slow on purpose: each of the C(16, 8) splits builds its two halves and
computes mean and deviation of every column again.

Bailey & Lopez de Prado (2014), "The Deflated Sharpe Ratio"; Bailey, Borwein, Lopez de Prado & Zhu (2015),
"The Probability of Backtest Overfitting".
"""

import argparse
import csv
import itertools

import numpy
from scipy import stats


def load(path):
    with open(path, newline="") as file:
        rows = [row for row in csv.reader(file) if row]
    try:
        [float(cell) for cell in rows[0]]
    except ValueError:
        rows = rows[1:]
    return numpy.array([[float(cell) for cell in row] for row in rows])


def sharpe_ratios(returns):
    """Mean over sample deviation of each column, 0 where nothing deviates."""
    mean = returns.mean(axis=0)
    deviation = returns.std(axis=0, ddof=1)
    flat = (returns == returns[0]).all(axis=0)
    return numpy.where(flat, 0.0, mean / numpy.where(flat, 1.0, deviation))


def slack(value, digits):
    """How far from `value` what differs by rounding only may be; 0 digits: not at all."""
    return abs(value) * 10.0**-digits if digits else 0.0


def deflated_sharpe(returns):
    """The column with the highest Sharpe ratio, that ratio, the highest to expect by chance, and the DSR."""
    candles, trials = returns.shape
    ratios = sharpe_ratios(returns)
    best = int(numpy.argmax(ratios))
    ratio = ratios[best]
    expected = 0.0
    if trials > 1:
        quantile = stats.norm.isf
        expected = numpy.sqrt(numpy.var(ratios, ddof=1)) * (
            (1 - numpy.euler_gamma) * quantile(1 / trials)
            + numpy.euler_gamma * quantile(1 / (trials * numpy.e))
        )
    skewness = stats.skew(returns[:, best])
    kurtosis = stats.kurtosis(returns[:, best], fisher=False)
    spread = 1 - skewness * ratio + (kurtosis - 1) / 4 * ratio**2
    dsr = stats.norm.cdf((ratio - expected) * numpy.sqrt(candles - 1) / numpy.sqrt(spread))
    return best, ratio, expected, dsr


def logits(returns, blocks, digits):
    """The logit of the winner's relative rank out of sample, for each split."""
    candles, trials = returns.shape
    kept = returns[candles % blocks :]
    parts = numpy.split(kept, blocks)
    found = []
    for chosen in itertools.combinations(range(blocks), blocks // 2):
        inside = numpy.concatenate([parts[i] for i in chosen])
        outside = numpy.concatenate([parts[i] for i in range(blocks) if i not in chosen])
        ratios = sharpe_ratios(inside)
        winner = int(numpy.argmax(ratios >= ratios.max() - slack(ratios.max(), digits)))
        ratios = sharpe_ratios(outside)
        apart = slack(ratios[winner], digits)
        below = int((ratios < ratios[winner] - apart).sum())
        equal = int((abs(ratios - ratios[winner]) <= apart).sum())
        rank = below + (equal + 1) / 2
        relative = rank / (trials + 1)
        found.append(numpy.log(relative / (1 - relative)))
    return numpy.array(found)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("returns")
    parser.add_argument("--blocks", type=int, default=16)
    parser.add_argument("--digits", type=int, default=11, help="of Sharpe ratios compared; 0: all there are")
    arguments = parser.parse_args()
    returns = load(arguments.returns)
    best, ratio, expected, dsr = deflated_sharpe(returns)
    print(f"candles       {returns.shape[0]}")
    print(f"trials        {returns.shape[1]}")
    print(f"best          {best}")
    print(f"sharpe        {ratio:.17g}")
    print(f"expected_max  {expected:.17g}")
    print(f"dsr           {dsr:.17g}")
    if returns.shape[1] > 1:
        found = logits(returns, arguments.blocks, arguments.digits)
        # A logit of 0 is ln 1: exact, since relative is then exactly 1/2.
        print(f"splits        {len(found)}")
        print(f"overfit       {int((found <= 0).sum())}")
        print(f"pbo           {(found <= 0).mean():.17g}")


if __name__ == "__main__":
    main()
