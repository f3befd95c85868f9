//! Looking for devices and probing them before they are channels: what is asked, and the port to those who do it.
//!
//! A search or probe is a job: started, watched by its id, and gone some minutes after its end. Only who started it
//! sees it. Passwords go down and never come back.

use bytes::Bytes;
use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::super::auth::DiscoveryProof;
use crate::{
    config::Transport,
    discover::{DiscoverView, ProbeView},
    types::{CredentialId, Secret},
};

/// What to probe: the address of a stream, or a host.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ProbeRequest {
    /// `rtsp://host[:port]/path` without user and password. Without it, `host` is needed.
    pub url: Option<String>,
    /// Name or address of a device.
    pub host: Option<String>,
    /// Port of its ONVIF service; of RTSP where a brand alone serves. The usual ones if not given.
    pub port: Option<u16>,
    /// Whether to ask by ONVIF; if not given: unless a brand is.
    pub onvif: Option<bool>,
    /// Id of a brand, whose paths serve where ONVIF does not.
    pub brand: Option<String>,
    /// Channel of a recorder, from 1.
    pub channel_no: Option<u32>,
    pub username: Option<String>,
    #[schemars(with = "Option<String>")]
    pub password: Option<Secret>,
    /// Id of a configured credential, instead of user name and password.
    pub credential: Option<CredentialId>,
    pub transport: Option<Transport>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum DiscoverKind {
    /// WS-Discovery by multicast into the gateway's own networks.
    Ws,
    /// The addresses of a list, one by one.
    List,
}

/// Where to look for devices.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DiscoverRequest {
    pub kind: DiscoverKind,
    /// With `list`: `10.1.0.0/24, 10.2.0.5-9`; at most 4096 addresses.
    pub addresses: Option<String>,
    /// With `list`: ports that are tried besides the usual ones; at most 8.
    #[serde(default)]
    pub ports: Vec<u16>,
    /// With `ws`: the gateway's own address in the network to ask; all of them if not given.
    #[schemars(with = "Option<String>")]
    pub interface: Option<std::net::Ipv4Addr>,
    pub username: Option<String>,
    #[schemars(with = "Option<String>")]
    pub password: Option<Secret>,
    /// Id of a configured credential, instead of user name and password.
    pub credential: Option<CredentialId>,
}

/// A job that was started.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Started {
    pub id: Uuid,
}

/// Why a job was not started.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StartError {
    #[error("{0}")]
    Invalid(String),
    /// As many run as may.
    #[error("{0}")]
    Busy(String),
}

/// Devices that are no channels yet.
pub trait Discovery: Send + Sync {
    fn probe<'a>(
        &'a self,
        proof: &'a DiscoveryProof,
        request: ProbeRequest,
    ) -> BoxFuture<'a, Result<Started, StartError>>;
    /// `None`: no such job of this user.
    fn probed(&self, proof: &DiscoveryProof, id: Uuid) -> Option<ProbeView>;
    /// JPEG of the stream at this index of the view.
    fn picture(&self, proof: &DiscoveryProof, id: Uuid, stream: usize) -> Option<Bytes>;
    fn discover<'a>(
        &'a self,
        proof: &'a DiscoveryProof,
        request: DiscoverRequest,
    ) -> BoxFuture<'a, Result<Started, StartError>>;
    fn discovered(&self, proof: &DiscoveryProof, id: Uuid) -> Option<DiscoverView>;
}
