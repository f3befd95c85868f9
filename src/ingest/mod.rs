//! RTSP sessions: one task a channel that pulls access units and keeps the channel's health.
//!
//! In go channel specifications (address, credential, transport); out go access units into a `Sink`, which never
//! blocks, and states into `channel::Entry`: what is wrong and what to do about it, within seconds. Sessions are set
//! up through a governor (so many at one time and a second at one host), retried after a jittered backoff, and given
//! up when no access unit comes within the stall deadline. Whatever a camera sends, the other channels go on: each has
//! a task of its own, and a panic restarts only that one.
//!
//! The way of a unit: `session` sets up and plays, by `direct` where it can, `reader` takes the units of one session,
//! `task` decides what comes after a session, `supervise` keeps one task a channel. `failure` turns errors into states
//! with a reason. `look` is one session of some seconds with a stream that is no channel.
//!
//! It never writes to a disk, never decodes, and never lets a password into a log, a reason or a URL.

mod alarm;
mod backoff;
mod breaker;
mod camera_clock;
pub mod descriptors;
mod direct;
mod failure;
mod governor;
mod login;
mod look;
mod pace;
mod patience;
mod picture;
mod reader;
mod session;
mod supervise;
mod task;
mod window;

use std::{collections::HashMap, sync::Arc};

use url::Url;

pub use camera_clock::skew_ms;
pub use failure::Failure;
pub use governor::{Applicant, Governor};
pub use look::{LookTime, Looked, look};
pub use patience::Patience;
pub use reader::{Reader, Received};
pub use session::{Playing, VideoInfo, open};
pub use supervise::Ingest;
pub use task::run_channel;

use crate::config::{self, Config, Tls, Transport, validate};
use crate::types::{AccessUnit, ChannelId, CredentialId, Secret};

/// How we present ourselves to cameras.
const USER_AGENT: &str = concat!("skyeye/", env!("CARGO_PKG_VERSION"));

/// What to pull and how.
#[derive(Debug, Clone)]
pub struct ChannelSpec {
    pub id: ChannelId,
    /// Without user and password.
    pub url: Url,
    pub credential: Option<(String, Secret)>,
    pub transport: Transport,
    /// How the certificate of an `rtsps` address is judged.
    pub tls: Tls,
    /// The channel's floor, a look in at least this time; health says where its key frames come more rarely.
    pub patrol_floor_s: u32,
}

impl ChannelSpec {
    /// The specification of a configured channel; reads the password's file. The error is a sentence for health.
    pub fn of(config: &Config, channel: &config::Channel) -> Result<Self, String> {
        Self::with(config, channel, &mut Logins::default())
    }

    /// As `of`, for many channels of one configuration: what several share is read once.
    pub fn with<'a>(config: &'a Config, channel: &'a config::Channel, logins: &mut Logins<'a>) -> Result<Self, String> {
        let url = validate::camera_address(&channel.url, config.ingest.allow_loopback)
            .map_err(|e| format!("the address {e}"))?;
        let credential = channel.credential.as_ref().map(|id| logins.of(config, id)).transpose()?;
        Ok(Self {
            id: channel.id.clone(),
            url,
            credential,
            transport: channel.transport,
            tls: channel.tls,
            patrol_floor_s: config.sample.patrol_floor_s,
        })
    }

    /// True if a session of the one serves the other as well. A floor is only spoken of: no camera is asked again for it.
    fn same(&self, other: &Self) -> bool {
        let exposed = |c: &Option<(String, Secret)>| c.as_ref().map(|(u, p)| (u.clone(), p.expose().to_owned()));
        self.id == other.id
            && self.url == other.url
            && self.transport == other.transport
            && self.tls == other.tls
            && exposed(&self.credential) == exposed(&other.credential)
    }
}

/// The credentials of one configuration as far as they were asked for.
#[derive(Default)]
pub struct Logins<'a>(HashMap<&'a CredentialId, Result<(String, Secret), String>>);

impl<'a> Logins<'a> {
    fn of(&mut self, config: &'a Config, id: &'a CredentialId) -> Result<(String, Secret), String> {
        let read = || {
            let found = config.credential.iter().find(|c| c.id == *id);
            let credential = found.ok_or_else(|| format!("no [[credential]] has the id '{id}'"))?;
            let password = credential
                .read_password()
                .map_err(|e| format!("the password of the credential '{id}' cannot be had: {e}"))?;
            Ok((credential.username.clone(), password))
        };
        self.0.entry(id).or_insert_with(read).clone()
    }
}

/// Takes what the channels give. Called on the runtime that reads the sockets: it must not block.
pub trait Sink: Send + Sync + 'static {
    /// Asked once a session: where its units go, so that nothing of the channel is looked up for every unit.
    fn session(self: Arc<Self>, channel: &ChannelId) -> Box<dyn UnitSink>;
    /// No more pictures for now: the session ended or the stall deadline passed.
    fn down(&self, channel: &ChannelId);
}

/// Takes the units of one session, thousands a second over all channels.
pub trait UnitSink: Send {
    /// One access unit, in order for its channel, beginning with a key unit.
    fn unit(&mut self, unit: AccessUnit);
}
