//! Where one object is, how fast it goes and how large it is, with how surely each is known.
//!
//! A filter after Kalman over the middle of the box. Between two looks an object goes on with a speed that wanders about
//! zero and forgets itself in some seconds (an integrated Ornstein-Uhlenbeck process): over a tenth of a second that is
//! constant velocity, over ten seconds a walk without direction, and the same numbers hold for any look rate and any gap.
//! Lengths are in the object's own size, so that near and far behave alike. Width and height are filtered by themselves,
//! as logarithms. Pure.

use super::tuning::Tuning;
use crate::types::BBox;

/// Nothing is smaller; a side of less than a pixel says nothing.
const LEAST_SIDE: f32 = 1e-4;
/// A box that comes so near to the edge of the picture is cut off there.
const EDGE: f32 = 0.004;
/// Spread of the logarithm of a side that begins cut off.
const UNKNOWN_SIDE: f32 = 0.7;
/// Half a size, squared: a box that is cut off is not further off.
const MOST_OFF: f32 = 0.25;
/// A gap is never taken for longer.
const LONGEST_S: f32 = 3600.0;

/// A box as the filter sees it: its middle, and its size by logarithms. `x` is stretched by the picture's aspect, so that
/// a length is the same in both directions.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shape {
    pub x: f32,
    pub y: f32,
    ln_w: f32,
    ln_h: f32,
    /// The side of a square of the same area, and width over height.
    pub size: f32,
    slim: f32,
    cut: Cut,
}

/// At which edges of the picture a box ends.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Cut {
    left: bool,
    right: bool,
    top: bool,
    bottom: bool,
}

impl Cut {
    /// -1 or 1: what is hidden lies left or right of the box (above or below it); 0: nothing is, or on both sides.
    fn across(self) -> f32 {
        f32::from(self.right) - f32::from(self.left)
    }
    fn down(self) -> f32 {
        f32::from(self.bottom) - f32::from(self.top)
    }
}

impl Shape {
    /// Of a box with finite numbers.
    pub fn of(b: &BBox, aspect: f32) -> Self {
        let (w, h) = (b.w.max(LEAST_SIDE) * aspect, b.h.max(LEAST_SIDE));
        let (x, y) = ((b.x + b.w / 2.0) * aspect, b.y + b.h / 2.0);
        let cut =
            Cut { left: b.x < EDGE, right: b.x + b.w > 1.0 - EDGE, top: b.y < EDGE, bottom: b.y + b.h > 1.0 - EDGE };
        Self { x, y, ln_w: w.ln(), ln_h: h.ln(), size: (w * h).sqrt(), slim: w / h, cut }
    }

    pub fn bbox(&self, aspect: f32) -> BBox {
        let (w, h) = (self.ln_w.exp() / aspect, self.ln_h.exp());
        BBox { x: self.x / aspect - w / 2.0, y: self.y - h / 2.0, w, h }
    }

    /// How far apart the middles are, in sizes of this one.
    pub fn distance(&self, other: &Shape) -> f32 {
        (other.x - self.x).hypot(other.y - self.y) / self.size
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Motion {
    pub shape: Shape,
    /// Stretched as `x` is.
    pub velocity: (f32, f32),
    /// Covariance of place and velocity, the same both ways, in sizes.
    place: f32,
    cross: f32,
    speed: f32,
    /// Variances of the logarithms of width and height.
    var_w: f32,
    var_h: f32,
}

/// How well a box fits to where an object is expected.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fit {
    /// How far off place and size are, in squared standard deviations.
    pub place: f32,
    pub size: f32,
    /// Variance of the place, in sizes: how much else would have fitted as well.
    pub spread: f32,
}

fn square(v: f32) -> f32 {
    v * v
}

impl Motion {
    /// Of an object that was seen once: it may go anywhere.
    pub fn new(shape: Shape, t: &Tuning) -> Self {
        Self {
            shape,
            velocity: (0.0, 0.0),
            place: square(t.jitter),
            cross: 0.0,
            speed: square(t.speed),
            var_w: square(if shape.cut.across() == 0.0 { t.jitter_w } else { UNKNOWN_SIDE }),
            var_h: square(if shape.cut.down() == 0.0 { t.jitter_h } else { UNKNOWN_SIDE }),
        }
    }

    /// The same object `seconds` later.
    pub fn after(&self, seconds: f32, t: &Tuning) -> Self {
        let dt = seconds.clamp(0.0, LONGEST_S);
        let (tau, wander) = (t.keeps_s, square(t.speed));
        let keep = (-dt / tau).exp();
        // What a velocity of one adds to the place.
        let reach = tau * (1.0 - keep);
        let drift = (2.0 * dt / tau - 3.0 + 4.0 * keep - square(keep)).max(0.0);
        let grown = square(t.grows) * dt;
        let (vx, vy) = self.velocity;
        Self {
            shape: Shape { x: self.shape.x + vx * reach, y: self.shape.y + vy * reach, ..self.shape },
            velocity: (vx * keep, vy * keep),
            place: self.place + 2.0 * reach * self.cross + square(reach) * self.speed + wander * square(tau) * drift,
            cross: keep * (self.cross + reach * self.speed) + wander * tau * square(1.0 - keep),
            speed: square(keep) * self.speed + wander * (1.0 - square(keep)),
            var_w: self.var_w + grown,
            var_h: self.var_h + grown,
        }
    }

    /// How well a box fits this, which is what is expected for its time; `None` if it is too far off.
    pub fn fit(&self, z: &Shape, t: &Tuning) -> Option<Fit> {
        let z = &self.whole(z);
        let off = (square(z.x - self.shape.x) + square(z.y - self.shape.y)) / square(self.shape.size);
        if off > t.gate * (self.place + square(t.jitter) + MOST_OFF) {
            return None;
        }
        let spread = self.place + self.noise(z, t);
        let (dw, dh) = (square(z.ln_w - self.shape.ln_w), square(z.ln_h - self.shape.ln_h));
        let size = dw / (self.var_w + square(t.jitter_w)) + dh / (self.var_h + square(t.jitter_h));
        let fit = Fit { place: off / spread, size, spread };
        (fit.place <= t.gate && fit.size <= t.gate).then_some(fit)
    }

    /// Takes a box that was found where this was expected. `doubt`: further spread of its middle, in sizes, and of its size,
    /// where it may be of another object or of two.
    pub fn found(&mut self, z: &Shape, doubt: f32, t: &Tuning) {
        let z = &self.whole(z);
        let noise = self.noise(z, t) + square(doubt);
        let (k, g) = (self.place / (self.place + noise), self.cross / (self.place + noise));
        let (dx, dy) = (z.x - self.shape.x, z.y - self.shape.y);
        self.velocity = (self.velocity.0 + g * dx, self.velocity.1 + g * dy);
        self.speed -= g * self.cross;
        self.cross *= 1.0 - k;
        self.place *= 1.0 - k;
        let toward = |value: f32, var: &mut f32, z: f32, jitter: f32| {
            let k = *var / (*var + square(jitter) + square(doubt));
            *var *= 1.0 - k;
            value + k * (z - value)
        };
        let ln_w = toward(self.shape.ln_w, &mut self.var_w, z.ln_w, t.jitter_w);
        let ln_h = toward(self.shape.ln_h, &mut self.var_h, z.ln_h, t.jitter_h);
        let size = ((ln_w + ln_h) / 2.0).exp();
        self.shape = Shape {
            x: self.shape.x + k * dx,
            y: self.shape.y + k * dy,
            ln_w,
            ln_h,
            size,
            slim: (ln_w - ln_h).exp(),
            cut: z.cut,
        };
    }

    /// A box that the picture's edge cuts off, as large as it is expected to be: what shows fixes the side that shows.
    fn whole(&self, z: &Shape) -> Shape {
        let mut whole = *z;
        let (across, down) = (z.cut.across(), z.cut.down());
        if across != 0.0 && z.ln_w < self.shape.ln_w {
            whole.x += across * (self.shape.ln_w.exp() - z.ln_w.exp()) / 2.0;
            whole.ln_w = self.shape.ln_w;
        }
        if down != 0.0 && z.ln_h < self.shape.ln_h {
            whole.y += down * (self.shape.ln_h.exp() - z.ln_h.exp()) / 2.0;
            whole.ln_h = self.shape.ln_h;
        }
        whole
    }

    /// Variance of where the box puts the middle. One that is cut off by what stands before it, or drawn out over two
    /// objects, has its middle elsewhere than the object: half of what a side is off, at most half a size.
    fn noise(&self, z: &Shape, t: &Tuning) -> f32 {
        let (dw, dh) = (square(z.ln_w - self.shape.ln_w), square(z.ln_h - self.shape.ln_h));
        let off = (dw * self.shape.slim + dh / self.shape.slim) / 4.0;
        square(t.jitter) + off.min(MOST_OFF)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::track::tuning::TUNING;

    const ASPECT: f32 = 1.5;

    fn at(x: f32) -> Shape {
        Shape::of(&BBox { x, y: 0.4, w: 0.05, h: 0.2 }, ASPECT)
    }

    /// A walker at 0.05 picture widths a second, looked at every `dt`.
    fn walker(dt: f32, looks: usize) -> Motion {
        let mut m = Motion::new(at(0.1), &TUNING);
        for i in 1..looks {
            m = m.after(dt, &TUNING);
            m.found(&at(0.1 + 0.05 * dt * i as f32), 0.0, &TUNING);
        }
        m
    }

    #[test]
    fn a_walk_is_foreseen_at_every_rate() {
        for dt in [0.1, 0.2, 0.4, 1.0, 2.0] {
            let looks = 2 + (2.0 / dt) as usize;
            let next = walker(dt, looks).after(dt, &TUNING);
            let fit = next.fit(&at(0.1 + 0.05 * dt * looks as f32), &TUNING).unwrap();
            assert!(fit.place < 1.0 && fit.size < 0.1, "{dt} s: {fit:?}");
        }
    }

    #[test]
    fn what_is_expected_does_not_depend_on_how_often_one_asks() {
        let m = walker(0.2, 10);
        let (once, often) = (m.after(3.0, &TUNING), (0..30).fold(m, |m, _| m.after(0.1, &TUNING)));
        let near = |a: f32, b: f32| (a - b).abs() < 1e-3 * (a.abs() + b.abs() + 0.1);
        assert!(near(once.shape.x, often.shape.x) && near(once.velocity.0, often.velocity.0));
        assert!(near(once.place, often.place) && near(once.cross, often.cross) && near(once.speed, often.speed));
    }

    #[test]
    fn a_box_cut_off_moves_the_object_little() {
        let mut m = walker(0.2, 20).after(0.2, &TUNING);
        let (expected, mut whole) = (m.shape, m);
        // The lower third is hidden, and the middle of what is left lies higher.
        let cut = Shape::of(&BBox { x: 0.1 + 0.05 * 4.0, y: 0.4, w: 0.05, h: 0.2 * 0.67 }, ASPECT);
        m.found(&cut, 0.0, &TUNING);
        whole.found(&Shape { ln_h: expected.ln_h, ..cut }, 0.0, &TUNING);
        assert!(expected.distance(&m.shape) < 0.5 * expected.distance(&whole.shape));
    }

    #[test]
    fn who_walks_out_of_the_picture_is_followed_until_nothing_shows() {
        let mut m = Motion::new(at(0.2), &TUNING);
        for i in 1..24 {
            m = m.after(0.2, &TUNING);
            let bbox = BBox { x: 0.2 - 0.01 * i as f32, y: 0.4, w: 0.05, h: 0.2 }.clipped().unwrap();
            let z = Shape::of(&bbox, ASPECT);
            let fit = m.fit(&z, &TUNING).unwrap();
            assert!(fit.place + fit.size < 4.0, "{i}: {bbox:?} {fit:?}");
            m.found(&z, 0.0, &TUNING);
        }
        assert!(m.shape.x < 0.0 && m.shape.bbox(ASPECT).w > 0.045, "{m:?}");
    }

    #[test]
    fn a_box_is_itself_again() {
        let b = BBox { x: 0.2, y: 0.3, w: 0.05, h: 0.2 };
        let back = Shape::of(&b, ASPECT).bbox(ASPECT);
        assert!((back.x - b.x).abs() < 1e-6 && (back.h - b.h).abs() < 1e-6 && (back.w - b.w).abs() < 1e-6);
    }
}
