//! `channels set` and `remove`.

use clap::Args;

use super::{Exit, author, import::KindArg, list::areas_called, open, say};
use crate::{
    config::{Channel, Config},
    inventory::{self, Edit, Expect, InventoryError, Kind, Op, Refusal, Source, fields_of, set_fields},
    types::{AreaId, ChannelId},
};

#[derive(Debug, Args)]
pub struct SetArgs {
    /// Channel id
    id: String,
    /// Fields and what they shall be; nothing behind the sign takes a field back
    #[arg(required = true, value_name = "KEY=VALUE", value_parser = pair)]
    fields: Vec<(String, String)>,
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("must be KEY=VALUE")?;
    let known = fields_of(Kind::Channel).into_iter().map(|f| f.name()).collect::<Vec<_>>();
    if !known.contains(&key.to_owned()) {
        return Err(format!("'{key}' is no field; one of {}", known.join(", ")));
    }
    Ok((key.to_owned(), value.to_owned()))
}

pub async fn set(config: Config, args: &SetArgs, json: bool) -> anyhow::Result<Exit> {
    let inventory = open(&config).await?;
    let snapshot = inventory.snapshot().await?;
    let stored = snapshot.channel(&args.id).map(|c| &c.value);
    let stored = stored.or_else(|| config.channel.iter().find(|c| c.id.as_str() == args.id));
    let stored =
        stored.ok_or_else(|| InventoryError::NotFound(format!("the inventory has no channel '{}'", args.id)))?;
    let merged = inventory::merged(config.clone(), &snapshot).config;
    let refused = |field: &str, reason: String| {
        InventoryError::Refused(vec![Refusal {
            kind: Kind::Channel,
            id: args.id.clone(),
            field: field.to_owned(),
            reason,
        }])
    };
    let fields = args.fields.iter().map(|(key, value)| {
        // A person knows an area by its name; where several bear it, only the id says which.
        if key != "area" || value.is_empty() {
            return Ok((key.clone(), value.clone()));
        }
        match areas_called(&merged, value).map_err(|e| refused(key, e.to_string()))?.as_slice() {
            [area] => Ok((key.clone(), area.to_string())),
            several => Err(refused(
                key,
                format!("{} areas are called '{value}'; give the id of one: {}", several.len(), join(several)),
            )),
        }
    });
    let fields = fields.collect::<Result<Vec<_>, InventoryError>>()?;
    let channel: Channel = set_fields(stored, &fields).map_err(|(field, why)| refused(&field, why))?;
    let edit = Edit {
        ops: vec![Op::PutChannel(Box::new(channel))],
        author: author(),
        source: Source::Cli,
        summary: String::new(),
        expect: Expect::Untouched(snapshot.rev),
    };
    say(&inventory.edit(&config, edit).await?, json);
    Ok(Exit::Good)
}

fn join(ids: &[AreaId]) -> String {
    ids.iter().take(10).map(AreaId::as_str).collect::<Vec<_>>().join(", ")
}

#[derive(Debug, Args)]
pub struct RemoveArgs {
    /// Ids
    #[arg(required = true)]
    ids: Vec<String>,
    /// What they are
    #[arg(long, value_enum, default_value = "channels")]
    kind: KindArg,
}

pub async fn remove(config: Config, args: &RemoveArgs, json: bool) -> anyhow::Result<Exit> {
    let op = |id: &String| -> anyhow::Result<Op> {
        Ok(match args.kind {
            KindArg::Channels => Op::RemoveChannel(ChannelId::new(id)?),
            KindArg::Areas => Op::RemoveArea(AreaId::new(id)?),
        })
    };
    let ops = args.ids.iter().map(op).collect::<anyhow::Result<_>>()?;
    let edit = Edit { ops, author: author(), source: Source::Cli, summary: String::new(), expect: Expect::Anything };
    say(&open(&config).await?.edit(&config, edit).await?, json);
    Ok(Exit::Good)
}
