//! The API that scripts see: everything registered with `rhai::Engine`, each item described where it is
//! registered. `mista api` prints these descriptions; the linter's vocabulary is made of them.

use super::parameters::{Kind, Value};
use super::state::{Phase, Series, Slot, State};
use crate::engine::{EntryWish, Intents};
use crate::indicators::{Definition, Given, REGISTRY, Source, Spec};
use crate::model::{Direction, Fill, FillReason, Price, Side, Size, Trade, Veto, hour_of, weekday_of};
use rhai::{Array, Dynamic, Engine, EvalAltResult, FLOAT, INT, ImmutableString, Module, Position};
use std::rc::Rc;
use std::sync::Arc;

/// The first argument of the handlers. All it stands for is in [`State`].
#[derive(Debug, Clone, Copy)]
pub(super) struct Ctx;

/// The `p` of the handlers; its values are in the getters' shared table.
#[derive(Debug, Clone, Copy)]
pub(super) struct P;

/// What `init` puts into its map: a series, or an indicator with several of them.
#[derive(Debug, Clone)]
pub(super) enum Declared {
    Source(Source),
    Multi(Arc<Spec>),
}

/// What `params` puts into its map.
#[derive(Debug, Clone)]
pub(super) struct DeclaredParameter {
    pub kind: Kind,
    pub default: Value,
}

#[derive(Debug, Clone)]
pub(super) struct FillView(pub Fill);

#[derive(Debug, Clone)]
pub(super) struct TradeView(pub Trade);

/// Where an item can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// A series for indicators, in `init(p)`.
    Constant,
    /// In `params()`.
    Params,
    /// In `init(p)`.
    Init,
    /// Anywhere.
    Anywhere,
    /// `ctx.name`, read.
    Property,
    /// `ctx.name(..)`.
    Action,
    /// `fill.name` in `on_fill`.
    Fill,
    /// `trade.name` in `on_exit`.
    Trade,
}

/// What reading an item gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gives {
    Nothing,
    Number,
    Bool,
    Text,
    Series,
}

/// One registered item.
#[derive(Debug, Clone)]
pub struct Item {
    pub place: Place,
    pub name: String,
    /// Names of the arguments; a `?` at the end marks one that may be left out.
    pub arguments: Vec<&'static str>,
    pub gives: Gives,
    pub doc: String,
}

impl Item {
    /// `name(a, b)`, or the bare name of what takes no arguments.
    pub fn signature(&self) -> String {
        match (self.place, self.arguments.as_slice()) {
            (Place::Constant | Place::Property | Place::Fill | Place::Trade, _) => self.name.clone(),
            (_, arguments) => format!("{}({})", self.name, arguments.join(", ")),
        }
    }
}

type Fault = Box<EvalAltResult>;
type Answer<T> = Result<T, Fault>;

pub(super) fn fault(message: impl Into<String>) -> Fault {
    Box::new(EvalAltResult::ErrorRuntime(Dynamic::from(message.into()), Position::NONE))
}

/// A number from a script: a float or a whole number.
fn number(value: &Dynamic, what: &str) -> Answer<f64> {
    if let Ok(value) = value.as_float() {
        return Ok(value);
    }
    value
        .as_int()
        .map(|value| value as f64)
        .map_err(|kind| fault(format!("{what} must be a number, {} given", type_of(kind))))
}

fn finite(value: &Dynamic, what: &str) -> Answer<f64> {
    let value = number(value, what)?;
    if value.is_finite() {
        Ok(value)
    } else {
        Err(fault(format!("{what} must be a finite number, {value} given")))
    }
}

/// A Rhai type name in an author's words.
fn type_of(name: &str) -> &str {
    match name {
        "()" => "nothing",
        "i64" | "f64" => "a number",
        "bool" => "true or false",
        "string" => "a text",
        other => other,
    }
}

/// Registers items and keeps their descriptions.
pub(super) struct Registrar<'a> {
    pub engine: &'a mut Engine,
    pub state: Rc<State>,
    pub items: Vec<Item>,
}

impl Registrar<'_> {
    fn describe(
        &mut self,
        place: Place,
        name: &str,
        arguments: &[&'static str],
        gives: Gives,
        doc: impl Into<String>,
    ) {
        let doc = doc.into();
        self.items.push(Item { place, name: name.to_owned(), arguments: arguments.to_vec(), gives, doc });
    }

    /// Registers everything.
    pub fn all(&mut self) {
        self.comparisons();
        self.constants();
        self.parameter_kinds();
        self.indicators();
        self.data();
        self.position();
        self.actions();
        self.series_functions();
        self.math();
        self.fills();
    }

    /// Floats compare as IEEE 754 says; Rhai's own operators compare with an epsilon.
    fn comparisons(&mut self) {
        macro_rules! compare {
            ($($name:literal $op:tt),+) => {$(
                self.engine.register_fn($name, |a: FLOAT, b: FLOAT| a $op b);
                self.engine.register_fn($name, |a: INT, b: FLOAT| (a as FLOAT) $op b);
                self.engine.register_fn($name, |a: FLOAT, b: INT| a $op (b as FLOAT));
            )+};
        }
        compare!("<" <, "<=" <=, ">" >, ">=" >=, "==" ==, "!=" !=);
        // Left alone, Rhai calls any two values of different kinds unequal and unordered: a mistake that
        // would only show as a strategy that never trades.
        macro_rules! same_kind {
            ($($name:literal $op:tt),+) => {$(
                self.engine.register_fn($name, |a: INT, b: INT| a $op b);
                self.engine.register_fn($name, |a: ImmutableString, b: ImmutableString| a $op b);
                self.engine.register_fn($name, |a: char, b: char| a $op b);
                self.engine.register_fn($name, |a: Dynamic, b: Dynamic| -> Answer<bool> {
                    unlike(&a, &b, $name)
                });
            )+};
        }
        same_kind!("<" <, "<=" <=, ">" >, ">=" >=, "==" ==, "!=" !=);
        self.engine.register_fn("==", |a: bool, b: bool| a == b);
        self.engine.register_fn("!=", |a: bool, b: bool| a != b);
    }

    fn constants(&mut self) {
        let mut module = Module::new();
        for price in Price::ALL {
            module.set_var(price.name(), Declared::Source(Source::Price(price)));
            self.describe(
                Place::Constant,
                price.name(),
                &[],
                Gives::Series,
                format!("the candle's {} as an indicator's source", price.name()),
            );
        }
        self.engine.register_global_module(module.into());
    }

    fn parameter_kinds(&mut self) {
        let engine = &mut *self.engine;
        engine.register_type_with_name::<DeclaredParameter>("parameter");
        engine.register_fn("int", |default: INT, least: INT, most: INT| {
            let kind = Kind::Int { least, most };
            declared_parameter(kind, Value::Int(default), least <= most)
        });
        engine.register_fn("float", |default: Dynamic, least: Dynamic, most: Dynamic| {
            let (least, most) = (finite(&least, "the least value")?, finite(&most, "the most")?);
            let default = Value::Float(finite(&default, "the default")?);
            declared_parameter(Kind::Float { least, most }, default, least <= most)
        });
        engine
            .register_fn("flag", |default: bool| declared_parameter(Kind::Flag, Value::Bool(default), true));
        engine.register_fn("choice", |default: Dynamic, options: Array| {
            let options = options.iter().map(plain_value).collect::<Option<Vec<_>>>();
            match (plain_value(&default), options) {
                (Some(default), Some(options)) if !options.is_empty() => {
                    declared_parameter(Kind::Choice(options), default, true)
                }
                _ => Err(fault("choice(default, [..]) takes texts, numbers or flags")),
            }
        });
        let rows: [(&str, &[&'static str], &str); 4] = [
            ("int", &["default", "least", "most"], "a whole number an author or the optimizer may tune"),
            ("float", &["default", "least", "most"], "a number an author or the optimizer may tune"),
            ("flag", &["default"], "true or false"),
            (
                "choice",
                &["default", "options"],
                "one of some texts, numbers or flags: choice(\"sma\", [\"sma\", \"ema\"])",
            ),
        ];
        for (name, arguments, doc) in rows {
            self.describe(Place::Params, name, arguments, Gives::Nothing, doc);
        }
    }

    fn indicators(&mut self) {
        self.engine.register_type_with_name::<Declared>("indicator");
        for definition in REGISTRY {
            self.indicator(definition);
            let arguments: Vec<&'static str> =
                (0..definition.parameters.len()).map(|index| definition.parameter_name(index)).collect();
            let fields = match definition.fields {
                [_] => String::new(),
                fields => format!("; fields {}", fields.join(", ")),
            };
            let doc = format!("{}{fields}", definition.summary);
            self.describe(Place::Init, definition.name, &arguments, Gives::Series, doc);
        }
        let mut fields: Vec<&'static str> = REGISTRY.iter().flat_map(|d| d.fields).copied().collect();
        fields.sort_unstable();
        fields.dedup();
        for field in fields {
            self.engine.register_get(field, move |declared: &mut Declared| declared_field(declared, field));
            let state = self.state.clone();
            self.engine.register_get(field, move |value: &mut Dynamic| {
                state.field(value, field).ok_or_else(|| fault(format!("there is no field `{field}` here")))
            });
        }
    }

    fn indicator(&mut self, definition: &'static Definition) {
        // One closure per arity: Rhai knows functions by name and number of arguments.
        let build = move |given: &[Dynamic]| -> Answer<Declared> {
            let given = given.iter().map(given_of).collect();
            let spec = Spec::new(definition, given).map_err(|error| fault(error.to_string()))?;
            let spec = Arc::new(spec);
            Ok(match definition.fields {
                [_] => Declared::Source(Source::Output { spec, field: 0 }),
                _ => Declared::Multi(spec),
            })
        };
        let name = definition.name;
        let engine = &mut *self.engine;
        engine.register_fn(name, move || build(&[]));
        engine.register_fn(name, move |a: Dynamic| build(&[a]));
        engine.register_fn(name, move |a: Dynamic, b: Dynamic| build(&[a, b]));
        engine.register_fn(name, move |a: Dynamic, b: Dynamic, c: Dynamic| build(&[a, b, c]));
        engine.register_fn(name, move |a: Dynamic, b: Dynamic, c: Dynamic, d: Dynamic| build(&[a, b, c, d]));
    }

    fn property<T: rhai::Variant + Clone>(
        &mut self,
        name: &'static str,
        gives: Gives,
        doc: &str,
        read: impl Fn(&State) -> T + 'static,
    ) {
        let state = self.state.clone();
        self.engine.register_get(name, move |_: &mut Ctx| read(&state));
        self.describe(Place::Property, name, &[], gives, doc);
    }

    fn data(&mut self) {
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

    fn position(&mut self) {
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
        let profit = |held: super::state::Held, price: f64| {
            held.direction.sign() * (price - held.entry_price) / held.entry_price
        };
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

    /// Registers `ctx.name(argument)`, which writes into the intents of this call.
    fn action<A: rhai::Variant + Clone>(
        &mut self,
        name: &'static str,
        argument: &'static str,
        doc: &str,
        in_handlers: bool,
        write: impl Fn(&mut Intents, A) -> Answer<()> + 'static,
    ) {
        let state = self.state.clone();
        self.engine.register_fn(name, move |_: &mut Ctx, value: A| -> Answer<()> {
            allowed(&state, name, in_handlers)?;
            let mut intents = state.intents.borrow_mut();
            intents.touched = true;
            write(&mut intents, value)
        });
        self.describe(Place::Action, name, &[argument], Gives::Nothing, doc);
    }

    /// The same without its text.
    fn silent_action(&mut self, name: &'static str, write: impl Fn(&mut Intents) + 'static) {
        let state = self.state.clone();
        self.engine.register_fn(name, move |_: &mut Ctx| -> Answer<()> {
            allowed(&state, name, false)?;
            let mut intents = state.intents.borrow_mut();
            intents.touched = true;
            write(&mut intents);
            Ok(())
        });
    }

    fn actions(&mut self) {
        let entry = |direction| {
            move |intents: &mut Intents, note: ImmutableString| {
                intents.entry = Some(EntryWish { direction, note: Arc::from(note.as_str()) });
                Ok(())
            }
        };
        let silent = |direction| {
            move |intents: &mut Intents| intents.entry = Some(EntryWish { direction, note: Arc::from("") })
        };
        let doc = "asks to open a long position at the next open; in a short one, to reverse";
        self.action("enter_long", "reason?", doc, false, entry(Direction::Long));
        self.silent_action("enter_long", silent(Direction::Long));
        let doc = "asks to open a short position at the next open; in a long one, to reverse";
        self.action("enter_short", "reason?", doc, false, entry(Direction::Short));
        self.silent_action("enter_short", silent(Direction::Short));
        let doc = "asks to close the position at the next open";
        self.action("exit", "reason?", doc, false, |intents, note: ImmutableString| {
            intents.exit = Some(Arc::from(note.as_str()));
            Ok(())
        });
        self.silent_action("exit", |intents| intents.exit = Some(Arc::from("")));

        let size = |name: &'static str, make: fn(f64) -> Size| {
            move |intents: &mut Intents, value: Dynamic| {
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
            |intents, value: Dynamic| {
                intents.levels.stop_price = Some(finite(&value, "stop_at")?);
                Ok(())
            },
        );
        self.action("target_at", "price", "sets the target at a price", true, |intents, value: Dynamic| {
            intents.levels.target_price = Some(finite(&value, "target_at")?);
            Ok(())
        });
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
            move |intents, value: Dynamic| {
                intents.levels.stop_pct = Some(fraction(&value, "stop_pct", 1.0)?);
                Ok(())
            },
        );
        self.action(
            "target_pct",
            "fraction",
            "sets a target this far from the entry price",
            true,
            move |intents, value: Dynamic| {
                intents.levels.target_pct = Some(fraction(&value, "target_pct", f64::INFINITY)?);
                Ok(())
            },
        );
        self.action(
            "trail_pct",
            "fraction",
            "lets a stop follow the best price at this distance",
            true,
            move |intents, value: Dynamic| {
                intents.levels.trail_pct = Some(fraction(&value, "trail_pct", 1.0)?);
                Ok(())
            },
        );
        self.action(
            "break_even_after",
            "fraction",
            "moves the stop to the entry price once the profit reached this fraction",
            true,
            move |intents, value: Dynamic| {
                intents.levels.break_even_pct = Some(fraction(&value, "break_even_after", f64::INFINITY)?);
                Ok(())
            },
        );
        self.action(
            "log",
            "text",
            "writes a line into the run's log and report",
            true,
            |intents, value: Dynamic| {
                intents.logs.push(value.to_string());
                Ok(())
            },
        );
        let state = self.state.clone();
        self.engine.register_fn(
            "plot",
            move |_: &mut Ctx, name: ImmutableString, value: Dynamic| -> Answer<()> {
                let value = number(&value, "plot")?;
                let mut plots = state.plots.borrow_mut();
                let index = plots.iter().position(|plot| *plot == name.as_str()).unwrap_or_else(|| {
                    plots.push(name.to_string());
                    plots.len() - 1
                });
                let mut intents = state.intents.borrow_mut();
                intents.touched = true;
                intents.plots.push((index, value));
                Ok(())
            },
        );
        self.describe(
            Place::Action,
            "plot",
            &["name", "value"],
            Gives::Nothing,
            "draws a value in the report, as a line of that name",
        );
    }

    fn series_functions(&mut self) {
        let crossed = |state: &Rc<State>, above: bool| {
            let state = state.clone();
            move |a: Dynamic, b: Dynamic| -> Answer<bool> {
                let (a0, a1) = pair(&state, &a)?;
                let (b0, b1) = pair(&state, &b)?;
                Ok(if above { a1 <= b1 && a0 > b0 } else { a1 >= b1 && a0 < b0 })
            }
        };
        self.engine.register_fn("crossed_above", crossed(&self.state, true));
        self.engine.register_fn("crossed_below", crossed(&self.state, false));
        let steady = |state: &Rc<State>, up: bool| {
            let state = state.clone();
            move |value: Dynamic, candles: INT| -> Answer<bool> {
                let series = state
                    .series_of(&value)
                    .ok_or_else(|| fault("rising and falling take a series such as ctx.close"))?;
                let candles = usize::try_from(candles).ok().filter(|n| *n > 0).ok_or_else(|| {
                    fault(format!("the number of candles must be at least 1, {candles} given"))
                })?;
                Ok((0..candles).all(|back| {
                    let (now, before) = (state.value(series, back), state.value(series, back + 1));
                    if up { now > before } else { now < before }
                }))
            }
        };
        self.engine.register_fn("rising", steady(&self.state, true));
        self.engine.register_fn("falling", steady(&self.state, false));
        let rows: [(&str, &[&'static str], &str); 4] = [
            (
                "crossed_above",
                &["a", "b"],
                "whether a was at or below b one candle ago and is above it now; a and b are series or numbers",
            ),
            ("crossed_below", &["a", "b"], "whether a was at or above b one candle ago and is below it now"),
            ("rising", &["s", "n"], "whether series s rose on each of the last n candles"),
            ("falling", &["s", "n"], "whether series s fell on each of the last n candles"),
        ];
        for (name, arguments, doc) in rows {
            self.describe(Place::Anywhere, name, arguments, Gives::Bool, doc);
        }
    }

    fn math(&mut self) {
        let engine = &mut *self.engine;
        engine.register_fn("min", |a: INT, b: INT| a.min(b));
        engine.register_fn("max", |a: INT, b: INT| a.max(b));
        macro_rules! extreme {
            ($name:literal, $keep:expr) => {{
                // NaN wins: a missing value must not look like a small or a large one.
                let pick: fn(FLOAT, FLOAT) -> FLOAT =
                    |a, b| if a.is_nan() || b.is_nan() { FLOAT::NAN } else { $keep(a, b) };
                engine.register_fn($name, move |a: FLOAT, b: FLOAT| pick(a, b));
                engine.register_fn($name, move |a: INT, b: FLOAT| pick(a as FLOAT, b));
                engine.register_fn($name, move |a: FLOAT, b: INT| pick(a, b as FLOAT));
            }};
        }
        extreme!("min", FLOAT::min);
        extreme!("max", FLOAT::max);
        engine.register_fn("abs", |a: FLOAT| a.abs());
        engine.register_fn("abs", |a: INT| {
            a.checked_abs().ok_or_else(|| fault("integer overflow: the absolute value of the least integer"))
        });
        macro_rules! unary {
            ($($name:literal $call:expr),+) => {$(
                engine.register_fn($name, |a: FLOAT| -> FLOAT { $call(a) });
                engine.register_fn($name, |a: INT| -> FLOAT { $call(a as FLOAT) });
            )+};
        }
        unary!("sqrt" FLOAT::sqrt, "floor" FLOAT::floor, "ceil" FLOAT::ceil, "round" FLOAT::round,
               "ln" FLOAT::ln, "exp" FLOAT::exp);
        engine.register_fn("is_nan", |a: FLOAT| a.is_nan());
        engine.register_fn("is_nan", |_: INT| false);

        engine.register_fn("stop_price_pct", |price: Dynamic, pct: Dynamic| -> Answer<FLOAT> {
            Ok(number(&price, "price")? * (1.0 - number(&pct, "pct")?))
        });
        engine.register_fn(
            "stop_price_atr",
            |price: Dynamic, atr: Dynamic, mult: Dynamic| -> Answer<FLOAT> {
                Ok(number(&price, "price")? - number(&mult, "mult")? * number(&atr, "atr")?)
            },
        );
        engine.register_fn("take_profit_pct", |price: Dynamic, pct: Dynamic| -> Answer<FLOAT> {
            Ok(number(&price, "price")? * (1.0 + number(&pct, "pct")?))
        });
        engine.register_fn("risk_reward", |entry: Dynamic, stop: Dynamic, ratio: Dynamic| -> Answer<FLOAT> {
            let (entry, stop) = (number(&entry, "entry")?, number(&stop, "stop")?);
            Ok(entry + number(&ratio, "ratio")? * (entry - stop))
        });
        let rows: [(&str, &[&'static str], &str); 14] = [
            ("min", &["a", "b"], "the smaller of two numbers; NaN if either is"),
            ("max", &["a", "b"], "the larger of two numbers; NaN if either is"),
            ("abs", &["x"], "absolute value"),
            ("sqrt", &["x"], "square root; NaN below 0"),
            ("floor", &["x"], "largest whole number at or below x, as a float"),
            ("ceil", &["x"], "smallest whole number at or above x, as a float"),
            ("round", &["x"], "nearest whole number, halves away from 0, as a float"),
            ("ln", &["x"], "natural logarithm"),
            ("exp", &["x"], "e to the power of x"),
            ("is_nan", &["x"], "whether x is not a number, as a read before the first candle gives"),
            ("stop_price_pct", &["price", "pct"], "price × (1 − pct); a negative pct gives a short's stop"),
            (
                "stop_price_atr",
                &["price", "atr", "mult"],
                "price − mult × atr; a negative mult gives a short's stop",
            ),
            (
                "take_profit_pct",
                &["price", "pct"],
                "price × (1 + pct); a negative pct gives a short's target",
            ),
            (
                "risk_reward",
                &["entry", "stop", "ratio"],
                "the target `ratio` times as far from the entry as the stop is, on the other side",
            ),
        ];
        for (name, arguments, doc) in rows {
            let gives = if name == "is_nan" { Gives::Bool } else { Gives::Number };
            self.describe(Place::Anywhere, name, arguments, gives, doc);
        }
    }

    fn fills(&mut self) {
        macro_rules! view {
            ($view:ident, $place:expr, $($name:literal $gives:ident $doc:literal $read:expr),+ $(,)?) => {$(
                self.engine.register_get($name, |view: &mut $view| $read(&view.0));
                self.describe($place, $name, &[], Gives::$gives, $doc);
            )+};
        }
        self.engine.register_type_with_name::<FillView>("fill");
        self.engine.register_type_with_name::<TradeView>("trade");
        view!(FillView, Place::Fill,
            "price" Number "price paid or received, slippage included" |fill: &Fill| fill.price,
            "quantity" Number "base currency" |fill: &Fill| fill.quantity,
            "commission" Number "quote currency" |fill: &Fill| fill.commission,
            "time" Number "open time of the candle in which it happened, UTC milliseconds" |fill: &Fill| fill.time,
            "is_buy" Bool "whether it was a buy" |fill: &Fill| fill.side == Side::Buy,
            "is_entry" Bool "whether it opened a position" |fill: &Fill| matches!(fill.reason, FillReason::Entry(_)),
            "reason" Text "signal, reverse, stop_loss, take_profit, trailing_stop, time_stop or max_loss" |fill: &Fill| {
                ImmutableString::from(match fill.reason {
                    FillReason::Entry(reason) => reason.name(),
                    FillReason::Exit(reason) => reason.name(),
                })
            },
        );
        view!(TradeView, Place::Trade,
            "is_long" Bool "whether it was a long position" |trade: &Trade| trade.direction == Direction::Long,
            "quantity" Number "base currency" |trade: &Trade| trade.quantity,
            "entry_price" Number "price of the entry fill" |trade: &Trade| trade.entry_price,
            "exit_price" Number "price of the exit fill" |trade: &Trade| trade.exit_price,
            "pnl" Number "net of both commissions, quote currency" |trade: &Trade| trade.pnl,
            "pnl_pct" Number "net PnL in percent of the entry notional" |trade: &Trade| trade.pnl_pct,
            "commission" Number "both sides, quote currency" |trade: &Trade| trade.commission,
            "candles_held" Number "index of the exit candle − index of the entry candle" |trade: &Trade| INT::from(trade.candles_held),
            "entry_time" Number "open time of the entry's candle, UTC milliseconds" |trade: &Trade| trade.entry_time,
            "exit_time" Number "open time of the exit's candle, UTC milliseconds" |trade: &Trade| trade.exit_time,
            "entry_reason" Text "signal or reverse" |trade: &Trade| ImmutableString::from(trade.entry_reason.name()),
            "exit_reason" Text "signal, reverse, stop_loss, take_profit, trailing_stop, time_stop or max_loss" |trade: &Trade| ImmutableString::from(trade.exit_reason.name()),
        );
    }
}

fn allowed(state: &State, name: &str, in_handlers: bool) -> Answer<()> {
    match state.phase.get() {
        Phase::Candle => Ok(()),
        Phase::Handler if in_handlers => Ok(()),
        _ => Err(fault(format!("ctx.{name} works in on_candle only: decide there, at the close"))),
    }
}

/// Compares values for which no comparison is registered: only with nothing (`x == ()`) is there an answer.
fn unlike(a: &Dynamic, b: &Dynamic, operator: &str) -> Answer<bool> {
    let nothing = |value: &Dynamic| value.is_unit() && value.tag() == 0;
    if matches!(operator, "==" | "!=") && (nothing(a) || nothing(b)) {
        return Ok((nothing(a) && nothing(b)) == (operator == "=="));
    }
    let kind = |value: &Dynamic| match value.type_name() {
        "()" if value.tag() != 0 => "a multi-output indicator (name one of its fields)".to_owned(),
        "()" => "nothing".to_owned(),
        name => type_of(name).to_owned(),
    };
    Err(fault(format!("`{operator}` cannot compare {} with {}", kind(a), kind(b))))
}

/// A value now and one candle ago; a plain number is the same in both.
fn pair(state: &State, value: &Dynamic) -> Answer<(f64, f64)> {
    match state.series_of(value) {
        Some(series) => Ok((state.value(series, 0), state.value(series, 1))),
        None => number(value, "crossed_above and crossed_below: each side").map(|value| (value, value)),
    }
}

fn declared_parameter(kind: Kind, default: Value, ordered: bool) -> Answer<DeclaredParameter> {
    if !ordered {
        return Err(fault("the least value is above the most: write name(default, least, most)"));
    }
    let checked = kind.check(&super::parameters::Written::Value(default.clone()));
    match checked {
        Some(default) => Ok(DeclaredParameter { kind, default }),
        None => Err(fault(format!("the default {default} is not {kind}"))),
    }
}

/// A text, number or flag.
pub(super) fn plain_value(value: &Dynamic) -> Option<Value> {
    if let Ok(value) = value.as_int() {
        return Some(Value::Int(value));
    }
    if let Ok(value) = value.as_float() {
        return Some(Value::Float(value));
    }
    if let Ok(value) = value.as_bool() {
        return Some(Value::Bool(value));
    }
    value.clone().into_string().ok().map(Value::Text)
}

fn given_of(value: &Dynamic) -> Given {
    if let Ok(value) = value.as_int() {
        return Given::Integer(value);
    }
    if let Ok(value) = value.as_float() {
        return Given::Real(value);
    }
    match value.read_lock::<Declared>().as_deref() {
        Some(Declared::Source(source)) => Given::Source(source.clone()),
        Some(Declared::Multi(spec)) => {
            Given::Other(format!("`{spec}` (name one of its fields: {})", spec.definition.fields.join(", ")))
        }
        None => Given::Other(type_of(value.type_name()).to_owned()),
    }
}

fn declared_field(declared: &mut Declared, name: &str) -> Answer<Declared> {
    let spec = match declared {
        Declared::Multi(spec) => spec.clone(),
        Declared::Source(Source::Output { spec, .. }) => spec.clone(),
        Declared::Source(Source::Price(price)) => {
            return Err(fault(format!("`{}` has no fields", price.name())));
        }
    };
    match spec.definition.fields.iter().position(|field| *field == name) {
        Some(field) => Ok(Declared::Source(Source::Output { spec, field })),
        None => Err(fault(format!(
            "`{spec}` has no field `{name}`; it has {}",
            spec.definition.fields.join(", ")
        ))),
    }
}

/// Registers the getter (and, for slots, the setter) of a name that `init` declared.
pub(super) fn register_entry(engine: &mut Engine, state: &Rc<State>, name: &str, index: usize) {
    let read = state.clone();
    engine.register_get(name, move |_: &mut Ctx| read.read(index));
    let write = state.clone();
    let owned = name.to_owned();
    engine.register_set(name, move |_: &mut Ctx, value: Dynamic| -> Answer<()> {
        let super::state::Entry::Slot(slot) = write.entries.borrow()[index] else {
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
