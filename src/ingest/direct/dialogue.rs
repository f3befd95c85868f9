//! The dialogue before pictures come: DESCRIBE, SETUP, PLAY (RFC 2326), and what is said while they do.
//!
//! All of it goes over the one socket to the address that passed the policy, wherever the camera says that its streams
//! are. A password is sent in answer to a challenge, once: a camera that refuses it is not asked again. A challenge that
//! has aged is no refusal: its successor is answered, once a request.

use std::time::Duration;

use http_auth::{PasswordClient, PasswordParams};
use rtsp_types::{HeaderName, Message, ParseError, Response, headers};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use url::Url;

use super::describe::{self, Video};
use super::play::Direct;
use super::wire::Wire;
use crate::ingest::{ChannelSpec, Failure, USER_AGENT};
use crate::types::Secret;

/// The longest answer, and the most that may come before it.
const MAX_ANSWER: usize = 512 * 1024;
/// A session without a time-out of its own ends after this (RFC 2326, 12.37).
const TIMEOUT_S: u64 = 60;
/// A camera that is told of the end may take this long to hear it.
const TEARDOWN: Duration = Duration::from_secs(2);

/// What became of a try.
pub enum Opened {
    Playing(Box<Direct>),
    /// The general client may know what to do with it; the word says why.
    NotOurs(&'static str),
}

/// How a try ends early.
enum Stop {
    Failed(Failure),
    NotOurs(&'static str),
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Stop::Failed(failure)
    }
}

pub async fn open(spec: &ChannelSpec, url: &Url) -> Result<Opened, Failure> {
    match try_open(spec, url).await {
        Ok(direct) => Ok(Opened::Playing(Box::new(direct))),
        Err(Stop::NotOurs(why)) => Ok(Opened::NotOurs(why)),
        Err(Stop::Failed(failure)) => Err(failure),
    }
}

async fn try_open(spec: &ChannelSpec, url: &Url) -> Result<Direct, Stop> {
    let mut dialogue = Dialogue::new(Wire::connect(spec, url).await?, spec.credential.clone());
    let answer = dialogue.ask("DESCRIBE", url.as_str(), "Accept: application/sdp\r\n").await?;
    let base = text(&answer, &headers::CONTENT_BASE).or_else(|| text(&answer, &headers::CONTENT_LOCATION));
    let video = describe::read(answer.body(), url, base).map_err(Stop::NotOurs)?;
    dialogue.whole.clone_from(&video.whole);
    let channels = dialogue.set_up(&video).await?;
    let whole = video.whole.clone();
    let range = format!("Session: {}\r\nRange: npt=0.000-\r\n", dialogue.session);
    dialogue.ask("PLAY", &whole, &range).await?;
    let mut came = std::mem::take(&mut dialogue.early);
    came.append(&mut std::mem::take(&mut dialogue.held));
    Ok(Direct::new(dialogue, channels, &video, came))
}

fn text<'a>(answer: &'a Response<Vec<u8>>, name: &HeaderName) -> Option<&'a str> {
    answer.header(name).map(|v| v.as_str().trim())
}

fn challenge(answer: &Response<Vec<u8>>) -> Result<PasswordClient, String> {
    PasswordClient::try_from(text(answer, &headers::WWW_AUTHENTICATE).unwrap_or_default())
}

/// The socket and what goes over it.
pub struct Dialogue {
    /// Until it is given up.
    stream: Option<Wire>,
    /// What came and is no whole message yet.
    held: Vec<u8>,
    /// Interleaved packets that came before the answer to PLAY.
    early: Vec<u8>,
    number: u32,
    auth: Option<PasswordClient>,
    /// The camera has taken the login: whatever it says later, the password was right.
    proven: bool,
    /// A challenge came while it plays, and since then no good answer.
    renewed: bool,
    credential: Option<(String, Secret)>,
    session: String,
    whole: String,
    timeout_s: u64,
    /// The camera knows GET_PARAMETER: it said so in its answer to OPTIONS.
    parameters: bool,
}

impl Dialogue {
    pub fn new(stream: Wire, credential: Option<(String, Secret)>) -> Self {
        Self {
            stream: Some(stream),
            held: Vec::new(),
            early: Vec::new(),
            number: 0,
            auth: None,
            proven: false,
            renewed: false,
            credential,
            session: String::new(),
            whole: String::new(),
            timeout_s: TIMEOUT_S,
            parameters: false,
        }
    }

    pub fn stream(&mut self) -> Option<&mut Wire> {
        self.stream.as_mut()
    }

    /// The channels of RTP and RTCP.
    async fn set_up(&mut self, video: &Video) -> Result<[u8; 2], Stop> {
        let answer = self.ask("SETUP", &video.track, "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n").await?;
        let session = text(&answer, &headers::SESSION).ok_or(Stop::NotOurs("no session"))?;
        let mut parts = session.split(';').map(str::trim);
        parts.next().unwrap_or_default().clone_into(&mut self.session);
        let timeout = parts.find_map(|p| p.strip_prefix("timeout=")?.trim().parse::<u64>().ok());
        self.timeout_s = timeout.filter(|t| *t > 0).unwrap_or(TIMEOUT_S);
        let transport = text(&answer, &headers::TRANSPORT).unwrap_or_default();
        let Some(pair) = transport.split(';').find_map(|p| p.trim().strip_prefix("interleaved=")) else {
            return Err(Stop::NotOurs("no channel numbers"));
        };
        let first = pair.split('-').next().and_then(|n| n.trim().parse::<u8>().ok());
        let first = first.filter(|n| *n < u8::MAX).ok_or(Stop::NotOurs("no channel numbers"))?;
        Ok([first, first + 1])
    }

    /// The text of a request.
    fn request(&mut self, method: &str, url: &str, more: &str) -> Result<String, Stop> {
        self.number += 1;
        let mut text = format!("{method} {url} RTSP/1.0\r\nCSeq: {}\r\nUser-Agent: {USER_AGENT}\r\n", self.number);
        if let (Some(auth), Some((username, password))) = (&mut self.auth, &self.credential) {
            let params = PasswordParams { username, password: password.expose(), uri: url, method, body: Some(&[]) };
            let answer = auth.respond(&params).map_err(|_| Stop::NotOurs("a challenge that cannot be answered"))?;
            text += &format!("Authorization: {answer}\r\n");
        }
        text += more;
        text += "\r\n";
        Ok(text)
    }

    /// A good answer to a request; a challenge is answered once, and once more where that one has aged.
    async fn ask(&mut self, method: &str, url: &str, more: &str) -> Result<Response<Vec<u8>>, Stop> {
        let mut again = false;
        loop {
            let request = self.request(method, url, more)?;
            let stream = self.stream.as_mut().ok_or_else(Failure::closed_in_setup)?;
            stream.write_all(request.as_bytes()).await.map_err(|_| Failure::closed_in_setup())?;
            let answer = self.answer().await?;
            let status = u16::from(answer.status());
            let successor = if status == 401 && !again { self.successor(&answer) } else { None };
            match status {
                200..=299 => {
                    self.proven = self.auth.is_some();
                    return Ok(answer);
                }
                401 if self.auth.is_none() && self.credential.is_some() => {
                    self.auth = Some(challenge(&answer).map_err(|_| Stop::NotOurs("a challenge that is not known"))?);
                }
                401 if successor.is_some() => (self.auth, again) = (successor, true),
                // It understands neither this request nor another of its kind.
                400 | 405 | 451 | 455..=459 | 501 | 505 => return Err(Stop::NotOurs("a request that it refuses")),
                _ => return Err(Failure::of_status(status, answer.reason_phrase()).into()),
            }
        }
    }

    /// Of a challenge that has aged, as the camera says or because its answer was taken before.
    fn successor(&self, answer: &Response<Vec<u8>>) -> Option<PasswordClient> {
        let PasswordClient::Digest(before) = self.auth.as_ref()? else { return None };
        let client = challenge(answer).ok()?;
        let PasswordClient::Digest(now) = &client else { return None };
        (now.nonce() != before.nonce() && (now.stale() || self.proven)).then_some(client)
    }

    /// The answer to the latest request. Packets that come before it are kept, anything else is passed over.
    async fn answer(&mut self) -> Result<Response<Vec<u8>>, Stop> {
        loop {
            let parsed = Message::<Vec<u8>>::parse(&self.held);
            match parsed {
                Ok((message, length)) => {
                    let bytes: Vec<u8> = self.held.drain(..length).collect();
                    match message {
                        Message::Response(answer) if self.is_latest(&answer) => return Ok(answer),
                        Message::Data(_) if self.early.len() < MAX_ANSWER => self.early.extend(bytes),
                        _ => {}
                    }
                }
                Err(ParseError::Incomplete(_)) if self.held.len() < MAX_ANSWER => {
                    let stream = self.stream.as_mut().ok_or_else(Failure::closed_in_setup)?;
                    let read = stream.read_buf(&mut self.held).await.map_err(|_| Failure::closed_in_setup())?;
                    if read == 0 {
                        return Err(Failure::closed_in_setup().into());
                    }
                }
                Err(_) => return Err(Stop::NotOurs("an answer that is no RTSP")),
            }
        }
    }

    fn is_latest(&self, answer: &Response<Vec<u8>>) -> bool {
        text(answer, &headers::CSEQ).is_none_or(|n| n.parse() == Ok(self.number))
    }

    /// Half of the time after which the camera would take us for gone.
    pub fn keepalive_ms(&self) -> u64 {
        // The camera's number: whatever it says, not every moment and not never.
        self.timeout_s.clamp(1, 60) * 500
    }

    /// What the camera says while it plays: answers to keepalives.
    pub fn heard(&mut self, message: &[u8]) {
        let Ok((Message::Response(answer), _)) = Message::<Vec<u8>>::parse(message) else { return };
        if !self.parameters && text(&answer, &headers::PUBLIC).is_some_and(|m| m.contains("GET_PARAMETER")) {
            self.parameters = true;
            // Where this is known, some cameras count nothing else.
            self.keep_alive();
        }
        match u16::from(answer.status()) {
            401 => self.renew(&answer),
            _ => self.renewed = false,
        }
    }

    /// A challenge ages, and a keepalive that is refused for it would end the session: the new one is answered, once.
    fn renew(&mut self, answer: &Response<Vec<u8>>) {
        if self.auth.is_some()
            && !self.renewed
            && let Ok(client) = challenge(answer)
        {
            (self.auth, self.renewed) = (Some(client), true);
            self.keep_alive();
        }
    }

    /// Says that we are still there. Never waits: a full socket has other worries.
    pub fn keep_alive(&mut self) {
        self.say(if self.parameters { "GET_PARAMETER" } else { "OPTIONS" });
    }

    fn say(&mut self, method: &str) {
        let Some(request) = self.in_session(method) else { return };
        if let Some(Err(error)) = self.stream.as_mut().map(|s| s.write_now(request.as_bytes())) {
            tracing::debug!(%error, "{method} was not sent");
        }
    }

    /// A request about the session.
    fn in_session(&mut self, method: &str) -> Option<String> {
        let (whole, session) = (self.whole.clone(), format!("Session: {}\r\n", self.session));
        self.request(method, &whole, &session).ok()
    }
}

impl Drop for Dialogue {
    /// Ends the session at the camera, so that one with few sessions has it back. The request goes out at once; the
    /// socket stays until the camera has closed it: closed before, by half or on unread pictures, it takes the request
    /// back at many a server.
    fn drop(&mut self) {
        if self.session.is_empty() {
            return;
        }
        let Some(request) = self.in_session("TEARDOWN") else { return };
        let Some(mut stream) = self.stream.take() else { return };
        if stream.write_now(request.as_bytes()).is_err() {
            return;
        }
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        runtime.spawn(async move {
            let heard = async {
                let mut unread = vec![0; 2048];
                while stream.read(&mut unread).await.is_ok_and(|n| n > 0) {}
            };
            drop(tokio::time::timeout(TEARDOWN, heard).await);
        });
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::DuplexStream;

    use super::*;
    use crate::types::ChannelState;

    const URL: &str = "rtsp://10.0.0.1/";

    /// A camera that gives these answers one after another; gives the requests that it heard.
    async fn camera(mut end: DuplexStream, answers: Vec<String>) -> Vec<String> {
        let (mut heard, mut bytes) = (Vec::new(), Vec::new());
        for (n, answer) in answers.iter().enumerate() {
            while !bytes.ends_with(b"\r\n\r\n") {
                if end.read_buf(&mut bytes).await.unwrap() == 0 {
                    return heard;
                }
            }
            heard.push(String::from_utf8(std::mem::take(&mut bytes)).unwrap());
            let (line, more) = answer.split_once('|').unwrap_or((answer, ""));
            let text = format!("RTSP/1.0 {line}\r\nCSeq: {}\r\n{more}\r\n", n + 1);
            end.write_all(text.as_bytes()).await.unwrap();
        }
        heard
    }

    /// 401 with this nonce.
    fn no(nonce: &str, more: &str) -> String {
        format!("401 Unauthorized|WWW-Authenticate: Digest realm=\"r\", nonce=\"{nonce}\"{more}\r\n")
    }

    fn yes() -> String {
        "200 OK".into()
    }

    /// DESCRIBE, then PLAY: how it ended, and the nonce that each request answered.
    async fn played(answers: Vec<String>) -> (Result<(), Option<ChannelState>>, Vec<String>) {
        let (ours, theirs) = tokio::io::duplex(1 << 16);
        let heard = tokio::spawn(camera(theirs, answers));
        let mut dialogue = Dialogue::new(Wire::Test(ours), Some(("admin".into(), Secret::new("right"))));
        let asked = async {
            dialogue.ask("DESCRIBE", URL, "").await?;
            dialogue.ask("PLAY", URL, "").await
        };
        let ended = asked.await.map(drop).map_err(|stop| match stop {
            Stop::Failed(failure) => Some(failure.state),
            Stop::NotOurs(_) => None,
        });
        drop(dialogue);
        let nonce = |request: &String| {
            request.split("nonce=\"").nth(1).and_then(|t| t.split('"').next()).unwrap_or_default().to_owned()
        };
        (ended, heard.await.unwrap().iter().map(nonce).collect())
    }

    const WRONG: Result<(), Option<ChannelState>> = Err(Some(ChannelState::AuthFailed));

    #[tokio::test]
    async fn a_challenge_that_has_aged_is_no_wrong_password() {
        // Each nonce holds for one request, and the camera says nothing of their age.
        let (ended, nonces) = played(vec![no("a", ""), yes(), no("b", ""), yes()]).await;
        assert_eq!((ended, nonces), (Ok(()), ["", "a", "a", "b"].map(String::from).to_vec()));
        // It says so at once.
        let (ended, nonces) = played(vec![no("a", ""), no("b", ", stale=true"), yes(), yes()]).await;
        assert_eq!((ended, nonces), (Ok(()), ["", "a", "b", "b"].map(String::from).to_vec()));
    }

    #[tokio::test]
    async fn a_password_that_is_refused_is_not_tried_again() {
        let (ended, nonces) = played(vec![no("a", ""), no("b", ""), yes(), yes()]).await;
        assert_eq!((ended, nonces.len()), (WRONG, 2), "a new nonce alone is what every refusal brings");
        let stale = ", stale=true";
        let (ended, nonces) = played(vec![no("a", ""), no("b", stale), no("c", stale), yes()]).await;
        assert_eq!((ended, nonces.len()), (WRONG, 3), "once, whatever it says");
        let (ended, nonces) = played(vec![no("a", ""), yes(), no("b", ""), no("c", ""), yes()]).await;
        assert_eq!((ended, nonces.len()), (WRONG, 4));
        let (ended, nonces) = played(vec![no("a", ""), no("a", stale), yes()]).await;
        assert_eq!((ended, nonces.len()), (WRONG, 2), "the same challenge has no other answer");
    }
}
