// ccxt for JavaScript, with its sockets: the same calls as those of the Python one, fewer of them.
"use strict";
const ccxt = require("ccxt");
const { REST, STREAMS, WS_API, KEY, SECRET, MINUTE, control, equal, assert, ascending, until, checks } = require("./common.js");

const check = checks("ccxt (js)", (error) => Number(/"code":\s*(-\d+)/.exec(error.message)?.[1]));
const PAIR = "BTC/USDT";

class Loopback extends ccxt.pro.binance {
  constructor(options) {
    super(options);
    for (const name of Object.keys(this.urls.api)) {
      const address = this.urls.api[name];
      if (typeof address === "string") this.urls.api[name] = `${REST}/${address.split("/").slice(3).join("/")}`;
    }
    this.urls.api.ws.spot = `${STREAMS}/ws`;
    this.urls.api.ws["ws-api"].spot = WS_API;
  }
  // It looks for the table of a market's errors by the address, which is not the usual one.
  getExceptionsByUrl(url, kind) {
    return this.exceptions.spot[kind] ?? {};
  }
}
const client = (secret = SECRET) =>
  new Loopback({ apiKey: KEY, secret, enableRateLimit: false, options: { defaultType: "spot", fetchMarkets: { types: ["spot"] }, fetchMargins: false, fetchCurrencies: false } });

async function all() {
  const c = client();
  await check("markets, tickers, candles", async () => {
    await c.loadMarkets();
    assert(c.market(PAIR).precision.price === 0.01);
    const rows = await c.fetchOHLCV(PAIR, "1m", undefined, 5);
    ascending(rows.map((it) => it[0]), MINUTE);
    const more = await c.fetchOHLCV(PAIR, "1m", rows[0][0] - 1500 * MINUTE, 1500, { paginate: true, paginationCalls: 3 });
    assert(more.length >= 1400, `${more.length}`);
    ascending(more.map((it) => it[0]), MINUTE);
    assert((await c.fetchTicker(PAIR)).last > 0 && Object.keys(await c.fetchTickers()).length === 2);
    assert((await c.fetchOrderBook(PAIR, 10)).bids.length === 10 && (await c.fetchTrades(PAIR, undefined, 5)).length === 5);
  });
  await check("orders", async () => {
    const last = (await c.fetchTicker(PAIR)).last;
    const buy = await c.createOrder(PAIR, "market", "buy", 0.001);
    equal([buy.status, buy.fees[0].currency], ["closed", "BTC"]);
    const rests = await c.createOrder(PAIR, "limit", "buy", 0.001, Math.round(last * 80) / 100);
    equal((await c.fetchOpenOrders(PAIR)).length, 1);
    const other = await c.editOrder(rests.id, PAIR, "limit", "buy", 0.001, Math.round(last * 79) / 100);
    equal((await c.cancelOrder(other.id, PAIR)).status, "canceled");
    assert((await c.fetchMyTrades(PAIR)).length > 0 && (await c.fetchOrders(PAIR)).length >= 3);
  });
  await check.refused("bad signature", -1022, () => client("wrong").fetchBalance());
  await check("its exceptions", async () => {
    const thrown = async (call) => call().then(() => "nothing", (error) => error.constructor.name);
    equal(await thrown(() => c.fetchOrder("999999999", PAIR)), "OrderNotFound");
    equal(await thrown(() => c.createOrder(PAIR, "market", "sell", 100)), "InsufficientFunds");
    await control("fault", { fault: "limited" });
    equal(await thrown(() => c.fetchBalance()), "RateLimitExceeded");
  });
  await check("sockets", async () => {
    const orders = [];
    (async () => {
      for (;;) orders.push(...(await c.watchOrders()));
    })().catch(() => {});
    await new Promise((done) => setTimeout(done, 1500));
    assert((await c.watchOHLCV(PAIR, "1m")).length > 0);
    assert((await c.watchTrades(PAIR)).length > 0);
    assert((await c.watchTicker(PAIR)).last > 0);
    const book = await c.watchOrderBook(PAIR);
    assert(book.bids[0][0] < book.asks[0][0]);
    const order = await c.createOrderWs(PAIR, "market", "buy", 0.001);
    equal(order.status, "closed");
    await until(() => orders.some((it) => it.id === order.id && it.status === "closed"));
  });
}

check.run(all);
