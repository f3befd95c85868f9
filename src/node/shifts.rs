//! Positions and their shifts, as `web` asks for them: over the database and the configuration that runs, nothing else of
//! the node. `numbers` counts, `handover` hands over.

use std::{collections::HashMap, sync::Arc};

use sqlx::{Sqlite, pool::PoolConnection};
use tokio::sync::Semaphore;

use crate::{
    config::{self, Config},
    store::{
        Store, StoreError,
        handovers::{Handovers, Hangs},
    },
    types::{AreaId, ChannelId, Clock, PositionId, Wall},
    web::{
        auth::ListProof,
        ports::{HandoverPlace, PortError, Reach, numbers::Chosen},
    },
};

/// A shift where nothing tells when it began.
const SHIFT_MS: i64 = 8 * 3_600_000;
/// A handover longer ago than this is not where the present shift began.
const LONGEST_SHIFT_MS: i64 = 16 * 3_600_000;
/// The position of a site that names none.
const ONLY: &str = "desk";

/// Counts that run at one time: a month takes seconds, and the lists need the other connections.
const COUNTS: usize = 2;

/// Gives the configuration that runs.
pub type Running = Box<dyn Fn() -> Arc<Config> + Send + Sync>;

pub struct Shifts {
    pub(super) store: Store,
    pub(super) handovers: Handovers,
    pub(super) clock: Clock,
    pub(super) counts: Semaphore,
    running: Running,
}

/// Where a span lies, and why there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lies {
    pub from: Wall,
    pub to: Wall,
    pub chosen: Chosen,
}

impl Shifts {
    pub fn new(store: Store, clock: Clock, running: Running) -> Self {
        Self { handovers: Handovers::new(&store), store, clock, counts: Semaphore::new(COUNTS), running }
    }

    pub(super) fn config(&self) -> Arc<Config> {
        (self.running)()
    }

    pub(super) async fn reader(&self) -> Result<PoolConnection<Sqlite>, StoreError> {
        self.store.reader().acquire().await.map_err(|e| self.store.read_error(e))
    }

    /// What a position answers for; `None`: there is no such position.
    pub fn reach(&self, id: &PositionId) -> Option<Reach> {
        let config = self.config();
        if config.position.is_empty() {
            return (id.as_str() == ONLY).then_some(Reach::Rest);
        }
        let position = config.position.iter().find(|p| p.id == *id)?;
        Some(reach_of(&config, position))
    }

    pub async fn place(&self, id: i64) -> Result<Option<HandoverPlace>, PortError> {
        let hangs = self.handovers.hangs(id).await.map_err(|e| PortError(e.to_string()))?;
        Ok(hangs.map(|Hangs { areas, draft_of, .. }| HandoverPlace {
            reach: areas.map_or(Reach::Rest, Reach::Areas),
            draft_of,
        }))
    }

    /// Where the present shift lies, or the span that is asked for.
    pub(super) async fn lies(
        &self,
        position: Option<&PositionId>,
        from: Option<Wall>,
        to: Option<Wall>,
    ) -> Result<Lies, StoreError> {
        let now = self.clock.wall();
        let to_then = to.unwrap_or(now).min(now);
        if let Some(from) = from {
            return Ok(Lies { from, to: to_then, chosen: Chosen::Asked });
        }
        if to.is_some() {
            return Ok(Lies { from: Wall(to_then.0 - SHIFT_MS), to: to_then, chosen: Chosen::Asked });
        }
        let last = match position {
            Some(position) => self.handovers.last(position).await?,
            None => None,
        };
        let began = last.map(|l| l.to).filter(|at| (1..=LONGEST_SHIFT_MS).contains(&(now.0 - at.0)));
        Ok(match began {
            Some(from) => Lies { from, to: now, chosen: Chosen::Shift },
            None => Lies { from: Wall(now.0 - SHIFT_MS), to: now, chosen: Chosen::Hours },
        })
    }
}

fn reach_of(config: &Config, position: &config::Position) -> Reach {
    if position.areas.is_empty() {
        return Reach::Rest;
    }
    let paths = config.area_paths();
    Reach::Areas(position.areas.iter().map(|a| paths.to(a)).collect())
}

/// Positions that answer for something that the proof covers: id and name.
pub(super) fn relevant(config: &Config, proof: &ListProof) -> Vec<(PositionId, String)> {
    if config.position.is_empty() {
        return PositionId::new(ONLY).map(|id| vec![(id, String::new())]).unwrap_or_default();
    }
    let paths = config.area_paths();
    // What stands above a login's areas answers for them, unless somebody nearer does.
    let above: Vec<Option<&PositionId>> =
        proof.areas().unwrap_or_default().iter().map(|root| of(config, &paths.to(root))).collect();
    let answers = |p: &config::Position| {
        proof.areas().is_none()
            || above.contains(&Some(&p.id))
            || p.areas.iter().any(|area| proof.covers(&paths.to(area)))
    };
    let named =
        |p: &config::Position| (p.id.clone(), if p.name.is_empty() { p.id.to_string() } else { p.name.clone() });
    config.position.iter().filter(|p| answers(p)).map(named).collect()
}

/// The position that answers for this path: that of the nearest area, else the one that takes the rest, else the first.
fn of<'a>(config: &'a Config, path: &[AreaId]) -> Option<&'a PositionId> {
    let nearest = path.iter().rev().find_map(|area| config.position.iter().find(|p| p.areas.contains(area)));
    let rest = || config.position.iter().find(|p| p.areas.is_empty()).or(config.position.first());
    nearest.or_else(rest).map(|p| &p.id)
}

/// What people call these channels; the id of what is not configured any more.
pub(super) struct Names(HashMap<ChannelId, String>);

impl Names {
    pub fn of<'a>(config: &Config, ids: impl Iterator<Item = &'a ChannelId>) -> Self {
        let mut names: HashMap<ChannelId, String> = ids.map(|id| (id.clone(), id.to_string())).collect();
        for channel in &config.channel {
            if let Some(name) = names.get_mut(&channel.id) {
                channel.display_name().clone_into(name);
            }
        }
        Self(names)
    }

    pub fn get(&self, id: &ChannelId) -> String {
        self.0.get(id).cloned().unwrap_or_else(|| id.to_string())
    }
}
