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

pub(super) struct Interpreter {
    pub engine: Engine,
    pub ast: AST,
    on_candle: Body,
    global: GlobalRuntimeState,
    caches: Caches,
    scope: Scope<'static>,
    constants: Option<Constants>,
}

impl Interpreter {
    /// Evaluates what stands outside functions: imports and constants.
    pub fn new(engine: Engine, ast: AST) -> Result<Interpreter, Fault> {
        let mut scope = Scope::new();
        engine.run_ast_with_scope(&mut scope, &ast)?;
        let constants: BTreeMap<_, _> = scope
            .iter_raw()
            .filter(|(_, constant, _)| *constant)
            .map(|(name, _, value)| (name.into(), value.clone()))
            .collect();
        let constants = (!constants.is_empty()).then(|| rhai::Shared::new(rhai::Locked::new(constants)));
        let mut interpreter = Interpreter {
            on_candle: Body::of(&ast, "on_candle"),
            global: engine.new_global_runtime_state(),
            caches: Caches::new(),
            scope: Scope::new(),
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
        self.scope = Scope::new();
        self.on_candle.scope = Scope::new();
        Ok(())
    }

    /// After a registration, what was resolved before may be stale.
    pub fn forget_functions(&mut self) {
        self.caches = Caches::new();
    }

    pub fn has_function(&self, name: &str, arguments: usize) -> bool {
        self.ast.iter_functions().any(|function| function.name == name && function.params.len() == arguments)
    }

    /// Functions and constants of each imported file, by alias.
    pub fn modules(&self) -> BTreeMap<String, Vec<String>> {
        let names = |module: &rhai::Module| {
            let functions = module.iter_script_fn_info().map(|(_, _, name, ..)| name.to_owned());
            functions.chain(module.iter_var().map(|(name, _)| name.to_owned())).collect()
        };
        self.global.iter_imports().map(|(alias, module)| (alias.to_owned(), names(module))).collect()
    }

    /// Calls a script function.
    pub fn call(&mut self, name: &str, args: &mut [Dynamic]) -> Result<Dynamic, Fault> {
        self.global.num_operations = 0;
        let mut args: rhai::FnArgsVec<&mut Dynamic> = args.iter_mut().collect();
        let result =
            EvalContext::new(&self.engine, &mut self.global, &mut self.caches, &mut self.scope, None)
                .call_fn_raw(name, false, false, &mut args);
        self.settle(result)
    }

    /// Runs `on_candle(ctx, p)`.
    pub fn on_candle(&mut self) -> Result<(), Fault> {
        self.global.num_operations = 0;
        self.on_candle.put_arguments();
        let body = Expression::from(&self.on_candle.block);
        let scope = &mut self.on_candle.scope;
        // Marked deprecated to say that it may change; the release is pinned.
        #[allow(deprecated)]
        let result = EvalContext::new(&self.engine, &mut self.global, &mut self.caches, scope, None)
            .eval_expression_tree(&body);
        let result = match result {
            Err(error) if matches!(*error, EvalAltResult::Return(..)) => Ok(Dynamic::UNIT),
            result => result,
        };
        self.settle(result).map(|_| ())
    }

    /// An error may leave the runtime half unwound.
    fn settle(&mut self, result: Result<Dynamic, Fault>) -> Result<Dynamic, Fault> {
        if result.is_err() {
            self.reset()?;
        }
        result
    }
}

/// A handler as statements over a scope that holds its two arguments.
///
/// Calling it as a function would cost more than many a script does in it, and Rhai gives no position for a
/// limit that is hit inside a called function.
struct Body {
    block: Expr,
    /// What the function calls its arguments.
    names: [String; 2],
    scope: Scope<'static>,
}

impl Body {
    fn of(ast: &AST, name: &str) -> Body {
        let mut only = ast.clone_functions_only();
        only.retain_functions(|_, _, function, parameters| function == name && parameters == 2);
        let mut statements = Vec::new();
        only.walk(&mut |path: &[ASTNode]| {
            if let [ASTNode::Stmt(statement)] = path {
                statements.push((*statement).clone());
            }
            true
        });
        let names = only.iter_functions().next().map_or_else(Default::default, |function| {
            [function.params[0].to_owned(), function.params[1].to_owned()]
        });
        let block = StmtBlock::new(statements, Position::NONE, Position::NONE);
        Body { block: Expr::Stmt(Box::new(block)), names, scope: Scope::new() }
    }

    /// Fills the scope, unless the arguments are still there as the last call left them: a script may assign
    /// to them, and a closure may take hold of them.
    fn put_arguments(&mut self) {
        let [ctx, p] = &self.names;
        let intact = self.scope.len() == 2
            && self.scope.get(ctx).is_some_and(Dynamic::is::<Ctx>)
            && self.scope.get(p).is_some_and(Dynamic::is::<P>);
        if !intact {
            self.scope.clear();
            self.scope.push(ctx.as_str(), Ctx).push(p.as_str(), P);
        }
    }
}
