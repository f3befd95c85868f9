//! The last stage: API, login, the console's files and its live feed.
//!
//! In: HTTP requests and WebSockets; from the other stages what `ports` names, implemented by `node`. Out: JSON, pictures,
//! MQTT packets. Everything is behind a login except liveness, the login itself and the console's files; handlers get
//! media and alerts only with a proof that `auth` makes. Bounded a client: connections, feeds, bodies, tries,
//! pictures; a slow feed is told what it lost. Must never: listen beyond loopback without TLS or an explicit key, hold a
//! request of one client because of another, show a secret, or write to the store other than logins and records.

mod api;
mod assets;
pub mod auth;
pub mod boxview;
mod csv;
mod error;
mod guard;
mod mqtt;
mod openapi;
pub mod ports;
mod serve;
mod session;

use std::{path::PathBuf, sync::Arc};

use axum::{
    Extension, Router,
    extract::DefaultBodyLimit,
    http::StatusCode,
    middleware::{from_fn, from_fn_with_state},
    response::IntoResponse,
};
use tokio::sync::{Semaphore, broadcast};
use tokio_util::sync::CancellationToken;
use tower_http::compression::CompressionLayer;
use utoipa_axum::{
    router::{OpenApiRouter, UtoipaMethodRouterExt},
    routes,
};

use self::{
    auth::{Auth, AuthError, TokenError, read_or_make_token},
    error::ApiError,
    openapi::Description,
    ports::{
        Alerts, Channels, Commands, Configuration, Figures, Handovers, NodeInfo, Pictures, Places, Rules, Search,
        Snapshots, discover::Discovery,
    },
};
use crate::{
    config::Config,
    store::users::Users,
    types::{Clock, Message, NodeId, Secret, SiteId},
};

pub use serve::{Bound, bind, serve};

/// Largest body of a request.
const MAX_BODY: usize = 64 << 10;
/// Of one that names channels: a hundred thousand of them.
const MAX_BULK: usize = 8 << 20;
/// Exports of alerts at one time.
const MAX_EXPORTS: usize = 2;
/// File in the data directory where `web.metrics_token_file` names none.
pub const METRICS_TOKEN_FILE: &str = "metrics-token";

/// Why the web stage cannot start or go on.
#[derive(Debug, thiserror::Error)]
pub enum WebError {
    #[error("web.listen: '{0}' is not ADDRESS:PORT; e.g. \"127.0.0.1:8080\"")]
    Address(String),
    #[error(
        "web.listen: {0} is not a loopback address and there is no TLS; set web.tls_cert and web.tls_key, \
         or web.allow_plain = true where a proxy encrypts"
    )]
    Plain(std::net::SocketAddr),
    #[error(
        "web.listen: cannot listen on {address}: {source}; another process has the port, or the address is not ours"
    )]
    Listen { address: std::net::SocketAddr, source: std::io::Error },
    #[error("web.tls_cert and web.tls_key: {0}")]
    Tls(std::io::Error),
    #[error("the web server ended: {0}")]
    Serve(std::io::Error),
    #[error(transparent)]
    Token(#[from] TokenError),
    #[error(transparent)]
    Auth(#[from] AuthError),
}

/// What the other stages give.
pub struct Ports {
    pub alerts: Arc<dyn Alerts>,
    pub places: Arc<dyn Places>,
    pub pictures: Arc<dyn Pictures>,
    pub snapshots: Arc<dyn Snapshots>,
    pub channels: Arc<dyn Channels>,
    pub node: Arc<dyn NodeInfo>,
    pub commands: Arc<dyn Commands>,
    pub discovery: Arc<dyn Discovery>,
    pub configuration: Arc<dyn Configuration>,
    pub rules: Arc<dyn Rules>,
    pub search: Arc<dyn Search>,
    pub figures: Arc<dyn Figures>,
    pub handovers: Arc<dyn Handovers>,
    /// Facts after their commit and states when they change; every feed subscribes to it.
    pub feed: broadcast::Sender<Arc<Message>>,
}

/// What a session is told about where it is.
#[derive(Debug, Clone)]
pub struct SiteInfo {
    pub site: SiteId,
    pub site_name: String,
    pub node: NodeId,
    pub version: &'static str,
    pub time_zone: String,
}

struct Inner {
    site: SiteInfo,
    tls: bool,
    origins: Vec<String>,
    metrics_token: Secret,
    auth: Auth,
    ports: Ports,
    /// An import holds its file in memory: one at a time.
    imports: Arc<Semaphore>,
    /// An export reads page after page for as long as its client takes them: few at a time.
    exports: Arc<Semaphore>,
    maps: api::map::Maps,
    closing: CancellationToken,
}

/// Everything that handlers use. Cheap to clone.
#[derive(Clone)]
pub struct AppState {
    inner: Arc<Inner>,
}

impl AppState {
    /// Reads or makes the token for `/metrics`; must be called on a tokio runtime.
    pub async fn new(config: &Config, clock: Clock, users: Users, ports: Ports) -> Result<AppState, WebError> {
        let web = &config.web;
        let data_dir: PathBuf = config.node.data_dir.clone();
        let token = web.metrics_token_file.clone().unwrap_or_else(|| data_dir.join(METRICS_TOKEN_FILE));
        let auth = Auth::new(users, clock, web.session_idle_h, data_dir, Arc::clone(&ports.places)).await?;
        Ok(Self {
            inner: Arc::new(Inner {
                site: SiteInfo {
                    site: config.node.site.clone(),
                    site_name: config.node.site_name.clone(),
                    node: config.node.id.clone(),
                    version: env!("CARGO_PKG_VERSION"),
                    time_zone: config.node.time_zone.clone(),
                },
                tls: web.tls_cert.is_some() && web.tls_key.is_some(),
                origins: web.origins.iter().map(|o| o.trim_end_matches('/').to_ascii_lowercase()).collect(),
                metrics_token: read_or_make_token(&token)?,
                auth,
                ports,
                imports: Arc::new(Semaphore::new(1)),
                exports: Arc::new(Semaphore::new(MAX_EXPORTS)),
                maps: api::map::Maps::new(&config.map),
                closing: CancellationToken::new(),
            }),
        })
    }

    /// Logins: first password, reset, adding users.
    pub fn auth(&self) -> &Auth {
        &self.inner.auth
    }
    fn ports(&self) -> &Ports {
        &self.inner.ports
    }
    fn imports(&self) -> Arc<Semaphore> {
        Arc::clone(&self.inner.imports)
    }
    fn exports(&self) -> Arc<Semaphore> {
        Arc::clone(&self.inner.exports)
    }
    fn maps(&self) -> &api::map::Maps {
        &self.inner.maps
    }
    fn site(&self) -> &SiteInfo {
        &self.inner.site
    }
    fn tls(&self) -> bool {
        self.inner.tls
    }
    fn metrics_token(&self) -> &Secret {
        &self.inner.metrics_token
    }
    fn is_configured_origin(&self, origin: &str) -> bool {
        self.inner.origins.iter().any(|o| o == origin)
    }
    fn closing(&self) -> &CancellationToken {
        &self.inner.closing
    }
}

/// Routes by the door that they stand behind.
struct Routes {
    /// Without a login.
    open: OpenApiRouter<AppState>,
    /// With a login or the token for machines.
    machine: OpenApiRouter<AppState>,
    /// With any login, also one that must set a new password.
    entered: OpenApiRouter<AppState>,
    /// With a login that need not be one to see anything: each handler asks for its right.
    acting: OpenApiRouter<AppState>,
    /// With a login that may see.
    full: OpenApiRouter<AppState>,
}

fn all_routes() -> Routes {
    Routes {
        open: OpenApiRouter::new().routes(routes!(api::login::login)).routes(routes!(api::node::healthz)),
        machine: OpenApiRouter::new().routes(routes!(api::node::readyz)).routes(routes!(api::node::metrics)),
        entered: OpenApiRouter::new()
            .routes(routes!(api::login::session))
            .routes(routes!(api::login::password))
            .routes(routes!(api::login::logout)),
        acting: OpenApiRouter::new().routes(routes!(api::alerts::act)),
        full: OpenApiRouter::new()
            .routes(routes!(api::alerts::list))
            .routes(routes!(api::search::search))
            .routes(routes!(api::search::summary))
            .routes(routes!(api::alertsfile::export))
            .routes(routes!(api::alerts::get))
            .routes(routes!(api::alerts::snapshot))
            .routes(routes!(api::alerts::event_picture))
            .routes(routes!(api::alerts::changes))
            .routes(routes!(api::numbers::numbers))
            .routes(routes!(api::numbers::positions))
            .routes(routes!(api::handover::list, api::handover::write))
            .routes(routes!(api::handover::now))
            .routes(routes!(api::handover::get))
            .routes(routes!(api::handover::accept))
            .routes(routes!(api::handover::withdraw))
            .routes(routes!(api::positions::list))
            .routes(routes!(api::procedures::list))
            .routes(routes!(api::channels::list, api::channel_edit::add))
            .routes(routes!(api::channels::get, api::channel_edit::change, api::channel_edit::remove))
            .routes(routes!(api::channel_edit::bulk).layer(DefaultBodyLimit::max(MAX_BULK)))
            .routes(routes!(api::channels::picture))
            .routes(routes!(api::discover::brand_list))
            .routes(routes!(api::discover::probe))
            .routes(routes!(api::discover::probed))
            .routes(routes!(api::discover::picture))
            .routes(routes!(api::discover::discover))
            .routes(routes!(api::discover::discovered))
            .routes(routes!(api::channels::states))
            .routes(routes!(api::areas::list, api::areas::add))
            .routes(routes!(api::areas::change, api::areas::remove))
            .routes(routes!(api::map::get))
            .routes(routes!(api::map::tile))
            .routes(routes!(api::map::plan))
            .routes(routes!(api::credentials::list))
            .routes(routes!(api::credentials::put, api::credentials::remove))
            .routes(routes!(api::rules::traces))
            .routes(routes!(api::rules::list, api::rules::add))
            .routes(routes!(api::rules::dry_run))
            .routes(routes!(api::rules::arm))
            .routes(routes!(api::rules::get, api::rules::change, api::rules::remove))
            .routes(routes!(api::timetables::list, api::timetables::add))
            .routes(routes!(api::timetables::change, api::timetables::remove))
            .routes(routes!(api::inventory::import))
            .routes(routes!(api::inventory::export_file))
            .routes(routes!(api::history::list))
            .routes(routes!(api::history::get))
            .routes(routes!(api::history::undo))
            .routes(routes!(api::users::list, api::users::add))
            .routes(routes!(api::users::change, api::users::remove))
            .routes(routes!(api::users::reset))
            .routes(routes!(api::users::sessions, api::users::end_sessions))
            .routes(routes!(api::users::end_session))
            .routes(routes!(api::tokens::list, api::tokens::make))
            .routes(routes!(api::tokens::revoke))
            .routes(routes!(api::audit::list))
            .routes(routes!(api::audit::export))
            .routes(routes!(api::node::node))
            .routes(routes!(api::node::overview))
            .routes(routes!(openapi::document))
            .routes(routes!(mqtt::upgrade)),
    }
}

/// The OpenAPI document of all routes.
pub fn openapi_document() -> serde_json::Value {
    let Routes { open, machine, entered, acting, full } = all_routes();
    openapi::complete(&open.merge(machine).merge(entered).merge(acting).merge(full).into_openapi())
}

/// The whole web stage as one service; `serve` puts it on a socket.
pub fn router(state: AppState) -> Router {
    let Routes { open, machine, entered, acting, full } = all_routes();
    let routes = open
        .merge(machine.route_layer(from_fn_with_state(state.clone(), session::login_or_token)))
        .merge(entered.route_layer(from_fn_with_state(state.clone(), session::any_login)))
        .merge(acting.route_layer(from_fn_with_state(state.clone(), session::acting_login)))
        .merge(full.route_layer(from_fn_with_state(state.clone(), session::full_login)));
    let (router, openapi) = routes.split_for_parts();
    router
        .fallback(assets::fallback)
        .method_not_allowed_fallback(async || {
            ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "method", "the route does not know this method")
                .into_response()
        })
        .layer(Extension(Description::new(&openapi::complete(&openapi))))
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(CompressionLayer::new())
        .layer(from_fn(serve::count))
        .layer(from_fn_with_state(state.clone(), guard::envelope))
        .with_state(state)
}
