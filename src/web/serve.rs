//! The sockets: listening, TLS, how many connections there may be, and an orderly end.
//!
//! Connections have a cap of their own so that browsers cannot use up the file descriptors that cameras need; above it
//! a new connection is closed at once. One address has a part of them only, and who does not read what he asked for is let
//! go: else one host could keep everybody out without a login.

use std::{
    collections::HashMap,
    future::{Ready, ready},
    io,
    net::{IpAddr, SocketAddr, TcpListener},
    path::PathBuf,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use axum::{extract::Request, middleware::Next, response::Response};
use axum_server::{
    Handle,
    accept::Accept,
    tls_rustls::{RustlsAcceptor, RustlsConfig},
};
use parking_lot::Mutex;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    sync::{OwnedSemaphorePermit, Semaphore},
    time::Sleep,
};
use tokio_util::sync::CancellationToken;

use super::{AppState, WebError, auth::limit::address_key, router};
use crate::config;

/// Connections that each address has.
type ByAddress = Arc<Mutex<HashMap<IpAddr, usize>>>;

const MAX_CONNECTIONS: usize = 512;
/// Of one address: a command centre behind address translation, and yet a quarter. Loopback has no part of its own, for a
/// proxy there speaks for everybody.
const MAX_OF_ONE: usize = 128;
/// A connection that takes nothing of its answer for this long is closed.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);
/// A connection that sends no whole request head for this long is closed; also one that is idle between requests.
const HEADER_TIMEOUT: Duration = Duration::from_secs(20);
const TLS_HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// What is under way at the end gets this long.
const GRACE: Duration = Duration::from_secs(8);
const SWEEP_EVERY: Duration = Duration::from_secs(3600);

/// A socket that listens; nothing is answered before `serve`.
#[derive(Debug)]
pub struct Bound {
    listener: TcpListener,
    address: SocketAddr,
    tls: Option<(PathBuf, PathBuf)>,
}

/// Listens on `web.listen`; port 0 takes a free one.
pub fn bind(cfg: &config::Web) -> Result<Bound, WebError> {
    let address: SocketAddr = cfg.listen.parse().map_err(|_| WebError::Address(cfg.listen.clone()))?;
    let tls = cfg.tls_cert.clone().zip(cfg.tls_key.clone());
    if !address.ip().is_loopback() && tls.is_none() && !cfg.allow_plain {
        return Err(WebError::Plain(address));
    }
    let listen = |source| WebError::Listen { address, source };
    let listener = TcpListener::bind(address).map_err(listen)?;
    let address = listener.local_addr().map_err(listen)?;
    Ok(Bound { listener, address, tls })
}

/// Listens and serves until cancelled.
pub async fn serve(state: AppState, cfg: &config::Web, cancel: CancellationToken) -> Result<(), WebError> {
    bind(cfg)?.serve(state, cancel).await
}

impl Bound {
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until cancelled, then ends feeds and lets requests under way finish, within 10 s.
    pub async fn serve(self, state: AppState, cancel: CancellationToken) -> Result<(), WebError> {
        let handle = Handle::new();
        let capped = Capped::new(MAX_CONNECTIONS, MAX_OF_ONE);
        let service = router(state.clone()).into_make_service_with_connect_info::<SocketAddr>();
        let mut server = axum_server::from_tcp(self.listener)
            .map_err(WebError::Serve)?
            .handle(handle.clone())
            // Also covers what the head's timeout does not: a connection that says nothing at all.
            .first_request_timeout(HEADER_TIMEOUT)
            .acceptor(capped.clone());
        server.http_builder().http1().header_read_timeout(HEADER_TIMEOUT).max_buf_size(64 << 10);
        // HTTP/2 stays possible for tools; browsers are not offered it, because WebSockets need HTTP/1.1. (The server's
        // `http1_only` would end upgrades too.) A peer that answers no ping is gone; one that does holds a place of its
        // address's part.
        let mut http2 = server.http_builder().http2();
        http2.keep_alive_interval(HEADER_TIMEOUT).keep_alive_timeout(HEADER_TIMEOUT);
        http2.max_concurrent_streams(8);
        let running = async {
            match self.tls {
                None => server.serve(service).await.map_err(WebError::Serve),
                Some((cert, key)) => {
                    // `web` may come first; the provider is the same wherever it is set.
                    rustls::crypto::ring::default_provider().install_default().ok();
                    let tls = RustlsConfig::from_pem_file(&cert, &key).await.map_err(WebError::Tls)?;
                    let http1 = {
                        let mut inner = (*tls.get_inner()).clone();
                        inner.alpn_protocols = vec![b"http/1.1".to_vec()];
                        RustlsConfig::from_config(Arc::new(inner))
                    };
                    let tls = RustlsAcceptor::new(http1).handshake_timeout(TLS_HANDSHAKE_TIMEOUT).acceptor(capped);
                    server.acceptor(tls).serve(service).await.map_err(WebError::Serve)
                }
            }
        };
        tokio::pin!(running);
        let mut sweep = tokio::time::interval(SWEEP_EVERY);
        let result = loop {
            tokio::select! {
                result = &mut running => break result,
                () = cancel.cancelled() => {
                    state.closing().cancel();
                    handle.graceful_shutdown(Some(GRACE));
                    break running.await;
                }
                _ = sweep.tick() => {
                    if let Err(e) = state.auth().sweep().await {
                        tracing::warn!("old sessions and records stay for now: {e}");
                    }
                }
            }
        };
        state.closing().cancel();
        tokio::time::timeout(Duration::from_secs(1), state.auth().audit().flush()).await.ok();
        result
    }
}

/// Counts answers by status class.
pub async fn count(request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    let class = match response.status().as_u16() {
        0..200 => "1xx",
        200..300 => "2xx",
        300..400 => "3xx",
        400..500 => "4xx",
        _ => "5xx",
    };
    metrics::counter!("skyeye_web_responses_total", "class" => class).increment(1);
    response
}

/// Lets a bounded number of connections in.
#[derive(Debug, Clone)]
struct Capped {
    places: Arc<Semaphore>,
    of_one: usize,
    by_address: ByAddress,
}

impl Capped {
    fn new(all: usize, of_one: usize) -> Self {
        Self { places: Arc::new(Semaphore::new(all)), of_one, by_address: Arc::default() }
    }

    fn place(&self, peer: IpAddr) -> Option<Place> {
        let permit = Arc::clone(&self.places).try_acquire_owned().ok()?;
        let key = address_key(peer);
        if key.is_loopback() {
            return Some(Place { _permit: permit, address: None });
        }
        let mut by_address = self.by_address.lock();
        let held = by_address.get(&key).copied().unwrap_or(0);
        if held >= self.of_one {
            return None;
        }
        by_address.insert(key, held + 1);
        Some(Place { _permit: permit, address: Some((key, Arc::clone(&self.by_address))) })
    }
}

/// What a connection holds of the cap, and of its address's part.
#[derive(Debug)]
struct Place {
    _permit: OwnedSemaphorePermit,
    address: Option<(IpAddr, ByAddress)>,
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some((key, by_address)) = &self.address else { return };
        let mut by_address = by_address.lock();
        match by_address.get_mut(key) {
            Some(held) if *held > 1 => *held -= 1,
            _ => drop(by_address.remove(key)),
        }
    }
}

impl<S> Accept<TcpStream, S> for Capped {
    type Stream = Counted;
    type Service = S;
    type Future = Ready<io::Result<(Counted, S)>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        let place = stream.peer_addr().ok().and_then(|peer| self.place(peer.ip()));
        let Some(place) = place else {
            metrics::counter!("skyeye_web_connections_refused_total").increment(1);
            return ready(Err(io::Error::other("too many connections")));
        };
        // Small packets of the feed must not wait for company.
        ready(stream.set_nodelay(true).map(|()| (Counted { stream, stuck: None, _place: place }, service)))
    }
}

/// A connection that holds its place, and that has to take what is written to it.
#[derive(Debug)]
struct Counted {
    stream: TcpStream,
    /// Since the socket took nothing: until when it may go on so.
    stuck: Option<Pin<Box<Sleep>>>,
    _place: Place,
}

impl Counted {
    fn in_time(&mut self, cx: &mut Context<'_>, wrote: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if wrote.is_ready() {
            self.stuck = None;
            return wrote;
        }
        let stuck = self.stuck.get_or_insert_with(|| Box::pin(tokio::time::sleep(WRITE_TIMEOUT)));
        stuck.as_mut().poll(cx).map(|()| Err(io::Error::new(io::ErrorKind::TimedOut, "the client reads nothing")))
    }
}

impl AsyncRead for Counted {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Counted {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let wrote = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.in_time(cx, wrote)
    }
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let wrote = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.in_time(cx, wrote)
    }
    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_connection_above_the_cap_is_refused_until_one_ends() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let capped = Capped::new(1, 1);
        let mut accepted = Vec::new();
        for want in [true, false] {
            let (client, server) = tokio::join!(TcpStream::connect(address), listener.accept());
            let result = capped.accept(server.unwrap().0, ()).await;
            assert_eq!(result.is_ok(), want);
            accepted.push((client.unwrap(), result.ok()));
        }
        accepted.remove(0);
        let (_client, server) = tokio::join!(TcpStream::connect(address), listener.accept());
        assert!(capped.accept(server.unwrap().0, ()).await.is_ok());
    }

    #[tokio::test]
    async fn one_address_has_a_part_of_the_places_and_gives_it_back() {
        let capped = Capped::new(4, 2);
        let (one, other) = ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
        let mut held: Vec<Place> = (0..2).map(|_| capped.place(one).unwrap()).collect();
        assert!(capped.place(one).is_none(), "its part is taken");
        let _other = capped.place(other).unwrap();
        held.pop();
        assert!(capped.place(one).is_some());
        held.clear();
        assert_eq!(capped.by_address.lock().len(), 1, "who is gone is not kept");
        let local: Vec<_> = (0..3).filter_map(|_| capped.place("127.0.0.1".parse().unwrap())).collect();
        assert_eq!(local.len(), 3, "a proxy on the same machine speaks for many");
    }

    #[tokio::test]
    async fn who_does_not_read_is_let_go() {
        use tokio::io::AsyncWriteExt;

        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (client, server) = tokio::join!(TcpStream::connect(listener.local_addr().unwrap()), listener.accept());
        let (mut server, ()) = Capped::new(1, 1).accept(server.unwrap().0, ()).await.unwrap();
        tokio::time::pause();
        let error = loop {
            if let Err(e) = server.write_all(&[0; 65_536]).await {
                break e;
            }
        };
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        drop(client);
    }
}
