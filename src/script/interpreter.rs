//! The interpreter tier: Rhai's engine with one script in it, and a runtime that lives on between candles.
//!
//! The contact with Rhai's `internals` that executing needs is here. A fresh runtime per call, as the public
//! API makes one, would resolve every function of the script anew on every candle.

use super::api::{Ctx, P};
use super::lint;
use rhai::{
    AST, ASTNode, Caches, Dynamic, Engine, EvalAltResult, EvalContext, Expr, Expression, GlobalRuntimeState,
    Position, Scope, StmtBlock,
};
use std::collections::BTreeMap;

type Constants = rhai::Shared<rhai::Locked<BTreeMap<rhai::ImmutableString, Dynamic>>>;
type Fault = Box<EvalAltResult>;

/// The functions of a script that the host calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Handler {
    Params,
    Init,
    OnCandle,
    OnFill,
    OnExit,
}

impl Handler {
    const ALL: [Handler; 5] =
        [Handler::Params, Handler::Init, Handler::OnCandle, Handler::OnFill, Handler::OnExit];

    pub fn name(self) -> &'static str {
        match self {
            Handler::Params => "params",
            Handler::Init => "init",
            Handler::OnCandle => "on_candle",
            Handler::OnFill => "on_fill",
            Handler::OnExit => "on_exit",
        }
    }

    fn arguments(self) -> usize {
        match self {
            Handler::Params => 0,
            Handler::Init => 1,
            Handler::OnCandle => 2,
            Handler::OnFill | Handler::OnExit => 3,
        }
    }
}

pub(super) struct Interpreter {
    pub engine: Engine,
    pub ast: AST,
    /// In the order of [`Handler::ALL`].
    handlers: [Option<Body>; 5],
    global: GlobalRuntimeState,
    caches: Caches,
    constants: Option<Constants>,
}

impl Interpreter {
    /// Evaluates what stands outside functions: imports and constants.
    pub fn new(engine: Engine, ast: AST) -> Result<Interpreter, Fault> {
        let mut scope = Scope::new();
        engine.run_ast_with_scope(&mut scope, &ast)?;
        if let Some((name, ..)) = scope.iter_raw().find(|(_, constant, value)| *constant && !is_plain(value))
        {
            let text = format!(
                "constant `{name}` holds a function, which could keep values between candles unseen: write `fn {name}`, or a slot in init"
            );
            return Err(Box::new(EvalAltResult::ErrorRuntime(text.into(), Position::NONE)));
        }
        let constants: BTreeMap<_, _> = scope
            .iter_raw()
            .filter(|(_, constant, _)| *constant)
            .map(|(name, _, value)| (name.into(), value.clone()))
            .collect();
        let constants = (!constants.is_empty()).then(|| rhai::Shared::new(rhai::Locked::new(constants)));
        let mut interpreter = Interpreter {
            handlers: Handler::ALL.map(|handler| Body::of(&ast, handler)),
            global: engine.new_global_runtime_state(),
            caches: Caches::new(),
            constants,
            engine,
            ast,
        };
        interpreter.reset()?;
        Ok(interpreter)
    }

    /// A fresh runtime with the imports and constants in place.
    fn reset(&mut self) -> Result<(), Fault> {
        let mut global = self.engine.new_global_runtime_state();
        global.lib.push(self.ast.shared_lib().clone());
        global.source = self.ast.source().map(Into::into);
        global.constants = self.constants.clone();
        for (path, alias, position) in lint::imports(&self.ast) {
            let module = self.engine.module_resolver().resolve(&self.engine, None, &path, position)?;
            global.push_import(alias, module);
        }
        self.global = global;
        self.forget_functions();
        for body in self.handlers.iter_mut().flatten() {
            body.scope = Scope::new();
        }
        Ok(())
    }

    /// After a registration, what was resolved before may be stale.
    pub fn forget_functions(&mut self) {
        self.caches = Caches::new();
    }

    /// The script's constants, by name.
    #[cfg(feature = "native")]
    pub fn constants(&self) -> Vec<(String, Dynamic)> {
        let constants = self.constants.as_ref().map(|constants| constants.borrow());
        constants
            .iter()
            .flat_map(|all| all.iter())
            .map(|(name, value)| (name.to_string(), value.clone()))
            .collect()
    }

    pub fn has(&self, handler: Handler) -> bool {
        self.handlers[handler as usize].is_some()
    }

    /// Functions and constants of each imported file, by alias.
    pub fn modules(&self) -> BTreeMap<String, Vec<String>> {
        let names = |module: &rhai::Module| {
            let functions = module.iter_script_fn_info().map(|(_, _, name, ..)| name.to_owned());
            functions.chain(module.iter_var().map(|(name, _)| name.to_owned())).collect()
        };
        self.global.iter_imports().map(|(alias, module)| (alias.to_owned(), names(module))).collect()
    }

    /// Calls a handler; one that the script does not have gives nothing.
    pub fn call<const N: usize>(
        &mut self,
        handler: Handler,
        arguments: [Dynamic; N],
    ) -> Result<Dynamic, Fault> {
        if let Some(body) = &mut self.handlers[handler as usize] {
            body.scope.clear();
            for (name, argument) in body.names.iter().zip(arguments) {
                body.scope.push_dynamic(name.as_str(), argument);
            }
        }
        self.run(handler)
    }

    /// Calls `on_candle(ctx, p)`.
    pub fn on_candle(&mut self) -> Result<(), Fault> {
        if let Some(body) = &mut self.handlers[Handler::OnCandle as usize] {
            body.keep_arguments();
        }
        self.run(Handler::OnCandle).map(|_| ())
    }

    fn run(&mut self, handler: Handler) -> Result<Dynamic, Fault> {
        let Some(Body { block, scope, .. }) = &mut self.handlers[handler as usize] else {
            return Ok(Dynamic::UNIT);
        };
        self.global.num_operations = 0;
        let block = Expression::from(&*block);
        // Marked deprecated to say that it may change; the release is pinned.
        #[allow(deprecated)]
        let result = EvalContext::new(&self.engine, &mut self.global, &mut self.caches, scope, None)
            .eval_expression_tree(&block);
        match result {
            Ok(value) => Ok(value),
            Err(error) => match *error {
                EvalAltResult::Return(value, _) => Ok(value),
                error => {
                    // An error may leave the runtime half unwound.
                    self.reset()?;
                    Err(Box::new(error))
                }
            },
        }
    }
}

/// Whether a value is data all the way down: no function, and nothing shared with one.
fn is_plain(value: &Dynamic) -> bool {
    if value.is_shared() || value.is_fnptr() {
        return false;
    }
    if let Some(array) = value.read_lock::<rhai::Array>() {
        return array.iter().all(is_plain);
    }
    value.read_lock::<rhai::Map>().is_none_or(|map| map.values().all(is_plain))
}

/// A handler as statements over a scope that holds its arguments.
///
/// Calling it as a function would cost more than many a script does in it, and Rhai gives no position for a
/// limit that is hit inside a called function.
struct Body {
    block: Expr,
    /// What the function calls its arguments.
    names: Vec<String>,
    scope: Scope<'static>,
}

impl Body {
    fn of(ast: &AST, handler: Handler) -> Option<Body> {
        let mut only = ast.clone_functions_only();
        only.retain_functions(|_, _, function, parameters| {
            function == handler.name() && parameters == handler.arguments()
        });
        let names = only.iter_functions().next()?.params.iter().map(ToString::to_string).collect();
        let mut statements = Vec::new();
        only.walk(&mut |path: &[ASTNode]| {
            if let [ASTNode::Stmt(statement)] = path {
                statements.push((*statement).clone());
            }
            true
        });
        let block = StmtBlock::new(statements, Position::NONE, Position::NONE);
        Some(Body { block: Expr::Stmt(Box::new(block)), names, scope: Scope::new() })
    }

    /// Fills the scope with `ctx` and `p`, unless they are still there as the last call left them: a script
    /// may assign to them, and a closure may take hold of them.
    fn keep_arguments(&mut self) {
        let [ctx, p] = self.names.as_slice() else { return };
        let holds_ctx = self.scope.get(ctx).is_some_and(|value| value.is::<Ctx>() && !value.is_shared());
        let holds_p = self.scope.get(p).is_some_and(|value| value.is::<P>() && !value.is_shared());
        if self.scope.len() != 2 || !holds_ctx || !holds_p {
            self.scope.clear();
            self.scope.push(ctx.as_str(), Ctx).push(p.as_str(), P);
        }
    }
}
