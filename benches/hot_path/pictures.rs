//! What the benches look at: footage that set-up brought where it is there, else a gradient. They print which.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)] // a bench may stop at a broken file, and speak

use std::path::Path;

use skyeye::decode::file::{FileUnits, read_access_units};
use skyeye::decode::{DecodeLimits, KeyDecoder};
use skyeye::types::{AccessUnit, ChannelId, Codec, Frame, Mono, PixelFormat, Planes, Wall};

/// Pedestrians, 768x576, 10 fps, H.264 with a key frame every two seconds.
pub fn film() -> Option<FileUnits> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(".cache/footage/vtest.h264.mp4");
    if !path.exists() {
        println!("{} is not there (deploy/setup.sh demo brings it): generated data", path.display());
        return None;
    }
    Some(read_access_units(&path).expect("footage that can be read"))
}

pub fn unit(channel: &ChannelId, key: bool, data: bytes::Bytes, at_ms: u64) -> AccessUnit {
    AccessUnit {
        channel: channel.clone(),
        codec: Codec::H264,
        key,
        data,
        timeline_90k: i64::try_from(at_ms).unwrap_or(i64::MAX).saturating_mul(90),
        ingested: Mono(at_ms),
        ingested_wall: Wall(0),
        seen: Wall(0),
        camera_clock: false,
        session: 1,
    }
}

struct Owned(Vec<(Vec<u8>, usize)>);

impl Planes for Owned {
    fn plane(&self, index: usize) -> (&[u8], usize) {
        (&self.0[index].0, self.0[index].1)
    }
}

/// Sizes of the three planes of I420.
fn planes(w: usize, h: usize) -> [(usize, usize); 3] {
    let half = (w.div_ceil(2), h.div_ceil(2));
    [(w, h), half, half]
}

/// A picture of this size, rows padded to 64 bytes as the decoder does: the film's first picture, enlarged or reduced
/// by leaving out and repeating pixels (the time does not depend on what is seen), or a gradient.
pub fn picture(film: Option<&FileUnits>, width: u32, height: u32) -> Frame {
    let (w, h) = (width as usize, height as usize);
    let source = film.map(|film| {
        let first = film.units.iter().find(|u| u.key).expect("a key frame");
        let channel = ChannelId::new("bench").expect("a good id");
        let decoded = KeyDecoder::new(DecodeLimits::default()).decode(&unit(&channel, true, first.data.clone(), 0));
        decoded.expect("a picture")
    });
    let made = planes(w, h).into_iter().enumerate().map(|(index, (pw, ph))| {
        let stride = pw.next_multiple_of(64);
        let mut data = vec![0u8; stride * ph];
        for (y, row) in data.chunks_exact_mut(stride).enumerate() {
            for (x, byte) in row[..pw].iter_mut().enumerate() {
                *byte = match &source {
                    Some(frame) => {
                        let (sw, sh) = planes(frame.width as usize, frame.height as usize)[index];
                        let (from, from_stride) = frame.planes.plane(index);
                        from[y * sh / ph * from_stride + x * sw / pw]
                    }
                    None => (x + 2 * y + 50 * index) as u8,
                };
            }
        }
        (data, stride)
    });
    let planes = Box::new(Owned(made.collect()));
    Frame { width, height, format: PixelFormat::I420, full_range: false, bt709: height > 576, planes }
}
