//! What a channel usually shows: a slow mean of its pictures, and how sharp and how structured they are.
//!
//! A picture is compared with it by its edges, so that light and contrast do not matter: the correlation of the luma
//! gradients as they lie, and of the same shifted by some cells. People and cars pass out of a mean; day and night
//! change the edges, but do not shift them.

use super::glance::{CELLS, Glance, HEIGHT, WIDTH};
use crate::types::Mono;

/// Looks that a reference needs before anything is judged by it.
const WARM_UP: u8 = 8;
/// The reference takes over a change with this time constant once it is warm.
const SLOW_MS: u64 = 120_000;
/// Between two looks at which it learns: a channel in focus is looked at several times a second.
const LEARN_MS: u64 = 1000;
/// Steeper is not more of an edge: a lamp must not count for the whole picture.
const STEEPEST: i16 = 24;
/// How far is searched, in cells each way: a fifth of the picture.
const REACH: (i32, i32) = (10, 8);

/// The reference of one channel.
#[derive(Debug, Clone)]
pub struct Scene {
    /// Mean luma of each cell, in 256ths.
    mean: [u16; CELLS],
    pub sharpness: f32,
    pub structure: f32,
    pub luma: f32,
    looks: u8,
    learnt: Mono,
}

/// How a picture lies over the reference: correlations from -1 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Match {
    /// As it is.
    pub here: f32,
    /// Shifted where it fits best, by so many cells.
    pub best: f32,
    pub shift: (i32, i32),
}

impl Default for Scene {
    fn default() -> Self {
        Self { mean: [0; CELLS], sharpness: 0.0, structure: 0.0, luma: 0.0, looks: 0, learnt: Mono::default() }
    }
}

impl Scene {
    pub fn is_ready(&self) -> bool {
        self.looks >= WARM_UP
    }

    /// Forgets what it knows.
    pub fn forget(&mut self) {
        self.looks = 0;
    }

    /// Takes a picture in.
    pub fn learn(&mut self, glance: &Glance, at: Mono) {
        let since_ms = at.since_ms(self.learnt);
        if self.looks > 0 && since_ms < LEARN_MS {
            return;
        }
        // In 256ths: a plain mean while it warms up, then by the time that has passed.
        let share = match self.looks {
            looks if looks < WARM_UP => 256 / (i32::from(looks) + 1),
            _ => i32::try_from(since_ms * 256 / SLOW_MS).unwrap_or(i32::MAX).clamp(4, 32),
        };
        for (mean, new) in self.mean.iter_mut().zip(&glance.mean) {
            let step = ((i32::from(*new) << 8) - i32::from(*mean)) * share / 256;
            *mean = (i32::from(*mean) + step).clamp(0, i32::from(u16::MAX)) as u16;
        }
        let part = share as f32 / 256.0;
        self.sharpness += (glance.sharpness - self.sharpness) * part;
        self.structure += (glance.structure - self.structure) * part;
        self.luma += (glance.luma - self.luma) * part;
        self.looks = self.looks.saturating_add(1);
        self.learnt = at;
    }

    /// Compares a picture with the reference. It is searched for only where it does not fit as it is, by `enough`.
    pub fn compare(&self, glance: &Glance, enough: f32) -> Match {
        let usual: [u8; CELLS] = std::array::from_fn(|at| (self.mean[at] >> 8) as u8);
        let (a, b) = (Edges::<WIDTH, HEIGHT, CELLS>::of(&usual), Edges::of(&glance.mean));
        let here = a.correlation(&b, (0, 0));
        if here >= enough {
            return Match { here, best: here, shift: (0, 0) };
        }
        let (x, y) = Edges::<HALF_WIDTH, HALF_HEIGHT, HALF_CELLS>::of(&halved(&usual))
            .search(&Edges::of(&halved(&glance.mean)), (0, 0), (REACH.0 / 2, REACH.1 / 2))
            .1;
        let (found, shift) = a.search(&b, (2 * x, 2 * y), (1, 1));
        if found > here { Match { here, best: found, shift } } else { Match { here, best: here, shift: (0, 0) } }
    }
}

const HALF_WIDTH: usize = WIDTH / 2;
const HALF_HEIGHT: usize = HEIGHT / 2;
const HALF_CELLS: usize = HALF_WIDTH * HALF_HEIGHT;

fn halved(mean: &[u8; CELLS]) -> [u8; HALF_CELLS] {
    std::array::from_fn(|at| {
        let (x, y) = (at % HALF_WIDTH * 2, at / HALF_WIDTH * 2);
        let sum: u16 =
            [(x, y), (x + 1, y), (x, y + 1), (x + 1, y + 1)].map(|(x, y)| u16::from(mean[y * WIDTH + x])).iter().sum();
        (sum / 4) as u8
    })
}

/// Luma gradients of a grid, cut at `STEEPEST`.
struct Edges<const W: usize, const H: usize, const N: usize> {
    x: [i16; N],
    y: [i16; N],
}

impl<const W: usize, const H: usize, const N: usize> Edges<W, H, N> {
    fn of(mean: &[u8; N]) -> Self {
        let mut edges = Self { x: [0; N], y: [0; N] };
        let luma = |x: usize, y: usize| i16::from(mean[y * W + x]);
        for y in 0..H {
            for x in 0..W {
                if x > 0 && x + 1 < W {
                    edges.x[y * W + x] = (luma(x + 1, y) - luma(x - 1, y)).clamp(-STEEPEST, STEEPEST);
                }
                if y > 0 && y + 1 < H {
                    edges.y[y * W + x] = (luma(x, y + 1) - luma(x, y - 1)).clamp(-STEEPEST, STEEPEST);
                }
            }
        }
        edges
    }

    /// With `other` shifted, over what of both lies over each other: `self` at (x, y) is `other` at (x - dx, y - dy).
    fn correlation(&self, other: &Self, (dx, dy): (i32, i32)) -> f32 {
        let range = |d: i32, n: usize| {
            let d = d as isize;
            (d.max(0) as usize)..(n as isize + d.min(0)).max(0) as usize
        };
        let (columns, rows) = (range(dx, W), range(dy, H));
        let (mut both, mut mine, mut theirs) = (0i64, 0i64, 0i64);
        for y in rows {
            let from = y * W + columns.start;
            let length = columns.len();
            let Some(at) = from.checked_add_signed(-(dy as isize * W as isize + dx as isize)) else { continue };
            for (a, b) in [(&self.x, &other.x), (&self.y, &other.y)] {
                let (a, b) =
                    (a.get(from..from + length).unwrap_or_default(), b.get(at..at + length).unwrap_or_default());
                let dot =
                    |p: &[i16], q: &[i16]| p.iter().zip(q).map(|(p, q)| i32::from(*p) * i32::from(*q)).sum::<i32>();
                both += i64::from(dot(a, b));
                mine += i64::from(dot(a, a));
                theirs += i64::from(dot(b, b));
            }
        }
        // Less than a level a cell is no edge but noise, which correlates with anything.
        let least = (columns.len() * H) as i64 / 2;
        if mine < least || theirs < least {
            return 0.0;
        }
        (both as f64 / ((mine as f64) * (theirs as f64)).sqrt()) as f32
    }

    /// The best of the shifts round `centre`.
    fn search(&self, other: &Self, centre: (i32, i32), reach: (i32, i32)) -> (f32, (i32, i32)) {
        let mut best = (-1.0, centre);
        for dx in centre.0 - reach.0..=centre.0 + reach.0 {
            for dy in centre.1 - reach.1..=centre.1 + reach.1 {
                let found = self.correlation(other, (dx, dy));
                if found > best.0 {
                    best = (found, (dx, dy));
                }
            }
        }
        best
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{glance, street};
    use super::*;

    fn scene() -> Scene {
        let mut scene = Scene::default();
        for look in 0..12 {
            scene.learn(&glance(street), Mono(look * 2000));
        }
        scene
    }

    #[test]
    fn a_shift_is_found_where_it_is() {
        let scene = scene();
        assert!(scene.is_ready());
        assert!(scene.compare(&glance(street), 0.5).here > 0.98);
        for (dx, dy) in [(7.0, 0.0), (-7.0, 0.0), (0.0, 5.0), (6.0, -5.0), (3.0, 0.0)] {
            let moved = glance(|x, y| street(x + dx / WIDTH as f32, y + dy / HEIGHT as f32));
            let found = scene.compare(&moved, 0.5);
            assert!(found.best > 0.8 && found.here < 0.5, "{dx} {dy}: {found:?}");
            assert!(
                (found.shift.0 - dx as i32).abs() <= 1 && (found.shift.1 - dy as i32).abs() <= 1,
                "{dx} {dy}: {found:?}"
            );
        }
    }

    #[test]
    fn neither_light_nor_contrast_nor_passers_by_shift_anything() {
        let scene = scene();
        let night = scene.compare(&glance(|x, y| street(x, y) * 0.25), 0.9);
        assert!(night.here > 0.8, "{night:?}");
        let crowd = glance(|x, y| if ((x * 20.0) as u32).is_multiple_of(5) && y > 0.5 { 0.1 } else { street(x, y) });
        let found = scene.compare(&crowd, 0.9);
        assert!(found.here > 0.5 && found.best - found.here < 0.1, "{found:?}");
    }

    #[test]
    fn a_wall_fits_nothing() {
        assert_eq!(scene().compare(&glance(|_, _| 0.4), 0.5).best, 0.0);
    }
}
