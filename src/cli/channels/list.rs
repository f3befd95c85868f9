//! `channels list` and `show`: the channels of file and inventory together.

use std::collections::HashSet;

use clap::Args;
use serde_json::{Value, json};
use url::Url;

use super::{Exit, snapshot};
use crate::{
    config::{Channel, Config},
    inventory::{self, InventoryError, Merged},
    types::{AreaId, ChannelId},
};

#[derive(Debug, Args)]
pub struct ListArgs {
    /// Only channels with this text in id, name, host, external number or tags
    text: Option<String>,
    /// Only channels on this area, by its id or name, or below
    #[arg(long, value_name = "AREA")]
    area: Option<String>,
}

/// Both together, and which ids are the file's.
async fn all(config: Config) -> Result<(Merged, HashSet<ChannelId>), InventoryError> {
    let fixed = config.channel.iter().map(|c| c.id.clone()).collect();
    let stored = snapshot(&config).await?;
    let merged = inventory::merged(config, &stored);
    for note in merged.notes.iter().cloned().chain(
        merged
            .shadowed
            .iter()
            .map(|id| format!("{id} stands in the configuration file and in the inventory; the file counts")),
    ) {
        eprintln!("warning: {note}");
    }
    Ok((merged, fixed))
}

fn origin(fixed: &HashSet<ChannelId>, id: &ChannelId) -> &'static str {
    if fixed.contains(id) { "file" } else { "inventory" }
}

pub async fn list(config: Config, args: &ListArgs, json: bool) -> anyhow::Result<Exit> {
    let (merged, fixed) = all(config).await?;
    let areas = merged.config.area_paths();
    let named = args.area.as_deref().map(|area| areas_called(&merged.config, area)).transpose()?;
    let mut found = Vec::new();
    for channel in &merged.config.channel {
        let path = areas.of(channel);
        let within = named.as_ref().is_none_or(|named| path.iter().any(|p| named.contains(p)));
        if within && args.text.as_ref().is_none_or(|text| matches(channel, text)) {
            found.push((channel, path));
        }
    }
    for (channel, path) in &found {
        let names: Vec<_> = path.iter().map(|id| areas.name(id)).collect();
        let off = if channel.enabled { "" } else { "  (switched off)" };
        println!(
            "{}  {}  {}  [{}] {}{off}",
            channel.id,
            channel.display_name(),
            host(channel),
            names.join(" / "),
            origin(&fixed, &channel.id)
        );
    }
    println!("{} of {} channels", found.len(), merged.config.channel.len());
    if json {
        let channels: Vec<Value> = found.iter().map(|(c, _)| object(c, &fixed)).collect::<Result<_, _>>()?;
        println!("{}", json!({ "ok": true, "channels": channels, "of": merged.config.channel.len() }));
    }
    Ok(Exit::Good)
}

/// Areas with this id, or else of this name; several may bear the same.
pub(super) fn areas_called(config: &Config, called: &str) -> Result<Vec<AreaId>, InventoryError> {
    if let Some(area) = config.area.iter().find(|a| a.id.as_str() == called) {
        return Ok(vec![area.id.clone()]);
    }
    let found: Vec<_> = config.area.iter().filter(|a| a.name == called).map(|a| a.id.clone()).collect();
    if found.is_empty() {
        return Err(InventoryError::NotFound(format!("no area has the id or name '{called}'")));
    }
    Ok(found)
}

fn host(channel: &Channel) -> String {
    Url::parse(&channel.url).ok().and_then(|u| u.host_str().map(str::to_owned)).unwrap_or_default()
}

fn matches(channel: &Channel, text: &str) -> bool {
    let text = text.to_lowercase();
    let has = |t: &str| t.to_lowercase().contains(&text);
    has(channel.id.as_str())
        || has(&channel.name)
        || has(&channel.external_id)
        || has(&host(channel))
        || channel.tags.iter().any(|t| has(t))
}

fn object(channel: &Channel, fixed: &HashSet<ChannelId>) -> serde_json::Result<Value> {
    let mut object = serde_json::to_value(channel)?;
    object["origin"] = origin(fixed, &channel.id).into();
    Ok(object)
}

pub async fn show(config: Config, id: &str, json: bool) -> anyhow::Result<Exit> {
    let (merged, fixed) = all(config).await?;
    let found = merged.config.channel.iter().find(|c| c.id.as_str() == id);
    let channel = found.ok_or_else(|| InventoryError::NotFound(format!("there is no channel '{id}'")))?;
    let object = object(channel, &fixed)?;
    for (key, value) in object.as_object().into_iter().flatten() {
        match value {
            Value::Null => {}
            Value::String(text) if text.is_empty() => {}
            Value::Array(items) if items.is_empty() => {}
            Value::String(text) => println!("{key} = {text}"),
            other => println!("{key} = {other}"),
        }
    }
    let areas = merged.config.area_paths();
    let path: Vec<_> = areas.of(channel).iter().map(|a| areas.name(a).to_owned()).collect();
    if !path.is_empty() {
        println!("hangs on {}", path.join(" / "));
    }
    if json {
        println!("{object}");
    }
    Ok(Exit::Good)
}
