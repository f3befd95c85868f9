//! The sockets themselves: TLS, and connections that say nothing.

use std::{net::SocketAddr, path::Path, sync::Arc, time::Duration};

use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject};
use serde_json::json;
use skyeye::web;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
    task::JoinHandle,
};
use tokio_rustls::TlsConnector;
use tokio_tungstenite::{client_async, tungstenite::client::IntoClientRequest};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::support::{Gateway, PASSWORD, USER};

fn fixture(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/tls").join(name)
}

async fn served(tls: bool) -> (Gateway, SocketAddr, DropGuard, JoinHandle<Result<(), web::WebError>>) {
    let g = Gateway::with(|config| {
        if tls {
            config.web.tls_cert = Some(fixture("cert.pem"));
            config.web.tls_key = Some(fixture("key.pem"));
        }
    })
    .await;
    let bound = web::bind(&g.config.web).unwrap();
    let (address, cancel) = (bound.address(), CancellationToken::new());
    let task = tokio::spawn(bound.serve(g.state.clone(), cancel.clone()));
    (g, address, cancel.drop_guard(), task)
}

async fn encrypted(address: SocketAddr) -> tokio_rustls::client::TlsStream<TcpStream> {
    rustls::crypto::ring::default_provider().install_default().ok();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(fixture("cert.pem")).unwrap()).unwrap();
    let mut config = rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let name = ServerName::try_from("127.0.0.1").unwrap();
    let stream = TcpStream::connect(address).await.unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap()
}

/// One request on a connection of its own; the answer with its head.
async fn exchange(mut stream: impl AsyncRead + AsyncWrite + Unpin, head: &str, body: &str) -> String {
    let length = body.len();
    let request = format!("{head}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.ok();
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn with_a_certificate_everything_is_encrypted_and_says_so() {
    let (g, address, _guard, _task) = served(true).await;
    let head = format!("GET /healthz HTTP/1.1\r\nhost: {address}");
    let answer = exchange(encrypted(address).await, &head, "").await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("strict-transport-security: max-age="), "{answer}");

    let body = json!({ "user": USER, "password": PASSWORD }).to_string();
    let login = |scheme: &str| {
        format!(
            "POST /api/v1/login HTTP/1.1\r\nhost: {address}\r\norigin: {scheme}://{address}\r\ncontent-type: application/json"
        )
    };
    let answer = exchange(encrypted(address).await, &login("http"), &body).await;
    assert!(answer.starts_with("HTTP/1.1 403"), "an origin without encryption is another one: {answer}");
    let answer = exchange(encrypted(address).await, &login("https"), &body).await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("; Secure"), "{answer}");

    let cookie = answer.split("set-cookie: ").nth(1).unwrap().split(';').next().unwrap();
    let mut request = format!("wss://{address}/mqtt").into_client_request().unwrap();
    let origin = format!("https://{address}");
    for (name, value) in [("cookie", cookie), ("origin", origin.as_str()), ("sec-websocket-protocol", "mqtt")] {
        request.headers_mut().insert(name, value.parse().unwrap());
    }
    let feed = client_async(request, encrypted(address).await).await;
    assert!(feed.is_ok(), "{:?}", feed.err());
    assert_eq!(g.state.auth().feeds().count(), 1);

    let plain = exchange(TcpStream::connect(address).await.unwrap(), &head, "").await;
    assert!(!plain.contains("HTTP/1.1 200"), "{plain}");
}

#[tokio::test]
async fn a_certificate_that_cannot_be_read_is_said() {
    let g = Gateway::with(|config| {
        config.web.tls_cert = Some(fixture("cert.pem"));
        config.web.tls_key = Some(fixture("none.pem"));
    })
    .await;
    let end = web::serve(g.state.clone(), &g.config.web, CancellationToken::new()).await.unwrap_err();
    assert!(end.to_string().contains("web.tls_key"), "{end}");
}

#[tokio::test]
async fn connections_that_say_nothing_are_closed() {
    let (_g, address, _guard, _task) = served(false).await;
    let mut silent = TcpStream::connect(address).await.unwrap();
    let mut dripping = TcpStream::connect(address).await.unwrap();
    dripping.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\nx-a: ").await.unwrap();
    let mut idle = TcpStream::connect(address).await.unwrap();
    idle.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut buffer = [0; 4096];
    assert!(idle.read(&mut buffer).await.unwrap() > 0);
    tokio::time::sleep(Duration::from_millis(200)).await;
    tokio::time::pause();
    tokio::time::sleep(Duration::from_secs(25)).await;
    tokio::time::resume();
    for (what, stream) in [("silent", &mut silent), ("dripping", &mut dripping), ("idle", &mut idle)] {
        let end = tokio::time::timeout(Duration::from_secs(2), async {
            while let Ok(1..) = stream.read(&mut buffer).await {}
        });
        assert!(end.await.is_ok(), "{what} is still open");
    }
}
