//! Slice segment headers of ITU-T H.265, 7.3.6.1, up to `slice_qp_delta`.

use super::{Kind, Slice};
use crate::decode::header::{Bits, h265_sequence, unescape};

/// Short-term reference picture sets that a sequence may list; a stream with more has no QP.
const RPS: usize = 24;
/// Pictures in one such set (7.4.8: at most 16).
const MOST_REFS: u32 = 16;

/// One sequence and one picture parameter set: cameras have no more in use at a time.
#[derive(Debug, Default)]
pub struct Sets {
    sequence: Option<Sequence>,
    picture: Option<Picture>,
}

#[derive(Debug, Clone, Copy)]
struct Sequence {
    id: u8,
    chroma: bool,
    planes: bool,
    order_bits: u8,
    /// Length of a slice's address in bits.
    address_bits: u8,
    offsets: bool,
    /// How many sets there are, and the number of pictures in each.
    rps: u8,
    rps_sizes: [u8; RPS],
    long_term: bool,
    long_term_listed: u8,
    temporal: bool,
}

#[derive(Debug, Clone, Copy)]
struct Picture {
    id: u8,
    sequence: u8,
    dependent: bool,
    output_flag: bool,
    extra_bits: u8,
    cabac_init: bool,
    refs: [u8; 2],
    init_qp: i8,
    weighted: bool,
    weighted_both: bool,
    lists_modified: bool,
}

impl Sets {
    pub fn sequence(&mut self, nal: &[u8]) {
        self.sequence = sequence(nal);
    }

    pub fn picture(&mut self, nal: &[u8]) {
        self.picture = picture(nal);
    }

    /// `head`: the beginning of a slice without emulation prevention, its NAL header first.
    pub fn slice(&self, head: &[u8]) -> Slice {
        let mut kind = None;
        let qp = self.qp(head, &mut kind);
        Slice { kind, qp }
    }

    fn qp(&self, head: &[u8], told: &mut Option<Kind>) -> Option<i32> {
        let nal = head.first()? >> 1;
        let mut b = Bits::new(head.get(2..)?);
        let first = b.bit()? == 1;
        if (16..=23).contains(&nal) {
            b.bit()?;
        }
        let id = b.ue()?;
        let p = self.picture.as_ref().filter(|p| u32::from(p.id) == id)?;
        let s = self.sequence.as_ref().filter(|s| s.id == p.sequence)?;
        if !first {
            // A dependent segment goes on with the QP of the one before it; its bytes are counted without.
            if p.dependent && b.bit()? == 1 {
                return None;
            }
            b.u(s.address_bits.into())?;
        }
        b.skip(p.extra_bits.into())?;
        let kind = match b.ue()? {
            0 => Kind::B,
            1 => Kind::P,
            2 => Kind::I,
            _ => return None,
        };
        *told = Some(kind);
        if p.output_flag {
            b.bit()?;
        }
        if s.planes {
            b.u(2)?;
        }
        let mut temporal = false;
        if !matches!(nal, 19 | 20) {
            b.u(s.order_bits.into())?;
            if b.bit()? == 0 {
                rps(&mut b, s.rps.into(), &s.rps_sizes, true)?;
            } else if s.rps > 1 {
                b.u(bits_for(s.rps.into()))?;
            }
            if s.long_term {
                long_term(&mut b, s)?;
            }
            temporal = s.temporal && b.bit()? == 1;
        }
        if s.offsets {
            b.bit()?;
            if s.chroma && !s.planes {
                b.bit()?;
            }
        }
        if kind != Kind::I {
            let mut refs = p.refs.map(u32::from);
            if b.bit()? == 1 {
                refs[0] = b.ue()?;
                if kind == Kind::B {
                    refs[1] = b.ue()?;
                }
            }
            // The modification of lists depends on how many pictures are referred to, which is not kept.
            if refs.iter().any(|r| *r >= MOST_REFS) || p.lists_modified {
                return None;
            }
            if kind == Kind::B {
                b.bit()?; // mvd_l1_zero_flag
            }
            if p.cabac_init {
                b.bit()?;
            }
            if temporal {
                let from_first = kind == Kind::P || b.bit()? == 1;
                if refs[usize::from(!from_first)] > 0 {
                    b.ue()?;
                }
            }
            if (kind == Kind::P && p.weighted) || (kind == Kind::B && p.weighted_both) {
                let chroma = s.chroma && !s.planes;
                b.ue()?;
                if chroma {
                    b.se()?;
                }
                for refs in refs.iter().take(if kind == Kind::B { 2 } else { 1 }) {
                    weights(&mut b, refs + 1, chroma)?;
                }
            }
            b.ue()?; // five_minus_max_num_merge_cand
        }
        let qp = i64::from(p.init_qp) + 26 + b.se()?;
        i32::try_from(qp).ok().filter(|qp| (-48..=51).contains(qp))
    }
}

/// Bits that count `n` things: Ceil(Log2(n)).
fn bits_for(n: u32) -> u32 {
    n.max(1).next_power_of_two().trailing_zeros()
}

fn sequence(nal: &[u8]) -> Option<Sequence> {
    let rbsp = unescape(nal.get(2..)?);
    let mut b = Bits::new(&rbsp);
    let s = h265_sequence(&mut b)?;
    // Multi-layer and screen content coding add fields to the slice header.
    if s.profile > 4 {
        return None;
    }
    let order_bits = b.ue()?.checked_add(4).filter(|n| *n <= 16)?;
    let each = b.bit()? == 1;
    for _ in 0..=(if each { s.sub_layers } else { 0 }) {
        for _ in 0..3 {
            b.ue()?;
        }
    }
    let block = b.ue()?.checked_add(3)?.checked_add(b.ue()?).filter(|n| *n <= 6)?;
    for _ in 0..4 {
        b.ue()?; // transform sizes and depths
    }
    if b.bit()? == 1 && b.bit()? == 1 {
        scaling_lists(&mut b)?;
    }
    b.bit()?; // asymmetric partitions
    let offsets = b.bit()? == 1;
    if b.bit()? == 1 {
        b.u(8)?;
        b.ue()?;
        b.ue()?;
        b.bit()?;
    }
    let count = b.ue()?;
    let mut rps_sizes = [0; RPS];
    if count as usize > RPS {
        return None;
    }
    for index in 0..count as usize {
        let size = rps(&mut b, index, &rps_sizes, false)?;
        *rps_sizes.get_mut(index)? = size;
    }
    let long_term = b.bit()? == 1;
    let mut long_term_listed = 0;
    if long_term {
        long_term_listed = b.ue()?.min(33);
        if long_term_listed > 32 {
            return None;
        }
        for _ in 0..long_term_listed {
            b.u(order_bits + 1)?;
        }
    }
    let temporal = b.bit()? == 1;
    let blocks = u64::from(s.width.div_ceil(1 << block)) * u64::from(s.height.div_ceil(1 << block));
    Some(Sequence {
        id: u8::try_from(s.id).ok()?,
        chroma: s.chroma_idc != 0,
        planes: s.planes,
        order_bits: order_bits as u8,
        address_bits: bits_for(u32::try_from(blocks).ok().filter(|n| *n < 1 << 24)?) as u8,
        offsets,
        rps: count as u8,
        rps_sizes,
        long_term,
        long_term_listed: long_term_listed as u8,
        temporal,
    })
}

fn picture(nal: &[u8]) -> Option<Picture> {
    let rbsp = unescape(nal.get(2..)?);
    let mut b = Bits::new(&rbsp);
    let (id, sequence) = (b.ue()?, b.ue()?);
    let dependent = b.bit()? == 1;
    let output_flag = b.bit()? == 1;
    let extra_bits = b.u(3)? as u8;
    b.bit()?; // sign_data_hiding_enabled_flag
    let cabac_init = b.bit()? == 1;
    let refs = [b.ue()?, b.ue()?];
    let init_qp = b.se()?;
    b.u(2)?;
    if b.bit()? == 1 {
        b.ue()?;
    }
    b.se()?;
    b.se()?;
    b.bit()?;
    let weighted = b.bit()? == 1;
    let weighted_both = b.bit()? == 1;
    b.bit()?; // transquant_bypass_enabled_flag
    let tiles = b.bit()? == 1;
    b.bit()?; // entropy_coding_sync_enabled_flag
    if tiles {
        let (columns, rows) = (b.ue()?, b.ue()?);
        if columns > 64 || rows > 64 {
            return None;
        }
        if b.bit()? == 0 {
            for _ in 0..columns + rows {
                b.ue()?;
            }
        }
        b.bit()?;
    }
    b.bit()?;
    if b.bit()? == 1 {
        b.bit()?;
        if b.bit()? == 0 {
            b.se()?;
            b.se()?;
        }
    }
    if b.bit()? == 1 {
        scaling_lists(&mut b)?;
    }
    let lists_modified = b.bit()? == 1;
    let small = |r: u32| u8::try_from(r).ok().filter(|r| u32::from(*r) < MOST_REFS);
    Some(Picture {
        id: u8::try_from(id).ok()?,
        sequence: u8::try_from(sequence).ok()?,
        dependent,
        output_flag,
        extra_bits,
        cabac_init,
        refs: [small(refs[0])?, small(refs[1])?],
        init_qp: i8::try_from(init_qp).ok()?,
        weighted,
        weighted_both,
        lists_modified,
    })
}

/// 7.3.7: gives the number of pictures in the set. `index` is the set's number, which for one in a slice header is the
/// number of sets in the sequence.
fn rps(b: &mut Bits, index: usize, sizes: &[u8], in_slice: bool) -> Option<u8> {
    if index > 0 && b.bit()? == 1 {
        let back = if in_slice { b.ue()? as usize + 1 } else { 1 };
        b.bit()?;
        b.ue()?;
        let from = u32::from(*sizes.get(index.checked_sub(back)?)?);
        let mut size = 0;
        for _ in 0..=from {
            // used_by_curr_pic_flag, or else use_delta_flag
            if b.bit()? == 1 || b.bit()? == 1 {
                size += 1;
            }
        }
        return (u32::from(size) <= MOST_REFS).then_some(size);
    }
    let (before, after) = (b.ue()?, b.ue()?);
    if before > MOST_REFS || after > MOST_REFS {
        return None;
    }
    for _ in 0..before + after {
        b.ue()?;
        b.bit()?;
    }
    u8::try_from(before + after).ok().filter(|n| u32::from(*n) <= MOST_REFS)
}

fn long_term(b: &mut Bits, s: &Sequence) -> Option<()> {
    let listed = u32::from(s.long_term_listed);
    let from_list = if listed > 0 { b.ue()? } else { 0 };
    let own = b.ue()?;
    if from_list > 32 || own > 32 {
        return None;
    }
    for index in 0..from_list + own {
        if index >= from_list {
            b.u(u32::from(s.order_bits) + 1)?;
        } else if listed > 1 {
            b.u(bits_for(listed))?;
        }
        if b.bit()? == 1 {
            b.ue()?;
        }
    }
    Some(())
}

/// `pred_weight_table` of one list: first all flags, then the weights.
fn weights(b: &mut Bits, refs: u32, chroma: bool) -> Option<()> {
    let mut flags = [0u32; 2];
    for flags in flags.iter_mut().take(if chroma { 2 } else { 1 }) {
        *flags = b.u(refs)?;
    }
    let values = 2 * flags[0].count_ones() + 4 * flags[1].count_ones();
    (0..values).try_for_each(|_| b.se().map(drop))
}

/// 7.3.4.
fn scaling_lists(b: &mut Bits) -> Option<()> {
    for size in 0..4u32 {
        for _ in 0..if size == 3 { 2 } else { 6 } {
            if b.bit()? == 0 {
                b.ue()?;
                continue;
            }
            if size > 1 {
                b.se()?;
            }
            for _ in 0..(1u32 << (4 + 2 * size)).min(64) {
                b.se()?;
            }
        }
    }
    Some(())
}
