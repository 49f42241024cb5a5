//! The words findings are put in.

use super::vocabulary::FunctionSignature;

/// Line and column.
pub(super) type Place = (usize, usize);

/// How many arguments the signatures of one name take.
pub(super) fn takes(signatures: &[&FunctionSignature]) -> String {
    match signatures {
        [one] if one.arguments_min == one.arguments_max => arguments(one.arguments_min),
        [one] if one.arguments_min + 1 == one.arguments_max => {
            format!("{} or {} arguments", one.arguments_min, one.arguments_max)
        }
        [one] => format!("{} to {} arguments", one.arguments_min, one.arguments_max),
        _ => "a different number of arguments".to_string(),
    }
}

pub(super) fn did_you_mean(name: &str) -> String {
    format!("did you mean `{name}`?")
}

pub(super) fn arguments(count: usize) -> String {
    match count {
        0 => "no arguments".to_string(),
        1 => "1 argument".to_string(),
        n => format!("{n} arguments"),
    }
}

pub(super) fn list<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    names.into_iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

pub(super) fn parameters(count: usize) -> String {
    match count {
        0 => "no parameters".to_string(),
        1 => "1 parameter".to_string(),
        n => format!("{n} parameters"),
    }
}
