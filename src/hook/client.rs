//! One receiver over HTTP/1.1: bounded in time and bytes, no redirect followed, one request at a time.
//!
//! The connection is kept for the next delivery. What is shown of the address is its host: path and query may hold a
//! token.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{
    Request, StatusCode,
    client::conn::http1::{self, SendRequest},
    header,
};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    task::JoinHandle,
};
use tokio_rustls::TlsConnector;
use url::Url;

use super::backoff;
use crate::{
    config::Tls,
    trust,
    types::{HookId, Wall},
};

const USER_AGENT: &str = concat!("skyeye/", env!("CARGO_PKG_VERSION"));
/// An answer's body means nothing to us; a longer one costs the connection.
const ANSWER_BYTES: usize = 64 << 10;

/// What came of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    Delivered,
    /// To be tried again: why, and after how long if the receiver said so.
    Later {
        why: String,
        after: Option<Duration>,
        /// The status, where it answered with an error that may be about this very delivery.
        answered: Option<u16>,
    },
    /// The receiver will never take this one.
    GivenUp(String),
    /// The receiver is no more (410).
    Gone(String),
}

/// What is sent along with a body.
pub struct Headers<'a> {
    pub hook: &'a HookId,
    pub delivery: uuid::Uuid,
    pub signature: String,
}

pub struct Client {
    target: String,
    /// `host` or `host:port` as the receiver is called.
    host: String,
    address: (String, u16),
    tls: Option<(TlsConnector, ServerName<'static>)>,
    open: Option<Open>,
}

/// A connection that is free for the next request.
struct Open {
    sender: SendRequest<Full<Bytes>>,
    _connection: Ends,
}

/// The task that moves a connection's bytes; ends with it.
struct Ends(JoinHandle<()>);

impl Drop for Ends {
    fn drop(&mut self) {
        self.0.abort();
    }
}

struct Answer {
    status: StatusCode,
    retry_after: Option<String>,
}

impl Client {
    /// `url` passed `config::hook::address`.
    pub fn new(url: &Url, policy: Tls) -> Result<Self, String> {
        let name = url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        let tls = match url.scheme() {
            "https" => {
                let config = trust::client(policy, trust::Server::Receiver)
                    .map_err(|e| format!("this machine's trusted certificates cannot be read ({e})"))?;
                let server = ServerName::try_from(name.clone()).map_err(|_| "the host of its url is no name")?;
                Some((TlsConnector::from(Arc::new(config)), server))
            }
            _ => None,
        };
        let host = url.host_str().unwrap_or_default();
        Ok(Self {
            target: url.query().map_or_else(|| url.path().to_owned(), |q| format!("{}?{q}", url.path())),
            host: url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")),
            address: (name, url.port_or_known_default().unwrap_or(443)),
            tls,
            open: None,
        })
    }

    /// Posts a body and judges the answer. A request that is dropped half way leaves no connection behind.
    pub async fn post(&mut self, headers: &Headers<'_>, body: Bytes, within: Duration, now: Wall) -> Outcome {
        match tokio::time::timeout(within, self.exchange(headers, body)).await {
            Ok(Ok(answer)) => judge(&answer, now),
            Ok(Err(why)) => Outcome::Later { why, after: None, answered: None },
            Err(_) => {
                let why = format!("gave no answer within {} s", within.as_secs());
                Outcome::Later { why, after: None, answered: None }
            }
        }
    }

    async fn exchange(&mut self, headers: &Headers<'_>, body: Bytes) -> Result<Answer, String> {
        if let Some(mut open) = self.open.take()
            && open.sender.ready().await.is_ok()
        {
            // The receiver may have closed it meanwhile; then it takes the delivery over a new one.
            if let Ok(answer) = self.ask(open, headers, body.clone()).await {
                return Ok(answer);
            }
        }
        let fresh = self.connect().await?;
        self.ask(fresh, headers, body).await
    }

    async fn connect(&self) -> Result<Open, String> {
        let (name, port) = (self.address.0.as_str(), self.address.1);
        let stream =
            TcpStream::connect((name, port)).await.map_err(|e| format!("cannot be reached ({})", plain(&e)))?;
        // Small requests that are answered one by one; where it cannot be set they are only slower.
        drop(stream.set_nodelay(true));
        match &self.tls {
            None => handshake(stream).await,
            Some((tls, server)) => {
                let stream = tls.connect(server.clone(), stream).await.map_err(|e| {
                    match e.get_ref().and_then(|e| e.downcast_ref::<rustls::Error>()) {
                        Some(rustls::Error::General(why)) => format!("is not trusted: {why}"),
                        _ => format!("does not speak TLS ({})", plain(&e)),
                    }
                })?;
                handshake(stream).await
            }
        }
    }

    async fn ask(&mut self, mut open: Open, headers: &Headers<'_>, body: Bytes) -> Result<Answer, String> {
        let request = Request::post(&self.target)
            .header(header::HOST, &self.host)
            .header(header::USER_AGENT, USER_AGENT)
            .header(header::CONTENT_TYPE, "application/json")
            .header("X-Skyeye-Hook", headers.hook.as_str())
            .header("X-Skyeye-Delivery", headers.delivery.to_string())
            .header("X-Skyeye-Signature", &headers.signature)
            .body(Full::new(body))
            .map_err(|_| "has an odd url".to_owned())?;
        let response =
            open.sender.send_request(request).await.map_err(|e| format!("broke the connection off ({})", shown(&e)))?;
        let retry_after = response.headers().get(header::RETRY_AFTER).and_then(|v| v.to_str().ok()).map(str::to_owned);
        let answer = Answer { status: response.status(), retry_after };
        // The status is all that counts; who sends no end, or too much, gets a new connection.
        if Limited::new(response.into_body(), ANSWER_BYTES).collect().await.is_ok() {
            self.open = Some(open);
        }
        Ok(answer)
    }
}

async fn handshake<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(stream: S) -> Result<Open, String> {
    let (sender, connection) = http1::Builder::new()
        .max_headers(64)
        .max_buf_size(64 << 10)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|e| format!("does not speak HTTP ({})", shown(&e)))?;
    let task = tokio::spawn(async move {
        if let Err(e) = connection.await {
            tracing::debug!("a receiver's connection ended: {e}");
        }
    });
    Ok(Open { sender, _connection: Ends(task) })
}

fn judge(answer: &Answer, now: Wall) -> Outcome {
    let status = answer.status;
    let after = answer.retry_after.as_deref().and_then(|text| backoff::asked(text, now));
    let said = match status.canonical_reason() {
        Some(reason) => format!("answered {} ({reason})", status.as_u16()),
        None => format!("answered {}", status.as_u16()),
    };
    // Who says when, or that it is too busy, speaks of itself.
    let answered = (after.is_none() && !matches!(status.as_u16(), 408 | 429)).then_some(status.as_u16());
    match status.as_u16() {
        200..=299 => Outcome::Delivered,
        300..=399 => {
            Outcome::Later { why: format!("{said}, and no redirect is followed; correct its url"), after, answered }
        }
        // Also what a receiver says, or the proxy before it, while it is replaced or given another secret.
        401 | 403 | 404 | 405 | 407 | 408 | 429 => Outcome::Later { why: said, after, answered },
        410 => Outcome::Gone(said),
        400..=499 => Outcome::GivenUp(said),
        _ => Outcome::Later { why: said, after, answered },
    }
}

/// An error of the system without its number.
fn plain(e: &std::io::Error) -> String {
    let text = shown(e);
    text.split(" (os error").next().unwrap_or(&text).to_ascii_lowercase()
}

fn shown(e: &dyn std::fmt::Display) -> String {
    e.to_string().chars().filter(|c| !c.is_control()).take(120).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_status_has_its_outcome() {
        let of = |status: u16, retry_after: Option<&str>| {
            let status = StatusCode::from_u16(status).unwrap();
            judge(&Answer { status, retry_after: retry_after.map(str::to_owned) }, Wall(0))
        };
        for status in [200, 202, 204] {
            assert_eq!(of(status, None), Outcome::Delivered);
        }
        for status in [301, 302, 307, 401, 403, 404, 405, 407, 500, 503, 599] {
            let Outcome::Later { after: None, answered, .. } = of(status, None) else { panic!("{status}") };
            assert_eq!(answered, Some(status));
        }
        for status in [408, 429] {
            assert!(matches!(of(status, None), Outcome::Later { after: None, answered: None, .. }), "{status}");
        }
        for status in [400, 402, 413, 422] {
            assert!(matches!(of(status, None), Outcome::GivenUp(_)), "{status}");
        }
        assert!(matches!(of(410, None), Outcome::Gone(_)));
        let Outcome::Later { after, answered, .. } = of(503, Some("7")) else { panic!("503 is tried again") };
        assert_eq!((after, answered), (Some(Duration::from_secs(7)), None));
    }
}
