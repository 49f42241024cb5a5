// node-binance-api. Its user data needs a listen key, which the exchange has retired: not here.
"use strict";
const Binance = require("node-binance-api");
const { REST, STREAMS, KEY, SECRET, SYMBOL, QUANTITY, at, equal, assert, ascending, until, checks } = require("./common.js");

const codeOf = (error) => Number(/"code":\s*(-\d+)/.exec(error.body ?? error.message ?? String(error))?.[1]);
const check = checks("node-binance-api", codeOf);
const urls = { base: `${REST}/api/`, stream: `${STREAMS}/ws/`, combineStream: `${STREAMS}/stream?streams=` };
const client = (APIKEY = KEY, APISECRET = SECRET) => new Binance().options({ APIKEY, APISECRET, urls });

async function rest() {
  const c = client();
  await check("market data", async () => {
    assert((await c.time()).serverTime > 0);
    assert((await c.exchangeInfo()).symbols.length === 2);
    assert((await c.prices())[SYMBOL] > 0 && (await c.avgPrice(SYMBOL)).price > 0);
    assert((await c.bookTickers())[SYMBOL] && (await c.prevDay(SYMBOL)).symbol === SYMBOL);
    assert(Object.keys((await c.depth(SYMBOL)).bids).length > 0);
    const rows = await c.candlesticks(SYMBOL, "1m", { limit: 1000 });
    ascending(rows.map((it) => it.openTime ?? it[0]), 60_000);
    assert((await c.aggTrades(SYMBOL, { limit: 3 })).length === 3 && (await c.recentTrades(SYMBOL, 3)).length === 3);
  });
  await check("account and orders", async () => {
    assert((await c.balance()).USDT.available > 0 && (await c.account()).canTrade);
    equal((await c.marketBuy(SYMBOL, QUANTITY)).status, "FILLED");
    equal((await c.marketSell(SYMBOL, QUANTITY)).status, "FILLED");
    const rests = await c.buy(SYMBOL, QUANTITY, await at(0.8), { type: "LIMIT" });
    equal((await c.orderStatus(SYMBOL, rests.orderId)).status, "NEW");
    equal((await c.openOrders(SYMBOL)).length, 1);
    equal((await c.cancel(SYMBOL, rests.orderId)).status, "CANCELED");
    await c.buy(SYMBOL, QUANTITY, await at(0.8));
    equal((await c.cancelAll(SYMBOL)).length, 1);
    assert((await c.allOrders(SYMBOL)).length >= 4 && (await c.trades(SYMBOL)).length >= 2);
  });
  await check.refused("LOT_SIZE", -1013, () => c.marketBuy(SYMBOL, "0.0000001"));
  await check.refused("unknown order", -2013, () => c.orderStatus(SYMBOL, 999999999));
  await check.refused("bad signature", -1022, () => client(KEY, "wrong").account());
  await check.refused("unknown key", -2015, () => client("nobody".repeat(10)).account());
}

async function streams() {
  const c = client();
  for (const [what, listen] of [
    ["candlesticks", (seen) => c.websockets.candlesticks([SYMBOL], "1m", seen)],
    ["trades", (seen) => c.websockets.trades([SYMBOL], seen)],
    ["aggTrades", (seen) => c.websockets.aggTrades([SYMBOL], seen)],
    ["bookTickers", (seen) => c.websockets.bookTickers(SYMBOL, seen)],
    ["miniTicker", (seen) => c.websockets.miniTicker(seen)],
    ["depth cache", (seen) => c.websockets.depthCache([SYMBOL], (symbol, book) => Object.keys(book.bids).length && seen(book))],
    ["chart", (seen) => c.websockets.chart(SYMBOL, "1m", (symbol, interval, chart) => Object.keys(chart).length > 100 && seen(chart))],
  ]) {
    await check(`stream: ${what}`, async () => {
      const seen = [];
      listen((it) => seen.push(it));
      await until(() => seen.length > 0);
    });
  }
}

check.run(rest, streams);
