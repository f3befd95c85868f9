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
    /// Width and height of the tensor.
    pub tensor: (usize, usize),
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
    tensor: (usize, usize),
    luma: (Axis, Axis),
    chroma: (Axis, Axis),
}

/// Channels of a deployment have a handful of sizes.
const PLANS: usize = 8;

/// Fills tensors; one a worker.
pub struct Letterbox {
    width: usize,
    height: usize,
    /// The tensor is as small as the picture allows, in steps of so many pixels; none: always of the full size.
    step: Option<usize>,
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
        Self { width, height, step: None, colour, fill, plans: Vec::new(), scratch: Scratch::default() }
    }

    /// Tensors only as wide and high as the picture needs, rounded up to whole steps: for a model whose input size is
    /// open. The picture has the same pixels, there is less beside it.
    pub fn trimmed(self, step: usize) -> Self {
        Self { step: Some(step.max(1)), ..self }
    }

    /// Floats of the largest tensor.
    pub fn len(&self) -> usize {
        3 * self.width * self.height
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Writes the frame into `tensor`, three planes of height x width, which gets the length that it needs.
    pub fn fill(&mut self, frame: &Frame, tensor: &mut Vec<f32>) -> Result<Placed, LetterboxError> {
        let refuse = |what| LetterboxError { width: frame.width, height: frame.height, what };
        if frame.width == 0 || frame.height == 0 || self.is_empty() {
            return Err(refuse("it is empty"));
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

        let (width, height) = plan.tensor;
        let area = width * height;
        tensor.resize(3 * area, self.fill);
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
                turn_back(turned, &mut plane[group.start * width..group.end * width], width, w);
            }
        }
        for plane in tensor.chunks_exact_mut(area) {
            for row in plane.chunks_exact_mut(width).take(h) {
                row[w..].fill(self.fill);
            }
            plane[h * width..].fill(self.fill);
        }
        Ok(Placed { width: w as f32, height: h as f32, tensor: (width, height) })
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
        let needed = |side: usize, limit: usize| self.step.map_or(limit, |s| side.next_multiple_of(s).min(limit));
        let axis = |source: usize, outputs: usize, sub: usize, total: u32| {
            Axis::new(source.div_ceil(sub), outputs, source as f64 / sub as f64 / outputs as f64, total)
        };
        self.plans.truncate(PLANS - 1);
        self.plans.insert(
            0,
            Plan {
                key,
                placed: (w, h),
                tensor: (needed(w, self.width), needed(h, self.height)),
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
mod tests;
