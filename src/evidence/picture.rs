//! From a decoded frame to a JPEG, masks first. Pure: no I/O, no clock.
//!
//! Masks are polygons in 0..1 coordinates; every pixel that one touches becomes black before the picture is
//! compressed, so nothing of what is under a mask is in the file. A mask that cannot be drawn is an error.

use image::{ExtendedColorType, codecs::jpeg::JpegEncoder};

use super::EvidenceError;
use crate::types::{Frame, PixelFormat, Point, Polygon};

/// A JPEG's size is 16 bit; `decode.max_pixels` is far below this.
const MAX_SIDE: u32 = 16_384;

/// An encoded picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Jpeg {
    pub bytes: Vec<u8>,
    pub width: u32,
    pub height: u32,
}

/// Encodes a frame with its masks burnt in; `quality` 1 to 100.
pub fn encode_jpeg(frame: &Frame, masks: &[Polygon], quality: u8) -> Result<Jpeg, EvidenceError> {
    let (width, height) = (frame.width, frame.height);
    if !(1..=MAX_SIDE).contains(&width) || !(1..=MAX_SIDE).contains(&height) {
        return Err(EvidenceError::Frame(format!("its size is {width}x{height}")));
    }
    let mut picture = if frame.format == PixelFormat::Gray8 { grey(frame)? } else { rgb(frame)? };
    for mask in masks {
        blacken(&mut picture, mask)?;
    }
    let mut bytes = Vec::with_capacity(picture.data.len() / 8);
    let colour = if picture.channels == 1 { ExtendedColorType::L8 } else { ExtendedColorType::Rgb8 };
    JpegEncoder::new_with_quality(&mut bytes, quality.clamp(1, 100))
        .encode(&picture.data, width, height, colour)
        .map_err(|e| EvidenceError::Encode(e.to_string()))?;
    Ok(Jpeg { bytes, width, height })
}

struct Picture {
    data: Vec<u8>,
    width: usize,
    height: usize,
    /// Bytes a pixel.
    channels: usize,
}

/// Rows of one plane, checked once.
struct Rows<'a> {
    data: &'a [u8],
    stride: usize,
    bytes: usize,
}

impl<'a> Rows<'a> {
    fn new(frame: &'a Frame, index: usize, bytes: usize, rows: usize) -> Result<Self, EvidenceError> {
        let (data, stride) = frame.planes.plane(index);
        let needed = rows.saturating_sub(1).saturating_mul(stride).saturating_add(bytes);
        if stride < bytes || data.len() < needed {
            return Err(EvidenceError::Frame(format!(
                "plane {index} has {} bytes with stride {stride}; {needed} are needed",
                data.len()
            )));
        }
        Ok(Self { data, stride, bytes })
    }
    fn row(&self, y: usize) -> &'a [u8] {
        let start = y * self.stride;
        self.data.get(start..start + self.bytes).unwrap_or_default()
    }
}

fn grey(frame: &Frame) -> Result<Picture, EvidenceError> {
    let (width, height) = (frame.width as usize, frame.height as usize);
    let luma = Rows::new(frame, 0, width, height)?;
    let table: Vec<u8> = (0..=255u8).map(|y| Matrix::new(frame).pixel(y, 128, 128)[0]).collect();
    let data = (0..height).flat_map(|y| luma.row(y)).map(|y| table[usize::from(*y)]).collect();
    Ok(Picture { data, width, height, channels: 1 })
}

fn rgb(frame: &Frame) -> Result<Picture, EvidenceError> {
    let (width, height) = (frame.width as usize, frame.height as usize);
    let half = |n: usize| n.div_ceil(2);
    let luma = Rows::new(frame, 0, width, height)?;
    // Shift of x and y from luma to chroma, and the chroma plane's row length.
    let (shift_x, shift_y, chroma_bytes) = match frame.format {
        PixelFormat::I420 => (1, 1, half(width)),
        PixelFormat::Nv12 => (1, 1, 2 * half(width)),
        PixelFormat::Y42b => (1, 0, half(width)),
        PixelFormat::Y444 | PixelFormat::Gray8 => (0, 0, width),
    };
    let chroma_rows = if shift_y == 1 { half(height) } else { height };
    let interleaved = frame.format == PixelFormat::Nv12;
    let first = Rows::new(frame, 1, chroma_bytes, chroma_rows)?;
    let second = if interleaved { None } else { Some(Rows::new(frame, 2, chroma_bytes, chroma_rows)?) };
    let matrix = Matrix::new(frame);
    let mut data = Vec::with_capacity(width * height * 3);
    for y in 0..height {
        let u_row = first.row(y >> shift_y);
        let v_row = second.as_ref().map_or(u_row, |rows| rows.row(y >> shift_y));
        for (x, luma) in luma.row(y).iter().enumerate() {
            let at = x >> shift_x;
            let (u, v) = if interleaved { (2 * at, 2 * at + 1) } else { (at, at) };
            let (u, v) = (u_row.get(u).copied().unwrap_or(128), v_row.get(v).copied().unwrap_or(128));
            data.extend_from_slice(&matrix.pixel(*luma, u, v));
        }
    }
    Ok(Picture { data, width, height, channels: 3 })
}

/// YCbCr to RGB in 16 bit fixed point, for the frame's coefficients and range.
struct Matrix {
    luma: i32,
    offset: i32,
    v_red: i32,
    u_green: i32,
    v_green: i32,
    u_blue: i32,
}

impl Matrix {
    fn new(frame: &Frame) -> Self {
        let (kr, kb) = if frame.bt709 { (0.2126, 0.0722) } else { (0.299, 0.114) };
        let kg = 1.0 - kr - kb;
        let (luma, chroma, offset) = if frame.full_range { (1.0, 1.0, 0) } else { (255.0 / 219.0, 255.0 / 224.0, 16) };
        let fixed = |value: f64| (value * 65_536.0).round() as i32;
        Self {
            luma: fixed(luma),
            offset,
            v_red: fixed(2.0 * (1.0 - kr) * chroma),
            u_green: fixed(-2.0 * kb * (1.0 - kb) / kg * chroma),
            v_green: fixed(-2.0 * kr * (1.0 - kr) / kg * chroma),
            u_blue: fixed(2.0 * (1.0 - kb) * chroma),
        }
    }
    fn pixel(&self, y: u8, u: u8, v: u8) -> [u8; 3] {
        let y = (i32::from(y) - self.offset) * self.luma + (1 << 15);
        let (u, v) = (i32::from(u) - 128, i32::from(v) - 128);
        let byte = |value: i32| (value >> 16).clamp(0, 255) as u8;
        [byte(y + v * self.v_red), byte(y + u * self.u_green + v * self.v_green), byte(y + u * self.u_blue)]
    }
}

/// Every pixel that the polygon touches, edges included: what is half under a mask is under it.
fn blacken(picture: &mut Picture, mask: &Polygon) -> Result<(), EvidenceError> {
    let points: Vec<Point> =
        mask.0.iter().map(|p| Point { x: p.x * picture.width as f32, y: p.y * picture.height as f32 }).collect();
    if points.len() < 3 || points.iter().any(|p| !p.x.is_finite() || !p.y.is_finite()) {
        return Err(EvidenceError::Mask(format!("it has {} points, or one that is no number", mask.0.len())));
    }
    let edges: Vec<(Point, Point)> =
        points.iter().copied().zip(points.iter().copied().cycle().skip(1)).take(points.len()).collect();
    let mut crossings = Vec::with_capacity(edges.len());
    for row in 0..picture.height {
        let (top, middle, bottom) = (row as f32, row as f32 + 0.5, row as f32 + 1.0);
        crossings.clear();
        for (a, b) in &edges {
            let at = |y: f32| if a.y == b.y { a.x } else { a.x + (b.x - a.x) * ((y - a.y) / (b.y - a.y)) };
            if (a.y > middle) != (b.y > middle) {
                crossings.push(at(middle));
            }
            let (low, high) = (a.y.min(b.y).max(top), a.y.max(b.y).min(bottom));
            if low <= high {
                let (p, q) = if a.y == b.y { (a.x, b.x) } else { (at(low), at(high)) };
                paint(picture, row, p.min(q), p.max(q));
            }
        }
        crossings.sort_by(f32::total_cmp);
        for pair in crossings.chunks_exact(2) {
            paint(picture, row, pair[0], pair[1]);
        }
    }
    Ok(())
}

fn paint(picture: &mut Picture, row: usize, from: f32, to: f32) {
    let width = picture.width;
    // The conversion saturates: a point far outside ends at the picture's edge.
    let from = (from.floor().max(0.0) as usize).min(width);
    let to = (to.floor().max(-1.0) + 1.0) as usize;
    let to = to.min(width);
    if from < to {
        let start = row * width;
        let channels = picture.channels;
        if let Some(span) = picture.data.get_mut((start + from) * channels..(start + to) * channels) {
            span.fill(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Planes;

    struct Memory(Vec<(Vec<u8>, usize)>);
    impl Planes for Memory {
        fn plane(&self, index: usize) -> (&[u8], usize) {
            let (data, stride) = &self.0[index];
            (data, *stride)
        }
    }

    const FORMATS: [PixelFormat; 4] = [PixelFormat::I420, PixelFormat::Y42b, PixelFormat::Y444, PixelFormat::Nv12];

    fn yuv([r, g, b]: [u8; 3], full_range: bool, bt709: bool) -> [u8; 3] {
        let (kr, kb) = if bt709 { (0.2126, 0.0722) } else { (0.299, 0.114) };
        let [r, g, b] = [r, g, b].map(f64::from);
        let y = kr * r + (1.0 - kr - kb) * g + kb * b;
        let (u, v) = ((b - y) / (2.0 * (1.0 - kb)), (r - y) / (2.0 * (1.0 - kr)));
        let (y, u, v) = if full_range {
            (y, u + 128.0, v + 128.0)
        } else {
            (y * 219.0 / 255.0 + 16.0, u * 224.0 / 255.0 + 128.0, v * 224.0 / 255.0 + 128.0)
        };
        [y, u, v].map(|c| c.round().clamp(0.0, 255.0) as u8)
    }

    /// Left half `left`, right half `right`; strides wider than the rows, as decoders have them.
    fn frame(
        format: PixelFormat,
        (w, h): (usize, usize),
        [left, right]: [[u8; 3]; 2],
        full: bool,
        bt709: bool,
    ) -> Frame {
        let colours = [yuv(left, full, bt709), yuv(right, full, bt709)];
        let plane = |w: usize, h: usize, split: usize, channel: usize| {
            let stride = w + 13;
            let mut data = vec![77; stride * h - 13];
            for y in 0..h {
                for x in 0..w {
                    data[y * stride + x] = colours[usize::from(x >= split)][channel];
                }
            }
            (data, stride)
        };
        let (cw, ch) = (w.div_ceil(2), h.div_ceil(2));
        let mut planes = vec![plane(w, h, w / 2, 0)];
        match format {
            PixelFormat::Gray8 => {}
            PixelFormat::Nv12 => {
                let (u, stride) = plane(cw, ch, w / 4, 1);
                let (v, _) = plane(cw, ch, w / 4, 2);
                let both = u.iter().zip(&v).flat_map(|(u, v)| [*u, *v]).collect();
                planes.push((both, 2 * stride));
            }
            PixelFormat::I420 => planes.extend([plane(cw, ch, w / 4, 1), plane(cw, ch, w / 4, 2)]),
            PixelFormat::Y42b => planes.extend([plane(cw, h, w / 4, 1), plane(cw, h, w / 4, 2)]),
            PixelFormat::Y444 => planes.extend([plane(w, h, w / 2, 1), plane(w, h, w / 2, 2)]),
        }
        let planes = Box::new(Memory(planes));
        Frame { width: w as u32, height: h as u32, format, full_range: full, bt709, planes }
    }

    fn decoded(jpeg: &Jpeg) -> image::RgbImage {
        let picture = image::load_from_memory_with_format(&jpeg.bytes, image::ImageFormat::Jpeg).unwrap().to_rgb8();
        assert_eq!(picture.dimensions(), (jpeg.width, jpeg.height));
        picture
    }

    fn near(picture: &image::RgbImage, x: u32, y: u32, expected: [u8; 3], tolerance: i32, what: &str) {
        let got = picture.get_pixel(x, y).0;
        let off = got.iter().zip(expected).map(|(a, b)| (i32::from(*a) - i32::from(b)).abs()).max().unwrap();
        assert!(off <= tolerance, "{what}: {got:?} at {x},{y} is not {expected:?}");
    }

    fn polygon(points: &[[f32; 2]]) -> Polygon {
        Polygon(points.iter().copied().map(Point::from).collect())
    }

    #[test]
    fn colours_are_right_in_every_format_range_and_matrix() {
        let sides = [[200, 40, 40], [30, 90, 220]];
        for format in FORMATS {
            for (full, bt709) in [(false, false), (false, true), (true, false), (true, true)] {
                // An odd size, as some cameras send.
                let jpeg = encode_jpeg(&frame(format, (129, 65), sides, full, bt709), &[], 95).unwrap();
                let picture = decoded(&jpeg);
                let what = format!("{format:?} full={full} bt709={bt709}");
                for y in [0, 30, 64] {
                    near(&picture, 20, y, sides[0], 6, &what);
                    near(&picture, 110, y, sides[1], 6, &what);
                    near(&picture, 128, y, sides[1], 6, &what);
                }
            }
        }
    }

    #[test]
    fn grey_stays_grey_and_uses_its_range() {
        for full in [false, true] {
            let jpeg =
                encode_jpeg(&frame(PixelFormat::Gray8, (64, 32), [[255; 3], [20; 3]], full, false), &[], 95).unwrap();
            let picture = decoded(&jpeg);
            near(&picture, 10, 10, [255; 3], 4, "white");
            near(&picture, 50, 10, [20; 3], 4, "dark");
        }
    }

    #[test]
    fn masked_pixels_are_black_and_others_are_not() {
        let white = [[255; 3]; 2];
        let masks = [
            polygon(&[[0.1, 0.1], [0.4, 0.1], [0.4, 0.6], [0.1, 0.6]]),
            polygon(&[[0.6, 0.5], [1.0, 0.5], [1.0, 1.0], [0.6, 1.0]]),
        ];
        for format in FORMATS.into_iter().chain([PixelFormat::Gray8]) {
            let picture = decoded(&encode_jpeg(&frame(format, (200, 100), white, true, false), &masks, 90).unwrap());
            let what = format!("{format:?}");
            for (x, y) in [(24, 14), (50, 30), (74, 55), (130, 60), (199, 99), (160, 75)] {
                near(&picture, x, y, [0; 3], 6, &what);
            }
            for (x, y) in [(8, 8), (100, 30), (150, 30), (50, 80), (199, 10)] {
                near(&picture, x, y, [255; 3], 6, &what);
            }
        }
    }

    #[test]
    fn every_pixel_that_a_mask_touches_is_covered() {
        let masks = [
            // Thinner than a pixel, aslant, and with a notch.
            polygon(&[[0.10, 0.101], [0.90, 0.102], [0.90, 0.103], [0.10, 0.102]]),
            polygon(&[[0.5, 0.2], [0.9, 0.9], [0.2, 0.6]]),
            polygon(&[[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.5, 0.5], [0.0, 1.0]]),
        ];
        for (i, mask) in masks.iter().enumerate() {
            let mut picture = Picture { data: vec![255; 97 * 61], width: 97, height: 61, channels: 1 };
            blacken(&mut picture, mask).unwrap();
            let fine = 8;
            for y in 0..61 * fine {
                for x in 0..97 * fine {
                    let (px, py) = ((x as f32 + 0.5) / fine as f32, (y as f32 + 0.5) / fine as f32);
                    if mask.contains(Point { x: px / 97.0, y: py / 61.0 }) {
                        assert_eq!(picture.data[(y / fine) * 97 + x / fine], 0, "mask {i} leaves {px},{py}");
                    }
                }
            }
            let open = picture.data.iter().filter(|p| **p == 255).count();
            assert!(open > picture.data.len() / 6, "mask {i} covers too much: {open} pixels are left");
        }
    }

    #[test]
    fn a_mask_that_reaches_outside_covers_to_the_edge_and_a_broken_one_withholds_the_picture() {
        let frame = || frame(PixelFormat::I420, (64, 64), [[255; 3]; 2], true, false);
        let all = encode_jpeg(&frame(), &[Polygon::whole()], 90).unwrap();
        assert!(decoded(&all).pixels().all(|p| p.0.iter().all(|c| *c < 6)));
        let far = polygon(&[[-1e30, -1e30], [1e30, -1e30], [1e30, 1e30], [-1e30, 1e30]]);
        assert!(decoded(&encode_jpeg(&frame(), &[far], 90).unwrap()).pixels().all(|p| p.0.iter().all(|c| *c < 6)));
        for broken in [polygon(&[[0.0, 0.0], [1.0, 1.0]]), polygon(&[[0.0, 0.0], [f32::NAN, 0.0], [1.0, 1.0]])] {
            assert!(matches!(encode_jpeg(&frame(), &[broken], 90), Err(EvidenceError::Mask(_))));
        }
    }

    #[test]
    fn planes_that_are_too_short_are_an_error() {
        for format in FORMATS {
            let good = frame(format, (64, 64), [[9; 3]; 2], true, false);
            let bad = Frame { width: 128, ..good };
            assert!(matches!(encode_jpeg(&bad, &[], 90), Err(EvidenceError::Frame(_))), "{format:?}");
        }
        let empty = Frame { width: 0, ..frame(PixelFormat::I420, (64, 64), [[9; 3]; 2], true, false) };
        assert!(matches!(encode_jpeg(&empty, &[], 90), Err(EvidenceError::Frame(_))));
    }
}
