//! What a key unit says about its picture before anything is decoded: coded size, bit depth, chroma.
//!
//! In: the bytes of one key access unit. Out: [`Header`]. A decoder allocates by these numbers, so they are read and
//! bounded first; a camera (or an attacker on its port) that announces 16,384 x 16,384 must cost nothing. Only the
//! fields up to the size are read, every read is checked, and nothing here may panic or loop without bound.

use std::sync::LazyLock;

use memchr::memmem::Finder;

use super::recovery::Numbers;
use crate::types::Codec;

/// How the chroma planes relate to luma.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Chroma {
    Gray,
    C420,
    C422,
    C444,
    /// Legal in JPEG only, e.g. 4:4:0 of rotated cameras: not every decoder has a planar format for it.
    Other,
}

/// The picture as the parameter sets or the JPEG frame header announce it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Coded size, which cropping may lessen.
    pub width: u32,
    pub height: u32,
    pub bit_depth: u32,
    pub chroma: Chroma,
    /// What an H.264 stream says of its colours; `None` for the other codecs, whose decoders tell it themselves.
    /// libavcodec's H.264 decoder keeps the range of the last stream that named one, so a full-range channel would
    /// change the contrast of the next channel on the same worker.
    pub colour: Option<StreamColour>,
    /// Nothing that follows it refers to anything before it. False for recovery points and H.265's CRA pictures.
    pub closed: bool,
    /// For an H.264 unit whose picture is no IDR picture: how it is numbered.
    pub recovery: Option<Numbers>,
}

/// Video usability information, as far as it matters for colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StreamColour {
    pub full_range: bool,
    /// Matrix coefficients of ITU-T H.264 table E-5; 2 is "unspecified".
    pub matrix: Option<u32>,
}

/// Reads the header of a key unit; the reason is one clause that follows "the unit".
pub fn read(codec: Codec, data: &[u8]) -> Result<Header, &'static str> {
    match codec {
        Codec::H264 => annex_b(data, |nal| match nal.first().map(|b| b & 0x1f) {
            Some(7) => Nal::Size(h264_sps(&unescape(nal.get(1..).unwrap_or_default()))),
            Some(8) => Nal::Picture,
            Some(kind @ 1..=5) => Nal::Slice { idr: kind == 5 },
            _ => Nal::Other,
        }),
        Codec::H265 => annex_b(data, |nal| {
            // Layers above 0 (multi-view, scalable) are not decoded.
            let (Some(&a), Some(&b)) = (nal.first(), nal.get(1)) else { return Nal::Other };
            if a & 1 != 0 || b >> 3 != 0 {
                return Nal::Other;
            }
            match a >> 1 {
                33 => Nal::Size(h265_sps(&unescape(nal.get(2..).unwrap_or_default()))),
                34 => Nal::Picture,
                kind @ 0..=31 => Nal::Slice { idr: (16..=20).contains(&kind) },
                _ => Nal::Other,
            }
        }),
        Codec::Mjpeg => jpeg(data),
    }
}

enum Nal {
    /// A sequence parameter set; `None` if it cannot be read.
    Size(Option<Header>),
    /// A picture parameter set.
    Picture,
    Slice {
        idr: bool,
    },
    Other,
}

/// Walks the NAL units up to the first slice. Both parameter sets must be there: the decoder serves many channels,
/// and without them it would decode this picture by those of another one.
fn annex_b(data: &[u8], classify: impl Fn(&[u8]) -> Nal) -> Result<Header, &'static str> {
    let mut largest: Option<Header> = None;
    let (mut picture_set, mut slice) = (false, None);
    let mut start = next_start(data, 0);
    while let Some(begin) = start {
        let nal = data.get(begin..).unwrap_or_default();
        // A slice may be long and ends the walk, so its end is not looked for; parameter sets are short.
        match classify(nal) {
            Nal::Slice { idr } => {
                slice = Some(idr);
                break;
            }
            Nal::Picture => picture_set = true,
            Nal::Size(None) => return Err("has a sequence parameter set that cannot be read"),
            Nal::Size(Some(h)) => {
                let more =
                    |l: &Header| u64::from(h.width) * u64::from(h.height) > u64::from(l.width) * u64::from(l.height);
                if largest.as_ref().is_none_or(more) {
                    largest = Some(h);
                }
            }
            Nal::Other => {}
        }
        start = next_start(data, begin);
    }
    match largest {
        None => Err("has no sequence parameter set before its picture"),
        Some(_) if !picture_set => Err("has no picture parameter set before its picture"),
        Some(h) => match slice {
            None => Err("has parameter sets but no picture"),
            Some(true) => Ok(Header { closed: true, recovery: None, ..h }),
            Some(false) => Ok(h),
        },
    }
}

/// True if no other picture is predicted from this one, so that a decoder may leave it out. Reads the first slice.
pub fn is_disposable(codec: Codec, data: &[u8]) -> bool {
    let mut start = next_start(data, 0);
    while let Some(begin) = start {
        let kind = data.get(begin).copied().unwrap_or(0);
        match codec {
            Codec::H264 if matches!(kind & 0x1f, 1..=5) => return kind & 0x60 == 0,
            // Sub-layer non-reference pictures have even types below 16 (ITU-T H.265, table 7-1); of the highest
            // sub-layer they are needed by nothing, and cameras without sub-layers have only that one.
            Codec::H265 if kind >> 1 < 32 => {
                let first_layer = data.get(begin + 1).is_some_and(|b| b & 7 == 1);
                return kind >> 1 < 16 && (kind >> 1) % 2 == 0 && first_layer;
            }
            Codec::Mjpeg => return true,
            _ => start = next_start(data, begin),
        }
    }
    false
}

/// The parameter sets that stand before the picture of a key unit, each with its start code; empty if there are none.
pub fn parameter_sets(codec: Codec, data: &[u8]) -> Vec<u8> {
    let mut sets = Vec::new();
    let mut start = next_start(data, 0);
    while let Some(begin) = start {
        let kind = data.get(begin).copied().unwrap_or(0);
        let (set, slice) = match codec {
            Codec::H264 => (matches!(kind & 0x1f, 7 | 8), matches!(kind & 0x1f, 1..=5)),
            Codec::H265 => (matches!(kind >> 1, 32..=34), kind >> 1 < 32),
            Codec::Mjpeg => return sets,
        };
        if slice {
            break;
        }
        start = next_start(data, begin);
        if set {
            sets.extend_from_slice(&[0, 0, 0, 1]);
            let end = start.map_or(data.len(), |next| next - 3);
            sets.extend_from_slice(data.get(begin..end).unwrap_or_default());
        }
    }
    sets
}

/// The index just after the next `00 00 01` at or after `from`. Every byte of every unit goes through here.
pub(crate) fn next_start(data: &[u8], from: usize) -> Option<usize> {
    static START: LazyLock<Finder> = LazyLock::new(|| Finder::new(&[0, 0, 1]));
    START.find(data.get(from..)?).map(|at| from + at + 3)
}

/// Removes the emulation prevention bytes of the first kilobyte; a parameter set's size stands well before that.
pub(crate) fn unescape(nal: &[u8]) -> Vec<u8> {
    let mut out = vec![0; nal.len().min(1024)];
    let length = unescape_into(nal, &mut out).len();
    out.truncate(length);
    out
}

/// The same into `out`, up to its length, without allocation. Gives what was written.
pub(crate) fn unescape_into<'a>(nal: &[u8], out: &'a mut [u8]) -> &'a [u8] {
    let (mut zeros, mut length) = (0, 0);
    for &byte in nal.iter().take(out.len()) {
        if zeros >= 2 && byte == 3 {
            zeros = 0;
            continue;
        }
        if zeros >= 2 && byte == 1 {
            break; // the next start code
        }
        zeros = if byte == 0 { zeros + 1 } else { 0 };
        if let Some(slot) = out.get_mut(length) {
            *slot = byte;
        }
        length += 1;
    }
    out.get(..length).unwrap_or_default()
}

/// Bits of a parameter set, most significant first; `None` past the end.
pub(crate) struct Bits<'a> {
    data: &'a [u8],
    at: usize,
}

impl<'a> Bits<'a> {
    pub(crate) fn new(data: &'a [u8]) -> Self {
        Self { data, at: 0 }
    }
    /// Reading begins at bit `at`.
    pub(super) fn at(data: &'a [u8], at: usize) -> Self {
        Self { data, at }
    }
    /// Bits read so far, with those before the beginning.
    pub(super) fn position(&self) -> usize {
        self.at
    }
    pub(crate) fn bit(&mut self) -> Option<u32> {
        let byte = *self.data.get(self.at / 8)?;
        let bit = (byte >> (7 - self.at % 8)) & 1;
        self.at += 1;
        Some(u32::from(bit))
    }
    /// At most 32 bits.
    pub(crate) fn u(&mut self, n: u32) -> Option<u32> {
        (0..n).try_fold(0u32, |acc, _| Some((acc << 1) | self.bit()?))
    }
    pub(crate) fn skip(&mut self, n: usize) -> Option<()> {
        self.at = self.at.checked_add(n)?;
        (self.at <= self.data.len() * 8).then_some(())
    }
    /// Exp-Golomb, at most 31 leading zeros.
    pub(crate) fn ue(&mut self) -> Option<u32> {
        let mut zeros = 0;
        while self.bit()? == 0 {
            zeros += 1;
            if zeros > 31 {
                return None;
            }
        }
        let rest = self.u(zeros)?;
        ((1u64 << zeros) - 1 + u64::from(rest)).try_into().ok()
    }
    pub(crate) fn se(&mut self) -> Option<i64> {
        let k = i64::from(self.ue()?);
        Some(if k % 2 == 0 { -(k / 2) } else { (k + 1) / 2 })
    }
}

fn chroma(idc: u32) -> Option<Chroma> {
    Some(match idc {
        0 => Chroma::Gray,
        1 => Chroma::C420,
        2 => Chroma::C422,
        3 => Chroma::C444,
        _ => return None,
    })
}

/// What an H.264 sequence parameter set says up to the picture's size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct H264Sequence {
    pub id: u32,
    pub chroma_idc: u32,
    /// Colour planes are coded apart.
    pub planes: bool,
    pub bit_depth: u32,
    /// Length of `frame_num` in bits.
    pub number_bits: u32,
    pub order_type: u32,
    /// Length of `pic_order_cnt_lsb` in bits (order type 0).
    pub order_bits: u32,
    /// `delta_pic_order_always_zero_flag` (order type 1).
    pub order_fixed: bool,
    pub width: u32,
    pub height: u32,
    pub frames_only: bool,
}

/// ITU-T H.264, 7.3.2.1.1, up to `frame_mbs_only_flag`.
pub(crate) fn h264_sequence(b: &mut Bits) -> Option<H264Sequence> {
    let profile = b.u(8)?;
    b.skip(16)?; // constraint flags, level
    let id = b.ue()?;
    let (mut chroma_idc, mut bit_depth, mut planes) = (1, 8, false);
    if matches!(profile, 100 | 110 | 122 | 244 | 44 | 83 | 86 | 118 | 128 | 138 | 139 | 134 | 135) {
        chroma_idc = b.ue()?;
        if chroma_idc == 3 {
            planes = b.bit()? == 1;
        }
        let (luma, colour) = (b.ue()?, b.ue()?);
        bit_depth = 8u32.checked_add(luma.max(colour))?;
        b.skip(1)?;
        if b.bit()? == 1 {
            for list in 0..if chroma_idc == 3 { 12 } else { 8 } {
                if b.bit()? == 1 {
                    h264_scaling_list(b, if list < 6 { 16 } else { 64 })?;
                }
            }
        }
    }
    let number_bits = b.ue()?.checked_add(4).filter(|n| *n <= 16)?;
    let (order_type, mut order_bits, mut order_fixed) = (b.ue()?, 0, false);
    match order_type {
        0 => order_bits = b.ue()?.checked_add(4)?,
        1 => {
            order_fixed = b.bit()? == 1;
            b.se()?;
            b.se()?;
            for _ in 0..b.ue()?.min(256) {
                b.se()?;
            }
        }
        _ => {}
    }
    b.ue()?; // max_num_ref_frames
    b.skip(1)?;
    let width = b.ue()?.checked_add(1)?.checked_mul(16)?;
    let map_units = b.ue()?.checked_add(1)?.checked_mul(16)?;
    let frames_only = b.bit()? == 1;
    let height = if frames_only { map_units } else { map_units.checked_mul(2)? };
    Some(H264Sequence {
        id,
        chroma_idc,
        planes,
        bit_depth,
        number_bits,
        order_type,
        order_bits,
        order_fixed,
        width,
        height,
        frames_only,
    })
}

/// The same up to the video signal type of E.1.1.
fn h264_sps(rbsp: &[u8]) -> Option<Header> {
    let mut b = Bits { data: rbsp, at: 0 };
    let s = h264_sequence(&mut b)?;
    // A cut-off tail tells nothing of colours, but the size stands.
    let colour = Some(h264_colour(&mut b, s.frames_only).unwrap_or_default());
    Some(Header {
        width: s.width,
        height: s.height,
        bit_depth: s.bit_depth,
        chroma: chroma(s.chroma_idc)?,
        colour,
        closed: false,
        recovery: Some(Numbers { bits: s.number_bits, planes: s.planes }),
    })
}

/// The size that a sequence parameter set announces to be shown, cropped; `sps` is the unit without its start code.
pub fn picture_size(codec: Codec, sps: &[u8]) -> Option<(u32, u32)> {
    let (size, chroma_idc, planes, frames_only, crop) = match codec {
        Codec::Mjpeg => return None,
        Codec::H264 => {
            let raw = unescape(sps.get(1..)?);
            let mut b = Bits::new(&raw);
            let s = h264_sequence(&mut b)?;
            b.skip(if s.frames_only { 1 } else { 2 })?;
            ((s.width, s.height), s.chroma_idc, s.planes, s.frames_only, cropping(&mut b)?)
        }
        Codec::H265 => {
            let raw = unescape(sps.get(2..)?);
            let s = h265_sequence(&mut Bits::new(&raw))?;
            ((s.width, s.height), s.chroma_idc, s.planes, true, s.crop)
        }
    };
    let halved = |n: u32, by: bool| if by { n.checked_mul(2) } else { Some(n) };
    let (across, down) = (matches!(chroma_idc, 1 | 2) && !planes, chroma_idc == 1 && !planes);
    let [left, right, top, bottom] = crop;
    let width = size.0.checked_sub(halved(left.checked_add(right)?, across)?)?;
    let height = size.1.checked_sub(halved(halved(top.checked_add(bottom)?, down)?, !frames_only)?)?;
    Some((width, height))
}

/// Left, right, top and bottom, in units of chroma samples.
fn cropping(b: &mut Bits) -> Option<[u32; 4]> {
    match b.bit()? {
        0 => Some([0; 4]),
        _ => Some([b.ue()?, b.ue()?, b.ue()?, b.ue()?]),
    }
}

fn h264_colour(b: &mut Bits, frames_only: bool) -> Option<StreamColour> {
    let mut colour = StreamColour::default();
    b.skip(if frames_only { 1 } else { 2 })?;
    cropping(b)?;
    if b.bit()? == 0 {
        return Some(colour);
    }
    if b.bit()? == 1 && b.u(8)? == 255 {
        b.skip(32)?; // sample aspect ratio
    }
    if b.bit()? == 1 {
        b.skip(1)?; // overscan
    }
    if b.bit()? == 1 {
        b.skip(3)?;
        colour.full_range = b.bit()? == 1;
        if b.bit()? == 1 {
            b.skip(16)?;
            colour.matrix = Some(b.u(8)?);
        }
    }
    Some(colour)
}

fn h264_scaling_list(b: &mut Bits, size: usize) -> Option<()> {
    let (mut last, mut next) = (8i64, 8i64);
    for _ in 0..size {
        if next != 0 {
            next = (last + b.se()?).rem_euclid(256);
        }
        last = if next == 0 { last } else { next };
    }
    Some(())
}

/// What an H.265 sequence parameter set says up to its bit depths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct H265Sequence {
    pub profile: u32,
    /// `sps_max_sub_layers_minus1`.
    pub sub_layers: u32,
    pub id: u32,
    pub chroma_idc: u32,
    /// Colour planes are coded apart.
    pub planes: bool,
    pub width: u32,
    pub height: u32,
    pub bit_depth: u32,
    /// Of the conformance window.
    pub crop: [u32; 4],
}

/// ITU-T H.265, 7.3.2.2.1, up to `bit_depth_chroma_minus8`.
pub(crate) fn h265_sequence(b: &mut Bits) -> Option<H265Sequence> {
    b.skip(4)?;
    let sub_layers = b.u(3)?; // sps_max_sub_layers_minus1
    b.skip(1)?;
    b.skip(3)?; // profile space, tier
    let profile = b.u(5)?;
    b.skip(80 + 8)?; // the rest of the general profile, and the level
    let present = (0..sub_layers).map(|_| Some((b.bit()?, b.bit()?))).collect::<Option<Vec<_>>>()?;
    if sub_layers > 0 {
        b.skip(2 * (8 - sub_layers as usize))?;
    }
    for (profile, level) in present {
        b.skip(if profile == 1 { 88 } else { 0 } + if level == 1 { 8 } else { 0 })?;
    }
    let id = b.ue()?;
    let chroma_idc = b.ue()?;
    let planes = chroma_idc == 3 && b.bit()? == 1;
    let (width, height) = (b.ue()?, b.ue()?);
    let crop = cropping(b)?;
    let (luma, colour) = (b.ue()?, b.ue()?);
    let bit_depth = 8u32.checked_add(luma.max(colour))?;
    Some(H265Sequence { profile, sub_layers, id, chroma_idc, planes, width, height, bit_depth, crop })
}

fn h265_sps(rbsp: &[u8]) -> Option<Header> {
    let s = h265_sequence(&mut Bits { data: rbsp, at: 0 })?;
    Some(Header {
        width: s.width,
        height: s.height,
        bit_depth: s.bit_depth,
        chroma: chroma(s.chroma_idc)?,
        colour: None,
        closed: false,
        recovery: None,
    })
}

/// ITU-T T.81, B.2: segments up to the frame header.
fn jpeg(data: &[u8]) -> Result<Header, &'static str> {
    const SHORT: &str = "ends before its JPEG frame header";
    if data.get(..2) != Some(&[0xff, 0xd8]) {
        return Err("does not begin like a JPEG");
    }
    let mut at = 2;
    loop {
        while data.get(at) == Some(&0xff) && data.get(at + 1) == Some(&0xff) {
            at += 1; // fill bytes
        }
        let (Some(0xff), Some(&marker)) = (data.get(at), data.get(at + 1)) else { return Err(SHORT) };
        if matches!(marker, 0x01 | 0xd0..=0xd7) {
            at += 2;
            continue;
        }
        let (Some(&hi), Some(&lo)) = (data.get(at + 2), data.get(at + 3)) else { return Err(SHORT) };
        let length = usize::from(u16::from_be_bytes([hi, lo]));
        match marker {
            0xc0..=0xc2 => {
                let sof = data.get(at + 4..at + 2 + length).ok_or(SHORT)?;
                return jpeg_frame(sof).ok_or("has a JPEG frame header that cannot be read");
            }
            0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf => return Err("is a lossless or arithmetic JPEG"),
            0xda | 0xd9 => return Err("has no JPEG frame header before its scan"),
            _ => at += 2 + length.max(2),
        }
    }
}

fn jpeg_frame(sof: &[u8]) -> Option<Header> {
    let &[depth, h1, h0, w1, w0, count, ref components @ ..] = sof else { return None };
    let sampling = |i: usize| components.get(i * 3 + 1).map(|s| (s >> 4, s & 15));
    let chroma = match count {
        1 => Chroma::Gray,
        3 => match (sampling(0)?, sampling(1)?, sampling(2)?) {
            ((2, 2), (1, 1), (1, 1)) => Chroma::C420,
            ((2, 1), (1, 1), (1, 1)) | ((2, 2), (1, 2), (1, 2)) => Chroma::C422,
            ((1, 1), (1, 1), (1, 1)) => Chroma::C444,
            _ => Chroma::Other,
        },
        _ => return None,
    };
    let (width, height) = (u16::from_be_bytes([w1, w0]), u16::from_be_bytes([h1, h0]));
    Some(Header {
        width: width.into(),
        height: height.into(),
        bit_depth: depth.into(),
        chroma,
        colour: None,
        closed: true,
        recovery: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_jpeg_says_its_size_and_sampling() {
        let sof = |s: [u8; 3]| {
            let mut v = vec![0xff, 0xd8, 0xff, 0xe0, 0, 4, 9, 9, 0xff, 0xc0, 0, 17, 8, 1, 0x20, 2, 0xc0, 3];
            for (i, s) in s.into_iter().enumerate() {
                v.extend([i as u8, s, 0]);
            }
            v
        };
        let h = read(Codec::Mjpeg, &sof([0x21, 0x11, 0x11])).unwrap();
        assert_eq!(
            h,
            Header {
                width: 704,
                height: 288,
                bit_depth: 8,
                chroma: Chroma::C422,
                colour: None,
                closed: true,
                recovery: None
            }
        );
        assert_eq!(read(Codec::Mjpeg, &sof([0x12, 0x11, 0x11])).unwrap().chroma, Chroma::Other);
        assert!(read(Codec::Mjpeg, &sof([0x22, 0x11, 0x11])[..20]).is_err());
    }

    #[test]
    fn parameter_sets_must_come_first() {
        // SPS of x264 for 704x576 baseline; PPS; the first bytes of an IDR slice.
        let sps = [0, 0, 0, 1, 0x67, 0x42, 0xc0, 0x1e, 0xd9, 0x00, 0xb0, 0x12, 0x68, 0x40];
        let pps = [0, 0, 1, 0x68, 0xce, 0x3c, 0x80];
        let idr = [0, 0, 1, 0x65, 0x88, 0x84];
        let whole = [&sps[..], &pps, &idr].concat();
        let h = read(Codec::H264, &whole).unwrap();
        assert_eq!((h.width, h.height, h.bit_depth, h.chroma), (704, 576, 8, Chroma::C420));
        assert!(read(Codec::H264, &idr).unwrap_err().contains("sequence parameter set"));
        assert!(read(Codec::H264, &[&sps[..], &idr].concat()).unwrap_err().contains("picture parameter set"));
        assert!(read(Codec::H264, &[&idr[..], &sps, &pps].concat()).is_err());
    }

    proptest! {
        #[test]
        fn start_codes_are_found_where_they_are(data in proptest::collection::vec(0u8..3, 0..64), from in 0..70usize) {
            let plain = data.get(from..).and_then(|d| d.windows(3).position(|w| w == [0, 0, 1])).map(|at| from + at + 3);
            prop_assert_eq!(next_start(&data, from), plain);
        }

        #[test]
        fn foreign_bytes_never_panic(mut data in proptest::collection::vec(any::<u8>(), 0..200), kind in 0..3usize) {
            let codec = [Codec::H264, Codec::H265, Codec::Mjpeg][kind];
            let _outcome = read(codec, &data);
            // Random bytes hardly ever begin rightly: help them into the parsers.
            let lead: &[u8] = [&[0, 0, 1, 0x67, 100][..], &[0, 0, 1, 0x42, 1], &[0xff, 0xd8, 0xff, 0xc0]][kind];
            data.splice(0..0, lead.iter().copied());
            data.extend([0, 0, 1, 0x68, 0, 0, 1, 0x44, 1, 0, 0, 1, 0x65]);
            let _outcome = read(codec, &data);
        }
    }
}
