//! The camera farm, read by clients that are not ours: retina, ffprobe, and bare sockets where a client would be too
//! polite.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::expect_used)] // tests read clocks, start ffprobe, panic

mod support;

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::StreamExt as _;
use retina::client::{
    Credentials, Demuxed, InitialTimestampPolicy, PlayOptions, Session, SessionOptions, SetupOptions, TeardownPolicy,
    Transport,
};
use retina::codec::{CodecItem, FrameFormat};
use skyeye::decode::file::read_access_units;
use skyeye::simulate::packetise::{jpeg, split_annex_b};
use skyeye::simulate::{self, AuthScheme, ClipArg, Farm, FarmOptions, Phase, Transports};
use skyeye::types::{Codec, Secret};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

const SOON: Duration = Duration::from_secs(10);

/// A short film in the wanted coding; 25 fps, 320x240, key frame every 12 pictures.
fn film(dir: &Path, name: &str, seconds: &str, coding: &[&str]) -> PathBuf {
    let path = dir.join(name);
    let mut args = vec!["-f", "lavfi", "-i", "testsrc=size=320x240:rate=25", "-t", seconds];
    args.extend_from_slice(coding);
    let text = path.to_str().unwrap().to_owned();
    args.push(&text);
    support::ffmpeg(&args);
    path
}

const H264: &[&str] = &["-c:v", "libx264", "-bf", "0", "-g", "12", "-pix_fmt", "yuv420p"];
const H264_B: &[&str] = &["-c:v", "libx264", "-bf", "3", "-b_strategy", "0", "-g", "12", "-pix_fmt", "yuv420p"];
const H265: &[&str] = &["-c:v", "libx265", "-x265-params", "log-level=error:keyint=12", "-pix_fmt", "yuv420p"];
const MJPEG: &[&str] = &["-c:v", "mjpeg", "-huffman", "default", "-pix_fmt", "yuvj420p", "-q:v", "3"];

/// Pictures of some 100 kB each.
const NOISE: &[&str] =
    &["-vf", "noise=alls=100:allf=t", "-c:v", "mjpeg", "-huffman", "default", "-q:v", "2", "-pix_fmt", "yuvj420p"];

async fn farm(path: &Path, change: impl FnOnce(&mut FarmOptions)) -> Farm {
    let mut options = FarmOptions { clips: vec![ClipArg::from(path.to_owned())], ..FarmOptions::default() };
    change(&mut options);
    simulate::start(options).await.unwrap()
}

fn transport(udp: bool) -> Transport {
    if udp { Transport::Udp(Default::default()) } else { Transport::Tcp(Default::default()) }
}

async fn described(
    url: &str,
    login: Option<(&str, &str)>,
) -> Result<Session<retina::client::Described>, retina::Error> {
    let creds = login.map(|(u, p)| Credentials { username: u.into(), password: p.into() });
    let options = SessionOptions::default().creds(creds).teardown(TeardownPolicy::Never);
    Session::describe(url::Url::parse(url).unwrap(), options).await
}

async fn playing(url: &str, udp: bool, login: Option<(&str, &str)>) -> Result<Demuxed, retina::Error> {
    let mut session = described(url, login).await?;
    let options = SetupOptions::default().transport(transport(udp)).frame_format(FrameFormat::SIMPLE);
    session.setup(0, options).await?;
    session.play(PlayOptions::default().initial_timestamp(InitialTimestampPolicy::Permissive)).await?.demuxed()
}

#[derive(Debug)]
struct Picture {
    data: Vec<u8>,
    time: i64,
    loss: u16,
    key: bool,
}

async fn pictures(stream: &mut Demuxed, count: usize) -> Vec<Picture> {
    let mut got = Vec::new();
    while got.len() < count {
        match timeout(SOON, stream.next()).await.expect("a picture in time").expect("an open stream").unwrap() {
            CodecItem::VideoFrame(f) => got.push(Picture {
                time: f.timestamp().timestamp(),
                loss: f.loss(),
                key: f.is_random_access_point(),
                data: f.into_data(),
            }),
            _ => continue,
        }
    }
    got
}

/// What must come through unchanged: the slices and SEI of H.26x, the scan of a JPEG. Parameter sets and delimiters
/// are the receiver's to place.
fn essence(codec: Codec, data: &[u8]) -> Vec<Vec<u8>> {
    let kept = |nal: &&[u8]| match codec {
        Codec::H264 => matches!(nal[0] & 31, 1..=6),
        _ => !matches!(nal[0] >> 1 & 63, 32..=35),
    };
    match codec {
        Codec::Mjpeg => vec![jpeg::scan_of(data).unwrap().to_vec()],
        _ => split_annex_b(data).into_iter().filter(kept).map(<[u8]>::to_vec).collect(),
    }
}

/// Reads more than one loop of a clip and holds every picture and timestamp against the file.
async fn round_trip(path: &Path, udp: bool, change: impl FnOnce(&mut FarmOptions)) {
    let file = read_access_units(path).unwrap();
    let expected: Vec<_> = file.units.iter().map(|u| essence(file.codec, &u.data)).collect();
    let farm = farm(path, change).await;
    let mut stream = playing(&farm.url(1), udp, None).await.unwrap();
    let got = pictures(&mut stream, expected.len() + 15).await;

    assert!(got[0].key, "a session starts with a key frame");
    let first = essence(file.codec, &got[0].data);
    let start = expected.iter().position(|e| *e == first).expect("the first picture is one of the file");
    // 90 kHz from the start of the loop, and its length at 25 fps
    let zero = file.units.iter().map(|u| u.pts_90k).min().unwrap();
    let length = 3_600 * file.units.len() as i64;
    let at = |k: usize| (k / file.units.len()) as i64 * length + file.units[k % file.units.len()].pts_90k - zero;
    for (index, picture) in got.iter().enumerate() {
        let unit = (start + index) % expected.len();
        assert_eq!(picture.loss, 0, "picture {index}");
        assert!(essence(file.codec, &picture.data) == expected[unit], "picture {index} is not unit {unit} of the file");
        assert_eq!(picture.time - got[0].time, at(start + index) - at(start), "time of picture {index}");
    }
    let stats = farm.stats();
    assert!(stats.units >= got.len() as u64 && stats.units_skipped == 0 && stats.udp_lost == 0, "{stats:?}");
    farm.shutdown().await;
}

#[tokio::test]
async fn h264_comes_back_whole_over_tcp_and_udp() {
    let dir = tempfile::tempdir().unwrap();
    let path = film(dir.path(), "a.mp4", "1", H264);
    round_trip(&path, false, |_| ()).await;
    round_trip(&path, true, |_| ()).await;
}

#[tokio::test]
async fn h264_with_b_frames_keeps_its_order_and_times() {
    let dir = tempfile::tempdir().unwrap();
    let path = film(dir.path(), "b.mkv", "1", H264_B);
    let file = read_access_units(&path).unwrap();
    assert!(file.units.windows(2).any(|w| w[1].pts_90k < w[0].pts_90k), "the clip has no B-frames");
    round_trip(&path, false, |_| ()).await;
}

#[tokio::test]
async fn h265_comes_back_whole_over_tcp_and_udp() {
    let dir = tempfile::tempdir().unwrap();
    let path = film(dir.path(), "c.mp4", "1", H265);
    round_trip(&path, false, |_| ()).await;
    round_trip(&path, true, |_| ()).await;
}

#[tokio::test]
async fn mjpeg_comes_back_whole_over_tcp_and_udp() {
    let dir = tempfile::tempdir().unwrap();
    let path = film(dir.path(), "d.avi", "1", MJPEG);
    round_trip(&path, false, |_| ()).await;
    round_trip(&path, true, |_| ()).await;
}

#[tokio::test]
async fn large_pictures_over_udp_do_not_overrun_the_receiver() {
    let dir = tempfile::tempdir().unwrap();
    let path = film(dir.path(), "z.avi", "1", NOISE);
    let largest = read_access_units(&path).unwrap().units.iter().map(|u| u.data.len()).max().unwrap();
    assert!(largest > 80_000, "{largest} bytes are not large");
    round_trip(&path, true, |_| ()).await;
}

#[tokio::test]
async fn a_client_that_keeps_its_session_alive_keeps_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = film(dir.path(), "zz.mp4", "1", H264);
    let farm = farm(&path, |o| o.session_timeout_s = 2).await;
    for udp in [false, true] {
        let mut stream = playing(&farm.url(1), udp, None).await.unwrap();
        assert!(pictures(&mut stream, 110).await.iter().all(|p| p.loss == 0), "more than four seconds");
    }
    assert_eq!(farm.stats().timed_out, 0);
}

#[tokio::test]
async fn timestamps_and_sequence_numbers_may_wrap() {
    let dir = tempfile::tempdir().unwrap();
    let path = film(dir.path(), "e.mp4", "1", H264);
    round_trip(&path, false, |o| {
        o.rtp_start = Some(u32::MAX - 90_000);
        o.seq_start = Some(u16::MAX - 20);
    })
    .await;
}

#[tokio::test]
async fn a_raw_stream_without_times_plays_at_its_rate() {
    let dir = tempfile::tempdir().unwrap();
    round_trip(&film(dir.path(), "f.h264", "1", H264), false, |_| ()).await;
}

#[tokio::test]
async fn real_footage_comes_back_whole() {
    let Some(path) = support::shared("footage/one-by-one-person.mp4") else { return };
    let file = read_access_units(&path).unwrap();
    let farm = farm(&path, |_| ()).await;
    let mut stream = playing(&farm.url(1), false, None).await.unwrap();
    let got = pictures(&mut stream, 15).await;
    let first = essence(file.codec, &got[0].data);
    let start = file.units.iter().position(|u| essence(file.codec, &u.data) == first).unwrap();
    for (picture, unit) in got.iter().zip(&file.units[start..]) {
        assert!(essence(file.codec, &picture.data) == essence(file.codec, &unit.data));
    }
}

#[tokio::test]
async fn logins_are_asked_for_and_checked() {
    let dir = tempfile::tempdir().unwrap();
    let path = film(dir.path(), "g.mp4", "1", H264);
    for scheme in [AuthScheme::Basic, AuthScheme::Digest] {
        let farm = farm(&path, |o| {
            o.auth = scheme;
            o.password = Secret::new("right: \"one\"?");
        })
        .await;
        let mut stream = playing(&farm.url(1), false, Some(("admin", "right: \"one\"?"))).await.unwrap();
        assert_eq!(pictures(&mut stream, 3).await.len(), 3, "{scheme:?}");
        for wrong in [None, Some(("admin", "wrong")), Some(("root", "right: \"one\"?"))] {
            let error = playing(&farm.url(1), false, wrong).await.err().unwrap();
            if wrong.is_some() {
                assert_eq!(error.status_code(), Some(401), "{scheme:?} {error}");
            }
        }
        assert!(farm.stats().auth_refused >= 3);
    }
}

#[tokio::test]
async fn a_wrong_path_is_404_and_a_named_clip_has_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let path = film(dir.path(), "h.mp4", "1", H264);
    let farm = farm(&path, |o| {
        o.clips[0].name = Some("gate".into());
        o.channels = 3;
    })
    .await;
    for wrong in ["cam/4", "cam/0", "cam", "cam/x", "", "gate/1", "other"] {
        let url = format!("rtsp://{}/{wrong}", farm.addr(1));
        assert_eq!(described(&url, None).await.err().unwrap().status_code(), Some(404), "{wrong}");
    }
    let mut stream = playing(&farm.named_url("gate"), false, None).await.unwrap();
    pictures(&mut stream, 2).await;
}

#[tokio::test]
async fn a_host_grants_no_more_sessions_than_it_has_and_gives_back_what_ends() {
    let dir = tempfile::tempdir().unwrap();
    let path = film(dir.path(), "i.mp4", "1", H264);
    let farm = farm(&path, |o| {
        o.channels = 4;
        o.hosts = 2;
        o.sessions_per_host = 2;
    })
    .await;
    assert_ne!(farm.addr(1).ip(), farm.addr(2).ip());
    assert!(farm.url(2).contains("127.1.0.1") && farm.url(3).contains("127.1.0.2"), "{} {}", farm.url(2), farm.url(3));
    let elsewhere = farm.url(3).replace("127.1.0.2", "127.1.0.1");
    assert_eq!(described(&elsewhere, None).await.err().unwrap().status_code(), Some(404), "on the other host");

    let mut first = playing(&farm.url(1), false, None).await.unwrap();
    let mut second = playing(&farm.url(1), true, None).await.unwrap();
    let refused = playing(&farm.url(2), false, None).await.err().unwrap();
    assert_eq!(refused.status_code(), Some(453), "{refused}");
    let mut other = playing(&farm.url(3), false, None).await.unwrap();
    for stream in [&mut first, &mut second, &mut other] {
        pictures(stream, 2).await;
    }
    drop(second);
    let again = async {
        loop {
            match playing(&farm.url(2), false, None).await {
                Ok(stream) => return stream,
                Err(error) => assert_eq!(error.status_code(), Some(453)),
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    pictures(&mut timeout(SOON, again).await.expect("a place is given back"), 2).await;
    let stats = farm.stats();
    assert_eq!((stats.hosts[0].sessions_max, stats.hosts[0].sessions_now, stats.hosts[1].sessions_now), (2, 2, 1));
    assert!(stats.hosts[0].connects >= 4 && stats.limit_refused >= 1, "{stats:?}");
}

#[tokio::test]
async fn transports_can_be_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = film(dir.path(), "j.mp4", "1", H264);
    let farm = farm(&path, |o| o.transport = Transports::Tcp).await;
    assert_eq!(playing(&farm.url(1), true, None).await.err().unwrap().status_code(), Some(461));
    pictures(&mut playing(&farm.url(1), false, None).await.unwrap(), 2).await;
}

#[tokio::test]
async fn sender_reports_tell_the_cameras_clock() {
    let dir = tempfile::tempdir().unwrap();
    let path = film(dir.path(), "k.mp4", "1", H264);
    for (udp, skew_ms) in [(false, 0), (false, 90_000), (true, -3_600_000)] {
        let farm = farm(&path, |o| o.clock_skew_ms = skew_ms).await;
        let mut stream = playing(&farm.url(1), udp, None).await.unwrap();
        let mut said = None;
        let mut seen: Vec<(i64, i64)> = Vec::new();
        while said.is_none() || seen.len() < 5 {
            let item = timeout(SOON, stream.next()).await.unwrap().unwrap().unwrap();
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64;
            match item {
                CodecItem::VideoFrame(f) => seen.push((f.timestamp().timestamp(), now)),
                CodecItem::Rtcp(packet) => {
                    let Some(rtp) = packet.rtp_timestamp() else { continue };
                    let ntp = packet.pkts().find_map(|p| p.as_sender_report().ok().flatten()).unwrap().ntp_timestamp();
                    let ms =
                        ((ntp.0 >> 32) as i64 - 2_208_988_800) * 1_000 + (((ntp.0 & 0xffff_ffff) * 1_000) >> 32) as i64;
                    said = Some((rtp.timestamp(), ms));
                }
                _ => {}
            }
        }
        let (rtp, wall) = said.unwrap();
        // A busy machine may be late with some of them; none comes before it is shown, and the quickest tells the clock.
        let late: Vec<i64> = seen.iter().map(|(time, came)| came - (wall + (time - rtp) / 90 - skew_ms)).collect();
        assert!(late.iter().all(|ms| *ms > -100) && late.iter().any(|ms| *ms < 100), "{late:?} ms (udp {udp})");
    }
}

/// When the next key frame comes, in milliseconds.
async fn key_frame_at(stream: &mut Demuxed, begin: tokio::time::Instant) -> f64 {
    loop {
        if pictures(stream, 1).await[0].key {
            return begin.elapsed().as_secs_f64() * 1e3;
        }
    }
}

#[tokio::test]
async fn phases_are_the_same_or_spread() {
    let dir = tempfile::tempdir().unwrap();
    let path = film(dir.path(), "l.mp4", "4", &["-c:v", "libx264", "-bf", "0", "-g", "25", "-pix_fmt", "yuv420p"]);
    // Channel 2 lies 0.618 of four seconds ahead, and a key frame comes every second.
    for (phase, expected_ms) in [(Phase::Same, 0.0), (Phase::Spread, 528.0)] {
        let farm = farm(&path, |o| {
            o.channels = 2;
            o.phase = phase;
        })
        .await;
        let mut first = playing(&farm.url(1), false, None).await.unwrap();
        let mut second = playing(&farm.url(2), false, None).await.unwrap();
        let begin = tokio::time::Instant::now();
        let (a, b) = tokio::join!(key_frame_at(&mut first, begin), key_frame_at(&mut second, begin));
        let apart = (b - a - expected_ms).rem_euclid(1_000.0);
        assert!(!(60.0..=940.0).contains(&apart), "{phase:?}: key frames at {a} and {b} ms");
        farm.shutdown().await;
    }
}

#[tokio::test]
async fn a_stopped_host_ends_its_sessions_and_no_others() {
    let dir = tempfile::tempdir().unwrap();
    let path = film(dir.path(), "m.mp4", "1", H264);
    let farm = farm(&path, |o| {
        o.channels = 2;
        o.hosts = 2;
    })
    .await;
    let mut first = playing(&farm.url(1), false, None).await.unwrap();
    let mut second = playing(&farm.url(2), false, None).await.unwrap();
    pictures(&mut first, 2).await;
    assert_eq!(farm.command("stop-host 1").await, "ok");
    assert!(farm.command("stop-host 1").await.starts_with("error"));
    let ended = timeout(SOON, async { while let Some(Ok(_)) = first.next().await {} }).await;
    assert!(ended.is_ok(), "its session ends");
    assert!(described(&farm.url(1), None).await.err().unwrap().status_code().is_none(), "nobody answers");
    let whole = pictures(&mut second, 30).await;
    assert!(whole.iter().all(|p| p.loss == 0));
    assert_eq!(farm.command("start-host 1").await, "ok");
    pictures(&mut playing(&farm.url(1), false, None).await.unwrap(), 2).await;
    let stats = farm.stats();
    assert!(stats.hosts.iter().all(|h| h.listening && h.sessions_now == 1), "{stats:?}");
}

#[tokio::test]
async fn the_farm_knows_what_it_shows() {
    let dir = tempfile::tempdir().unwrap();
    let path = film(dir.path(), "pos.mp4", "2", H264);
    let file = read_access_units(&path).unwrap();
    let farm = farm(&path, |o| o.channels = 2).await;
    let mut stream = playing(&farm.url(2), false, None).await.unwrap();
    let mut seen = Vec::new();
    for _ in 0..60 {
        let shown = essence(file.codec, &pictures(&mut stream, 1).await[0].data);
        let (_, said_ms) = farm.position(2).unwrap();
        let index = file.units.iter().position(|u| essence(file.codec, &u.data) == shown).unwrap() as i64;
        seen.push((index, said_ms));
    }
    // A picture that this test reads late, on a machine that others use, says nothing of the farm.
    let behind = |(index, said_ms): &(i64, i64)| (said_ms - index * 40).rem_euclid(2_000);
    let prompt = seen.iter().filter(|s| behind(s) <= 100).count();
    assert!(prompt >= 30, "picture and what the farm says, in ms: {seen:?}");
    assert!(farm.command("position 2").await.starts_with("ok "));
}

/// True if nothing comes for half a second.
async fn silent(stream: &mut Demuxed) -> bool {
    while let Ok(item) = timeout(Duration::from_millis(500), stream.next()).await {
        match item.unwrap().unwrap() {
            CodecItem::VideoFrame(_) => return false,
            _ => continue,
        }
    }
    true
}

#[tokio::test]
async fn stalls_refusals_and_drops_come_and_go() {
    let dir = tempfile::tempdir().unwrap();
    let path = film(dir.path(), "n.mp4", "1", H264);
    let farm = farm(&path, |o| o.channels = 2).await;
    let mut first = playing(&farm.url(1), false, None).await.unwrap();
    let mut second = playing(&farm.url(2), false, None).await.unwrap();
    pictures(&mut first, 2).await;

    assert_eq!(farm.command("stall 1").await, "ok");
    tokio::time::sleep(Duration::from_millis(50)).await;
    while timeout(Duration::from_millis(50), first.next()).await.is_ok() {}
    assert!(silent(&mut first).await, "a stalled channel sends nothing");
    assert!(!silent(&mut second).await, "the other goes on");
    assert_eq!(farm.command("resume 1").await, "ok");
    let after = pictures(&mut first, 30).await;
    assert!(after.iter().all(|p| p.loss == 0), "a stall is no loss");

    assert_eq!(farm.command("refuse 401 1").await, "ok");
    assert_eq!(described(&farm.url(1), Some(("a", "b"))).await.err().unwrap().status_code(), Some(401));
    assert_eq!(farm.command("refuse 453 1").await, "ok");
    assert_eq!(described(&farm.url(1), None).await.err().unwrap().status_code(), Some(453));
    assert_eq!(farm.command("resume").await, "ok");
    described(&farm.url(1), None).await.unwrap();

    assert_eq!(farm.command("drop 1").await, "ok 1");
    assert!(timeout(SOON, async { while let Some(Ok(_)) = first.next().await {} }).await.is_ok());
    assert!(!silent(&mut second).await);
    for wrong in ["", "stop-host 2", "stop-host x", "drop 9", "refuse 200 1", "garbage 1 nice", "nonsense"] {
        assert!(farm.command(wrong).await.starts_with("error "), "{wrong}");
    }
}

#[tokio::test]
async fn another_clip_is_played_from_the_next_key_frame_without_a_break() {
    let dir = tempfile::tempdir().unwrap();
    let own = film(dir.path(), "own.mp4", "2", H264);
    let other = dir.path().join("other.mp4");
    let mut args = vec!["-f", "lavfi", "-i", "testsrc2=size=320x240:rate=25", "-t", "1"];
    args.extend_from_slice(H264);
    args.push(other.to_str().unwrap());
    support::ffmpeg(&args);
    let mjpeg = film(dir.path(), "mjpeg.avi", "1", MJPEG);
    let named = |name: &str, path: &Path| ClipArg { name: Some(name.into()), path: path.to_owned() };
    let clips = vec![ClipArg::from(own.clone()), named("other", &other), named("mjpeg", &mjpeg)];
    let farm = simulate::start(FarmOptions { clips, channels: 1, ..FarmOptions::default() }).await.unwrap();
    let mut stream = playing(&farm.url(1), false, None).await.unwrap();
    let essences = |path: &Path| -> Vec<_> {
        let file = read_access_units(path).unwrap();
        file.units.iter().map(|u| essence(file.codec, &u.data)).collect()
    };
    let (first, second) = (essences(&own), essences(&other));
    pictures(&mut stream, 5).await;
    for (clip, shown) in [("other", &second), ("own", &first)] {
        assert_eq!(farm.command(&format!("play 1 {clip}")).await, "ok");
        let seen = pictures(&mut stream, 60).await;
        assert!(seen.iter().all(|p| p.loss == 0), "no packet is missing");
        let changed =
            seen.iter().position(|p| essence(Codec::H264, &p.data) == shown[0]).expect("its first picture comes");
        assert!(changed <= 13, "at the next key frame, not after {changed} pictures");
        for (n, picture) in seen[changed..].iter().enumerate() {
            assert_eq!(essence(Codec::H264, &picture.data), shown[n % shown.len()], "picture {n} of {clip}");
        }
        for pair in seen.windows(2) {
            assert_eq!(pair[1].time - pair[0].time, 3_600, "25 pictures a second throughout");
        }
    }
    assert!(farm.command("play 1 mjpeg").await.starts_with("error channel 1 sends h264"));
    assert!(farm.command("play 1 nothing").await.starts_with("error "));
}

/// A client by hand: SETUP and PLAY of a channel over TCP, then the socket.
async fn bare(farm: &Farm, n: u32) -> TcpStream {
    let url = farm.url(n);
    let mut socket = TcpStream::connect(farm.addr(1)).await.unwrap();
    let setup = format!("SETUP {url}/trackID=1 RTSP/1.0\r\nCSeq: 1\r\nTransport: RTP/AVP/TCP;interleaved=0-1\r\n\r\n");
    let answer = ask(&mut socket, &setup).await;
    let session = answer.split("Session: ").nth(1).unwrap().split(';').next().unwrap().to_owned();
    let play = format!("PLAY {url} RTSP/1.0\r\nCSeq: 2\r\nSession: {session}\r\n\r\n");
    let answer = ask(&mut socket, &play).await;
    assert!(answer.starts_with("RTSP/1.0 200 OK"), "{answer}");
    socket
}

async fn ask(socket: &mut TcpStream, request: &str) -> String {
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        answer.push(timeout(SOON, socket.read_u8()).await.unwrap().unwrap());
    }
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn a_drip_is_one_byte_a_second_and_its_unit_is_finished_after() {
    let dir = tempfile::tempdir().unwrap();
    let path = film(dir.path(), "o.mp4", "1", H264);
    let farm = farm(&path, |_| ()).await;
    farm.command("drip 1").await;
    let mut socket = bare(&farm, 1).await;
    let mut bytes = Vec::new();
    let end = tokio::time::Instant::now() + Duration::from_millis(3_500);
    while let Ok(Ok(byte)) = tokio::time::timeout_at(end, socket.read_u8()).await {
        bytes.push(byte);
    }
    assert!((2..=4).contains(&bytes.len()), "{} bytes", bytes.len());
    farm.command("resume").await;
    let mut more = vec![0; 20_000];
    timeout(SOON, socket.read_exact(&mut more)).await.unwrap().unwrap();
    bytes.extend(more);
    // The framing holds over the whole of it.
    let mut at = 0;
    while at + 4 <= bytes.len() {
        assert_eq!((bytes[at], bytes[at + 1] < 2), (b'$', true), "at {at}");
        at += 4 + usize::from(u16::from_be_bytes([bytes[at + 2], bytes[at + 3]]));
    }
}

#[tokio::test]
async fn garbage_of_each_kind_is_sent() {
    let dir = tempfile::tempdir().unwrap();
    let path = film(dir.path(), "p.mp4", "1", H264);
    let farm = farm(&path, |_| ()).await;
    for (kind, framed) in [("payload", true), ("ssrc", true), ("channel", true), ("raw", false)] {
        assert_eq!(farm.command(&format!("garbage 1 {kind}")).await, "ok");
        let mut socket = bare(&farm, 1).await;
        let mut bytes = vec![0; 8_000];
        timeout(SOON, socket.read_exact(&mut bytes)).await.unwrap().unwrap();
        assert_eq!(bytes[0] == b'$' && bytes[1] == if kind == "channel" { 77 } else { 0 }, framed, "{kind}");
    }
}

#[tokio::test]
async fn a_client_that_does_not_read_hurts_nobody_and_is_let_go() {
    let dir = tempfile::tempdir().unwrap();
    // Some 20 Mbit/s, so that the socket fills soon.
    let path = film(dir.path(), "q.avi", "1", NOISE);
    let farm = farm(&path, |o| o.channels = 2).await;
    let stuck = bare(&farm, 1).await;
    let mut good = playing(&farm.url(2), false, None).await.unwrap();
    let begin = tokio::time::Instant::now();
    while farm.stats().slow_dropped == 0 {
        assert!(begin.elapsed() < Duration::from_secs(40), "{:?}", farm.stats());
        assert!(pictures(&mut good, 10).await.iter().all(|p| p.loss == 0));
    }
    assert_eq!(farm.stats().sessions_now, 1);
    drop(stuck);
}

#[tokio::test]
async fn a_session_without_a_sign_of_life_ends() {
    let dir = tempfile::tempdir().unwrap();
    let path = film(dir.path(), "r.mp4", "1", H264);
    let farm = farm(&path, |o| o.session_timeout_s = 1).await;
    let mut socket = bare(&farm, 1).await;
    let mut sink = Vec::new();
    timeout(SOON, socket.read_to_end(&mut sink)).await.expect("the farm ends it").unwrap();
    assert_eq!((farm.stats().timed_out, farm.stats().sessions_now), (1, 0));
}

#[tokio::test]
async fn rubbish_instead_of_rtsp_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = film(dir.path(), "s.mp4", "1", H264);
    let farm = farm(&path, |_| ()).await;
    let mut socket = TcpStream::connect(farm.addr(1)).await.unwrap();
    socket.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    timeout(SOON, socket.read_to_string(&mut answer)).await.unwrap().unwrap();
    assert!(answer.starts_with("RTSP/1.0 400"), "{answer}");
    let mut socket = TcpStream::connect(farm.addr(1)).await.unwrap();
    let answer = ask(&mut socket, "PLAY rtsp://h/cam/1 RTSP/1.0\r\nCSeq: 5\r\nSession: none\r\n\r\n").await;
    assert!(answer.starts_with("RTSP/1.0 454") && answer.contains("CSeq: 5"), "{answer}");
    let answer = ask(&mut socket, "RECORD rtsp://h/cam/1 RTSP/1.0\r\nCSeq: 6\r\n\r\n").await;
    assert!(answer.starts_with("RTSP/1.0 405"), "{answer}");
    let answer = ask(&mut socket, "GET_PARAMETER * RTSP/1.0\r\nCSeq: 7\r\n\r\n").await;
    assert!(answer.starts_with("RTSP/1.0 200"), "{answer}");
}

#[tokio::test]
async fn commands_come_over_a_loopback_socket() {
    let dir = tempfile::tempdir().unwrap();
    let path = film(dir.path(), "t.mp4", "1", H264);
    let farm = farm(&path, |o| o.control = Some(([127, 0, 0, 1], 0).into())).await;
    let mut stream = playing(&farm.url(1), false, None).await.unwrap();
    pictures(&mut stream, 10).await;
    let mut socket = TcpStream::connect(farm.control_addr().unwrap()).await.unwrap();
    socket.write_all(b"stats\nstall 1\nquit\n").await.unwrap();
    timeout(SOON, farm.quit()).await.expect("quit is heard");
    farm.shutdown().await;
    let mut answers = String::new();
    timeout(SOON, socket.read_to_string(&mut answers)).await.unwrap().unwrap();
    let mut lines = answers.lines();
    let stats: serde_json::Value = serde_json::from_str(lines.next().unwrap()).unwrap();
    assert_eq!((stats["sessions_now"].as_u64(), stats["hosts"][0]["connects"].as_u64()), (Some(1), Some(1)));
    assert!(stats["units"].as_u64() >= Some(10) && stats["ticks"].as_u64() > Some(0), "{stats}");
    assert_eq!(lines.next(), Some("ok"));

    let open =
        FarmOptions { clips: vec![path.into()], control: Some(([0, 0, 0, 0], 0).into()), ..FarmOptions::default() };
    assert!(simulate::start(open).await.unwrap_err().to_string().contains("loopback"));
}

#[tokio::test]
async fn what_cannot_be_played_is_refused_with_a_reason() {
    let dir = tempfile::tempdir().unwrap();
    let own_tables = film(dir.path(), "u.avi", "1", &["-c:v", "mjpeg", "-huffman", "optimal", "-pix_fmt", "yuvj420p"]);
    let wrong_colours =
        film(dir.path(), "v.avi", "1", &["-c:v", "mjpeg", "-huffman", "default", "-pix_fmt", "yuvj444p"]);
    for (path, reason) in
        [(own_tables, "-huffman default"), (wrong_colours, "yuvj420p"), (dir.path().join("none.mp4"), "No such file")]
    {
        let options = FarmOptions { clips: vec![path.clone().into()], ..FarmOptions::default() };
        let error = simulate::start(options).await.unwrap_err().to_string();
        assert!(error.contains(reason) && error.contains(path.to_str().unwrap()), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ffprobe_reads_every_codec() {
    let dir = tempfile::tempdir().unwrap();
    for (name, coding, codec) in [("w.mp4", H264, "h264"), ("x.mp4", H265, "hevc"), ("y.avi", MJPEG, "mjpeg")] {
        let farm = farm(&film(dir.path(), name, "2", coding), |o| o.auth = AuthScheme::Digest).await;
        let url = farm.url(1).replace("rtsp://", "rtsp://admin:farm@");
        let probe = tokio::process::Command::new("ffprobe")
            .args(["-v", "error", "-rtsp_transport", "tcp", "-show_entries", "stream=codec_name,width,height"])
            .args(["-of", "csv=p=0", &url])
            .kill_on_drop(true)
            .output();
        let out = timeout(Duration::from_secs(30), probe).await.expect("ffprobe ends").expect("ffprobe is installed");
        assert_eq!(String::from_utf8_lossy(&out.stdout).trim(), format!("{codec},320,240"), "{out:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn gstreamer_reads_over_tcp_and_udp() {
    let dir = tempfile::tempdir().unwrap();
    let cases = [("ga.mp4", H264, "rtph264depay"), ("gb.mp4", H265, "rtph265depay"), ("gc.avi", MJPEG, "rtpjpegdepay")];
    for (name, coding, depay) in cases {
        let path = film(dir.path(), name, "2", coding);
        for protocols in ["tcp", "udp"] {
            let farm = farm(&path, |o| o.auth = AuthScheme::Digest).await;
            let location = format!("location={}", farm.url(1));
            let run = tokio::process::Command::new("gst-launch-1.0")
                .args(["-q", "rtspsrc", &location, &format!("protocols={protocols}"), "user-id=admin", "user-pw=farm"])
                .args(["!", depay, "!", "identity", "eos-after=20", "!", "fakesink", "sync=false"])
                .kill_on_drop(true)
                .output();
            let out =
                timeout(Duration::from_secs(30), run).await.expect("it ends").expect("gst-launch-1.0 is installed");
            assert!(
                out.status.success() && farm.stats().units >= 19,
                "{depay} {protocols}: {out:?} {:?}",
                farm.stats()
            );
        }
    }
}
