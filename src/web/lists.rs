//! Answers that are whole lists: megabytes each, so there are only so many at a time, of one login and of all.
//!
//! A place is held until the last piece is written: a client that does not read holds its own login's places, and only
//! until its connection's deadline. Whoever finds none free waits a little, then is told to come back.

use std::{collections::HashMap, convert::Infallible, sync::Arc, time::Duration};

use axum::body::Body;
use bytes::Bytes;
use futures_util::stream;
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::error::ApiError;
use crate::types::UserId;

/// At once, of all logins.
const OF_ALL: usize = 16;
/// Of one login: several people may sit in front of one.
const OF_ONE: usize = 4;
const WAIT: Duration = Duration::from_secs(5);
/// What is handed to the connection at a time; what it has not taken yet keeps the place.
const PIECE: usize = 64 << 10;

#[derive(Debug)]
pub struct Lists {
    all: Arc<Semaphore>,
    /// Only of logins that hold or wait for a place.
    by_user: Mutex<HashMap<UserId, Arc<Semaphore>>>,
}

impl Default for Lists {
    fn default() -> Self {
        Self { all: Arc::new(Semaphore::new(OF_ALL)), by_user: Mutex::default() }
    }
}

/// The right to make one list and to have it in memory until it is sent.
#[derive(Debug)]
pub struct Place {
    _own: OwnedSemaphorePermit,
    _all: OwnedSemaphorePermit,
}

impl Lists {
    pub async fn place(&self, user: &UserId) -> Result<Place, ApiError> {
        let own = {
            let mut by_user = self.by_user.lock();
            by_user.retain(|_, places| Arc::strong_count(places) > 1);
            by_user.entry(user.clone()).or_insert_with(|| Arc::new(Semaphore::new(OF_ONE))).clone()
        };
        let all = Arc::clone(&self.all);
        // Its own first: who waits for those takes nothing from others.
        let both =
            async { Some(Place { _own: own.acquire_owned().await.ok()?, _all: all.acquire_owned().await.ok()? }) };
        let place = tokio::time::timeout(WAIT, both).await.ok().flatten();
        place.ok_or_else(|| ApiError::too_many(2, "too many whole lists are being sent; try again in some seconds"))
    }
}

impl Place {
    /// The answer's body, which holds the place.
    pub fn body(self, bytes: Bytes) -> Body {
        Body::from_stream(stream::unfold((bytes, self), |(mut bytes, place)| async move {
            let piece = bytes.split_to(bytes.len().min(PIECE));
            (!piece.is_empty()).then_some((Ok::<_, Infallible>(piece), (bytes, place)))
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_login_that_does_not_read_keeps_its_own_out_and_nobody_else() {
        let lists = Lists::default();
        let (ann, ben) = (UserId::new("ann").unwrap(), UserId::new("ben").unwrap());
        let mut unread = Vec::new();
        for _ in 0..OF_ONE {
            unread.push(lists.place(&ann).await.unwrap().body(Bytes::from(vec![7; 3 * PIECE])));
        }
        assert!(lists.place(&ann).await.is_err());
        drop(lists.place(&ben).await.unwrap());
        let read = axum::body::to_bytes(unread.pop().unwrap(), usize::MAX).await.unwrap();
        assert_eq!(read.len(), 3 * PIECE);
        assert!(lists.place(&ann).await.is_ok(), "a list that was sent gives its place back");
    }
}
