//! From an encoded picture to RTP payloads, one file a codec.
//!
//! In goes one access unit, out come the payloads of its packets, in order; the marker bit belongs to the last one.
//! Done once a clip, at the start: sessions share the result and patch twelve bytes of header. Nothing here knows of
//! sockets, time or sessions.

pub mod h264;
pub mod h265;
pub mod jpeg;
mod jpeg_tables;

/// Payload bytes a packet carries at most: under an Ethernet MTU with room for IPv6, UDP, RTP and a VPN.
pub const MAX_PAYLOAD: usize = 1_400;

/// The NAL units of an Annex B stream, without start codes and trailing zeros.
pub fn split_annex_b(data: &[u8]) -> Vec<&[u8]> {
    let mut nals = Vec::new();
    let mut start = None;
    let mut at = 0;
    while at + 3 <= data.len() {
        // The third byte decides how far we may jump: only 0 and 1 can end or be inside a start code.
        match data[at + 2] {
            0 => at += 1,
            1 if data[at] == 0 && data[at + 1] == 0 => {
                if let Some(from) = start {
                    push_nal(&mut nals, &data[from..at]);
                }
                at += 3;
                start = Some(at);
            }
            _ => at += 3,
        }
    }
    if let Some(from) = start {
        push_nal(&mut nals, &data[from..]);
    }
    nals
}

fn push_nal<'a>(nals: &mut Vec<&'a [u8]>, nal: &'a [u8]) {
    let end = nal.iter().rposition(|b| *b != 0).map_or(0, |last| last + 1);
    if end > 0 {
        nals.push(&nal[..end]);
    }
}

/// Runs of neighbouring NAL units that one aggregation packet can carry: each costs its length and two bytes.
fn aggregates<'n, 'd>(nals: &'n [&'d [u8]], header: usize, max: usize) -> impl Iterator<Item = &'n [&'d [u8]]> {
    let mut rest = nals;
    std::iter::from_fn(move || {
        let first = rest.first()?;
        let mut size = header + 2 + first.len();
        let mut count = 1;
        while let Some(next) = rest.get(count) {
            if size + 2 + next.len() > max {
                break;
            }
            size += 2 + next.len();
            count += 1;
        }
        let (run, after) = rest.split_at(count);
        rest = after;
        Some(run)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn start_codes_of_three_and_four_bytes_and_trailing_zeros() {
        let data = [0, 0, 0, 1, 0x67, 1, 2, 0, 0, 1, 0x68, 3, 0, 0, 0, 0, 1, 0x65, 0, 0, 3, 1, 0, 0];
        assert_eq!(split_annex_b(&data), [&[0x67, 1, 2][..], &[0x68, 3], &[0x65, 0, 0, 3, 1]]);
        assert!(split_annex_b(&[]).is_empty());
        assert!(split_annex_b(&[0, 0, 1]).is_empty());
        assert!(split_annex_b(&[1, 2, 3, 4, 5]).is_empty());
    }
}
