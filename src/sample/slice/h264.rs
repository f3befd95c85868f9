//! Slice headers of ITU-T H.264, 7.3.3, up to `slice_qp_delta`.

use super::{Kind, Slice};
use crate::decode::header::{Bits, h264_sequence, unescape};

/// A stream with more parameter sets in use than these has a QP only in some of its pictures.
const SEQUENCES: usize = 2;
const PICTURES: usize = 4;
/// `num_ref_idx_active_minus1` of a field.
const MOST_REFS: u32 = 31;

#[derive(Debug, Default)]
pub struct Sets {
    sequences: [Option<Sequence>; SEQUENCES],
    pictures: [Option<Picture>; PICTURES],
    next_sequence: u8,
    next_picture: u8,
}

#[derive(Debug, Clone, Copy)]
struct Sequence {
    id: u8,
    chroma: bool,
    planes: bool,
    frames_only: bool,
    number_bits: u8,
    order_type: u8,
    order_bits: u8,
    order_fixed: bool,
}

#[derive(Debug, Clone, Copy)]
struct Picture {
    id: u8,
    sequence: u8,
    cabac: bool,
    field_order: bool,
    refs: [u8; 2],
    weighted: bool,
    /// `weighted_bipred_idc` is 1: explicit weights.
    weighted_both: bool,
    redundant: bool,
    init_qp: i8,
}

impl Sets {
    pub fn sequence(&mut self, nal: &[u8]) {
        let Some(read) = sequence(nal) else { return };
        put(&mut self.sequences, &mut self.next_sequence, read, |s| s.id);
    }

    pub fn picture(&mut self, nal: &[u8]) {
        let Some((id, read)) = picture(nal) else { return };
        match read {
            Some(read) => put(&mut self.pictures, &mut self.next_picture, read, |p| p.id),
            // One that goes beyond what is read here must not leave an older one of its number behind.
            None => {
                self.pictures.iter_mut().filter(|p| p.is_some_and(|p| u32::from(p.id) == id)).for_each(|p| *p = None)
            }
        }
    }

    /// `head`: the beginning of a slice without emulation prevention, its NAL header first.
    pub fn slice(&self, head: &[u8]) -> Slice {
        let kind = kind(head);
        Slice { kind, qp: kind.and_then(|kind| self.qp(head, kind)) }
    }

    fn qp(&self, head: &[u8], kind: Kind) -> Option<i32> {
        let nal = *head.first()?;
        let mut b = Bits::new(head.get(1..)?);
        b.ue()?; // first_mb_in_slice
        b.ue()?; // slice_type
        let id = b.ue()?;
        let p = self.pictures.iter().flatten().find(|p| u32::from(p.id) == id)?;
        let s = self.sequences.iter().flatten().find(|s| s.id == p.sequence)?;
        if s.planes {
            b.u(2)?;
        }
        b.u(s.number_bits.into())?;
        let mut field = false;
        if !s.frames_only {
            field = b.bit()? == 1;
            if field {
                b.bit()?;
            }
        }
        if nal & 0x1f == 5 {
            b.ue()?; // idr_pic_id
        }
        let both = p.field_order && !field;
        if s.order_type == 0 {
            b.u(s.order_bits.into())?;
            if both {
                b.se()?;
            }
        } else if s.order_type == 1 && !s.order_fixed {
            b.se()?;
            if both {
                b.se()?;
            }
        }
        if p.redundant {
            b.ue()?;
        }
        let mut refs = p.refs.map(u32::from);
        if kind == Kind::B {
            b.bit()?; // direct_spatial_mv_pred_flag
        }
        if kind != Kind::I && b.bit()? == 1 {
            refs[0] = b.ue()?;
            if kind == Kind::B {
                refs[1] = b.ue()?;
            }
        }
        if refs.iter().any(|r| *r > MOST_REFS) {
            return None;
        }
        let lists = match kind {
            Kind::I => 0,
            Kind::P => 1,
            Kind::B => 2,
        };
        for _ in 0..lists {
            modification(&mut b)?;
        }
        if (kind == Kind::P && p.weighted) || (kind == Kind::B && p.weighted_both) {
            let chroma = s.chroma && !s.planes;
            b.ue()?;
            if chroma {
                b.ue()?;
            }
            for refs in refs.iter().take(lists) {
                weights(&mut b, refs + 1, chroma)?;
            }
        }
        if nal >> 5 & 3 != 0 {
            marking(&mut b, nal & 0x1f == 5)?;
        }
        if p.cabac && kind != Kind::I {
            b.ue()?; // cabac_init_idc
        }
        let qp = i64::from(p.init_qp) + 26 + b.se()?;
        i32::try_from(qp).ok().filter(|qp| (-48..=51).contains(qp))
    }
}

/// Replaces what has the same number, or the oldest.
fn put<T: Copy, const N: usize>(sets: &mut [Option<T>; N], next: &mut u8, new: T, id: impl Fn(&T) -> u8) {
    let same = sets.iter().position(|s| s.as_ref().is_some_and(|s| id(s) == id(&new)));
    let free = || sets.iter().position(Option::is_none);
    let at = same.or_else(free).unwrap_or_else(|| {
        *next = (*next + 1) % N as u8;
        usize::from(*next)
    });
    if let Some(slot) = sets.get_mut(at) {
        *slot = Some(new);
    }
}

/// The slice type stands before anything that needs a parameter set.
fn kind(head: &[u8]) -> Option<Kind> {
    let mut b = Bits::new(head.get(1..)?);
    b.ue()?;
    Some(match b.ue()? {
        t if t > 9 => return None,
        t => match t % 5 {
            0 | 3 => Kind::P,
            1 => Kind::B,
            _ => Kind::I,
        },
    })
}

fn sequence(nal: &[u8]) -> Option<Sequence> {
    let rbsp = unescape(nal.get(1..)?);
    let s = h264_sequence(&mut Bits::new(&rbsp))?;
    Some(Sequence {
        id: u8::try_from(s.id).ok().filter(|id| *id < 32)?,
        chroma: s.chroma_idc != 0,
        planes: s.planes,
        frames_only: s.frames_only,
        number_bits: s.number_bits as u8,
        order_type: u8::try_from(s.order_type).ok().filter(|t| *t <= 2)?,
        order_bits: u8::try_from(s.order_bits).ok().filter(|n| *n <= 16)?,
        order_fixed: s.order_fixed,
    })
}

/// 7.3.2.2. The number alone where the rest goes beyond what is read here.
fn picture(nal: &[u8]) -> Option<(u32, Option<Picture>)> {
    let rbsp = unescape(nal.get(1..)?);
    let mut b = Bits::new(&rbsp);
    let id = b.ue()?;
    Some((id, picture_of(&mut b, id)))
}

fn picture_of(b: &mut Bits, id: u32) -> Option<Picture> {
    let sequence = b.ue()?;
    let cabac = b.bit()? == 1;
    let field_order = b.bit()? == 1;
    if b.ue()? != 0 {
        return None; // slice groups
    }
    let refs = [b.ue()?, b.ue()?];
    let weighted = b.bit()? == 1;
    let weighted_both = b.u(2)? == 1;
    let init_qp = b.se()?;
    b.se()?;
    b.se()?;
    b.u(2)?;
    let redundant = b.bit()? == 1;
    Some(Picture {
        id: u8::try_from(id).ok()?,
        sequence: u8::try_from(sequence).ok()?,
        cabac,
        field_order,
        refs: [
            u8::try_from(refs[0]).ok().filter(|r| u32::from(*r) <= MOST_REFS)?,
            u8::try_from(refs[1]).ok().filter(|r| u32::from(*r) <= MOST_REFS)?,
        ],
        weighted,
        weighted_both,
        redundant,
        init_qp: i8::try_from(init_qp).ok()?,
    })
}

/// `ref_pic_list_modification` of one list.
fn modification(b: &mut Bits) -> Option<()> {
    if b.bit()? == 0 {
        return Some(());
    }
    for _ in 0..=MOST_REFS + 1 {
        match b.ue()? {
            0..=2 => b.ue()?,
            3 => return Some(()),
            _ => return None,
        };
    }
    None
}

/// `pred_weight_table` of one list.
fn weights(b: &mut Bits, refs: u32, chroma: bool) -> Option<()> {
    for _ in 0..refs {
        if b.bit()? == 1 {
            b.se()?;
            b.se()?;
        }
        if chroma && b.bit()? == 1 {
            for _ in 0..4 {
                b.se()?;
            }
        }
    }
    Some(())
}

/// `dec_ref_pic_marking`.
fn marking(b: &mut Bits, idr: bool) -> Option<()> {
    if idr {
        b.u(2)?;
        return Some(());
    }
    if b.bit()? == 0 {
        return Some(());
    }
    for _ in 0..66 {
        match b.ue()? {
            0 => return Some(()),
            5 => {}
            3 => {
                b.ue()?;
                b.ue()?;
            }
            1 | 2 | 4 | 6 => {
                b.ue()?;
            }
            _ => return None,
        }
    }
    None
}
