//! `skyeye bench day`: what of a district's day comes before a person, and whether anything true is missing.
//!
//! A day of 6,314 channels is made by chance from a seed: flicker, wind in trees, rain, lights, two recorders that fall,
//! staff and passers-by, and true happenings of every type of rule in the midst of that, one of them a burglary. Its events
//! enter the alert stage as the rules' output does, with the time simulated, and at each position somebody works through
//! what comes. Two days of the same site go before, not judged, since a site is new but once: the same channels are noisy on
//! them, and what people made of that is what a gateway learns. What the first day was like is told beside.
//! The generator (`world`, `noise`, `ordinary`, `truth`) shares no code with `alert`, and the score looks up
//! for itself which position is responsible. Five seeds are played; the worst is told. A foreign day comes with `--input`.

mod input;
mod noise;
mod operator;
mod ordinary;
mod score;
mod scores;
mod script;
mod truth;
mod world;

use std::path::PathBuf;

use clap::Args;
use rand::{SeedableRng, rngs::StdRng};
use serde_json::{Value, json};

use self::{
    score::{Outcome, Score},
    script::{DAY, MIDNIGHT, Script},
    world::World,
};
use super::{Report, Setting};
use crate::types::Wall;

/// Seeds of one run, from `--seed` on.
const SEEDS: u64 = 5;
/// Days that a site has been watched before the one that is judged.
const BEFORE: u64 = 2;
/// Alerts a position and day that a person can work through.
const MOST: f64 = 150.0;

#[derive(Debug, Clone, Args)]
pub struct DayArgs {
    /// A day from elsewhere: JSON lines of event payloads with at_ms and truth
    #[arg(long, value_name = "FILE")]
    input: Option<PathBuf>,
    /// Write the day of --seed as such a file, and play only that
    #[arg(long, value_name = "FILE", conflicts_with = "input")]
    write: Option<PathBuf>,
}

pub fn run(setting: &Setting, args: &DayArgs) -> anyhow::Result<Report> {
    if let Some(path) = &args.input {
        let (items, wall) = input::read(path)?;
        let mut config = setting.config.clone();
        if config.position.is_empty() {
            config.position = input::positions(&items)?;
        }
        let (first, last) = (items[0].at_ms, items[items.len() - 1].at_ms);
        let mut score = Score::new(&config, &config.position, (first, wall))?;
        score.play(&items);
        let outcome = score.finish(last)?;
        return Ok(report(&outcome, 1).with("input", path.display().to_string()));
    }
    let world = World::new()?;
    let mut worst: Option<(u64, Outcome)> = None;
    let mut each = Worst::default();
    let seeds = if args.write.is_some() { 1 } else { SEEDS };
    for seed in (0..seeds).map(|n| setting.common.seed.wrapping_add(n)) {
        let (script, company) = days(&world, seed, BEFORE)?;
        let items = script.finish();
        if let Some(path) = &args.write {
            write(path, &items)?;
        }
        let mut config = setting.config.clone();
        config.position.clone_from(&world.positions);
        let mut score = Score::new(&config, &world.positions, (0, Wall(MIDNIGHT)))?;
        let mut first = Outcome::default();
        let mut rest = &items[..];
        for day in 1..=BEFORE {
            let (of_day, later) = rest.split_at(rest.partition_point(|i| i.at_ms < day * DAY));
            score.play(of_day);
            let outcome = score.next_day(day * DAY)?;
            if day == 1 {
                first = outcome;
            }
            rest = later;
        }
        score.play(rest);
        let outcome = score.finish((BEFORE + 1) * DAY)?;
        setting.say(&format!(
            "day: seed {seed}: the first day, when nothing was known of the site: {:.1} told a position (worst {:.0}), {} \
             flooded windows, {} of {} true suppressed",
            first.per_position_day(),
            first.worst().1,
            first.flooded,
            first.suppressed.len(),
            first.happenings,
        ));
        let company: Vec<_> = company.iter().map(|(w, n)| format!("{} {n}", w.as_str())).collect();
        setting.say(&format!(
            "day: seed {seed}: {} events, {} alerts, {:.1} told a position (worst {:.0}), {} flooded windows, {} of {} true \
             suppressed ({}), burglary {:?} s",
            outcome.events,
            outcome.alerts,
            outcome.per_position_day(),
            outcome.worst().1,
            outcome.flooded,
            outcome.suppressed.len(),
            outcome.happenings,
            company.join(", "),
            outcome.burglary_s,
        ));
        each.take(&outcome);
        each.first_day = each.first_day.max(first.worst().1);
        each.first_day_suppressed = each.first_day_suppressed.max(first.suppressed.len());
        if worst.as_ref().is_none_or(|(_, w)| badness(&outcome) > badness(w)) {
            worst = Some((seed, outcome));
        }
    }
    let (seed, outcome) = worst.unwrap_or_default();
    Ok(each.tell(report(&outcome, seeds)).with("seed", seed).with("channels", world::CHANNELS))
}

/// The worst of every figure that is judged, whichever seed it is of.
#[derive(Default)]
struct Worst {
    alerts: f64,
    flood_share: f64,
    suppressed: usize,
    burglary_s: Option<f64>,
    /// In one of them it never came to the top.
    unseen: bool,
    /// Of the first day of the site.
    first_day: f64,
    first_day_suppressed: usize,
}

impl Worst {
    fn take(&mut self, o: &Outcome) {
        self.alerts = self.alerts.max(o.worst().1);
        self.flood_share = self.flood_share.max(o.flood_share());
        self.suppressed = self.suppressed.max(o.suppressed.len());
        self.burglary_s = Some(self.burglary_s.unwrap_or(0.0).max(o.burglary_s.unwrap_or(0.0)));
        self.unseen |= o.burglary_s.is_none();
    }

    fn tell(self, mut report: Report) -> Report {
        report.value = self.alerts;
        let burglary = self.burglary_s.filter(|_| !self.unseen);
        report
            .with("alerts_per_position_day", self.alerts)
            .with("flood_share", self.flood_share)
            .with("true_suppressed", self.suppressed)
            .with("burglary_seconds", burglary.map_or(Value::Null, |s| json!(s)))
            .with("first_day_alerts_per_position", self.first_day)
            .with("first_day_true_suppressed", self.first_day_suppressed)
    }
}

/// What is worse comes first: something true missed, then floods, then mere numbers.
fn badness(o: &Outcome) -> (usize, u64, u64) {
    let late = o.burglary_s.is_none_or(|s| s > 5.0);
    (o.suppressed.len() + usize::from(late), o.flooded, o.worst().1 as u64)
}

/// The day that is judged, behind `before` days of the same site on which the same channels are noisy.
fn days(world: &World, seed: u64, before: u64) -> anyhow::Result<(Script, Vec<(truth::Where, usize)>)> {
    let mut script = Script::default();
    for day in (1..=before).rev() {
        let mut rng = StdRng::seed_from_u64(seed ^ day << 32);
        let noisy = noise::fill(world, seed, &mut script, &mut rng)?;
        truth::fill(world, &noisy, &mut script, &mut rng)?;
        script.next_day();
    }
    let mut rng = StdRng::seed_from_u64(seed);
    let noisy = noise::fill(world, seed, &mut script, &mut rng)?;
    let company = truth::fill(world, &noisy, &mut script, &mut rng)?;
    truth::burglary(world, &noisy, &mut script, &mut rng)?;
    Ok((script, company))
}

/// As `--input` reads it.
fn write(path: &std::path::Path, items: &[script::Item]) -> anyhow::Result<()> {
    use std::io::Write;
    let mut file = std::io::BufWriter::new(std::fs::File::create(path)?);
    for item in items {
        let line = match &item.what {
            script::What::Event { event, truth } => {
                let mut line = serde_json::to_value(event)?;
                line["at_ms"] = json!(item.at_ms);
                line["truth"] = json!(truth);
                line
            }
            script::What::Shelve { key, minutes } => json!({ "at_ms": item.at_ms, "shelve": key, "minutes": minutes }),
        };
        serde_json::to_writer(&mut file, &line)?;
        file.write_all(b"\n")?;
    }
    Ok(file.flush()?)
}

/// The rules and zones that told most.
fn most(of: &std::collections::BTreeMap<String, u64>) -> Vec<(&str, u64)> {
    let mut list: Vec<(&str, u64)> = of.iter().map(|(rule, n)| (rule.as_str(), *n)).collect();
    list.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
    list.truncate(15);
    list
}

fn report(o: &Outcome, seeds: u64) -> Report {
    let (worst, alerts) = o.worst();
    let shown: u64 = o.mix.iter().sum::<u64>().max(1);
    let share = |n: u64| (n as f64 / shown as f64 * 1000.0).round() / 1000.0;
    let mix = json!({
        "low": share(o.mix[0]), "medium": share(o.mix[1]), "high": share(o.mix[2]), "critical": share(o.mix[3]),
    });
    let missed: Vec<Value> = o.suppressed.iter().take(20).map(|s| json!(s)).collect();
    Report::new("day", alerts, MOST, "alerts a position a day, of the worst position")
        .with("alerts_per_position_day", alerts)
        .with("mean_of_positions", o.per_position_day())
        .with("worst_position", worst)
        .with("worst_position_alerts", alerts)
        .with("per_position", json!(o.per_position))
        .with("flood_share", o.flood_share())
        .with("true_happenings", o.happenings)
        .with("true_suppressed", o.suppressed.len())
        .with("suppressed", missed)
        .with("burglary_seconds", o.burglary_s.map_or(Value::Null, |s| json!(s)))
        .with("events", o.events)
        .with("alerts", o.alerts)
        .with("rows", o.rows)
        .with("raised", o.raised)
        .with("told_of_truth", o.of_truth)
        .with("told_most_by", json!(most(&o.of_source)))
        .with("brief", o.brief)
        .with("explained", o.explained)
        .with("chattering_sources", o.chattering)
        .with("shelved", o.shelved)
        .with("handled", o.handled)
        .with("priorities", mix)
        .with("without_one_position", o.homeless)
        .with("refused", o.refused)
        .with("seeds", seeds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_is_a_day_and_every_type_happens_twenty_times() {
        let world = World::new().unwrap();
        let mut days = [1, 1, 2].map(|seed| {
            let (script, _) = days(&world, seed, 0).unwrap();
            script.finish()
        });
        let text = |items: &[script::Item]| format!("{:?}", &items[..2000]);
        assert_eq!(text(&days[0]), text(&days[1]));
        assert_ne!(text(&days[0]), text(&days[2]));
        let mut of_kind = std::collections::BTreeMap::<String, std::collections::BTreeSet<String>>::new();
        for item in days[0].drain(..) {
            if let script::What::Event { event, truth: Some(truth) } = item.what {
                of_kind.entry(event.kind.clone()).or_default().insert(truth);
            }
        }
        assert_eq!(of_kind.len(), truth::KINDS.len());
        assert!(of_kind.values().all(|h| h.len() >= 20), "{of_kind:?}");
    }
}
