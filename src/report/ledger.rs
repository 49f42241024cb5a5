//! The books: every trade once more, in decimal. The hot path keeps f64; what a user sees as money is from
//! here, and a test below holds the two together to 1e-8.

use crate::backtest::Outcome;
use crate::model::money::{MoneyError, decimal};
use crate::model::{Direction, Trade};
use rust_decimal::Decimal;

#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum LedgerError {
    #[error(transparent)]
    Money(#[from] MoneyError),
    #[error("the trade entered at {entry_time} ms is too large to be booked: its money exceeds 28 digits")]
    Overflow { entry_time: i64 },
}

/// What the books say about one trade. Money in quote currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Booked {
    pub quantity: Decimal,
    pub entry_price: Decimal,
    pub exit_price: Decimal,
    /// Net of both commissions.
    pub pnl: Decimal,
    /// Net PnL / entry notional × 100.
    pub pnl_pct: Decimal,
    /// Both sides together.
    pub commission: Decimal,
    /// Cash after the trade.
    pub balance: Decimal,
}

impl Booked {
    /// A trade by its own figures, where what was charged is known better than by a rate: on an exchange. No cash
    /// came before it.
    pub fn as_traded(trade: &Trade) -> Result<Booked, MoneyError> {
        let pnl = decimal(trade.pnl)?;
        Ok(Booked {
            quantity: decimal(trade.quantity)?,
            entry_price: decimal(trade.entry_price)?,
            exit_price: decimal(trade.exit_price)?,
            pnl,
            pnl_pct: decimal(trade.pnl_pct)?,
            commission: decimal(trade.commission)?,
            balance: pnl,
        })
    }
}

/// Cash and the rate at which fills are charged: books one trade after the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Book {
    balance: Decimal,
    /// Commission per notional.
    rate: Decimal,
}

impl Book {
    pub fn new(initial_balance: f64, commission_bps: f64) -> Result<Book, LedgerError> {
        // Four places to the right is a move of the decimal point: nothing is rounded, nothing overflows.
        let rate = decimal(commission_bps)?.checked_mul(Decimal::new(1, 4)).unwrap_or(Decimal::MAX);
        Ok(Book { balance: decimal(initial_balance)?, rate })
    }

    pub fn balance(&self) -> Decimal {
        self.balance
    }

    /// Books a closed trade. An error leaves the book as it was.
    pub fn book(&mut self, trade: &Trade) -> Result<Booked, LedgerError> {
        let quantity = decimal(trade.quantity)?;
        let entry_price = decimal(trade.entry_price)?;
        let exit_price = decimal(trade.exit_price)?;
        let money = || {
            let entry = quantity.checked_mul(entry_price)?;
            let exit = quantity.checked_mul(exit_price)?;
            let commission = entry.checked_mul(self.rate)?.checked_add(exit.checked_mul(self.rate)?)?;
            let gross = match trade.direction {
                Direction::Long => exit.checked_sub(entry)?,
                Direction::Short => entry.checked_sub(exit)?,
            };
            let pnl = gross.checked_sub(commission)?;
            let pnl_pct = match entry.is_zero() {
                true => Decimal::ZERO,
                false => pnl.checked_div(entry)?.checked_mul(Decimal::ONE_HUNDRED)?,
            };
            let balance = self.balance.checked_add(pnl)?;
            Some(Booked { quantity, entry_price, exit_price, pnl, pnl_pct, commission, balance })
        };
        let booked = money().ok_or(LedgerError::Overflow { entry_time: trade.entry_time })?;
        self.balance = booked.balance;
        Ok(booked)
    }
}

/// A trade and what the books say about it.
#[derive(Debug, Clone)]
pub struct Entry<'a> {
    pub trade: &'a Trade,
    pub booked: Booked,
}

/// All trades of a run, booked in order.
#[derive(Debug, Clone)]
pub struct Ledger<'a> {
    pub entries: Vec<Entry<'a>>,
    /// Cash after the last trade.
    pub balance: Decimal,
}

impl<'a> Ledger<'a> {
    pub fn of(outcome: &'a Outcome, commission_bps: f64) -> Result<Ledger<'a>, LedgerError> {
        let mut book = Book::new(outcome.initial_balance, commission_bps)?;
        let mut entries = Vec::with_capacity(outcome.trades.len());
        for trade in &outcome.trades {
            entries.push(Entry { trade, booked: book.book(trade)? });
        }
        Ok(Ledger { entries, balance: book.balance })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{EntryReason, ExitReason};
    use proptest::prelude::*;
    use rust_decimal::prelude::ToPrimitive;

    fn trade(direction: Direction, quantity: f64, entry_price: f64, exit_price: f64, bps: f64) -> Trade {
        let commission = quantity * (entry_price + exit_price) * bps / 10_000.0;
        let pnl = direction.sign() * quantity * (exit_price - entry_price) - commission;
        Trade {
            entry_time: 7,
            exit_time: 8,
            direction,
            quantity,
            entry_price,
            exit_price,
            pnl,
            pnl_pct: pnl / (quantity * entry_price) * 100.0,
            commission,
            slippage: 0.0,
            entry_reason: EntryReason::Signal,
            exit_reason: ExitReason::Signal,
            candles_held: 1,
            ambiguous: false,
            entry_note: "".into(),
            exit_note: "".into(),
        }
    }

    #[test]
    fn books_to_the_last_digit() {
        let mut book = Book::new(1000.0, 10.0).unwrap();
        // 0.1 × 300.3 = 30.03 in, 0.1 × 330.6 = 33.06 out; 0.1 % of 63.09 = 0.06309; 3.03 − 0.06309
        let long = book.book(&trade(Direction::Long, 0.1, 300.3, 330.6, 10.0)).unwrap();
        assert_eq!(long.commission.normalize().to_string(), "0.06309");
        assert_eq!(long.pnl.normalize().to_string(), "2.96691");
        assert_eq!(long.balance.normalize().to_string(), "1002.96691");
        // 2 × 10 = 20 in, 2 × 11 = 22 to buy it back; 0.042; −2 − 0.042 = −2.042, 10.21 % of 20
        let short = book.book(&trade(Direction::Short, 2.0, 10.0, 11.0, 10.0)).unwrap();
        assert_eq!(short.pnl.normalize().to_string(), "-2.042");
        assert_eq!(short.pnl_pct.normalize().to_string(), "-10.21");
        assert_eq!(book.balance().normalize().to_string(), "1000.92491");
    }

    #[test]
    fn what_cannot_be_booked_is_an_error_and_changes_nothing() {
        let mut book = Book::new(1000.0, 10.0).unwrap();
        let overflow = book.book(&trade(Direction::Long, 1e20, 1e20, 1.0, 10.0));
        assert_eq!(overflow, Err(LedgerError::Overflow { entry_time: 7 }));
        assert!(book.book(&trade(Direction::Long, f64::NAN, 1.0, 1.0, 10.0)).is_err());
        assert_eq!(book.balance(), Decimal::from(1000));
        assert_eq!(book.book(&trade(Direction::Long, 0.0, 1.0, 1.0, 10.0)).unwrap().pnl_pct, Decimal::ZERO);
        assert!(Book::new(f64::INFINITY, 10.0).is_err());
    }

    proptest! {
        /// A PnL is a difference of two notionals, so that is what "relative" refers to.
        #[test]
        fn agrees_with_the_floats(
            rows in prop::collection::vec(
                (any::<bool>(), 1e-6..1e4f64, 1e-4..1e5f64, 0.5..2.0f64), 1..40),
            bps in 0.0..50.0f64,
        ) {
            let mut book = Book::new(10_000.0, bps).unwrap();
            let mut cash = 10_000.0;
            let mut turnover = 10_000.0;
            for (long, quantity, price, change) in rows {
                let direction = if long { Direction::Long } else { Direction::Short };
                let trade = trade(direction, quantity, price, price * change, bps);
                let booked = book.book(&trade).unwrap();
                let notional = quantity * price;
                turnover += notional;
                cash += trade.pnl;
                for (decimal, float, scale) in [
                    (booked.pnl, trade.pnl, notional),
                    (booked.pnl_pct, trade.pnl_pct, 100.0),
                    (booked.commission, trade.commission, notional),
                    (booked.balance, cash, turnover),
                ] {
                    let decimal = decimal.to_f64().unwrap();
                    prop_assert!((decimal - float).abs() <= 1e-8 * scale, "{decimal} {float}");
                }
            }
        }
    }
}
