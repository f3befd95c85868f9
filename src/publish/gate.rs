//! Who may do what at the embedded broker. The one place that decides it.
//!
//! * Nobody is anonymous. Users come from the configuration; the gateway's own user has a password that lives in memory
//!   only. Passwords are compared in constant time; failures are limited by address and by address with user name.
//! * A user may subscribe to any filter that spells out `skyeye/v1/{site}/`, `skyeye/v1/{site}/#` included, but no
//!   other: not `#`, not `skyeye/+/...`, not `$SYS`, no shared subscription, no other user's commands or results by name.
//! * A user with feeds may subscribe below those only, and publishes nothing.
//! * Where Home Assistant's discovery is switched on, filters below its prefix may be subscribed to as well.
//! * A user may publish to `skyeye/v1/{site}/command/{own name}/{request}` only, never retained, no last will there.
//! * **Commands and results are delivered to their user (and commands to the gateway) only**, whatever filter matched.
//!   The broker's library authorises subscriptions but not deliveries, so such messages never enter its router: this
//!   module takes them (`PublishAction::Handled`) and puts them into the queues of that user's own sessions.
//! * A client id belongs to the user whose session it is: nobody takes over or wipes another's session. Ids that begin
//!   with `skyeye-` are the gateway's.

use std::{
    collections::BTreeMap,
    future::Future,
    net::{IpAddr, SocketAddr},
    pin::Pin,
    sync::{OnceLock, Weak},
};

use mqtt5::{
    QoS,
    broker::{
        AuthProvider, AuthResult, BrokerEventHandler, ClientPublishEvent, ClientSubscribeEvent, DynamicStorage,
        PublishAction, StorageBackend, SubAckReasonCode,
        router::MessageRouter,
        storage::{ClientSession, QueuedMessage},
    },
    packet::{connect::ConnectPacket, publish::PublishPacket},
    protocol::v5::reason_codes::ReasonCode,
    topic_matches_filter,
};
use parking_lot::Mutex;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::{
    retained::Retained,
    topic::{PrivateKind, Topics},
};
use crate::types::{Buckets, Clock, FeedId, Mono, Secret};

/// The gateway's own login; configured users cannot have a name that begins like this.
pub(super) const GATEWAY: &str = "skyeye-gateway";
const RESERVED: &str = "skyeye-";
/// A command is small; a larger one is dropped before it is queued.
const MAX_COMMAND_BYTES: usize = 64 << 10;

type Digest256 = [u8; 32];
type Answer<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

pub(super) struct Gate {
    topics: Topics,
    clock: Clock,
    /// Name to the password's sha256: what is compared has the same length whatever was sent.
    users: BTreeMap<String, Digest256>,
    /// Users that read these feeds and nothing else.
    limits: BTreeMap<String, Vec<FeedId>>,
    by_name: Mutex<Buckets<(IpAddr, String)>>,
    by_address: Mutex<Buckets<IpAddr>>,
    commands: Mutex<Buckets<String>>,
    retained: Retained,
    /// First level of Home Assistant's discovery, while that is on.
    discovery: Mutex<Option<String>>,
    /// Weak, because the broker owns this; empty until it is built.
    inside: OnceLock<(Weak<MessageRouter>, Weak<DynamicStorage>)>,
}

fn digest(password: &[u8]) -> Digest256 {
    Sha256::digest(password).into()
}

impl Gate {
    pub fn new(
        topics: Topics,
        clock: Clock,
        users: impl Iterator<Item = (String, Secret)>,
        limits: BTreeMap<String, Vec<FeedId>>,
    ) -> Self {
        Self {
            topics,
            clock,
            users: users.map(|(name, secret)| (name, digest(secret.expose().as_bytes()))).collect(),
            limits,
            by_name: Mutex::new(Buckets::new(5, 0.2, 4096)),
            by_address: Mutex::new(Buckets::new(50, 1.0, 4096)),
            commands: Mutex::new(Buckets::new(100, 20.0, 1024)),
            retained: Retained::default(),
            discovery: Mutex::default(),
            inside: OnceLock::new(),
        }
    }

    /// Ties the gate to the broker that it guards.
    pub fn attach(&self, router: Weak<MessageRouter>, storage: Weak<DynamicStorage>) {
        if self.inside.set((router, storage)).is_err() {
            tracing::error!("the broker's gate was attached twice; the first stays");
        }
    }

    /// What everybody may read besides the site's own topics.
    pub fn set_discovery(&self, prefix: Option<String>) {
        *self.discovery.lock() = prefix;
    }

    fn password_fits(&self, name: &str, password: &[u8]) -> bool {
        let given = digest(password);
        // An unknown name takes as long as a known one; no password has the digest 0.
        let expected = self.users.get(name).unwrap_or(&[0; 32]);
        bool::from(given.ct_eq(expected))
    }

    /// The name that may come in, or a reason for the log.
    fn login(&self, name: &str, password: &[u8], address: IpAddr, now: Mono) -> Result<(), &'static str> {
        // The gateway's password cannot be guessed, and a stranger's failures must not lock the gateway out.
        let limited = name != GATEWAY;
        let key = (address, name.chars().take(80).collect::<String>());
        if limited && !(self.by_name.lock().allows(&key, now) && self.by_address.lock().allows(&address, now)) {
            return Err("too many failures");
        }
        if self.password_fits(name, password) {
            return Ok(());
        }
        if limited {
            self.by_name.lock().take(&key, now);
            self.by_address.lock().take(&address, now);
        }
        Err("wrong user name or password")
    }

    async fn admit(&self, connect: &ConnectPacket, address: IpAddr) -> Result<String, &'static str> {
        let (Some(name), Some(password)) = (&connect.username, &connect.password) else {
            return Err("no user name or password");
        };
        self.login(name, password, address, self.clock.mono())?;
        if name != GATEWAY && connect.client_id.starts_with(RESERVED) {
            return Err("client ids that begin with 'skyeye-' are the gateway's");
        }
        let Some(storage) = self.inside.get().and_then(|(_, storage)| storage.upgrade()) else {
            return Err("the broker is not ready");
        };
        match storage.get_session(&connect.client_id).await {
            Ok(Some(session)) if session.user_id.as_deref().is_some_and(|owner| owner != name) => {
                return Err("the client id belongs to another user's session");
            }
            // Of a time when the user might read more. What waits for the session is of it, too.
            Ok(Some(session))
                if !connect.clean_start && session.subscriptions.keys().any(|f| !self.may_subscribe(name, f)) =>
            {
                return Err("the session holds subscriptions that the user may not have; connect with a clean one");
            }
            Ok(_) => {}
            Err(_) => return Err("the session store cannot be read"),
        }
        if name != GATEWAY && connect.will.as_ref().is_some_and(|will| self.topics.is_private(&will.topic)) {
            return Err("a last will cannot be a command");
        }
        Ok(name.clone())
    }

    fn may_subscribe(&self, user: &str, filter: &str) -> bool {
        if user == GATEWAY {
            return true;
        }
        if let Some(feeds) = self.limits.get(user) {
            let Some(rest) = filter.strip_prefix(&self.topics.feeds()) else { return false };
            return rest.split_once('/').is_some_and(|(feed, _)| feeds.iter().any(|f| f.as_str() == feed));
        }
        let Some(rest) = self.topics.within(filter) else {
            let discovery = self.discovery.lock();
            return discovery.as_ref().is_some_and(|p| filter.split_once('/').is_some_and(|(first, _)| first == p));
        };
        let mut levels = rest.split('/');
        match (levels.next(), levels.next()) {
            // A wildcard is harmless: deliveries are filtered.
            (Some("command" | "result"), Some(owner)) => matches!(owner, "+" | "#") || owner == user,
            _ => true,
        }
    }

    fn may_publish(&self, user: &str, topic: &str) -> bool {
        let limited = self.limits.contains_key(user);
        user == GATEWAY
            || !limited && self.topics.parse_command(topic).is_some_and(|(author, _)| author.as_str() == user)
    }

    /// Puts a command or result into the sessions of those whom it concerns.
    async fn deliver(&self, event: &ClientPublishEvent) {
        let Some(private) = self.topics.private(&event.topic) else {
            metrics::counter!("skyeye_publish_broker_refused_total", "reason" => "topic").increment(1);
            return;
        };
        let from_gateway = event.user_id.as_deref() == Some(GATEWAY);
        let fine = from_gateway
            || (event.payload.len() <= MAX_COMMAND_BYTES
                && self.commands.lock().take(&private.user.as_str().to_owned(), self.clock.mono()));
        if !fine {
            metrics::counter!("skyeye_publish_broker_refused_total", "reason" => "command_limit").increment(1);
            tracing::warn!(user = %private.user, bytes = event.payload.len(), "command refused: too large or too many");
            return;
        }
        let Some((router, storage)) = self.inside.get() else { return };
        let (Some(router), Some(storage)) = (router.upgrade(), storage.upgrade()) else { return };
        let ids = match storage.session_client_ids().await {
            Ok(ids) => ids,
            Err(e) => {
                tracing::error!("sessions cannot be listed, a command or result is not delivered: {e}");
                return;
            }
        };
        for id in ids {
            // Before the session is read: a session that is replaced meanwhile gets nothing.
            let queue = storage.queue_handle(&id);
            let epoch = queue.epoch();
            let Ok(Some(session)) = storage.get_session(&id).await else { continue };
            let concerned = match session.user_id.as_deref() {
                Some(GATEWAY) => private.kind == PrivateKind::Command,
                Some(user) => user == private.user.as_str(),
                None => false,
            };
            let Some(qos) = (if concerned { wanted_qos(&session, &event.topic, event.qos) } else { None }) else {
                continue;
            };
            if qos == QoS::AtMostOnce && !router.is_connected(&id).await {
                continue;
            }
            let packet = PublishPacket::new(event.topic.to_string(), event.payload.clone(), qos);
            if queue.push_in_epoch(QueuedMessage::new(packet, id, qos, None), epoch).is_some() {
                queue.notify();
            }
        }
    }
}

/// The highest QoS of a session's filters that match, capped by that of the message.
fn wanted_qos(session: &ClientSession, topic: &str, published: QoS) -> Option<QoS> {
    let matching = session.subscriptions.iter().filter(|(filter, _)| topic_matches_filter(topic, filter));
    matching
        .map(|(_, sub)| if (sub.qos as u8) < (published as u8) { sub.qos } else { published })
        .max_by_key(|q| *q as u8)
}

impl AuthProvider for Gate {
    fn authenticate<'a>(
        &'a self,
        connect: &'a ConnectPacket,
        client_addr: SocketAddr,
    ) -> Answer<'a, mqtt5::Result<AuthResult>> {
        Box::pin(async move {
            Ok(match self.admit(connect, client_addr.ip().to_canonical()).await {
                Ok(name) => AuthResult::success_with_user(name),
                Err(reason) => {
                    metrics::counter!("skyeye_publish_broker_refused_total", "reason" => "login").increment(1);
                    tracing::warn!(address = %client_addr.ip(), "broker login refused: {reason}");
                    AuthResult::fail(ReasonCode::NotAuthorized)
                }
            })
        })
    }

    fn authorize_publish<'a>(&'a self, _: &str, user_id: Option<&'a str>, topic: &'a str) -> Answer<'a, bool> {
        let may = user_id.is_some_and(|user| self.may_publish(user, topic));
        Box::pin(std::future::ready(may))
    }

    fn authorize_subscribe<'a>(&'a self, _: &str, user_id: Option<&'a str>, filter: &'a str) -> Answer<'a, bool> {
        let may = user_id.is_some_and(|user| self.may_subscribe(user, filter));
        if !may {
            tracing::warn!(user = user_id.unwrap_or("-"), filter, "subscription refused");
        }
        Box::pin(std::future::ready(may))
    }
}

impl BrokerEventHandler for Gate {
    fn on_client_publish<'a>(&'a self, event: ClientPublishEvent) -> Answer<'a, PublishAction> {
        Box::pin(async move {
            if self.topics.is_private(&event.topic) {
                self.deliver(&event).await;
                return PublishAction::Handled;
            }
            // Others than the gateway were refused by `authorize_publish`; this holds should that ever change.
            if event.user_id.as_deref() != Some(GATEWAY) {
                return PublishAction::Handled;
            }
            if !event.retain || self.topics.is_node(&event.topic) {
                return PublishAction::Continue;
            }
            self.retained.set(&event.topic, &event.payload);
            let mut packet = PublishPacket::new(event.topic.to_string(), event.payload, event.qos);
            packet.packet_id = event.packet_id;
            PublishAction::Transform(packet)
        })
    }

    /// What is retained here goes to a new subscription, behind what waits for its client already.
    fn on_client_subscribe<'a>(&'a self, event: ClientSubscribeEvent) -> Answer<'a, ()> {
        Box::pin(async move {
            let Some(storage) = self.inside.get().and_then(|(_, storage)| storage.upgrade()) else { return };
            let queue = storage.queue_handle(&event.client_id);
            let epoch = queue.epoch();
            for subscription in event.subscriptions {
                let qos = match subscription.result {
                    SubAckReasonCode::GrantedQoS0 => QoS::AtMostOnce,
                    SubAckReasonCode::GrantedQoS1 | SubAckReasonCode::GrantedQoS2 => QoS::AtLeastOnce,
                    _ => continue,
                };
                self.retained.matching(&subscription.topic_filter, |topic, payload| {
                    let packet = PublishPacket::new(topic, payload.clone(), qos).with_retain(true);
                    let message = QueuedMessage::new(packet, event.client_id.to_string(), qos, None);
                    if queue.push_in_epoch(message, epoch).is_none() {
                        tracing::trace!(client = %event.client_id, "the session is gone, and nobody is owed anything");
                    }
                });
            }
            queue.notify();
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::SiteId;

    fn gate() -> Gate {
        let users = [("alice", "a-secret"), ("bob", "b-secret"), (GATEWAY, "g-secret")];
        let users = users.into_iter().map(|(n, p)| (n.to_owned(), Secret::new(p)));
        let limits = BTreeMap::from([("bob".to_owned(), vec![FeedId::new("north").unwrap()])]);
        Gate::new(Topics::new(&SiteId::new("nb").unwrap()), Clock::start(), users, limits)
    }

    #[test]
    fn what_a_user_may_read() {
        let gate = gate();
        for good in [
            "skyeye/v1/nb/#",
            "skyeye/v1/nb/channel/#",
            "skyeye/v1/nb/channel/+/event/+",
            "skyeye/v1/nb/alert/+",
            "skyeye/v1/nb/+/+/status",
            "skyeye/v1/nb/result/alice/#",
            "skyeye/v1/nb/result/+/+",
            "skyeye/v1/nb/command/alice/r1",
        ] {
            assert!(gate.may_subscribe("alice", good), "{good}");
        }
        for bad in [
            "#",
            "+/v1/nb/#",
            "skyeye/#",
            "skyeye/v1/#",
            "skyeye/v1/+/alert/#",
            "skyeye/v1/other/#",
            "skyeye/v1/nb",
            "$SYS/#",
            "$share/g/skyeye/v1/nb/#",
            "skyeye/v1/nb/result/bob/#",
            "skyeye/v1/nb/command/bob/+",
        ] {
            assert!(!gate.may_subscribe("alice", bad), "{bad}");
        }
        assert!(gate.may_subscribe(GATEWAY, "skyeye/v1/nb/command/+/+"));
        assert!(!gate.may_subscribe("alice", "homeassistant/#"));
        gate.set_discovery(Some("homeassistant".into()));
        assert!(gate.may_subscribe("alice", "homeassistant/#"));
        for bad in ["homeassistant", "homeassistant2/#", "+/#", "#"] {
            assert!(!gate.may_subscribe("alice", bad), "{bad}");
        }
    }

    #[test]
    fn a_user_with_feeds_reads_those_and_writes_nothing() {
        let gate = gate();
        gate.set_discovery(Some("homeassistant".into()));
        assert!(gate.may_subscribe("bob", "skyeye/v1/nb/feed/north/#"));
        assert!(gate.may_subscribe("bob", "skyeye/v1/nb/feed/north/alert/+"));
        for bad in [
            "skyeye/v1/nb/feed/north",
            "skyeye/v1/nb/feed/south/#",
            "skyeye/v1/nb/feed/+/#",
            "skyeye/v1/nb/feed/#",
            "skyeye/v1/nb/#",
            "skyeye/v1/nb/node/+/status",
            "skyeye/v1/nb/result/bob/#",
            "homeassistant/#",
        ] {
            assert!(!gate.may_subscribe("bob", bad), "{bad}");
        }
        assert!(!gate.may_publish("bob", "skyeye/v1/nb/command/bob/r1"));
        assert!(gate.may_subscribe("alice", "skyeye/v1/nb/feed/south/#"));
    }

    #[test]
    fn what_a_user_may_write() {
        let gate = gate();
        assert!(gate.may_publish("alice", "skyeye/v1/nb/command/alice/r1"));
        for bad in [
            "skyeye/v1/nb/command/bob/r1",
            "skyeye/v1/nb/command/alice/r1/x",
            "skyeye/v1/nb/command/alice/",
            "skyeye/v1/nb/result/alice/r1",
            "skyeye/v1/nb/alert/x",
            "skyeye/v1/other/command/alice/r1",
            "x",
        ] {
            assert!(!gate.may_publish("alice", bad), "{bad}");
        }
    }

    #[test]
    fn guessing_is_slowed_down_and_locks_nobody_else_out() {
        let gate = gate();
        let (here, there) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
        for _ in 0..5 {
            assert!(gate.login("alice", b"guess", here, Mono(0)).is_err());
        }
        assert_eq!(gate.login("alice", b"a-secret", here, Mono(0)), Err("too many failures"));
        assert!(gate.login("bob", b"b-secret", here, Mono(0)).is_ok(), "another user at the address");
        assert!(gate.login("alice", b"a-secret", there, Mono(0)).is_ok(), "the user at another address");
        assert!(gate.login("alice", b"a-secret", here, Mono(6_000)).is_ok(), "it passes");
        for guess in 0..200 {
            assert!(gate.login(&format!("u{guess}"), b"x", here, Mono(6_000)).is_err());
        }
        assert!(
            gate.login("bob", b"b-secret", here, Mono(6_000)).is_err(),
            "an address that tries many names is stopped"
        );
        assert!(gate.login(GATEWAY, b"g-secret", here, Mono(6_000)).is_ok(), "but never the gateway");
        assert!(gate.login(GATEWAY, b"a-secret", here, Mono(6_000)).is_err());
    }
}
