//! The detectors on real footage with real weights: PETS09-S2L1 against its ground truth.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)] // tests panic

mod support;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use skyeye::config::Provider;
use skyeye::decode::{self, DecodeLimits, KeyDecoder, file};
use skyeye::infer::{
    BatchOptions, Batcher, Detect, Detector, DetectorOptions, InferError, Manifest, ModelInfo, OrtDevice, Runtime,
    batch,
};
use skyeye::types::{AccessUnit, BBox, ChannelId, Detection, Frame, Mono, Wall};

/// One key frame each so many frames: 16 frames of the 795.
const STEP: usize = 50;

/// The key frames of the pedestrians, decoded by our own decoder, with their number from 0.
fn pedestrians() -> Option<Vec<(usize, Frame)>> {
    let video = support::vtest_avi()?;
    decode::init().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("vtest.mp4");
    let step = STEP.to_string();
    support::ffmpeg(&[
        "-i",
        video.to_str().unwrap(),
        "-c:v",
        "libx264",
        "-preset",
        "ultrafast",
        "-crf",
        "12",
        "-g",
        &step,
        "-keyint_min",
        &step,
        "-sc_threshold",
        "0",
        "-pix_fmt",
        "yuv420p",
        path.to_str().unwrap(),
    ]);
    let units = file::read_access_units(&path).unwrap();
    let mut decoder = KeyDecoder::new(DecodeLimits::default());
    let frames = units.units.iter().enumerate().filter(|(_, u)| u.key).map(|(number, u)| {
        let unit = AccessUnit {
            channel: ChannelId::new("vtest").unwrap(),
            codec: units.codec,
            key: true,
            data: u.data.clone(),
            timeline_90k: u.pts_90k,
            ingested: Mono(0),
            ingested_wall: Wall(0),
            seen: Wall(0),
            camera_clock: false,
            session: 0,
        };
        (number, decoder.decode(&unit).unwrap())
    });
    let frames: Vec<_> = frames.collect();
    assert_eq!(frames.len(), 795usize.div_ceil(STEP));
    assert!(frames.iter().enumerate().all(|(i, (number, _))| *number == i * STEP));
    Some(frames)
}

/// MOTChallenge ground truth: frame from 1, id, left, top, width, height in pixels of 768 x 576.
fn ground_truth() -> Option<HashMap<usize, Vec<BBox>>> {
    let text = std::fs::read_to_string(support::shared("gt/PETS09-S2L1.txt")?).unwrap();
    let mut truth: HashMap<usize, Vec<BBox>> = HashMap::new();
    for line in text.lines() {
        let v: Vec<f32> = line.split(',').map(|f| f.trim().parse().unwrap()).collect();
        let bbox = BBox { x: v[2] / 768.0, y: v[3] / 576.0, w: v[4] / 768.0, h: v[5] / 576.0 };
        truth.entry(v[0] as usize - 1).or_default().extend(bbox.clipped());
    }
    Some(truth)
}

fn runtime() -> Option<Runtime> {
    Some(Runtime::load(&support::onnxruntime()?).unwrap())
}

/// A model of the built-in manifest whose weights lie in `dir`.
fn model(name: &str, dir: &Path) -> ModelInfo {
    Manifest::load(dir, None).unwrap().get(name).unwrap().clone()
}

/// Weights that set-up converted.
fn cached(name: &str) -> Option<ModelInfo> {
    let dir = std::env::var_os("SKYEYE_MODELS").map_or_else(|| support::root().join(".cache/models"), PathBuf::from);
    let model = model(name, &dir);
    if !model.path.exists() {
        println!("skipped: {} is not there", model.path.display());
        return None;
    }
    Some(model)
}

fn yolox() -> Option<ModelInfo> {
    Some(model("yolox-nano", support::shared("models/yolox_nano.onnx")?.parent().unwrap()))
}

/// Recall and precision of persons at an overlap of one half, each true box matched once, best score first.
fn persons(
    model: &ModelInfo,
    runtime: &Runtime,
    frames: &[(usize, Frame)],
    truth: &HashMap<usize, Vec<BBox>>,
) -> (f64, f64) {
    let options = DetectorOptions { min_score: 0.35, ..Default::default() };
    let mut detector = Detector::open(runtime, model, &options).unwrap();
    let (mut hits, mut found, mut wanted) = (0, 0, 0);
    for (number, frame) in frames {
        let mut open = truth.get(number).cloned().unwrap_or_default();
        wanted += open.len();
        for d in detector.detect(frame).unwrap().iter().filter(|d| &*d.label == "person") {
            found += 1;
            let best = open.iter().enumerate().max_by(|a, b| a.1.iou(&d.bbox).total_cmp(&b.1.iou(&d.bbox)));
            if let Some((at, _)) = best.filter(|(_, t)| t.iou(&d.bbox) >= 0.5) {
                open.swap_remove(at);
                hits += 1;
            }
        }
    }
    let (recall, precision) = (f64::from(hits) / wanted as f64, f64::from(hits) / f64::from(found));
    println!(
        "{}: {wanted} persons, {found} found, {hits} right: recall {recall:.3}, precision {precision:.3}",
        model.name
    );
    (recall, precision)
}

#[test]
fn yolox_finds_the_pedestrians() {
    let (Some(runtime), Some(model), Some(frames), Some(truth)) = (runtime(), yolox(), pedestrians(), ground_truth())
    else {
        return;
    };
    let (recall, precision) = persons(&model, &runtime, &frames, &truth);
    assert!(recall >= 0.88 && precision >= 0.76, "recall {recall:.3}, precision {precision:.3}");
}

#[test]
fn efficientdet_finds_the_pedestrians() {
    let (Some(runtime), Some(frames), Some(truth)) = (runtime(), pedestrians(), ground_truth()) else { return };
    let Some(model) = cached("efficientdet-lite0") else { return };
    let (recall, precision) = persons(&model, &runtime, &frames, &truth);
    assert!(recall >= 0.80 && precision >= 0.85, "recall {recall:.3}, precision {precision:.3}");
}

#[test]
fn int8_finds_the_pedestrians_as_float_does() {
    let (Some(runtime), Some(frames), Some(truth)) = (runtime(), pedestrians(), ground_truth()) else { return };
    let (Some(float), Some(int8)) = (cached("efficientdet-lite0"), cached("efficientdet-lite0-int8")) else { return };
    let (recall, precision) = persons(&int8, &runtime, &frames, &truth);
    let (float_recall, float_precision) = persons(&float, &runtime, &frames, &truth);
    // Sixteen pictures: one box more or less is a hundredth. `skyeye bench accuracy` judges by all of the film.
    assert!((recall - float_recall).abs() < 0.04, "recall {recall:.3} for {float_recall:.3}");
    assert!((precision - float_precision).abs() < 0.04, "precision {precision:.3} for {float_precision:.3}");
}

/// What is left out is grey; only boxes at its edge may differ by a hair.
#[test]
fn the_part_that_holds_the_picture_shows_what_the_whole_input_shows() {
    let (Some(runtime), Some(model), Some(frames)) = (runtime(), yolox(), pedestrians()) else { return };
    let open = |trim| {
        let options = DetectorOptions { trim, min_score: 0.2, ..DetectorOptions::default() };
        Detector::open(&runtime, &model, &options).unwrap()
    };
    let (mut part, mut whole) = (open(true), open(false));
    let mut seen = 0;
    for (number, frame) in &frames {
        let (part, whole) = (part.detect(frame).unwrap(), whole.detect(frame).unwrap());
        for (some, others) in [(&part, &whole), (&whole, &part)] {
            for d in some.iter().filter(|d| d.score >= 0.4) {
                let found = others
                    .iter()
                    .any(|o| o.label == d.label && o.bbox.iou(&d.bbox) >= 0.85 && (o.score - d.score).abs() <= 0.1);
                assert!(found, "picture {number}: {d:?}");
                seen += 1;
            }
        }
    }
    assert!(seen > 100, "{seen}");
}

#[test]
fn a_shared_device_finds_what_a_detector_of_ones_own_finds() {
    let (Some(runtime), Some(model), Some(frames)) = (runtime(), yolox(), pedestrians()) else { return };
    // A batch is of one size, so that a device gets whole inputs.
    let options = DetectorOptions { trim: false, ..DetectorOptions::default() };
    let mut own = Detector::open(&runtime, &model, &options).unwrap();
    let wanted: Vec<Vec<Detection>> = frames.iter().map(|(_, f)| own.detect(f).unwrap()).collect();
    let of = model.clone();
    // The processor as the device; the model takes one picture at a time, the batches are the batcher's.
    let device = move || Ok(Box::new(OrtDevice::open(&runtime, &of, &options, 4)?) as Box<dyn batch::Device>);
    let batcher = Batcher::start("yolox-nano", BatchOptions::default(), Box::new(device)).unwrap();
    let mut parts: [Vec<_>; 3] = Default::default();
    for (at, ((_, frame), wanted)) in frames.into_iter().zip(wanted).enumerate() {
        parts[at % 3].push((frame, wanted));
    }
    std::thread::scope(|scope| {
        for part in parts {
            let mut client = batcher.client(&model, &options);
            scope.spawn(move || {
                for (frame, wanted) in part {
                    assert_eq!(client.detect(&frame).unwrap(), wanted);
                }
            });
        }
    });
}

#[test]
fn a_provider_or_another_library_is_refused_with_what_to_do() {
    let (Some(library), Some(runtime)) = (support::onnxruntime(), runtime()) else { return };
    assert!(Runtime::load(&library).is_ok(), "the same once more");
    // Only the processor's build is fetched by default.
    for provider in [Provider::Openvino, Provider::Cuda, Provider::Tensorrt] {
        let error = runtime.clone().on(provider).err().unwrap().to_string();
        assert!(
            error.contains("provider = ") && error.contains("not there") && error.contains("[infer] runtime"),
            "{error}"
        );
    }
    let dir = tempfile::tempdir().unwrap();
    let other = dir.path().join("libonnxruntime.so");
    std::fs::copy(&library, &other).unwrap();
    let error = Runtime::load(&other).err().unwrap().to_string();
    assert!(error.contains("next start"), "{error}");
}

/// With OpenVINO's build in SKYEYE_OPENVINO (a libonnxruntime.so that `deploy/setup.sh openvino` brought).
#[test]
fn openvino_finds_the_pedestrians() {
    let library = std::env::var_os("SKYEYE_OPENVINO")
        .map_or_else(|| support::root().join(".cache/onnxruntime-openvino/libonnxruntime.so"), PathBuf::from);
    if !library.exists() {
        return println!("skipped: {} is not there", library.display());
    }
    let (Some(model), Some(frames), Some(truth)) = (yolox(), pedestrians(), ground_truth()) else { return };
    let runtime = match Runtime::load(&library) {
        Ok(runtime) => runtime.on(Provider::Openvino).unwrap(),
        // A process can load one library, and another test of this process was first.
        Err(InferError::OtherRuntime { .. }) => return println!("skipped: the other library is loaded; run it alone"),
        Err(e) => panic!("{e}"),
    };
    let (recall, precision) = persons(&model, &runtime, &frames, &truth);
    assert!(recall >= 0.87 && precision >= 0.75, "recall {recall:.3}, precision {precision:.3}");
}

#[test]
fn a_wrong_file_is_refused_with_what_to_do() {
    let (Some(runtime), Some(good)) = (runtime(), yolox()) else { return };
    let dir = tempfile::tempdir().unwrap();
    let open = |model: &ModelInfo| Detector::open(&runtime, model, &DetectorOptions::default()).err().unwrap();

    let missing = ModelInfo { path: dir.path().join("none.onnx"), ..good.clone() };
    assert!(open(&missing).to_string().contains("skyeye models fetch yolox-nano"));

    let cut = dir.path().join("cut.onnx");
    let whole = std::fs::read(&good.path).unwrap();
    std::fs::write(&cut, &whole[..whole.len() / 2]).unwrap();
    let error = open(&ModelInfo { path: cut.clone(), ..good.clone() });
    assert!(matches!(&error, InferError::Sha256 { wanted, .. } if *wanted == *good.sha256), "{error}");

    // The same bytes with their own sha256: ONNX Runtime must refuse them, not crash.
    let digest = support::sha256(&cut);
    let error = open(&ModelInfo { path: cut, sha256: digest.into(), ..good.clone() });
    assert!(matches!(error, InferError::Unusable { .. }), "{error}");

    let mut other = good.clone();
    other.input.width = 640;
    assert!(open(&other).to_string().contains("640"), "{}", open(&other));
    let mut other = good.clone();
    other.input.name = "pixels".into();
    assert!(open(&other).to_string().contains("'images'"));
    let other = ModelInfo { layout: skyeye::infer::Layout::EfficientDet, ..good.clone() };
    assert!(open(&other).to_string().contains("'boxes'"));
    let other = ModelInfo { labels: vec!["person".into()].into(), ..good };
    assert!(open(&other).to_string().contains("[1, 3549, 6]"), "{}", open(&other));
}

#[test]
fn the_same_frame_gives_the_same_detections() {
    let (Some(runtime), Some(model), Some(frames)) = (runtime(), yolox(), pedestrians()) else { return };
    let mut detector = Detector::open(&runtime, &model, &DetectorOptions::default()).unwrap();
    let first: Vec<Vec<Detection>> = frames.iter().map(|(_, f)| detector.detect(f).unwrap()).collect();
    assert!(first.iter().any(|d| !d.is_empty()));
    for ((_, frame), expected) in frames.iter().zip(&first).rev() {
        assert_eq!(&detector.detect(frame).unwrap(), expected);
    }
    if let Some(path) = std::env::var_os("SKYEYE_DUMP") {
        // For a comparison with another implementation by hand: frame, label, score, box.
        let lines = frames.iter().zip(&first).flat_map(|((n, _), ds)| {
            ds.iter().map(move |d| {
                format!("{n},{},{},{},{},{},{}\n", d.label, d.score, d.bbox.x, d.bbox.y, d.bbox.w, d.bbox.h)
            })
        });
        std::fs::write(path, lines.collect::<String>()).unwrap();
    }
}

#[test]
fn a_missing_library_says_what_to_do() {
    // In a process of its own under nextest; under plain `cargo test` another test may have loaded it already.
    if let Err(error) = Runtime::load(Path::new("/nonexistent/libonnxruntime.so")) {
        let text = error.to_string();
        assert!(text.contains("/nonexistent/libonnxruntime.so") && text.contains("deploy/setup.sh"), "{text}");
    }
}
