//! One ONVIF device: clock, identity, services, profiles, addresses of streams and snapshots.
//!
//! In: a host, the port of its device service, a login. Out: what `probe` and `scan` need. The first question is the
//! time, which every device answers without a login: it proves that there is ONVIF, and tokens are made by the
//! device's clock. The login goes as a WS-UsernameToken; a device that answers 401 with a digest challenge gets an HTTP
//! digest instead. A login that is refused is tried no further, so that no account is locked.

mod answers;

use std::time::Duration;

use hyper::StatusCode;
use tokio::sync::Mutex;
use url::Url;

pub use self::answers::{DeviceInfo, Profile, main_and_sub};
use super::{
    Login,
    address::{Host, Rewritten},
    http::{self, HttpError},
    soap::{self, FaultKind},
    xml::{self, Element, XmlError, escaped},
};
use crate::types::{Clock, Wall};

/// Where the device service lies; every maker keeps to it.
pub const DEVICE_PATH: &str = "/onvif/device_service";
const DEVICE: &str = "http://www.onvif.org/ver10/device/wsdl";
const MEDIA: &str = "http://www.onvif.org/ver10/media/wsdl";
const MEDIA2: &str = "http://www.onvif.org/ver20/media/wsdl";
const SCHEMA: &str = "http://www.onvif.org/ver10/schema";

/// Why a device did not tell what it was asked; a sentence that begins with a verb.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OnvifError {
    #[error(transparent)]
    Http(#[from] HttpError),
    #[error("does not answer as an ONVIF device does ({0})")]
    NoOnvif(String),
    #[error("answers in a way that cannot be read: {0}")]
    Xml(#[from] XmlError),
    #[error("wants a user name and password for ONVIF")]
    LoginNeeded,
    #[error(
        "refuses user name or password for ONVIF; many makers keep ONVIF users apart from the device's own: look for an \
         ONVIF user or an \"integration protocol\" in its network settings"
    )]
    LoginRefused,
    #[error("has locked the account after too many tries; wait some minutes, or unlock it on the device")]
    Locked,
    #[error("does not know the question {0}")]
    NotSupported(&'static str),
    #[error("answers {question} with a fault: {text}")]
    Fault { question: &'static str, text: String },
    #[error("{0}")]
    Lacks(String),
}

/// How the login goes to this device.
#[derive(Debug)]
enum Way {
    Token,
    Digest(Box<http_auth::PasswordClient>),
}

/// Where a device takes questions about media.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Media {
    url: Url,
    /// Media2 (ver20), where only that is there.
    second: bool,
    /// The host that the device named for it, if another than was asked.
    pub named: Option<String>,
}

/// A device that has told its time.
#[derive(Debug)]
pub struct Device {
    host: Host,
    url: Url,
    login: Option<Login>,
    clock: Clock,
    within: Duration,
    way: Mutex<Way>,
    /// Device clock minus ours, to about a second; `None` where it told no UTC time.
    pub skew_ms: Option<i64>,
}

impl Device {
    /// Asks for the time. `path` is that of the device service.
    pub async fn open(
        host: Host,
        port: u16,
        path: &str,
        login: Option<Login>,
        clock: Clock,
        within: Duration,
    ) -> Result<Self, OnvifError> {
        let text = format!("http://{}:{port}{path}", host.in_url());
        let url = Url::parse(&text).map_err(|_| OnvifError::Lacks("has an address that cannot be used".into()))?;
        let mut device = Self { host, url, login, clock, within, way: Mutex::new(Way::Token), skew_ms: None };
        let asked = clock.wall();
        let question = "GetSystemDateAndTime";
        let answer = device.send(&device.url, DEVICE, question, &body(DEVICE, question, ""), None).await?;
        let middle = Wall(asked.0 + (clock.wall().0 - asked.0) / 2);
        if answer.status == StatusCode::NOT_FOUND || !answer.xml && xml::parse(&answer.body).is_err() {
            return Err(OnvifError::NoOnvif(format!("HTTP {}", answer.status.as_u16())));
        }
        let root = xml::parse(&answer.body)?;
        if root.name != "Envelope" {
            return Err(OnvifError::NoOnvif("no SOAP".into()));
        }
        device.skew_ms = match soap::fault(&root) {
            // Some want a login even for the time; then our own clock has to do.
            Some(_) => None,
            None if root.find("GetSystemDateAndTimeResponse").is_some() => {
                answers::utc(&root).map(|time| time.0 + 500 - middle.0)
            }
            None => return Err(OnvifError::NoOnvif("another SOAP service".into())),
        };
        Ok(device)
    }

    /// The address of the device service.
    pub fn url(&self) -> &Url {
        &self.url
    }

    pub async fn information(&self) -> Result<DeviceInfo, OnvifError> {
        let root = self.ask(&self.url, DEVICE, "GetDeviceInformation", "").await?;
        Ok(answers::information(&root))
    }

    /// Where the media service is.
    pub async fn media(&self) -> Result<Media, OnvifError> {
        let services = "<d:IncludeCapability>false</d:IncludeCapability>";
        let found = match self.ask(&self.url, DEVICE, "GetServices", services).await {
            Ok(root) => answers::services(&root),
            Err(
                e @ (OnvifError::LoginNeeded | OnvifError::LoginRefused | OnvifError::Locked | OnvifError::Http(_)),
            ) => {
                return Err(e);
            }
            // Devices before 2011 know only the older question.
            Err(_) => Vec::new(),
        };
        let of = |wanted: &str| found.iter().find(|(ns, _)| ns == wanted).map(|(_, at)| at.clone());
        if let Some(at) = of(MEDIA) {
            return self.service(&at, false);
        }
        if let Some(at) = of(MEDIA2) {
            return self.service(&at, true);
        }
        let root = self.ask(&self.url, DEVICE, "GetCapabilities", "<d:Category>All</d:Category>").await?;
        match answers::media_capability(&root) {
            Some(at) => self.service(&at, false),
            None => Err(OnvifError::Lacks("has ONVIF but no media service, so it sends no video itself".into())),
        }
    }

    fn service(&self, at: &str, second: bool) -> Result<Media, OnvifError> {
        if at.trim_start().starts_with("https://") {
            return Err(OnvifError::Lacks(
                "offers its media service over https only; allow http for ONVIF on the device, or enter the stream's \
                 address by hand"
                    .into(),
            ));
        }
        let Some(Rewritten { mut url, named, .. }) = self.host.rewrite(at, &["http"]) else {
            return Err(OnvifError::Lacks("names an address for its media service that is none".into()));
        };
        // Behind address translation its own port is as foreign to us as its address.
        if named.is_some() {
            url.set_port(self.url.port()).map_err(|()| OnvifError::Lacks("has an address without port".into()))?;
        }
        Ok(Media { url, second, named })
    }

    /// Profiles that have video, in the device's order.
    pub async fn profiles(&self, media: &Media) -> Result<Vec<Profile>, OnvifError> {
        let root = if media.second {
            let what = "<d:Type>VideoSource</d:Type><d:Type>VideoEncoder</d:Type>";
            self.ask(&media.url, MEDIA2, "GetProfiles", what).await?
        } else {
            self.ask(&media.url, MEDIA, "GetProfiles", "").await?
        };
        Ok(answers::profiles(&root))
    }

    /// The RTSP address of a profile, on the host that was asked.
    pub async fn stream_uri(&self, media: &Media, token: &str) -> Result<Rewritten, OnvifError> {
        let token = escaped(token);
        let root = if media.second {
            let what = format!("<d:Protocol>RTSP</d:Protocol><d:ProfileToken>{token}</d:ProfileToken>");
            self.ask(&media.url, MEDIA2, "GetStreamUri", &what).await?
        } else {
            let what = format!(
                "<d:StreamSetup><t:Stream xmlns:t=\"{SCHEMA}\">RTP-Unicast</t:Stream><t:Transport xmlns:t=\"{SCHEMA}\">\
                 <t:Protocol>RTSP</t:Protocol></t:Transport></d:StreamSetup><d:ProfileToken>{token}</d:ProfileToken>"
            );
            self.ask(&media.url, MEDIA, "GetStreamUri", &what).await?
        };
        let uri = root.find("Uri").map(Element::text).unwrap_or_default();
        self.host
            .rewrite(uri, &["rtsp", "rtsps"])
            .ok_or_else(|| OnvifError::Lacks("gives no RTSP address for this profile".into()))
    }

    /// The address of a profile's snapshot, on the host that was asked.
    pub async fn snapshot_uri(&self, media: &Media, token: &str) -> Result<Rewritten, OnvifError> {
        let what = format!("<d:ProfileToken>{}</d:ProfileToken>", escaped(token));
        let wsdl = if media.second { MEDIA2 } else { MEDIA };
        let root = self.ask(&media.url, wsdl, "GetSnapshotUri", &what).await?;
        let uri = root.find("Uri").map(Element::text).unwrap_or_default();
        self.host
            .rewrite(uri, &["http", "https"])
            .ok_or_else(|| OnvifError::Lacks("gives no address for a snapshot".into()))
    }

    /// Asks with the login and reads the answer.
    async fn ask(
        &self,
        url: &Url,
        wsdl: &'static str,
        question: &'static str,
        what: &str,
    ) -> Result<Element, OnvifError> {
        let body = body(wsdl, question, what);
        // One question at a time: a device is a small computer, and a digest counts its uses.
        let mut way = self.way.lock().await;
        let mut answer = self.send(url, wsdl, question, &body, Some(&mut way)).await?;
        if answer.status == StatusCode::UNAUTHORIZED
            && self.login.is_some()
            && matches!(*way, Way::Token)
            && let Some(digest) = answer.digest.take()
        {
            *way = Way::Digest(Box::new(digest));
            answer = self.send(url, wsdl, question, &body, Some(&mut way)).await?;
        }
        drop(way);
        let refused = if self.login.is_some() { OnvifError::LoginRefused } else { OnvifError::LoginNeeded };
        let root = match xml::parse(&answer.body) {
            Ok(root) => root,
            Err(_) if answer.status == StatusCode::UNAUTHORIZED || answer.status == StatusCode::FORBIDDEN => {
                return Err(refused);
            }
            Err(_) if answer.status.is_redirection() => {
                return Err(OnvifError::NoOnvif(format!(
                    "HTTP {}: it wants to send us elsewhere, which is not followed; give the port of its ONVIF service",
                    answer.status.as_u16()
                )));
            }
            Err(_) if !answer.status.is_success() => {
                return Err(OnvifError::NoOnvif(format!("HTTP {}", answer.status.as_u16())));
            }
            Err(e) => return Err(e.into()),
        };
        if let Some(fault) = soap::fault(&root) {
            return Err(match fault.kind {
                FaultKind::NotAuthorized => refused,
                FaultKind::Locked => OnvifError::Locked,
                FaultKind::NotSupported => OnvifError::NotSupported(question),
                FaultKind::Other if answer.status == StatusCode::UNAUTHORIZED => refused,
                FaultKind::Other => OnvifError::Fault { question, text: fault.text },
            });
        }
        if answer.status == StatusCode::UNAUTHORIZED {
            return Err(refused);
        }
        let response = format!("{question}Response");
        match root.find(&response) {
            Some(_) => Ok(root),
            None => Err(OnvifError::NoOnvif(format!("no {response} in its answer"))),
        }
    }

    /// Sends one envelope; with a `way` the login goes along.
    async fn send(
        &self,
        url: &Url,
        wsdl: &str,
        question: &str,
        body: &str,
        way: Option<&mut Way>,
    ) -> Result<http::Answer, HttpError> {
        let (mut header, mut digest) = (String::new(), None);
        match (way, &self.login) {
            (Some(Way::Token), Some(login)) => {
                let now = Wall(self.clock.wall().0 + self.skew_ms.unwrap_or(0));
                header = soap::username_token(login, now);
            }
            (Some(Way::Digest(client)), Some(login)) => {
                digest = http::authorization(client, login, url, &soap::envelope("", body));
            }
            _ => {}
        }
        let port = url.port_or_known_default().unwrap_or(80);
        let envelope = soap::envelope(&header, body);
        http::post(self.host.at(port), url, &format!("{wsdl}/{question}"), envelope, digest, self.within).await
    }
}

fn body(wsdl: &str, question: &str, what: &str) -> String {
    format!("<d:{question} xmlns:d=\"{wsdl}\">{what}</d:{question}>")
}
