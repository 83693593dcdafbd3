//! The development key signs the tokens of development mode. It is kept between runs, so that pages and programs go on after a restart.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use crate::config::Secret;

/// The id of the development key.
pub const KEY_ID: &str = "devkey";

/// Returns the folder for what a program keeps between runs, by the XDG Base Directory Specification: `$XDG_STATE_HOME/podium`, or
/// `~/.local/state/podium`. None without a home.
pub fn state_folder(variable: impl Fn(&str) -> Option<String>) -> Option<PathBuf> {
    let absolute = |name: &str| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let state = absolute("XDG_STATE_HOME").or_else(|| Some(absolute("HOME")?.join(".local/state")))?;
    Some(state.join("podium"))
}

/// Returns the key that is kept in `folder`. Makes one if there is none, or none that can be used. Only its owner may read the file.
///
/// # Errors
///
/// The file cannot be read or written, or the machine gives no random numbers.
pub fn kept_key(folder: &Path) -> io::Result<Secret> {
    let path = folder.join(FILE);
    match fs::read_to_string(&path) {
        Ok(text) if is_key(text.trim_end()) => return Ok(Secret::new(text.trim_end())),
        Ok(_) => fs::remove_file(&path)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let key = new_key().map_err(io::Error::other)?;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
    writeln!(file, "{key}")?;
    Ok(Secret::new(key))
}

/// Returns a new key: 32 random bytes in hexadecimal digits.
///
/// # Errors
///
/// The machine gives no random numbers.
pub fn new_key() -> Result<String, getrandom::Error> {
    let mut bytes = [0; KEY_BYTES];
    getrandom::fill(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn is_key(text: &str) -> bool {
    text.len() == KEY_BYTES * 2 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

const FILE: &str = "development-key";
const KEY_BYTES: usize = 32;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop on surprise")]

    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn the_key_is_made_once_and_only_its_owner_can_read_it() {
        let root = std::env::temp_dir().join(format!("podium-development-{}", std::process::id()));
        let folder = root.join("state/podium");
        let first = kept_key(&folder).unwrap();
        assert_eq!(kept_key(&folder).unwrap().expose(), first.expose());
        let path = folder.join(FILE);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        fs::write(&path, "cut off").unwrap();
        let second = kept_key(&folder).unwrap();
        assert!(is_key(second.expose()) && second.expose() != first.expose());
        assert_eq!(kept_key(&folder).unwrap().expose(), second.expose());
        fs::remove_dir_all(root).unwrap();
    }

    #[test]
    fn the_folder_is_that_for_state() {
        let with = |state: Option<&str>, home: Option<&str>| {
            let (state, home) = (state.map(str::to_owned), home.map(str::to_owned));
            state_folder(move |name| if name == "HOME" { home.clone() } else { state.clone() })
        };
        assert_eq!(with(Some("/s"), Some("/h")), Some(PathBuf::from("/s/podium")));
        assert_eq!(with(None, Some("/h")), Some(PathBuf::from("/h/.local/state/podium")));
        assert_eq!(with(Some("relative"), Some("/h")), Some(PathBuf::from("/h/.local/state/podium")));
        assert_eq!(with(None, None), None);
    }
}
