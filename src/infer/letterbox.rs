//! The decoder's planes, scaled and converted into the model's tensor in one pass.
//!
//! In: a frame in any of our pixel formats and either range. Out: float32 planes (RGB or BGR, 0..255) of the model's
//! size: the picture keeps its shape, lies at the top left and the rest is filled (YOLOX trains so with grey 114,
//! EfficientDet with the mean, 127). Up to a factor of two down it is bilinear, as the models' own preprocessing is;
//! beyond that every source pixel counts by its area, since skipping pixels makes small people vanish between rows.
//!
//! Rows are summed first, in 16 bit and a whole row at a time, so that the compiler uses vector instructions. Which
//! columns are summed differs from output to output, which vectors are bad at: so eight rows go through it together,
//! one in each lane of a vector, turned before and after. Tables and rows are kept for the sizes seen last: nothing is
//! allocated a call. Pure: no I/O.

use super::Colour;
use crate::types::{Frame, PixelFormat};

/// A frame whose planes are not what its format promises.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a {width} x {height} frame cannot be read: {what}")]
pub struct LetterboxError {
    width: u32,
    height: u32,
    what: &'static str,
}

/// Where the picture lies in the tensor: from 0, 0 to these many pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Placed {
    pub width: f32,
    pub height: f32,
}

/// Scaling along one axis: output `i` is the weighted sum of `taps` inputs from `start[i]`.
struct Axis {
    taps: usize,
    start: Vec<usize>,
    /// `taps` an output, each group summing to `total`.
    weights: Vec<u16>,
}

/// Weights down the rows: a sum of bytes by these fits 16 bit exactly.
const DOWN: u32 = 1 << 8;
/// Weights along a row: the upper half of a 16 by 16 bit product is what vectors have an instruction for.
const ALONG: u32 = 1 << 16;

impl Axis {
    /// `scale` source samples an output; `source` samples are there.
    fn new(source: usize, outputs: usize, scale: f64, total: u32) -> Self {
        let bilinear = scale < 2.0;
        let taps = if bilinear { 2 } else { scale.ceil() as usize + 1 }.min(source);
        let mut axis = Axis { taps, start: Vec::new(), weights: Vec::new() };
        for i in 0..outputs {
            let (from, to) = if bilinear {
                // A window of one source sample round the centre: its overlaps are the bilinear weights.
                let centre = (i as f64 + 0.5) * scale;
                (centre - 0.5, centre + 0.5)
            } else {
                (i as f64 * scale, (i as f64 + 1.0) * scale)
            };
            let start = (from.max(0.0) as usize).min(source - taps);
            // The share of the window before each sample's end; what lies outside counts for the edge sample.
            let share = |k: usize| match k {
                0 => 0.0,
                k if k == taps => 1.0,
                k => (((start + k) as f64 - from) / (to - from)).clamp(0.0, 1.0),
            };
            axis.start.push(start);
            let weights: Vec<f64> = (0..taps).map(|k| share(k + 1) - share(k)).collect();
            axis.weights.extend(whole(&weights, total));
        }
        axis
    }
}

/// Weights that sum to 1 as whole numbers that sum to `total`: rounded down, and what is missing goes to those that
/// lost most. A single weight of 65,536 becomes 65,535.
fn whole(weights: &[f64], total: u32) -> Vec<u16> {
    let scaled = |w: &f64| w * f64::from(total);
    let mut fixed: Vec<u32> = weights.iter().map(|w| scaled(w) as u32).collect();
    let mut order: Vec<usize> = (0..weights.len()).collect();
    order.sort_by(|a, b| scaled(&weights[*b]).fract().total_cmp(&scaled(&weights[*a]).fract()));
    let missing = total.saturating_sub(fixed.iter().sum());
    for at in order.into_iter().cycle().take(missing as usize) {
        fixed[at] += 1;
    }
    fixed.into_iter().map(|w| u16::try_from(w).unwrap_or(u16::MAX)).collect()
}

/// The tables for one size and chroma layout.
struct Plan {
    key: (u32, u32, usize, usize),
    placed: (usize, usize),
    luma: (Axis, Axis),
    chroma: (Axis, Axis),
}

/// Channels of a deployment have a handful of sizes.
const PLANS: usize = 8;

/// Fills tensors of one size; one a worker.
pub struct Letterbox {
    width: usize,
    height: usize,
    colour: Colour,
    fill: f32,
    /// The most recently used first.
    plans: Vec<Plan>,
    scratch: Scratch,
}

/// As many rows go through the columns at once.
const LANES: usize = 8;
type Lanes = [u16; LANES];

#[derive(Default)]
struct Scratch {
    /// Eight summed source rows.
    rows: Vec<u16>,
    /// Half turned.
    pairs: Vec<u16>,
    /// Turned: one sample of each row beside the others.
    turned: Vec<u16>,
    /// Eight rows of output, turned: Y, U, V in 256ths, and the colours in the tensor's order.
    yuv: [Vec<Lanes>; 3],
    rgb: [Vec<[f32; LANES]>; 3],
}

impl Letterbox {
    /// For tensors of `width` x `height`; `fill` is the value beside the picture.
    pub fn new(width: u32, height: u32, colour: Colour, fill: f32) -> Self {
        let (width, height) = (width as usize, height as usize);
        Self { width, height, colour, fill, plans: Vec::new(), scratch: Scratch::default() }
    }

    /// Floats of the tensor.
    pub fn len(&self) -> usize {
        3 * self.width * self.height
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Writes the frame into `tensor`, three planes of height x width.
    pub fn fill(&mut self, frame: &Frame, tensor: &mut [f32]) -> Result<Placed, LetterboxError> {
        let refuse = |what| LetterboxError { width: frame.width, height: frame.height, what };
        if frame.width == 0 || frame.height == 0 || self.is_empty() {
            return Err(refuse("it is empty"));
        }
        if tensor.len() != self.len() {
            return Err(refuse("the tensor has another size"));
        }
        let (sub_x, sub_y) = match frame.format {
            PixelFormat::I420 | PixelFormat::Nv12 => (2, 2),
            PixelFormat::Y42b => (2, 1),
            PixelFormat::Y444 | PixelFormat::Gray8 => (1, 1),
        };
        self.choose(frame.width, frame.height, sub_x, sub_y);
        let Some(plan) = self.plans.first() else { return Err(refuse("no plan")) };
        let (w, h) = plan.placed;
        let (source_w, chroma_w) = (frame.width as usize, (frame.width as usize).div_ceil(sub_x));

        let area = self.width * self.height;
        let matrix = Matrix::of(frame);
        let short = || refuse("a plane is shorter than its rows");
        let scratch = &mut self.scratch;
        scratch.resize(w);
        for group in (0..h).step_by(LANES) {
            let group = group..(group + LANES).min(h);
            scratch.rows(frame, 0, &plan.luma.1, group.clone(), source_w).ok_or_else(short)?;
            scratch.columns(&plan.luma.0, 1, 0, 0);
            match frame.format {
                PixelFormat::Gray8 => {}
                PixelFormat::Nv12 => {
                    scratch.rows(frame, 1, &plan.chroma.1, group.clone(), 2 * chroma_w).ok_or_else(short)?;
                    scratch.columns(&plan.chroma.0, 2, 0, 1);
                    scratch.columns(&plan.chroma.0, 2, 1, 2);
                }
                _ => {
                    for plane in [1, 2] {
                        scratch.rows(frame, plane, &plan.chroma.1, group.clone(), chroma_w).ok_or_else(short)?;
                        scratch.columns(&plan.chroma.0, 1, 0, plane);
                    }
                }
            }
            scratch.colours(&matrix, frame.format == PixelFormat::Gray8, self.colour);
            for (plane, turned) in tensor.chunks_exact_mut(area).zip(&scratch.rgb) {
                turn_back(turned, &mut plane[group.start * self.width..group.end * self.width], self.width, w);
            }
        }
        for plane in tensor.chunks_exact_mut(area) {
            for row in plane.chunks_exact_mut(self.width).take(h) {
                row[w..].fill(self.fill);
            }
            plane[h * self.width..].fill(self.fill);
        }
        Ok(Placed { width: w as f32, height: h as f32 })
    }

    /// Puts the plan for this size first, making it if it is new.
    fn choose(&mut self, width: u32, height: u32, sub_x: usize, sub_y: usize) {
        let key = (width, height, sub_x, sub_y);
        if let Some(at) = self.plans.iter().position(|p| p.key == key) {
            self.plans[..=at].rotate_right(1);
            return;
        }
        let (sw, sh) = (width as usize, height as usize);
        let ratio = (self.width as f64 / sw as f64).min(self.height as f64 / sh as f64);
        let side = |source: usize, limit: usize| ((source as f64 * ratio) as usize).clamp(1, limit);
        let (w, h) = (side(sw, self.width), side(sh, self.height));
        let axis = |source: usize, outputs: usize, sub: usize, total: u32| {
            Axis::new(source.div_ceil(sub), outputs, source as f64 / sub as f64 / outputs as f64, total)
        };
        self.plans.truncate(PLANS - 1);
        self.plans.insert(
            0,
            Plan {
                key,
                placed: (w, h),
                luma: (axis(sw, w, 1, ALONG), axis(sh, h, 1, DOWN)),
                chroma: (axis(sw, w, sub_x, ALONG), axis(sh, h, sub_y, DOWN)),
            },
        );
    }
}

impl Scratch {
    /// Makes room for outputs of this width.
    fn resize(&mut self, width: usize) {
        self.yuv.iter_mut().for_each(|plane| plane.resize(width, [0; LANES]));
        self.rgb.iter_mut().for_each(|plane| plane.resize(width, [0.0; LANES]));
    }

    /// Sums source rows into up to eight output rows of `length` samples and turns them; `None` if the plane ends before.
    fn rows(
        &mut self,
        frame: &Frame,
        plane: usize,
        axis: &Axis,
        group: std::ops::Range<usize>,
        length: usize,
    ) -> Option<()> {
        for buffer in [&mut self.rows, &mut self.pairs, &mut self.turned] {
            buffer.resize(LANES * length, 0);
        }
        let (data, stride) = frame.planes.plane(plane);
        for (sum, row) in self.rows.chunks_exact_mut(length).zip(group) {
            sum_rows(data, stride, axis, row, sum)?;
        }
        // Halves are interleaved three times: rows 0 and 4, then 0, 2, 4 and 6, then all of them.
        interleave(&self.rows, &mut self.turned, length);
        interleave(&self.turned, &mut self.pairs, 2 * length);
        interleave(&self.pairs, &mut self.turned, 4 * length);
        Some(())
    }

    /// The weighted sums of the columns as plane `out`; `step` is 2 and `offset` 1 for the second plane of an
    /// interleaved one.
    fn columns(&mut self, axis: &Axis, step: usize, offset: usize, out: usize) {
        let turned = self.turned.as_chunks::<LANES>().0;
        // Each product is cut off below, by a half on average.
        let round = u16::try_from(axis.taps / 2).unwrap_or(255).min(255);
        if axis.taps == 2 {
            let taps = axis.start.iter().zip(axis.weights.as_chunks::<2>().0);
            for (out, (&start, &[w0, w1])) in self.yuv[out].iter_mut().zip(taps) {
                let at = start * step + offset;
                let (a, b) = (&turned[at], &turned[at + step]);
                *out = std::array::from_fn(|l| upper(a[l], w0) + upper(b[l], w1) + round);
            }
            return;
        }
        let taps = axis.start.iter().zip(axis.weights.chunks_exact(axis.taps));
        for (out, (&start, weights)) in self.yuv[out].iter_mut().zip(taps) {
            let mut sum = [round; LANES];
            for (source, &weight) in turned[start * step + offset..].iter().step_by(step).zip(weights) {
                sum = std::array::from_fn(|l| sum[l] + upper(source[l], weight));
            }
            *out = sum;
        }
    }

    fn colours(&mut self, matrix: &Matrix, grey: bool, order: Colour) {
        let [y, u, v] = self.yuv.each_ref().map(|p| p.as_flattened());
        let [first, green, third] = self.rgb.each_mut().map(|p| p.as_flattened_mut());
        let (red, blue) = match order {
            Colour::Rgb => (first, third),
            Colour::Bgr => (third, first),
        };
        if grey {
            matrix.grey(y, red, green, blue);
        } else {
            matrix.convert(y, u, v, red, green, blue);
        }
    }
}

/// `to[2k]`, `to[2k + 1]` are the k-th of the `length` of each pair of rows: row n and row n + half.
fn interleave(from: &[u16], to: &mut [u16], length: usize) {
    let (first, second) = from.split_at(from.len() / 2);
    for ((a, b), to) in first.chunks_exact(length).zip(second.chunks_exact(length)).zip(to.chunks_exact_mut(2 * length))
    {
        for ((a, b), to) in a.iter().zip(b).zip(to.as_chunks_mut::<2>().0) {
            *to = [*a, *b];
        }
    }
}

fn upper(a: u16, b: u16) -> u16 {
    ((u32::from(a) * u32::from(b)) >> 16) as u16
}

/// The weighted sum of the source rows of output row `row`, times 256; `None` if the plane ends before.
fn sum_rows(data: &[u8], stride: usize, axis: &Axis, row: usize, sum: &mut [u16]) -> Option<()> {
    let start = *axis.start.get(row)?;
    let weights = axis.weights.get(row * axis.taps..(row + 1) * axis.taps)?;
    let source = |k: usize| {
        let from = (start + k).checked_mul(stride)?;
        data.get(from..from.checked_add(sum.len())?)
    };
    if let &[a, b] = weights {
        let (first, second) = (source(0)?, source(1)?);
        for ((sum, &x), &y) in sum.iter_mut().zip(first).zip(second) {
            *sum = a * u16::from(x) + b * u16::from(y);
        }
        return Some(());
    }
    for (k, &weight) in weights.iter().enumerate() {
        let from = (start + k).checked_mul(stride)?;
        let source = data.get(from..from.checked_add(sum.len())?)?;
        if k == 0 {
            for (sum, &byte) in sum.iter_mut().zip(source) {
                *sum = weight * u16::from(byte);
            }
        } else if weight != 0 {
            for (sum, &byte) in sum.iter_mut().zip(source) {
                *sum += weight * u16::from(byte);
            }
        }
    }
    Some(())
}

/// Lanes as up to eight rows of `width`, of which the first `filled` are written.
fn turn_back(turned: &[[f32; LANES]], rows: &mut [f32], width: usize, filled: usize) {
    const SIDE: usize = 4;
    let (blocks, rest) = turned.as_chunks::<SIDE>();
    for (half, rows) in rows.chunks_mut(SIDE * width).enumerate() {
        let lanes = half * SIDE..half * SIDE + rows.len() / width;
        if lanes.len() == SIDE {
            let (a, others) = rows.split_at_mut(width);
            let (b, others) = others.split_at_mut(width);
            let (c, d) = others.split_at_mut(width);
            let outs = [a, b, c, d].map(|row| row.as_chunks_mut::<SIDE>().0);
            let [a, b, c, d] = outs;
            for ((((m, a), b), c), d) in blocks.iter().zip(a).zip(b).zip(c).zip(d) {
                let l = lanes.start;
                *a = [m[0][l], m[1][l], m[2][l], m[3][l]];
                *b = [m[0][l + 1], m[1][l + 1], m[2][l + 1], m[3][l + 1]];
                *c = [m[0][l + 2], m[1][l + 2], m[2][l + 2], m[3][l + 2]];
                *d = [m[0][l + 3], m[1][l + 3], m[2][l + 3], m[3][l + 3]];
            }
        }
        let done = if lanes.len() == SIDE { filled - rest.len() } else { 0 };
        for (row, lane) in rows.chunks_exact_mut(width).zip(lanes) {
            for (out, m) in row[done..].iter_mut().zip(&turned[done..]) {
                *out = m[lane];
            }
        }
    }
}

/// YCbCr to RGB as ITU-R BT.601 or BT.709 say.
struct Matrix {
    black: f32,
    gain: f32,
    red_v: f32,
    green_u: f32,
    green_v: f32,
    blue_u: f32,
}

impl Matrix {
    fn of(frame: &Frame) -> Self {
        let (black, gain, chroma) =
            if frame.full_range { (0.0, 1.0, 1.0) } else { (16.0, 255.0 / 219.0, 255.0 / 224.0) };
        let (kr, kb) = if frame.bt709 { (0.2126f32, 0.0722f32) } else { (0.299, 0.114) };
        let kg = 1.0 - kr - kb;
        let (red, blue) = (2.0 * (1.0 - kr) * chroma, 2.0 * (1.0 - kb) * chroma);
        Self { black, gain, red_v: red, green_u: -blue * kb / kg, green_v: -red * kr / kg, blue_u: blue }
    }

    fn grey(&self, y: &[u16], r: &mut [f32], g: &mut [f32], b: &mut [f32]) {
        for (((r, g), b), y) in r.iter_mut().zip(g).zip(b).zip(y) {
            let value = ((f32::from(*y) / 256.0 - self.black) * self.gain).clamp(0.0, 255.0);
            (*r, *g, *b) = (value, value, value);
        }
    }

    /// From samples in 256ths.
    fn convert(&self, y: &[u16], u: &[u16], v: &[u16], r: &mut [f32], g: &mut [f32], b: &mut [f32]) {
        // One length for all lets the compiler drop the bounds checks and use vectors.
        let n = y.len();
        let (u, v, r, g, b) = (&u[..n], &v[..n], &mut r[..n], &mut g[..n], &mut b[..n]);
        for i in 0..n {
            let [y, u, v] = [y[i], u[i], v[i]].map(|s| f32::from(s) / 256.0);
            let (y, u, v) = ((y - self.black) * self.gain, u - 128.0, v - 128.0);
            r[i] = (y + self.red_v * v).clamp(0.0, 255.0);
            g[i] = (y + self.green_u * u + self.green_v * v).clamp(0.0, 255.0);
            b[i] = (y + self.blue_u * u).clamp(0.0, 255.0);
        }
    }
}

#[cfg(test)]
mod tests {
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
        assert!(
            (out.0 as f64 - f64::from(w) * ratio).abs() <= 1.0 && (out.1 as f64 - f64::from(h) * ratio).abs() <= 1.0
        );

        let (cw, ch) = chroma_size(format, w, h);
        let byte = |p: usize, offset: usize, step: usize| {
            let (data, stride) = frame.planes.plane(p);
            move |x: usize, y: usize| f64::from(data[y * stride + x * step + offset])
        };
        let (kr, kb) = if frame.bt709 { (0.2126, 0.0722) } else { (0.299, 0.114) };
        let (black, gain, cgain) =
            if frame.full_range { (0.0, 1.0, 1.0) } else { (16.0, 255.0 / 219.0, 255.0 / 224.0) };
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
}
