//! Rules: which there are and where they are armed, changing them, and trying one before it is armed.

use std::collections::{HashMap, HashSet};

use axum::{Json, extract::State, http::StatusCode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    edit::{Author, From, IN_FILE, chosen, expected, taken},
    fields::{self, Fields},
};
use crate::{
    config::{Channel, Rule, guard::Looks},
    inventory::{Ids, Op, Rev, arm::armed},
    types::{ChannelId, RuleId, Traces, payload::some_channels},
    web::{
        AppState,
        auth::Login,
        error::{ApiError, Body, Ids as PathIds, Params},
        ports::{
            Origin,
            configuration::Held,
            rules::{DryRun, DryRunAsk, DryRunError, Raised, TracesAsk},
        },
        session::Me,
    },
};

/// Channels that are told one by one of a rule.
const MAX_TOLD: usize = 2000;
/// Looks of so many hours are kept at most.
const MAX_HOURS: f32 = 168.0;

/// A rule as the console shows it. Of the channels that it names, those that the login may see.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct RuleView {
    #[serde(flatten)]
    rule: Rule,
    origin: Origin,
    /// The revision that changed it last; null for one of the file.
    rev: Option<Rev>,
    /// Channels that it is for.
    chosen: usize,
    /// Of these, where it has a place to watch: the whole picture, or a zone or line of its own that is drawn.
    placed: usize,
    /// Of these, where it is armed: switched on.
    armed: usize,
    /// Alerts of the last 24 hours.
    raised_24h: u64,
    /// Looks at one object: what it needs and what it gets.
    #[schemars(with = "LooksView")]
    looks: Looks,
    /// What the numbers say where they are too low: of the rule, or with the key frames that cameras really send.
    warning: Option<String>,
}

/// Looks at one object.
#[derive(JsonSchema)]
#[allow(dead_code)] // the shape of `config::guard::Looks`
pub struct LooksView {
    needed: u32,
    in_view_s: f32,
    patrol: f32,
    got: f32,
    focus_hz: f32,
}

#[derive(Serialize, JsonSchema)]
pub struct RuleList {
    rules: Vec<RuleView>,
}

/// A channel that a rule is for.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct RuleChannel {
    id: ChannelId,
    name: String,
    area_names: Vec<String>,
    /// A zone or line of the rule is drawn there, or the rule watches the whole picture.
    placed: bool,
    /// Switched on there.
    armed: bool,
    raised_24h: u64,
    /// What its camera's key frames mean for the rule where they come too seldom.
    warning: Option<String>,
}

#[derive(Serialize, JsonSchema)]
pub struct RuleDetail {
    #[serde(flatten)]
    view: RuleView,
    /// In the order of the configuration, the first 2,000.
    of: Vec<RuleChannel>,
}

/// All rules that are for a channel of the login's.
#[utoipa::path(get, path = "/api/v1/rules", operation_id = "list_rules", tag = "rules",
    responses((status = 200, description = "Rules", body = ref("#/components/schemas/RuleList"))))]
pub async fn list(State(state): State<AppState>, Me(login): Me) -> Result<Json<RuleList>, ApiError> {
    let rules = views(&state, login, None).await?.into_iter().map(|d| d.view).collect();
    Ok(Json(RuleList { rules }))
}

/// One rule with the channels that it is for.
#[utoipa::path(get, path = "/api/v1/rules/{id}", operation_id = "get_rule", tag = "rules",
    params(("id" = String, Path, description = "Rule id")),
    responses((status = 200, description = "The rule", body = ref("#/components/schemas/RuleDetail")),
        (status = 404, description = "No such rule", body = ref("#/components/schemas/ErrorBody"))))]
pub async fn get(
    State(state): State<AppState>,
    Me(login): Me,
    PathIds(id): PathIds<RuleId>,
) -> Result<Json<RuleDetail>, ApiError> {
    one(&state, login, &id).await.map(Json)
}

async fn one(state: &AppState, login: std::sync::Arc<Login>, id: &RuleId) -> Result<RuleDetail, ApiError> {
    views(state, login, Some(id.clone())).await?.pop().ok_or_else(|| ApiError::not_found("rule"))
}

async fn views(
    state: &AppState,
    login: std::sync::Arc<Login>,
    only: Option<RuleId>,
) -> Result<Vec<RuleDetail>, ApiError> {
    let (held, raised) = (state.ports().configuration.in_force(), state.ports().rules.raised().await?);
    let rules = state.ports().rules.clone();
    // Every rule meets every channel: no socket may wait for that.
    let made =
        tokio::task::spawn_blocking(move || shown(&held, &login, &raised, &rules.key_intervals(), only.as_ref()));
    made.await.map_err(|e| ApiError::unavailable(&e))
}

fn shown(
    held: &Held,
    login: &Login,
    raised: &Raised,
    key_intervals: &HashMap<ChannelId, f32>,
    only: Option<&RuleId>,
) -> Vec<RuleDetail> {
    let config = &held.running;
    let (proof, paths, index) = (login.lists(), config.area_paths(), config.rule_index());
    let mut of: HashMap<&RuleId, Vec<(&Channel, bool, bool)>> = HashMap::new();
    let mut seen: HashSet<&ChannelId> = HashSet::new();
    for channel in config.channel.iter().filter(|c| proof.covers(&paths.of(c))) {
        seen.insert(&channel.id);
        for rule in index.chosen(channel).into_iter().filter(|r| only.is_none_or(|id| r.id == *id)) {
            let here = rule.on(&channel.id);
            let placed = here.fits(channel);
            of.entry(&rule.id).or_default().push((channel, placed, placed && here.enabled && channel.enabled));
        }
    }
    let of_file: HashSet<&RuleId> = held.file.rule.iter().map(|r| &r.id).collect();
    let all = proof.areas().is_none();
    let mut found = Vec::new();
    for rule in config.rule.iter().filter(|r| only.is_none_or(|id| r.id == *id)) {
        let channels = of.remove(&rule.id).unwrap_or_default();
        if channels.is_empty() && !all {
            continue;
        }
        let count = |id: &ChannelId| raised.by.get(&(rule.id.clone(), id.clone())).copied().unwrap_or(0);
        let origin = if of_file.contains(&rule.id) { Origin::File } else { Origin::Inventory };
        let rev = held.stored.rule(rule.id.as_str()).map(|s| s.rev).filter(|_| origin == Origin::Inventory);
        let looks = Looks::of(rule, &config.sample);
        let measured = |channel: &Channel| {
            let key_interval_s = *key_intervals.get(&channel.id)?;
            Looks::of(&rule.on(&channel.id), &config.sample).measured(&config.sample, key_interval_s)
        };
        let slow = || {
            let armed = channels.iter().filter(|(.., on)| *on);
            let mut slow = armed.filter_map(|(c, ..)| measured(c).map(|why| (&c.id, why)));
            let (first, why) = slow.next()?;
            let more = match slow.count() {
                0 => String::new(),
                n => format!(" and {n} more"),
            };
            Some(format!("on '{first}'{more}: {why}"))
        };
        let mut told = rule.clone();
        if !all {
            told.channels.retain(|c| c == "*" || seen.iter().any(|s| s.as_str() == c));
            told.except.retain(|c| seen.contains(c));
            told.exceptions.retain(|e| seen.contains(&e.channel));
        }
        let view = RuleView {
            origin,
            rev,
            chosen: channels.len(),
            placed: channels.iter().filter(|(_, placed, _)| *placed).count(),
            armed: channels.iter().filter(|(.., on)| *on).count(),
            raised_24h: channels.iter().map(|(c, ..)| count(&c.id)).sum(),
            warning: looks.refused().or_else(|| looks.warned()).or_else(slow),
            looks,
            rule: told,
        };
        let one = |(channel, placed, on): &(&Channel, bool, bool)| RuleChannel {
            id: channel.id.clone(),
            name: channel.display_name().to_owned(),
            area_names: paths.of(channel).iter().map(|id| paths.name(id).to_owned()).collect(),
            placed: *placed,
            armed: *on,
            raised_24h: count(&channel.id),
            warning: measured(channel),
        };
        let of = if only.is_some() { channels.iter().take(MAX_TOLD).map(one).collect() } else { Vec::new() };
        found.push(RuleDetail { view, of });
    }
    found
}

/// Fields of a rule as in the configuration; what is left out is usual.
#[derive(JsonSchema)]
#[allow(dead_code)] // the shape of a body that is read as fields
pub struct RuleRequest {
    /// Made from the type if it is not given. Never changes.
    id: Option<String>,
    /// With a change: 409 if the rule was changed after this revision.
    expect_rev: Option<Rev>,
    #[serde(flatten)]
    rule: Rule,
}

/// Adds a rule to the inventory. `enabled: false` arms it nowhere but where an exception in `for` says `enabled: true`.
#[utoipa::path(post, path = "/api/v1/rules", operation_id = "add_rule", tag = "rules",
    request_body(content = ref("#/components/schemas/RuleRequest"),
        example = json!({"type": "intrusion", "tags": ["school"], "zones": ["yard"], "labels": ["person"], "enabled": false,
            "for": [{"channel": "gate-1", "enabled": true}]})),
    responses((status = 201, description = "The rule, in force", body = ref("#/components/schemas/RuleDetail")),
        (status = 403, description = "The login is limited to areas", body = ref("#/components/schemas/ErrorBody")),
        (status = 409, description = "The id is taken", body = ref("#/components/schemas/ErrorBody")),
        (status = 422, description = "What is wrong, and what would be right", body = ref("#/components/schemas/ErrorBody"))))]
pub async fn add(author: Author, Body(mut body): Body<Fields>) -> Result<(StatusCode, Json<RuleDetail>), ApiError> {
    let chosen = chosen(&mut body);
    let mut id = None;
    let wishes = |held: &Held| {
        let mut rule: Rule = fields::made(&body)?;
        if !chosen {
            let made = Ids::new(&held.stored, &held.file).rule(rule.kind);
            rule.id = made.ok_or_else(|| ApiError::invalid("no id can be made for this rule; give one with id"))?;
        }
        if held.file.rule.iter().any(|r| r.id == rule.id) || held.stored.rule(rule.id.as_str()).is_some() {
            return Err(taken(&rule.id));
        }
        id = Some(rule.id.clone());
        Ok(vec![Op::PutRule(Box::new(rule))])
    };
    author.make(From::Nothing, wishes).await?;
    let id = id.ok_or_else(|| ApiError::not_found("rule"))?;
    Ok((StatusCode::CREATED, Json(one(&author.state, author.login.clone(), &id).await?)))
}

/// Changes fields of a stored rule. What is open under its old wording ends as reconfigured.
#[utoipa::path(patch, path = "/api/v1/rules/{id}", operation_id = "change_rule", tag = "rules",
    params(("id" = String, Path, description = "Rule id")),
    request_body(content = ref("#/components/schemas/RuleRequest"), example = json!({"min_score": 0.6, "expect_rev": 12})),
    responses((status = 200, description = "The rule as it is now", body = ref("#/components/schemas/RuleDetail")),
        (status = 404, description = "No such rule", body = ref("#/components/schemas/ErrorBody")),
        (status = 409, description = "Changed after `expect_rev`", body = ref("#/components/schemas/ErrorBody")),
        (status = 422, description = "What is wrong, and what would be right", body = ref("#/components/schemas/ErrorBody"))))]
pub async fn change(
    author: Author,
    PathIds(id): PathIds<RuleId>,
    Body(mut body): Body<Fields>,
) -> Result<Json<RuleDetail>, ApiError> {
    let from = expected(&mut body)?;
    let wishes = |held: &Held| Ok(vec![Op::PutRule(Box::new(fields::changed(stored(held, &id)?, &body)?))]);
    author.make(from, wishes).await?;
    one(&author.state, author.login.clone(), &id).await.map(Json)
}

/// Removes a rule: its open events end, its open alerts stay to be closed.
#[utoipa::path(delete, path = "/api/v1/rules/{id}", operation_id = "remove_rule", tag = "rules",
    params(("id" = String, Path, description = "Rule id")),
    responses((status = 204, description = "Gone"),
        (status = 404, description = "No such rule", body = ref("#/components/schemas/ErrorBody"))))]
pub async fn remove(author: Author, PathIds(id): PathIds<RuleId>) -> Result<StatusCode, ApiError> {
    author.make(From::Now, |held| stored(held, &id).map(|_| vec![Op::RemoveRule(id.clone())])).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ArmRequest {
    armed: bool,
    /// Only on these, the others as they are; if not given: on all that it is for, also those that will come.
    #[serde(default, deserialize_with = "some_channels")]
    channels: Vec<ChannelId>,
}

/// Arms or disarms a rule: a few channels first, then more, or all, or none. What else it says stays.
#[utoipa::path(post, path = "/api/v1/rules/{id}/arm", operation_id = "arm_rule", tag = "rules",
    params(("id" = String, Path, description = "Rule id")),
    request_body(content = ref("#/components/schemas/ArmRequest"), example = json!({"armed": true, "channels": ["gate-1", "gate-2"]})),
    responses((status = 200, description = "The rule as it is now", body = ref("#/components/schemas/RuleDetail")),
        (status = 404, description = "No such rule", body = ref("#/components/schemas/ErrorBody")),
        (status = 422, description = "A channel that is not there", body = ref("#/components/schemas/ErrorBody"))))]
pub async fn arm(
    author: Author,
    PathIds(id): PathIds<RuleId>,
    Body(request): Body<ArmRequest>,
) -> Result<Json<RuleDetail>, ApiError> {
    let ArmRequest { armed: on, channels } = request;
    let wishes = |held: &Held| Ok(vec![Op::PutRule(Box::new(armed(stored(held, &id)?, &channels, on)))]);
    author.make(From::Now, wishes).await?;
    one(&author.state, author.login.clone(), &id).await.map(Json)
}

/// A rule that may be changed here.
fn stored<'a>(held: &'a Held, id: &RuleId) -> Result<&'a Rule, ApiError> {
    if held.file.rule.iter().any(|r| r.id == *id) {
        return Err(ApiError::invalid(format!("the rule '{id}' {IN_FILE}")));
    }
    held.stored.rule(id.as_str()).map(|r| &r.value).ok_or_else(|| ApiError::not_found("rule"))
}

/// A rule to be tried: one that is there, by `id`, or the fields of one that is not yet.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DryRunRequest {
    /// A rule that is there. Fields of `rule` are put over it.
    id: Option<RuleId>,
    #[serde(default)]
    #[schemars(with = "std::collections::BTreeMap<String, serde_json::Value>")]
    rule: Fields,
    /// Of the channels that it is for only these; all of them if not given, at most 300.
    #[serde(default)]
    channels: Vec<ChannelId>,
    /// Back from now.
    #[serde(default = "day")]
    hours: f32,
}

fn day() -> f32 {
    24.0
}

/// Says what a rule would have made of the looks kept of the last hours, as if it were armed for all channels that it is
/// for. Nothing is changed. One at a time; after some seconds it ends with the channels that it came to.
#[utoipa::path(post, path = "/api/v1/dry-run", operation_id = "dry_run_rule", tag = "rules",
    request_body(content = ref("#/components/schemas/DryRunRequest"),
        example = json!({"rule": {"type": "intrusion", "channels": ["gate-1"], "zones": ["yard"], "labels": ["person"]}, "hours": 6})),
    responses((status = 200, description = "What would have been", body = ref("#/components/schemas/DryRun")),
        (status = 422, description = "What is wrong, and what would be right", body = ref("#/components/schemas/ErrorBody")),
        (status = 429, description = "Another one is under way; see Retry-After", body = ref("#/components/schemas/ErrorBody"))))]
pub async fn dry_run(author: Author, Body(request): Body<DryRunRequest>) -> Result<Json<DryRun>, ApiError> {
    let held = author.state.ports().configuration.in_force();
    let mut body = request.rule;
    let rule: Rule = match &request.id {
        Some(id) => {
            // One that the login does not see is none.
            one(&author.state, author.login.clone(), id).await?;
            let known = held.running.rule.iter().find(|r| r.id == *id).ok_or_else(|| ApiError::not_found("rule"))?;
            body.remove("id");
            fields::changed(known, &body)?
        }
        None => {
            chosen(&mut body);
            fields::made(&body)?
        }
    };
    let problems = crate::config::validate::rule(&rule, &held.running.rule_refs());
    if !problems.is_empty() {
        let told: Vec<_> = problems.iter().take(5).map(|p| format!("{}: {}", p.key, p.message)).collect();
        return Err(ApiError::invalid(told.join("; ")));
    }
    if !(request.hours > 0.0 && request.hours <= MAX_HOURS) {
        return Err(ApiError::invalid(format!("hours: must be more than 0 and at most {MAX_HOURS}")));
    }
    let ask = DryRunAsk { rule, channels: request.channels, hours: request.hours };
    Ok(Json(author.state.ports().rules.dry_run(&author.login.lists(), ask).await?))
}

impl std::convert::From<DryRunError> for ApiError {
    fn from(e: DryRunError) -> Self {
        match e {
            DryRunError::Busy => ApiError::too_many(3, e.to_string()),
            DryRunError::Invalid(why) => ApiError::invalid(why),
            DryRunError::Port(e) => e.into(),
        }
    }
}

#[derive(Deserialize)]
pub struct TracesParams {
    hours: Option<f32>,
    labels: Option<String>,
    min_score: Option<f32>,
}

/// Where objects went on a channel's picture: paths of their feet and a heat map, from the looks kept of the last hours.
#[utoipa::path(get, path = "/api/v1/channels/{id}/traces", operation_id = "get_traces", tag = "channels",
    params(("id" = String, Path, description = "Channel id"),
        ("hours" = Option<f32>, Query, description = "Back from now, 6 if not given"),
        ("labels" = Option<String>, Query, description = "Separated by commas; all if not given"),
        ("min_score" = Option<f32>, Query, description = "Boxes below do not count, 0.4 if not given")),
    responses((status = 200, description = "Paths and heat", body = ref("#/components/schemas/Traces")),
        (status = 404, description = "No such channel", body = ref("#/components/schemas/ErrorBody"))))]
pub async fn traces(
    State(state): State<AppState>,
    Me(login): Me,
    PathIds(id): PathIds<ChannelId>,
    Params(params): Params<TracesParams>,
) -> Result<Json<Traces>, ApiError> {
    let proof = state.auth().media(&login, &id)?;
    let labels = params.labels.iter().flat_map(|l| l.split(',')).map(str::trim).filter(|l| !l.is_empty());
    let ask = TracesAsk {
        hours: params.hours.filter(|h| h.is_finite()).unwrap_or(6.0).clamp(0.01, MAX_HOURS),
        labels: labels.take(100).map(str::to_owned).collect(),
        min_score: params.min_score.filter(|s| s.is_finite()).unwrap_or(0.4),
    };
    Ok(Json(state.ports().rules.traces(&proof, ask).await?))
}
