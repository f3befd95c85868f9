//! The kinds of rules: each judges one look at one place, and remembers of bodies what it needs for that.
//!
//! A kind says what holds, or what has happened; when events start and end is the episode's business. What it remembers
//! is kept by body and goes with the body, so that it is bounded as the scene is.

mod count;
mod crossing;
mod crowd;
mod heading;
mod presence;
mod removed;
mod standing;
mod stay;

use super::{
    episode::{Finding, Pulse},
    filter::Filter,
    geometry,
    place::Place,
    scene::{Body, Scene},
};
use crate::{
    config::{Rule, RuleKind},
    types::{Details, Look, fact::Object},
};

/// What a kind judges by.
pub struct View<'a> {
    pub rule: &'a Rule,
    pub filter: &'a Filter,
    pub place: &'a Place,
    pub scene: &'a Scene,
    pub look: &'a Look,
    /// An event is open.
    pub open: bool,
}

impl View<'_> {
    /// Found in this look and standing in the place.
    fn inside(&self) -> impl Iterator<Item = &Body> {
        self.scene.here().filter(|b| self.place.holds(b.at))
    }

    /// Not only a step away from the edge of the place.
    fn is_clear(&self, body: &Body) -> bool {
        self.place.to_edge(body.at, self.scene.aspect) >= crossing::CLEAR_SIZES * body.size(self.scene.aspect)
    }

    fn goes(&self, body: &Body) -> bool {
        self.filter.goes(body, self.scene.aspect)
    }
}

/// What came of a look.
pub enum Outcome {
    /// Something lasts. It starts when it has held in so many looks in a row.
    Lasting(Finding, u32),
    /// Something has happened.
    Momentary(Vec<Pulse>),
    /// It is counted: the number of the period, and what there is to tell.
    Counting(i64, Finding),
}

impl Outcome {
    /// These are what lasts, so many of them new, and are enough in so many looks.
    fn of(objects: Vec<Object>, more: u32, looks: u32) -> Self {
        let details = Details { present: u32::try_from(objects.len()).ok(), ..Details::default() };
        Outcome::Lasting(Finding { holds: !objects.is_empty(), objects, details, more }, looks)
    }
}

pub trait Kind: std::fmt::Debug + Send {
    fn look(&mut self, view: &View<'_>) -> Outcome;
    /// The rule was not in force: what is remembered of bodies is of another time.
    fn forget(&mut self);
    /// Pictures stopped.
    fn lose(&mut self) {
        self.forget();
    }
    /// True if the look found what the rule has to see more of.
    fn found(&self, view: &View<'_>) -> bool;
}

/// A kind that has seen nothing yet.
pub fn new(rule: &Rule, place: &Place) -> Box<dyn Kind> {
    match (rule.kind, place) {
        (RuleKind::Presence, _) => Box::new(presence::Presence),
        (RuleKind::Intrusion, _) => Box::new(presence::Intrusion::default()),
        (RuleKind::Line, _) | (RuleKind::WrongWay, Place::Line(..)) => Box::new(crossing::Crossing::default()),
        (RuleKind::WrongWay, _) => Box::new(heading::WrongWay::default()),
        (RuleKind::Loitering, _) => Box::new(stay::Loitering::default()),
        (RuleKind::Crowd, _) => Box::new(crowd::Crowd::default()),
        (RuleKind::Absence, _) => Box::new(crowd::Absence::default()),
        (RuleKind::Stopped, _) => Box::new(standing::Stopped::default()),
        (RuleKind::LeftObject, _) => Box::new(standing::Left::default()),
        (RuleKind::RemovedObject, _) => Box::new(removed::Removed::default()),
        (RuleKind::Count, _) => Box::new(count::Count::default()),
    }
}

/// After so long without moving an object no longer asks for more looks.
const STANDS_MS: u64 = 20_000;

/// Something of the rule's is in the picture and moves.
fn anything_moves(view: &View<'_>) -> bool {
    view.scene.here().any(|b| view.filter.keeps(b) && b.still_ms < STANDS_MS)
}

/// The same, in the place.
fn moves_inside(view: &View<'_>) -> bool {
    view.inside().any(|b| view.filter.keeps(b) && b.still_ms < STANDS_MS)
}

/// Who is so near a thing, in his own sizes, has not left it.
const NEAR_SIZES: f32 = 1.0;

/// Those to whom things belong, with those who were lost a moment ago.
fn owners<'a>(view: &View<'a>) -> impl Iterator<Item = &'a Body> {
    let labels = &view.rule.owner_labels;
    view.scene.all().iter().filter(|b| labels.iter().any(|l| **l == *b.label))
}

fn is_near(owner: &Body, body: &Body, aspect: f32) -> bool {
    owner.id != body.id && geometry::distance(owner.at, body.at, aspect) < NEAR_SIZES * owner.size(aspect)
}

/// What is remembered of bodies, by their ids. A channel has few, so a list is quicker than a table.
#[derive(Debug)]
struct Of<T>(Vec<(u64, T)>);

impl<T> Default for Of<T> {
    fn default() -> Self {
        Of(Vec::new())
    }
}

impl<T: Default> Of<T> {
    fn get(&self, id: u64) -> Option<&T> {
        self.0.iter().find(|(of, _)| *of == id).map(|(_, value)| value)
    }

    /// What is remembered, or a new page.
    fn of(&mut self, id: u64) -> &mut T {
        let at = self.0.iter().position(|(of, _)| *of == id).unwrap_or_else(|| {
            self.0.push((id, T::default()));
            self.0.len() - 1
        });
        &mut self.0[at].1
    }

    fn take(&mut self, id: u64) -> Option<T> {
        let at = self.0.iter().position(|(of, _)| *of == id)?;
        Some(self.0.swap_remove(at).1)
    }

    /// Forgets bodies that are gone.
    fn tidy(&mut self, scene: &Scene) {
        if !scene.gone().is_empty() {
            self.0.retain(|(id, _)| scene.gone().iter().all(|b| b.id != *id));
        }
    }

    fn clear(&mut self) {
        self.0.clear();
    }
}
