//! `skyeye probe URL`: what a camera really sends, before it is configured.
//!
//! One session of some seconds with the gateway's own ingest: codec, size, frame rate, key-frame interval, bit rate,
//! clock. With `--json` the last line is one object. A camera that gives no picture is named by the same state and
//! reason that its channel would show.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use retina::client::SessionGroup;
use serde::Serialize;
use url::Url;

use super::Exit;
use crate::config::{self, Transport, validate};
use crate::ingest::{ChannelSpec, Failure, Reader, Received, open};
use crate::types::{ChannelId, Clock, Codec, Secret};

const AFTER: &str = "Examples:
  skyeye probe rtsp://192.168.1.20/stream1 --user admin --password-file camera.txt
  skyeye probe rtsp://127.0.0.1:8554/cam/1 --allow-loopback

Exit codes: 0 a picture came, 1 none came (the reason is printed), 64 bad usage.";

#[derive(Debug, Clone, clap::Args)]
#[command(after_help = AFTER)]
pub struct ProbeArgs {
    /// Address of the stream, rtsp://HOST[:PORT]/PATH, without user and password
    pub url: String,
    /// User name at the camera
    #[arg(long, value_name = "NAME", requires = "password_file")]
    pub user: Option<String>,
    /// File whose first line is the password
    #[arg(long, value_name = "FILE", requires = "user")]
    pub password_file: Option<PathBuf>,
    /// Pull over UDP instead of TCP
    #[arg(long)]
    pub udp: bool,
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
    let url = match validate::camera_address(&args.url, args.allow_loopback) {
        Ok(url) => url,
        Err(why) => return Ok(refuse(&usage_sentence(&args.url, &why), json)),
    };
    let credential = match (&args.user, &args.password_file) {
        (Some(user), Some(file)) => match std::fs::read_to_string(file) {
            Ok(text) => Some((user.clone(), Secret::new(text.lines().next().unwrap_or_default()))),
            Err(e) => return Ok(refuse(&format!("--password-file {}: cannot be read: {e}", file.display()), json)),
        },
        _ => None,
    };
    let report = probe(&args, url, credential).await?;
    if json {
        println!("{}", serde_json::to_string(&report)?);
    } else if report.ok {
        print!("{}", table(&report));
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

fn refuse(sentence: &str, json: bool) -> Exit {
    if json {
        println!("{}", serde_json::json!({ "ok": false, "state": "bad_usage", "reason": sentence }));
    } else {
        println!("{sentence}");
    }
    Exit::Usage
}

/// Looks at a stream for `args.seconds`.
pub async fn probe(args: &ProbeArgs, url: Url, credential: Option<(String, Secret)>) -> anyhow::Result<ProbeReport> {
    let options = config::Ingest::default();
    let transport = if args.udp { Transport::Udp } else { Transport::Tcp };
    let spec = ChannelSpec {
        id: ChannelId::new("probe").context("literal id")?,
        url,
        credential,
        transport,
        patrol_floor_s: config::Sample::default().patrol_floor_s,
    };
    let mut found = Found::new(transport);
    let timeout = Duration::from_secs(u64::from(options.connect_timeout_s));
    let group = Arc::new(SessionGroup::default());
    let failure = match tokio::time::timeout(timeout, open(&spec, args.allow_loopback, &group)).await {
        Ok(Ok(playing)) => {
            let mut reader = Reader::new(playing, options.max_unit_bytes);
            found.look(&mut reader, Duration::from_secs(u64::from(args.seconds)), transport).await
        }
        Ok(Err(failure)) => Some(failure),
        Err(_) => Some(Failure::timeout(options.connect_timeout_s)),
    };
    // A camera behind UDP goes on sending until it is told.
    if tokio::time::timeout(Duration::from_secs(2), group.await_teardown()).await.is_err() {
        tracing::debug!("the camera did not answer TEARDOWN");
    }
    Ok(found.report(failure))
}

struct Found {
    report: ProbeReport,
    bytes: u64,
    keys: u64,
    /// Seconds from the first to the last unit, and key unit.
    span_s: f32,
    key_span_s: f32,
}

impl Found {
    fn new(transport: Transport) -> Self {
        let report = ProbeReport {
            ok: false,
            state: "",
            reason: String::new(),
            transport,
            codec: None,
            width: 0,
            height: 0,
            seconds: 0.0,
            units: 0,
            unit_rate_hz: 0.0,
            kbit_s: 0.0,
            key_interval_s: None,
            clock_skew_ms: None,
            lost_packets: 0,
            damaged: 0,
        };
        Self { report, bytes: 0, keys: 0, span_s: 0.0, key_span_s: 0.0 }
    }

    /// Reads until the time is over; a failure is given only if there was no picture.
    async fn look(&mut self, reader: &mut Reader, time: Duration, transport: Transport) -> Option<Failure> {
        let clock = Clock::start();
        let end = tokio::time::Instant::now() + time;
        let (mut first, mut first_key) = (None, None);
        let mut ended = None;
        while let Ok(received) = tokio::time::timeout_at(end, reader.next()).await {
            let now = clock.now();
            match received {
                Received::Unit(unit) => {
                    self.report.units += 1;
                    self.bytes += unit.data.len() as u64;
                    self.report.lost_packets += unit.lost;
                    let first = *first.get_or_insert(now.mono);
                    self.span_s = now.mono.since_ms(first) as f32 / 1000.0;
                    if unit.key {
                        self.keys += 1;
                        let first_key = *first_key.get_or_insert(now.mono);
                        self.key_span_s = now.mono.since_ms(first_key) as f32 / 1000.0;
                    }
                }
                Received::Report { ntp, .. } => {
                    self.report.clock_skew_ms = crate::ingest::skew_ms(ntp, now.wall).or(self.report.clock_skew_ms);
                }
                Received::Damaged { lost, .. } => {
                    self.report.damaged += 1;
                    self.report.lost_packets += lost;
                }
                Received::Other => {}
                Received::Ended(failure) => {
                    ended = Some(failure);
                    break;
                }
            }
        }
        let video = reader.video();
        self.report.codec = Some(video.codec);
        (self.report.width, self.report.height) = (video.width, video.height);
        self.report.seconds = clock.mono().0 as f32 / 1000.0;
        if self.keys > 0 {
            return None;
        }
        let seconds = u32::try_from(time.as_secs()).unwrap_or(u32::MAX);
        Some(ended.unwrap_or_else(|| match self.report.units {
            0 => Failure::stalled(seconds, transport),
            _ => Failure::no_key(u64::from(seconds)),
        }))
    }

    fn report(mut self, failure: Option<Failure>) -> ProbeReport {
        let r = &mut self.report;
        // Between the first and the last unit lie one fewer intervals than units.
        if r.units > 1 && self.span_s > 0.0 {
            let share = (r.units - 1) as f32 / r.units as f32;
            r.unit_rate_hz = (r.units - 1) as f32 / self.span_s;
            r.kbit_s = self.bytes as f32 * share * 8.0 / 1000.0 / self.span_s;
        }
        if self.keys > 1 {
            r.key_interval_s = Some(self.key_span_s / (self.keys - 1) as f32);
        }
        match failure {
            None => {
                r.ok = true;
                r.state = "running";
                r.reason = "gives pictures".into();
            }
            Some(failure) => {
                r.state = failure.state.as_str();
                r.reason = failure.reason;
            }
        }
        self.report
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
