//! Lets H.264 decoding begin at a key unit that is not an IDR picture (open GOP, recovery points).
//!
//! In: such a unit. Out: the same unit with its frame number set to 0. A decoder that has just been flushed takes any
//! other number as a gap, conjures up the frames that would fill it, and libavcodec inside GStreamer fails at that. An
//! intra picture refers to no other, so its number says nothing that its own decoding needs.

use super::header::{Bits, next_start};

/// The unit with all its slices numbered 0, or `None` if nothing needs to be changed.
/// `number_bits` is the length of `frame_num`, `planes` whether colour planes are coded apart, both from its SPS.
pub fn renumbered(data: &[u8], number_bits: u32, planes: bool) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(data.len() + 64);
    let mut changed = false;
    let mut start = next_start(data, 0);
    while let Some(begin) = start {
        start = next_start(data, begin);
        let nal = data.get(begin..start.map_or(data.len(), |next| next - 3))?;
        out.extend_from_slice(&[0, 0, 0, 1]);
        match nal.first().map(|b| b & 0x1f) {
            Some(1) => {
                out.extend(slice(nal, number_bits, planes)?);
                changed = true;
            }
            _ => out.extend_from_slice(nal),
        }
    }
    changed.then_some(out)
}

/// ITU-T H.264, 7.3.3: first_mb_in_slice, slice_type, pic_parameter_set_id, [colour_plane_id], frame_num.
fn slice(nal: &[u8], number_bits: u32, planes: bool) -> Option<Vec<u8>> {
    // What trails a NAL unit are zeros that belong to no payload.
    let length = nal.iter().rposition(|b| *b != 0)? + 1;
    let mut raw = Vec::with_capacity(length);
    let mut zeros = 0;
    for &byte in nal.get(..length)? {
        if zeros >= 2 && byte == 3 {
            zeros = 0;
            continue;
        }
        zeros = if byte == 0 { zeros + 1 } else { 0 };
        raw.push(byte);
    }
    let at = {
        let mut bits = Bits::new(raw.get(1..)?);
        for _ in 0..3 {
            bits.ue()?;
        }
        if planes {
            bits.u(2)?;
        }
        8 + bits.position()
    };
    for bit in at..at + number_bits as usize {
        *raw.get_mut(bit / 8)? &= !(0x80 >> (bit % 8));
    }
    let mut escaped = Vec::with_capacity(raw.len() + 16);
    let mut zeros = 0;
    for byte in raw {
        if zeros >= 2 && byte <= 3 {
            escaped.push(3);
            zeros = 0;
        }
        zeros = if byte == 0 { zeros + 1 } else { 0 };
        escaped.push(byte);
    }
    Some(escaped)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_the_number_changes() {
        // first_mb 0 (1), slice type 7 (0001000), pps 0 (1), frame_num 0110 of four bits, then ones.
        let unit = [0, 0, 1, 0x41, 0b1000_1000, 0b1011_0111, 0xff, 0, 0, 3, 1, 0x80, 0, 0, 1, 6, 5, 0x80];
        let wanted = [0, 0, 0, 1, 0x41, 0b1000_1000, 0b1000_0111, 0xff, 0, 0, 3, 1, 0x80, 0, 0, 0, 1, 6, 5, 0x80];
        assert_eq!(renumbered(&unit, 4, false).unwrap(), wanted);
        assert_eq!(renumbered(&[0, 0, 1, 0x65, 0x88, 0x80], 4, false), None);
    }

    proptest! {
        #[test]
        fn foreign_bytes_never_panic(tail in proptest::collection::vec(prop_oneof![Just(0u8), Just(3), any::<u8>()], 0..60), bits in 4u32..17, planes: bool) {
            let unit = [&[0, 0, 1, 0x41][..], &tail].concat();
            if let Some(out) = renumbered(&unit, bits, planes) {
                // No start code may have come about inside.
                prop_assert_eq!(out.windows(3).filter(|w| *w == [0, 0, 1]).count(), unit.windows(3).filter(|w| *w == [0, 0, 1]).count());
            }
        }
    }
}
