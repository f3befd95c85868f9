//! What one picture is boiled down to: a small grid of luma, and a few numbers. The picture itself is not kept.
//!
//! Reads two rows of the luma plane for each row of the grid, whatever the size of the picture: at D1 some fifty thousand
//! bytes, in well under a tenth of a millisecond. Nothing is allocated.

use crate::types::Frame;

/// Cells of the grid.
pub const WIDTH: usize = 48;
pub const HEIGHT: usize = 36;
pub const CELLS: usize = WIDTH * HEIGHT;
/// A smaller picture has too few pixels a cell to tell anything.
const LEAST: (usize, usize) = (2 * WIDTH, 2 * HEIGHT);
/// A cell whose luma changes by so much over four pixels shows structure: an edge, not noise and not a wall.
const STRUCTURE: u32 = 6;
/// Less tells nothing of whether a picture is the one before.
const TELLING: u32 = 4;
/// Distance of the wide gradient.
const WIDE: usize = 4;

/// One picture, boiled down. Luma is 0..255 whatever range the camera sends.
#[derive(Debug, Clone)]
pub struct Glance {
    /// Mean luma of each cell.
    pub mean: [u8; CELLS],
    /// One pixel of each cell exactly as it was decoded.
    pub point: [u8; CELLS],
    /// Where that pixel stands among others that differ from it; elsewhere (sky, black) it is the same in every picture.
    pub telling: [bool; CELLS],
    /// Over the whole picture.
    pub luma: f32,
    /// Luma below which a tenth, and nine tenths, of the cells lie.
    pub p10: u8,
    pub p90: u8,
    /// Share of cells with structure.
    pub structure: f32,
    /// How abruptly luma changes: bends from pixel to pixel, as a share of the changes over four. Half where all edges are
    /// steps, little where they are ramps; does not depend on light or contrast.
    pub sharpness: f32,
}

impl Glance {
    /// `None` for a picture that is too small, or whose plane is not what it says it is.
    pub fn of(frame: &Frame) -> Option<Glance> {
        let (width, height) = (usize::try_from(frame.width).ok()?, usize::try_from(frame.height).ok()?);
        if width < LEAST.0 || height < LEAST.1 {
            return None;
        }
        let (plane, stride) = frame.planes.plane(0);
        if stride < width || plane.len() < stride.checked_mul(height - 1)?.checked_add(width)? {
            return None;
        }
        let mut glance = Glance {
            mean: [0; CELLS],
            point: [0; CELLS],
            telling: [false; CELLS],
            luma: 0.0,
            p10: 0,
            p90: 0,
            structure: 0.0,
            sharpness: 0.0,
        };
        let (mut bends_all, mut wide_all, mut pixels, mut structured) = (0u64, 0u64, 0u64, 0u32);
        for row in 0..HEIGHT {
            let (top, bottom) = (row * height / HEIGHT, (row + 1) * height / HEIGHT);
            let lines = [top + (bottom - top) / 4, top + (bottom - top) * 3 / 4]
                .map(|y| plane.get(y * stride..y * stride + width));
            let [Some(first), Some(second)] = lines else { return None };
            for column in 0..WIDTH {
                let (left, right) = (column * width / WIDTH, (column + 1) * width / WIDTH);
                let (a, b) = (sums(first, left, right), sums(second, left, right));
                let count = u32::try_from(2 * (right - left)).unwrap_or(u32::MAX).max(1);
                let wide = a.wide + b.wide;
                bends_all += u64::from(a.bends + b.bends);
                wide_all += u64::from(wide);
                pixels += u64::from(count);
                structured += u32::from(wide >= STRUCTURE * count);
                let cell = row * WIDTH + column;
                let mean = (a.sum + b.sum) / count;
                glance.mean[cell] = if frame.full_range { mean as u8 } else { stretched(mean) };
                glance.point[cell] = second.get((left + right) / 2).copied().unwrap_or(0);
                glance.telling[cell] = wide >= TELLING * count;
            }
        }
        let mut counts = [0u32; 256];
        glance.mean.iter().for_each(|m| counts[usize::from(*m)] += 1);
        glance.p10 = quantile(&counts, CELLS as u32 / 10);
        glance.p90 = quantile(&counts, CELLS as u32 * 9 / 10);
        glance.luma = glance.mean.iter().map(|m| f32::from(*m)).sum::<f32>() / CELLS as f32;
        glance.structure = structured as f32 / CELLS as f32;
        // Half a level is what rounding makes of a flat wall.
        glance.sharpness = bends_all as f32 / (wide_all as f32 + pixels as f32 / 2.0);
        Some(glance)
    }
}

struct Sums {
    sum: u32,
    /// How far each pixel lies off the line between its neighbours, twice; and changes over `WIDE` pixels.
    bends: u32,
    wide: u32,
}

fn sums(line: &[u8], left: usize, right: usize) -> Sums {
    // The changes reach into the next cell, and at the end of the line there is none.
    let here = line.get(left..right).unwrap_or_default();
    let (next, after) = (line.get(left + 1..).unwrap_or_default(), line.get(left + 2..).unwrap_or_default());
    let bend = |(a, (b, c)): (&u8, (&u8, &u8))| (i32::from(*a) - 2 * i32::from(*b) + i32::from(*c)).unsigned_abs();
    let far = line.get(left + WIDE..).unwrap_or_default();
    Sums {
        sum: here.iter().map(|p| u32::from(*p)).sum(),
        bends: here.iter().zip(next.iter().zip(after)).map(bend).sum(),
        wide: here.iter().zip(far).map(|(a, b)| u32::from(a.abs_diff(*b))).sum(),
    }
}

/// 16..235 to 0..255.
fn stretched(luma: u32) -> u8 {
    (luma.saturating_sub(16) * 255 / 219).min(255) as u8
}

/// The value that `rank` of the counted lie at or below.
fn quantile(counts: &[u32; 256], rank: u32) -> u8 {
    let mut below = 0;
    for (value, count) in counts.iter().enumerate() {
        below += count;
        if below > rank {
            return value as u8;
        }
    }
    255
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{PixelFormat, Planes};

    struct Plane(Vec<u8>, usize);
    impl Planes for Plane {
        fn plane(&self, _: usize) -> (&[u8], usize) {
            (&self.0, self.1)
        }
    }

    fn frame(
        width: u32,
        height: u32,
        stride: usize,
        bytes: usize,
        full_range: bool,
        luma: impl Fn(usize, usize) -> u8,
    ) -> Frame {
        let plane = (0..bytes).map(|at| luma(at % stride, at / stride)).collect();
        let planes = Box::new(Plane(plane, stride));
        Frame { width, height, format: PixelFormat::Gray8, full_range, bt709: false, planes }
    }

    #[test]
    fn light_is_measured_in_either_range() {
        let of = |luma: u8, full| Glance::of(&frame(704, 576, 704, 704 * 576, full, |_, _| luma)).unwrap();
        assert_eq!((of(235, false).p10, of(235, false).luma), (255, 255.0));
        assert_eq!((of(16, false).p90, of(16, true).p90), (0, 16));
        assert_eq!(of(90, true).structure, 0.0);
        assert!(of(90, true).telling.iter().all(|t| !t), "a wall tells nothing");
    }

    #[test]
    fn sharpness_falls_when_edges_become_ramps_and_not_when_contrast_does() {
        let stripes = |x: usize, low: u8, high: u8| if (x / 16).is_multiple_of(2) { low } else { high };
        let ramps = |x: usize| ((x % 32).abs_diff(16) * 8) as u8;
        let of = |f: &dyn Fn(usize) -> u8| Glance::of(&frame(768, 576, 800, 800 * 576, true, |x, _| f(x))).unwrap();
        let (sharp, faint, soft) = (of(&|x| stripes(x, 40, 200)), of(&|x| stripes(x, 100, 140)), of(&ramps));
        assert!((sharp.sharpness - faint.sharpness).abs() < 0.02, "{} {}", sharp.sharpness, faint.sharpness);
        assert!(soft.sharpness < 0.2 && sharp.structure > 0.8, "{} {}", soft.sharpness, sharp.structure);
    }

    #[test]
    fn a_plane_that_is_not_what_it_says_gives_nothing() {
        assert!(Glance::of(&frame(704, 576, 704, 704 * 575, false, |_, _| 9)).is_none(), "a row is missing");
        assert!(Glance::of(&frame(704, 576, 600, 704 * 576, false, |_, _| 9)).is_none(), "rows overlap");
        assert!(Glance::of(&frame(64, 48, 64, 64 * 48, false, |_, _| 9)).is_none(), "too small");
        assert!(Glance::of(&frame(97, 73, 97, 97 * 73, false, |x, y| (x * y) as u8)).is_some());
    }
}
