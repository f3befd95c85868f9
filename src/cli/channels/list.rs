//! `channels list` and `show`: the channels of file and inventory together, and how a gateway that runs says they stand.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    io,
};

use clap::Args;
use serde_json::{Value, json};
use url::Url;

use super::{Exit, snapshot};
use crate::{
    config::{Channel, Config},
    inventory::{self, InventoryError, Merged},
    node::control::{self, Standing},
    types::{AreaId, ChannelId, ChannelState},
};

#[derive(Debug, Args)]
pub struct ListArgs {
    /// Only channels with this text in id, name, host, external number or tags
    text: Option<String>,
    /// Only channels on this area, by its id or name, or below
    #[arg(long, value_name = "AREA")]
    area: Option<String>,
    /// Only channels in this state, or in one of these with commas between; asks the gateway that runs
    #[arg(long, value_name = "STATE", value_delimiter = ',', value_parser = state)]
    state: Vec<ChannelState>,
}

fn state(text: &str) -> Result<ChannelState, String> {
    ChannelState::ALL.into_iter().find(|s| s.as_str() == text).ok_or_else(|| {
        let all = ChannelState::ALL.map(ChannelState::as_str).join(", ");
        format!("'{text}' is no state of a channel; the states are {all}")
    })
}

/// How the channels stand, by the gateway that runs on this data folder. `None` where none runs; a sentence says why nobody
/// tells.
async fn standings(config: &Config) -> io::Result<Option<HashMap<ChannelId, Standing>>> {
    let dir = config.node.data_dir.display();
    let asked = control::ask(&config.node.data_dir).await;
    match &asked {
        Ok(Some(_)) => {}
        Ok(None) => eprintln!("no gateway runs on {dir}, so the states of the channels are not known"),
        Err(e) => eprintln!("the gateway on {dir} does not say how the channels stand: {e}"),
    }
    asked.map(|told| told.map(|all| all.into_iter().map(|s| (s.id.clone(), s)).collect()))
}

/// What `--state` lacks where no states are told.
fn lacks(why: Option<&io::Error>) -> &'static str {
    match why.map(io::Error::kind) {
        None => "--state needs a gateway that runs; start it with `skyeye run`, or leave --state out",
        Some(io::ErrorKind::PermissionDenied) => {
            "--state needs the gateway's answer; ask as the user that the gateway runs as, or leave --state out"
        }
        Some(_) => "--state needs the gateway's answer, which did not come; ask again, or leave --state out",
    }
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
    let asked = standings(&merged.config).await;
    let (standings, why) = match asked {
        Ok(standings) => (standings, None),
        Err(e) => (None, Some(e)),
    };
    if standings.is_none() && !args.state.is_empty() {
        return Err(InventoryError::NotFound(lacks(why.as_ref()).into()).into());
    }
    let areas = merged.config.area_paths();
    let named = args.area.as_deref().map(|area| areas_called(&merged.config, area)).transpose()?;
    let mut found = Vec::new();
    for channel in &merged.config.channel {
        let path = areas.of(channel);
        let within = named.as_ref().is_none_or(|named| path.iter().any(|p| named.contains(p)));
        let standing = standings.as_ref().and_then(|all| all.get(&channel.id));
        let stands = args.state.is_empty() || standing.is_some_and(|s| args.state.contains(&s.state));
        if within && stands && args.text.as_ref().is_none_or(|text| matches(channel, text)) {
            found.push((channel, path, standing));
        }
    }
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for (channel, path, standing) in &found {
        let names: Vec<_> = path.iter().map(|id| areas.name(id)).collect();
        println!(
            "{}  {}  {}  [{}] {}{}",
            channel.id,
            channel.display_name(),
            host(channel),
            names.join(" / "),
            origin(&fixed, &channel.id),
            stands(channel, *standing)
        );
        if let Some(standing) = standing {
            *counts.entry(standing.state.as_str()).or_default() += 1;
        }
    }
    let counted: Vec<_> = counts.iter().map(|(state, n)| format!("{n} {state}")).collect();
    let counted = if counted.is_empty() { String::new() } else { format!(": {}", counted.join(", ")) };
    println!("{} of {} channels{counted}", found.len(), merged.config.channel.len());
    if json {
        let channels = found.iter().map(|(channel, _, standing)| {
            let mut object = object(channel, &fixed)?;
            if let Some(standing) = standing {
                object["state"] = serde_json::to_value(standing.state)?;
                object["reason"] = standing.reason.as_str().into();
                object["since"] = serde_json::to_value(standing.since)?;
            }
            Ok(object)
        });
        let channels: Vec<Value> = channels.collect::<serde_json::Result<_>>()?;
        let of = merged.config.channel.len();
        println!("{}", json!({ "ok": true, "gateway": standings.is_some(), "channels": channels, "of": of }));
    }
    Ok(Exit::Good)
}

/// The end of a channel's line. A channel that was added this second the gateway does not know yet.
fn stands(channel: &Channel, standing: Option<&Standing>) -> String {
    let Some(Standing { state, reason, since, .. }) = standing else {
        return if channel.enabled { String::new() } else { "  (switched off)".into() };
    };
    match state {
        ChannelState::Running | ChannelState::Disabled => format!("  {}", state.as_str()),
        _ => format!("  {} since {}: {reason}", state.as_str(), since.to_rfc3339()),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_where_no_gateway_runs_one_is_to_be_started() {
        assert!(lacks(None).contains("skyeye run"));
        for kind in [io::ErrorKind::PermissionDenied, io::ErrorKind::TimedOut] {
            assert!(!lacks(Some(&kind.into())).contains("skyeye run"), "{kind}");
        }
    }
}
