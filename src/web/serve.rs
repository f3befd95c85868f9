//! The sockets: listening, TLS, how many connections there may be, and an orderly end.
//!
//! Connections have a cap of their own so that browsers cannot use up the file descriptors that cameras need; above it
//! a new connection is closed at once.

use std::{
    future::{Ready, ready},
    io,
    net::{SocketAddr, TcpListener},
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
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    sync::{OwnedSemaphorePermit, Semaphore},
};
use tokio_util::sync::CancellationToken;

use super::{AppState, WebError, router};
use crate::config;

const MAX_CONNECTIONS: usize = 512;
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
        let capped = Capped { places: Arc::new(Semaphore::new(MAX_CONNECTIONS)) };
        let service = router(state.clone()).into_make_service_with_connect_info::<SocketAddr>();
        let mut server = axum_server::from_tcp(self.listener)
            .map_err(WebError::Serve)?
            .handle(handle.clone())
            // Also covers what the head's timeout does not: a connection that says nothing at all.
            .first_request_timeout(HEADER_TIMEOUT)
            .acceptor(capped.clone());
        // HTTP/2 stays possible for tools; browsers are not offered it, because WebSockets need HTTP/1.1.
        server.http_builder().http1().header_read_timeout(HEADER_TIMEOUT).max_buf_size(64 << 10);
        server.http_builder().http2().max_concurrent_streams(32);
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
}

impl<S> Accept<TcpStream, S> for Capped {
    type Stream = Counted;
    type Service = S;
    type Future = Ready<io::Result<(Counted, S)>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            metrics::counter!("skyeye_web_connections_refused_total").increment(1);
            return ready(Err(io::Error::other("too many connections")));
        };
        // Small packets of the feed must not wait for company.
        ready(stream.set_nodelay(true).map(|()| (Counted { stream, _place: place }, service)))
    }
}

/// A connection that holds its place.
#[derive(Debug)]
struct Counted {
    stream: TcpStream,
    _place: OwnedSemaphorePermit,
}

impl AsyncRead for Counted {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Counted {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
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
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
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
        let capped = Capped { places: Arc::new(Semaphore::new(1)) };
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
}
