//! What `params()` and `init(p)` are made of: kinds of parameters, series of the candles, indicators.

use super::{Answer, Gives, Place, Registrar, fault, finite, type_of};
use crate::indicators::{Definition, Given, REGISTRY, Source, Spec};
use crate::model::Price;
use crate::script::parameters::{Kind, Value, Written};
use rhai::{Array, Dynamic, FuncRegistration, INT, Module, Shared};
use std::sync::Arc;

/// What `init` puts into its map: a series, or an indicator with several of them.
#[derive(Debug, Clone)]
pub(in crate::script) enum Declared {
    Source(Source),
    Multi(Arc<Spec>),
}

/// What `params` puts into its map.
#[derive(Debug, Clone)]
pub(in crate::script) struct DeclaredParameter {
    pub kind: Kind,
    pub default: Value,
}

impl Registrar<'_> {
    pub(super) fn constants(&mut self) {
        for price in Price::ALL {
            self.describe(
                Place::Constant,
                price.name(),
                &[],
                Gives::Series,
                format!("the candle's {} as an indicator's source", price.name()),
            );
        }
    }

    pub(super) fn parameter_kinds(&mut self) {
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

    pub(super) fn indicators(&mut self) {
        self.engine.register_type_with_name::<Declared>("indicator");
        self.engine.register_global_module(DECLARED.with(Shared::clone));
        for definition in REGISTRY {
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
}

thread_local! {
    /// Series and indicators, which need no state of a script, for all engines of a thread.
    static DECLARED: Shared<Module> = {
        let mut module = Module::new();
        for price in Price::ALL {
            module.set_var(price.name(), Declared::Source(Source::Price(price)));
        }
        REGISTRY.iter().for_each(|definition| indicator(&mut module, definition));
        module.into()
    };
}

fn indicator(module: &mut Module, definition: &'static Definition) {
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
    let name = || FuncRegistration::new(definition.name);
    name().set_into_module(module, move || build(&[]));
    name().set_into_module(module, move |a: Dynamic| build(&[a]));
    name().set_into_module(module, move |a: Dynamic, b: Dynamic| build(&[a, b]));
    name().set_into_module(module, move |a: Dynamic, b: Dynamic, c: Dynamic| build(&[a, b, c]));
    name()
        .set_into_module(module, move |a: Dynamic, b: Dynamic, c: Dynamic, d: Dynamic| build(&[a, b, c, d]));
}

fn declared_parameter(kind: Kind, default: Value, ordered: bool) -> Answer<DeclaredParameter> {
    if !ordered {
        return Err(fault("the least value is above the most: write name(default, least, most)"));
    }
    let checked = kind.check(&Written::Value(default.clone()));
    match checked {
        Some(default) => Ok(DeclaredParameter { kind, default }),
        None => Err(fault(format!("the default {default} is not {kind}"))),
    }
}

/// A text, number or flag.
pub(in crate::script) fn plain_value(value: &Dynamic) -> Option<Value> {
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
