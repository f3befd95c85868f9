//! Is a picture the one before? By pixels that are exactly as they were, among those that tell something.
//!
//! Two key frames of a real camera differ nearly everywhere, however still the scene: the sensor's noise, even a third
//! of a level of it, comes out of the encoder as other values in more than half of all pixels (measured: 0.32 to 0.43
//! are equal; real footage: 0.12 to 0.18). An encoder that gets the same picture again and again, with a clock burnt in
//! or without, makes them equal (0.72 in the first second, 0.9 to 1 from then on). Pictures of one group of pictures
//! are never compared: what did not move is copied within a group.

use super::{
    glance::{CELLS, Glance},
    latch::Verdict,
};

/// Share of equal pixels from which a picture is the one before.
const SAME: f32 = 0.85;
/// From which it is, if it goes on: an encoder that changes its quantiser in search of its bit rate.
const NEARLY: f32 = 0.65;
const NEARLY_TIMES: u8 = 9;
/// Share of pixels that must tell something; a black or a white picture is equal to the next one by nature.
const TELLING: f32 = 0.15;

/// The pixels of the picture before.
#[derive(Debug, Clone)]
pub struct Still {
    point: [u8; CELLS],
    /// Its group of pictures; `None` before the first.
    group: Option<i64>,
    nearly: u8,
}

impl Default for Still {
    fn default() -> Self {
        Self { point: [0; CELLS], group: None, nearly: 0 }
    }
}

impl Still {
    pub fn look(&mut self, glance: &Glance, group: i64) -> Verdict {
        if self.group == Some(group) {
            return Verdict::Unsure;
        }
        let first = self.group.replace(group).is_none();
        let (mut telling, mut same) = (0u32, 0u32);
        for ((before, now), tells) in self.point.iter().zip(&glance.point).zip(&glance.telling) {
            telling += u32::from(*tells);
            same += u32::from(*tells && before == now);
        }
        self.point = glance.point;
        if first || (telling as f32) < TELLING * CELLS as f32 {
            return Verdict::Unsure;
        }
        let share = same as f32 / telling as f32;
        self.nearly = if share >= NEARLY { self.nearly.saturating_add(1) } else { 0 };
        match share {
            share if share >= SAME => Verdict::Yes,
            share if share < NEARLY => Verdict::No,
            _ if self.nearly >= NEARLY_TIMES => Verdict::Yes,
            _ => Verdict::Unsure,
        }
    }

    /// The next picture has none before it.
    pub fn forget(&mut self) {
        (self.group, self.nearly) = (None, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{glance, noisy, street};
    use super::*;

    #[test]
    fn the_same_picture_is_known_with_and_without_a_clock_in_it() {
        let mut still = Still::default();
        let clock = |n: u32| glance(move |x, y| if x < 0.3 && y < 0.08 { (n % 7) as f32 / 7.0 } else { street(x, y) });
        assert_eq!(still.look(&clock(0), 0), Verdict::Unsure, "there is none before");
        for n in 1..5 {
            assert_eq!(still.look(&clock(n), i64::from(n)), Verdict::Yes);
            assert_eq!(still.look(&clock(n), i64::from(n)), Verdict::Unsure, "of the same group of pictures");
        }
    }

    #[test]
    fn a_still_scene_with_noise_is_no_standstill() {
        let mut still = Still::default();
        for n in 0..20 {
            let verdict = still.look(&noisy(street, n, 1), n as i64);
            assert!(n == 0 || verdict == Verdict::No, "{n}: {verdict:?}");
        }
    }

    #[test]
    fn black_is_not_frozen() {
        let mut still = Still::default();
        for n in 0..20 {
            assert_eq!(still.look(&glance(|_, _| 0.0), n), Verdict::Unsure);
        }
    }

    #[test]
    fn what_is_nearly_the_same_must_go_on() {
        let mut still = Still::default();
        // A quarter of the rows change with every picture.
        let verdicts: Vec<_> = (0..14)
            .map(|n| {
                still.look(&glance(move |x, y| if y > 0.75 { street(x, y) + n as f32 / 50.0 } else { street(x, y) }), n)
            })
            .collect();
        assert!(verdicts[..8].iter().all(|v| *v == Verdict::Unsure), "{verdicts:?}");
        assert_eq!(verdicts[13], Verdict::Yes);
    }
}
