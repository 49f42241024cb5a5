"""What every script here shares: where the exchange is, and the counting of checks. No client's code in here."""

import json
import os
import sys
import time
import traceback
import urllib.request
from contextlib import contextmanager

REST = os.environ["MISTA_REST"]
STREAMS = os.environ["MISTA_STREAMS"]
WS_API = os.environ["MISTA_WS_API"]
CONTROL = os.environ["MISTA_CONTROL"]
KEY = os.environ["MISTA_KEY"]
SECRET = os.environ["MISTA_SECRET"]
# Keys that sign with a private key, and the files that hold it.
ED25519_KEY, ED25519_PEM = os.environ["MISTA_ED25519_KEY"], os.environ["MISTA_ED25519_PEM"]
RSA_KEY, RSA_PEM = os.environ["MISTA_RSA_KEY"], os.environ["MISTA_RSA_PEM"]
SYMBOL, BASE, QUOTE = "BTCUSDT", "BTC", "USDT"
QUANTITY = "0.001"
MINUTE = 60_000
# Longest wait for something that is pushed.
PATIENCE = 15.0


def control(path, **body):
    """A request to the control endpoint; the answer."""
    data = json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(f"{CONTROL}/{path}", data, method="POST")) as answer:
        return json.load(answer)


def price_of(symbol=SYMBOL):
    """The last price, as text, by plain HTTP."""
    with urllib.request.urlopen(f"{REST}/api/v3/ticker/price?symbol={symbol}") as answer:
        return float(json.load(answer)["price"])


def at(factor):
    """A price that is so far from the last one, as text with two decimals."""
    return f"{price_of() * factor:.2f}"


def until(condition, patience=PATIENCE):
    """Waits until the condition holds; whether it did."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.05)
    return False


async def until_async(condition, patience=PATIENCE):
    import asyncio

    end = time.monotonic() + patience
    while time.monotonic() < end:
        if condition():
            return True
        await asyncio.sleep(0.05)
    return False


class Checks:
    """Counts checks and prints a line for each.

    `code` takes an exception of the client and returns the exchange's code in it.
    """

    def __init__(self, name, code=lambda error: getattr(error, "code", None)):
        self.name, self.code = name, code
        self.passed = self.failed = 0

    def _say(self, is_good, what, detail=""):
        self.passed += is_good
        self.failed += not is_good
        detail = f"  [{detail}]" if detail else ""
        print(f"{'PASS' if is_good else 'FAIL'} {self.name}: {what}{detail}", flush=True)

    @contextmanager
    def __call__(self, what):
        """Passes unless the block throws."""
        try:
            yield
        except Exception as error:  # noqa: BLE001
            frame = traceback.extract_tb(error.__traceback__)
            line = next((it for it in reversed(frame) if os.path.dirname(__file__) in it.filename), frame[-1])
            self._say(False, what, f"{line.line}: {type(error).__name__}: {error}"[:600])
            if os.environ.get("MISTA_VERBOSE"):
                traceback.print_exc()
        else:
            self._say(True, what)

    @contextmanager
    def refused(self, what, code, kind=Exception, text=None):
        """Passes if the block throws the client's exception with the exchange's code in it."""
        try:
            yield
        except Exception as error:  # noqa: BLE001
            got = None
            try:
                got = self.code(error)
            except Exception:  # noqa: BLE001
                pass
            good = isinstance(error, kind) and got == code and (text is None or text in str(error))
            self._say(good, what, "" if good else f"{type(error).__name__} with {got}: {error}"[:400])
        else:
            self._say(False, what, "nothing was refused")

    def done(self):
        print(f"{self.name}: {self.passed} passed, {self.failed} failed", flush=True)
        sys.stdout.flush()
        # Clients leave threads and loops behind that would keep the process.
        os._exit(1 if self.failed else 0)


def equal(got, wanted):
    assert got == wanted, f"got {got!r}, wanted {wanted!r}"
    return got


def ascending(times, step):
    """Opening times that follow each other without a gap or a repetition."""
    times = list(times)
    odd = [(a, b) for a, b in zip(times, times[1:]) if b - a != step]
    assert not odd, f"{len(odd)} of {len(times)} are not {step} ms apart, first {odd[0]}"
