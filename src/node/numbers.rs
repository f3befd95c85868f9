//! The numbers of a span: counted by `store::numbers` in one transaction, judged here against their targets.
//!
//! The targets an hour, a window (of ten minutes, as `alert.flood_window_s` is by default), of a flood, of stale rows and of the ten worst sources are those of ISA-18.2 and EEMUA 191
//! for one operator; those of false rows and of rows taken in time are our own.

use futures_util::future::{BoxFuture, FutureExt};
use sqlx::Connection;

use super::shifts::{Lies, Names, Shifts, relevant};
use crate::{
    config::{self, Config},
    store::{
        StoreError,
        numbers::{self as counted, Span},
    },
    types::{AreaId, ChannelId, PositionId, Severity, Wall},
    web::{
        auth::ListProof,
        ports::{
            PortError,
            numbers::{
                AsideGroup, AsideView, Chatterer, ChatteringView, FalseView, Figure, Figures, JudgedPosition,
                JudgedView, Numbers, NumbersAsk, NumbersError, PriorityView, RuleShare, SourceView, StaleRow,
                StaleView, TimesView, Took, TopView, WindowsView,
            },
        },
    },
};

/// The longest span that is counted at once.
const MAX_SPAN_MS: i64 = 31 * 86_400_000;
const STALE_MS: i64 = 86_400_000;
/// Too short to say anything an hour; too few rows to say anything of priorities, of sources, of results, of times.
const SHORT_MS: i64 = 1_800_000;
const FEW_ROWS: u64 = 20;
const FEW_SOURCES: u64 = 200;
const FEW_RESULTS: u64 = 10;
const FEW_DUE: u64 = 5;
const TOP: u32 = 10;
const RULES: u32 = 20;
const CHATTERERS: u32 = 20;
const STALE_ROWS: u32 = 50;
/// Windows told one by one, a month of those of ten minutes.
const WINDOWS: u64 = 4464;
/// The standards count a mean in ten minutes, however long a flood's window is here.
const MEAN_MS: u64 = 600_000;

/// All that was counted.
struct Counted {
    totals: counted::Totals,
    windows: Vec<counted::Window>,
    sources: Vec<counted::Source>,
    rules: Vec<(crate::types::RuleId, u64, counted::Judged)>,
    times: counted::Times,
    aside: Vec<counted::Aside>,
    held_back: u64,
    chattering: (u64, Vec<(ChannelId, crate::types::RuleId, u64)>),
    stale: (u64, Vec<counted::Stale>),
}

impl Shifts {
    /// Of a position, or with `None` of all that the areas (`None`: all) hold.
    pub(super) async fn count(
        &self,
        config: &Config,
        position: Option<&PositionId>,
        positions: u32,
        areas: Option<&[AreaId]>,
        lies: Lies,
    ) -> Result<Numbers, StoreError> {
        let span = Span { from: lies.from, to: lies.to, position, areas };
        let counted = self.counted(config, span).await.map_err(|e| match e {
            StoreError::Database(e) => self.store.read_error(e),
            e => e,
        })?;
        Ok(judged(config, position, positions, lies, counted))
    }

    async fn counted(&self, config: &Config, span: Span<'_>) -> Result<Counted, StoreError> {
        let now = self.clock.wall();
        let due =
            [config.alert.due_low_s, config.alert.due_medium_s, config.alert.due_high_s, config.alert.due_critical_s];
        // Never closed; a failure would only mean that nobody is kept waiting.
        let _turn = self.counts.acquire().await.ok();
        let mut conn = self.reader().await?;
        // One view of the database for all of them.
        let mut tx = conn.begin().await?;
        let (aside, held_back) = counted::aside(&mut tx, span).await?;
        let stale = Span { from: Wall(i64::MIN), to: Wall(now.0 - STALE_MS), ..span };
        Ok(Counted {
            totals: counted::totals(&mut tx, span).await?,
            windows: counted::windows(
                &mut tx,
                span,
                i64::from(config.alert.flood_window_s) * 1000,
                config.alert.flood_alerts,
            )
            .await?,
            sources: counted::sources(&mut tx, span, TOP).await?,
            rules: counted::rules(&mut tx, span, RULES).await?,
            times: counted::times(&mut tx, span, due.map(|s| i64::from(s) * 1000), now).await?,
            aside,
            held_back,
            chattering: counted::chattering(&mut tx, span, CHATTERERS).await?,
            stale: counted::stale(&mut tx, stale, STALE_ROWS).await?,
        })
    }
}

#[allow(clippy::cast_precision_loss)] // counts are far below 2^52
fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

#[allow(clippy::cast_precision_loss)]
fn float(n: u64) -> f64 {
    n as f64
}

fn judged_view(j: counted::Judged) -> JudgedView {
    JudgedView { judged: j.judged, wrong: j.wrong, nuisance: j.nuisance }
}

fn took(t: counted::Taken) -> Took {
    Took { rows: t.count, p50_ms: t.p50_ms, p90_ms: t.p90_ms, max_ms: t.max_ms }
}

fn judged(config: &Config, position: Option<&PositionId>, positions: u32, lies: Lies, c: Counted) -> Numbers {
    let names = Names::of(
        config,
        (c.sources.iter().map(|s| &s.channel))
            .chain(c.chattering.1.iter().map(|(channel, ..)| channel))
            .chain(c.stale.1.iter().map(|s| &s.channel)),
    );
    let rows = c.totals.rows;
    let span_ms = u64::try_from(lies.to.0 - lies.from.0).unwrap_or(0);
    let desks = u64::from(positions.max(1));
    let long = lies.to.0 - lies.from.0 >= SHORT_MS;
    let per = |ms: u64| float(rows) * float(ms) / float(span_ms.max(1)) / float(desks);
    let top_rows = c.sources.iter().map(|s| s.rows).sum();
    Numbers {
        from: lies.from,
        to: lies.to,
        chosen: lies.chosen,
        position: position.cloned(),
        positions: positions.max(1),
        rows,
        rows_per_hour: Figure::most(per(3_600_000), 6.0, 12.0, long),
        windows: windows(&config.alert, &c.windows, lies, desks, per(MEAN_MS), long),
        stale: StaleView {
            count: Figure::most(float(c.stale.0), 4.0, 10.0, true),
            rows: c.stale.1.into_iter().map(|s| stale_row(s, &names)).collect(),
        },
        chattering: ChatteringView {
            count: Figure::most(float(c.chattering.0), 0.0, 3.0, true),
            sources: (c.chattering.1.into_iter())
                .map(|(channel, rule, alerts)| Chatterer { channel_name: names.get(&channel), channel, rule, alerts })
                .collect(),
        },
        top: TopView {
            // Of few rows ten sources are most of them however evenly they come.
            share: Figure::most(ratio(top_rows, rows), 0.05, 0.2, rows >= FEW_SOURCES),
            sources: c.sources.into_iter().map(|s| source(s, rows, &names)).collect(),
        },
        priorities: priorities(c.totals.by_priority, rows),
        times: TimesView {
            acknowledge: took(c.times.acknowledged),
            resolve: took(c.times.resolved),
            due: c.times.due,
            in_time: c.times.in_time,
            in_time_share: Figure::least(ratio(c.times.in_time, c.times.due), 0.95, 0.8, c.times.due >= FEW_DUE),
        },
        wrong: FalseView {
            share: Figure::most(
                ratio(c.totals.judged.wrong, c.totals.judged.judged),
                0.2,
                0.5,
                c.totals.judged.judged >= FEW_RESULTS,
            ),
            judged: judged_view(c.totals.judged),
            rules: (c.rules.into_iter())
                .map(|(rule, rows, judged)| RuleShare { rule, rows, judged: judged_view(judged) })
                .collect(),
        },
        aside: aside(c.aside, c.held_back),
    }
}

fn windows(
    config: &config::Alert,
    found: &[counted::Window],
    lies: Lies,
    desks: u64,
    mean: f64,
    long: bool,
) -> WindowsView {
    let (flood, seconds) = (config.flood_alerts, config.flood_window_s);
    let window = i64::from(seconds.max(1)) * 1000;
    // The first and the last one may reach beyond the span.
    let count = u64::try_from((lies.to.0 - 1) / window - lies.from.0 / window + 1).unwrap_or(0);
    let together = count.div_ceil(WINDOWS).max(1);
    let mut rows = vec![0; usize::try_from(count.div_ceil(together)).unwrap_or(0)];
    for w in found {
        if let Some(slot) = usize::try_from(w.index / together).ok().and_then(|i| rows.get_mut(i)) {
            *slot = u32::try_from(w.rows).unwrap_or(u32::MAX).max(*slot);
        }
    }
    let largest = found.iter().map(|w| w.largest).max().unwrap_or(0);
    let flooded = found.iter().map(|w| w.flooded).sum();
    WindowsView {
        seconds,
        together: u32::try_from(together).unwrap_or(u32::MAX),
        flood_alerts: flood,
        rows,
        largest: Figure::most(float(largest), f64::from(flood), f64::from(flood) * 2.0, true),
        mean: Figure::most(mean, 1.0, 2.0, long),
        flooded: Figure::most(ratio(flooded, count * desks), 0.01, 0.05, long),
    }
}

fn stale_row(s: counted::Stale, names: &Names) -> StaleRow {
    StaleRow {
        id: s.id,
        channel_name: names.get(&s.channel),
        channel: s.channel,
        rule: s.rule,
        kind: s.kind,
        state: s.state,
        priority: s.priority,
        owner: s.owner,
        since: s.since,
    }
}

fn source(s: counted::Source, rows: u64, names: &Names) -> SourceView {
    SourceView {
        channel_name: names.get(&s.channel),
        channel: s.channel,
        rule: s.rule,
        kind: s.kind,
        rows: s.rows,
        share: ratio(s.rows, rows),
        judged: judged_view(s.judged),
    }
}

fn priorities([low, medium, high, critical]: [u64; 4], rows: u64) -> Vec<PriorityView> {
    let enough = rows >= FEW_ROWS;
    let share = |n| ratio(n, rows);
    vec![
        PriorityView { priority: Severity::Low, rows: low, share: Figure::least(share(low), 0.8, 0.6, enough) },
        PriorityView {
            priority: Severity::Medium,
            rows: medium,
            share: Figure::most(share(medium), 0.15, 0.3, enough),
        },
        PriorityView {
            priority: Severity::High,
            rows: high,
            share: Figure::most(share(high + critical), 0.05, 0.15, enough),
        },
        PriorityView {
            priority: Severity::Critical,
            rows: critical,
            share: Figure::most(share(critical), 0.01, 0.05, enough),
        },
    ]
}

fn aside(groups: Vec<counted::Aside>, held_back: u64) -> AsideView {
    let of = |how: &str| groups.iter().filter(|g| g.how == how).map(|g| g.alerts).sum();
    AsideView {
        held: of("held"),
        under: of("under"),
        brief: of("brief"),
        held_back,
        groups: (groups.into_iter())
            .map(|counted::Aside { how, because, alerts }| AsideGroup { how, because, alerts })
            .collect(),
    }
}

impl Figures for Shifts {
    fn numbers<'a>(&'a self, proof: &'a ListProof, ask: NumbersAsk) -> BoxFuture<'a, Result<Numbers, NumbersError>> {
        async move {
            let config = self.config();
            let failed = |e: StoreError| match e {
                StoreError::TimeLimit { .. } => NumbersError::Invalid(format!("from: {e}")),
                e => PortError(e.to_string()).into(),
            };
            let lies = self.lies(ask.position.as_ref(), ask.from, ask.to).await.map_err(failed)?;
            if lies.from >= lies.to {
                return Err(NumbersError::Invalid("from: is not before to, or lies in the future".into()));
            }
            if lies.to.0.saturating_sub(lies.from.0) > MAX_SPAN_MS {
                return Err(NumbersError::Invalid("from: is over 31 days before to; ask for less".into()));
            }
            let positions = match &ask.position {
                Some(_) => 1,
                None => u32::try_from(relevant(&config, proof).len()).unwrap_or(1),
            };
            self.count(&config, ask.position.as_ref(), positions, proof.areas(), lies).await.map_err(failed)
        }
        .boxed()
    }

    fn positions(&self, proof: &ListProof) -> Vec<JudgedPosition> {
        let list = relevant(&self.config(), proof);
        list.into_iter().map(|(id, name)| JudgedPosition { id, name, whole: false }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::ports::numbers::Chosen;

    #[test]
    fn windows_are_those_of_a_flood_and_too_many_stand_together() {
        let counted = |index, rows| counted::Window { index, rows, largest: rows, flooded: u64::from(rows > 10) };
        let found = [counted(0, 3), counted(1, 30), counted(49, 2)];
        let from = |from: i64, flood_window_s, span_ms: i64| {
            let config = config::Alert { flood_window_s, ..config::Alert::default() };
            let lies = Lies { from: Wall(from), to: Wall(from + span_ms), chosen: Chosen::Asked };
            windows(&config, &found, lies, 1, 0.0, true)
        };
        let of = |flood_window_s, span_ms| from(0, flood_window_s, span_ms);
        let few = of(600, 500 * 60_000);
        assert_eq!((few.seconds, few.together, few.rows.len()), (600, 1, 50));
        assert_eq!((few.rows[0], few.rows[1], few.rows[49]), (3, 30, 2));
        assert!((few.flooded.value - 0.02).abs() < 1e-9, "one of fifty: {:?}", few.flooded);
        // They lie on the clock: a span that begins within one has a part of one more at its end.
        assert_eq!(from(60_000, 600, 500 * 60_000).rows.len(), 51);
        // A month in windows of ten seconds: 267,840.
        let many = of(10, 31 * 86_400_000);
        assert_eq!((many.seconds, many.together, many.rows.len()), (10, 60, 4464));
        assert_eq!(many.rows[0], 30, "the largest of each");
        assert!((many.largest.value - 30.0).abs() < 1e-9);
    }

    #[test]
    fn what_was_frozen_before_says_ten_minutes() {
        let figure =
            serde_json::json!({"value": 1.0, "target": 10.0, "limit": 20.0, "least": false, "verdict": "good"});
        let old = serde_json::json!({"minutes": 10, "flood_alerts": 10, "rows": [1], "largest": figure, "mean": figure, "flooded": figure});
        let view: WindowsView = serde_json::from_value(old).unwrap();
        assert_eq!((view.seconds, view.together), (600, 1));
    }
}
