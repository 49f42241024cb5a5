//! A script's functions as a small tree: all that the compiled tier knows of Rhai's `internals` is here.
//!
//! Rhai's tree has statements and expressions, chains nested to the right, and several forms of a call. Here
//! everything that runs is a [`Node`] with a value, and what is outside the compiled subset is a [`Form::Outside`]
//! that says so.

use crate::script::lint::tree::{Link, chain, functions};
use crate::script::source::{Source, TokenKind};
use rhai::{AST, ASTFlags, Dynamic, Expr, FnCallExpr, Position, RangeCase, Stmt, StmtBlock};
use rhai::{SwitchCasesCollection, Token};
use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};
use std::rc::Rc;

/// Line and column, both from 1; 0 where there is none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct At {
    pub line: u16,
    pub column: u16,
}

impl At {
    fn of(position: Position) -> At {
        let number = |number: Option<usize>| number.and_then(|it| u16::try_from(it).ok()).unwrap_or(0);
        At { line: number(position.line()), column: number(position.position()) }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    pub form: Form,
    pub at: At,
}

/// A constant of the language that the compiled tier knows.
#[derive(Debug, Clone, PartialEq)]
pub enum Constant {
    Unit,
    Int(i64),
    Float(f64),
    Bool(bool),
    Text(String),
}

/// What a loop does around its body.
#[derive(Debug, Clone, PartialEq)]
pub enum Loop {
    Forever,
    While(Node),
    /// After the body; the flag tells on which answer it goes on.
    Do(Node, bool),
}

/// What a case of a `switch` asks for.
#[derive(Debug, Clone, PartialEq)]
pub enum Pattern {
    Is(Constant),
    /// From, and the last one.
    Within(i64, i64),
}

#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    pub patterns: Vec<Pattern>,
    pub condition: Option<Rc<Node>>,
    pub value: Rc<Node>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Form {
    Constant(Constant),
    Variable(String),
    /// `global::NAME`.
    Global(String),
    Property(Box<Node>, String),
    Index(Box<Node>, Box<Node>),
    Method(Box<Node>, String, Vec<Node>),
    Call(String, Vec<Node>),
    /// An operator by its symbol, with one or two operands.
    Operator(&'static str, Vec<Node>),
    And(Vec<Node>),
    Or(Vec<Node>),
    Block(Vec<Node>),
    If(Box<(Node, Node, Node)>),
    Switch(Box<Node>, Vec<Case>, Option<Box<Node>>),
    Loop(Box<Loop>, Box<Node>),
    /// Over whole numbers, from one to before (or up to, if the flag is set) another.
    For {
        name: String,
        counter: Option<String>,
        from: Box<Node>,
        to: Box<Node>,
        inclusive: bool,
        body: Box<Node>,
    },
    Let(String, Box<Node>),
    /// With the operator's symbol where it is `+=` and the like.
    Assign(Option<&'static str>, Box<Node>, Box<Node>),
    Break(Option<Box<Node>>),
    Continue,
    Return(Option<Box<Node>>),
    Throw,
    /// Not in the subset; what it is, in an author's words.
    Outside(&'static str),
}

/// A function of the script.
#[derive(Debug, Clone)]
pub struct Function {
    pub parameters: Vec<String>,
    pub body: Node,
}

/// Functions by name and number of parameters.
pub type Functions = BTreeMap<(String, usize), Function>;

/// Reads all functions of a script.
pub fn read(ast: &AST, text: &str) -> Functions {
    let source = Source::new(text);
    let all = functions(ast, &source);
    let own_range = all.iter().any(|function| function.name == "range");
    let reader = Reader { literals: literals(&source), own_range };
    let mut read = Functions::new();
    for function in all {
        if function.is_closure {
            continue;
        }
        let (line, column) = function.place;
        let number = |it: usize| u16::try_from(it).unwrap_or(0);
        let at = At { line: number(line), column: number(column) };
        let key = (function.name.clone(), function.parameters.len());
        // Of functions that differ in the type of `this`, none is known well enough.
        let twice = read.contains_key(&key);
        let body = if twice {
            outside("several functions of one name", at)
        } else {
            Node { form: reader.statements(&function.body), at }
        };
        read.insert(key, Function { parameters: function.parameters, body });
    }
    read
}

fn outside(what: &'static str, at: At) -> Node {
    Node { form: Form::Outside(what), at }
}

fn node(form: Form, at: At) -> Node {
    Node { form, at }
}

/// What the cases of a `switch` may be: Rhai keeps a hash of each, and the numbers are somewhere in the text.
fn literals(source: &Source) -> Vec<(u64, Constant)> {
    let mut values = vec![Constant::Bool(true), Constant::Bool(false), Constant::Unit];
    for token in source.tokens() {
        let text = source.text(token);
        match token.kind {
            TokenKind::Number => {
                let digits = text.replace('_', "");
                let number = match digits.get(..2) {
                    Some("0x" | "0X") => i64::from_str_radix(digits.get(2..).unwrap_or_default(), 16).ok(),
                    Some("0b" | "0B") => i64::from_str_radix(digits.get(2..).unwrap_or_default(), 2).ok(),
                    Some("0o" | "0O") => i64::from_str_radix(digits.get(2..).unwrap_or_default(), 8).ok(),
                    _ => digits.parse().ok(),
                };
                if let Some(number) = number {
                    values.extend([Constant::Int(number), Constant::Int(number.wrapping_neg())]);
                }
                if digits == "9223372036854775808" {
                    values.push(Constant::Int(i64::MIN));
                }
                if let Ok(number) = digits.parse::<f64>() {
                    values.extend([Constant::Float(number), Constant::Float(-number)]);
                }
            }
            TokenKind::Text => {
                let inner = text.get(1..text.len().saturating_sub(1)).unwrap_or_default();
                values.push(Constant::Text(inner.to_owned()));
            }
            TokenKind::Word | TokenKind::Symbol => {}
        }
    }
    values.into_iter().map(|value| (hash(&dynamic(&value)), value)).collect()
}

/// A constant as Rhai holds it.
pub fn dynamic(constant: &Constant) -> Dynamic {
    match constant {
        Constant::Unit => Dynamic::UNIT,
        Constant::Int(value) => Dynamic::from_int(*value),
        Constant::Float(value) => Dynamic::from_float(*value),
        Constant::Bool(value) => Dynamic::from_bool(*value),
        Constant::Text(value) => Dynamic::from(value.clone()),
    }
}

/// A value of Rhai's as a constant; `None` for anything else than a plain one.
pub fn constant(value: &Dynamic) -> Option<Constant> {
    if value.tag() != 0 {
        return None;
    }
    if value.is_unit() {
        return Some(Constant::Unit);
    }
    let number = value.as_int().map(Constant::Int).or_else(|_| value.as_float().map(Constant::Float));
    let plain = number.or_else(|_| value.as_bool().map(Constant::Bool));
    plain.ok().or_else(|| Some(Constant::Text(value.clone().into_immutable_string().ok()?.to_string())))
}

/// As Rhai computes it for the cases of a `switch`.
fn hash(value: &Dynamic) -> u64 {
    let mut hasher = ahash::AHasher::default();
    value.hash(&mut hasher);
    hasher.finish()
}

/// Nodes below a node, itself included.
pub fn count(node: &Node) -> u32 {
    let mut total = 1;
    node.form.children(&mut |child| total += count(child));
    total
}

impl Form {
    /// Calls `see` with each part.
    pub fn children<'a>(&'a self, see: &mut impl FnMut(&'a Node)) {
        match self {
            Form::Constant(_) | Form::Variable(_) | Form::Global(_) => {}
            Form::Continue | Form::Throw | Form::Outside(_) => {}
            Form::Property(base, _) | Form::Let(_, base) => see(base),
            Form::Index(base, index) => {
                see(base);
                see(index);
            }
            Form::Method(base, _, arguments) => {
                see(base);
                arguments.iter().for_each(see);
            }
            Form::Call(_, parts)
            | Form::Operator(_, parts)
            | Form::And(parts)
            | Form::Or(parts)
            | Form::Block(parts) => parts.iter().for_each(see),
            Form::If(parts) => [&parts.0, &parts.1, &parts.2].into_iter().for_each(see),
            Form::Switch(value, cases, default) => {
                see(value);
                for case in cases {
                    case.condition.iter().for_each(|it| see(it));
                    see(&case.value);
                }
                default.iter().for_each(|it| see(it));
            }
            Form::Loop(kind, body) => {
                match &**kind {
                    Loop::Forever => {}
                    Loop::While(condition) | Loop::Do(condition, _) => see(condition),
                }
                see(body);
            }
            Form::For { from, to, body, .. } => [from, to, body].into_iter().for_each(|it| see(it)),
            Form::Assign(_, target, value) => {
                see(target);
                see(value);
            }
            Form::Break(value) | Form::Return(value) => value.iter().for_each(|it| see(it)),
        }
    }
}

/// The variables that are assigned to anywhere below a node.
pub fn assigned<'a>(node: &'a Node, names: &mut Vec<&'a str>) {
    if let Form::Assign(_, target, _) = &node.form
        && let Form::Variable(name) = &target.form
    {
        names.push(name);
    }
    node.form.children(&mut |child| assigned(child, names));
}

struct Reader {
    literals: Vec<(u64, Constant)>,
    /// The script has a function called `range`.
    own_range: bool,
}

impl Reader {
    fn statements(&self, statements: &[Stmt]) -> Form {
        Form::Block(statements.iter().map(|it| self.statement(it)).collect())
    }

    fn block(&self, block: &StmtBlock) -> Node {
        node(self.statements(block.statements()), At::of(block.position()))
    }

    fn boxed(&self, expr: &Expr) -> Box<Node> {
        Box::new(self.expression(expr))
    }

    fn statement(&self, statement: &Stmt) -> Node {
        let at = At::of(statement.position());
        let form = match statement {
            Stmt::Noop(_) => Form::Constant(Constant::Unit),
            Stmt::Expr(expr) => return self.expression(expr),
            Stmt::Block(block) => return self.block(block),
            Stmt::FnCall(call, position) => return self.call(call, At::of(*position)),
            Stmt::If(flow, _) => {
                let branches =
                    (self.expression(&flow.expr), self.block(&flow.body), self.block(&flow.branch));
                Form::If(Box::new(branches))
            }
            Stmt::Switch(parts, _) => return self.switch(&parts.0, &parts.1, at),
            Stmt::While(flow, _) => {
                let kind = match &flow.expr {
                    Expr::Unit(_) | Expr::BoolConstant(true, _) => Loop::Forever,
                    condition => Loop::While(self.expression(condition)),
                };
                Form::Loop(Box::new(kind), Box::new(self.block(&flow.body)))
            }
            Stmt::Do(flow, flags, _) => {
                let goes_on = !flags.contains(ASTFlags::NEGATED);
                let kind = Loop::Do(self.expression(&flow.expr), goes_on);
                Form::Loop(Box::new(kind), Box::new(self.block(&flow.body)))
            }
            Stmt::For(parts, _) => {
                let (name, counter, flow) = &**parts;
                let Some((from, to, inclusive)) = self.range(&flow.expr) else {
                    return outside("a loop over something else than a range", At::of(flow.expr.position()));
                };
                Form::For {
                    name: name.name.to_string(),
                    counter: counter.as_ref().map(|it| it.name.to_string()),
                    from: Box::new(from),
                    to: Box::new(to),
                    inclusive,
                    body: Box::new(self.block(&flow.body)),
                }
            }
            Stmt::Var(parts, flags, _) if !flags.contains(ASTFlags::EXPORTED) => {
                Form::Let(parts.0.name.to_string(), self.boxed(&parts.1))
            }
            Stmt::Assignment(parts) => {
                let (operator, pair) = &**parts;
                let symbol = operator.get_op_assignment_info().map(|info| info.5);
                Form::Assign(symbol, self.boxed(&pair.lhs), self.boxed(&pair.rhs))
            }
            Stmt::BreakLoop(value, flags, _) if flags.contains(ASTFlags::BREAK) => {
                Form::Break(value.as_ref().map(|it| self.boxed(it)))
            }
            Stmt::BreakLoop(..) => Form::Continue,
            Stmt::Return(_, flags, _) if flags.contains(ASTFlags::BREAK) => Form::Throw,
            Stmt::Return(value, ..) => Form::Return(value.as_ref().map(|it| self.boxed(it))),
            Stmt::TryCatch(..) => Form::Outside("try and catch"),
            _ => Form::Outside("this statement"),
        };
        node(form, at)
    }

    fn expression(&self, expr: &Expr) -> Node {
        let at = At::of(expr.position());
        let constant = |value| Form::Constant(value);
        let form = match expr {
            Expr::Unit(_) => constant(Constant::Unit),
            Expr::IntegerConstant(value, _) => constant(Constant::Int(*value)),
            Expr::FloatConstant(value, _) => constant(Constant::Float(**value)),
            Expr::BoolConstant(value, _) => constant(Constant::Bool(*value)),
            Expr::StringConstant(value, _) => constant(Constant::Text(value.to_string())),
            Expr::Variable(variable, ..) if variable.2.is_empty() => Form::Variable(variable.1.to_string()),
            Expr::Variable(variable, ..) => {
                let mut path = variable.2.path.iter().map(|part| part.name.as_str());
                match (path.next(), path.next()) {
                    (Some("global"), None) => Form::Global(variable.1.to_string()),
                    _ => Form::Outside("a constant of an imported file"),
                }
            }
            Expr::Stmt(block) => self.statements(block.statements()),
            Expr::FnCall(call, position) => return self.call(call, At::of(*position)),
            Expr::And(parts, _) => Form::And(parts.iter().map(|it| self.expression(it)).collect()),
            Expr::Or(parts, _) => Form::Or(parts.iter().map(|it| self.expression(it)).collect()),
            Expr::Dot(_, flags, _) | Expr::Index(_, flags, _) if flags.contains(ASTFlags::NEGATED) => {
                Form::Outside("`?.` and `?[`")
            }
            Expr::Dot(..) | Expr::Index(..) => return self.chain(expr, at),
            Expr::InterpolatedString(..) => Form::Outside("building a text"),
            Expr::Array(..) => Form::Outside("an array"),
            Expr::Map(..) => Form::Outside("an object map"),
            Expr::Coalesce(..) => Form::Outside("`??`"),
            Expr::ThisPtr(_) => Form::Outside("`this`"),
            Expr::DynamicConstant(..) | Expr::CharConstant(..) => Form::Outside("this constant"),
            _ => Form::Outside("this expression"),
        };
        node(form, at)
    }

    fn chain(&self, expr: &Expr, at: At) -> Node {
        let Some((base, links)) = chain(expr) else { return outside("this expression", at) };
        let mut whole = self.expression(base);
        for link in links {
            whole = match link {
                Link::Property(name, position) => {
                    node(Form::Property(Box::new(whole), name.to_owned()), At::of(position))
                }
                Link::Method(call, position) => {
                    if !call.namespace.is_empty() || call.capture_parent_scope {
                        return outside("this call", At::of(position));
                    }
                    let arguments = call.args.iter().map(|it| self.expression(it)).collect();
                    node(Form::Method(Box::new(whole), call.name.to_string(), arguments), At::of(position))
                }
                Link::Index(index) => {
                    let index = self.expression(index);
                    let at = index.at;
                    node(Form::Index(Box::new(whole), Box::new(index)), at)
                }
            };
        }
        whole
    }

    fn call(&self, call: &FnCallExpr, at: At) -> Node {
        if !call.namespace.is_empty() {
            return outside("a function of an imported file", at);
        }
        if call.capture_parent_scope {
            return outside("a call with `!`", at);
        }
        let arguments: Vec<Node> = call.args.iter().map(|it| self.expression(it)).collect();
        let form = match &call.op_token {
            Some(token) => match symbol(token) {
                Some(symbol) => Form::Operator(symbol, arguments),
                None => Form::Outside("this operator"),
            },
            None => Form::Call(call.name.to_string(), arguments),
        };
        node(form, at)
    }

    /// A range of whole numbers, as written behind `in`.
    fn range(&self, expr: &Expr) -> Option<(Node, Node, bool)> {
        let (from, to, inclusive) = match expr {
            Expr::FnCall(call, _) if call.namespace.is_empty() => {
                let inclusive = match call.op_token.as_ref() {
                    Some(Token::ExclusiveRange) => false,
                    Some(Token::InclusiveRange) => true,
                    None if call.name == "range" && !self.own_range => false,
                    _ => return None,
                };
                match call.args.as_slice() {
                    [from, to] => (self.expression(from), self.expression(to), inclusive),
                    _ => return None,
                }
            }
            Expr::DynamicConstant(value, position) => {
                let int = |value: i64| node(Form::Constant(Constant::Int(value)), At::of(*position));
                if let Some(range) = value.read_lock::<std::ops::Range<i64>>() {
                    (int(range.start), int(range.end), false)
                } else {
                    let range = value.read_lock::<std::ops::RangeInclusive<i64>>()?;
                    (int(*range.start()), int(*range.end()), true)
                }
            }
            _ => return None,
        };
        Some((from, to, inclusive))
    }

    fn switch(&self, value: &Expr, cases: &SwitchCasesCollection, at: At) -> Node {
        let mut patterns: Vec<Vec<(bool, Pattern)>> = vec![Vec::new(); cases.expressions.len()];
        let mut hashes: Vec<u64> = Vec::new();
        for range in &cases.ranges {
            let (index, from, last, whole) = match range {
                RangeCase::ExclusiveInt(range, index) => {
                    let last = range.end.checked_sub(1);
                    (*index, range.start, last, Dynamic::from(range.clone()))
                }
                RangeCase::InclusiveInt(range, index) => {
                    (*index, *range.start(), Some(*range.end()), Dynamic::from(range.clone()))
                }
            };
            hashes.push(hash(&whole));
            if let (Some(last), Some(patterns)) = (last, patterns.get_mut(index)) {
                patterns.push((true, Pattern::Within(from, last)));
            }
        }
        // What is left has nothing but its hash.
        for (key, blocks) in cases.cases.iter() {
            if hashes.contains(key) {
                continue;
            }
            let Some((_, literal)) = self.literals.iter().find(|(hash, _)| hash == key) else {
                return outside("a case of `switch` that is no plain number", at);
            };
            for index in &blocks.blocks {
                if let Some(patterns) = patterns.get_mut(*index) {
                    patterns.push((false, Pattern::Is(literal.clone())));
                }
            }
        }
        // Values come before ranges, whatever the order they are written in.
        let mut ordered: Vec<Case> = Vec::new();
        for ranges in [false, true] {
            for (index, pair) in cases.expressions.iter().enumerate() {
                let of =
                    patterns.get(index).into_iter().flatten().filter(|(is_range, _)| *is_range == ranges);
                let patterns: Vec<Pattern> = of.map(|(_, pattern)| pattern.clone()).collect();
                if patterns.is_empty() {
                    continue;
                }
                let value = Rc::new(self.expression(&pair.rhs));
                let (condition, groups) = match &pair.lhs {
                    Expr::BoolConstant(true, _) => (None, vec![patterns]),
                    condition => (Some(Rc::new(self.expression(condition))), apart(patterns)),
                };
                ordered.extend(groups.into_iter().map(|patterns| Case {
                    patterns,
                    condition: condition.clone(),
                    value: value.clone(),
                }));
            }
        }
        let default = cases.def_case.and_then(|index| cases.expressions.get(index));
        let default = default.map(|pair| self.boxed(&pair.rhs));
        node(Form::Switch(self.boxed(value), ordered, default), at)
    }
}

/// Patterns in groups in which no value has two: a value that a case with a condition has several times is asked about
/// as often, while the answer is no.
fn apart(patterns: Vec<Pattern>) -> Vec<Vec<Pattern>> {
    let overlap = |a: &Pattern, b: &Pattern| match (a, b) {
        (Pattern::Within(from, last), Pattern::Within(other, other_last)) => {
            from <= other_last && other <= last
        }
        (a, b) => a == b,
    };
    let mut groups: Vec<Vec<Pattern>> = Vec::new();
    for pattern in patterns {
        match groups.iter_mut().find(|group| !group.iter().any(|other| overlap(other, &pattern))) {
            Some(group) => group.push(pattern),
            None => groups.push(vec![pattern]),
        }
    }
    groups
}

/// The operators of the subset.
fn symbol(token: &Token) -> Option<&'static str> {
    Some(match token {
        Token::Plus | Token::UnaryPlus => "+",
        Token::Minus | Token::UnaryMinus => "-",
        Token::Multiply => "*",
        Token::Divide => "/",
        Token::Modulo => "%",
        Token::PowerOf => "**",
        Token::LeftShift => "<<",
        Token::RightShift => ">>",
        Token::Ampersand => "&",
        Token::Pipe => "|",
        Token::XOr => "^",
        Token::EqualsTo => "==",
        Token::NotEqualsTo => "!=",
        Token::LessThan => "<",
        Token::LessThanEqualsTo => "<=",
        Token::GreaterThan => ">",
        Token::GreaterThanEqualsTo => ">=",
        Token::Bang => "!",
        _ => return None,
    })
}
