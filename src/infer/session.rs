//! ONNX Runtime: the library, a model's session, and one look at a frame.
//!
//! In: the library's file, a [`ModelInfo`], frames. Out: detections. The library is loaded at run time from the file
//! that set-up checked, once a process. Weights are read once into memory, their sha256 compared, and the session
//! made from those very bytes; then the tensors' names and shapes are compared with the manifest and one blank input
//! is run, so that a wrong file is refused at load and not at the first alarm.
//!
//! A detector is one worker's: sessions do not run in parallel, and on a CPU one thread each is the most for the box.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ort::environment::Environment;
use ort::session::builder::{GraphOptimizationLevel, SessionBuilder};
use ort::session::{Session, SessionOutputs};
use ort::value::{TensorElementType, TensorRef, ValueType};
use parking_lot::Mutex;
use sha2::{Digest, Sha256};

use super::batch::Device;
use super::letterbox::{Letterbox, LetterboxError, Placed};
use super::manifest::{Colour, Layout, ModelInfo, identifying, refusal};
use super::open_size::open_size;
use super::postprocess::{self, Candidate};
use super::provider;
use crate::config::Provider;
use crate::telemetry::{Stopwatch, stage};
use crate::types::{Detection, Frame, ModelRef};

/// More than any detector for an edge box.
const MAX_MODEL_BYTES: u64 = 1 << 30;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InferError {
    #[error(
        "the ONNX Runtime library {path} cannot be loaded: {reason}; run deploy/setup.sh, or name the library in \
         [infer] runtime"
    )]
    Runtime { path: PathBuf, reason: String },
    #[error(
        "the ONNX Runtime library {loaded} is loaded, and a process can have one: {wanted} takes effect at the next start"
    )]
    OtherRuntime { loaded: PathBuf, wanted: PathBuf },
    #[error("[infer] provider = \"{provider}\" cannot be had from {runtime}: {reason}")]
    Provider { provider: &'static str, runtime: PathBuf, reason: String },
    #[error("model '{name}': {path} is not there; run `skyeye models fetch {name}` (or deploy/setup.sh)")]
    Missing { name: String, path: PathBuf },
    #[error("model '{name}': {path} cannot be read: {reason}")]
    Unreadable { name: String, path: PathBuf, reason: String },
    #[error(
        "model '{name}': {path} has sha256 {found}, the manifest says {wanted}: it is damaged or another file; fetch it \
         again, or describe the new file with `skyeye models add`"
    )]
    Sha256 { name: String, path: PathBuf, found: String, wanted: String },
    #[error("model '{name}': {reason}")]
    Shape { name: String, reason: String },
    #[error("model '{name}' {reason}")]
    Identifying { name: String, reason: String },
    #[error("model '{name}': ONNX Runtime cannot use it: {reason}")]
    Unusable { name: String, reason: String },
    #[error("model '{name}': a look failed: {reason}")]
    Failed { name: String, reason: String },
    #[error(transparent)]
    Frame(#[from] LetterboxError),
}

/// The loaded library and what models run on. Cheap to clone; the environment lives as long as the process.
#[derive(Clone)]
pub struct Runtime {
    environment: Environment,
    path: Arc<Path>,
    provider: Provider,
}

impl Runtime {
    /// Loads the library, once a process: a later call gives the one that is loaded, and refuses another path. Models
    /// run on the processor.
    pub fn load(path: &Path) -> Result<Runtime, InferError> {
        static LOADED: Mutex<Option<(Environment, Arc<Path>)>> = Mutex::new(None);
        let mut loaded = LOADED.lock();
        let refuse = |reason: String| InferError::Runtime { path: path.to_owned(), reason };
        if !path.is_file() {
            return Err(refuse("there is no such file".into()));
        }
        // The loader looks up a relative path beside the executable, people mean the working directory; and links that
        // lead to one file are one library.
        let real = std::fs::canonicalize(path).map_err(|e| refuse(e.to_string()))?;
        if let Some((environment, path)) = &*loaded {
            if **path != *real {
                return Err(InferError::OtherRuntime { loaded: path.to_path_buf(), wanted: real });
            }
            let (environment, path) = (environment.clone(), path.clone());
            return Ok(Runtime { environment, path, provider: Provider::Cpu });
        }
        let environment = ort::init_from(&real)
            .map_err(|e| refuse(e.to_string()))?
            .with_name("skyeye")
            .with_telemetry(false)
            .build()
            .map_err(|e| refuse(e.to_string()))?;
        environment.set_log_level(ort::logging::LogLevel::Warning);
        let path: Arc<Path> = real.into();
        *loaded = Some((environment.clone(), path.clone()));
        Ok(Runtime { environment, path, provider: Provider::Cpu })
    }

    /// The same library, with models on `provider`; refused if it is not there.
    pub fn on(mut self, provider: Provider) -> Result<Runtime, InferError> {
        provider::check(provider, &self.path).map_err(|reason| self.refuse(provider, reason))?;
        self.provider = provider;
        Ok(self)
    }

    /// As `[infer] runtime` and `provider` say.
    pub fn configured(config: &crate::config::Infer) -> Result<Runtime, InferError> {
        Self::load(&config.runtime)?.on(config.provider)
    }

    pub fn provider(&self) -> Provider {
        self.provider
    }

    fn refuse(&self, provider: Provider, reason: String) -> InferError {
        InferError::Provider { provider: provider::name(provider), runtime: self.path.to_path_buf(), reason }
    }

    fn session(&self, name: &str, weights: &[u8], threads: usize) -> Result<Session, InferError> {
        let threads = threads.max(1);
        let unusable = |e: String| InferError::Unusable {
            name: name.to_owned(),
            reason: e.trim_end_matches(['\n', '.']).to_owned(),
        };
        let prepare = || -> Result<SessionBuilder, ort::Error> {
            let builder = Session::builder(&self.environment)?
                .with_intra_threads(threads)?
                .with_inter_threads(1)?
                // Spinning threads steal the cores that read sockets.
                .with_intra_op_spinning(false)?
                .with_optimization_level(GraphOptimizationLevel::Level3)?
                .with_log_level(ort::logging::LogLevel::Warning)?;
            Ok(builder)
        };
        let builder = prepare().map_err(|e| unusable(e.to_string()))?;
        let mut builder =
            provider::register(self.provider, builder, threads).map_err(|reason| self.refuse(self.provider, reason))?;
        builder.commit_from_memory(weights).map_err(|e| unusable(e.to_string()))
    }

    /// What a file's tensors are, for `skyeye models add`.
    pub fn inspect(&self, path: &Path) -> Result<Inspected, InferError> {
        let name = path.display().to_string();
        let weights = read_weights(&name, path)?;
        let session = self.session(&name, &weights, 1)?;
        let describe = |o: &ort::value::Outlet| TensorInfo { name: o.name().to_owned(), shape: shape(o.dtype()) };
        Ok(Inspected {
            sha256: hex::encode(Sha256::digest(&weights)),
            inputs: session.inputs().iter().map(describe).collect(),
            outputs: session.outputs().iter().map(describe).collect(),
        })
    }
}

/// A model file's own description.
#[derive(Debug, Clone)]
pub struct Inspected {
    pub sha256: String,
    pub inputs: Vec<TensorInfo>,
    pub outputs: Vec<TensorInfo>,
}

#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct TensorInfo {
    pub name: String,
    /// Of a float32 tensor, -1 where the model leaves it open; empty for any other type.
    pub shape: Vec<i64>,
}

fn shape(value: &ValueType) -> Vec<i64> {
    match value {
        ValueType::Tensor { ty: TensorElementType::Float32, shape, .. } => shape.to_vec(),
        _ => Vec::new(),
    }
}

fn read_weights(name: &str, path: &Path) -> Result<Vec<u8>, InferError> {
    let unreadable = |reason: String| InferError::Unreadable { name: name.to_owned(), path: path.to_owned(), reason };
    match std::fs::metadata(path) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            return Err(InferError::Missing { name: name.to_owned(), path: path.to_owned() });
        }
        Err(e) => return Err(unreadable(e.to_string())),
        Ok(m) if !m.is_file() => return Err(unreadable("it is not a file".into())),
        Ok(m) if m.len() > MAX_MODEL_BYTES => return Err(unreadable(format!("it is over {MAX_MODEL_BYTES} bytes"))),
        Ok(_) => {}
    }
    std::fs::read(path).map_err(|e| unreadable(e.to_string()))
}

/// What is kept of what the model sees.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DetectorOptions {
    /// Detections below are dropped.
    pub min_score: f32,
    /// Boxes of one label that overlap by this much are one object.
    pub nms_iou: f32,
    /// Threads of one look; more than one only helps a box with idle cores.
    pub intra_threads: usize,
    /// Compute only the part of the input that holds the picture, where the model allows it.
    pub trim: bool,
}

impl Default for DetectorOptions {
    fn default() -> Self {
        Self { min_score: 0.25, nms_iou: 0.5, intra_threads: 1, trim: true }
    }
}

/// What a worker looks with: a detector of its own, or its way to a device that it shares with others.
pub trait Detect: Send {
    /// The objects in a frame, the best first.
    fn detect(&mut self, frame: &Frame) -> Result<Vec<Detection>, InferError>;

    /// The model that looks.
    fn model_ref(&self) -> ModelRef;
}

impl Detect for Detector {
    fn detect(&mut self, frame: &Frame) -> Result<Vec<Detection>, InferError> {
        Detector::detect(self, frame)
    }

    fn model_ref(&self) -> ModelRef {
        Detector::model_ref(self)
    }
}

/// A model ready to look at frames; one a worker.
pub struct Detector {
    info: ModelInfo,
    options: DetectorOptions,
    session: Session,
    letterbox: Letterbox,
    tensor: Vec<f32>,
    /// Width and height of what is in the tensor.
    size: (usize, usize),
    found: Vec<Candidate>,
}

impl Detector {
    /// Checks the weights against the manifest and makes them ready.
    pub fn open(runtime: &Runtime, model: &ModelInfo, options: &DetectorOptions) -> Result<Self, InferError> {
        let weights = weights(model)?;
        if options.trim
            && runtime.provider == Provider::Cpu
            && let Some(step) = step(model)
            && let Some(this) = Self::trimmed(runtime, model, options, &weights, step)
        {
            return Ok(this);
        }
        let mut this = Self::with(session(runtime, model, options, &weights)?, model, options);
        this.run()?;
        Ok(this)
    }

    /// With the size of its input left open; none where the model needs its own. Both sizes are tried now.
    fn trimmed(
        runtime: &Runtime,
        model: &ModelInfo,
        options: &DetectorOptions,
        weights: &[u8],
        step: usize,
    ) -> Option<Self> {
        let open = open_size(weights, &model.input.name, full_size(model))?;
        let session = session(runtime, model, options, &open).ok()?;
        let mut this = Self::with(session, model, options);
        this.letterbox = this.letterbox.trimmed(step);
        this.run().ok()?;
        this.size = (step, step);
        this.tensor.truncate(3 * step * step);
        this.run().ok()?;
        Some(this)
    }

    fn with(session: Session, model: &ModelInfo, options: &DetectorOptions) -> Self {
        let fill = fill_beside(model.layout);
        let letterbox = Letterbox::new(model.input.width, model.input.height, model.input.colour, fill);
        let (tensor, size) = (vec![fill; letterbox.len()], full_size(model));
        Self { info: model.clone(), options: *options, session, letterbox, tensor, size, found: Vec::new() }
    }

    pub fn info(&self) -> &ModelInfo {
        &self.info
    }

    pub fn model_ref(&self) -> ModelRef {
        self.info.model_ref()
    }

    /// The objects in a frame, the best first.
    pub fn detect(&mut self, frame: &Frame) -> Result<Vec<Detection>, InferError> {
        let mut watch = Stopwatch::start();
        let placed = self.letterbox.fill(frame, &mut self.tensor)?;
        self.size = placed.tensor;
        stage::look().letterbox.record(watch.lap());
        self.look(placed)
    }

    /// One look at whatever is in the tensor; for timing.
    pub fn blank(&mut self) -> Result<Vec<Detection>, InferError> {
        self.tensor.clear();
        self.tensor.resize(self.letterbox.len(), 114.0);
        self.size = full_size(&self.info);
        let (width, height) = (self.size.0 as f32, self.size.1 as f32);
        self.look(Placed { width, height, tensor: self.size })
    }

    fn look(&mut self, placed: Placed) -> Result<Vec<Detection>, InferError> {
        let mut watch = self.run().inspect_err(|_| metrics::counter!("skyeye_infer_errors_total").increment(1))?;
        metrics::counter!("skyeye_infer_looks_total").increment(1);
        postprocess::suppress(&mut self.found, self.options.nms_iou);
        let named = postprocess::name(&self.found, placed, &self.info.labels);
        stage::look().postprocess.record(watch.lap());
        Ok(named)
    }

    /// Runs the session on the tensor as the last look left it and reads nothing of what comes out: the floor that
    /// benches hold a look against.
    pub fn run_alone(&mut self) -> Result<(), InferError> {
        let Self { info, session, tensor, size, .. } = self;
        run(session, info, tensor, 1, *size)?;
        Ok(())
    }

    /// Runs the session on the tensor and reads its output into `found`. What it gives measures since the session's end.
    fn run(&mut self) -> Result<Stopwatch, InferError> {
        let Self { info, options, session, tensor, size, found, .. } = self;
        let mut watch = Stopwatch::start();
        let outputs = run(session, info, tensor, 1, *size)?;
        stage::look().run.record(watch.lap());
        read(&outputs, info, *size, options.min_score, std::slice::from_mut(found))?;
        Ok(watch)
    }
}

/// The value beside the picture: what each family was trained with.
pub(super) fn fill_beside(layout: Layout) -> f32 {
    match layout {
        Layout::Yolox => 114.0,
        Layout::EfficientDet => 127.0,
    }
}

fn full_size(model: &ModelInfo) -> (usize, usize) {
    (model.input.width as usize, model.input.height as usize)
}

/// In which steps the model's input may be smaller than its full size, if it may; EfficientDet has its anchors in it.
fn step(model: &ModelInfo) -> Option<usize> {
    let (width, height) = full_size(model);
    let coarsest = postprocess::STRIDES.into_iter().max()?;
    (model.layout == Layout::Yolox && width.is_multiple_of(coarsest) && height.is_multiple_of(coarsest))
        .then_some(coarsest)
}

/// Weights that are what the manifest says.
fn weights(model: &ModelInfo) -> Result<Vec<u8>, InferError> {
    let name = model.name.to_string();
    let weights = read_weights(&name, &model.path)?;
    let found = hex::encode(Sha256::digest(&weights));
    if found != *model.sha256 {
        let wanted = model.sha256.to_string();
        return Err(InferError::Sha256 { name, path: model.path.clone(), found, wanted });
    }
    Ok(weights)
}

/// A session whose tensors are what the manifest says.
fn session(
    runtime: &Runtime,
    model: &ModelInfo,
    options: &DetectorOptions,
    weights: &[u8],
) -> Result<Session, InferError> {
    let session = runtime.session(model.name.as_str(), weights, options.intra_threads)?;
    check_tensors(model, &session)?;
    Ok(session)
}

/// Runs a session on `count` pictures of `size`, width and height.
fn run<'s>(
    session: &'s mut Session,
    info: &ModelInfo,
    tensors: &[f32],
    count: usize,
    (width, height): (usize, usize),
) -> Result<SessionOutputs<'s>, InferError> {
    let failed = |e: ort::Error| InferError::Failed { name: info.name.to_string(), reason: e.to_string() };
    let shape = [count, 3, height, width];
    let input = TensorRef::from_array_view((shape, tensors)).map_err(failed)?;
    session.run(ort::inputs![info.input.name.as_str() => input]).map_err(failed)
}

/// Reads the output for as many pictures as `found` has room for.
fn read(
    outputs: &SessionOutputs<'_>,
    info: &ModelInfo,
    (width, height): (usize, usize),
    min_score: f32,
    found: &mut [Vec<Candidate>],
) -> Result<(), InferError> {
    let name = info.name.to_string();
    let (count, classes) = (found.len(), info.labels.len());
    let refuse = |reason: String| InferError::Shape { name: name.clone(), reason };
    let floats = |key: Option<&str>| {
        let value = match key {
            Some(key) => outputs.get(key),
            None => outputs.values().next().map(|_| &outputs[0]),
        };
        let value = value.ok_or_else(|| refuse(format!("it gave no output '{}'", key.unwrap_or("0"))))?;
        value
            .try_extract_tensor::<f32>()
            .map(|(shape, data)| (shape.to_vec(), data))
            .map_err(|e| InferError::Failed { name: name.clone(), reason: e.to_string() })
    };
    match info.layout {
        Layout::Yolox => {
            let (shape, data) = floats(None)?;
            let entries = postprocess::yolox_entries(width, height);
            let wanted = [count as i64, entries as i64, 5 + classes as i64];
            if shape != wanted {
                return Err(refuse(format!("its output has the shape {shape:?}, yolox wants {wanted:?}")));
            }
            for (data, found) in data.chunks_exact((entries * (5 + classes)).max(1)).zip(found) {
                postprocess::yolox(data, classes, (width, height), min_score, found);
            }
        }
        Layout::EfficientDet => {
            let ((boxes_shape, boxes), (scores_shape, scores)) = (floats(Some("boxes"))?, floats(Some("scores"))?);
            let entries = boxes_shape.get(1).copied().unwrap_or(0);
            if boxes_shape != [count as i64, entries, 4] || scores_shape != [count as i64, entries, classes as i64] {
                return Err(refuse(format!(
                    "its outputs have the shapes {boxes_shape:?} and {scores_shape:?}, efficientdet wants \
                     [{count}, N, 4] and [{count}, N, {classes}]"
                )));
            }
            let entries = entries.max(1) as usize;
            let both = boxes.chunks_exact(entries * 4).zip(scores.chunks_exact((entries * classes).max(1)));
            for ((boxes, scores), found) in both.zip(found) {
                postprocess::efficientdet(boxes, scores, classes, min_score, found);
            }
        }
    }
    Ok(())
}

/// A session on an accelerator, for the batcher.
pub struct OrtDevice {
    info: ModelInfo,
    min_score: f32,
    session: Session,
    batch_max: usize,
}

impl OrtDevice {
    /// As [`Detector::open`]; pictures go in batches of up to `batch_max` where the model leaves their number open.
    pub fn open(
        runtime: &Runtime,
        model: &ModelInfo,
        options: &DetectorOptions,
        batch_max: usize,
    ) -> Result<Self, InferError> {
        let session = session(runtime, model, options, &weights(model)?)?;
        let open_number = session.inputs().first().is_some_and(|i| shape(i.dtype()).first() == Some(&-1));
        let batch_max = if open_number { batch_max.max(1) } else { 1 };
        let mut this = Self { info: model.clone(), min_score: options.min_score, session, batch_max };
        // The largest batch once: what it needs of the device's memory is there, or the model is refused now.
        let one = 3 * (model.input.width * model.input.height) as usize;
        let blank = vec![fill_beside(model.layout); one * batch_max];
        this.run(&blank, &mut vec![Vec::new(); batch_max])?;
        Ok(this)
    }
}

impl Device for OrtDevice {
    fn batch_max(&self) -> usize {
        self.batch_max
    }

    fn run(&mut self, tensors: &[f32], found: &mut [Vec<Candidate>]) -> Result<(), InferError> {
        let size = full_size(&self.info);
        let outputs = run(&mut self.session, &self.info, tensors, found.len(), size)?;
        read(&outputs, &self.info, size, self.min_score, found)
    }
}

/// Compares names and shapes with the manifest, as far as the model states them.
fn check_tensors(model: &ModelInfo, session: &Session) -> Result<(), InferError> {
    let name = model.name.to_string();
    let refuse = |reason: String| Err(InferError::Shape { name: name.clone(), reason });
    let outputs: Vec<&str> = session.outputs().iter().map(|o| o.name()).collect();
    if let Some(what) = outputs.iter().find(|o| identifying(o).is_some()) {
        return Err(InferError::Identifying { name, reason: refusal(what) });
    }
    let input = &model.input;
    let wanted = [1, 3, i64::from(input.height), i64::from(input.width)];
    let [only] = session.inputs() else {
        return refuse(format!("it has {} inputs, a detector has one", session.inputs().len()));
    };
    let found = shape(only.dtype());
    if only.name() != input.name {
        return refuse(format!("its input is called '{}', the manifest says '{}'", only.name(), input.name));
    }
    if found.len() != 4 || found.iter().zip(wanted).any(|(f, w)| *f != w && *f != -1) {
        return refuse(format!("its input is {found:?} (float32), the manifest says {wanted:?}"));
    }
    match model.layout {
        Layout::Yolox if outputs.len() != 1 => refuse(format!("it has the outputs {outputs:?}, yolox has one")),
        Layout::EfficientDet if !(outputs.contains(&"boxes") && outputs.contains(&"scores")) => {
            refuse(format!("it has the outputs {outputs:?}, efficientdet has 'boxes' and 'scores'"))
        }
        _ => Ok(()),
    }
}

/// The input and layout of a file, for an entry of the manifest; the reason is a sentence.
pub fn propose(inspected: &Inspected, layout: Layout, colour: Option<Colour>) -> Result<super::Input, String> {
    let [input] = inspected.inputs.as_slice() else {
        return Err(format!("it has {} inputs, a detector has one", inspected.inputs.len()));
    };
    let &[_, 3, height, width] = input.shape.as_slice() else {
        return Err(format!("its input is {:?}, wanted is float32 [1, 3, height, width]", input.shape));
    };
    let side = |v: i64| u32::try_from(v).ok().filter(|v| *v > 0);
    let (Some(width), Some(height)) = (side(width), side(height)) else {
        return Err(format!("its input {:?} leaves the size open; export it with a fixed size", input.shape));
    };
    // The colour order that each family was trained with.
    let colour = colour.unwrap_or(match layout {
        Layout::Yolox => Colour::Bgr,
        Layout::EfficientDet => Colour::Rgb,
    });
    let input = super::Input { width, height, colour, name: input.name.clone() };
    input.check()?;
    Ok(input)
}

const _: fn() = || {
    fn send<T: Send>() {}
    send::<Detector>();
    send::<Arc<ModelInfo>>();
};
