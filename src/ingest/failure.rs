//! Why there is no picture: one table from what went wrong to a state, a reason that says what to do, and a word for
//! metrics. retina tells the status of a response; the other kinds are told apart by the fixed beginning of its text.

use crate::config::Transport;
use crate::types::ChannelState;

/// The end of a try or of a session.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Failure {
    pub state: ChannelState,
    /// For metrics; one of a few words.
    pub kind: &'static str,
    /// One sentence without a secret: what happened and what to do.
    pub reason: String,
}

/// How far an error reaches.
#[derive(Debug, PartialEq, Eq)]
pub enum Reach {
    /// One packet or picture; the session goes on.
    Packet,
    Session,
}

impl Failure {
    pub fn new(state: ChannelState, kind: &'static str, reason: impl Into<String>) -> Self {
        Self { state, kind, reason: reason.into() }
    }

    /// True if the host gave no sign of an RTSP service: nobody else would get an answer there either.
    pub fn is_silence(&self) -> bool {
        matches!(self.kind, "connect" | "resolve" | "timeout" | "closed_in_setup")
    }

    /// Why a channel waits whose host does not answer others; `reason` is what the latest of them found.
    pub fn host_silent(host: &str, port: u16, reason: &str) -> String {
        format!("{host}:{port} does not answer ({reason}); one of its channels asks for all, every 15 s at the latest")
    }

    /// Why a channel waits whose login others were refused with.
    pub fn login_refused_to_others() -> String {
        "its host refuses this login to other channels; correct their [[credential]] (one of them tries again every few \
         minutes, so that the account is not locked)"
            .into()
    }

    /// An error while a session is set up.
    pub fn of_setup(error: &retina::Error) -> Self {
        if let Some(status) = error.status_code() {
            return Self::of_status(status, &first_line(error));
        }
        let text = error.to_string();
        if let Some(io) = text.strip_prefix("Unable to connect to RTSP server: ") {
            return Self::unreachable(io);
        }
        if text.starts_with("Error reading from RTSP peer") || text.starts_with("Error writing to RTSP peer") {
            return Self::closed_in_setup();
        }
        Self::new(
            ChannelState::Misconfigured,
            "protocol",
            format!("does not answer as an RTSP camera does ({}); check address and port", first_line(error)),
        )
    }

    /// No connection; the error of the system as text.
    pub fn unreachable(error: impl std::fmt::Display) -> Self {
        let text = error.to_string();
        let what = text.split(" (os error").next().unwrap_or(&text).to_ascii_lowercase();
        Self::new(
            ChannelState::Unreachable,
            "connect",
            format!("cannot be reached ({what}); check address, port and network"),
        )
    }

    /// No encrypted connection.
    pub fn tls(why: impl std::fmt::Display) -> Self {
        Self::new(ChannelState::Misconfigured, "tls", format!("gave no encrypted connection: {why}"))
    }

    /// What comes over TLS is read in one way only, and that does not know this.
    pub fn not_over_tls(why: &str) -> Self {
        Self::new(
            ChannelState::Misconfigured,
            "protocol",
            format!("cannot be read over rtsps ({why}); set the stream to H.264 or H.265, or use rtsp"),
        )
    }

    pub fn closed_in_setup() -> Self {
        Self::new(
            ChannelState::Offline,
            "closed_in_setup",
            "closed the connection while the session was set up; check that the address is an RTSP service",
        )
    }

    /// The connection broke while pictures came.
    pub fn broken(error: &std::io::Error) -> Self {
        Self::new(ChannelState::Offline, "broken", format!("the connection broke ({error}); tried again"))
    }

    /// A status that is no success; `line` is what the camera says of it.
    pub fn of_status(status: u16, line: &str) -> Self {
        use ChannelState::{AuthFailed, Misconfigured, Refused};
        match status {
            401 | 407 => Self::new(
                AuthFailed,
                "auth",
                "refuses user name or password; correct the channel's [[credential]] (tried again rarely, so that the \
                 camera does not lock the account)",
            ),
            403 => Self::new(
                Refused,
                "forbidden",
                "answers 403: this user may not see this stream; give the user the right to live view",
            ),
            404 | 410 => Self::new(
                Misconfigured,
                "not_found",
                format!("answers {status}: there is no such stream; correct the path of the channel's url"),
            ),
            453 => Self::new(
                Refused,
                "session_limit",
                "answers 453: no session is free; close other viewers or raise the camera's session limit",
            ),
            461 => Self::new(
                Misconfigured,
                "transport",
                "answers 461: it does not offer this transport; set the channel's transport to auto",
            ),
            300..=399 => Self::new(
                Misconfigured,
                "moved",
                format!("answers {status}: the stream has another address; enter that one as the channel's url"),
            ),
            500..=599 => Self::new(
                Refused,
                "camera_error",
                format!("answers {status}: the camera cannot serve the stream now; restart it if this stays"),
            ),
            // A good status, but what came with it could not be used.
            200..=299 => Self::new(
                Misconfigured,
                "protocol",
                format!("describes its stream in a way that cannot be used ({line}); choose another stream or codec"),
            ),
            _ => {
                Self::new(Misconfigured, "status", format!("answers {status}; check path and transport of the channel"))
            }
        }
    }

    /// An error after PLAY.
    pub fn of_session(error: &retina::Error) -> Self {
        if error.to_string().starts_with("RTSP framing error") {
            return Self::new(
                ChannelState::Offline,
                "garbage",
                "sent bytes that are no RTSP; the session is set up anew",
            );
        }
        Self::new(ChannelState::Offline, "broken", format!("the connection broke ({}); tried again", first_line(error)))
    }

    pub fn closed() -> Self {
        Self::new(ChannelState::Offline, "closed", "the camera closed the connection; tried again")
    }

    pub fn stalled(seconds: u32, transport: Transport) -> Self {
        let advice = match transport {
            Transport::Tcp | Transport::Auto => "check the camera and the network",
            Transport::Udp => "a firewall may hold UDP back; try transport = \"tcp\"",
        };
        Self::new(
            ChannelState::Stalled,
            "stalled",
            format!("the session stands but no picture came for {seconds} s; {advice}"),
        )
    }

    pub fn no_key(seconds: u64) -> Self {
        Self::new(
            ChannelState::Stalled,
            "no_key",
            format!("sent no key frame for {seconds} s; set a key-frame interval of a few seconds on the camera"),
        )
    }

    pub fn garbage() -> Self {
        Self::new(
            ChannelState::Offline,
            "garbage",
            "sent packets from which no picture could be made for 5 s; the session is set up anew",
        )
    }

    pub fn timeout(seconds: u32) -> Self {
        Self::new(
            ChannelState::Unreachable,
            "timeout",
            format!("gave no session within {seconds} s; check address, port and network"),
        )
    }
}

/// Whether a session can go on after an error that came instead of a unit.
pub fn reach(error: &retina::Error) -> Reach {
    // Errors of one packet carry its place in the stream; those of the connection do not.
    let text = error.to_string();
    if text.contains("\nstream: ") && text.contains("\npkt: ") { Reach::Packet } else { Reach::Session }
}

/// The beginning of an error's text, made safe to show: what a camera sends may stand in it.
fn first_line(error: &retina::Error) -> String {
    shown(&error.to_string())
}

/// The first line of a text in which may stand what a camera sends, made safe to show.
pub fn shown(text: &str) -> String {
    text.lines().next().unwrap_or_default().chars().filter(|c| !c.is_control()).take(160).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_status_has_its_state() {
        for (status, state) in [
            (401, ChannelState::AuthFailed),
            (403, ChannelState::Refused),
            (404, ChannelState::Misconfigured),
            (453, ChannelState::Refused),
            (461, ChannelState::Misconfigured),
            (302, ChannelState::Misconfigured),
            (503, ChannelState::Refused),
            (200, ChannelState::Misconfigured),
            (999, ChannelState::Misconfigured),
        ] {
            let failure = Failure::of_status(status, "x");
            assert_eq!((failure.state, failure.is_silence()), (state, false), "{status}");
        }
        assert!(Failure::timeout(10).is_silence() && Failure::closed_in_setup().is_silence());
        assert!(Failure::unreachable("no route").is_silence());
    }
}
