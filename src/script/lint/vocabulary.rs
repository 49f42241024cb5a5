//! What a script may name: filled by the host from what it registers, so that the two cannot differ.

use std::collections::BTreeMap;

/// Where a function may be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Only in `params()`.
    Params,
    /// Only in `init(p)`: it declares an indicator.
    Init,
    /// Only where there is a candle: `on_candle`, `on_fill`, `on_exit`.
    Candle,
    Any,
}

/// One way to call a function; a name may have several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionSignature {
    pub name: String,
    pub arguments_min: usize,
    pub arguments_max: usize,
    pub phase: Phase,
    /// One line: `sma(src, n)`.
    pub text: String,
}

impl FunctionSignature {
    pub fn new(text: &str, arguments_min: usize, arguments_max: usize, phase: Phase) -> FunctionSignature {
        let name = text.split('(').next().unwrap_or(text).trim().to_string();
        FunctionSignature { name, arguments_min, arguments_max, phase, text: text.to_string() }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PropertyKind {
    Number,
    Bool,
    /// Has a history: `ctx.close[1]`.
    Series,
    /// An indicator with several outputs, each a series: `ctx.bands.upper[1]`.
    Multi {
        fields: Vec<String>,
    },
    Text,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Property {
    pub name: String,
    /// A state slot.
    pub writable: bool,
    pub kind: PropertyKind,
}

impl Property {
    pub fn new(name: &str, writable: bool, kind: PropertyKind) -> Property {
        Property { name: name.to_string(), writable, kind }
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Vocabulary {
    /// Host constants, usable as variables anywhere.
    pub constants: Vec<String>,
    /// Host functions, with all the numbers of arguments they take.
    pub functions: Vec<FunctionSignature>,
    /// Names of everything else that can be called (Rhai's own packages: `push`, `len`, `to_float` …), as a
    /// function or as a method; their arguments are not checked, unless `functions` has the name too.
    pub builtins: Vec<String>,
    /// Built-in properties of `ctx`, and the script's series and slots as far as the host knows them. What
    /// `init` visibly puts into its map need not be here.
    pub ctx_properties: Vec<Property>,
    /// Methods of `ctx`; the arguments are those in the parentheses.
    pub ctx_methods: Vec<FunctionSignature>,
    /// Properties of `p`: base parameters, and the script's own as far as the host knows them. What `params`
    /// visibly puts into its map need not be here.
    pub parameters: Vec<String>,
    /// Properties of the third argument of `on_fill`.
    pub fill_properties: Vec<String>,
    /// Properties of the third argument of `on_exit`.
    pub trade_properties: Vec<String>,
    /// For an import alias: the functions and constants of its module. Aliases not listed are not checked.
    pub modules: BTreeMap<String, Vec<String>>,
    /// `init` has not run yet: `ctx` may have properties that are not listed.
    pub ctx_is_open: bool,
    /// `params` has not run yet: `p` may have properties that are not listed.
    pub parameters_are_open: bool,
}
