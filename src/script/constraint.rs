//! Constraints on combinations of parameters: `fast_period < slow_period`, in the script's own language.

use super::diagnostic::from_rhai;
use super::host::sandbox;
use super::parameters::Value;
use super::suggest::nearest;
use rhai::{AST, ASTNode, Dynamic, Engine, EvalAltResult, Expr, Scope};

/// What is wrong with a constraint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("constraint \"{text}\": {message}")]
pub struct ConstraintError {
    /// Which one, from 0.
    pub index: usize,
    pub text: String,
    pub message: String,
}

/// Constraints that must hold together. One that names a parameter which is null holds, whatever it says of it.
pub struct Constraints {
    engine: Engine,
    compiled: Vec<Constraint>,
    scope: Scope<'static>,
}

struct Constraint {
    ast: AST,
    text: String,
    /// The parameters it names.
    names: Vec<String>,
}

impl Constraints {
    pub fn new(texts: &[String]) -> Result<Constraints, ConstraintError> {
        let mut engine = sandbox();
        refuse_unlike(&mut engine);
        let compile = |(index, text): (usize, &String)| match engine.compile_expression(text) {
            Ok(ast) => Ok(Constraint { names: variables(&ast), ast, text: text.clone() }),
            Err(error) => {
                let message =
                    from_rhai(&error.into(), text, "").message.replace("the script ends", "it ends");
                Err(ConstraintError { index, text: text.clone(), message: message + advice(text) })
            }
        };
        let compiled = texts.iter().enumerate().map(compile).collect::<Result<_, _>>()?;
        Ok(Constraints { engine, compiled, scope: Scope::new() })
    }

    /// Whether all hold for these parameters; `None` is null.
    pub fn hold<'a>(
        &mut self,
        values: impl IntoIterator<Item = (&'a str, Option<&'a Value>)>,
    ) -> Result<bool, ConstraintError> {
        self.scope.clear();
        let mut null: Vec<&str> = Vec::new();
        for (name, value) in values {
            let value = match value {
                None => {
                    null.push(name);
                    Dynamic::UNIT
                }
                Some(Value::Int(value)) => Dynamic::from_int(*value),
                Some(Value::Float(value)) => Dynamic::from_float(*value),
                Some(Value::Bool(value)) => Dynamic::from_bool(*value),
                Some(Value::Text(value)) => Dynamic::from(value.clone()),
            };
            self.scope.push_dynamic(name, value);
        }
        for (index, Constraint { ast, text, names }) in self.compiled.iter().enumerate() {
            if names.iter().any(|name| null.contains(&name.as_str())) {
                continue;
            }
            let failed = |message: String| ConstraintError { index, text: text.clone(), message };
            let value: Dynamic = self.engine.eval_ast_with_scope(&mut self.scope, ast).map_err(|error| {
                let unknown = match &*error {
                    EvalAltResult::ErrorVariableNotFound(name, _) => Some(name.as_str()),
                    _ => None,
                };
                let names: Vec<&str> = self.scope.iter_raw().map(|(name, ..)| name).collect();
                match unknown {
                    None => failed(from_rhai(&error, text, "").message),
                    Some(unknown) => failed(match nearest(unknown, names) {
                        Some(name) => {
                            format!("there is no parameter `{unknown}`: did you mean `{name}`?")
                        }
                        None => format!("there is no parameter `{unknown}`"),
                    }),
                }
            })?;
            match value.as_bool() {
                Ok(true) => {}
                Ok(false) => return Ok(false),
                Err(kind) => {
                    return Err(failed(format!(
                        "it must be true or false, such as \"fast_period < slow_period\"; this is {}",
                        in_words(kind)
                    )));
                }
            }
        }
        Ok(true)
    }
}

fn in_words(kind: &str) -> &str {
    match kind {
        "i64" => "a whole number",
        "f64" => "a number",
        "string" => "a text",
        kind => kind,
    }
}

/// What those who come from Python write.
fn advice(text: &str) -> &'static str {
    let compares = |at: usize| matches!(text.as_bytes().get(at), Some(b'=' | b'<' | b'>' | b'!'));
    let mut signs = text.match_indices('=').map(|(at, _)| at);
    let assigns = signs.any(|at| !compares(at + 1) && !at.checked_sub(1).is_some_and(compares));
    let word = |word: &str| text.split(|c: char| !c.is_alphanumeric()).any(|part| part == word);
    match () {
        () if word("and") => "; write && for and",
        () if word("or") => "; write || for or",
        () if word("not") => "; write ! for not",
        () if assigns => "; write == for equal",
        () => "",
    }
}

/// The variables an expression names.
fn variables(ast: &AST) -> Vec<String> {
    let mut names = Vec::new();
    ast.walk(&mut |path: &[ASTNode]| {
        if let Some(ASTNode::Expr(Expr::Variable(variable, ..))) = path.last() {
            names.push(variable.1.to_string());
        }
        true
    });
    names
}

/// A text is neither smaller nor larger than a number; the language would say false.
fn refuse_unlike(engine: &mut Engine) {
    type Said = Result<bool, Box<EvalAltResult>>;
    fn refuse<A: rhai::Variant + Clone, B: rhai::Variant + Clone>(engine: &mut Engine) {
        for name in ["==", "!=", "<", "<=", ">", ">="] {
            let said = move || -> Said { Err(format!("`{name}` compares unlike kinds of values").into()) };
            engine.register_fn(name, move |_: A, _: B| said()).register_fn(name, move |_: B, _: A| said());
        }
    }
    refuse::<rhai::ImmutableString, i64>(engine);
    refuse::<rhai::ImmutableString, f64>(engine);
    refuse::<rhai::ImmutableString, bool>(engine);
    refuse::<bool, i64>(engine);
    refuse::<bool, f64>(engine);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hold(text: &str, values: &[(&str, Option<Value>)]) -> Result<bool, String> {
        let mut constraints = Constraints::new(&[text.to_owned()]).map_err(|error| error.to_string())?;
        let values = values.iter().map(|(name, value)| (*name, value.as_ref()));
        constraints.hold(values).map_err(|error| error.to_string())
    }

    #[test]
    fn comparisons_are_those_of_scripts() {
        let values = [
            ("a", Some(Value::Int(5))),
            ("b", Some(Value::Float(5.5))),
            ("kind", Some(Value::Text("sma".into()))),
            ("on", Some(Value::Bool(true))),
        ];
        for (text, expected) in [
            ("a < b", true),
            ("a > b", false),
            ("a * 2 <= b", false),
            ("a + 1 > b && on", true),
            ("kind == \"sma\"", true),
            ("!on || a == 5", true),
            ("abs(a - b) < 1", true),
        ] {
            assert_eq!(hold(text, &values), Ok(expected), "{text}");
        }
    }

    #[test]
    fn a_null_operand_holds() {
        let values = [("a", None), ("b", Some(Value::Float(5.5))), ("c", None)];
        for text in
            ["a < b", "a > b", "b <= a", "a == c", "a * 2 > b + 1", "-a < b", "!(a > b)", "min(a, b) < 1"]
        {
            assert_eq!(hold(text, &values), Ok(true), "{text}");
        }
        assert_eq!(hold("a < b && b > 6", &values), Ok(true), "the constraint holds, not the comparison");
        assert_eq!(hold("b > 6", &values), Ok(false));
    }

    #[test]
    fn what_is_wrong_is_said() {
        let values = [("fast_period", Some(Value::Int(5))), ("kind", Some(Value::Text("sma".into())))];
        let said = |text| hold(text, &values).unwrap_err();
        insta::assert_snapshot!(
            [
                said("fast_perod < 7"),
                said("fast_period"),
                said("fast_period <"),
                said("fast_period < 7 and fast_period > 2"),
                said("kind < 7"),
                said("loop {}"),
            ]
            .join("\n")
        );
    }
}
