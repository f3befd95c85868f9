//! One connection to a broker: what is on its way, and which PUBACK belongs to what.
//!
//! Lives from CONNACK to the end of the connection and is thrown away then, with the MQTT library's client and all that
//! it would send again by itself: what was not acknowledged comes from the outbox and the states once more. Facts are
//! reported as acknowledged in their order only, so that what is pending in the outbox is always the newest part.

use std::{
    collections::{HashMap, VecDeque},
    pin::Pin,
    sync::Arc,
};

use futures_util::{Stream, StreamExt};
use rumqttc::{AsyncClient, ConnectionError, Event, EventLoop, Outgoing, Packet, QoS};

use super::{broker::MAX_PACKET_BYTES, source::Row};
use crate::types::Message;

/// Messages, and bytes, on their way without a PUBACK. The bytes are bounded so that a ping does not wait behind more
/// than a slow line carries in a keepalive.
const WINDOW: usize = 64;
const WINDOW_BYTES: usize = 64 << 10;
/// Topic and payload; the headers must fit beside them.
pub(super) const MAX_MESSAGE_BYTES: usize = MAX_PACKET_BYTES - 64;
/// Requests that the library takes without waiting: the window, acknowledgements of commands, and some.
pub(super) const REQUESTS: usize = 1024;
/// Packet ids of the library; far more than the window, so that no id is reused while it waits.
pub(super) const PACKET_IDS: u16 = 1000;

/// What a message was.
pub(super) enum Sent {
    Fact(i64),
    State(Arc<Message>),
    /// An open alert, sent again after a connect without a session.
    Again,
    /// The goodbye.
    Offline,
}

impl Sent {
    fn kind(&self) -> &'static str {
        match self {
            Sent::Fact(_) => "fact",
            Sent::State(_) | Sent::Offline => "state",
            Sent::Again => "again",
        }
    }
}

/// Why a message was not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unsent {
    /// Not now: the library's queue is full. The message stays where it was.
    Busy,
    /// No broker would ever take it.
    Never(&'static str),
}

/// What MQTT takes as the name of a topic.
fn is_topic(topic: &str) -> bool {
    (1..=65_535).contains(&topic.len()) && !topic.contains(['+', '#', '\0'])
}

type Events = Pin<Box<dyn Stream<Item = Result<Event, ConnectionError>> + Send>>;

pub(super) struct Wire {
    pub client: AsyncClient,
    events: Events,
    /// Handed to the library, which has given no packet id yet; in order.
    unnumbered: VecDeque<(Sent, usize)>,
    numbered: HashMap<u16, (Sent, usize)>,
    /// Facts on their way, in order, and whether their PUBACK has come.
    facts: VecDeque<(i64, bool)>,
    bytes: usize,
}

/// What an event of the library means here.
pub(super) enum Happened {
    Nothing,
    /// Something came from the broker: it is alive.
    Alive,
    Command(rumqttc::Publish),
    /// A subscription was refused.
    SubscriptionRefused,
    Acked(Sent),
}

impl Wire {
    pub fn new(client: AsyncClient, events: EventLoop) -> Self {
        // The stream keeps a poll that was begun: dropping it half way could lose a packet that the library has
        // already counted as sent.
        let events = futures_util::stream::unfold(events, |mut events| async move {
            let event = events.poll().await;
            Some((event, events))
        });
        Self {
            client,
            events: Box::pin(events),
            unnumbered: VecDeque::new(),
            numbered: HashMap::new(),
            facts: VecDeque::new(),
            bytes: 0,
        }
    }

    pub async fn next(&mut self) -> Result<Event, ConnectionError> {
        match self.events.next().await {
            Some(event) => event,
            None => Err(ConnectionError::RequestsDone),
        }
    }

    pub fn in_flight(&self) -> usize {
        self.unnumbered.len() + self.numbered.len()
    }

    pub fn has_room(&self) -> bool {
        let count = self.in_flight();
        count == 0 || (count < WINDOW && self.bytes < WINDOW_BYTES)
    }

    pub fn facts_in_flight(&self) -> bool {
        !self.facts.is_empty()
    }

    /// Sends a message, with QoS 1.
    pub fn send(&mut self, topic: &str, payload: &[u8], retain: bool, sent: Sent) -> Result<(), Unsent> {
        let bytes = topic.len() + payload.len();
        if bytes > MAX_MESSAGE_BYTES {
            return Err(Unsent::Never("too large for MQTT here"));
        }
        if !is_topic(topic) {
            return Err(Unsent::Never("not a topic"));
        }
        if self.client.try_publish(topic, QoS::AtLeastOnce, retain, payload).is_err() {
            return Err(Unsent::Busy);
        }
        metrics::counter!("skyeye_publish_published_total", "kind" => sent.kind()).increment(1);
        if let Sent::Fact(cursor) = sent {
            self.facts.push_back((cursor, false));
        }
        self.bytes += bytes;
        self.unnumbered.push_back((sent, bytes));
        self.gauge();
        Ok(())
    }

    pub fn send_row(&mut self, row: &Row) -> Result<(), Unsent> {
        self.send(&row.topic, &row.payload, row.retain, Sent::Fact(row.cursor))
    }

    /// A fact that no broker would take counts as done, so that those behind it are not held up for ever.
    pub fn skip_fact(&mut self, cursor: i64) {
        self.facts.push_back((cursor, true));
    }

    /// Keeps the books; commands and refusals are the caller's.
    pub fn note(&mut self, event: Event) -> Happened {
        match event {
            Event::Outgoing(Outgoing::Publish(pkid)) => {
                if let Some(sent) = self.unnumbered.pop_front() {
                    self.numbered.insert(pkid, sent);
                }
                Happened::Nothing
            }
            Event::Incoming(Packet::PubAck(ack)) => match self.numbered.remove(&ack.pkid) {
                Some((sent, bytes)) => {
                    self.bytes = self.bytes.saturating_sub(bytes);
                    metrics::counter!("skyeye_publish_acked_total", "kind" => sent.kind()).increment(1);
                    if let Sent::Fact(cursor) = sent
                        && let Some(fact) = self.facts.iter_mut().find(|(c, done)| *c == cursor && !done)
                    {
                        fact.1 = true;
                    }
                    self.gauge();
                    Happened::Acked(sent)
                }
                None => Happened::Alive,
            },
            Event::Incoming(Packet::Publish(publish)) => Happened::Command(publish),
            Event::Incoming(Packet::SubAck(ack)) => {
                if ack.return_codes.contains(&rumqttc::SubscribeReasonCode::Failure) {
                    Happened::SubscriptionRefused
                } else {
                    Happened::Alive
                }
            }
            Event::Incoming(_) => Happened::Alive,
            Event::Outgoing(_) => Happened::Nothing,
        }
    }

    /// Facts whose PUBACK, and whose predecessors' PUBACKs, have come.
    pub fn done_facts(&mut self, into: &mut Vec<i64>) {
        while let Some((cursor, true)) = self.facts.front() {
            into.push(*cursor);
            self.facts.pop_front();
        }
    }

    /// What was on its way when the connection ended.
    pub fn unfinished(self) -> impl Iterator<Item = Sent> {
        metrics::gauge!("skyeye_publish_inflight").set(0.0);
        self.unnumbered.into_iter().chain(self.numbered.into_values()).map(|(sent, _)| sent)
    }

    fn gauge(&self) {
        metrics::gauge!("skyeye_publish_inflight").set(self.in_flight() as f64);
    }
}
