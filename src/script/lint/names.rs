//! Variables, constants and module names that do not exist.

use super::linter::{CANDLE, Kind, Linter};
use super::tree::place;
use super::words::{Place, did_you_mean};
use crate::script::suggest::nearest;
use rhai::{Namespace, Position};

impl Linter<'_> {
    pub(super) fn unknown_variable(&mut self, name: &str, at: Place) {
        let help = self.help_for_name(name).unwrap_or_else(|| {
            if self.current.is_some() {
                format!("declare it first: `let {name} = …;`, or take it as a parameter of the function")
            } else {
                format!("declare it first: `let {name} = …;`")
            }
        });
        let help = Some(help);
        if let Some(meant) = nearest(name, self.local_names()).map(str::to_string) {
            self.mark_read(&meant);
        }
        self.report_error(at, format!("unknown variable `{name}`"), help);
    }

    pub(super) fn ctx_name(&self) -> String {
        self.name_of(&Kind::Ctx).unwrap_or(if self.this_is_ctx() { "this" } else { "ctx" }).to_string()
    }

    pub(super) fn params_name(&self) -> String {
        self.name_of(&Kind::Params).unwrap_or("p").to_string()
    }

    pub(super) fn help_for_name(&self, name: &str) -> Option<String> {
        let in_function = self.current.is_some();
        if in_function && self.top.constants.contains(name) {
            return Some(format!("functions reach a constant of the script as `global::{name}`"));
        }
        if in_function && self.top.variables.contains(name) {
            return Some(format!(
                "functions do not see variables of the script: make it `const {name} = …;` and write `global::{name}`, \
                 or keep it in a slot that `init` declares"
            ));
        }
        let phase = self.current.and_then(|index| self.phases.get(index)).copied().unwrap_or(0);
        if name == "ctx" && phase & CANDLE == 0 && phase != 0 {
            return Some(
                "there is no candle yet: `ctx` exists in on_candle, on_fill and on_exit".to_string(),
            );
        }
        if matches!(name, "ctx" | "p") && in_function {
            return Some(format!(
                "functions see only their parameters: take `{name}` as one, and pass it in the call"
            ));
        }
        if let Some(near) = nearest(name, self.local_names().filter(|local| !local.contains('$'))) {
            return Some(did_you_mean(near));
        }
        if phase & CANDLE != 0 && self.find_ctx_property(name).is_some() {
            return Some(format!("write `{}.{name}`", self.ctx_name()));
        }
        if in_function && self.is_parameter(name) {
            return Some(format!("write `{}.{name}`", self.params_name()));
        }
        let constants = self.vocabulary.constants.iter().map(String::as_str);
        let (ctx, params) = (self.ctx_name(), self.params_name());
        if let Some(near) = nearest(name, constants.chain(["true", "false"])) {
            // `close` declares indicators in `init`; at a candle it is `ctx.close` that has a value.
            let at_candle = phase & CANDLE != 0 && self.find_ctx_property(near).is_some();
            return Some(if at_candle { did_you_mean(&format!("{ctx}.{near}")) } else { did_you_mean(near) });
        }
        if phase & CANDLE != 0
            && let Some(near) = nearest(name, self.ctx_property_names())
        {
            return Some(did_you_mean(&format!("{ctx}.{near}")));
        }
        if let Some(near) = nearest(name, self.parameter_names()).filter(|_| in_function) {
            return Some(did_you_mean(&format!("{params}.{near}")));
        }
        if self.vocabulary.ctx_methods.iter().any(|method| method.name == name) && phase & CANDLE != 0 {
            return Some(format!("write `{ctx}.{name}(…)`"));
        }
        if self.left_scope(name) {
            return Some(format!("`{name}` is known only inside the block that declares it"));
        }
        None
    }

    pub(super) fn check_assigned_name(&mut self, name: &str, at: Place) {
        if self.vocabulary.constants.iter().any(|constant| constant == name) {
            let help =
                Some("choose another name for your own variable, and declare it with `let`".to_string());
            return self.report_error(at, format!("`{name}` is a constant and cannot be assigned"), help);
        }
        let help = self.help_for_name(name).unwrap_or_else(|| {
            format!("declare it first: `let {name} = …;`, or in `init` to keep it between candles")
        });
        self.report_error(at, format!("unknown variable `{name}`"), Some(help));
    }

    pub(super) fn check_qualified_name(&mut self, namespace: &Namespace, name: &str, position: Position) {
        let Some(root) = namespace.path.first() else { return };
        let at = place(position);
        if root.name == "global" {
            if namespace.path.len() == 1 && !self.top.constants.contains(name) {
                let near = nearest(name, self.top.constants.iter().map(String::as_str));
                let help = if self.top.variables.contains(name) {
                    format!("`{name}` is a variable: declare it with `const`")
                } else if let Some(near) = near {
                    did_you_mean(&format!("global::{near}"))
                } else {
                    format!("declare it outside the functions: `const {name} = …;`")
                };
                self.report_error(at, format!("the script has no constant `{name}`"), Some(help));
            }
            return;
        }
        if !self.knows_alias(&root.name) {
            let help = match nearest(&root.name, self.alias_names()) {
                Some(near) => did_you_mean(near),
                None => format!("import it at the top: `import \"lib/{0}\" as {0};`", root.name),
            };
            return self.report_error(place(root.pos), format!("unknown module `{}`", root.name), Some(help));
        }
        if let Some(names) = self.vocabulary.modules.get(root.name.as_str())
            && namespace.path.len() == 1
            && !names.iter().any(|known| known == name)
        {
            let help = nearest(name, names.iter().map(String::as_str))
                .map(|near| did_you_mean(&format!("{}::{near}", root.name)));
            self.report_error(at, format!("module `{}` has no `{name}`", root.name), help);
        }
    }
}
