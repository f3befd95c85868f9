//! A district of cameras in simulated time before the real schedule and the real focus budget: nothing here reads a
//! clock, draws at random without a seed or starts a thread, so that a run can be repeated to the last decision.
//!
//! Workers, cameras and what they show are played; who is looked at when is the product's own decision. All times of
//! service are worker time on the reference machine: a D1 key frame 3 ms, a further picture 0.8 ms, the network 8 ms.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use bytes::Bytes;
use skyeye::schedule::focus::{self, Budget, Want};
use skyeye::schedule::{Floors, Options, Sample, Schedule, Tier};
use skyeye::types::{AccessUnit, ChannelId, Codec, Mono, Wall};

pub const FLOOR_MS: u64 = 120_000;
const KEY_US: u64 = 3_000;
const PICTURE_US: u64 = 800;
const INFER_US: u64 = 8_000;
/// Between two pictures.
const PICTURE_MS: u64 = 66;
/// A look at a key frame of 4K costs so many times the usual.
const LARGE: u64 = 10;
/// A worker that hangs is given up after so long.
const HANGS_US: u64 = 4_000_000;

/// What happens, in seconds from the start; `None`: not at all.
#[derive(Debug, Clone, Default)]
pub struct Script {
    pub channels: usize,
    pub workers: usize,
    pub seed: u64,
    /// How many of the channels send key frames every 20 s, never, and in 4K.
    pub rare: usize,
    pub never: usize,
    pub large: usize,
    /// How many want focus at 5 looks a second.
    pub focus: usize,
    /// All key frames of cameras with one interval come within the same 200 ms from then on.
    pub power_cut: Option<u64>,
    /// A thousand channels begin to move at once, for a minute.
    pub bursts: Vec<u64>,
    /// A worker does not come back.
    pub stalls: Vec<u64>,
    /// The model takes a second, from and until.
    pub slow: Option<(u64, u64)>,
    /// Do not hand out catch-ups instead of what grew too old.
    pub no_recall: bool,
}

/// Steele, Lea and Flood's SplitMix64: a few lines, the same everywhere.
pub struct Random(u64);

impl Random {
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, n: u64) -> u64 {
        self.draw() % n.max(1)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    /// A worker is free again; the channel of its look and what it cost.
    Done {
        channel: usize,
        us: u64,
    },
    Key(usize),
    CatchUp {
        channel: usize,
        left: u32,
    },
    Focus(usize),
    PowerCut,
    Burst,
    Stall,
    Second,
}

pub struct Camera {
    id: ChannelId,
    /// 0: never.
    pub key_ms: u64,
    pub weight: f32,
    pub large: bool,
    pub focus: bool,
    next_key: u64,
    last_key: u64,
    moves_until: u64,
    /// The grant of the budget, and whether the next focus sample is on its way.
    hz: f32,
    offers: bool,
    /// The oracle's own account.
    pub last: u64,
    pub looks: u64,
}

impl Camera {
    /// One of the many that have nothing special.
    pub fn is_plain(&self) -> bool {
        self.weight == 1.0 && !self.large && !self.focus && (1000..=4000).contains(&self.key_ms)
    }
}

/// What was seen since the last `measure`.
#[derive(Debug, Default, Clone)]
pub struct Seen {
    pub from: u64,
    pub until: u64,
    pub looks: [u64; 3],
    pub busy_us: u64,
    /// Between two looks at the same plain channel; the least and the greatest by key-frame interval.
    pub gaps: BTreeMap<u64, (u64, u64)>,
    /// Greatest age of a plain channel at any whole second.
    pub oldest_ms: u64,
    /// Age of the oldest sample taken.
    pub latest_ms: u64,
}

impl Seen {
    pub fn rate_hz(&self) -> f64 {
        self.looks.iter().sum::<u64>() as f64 / self.seconds()
    }

    pub fn seconds(&self) -> f64 {
        (self.until - self.from) as f64 / 1000.0
    }

    pub fn utilisation(&self, workers: usize) -> f64 {
        self.busy_us as f64 / 1e6 / self.seconds() / workers as f64
    }
}

pub struct District {
    script: Script,
    pub schedule: Schedule,
    pub budget: Budget,
    pub cameras: Vec<Camera>,
    index: BTreeMap<ChannelId, usize>,
    random: Random,
    events: BinaryHeap<Reverse<(u64, u64, Event)>>,
    sequence: u64,
    /// Microseconds.
    now: u64,
    idle: usize,
    stall_next: bool,
    pub seen: Seen,
    pub digest: u64,
    pub offered: u64,
    pub taken: u64,
}

impl District {
    pub fn new(script: Script) -> Self {
        let mut random = Random(script.seed);
        let options = Options { workers: script.workers, recall: !script.no_recall, ..Options::default() };
        let mut schedule = Schedule::new(options);
        let mut cameras = Vec::new();
        for n in 0..script.channels {
            let id = ChannelId::new(&format!("camera-{n}")).unwrap();
            let key_ms = match n {
                n if n < script.rare => 20_000,
                n if n < script.rare + script.never => 0,
                _ => [1000, 2000, 2000, 2000, 3000, 4000][random.below(6) as usize],
            };
            let weight = [0.5, 2.0].get(random.below(20) as usize).copied().unwrap_or(1.0);
            let from = script.rare + script.never;
            cameras.push(Camera {
                key_ms,
                weight,
                large: (from..from + script.large).contains(&n),
                focus: (from + script.large..from + script.large + script.focus).contains(&n),
                next_key: if key_ms > 0 { random.below(key_ms) } else { u64::MAX },
                last_key: 0,
                moves_until: 0,
                hz: 0.0,
                offers: false,
                last: 0,
                looks: 0,
                id: id.clone(),
            });
            schedule.register(&id, weight, FLOOR_MS, Mono(0));
        }
        let mut district = Self {
            idle: script.workers,
            index: cameras.iter().enumerate().map(|(n, c)| (c.id.clone(), n)).collect(),
            schedule,
            budget: Budget::new(),
            cameras,
            random,
            events: BinaryHeap::new(),
            sequence: 0,
            now: 0,
            stall_next: false,
            seen: Seen::default(),
            digest: 0xcbf2_9ce4_8422_2325,
            offered: 0,
            taken: 0,
            script,
        };
        for n in 0..district.cameras.len() {
            district.at_ms(district.cameras[n].next_key, Event::Key(n));
            if district.cameras[n].focus {
                let want = Want { hz: 5.0, weight: 1.0, always: n % 2 == 0, in_view: n % 3 == 0 };
                district.budget.want(&district.cameras[n].id, want);
            }
        }
        district.at_ms(0, Event::Second);
        let script = district.script.clone();
        script.power_cut.into_iter().for_each(|s| district.at_ms(s * 1000, Event::PowerCut));
        script.bursts.iter().for_each(|s| district.at_ms(s * 1000, Event::Burst));
        script.stalls.iter().for_each(|s| district.at_ms(s * 1000, Event::Stall));
        district
    }

    /// Plays until so many seconds from the start, and calls `each` at every whole second.
    pub fn run(&mut self, until_s: u64, mut each: impl FnMut(&Self, u64, &Floors)) {
        while let Some(Reverse((at, _, event))) = self.events.peek().copied() {
            if at >= until_s * 1_000_000 {
                break;
            }
            self.events.pop();
            self.now = at;
            if event == Event::Second {
                let floors = self.second();
                each(self, at / 1_000_000, &floors);
            } else {
                self.play(event);
            }
            self.work();
        }
        self.now = until_s * 1_000_000;
        self.seen.until = until_s * 1000;
    }

    /// What was seen up to now; counts anew.
    pub fn measure(&mut self) -> Seen {
        let now = self.ms();
        std::mem::replace(&mut self.seen, Seen { from: now, until: now, ..Seen::default() })
    }

    pub fn ms(&self) -> u64 {
        self.now / 1000
    }

    fn at_ms(&mut self, ms: u64, event: Event) {
        if ms < u64::MAX / 1000 {
            self.at(ms * 1000, event);
        }
    }

    fn at(&mut self, us: u64, event: Event) {
        self.sequence += 1;
        self.events.push(Reverse((us, self.sequence, event)));
    }

    fn play(&mut self, event: Event) {
        let ms = self.ms();
        match event {
            Event::Done { channel, us } => {
                self.idle += 1;
                self.seen.busy_us += us;
                self.schedule.done(&self.cameras[channel].id, us, Mono(ms));
            }
            Event::Key(n) => {
                let camera = &mut self.cameras[n];
                // After a power cut an older plan may still be on the list.
                if camera.next_key == ms {
                    camera.last_key = ms;
                    camera.next_key = ms + camera.key_ms;
                    let (next, moves) = (camera.next_key, camera.moves_until > ms);
                    self.at_ms(next, Event::Key(n));
                    self.offer(n, Tier::Patrol, moves);
                }
            }
            Event::CatchUp { channel, left } => {
                self.offer(channel, Tier::CatchUp, true);
                if left > 0 {
                    self.at_ms(ms + 600, Event::CatchUp { channel, left: left - 1 });
                }
            }
            Event::Focus(n) => {
                self.cameras[n].offers = self.cameras[n].hz > 0.0;
                if self.cameras[n].offers {
                    self.offer(n, Tier::Focus, false);
                    self.at_ms(ms + (1000.0 / self.cameras[n].hz) as u64, Event::Focus(n));
                }
            }
            Event::PowerCut => {
                for n in 0..self.cameras.len() {
                    if self.cameras[n].key_ms > 0 {
                        let at = ms + self.random.below(200);
                        self.cameras[n].next_key = at;
                        self.at_ms(at, Event::Key(n));
                    }
                }
            }
            Event::Burst => {
                let many = self.cameras.len() as u64;
                for _ in 0..many.min(1000) {
                    let n = self.random.below(many) as usize;
                    if self.cameras[n].key_ms == 0 {
                        // There is nothing to decode from.
                        continue;
                    }
                    self.cameras[n].moves_until = ms + 60_000;
                    let at = ms + self.random.below(500);
                    self.at_ms(at, Event::CatchUp { channel: n, left: 5 });
                }
            }
            Event::Stall => self.stall_next = true,
            Event::Second => {}
        }
    }

    fn second(&mut self) -> Floors {
        let ms = self.ms();
        let look_us = self.schedule.capacity(Mono(ms)).service_us[Tier::Focus as usize];
        for focus::Grant { channel, hz } in
            self.budget.deal(self.schedule.focus_budget_us(), f64::from(look_us), Mono(ms))
        {
            let n = self.index[&channel];
            self.cameras[n].hz = hz;
            if !self.cameras[n].offers && hz > 0.0 {
                self.cameras[n].offers = true;
                let at = ms + self.random.below(200);
                self.at_ms(at, Event::Focus(n));
            }
        }
        let oldest = self.cameras.iter().filter(|c| c.is_plain()).map(|c| ms - c.last).max();
        self.seen.oldest_ms = self.seen.oldest_ms.max(oldest.unwrap_or(0));
        self.at_ms(ms + 1000, Event::Second);
        self.schedule.floors(Mono(ms))
    }

    fn offer(&mut self, n: usize, tier: Tier, active: bool) {
        let now = Mono(self.ms());
        let unit = AccessUnit {
            channel: self.cameras[n].id.clone(),
            codec: Codec::H264,
            key: tier == Tier::Patrol,
            data: Bytes::new(),
            timeline_90k: now.0 as i64 * 90,
            ingested: now,
            ingested_wall: Wall(0),
            seen: Wall(0),
            camera_clock: false,
            session: 1,
        };
        self.offered += 1;
        assert!(self.schedule.offer(Sample { unit, offered: now, tier, active }));
    }

    fn work(&mut self) {
        let ms = self.ms();
        while self.idle > 0
            && let Some(sample) = self.schedule.take(Mono(ms))
        {
            self.idle -= 1;
            self.taken += 1;
            let n = self.index[&sample.unit.channel];
            let us = self.cost(n, sample.tier);
            let camera = &mut self.cameras[n];
            let gap = ms - std::mem::replace(&mut camera.last, ms);
            camera.looks += 1;
            if camera.is_plain() && camera.moves_until < ms && camera.looks > 1 {
                let (least, most) = self.seen.gaps.entry(camera.key_ms).or_insert((gap, gap));
                (*least, *most) = ((*least).min(gap), (*most).max(gap));
            }
            self.seen.looks[sample.tier as usize] += 1;
            self.seen.latest_ms = self.seen.latest_ms.max(ms - sample.offered.0);
            for value in [ms, n as u64, sample.tier as u64] {
                self.digest = (self.digest ^ value).wrapping_mul(0x0000_0100_0000_01b3);
            }
            self.at(self.now + us, Event::Done { channel: n, us });
        }
    }

    /// Worker time of a look, with a tenth of chance either way.
    fn cost(&mut self, n: usize, tier: Tier) -> u64 {
        if std::mem::take(&mut self.stall_next) {
            return HANGS_US;
        }
        let (ms, camera) = (self.ms(), &self.cameras[n]);
        let pictures = ms.saturating_sub(camera.last_key) / PICTURE_MS;
        let decode = match tier {
            Tier::Patrol => KEY_US,
            Tier::CatchUp => KEY_US + pictures * PICTURE_US,
            // Those since the last look.
            Tier::Focus => (ms - camera.last).min(2000) / PICTURE_MS * PICTURE_US,
        } * if camera.large { LARGE } else { 1 };
        let slow = self.script.slow.is_some_and(|(from, until)| (from..until).contains(&(ms / 1000)));
        let infer = if slow { 1_000_000 } else { INFER_US };
        let us = decode + infer;
        us * (900 + self.random.below(200)) / 1000
    }
}
