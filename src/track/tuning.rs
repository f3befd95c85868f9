//! Every number of the tracker, in one place. They are the same for every channel, model, clip and look rate.
//!
//! Lengths are in sizes of the object (the side of a square of its area, about two thirds of a standing person's height),
//! times in seconds, beliefs in natural log odds. What they come to: benches/README.md.

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tuning {
    /// Spread of an object's speed, in sizes a second.
    pub speed: f32,
    /// How long a direction is kept.
    pub keeps_s: f32,
    /// Spread of where a detector puts the middle of a box, in sizes.
    pub jitter: f32,
    /// Spread of the logarithms of the width and height that it gives. Widths change with every step.
    pub jitter_w: f32,
    pub jitter_h: f32,
    /// By how much these grow or shrink in a second.
    pub grows: f32,

    /// What it is worth that a box continues a track and does not begin one: the log odds of that before place and size
    /// are looked at, where a box could lie within one size.
    pub goes_on: f32,
    /// The most that place or size may be off, in squared standard deviations.
    pub gate: f32,
    /// Weights of the size's fit and of the box's own evidence.
    pub size_counts: f32,
    pub score_counts: f32,
    /// A confirmed track is the likelier one to go on; one that was lost for long, less so.
    pub confirmed_counts: f32,
    pub lost_per_s: f32,
    /// Looks that are further apart are slow ones, one of which counts as so long; and what it costs to take something for standing between two of them.
    pub slow_s: f32,
    pub stands: f32,

    /// A score that speaks neither for nor against an object, and how much more a greater one says.
    pub even_score: f32,
    pub evidence: f32,
    /// That a box was found again where its track had moved to.
    pub moved: f32,
    /// A move, in sizes: what stays within it stands still.
    pub move_by: f32,
    /// What stood for so long without being confirmed must go so far.
    pub settled_s: f32,
    pub settled_by: f32,
    /// Belief from which a track is confirmed, and below which it is no longer.
    pub confirm: f32,
    pub deny: f32,
    /// More belief is not gathered, so that it can be lost again.
    pub most: f32,
    /// What a look costs that did not find it.
    pub missed: f32,
    /// A box that lies within a better one by this share of the smaller of the two, or within a known object's, is a double
    /// as likely as not, and what that takes from its evidence.
    pub within: f32,
    pub double: f32,
    /// A known object that has no box of its own, was seen so lately, and is expected within another's box by this share, is
    /// hidden there; and how far that box may be off, in sizes.
    pub hidden_s: f32,
    pub hidden: f32,
    pub pooled: f32,
    /// Two objects that might have changed boxes: by this much less likely than that they have not, and it is clear.
    pub clear: f32,
    /// Below this score a box continues a track but begins none.
    pub begins: f32,
    /// How long a track is kept that was never confirmed, or that went over the edge of the picture; it always has one
    /// more look.
    pub weak_gap_s: f32,
}

pub const TUNING: Tuning = Tuning {
    speed: 0.77,
    keeps_s: 5.5,
    jitter: 0.09,
    jitter_w: 0.2,
    jitter_h: 0.1,
    grows: 0.11,
    goes_on: 2.75,
    gate: 15.0,
    size_counts: 0.7,
    score_counts: 0.7,
    confirmed_counts: 1.0,
    lost_per_s: 0.55,
    slow_s: 1.0,
    stands: 1.0,
    even_score: 0.42,
    evidence: 1.1,
    moved: 0.55,
    move_by: 0.2,
    settled_s: 3.0,
    settled_by: 1.0,
    confirm: 1.15,
    deny: -0.6,
    most: 6.0,
    missed: 0.13,
    within: 0.75,
    double: 1.5,
    hidden_s: 1.0,
    hidden: 0.6,
    pooled: 0.3,
    clear: 5.0,
    begins: 0.3,
    weak_gap_s: 1.0,
};
