//! Statements that do nothing.

use super::linter::Linter;
use super::tree::place;
use super::vocabulary::Phase;
use rhai::{Expr, FnCallExpr, Position, Stmt};

impl Linter<'_> {
    pub(super) fn check_effect(&mut self, expr: &Expr, value_used: bool) {
        if value_used {
            return;
        }
        if let Expr::FnCall(call, position) = expr {
            return self.check_call_effect(call, *position);
        }
        if has_effect(expr) {
            return;
        }
        let message = "this has no effect";
        let (at, help) = match expr {
            Expr::And(_, position) | Expr::Or(_, position) | Expr::Coalesce(_, position) => {
                (place(*position), "its value is not used: write `if … { }`, or assign it".to_string())
            }
            Expr::Dot(..) | Expr::Index(..) | Expr::Variable(..) => (
                place(expr.start_position()),
                "its value is not used: assign it, compare it, or remove it".to_string(),
            ),
            Expr::IntegerConstant(..)
            | Expr::FloatConstant(..)
            | Expr::BoolConstant(..)
            | Expr::StringConstant(..) => (place(expr.position()), "its value is not used".to_string()),
            _ => return,
        };
        self.report_warning(at, message.to_string(), Some(help));
    }

    pub(super) fn check_call_effect(&mut self, call: &FnCallExpr, position: Position) {
        let at = place(position);
        if call.op_token.is_some() {
            if call.args.iter().any(has_effect) {
                return;
            }
            let help = match call.name.as_str() {
                "==" => "`==` compares; to assign, write `=`",
                "!=" | "<" | ">" | "<=" | ">=" => {
                    "it compares, and nothing looks at the result: write `if … { }`"
                }
                _ => "the result is not used: assign it to something",
            };
            return self.report_warning(at, "this has no effect".to_string(), Some(help.to_string()));
        }
        let name = call.name.as_str();
        let is_own = self.functions.iter().any(|function| function.name == name);
        if !call.namespace.is_empty() || is_own || self.is_builtin(name) {
            return;
        }
        let Some(phase) = self.signatures(name).first().map(|signature| signature.phase) else { return };
        let help = match phase {
            Phase::Init => "put the indicator into the map that init returns",
            Phase::Params => "put the parameter into the map that params returns",
            Phase::Candle | Phase::Any => "it only calculates: assign the result, or use it in a condition",
        };
        self.report_warning(at, format!("the result of `{name}` is not used"), Some(help.to_string()));
    }
}

/// Whether evaluating it can do anything but give a value: it calls something that is not an operator.
fn has_effect(expr: &Expr) -> bool {
    let mut found = false;
    expr.walk(&mut Vec::new(), &mut |path| {
        match path.last() {
            Some(rhai::ASTNode::Expr(Expr::FnCall(call, _))) => {
                found |= call.op_token.is_none() && call.name != "contains"
            }
            Some(rhai::ASTNode::Expr(Expr::MethodCall(..) | Expr::Custom(..))) => found = true,
            Some(rhai::ASTNode::Expr(Expr::Stmt(_))) => found = true,
            Some(rhai::ASTNode::Stmt(Stmt::Assignment(..))) => found = true,
            _ => {}
        }
        !found
    });
    found
}
