//! From the workers to the ledger: events with their pictures, kept in order for each channel.
//!
//! A worker hands over and goes on; if the disk is slow the queues fill, workers wait, and the schedule drops samples
//! that grow too old. A fact itself is never dropped here: it is tried until it is committed or the node stops.

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
    time::Duration,
};

use parking_lot::RwLock;
use tokio::{sync::mpsc, task::JoinHandle};

use crate::{
    evidence::Files,
    node::{
        ages::Ages,
        encoder::Shot,
        shots::{Pictures, Shots},
    },
    outbox::{FactIn, Ledger, LedgerError},
    types::{AreaId, ChannelId, Event, EventId, Phase, payload::Media},
};

/// Lanes work side by side, so that commits of different channels are grouped; a channel always takes the same lane.
const LANES: usize = 8;
/// Events that wait in a lane.
const LANE_CAPACITY: usize = 64;
/// A fact that the ledger refused for a passing reason is tried again after this.
const RETRY: Duration = Duration::from_millis(500);

/// One event on its way to the ledger.
pub struct Item {
    pub event: Event,
    pub snapshot: Option<Arc<Shot>>,
    pub channel_name: String,
    pub area: Vec<AreaId>,
    pub skew_ms: Option<i64>,
    /// The device that the channel's stream comes from.
    pub recorder: Option<String>,
}

/// The senders' end; cheap to clone.
#[derive(Clone)]
pub struct Pump {
    lanes: Arc<RwLock<Vec<mpsc::Sender<Item>>>>,
    /// Which further pictures of open events are worth their cost.
    pub shots: Arc<Shots>,
}

/// A reserved place for one item, so that state may be changed knowing that its fact has room.
pub struct Place(mpsc::OwnedPermit<Item>);

impl Place {
    pub fn put(self, item: Item) {
        drop(self.0.send(item));
    }
}

impl Pump {
    /// Starts the lanes; they end when the pump is closed and their queues are empty.
    pub fn start(ledger: &Ledger, files: &Arc<Files>, ages: &Arc<Ages>) -> (Self, Vec<JoinHandle<()>>) {
        let shots = Arc::<Shots>::default();
        let (lanes, tasks) = (0..LANES)
            .map(|_| {
                let (tx, rx) = mpsc::channel(LANE_CAPACITY);
                (tx, tokio::spawn(lane(rx, ledger.clone(), files.clone(), ages.clone(), shots.clone())))
            })
            .unzip();
        (Self { lanes: Arc::new(RwLock::new(lanes)), shots }, tasks)
    }

    /// Hands over from a worker thread; waits while the lane is full. False if the node is stopping.
    pub fn put_blocking(&self, item: Item) -> bool {
        self.lane(&item.event.channel).is_some_and(|tx| tx.blocking_send(item).is_ok())
    }

    /// Hands over from a task; waits while the lane is full.
    pub async fn put(&self, item: Item) -> bool {
        match self.lane(&item.event.channel) {
            Some(tx) => tx.send(item).await.is_ok(),
            None => false,
        }
    }

    /// Room for at most `n` items of a channel, as much as there is right now.
    pub fn places(&self, channel: &ChannelId, n: usize) -> Vec<Place> {
        let Some(tx) = self.lane(channel) else { return Vec::new() };
        (0..n).map_while(|_| tx.clone().try_reserve_owned().ok().map(Place)).collect()
    }

    /// Takes nothing more; the lanes end when they are empty.
    pub fn close(&self) {
        self.lanes.write().clear();
    }

    fn lane(&self, channel: &ChannelId) -> Option<mpsc::Sender<Item>> {
        let mut hasher = DefaultHasher::new();
        channel.hash(&mut hasher);
        let index = usize::try_from(hasher.finish() % LANES as u64).unwrap_or(0);
        self.lanes.read().get(index).cloned()
    }
}

async fn lane(mut rx: mpsc::Receiver<Item>, ledger: Ledger, files: Arc<Files>, ages: Arc<Ages>, shots: Arc<Shots>) {
    // Pictures of the events that are open: their updates and ends name them too. A channel keeps its lane, so an
    // event's start and end meet here; there is one entry an open event.
    let mut open: HashMap<EventId, Pictures> = HashMap::new();
    while let Some(item) = rx.recv().await {
        let media = match item.event.phase {
            Phase::Start | Phase::Update => {
                // Of an event from before the start nothing is known, and it has no further pictures.
                if item.event.phase == Phase::Start {
                    open.insert(item.event.id, Pictures::default());
                }
                match open.get_mut(&item.event.id) {
                    Some(pictures) => {
                        keep(&files, &item, pictures).await;
                        pictures.media()
                    }
                    None => Vec::new(),
                }
            }
            Phase::End => {
                shots.ends(item.event.id);
                open.remove(&item.event.id).map(|p| p.media()).unwrap_or_default()
            }
        };
        let fact = FactIn {
            event: item.event,
            channel_name: item.channel_name,
            area: item.area,
            skew_ms: item.skew_ms,
            media,
            recorder: item.recorder,
        };
        commit(&ledger, fact, &ages).await;
    }
}

/// Stores a picture of the event. An event whose picture cannot be stored goes without.
async fn keep(files: &Files, item: &Item, pictures: &mut Pictures) {
    let Some(shot) = &item.snapshot else { return };
    let Some(jpeg) = shot.jpeg().await else { return };
    match files.store_snapshot(item.event.id, pictures.next, jpeg).await {
        // The boxes of this very look: the event's own move on with every update.
        Ok(media) => {
            pictures.add(Media { objects: item.event.objects.clone(), seen: Some(item.event.seen), ..media });
        }
        Err(e) => tracing::warn!(channel = %item.event.channel, "the event goes without its picture: {e}"),
    }
    pictures.next = pictures.next.saturating_add(1);
}

async fn commit(ledger: &Ledger, fact: FactIn, ages: &Ages) {
    let mut told = false;
    loop {
        match ledger.event(fact.clone()).await {
            Ok(committed) => {
                ages.committed(committed.cursor, fact.event.at);
                if fact.event.phase != Phase::Update {
                    tracing::info!(
                        channel = %fact.event.channel, event = %fact.event.id, phase = ?fact.event.phase,
                        rule = %fact.event.rule.id, cursor = committed.cursor, "event"
                    );
                }
                return;
            }
            Err(e @ (LedgerError::Lost { .. } | LedgerError::Store(_))) => {
                if !told {
                    tracing::error!("an event waits for the disk: {e}");
                    told = true;
                }
                metrics::counter!("skyeye_outbox_retries_total").increment(1);
                tokio::time::sleep(RETRY).await;
            }
            Err(e) => {
                metrics::counter!("skyeye_outbox_refused_total").increment(1);
                tracing::error!(event = %fact.event.id, "the ledger refuses an event: {e}");
                return;
            }
        }
    }
}
