//! The functions the host calls, and what they declare but nothing uses.

use super::declared::DeclaredValue;
use super::linter::Linter;
use super::vocabulary::Phase;
use super::words::{did_you_mean, list, parameters};
use crate::script::suggest::nearest;

/// The functions the host calls, with what they take.
pub(super) const HANDLERS: [(&str, usize, &str); 5] = [
    ("params", 0, "params()"),
    ("init", 1, "init(p)"),
    ("on_candle", 2, "on_candle(ctx, p)"),
    ("on_fill", 3, "on_fill(ctx, p, fill)"),
    ("on_exit", 3, "on_exit(ctx, p, trade)"),
];

impl Linter<'_> {
    pub(super) fn check_handlers(&mut self) {
        let mut is_misspelt = false;
        for (index, function) in self.functions.iter().enumerate() {
            if function.is_closure {
                continue;
            }
            let name = function.name.as_str();
            if let Some((_, count, text)) = HANDLERS.iter().find(|(handler, ..)| *handler == name) {
                let given = function.parameters.len();
                if given != *count {
                    let message = format!("`{name}` must take {}, not {given}", parameters(*count));
                    self.report_error(function.place, message, Some(format!("write `fn {text}`")));
                }
                continue;
            }
            if self.is_called.get(index).copied().unwrap_or(false) {
                continue;
            }
            let missing = HANDLERS
                .iter()
                .map(|(handler, ..)| *handler)
                .filter(|handler| !self.functions.iter().any(|f| f.name == *handler));
            let handlers = HANDLERS.iter().map(|(.., text)| *text);
            if let Some(near) = nearest(name, missing) {
                is_misspelt |= near == "on_candle";
                let text =
                    HANDLERS.iter().find(|(handler, ..)| *handler == near).map_or(near, |(.., text)| text);
                let message = format!("`{name}` is never called");
                self.report_error(function.place, message, Some(did_you_mean(text)));
            } else if name.starts_with("on_") {
                let help = format!("the host calls {}", list(handlers));
                self.report_warning(function.place, format!("`{name}` is never called"), Some(help));
            }
        }
        if !is_misspelt && !self.functions.iter().any(|function| function.name == "on_candle") {
            let help = Some("write `fn on_candle(ctx, p) { … }`; it runs once per closed candle".to_string());
            self.report_error((0, 0), "a strategy must define `on_candle(ctx, p)`".to_string(), help);
        }
    }

    pub(super) fn check_unused_declarations(&mut self) {
        let declared = self.declared;
        if !self.params_escape {
            for d in &declared.params {
                // A plain value overrides a base parameter, which the host reads.
                let is_tunable = match &d.value {
                    DeclaredValue::Call(f) => self.signatures(f).iter().any(|s| s.phase == Phase::Params),
                    _ => false,
                };
                if is_tunable && !self.parameters_read.contains(&d.name) {
                    let help = Some(format!("read it as `p.{}`, or remove it", d.name));
                    self.report_warning(
                        (d.line, d.column),
                        format!("parameter `{}` is never used", d.name),
                        help,
                    );
                }
            }
        }
        if !self.ctx_escapes {
            for d in &declared.init {
                if !self.ctx_properties_read.contains(&d.name) {
                    let help = Some(format!("read it as `ctx.{}`, or remove it", d.name));
                    self.report_warning((d.line, d.column), format!("`{}` is never used", d.name), help);
                }
            }
        }
    }
}
