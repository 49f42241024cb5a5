//! Cases as text: what is sent, and after `=` what has to come of it.
//!
//! ```text
//! == name-of-the-case
//! # why
//! WITH limits 0.01                                     before anything: see `wish`
//! POST order symbol=BTCUSDT side=BUY | quantity=1      REST, signed where it must be; `|`: what follows is the body
//! = 200 {"status":"FILLED"}                            status, and a pattern of the body: see `pattern`
//! = 400 -1121 Invalid symbol.                          status, code and the whole message
//! = header retry-after 60    = weight 4    = count 3    = at /0/s "x"    = closed
//! CONTROL POST fault {"fault":"drop_answer"}
//! STEP 3                                               changes of the price; `STEP 2m`: two candles of a minute
//! OPEN name /ws/btcusdt@trade                          a WebSocket; `= 429 ..` if it is refused
//! LISTEN name key                                      opens one to the WebSocket API and subscribes the key's events
//! API name order.place symbol=BTCUSDT limit:=5         a request; `:=` writes JSON as it stands
//! SEND name {"method":..}                              a frame as it stands, and the answer to it
//! POST name {..} / PING name / BINARY name             see `Context::run`
//! DRAIN name                                           all frames so far; `DRAIN~` keeps them out of the transcript
//! = event {..}   the next frame    = frame {..}   some later frame    = no {..}   none    = end   no frame is left
//! AWAIT name {..}                                      reads on until a frame fits
//! ```
//!
//! `@` begins what a request has beside its parameters: `@key=NAME @nokey @unsigned @sig=TEXT @upper @first @time=-6000
//! @us @notime @unit=MICROSECOND @type=TEXT @id=JSON`.

use super::client::{Answer, Frame, Line, http};
use super::keys::Signer;
use super::pattern::{SERVER_START, mismatch, redacted};
use super::world::{self, Wishes};
use mista::venues::local::Handle;
use serde_json::{Value, json};
use std::collections::{BTreeMap, VecDeque};
use std::time::{SystemTime, UNIX_EPOCH};
use tokio_tungstenite::tungstenite::Message;

/// One thing to do, and what has to come of it.
#[derive(Debug)]
struct Step {
    line: usize,
    text: String,
    checks: Vec<(usize, String)>,
}

#[derive(Debug)]
pub struct Case {
    pub name: String,
    steps: Vec<Step>,
}

pub fn parse(text: &str) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    for (line, text) in text.lines().enumerate().map(|(line, text)| (line + 1, text.trim())) {
        if text.is_empty() || text.starts_with('#') {
        } else if let Some(name) = text.strip_prefix("== ") {
            cases.push(Case { name: name.to_owned(), steps: Vec::new() });
        } else if let Some(check) = text.strip_prefix("= ") {
            let step = cases.last_mut().and_then(|case| case.steps.last_mut()).expect("a check needs a step");
            step.checks.push((line, check.to_owned()));
        } else {
            let case = cases.last_mut().expect("a step needs a case");
            case.steps.push(Step { line, text: text.to_owned(), checks: Vec::new() });
        }
    }
    cases
}

/// What a case came to: what was said, and what was wrong.
pub struct Outcome {
    pub transcript: String,
    pub faults: Vec<String>,
}

pub async fn run(case: &Case) -> Outcome {
    let mut wishes = Wishes::default();
    for step in &case.steps {
        if let Some(wish) = step.text.strip_prefix("WITH ") {
            wish_of(&mut wishes, wish);
        }
    }
    let handle = world::start(&wishes).await;
    let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64;
    let skew = SERVER_START - wall;
    handle.control("POST", "clock", &json!({ "skew_ms": skew })).await.unwrap();
    let mut context = Context {
        handle,
        skew,
        lines: BTreeMap::new(),
        answer: None,
        frames: Vec::new(),
        place: 0,
        outcome: Outcome { transcript: format!("== {}\n", case.name), faults: Vec::new() },
    };
    for step in &case.steps {
        context.step(step).await;
    }
    context.lines.clear();
    context.handle.shutdown().await;
    context.outcome
}

fn wish_of(wishes: &mut Wishes, wish: &str) {
    let (name, value) = wish.split_once(' ').unwrap();
    let count = || Some(value.parse().unwrap());
    match name {
        "limits" => wishes.limits = Some(value.parse().unwrap()),
        "chaos" => wishes.chaos = Some(value.parse().unwrap()),
        "speed" => wishes.speed = Some(value.parse().unwrap()),
        "EXCHANGE_MAX_NUM_ORDERS" => wishes.filters.max_num_orders = count(),
        "EXCHANGE_MAX_NUM_ALGO_ORDERS" => wishes.filters.max_num_algo_orders = count(),
        "EXCHANGE_MAX_NUM_ICEBERG_ORDERS" => wishes.filters.max_num_iceberg_orders = count(),
        "EXCHANGE_MAX_NUM_ORDER_LISTS" => wishes.filters.max_num_order_lists = count(),
        _ => panic!("there is no wish {name}"),
    }
}

/// A WebSocket, and the frames that came while something else was waited for.
struct Open {
    line: Line,
    waiting: VecDeque<Frame>,
}

struct Context {
    handle: Handle,
    skew: i64,
    lines: BTreeMap<String, Open>,
    answer: Option<Answer>,
    /// Of the last DRAIN.
    frames: Vec<Value>,
    place: usize,
    outcome: Outcome,
}

/// Requests of REST that need no key.
const PUBLIC: [&str; 21] = [
    "ping",
    "time",
    "exchangeInfo",
    "klines",
    "uiKlines",
    "depth",
    "trades",
    "historicalTrades",
    "aggTrades",
    "avgPrice",
    "ticker",
    "ticker/price",
    "ticker/bookTicker",
    "ticker/24hr",
    "ticker/tradingDay",
    "executionRules",
    "referencePrice",
    "referencePrice/calculation",
    "nothing",
    "userDataStream",
    "",
];
/// Methods of the WebSocket API that need none.
const PUBLIC_METHODS: [&str; 25] = [
    "ping",
    "time",
    "exchangeInfo",
    "executionRules",
    "depth",
    "trades.recent",
    "trades.historical",
    "trades.aggregate",
    "klines",
    "uiKlines",
    "avgPrice",
    "ticker",
    "ticker.24hr",
    "ticker.price",
    "ticker.book",
    "ticker.tradingDay",
    "referencePrice",
    "referencePrice.calculation",
    "session.status",
    "session.logout",
    "session.subscriptions",
    "userDataStream.subscribe",
    "userDataStream.unsubscribe",
    "nothing",
    "userDataStream.start",
];

/// Words of a line: options that begin with `@`, and the rest before and after `|`.
#[derive(Default)]
struct Words {
    options: BTreeMap<String, String>,
    query: Vec<String>,
    body: Vec<String>,
}

impl Words {
    fn of(text: &str) -> Words {
        let mut words = Words::default();
        let mut is_body = false;
        for word in text.split_whitespace() {
            match word.strip_prefix('@') {
                Some(option) => {
                    let (name, value) = option.split_once('=').unwrap_or((option, ""));
                    words.options.insert(name.to_owned(), value.to_owned());
                }
                None if word == "|" => is_body = true,
                None if is_body => words.body.push(word.to_owned()),
                None => words.query.push(word.to_owned()),
            }
        }
        words
    }

    fn has(&self, name: &str) -> bool {
        self.options.contains_key(name)
    }

    fn key(&self) -> &str {
        self.options.get("key").map_or("stubkey", String::as_str)
    }
}

fn percent_encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    text.bytes()
        .map(|byte| if plain(byte) { (byte as char).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

impl Context {
    fn say(&mut self, text: &str) {
        const MOST: usize = 1500;
        let text = redacted(text);
        let shown: String = text.chars().take(MOST).collect();
        self.outcome.transcript.push_str("  ");
        self.outcome.transcript.push_str(&shown);
        if text.len() > shown.len() {
            self.outcome.transcript.push_str(" ..");
        }
        self.outcome.transcript.push('\n');
    }

    fn fault(&mut self, line: usize, text: String) {
        self.outcome.faults.push(format!("line {line}: {}", redacted(&text)));
    }

    fn server_now(&self) -> i64 {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64;
        wall + self.skew
    }

    fn timestamp(&self, words: &Words) -> i64 {
        let offset: i64 = words.options.get("time").map_or(0, |text| text.parse().unwrap());
        let time = self.server_now() + offset;
        if words.has("us") { time * 1000 } else { time }
    }

    async fn step(&mut self, step: &Step) {
        self.outcome.transcript.push_str(&step.text);
        self.outcome.transcript.push('\n');
        let is_weighed = step.checks.iter().any(|(_, check)| check.starts_with("weight"));
        let before = if is_weighed { self.used_weight().await } else { 0 };
        let frames_kept = step.text.starts_with("DRAIN");
        if !frames_kept {
            self.place = usize::MAX;
        }
        self.answer = None;
        self.run(step).await;
        for (line, check) in &step.checks {
            if let Err(fault) = self.check(check, before) {
                let text = format!("{}\n    {fault}", step.text);
                self.fault(*line, text);
            }
        }
        if self.answer.is_some() && step.checks.is_empty() && !step.text.starts_with("CONTROL") {
            self.fault(step.line, format!("{}: an answer that nothing is expected of", step.text));
        }
    }

    async fn used_weight(&mut self) -> u64 {
        let answer = http(self.handle.address(), "GET", "/api/v3/ping", &[], b"").await.unwrap();
        answer.header("x-mbx-used-weight-1m").and_then(|text| text.parse().ok()).unwrap_or_default()
    }

    async fn run(&mut self, step: &Step) {
        let (verb, rest) = step.text.split_once(' ').unwrap_or((&step.text, ""));
        let (first, others) = rest.split_once(' ').unwrap_or((rest, ""));
        match verb {
            "WITH" => {}
            "GET" | "POST" | "PUT" | "DELETE" | "PATCH" | "HEAD" | "OPTIONS" => {
                self.rest(verb, first, others).await
            }
            "CONTROL" => {
                let (path, body) = others.split_once(' ').unwrap_or((others, ""));
                let target = format!("/control/{path}");
                self.answer = http(self.handle.address(), first, &target, &[], body.as_bytes()).await;
                let is_done = self.answer.as_ref().is_some_and(|answer| answer.status == 200);
                if !is_done && step.checks.is_empty() {
                    self.fault(step.line, format!("{}: {:?}", step.text, self.answer));
                }
            }
            "STEP" => {
                let body = match first.strip_suffix('m') {
                    Some(minutes) => json!({ "candles": minutes.parse::<u64>().unwrap(), "interval": "1m" }),
                    None => json!({ "steps": first.parse::<u64>().unwrap() }),
                };
                self.handle.control("POST", "step", &body).await.unwrap();
            }
            "OPEN" => match Line::open(self.handle.address(), others).await {
                Ok(line) => self.keep(first, line),
                Err(answer) => {
                    self.say(&format!("{} {}", answer.status, answer.body));
                    self.answer = Some(answer);
                }
            },
            "LISTEN" => {
                let line = Line::open(self.handle.address(), "/ws-api/v3").await;
                let Ok(line) = line else { return self.fault(step.line, "could not connect".to_owned()) };
                self.keep(first, line);
                let request = format!("userDataStream.subscribe.signature @key={others}");
                self.api(first, &request).await;
                match self.answer.take() {
                    Some(answer) if answer.status == 200 => {}
                    other => self.fault(step.line, format!("could not subscribe: {other:?}")),
                }
            }
            "API" => self.api(first, others).await,
            "SEND" => {
                self.lines[first].line.send(Message::text(others));
                self.reply(first).await;
            }
            "SAY" => self.lines[first].line.send(Message::text(others)),
            "PING" => self.lines[first].line.send(Message::Ping(others.as_bytes().to_vec().into())),
            "PONG" => self.lines[first].line.send(Message::Pong(others.as_bytes().to_vec().into())),
            "BINARY" => self.lines[first].line.send(Message::Binary(others.as_bytes().to_vec().into())),
            "CLOSED" => {
                let line = self.lines.get_mut(first).unwrap();
                let (code, reason) = loop {
                    match line.line.next().await {
                        Frame::Text(_) => {}
                        Frame::Closed(code, reason) => break (code, reason),
                    }
                };
                let shown = format!("{code} {reason}");
                self.say(shown.trim());
                if shown.trim() != others {
                    self.fault(step.line, format!("closed with `{}`, expected `{others}`", shown.trim()));
                }
            }
            "DRAIN" | "DRAIN~" => {
                self.drain().await;
                let waiting = std::mem::take(&mut self.lines.get_mut(first).unwrap().waiting);
                self.frames = waiting.iter().map(json_of).collect();
                self.place = 0;
                if verb == "DRAIN" {
                    let texts: Vec<String> = self.frames.iter().map(Value::to_string).collect();
                    texts.iter().for_each(|text| self.say(text));
                }
            }
            "AWAIT" => {
                let pattern: Value = serde_json::from_str(others).unwrap();
                let open = self.lines.get_mut(first).unwrap();
                let mut last = String::new();
                loop {
                    let frame = match open.waiting.pop_front() {
                        Some(frame) => frame,
                        None => match tokio::time::timeout(super::client::PATIENCE, open.line.next()).await {
                            Ok(frame) => frame,
                            Err(_) => {
                                return self.fault(step.line, format!("no such frame; the last was {last}"));
                            }
                        },
                    };
                    let value = json_of(&frame);
                    if mismatch(&pattern, &value).is_none() {
                        return;
                    }
                    if matches!(frame, Frame::Closed(..)) {
                        return self
                            .fault(step.line, format!("closed before such a frame; the last was {last}"));
                    }
                    last = value.to_string();
                }
            }
            _ => panic!("line {}: there is no {verb}", step.line),
        }
    }

    fn keep(&mut self, name: &str, line: Line) {
        self.lines.insert(name.to_owned(), Open { line, waiting: VecDeque::new() });
    }

    async fn rest(&mut self, method: &str, path: &str, rest: &str) {
        let words = Words::of(rest);
        let mut headers: Vec<(String, String)> = Vec::new();
        let (mut query, mut body) = (words.query.join("&"), words.body.join("&"));
        let is_signed = !PUBLIC.contains(&path) && !path.starts_with('/');
        if (is_signed || words.has("key")) && !words.has("nokey") {
            headers.push(("X-MBX-APIKEY".to_owned(), words.key().to_owned()));
        }
        if is_signed && !words.has("unsigned") {
            let in_body = query.is_empty() && !body.is_empty();
            let place = if in_body { &mut body } else { &mut query };
            if !words.has("notime") {
                let separator = if place.is_empty() { "" } else { "&" };
                place.push_str(&format!("{separator}timestamp={}", self.timestamp(&words)));
            }
            let payload = [query.as_str(), body.as_str()].concat();
            let mut signature = Signer::of(words.key()).sign(&payload);
            if words.has("upper") {
                signature = signature.to_uppercase();
            }
            let signature = words.options.get("sig").cloned().unwrap_or_else(|| percent_encoded(&signature));
            let place = if in_body { &mut body } else { &mut query };
            *place = match words.has("first") {
                true => format!("signature={signature}&{place}"),
                false if place.is_empty() => format!("signature={signature}"),
                false => format!("{place}&signature={signature}"),
            };
        }
        if let Some(unit) = words.options.get("unit") {
            headers.push(("X-MBX-TIME-UNIT".to_owned(), unit.clone()));
        }
        if let Some(kind) = words.options.get("type") {
            headers.push(("Content-Type".to_owned(), kind.clone()));
        }
        let base = if path.starts_with('/') { path.to_owned() } else { format!("/api/v3/{path}") };
        let target = if query.is_empty() { base } else { format!("{base}?{query}") };
        self.answer = http(self.handle.address(), method, &target, &headers, body.as_bytes()).await;
        let shown = match &self.answer {
            Some(answer) => format!("{} {}", answer.status, answer.body),
            None => "closed".to_owned(),
        };
        self.say(&shown);
    }

    async fn api(&mut self, name: &str, request: &str) {
        let (method, rest) = request.split_once(' ').unwrap_or((request, ""));
        let words = Words::of(rest);
        let mut params: BTreeMap<String, Value> = BTreeMap::new();
        for word in &words.query {
            let (name, value) = match word.split_once(":=") {
                Some((name, json)) => (name, serde_json::from_str(json).unwrap()),
                None => {
                    let (name, value) = word.split_once('=').unwrap();
                    (name, Value::from(value))
                }
            };
            params.insert(name.to_owned(), value);
        }
        let bare = method.strip_prefix("v3/").unwrap_or(method);
        if !PUBLIC_METHODS.contains(&bare) && !words.has("session") {
            if !words.has("nokey") {
                params.insert("apiKey".to_owned(), words.key().into());
            }
            if !words.has("notime") {
                params.insert("timestamp".to_owned(), self.timestamp(&words).into());
            }
            if !words.has("unsigned") {
                let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                let pieces: Vec<String> =
                    params.iter().map(|(name, value)| format!("{name}={}", text(value))).collect();
                let signature = Signer::of(words.key()).sign(&pieces.join("&"));
                let signature = words.options.get("sig").cloned().unwrap_or(signature);
                params.insert("signature".to_owned(), signature.into());
            }
        } else if words.has("session") && !words.has("notime") {
            params.insert("timestamp".to_owned(), self.timestamp(&words).into());
        }
        let id: Value = words.options.get("id").map_or(json!(1), |id| serde_json::from_str(id).unwrap());
        let mut frame = json!({ "id": id, "method": method });
        if !params.is_empty() {
            frame["params"] = json!(params);
        }
        self.lines[name].line.send(Message::text(frame.to_string()));
        self.reply(name).await;
    }

    /// The answer to what was just sent; frames that tell something else wait.
    async fn reply(&mut self, name: &str) {
        let open = self.lines.get_mut(name).unwrap();
        let frame = loop {
            let frame = open.line.next().await;
            let value = json_of(&frame);
            let is_answer = ["status", "result", "code", "closed"].iter().any(|it| value.get(it).is_some())
                && value.get("data").is_none();
            if is_answer {
                break value;
            }
            open.waiting.push_back(frame);
        };
        let mut shown = frame.clone();
        if let Some(fields) = shown.as_object_mut() {
            fields.remove("rateLimits");
        }
        self.say(&shown.to_string());
        let status = frame["status"].as_u64().and_then(|status| u16::try_from(status).ok()).unwrap_or(200);
        self.answer = Some(Answer { status, headers: Vec::new(), body: frame });
    }

    /// Puts a mark behind all that is on its way to anybody, and reads up to it.
    async fn drain(&mut self) {
        self.handle.control("POST", "shutdown-notice", &json!({})).await.unwrap();
        for open in self.lines.values_mut() {
            loop {
                let frame = open.line.next().await;
                match &frame {
                    Frame::Text(text) if text.contains("\"serverShutdown\"") => break,
                    Frame::Text(_) => open.waiting.push_back(frame),
                    Frame::Closed(..) => {
                        open.waiting.push_back(frame);
                        break;
                    }
                }
            }
        }
    }

    fn check(&mut self, check: &str, before: u64) -> Result<(), String> {
        let (word, rest) = check.split_once(' ').unwrap_or((check, ""));
        match word {
            "event" | "frame" | "no" | "end" | "frames" => return self.check_frames(word, rest),
            "closed" => {
                return match &self.answer {
                    None => Ok(()),
                    Some(answer) => Err(format!("expected no answer, got {} {}", answer.status, answer.body)),
                };
            }
            _ => {}
        }
        let answer = self.answer.as_ref().ok_or("there is no answer")?;
        let shown = || {
            let text = answer.body.to_string();
            format!("{} {}", answer.status, text.chars().take(400).collect::<String>())
        };
        let is_api = answer.headers.is_empty() && answer.body.get("status").is_some();
        // What stands in a frame of the WebSocket API.
        let body = match (is_api, answer.status) {
            (false, _) => &answer.body,
            (true, 200) => &answer.body["result"],
            (true, _) => &answer.body["error"],
        };
        let json =
            |text: &str| serde_json::from_str::<Value>(text).map_err(|error| format!("{text}: {error}"));
        match word {
            "header" => {
                let (name, value) = rest.split_once(' ').unwrap_or((rest, ""));
                match (answer.header(name), value) {
                    (None, "<absent>") => Ok(()),
                    (Some(_), "*") => Ok(()),
                    (Some(found), value) if found == value => Ok(()),
                    (found, value) => Err(format!("header {name}: expected `{value}`, got {found:?}")),
                }
            }
            "weight" => {
                let limits = &answer.body["rateLimits"];
                let of_api = limits.as_array().and_then(|limits| {
                    limits.iter().find(|it| it["rateLimitType"] == "REQUEST_WEIGHT")?["count"].as_u64()
                });
                let of_rest = answer.header("x-mbx-used-weight-1m").and_then(|text| text.parse().ok());
                let used: u64 = of_api.or(of_rest).ok_or("no used weight is told")?;
                match used.saturating_sub(before).to_string() == rest {
                    true => Ok(()),
                    false => Err(format!("expected weight {rest}, got {}", used.saturating_sub(before))),
                }
            }
            "count" => match body.as_array().map(Vec::len) {
                Some(count) if count.to_string() == rest => Ok(()),
                other => Err(format!("expected {rest} elements, got {other:?} in {}", shown())),
            },
            "at" => {
                let (pointer, pattern) = rest.split_once(' ').ok_or("write a pointer and a pattern")?;
                let value =
                    body.pointer(pointer).ok_or_else(|| format!("nothing at {pointer} of {}", shown()))?;
                mismatch(&json(pattern)?, value).map_or(Ok(()), |fault| Err(format!("{pointer}: {fault}")))
            }
            "whole" => mismatch(&json(rest)?, &answer.body)
                .map_or(Ok(()), |fault| Err(format!("{fault}, in {}", shown()))),
            status => {
                let expected: u16 = status.parse().map_err(|_| format!("there is no check {status}"))?;
                if answer.status != expected {
                    return Err(format!("expected {check}, got {}", shown()));
                }
                let (code, message) = rest.split_once(' ').unwrap_or((rest, ""));
                if rest.is_empty() {
                    Ok(())
                } else if let Ok(code) = code.parse::<i64>() {
                    match body["code"] == json!(code) && (message.is_empty() || body["msg"] == json!(message))
                    {
                        true => Ok(()),
                        false => Err(format!("expected {check}, got {}", shown())),
                    }
                } else {
                    mismatch(&json(rest)?, body)
                        .map_or(Ok(()), |fault| Err(format!("{fault}, in {}", shown())))
                }
            }
        }
    }

    fn check_frames(&mut self, word: &str, rest: &str) -> Result<(), String> {
        if self.place == usize::MAX {
            return Err("DRAIN first".to_owned());
        }
        let pattern: Value = match rest {
            "" => Value::Null,
            rest => serde_json::from_str(rest).map_err(|error| format!("{rest}: {error}"))?,
        };
        let left = self.frames.get(self.place..).unwrap_or_default();
        // An event of user data is meant without what wraps it, unless the pattern has that.
        let inner = |frame: &Value| match (pattern.get("subscriptionId"), frame.get("event")) {
            (None, Some(event)) => event.clone(),
            _ => frame.clone(),
        };
        match word {
            "event" => {
                let frame = left.first().ok_or_else(|| format!("no frame is left, expected {rest}"))?;
                self.place += 1;
                let fault = mismatch(&pattern, &inner(frame));
                fault.map_or(Ok(()), |fault| Err(format!("{fault}, in {frame}")))
            }
            "frame" => {
                let found = left.iter().position(|frame| mismatch(&pattern, &inner(frame)).is_none());
                let found = found.ok_or_else(|| format!("no frame fits {rest} of {} left", left.len()))?;
                self.place += found + 1;
                Ok(())
            }
            "no" => match self.frames.iter().find(|frame| mismatch(&pattern, &inner(frame)).is_none()) {
                None => Ok(()),
                Some(frame) => Err(format!("a frame that should not be: {frame}")),
            },
            "frames" => match self.frames.len().to_string() == rest {
                true => Ok(()),
                false => Err(format!("expected {rest} frames, got {}", self.frames.len())),
            },
            _ => match left.first() {
                None => Ok(()),
                Some(frame) => Err(format!("{} frames are left, the first is {frame}", left.len())),
            },
        }
    }
}

fn json_of(frame: &Frame) -> Value {
    match frame {
        Frame::Text(text) => serde_json::from_str(text).unwrap_or_else(|_| Value::from(text.as_str())),
        Frame::Closed(code, reason) => json!({ "closed": code, "reason": reason }),
    }
}
