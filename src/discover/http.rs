//! One HTTP/1.1 request to a device: over a connection of its own, bounded in time and bytes, never redirected.
//!
//! The connection goes to the very address that passed the policy; names in the request are only names. A password
//! leaves us as a digest or not at all: Basic is not answered, whatever asks for it.

use std::{net::SocketAddr, time::Duration};

use bytes::Bytes;
use http_auth::{PasswordClient, PasswordParams};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::{Request, StatusCode, client::conn::http1, header};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use url::Url;

use super::{Login, shown, xml::MAX_BYTES};

const CONNECT: Duration = Duration::from_secs(4);
const USER_AGENT: &str = concat!("skyeye/", env!("CARGO_PKG_VERSION"));

/// Why there is no answer; a sentence that begins with a verb.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HttpError {
    #[error("cannot be reached ({0}); check address, port and network")]
    Connect(String),
    #[error("gave no whole answer within {0} s")]
    Timeout(u64),
    #[error("sent over {MAX_BYTES} bytes")]
    TooLarge,
    #[error("does not speak HTTP ({0})")]
    Protocol(String),
}

/// What came.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    /// Answer to the challenges of a 401, if there is a digest among them.
    pub digest: Option<PasswordClient>,
    pub xml: bool,
    pub body: Bytes,
}

/// Posts a SOAP envelope. `url` gives the path and the name, `address` is where the bytes go.
pub async fn post(
    address: SocketAddr,
    url: &Url,
    action: &str,
    body: String,
    authorization: Option<String>,
    within: Duration,
) -> Result<Answer, HttpError> {
    let late = HttpError::Timeout(within.as_secs().max(1));
    tokio::time::timeout(within, exchange(address, url, action, body, authorization)).await.unwrap_or(Err(late))
}

/// The path as it stands in the request line.
pub fn target(url: &Url) -> String {
    url.query().map_or_else(|| url.path().to_owned(), |q| format!("{}?{q}", url.path()))
}

/// The `Authorization` of a request.
pub fn authorization(client: &mut PasswordClient, login: &Login, url: &Url, body: &str) -> Option<String> {
    let uri = target(url);
    let params = PasswordParams {
        username: &login.user,
        password: login.password.expose(),
        uri: &uri,
        method: "POST",
        body: Some(body.as_bytes()),
    };
    client.respond(&params).ok()
}

async fn exchange(
    address: SocketAddr,
    url: &Url,
    action: &str,
    body: String,
    authorization: Option<String>,
) -> Result<Answer, HttpError> {
    let stream = match tokio::time::timeout(CONNECT, TcpStream::connect(address)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(e)) => return Err(HttpError::Connect(plain(&e))),
        Err(_) => return Err(HttpError::Connect("no answer".into())),
    };
    let protocol = |e: hyper::Error| HttpError::Protocol(shown(&e.to_string(), 80));
    let (mut sender, connection) = http1::Builder::new()
        // What cameras are known to do.
        .allow_obsolete_multiline_headers_in_responses(true)
        .allow_spaces_after_header_name_in_responses(true)
        .ignore_invalid_headers_in_responses(true)
        .max_headers(64)
        .max_buf_size(64 << 10)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(protocol)?;
    let host = match (url.host_str(), url.port()) {
        (Some(host), Some(port)) => format!("{host}:{port}"),
        (host, _) => host.unwrap_or_default().to_owned(),
    };
    let mut request = Request::post(target(url))
        .header(header::HOST, host)
        .header(header::USER_AGENT, USER_AGENT)
        .header(header::CONNECTION, "close")
        .header(header::CONTENT_TYPE, format!("application/soap+xml; charset=utf-8; action=\"{action}\""));
    if let Some(authorization) = authorization {
        request = request.header(header::AUTHORIZATION, authorization);
    }
    let request =
        request.body(Full::new(Bytes::from(body))).map_err(|_| HttpError::Protocol("its address is odd".into()))?;
    let answer = async {
        let response = sender.send_request(request).await.map_err(protocol)?;
        let status = response.status();
        let headers = response.headers();
        let xml = headers
            .get(header::CONTENT_TYPE)
            .and_then(|v| v.to_str().ok())
            .is_some_and(|v| v.to_ascii_lowercase().contains("xml"));
        let digest = (status == StatusCode::UNAUTHORIZED).then(|| digest_of(headers)).flatten();
        let body = Limited::new(response.into_body(), MAX_BYTES).collect().await.map_err(|e| {
            if e.is::<LengthLimitError>() {
                HttpError::TooLarge
            } else {
                HttpError::Protocol("the answer broke off".into())
            }
        })?;
        Ok(Answer { status, digest, xml, body: body.to_bytes() })
    };
    // The connection does the work; it ends with the answer.
    tokio::pin!(answer);
    tokio::pin!(connection);
    let why = tokio::select! {
        answered = &mut answer => return answered,
        ended = &mut connection => ended.err(),
    };
    // What ended the connection says more than that the request was given up because of it.
    answer.await.map_err(|e| match (e, why) {
        (HttpError::Protocol(_), Some(why)) => protocol(why),
        (e, _) => e,
    })
}

fn digest_of(headers: &header::HeaderMap) -> Option<PasswordClient> {
    headers.get_all(header::WWW_AUTHENTICATE).iter().filter_map(|v| v.to_str().ok()).find_map(|value| {
        let challenges = http_auth::parse_challenges(value).ok()?;
        let digest = challenges.iter().find(|c| c.scheme.eq_ignore_ascii_case("digest"))?;
        PasswordClient::builder().challenge(digest).build().ok()
    })
}

/// An error of the system without its number.
pub fn plain(e: &std::io::Error) -> String {
    let text = e.to_string();
    text.split(" (os error").next().unwrap_or(&text).to_ascii_lowercase()
}
