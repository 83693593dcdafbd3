//! What the process uses of the machine, and what it may use. Read once a second from `/proc`, never on a media thread.

use std::collections::VecDeque;
use std::fs;
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};

use super::cgroup;
use crate::runtime::descriptors;

/// What was found at one moment. What cannot be read is none.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Usage {
    /// Cores used by the process, over the last two seconds.
    pub(super) cores_used: f64,
    /// The same since the last reading.
    pub(super) cores_used_now: f64,
    /// Cores it may use.
    pub(super) cores: f64,
    /// Of one core, what the busiest media worker used over the last two seconds.
    pub(super) worker: f64,
    /// The same since the last reading.
    pub(super) worker_now: f64,
    /// Of what it may have: memory.
    pub(super) memory: f64,
    /// Of what it may have: descriptors.
    pub(super) descriptors: f64,
}

/// Reads the machine and remembers what it needs for the next reading.
#[derive(Debug)]
pub(super) struct Machine {
    workers: Vec<String>,
    /// CPU used until then: by the process, and by each worker.
    past: VecDeque<(Instant, Duration, Vec<Duration>)>,
    /// The threads of the media workers, in the workers' order.
    threads: Option<Vec<u64>>,
    looked_for_threads: u32,
}

impl Machine {
    /// With the names of the media workers' threads.
    pub(super) fn new(workers: Vec<String>) -> Self {
        Self { workers, past: VecDeque::new(), threads: None, looked_for_threads: 0 }
    }

    pub(super) fn read(&mut self, now: Instant) -> Usage {
        let limits = cgroup::limits();
        let all = std::thread::available_parallelism().map_or(1, std::num::NonZero::get) as f64;
        let cores = limits.cores.map_or(all, |quota| quota.min(all));
        let used = process_cpu();
        let by_worker = self.worker_cpu();
        while self.past.get(1).is_some_and(|(at, _, _)| now.saturating_duration_since(*at) >= CPU_OVER) {
            self.past.pop_front();
        }
        // Of the process, and of its busiest worker.
        let since = |past: Option<&(Instant, Duration, Vec<Duration>)>| {
            past.map_or((0.0, 0.0f64), |(at, before, workers_before)| {
                let passed = now.saturating_duration_since(*at).as_secs_f64().max(0.001);
                let share = |now: Duration, before: Duration| now.saturating_sub(before).as_secs_f64() / passed;
                let workers = by_worker.iter().zip(workers_before).map(|(now, before)| share(*now, *before));
                // A worker of a process that may use half a core has half a core at most.
                (share(used, *before), workers.fold(0.0, f64::max) / cores.min(1.0))
            })
        };
        let (cores_used, worker) = since(self.past.front());
        let (cores_used_now, worker_now) = since(self.past.back());
        self.past.push_back((now, used, by_worker));
        let memory = share_of(resident_bytes(), least(limits.memory, machine_bytes()));
        let descriptors = share_of(descriptors::open(), descriptors::most());
        Usage { cores_used, cores_used_now, cores, worker, worker_now, memory, descriptors }
    }

    fn worker_cpu(&mut self) -> Vec<Duration> {
        if self.threads.is_none() && self.looked_for_threads < LOOKS_MAX {
            self.looked_for_threads += 1;
            self.threads = find_threads(&self.workers);
        }
        let threads = self.threads.as_deref().unwrap_or_default();
        threads.iter().map(|thread| thread_cpu(*thread).unwrap_or_default()).collect()
    }
}

/// The threads of these names. None if one of them is missing or there are two of a name: then another server lives in this process, and which
/// thread is whose cannot be told.
fn find_threads(names: &[String]) -> Option<Vec<u64>> {
    let mut found: Vec<Vec<u64>> = vec![Vec::new(); names.len()];
    for task in fs::read_dir("/proc/self/task").ok()?.flatten() {
        let Some(thread) = task.file_name().to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        let comm = fs::read_to_string(task.path().join("comm")).unwrap_or_default();
        if let Some(index) = names.iter().position(|name| name == comm.trim_end()) {
            found[index].push(thread);
        }
    }
    found.into_iter().map(|threads| <[u64; 1]>::try_from(threads).ok().map(|[thread]| thread)).collect()
}

/// The first number of `schedstat` is the time on a CPU in nanoseconds.
fn thread_cpu(thread: u64) -> Option<Duration> {
    let text = fs::read_to_string(format!("/proc/self/task/{thread}/schedstat")).ok()?;
    text.split(' ').next()?.parse().ok().map(Duration::from_nanos)
}

fn process_cpu() -> Duration {
    getrusage(UsageWho::RUSAGE_SELF).map_or(Duration::ZERO, |usage| {
        let time = |value: nix::sys::time::TimeVal| {
            let (seconds, micros) = (value.tv_sec().max(0), value.tv_usec().max(0));
            Duration::from_secs(seconds.unsigned_abs()) + Duration::from_micros(micros.unsigned_abs())
        };
        time(usage.user_time()) + time(usage.system_time())
    })
}

fn resident_bytes() -> Option<u64> {
    kilobytes(&fs::read_to_string("/proc/self/status").ok()?, "VmRSS:")
}

fn machine_bytes() -> Option<u64> {
    kilobytes(&fs::read_to_string("/proc/meminfo").ok()?, "MemTotal:")
}

fn kilobytes(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse::<u64>().ok()?.checked_mul(1_024)
}

fn share_of(used: Option<u64>, most: Option<u64>) -> f64 {
    match (used, most) {
        (Some(used), Some(most)) if most > 0 => used as f64 / most as f64,
        (_, _) => 0.0,
    }
}

fn least(one: Option<u64>, other: Option<u64>) -> Option<u64> {
    [one, other].into_iter().flatten().min()
}

/// CPU is looked at over this long: a second alone says little, and more is late.
const CPU_OVER: Duration = Duration::from_secs(2);
/// A thread takes its name a moment after it began.
const LOOKS_MAX: u32 = 5;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::clock;

    #[test]
    fn a_process_that_computes_is_seen_to_use_a_core() {
        let mut machine = Machine::new(Vec::new());
        machine.read(clock::now());
        let start = clock::now();
        let before = process_cpu();
        let mut sum = 0u64;
        while process_cpu() - before < Duration::from_millis(300) {
            sum = sum.wrapping_mul(31).wrapping_add(7);
        }
        let usage = machine.read(clock::now());
        let least = 0.3 / (clock::now() - start).as_secs_f64();
        assert!(sum != 1 && usage.cores_used >= least * 0.8, "{usage:?}, at least {least}");
        assert!(usage.cores > 0.0 && usage.memory > 0.0 && usage.memory < 1.0, "{usage:?}");
        assert!(usage.descriptors > 0.0 && usage.descriptors < 1.0, "{usage:?}");
    }

    #[test]
    fn a_thread_is_found_by_its_name_if_there_is_one_of_it() {
        let name = "podium-machine";
        let wait = std::sync::Arc::new(std::sync::Barrier::new(2));
        let there = std::sync::Arc::clone(&wait);
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(move || {
            there.wait();
            there.wait();
        });
        wait.wait();
        assert_eq!(find_threads(&[name.to_owned(), "podium-nobody".to_owned()]), None);
        let found = find_threads(&[name.to_owned()]).expect("one");
        assert!(thread_cpu(found[0]).is_some());
        wait.wait();
        thread.expect("started").join().expect("ended");
    }

    #[test]
    fn lines_of_kilobytes_are_read() {
        let text = "MemTotal:       16384 kB\nMemFree: x kB\n";
        assert_eq!(kilobytes(text, "MemTotal:"), Some(16_777_216));
        assert_eq!(kilobytes(text, "MemFree:"), None);
        assert_eq!(kilobytes(text, "Nothing:"), None);
    }
}
