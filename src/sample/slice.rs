//! What an access unit says of itself before anything is decoded: how it was coded (I, P, B), with which quantiser, and
//! how many bytes its slices really take.
//!
//! In go the units of one channel in order: [`Headers`] keeps the few fields of the parameter sets that a slice header
//! needs. Out comes a [`Picture`]. Parameter sets, SEI, delimiters and the filler with which strict constant bit rate
//! pads its pictures are not counted: they say nothing of the scene. The quantiser is the slice QP, the mean by bytes
//! where a picture has several slices; a macroblock's own offset from it stands in the coded data and is not read.
//!
//! A stream whose syntax goes beyond what is read here (slice groups, reference list modification in H.265, screen
//! content coding) has no QP: `None`, never a wrong number. Only the first bytes of a slice are looked at, every read is
//! checked, nothing panics, nothing allocates a unit.

mod h264;
mod h265;

use crate::{
    decode::header::{next_start, unescape_into},
    types::Codec,
};

/// Bytes of a slice that are looked at; a header with weighted prediction of 16 references is shorter.
const HEAD: usize = 128;
/// Slices of a picture that are counted one by one; what comes after is counted with the last one.
const SLICES: usize = 64;

/// How a picture refers to others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// To none.
    I,
    /// To one other a block.
    P,
    /// To two.
    B,
}

/// One access unit, undecoded.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Picture {
    /// The least restricted of its slices; `None` where no slice header could be read.
    pub kind: Option<Kind>,
    /// The slice QP (0 to 51, below 0 at high bit depths): mean by bytes.
    pub qp: Option<f32>,
    /// Bytes of its slices.
    pub bytes: u32,
}

/// What a slice header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Slice {
    kind: Option<Kind>,
    qp: Option<i32>,
}

/// What is kept of a channel's parameter sets; about 150 bytes for H.264, and as much on the heap for H.265.
#[derive(Debug, Default)]
pub struct Headers {
    h264: h264::Sets,
    h265: Option<Box<h265::Sets>>,
}

impl Headers {
    /// Reads one unit; `None` if it holds no slice. MJPEG has neither slices nor a QP that could be compared: its bytes
    /// count.
    pub fn read(&mut self, codec: Codec, data: &[u8]) -> Option<Picture> {
        if codec == Codec::Mjpeg {
            return Some(Picture { kind: Some(Kind::I), qp: None, bytes: u32::try_from(data.len()).ok()? });
        }
        let mut total = Total::default();
        let mut start = next_start(data, 0);
        while let Some(begin) = start {
            // The end of what cannot be a slice of interest is not looked for beyond the next start code either way.
            start = next_start(data, begin);
            let end = start.map_or(data.len(), |next| next - 3);
            let nal = data.get(begin..end).unwrap_or_default();
            let slice = match codec {
                Codec::H264 => self.h264(nal),
                _ => self.h265(nal),
            };
            if let Some(slice) = slice {
                total.add(slice, nal.len());
            }
            if total.slices >= SLICES {
                total.bytes = total.bytes.saturating_add((data.len() - end) as u64);
                break;
            }
        }
        total.picture()
    }

    fn h264(&mut self, nal: &[u8]) -> Option<Slice> {
        let mut head = [0; HEAD];
        match nal.first()? & 0x1f {
            1 | 5 => {
                let head = unescape_into(nal.get(..nal.len().min(HEAD))?, &mut head);
                Some(self.h264.slice(head))
            }
            7 => {
                self.h264.sequence(nal);
                None
            }
            8 => {
                self.h264.picture(nal);
                None
            }
            _ => None,
        }
    }

    fn h265(&mut self, nal: &[u8]) -> Option<Slice> {
        let (&a, &b) = (nal.first()?, nal.get(1)?);
        // Layers above 0 are not decoded.
        if a & 1 != 0 || b >> 3 != 0 {
            return None;
        }
        let mut head = [0; HEAD];
        match a >> 1 {
            0..=9 | 16..=21 => {
                let head = unescape_into(nal.get(..nal.len().min(HEAD))?, &mut head);
                Some(self.h265.get_or_insert_default().slice(head))
            }
            33 => {
                self.h265.get_or_insert_default().sequence(nal);
                None
            }
            34 => {
                self.h265.get_or_insert_default().picture(nal);
                None
            }
            _ => None,
        }
    }
}

#[derive(Default)]
struct Total {
    slices: usize,
    bytes: u64,
    kind: Option<Kind>,
    /// Sum of QP times bytes, over the bytes whose QP is known.
    weighted: i64,
    known: u64,
}

impl Total {
    fn add(&mut self, slice: Slice, bytes: usize) {
        let bytes = bytes as u64;
        self.slices += 1;
        self.bytes += bytes;
        let rank = |kind: Option<Kind>| kind.map_or(0, |k| k as u8 + 1);
        if rank(slice.kind) > rank(self.kind) {
            self.kind = slice.kind;
        }
        if let Some(qp) = slice.qp {
            self.known += bytes;
            self.weighted += i64::from(qp) * bytes as i64;
        }
    }

    fn picture(self) -> Option<Picture> {
        if self.slices == 0 {
            return None;
        }
        // A picture of which half tells no quantiser tells none.
        let qp = (self.known * 2 > self.bytes).then(|| (self.weighted as f64 / self.known as f64) as f32);
        Some(Picture { kind: self.kind, qp, bytes: u32::try_from(self.bytes).unwrap_or(u32::MAX) })
    }
}

#[cfg(test)]
mod tests;
