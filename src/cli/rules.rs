//! `skyeye rules`: rules and timetables from the command line, with a gateway running or not, in the manner of
//! `skyeye channels`. What stands in the configuration file is shown and never changed.

use std::path::Path;

use anyhow::Context;
use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Map, Value, json};

use super::{
    Exit,
    channels::{answered, author, diff, history, open, say, snapshot},
};
use crate::{
    config::{Config, Rule, Timetable},
    inventory::{self, Edit, Expect, Inventory, InventoryError, Kind, Op, Refusal, Source},
    types::{Clock, RuleId, TimetableId},
};

const SET_AFTER: &str =
    "Values are written as in the configuration file; a word without quotes is a text, and nothing behind
the sign puts a key back to its default. A rule that is not there is made; it needs a type.

Examples:
  skyeye rules set yard type=intrusion 'tags=[\"school\"]' 'zones=[\"yard\"]' enabled=false
  skyeye rules set yard 'for=[{ channel = \"gate-1\", enabled = true }]'
  skyeye rules set --kind timetables nights 'weekly=[\"mon-fri 18:00-08:00\"]'";

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum KindArg {
    Rules,
    Timetables,
}

#[derive(Debug, Subcommand)]
pub enum RulesCommand {
    /// List rules and timetables, those of the configuration file and of the inventory
    List {
        /// Only those with this text in id, type, zones, lines or labels
        text: Option<String>,
    },
    /// Show all that a rule says, or a timetable
    Show {
        /// Id
        id: String,
        /// What it is
        #[arg(long, value_enum, default_value = "rules")]
        kind: KindArg,
    },
    /// Set keys of a rule or a timetable, e.g. `set yard min_score=0.6`
    #[command(after_help = SET_AFTER)]
    Set(SetArgs),
    /// Remove rules or timetables: what is open ends, its alerts stay
    Remove {
        /// Ids
        #[arg(required = true)]
        ids: Vec<String>,
        /// What they are
        #[arg(long, value_enum, default_value = "rules")]
        kind: KindArg,
    },
    /// Show who changed a rule or a timetable, newest first
    History {
        /// Id
        id: String,
        /// What it is
        #[arg(long, value_enum, default_value = "rules")]
        kind: KindArg,
        /// How many revisions
        #[arg(long, default_value_t = 20)]
        limit: u32,
    },
    /// Take a revision back, where nothing has touched the same things since
    Undo {
        /// Number of the revision
        rev: u64,
    },
}

#[derive(Debug, Args)]
pub struct SetArgs {
    /// Id
    id: String,
    /// Keys and what they shall be
    #[arg(required = true, value_name = "KEY=VALUE", value_parser = pair)]
    keys: Vec<(String, Value)>,
    /// What it is
    #[arg(long, value_enum, default_value = "rules")]
    kind: KindArg,
}

/// The value as TOML, else as a text.
fn pair(text: &str) -> Result<(String, Value), String> {
    let (key, value) = text.split_once('=').ok_or("must be KEY=VALUE")?;
    let (key, value) = (key.trim(), value.trim());
    if value.is_empty() {
        return Ok((key.to_owned(), Value::Null));
    }
    let read = toml::from_str::<Map<String, Value>>(&format!("value = {value}")).ok();
    Ok((key.to_owned(), read.and_then(|mut m| m.remove("value")).unwrap_or_else(|| value.into())))
}

/// Runs a command on the inventory of a configuration file.
pub async fn run(path: &Path, command: RulesCommand, json: bool) -> anyhow::Result<Exit> {
    let config = match super::load(path) {
        Ok(config) => config,
        Err(exit) => return Ok(exit),
    };
    let done = match command {
        RulesCommand::List { text } => list(config, text.as_deref(), json).await,
        RulesCommand::Show { id, kind } => show(config, &id, kind, json).await,
        RulesCommand::Set(args) => set(&config, args, json).await,
        RulesCommand::Remove { ids, kind } => remove(&config, &ids, kind, json).await,
        RulesCommand::History { id, kind, limit } => told(&config, &id, kind, limit, json).await,
        RulesCommand::Undo { rev } => history::undo(&config, rev, json).await,
    };
    answered(done, json)
}

/// File and inventory together.
async fn merged(config: &Config) -> Result<Config, InventoryError> {
    let merged = inventory::merged(config.clone(), &snapshot(config).await?);
    let shadowed =
        merged.shadowed.iter().map(|id| format!("{id} stands in the file and in the inventory; the file counts"));
    for note in merged.notes.iter().cloned().chain(shadowed) {
        eprintln!("warning: {note}");
    }
    Ok(merged.config)
}

fn origin(is_of_file: bool) -> &'static str {
    if is_of_file { "file" } else { "inventory" }
}

async fn list(file: Config, text: Option<&str>, json: bool) -> anyhow::Result<Exit> {
    let config = merged(&file).await?;
    let text = text.map(str::to_lowercase);
    let has = |words: &str| text.as_ref().is_none_or(|t| words.to_lowercase().contains(t));
    let index = config.rule_index();
    let mut rules = Vec::new();
    for rule in &config.rule {
        let places: Vec<_> =
            rule.zones.iter().map(|z| z.as_str()).chain(rule.lines.iter().map(|l| l.as_str())).collect();
        if !has(&format!("{} {} {} {}", rule.id, rule.kind.as_str(), places.join(" "), rule.labels.join(" "))) {
            continue;
        }
        let of: Vec<_> = config.channel.iter().filter(|c| index.chosen(c).iter().any(|r| r.id == rule.id)).collect();
        let armed = of.iter().filter(|c| rule.on(&c.id).enabled && rule.on(&c.id).fits(c)).count();
        let origin = origin(file.rule.iter().any(|r| r.id == rule.id));
        let hours = rule.timetable.as_ref().map(|t| format!("  by {t}")).unwrap_or_default();
        println!(
            "{}  {}  [{}]  armed on {armed} of {} channels{hours}  {origin}",
            rule.id,
            rule.kind.as_str(),
            places.join(", "),
            of.len()
        );
        rules.push(json!({ "id": rule.id, "type": rule.kind, "channels": of.len(), "armed": armed, "origin": origin }));
    }
    println!("{} of {} rules", rules.len(), config.rule.len());
    let tables: Vec<_> = config.timetable.iter().filter(|t| has(&format!("{} {}", t.id, t.name))).collect();
    for table in &tables {
        let by = config.rule.iter().filter(|r| r.timetable.as_ref() == Some(&table.id)).count();
        println!("timetable {}  {}  {}  used by {by} rules", table.id, table.name, table.weekly.join("; "));
    }
    if json {
        println!("{}", json!({ "ok": true, "rules": rules, "timetables": tables, "of": config.rule.len() }));
    }
    Ok(Exit::Good)
}

async fn show(file: Config, id: &str, kind: KindArg, json: bool) -> anyhow::Result<Exit> {
    let config = merged(&file).await?;
    let found = match kind {
        KindArg::Rules => config.rule.iter().find(|r| r.id.as_str() == id).map(serde_json::to_value),
        KindArg::Timetables => config.timetable.iter().find(|t| t.id.as_str() == id).map(serde_json::to_value),
    };
    let what = kind.stored();
    let object = found.ok_or_else(|| InventoryError::NotFound(format!("there is no {what} '{id}'")))??;
    for (key, value) in object.as_object().into_iter().flatten() {
        let empty = value.is_null() || value.as_array().is_some_and(Vec::is_empty) || value.as_str() == Some("");
        if !empty {
            println!("{key} = {value}");
        }
    }
    if json {
        println!("{}", json!({ "ok": true, (what.as_str()): object }));
    }
    Ok(Exit::Good)
}

async fn set(config: &Config, args: SetArgs, json: bool) -> anyhow::Result<Exit> {
    let inventory = open(config).await?;
    let stored = inventory.snapshot().await?;
    let what = args.kind.stored();
    let op = match args.kind {
        KindArg::Rules => {
            let base = stored.rule(&args.id).map(|r| &r.value);
            let base = base.or_else(|| config.rule.iter().find(|r| r.id.as_str() == args.id));
            Op::PutRule(Box::new(with::<Rule>(base, &args, what)?))
        }
        KindArg::Timetables => {
            let base = stored.timetable(&args.id).map(|t| &t.value);
            let base = base.or_else(|| config.timetable.iter().find(|t| t.id.as_str() == args.id));
            Op::PutTimetable(with::<Timetable>(base, &args, what)?)
        }
    };
    make(&inventory, config, vec![op], Expect::Untouched(stored.rev), json).await
}

/// The object with these keys in place.
fn with<T: serde::Serialize + serde::de::DeserializeOwned>(
    base: Option<&T>,
    args: &SetArgs,
    kind: Kind,
) -> anyhow::Result<T> {
    let refused = |field: &str, reason: String| {
        InventoryError::Refused(vec![Refusal { kind, id: args.id.clone(), field: field.to_owned(), reason }])
    };
    // By way of the text: a share such as 0.3 stays what it is.
    let text = base.map_or_else(|| Ok("{}".to_owned()), serde_json::to_string)?;
    let mut fields: Map<String, Value> = serde_json::from_str(&text)?;
    fields.insert("id".into(), args.id.as_str().into());
    for (key, value) in &args.keys {
        if key == "id" {
            return Err(refused("id", "ids never change; make a new one and remove this one".into()).into());
        }
        match value {
            Value::Null => drop(fields.remove(key)),
            value => drop(fields.insert(key.clone(), value.clone())),
        }
    }
    Ok(serde_json::from_value(Value::Object(fields)).map_err(|e| refused("", e.to_string()))?)
}

async fn remove(config: &Config, ids: &[String], kind: KindArg, json: bool) -> anyhow::Result<Exit> {
    let op = |id: &String| -> anyhow::Result<Op> {
        Ok(match kind {
            KindArg::Rules => Op::RemoveRule(RuleId::new(id)?),
            KindArg::Timetables => Op::RemoveTimetable(TimetableId::new(id)?),
        })
    };
    let ops = ids.iter().map(op).collect::<anyhow::Result<_>>()?;
    make(&open(config).await?, config, ops, Expect::Anything, json).await
}

async fn make(
    inventory: &Inventory,
    config: &Config,
    ops: Vec<Op>,
    expect: Expect,
    json: bool,
) -> anyhow::Result<Exit> {
    let edit = Edit { ops, author: author(), source: Source::Cli, summary: String::new(), expect };
    say(&inventory.edit(config, edit).await?, json);
    Ok(Exit::Good)
}

async fn told(config: &Config, id: &str, kind: KindArg, limit: u32, json: bool) -> anyhow::Result<Exit> {
    let inventory = Inventory::open_existing(config, Clock::start()).await?;
    let inventory = inventory.context("there is no inventory yet, so no history")?;
    let of = inventory.revisions_of(kind.stored(), id, None, limit).await?;
    for (revision, change) in &of {
        history::line(revision);
        diff::change(change);
    }
    if json {
        let of: Vec<_> = of.iter().map(|(r, c)| json!({ "revision": r, "change": c })).collect();
        println!("{}", json!({ "ok": true, "revisions": of }));
    }
    Ok(Exit::Good)
}

impl KindArg {
    fn stored(self) -> Kind {
        match self {
            KindArg::Rules => Kind::Rule,
            KindArg::Timetables => Kind::Timetable,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_read_as_in_the_file_and_else_as_a_text() {
        for (text, value) in [
            ("min_score=0.6", json!(0.6)),
            ("enabled = false", json!(false)),
            ("zones=[\"yard\"]", json!(["yard"])),
            ("type=intrusion", json!("intrusion")),
            ("timetable=", Value::Null),
            ("for=[{ channel = \"a\", enabled = true }]", json!([{ "channel": "a", "enabled": true }])),
        ] {
            assert_eq!(pair(text).unwrap().1, value, "{text}");
        }
        assert!(pair("zones").is_err());
    }
}
