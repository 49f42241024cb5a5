"""One engine, one workload, one process: prints a line of JSON. Started by compare.py.

    engines.py backtesting|backtrader|vectorbt-numba|vectorbt-rust W1|W2 CANDLES.csv
    engines.py backtesting|vectorbt-numba|vectorbt-rust W3 CANDLES.csv GRID.json

The CPU time is that of the engine alone: candles are in memory as a data frame before the clock starts. W3 is a grid of
W1's parameters. vectorbt and its engines have been warmed up on the first candles, so that nothing is compiled while the clock runs.
"""

import json
import resource
import sys
import time
import warnings

import numpy as np
import pandas as pd

warnings.filterwarnings("ignore")
COMMISSION = 0.001
# What mista calls 95 % of equity: quantity x price. Commission comes on top.
SIZE = 0.95
# Where commission counts into the fraction, this gives the same quantity.
SIZE_WITH_COMMISSION = SIZE * (1 + COMMISSION)
CASH = 10_000
# Its engine setting: "auto" takes what vectorbt-rust has, and Numba for the rest.
VECTORBT = {"vectorbt-numba": "numba", "vectorbt-rust": "auto"}
# Candles that are enough to have everything compiled.
WARM_UP = 2000


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


def backtesting_crossover():
    from backtesting import Strategy

    class Crossover(Strategy):
        fast_period = 10
        slow_period = 50

        def init(self):
            self.fast = self.I(sma, self.data.Close, self.fast_period, plot=False)
            self.slow = self.I(sma, self.data.Close, self.slow_period, plot=False)

        def next(self):
            fast, slow = self.fast, self.slow
            if fast[-2] <= slow[-2] and fast[-1] > slow[-1]:
                if not self.position:
                    self.buy(size=SIZE_WITH_COMMISSION)
            elif fast[-2] >= slow[-2] and fast[-1] < slow[-1]:
                if self.position:
                    self.position.close()

    return Crossover


def with_backtesting(workload, frame):
    import backtesting
    from backtesting import Strategy
    from backtesting.lib import FractionalBacktest

    backtesting.backtesting._tqdm = lambda rows, **_: rows

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
                self.buy(size=SIZE_WITH_COMMISSION, sl=close * 0.98, tp=close * 1.04)

    frame = frame.rename(columns=str.capitalize)
    start = time.process_time()
    # Fractions of a coin, as its documentation does it: prices are scaled.
    run = FractionalBacktest(
        frame,
        backtesting_crossover() if workload == "W1" else W2,
        fractional_unit=1e-8,
        cash=CASH,
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
    cerebro.broker.setcash(CASH)
    cerebro.broker.setcommission(commission=COMMISSION)
    start = time.process_time()
    strategy = cerebro.run()[0]
    # Its feed walks the frame row by row: that is loading.
    cpu = time.process_time() - start - Feed.spent
    open_at_end = int(bool(strategy.position))
    return cpu, strategy.closed + open_at_end, cerebro.broker.getvalue(), bt.__version__


def from_signals(frame, entries, exits, **levels):
    import vectorbt as vbt

    return vbt.Portfolio.from_signals(
        frame["close"],
        # Decided at the close, filled at the next open.
        entries.vbt.signals.fshift(1),
        exits.vbt.signals.fshift(1),
        price=frame["open"],
        size=SIZE_WITH_COMMISSION,
        size_type="percent",
        fees=COMMISSION,
        init_cash=CASH,
        freq="1min",
        **levels,
    )


def with_vectorbt(workload, frame, engine):
    import vectorbt as vbt

    vbt.settings["engine"] = engine
    close = frame["close"]
    start = time.process_time()
    if workload == "W1":
        fast, slow = vbt.MA.run(close, 10), vbt.MA.run(close, 50)
        entries, exits = fast.ma_crossed_above(slow), fast.ma_crossed_below(slow)
        levels = {}
    else:
        entries = close > frame["high"].vbt.rolling_max(20).shift(1)
        exits = close < frame["low"].vbt.rolling_min(10).shift(1)
        levels = {
            **{name: frame[name] for name in ["open", "high", "low"]},
            **{"sl_stop": 0.02, "tp_stop": 0.04, "stop_entry_price": "fillprice", "stop_exit_price": "stopmarket"},
        }
    portfolio = from_signals(frame, entries, exits, **levels)
    final, trades = portfolio.final_value(), portfolio.trades.count()
    cpu = time.process_time() - start
    return cpu, int(trades), float(final), vbt.__version__


class Clock:
    """CPU and wall seconds since it was made, and the peak memory, after each stage of the work."""

    def __init__(self):
        self.start = time.process_time(), time.perf_counter()
        self.stages = []

    def lap(self, name):
        cpu, wall = time.process_time() - self.start[0], time.perf_counter() - self.start[1]
        # Linux counts it in KiB.
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        self.stages.append({"stage": name, "cpu_s": cpu, "wall_s": wall, "peak_mb": peak})


def grid_with_backtesting(frame, grid):
    """One run after the other, as `Backtest.optimize` does them in each of its processes."""
    import backtesting
    from backtesting.lib import FractionalBacktest

    backtesting.backtesting._tqdm = lambda rows, **_: rows
    frame = frame.rename(columns=str.capitalize)
    clock = Clock()
    # An open trade would be finalized at the last open: it is left open, and its commission taken off below.
    run = FractionalBacktest(
        frame, backtesting_crossover(), fractional_unit=1e-8, cash=CASH, commission=COMMISSION, trade_on_close=False
    )
    results = []
    for fast, slow in grid:
        stats = run.run(fast_period=fast, slow_period=slow)
        left = stats["_strategy"]
        open_value = sum(trade.size * left.data.Close[-1] for trade in left.trades)
        trades = int(stats["# Trades"]) + len(left.trades)
        results.append([fast, slow, trades, float(stats["Equity Final [$]"]) - COMMISSION * open_value])
    clock.lap("runs with their statistics")
    return clock, results, backtesting.__version__


def grid_with_vectorbt(frame, grid, engine):
    """All combinations at once, a column each, as its documentation does it."""
    import vectorbt as vbt

    vbt.settings["engine"] = engine
    close = frame["close"]
    clock = Clock()
    windows = [list(of_all) for of_all in zip(*grid)]
    fast, slow = (vbt.MA.run(close, of_all, short_name=name) for of_all, name in zip(windows, ["fast", "slow"]))
    entries, exits = fast.ma_crossed_above(slow), fast.ma_crossed_below(slow)
    portfolio = from_signals(frame, entries, exits)
    final, trades = portfolio.final_value(), portfolio.trades.count()
    clock.lap("signals, portfolios, final values")
    portfolio.sharpe_ratio()
    clock.lap("+ Sharpe ratios")
    portfolio.stats(agg_func=None)
    clock.lap("+ all its statistics")
    # An open position is marked at the last close without the commission of its exit.
    records = portfolio.trades.records
    left = records[records["status"] == 0]
    final = final.to_numpy().copy()
    final[left["col"]] -= COMMISSION * left["size"] * close.iloc[-1]
    results = [[*pair, int(count), float(value)] for pair, count, value in zip(grid, trades, final)]
    return clock, results, vbt.__version__


def search(engine, path, grid):
    frame = read(path)
    if engine == "backtesting":
        run = grid_with_backtesting
    else:
        run = lambda frame, grid: grid_with_vectorbt(frame, grid, VECTORBT[engine])
    run(frame.iloc[:WARM_UP], grid)
    clock, results, version = run(frame, grid)
    return {"stages": clock.stages, "results": results, "version": version}


def main():
    engine, workload, path, *rest = sys.argv[1:]
    if workload == "W3":
        result = search(engine, path, json.loads(rest[0]))
    else:
        frame = read(path)
        if engine in VECTORBT:
            run = lambda workload, frame: with_vectorbt(workload, frame, VECTORBT[engine])
            run(workload, frame.iloc[:WARM_UP])
        else:
            run = with_backtesting if engine == "backtesting" else with_backtrader
        cpu, trades, equity, version = run(workload, frame)
        result = {"cpu_s": cpu, "trades": trades, "final_equity": equity, "candles": len(frame), "version": version}
    print(json.dumps(result | {"numpy": np.__version__, "pandas": pd.__version__}))


main()
