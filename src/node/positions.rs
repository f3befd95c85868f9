//! Positions as the web shows them: the book's state of each, its name, and its open rows as far as a login may see them.

use crate::{
    config::Config,
    outbox::OpenRows,
    types::{Severity, position::PositionState},
    web::{
        auth::ListProof,
        ports::{PositionView, RowsView},
    },
};

/// In the order of the configuration. A digest names only rows that the login may see.
pub fn views(config: &Config, states: Vec<PositionState>, rows: &[OpenRows], proof: &ListProof) -> Vec<PositionView> {
    states
        .into_iter()
        .map(|state| {
            let configured = config.position.iter().find(|p| p.id == state.id);
            let name = configured.map(|p| p.name.as_str()).filter(|n| !n.is_empty());
            let mut digest = state.digest;
            if let Some(digest) = &mut digest {
                digest.leads.retain(|lead| proof.covers(&lead.area));
            }
            let own = rows.iter().filter(|r| r.position == state.id && proof.covers(&r.area));
            let rows = own.fold(RowsView::default(), add);
            PositionView {
                name: name.map_or_else(|| state.id.to_string(), str::to_owned),
                areas: configured.map(|p| p.areas.clone()).unwrap_or_default(),
                escalate_to: configured.and_then(|p| p.escalate_to.clone()),
                id: state.id,
                flood: state.flood,
                digest,
                rows,
            }
        })
        .collect()
}

fn add(mut sum: RowsView, rows: &OpenRows) -> RowsView {
    let of = match rows.priority {
        Severity::Low => &mut sum.low,
        Severity::Medium => &mut sum.medium,
        Severity::High => &mut sum.high,
        Severity::Critical => &mut sum.critical,
    };
    *of += rows.rows;
    sum.waiting += rows.waiting;
    sum.escalated += rows.escalated;
    sum
}
