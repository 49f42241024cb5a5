"""unicorn-binance-rest-api and unicorn-binance-websocket-api."""

from common import *
from unicorn_binance_rest_api import BinanceRestApiManager
from unicorn_binance_rest_api.exceptions import BinanceAPIException
from unicorn_binance_websocket_api import BinanceWebSocketApiManager

check = Checks("unicorn")
BinanceRestApiManager.API_URL = REST + "/api"


def manager(key=KEY, secret=SECRET):
    # No name of an exchange: its address stays what it was set to.
    return BinanceRestApiManager(key, secret, exchange="", tld="com", warn_on_update=False, disable_colorama=True)


def rest():
    with check("constructor"):
        c = manager()
    with check("market data"):
        c.ping()
        assert c.get_server_time()["serverTime"] and c.get_exchange_info()["symbols"]
        rows = c.get_klines(symbol=SYMBOL, interval="1m", limit=1000)
        ascending([it[0] for it in rows], MINUTE)
        assert len(c.get_historical_klines(SYMBOL, "1m", rows[0][0] - 1000 * MINUTE)) >= 2000
        assert c.get_order_book(symbol=SYMBOL)["bids"] and c.get_ticker(symbol=SYMBOL)["lastPrice"]
        # It asks for recent trades at /api/v1, which the exchange has retired.
        equal(len(c.get_aggregate_trades(symbol=SYMBOL, limit=5)), 5)
    with check("account and orders"):
        assert c.get_account()["canTrade"]
        equal(c.order_market_buy(symbol=SYMBOL, quantity=QUANTITY)["status"], "FILLED")
        order = c.order_limit_buy(symbol=SYMBOL, quantity=QUANTITY, price=at(0.8))
        equal(c.get_order(symbol=SYMBOL, orderId=order["orderId"])["status"], "NEW")
        equal(len(c.get_open_orders(symbol=SYMBOL)), 1)
        equal(c.cancel_order(symbol=SYMBOL, orderId=order["orderId"])["status"], "CANCELED")
        assert c.get_all_orders(symbol=SYMBOL) and c.get_my_trades(symbol=SYMBOL)
        oco = c.create_oco_order(symbol=SYMBOL, side="SELL", quantity=QUANTITY, price=at(1.1), stopPrice=at(0.9), stopLimitPrice=at(0.89), stopLimitTimeInForce="GTC")
        equal(len(oco["orders"]), 2)
    for what, code, call in [
        ("LOT_SIZE", -1013, lambda: c.order_market_buy(symbol=SYMBOL, quantity="0.0000001")),
        ("unknown order", -2013, lambda: c.get_order(symbol=SYMBOL, orderId=999999999)),
        ("bad signature", -1022, lambda: manager(secret="wrong").get_account()),
        ("unknown key", -2015, lambda: manager("nobody" * 10).get_account()),
    ]:
        with check.refused(what, code, BinanceAPIException):
            call()


def sockets():
    ubwa = BinanceWebSocketApiManager(exchange="binance.com", websocket_base_uri=STREAMS + "/", websocket_api_base_uri=WS_API, restful_base_uri=REST + "/", warn_on_update=False, disable_colorama=True, output_default="dict")
    with check("streams"):
        seen = set()
        ubwa.create_stream(["kline_1m", "trade", "bookTicker", "miniTicker", "depth5"], ["btcusdt"], process_stream_data=lambda it: seen.add(it.get("stream")))
        wanted = {f"btcusdt@{it}" for it in ("kline_1m", "trade", "bookTicker", "miniTicker", "depth5")}
        assert until(lambda: wanted <= seen), seen
    with check("WS API"):
        answers = []
        api = ubwa.create_stream(api=True, api_key=KEY, api_secret=SECRET, process_stream_data=answers.append)
        assert ubwa.wait_till_stream_has_started(api)
        time.sleep(1)
        ubwa.api.spot.ping(stream_id=api)
        ubwa.api.spot.get_account_status(stream_id=api)
        ubwa.api.spot.create_order(stream_id=api, symbol=SYMBOL, side="BUY", order_type="MARKET", quantity=0.001)
        filled = lambda: any(it.get("result", {}).get("status") == "FILLED" for it in answers)
        assert until(lambda: filled() and any("balances" in it.get("result", {}) for it in answers)), answers
    with check("user data"):
        events = []
        user = ubwa.create_stream(["arr"], ["!userData"], api_key=KEY, api_secret=SECRET, process_stream_data=events.append)
        ubwa.wait_till_stream_has_started(user)
        time.sleep(2)
        manager().order_market_buy(symbol=SYMBOL, quantity=QUANTITY)
        assert until(lambda: any("executionReport" in str(it) for it in events)), events
    ubwa.stop_manager()


rest()
sockets()
check.done()
