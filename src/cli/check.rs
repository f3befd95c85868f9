//! `skyeye check`: is the configuration good, and the schemas of what is published.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::{Exit, capacity::Capacity, channels, webhooks};
use crate::{config, decode, infer, ingest::descriptors, inventory, publish};

#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Write the JSON Schemas of all MQTT payloads into this folder; no configuration is read
    #[arg(long, value_name = "DIR")]
    schemas: Option<PathBuf>,
}

pub fn run(path: &Path, args: &CheckArgs, json: bool) -> Exit {
    match &args.schemas {
        Some(dir) => write_schemas(dir, json),
        None => check(path, json),
    }
}

fn check(path: &Path, json: bool) -> Exit {
    let config = match config::load(path) {
        Ok(config) => config,
        Err(e) => {
            eprintln!("{e}");
            if json {
                println!("{}", json!({ "ok": false, "file": e.file, "problems": e.problems, "warnings": [] }));
            }
            return Exit::Usage;
        }
    };
    if let Some(problem) = unknown_model(&config) {
        eprintln!("{}: {}: {}", path.display(), problem.key, problem.message);
        if json {
            println!("{}", json!({ "ok": false, "file": path, "problems": [problem], "warnings": [] }));
        }
        return Exit::Usage;
    }
    let mut warnings = plain_passwords(&config);
    let stored = super::block_on(async { Ok(channels::snapshot(&config).await?) });
    let (config, stored) = match stored {
        Ok(stored) => {
            let counts = (stored.channels.len(), stored.areas.len());
            let merged = inventory::merged(config, &stored);
            warnings.extend(merged.notes);
            warnings.extend(merged.shadowed.iter().map(|id| {
                format!("{id} stands in this file and in the inventory; the file counts, take one of them away")
            }));
            (merged.config, counts)
        }
        Err(e) => {
            warnings.push(format!("{e:#}; a gateway would run on this file alone"));
            (config, (0, 0))
        }
    };
    warnings.extend(self::warnings(&config));
    warnings.extend(config.announced().sentence());
    warnings.extend(webhooks::warnings(&config.webhook));
    let capacity = Capacity::measure(&config);
    warnings.extend(capacity.iter().flat_map(|c| c.warnings(&config)));
    let decoders = decode::decoders(config.decode.element);
    match &decoders {
        Err(e) => warnings.push(format!("decode: {e}")),
        Ok(decoders) => {
            let asked = !matches!(config.decode.element, config::DecoderChoice::Auto | config::DecoderChoice::Software);
            warnings.extend(decoders.iter().filter(|d| asked && !d.hardware).map(|d| format!("decode.element: {d}")));
        }
    }
    for w in &warnings {
        eprintln!("{}: warning: {w}", path.display());
    }
    if json {
        println!(
            "{}",
            json!({
                "ok": true, "file": path.display().to_string(), "problems": [], "warnings": warnings,
                "channels": config.channel.len(), "areas": config.area.len(), "rules": config.rule.len(),
                "webhooks": config.webhook.len(), "feeds": config.feed.len(),
                "stored": { "channels": stored.0, "areas": stored.1 },
                "decoders": decoders.as_ref().map(|d| d.as_slice()).unwrap_or_default(),
                "capacity": capacity,
            })
        );
    } else {
        println!(
            "{}: good: {} channels, {} areas, {} rules",
            path.display(),
            config.channel.len(),
            config.area.len(),
            config.rule.len()
        );
        if stored != (0, 0) {
            println!("of these {} channels and {} areas stand in the inventory", stored.0, stored.1);
        }
        for hook in &config.webhook {
            println!("{}", webhooks::sentence(hook));
        }
        for decoder in decoders.iter().flat_map(|d| d.iter()) {
            println!("decode: {decoder}");
        }
        if let Some(c) = &capacity {
            println!(
                "this box: about {:.0} looks a second ({} workers, {:.1} ms a look without decoding); the floors need {:.2}",
                c.looks_hz, c.workers, c.look_ms, c.floors_hz
            );
        }
    }
    Exit::Good
}

/// A detector that no manifest knows: a gateway would run and see nothing. One whose file is missing is only a warning:
/// it may be fetched on the box itself.
fn unknown_model(config: &config::Config) -> Option<config::Problem> {
    let manifest = infer::Manifest::load(&config.infer.models_dir, None).ok()?;
    let e = manifest.get(config.infer.model.as_str()).err()?;
    Some(config::Problem::new("infer.model", e.to_string()))
}

/// What is allowed but hardly meant.
fn warnings(config: &config::Config) -> Vec<String> {
    let mut warnings = Vec::new();
    let model =
        infer::Manifest::load(&config.infer.models_dir, None).and_then(|m| m.get(config.infer.model.as_str()).cloned());
    match model {
        Err(e) => warnings.push(format!("infer.model: {e}")),
        Ok(model) => {
            for (i, rule) in config.rule.iter().enumerate() {
                for label in rule.labels.iter().filter(|l| !model.labels.iter().any(|m| **m == ***l)) {
                    warnings.push(format!(
                        "rule[{i}].labels: '{label}' is no label of the model {}, so it never fires; labels are written \
                         as the model has them, e.g. \"person\"",
                        config.infer.model
                    ));
                }
            }
        }
    }
    if !config.infer.runtime.exists() {
        warnings.push(format!(
            "infer.runtime: '{}' does not exist; deploy/setup.sh brings it, without it nothing is detected",
            config.infer.runtime.display()
        ));
    }
    if let Some(reason) = infer::provider::missing(config.infer.provider, &config.infer.runtime) {
        warnings.push(format!("infer.provider: nothing will be detected: {reason}"));
    } else if infer::provider::batches(config.infer.provider) {
        warnings.push(format!(
            "infer.provider: \"{}\" is untested; `skyeye models check` says whether it works here",
            infer::provider::name(config.infer.provider)
        ));
    }
    let index = config.rule_index();
    let watched = |c: &config::Channel| !index.of(c).is_empty();
    let idle: Vec<_> = config.channel.iter().filter(|c| c.enabled && !watched(c)).map(|c| c.id.as_str()).collect();
    if !idle.is_empty() {
        warnings.push(format!("no rule watches {} channel(s): {}", idle.len(), shorten(&idle)));
    }
    if let Err(sentence) = descriptors::check(descriptors::needed(config)) {
        warnings.push(sentence);
    }
    warnings
}

/// Of the file's own credentials.
fn plain_passwords(file: &config::Config) -> Vec<String> {
    let plain = file.credential.iter().enumerate().filter(|(_, c)| c.password.is_some());
    plain.map(|(i, _)| format!("credential[{i}].password stands in the file; password_file keeps it out")).collect()
}

fn shorten(ids: &[&str]) -> String {
    let head = ids.iter().take(5).copied().collect::<Vec<_>>().join(", ");
    if ids.len() > 5 { format!("{head}, …") } else { head }
}

fn write_schemas(dir: &Path, json: bool) -> Exit {
    let schemas = publish::schema::schemas();
    let mut written = Vec::new();
    for (name, schema) in &schemas {
        let path = dir.join(format!("{name}.schema.json"));
        let text = format!("{schema:#}\n");
        if let Err(e) = std::fs::create_dir_all(dir).and_then(|()| std::fs::write(&path, text)) {
            eprintln!("skyeye: {} cannot be written: {e}", path.display());
            return Exit::Failed;
        }
        written.push(path.display().to_string());
    }
    if json {
        println!("{}", json!({ "ok": true, "files": written }));
    } else {
        written.iter().for_each(|w| println!("{w}"));
    }
    Exit::Good
}
