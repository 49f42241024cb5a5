//! The sandbox: a Rhai engine with chosen packages, limits, and imports from one folder only.
//!
//! Rhai is pinned to one release because this layer uses its `internals`: persistent function-resolution
//! caches between calls (a fresh one per candle would cost more than the script), and the syntax tree.

use rhai::module_resolvers::ModuleResolver;
use rhai::packages::{
    ArithmeticPackage, BasicArrayPackage, BasicFnPackage, BasicIteratorPackage, BasicMapPackage,
    BasicMathPackage, BasicStringPackage, LogicPackage, MoreStringPackage, Package,
};
use rhai::{AST, Engine, EvalAltResult, Module, OptimizationLevel, Position, Scope, Shared};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};
use std::rc::Rc;

type SharedModule = Shared<Module>;

/// Variables that a scope of a script may have.
pub const VARIABLES_MAX: usize = 1_000;
/// Operations a script may use in one call; a run-away loop ends here.
pub const OPERATIONS_MAX: u64 = 500_000;
/// Depth of calls of script functions.
pub const CALL_DEPTH_MAX: usize = 64;
/// Characters of one text.
pub const TEXT_MAX: usize = 10_000;
/// Elements of one array or object map, those of collections inside it included.
pub const COLLECTION_MAX: usize = 10_000;
/// Log lines and plotted values in one call.
pub const NOTES_MAX: usize = 100;

/// Stack of a thread that runs scripts, in bytes. They may nest values as deep as their size limit lets them,
/// and comparing or printing such a value takes a frame per level.
pub const STACK: usize = 256 << 20;

thread_local! {
    /// Operators and functions of the language, for all engines of a thread: Rhai shares modules within one.
    static PACKAGES: [SharedModule; 9] = [
        ArithmeticPackage::new().as_shared_module(),
        LogicPackage::new().as_shared_module(),
        BasicMathPackage::new().as_shared_module(),
        BasicStringPackage::new().as_shared_module(),
        MoreStringPackage::new().as_shared_module(),
        BasicArrayPackage::new().as_shared_module(),
        BasicMapPackage::new().as_shared_module(),
        BasicIteratorPackage::new().as_shared_module(),
        BasicFnPackage::new().as_shared_module(),
    ];
}

/// A bare engine: operators and functions of the language, nothing that reaches outside.
pub(super) fn sandbox() -> Engine {
    let mut engine = Engine::new_raw();
    PACKAGES.with(|packages| {
        for package in packages {
            engine.register_global_module(package.clone());
        }
    });
    engine
        // Overridden comparisons only count where the built-in short cuts are off.
        .set_fast_operators(false)
        // Constant folding would use the built-in comparisons, and hide what an author wrote.
        .set_optimization_level(OptimizationLevel::None)
        .set_max_operations(OPERATIONS_MAX)
        .set_max_call_levels(CALL_DEPTH_MAX)
        .set_max_expr_depths(64, 64)
        .set_max_string_size(TEXT_MAX)
        .set_max_array_size(COLLECTION_MAX)
        .set_max_map_size(COLLECTION_MAX)
        .set_max_variables(VARIABLES_MAX)
        .set_max_functions(1_000)
        .set_max_modules(64)
        .disable_symbol("eval")
        .disable_symbol("print")
        .disable_symbol("debug");
    engine
}

/// What a script imported.
#[derive(Default)]
pub(super) struct Imported {
    /// Files by path, with their texts.
    pub texts: BTreeMap<PathBuf, String>,
    /// Files that it asked for, whether they are there or not.
    pub asked: BTreeSet<PathBuf>,
}

pub(super) type Imports = Rc<RefCell<Imported>>;

/// Resolves imports below one folder, and nowhere else.
pub(super) struct FolderModules {
    folder: PathBuf,
    /// Texts by their paths below the folder, instead of what is in it.
    kept: Option<BTreeMap<PathBuf, String>>,
    loaded: Imports,
    modules: RefCell<BTreeMap<PathBuf, SharedModule>>,
    /// Files being read: one that comes up again imports itself.
    loading: RefCell<Vec<PathBuf>>,
}

impl FolderModules {
    pub fn new(folder: &Path, kept: Option<BTreeMap<PathBuf, String>>, loaded: Imports) -> Self {
        FolderModules {
            folder: folder.to_owned(),
            kept,
            loaded,
            modules: RefCell::default(),
            loading: RefCell::default(),
        }
    }

    fn load(&self, engine: &Engine, path: &str, pos: Position) -> Result<SharedModule, Box<EvalAltResult>> {
        let folder = match self.folder.as_path() {
            folder if folder == Path::new(".") => "this folder".to_owned(),
            folder => folder.display().to_string(),
        };
        let outside = |why: &str| {
            let text = format!("import \"{path}\": {why}; imports come from below {folder}");
            Box::new(EvalAltResult::ErrorRuntime(text.into(), pos))
        };
        let relative = Path::new(path);
        if !relative.components().all(|part| matches!(part, Component::Normal(_))) {
            return Err(outside("absolute paths and `..` are not allowed"));
        }
        // No `./` in messages.
        let file = match self.folder.as_path() {
            folder if folder == Path::new(".") => relative.with_extension("rhai"),
            folder => folder.join(relative).with_extension("rhai"),
        };
        if let Some(module) = self.modules.borrow().get(&file) {
            return Ok(module.clone());
        }
        self.loaded.borrow_mut().asked.insert(file.clone());
        let (real, text) = match &self.kept {
            Some(kept) => {
                let text = kept.get(&relative.with_extension("rhai")).cloned();
                (file.clone(), text.ok_or_else(|| outside(&format!("there is no file {}", file.display())))?)
            }
            None => self.read(&file, &outside)?,
        };
        if self.loading.borrow().contains(&real) {
            return Err(outside("it imports itself, directly or through another file"));
        }
        let in_module = |error: Box<EvalAltResult>| {
            Box::new(EvalAltResult::ErrorInModule(file.display().to_string(), error, pos))
        };
        self.loaded.borrow_mut().texts.insert(file.clone(), text.clone());
        let mut ast: AST = engine.compile(&text).map_err(|error| in_module(Box::new(error.into())))?;
        ast.set_source(file.display().to_string());
        self.loading.borrow_mut().push(real);
        let module = Module::eval_ast_as_new(Scope::new(), &ast, engine);
        self.loading.borrow_mut().pop();
        let module: SharedModule = Shared::new(module.map_err(in_module)?);
        self.modules.borrow_mut().insert(file, module.clone());
        Ok(module)
    }

    /// A file of the folder: where it really is, and its text.
    fn read(
        &self,
        file: &Path,
        outside: &impl Fn(&str) -> Box<EvalAltResult>,
    ) -> Result<(PathBuf, String), Box<EvalAltResult>> {
        // A link could lead outside, whatever the path says.
        let real = file.canonicalize().map_err(|error| match error.kind() {
            ErrorKind::NotFound => outside(&format!("there is no file {}", file.display())),
            _ => outside(&format!("cannot read {}: {error}", file.display())),
        })?;
        let folder = self.folder.canonicalize().map_err(|error| outside(&error.to_string()))?;
        if !real.starts_with(&folder) {
            return Err(outside("it leads outside"));
        }
        let text = std::fs::read_to_string(&real)
            .map_err(|error| outside(&format!("cannot read {}: {error}", file.display())))?;
        Ok((real, text))
    }
}

impl ModuleResolver for FolderModules {
    fn resolve(
        &self,
        engine: &Engine,
        _source: Option<&str>,
        path: &str,
        pos: Position,
    ) -> Result<SharedModule, Box<EvalAltResult>> {
        self.load(engine, path, pos)
    }
}
