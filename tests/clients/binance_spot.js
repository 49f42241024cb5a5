// @binance/spot: the exchange's own.
"use strict";
const { Spot } = require("@binance/spot");
const { REST, STREAMS, WS_API, KEY, SECRET, RSA_KEY, ED25519_KEY, rsaPem, ed25519Pem, SYMBOL, MINUTE, control, at, equal, assert, ascending, until, checks } = require("./common.js");

// Its errors keep the code where one was sent.
const check = checks("@binance/spot", (error) => error.code);
const spot = (apiKey = KEY, apiSecret = SECRET, privateKey = undefined) => {
  const own = { apiKey, apiSecret, privateKey };
  return new Spot({
    configurationRestAPI: { ...own, basePath: REST, retries: 0, timeout: 10_000 },
    configurationWebsocketAPI: { ...own, wsURL: WS_API },
    configurationWebsocketStreams: { wsURL: STREAMS },
  });
};
const data = async (answer) => {
  const { data } = await answer;
  return typeof data === "function" ? data() : data;
};
const LIMIT = { symbol: SYMBOL, side: "BUY", type: "LIMIT", timeInForce: "GTC", quantity: 0.002, price: 20000 };
const MARKET = { symbol: SYMBOL, side: "BUY", type: "MARKET", quantity: 0.001 };
const FIRST = { symbol: SYMBOL, workingType: "LIMIT", workingSide: "BUY", workingPrice: 20000, workingQuantity: 0.001, workingTimeInForce: "GTC" };

async function rest() {
  const c = spot().restAPI;
  await check("market data", async () => {
    await c.ping();
    assert(Number((await data(c.time())).serverTime) > 0);
    equal((await data(c.exchangeInfo({ symbols: ["BTCUSDT", "ETHUSDT"] }))).symbols.length, 2);
    const answer = await c.klines({ symbol: SYMBOL, interval: "1m", limit: 1000 });
    assert(answer.rateLimits.length > 0);
    const rows = await answer.data();
    const older = await data(c.klines({ symbol: SYMBOL, interval: "1m", limit: 1000, endTime: Number(rows[0][0]) - 1 }));
    ascending([...older, ...rows].map((it) => Number(it[0])), MINUTE);
    assert((await data(c.depth({ symbol: SYMBOL }))).bids.length > 0 && (await data(c.avgPrice({ symbol: SYMBOL }))).price);
    for (const call of ["getTrades", "historicalTrades", "aggTrades"]) equal((await data(c[call]({ symbol: SYMBOL, limit: 3 }))).length, 3);
    for (const call of ["ticker24hr", "ticker", "tickerPrice", "tickerBookTicker", "tickerTradingDay"]) {
      equal((await data(c[call]({ symbol: SYMBOL }))).symbol, SYMBOL);
      equal((await data(c[call]({ symbols: ["BTCUSDT", "ETHUSDT"] }))).length, 2);
    }
    equal(await data(c.historicalBlockTrades({ symbol: SYMBOL, fromId: 1 })), []);
  });
  await check("account and orders", async () => {
    assert((await data(c.getAccount())).canTrade);
    const buy = await data(c.newOrder(MARKET));
    equal([buy.status, buy.fills[0].commissionAsset], ["FILLED", "BTC"]);
    equal((await data(c.newOrder({ ...MARKET, side: "SELL" }))).status, "FILLED");
    assert((await data(c.myTrades({ symbol: SYMBOL, orderId: buy.orderId }))).length > 0);
    const rests = await data(c.newOrder({ ...LIMIT, newClientOrderId: "js-1" }));
    await check.refused("duplicate client id", -2010, () => c.newOrder({ ...LIMIT, newClientOrderId: "js-1" }));
    equal((await data(c.getOrder({ symbol: SYMBOL, origClientOrderId: "js-1" }))).status, "NEW");
    equal((await data(c.orderAmendKeepPriority({ symbol: SYMBOL, newQty: 0.001, orderId: rests.orderId }))).amendedOrder.qty, "0.00100000");
    equal((await data(c.orderAmendments({ symbol: SYMBOL, orderId: rests.orderId }))).length, 1);
    const both = await data(c.orderCancelReplace({ ...LIMIT, cancelReplaceMode: "STOP_ON_FAILURE", cancelOrderId: rests.orderId }));
    equal((await data(c.getOpenOrders({ symbol: SYMBOL }))).length, 1);
    equal((await data(c.deleteOrder({ symbol: SYMBOL, orderId: both.newOrderResponse.orderId }))).status, "CANCELED");
    assert((await data(c.allOrders({ symbol: SYMBOL }))).length >= 4);
    await c.orderTest(MARKET);
    for (const call of ["rateLimitOrder", "accountCommission", "myFilters", "myAllocations"]) assert(await data(c[call]({ symbol: SYMBOL })));
  });
  await check("order lists", async () => {
    const [high, low] = [Number(await at(1.1)), Number(await at(0.9))];
    const two = { pendingSide: "SELL", pendingAboveType: "LIMIT_MAKER", pendingAbovePrice: high, pendingBelowType: "STOP_LOSS", pendingBelowStopPrice: low };
    const lists = [
      await data(c.orderListOco({ symbol: SYMBOL, side: "SELL", quantity: 0.001, aboveType: "LIMIT_MAKER", abovePrice: high, belowType: "STOP_LOSS", belowStopPrice: low })),
      await data(c.orderOco({ symbol: SYMBOL, side: "SELL", quantity: 0.001, price: high, stopPrice: low })),
      await data(c.orderListOto({ ...FIRST, pendingType: "LIMIT_MAKER", pendingSide: "SELL", pendingPrice: high, pendingQuantity: 0.001 })),
      await data(c.orderListOtoco({ ...FIRST, ...two, pendingQuantity: 0.001 })),
      await data(c.orderListOpo({ ...FIRST, pendingType: "LIMIT_MAKER", pendingSide: "SELL", pendingPrice: high })),
      await data(c.orderListOpoco({ ...FIRST, ...two })),
    ];
    equal(lists.map((it) => it.orders.length), [2, 2, 2, 3, 2, 3]);
    equal((await data(c.getOrderList({ orderListId: lists[0].orderListId }))).listOrderStatus, "EXECUTING");
    equal((await data(c.openOrderList())).length, 6);
    await c.deleteOrderList({ symbol: SYMBOL, orderListId: lists[0].orderListId });
    equal((await data(c.deleteOpenOrders({ symbol: SYMBOL }))).length, 5);
    equal((await data(c.allOrderList())).length, 6);
  });
  await check.refused("LOT_SIZE", -1013, () => c.newOrder({ ...MARKET, quantity: 0.001001 }));
  await check.refused("unknown order", -2013, () => c.getOrder({ symbol: SYMBOL, orderId: 999999999 }));
  await check.refused("bad signature", -1022, () => spot(KEY, "wrong").restAPI.getAccount());
  await check.refused("unknown key", -2015, () => spot("nobody".repeat(10)).restAPI.getAccount());
  await check.refused("429", -1003, async () => {
    await control("fault", { fault: "limited", retry_after_s: 2, on: "public" });
    await c.depth({ symbol: SYMBOL });
  });
  await check("RSA and Ed25519", async () => {
    assert((await data(spot(RSA_KEY, undefined, rsaPem()).restAPI.getAccount())).canTrade);
    assert((await data(spot(ED25519_KEY, undefined, ed25519Pem()).restAPI.getAccount())).canTrade);
  });
}

async function webSocketApi() {
  const c = await spot().websocketAPI.connect();
  await check("WS API: market data, account, orders", async () => {
    await c.ping();
    assert((await data(c.time())).serverTime);
    assert((await data(c.exchangeInfo({ symbol: SYMBOL }))));
    equal((await data(c.klines({ symbol: SYMBOL, interval: "1m", limit: 5 }))).length, 5);
    for (const call of ["depth", "avgPrice", "ticker24hr", "ticker", "tickerPrice", "tickerBook", "tradesRecent", "tradesAggregate"]) assert(await data(c[call]({ symbol: SYMBOL })));
    assert((await data(c.accountStatus())).balances);
    equal((await data(c.orderPlace(MARKET))).status, "FILLED");
    const rests = await data(c.orderPlace(LIMIT));
    equal((await data(c.orderStatus({ symbol: SYMBOL, orderId: rests.orderId }))).status, "NEW");
    equal((await data(c.orderCancel({ symbol: SYMBOL, orderId: rests.orderId }))).status, "CANCELED");
    await c.orderStatus({ symbol: SYMBOL, orderId: 999999999 }).then(
      () => assert(false, "found"),
      (error) => assert(JSON.stringify(error).includes("-2013") || String(error).includes("not exist"), String(error)),
    );
  });
  await check("user data by signature", async () => {
    const events = [];
    const { stream } = await c.userDataStreamSubscribeSignature();
    stream.on("message", (it) => events.push(it));
    const { orderId } = await data(c.orderPlace(MARKET));
    await until(() => events.some((it) => String(it.i) === String(orderId) && it.X === "FILLED"), () => JSON.stringify(events, (_, it) => (typeof it === "bigint" ? String(it) : it)));
  });
  await c.disconnect();
  const d = await spot(ED25519_KEY, undefined, ed25519Pem()).websocketAPI.connect();
  await check("session: logon, order, logout", async () => {
    equal((await data(d.sessionLogon())).apiKey, ED25519_KEY);
    equal((await data(d.orderPlace(MARKET))).status, "FILLED");
    await d.sessionStatus();
    await d.sessionLogout();
  });
  await d.disconnect();
}

async function streams() {
  const c = await spot().websocketStreams.connect();
  for (const [what, more] of [["kline", { interval: "1m" }], ["trade"], ["aggTrade"], ["bookTicker"], ["miniTicker"], ["ticker"], ["avgPrice"], ["diffBookDepth"], ["partialBookDepth", { levels: "5" }], ["rollingWindowTicker", { windowSize: "1h" }], ["allMiniTicker"]]) {
    await check(`stream: ${what}`, async () => {
      const seen = [];
      // No more than five messages in a second are taken from a connection.
      await new Promise((done) => setTimeout(done, 300));
      c[what]({ symbol: "btcusdt", ...more }).on("message", (it) => seen.push(it));
      await until(() => seen.length > 0);
    });
  }
  await c.disconnect();
}

check.run(rest, webSocketApi, streams);
