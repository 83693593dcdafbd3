//! The timer that hyper is given: it goes by the clock that leaves standstills of the process out.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use hyper::rt::{Sleep, Timer};

use crate::runtime::clock;

/// Tells hyper the time.
#[derive(Clone, Copy, Debug)]
pub(super) struct ClockTimer;

struct ClockSleep(Pin<Box<dyn Future<Output = ()> + Send + Sync>>);

impl Timer for ClockTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        self.sleep_until(clock::now() + duration)
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        Box::pin(ClockSleep(Box::pin(clock::sleep_until(deadline))))
    }

    fn now(&self) -> Instant {
        clock::now()
    }
}

impl Future for ClockSleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        self.0.as_mut().poll(context)
    }
}

impl Sleep for ClockSleep {}
