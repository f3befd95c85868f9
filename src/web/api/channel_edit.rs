//! Changing channels: one at a time, or many in the same way.

use std::collections::{HashMap, HashSet};

use axum::{Json, http::StatusCode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    channels::ChannelDetail,
    edit::{Author, EditError, From, IN_FILE, chosen, expected, taken},
    fields::{self, Fields},
};
use crate::{
    config::Channel,
    inventory::{Ids, InventoryError, Kind, Op, Refusal, Rev},
    types::ChannelId,
    web::{
        error::{ApiError, Body, Ids as PathIds},
        ports::configuration::Held,
    },
};

/// What `bulk` sets, besides tags.
const BULK: [&str; 6] = ["enabled", "area", "credential", "transport", "tls", "weight"];

/// Fields of a channel as in the configuration; what is left out is usual.
#[derive(JsonSchema)]
#[allow(dead_code)] // the shape of a body that is read as fields
pub struct ChannelRequest {
    /// Made from the external number, the name or the host if it is not given. Never changes.
    id: Option<String>,
    /// With a change: 409 if the channel was changed after this revision.
    expect_rev: Option<Rev>,
    #[serde(flatten)]
    channel: Channel,
}

/// Adds a channel to the inventory.
#[utoipa::path(post, path = "/api/v1/channels", operation_id = "add_channel", tag = "channels",
    request_body(content = ref("#/components/schemas/ChannelRequest"),
        example = json!({"name": "North gate", "url": "rtsp://192.168.1.20/stream2", "credential": "recorder", "area": "north"})),
    responses((status = 201, description = "The channel; its session is being set up", body = ref("#/components/schemas/ChannelDetail")),
        (status = 409, description = "The id is taken", body = ref("#/components/schemas/ErrorBody")),
        (status = 422, description = "What is wrong, and what would be right", body = ref("#/components/schemas/ErrorBody"))))]
pub async fn add(author: Author, Body(mut body): Body<Fields>) -> Result<(StatusCode, Json<ChannelDetail>), ApiError> {
    let chosen = chosen(&mut body);
    let mut id = None;
    let wishes = |held: &Held| {
        let mut channel: Channel = fields::made(&body)?;
        if !chosen {
            let made = Ids::new(&held.stored, &held.file).channel(&channel);
            channel.id =
                made.ok_or_else(|| ApiError::invalid("no id can be made of this channel; give one with id"))?;
        }
        if in_file(held, &channel.id) || held.stored.channel(channel.id.as_str()).is_some() {
            return Err(taken(&channel.id));
        }
        id = Some(channel.id.clone());
        Ok(vec![Op::PutChannel(Box::new(channel))])
    };
    author.make(From::Nothing, wishes).await?;
    let id = id.ok_or_else(|| ApiError::not_found("channel"))?;
    Ok((StatusCode::CREATED, Json(detail(&author, &id)?)))
}

/// Changes fields of a stored channel. Its session is begun anew only where address, login or transport is another.
#[utoipa::path(patch, path = "/api/v1/channels/{id}", operation_id = "change_channel", tag = "channels",
    params(("id" = String, Path, description = "Channel id")),
    request_body(content = ref("#/components/schemas/ChannelRequest"),
        example = json!({"name": "North gate, left", "tags": ["school"], "expect_rev": 12})),
    responses((status = 200, description = "The channel as it is now", body = ref("#/components/schemas/ChannelDetail")),
        (status = 404, description = "No such channel", body = ref("#/components/schemas/ErrorBody")),
        (status = 409, description = "Changed after `expect_rev`", body = ref("#/components/schemas/ErrorBody")),
        (status = 422, description = "What is wrong, and what would be right", body = ref("#/components/schemas/ErrorBody"))))]
pub async fn change(
    author: Author,
    PathIds(id): PathIds<ChannelId>,
    Body(mut body): Body<Fields>,
) -> Result<Json<ChannelDetail>, ApiError> {
    author.state.auth().media(&author.login, &id)?;
    let from = expected(&mut body)?;
    let wishes = |held: &Held| Ok(vec![Op::PutChannel(Box::new(fields::changed(stored(held, &id)?, &body)?))]);
    author.make(from, wishes).await?;
    Ok(Json(detail(&author, &id)?))
}

/// Retires a channel: its open events end, its open alerts stay to be closed, its history stays.
#[utoipa::path(delete, path = "/api/v1/channels/{id}", operation_id = "remove_channel", tag = "channels",
    params(("id" = String, Path, description = "Channel id")),
    responses((status = 204, description = "Gone"),
        (status = 404, description = "No such channel", body = ref("#/components/schemas/ErrorBody"))))]
pub async fn remove(author: Author, PathIds(id): PathIds<ChannelId>) -> Result<StatusCode, ApiError> {
    author.state.auth().media(&author.login, &id)?;
    author.make(From::Now, |held| stored(held, &id).map(|_| vec![Op::RemoveChannel(id.clone())])).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BulkRequest {
    ids: Vec<ChannelId>,
    /// `enabled`, `area`, `credential`, `transport`, `tls`, `weight`, `add_tags`, `remove_tags`.
    #[serde(default)]
    #[schemars(with = "std::collections::BTreeMap<String, Value>")]
    set: Fields,
    /// Retires them all; goes with no `set`.
    #[serde(default)]
    remove: bool,
}

#[derive(Serialize, JsonSchema)]
pub struct BulkAnswer {
    /// The revision in which they were changed; the present one where nothing was.
    rev: Rev,
    changed: usize,
    refused: Vec<BulkRefusal>,
}

#[derive(Serialize, JsonSchema)]
pub struct BulkRefusal {
    id: String,
    reason: String,
}

/// Changes many channels in the same way, in one revision; those that cannot be are left as they are and named.
#[utoipa::path(post, path = "/api/v1/inventory/bulk", operation_id = "change_channels", tag = "channels",
    request_body(content = ref("#/components/schemas/BulkRequest"),
        example = json!({"ids": ["gate-1", "gate-2"], "set": {"area": "north", "add_tags": ["school"]}})),
    responses((status = 200, description = "What was changed", body = ref("#/components/schemas/BulkAnswer")),
        (status = 422, description = "What is wrong, and what would be right", body = ref("#/components/schemas/ErrorBody"))))]
pub async fn bulk(author: Author, Body(request): Body<BulkRequest>) -> Result<Json<BulkAnswer>, ApiError> {
    let set = Set::of(&request)?;
    let mut refused: HashMap<String, String> = HashMap::new();
    let mut left_out: HashMap<String, String> = HashMap::new();
    let done = loop {
        let made = author.make(From::Now, |held| {
            refused = left_out.clone();
            Ok(wishes(&author, held, &request, &set, &mut refused))
        });
        match made.await {
            // One that cannot be must not hold up the others.
            Err(EditError::Inventory(InventoryError::Refused(refusals))) => {
                let before = left_out.len();
                let of = refusals.iter().filter(|r| r.kind == Kind::Channel && !r.id.is_empty());
                left_out.extend(of.map(|r| (r.id.clone(), because(r))));
                if left_out.len() == before {
                    return Err(InventoryError::Refused(refusals).into());
                }
            }
            done => break done?,
        }
    };
    let mut refused: Vec<_> = refused.into_iter().map(|(id, reason)| BulkRefusal { id, reason }).collect();
    refused.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(Json(BulkAnswer { rev: done.rev, changed: done.changes.len(), refused }))
}

fn because(refusal: &Refusal) -> String {
    match refusal.field.as_str() {
        "" => refusal.reason.clone(),
        field => format!("{field}: {}", refusal.reason),
    }
}

/// What a bulk change sets, checked as far as it can be without a channel.
struct Set {
    keys: Vec<String>,
    /// A channel that has the values.
    model: Channel,
    add: Vec<String>,
    remove: Vec<String>,
}

impl Set {
    fn of(request: &BulkRequest) -> Result<Set, ApiError> {
        if request.remove != request.set.is_empty() {
            return Err(ApiError::invalid("give either set with at least one field, or remove: true"));
        }
        let mut fields = request.set.clone();
        let mut tags = |key: &str| match fields.remove(key) {
            None => Ok(Vec::new()),
            Some(value) => serde_json::from_value::<Vec<String>>(value)
                .map_err(|_| ApiError::invalid(format!("set.{key}: must be a list of tags"))),
        };
        let (add, remove) = (tags("add_tags")?, tags("remove_tags")?);
        if let Some(key) = fields.keys().find(|key| !BULK.contains(&key.as_str())) {
            let key: String = key.chars().take(40).collect();
            let known = BULK.join(", ");
            return Err(ApiError::invalid(format!(
                "set.{key}: cannot be set for many; {known}, add_tags and remove_tags can"
            )));
        }
        let keys = fields.keys().cloned().collect();
        fields.insert("id".into(), "model".into());
        fields.insert("url".into(), "".into());
        Ok(Set { keys, model: fields::made(&fields)?, add, remove })
    }

    fn put(&self, base: &Channel) -> Channel {
        let (mut channel, model) = (base.clone(), &self.model);
        for key in &self.keys {
            match key.as_str() {
                "enabled" => channel.enabled = model.enabled,
                "area" => channel.area.clone_from(&model.area),
                "credential" => channel.credential.clone_from(&model.credential),
                "transport" => channel.transport = model.transport,
                "tls" => channel.tls = model.tls,
                "weight" => channel.weight = model.weight,
                _ => {}
            }
        }
        channel.tags.retain(|t| !self.remove.contains(t));
        let fresh: Vec<_> = self.add.iter().filter(|t| !channel.tags.contains(t)).cloned().collect();
        channel.tags.extend(fresh);
        channel
    }
}

/// `refused` holds those that are left out, and gets those that cannot be.
fn wishes(
    author: &Author,
    held: &Held,
    request: &BulkRequest,
    set: &Set,
    refused: &mut HashMap<String, String>,
) -> Vec<Op> {
    let stored: HashMap<&str, &Channel> =
        held.stored.channels.iter().map(|c| (c.value.id.as_str(), &c.value)).collect();
    let of_file: HashSet<&ChannelId> = held.file.channel.iter().map(|c| &c.id).collect();
    let mut ops = Vec::with_capacity(request.ids.len());
    for id in &request.ids {
        if refused.contains_key(id.as_str()) {
            continue;
        }
        let visible = author.state.auth().media(&author.login, id).is_ok();
        match stored.get(id.as_str()) {
            Some(base) if visible && !of_file.contains(id) => ops.push(match request.remove {
                true => Op::RemoveChannel(id.clone()),
                false => Op::PutChannel(Box::new(set.put(base))),
            }),
            _ => {
                let reason = if visible && of_file.contains(id) { IN_FILE } else { "no such channel" };
                refused.insert(id.to_string(), reason.into());
            }
        }
    }
    ops
}

fn in_file(held: &Held, id: &ChannelId) -> bool {
    held.file.channel.iter().any(|c| c.id == *id)
}

/// A channel that may be changed here.
fn stored<'a>(held: &'a Held, id: &ChannelId) -> Result<&'a Channel, ApiError> {
    if in_file(held, id) {
        return Err(ApiError::invalid(format!("the channel '{id}' {IN_FILE}")));
    }
    held.stored.channel(id.as_str()).map(|c| &c.value).ok_or_else(|| ApiError::not_found("channel"))
}

fn detail(author: &Author, id: &ChannelId) -> Result<ChannelDetail, ApiError> {
    let proof = author.state.auth().media(&author.login, id)?;
    ChannelDetail::of(&author.state, &author.login, &proof)
}
