//! A glance into an access unit: what picture is it, and does it begin where the picture begins?
//!
//! After lost or garbled packets the rest of a picture can come out of depacketising as if it were one. A decoder
//! would make a torn picture of it, and a detector would see things in it. The first slice of a picture says so in
//! one bit: H.264 `first_mb_in_slice` is 0 (written as the single bit 1), H.265 `first_slice_segment_in_pic_flag` is 1.

use crate::types::Codec;

/// What the first slice of a unit says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Glance {
    /// False if the unit does not begin with the beginning of a picture.
    pub whole: bool,
    /// An H.265 picture from which decoding can start: IDR, but also CRA and BLA, of which encoders with an open
    /// group of pictures send nothing else after the first one. False for other codecs.
    pub irap: bool,
}

/// Looks at a unit; `None` if it holds no picture.
pub fn glance(codec: Codec, data: &[u8]) -> Option<Glance> {
    match codec {
        Codec::Mjpeg => data.starts_with(&[0xff, 0xd8]).then_some(Glance { whole: true, irap: false }),
        Codec::H264 => {
            let (header, first) = first_slice(data, |h| matches!(h & 0x1f, 1 | 2 | 5), 1)?;
            Some(glance_of(codec, header, first))
        }
        Codec::H265 => {
            let (header, first) = first_slice(data, |h| (h >> 1) & 0x3f < 32, 2)?;
            Some(glance_of(codec, header, first))
        }
    }
}

/// The same for who has the header of the first slice and the byte behind it in hand.
pub fn glance_of(codec: Codec, header: u8, first: u8) -> Glance {
    match codec {
        Codec::Mjpeg => Glance { whole: true, irap: false },
        Codec::H264 => {
            // Behind it stands the type of the slice; an IDR picture has I slices alone, written 7 or 2. Noise seldom
            // hits that.
            let intra = first == 0x88 || first & 0xf0 == 0xb0;
            Glance { whole: first & 0x80 != 0 && (header & 0x1f != 5 || intra), irap: false }
        }
        Codec::H265 => Glance { whole: first & 0x80 != 0, irap: (16..=23).contains(&((header >> 1) & 0x3f)) },
    }
}

/// Whether a key unit can be decoded alone, as far as its beginning tells: SPS first, or VPS for H.265.
pub fn begins_with_parameter_sets(codec: Codec, data: &[u8]) -> bool {
    let header = data.strip_prefix(&[0, 0, 0, 1]).and_then(<[u8]>::first).copied();
    match codec {
        Codec::Mjpeg => true,
        Codec::H264 => header.is_some_and(|h| h & 0x1f == 7),
        Codec::H265 => header.is_some_and(|h| (h >> 1) & 0x3f == 32),
    }
}

/// The first header byte of the first NAL unit for which `is_slice` holds, and the first byte behind its header.
fn first_slice(data: &[u8], is_slice: impl Fn(u8) -> bool, header: usize) -> Option<(u8, u8)> {
    let mut at = 0;
    // Start codes 00 00 01, the only ones that depacketising writes; parameter sets before a slice are short.
    loop {
        let found = data.get(at..)?.windows(3).position(|w| w == [0, 0, 1])?;
        let nal = at + found + 3;
        let h = *data.get(nal)?;
        if is_slice(h) {
            return Some((h, *data.get(nal + header)?));
        }
        at = nal;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_first_slice_must_begin_the_picture() {
        let begins_whole = |codec, data: &[u8]| glance(codec, data).is_some_and(|g| g.whole);
        let h264 = |b| [&[0, 0, 0, 1, 0x67, 0x42, 0, 0, 0, 1, 0x68, 0xce, 0, 0, 0, 1, 0x65][..], &[b]].concat();
        assert!(begins_whole(Codec::H264, &h264(0x88)));
        assert!(begins_whole(Codec::H264, &h264(0xb8)));
        assert!(!begins_whole(Codec::H264, &h264(0x40)), "a later slice");
        assert!(!begins_whole(Codec::H264, &h264(0x9a)), "a P slice in an IDR picture");
        let h265 = |b| [&[0, 0, 0, 1, 0x40, 1, 0, 0, 0, 1, 0x26, 1][..], &[b]].concat();
        assert!(begins_whole(Codec::H265, &h265(0xaf)));
        assert!(!begins_whole(Codec::H265, &h265(0x2f)));
        assert!(begins_whole(Codec::Mjpeg, &[0xff, 0xd8, 0xff]));
        assert!(!begins_whole(Codec::Mjpeg, b"GIF8"));
        assert_eq!(glance(Codec::H264, &[0, 0, 0, 1, 0x67, 0x42]), None, "parameter sets alone");
    }

    #[test]
    fn decoding_can_start_at_cra_and_bla_too() {
        for (kind, irap) in [(1, false), (9, false), (16, true), (19, true), (20, true), (21, true)] {
            let unit = [0, 0, 0, 1, kind << 1, 1, 0xaf];
            assert_eq!(glance(Codec::H265, &unit), Some(Glance { whole: true, irap }), "NAL unit type {kind}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_answered(data in prop::collection::vec(prop_oneof![Just(0u8), Just(1u8), any::<u8>()], 0..200)) {
            for codec in [Codec::H264, Codec::H265, Codec::Mjpeg] {
                glance(codec, &data);
            }
        }
    }
}
