//! A script as the engine's [`Strategy`]: each handler is a transaction.

use super::Script;
use super::api::{Ctx, FillView, P, TradeView};
use super::interpreter::Handler;
use super::state::{Now, Phase, Slot};
use crate::engine::{DataHandler, Intents, Moment, Strategy, StrategyFault};
#[cfg(feature = "native")]
use crate::model::Direction;
use crate::model::{Fill, Trade, iso};
use rhai::Dynamic;
#[cfg(feature = "native")]
use std::ops::Range;

impl Script {
    /// Makes `data` the one that reads go to.
    fn bind(&mut self, data: &DataHandler) {
        let _is_other = self.state.bind(data);
        #[cfg(feature = "native")]
        if _is_other && let Some(native) = &mut self.native {
            native.release();
        }
    }

    /// A candle that machine code did not decide, or for the first time.
    #[cold]
    #[inline(never)]
    fn on_candle_slowly(
        &mut self,
        data: &DataHandler,
        moment: &Moment<'_>,
        intents: &mut Intents,
    ) -> Result<(), StrategyFault> {
        self.bind(data);
        #[cfg(feature = "native")]
        if self.wants_native()
            && self.native.as_ref().is_none_or(|native| !native.is_ready() || !native.is_bound(data))
        {
            let native = self.native_ready();
            native.bind(data);
            if native.on_candle(moment, intents) {
                return Ok(());
            }
        }
        self.state.now.set(Now::new(moment));
        self.transact(Handler::OnCandle, [], intents)
    }

    /// Runs a handler as a transaction: what it asked for and wrote into its slots counts only if it
    /// returned.
    fn transact<const N: usize>(
        &mut self,
        handler: Handler,
        arguments: [Dynamic; N],
        intents: &mut Intents,
    ) -> Result<(), StrategyFault> {
        self.state.phase.set(if handler == Handler::OnCandle { Phase::Candle } else { Phase::Handler });
        // The script writes into the state's own intents, empty between calls. Most candles ask for nothing:
        // then nothing is moved.
        if intents.touched {
            std::mem::swap(&mut *self.state.intents.borrow_mut(), intents);
        }
        let before = SmallSlots::of(&self.state.slots.borrow());
        let result = match handler {
            Handler::OnCandle => self.interpreter.on_candle(),
            handler => self.interpreter.call(handler, arguments).map(|_| ()),
        };
        match result {
            Ok(()) => {
                let mut asked = self.state.intents.borrow_mut();
                if asked.touched {
                    std::mem::swap(&mut *asked, intents);
                }
                Ok(())
            }
            Err(error) => {
                *intents = Intents::default();
                *self.state.intents.borrow_mut() = Intents::default();
                before.restore(&mut self.state.slots.borrow_mut());
                let now = self.state.now.get().row;
                let close_time = self.state.data.borrow().candles.close_time.get(now).copied().unwrap_or(0);
                let (name, time) = (handler.name(), iso(close_time + 1));
                let error = self.error(&error);
                let message = format!("{error}\n  in {name}, at the close of {time}");
                let line = format!("{}, in {name}, at the close of {time}", error.in_line());
                Err(StrategyFault { message, line })
            }
        }
    }
}

/// A copy of the slots, on the stack while there are few.
enum SmallSlots {
    Few([Slot; 8]),
    Many(Vec<Slot>),
}

impl SmallSlots {
    fn of(slots: &[Slot]) -> Self {
        if slots.len() <= 8 {
            let mut few = [Slot::Bool(false); 8];
            few[..slots.len()].copy_from_slice(slots);
            SmallSlots::Few(few)
        } else {
            SmallSlots::Many(slots.to_vec())
        }
    }

    fn restore(&self, slots: &mut [Slot]) {
        let kept: &[Slot] = match self {
            SmallSlots::Few(few) => few,
            SmallSlots::Many(many) => many,
        };
        for (slot, kept) in slots.iter_mut().zip(kept) {
            *slot = *kept;
        }
    }
}

impl Strategy for Script {
    #[inline]
    fn on_candle(
        &mut self,
        data: &DataHandler,
        moment: &Moment<'_>,
        intents: &mut Intents,
    ) -> Result<(), StrategyFault> {
        #[cfg(feature = "native")]
        if let Some(native) = &mut self.native
            && native.is_bound(data)
            && native.on_candle(moment, intents)
        {
            return Ok(());
        }
        self.on_candle_slowly(data, moment, intents)
    }

    fn on_fill(
        &mut self,
        data: &DataHandler,
        moment: &Moment<'_>,
        fill: &Fill,
        intents: &mut Intents,
    ) -> Result<(), StrategyFault> {
        if !self.interpreter.has(Handler::OnFill) {
            return Ok(());
        }
        self.bind(data);
        self.state.now.set(Now::new(moment));
        let arguments = [Dynamic::from(Ctx), Dynamic::from(P), Dynamic::from(FillView(*fill))];
        self.transact(Handler::OnFill, arguments, intents)
    }

    fn on_exit(
        &mut self,
        data: &DataHandler,
        moment: &Moment<'_>,
        trade: &Trade,
        intents: &mut Intents,
    ) -> Result<(), StrategyFault> {
        if !self.interpreter.has(Handler::OnExit) {
            return Ok(());
        }
        self.bind(data);
        self.state.now.set(Now::new(moment));
        let arguments = [Dynamic::from(Ctx), Dynamic::from(P), Dynamic::from(TradeView(trade.clone()))];
        self.transact(Handler::OnExit, arguments, intents)
    }

    #[cfg(feature = "native")]
    fn quiet(
        &mut self,
        data: &DataHandler,
        held: Option<Direction>,
        allow_short: bool,
        rows: Range<usize>,
    ) -> usize {
        match &mut self.native {
            Some(native) if native.is_bound(data) => native.quiet(held, allow_short, rows),
            _ => 0,
        }
    }

    fn heeds_peak(&self) -> bool {
        self.mentions_peak
    }

    fn has_fill_handlers(&self) -> bool {
        self.interpreter.has(Handler::OnFill) || self.interpreter.has(Handler::OnExit)
    }

    fn release(&mut self) {
        *self.state.data.borrow_mut() = Default::default();
        #[cfg(feature = "native")]
        if let Some(native) = &mut self.native {
            native.release();
        }
    }
}
