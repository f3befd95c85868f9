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
use ort::session::{Session, builder::GraphOptimizationLevel};
use ort::value::{TensorElementType, TensorRef, ValueType};
use parking_lot::Mutex;
use sha2::{Digest, Sha256};

use super::letterbox::{Letterbox, LetterboxError, Placed};
use super::manifest::{Colour, Layout, ModelInfo, identifying, refusal};
use super::postprocess::{self, Candidate};
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

/// The loaded library. Cheap to clone; the environment lives as long as the process.
#[derive(Clone)]
pub struct Runtime {
    environment: Environment,
}

impl Runtime {
    /// Loads the library, once a process: a later call gives the one that is loaded, whatever its path.
    pub fn load(path: &Path) -> Result<Runtime, InferError> {
        static LOADED: Mutex<Option<Environment>> = Mutex::new(None);
        let mut loaded = LOADED.lock();
        if let Some(environment) = &*loaded {
            return Ok(Runtime { environment: environment.clone() });
        }
        let refuse = |reason: String| InferError::Runtime { path: path.to_owned(), reason };
        if !path.is_file() {
            return Err(refuse("there is no such file".into()));
        }
        // The loader looks up a relative path beside the executable, people mean the working directory.
        let absolute = std::path::absolute(path).map_err(|e| refuse(e.to_string()))?;
        let environment = ort::init_from(&absolute)
            .map_err(|e| refuse(e.to_string()))?
            .with_name("skyeye")
            .with_telemetry(false)
            .build()
            .map_err(|e| refuse(e.to_string()))?;
        environment.set_log_level(ort::logging::LogLevel::Warning);
        *loaded = Some(environment.clone());
        Ok(Runtime { environment })
    }

    fn session(&self, weights: &[u8], threads: usize) -> Result<Session, String> {
        let build = || -> Result<Session, ort::Error> {
            Session::builder(&self.environment)?
                .with_intra_threads(threads.max(1))?
                .with_inter_threads(1)?
                // Spinning threads steal the cores that read sockets.
                .with_intra_op_spinning(false)?
                .with_optimization_level(GraphOptimizationLevel::Level3)?
                .with_log_level(ort::logging::LogLevel::Warning)?
                .commit_from_memory(weights)
        };
        build().map_err(|e| e.to_string())
    }

    /// What a file's tensors are, for `skyeye models add`.
    pub fn inspect(&self, path: &Path) -> Result<Inspected, InferError> {
        let name = path.display().to_string();
        let weights = read_weights(&name, path)?;
        let session = self.session(&weights, 1).map_err(|reason| InferError::Unusable { name, reason })?;
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
}

impl Default for DetectorOptions {
    fn default() -> Self {
        Self { min_score: 0.25, nms_iou: 0.5, intra_threads: 1 }
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
    found: Vec<Candidate>,
}

impl Detector {
    /// Checks the weights against the manifest and makes them ready.
    pub fn open(runtime: &Runtime, model: &ModelInfo, options: &DetectorOptions) -> Result<Self, InferError> {
        let name = model.name.to_string();
        let weights = read_weights(&name, &model.path)?;
        let found = hex::encode(Sha256::digest(&weights));
        if found != *model.sha256 {
            let wanted = model.sha256.to_string();
            return Err(InferError::Sha256 { name, path: model.path.clone(), found, wanted });
        }
        let session = runtime
            .session(&weights, options.intra_threads)
            .map_err(|reason| InferError::Unusable { name: name.clone(), reason })?;
        drop(weights);
        check_tensors(model, &session)?;
        // Beside the picture: what each family was trained with.
        let fill = match model.layout {
            Layout::Yolox => 114.0,
            Layout::EfficientDet => 127.0,
        };
        let letterbox = Letterbox::new(model.input.width, model.input.height, model.input.colour, fill);
        let tensor = vec![fill; letterbox.len()];
        let mut this = Self { info: model.clone(), options: *options, session, letterbox, tensor, found: Vec::new() };
        this.run()?;
        Ok(this)
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
        stage::look().letterbox.record(watch.lap());
        self.look(placed)
    }

    /// One look at whatever is in the tensor; for timing.
    pub fn blank(&mut self) -> Result<Vec<Detection>, InferError> {
        self.tensor.fill(114.0);
        let (width, height) = (self.info.input.width as f32, self.info.input.height as f32);
        self.look(Placed { width, height })
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
        let Self { info, session, tensor, .. } = self;
        let failed = |e: ort::Error| InferError::Failed { name: info.name.to_string(), reason: e.to_string() };
        let shape = [1usize, 3, info.input.height as usize, info.input.width as usize];
        let input = TensorRef::from_array_view((shape, tensor.as_slice())).map_err(failed)?;
        session.run(ort::inputs![info.input.name.as_str() => input]).map_err(failed)?;
        Ok(())
    }

    /// Runs the session on the tensor and reads its output into `found`. What it gives measures since the session's end.
    fn run(&mut self) -> Result<Stopwatch, InferError> {
        let Self { info, options, session, tensor, found, .. } = self;
        let name = info.name.to_string();
        let failed = |e: ort::Error| InferError::Failed { name: name.clone(), reason: e.to_string() };
        let (width, height) = (info.input.width, info.input.height);
        let shape = [1usize, 3, height as usize, width as usize];
        let input = TensorRef::from_array_view((shape, tensor.as_slice())).map_err(failed)?;
        let mut watch = Stopwatch::start();
        let outputs = session.run(ort::inputs![info.input.name.as_str() => input]).map_err(failed)?;
        stage::look().run.record(watch.lap());
        let classes = info.labels.len();
        let refuse = |reason: String| InferError::Shape { name: name.clone(), reason };
        let floats = |key: Option<&str>| {
            let value = match key {
                Some(key) => outputs.get(key),
                None => outputs.values().next().map(|_| &outputs[0]),
            };
            let value = value.ok_or_else(|| refuse(format!("it gave no output '{}'", key.unwrap_or("0"))))?;
            value.try_extract_tensor::<f32>().map(|(shape, data)| (shape.to_vec(), data)).map_err(failed)
        };
        match info.layout {
            Layout::Yolox => {
                let (shape, data) = floats(None)?;
                let wanted = [1, postprocess::yolox_entries(width, height) as i64, 5 + classes as i64];
                if shape != wanted {
                    return Err(refuse(format!("its output has the shape {shape:?}, yolox wants {wanted:?}")));
                }
                postprocess::yolox(data, classes, width, height, options.min_score, found);
            }
            Layout::EfficientDet => {
                let ((boxes_shape, boxes), (scores_shape, scores)) = (floats(Some("boxes"))?, floats(Some("scores"))?);
                let entries = boxes_shape.get(1).copied().unwrap_or(0);
                if boxes_shape != [1, entries, 4] || scores_shape != [1, entries, classes as i64] {
                    return Err(refuse(format!(
                        "its outputs have the shapes {boxes_shape:?} and {scores_shape:?}, efficientdet wants [1, N, 4] \
                         and [1, N, {classes}]"
                    )));
                }
                postprocess::efficientdet(boxes, scores, classes, options.min_score, found);
            }
        }
        Ok(watch)
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
