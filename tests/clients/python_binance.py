"""python-binance: Client, AsyncClient, BinanceSocketManager, ThreadedWebsocketManager, WebSocket API."""

import asyncio

from common import *
from binance import AsyncClient, BinanceSocketManager, Client, ThreadedWebsocketManager
from binance.base_client import BaseClient
from binance.exceptions import BinanceAPIException

check = Checks("python-binance")
for kind in (BaseClient, Client, AsyncClient):
    kind.API_URL, kind.WS_API_URL = REST + "/api", WS_API
BinanceSocketManager.STREAM_URL = STREAMS + "/"


def refused(what, code, text=None):
    return check.refused(what, code, BinanceAPIException, text)


def rest():
    with check("constructor pings"):
        c = Client(KEY, SECRET)
    with check("time"):
        assert abs(c.get_server_time()["serverTime"] - time.time() * 1000) < 5000
    with check("exchange info"):
        info = c.get_exchange_info()
        assert any(it["symbol"] == SYMBOL for it in info["symbols"]) and len(info["rateLimits"]) >= 3
        one = c.get_symbol_info(SYMBOL)
        assert {"LOT_SIZE", "PRICE_FILTER", "NOTIONAL"} <= {it["filterType"] for it in one["filters"]}
        assert c.get_symbol_info("NOSUCH") is None
        assert "SPOT" in one["permissionSets"][0]
    with check("klines"):
        rows = c.get_klines(symbol=SYMBOL, interval="1m", limit=5)
        equal((len(rows), len(rows[0])), (5, 12))
        ascending([it[0] for it in rows], MINUTE)
    with check("pages of historical klines"):
        since = rows[-1][0] - 2500 * MINUTE
        rows = c.get_historical_klines(SYMBOL, "1m", since)
        assert len(rows) >= 2500 and rows[0][0] == since, (len(rows), rows[0][0], since)
        ascending([it[0] for it in rows], MINUTE)
        some = c.get_historical_klines(SYMBOL, "1m", since, since + 1499 * MINUTE)
        equal(len(some), 1500)
        some = list(c.get_historical_klines_generator(SYMBOL, "1h", "2 days ago UTC"))
        assert 40 <= len(some) <= 60, len(some)
        ascending([it[0] for it in some], 60 * MINUTE)
        some = c.get_historical_klines(SYMBOL, "5m", "1 Jan, 2017", limit=10)
        equal(len(some), 10)
    with check("earliest kline"):
        assert c._get_earliest_valid_timestamp(SYMBOL, "1m") < since
    with check("ui klines, average price"):
        equal(len(c.get_ui_klines(symbol=SYMBOL, interval="1m", limit=3)), 3)
        assert float(c.get_avg_price(symbol=SYMBOL)["price"]) > 0
    with check("depth"):
        book = c.get_order_book(symbol=SYMBOL, limit=20)
        assert float(book["bids"][0][0]) < float(book["asks"][0][0]) and book["lastUpdateId"] > 0
    with check("trades and aggregate trades"):
        equal(len(c.get_recent_trades(symbol=SYMBOL, limit=10)), 10)
        equal(len(c.get_historical_trades(symbol=SYMBOL, limit=10)), 10)
        some = c.get_aggregate_trades(symbol=SYMBOL, limit=10)
        equal(len(some), 10)
        walked = []
        for it in c.aggregate_trade_iter(SYMBOL, last_id=some[0]["a"]):
            walked.append(it["a"])
            if len(walked) == 9:
                break
        equal(walked, [it["a"] for it in some[1:]])
        for it in c.aggregate_trade_iter(SYMBOL, start_str=some[0]["T"]):
            assert it["T"] >= some[0]["T"]
            break
    with check("tickers"):
        assert float(c.get_ticker(symbol=SYMBOL)["lastPrice"]) > 0
        assert float(c.get_symbol_ticker(symbol=SYMBOL)["price"]) > 0
        assert float(c.get_orderbook_ticker(symbol=SYMBOL)["bidPrice"]) > 0
        assert isinstance(c.get_all_tickers(), list) and isinstance(c.get_orderbook_tickers(), list)
        assert isinstance(c.get_ticker(), list)
        assert c.get_ticker(symbols='["BTCUSDT"]')[0]["symbol"] == SYMBOL
        assert c.get_symbol_ticker_window(symbol=SYMBOL, windowSize="1h")["count"] > 0
    with check("account"):
        account = c.get_account()
        assert account["canTrade"] and account["accountType"] == "SPOT"
        before = {it: c.get_asset_balance(asset=it) for it in (BASE, QUOTE)}
        assert float(before[QUOTE]["free"]) > 0
        assert c.get_commission_rates(symbol=SYMBOL) if hasattr(c, "get_commission_rates") else True
    with check("market buy: fills and commission"):
        order = c.order_market_buy(symbol=SYMBOL, quantity=QUANTITY)
        equal((order["status"], order["executedQty"]), ("FILLED", "0.00100000"))
        fee = sum(float(it["commission"]) for it in order["fills"])
        assert order["fills"][0]["commissionAsset"] == BASE and abs(fee - 0.000001) < 1e-12, fee
        after = float(c.get_asset_balance(asset=BASE)["free"])
        assert abs(after - float(before[BASE]["free"]) - 0.001 + fee) < 1e-9
    with check("market buy of a quote amount"):
        order = c.order_market_buy(symbol=SYMBOL, quoteOrderQty=50)
        assert 49 < float(order["cummulativeQuoteQty"]) <= 50 and order["status"] == "FILLED"
    with check("market sell: my trades"):
        order = c.order_market_sell(symbol=SYMBOL, quantity=QUANTITY)
        equal(order["status"], "FILLED")
        mine = c.get_my_trades(symbol=SYMBOL, orderId=order["orderId"])
        assert mine[0]["commissionAsset"] == QUOTE and not mine[0]["isBuyer"]
        equal([it["id"] for it in mine], [it["tradeId"] for it in order["fills"]])
        assert len(c.get_my_trades(symbol=SYMBOL, limit=500)) >= 3
    with check("test order"):
        equal(c.create_test_order(symbol=SYMBOL, side="BUY", type="MARKET", quantity=QUANTITY), {})
    with check("limit order rests, is found, and is cancelled"):
        order = c.order_limit_buy(symbol=SYMBOL, quantity=QUANTITY, price=at(0.8), newClientOrderId="pb-1")
        equal((order["status"], order["fills"]), ("NEW", []))
        equal(c.get_order(symbol=SYMBOL, origClientOrderId="pb-1")["orderId"], order["orderId"])
        assert [it["clientOrderId"] for it in c.get_open_orders(symbol=SYMBOL)] == ["pb-1"]
        assert len(c.get_open_orders()) == 1 and float(c.get_asset_balance(asset=QUOTE)["locked"]) > 0
    with refused("duplicate client id", -2010, "Duplicate order sent."):
        c.order_limit_buy(symbol=SYMBOL, quantity=QUANTITY, price=at(0.8), newClientOrderId="pb-1")
    with check("cancel"):
        gone = c.cancel_order(symbol=SYMBOL, origClientOrderId="pb-1")
        equal((gone["status"], gone["origClientOrderId"]), ("CANCELED", "pb-1"))
        assert any(it["status"] == "CANCELED" for it in c.get_all_orders(symbol=SYMBOL))
    with check("old OCO, its list, its cancel"):
        oco = c.create_oco_order(symbol=SYMBOL, side="SELL", quantity=QUANTITY, aboveType="LIMIT_MAKER", abovePrice=at(1.1), belowType="STOP_LOSS_LIMIT", belowStopPrice=at(0.9), belowPrice=at(0.89), belowTimeInForce="GTC")
        equal((oco["contingencyType"], len(oco["orderReports"])), ("OCO", 2))
        equal(len(c.get_open_oco_orders()), 1)
        gone = c.v3_delete_order_list(symbol=SYMBOL, orderListId=oco["orderListId"])
        equal(gone["listOrderStatus"], "ALL_DONE")
        old = c._post("order/oco", True, data=dict(symbol=SYMBOL, side="SELL", quantity=QUANTITY, price=at(1.1), stopPrice=at(0.9), stopLimitPrice=at(0.89), stopLimitTimeInForce="GTC"))
        equal(len(old["orders"]), 2)
        equal(len(c.cancel_all_open_orders(symbol=SYMBOL)), 1)
    with check("OTO and OTOCO"):
        oto = c.v3_post_order_list_oto(symbol=SYMBOL, workingType="LIMIT", workingSide="BUY", workingPrice=at(0.8), workingQuantity=QUANTITY, workingTimeInForce="GTC", pendingType="LIMIT_MAKER", pendingSide="SELL", pendingPrice=at(1.2), pendingQuantity=QUANTITY)
        equal(oto["contingencyType"], "OTO")
        c.v3_delete_order_list(symbol=SYMBOL, orderListId=oto["orderListId"])
        otoco = c.v3_post_order_list_otoco(symbol=SYMBOL, workingType="LIMIT", workingSide="BUY", workingPrice=at(0.8), workingQuantity=QUANTITY, workingTimeInForce="GTC", pendingSide="SELL", pendingQuantity=QUANTITY, pendingAboveType="LIMIT_MAKER", pendingAbovePrice=at(1.2), pendingBelowType="STOP_LOSS", pendingBelowStopPrice=at(0.7))
        equal(len(otoco["orders"]), 3)
        c.v3_delete_order_list(symbol=SYMBOL, orderListId=otoco["orderListId"])
    with check("cancel and replace"):
        order = c.order_limit_buy(symbol=SYMBOL, quantity=QUANTITY, price=at(0.8))
        both = c.cancel_replace_order(symbol=SYMBOL, side="BUY", type="LIMIT", timeInForce="GTC", quantity="0.002", price=at(0.79), cancelReplaceMode="STOP_ON_FAILURE", cancelOrderId=order["orderId"])
        equal((both["cancelResult"], both["newOrderResult"]), ("SUCCESS", "SUCCESS"))
        replaced = both["newOrderResponse"]["orderId"]
    with check("amend"):
        amended = c._put("order/amend/keepPriority", True, data=dict(symbol=SYMBOL, orderId=replaced, newQty=QUANTITY), version="v3")
        equal(amended["amendedOrder"]["qty"], "0.00100000")
        c.cancel_order(symbol=SYMBOL, orderId=replaced)
    with refused("cancelReplace of an unknown order", -2022):
        c.cancel_replace_order(symbol=SYMBOL, side="BUY", type="LIMIT", timeInForce="GTC", quantity=QUANTITY, price=at(0.79), cancelReplaceMode="STOP_ON_FAILURE", cancelOrderId=999999999)
    with check("a float is a decimal"):
        order = c.order_limit_buy(symbol=SYMBOL, quantity=0.001, price=20000.0)
        c.cancel_order(symbol=SYMBOL, orderId=order["orderId"])
    with check("limits and filters"):
        assert len(c.get_current_order_count()) >= 2
        assert c.v3_get_my_filters(symbol=SYMBOL) if hasattr(c, "v3_get_my_filters") else True
    for what, code, call in [
        ("LOT_SIZE", -1013, lambda: c.order_market_buy(symbol=SYMBOL, quantity="0.0000001")),
        ("lot step", -1013, lambda: c.order_market_buy(symbol=SYMBOL, quantity="0.00100100")),
        ("tick size", -1013, lambda: c.order_limit_buy(symbol=SYMBOL, quantity=QUANTITY, price="20000.001")),
        ("notional", -1013, lambda: c.order_limit_buy(symbol=SYMBOL, quantity="0.00001", price=at(0.8))),
        ("too precise", -1111, lambda: c.order_market_buy(symbol=SYMBOL, quantity="0.0000000001")),
        ("insufficient balance", -2010, lambda: c.order_market_sell(symbol=SYMBOL, quantity="100")),
        ("unknown order", -2013, lambda: c.get_order(symbol=SYMBOL, orderId=999999999)),
        ("cancel unknown order", -2011, lambda: c.cancel_order(symbol=SYMBOL, orderId=999999999)),
        ("unknown symbol", -1121, lambda: c.get_klines(symbol="NOSUCH", interval="1m")),
        ("unknown interval", -1120, lambda: c.get_klines(symbol=SYMBOL, interval="7m")),
        ("missing parameter", -1102, lambda: c.get_order(symbol=SYMBOL)),
        ("stop on the wrong side", -2010, lambda: c.create_order(symbol=SYMBOL, side="SELL", type="STOP_LOSS", quantity=QUANTITY, stopPrice=at(1.1))),
        ("bad signature", -1022, lambda: Client(KEY, "wrong").get_account()),
        ("unknown key", -2015, lambda: Client("nobody" * 10, SECRET).get_account()),
        ("listen keys are gone", None, lambda: c.stream_get_listen_key()),
    ]:
        if code is None:
            with check(what):
                try:
                    call()
                    raise AssertionError("a listen key")
                except BinanceAPIException as error:
                    assert error.status_code in (404, 410), error.status_code
            continue
        with refused(what, code):
            call()
    with refused("recvWindow too large", -1131):
        c.REQUEST_RECVWINDOW = 70000
        try:
            c.get_account()
        finally:
            c.REQUEST_RECVWINDOW = Client.REQUEST_RECVWINDOW
    with refused("clock too slow", -1021):
        control("clock", skew_ms=20000)
        try:
            c.get_account()
        finally:
            control("clock", skew_ms=0)
    with refused("429", -1003):
        control("fault", fault="limited", retry_after_s=2, on="public")
        try:
            c.get_order_book(symbol=SYMBOL)
        except BinanceAPIException as error:
            equal((error.status_code, error.response.headers["Retry-After"]), (429, "2"))
            raise
    with refused("outcome unknown, though it was done", -1007):
        control("fault", fault="unknown_outcome")
        c.order_limit_buy(symbol=SYMBOL, quantity=QUANTITY, price=at(0.8), newClientOrderId="pb-2")
    with check("it was done"):
        c.cancel_order(symbol=SYMBOL, origClientOrderId="pb-2")
        assert c.response.headers["x-mbx-used-weight-1m"] and c.response.headers["x-mbx-used-weight"]
        c.order_limit_buy(symbol=SYMBOL, quantity=QUANTITY, price=at(0.8))
        assert c.response.headers["x-mbx-order-count-10s"]
        c.cancel_all_open_orders(symbol=SYMBOL)
    for name, key, pem in [("Ed25519", ED25519_KEY, ED25519_PEM), ("RSA", RSA_KEY, RSA_PEM)]:
        with check(f"{name} signature"):
            other = Client(key, private_key=open(pem).read())
            assert other.get_account()["canTrade"]
            order = other.order_limit_buy(symbol=SYMBOL, quantity=QUANTITY, price=at(0.8), newClientOrderId="signed")
            other.cancel_order(symbol=SYMBOL, orderId=order["orderId"])
    with check("microseconds"):
        micro = Client(KEY, SECRET, time_unit="MICROSECOND")
        assert micro.get_server_time()["serverTime"] > 10**15
        assert micro.get_klines(symbol=SYMBOL, interval="1m", limit=1)[0][0] > 10**15


def ws_api():
    c = Client(KEY, SECRET)
    with check("WS API: market data"):
        c.ws_ping()
        assert c.ws_get_time()["serverTime"] > 0
        assert c.ws_get_exchange_info(symbol=SYMBOL)["symbols"]
        assert c.ws_get_order_book(symbol=SYMBOL)["bids"]
        equal(len(c.ws_get_recent_trades(symbol=SYMBOL, limit=5)), 5)
        equal(len(c.ws_get_historical_trades(symbol=SYMBOL, limit=5)), 5)
        equal(len(c.ws_get_aggregate_trades(symbol=SYMBOL, limit=5)), 5)
        equal(len(c.ws_get_klines(symbol=SYMBOL, interval="1m", limit=5)), 5)
        equal(len(c.ws_get_uiKlines(symbol=SYMBOL, interval="1m", limit=5)), 5)
        assert c.ws_get_avg_price(symbol=SYMBOL)["price"]
        for call in (c.ws_get_ticker, c.ws_get_trading_day_ticker, c.ws_get_symbol_ticker_window, c.ws_get_symbol_ticker, c.ws_get_orderbook_ticker):
            equal(call(symbol=SYMBOL)["symbol"], SYMBOL)
    with check("WS API: orders"):
        order = c.ws_order_market_buy(symbol=SYMBOL, quantity=QUANTITY)
        equal(order["status"], "FILLED")
        order = c.ws_order_limit_buy(symbol=SYMBOL, quantity=QUANTITY, price=at(0.8), newClientOrderId="pb-ws")
        equal(c.ws_get_order(symbol=SYMBOL, orderId=order["orderId"])["status"], "NEW")
        equal(len(c.ws_get_open_orders(symbol=SYMBOL)), 1)
        both = c.ws_cancel_and_replace_order(symbol=SYMBOL, side="BUY", type="LIMIT", timeInForce="GTC", quantity=QUANTITY, price=at(0.79), cancelReplaceMode="STOP_ON_FAILURE", cancelOrderId=order["orderId"])
        gone = c.ws_cancel_order(symbol=SYMBOL, orderId=both["newOrderResponse"]["orderId"])
        equal(gone["status"], "CANCELED")
        equal(c.ws_create_test_order(symbol=SYMBOL, side="BUY", type="MARKET", quantity=QUANTITY), {})
    with check("WS API: lists"):
        oco = c.ws_create_oco_order(symbol=SYMBOL, side="SELL", quantity=QUANTITY, aboveType="LIMIT_MAKER", abovePrice=at(1.1), belowType="STOP_LOSS", belowStopPrice=at(0.9))
        equal(c.ws_get_oco_order(orderListId=oco["orderListId"])["listOrderStatus"], "EXECUTING")
        equal(len(c.ws_get_oco_open_orders()), 1)
        c.ws_cancel_oco_order(symbol=SYMBOL, orderListId=oco["orderListId"])
        c.ws_create_oto_order(symbol=SYMBOL, workingType="LIMIT", workingSide="BUY", workingPrice=at(0.8), workingQuantity=QUANTITY, workingTimeInForce="GTC", pendingType="LIMIT_MAKER", pendingSide="SELL", pendingPrice=at(1.2), pendingQuantity=QUANTITY)
        c.ws_create_otoco_order(symbol=SYMBOL, workingType="LIMIT", workingSide="BUY", workingPrice=at(0.8), workingQuantity=QUANTITY, workingTimeInForce="GTC", pendingSide="SELL", pendingQuantity=QUANTITY, pendingAboveType="LIMIT_MAKER", pendingAbovePrice=at(1.2), pendingBelowType="STOP_LOSS", pendingBelowStopPrice=at(0.7))
        equal(len(c.ws_cancel_all_open_orders(symbol=SYMBOL)), 2)
    with check("WS API: account"):
        assert c.ws_get_account()["balances"]
        assert c.ws_get_account_rate_limits_orders()
        assert c.ws_get_all_orders(symbol=SYMBOL) and c.ws_get_my_trades(symbol=SYMBOL)
        equal(c.ws_get_prevented_matches(symbol=SYMBOL, orderId=1), [])
        equal(c.ws_get_allocations(symbol=SYMBOL), [])
        assert c.ws_get_commission_rates(symbol=SYMBOL)["standardCommission"]
    with refused("WS API: lot size", -1013):
        c.ws_order_market_buy(symbol=SYMBOL, quantity="0.0000001")
    with refused("WS API: bad signature", -1022):
        Client(KEY, "wrong").ws_get_account()
    with refused("WS API: unknown order", -2013):
        c.ws_get_order(symbol=SYMBOL, orderId=999999999)
    with check("WS API: Ed25519"):
        assert Client(ED25519_KEY, private_key=open(ED25519_PEM).read()).ws_get_account()["canTrade"]


async def sockets():
    with check("async: constructor pings and asks for the time"):
        c = await AsyncClient.create(KEY, SECRET)
    manager = BinanceSocketManager(c)
    with check("async: user socket tells of a market order"):
        async with manager.user_socket() as user:
            order = await c.order_market_buy(symbol=SYMBOL, quantity=QUANTITY)
            seen = []
            while not seen or seen[-1]["e"] != "outboundAccountPosition":
                seen.append(await asyncio.wait_for(user.recv(), PATIENCE))
            reports = [(it["x"], it["X"]) for it in seen if it["e"] == "executionReport"]
            equal((reports[0], reports[-1]), (("NEW", "NEW"), ("TRADE", "FILLED")))
            assert all(it["i"] == order["orderId"] for it in seen if it["e"] == "executionReport")
            order = await c.order_limit_buy(symbol=SYMBOL, quantity=QUANTITY, price=at(0.8), newClientOrderId="pb-3")
            await c.cancel_order(symbol=SYMBOL, orderId=order["orderId"])
            seen = []
            while not any(it.get("x") == "CANCELED" for it in seen):
                seen.append(await asyncio.wait_for(user.recv(), PATIENCE))
            gone = next(it for it in seen if it.get("x") == "CANCELED")
            assert gone["C"] == "pb-3" and gone["c"] != "pb-3"
    with check("async: user socket a second time"):
        async with manager.user_socket() as user:
            await c.order_market_sell(symbol=SYMBOL, quantity=QUANTITY)
            while (await asyncio.wait_for(user.recv(), PATIENCE)).get("X") != "FILLED":
                pass
    for what, socket, wanted in [
        ("kline", manager.kline_socket(SYMBOL, "1m"), {"e": "kline", "s": SYMBOL}),
        ("trade", manager.trade_socket(SYMBOL), {"e": "trade"}),
        ("aggTrade", manager.aggtrade_socket(SYMBOL), {"e": "aggTrade"}),
        ("bookTicker", manager.symbol_book_ticker_socket(SYMBOL), {"s": SYMBOL}),
        ("miniTicker", manager.symbol_miniticker_socket(SYMBOL), {"e": "24hrMiniTicker"}),
        ("ticker", manager.symbol_ticker_socket(SYMBOL), {"e": "24hrTicker"}),
        ("depth updates", manager.depth_socket(SYMBOL), {"e": "depthUpdate"}),
        ("partial depth", manager.depth_socket(SYMBOL, depth="10"), {}),
        ("fast depth", manager.depth_socket(SYMBOL, interval=100), {"e": "depthUpdate"}),
    ]:
        with check(f"async: {what} socket"):
            async with socket as stream:
                got = await asyncio.wait_for(stream.recv(), PATIENCE)
                assert wanted.items() <= got.items(), got
                if not wanted:
                    assert len(got["bids"]) == 10, got
    with check("async: all miniTickers"):
        async with manager.miniticker_socket() as stream:
            got = await asyncio.wait_for(stream.recv(), PATIENCE)
            assert isinstance(got, list) and got[0]["e"] == "24hrMiniTicker"
    with check("async: several streams in one"):
        async with manager.multiplex_socket(["btcusdt@trade", "btcusdt@kline_1m"]) as stream:
            seen = set()
            while len(seen) < 2:
                seen.add((await asyncio.wait_for(stream.recv(), PATIENCE))["stream"])
    with check("async: depth cache"):
        from binance import DepthCacheManager

        async with DepthCacheManager(c, SYMBOL) as cache:
            book = await asyncio.wait_for(cache.recv(), PATIENCE)
            assert book.get_bids()[0][0] < book.get_asks()[0][0]
    with check("async: historical klines"):
        rows = await c.get_historical_klines(SYMBOL, "1m", "30 hours ago UTC")
        assert len(rows) > 1700
        ascending([it[0] for it in rows], MINUTE)
        some = [it async for it in await c.get_historical_klines_generator(SYMBOL, "1h", "1 day ago UTC")]
        assert len(some) >= 23
    with check("async: WS API order"):
        equal((await c.ws_order_market_buy(symbol=SYMBOL, quantity=QUANTITY))["status"], "FILLED")
    with refused("async: errors", -2013):
        await c.get_order(symbol=SYMBOL, orderId=999999999)
    await c.close_connection()


def threaded():
    with check("threaded: kline, user and multiplex sockets"):
        manager = ThreadedWebsocketManager(KEY, SECRET)
        manager.start()
        klines, events, several = [], [], []
        manager.start_kline_socket(klines.append, SYMBOL)
        manager.start_user_socket(events.append)
        manager.start_multiplex_socket(several.append, ["btcusdt@miniTicker", "btcusdt@bookTicker"])
        assert until(lambda: klines and several), (klines[:1], several[:1])
        c = Client(KEY, SECRET)
        order = c.order_market_buy(symbol=SYMBOL, quantity=QUANTITY)
        assert until(lambda: any(it.get("i") == order["orderId"] for it in events)), events
        assert not any(it.get("e") == "error" for it in klines + events + several)
        manager.stop()


rest()
ws_api()
asyncio.run(sockets())
threaded()
check.done()
