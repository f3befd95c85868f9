//! From the workers to the ledger: events with their pictures, kept in order for each channel.
//!
//! A worker hands over and goes on. A lane stores the pictures of what it has taken side by side, and commits what is
//! ready as one group while the next gathers, so that a burst is few commits. If the disk is slow the queues fill, workers
//! wait, and the schedule drops samples that grow too old. A fact itself is never dropped here: its group is tried until
//! it is committed or the node stops. A picture that the disk does not take in time is given up, and its event goes on.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
    time::Duration,
};

use futures_util::{StreamExt, future::BoxFuture, stream::FuturesUnordered};
use parking_lot::{Mutex, RwLock};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
    task::JoinHandle,
    time::{Instant, timeout, timeout_at},
};

use crate::{
    evidence::{EvidenceError, Files},
    node::{
        ages::Ages,
        encoder::Shot,
        line::{Line, Picture},
        shots::Shots,
    },
    outbox::{FactIn, Ledger, LedgerError},
    types::{AreaId, ChannelId, Event, Phase, payload::Media},
};

/// Lanes work side by side, so that commits of different channels are grouped; a channel always takes the same lane.
const LANES: usize = 8;
/// Events that wait in a lane.
const LANE_CAPACITY: usize = 64;
/// Pictures on their way to the disk at a time, in all lanes: each has a thread, and on a disk that hangs it keeps it.
const WRITES: usize = 16;
/// A picture that the disk has not taken so long after it began is given up; so is one that waits, where none was taken
/// for so long.
const PICTURE_LIMIT: Duration = Duration::from_secs(3);
/// However well the disk goes on, an alarm waits no longer for its picture's turn.
const PLACE_LIMIT: Duration = Duration::from_secs(10);
/// A group that the ledger could not write for a passing reason is tried again after this.
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

/// Where a lane takes its events.
struct To {
    ledger: Ledger,
    files: Arc<Files>,
    ages: Arc<Ages>,
    shots: Arc<Shots>,
    writes: Writes,
}

/// The places of pictures on their way to the disk.
struct Writes {
    places: Arc<Semaphore>,
    /// When a write ended in time last.
    ended: Mutex<Instant>,
}

impl Writes {
    fn new() -> Self {
        Self { places: Arc::new(Semaphore::new(WRITES)), ended: Mutex::new(Instant::now()) }
    }

    /// A place, waited for while a disk that is slow takes one picture after the other. None where it hangs.
    async fn place(&self) -> Option<OwnedSemaphorePermit> {
        let came = Instant::now();
        let give_up = || (came.max(*self.ended.lock()) + PICTURE_LIMIT).min(came + PLACE_LIMIT);
        let mut place = std::pin::pin!(self.places.clone().acquire_owned());
        loop {
            if let Ok(place) = timeout_at(give_up(), &mut place).await {
                return place.ok();
            }
            if Instant::now() >= give_up() {
                return None;
            }
        }
    }

    fn ended(&self) {
        *self.ended.lock() = Instant::now();
    }
}

impl Pump {
    /// Starts the lanes; they end when the pump is closed and their queues are empty.
    pub fn start(ledger: &Ledger, files: &Arc<Files>, ages: &Arc<Ages>) -> (Self, Vec<JoinHandle<()>>) {
        let shots = Arc::<Shots>::default();
        let to = Arc::new(To {
            ledger: ledger.clone(),
            files: files.clone(),
            ages: ages.clone(),
            shots: shots.clone(),
            writes: Writes::new(),
        });
        Self::to(&to)
    }

    fn to(to: &Arc<To>) -> (Self, Vec<JoinHandle<()>>) {
        let (lanes, tasks) = (0..LANES)
            .map(|_| {
                let (tx, rx) = mpsc::channel(LANE_CAPACITY);
                (tx, tokio::spawn(lane(rx, to.clone())))
            })
            .unzip();
        (Self { lanes: Arc::new(RwLock::new(lanes)), shots: to.shots.clone() }, tasks)
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

async fn lane(mut rx: mpsc::Receiver<Item>, to: Arc<To>) {
    let mut line = Line::default();
    let mut pictures = FuturesUnordered::new();
    // One group at a time: what follows a group that must be tried again must not overtake it.
    let mut group: Option<BoxFuture<'static, ()>> = None;
    let mut open = true;
    loop {
        if group.is_none() {
            let facts = line.ready(&to.shots);
            if !facts.is_empty() {
                group = Some(Box::pin(commit(to.clone(), facts)));
            }
        }
        if !open && line.is_empty() && group.is_none() {
            return;
        }
        let committed = async {
            match &mut group {
                Some(group) => group.await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            item = rx.recv(), if open && line.has_room() => match item {
                Some(item) => pictures.extend(line.push(item).map(|picture| store(to.clone(), picture))),
                None => open = false,
            },
            Some((serial, media)) = pictures.next() => line.stored(serial, media),
            () = committed => group = None,
        }
    }
}

/// Stores a picture of an event; gives its event's place and, unless it could not be stored in time, the picture.
async fn store(to: Arc<To>, picture: Picture) -> (u64, Option<Media>) {
    let Picture { serial, channel, event, number, shot } = picture;
    // The encoder always answers, and says itself why there is none.
    if shot.jpeg().await.is_none() {
        return (serial, None);
    }
    let slow = || metrics::counter!("skyeye_evidence_errors_total", "kind" => "slow").increment(1);
    let why = match to.writes.place().await {
        None => {
            slow();
            "the disk takes pictures too slowly for its turn to come".to_owned()
        }
        Some(place) => {
            let files = to.files.clone();
            // A task of its own, so that the place is taken for as long as the disk holds the thread, event or not.
            let write = tokio::spawn(async move {
                let stored = match shot.jpeg().await {
                    Some(jpeg) => files.store_snapshot(event, number, jpeg).await,
                    None => Err(EvidenceError::Cancelled),
                };
                drop(place);
                stored
            });
            let written = timeout(PICTURE_LIMIT, write).await;
            if written.is_ok() {
                to.writes.ended();
            }
            match written.map(|joined| joined.unwrap_or(Err(EvidenceError::Cancelled))) {
                Ok(Ok(media)) => return (serial, Some(media)),
                Ok(Err(e)) => e.to_string(),
                Err(_) => {
                    slow();
                    format!("the disk has not taken it within {} s", PICTURE_LIMIT.as_secs())
                }
            }
        }
    };
    tracing::warn!(%channel, "the event goes without its picture: {why}");
    (serial, None)
}

async fn commit(to: Arc<To>, facts: Vec<FactIn>) {
    let mut told = false;
    loop {
        match to.ledger.events(facts.clone()).await {
            Ok(fates) => {
                for (fact, fate) in facts.iter().zip(fates) {
                    match fate {
                        Ok(committed) => {
                            to.ages.committed(committed.cursor, fact.event.at);
                            if fact.event.phase != Phase::Update {
                                tracing::info!(
                                    channel = %fact.event.channel, event = %fact.event.id, phase = ?fact.event.phase,
                                    rule = %fact.event.rule.id, cursor = committed.cursor, "event"
                                );
                            }
                        }
                        Err(e) => refused(fact, &e),
                    }
                }
                return;
            }
            Err(e @ (LedgerError::Lost { .. } | LedgerError::Store(_))) => {
                if !told {
                    tracing::error!("{} events wait for the disk: {e}", facts.len());
                    told = true;
                }
                metrics::counter!("skyeye_outbox_retries_total").increment(facts.len() as u64);
                tokio::time::sleep(RETRY).await;
            }
            Err(e) => return facts.iter().for_each(|fact| refused(fact, &e)),
        }
    }
}

fn refused(fact: &FactIn, why: &LedgerError) {
    metrics::counter!("skyeye_outbox_refused_total").increment(1);
    tracing::error!(event = %fact.event.id, "the ledger refuses an event: {why}");
}

/// Items for tests of what is on the way to the ledger.
#[cfg(test)]
pub mod testing {
    use super::*;
    use crate::evidence::Jpeg;
    use crate::types::{Clock, EventEnd, EventId, RuleId, RuleRef, Severity};

    pub fn jpeg() -> Arc<Shot> {
        Shot::made(Some(Jpeg { bytes: vec![1; 100], width: 64, height: 48 }))
    }

    pub fn item(channel: &str, id: EventId, phase: Phase, snapshot: Option<Arc<Shot>>) -> Item {
        let now = Clock::start().now();
        Item {
            event: Event {
                id,
                phase,
                end: (phase == Phase::End).then_some(EventEnd::Cleared),
                kind: "presence",
                rule: RuleRef { id: RuleId::new("r").unwrap(), revision: "1".into() },
                severity: Severity::Low,
                zone: None,
                objects: Vec::new(),
                dedupe_key: format!("{channel}/r/"),
                at: now.mono,
                seen: now.wall,
                ingested: now.wall,
                camera_clock: false,
                model: None,
                rate_hz: 1.0,
                health: None,
                subjects: None,
                details: None,
                channel: ChannelId::new(channel).unwrap(),
            },
            snapshot,
            channel_name: channel.to_owned(),
            area: Vec::new(),
            skew_ms: None,
            recorder: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{
        testing::{item, jpeg},
        *,
    };
    use crate::{
        alert::AlertBook,
        config::Config,
        outbox::{Changes, LedgerOptions},
        types::{Clock, EventId, payload::EventPayload},
    };

    async fn to(dir: &Path) -> Arc<To> {
        let (mut config, clock) = (Config::default(), Clock::start());
        config.node.data_dir = dir.to_owned();
        let book = Box::new(AlertBook::of(&config));
        Arc::new(To {
            ledger: Ledger::open(LedgerOptions::new(&config, book, clock)).await.unwrap(),
            files: Arc::new(Files::open(&dir.join("evidence"), clock, config.evidence.clone()).unwrap()),
            ages: Arc::new(Ages::new(clock)),
            shots: Arc::default(),
            writes: Writes::new(),
        })
    }

    async fn ended(lanes: Vec<JoinHandle<()>>) {
        for lane in lanes {
            lane.await.unwrap();
        }
    }

    async fn events(ledger: &Ledger) -> Vec<EventPayload> {
        let Changes::Here { messages, more: false, .. } = ledger.changes(0, 1000).await.unwrap() else { panic!() };
        let events = messages.iter().filter(|m| m.topic.contains("/event/"));
        events.map(|m| serde_json::from_slice(&m.payload).unwrap()).collect()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_burst_of_one_channel_is_few_commits_and_keeps_its_order() {
        let dir = tempfile::tempdir().unwrap();
        let to = to(dir.path()).await;
        let before = to.ledger.stats().transactions;
        let (pump, lanes) = Pump::to(&to);
        let ids: Vec<EventId> = (0..100).map(|_| EventId::at(Clock::start().wall().0)).collect();
        for id in &ids {
            assert!(pump.put(item("a", *id, Phase::Start, None)).await);
        }
        for id in &ids {
            assert!(pump.put(item("a", *id, Phase::End, None)).await);
        }
        pump.close();
        ended(lanes).await;
        let commits = to.ledger.stats().transactions - before;
        assert!(commits < 50, "{commits} commits for 200 facts");
        let told = events(&to.ledger).await;
        assert_eq!(told.iter().map(|e| e.id).collect::<Vec<_>>(), [&ids[..], &ids[..]].concat());
        assert!(told.iter().zip(1..).all(|(e, n)| e.channel_seq == n));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn an_event_waits_for_its_picture_and_not_for_ever() {
        let dir = tempfile::tempdir().unwrap();
        let to = to(dir.path()).await;
        let (pump, lanes) = Pump::to(&to);
        let [first, second] = [0, 1].map(|_| EventId::at(Clock::start().wall().0));
        pump.put(item("a", first, Phase::Start, Some(jpeg()))).await;
        while to.ledger.stats().open_events < 1 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        // As if every write hung.
        let all = to.writes.places.clone().acquire_many_owned(WRITES as u32).await.unwrap();
        pump.put(item("a", second, Phase::Start, Some(jpeg()))).await;
        pump.put(item("a", second, Phase::End, None)).await;
        pump.close();
        timeout(PICTURE_LIMIT * 5, ended(lanes)).await.expect("it goes on without");
        drop(all);
        let told: Vec<_> = events(&to.ledger).await.iter().map(|e| (e.id, e.phase, e.media.len())).collect();
        assert_eq!(told, [(first, Phase::Start, 1), (second, Phase::Start, 0), (second, Phase::End, 0)]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_place_is_waited_for_while_a_slow_disk_takes_other_pictures() {
        let writes = Writes::new();
        let mut all: Vec<_> = (0..WRITES).map(|_| writes.places.clone().try_acquire_owned().unwrap()).collect();
        let began = Instant::now();
        let disk = async {
            for _ in 0..4 {
                tokio::time::sleep(PICTURE_LIMIT * 2 / 3).await;
                writes.ended();
            }
            all.pop();
        };
        let (place, ()) = tokio::join!(writes.place(), disk);
        assert!(place.is_some() && began.elapsed() > PICTURE_LIMIT * 2, "healthy, and slow");
        let began = Instant::now();
        assert!(writes.place().await.is_none() && began.elapsed() <= PICTURE_LIMIT * 11 / 10, "it hangs");
    }
}
