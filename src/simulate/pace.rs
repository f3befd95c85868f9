//! The clockwork: every unit of every playing session at its time, by one task for hundreds of sessions.
//!
//! In come players (a session's place in its clip), out go packets over their outlets. A tick is 10 ms; all units that
//! fell due since the last one leave in it, each by one system call over TCP. It never waits for a client: what a
//! socket does not take lies in the outlet, and a client that has not taken it after `SLOW` is let go and counted.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use rand::RngCore as _;
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::clip::{Clip, ClipUnit, INTERLEAVE_BYTES, RTP_HEADER_BYTES};
use super::fault::Fault;
use super::outlet::Sent;
use super::rtcp::SenderReport;
use super::server::Core;
use super::session::Session;

pub const TICK_US: u64 = 10_000;
/// A tick that ends later than this after its time is late.
const LATE_US: u64 = 2 * TICK_US;
/// A socket that stays full for so long belongs to nobody who listens.
const SLOW_US: u64 = 10_000_000;
const REPORT_EVERY_US: u64 = 5_000_000;
const DRIP_EVERY_US: u64 = 1_000_000;
/// Packets of one unit that leave over UDP in one tick: a receiver's default buffer holds some ninety.
const UDP_BURST: usize = 40;
/// Between so many sends the clockwork lets other tasks run.
const YIELD_EVERY: usize = 64;
/// A session waits for its channel's next key frame no longer than this; else it starts at the one before.
const MAX_WAIT_90K: i64 = 2 * 90_000;

pub fn ticks_of_us(us: i64) -> i64 {
    us * 9 / 100
}
/// Rounded up, so that a unit is never sent before its time.
fn us_of_ticks(ticks: i64) -> i64 {
    (ticks * 100 + 8).div_euclid(9)
}

/// Where the packets of a session go.
#[derive(Debug, Clone)]
pub enum Route {
    /// RTP on this interleave channel, RTCP on the other.
    Tcp {
        rtp: u8,
        rtcp: u8,
    },
    Udp {
        socket: Arc<UdpSocket>,
        rtcp_socket: Arc<UdpSocket>,
        rtp: SocketAddr,
        rtcp: SocketAddr,
    },
}

/// One playing session.
#[derive(Debug)]
pub struct Player {
    session: Arc<Session>,
    clip: Arc<Clip>,
    route: Route,
    /// Farm time at which the clip's first loop began, for this session.
    anchor_us: i64,
    loops: i64,
    unit: usize,
    /// First packet of the unit that is still to be sent; above 0 only in a large unit over UDP.
    packet: usize,
    seq: u16,
    ssrc: u32,
    /// RTP timestamp of the clip's time 0 in loop 0.
    rtp_zero: u32,
    packets: u32,
    octets: u32,
    next_report_us: u64,
    blocked_since_us: Option<u64>,
    /// The message that is dripping, and how far.
    drip: Option<(Vec<u8>, usize)>,
}

/// What PLAY answers about the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RtpStart {
    pub seq: u16,
    pub rtptime: u32,
}

/// Loop and unit at which a session starts that asks at `position` (90 kHz since the channel's loop 0), and by how
/// much it then runs behind the channel.
fn join(clip: &Clip, position: i64) -> (i64, usize, i64) {
    let send = |loops: i64, key: usize| loops * clip.length_90k + clip.units[clip.keys[key]].send_90k;
    let loops = position.div_euclid(clip.length_90k) - 1;
    // Three loops surely hold the key frame before and the one after, wherever reordering moved the sending.
    let all = (loops..loops + 3).flat_map(|l| (0..clip.keys.len()).map(move |k| (l, k)));
    let mut before = (loops, 0);
    for (l, k) in all {
        if send(l, k) < position {
            before = (l, k);
        } else if send(l, k) - position <= MAX_WAIT_90K {
            return (l, clip.keys[k], 0);
        } else {
            break;
        }
    }
    (before.0, clip.keys[before.1], position - send(before.0, before.1))
}

impl Player {
    /// A player that starts at the channel's next key frame.
    pub fn new(core: &Core, session: Arc<Session>, clip: Arc<Clip>, offset_90k: i64, route: Route, ssrc: u32) -> Self {
        let now_us = core.now_us() as i64;
        let (loops, unit, lag) = join(&clip, ticks_of_us(now_us) + offset_90k);
        let first = loops * clip.length_90k + clip.units[unit].pts_90k;
        let rtp_first = core.options.rtp_start.unwrap_or_else(rand::random);
        Self {
            session,
            route,
            anchor_us: us_of_ticks(lag - offset_90k),
            loops,
            unit,
            packet: 0,
            seq: core.options.seq_start.unwrap_or_else(rand::random),
            ssrc,
            rtp_zero: rtp_first.wrapping_sub(first as u32),
            packets: 0,
            octets: 0,
            next_report_us: 0,
            blocked_since_us: None,
            drip: None,
            clip,
        }
    }

    pub fn start(&self) -> RtpStart {
        RtpStart { seq: self.seq, rtptime: self.rtp_of(&self.clip.units[self.unit]) }
    }

    /// Spreads sessions over clockworks.
    pub fn shard(&self) -> usize {
        self.session.channel
    }

    fn rtp_of(&self, unit: &ClipUnit) -> u32 {
        self.rtp_zero.wrapping_add((self.loops * self.clip.length_90k + unit.pts_90k) as u32)
    }

    fn due_us(&self) -> u64 {
        let ticks = self.loops * self.clip.length_90k + self.clip.units[self.unit].send_90k;
        (self.anchor_us + us_of_ticks(ticks)).max(0) as u64
    }

    fn advance(&mut self) {
        self.packet = 0;
        self.unit += 1;
        if self.unit == self.clip.units.len() {
            self.unit = 0;
            self.loops += 1;
        }
    }

    /// Where the channel shows another clip by now, it begins in place of the next key unit: at its time, and under the
    /// timestamp that it would have had.
    fn change_over(&mut self, core: &Core) {
        let Some(channel) = core.channels.get(self.session.channel) else { return };
        if self.packet > 0 || !self.clip.units[self.unit].key || Arc::ptr_eq(&channel.shown.load(), &self.clip) {
            return;
        }
        let clip = channel.shown.load_full();
        let ticks = self.loops * self.clip.length_90k + self.clip.units[self.unit].send_90k;
        let (at_us, rtp) = (self.anchor_us + us_of_ticks(ticks), self.rtp_of(&self.clip.units[self.unit]));
        let unit = clip.keys[0];
        self.anchor_us = at_us - us_of_ticks(clip.units[unit].send_90k);
        self.rtp_zero = rtp.wrapping_sub(clip.units[unit].pts_90k as u32);
        (self.clip, self.loops, self.unit) = (clip, 0, unit);
    }

    /// Sends what is due; gives the time of the next call, or None when the session is over.
    fn step(&mut self, core: &Core, now_us: u64, scratch: &mut Vec<u8>) -> Option<u64> {
        if self.session.closed() {
            return None;
        }
        if let Some(since) = self.blocked_since_us {
            match self.session.outlet.flush() {
                Sent::All => self.blocked_since_us = None,
                Sent::Closed => return self.end(),
                Sent::Queued | Sent::Full if now_us - since > SLOW_US => {
                    core.counters.slow_dropped.fetch_add(1, Relaxed);
                    return self.end();
                }
                Sent::Queued | Sent::Full => {}
            }
        }
        let fault = core.fault_of(self.session.channel, self.session.host);
        if fault == Fault::Drip && matches!(self.route, Route::Tcp { .. }) {
            return self.drip(core, now_us, scratch);
        }
        if let Some((held, at)) = self.drip.take() {
            self.sent(self.session.outlet.send(&held[at..]), now_us, core)?;
        }
        while self.due_us() <= now_us {
            self.change_over(core);
            if matches!(fault, Fault::Stall | Fault::Drip) {
                core.counters.units_skipped.fetch_add(1, Relaxed);
                self.advance();
                continue;
            }
            self.build(scratch);
            if fault != Fault::None {
                spoil(scratch, &self.clip.units[self.unit].packets, fault);
            }
            match self.route.clone() {
                Route::Tcp { rtcp, .. } => {
                    self.append_report(core, now_us, scratch, rtcp);
                    let sent = self.session.outlet.send(scratch);
                    self.count(core, usize::MAX, sent != Sent::Full);
                    self.sent(sent, now_us, core)?;
                    self.advance();
                }
                Route::Udp { socket, rtcp_socket, rtp, rtcp } => {
                    let whole = self.send_udp(core, &socket, rtp, scratch);
                    if now_us >= self.next_report_us {
                        let report = self.report(core, now_us);
                        core.counters.reports.fetch_add(1, Relaxed);
                        if rtcp_socket.try_send_to(&report, rtcp).is_err() {
                            core.counters.udp_lost.fetch_add(1, Relaxed);
                        }
                    }
                    if !whole {
                        return Some(now_us + TICK_US);
                    }
                    self.advance();
                }
            }
        }
        let next = self.due_us();
        Some(if self.blocked_since_us.is_some() { next.min(now_us + TICK_US) } else { next })
    }

    /// The unit's packets under this session's header.
    fn build(&self, scratch: &mut Vec<u8>) {
        let unit = &self.clip.units[self.unit];
        scratch.clear();
        scratch.extend_from_slice(&unit.wire);
        let channel = if let Route::Tcp { rtp, .. } = self.route { rtp } else { 0 };
        let timestamp = self.rtp_of(unit).to_be_bytes();
        let ssrc = self.ssrc.to_be_bytes();
        let mut seq = self.seq;
        for start in &unit.packets {
            let at = *start as usize;
            scratch[at + 1] = channel;
            scratch[at + 6..at + 8].copy_from_slice(&seq.to_be_bytes());
            scratch[at + 8..at + 12].copy_from_slice(&timestamp);
            scratch[at + 12..at + 16].copy_from_slice(&ssrc);
            seq = seq.wrapping_add(1);
        }
    }

    /// Counts what `build` made as sent; a unit that a full outlet refused leaves a gap in the sequence.
    fn count(&mut self, core: &Core, packets: usize, taken: bool) {
        let unit = &self.clip.units[self.unit];
        let packets = packets.min(unit.packets.len());
        self.seq = self.seq.wrapping_add(packets as u16);
        if !taken {
            core.counters.units_skipped.fetch_add(1, Relaxed);
            return;
        }
        self.packets = self.packets.wrapping_add(packets as u32);
        let headers = (INTERLEAVE_BYTES + RTP_HEADER_BYTES) * packets;
        self.octets = self.octets.wrapping_add(unit.wire.len().saturating_sub(headers) as u32);
        core.counters.units.fetch_add(1, Relaxed);
        core.counters.packets.fetch_add(packets as u64, Relaxed);
        core.counters.bytes.fetch_add(unit.wire.len() as u64, Relaxed);
    }

    fn sent(&mut self, sent: Sent, now_us: u64, core: &Core) -> Option<()> {
        match sent {
            Sent::All => self.blocked_since_us = None,
            Sent::Queued | Sent::Full => {
                let since = *self.blocked_since_us.get_or_insert(now_us);
                if now_us.saturating_sub(since) > SLOW_US {
                    core.counters.slow_dropped.fetch_add(1, Relaxed);
                    self.end();
                    return None;
                }
            }
            Sent::Closed => {
                self.end();
                return None;
            }
        }
        Some(())
    }

    /// True when the whole unit is out.
    fn send_udp(&mut self, core: &Core, socket: &UdpSocket, to: SocketAddr, scratch: &[u8]) -> bool {
        let clip = Arc::clone(&self.clip);
        let unit = &clip.units[self.unit];
        let end = (self.packet + UDP_BURST).min(unit.packets.len());
        for index in self.packet..end {
            let from = unit.packets[index] as usize + INTERLEAVE_BYTES;
            let until = unit.packets.get(index + 1).map_or(scratch.len(), |next| *next as usize);
            // A full or refused socket is what UDP is about: the packet is lost, and counted.
            if socket.try_send_to(&scratch[from..until], to).is_err() {
                core.counters.udp_lost.fetch_add(1, Relaxed);
            }
        }
        self.packet = end;
        let whole = end == unit.packets.len();
        if whole {
            self.count(core, usize::MAX, true);
        }
        whole
    }

    fn append_report(&mut self, core: &Core, now_us: u64, scratch: &mut Vec<u8>, channel: u8) {
        if now_us < self.next_report_us {
            return;
        }
        let report = self.report(core, now_us);
        core.counters.reports.fetch_add(1, Relaxed);
        scratch.extend_from_slice(&[b'$', channel, 0, report.len() as u8]);
        scratch.extend_from_slice(&report);
    }

    fn report(&mut self, core: &Core, now_us: u64) -> [u8; 48] {
        self.next_report_us = now_us + REPORT_EVERY_US;
        let media = ticks_of_us(now_us as i64 - self.anchor_us);
        SenderReport {
            ssrc: self.ssrc,
            wall_ms: core.clock.wall().0 + core.options.clock_skew_ms,
            rtp: self.rtp_zero.wrapping_add(media as u32),
            packets: self.packets,
            octets: self.octets,
        }
        .to_bytes()
    }

    fn drip(&mut self, core: &Core, now_us: u64, scratch: &mut Vec<u8>) -> Option<u64> {
        while self.due_us() <= now_us {
            if self.drip.is_none() {
                self.build(scratch);
                self.drip = Some((scratch.clone(), 0));
                self.count(core, usize::MAX, true);
            } else {
                core.counters.units_skipped.fetch_add(1, Relaxed);
            }
            self.advance();
        }
        if let Some((held, at)) = &mut self.drip {
            let sent = self.session.outlet.send(&held[*at..*at + 1]);
            *at += 1;
            if *at == held.len() {
                self.drip = None;
            }
            self.sent(sent, now_us, core)?;
        }
        Some(now_us + DRIP_EVERY_US)
    }

    fn end(&self) -> Option<u64> {
        self.session.close();
        None
    }
}

/// Turns good packets into the asked kind of garbage, in place.
fn spoil(scratch: &mut [u8], packets: &[u32], fault: Fault) {
    let mut rng = rand::rng();
    if fault == Fault::GarbageRaw {
        rng.fill_bytes(scratch);
        return;
    }
    for (index, start) in packets.iter().enumerate() {
        let at = *start as usize;
        let end = packets.get(index + 1).map_or(scratch.len(), |next| *next as usize);
        match fault {
            Fault::GarbagePayload => rng.fill_bytes(&mut scratch[at + INTERLEAVE_BYTES + RTP_HEADER_BYTES..end]),
            Fault::GarbageSsrc => rng.fill_bytes(&mut scratch[at + 12..at + 16]),
            Fault::GarbageChannel => scratch[at + 1] = 77,
            _ => {}
        }
    }
}

/// Runs one clockwork until the farm ends. `phase_us` keeps several from waking at once.
pub async fn run(core: Arc<Core>, mut arrivals: mpsc::Receiver<Player>, phase_us: u64) {
    let mut players: Vec<Option<Player>> = Vec::new();
    let mut free: Vec<usize> = Vec::new();
    let mut due: BinaryHeap<Reverse<(u64, usize)>> = BinaryHeap::new();
    let mut scratch = Vec::new();
    loop {
        // The next tick on the grid at which something is due; far away if nothing is.
        let wanted_us = due.peek().map_or(u64::MAX / 2, |Reverse((at, _))| *at);
        let tick_us = wanted_us.saturating_sub(phase_us).div_ceil(TICK_US).saturating_mul(TICK_US) + phase_us;
        let wait = Duration::from_micros(tick_us.saturating_sub(core.now_us()).min(3_600_000_000));
        tokio::select! {
            biased;
            () = core.ended.cancelled() => return,
            arrival = arrivals.recv() => {
                let Some(player) = arrival else { return };
                let slot = free.pop().unwrap_or_else(|| {
                    players.push(None);
                    players.len() - 1
                });
                due.push(Reverse((player.due_us(), slot)));
                players[slot] = Some(player);
                continue;
            }
            () = sleep_until(Instant::now() + wait) => {}
        }
        let now_us = core.now_us();
        let mut sends = 0;
        while let Some(Reverse((at, slot))) = due.peek().copied() {
            if at > now_us {
                break;
            }
            due.pop();
            let next = players[slot].as_mut().and_then(|p| p.step(&core, now_us, &mut scratch));
            match next {
                Some(next) => due.push(Reverse((next, slot))),
                None => {
                    players[slot] = None;
                    free.push(slot);
                }
            }
            sends += 1;
            if sends % YIELD_EVERY == 0 {
                tokio::task::yield_now().await;
            }
        }
        if sends > 0 {
            // A catch-up after a stop of the whole process is as late as it is: it counts.
            core.counters.lateness.record(core.now_us().saturating_sub(tick_us), LATE_US);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Codec;

    fn clip(keys: &[usize], units: usize) -> Clip {
        let unit = |i: usize| ClipUnit {
            wire: Box::new([]),
            packets: Box::new([]),
            pts_90k: i as i64 * 9_000,
            send_90k: i as i64 * 9_000,
            key: keys.contains(&i),
        };
        Clip {
            codec: Codec::H264,
            width: 1,
            height: 1,
            units: (0..units).map(unit).collect(),
            keys: keys.to_vec(),
            length_90k: units as i64 * 9_000,
            sdp_media: String::new(),
        }
    }

    #[test]
    fn a_session_joins_at_the_next_key_frame_or_at_the_one_before() {
        let short = clip(&[0, 10, 20], 30);
        assert_eq!(join(&short, 0), (0, 0, 0));
        assert_eq!(join(&short, 1), (0, 10, 0));
        assert_eq!(join(&short, 20 * 9_000 + 1), (1, 0, 0), "over the end of the loop");
        assert_eq!(join(&short, 300_000 * 270_000 + 90_001), (300_000, 20, 0), "after a month");
        let long = clip(&[0], 100);
        assert_eq!(join(&long, 9_000), (0, 0, 9_000), "nine seconds are too long to wait");
        assert_eq!(join(&long, 81 * 9_000), (1, 0, 0));
    }

    #[test]
    fn microseconds_and_ticks_do_not_drift() {
        let month_us = 30 * 86_400 * 1_000_000i64;
        assert_eq!(ticks_of_us(month_us), 30 * 86_400 * 90_000);
        assert_eq!(us_of_ticks(30 * 86_400 * 90_000), month_us);
        assert!(us_of_ticks(1) >= 11);
    }
}
