//! A loaded script: parse, check, parameters, and `init`.

use super::api::{Declared, DeclaredParameter, Item, P, Place, plain_value, register, register_entry};
use super::check::{self, ScriptError};
use super::diagnostic::{Diagnostic, Sources};
use super::host::{FolderModules, Imports, sandbox};
use super::interpreter::{Handler, Interpreter};
use super::lint::{self, Declaration, Vocabulary};
#[cfg(feature = "native")]
use super::native::{self, Native};
use super::parameters::{Kind, Origin, Parameter, Parameters, Value, Written, base_parameters};
use super::state::{Entry, Phase, Slot, State};
use super::suggest::nearest;
use super::texts::{SlotsError, Texts};
use super::tier::{Outside, Tier, TierInUse};
use crate::engine::{ColumnCache, DataHandler, Rules};
use crate::indicators::{Source, Spec};
use rhai::{Dynamic, EvalAltResult, Map};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

/// A script, loaded and checked. Holds the interpreter; belongs to one thread.
pub struct Script {
    name: String,
    pub(super) path: String,
    source: String,
    /// What imports are relative to.
    folder: PathBuf,
    imports: Imports,
    pub(super) interpreter: Interpreter,
    items: Vec<Item>,
    declared_parameters: Vec<Parameter>,
    pub(super) state: Rc<State>,
    values: Rc<RefCell<Vec<Dynamic>>>,
    parameter_names: Vec<String>,
    /// Names that `init` declared, in the order their getters were registered.
    names: Vec<String>,
    /// How many of them init declares with the parameters at their defaults.
    names_by_default: usize,
    specs: Vec<Arc<Spec>>,
    /// What `params` and `init` declare, by their texts: order and positions.
    declarations: lint::Declared,
    warnings: Vec<Diagnostic>,
    pub(super) mentions_peak: bool,
    tier: Tier,
    /// Made when it is first wanted.
    #[cfg(feature = "native")]
    pub(super) native: Option<Box<Native>>,
}

impl Script {
    /// Reads and checks a script file. Imports come from below its folder.
    pub fn load(path: &Path) -> Result<Script, ScriptError> {
        Script::load_noting(path, &mut BTreeSet::new())
    }

    /// The same. `asked` gets the files that it tried to import, also where that or anything else failed.
    pub fn load_noting(path: &Path, asked: &mut BTreeSet<PathBuf>) -> Result<Script, ScriptError> {
        let shown = path.display().to_string();
        if shown.ends_with(".d.rhai") {
            let why = "it describes the API for editors and is not a strategy";
            return Err(ScriptError::unread(&shown, why));
        }
        let source = std::fs::read_to_string(path)
            .map_err(|error| ScriptError::unread(&shown, &read_error(path, &error)))?;
        let folder = path.parent().map(Path::to_owned).unwrap_or_default();
        let imports = Imports::default();
        let script = Script::build(&shown, &source, &folder, None, imports.clone());
        asked.extend(imports.borrow().asked.iter().cloned());
        script
    }

    /// Checks a script whose texts were kept. Messages show the paths they were read from.
    pub fn of(texts: &Texts) -> Result<Script, ScriptError> {
        let folder = Path::new(&texts.path).parent().unwrap_or(Path::new(""));
        let kept = Some(texts.imports.clone());
        Script::build(&texts.path, &texts.source, folder, kept, Imports::default())
    }

    /// Checks a script that is already read. `path` is what messages show.
    pub fn compile(path: &str, source: &str, folder: &Path) -> Result<Script, ScriptError> {
        Script::build(path, source, folder, None, Imports::default())
    }

    fn build(
        path: &str,
        source: &str,
        folder: &Path,
        kept: Option<BTreeMap<PathBuf, String>>,
        imports: Imports,
    ) -> Result<Script, ScriptError> {
        let source = source.strip_prefix('\u{feff}').unwrap_or(source);
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        let mut engine = sandbox();
        engine.set_module_resolver(FolderModules::new(folder, kept, imports.clone()));
        let state = Rc::new(State::new());
        let items = register(&mut engine, &state);
        let mut ast = engine.compile(source).map_err(|error| ScriptError::parse(&error, source, path))?;
        ast.set_source(path);
        let reading = lint::Reading::of(&ast, source);
        // Names that `params` and `init` visibly declare count as known; what they are is checked below.
        let mut vocabulary = check::vocabulary();
        (vocabulary.ctx_is_open, vocabulary.parameters_are_open) = (true, true);
        check::refuse_errors(reading.findings(&ast, &vocabulary), || Sources::one(path, source))?;
        let name = Path::new(path).file_stem().map(|stem| stem.to_string_lossy().into_owned());
        let sources = |imports: &Imports| texts(path, source, imports);
        let interpreter = Interpreter::new(engine, ast)
            .map_err(|error| ScriptError::run(&error, sources(&imports), path))?;
        let mut script = Script {
            name: name.unwrap_or_default(),
            path: path.to_owned(),
            source: source.to_owned(),
            folder: folder.to_owned(),
            imports,
            items,
            declared_parameters: Vec::new(),
            state,
            values: Rc::default(),
            parameter_names: Vec::new(),
            names: Vec::new(),
            names_by_default: 0,
            specs: Vec::new(),
            declarations: reading.declared().clone(),
            warnings: Vec::new(),
            mentions_peak: mentions_peak(source),
            tier: Tier::Auto,
            #[cfg(feature = "native")]
            native: None,
            interpreter,
        };
        script.declare_parameters()?;
        vocabulary.parameters.extend_from_slice(&script.parameter_names);
        vocabulary.parameters_are_open = false;
        let found = reading.findings(&script.interpreter.ast, &vocabulary);
        check::refuse_errors(found, || script.sources())?;
        script.prepare(&Parameters::new(script.declared_parameters.clone()))?;
        script.names_by_default = script.names.len();
        vocabulary.ctx_properties.extend(script.declared().iter().map(check::own_property));
        vocabulary.ctx_is_open = false;
        vocabulary.modules = script.interpreter.modules();
        let found = reading.findings(&script.interpreter.ast, &vocabulary);
        script.warnings = check::refuse_errors(found, || script.sources())?;
        vocabulary.modules.clear();
        script.check_imports(&vocabulary)?;
        Ok(script)
    }

    /// The texts that messages point into: the script and what it imports.
    fn sources(&self) -> Sources {
        texts(&self.path, &self.source, &self.imports)
    }

    pub(super) fn error(&self, error: &EvalAltResult) -> ScriptError {
        ScriptError::run(error, self.sources(), &self.path)
    }

    /// Typos in imported files.
    fn check_imports(&mut self, vocabulary: &Vocabulary) -> Result<(), ScriptError> {
        for (path, text) in self.imported() {
            let shown = path.display().to_string();
            let mut ast = self
                .interpreter
                .engine
                .compile(&text)
                .map_err(|error| ScriptError::parse(&error, &text, &shown))?;
            ast.set_source(shown.as_str());
            let found = lint::Reading::of(&ast, &text).module_findings(&ast, vocabulary);
            self.warnings.extend(check::refuse_errors(found, || self.sources())?);
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

    fn declare_parameters(&mut self) -> Result<(), ScriptError> {
        if self.interpreter.has(Handler::Params) {
            let value = self.interpreter.call(Handler::Params, []).map_err(|error| self.error(&error))?;
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
            self.interpreter
                .engine
                .register_get(name.as_str(), move |_: &mut P| values.borrow()[index].clone());
        }
        self.interpreter.forget_functions();
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
        // Before anything can fail: the code must not outlive its hold on the data.
        #[cfg(feature = "native")]
        if let Some(native) = &mut self.native {
            native.forget();
        }
        *self.state.data.borrow_mut() = Default::default();
        let mut map = Map::new();
        if self.interpreter.has(Handler::Init) {
            let value = self
                .interpreter
                .call(Handler::Init, [Dynamic::from(P)])
                .map_err(|error| self.error(&error))?;
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
        // A name that init declared with the defaults, and not with these parameters, is off. One that it
        // declared with yet others in between is not there: what ran before must make no difference.
        let left_out = |index: usize| if index < self.names_by_default { Entry::Off } else { Entry::Absent };
        let mut entries: Vec<Entry> = (0..self.names.len()).map(left_out).collect();
        for name in names {
            let refuse = |text: String| {
                let sources = texts(&self.path, &self.source, &self.imports);
                ScriptError::declared(&self.declarations.init, &name, sources, &self.path, &text)
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
                    register_entry(&mut self.interpreter.engine, &self.state, &name, self.names.len());
                    self.names.push(name.clone());
                    entries.push(entry);
                    self.interpreter.forget_functions();
                }
            }
        }
        *self.state.entries.borrow_mut() = entries;
        *self.state.slots.borrow_mut() = slots;
        Ok(())
    }

    /// Chooses the tier that executes from now on. An error where only machine code will do and there is none for all
    /// of `on_candle`.
    pub fn set_tier(&mut self, tier: Tier) -> Result<(), ScriptError> {
        self.tier = tier;
        #[cfg(feature = "native")]
        if let Some(native) = &mut self.native {
            native.forget();
        }
        if tier != Tier::Native {
            return Ok(());
        }
        // Made to stay: the run that follows needs it.
        #[cfg(feature = "native")]
        self.native_ready();
        let outside = match self.tier() {
            TierInUse::Native { left } => left.into_iter().next(),
            TierInUse::Interpreter { outside } => outside,
        };
        let Some(outside) = outside else { return Ok(()) };
        let text = format!(
            "outside what can be compiled: {}. With --tier auto the interpreter does it",
            outside.what
        );
        let diagnostic = Diagnostic::error(outside.line, outside.column, &text).in_source(&self.path);
        Err(ScriptError::new(vec![diagnostic], self.sources()))
    }

    /// The tier that executes `on_candle` with the parameters in force.
    #[cfg(feature = "native")]
    pub fn tier(&self) -> TierInUse {
        if self.tier == Tier::Interpreter {
            return TierInUse::Interpreter { outside: None };
        }
        let shown = |outside: &native::Outside| Outside {
            line: usize::from(outside.at.line),
            column: usize::from(outside.at.column),
            what: outside.what.to_string(),
        };
        let told = |native: &Native| match native.outside() {
            Ok(left) => TierInUse::Native { left: left.iter().map(shown).collect() },
            Err(outside) => TierInUse::Interpreter { outside: Some(shown(outside)) },
        };
        match &self.native {
            Some(native) if native.is_ready() => told(native),
            _ => {
                let mut native = self.new_native();
                native.make_ready(&self.names, (&self.parameter_names, &self.values.borrow()));
                told(&native)
            }
        }
    }

    /// The tier that executes `on_candle`.
    #[cfg(not(feature = "native"))]
    pub fn tier(&self) -> TierInUse {
        let what = "this program was built without the compiled tier".to_owned();
        let outside = (self.tier != Tier::Interpreter).then_some(Outside { line: 0, column: 0, what });
        TierInUse::Interpreter { outside }
    }

    /// Mistakes on purpose in what is compiled from now on: for tests of tests.
    #[cfg(feature = "native")]
    #[doc(hidden)]
    pub fn plant(&mut self, planted: native::Planted) {
        let mut native = self.new_native();
        native.plant(planted);
        self.native = Some(Box::new(native));
    }

    #[cfg(feature = "native")]
    pub(super) fn wants_native(&self) -> bool {
        self.tier != Tier::Interpreter
    }

    #[cfg(feature = "native")]
    fn new_native(&self) -> Native {
        Native::new(&self.interpreter.ast, &self.source, self.interpreter.constants(), &self.state)
    }

    /// The compiled tier, for the parameters in force.
    #[cfg(feature = "native")]
    #[cold]
    pub(super) fn native_ready(&mut self) -> &mut Native {
        let made = self.native.take().unwrap_or_else(|| Box::new(self.new_native()));
        let native = self.native.insert(made);
        if !native.is_ready() {
            native.make_ready(&self.names, (&self.parameter_names, &self.values.borrow()));
        }
        native
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
                    Entry::Off | Entry::Absent => DeclaredAs::Off,
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
            let fields = spec.definition.fields.len();
            if column < first + fields {
                return Source::Output { spec: spec.clone(), field: column - first }.to_string();
            }
            first += fields;
        }
        String::new()
    }

    /// The indicators that `init` declared, each once, in the order of their columns.
    pub fn specs(&self) -> &[Arc<Spec>] {
        &self.specs
    }

    /// What the script and the base rules need of the candles of `cache`.
    pub fn data(&self, rules: &Rules, cache: &ColumnCache) -> DataHandler {
        DataHandler::new(cache, &self.specs, rules.atr_filter.as_ref())
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

    /// Of the script's text and everything it imports, in lower-case hex.
    pub fn sha256(&self) -> String {
        self.texts().sha256()
    }

    /// Its text and those it imports.
    pub fn texts(&self) -> Texts {
        let below = |path: PathBuf| path.strip_prefix(&self.folder).map(Path::to_owned).unwrap_or(path);
        Texts {
            path: self.path.clone(),
            source: self.source.clone(),
            imports: self.imported().into_iter().map(|(path, text)| (below(path), text)).collect(),
        }
    }

    /// The state slots with their values, in the order in which `init` declared them.
    pub fn slots(&self) -> Vec<(String, Slot)> {
        let (entries, slots) = (self.state.entries.borrow(), self.state.slots.borrow());
        let of = |(name, entry): (&String, &Entry)| match entry {
            Entry::Slot(slot) => slots.get(*slot).map(|value| (name.clone(), *value)),
            _ => None,
        };
        self.names.iter().zip(entries.iter()).filter_map(of).collect()
    }

    /// Gives slots other values; those that are not named keep theirs. All or none.
    pub fn set_slots(&mut self, values: &[(String, Slot)]) -> Result<(), SlotsError> {
        let entries = self.state.entries.borrow();
        let mut slots = self.state.slots.borrow().clone();
        for (name, value) in values {
            let index = self.names.iter().position(|known| known == name);
            let entry = index.and_then(|index| entries.get(index));
            let slot = match entry {
                Some(Entry::Slot(slot)) => slots.get_mut(*slot),
                _ => None,
            };
            let slot = slot.ok_or_else(|| SlotsError::Gone { name: name.clone() })?;
            if !slot.is_like(*value) {
                let (was, is) = (value.kind(), slot.kind());
                return Err(SlotsError::Type { name: name.clone(), was, is });
            }
            *slot = *value;
        }
        *self.state.slots.borrow_mut() = slots;
        Ok(())
    }

    /// An error at the place where `params` declares `name`, or at `params`.
    pub fn parameter_error(&self, name: &str, text: &str) -> ScriptError {
        self.error_at(&self.declarations.params, "params", name, text)
    }

    /// An error at the place where `init` declares `name`, or at `init`.
    pub fn slot_error(&self, name: &str, text: &str) -> ScriptError {
        self.error_at(&self.declarations.init, "init", name, text)
    }

    fn error_at(&self, declared: &[Declaration], function: &str, name: &str, text: &str) -> ScriptError {
        if declared.iter().any(|declaration| declaration.name == name) {
            ScriptError::declared(declared, name, self.sources(), &self.path, text)
        } else {
            ScriptError::function(function, self.sources(), &self.path, text)
        }
    }

    /// Files the script imports, with their texts.
    pub fn imported(&self) -> Vec<(PathBuf, String)> {
        self.imports.borrow().texts.iter().map(|(path, text)| (path.clone(), text.clone())).collect()
    }

    /// What scripts can use, as registered.
    pub fn items(&self) -> &[Item] {
        &self.items
    }

    /// Names the script has plotted under so far.
    pub fn plot_names(&self) -> Vec<String> {
        self.state.plots.borrow().clone()
    }
}

/// The texts that messages point into: the script and what it imports.
fn texts(path: &str, source: &str, imports: &Imports) -> Sources {
    let mut sources = Sources::one(path, source);
    for (path, text) in imports.borrow().texts.iter() {
        sources.insert(path.display().to_string(), text);
    }
    sources
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

/// What a name of `init` turned out to be.
#[derive(Debug, Clone, PartialEq)]
pub enum DeclaredAs {
    /// The expression that gives it.
    Series(String),
    Multi(Arc<Spec>),
    Slot(Slot),
    Off,
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
            base: base.map(|base| base.kind.clone()),
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

/// Whether a script names what the best price since an entry is needed for, or may have it named elsewhere: in a module, or
/// by the name of a function that is put together, which `Fn` takes and what calls a function for each of a list.
fn mentions_peak(source: &str) -> bool {
    const NAMES: [&str; 5] = ["trail_pct", "break_even_after", "peak_profit_pct", "import", "Fn"];
    let called = |name: &&str| {
        source.match_indices(name).any(|(at, _)| {
            let (before, after) = (&source[..at], &source[at + name.len()..]);
            let is_word = !before.ends_with(|c: char| c.is_alphanumeric() || c == '_');
            is_word && after.trim_start().starts_with(['(', '/'])
        })
    };
    NAMES.iter().any(|name| source.contains(name)) || lint::packages::CALLING_BY_NAME.iter().any(called)
}

/// The script that was meant by a path at which there is none: of that name, else of one like it, beside it or in `folder`.
pub(crate) fn similar_script(path: &Path, folder: &Path) -> Option<PathBuf> {
    let wanted = path.file_stem()?.to_str()?;
    [path.parent()?, folder].into_iter().find_map(|folder| {
        let there = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        let files = std::fs::read_dir(there).ok()?.flatten().map(|entry| PathBuf::from(entry.file_name()));
        let stem = |file: PathBuf| Some(file.to_str()?.strip_suffix(".rhai")?.to_owned());
        let names: Vec<String> = files.filter_map(stem).collect();
        let exact = names.iter().find(|name| *name == wanted).map(String::as_str);
        let name = exact.or_else(|| nearest(wanted, names.iter().map(String::as_str)))?;
        Some(folder.join(format!("{name}.rhai")))
    })
}

fn read_error(path: &Path, error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => match similar_script(path, Path::new("strategies")) {
            Some(meant) => format!("there is no such file; did you mean {}?", meant.display()),
            None => "there is no such file; `mista new NAME` writes a new script".to_owned(),
        },
        std::io::ErrorKind::InvalidData => "it is not a text in UTF-8: is it a script?".to_owned(),
        _ if path.is_dir() => "it is a folder; name a .rhai file in it".to_owned(),
        _ => error.to_string(),
    }
}
