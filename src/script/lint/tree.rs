//! Rhai's syntax tree in the shape the linter wants.
//!
//! All knowledge of how Rhai 1.27 lays out its tree is here and in `walk.rs`.

use crate::script::source::Source;
use rhai::{AST, ASTFlags, ASTNode, Dynamic, Expr, FnCallExpr, FnPtr, Position, Stmt};

/// A position as line and column, 0 where Rhai has none.
pub(in crate::script) fn place(position: Position) -> (usize, usize) {
    (position.line().unwrap_or(0), position.position().unwrap_or(0))
}

/// A function of the script, or a closure (whose captured variables are its first parameters).
pub(in crate::script) struct Function {
    pub name: String,
    pub parameters: Vec<String>,
    pub body: Vec<Stmt>,
    pub is_closure: bool,
    /// Where its name stands; for a closure, where its body starts.
    pub place: (usize, usize),
}

/// Every function with its body, in order of position.
///
/// The type of a body is not exported, and `AST::walk` does not say which function a statement belongs to; a
/// copy of the tree with one function in it does. Functions that differ only in the type of `this` come out
/// of that together and are told apart by where their bodies start and end.
pub(in crate::script) fn functions(ast: &AST, source: &Source) -> Vec<Function> {
    let mut functions: Vec<Function> = Vec::new();
    let mut keys: Vec<(String, usize)> = Vec::new();
    for function in ast.iter_functions() {
        let key = (function.name.to_string(), function.params.len());
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    for (name, count) in keys {
        // Not `clone_functions_only_filtered`: in 1.27 it ignores its filter.
        let mut one = ast.clone_functions_only();
        one.retain_functions(|_, _, n, parameters| n == name && parameters == count);
        let mut statements: Vec<Stmt> = Vec::new();
        one.walk(&mut |path: &[ASTNode]| {
            if let [ASTNode::Stmt(statement)] = path {
                statements.push((*statement).clone());
            }
            true
        });
        let definitions: Vec<_> =
            one.shared_lib().iter_script_fn_info().map(|(.., def)| def.clone()).collect();
        let single = definitions.len() == 1;
        for definition in definitions {
            let (start, end) = (definition.body.start_position(), definition.body.end_position());
            let body: Vec<Stmt> = if single {
                std::mem::take(&mut statements)
            } else {
                let is_inside = |s: &&Stmt| s.position() >= start && s.position() <= end;
                statements.iter().filter(is_inside).cloned().collect()
            };
            let is_closure = name.starts_with("anon$");
            let (line, column) = place(start);
            let named = source.function_name(&name, line, column).filter(|_| !is_closure);
            functions.push(Function {
                parameters: definition.params.iter().map(ToString::to_string).collect(),
                place: named.map_or((line, column), |token| (token.line, token.column)),
                name: name.clone(),
                body,
                is_closure,
            });
        }
    }
    functions.sort_by(|a, b| (a.place, &a.name).cmp(&(b.place, &b.name)));
    functions
}

/// One step of `base.a.b(c)[d]`.
#[derive(Clone, Copy)]
pub(in crate::script) enum Link<'a> {
    Property(&'a str, Position),
    Method(&'a FnCallExpr, Position),
    Index(&'a Expr),
}

/// Takes a chain of dots and brackets apart; `None` if the expression is not one.
///
/// Rhai nests chains to the right: `a.b[c].d` is `Dot(a, Index(b, Dot(c, d)))`, so the left side of a node on
/// the right may be an index, not a value. `BREAK` marks the bracket where the nesting ends.
pub(in crate::script) fn chain(expr: &Expr) -> Option<(&Expr, Vec<Link<'_>>)> {
    enum Next<'a> {
        /// Right of a dot.
        AfterDot(&'a Expr),
        /// Right of a bracket, with its flags.
        AfterBracket(&'a Expr, ASTFlags),
    }
    let mut bases: Vec<&Expr> = Vec::new();
    let mut base = expr;
    while let Expr::Dot(pair, ..) | Expr::Index(pair, ..) = base {
        bases.push(base);
        base = &pair.lhs;
    }
    if bases.is_empty() {
        return None;
    }
    let mut links = Vec::new();
    for node in bases.into_iter().rev() {
        let mut next = match node {
            Expr::Dot(pair, ..) => Some(Next::AfterDot(&pair.rhs)),
            Expr::Index(pair, flags, _) => Some(Next::AfterBracket(&pair.rhs, *flags)),
            _ => None,
        };
        while let Some(step) = next.take() {
            match step {
                Next::AfterDot(Expr::Property(names, position)) => {
                    links.push(Link::Property(names.2.as_str(), *position));
                }
                Next::AfterDot(Expr::MethodCall(call, position)) => links.push(Link::Method(call, *position)),
                Next::AfterDot(Expr::Dot(pair, ..)) => {
                    name_link(&pair.lhs, &mut links);
                    next = Some(Next::AfterDot(&pair.rhs));
                }
                Next::AfterDot(Expr::Index(pair, flags, _)) => {
                    name_link(&pair.lhs, &mut links);
                    next = Some(Next::AfterBracket(&pair.rhs, *flags));
                }
                Next::AfterDot(other) => links.push(Link::Index(other)),
                Next::AfterBracket(Expr::Dot(pair, ..), flags) if !flags.contains(ASTFlags::BREAK) => {
                    links.push(Link::Index(&pair.lhs));
                    next = Some(Next::AfterDot(&pair.rhs));
                }
                Next::AfterBracket(Expr::Index(pair, inner, _), flags)
                    if !flags.contains(ASTFlags::BREAK) =>
                {
                    links.push(Link::Index(&pair.lhs));
                    next = Some(Next::AfterBracket(&pair.rhs, *inner));
                }
                Next::AfterBracket(index, _) => links.push(Link::Index(index)),
            }
        }
    }
    Some((base, links))
}

fn name_link<'a>(expr: &'a Expr, links: &mut Vec<Link<'a>>) {
    match expr {
        Expr::Property(names, position) => links.push(Link::Property(names.2.as_str(), *position)),
        Expr::MethodCall(call, position) => links.push(Link::Method(call, *position)),
        other => links.push(Link::Index(other)),
    }
}

/// The name of the function a constant points to.
pub(in crate::script) fn function_pointer(value: &Dynamic) -> Option<String> {
    value.clone().try_cast::<FnPtr>().map(|pointer| pointer.fn_name().to_string())
}

/// Whether the expression is the plain variable `name`.
pub(in crate::script) fn variable_name(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Variable(v, ..) if v.2.is_empty() => Some(v.1.as_str()),
        _ => None,
    }
}

/// Where an expression begins: Rhai gives an operator's own position.
pub(in crate::script) fn start(expr: &Expr) -> Position {
    let mut expr = expr;
    loop {
        expr = match expr {
            Expr::FnCall(call, _) if call.op_token.is_some() && call.args.len() == 2 => {
                match call.args.first() {
                    Some(first) => first,
                    None => return expr.start_position(),
                }
            }
            Expr::Dot(pair, ..) | Expr::Index(pair, ..) => &pair.lhs,
            _ => return expr.start_position(),
        };
    }
}
