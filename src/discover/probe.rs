//! From a host or an address of a stream to a picture, step by step: who is it, which streams has it, what does each
//! really send, how does it look.
//!
//! The way: an address of a stream is looked at as it is. A host is asked by ONVIF, unless a brand is given, whose
//! paths then serve; a device that tells its maker but not its streams gets the paths of that maker's. Of a recorder one
//! channel is looked at, and only then the others are listed: a question a stream takes a large one minutes. Every step is told while the work goes on, and what is missing ends in
//! a sentence with advice. Nothing is saved; no password leaves this module in any text.

mod view;

use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use url::Url;

pub use self::view::{DeviceView, ProbeView, Step, StreamView};
use self::view::{codec_of, kind_of, stream};
use super::{
    Login,
    address::Host,
    brands::{self, Brand},
    onvif::{DEVICE_PATH, Device, DeviceInfo, Media, OnvifError, Profile, main_and_sub},
    scan::ONVIF_PORTS,
    shown,
};
use crate::{
    config::{StreamKind, Transport, validate},
    types::{Clock, Codec},
};

/// One question to a device; slow recorders take some seconds for their profiles.
const ANSWER: Duration = Duration::from_secs(8);
/// A whole probe.
pub const WHOLE: Duration = Duration::from_secs(120);
/// Streams of one channel that are looked at: each is a session at the camera.
const MAX_LOOKS: usize = 3;
/// A clock that is further off is worth a word; see the channel's condition `clock_skew`.
const SKEW_MS: u64 = 2000;
/// Key frames that come more rarely make looks rarer.
const KEY_INTERVAL_S: f32 = 5.0;

/// Looks at streams: sessions and decoders are given from above.
pub trait Streams: Send + Sync {
    /// Looks for some seconds; bounded in time.
    fn look(&self, ask: StreamAsk) -> BoxFuture<'_, StreamSeen>;
}

#[derive(Debug, Clone)]
pub struct StreamAsk {
    /// Without user and password.
    pub url: Url,
    pub login: Option<Login>,
    pub transport: Transport,
}

/// What a stream really sends.
#[derive(Debug, Clone, Default)]
pub struct StreamSeen {
    pub codec: Option<Codec>,
    pub width: u32,
    pub height: u32,
    pub fps: f32,
    pub kbit_s: f32,
    pub key_interval_s: Option<f32>,
    pub clock_skew_ms: Option<i64>,
    /// Why there is no picture; what happened and what to do.
    pub error: Option<String>,
    /// A decoded key frame.
    pub jpeg: Option<Bytes>,
}

/// What to probe.
#[derive(Debug, Clone)]
pub enum Target {
    /// The address of a stream, checked by `validate::camera_address`.
    Url(Url),
    Host {
        name: String,
        /// Of ONVIF, or of RTSP where a brand alone serves; 0: the usual ones.
        port: u16,
        /// Whether to ask by ONVIF; where not said: if no brand is given.
        onvif: Option<bool>,
        brand: Option<&'static Brand>,
        /// Channel of a recorder, from 1.
        channel: u32,
    },
}

#[derive(Debug, Clone)]
pub struct ProbeAsk {
    pub target: Target,
    pub login: Option<Login>,
    pub transport: Transport,
    pub allow_loopback: bool,
}

/// One probe, shared between the task that does it and those who watch.
#[derive(Debug, Default)]
pub struct ProbeRun {
    view: Mutex<ProbeView>,
    pictures: Mutex<Vec<Option<Bytes>>>,
}

/// What a device has beside the channel that is looked at.
struct Others {
    device: Device,
    media: Media,
    profiles: Vec<Profile>,
    /// Index of the channel that is looked at.
    but: usize,
}

/// Why a probe ends without a picture.
struct Dead {
    why: String,
    advice: Option<String>,
    /// No other way leads to it either.
    last: bool,
}

impl Dead {
    fn new(why: impl Into<String>, advice: &str) -> Self {
        Self { why: why.into(), advice: Some(advice.into()), last: false }
    }
}

impl From<String> for Dead {
    fn from(why: String) -> Self {
        Self { why, advice: None, last: true }
    }
}

impl ProbeRun {
    pub fn view(&self) -> ProbeView {
        self.view.lock().clone()
    }

    /// JPEG of the stream at this index of the view.
    pub fn picture(&self, stream: usize) -> Option<Bytes> {
        self.pictures.lock().get(stream)?.clone()
    }

    /// Probes to the end.
    pub async fn run(&self, ask: ProbeAsk, streams: &dyn Streams, clock: Clock) {
        let ended = tokio::time::timeout(WHOLE, self.steps(&ask, streams, clock)).await;
        let mut view = self.view.lock();
        match ended {
            Ok(Ok(())) => {}
            Ok(Err(dead)) => (view.error, view.advice) = (Some(dead.why), dead.advice.or(view.advice.take())),
            // What was looked for is there.
            Err(_) if view.picture => {
                view.steps.push(Step { text: "the other channels are not all listed: it took too long".into() })
            }
            Err(_) => {
                view.error = Some(format!("it took over {} s; try again with one stream's address", WHOLE.as_secs()))
            }
        }
        view.step.clear();
        view.done = true;
    }

    fn say(&self, text: impl Into<String>) {
        let text = text.into();
        let mut view = self.view.lock();
        view.step.clone_from(&text);
        view.steps.push(Step { text });
    }

    async fn steps(&self, ask: &ProbeAsk, streams: &dyn Streams, clock: Clock) -> Result<(), Dead> {
        let mut rest = None;
        let channel = match &ask.target {
            Target::Url(url) => {
                let kind = kind_of(url);
                self.add(stream("", kind, url.as_str(), 1));
                1
            }
            Target::Host { name, port, onvif, brand, channel } => {
                let host = Host::resolve(name, ask.allow_loopback).await.map_err(|e| format!("the host {e}"))?;
                let by_onvif = onvif.unwrap_or(brand.is_none());
                let mut refused = None;
                if by_onvif {
                    match self.ask_device(&host, *port, *channel, ask, clock).await {
                        Ok(others) => rest = Some(others),
                        Err(dead) if dead.last => return Err(dead),
                        Err(dead) => refused = Some(dead),
                    }
                }
                if self.view.lock().streams.is_empty() {
                    let maker = self.view.lock().device.as_ref().and_then(|d| brands::find(&d.info.manufacturer));
                    match (brand.or(maker), refused) {
                        (Some(brand), why) => {
                            if let Some(dead) = why {
                                self.say(format!("ONVIF: {}", dead.why));
                            }
                            // A port that was given for ONVIF is none for RTSP.
                            let port = if by_onvif { 0 } else { *port };
                            self.by_brand(brand, &host, port, *channel);
                        }
                        (None, Some(dead)) => return Err(dead),
                        (None, None) => return Err(Dead::new("there is no ONVIF and no brand", NO_WAY)),
                    }
                }
                *channel
            }
        };
        self.look(ask, streams, channel).await;
        // Why there is no picture is the answer, and no list of the others may take its place.
        self.conclude()?;
        if let Some(rest) = rest {
            self.list(&rest).await;
        }
        Ok(())
    }

    fn add(&self, stream: StreamView) {
        self.view.lock().streams.push(stream);
        self.pictures.lock().push(None);
    }

    fn by_brand(&self, brand: &Brand, host: &Host, port: u16, channel: u32) {
        self.say(format!("takes the paths of {}", brand.name));
        for kind in [StreamKind::Main, StreamKind::Sub] {
            if let Some(url) = brand.url(host, port, channel, kind) {
                self.add(stream(if kind == StreamKind::Main { "main" } else { "sub" }, kind, url.as_str(), channel));
            }
        }
        let mut view = self.view.lock();
        view.advice = Some(brand.note.clone());
    }

    /// Asks a device by ONVIF for its identity and streams.
    async fn ask_device(
        &self,
        host: &Host,
        port: u16,
        channel: u32,
        ask: &ProbeAsk,
        clock: Clock,
    ) -> Result<Others, Dead> {
        let device = self.open(host, port, ask, clock).await?;
        let skew = device.skew_ms;
        self.view.lock().device = Some(DeviceView { info: DeviceInfo::default(), clock_skew_ms: skew });
        self.say("asks who made it");
        let login = |e: OnvifError| Dead::new(format!("the device {e}"), ONVIF_LOGIN);
        match device.information().await {
            Ok(info) => {
                self.view.lock().device = Some(DeviceView { info: info.clone(), clock_skew_ms: skew });
                self.say(format!("is a {} {}, firmware {}", info.manufacturer, info.model, info.firmware));
            }
            Err(e @ (OnvifError::LoginNeeded | OnvifError::LoginRefused | OnvifError::Locked)) => return Err(login(e)),
            Err(e) => self.say(format!("{e}")),
        }
        self.say("asks for its profiles");
        let media = device.media().await.map_err(login)?;
        if let Some(named) = &media.named {
            self.say(format!("names {named} as its own address, as behind address translation; the one asked is used"));
        }
        let profiles = device.profiles(&media).await.map_err(login)?;
        let channels = main_and_sub(&profiles);
        let index = (channel.max(1) as usize) - 1;
        let Some(chosen) = channels.get(index) else {
            let why = match channels.len() {
                0 => "the device has ONVIF but no profile with video".to_owned(),
                n => format!(
                    "the device has {n} channel{}; there is no channel {channel}",
                    if n == 1 { "" } else { "s" }
                ),
            };
            return Err(why.into());
        };
        self.say(format!(
            "has {} profile{} with video on {} channel{}",
            profiles.len(),
            plural(profiles.len()),
            channels.len(),
            plural(channels.len())
        ));
        self.streams_of(&device, &media, chosen, channel.max(1)).await;
        if let Some(profile) = chosen.first() {
            match device.snapshot_uri(&media, &profile.token).await {
                Ok(at) if !validate::holds_password(&at.url) => self.view.lock().snapshot_url = Some(at.url.into()),
                Ok(_) => self.say("gives a snapshot address with a password in it, which is not kept"),
                Err(e) => self.say(format!("snapshot: {e}")),
            }
        }
        Ok(Others { device, media, profiles, but: index })
    }

    /// Lists the channels that are not looked at.
    async fn list(&self, others: &Others) {
        let Others { device, media, profiles, but } = others;
        for (n, channel) in main_and_sub(profiles).iter().enumerate().filter(|(n, _)| n != but) {
            self.streams_of(device, media, channel, n as u32 + 1).await;
        }
    }

    async fn open(&self, host: &Host, port: u16, ask: &ProbeAsk, clock: Clock) -> Result<Device, Dead> {
        let ports = if port == 0 { &ONVIF_PORTS[..] } else { &[port][..] };
        let mut why = None;
        for port in ports {
            self.say(format!("asks {} at port {port} for ONVIF", host.name));
            match Device::open(host.clone(), *port, DEVICE_PATH, ask.login.clone(), clock, ANSWER).await {
                Ok(device) => return Ok(device),
                // A service that is no ONVIF says more than a closed port.
                Err(e @ OnvifError::Http(_)) => why = why.or(Some(e)),
                Err(e) => why = Some(e),
            }
        }
        let why = why.map_or_else(|| "has no port to ask".to_owned(), |e| e.to_string());
        Err(Dead::new(format!("the device {why}"), NO_WAY))
    }

    async fn streams_of(&self, device: &Device, media: &Media, profiles: &[&Profile], channel: u32) {
        for (n, profile) in profiles.iter().enumerate() {
            let kind = if n == 0 { StreamKind::Main } else { StreamKind::Sub };
            let name = if profile.name.is_empty() { shown(&profile.token, 64) } else { profile.name.clone() };
            let mut view = StreamView {
                codec: codec_of(&profile.encoding),
                width: profile.width,
                height: profile.height,
                fps: profile.fps,
                kbit_s: profile.kbit_s,
                ..stream(&name, kind, "", channel)
            };
            match device.stream_uri(media, &profile.token).await {
                Ok(at) if validate::holds_password(&at.url) => {
                    view.error = Some("its address carries a password, which is not kept; enter one without".into());
                }
                Ok(at) => {
                    if let Some(named) = at.named.filter(|_| n == 0 && media.named.is_none()) {
                        self.say(format!("names {named} in the address of its stream; the one asked is used"));
                    }
                    if at.stripped && n == 0 {
                        self.say("writes a login into the address of its stream; it is left out");
                    }
                    view.url = at.url.into();
                }
                Err(e) => view.error = Some(e.to_string()),
            }
            self.add(view);
        }
    }

    /// Looks at the streams of one channel, one after the other: some recorders allow few sessions.
    async fn look(&self, ask: &ProbeAsk, streams: &dyn Streams, channel: u32) {
        let wanted: Vec<(usize, StreamView)> = {
            let view = self.view.lock();
            let of = |s: &&StreamView| s.channel_no == channel && !s.url.is_empty();
            view.streams
                .iter()
                .enumerate()
                .filter(|(_, s)| of(s))
                .take(MAX_LOOKS)
                .map(|(n, s)| (n, s.clone()))
                .collect()
        };
        for (n, stream) in wanted {
            let what = if stream.name.is_empty() { "the stream".to_owned() } else { format!("stream {}", stream.name) };
            self.say(format!("looks at {what}"));
            let seen = match validate::camera_address(&stream.url, ask.allow_loopback) {
                Ok(url) => streams.look(StreamAsk { url, login: ask.login.clone(), transport: ask.transport }).await,
                Err(why) => StreamSeen { error: Some(format!("the address {why}")), ..StreamSeen::default() },
            };
            self.say(match (&seen.error, seen.codec) {
                (Some(why), _) => format!("{what}: {why}"),
                (None, codec) => format!(
                    "{what} sends {} {}x{}, {:.0} pictures a second, {:.0} kbit/s",
                    codec.map_or("video", Codec::as_str),
                    seen.width,
                    seen.height,
                    seen.fps,
                    seen.kbit_s
                ),
            });
            let locked = self.take(n, seen);
            // A login that was refused once is not tried again: accounts are locked after a few.
            if locked {
                break;
            }
        }
    }

    /// Takes what was seen; true if the login was refused.
    fn take(&self, n: usize, seen: StreamSeen) -> bool {
        let mut view = self.view.lock();
        let Some(stream) = view.streams.get_mut(n) else { return false };
        stream.measured = seen.error.is_none();
        if stream.measured {
            stream.codec = seen.codec;
            (stream.width, stream.height) = (seen.width, seen.height);
            (stream.fps, stream.kbit_s, stream.key_interval_s) = (seen.fps, seen.kbit_s, seen.key_interval_s);
        }
        stream.picture = seen.jpeg.is_some();
        view.picture |= seen.jpeg.is_some();
        let refused = seen.error.as_ref().is_some_and(|e| e.starts_with("refuses user name"));
        view.streams[n].error = seen.error;
        if let Some(skew) = seen.clock_skew_ms {
            view.device.get_or_insert_default().clock_skew_ms = Some(skew);
        }
        if let Some(slot) = self.pictures.lock().get_mut(n) {
            *slot = seen.jpeg;
        }
        refused
    }

    /// The last word: no picture is an error, and what could be better is advice.
    fn conclude(&self) -> Result<(), Dead> {
        let mut view = self.view.lock();
        if !view.picture {
            let why = view.streams.iter().find_map(|s| s.error.clone());
            return Err(why
                .map_or_else(|| "no stream gave a picture".to_owned(), |w| format!("the stream {w}"))
                .into());
        }
        let mut advice = Vec::new();
        let seen: Vec<&StreamView> = view.streams.iter().filter(|s| s.measured).collect();
        if !seen.iter().any(|s| s.kind == StreamKind::Sub) && seen.iter().any(|s| s.width > 1280) {
            advice.push("Use the sub stream for analysis where the camera has one: a large picture costs time and finds no more.".to_owned());
        }
        if let Some(s) = seen.iter().find(|s| s.key_interval_s.is_none_or(|k| k > KEY_INTERVAL_S)) {
            advice.push(match s.key_interval_s {
                Some(k) => format!("Key frames come only every {k:.0} s; set an interval of 2 s on the camera."),
                None => "Key frames come rarely; set an interval of 2 s on the camera.".to_owned(),
            });
        }
        if let Some(skew) = view.device.as_ref().and_then(|d| d.clock_skew_ms).filter(|s| s.unsigned_abs() > SKEW_MS) {
            advice.push(format!("Its clock is {:+.0} s off; give it a time server.", skew as f64 / 1000.0));
        }
        view.advice = (!advice.is_empty()).then(|| advice.join(" "));
        Ok(())
    }
}

const NO_WAY: &str = "Switch ONVIF on in the device's network settings, choose its brand, or enter the address of its \
                      stream.";
const ONVIF_LOGIN: &str = "Give the login of an ONVIF user of the device, or choose its brand to go without ONVIF.";

fn plural(n: usize) -> &'static str {
    if n == 1 { "" } else { "s" }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Blind;
    impl Streams for Blind {
        fn look(&self, _: StreamAsk) -> BoxFuture<'_, StreamSeen> {
            let error = Some("refuses user name or password".to_owned());
            Box::pin(async { StreamSeen { error, ..StreamSeen::default() } })
        }
    }

    fn ask(target: Target) -> ProbeAsk {
        ProbeAsk { target, login: None, transport: Transport::default(), allow_loopback: false }
    }

    #[tokio::test]
    async fn a_refused_login_is_tried_once_and_ends_in_a_sentence() {
        let run = ProbeRun::default();
        let brand = brands::find("dahua");
        let target = Target::Host { name: "10.0.0.5".into(), port: 0, onvif: None, brand, channel: 2 };
        run.run(ask(target), &Blind, Clock::start()).await;
        let view = run.view();
        assert!(view.done && !view.picture);
        assert_eq!(view.streams.iter().filter(|s| s.error.is_some()).count(), 1, "{view:?}");
        assert_eq!(view.streams[1].url, "rtsp://10.0.0.5:554/cam/realmonitor?channel=2&subtype=1");
        assert_eq!(view.error.as_deref(), Some("the stream refuses user name or password"));
        assert!(view.advice.unwrap().contains("recorders"));
    }

    #[tokio::test]
    async fn the_address_policy_holds_for_hosts() {
        for name in ["127.0.0.1", "169.254.169.254", "localhost", "a/b"] {
            let run = ProbeRun::default();
            let target = Target::Host { name: name.into(), port: 80, onvif: None, brand: None, channel: 1 };
            run.run(ask(target), &Blind, Clock::start()).await;
            let view = run.view();
            assert!(view.done && view.error.as_ref().is_some_and(|e| e.starts_with("the host ")), "{view:?}");
            assert!(view.steps.is_empty(), "nobody was asked: {view:?}");
        }
    }
}
