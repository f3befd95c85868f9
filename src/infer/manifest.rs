//! The models that may be used: where they come from, what they must be, how they are read.
//!
//! In: `manifest.toml` (built into the binary; one in the models folder or named by hand takes its place) and, beside
//! the weights, `local.toml` with a site's own models, which `skyeye models add` writes. Out: [`ModelInfo`]s.
//! A broken manifest is refused whole, with file, line and what would be right.
//!
//! A model that identifies people is refused here, by what it declares and by its labels: skyeye recognises no face,
//! reads no plate and follows no person across cameras.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;
use toml::Spanned;

use crate::types::{ModelName, ModelRef};

const EMBEDDED: &str = include_str!("../../models/manifest.toml");
const EMBEDDED_LABELS: (&str, &str) = ("coco-80.txt", include_str!("../../models/coco-80.txt"));
/// A manifest or label file larger than this is a mistake.
const MAX_TEXT_BYTES: u64 = 1 << 20;
const MAX_LABELS: usize = 10_000;

/// How a model's output is read; see `postprocess`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Layout {
    EfficientDet,
    Yolox,
}

impl Layout {
    pub fn as_str(self) -> &'static str {
        match self {
            Layout::EfficientDet => "efficientdet",
            Layout::Yolox => "yolox",
        }
    }
}

/// The order of the colour planes of the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Colour {
    Rgb,
    Bgr,
}

impl Colour {
    pub fn as_str(self) -> &'static str {
        match self {
            Colour::Rgb => "rgb",
            Colour::Bgr => "bgr",
        }
    }
}

/// The input tensor: float32 `[1, 3, height, width]`, 0..255.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    pub width: u32,
    pub height: u32,
    pub colour: Colour,
    pub name: String,
}

impl Input {
    /// Refuses what no layout can have; the reason is a clause.
    pub fn check(&self) -> Result<(), String> {
        let Input { width, height, name, .. } = self;
        if ![width, height].iter().all(|side| (32..=4096).contains(*side) && *side % 32 == 0) {
            return Err(format!("input {width} x {height} must be multiples of 32 from 32 to 4096"));
        }
        if name.is_empty() { Err("input.name must not be empty".into()) } else { Ok(()) }
    }
}

/// One model, checked, with its paths and labels resolved.
#[derive(Debug, Clone)]
pub struct ModelInfo {
    pub name: ModelName,
    /// Where the weights lie, or would lie once fetched.
    pub path: PathBuf,
    pub licence: String,
    pub source: Source,
    /// Lower-case hex.
    pub sha256: Arc<str>,
    pub layout: Layout,
    pub input: Input,
    pub labels: Arc<[Arc<str>]>,
    /// The manifest that describes it.
    pub described_in: String,
}

impl ModelInfo {
    pub fn model_ref(&self) -> ModelRef {
        ModelRef { name: self.name.clone(), sha256: self.sha256.clone() }
    }
}

/// Where the weights come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Fetched by `skyeye models fetch`.
    Https(String),
    /// A folder that holds the file, e.g. a mounted stick.
    Folder(PathBuf),
    /// A package of a registry, which the set-up script brings with the registry's own client.
    Registry(String),
    /// A sentence for a person.
    Note(String),
}

impl Source {
    fn read(text: &str) -> Self {
        if text.starts_with("https://") {
            return Source::Https(text.into());
        }
        match text.split_once(':') {
            Some(("folder", path)) => Source::Folder(path.into()),
            Some(("npm" | "pypi" | "crates" | "deb", _)) => Source::Registry(text.into()),
            _ => Source::Note(text.into()),
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Https(text) | Source::Registry(text) | Source::Note(text) => f.write_str(text),
            Source::Folder(path) => write!(f, "folder:{}", path.display()),
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    #[error("{path}: cannot be read: {reason}")]
    Unreadable { path: String, reason: String },
    /// Something in the text; `message` says what would be right.
    #[error("{path}:{line}: {message}")]
    Wrong { path: String, line: usize, message: String },
    #[error("model '{name}' is in no manifest; there are: {known}. Add a file of your own with `skyeye models add`")]
    Unknown { name: String, known: String },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    model: Vec<Spanned<Entry>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: ModelName,
    file: String,
    licence: String,
    source: String,
    sha256: String,
    layout: Layout,
    input: Input,
    labels: String,
    detects: Vec<String>,
}

/// All models that are known here.
#[derive(Debug)]
pub struct Manifest {
    pub models: Vec<ModelInfo>,
}

impl Manifest {
    /// Reads the manifest (`manifest`, else `models_dir/manifest.toml`, else the built-in one) and then
    /// `models_dir/local.toml` if there is one.
    pub fn load(models_dir: &Path, manifest: Option<&Path>) -> Result<Self, ManifestError> {
        let own = models_dir.join("manifest.toml");
        let path = manifest.or_else(|| own.exists().then_some(own.as_path()));
        let mut models = match path {
            Some(path) => parse(&read_text(path)?, path, models_dir)?,
            None => parse(EMBEDDED, Path::new("built-in manifest.toml"), models_dir)?,
        };
        let local = Self::local_path(models_dir);
        if local.exists() {
            for model in parse(&read_text(&local)?, &local, models_dir)? {
                // A site's own file of a name takes the place of ours, e.g. the same detector trained further.
                models.retain(|m| m.name != model.name);
                models.push(model);
            }
        }
        Ok(Self { models })
    }

    /// The manifest that `skyeye models add` writes.
    pub fn local_path(models_dir: &Path) -> PathBuf {
        models_dir.join("local.toml")
    }

    pub fn get(&self, name: &str) -> Result<&ModelInfo, ManifestError> {
        self.models.iter().find(|m| m.name.as_str() == name).ok_or_else(|| ManifestError::Unknown {
            name: name.chars().take(80).collect(),
            known: self.models.iter().map(|m| m.name.as_str()).collect::<Vec<_>>().join(", "),
        })
    }
}

fn read_text(path: &Path) -> Result<String, ManifestError> {
    let unreadable = |reason: String| ManifestError::Unreadable { path: path.display().to_string(), reason };
    let size = std::fs::metadata(path).map_err(|e| unreadable(e.to_string()))?.len();
    if size > MAX_TEXT_BYTES {
        return Err(unreadable(format!("it has {size} bytes, more than {MAX_TEXT_BYTES}")));
    }
    std::fs::read_to_string(path).map_err(|e| unreadable(e.to_string()))
}

fn parse(text: &str, path: &Path, models_dir: &Path) -> Result<Vec<ModelInfo>, ManifestError> {
    let line = |offset: usize| 1 + text.bytes().take(offset).filter(|b| *b == b'\n').count();
    let wrong = |offset: usize, message: String| ManifestError::Wrong {
        path: path.display().to_string(),
        line: line(offset),
        message,
    };
    let file: File =
        toml::from_str(text).map_err(|e| wrong(e.span().map_or(0, |s| s.start), e.message().to_owned()))?;
    let mut models: Vec<ModelInfo> = Vec::new();
    for entry in file.model {
        let offset = entry.span().start;
        let entry = entry.into_inner();
        let name = entry.name.clone();
        let wrong = |message: String| wrong(offset, format!("model '{name}': {message}"));
        if models.iter().any(|m| m.name == entry.name) {
            return Err(wrong("is there twice; give one of them another name".into()));
        }
        let model = entry.check(path, models_dir).map_err(wrong)?;
        models.push(model);
    }
    Ok(models)
}

impl Entry {
    fn check(self, manifest: &Path, models_dir: &Path) -> Result<ModelInfo, String> {
        if let Some(what) = self.detects.iter().find(|d| *d != "objects") {
            return Err(refusal(what));
        }
        if self.detects.is_empty() {
            return Err("detects is empty; write detects = [\"objects\"]".into());
        }
        plain_file_name("file", &self.file)?;
        plain_file_name("labels", &self.labels)?;
        if self.sha256.len() != 64 || !self.sha256.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
            return Err("sha256 must be 64 lower-case hex digits; `sha256sum FILE` prints them".into());
        }
        if self.source.starts_with("http://") {
            return Err("source is http, which anyone on the way can change; use https".into());
        }
        self.input.check()?;
        if self.licence.trim().is_empty() {
            return Err("licence must not be empty; write its SPDX name".into());
        }
        let labels = read_labels(manifest, &self.labels)?;
        Ok(ModelInfo {
            name: self.name,
            path: models_dir.join(self.file),
            licence: self.licence,
            source: Source::read(&self.source),
            sha256: self.sha256.into(),
            layout: self.layout,
            input: self.input,
            labels,
            described_in: manifest.display().to_string(),
        })
    }
}

/// A name without a path in it, so that no manifest reaches outside its folder.
fn plain_file_name(key: &str, name: &str) -> Result<(), String> {
    let plain = Path::new(name).file_name().is_some_and(|n| n == name) && !name.contains('\0');
    if plain { Ok(()) } else { Err(format!("{key} = \"{name}\" must be the plain name of a file in the folder")) }
}

/// Labels lie beside their manifest; the built-in set is there everywhere.
fn read_labels(manifest: &Path, name: &str) -> Result<Arc<[Arc<str>]>, String> {
    let beside = manifest.parent().unwrap_or(Path::new("")).join(name);
    let text = if beside.exists() {
        read_text(&beside).map_err(|e| e.to_string())?
    } else if name == EMBEDDED_LABELS.0 {
        EMBEDDED_LABELS.1.to_owned()
    } else {
        return Err(format!("labels file {} is not there; one class a line, in the model's order", beside.display()));
    };
    parse_labels(&text).map_err(|reason| format!("labels file {name} {reason}"))
}

/// One label a line; refuses what is none and what identifies.
pub fn parse_labels(text: &str) -> Result<Arc<[Arc<str>]>, String> {
    let labels: Vec<Arc<str>> = text.lines().map(str::trim).filter(|l| !l.is_empty()).map(Arc::from).collect();
    if labels.is_empty() || labels.len() > MAX_LABELS || labels.iter().any(|l| l.chars().count() > 64) {
        return Err(format!("must hold 1 to {MAX_LABELS} lines of at most 64 characters"));
    }
    match labels.iter().find(|l| identifying(l).is_some()) {
        Some(label) => Err(refusal(label)),
        None => Ok(labels.into()),
    }
}

/// The built-in label set: its file name and its text.
pub fn built_in_labels() -> (&'static str, &'static str) {
    EMBEDDED_LABELS
}

/// Words that tell that a model identifies people or their vehicles.
const IDENTIFYING: &[&str] = &[
    "face",
    "faces",
    "facial",
    "head-id",
    "plate",
    "plates",
    "licenseplate",
    "licenceplate",
    "numberplate",
    "anpr",
    "lpr",
    "reid",
    "reidentification",
    "fingerprint",
    "iris",
    "gait",
    "identity",
    "embedding",
    "embeddings",
    "landmarks",
];

/// The word by which `text` tells that it identifies, if it does.
pub fn identifying(text: &str) -> Option<&'static str> {
    let lower = text.to_lowercase();
    let mut words = lower.split(|c: char| !c.is_alphanumeric());
    let joined: String = lower.chars().filter(|c| c.is_alphanumeric()).collect();
    let by_word = IDENTIFYING.iter().find(|i| words.any(|w| w == **i));
    // `license plate`, `re-id`: compounds that the split takes apart.
    let compounds = ["licenseplate", "licenceplate", "numberplate", "reidentification", "faceid", "personid"];
    by_word
        .copied()
        .or_else(|| compounds.into_iter().find(|c| joined.contains(c)))
        .or_else(|| (joined == "reid" || joined.ends_with("reid")).then_some("reid"))
}

/// The rule, said once.
pub fn refusal(what: &str) -> String {
    format!(
        "finds '{what}', and skyeye identifies nobody: no face recognition, no plate reading, no re-identification. \
         Only models with detects = [\"objects\"] are loaded"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = r#"[[model]]
name = "mine"
file = "mine.onnx"
licence = "Apache-2.0"
source = "folder:/media/stick"
sha256 = "843997c44b151ea4551bee32908ba530d9b2face8db774fb9dcfd17570420af3"
layout = "yolox"
input = { width = 416, height = 416, colour = "bgr", name = "images" }
labels = "coco-80.txt"
detects = ["objects"]
"#;

    fn read(text: &str) -> Result<Vec<ModelInfo>, ManifestError> {
        parse(text, Path::new("m/manifest.toml"), Path::new("models"))
    }

    #[test]
    fn the_built_in_manifest_is_sound() {
        let dir = tempfile::tempdir().unwrap();
        let manifest = Manifest::load(dir.path(), None).unwrap();
        let model = manifest.get("efficientdet-lite0").unwrap();
        assert_eq!((model.layout, model.labels.len(), &*model.labels[0]), (Layout::EfficientDet, 80, "person"));
        assert!(matches!(model.source, Source::Registry(_)));
        assert!(manifest.get("nope").unwrap_err().to_string().contains("efficientdet-lite0"));
    }

    #[test]
    fn a_mistake_is_named_with_its_line_and_what_would_be_right() {
        for (from, to, line, says) in [
            ("layout = \"yolox\"", "layout = \"ssd\"", 7, "yolox"),
            ("licence", "license", 4, "licence"),
            ("width = 416", "width = 400", 1, "multiples of 32"),
            ("843997", "ABC", 1, "sha256sum"),
            ("mine.onnx", "../../etc/passwd", 1, "plain name"),
            ("coco-80.txt", "other.txt", 1, "one class a line"),
            ("\"mine\"", "\"My Model\"", 2, "a-z"),
            ("folder:/media", "http://media", 1, "https"),
            ("[\"objects\"]", "[]", 1, "objects"),
        ] {
            let text = ONE.replace(from, to);
            let error = read(&text).unwrap_err().to_string();
            assert!(
                error.starts_with(&format!("m/manifest.toml:{line}: ")) && error.contains(says),
                "{from} -> {to}: {error}"
            );
        }
        assert!(
            read(&format!("{ONE}{ONE}"))
                .unwrap_err()
                .to_string()
                .contains("manifest.toml:11: model 'mine': is there twice")
        );
    }

    #[test]
    fn what_identifies_is_refused() {
        for what in ["faces", "plates", "person-reid", "anything"] {
            let error = read(&ONE.replace("objects", what)).unwrap_err().to_string();
            assert!(error.contains("identifies nobody"), "{error}");
        }
        for label in ["face", "License Plate", "number_plate", "person re-id", "face_mask", "licence-plate"] {
            assert!(identifying(label).is_some(), "{label}");
        }
        for line in EMBEDDED_LABELS.1.lines().chain(["surface", "template", "area id", "person", "helmet", "boots"]) {
            assert_eq!(identifying(line), None, "{line}");
        }
    }

    #[test]
    fn local_models_take_precedence_and_labels_lie_beside() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("own.txt"), "helmet\n\nvest\n").unwrap();
        let text = ONE.replace("coco-80.txt", "own.txt").replace("\"mine\"", "\"efficientdet-lite0\"");
        std::fs::write(Manifest::local_path(dir.path()), text).unwrap();
        let manifest = Manifest::load(dir.path(), None).unwrap();
        let model = manifest.get("efficientdet-lite0").unwrap();
        assert_eq!(model.labels.iter().map(|l| &**l).collect::<Vec<_>>(), ["helmet", "vest"]);
        std::fs::write(dir.path().join("own.txt"), "helmet\nface\n").unwrap();
        assert!(Manifest::load(dir.path(), None).unwrap_err().to_string().contains("'face'"));
    }
}
