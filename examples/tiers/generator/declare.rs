//! Parameters, indicators, slots, constants and helpers, and what makes a program of them.

use super::literal::{float_text, int_text};
use super::writer::{Argument, Helper, Multi, Parameter, Rule, Takes, Type, Writer, leaf};
use mista::script::Value;

const WIDE: (i64, i64) = (-9_223_372_036_854_775_807, i64::MAX);
const CHOICES: [&str; 3] = ["a", "b", "c"];

pub const PARAMETER: &[Rule] = &[
    leaf(30, "parameter: period", |w, _| {
        let default = w.random.i32(2..=20);
        w.take("n", Takes::Period(default));
        Some(format!("int({default}, 2, 20)"))
    }),
    leaf(12, "parameter: int", |w, _| {
        w.take("w", Takes::Int(-20, 40));
        Some(format!("int({}, -20, 40)", w.random.i32(-20..=40)))
    }),
    leaf(5, "parameter: any int", |w, _| {
        w.take("w", Takes::Int(WIDE.0, WIDE.1));
        Some(format!("int({}, {}, {})", w.random.i32(-9..9), int_text(WIDE.0), WIDE.1))
    }),
    leaf(16, "parameter: float", |w, _| {
        w.take("f", Takes::Float(-10.0, 10.0));
        Some(format!("float({}, -10.0, 10.0)", float_text(f64::from(w.random.i32(-20..20)) / 2.0)))
    }),
    leaf(3, "parameter: any float", |w, _| {
        w.take("f", Takes::Float(-1e308, 1e308));
        Some("float(1.5, -1.0e308, 1.0e308)".to_owned())
    }),
    leaf(16, "parameter: flag", |w, _| {
        w.take("g", Takes::Flag);
        Some(format!("flag({})", w.random.bool()))
    }),
    leaf(10, "parameter: choice", |w, _| {
        w.take("c", Takes::Choice);
        Some(format!("choice(\"{}\", [\"a\", \"b\", \"c\"])", w.word(&CHOICES)))
    }),
];

pub const SERIES_DECLARED: &[Rule] = &[
    leaf(40, "declared: of a price and a period", |w, _| {
        let name = w.word(&[
            "sma", "ema", "wma", "highest", "lowest", "stddev", "roc", "mom", "zscore", "sum", "rsi",
            "linreg", "change", "rma",
        ]);
        let price = w.word(&["close", "open", "high", "low", "volume", "hl2"]);
        Some(format!("{name}({price}, {})", w.period()))
    }),
    leaf(16, "declared: of a period", |w, _| {
        Some(format!("{}({})", w.word(&["atr", "natr", "cci", "willr", "mfi", "cmf"]), w.period()))
    }),
    leaf(6, "declared: of nothing", |w, _| {
        Some(format!("{}()", w.word(&["obv", "true_range", "vwap", "ad"])))
    }),
    leaf(6, "declared: of an indicator", |w, _| {
        Some(format!("{}(atr(3), {})", w.word(&["sma", "highest", "ema"]), w.random.i32(2..8)))
    }),
    leaf(3, "declared: a field", |w, _| Some(format!("macd(close, 3, 7, {}).hist", w.random.i32(2..5)))),
    leaf(3, "declared: a price", |w, _| Some(w.word(&["close", "hlc3", "volume"]).to_owned())),
];

pub const MULTI_DECLARED: &[Rule] = &[
    leaf(4, "declared: bollinger", |w, _| {
        let period = w.period();
        Some(w.multi(
            format!("bollinger(close, {period}, 2.0)"),
            &["upper", "middle", "lower", "width", "percent_b"],
        ))
    }),
    leaf(4, "declared: macd", |w, _| {
        Some(w.multi("macd(close, 4, 9, 3)".to_owned(), &["macd", "signal", "hist"]))
    }),
    leaf(2, "declared: stoch", |w, _| Some(w.multi("stoch(5, 2, 3)".to_owned(), &["k", "d"]))),
    leaf(2, "declared: keltner", |w, _| {
        let period = w.period();
        Some(w.multi(format!("keltner({period}, 7, 1.5)"), &["upper", "middle", "lower"]))
    }),
    leaf(2, "declared: adx", |w, _| {
        let period = w.random.i32(2..8);
        Some(w.multi(format!("adx({period})"), &["adx", "plus_di", "minus_di"]))
    }),
    leaf(2, "declared: supertrend", |w, _| {
        let period = w.period();
        Some(w.multi(format!("supertrend({period}, 2.0)"), &["value", "direction"]))
    }),
    leaf(2, "declared: heikin_ashi", |w, _| {
        Some(w.multi("heikin_ashi()".to_owned(), &["open", "high", "low", "close"]))
    }),
];

impl Writer {
    fn take(&mut self, prefix: &str, takes: Takes) {
        let name = format!("{prefix}{}", self.parameters.len());
        self.parameters.push(Parameter { name, takes });
    }

    fn period(&mut self) -> String {
        if self.chance(0.6)
            && let Some(period) = self.parameter(|it| matches!(it, Takes::Period(_)))
        {
            return period;
        }
        self.random.i32(2..16).to_string()
    }

    fn multi(&mut self, text: String, fields: &'static [&'static str]) -> String {
        let name = format!("m{}", self.multis.len());
        self.multis.push(Multi { name, fields });
        text
    }

    /// Values that the parameters take: the default where none is named.
    pub fn values(&mut self) -> Vec<(String, Value)> {
        let mut values = Vec::new();
        for at in 0..self.parameters.len() {
            if self.chance(0.4) {
                continue;
            }
            let extreme = self.chance(self.temper.extreme * 4.0);
            let value = match self.parameters[at].takes {
                Takes::Period(_) => Value::Int(self.random.i64(2..=20)),
                Takes::Int(least, most) if extreme => Value::Int(self.extreme_int().clamp(least, most)),
                Takes::Int(least, most) => Value::Int(self.random.i64(-20..=40).clamp(least, most)),
                Takes::Float(least, most) if extreme => Value::Float(self.extreme_float().clamp(least, most)),
                Takes::Float(..) => Value::Float(f64::from(self.random.i32(-40..=40)) / 4.0),
                Takes::Flag => Value::Bool(self.random.bool()),
                Takes::Choice => Value::Text(CHOICES[self.random.usize(0..3)].to_owned()),
            };
            values.push((self.parameters[at].name.clone(), value));
        }
        values
    }

    /// The whole text.
    pub fn program(&mut self) -> String {
        let constants = self.write_constants();
        let parameters = self.write_parameters();
        let init = self.write_init();
        let mut text = format!("{constants}\n{parameters}\n{init}\n");
        for _ in 0..self.random.u32(0..8).saturating_sub(3) {
            text += &self.write_helper();
            text.push('\n');
        }
        text += &self.write_on_candle();
        if self.chance(0.2) {
            self.used.insert("handlers of fills and exits");
            text += &self.write_handlers();
        }
        text
    }

    fn write_constants(&mut self) -> String {
        let mut text = String::new();
        for index in 0..self.random.u32(0..7).saturating_sub(2) {
            let (value, of) = match self.random.u32(0..10) {
                0..4 => (self.int_literal(), Type::Int),
                4..7 => (self.float_literal(), Type::Float),
                7 => (self.random.bool().to_string(), Type::Bool),
                8 => ("\"b\"".to_owned(), Type::Text),
                _ => (format!("{} * 3 + 1", self.random.i32(0..9)), Type::Int),
            };
            let name = format!("K{index}");
            text += &format!("const {name} = {value};\n");
            self.constants.push((name, of));
        }
        text
    }

    fn write_parameters(&mut self) -> String {
        let mut text = "fn params() {\n    #{\n".to_owned();
        for _ in 0..self.random.u32(0..6) {
            let Some(value) = self.write(PARAMETER, 0) else { continue };
            let name = self.parameters.last().map(|it| it.name.clone()).unwrap_or_default();
            text += &format!("        {name}: {value},\n");
        }
        text + "    }\n}\n"
    }

    fn write_init(&mut self) -> String {
        self.has_p = true;
        let mut text = "fn init(p) {\n    #{\n".to_owned();
        for index in 0..self.random.u32(0..5) {
            let Some(mut value) = self.write(SERIES_DECLARED, 0) else { continue };
            if self.chance(0.15)
                && let Some(flag) = self.parameter(|it| matches!(it, Takes::Flag))
            {
                self.used.insert("declared: off by a flag");
                value = format!("if {flag} {{ {value} }}");
            }
            let name = format!("s{index}");
            text += &format!("        {name}: {value},\n");
            self.series.push(name);
        }
        for _ in 0..self.random.u32(0..5).saturating_sub(2) {
            let Some(value) = self.write(MULTI_DECLARED, 0) else { continue };
            let name = self.multis.last().map(|it| it.name.clone()).unwrap_or_default();
            // On at load, where its fields are checked, perhaps off when it runs.
            let period = self.parameters.iter().find_map(|it| match it.takes {
                Takes::Period(default) => Some((it.name.clone(), default)),
                _ => None,
            });
            let value = match period {
                Some((name, default)) if self.chance(0.06) => {
                    self.used.insert("declared: fields that may be off");
                    format!("if p.{name} == {default} {{ {value} }}")
                }
                _ => value,
            };
            text += &format!("        {name}: {value},\n");
        }
        for index in 0..self.random.u32(0..6) {
            let (value, of) = match self.random.u32(0..10) {
                0..4 => (self.int_literal(), Type::Int),
                4..8 => (self.float_literal(), Type::Float),
                _ => (self.random.bool().to_string(), Type::Bool),
            };
            let name = format!("v{index}");
            text += &format!("        {name}: {value},\n");
            self.slots.push((name, of));
        }
        self.has_p = false;
        // What `show` writes into.
        text += "        seen_int: 0,\n        seen_float: 0.0,\n        seen_bool: false,\n";
        text + "    }\n}\n"
    }

    fn write_helper(&mut self) -> String {
        let name = format!("h{}", self.helpers.len());
        let mut arguments = Vec::new();
        if self.chance(0.75) {
            arguments.push(Argument::Ctx);
        }
        if self.chance(0.5) {
            arguments.push(Argument::P);
        }
        for _ in 0..self.random.u32(0..4) {
            let of = match self.random.u32(0..12) {
                0..4 => Type::Int,
                4..8 => Type::Float,
                8 | 9 => Type::Bool,
                10 if !self.multis.is_empty() && self.chance(0.4) => {
                    Type::Multi(self.random.usize(0..self.multis.len()))
                }
                _ => Type::Series,
            };
            arguments.push(Argument::Value(of));
        }
        let gives = match self.random.u32(0..12) {
            0..3 => Some(Type::Int),
            3..7 => Some(Type::Float),
            7..9 => Some(Type::Bool),
            9 => Some(Type::Series),
            _ => None,
        };
        self.has_ctx = arguments.contains(&Argument::Ctx);
        self.has_p = arguments.contains(&Argument::P);
        let mut names = Vec::new();
        for argument in &arguments {
            names.push(match argument {
                Argument::Ctx => "ctx".to_owned(),
                Argument::P => "p".to_owned(),
                Argument::Value(of) => {
                    let name = self.fresh("q");
                    self.declare(&name, *of, true);
                    name
                }
            });
        }
        let gives = gives.filter(|of| self.has(*of));
        self.gives = gives;
        self.room = self.random.i32(1..6);
        let most = self.room;
        let mut text = format!("fn {name}({}) {{\n", names.join(", "));
        self.indent = 1;
        // One loop is taken as being around it already: it may be called in one.
        self.loops = 0;
        for _ in 0..self.random.i32(0..=most) {
            text += &self.statement(2);
        }
        if let Some(of) = gives {
            let depth = self.random.u32(0..=3);
            let value = self.expression(of, depth);
            let last = if self.chance(0.3) { format!("return {value};") } else { value };
            text += &self.line(&last);
        }
        self.scope.clear();
        self.indent = 0;
        self.helpers.push(Helper { name, arguments, gives });
        text + "}\n"
    }

    fn write_on_candle(&mut self) -> String {
        (self.has_ctx, self.has_p, self.gives, self.indent) = (true, true, None, 1);
        self.room = self.random.i32(4..20);
        let depth = self.random.u32(1..4);
        let mut text = "fn on_candle(ctx, p) {\n".to_owned();
        while self.room > 0 {
            text += &self.statement(depth);
        }
        text += &self.plot_all();
        self.scope.clear();
        self.indent = 0;
        text + "}\n"
    }

    fn write_handlers(&mut self) -> String {
        let mut text = String::new();
        for head in ["on_fill(ctx, p, fill)", "on_exit(ctx, p, trade)"] {
            if self.chance(0.3) {
                continue;
            }
            text += &format!("\nfn {head} {{\n");
            for at in 0..self.slots.len().min(3) {
                let (name, of) = self.slots[at].clone();
                text += &match of {
                    Type::Int => format!("    ctx.{name} = {};\n", self.random.i32(-5..50)),
                    Type::Float => format!("    ctx.{name} = ctx.close * 0.5;\n"),
                    _ => format!("    ctx.{name} = !ctx.{name};\n"),
                };
            }
            text += "    ctx.log(\"told\");\n}\n";
        }
        text
    }
}
