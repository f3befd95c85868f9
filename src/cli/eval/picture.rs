//! A picture with the tracks drawn in, for a person to look at.

use std::path::Path;

use anyhow::Context;
use image::{Rgb, RgbImage};

use crate::{
    evidence,
    types::{BBox, Frame, Track},
};

const QUALITY: u8 = 88;
/// Pixels of one point of a digit.
const POINT: u32 = 2;
/// Digits, three points wide and five high, row by row from the top left in the highest of fifteen bits.
const DIGITS: [u16; 10] = [
    0b111_101_101_101_111,
    0b010_110_010_010_111,
    0b111_001_111_100_111,
    0b111_001_111_001_111,
    0b101_101_111_001_001,
    0b111_100_111_001_111,
    0b111_100_111_101_111,
    0b111_001_010_010_010,
    0b111_101_111_101_111,
    0b111_101_111_001_111,
];

/// Writes the frame as a JPEG: each track's box in a colour of its own, with its number.
pub fn draw(frame: &Frame, tracks: &[Track], to: &Path) -> anyhow::Result<()> {
    let jpeg = evidence::encode_jpeg(frame, &[], 100)?;
    let mut picture = image::load_from_memory(&jpeg.bytes)?.into_rgb8();
    for track in tracks {
        let colour = colour(track.number);
        outline(&mut picture, &track.bbox, colour);
        let (x, y) = corner(&picture, &track.bbox);
        number(&mut picture, track.number, x + 2 * POINT, y + 2 * POINT, colour);
    }
    let file = std::fs::File::create(to).with_context(|| format!("{} cannot be written", to.display()))?;
    let mut file = std::io::BufWriter::new(file);
    image::codecs::jpeg::JpegEncoder::new_with_quality(&mut file, QUALITY)
        .encode_image(&picture)
        .with_context(|| format!("{} cannot be written", to.display()))?;
    Ok(())
}

/// Bright, and neighbours in number far apart in hue.
fn colour(number: u64) -> Rgb<u8> {
    let hue = (number as f32 * 0.618_034).fract() * 6.0;
    let channel = |shift: f32| {
        let distance = ((hue + shift).rem_euclid(6.0) - 3.0).abs() - 1.0;
        (distance.clamp(0.0, 1.0) * 255.0) as u8
    };
    Rgb([channel(0.0), channel(4.0), channel(2.0)])
}

fn corner(picture: &RgbImage, b: &BBox) -> (u32, u32) {
    ((b.x.max(0.0) * picture.width() as f32) as u32, (b.y.max(0.0) * picture.height() as f32) as u32)
}

fn outline(picture: &mut RgbImage, b: &BBox, colour: Rgb<u8>) {
    let (left, top) = corner(picture, b);
    let right = ((b.x + b.w) * picture.width() as f32) as u32;
    let bottom = ((b.y + b.h) * picture.height() as f32) as u32;
    for inset in 0..2 {
        for x in left..=right {
            put(picture, x, top + inset, colour);
            put(picture, x, bottom.saturating_sub(inset), colour);
        }
        for y in top..=bottom {
            put(picture, left + inset, y, colour);
            put(picture, right.saturating_sub(inset), y, colour);
        }
    }
}

fn number(picture: &mut RgbImage, number: u64, x: u32, y: u32, colour: Rgb<u8>) {
    for (place, digit) in number.to_string().bytes().enumerate() {
        let Some(points) = DIGITS.get(usize::from(digit.wrapping_sub(b'0'))) else { continue };
        for point in 0..15u32 {
            let ink = if points >> (14 - point) & 1 == 1 { colour } else { Rgb([0, 0, 0]) };
            let (px, py) = (x + place as u32 * 4 * POINT + point % 3 * POINT, y + point / 3 * POINT);
            for dx in 0..POINT {
                for dy in 0..POINT {
                    put(picture, px + dx, py + dy, ink);
                }
            }
        }
    }
}

fn put(picture: &mut RgbImage, x: u32, y: u32, colour: Rgb<u8>) {
    if let Some(pixel) = picture.get_pixel_mut_checked(x, y) {
        *pixel = colour;
    }
}
