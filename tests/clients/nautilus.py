"""nautilus_trader: its adapter's HTTP and WebSocket clients, all answers decoded into its structures, which are strict.

Its user data needs a listen key, which the exchange has retired: not here.
"""

import asyncio

import msgspec

from common import *
from nautilus_trader.adapters.binance.common.enums import BinanceAccountType
from nautilus_trader.adapters.binance.common.schemas.market import (
    BinanceAggregatedTradeMsg,
    BinanceCandlestickMsg,
    BinanceOrderBookMsg,
    BinanceQuoteMsg,
    BinanceTickerMsg,
)
from nautilus_trader.adapters.binance.http.client import BinanceHttpClient
from nautilus_trader.adapters.binance.http.error import BinanceClientError, BinanceServerError
from nautilus_trader.adapters.binance.spot.http.account import BinanceSpotAccountHttpAPI
from nautilus_trader.adapters.binance.spot.http.market import BinanceSpotMarketHttpAPI
from nautilus_trader.adapters.binance.spot.schemas.market import (
    BinanceSpotOrderBookPartialDepthMsg,
    BinanceSpotTradeMsg,
)
from nautilus_trader.adapters.binance.common.enums import (
    BinanceKlineInterval,
    BinanceOrderSide,
    BinanceOrderType,
    BinanceTimeInForce,
)
from nautilus_trader.adapters.binance.websocket.client import BinanceWebSocketClient
from nautilus_trader.common.component import LiveClock

check = Checks("nautilus_trader", lambda error: (error.message if isinstance(error.message, dict) else json.loads(error.message))["code"])
CLOCK = LiveClock()


def apis(key=KEY, secret=SECRET):
    client = BinanceHttpClient(clock=CLOCK, api_key=key, api_secret=secret, base_url=REST)
    return BinanceSpotMarketHttpAPI(client), BinanceSpotAccountHttpAPI(client, CLOCK)


async def rest():
    market, account = apis()
    with check("market data"):
        await market.ping()
        assert await market.request_server_time() > 0
        info = await market.query_spot_exchange_info()
        assert info.symbols[0].filters and info.rateLimits
        assert (await market.query_spot_average_price(SYMBOL)).price
        assert (await market.query_depth(SYMBOL, 100)).bids
        for call in (market.query_trades, market.query_agg_trades):
            equal(len(await call(SYMBOL, limit=5)), 5)
        rows = await market.query_klines(SYMBOL, BinanceKlineInterval("1m"), limit=1000)
        ascending([it.open_time for it in rows], MINUTE)
        for call in (market.query_ticker_24hr, market.query_ticker_price, market.query_ticker_book):
            equal((await call(SYMBOL))[0].symbol, SYMBOL)
            assert await call()
    with check("account and orders"):
        assert (await account.query_spot_account_info()).balances
        assert await account.query_spot_order_rate_limit()
        buy = await account.new_order(SYMBOL, BinanceOrderSide.BUY, BinanceOrderType.MARKET, quantity=QUANTITY)
        equal(buy.status.value, "FILLED")
        rests = await account.new_order(SYMBOL, BinanceOrderSide.BUY, BinanceOrderType.LIMIT, time_in_force=BinanceTimeInForce.GTC, quantity=QUANTITY, price=at(0.8), new_client_order_id="nt-1")
        equal((await account.query_order(SYMBOL, order_id=rests.orderId)).status.value, "NEW")
        equal(len(await account.query_open_orders(SYMBOL)), 1)
        await account.cancel_order(SYMBOL, order_id=rests.orderId)
        assert await account.query_all_orders(SYMBOL) and await account.query_user_trades(SYMBOL)
        oco = await account.new_spot_oco(SYMBOL, BinanceOrderSide.SELL, QUANTITY, price=at(1.1), stop_price=at(0.9))
        assert await account.query_spot_all_open_oco()
        await account.cancel_spot_oco(SYMBOL, order_list_id=str(oco.orderListId))
    for what, code, call in [
        ("LOT_SIZE", -1013, lambda: account.new_order(SYMBOL, BinanceOrderSide.BUY, BinanceOrderType.MARKET, quantity="0.0000001")),
        ("unknown order", -2013, lambda: account.query_order(SYMBOL, order_id=999999999)),
        ("bad signature", -1022, lambda: apis(secret="wrong")[1].query_spot_account_info()),
    ]:
        with check.refused(what, code, BinanceClientError):
            await call()
    with check.refused("outcome unknown", -1007, BinanceServerError):
        control("fault", fault="unknown_outcome")
        await account.new_order(SYMBOL, BinanceOrderSide.BUY, BinanceOrderType.MARKET, quantity=QUANTITY)


async def streams():
    frames = []
    c = BinanceWebSocketClient(CLOCK, STREAMS, frames.append, None, asyncio.get_running_loop())
    await c.subscribe_trades(SYMBOL)
    await c.subscribe_agg_trades(SYMBOL)
    await c.subscribe_bars(SYMBOL, "1m")
    await asyncio.sleep(1)
    await c.subscribe_ticker(SYMBOL)
    await c.subscribe_book_ticker(SYMBOL)
    await asyncio.sleep(1)
    await c.subscribe_partial_book_depth(SYMBOL, 10, 100)
    await c.subscribe_diff_book_depth(SYMBOL, 100)
    for what, part, kind in [
        ("trade", b"@trade", BinanceSpotTradeMsg),
        ("aggTrade", b"@aggTrade", BinanceAggregatedTradeMsg),
        ("kline", b"@kline", BinanceCandlestickMsg),
        ("ticker", b"@ticker", BinanceTickerMsg),
        ("bookTicker", b"@bookTicker", BinanceQuoteMsg),
        ("partial depth", b"@depth10", BinanceSpotOrderBookPartialDepthMsg),
        ("depth", b"@depth@", BinanceOrderBookMsg),
    ]:
        with check(f"stream: {what}"):
            mine = lambda: [bytes(it) for it in frames if part in bytes(it)[:60]]
            assert await until_async(mine), [bytes(it)[:60] for it in frames[:5]]
            msgspec.json.decode(mine()[0], type=kind)


async def main():
    await rest()
    await streams()
    check.done()


asyncio.run(main())
