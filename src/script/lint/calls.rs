//! Functions and methods: do they exist, are they given what they take, may they be called here.

use super::handlers::HANDLERS;
use super::linter::{CANDLE, INIT, Kind, Linter, PARAMS};
use super::vocabulary::{FunctionSignature, Phase};
use super::words::{Place, arguments, did_you_mean, list, takes};
use crate::script::suggest::nearest;

/// Functions that Rhai itself provides as syntax.
const SYNTAX_FUNCTIONS: [&str; 8] =
    ["type_of", "Fn", "call", "curry", "is_shared", "is_def_var", "is_def_fn", "contains"];

/// Why a script has no such function, where authors of other languages look for one.
fn absent(name: &str, ctx: &str) -> Option<String> {
    match name {
        "sleep" | "wait" => Some("a script never waits: it is called once per closed candle".to_string()),
        "timestamp" | "now" | "time" => {
            Some(format!("a script has no clock: `{ctx}.time` is when the candle closed"))
        }
        "rand" | "random" => {
            Some("a script has no random numbers: the same candles give the same trades".to_string())
        }
        _ => None,
    }
}

impl Linter<'_> {
    pub(super) fn signatures(&self, name: &str) -> Vec<&FunctionSignature> {
        self.vocabulary.functions.iter().filter(|function| function.name == name).collect()
    }

    pub(super) fn is_builtin(&self, name: &str) -> bool {
        SYNTAX_FUNCTIONS.contains(&name) || self.vocabulary.builtins.iter().any(|builtin| builtin == name)
    }

    pub(super) fn is_function(&self, name: &str) -> bool {
        self.is_builtin(name)
            || self.functions.iter().any(|function| function.name == name)
            || self.vocabulary.functions.iter().any(|function| function.name == name)
    }

    /// A call that is not of the script's own function of that name and number of parameters.
    pub(super) fn check_host_call(&mut self, name: &str, given: usize, at: Place) {
        let signatures = self.signatures(name);
        if signatures.is_empty() {
            if self.is_builtin(name) {
                return;
            }
            return match self.own_signature(name) {
                Some((count, text)) => {
                    let help = Some(format!("it is defined as `{text}`"));
                    self.report_error(at, format!("`{name}` takes {}, not {given}", arguments(count)), help);
                }
                None => self.unknown_function(name, at),
            };
        }
        let fits = |s: &&FunctionSignature| (s.arguments_min..=s.arguments_max).contains(&given);
        if !signatures.iter().any(fits) {
            let texts: Vec<&str> = signatures.iter().map(|s| s.text.as_str()).collect();
            let takes = takes(&signatures);
            let help = Some(format!("write {}", list(texts)));
            return self.report_error(at, format!("`{name}` takes {takes}, not {given}"), help);
        }
        let phases: Vec<Phase> = signatures.iter().map(|s| s.phase).collect();
        self.check_phase(name, &phases, at);
    }

    pub(super) fn own_signature(&self, name: &str) -> Option<(usize, String)> {
        let function =
            self.functions.iter().find(|function| function.name == name && !function.is_closure)?;
        Some((function.parameters.len(), format!("{name}({})", function.parameters.join(", "))))
    }

    pub(super) fn check_phase(&mut self, name: &str, allowed: &[Phase], at: Place) {
        let Some(current) = self.current else { return };
        let (Some(&reached), Some(function)) = (self.phases.get(current), self.functions.get(current)) else {
            return;
        };
        let may = |bit: u8| {
            allowed.iter().any(|phase| match phase {
                Phase::Params => bit == PARAMS,
                Phase::Init => bit == INIT,
                Phase::Candle => bit == CANDLE,
                Phase::Any => true,
            })
        };
        let Some(bit) = [CANDLE, INIT, PARAMS].into_iter().find(|bit| reached & bit != 0 && !may(*bit))
        else {
            return;
        };
        let reached_from = match bit {
            CANDLE => "on_candle",
            INIT => "init",
            _ => "params",
        };
        // Named as it is called here, unless it is a helper.
        let through = if function.is_closure || HANDLERS.iter().any(|(name, ..)| *name == function.name) {
            String::new()
        } else {
            format!("; `{}` is called from {reached_from}", function.name)
        };
        let here =
            if through.is_empty() && !function.is_closure { function.name.as_str() } else { reached_from };
        let (message, help) = match allowed.first() {
            Some(Phase::Init) => (
                format!("`{name}` declares an indicator and cannot be called in {here}"),
                format!(
                    "indicators are declared in init: `#{{ name: {name}(…) }}`, and read as `{}.name`{through}",
                    if bit == CANDLE { self.ctx_name() } else { "ctx".to_string() }
                ),
            ),
            Some(Phase::Params) => (
                format!("`{name}` declares a parameter and cannot be called in {here}"),
                format!(
                    "parameters are declared in params: `#{{ name: {name}(…) }}`, and read as `p.name`{through}"
                ),
            ),
            _ => (
                format!("`{name}` needs a candle and cannot be called in {here}"),
                format!("call it in on_candle{through}"),
            ),
        };
        self.report_error(at, message, Some(help));
    }

    pub(super) fn unknown_function(&mut self, name: &str, at: Place) {
        let ctx = self.ctx_name();
        let vocabulary = self.vocabulary;
        let method = vocabulary.ctx_methods.iter().find(|method| method.name == name);
        let help = if let Some(method) = method {
            Some(format!("it is a method: `{ctx}.{}`", method.text))
        } else if self.local_names().any(|local| local == name) {
            self.mark_read(name);
            Some(format!("`{name}` is a variable; what it holds is called as `{name}.call(…)`"))
        } else if self.find_ctx_property(name).is_some() {
            let close = self.vocabulary.constants.iter().any(|constant| constant == name);
            Some(if close {
                format!("the past is `{ctx}.{name}[1]`")
            } else {
                format!("write `{ctx}.{name}`")
            })
        } else if matches!(name, "print" | "debug" | "log") {
            Some(format!("write `{ctx}.log(text)`"))
        } else if let Some(why) = absent(name, &ctx) {
            Some(why)
        } else {
            let own = self.functions.iter().filter(|f| !f.is_closure).map(|f| f.name.as_str());
            let host = self.vocabulary.functions.iter().map(|f| f.name.as_str());
            let builtins = self.vocabulary.builtins.iter().map(String::as_str);
            let methods = self.vocabulary.ctx_methods.iter().map(|f| f.name.as_str());
            match nearest(name, own.chain(host)).or_else(|| nearest(name, builtins)) {
                Some(near) => Some(match self.signatures(near).first() {
                    Some(signature) => did_you_mean(&signature.text),
                    None => did_you_mean(near),
                }),
                None => match nearest(name, methods) {
                    Some(near) => Some(did_you_mean(&format!("{ctx}.{near}(…)"))),
                    None => Some("`mista api` lists the functions a script can call".to_string()),
                },
            }
        };
        self.report_error(at, format!("unknown function `{name}`"), help);
    }

    /// `Fn("name")`.
    pub(super) fn check_function_name(&mut self, name: &str, at: Place) {
        if !self.is_function(name) {
            self.unknown_function(name, at);
        }
    }

    pub(super) fn check_method(&mut self, receiver: &Kind, name: &str, given: usize, at: Place) {
        match receiver {
            Kind::Unseen => {}
            Kind::Ctx => self.check_ctx_method(name, given, at),
            _ => {
                if self.is_function(name) || self.map_keys.contains(name) {
                    return;
                }
                let ctx_method = self.vocabulary.ctx_methods.iter().any(|method| method.name == name);
                let help = if ctx_method {
                    Some(format!("`{name}` is a method of ctx: `{}.{name}(…)`", self.ctx_name()))
                } else {
                    let own = self.functions.iter().filter(|f| !f.is_closure).map(|f| f.name.as_str());
                    let host = self.vocabulary.functions.iter().map(|f| f.name.as_str());
                    let builtins = self.vocabulary.builtins.iter().map(String::as_str);
                    nearest(name, builtins.chain(own).chain(host)).map(did_you_mean)
                };
                self.report_error(at, format!("unknown method `{name}`"), help);
            }
        }
    }

    pub(super) fn check_ctx_method(&mut self, name: &str, given: usize, at: Place) {
        let methods: Vec<&FunctionSignature> =
            self.vocabulary.ctx_methods.iter().filter(|method| method.name == name).collect();
        let ctx = self.ctx_name();
        if methods.is_empty() {
            if self.find_ctx_property(name).is_some() {
                let help = Some(format!("write `{ctx}.{name}`, without parentheses"));
                return self.report_error(
                    at,
                    format!("`{name}` is not a method of ctx but a property"),
                    help,
                );
            }
            if matches!(name, "type_of" | "to_string" | "to_debug") {
                return;
            }
            let names = self.vocabulary.ctx_methods.iter().map(|method| method.name.as_str());
            let help = if let Some(near) = nearest(name, names) {
                let text =
                    self.vocabulary.ctx_methods.iter().find(|m| m.name == near).map(|m| m.text.as_str());
                did_you_mean(&format!("{ctx}.{}", text.unwrap_or(near)))
            } else if self.is_function(name) {
                format!("`{name}` is a function, not a method: `{name}(…)`")
            } else if let Some(near) = nearest(name, self.ctx_property_names()) {
                did_you_mean(&format!("{ctx}.{near}"))
            } else {
                "`mista api` lists what ctx can do".to_string()
            };
            return self.report_error(at, format!("ctx has no method `{name}`"), Some(help));
        }
        if !methods.iter().any(|method| (method.arguments_min..=method.arguments_max).contains(&given)) {
            let texts: Vec<String> = methods.iter().map(|method| format!("{ctx}.{}", method.text)).collect();
            let takes = takes(&methods);
            let help = Some(format!("write {}", list(texts.iter().map(String::as_str))));
            return self.report_error(at, format!("`{name}` takes {takes}, not {given}"), help);
        }
        let phases: Vec<Phase> = methods.iter().map(|method| method.phase).collect();
        self.check_phase(name, &phases, at);
    }
}
