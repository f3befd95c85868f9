//! Where the broker is, and how this node introduces itself there.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use rumqttc::{AsyncClient, EventLoop, LastWill, MqttOptions, QoS, TlsConfiguration, Transport};
use tokio::{task::JoinHandle, time::timeout};
use url::Url;
use uuid::Uuid;

use super::{
    broker::{Broker, MAX_PACKET_BYTES},
    tls,
    topic::Topics,
    wire::{PACKET_IDS, REQUESTS},
};
use crate::{
    config::{self, BrokerKind, secret_file},
    types::{
        Clock, NodeId, Secret, SiteId,
        payload::{NodePayload, NodeStatus},
    },
};

/// A connection must stand within this time.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// So must the password be read: a disk that does not answer must not hold up the connection.
const READ_TIMEOUT: Duration = Duration::from_secs(5);
/// A read of the password that has not ended; on a disk that hangs it keeps its thread.
pub(super) type Reading = JoinHandle<std::io::Result<Secret>>;
/// Longer client ids are refused by some brokers.
const MAX_CLIENT_ID: usize = 120;

#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    #[error("publish.url: '{0}' is not an address such as \"mqtt://10.0.0.5:1883\" or \"mqtts://broker.example\"")]
    Address(String),
    #[error("publish.password_file {file} cannot be read: {source}")]
    Password { file: String, source: std::io::Error },
    #[error("publish.url: mqtts:// needs trusted certificates: {0}")]
    Roots(std::io::Error),
    #[error("publish.broker = \"embedded\", but no embedded broker was started")]
    NoBroker,
}

/// Everything that `Publisher` needs to know.
#[derive(Clone)]
pub struct PublishOptions {
    pub site: SiteId,
    pub node: NodeId,
    /// This start of the node.
    pub boot: Uuid,
    /// Program version.
    pub program: String,
    pub clock: Clock,
    pub keepalive: Duration,
    /// A broker that ends with this process keeps no retained message: the first connect publishes all open alerts.
    pub(super) embedded: bool,
    pub(super) host: String,
    pub(super) port: u16,
    /// Trusted roots, PEM, where TLS is spoken.
    pub(super) roots: Option<Vec<u8>>,
    pub(super) username: String,
    pub(super) password: Secret,
    /// Where an external broker's password stands; it may be another one by the next connect.
    password_file: Option<PathBuf>,
}

impl PublishOptions {
    /// From the configuration; `broker` is the embedded one where that is configured. Reads small files.
    pub fn from_config(
        publish: &config::Publish,
        node: &config::Node,
        boot: Uuid,
        program: &str,
        clock: Clock,
        broker: Option<&dyn Broker>,
    ) -> Result<Self, PublishError> {
        let mut options = Self {
            site: node.site.clone(),
            node: node.id.clone(),
            boot,
            program: program.to_owned(),
            clock,
            keepalive: Duration::from_secs(u64::from(publish.keepalive_s.max(5))),
            embedded: publish.broker == BrokerKind::Embedded,
            host: String::new(),
            port: 1883,
            roots: None,
            username: publish.username.clone(),
            password: Secret::default(),
            password_file: None,
        };
        match publish.broker {
            BrokerKind::Embedded => {
                let broker = broker.ok_or(PublishError::NoBroker)?;
                let addr = broker.addr();
                options.host = if addr.is_ipv6() { format!("[{}]", addr.ip()) } else { addr.ip().to_string() };
                options.port = addr.port();
                (options.username, options.password) = broker.login();
            }
            BrokerKind::External => options.external(&publish.url, publish.password_file.as_deref())?,
        }
        Ok(options)
    }

    fn external(&mut self, address: &str, password_file: Option<&Path>) -> Result<(), PublishError> {
        let wrong = || PublishError::Address(address.chars().take(200).collect());
        let url = Url::parse(address).map_err(|_| wrong())?;
        self.host = url.host_str().filter(|h| !h.is_empty()).ok_or_else(wrong)?.to_owned();
        let default_port = match url.scheme() {
            "mqtt" => 1883,
            "mqtts" => {
                tls::install();
                self.roots = Some(tls::trusted_roots().map_err(PublishError::Roots)?);
                8883
            }
            _ => return Err(wrong()),
        };
        self.port = url.port().unwrap_or(default_port);
        if let Some(file) = password_file {
            self.password = secret_file::read(file)
                .map_err(|source| PublishError::Password { file: file.display().to_string(), source })?;
            self.password_file = Some(file.to_owned());
        }
        Ok(())
    }

    /// Reads the external broker's password again. Where that cannot be done, the one from before is tried. No read begins
    /// beside one that is under way.
    pub(super) async fn read_password(&mut self, reading: &mut Option<Reading>) {
        let Some(file) = self.password_file.clone() else { return };
        let name = file.display().to_string();
        let read = reading.get_or_insert_with(|| tokio::task::spawn_blocking(move || secret_file::read(&file)));
        let read = timeout(READ_TIMEOUT, read).await;
        if read.is_ok() {
            *reading = None;
        }
        match read {
            Ok(Ok(Ok(password))) => self.password = password,
            Ok(Ok(Err(e))) => tracing::warn!("{name} cannot be read, the broker's password from before is tried: {e}"),
            Ok(Err(_)) | Err(_) => {
                tracing::warn!("{name} is not read in time, the broker's password from before is tried");
            }
        }
    }

    pub(super) fn topics(&self) -> Topics {
        Topics::new(&self.site)
    }

    pub(super) fn payload(&self, status: NodeStatus, degraded: Vec<String>, open_alerts: Option<u32>) -> Vec<u8> {
        let payload = NodePayload {
            schema: "skyeye.node".into(),
            version: 1,
            node: self.node.clone(),
            site: self.site.clone(),
            status,
            boot: self.boot,
            program: self.program.clone(),
            degraded,
            open_alerts,
        };
        serde_json::to_vec(&payload).unwrap_or_default()
    }

    /// Always the same for a node, so that the broker keeps what came for it while it was away.
    pub(super) fn client_id(&self) -> String {
        let id = format!("skyeye-{}-{}", self.site, self.node);
        if id.len() <= MAX_CLIENT_ID {
            return id;
        }
        use sha2::Digest;
        format!("skyeye-{}", hex::encode(&sha2::Sha256::digest(id.as_bytes())[..16]))
    }

    /// A client that has not connected yet. Never used twice: the library would send again what it kept.
    pub(super) fn client(&self) -> (AsyncClient, EventLoop) {
        let mut options = MqttOptions::new(self.client_id(), self.host.clone(), self.port);
        options
            .set_clean_session(false)
            .set_keep_alive(self.keepalive)
            .set_max_packet_size(MAX_PACKET_BYTES, MAX_PACKET_BYTES)
            .set_inflight(PACKET_IDS)
            .set_manual_acks(true)
            .set_last_will(LastWill::new(
                self.topics().status(&self.node),
                self.payload(NodeStatus::Offline, Vec::new(), None),
                QoS::AtLeastOnce,
                true,
            ));
        if !self.username.is_empty() {
            options.set_credentials(self.username.clone(), self.password.expose());
        }
        if let Some(ca) = &self.roots {
            options.set_transport(Transport::Tls(TlsConfiguration::Simple {
                ca: ca.clone(),
                alpn: None,
                client_auth: None,
            }));
        }
        let (client, mut events) = AsyncClient::new(options, REQUESTS);
        events.network_options.set_connection_timeout(CONNECT_TIMEOUT.as_secs()).set_tcp_nodelay(true);
        (client, events)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Node, Publish};

    #[tokio::test(start_paused = true)]
    async fn a_read_that_hangs_stays_the_only_one() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("password");
        let write = |text: &str| std::fs::write(&file, text).unwrap();
        write("one");
        let publish = Publish {
            broker: BrokerKind::External,
            url: "mqtt://10.0.0.5:1883".into(),
            password_file: Some(file.clone()),
            ..Publish::default()
        };
        let node = Node::default();
        let made = PublishOptions::from_config(&publish, &node, Uuid::nil(), "test", Clock::start(), None);
        let mut options = made.unwrap();
        write("two");
        let hangs: Reading = tokio::spawn(std::future::pending());
        let (id, mut reading) = (hangs.id(), Some(hangs));
        for _ in 0..3 {
            options.read_password(&mut reading).await;
            assert_eq!(reading.as_ref().map(JoinHandle::id), Some(id));
            assert_eq!(options.password.expose(), "one");
        }
        reading.take().unwrap().abort();
        tokio::time::resume();
        options.read_password(&mut reading).await;
        assert!(reading.is_none() && options.password.expose() == "two");
    }
}
