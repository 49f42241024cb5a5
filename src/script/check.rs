use super::{Item, ScriptError, strategy::DeclaredAs};
use rhai::{AST, Position};
type Declared = Vec<(String, usize, usize)>;
pub(super) fn before_run(_: &AST, _: &str, _: &str, _: &[Item]) -> Result<(), ScriptError> { Ok(()) }
pub(super) fn imports(_: &AST) -> Vec<(String, String, Position)> { vec![] }
pub(super) fn declared(_: &AST, _: &str) -> Declared { vec![] }
pub(super) fn at_function(_: &AST, _: &str, path: &str, _: &str, text: &str) -> ScriptError { ScriptError::Read { path: path.into(), error: text.into() } }
pub(super) fn at_declared(_: &Declared, _: &str, _: &str, path: &str, text: &str) -> ScriptError { ScriptError::Read { path: path.into(), error: text.into() } }
pub(super) fn names(_: &AST, _: &str, _: &str, _: &[Item], _: &[String], _: &[(String, DeclaredAs)]) -> Result<(), ScriptError> { Ok(()) }
