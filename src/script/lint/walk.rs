//! The walk over the tree: every statement and expression once, in the order they run.
//!
//! It runs several times: silently until the kinds of all parameters are known, then once with findings.

use super::linter::{CANDLE, Kind, Linter};
use super::tree::{Link, chain, function_pointer, place, start, variable_name};
use rhai::{ASTNode, Expr, FnCallExpr, Position, Stmt, StmtBlock, SwitchCasesCollection};
use std::collections::BTreeSet;

impl Linter<'_> {
    pub(super) fn block(&mut self, block: &StmtBlock, value_used: bool) {
        let (depth, aliases) = (self.locals.len(), self.aliases.len());
        self.statements(block.statements(), value_used);
        self.leave_scope(depth);
        self.aliases.truncate(aliases);
    }

    /// Statements in the current scope; `value_used` says whether the value of the last one goes anywhere.
    pub(super) fn statements(&mut self, statements: &[Stmt], value_used: bool) {
        let last = statements.iter().rposition(|statement| !matches!(statement, Stmt::Noop(..)));
        let mut is_dead = false;
        for (index, statement) in statements.iter().enumerate() {
            if is_dead && !matches!(statement, Stmt::Noop(..)) {
                is_dead = false;
                self.report_warning(
                    place(statement.position()),
                    "this is never reached".to_string(),
                    Some("the statement before it always leaves".to_string()),
                );
            }
            self.statement(statement, value_used && Some(index) == last);
            is_dead |= statement.is_control_flow_break();
        }
    }

    pub(super) fn statement(&mut self, statement: &Stmt, value_used: bool) {
        match statement {
            Stmt::Noop(..) | Stmt::Share(..) => {}
            Stmt::Expr(expr) => {
                self.check_effect(expr, value_used);
                let kind = self.expression_as(expr, value_used);
                if value_used {
                    self.escape(&kind);
                }
            }
            Stmt::FnCall(call, position) => {
                if !value_used {
                    self.check_call_effect(call, *position);
                }
                self.call(call, *position);
            }
            Stmt::If(flow, _) => {
                self.consume(&flow.expr);
                self.block(&flow.body, value_used);
                self.block(&flow.branch, value_used);
            }
            Stmt::Switch(switch, _) => {
                self.consume(&switch.0);
                self.cases(&switch.1, value_used);
            }
            Stmt::While(flow, _) => {
                self.consume(&flow.expr);
                self.block(&flow.body, false);
            }
            Stmt::Do(flow, ..) => {
                self.block(&flow.body, false);
                self.consume(&flow.expr);
            }
            Stmt::For(parts, _) => {
                let (variable, counter, flow) = &**parts;
                self.consume(&flow.expr);
                let depth = self.locals.len();
                for ident in counter.iter().chain(std::iter::once(variable)) {
                    self.declare(&ident.name, Kind::Other, place(ident.pos), false);
                }
                self.block(&flow.body, false);
                self.leave_scope(depth);
            }
            Stmt::Var(var, ..) => {
                let kind = self.expression(&var.1);
                self.declare(&var.0.name, kind, place(var.0.pos), true);
            }
            Stmt::Assignment(assignment) => {
                let (operator, sides) = &**assignment;
                let value = self.expression(&sides.rhs);
                self.escape(&value);
                self.assignment(&sides.lhs, &sides.rhs, operator.is_op_assignment());
            }
            Stmt::Block(block) => self.block(block, value_used),
            Stmt::TryCatch(flow, _) => {
                self.block(&flow.body, false);
                let depth = self.locals.len();
                if let Some(name) = variable_name(&flow.expr) {
                    self.declare(name, Kind::Other, place(flow.expr.position()), false);
                }
                self.block(&flow.branch, false);
                self.leave_scope(depth);
            }
            Stmt::BreakLoop(value, ..) | Stmt::Return(value, ..) => {
                if let Some(value) = value {
                    self.consume(value);
                }
            }
            Stmt::Import(import, position) => {
                if !matches!(import.0, Expr::StringConstant(..)) {
                    self.report_error(
                        place(start(&import.0)),
                        "the path of an import must be a plain text".to_string(),
                        Some("the host reads imports before the script runs: `import \"lib/levels\" as levels;`".to_string()),
                    );
                }
                self.consume(&import.0);
                if import.1.name.is_empty() && self.current.is_some() {
                    self.report_warning(
                        place(*position),
                        "an import without a name does nothing here".to_string(),
                        Some("write `import \"…\" as name;`".to_string()),
                    );
                }
                self.aliases.push(import.1.name.to_string());
            }
            Stmt::Export(export, _) => {
                self.variable(&export.0.name, export.0.pos);
            }
            _ => {}
        }
    }

    pub(super) fn cases(&mut self, cases: &SwitchCasesCollection, value_used: bool) {
        for case in &cases.expressions {
            self.consume(&case.lhs);
            let kind = self.expression_as(&case.rhs, value_used);
            self.escape(&kind);
        }
    }

    pub(super) fn assignment(&mut self, target: &Expr, value: &Expr, is_operation: bool) {
        match target {
            Expr::Variable(v, _, position) if v.2.is_empty() => {
                let name = v.1.to_string();
                match self.local(&name) {
                    Some(local) => local.is_read |= is_operation,
                    None => self.check_assigned_name(&name, place(*position)),
                }
            }
            _ => match chain(target) {
                Some((base, links)) => {
                    let base = self.expression(base);
                    self.follow(base, &links, Some(value));
                }
                None => {
                    self.consume(target);
                }
            },
        }
    }

    // ---- expressions

    /// Walks an expression whose value goes where it cannot be followed.
    pub(super) fn consume(&mut self, expr: &Expr) {
        let kind = self.expression(expr);
        self.escape(&kind);
    }

    pub(super) fn escape(&mut self, kind: &Kind) {
        match kind {
            Kind::Ctx => self.ctx_escapes = true,
            Kind::Params => self.params_escape = true,
            _ => {}
        }
    }

    pub(super) fn expression(&mut self, expr: &Expr) -> Kind {
        self.expression_as(expr, true)
    }

    pub(super) fn expression_as(&mut self, expr: &Expr, value_used: bool) -> Kind {
        match expr {
            Expr::Variable(v, _, position) if v.2.is_empty() => self.variable(v.1.as_str(), *position),
            Expr::Variable(v, _, position) => {
                self.check_qualified_name(&v.2, v.1.as_str(), *position);
                Kind::Other
            }
            Expr::ThisPtr(_) => {
                let kind = self.current.and_then(|index| self.this_kinds.get(index));
                kind.cloned().unwrap_or(Kind::Other)
            }
            Expr::Dot(..) | Expr::Index(..) => match chain(expr) {
                Some((base, links)) => {
                    let base = self.expression(base);
                    self.follow(base, &links, None)
                }
                None => Kind::Other,
            },
            Expr::FnCall(call, position) => {
                self.call(call, *position);
                Kind::Other
            }
            Expr::Stmt(block) => {
                self.block(block, value_used);
                Kind::Other
            }
            Expr::DynamicConstant(value, _) => {
                if let Some(name) = function_pointer(value) {
                    self.function_value(&name, &[]);
                }
                Kind::Other
            }
            Expr::InterpolatedString(parts, _) | Expr::Array(parts, _) => {
                for part in parts.iter() {
                    self.consume(part);
                }
                Kind::Other
            }
            Expr::Map(entries, _) => {
                for (_, value) in &entries.0 {
                    self.consume(value);
                }
                Kind::Other
            }
            Expr::And(parts, _) | Expr::Or(parts, _) | Expr::Coalesce(parts, _) => {
                for part in parts.iter() {
                    self.consume(part);
                }
                Kind::Other
            }
            Expr::MethodCall(call, _) => {
                self.arguments(call);
                Kind::Other
            }
            Expr::Custom(custom, _) => {
                for input in &custom.inputs {
                    self.consume(input);
                }
                Kind::Other
            }
            _ => Kind::Other,
        }
    }

    pub(super) fn variable(&mut self, name: &str, position: Position) -> Kind {
        if let Some(local) = self.local(name) {
            local.is_read = true;
            return local.kind.clone();
        }
        if self.vocabulary.constants.iter().any(|constant| constant == name) {
            let phase = self.current.and_then(|index| self.phases.get(index)).copied().unwrap_or(0);
            if phase & CANDLE != 0 && self.find_ctx_property(name).is_some() {
                let help = format!("write `{}.{name}`", self.ctx_name());
                let message = format!("`{name}` is what indicators are declared over in `init`, not a value");
                self.report_error(place(position), message, Some(help));
            }
            return Kind::Other;
        }
        // The name of a function is a value too.
        if self.functions.iter().any(|function| function.name == name) {
            self.function_value(name, &[]);
            return Kind::Other;
        }
        self.unknown_variable(name, place(position));
        Kind::Other
    }

    /// A function taken as a value: it can be called with anything, from here on. `captured` are the kinds of
    /// its first parameters, if it is a closure.
    pub(super) fn function_value(&mut self, name: &str, captured: &[Kind]) {
        for (index, function) in self.functions.iter().enumerate() {
            if function.name != name {
                continue;
            }
            self.note_call(index);
            for k in 0..function.parameters.len() {
                self.learn_parameter(index, k, captured.get(k).unwrap_or(&Kind::Other));
            }
        }
    }

    pub(super) fn note_call(&mut self, called: usize) {
        if let Some(is_called) = self.is_called.get_mut(called)
            && self.current != Some(called)
        {
            *is_called = true;
        }
        if let Some(calls) = self.current.and_then(|current| self.calls.get_mut(current)) {
            calls.insert(called);
        }
    }

    pub(super) fn learn_parameter(&mut self, function: usize, k: usize, kind: &Kind) {
        if let Some(known) = self.parameter_kinds.get_mut(function).and_then(|kinds| kinds.get_mut(k)) {
            let joined = known.join(kind);
            let is_lost = joined != *kind;
            *known = joined;
            if is_lost {
                self.escape(kind);
            }
        }
    }

    /// Walks the arguments of a call that nothing is known about.
    pub(super) fn arguments(&mut self, call: &FnCallExpr) {
        for argument in &call.args {
            self.consume(argument);
        }
    }

    /// Walks the arguments of a call of the script's own function.
    pub(super) fn arguments_of(&mut self, function: usize, call: &FnCallExpr) {
        self.note_call(function);
        for (k, argument) in call.args.iter().enumerate() {
            let kind = self.expression(argument);
            self.learn_parameter(function, k, &kind);
        }
    }

    /// The script's own function of that name and number of parameters.
    pub(super) fn own_function(&self, name: &str, count: usize) -> Option<usize> {
        self.functions.iter().position(|f| f.name == name && f.parameters.len() == count)
    }

    pub(super) fn call(&mut self, call: &FnCallExpr, position: Position) {
        let name = call.name.as_str();
        if call.capture_parent_scope {
            for local in &mut self.locals {
                local.is_read = true;
            }
        }
        if call.op_token.is_some() {
            return self.arguments(call);
        }
        if !call.namespace.is_empty() {
            self.check_qualified_name(&call.namespace, name, position);
            return self.arguments(call);
        }
        match (name, call.args.as_slice()) {
            // A closure with what it captures.
            ("curry", [Expr::DynamicConstant(value, _), captured @ ..]) => {
                let kinds: Vec<Kind> = captured.iter().map(|variable| self.expression(variable)).collect();
                if let Some(closure) = function_pointer(value) {
                    self.function_value(&closure, &kinds);
                }
            }
            ("Fn", [Expr::StringConstant(function, at)]) => {
                self.check_function_name(function, place(*at));
                self.function_value(function, &[]);
            }
            _ => match self.own_function(name, call.args.len()) {
                Some(function) => self.arguments_of(function, call),
                None => {
                    self.check_host_call(name, call.args.len(), place(position));
                    self.arguments(call);
                }
            },
        }
    }

    /// Follows a chain from a value of a known kind; `assigned` is the value assigned to its end, if any.
    pub(super) fn follow(&mut self, base: Kind, links: &[Link], assigned: Option<&Expr>) -> Kind {
        let mut kind = base;
        for (index, link) in links.iter().enumerate() {
            let target = assigned.filter(|_| index + 1 == links.len());
            // Inside of a property, and the property itself, are equally read-only.
            let inside = assigned.filter(|_| index + 1 < links.len());
            kind = match link {
                Link::Property(name, position) => {
                    self.property(&kind, name, place(*position), target, inside)
                }
                Link::Method(call, position) => {
                    self.method(&kind, call, place(*position));
                    Kind::Other
                }
                Link::Index(expr) => {
                    let next = self.check_index(&kind, expr, target);
                    self.consume(expr);
                    next
                }
            };
        }
        kind
    }

    pub(super) fn method(&mut self, receiver: &Kind, call: &FnCallExpr, at: (usize, usize)) {
        let name = call.name.as_str();
        let is_ctx_method =
            *receiver == Kind::Ctx && self.vocabulary.ctx_methods.iter().any(|method| method.name == name);
        match self.own_function(name, call.args.len()) {
            Some(function) if !is_ctx_method => {
                if let Some(this) = self.this_kinds.get_mut(function) {
                    *this = this.join(receiver);
                }
                self.arguments_of(function, call);
            }
            _ => {
                self.check_method(receiver, name, call.args.len(), at);
                self.arguments(call);
            }
        }
    }
}

/// Names that some statement assigns, apart from their declarations.
pub(super) fn reassigned(statements: &[Stmt]) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for statement in statements {
        statement.walk(&mut Vec::new(), &mut |path: &[ASTNode]| {
            if let Some(ASTNode::Stmt(Stmt::Assignment(assignment))) = path.last()
                && let Some(name) = variable_name(&assignment.1.lhs)
            {
                names.insert(name.to_string());
            }
            true
        });
    }
    names
}
