//! Lets H.264 decoding begin at a key unit that is not an IDR picture (open GOP, recovery points).
//!
//! In: such a unit. Out: the same unit with its frame number set to 0. A decoder that has just been flushed takes any
//! other number as a gap, conjures up the frames that would fill it, and libavcodec inside GStreamer fails at that. An
//! intra picture refers to no other, so its number says nothing that its own decoding needs. The units that follow up
//! to the next IDR picture are lowered by the same number, so that they still follow one another.

use super::header::{Bits, next_start};

/// How slices say their number, from the stream's SPS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Numbers {
    /// Length of `frame_num` in bits.
    pub bits: u32,
    /// Colour planes are coded apart.
    pub planes: bool,
}

/// The number of the unit's first slice that is not of an IDR picture.
pub fn number(data: &[u8], numbers: Numbers) -> Option<u32> {
    let mut start = next_start(data, 0);
    while let Some(begin) = start {
        let nal = data.get(begin..)?;
        if matches!(nal.first().map(|b| b & 0x1f), Some(1)) {
            let raw = unescaped(nal.get(..nal.len().min(64))?);
            let at = position(&raw, numbers)?;
            return Bits::at(&raw, at).u(numbers.bits);
        }
        start = next_start(data, begin);
    }
    None
}

/// The unit with the numbers of all its slices lowered by `less`, or `None` if nothing needs to be changed.
pub fn renumbered(data: &[u8], numbers: Numbers, less: u32) -> Option<Vec<u8>> {
    if less == 0 {
        return None;
    }
    let mut out = Vec::with_capacity(data.len() + 64);
    let mut changed = false;
    let mut start = next_start(data, 0);
    while let Some(begin) = start {
        start = next_start(data, begin);
        let nal = data.get(begin..start.map_or(data.len(), |next| next - 3))?;
        out.extend_from_slice(&[0, 0, 0, 1]);
        match nal.first().map(|b| b & 0x1f) {
            Some(1) => {
                out.extend(slice(nal, numbers, less)?);
                changed = true;
            }
            _ => out.extend_from_slice(nal),
        }
    }
    changed.then_some(out)
}

/// Without the emulation prevention bytes.
fn unescaped(nal: &[u8]) -> Vec<u8> {
    let mut raw = Vec::with_capacity(nal.len());
    let mut zeros = 0;
    for &byte in nal {
        if zeros >= 2 && byte == 3 {
            zeros = 0;
            continue;
        }
        zeros = if byte == 0 { zeros + 1 } else { 0 };
        raw.push(byte);
    }
    raw
}

/// The bit at which a slice's number begins. ITU-T H.264, 7.3.3: first_mb_in_slice, slice_type, pic_parameter_set_id,
/// \[colour_plane_id\], frame_num.
fn position(raw: &[u8], numbers: Numbers) -> Option<usize> {
    let mut bits = Bits::at(raw, 8);
    for _ in 0..3 {
        bits.ue()?;
    }
    if numbers.planes {
        bits.u(2)?;
    }
    Some(bits.position())
}

fn slice(nal: &[u8], numbers: Numbers, less: u32) -> Option<Vec<u8>> {
    // What trails a NAL unit are zeros that belong to no payload.
    let length = nal.iter().rposition(|b| *b != 0)? + 1;
    let mut raw = unescaped(nal.get(..length)?);
    let at = position(&raw, numbers)?;
    let number = Bits::at(&raw, at).u(numbers.bits)?.wrapping_sub(less);
    for bit in 0..numbers.bits as usize {
        let (byte, mask) = (raw.get_mut((at + bit) / 8)?, 0x80 >> ((at + bit) % 8));
        *byte = if number >> (numbers.bits as usize - 1 - bit) & 1 == 1 { *byte | mask } else { *byte & !mask };
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

    fn bits(bits: u32, planes: bool) -> Numbers {
        Numbers { bits, planes }
    }

    #[test]
    fn only_the_number_changes() {
        // first_mb 0 (1), slice type 7 (0001000), pps 0 (1), frame_num 0110 of four bits, then ones.
        let unit = [0, 0, 1, 0x41, 0b1000_1000, 0b1011_0111, 0xff, 0, 0, 3, 1, 0x80, 0, 0, 1, 6, 5, 0x80];
        let wanted = |number| [0, 0, 0, 1, 0x41, 0b1000_1000, number, 0xff, 0, 0, 3, 1, 0x80, 0, 0, 0, 1, 6, 5, 0x80];
        assert_eq!(number(&unit, bits(4, false)), Some(6));
        assert_eq!(renumbered(&unit, bits(4, false), 6).unwrap(), wanted(0b1000_0111));
        assert_eq!(renumbered(&unit, bits(4, false), 5).unwrap(), wanted(0b1000_1111));
        assert_eq!(renumbered(&unit, bits(4, false), 9).unwrap(), wanted(0b1110_1111), "modulo 16");
        assert_eq!(renumbered(&unit, bits(4, false), 0), None);
        assert_eq!(renumbered(&[0, 0, 1, 0x65, 0x88, 0x80], bits(4, false), 3), None, "an IDR picture has 0 anyway");
    }

    proptest! {
        #[test]
        fn foreign_bytes_never_panic(tail in proptest::collection::vec(prop_oneof![Just(0u8), Just(3), any::<u8>()], 0..60), length in 4u32..17, planes: bool, less: u32) {
            let unit = [&[0, 0, 1, 0x41][..], &tail].concat();
            let before = number(&unit, bits(length, planes));
            if let Some(out) = renumbered(&unit, bits(length, planes), less) {
                // No start code may have come about inside.
                prop_assert_eq!(out.windows(3).filter(|w| *w == [0, 0, 1]).count(), unit.windows(3).filter(|w| *w == [0, 0, 1]).count());
                if let (Some(before), Some(after)) = (before, number(&out, bits(length, planes))) {
                    prop_assert_eq!(after, before.wrapping_sub(less) & ((1 << length) - 1));
                }
            }
        }
    }
}
