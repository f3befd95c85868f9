//! One look beside the network itself: key frame to pixels, pixels to tensor, tensor to boxes.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, Throughput};
use skyeye::config::DecoderChoice;
use skyeye::decode::{DecodeLimits, KeyDecoder, StreamDecoder};
use skyeye::infer::Colour;
use skyeye::infer::letterbox::{Letterbox, Placed};
use skyeye::infer::postprocess;
use skyeye::types::ChannelId;

use crate::pictures;

/// The film's key frames in turn, as a worker decodes them.
pub fn decode(c: &mut Criterion) {
    let Some(film) = pictures::film() else { return };
    let channel = ChannelId::new("bench").unwrap();
    let keys: Vec<_> =
        film.units.iter().filter(|u| u.key).map(|u| pictures::unit(&channel, true, u.data.clone(), 0)).collect();
    let mut decoder = KeyDecoder::new(DecodeLimits::default());
    let mut next = keys.iter().cycle();
    c.bench_function(&format!("decode/h264 key {}x{}", film.width, film.height), |b| {
        b.iter(|| black_box(decoder.decode(next.next().unwrap()).unwrap()));
    });
}

/// The film's units one after the other, as a channel in focus is decoded; every picture is taken.
pub fn stream(c: &mut Criterion) {
    let Some(film) = pictures::film() else { return };
    let channel = ChannelId::new("bench").unwrap();
    let units: Vec<_> = film
        .units
        .iter()
        .enumerate()
        .map(|(n, u)| pictures::unit(&channel, u.key, u.data.clone(), n as u64 * 100))
        .collect();
    let mut decoder = StreamDecoder::new(DecodeLimits::default(), DecoderChoice::Software);
    let mut next = units.iter().cycle();
    c.bench_function(&format!("decode/h264 unit in a stream {}x{}", film.width, film.height), |b| {
        b.iter(|| black_box(decoder.run(std::slice::from_ref(next.next().unwrap())).unwrap()));
    });
}

pub fn letterbox(c: &mut Criterion) {
    let film = pictures::film();
    let mut group = c.benchmark_group("letterbox");
    for (width, height) in [(704, 576), (1920, 1080)] {
        let frame = pictures::picture(film.as_ref(), width, height);
        group.throughput(Throughput::Elements(u64::from(width) * u64::from(height)));
        for (side, colour, fill) in [(416, Colour::Bgr, 114.0), (320, Colour::Rgb, 127.0)] {
            let mut letterbox = Letterbox::new(side, side, colour, fill);
            let mut tensor = vec![0.0; letterbox.len()];
            group.bench_function(format!("i420 {width}x{height} to {side}"), |b| {
                b.iter(|| letterbox.fill(black_box(&frame), &mut tensor).unwrap());
            });
        }
    }
    group.finish();
}

const CLASSES: usize = 80;
const MIN_SCORE: f32 = 0.25;

/// Corners of one person's box in input pixels, and how many grid cells or anchors see him: on the pedestrians' film
/// YOLOX-Nano gives 78 candidates of this score or better in the median picture and 102 in the fullest.
fn people() -> impl Iterator<Item = ([f32; 4], usize)> {
    (0..8).map(|n| {
        let (x, y) = (20.0 + 36.0 * n as f32, 60.0 + 25.0 * (n % 5) as f32);
        ([x, y, x + 22.0, y + 58.0], 10)
    })
}

/// An undecoded YOLOX output: low noise everywhere, and round each person some cells that are sure of him.
fn yolox(side: usize) -> Vec<f32> {
    let entry = 5 + CLASSES;
    let mut output: Vec<f32> = (0..postprocess::yolox_entries(side as u32, side as u32) * entry)
        .map(|i| (i * 7919 % 997) as f32 / 997.0 * 0.05)
        .collect();
    // The grid of stride 16, behind that of stride 8; people of this size are found there.
    let (stride, columns, first) = (16.0, side / 16, (side / 8) * (side / 8));
    for ([x0, y0, x1, y1], cells) in people() {
        let (cx, cy) = ((x0 + x1) / 2.0 / stride, (y0 + y1) / 2.0 / stride);
        for k in 0..cells {
            let (gx, gy) = (cx as usize + k % 2, cy as usize + k / 2 - 1);
            let at = (first + gy * columns + gx) * entry;
            let size = |from: f32, to: f32| ((to - from) / stride).ln();
            let jitter = k as f32 * 0.02;
            let found = [cx - gx as f32 + jitter, cy - gy as f32, size(x0, x1), size(y0, y1), 0.9 - jitter, 0.95];
            output[at..at + found.len()].copy_from_slice(&found);
        }
    }
    output
}

/// EfficientDet's boxes and scores with the same people.
fn efficientdet(side: usize) -> (Vec<f32>, Vec<f32>) {
    let anchors: usize = 9 * [8, 16, 32, 64, 128].map(|s| side.div_ceil(s).pow(2)).iter().sum::<usize>();
    let mut boxes: Vec<f32> = (0..anchors * 4).map(|i| (i * 31 % side) as f32).collect();
    let mut scores: Vec<f32> = (0..anchors * CLASSES).map(|i| (i * 7919 % 997) as f32 / 997.0 * 0.05).collect();
    for (n, (corners, seen_by)) in people().enumerate() {
        for k in 0..seen_by {
            let anchor = (n * 997 + k * 9) % anchors;
            boxes[anchor * 4..][..4].copy_from_slice(&corners.map(|c| c + k as f32 * 0.5));
            scores[anchor * CLASSES] = 0.8 - k as f32 * 0.02;
        }
    }
    (boxes, scores)
}

/// Reading of the output, suppression, names: all that follows the network.
pub fn postprocess(c: &mut Criterion) {
    let labels: Vec<Arc<str>> = (0..CLASSES).map(|n| Arc::from(format!("label{n}"))).collect();
    let mut found = Vec::new();
    let mut group = c.benchmark_group("postprocess");

    let output = yolox(416);
    let placed = Placed { width: 416.0, height: 340.0, tensor: (416, 416) };
    group.bench_function("yolox 416, 8 people", |b| {
        b.iter(|| {
            postprocess::yolox(black_box(&output), CLASSES, (416, 416), MIN_SCORE, &mut found);
            assert_eq!(found.len(), 80, "candidates of the generated output");
            postprocess::suppress(&mut found, 0.5);
            let named = postprocess::name(&found, placed, &labels);
            assert_eq!(named.len(), 8);
            named
        });
    });

    let (boxes, scores) = efficientdet(320);
    let placed = Placed { width: 320.0, height: 261.0, tensor: (320, 320) };
    group.bench_function("efficientdet 320, 8 people", |b| {
        b.iter(|| {
            postprocess::efficientdet(black_box(&boxes), black_box(&scores), CLASSES, MIN_SCORE, &mut found);
            assert_eq!(found.len(), 80, "candidates of the generated output");
            postprocess::suppress(&mut found, 0.5);
            postprocess::name(&found, placed, &labels)
        });
    });

    // The worst that a model can do to a worker: more candidates than are compared, none overlapping.
    let crowd: Vec<_> = (0..postprocess::MAX_CANDIDATES * 2)
        .map(|i| {
            let (x, y) = ((i % 50) as f32 * 8.0, (i / 50) as f32 * 8.0);
            postprocess::Candidate { class: 0, score: 0.3 + (i % 97) as f32 / 200.0, corners: [x, y, x + 7.0, y + 7.0] }
        })
        .collect();
    group.bench_function("suppress 2000 apart (the bound)", |b| {
        b.iter(|| {
            found.clone_from(&crowd);
            postprocess::suppress(&mut found, 0.5);
            assert_eq!(found.len(), postprocess::MAX_DETECTIONS);
        });
    });
    group.finish();
}
