//! Expressions of each type.

use super::literal::{TEXTS, is_literal};
use super::writer::{Argument, Rule, Takes, Type, Writer, leaf, node};

const INT_OPERATORS: [&str; 11] = ["+", "-", "*", "/", "%", "**", "<<", ">>", "&", "|", "^"];
const FLOAT_OPERATORS: [&str; 5] = ["+", "-", "*", "/", "%"];
const COMPARISONS: [&str; 6] = ["<", "<=", ">", ">=", "==", "!="];
const PRICES: [&str; 8] = ["open", "high", "low", "close", "volume", "hl2", "hlc3", "ohlc4"];
const INT_PROPERTIES: [&str; 5] = ["hour", "weekday", "index", "candles_held", "time"];
const FLOAT_PROPERTIES: [&str; 8] = [
    "quantity",
    "entry_price",
    "profit_pct",
    "peak_profit_pct",
    "stop_price",
    "target_price",
    "equity",
    "cash",
];
const BOOL_PROPERTIES: [&str; 7] =
    ["is_flat", "is_long", "is_short", "allow_short", "filters_pass", "atr_filter_pass", "hours_pass"];

pub const INT: &[Rule] = &[
    leaf(20, "int: literal", |w, _| Some(w.int_literal())),
    leaf(4, "int: hexadecimal, binary, underscores", |w, _| {
        Some(w.word(&["0xff", "0b1011", "1_000", "0o17", "0x7fff"]).to_owned())
    }),
    leaf(40, "int: variable", |w, _| w.variable(Type::Int, false)),
    leaf(16, "int: slot", |w, _| w.slot(Type::Int)),
    leaf(12, "int: parameter", |w, _| w.parameter(|it| matches!(it, Takes::Int(..)))),
    leaf(8, "int: period", |w, _| w.parameter(|it| matches!(it, Takes::Period(_)))),
    leaf(2, "int: base parameter", |w, _| {
        w.has_p.then(|| w.word(&["p.max_holding_candles", "p.cooldown_candles"]).to_owned())
    }),
    leaf(10, "int: constant", |w, _| w.constant(Type::Int)),
    leaf(10, "int: property", |w, _| {
        let property = w.word(&INT_PROPERTIES);
        w.has_ctx.then(|| format!("ctx.{property}"))
    }),
    node(60, "int: arithmetic", |w, depth| {
        let (a, b) = (w.int(depth), w.int(depth));
        let operator = match w.random.u32(0..20) {
            0..13 => w.word(&["+", "-", "*"]),
            _ => w.word(&INT_OPERATORS),
        };
        Some(match operator {
            // Mostly something that can be done.
            "/" | "%" if !w.chance(0.02) => format!("({a} {operator} {})", w.random.i32(1..9)),
            "**" if !w.chance(0.1) => format!("(({a} % 7) ** {})", w.random.i32(0..6)),
            "<<" | ">>" if !w.chance(0.1) => format!("({a} {operator} {})", w.random.i32(0..8)),
            "*" if !w.chance(0.2) => format!("({a} % 100 * {b})"),
            _ => w.join(&a, operator, &b),
        })
    }),
    node(4, "int: minus", |w, depth| Some(format!("(-{})", w.held(Type::Int, depth)))),
    node(1, "int: plus", |w, depth| Some(format!("(+{})", w.held(Type::Int, depth)))),
    node(6, "int: min, max", |w, depth| {
        Some(format!("{}({}, {})", w.word(&["min", "max"]), w.int(depth), w.int(depth)))
    }),
    node(4, "int: abs", |w, depth| {
        let of = w.int(depth);
        Some(w.method("abs", &of))
    }),
    node(2, "int: sign", |w, depth| {
        let of = if w.chance(0.5) { w.int(depth) } else { w.float(depth) };
        Some(w.method("sign", &of))
    }),
    node(3, "int: of a float", |w, depth| {
        let of = format!("({} % 1000.0)", w.float(depth));
        Some(w.method("to_int", &of))
    }),
    node(10, "int: if", |w, depth| Some(w.if_value(Type::Int, depth))),
    node(4, "int: switch", |w, depth| Some(w.switch_value(Type::Int, depth))),
    node(3, "int: block", |w, depth| Some(w.block_value(Type::Int, depth))),
    node(1, "int: loop", |w, depth| w.loop_value(Type::Int, depth)),
    node(14, "int: call", |w, depth| w.call(Some(Type::Int), depth)),
];

pub const FLOAT: &[Rule] = &[
    leaf(16, "float: literal", |w, _| Some(w.float_literal())),
    leaf(40, "float: variable", |w, _| w.variable(Type::Float, false)),
    leaf(14, "float: slot", |w, _| w.slot(Type::Float)),
    leaf(12, "float: parameter", |w, _| w.parameter(|it| matches!(it, Takes::Float(..)))),
    leaf(2, "float: base parameter", |w, _| {
        w.has_p.then(|| w.word(&["p.stop_loss_pct", "p.atr_filter_multiplier"]).to_owned())
    }),
    leaf(8, "float: constant", |w, _| w.constant(Type::Float)),
    leaf(10, "float: property", |w, _| {
        let property = w.word(&FLOAT_PROPERTIES);
        w.has_ctx.then(|| format!("ctx.{property}"))
    }),
    leaf(50, "float: series now", |w, depth| w.series_value(depth)),
    leaf(1, "float: nan, infinity", |w, _| {
        Some(w.word(&["(0.0 / 0.0)", "(1.0 / 0.0)", "(-1.0 / 0.0)"]).to_owned())
    }),
    node(36, "float: history", |w, depth| w.history(depth)),
    node(60, "float: arithmetic", |w, depth| {
        let operator = w.word(&FLOAT_OPERATORS);
        let (a, b) = (w.float(depth), w.float(depth));
        Some(w.join(&a, operator, &b))
    }),
    node(24, "float: arithmetic with an int", |w, depth| {
        let operator = w.word(&FLOAT_OPERATORS);
        let (a, b) = (w.float(depth), w.int(depth));
        Some(if w.chance(0.5) { w.join(&a, operator, &b) } else { w.join(&b, operator, &a) })
    }),
    node(4, "float: power", |w, depth| {
        let a = w.float(depth);
        let b = match w.random.u32(0..4) {
            0 => w.word(&["2", "3", "0", "(-1)", "(-2)"]).to_owned(),
            1 => w.word(&["0.5", "2.0", "(-1.5)", "0.0"]).to_owned(),
            2 => w.int(depth),
            _ => w.float(depth),
        };
        Some(format!("({a} ** {b})"))
    }),
    node(2, "float: int to a power", |w, depth| Some(format!("({} ** {})", w.int(depth), w.float(depth)))),
    node(5, "float: minus", |w, depth| Some(format!("(-{})", w.held(Type::Float, depth)))),
    node(12, "float: min, max", |w, depth| {
        let of = [(Type::Float, Type::Float), (Type::Int, Type::Float), (Type::Float, Type::Int)];
        let (a, b) = of[w.random.usize(0..3)];
        Some(format!("{}({}, {})", w.word(&["min", "max"]), w.expression(a, depth), w.expression(b, depth)))
    }),
    node(14, "float: function", |w, depth| {
        let name = w.word(&["abs", "sqrt", "floor", "ceil", "round", "ln", "exp"]);
        let of = w.float(depth);
        Some(w.method(name, &of))
    }),
    node(4, "float: function of an int", |w, depth| {
        let name = w.word(&["sqrt", "floor", "ceil", "round", "ln", "exp", "to_float"]);
        let of = w.int(depth);
        Some(w.method(name, &of))
    }),
    node(2, "float: more functions", |w, depth| {
        let name = w.word(&["sin", "cos", "tan", "atan", "fraction", "ceiling"]);
        let of = w.float(depth);
        Some(w.method(name, &of))
    }),
    node(5, "float: price helper", |w, depth| {
        let (a, b) = (w.number(depth), w.number(depth));
        Some(match w.random.u32(0..4) {
            0 => format!("stop_price_pct({a}, {b})"),
            1 => format!("take_profit_pct({a}, {b})"),
            2 => format!("stop_price_atr({a}, {b}, {})", w.number(depth)),
            _ => format!("risk_reward({a}, {b}, {})", w.number(depth)),
        })
    }),
    node(12, "float: if", |w, depth| Some(w.if_value(Type::Float, depth))),
    node(4, "float: switch", |w, depth| Some(w.switch_value(Type::Float, depth))),
    node(4, "float: block", |w, depth| Some(w.block_value(Type::Float, depth))),
    node(1, "float: loop", |w, depth| w.loop_value(Type::Float, depth)),
    node(16, "float: call", |w, depth| w.call(Some(Type::Float), depth)),
];

pub const BOOL: &[Rule] = &[
    leaf(3, "bool: literal", |w, _| Some(w.word(&["true", "false"]).to_owned())),
    leaf(24, "bool: variable", |w, _| w.variable(Type::Bool, false)),
    leaf(14, "bool: slot", |w, _| w.slot(Type::Bool)),
    leaf(10, "bool: parameter", |w, _| w.parameter(|it| matches!(it, Takes::Flag))),
    leaf(1, "bool: base parameter", |w, _| w.has_p.then(|| "p.apply_atr_filter".to_owned())),
    leaf(3, "bool: constant", |w, _| w.constant(Type::Bool)),
    leaf(20, "bool: property", |w, _| {
        let property = w.word(&BOOL_PROPERTIES);
        w.has_ctx.then(|| format!("ctx.{property}"))
    }),
    leaf(10, "bool: series compared", |w, depth| {
        let (a, b) = (w.series_value(depth)?, w.series_value(depth)?);
        Some(format!("{a} {} {b}", w.word(&COMPARISONS)))
    }),
    node(30, "bool: floats compared", |w, depth| {
        Some(format!("{} {} {}", w.float(depth), w.word(&COMPARISONS), w.float(depth)))
    }),
    node(20, "bool: ints compared", |w, depth| {
        Some(format!("{} {} {}", w.int(depth), w.word(&COMPARISONS), w.int(depth)))
    }),
    node(8, "bool: int and float compared", |w, depth| {
        let (a, b) = (w.int(depth), w.float(depth));
        let operator = w.word(&COMPARISONS);
        Some(if w.chance(0.5) { format!("{a} {operator} {b}") } else { format!("{b} {operator} {a}") })
    }),
    node(4, "bool: bools compared", |w, depth| {
        let (a, b) = (w.held(Type::Bool, depth), w.held(Type::Bool, depth));
        Some(format!("{a} {} {b}", w.word(&["==", "!="])))
    }),
    leaf(8, "bool: choice compared", |w, _| {
        let choice = w.parameter(|it| matches!(it, Takes::Choice))?;
        let text = w.word(&["\"a\"", "\"b\"", "\"c\""]);
        Some(if w.chance(0.8) {
            format!("{choice} {} {text}", w.word(&["==", "!="]))
        } else {
            format!("{text} {} {choice}", w.word(&COMPARISONS))
        })
    }),
    node(2, "bool: texts compared", |w, depth| {
        Some(format!("{} {} {}", w.text(depth), w.word(&["==", "!="]), w.text(depth)))
    }),
    leaf(1, "bool: compared with nothing", |w, _| {
        let value = w.variable(Type::Float, false)?;
        Some(format!("{value} {} ()", w.word(&["==", "!="])))
    }),
    node(24, "bool: and, or", |w, depth| {
        Some(format!("({} {} {})", w.bool(depth), w.word(&["&&", "||"]), w.bool(depth)))
    }),
    node(4, "bool: and, or of three", |w, depth| {
        let (a, b, c) = (w.bool(depth), w.bool(depth), w.bool(depth));
        Some(format!("({a} {} {b} {} {c})", w.word(&["&&", "||"]), w.word(&["&&", "||"])))
    }),
    node(4, "bool: & | ^", |w, depth| {
        let (a, b) = (w.held(Type::Bool, depth), w.held(Type::Bool, depth));
        Some(format!("({a} {} {b})", w.word(&["&", "|", "^"])))
    }),
    node(12, "bool: not", |w, depth| Some(format!("!{}", w.held(Type::Bool, depth)))),
    node(8, "bool: is_nan", |w, depth| {
        let of = if w.chance(0.85) { w.float(depth) } else { w.int(depth) };
        Some(w.method("is_nan", &of))
    }),
    node(2, "bool: is_odd, is_even, is_zero", |w, depth| {
        let (name, of) = (w.word(&["is_odd", "is_even", "is_zero"]), w.int(depth));
        Some(w.method(name, &of))
    }),
    node(1, "bool: is_finite, is_infinite", |w, depth| {
        let (name, of) = (w.word(&["is_finite", "is_infinite"]), w.float(depth));
        Some(w.method(name, &of))
    }),
    node(14, "bool: crossed", |w, depth| {
        let mut side = || if w.chance(0.75) { w.series_value(depth) } else { Some(w.number(depth)) };
        let (a, b) = (side()?, side()?);
        Some(format!("{}({a}, {b})", w.word(&["crossed_above", "crossed_below"])))
    }),
    node(10, "bool: rising, falling", |w, depth| {
        let series = w.series_value(depth)?;
        let candles = match w.random.u32(0..20) {
            0 => w.int(depth),
            1 => w.parameter(|it| matches!(it, Takes::Period(_))).unwrap_or("3".to_owned()),
            _ => w.random.i32(1..4).to_string(),
        };
        Some(format!("{}({series}, {candles})", w.word(&["rising", "falling"])))
    }),
    node(6, "bool: if", |w, depth| Some(w.if_value(Type::Bool, depth))),
    node(2, "bool: switch", |w, depth| Some(w.switch_value(Type::Bool, depth))),
    node(2, "bool: block", |w, depth| Some(w.block_value(Type::Bool, depth))),
    node(10, "bool: call", |w, depth| w.call(Some(Type::Bool), depth)),
];

pub const TEXT: &[Rule] = &[
    leaf(10, "text: literal", |w, _| Some(w.word(&TEXTS).to_owned())),
    leaf(3, "text: choice", |w, _| w.parameter(|it| matches!(it, Takes::Choice))),
    leaf(3, "text: variable", |w, _| w.variable(Type::Text, false)),
    leaf(2, "text: constant", |w, _| w.constant(Type::Text)),
    node(1, "text: if", |w, depth| Some(w.if_value(Type::Text, depth))),
];

pub const SERIES: &[Rule] = &[
    leaf(30, "series: price", |w, _| {
        let price = w.word(&PRICES);
        w.has_ctx.then(|| format!("ctx.{price}"))
    }),
    leaf(40, "series: indicator", |w, _| {
        if w.series.is_empty() || !w.has_ctx {
            return None;
        }
        let at = w.random.usize(0..w.series.len());
        Some(format!("ctx.{}", w.series[at]))
    }),
    leaf(30, "series: field", |w, _| {
        if w.multis.is_empty() {
            return None;
        }
        let at = w.random.usize(0..w.multis.len());
        let multi = match w.variable(Type::Multi(at), false) {
            Some(variable) if w.chance(0.6) => variable,
            _ if w.has_ctx => format!("ctx.{}", w.multis[at].name),
            other => other?,
        };
        let fields = w.multis[at].fields;
        Some(format!("{multi}.{}", w.word(fields)))
    }),
    leaf(26, "series: variable", |w, _| w.variable(Type::Series, false)),
    node(3, "series: if", |w, depth| {
        if !w.has(Type::Series) {
            return None;
        }
        Some(w.if_value(Type::Series, depth))
    }),
    node(4, "series: call", |w, depth| w.call(Some(Type::Series), depth)),
];

/// How many candles ago.
pub const INDEX: &[Rule] = &[
    leaf(60, "index: literal", |w, _| Some(w.random.i32(0..6).to_string())),
    leaf(2, "index: far literal", |w, _| {
        Some(w.word(&["50", "99", "1000", "9223372036854775807", "4294967297"]).to_owned())
    }),
    leaf(24, "index: counter", |w, _| w.variable(Type::Int, false).map(|it| format!("abs({it} % 50)"))),
    leaf(3, "index: as it is", |w, _| w.variable(Type::Int, false)),
    leaf(6, "index: period", |w, _| w.parameter(|it| matches!(it, Takes::Period(_)))),
    leaf(2, "index: of the candle", |w, _| w.has_ctx.then(|| "ctx.index".to_owned())),
    node(8, "index: computed", |w, depth| Some(format!("abs({} % 9)", w.int(depth)))),
    node(1, "index: anything", |w, depth| Some(format!("({} + 0)", w.int(depth)))),
    node(1, "index: a little into the future", |w, depth| Some(format!("({} % 3 - 1)", w.int(depth)))),
];

/// Where another type is wanted. Never a literal: those are refused at load in many places.
pub const ILL: &[Rule] = &[
    leaf(6, "ill: int", |w, depth| Some(format!("({} + 1)", w.int(depth)))),
    leaf(6, "ill: float", |w, depth| Some(format!("({} * 2.0)", w.float(depth)))),
    leaf(6, "ill: bool", |w, depth| Some(format!("({} && true)", w.held(Type::Bool, depth)))),
    leaf(3, "ill: text", |w, _| {
        w.variable(Type::Text, false).or_else(|| w.parameter(|it| matches!(it, Takes::Choice)))
    }),
    leaf(2, "ill: indicator with fields", |w, _| {
        let multis: Vec<usize> = (0..w.multis.len()).collect();
        let at = w.one_of(&multis)?;
        w.has_ctx.then(|| format!("ctx.{}", w.multis[at].name))
    }),
    leaf(2, "ill: nothing", |w, depth| Some(format!("(if {} {{ {} }})", w.condition(depth), w.float(depth)))),
];

impl Writer {
    pub fn int(&mut self, depth: u32) -> String {
        self.expression(Type::Int, depth)
    }

    pub fn float(&mut self, depth: u32) -> String {
        self.expression(Type::Float, depth)
    }

    pub fn bool(&mut self, depth: u32) -> String {
        self.expression(Type::Bool, depth)
    }

    pub fn text(&mut self, depth: u32) -> String {
        self.expression(Type::Text, depth)
    }

    pub fn number(&mut self, depth: u32) -> String {
        let of = if self.chance(0.75) { Type::Float } else { Type::Int };
        self.expression(of, depth)
    }

    /// A series, where there is one.
    pub fn series_value(&mut self, depth: u32) -> Option<String> {
        if !self.has(Type::Series) { None } else { Some(self.expression(Type::Series, depth)) }
    }

    /// Whether a value of this type can be had here.
    pub fn has(&self, of: Type) -> bool {
        match of {
            Type::Series | Type::Multi(_) => self.has_ctx || !self.variables(of, false).is_empty(),
            _ => true,
        }
    }

    /// An expression of a type, now and then of another one.
    pub fn expression(&mut self, of: Type, depth: u32) -> String {
        if self.chance(self.temper.ill)
            && let Some(text) = self.write(ILL, depth.min(1))
        {
            // Its name alone would be refused at load where it is indexed.
            let is_known = of == Type::Series && text.starts_with("ctx.m");
            return if is_known { format!("(if (1 < 2) {{ {text} }} else {{ 0.0 }})") } else { text };
        }
        let (table, fallback) = match of {
            Type::Int => (INT, "1"),
            Type::Float => (FLOAT, "1.5"),
            Type::Bool => (BOOL, "(1 < 2)"),
            Type::Text => (TEXT, "\"a\""),
            Type::Series => (SERIES, "ctx.close"),
            Type::Multi(at) => {
                let variable = self.variable(of, false).filter(|_| self.random.bool() || !self.has_ctx);
                return variable.unwrap_or_else(|| format!("ctx.{}", self.multis[at].name));
            }
        };
        match self.write(table, depth) {
            Some(text) => text,
            // A series that is hidden by another name.
            None if of == Type::Series && !self.has_ctx => "abs(1.0)".to_owned(),
            None => fallback.to_owned(),
        }
    }

    /// The same, in parentheses where an operator before it would take it apart.
    pub fn held(&mut self, of: Type, depth: u32) -> String {
        let text = self.expression(of, depth);
        let is_one = |text: &str| text.chars().all(|it| it.is_ascii_alphanumeric() || "_.:".contains(it));
        if is_one(&text) && !text.starts_with(|it: char| it.is_ascii_digit()) {
            text
        } else {
            format!("({text})")
        }
    }

    /// A condition: never one that is refused at load for what it is.
    pub fn condition(&mut self, depth: u32) -> String {
        let text = self.bool(depth);
        let text = text.strip_prefix('!').filter(|it| is_literal(it)).map_or(text.clone(), str::to_owned);
        if is_literal(&text) { "(1 < 2)".to_owned() } else { text }
    }

    pub fn join(&mut self, a: &str, operator: &str, b: &str) -> String {
        if self.chance(0.25) {
            self.used.insert("arithmetic without parentheses");
            // Still one operand for what is around it.
            return format!("({a} {operator} {b} {} {})", self.random_operator(), self.random.i32(1..5));
        }
        format!("({a} {operator} {b})")
    }

    fn random_operator(&mut self) -> &'static str {
        self.word(&["+", "-", "*"])
    }

    /// `f(x)`, or `x.f()`.
    pub fn method(&mut self, name: &str, of: &str) -> String {
        if self.chance(0.3) {
            self.used.insert("called like a method");
            return format!("({of}).{name}()");
        }
        format!("{name}({of})")
    }

    fn history(&mut self, depth: u32) -> Option<String> {
        let series = self.series_value(depth)?;
        let index = match self.chance(self.temper.ill) {
            true => self.write(ILL, 0)?,
            false => self.write(INDEX, depth)?,
        };
        // Only names can be indexed without parentheses around them.
        Some(if series.contains(' ') { format!("({series})[{index}]") } else { format!("{series}[{index}]") })
    }

    pub fn if_value(&mut self, of: Type, depth: u32) -> String {
        let (condition, a, b) =
            (self.condition(depth), self.expression(of, depth), self.expression(of, depth));
        if self.chance(0.15) {
            self.used.insert("if value with else if");
            let (second, c) = (self.condition(depth), self.expression(of, depth));
            return format!("(if {condition} {{ {a} }} else if {second} {{ {c} }} else {{ {b} }})");
        }
        format!("(if {condition} {{ {a} }} else {{ {b} }})")
    }

    pub fn switch_value(&mut self, of: Type, depth: u32) -> String {
        let on = self.switched(depth);
        let mut text = format!("(switch {on} {{ ");
        for case in self.cases(depth) {
            text += &format!("{case} => {}, ", self.expression(of, depth));
        }
        // Without a default it may be nothing.
        if !self.chance(0.03) {
            text += &format!("_ => {} ", self.expression(of, depth));
        }
        text + "})"
    }

    pub fn block_value(&mut self, of: Type, depth: u32) -> String {
        let inner = if self.random.bool() { Type::Int } else { Type::Float };
        let value = self.expression(inner, depth);
        let mark = self.scope.len();
        let name = self.name_for("b");
        self.declare(&name, inner, true);
        let again = if self.chance(0.3) { format!("{name} += 1; ") } else { String::new() };
        let text = format!("({{ let {name} = {value}; {again}{} }})", self.expression(of, depth));
        self.scope.truncate(mark);
        text
    }

    /// A loop that breaks with a value.
    pub fn loop_value(&mut self, of: Type, depth: u32) -> Option<String> {
        if self.loops > 0 {
            return None;
        }
        let counter = self.fresh("k");
        let mark = self.scope.len();
        self.declare(&counter, Type::Int, false);
        let (condition, value, last) =
            (self.condition(depth), self.expression(of, depth), self.expression(of, depth));
        self.scope.truncate(mark);
        Some(format!(
            "({{ let {counter} = 0; loop {{ {counter} += 1; if {condition} {{ break {value}; }} if {counter} > 3 {{ break {last}; }} }} }})"
        ))
    }

    /// What a `switch` looks at: few different values.
    pub fn switched(&mut self, depth: u32) -> String {
        match self.random.u32(0..30) {
            0 => {
                self.used.insert("switch: on a float");
                self.float(depth)
            }
            1 => {
                self.used.insert("switch: on a bool");
                self.held(Type::Bool, depth)
            }
            2..8 => self.int(depth),
            _ => format!("({} % 6)", self.int(depth)),
        }
    }

    /// Left sides of the cases, the default aside.
    pub fn cases(&mut self, depth: u32) -> Vec<String> {
        let mut cases = Vec::new();
        for _ in 0..self.random.u32(1..4) {
            let mut case = self.random.i32(-1..6).to_string();
            if self.chance(0.25) {
                self.used.insert("switch: alternatives");
                case += &format!(" | {}", self.random.i32(-1..6));
            }
            if self.chance(0.04) {
                case += " | 2.0";
                self.used.insert("switch: a float among the cases");
            }
            cases.push(case);
        }
        // Whole numbers cannot follow ranges.
        for _ in 0..self.random.u32(0..5).saturating_sub(2) {
            let (from, to) = (self.random.i32(-4..4), self.random.i32(-1..8));
            let dots = self.word(&["..", "..="]);
            self.used.insert("switch: range");
            cases.push(format!("{from}{dots}{to}"));
        }
        for case in &mut cases {
            if self.chance(0.2) {
                self.used.insert("switch: case with a condition");
                *case += &format!(" if {}", self.condition(depth));
            }
        }
        cases
    }

    /// A call of a helper that gives this.
    pub fn call(&mut self, gives: Option<Type>, depth: u32) -> Option<String> {
        // Loops in helpers called in loops in helpers take long.
        if self.loops > 1 {
            return None;
        }
        let fitting: Vec<usize> = (0..self.helpers.len())
            .filter(|at| {
                let helper = &self.helpers[*at];
                helper.gives == gives
                    && helper.arguments.iter().all(|argument| match argument {
                        Argument::Ctx => self.has_ctx,
                        Argument::P => self.has_p,
                        Argument::Value(of) => self.has(*of),
                    })
            })
            .collect();
        let at = self.one_of(&fitting)?;
        let helper = self.helpers[at].clone();
        let arguments: Vec<String> = helper
            .arguments
            .iter()
            .map(|argument| match argument {
                Argument::Ctx => "ctx".to_owned(),
                Argument::P => "p".to_owned(),
                Argument::Value(of) => self.expression(*of, depth),
            })
            .collect();
        Some(format!("{}({})", helper.name, arguments.join(", ")))
    }
}
