//! Whether a rule is in force: its timetable.
//!
//! Arming by hand is not here: it is `enabled`, on the rule or for one of its channels, which people change by the console, the
//! API or a command, and which the inventory keeps with author and time.

use std::sync::Arc;

use crate::{config::timetable::Hours, types::Wall};

/// The gate of one rule on one channel.
#[derive(Debug, Clone, Default)]
pub struct Gate {
    hours: Option<Arc<Hours>>,
    /// The minute that was asked about last, and what the timetable said: it changes at minutes only.
    known: Option<(i64, bool)>,
}

impl Gate {
    pub fn new(hours: Option<Arc<Hours>>) -> Self {
        Self { hours, known: None }
    }

    pub fn is_open(&mut self, at: Wall) -> bool {
        let Some(hours) = &self.hours else { return true };
        let minute = at.0.div_euclid(60_000);
        match self.known {
            Some((known, on)) if known == minute => on,
            _ => {
                let on = hours.on(at);
                self.known = Some((minute, on));
                on
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::rule::testing::{EPOCH, phases, rules, track};

    #[test]
    fn an_event_ends_when_the_hours_are_over_and_begins_anew_with_them() {
        let hour = |ms: i64| jiff::Timestamp::from_millisecond(ms).unwrap().strftime("%H:%M").to_string();
        let begin = 60_000 - EPOCH % 60_000;
        let (off, on) = (hour(EPOCH + begin + 60_000), hour(EPOCH + begin + 180_000));
        let mut r = rules(&format!(
            "[[timetable]]\nid = \"t\"\nweekly = [\"{on}-{off}\"]\n\
             [[rule]]\nid = \"r\"\ntype = \"presence\"\nchannels = [\"c\"]\ntimetable = \"t\"\nupdate_s = 0\n"
        ));
        let looks: Vec<_> = (0..30).map(|n| (begin as u64 + n * 10_000, vec![track(1, 0.3, 0.6)])).collect();
        let at = |ms: i64| (begin + ms) as u64;
        assert_eq!(phases(&mut r, &looks), [(at(0), "start"), (at(60_000), "end"), (at(180_000), "start")]);
    }
}
