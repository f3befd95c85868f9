//! How urgent an alert is: from its rule's severity, moved by area, time and history, within bounds.
//!
//! Critical comes from the rule or from a person, never from a sum of steps, and never goes down by one. Pure.

use jiff::tz::TimeZone;

use crate::{
    config::{self, minute_of_day},
    types::{AreaId, Severity, Wall},
};

/// A step of `alert.raise`, ready to be compared.
#[derive(Debug, Clone)]
struct Step {
    areas: Vec<AreaId>,
    types: Vec<String>,
    /// Minutes of the day.
    between: Option<(u16, u16)>,
    steps: i8,
}

/// The site's rules of priority.
#[derive(Debug, Clone)]
pub struct Priorities {
    steps: Vec<Step>,
    zone: TimeZone,
    due_ms: [u64; 4],
}

/// What else counts.
#[derive(Debug, Clone, Copy, Default)]
pub struct History {
    /// People found mostly nothing there.
    pub mostly_false: bool,
    /// It is familiar of a source that chatters.
    pub chatter: bool,
    /// The detector is not sure.
    pub weak: bool,
}

const LADDER: [Severity; 4] = [Severity::Low, Severity::Medium, Severity::High, Severity::Critical];

/// `steps` up or down the ladder, which ends at high.
fn moved(severity: Severity, steps: i8) -> Severity {
    if severity == Severity::Critical {
        return severity;
    }
    let at = (severity as i8).saturating_add(steps).clamp(0, Severity::High as i8);
    LADDER[usize::try_from(at).unwrap_or(0)]
}

impl Priorities {
    pub fn new(cfg: &config::Alert, time_zone: &str) -> Self {
        let step = |r: &config::Raise| Step {
            areas: r.areas.clone(),
            types: r.types.clone(),
            between: r.from.as_deref().and_then(minute_of_day).zip(r.to.as_deref().and_then(minute_of_day)),
            steps: r.steps,
        };
        Self {
            steps: cfg.raise.iter().map(step).collect(),
            zone: TimeZone::get(time_zone).unwrap_or(TimeZone::UTC),
            due_ms: [cfg.due_low_s, cfg.due_medium_s, cfg.due_high_s, cfg.due_critical_s].map(|s| u64::from(s) * 1000),
        }
    }

    /// Of an alert of this type on this area path, at this time.
    pub fn of(&self, severity: Severity, kind: &str, area: &[AreaId], at: Wall, history: History) -> Severity {
        let minute = self.minute(at);
        let fits = |s: &&Step| {
            (s.areas.is_empty() || area.iter().any(|a| s.areas.contains(a)))
                && (s.types.is_empty() || s.types.iter().any(|t| t == kind))
                && s.between.is_none_or(|(from, to)| {
                    if from <= to { (from..to).contains(&minute) } else { minute >= from || minute < to }
                })
        };
        let site: i8 = self.steps.iter().filter(fits).fold(0, |sum, s| sum.saturating_add(s.steps));
        let down = [history.mostly_false, history.chatter, history.weak].iter().filter(|h| **h).count();
        moved(severity, site.saturating_sub(i8::try_from(down).unwrap_or(3)))
    }

    fn minute(&self, at: Wall) -> u16 {
        let at = jiff::Timestamp::from_millisecond(at.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        let at = at.to_zoned(self.zone.clone());
        u16::try_from(i32::from(at.hour()) * 60 + i32::from(at.minute())).unwrap_or(0)
    }

    /// Within which somebody should take it.
    pub fn due_ms(&self, priority: Severity) -> u64 {
        self.due_ms[priority as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn area_time_and_history_move_it_but_never_to_critical() {
        let raise = |areas: &[&str], types: &[&str], hours: Option<(&str, &str)>, steps| config::Raise {
            areas: areas.iter().map(|a| AreaId::new(a).unwrap()).collect(),
            types: types.iter().map(|t| (*t).to_owned()).collect(),
            from: hours.map(|h| h.0.to_owned()),
            to: hours.map(|h| h.1.to_owned()),
            steps,
        };
        let cfg = config::Alert {
            raise: vec![
                raise(&["school"], &["intrusion"], Some(("22:00", "06:00")), 2),
                raise(&[], &["count"], None, -1),
            ],
            ..config::Alert::default()
        };
        let p = Priorities::new(&cfg, "Asia/Shanghai");
        let school = [AreaId::new("city").unwrap(), AreaId::new("school").unwrap()];
        let at = |text: &str| Wall(text.parse::<jiff::Timestamp>().unwrap().as_millisecond());
        let (night, day) = (at("2026-11-26T15:00:00Z"), at("2026-11-26T04:00:00Z"));
        let none = History::default();
        use Severity as S;
        assert_eq!(p.of(S::Low, "intrusion", &school, night, none), S::High, "23:00 there");
        assert_eq!(p.of(S::High, "intrusion", &school, night, none), S::High, "never to critical");
        assert_eq!(p.of(S::Low, "intrusion", &school, day, none), S::Low);
        assert_eq!(p.of(S::Low, "intrusion", &school[..1], night, none), S::Low, "not elsewhere");
        assert_eq!(p.of(S::Medium, "count", &[], day, none), S::Low);
        let bad = History { mostly_false: true, chatter: true, weak: true };
        assert_eq!(p.of(S::High, "line", &[], day, bad), S::Low);
        assert_eq!(p.of(S::Critical, "line", &[], day, bad), S::Critical, "never down from it");
        assert_eq!((p.due_ms(S::Critical), p.due_ms(S::Low)), (60_000, 28_800_000));
    }
}
