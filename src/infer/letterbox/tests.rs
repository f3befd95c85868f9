//! The tensor against a straightforward computation in 64 bit floats, for all formats and many sizes.

use super::*;
use crate::types::Planes;
use proptest::prelude::*;

struct Test(Vec<(Vec<u8>, usize)>);
impl Planes for Test {
    fn plane(&self, index: usize) -> (&[u8], usize) {
        (&self.0[index].0, self.0[index].1)
    }
}

fn chroma_size(format: PixelFormat, w: u32, h: u32) -> (usize, usize) {
    let (w, h) = (w as usize, h as usize);
    match format {
        PixelFormat::I420 | PixelFormat::Nv12 => (w.div_ceil(2), h.div_ceil(2)),
        PixelFormat::Y42b => (w.div_ceil(2), h),
        PixelFormat::Y444 => (w, h),
        PixelFormat::Gray8 => (0, 0),
    }
}

/// A frame with noise on a gradient, and rows padded by `pad` bytes.
fn frame(format: PixelFormat, w: u32, h: u32, pad: usize, seed: u32) -> Frame {
    let (cw, ch) = chroma_size(format, w, h);
    let sizes = match format {
        PixelFormat::Gray8 => vec![(w as usize, h as usize)],
        PixelFormat::Nv12 => vec![(w as usize, h as usize), (2 * cw, ch)],
        _ => vec![(w as usize, h as usize), (cw, ch), (cw, ch)],
    };
    let mut state = seed | 1;
    let planes = sizes.into_iter().map(|(bytes, rows)| {
        let stride = bytes + pad;
        let data = (0..stride * rows).map(|i| {
            state = state.wrapping_mul(1664525).wrapping_add(1013904223);
            ((i % stride * 3) as u32 + (state >> 25)) as u8
        });
        (data.collect(), stride)
    });
    Frame {
        width: w,
        height: h,
        format,
        full_range: seed.is_multiple_of(2),
        bt709: seed.is_multiple_of(3),
        planes: Box::new(Test(planes.collect())),
    }
}

/// The mean of plane samples under output pixel (x, y), straightforwardly in f64.
fn sample(
    at: &dyn Fn(usize, usize) -> f64,
    size: (usize, usize),
    real: (f64, f64),
    out: (usize, usize),
    x: usize,
    y: usize,
) -> f64 {
    let weights = |n: usize, real: f64, out: usize, i: usize| -> Vec<(usize, f64)> {
        let scale = real / out as f64;
        let (lo, hi) = if scale < 2.0 {
            let c = (i as f64 + 0.5) * scale - 0.5;
            let clamp = |v: f64| v.clamp(0.0, n as f64 - 1.0) as usize;
            return vec![(clamp(c.floor()), 1.0 - (c - c.floor())), (clamp(c.floor() + 1.0), c - c.floor())];
        } else {
            (i as f64 * scale, (i as f64 + 1.0) * scale)
        };
        (lo as usize..hi.ceil() as usize)
            .map(|k| (k.min(n - 1), ((k as f64 + 1.0).min(hi) - (k as f64).max(lo)) / (hi - lo)))
            .collect()
    };
    let (wx, wy) = (weights(size.0, real.0, out.0, x), weights(size.1, real.1, out.1, y));
    wy.iter().map(|&(sy, b)| wx.iter().map(|&(sx, a)| a * b * at(sx, sy)).sum::<f64>()).sum()
}

fn check(format: PixelFormat, w: u32, h: u32, input: (u32, u32), pad: usize, seed: u32) {
    let frame = frame(format, w, h, pad, seed);
    let mut letterbox =
        Letterbox::new(input.0, input.1, if seed.is_multiple_of(5) { Colour::Bgr } else { Colour::Rgb }, 114.0);
    let mut tensor = vec![f32::NAN; letterbox.len()];
    let placed = letterbox.fill(&frame, &mut tensor).unwrap();
    let out = (placed.width as usize, placed.height as usize);
    let ratio = (f64::from(input.0) / f64::from(w)).min(f64::from(input.1) / f64::from(h));
    assert!((out.0 as f64 - f64::from(w) * ratio).abs() <= 1.0 && (out.1 as f64 - f64::from(h) * ratio).abs() <= 1.0);

    let (cw, ch) = chroma_size(format, w, h);
    let byte = |p: usize, offset: usize, step: usize| {
        let (data, stride) = frame.planes.plane(p);
        move |x: usize, y: usize| f64::from(data[y * stride + x * step + offset])
    };
    let (kr, kb) = if frame.bt709 { (0.2126, 0.0722) } else { (0.299, 0.114) };
    let (black, gain, cgain) = if frame.full_range { (0.0, 1.0, 1.0) } else { (16.0, 255.0 / 219.0, 255.0 / 224.0) };
    let (fw, fh) = (f64::from(w), f64::from(h));
    let real = match format {
        PixelFormat::I420 | PixelFormat::Nv12 => (fw / 2.0, fh / 2.0),
        PixelFormat::Y42b => (fw / 2.0, fh),
        _ => (fw, fh),
    };
    let area = (input.0 * input.1) as usize;
    for y in 0..input.1 as usize {
        for x in (0..input.0 as usize).step_by(1 + y % 3) {
            let at = y * input.0 as usize + x;
            let mut got = [tensor[at], tensor[area + at], tensor[2 * area + at]].map(f64::from);
            if letterbox.colour == Colour::Bgr {
                got.reverse();
            }
            if x >= out.0 || y >= out.1 {
                assert_eq!(got, [114.0; 3]);
                continue;
            }
            let luma = (sample(&byte(0, 0, 1), (w as usize, h as usize), (fw, fh), out, x, y) - black) * gain;
            let (u, v) = match format {
                PixelFormat::Gray8 => (0.0, 0.0),
                PixelFormat::Nv12 => (
                    sample(&byte(1, 0, 2), (cw, ch), real, out, x, y) - 128.0,
                    sample(&byte(1, 1, 2), (cw, ch), real, out, x, y) - 128.0,
                ),
                _ => (
                    sample(&byte(1, 0, 1), (cw, ch), real, out, x, y) - 128.0,
                    sample(&byte(2, 0, 1), (cw, ch), real, out, x, y) - 128.0,
                ),
            };
            let (r, b) = (luma + 2.0 * (1.0 - kr) * v * cgain, luma + 2.0 * (1.0 - kb) * u * cgain);
            let g = (luma - kr * r - kb * b) / (1.0 - kr - kb);
            for (got, want) in got.into_iter().zip([r, g, b]) {
                let want = want.clamp(0.0, 255.0);
                // White noise over many source rows is the worst case of the 8 bit row weights.
                let bound = if ratio < 0.2 { 3.0 } else { 2.0 };
                assert!((got - want).abs() <= bound, "{format:?} {w}x{h} -> {out:?} at {x},{y}: {got} for {want}");
            }
        }
    }
}

const FORMATS: [PixelFormat; 5] =
    [PixelFormat::I420, PixelFormat::Y42b, PixelFormat::Y444, PixelFormat::Nv12, PixelFormat::Gray8];

#[test]
fn usual_sizes_match_the_reference() {
    for (seed, format) in FORMATS.into_iter().enumerate() {
        check(format, 704, 576, (96, 96), 0, seed as u32);
        check(format, 320, 180, (208, 208), 7, seed as u32 + 5);
    }
    check(PixelFormat::I420, 1920, 1080, (208, 208), 64, 3);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_size_matches_the_reference(
        w in 1u32..200, h in 1u32..200, iw in 1u32..64, ih in 1u32..64, pad in 0usize..9, seed in 0u32..1000, f in 0usize..5
    ) {
        check(FORMATS[f], w, h, (iw, ih), pad, seed);
    }

    #[test]
    fn a_short_plane_is_refused(w in 1u32..64, h in 1u32..64, cut in 1usize..4096, plane in 0usize..3) {
        let mut frame = frame(PixelFormat::I420, w, h, 0, 1);
        let mut planes: Vec<_> = (0..3).map(|p| { let (d, s) = frame.planes.plane(p); (d.to_vec(), s) }).collect();
        let keep = planes[plane].0.len().saturating_sub(cut);
        planes[plane].0.truncate(keep);
        frame.planes = Box::new(Test(planes));
        let mut letterbox = Letterbox::new(64, 64, Colour::Rgb, 0.0);
        let mut tensor = vec![0.0; letterbox.len()];
        prop_assert!(letterbox.fill(&frame, &mut tensor).is_err());
    }
}

#[test]
fn white_stays_white_and_sizes_take_turns() {
    let mut letterbox = Letterbox::new(64, 48, Colour::Rgb, 114.0);
    let mut tensor = vec![0.0; letterbox.len()];
    for (w, h) in [(640, 480), (1280, 720), (640, 480), (99, 33)] {
        let planes = vec![(vec![235u8; (w * h) as usize], w as usize)];
        let frame = Frame {
            width: w,
            height: h,
            format: PixelFormat::Gray8,
            full_range: false,
            bt709: true,
            planes: Box::new(Test(planes)),
        };
        letterbox.fill(&frame, &mut tensor).unwrap();
        assert!((tensor[0] - 255.0).abs() < 0.01);
    }
    assert_eq!(letterbox.plans.len(), 3);
}

/// The picture's pixels are the same ones; only the grey beside it is less.
#[test]
fn a_trimmed_tensor_holds_the_same_picture() {
    for (w, h, wanted) in
        [(704, 576, (416, 352)), (1920, 1080, (416, 256)), (1080, 1920, (256, 416)), (64, 64, (416, 416))]
    {
        let frame = frame(PixelFormat::I420, w, h, 0, 7);
        let full = Letterbox::new(416, 416, Colour::Bgr, 114.0);
        let (mut whole, mut part) = (Vec::new(), Vec::new());
        let placed = full.trimmed(32).fill(&frame, &mut part).unwrap();
        let beside = Letterbox::new(416, 416, Colour::Bgr, 114.0).fill(&frame, &mut whole).unwrap();
        assert_eq!(placed.tensor, wanted, "{w} x {h}");
        assert_eq!((placed.width, placed.height), (beside.width, beside.height));
        for (whole, part) in whole.chunks_exact(416 * 416).zip(part.chunks_exact(wanted.0 * wanted.1)) {
            for (whole, part) in whole.chunks_exact(416).zip(part.chunks_exact(wanted.0)) {
                assert_eq!(whole[..wanted.0], *part);
            }
        }
    }
}
