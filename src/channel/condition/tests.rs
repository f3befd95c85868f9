//! Pictures made by formula: a street with walls, windows and kerbs, and what can happen to it.

use super::{
    glance::{CELLS, HEIGHT, WIDTH},
    *,
};
use crate::types::{PixelFormat, Planes};

const SIZE: (usize, usize) = (240, 180);

struct Plane(Vec<u8>);
impl Planes for Plane {
    fn plane(&self, _: usize) -> (&[u8], usize) {
        (&self.0, SIZE.0)
    }
}

/// Luma 0..1 of a scene at 0..1 of the picture, without any period that a shift could hit.
pub fn street(x: f32, y: f32) -> f32 {
    let block = |x: f32, y: f32, n: f32| {
        let cell = ((x * n).floor() * 12.9898 + (y * n * 0.75).floor() * 78.233).sin() * 43_758.547;
        cell - cell.floor()
    };
    0.15 + 0.45 * block(x, y, 7.0) + 0.25 * block(x + 0.37, y + 0.11, 17.0)
}

fn frame(luma: impl Fn(usize, usize) -> f32) -> Frame {
    let plane = (0..SIZE.0 * SIZE.1).map(|at| (luma(at % SIZE.0, at / SIZE.0).clamp(0.0, 1.0) * 255.0) as u8).collect();
    let (width, height) = (SIZE.0 as u32, SIZE.1 as u32);
    Frame { width, height, format: PixelFormat::Gray8, full_range: true, bt709: false, planes: Box::new(Plane(plane)) }
}

pub fn glance(luma: impl Fn(f32, f32) -> f32) -> Glance {
    let at = |x: usize, y: usize| luma((x as f32 + 0.5) / SIZE.0 as f32, (y as f32 + 0.5) / SIZE.1 as f32);
    Glance::of(&frame(at)).unwrap()
}

/// With noise of some levels, other in each picture.
pub fn noisy(luma: impl Fn(f32, f32) -> f32, picture: u64, levels: u64) -> Glance {
    let at = |x: usize, y: usize| {
        let mut z = (picture << 40) ^ ((y as u64) << 20) ^ x as u64;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let noise = ((z ^ (z >> 31)) % (2 * levels + 1)) as f32 - levels as f32;
        luma((x as f32 + 0.5) / SIZE.0 as f32, (y as f32 + 0.5) / SIZE.1 as f32) + noise / 255.0
    };
    Glance::of(&frame(at)).unwrap()
}

/// A camera that is looked at every two seconds.
struct Camera {
    conditions: Conditions,
    looks: u64,
}

impl Camera {
    fn new() -> Self {
        let conditions = Conditions::new(Options { enabled: true, ignore: ConditionSet::default() });
        let mut camera = Self { conditions, looks: 0 };
        camera.shows(20, |n| noisy(street, n, 2));
        assert!(camera.set().is_empty(), "{:?}", camera.conditions.list());
        camera
    }

    fn now(&self) -> Now {
        Now { mono: Mono(self.looks * 2000), wall: Wall(self.looks as i64 * 2000) }
    }

    /// So many looks; gives the look at which each condition was first there, counted from 1.
    fn shows(&mut self, looks: u64, picture: impl Fn(u64) -> Glance) -> Vec<(ConditionKind, u64)> {
        let mut found: Vec<(ConditionKind, u64)> = Vec::new();
        for look in 1..=looks {
            self.looks += 1;
            let now = self.now();
            self.conditions.glance(&picture(self.looks), self.looks as i64, now);
            for kind in self.set() {
                if found.iter().all(|(k, _)| *k != kind) {
                    found.push((kind, look));
                }
            }
        }
        found
    }

    fn set(&self) -> Vec<ConditionKind> {
        self.conditions.set().iter().collect()
    }
}

/// What is shown is found as this and nothing else, within three looks, and cleared within three.
#[track_caller]
fn found(kind: ConditionKind, picture: impl Fn(u64) -> Glance) {
    let mut camera = Camera::new();
    assert_eq!(camera.shows(12, picture), [(kind, 3)]);
    let told = camera.conditions.list();
    assert!(told.len() == 1 && told[0].since == Wall(23 * 2000) && !told[0].reason.is_empty(), "{told:?}");
    camera.shows(3, |n| noisy(street, n, 2));
    assert_eq!(camera.set(), []);
    camera.shows(40, |n| noisy(street, n, 2));
    assert_eq!(camera.set(), [], "and stays so");
}

/// Along the rows, which is how sharpness is read; as many steps as there are pixels under it, or it would be a stair.
fn soft(x: f32, y: f32, radius: f32) -> f32 {
    const STEPS: i16 = 20;
    let sum: f32 = (-STEPS..=STEPS).map(|i| street(x + f32::from(i) / f32::from(STEPS) * radius, y)).sum();
    sum / f32::from(2 * STEPS + 1)
}

#[test]
fn a_frozen_picture_is_found() {
    let once = noisy(street, 7, 2);
    found(ConditionKind::Frozen, |_| once.clone());
}

#[test]
fn a_dark_picture_is_found() {
    found(ConditionKind::Dark, |n| noisy(|x, y| street(x, y) * 0.04, n, 2));
}

#[test]
fn a_bright_picture_is_found() {
    found(ConditionKind::Bright, |n| noisy(|x, y| 0.95 + street(x, y) * 0.1, n, 2));
}

#[test]
fn a_covered_lens_is_found() {
    found(ConditionKind::Covered, |n| noisy(|x, y| if x < 0.9 { 0.5 } else { street(x, y) }, n, 2));
    found(ConditionKind::Covered, |n| noisy(|x, y| 0.4 + 0.2 * (x * 4.0).sin() * (y * 3.0).cos(), n, 1));
}

#[test]
fn a_lens_out_of_focus_is_found() {
    found(ConditionKind::Blurred, |n| noisy(|x, y| soft(x, y, 0.08), n, 1));
}

#[test]
fn a_camera_that_was_turned_is_found() {
    found(ConditionKind::Moved, |n| noisy(|x, y| street(x + 0.15, y), n, 2));
    found(ConditionKind::Moved, |n| noisy(|x, y| street(x - 0.1, y + 0.1), n, 2));
}

#[test]
fn another_scene_is_found_when_it_stays() {
    let mut camera = Camera::new();
    let found = camera.shows(60, |n| noisy(|x, y| street(x + 5.3, y + 3.7), n, 2));
    assert!(matches!(found[..], [(ConditionKind::Moved, 9..=40)]), "{found:?}");
}

#[test]
fn day_and_night_are_no_move() {
    let mut camera = Camera::new();
    // Dusk over five minutes, and lamps that go on at once.
    let dusk = |n: u64| 1.0 - 0.8 * ((n.saturating_sub(20)) as f32 / 150.0).min(1.0);
    assert_eq!(camera.shows(150, |n| noisy(|x, y| street(x, y) * dusk(n), n, 3)), []);
    let lamp = |x: f32, y: f32| 0.5 * (-((x - 0.3).powi(2) + (y - 0.6).powi(2)) * 12.0).exp();
    assert_eq!(camera.shows(100, |n| noisy(|x, y| street(x, y) * (0.2 + lamp(x, y)), n, 6)), []);
    assert_eq!(camera.shows(100, |n| noisy(street, n, 2)), []);
}

#[test]
fn passers_by_are_nothing() {
    let mut camera = Camera::new();
    let crowd = |n: u64| {
        move |x: f32, y: f32| {
            let walks = (0..6).any(|p| {
                let at = (n as f32 * (0.03 + 0.01 * p as f32) + p as f32 * 0.17).fract();
                (x - at).abs() < 0.04 && (y - 0.4 - 0.08 * p as f32).abs() < 0.15
            });
            if walks { 0.05 } else { street(x, y) }
        }
    };
    assert_eq!(camera.shows(120, |n| noisy(crowd(n), n, 2)), []);
}

#[test]
fn two_looks_are_not_enough() {
    let mut camera = Camera::new();
    for _ in 0..10 {
        assert_eq!(camera.shows(2, |n| noisy(|_, _| 0.5, n, 1)), []);
        assert_eq!(camera.shows(1, |n| noisy(street, n, 2)), []);
    }
}

#[test]
fn looks_in_focus_are_counted_by_time_and_never_within_a_group() {
    let mut camera = Camera::new();
    let began = camera.now().mono;
    for n in 0..100u64 {
        let now = Now { mono: began.plus_ms(2000 + n * 100), wall: Wall(0) };
        camera.conditions.look(&frame(|_, _| 0.5), n as i64 / 20, now);
        let ms = n * 100;
        assert_eq!(camera.set().is_empty(), ms < 2 * APART_MS, "{ms}");
    }
}

#[test]
fn what_nobody_wants_to_know_is_not_said_and_does_not_stop_the_reference() {
    let mut camera = Camera::new();
    let ignore = [ConditionKind::Moved].into_iter().collect();
    camera.conditions.set_options(Options { enabled: true, ignore });
    for view in 0..10 {
        let at = view as f32 * 0.15;
        assert_eq!(camera.shows(20, |n| noisy(|x, y| street(x + at, y), n, 2)), []);
    }
    assert_eq!(camera.shows(3, |n| noisy(|_, _| 0.5, n, 1)), [(ConditionKind::Covered, 3)]);
    camera.conditions.set_options(Options::default());
    assert_eq!(camera.shows(3, |n| noisy(|_, _| 0.0, n, 1)), []);
}

#[test]
fn a_camera_that_was_turned_on_purpose_is_believed_in_the_end() {
    let mut camera = Camera::new();
    let pictures: Vec<_> = (0..16).map(|n| noisy(|x, y| street(x + 0.15, y), n, 2)).collect();
    let turned = |n: u64| pictures[n as usize % 16].clone();
    assert_eq!(camera.shows(100, turned), [(ConditionKind::Moved, 3)]);
    camera.shows(900, turned);
    assert_eq!(camera.set(), []);
    assert_eq!(camera.shows(20, |n| noisy(street, n, 2)), [(ConditionKind::Moved, 3)], "back is a move now");
}

#[test]
fn what_was_is_unknown_when_pictures_stop() {
    let mut camera = Camera::new();
    camera.shows(5, |n| noisy(|_, _| 0.5, n, 1));
    assert_eq!(camera.set(), [ConditionKind::Covered]);
    camera.conditions.down();
    assert_eq!(camera.set(), []);
    assert_eq!(
        camera.shows(5, |n| noisy(|_, _| 0.5, n, 1)),
        [(ConditionKind::Covered, 3)],
        "the reference is still there"
    );
}

#[test]
fn a_channel_is_a_few_kib() {
    assert!(size_of::<Picture>() < 6 << 10 && size_of::<Conditions>() < 512, "{}", size_of::<Picture>());
    assert_eq!(CELLS, WIDTH * HEIGHT);
}
