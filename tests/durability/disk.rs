//! A disk of one's own is a small file system in memory that can be filled, emptied and made read-only. It takes root to mount one.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A mounted file system, which goes with its handle.
pub(crate) struct Disk {
    at: PathBuf,
}

impl Disk {
    /// Mounts one, or says that this cannot be done here. With `PODIUM_REQUIRE_TMPFS=1` that is a failure.
    pub(crate) fn mount(name: &str) -> Option<Self> {
        let at = std::env::temp_dir().join(format!("podium-disk-{}-{name}", std::process::id()));
        fs::create_dir_all(&at).unwrap();
        match run("mount", &["-t", "tmpfs", "-o", SIZE, "podium-test", at.to_str().unwrap()]) {
            Ok(()) => Some(Self { at }),
            Err(why) => {
                let required = std::env::var("PODIUM_REQUIRE_TMPFS").is_ok_and(|value| value == "1");
                assert!(!required, "a file system of one's own is required here (PODIUM_REQUIRE_TMPFS=1): {why}");
                println!("SKIPPED: no file system of one's own can be mounted: {}", why.trim());
                None
            }
        }
    }

    pub(crate) fn at(&self) -> &Path {
        &self.at
    }

    /// Fills it to the last byte.
    pub(crate) fn fill(&self) {
        let mut ballast = File::create(self.ballast()).unwrap();
        for size in [64 * 1024, 4 * 1024, 1] {
            while ballast.write_all(&vec![0; size]).is_ok() {}
        }
    }

    /// Takes out what filled it.
    pub(crate) fn empty(&self) {
        fs::remove_file(self.ballast()).unwrap();
    }

    pub(crate) fn make_read_only(&self, is_read_only: bool) {
        let how = if is_read_only { "remount,ro" } else { "remount,rw" };
        run("mount", &["-o", how, self.at.to_str().unwrap()]).unwrap();
    }

    fn ballast(&self) -> PathBuf {
        self.at.join("ballast")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: a server that the test has left behind may still be about to end.
        let _gone = run("umount", &["-l", self.at.to_str().unwrap()]);
        let _gone = fs::remove_dir(&self.at);
    }
}

fn run(program: &str, arguments: &[&str]) -> Result<(), String> {
    let output = Command::new(program).args(arguments).output().map_err(|error| format!("{program}: {error}"))?;
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
}

/// Little, so that it is soon full; enough for a store and its write-ahead log.
const SIZE: &str = "size=2m";
