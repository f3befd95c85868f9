//! Discovery and probes: answers of makers as fixtures, the farm as a device, and devices that mean no good.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)] // tests panic

mod support;

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Mutex,
    time::{Duration, Instant},
};

use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use skyeye::{
    cli::{self, probe::ProbeArgs},
    config::{StreamKind, Transport},
    decode::DecodeLimits,
    discover::{
        DiscoverAsk, DiscoverRun, Login, ProbeAsk, ProbeRun, ProbeView, StreamAsk, StreamSeen, Streams,
        address::Host,
        brands,
        onvif::{Device, OnvifError},
        probe::Target,
        ranges,
        scan::Whom,
        ws,
    },
    node::{Node, looks::Looks},
    simulate::{self, AuthScheme, ClipArg, Farm, FarmOptions},
    telemetry,
    types::{Clock, Codec, Secret},
};
use support::onvif::{Stub, Wants, response};

const PASSWORD: &str = "canary-of-the-login";

fn login() -> Option<Login> {
    Some(Login { user: "admin".into(), password: Secret::new(PASSWORD) })
}

/// Sees every stream, opens none, and remembers what it was asked to look at.
#[derive(Default)]
struct Eyes(Mutex<Vec<String>>);

impl Streams for Eyes {
    fn look(&self, ask: StreamAsk) -> BoxFuture<'_, StreamSeen> {
        self.0.lock().unwrap().push(ask.url.to_string());
        let jpeg = Some(bytes::Bytes::from_static(b"\xff\xd8"));
        let seen = StreamSeen {
            codec: Some(Codec::H264),
            width: 640,
            height: 360,
            key_interval_s: Some(2.0),
            jpeg,
            ..StreamSeen::default()
        };
        Box::pin(async { seen })
    }
}

fn ask(at: SocketAddr, channel: u32) -> ProbeAsk {
    let target = Target::Host { name: at.ip().to_string(), port: at.port(), onvif: None, brand: None, channel };
    ProbeAsk { target, login: login(), transport: Transport::default(), allow_loopback: true }
}

async fn probed(ask: ProbeAsk, eyes: &dyn Streams) -> ProbeView {
    let run = ProbeRun::default();
    run.run(ask, eyes, Clock::start()).await;
    let view = run.view();
    let text = serde_json::to_string(&view).unwrap();
    assert!(!text.contains("canary"), "a password came back: {text}");
    println!("{text}");
    view
}

/// What a maker's answers must come to: model, streams of channel 1 as (kind, path), snapshot's path.
struct Maker {
    dir: &'static str,
    wants: Wants,
    model: &'static str,
    streams: &'static [(StreamKind, &'static str)],
    snapshot: Option<&'static str>,
}

const MAKERS: [Maker; 6] = [
    Maker {
        dir: "hikvision",
        wants: Wants::Token,
        model: "DS-2CD2143G2-I",
        streams: &[
            (StreamKind::Main, "/Streaming/Channels/101?transportmode=unicast&profile=Profile_1"),
            (StreamKind::Sub, "/Streaming/Channels/102?transportmode=unicast&profile=Profile_2"),
        ],
        snapshot: Some("/onvif-http/snapshot?Profile_1"),
    },
    Maker {
        dir: "dahua",
        wants: Wants::Token,
        model: "IPC-HFW2431S-S-S2",
        streams: &[
            (StreamKind::Main, "/cam/realmonitor?channel=1&subtype=0&unicast=true&proto=Onvif"),
            (StreamKind::Sub, "/cam/realmonitor?channel=1&subtype=1&unicast=true&proto=Onvif"),
        ],
        snapshot: Some("/onvifsnapshot/media_service/snapshot?channel=1&subtype=0"),
    },
    // Knows only GetCapabilities, lists its sub stream first, and has no snapshot.
    Maker {
        dir: "uniview",
        wants: Wants::Token,
        model: "IPC2122LB-SF28-A",
        streams: &[(StreamKind::Main, "/media/video1"), (StreamKind::Sub, "/media/video2")],
        snapshot: None,
    },
    // Two profiles of one size: the device's order tells.
    Maker {
        dir: "axis",
        wants: Wants::Digest,
        model: "P3245-LV",
        streams: &[
            (StreamKind::Main, "/onvif-media/media.amp?profile=profile_1_h264&sessiontimeout=60&streamtype=unicast"),
            (StreamKind::Sub, "/onvif-media/media.amp?profile=profile_1_jpeg&sessiontimeout=60&streamtype=unicast"),
        ],
        snapshot: Some("/onvif-cgi/jpg/image.cgi?resolution=1920x1080&compression=30"),
    },
    // Writes logins into its addresses.
    Maker {
        dir: "reolink",
        wants: Wants::Token,
        model: "RLC-810A",
        streams: &[(StreamKind::Main, "/Preview_01_main"), (StreamKind::Sub, "/Preview_01_sub")],
        snapshot: None,
    },
    Maker {
        dir: "media2",
        wants: Wants::Token,
        model: "XNV-8083R",
        streams: &[(StreamKind::Main, "/onvif/profile3/media.smp"), (StreamKind::Sub, "/onvif/profile5/media.smp")],
        snapshot: Some("/stw-cgi/video.cgi?msubmenu=snapshot&Profile=3&action=view"),
    },
];

#[tokio::test]
async fn the_answers_of_makers_come_to_streams_on_the_host_that_was_asked() {
    for maker in MAKERS {
        let device = Stub::of(maker.dir, maker.wants).await;
        let eyes = Eyes::default();
        let view = probed(ask(device.address, 1), &eyes).await;
        assert!(view.picture && view.error.is_none(), "{}: {view:?}", maker.dir);
        assert_eq!(view.device.as_ref().unwrap().info.model, maker.model);
        let port = if maker.dir == "axis" { "" } else { ":554" };
        let url = |path: &str| format!("rtsp://127.0.0.1{port}{path}");
        let wanted: Vec<_> = maker.streams.iter().map(|(kind, path)| (*kind, url(path))).collect();
        let found: Vec<_> = view.streams.iter().map(|s| (s.kind, s.url.clone())).collect();
        assert_eq!(found, wanted, "{}", maker.dir);
        assert_eq!(*eyes.0.lock().unwrap(), wanted.iter().map(|(_, u)| u.clone()).collect::<Vec<_>>());
        let snapshot =
            view.snapshot_url.as_ref().map(|u| u.trim_start_matches("http://127.0.0.1").trim_start_matches(":80"));
        assert_eq!(snapshot, maker.snapshot, "{}", maker.dir);
        // The fixtures name addresses of other networks; that is told.
        assert!(view.steps.iter().any(|s| s.text.contains("address translation")), "{:?}", view.steps);
        for asked in device.asked() {
            assert!(!asked.text.contains(PASSWORD), "the password went out in clear: {}", asked.text);
        }
    }
}

#[tokio::test]
async fn what_a_device_says_of_its_streams_is_shown_until_they_are_measured() {
    struct Blind;
    impl Streams for Blind {
        fn look(&self, _: StreamAsk) -> BoxFuture<'_, StreamSeen> {
            let error = Some("answers 453: no session is free".to_owned());
            Box::pin(async { StreamSeen { error, ..StreamSeen::default() } })
        }
    }
    let device = Stub::of("media2", Wants::Token).await;
    let view = probed(ask(device.address, 1), &Blind).await;
    let s = &view.streams[0];
    assert_eq!((s.codec, s.width, s.height, s.fps, s.measured), (Some(Codec::H265), 2560, 1920, 25.0, false));
    assert_eq!(view.error.as_deref(), Some("the stream answers 453: no session is free"));
}

#[tokio::test]
async fn of_a_recorder_one_channel_is_looked_at_and_all_are_listed() {
    let device = Stub::of("recorder", Wants::Token).await;
    let eyes = Eyes::default();
    let view = probed(ask(device.address, 11), &eyes).await;
    assert_eq!(view.streams.len(), 32);
    let of_11: Vec<_> = view.streams.iter().filter(|s| s.channel_no == 11).collect();
    assert_eq!(
        of_11.iter().map(|s| (s.kind, s.width)).collect::<Vec<_>>(),
        [(StreamKind::Main, 640), (StreamKind::Sub, 640)]
    );
    assert_eq!(
        *eyes.0.lock().unwrap(),
        [21, 22].map(|n| format!("rtsp://127.0.0.1:554/Streaming/Unicast/channels/ProfileToken{n:03}"))
    );
    assert!(view.streams.iter().all(|s| s.measured == (s.channel_no == 11)));
    assert!((1..=16).all(|n| view.streams.iter().filter(|s| s.channel_no == n).count() == 2));

    let missing = probed(ask(device.address, 17), &Eyes::default()).await;
    assert_eq!(missing.error.as_deref(), Some("the device has 16 channels; there is no channel 17"));
}

#[tokio::test]
async fn what_is_looked_for_is_looked_at_before_the_rest_is_listed() {
    /// Notes how many streams the device had been asked for when it was looked at.
    struct When<'a>(&'a Stub, Mutex<Vec<usize>>);
    impl Streams for When<'_> {
        fn look(&self, _: StreamAsk) -> BoxFuture<'_, StreamSeen> {
            let asked = self.0.asked().iter().filter(|a| a.question == "GetStreamUri").count();
            self.1.lock().unwrap().push(asked);
            let jpeg = Some(bytes::Bytes::from_static(b"\xff\xd8"));
            Box::pin(async { StreamSeen { jpeg, ..StreamSeen::default() } })
        }
    }
    let device = Stub::of("recorder", Wants::Token).await;
    let when = When(&device, Mutex::default());
    let view = probed(ask(device.address, 11), &when).await;
    assert_eq!((view.streams.len(), view.error), (32, None));
    assert_eq!(*when.1.lock().unwrap(), [2, 2], "only its own two were asked for");
}

#[tokio::test]
async fn without_a_picture_the_reason_is_told_and_no_other_channel_is_listed() {
    struct Refused;
    impl Streams for Refused {
        fn look(&self, _: StreamAsk) -> BoxFuture<'_, StreamSeen> {
            let error = Some("refuses user name or password".to_owned());
            Box::pin(async { StreamSeen { error, ..StreamSeen::default() } })
        }
    }
    let device = Stub::of("recorder", Wants::Token).await;
    let view = probed(ask(device.address, 11), &Refused).await;
    assert_eq!(view.error.as_deref(), Some("the stream refuses user name or password"));
    assert!(view.streams.iter().all(|s| s.channel_no == 11), "{:?}", view.streams);
    assert_eq!(device.asked().iter().filter(|a| a.question == "GetStreamUri").count(), 2);
}

#[tokio::test]
async fn a_device_that_has_no_idea_of_the_time_gets_tokens_of_its_own_time() {
    let device = Stub::of("dahua", Wants::Token).await;
    let view = probed(ask(device.address, 1), &Eyes::default()).await;
    let skew = view.device.unwrap().clock_skew_ms.unwrap();
    assert!(skew < -26 * 365 * 86_400_000, "{skew}");
    assert!(view.advice.unwrap().contains("time server"));
    let tokens: Vec<_> = device.asked().into_iter().filter(|a| a.text.contains("UsernameToken")).collect();
    assert!(tokens.len() > 3);
    for asked in tokens {
        let created = asked.text.split("<u:Created>").nth(1).unwrap();
        assert!(created.starts_with("2000-01-01T00:0"), "{created}");
    }
}

#[tokio::test]
async fn a_login_that_is_refused_is_not_tried_again() {
    let refused = std::fs::read(support::root().join("tests/fixtures/onvif/hikvision/NotAuthorized.xml")).unwrap();
    let time = std::fs::read(support::root().join("tests/fixtures/onvif/hikvision/GetSystemDateAndTime.xml")).unwrap();
    let device = Stub::serve(move |asked| match asked.question.as_str() {
        "GetSystemDateAndTime" => response("200 OK", "", &time),
        _ => response("400 Bad Request", "", &refused),
    })
    .await;
    let eyes = Eyes::default();
    let view = probed(ask(device.address, 1), &eyes).await;
    assert!(view.error.as_ref().unwrap().contains("refuses user name or password for ONVIF"), "{view:?}");
    assert!(view.advice.unwrap().contains("ONVIF user"));
    assert_eq!(device.asked().len(), 2, "the time, and one try: {:?}", device.asked());
    assert!(eyes.0.lock().unwrap().is_empty(), "no stream is tried with it either");

    // Without a login it is asked for.
    let view = probed(ProbeAsk { login: None, ..ask(device.address, 1) }, &Eyes::default()).await;
    assert!(view.error.unwrap().contains("wants a user name and password"));
}

#[tokio::test]
async fn a_password_is_sent_as_a_digest_or_not_at_all() {
    let time = std::fs::read(support::root().join("tests/fixtures/onvif/hikvision/GetSystemDateAndTime.xml")).unwrap();
    let device = Stub::serve(move |asked| match asked.question.as_str() {
        "GetSystemDateAndTime" => response("200 OK", "", &time),
        _ => response("401 Unauthorized", "WWW-Authenticate: Basic realm=\"give it to me\"\r\n", b""),
    })
    .await;
    let view = probed(ask(device.address, 1), &Eyes::default()).await;
    assert!(view.error.unwrap().contains("refuses user name or password"));
    assert!(device.asked().iter().all(|a| a.header("authorization").is_none()), "Basic was answered");
    assert_eq!(device.asked().len(), 2);
}

/// A device opened with a short deadline, and what became of it.
async fn opened(at: SocketAddr, within_ms: u64) -> Result<Device, OnvifError> {
    let host = Host::resolve(&at.ip().to_string(), true).await.unwrap();
    let within = Duration::from_millis(within_ms);
    Device::open(host, at.port(), "/onvif/device_service", login(), Clock::start(), within).await
}

#[tokio::test]
async fn devices_that_mean_no_good_are_let_go_in_time() {
    let laughs = "<!DOCTYPE a [<!ENTITY a \"ha\"><!ENTITY b \"&a;&a;\">]><a>&b;</a>";
    let deep = "<a>".repeat(100_000);
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("a bomb of entities", response("200 OK", "", laughs.as_bytes())),
        ("depth without end", response("200 OK", "", deep.as_bytes())),
        ("a body without end", response("200 OK", "", &vec![b'x'; 3 << 20])),
        (
            "an announced body without end",
            b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: 99999999999\r\n\r\n<a>".to_vec(),
        ),
        ("headers without end", [b"HTTP/1.1 200 OK\r\n".to_vec(), "X-A: b\r\n".repeat(50_000).into_bytes()].concat()),
        ("no HTTP", b"SSH-2.0-dropbear\r\n".to_vec()),
        ("nothing", Vec::new()),
        ("a web page", response("200 OK", "", b"<html><body>Login</body></html>")),
        ("a page of another kind", response("404 Not Found", "", b"<html/>")),
        ("another service", response("200 OK", "", b"<E><Body><GetTemperatureResponse/></Body></E>")),
    ];
    for (what, answer) in cases {
        let device = Stub::serve(move |_| answer.clone()).await;
        let before = Instant::now();
        let error = opened(device.address, 2000).await.expect_err(what);
        println!("{what}: the device {error}");
        assert!(before.elapsed() < Duration::from_secs(4), "{what}");
        assert!(error.to_string().len() < 300, "{what}: {error}");
    }
}

#[tokio::test]
async fn a_device_that_drips_is_let_go_at_its_deadline() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        assert!(tokio::io::AsyncReadExt::read(&mut stream, &mut [0; 1 << 14]).await.unwrap() > 0);
        for byte in b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\n\r\n<a>".iter().cycle() {
            if tokio::io::AsyncWriteExt::write_all(&mut stream, &[*byte]).await.is_err() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    });
    let before = Instant::now();
    let error = opened(address, 1500).await.unwrap_err();
    assert!(error.to_string().contains("no whole answer"), "{error}");
    assert!(before.elapsed() < Duration::from_secs(4));
}

#[tokio::test]
async fn redirects_and_foreign_addresses_lead_nowhere_else() {
    let other = Stub::serve(|_| response("200 OK", "", b"<a/>")).await;
    let to = format!("Location: http://{}/onvif/device_service\r\n", other.address);
    let device = Stub::serve(move |_| response("302 Found", &to, b"")).await;
    assert!(opened(device.address, 2000).await.is_err());
    assert!(other.asked().is_empty(), "the redirect was followed");

    // A media service at a cloud's metadata address is looked for at the device itself.
    let dir = support::root().join("tests/fixtures/onvif/hikvision");
    let device = Stub::serve(move |asked| {
        let text = std::fs::read_to_string(dir.join(format!("{}.xml", asked.question))).unwrap_or_default();
        response(
            "200 OK",
            "",
            text.replace("http://192.168.1.64/onvif/Media", "http://169.254.169.254/latest/meta-data").as_bytes(),
        )
    })
    .await;
    let view = probed(ask(device.address, 1), &Eyes::default()).await;
    assert!(view.steps.iter().any(|s| s.text.contains("169.254.169.254")), "{:?}", view.steps);
    assert!(device.asked().iter().any(|a| a.path == "/latest/meta-data" && a.question == "GetProfiles"));
}

/// Pedestrians, 768x576, 10 Hz, a key frame in 2 s, as set-up makes it.
fn clip() -> Option<PathBuf> {
    let path = support::root().join(".cache/footage/vtest.h264.mp4");
    if !path.exists() {
        println!("skipped: {} is not there", path.display());
        return None;
    }
    Some(path)
}

async fn farm(clip: &Path, change: impl FnOnce(&mut FarmOptions)) -> Farm {
    let clip = ClipArg::from(clip.to_owned());
    let mut options = FarmOptions { clips: vec![clip], onvif: Some(0), ..FarmOptions::default() };
    options.user = "admin".into();
    options.password = Secret::new(PASSWORD);
    change(&mut options);
    simulate::start(options).await.unwrap()
}

fn looks() -> Looks {
    Looks::new(DecodeLimits::default(), 80, true, 120)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_simulated_device_is_probed_to_a_picture() {
    let Some(clip) = clip() else { return };
    // With a token in the message, and as an HTTP digest; the clock an hour ahead.
    for http in [false, true] {
        let farm = farm(&clip, |o| {
            (o.channels, o.auth, o.clock_skew_ms, o.onvif_http_digest) = (2, AuthScheme::Digest, 3_600_000, http);
        })
        .await;
        let run = ProbeRun::default();
        run.run(ask(farm.onvif_addr(1).unwrap(), 2), &looks(), Clock::start()).await;
        let view = run.view();
        println!("{}", serde_json::to_string(&view).unwrap());
        assert!(view.done && view.picture, "{view:?}");
        let device = view.device.unwrap();
        assert_eq!(device.info.model, "camera farm");
        assert!((device.clock_skew_ms.unwrap() - 3_600_000).abs() < 2_000, "{device:?}");
        assert_eq!(view.streams.len(), 4);
        for (n, s) in view.streams.iter().enumerate() {
            assert_eq!(s.picture, s.channel_no == 2, "{s:?}");
            if s.channel_no == 2 {
                assert_eq!((s.codec, s.width, s.height), (Some(Codec::H264), 768, 576));
                assert!((8.0..=12.0).contains(&s.fps) && (1.8..=2.2).contains(&s.key_interval_s.unwrap()), "{s:?}");
                let jpeg = run.picture(n).unwrap();
                assert!(jpeg.starts_with(&[0xff, 0xd8]) && jpeg.len() > 5_000);
            }
        }
        assert!(view.snapshot_url.unwrap().ends_with("/snapshot/2"));
        assert!(view.advice.unwrap().contains("+3600 s"));
        // Sessions end with the look.
        for _ in 0..50 {
            if farm.stats().sessions_now == 0 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        assert_eq!(farm.stats().sessions_now, 0);

        let wrong = Some(Login { user: "admin".into(), password: Secret::new("wrong-canary") });
        let before = farm.stats().auth_refused;
        let view = probed(ProbeAsk { login: wrong, ..ask(farm.onvif_addr(1).unwrap(), 1) }, &looks()).await;
        assert!(view.error.unwrap().contains("refuses user name or password"));
        assert_eq!(farm.stats().auth_refused, before, "no RTSP session is tried with it");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_and_a_brand_are_probed_without_onvif() {
    let Some(clip) = clip() else { return };
    let farm = farm(&clip, |o| o.onvif = None).await;
    let url = url::Url::parse(&farm.url(1)).unwrap();
    let ask_url =
        ProbeAsk { target: Target::Url(url), login: None, transport: Transport::default(), allow_loopback: true };
    let view = probed(ask_url, &looks()).await;
    assert!(view.picture && view.streams.len() == 1 && view.device.is_some_and(|d| d.clock_skew_ms.is_some()));
    // A brand's paths that are not there end in what to do.
    let at = farm.addr(1);
    let target = Target::Host {
        name: at.ip().to_string(),
        port: at.port(),
        onvif: None,
        brand: brands::find("dahua"),
        channel: 3,
    };
    let ask_brand = ProbeAsk { target, login: None, transport: Transport::default(), allow_loopback: true };
    let view = probed(ask_brand, &looks()).await;
    assert_eq!(
        view.streams.iter().filter(|s| s.error.as_ref().is_some_and(|e| e.contains("404"))).count(),
        2,
        "{view:?}"
    );
    assert!(view.error.unwrap().contains("no such stream"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_and_a_network_are_searched() {
    let Some(clip) = clip() else { return };
    let farm = farm(&clip, |o| (o.hosts, o.channels, o.auth) = (3, 6, AuthScheme::Digest)).await;
    let ports: Vec<u16> =
        (1..=3).filter_map(|h| farm.onvif_addr(h)).map(|a| a.port()).chain([farm.addr(1).port()]).collect();
    let search = async |whom, login, group: SocketAddr| {
        let run = DiscoverRun::default();
        run.run(DiscoverAsk { whom, ports: ports.clone(), login, allow_loopback: true, group }, Clock::start()).await;
        let view = run.view();
        println!("{}", serde_json::to_string(&view).unwrap());
        assert!(view.done && !serde_json::to_string(&view).unwrap().contains("canary"));
        view
    };
    let list = || Whom::List(ranges::addresses("127.1.0.1-127.1.0.6", true).unwrap());
    let group = SocketAddr::from((ws::GROUP, ws::PORT));
    let view = search(list(), login(), group).await;
    assert_eq!((view.asked, view.of), (6, 6));
    let found: Vec<_> = view.found.iter().map(|f| (f.address.as_str(), f.onvif, f.port, f.model.as_str())).collect();
    let port = |h| farm.onvif_addr(h).unwrap().port();
    assert_eq!(
        found,
        [
            ("127.1.0.1", true, port(1), "camera farm"),
            ("127.1.0.2", true, port(2), "camera farm"),
            ("127.1.0.3", true, port(3), "camera farm"),
        ]
    );
    assert!(view.found.iter().all(|f| f.rtsp_port == Some(farm.addr(1).port())));
    // A wrong password does not hide a device.
    let wrong = Some(Login { user: "admin".into(), password: Secret::new("wrong-canary") });
    let view = search(list(), wrong, group).await;
    assert!(
        view.found.len() == 3 && view.found.iter().all(|f| f.reason.as_ref().is_some_and(|r| r.contains("refuses")))
    );

    // "The network" is one host here: multicast itself needs a second machine.
    let view =
        search(Whom::Network { interface: Some([127, 0, 0, 1].into()) }, login(), farm.onvif_addr(2).unwrap()).await;
    assert_eq!(view.found.len(), 1, "{view:?}");
    let f = &view.found[0];
    assert_eq!((f.address.as_str(), f.name.as_str(), f.model.as_str()), ("127.1.0.2", "farm 2", "camera farm"));
    assert_eq!(
        f.xaddr.as_deref(),
        Some(format!("http://{}/onvif/device_service", farm.onvif_addr(2).unwrap()).as_str())
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_command_line_comes_to_a_picture_in_a_file() {
    let Some(clip) = clip() else { return };
    let farm = farm(&clip, |o| o.auth = AuthScheme::Digest).await;
    let dir = tempfile::tempdir().unwrap();
    let (secret, picture) = (dir.path().join("cam.secret"), dir.path().join("look.jpg"));
    std::fs::write(&secret, PASSWORD).unwrap();
    let at = farm.onvif_addr(1).unwrap();
    let args = ProbeArgs {
        url: at.ip().to_string(),
        onvif: true,
        brand: None,
        channel: 1,
        port: Some(at.port()),
        picture: Some(picture.clone()),
        user: Some("admin".into()),
        password_file: Some(secret),
        udp: false,
        tls: Default::default(),
        seconds: 5,
        allow_loopback: true,
    };
    let code = async |args: ProbeArgs| cli::probe::run(args, true).await.unwrap().code();
    assert_eq!(code(args.clone()).await, 0);
    assert!(std::fs::read(picture).unwrap().starts_with(&[0xff, 0xd8]));
    assert_eq!(code(ProbeArgs { channel: 2, ..args.clone() }).await, 1);
    assert_eq!(code(ProbeArgs { allow_loopback: false, ..args.clone() }).await, 1);
    assert_eq!(code(ProbeArgs { brand: Some("nobody".into()), ..args }).await, 64);

    // A host that is stopped is gone as a device, too, and comes back at its port.
    assert_eq!(farm.command("stop-host 1").await, "ok");
    assert!(opened(at, 2000).await.is_err());
    assert_eq!(farm.command("start-host 1").await, "ok");
    assert!(opened(at, 2000).await.is_ok());
}

/// One who talks to a gateway's API as the console does.
struct Desk {
    base: String,
    cookie: String,
    csrf: String,
}

impl Desk {
    async fn login(node: &Node) -> Self {
        let first = node.first_password().unwrap().expose().to_owned();
        let mut desk = Self { base: format!("http://{}", node.web_addr()), cookie: String::new(), csrf: String::new() };
        for (path, body) in [
            ("/api/v1/login", json!({ "user": "admin", "password": first })),
            ("/api/v1/password", json!({ "old": first, "new": "an integrator's own" })),
        ] {
            let (status, cookie, text) = desk.send("POST", path, Some(body)).await;
            assert_eq!(status, 200, "{}", String::from_utf8_lossy(&text));
            desk.cookie = cookie.unwrap().split(';').next().unwrap().to_owned();
            let session: Value = serde_json::from_slice(&text).unwrap();
            desk.csrf = session["csrf"].as_str().unwrap().to_owned();
        }
        desk
    }

    async fn send(&self, method: &str, path: &str, body: Option<Value>) -> (u16, Option<String>, Vec<u8>) {
        let request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base))
            .header("Cookie", &self.cookie)
            .header("X-CSRF-Token", &self.csrf)
            .header("Content-Type", "application/json")
            .body(body.map(|b| b.to_string()).unwrap_or_default())
            .unwrap();
        tokio::task::spawn_blocking(move || {
            let agent = ureq::Agent::new_with_config(ureq::Agent::config_builder().http_status_as_error(false).build());
            let mut answer = agent.run(request).unwrap();
            let cookie = answer.headers().get("set-cookie").map(|c| c.to_str().unwrap().to_owned());
            (answer.status().as_u16(), cookie, answer.body_mut().read_to_vec().unwrap())
        })
        .await
        .unwrap()
    }

    /// Begins a job and waits for its end.
    async fn job(&self, path: &str, body: Value) -> (String, Value) {
        let (status, _, text) = self.send("POST", path, Some(body)).await;
        assert_eq!(status, 202, "{}", String::from_utf8_lossy(&text));
        let begun: Value = serde_json::from_slice(&text).unwrap();
        let path = format!("{path}/{}", begun["id"].as_str().unwrap());
        for _ in 0..300 {
            let (status, _, text) = self.send("GET", &path, None).await;
            assert_eq!(status, 200);
            let view: Value = serde_json::from_slice(&text).unwrap();
            if view["done"] == true {
                return (path, view);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("{path} does not end");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_wizard_comes_from_a_host_to_a_picture_through_the_api() {
    let Some(clip) = clip() else { return };
    let farm = farm(&clip, |o| o.auth = AuthScheme::Digest).await;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("skyeye.toml");
    std::fs::write(dir.path().join("cam.secret"), format!("{PASSWORD}\n")).unwrap();
    let text = format!(
        "[node]\ndata_dir = \"{dir}/data\"\n[web]\nlisten = \"127.0.0.1:0\"\n[publish]\nlisten = \"127.0.0.1:0\"\n\
         [infer]\nruntime = \"{dir}/none.so\"\nmodels_dir = \"{dir}/models\"\n[ingest]\nallow_loopback = true\n\
         [[credential]]\nid = \"cam\"\nusername = \"admin\"\npassword_file = \"{dir}/cam.secret\"\n\
         [[channel]]\nid = \"gate\"\nurl = \"{}\"\ncredential = \"cam\"\nenabled = false\n",
        farm.url(1),
        dir = dir.path().display(),
    );
    std::fs::write(&path, text).unwrap();
    let node = Node::start(skyeye::config::load(&path).unwrap(), path, false).await.unwrap();
    let desk = Desk::login(&node).await;
    let port = farm.onvif_addr(1).unwrap().port();

    let list = json!({ "kind": "list", "addresses": "127.0.0.1", "ports": [port], "credential": "cam" });
    let (_, found) = desk.job("/api/v1/discover", list).await;
    assert_eq!(found["found"][0]["model"], "camera farm", "{found}");
    assert_eq!(found["found"][0]["known"], json!(["gate"]));

    let (path, view) =
        desk.job("/api/v1/probe", json!({ "host": "127.0.0.1", "port": port, "credential": "cam" })).await;
    assert_eq!(view["picture"], true, "{view}");
    assert_eq!(view["device"]["manufacturer"], "skyeye");
    assert_eq!(view["streams"][0]["url"], farm.url(1));
    assert!(!view.to_string().contains("canary"));
    let (status, _, jpeg) = desk.send("GET", &format!("{path}/picture?stream=0"), None).await;
    assert!(status == 200 && jpeg.starts_with(&[0xff, 0xd8]));
    let (status, ..) = desk.send("GET", &format!("{path}/picture?stream=9"), None).await;
    assert_eq!(status, 404);

    for (body, word) in [
        (json!({ "url": "rtsp://169.254.169.254/latest" }), "link-local"),
        (json!({ "url": "rtsp://admin:canary-x@10.0.0.1/" }), "username and password"),
        (json!({ "host": "10.0.0.1", "credential": "nobody" }), "no credential"),
        (json!({ "host": "10.0.0.1", "brand": "nobody" }), "no brand"),
    ] {
        let (status, _, text) = desk.send("POST", "/api/v1/probe", Some(body)).await;
        let text = String::from_utf8(text).unwrap();
        assert!(status == 422 && text.contains(word) && !text.contains("canary"), "{status} {text}");
    }
    node.stop().await;
}

#[test]
fn the_answers_of_makers_to_ws_discovery_are_read() {
    for (maker, from, port, name, hardware) in [
        ("hikvision", "192.168.1.64", 80, "HIKVISION DS-2CD2143G2-I", "DS-2CD2143G2-I"),
        ("dahua", "192.168.1.108", 80, "Dahua", "IPC-HFW2431S-S-S2"),
        ("axis", "169.254.75.60", 80, "AXIS P3245-LV", "P3245-LV"),
        ("reolink", "192.168.1.133", 8000, "大门", "IPC_523128M8MP"),
    ] {
        let file = support::root().join(format!("tests/fixtures/onvif/{maker}/ProbeMatches.xml"));
        let heard = ws::read(&std::fs::read(file).unwrap(), from.parse().unwrap()).unwrap();
        assert_eq!((heard.port, heard.name.as_str(), heard.hardware.as_str()), (port, name, hardware), "{maker}");
        assert_eq!(heard.path, "/onvif/device_service");
    }
}

#[test]
fn the_guide_has_every_brand_and_every_state() {
    let guide = std::fs::read_to_string(support::root().join("config/CAMERAS.md")).unwrap();
    for b in brands::all() {
        let row = guide.lines().find(|l| l.starts_with(&format!("| `{}` |", b.id)));
        let row = row.unwrap_or_else(|| panic!("config/CAMERAS.md lacks the brand `{}`", b.id));
        for path in [&b.main, &b.sub] {
            assert!(
                row.contains(&format!("`{path}`")),
                "config/CAMERAS.md: {} has another path than brands.toml: {path}",
                b.id
            );
        }
    }
    let brands = guide.lines().filter(|l| l.starts_with("| `") && l.contains("`/")).count();
    assert_eq!(brands, brands::all().len(), "config/CAMERAS.md names a brand that brands.toml lacks");
    let states = telemetry::names::TABLE
        .iter()
        .flat_map(|m| m.labels)
        .find(|(l, v)| *l == "state" && v.contains(&"auth_failed"));
    let states = states.expect("a metric with the channel states").1;
    assert!(states.len() >= 9);
    for state in states {
        assert!(guide.contains(&format!("| `{state}` |")), "config/CAMERAS.md lacks the state `{state}`");
    }
}
