//! What operators handle: which events become rows before whom, and how urgent they are.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Config, Problem};
use crate::types::{AreaId, PositionId, Severity};

/// What operators handle.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Alert {
    /// A new event joins the open alert of the same source if its last event ended no longer ago than this.
    pub join_s: u32,
    /// The same while the source chatters and its alert is not before anybody.
    pub cooldown_s: u32,
    /// New alerts a minute of one channel; what is above joins the latest alert of the channel and is counted.
    pub max_per_channel_per_min: u32,
    /// An object seen with this score or more is sure: its alert is a row at once.
    pub sure_score: f32,
    /// What is less sure becomes a row when it lasts for so long.
    pub hold_s: u32,
    /// The same for what is of high severity, on a source that was quiet.
    pub hold_high_s: u32,
    /// A source with so many events in ten minutes chatters.
    pub chatter_per_10_min: u32,
    /// Alerts of one recorder or one area within this time are one incident.
    pub incident_s: u32,
    /// The same kind of thing seen by a neighbouring channel within this time is the same happening.
    pub neighbour_s: u32,
    /// A position with more new rows than this in `flood_window_s` is flooded.
    pub flood_alerts: u32,
    pub flood_window_s: u32,
    /// An alert that nobody took within this time goes to the supervising position, and after the same time again to the
    /// people of its area.
    pub due_critical_s: u32,
    pub due_high_s: u32,
    pub due_medium_s: u32,
    pub due_low_s: u32,
    /// What was never a row is closed by the gateway once it is over; never what is critical.
    pub auto_close: bool,
    /// Where and when something is more or less urgent than its rule says.
    pub raise: Vec<Raise>,
    /// Channels that are down and conditions that they are in become events of the type `health`, and so alerts.
    pub health: bool,
    /// A channel must be down, or in a condition, for so long.
    pub health_hold_s: u32,
    /// Of what blinds a channel: down, frozen, dark, covered, moved. The other conditions are low.
    pub health_severity: Severity,
}

impl Default for Alert {
    fn default() -> Self {
        Self {
            join_s: 60,
            cooldown_s: 600,
            max_per_channel_per_min: 30,
            sure_score: 0.65,
            hold_s: 20,
            hold_high_s: 10,
            chatter_per_10_min: 5,
            incident_s: 300,
            neighbour_s: 20,
            flood_alerts: 10,
            flood_window_s: 600,
            due_critical_s: 60,
            due_high_s: 300,
            due_medium_s: 1800,
            due_low_s: 28_800,
            auto_close: true,
            raise: Vec::new(),
            health: true,
            health_hold_s: 10,
            health_severity: Severity::Medium,
        }
    }
}

/// Steps of priority for what fits; never up to critical and never down from it.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Raise {
    /// Subtrees; empty: everywhere.
    #[serde(default)]
    pub areas: Vec<AreaId>,
    /// Types of events; empty: all.
    #[serde(default)]
    pub types: Vec<String>,
    /// Hours of the day in `node.time_zone`, `"22:00"`; over midnight if `from` is later than `to`. Both or none.
    #[serde(default)]
    pub from: Option<String>,
    #[serde(default)]
    pub to: Option<String>,
    /// 1 or 2 steps up, or -1 or -2 down.
    pub steps: i8,
}

/// Minutes from midnight of `HH:MM`.
pub fn minute_of_day(text: &str) -> Option<u16> {
    let (hour, minute) = text.split_once(':')?;
    let digits = |t: &str| (t.len() == 2 && t.bytes().all(|b| b.is_ascii_digit())).then(|| t.parse::<u16>().ok())?;
    let (hour, minute) = (digits(hour)?, digits(minute)?);
    (hour < 24 && minute < 60).then_some(hour * 60 + minute)
}

/// A desk with a set of areas; one or more logins sit at it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Position {
    pub id: PositionId,
    /// Shown to people; the id where empty.
    #[serde(default)]
    pub name: String,
    /// Subtrees that it answers for; where two positions name areas of one path the nearer one counts. Empty: all
    /// that no other position names.
    #[serde(default)]
    pub areas: Vec<AreaId>,
    /// The position that hears of what nobody took in time.
    #[serde(default)]
    pub escalate_to: Option<PositionId>,
}

/// Positions kept.
const MAX_POSITIONS: usize = 200;

/// What is wrong with the alerts' section and the positions.
pub fn problems(c: &Config) -> Vec<Problem> {
    let mut found = Vec::new();
    let mut add = |key: String, message: String| found.push(Problem::new(key, message));
    let a = &c.alert;
    for (key, value, low, high) in [
        ("join_s", a.join_s, 0, 86_400),
        ("cooldown_s", a.cooldown_s, 0, 86_400),
        ("max_per_channel_per_min", a.max_per_channel_per_min, 1, 10_000),
        ("hold_s", a.hold_s, 0, 50),
        ("hold_high_s", a.hold_high_s, 0, 50),
        ("chatter_per_10_min", a.chatter_per_10_min, 2, 1000),
        ("incident_s", a.incident_s, 0, 3600),
        ("neighbour_s", a.neighbour_s, 0, 300),
        ("flood_alerts", a.flood_alerts, 2, 1000),
        ("flood_window_s", a.flood_window_s, 10, 3600),
        ("due_critical_s", a.due_critical_s, 10, 604_800),
        ("due_high_s", a.due_high_s, 10, 604_800),
        ("due_medium_s", a.due_medium_s, 10, 604_800),
        ("due_low_s", a.due_low_s, 10, 604_800),
        ("health_hold_s", a.health_hold_s, 10, 3600),
    ] {
        if !(low..=high).contains(&value) {
            add(format!("alert.{key}"), format!("is {value}; must be {low} to {high}"));
        }
    }
    if !(0.0..=1.0).contains(&a.sure_score) {
        add("alert.sure_score".into(), format!("is {}; must be 0 to 1", a.sure_score));
    }
    let areas: std::collections::HashSet<&AreaId> = c.area.iter().map(|x| &x.id).collect();
    let mut unknown = Vec::new();
    for (i, raise) in a.raise.iter().enumerate() {
        if raise.steps == 0 || !(-2..=2).contains(&raise.steps) {
            add(format!("alert.raise[{i}].steps"), format!("is {}; must be -2, -1, 1 or 2", raise.steps));
        }
        for (key, time) in [("from", &raise.from), ("to", &raise.to)] {
            if time.as_deref().is_some_and(|t| minute_of_day(t).is_none()) {
                add(format!("alert.raise[{i}].{key}"), "is no time of the day; e.g. \"22:00\"".into());
            }
        }
        if raise.from.is_some() != raise.to.is_some() {
            add(format!("alert.raise[{i}].from"), "from and to go together".into());
        }
        unknown.extend(raise.areas.iter().map(|area| (format!("alert.raise[{i}].areas"), area)));
    }
    if c.position.len() > MAX_POSITIONS {
        add("position".into(), format!("there are {}; at most {MAX_POSITIONS} are kept", c.position.len()));
    }
    let mut claimed = std::collections::HashMap::new();
    let mut rest: Option<&PositionId> = None;
    for (i, position) in c.position.iter().enumerate() {
        if c.position[..i].iter().any(|p| p.id == position.id) {
            add(format!("position[{i}].id"), format!("'{}' is there already; ids are unique", position.id));
        }
        if position.name.chars().count() > 200 || position.name.chars().any(char::is_control) {
            add(format!("position[{i}].name"), "is over 200 characters or holds control characters".into());
        }
        if position.areas.is_empty()
            && let Some(other) = rest.replace(&position.id)
        {
            add(
                format!("position[{i}].areas"),
                format!("is empty as that of '{other}'; only one position can take what no other names"),
            );
        }
        for area in &position.areas {
            if let Some(other) = claimed.insert(area, &position.id) {
                add(
                    format!("position[{i}].areas"),
                    format!("'{area}' is named by '{other}' too; an area has one responsible position"),
                );
            }
            unknown.push((format!("position[{i}].areas"), area));
        }
        if let Some(to) = &position.escalate_to
            && (*to == position.id || !c.position.iter().any(|p| p.id == *to))
        {
            add(format!("position[{i}].escalate_to"), format!("'{to}' is no other position; name one of [[position]]"));
        }
    }
    for (key, area) in unknown.into_iter().filter(|(_, area)| !areas.contains(area)) {
        let message = format!("no area has the id '{area}'; add it or correct the name");
        found.push(Problem { elsewhere: true, ..Problem::new(key, message) });
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::parse;

    #[test]
    fn times_of_the_day() {
        assert_eq!(minute_of_day("22:30"), Some(1350));
        for bad in ["24:00", "7:00", "07:60", "0700", "+7:00", ""] {
            assert_eq!(minute_of_day(bad), None, "{bad}");
        }
    }

    #[test]
    fn what_cannot_be_is_said() {
        let area = "[[area]]\nid = \"a\"\nname = \"A\"\nkind = \"grid\"\n";
        for (text, says) in [
            ("[[position]]\nid = \"p\"\nareas = [\"x\"]", "no area"),
            ("[[position]]\nid = \"p\"\n[[position]]\nid = \"q\"", "only one position"),
            ("[[position]]\nid = \"p\"\nareas = [\"a\"]\n[[position]]\nid = \"q\"\nareas = [\"a\"]", "by 'p' too"),
            ("[[position]]\nid = \"p\"\nescalate_to = \"p\"", "no other position"),
            ("[alert]\nhold_s = 70", "0 to 50"),
            ("[alert]\nflood_window_s = 9", "10 to 3600"),
            ("[[alert.raise]]\nsteps = 0", "must be -2"),
            ("[[alert.raise]]\nsteps = 1\nfrom = \"9\"\nto = \"10:00\"", "time of the day"),
        ] {
            let error = parse("t", &format!("{area}{text}\n")).unwrap_err().to_string();
            assert!(error.contains(says), "{text}: {error}");
        }
        parse("t", &format!("{area}[[position]]\nid = \"p\"\nareas = [\"a\"]\n[[position]]\nid = \"rest\"\n")).unwrap();
    }
}
