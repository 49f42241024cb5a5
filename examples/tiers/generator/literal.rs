//! Numbers and texts as a script writes them.

use super::writer::Writer;

/// A float as Rhai reads it.
pub fn float_text(value: f64) -> String {
    let text = format!("{value:?}");
    let text = match text.split_once('e') {
        Some((digits, exponent)) if !digits.contains('.') => format!("{digits}.0e{exponent}"),
        _ => text,
    };
    in_parentheses(text)
}

pub fn int_text(value: i64) -> String {
    match value {
        // Rhai reads the digits before the sign.
        i64::MIN => "(-9223372036854775807 - 1)".to_owned(),
        value => in_parentheses(value.to_string()),
    }
}

fn in_parentheses(text: String) -> String {
    if text.starts_with('-') { format!("({text})") } else { text }
}

/// Whether it is a number or a word that stands for itself: what is checked at load.
pub fn is_literal(text: &str) -> bool {
    let text = text.trim_matches(['(', ')', '-']);
    text == "true"
        || text == "false"
        || text.starts_with(|first: char| first.is_ascii_digit() || first == '"') && !text.contains(' ')
}

pub const TEXTS: [&str; 6] =
    ["\"a\"", "\"b\"", "\"\"", "\"tab\\tand \\\"quotes\\\"\"", "\"größer €\"", "\"enter at the low\""];

impl Writer {
    pub fn small_int(&mut self) -> i64 {
        self.random.i64(-3..=12)
    }

    pub fn extreme_int(&mut self) -> i64 {
        let near = self.random.i64(-2..=2);
        match self.random.u32(0..8) {
            0 => i64::MAX,
            1 => i64::MIN,
            2 => i64::MAX - near.abs(),
            3 => i64::MIN + near.abs(),
            4 => (1 << 53) + near,
            5 => i64::from(u32::MAX) + near,
            6 => 3_037_000_500 + near,
            _ => -(1 << 62) + near,
        }
    }

    pub fn extreme_float(&mut self) -> f64 {
        const ALL: [f64; 12] = [
            f64::MAX,
            f64::MIN,
            f64::MIN_POSITIVE,
            5e-324,
            -0.0,
            1e308,
            1e-300,
            9_223_372_036_854_775_807.0,
            9_007_199_254_740_993.0,
            1e16,
            0.1,
            -1e19,
        ];
        ALL[self.random.usize(0..ALL.len())]
    }

    pub fn small_float(&mut self) -> f64 {
        match self.random.u32(0..4) {
            0 => f64::from(self.random.i32(-5..=100)),
            1 => f64::from(self.random.i32(-20..=20)) / 8.0,
            2 => f64::from(self.random.i32(0..1000)) / 1000.0,
            _ => f64::from(self.random.i32(1..40)) / 10.0,
        }
    }

    pub fn int_literal(&mut self) -> String {
        if self.chance(self.temper.extreme) {
            self.used.insert("int: extreme literal");
            let value = self.extreme_int();
            return int_text(value);
        }
        let value = self.small_int();
        int_text(value)
    }

    pub fn float_literal(&mut self) -> String {
        if self.chance(self.temper.extreme) {
            self.used.insert("float: extreme literal");
            let value = self.extreme_float();
            return float_text(value);
        }
        let value = self.small_float();
        float_text(value)
    }
}
