//! Who is in focus: asks the rules what they want, deals the budget, and tells each channel's demand what it got.
//!
//! A rule wants focus all the time, or from the look that found one of its objects until nothing has been in view for a
//! while. What the budget cannot carry is said in the node's status with the numbers: how many channels want focus, how
//! many this box can carry, and what would help.

use std::{collections::HashMap, sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;

use crate::{
    node::{Inner, watch::Watch},
    rule::Focus,
    schedule::{
        Tier,
        focus::{Budget, Report, Want},
    },
    types::{ChannelId, Mono},
};

/// A look that found something has focus within this time.
const DEAL: Duration = Duration::from_millis(250);
/// Focus stays this long after the last look that found something.
const QUIET_MS: u64 = 3_000;
/// A want that cannot be carried is told when it lasts this long: a burst is no fault of the configuration.
const TOLD_AFTER_MS: u64 = 30_000;

/// Deals until `stop`.
pub async fn deal(inner: Arc<Inner>, stop: CancellationToken) {
    let mut dealer = Dealer::default();
    let mut tick = tokio::time::interval(DEAL);
    while super::tick::next(&mut tick, &stop).await {
        let look_us = f64::from(inner.queue.capacity().service_us[Tier::Focus as usize]);
        let budget_us = inner.queue.focus_budget_us();
        let report = dealer.deal(&inner.watches.all(), budget_us, look_us, inner.clock.mono());
        report.record();
        inner.set_degraded("focus", dealer.sentence(&report, inner.clock.mono()));
        metrics::gauge!("skyeye_node_kept_decoders").set(inner.streams.kept() as f64);
    }
}

#[derive(Default)]
struct Dealer {
    budget: Budget,
    /// When something was last in view of a channel that wants focus while it is; absent: it wants none.
    seen: HashMap<ChannelId, Mono>,
    /// Channels that wanted focus last time.
    wanting: HashMap<ChannelId, Arc<Watch>>,
    short_since: Option<Mono>,
}

impl Dealer {
    fn deal(&mut self, watches: &[Arc<Watch>], budget_us: f64, look_us: f64, now: Mono) -> Report {
        let mut wanting = HashMap::new();
        for watch in watches {
            let id = &watch.entry.config.id;
            let focus = watch.wanted();
            let Some(hz) = self.wanted_hz(id, focus, watch.demand.in_view(), now) else { continue };
            let want = Want {
                hz,
                weight: watch.entry.config.weight,
                always: focus.always_hz > 0.0,
                in_view: watch.demand.in_view(),
            };
            self.budget.want(id, want);
            wanting.insert(id.clone(), watch.clone());
        }
        for (id, watch) in std::mem::replace(&mut self.wanting, wanting) {
            if !self.wanting.contains_key(&id) {
                self.budget.release(&id);
                self.seen.remove(&id);
                watch.demand.set_focus_hz(0.0);
            }
        }
        self.budget.deal(budget_us, look_us, now);
        // Told every time, not only when it changes: a reload may have put another watch in the place of one.
        for (id, watch) in &self.wanting {
            watch.demand.set_focus_hz(self.budget.granted_hz(id));
        }
        self.budget.report()
    }

    fn wanted_hz(&mut self, id: &ChannelId, focus: Focus, in_view: bool, now: Mono) -> Option<f32> {
        let seen = if focus.seen_hz <= 0.0 {
            false
        } else if in_view {
            self.seen.insert(id.clone(), now);
            true
        } else {
            self.seen.get(id).is_some_and(|at| now.since_ms(*at) < QUIET_MS)
        };
        let hz = if seen { focus.seen_hz.max(focus.always_hz) } else { focus.always_hz };
        (hz > 0.0).then_some(hz)
    }

    /// What to say when more want focus than the box can carry, and for longer than a burst.
    fn sentence(&mut self, report: &Report, now: Mono) -> Option<String> {
        if report.granted >= report.wanting {
            self.short_since = None;
            return None;
        }
        let since = *self.short_since.get_or_insert(now);
        (now.since_ms(since) >= TOLD_AFTER_MS).then(|| {
            format!(
                "{} channels want focus and this box carries about {:.0} at a time; they take turns: fewer rules with \
                 focus_hz, a lower focus_hz, or a larger schedule.focus_share",
                report.wanting, report.carries
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{channel::Registry, config, types::Clock};

    fn watches(channels: usize, rule: &str) -> Vec<Arc<Watch>> {
        let mut text = format!("[[rule]]\nid = \"r\"\ntype = \"presence\"\nchannels = [\"*\"]\n{rule}\n");
        for n in 0..channels {
            text += &format!("[[channel]]\nid = \"c{n}\"\nurl = \"rtsp://10.0.0.1/{n}\"\n");
        }
        let config = config::parse("test", &text).unwrap();
        let registry = Registry::new(&config, Clock::start());
        registry.channels().into_iter().map(|e| Arc::new(Watch::new(&config, e, Mono(0)))).collect()
    }

    fn in_focus(watches: &[Arc<Watch>]) -> usize {
        watches.iter().filter(|w| w.demand.focus_hz() > 0.0).count()
    }

    #[test]
    fn focus_begins_with_what_is_seen_and_ends_when_the_scene_is_quiet() {
        let watches = watches(2, "focus_hz = 5");
        let mut dealer = Dealer::default();
        dealer.deal(&watches, 1e6, 10_000.0, Mono(0));
        assert_eq!(in_focus(&watches), 0);
        watches[0].demand.set_in_view(true);
        dealer.deal(&watches, 1e6, 10_000.0, Mono(1000));
        assert_eq!((watches[0].demand.focus_hz(), watches[1].demand.focus_hz()), (5.0, 0.0));
        watches[0].demand.set_in_view(false);
        dealer.deal(&watches, 1e6, 10_000.0, Mono(1000 + QUIET_MS - 1));
        assert_eq!(in_focus(&watches), 1, "it may come back");
        dealer.deal(&watches, 1e6, 10_000.0, Mono(1000 + QUIET_MS));
        assert_eq!(in_focus(&watches), 0);
        assert!(dealer.seen.is_empty());
    }

    #[test]
    fn what_the_box_cannot_carry_takes_turns_and_is_told_when_it_lasts() {
        let watches = watches(10, "focus_hz = 5\nfocus_when = \"always\"");
        let mut dealer = Dealer::default();
        // Four channels of five looks a second of ten milliseconds.
        let mut had = [false; 10];
        for second in 0..60 {
            let report = dealer.deal(&watches, 200_000.0, 10_000.0, Mono(second * 1000));
            assert!(in_focus(&watches) <= 4);
            assert_eq!(report.wanting, 10);
            let told = dealer.sentence(&report, Mono(second * 1000));
            assert_eq!(told.is_some(), second >= 30, "at {second} s");
            assert!(told.is_none_or(|t| t.contains("10 channels") && t.contains("about 4")));
            for (had, watch) in had.iter_mut().zip(&watches) {
                *had |= watch.demand.focus_hz() > 0.0;
            }
        }
        assert_eq!(had, [true; 10]);
    }

    #[test]
    fn a_channel_that_leaves_frees_its_place() {
        let watches = watches(2, "focus_hz = 5\nfocus_when = \"always\"");
        let mut dealer = Dealer::default();
        dealer.deal(&watches, 50_000.0, 10_000.0, Mono(0));
        assert_eq!(in_focus(&watches), 1);
        dealer.deal(&[], 50_000.0, 10_000.0, Mono(1000));
        assert_eq!(in_focus(&watches), 0);
    }
}
