//! The sending half of one client's connection: answers and media in one order, never waiting for the client.
//!
//! In go whole messages; what the socket does not take now lies here, bounded, until a later try. Both the dialogue
//! and the clockwork write, so a lock keeps messages whole; it is held for one system call and never over an await.

use std::io::ErrorKind;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::net::TcpStream;

/// What lies here at most for a client that does not read: some seconds of an ordinary stream.
pub const MAX_PENDING_BYTES: usize = 1 << 20;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    /// All is in the socket.
    All,
    /// Something lies here; `flush` later.
    Queued,
    /// The message was not taken: too much lies here already.
    Full,
    /// The connection is gone.
    Closed,
}

#[derive(Debug)]
pub struct Outlet {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// None once closed, so that the socket goes although others still hold the outlet.
    stream: Option<Arc<TcpStream>>,
    pending: Vec<u8>,
    written: usize,
}

impl Outlet {
    pub fn new(stream: Arc<TcpStream>) -> Self {
        Self { state: Mutex::new(State { stream: Some(stream), pending: Vec::new(), written: 0 }) }
    }

    pub fn send(&self, message: &[u8]) -> Sent {
        let mut state = self.state.lock();
        match state.flush() {
            Sent::All => match state.write(message) {
                Some(n) if n == message.len() => Sent::All,
                Some(n) => {
                    state.pending.extend_from_slice(&message[n..]);
                    Sent::Queued
                }
                None => Sent::Closed,
            },
            Sent::Queued if state.pending.len() - state.written + message.len() <= MAX_PENDING_BYTES => {
                state.pending.extend_from_slice(message);
                Sent::Queued
            }
            Sent::Queued => Sent::Full,
            other => other,
        }
    }

    pub fn flush(&self) -> Sent {
        self.state.lock().flush()
    }

    pub fn close(&self) {
        let mut state = self.state.lock();
        state.stream = None;
        state.pending = Vec::new();
        state.written = 0;
    }
}

impl State {
    fn flush(&mut self) -> Sent {
        while self.written < self.pending.len() {
            let Some(stream) = &self.stream else { return Sent::Closed };
            match stream.try_write(&self.pending[self.written..]) {
                Ok(0) => return Sent::Queued,
                Ok(n) => self.written += n,
                Err(e) if e.kind() == ErrorKind::WouldBlock => {
                    // Keep the buffer from growing by what has long been sent.
                    if self.written > 64 * 1024 {
                        self.pending.drain(..self.written);
                        self.written = 0;
                    }
                    return Sent::Queued;
                }
                Err(_) => {
                    self.stream = None;
                    return Sent::Closed;
                }
            }
        }
        if !self.pending.is_empty() {
            self.pending = Vec::new();
            self.written = 0;
        }
        if self.stream.is_some() { Sent::All } else { Sent::Closed }
    }

    /// Bytes that the socket took; None if it is gone.
    fn write(&mut self, bytes: &[u8]) -> Option<usize> {
        match self.stream.as_ref()?.try_write(bytes) {
            Ok(n) => Some(n),
            Err(e) if e.kind() == ErrorKind::WouldBlock => Some(0),
            Err(_) => {
                self.stream = None;
                None
            }
        }
    }
}
