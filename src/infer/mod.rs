//! A frame in, detections out: letterboxing, ONNX Runtime, reading of the output, suppression of duplicates.
//!
//! In: a [`Frame`](crate::types::Frame) and a model of the manifest. Out: labelled boxes in 0..1 of the picture. A
//! [`Detector`] belongs to one worker thread and allocates little a call; the pixels go from the decoder's planes
//! into the tensor in one pass. Weights are used only if their sha256 is the manifest's, and a model that identifies
//! people (faces, plates, re-identification) is refused at load, by its manifest, its labels and its outputs.
//!
//! It never trusts a number that comes out of a model: every length, every float and every box is checked.

pub mod batch;
pub mod letterbox;
pub mod manifest;
mod open_size;
pub mod postprocess;
pub mod provider;
pub mod session;

pub use batch::{BatchOptions, Batcher};
pub use manifest::{Colour, Input, Layout, Manifest, ManifestError, ModelInfo};
pub use session::{Detect, Detector, DetectorOptions, InferError, OrtDevice, Runtime};
