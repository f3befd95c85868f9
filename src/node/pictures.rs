//! The latest picture of a channel, made when somebody asks: patrol itself encodes none.
//!
//! The key frame in the pre-roll ring is decoded and encoded off the runtime, one at a time a channel, at most two at
//! once over all, and the result serves everybody for a second. Masks are burnt in before it leaves.

use std::{collections::HashMap, sync::Arc};

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::{Mutex as AsyncMutex, Semaphore};

use crate::{
    decode::{DecodeLimits, KeyDecoder},
    evidence,
    media::Media,
    node::watch::Watches,
    types::{AccessUnit, ChannelId, Clock, Mono, Polygon, Wall},
};

/// A picture serves for this long.
const FRESH_MS: u64 = 1000;
/// Pictures being made at one time: looking at cameras must not hold up looking for events.
const AT_ONCE: usize = 2;

#[derive(Debug, Clone)]
pub struct Picture {
    pub jpeg: Bytes,
    pub seen: Wall,
    /// When its access unit was ingested.
    pub ingested: Mono,
    made: Mono,
}

type Slot = Arc<AsyncMutex<Option<Picture>>>;

/// Makes and keeps the latest pictures, one a channel.
pub struct Pictures {
    media: Arc<Media>,
    watches: Arc<Watches>,
    clock: Clock,
    limits: DecodeLimits,
    quality: u8,
    slots: Mutex<HashMap<ChannelId, Slot>>,
    at_once: Semaphore,
}

impl Pictures {
    pub fn new(media: Arc<Media>, watches: Arc<Watches>, clock: Clock, limits: DecodeLimits, quality: u8) -> Self {
        Self { media, watches, clock, limits, quality, slots: Mutex::default(), at_once: Semaphore::new(AT_ONCE) }
    }

    /// The picture of the latest key frame; `None` if there is none or it cannot be decoded.
    pub async fn latest(&self, channel: &ChannelId) -> Option<Picture> {
        self.watches.get(channel)?;
        let slot = self.slots.lock().entry(channel.clone()).or_default().clone();
        // Those who ask at the same time wait here for the one that makes it.
        let mut slot = slot.lock().await;
        let unit = self.media.latest_key(channel)?;
        if let Some(picture) = slot.as_ref()
            && (picture.ingested == unit.ingested || self.clock.mono().since_ms(picture.made) < FRESH_MS)
        {
            return Some(picture.clone());
        }
        let _turn = self.at_once.acquire().await.ok()?;
        // After the wait: a mask that came meanwhile counts.
        let masks = self.watches.get(channel)?.masks.clone();
        let (limits, quality) = (self.limits, self.quality);
        let (seen, ingested) = (unit.seen, unit.ingested);
        let jpeg = tokio::task::spawn_blocking(move || make(&unit, limits, &masks, quality)).await.ok().flatten()?;
        let picture = Picture { jpeg, seen, ingested, made: self.clock.mono() };
        *slot = Some(picture.clone());
        Some(picture)
    }

    /// Forgets a channel that is no more.
    pub fn forget(&self, channel: &ChannelId) {
        self.slots.lock().remove(channel);
    }
}

fn make(unit: &AccessUnit, limits: DecodeLimits, masks: &[Polygon], quality: u8) -> Option<Bytes> {
    let frame = KeyDecoder::new(limits)
        .decode(unit)
        .inspect_err(|e| tracing::debug!(channel = %unit.channel, "no picture for the console: {e}"))
        .ok()?;
    let jpeg = evidence::encode_jpeg(&frame, masks, quality)
        .inspect_err(|e| tracing::debug!(channel = %unit.channel, "no picture for the console: {e}"))
        .ok()?;
    metrics::counter!("skyeye_web_pictures_made_total").increment(1);
    Some(Bytes::from(jpeg.bytes))
}
