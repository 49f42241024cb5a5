//! `ctx` as it is read: the candle, the past, the position, the account, and what `init` declared.

use super::{Answer, Ctx, Fault, Gives, P, Place, Readable, Registrar, fault, number, type_of};
use crate::model::{Direction, Price, Veto, hour_of, weekday_of};
use crate::script::state::{Entry, Held, Series, Slot, State};
use rhai::{Dynamic, Engine, EvalAltResult, FLOAT, INT, Position};
use std::rc::Rc;

impl Registrar<'_> {
    fn property<T: Readable>(
        &mut self,
        name: &'static str,
        gives: Gives,
        doc: &str,
        read: impl Fn(&State) -> T + 'static,
    ) {
        let read: Rc<dyn Fn(&State) -> T> = Rc::new(read);
        let (state, registered) = (self.state.clone(), read.clone());
        self.engine.register_get(name, move |_: &mut Ctx| registered(&state));
        if let Some(reader) = T::reader(read) {
            self.state.registered.borrow_mut().readers.push((name, reader));
        }
        self.describe(Place::Property, name, &[], gives, doc);
    }

    pub(super) fn data(&mut self) {
        self.engine.register_type_with_name::<Ctx>("ctx");
        self.engine.register_type_with_name::<P>("p");
        let docs = [
            "open of the candle that just closed",
            "high of the candle that just closed",
            "low of the candle that just closed",
            "its close",
            "its volume, in base currency",
            "(high + low) / 2",
            "(high + low + close) / 3",
            "(open + high + low + close) / 4",
        ];
        for (price, doc) in Price::ALL.into_iter().zip(docs) {
            self.property(price.name(), Gives::Series, doc, move |state| state.series(Series::Price(price)));
        }
        let close_time = |state: &State| {
            state.data.borrow().candles.close_time.get(state.now.get().row).copied().unwrap_or(0)
        };
        self.property("time", Gives::Number, "close time of the candle, UTC milliseconds", close_time);
        self.property(
            "hour",
            Gives::Number,
            "hour of the decision (one millisecond after the close), 0 to 23, UTC",
            move |s| hour_of(close_time(s) + 1),
        );
        self.property(
            "weekday",
            Gives::Number,
            "day of the decision, 1 = Monday to 7 = Sunday, UTC",
            move |s| weekday_of(close_time(s) + 1),
        );
        self.property(
            "index",
            Gives::Number,
            "candles since the first one of the run; 0 for that one",
            |s| s.now.get().index as INT,
        );

        let state = self.state.clone();
        self.engine.register_indexer_get(move |value: &mut Dynamic, back: INT| -> Answer<FLOAT> {
            let Some(series) = state.series_of(value) else {
                return Err(fault(
                    "only a series has a history: `ctx.close[1]`, not a number computed from it",
                ));
            };
            let back = usize::try_from(back).map_err(|_| {
                fault(format!("[{back}] would be a candle to come; [1] is one candle ago, [0] this one"))
            })?;
            Ok(state.value(series, back))
        });
    }

    pub(super) fn position(&mut self) {
        let held = |state: &State| state.now.get().held;
        let is = move |direction| move |s: &State| held(s).is_some_and(|held| held.direction == direction);
        self.property("is_flat", Gives::Bool, "whether there is no position", move |s| held(s).is_none());
        self.property("is_long", Gives::Bool, "whether there is a long position", is(Direction::Long));
        self.property("is_short", Gives::Bool, "whether there is a short position", is(Direction::Short));
        self.property(
            "quantity",
            Gives::Number,
            "quantity of the position in base currency, 0 when flat",
            move |s| held(s).map_or(0.0, |held| held.quantity),
        );
        self.property("entry_price", Gives::Number, "price of the entry fill, NaN when flat", move |s| {
            held(s).map_or(f64::NAN, |held| held.entry_price)
        });
        self.property(
            "candles_held",
            Gives::Number,
            "closes since the entry, the entry candle's own included; 0 when flat",
            move |s| held(s).map_or(0, |held| held.candles_held),
        );
        let profit =
            |held: Held, price: f64| held.direction.sign() * (price - held.entry_price) / held.entry_price;
        self.property(
            "profit_pct",
            Gives::Number,
            "profit at the close as a fraction of the entry price (0.02 is 2 %), costs aside; 0 when flat",
            move |s| held(s).map_or(0.0, |held| profit(held, s.value(Series::Price(Price::Close), 0))),
        );
        self.property(
            "peak_profit_pct",
            Gives::Number,
            "the best profit_pct seen at any price since the entry",
            move |s| held(s).map_or(0.0, |held| profit(held, held.protection.peak_price())),
        );
        self.property(
            "stop_price",
            Gives::Number,
            "price at which a stop stands now (fixed or trailing, the tighter); NaN without one",
            move |s| held(s).and_then(|held| held.protection.stop_price()).unwrap_or(f64::NAN),
        );
        self.property(
            "target_price",
            Gives::Number,
            "price at which the target stands now; NaN without one",
            move |s| held(s).and_then(|held| held.protection.target_price()).unwrap_or(f64::NAN),
        );
        self.property("allow_short", Gives::Bool, "whether this run may go short", |s| {
            s.now.get().allow_short
        });
        self.property(
            "equity",
            Gives::Number,
            "cash plus the position marked at the close, quote currency",
            |s| s.now.get().equity,
        );
        self.property("cash", Gives::Number, "quote currency not in the position", |s| s.now.get().cash);
        self.property(
            "filters_pass",
            Gives::Bool,
            "whether no filter, cool-down or risk limit would veto an entry now",
            |s| s.now.get().standing.first().is_none(),
        );
        self.property(
            "atr_filter_pass",
            Gives::Bool,
            "whether the ATR filter would let an entry pass",
            |s| !s.now.get().standing.contains(Veto::AtrFilter),
        );
        self.property(
            "hours_pass",
            Gives::Bool,
            "whether the seasonality filter would let an entry pass",
            |s| !s.now.get().standing.contains(Veto::SeasonalityFilter),
        );
    }
}

/// What the language says of a property that is not there: whether the script declared it before, with other
/// parameters, must make no difference.
fn unknown_property(name: &str) -> Fault {
    let text = format!("Unknown property '{name}' - a getter is not registered for type 'ctx'");
    Box::new(EvalAltResult::ErrorDotExpr(text, Position::NONE))
}

/// Registers the getter (and, for slots, the setter) of a name that `init` declared.
pub(in crate::script) fn register_entry(engine: &mut Engine, state: &Rc<State>, name: &str, index: usize) {
    let read = state.clone();
    let called = name.to_owned();
    engine.register_get(name, move |_: &mut Ctx| -> Answer<Dynamic> {
        read.read(index).ok_or_else(|| unknown_property(&called))
    });
    let write = state.clone();
    let owned = name.to_owned();
    engine.register_set(name, move |_: &mut Ctx, value: Dynamic| -> Answer<()> {
        let Entry::Slot(slot) = write.entries.borrow()[index] else {
            return Err(fault(format!("`ctx.{owned}` is a series: it cannot be assigned")));
        };
        let mut slots = write.slots.borrow_mut();
        let wrong = |kind: &str| {
            Err(fault(format!(
                "state `{owned}` is {kind}, as init declares it; {} given",
                type_of(value.type_name())
            )))
        };
        slots[slot] = match slots[slot] {
            Slot::Int(_) => match value.as_int() {
                Ok(value) => Slot::Int(value),
                Err(_) => return wrong("a whole number"),
            },
            Slot::Float(_) => match number(&value, "") {
                Ok(value) => Slot::Float(value),
                Err(_) => return wrong("a number"),
            },
            Slot::Bool(_) => match value.as_bool() {
                Ok(value) => Slot::Bool(value),
                Err(_) => return wrong("true or false"),
            },
        };
        Ok(())
    });
}
