//! After a change of the feeds: those that hold an open alert now get it, those that held it before are cleared.
//!
//! There may be tens of thousands of open alerts and dozens of feeds, so it is done in pieces between batches of facts, and
//! only while the outbox has room for originals. Facts are copied by the new feeds from the change on. What the former feeds
//! were stays written down until every open alert has been told of, so that a stop in between begins it anew.

use std::time::Duration;

use bytes::Bytes;

use super::{
    plan::{Batch, Ledgered},
    writer::{Retry, Writer},
};
use crate::{
    config::Feed,
    publish::topic::Topics,
    store::{
        StoreError,
        alerts::{self, OpenAlert},
    },
    types::{AreaId, FeedId, Message, Scope, Severity},
};

/// Open alerts in one piece: with as many feeds as there can be some megabytes.
const PIECE: i64 = 64;

/// A change that is not told to the end.
#[derive(Debug, Clone)]
pub(super) struct Refeed {
    /// The feeds before it and, where a change came before another was through, before that.
    pub before: Vec<Vec<Feed>>,
    /// Open alerts up to this place are done.
    pub place: i64,
    /// What changed behind this cursor was copied by the new feeds as it changed.
    since: i64,
}

impl Refeed {
    /// From these feeds, and from those before an earlier change that is not through.
    /// `cursor`: the last one before the new feeds.
    pub fn new(feeds: Vec<Feed>, earlier: Vec<Vec<Feed>>, cursor: i64) -> Self {
        let mut before = earlier;
        if !before.contains(&feeds) {
            before.push(feeds);
        }
        Self { before, place: i64::MIN, since: cursor }
    }
}

fn held(feeds: &[Feed], id: &FeedId, area: &[AreaId]) -> bool {
    feeds.iter().any(|f| f.id == *id && f.holds(area))
}

/// Feeds that are told of a message. An alert that is over is over in former feeds, too, if they may still have it.
pub(super) fn told<'a>(led: &'a Ledgered, area: &[AreaId], cleared: bool) -> Vec<&'a FeedId> {
    let former = led.refeed.iter().filter(|_| cleared).flat_map(|r| r.before.iter().flatten());
    let mut ids: Vec<&FeedId> = Vec::new();
    for feed in led.feeds.iter().chain(former).filter(|f| f.holds(area)) {
        if !ids.contains(&&feed.id) {
            ids.push(&feed.id);
        }
    }
    ids
}

/// The messages that tell of some open alerts.
fn messages(led: &mut Ledgered, refeed: &Refeed, open: &[OpenAlert]) -> Vec<(Message, Severity)> {
    let topics = Topics::new(&led.site);
    let mut ids: Vec<FeedId> = Vec::new();
    for feed in led.feeds.iter().chain(refeed.before.iter().flatten()) {
        if !ids.contains(&feed.id) {
            ids.push(feed.id.clone());
        }
    }
    let mut messages = Vec::new();
    for OpenAlert { alert, payload, .. } in open {
        let topic = topics.alert(alert.id);
        for id in &ids {
            let before = |feeds: &Vec<Feed>| held(feeds, id, &alert.area);
            let payload = match held(&led.feeds, id, &alert.area) {
                true if alert.order.cursor > refeed.since => continue,
                // What only may be there is told once more.
                true if !refeed.before.iter().all(before) => payload.clone(),
                false if refeed.before.iter().any(before) => Bytes::new(),
                _ => continue,
            };
            let Some(topic) = topics.copy(id, &topic) else { continue };
            led.cursor += 1;
            let scope = Scope::Channel { channel: alert.channel.clone(), area: alert.area.clone() };
            messages.push((Message { topic, payload, retain: true, scope, cursor: Some(led.cursor) }, alert.severity));
        }
    }
    messages
}

impl Writer {
    /// Tells of some more; true if there are more yet and room for them.
    pub(super) async fn refeed_some(&mut self) -> bool {
        match self.tell_some().await {
            Ok(more) => more,
            Err(e) => {
                tracing::warn!("open alerts cannot be given to other feeds now: {e}");
                false
            }
        }
    }

    async fn tell_some(&mut self) -> Result<bool, StoreError> {
        let Some(mut refeed) = self.led.refeed.clone() else { return Ok(false) };
        if self.shared.stats.lock().outbox_bytes > self.max_bytes / 2 {
            return Ok(false);
        }
        let mut conn = self.store.writer().acquire().await?;
        self.settle(&mut conn).await?;
        let found = alerts::open(&mut conn, refeed.place, PIECE).await?;
        drop(conn);
        let last = found.next.is_none();
        let mut batch = Batch::new(&self.led, self.clock.wall());
        let told = messages(&mut self.led, &refeed, &found.alerts);
        batch.tell_feeds(told);
        if last {
            batch.feeds = Some((self.led.feeds.clone(), Vec::new()));
        }
        if !batch.is_empty() {
            self.takes_owed(&mut batch);
            self.persist(&batch, Retry::new(Duration::from_secs(1))).await?;
        }
        if let Some(place) = found.next {
            refeed.place = place;
        }
        self.led.refeed = Some(refeed).filter(|_| !last);
        Ok(!last)
    }
}
