//! `skyeye probe` against the camera farm: what it measures is what was played, and what fails has its word.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)] // tests panic

mod support;

use skyeye::cli::probe::{ProbeArgs, probe, run};
use skyeye::simulate::{self, AuthScheme, ClipArg, Farm, FarmOptions};
use skyeye::types::{Codec, Secret};
use support::gst_server::Clips;
use url::Url;

fn args(url: &str, udp: bool) -> ProbeArgs {
    let url = url.to_owned();
    let (user, password_file, brand, port, picture) = (None, None, None, None, None);
    ProbeArgs {
        url,
        onvif: false,
        brand,
        channel: 1,
        port,
        picture,
        user,
        password_file,
        udp,
        tls: Default::default(),
        seconds: 5,
        allow_loopback: true,
    }
}

async fn farm(clips: &Clips, codec: &str, change: impl FnOnce(&mut FarmOptions)) -> Farm {
    let mut options = FarmOptions { clips: vec![ClipArg::from(clips.path(codec))], ..FarmOptions::default() };
    change(&mut options);
    simulate::start(options).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_measures_what_is_played() {
    let Some(clips) = Clips::make(&["h264"]) else { return };
    let farm = farm(&clips, "h264", |o| o.clock_skew_ms = 30_000).await;
    // Bytes a second of the file: the oracle for the bit rate.
    let file = skyeye::decode::file::read_access_units(&clips.path("h264")).unwrap();
    let kbit_s = file.units.iter().map(|u| u.data.len()).sum::<usize>() as f32 * 8.0 / 1000.0 / 20.0;
    for udp in [false, true] {
        let args = args(&farm.url(1), udp);
        let r = probe(&args, Url::parse(&args.url).unwrap(), None).await.unwrap();
        println!("{}", serde_json::to_string(&r).unwrap());
        assert!(r.ok, "{r:?}");
        assert_eq!((r.codec, r.width, r.height), (Some(Codec::H264), 768, 576));
        assert!((9.0..=11.0).contains(&r.unit_rate_hz), "{r:?}");
        assert!((0.9..=1.1).contains(&r.key_interval_s.unwrap()), "{r:?}");
        assert!((r.kbit_s / kbit_s - 1.0).abs() < 0.5, "{} of {kbit_s}", r.kbit_s);
        assert!((29_000..=31_000).contains(&r.clock_skew_ms.unwrap()), "{r:?}");
        assert_eq!(r.damaged, 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_fails_has_its_word_and_exit_code() {
    let Some(clips) = Clips::make(&["mjpeg"]) else { return };
    let farm = farm(&clips, "mjpeg", |o| {
        o.auth = AuthScheme::Digest;
        o.password = Secret::new("korrekt-9");
    })
    .await;
    let look = async |url: &str, password: &str| {
        let credential = Some(("admin".to_owned(), Secret::new(password)));
        probe(&args(url, false), Url::parse(url).unwrap(), credential).await.unwrap()
    };
    let right = look(&farm.url(1), "korrekt-9").await;
    assert_eq!((right.ok, right.codec), (true, Some(Codec::Mjpeg)));
    let wrong = look(&farm.url(1), "falsch-7").await;
    assert_eq!((wrong.ok, wrong.state), (false, "auth_failed"));
    assert!(!format!("{wrong:?}").contains("falsch-7"));
    let lost = look(&format!("rtsp://{}/nowhere", farm.addr(1)), "korrekt-9").await;
    assert_eq!((lost.ok, lost.state), (false, "misconfigured"));

    let code = async |args: ProbeArgs| run(args, true).await.unwrap().code();
    assert_eq!(code(args(&farm.url(1), false)).await, 1, "without a login");
    assert_eq!(code(args("rtsp://admin:x@127.0.0.1/", false)).await, 64);
    assert_eq!(code(ProbeArgs { allow_loopback: false, ..args(&farm.url(1), false) }).await, 64);
}
