//! A timer for a task that is woken for other reasons thousands of times before it goes off.
//!
//! A tokio timer wants to be polled at every wake-up and registers the task's waker each time, although it is the same
//! one: at tens of thousands of units a second that shows. This one is polled once, and then only looked at.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep};

pub struct Alarm {
    sleep: Pin<Box<Sleep>>,
    /// Who is woken; none before the first poll after a setting.
    armed: Option<Waker>,
}

impl Alarm {
    pub fn new(after: Duration) -> Self {
        Self { sleep: Box::pin(sleep(after)), armed: None }
    }

    pub fn set(&mut self, after: Duration) {
        self.sleep.as_mut().reset(Instant::now() + after);
        self.armed = None;
    }

    /// Ready once the time is over, and again until it is set anew.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let armed = self.armed.as_ref().is_some_and(|w| w.will_wake(cx.waker()));
        if armed && !self.sleep.is_elapsed() {
            return Poll::Pending;
        }
        let polled = self.sleep.as_mut().poll(cx);
        if polled.is_pending() {
            self.armed = Some(cx.waker().clone());
        }
        polled
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_goes_off_however_often_it_is_looked_at() {
        let mut alarm = Alarm::new(Duration::from_secs(3));
        let begin = Instant::now();
        for wait_s in [3, 5, 1] {
            let at = Instant::now();
            let mut polls = 0;
            // Wake-ups for other reasons, one a second.
            let mut other = tokio::time::interval(Duration::from_millis(700));
            std::future::poll_fn(|cx| {
                polls += 1;
                while other.poll_tick(cx).is_ready() {}
                alarm.poll(cx)
            })
            .await;
            assert_eq!(at.elapsed(), Duration::from_secs(wait_s), "after {polls} polls");
            alarm.set(Duration::from_secs(match wait_s {
                3 => 5,
                _ => 1,
            }));
        }
        assert_eq!(begin.elapsed().as_secs(), 9);
    }

    #[tokio::test(start_paused = true)]
    async fn it_wakes_whoever_polled_last() {
        let mut alarm = Alarm::new(Duration::from_secs(2));
        let (mut cx, at) = (Context::from_waker(Waker::noop()), Instant::now());
        assert!(alarm.poll(&mut cx).is_pending(), "armed for nobody");
        tokio::spawn(async move { std::future::poll_fn(|cx| alarm.poll(cx)).await }).await.unwrap();
        assert_eq!(at.elapsed().as_secs(), 2);
    }
}
