//! What a farm is told: the arguments of `skyeye simulate`, and of every test that wants cameras.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

use super::auth::AuthScheme;
use crate::types::Secret;

/// How the channels' loops lie to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Phase {
    /// Each channel starts elsewhere in the loop; key frames come evenly.
    #[default]
    Spread,
    /// All channels show the same at the same time: every key frame comes at once.
    Same,
}

/// Which transports SETUP grants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Transports {
    #[default]
    Any,
    Tcp,
    Udp,
}

/// A file, with a name if it is to be had under `/name` too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClipArg {
    pub name: Option<String>,
    pub path: PathBuf,
}

impl FromStr for ClipArg {
    type Err = String;

    /// `FILE` or `NAME=FILE`; a name holds letters, digits, `-`, `_` and `.`.
    fn from_str(text: &str) -> Result<Self, String> {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        match text.split_once('=') {
            Some((name, path)) if !name.is_empty() && name.chars().all(plain) => {
                Ok(ClipArg { name: Some(name.into()), path: path.into() })
            }
            _ if text.is_empty() => Err("give a file, or NAME=FILE".into()),
            _ => Ok(ClipArg { name: None, path: text.into() }),
        }
    }
}

impl From<PathBuf> for ClipArg {
    fn from(path: PathBuf) -> Self {
        ClipArg { name: None, path }
    }
}

const AFTER: &str = "Examples:
  skyeye simulate --clip street.mp4 --channels 100
      a hundred cameras, rtsp://127.0.0.1:8554/cam/1 to .../cam/100
  skyeye simulate --clip gate=gate.mp4 --clip yard=yard.mp4 --channels 2
      two cameras, also to be had as rtsp://127.0.0.1:8554/gate and .../yard
  skyeye simulate --clip street.mp4 --channels 64 --hosts 4 --sessions-per-host 20
      four recorders, 127.1.0.1 to 127.1.0.4, with sixteen cameras each
  skyeye simulate --clip street.mp4 --hosts 4 --channels 64 --onvif 8000
      the same as ONVIF devices, for `skyeye probe 127.1.0.1 --onvif`
  skyeye simulate --clip street.mp4 --control 127.0.0.1:8600
      then `echo stall 1 | nc -N 127.0.0.1 8600` makes the camera hang,
      `echo resume | nc -N 127.0.0.1 8600` heals it, `echo help | nc ...` names all

A gateway accepts loopback cameras only with [ingest] allow_loopback = true.
Ctrl-C ends the farm and prints what it served; with --json as one object.";

/// A farm of cameras that play files: `rtsp://HOST:PORT/cam/1` and up.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = AFTER)]
pub struct FarmOptions {
    /// Video file to play: H.264, H.265 or MJPEG, in MP4, MKV, AVI or raw. Given several times, the cameras take the
    /// files in turn. NAME=FILE is to be had under /NAME, too
    #[arg(long = "clip", value_name = "[NAME=]FILE", required = true)]
    pub clips: Vec<ClipArg>,
    /// How many cameras
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub channels: u32,
    /// Address and port to listen on; port 0 takes a free one. With --hosts only the port counts
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8554")]
    pub listen: SocketAddr,
    /// Spread the cameras over N loopback addresses, 127.1.0.1 and up, each like a recorder of its own; 0: all on
    /// --listen
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=60_000))]
    pub hosts: u32,
    /// Sessions that a host grants before it answers 453 (not enough bandwidth), as full recorders do; 0: no limit
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub sessions_per_host: u32,
    /// First part of the path in the cameras' addresses
    #[arg(long, value_name = "NAME", default_value = "cam")]
    pub path: String,
    /// Where in its loop each camera starts
    #[arg(long, value_enum, default_value_t)]
    pub phase: Phase,
    /// How the cameras ask for a login
    #[arg(long, value_enum, default_value_t)]
    pub auth: AuthScheme,
    /// User name with --auth basic and digest
    #[arg(long, value_name = "NAME", default_value = "admin")]
    pub user: String,
    /// Password with --auth basic and digest; others on this machine can see it, so no real one
    #[arg(long, default_value = "farm", value_parser = secret)]
    pub password: Secret,
    /// Transports that the cameras grant; with udp a client that wants TCP is refused, and the other way round
    #[arg(long, value_enum, default_value_t)]
    pub transport: Transports,
    /// Seconds without a sign of life from the client after which its session ends
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=3_600))]
    pub session_timeout_s: u64,
    /// How far the cameras' clocks, as their sender reports tell them, are ahead of this machine's; negative: behind
    #[arg(long, value_name = "MS", default_value_t = 0, allow_negative_numbers = true)]
    pub clock_skew_ms: i64,
    /// Take commands on this loopback address, one a line, to make cameras fail and heal: stop-host, stall, refuse,
    /// garbage, drop, resume and others
    #[arg(long, value_name = "ADDRESS")]
    pub control: Option<SocketAddr>,
    /// Answer as ONVIF devices, too, one a host, at this HTTP port (0: a free one each), and to WS-Discovery at the
    /// same number over UDP and at 3702 where that is free. The login is that of --auth
    #[arg(long, value_name = "PORT")]
    pub onvif: Option<u16>,
    /// With --onvif and a login: want it as an HTTP digest, not as a token in the message
    #[arg(long, requires = "onvif")]
    pub onvif_http_digest: bool,
    /// First RTP timestamp of each session instead of a random one; 4294000000 wraps after ten seconds
    #[arg(long, value_name = "N")]
    pub rtp_start: Option<u32>,
    /// First RTP sequence number of each session instead of a random one; 65000 wraps soon
    #[arg(long, value_name = "N")]
    pub seq_start: Option<u16>,
}

impl Default for FarmOptions {
    /// The command line's defaults, on a free port, without a clip.
    fn default() -> Self {
        Self {
            clips: Vec::new(),
            channels: 1,
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            hosts: 0,
            sessions_per_host: 0,
            path: "cam".into(),
            phase: Phase::Spread,
            auth: AuthScheme::None,
            user: "admin".into(),
            password: Secret::new("farm"),
            transport: Transports::Any,
            session_timeout_s: 60,
            clock_skew_ms: 0,
            control: None,
            onvif: None,
            onvif_http_digest: false,
            rtp_start: None,
            seq_start: None,
        }
    }
}

fn secret(text: &str) -> Result<Secret, std::convert::Infallible> {
    Ok(Secret::new(text))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        farm: FarmOptions,
    }

    #[test]
    fn the_command_line_and_the_library_have_the_same_defaults() {
        let line = Line::parse_from(["farm", "--clip", "a.mp4", "--listen", "127.0.0.1:0"]).farm;
        let library = FarmOptions { clips: vec![ClipArg::from(PathBuf::from("a.mp4"))], ..FarmOptions::default() };
        assert_eq!(format!("{line:?}"), format!("{library:?}"));
        assert_eq!(line.password.expose(), library.password.expose());
    }

    #[test]
    fn a_clip_may_have_a_name() {
        let line =
            Line::parse_from(["farm", "--clip", "gate=a=b.mp4", "--clip", "/x y/c.mp4", "--clock-skew-ms", "-5"]);
        assert_eq!(line.farm.clips[0], ClipArg { name: Some("gate".into()), path: "a=b.mp4".into() });
        assert_eq!(line.farm.clips[1].name, None);
        assert_eq!(line.farm.clock_skew_ms, -5);
        assert!(Line::try_parse_from(["farm"]).is_err());
    }
}
