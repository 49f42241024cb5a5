//! What the linter knows while it walks: what is in scope, what kind of value stands where, which function
//! calls which.

use super::declared::Declared;
use super::tree::{Function, Link, chain};
use super::vocabulary::{PropertyKind, Vocabulary};
use super::walk::reassigned;
use crate::script::diagnostic::Diagnostic;
use rhai::{AST, ASTFlags, ASTNode, Expr, Stmt};
use std::collections::BTreeSet;

/// What is known about a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    /// A parameter of a function no call of which was seen yet.
    Unseen,
    /// Anything.
    Other,
    Ctx,
    Params,
    Fill,
    Trade,
    /// The property of `ctx` of that name.
    Property(String, PropertyKind),
}

impl Kind {
    pub(super) fn join(&self, other: &Kind) -> Kind {
        match (self, other) {
            (Kind::Unseen, kind) | (kind, Kind::Unseen) => kind.clone(),
            (a, b) if a == b => a.clone(),
            _ => Kind::Other,
        }
    }
}

/// Which handlers reach a function, as bits.
pub(super) const PARAMS: u8 = 1;
pub(super) const INIT: u8 = 2;
pub(super) const CANDLE: u8 = 4;

/// A name in scope.
pub(super) struct Local {
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) place: (usize, usize),
    /// Declared by `let` or `const`: worth a word if never read.
    pub(super) is_variable: bool,
    pub(super) is_read: bool,
}

/// What the statements outside all functions declare.
#[derive(Default)]
pub(super) struct TopLevel {
    pub(super) constants: BTreeSet<String>,
    pub(super) variables: BTreeSet<String>,
    pub(super) aliases: BTreeSet<String>,
}

pub(super) struct Linter<'a> {
    pub(super) functions: &'a [Function],
    pub(super) vocabulary: &'a Vocabulary,
    pub(super) declared: &'a Declared,
    pub(super) top: TopLevel,
    /// Names of map entries anywhere in the script: closures in maps are called like methods.
    pub(super) map_keys: BTreeSet<String>,
    /// The function being walked; `None` outside all functions.
    pub(super) current: Option<usize>,
    /// Per function: which handlers reach it.
    pub(super) phases: Vec<u8>,
    pub(super) is_called: Vec<bool>,
    pub(super) ctx_properties_read: BTreeSet<String>,
    pub(super) parameters_read: BTreeSet<String>,
    /// `ctx` (`p`) went where it cannot be followed.
    pub(super) ctx_escapes: bool,
    pub(super) params_escape: bool,
    pub(super) found: Vec<Diagnostic>,
    pub(super) is_silent: bool,
    pub(super) parameter_kinds: Vec<Vec<Kind>>,
    pub(super) this_kinds: Vec<Kind>,
    pub(super) calls: Vec<BTreeSet<usize>>,
    /// Names assigned somewhere in the current function: their kind is not relied on.
    pub(super) reassigned: BTreeSet<String>,
    pub(super) locals: Vec<Local>,
    /// Names of the current function that went out of scope.
    pub(super) left: BTreeSet<String>,
    pub(super) aliases: Vec<String>,
}

impl<'a> Linter<'a> {
    pub(super) fn new(
        ast: &AST,
        functions: &'a [Function],
        vocabulary: &'a Vocabulary,
        declared: &'a Declared,
    ) -> Linter<'a> {
        let mut top = TopLevel::default();
        for statement in ast.statements() {
            match statement {
                Stmt::Var(var, flags, _) if flags.contains(ASTFlags::CONSTANT) => {
                    top.constants.insert(var.0.name.to_string());
                }
                Stmt::Var(var, ..) => {
                    top.variables.insert(var.0.name.to_string());
                }
                Stmt::Import(import, _) => {
                    top.aliases.insert(import.1.name.to_string());
                }
                _ => {}
            }
        }
        let mut map_keys = BTreeSet::new();
        ast.walk(&mut |path: &[ASTNode]| {
            match path.last() {
                Some(ASTNode::Expr(Expr::Map(entries, _))) => {
                    map_keys.extend(entries.0.iter().map(|(key, _)| key.name.to_string()));
                }
                Some(ASTNode::Stmt(Stmt::Assignment(assignment))) => {
                    if let Some((_, links)) = chain(&assignment.1.lhs)
                        && let Some(Link::Property(name, _)) = links.last()
                    {
                        map_keys.insert((*name).to_string());
                    }
                }
                _ => {}
            }
            true
        });
        let parameter_kinds = functions
            .iter()
            .map(|function| {
                let kinds: &[Kind] = match function.name.as_str() {
                    "init" => &[Kind::Params],
                    "on_candle" => &[Kind::Ctx, Kind::Params],
                    "on_fill" => &[Kind::Ctx, Kind::Params, Kind::Fill],
                    "on_exit" => &[Kind::Ctx, Kind::Params, Kind::Trade],
                    _ => &[],
                };
                let given = kinds.iter().cloned().chain(std::iter::repeat(Kind::Unseen));
                given.take(function.parameters.len()).collect()
            })
            .collect();
        Linter {
            functions,
            vocabulary,
            declared,
            top,
            map_keys,
            current: None,
            phases: vec![0; functions.len()],
            is_called: vec![false; functions.len()],
            ctx_properties_read: BTreeSet::new(),
            parameters_read: BTreeSet::new(),
            ctx_escapes: false,
            params_escape: false,
            found: Vec::new(),
            is_silent: true,
            parameter_kinds,
            this_kinds: vec![Kind::Unseen; functions.len()],
            calls: vec![BTreeSet::new(); functions.len()],
            reassigned: BTreeSet::new(),
            locals: Vec::new(),
            left: BTreeSet::new(),
            aliases: Vec::new(),
        }
    }

    /// Walks everything silently; whether something about parameters was learnt.
    pub(super) fn learn(&mut self, ast: &AST) -> bool {
        let before = (self.parameter_kinds.clone(), self.this_kinds.clone());
        self.walk_all(ast);
        before != (self.parameter_kinds.clone(), self.this_kinds.clone())
    }

    /// Walks everything and collects the findings.
    pub(super) fn report(&mut self, ast: &AST) {
        self.spread_phases();
        self.is_silent = false;
        self.walk_all(ast);
    }

    pub(super) fn spread_phases(&mut self) {
        let mut pending: Vec<(usize, u8)> = Vec::new();
        for (index, function) in self.functions.iter().enumerate() {
            match function.name.as_str() {
                "params" => pending.push((index, PARAMS)),
                "init" => pending.push((index, INIT)),
                "on_candle" | "on_fill" | "on_exit" => pending.push((index, CANDLE)),
                _ => {}
            }
        }
        while let Some((index, phase)) = pending.pop() {
            let (Some(own), Some(calls)) = (self.phases.get_mut(index), self.calls.get(index)) else {
                continue;
            };
            if *own & phase == 0 {
                *own |= phase;
                pending.extend(calls.iter().map(|called| (*called, phase)));
            }
        }
    }

    pub(super) fn walk_all(&mut self, ast: &AST) {
        self.current = None;
        self.reassigned = reassigned(ast.statements());
        self.top_level(ast.statements());
        for (index, function) in self.functions.iter().enumerate() {
            self.current = Some(index);
            self.reassigned = reassigned(&function.body);
            self.locals.clear();
            self.left.clear();
            self.aliases.clear();
            for (k, name) in function.parameters.iter().enumerate() {
                let kind = self.parameter_kinds.get(index).and_then(|kinds| kinds.get(k)).cloned();
                self.declare(name, kind.unwrap_or(Kind::Other), (0, 0), false);
            }
            // Nobody looks at what a handler returns, except for the maps of `params` and `init`.
            let result_used = !matches!(function.name.as_str(), "on_candle" | "on_fill" | "on_exit");
            self.statements(&function.body, result_used);
            self.leave_scope(0);
        }
    }

    pub(super) fn top_level(&mut self, statements: &[Stmt]) {
        self.locals.clear();
        self.aliases.clear();
        self.statements(statements, true);
        // What is declared here is seen from elsewhere: not "unused".
        self.locals.clear();
    }

    pub(super) fn report_error(&mut self, at: (usize, usize), message: String, help: Option<String>) {
        if !self.is_silent {
            self.found.push(Diagnostic { help, ..Diagnostic::error(at.0, at.1, message) });
        }
    }

    pub(super) fn report_warning(&mut self, at: (usize, usize), message: String, help: Option<String>) {
        if !self.is_silent {
            self.found.push(Diagnostic { help, ..Diagnostic::warning(at.0, at.1, message) });
        }
    }

    // ---- scopes

    pub(super) fn declare(&mut self, name: &str, kind: Kind, place: (usize, usize), is_variable: bool) {
        let kind = if self.reassigned.contains(name) && kind != Kind::Unseen { Kind::Other } else { kind };
        self.locals.push(Local { name: name.to_string(), kind, place, is_variable, is_read: false });
    }

    pub(super) fn leave_scope(&mut self, depth: usize) {
        while self.locals.len() > depth {
            let Some(local) = self.locals.pop() else { return };
            self.left.insert(local.name.clone());
            if local.is_variable && !local.is_read && !local.name.starts_with('_') {
                let help = format!("remove it, or call it `_{}` if that is meant", local.name);
                self.report_warning(local.place, format!("`{}` is never used", local.name), Some(help));
            }
        }
    }

    pub(super) fn local(&mut self, name: &str) -> Option<&mut Local> {
        self.locals.iter_mut().rev().find(|local| local.name == name)
    }

    /// Takes a name as used: it was meant where another stands.
    pub(super) fn mark_read(&mut self, name: &str) {
        if let Some(local) = self.local(name) {
            local.is_read = true;
        }
    }

    pub(super) fn local_names(&self) -> impl Iterator<Item = &str> {
        self.locals.iter().map(|local| local.name.as_str())
    }

    /// The name under which a kind of value is in scope: `ctx` may be called anything.
    pub(super) fn name_of(&self, kind: &Kind) -> Option<&str> {
        self.locals.iter().rev().find(|local| local.kind == *kind).map(|local| local.name.as_str())
    }

    pub(super) fn this_is_ctx(&self) -> bool {
        self.current.and_then(|index| self.this_kinds.get(index)) == Some(&Kind::Ctx)
    }

    pub(super) fn left_scope(&self, name: &str) -> bool {
        self.left.contains(name)
    }

    pub(super) fn knows_alias(&self, alias: &str) -> bool {
        self.top.aliases.contains(alias) || self.aliases.iter().any(|known| known == alias)
    }

    pub(super) fn alias_names(&self) -> impl Iterator<Item = &str> {
        self.top.aliases.iter().chain(&self.aliases).map(String::as_str)
    }
}
