//! Properties of `ctx`, `p`, fills and trades: do they exist, may they be assigned, do they have a history.

use super::declared::{Declaration, DeclaredValue};
use super::linter::{Kind, Linter};
use super::tree::place;
use super::vocabulary::{Phase, Property, PropertyKind};
use super::words::{Place, did_you_mean, list};
use crate::script::suggest::nearest;
use rhai::Expr;

/// What a declared indicator, slot or parameter is worth knowing.
pub(super) enum Known<'a> {
    Property(&'a Property),
    /// Declared in `init`, not told by the host.
    Declared(&'a Declaration),
}

impl Linter<'_> {
    pub(super) fn find_ctx_property(&self, name: &str) -> Option<Known<'_>> {
        if let Some(property) = self.vocabulary.ctx_properties.iter().find(|property| property.name == name) {
            return Some(Known::Property(property));
        }
        self.declared.init.iter().find(|d| d.name == name).map(Known::Declared)
    }

    pub(super) fn ctx_property_names(&self) -> impl Iterator<Item = &str> {
        let own = self.declared.init.iter().map(|d| d.name.as_str());
        self.vocabulary.ctx_properties.iter().map(|property| property.name.as_str()).chain(own)
    }

    pub(super) fn is_parameter(&self, name: &str) -> bool {
        self.parameter_names().any(|parameter| parameter == name)
    }

    pub(super) fn parameter_names(&self) -> impl Iterator<Item = &str> {
        let own = self.declared.params.iter().map(|d| d.name.as_str());
        self.vocabulary.parameters.iter().map(String::as_str).chain(own)
    }

    /// `.name` of a value. `assigned` is what is assigned to it; `inside` what is assigned to something in it.
    pub(super) fn property(
        &mut self,
        of: &Kind,
        name: &str,
        at: Place,
        assigned: Option<&Expr>,
        inside: Option<&Expr>,
    ) -> Kind {
        let is_changed = assigned.is_some() || inside.is_some();
        match of {
            Kind::Unseen => Kind::Unseen,
            Kind::Other => Kind::Other,
            Kind::Ctx => {
                self.ctx_properties_read.insert(name.to_string());
                self.ctx_property(name, at, assigned, inside.is_some())
            }
            Kind::Params => {
                self.parameters_read.insert(name.to_string());
                if !self.is_parameter(name) {
                    self.unknown_parameter(name, at);
                } else if is_changed {
                    let help = format!(
                        "parameters come from the configuration; to keep a value of your own, declare a slot in init: \
                         `#{{ {name}_now: 0.0 }}`"
                    );
                    self.report_error(at, format!("parameter `{name}` cannot be assigned"), Some(help));
                }
                Kind::Other
            }
            Kind::Fill | Kind::Trade => {
                let (what, names) = match of {
                    Kind::Fill => ("a fill", &self.vocabulary.fill_properties),
                    _ => ("a trade", &self.vocabulary.trade_properties),
                };
                if !names.iter().any(|known| known == name) {
                    let help = match nearest(name, names.iter().map(String::as_str)) {
                        Some(near) => did_you_mean(near),
                        None => format!("it has {}", list(names.iter().map(String::as_str))),
                    };
                    self.report_error(at, format!("{what} has no property `{name}`"), Some(help));
                } else if is_changed {
                    let message = format!("`{name}` of {what} is read-only");
                    self.report_error(at, message, Some("it tells what has happened".to_string()));
                }
                Kind::Other
            }
            Kind::Property(property, kind) => self.field(property, kind, name, at),
        }
    }

    pub(super) fn ctx_property(
        &mut self,
        name: &str,
        at: Place,
        assigned: Option<&Expr>,
        inside: bool,
    ) -> Kind {
        let found = match self.find_ctx_property(name) {
            Some(Known::Property(property)) => Some((property.writable, Some(property.kind.clone()), false)),
            Some(Known::Declared(declaration)) => Some(match &declaration.value {
                DeclaredValue::Number => (true, Some(PropertyKind::Number), true),
                DeclaredValue::Bool => (true, Some(PropertyKind::Bool), true),
                DeclaredValue::Call(function) => {
                    let is_indicator = self.signatures(function).iter().any(|s| s.phase == Phase::Init);
                    (!is_indicator, None, true)
                }
                DeclaredValue::Other => (true, None, true),
            }),
            None => None,
        };
        let Some((writable, kind, is_own)) = found else {
            self.unknown_ctx_property(name, at, assigned);
            return Kind::Other;
        };
        if (assigned.is_some() || inside) && !writable {
            let is_own = is_own || self.declared.init.iter().any(|d| d.name == name);
            let help = if is_own {
                "an indicator is calculated from the candles; a slot is declared in init with a number or a bool"
                    .to_string()
            } else {
                match name {
                    "stop_price" => format!("to move the stop: `{}.stop_at(price)`", self.ctx_name()),
                    "target_price" => format!("to move the target: `{}.target_at(price)`", self.ctx_name()),
                    _ => "to keep a value of your own, declare a slot in init and assign that".to_string(),
                }
            };
            self.report_error(at, format!("`{name}` is read-only"), Some(help));
        } else if let (Some(value), Some(kind)) = (assigned, &kind) {
            let (is, wants) = match (value, kind) {
                (Expr::BoolConstant(..), PropertyKind::Number) => ("a bool", "a number"),
                (Expr::IntegerConstant(..) | Expr::FloatConstant(..), PropertyKind::Bool) => {
                    ("a number", "a bool")
                }
                (Expr::StringConstant(..), PropertyKind::Number) => ("a text", "a number"),
                (Expr::StringConstant(..), PropertyKind::Bool) => ("a text", "a bool"),
                _ => ("", ""),
            };
            if !is.is_empty() {
                let help = Some("a slot keeps the type it is declared with in init".to_string());
                self.report_error(at, format!("`{name}` holds {wants}, this assigns {is}"), help);
            }
        }
        match kind {
            Some(kind) => Kind::Property(name.to_string(), kind),
            None => Kind::Other,
        }
    }

    pub(super) fn unknown_ctx_property(&mut self, name: &str, at: Place, assigned: Option<&Expr>) {
        if self.vocabulary.ctx_is_open {
            return;
        }
        let ctx = self.ctx_name();
        let writable = self.vocabulary.ctx_properties.iter().filter(|p| p.writable).map(|p| p.name.as_str());
        let slots = self.declared.init.iter().map(|d| d.name.as_str());
        if let Some(value) = assigned {
            let first = match value {
                Expr::BoolConstant(..) => "false",
                Expr::IntegerConstant(..) => "0",
                _ => "0.0",
            };
            let meant = nearest(name, writable.chain(slots)).map(str::to_string);
            let help = match &meant {
                Some(near) => format!("did you mean `{ctx}.{near}`? Slots are declared in init"),
                None => format!("declare it in init, with its first value: `#{{ {name}: {first} }}`"),
            };
            self.ctx_properties_read.extend(meant);
            return self.report_error(at, format!("`{name}` is not declared in init"), Some(help));
        }
        let methods = self.vocabulary.ctx_methods.iter();
        // What was meant counts as used.
        let meant = nearest(name, self.ctx_property_names()).map(str::to_string);
        self.ctx_properties_read.extend(meant);
        let help = if let Some(method) = methods.clone().find(|method| method.name == name) {
            format!("it is a method: `{ctx}.{}`", method.text)
        } else if self.is_parameter(name) {
            format!("it is a parameter: `{}.{name}`", self.params_name())
        } else if let Some(near) = nearest(name, self.ctx_property_names()) {
            did_you_mean(&format!("{ctx}.{near}"))
        } else if let Some(near) = nearest(name, methods.clone().map(|method| method.name.as_str())) {
            let text = methods.clone().find(|m| m.name == near).map(|m| m.text.as_str());
            did_you_mean(&format!("{ctx}.{}", text.unwrap_or(near)))
        } else if self.signatures(name).iter().any(|s| s.phase == Phase::Init) {
            format!("declare the indicator in init: `#{{ {name}: {name}(…) }}`")
        } else {
            "indicators and slots are declared in init; `mista api` lists the rest".to_string()
        };
        self.report_error(at, format!("ctx has no property `{name}`"), Some(help));
    }

    pub(super) fn unknown_parameter(&mut self, name: &str, at: Place) {
        if self.vocabulary.parameters_are_open {
            return;
        }
        let meant = nearest(name, self.parameter_names()).map(str::to_string);
        self.parameters_read.extend(meant);
        let help = if let Some(near) = nearest(name, self.parameter_names()) {
            did_you_mean(&format!("{}.{near}", self.params_name()))
        } else if self.find_ctx_property(name).is_some() {
            format!("it is a property of ctx: `{}.{name}`", self.ctx_name())
        } else {
            format!("declare it in params: `#{{ {name}: int(default, least, most) }}`")
        };
        self.report_error(at, format!("there is no parameter `{name}`"), Some(help));
    }

    /// `.name` of a property of ctx.
    pub(super) fn field(&mut self, property: &str, kind: &PropertyKind, name: &str, at: Place) -> Kind {
        match kind {
            PropertyKind::Multi { fields } => {
                if fields.iter().any(|field| field == name) {
                    return Kind::Property(format!("{property}.{name}"), PropertyKind::Series);
                }
                let help = match nearest(name, fields.iter().map(String::as_str)) {
                    Some(near) => did_you_mean(near),
                    None => format!("it has {}", list(fields.iter().map(String::as_str))),
                };
                self.report_error(at, format!("`{property}` has no field `{name}`"), Some(help));
            }
            PropertyKind::Series => {
                let ctx = self.ctx_name();
                let help =
                    format!("`{ctx}.{property}` is its current value, `{ctx}.{property}[1]` the one before");
                self.report_error(
                    at,
                    format!("`{property}` is a single series and has no fields"),
                    Some(help),
                );
            }
            PropertyKind::Bool => {
                self.report_error(at, format!("`{property}` is true or false and has no `{name}`"), None);
            }
            PropertyKind::Number | PropertyKind::Text => {}
        }
        Kind::Other
    }

    /// `[index]` of a value; gives what is in it.
    pub(super) fn check_index(&mut self, of: &Kind, index: &Expr, assigned: Option<&Expr>) -> Kind {
        let at = place(index.start_position());
        match (of, index) {
            (Kind::Unseen, _) => return Kind::Unseen,
            (Kind::Ctx | Kind::Params, Expr::StringConstant(name, _)) => {
                return self.property(of, name, at, assigned, None);
            }
            // Which property is read is known only when it runs.
            (Kind::Ctx, _) => self.ctx_escapes = true,
            (Kind::Params, _) => self.params_escape = true,
            (Kind::Property(name, PropertyKind::Series), index) => match index {
                Expr::IntegerConstant(n, _) if *n < 0 => {
                    let message = "look-ahead is impossible: an index counts candles back".to_string();
                    let ctx = self.ctx_name();
                    let help = format!("`{ctx}.{name}[1]` is one candle ago, `{ctx}.{name}[0]` is this one");
                    self.report_error(at, message, Some(help));
                }
                Expr::FloatConstant(..) | Expr::StringConstant(..) | Expr::BoolConstant(..) => {
                    let help = format!("`{}.{name}[1]` is one candle ago", self.ctx_name());
                    self.report_error(at, "an index is a whole number of candles".to_string(), Some(help));
                }
                _ => {}
            },
            (Kind::Property(name, PropertyKind::Multi { fields }), _) => {
                let field = fields.first().map_or("value", String::as_str);
                let help = format!("name one: `{}.{name}.{field}[1]`", self.ctx_name());
                self.report_error(
                    at,
                    format!("`{name}` has several fields, each with its own history"),
                    Some(help),
                );
            }
            (Kind::Property(name, PropertyKind::Number | PropertyKind::Bool), _) => {
                let help = Some("only prices and indicators have one; keep past values in slots".to_string());
                self.report_error(at, format!("`{name}` has no history"), help);
            }
            _ => {}
        }
        Kind::Other
    }
}
