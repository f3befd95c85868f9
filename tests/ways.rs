//! Two ways to read a camera over TCP, our own and retina, which is not of our making: what they give must be the same,
//! byte for byte, from GStreamer's server, from the camera farm, and from one that leaves packets out.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)] // tests panic

mod support;

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use retina::client::{
    Credentials, Demuxed, InitialSequenceNumberPolicy, InitialTimestampPolicy, PlayOptions, Session, SessionGroup,
    SessionOptions, SetupOptions,
};
use retina::codec::{CodecItem, FrameFormat, ParametersRef};
use skyeye::config::{Tls, Transport};
use skyeye::decode::file::read_access_units;
use skyeye::ingest::{ChannelSpec, Patience, Reader, Received, open};
use skyeye::simulate::packetise::split_annex_b;
use skyeye::simulate::{self, AuthScheme, ClipArg, FarmOptions};
use skyeye::types::{ChannelId, Secret};
use support::gst_server::{Clips, GstServer};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;
use url::Url;

const SOON: Duration = Duration::from_secs(20);
const LOGIN: (&str, &str) = ("operator", "korrekt-9");

/// A unit as both tell it; time from the first one on.
#[derive(Debug, Clone, PartialEq)]
struct Got {
    data: Vec<u8>,
    key: bool,
    rtp_90k: i64,
    lost: u64,
}

async fn ours(url: &str, login: bool) -> Reader {
    let credential = login.then(|| (LOGIN.0.to_owned(), Secret::new(LOGIN.1)));
    let spec = ChannelSpec {
        id: ChannelId::new("a").unwrap(),
        url: Url::parse(url).unwrap(),
        credential,
        transport: Transport::Tcp,
        tls: Tls::Verify,
        patrol_floor_s: 120,
    };
    let mut patience = Patience::of(20);
    let playing = open(&spec, true, &Arc::new(SessionGroup::default()), &mut patience, None).await.unwrap();
    assert_eq!(playing.way(), "direct");
    Reader::new(playing, 8 << 20)
}

async fn theirs(url: &str, login: bool) -> Demuxed {
    let creds = login.then(|| Credentials { username: LOGIN.0.to_owned(), password: LOGIN.1.to_owned() });
    let options = SessionOptions::default().creds(creds);
    let mut session = Session::describe(Url::parse(url).unwrap(), options).await.unwrap();
    session.setup(0, SetupOptions::default().frame_format(FrameFormat::SIMPLE)).await.unwrap();
    let play = PlayOptions::default()
        .initial_timestamp(InitialTimestampPolicy::Permissive)
        .initial_seq(InitialSequenceNumberPolicy::Ignore);
    session.play(play).await.unwrap().demuxed().unwrap()
}

/// Up to `count` units, from the first key unit on; fewer where the camera ends.
async fn units_of_ours(mut reader: Reader, count: usize) -> Vec<Got> {
    let (mut got, mut lost): (Vec<Got>, u64) = (Vec::new(), 0);
    while got.len() < count {
        match tokio::time::timeout(SOON, reader.next()).await.expect("something in time") {
            Received::Unit(u) if u.key || !got.is_empty() => {
                let lost = u.lost + std::mem::take(&mut lost);
                got.push(Got { data: u.data.to_vec(), key: u.key, rtp_90k: u.rtp_90k, lost });
            }
            Received::Damaged { lost: n, .. } => lost += n,
            Received::Ended(_) => break,
            _ => {}
        }
    }
    got
}

async fn units_of_theirs(mut demuxed: Demuxed, count: usize) -> Vec<Got> {
    let mut got: Vec<Got> = Vec::new();
    let h265 = demuxed.streams()[0].encoding_name() == "h265";
    while got.len() < count {
        match tokio::time::timeout(SOON, demuxed.next()).await.expect("something in time") {
            Some(Ok(CodecItem::VideoFrame(f))) => {
                let (mut key, lost, rtp_90k) =
                    (f.is_random_access_point(), u64::from(f.loss()), f.timestamp().timestamp());
                let mut data = f.into_data();
                if !key && h265 && is_cra(&data) {
                    // retina takes IDR alone for key pictures, and gives back the parameter sets to those only.
                    let Some(ParametersRef::Video(v)) = demuxed.streams()[0].parameters() else { panic!("no sets") };
                    (key, data) = (true, [v.extra_data(), &data].concat());
                }
                if key || !got.is_empty() {
                    // Delimiters say nothing, and behind the parameter sets retina puts them in the wrong place.
                    let data = split_annex_b(&data).into_iter().filter(|n| h265 || n[0] & 0x1f != 9);
                    let data = data.flat_map(|n| [&[0, 0, 0, 1], n].concat()).collect();
                    got.push(Got { key, rtp_90k, lost, data });
                }
            }
            Some(_) => {}
            None => break,
        }
    }
    got
}

fn is_cra(data: &[u8]) -> bool {
    split_annex_b(data).iter().any(|n| n[0] >> 1 & 0x3f == 21)
}

/// The same units by both, from the first one on that both have.
fn same(ours: &[Got], theirs: &[Got]) {
    let at = |all: &[Got], of: &Got| all.iter().position(|g| g.data == of.data);
    let (a, b) = match (at(ours, &theirs[0]), at(theirs, &ours[0])) {
        (Some(a), _) => (a, 0),
        (None, Some(b)) => (0, b),
        (None, None) => panic!("the one's first unit is not among the other's"),
    };
    let (ours, theirs) = (&ours[a..], &theirs[b..]);
    assert!(ours.len().min(theirs.len()) >= 25, "{} and {} units in common", ours.len(), theirs.len());
    for (i, (o, t)) in ours.iter().zip(theirs).enumerate() {
        assert!(o.data == t.data, "unit {i}: {} bytes, by retina {}", o.data.len(), t.data.len());
        assert_eq!((o.key, o.lost), (t.key, t.lost), "unit {i}");
        assert_eq!(o.rtp_90k - ours[0].rtp_90k, t.rtp_90k - theirs[0].rtp_90k, "time of unit {i}");
    }
}

async fn compare(url: &str, login: bool) {
    let (a, b) = tokio::join!(async { units_of_ours(ours(url, login).await, 40).await }, async {
        units_of_theirs(theirs(url, login).await, 40).await
    });
    same(&a, &b);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gstreamer_is_read_alike() {
    let Some(clips) = Clips::make(&["h264", "h265"]) else { return };
    for scheme in [None, Some("basic"), Some("digest")] {
        let login = scheme.map(|s| (s, LOGIN.0, LOGIN.1));
        let Some(server) = GstServer::start(login, &[clips.media("h264"), clips.media("h265")]) else { return };
        for codec in ["h264", "h265"] {
            compare(&server.url(codec), scheme.is_some()).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_farm_is_read_alike() {
    let Some(clips) = Clips::make(&["h264", "h265"]) else { return };
    for codec in ["h264", "h265"] {
        for auth in [AuthScheme::None, AuthScheme::Basic, AuthScheme::Digest] {
            let login = auth != AuthScheme::None;
            let farm = simulate::start(FarmOptions {
                clips: vec![ClipArg::from(clips.path(codec))],
                auth,
                user: LOGIN.0.into(),
                password: Secret::new(LOGIN.1),
                ..FarmOptions::default()
            })
            .await
            .unwrap();
            compare(&farm.url(1), login).await;
        }
    }
}

/// Interleaved packets of H.264 units, 10 Hz: single units, all small ones of a picture in one (STAP-A), fragments.
fn packets(clips: &Clips, aggregate: bool) -> Vec<Vec<u8>> {
    let file = read_access_units(&clips.path("h264")).unwrap();
    let mut out: Vec<Vec<u8>> = Vec::new();
    for (i, unit) in file.units.iter().enumerate() {
        let mut payloads: Vec<Vec<u8>> = Vec::new();
        let mut small: Vec<u8> = vec![0x78];
        for nal in split_annex_b(&unit.data) {
            if nal.len() <= 60 && aggregate {
                small.extend((nal.len() as u16).to_be_bytes());
                small.extend(nal);
                continue;
            }
            if small.len() > 1 {
                payloads.push(std::mem::replace(&mut small, vec![0x78]));
            }
            if nal.len() <= 400 {
                payloads.push(nal.to_vec());
                continue;
            }
            let parts: Vec<_> = nal[1..].chunks(400).collect();
            for (p, part) in parts.iter().enumerate() {
                let flags = (u8::from(p == 0) << 7) | (u8::from(p + 1 == parts.len()) << 6);
                payloads.push([&[(nal[0] & 0xe0) | 28, flags | (nal[0] & 0x1f)], *part].concat());
            }
        }
        if small.len() > 1 {
            payloads.push(small);
        }
        let last = payloads.len() - 1;
        for (p, payload) in payloads.into_iter().enumerate() {
            let mut packet = vec![0x80, 96 | (u8::from(p == last) << 7)];
            packet.extend(((65_400 + out.len()) as u16).to_be_bytes());
            packet.extend((i as u32 * 9000).to_be_bytes());
            packet.extend(7u32.to_be_bytes());
            packet.extend(payload);
            out.push([&[b'$', 0][..], &(packet.len() as u16).to_be_bytes(), &packet].concat());
        }
    }
    out
}

/// Plays these bytes to everybody who comes, then closes.
async fn play(bytes: Vec<u8>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("rtsp://{}/", listener.local_addr().unwrap());
    let bytes = Arc::new(bytes);
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let bytes = bytes.clone();
            tokio::spawn(async move {
                let (read, mut write) = socket.into_split();
                let mut lines = BufReader::new(read).lines();
                let (mut method, mut cseq) = (String::new(), String::new());
                while let Ok(Some(line)) = lines.next_line().await {
                    if method.is_empty() {
                        method = line.split(' ').next().unwrap_or_default().to_owned();
                    } else if let Some(n) = line.to_ascii_lowercase().strip_prefix("cseq:") {
                        cseq = n.trim().to_owned();
                    }
                    if !line.is_empty() {
                        continue;
                    }
                    let (head, body) = match method.as_str() {
                        "DESCRIBE" => (
                            "Content-Type: application/sdp\r\n",
                            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=x\r\nt=0 0\r\nm=video 0 RTP/AVP 96\r\n\
                             a=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1\r\na=control:v\r\n",
                        ),
                        "SETUP" => ("Session: 1\r\nTransport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n", ""),
                        _ => ("Session: 1\r\n", ""),
                    };
                    let answer = format!(
                        "RTSP/1.0 200 OK\r\nCSeq: {cseq}\r\n{head}Content-Length: {}\r\n\r\n{body}",
                        body.len()
                    );
                    write.write_all(answer.as_bytes()).await.unwrap();
                    if method == "PLAY" {
                        write.write_all(&bytes).await.ok();
                        return;
                    }
                    method.clear();
                }
            });
        }
    });
    url
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_way_of_packing_is_read_alike() {
    let Some(clips) = Clips::make(&["h264"]) else { return };
    for aggregate in [false, true] {
        let all = packets(&clips, aggregate);
        let url = play(all.concat()).await;
        compare(&url, false).await;
    }
}

/// With packets missing anywhere our way gives each whole picture that retina gives, and no other one; what is lost is
/// counted exactly.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_picture_is_lost_or_torn_where_packets_are_missing() {
    let Some(clips) = Clips::make(&["h264"]) else { return };
    let whole = units_of_ours(ours(&play(packets(&clips, true).concat()).await, false).await, usize::MAX).await;
    let mut seed = 5u32;
    for round in 0..8 {
        let all = packets(&clips, round % 2 == 0);
        let mut missing = 0u64;
        let kept: Vec<u8> = all
            .iter()
            .enumerate()
            .filter(|(i, _)| {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                // The beginning and the end are there, so that what is missing shows.
                let keep = *i < 100 || i + 30 > all.len() || !(seed >> 16).is_multiple_of(40);
                missing += u64::from(!keep);
                keep
            })
            .flat_map(|(_, p)| p.clone())
            .collect();
        let url = play(kept).await;
        let (ours, theirs) = tokio::join!(async { units_of_ours(ours(&url, false).await, usize::MAX).await }, async {
            units_of_theirs(theirs(&url, false).await, usize::MAX).await
        });
        assert!(missing > 20 && ours.len() > 50, "{missing} missing, {} units", ours.len());
        assert_eq!(ours.iter().map(|g| g.lost).sum::<u64>(), missing);
        let holds = |all: &[Got], of: &Got| all.iter().any(|g| g.data == of.data);
        for unit in &ours {
            assert!(holds(&whole, unit), "round {round}: a torn picture of {} bytes", unit.data.len());
        }
        for unit in theirs.iter().filter(|u| holds(&whole, u)) {
            assert!(holds(&ours, unit), "round {round}: a whole picture of {} bytes is missing", unit.data.len());
        }
        println!("round {round}: {missing} packets missing, {} units, by retina {}", ours.len(), theirs.len());
    }
}
