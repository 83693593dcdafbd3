//! A share is the part of a core that a process may use, held by the system and not by the process.
//!
//! A control group of one's own does it where one can be made (both versions of them, Linux). Elsewhere the process is stopped and continued
//! in turn, which is harsher: it stands still also when it has used little. The report says which it was.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// How much of a core.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quota {
    /// In cores.
    pub cpu: f64,
    /// Counted anew after so long. Whoever has used all stands still until then, so it is also how long a pause may be.
    pub period: Duration,
}

impl Quota {
    fn time(self) -> Duration {
        self.period.mul_f64(self.cpu).max(QUOTA_MIN)
    }
}

/// Holds one process to a quota, until it is dropped; the process must be gone by then.
pub struct CpuShare {
    quota: Quota,
    means: Means,
}

enum Means {
    GroupV1(PathBuf),
    GroupV2(PathBuf),
    Pauses(Option<Pauses>),
}

struct Pauses {
    over: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

/// How often and for how long a control group stood still.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Throttled {
    /// Periods in which it ran.
    pub periods: u64,
    /// Of them, those in which it used up its quota.
    pub throttled: u64,
    /// How long it stood still, all its cores together.
    pub time: Duration,
}

impl CpuShare {
    /// The best means that this machine offers.
    pub fn new(quota: Quota) -> Self {
        let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
        let own = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
        let means =
            group_v1(&mounts, &own, quota).or_else(|_| group_v2(&mounts, &own, quota)).unwrap_or(Means::Pauses(None));
        Self { quota, means }
    }

    /// What holds the process, in words.
    pub fn means(&self) -> String {
        let (time, period) = (ms(self.quota.time()), ms(self.quota.period));
        match &self.means {
            Means::GroupV1(_) => format!("a control group (v1): {time} ms of every {period} ms"),
            Means::GroupV2(_) => format!("a control group (v2): {time} ms of every {period} ms"),
            Means::Pauses(_) => {
                format!(
                    "NO control group could be made: the server is stopped and continued to run {time} of every {period} ms"
                )
            }
        }
    }

    /// The quota.
    pub fn quota(&self) -> Quota {
        self.quota
    }

    /// The command that starts `binary` within the group, so that it reads its limits rightly from its first moment on.
    pub(crate) fn command(&self, binary: &Path) -> Command {
        let folder = match &self.means {
            Means::GroupV1(folder) | Means::GroupV2(folder) => folder,
            Means::Pauses(_) => return Command::new(binary),
        };
        let mut command = Command::new("/bin/sh");
        command.args(["-c", "echo $$ > \"$0\" && exec \"$@\""]).arg(folder.join("cgroup.procs")).arg(binary);
        command
    }

    /// Begins to hold a process that was started by the command.
    pub(crate) fn hold(&mut self, pid: u32) {
        let Means::Pauses(pauses) = &mut self.means else {
            return;
        };
        let pid = Pid::from_raw(pid.cast_signed());
        let (runs, rests) = (self.quota.time(), self.quota.period.saturating_sub(self.quota.time()));
        let over = Arc::new(AtomicBool::new(false));
        let is_over = Arc::clone(&over);
        let thread = std::thread::spawn(move || {
            // It may end at any time: then a signal finds nobody, and there is nothing to hold.
            while !is_over.load(Ordering::Relaxed) && kill(pid, Signal::SIGSTOP).is_ok() {
                std::thread::sleep(rests);
                let _ = kill(pid, Signal::SIGCONT);
                std::thread::sleep(runs);
            }
        });
        *pauses = Some(Pauses { over, thread });
    }

    /// How often it stood still so far, where the system tells.
    pub fn throttled(&self) -> Option<Throttled> {
        match &self.means {
            Means::GroupV1(folder) | Means::GroupV2(folder) => {
                Some(throttled_in(&fs::read_to_string(folder.join("cpu.stat")).ok()?))
            }
            Means::Pauses(_) => None,
        }
    }
}

impl Drop for CpuShare {
    fn drop(&mut self) {
        match &mut self.means {
            Means::GroupV1(folder) | Means::GroupV2(folder) => {
                // The process was waited for, but the group may learn of it a moment later.
                for _ in 0..REMOVALS_MAX {
                    if fs::remove_dir(&folder).is_ok() {
                        return;
                    }
                    std::thread::sleep(REMOVAL_PAUSE);
                }
            }
            Means::Pauses(pauses) => {
                if let Some(Pauses { over, thread }) = pauses.take() {
                    over.store(true, Ordering::Relaxed);
                    // It ends at the next turn; if it panicked, that was reported.
                    let _ = thread.join();
                }
            }
        }
    }
}

fn group_v1(mounts: &str, own: &str, quota: Quota) -> io::Result<Means> {
    let folder = folder_v1(mounts, own).ok_or(io::ErrorKind::NotFound)?;
    fs::create_dir(&folder)?;
    let made = fs::write(folder.join("cpu.cfs_period_us"), quota.period.as_micros().to_string())
        .and_then(|()| fs::write(folder.join("cpu.cfs_quota_us"), quota.time().as_micros().to_string()));
    kept_if(made, folder).map(Means::GroupV1)
}

fn group_v2(mounts: &str, own: &str, quota: Quota) -> io::Result<Means> {
    let folder = folder_v2(mounts, own).ok_or(io::ErrorKind::NotFound)?;
    if let Some(parent) = folder.parent() {
        // Where it is on already this changes nothing; where it may not be, the limit below cannot be written.
        let _ = fs::write(parent.join("cgroup.subtree_control"), "+cpu");
    }
    fs::create_dir(&folder)?;
    let limit = format!("{} {}", quota.time().as_micros(), quota.period.as_micros());
    kept_if(fs::write(folder.join("cpu.max"), limit), folder).map(Means::GroupV2)
}

fn kept_if(made: io::Result<()>, folder: PathBuf) -> io::Result<PathBuf> {
    if made.is_err() {
        // Made a moment ago, and empty.
        let _ = fs::remove_dir(&folder);
    }
    made.map(|()| folder)
}

/// A folder of our own below our own group of the old kind, for the controller of processor time.
fn folder_v1(mounts: &str, own: &str) -> Option<PathBuf> {
    let mount = mounts.lines().find_map(|line| {
        let fields: Vec<&str> = line.split(' ').collect();
        let &[_, at, "cgroup", options, ..] = fields.as_slice() else {
            return None;
        };
        options.split(',').any(|option| option == "cpu").then_some(at)
    })?;
    let group = own.lines().find_map(|line| {
        let (controllers, path) = line.split_once(':')?.1.split_once(':')?;
        controllers.split(',').any(|controller| controller == "cpu").then_some(path)
    })?;
    Some(below(mount, group))
}

/// The same of the new kind.
fn folder_v2(mounts: &str, own: &str) -> Option<PathBuf> {
    let mount = mounts.lines().find_map(|line| {
        let fields: Vec<&str> = line.split(' ').collect();
        let &[_, at, "cgroup2", ..] = fields.as_slice() else {
            return None;
        };
        Some(at)
    })?;
    let group = own.lines().find_map(|line| line.strip_prefix("0::"))?;
    Some(below(mount, group))
}

fn below(mount: &str, group: &str) -> PathBuf {
    Path::new(mount).join(group.trim_start_matches('/')).join(format!("podium-loadtest-{}", std::process::id()))
}

/// Both versions name their counts alike, but count the time in different units.
fn throttled_in(stat: &str) -> Throttled {
    let value = |name: &str| -> Option<u64> {
        stat.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok())
    };
    let nanos = value("throttled_time").or_else(|| value("throttled_usec").map(|micros| micros * 1_000));
    Throttled {
        periods: value("nr_periods").unwrap_or_default(),
        throttled: value("nr_throttled").unwrap_or_default(),
        time: Duration::from_nanos(nanos.unwrap_or_default()),
    }
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}

/// Linux grants no less.
const QUOTA_MIN: Duration = Duration::from_millis(1);
const REMOVALS_MAX: u32 = 100;
const REMOVAL_PAUSE: Duration = Duration::from_millis(10);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop on surprise")]

    use super::*;
    use crate::clock;
    use crate::server::cpu_time_of;

    #[test]
    fn a_busy_process_gets_its_share_and_no_more() {
        let quota = Quota { cpu: 0.25, period: Duration::from_millis(10) };
        let mut share = CpuShare::new(quota);
        let mut child = share.command(Path::new("/bin/sh")).args(["-c", "while :; do :; done"]).spawn().unwrap();
        share.hold(child.id());
        std::thread::sleep(Duration::from_millis(200));
        let used = || cpu_time_of(&child.id().to_string()).unwrap();
        let (before, since) = (used(), clock::now());
        std::thread::sleep(Duration::from_millis(1_500));
        let part = (used() - before).as_secs_f64() / clock::since(since).as_secs_f64();
        let _ = kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGCONT);
        child.kill().unwrap();
        child.wait().unwrap();
        // On a busy machine it may get much less; and ticks are coarse.
        assert!(part > 0.0 && part < 0.32, "{part} of a core by {}", share.means());
        let (Means::GroupV1(folder) | Means::GroupV2(folder)) = &share.means else {
            return;
        };
        let folder = folder.clone();
        assert!(share.throttled().unwrap().throttled > 0);
        drop(share);
        assert!(!folder.exists());
    }

    #[test]
    fn the_group_is_made_below_our_own() {
        let mounts = "cgroup /sys/fs/cgroup/cpuset cgroup rw,cpuset 0 0\ncgroup /sys/fs/cgroup/cpu,cpuacct cgroup rw,cpu,cpuacct 0 0\n\
                      cgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0\n";
        let own = "5:cpuset:/a\n3:cpu,cpuacct:/b/c\n0::/d\n";
        let name = format!("podium-loadtest-{}", std::process::id());
        let v1 = folder_v1(mounts, own).unwrap();
        assert_eq!(v1, Path::new("/sys/fs/cgroup/cpu,cpuacct/b/c").join(&name));
        assert_eq!(folder_v2(mounts, own).unwrap(), Path::new("/sys/fs/cgroup/unified/d").join(&name));
        assert_eq!(folder_v1("", own), None);
        assert_eq!(folder_v2(mounts, "5:cpuset:/a\n"), None);
    }

    #[test]
    fn both_versions_tell_how_long_a_group_stood_still() {
        let v1 = throttled_in("nr_periods 33\nnr_throttled 31\nthrottled_time 2266250221\n");
        assert_eq!((v1.periods, v1.throttled, v1.time.as_millis()), (33, 31, 2_266));
        let v2 = throttled_in("usage_usec 1\nnr_periods 33\nnr_throttled 31\nthrottled_usec 2266250\n");
        assert_eq!(v2.time.as_millis(), 2_266);
    }
}
