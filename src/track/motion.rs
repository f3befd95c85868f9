//! Where one object is, how fast it goes and how large it is, with how surely each is known.
//!
//! A filter after Kalman over the middle of the box. The motion between two looks is that of an object whose speed
//! wanders about zero and forgets itself in some seconds (an integrated Ornstein-Uhlenbeck process): over a tenth of a
//! second that is constant velocity, over ten seconds it is a walk without direction, and the same few numbers hold for
//! any look rate and any gap. Lengths are in the object's own size, so that near and far behave alike.
//!
//! Width and height are filtered by themselves, as logarithms. Pure.

use crate::types::BBox;

/// Spread of an object's speed, in its own sizes a second: people walk at one and a half.
const SPEED: f32 = 1.2;
/// For how many seconds a direction is kept.
const KEEPS_S: f32 = 3.0;
/// Spread of where a detector puts the middle of a box, in sizes.
const JITTER: f32 = 0.08;
/// Spread of the logarithm of width and height in a detector's boxes. Widths change with every step.
const JITTER_W: f32 = 0.18;
const JITTER_H: f32 = 0.10;
/// By how much these grow or shrink in a second.
const GROWS: f32 = 0.15;

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tuning {
    pub speed: f32,
    pub keeps_s: f32,
    pub jitter: f32,
    pub jitter_w: f32,
    pub jitter_h: f32,
    pub grows: f32,
    pub doubt: f32,
}
pub const TUNING: Tuning =
    Tuning { speed: SPEED, keeps_s: KEEPS_S, jitter: JITTER, jitter_w: JITTER_W, jitter_h: JITTER_H, grows: GROWS, doubt: 0.0 };

/// A box as the filter sees it: middle, and size by logarithms. `x` is stretched by the picture's aspect, so that a
/// length is the same in both directions.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shape {
    pub x: f32,
    pub y: f32,
    pub ln_w: f32,
    pub ln_h: f32,
}

impl Shape {
    /// Of a box that has an area.
    pub fn of(b: &BBox, aspect: f32) -> Self {
        Self {
            x: (b.x + b.w / 2.0) * aspect,
            y: b.y + b.h / 2.0,
            ln_w: (b.w.max(1e-4) * aspect).ln(),
            ln_h: b.h.max(1e-4).ln(),
        }
    }
    pub fn bbox(&self, aspect: f32) -> BBox {
        let (w, h) = (self.ln_w.exp() / aspect, self.ln_h.exp());
        BBox { x: self.x / aspect - w / 2.0, y: self.y - h / 2.0, w, h }
    }
    /// The side of a square of the same area.
    pub fn size(&self) -> f32 {
        ((self.ln_w + self.ln_h) / 2.0).exp()
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Motion {
    pub shape: Shape,
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
    /// Squared distance in standard deviations, place and size.
    pub place: f32,
    pub size: f32,
    /// Variance of the expected place, in sizes: how much else would have fitted as well.
    pub spread: f32,
}

impl Motion {
    pub fn new(shape: Shape, t: &Tuning) -> Self {
        let square = |v: f32| v * v;
        Self {
            shape,
            velocity: (0.0, 0.0),
            place: square(t.jitter),
            cross: 0.0,
            speed: square(t.speed),
            var_w: square(t.jitter_w),
            var_h: square(t.jitter_h),
        }
    }

    /// The same object `seconds` later.
    pub fn after(&self, seconds: f32, t: &Tuning) -> Self {
        let dt = seconds.clamp(0.0, 3600.0);
        let tau = t.keeps_s;
        let keep = (-dt / tau).exp();
        // What a velocity of one adds to the place.
        let reach = tau * (1.0 - keep);
        let wander = t.speed * t.speed;
        let q_place = wander * tau * tau * (2.0 * dt / tau - 3.0 + 4.0 * keep - keep * keep).max(0.0);
        let q_cross = wander * tau * (1.0 - keep) * (1.0 - keep);
        let q_speed = wander * (1.0 - keep * keep);
        let grown = t.grows * t.grows * dt;
        let (vx, vy) = self.velocity;
        Self {
            shape: Shape { x: self.shape.x + vx * reach, y: self.shape.y + vy * reach, ..self.shape },
            velocity: (vx * keep, vy * keep),
            place: self.place + 2.0 * reach * self.cross + reach * reach * self.speed + q_place,
            cross: keep * (self.cross + reach * self.speed) + q_cross,
            speed: keep * keep * self.speed + q_speed,
            var_w: self.var_w + grown,
            var_h: self.var_h + grown,
        }
    }

    /// How well a box fits this, which is what is expected for its time.
    pub fn fit(&self, z: &Shape, t: &Tuning) -> Fit {
        let size = self.shape.size().max(1e-4);
        let (dx, dy) = ((z.x - self.shape.x) / size, (z.y - self.shape.y) / size);
        let (dw, dh) = (z.ln_w - self.shape.ln_w, z.ln_h - self.shape.ln_h);
        let spread = self.place + self.noise(z, t);
        Fit {
            place: (dx * dx + dy * dy) / spread,
            size: dw * dw / (self.var_w + t.jitter_w * t.jitter_w) + dh * dh / (self.var_h + t.jitter_h * t.jitter_h),
            spread,
        }
    }

    /// A box that is cut off or drawn out has its middle elsewhere than the object.
    fn noise(&self, z: &Shape, t: &Tuning) -> f32 {
        let (dw, dh) = (z.ln_w - self.shape.ln_w, z.ln_h - self.shape.ln_h);
        let (w, h) = ((self.shape.ln_w - self.shape.ln_h).exp() / 4.0, (self.shape.ln_h - self.shape.ln_w).exp() / 4.0);
        t.jitter * t.jitter + t.doubt * (dw * dw * w + dh * dh * h).min(0.25)
    }

    /// Takes a box that was found where this was expected.
    pub fn found_w(&mut self, z: &Shape, t: &Tuning, w: f32, ws: f32) {
        let noise = self.noise(z, t) * w;
        let (k, g) = (self.place / (self.place + noise), self.cross / (self.place + noise));
        let (dx, dy) = (z.x - self.shape.x, z.y - self.shape.y);
        self.shape.x += k * dx;
        self.shape.y += k * dy;
        self.velocity.0 += g * dx;
        self.velocity.1 += g * dy;
        self.speed -= g * self.cross;
        self.cross *= 1.0 - k;
        self.place *= 1.0 - k;
        let toward = |value: &mut f32, var: &mut f32, z: f32, jitter: f32| {
            let k = *var / (*var + jitter * jitter * ws);
            *value += k * (z - *value);
            *var *= 1.0 - k;
        };
        toward(&mut self.shape.ln_w, &mut self.var_w, z.ln_w, t.jitter_w);
        toward(&mut self.shape.ln_h, &mut self.var_h, z.ln_h, t.jitter_h);
    }
}
