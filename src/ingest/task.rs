//! The life of one channel: a session, what its end means, a wait, the next session.
//!
//! Health says at every moment where the channel stands. While tries fail the state stays that of the latest failure,
//! so that an operator sees `unreachable`, not a flicker of `connecting`.

use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use metrics::{Counter, counter};
use retina::client::SessionGroup;

use super::alarm::Alarm;
use super::backoff::Backoff;
use super::camera_clock::CameraClock;
use super::login::AUTH_WAIT;
use super::reader::Unit;
use super::window::Window;
use super::{Applicant, ChannelSpec, Failure, Governor, Patience, Reader, Received, Sink, UnitSink, session};
use crate::channel::Entry;
use crate::config;
use crate::media::Timeline;
use crate::sample;
use crate::types::{AccessUnit, ChannelState, Clock, Codec, Mono};

/// After this long of good running the next failure begins with the shortest wait again.
const GOOD_RUN_MS: u64 = 60_000;
/// Among garbage without a unit for this long the session is set up anew.
const GARBAGE_MS: u64 = 5_000;
/// Garbage is over when none came for this long: many a camera begins a session in the middle of a picture.
const GARBAGE_OVER_MS: u64 = 2_000;
/// Pictures come, but no key frame among them.
const NO_KEY_MS: u64 = 60_000;
/// Deadlines, rates and health are looked at once in this time. Between two units it needs no timer: a timer that goes
/// off each second and channel would be a tenth of all wake-ups.
const SECOND_MS: u64 = 1000;
/// The timer's pace while units come.
const FLOWING_MS: u64 = 3000;
/// A camera without a free session is not asked more often.
const REFUSED_WAIT: Duration = Duration::from_secs(5);

/// Pulls a channel until it is dropped; never returns.
pub async fn run_channel(
    spec: ChannelSpec,
    entry: Arc<Entry>,
    governor: Arc<Governor>,
    options: config::Ingest,
    clock: Clock,
    sink: Arc<dyn Sink>,
) {
    let mut task = Task {
        backoff: Backoff::new(options.backoff_min_s, options.backoff_max_s),
        group: Arc::new(SessionGroup::default()),
        timeline: Timeline::default(),
        counters: Counters::new(),
        asked_for: false,
        ran: false,
        spec,
        entry,
        governor,
        options,
        clock,
        sink,
    };
    task.run().await;
}

struct Task {
    spec: ChannelSpec,
    entry: Arc<Entry>,
    governor: Arc<Governor>,
    options: config::Ingest,
    clock: Clock,
    sink: Arc<dyn Sink>,
    backoff: Backoff,
    group: Arc<SessionGroup>,
    timeline: Timeline,
    counters: Counters,
    /// Others ask for this channel whether its host is back.
    asked_for: bool,
    /// It had a session.
    ran: bool,
}

/// Over all channels: a label a channel would be thousands of series.
struct Counters {
    units: Counter,
    bytes: Counter,
    lost: Counter,
}

impl Counters {
    fn new() -> Self {
        Self {
            units: counter!("skyeye_ingest_units_total"),
            bytes: counter!("skyeye_ingest_bytes_total"),
            lost: counter!("skyeye_ingest_lost_packets_total"),
        }
    }

    fn dropped(&self, reason: &'static str) {
        counter!("skyeye_ingest_dropped_units_total", "reason" => reason).increment(1);
    }
}

/// What is known of the session that plays.
struct Play {
    number: u32,
    units: Box<dyn UnitSink>,
    codec: Codec,
    camera: CameraClock,
    window: Window,
    began: Mono,
    /// Latest unit given on; `began` before the first.
    last_unit: Mono,
    /// Latest whole picture, given on or not.
    last_whole: Mono,
    /// First and latest garbage since the latest unit given on, while it goes on.
    garbage: Option<(Mono, Mono)>,
    /// False until the next key unit, from which on units are given on again.
    in_sync: bool,
    up_since: Option<Mono>,
    last_key: Option<Mono>,
    key_interval_s: f32,
    lost: u64,
    new_parameters: bool,
    /// Up to when `second` has looked.
    second: Mono,
    /// Not yet told to the counters.
    units_read: u64,
    bytes_read: u64,
}

impl Task {
    async fn run(&mut self) {
        loop {
            let failure = self.session().await;
            let wait = self.wait_after(&failure);
            counter!("skyeye_ingest_reconnects_total", "reason" => failure.kind).increment(1);
            // Each try is paced by the backoff, so this is no flood: whoever looks for warnings finds the camera.
            tracing::warn!(
                channel = %self.spec.id,
                state = failure.state.as_str(),
                wait_ms = wait.as_millis() as u64,
                "{}",
                failure.reason
            );
            self.set_state(failure.state, &failure.reason);
            tokio::time::sleep(wait).await;
        }
    }

    fn wait_after(&mut self, failure: &Failure) -> Duration {
        let random = rand::random::<f64>();
        match failure.state {
            // It waits at the governor, with all others of its host: a long wait of its own would make it the last one back.
            _ if self.asked_for => {
                Duration::from_secs(self.options.backoff_min_s.max(1).into()).mul_f64(1.0 + random / 2.0)
            }
            ChannelState::AuthFailed => AUTH_WAIT.mul_f64(1.0 + random / 10.0),
            ChannelState::Refused => self.backoff.next(random).max(REFUSED_WAIT),
            _ => self.backoff.next(random),
        }
    }

    fn set_state(&self, state: ChannelState, reason: &str) {
        let wall = self.clock.wall();
        self.entry.update(|h| {
            if h.state != state {
                h.state = state;
                h.since = wall;
            }
            if h.reason != reason {
                reason.clone_into(&mut h.reason);
            }
            if state != ChannelState::Running {
                h.kbit_s = 0.0;
                h.unit_rate_hz = 0.0;
            }
        });
    }

    /// One session from its turn at the governor to its end.
    async fn session(&mut self) -> Failure {
        self.asked_for = false;
        let applicant = Applicant::of(&self.spec);
        let mut permit = self.governor.turn(&applicant, |held| self.set_state(held.state, &held.reason)).await;
        let mut patience = Patience::of(self.options.connect_timeout_s);
        let allow_loopback = self.options.allow_loopback;
        let opened = session::open(&self.spec, allow_loopback, &self.group, &mut patience, Some(&mut permit)).await;
        let playing = match opened {
            Ok(playing) => playing,
            Err(failure) => {
                self.asked_for = permit.failed(&failure, self.ran);
                return failure;
            }
        };
        let _standing = permit.answered();
        self.ran = true;
        counter!("skyeye_ingest_sessions_total", "way" => playing.way()).increment(1);
        let mut number = 0;
        self.entry.update(|h| {
            h.sessions = h.sessions.saturating_add(1);
            number = h.sessions;
        });
        let mut reader = Reader::new(playing, self.options.max_unit_bytes);
        let began = self.clock.mono();
        let mut play = Play {
            number,
            units: self.sink.clone().session(&self.spec.id),
            codec: reader.video().codec,
            camera: CameraClock::default(),
            window: Window::default(),
            began,
            last_unit: began,
            last_whole: began,
            garbage: None,
            in_sync: false,
            up_since: None,
            last_key: None,
            key_interval_s: 0.0,
            lost: 0,
            new_parameters: true,
            second: began,
            units_read: 0,
            bytes_read: 0,
        };
        let failure = self.play(&mut reader, &mut play).await;
        self.tell_lost(&mut play);
        self.tell_read(&mut play);
        if let Some(up) = play.up_since {
            if self.clock.mono().since_ms(up) >= GOOD_RUN_MS {
                self.backoff.reset();
            }
            self.sink.down(&self.spec.id);
        }
        failure
    }

    async fn play(&mut self, reader: &mut Reader, play: &mut Play) -> Failure {
        let flowing_ms = FLOWING_MS.min(u64::from(self.options.stall_deadline_s) * 1000).max(SECOND_MS);
        let mut alarm = Alarm::new(Duration::from_millis(SECOND_MS));
        loop {
            let received = std::future::poll_fn(|cx| match reader.poll_next(cx) {
                Poll::Ready(received) => Poll::Ready(Some(received)),
                Poll::Pending => alarm.poll(cx).map(|()| None),
            });
            let at = match received.await {
                Some(Received::Unit(unit)) => self.unit(unit, play),
                Some(Received::Report { rtp_90k, ntp }) => {
                    let now = self.clock.now();
                    play.camera.report(rtp_90k, ntp, now.wall);
                    now.mono
                }
                Some(Received::Damaged { reason, lost }) => {
                    let now = self.clock.mono();
                    play.lost += lost;
                    if reason == "garbage" {
                        play.garbage.get_or_insert((now, now)).1 = now;
                    }
                    // What follows refers to what is missing.
                    play.in_sync = false;
                    self.counters.dropped(reason);
                    now
                }
                Some(Received::Other) => self.clock.mono(),
                Some(Received::Ended(failure)) => return failure,
                None => {
                    let now = self.clock.mono();
                    let flows = now.since_ms(play.last_whole) < SECOND_MS;
                    alarm.set(Duration::from_millis(if flows { flowing_ms } else { SECOND_MS }));
                    now
                }
            };
            let seconds = at.since_ms(play.second) / SECOND_MS;
            if seconds > 0 {
                play.second = play.second.plus_ms(seconds * SECOND_MS);
                if let Some(failure) = self.second(reader, play, seconds) {
                    return failure;
                }
            }
        }
    }

    /// Gives the time at which the unit came.
    fn unit(&mut self, unit: Unit, play: &mut Play) -> Mono {
        let now = self.clock.now();
        play.lost += unit.lost;
        play.last_whole = now.mono;
        play.new_parameters |= unit.new_parameters;
        if unit.key {
            if let Some(last) = play.last_key.replace(now.mono) {
                play.key_interval_s = now.mono.since_ms(last) as f32 / 1000.0;
            }
            play.in_sync = true;
        } else {
            // What was lost is referred to from here to the next key unit: a decoder would make torn pictures of it.
            play.in_sync &= unit.lost == 0;
            if !play.in_sync {
                self.counters.dropped("before_key");
                return now.mono;
            }
        }
        play.last_unit = now.mono;
        play.garbage = None;
        play.window.add(unit.data.len());
        play.units_read += 1;
        play.bytes_read += unit.data.len() as u64;
        let seen = play.camera.seen(unit.rtp_90k);
        let unit = AccessUnit {
            channel: self.spec.id.clone(),
            codec: play.codec,
            key: unit.key,
            data: unit.data,
            timeline_90k: self.timeline.place(unit.rtp_90k, play.number, now.mono),
            ingested: now.mono,
            ingested_wall: now.wall,
            seen: seen.unwrap_or(now.wall),
            camera_clock: seen.is_some(),
            session: play.number,
        };
        if play.up_since.is_none() {
            play.up_since = Some(now.mono);
            self.set_state(ChannelState::Running, "runs");
        }
        play.units.unit(unit);
        now.mono
    }

    /// Once a second: deadlines, rates and health. `seconds` have passed since the last time.
    fn second(&mut self, reader: &mut Reader, play: &mut Play, seconds: u64) -> Option<Failure> {
        let now = self.clock.mono();
        reader.keep_alive(now);
        for _ in 0..seconds.min(60) {
            play.window.tick();
        }
        self.tell_read(play);
        play.garbage = play.garbage.filter(|(_, latest)| now.since_ms(*latest) < GARBAGE_OVER_MS);
        if play.garbage.is_some_and(|(first, _)| now.since_ms(first) >= GARBAGE_MS) {
            return Some(Failure::garbage());
        }
        let deadline_ms = u64::from(self.options.stall_deadline_s) * 1000;
        if now.since_ms(play.last_whole) >= deadline_ms {
            return Some(Failure::stalled(self.options.stall_deadline_s, reader.transport()));
        }
        if now.since_ms(play.last_unit) >= NO_KEY_MS.max(deadline_ms) {
            return Some(Failure::no_key(now.since_ms(play.last_unit) / 1000));
        }
        self.tell_lost(play);
        let since_key_s = now.since_ms(play.last_key.unwrap_or(play.began)) as f32 / 1000.0;
        let note = sample::floor_note(play.key_interval_s.max(since_key_s), self.spec.patrol_floor_s);
        let video = std::mem::take(&mut play.new_parameters).then(|| reader.video());
        let (kbit_s, unit_rate_hz) = play.window.rates();
        let running = play.up_since.is_some();
        self.entry.update(|h| {
            if let Some(video) = video {
                h.codec = Some(video.codec);
                (h.width, h.height) = (video.width, video.height);
            }
            h.kbit_s = kbit_s;
            h.unit_rate_hz = unit_rate_hz;
            h.key_interval_s = play.key_interval_s;
            h.clock_skew_ms = play.camera.skew_ms();
            if running {
                let reason = note.as_deref().unwrap_or("runs");
                if h.reason != reason {
                    reason.clone_into(&mut h.reason);
                }
            }
        });
        None
    }

    /// The counters are shared by all channels and all threads: told once a second, not for every unit.
    fn tell_read(&self, play: &mut Play) {
        self.counters.units.increment(std::mem::take(&mut play.units_read));
        self.counters.bytes.increment(std::mem::take(&mut play.bytes_read));
    }

    fn tell_lost(&self, play: &mut Play) {
        let lost = std::mem::take(&mut play.lost);
        if lost > 0 {
            self.counters.lost.increment(lost);
            self.entry.update(|h| h.lost_packets += lost);
        }
    }
}
