// binance (of tiagosiebler): MainClient, WebsocketClient, WebsocketAPIClient. It can be pointed at one base address for
// all of its sockets: the streams below it are at /stream, the WebSocket API at /ws-api/v3.
"use strict";
const { MainClient, WebsocketAPIClient, WebsocketClient } = require("binance");
const { REST, STREAMS, KEY, SECRET, RSA_KEY, ED25519_KEY, rsaPem, ed25519Pem, SYMBOL, QUANTITY, MINUTE, control, at, equal, assert, ascending, until, checks } = require("./common.js");

const check = checks("binance", (error) => error.code);
const quiet = Object.fromEntries(["trace", "silly", "debug", "notice", "info", "warning", "error"].map((it) => [it, () => {}]));
const own = (key = KEY, secret = SECRET) => ({ api_key: key, api_secret: secret, baseUrl: REST, wsUrl: STREAMS, beautifyResponses: false });
const client = (...keys) => new MainClient(own(...keys));
const limit = async (more = {}) => ({ symbol: SYMBOL, side: "BUY", type: "LIMIT", timeInForce: "GTC", quantity: 0.001, price: Number(await at(0.8)), newOrderRespType: "FULL", ...more });

async function rest() {
  const c = client();
  await check("market data", async () => {
    await c.testConnectivity();
    equal((await c.getExchangeInfo({ symbols: ["BTCUSDT", "ETHUSDT"] })).symbols.length, 2);
    const rows = await c.getKlines({ symbol: SYMBOL, interval: "1m", limit: 1000 });
    const older = await c.getKlines({ symbol: SYMBOL, interval: "1m", limit: 1000, endTime: rows[0][0] - 1 });
    ascending([...older, ...rows].map((it) => it[0]), MINUTE);
    assert((await c.getOrderBook({ symbol: SYMBOL })).asks.length > 0 && (await c.getAvgPrice({ symbol: SYMBOL })).price);
    for (const call of ["getRecentTrades", "getHistoricalTrades", "getAggregateTrades"]) equal((await c[call]({ symbol: SYMBOL, limit: 3 })).length, 3);
    for (const call of ["get24hrChangeStatistics", "getTradingDayTicker", "getSymbolPriceTicker", "getSymbolOrderBookTicker", "getRollingWindowTicker"]) {
      equal((await c[call]({ symbol: SYMBOL })).symbol, SYMBOL);
      equal((await c[call]({ symbols: ["BTCUSDT", "ETHUSDT"] })).length, 2);
    }
    await c.getExecutionRules({ symbol: SYMBOL });
    equal(await c.getHistoricalBlockTrades({ symbol: SYMBOL, fromId: 1 }), []);
  });
  await check("account and orders", async () => {
    assert((await c.getAccountInformation({ omitZeroBalances: true })).canTrade);
    const buy = await c.submitNewOrder({ symbol: SYMBOL, side: "BUY", type: "MARKET", quantity: 0.001 });
    equal([buy.status, buy.fills[0].commissionAsset], ["FILLED", "BTC"]);
    equal((await c.submitNewOrder({ symbol: SYMBOL, side: "SELL", type: "MARKET", quantity: 0.001 })).status, "FILLED");
    equal((await c.getAccountTradeList({ symbol: SYMBOL, orderId: buy.orderId })).length, buy.fills.length);
    // Its own ids begin in a way of its own.
    const rests = await c.submitNewOrder(await limit({ quantity: 0.002, newClientOrderId: c.generateNewOrderId() }));
    await check.refused("duplicate client id", -2010, async () => c.submitNewOrder(await limit({ newClientOrderId: rests.clientOrderId })));
    equal((await c.getOrder({ symbol: SYMBOL, orderId: rests.orderId })).status, "NEW");
    // It asks for the time, and to amend, at addresses that are not those of its spot client: not here.
    const both = await c.replaceOrder({ ...(await limit()), cancelReplaceMode: "STOP_ON_FAILURE", cancelOrderId: rests.orderId });
    equal((await c.getOpenOrders({ symbol: SYMBOL })).length, 1);
    equal((await c.cancelOrder({ symbol: SYMBOL, orderId: both.newOrderResponse.orderId })).status, "CANCELED");
    assert((await c.getAllOrders({ symbol: SYMBOL })).length >= 4);
    await c.testNewOrder({ symbol: SYMBOL, side: "BUY", type: "MARKET", quantity: 0.001 });
    for (const call of ["getOrderRateLimit", "getCommissionRates", "getAllocations"]) assert(await c[call]({ symbol: SYMBOL }));
  });
  await check("order lists", async () => {
    const [high, low] = [await at(1.1), await at(0.9)];
    const first = { symbol: SYMBOL, workingType: "LIMIT", workingSide: "BUY", workingPrice: await at(0.8), workingQuantity: QUANTITY, workingTimeInForce: "GTC" };
    const two = { pendingSide: "SELL", pendingAboveType: "LIMIT_MAKER", pendingAbovePrice: high, pendingBelowType: "STOP_LOSS", pendingBelowStopPrice: low };
    const lists = [
      await c.submitNewOCO({ symbol: SYMBOL, side: "SELL", quantity: QUANTITY, price: high, stopPrice: low, stopLimitPrice: low, stopLimitTimeInForce: "GTC" }),
      await c.submitNewOrderList({ symbol: SYMBOL, side: "SELL", quantity: QUANTITY, aboveType: "LIMIT_MAKER", abovePrice: high, belowType: "STOP_LOSS", belowStopPrice: low }),
      await c.submitNewOrderListOTO({ ...first, pendingType: "LIMIT_MAKER", pendingSide: "SELL", pendingPrice: high, pendingQuantity: QUANTITY }),
      await c.submitNewOrderListOTOCO({ ...first, ...two, pendingQuantity: QUANTITY }),
      await c.submitNewOrderListOPO({ ...first, pendingType: "LIMIT_MAKER", pendingSide: "SELL", pendingPrice: high }),
      await c.submitNewOrderListOPOCO({ ...first, ...two }),
    ];
    equal(lists.map((it) => it.orders.length), [2, 2, 2, 3, 2, 3]);
    equal((await c.getOCO({ orderListId: lists[0].orderListId })).listOrderStatus, "EXECUTING");
    equal((await c.getAllOpenOCO()).length, 6);
    await c.cancelOCO({ symbol: SYMBOL, orderListId: lists[0].orderListId });
    equal((await c.cancelAllSymbolOrders({ symbol: SYMBOL })).length, 5);
    equal((await c.getAllOCO({})).length, 6);
  });
  await check.refused("LOT_SIZE", -1013, () => c.submitNewOrder({ symbol: SYMBOL, side: "BUY", type: "MARKET", quantity: 0.001001 }));
  await check.refused("unknown order", -2013, () => c.getOrder({ symbol: SYMBOL, orderId: 999999999 }));
  await check.refused("bad signature", -1022, () => client(KEY, "wrong").getAccountInformation());
  await check.refused("unknown key", -2015, () => client("nobody".repeat(10)).getAccountInformation());
  await check.refused("429 with Retry-After", -1003, async () => {
    await control("fault", { fault: "limited", retry_after_s: 2, on: "public" });
    await c.getOrderBook({ symbol: SYMBOL }).catch((error) => {
      equal(error.headers["retry-after"], "2");
      throw error;
    });
  });
  await check.refused("outcome unknown", -1007, async () => {
    await control("fault", { fault: "unknown_outcome" });
    await c.submitNewOrder({ symbol: SYMBOL, side: "BUY", type: "MARKET", quantity: 0.001 });
  });
  await check("RSA and Ed25519", async () => {
    assert((await client(RSA_KEY, rsaPem()).getAccountInformation()).canTrade);
    assert((await client(ED25519_KEY, ed25519Pem()).getAccountInformation()).canTrade);
  });
}

async function webSocketApi() {
  for (const [name, key, secret] of [["HMAC", KEY, SECRET], ["Ed25519", ED25519_KEY, ed25519Pem()], ["RSA", RSA_KEY, rsaPem()]]) {
    const c = new WebsocketAPIClient({ ...own(key, secret), attachEventListeners: false }, quiet);
    await check(`WS API, ${name}: market data, orders`, async () => {
      await c.testSpotConnectivity();
      assert((await c.getSpotServerTime()).result.serverTime);
      assert((await c.getSpotExchangeInfo({ symbol: SYMBOL })).result.symbols.length === 1);
      equal((await c.getSpotKlines({ symbol: SYMBOL, interval: "1m", limit: 5 })).result.length, 5);
      assert((await c.getSpotOrderBook({ symbol: SYMBOL })).result.bids.length > 0);
      assert((await c.getSpotAccountInformation({ timestamp: Date.now() })).result.balances);
      equal((await c.submitNewSpotOrder({ symbol: SYMBOL, side: "BUY", type: "MARKET", quantity: 0.001, newOrderRespType: "FULL", timestamp: Date.now() })).result.status, "FILLED");
      const rests = (await c.submitNewSpotOrder({ ...(await limit()), price: "20000", timestamp: Date.now() })).result;
      equal((await c.getSpotOrderStatus({ symbol: SYMBOL, orderId: rests.orderId, timestamp: Date.now() })).result.status, "NEW");
      equal((await c.cancelSpotOrder({ symbol: SYMBOL, orderId: rests.orderId, timestamp: Date.now() })).result.status, "CANCELED");
      await c.getSpotOrderStatus({ symbol: SYMBOL, orderId: 999999999, timestamp: Date.now() }).then(
        () => assert(false, "found"),
        (error) => equal(error.error.code, -2013),
      );
    });
    await check(`WS API, ${name}: user data`, async () => {
      const events = [];
      c.getWSClient().on("message", (it) => events.push(it));
      await c.subscribeUserDataStream("mainWSAPI");
      const { orderId } = await client().submitNewOrder({ symbol: SYMBOL, side: "BUY", type: "MARKET", quantity: 0.001 });
      const mine = name === "HMAC" ? orderId : (await c.submitNewSpotOrder({ symbol: SYMBOL, side: "BUY", type: "MARKET", quantity: 0.001, timestamp: Date.now() })).result.orderId;
      const has = () => events.some((it) => (it.event ?? it).i === mine && (it.event ?? it).X === "FILLED");
      await until(has, () => JSON.stringify(events));
      c.disconnectAll();
    });
  }
}

async function streams() {
  await check("streams", async () => {
    const seen = new Set();
    const c = new WebsocketClient(own(), quiet);
    c.on("message", (it) => seen.add(it.streamName ?? it[0]?.streamName));
    const names = ["btcusdt@kline_1m", "btcusdt@trade", "btcusdt@aggTrade", "btcusdt@bookTicker", "btcusdt@miniTicker", "btcusdt@depth", "btcusdt@depth5", "!miniTicker@arr"];
    await c.subscribe(names, "main");
    await until(() => names.every((it) => seen.has(it)), () => `only ${[...seen]}`);
    c.closeAll(true);
  });
}

check.run(rest, webSocketApi, streams);
