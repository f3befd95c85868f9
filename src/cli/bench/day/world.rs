//! The district in which a day is played: areas, recorders, channels, positions.

use rand::{Rng, rngs::StdRng};

use crate::{
    config::Position,
    types::{AreaId, ChannelId, PositionId},
};

/// The reference district.
pub const CHANNELS: usize = 6314;
const STREETS: usize = 8;
const COMMUNITIES: usize = 26;
/// Of one community.
const GRIDS: usize = 24;
const PER_RECORDER: usize = 32;
pub const POSITIONS: usize = 4;

/// A channel and where it hangs.
#[derive(Debug, Clone)]
pub struct Channel {
    pub id: ChannelId,
    pub area: Vec<AreaId>,
    pub recorder: String,
    pub street: usize,
}

#[derive(Debug)]
pub struct World {
    pub channels: Vec<Channel>,
    pub positions: Vec<Position>,
}

impl World {
    /// Always the same: the seed draws what happens, not where.
    pub fn new() -> anyhow::Result<Self> {
        let mut channels = Vec::with_capacity(CHANNELS);
        for n in 0..CHANNELS {
            // Channels stand in their community one after the other, so that a recorder serves neighbours.
            let community = n * COMMUNITIES / CHANNELS;
            let of_community = n - community * CHANNELS / COMMUNITIES;
            let grid = of_community * GRIDS * COMMUNITIES / CHANNELS;
            let street = community * STREETS / COMMUNITIES;
            let area = [
                "district".to_owned(),
                format!("street-{street}"),
                format!("community-{community}"),
                format!("grid-{community}-{grid}"),
            ];
            channels.push(Channel {
                id: ChannelId::new(&format!("ch-{n}"))?,
                area: area.iter().map(|a| AreaId::new(a)).collect::<Result<_, _>>()?,
                recorder: format!("10.{community}.{}.2", of_community / PER_RECORDER),
                street,
            });
        }
        let position = |n: usize| {
            let streets = (0..STREETS).filter(|s| s * POSITIONS / STREETS == n);
            Ok(Position {
                id: PositionId::new(&format!("position-{}", n + 1))?,
                name: String::new(),
                areas: streets.map(|s| AreaId::new(&format!("street-{s}"))).collect::<Result<_, _>>()?,
                escalate_to: None,
            })
        };
        let positions = (0..POSITIONS).map(position).collect::<anyhow::Result<_>>()?;
        Ok(Self { channels, positions })
    }

    pub fn any(&self, rng: &mut StdRng) -> usize {
        rng.random_range(0..self.channels.len())
    }

    /// Another channel of the same grid, or itself where it stands alone.
    pub fn neighbour(&self, of: usize, rng: &mut StdRng) -> usize {
        let grid = self.channels[of].area.last();
        let near: Vec<usize> = (of.saturating_sub(40)..(of + 40).min(self.channels.len()))
            .filter(|n| *n != of && self.channels[*n].area.last() == grid)
            .collect();
        if near.is_empty() { of } else { near[rng.random_range(0..near.len())] }
    }

    /// The channels of the recorder that serves this one.
    pub fn of_recorder(&self, of: usize) -> Vec<usize> {
        let recorder = &self.channels[of].recorder;
        (0..self.channels.len()).filter(|n| self.channels[*n].recorder == *recorder).collect()
    }
}
