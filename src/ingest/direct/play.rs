//! A session that plays: what the socket gives, until it ends.
//!
//! One system call a unit in the usual case: bytes are read into a buffer of the thread, and what is no whole packet yet
//! is all that the session keeps. A picture that came in one go is written into a second buffer of the thread and then
//! copied once, in its exact size; one that comes in pieces grows in a buffer of its own. One session in ten thousand
//! is being read at any moment, so that memory a session is what is under way in it, and no ring.
//!
//! Where more than one item lies in what was read, the others are given one by one without being moved again, and within
//! tokio's budget: a camera that sends thousands of tiny packets must not hold the thread.

use std::cell::RefCell;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::io::{AsyncRead, ReadBuf};

use super::describe::Video;
use super::dialogue::Dialogue;
use super::framing::{self, Next, Rtp};
use super::gather::{Gather, Gathered};
use crate::ingest::Failure;
use crate::ingest::reader::{Received, Unit};
use crate::ingest::session::VideoInfo;
use crate::types::Mono;

/// Room for the longest packet or message that may be left over, and as much again to read into.
const READ_BYTES: usize = 256 * 1024;
/// Reads in a row that give no item, before others get the thread.
const READS_AT_ONCE: u32 = 4;
/// A sequence number this little behind what is expected is a packet that came twice; further behind it begins anew.
const TWICE: u16 = 64;
/// Geovision cameras mix packets of this type into their video, unannounced. Any other type is the video, whatever the
/// description calls it: there is one stream on the channel.
const METADATA: u8 = 50;

thread_local! {
    static BUFFERS: RefCell<Buffers> = RefCell::new(Buffers { read: vec![0; READ_BYTES], picture: Vec::new() });
}

/// What the sessions of a thread share, one at a time.
struct Buffers {
    read: Vec<u8>,
    picture: Vec<u8>,
}

/// A picture under way.
struct Picture {
    bytes: Vec<u8>,
    /// Grows in a buffer of the session, which may be given away.
    own: bool,
}

/// One session, from PLAY on. Dropping it ends the session at the camera.
pub struct Direct {
    dialogue: Dialogue,
    channels: [u8; 2],
    gather: Gather,
    /// Bytes that came and were not looked at yet, or are no whole packet yet; those before `at` are done with.
    rest: Vec<u8>,
    at: usize,
    /// The picture under way, where it did not come in one go.
    picture: Vec<u8>,
    /// What follows the item that was given last.
    ready: Option<Received>,
    after: Option<Received>,
    lost_framing: bool,
    ssrc: Option<u32>,
    sequence: Option<u16>,
    /// Of the latest packet, as it stood there and unwrapped.
    timestamp: Option<(u32, i64)>,
    /// Packets known to be lost and not told yet.
    lost: u64,
    alive: Option<Mono>,
}

impl Direct {
    pub fn new(dialogue: Dialogue, channels: [u8; 2], video: &Video, early: Vec<u8>) -> Self {
        Self {
            dialogue,
            channels,
            gather: Gather::new(video.codec, usize::MAX, &video.sets),
            rest: early,
            at: 0,
            picture: Vec::new(),
            ready: None,
            after: None,
            lost_framing: false,
            ssrc: None,
            sequence: None,
            timestamp: None,
            lost: 0,
            alive: None,
        }
    }

    /// A larger picture is dropped while it comes.
    pub fn set_max_bytes(&mut self, max: usize) {
        self.gather.set_max_bytes(max);
    }

    pub fn video(&self) -> VideoInfo {
        let (width, height) = self.gather.size();
        VideoInfo { codec: self.gather.codec(), width, height }
    }

    /// Tells the camera that somebody still watches, when it is time; called about once a second.
    pub fn keep_alive(&mut self, now: Mono) {
        let since = *self.alive.get_or_insert(now);
        if now.since_ms(since) >= self.dialogue.keepalive_ms() {
            self.alive = Some(now);
            self.dialogue.keep_alive();
        }
    }

    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Received> {
        if let Some(ready) = self.ready.take().or_else(|| self.after.take()) {
            return Poll::Ready(ready);
        }
        BUFFERS.with_borrow_mut(|buffers| {
            let own = self.picture.capacity() > 0;
            let bytes = std::mem::take(if own { &mut self.picture } else { &mut buffers.picture });
            let mut picture = Picture { bytes, own };
            let next = match self.held(cx, &mut picture) {
                Poll::Ready(None) => self.advance(cx, &mut buffers.read, &mut picture),
                Poll::Ready(Some(received)) => Poll::Ready(received),
                Poll::Pending => Poll::Pending,
            };
            self.put_back(picture, &mut buffers.picture);
            next
        })
    }

    /// The next item of what was read before; `None` if more has to come first.
    fn held(&mut self, cx: &mut Context<'_>, picture: &mut Picture) -> Poll<Option<Received>> {
        if self.rest.is_empty() {
            return Poll::Ready(None);
        }
        let budget = std::task::ready!(tokio::task::coop::poll_proceed(cx));
        let (rest, mut at) = (std::mem::take(&mut self.rest), self.at);
        let received = self.step(&rest, &mut at, picture);
        (self.rest, self.at) = if at < rest.len() { (rest, at) } else { (Vec::new(), 0) };
        if received.is_some() {
            budget.made_progress();
        }
        Poll::Ready(received)
    }

    /// Reads up to the next item.
    fn advance(&mut self, cx: &mut Context<'_>, read: &mut Vec<u8>, picture: &mut Picture) -> Poll<Received> {
        let rest = std::mem::take(&mut self.rest);
        let rest = rest.get(std::mem::take(&mut self.at)..).unwrap_or_default();
        let mut filled = rest.len();
        if read.len() < filled + READ_BYTES / 2 {
            // Never with what is left over of a packet; only with what came before the answer to PLAY.
            read.resize(filled + READ_BYTES, 0);
        }
        if let Some(begin) = read.get_mut(..filled) {
            begin.copy_from_slice(rest);
        }
        let (mut at, mut reads) = (0, 0);
        let end = loop {
            // What gives no item may come at the line's rate; others want the thread too.
            if reads == READS_AT_ONCE {
                cx.waker().wake_by_ref();
                break Poll::Pending;
            }
            reads += 1;
            let mut room = ReadBuf::new(read.get_mut(filled..).unwrap_or_default());
            let Some(stream) = self.dialogue.stream() else { break Poll::Ready(Received::Ended(Failure::closed())) };
            match Pin::new(stream).poll_read(cx, &mut room) {
                Poll::Pending => break Poll::Pending,
                Poll::Ready(Ok(())) if room.filled().is_empty() => {
                    break Poll::Ready(Received::Ended(Failure::closed()));
                }
                Poll::Ready(Ok(())) => filled += room.filled().len(),
                Poll::Ready(Err(e)) => break Poll::Ready(Received::Ended(Failure::broken(&e))),
            }
            if let Some(received) = self.step(read.get(..filled).unwrap_or_default(), &mut at, picture) {
                break Poll::Ready(received);
            }
            read.copy_within(at..filled, 0);
            (filled, at) = (filled - at, 0);
        };
        if at < filled {
            self.rest = read.get(at..filled).unwrap_or_default().to_vec();
        }
        end
    }
}

impl Direct {
    /// Goes through what came up to the next item; `None` if more has to come first.
    fn step(&mut self, data: &[u8], at: &mut usize, picture: &mut Picture) -> Option<Received> {
        loop {
            if let Some(ready) = self.ready.take().or_else(|| self.after.take()) {
                return Some(ready);
            }
            let next = framing::next(data.get(*at..)?, self.channels, self.lost_framing);
            if matches!(next, Next::Packet { .. } | Next::Message(_)) {
                self.lost_framing = false;
            }
            match next {
                Next::More => return None,
                Next::Message(length) => {
                    self.dialogue.heard(data.get(*at..*at + length).unwrap_or_default());
                    *at += length;
                }
                Next::Garbage(length) => {
                    *at += length;
                    self.lost_framing = true;
                    return Some(self.garbage(picture));
                }
                Next::Packet { channel, data, length } if channel == self.channels[0] => match framing::rtp(data) {
                    Some(packet) if packet.payload_type == METADATA => *at += length,
                    Some(packet) if self.ssrc.is_none_or(|ours| ours == packet.ssrc) => {
                        // Not every camera marks the end of a picture; where packets are missing it may be among them.
                        let another = self.timestamp.is_some_and(|(t, _)| t != packet.timestamp);
                        if self.gather.begun() && another && self.sequence == Some(packet.sequence) {
                            self.ready = self.finish(picture);
                        } else {
                            *at += length;
                            self.packet(&packet, picture);
                        }
                    }
                    _ => {
                        *at += length;
                        return Some(self.garbage(picture));
                    }
                },
                Next::Packet { channel, data, length } => {
                    *at += length;
                    if channel == self.channels[1]
                        && let Some((ntp, rtp)) = framing::sender_report(data)
                        && let Some((timestamp, rtp_90k)) = self.timestamp
                    {
                        return Some(Received::Report { rtp_90k: rtp_90k + step(timestamp, rtp), ntp });
                    }
                }
            }
        }
    }

    fn garbage(&mut self, picture: &mut Picture) -> Received {
        self.gather.abandon(&mut picture.bytes);
        Received::Damaged { reason: "garbage", lost: std::mem::take(&mut self.lost) }
    }

    /// Takes a packet; what comes of it is in `ready`, and what comes after that is told with the next unit.
    fn packet(&mut self, packet: &Rtp<'_>, picture: &mut Picture) {
        self.ssrc = Some(packet.ssrc);
        let expected = self.sequence.unwrap_or(packet.sequence);
        let gap = packet.sequence.wrapping_sub(expected);
        if gap > u16::MAX - TWICE {
            return;
        }
        self.sequence = Some(packet.sequence.wrapping_add(1));
        let mut damaged = None;
        if gap > 0 {
            // Further back than that: the camera counts anew, and what was lost is not known.
            self.lost += if gap < 1 << 15 { u64::from(gap) } else { 1 };
            if self.gather.begun() {
                self.gather.abandon(&mut picture.bytes);
                damaged = Some(Received::Damaged { reason: "incomplete", lost: std::mem::take(&mut self.lost) });
            }
        }
        let unwrapped = match self.timestamp {
            None => i64::from(packet.timestamp),
            Some((last, unwrapped)) => unwrapped + step(last, packet.timestamp),
        };
        self.timestamp = Some((packet.timestamp, unwrapped));
        let came = match self.gather.packet(packet.payload, &mut picture.bytes) {
            None => Some(self.garbage(picture)),
            Some(()) if packet.marker => self.finish(picture),
            Some(()) => None,
        };
        self.ready = match (damaged, came) {
            // Rare enough: a picture of a single packet behind a hole is known to be of no use before the next key unit,
            // unless it is one.
            (Some(damaged), Some(Received::Unit(unit))) => {
                self.after = Some(Received::Unit(unit));
                Some(damaged)
            }
            (Some(damaged), _) => Some(damaged),
            (None, came) => came,
        };
    }

    fn finish(&mut self, picture: &mut Picture) -> Option<Received> {
        let (key, new_parameters) = match self.gather.finish(&mut picture.bytes) {
            Gathered::Nothing => return None,
            Gathered::Bad(reason) => {
                return Some(Received::Damaged { reason, lost: std::mem::take(&mut self.lost) });
            }
            Gathered::Unit { key, new_parameters } => (key, new_parameters),
        };
        let data = if key {
            let data = self.gather.with_sets(&picture.bytes);
            picture.bytes.clear();
            data
        } else if picture.own {
            let mut bytes = std::mem::take(&mut picture.bytes);
            // A unit may wait long in a ring: what it holds beyond its bytes would escape every bound.
            bytes.shrink_to_fit();
            bytes.into()
        } else {
            let data = Bytes::copy_from_slice(&picture.bytes);
            picture.bytes.clear();
            data
        };
        let rtp_90k = self.timestamp.map_or(0, |(_, unwrapped)| unwrapped);
        Some(Received::Unit(Unit { key, data, rtp_90k, lost: std::mem::take(&mut self.lost), new_parameters }))
    }

    /// Keeps the picture under way, and gives the thread its buffer back.
    fn put_back(&mut self, mut picture: Picture, shared: &mut Vec<u8>) {
        let under_way = self.gather.begun() && !picture.bytes.is_empty();
        if picture.own {
            self.picture = if under_way { picture.bytes } else { Vec::new() };
            return;
        }
        if under_way {
            self.picture = Vec::with_capacity(picture.bytes.len() * 2);
            self.picture.extend_from_slice(&picture.bytes);
        }
        picture.bytes.clear();
        picture.bytes.shrink_to(READ_BYTES);
        *shared = picture.bytes;
    }
}

/// From one 32-bit time stamp to another, forward or back.
fn step(from: u32, to: u32) -> i64 {
    i64::from(to.wrapping_sub(from) as i32)
}

#[cfg(test)]
mod tests;
