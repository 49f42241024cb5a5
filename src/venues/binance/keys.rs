//! Where keys come from: the environment, or a file that nobody but its owner can read.

use super::sign::{Credentials, KeyError};
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

pub const API_KEY: &str = "MISTA_API_KEY";
pub const API_SECRET: &str = "MISTA_API_SECRET";
pub const PRIVATE_KEY_FILE: &str = "MISTA_API_PRIVATE_KEY_FILE";

/// Longest file that is taken for one with a key.
const FILE_MAX: u64 = 64 << 10;

#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    #[error("{API_KEY} is set, but neither {API_SECRET} nor {PRIVATE_KEY_FILE} is: set one of them")]
    NoSecret,
    #[error("{API_SECRET} and {PRIVATE_KEY_FILE} are both set: unset one of them")]
    TwoSecrets,
    #[error("{0} is set, but {API_KEY} is not: a secret is of no use without the key it belongs to")]
    NoKey(&'static str),
    #[error("{0} is not readable text")]
    NotText(&'static str),
    #[error("{path}: {}", unread(error), path = path.display())]
    File { path: PathBuf, error: std::io::Error },
    #[error("{path} can be read by others than its owner: `chmod 600 {path}`, and think of making a new key", path = path.display())]
    Open { path: PathBuf },
    #[error("{path} is no file with a key: {why}", path = path.display())]
    NotAKeyFile { path: PathBuf, why: &'static str },
    #[error("{place}: {error}")]
    Key { place: String, error: KeyError },
}

fn unread(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
        _ => format!("cannot be read: {error}"),
    }
}

/// The keys that the environment names, or `None` where it names none.
pub fn from_environment() -> Result<Option<Credentials>, KeysError> {
    from_variables(|name| std::env::var_os(name))
}

/// The same with any source of variables.
pub fn from_variables(
    variable: impl Fn(&str) -> Option<std::ffi::OsString>,
) -> Result<Option<Credentials>, KeysError> {
    let text = |name: &'static str| -> Result<Option<Zeroizing<String>>, KeysError> {
        let Some(value) = variable(name).filter(|value| !value.is_empty()) else { return Ok(None) };
        value.into_string().map(|text| Some(Zeroizing::new(text))).map_err(|_| KeysError::NotText(name))
    };
    match (text(API_KEY)?, text(API_SECRET)?, text(PRIVATE_KEY_FILE)?) {
        (None, None, None) => Ok(None),
        (None, Some(_), _) => Err(KeysError::NoKey(API_SECRET)),
        (None, None, Some(_)) => Err(KeysError::NoKey(PRIVATE_KEY_FILE)),
        (Some(_), None, None) => Err(KeysError::NoSecret),
        (Some(_), Some(_), Some(_)) => Err(KeysError::TwoSecrets),
        (Some(key), Some(secret), None) => {
            let place = format!("{API_KEY}, {API_SECRET}");
            Credentials::hmac(&key, &secret).map(Some).map_err(|error| KeysError::Key { place, error })
        }
        (Some(key), None, Some(path)) => {
            let pem = private(Path::new(path.as_str()))?;
            let place = format!("{API_KEY}, {}", path.as_str());
            Credentials::pem(&key, &pem).map(Some).map_err(|error| KeysError::Key { place, error })
        }
    }
}

/// The keys in a file of lines `NAME=value`, with the names of the environment variables; empty lines and
/// lines that begin with `#` are skipped.
pub fn from_file(path: &Path) -> Result<Credentials, KeysError> {
    let not_a_key = |why| KeysError::NotAKeyFile { path: path.to_owned(), why };
    let text = private(path)?;
    let names = [API_KEY, API_SECRET, PRIVATE_KEY_FILE];
    let mut found: Vec<(&str, Zeroizing<String>)> = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (name, value) = line.split_once('=').ok_or_else(|| not_a_key("a line is not NAME=value"))?;
        let name = name.trim().trim_start_matches("export ").trim();
        if !names.contains(&name) {
            return Err(not_a_key(
                "a name other than MISTA_API_KEY, MISTA_API_SECRET, MISTA_API_PRIVATE_KEY_FILE",
            ));
        }
        if found.iter().any(|(other, _)| *other == name) {
            return Err(not_a_key("a name stands there twice"));
        }
        let value = value.trim();
        let bare = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value);
        found.push((name, Zeroizing::new(bare.to_owned())));
    }
    let keys = from_variables(|name| {
        found.iter().find(|(other, _)| *other == name).map(|(_, value)| value.as_str().into())
    })?;
    keys.ok_or_else(|| not_a_key("it names no key"))
}

/// The text of a file that only its owner can read.
fn private(path: &Path) -> Result<Zeroizing<String>, KeysError> {
    let fault = |error| KeysError::File { path: path.to_owned(), error };
    let not_a_key = |why| KeysError::NotAKeyFile { path: path.to_owned(), why };
    let file = fs::File::open(path).map_err(fault)?;
    // Of the open file, so that nobody can exchange it in between.
    let metadata = file.metadata().map_err(fault)?;
    if !metadata.is_file() {
        return Err(not_a_key("it is not a file"));
    }
    if metadata.len() > FILE_MAX {
        return Err(not_a_key("it is too long"));
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        if metadata.permissions().mode() & 0o077 != 0 {
            return Err(KeysError::Open { path: path.to_owned() });
        }
    }
    // Room for all of it at once: a buffer that grows leaves copies behind.
    let mut text = Zeroizing::new(String::with_capacity(FILE_MAX as usize + 1));
    file.take(FILE_MAX).read_to_string(&mut text).map_err(fault)?;
    Ok(text)
}
