//! The connection to a camera, plain or encrypted. All that is known above is that bytes go in and come out.

use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use url::Url;

use crate::config::validate::camera_port;
use crate::ingest::failure::shown;
use crate::ingest::{ChannelSpec, Failure};
use crate::trust;

pub enum Wire {
    Plain(TcpStream),
    Secure(Box<TlsStream<TcpStream>>),
    /// The other end is the test itself.
    #[cfg(test)]
    Test(tokio::io::DuplexStream),
}

impl Wire {
    /// Connects to the address in `url`, which passed the policy; a certificate must be for the host that the channel
    /// names.
    pub async fn connect(spec: &ChannelSpec, url: &Url) -> Result<Self, Failure> {
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
        let stream = TcpStream::connect((host, camera_port(url))).await.map_err(|e| Failure::unreachable(&e))?;
        // Small requests that are answered one by one; where it cannot be set they are only slower.
        drop(stream.set_nodelay(true));
        if url.scheme() != "rtsps" {
            return Ok(Wire::Plain(stream));
        }
        let name = spec.url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        let name = name.try_into().map_err(|_| Failure::tls("the host of the address is no name"))?;
        let client =
            TlsConnector::from(Arc::new(trust::client(spec.tls, trust::Server::Camera).map_err(Failure::tls)?));
        let stream = client.connect(name, stream).await.map_err(refused)?;
        Ok(Wire::Secure(Box::new(stream)))
    }

    /// Writes at once or not at all.
    pub fn write_now(&mut self, bytes: &[u8]) -> io::Result<()> {
        // Nobody waits for room: a socket that is full of requests has no reader. Nor for the task's budget, which what was
        // read may have used up.
        let write = std::future::poll_fn(|cx| Pin::new(&mut *self).poll_write(cx, bytes));
        match pin!(tokio::task::unconstrained(write)).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Ok(n)) if n == bytes.len() => Ok(()),
            Poll::Ready(Ok(_)) | Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
            Poll::Ready(Err(e)) => Err(e),
        }
    }
}

/// What the handshake failed for: our own judgement in its own words, else what the library says.
fn refused(error: io::Error) -> Failure {
    match error.get_ref().and_then(|e| e.downcast_ref::<rustls::Error>()) {
        Some(rustls::Error::General(why)) => Failure::tls(why),
        Some(error) => Failure::tls(format!("{}; check that the port is one for rtsps", shown(&error.to_string()))),
        None => Failure::closed_in_setup(),
    }
}

/// The same call on whatever the connection is.
macro_rules! on {
    ($wire:expr, $stream:ident => $call:expr) => {
        match $wire.get_mut() {
            Wire::Plain($stream) => {
                let $stream = Pin::new($stream);
                $call
            }
            Wire::Secure($stream) => {
                let $stream = Pin::new($stream);
                $call
            }
            #[cfg(test)]
            Wire::Test($stream) => {
                let $stream = Pin::new($stream);
                $call
            }
        }
    };
}

impl AsyncRead for Wire {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        on!(self, stream => stream.poll_read(cx, buf))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        on!(self, stream => stream.poll_write(cx, bytes))
    }
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        on!(self, stream => stream.poll_flush(cx))
    }
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        on!(self, stream => stream.poll_shutdown(cx))
    }
}
