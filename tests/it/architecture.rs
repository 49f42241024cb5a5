//! The walls of the house, kept by reading the source: layers, the pure zone, no panics, no machine's paths.
//! Where the code wants another room, move the wall and the tables here together.

use crate::support::root;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Rooms of `src/` by layer, the lowest first. A room uses rooms of its own layer and below.
const LAYERS: [&[&str]; 6] = [
    &["model"],
    &["indicators"],
    &["engine"],
    &["script", "venues"],
    &[
        "backtest",
        "job",
        "optimize",
        "forward_test",
        "data",
        "config",
        "report",
        "doctor",
        "rehearsal",
        "saves",
        "live",
    ],
    &["cli", "main", "lib"],
];

/// Files and folders that know no clock, randomness, environment, file, socket or thread.
const PURE: [&str; 24] = [
    "model/",
    "indicators/",
    "engine/",
    "script/",
    "venues/sim/",
    "venues/local/market/",
    "venues/binance/wire.rs",
    "venues/binance/parse.rs",
    "venues/binance/read.rs",
    "venues/binance/frames.rs",
    "venues/binance/request.rs",
    "venues/binance/sign.rs",
    "venues/binance/budget.rs",
    "venues/binance/outcome.rs",
    "report/metrics.rs",
    "optimize/overfitting.rs",
    "optimize/verdict.rs",
    "doctor/judge.rs",
    "live/candle_feed.rs",
    "live/desk/",
    "live/record.rs",
    "live/plain.rs",
    "live/status/",
    "live/why/",
];

/// What the pure zone must not name.
const IMPURE: [&str; 14] = [
    "std::time",
    "SystemTime",
    "Instant::now",
    "Utc::now",
    "Local::now",
    "std::env",
    "std::fs",
    "std::io::stdin",
    "std::net",
    "std::process",
    "std::thread",
    "rand::",
    "tokio::",
    "rayon::",
];

/// Where the pure zone may name it after all, and why.
const ALLOWED: [(&str, &str, &str); 4] = [
    ("engine/columns.rs", "rayon::", "independent indicator columns, each one sequential pass"),
    ("script/script.rs", "std::fs", "Script::load reads the script file"),
    ("script/host.rs", "std::fs", "imports are read from below the script's folder"),
    ("venues/binance/sign.rs", "rand::", "signing with RSA asks for it; the signature is the same with any"),
];

const PANICS: [&str; 6] = [".unwrap()", ".expect(", "panic!", "todo!", "unimplemented!", "unreachable!"];

/// A source file: its path below `src/`, and its code without comments, texts and tests.
struct Source {
    path: String,
    code: String,
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> =
        fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() { files(&path, found) } else { found.push(path) }
    }
}

fn sources() -> Vec<Source> {
    let src = root().join("src");
    let mut found = Vec::new();
    files(&src, &mut found);
    let mut tests: BTreeSet<PathBuf> = BTreeSet::new();
    let mut sources = Vec::new();
    for file in found.into_iter().filter(|file| file.extension().is_some_and(|ending| ending == "rs")) {
        let text = fs::read_to_string(&file).unwrap();
        let (code, test_modules) = without_tests(&blanked(&text));
        // `mod tests;` of a/mod.rs is a/tests.rs, of a.rs it is a/tests.rs too, or beside it with a path.
        let folder = file.parent().unwrap();
        let own = if file.file_name().is_some_and(|name| name == "mod.rs" || name == "lib.rs") {
            folder.to_owned()
        } else {
            file.with_extension("")
        };
        for module in test_modules {
            tests.insert(own.join(format!("{module}.rs")));
            tests.insert(folder.join(format!("{module}.rs")));
        }
        // A named path hides in a text: `#[path = "metrics_tests.rs"] mod tests;`.
        for line in text.lines().filter(|line| line.trim_start().starts_with("#[path")) {
            if let Some(name) = line.split('"').nth(1).filter(|name| name.contains("test")) {
                tests.insert(folder.join(name));
            }
        }
        sources.push((file, code));
    }
    let is_test = |file: &PathBuf| tests.contains(file);
    sources
        .into_iter()
        .filter(|(file, _)| !is_test(file))
        .map(|(file, code)| {
            let path = file.strip_prefix(&src).unwrap().to_string_lossy().replace('\\', "/");
            Source { path, code }
        })
        .collect()
}

/// The text with comments and the insides of texts and characters blanked; lines stay where they are.
fn blanked(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let at = |index: usize| chars.get(index).copied().unwrap_or('\0');
    let mut index = 0;
    while index < chars.len() {
        let word_before = index > 0 && (at(index - 1).is_alphanumeric() || at(index - 1) == '_');
        let mut end = index;
        if at(index) == '/' && at(index + 1) == '/' {
            while end < chars.len() && at(end) != '\n' {
                end += 1;
            }
        } else if at(index) == '/' && at(index + 1) == '*' {
            end += 2;
            while end < chars.len() && !(at(end - 1) == '*' && at(end) == '/') {
                end += 1;
            }
            end += 1;
        } else if at(index) == 'r' && !word_before && (at(index + 1) == '"' || at(index + 1) == '#') {
            let hashes = (index + 1..).take_while(|&place| at(place) == '#').count();
            if at(index + 1 + hashes) == '"' {
                end = index + 2 + hashes;
                while end < chars.len()
                    && !(at(end) == '"' && (1..=hashes).all(|offset| at(end + offset) == '#'))
                {
                    end += 1;
                }
                end += 1 + hashes;
            }
        } else if at(index) == '"' {
            end += 1;
            while end < chars.len() && at(end) != '"' {
                end += if at(end) == '\\' { 2 } else { 1 };
            }
            end += 1;
        } else if at(index) == '\'' && (at(index + 1) == '\\' || at(index + 2) == '\'') {
            end += 2 + usize::from(at(index + 1) == '\\');
            while end < chars.len() && at(end) != '\'' {
                end += 1;
            }
            end += 1;
        }
        if end == index {
            out.push(at(index));
            index += 1;
        } else {
            let newlines = chars[index..end.min(chars.len())].iter().filter(|c| **c == '\n');
            out.extend(newlines);
            out.push(' ');
            index = end;
        }
    }
    out
}

/// The code without what `#[cfg(test)]` marks, and the names of test modules that are files.
fn without_tests(code: &str) -> (String, Vec<String>) {
    const MARK: &str = "#[cfg(test)]";
    let (mut kept, mut modules, mut rest) = (String::new(), Vec::new(), code);
    while let Some(start) = rest.find(MARK) {
        kept.push_str(&rest[..start]);
        let after = &rest[start + MARK.len()..];
        let (brace, semicolon) = (after.find('{'), after.find(';'));
        let end = match (brace, semicolon) {
            (Some(brace), semicolon) if semicolon.is_none_or(|semicolon| brace < semicolon) => {
                let mut depth = 0;
                let close = after[brace..].char_indices().find(|(_, c)| {
                    depth += i32::from(*c == '{') - i32::from(*c == '}');
                    depth == 0
                });
                close.map_or(after.len(), |(index, _)| brace + index + 1)
            }
            (_, Some(semicolon)) => {
                if let Some(name) = after[..semicolon].split("mod ").nth(1) {
                    modules.push(name.trim().to_owned());
                }
                semicolon + 1
            }
            (_, None) => after.len(),
        };
        kept.extend(after[..end].chars().filter(|c| *c == '\n'));
        rest = &after[end..];
    }
    kept.push_str(rest);
    (kept, modules)
}

/// First names after each `prefix` (such as `crate::`), groups in braces included, with their lines.
fn names_after(code: &str, prefix: &str) -> Vec<(usize, String)> {
    let mut names = Vec::new();
    for (start, _) in code.match_indices(prefix) {
        if code[..start].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':') {
            continue;
        }
        let line = code[..start].matches('\n').count() + 1;
        let after = code[start + prefix.len()..].trim_start();
        let word = |text: &str| {
            text.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>()
        };
        let Some(group) = after.strip_prefix('{') else {
            names.push((line, word(after)));
            continue;
        };
        names.push((line, word(group)));
        let mut depth = 1;
        for (index, c) in group.char_indices() {
            depth += i32::from(c == '{') - i32::from(c == '}');
            match c {
                ',' if depth == 1 => names.push((line, word(&group[index + 1..]))),
                _ if depth == 0 => break,
                _ => {}
            }
        }
    }
    names
}

fn layer_of(room: &str) -> Option<usize> {
    LAYERS.iter().position(|rooms| rooms.contains(&room))
}

fn room_of(path: &str) -> &str {
    path.split('/').next().unwrap_or(path).trim_end_matches(".rs")
}

/// The path of `super`s that leads from a file to the crate's root.
fn to_root(path: &str) -> String {
    let depth = path.matches('/').count() + usize::from(!path.ends_with("/mod.rs"));
    "super::".repeat(depth)
}

#[test]
fn a_layer_uses_only_layers_below_it() {
    let mut wrong = Vec::new();
    for source in sources() {
        let room = room_of(&source.path);
        let Some(own) = layer_of(room) else {
            wrong.push(format!("src/{}: `{room}` is in no layer: add it to the table", source.path));
            continue;
        };
        let mut used = names_after(&source.code, "crate::");
        if !matches!(source.path.as_str(), "lib.rs" | "main.rs") {
            used.extend(names_after(&source.code, &to_root(&source.path)));
        }
        for (line, name) in used {
            if layer_of(&name).is_some_and(|layer| layer > own) {
                wrong.push(format!("src/{}:{line}: `{room}` uses `{name}`, a layer above it", source.path));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// Whether `word` stands in a line, and not as the end of a longer one.
fn names(line: &str, word: &str) -> bool {
    let inside = |character: char| character.is_alphanumeric() || character == '_';
    line.match_indices(word).any(|(at, _)| !line[..at].ends_with(inside))
}

#[test]
fn the_pure_zone_reaches_for_nothing_outside() {
    let (mut wrong, mut used) = (Vec::new(), BTreeSet::new());
    let sources = sources();
    for source in sources.iter().filter(|source| PURE.iter().any(|pure| source.path.starts_with(pure))) {
        let mut named: Vec<(usize, String)> = Vec::new();
        for (number, line) in source.code.lines().enumerate() {
            named.extend(
                IMPURE.iter().filter(|word| names(line, word)).map(|word| (number + 1, (*word).to_owned())),
            );
        }
        // `use std::{fs, env};`
        for (line, name) in names_after(&source.code, "std::") {
            let full = format!("std::{name}");
            if IMPURE.contains(&full.as_str()) && !named.contains(&(line, full.clone())) {
                named.push((line, full));
            }
        }
        for (line, word) in named {
            match ALLOWED.iter().position(|(file, allowed, _)| *file == source.path && *allowed == word) {
                Some(index) => {
                    used.insert(index);
                }
                None => wrong.push(format!("src/{}:{line}: the pure zone names {word}", source.path)),
            }
        }
    }
    for (index, (file, word, why)) in ALLOWED.iter().enumerate() {
        if !used.contains(&index) {
            wrong.push(format!("the exception {file} {word} ({why}) is not needed any more: remove it"));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    assert!(sources.len() > 80, "only {} files found", sources.len());
}

#[test]
fn nothing_outside_tests_panics_on_purpose() {
    let mut wrong = Vec::new();
    for source in sources() {
        for (number, line) in source.code.lines().enumerate() {
            for word in PANICS.iter().filter(|word| line.contains(*word)) {
                wrong.push(format!("src/{}:{}: {word}", source.path, number + 1));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn no_file_names_a_place_on_someones_machine() {
    // Put together, so that this file does not name them.
    let homes = ["home", "Users", "root", "work", "mnt", "private"].map(|name| format!("/{name}/"));
    let mut found = Vec::new();
    for folder in ["src", "tests", "docs", "strategies", "config", "benches", "examples", ".github"] {
        files(&root().join(folder), &mut found);
    }
    let top = fs::read_dir(root()).unwrap().map(|entry| entry.unwrap().path());
    // In a worktree `.git` is a file; it is nobody's text.
    found.extend(top.filter(|path| path.is_file() && path.file_name().is_some_and(|name| name != ".git")));
    let mut wrong = Vec::new();
    for file in found {
        let Ok(text) = fs::read_to_string(&file) else { continue };
        for (number, line) in text.lines().enumerate() {
            // Not after a word: the path of an address is none of ours.
            let named = |place: &String| {
                line.match_indices(place.as_str()).any(|(index, _)| {
                    !line[..index].ends_with(|c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-'))
                })
            };
            if homes.iter().any(named) {
                let path = file.strip_prefix(root()).unwrap_or(&file);
                wrong.push(format!("{}:{}: {}", path.display(), number + 1, line.trim()));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn the_reader_of_sources_reads_what_it_should() {
    let code = r##"use crate::{model::X, cli, engine::{run, Y}};
// crate::cli
fn a() { let t = "crate::cli .unwrap()"; let r = r#"panic!"#; let c = '"'; let l: &'static str = t; }
#[cfg(test)]
mod tests { fn b() { x.unwrap(); { } } }
#[cfg(test)]
mod more;
fn c() { d.unwrap() }"##;
    let blank = blanked(code);
    let names: Vec<String> = names_after(&blank, "crate::").into_iter().map(|(_, name)| name).collect();
    assert_eq!(names, ["model", "cli", "engine"]);
    let (kept, modules) = without_tests(&blank);
    assert_eq!(modules, ["more"]);
    assert_eq!(kept.matches(".unwrap()").count(), 1);
    assert!(!kept.contains("panic!"));
    assert_eq!(kept.lines().count(), code.lines().count());
    assert_eq!(to_root("engine/run.rs"), "super::super::");
    assert_eq!(to_root("engine/mod.rs"), "super::");
    assert_eq!(to_root("backtest.rs"), "super::");
}
