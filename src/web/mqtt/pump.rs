//! From the one inner subscription to one client's queue: rights, filters, and the count of what did not fit.
//!
//! A task of its own, so that it never waits for the client: a full queue means that the message is lost to this client
//! and counted; when there is room again the client is told how many it lost, at the place where they are missing.

use std::{sync::Arc, time::Duration};

use parking_lot::RwLock;
use rumqttc::mqttbytes::QoS;
use tokio::sync::{
    broadcast::{self, error::RecvError},
    mpsc::{self, error::TrySendError},
};

use super::filter::Filters;
use crate::{types::Message, web::auth::Login};

/// A loss is told within this time after there is room, also when nothing else comes.
const TELL_EVERY: Duration = Duration::from_millis(500);

/// What stands in a client's queue.
#[derive(Debug)]
pub enum Out {
    Message(Arc<Message>, QoS),
    /// So many messages are missing here.
    Lost(u64),
}

/// Runs until the client's end of the queue or the inner subscription is gone.
pub async fn pump(
    mut feed: broadcast::Receiver<Arc<Message>>,
    login: Arc<Login>,
    filters: Arc<RwLock<Filters>>,
    queue: mpsc::Sender<Out>,
) {
    let mut lost = 0u64;
    let mut tell = tokio::time::interval(TELL_EVERY);
    loop {
        let next = tokio::select! {
            next = feed.recv() => next,
            _ = tell.tick(), if lost > 0 => {
                lost = told(&queue, lost);
                continue;
            }
            () = queue.closed() => return,
        };
        match next {
            Ok(message) => {
                if !login.may_read(&message.scope) {
                    continue;
                }
                let Some(qos) = filters.read().wanted(&message.topic) else { continue };
                lost = told(&queue, lost);
                // While a loss is not told nothing may follow it, else the gap would stand in the wrong place.
                if lost > 0 || matches!(queue.try_send(Out::Message(message, qos)), Err(TrySendError::Full(_))) {
                    lost += 1;
                    metrics::counter!("skyeye_web_feed_lost_total").increment(1);
                }
            }
            // This task was not scheduled for a whole ring of messages; how many of them were for this client is unknown.
            Err(RecvError::Lagged(n)) => {
                lost += n;
                metrics::counter!("skyeye_web_feed_lost_total").increment(n);
            }
            Err(RecvError::Closed) => return,
        }
    }
}

/// Puts a loss into the queue; what remains to be told.
fn told(queue: &mpsc::Sender<Out>, lost: u64) -> u64 {
    if lost > 0 && queue.try_send(Out::Lost(lost)).is_err() { lost } else { 0 }
}
