//! How sure a detector is: of what is there and of what is not, as counted on film.
//!
//! EfficientDet-Lite0 (int8) on 795 pictures of PETS 2009 S2.L1: boxes that meet a person of the ground truth by 0.4, and
//! boxes that meet none by 0.2, in steps of 0.05. It was never asked which score a gateway calls sure.

use rand::{Rng, rngs::StdRng};

const STEP: f32 = 0.05;
/// What an object must have for a rule as shipped to begin an event (`rule.min_score`).
pub const TAKEN: f32 = 0.5;
/// From 0.45.
const THERE: (f32, [u32; 10]) = (0.45, [355, 506, 576, 607, 529, 440, 279, 167, 53, 1]);
/// From 0.30.
const NOT_THERE: (f32, [u32; 10]) = (0.30, [386, 1052, 743, 672, 558, 63, 10, 2, 3, 1]);
/// How much the score of one thing differs from look to look.
const FROM_LOOK_TO_LOOK: f32 = 0.08;

fn draw((from, counts): (f32, [u32; 10]), rng: &mut StdRng) -> f32 {
    let mut left = rng.random_range(0..counts.iter().sum());
    let mut low = from;
    for count in counts {
        if left < count {
            break;
        }
        left -= count;
        low += STEP;
    }
    low + rng.random_range(0.0..STEP)
}

/// Of something real.
pub fn there(rng: &mut StdRng) -> f32 {
    draw(THERE, rng)
}

/// The same where a rule takes it.
pub fn taken(of: fn(&mut StdRng) -> f32, rng: &mut StdRng) -> f32 {
    loop {
        let score = of(rng);
        if score >= TAKEN {
            return score;
        }
    }
}

/// Of what is not there.
pub fn not_there(rng: &mut StdRng) -> f32 {
    draw(NOT_THERE, rng)
}

/// Of what looks like somebody to anybody: a poster, a doll in a shop window.
pub fn poster(rng: &mut StdRng) -> f32 {
    rng.random_range(0.55..0.93)
}

/// The same thing at another look.
pub fn again(score: f32, rng: &mut StdRng) -> f32 {
    (score + rng.random_range(-FROM_LOOK_TO_LOOK..FROM_LOOK_TO_LOOK)).clamp(0.3, 0.95)
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn scores_overlap_as_on_film() {
        let mut rng = StdRng::seed_from_u64(1);
        let many = 20_000;
        let share = |of: fn(&mut StdRng) -> f32, rng: &mut StdRng| {
            (0..many).filter(|_| of(rng) >= 0.65).count() as f32 / many as f32
        };
        let (sure, false_sure) = (share(there, &mut rng), share(not_there, &mut rng));
        assert!((0.38..0.46).contains(&sure) && (0.0005..0.004).contains(&false_sure), "{sure} {false_sure}");
    }
}
