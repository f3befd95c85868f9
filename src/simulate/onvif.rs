//! The farm's hosts as ONVIF devices: each answers for its channels, over HTTP and to WS-Discovery.
//!
//! A host is one device with a main and a sub profile a channel (both play the channel's clip). The device's clock is
//! that of the cameras, so it can be wrong; with a login it wants a WS-UsernameToken that is fresh by that clock, or
//! with `onvif_http_digest` an HTTP digest. WS-Discovery is answered on UDP at the number of the HTTP port, and at 3702
//! where that is free. It plays a camera and protects nothing.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use tokio::net::{TcpListener, UdpSocket};
use tokio_util::sync::CancellationToken;

use super::{auth::AuthScheme, server::Core};
use crate::{
    discover::{
        soap::{envelope, password_digest},
        ws,
        xml::{self, Element, escaped},
    },
    types::Wall,
};

/// A token is good for so long, by the device's clock.
const FRESH_MS: i64 = 60_000;
const NAMESPACES: &str = "xmlns:tds=\"http://www.onvif.org/ver10/device/wsdl\" \
    xmlns:trt=\"http://www.onvif.org/ver10/media/wsdl\" xmlns:tt=\"http://www.onvif.org/ver10/schema\"";
const MEDIA: &str = "http://www.onvif.org/ver10/media/wsdl";

/// One host as a device.
#[derive(Clone)]
struct Device {
    core: Arc<Core>,
    host: usize,
    port: u16,
}

/// Listens for a host until the token ends it; gives the address. `at` is where it was before, or port 0 for a free one.
pub async fn start(core: &Arc<Core>, host: usize, at: SocketAddr, token: CancellationToken) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind(at).await?;
    let address = listener.local_addr()?;
    let device = Device { core: Arc::clone(core), host, port: address.port() };
    for port in [address.port(), ws::PORT] {
        match UdpSocket::bind((address.ip(), port)).await {
            Ok(socket) => drop(tokio::spawn(answer_probes(device.clone(), socket, token.clone()))),
            Err(e) => tracing::info!("a host of the farm does not hear WS-Discovery at port {port}: {e}"),
        }
    }
    let router = Router::new().fallback(answer).with_state(device);
    tokio::spawn(async move {
        let served = axum::serve(listener, router).with_graceful_shutdown(token.cancelled_owned());
        if let Err(e) = served.await {
            tracing::warn!("a host of the farm answers no ONVIF any more: {e}");
        }
    });
    Ok(address)
}

async fn answer_probes(device: Device, socket: UdpSocket, token: CancellationToken) {
    let mut buffer = vec![0; 16 << 10];
    loop {
        let received = tokio::select! {
            () = token.cancelled() => return,
            received = socket.recv_from(&mut buffer) => received,
        };
        let Ok((len, from)) = received else { continue };
        let Some(root) = buffer.get(..len).and_then(|b| xml::parse(b).ok()) else { continue };
        let types = root.find("Types").map(Element::text).unwrap_or_default();
        if root.find("Probe").is_none() || !types.ends_with(":NetworkVideoTransmitter") {
            continue;
        }
        let to = root.find("MessageID").map(Element::text).unwrap_or_default();
        if let Err(e) = socket.send_to(device.matches(to).as_bytes(), from).await {
            tracing::debug!("an answer to WS-Discovery did not go out: {e}");
        }
    }
}

async fn answer(State(device): State<Device>, headers: HeaderMap, body: Bytes) -> Response {
    let Ok(root) = xml::parse(&body) else { return StatusCode::BAD_REQUEST.into_response() };
    let Some(question) = root.child("Body").and_then(|b| b.children.first()) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    if question.name != "GetSystemDateAndTime" && !device.allows(&root, &headers) {
        return if device.core.options.onvif_http_digest {
            let challenge = format!("{}, qop=\"auth\", algorithm=MD5", device.core.gate.challenge());
            (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, challenge)]).into_response()
        } else {
            soap(StatusCode::BAD_REQUEST, &fault("ter:NotAuthorized", "Sender not Authorized"))
        };
    }
    match device.answer(question) {
        Some(answer) => soap(StatusCode::OK, &answer),
        None => soap(StatusCode::BAD_REQUEST, &fault("ter:ActionNotSupported", "Optional Action Not Implemented")),
    }
}

fn soap(status: StatusCode, body: &str) -> Response {
    (status, [(header::CONTENT_TYPE, "application/soap+xml; charset=utf-8")], envelope("", body)).into_response()
}

fn fault(code: &str, text: &str) -> String {
    format!(
        "<s:Fault xmlns:ter=\"http://www.onvif.org/ver10/error\"><s:Code><s:Value>s:Sender</s:Value><s:Subcode>\
         <s:Value>{code}</s:Value></s:Subcode></s:Code><s:Reason><s:Text xml:lang=\"en\">{text}</s:Text></s:Reason></s:Fault>"
    )
}

impl Device {
    fn ip(&self) -> IpAddr {
        self.core.hosts[self.host].address.ip()
    }

    fn now(&self) -> Wall {
        Wall(self.core.clock.wall().0 + self.core.options.clock_skew_ms)
    }

    fn url(&self) -> String {
        format!("http://{}/onvif/device_service", SocketAddr::new(self.ip(), self.port))
    }

    fn allows(&self, root: &Element, headers: &HeaderMap) -> bool {
        if self.core.options.auth == AuthScheme::None {
            return true;
        }
        if self.core.options.onvif_http_digest {
            let given = headers.get(header::AUTHORIZATION).and_then(|v| v.to_str().ok());
            return given.is_some_and(|g| g.starts_with("Digest")) && self.core.gate.allows("POST", given);
        }
        let Some(token) = root.child("Header").and_then(|h| h.find("UsernameToken")) else { return false };
        let of = |name: &str| token.text_at(&[name]).unwrap_or_default();
        let Ok(nonce) = BASE64.decode(of("Nonce")) else { return false };
        let Ok(created) = of("Created").parse::<jiff::Timestamp>() else { return false };
        let digest = password_digest(&nonce, of("Created"), self.core.options.password.expose());
        of("Username") == self.core.options.user
            && of("Password") == digest
            && (created.as_millisecond() - self.now().0).abs() <= FRESH_MS
    }

    fn answer(&self, question: &Element) -> Option<String> {
        let name = question.name.as_str();
        let token = question.find("ProfileToken").map(Element::text).unwrap_or_default();
        let inner = match name {
            "GetSystemDateAndTime" => self.time()?,
            "GetDeviceInformation" => format!(
                "<tds:Manufacturer>skyeye</tds:Manufacturer><tds:Model>camera farm</tds:Model><tds:FirmwareVersion>{}\
                 </tds:FirmwareVersion><tds:SerialNumber>{}</tds:SerialNumber><tds:HardwareId>farm</tds:HardwareId>",
                env!("CARGO_PKG_VERSION"),
                self.ip()
            ),
            "GetServices" => ["http://www.onvif.org/ver10/device/wsdl", MEDIA]
                .map(|ns| {
                    format!(
                        "<tds:Service><tds:Namespace>{ns}</tds:Namespace><tds:XAddr>{}</tds:XAddr></tds:Service>",
                        self.url()
                    )
                })
                .concat(),
            "GetProfiles" => self.channels().map(|(_, n)| self.profile(n, "main") + &self.profile(n, "sub")).collect(),
            "GetStreamUri" | "GetSnapshotUri" => {
                let (number, stream) = self.channel_of(token)?;
                let path = self.core.options.path.trim_matches('/');
                let uri = match (name, stream) {
                    ("GetSnapshotUri", _) => {
                        format!("http://{}/snapshot/{number}", SocketAddr::new(self.ip(), self.port))
                    }
                    (_, "main") => format!("rtsp://{}/{path}/{number}", self.core.hosts[self.host].address),
                    _ => format!("rtsp://{}/{path}/{number}?stream=sub", self.core.hosts[self.host].address),
                };
                format!("<trt:MediaUri><tt:Uri>{}</tt:Uri><tt:Timeout>PT0S</tt:Timeout></trt:MediaUri>", escaped(&uri))
            }
            _ => return None,
        };
        let prefix = if name.contains("Profiles") || name.contains("Uri") { "trt" } else { "tds" };
        Some(format!("<{prefix}:{name}Response {NAMESPACES}>{inner}</{prefix}:{name}Response>"))
    }

    fn time(&self) -> Option<String> {
        let at = jiff::Timestamp::from_millisecond(self.now().0).ok()?.to_zoned(jiff::tz::TimeZone::UTC);
        Some(format!(
            "<tds:SystemDateAndTime><tt:DateTimeType>Manual</tt:DateTimeType><tt:UTCDateTime><tt:Time><tt:Hour>{}</tt:Hour>\
             <tt:Minute>{}</tt:Minute><tt:Second>{}</tt:Second></tt:Time><tt:Date><tt:Year>{}</tt:Year><tt:Month>{}\
             </tt:Month><tt:Day>{}</tt:Day></tt:Date></tt:UTCDateTime></tds:SystemDateAndTime>",
            at.hour(),
            at.minute(),
            at.second(),
            at.year(),
            at.month(),
            at.day()
        ))
    }

    /// Index and number of this host's numbered channels.
    fn channels(&self) -> impl Iterator<Item = (usize, u32)> + '_ {
        let own = self.core.channels.iter().enumerate().filter(|(_, c)| c.host == Some(self.host));
        own.map(|(index, c)| (index, c.number))
    }

    /// Number and stream of a token such as `main7`.
    fn channel_of<'a>(&self, token: &'a str) -> Option<(u32, &'a str)> {
        let stream = token.get(..4).filter(|s| *s == "main").or_else(|| token.get(..3).filter(|s| *s == "sub"))?;
        let number = token.get(stream.len()..)?.parse().ok()?;
        self.channels().any(|(_, n)| n == number).then_some((number, stream))
    }

    fn profile(&self, number: u32, stream: &str) -> String {
        let Some((index, _)) = self.channels().find(|(_, n)| *n == number) else { return String::new() };
        let clip = &self.core.channels[index].clip;
        format!(
            "<trt:Profiles token=\"{stream}{number}\" fixed=\"true\"><tt:Name>camera {number} {stream}</tt:Name>\
             <tt:VideoSourceConfiguration token=\"vsc{number}\"><tt:SourceToken>source{number}</tt:SourceToken>\
             </tt:VideoSourceConfiguration><tt:VideoEncoderConfiguration token=\"vec{stream}{number}\"><tt:Encoding>{}\
             </tt:Encoding><tt:Resolution><tt:Width>{}</tt:Width><tt:Height>{}</tt:Height></tt:Resolution>\
             </tt:VideoEncoderConfiguration></trt:Profiles>",
            clip.codec.as_str().to_ascii_uppercase(),
            clip.width,
            clip.height
        )
    }

    fn matches(&self, relates_to: &str) -> String {
        let header = format!(
            "<a:RelatesTo xmlns:a=\"http://schemas.xmlsoap.org/ws/2004/08/addressing\">{}</a:RelatesTo>",
            escaped(relates_to)
        );
        let body = format!(
            "<d:ProbeMatches xmlns:d=\"http://schemas.xmlsoap.org/ws/2005/04/discovery\" \
             xmlns:dn=\"http://www.onvif.org/ver10/network/wsdl\"><d:ProbeMatch><d:Types>dn:NetworkVideoTransmitter</d:Types>\
             <d:Scopes>onvif://www.onvif.org/type/video_encoder onvif://www.onvif.org/name/farm%20{} \
             onvif://www.onvif.org/hardware/farm</d:Scopes><d:XAddrs>{}</d:XAddrs><d:MetadataVersion>1</d:MetadataVersion>\
             </d:ProbeMatch></d:ProbeMatches>",
            self.host + 1,
            self.url()
        );
        envelope(&header, &body)
    }
}
