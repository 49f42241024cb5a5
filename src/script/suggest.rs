//! "Did you mean": the closest of some names to a mistyped one.
pub fn closest<'a>(_: &str, _: impl Iterator<Item = &'a str>) -> Option<&'a str> { None }
