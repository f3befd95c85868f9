//! A gateway's web stage over a real database in a directory of its own, with a small world behind its ports: alerts,
//! channels, pictures and commands kept in plain maps, so that what is asked and what is answered can be compared.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::{Body, to_bytes},
    http::{HeaderMap, Method, Request, StatusCode, header},
};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use skyeye::{
    channel::StateChange,
    config::{self, Config},
    inventory::{
        ChangeView, Done, Edit, Import, Inventory, InventoryError, Kind, Plan, Rev, Revision, Snapshot, Source, merged,
    },
    node::shifts::Shifts,
    store::{Store, users::Users},
    types::{
        AlertId, AreaId, ChannelHealth, ChannelId, ChannelState, Clock, CredentialId, EventId, Heat, Message,
        PositionId, RuleId, Scope, Secret, Severity, Traces, UserId, Wall,
        fact::RuleRef,
        handling::Handling,
        payload::{
            AlertAction, AlertPayload, AlertState, CommandPayload, HealthPayload, Media, NodePayload, NodeStatus, Order,
        },
    },
    web::{
        AppState, Ports,
        auth::{ActProof, AlertProof, Areas, EditProof, ListProof, ManageProof, MediaProof, Role, SnapshotProof},
        boxview::{BoxView, FloorsView, LateView},
        ports::{
            Act, ActError, AlertChange, AlertDetail, AlertList, AlertQuery, Alerts, Changes, ChangesError, ChannelView,
            Channels, Commands, Configuration, HandoverPlace, Kin, NodeInfo, NodeView, OutboxView, Picture, Pictures,
            Place, Places, PortError, PositionView, Reach, Rules, Shown, Snapshots,
            configuration::{Asked, Held},
            rules::{DryRun, DryRunAsk, DryRunError, Raised, TracesAsk},
        },
        router,
    },
};
use tokio::sync::broadcast;
use tower::ServiceExt;
use uuid::Uuid;

pub const JPEG: &[u8] = &[0xff, 0xd8, 0xff, 0xe0, 1, 2, 3, 0xff, 0xd9];
pub const CONFIG: &str = r#"
[node]
site = "nb"
site_name = "North <b>"
id = "n1"
time_zone = "Asia/Shanghai"
[ingest]
allow_loopback = true
[web]
listen = "127.0.0.1:0"
origins = ["https://skyeye.example"]
[[area]]
id = "city"
name = "City"
kind = "district"
[[area]]
id = "north"
name = "North"
kind = "street"
parent = "city"
[[area]]
id = "south"
name = "South"
kind = "street"
parent = "city"
[[credential]]
id = "cam"
username = "root"
password = "canary-camera-password"
[[channel]]
id = "gate"
name = "Gate <script>"
url = "rtsp://192.168.1.20/stream1"
credential = "cam"
area = "north"
[[channel]]
id = "yard"
url = "rtsp://192.168.1.21:8554/stream1"
area = "south"
[[rule]]
id = "people"
type = "presence"
channels = ["*"]
labels = ["person"]
"#;

/// What lies behind the ports.
pub struct World {
    /// The file's part.
    pub config: Config,
    /// With the inventory, as it was at the last change.
    pub running: Mutex<Arc<Config>>,
    pub stored: Mutex<Arc<Snapshot>>,
    pub inventory: Inventory,
    /// The real ones, over the gateway's database.
    pub shifts: Arc<Shifts>,
    pub feed: broadcast::Sender<Arc<Message>>,
    pub alerts: Mutex<BTreeMap<AlertId, AlertDetail>>,
    pub snapshots: Mutex<HashMap<EventId, (ChannelId, Bytes)>>,
    pub pictures: Mutex<HashMap<ChannelId, Picture>>,
    pub changes: Mutex<Vec<Message>>,
    /// Changes up to this cursor are no longer kept.
    pub kept_after: Mutex<i64>,
    pub not_ready: Mutex<Vec<String>>,
    /// Questions about rules, in words.
    pub asked: Mutex<Vec<String>>,
    /// Alerts of the last day.
    pub raised: Mutex<HashMap<(RuleId, ChannelId), u64>>,
    /// Seconds between key frames, as measured.
    pub key_intervals: Mutex<HashMap<ChannelId, f32>>,
    pub positions: Mutex<Vec<PositionView>>,
}

impl World {
    pub fn running(&self) -> Arc<Config> {
        self.running.lock().unwrap().clone()
    }

    pub fn area_of(&self, id: &ChannelId) -> Option<Vec<AreaId>> {
        let running = self.running();
        running.channel.iter().find(|c| c.id == *id).map(|c| running.area_path(c))
    }

    async fn follow(&self) -> Arc<Snapshot> {
        let snapshot = self.inventory.snapshot().await.unwrap();
        *self.running.lock().unwrap() = Arc::new(merged(self.config.clone(), &snapshot).config);
        *self.stored.lock().unwrap() = snapshot.clone();
        snapshot
    }

    /// Opens an alert with one event and its snapshot; committed and said on the feed.
    pub fn open_alert(&self, channel: &str) -> AlertPayload {
        let channel = ChannelId::new(channel).unwrap();
        let (id, event) = (AlertId(Uuid::new_v4()), EventId(Uuid::new_v4()));
        let cursor = self.changes.lock().unwrap().len() as i64 + 1;
        let seen = Wall(1_795_335_330_123);
        let alert = AlertPayload {
            schema: "skyeye.alert".into(),
            version: 1,
            id,
            order: Order { boot: Uuid::nil(), seq: cursor as u64, cursor },
            rev: 1,
            node: self.config.node.id.clone(),
            site: self.config.node.site.clone(),
            channel_name: channel.to_string(),
            area: self.area_of(&channel).unwrap(),
            channel: channel.clone(),
            kind: "presence".into(),
            state: AlertState::New,
            active: true,
            severity: Severity::High,
            rule: RuleRef { id: "people".parse().unwrap(), revision: "0123456789ab".into() },
            zone: None,
            dedupe_key: format!("{channel}/people"),
            incident: None,
            first_event: event,
            last_event: event,
            events: 1,
            opened: seen,
            updated: seen,
            owner: None,
            objects: vec![],
            media: vec![Media {
                kind: "snapshot".into(),
                content_type: "image/jpeg".into(),
                url: format!("/api/v1/events/{event}/snapshot"),
                sha256: "00".repeat(32),
                bytes: JPEG.len() as u64,
                width: 1,
                height: 1,
                seen: Some(seen),
                objects: Vec::new(),
            }],
            health: None,
            subjects: None,
            handling: Handling::default(),
            details: None,
            committed: seen,
        };
        let opened = AlertChange {
            rev: 1,
            at: seen,
            author: None,
            action: "opened".into(),
            from: None,
            to: AlertState::New,
            note: None,
        };
        let detail = AlertDetail { alert: alert.clone(), history: vec![opened], events: vec![] };
        self.alerts.lock().unwrap().insert(id, detail);
        self.snapshots.lock().unwrap().insert(event, (channel, Bytes::from_static(JPEG)));
        self.say_alert(&alert);
        alert
    }

    fn say_alert(&self, alert: &AlertPayload) {
        self.say(Message {
            topic: format!("skyeye/v1/nb/alert/{}", alert.id),
            payload: serde_json::to_vec(alert).unwrap().into(),
            retain: true,
            scope: Scope::Channel { channel: alert.channel.clone(), area: alert.area.clone() },
            cursor: Some(0),
        });
    }

    /// Commits a message and says it on the feed.
    pub fn say(&self, mut message: Message) {
        let mut changes = self.changes.lock().unwrap();
        if message.cursor.is_some() {
            message.cursor = Some(changes.len() as i64 + 1);
            changes.push(message.clone());
        }
        self.feed.send(Arc::new(message)).ok();
    }
}

impl Places for World {
    fn channel(&self, id: &ChannelId) -> Option<Vec<AreaId>> {
        self.area_of(id)
    }
    fn area(&self, id: &AreaId) -> Option<Vec<AreaId>> {
        Some(self.running().area_paths().to(id)).filter(|path| !path.is_empty())
    }
    fn users_of(&self, id: &CredentialId) -> Vec<Vec<AreaId>> {
        let running = self.running();
        let users = running.channel.iter().filter(|c| c.credential.as_ref() == Some(id));
        users.map(|c| running.area_path(c)).collect()
    }
    fn position(&self, id: &PositionId) -> Option<Reach> {
        self.shifts.reach(id)
    }
    fn handover(&self, id: i64) -> BoxFuture<'_, Result<Option<HandoverPlace>, PortError>> {
        Box::pin(self.shifts.place(id))
    }
    fn alert(&self, id: AlertId) -> BoxFuture<'_, Result<Option<Vec<AreaId>>, PortError>> {
        Box::pin(async move { Ok(self.alerts.lock().unwrap().get(&id).map(|d| d.alert.area.clone())) })
    }
    fn event(&self, id: EventId) -> BoxFuture<'_, Result<Option<Place>, PortError>> {
        Box::pin(async move {
            let channel = self.snapshots.lock().unwrap().get(&id).map(|(c, _)| c.clone());
            Ok(channel.map(|channel| Place { area: self.area_of(&channel).unwrap(), channel }))
        })
    }
}

impl Alerts for World {
    fn list<'a>(&'a self, _: &'a ListProof, q: AlertQuery) -> BoxFuture<'a, Result<AlertList, PortError>> {
        // Gives everything on purpose: the web stage must not rely on the port alone.
        Box::pin(async move {
            let alerts = self.alerts.lock().unwrap();
            let mut all: Vec<_> = alerts.values().map(|d| d.alert.clone()).collect();
            all.retain(|a| q.state.admits(a.state) && q.channel.as_ref().is_none_or(|c| *c == a.channel));
            all.retain(|a| q.before.is_none_or(|b| a.order.cursor < b));
            all.sort_by_key(|a| std::cmp::Reverse(a.order.cursor));
            let more = all.len() > q.limit;
            all.truncate(q.limit);
            let next = all.last().filter(|_| more).map(|a| a.order.cursor);
            Ok(AlertList { alerts: all, cursor: self.changes.lock().unwrap().len() as i64, next })
        })
    }
    fn members<'a>(
        &'a self,
        _: &'a ListProof,
        of: Kin,
        _before: Option<i64>,
        limit: usize,
    ) -> BoxFuture<'a, Result<AlertList, PortError>> {
        Box::pin(async move {
            let alerts = self.alerts.lock().unwrap();
            let mut all: Vec<_> = alerts.values().map(|d| d.alert.clone()).collect();
            all.retain(|a| match of {
                Kin::Incident(id) => a.incident == Some(id),
                Kin::Under(id) => a.handling.showing.row == Some(id),
            });
            all.truncate(limit);
            Ok(AlertList { alerts: all, cursor: 0, next: None })
        })
    }
    fn positions<'a>(&'a self, _: &'a ListProof) -> BoxFuture<'a, Result<Vec<PositionView>, PortError>> {
        Box::pin(async move { Ok(self.positions.lock().unwrap().clone()) })
    }
    fn get<'a>(&'a self, proof: &'a AlertProof) -> BoxFuture<'a, Result<Option<AlertDetail>, PortError>> {
        Box::pin(async move { Ok(self.alerts.lock().unwrap().get(&proof.alert()).cloned()) })
    }
    fn act<'a>(&'a self, proof: &'a ActProof, act: Act) -> BoxFuture<'a, Result<AlertPayload, ActError>> {
        Box::pin(async move {
            let alert = {
                let mut alerts = self.alerts.lock().unwrap();
                let detail = alerts.get_mut(&proof.alert()).ok_or(ActError::NotFound)?;
                let alert = &mut detail.alert;
                let others = alert.owner.as_ref().filter(|owner| *owner != proof.author());
                match act.wish.action {
                    AlertAction::Release if others.is_some() && !proof.over_others() => {
                        return Err(ActError::Forbidden("it is another's".into()));
                    }
                    AlertAction::Release => {
                        (alert.state, alert.owner) = (AlertState::New, None);
                        return Ok(alert.clone());
                    }
                    AlertAction::Note | AlertAction::Feedback | AlertAction::Priority => {
                        alert.rev += 1;
                        let (rev, at, to) = (alert.rev, alert.opened, alert.state);
                        let priced = act.wish.priority.map(|p| format!("low -> {}", p.as_str()));
                        let (author, note) = (Some(proof.author().clone()), priced.or(act.wish.note));
                        let action = act.wish.action.as_str().to_owned();
                        let alert = alert.clone();
                        detail.history.push(AlertChange { rev, at, author, action, from: Some(to), to, note });
                        return Ok(alert);
                    }
                    _ => {}
                }
                if act.rev.is_some_and(|rev| rev != alert.rev) || act.wish.action != AlertAction::Acknowledge {
                    let owner = alert.owner.as_ref().map_or("nobody", UserId::as_str);
                    let message = format!("{owner} has it");
                    return Err(ActError::Conflict { message, alert: Box::new(alert.clone()) });
                }
                alert.rev += 1;
                alert.state = AlertState::Acknowledged;
                alert.owner = Some(proof.author().clone());
                alert.clone()
            };
            self.say_alert(&alert);
            Ok(alert)
        })
    }
    fn said<'a>(&'a self, proof: &'a ActProof, rev: u64) -> BoxFuture<'a, Result<Option<String>, PortError>> {
        Box::pin(async move {
            let alerts = self.alerts.lock().unwrap();
            let line = alerts.get(&proof.alert()).and_then(|d| d.history.iter().find(|h| h.rev == rev));
            Ok(line.filter(|h| matches!(h.action.as_str(), "dispatch" | "priority")).and_then(|h| h.note.clone()))
        })
    }
    fn changes<'a>(
        &'a self,
        _: &'a ListProof,
        after: i64,
        limit: usize,
    ) -> BoxFuture<'a, Result<Changes, ChangesError>> {
        Box::pin(async move {
            if after < *self.kept_after.lock().unwrap() {
                return Err(ChangesError::Gone);
            }
            let changes = self.changes.lock().unwrap();
            let rest: Vec<_> = changes.iter().filter(|m| m.cursor.unwrap() > after).cloned().collect();
            let more = rest.len() > limit;
            let messages: Vec<_> = rest.into_iter().take(limit).collect();
            let cursor = messages.last().map_or(after, |m| m.cursor.unwrap());
            Ok(Changes { messages, cursor, more })
        })
    }
}

impl Pictures for World {
    fn latest<'a>(&'a self, proof: &'a MediaProof) -> BoxFuture<'a, Option<Picture>> {
        Box::pin(async move { self.pictures.lock().unwrap().get(proof.channel()).cloned() })
    }
}

impl Snapshots for World {
    fn read<'a>(&'a self, proof: &'a SnapshotProof, number: u8) -> BoxFuture<'a, Result<Option<Bytes>, PortError>> {
        // Each event has two.
        Box::pin(async move {
            let snapshots = self.snapshots.lock().unwrap();
            Ok(snapshots.get(&proof.event()).filter(|_| number < 2).map(|(_, jpeg)| jpeg.clone()))
        })
    }
}

impl World {
    fn view(&self, channel: &config::Channel) -> ChannelView {
        let running = self.running();
        let health = HealthPayload {
            schema: "skyeye.health".into(),
            version: 1,
            node: self.config.node.id.clone(),
            site: self.config.node.site.clone(),
            channel: channel.id.clone(),
            area: running.area_path(channel),
            at: Wall(0),
            boot: Uuid::nil(),
            uptime_ms: 0,
            health: ChannelHealth::new(ChannelState::Running, "runs", Wall(0)),
        };
        Shown::new(&running, &self.config).view(channel, health)
    }
}

impl Channels for World {
    fn list(&self, _: &ListProof) -> Vec<ChannelView> {
        self.running().channel.iter().map(|c| self.view(c)).collect()
    }
    fn get(&self, proof: &MediaProof) -> Option<ChannelView> {
        self.running().channel.iter().find(|c| c.id == *proof.channel()).map(|c| self.view(c))
    }
    fn states(&self, _: &MediaProof) -> Option<Vec<StateChange>> {
        Some(vec![StateChange { at: Wall(0), state: ChannelState::Running, reason: "runs".into() }])
    }
}

/// A real inventory; what is written is in force at once.
impl Configuration for World {
    fn in_force(&self) -> Held {
        let stored = self.stored.lock().unwrap().clone();
        Held { running: self.running(), file: Arc::new(self.config.clone()), stored }
    }
    fn newest(&self) -> BoxFuture<'_, Result<Held, InventoryError>> {
        Box::pin(async move { Ok(Held { stored: self.inventory.snapshot().await?, ..self.in_force() }) })
    }
    fn edit<'a>(&'a self, proof: &'a EditProof, asked: Asked) -> BoxFuture<'a, Result<Done, InventoryError>> {
        Box::pin(async move {
            let (author, ops) = (proof.author().to_string(), proof.ops().to_vec());
            let edit = Edit { ops, author, source: asked.source, summary: String::new(), expect: asked.expect };
            let done = self.inventory.edit(&self.config, edit).await;
            self.follow().await;
            done
        })
    }
    fn import<'a>(&'a self, _: &'a ManageProof, import: Import) -> BoxFuture<'a, Result<Plan, InventoryError>> {
        Box::pin(async move {
            let plan = self.inventory.import(&self.config, import).await;
            self.follow().await;
            plan
        })
    }
    fn revisions<'a>(
        &'a self,
        _: &'a ManageProof,
        before: Option<Rev>,
        limit: u32,
    ) -> BoxFuture<'a, Result<Vec<Revision>, InventoryError>> {
        Box::pin(self.inventory.revisions(before, limit))
    }
    fn revisions_of<'a>(
        &'a self,
        _: &'a ManageProof,
        kind: Kind,
        id: &'a str,
        before: Option<Rev>,
        limit: u32,
    ) -> BoxFuture<'a, Result<Vec<(Revision, ChangeView)>, InventoryError>> {
        Box::pin(self.inventory.revisions_of(kind, id, before, limit))
    }
    fn revision<'a>(
        &'a self,
        _: &'a ManageProof,
        rev: Rev,
    ) -> BoxFuture<'a, Result<(Revision, Vec<ChangeView>), InventoryError>> {
        Box::pin(self.inventory.revision(rev))
    }
    fn undo<'a>(
        &'a self,
        proof: &'a ManageProof,
        rev: Rev,
        source: Source,
    ) -> BoxFuture<'a, Result<Done, InventoryError>> {
        Box::pin(async move {
            let done = self.inventory.undo(&self.config, rev, proof.author().as_str(), source).await;
            self.follow().await;
            done
        })
    }
}

/// Alerts that a rule raised, and what was asked of a dry run.
impl Rules for World {
    fn traces<'a>(&'a self, proof: &'a MediaProof, ask: TracesAsk) -> BoxFuture<'a, Result<Traces, PortError>> {
        Box::pin(async move {
            self.asked.lock().unwrap().push(format!("traces {} {} {:?}", proof.channel(), ask.hours, ask.labels));
            let heat = Heat { columns: 1, rows: 1, cells: vec![0.0] };
            Ok(Traces { looks: 0, from: None, to: None, paths: Vec::new(), heat })
        })
    }
    fn dry_run<'a>(&'a self, proof: &'a ListProof, ask: DryRunAsk) -> BoxFuture<'a, Result<DryRun, DryRunError>> {
        Box::pin(async move {
            let north = proof.covers(&[AreaId::new("city").unwrap(), AreaId::new("north").unwrap()]);
            let south = proof.covers(&[AreaId::new("city").unwrap(), AreaId::new("south").unwrap()]);
            let rule = format!("{} {} {}", ask.rule.id, ask.rule.kind.as_str(), ask.rule.min_score);
            self.asked
                .lock()
                .unwrap()
                .push(format!("dry run {rule} {:?} {} north {north} south {south}", ask.channels, ask.hours));
            Ok(DryRun::default())
        })
    }
    fn key_intervals(&self) -> HashMap<ChannelId, f32> {
        self.key_intervals.lock().unwrap().clone()
    }
    fn raised(&self) -> BoxFuture<'_, Result<Arc<Raised>, PortError>> {
        Box::pin(async move { Ok(Arc::new(Raised { by: self.raised.lock().unwrap().clone() })) })
    }
}

impl NodeInfo for World {
    fn view(&self) -> BoxFuture<'_, NodeView> {
        Box::pin(async move {
            NodeView {
                node: NodePayload {
                    schema: "skyeye.node".into(),
                    version: 1,
                    node: self.config.node.id.clone(),
                    site: self.config.node.site.clone(),
                    status: NodeStatus::Online,
                    boot: Uuid::nil(),
                    program: "0".into(),
                    degraded: vec![],
                    open_alerts: None,
                },
                uptime_s: 1,
                channels: BTreeMap::from([("running".to_owned(), 2)]),
                outbox: OutboxView::default(),
                looks_per_s: 0.5,
                hooks: Vec::new(),
            }
        })
    }
    fn not_ready(&self) -> BoxFuture<'_, Vec<String>> {
        Box::pin(async move { self.not_ready.lock().unwrap().clone() })
    }
    fn overview(&self) -> Arc<BoxView> {
        let late = |channel: &str, area: &str| LateView {
            channel: ChannelId::new(channel).unwrap(),
            name: channel.into(),
            area: vec![AreaId::new("city").unwrap(), AreaId::new(area).unwrap()],
            age_s: 500.0,
            floor_s: 120.0,
            stretched_s: 240.0,
        };
        let floors =
            FloorsView { late: 2, latest: vec![late("gate", "north"), late("yard", "south")], ..FloorsView::default() };
        Arc::new(BoxView { floors, ..BoxView::default() })
    }
    fn metrics(&self) -> String {
        "skyeye_channels 2\n".into()
    }
}

impl Commands for World {
    fn run<'a>(
        &'a self,
        user: &'a UserId,
        request: &'a str,
        command: Result<(ActProof, CommandPayload), String>,
    ) -> BoxFuture<'a, Result<Option<String>, PortError>> {
        Box::pin(async move {
            let error = match command {
                Ok((proof, c)) => {
                    let act = Act { wish: skyeye::types::alert::Wish { note: c.note, ..c.action.into() }, rev: c.rev };
                    self.act(&proof, act).await.err().map(|e| e.to_string())
                }
                Err(sentence) => Some(sentence),
            };
            let result = json!({ "request": request, "ok": error.is_none(), "error": error });
            self.say(Message {
                topic: format!("skyeye/v1/nb/result/{user}/{request}"),
                payload: result.to_string().into(),
                retain: false,
                scope: Scope::User(user.clone()),
                cursor: Some(0),
            });
            Ok(None)
        })
    }
}

/// A web stage with its world.
pub struct Gateway {
    pub dir: tempfile::TempDir,
    pub world: Arc<World>,
    pub store: Store,
    pub users: Users,
    pub state: AppState,
    pub config: Config,
    pub app: Router,
}

pub const USER: &str = "alice";
pub const PASSWORD: &str = "canary-operator-password";

impl Gateway {
    /// With the login `alice`, who sees everything.
    pub async fn new() -> Gateway {
        Self::with(|_| {}).await
    }

    pub async fn empty() -> Gateway {
        Self::made(|_| {}).await
    }

    /// With `alice` and a changed configuration.
    pub async fn with(change: impl FnOnce(&mut Config)) -> Gateway {
        let gateway = Self::made(change).await;
        gateway.add_user(USER, Areas::All).await;
        gateway
    }

    async fn made(change: impl FnOnce(&mut Config)) -> Gateway {
        let dir = tempfile::tempdir().unwrap();
        let mut config = skyeye::config::parse("test.toml", CONFIG).unwrap();
        config.node.data_dir = dir.path().to_owned();
        change(&mut config);
        let clock = Clock::start();
        let store = Store::open(dir.path(), &config.store, clock).await.unwrap();
        let users = Users::new(&store);
        let running = Arc::new(config.clone());
        let shifts = Arc::new(Shifts::new(store.clone(), clock, Box::new(move || running.clone())));
        let world = Arc::new(World {
            config: config.clone(),
            running: Mutex::new(Arc::new(config.clone())),
            stored: Mutex::default(),
            inventory: Inventory::open(&config, clock).await.unwrap(),
            shifts: shifts.clone(),
            feed: broadcast::channel(4096).0,
            alerts: Mutex::default(),
            snapshots: Mutex::default(),
            pictures: Mutex::default(),
            changes: Mutex::default(),
            kept_after: Mutex::default(),
            not_ready: Mutex::default(),
            asked: Mutex::default(),
            raised: Mutex::default(),
            key_intervals: Mutex::default(),
            positions: Mutex::default(),
        });
        let ports = Ports {
            alerts: world.clone(),
            places: world.clone(),
            pictures: world.clone(),
            snapshots: world.clone(),
            channels: world.clone(),
            node: world.clone(),
            commands: world.clone(),
            discovery: Arc::new(super::discover::Desk::default()),
            configuration: world.clone(),
            rules: world.clone(),
            search: world.clone(),
            figures: shifts.clone(),
            handovers: shifts,
            feed: world.feed.clone(),
        };
        let state = AppState::new(&config, clock, users.clone(), ports).await.unwrap();
        Gateway { dir, world, store, users, app: router(state.clone()), state, config }
    }

    pub async fn add_user(&self, name: &str, areas: Areas) {
        let user = UserId::new(name).unwrap();
        self.state.auth().add_user(&user, areas, Secret::new(PASSWORD)).await.unwrap();
    }

    pub async fn add_user_as(&self, name: &str, role: Role, areas: Areas) {
        let user = UserId::new(name).unwrap();
        self.state.auth().add_user_as(&user, role, areas, Secret::new(PASSWORD)).await.unwrap();
    }

    /// Makes a token as `alice` does.
    pub async fn token(&self, name: &str, scope: &str, areas: Option<&[&str]>) -> String {
        let body = json!({ "name": name, "scope": scope, "areas": areas, "days": 1 });
        let answer = self.post(&self.alice().await, "/api/v1/tokens", body).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
        answer.json()["token"].as_str().unwrap().to_owned()
    }

    /// A request with a token instead of a session.
    pub async fn with_token(&self, token: &str, method: Method, path: &str, body: Value) -> Answer {
        let request = request(method, path)
            .header(header::AUTHORIZATION, format!("Bearer {token}"))
            .header(header::CONTENT_TYPE, "application/json");
        self.send(request.body(body.to_string().into()).unwrap()).await
    }

    pub async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.app.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, 16 << 20).await.unwrap();
        Answer { status: parts.status, headers: parts.headers, body }
    }

    /// A request without a login.
    pub async fn bare(&self, method: Method, path: &str) -> Answer {
        self.send(request(method, path).body(Body::empty()).unwrap()).await
    }

    pub async fn try_login(&self, user: &str, password: &str) -> Answer {
        let body = json!({ "user": user, "password": password }).to_string();
        let request = request(Method::POST, "/api/v1/login").header(header::CONTENT_TYPE, "application/json");
        self.send(request.body(body.into()).unwrap()).await
    }

    pub async fn login(&self, user: &str, password: &str) -> Session {
        let answer = self.try_login(user, password).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        Session::of(&answer)
    }

    pub async fn alice(&self) -> Session {
        self.login(USER, PASSWORD).await
    }

    pub async fn get(&self, session: &Session, path: &str) -> Answer {
        let request = request(Method::GET, path).header(header::COOKIE, &session.cookie);
        self.send(request.body(Body::empty()).unwrap()).await
    }

    pub async fn post(&self, session: &Session, path: &str, body: Value) -> Answer {
        self.change(session, Method::POST, path, body).await
    }

    /// A request that changes something.
    pub async fn change(&self, session: &Session, method: Method, path: &str, body: Value) -> Answer {
        let request = request(method, path)
            .header(header::COOKIE, &session.cookie)
            .header("x-csrf-token", &session.csrf)
            .header(header::CONTENT_TYPE, "application/json");
        self.send(request.body(body.to_string().into()).unwrap()).await
    }

    /// Actions on record with their objects, oldest first.
    pub async fn audited(&self) -> Vec<(String, String, String)> {
        self.state.auth().audit().flush().await;
        let mut rows = self.users.audited(1000).await.unwrap();
        rows.reverse();
        rows.into_iter().map(|r| (r.user, r.action, r.what)).collect()
    }
}

pub fn request(method: Method, path: &str) -> axum::http::request::Builder {
    Request::builder().method(method).uri(path).header(header::HOST, "gateway.test:8080")
}

#[derive(Debug, Clone)]
pub struct Session {
    /// `skyeye_session=...`
    pub cookie: String,
    pub csrf: String,
}

impl Session {
    pub fn of(answer: &Answer) -> Session {
        let set = answer.headers[header::SET_COOKIE].to_str().unwrap();
        let cookie = set.split(';').next().unwrap().to_owned();
        Session { cookie, csrf: answer.json()["csrf"].as_str().unwrap().to_owned() }
    }
}

#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {} {}", self.status, self.text()))
    }
    /// Kind of the error.
    pub fn kind(&self) -> String {
        self.json()["error"]["kind"].as_str().unwrap_or_else(|| panic!("{}", self.text())).to_owned()
    }
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |v| v.to_str().unwrap())
    }
}
