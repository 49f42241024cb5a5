"""ccxt: the synchronous client, the asynchronous one, and the sockets of ccxt.pro; also with its usual options."""

import asyncio

from common import *
import ccxt
import ccxt.pro

check = Checks("ccxt", lambda error: type(error).__name__)
PAIR = "BTC/USDT"
OPTIONS = {"defaultType": "spot", "fetchMarkets": {"types": ["spot"]}, "fetchMargins": False, "fetchCurrencies": False}


def pointed(kind, key=KEY, secret=SECRET, options=OPTIONS):
    class Loopback(kind):
        # It looks for the table of a market's errors by the address, which is not the usual one.
        def get_exceptions_by_url(self, url, exact_or_broad):
            return self.exceptions["spot"].get(exact_or_broad, {})

    client = Loopback({"apiKey": key, "secret": secret, "enableRateLimit": False, "options": options})
    api = client.urls["api"]
    for name in list(api):
        if isinstance(api[name], str):
            api[name] = REST + "/" + api[name].split("/", 3)[3]
    if "ws" in api:
        api["ws"]["spot"] = STREAMS + "/ws"
        api["ws"]["ws-api"]["spot"] = WS_API
    return client


def sync():
    c = pointed(ccxt.binance)
    with check("markets"):
        market = c.load_markets()[PAIR]
        equal((market["precision"]["price"], market["active"], market["spot"]), (0.01, True, True))
        equal(sorted(c.markets), ["BTC/USDT", "ETH/USDT"])
    with check("time and status"):
        assert abs(c.fetch_time() - c.milliseconds()) < 5000
        c.load_time_difference()
    with check("candles in pages"):
        rows = c.fetch_ohlcv(PAIR, "1m", limit=5)
        ascending([it[0] for it in rows], MINUTE)
        since = rows[-1][0] - 2500 * MINUTE
        rows = c.fetch_ohlcv(PAIR, "1m", since, 2500, {"paginate": True, "paginationCalls": 4})
        assert len(rows) >= 2400 and rows[0][0] == since, (len(rows), rows[:1], since)
        ascending([it[0] for it in rows], MINUTE)
        # By hand, as most do it.
        rows, at_ = [], since
        while page := c.fetch_ohlcv(PAIR, "1m", at_, 1000):
            rows += page
            at_ = page[-1][0] + MINUTE
        ascending([it[0] for it in rows], MINUTE)
        assert len(c.fetch_ohlcv(PAIR, "1d", limit=5)) == 5
    with check("book, trades, tickers"):
        book = c.fetch_order_book(PAIR, 10)
        assert len(book["bids"]) == 10 and book["bids"][0][0] < book["asks"][0][0] and book["nonce"]
        equal(len(c.fetch_trades(PAIR, limit=7)), 7)
        assert c.fetch_trades(PAIR, since=c.fetch_trades(PAIR, limit=50)[0]["timestamp"], limit=10)
        assert c.fetch_ticker(PAIR)["last"] > 0 and len(c.fetch_tickers()) == 2
        assert len(c.fetch_bids_asks()) == 2 and len(c.fetch_last_prices()) == 2
        assert c.fetch_tickers([PAIR])[PAIR]["bid"]
    with check("account"):
        assert c.fetch_balance()["USDT"]["free"] > 0
        assert c.fetch_trading_fee(PAIR)
    last = c.fetch_ticker(PAIR)["last"]
    low = float(c.price_to_precision(PAIR, last * 0.8))
    with check("market orders and their fees"):
        order = c.create_order(PAIR, "market", "buy", 0.001)
        equal((order["status"], order["filled"], order["fees"][0]["currency"]), ("closed", 0.001, "BTC"))
        order = c.create_market_buy_order_with_cost(PAIR, 50)
        assert 49 < order["cost"] <= 50
        order = c.create_order(PAIR, "market", "sell", 0.001)
        equal(order["fees"][0]["currency"], "USDT")
        equal(c.fetch_order_trades(order["id"], PAIR)[0]["order"], order["id"])
        assert len(c.fetch_my_trades(PAIR)) >= 3
    with check("limit, stop and trailing orders"):
        for kind, price, more in [
            ("limit", low, {}),
            ("limit", low, {"postOnly": True}),
            ("limit", low, {"timeInForce": "GTC", "triggerPrice": float(c.price_to_precision(PAIR, last * 1.2))}),
            ("market", None, {"stopLossPrice": float(c.price_to_precision(PAIR, last * 1.1))}),
            ("limit", low, {"icebergQty": 0.0005}),
        ]:
            order = c.create_order(PAIR, kind, "buy", 0.001, price, more)
            equal(c.fetch_order(order["id"], PAIR)["status"], "open")
            equal(c.cancel_order(order["id"], PAIR)["status"], "canceled")
        order = c.create_order(PAIR, "STOP_LOSS", "sell", 0.001, None, {"trailingPercent": 1})
        c.cancel_order(order["id"], PAIR)
        assert len(c.fetch_closed_orders(PAIR)) >= 3 and len(c.fetch_canceled_orders(PAIR)) >= 6
    with check("orders are edited and cancelled at once"):
        order = c.create_order(PAIR, "limit", "buy", 0.001, low)
        edited = c.edit_order(order["id"], PAIR, "limit", "buy", 0.002, low)
        equal((edited["status"], edited["amount"]), ("open", 0.002))
        equal(len(c.fetch_open_orders(PAIR)), 1)
        c.options["warnOnFetchOpenOrdersWithoutSymbol"] = False
        equal(len(c.fetch_open_orders()), 1)
        c.cancel_all_orders(PAIR)
    for what, kind, call in [
        ("unknown order", "OrderNotFound", lambda: c.fetch_order("999999999", PAIR)),
        ("cancel unknown order", "OrderNotFound", lambda: c.cancel_order("999999999", PAIR)),
        ("insufficient funds", "InsufficientFunds", lambda: c.create_order(PAIR, "market", "sell", 100)),
        ("would match at once", "OrderImmediatelyFillable", lambda: c.create_order(PAIR, "limit", "buy", 0.001, round(last * 1.1, 2), {"postOnly": True})),
        ("would trigger at once", "OrderImmediatelyFillable", lambda: c.create_order(PAIR, "STOP_LOSS", "buy", 0.001, None, {"stopPrice": low})),
        ("LOT_SIZE", "InvalidOrder", lambda: c.private_post_order({"symbol": SYMBOL, "side": "BUY", "type": "MARKET", "quantity": "0.0000001"})),
        ("unknown symbol", "BadSymbol", lambda: c.public_get_klines({"symbol": "NOSUCH", "interval": "1m"})),
        ("bad signature", "AuthenticationError", lambda: pointed(ccxt.binance, secret="wrong").fetch_balance()),
        ("unknown key", "AuthenticationError", lambda: pointed(ccxt.binance, key="nobody" * 10).fetch_balance()),
    ]:
        with check.refused(what, kind):
            call()
    for what, kind, fault in [
        ("429", "RateLimitExceeded", dict(fault="limited", on="any")),
        ("418", "RateLimitExceeded", dict(fault="limited", status=418, on="any")),
        ("a page instead of JSON", "ExchangeNotAvailable", dict(fault="status", status=502, on="any")),
        ("outcome unknown", "RequestTimeout", dict(fault="unknown_outcome")),
        ("an answer that never comes", "NetworkError", dict(fault="drop_answer")),
    ]:
        control("fault", **fault)
        try:
            c.create_order(PAIR, "limit", "buy", 0.001, low)
            got = "no exception"
        except ccxt.BaseError as error:
            got = {it.__name__ for it in type(error).__mro__}
        with check(what):
            # 418 is a ban to it, -1007 a time-out: all are of the network, not of the exchange's rules.
            assert kind in got or "NetworkError" in got, got
    c.cancel_all_orders(PAIR)
    with check("clock that differs"):
        control("clock", skew_ms=30000)
        try:
            c.options["adjustForTimeDifference"] = True
            c.load_time_difference()
            c.fetch_balance()
        finally:
            control("clock", skew_ms=0)
            c.load_time_difference()
    for name, key, pem in [("Ed25519", ED25519_KEY, ED25519_PEM), ("RSA", RSA_KEY, RSA_PEM)]:
        with check(f"{name} signature"):
            assert pointed(ccxt.binance, key, open(pem).read()).fetch_balance()["USDT"]
    for label, key, options in [("no key", "", {}), ("a key", KEY, {}), ("spot alone", KEY, {"fetchMarkets": {"types": ["spot"]}})]:
        # What else it asks for at its start are other exchanges of the same house: they are not here.
        with check(f"its usual options, {label}: what is not here is refused in a way it knows"):
            c = pointed(ccxt.binance, key, SECRET if key else "", options)
            try:
                c.load_markets()
            except ccxt.BaseError as error:
                assert "There is no /" in str(error), error


async def sockets():
    c = pointed(ccxt.pro.binance)
    await c.load_markets()
    events = []

    async def listen(watch):
        while True:
            events.append(await watch())

    with check("pro: orders, balance and my trades"):
        tasks = [asyncio.create_task(listen(it)) for it in (c.watch_orders, c.watch_balance, c.watch_my_trades)]
        await asyncio.sleep(1.5)
        order = await c.create_order(PAIR, "market", "buy", 0.001)
        flat = lambda: [it for event in events for it in (event if isinstance(event, list) else [event])]
        assert await until_async(lambda: any(it.get("id") == order["id"] and it.get("status") == "closed" for it in flat())), flat()
        assert await until_async(lambda: any(it.get("order") == order["id"] for it in flat())), flat()
        assert await until_async(lambda: any("free" in it for it in flat())), flat()
        for task in tasks:
            task.cancel()
    for what, watch in [
        ("candles", lambda: c.watch_ohlcv(PAIR, "1m")),
        ("trades", lambda: c.watch_trades(PAIR)),
        ("ticker", lambda: c.watch_ticker(PAIR)),
        ("mini tickers", lambda: c.watch_tickers([PAIR], {"name": "miniTicker"})),
        ("best bid and ask", lambda: c.watch_bids_asks([PAIR])),
        ("candles of two", lambda: c.watch_ohlcv_for_symbols([[PAIR, "1m"], ["ETH/USDT", "1m"]])),
    ]:
        with check(f"pro: {what}"):
            assert await asyncio.wait_for(watch(), PATIENCE)
    with check("pro: the book stays sound"):
        for _ in range(20):
            book = await asyncio.wait_for(c.watch_order_book(PAIR), PATIENCE)
            assert book["bids"][0][0] < book["asks"][0][0], (book["bids"][0], book["asks"][0])
    with check("pro: orders by socket"):
        order = await c.create_order_ws(PAIR, "market", "buy", 0.001)
        equal(order["status"], "closed")
        order = await c.create_order_ws(PAIR, "limit", "buy", 0.001, 20000)
        edited = await c.edit_order_ws(order["id"], PAIR, "limit", "buy", 0.001, 20001)
        equal((await c.fetch_order_ws(edited["id"], PAIR))["status"], "open")
        equal(len(await c.fetch_open_orders_ws(PAIR)), 1)
        await c.cancel_order_ws(edited["id"], PAIR)
        assert (await c.fetch_balance_ws())["USDT"] and await c.fetch_my_trades_ws(PAIR) and await c.fetch_orders_ws(PAIR)
        assert await c.fetch_ohlcv_ws(PAIR, "1m", limit=5) and await c.fetch_ticker_ws(PAIR)
        assert await c.fetch_order_book_ws(PAIR) and await c.fetch_trades_ws(PAIR)
    with check.refused("pro: refused by socket", "OrderNotFound"):
        await c.cancel_order_ws("999999999", PAIR)
    await c.close()


sync()
asyncio.run(sockets())
check.done()
