//! The connection to a camera. All that is known above is that bytes go in and come out.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use url::Url;

use crate::ingest::{ChannelSpec, Failure};

pub enum Wire {
    Plain(TcpStream),
    /// The other end is the test itself.
    #[cfg(test)]
    Test(tokio::io::DuplexStream),
}

impl Wire {
    /// Connects to the address in `url`, which passed the policy.
    pub async fn connect(_spec: &ChannelSpec, url: &Url) -> Result<Self, Failure> {
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
        let stream =
            TcpStream::connect((host, url.port().unwrap_or(554))).await.map_err(|e| Failure::unreachable(&e))?;
        // Small requests that are answered one by one; where it cannot be set they are only slower.
        drop(stream.set_nodelay(true));
        Ok(Wire::Plain(stream))
    }

    /// Writes at once or not at all.
    pub fn write_now(&mut self, bytes: &[u8]) -> io::Result<()> {
        // Nobody waits for room: a socket that is full of requests has no reader.
        match Pin::new(self).poll_write(&mut Context::from_waker(Waker::noop()), bytes) {
            Poll::Ready(Ok(n)) if n == bytes.len() => Ok(()),
            Poll::Ready(Ok(_)) | Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
            Poll::Ready(Err(e)) => Err(e),
        }
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
