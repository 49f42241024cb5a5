//! Numbers as people read them. Machines get [`crate::model::money`].

use crate::model::{DAY_MS, HOUR_MS};

/// From here on digits say nothing and only break tables.
const LARGEST: f64 = 1e15;

/// `1,234,567.89`: thousands grouped, `decimals` places. Never `-0.00`.
pub fn grouped(x: f64, decimals: usize) -> String {
    if !x.is_finite() {
        return "n/a".to_owned();
    }
    if x.abs() >= LARGEST {
        return format!("{x:.3e}");
    }
    let digits = format!("{:.decimals$}", x.abs());
    let (whole, rest) = digits.split_at(digits.find('.').unwrap_or(digits.len()));
    let mut text = String::with_capacity(digits.len() + digits.len() / 3 + 1);
    if x < 0.0 && digits.bytes().any(|byte| (b'1'..=b'9').contains(&byte)) {
        text.push('-');
    }
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text + rest
}

/// `1 order`, `2,000 orders`.
pub fn counted(count: u64, thing: &str) -> String {
    format!("{} {thing}{}", grouped(count as f64, 0), if count == 1 { "" } else { "s" })
}

/// Like [`grouped`], with `+` before what is above zero.
pub fn signed(x: f64, decimals: usize) -> String {
    let text = grouped(x, decimals);
    let above = x > 0.0 && text.bytes().any(|byte| (b'1'..=b'9').contains(&byte));
    if above { format!("+{text}") } else { text }
}

/// `+12.34 %`.
pub fn signed_pct(x: f64) -> String {
    format!("{} %", signed(x, 2))
}

/// `12.34 %`.
pub fn pct(x: f64) -> String {
    format!("{} %", grouped(x, 2))
}

/// A ratio that may be null; what to say then.
pub fn ratio_or(x: Option<f64>, otherwise: &str) -> String {
    x.map_or_else(|| otherwise.to_owned(), |x| grouped(x, 2))
}

/// A price: as many places as its size asks for.
pub fn price(x: f64) -> String {
    let decimals = match x.abs() {
        size if size >= 1000.0 || size == 0.0 => 2,
        size if size >= 1.0 => 4,
        size if size >= 0.01 => 6,
        _ => 8,
    };
    grouped(x, decimals)
}

/// A quantity of base currency: up to 8 places, no trailing zeros.
pub fn quantity(x: f64) -> String {
    let text = grouped(x, 8);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// `12 days`, `5.0 hours`: a length of time in fractional days.
pub fn days(x: f64) -> String {
    let ms = x * DAY_MS as f64;
    if ms >= 10.0 * DAY_MS as f64 {
        format!("{} days", grouped(x, 0))
    } else if ms >= DAY_MS as f64 {
        format!("{} days", grouped(x, 1))
    } else {
        format!("{} hours", grouped(ms / HOUR_MS as f64, 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_and_signed() {
        assert_eq!(grouped(1_234_567.891, 2), "1,234,567.89");
        assert_eq!(grouped(-1000.0, 0), "-1,000");
        assert_eq!(grouped(999.999, 2), "1,000.00");
        assert_eq!(counted(1, "order"), "1 order");
        assert_eq!(counted(0, "order"), "0 orders");
        assert_eq!(counted(2000, "order"), "2,000 orders");
        assert_eq!(grouped(-0.001, 2), "0.00");
        assert_eq!(grouped(f64::NAN, 2), "n/a");
        assert_eq!(signed(1.5e30, 2), "+1.500e30");
        assert_eq!(signed(12.0, 2), "+12.00");
        assert_eq!(signed(0.001, 2), "0.00");
        assert_eq!(signed_pct(-3.456), "-3.46 %");
        assert_eq!(price(0.00001234), "0.00001234");
        assert_eq!(quantity(1200.5), "1,200.5");
        assert_eq!(quantity(100.0), "100");
        assert_eq!(days(0.25), "6.0 hours");
        assert_eq!(days(400.4), "400 days");
    }
}
