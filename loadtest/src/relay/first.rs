//! Who goes first: a relay that waits for a core is late, so its threads ask the system to be served before all others.

use std::process::{Command, Stdio};

use nix::unistd::gettid;

/// Asks that this thread, and those that it starts, run as soon as they can. Whoever may not is as late as others are, and says so by its
/// lateness. Whether it was granted.
pub(super) fn ask() -> bool {
    // The system call is not to be had without unsafe code; the tool of util-linux makes it for us.
    let mut chrt = Command::new("chrt");
    chrt.args(["--fifo", "--pid", PRIORITY, &gettid().to_string()]);
    chrt.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    chrt.status().is_ok_and(|status| status.success())
}

/// The lowest of real time: before whatever is not, behind whatever is.
const PRIORITY: &str = "1";
