//! Alerts of all that is kept: looked up, and counted.

use axum::{Json, extract::State};
use jiff::{ToSpan as _, tz::TimeZone};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

use crate::{
    types::{
        IdError, Severity, Wall,
        find::{CountBy, Find, InState},
        handling::ResultCode,
        payload::AlertState,
    },
    web::{
        AppState,
        error::{ApiError, Params},
        ports::search::{FoundList, Group},
        session::Me,
    },
};

const MAX_LIST: usize = 500;
const MAX_TEXT_CHARS: usize = 200;
/// Groups of one answer; hours of half a year are fewer.
const MAX_GROUPS: usize = 5000;

/// What is looked for, as it stands in an address. An empty value is "any": forms send those.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct FindParams {
    from: String,
    to: String,
    area: String,
    channel: String,
    r#type: String,
    priority: String,
    state: String,
    result: String,
    owner: String,
    rule: String,
    position: String,
    text: String,
}

fn id<T>(name: &str, text: &str, make: impl FnOnce(&str) -> Result<T, IdError>) -> Result<Option<T>, ApiError> {
    let made = (!text.is_empty()).then(|| make(text)).transpose();
    made.map_err(|e| ApiError::invalid(format!("{name}: {e}")))
}

fn time(name: &str, text: &str) -> Result<Option<Wall>, ApiError> {
    if text.is_empty() {
        return Ok(None);
    }
    let at = text.parse::<jiff::Timestamp>();
    let wrong = |_| ApiError::invalid(format!("{name}: not a time like 2026-01-31T12:00:00Z"));
    Ok(Some(Wall(at.map_err(wrong)?.as_millisecond())))
}

/// One of the words that the API has for something.
fn word<T: for<'a> Deserialize<'a>>(name: &str, text: &str) -> Result<Option<T>, ApiError> {
    if text.is_empty() {
        return Ok(None);
    }
    let wrong = |e| ApiError::invalid(format!("{name}: {e}"));
    serde_json::from_value(serde_json::Value::String(text.into())).map(Some).map_err(wrong)
}

impl FindParams {
    pub fn find(&self) -> Result<Find, ApiError> {
        use crate::types as t;
        let state = match self.state.as_str() {
            "" | "all" => None,
            "open" => Some(InState::Open),
            text => word::<AlertState>("state", text)?.map(InState::Is),
        };
        let text = self.text.trim();
        if text.chars().count() > MAX_TEXT_CHARS {
            return Err(ApiError::invalid(format!("text: over {MAX_TEXT_CHARS} characters")));
        }
        if !text.is_empty() && !text.chars().any(char::is_alphanumeric) {
            return Err(ApiError::invalid("text: holds no letter and no digit to look for"));
        }
        let kind = id("type", &self.r#type, t::ChannelId::new)?.map(|k| k.as_str().to_owned());
        Ok(Find {
            from: time("from", &self.from)?,
            to: time("to", &self.to)?,
            area: id("area", &self.area, t::AreaId::new)?,
            channel: id("channel", &self.channel, t::ChannelId::new)?,
            kind,
            priority: word::<Severity>("priority", &self.priority)?,
            state,
            result: word::<ResultCode>("result", &self.result)?,
            owner: id("owner", &self.owner, t::UserId::new)?,
            rule: id("rule", &self.rule, t::RuleId::new)?,
            position: id("position", &self.position, t::PositionId::new)?,
            text: text.to_owned(),
        })
    }

    /// For the record of who exported what.
    pub fn told(&self) -> String {
        let all = [
            ("from", &self.from),
            ("to", &self.to),
            ("area", &self.area),
            ("channel", &self.channel),
            ("type", &self.r#type),
            ("priority", &self.priority),
            ("state", &self.state),
            ("result", &self.result),
            ("owner", &self.owner),
            ("rule", &self.rule),
            ("position", &self.position),
            ("text", &self.text),
        ];
        let given: Vec<String> =
            all.iter().filter(|(_, v)| !v.is_empty()).map(|(name, v)| format!("{name}={v}")).collect();
        if given.is_empty() { "everything".into() } else { given.join(" ") }
    }
}

#[derive(Deserialize)]
pub struct SearchParams {
    #[serde(flatten)]
    find: FindParams,
    // As text: what is flattened arrives as text.
    #[serde(default)]
    before: String,
    #[serde(default)]
    limit: String,
}

/// A number in an address.
fn number<T: std::str::FromStr>(name: &str, text: &str) -> Result<Option<T>, ApiError> {
    let parsed = (!text.is_empty()).then(|| text.parse()).transpose();
    parsed.map_err(|_| ApiError::invalid(format!("{name}: not a number")))
}

/// Alerts of all that is kept, newest first. Everything that is given holds at once.
#[utoipa::path(get, path = "/api/v1/alerts/search", operation_id = "search_alerts", tag = "alerts",
    params(("from" = Option<String>, Query, description = "Opened then or later, e.g. 2026-01-31T12:00:00Z"),
        ("to" = Option<String>, Query, description = "Opened before"),
        ("area" = Option<String>, Query, description = "In the subtree of this area, as it was then"),
        ("channel" = Option<String>, Query, description = "Of this channel"),
        ("type" = Option<String>, Query, description = "The rule's type, e.g. presence"),
        ("priority" = Option<String>, Query, description = "low, medium, high or critical"),
        ("state" = Option<String>, Query, description = "open, new, acknowledged, dispatched, resolved, closed or all (default)"),
        ("result" = Option<String>, Query, description = "true, false, nuisance or test"),
        ("owner" = Option<String>, Query, description = "Who took it"),
        ("rule" = Option<String>, Query, description = "Id of the rule"),
        ("position" = Option<String>, Query, description = "The position that is responsible"),
        ("text" = Option<String>, Query, description = "Words that all occur in the channel's name, the rule, the type, whom it \
            was dispatched to or the notes; Chinese without blanks is found as it stands"),
        ("before" = Option<i64>, Query, description = "`next` of the page before"),
        ("limit" = Option<usize>, Query, description = "1 to 500, 100 if not given")),
    responses((status = 200, description = "A page", body = ref("#/components/schemas/FoundList")),
        (status = 422, description = "A filter that cannot be, or (`too_wide`) a search that takes too long",
            body = ref("#/components/schemas/ErrorBody"))))]
pub async fn search(
    State(state): State<AppState>,
    Me(login): Me,
    Params(params): Params<SearchParams>,
) -> Result<Json<FoundList>, ApiError> {
    let find = params.find.find()?;
    let limit = number("limit", &params.limit)?.unwrap_or(100).clamp(1, MAX_LIST);
    let before = number("before", &params.before)?;
    let proof = login.lists();
    let mut found = state.ports().search.find(&proof, &find, before, limit).await?;
    found.alerts.retain(|a| proof.covers(&a.area));
    Ok(Json(found))
}

#[derive(Deserialize)]
pub struct SummaryParams {
    #[serde(flatten)]
    find: FindParams,
    #[serde(default = "by_type")]
    by: CountBy,
}

fn by_type() -> CountBy {
    CountBy::Type
}

/// How many alerts there are of each kind.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Summary {
    pub by: CountBy,
    /// Of all groups.
    pub total: u64,
    /// By hour or day in the order of time, without gaps; else the most first.
    pub groups: Vec<SummaryGroup>,
    /// There are more groups than are told.
    pub more: bool,
    /// As in a search.
    pub filling: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct SummaryGroup {
    /// When the hour or day begins by the site's clock; else the type, id or word, which is empty where there is none.
    pub key: String,
    pub count: u64,
}

/// How many alerts a search finds, by hour, day, type, area, channel, rule, result or priority.
#[utoipa::path(get, path = "/api/v1/alerts/summary", operation_id = "summarise_alerts", tag = "alerts",
    params(("by" = Option<CountBy>, Query, description = "What to count by; type if not given"),
        ("from" = Option<String>, Query, description = "This and the other filters as in a search"),
        ("to" = Option<String>, Query, description = "Opened before"),
        ("area" = Option<String>, Query), ("channel" = Option<String>, Query), ("type" = Option<String>, Query),
        ("priority" = Option<String>, Query), ("state" = Option<String>, Query), ("result" = Option<String>, Query),
        ("owner" = Option<String>, Query), ("rule" = Option<String>, Query), ("position" = Option<String>, Query),
        ("text" = Option<String>, Query)),
    responses((status = 200, description = "Counts", body = ref("#/components/schemas/Summary"))))]
pub async fn summary(
    State(state): State<AppState>,
    Me(login): Me,
    Params(params): Params<SummaryParams>,
) -> Result<Json<Summary>, ApiError> {
    let find = params.find.find()?;
    let counted = state.ports().search.count(&login.lists(), &find, params.by).await?;
    let zone = TimeZone::get(&state.site().time_zone).unwrap_or(TimeZone::UTC);
    let (quarters, named): (Vec<_>, Vec<_>) = counted.groups.into_iter().partition(|g| matches!(g, Group::Quarter(..)));
    let mut groups = match params.by {
        CountBy::Hour | CountBy::Day => by_time(&quarters, params.by, &zone),
        CountBy::Area => by_area(named),
        CountBy::Priority => named.into_iter().filter_map(priority).collect(),
        _ => named.into_iter().filter_map(plain).collect(),
    };
    let more = counted.more || groups.len() > MAX_GROUPS;
    let total = groups.iter().map(|g| g.count).sum();
    // Of times the newest stay.
    let over = groups.len().saturating_sub(MAX_GROUPS);
    match params.by {
        CountBy::Hour | CountBy::Day => drop(groups.drain(..over)),
        _ => groups.truncate(MAX_GROUPS),
    }
    Ok(Json(Summary { by: params.by, total, groups, more, filling: counted.filling }))
}

fn plain(group: Group) -> Option<SummaryGroup> {
    let Group::Named(key, count) = group else { return None };
    Some(SummaryGroup { key, count })
}

fn priority(group: Group) -> Option<SummaryGroup> {
    let group = plain(group)?;
    let all = [Severity::Low, Severity::Medium, Severity::High, Severity::Critical];
    let which = all.into_iter().find(|s| (*s as i64).to_string() == group.key)?;
    Some(SummaryGroup { key: which.as_str().into(), ..group })
}

/// Quarters of an hour as hours or days of the site's clock; those between the first and the last that have none are told,
/// too, as long as they are not too many.
fn by_time(quarters: &[Group], by: CountBy, zone: &TimeZone) -> Vec<SummaryGroup> {
    let begin = |at: Wall| {
        let at = jiff::Timestamp::from_millisecond(at.0).ok()?.to_zoned(zone.clone());
        let unit = if by == CountBy::Day { jiff::Unit::Day } else { jiff::Unit::Hour };
        at.round(jiff::ZonedRound::new().smallest(unit).mode(jiff::RoundMode::Trunc)).ok()
    };
    let mut counts: BTreeMap<jiff::Zoned, u64> = BTreeMap::new();
    for group in quarters {
        if let Group::Quarter(at, count) = group
            && let Some(at) = begin(*at)
        {
            *counts.entry(at).or_default() += count;
        }
    }
    let step = if by == CountBy::Day { 1.day() } else { 1.hour() };
    let ends = counts.keys().next().cloned().zip(counts.keys().next_back().cloned());
    // An alert from a clock that was never set would stand alone before years of nothing.
    let fits = |(first, last): &(jiff::Zoned, jiff::Zoned)| {
        let hours = if by == CountBy::Day { 24 } else { 1 };
        last.timestamp().duration_since(first.timestamp()).as_hours() / hours < MAX_GROUPS as i64
    };
    if let Some((mut at, last)) = ends.filter(fits) {
        while at < last {
            counts.entry(at.clone()).or_default();
            let Ok(next) = at.checked_add(step) else { break };
            at = next;
        }
    }
    counts.into_iter().map(|(at, count)| SummaryGroup { key: at.timestamp().to_string(), count }).collect()
}

/// Paths as the areas where they part: of a whole district its streets, of one street its communities.
fn by_area(paths: Vec<Group>) -> Vec<SummaryGroup> {
    let paths: Vec<(String, u64)> = paths.into_iter().filter_map(plain).map(|g| (g.key, g.count)).collect();
    let split: Vec<Vec<&str>> = paths.iter().map(|(path, _)| path.split('/').collect()).collect();
    let shortest = split.iter().map(Vec::len).min().unwrap_or(0);
    let common = (0..shortest).take_while(|i| split.iter().all(|p| p[*i] == split[0][*i])).count();
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for (path, (_, count)) in split.iter().zip(&paths) {
        // One that hangs where the others part stands for itself.
        let area = path.get(common).or(path.last()).copied().unwrap_or("");
        *counts.entry(area).or_default() += count;
    }
    let mut groups: Vec<_> =
        counts.into_iter().map(|(key, count)| SummaryGroup { key: key.to_owned(), count }).collect();
    groups.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.key.cmp(&b.key)));
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(key: &str, count: u64) -> SummaryGroup {
        SummaryGroup { key: key.into(), count }
    }

    fn quarter(at: &str, count: u64) -> Group {
        Group::Quarter(time("from", at).unwrap().unwrap(), count)
    }

    #[test]
    fn days_and_hours_are_those_of_the_site_and_have_no_gaps() {
        let zone = TimeZone::get("Asia/Shanghai").unwrap();
        // 15:45Z is 23:45 there; 16:00Z is the next day.
        let quarters = [
            quarter("2026-11-03T16:00:00Z", 5),
            quarter("2026-11-01T15:45:00Z", 1),
            quarter("2026-11-01T16:00:00Z", 2),
        ];
        let days = by_time(&quarters, CountBy::Day, &zone);
        assert_eq!(
            days,
            [
                group("2026-10-31T16:00:00Z", 1),
                group("2026-11-01T16:00:00Z", 2),
                group("2026-11-02T16:00:00Z", 0),
                group("2026-11-03T16:00:00Z", 5)
            ]
        );
        let half = TimeZone::get("Asia/Kolkata").unwrap();
        let hours =
            by_time(&[quarter("2026-11-01T00:15:00Z", 1), quarter("2026-11-01T00:30:00Z", 1)], CountBy::Hour, &half);
        assert_eq!(hours, [group("2026-10-31T23:30:00Z", 1), group("2026-11-01T00:30:00Z", 1)]);
        // A day of 25 hours.
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        let days =
            by_time(&[quarter("2026-10-25T22:45:00Z", 1), quarter("2026-10-25T23:00:00Z", 1)], CountBy::Day, &berlin);
        assert_eq!(days, [group("2026-10-24T22:00:00Z", 1), group("2026-10-25T23:00:00Z", 1)]);
        assert!(by_time(&[], CountBy::Day, &berlin).is_empty());
    }

    #[test]
    fn areas_are_counted_where_their_paths_part() {
        let named = |paths: &[(&str, u64)]| by_area(paths.iter().map(|(p, n)| Group::Named((*p).into(), *n)).collect());
        let district = named(&[("d/north/c1/g1", 3), ("d/north/c2", 4), ("d/south/c9", 9), ("d", 1)]);
        assert_eq!(district, [group("south", 9), group("north", 7), group("d", 1)]);
        assert_eq!(named(&[("d/north/c1/g1", 3), ("d/north/c1/g2", 4)]), [group("g2", 4), group("g1", 3)]);
        assert_eq!(named(&[("d/north", 3)]), [group("north", 3)]);
        assert_eq!(named(&[]), []);
    }

    #[test]
    fn a_filter_that_cannot_be_is_refused_with_its_name() {
        let refused = |params: FindParams| format!("{:?}", params.find().unwrap_err());
        assert!(refused(FindParams { from: "yesterday".into(), ..Default::default() }).contains("from: "));
        assert!(refused(FindParams { area: "North \"".into(), ..Default::default() }).contains("area: "));
        assert!(refused(FindParams { r#type: "a b".into(), ..Default::default() }).contains("type: "));
        assert!(refused(FindParams { state: "gone".into(), ..Default::default() }).contains("state: "));
        assert!(refused(FindParams { text: "-*\"".into(), ..Default::default() }).contains("text: "));
        assert!(refused(FindParams { text: "x".repeat(201), ..Default::default() }).contains("text: "));
        assert_eq!(FindParams::default().find().unwrap(), Find::default());
        let open = FindParams { state: "open".into(), priority: "critical".into(), ..Default::default() };
        let find = open.find().unwrap();
        assert_eq!((find.state, find.priority), (Some(InState::Open), Some(Severity::Critical)));
    }
}
