//! Names of the functions in Rhai's own packages, for [`Vocabulary::builtins`](super::Vocabulary::builtins).
//!
//! Rhai lists them only with its feature `metadata`; these are 1.27's. A package not registered is a list not
//! taken. `print`, `debug`, `sleep` and `exit`, which a strategy may not use, are left out.

pub const ARITHMETIC: &[&str] = &["abs", "is_even", "is_odd", "is_zero", "sign"];

#[rustfmt::skip]
pub const MATH: &[&str] = &[
    "acos", "acosh", "asin", "asinh", "atan", "atanh", "ceiling", "cos", "cosh", "exp", "floor", "fraction",
    "hypot", "int", "is_finite", "is_infinite", "is_nan", "ln", "log", "parse_float", "parse_int", "round", "sin",
    "sinh", "sqrt", "tan", "tanh", "to_degrees", "to_float", "to_int", "to_radians",
];

pub const LOGIC: &[&str] = &["max", "min"];

#[rustfmt::skip]
pub const STRINGS: &[&str] = &[
    "append", "bytes", "chars", "clear", "contains", "crop", "ends_with", "get", "index_of", "is_empty", "len",
    "make_lower", "make_upper", "max", "min", "pad", "pop", "remove", "replace", "set", "split", "split_rev",
    "starts_with", "sub_string", "to_binary", "to_chars", "to_debug", "to_hex", "to_int", "to_lower", "to_octal",
    "to_string", "to_upper", "trim", "truncate",
];

#[rustfmt::skip]
pub const ARRAYS: &[&str] = &[
    "all", "append", "chop", "clear", "contains", "dedup", "drain", "extract", "filter", "find", "find_map",
    "for_each", "get", "index_of", "insert", "is_empty", "len", "map", "order", "order_by", "order_desc", "pad",
    "pop", "push", "reduce", "reduce_rev", "remove", "retain", "reverse", "set", "shift", "some", "sort", "sort_by",
    "sort_desc", "splice", "split", "truncate", "zip",
];

/// Those of arrays and maps that take the name of a function as a text, besides a function.
#[rustfmt::skip]
pub const CALLING_BY_NAME: &[&str] = &[
    "all", "dedup", "drain", "filter", "index_of", "map", "reduce", "reduce_rev", "retain", "some", "sort",
];

#[rustfmt::skip]
pub const MAPS: &[&str] = &[
    "clear", "contains", "drain", "fill_with", "filter", "get", "is_empty", "keys", "len", "map", "mixin", "remove",
    "retain", "set", "values",
];

pub const ITERATORS: &[&str] =
    &["bits", "chars", "contains", "end", "is_empty", "is_exclusive", "is_inclusive", "range", "start"];

pub const LANGUAGE: &[&str] = &["is_anonymous", "name", "set_tag", "tag", "take"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::host::sandbox;
    use std::cell::Cell;
    use std::rc::Rc;

    #[test]
    fn what_calls_a_function_by_its_name_is_known() {
        let called = Rc::new(Cell::new(false));
        let mut engine = sandbox();
        let heard = called.clone();
        engine.register_fn("hear", move || heard.set(true));
        let named: String =
            ["", "a", "a, b", "a, b, c"].map(|all| format!("fn named({all}) {{ hear(); true }} ")).concat();
        let calls = |name: &&&str| {
            called.set(false);
            for of in ["[2, 1]", "#{ a: 2, b: 1 }"] {
                for more in ["", ", 1"] {
                    // What a function has no use for is an error.
                    _ = engine.run(&format!("{named} let of = {of}; of.{name}(\"named\"{more})"));
                }
            }
            called.get()
        };
        let mut found: Vec<&str> = ARRAYS.iter().chain(MAPS).filter(calls).copied().collect();
        found.sort_unstable();
        found.dedup();
        assert_eq!(found, CALLING_BY_NAME);
    }
}
