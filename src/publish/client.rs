//! The connection to the broker: facts from the outbox, states from the latest-value map, commands in.
//!
//! Facts go out in commit order with QoS 1 and a bounded window, and count as published on their PUBACK only. Whenever
//! a connection ends, by whatever cause, everything about it is thrown away and facts come from the outbox again,
//! beginning with the first unacknowledged: duplicates are possible and carry the same id, gaps are not.
//! After a connect without a session the open alerts and all states are sent again. A broker that is silent for nearly
//! two keepalives is given up. Nothing here ever waits for the broker while holding up something else.

use std::{collections::VecDeque, pin::Pin, sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use rand::Rng;
use rumqttc::{ConnectReturnCode, ConnectionError, Event, Packet, QoS, SubscribeFilter};
use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
    time::{MissedTickBehavior, interval, sleep, timeout},
};

use super::{
    backoff::backoff_ms,
    command,
    link::{CONNECT_TIMEOUT, PublishOptions, Reading},
    source::{IncomingCommand, OpenAlerts, Row, Source, SourceError},
    states::States,
    topic::Topics,
    wire::{Happened, Sent, Unsent, Wire},
};
use crate::types::{
    Message, Mono, Scope, Wall,
    payload::{NodePayload, NodeStatus},
};

/// Rows read from the outbox at a time; the next are read when fewer than half are left.
const BATCH: usize = 256;
/// One state goes between this many facts, so that a long drain does not hide that a camera failed.
const FACTS_PER_STATE: u32 = 8;
/// So many facts may go between two pages of open alerts that are sent again.
const FACTS_PER_PAGE: usize = 256;
/// Commands that wait for their turn; the broker keeps the others.
const MAX_WAITING: usize = 256;
/// The outbox is looked at this often even if nobody said that it has something.
const LOOK_AGAIN: Duration = Duration::from_secs(10);
const TICK: Duration = Duration::from_millis(500);

/// How the connection stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    pub connected: bool,
    /// One sentence; empty while all is well.
    pub reason: String,
    pub since: Wall,
}

/// The running publisher.
pub struct Publisher {
    options: PublishOptions,
    states: Arc<States>,
    link: watch::Receiver<Link>,
    stop: watch::Sender<Option<Duration>>,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl Publisher {
    /// Starts publishing; never fails, and keeps trying while the broker is away.
    pub fn start<S: Source>(
        options: PublishOptions,
        source: Arc<S>,
        states: Arc<States>,
        commands: mpsc::Sender<IncomingCommand>,
    ) -> Self {
        let since = options.clock.wall();
        let (link_tx, link) = watch::channel(Link { connected: false, reason: "not connected yet".into(), since });
        let (stop, stop_rx) = watch::channel(None);
        let topics = options.topics();
        let engine = Engine {
            status: topics.status(&options.node),
            topics,
            options: options.clone(),
            source,
            states: states.clone(),
            commands,
            link: link_tx,
            stop: stop_rx,
            republish: options.embedded,
            to_ack: Vec::new(),
            acking: None,
            reading: None,
        };
        let publisher = Self { options, states: states.clone(), link, stop, task: Mutex::default() };
        publisher.set_degraded(Vec::new());
        *publisher.task.lock() = Some(tokio::spawn(async move {
            tokio::select! {
                () = states.pace() => {}
                () = engine.run() => {}
            }
        }));
        publisher
    }

    /// How the connection stands, now and later.
    pub fn link(&self) -> watch::Receiver<Link> {
        self.link.clone()
    }

    /// What does not work although the node runs, one sentence each; stands in the node's status.
    pub fn set_degraded(&self, degraded: Vec<String>) {
        self.set_status(degraded, None);
    }

    /// The same with the number of open alerts.
    pub fn set_status(&self, degraded: Vec<String>, open_alerts: Option<u32>) {
        let topic = self.options.topics().status(&self.options.node);
        self.states.set(&topic, self.options.payload(NodeStatus::Online, degraded, open_alerts), Scope::Node);
    }

    /// Publishes what is pending for at most `drain`, says goodbye and ends.
    pub async fn shutdown(&self, drain: Duration) {
        self.stop.send_replace(Some(drain));
        let task = self.task.lock().take();
        if let Some(mut task) = task
            && timeout(drain + Duration::from_secs(5), &mut task).await.is_err()
        {
            tracing::warn!("the publisher did not end in time");
            task.abort();
        }
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        if let Some(task) = self.task.lock().take() {
            task.abort();
        }
    }
}

enum End {
    Stopped,
    Lost(String),
}

struct Engine<S> {
    options: PublishOptions,
    topics: Topics,
    status: String,
    source: Arc<S>,
    states: Arc<States>,
    commands: mpsc::Sender<IncomingCommand>,
    link: watch::Sender<Link>,
    stop: watch::Receiver<Option<Duration>>,
    /// The broker had no session and has not had all open alerts since; outlives a connection.
    republish: bool,
    /// Published, but the outbox does not know it yet.
    to_ack: Vec<i64>,
    /// Being told to the outbox; before `to_ack`, and beyond the end of a connection, so that the order is kept.
    acking: Acking,
    /// The password of an external broker, while it is read again.
    reading: Option<Reading>,
}

type Job<T> = Option<BoxFuture<'static, T>>;
type Acking = Job<(Vec<i64>, Result<(), SourceError>)>;

/// Waits for a job that is under way; for ever if there is none.
async fn done<T>(job: &mut Job<T>) -> T {
    match job {
        Some(future) => {
            let value = Pin::new(future).await;
            *job = None;
            value
        }
        None => std::future::pending().await,
    }
}

/// Open alerts that are sent again, a page at a time with facts between. Facts wait while a page is read and sent, or a
/// newer state could precede an older one.
struct Again {
    page: VecDeque<Message>,
    /// The next page begins behind this place; `None`: all are known.
    next: Option<i64>,
    /// Facts that may go before the next page.
    facts: usize,
    in_flight: usize,
}

/// What a connection is doing; dropped with it.
struct Flow {
    /// Read from the outbox, not yet sent.
    rows: VecDeque<Row>,
    after: i64,
    /// The outbox may have rows behind `after`.
    more: bool,
    load: Job<Result<Vec<Row>, SourceError>>,
    /// The newest cursor when the outbox was asked.
    newest: i64,
    /// First pending row at the time of the connect, or what would have been it.
    first: Option<i64>,
    alerts: Job<Result<OpenAlerts, SourceError>>,
    again: Again,
    /// The outbox failed; it is asked again from this time on.
    rest_until: Mono,
    looked: Mono,
    waiting: VecDeque<(IncomingCommand, rumqttc::Publish)>,
    alive: Mono,
    turn: u32,
    deadline: Option<Mono>,
}

impl<S: Source> Engine<S> {
    async fn run(mut self) {
        let mut failures = 0u32;
        loop {
            let began = self.options.clock.mono();
            let reason = match self.connection().await {
                End::Stopped => break,
                End::Lost(reason) => reason,
            };
            // A broker that takes the connection and drops it at once is not asked at full speed.
            let held = self.options.clock.mono().since_ms(began) >= 5_000;
            failures = if held { 1 } else { failures.saturating_add(1) };
            tracing::warn!(broker = %self.options.host, "no connection to the broker: {reason}");
            metrics::counter!("skyeye_publish_reconnects_total").increment(1);
            self.say(false, reason);
            self.flush_acks().await;
            let wait = backoff_ms(failures, rand::rng().random_range(0.5..1.0));
            let rest = async {
                sleep(Duration::from_millis(wait)).await;
                self.options.read_password(&mut self.reading).await;
            };
            tokio::select! {
                () = rest => {}
                _ = self.stop.wait_for(Option::is_some) => break,
            }
        }
        self.flush_acks().await;
        self.say(false, "ended".into());
    }

    fn say(&self, connected: bool, reason: String) {
        metrics::gauge!("skyeye_publish_connected").set(if connected { 1.0 } else { 0.0 });
        let since = self.options.clock.wall();
        self.link.send_if_modified(|link| {
            let changed = link.connected != connected || link.reason != reason;
            if link.connected != connected {
                link.since = since;
            }
            link.connected = connected;
            link.reason = reason;
            changed
        });
    }

    /// Tells the outbox what is published before the next connection asks it what is not.
    async fn flush_acks(&mut self) {
        for _ in 0..2 {
            self.start_ack();
            if self.acking.is_none() {
                return;
            }
            match timeout(Duration::from_secs(5), done(&mut self.acking)).await {
                Ok((_, Ok(()))) => {}
                // Given up, or rows after them would be acknowledged before them.
                Ok((_, Err(e))) => {
                    self.to_ack.clear();
                    tracing::warn!("published messages will be sent again: {e}");
                }
                Err(_) => {
                    tracing::warn!("the outbox does not answer; published messages may be sent again");
                    return;
                }
            }
        }
    }

    fn start_ack(&mut self) {
        if self.acking.is_none() && !self.to_ack.is_empty() {
            let (source, cursors) = (self.source.clone(), std::mem::take(&mut self.to_ack));
            self.acking = Some(Box::pin(async move {
                let result = source.acked(cursors.clone()).await;
                (cursors, result)
            }));
        }
    }

    async fn connection(&mut self) -> End {
        let (client, events) = self.options.client();
        let mut wire = Wire::new(client, events);
        let connack = tokio::select! {
            first = timeout(CONNECT_TIMEOUT + TICK, wire.next()) => first,
            _ = self.stop.wait_for(Option::is_some) => return End::Stopped,
        };
        let session = match connack {
            Ok(Ok(Event::Incoming(Packet::ConnAck(ack)))) => ack.session_present,
            Ok(Ok(other)) => return End::Lost(format!("it began with {other:?} instead of CONNACK")),
            Ok(Err(e)) => return End::Lost(refusal(&e)),
            Err(_) => return End::Lost("no answer in time".into()),
        };
        let filters = [&self.topics.command_filter(), &self.status]
            .map(|f| SubscribeFilter { path: f.clone(), qos: QoS::AtLeastOnce });
        if wire.client.try_subscribe_many(filters).is_err() {
            return End::Lost("the subscription could not be sent".into());
        }
        if !session {
            self.republish = true;
            self.states.all_again();
        }
        // The broker may hold our last will.
        self.states.again(&self.status, true);
        tracing::info!(broker = %self.options.host, port = self.options.port, session, "connected to the broker");
        self.say(true, String::new());
        let end = self.serve(&mut wire).await;
        wire.done_facts(&mut self.to_ack);
        for sent in wire.unfinished() {
            if let Sent::State(message) = sent {
                self.states.again(&message.topic, false);
            }
        }
        end
    }

    async fn serve(&mut self, wire: &mut Wire) -> End {
        let clock = self.options.clock;
        let now = clock.mono();
        let mut flow = Flow {
            rows: VecDeque::new(),
            after: i64::MIN,
            more: true,
            load: None,
            newest: i64::MIN,
            first: None,
            alerts: None,
            again: Again { page: VecDeque::new(), next: Some(i64::MIN), facts: 0, in_flight: 0 },
            rest_until: now,
            looked: now,
            waiting: VecDeque::new(),
            alive: now,
            turn: FACTS_PER_STATE - 1,
            deadline: None,
        };
        // Below two keepalives, with room for the tick; above one, by which a ping is answered.
        let silence_ms = u64::try_from(self.options.keepalive.as_millis()).unwrap_or(u64::MAX) / 4 * 7;
        let mut wake = self.source.wake();
        let mut wake_open = true;
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let states = self.states.clone();
        let commands = self.commands.clone();
        let mut stop = self.stop.clone();
        loop {
            let now = clock.mono();
            self.start_jobs(&mut flow, &mut wake, now);
            self.pump(&mut flow, wire);
            wire.done_facts(&mut self.to_ack);
            if let Some(deadline) = flow.deadline
                && (now >= deadline || self.drained(&flow, wire))
            {
                // Stored first: the goodbye may take its time.
                self.flush_acks().await;
                self.goodbye(wire).await;
                return End::Stopped;
            }
            tokio::select! {
                event = wire.next() => match event {
                    Err(e) => return End::Lost(refusal(&e)),
                    Ok(event) => {
                        if matches!(event, Event::Incoming(_)) {
                            flow.alive = clock.mono();
                        }
                        self.happened(&mut flow, wire, event);
                    }
                },
                rows = done(&mut flow.load) => self.loaded(&mut flow, rows, clock.mono()),
                alerts = done(&mut flow.alerts) => self.alerts_loaded(&mut flow, alerts, clock.mono()),
                (cursors, result) = done(&mut self.acking) => {
                    if let Err(e) = result {
                        tracing::warn!("{e}");
                        self.to_ack.splice(0..0, cursors);
                        flow.rest_until = clock.mono().plus_ms(1_000);
                    }
                }
                changed = wake.changed(), if wake_open => {
                    wake_open = changed.is_ok();
                    flow.more = true;
                }
                () = states.ready() => {}
                permit = commands.reserve(), if !flow.waiting.is_empty() => {
                    if let Some((command, publish)) = flow.waiting.pop_front() {
                        match permit {
                            Ok(permit) => permit.send(command),
                            Err(_) => metrics::counter!("skyeye_publish_commands_dropped_total").increment(1),
                        }
                        acknowledge(wire, &publish);
                    }
                }
                asked = stop.wait_for(Option::is_some), if flow.deadline.is_none() => {
                    let drain = asked.ok().and_then(|d| *d).unwrap_or_default();
                    flow.deadline = Some(clock.mono().plus_ms(u64::try_from(drain.as_millis()).unwrap_or(u64::MAX)));
                    flow.more = true;
                }
                _ = tick.tick() => {
                    let now = clock.mono();
                    if now.since_ms(flow.alive) >= silence_ms {
                        metrics::counter!("skyeye_publish_half_open_total").increment(1);
                        return End::Lost(format!("it was silent for {} s", now.since_ms(flow.alive) / 1000));
                    }
                    if now.since_ms(flow.looked) >= u64::try_from(LOOK_AGAIN.as_millis()).unwrap_or(u64::MAX) {
                        flow.more = true;
                    }
                }
            }
        }
    }

    fn start_jobs(&mut self, flow: &mut Flow, wake: &mut watch::Receiver<i64>, now: Mono) {
        if now < flow.rest_until {
            return;
        }
        if flow.more && flow.load.is_none() && flow.rows.len() < BATCH / 2 {
            // Both before the question: what is committed after it wakes us again, and that stands when the answer comes.
            flow.newest = *wake.borrow_and_update();
            flow.more = false;
            flow.looked = now;
            let (source, after) = (self.source.clone(), flow.after);
            flow.load = Some(Box::pin(async move { source.pending(after, BATCH).await }));
        }
        // The next page has its turn when as many facts have gone as may, or there are none.
        let turn = flow.again.facts == 0 || (flow.rows.is_empty() && !flow.more && flow.load.is_none());
        let idle = flow.first.is_some() && flow.alerts.is_none() && flow.again.page.is_empty();
        if self.republish
            && idle
            && turn
            && let Some(behind) = flow.again.next
        {
            let source = self.source.clone();
            flow.alerts = Some(Box::pin(async move { source.open_alerts(behind).await }));
        }
        self.start_ack();
    }

    fn loaded(&self, flow: &mut Flow, rows: Result<Vec<Row>, SourceError>, now: Mono) {
        match rows {
            Ok(rows) => {
                flow.more |= rows.len() >= BATCH;
                flow.first.get_or_insert(rows.first().map_or(flow.newest.saturating_add(1), |row| row.cursor));
                if let Some(last) = rows.last() {
                    flow.after = last.cursor;
                }
                flow.rows.extend(rows);
            }
            Err(e) => {
                tracing::warn!("{e}");
                metrics::counter!("skyeye_publish_source_errors_total").increment(1);
                flow.more = true;
                flow.rest_until = now.plus_ms(1_000);
            }
        }
    }

    fn alerts_loaded(&self, flow: &mut Flow, alerts: Result<OpenAlerts, SourceError>, now: Mono) {
        flow.again.facts = FACTS_PER_PAGE;
        match alerts {
            Ok(OpenAlerts { messages, next }) => {
                // What has changed since, or was in the outbox, comes from there, in its order.
                let first = flow.first.unwrap_or(i64::MAX);
                let known = |m: &Message| m.cursor.is_none_or(|cursor| cursor < first);
                flow.again.page = messages.into_iter().filter(known).collect();
                flow.again.next = next;
            }
            Err(e) => {
                tracing::warn!("open alerts are not published again yet: {e}");
                flow.rest_until = now.plus_ms(1_000);
            }
        }
    }

    fn pump(&mut self, flow: &mut Flow, wire: &mut Wire) {
        while wire.has_room() {
            if let Some(message) = flow.again.page.pop_front() {
                match wire.send(&message.topic, &message.payload, true, Sent::Again) {
                    Ok(()) => flow.again.in_flight += 1,
                    Err(Unsent::Never(why)) => unsendable(&message.topic, why),
                    Err(Unsent::Busy) => {
                        flow.again.page.push_front(message);
                        break;
                    }
                }
                continue;
            }
            let due = flow.again.next.is_some() && flow.again.facts == 0;
            let held = self.republish && (due || flow.alerts.is_some());
            let fact = !held && !flow.rows.is_empty();
            if self.states.has_ready() && (!fact || flow.turn + 1 >= FACTS_PER_STATE) {
                flow.turn = 0;
                let Some(message) = self.states.take() else { continue };
                match wire.send(&message.topic, &message.payload, true, Sent::State(message.clone())) {
                    Ok(()) => {}
                    Err(Unsent::Never(why)) => unsendable(&message.topic, why),
                    Err(Unsent::Busy) => {
                        self.states.again(&message.topic, true);
                        break;
                    }
                }
                continue;
            }
            if !fact {
                break;
            }
            let Some(row) = flow.rows.pop_front() else { break };
            flow.turn += 1;
            flow.again.facts = flow.again.facts.saturating_sub(1);
            match wire.send_row(&row) {
                Ok(()) => {}
                Err(Unsent::Never(why)) => {
                    unsendable(&row.topic, why);
                    wire.skip_fact(row.cursor);
                }
                Err(Unsent::Busy) => {
                    flow.rows.push_front(row);
                    break;
                }
            }
        }
        let again_done = flow.again.next.is_none() && flow.again.page.is_empty() && flow.again.in_flight == 0;
        if self.republish && again_done {
            self.republish = false;
        }
    }

    fn happened(&mut self, flow: &mut Flow, wire: &mut Wire, event: Event) {
        match wire.note(event) {
            Happened::Nothing | Happened::Alive => {}
            Happened::Acked(Sent::State(message)) => self.states.taken(&message),
            Happened::Acked(Sent::Again) => flow.again.in_flight = flow.again.in_flight.saturating_sub(1),
            Happened::Acked(Sent::Fact(_) | Sent::Offline) => {}
            Happened::SubscriptionRefused => {
                tracing::warn!("the broker refused the subscription to commands; none will arrive over MQTT");
                self.say(true, "the broker refused the subscription to commands".into());
            }
            Happened::Command(publish) => self.incoming(flow, wire, publish),
        }
    }

    fn incoming(&self, flow: &mut Flow, wire: &mut Wire, publish: rumqttc::Publish) {
        if publish.topic == self.status {
            // A broker may publish the last will of our former connection after we said that we are here.
            let offline = serde_json::from_slice::<NodePayload>(&publish.payload)
                .is_ok_and(|status| status.status == NodeStatus::Offline);
            if offline {
                self.states.again(&self.status, true);
            }
            return acknowledge(wire, &publish);
        }
        let command = command::parse(&self.topics, &publish.topic, &publish.payload);
        metrics::counter!("skyeye_publish_commands_total").increment(1);
        match command {
            // A retained command would be carried out again at every connect.
            Some(command) if !publish.retain && flow.waiting.len() < MAX_WAITING => {
                flow.waiting.push_back((command, publish));
            }
            _ => {
                metrics::counter!("skyeye_publish_commands_dropped_total").increment(1);
                let topic: String = publish.topic.chars().take(200).collect();
                tracing::warn!(
                    topic,
                    retained = publish.retain,
                    "a command was dropped: retained, too many, or no command"
                );
                acknowledge(wire, &publish);
            }
        }
    }

    fn drained(&self, flow: &Flow, wire: &Wire) -> bool {
        let outbox = !flow.more && flow.load.is_none() && flow.rows.is_empty() && !wire.facts_in_flight();
        outbox && self.acking.is_none() && self.to_ack.is_empty() && !self.states.has_ready() && wire.in_flight() == 0
    }

    /// Says `offline` itself: after an orderly DISCONNECT the broker discards the last will.
    async fn goodbye(&mut self, wire: &mut Wire) {
        let payload = self.options.payload(NodeStatus::Offline, Vec::new(), None);
        if wire.send(&self.status, &payload, true, Sent::Offline).is_err() {
            return;
        }
        let told = async {
            while let Ok(event) = wire.next().await {
                if matches!(wire.note(event), Happened::Acked(Sent::Offline)) {
                    break;
                }
            }
            if wire.client.try_disconnect().is_ok() {
                while let Ok(event) = wire.next().await {
                    if matches!(event, Event::Outgoing(rumqttc::Outgoing::Disconnect)) {
                        break;
                    }
                }
            }
        };
        if timeout(Duration::from_secs(2), told).await.is_err() {
            tracing::warn!("the broker did not take the goodbye; its last will says the same");
        }
    }
}

fn acknowledge(wire: &Wire, publish: &rumqttc::Publish) {
    // Refused only when hundreds wait: then the broker delivers it again at the next connect.
    if wire.client.try_ack(publish).is_err() {
        metrics::counter!("skyeye_publish_unacknowledged_total").increment(1);
    }
}

fn unsendable(topic: &str, why: &str) {
    metrics::counter!("skyeye_publish_unsendable_total").increment(1);
    tracing::error!(topic, "a message cannot be published and is given up: {why}");
}

/// A sentence for people; never holds a password.
fn refusal(error: &ConnectionError) -> String {
    match error {
        ConnectionError::ConnectionRefused(
            code @ (ConnectReturnCode::BadUserNamePassword | ConnectReturnCode::NotAuthorized),
        ) => format!(
            "it refuses the login ({code:?}); check publish.username and publish.password_file, which is read again at every try"
        ),
        ConnectionError::ConnectionRefused(code) => format!("it refuses the connection: {code:?}"),
        other => other.to_string(),
    }
}
