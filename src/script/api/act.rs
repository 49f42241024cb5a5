//! `ctx` as it acts: what a script may ask for.

use super::{Act, Answer, Ctx, Gives, Place, Registrar, fault, finite, number};
use crate::engine::{EntryWish, Intents};
use crate::model::{Direction, Size};
use crate::script::host::NOTES_MAX;
use crate::script::state::{Phase, State};
use rhai::{Dynamic, ImmutableString};
use std::rc::Rc;
use std::sync::Arc;

impl Registrar<'_> {
    /// Registers `ctx.name(argument)`, which writes into the intents of this call.
    fn action<A: rhai::Variant + Clone>(
        &mut self,
        name: &'static str,
        argument: &'static str,
        doc: &str,
        in_handlers: bool,
        write: impl Fn(&State, &mut Intents, A) -> Answer<()> + 'static,
    ) {
        let run = Rc::new(move |state: &State, value: A| -> Answer<()> {
            allowed(state, name, in_handlers)?;
            let mut intents = state.intents.borrow_mut();
            intents.touched = true;
            write(state, &mut intents, value)
        });
        let (state, registered) = (self.state.clone(), run.clone());
        self.engine.register_fn(name, move |_: &mut Ctx, value: A| registered(&state, value));
        let act = move |state: &State, arguments: &mut [Dynamic]| {
            let value = arguments.first_mut().map(Dynamic::take).and_then(Dynamic::try_cast::<A>);
            run(state, value.ok_or_else(|| fault("another type is wanted"))?)
        };
        self.keep(name, Act::Values(Rc::new(act)));
        self.describe(Place::Action, name, &[argument], Gives::Nothing, doc);
    }

    /// Registers `ctx.name(reason)` and `ctx.name()`: what is asked for at a close.
    fn decision(&mut self, name: &'static str, doc: &str, write: impl Fn(&mut Intents, Arc<str>) + 'static) {
        let run = Rc::new(move |state: &State, reason: Arc<str>| -> Answer<()> {
            allowed(state, name, false)?;
            let mut intents = state.intents.borrow_mut();
            intents.touched = true;
            write(&mut intents, reason);
            Ok(())
        });
        let (state, registered) = (self.state.clone(), run.clone());
        self.engine.register_fn(name, move |_: &mut Ctx, reason: ImmutableString| {
            registered(&state, state.note(&reason))
        });
        let (state, registered) = (self.state.clone(), run.clone());
        self.engine.register_fn(name, move |_: &mut Ctx| registered(&state, state.note("")));
        self.keep(name, Act::Decision(run));
        self.describe(Place::Action, name, &["reason?"], Gives::Nothing, doc);
    }

    /// Keeps an action for those who have no Rhai values at hand.
    fn keep(&mut self, name: &'static str, act: Act) {
        self.state.registered.borrow_mut().acts.push((name, act));
    }

    pub(super) fn actions(&mut self) {
        let entry = |direction| {
            move |intents: &mut Intents, note| intents.entry = Some(EntryWish { direction, note })
        };
        let doc = "asks to open a long position at the next open; in a short one, to reverse";
        self.decision("enter_long", doc, entry(Direction::Long));
        let doc = "asks to open a short position at the next open; in a long one, to reverse";
        self.decision("enter_short", doc, entry(Direction::Short));
        let doc = "asks to close the position at the next open";
        self.decision("exit", doc, |intents, note| intents.exit = Some(note));

        let size = |name: &'static str, make: fn(f64) -> Size| {
            move |_: &State, intents: &mut Intents, value: Dynamic| {
                let value = finite(&value, name)?;
                if value < 0.0 {
                    return Err(fault(format!("{name} must not be negative, {value} given")));
                }
                intents.size = Some(make(value));
                Ok(())
            }
        };
        self.action(
            "size_units",
            "quantity",
            "size of this entry: a quantity of base currency",
            false,
            size("size_units", Size::Units),
        );
        self.action(
            "size_quote",
            "amount",
            "size of this entry: an amount of quote currency",
            false,
            size("size_quote", Size::Quote),
        );
        self.action(
            "size_equity_pct",
            "percent",
            "size of this entry: percent of equity (95 is 95 %)",
            false,
            size("size_equity_pct", Size::EquityPct),
        );
        self.action(
            "size_risk_pct",
            "percent",
            "size of this entry: percent of equity lost if the tighter fixed stop is hit",
            false,
            size("size_risk_pct", Size::RiskPct),
        );

        self.action(
            "stop_at",
            "price",
            "sets the stop at a price: with an entry it travels along, later it moves the live one",
            true,
            |_, intents, value: Dynamic| {
                intents.levels.stop_price = Some(finite(&value, "stop_at")?);
                Ok(())
            },
        );
        self.action(
            "target_at",
            "price",
            "sets the target at a price",
            true,
            |_, intents, value: Dynamic| {
                intents.levels.target_price = Some(finite(&value, "target_at")?);
                Ok(())
            },
        );
        let fraction = |value: &Dynamic, name: &str, below: f64| {
            let value = finite(value, name)?;
            if (0.0..below).contains(&value) {
                return Ok(value);
            }
            let range = if below.is_finite() { "0 to below 1" } else { "0 up" };
            Err(fault(format!("{name} takes a fraction from {range} (0.02 is 2 %), {value} given")))
        };
        self.action(
            "stop_pct",
            "fraction",
            "sets a stop this far from the entry price (0.02 is 2 %; 0 takes it away)",
            true,
            move |_, intents, value: Dynamic| {
                intents.levels.stop_pct = Some(fraction(&value, "stop_pct", 1.0)?);
                Ok(())
            },
        );
        self.action(
            "target_pct",
            "fraction",
            "sets a target this far from the entry price",
            true,
            move |_, intents, value: Dynamic| {
                intents.levels.target_pct = Some(fraction(&value, "target_pct", f64::INFINITY)?);
                Ok(())
            },
        );
        self.action(
            "trail_pct",
            "fraction",
            "lets a stop follow the best price at this distance",
            true,
            move |_, intents, value: Dynamic| {
                intents.levels.trail_pct = Some(fraction(&value, "trail_pct", 1.0)?);
                Ok(())
            },
        );
        self.action(
            "break_even_after",
            "fraction",
            "moves the stop to the entry price once the profit reached this fraction",
            true,
            move |_, intents, value: Dynamic| {
                intents.levels.break_even_pct = Some(fraction(&value, "break_even_after", f64::INFINITY)?);
                Ok(())
            },
        );
        self.action(
            "log",
            "text",
            "writes a line into the run's log and report",
            true,
            |_, intents, value: Dynamic| {
                room_for(intents.logs.len(), "log lines")?;
                intents.logs.push(value.to_string().chars().take(LINE_MAX).collect());
                Ok(())
            },
        );
        let state = self.state.clone();
        self.engine.register_fn("plot", move |_: &mut Ctx, name: ImmutableString, value: Dynamic| {
            plot(&state, &name, &value)
        });
        let act = |state: &State, arguments: &mut [Dynamic]| match arguments {
            [name, value] => {
                let name = name.take().into_immutable_string().map_err(fault)?;
                plot(state, &name, value)
            }
            _ => Err(fault("plot takes a name and a value")),
        };
        self.keep("plot", Act::Values(Rc::new(act)));
        self.describe(
            Place::Action,
            "plot",
            &["name", "value"],
            Gives::Nothing,
            "draws a value in the report, as a line of that name",
        );
    }
}

fn plot(state: &State, name: &str, value: &Dynamic) -> Answer<()> {
    let value = number(value, "plot")?;
    room_for(state.intents.borrow().plots.len(), "plotted values")?;
    let mut plots = state.plots.borrow_mut();
    if plots.len() >= NOTES_MAX && !plots.iter().any(|plot| plot == name) {
        return Err(fault(format!("ctx.plot: more than {NOTES_MAX} names are in use")));
    }
    let index = plots.iter().position(|plot| plot == name).unwrap_or_else(|| {
        plots.push(name.to_owned());
        plots.len() - 1
    });
    let mut intents = state.intents.borrow_mut();
    intents.touched = true;
    intents.plots.push((index, value));
    Ok(())
}

/// Characters of a log line; the rest is cut off.
const LINE_MAX: usize = 1_000;

fn room_for(taken: usize, what: &str) -> Answer<()> {
    if taken < NOTES_MAX {
        return Ok(());
    }
    Err(fault(format!("more than {NOTES_MAX} {what} in one call")))
}

fn allowed(state: &State, name: &str, in_handlers: bool) -> Answer<()> {
    match state.phase.get() {
        Phase::Candle => Ok(()),
        Phase::Handler if in_handlers => Ok(()),
        _ => Err(fault(format!("ctx.{name} works in on_candle only: decide there, at the close"))),
    }
}
