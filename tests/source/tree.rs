//! The tree is the files of this repository, by their paths.

use std::path::PathBuf;
use std::process::Command;

pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// What is committed or about to be.
pub(crate) fn listed_by_git() -> Option<Vec<String>> {
    let arguments = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
    let output = Command::new("git")
        .args(arguments)
        .current_dir(root())
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    let mut paths: Vec<String> =
        String::from_utf8(output.stdout).ok()?.split_terminator('\0').map(str::to_owned).collect();
    paths.retain(|path| root().join(path).is_file());
    (!paths.is_empty()).then_some(paths)
}

/// What lies there, where git is not at hand.
pub(crate) fn walked() -> Vec<String> {
    let (mut folders, mut paths) = (vec![root()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder of ours can be read").flatten() {
            let (path, name) = (entry.path(), entry.file_name());
            if path.is_file() {
                paths.push(path.strip_prefix(root()).expect("it was found below the root").display().to_string());
            } else if path.is_dir() && name != "target" && name != ".git" {
                folders.push(path);
            }
        }
    }
    paths
}
