// binance-api-node: answers as they are, streams renamed; user data by the WebSocket API.
"use strict";
const Binance = require("binance-api-node").default;
const { REST, STREAMS, WS_API, KEY, SECRET, RSA_KEY, ED25519_KEY, rsaPem, ed25519Pem, SYMBOL, QUANTITY, MINUTE, control, at, equal, assert, ascending, until, checks } = require("./common.js");

const check = checks("binance-api-node", (error) => error.code);
const client = (options = {}) => Binance({ apiKey: KEY, apiSecret: SECRET, httpBase: REST, wsBase: `${STREAMS}/ws`, wsApi: WS_API, ...options });

async function rest() {
  const c = client();
  await check("market data", async () => {
    assert(await c.ping());
    assert((await c.time()) > 0);
    assert((await c.exchangeInfo()).symbols.some((it) => it.symbol === SYMBOL));
    assert((await c.book({ symbol: SYMBOL })).bids[0].price > 0);
    const rows = await c.candles({ symbol: SYMBOL, interval: "1m", limit: 1000 });
    ascending(rows.map((it) => it.openTime), MINUTE);
    const older = await c.candles({ symbol: SYMBOL, interval: "1m", limit: 1000, startTime: rows[0].openTime - 1000 * MINUTE, endTime: rows[0].openTime - 1 });
    ascending([...older, ...rows].map((it) => it.openTime), MINUTE);
    for (const call of ["aggTrades", "trades", "tradesHistory"]) equal((await c[call]({ symbol: SYMBOL, limit: 3 })).length, 3);
    equal((await c.dailyStats({ symbol: SYMBOL })).symbol, SYMBOL);
    assert((await c.prices())[SYMBOL] > 0 && (await c.avgPrice({ symbol: SYMBOL })).price > 0);
    assert((await c.allBookTickers())[SYMBOL].bidPrice > 0);
  });
  await check("account and orders", async () => {
    assert((await c.accountInfo()).balances.length > 0);
    assert((await c.accountInfo({ useServerTime: true })).canTrade);
    const buy = await c.order({ symbol: SYMBOL, side: "BUY", type: "MARKET", quantity: QUANTITY });
    equal([buy.status, buy.fills[0].commissionAsset], ["FILLED", "BTC"]);
    assert((await c.order({ symbol: SYMBOL, side: "BUY", type: "MARKET", quoteOrderQty: "20" })).status === "FILLED");
    equal((await c.order({ symbol: SYMBOL, side: "SELL", type: "MARKET", quantity: QUANTITY })).status, "FILLED");
    const price = await at(0.8);
    const rests = await c.order({ symbol: SYMBOL, side: "BUY", type: "LIMIT", quantity: QUANTITY, price, newClientOrderId: "ban-1" });
    equal((await c.getOrder({ symbol: SYMBOL, orderId: rests.orderId })).status, "NEW");
    equal((await c.openOrders({ symbol: SYMBOL })).length, 1);
    await check.refused("duplicate client id", -2010, () => c.order({ symbol: SYMBOL, side: "BUY", type: "LIMIT", quantity: QUANTITY, price, newClientOrderId: "ban-1" }));
    equal((await c.cancelOrder({ symbol: SYMBOL, orderId: rests.orderId })).status, "CANCELED");
    assert((await c.allOrders({ symbol: SYMBOL })).length >= 3 && (await c.myTrades({ symbol: SYMBOL })).length >= 3);
    const oco = await c.orderOco({ symbol: SYMBOL, side: "SELL", quantity: QUANTITY, price: await at(1.1), stopPrice: await at(0.9), stopLimitPrice: await at(0.89) });
    equal((await c.getOrderOco({ orderListId: oco.orderListId })).orders.length, 2);
    equal((await c.cancelOrderOco({ symbol: SYMBOL, orderListId: oco.orderListId })).listOrderStatus, "ALL_DONE");
    assert((await c.allOrdersOCO({ timestamp: Date.now() })).length === 1);
    await c.order({ symbol: SYMBOL, side: "BUY", type: "LIMIT", quantity: QUANTITY, price });
    equal((await c.cancelOpenOrders({ symbol: SYMBOL })).length, 1);
    await c.orderTest({ symbol: SYMBOL, side: "BUY", type: "MARKET", quantity: QUANTITY });
  });
  await check.refused("LOT_SIZE", -1013, () => c.order({ symbol: SYMBOL, side: "BUY", type: "MARKET", quantity: "0.0000001" }));
  await check.refused("unknown order", -2013, () => c.getOrder({ symbol: SYMBOL, orderId: 999999999 }));
  await check.refused("unknown symbol", -1121, () => c.candles({ symbol: "NOSUCH", interval: "1m" }));
  await check.refused("bad signature", -1022, () => client({ apiSecret: "wrong" }).accountInfo());
  await check.refused("unknown key", -2015, () => client({ apiKey: "nobody".repeat(10) }).accountInfo());
  await check.refused("429", -1003, async () => {
    await control("fault", { fault: "limited", on: "public" });
    await c.book({ symbol: SYMBOL });
  });
  await check.refused("outcome unknown", -1007, async () => {
    await control("fault", { fault: "unknown_outcome" });
    await c.order({ symbol: SYMBOL, side: "BUY", type: "MARKET", quantity: QUANTITY });
  });
  await check("RSA and Ed25519", async () => {
    assert((await client({ apiKey: RSA_KEY, apiSecret: undefined, privateKey: rsaPem() }).accountInfo()).canTrade);
    assert((await client({ apiKey: ED25519_KEY, apiSecret: undefined, privateKey: ed25519Pem() }).accountInfo()).canTrade);
  });
}

async function sockets() {
  const c = client();
  await check("user data", async () => {
    const events = [];
    const stop = await c.ws.user((it) => events.push(it));
    const order = await c.order({ symbol: SYMBOL, side: "BUY", type: "MARKET", quantity: QUANTITY });
    await until(() => events.some((it) => it.orderId === order.orderId && it.orderStatus === "FILLED"), () => JSON.stringify(events));
    await until(() => events.some((it) => it.eventType === "outboundAccountPosition" || it.balances), () => JSON.stringify(events));
    stop();
  });
  for (const [what, listen] of [
    ["candles", (seen) => c.ws.candles(SYMBOL, "1m", seen)],
    ["trades", (seen) => c.ws.trades([SYMBOL], seen)],
    ["aggTrades", (seen) => c.ws.aggTrades([SYMBOL], seen)],
    ["bookTicker", (seen) => c.ws.bookTicker(SYMBOL, seen)],
    ["miniTicker", (seen) => c.ws.miniTicker(SYMBOL, seen)],
    ["all miniTickers", (seen) => c.ws.allMiniTickers(seen)],
    ["ticker", (seen) => c.ws.ticker(SYMBOL, seen)],
    ["depth", (seen) => c.ws.depth(SYMBOL, seen)],
    ["partial depth", (seen) => c.ws.partialDepth({ symbol: SYMBOL, level: 10 }, seen)],
  ]) {
    await check(`stream: ${what}`, async () => {
      const seen = [];
      const stop = listen((it) => seen.push(it));
      await until(() => seen.length > 0);
      stop();
    });
  }
}

check.run(rest, sockets);
