//! A loaded script as the engine's [`Strategy`]: parse, check, parameters, init, and one call per candle.

use super::api::{
    Ctx, Declared, DeclaredParameter, FillView, Item, P, Place, Registrar, TradeView, plain_value,
    register_entry,
};
use super::check::{self, ScriptError};
use super::diagnostic::{Diagnostic, Sources, from_rhai};
use super::host::{FolderModules, Imports, sandbox};
use super::lint::{self, Declaration};
use super::parameters::{Kind, Origin, Parameter, Parameters, Value, Written, base_parameters};
use super::state::{Entry, Now, Phase, Slot, State};
use super::suggest::nearest;
use crate::engine::{ColumnCache, DataHandler, Intents, Moment, Rules, Strategy, StrategyFault};
use crate::indicators::{REGISTRY, Source, Spec};
use crate::model::{Candles, Fill, Price, Trade, iso};
use rhai::{
    AST, ASTNode, Caches, Dynamic, Engine, EvalAltResult, EvalContext, Expr, Expression, GlobalRuntimeState,
    Map, Position, Scope, StmtBlock,
};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

type Constants = rhai::Shared<rhai::Locked<BTreeMap<rhai::ImmutableString, Dynamic>>>;

/// A script, loaded and checked. Holds the interpreter; belongs to one thread.
pub struct Script {
    name: String,
    path: String,
    source: String,
    imports: Imports,
    engine: Engine,
    ast: AST,
    items: Vec<Item>,
    declared_parameters: Vec<Parameter>,
    state: Rc<State>,
    values: Rc<RefCell<Vec<Dynamic>>>,
    parameter_names: Vec<String>,
    /// Names that `init` declared, in the order their getters were registered.
    names: Vec<String>,
    specs: Vec<Arc<Spec>>,
    /// What `params` and `init` declare, by their texts: order and positions.
    declarations: lint::Declared,
    body: Body,
    warnings: Vec<Diagnostic>,
    handlers: Handlers,
    global: GlobalRuntimeState,
    caches: Caches,
    scope: Scope<'static>,
    constants: Option<Constants>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Handlers {
    on_fill: bool,
    on_exit: bool,
}

impl Script {
    /// Reads and checks a script file. Imports come from below its folder.
    pub fn load(path: &Path) -> Result<Script, ScriptError> {
        let shown = path.display().to_string();
        if shown.ends_with(".d.rhai") {
            let why = "it describes the API for editors and is not a strategy";
            return Err(ScriptError::unread(&shown, why));
        }
        let source = std::fs::read_to_string(path)
            .map_err(|error| ScriptError::unread(&shown, &read_error(path, &error)))?;
        let folder = path.parent().map(Path::to_owned).unwrap_or_default();
        Script::compile(&shown, &source, &folder)
    }

    /// Checks a script that is already read. `path` is what messages show.
    pub fn compile(path: &str, source: &str, folder: &Path) -> Result<Script, ScriptError> {
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        let mut engine = sandbox();
        let imports = Imports::default();
        engine.set_module_resolver(FolderModules::new(folder, imports.clone()));
        let state = Rc::new(State::new());
        let mut registrar = Registrar { engine: &mut engine, state: state.clone(), items: Vec::new() };
        registrar.all();
        let items = registrar.items;
        let mut ast = engine.compile(source).map_err(|error| ScriptError::parse(&error, source, path))?;
        ast.set_source(path);
        // Names that `params` and `init` visibly declare count as known; what they are is checked below.
        check::findings(&ast, path, &Sources::one(path, source), &check::vocabulary(&items, &[], &[]))?;
        let name = Path::new(path).file_stem().map(|stem| stem.to_string_lossy().into_owned());
        let has = |name: &str, arguments: usize| {
            ast.iter_functions().any(|function| function.name == name && function.params.len() == arguments)
        };
        let handlers = Handlers { on_fill: has("on_fill", 3), on_exit: has("on_exit", 3) };
        let mut script = Script {
            name: name.unwrap_or_default(),
            path: path.to_owned(),
            source: source.to_owned(),
            imports,
            items,
            declared_parameters: Vec::new(),
            state,
            values: Rc::default(),
            parameter_names: Vec::new(),
            names: Vec::new(),
            specs: Vec::new(),
            declarations: lint::declared(&ast),
            body: Body::of(&ast, "on_candle"),
            warnings: Vec::new(),
            handlers,
            global: engine.new_global_runtime_state(),
            caches: Caches::new(),
            scope: Scope::new(),
            constants: None,
            engine,
            ast,
        };
        script.run_top_level()?;
        script.declare_parameters()?;
        script.prepare(&Parameters::new(script.declared_parameters.clone()))?;
        let mut vocabulary = check::vocabulary(&script.items, &script.parameter_names, &script.declared());
        vocabulary.modules = script.modules();
        script.warnings = check::findings(&script.ast, path, &script.sources(), &vocabulary)?;
        script.check_imports()?;
        Ok(script)
    }

    /// The texts that messages point into: the script and what it imports.
    fn sources(&self) -> Sources {
        let mut sources = Sources::one(&self.path, &self.source);
        for (path, text) in self.imports.borrow().iter() {
            sources.insert(path.display().to_string(), text);
        }
        sources
    }

    fn error(&self, error: &EvalAltResult) -> ScriptError {
        ScriptError::run(error, self.sources(), &self.path)
    }

    /// Evaluates what stands outside functions: imports and constants.
    fn run_top_level(&mut self) -> Result<(), ScriptError> {
        let mut scope = Scope::new();
        self.engine.run_ast_with_scope(&mut scope, &self.ast).map_err(|error| self.error(&error))?;
        let constants: BTreeMap<_, _> = scope
            .iter_raw()
            .filter(|(_, constant, _)| *constant)
            .map(|(name, _, value)| (name.into(), value.clone()))
            .collect();
        if !constants.is_empty() {
            self.constants = Some(rhai::Shared::new(rhai::Locked::new(constants)));
        }
        self.reset_runtime()
    }

    /// A fresh runtime with the imports and constants in place.
    fn reset_runtime(&mut self) -> Result<(), ScriptError> {
        let mut global = self.engine.new_global_runtime_state();
        global.lib.push(self.ast.shared_lib().clone());
        global.source = Some(self.path.as_str().into());
        global.constants = self.constants.clone();
        for (path, alias, position) in lint::imports(&self.ast) {
            let module = self
                .engine
                .module_resolver()
                .resolve(&self.engine, None, &path, position)
                .map_err(|error| self.error(&error))?;
            global.push_import(alias, module);
        }
        self.global = global;
        self.caches = Caches::new();
        self.scope = Scope::new();
        self.body.scope = Scope::new();
        Ok(())
    }

    /// Functions and constants of each imported file, by alias.
    fn modules(&self) -> BTreeMap<String, Vec<String>> {
        let names = |module: &rhai::Module| {
            let functions = module.iter_script_fn_info().map(|(_, _, name, ..)| name.to_owned());
            functions.chain(module.iter_var().map(|(name, _)| name.to_owned())).collect()
        };
        self.global.iter_imports().map(|(alias, module)| (alias.to_owned(), names(module))).collect()
    }

    /// Typos in imported files.
    fn check_imports(&mut self) -> Result<(), ScriptError> {
        let vocabulary = check::vocabulary(&self.items, &self.parameter_names, &self.declared());
        for (path, text) in self.imported() {
            let shown = path.display().to_string();
            let mut ast =
                self.engine.compile(&text).map_err(|error| ScriptError::parse(&error, &text, &shown))?;
            ast.set_source(shown.as_str());
            self.warnings.extend(check::module_findings(&ast, &shown, &self.sources(), &vocabulary)?);
        }
        Ok(())
    }

    /// What the linter thinks is not as its author meant it.
    pub fn warnings(&self) -> &[Diagnostic] {
        &self.warnings
    }

    /// The warnings as a compiler would show them.
    pub fn render_warnings(&self, coloured: bool) -> String {
        ScriptError::new(self.warnings.clone(), self.sources()).render(coloured)
    }

    fn has_function(&self, name: &str, arguments: usize) -> bool {
        self.ast.iter_functions().any(|function| function.name == name && function.params.len() == arguments)
    }

    /// Calls a script function. Function-resolution caches live on between calls.
    fn call(&mut self, name: &str, args: &mut [Dynamic]) -> Result<Dynamic, Box<EvalAltResult>> {
        self.global.num_operations = 0;
        let mut args: rhai::FnArgsVec<&mut Dynamic> = args.iter_mut().collect();
        let result =
            EvalContext::new(&self.engine, &mut self.global, &mut self.caches, &mut self.scope, None)
                .call_fn_raw(name, false, false, &mut args);
        if result.is_err() {
            // An error may leave the runtime half unwound.
            let _ = self.reset_runtime();
        }
        result
    }

    /// Runs the statements of `on_candle`.
    fn run_body(&mut self) -> Result<(), Box<EvalAltResult>> {
        self.global.num_operations = 0;
        self.body.put_arguments();
        let body = Expression::from(&self.body.block);
        // Marked deprecated to say that it may change; the release is pinned.
        #[allow(deprecated)]
        let result =
            EvalContext::new(&self.engine, &mut self.global, &mut self.caches, &mut self.body.scope, None)
                .eval_expression_tree(&body);
        match result {
            Ok(_) => Ok(()),
            Err(error) if matches!(*error, EvalAltResult::Return(..)) => Ok(()),
            Err(error) => {
                let _ = self.reset_runtime();
                Err(error)
            }
        }
    }

    fn declare_parameters(&mut self) -> Result<(), ScriptError> {
        if self.has_function("params", 0) {
            let value = self.call("params", &mut []).map_err(|error| self.error(&error))?;
            let map = value.try_cast::<Map>().ok_or_else(|| {
                let text = "`params` must return a map: `#{ period: int(20, 5, 100) }`";
                ScriptError::function("params", self.sources(), &self.path, text)
            })?;
            let base = base_parameters();
            let order = &self.declarations.params;
            let mut own = Vec::new();
            for name in in_order(&map, order) {
                let base = base.iter().find(|base| base.name == name);
                let parameter = declared_parameter(&name, &map[name.as_str()], base)
                    .map_err(|text| ScriptError::declared(order, &name, self.sources(), &self.path, &text))?;
                own.push(parameter);
            }
            self.declared_parameters = own;
        }
        let parameters = Parameters::new(self.declared_parameters.clone());
        self.parameter_names = parameters.entries().iter().map(|entry| entry.name.clone()).collect();
        for (index, name) in self.parameter_names.iter().enumerate() {
            let values = self.values.clone();
            self.engine.register_get(name.as_str(), move |_: &mut P| values.borrow()[index].clone());
        }
        // New getters: what was resolved before is stale.
        self.caches = Caches::new();
        Ok(())
    }

    /// The parameters the script declares and the base ones, at their defaults.
    pub fn parameters(&self) -> Parameters {
        Parameters::new(self.declared_parameters.clone())
    }

    /// Puts parameters in force and runs `init`: series and state slots are known by name and type after it.
    pub fn prepare(&mut self, parameters: &Parameters) -> Result<(), ScriptError> {
        *self.values.borrow_mut() = parameters
            .entries()
            .iter()
            .map(|entry| match &entry.value {
                Value::Int(value) => Dynamic::from_int(*value),
                Value::Float(value) => Dynamic::from_float(*value),
                Value::Bool(value) => Dynamic::from_bool(*value),
                Value::Text(value) => Dynamic::from(value.clone()),
            })
            .collect();
        self.state.phase.set(Phase::Load);
        let mut map = Map::new();
        if self.has_function("init", 1) {
            let value = self.call("init", &mut [Dynamic::from(P)]).map_err(|error| self.error(&error))?;
            map = value.try_cast::<Map>().ok_or_else(|| {
                let text = "`init` must return a map: `#{ fast: ema(close, p.fast_period) }`";
                ScriptError::function("init", self.sources(), &self.path, text)
            })?;
        }
        let names = in_order(&map, &self.declarations.init);
        self.specs.clear();
        let mut slots = Vec::new();
        let mut columns = 0;
        let mut firsts: Vec<usize> = Vec::new();
        // A name that an earlier init declared and this one did not is off.
        let mut entries = vec![Entry::Off; self.names.len()];
        for name in names {
            let sources = self.sources();
            let refuse = |text: String| {
                ScriptError::declared(&self.declarations.init, &name, sources.clone(), &self.path, &text)
            };
            let taken =
                |item: &Item| item.name == name && matches!(item.place, Place::Property | Place::Action);
            if self.items.iter().any(taken) {
                return Err(refuse(format!("`{name}` is a built-in of ctx: choose another name")));
            }
            let value = &map[name.as_str()];
            let mut column_of = |spec: &Arc<Spec>| match self.specs.iter().position(|known| known == spec) {
                Some(index) => firsts[index],
                None => {
                    self.specs.push(spec.clone());
                    firsts.push(columns);
                    columns += spec.definition.fields.len();
                    columns - spec.definition.fields.len()
                }
            };
            let entry = if let Some(declared) = value.clone().try_cast::<Declared>() {
                match declared {
                    Declared::Source(Source::Price(price)) => Entry::Price(price),
                    Declared::Source(Source::Output { spec, field }) => {
                        Entry::Series(column_of(&spec) + field)
                    }
                    Declared::Multi(spec) => Entry::Multi(column_of(&spec), spec),
                }
            } else if value.is_unit() {
                Entry::Off
            } else {
                let slot = match plain_value(value) {
                    Some(Value::Int(value)) => Slot::Int(value),
                    Some(Value::Float(value)) => Slot::Float(value),
                    Some(Value::Bool(value)) => Slot::Bool(value),
                    _ => {
                        return Err(refuse(format!(
                            "`{name}` must be an indicator, a number, true or false, or `()` for one that is off; {} given",
                            value.type_name()
                        )));
                    }
                };
                slots.push(slot);
                Entry::Slot(slots.len() - 1)
            };
            match self.names.iter().position(|known| *known == name) {
                Some(index) => entries[index] = entry,
                None => {
                    register_entry(&mut self.engine, &self.state, &name, self.names.len());
                    self.names.push(name.clone());
                    entries.push(entry);
                    self.caches = Caches::new();
                }
            }
        }
        *self.state.entries.borrow_mut() = entries;
        *self.state.slots.borrow_mut() = slots;
        Ok(())
    }

    /// What `init` declared: names, and the fields of those that have several.
    pub fn declared(&self) -> Vec<(String, DeclaredAs)> {
        let entries = self.state.entries.borrow();
        self.names
            .iter()
            .zip(entries.iter())
            .map(|(name, entry)| {
                let slots = self.state.slots.borrow();
                let declared = match entry {
                    Entry::Series(column) => DeclaredAs::Series(self.series_at(*column)),
                    Entry::Price(price) => DeclaredAs::Series(price.name().to_owned()),
                    Entry::Off => DeclaredAs::Off,
                    Entry::Multi(_, spec) => DeclaredAs::Multi(spec.clone()),
                    Entry::Slot(slot) => DeclaredAs::Slot(slots[*slot]),
                };
                (name.clone(), declared)
            })
            .collect()
    }

    fn series_at(&self, column: usize) -> String {
        let mut first = 0;
        for spec in &self.specs {
            let fields = spec.definition.fields;
            if column < first + fields.len() {
                return match fields {
                    [_] => spec.to_string(),
                    _ => format!("{spec}.{}", fields[column - first]),
                };
            }
            first += fields.len();
        }
        String::new()
    }

    /// The indicators that `init` declared, each once, in the order of their columns.
    pub fn specs(&self) -> &[Arc<Spec>] {
        &self.specs
    }

    /// Computes what the script and the base rules need over `candles`.
    pub fn data(&self, candles: &Arc<Candles>, rules: &Rules, cache: &mut ColumnCache) -> DataHandler {
        let filter = rules.atr_filter.and_then(|filter| {
            DataHandler::atr_filter_specs(&filter).map(|(atr, average)| (atr, average, filter.multiplier))
        });
        let mut all = self.specs.clone();
        if let Some((atr, average, _)) = &filter {
            all.push(atr.clone());
            all.extend(average.clone());
        }
        cache.prepare(candles, &all);
        DataHandler::new(candles.clone(), cache, &self.specs, filter)
    }

    /// File name without its ending.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn path(&self) -> &str {
        &self.path
    }

    pub fn source(&self) -> &str {
        &self.source
    }

    /// Files the script imports, with their texts.
    pub fn imported(&self) -> Vec<(PathBuf, String)> {
        self.imports.borrow().iter().map(|(path, text)| (path.clone(), text.clone())).collect()
    }

    /// What scripts can use, as registered.
    pub fn items(&self) -> &[Item] {
        &self.items
    }

    /// Names the script has plotted under so far.
    pub fn plot_names(&self) -> Vec<String> {
        self.state.plots.borrow().clone()
    }

    /// Runs a handler as a transaction: what it asked for and wrote into its slots counts only if it
    /// returned.
    fn transact(
        &mut self,
        name: &str,
        args: &mut [Dynamic],
        phase: Phase,
        intents: &mut Intents,
    ) -> Result<(), StrategyFault> {
        self.state.phase.set(phase);
        // The script writes into the state's own intents, empty between calls. Most candles ask for nothing:
        // then nothing is moved.
        if intents.touched {
            std::mem::swap(&mut *self.state.intents.borrow_mut(), intents);
        }
        let before = SmallSlots::of(&self.state.slots.borrow());
        let result = if phase == Phase::Candle { self.run_body() } else { self.call(name, args).map(|_| ()) };
        match result {
            Ok(()) => {
                let mut asked = self.state.intents.borrow_mut();
                if asked.touched {
                    std::mem::swap(&mut *asked, intents);
                }
                Ok(())
            }
            Err(error) => {
                *intents = Intents::default();
                *self.state.intents.borrow_mut() = Intents::default();
                before.restore(&mut self.state.slots.borrow_mut());
                let now = self.state.now.get().row;
                let close_time = self.state.data.borrow().candles.close_time.get(now).copied().unwrap_or(0);
                let message =
                    format!("{}\n  in {name}, at the close of {}", self.error(&error), iso(close_time + 1));
                Err(StrategyFault { message })
            }
        }
    }
}

/// The names in a map, in the order in which the script's text declares them.
fn in_order(map: &Map, declarations: &[Declaration]) -> Vec<String> {
    let position_of = |name: &str| {
        declarations.iter().position(|declaration| declaration.name == name).unwrap_or(usize::MAX)
    };
    let mut names: Vec<String> = map.keys().map(ToString::to_string).collect();
    names.sort_by_key(|name| position_of(name));
    names
}

/// `on_candle` as statements over a scope that holds its two arguments.
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
        only.retain_functions(|_, _, function, _| function == name);
        let mut statements = Vec::new();
        only.walk(&mut |path: &[ASTNode]| {
            if let [ASTNode::Stmt(statement)] = path {
                statements.push((*statement).clone());
            }
            true
        });
        let function = only.iter_functions().find(|function| function.params.len() == 2);
        let names = function.map_or_else(Default::default, |function| {
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
            && self.scope.get(ctx).is_some_and(Dynamic::is_variant)
            && self.scope.get(p).is_some_and(Dynamic::is_variant);
        if !intact {
            self.scope.clear();
            self.scope.push(ctx.as_str(), Ctx).push(p.as_str(), P);
        }
    }
}

/// What a name of `init` turned out to be.
#[derive(Debug, Clone, PartialEq)]
pub enum DeclaredAs {
    /// The expression that gives it.
    Series(String),
    Multi(Arc<Spec>),
    Slot(Slot),
    Off,
}

/// A copy of the slots, on the stack while there are few.
enum SmallSlots {
    Few([Slot; 8]),
    Many(Vec<Slot>),
}

impl SmallSlots {
    fn of(slots: &[Slot]) -> Self {
        if slots.len() <= 8 {
            let mut few = [Slot::Bool(false); 8];
            few[..slots.len()].copy_from_slice(slots);
            SmallSlots::Few(few)
        } else {
            SmallSlots::Many(slots.to_vec())
        }
    }

    fn restore(&self, slots: &mut [Slot]) {
        let kept: &[Slot] = match self {
            SmallSlots::Few(few) => few,
            SmallSlots::Many(many) => many,
        };
        for (slot, kept) in slots.iter_mut().zip(kept) {
            *slot = *kept;
        }
    }
}

impl Strategy for Script {
    fn on_candle(
        &mut self,
        data: &DataHandler,
        moment: &Moment<'_>,
        intents: &mut Intents,
    ) -> Result<(), StrategyFault> {
        self.state.bind(data);
        self.state.now.set(Now::new(moment));
        self.transact("on_candle", &mut [], Phase::Candle, intents)
    }

    fn on_fill(
        &mut self,
        data: &DataHandler,
        moment: &Moment<'_>,
        fill: &Fill,
        intents: &mut Intents,
    ) -> Result<(), StrategyFault> {
        if !self.handlers.on_fill {
            return Ok(());
        }
        self.state.bind(data);
        self.state.now.set(Now::new(moment));
        let mut args = [Dynamic::from(Ctx), Dynamic::from(P), Dynamic::from(FillView(*fill))];
        self.transact("on_fill", &mut args, Phase::Handler, intents)
    }

    fn on_exit(
        &mut self,
        data: &DataHandler,
        moment: &Moment<'_>,
        trade: &Trade,
        intents: &mut Intents,
    ) -> Result<(), StrategyFault> {
        if !self.handlers.on_exit {
            return Ok(());
        }
        self.state.bind(data);
        self.state.now.set(Now::new(moment));
        let mut args = [Dynamic::from(Ctx), Dynamic::from(P), Dynamic::from(TradeView(trade.clone()))];
        self.transact("on_exit", &mut args, Phase::Handler, intents)
    }

    fn has_fill_handlers(&self) -> bool {
        self.handlers.on_fill || self.handlers.on_exit
    }
}

/// A parameter from an entry of the map that `params` returns.
fn declared_parameter(name: &str, value: &Dynamic, base: Option<&Parameter>) -> Result<Parameter, String> {
    if let Some(declared) = value.clone().try_cast::<DeclaredParameter>() {
        if let Some(base) = base {
            let fits =
                |kind: &Kind| matches!(kind, Kind::Int { .. }) == matches!(base.kind, Kind::Int { .. });
            if !fits(&declared.kind) || base.kind.check(&Written::Value(declared.default.clone())).is_none() {
                return Err(format!("`{name}` is a base parameter: it takes {}", base.kind));
            }
        }
        return Ok(Parameter {
            name: name.to_owned(),
            kind: declared.kind,
            origin: base.map_or(Origin::Script, |base| base.origin),
            default: declared.default.clone(),
            value: declared.default,
        });
    }
    let Some(base) = base else {
        return Err(format!(
            "`{name}` is not a base parameter, so say what it takes: int(20, 5, 100), float(2.0, 0.0, 5.0), flag(true) or choice(\"a\", [\"a\", \"b\"])"
        ));
    };
    let written = if value.is_unit() { Some(Written::Null) } else { plain_value(value).map(Written::Value) };
    match written.and_then(|written| base.kind.check(&written)) {
        Some(value) => Ok(Parameter { default: value.clone(), value, ..base.clone() }),
        None => Err(format!("`{name}` takes {}", base.kind)),
    }
}

fn read_error(path: &Path, error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => {
            "there is no such file; `mista new NAME` writes a new script".to_owned()
        }
        std::io::ErrorKind::InvalidData => "it is not a text in UTF-8: is it a script?".to_owned(),
        _ if path.is_dir() => "it is a folder; name a .rhai file in it".to_owned(),
        _ => error.to_string(),
    }
}

/// The columns an expression such as `adx(14)` stands for: a name and a source each.
pub fn series_of(expression: &str) -> Result<Vec<(String, Source)>, String> {
    const REMEDY: &str = "write an indicator as a script does: sma(close, 20)";
    let mut engine = sandbox();
    let state = Rc::new(State::new());
    Registrar { engine: &mut engine, state, items: Vec::new() }.all();
    let value: Dynamic = engine.eval_expression(expression).map_err(|error| {
        let found = from_rhai(&error, expression, "");
        let unknown = match &*error {
            EvalAltResult::ErrorFunctionNotFound(signature, _)
            | EvalAltResult::ErrorVariableNotFound(signature, _) => signature.split([' ', '(']).next(),
            _ => None,
        };
        let names = REGISTRY.iter().map(|definition| definition.name);
        let names = names.chain(Price::ALL.into_iter().map(Price::name));
        let remedy = match unknown.and_then(|name| nearest(name, names)) {
            Some(name) => format!("did you mean `{name}`?"),
            None => REMEDY.to_owned(),
        };
        format!("`{expression}`: {}; {remedy}", found.message)
    })?;
    match value.try_cast::<Declared>() {
        Some(Declared::Source(source)) => Ok(vec![(expression.to_owned(), source)]),
        Some(Declared::Multi(spec)) => Ok(spec
            .definition
            .fields
            .iter()
            .enumerate()
            .map(|(field, name)| {
                (format!("{expression}.{name}"), Source::Output { spec: spec.clone(), field })
            })
            .collect()),
        None => Err(format!("`{expression}` is not an indicator: {REMEDY}")),
    }
}

/// Everything that is registered for scripts, described.
pub fn registered() -> Vec<Item> {
    let mut engine = sandbox();
    let mut registrar = Registrar { engine: &mut engine, state: Rc::new(State::new()), items: Vec::new() };
    registrar.all();
    registrar.items
}
