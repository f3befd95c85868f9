//! `skyeye probe URL`: what a camera really sends, before it is configured. Of a host, `probe_device` does the work.
//!
//! One session of some seconds with the gateway's own ingest: codec, size, frame rate, key-frame interval, bit rate,
//! clock. With `--json` the last line is one object. A camera that gives no picture is named by the same state and
//! reason that its channel would show.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use serde::Serialize;
use url::Url;

use super::Exit;
use crate::config::{self, Tls, Transport, validate};
use crate::discover::Login;
use crate::ingest::{ChannelSpec, LookTime, Looked, look};
use crate::types::{ChannelId, Codec, Secret};

const AFTER: &str = "Examples:
  skyeye probe rtsp://192.168.1.20/stream1 --user admin --password-file camera.txt
  skyeye probe rtsp://127.0.0.1:8554/cam/1 --allow-loopback
  skyeye probe 192.168.1.20 --onvif --user admin --password-file camera.txt --picture look.jpg
  skyeye probe 192.168.1.30 --brand dahua --channel 7 --user admin --password-file nvr.txt

Exit codes: 0 a picture came, 1 none came (the reason is printed), 64 bad usage.";

#[derive(Debug, Clone, clap::Args)]
#[command(after_help = AFTER)]
pub struct ProbeArgs {
    /// Address of the stream, rtsp://HOST[:PORT]/PATH, without user and password; or with --onvif or --brand the host
    #[arg(value_name = "URL|HOST")]
    pub url: String,
    /// Ask the device by ONVIF who it is and which streams it has, and look at them
    #[arg(long)]
    pub onvif: bool,
    /// Take the stream paths of this maker (`skyeye channels brands` lists them)
    #[arg(long, value_name = "BRAND")]
    pub brand: Option<String>,
    /// Channel of a recorder
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub channel: u32,
    /// Port of ONVIF; of RTSP with a brand alone
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    pub port: Option<u16>,
    /// Write the picture of the first stream to this file, with --onvif or --brand
    #[arg(long, value_name = "FILE")]
    pub picture: Option<PathBuf>,
    /// User name at the camera
    #[arg(long, value_name = "NAME", requires = "password_file")]
    pub user: Option<String>,
    /// File whose first line is the password
    #[arg(long, value_name = "FILE", requires = "user")]
    pub password_file: Option<PathBuf>,
    /// Pull over UDP instead of TCP
    #[arg(long)]
    pub udp: bool,
    /// How the certificate of an rtsps:// address is judged: verify, accept-any, or pin:SHA256
    #[arg(long, value_name = "POLICY", default_value_t)]
    pub tls: Tls,
    /// How long to look, in seconds; key frames must come twice in that time for their interval
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=3600))]
    pub seconds: u32,
    /// Accept an address of this machine itself (127.0.0.0/8, ::1), for `skyeye simulate`
    #[arg(long)]
    pub allow_loopback: bool,
}

/// What was found; one JSON object with `--json`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ProbeReport {
    pub ok: bool,
    /// `running`, or the state that the channel would show.
    pub state: &'static str,
    pub reason: String,
    pub transport: Transport,
    pub codec: Option<Codec>,
    pub width: u32,
    pub height: u32,
    pub seconds: f32,
    pub units: u64,
    pub unit_rate_hz: f32,
    pub kbit_s: f32,
    /// `None` with fewer than two key frames in the time.
    pub key_interval_s: Option<f32>,
    /// Camera clock minus this machine's; `None` where the camera sent no report.
    pub clock_skew_ms: Option<i64>,
    pub lost_packets: u64,
    /// Pictures that came damaged or too large.
    pub damaged: u64,
}

/// Runs the command; the code is 0 for a picture, 1 for none, 64 for bad usage.
pub async fn run(args: ProbeArgs, json: bool) -> anyhow::Result<Exit> {
    if args.onvif || args.brand.is_some() {
        return super::probe_device::run(args, json).await;
    }
    let url = match validate::camera_address(&args.url, args.allow_loopback) {
        Ok(url) => url,
        Err(why) => return Ok(refuse(&usage_sentence(&args.url, &why), json)),
    };
    let credential = match login(args.user.as_deref(), args.password_file.as_deref()) {
        Ok(login) => login.map(|l| (l.user, l.password)),
        Err(why) => return Ok(refuse(&why, json)),
    };
    let report = probe(&args, url, credential).await?;
    if json {
        println!("{}", serde_json::to_string(&report)?);
    } else if report.ok {
        println!("{}", table(&report).trim_end());
    } else {
        println!("{}: {}", report.state, report.reason);
    }
    Ok(if report.ok { Exit::Good } else { Exit::Failed })
}

/// The policy's sentence speaks of a configuration file; at the command line the places have other names.
fn usage_sentence(url: &str, why: &str) -> String {
    let login = Url::parse(url).is_ok_and(|u| !u.username().is_empty() || u.password().is_some());
    if login {
        "the address holds a user or password; give --user NAME and --password-file FILE instead (in the \
         configuration: a [[credential]])"
            .to_owned()
    } else if why.contains("loopback") {
        "the address is a loopback address; add --allow-loopback to look at the camera farm".to_owned()
    } else {
        format!("the address {why}")
    }
}

/// A login from the command line. The error is a sentence.
pub(super) fn login(user: Option<&str>, file: Option<&Path>) -> Result<Option<Login>, String> {
    let (Some(user), Some(file)) = (user, file) else { return Ok(None) };
    let text = std::fs::read_to_string(file)
        .map_err(|e| format!("--password-file {}: cannot be read: {e}", file.display()))?;
    Ok(Some(Login { user: user.to_owned(), password: Secret::new(text.lines().next().unwrap_or_default()) }))
}

pub(super) fn refuse(sentence: &str, json: bool) -> Exit {
    if json {
        println!("{}", serde_json::json!({ "ok": false, "state": "bad_usage", "reason": sentence }));
    } else {
        println!("{sentence}");
    }
    Exit::Usage
}

/// Looks at a stream for `args.seconds`.
pub async fn probe(args: &ProbeArgs, url: Url, credential: Option<(String, Secret)>) -> anyhow::Result<ProbeReport> {
    let transport = if args.udp { Transport::Udp } else { Transport::Tcp };
    let spec = ChannelSpec {
        id: ChannelId::new("probe").context("literal id")?,
        url,
        credential,
        transport,
        tls: args.tls,
        patrol_floor_s: config::Sample::default().patrol_floor_s,
    };
    let time = LookTime::exactly(Duration::from_secs(u64::from(args.seconds)));
    Ok(ProbeReport::new(look(&spec, args.allow_loopback, time).await, transport))
}

impl ProbeReport {
    fn new(looked: Looked, transport: Transport) -> Self {
        let (ok, state, reason) = match looked.failure {
            None => (true, "running", "gives pictures".to_owned()),
            Some(failure) => (false, failure.state.as_str(), failure.reason),
        };
        Self {
            ok,
            state,
            reason,
            transport,
            codec: looked.codec,
            width: looked.width,
            height: looked.height,
            seconds: looked.seconds,
            units: looked.units,
            unit_rate_hz: looked.unit_rate_hz,
            kbit_s: looked.kbit_s,
            key_interval_s: looked.key_interval_s,
            clock_skew_ms: looked.clock_skew_ms,
            lost_packets: looked.lost_packets,
            damaged: looked.damaged,
        }
    }
}

fn table(r: &ProbeReport) -> String {
    let key = match (r.key_interval_s, r.seconds) {
        (Some(s), _) => format!("{s:.1} s"),
        (None, looked) => format!("more than {looked:.0} s; look longer with --seconds"),
    };
    let skew = match r.clock_skew_ms {
        None => "unknown: the camera sent no sender report in the time".to_owned(),
        Some(ms) => format!("{:+.1} s against this machine", ms as f64 / 1000.0),
    };
    let transport = match r.transport {
        Transport::Tcp => "tcp",
        Transport::Udp => "udp",
        Transport::Auto => "auto",
    };
    let rows = [
        ("codec", r.codec.map_or("unknown", Codec::as_str).to_owned()),
        ("size", format!("{}x{}", r.width, r.height)),
        ("frame rate", format!("{:.1} Hz", r.unit_rate_hz)),
        ("key frame", format!("every {key}")),
        ("bit rate", format!("{:.0} kbit/s", r.kbit_s)),
        ("clock", skew),
        ("transport", transport.to_owned()),
        ("lost", format!("{} packets, {} pictures damaged", r.lost_packets, r.damaged)),
    ];
    rows.iter().map(|(name, value)| format!("{name:<11}{value}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_for_a_login_is_told_and_the_login_is_not_repeated() {
        let url = "rtsp://admin:s3cret@10.0.0.1/x";
        let why = validate::camera_address(url, false).unwrap_err();
        let sentence = usage_sentence(url, &why);
        assert!(sentence.contains("--password-file") && !sentence.contains("s3cret"), "{sentence}");
        assert!(usage_sentence("rtsp://127.0.0.1/", "is a loopback address").contains("--allow-loopback"));
    }
}
