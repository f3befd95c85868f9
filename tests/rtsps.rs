//! Cameras over TLS: the farm behind a TLS server with a certificate that nobody signed, as cameras have it.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)] // tests panic

mod support;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use sha2::Digest as _;
use skyeye::simulate::{self, AuthScheme, ClipArg, Farm, FarmOptions};
use skyeye::types::{ChannelState, Secret};
use support::gst_server::Clips;
use support::pull::{Pull, channel};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/tls").join(name)
}

fn certificate() -> CertificateDer<'static> {
    CertificateDer::from_pem_file(fixture("cert.pem")).unwrap()
}

fn pin() -> String {
    format!("pin:{}", hex::encode(sha2::Sha256::digest(certificate().as_ref())))
}

/// Takes TLS off what comes and passes it on.
async fn tls_before(to: SocketAddr) -> SocketAddr {
    let key = PrivateKeyDer::from_pem_file(fixture("key.pem")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut client) = acceptor.accept(client).await else { return };
                let mut server = TcpStream::connect(to).await.unwrap();
                tokio::io::copy_bidirectional(&mut client, &mut server).await.ok();
            });
        }
    });
    address
}

async fn farm(clips: &Clips, codec: &str) -> Farm {
    simulate::start(FarmOptions {
        clips: vec![ClipArg::from(clips.path(codec))],
        auth: AuthScheme::Digest,
        user: "operator".into(),
        password: Secret::new("korrekt-9"),
        ..FarmOptions::default()
    })
    .await
    .unwrap()
}

const LOGIN: &str = "[[credential]]\nid = \"cam\"\nusername = \"operator\"\npassword = \"korrekt-9\"\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_is_judged_as_the_channel_says() {
    let Some(clips) = Clips::make(&["h264"]) else { return };
    let farm = farm(&clips, "h264").await;
    let url = format!("rtsps://{}/cam/1", tls_before(farm.addr(1)).await);
    let with = |id: &str, tls: &str| channel(id, &url, &format!("credential = \"cam\"\n{tls}"));
    let other = format!("tls = \"pin:{}\"", "ab".repeat(32));
    let pull = Pull::start(
        "backoff_min_s = 1\nbackoff_max_s = 2",
        &[
            LOGIN.to_owned(),
            with("pinned", &format!("tls = \"{}\"", pin())),
            with("any", "tls = \"accept-any\""),
            with("usual", ""),
            with("other", &other),
            channel("plain", &format!("rtsps://{}/cam/1", farm.addr(1)), "credential = \"cam\"\ntls = \"accept-any\""),
        ]
        .concat(),
    );
    for id in ["pinned", "any"] {
        let units = pull.until_units(id, 15, 30).await;
        assert!(units[0].key, "{id}");
        assert!(units.windows(2).all(|w| w[0].timeline_90k < w[1].timeline_90k));
        assert_eq!(pull.health(id).lost_packets, 0);
    }
    for (id, why) in [("usual", "not trusted"), ("other", "another than the pinned one")] {
        let health = pull.until_state(id, 5, ChannelState::Misconfigured).await;
        assert!(health.reason.contains(why) && health.reason.contains(&pin()), "{id}: {}", health.reason);
        assert!(pull.units(id).is_empty());
    }
    let health = pull.until("plain", 5, |h| h.state != ChannelState::Connecting).await;
    assert!(health.reason.contains("rtsps") || health.reason.contains("RTSP"), "{health:?}");
    pull.ingest.stop().await;
    for _ in 0..100 {
        if farm.stats().sessions_now == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(farm.stats().sessions_now, 0, "each session was ended at the camera");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_read_over_tls_is_said() {
    let Some(clips) = Clips::make(&["mjpeg"]) else { return };
    let farm = farm(&clips, "mjpeg").await;
    let url = format!("rtsps://{}/cam/1", tls_before(farm.addr(1)).await);
    let more = format!("credential = \"cam\"\ntls = \"{}\"", pin());
    let pull = Pull::start("", &[LOGIN.to_owned(), channel("a", &url, &more)].concat());
    let health = pull.until_state("a", 10, ChannelState::Misconfigured).await;
    assert!(health.reason.contains("H.264 or H.265"), "{}", health.reason);
}
