//! Money as a user sees it: decimal numbers, converted from and to text without surprises.

use rust_decimal::Decimal;
use std::str::FromStr;

/// Significant digits of a printed decimal: what an f64 carries without inventing any.
const DIGITS: u32 = 16;

#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum MoneyError {
    #[error("{0} is not a finite number and cannot be booked as money")]
    NotFinite(f64),
    #[error("{0:e} is too large to be booked as money (28 digits)")]
    TooLarge(f64),
}

/// The decimal with the shortest text that reads back as `x`: 0.1 is 0.1, not
/// 0.1000000000000000055. Digits beyond the 28th decimal place are rounded off.
pub fn decimal(x: f64) -> Result<Decimal, MoneyError> {
    if !x.is_finite() {
        return Err(MoneyError::NotFinite(x));
    }
    Decimal::from_str(&x.to_string()).map_err(|_| MoneyError::TooLarge(x))
}

/// `1234.5`, at most 16 significant digits, no exponent, no trailing zeros.
pub fn plain(x: Decimal) -> String {
    x.round_sf(DIGITS).unwrap_or(x).normalize().to_string()
}

/// The shortest text that reads back as `x`, without exponent. Never `-0`.
pub fn plain_f64(x: f64) -> String {
    (x + 0.0).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_become_the_decimals_that_they_were_written_as() {
        for text in ["0.1", "0.00000001", "61234.56789", "-3", "123456789012345680000"] {
            assert_eq!(decimal(text.parse().unwrap()).unwrap().to_string(), text);
        }
        assert_eq!(decimal(1e-40).unwrap(), Decimal::ZERO);
        assert_eq!(decimal(1e30), Err(MoneyError::TooLarge(1e30)));
        assert!(decimal(f64::NAN).is_err() && decimal(f64::NEG_INFINITY).is_err());
    }

    #[test]
    fn decimals_are_printed_plainly() {
        for (given, printed) in [
            ("1234.500", "1234.5"),
            ("-0.00", "0"),
            ("100", "100"),
            ("0.1234567890123456789", "0.1234567890123457"),
            ("9.99999999999999999", "10"),
            ("12345678901234567890", "12345678901234570000"),
            ("0.000000000000000000000001", "0.000000000000000000000001"),
        ] {
            assert_eq!(plain(Decimal::from_str(given).unwrap()), printed);
        }
        assert_eq!(plain(Decimal::MAX), Decimal::MAX.to_string(), "rounding up would overflow");
    }

    #[test]
    fn floats_are_printed_without_exponent() {
        assert_eq!(plain_f64(1e21), "1000000000000000000000");
        assert_eq!(plain_f64(1e-9), "0.000000001");
        assert_eq!(plain_f64(-0.0), "0");
        assert_eq!(plain_f64(0.1 + 0.2), "0.30000000000000004");
    }
}
