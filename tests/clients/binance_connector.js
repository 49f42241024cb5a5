// @binance/connector: the exchange's former client; answers as they are.
"use strict";
const { Spot, WebsocketAPI, WebsocketStream } = require("@binance/connector");
const { REST, STREAMS, WS_API, KEY, SECRET, RSA_KEY, ED25519_KEY, rsaPem, ed25519Pem, SYMBOL, QUANTITY, MINUTE, control, at, equal, assert, ascending, until, checks } = require("./common.js");

const check = checks("@binance/connector", (error) => error.response.data.code);
const logger = Object.fromEntries(["debug", "info", "warn", "error"].map((it) => [it, () => {}]));
const client = (key = KEY, secret = SECRET, options = {}) => new Spot(key, secret, { baseURL: REST, ...options });

async function rest() {
  const c = client();
  await check("market data", async () => {
    await c.ping();
    assert((await c.time()).data.serverTime > 0);
    equal((await c.exchangeInfo({ symbol: SYMBOL })).data.symbols[0].symbol, SYMBOL);
    equal((await c.exchangeInfo({ symbols: ["BTCUSDT", "ETHUSDT"] })).data.symbols.length, 2);
    const rows = (await c.klines(SYMBOL, "1m", { limit: 1000 })).data;
    ascending(rows.map((it) => it[0]), MINUTE);
    const older = (await c.klines(SYMBOL, "1m", { limit: 1000, endTime: rows[0][0] - 1 })).data;
    ascending([...older, ...rows].map((it) => it[0]), MINUTE);
    equal((await c.uiklines(SYMBOL, "1h", { limit: 2 })).data.length, 2);
    assert((await c.depth(SYMBOL, { limit: 5 })).data.bids.length === 5);
    for (const call of ["trades", "historicalTrades", "aggTrades"]) equal((await c[call](SYMBOL, { limit: 4 })).data.length, 4);
    assert((await c.avgPrice(SYMBOL)).data.price > 0);
    equal((await c.ticker24hr(SYMBOL)).data.symbol, SYMBOL);
    equal((await c.ticker24hr("", ["BTCUSDT", "ETHUSDT"])).data.length, 2);
    equal((await c.tickerPrice(SYMBOL)).data.symbol, SYMBOL);
    equal((await c.bookTicker("", ["BTCUSDT", "ETHUSDT"])).data.length, 2);
    equal((await c.rollingWindowTicker(SYMBOL, [], { windowSize: "1h" })).data.symbol, SYMBOL);
  });
  await check("account, orders", async () => {
    assert((await c.account()).data.balances.length > 0);
    const buy = (await c.newOrder(SYMBOL, "BUY", "MARKET", { quantity: QUANTITY })).data;
    equal([buy.status, buy.fills[0].commissionAsset], ["FILLED", "BTC"]);
    equal((await c.newOrder(SYMBOL, "SELL", "MARKET", { quantity: QUANTITY })).data.status, "FILLED");
    equal((await c.myTrades(SYMBOL, { orderId: buy.orderId })).data[0].orderId, buy.orderId);
    const price = await at(0.8);
    const rests = (await c.newOrder(SYMBOL, "BUY", "LIMIT", { quantity: QUANTITY, price, timeInForce: "GTC", newClientOrderId: "jc-1" })).data;
    equal((await c.getOrder(SYMBOL, { orderId: rests.orderId })).data.status, "NEW");
    equal((await c.openOrders({ symbol: SYMBOL })).data.length, 1);
    await check.refused("duplicate client id", -2010, () => c.newOrder(SYMBOL, "BUY", "LIMIT", { quantity: QUANTITY, price, timeInForce: "GTC", newClientOrderId: "jc-1" }));
    const both = (await c.cancelAndReplace(SYMBOL, "BUY", "LIMIT", "STOP_ON_FAILURE", { cancelOrderId: rests.orderId, quantity: QUANTITY, price, timeInForce: "GTC" })).data;
    equal((await c.cancelOrder(SYMBOL, { orderId: both.newOrderResponse.orderId })).data.status, "CANCELED");
    assert((await c.allOrders(SYMBOL)).data.length > 2);
    equal((await c.newOrderTest(SYMBOL, "BUY", "MARKET", { quantity: QUANTITY })).data, {});
    const oco = (await c.newOCOOrder(SYMBOL, "SELL", QUANTITY, "LIMIT_MAKER", "STOP_LOSS", { abovePrice: await at(1.1), belowStopPrice: await at(0.9) })).data;
    equal((await c.getOCOOrder({ orderListId: oco.orderListId })).data.listOrderStatus, "EXECUTING");
    equal((await c.getOpenOCOOrders()).data.length, 1);
    equal((await c.cancelOCOOrder(SYMBOL, { orderListId: oco.orderListId })).data.listOrderStatus, "ALL_DONE");
    assert((await c.getOCOOrders()).data.length === 1 && (await c.orderCount()).data.length >= 2);
    await c.newOrder(SYMBOL, "BUY", "LIMIT", { quantity: QUANTITY, price, timeInForce: "GTC" });
    equal((await c.cancelOpenOrders(SYMBOL)).data.length, 1);
  });
  await check.refused("LOT_SIZE", -1013, () => c.newOrder(SYMBOL, "BUY", "MARKET", { quantity: "0.0000001" }));
  await check.refused("unknown order", -2013, () => c.getOrder(SYMBOL, { orderId: 999999999 }));
  await check.refused("bad signature", -1022, () => client(KEY, "wrong").account());
  await check.refused("unknown key", -2015, () => client("nobody".repeat(10)).account());
  await check.refused("recvWindow too large", -1131, () => c.account({ recvWindow: 70000 }));
  await check.refused("429 with Retry-After", -1003, async () => {
    await control("fault", { fault: "limited", retry_after_s: 2, on: "public" });
    await c.depth(SYMBOL).catch((error) => {
      equal([error.response.status, error.response.headers["retry-after"]], [429, "2"]);
      throw error;
    });
  });
  await check("RSA and Ed25519", async () => {
    assert((await client(RSA_KEY, "", { privateKey: rsaPem(), privateKeyAlgo: "RSA" }).account()).data.canTrade);
    assert((await client(ED25519_KEY, "", { privateKey: ed25519Pem(), privateKeyAlgo: "Ed25519" }).account()).data.canTrade);
  });
}

async function webSocketApi() {
  const answers = [];
  const c = new WebsocketAPI(KEY, SECRET, { wsURL: WS_API, logger, callbacks: { message: (it) => answers.push(JSON.parse(it)) } });
  await until(() => c.isConnected());
  let number = 0;
  const ask = async (method, ...rest) => {
    const id = `${++number}`;
    const options = rest.pop() ?? {};
    c[method](...rest, { ...options, id });
    await until(() => answers.some((it) => it.id === id), `no answer to ${method}`);
    return answers.find((it) => it.id === id);
  };
  await check("WS API: market data", async () => {
    for (const [method, ...rest] of [["ping", {}], ["time", {}], ["exchangeInfo", { symbol: SYMBOL }], ["orderbook", SYMBOL, {}], ["trades", SYMBOL, {}], ["aggTrades", SYMBOL, {}], ["klines", SYMBOL, "1m", {}], ["ticker24hr", { symbol: SYMBOL }], ["tickerPrice", { symbol: SYMBOL }], ["bookTicker", { symbol: SYMBOL }]]) {
      if (typeof c[method] === "function") equal([method, (await ask(method, ...rest)).status], [method, 200]);
    }
  });
  await check("WS API: orders", async () => {
    equal((await ask("newOrder", SYMBOL, "BUY", "MARKET", { quantity: 0.001 })).result.status, "FILLED");
    const rests = (await ask("newOrder", SYMBOL, "BUY", "LIMIT", { quantity: 0.001, price: 20000, timeInForce: "GTC" })).result;
    equal((await ask("cancelOrder", SYMBOL, { orderId: rests.orderId })).result.status, "CANCELED");
    equal((await ask("account", {})).status, 200);
    equal((await ask("getOrder", SYMBOL, { orderId: 999999999 })).error.code, -2013);
  });
  c.disconnect();
}

async function streams() {
  for (const combinedStreams of [false, true]) {
    await check(combinedStreams ? "combined streams" : "raw streams", async () => {
      const seen = new Set();
      const message = (text) => {
        const it = JSON.parse(text);
        seen.add(combinedStreams ? it.stream : it.e ?? (it.u ? "bookTicker" : it.lastUpdateId ? "depth" : "control"));
      };
      const c = new WebsocketStream({ wsURL: STREAMS, combinedStreams, logger, callbacks: { message } });
      const names = ["btcusdt@kline_1m", "btcusdt@trade", "btcusdt@bookTicker", "btcusdt@miniTicker", "btcusdt@depth"];
      c.subscribe(combinedStreams ? names : names[0]);
      await until(() => c.isConnected());
      if (!combinedStreams) for (const name of names.slice(1)) c.subscribe(name);
      const wanted = combinedStreams ? names : ["kline", "trade", "bookTicker", "24hrMiniTicker", "depthUpdate"];
      await until(() => wanted.every((it) => seen.has(it)), () => `only ${[...seen]}`);
      c.disconnect();
    });
  }
}

check.run(rest, webSocketApi, streams);
