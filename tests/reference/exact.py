"""Averages and bands by exact rational arithmetic, in place of TA-Lib's running sums.

On prices of few digits two averages, or a close and a band, are often exactly equal. TA-Lib's running sums carry
rounding from earlier candles and then see a difference of the last digits where there is none, which decides a
crossing. With these in their place (`compare.py --exact`) such candles are decided as arithmetic decides them.
"""

import math
from fractions import Fraction

import numpy as np
import talib


def _windows(values, n):
    values = np.asarray(values, float)
    first = int(np.argmax(~np.isnan(values))) if np.isnan(values).any() else 0
    for i in range(first + n - 1, len(values)):
        yield i, [Fraction(value) for value in values[i - n + 1 : i + 1]]


def sma(values, timeperiod=30):
    out = np.full(len(values), np.nan)
    for i, window in _windows(values, timeperiod):
        out[i] = float(sum(window) / timeperiod)
    return out


def bbands(values, timeperiod=5, nbdevup=2.0, nbdevdn=2.0, matype=0):
    upper, middle, lower = (np.full(len(values), np.nan) for _ in range(3))
    for i, window in _windows(values, timeperiod):
        mean = sum(window) / timeperiod
        deviation = math.sqrt(float(sum((value - mean) ** 2 for value in window) / timeperiod))
        middle[i] = float(mean)
        upper[i], lower[i] = middle[i] + nbdevup * deviation, middle[i] - nbdevdn * deviation
    return upper, middle, lower


def use():
    """Puts these in TA-Lib's place."""
    talib.SMA, talib.BBANDS = sma, bbands
