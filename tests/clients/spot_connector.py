"""binance-connector: the exchange's former client for Python, with its threads of WebSocket."""

import threading

from common import *
from binance.error import ClientError, ServerError
from binance.spot import Spot
from binance.websocket.spot.websocket_api import SpotWebsocketAPIClient
from binance.websocket.spot.websocket_stream import SpotWebsocketStreamClient

check = Checks("binance-connector", lambda error: error.error_code)


def spot(key=KEY, secret=SECRET, **more):
    return Spot(api_key=key, api_secret=secret, base_url=REST, **more)


def rest():
    c = spot()
    with check("market data"):
        c.ping()
        assert abs(c.time()["serverTime"] - time.time() * 1000) < 5000
        equal(c.exchange_info(symbol=SYMBOL)["symbols"][0]["symbol"], SYMBOL)
        equal(len(c.exchange_info(symbols=[SYMBOL, "ETHUSDT"])["symbols"]), 2)
        equal(len(c.exchange_info(permissions=["SPOT"])["symbols"]), 2)
        rows = c.klines(SYMBOL, "1m", limit=1000)
        rows = c.klines(SYMBOL, "1m", limit=1000, endTime=rows[0][0] - 1) + rows
        ascending([it[0] for it in rows], MINUTE)
        assert c.ui_klines(SYMBOL, "1h", limit=2) and c.avg_price(SYMBOL)["mins"] == 5
        equal(len(c.depth(SYMBOL, limit=5)["bids"]), 5)
        for call in (c.trades, c.historical_trades, c.agg_trades):
            equal(len(call(SYMBOL, limit=3)), 3)
        for call in (c.ticker_24hr, c.ticker_price, c.book_ticker, c.rolling_window_ticker):
            equal(call(SYMBOL)["symbol"], SYMBOL)
            equal(len(call(symbols=[SYMBOL, "ETHUSDT"])), 2)
    with check("how much of the limits is used"):
        assert "x-mbx-used-weight-1m" in spot(show_limit_usage=True).time()["limit_usage"]
        used = spot(show_limit_usage=True).new_order(SYMBOL, "BUY", "MARKET", quantity=0.001)["limit_usage"]
        assert {"x-mbx-order-count-10s", "x-mbx-order-count-1d"} <= used.keys()
    with check("account and orders"):
        assert c.account()["canTrade"] and c.account(omitZeroBalances="true")["balances"]
        order = c.new_order(symbol=SYMBOL, side="BUY", type="MARKET", quantity=0.001)
        equal((order["status"], order["fills"][0]["commissionAsset"]), ("FILLED", BASE))
        equal(c.my_trades(SYMBOL, orderId=order["orderId"])[0]["orderId"], order["orderId"])
        equal(c.new_order(symbol=SYMBOL, side="SELL", type="MARKET", quantity=0.001)["status"], "FILLED")
        limit = dict(symbol=SYMBOL, side="BUY", type="LIMIT", timeInForce="GTC", quantity=0.002, price=at(0.8))
        order = c.new_order(**limit, newClientOrderId="bc-1")
        equal(c.get_order(SYMBOL, orderId=order["orderId"])["status"], "NEW")
        equal([it["clientOrderId"] for it in c.get_open_orders(SYMBOL)], ["bc-1"])
    with check.refused("duplicate client id", -2010, ClientError):
        c.new_order(**limit, newClientOrderId="bc-1")
    with check("cancel, replace, all orders"):
        both = c.cancel_and_replace(SYMBOL, "BUY", "LIMIT", "STOP_ON_FAILURE", cancelOrderId=order["orderId"], timeInForce="GTC", quantity=0.001, price=at(0.79))
        equal(c.cancel_order(SYMBOL, orderId=both["newOrderResponse"]["orderId"])["status"], "CANCELED")
        assert len(c.get_orders(SYMBOL)) >= 4 and c.get_order_rate_limit()
        equal(c.new_order_test(symbol=SYMBOL, side="BUY", type="MARKET", quantity=0.001), {})
        c.new_order(**limit)
        equal(len(c.cancel_open_orders(SYMBOL)), 1)
    with check("what went wrong with a replacement is told"):
        try:
            c.cancel_and_replace(SYMBOL, "BUY", "LIMIT", "STOP_ON_FAILURE", cancelOrderId=999999999, timeInForce="GTC", quantity=0.001, price=at(0.79))
            raise AssertionError("nothing was refused")
        except ClientError as error:
            equal((error.status_code, error.error_code), (400, -2022))
            equal(error.error_data["cancelResponse"]["code"], -2011)
        order = c.new_order(**limit)
        try:
            c.cancel_and_replace(SYMBOL, "SELL", "MARKET", "ALLOW_FAILURE", cancelOrderId=order["orderId"], quantity=500)
            raise AssertionError("nothing was refused")
        except ClientError as error:
            equal((error.status_code, error.error_code), (409, -2021))
            equal((error.error_data["cancelResult"], error.error_data["newOrderResponse"]["code"]), ("SUCCESS", -2010))
    with check("order lists"):
        oco = c.new_oco_order(SYMBOL, "SELL", 0.001, "LIMIT_MAKER", "STOP_LOSS", abovePrice=at(1.1), belowStopPrice=at(0.9))
        equal(c.get_oco_order(orderListId=oco["orderListId"])["listOrderStatus"], "EXECUTING")
        equal((len(c.get_oco_open_orders()), len(c.get_oco_orders())), (1, 1))
        equal(c.cancel_oco_order(SYMBOL, orderListId=oco["orderListId"])["listOrderStatus"], "ALL_DONE")
    for what, code, call in [
        ("LOT_SIZE", -1013, lambda: c.new_order(symbol=SYMBOL, side="BUY", type="MARKET", quantity="0.0000001")),
        ("unknown order", -2013, lambda: c.get_order(SYMBOL, orderId=999999999)),
        ("unknown parameter", -1104, lambda: c.time() and c.query("/api/v3/depth", {"symbol": SYMBOL, "nonsense": 1})),
        ("bad signature", -1022, lambda: spot(secret="wrong").account()),
        ("unknown key", -2015, lambda: spot("nobody" * 10).account()),
        ("recvWindow too large", -1131, lambda: c.account(recvWindow=70000)),
    ]:
        with check.refused(what, code, ClientError):
            call()
    with check.refused("429 with Retry-After", -1003, ClientError):
        control("fault", fault="limited", retry_after_s=2, on="public")
        try:
            c.depth(SYMBOL)
        except ClientError as error:
            equal((error.status_code, error.header["retry-after"]), (429, "2"))
            raise
    with check("outcome unknown"):
        control("fault", fault="unknown_outcome")
        try:
            c.new_order(symbol=SYMBOL, side="BUY", type="MARKET", quantity=0.001)
            raise AssertionError("an answer")
        except ServerError as error:
            assert error.status_code >= 500 and "-1007" in error.message
    for name, key, pem in [("Ed25519", ED25519_KEY, ED25519_PEM), ("RSA", RSA_KEY, RSA_PEM)]:
        with check(f"{name} signature"):
            assert spot(key, None, private_key=open(pem).read()).account()["canTrade"]


def web_socket_api():
    answers = {}
    c = SpotWebsocketAPIClient(stream_url=WS_API, api_key=KEY, api_secret=SECRET, on_message=lambda _, text: answers.update({json.loads(text)["id"]: json.loads(text)}))

    def ask(call, **parameters):
        name = f"{call.__name__}-{len(answers)}"
        call(**parameters, id=name)
        assert until(lambda: name in answers), f"no answer to {name}"
        return answers[name]

    with check("WS API: market data and account"):
        for call, parameters in [(c.ping_connectivity, {}), (c.server_time, {}), (c.order_book, dict(symbol=SYMBOL)), (c.recent_trades, dict(symbol=SYMBOL)), (c.klines, dict(symbol=SYMBOL, interval="1m")), (c.avg_price, dict(symbol=SYMBOL)), (c.account, {}), (c.order_rate_limit, {}), (c.order_history, dict(symbol=SYMBOL)), (c.oco_history, {}), (c.my_trades, dict(symbol=SYMBOL))]:
            answer = ask(call, **parameters)
            assert answer["status"] == 200 and answer["rateLimits"], (call.__name__, answer)
    with check("WS API: orders"):
        equal(ask(c.new_order, symbol=SYMBOL, side="BUY", type="MARKET", quantity=0.001)["result"]["status"], "FILLED")
        order = ask(c.new_order, symbol=SYMBOL, side="BUY", type="LIMIT", timeInForce="GTC", quantity=0.001, price=20000)["result"]
        equal(ask(c.cancel_order, symbol=SYMBOL, orderId=order["orderId"])["result"]["status"], "CANCELED")
        equal(ask(c.get_order, symbol=SYMBOL, orderId=999999999)["error"]["code"], -2013)
        oto = ask(c.new_oto_order, symbol=SYMBOL, workingType="LIMIT", workingSide="BUY", workingPrice=20000, workingQuantity=0.001, workingTimeInForce="GTC", pendingType="LIMIT_MAKER", pendingSide="SELL", pendingPrice=at(1.2), pendingQuantity=0.001)
        equal(oto["result"]["contingencyType"], "OTO")
        equal(len(ask(c.cancel_open_orders, symbol=SYMBOL)["result"]), 1)
    c.stop()


def streams():
    for is_combined in (False, True):
        with check("combined streams" if is_combined else "raw streams"):
            seen, lock = set(), threading.Lock()

            def hear(_, text):
                it = json.loads(text)
                with lock:
                    seen.add(it.get("stream") or it.get("e") or ("bookTicker" if "u" in it else "depth" if "bids" in it else "control"))

            c = SpotWebsocketStreamClient(stream_url=STREAMS, on_message=hear, is_combined=is_combined)
            c.kline(symbol="btcusdt", interval="1m")
            c.trade(symbol="btcusdt")
            c.book_ticker(symbol="btcusdt")
            c.mini_ticker(symbol="btcusdt")
            time.sleep(1.2)
            c.diff_book_depth(symbol="btcusdt", speed=100)
            c.partial_book_depth(symbol="btcusdt", level=5, speed=1000)
            wanted = {"kline", "trade", "bookTicker", "24hrMiniTicker", "depthUpdate", "depth"}
            if is_combined:
                wanted = {"btcusdt@kline_1m", "btcusdt@trade", "btcusdt@bookTicker", "btcusdt@miniTicker", "btcusdt@depth@100ms", "btcusdt@depth5@1000ms"}
            assert until(lambda: wanted <= seen), (wanted - seen, seen)
            c.stop()


rest()
web_socket_api()
streams()
check.done()
