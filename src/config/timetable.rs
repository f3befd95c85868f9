//! Timetables: the hours in which rules are in force.
//!
//! A timetable is read as people read one: it is on whenever the clock on the wall, in its time zone, shows a time that
//! stands in it. So where the clock is put forward over the beginning of a span, the span begins with the first minute
//! that there is (one that lies within the hour left out is off that day); where it is put back, an hour that stands in it
//! is on both times.
//!
//! In goes the configuration's text, out comes `Hours`, which answers for a moment; pure, and cheap enough to be asked at
//! every look.

use jiff::{
    Timestamp,
    civil::{Date, DateTime},
    tz::TimeZone,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Problem;
use crate::types::{TimetableId, Wall};

const DAY_MIN: u32 = 24 * 60;
/// Spans, holidays and exceptions that one timetable may have, each.
const MOST: usize = 400;

/// Hours in which rules are in force.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Timetable {
    pub id: TimetableId,
    #[serde(default)]
    pub name: String,
    /// IANA name; `node.time_zone` where none is named.
    #[serde(default)]
    pub time_zone: Option<String>,
    /// `"mon-fri 18:00-08:00"`; a span that ends before it begins goes on into the next day.
    #[serde(default)]
    pub weekly: Vec<String>,
    /// `"2026-10-01"` or `"2026-10-01..2026-10-07"`; on these days `on_holidays` is in force instead of `weekly`.
    #[serde(default)]
    pub holidays: Vec<String>,
    /// `"00:00-24:00"`; empty: off.
    #[serde(default)]
    pub on_holidays: Vec<String>,
    /// Go before all else.
    #[serde(default)]
    pub exceptions: Vec<TimetableException>,
}

/// A single time in which a timetable is on or off, whatever else stands in it.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TimetableException {
    /// `"2026-12-24T14:00"`.
    pub from: String,
    pub to: String,
    pub on: bool,
}

/// Minutes of a day; `end` beyond `DAY_MIN` is on the next day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Span {
    start: u32,
    end: u32,
}

/// A timetable that can be asked.
#[derive(Debug, Clone)]
pub struct Hours {
    zone: TimeZone,
    /// From Monday.
    weekly: [Vec<Span>; 7],
    holidays: Vec<(Date, Date)>,
    on_holidays: Vec<Span>,
    exceptions: Vec<(DateTime, DateTime, bool)>,
}

impl Hours {
    /// Reads a timetable; keys of the problems are those of the timetable.
    pub fn read(table: &Timetable, default_zone: &str) -> Result<Hours, Vec<Problem>> {
        let mut problems = Vec::new();
        let name = table.time_zone.as_deref().unwrap_or(default_zone);
        let zone = TimeZone::get(name).unwrap_or_else(|_| {
            problems
                .push(Problem::new("time_zone", format!("'{name}' is not an IANA time zone; e.g. \"Asia/Shanghai\"")));
            TimeZone::UTC
        });
        for (key, n) in [
            ("weekly", table.weekly.len()),
            ("holidays", table.holidays.len()),
            ("on_holidays", table.on_holidays.len()),
            ("exceptions", table.exceptions.len()),
        ] {
            if n > MOST {
                problems.push(Problem::new(key, format!("has {n} entries; at most {MOST}")));
            }
        }
        let mut weekly: [Vec<Span>; 7] = Default::default();
        for (i, text) in table.weekly.iter().take(MOST).enumerate() {
            match week_span(text) {
                Ok((days, span)) => days.into_iter().for_each(|d| weekly[d].push(span)),
                Err(why) => problems.push(Problem::new(format!("weekly[{i}]"), why)),
            }
        }
        let mut on_holidays = Vec::new();
        for (i, text) in table.on_holidays.iter().take(MOST).enumerate() {
            match span(text) {
                Some(span) => on_holidays.push(span),
                None => problems.push(Problem::new(format!("on_holidays[{i}]"), no_span(text))),
            }
        }
        let mut holidays = Vec::new();
        for (i, text) in table.holidays.iter().take(MOST).enumerate() {
            match days(text) {
                Some(days) => holidays.push(days),
                None => problems.push(Problem::new(
                    format!("holidays[{i}]"),
                    format!("'{}' is no day; e.g. \"2026-10-01\", or \"2026-10-01..2026-10-07\"", cut(text)),
                )),
            }
        }
        let mut exceptions = Vec::new();
        for (i, e) in table.exceptions.iter().take(MOST).enumerate() {
            let at = |key: &str, text: &str, problems: &mut Vec<Problem>| {
                let read = text.parse::<DateTime>().ok();
                if read.is_none() {
                    let why =
                        format!("'{}' is no time; e.g. \"2026-12-24T14:00\", as the clock there shows it", cut(text));
                    problems.push(Problem::new(format!("exceptions[{i}].{key}"), why));
                }
                read
            };
            let (from, to) = (at("from", &e.from, &mut problems), at("to", &e.to, &mut problems));
            match (from, to) {
                (Some(from), Some(to)) if from < to => exceptions.push((from, to, e.on)),
                (Some(_), Some(_)) => {
                    problems.push(Problem::new(format!("exceptions[{i}].to"), "is not later than from; exchange them"));
                }
                _ => {}
            }
        }
        if problems.is_empty() { Ok(Hours { zone, weekly, holidays, on_holidays, exceptions }) } else { Err(problems) }
    }

    /// Is it on? The latest exception that fits goes first, then holidays, then the week.
    pub fn on(&self, at: Wall) -> bool {
        let Ok(at) = Timestamp::from_millisecond(at.0) else { return true };
        let clock = self.zone.to_datetime(at);
        if let Some((.., on)) = self.exceptions.iter().rev().find(|(from, to, _)| (*from..*to).contains(&clock)) {
            return *on;
        }
        let minute = u32::from(clock.hour().unsigned_abs()) * 60 + u32::from(clock.minute().unsigned_abs());
        let today = self.spans(clock.date()).iter().any(|s| (s.start..s.end).contains(&minute));
        today
            || clock
                .date()
                .yesterday()
                .is_ok_and(|day| self.spans(day).iter().any(|s| (s.start..s.end).contains(&(minute + DAY_MIN))))
    }

    /// When it changes next, to the minute; `None` where it does not within eight days.
    pub fn next_change(&self, at: Wall) -> Option<Wall> {
        let now = self.on(at);
        let minute = at.0.div_euclid(60_000) + 1;
        (minute..minute + 8 * i64::from(DAY_MIN)).map(|m| Wall(m * 60_000)).find(|at| self.on(*at) != now)
    }

    /// The spans that begin on a day.
    fn spans(&self, day: Date) -> &[Span] {
        if self.holidays.iter().any(|(from, to)| (*from..=*to).contains(&day)) {
            return &self.on_holidays;
        }
        let weekday = usize::from(day.weekday().to_monday_zero_offset().unsigned_abs());
        self.weekly.get(weekday).map_or(&[], Vec::as_slice)
    }
}

fn cut(text: &str) -> String {
    text.chars().take(40).collect()
}

fn no_span(text: &str) -> String {
    format!("'{}' is no span; e.g. \"18:00-08:00\", which ends on the next day, or \"00:00-24:00\"", cut(text))
}

/// `mon-fri 18:00-08:00`, `sat,sun 00:00-24:00`, `08:00-18:00` for every day. Days count from Monday.
fn week_span(text: &str) -> Result<(Vec<usize>, Span), String> {
    let (names, times) = match text.trim().rsplit_once(char::is_whitespace) {
        Some((names, times)) => (names.trim(), times),
        None => ("", text.trim()),
    };
    let span = span(times).ok_or_else(|| no_span(times))?;
    if names.is_empty() {
        return Ok(((0..7).collect(), span));
    }
    let mut found = [false; 7];
    for part in names.split(',') {
        let (from, to) = part.split_once('-').unwrap_or((part, part));
        let (Some(from), Some(to)) = (weekday(from), weekday(to)) else {
            return Err(format!(
                "'{}' is no day; mon, tue, wed, thu, fri, sat, sun, or \"mon-fri\", \"sat,sun\"",
                cut(part)
            ));
        };
        // "fri-mon" goes over the end of the week.
        (0..=(to + 7 - from) % 7).for_each(|n| found[(from + n) % 7] = true);
    }
    Ok(((0..7).filter(|d| found[*d]).collect(), span))
}

fn weekday(text: &str) -> Option<usize> {
    ["mon", "tue", "wed", "thu", "fri", "sat", "sun"].iter().position(|d| text.trim().eq_ignore_ascii_case(d))
}

/// `18:00-08:00`.
fn span(text: &str) -> Option<Span> {
    let (start, end) = text.trim().split_once('-')?;
    let (start, end) = (minutes(start)?, minutes(end)?);
    if start >= DAY_MIN {
        return None;
    }
    // From 08:00 to 08:00 is a day.
    Some(Span { start, end: if end > start { end } else { end + DAY_MIN } })
}

/// `08:00` to `24:00`.
fn minutes(text: &str) -> Option<u32> {
    let (hours, minutes) = text.trim().split_once(':')?;
    let number = |t: &str, digits: std::ops::RangeInclusive<usize>| {
        (digits.contains(&t.len()) && t.bytes().all(|b| b.is_ascii_digit())).then(|| t.parse::<u32>().ok()).flatten()
    };
    let at = number(hours, 1..=2)? * 60 + number(minutes, 2..=2).filter(|m| *m < 60)?;
    (at <= DAY_MIN).then_some(at)
}

fn days(text: &str) -> Option<(Date, Date)> {
    let (from, to) = text.split_once("..").unwrap_or((text, text));
    let day = |t: &str| t.trim().parse::<Date>().ok();
    let (from, to) = (day(from)?, day(to)?);
    (from <= to).then_some((from, to))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hours(text: &str) -> Hours {
        let table: Timetable = toml::from_str(&format!("id = \"t\"\n{text}")).unwrap();
        Hours::read(&table, "Europe/Berlin").unwrap()
    }

    fn at(text: &str) -> Wall {
        Wall(text.parse::<Timestamp>().unwrap().as_millisecond())
    }

    #[test]
    fn a_night_belongs_to_the_day_on_which_it_begins() {
        let h = hours("time_zone = \"Asia/Shanghai\"\nweekly = [\"mon-fri 18:00-08:00\"]");
        // 2026-11-27 is a Friday; Shanghai is eight hours ahead.
        for (time, on) in [
            ("2026-11-27T09:59:59Z", false),
            ("2026-11-27T10:00:00Z", true),
            ("2026-11-27T23:59:00Z", true),
            ("2026-11-28T00:00:00Z", false),
            ("2026-11-28T12:00:00Z", false),
            ("2026-11-29T23:00:00Z", false),
        ] {
            assert_eq!(h.on(at(time)), on, "{time}");
        }
        assert_eq!(h.next_change(at("2026-11-27T12:00:30Z")), Some(at("2026-11-28T00:00:00Z")));
        assert_eq!(hours("weekly = [\"00:00-24:00\"]").next_change(at("2026-11-27T12:00:00Z")), None);
    }

    #[test]
    fn the_wall_clock_decides_when_it_is_changed() {
        // Berlin: 2026-03-29 02:00 becomes 03:00; 2026-10-25 03:00 becomes 02:00 again.
        let h = hours("weekly = [\"02:15-02:45\"]");
        assert!(
            !h.on(at("2026-03-29T00:59:00Z")) && !h.on(at("2026-03-29T01:00:00Z")),
            "there is no such time that night"
        );
        assert!(h.on(at("2026-10-25T00:20:00Z")) && !h.on(at("2026-10-25T00:50:00Z")));
        assert!(h.on(at("2026-10-25T01:20:00Z")), "and twice that night");
        let h = hours("weekly = [\"02:30-05:00\"]");
        assert!(!h.on(at("2026-03-29T00:59:00Z")) && h.on(at("2026-03-29T01:00:00Z")), "it begins with 03:00");
    }

    #[test]
    fn exceptions_go_before_holidays_and_those_before_the_week() {
        let h = hours(
            "weekly = [\"mon-fri 18:00-08:00\"]\nholidays = [\"2026-10-01..2026-10-02\"]\non_holidays = [\"00:00-24:00\"]\n\
             exceptions = [{ from = \"2026-10-01T10:00\", to = \"2026-10-01T12:00\", on = false }]",
        );
        assert!(h.on(at("2026-10-01T07:00:00Z")), "a holiday by day");
        assert!(!h.on(at("2026-10-01T09:00:00Z")), "works are done");
        assert!(h.on(at("2026-10-01T05:00:00Z")), "the night before goes on");
        assert!(!h.on(at("2026-10-05T10:00:00Z")), "a Monday by day");
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let refused = |text: &str| {
            let table: Timetable = toml::from_str(&format!("id = \"t\"\n{text}")).unwrap();
            Hours::read(&table, "UTC").unwrap_err().remove(0).key
        };
        for (text, key) in [
            ("weekly = [\"mon-fri\"]", "weekly[0]"),
            ("weekly = [\"monday 08:00-09:00\"]", "weekly[0]"),
            ("weekly = [\"08:00-24:01\"]", "weekly[0]"),
            ("weekly = [\"24:00-08:00\"]", "weekly[0]"),
            ("weekly = [\"+8:00-09:00\"]", "weekly[0]"),
            ("holidays = [\"2026-02-30\"]", "holidays[0]"),
            ("holidays = [\"2026-02-03..2026-02-01\"]", "holidays[0]"),
            ("on_holidays = [\"all\"]", "on_holidays[0]"),
            ("time_zone = \"Mars\"", "time_zone"),
            ("exceptions = [{ from = \"x\", to = \"2026-10-01T12:00\", on = true }]", "exceptions[0].from"),
            (
                "exceptions = [{ from = \"2026-10-02T12:00\", to = \"2026-10-01T12:00\", on = true }]",
                "exceptions[0].to",
            ),
        ] {
            assert_eq!(refused(text), key, "{text}");
        }
    }

    #[test]
    fn days_are_lists_and_ranges() {
        let of = |text: &str| week_span(text).unwrap().0;
        assert_eq!(of("mon-fri 08:00-09:00"), [0, 1, 2, 3, 4]);
        assert_eq!(of("sat,sun 08:00-09:00"), [5, 6]);
        assert_eq!(of("fri-mon 08:00-09:00"), [0, 4, 5, 6]);
        assert_eq!(of("8:00-09:00").len(), 7);
        assert_eq!(week_span("8:00-8:00").unwrap().1, Span { start: 480, end: 480 + DAY_MIN });
    }
}
