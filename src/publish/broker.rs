//! The embedded MQTT broker, behind a trait as thin as what the gateway needs of it: an address and an end.
//!
//! Everything of the library `mqtt5` stays in this file, in `gate` and in `retained`: it has few authors, and an external
//! broker is a configuration change away. Sessions and queues lie in `{data_dir}/broker` and come back after kill -9;
//! retained messages are in memory and published anew at the first connect. The library may hold a queued row for 250 ms
//! before it is on disk, which is why the outbox sends rows again that were acknowledged shortly before an unclean stop.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use futures_util::future::BoxFuture;
use mqtt5::broker::{
    BrokerConfig, BrokerShutdownHandle, MqttBroker, ResourceLimits, StorageConfig,
    config::{AuthConfig, RateLimitConfig},
};
use parking_lot::Mutex;
use tokio::task::JoinHandle;

use super::{
    gate::{GATEWAY, Gate},
    topic::Topics,
};
use crate::{
    config::{self, secret_file},
    types::{Clock, Secret},
};

/// Connected clients at most, from one address at most, and new connections a second.
const MAX_CLIENTS: usize = 1024;
const MAX_CLIENTS_PER_ADDRESS: usize = 512;
const MAX_NEW_PER_S: u32 = 200;
/// Largest packet either way; events and alerts are a few KiB.
pub(super) const MAX_PACKET_BYTES: usize = 1 << 20;
/// What is kept for one client that is away or slow; the oldest goes first, which only the library's log tells
/// (`telemetry::Heard` counts it).
const MAX_QUEUED_MESSAGES: usize = 20_000;
const MAX_QUEUED_BYTES: usize = 64 << 20;
const MAX_FILTERS: usize = 64;
/// A session whose client has not come back for this long is forgotten.
const SESSION_EXPIRY: Duration = Duration::from_secs(7 * 86_400);
const START_TIMEOUT: Duration = Duration::from_secs(30);

/// A running broker that the gateway owns.
pub trait Broker: Send + Sync {
    /// Where it listens; the port is the real one where 0 was configured.
    fn addr(&self) -> SocketAddr;
    /// User name and password of the gateway itself.
    fn login(&self) -> (String, Secret);
    /// Ends all connections and writes what is queued, which may take seconds. True if it ended in order; once it was
    /// asked, it says nothing more.
    fn shutdown(&self) -> BoxFuture<'_, bool>;
}

#[derive(Debug, thiserror::Error)]
pub enum BrokerError {
    #[error("publish.user: the password file {} of '{user}' cannot be used: {source}", file.display())]
    Password { user: String, file: PathBuf, source: io::Error },
    #[error("the broker's directory {} cannot be used: {source}", dir.display())]
    Directory { dir: PathBuf, source: io::Error },
    #[error("publish.listen: '{0}' is not ADDRESS:PORT; e.g. \"127.0.0.1:1883\"")]
    Address(String),
    #[error("publish.listen: the broker cannot listen on {addr}: {source}; choose a free port")]
    Bind { addr: SocketAddr, source: io::Error },
    #[error(
        "the broker does not start: {reason}. If its store in {} is damaged, move it aside; sessions of other clients are lost with it, alerts are not",
        dir.display()
    )]
    Start { dir: PathBuf, reason: String },
}

/// Opens what Home Assistant's discovery stands under to the broker's users.
#[derive(Clone)]
pub struct DiscoverySwitch(Arc<Gate>);

impl DiscoverySwitch {
    /// All below this first level may be read; `None`: nothing but the site's own topics.
    pub fn set(&self, prefix: Option<String>) {
        self.0.set_discovery(prefix);
    }
}

pub struct EmbeddedBroker {
    addr: SocketAddr,
    password: Secret,
    gate: Arc<Gate>,
    stop: BrokerShutdownHandle,
    task: Mutex<Option<JoinHandle<bool>>>,
}

impl EmbeddedBroker {
    /// Decides later what everybody may read besides the site's own topics.
    pub fn discovery(&self) -> DiscoverySwitch {
        DiscoverySwitch(self.gate.clone())
    }

    /// Starts the broker of `publish.*` and waits until it takes connections.
    pub async fn start(
        publish: &config::Publish,
        node: &config::Node,
        clock: Clock,
    ) -> Result<EmbeddedBroker, BrokerError> {
        super::tls::install();
        let addr: SocketAddr = publish.listen.parse().map_err(|_| BrokerError::Address(publish.listen.clone()))?;
        // The library only logs why it cannot listen; asking first gives the reason.
        drop(std::net::TcpListener::bind(addr).map_err(|source| BrokerError::Bind { addr, source })?);
        let dir = node.data_dir.join("broker");
        let (users, made) = {
            let (users, dir) = (publish.user.clone(), dir.clone());
            tokio::task::spawn_blocking(move || (passwords(&users), make_private(&dir)))
                .await
                .map_err(|e| BrokerError::Start { dir: node.data_dir.join("broker"), reason: e.to_string() })?
        };
        // What an earlier version or the library's last will left there; all that counts is published anew.
        if let Err(e) = tokio::fs::remove_dir_all(dir.join("retained")).await
            && e.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!("the broker's old retained messages cannot be removed: {e}");
        }
        made.map_err(|source| BrokerError::Directory { dir: dir.clone(), source })?;
        let password = secret_file::random_password();
        let users = users?.into_iter().chain([(GATEWAY.to_owned(), password.clone())]);
        let limits = publish.user.iter().filter(|u| !u.feeds.is_empty());
        let limits = limits.map(|u| (u.name.to_string(), u.feeds.clone())).collect();
        let gate = Arc::new(Gate::new(Topics::new(&node.site), clock, users, limits));

        let failed = |reason: String| BrokerError::Start { dir: dir.clone(), reason };
        let mut broker = MqttBroker::with_config(library_config(addr, &dir, gate.clone()))
            .await
            .map_err(|e| failed(e.to_string()))?
            .with_auth_provider(gate.clone());
        broker.resource_monitor().update_limits(ResourceLimits {
            max_connections: MAX_CLIENTS,
            max_connections_per_ip: MAX_CLIENTS_PER_ADDRESS,
            max_message_rate_per_client: 0,
            max_bandwidth_per_client: 0,
            max_connection_rate: MAX_NEW_PER_S,
            rate_limit_window: Duration::from_secs(1),
        });
        let storage = broker.storage().ok_or_else(|| failed("it has no store".into()))?;
        gate.attach(Arc::downgrade(&broker.router()), Arc::downgrade(&storage));
        drop(storage);
        let addr = broker.local_addr().ok_or_else(|| failed("it has no address".into()))?;
        let stop = broker.shutdown_handle();
        let mut ready = broker.ready_receiver();
        let task = tokio::spawn(async move {
            let ended = broker.run().await;
            if let Err(e) = &ended {
                tracing::error!("the embedded broker ended: {e}");
                metrics::counter!("skyeye_publish_broker_ended_total").increment(1);
            }
            ended.is_ok()
        });
        // From here on dropping it ends the task.
        let broker = Self { addr: reachable(addr), password, gate, stop, task: Mutex::new(Some(task)) };
        match tokio::time::timeout(START_TIMEOUT, ready.wait_for(|up| *up)).await {
            Ok(Ok(_)) => {}
            Ok(Err(_)) => return Err(failed("its store could not be read; see the log".into())),
            Err(_) => return Err(failed(format!("not ready after {} s", START_TIMEOUT.as_secs()))),
        }
        tracing::info!(%addr, users = publish.user.len(), "embedded broker listens");
        Ok(broker)
    }
}

impl Drop for EmbeddedBroker {
    fn drop(&mut self) {
        self.stop.shutdown();
    }
}

impl Broker for EmbeddedBroker {
    fn addr(&self) -> SocketAddr {
        self.addr
    }
    fn login(&self) -> (String, Secret) {
        (GATEWAY.to_owned(), self.password.clone())
    }
    fn shutdown(&self) -> BoxFuture<'_, bool> {
        Box::pin(async move {
            self.stop.shutdown();
            let Some(task) = self.task.lock().take() else { return false };
            task.await.unwrap_or_else(|e| {
                tracing::error!("the embedded broker's task failed: {e}");
                false
            })
        })
    }
}

/// An address to connect to, for a listener on all addresses.
fn reachable(addr: SocketAddr) -> SocketAddr {
    match addr.ip() {
        ip if !ip.is_unspecified() => addr,
        IpAddr::V4(_) => (Ipv4Addr::LOCALHOST, addr.port()).into(),
        IpAddr::V6(_) => (Ipv6Addr::LOCALHOST, addr.port()).into(),
    }
}

fn passwords(users: &[config::BrokerUser]) -> Result<Vec<(String, Secret)>, BrokerError> {
    let read = |user: &config::BrokerUser| {
        secret_file::read_or_create(&user.password_file).map(|secret| (user.name.to_string(), secret)).map_err(
            |source| BrokerError::Password { user: user.name.to_string(), file: user.password_file.clone(), source },
        )
    };
    users.iter().map(read).collect()
}

/// Queued messages are nobody's but ours.
fn make_private(dir: &std::path::Path) -> io::Result<()> {
    std::fs::create_dir_all(dir)?;
    std::fs::set_permissions(dir, std::fs::Permissions::from_mode(0o700))
}

fn library_config(addr: SocketAddr, dir: &std::path::Path, gate: Arc<Gate>) -> BrokerConfig {
    let mut config = BrokerConfig::default()
        .with_bind_address(addr)
        .with_max_clients(MAX_CLIENTS)
        .with_max_packet_size(MAX_PACKET_BYTES)
        .with_session_expiry(SESSION_EXPIRY)
        .with_max_subscriptions_per_client(MAX_FILTERS)
        .with_client_channel_capacity(1024)
        .with_sys_topics_enabled(false)
        .with_storage(
            StorageConfig::new()
                .with_base_dir(dir.to_owned())
                .with_max_queued_messages_per_client(MAX_QUEUED_MESSAGES)
                .with_max_queued_bytes_per_client(MAX_QUEUED_BYTES),
        )
        // The library checks a login of its own only until `with_auth_provider` replaces it, before it listens.
        .with_auth(AuthConfig {
            rate_limit: RateLimitConfig { enabled: false, ..RateLimitConfig::default() },
            ..AuthConfig::new().with_allow_anonymous(true)
        });
    config.shared_subscription_available = false;
    config.topic_alias_maximum = 0;
    // No limits on retained messages or on the rate: to a 3.1.1 client the library acknowledges what it then drops, and
    // only the gateway publishes anything that is retained or routed; states are bounded, and open alerts.
    config.event_handler = Some(gate);
    config
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_on_all_addresses_is_reached_on_this_machine() {
        assert_eq!(reachable("0.0.0.0:1883".parse().unwrap()).to_string(), "127.0.0.1:1883");
        assert_eq!(reachable("[::]:1883".parse().unwrap()).to_string(), "[::1]:1883");
        assert_eq!(reachable("10.0.0.5:1883".parse().unwrap()).to_string(), "10.0.0.5:1883");
    }
}
