//! `skyeye models add`: a detector of one's own.
//!
//! The file is looked at, copied beside the other weights, opened as the gateway would open it, and only then written
//! into `local.toml`: an entry that is there works.

use std::fs;
use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use toml_edit::{Array, ArrayOfTables, DocumentMut, InlineTable, Item, Table, Value, value};

use super::fetch::write_checked;
use super::{ModelPaths, ModelsError, Report, State, describe, layout};
use crate::infer::manifest::{Source, built_in_labels, parse_labels};
use crate::infer::session::{Inspected, propose};
use crate::infer::{Colour, Detector, DetectorOptions, Layout, Manifest, ModelInfo, Runtime};
use crate::types::ModelName;

#[derive(Debug, Args)]
pub struct AddArgs {
    /// The ONNX file
    pub file: PathBuf,
    /// Name for `[infer] model` in the configuration: a-z, 0-9, '.', '_' and '-'
    #[arg(long)]
    pub name: ModelName,
    /// How its output is read: yolox (undecoded, strides 8, 16 and 32) or efficientdet (boxes and scores)
    #[arg(long, value_parser = layout)]
    pub layout: Layout,
    /// Licence of the weights by its SPDX name, e.g. Apache-2.0
    #[arg(long, value_name = "SPDX")]
    pub licence: String,
    /// A text file with one class a line, in the model's order [default: the 80 classes of COCO]
    #[arg(long, value_name = "FILE")]
    pub labels: Option<PathBuf>,
    /// Colour order of the input, rgb or bgr [default: bgr for yolox, rgb for efficientdet]
    #[arg(long, value_parser = colour)]
    pub colour: Option<Colour>,
}

fn colour(text: &str) -> Result<Colour, String> {
    [Colour::Rgb, Colour::Bgr]
        .into_iter()
        .find(|c| c.as_str() == text)
        .ok_or_else(|| "there are 'rgb' and 'bgr'".into())
}

pub(super) fn run(args: &AddArgs, paths: &ModelPaths) -> Result<Report, ModelsError> {
    // A broken manifest is said now, not after the copy.
    Manifest::load(&paths.models_dir, paths.manifest.as_deref())?;
    let file = args.file.display();
    let refuse = |reason: String| ModelsError::Usage(format!("{file}: {reason}"));
    if args.licence.trim().is_empty() {
        return Err(ModelsError::Usage("--licence must not be empty; give its SPDX name, e.g. Apache-2.0".into()));
    }
    let runtime = Runtime::load(&paths.runtime)?;
    let inspected = runtime.inspect(&args.file)?;
    let input = propose(&inspected, args.layout, args.colour).map_err(refuse)?;
    let (labels_name, labels_text) = labels(args, &inspected)?;
    let labels = parse_labels(&labels_text).map_err(|reason| match &args.labels {
        Some(path) => ModelsError::Usage(format!("{}: {reason}", path.display())),
        None => refuse(reason),
    })?;

    let weights = format!("{}.onnx", args.name);
    let model = ModelInfo {
        name: args.name.clone(),
        // First opened where it lies: a file that does not work leaves no trace.
        path: args.file.clone(),
        licence: args.licence.clone(),
        source: Source::Note(format!("added from {}", args.file.file_name().unwrap_or_default().display())),
        sha256: inspected.sha256.into(),
        layout: args.layout,
        input,
        labels,
        described_in: Manifest::local_path(&paths.models_dir).display().to_string(),
    };
    drop(Detector::open(&runtime, &model, &DetectorOptions::default())?);

    let failed = |reason: String| ModelsError::Failed(format!("model '{}': {reason}", args.name));
    let model = ModelInfo { path: paths.models_dir.join(&weights), ..model };
    let source = fs::File::open(&args.file).map_err(|e| failed(format!("{file}: {e}")))?;
    write_checked(source, &model.path, Some(&model.sha256), &mut |_| {}).map_err(failed)?;
    write_checked(labels_text.as_bytes(), &paths.models_dir.join(&labels_name), None, &mut |_| {}).map_err(failed)?;
    let text = local(paths, &model, &weights, &labels_name).map_err(failed)?;
    write_checked(text.as_bytes(), &Manifest::local_path(&paths.models_dir), None, &mut |_| {}).map_err(failed)?;
    // What was written is what will be read.
    Manifest::load(&paths.models_dir, paths.manifest.as_deref())?.get(args.name.as_str())?;
    let lines = vec![
        format!("{}: added as {} with {} labels", args.name, model.path.display(), model.labels.len()),
        format!("Use it with [infer] model = \"{}\" in the configuration.", args.name),
    ];
    Ok(Report { lines, json: json!({ "ok": true, "model": describe(&model, State::Ready) }), failed: false })
}

/// The name and text of the label file for the entry.
fn labels(args: &AddArgs, inspected: &Inspected) -> Result<(String, String), ModelsError> {
    let (name, text) = built_in_labels();
    let classes = match args.layout {
        Layout::Yolox => inspected.outputs.first().and_then(|o| o.shape.last()).map(|n| n - 5),
        Layout::EfficientDet => {
            inspected.outputs.iter().find(|o| o.name == "scores").and_then(|o| o.shape.last().copied())
        }
    };
    match &args.labels {
        Some(path) => {
            let text = fs::read_to_string(path)
                .map_err(|e| ModelsError::Usage(format!("{}: cannot be read: {e}", path.display())))?;
            Ok((format!("{}.txt", args.name), text))
        }
        None if classes.is_some_and(|n| n > 0 && n != text.lines().count() as i64) => Err(ModelsError::Usage(format!(
            "{} has {} classes, COCO has 80: name them with --labels FILE, one a line",
            args.file.display(),
            classes.unwrap_or_default()
        ))),
        None => Ok((name.into(), text.into())),
    }
}

/// `local.toml` with the entry, comments and other entries as they were.
fn local(paths: &ModelPaths, model: &ModelInfo, weights: &str, labels: &str) -> Result<String, String> {
    let path = Manifest::local_path(&paths.models_dir);
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            "# Detectors of this site; `skyeye models add` writes here.\n\n".into()
        }
        Err(e) => return Err(format!("{}: {e}", path.display())),
    };
    let mut document: DocumentMut = text.parse().map_err(|e| format!("{}: {e}", path.display()))?;
    let mut entry = Table::new();
    let mut input = InlineTable::new();
    input.insert("width", i64::from(model.input.width).into());
    input.insert("height", i64::from(model.input.height).into());
    input.insert("colour", model.input.colour.as_str().into());
    input.insert("name", model.input.name.as_str().into());
    entry["name"] = value(model.name.as_str());
    entry["file"] = value(weights);
    entry["licence"] = value(model.licence.as_str());
    entry["source"] = value(model.source.to_string());
    entry["sha256"] = value(&*model.sha256);
    entry["layout"] = value(model.layout.as_str());
    entry["input"] = value(input);
    entry["labels"] = value(labels);
    entry["detects"] = value(Array::from_iter(["objects"]));
    let list = document.entry("model").or_insert(Item::ArrayOfTables(ArrayOfTables::new()));
    let list = list.as_array_of_tables_mut().ok_or_else(|| format!("{}: `model` must be [[model]]", path.display()))?;
    list.retain(|t| t.get("name").and_then(Item::as_value).and_then(Value::as_str) != Some(model.name.as_str()));
    list.push(entry);
    Ok(document.to_string())
}
