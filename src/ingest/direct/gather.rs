//! Packets into pictures: H.264 (RFC 6184: single units, STAP-A, FU-A) and H.265 (RFC 7798: single units, AP, FU).
//!
//! In go the payloads of one stream in order; what they carry is written into a buffer of the caller, Annex B, without
//! parameter sets and delimiters. The parameter sets are kept, those of the stream before those of the description,
//! and go before each key picture. What a picture is, and whether it begins where a picture begins, is known from the
//! headers that go by here; nothing is searched for afterwards. Only where a camera puts start codes into what is no
//! slice is it taken apart by them: some send their parameter sets and the picture as one unit.
//!
//! Bounded by the largest unit that is wanted; loss is the business of who counts sequence numbers.

use bytes::Bytes;

use crate::{
    decode::{header::next_start, picture_size},
    ingest::picture::{Glance, glance_of},
    types::Codec,
};

const START: [u8; 4] = [0, 0, 0, 1];
/// A set, with all that a picture has of its kind; none is near that.
const MAX_SETS: usize = 16 * 1024;

/// How a picture ended.
#[derive(Debug, PartialEq, Eq)]
pub enum Gathered {
    /// It is whole, and in the buffer.
    Unit { key: bool, new_parameters: bool },
    /// It is of no use; a word for metrics.
    Bad(&'static str),
    /// There was no picture.
    Nothing,
}

/// What a unit of the coded stream is for.
enum Class {
    /// VPS, SPS or PPS, by number.
    Set(usize),
    Slice {
        key: bool,
    },
    /// Says nothing that is not known.
    Delimiter,
    Other,
}

/// Where the fragments that follow go.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Target {
    Picture,
    /// Into `Gather::other`, until it is whole.
    Other,
    Nowhere,
}

/// One stream's picture under way, and its parameter sets.
pub struct Gather {
    codec: Codec,
    max_bytes: usize,
    /// VPS, SPS, PPS, with start codes.
    sets: [Vec<u8>; 3],
    /// Those of the picture under way.
    fresh: [Vec<u8>; 3],
    changed: bool,
    size: (u32, u32),
    begun: bool,
    key: bool,
    /// Header of the first slice, and the byte behind it.
    first: Option<(u8, u8)>,
    fragment: Target,
    /// A fragmented unit that is no slice, without start code.
    other: Vec<u8>,
    /// A fragment came whose beginning did not, or an end is missing.
    broken: bool,
    oversized: bool,
}

impl Gather {
    /// `sets`: what the description gives, without start codes.
    pub fn new(codec: Codec, max_bytes: usize, sets: &[Vec<u8>]) -> Self {
        let mut this = Self {
            codec,
            max_bytes,
            sets: Default::default(),
            fresh: Default::default(),
            changed: true,
            size: (0, 0),
            begun: false,
            key: false,
            first: None,
            fragment: Target::Nowhere,
            other: Vec::new(),
            broken: false,
            oversized: false,
        };
        for set in sets {
            if let Some(Class::Set(number)) = set.first().map(|h| this.class(*h)) {
                this.put_set(number, set);
            }
        }
        this.take_sets();
        this
    }

    pub fn set_max_bytes(&mut self, max: usize) {
        self.max_bytes = max;
    }

    pub fn codec(&self) -> Codec {
        self.codec
    }

    /// In pixels; 0 until the parameter sets have come.
    pub fn size(&self) -> (u32, u32) {
        self.size
    }

    /// True between the first packet of a picture and its end.
    pub fn begun(&self) -> bool {
        self.begun
    }

    fn class(&self, header: u8) -> Class {
        if self.codec == Codec::H264 {
            return match header & 0x1f {
                5 => Class::Slice { key: true },
                1 | 2 => Class::Slice { key: false },
                7 => Class::Set(1),
                8 => Class::Set(2),
                9 => Class::Delimiter,
                _ => Class::Other,
            };
        }
        match (header >> 1) & 0x3f {
            // IDR, but also CRA and BLA: decoding can start there too.
            16..=23 => Class::Slice { key: true },
            0..=31 => Class::Slice { key: false },
            number @ 32..=34 => Class::Set(usize::from(number) - 32),
            35 => Class::Delimiter,
            _ => Class::Other,
        }
    }

    /// Bytes of the header of a unit.
    fn header(&self) -> usize {
        if self.codec == Codec::H264 { 1 } else { 2 }
    }

    /// Takes one payload; `None` if it is garbage.
    pub fn packet(&mut self, payload: &[u8], out: &mut Vec<u8>) -> Option<()> {
        self.begun = true;
        // The forbidden bit.
        if payload.first()? & 0x80 != 0 {
            return None;
        }
        if self.codec == Codec::H264 {
            match payload.first()? & 0x1f {
                1..=23 => self.unit(payload, out),
                24 => self.aggregate(payload.get(1..)?, out),
                28 => {
                    let &[indicator, fu, ref data @ ..] = payload else { return None };
                    self.fragment(&[indicator & 0xe0 | fu & 0x1f], fu, data, out)
                }
                _ => None,
            }
        } else {
            match (payload.first()? >> 1) & 0x3f {
                48 => self.aggregate(payload.get(2..)?, out),
                49 => {
                    let &[a, b, fu, ref data @ ..] = payload else { return None };
                    self.fragment(&[a & 0x81 | (fu & 0x3f) << 1, b], fu, data, out)
                }
                0..=47 => self.unit(payload, out),
                _ => None,
            }
        }
    }

    fn aggregate(&mut self, mut rest: &[u8], out: &mut Vec<u8>) -> Option<()> {
        while let &[a, b, ref more @ ..] = rest {
            let length = usize::from(u16::from_be_bytes([a, b]));
            self.unit(more.get(..length)?, out)?;
            rest = more.get(length..)?;
        }
        Some(())
    }

    /// One whole unit of the packets.
    fn unit(&mut self, unit: &[u8], out: &mut Vec<u8>) -> Option<()> {
        self.broken |= self.fragment != Target::Nowhere;
        self.fragment = Target::Nowhere;
        let header = *unit.first()?;
        if matches!(self.class(header), Class::Slice { .. }) {
            return self.coded(unit, out);
        }
        let mut rest = unit;
        while let Some(next) = next_start(rest, 0) {
            let (before, behind) = rest.split_at_checked(next)?;
            let before = before.strip_suffix(&[0, 0, 1])?;
            let zeros = before.iter().rev().take_while(|b| **b == 0).count();
            if let Some(unit) = before.get(..before.len() - zeros).filter(|u| !u.is_empty()) {
                self.coded(unit, out)?;
            }
            rest = behind;
        }
        self.coded(rest, out)
    }

    /// One unit of the coded stream.
    fn coded(&mut self, unit: &[u8], out: &mut Vec<u8>) -> Option<()> {
        let (header, data) = unit.split_at_checked(self.header())?;
        match self.class(*header.first()?) {
            Class::Set(number) => self.put_set(number, unit),
            Class::Delimiter => {}
            class => {
                self.slice(&class, header, data);
                self.write(&[&START, unit], out);
            }
        }
        Some(())
    }

    /// `fu`: the header whose two upper bits say whether the unit begins and ends here.
    fn fragment(&mut self, header: &[u8], fu: u8, data: &[u8], out: &mut Vec<u8>) -> Option<()> {
        let (first, last) = (fu & 0x80 != 0, fu & 0x40 != 0);
        // One begins in the middle of another, or goes on that never began.
        self.broken |= first == (self.fragment != Target::Nowhere);
        if first {
            let class = self.class(*header.first()?);
            self.fragment = if matches!(class, Class::Slice { .. }) {
                self.slice(&class, header, data);
                self.write(&[&START, header], out);
                Target::Picture
            } else {
                self.other.clear();
                self.other.extend_from_slice(header);
                Target::Other
            };
        }
        match self.fragment {
            Target::Picture => self.write(&[data], out),
            Target::Other if self.other.len() + data.len() <= self.max_bytes => self.other.extend_from_slice(data),
            Target::Other => self.oversized = true,
            Target::Nowhere => {}
        }
        if last {
            let ended = std::mem::replace(&mut self.fragment, Target::Nowhere);
            let other = std::mem::take(&mut self.other);
            if ended == Target::Other {
                return self.unit(&other, out);
            }
        }
        Some(())
    }

    fn slice(&mut self, class: &Class, header: &[u8], data: &[u8]) {
        if let (Class::Slice { key }, Some(first), Some(behind)) = (class, header.first(), data.first()) {
            self.key |= *key;
            self.first.get_or_insert((*first, *behind));
        }
    }

    fn write(&mut self, parts: &[&[u8]], out: &mut Vec<u8>) {
        let more: usize = parts.iter().map(|p| p.len()).sum();
        if self.oversized || out.len() + more > self.max_bytes {
            self.oversized = true;
            out.clear();
            return;
        }
        parts.iter().for_each(|p| out.extend_from_slice(p));
    }

    fn put_set(&mut self, number: usize, set: &[u8]) {
        let kept = &mut self.fresh[number];
        if kept.len() + set.len() <= MAX_SETS {
            kept.extend_from_slice(&START);
            kept.extend_from_slice(set);
        }
    }

    /// What the picture brought is in force from it on.
    fn take_sets(&mut self) {
        for (kept, fresh) in self.sets.iter_mut().zip(&mut self.fresh) {
            if !fresh.is_empty() {
                let fresh = std::mem::take(fresh);
                if *kept != fresh {
                    *kept = fresh;
                    self.changed = true;
                }
            }
        }
        if self.changed
            && let Some(size) = self.sets[1].get(START.len()..).and_then(|s| picture_size(self.codec, s))
        {
            self.size = size;
        }
    }

    /// Gives up the picture under way.
    pub fn abandon(&mut self, out: &mut Vec<u8>) {
        out.clear();
        self.fresh.iter_mut().for_each(Vec::clear);
        self.other = Vec::new();
        self.fragment = Target::Nowhere;
        (self.begun, self.key, self.broken, self.oversized, self.first) = (false, false, false, false, None);
    }

    /// Ends the picture under way.
    pub fn finish(&mut self, out: &mut Vec<u8>) -> Gathered {
        self.take_sets();
        // A fragmented unit without its end is cut off.
        let broken = self.broken || self.fragment != Target::Nowhere;
        let (key, oversized, first) = (self.key, self.oversized, self.first.take());
        self.fragment = Target::Nowhere;
        self.other = Vec::new();
        (self.begun, self.key, self.broken, self.oversized) = (false, false, false, false);
        let bad = if oversized {
            Some("oversized")
        } else if broken {
            Some("incomplete")
        } else {
            match first {
                None => {
                    out.clear();
                    return Gathered::Nothing;
                }
                Some((header, behind)) => match glance_of(self.codec, header, behind) {
                    Glance { whole: false, .. } => Some("incomplete"),
                    _ if key && !self.can_be_decoded() => Some("no_parameter_sets"),
                    _ => None,
                },
            }
        };
        if let Some(word) = bad {
            out.clear();
            return Gathered::Bad(word);
        }
        Gathered::Unit { key, new_parameters: std::mem::take(&mut self.changed) }
    }

    fn can_be_decoded(&self) -> bool {
        let [vps, sps, pps] = &self.sets;
        !sps.is_empty() && !pps.is_empty() && (self.codec == Codec::H264 || !vps.is_empty())
    }

    /// A picture with the parameter sets before it, exactly as large as that is.
    pub fn with_sets(&self, picture: &[u8]) -> Bytes {
        let length = self.sets.iter().map(Vec::len).sum::<usize>() + picture.len();
        let mut whole = Vec::with_capacity(length);
        self.sets.iter().for_each(|s| whole.extend_from_slice(s));
        whole.extend_from_slice(picture);
        whole.into()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SPS: &[u8] = &[0x67, 0x42, 0, 0x29, 0xe2, 0x90];
    const PPS: &[u8] = &[0x68, 0xce, 0x3c, 0x80];

    fn gather() -> (Gather, Vec<u8>) {
        (Gather::new(Codec::H264, 1000, &[SPS.to_vec(), PPS.to_vec()]), Vec::new())
    }

    #[test]
    fn a_key_picture_in_fragments_is_put_together() {
        let (mut g, mut out) = gather();
        g.packet(&[0x09, 0xf0], &mut out).unwrap();
        g.packet(&[0x7c, 0x85, 0x88, 1], &mut out).unwrap();
        g.packet(&[0x7c, 0x05, 2, 3], &mut out).unwrap();
        g.packet(&[0x7c, 0x45, 4], &mut out).unwrap();
        assert_eq!(g.finish(&mut out), Gathered::Unit { key: true, new_parameters: true });
        let whole = [&START[..], SPS, &START, PPS, &START, &[0x65, 0x88, 1, 2, 3, 4]].concat();
        assert_eq!(g.with_sets(&out), whole);
    }

    #[test]
    fn sets_of_the_stream_come_before_those_of_the_description() {
        let (mut g, mut out) = gather();
        // STAP-A of an SPS and an IDR slice; a marker on sets alone is no picture.
        let sps = [0x67, 0x42, 0, 0x1e, 0xe2, 0x90];
        g.packet(&[&[0x18, 0, 6][..], &sps, &[0, 3, 0x65, 0x88, 9]].concat(), &mut out).unwrap();
        assert_eq!(g.finish(&mut out), Gathered::Unit { key: true, new_parameters: true });
        assert_eq!(g.with_sets(&out), [&START[..], &sps, &START, PPS, &START, &[0x65, 0x88, 9]].concat());
        out.clear();
        g.packet(&sps, &mut out).unwrap();
        assert_eq!(g.finish(&mut out), Gathered::Nothing);
        g.packet(&[0x41, 0x9a, 1], &mut out).unwrap();
        assert_eq!(g.finish(&mut out), Gathered::Unit { key: false, new_parameters: false }, "they were the same");
    }

    #[test]
    fn what_is_not_whole_is_no_unit() {
        let (mut g, mut out) = gather();
        g.packet(&[0x7c, 0x05, 2, 3], &mut out).unwrap();
        g.packet(&[0x7c, 0x45, 4], &mut out).unwrap();
        assert_eq!(g.finish(&mut out), Gathered::Bad("incomplete"), "its beginning is missing");
        g.packet(&[0x41, 0x40, 1], &mut out).unwrap();
        assert_eq!(g.finish(&mut out), Gathered::Bad("incomplete"), "its first slice is missing");
        g.packet(&[&[0x41, 0x9a][..], &[7; 2000]].concat(), &mut out).unwrap();
        g.packet(&[0x41, 0x1a, 1], &mut out).unwrap();
        assert_eq!((g.finish(&mut out), out.len()), (Gathered::Bad("oversized"), 0));
        assert_eq!(g.packet(&[0x1d, 0, 0], &mut out), None, "FU-B");
        assert_eq!(g.packet(&[0xc1, 0x9a, 0], &mut out), None, "the forbidden bit");
        g.abandon(&mut out);
        let mut bare = Gather::new(Codec::H264, 1000, &[]);
        bare.packet(&[0x65, 0x88, 1], &mut out).unwrap();
        assert_eq!(bare.finish(&mut out), Gathered::Bad("no_parameter_sets"));
    }

    #[test]
    fn sets_and_picture_sent_as_one_unit_are_taken_apart() {
        // SPS, PPS and the picture with start codes between them, in fragments of what says to be an SPS.
        let all = [SPS, &[0, 0, 0, 1], PPS, &[0, 0, 1, 0x65, 0x88, 1, 2, 3]].concat();
        let whole = [&START[..], SPS, &START, PPS, &START, &[0x65, 0x88, 1, 2, 3]].concat();
        let (mut g, mut out) = (Gather::new(Codec::H264, 1000, &[]), Vec::new());
        for (flags, part) in [(0x80, &all[1..9]), (0, &all[9..15]), (0x40, &all[15..])] {
            g.packet(&[&[0x7c, flags | 7][..], part].concat(), &mut out).unwrap();
        }
        assert_eq!(g.finish(&mut out), Gathered::Unit { key: true, new_parameters: true });
        assert_eq!(g.with_sets(&out), whole);
        out.clear();
        g.packet(&all, &mut out).unwrap();
        assert_eq!(g.finish(&mut out), Gathered::Unit { key: true, new_parameters: false });
        assert_eq!(g.with_sets(&out), whole, "and in one packet");
    }

    #[test]
    fn fragments_that_do_not_fit_together_are_no_unit() {
        let (mut g, mut out) = gather();
        let mut ends = |packets: &[&[u8]]| {
            packets.iter().for_each(|p| g.packet(p, &mut out).unwrap());
            let end = g.finish(&mut out);
            out.clear();
            end
        };
        let bad = Gathered::Bad("incomplete");
        assert_eq!(ends(&[&[0x7c, 0x81, 0x9a, 1], &[0x7c, 0x01, 2]]), bad, "its end is missing");
        assert_eq!(ends(&[&[0x7c, 0x81, 0x9a, 1], &[0x7c, 0x81, 0x9a], &[0x7c, 0x41, 2]]), bad, "two beginnings");
        assert_eq!(ends(&[&[0x7c, 0x81, 0x9a, 1], &[0x41, 0x9a, 1]]), bad, "another unit between");
        // Against RFC 6184, 5.8, but sent.
        assert_eq!(ends(&[&[0x7c, 0xc1, 0x9a, 1]]), Gathered::Unit { key: false, new_parameters: true }, "in one");
    }

    #[test]
    fn h265_in_aggregates_and_fragments() {
        let mut g = Gather::new(Codec::H265, 1000, &[vec![0x40, 1, 7], vec![0x42, 1, 7], vec![0x44, 1, 7]]);
        let mut out = Vec::new();
        g.packet(&[0x60, 1, 0, 3, 0x4e, 1, 5, 0, 3, 0x02, 1, 0x80], &mut out).unwrap();
        assert_eq!(g.finish(&mut out), Gathered::Unit { key: false, new_parameters: true });
        assert_eq!(out, [&START[..], &[0x4e, 1, 5], &START, &[0x02, 1, 0x80]].concat());
        out.clear();
        g.packet(&[0x62, 1, 0x80 | 19, 0xaf], &mut out).unwrap();
        g.packet(&[0x62, 1, 0x40 | 19, 0xbb], &mut out).unwrap();
        assert_eq!(g.finish(&mut out), Gathered::Unit { key: true, new_parameters: false });
        assert_eq!(out, [&START[..], &[0x26, 1, 0xaf, 0xbb]].concat());
    }

    proptest! {
        #[test]
        fn any_payloads_are_taken_within_the_bound(payloads in prop::collection::vec((prop::collection::vec(any::<u8>(), 0..60), any::<bool>()), 0..60), h265: bool) {
            let codec = if h265 { Codec::H265 } else { Codec::H264 };
            let mut g = Gather::new(codec, 100, &[]);
            let mut out = Vec::new();
            for (payload, marker) in payloads {
                if g.packet(&payload, &mut out).is_none() {
                    g.abandon(&mut out);
                }
                prop_assert!(out.len() <= 100);
                if marker {
                    g.finish(&mut out);
                    prop_assert!(!g.begun());
                    out.clear();
                }
            }
        }
    }
}
