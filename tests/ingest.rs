//! Ingest against real servers: GStreamer's RTSP server, which is not of our making, and the camera farm with its
//! faults. What arrives is compared with the file that was played; what fails must say so in its own state, and the
//! channels beside it go on.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)] // tests read clocks and panic

mod support;

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use skyeye::decode::file::read_access_units;
use skyeye::decode::{DecodeLimits, KeyDecoder};
use skyeye::simulate::packetise::split_annex_b;
use skyeye::simulate::{self, AuthScheme, ClipArg, Farm, FarmOptions, Transports};
use skyeye::types::{AccessUnit, ChannelId, ChannelState, Codec, Secret};
use support::gst_server::{Clips, GstServer};
use support::lossy::{Fate, serve};
use support::pull::{Pull, channel};

/// The parts of a picture that no server changes: slices without parameter sets, delimiters and messages; the whole
/// of a JPEG's scan.
fn essence(codec: Codec, data: &[u8]) -> Vec<Vec<u8>> {
    let slices = |is: fn(u8) -> bool| {
        split_annex_b(data).into_iter().filter(|n| n.first().is_some_and(|h| is(*h))).map(|n| n.to_vec()).collect()
    };
    match codec {
        Codec::H264 => slices(|h| matches!(h & 0x1f, 1..=5)),
        Codec::H265 => slices(|h| (h >> 1) & 0x3f < 32),
        // The headers are made anew out of RTP's own; behind the marker SOS lies the picture.
        Codec::Mjpeg => {
            let scan = data.windows(2).position(|w| w == [0xff, 0xda]).expect("a scan");
            vec![data[scan + 14..].to_vec()]
        }
    }
}

/// Every unit is the one of the file that follows the one before, in order and without a gap.
fn same_as_file(clips: &Clips, codec: &str, units: &[AccessUnit]) {
    let file = read_access_units(&clips.path(codec)).unwrap();
    let played: Vec<_> = file.units.iter().map(|u| essence(file.codec, &u.data)).collect();
    let first = essence(file.codec, &units[0].data);
    let at = played.iter().position(|p| *p == first).expect("the first unit is one of the file's");
    for (i, unit) in units.iter().enumerate() {
        assert!(essence(file.codec, &unit.data) == played[(at + i) % played.len()], "unit {i} is another");
        assert_eq!(unit.key, file.units[(at + i) % played.len()].key, "unit {i}");
    }
}

/// What holds for any stream: it begins with a key unit, each key unit decodes alone, the timeline only goes forward.
fn well_formed(units: &[AccessUnit], width: u32, height: u32) {
    assert!(units[0].key);
    let mut decoder = KeyDecoder::new(DecodeLimits::default());
    for unit in units.iter().filter(|u| u.key).take(3) {
        let frame = decoder.decode(unit).unwrap();
        assert_eq!((frame.width, frame.height), (width, height));
    }
    assert!(units.windows(2).all(|w| w[0].timeline_90k < w[1].timeline_90k));
}

/// Steps of the timeline in milliseconds.
fn steps_ms(units: &[AccessUnit]) -> Vec<i64> {
    units.windows(2).map(|w| (w[1].timeline_90k - w[0].timeline_90k) / 90).collect()
}

async fn farm(clips: &Clips, change: impl FnOnce(&mut FarmOptions)) -> Farm {
    let clips = vec![ClipArg::from(clips.path("h264"))];
    let mut options = FarmOptions { clips, ..FarmOptions::default() };
    change(&mut options);
    simulate::start(options).await.unwrap()
}

async fn pulls_from_gstreamer(codec: &str, transport: &str) {
    let Some(clips) = Clips::make(&[codec]) else { return };
    let Some(server) = GstServer::start(None, &[clips.media(codec)]) else { return };
    let pull = Pull::start("", &channel("a", &server.url(codec), &format!("transport = \"{transport}\"")));
    let health = pull.until("a", 15, |h| h.state == ChannelState::Running && h.kbit_s > 0.0).await;
    let units = pull.until_units("a", 15, 30).await;
    assert_eq!(health.codec.map(Codec::as_str), Some(codec));
    assert_eq!((health.width, health.height), (768, 576));
    well_formed(&units, 768, 576);
    if pull.health("a").lost_packets == 0 || transport == "tcp" {
        same_as_file(&clips, codec, &units);
        assert!(steps_ms(&units).iter().all(|s| (95..=105).contains(s)), "{:?}", steps_ms(&units));
    } else {
        // The kernel may drop UDP on a machine under load; what was lost is then told.
        println!("{} packets lost", pull.health("a").lost_packets);
    }
    let health = pull.until("a", 10, |h| h.clock_skew_ms.is_some()).await;
    assert!(health.clock_skew_ms.unwrap().abs() < 2000, "same machine, same clock: {health:?}");
    assert!((health.unit_rate_hz - 10.0).abs() < 4.0, "{health:?}");
    pull.ingest.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gstreamer_h264_over_tcp() {
    pulls_from_gstreamer("h264", "tcp").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gstreamer_h264_over_udp() {
    pulls_from_gstreamer("h264", "udp").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gstreamer_h265_over_tcp() {
    pulls_from_gstreamer("h265", "tcp").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gstreamer_mjpeg_over_tcp() {
    pulls_from_gstreamer("mjpeg", "tcp").await;
}

fn credential(id: &str, password: &str) -> String {
    format!("[[credential]]\nid = \"{id}\"\nusername = \"operator\"\npassword = \"{password}\"\n")
}

async fn login_at_gstreamer(scheme: &str) {
    let Some(clips) = Clips::make(&["h264"]) else { return };
    let Some(server) = GstServer::start(Some((scheme, "operator", "korrekt-9")), &[clips.media("h264")]) else {
        return;
    };
    let url = server.url("h264");
    let pull = Pull::start(
        "backoff_min_s = 1\nbackoff_max_s = 1",
        &[
            credential("right", "korrekt-9"),
            credential("wrong", "falsch-7"),
            channel("right", &url, "credential = \"right\""),
            channel("wrong", &url, "credential = \"wrong\""),
            channel("none", &url, ""),
        ]
        .concat(),
    );
    pull.until_state("right", 15, ChannelState::Running).await;
    for id in ["wrong", "none"] {
        let health = pull.until_state(id, 5, ChannelState::AuthFailed).await;
        assert!(health.reason.contains("user name or password"), "{health:?}");
        assert!(!health.reason.contains("falsch-7"));
    }
    let before = pull.units("right").len();
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert!(pull.units("right").len() > before + 20, "the channel beside them goes on");
    assert_eq!(pull.health("wrong").state, ChannelState::AuthFailed, "no other state in between");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gstreamer_digest_login() {
    login_at_gstreamer("digest").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gstreamer_basic_login() {
    login_at_gstreamer("basic").await;
}

/// Five tries in ten minutes at most: the farm counts them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_password_is_not_tried_again_soon() {
    let Some(clips) = Clips::make(&["h264"]) else { return };
    let farm = farm(&clips, |o| {
        o.auth = AuthScheme::Digest;
        o.password = Secret::new("korrekt-9");
    })
    .await;
    let pull = Pull::start(
        "backoff_min_s = 1\nbackoff_max_s = 1",
        &[credential("wrong", "falsch-7"), channel("a", &farm.url(1), "credential = \"wrong\"")].concat(),
    );
    pull.until_state("a", 5, ChannelState::AuthFailed).await;
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!(farm.stats().connections_total, 1);
    assert_eq!(farm.stats().requests, 2, "one without a password, as RTSP wants it, and one with");
}

/// Twenty channels of a recorder with one wrong password: the account is not locked by them either.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_password_that_many_share_is_tried_by_few() {
    const CHANNELS: u32 = 20;
    let Some(clips) = Clips::make(&["h264"]) else { return };
    let farm = farm(&clips, |o| {
        o.channels = CHANNELS;
        o.auth = AuthScheme::Digest;
        o.password = Secret::new("korrekt-9");
    })
    .await;
    let mut text = credential("wrong", "falsch-7");
    for n in 1..=CHANNELS {
        text += &channel(&format!("c{n}"), &farm.url(n), "credential = \"wrong\"");
    }
    let pull = Pull::start("backoff_min_s = 1\nbackoff_max_s = 1", &text);
    for n in 1..=CHANNELS {
        pull.until_state(&format!("c{n}"), 10, ChannelState::AuthFailed).await;
    }
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!(farm.stats().connections_total, 2, "two find out, for all");
    let told = (1..=CHANNELS).filter(|n| pull.health(&format!("c{n}")).reason.contains("to other channels")).count();
    assert_eq!(told, 18);
}

/// Each fault has a state and a reason of its own, at the same time, and the channel beside them loses nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_fault_has_its_state_and_the_others_go_on() {
    let Some(clips) = Clips::make(&["h264"]) else { return };
    let farm = farm(&clips, |o| {
        o.channels = 5;
        o.hosts = 5;
    })
    .await;
    // Bound and dropped: nobody listens there.
    let refused = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let wrong_path = format!("rtsp://{}/no/such/stream", farm.addr(1));
    let pull = Pull::start(
        "stall_deadline_s = 2\nbackoff_min_s = 1\nbackoff_max_s = 2",
        &[
            channel("good", &farm.url(1), ""),
            channel("path", &wrong_path, ""),
            channel("port", &format!("rtsp://{refused}/x"), ""),
            channel("stall", &farm.url(2), ""),
            channel("drip", &farm.url(3), ""),
            channel("busy", &farm.url(4), ""),
            channel("forbidden", &farm.url(5), ""),
        ]
        .concat(),
    );
    for id in ["good", "stall", "drip"] {
        pull.until_state(id, 10, ChannelState::Running).await;
    }
    for line in ["stall 2", "drip 3", "refuse 453 4", "drop 4", "refuse 403 5", "drop 5"] {
        let answer = farm.command(line).await;
        assert!(answer.starts_with("ok"), "{line}: {answer}");
    }
    for (id, state, word) in [
        ("path", ChannelState::Misconfigured, "path"),
        ("port", ChannelState::Unreachable, "refused"),
        ("stall", ChannelState::Stalled, "no picture"),
        ("drip", ChannelState::Stalled, "no picture"),
        ("busy", ChannelState::Refused, "453"),
        ("forbidden", ChannelState::Refused, "403"),
    ] {
        let health = pull.until_state(id, 10, state).await;
        assert!(health.reason.contains(word), "{id}: {}", health.reason);
    }
    assert_eq!(pull.downs("stall"), 1, "told once that there is no picture");
    assert_eq!(pull.downs("path"), 0, "there never was one");
    let answer = farm.command("resume").await;
    assert_eq!(answer, "ok");
    for id in ["stall", "drip", "busy", "forbidden"] {
        pull.until_state(id, 20, ChannelState::Running).await;
    }
    assert_eq!(pull.health("good").sessions, 1);
    let good = pull.units("good");
    same_as_file(&clips, "h264", &good);
    assert!(steps_ms(&good).iter().all(|s| (90..=110).contains(s)), "{:?}", steps_ms(&good));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_camera_that_goes_is_offline_at_once_and_back_after_its_wait() {
    let Some(clips) = Clips::make(&["h264"]) else { return };
    let farm = farm(&clips, |o| {
        o.channels = 2;
        o.hosts = 2;
    })
    .await;
    let pull = Pull::start(
        "backoff_min_s = 1\nbackoff_max_s = 4",
        &[channel("goes", &farm.url(1), ""), channel("stays", &farm.url(2), "")].concat(),
    );
    pull.until_state("goes", 10, ChannelState::Running).await;
    pull.until_units("stays", 10, 5).await;
    let gone = Instant::now();
    assert_eq!(farm.command("stop-host 1").await, "ok");
    pull.until("goes", 5, |h| h.state != ChannelState::Running).await;
    assert!(gone.elapsed() < Duration::from_secs(5));
    assert_eq!(pull.downs("goes"), 1);
    // The host is gone altogether: that is what the next try finds.
    pull.until_state("goes", 5, ChannelState::Unreachable).await;
    let before = pull.units("goes").len();
    assert_eq!(farm.command("start-host 1").await, "ok");
    pull.until_state("goes", 4 + 2, ChannelState::Running).await;
    let units = pull.until_units("goes", 5, before + 10).await;
    assert!(units[before].key, "a new session begins with a key unit");
    assert_eq!(units[before].session, 2);
    let gap_ms = (units[before].timeline_90k - units[before - 1].timeline_90k) / 90;
    let real_ms = units[before].ingested.since_ms(units[before - 1].ingested) as i64;
    assert!((gap_ms - real_ms).abs() < 200, "the timeline goes on by the time that passed: {gap_ms}, {real_ms}");
    well_formed(&units, 768, 576);
    assert_eq!(pull.health("stays").sessions, 1);
    assert!(steps_ms(&pull.units("stays")).iter().all(|s| (90..=110).contains(s)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn garbage_ends_in_a_new_session_and_a_good_picture() {
    let Some(clips) = Clips::make(&["h264"]) else { return };
    let farm = farm(&clips, |o| o.channels = 5).await;
    let ids = ["payload", "ssrc", "channel", "raw"];
    let mut rest: String = ids.iter().zip(1..).map(|(id, n)| channel(id, &farm.url(n), "")).collect();
    rest.push_str(&channel("good", &farm.url(5), ""));
    let pull = Pull::start("stall_deadline_s = 6\nbackoff_min_s = 1\nbackoff_max_s = 2", &rest);
    for id in ids {
        pull.until_state(id, 10, ChannelState::Running).await;
    }
    for (id, n) in ids.iter().zip(1..) {
        assert_eq!(farm.command(&format!("garbage {n} {id}")).await, "ok");
    }
    for id in ids {
        // Noise may look like a picture once in a while, and then the five seconds begin anew.
        let health = pull.until(id, 25, |h| h.state != ChannelState::Running).await;
        println!("{id}: {} ({})", health.state.as_str(), health.reason);
        assert!(health.reason.chars().all(|c| !c.is_control()));
    }
    assert_eq!(farm.command("resume").await, "ok");
    for id in ids {
        // Noise may have passed for a key unit before; what comes now is the camera's picture again.
        let seen = pull.until_state(id, 10, ChannelState::Running).await.sessions;
        let count = pull.units(id).len();
        let units = pull.until_units(id, 10, count + 20).await;
        let key = units[count..].iter().position(|u| u.key).expect("a key unit in two seconds");
        well_formed(&units[count + key..], 768, 576);
        assert!(seen > 1);
    }
    let good = pull.units("good");
    same_as_file(&clips, "h264", &good);
    assert_eq!(pull.health("good").sessions, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_timeline_survives_a_wrap_and_the_camera_clock_is_told() {
    let Some(clips) = Clips::make(&["h264"]) else { return };
    let farm = farm(&clips, |o| {
        o.rtp_start = Some(u32::MAX - 90_000 * 2);
        o.seq_start = Some(u16::MAX - 5);
        o.clock_skew_ms = -90_000;
    })
    .await;
    let pull = Pull::start("", &channel("a", &farm.url(1), ""));
    let units = pull.until_units("a", 15, 50).await;
    assert!(steps_ms(&units).iter().all(|s| (90..=110).contains(s)), "{:?}", steps_ms(&units));
    assert_eq!(pull.health("a").lost_packets, 0, "a wrap of sequence numbers is no loss");
    let health = pull.until("a", 10, |h| h.clock_skew_ms.is_some()).await;
    let skew = health.clock_skew_ms.unwrap();
    assert!((-91_000..=-89_000).contains(&skew), "{skew}");
    let unit = pull.units("a").into_iter().rev().find(|u| u.camera_clock).expect("units by the camera's clock");
    let behind = unit.ingested_wall.0 - unit.seen.0;
    assert!((89_000..=92_000).contains(&behind), "{behind}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_restarts_only_its_channel() {
    let Some(clips) = Clips::make(&["h264"]) else { return };
    let farm = farm(&clips, |o| o.channels = 2).await;
    let pull = Pull::start("", &[channel("a", &farm.url(1), ""), channel("b", &farm.url(2), "")].concat());
    pull.until_units("a", 10, 5).await;
    pull.until_units("b", 10, 5).await;
    *pull.sink.panics.lock() = Some(ChannelId::new("a").unwrap());
    pull.until("a", 5, |_| pull.sink.panicked.load(Ordering::SeqCst) == 1).await;
    let health = pull.until("a", 10, |h| h.state == ChannelState::Running && h.sessions == 2).await;
    assert_eq!(health.reason, "runs");
    let units = pull.units("a");
    assert!(units.windows(2).all(|w| w[0].timeline_90k < w[1].timeline_90k), "forward over the restart too");
    assert_eq!(pull.health("b").sessions, 1);
}

/// Loss in rows and alone, at the beginning, inside and at the end of pictures; doubled and late packets.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn loss_over_udp_is_counted_and_no_torn_picture_is_given_on() {
    let Some(clips) = Clips::make(&["h264"]) else { return };
    let file = read_access_units(&clips.path("h264")).unwrap();
    let whole: Vec<_> = file.units.iter().map(|u| essence(Codec::H264, &u.data)).collect();
    let (port, sent) = serve(file, 200, |n| match n * 7919 % 193 {
        0 => Fate::Lost,
        80 => Fate::Twice,
        120 => Fate::Late,
        _ if n % 419 < 4 => Fate::Lost,
        _ => Fate::Sent,
    })
    .await;
    let pull = Pull::start("", &channel("a", &format!("rtsp://127.0.0.1:{port}/"), "transport = \"udp\""));
    let missing = tokio::time::timeout(Duration::from_secs(30), sent).await.unwrap().unwrap();
    // Health tells within 5 s.
    tokio::time::sleep(Duration::from_millis(4500)).await;
    let health = pull.health("a");
    println!("{missing} of the packets missing, {} told, {} units of 200", health.lost_packets, pull.units("a").len());
    assert!(missing > 20);
    assert_eq!(health.lost_packets, missing);
    assert_eq!(health.sessions, 1);
    let units = pull.units("a");
    assert!(units.len() > 50, "{}", units.len());
    well_formed(&units, 768, 576);
    for unit in &units {
        assert!(whole.contains(&essence(Codec::H264, &unit.data)), "a torn picture at {}", unit.timeline_90k);
    }
}

/// All cameras of three recorders return at once: so many sessions are set up at one time, and all are soon back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_return_of_all_at_once_is_no_storm() {
    let Some(clips) = Clips::make(&["h264"]) else { return };
    let farm = farm(&clips, |o| {
        o.channels = 60;
        o.hosts = 3;
    })
    .await;
    let ids: Vec<_> = (1..=60).map(|n| format!("c{n}")).collect();
    let channels: String = ids.iter().zip(1..).map(|(id, n)| channel(id, &farm.url(n), "")).collect();
    let pull = Pull::start("backoff_min_s = 1\nbackoff_max_s = 4\nconnects_per_host_per_s = 10", &channels);
    for id in &ids {
        pull.until_state(id, 30, ChannelState::Running).await;
    }
    for host in 1..=3 {
        assert_eq!(farm.command(&format!("stop-host {host}")).await, "ok");
    }
    for id in &ids {
        pull.until(id, 5, |h| h.state != ChannelState::Running).await;
    }
    for host in 1..=3 {
        assert_eq!(farm.command(&format!("start-host {host}")).await, "ok");
    }
    let back = Instant::now();
    for id in &ids {
        pull.until_state(id, 30, ChannelState::Running).await;
    }
    println!("60 channels back after {:.1} s", back.elapsed().as_secs_f32());
    for host in farm.stats().hosts {
        // One more may have been accepted before the one that ended is counted off.
        assert!(host.connecting_max <= 4 + 1, "{host:?}");
        assert_eq!(host.sessions_now, 20, "{host:?}");
    }
}

/// Each of its channels takes a second connection, which waits for longer than a camera has for its answer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_further_connection_that_waits_for_its_turn_is_no_silence_of_the_camera() {
    let Some(clips) = Clips::make(&["h264"]) else { return };
    let farm = farm(&clips, |o| (o.channels, o.transport) = (5, Transports::Udp)).await;
    let ids: Vec<_> = (1..=5).map(|n| format!("c{n}")).collect();
    let channels: String =
        ids.iter().zip(1..).map(|(id, n)| channel(id, &farm.url(n), "transport = \"auto\"")).collect();
    let pull = Pull::start("connects_per_host = 5\nconnects_per_host_per_s = 1\nconnect_timeout_s = 2", &channels);
    let begun = Instant::now();
    while !ids.iter().all(|id| pull.health(id).state == ChannelState::Running) {
        for id in &ids {
            let health = pull.health(id);
            let good = matches!(health.state, ChannelState::Connecting | ChannelState::Running);
            assert!(good && begun.elapsed() < Duration::from_secs(40), "{id}: {health:?}");
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    println!("five channels of two connections each, one a second, run after {:.1} s", begun.elapsed().as_secs_f32());
    pull.ingest.stop().await;
}

/// Passes a connection on in pieces of 1 to 700 bytes, seeded, so that packets, headers and pictures are cut anywhere.
async fn in_pieces(to: std::net::SocketAddr) -> std::net::SocketAddr {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut seed = 7u32;
        while let Ok((client, _)) = listener.accept().await {
            let server = tokio::net::TcpStream::connect(to).await.unwrap();
            client.set_nodelay(true).unwrap();
            let ((mut from_client, mut to_client), (mut from_server, mut to_server)) =
                (client.into_split(), server.into_split());
            tokio::spawn(async move { tokio::io::copy(&mut from_client, &mut to_server).await });
            tokio::spawn(async move {
                let mut piece = vec![0; 700];
                loop {
                    seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    let most = (seed >> 16) as usize % 700 + 1;
                    match from_server.read(&mut piece[..most]).await {
                        Ok(n) if n > 0 && to_client.write_all(&piece[..n]).await.is_ok() => {}
                        _ => return,
                    }
                    tokio::task::yield_now().await;
                }
            });
        }
    });
    address
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn units_are_the_same_however_the_bytes_are_cut() {
    for codec in ["h264", "h265"] {
        let Some(clips) = Clips::make(&[codec]) else { return };
        let farm = farm(&clips, |o| o.clips = vec![ClipArg::from(clips.path(codec))]).await;
        let through = in_pieces(farm.addr(1)).await;
        let pull = Pull::start("", &channel("a", &format!("rtsp://{through}/cam/1"), ""));
        let units = pull.until_units("a", 15, 40).await;
        same_as_file(&clips, codec, &units);
        well_formed(&units, 768, 576);
        assert_eq!(pull.health("a").lost_packets, 0);
        pull.ingest.stop().await;
    }
}

/// A camera with few sessions must have each back when its channel goes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_is_let_go_is_ended_at_the_camera() {
    let Some(clips) = Clips::make(&["h264"]) else { return };
    let farm = farm(&clips, |_| {}).await;
    let pull = Pull::start("", &channel("a", &farm.url(1), ""));
    pull.until_units("a", 15, 5).await;
    let before = farm.stats().requests;
    pull.ingest.stop().await;
    for _ in 0..100 {
        if farm.stats().sessions_now == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(farm.stats().sessions_now, 0);
    assert_eq!(farm.stats().requests, before + 1, "one TEARDOWN");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_refuses_tcp_is_read_over_udp_where_that_is_allowed() {
    let Some(clips) = Clips::make(&["h264", "mjpeg"]) else { return };
    for codec in ["h264", "mjpeg"] {
        let clip = || vec![ClipArg::from(clips.path(codec))];
        let udp = farm(&clips, |o| (o.clips, o.transport) = (clip(), Transports::Udp)).await;
        let tcp = farm(&clips, |o| (o.clips, o.transport) = (clip(), Transports::Tcp)).await;
        let pull = Pull::start(
            "backoff_min_s = 1\nbackoff_max_s = 2",
            &[
                channel("udp", &udp.url(1), "transport = \"auto\""),
                channel("tcp", &tcp.url(1), "transport = \"auto\""),
                channel("never", &udp.url(1), ""),
            ]
            .concat(),
        );
        for id in ["udp", "tcp"] {
            assert!(pull.until_units(id, 15, 12).await[0].key, "{id}");
            assert_eq!(pull.health(id).sessions, 1, "{id}");
        }
        let health = pull.until_state("never", 5, ChannelState::Misconfigured).await;
        assert!(health.reason.contains("461") && health.reason.contains("auto"), "{}", health.reason);
        pull.ingest.stop().await;
    }
}
