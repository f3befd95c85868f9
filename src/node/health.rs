//! Once a second: states and conditions of all channels go to the rule that makes events of them, and those to the pump.

use std::{sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;

use crate::{
    channel::Entry,
    node::{Inner, pump::Item, tick},
    rule::health::{Fact, Health, Matter, Member, Sight},
};

const TICK: Duration = Duration::from_secs(1);

/// Tells until `stop`, and then ends what is open.
pub async fn tell(inner: Arc<Inner>, stop: CancellationToken) {
    let config = inner.config.load().alert.clone();
    if !config.health {
        return;
    }
    let mut health = Health::new(&config);
    let mut channels: Vec<Arc<Entry>> = Vec::new();
    let mut tick = tokio::time::interval(TICK);
    while tick::next(&mut tick, &stop).await {
        let now = inner.clock.now();
        let mut all = inner.registry.channels();
        all.retain(|e| e.config.enabled);
        let same = all.len() == channels.len() && all.iter().zip(&channels).all(|(a, b)| Arc::ptr_eq(a, b));
        let mut facts = Vec::new();
        if !same {
            channels = all;
            facts = health.enroll(channels.iter().map(|e| member(e)).collect(), now);
        }
        let sights: Vec<Sight> = channels.iter().map(|e| sight(e)).collect();
        facts.extend(
            health.tick(&sights, now, &|at, matter| channels.get(at).map_or_else(String::new, |e| reason(e, matter))),
        );
        metrics::gauge!("skyeye_rule_health_events").set(health.open() as f64);
        put(&inner, facts).await;
    }
    put(&inner, health.finish(inner.clock.now())).await;
}

async fn put(inner: &Inner, facts: Vec<Fact>) {
    for Fact { event, area } in facts {
        let entry = inner.registry.get(&event.channel);
        let recorder = entry.as_ref().and_then(|e| e.config.host());
        let channel_name = entry.map_or_else(|| event.channel.to_string(), |e| e.config.display_name().to_owned());
        let item = Item { event, snapshot: None, channel_name, area, skew_ms: None, recorder };
        if !inner.pump.put(item).await {
            tracing::warn!(
                "an event of health came after the node began to stop; the next start ends it as interrupted"
            );
        }
    }
}

fn member(entry: &Entry) -> Member {
    // As the governor counts hosts: a recorder is one, whatever its ports.
    Member { id: entry.config.id.clone(), host: entry.config.host().unwrap_or_default(), area: entry.area.clone() }
}

fn sight(entry: &Entry) -> Sight {
    let (state, conditions) = entry.sight();
    Sight { state, conditions }
}

/// What health says of the matter.
fn reason(entry: &Entry, matter: Matter) -> String {
    let health = entry.health();
    match matter {
        Matter::Down => health.reason,
        Matter::Condition(kind) => {
            health.conditions.into_iter().find(|c| c.kind == kind).map(|c| c.reason).unwrap_or_default()
        }
    }
}
