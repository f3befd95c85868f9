//! A glance into an access unit: does it begin where a picture begins?
//!
//! After lost or garbled packets the rest of a picture can come out of depacketising as if it were one. A decoder
//! would make a torn picture of it, and a detector would see things in it. The first slice of a picture says so in
//! one bit: H.264 `first_mb_in_slice` is 0 (written as the single bit 1), H.265 `first_slice_segment_in_pic_flag` is 1.

use crate::types::Codec;

/// False if the unit holds no picture, or not from its beginning.
pub fn begins_whole(codec: Codec, data: &[u8]) -> bool {
    match codec {
        Codec::Mjpeg => data.starts_with(&[0xff, 0xd8]),
        Codec::H264 => first_slice(data, |h| matches!(h & 0x1f, 1 | 2 | 5), 1),
        Codec::H265 => first_slice(data, |h| (h >> 1) & 0x3f < 32, 2),
    }
}

/// Looks at the first bit behind the header of the first NAL unit for which `is_slice` holds.
fn first_slice(data: &[u8], is_slice: impl Fn(u8) -> bool, header: usize) -> bool {
    let mut at = 0;
    // Start codes 00 00 01, the only ones that depacketising writes; parameter sets before a slice are short.
    while let Some(found) = data.get(at..).and_then(|rest| rest.windows(3).position(|w| w == [0, 0, 1])) {
        let nal = at + found + 3;
        match data.get(nal) {
            Some(h) if is_slice(*h) => return data.get(nal + header).is_some_and(|b| b & 0x80 != 0),
            _ => at = nal,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_first_slice_must_begin_the_picture() {
        let h264 = |b| [&[0, 0, 0, 1, 0x67, 0x42, 0, 0, 0, 1, 0x68, 0xce, 0, 0, 0, 1, 0x65][..], &[b]].concat();
        assert!(begins_whole(Codec::H264, &h264(0x88)));
        assert!(!begins_whole(Codec::H264, &h264(0x40)), "a later slice");
        let h265 = |b| [&[0, 0, 0, 1, 0x40, 1, 0, 0, 0, 1, 0x26, 1][..], &[b]].concat();
        assert!(begins_whole(Codec::H265, &h265(0xaf)));
        assert!(!begins_whole(Codec::H265, &h265(0x2f)));
        assert!(begins_whole(Codec::Mjpeg, &[0xff, 0xd8, 0xff]));
        assert!(!begins_whole(Codec::Mjpeg, b"GIF8"));
        assert!(!begins_whole(Codec::H264, &[0, 0, 0, 1, 0x67, 0x42]), "parameter sets alone");
    }

    proptest! {
        #[test]
        fn any_bytes_are_answered(data in prop::collection::vec(prop_oneof![Just(0u8), Just(1u8), any::<u8>()], 0..200)) {
            for codec in [Codec::H264, Codec::H265, Codec::Mjpeg] {
                let _ = begins_whole(codec, &data);
            }
        }
    }
}
