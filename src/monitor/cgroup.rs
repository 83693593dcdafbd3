//! A control group limits what a process may use, and so does each group above it. Both versions of them are read.

use std::fs;
use std::path::{Path, PathBuf};

/// What the groups of this process let it use.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Limits {
    /// Cores, if it may not use all.
    pub(super) cores: Option<f64>,
    /// Bytes of memory, if there is a limit.
    pub(super) memory: Option<u64>,
}

/// Reads the limits of this process as they are now: it may have been moved since, and they may have been changed.
pub(super) fn limits() -> Limits {
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    limits_of(&groups, &mounts, Path::new("/"))
}

/// `root` is where the file system begins; tests have one of their own.
fn limits_of(groups: &str, mounts: &str, root: &Path) -> Limits {
    let mut limits = Limits::default();
    for mount in mounts.lines().filter_map(Mount::parse) {
        let Some(group) = groups.lines().find_map(|line| mount.group_of(line)) else {
            continue;
        };
        for folder in mount.folders(group, root) {
            if mount.controls("cpu") {
                limits.cores = least(limits.cores, cores(&folder), f64::total_cmp);
            }
            if mount.controls("memory") {
                limits.memory = least(limits.memory, memory(&folder), u64::cmp);
            }
        }
    }
    limits
}

/// Where a hierarchy of groups is mounted.
#[derive(Debug)]
struct Mount<'a> {
    /// Which group is its top.
    top: &'a str,
    at: &'a str,
    /// None for the second version, which controls everything.
    controllers: Option<Vec<&'a str>>,
}

impl<'a> Mount<'a> {
    /// A line of `/proc/self/mountinfo`: number, parent, device, top, place, options, optional fields, `-`, kind, source, the hierarchy's options.
    fn parse(line: &'a str) -> Option<Self> {
        let (before, after) = line.split_once(" - ")?;
        let mut before = before.split(' ').skip(3);
        let (top, at) = (before.next()?, before.next()?);
        let mut after = after.split(' ');
        let kind = after.next()?;
        let options = after.nth(1)?;
        match kind {
            "cgroup2" => Some(Self { top, at, controllers: None }),
            "cgroup" => Some(Self { top, at, controllers: Some(options.split(',').collect()) }),
            _ => None,
        }
    }

    fn controls(&self, controller: &str) -> bool {
        self.controllers.as_ref().is_none_or(|controllers| controllers.contains(&controller))
    }

    /// The group in this hierarchy, if a line of `/proc/self/cgroup` is about it: `4:memory:/group`, or `0::/group`.
    fn group_of(&self, line: &'a str) -> Option<&'a str> {
        let mut fields = line.splitn(3, ':').skip(1);
        let (named, group) = (fields.next()?, fields.next()?);
        let is_this = match &self.controllers {
            None => named.is_empty(),
            Some(controllers) => !named.is_empty() && named.split(',').all(|one| controllers.contains(&one)),
        };
        is_this.then_some(group)
    }

    /// The group's folder and those of the groups above, as far as they can be seen from here.
    fn folders(&self, group: &str, root: &Path) -> Vec<PathBuf> {
        let below = group.strip_prefix(self.top.trim_end_matches('/')).unwrap_or(group).trim_start_matches('/');
        let top = root.join(self.at.trim_start_matches('/'));
        let mut folders = vec![top.clone()];
        for name in Path::new(below).components() {
            let next = folders.last().map_or_else(|| top.clone(), |folder| folder.join(name));
            folders.push(next);
        }
        folders
    }
}

fn cores(folder: &Path) -> Option<f64> {
    if let Some(text) = read(folder, "cpu.max") {
        let (quota, period) = text.split_once(' ')?;
        return ratio(quota.parse().ok()?, period.parse().ok()?);
    }
    ratio(read(folder, "cpu.cfs_quota_us")?.parse().ok()?, read(folder, "cpu.cfs_period_us")?.parse().ok()?)
}

/// -1 is no quota.
fn ratio(quota: i64, period: i64) -> Option<f64> {
    (quota > 0 && period > 0).then(|| quota as f64 / period as f64)
}

fn memory(folder: &Path) -> Option<u64> {
    let text = read(folder, "memory.max").or_else(|| read(folder, "memory.limit_in_bytes"))?;
    text.parse().ok().filter(|bytes| (1..UNLIMITED_FROM).contains(bytes))
}

fn read(folder: &Path, name: &str) -> Option<String> {
    Some(fs::read_to_string(folder.join(name)).ok()?.trim().to_owned())
}

fn least<T: Copy>(one: Option<T>, other: Option<T>, compare: fn(&T, &T) -> std::cmp::Ordering) -> Option<T> {
    [one, other].into_iter().flatten().min_by(compare)
}

/// The first version says "no limit" with the largest number of pages there can be.
const UNLIMITED_FROM: u64 = 1 << 62;

#[cfg(test)]
mod tests {
    use super::*;

    struct Tree(PathBuf);

    impl Tree {
        fn new(name: &str, files: &[(&str, &str)]) -> Self {
            let root = std::env::temp_dir().join(format!("podium-cgroup-{}-{name}", std::process::id()));
            for (path, text) in files {
                let path = root.join(path);
                fs::create_dir_all(path.parent().expect("a folder")).expect("made");
                fs::write(path, text).expect("written");
            }
            Self(root)
        }
    }

    impl Drop for Tree {
        fn drop(&mut self) {
            let _gone = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn of_the_second_version_the_tightest_group_above_counts() {
        let tree = Tree::new(
            "two",
            &[
                ("sys/fs/cgroup/a/cpu.max", "50000 100000\n"),
                ("sys/fs/cgroup/a/b/cpu.max", "max 100000\n"),
                ("sys/fs/cgroup/a/b/memory.max", "1000000\n"),
                ("sys/fs/cgroup/a/memory.max", "max\n"),
            ],
        );
        let mounts = "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n24 23 0:5 / /dev rw - tmpfs none rw";
        let limits = limits_of("0::/a/b\n", mounts, &tree.0);
        assert_eq!(limits, Limits { cores: Some(0.5), memory: Some(1_000_000) });
        let inside = "30 23 0:26 /a/b /sys/fs/cgroup/a/b ro - cgroup2 cgroup rw";
        assert_eq!(limits_of("0::/a/b\n", inside, &tree.0).cores, None, "what lies above cannot be seen");
        assert_eq!(limits_of("0::/a/b\n", inside, &tree.0).memory, Some(1_000_000));
    }

    #[test]
    fn of_the_first_version_each_controller_has_a_hierarchy() {
        let tree = Tree::new(
            "one",
            &[
                ("sys/fs/cgroup/cpu,cpuacct/quarter/cpu.cfs_quota_us", "25000\n"),
                ("sys/fs/cgroup/cpu,cpuacct/quarter/cpu.cfs_period_us", "100000\n"),
                ("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "-1\n"),
                ("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n"),
                ("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"),
            ],
        );
        let mounts = "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory";
        let groups = "9:name=systemd:/\n4:memory:/\n1:cpu,cpuacct:/quarter\n0::/\n";
        assert_eq!(limits_of(groups, mounts, &tree.0), Limits { cores: Some(0.25), memory: None });
    }

    #[test]
    fn nonsense_limits_nothing() {
        let tree = Tree::new("nonsense", &[("sys/fs/cgroup/cpu.max", "lots\n"), ("sys/fs/cgroup/memory.max", "-3\n")]);
        let mounts = "- - -\n\n30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw";
        assert_eq!(limits_of("0::/\nx\n::::", mounts, &tree.0), Limits::default());
        limits();
    }
}
