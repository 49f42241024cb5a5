"""binance-sdk-spot, the exchange's own: REST, WebSocket API and streams, all answers parsed into its models."""

import asyncio

from common import *
from binance_common.configuration import (
    ConfigurationRestAPI,
    ConfigurationWebSocketAPI,
    ConfigurationWebSocketStreams,
)
from binance_common.errors import (
    BadRequestError,
    ServerError,
    TooManyRequestsError,
    UnauthorizedError,
)
from binance_sdk_spot.spot import Spot
from binance_sdk_spot.rest_api.models import *

check = Checks("binance-sdk-spot", lambda error: error.status_code)


def spot(key=KEY, secret=SECRET, private_key=None, **more):
    own = dict(api_key=key, api_secret=secret, private_key=private_key)
    return Spot(
        config_rest_api=ConfigurationRestAPI(base_path=REST, timeout=10000, retries=0, **own, **more),
        config_ws_api=ConfigurationWebSocketAPI(stream_url=WS_API, **own, **more),
        config_ws_streams=ConfigurationWebSocketStreams(stream_url=STREAMS, **more),
    )


def rest():
    c = spot().rest_api
    with check("ping and time"):
        c.ping()
        assert abs(c.time().data().server_time - time.time() * 1000) < 5000
    with check("exchange info"):
        info = c.exchange_info().data()
        assert len(info.rate_limits) >= 3
        one = next(it for it in info.symbols if it.symbol == SYMBOL)
        equal((one.status, one.is_spot_trading_allowed), ("TRADING", True))
        assert len(one.filters) >= 8 and one.permission_sets
        equal(c.exchange_info(symbols=[SYMBOL, "ETHUSDT"]).data().symbols[1].symbol, "ETHUSDT")
        equal(len(c.exchange_info(permissions=["SPOT"]).data().symbols), 2)
        equal(c.exchange_info(symbol_status="HALT").data().symbols, [])
    with check("rate limits in the answers' headers"):
        limits = c.depth(symbol=SYMBOL).rate_limits
        assert limits and limits[0].count > 0, limits
    with check("klines"):
        rows = c.klines(symbol=SYMBOL, interval="1m", limit=1000).data()
        equal((len(rows), len(rows[0])), (1000, 12))
        ascending([it[0] for it in rows], MINUTE)
        older = c.klines(symbol=SYMBOL, interval="1m", limit=1000, end_time=rows[0][0] - 1).data()
        ascending([it[0] for it in older + rows], MINUTE)
        since = c.klines(symbol=SYMBOL, interval="1h", start_time=rows[0][0], time_zone="5:45").data()
        assert since and since[0][0] % 3_600_000 == 900_000, since[:1]
        assert len(c.ui_klines(symbol=SYMBOL, interval="1d", limit=3).data()) == 3
    with check("depth, trades, aggregate trades"):
        book = c.depth(symbol=SYMBOL, limit=5).data()
        assert float(book.bids[0][0]) < float(book.asks[0][0])
        equal(len(c.get_trades(symbol=SYMBOL, limit=3).data()), 3)
        some = c.historical_trades(symbol=SYMBOL, limit=3, from_id=c.get_trades(symbol=SYMBOL, limit=1).data()[0].id - 10).data()
        equal(len(some), 3)
        some = c.agg_trades(symbol=SYMBOL, limit=3).data()
        equal(c.agg_trades(symbol=SYMBOL, from_id=some[0].a, limit=1).data()[0].T, some[0].T)
        equal(c.historical_block_trades(symbol=SYMBOL, from_id=1).data(), [])
    with check("tickers"):
        equal(c.ticker24hr(symbol=SYMBOL).data().actual_instance.symbol, SYMBOL)
        equal(len(c.ticker24hr(symbols=[SYMBOL, "ETHUSDT"], type="MINI").data().actual_instance), 2)
        equal(c.ticker(symbol=SYMBOL, window_size="1h").data().actual_instance.symbol, SYMBOL)
        equal(c.ticker_price(symbol=SYMBOL).data().actual_instance.symbol, SYMBOL)
        assert c.ticker_price().data().actual_instance
        equal(c.ticker_book_ticker(symbol=SYMBOL).data().actual_instance.symbol, SYMBOL)
        equal(c.ticker_trading_day(symbol=SYMBOL).data().actual_instance.symbol, SYMBOL)
        assert c.avg_price(symbol=SYMBOL).data().mins == 5
    with check("execution rules and reference price"):
        c.execution_rules(symbol=SYMBOL).data()
        try:
            c.reference_price(symbol=SYMBOL).data()
        except BadRequestError as error:
            equal(error.status_code, -2043)
    with check("account"):
        account = c.get_account(omit_zero_balances=True).data()
        assert account.can_trade and account.commission_rates.maker and account.balances[0].asset
        assert c.account_commission(symbol=SYMBOL).data().standard_commission.taker
        assert c.rate_limit_order().data()[0].limit
        assert c.my_filters(symbol=SYMBOL).data().symbol_filters
        equal(c.my_allocations(symbol=SYMBOL).data(), [])
        equal(c.my_prevented_matches(symbol=SYMBOL, order_id=1).data(), [])
    with check("market buy and sell"):
        order = c.new_order(symbol=SYMBOL, side="BUY", type="MARKET", quantity=0.001).data()
        equal((order.status, order.fills[0].commission_asset), ("FILLED", BASE))
        order = c.new_order(symbol=SYMBOL, side="SELL", type="MARKET", quantity=0.001, new_order_resp_type="RESULT").data()
        equal((order.status, order.executed_qty), ("FILLED", "0.00100000"))
        mine = c.my_trades(symbol=SYMBOL, order_id=order.order_id).data()
        equal((mine[0].commission_asset, mine[0].is_buyer), (QUOTE, False))
        order = c.new_order(symbol=SYMBOL, side="BUY", type="MARKET", quote_order_qty=20, new_order_resp_type="ACK").data()
        assert order.order_id and not order.status
        c.order_test(symbol=SYMBOL, side="BUY", type="MARKET", quantity=0.001)
        assert c.order_test(symbol=SYMBOL, side="BUY", type="MARKET", quantity=0.001, compute_commission_rates=True).data().standard_commission_for_order
    with check("limit order rests and is cancelled"):
        order = c.new_order(symbol=SYMBOL, side="BUY", type="LIMIT", time_in_force="GTC", quantity=0.001, price=20000.0, new_client_order_id="sdk-1", strategy_id=7, strategy_type=1000001).data()
        equal(order.status, "NEW")
        found = c.get_order(symbol=SYMBOL, orig_client_order_id="sdk-1").data()
        equal((found.order_id, found.is_working), (order.order_id, True))
        equal([it.client_order_id for it in c.get_open_orders(symbol=SYMBOL).data()], ["sdk-1"])
    with check.refused("duplicate client id", -2010, BadRequestError, "Duplicate order sent."):
        c.new_order(symbol=SYMBOL, side="BUY", type="LIMIT", time_in_force="GTC", quantity=0.001, price=20000.0, new_client_order_id="sdk-1")
    with check("cancel, all orders"):
        equal(c.delete_order(symbol=SYMBOL, orig_client_order_id="sdk-1").data().status, "CANCELED")
        assert any(it.status == "CANCELED" for it in c.all_orders(symbol=SYMBOL).data())
    with check("cancel and replace, amend, amendments"):
        order = c.new_order(symbol=SYMBOL, side="BUY", type="LIMIT", time_in_force="GTC", quantity=0.002, price=20000.0).data()
        both = c.order_cancel_replace(symbol=SYMBOL, side="BUY", type="LIMIT", cancel_replace_mode="STOP_ON_FAILURE", cancel_order_id=order.order_id, time_in_force="GTC", quantity=0.002, price=20001.0).data()
        equal((both.cancel_result, both.new_order_result), ("SUCCESS", "SUCCESS"))
        order = both.new_order_response.order_id
        amended = c.order_amend_keep_priority(symbol=SYMBOL, new_qty=0.001, order_id=order).data()
        equal(amended.amended_order.qty, "0.00100000")
        equal(c.order_amendments(symbol=SYMBOL, order_id=order).data()[0].new_qty, "0.00100000")
        gone = c.delete_open_orders(symbol=SYMBOL).data()
        equal(gone[0].actual_instance.order_id if hasattr(gone[0], "actual_instance") else gone[0].order_id, order)
    with check("OCO, old and new"):
        high, low = float(at(1.1)), float(at(0.9))
        oco = c.order_list_oco(symbol=SYMBOL, side="SELL", quantity=0.001, above_type="LIMIT_MAKER", above_price=high, below_type="STOP_LOSS_LIMIT", below_stop_price=low, below_price=low, below_time_in_force="GTC").data()
        equal((oco.contingency_type, len(oco.order_reports)), ("OCO", 2))
        equal(c.get_order_list(order_list_id=oco.order_list_id).data().list_order_status, "EXECUTING")
        equal(len(c.open_order_list().data()), 1)
        equal(c.delete_order_list(symbol=SYMBOL, order_list_id=oco.order_list_id).data().list_order_status, "ALL_DONE")
        old = c.order_oco(symbol=SYMBOL, side="SELL", quantity=0.001, price=high, stop_price=low).data()
        c.delete_order_list(symbol=SYMBOL, order_list_id=old.order_list_id)
        assert len(c.all_order_list().data()) >= 2
    with check("OTO, OTOCO, OPO, OPOCO"):
        first = dict(symbol=SYMBOL, working_type="LIMIT", working_side="BUY", working_price=20000.0, working_quantity=0.001, working_time_in_force="GTC")
        lists = [
            c.order_list_oto(**first, pending_type="LIMIT_MAKER", pending_side="SELL", pending_price=high, pending_quantity=0.001),
            c.order_list_otoco(**first, pending_side="SELL", pending_quantity=0.001, pending_above_type="LIMIT_MAKER", pending_above_price=high, pending_below_type="STOP_LOSS", pending_below_stop_price=low),
            c.order_list_opo(**first, pending_type="LIMIT_MAKER", pending_side="SELL", pending_price=high),
            c.order_list_opoco(**first, pending_side="SELL", pending_above_type="LIMIT_MAKER", pending_above_price=high, pending_below_type="STOP_LOSS", pending_below_stop_price=low),
        ]
        equal([len(it.data().orders) for it in lists], [2, 3, 2, 3])
        equal({it.data().contingency_type for it in lists}, {"OTO"})
        for it in lists:
            c.delete_order_list(symbol=SYMBOL, order_list_id=it.data().order_list_id)
    for what, code, kind, call in [
        ("LOT_SIZE", -1013, BadRequestError, lambda: c.new_order(symbol=SYMBOL, side="BUY", type="MARKET", quantity=0.001001)),
        ("unknown order", -2013, BadRequestError, lambda: c.get_order(symbol=SYMBOL, order_id=999999999)),
        ("cancel unknown order", -2011, BadRequestError, lambda: c.delete_order(symbol=SYMBOL, order_id=999999999)),
        ("unknown symbol", -1121, BadRequestError, lambda: c.klines(symbol="NOSUCH", interval="1m")),
        ("recvWindow too large", -1131, BadRequestError, lambda: c.get_account(recv_window=70000)),
        ("bad signature", -1022, BadRequestError, lambda: spot(secret="wrong").rest_api.get_account()),
        ("unknown key", -2015, UnauthorizedError, lambda: spot(key="nobody" * 10).rest_api.get_account()),
        ("key of a bad form", -2014, UnauthorizedError, lambda: spot(key="").rest_api.get_account()),
    ]:
        with check.refused(what, code, kind):
            call()
    with check.refused("outside of recvWindow", -1021, BadRequestError):
        control("clock", skew_ms=20000)
        try:
            c.get_account(recv_window=5000)
        finally:
            control("clock", skew_ms=0)
    with check.refused("429 with Retry-After", -1003, TooManyRequestsError):
        control("fault", fault="limited", retry_after_s=2, on="public")
        try:
            c.depth(symbol=SYMBOL)
        except TooManyRequestsError as error:
            equal(error.retry_after, 2)
            raise
    with check("outcome unknown, though it was done"):
        control("fault", fault="unknown_outcome")
        try:
            c.new_order(symbol=SYMBOL, side="BUY", type="LIMIT", time_in_force="GTC", quantity=0.001, price=20000.0, new_client_order_id="sdk-2")
            raise AssertionError("an answer")
        except ServerError:
            c.delete_order(symbol=SYMBOL, orig_client_order_id="sdk-2")
    with check("a page instead of JSON"):
        control("fault", fault="status", status=502)
        try:
            c.new_order(symbol=SYMBOL, side="BUY", type="MARKET", quantity=0.001)
            raise AssertionError("an answer")
        except ServerError:
            pass
    for name, key, pem in [("Ed25519", ED25519_KEY, ED25519_PEM), ("RSA", RSA_KEY, RSA_PEM)]:
        with check(f"{name} signature"):
            other = spot(key, None, private_key=open(pem).read()).rest_api
            assert other.get_account().data().can_trade
            other.new_order(symbol=SYMBOL, side="BUY", type="MARKET", quantity=0.001)
    with check("microseconds"):
        assert spot(time_unit="MICROSECOND").rest_api.time().data().server_time > 10**15


async def events_of(connection, subscribe, place):
    """What the user data stream tells of an order."""
    answer = await subscribe(connection)
    seen = []
    answer.stream.on("message", lambda it: seen.append(it.actual_instance))
    order = await place(connection)
    wanted = lambda: any(getattr(it, "X", None) == "FILLED" and it.i == order for it in seen)
    assert await until_async(wanted), seen
    assert await until_async(lambda: any(type(it).__name__ == "OutboundAccountPosition" for it in seen)), seen
    return answer, seen


async def websocket_api():
    async def place(connection):
        order = (await connection.order_place(symbol=SYMBOL, side="BUY", type="MARKET", quantity=0.001)).data()
        equal(order.result.status, "FILLED")
        return order.result.order_id

    client = spot().websocket_api
    c = await client.create_connection()
    with check("WS API: market data"):
        await c.ping()
        assert (await c.time()).data().result.server_time
        # Its models of this answer, of tickers and of myFilters have no room for the result.
        assert (await c.exchange_info(symbol=SYMBOL)).data().rate_limits
        assert (await c.depth(symbol=SYMBOL)).data().result.bids
        equal(len((await c.klines(symbol=SYMBOL, interval="1m", limit=7)).data().result), 7)
        equal(len((await c.ui_klines(symbol=SYMBOL, interval="1m", limit=7)).data().result), 7)
        for call in (c.trades_recent, c.trades_historical, c.trades_aggregate):
            equal(len((await call(symbol=SYMBOL, limit=4)).data().result), 4)
        for call in (c.ticker, c.ticker24hr, c.ticker_book, c.ticker_price, c.ticker_trading_day, c.avg_price):
            answer = await call(symbol=SYMBOL)
            assert answer.data() and answer.rate_limits, answer
        await c.execution_rules(symbol=SYMBOL)
    with check("WS API: account"):
        assert (await c.account_status()).data().result.balances
        assert (await c.account_commission(symbol=SYMBOL)).data().result
        for call in (c.account_rate_limits_orders, c.all_order_lists, c.open_order_lists_status):
            assert (await call()).data().result is not None
        for call in (c.all_orders, c.my_trades, c.my_allocations, c.open_orders_status):
            assert (await call(symbol=SYMBOL)).data().result is not None
    with check("WS API: orders"):
        await place(c)
        order = (await c.order_place(symbol=SYMBOL, side="BUY", type="LIMIT", time_in_force="GTC", quantity=0.002, price=20000.0)).data().result
        equal((await c.order_status(symbol=SYMBOL, order_id=order.order_id)).data().result.status, "NEW")
        equal((await c.order_amend_keep_priority(symbol=SYMBOL, new_qty=0.001, order_id=order.order_id)).data().result.amended_order.qty, "0.00100000")
        assert (await c.order_amendments(symbol=SYMBOL, order_id=order.order_id)).data().result
        both = (await c.order_cancel_replace(symbol=SYMBOL, cancel_replace_mode="STOP_ON_FAILURE", side="BUY", type="LIMIT", cancel_order_id=order.order_id, time_in_force="GTC", quantity=0.001, price=20001.0)).data().result
        equal((await c.order_cancel(symbol=SYMBOL, order_id=both.new_order_response.order_id)).data().result.status, "CANCELED")
        await c.order_test(symbol=SYMBOL, side="BUY", type="MARKET", quantity=0.001)
    with check("WS API: lists"):
        high, low = float(at(1.1)), float(at(0.9))
        oco = (await c.order_list_place_oco(symbol=SYMBOL, side="SELL", quantity=0.001, above_type="LIMIT_MAKER", above_price=high, below_type="STOP_LOSS", below_stop_price=low)).data().result
        assert (await c.order_list_status(order_list_id=oco.order_list_id)).data().result
        assert (await c.order_list_cancel(symbol=SYMBOL, order_list_id=oco.order_list_id)).data().result
        old = (await c.order_list_place(symbol=SYMBOL, side="SELL", price=high, quantity=0.001, stop_price=low)).data().result
        first = dict(symbol=SYMBOL, working_type="LIMIT", working_side="BUY", working_price=20000.0, working_quantity=0.001, working_time_in_force="GTC")
        await c.order_list_place_oto(**first, pending_type="LIMIT_MAKER", pending_side="SELL", pending_price=high, pending_quantity=0.001)
        await c.order_list_place_otoco(**first, pending_side="SELL", pending_quantity=0.001, pending_above_type="LIMIT_MAKER", pending_above_price=high, pending_below_type="STOP_LOSS", pending_below_stop_price=low)
        await c.order_list_place_opo(**first, pending_type="LIMIT_MAKER", pending_side="SELL", pending_price=high)
        await c.order_list_place_opoco(**first, pending_side="SELL", pending_above_type="LIMIT_MAKER", pending_above_price=high, pending_below_type="STOP_LOSS", pending_below_stop_price=low)
        equal(len((await c.open_orders_cancel_all(symbol=SYMBOL)).data().result), 5)
    with check("WS API: a refusal"):
        data = (await c.order_place(symbol=SYMBOL, side="BUY", type="MARKET", quantity=0.001001)).data()
        equal(data["error"]["code"], -1013)
        data = (await c.order_status(symbol=SYMBOL, order_id=999999999)).data()
        equal(data["error"]["code"], -2013)
    with check("user data by signature"):
        # The number of the first one is 0, which must not be taken for none.
        answer, _ = await events_of(c, lambda it: it.user_data_stream_subscribe_signature(), place)
        equal(answer.response.data().result.subscription_id, 0)
        assert (await c.session_subscriptions()).data().result
        assert (await c.session_status()).data().result
    await client.close_connection(close_session=True)
    client = spot(ED25519_KEY, None, private_key=open(ED25519_PEM).read()).websocket_api
    c = await client.create_connection()
    with check("session: logon, subscribe, order, logout"):
        equal((await c.session_logon()).data().result.api_key, ED25519_KEY)
        _, seen = await events_of(c, lambda it: it.user_data_stream_subscribe(), place)
        assert (await c.session_status()).data().result.user_data_stream
        assert (await c.session_logout()).data().result
        assert (await c.session_status()).data().result.api_key is None
    await client.close_connection(close_session=True)


async def streams():
    client = spot().websocket_streams
    c = await client.create_connection()
    for what, listen in [
        ("kline", lambda: c.kline(symbol="btcusdt", interval="1m")),
        ("kline with offset", lambda: c.kline_offset(symbol="btcusdt", interval="1h")),
        ("trade", lambda: c.trade(symbol="btcusdt")),
        ("aggTrade", lambda: c.agg_trade(symbol="btcusdt")),
        ("bookTicker", lambda: c.book_ticker(symbol="btcusdt")),
        ("miniTicker", lambda: c.mini_ticker(symbol="btcusdt")),
        ("ticker", lambda: c.ticker(symbol="btcusdt")),
        ("rolling ticker", lambda: c.rolling_window_ticker(symbol="btcusdt", window_size="1h")),
        ("average price", lambda: c.avg_price(symbol="btcusdt")),
        ("partial depth", lambda: c.partial_book_depth(symbol="btcusdt", levels="10")),
        ("depth", lambda: c.diff_book_depth(symbol="btcusdt")),
        ("all miniTickers", lambda: c.all_mini_ticker()),
        ("all rolling tickers", lambda: c.all_market_rolling_window_ticker(window_size="1h")),
    ]:
        with check(f"stream: {what}"):
            seen = []
            stream = await listen()
            stream.on("message", seen.append)
            assert await until_async(lambda: seen), "nothing came"
            await stream.unsubscribe()
    with check("stream: list of subscriptions"):
        await c.trade(symbol="btcusdt")
        assert "btcusdt@trade" in str(await c.list_subscribe())
    await client.close_connection(close_session=True)


rest()
asyncio.run(websocket_api())
asyncio.run(streams())
check.done()
