//! `skyeye models list|fetch|check|add`: what the detectors are, where they come from, and whether they work here.
//!
//! In: the manifests, the models folder, the runtime library. Out: lines for a person, and with `--json` one object as
//! the last line. A file gets its final name only after its sha256 is known to be right, in one rename. It starts no
//! process: packages of a registry are brought by the set-up script with the registry's own client.

mod add;
mod fetch;

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::Exit;
use crate::config::Provider;
use crate::infer::{Detector, DetectorOptions, InferError, Layout, Manifest, ManifestError, ModelInfo, Runtime};
use crate::types::Clock;

pub use add::AddArgs;

/// Where models and the runtime library lie, from the configuration.
#[derive(Debug, Clone)]
pub struct ModelPaths {
    pub models_dir: PathBuf,
    /// A manifest in place of the built-in one.
    pub manifest: Option<PathBuf>,
    /// The ONNX Runtime library.
    pub runtime: PathBuf,
    /// What models run on.
    pub provider: Provider,
}

#[derive(Debug, Args)]
pub struct ModelsArgs {
    #[command(subcommand)]
    pub command: ModelsCommand,
}

#[derive(Debug, Subcommand)]
pub enum ModelsCommand {
    /// Show every known model: whether its file is here and right, input size, licence, source
    List,
    /// Fetch model files and check their sha256
    ///
    /// A file that is here and right is not fetched again. Models whose source is a package of a registry are brought
    /// by deploy/setup.sh instead.
    Fetch {
        /// Models to fetch; without a name all whose source is an https address or a folder
        names: Vec<String>,
    },
    /// Prove that models work on this machine: sha256, loading, a look at a blank picture and its time
    Check {
        /// Models to check; without a name all whose file is here
        names: Vec<String>,
    },
    /// Add a detector of your own: copies its file into the models folder, tries it, writes its entry
    ///
    /// Example: skyeye models add yolox_nano.onnx --name yolox-nano --layout yolox --licence Apache-2.0
    Add(AddArgs),
}

/// Why a command failed; a sentence each.
#[derive(Debug, thiserror::Error)]
pub enum ModelsError {
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    #[error(transparent)]
    Infer(#[from] InferError),
    /// What was asked for cannot be.
    #[error("{0}")]
    Usage(String),
    #[error("{0}")]
    Failed(String),
}

impl ModelsError {
    /// 64 for bad usage or configuration, 1 for what failed.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Manifest(_) | Self::Usage(_) => Exit::Usage,
            Self::Infer(InferError::Identifying { .. }) => Exit::Usage,
            Self::Infer(_) | Self::Failed(_) => Exit::Failed,
        }
    }
}

/// What a command has to say.
struct Report {
    lines: Vec<String>,
    json: Value,
    /// Some models are not right: said in the lines, and the exit code is 1.
    failed: bool,
}

/// The entry of a model by its name in the manifest of `models_dir`, or by its file.
pub fn named(models_dir: &Path, named: &str) -> anyhow::Result<ModelInfo> {
    let file = Path::new(named);
    if let (true, Some(folder)) = (file.is_file(), file.parent()) {
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        let manifest = Manifest::load(folder, None)?;
        let same = manifest.models.iter().find(|m| m.path.file_name() == file.file_name());
        return same.cloned().with_context(|| format!("{named} is in no manifest; add it with `skyeye models add`"));
    }
    Ok(Manifest::load(models_dir, None)?.get(named)?.clone())
}

/// Runs a command, prints what it has to say, and returns the exit code: 0 good, 64 bad usage, 1 failed.
pub fn run(args: &ModelsArgs, paths: &ModelPaths, json: bool) -> Exit {
    let result = match &args.command {
        ModelsCommand::List => list(paths),
        ModelsCommand::Fetch { names, .. } => fetch::run(names, paths, &mut |line| eprintln!("{line}")),
        ModelsCommand::Check { names, .. } => check(names, paths),
        ModelsCommand::Add(args) => add::run(args, paths),
    };
    match result {
        Ok(report) => {
            report.lines.iter().for_each(|line| println!("{line}"));
            if json {
                println!("{}", report.json);
            }
            if report.failed { Exit::Failed } else { Exit::Good }
        }
        Err(error) => {
            eprintln!("{error}");
            if json {
                println!("{}", json!({ "error": error.to_string() }));
            }
            error.exit()
        }
    }
}

/// The file of a model, as it lies there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Ready,
    Missing,
    WrongSha256,
}

impl State {
    fn of(model: &ModelInfo) -> Self {
        match file_sha256(&model.path) {
            Ok(found) if found == *model.sha256 => State::Ready,
            Ok(_) => State::WrongSha256,
            Err(_) => State::Missing,
        }
    }
    fn as_str(self) -> &'static str {
        match self {
            State::Ready => "ready",
            State::Missing => "missing",
            State::WrongSha256 => "wrong_sha256",
        }
    }
}

fn file_sha256(path: &Path) -> std::io::Result<String> {
    let mut hasher = Sha256::new();
    std::io::copy(&mut std::fs::File::open(path)?, &mut Hashing(&mut hasher))?;
    Ok(hex::encode(hasher.finalize()))
}

/// A writer that only hashes.
struct Hashing<'a>(&'a mut Sha256);

impl std::io::Write for Hashing<'_> {
    fn write(&mut self, data: &[u8]) -> std::io::Result<usize> {
        self.0.update(data);
        Ok(data.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn describe(model: &ModelInfo, state: State) -> Value {
    json!({
        "name": model.name,
        "state": state.as_str(),
        "path": model.path,
        "licence": model.licence,
        "source": model.source.to_string(),
        "sha256": &*model.sha256,
        "layout": model.layout.as_str(),
        "width": model.input.width,
        "height": model.input.height,
        "colour": model.input.colour.as_str(),
        "labels": model.labels.len(),
        "described_in": model.described_in,
    })
}

fn list(paths: &ModelPaths) -> Result<Report, ModelsError> {
    let manifest = Manifest::load(&paths.models_dir, paths.manifest.as_deref())?;
    let width = manifest.models.iter().map(|m| m.name.as_str().len()).max().unwrap_or(0).max("NAME".len());
    let row = |cells: [&str; 6]| {
        format!("{:<width$} {:<13} {:<13} {:<11} {:<13} {}", cells[0], cells[1], cells[2], cells[3], cells[4], cells[5])
    };
    let mut lines = vec![row(["NAME", "STATE", "LAYOUT", "INPUT", "LICENCE", "SOURCE"])];
    let (mut models, mut states) = (Vec::new(), Vec::new());
    for model in &manifest.models {
        let state = State::of(model);
        let size = format!("{}x{}", model.input.width, model.input.height);
        let (name, source) = (model.name.as_str(), model.source.to_string());
        lines.push(row([name, state.as_str(), model.layout.as_str(), &size, &model.licence, &source]));
        models.push(describe(model, state));
        states.push(state);
    }
    lines.push(format!("the files lie in {}", paths.models_dir.display()));
    let hints = [
        (State::Missing, "missing: `skyeye models fetch NAME` brings the file, or says what does"),
        (
            State::WrongSha256,
            "wrong_sha256: the file is not the one that the manifest describes; fetch or add it again",
        ),
    ];
    lines.extend(hints.iter().filter(|(state, _)| states.contains(state)).map(|(_, hint)| (*hint).to_owned()));
    Ok(Report { lines, json: json!({ "models": models }), failed: false })
}

fn check(names: &[String], paths: &ModelPaths) -> Result<Report, ModelsError> {
    let manifest = Manifest::load(&paths.models_dir, paths.manifest.as_deref())?;
    let chosen: Vec<&ModelInfo> = if names.is_empty() {
        manifest.models.iter().filter(|m| m.path.exists()).collect()
    } else {
        names.iter().map(|n| manifest.get(n)).collect::<Result<_, _>>()?
    };
    if chosen.is_empty() {
        return Err(ModelsError::Failed(format!(
            "no model's file is in {}; deploy/setup.sh brings the default, `skyeye models list` shows all",
            paths.models_dir.display()
        )));
    }
    let runtime = Runtime::load(&paths.runtime)?.on(paths.provider)?;
    let (mut lines, mut models, mut failed) = (Vec::new(), Vec::new(), false);
    for model in chosen {
        match time(&runtime, model) {
            Ok(look_ms) => {
                lines.push(format!(
                    "{}: ok; {} input '{}' {}x{} {}, {} labels, {look_ms:.1} ms a look on one thread, sha256 {}",
                    model.name,
                    model.layout.as_str(),
                    model.input.name,
                    model.input.width,
                    model.input.height,
                    model.input.colour.as_str(),
                    model.labels.len(),
                    model.sha256
                ));
                let mut value = describe(model, State::Ready);
                value["look_ms"] = json!((look_ms * 10.0).round() / 10.0);
                value["ok"] = json!(true);
                models.push(value);
            }
            Err(error) => {
                failed = true;
                models.push(json!({ "name": model.name, "ok": false, "error": error.to_string() }));
                lines.push(error.to_string());
            }
        }
    }
    Ok(Report { lines, json: json!({ "ok": !failed, "models": models }), failed })
}

/// Milliseconds of one look at a blank picture: at most ten looks or about a second.
fn time(runtime: &Runtime, model: &ModelInfo) -> Result<f64, InferError> {
    let mut detector = Detector::open(runtime, model, &DetectorOptions::default())?;
    let clock = Clock::start();
    let mut looks = 0;
    while looks < 10 && (looks == 0 || clock.mono().0 < 1000) {
        detector.blank()?;
        looks += 1;
    }
    Ok(clock.mono().0 as f64 / f64::from(looks))
}

/// For clap: the layouts by their names in the manifest.
fn layout(text: &str) -> Result<Layout, String> {
    [Layout::EfficientDet, Layout::Yolox]
        .into_iter()
        .find(|l| l.as_str() == text)
        .ok_or_else(|| "there are 'yolox' and 'efficientdet'".into())
}
