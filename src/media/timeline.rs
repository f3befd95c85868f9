//! One timeline a channel, 90 kHz, that only goes forward: over reconnects, wraps of the 32 bit RTP time stamp, cameras
//! that set their clock back, and B-frames, which arrive after pictures that are shown later.
//!
//! In go time stamps that are unwrapped within their session, and the monotonic time of arrival; out comes a position
//! greater than every earlier one. A jump that arrival does not bear out makes no gap: the timeline goes on by the time
//! that really passed. It never reads a clock.

use crate::types::Mono;

/// Ticks of the timeline in a millisecond.
const PER_MS: i64 = 90;
/// Steps back up to this are B-frames or a nudged camera clock; the position then moves by one tick.
const REORDER_90K: i64 = 90_000;
/// Further ahead of arrival than this is a jump of the camera's clock.
const AHEAD_90K: i64 = 10 * 90_000;

/// The timeline of one channel.
#[derive(Debug, Default)]
pub struct Timeline {
    state: Option<State>,
}

#[derive(Debug)]
struct State {
    session: u32,
    last_rtp: i64,
    last_out: i64,
    last_at: Mono,
    /// `out = rtp + offset` within one stretch without a jump.
    offset: i64,
    /// Where and when the stretch began.
    anchor_out: i64,
    anchor_at: Mono,
}

impl Timeline {
    /// Gives the position of a unit with the unwrapped time stamp `rtp_90k` of `session` that arrived at `at`.
    pub fn place(&mut self, rtp_90k: i64, session: u32, at: Mono) -> i64 {
        let Some(state) = &mut self.state else {
            // It begins at the process's own time, so that a channel whose task is begun anew goes on forward too.
            let out = ticks(Mono(0), at);
            self.state = Some(State {
                session,
                last_rtp: rtp_90k,
                last_out: out,
                last_at: at,
                offset: out.saturating_sub(rtp_90k),
                anchor_out: out,
                anchor_at: at,
            });
            return out;
        };
        let mapped = rtp_90k.saturating_add(state.offset);
        let arrival = state.anchor_out.saturating_add(ticks(state.anchor_at, at));
        let jumped = state.session != session
            || rtp_90k < state.last_rtp.saturating_sub(REORDER_90K)
            || mapped > arrival.saturating_add(AHEAD_90K);
        let out = if jumped {
            let out = state.last_out.saturating_add(ticks(state.last_at, at).max(1));
            state.offset = out.saturating_sub(rtp_90k);
            state.anchor_out = out;
            state.anchor_at = at;
            state.last_rtp = rtp_90k;
            out
        } else {
            // Compared with the latest picture time, not the latest arrival: else a row of B-frames could walk back.
            state.last_rtp = state.last_rtp.max(rtp_90k);
            mapped.max(state.last_out.saturating_add(1))
        };
        state.session = session;
        state.last_out = out;
        state.last_at = at;
        out
    }
}

fn ticks(from: Mono, to: Mono) -> i64 {
    i64::try_from(to.since_ms(from)).unwrap_or(i64::MAX).saturating_mul(PER_MS)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Feeds a 25 Hz stream and gives the positions.
    fn stream(timeline: &mut Timeline, start: i64, session: u32, at_ms: u64, units: i64) -> Vec<i64> {
        (0..units).map(|i| timeline.place(start + i * 3600, session, Mono(at_ms + i as u64 * 40))).collect()
    }

    #[test]
    fn a_plain_stream_keeps_its_distances() {
        assert_eq!(stream(&mut Timeline::default(), 777_000, 1, 0, 3), [0, 3600, 7200]);
    }

    #[test]
    fn a_new_session_goes_on_by_the_time_that_passed() {
        let mut t = Timeline::default();
        stream(&mut t, 5_000_000, 1, 0, 2);
        // Last unit at 40 ms; the next session begins at 10,040 ms with an unrelated time stamp.
        assert_eq!(t.place(123, 2, Mono(10_040)), 3600 + 10_000 * 90);
    }

    #[test]
    fn a_jump_back_makes_no_gap_and_a_jump_ahead_neither() {
        for jump in [-8_000_000_i64, 400_000_000] {
            let mut t = Timeline::default();
            stream(&mut t, 90_000_000, 1, 0, 10);
            let after = stream(&mut t, 90_000_000 + jump, 1, 400, 3);
            assert_eq!(after, [36_000, 39_600, 43_200], "jump {jump}");
        }
    }

    #[test]
    fn b_frames_move_by_a_tick() {
        let mut t = Timeline::default();
        let rtp = [0, 10_800, 3600, 7200, 21_600, 14_400, 18_000];
        let out: Vec<_> = rtp.iter().enumerate().map(|(i, r)| t.place(*r, 1, Mono(i as u64 * 40))).collect();
        assert_eq!(out, [0, 10_800, 10_801, 10_802, 21_600, 21_601, 21_602]);
    }

    #[test]
    fn a_slow_network_is_no_jump() {
        let mut t = Timeline::default();
        t.place(0, 1, Mono(0));
        // Eight seconds later a burst arrives at once.
        assert_eq!(t.place(3600, 1, Mono(8000)), 3600);
        assert_eq!(t.place(7200, 1, Mono(8000)), 7200);
    }

    proptest! {
        #[test]
        fn it_only_goes_forward(steps in prop::collection::vec((any::<i64>(), 0u32..3, 0u64..100_000), 1..200)) {
            let mut t = Timeline::default();
            let mut at = 0;
            let mut last = i64::MIN;
            for (rtp, session, wait) in steps {
                at += wait;
                let out = t.place(rtp, session, Mono(at));
                prop_assert!(out > last);
                // Never further ahead than what arrival bears out.
                prop_assert!(out <= (at as i64) * 90 + AHEAD_90K + 200);
                last = out;
            }
        }
    }
}
