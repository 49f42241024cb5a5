// What the JavaScript clients share: where the exchange is, and the counting of checks. No client's code in here.
"use strict";
const fs = require("fs");
const env = (name) => process.env[`MISTA_${name}`];

exports.REST = env("REST");
exports.STREAMS = env("STREAMS");
exports.WS_API = env("WS_API");
exports.KEY = env("KEY");
exports.SECRET = env("SECRET");
exports.ED25519_KEY = env("ED25519_KEY");
exports.RSA_KEY = env("RSA_KEY");
exports.ed25519Pem = () => fs.readFileSync(env("ED25519_PEM"), "utf8");
exports.rsaPem = () => fs.readFileSync(env("RSA_PEM"), "utf8");
exports.SYMBOL = "BTCUSDT";
exports.QUANTITY = "0.001";
exports.MINUTE = 60_000;
const PATIENCE = 15_000;

/** A request to the control endpoint; the answer. */
exports.control = async (path, body = {}) =>
  (await fetch(`${env("CONTROL")}/${path}`, { method: "POST", body: JSON.stringify(body) })).json();

/** A price that is so far from the last one, as text with two decimals. */
exports.at = async (factor) => {
  const answer = await (await fetch(`${exports.REST}/api/v3/ticker/price?symbol=BTCUSDT`)).json();
  return (Number(answer.price) * factor).toFixed(2);
};

exports.equal = (got, wanted) => {
  const [a, b] = [JSON.stringify(got), JSON.stringify(wanted)];
  if (a !== b) throw new Error(`got ${a}, wanted ${b}`);
  return got;
};

exports.assert = (is, what = "not so") => {
  if (!is) throw new Error(typeof what === "string" ? what : JSON.stringify(what));
};

/** Opening times that follow each other without a gap or a repetition. */
exports.ascending = (times, step) => {
  const odd = times.slice(1).filter((time, row) => time - times[row] !== step);
  exports.assert(odd.length === 0, `${odd.length} of ${times.length} are not ${step} ms apart`);
};

/** Waits until the condition holds. */
exports.until = async (condition, what = "it did not come") => {
  for (const end = Date.now() + PATIENCE; Date.now() < end; ) {
    if (condition()) return;
    await new Promise((done) => setTimeout(done, 50));
  }
  throw new Error(typeof what === "function" ? what() : what);
};

const within = (promise) =>
  Promise.race([promise, new Promise((_, fail) => setTimeout(() => fail(new Error("no answer")), 30_000))]);

/** Counts checks and prints a line for each. `codeOf` takes what a client throws and returns the exchange's code. */
exports.checks = (name, codeOf) => {
  let passed = 0;
  let failed = 0;
  const say = (isGood, what, detail) => {
    isGood ? passed++ : failed++;
    console.log(`${isGood ? "PASS" : "FAIL"} ${name}: ${what}${detail ? `  [${detail.slice(0, 500)}]` : ""}`);
  };
  const told = (error) => {
    const line = (String(error?.stack).match(/clients\/[a-z_]+\.js:\d+/g) ?? []).find((it) => !it.includes("common.js"));
    return `${line ?? ""} ${error instanceof Error ? error.message : JSON.stringify(error)}`;
  };
  const check = async (what, body) => {
    try {
      await within(body());
      say(true, what);
    } catch (error) {
      if (env("VERBOSE")) console.error(error);
      say(false, what, told(error));
    }
  };
  check.refused = async (what, code, body) => {
    try {
      await within(body());
      say(false, what, "nothing was refused");
    } catch (error) {
      let got;
      try {
        got = codeOf(error);
      } catch {
        got = undefined;
      }
      const isGood = got === code;
      say(isGood, what, isGood ? "" : `code ${got}: ${told(error)}`);
    }
  };
  check.run = async (...parts) => {
    for (const part of parts) {
      try {
        await part();
      } catch (error) {
        say(false, part.name, told(error));
      }
    }
    console.log(`${name}: ${passed} passed, ${failed} failed`);
    // Clients leave sockets and timers behind that would keep the process.
    process.exit(failed ? 1 : 0);
  };
  process.on("unhandledRejection", (error) => say(false, "a promise that nobody waits for", told(error)));
  return check;
};
