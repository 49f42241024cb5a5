//! Statements, each on lines of its own.

use super::literal::TEXTS;
use super::outside::OUTSIDE;
use super::writer::{Rule, Type, Variable, Writer, leaf, node};

pub const STATEMENT: &[Rule] = &[
    leaf(60, "let", |w, depth| {
        let of = w.type_of_variable();
        let value = w.expression(of, depth + 1);
        let name = w.name_for("x");
        w.declare(&name, of, true);
        Some(w.line(&format!("let {name} = {value};")))
    }),
    leaf(8, "const", |w, depth| {
        let of = w.type_of_variable();
        let value = w.expression(of, depth + 1);
        let name = w.fresh("y");
        w.declare(&name, of, false);
        Some(w.line(&format!("const {name} = {value};")))
    }),
    leaf(16, "let of a series", |w, depth| {
        let value = w.series_value(depth)?;
        let name = w.name_for("s");
        let changes = w.chance(0.4);
        w.declare(&name, Type::Series, changes);
        Some(w.line(&format!("let {name} = {value};")))
    }),
    leaf(4, "let of an indicator with fields", |w, _| {
        let multis: Vec<usize> = (0..w.multis.len()).collect();
        let at = w.one_of(&multis)?;
        if !w.has_ctx {
            return None;
        }
        let name = w.name_for("m");
        w.declare(&name, Type::Multi(at), false);
        Some(w.line(&format!("let {name} = ctx.{};", w.multis[at].name)))
    }),
    node(6, "let without a value", |w, depth| {
        let of = w.type_of_variable();
        let (condition, a, b) = (w.condition(depth), w.expression(of, depth), w.expression(of, depth));
        let name = w.fresh("x");
        w.declare(&name, of, true);
        let text = w.line(&format!("let {name};"));
        let choice = w.line(&format!("if {condition} {{ {name} = {a}; }} else {{ {name} = {b}; }}"));
        Some(text + choice.as_str())
    }),
    leaf(40, "assignment", |w, depth| {
        let of = w.type_of_variable();
        let name = w.variable(of, true)?;
        // A float variable may come to hold a series, and an int.
        let given = match of {
            Type::Float if w.chance(0.1) && w.has(Type::Series) => Type::Series,
            Type::Float if w.chance(0.02) => Type::Int,
            of => of,
        };
        let value = w.expression(given, depth + 1);
        Some(w.line(&format!("{name} = {value};")))
    }),
    leaf(40, "operation", |w, depth| w.write(OPERATION, depth)),
    leaf(4, "assignment of a series", |w, depth| {
        let name = w.variable(Type::Series, true)?;
        let value = w.series_value(depth)?;
        Some(w.line(&format!("{name} = {value};")))
    }),
    leaf(3, "operation on a series", |w, depth| {
        let name = w.variable(Type::Series, true)?;
        let operator = w.word(&["+=", "-=", "*=", "/="]);
        let value = if w.chance(0.4) { w.word(&["1.0", "0.0", "1", "0"]).to_owned() } else { w.float(depth) };
        Some(w.line(&format!("{name} {operator} {value};")))
    }),
    leaf(44, "slot assigned", |w, depth| {
        let of = w.type_of_slot();
        let slot = w.slot(of)?;
        let given = if of == Type::Float && w.chance(0.1) { Type::Int } else { of };
        let value = w.expression(given, depth + 1);
        Some(w.line(&format!("{slot} = {value};")))
    }),
    node(4, "slot assigned another type", |w, depth| {
        let of = w.type_of_slot();
        let slot = w.slot(of)?;
        if !w.chance(w.temper.careless) {
            return None;
        }
        let value = match of {
            Type::Int => format!("({} / 2.0)", w.float(depth)),
            Type::Float => w.held(Type::Bool, depth),
            _ => format!("({} + 1)", w.int(depth)),
        };
        if super::literal::is_literal(&value) {
            return None;
        }
        Some(w.line(&format!("{slot} = {value};")))
    }),
    node(60, "if", |w, depth| {
        let condition = w.condition(depth);
        let block = w.block(depth, 3);
        Some(w.line(&format!("if {condition} {block}")))
    }),
    node(36, "if else", |w, depth| {
        let condition = w.condition(depth);
        let (a, b) = (w.block(depth, 2), w.block(depth, 2));
        Some(w.line(&format!("if {condition} {a} else {b}")))
    }),
    node(12, "if else if", |w, depth| {
        let (one, two) = (w.condition(depth), w.condition(depth));
        let (a, b) = (w.block(depth, 2), w.block(depth, 2));
        let last = if w.chance(0.5) { format!(" else {}", w.block(depth, 2)) } else { String::new() };
        Some(w.line(&format!("if {one} {a} else if {two} {b}{last}")))
    }),
    node(5, "block", |w, depth| {
        let block = w.block(depth, 3);
        Some(w.line(&block))
    }),
    node(10, "switch", |w, depth| {
        let on = w.switched(depth);
        let mut text = w.line(&format!("switch {on} {{"));
        w.indent += 1;
        for case in w.cases(depth) {
            let block = w.block(depth, 2);
            text += &w.line(&format!("{case} => {block}"));
        }
        if w.chance(0.6) {
            let block = w.block(depth, 2);
            text += &w.line(&format!("_ => {block}"));
        }
        w.indent -= 1;
        Some(text + w.line("}").as_str())
    }),
    node(12, "for to", |w, depth| w.for_loop(depth, "..", false)),
    node(6, "for up to", |w, depth| w.for_loop(depth, "..=", false)),
    node(5, "for with a counter", |w, depth| w.for_loop(depth, "..", true)),
    node(8, "while", |w, depth| {
        w.counted(depth, |w, counter, limit, body, depth| {
            let more =
                if w.chance(0.5) { format!(" && {}", w.held(Type::Bool, depth)) } else { String::new() };
            w.line(&format!("while {counter} < {limit}{more} {body}"))
        })
    }),
    node(6, "loop", |w, depth| {
        w.counted(depth, |w, counter, limit, body, _| {
            let inner = body.strip_prefix("{\n").unwrap_or(&body).to_owned();
            let text = w.line("loop {");
            w.indent += 1;
            let stop = w.line(&format!("if {counter} >= {limit} {{ break; }}"));
            w.indent -= 1;
            format!("{text}{stop}{inner}\n")
        })
    }),
    node(4, "do while", |w, depth| {
        w.counted(depth, |w, counter, limit, body, _| {
            w.line(&format!("do {body} while {counter} < {limit};"))
        })
    }),
    node(4, "do until", |w, depth| {
        w.counted(depth, |w, counter, limit, body, _| {
            w.line(&format!("do {body} until {counter} >= {limit};"))
        })
    }),
    leaf(20, "break if", |w, depth| {
        let condition = w.condition(depth + 1);
        (w.loops > 0).then(|| w.line(&format!("if {condition} {{ break; }}")))
    }),
    leaf(16, "continue if", |w, depth| {
        let condition = w.condition(depth + 1);
        (w.loops > 0).then(|| w.line(&format!("if {condition} {{ continue; }}")))
    }),
    leaf(1, "break, continue", |w, _| {
        let word = w.word(&["break;", "continue;"]);
        (w.loops > 0).then(|| w.line(word))
    }),
    leaf(10, "return if", |w, depth| {
        let condition = w.condition(depth + 1);
        let value = w.returned(depth);
        Some(w.line(&format!("if {condition} {{ return{value}; }}")))
    }),
    leaf(3, "throw if", |w, depth| {
        let (careless, value) =
            (w.temper.careless * 4.0, w.word(&["\"stop here\"", "42", "ctx.close", "1.5"]));
        if !w.chance(careless) || !w.has_ctx {
            return None;
        }
        let condition = w.condition(depth + 1);
        Some(w.line(&format!("if {condition} {{ throw {value}; }}")))
    }),
    leaf(14, "helper called", |w, depth| w.call(None, depth).map(|call| w.line(&format!("{call};")))),
    leaf(2, "value not used", |w, depth| {
        let of = w.type_of_variable();
        let value = w.expression(of, depth);
        Some(w.line(&format!("{value};")))
    }),
    leaf(60, "action", |w, depth| {
        let careless = w.chance(w.temper.careless);
        if !w.has_ctx {
            return None;
        }
        if careless {
            w.used.insert("action: careless argument");
            let name = w.word(&[
                "size_units",
                "size_quote",
                "size_equity_pct",
                "size_risk_pct",
                "stop_at",
                "target_at",
                "stop_pct",
                "target_pct",
                "trail_pct",
                "break_even_after",
            ]);
            let value = w.number(depth);
            return Some(w.line(&format!("ctx.{name}({value});")));
        }
        let action = w.write(ACTION, depth + 1)?;
        Some(w.line(&action))
    }),
    leaf(16, "log", |w, depth| {
        let value = match w.random.u32(0..8) {
            0..3 => w.word(&TEXTS).to_owned(),
            3 => w.int(depth),
            4 | 5 => w.float(depth),
            6 => w.bool(depth),
            _ => w.text(depth),
        };
        w.has_ctx.then(|| w.line(&format!("ctx.log({value});")))
    }),
    leaf(16, "plot", |w, depth| {
        let (name, value) = (w.word(&["\"one\"", "\"two\"", "\"a longer name\""]), w.number(depth));
        w.has_ctx.then(|| w.line(&format!("ctx.plot({name}, {value});")))
    }),
    leaf(4, "more notes than there is room for", |w, _| {
        if !w.has_ctx || !w.chance(w.temper.careless) {
            return None;
        }
        let what = w.word(&["ctx.log(i)", "ctx.plot(\"one\", i)"]);
        let most = w.random.i32(90..120);
        Some(w.line(&format!("if ctx.index == 61 {{ for i in 0..{most} {{ {what}; }} }}")))
    }),
    leaf(40, "a long loop", |w, _| {
        if !w.may_run_long || !w.has_ctx || w.loops > 0 {
            return None;
        }
        w.may_run_long = false;
        let (row, most) = (w.random.i32(5..70), w.random.i32(50_000..200_000));
        let (name, counter) = (w.fresh("z"), w.fresh("i"));
        let body = match w.random.u32(0..4) {
            0 => format!("for {counter} in 0..{most} {{ {name} += {counter}; }}"),
            1 => format!("while {name} < {most} {{ {name} += 1; }}"),
            2 => format!("loop {{ {name} += 1; if {name} > {most} {{ break; }} }}"),
            _ => format!("loop {{ {name} += 1; }}"),
        };
        Some(w.line(&format!("if ctx.index == {row} {{ let {name} = 0; {body} ctx.log({name}); }}")))
    }),
    leaf(
        60,
        "outside of what is compiled",
        |w, depth| if w.is_outside { w.write(OUTSIDE, depth) } else { None },
    ),
];

/// A variable or a slot changed in place.
pub const OPERATION: &[Rule] = &[
    leaf(20, "operation: int variable", |w, depth| {
        let name = w.variable(Type::Int, true)?;
        w.int_operation(&name, depth)
    }),
    leaf(20, "operation: float variable", |w, depth| {
        let name = w.variable(Type::Float, true)?;
        w.float_operation(&name, depth)
    }),
    leaf(6, "operation: bool variable", |w, depth| {
        let name = w.variable(Type::Bool, true)?;
        w.bool_operation(&name, depth)
    }),
    leaf(20, "operation: int slot", |w, depth| {
        let name = w.slot(Type::Int)?;
        w.int_operation(&name, depth)
    }),
    leaf(16, "operation: float slot", |w, depth| {
        let name = w.slot(Type::Float)?;
        w.float_operation(&name, depth)
    }),
    leaf(5, "operation: bool slot", |w, depth| {
        let name = w.slot(Type::Bool)?;
        w.bool_operation(&name, depth)
    }),
];

pub const ACTION: &[Rule] = &[
    leaf(20, "action: enter_long", |w, _| Some(format!("ctx.enter_long({});", w.reason()))),
    leaf(14, "action: enter_short", |w, _| Some(format!("ctx.enter_short({});", w.reason()))),
    leaf(20, "action: exit", |w, _| Some(format!("ctx.exit({});", w.reason()))),
    leaf(4, "action: size_units", |w, _| Some(format!("ctx.size_units({});", w.random.i32(0..5)))),
    leaf(4, "action: size_quote", |_, _| Some("ctx.size_quote(ctx.cash / 2);".to_owned())),
    leaf(5, "action: size_equity_pct", |w, _| Some(format!("ctx.size_equity_pct({});", w.random.i32(1..99)))),
    leaf(5, "action: size_risk_pct", |w, _| {
        Some(format!("ctx.size_risk_pct({:?});", w.random.i32(1..9) as f64 / 4.0))
    }),
    leaf(10, "action: stop_at", |w, _| {
        let factor = w.word(&["0.97", "0.9", "1.03"]);
        Some(format!("ctx.stop_at(ctx.close * {factor});"))
    }),
    node(4, "action: stop_at, tightened", |w, _| {
        Some(format!(
            "if ctx.stop_price > 0.0 {{ ctx.stop_at({}(ctx.stop_price, ctx.close)); }}",
            w.word(&["min", "max"])
        ))
    }),
    leaf(6, "action: target_at", |w, _| {
        let factor = w.word(&["1.05", "1.2", "0.95"]);
        Some(format!("ctx.target_at(ctx.close * {factor});"))
    }),
    leaf(5, "action: stop_pct", |w, _| {
        Some(format!("ctx.stop_pct({:?});", w.random.i32(0..30) as f64 / 100.0))
    }),
    leaf(5, "action: target_pct", |w, _| {
        Some(format!("ctx.target_pct({:?});", w.random.i32(0..30) as f64 / 100.0))
    }),
    leaf(5, "action: trail_pct", |w, _| {
        Some(format!("ctx.trail_pct({:?});", w.random.i32(0..30) as f64 / 100.0))
    }),
    leaf(4, "action: break_even_after", |w, _| {
        Some(format!("ctx.break_even_after({:?});", w.random.i32(0..30) as f64 / 100.0))
    }),
];

impl Writer {
    pub fn type_of_variable(&mut self) -> Type {
        match self.random.u32(0..20) {
            0..8 => Type::Int,
            8..16 => Type::Float,
            16..19 => Type::Bool,
            _ => Type::Text,
        }
    }

    fn type_of_slot(&mut self) -> Type {
        match self.random.u32(0..5) {
            0..2 => Type::Int,
            2..4 => Type::Float,
            _ => Type::Bool,
        }
    }

    fn reason(&mut self) -> String {
        match self.random.u32(0..20) {
            0..12 => self.word(&TEXTS).to_owned(),
            12..19 => String::new(),
            _ => self.text(0),
        }
    }

    fn int_operation(&mut self, name: &str, depth: u32) -> Option<String> {
        let operator = match self.random.u32(0..10) {
            0..7 => self.word(&["+=", "-=", "*="]),
            _ => self.word(&["/=", "%=", "**=", "<<=", ">>=", "&=", "|=", "^="]),
        };
        let value = match operator {
            "/=" | "%=" if !self.chance(0.05) => self.random.i32(1..9).to_string(),
            "**=" | "<<=" | ">>=" if !self.chance(0.05) => self.random.i32(0..3).to_string(),
            "*=" if !self.chance(0.05) => self.random.i32(-1..2).to_string(),
            "+=" if self.chance(0.5) => "1".to_owned(),
            _ => self.int(depth),
        };
        self.used.insert(match operator {
            "+=" => "+= of ints",
            "-=" => "-= of ints",
            "*=" => "*= of ints",
            "/=" => "/= of ints",
            "%=" => "%= of ints",
            "**=" => "**= of ints",
            "<<=" => "<<= of ints",
            ">>=" => ">>= of ints",
            "&=" => "&= of ints",
            "|=" => "|= of ints",
            _ => "^= of ints",
        });
        let line = self.line(&format!("{name} {operator} {value};"));
        // What is multiplied on every candle soon overflows.
        let is_growing = matches!(operator, "**=" | "<<=" | "*=") && !self.chance(0.1);
        Some(if is_growing { line + self.line(&format!("{name} %= 1000;")).as_str() } else { line })
    }

    fn float_operation(&mut self, name: &str, depth: u32) -> Option<String> {
        let operator = self.word(&["+=", "-=", "*=", "/=", "%=", "**="]);
        let value = if self.chance(0.7) { self.float(depth) } else { self.int(depth) };
        self.used.insert(match operator {
            "+=" => "+= of floats",
            "-=" => "-= of floats",
            "*=" => "*= of floats",
            "/=" => "/= of floats",
            "%=" => "%= of floats",
            _ => "**= of floats",
        });
        Some(self.line(&format!("{name} {operator} {value};")))
    }

    fn bool_operation(&mut self, name: &str, depth: u32) -> Option<String> {
        let (operator, value) = (self.word(&["&=", "|=", "^="]), self.held(Type::Bool, depth));
        Some(self.line(&format!("{name} {operator} {value};")))
    }

    fn returned(&mut self, depth: u32) -> String {
        if let Some(of) = self.gives.filter(|of| self.has(*of)) {
            return format!(" {}", self.expression(of, depth + 1));
        }
        // What a handler returns goes nowhere.
        if self.chance(0.05) { format!(" {}", self.int(depth)) } else { String::new() }
    }

    /// `{ .. }` with up to `most` statements, to follow a condition.
    pub fn block(&mut self, depth: u32, most: u32) -> String {
        let mark = self.scope.len();
        self.indent += 1;
        let mut text = "{\n".to_owned();
        for _ in 0..self.random.u32(1..=most) {
            text += &self.statement(depth);
        }
        text += &self.show(mark, 0.6);
        self.indent -= 1;
        self.scope.truncate(mark);
        text + "    ".repeat(self.indent).as_str() + "}"
    }

    /// Makes the variables declared since `mark` count: a value that goes nowhere proves nothing.
    pub fn show(&mut self, mark: usize, chance: f64) -> String {
        let mut text = String::new();
        for at in mark..self.scope.len() {
            let Variable { name, of, .. } = &self.scope[at];
            let is_hidden = self.scope[at + 1..].iter().any(|later| later.name == *name);
            let shown = match of {
                Type::Int => format!("ctx.seen_int = ctx.seen_int % 1000003 * 31 + {name} % 1009;"),
                Type::Float | Type::Series => format!("ctx.seen_float = {name};"),
                Type::Bool => format!("ctx.seen_bool ^= {name};"),
                Type::Text | Type::Multi(_) => continue,
            };
            if self.has_ctx && !is_hidden && self.random.f64() < chance {
                text += &self.line(&shown);
            }
        }
        text
    }

    /// The same by plots, for what is in scope at the end.
    pub fn plot_all(&mut self) -> String {
        let mut text = self.show(0, 1.0);
        for at in 0..self.scope.len().min(20) {
            let Variable { name, of, .. } = &self.scope[at];
            if matches!(of, Type::Int | Type::Float | Type::Series) {
                text += &self.line(&format!("ctx.plot(\"last {at}\", {name});"));
            }
        }
        text
    }

    pub fn statement(&mut self, depth: u32) -> String {
        self.room -= 1;
        // Where there is no room left, nothing that holds other statements.
        let depth = if self.room > 0 { depth } else { 0 };
        self.write(STATEMENT, depth).unwrap_or_default()
    }

    fn for_loop(&mut self, depth: u32, dots: &str, with_counter: bool) -> Option<String> {
        if self.loops >= 2 {
            return None;
        }
        let most = if self.loops == 0 { 6 } else { 3 };
        let (from, to) = match self.random.u32(0..12) {
            0..8 => (self.random.i32(-1..2).to_string(), self.random.i32(0..most).to_string()),
            8..10 => ("0".to_owned(), format!("min({}, {most})", self.int(depth))),
            10 => (format!("({} % 3)", self.int(depth)), most.to_string()),
            // From a float: an error.
            _ if self.chance(self.temper.ill) => ("0".to_owned(), format!("min({}, 3.0)", self.float(depth))),
            _ => ("0".to_owned(), format!("({} % {most})", self.int(depth))),
        };
        let mark = self.scope.len();
        let name = self.name_for("i");
        let mut names = name.clone();
        self.declare(&name, Type::Int, true);
        if with_counter {
            let counter = self.fresh("c");
            names = format!("({name}, {counter})");
            self.declare(&counter, Type::Int, true);
        }
        self.loops += 1;
        let body = self.block(depth, 3);
        self.loops -= 1;
        self.scope.truncate(mark);
        Some(self.line(&format!("for {names} in {from}{dots}{to} {body}")))
    }

    /// A loop over a counter that nothing else changes.
    fn counted(
        &mut self,
        depth: u32,
        around: fn(&mut Writer, &str, i32, String, u32) -> String,
    ) -> Option<String> {
        if self.loops >= 2 {
            return None;
        }
        let limit = self.random.i32(0..if self.loops == 0 { 6 } else { 3 });
        let counter = self.fresh("k");
        let first = self.line(&format!("let {counter} = 0;"));
        let mark = self.scope.len();
        self.declare(&counter, Type::Int, false);
        self.loops += 1;
        let body = self.block(depth, 3);
        self.indent += 1;
        let step = self.line(&format!("{counter} += 1;"));
        // `continue` in a `do` goes back to its begin without looking at its condition.
        let guard = self.line(&format!("if {counter} > 9 {{ break; }}"));
        self.indent -= 1;
        let body = body.replacen("{\n", &format!("{{\n{step}{guard}"), 1);
        self.loops -= 1;
        self.scope.truncate(mark);
        let text = around(self, &counter, limit, body, depth);
        self.declare(&counter, Type::Int, true);
        Some(first + text.as_str())
    }
}
