//! Cores are what a measured server and the client that measures it must not share; descriptors are what thousands of sockets need.
//!
//! The only place of this crate that asks the system for either.

use std::io;
use std::time::Duration;

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::sys::resource::{Resource, UsageWho, getrlimit, getrusage, setrlimit};
use nix::sys::time::TimeVal;
use nix::unistd::Pid;

/// One core.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Core(usize);

/// One core for the server, another for the client, of those this process may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Apart {
    /// The server's.
    pub server: Core,
    /// The client's.
    pub client: Core,
}

impl Apart {
    /// The first and the last core that this process may use, or `None` if it may use one only.
    pub fn find() -> io::Result<Option<Self>> {
        let may_use = sched_getaffinity(this_thread())?;
        let mut cores = (0..CpuSet::count()).filter(|&core| may_use.is_set(core).unwrap_or(false)).map(Core);
        let first = cores.next();
        Ok(first.zip(cores.next_back()).map(|(server, client)| Self { server, client }))
    }
}

/// Runs `work` with this thread on one core. What it starts, a process or a thread, stays there.
pub fn on<T>(core: Core, work: impl FnOnce() -> T) -> io::Result<T> {
    let before = sched_getaffinity(this_thread())?;
    let mut only = CpuSet::new();
    only.set(core.0)?;
    sched_setaffinity(this_thread(), &only)?;
    let done = work();
    sched_setaffinity(this_thread(), &before)?;
    Ok(done)
}

/// Allows this process, and what it starts, as many descriptors as the system lets it have; says how many.
pub fn raise_descriptors() -> io::Result<u64> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    if soft < hard {
        setrlimit(Resource::RLIMIT_NOFILE, hard, hard)?;
    }
    Ok(hard)
}

/// Processor time that this thread has used so far.
pub fn thread_cpu_time() -> io::Result<Duration> {
    let usage = getrusage(UsageWho::RUSAGE_THREAD)?;
    let time = |value: TimeVal| {
        let (seconds, micros) = (value.tv_sec().max(0), value.tv_usec().max(0));
        Duration::from_secs(seconds.cast_unsigned()) + Duration::from_micros(micros.cast_unsigned())
    };
    Ok(time(usage.user_time()) + time(usage.system_time()))
}

/// For the scheduler the number zero names the thread that asks.
fn this_thread() -> Pid {
    Pid::from_raw(0)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop on surprise")]

    use super::*;

    #[test]
    fn a_core_is_kept_for_the_work_and_given_back() {
        let before = sched_getaffinity(this_thread()).unwrap();
        let Some(apart) = Apart::find().unwrap() else {
            return;
        };
        assert_ne!(apart.server, apart.client);
        let during =
            on(apart.client, || std::thread::spawn(|| sched_getaffinity(this_thread()).unwrap()).join().unwrap());
        let during = during.unwrap();
        assert!(during.is_set(apart.client.0).unwrap() && !during.is_set(apart.server.0).unwrap());
        assert_eq!(sched_getaffinity(this_thread()).unwrap(), before);
    }
}
