//! The time that a camera has to give a session. It runs while something is asked of the camera, and stands still while the
//! next connection waits for its turn here: a recorder that is asked slowly, one channel after the other, is not silent.

use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::Failure;

/// What is left of it.
#[derive(Debug)]
pub struct Patience {
    left: Duration,
    /// As it was, for the reason that people read.
    seconds: u32,
}

impl Patience {
    pub fn of(seconds: u32) -> Self {
        Self { left: Duration::from_secs(seconds.into()), seconds }
    }

    /// Something that the camera has to answer.
    pub async fn with<T>(&mut self, asked: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
        let begun = Instant::now();
        let answered = timeout(self.left, asked).await;
        self.left = self.left.saturating_sub(begun.elapsed());
        answered.unwrap_or_else(|_| Err(Failure::timeout(self.seconds)))
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::sleep;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_runs_only_while_something_is_asked() {
        let mut patience = Patience::of(5);
        let answers_after = |s| async move {
            sleep(Duration::from_secs(s)).await;
            Ok::<_, Failure>(())
        };
        assert!(patience.with(answers_after(3)).await.is_ok());
        sleep(Duration::from_secs(60)).await;
        assert!(patience.with(answers_after(1)).await.is_ok());
        let begun = Instant::now();
        let failure = patience.with(answers_after(2)).await.unwrap_err();
        assert!(failure.is_silence() && failure.reason.contains("within 5 s"), "{}", failure.reason);
        assert_eq!(begun.elapsed(), Duration::from_secs(1), "of five seconds four were used up");
    }
}
