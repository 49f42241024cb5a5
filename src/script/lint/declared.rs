//! What a script declares, read off its syntax tree: the names `params` and `init` put into their maps, and
//! what it imports.

use super::tree::{Function, Link, chain, place, variable_name};
use rhai::{AST, ASTNode, Expr, Position, Stmt};

/// What a declared name is set to, as far as its text shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeclaredValue {
    Number,
    Bool,
    /// The result of this function: `sma`, `int`.
    Call(String),
    Other,
}

/// A name in the map that `params` or `init` returns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declaration {
    pub name: String,
    pub value: DeclaredValue,
    pub line: usize,
    pub column: usize,
}

/// What `params` and `init` declare, in order of position.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Declared {
    pub params: Vec<Declaration>,
    pub init: Vec<Declaration>,
}

pub(super) fn declared_by(functions: &[Function]) -> Declared {
    let by = |name: &str| {
        let mut found = Vec::new();
        for function in functions.iter().filter(|function| function.name == name) {
            for statement in &function.body {
                statement_keys(statement, &mut found);
            }
        }
        found.sort_by_key(|d: &Declaration| (d.line, d.column));
        found
    };
    Declared { params: by("params"), init: by("init") }
}

fn statement_keys(statement: &Stmt, found: &mut Vec<Declaration>) {
    statement.walk(&mut Vec::new(), &mut |path: &[ASTNode]| {
        match path {
            [.., ASTNode::Stmt(Stmt::Assignment(assignment))] => {
                if let Some((base, links)) = chain(&assignment.1.lhs)
                    && variable_name(base).is_some()
                {
                    match links.as_slice() {
                        [Link::Property(name, position)] => {
                            add(name, &assignment.1.rhs, *position, found);
                        }
                        [Link::Index(Expr::StringConstant(name, position))] => {
                            add(name, &assignment.1.rhs, *position, found);
                        }
                        _ => {}
                    }
                }
            }
            [above @ .., ASTNode::Expr(Expr::Map(entries, _))] => {
                let nested = above.iter().any(|node| match node {
                    ASTNode::Expr(Expr::Map(..) | Expr::Array(..)) => true,
                    ASTNode::Stmt(Stmt::Assignment(a)) => variable_name(&a.1.lhs).is_none(),
                    _ => false,
                });
                if !nested {
                    for (key, value) in &entries.0 {
                        add(&key.name, value, key.pos, found);
                    }
                }
            }
            _ => {}
        }
        true
    });
}

fn add(name: &str, value: &Expr, position: Position, found: &mut Vec<Declaration>) {
    let value = match value {
        Expr::IntegerConstant(..) | Expr::FloatConstant(..) => DeclaredValue::Number,
        Expr::BoolConstant(..) => DeclaredValue::Bool,
        Expr::FnCall(call, _) if call.op_token.is_none() && call.namespace.is_empty() => {
            DeclaredValue::Call(call.name.to_string())
        }
        _ => DeclaredValue::Other,
    };
    let (line, column) = place(position);
    found.push(Declaration { name: name.to_string(), value, line, column });
}

/// Every `import "path" as alias` of the script, wherever it stands: path, alias (empty without one), and
/// where. Imports whose path is not a constant text are left out; the linter refuses them.
pub fn imports(ast: &AST) -> Vec<(String, String, Position)> {
    let mut found = Vec::new();
    ast.walk(&mut |path: &[ASTNode]| {
        if let Some(ASTNode::Stmt(Stmt::Import(import, position))) = path.last()
            && let Expr::StringConstant(file, _) = &import.0
        {
            found.push((file.to_string(), import.1.name.to_string(), *position));
        }
        true
    });
    found.sort_by_key(|(_, _, position)| place(*position));
    found
}
