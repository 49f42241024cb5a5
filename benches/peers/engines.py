"""One engine, one workload, one process: prints a line of JSON. Started by compare.py.

    engines.py backtesting|backtrader W1|W2 CANDLES.csv

The CPU time is that of the engine alone: candles are in memory as a data frame before the clock starts.
"""

import json
import sys
import time
import warnings

import numpy as np
import pandas as pd

warnings.filterwarnings("ignore")
COMMISSION = 0.001
# What mista calls 95 % of equity: quantity x price. Commission comes on top.
SIZE = 0.95


def read(path):
    frame = pd.read_csv(path)
    frame.index = pd.to_datetime(frame.pop("open_time"), unit="ms")
    return frame


def sma(values, period):
    return pd.Series(values).rolling(period).mean().to_numpy()


def highest(values, period):
    return pd.Series(values).rolling(period).max().to_numpy()


def lowest(values, period):
    return pd.Series(values).rolling(period).min().to_numpy()


def with_backtesting(workload, frame):
    import backtesting
    from backtesting import Strategy
    from backtesting.lib import FractionalBacktest

    backtesting.backtesting._tqdm = lambda rows, **_: rows
    # Backtesting.py takes the fraction with commission included.
    size = SIZE * (1 + COMMISSION)

    class W1(Strategy):
        def init(self):
            self.fast = self.I(sma, self.data.Close, 10, plot=False)
            self.slow = self.I(sma, self.data.Close, 50, plot=False)

        def next(self):
            fast, slow = self.fast, self.slow
            if fast[-2] <= slow[-2] and fast[-1] > slow[-1]:
                if not self.position:
                    self.buy(size=size)
            elif fast[-2] >= slow[-2] and fast[-1] < slow[-1]:
                if self.position:
                    self.position.close()

    class W2(Strategy):
        def init(self):
            self.high = self.I(highest, self.data.High, 20, plot=False)
            self.low = self.I(lowest, self.data.Low, 10, plot=False)

        def next(self):
            close = self.data.Close[-1]
            if self.position:
                if close < self.low[-2]:
                    self.position.close()
            elif close > self.high[-2]:
                # Levels can only be given as prices now, not from the fill.
                self.buy(size=size, sl=close * 0.98, tp=close * 1.04)

    frame = frame.rename(columns=str.capitalize)
    start = time.process_time()
    # Fractions of a coin, as its documentation does it: prices are scaled.
    run = FractionalBacktest(
        frame,
        W1 if workload == "W1" else W2,
        fractional_unit=1e-8,
        cash=10_000,
        commission=COMMISSION,
        finalize_trades=True,
    )
    stats = run.run()
    cpu = time.process_time() - start
    return cpu, int(stats["# Trades"]), float(stats["Equity Final [$]"]), backtesting.__version__


def with_backtrader(workload, frame):
    import backtrader as bt

    class Sizer(bt.Sizer):
        def _getsizing(self, comminfo, cash, data, isbuy):
            return self.broker.getvalue() * SIZE / data.close[0]

    class Base(bt.Strategy):
        closed = 0

        def notify_trade(self, trade):
            self.closed += trade.isclosed

    class W1(Base):
        def __init__(self):
            self.cross = bt.ind.CrossOver(
                bt.ind.SMA(self.data.close, period=10), bt.ind.SMA(self.data.close, period=50)
            )

        def next(self):
            if self.position:
                if self.cross[0] < 0:
                    self.close()
            elif self.cross[0] > 0:
                self.buy()

    class W2(Base):
        def __init__(self):
            self.highest = bt.ind.Highest(self.data.high, period=20)
            self.lowest = bt.ind.Lowest(self.data.low, period=10)
            self.legs = []

        def next(self):
            close = self.data.close[0]
            if self.position:
                if close < self.lowest[-1]:
                    for order in self.legs[1:]:
                        self.cancel(order)
                    self.close()
            elif close > self.highest[-1]:
                self.legs = self.buy_bracket(
                    exectype=bt.Order.Market, stopprice=close * 0.98, limitprice=close * 1.04
                )

    class Feed(bt.feeds.PandasData):
        spent = 0.0

        def preload(self):
            start = time.process_time()
            super().preload()
            Feed.spent += time.process_time() - start

    cerebro = bt.Cerebro(stdstats=False)
    cerebro.adddata(Feed(dataname=frame))
    cerebro.addstrategy(W1 if workload == "W1" else W2)
    cerebro.addsizer(Sizer)
    cerebro.broker.setcash(10_000)
    cerebro.broker.setcommission(commission=COMMISSION)
    start = time.process_time()
    strategy = cerebro.run()[0]
    # Its feed walks the frame row by row: that is loading.
    cpu = time.process_time() - start - Feed.spent
    open_at_end = int(bool(strategy.position))
    return cpu, strategy.closed + open_at_end, cerebro.broker.getvalue(), bt.__version__


def main():
    engine, workload, path = sys.argv[1:]
    frame = read(path)
    run = with_backtesting if engine == "backtesting" else with_backtrader
    cpu, trades, equity, version = run(workload, frame)
    result = {"cpu_s": cpu, "trades": trades, "final_equity": equity, "candles": len(frame), "version": version}
    print(json.dumps(result | {"numpy": np.__version__, "pandas": pd.__version__}))


main()
