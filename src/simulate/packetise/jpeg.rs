//! RFC 2435: JPEG over RTP, with the quantisation tables in the first packet of every picture (Q = 255).
//!
//! The format carries the scan and little else: baseline, 8 bits, three components in 4:2:0 or 4:2:2, and the Huffman
//! tables of the JPEG specification's Annex K, which the receiver is expected to know. A picture outside of that is
//! refused with a sentence, since a receiver would show rubbish.

use super::jpeg_tables::STANDARD_HUFFMAN;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JpegError {
    #[error("not a JPEG picture, or cut short")]
    Broken,
    #[error("a JPEG with {0}, which RTP (RFC 2435) cannot carry; encode it as {1}")]
    Unfit(&'static str, &'static str),
}

/// What the RTP payload says of a picture, and its scan.
#[derive(Debug, PartialEq, Eq)]
struct Picture<'a> {
    /// 0 for 4:2:2, 1 for 4:2:0.
    kind: u8,
    width: u16,
    height: u16,
    restart_interval: u16,
    /// Luma then chroma, 64 or 128 bytes each.
    tables: Vec<u8>,
    /// Bit 0: luma has 16-bit entries, bit 1: chroma.
    precision: u8,
    /// Entropy-coded bytes, without the EOI marker.
    scan: &'a [u8],
}

/// The entropy-coded bytes of a JPEG file: what a receiver must give back.
pub fn scan_of(file: &[u8]) -> Result<&[u8], JpegError> {
    parse(file).map(|p| p.scan)
}

/// The payloads of one JPEG file.
pub fn packetise(file: &[u8], max: usize) -> Result<Vec<Vec<u8>>, JpegError> {
    let picture = parse(file)?;
    // With its end marker: allowed, and some receivers add one only if they see none.
    let scan = [picture.scan, &[0xff, 0xd9]].concat();
    let restart = picture.restart_interval > 0;
    let kind = picture.kind + if restart { 64 } else { 0 };
    let mut payloads = Vec::new();
    let mut offset = 0;
    loop {
        let mut payload = Vec::with_capacity(max);
        payload.push(0);
        payload.extend_from_slice(&(offset as u32).to_be_bytes()[1..]);
        payload.extend_from_slice(&[kind, 255, picture.width.div_ceil(8) as u8, picture.height.div_ceil(8) as u8]);
        if restart {
            // F and L set and a count of all ones: no packet is promised to hold whole intervals (3.1.7).
            payload.extend_from_slice(&picture.restart_interval.to_be_bytes());
            payload.extend_from_slice(&[0xff, 0xff]);
        }
        if offset == 0 {
            payload.extend_from_slice(&[0, picture.precision]);
            payload.extend_from_slice(&(picture.tables.len() as u16).to_be_bytes());
            payload.extend_from_slice(&picture.tables);
        }
        let room = max.saturating_sub(payload.len()).max(1);
        let end = (offset + room).min(scan.len());
        payload.extend_from_slice(&scan[offset..end]);
        payloads.push(payload);
        offset = end;
        if offset == scan.len() {
            return Ok(payloads);
        }
    }
}

fn parse(file: &[u8]) -> Result<Picture<'_>, JpegError> {
    let mut tables: [Option<&[u8]>; 4] = [None; 4];
    let mut frame: Option<&[u8]> = None;
    let mut restart_interval = 0;
    let mut rest = file.strip_prefix(&[0xff, 0xd8]).ok_or(JpegError::Broken)?;
    loop {
        let [0xff, marker, after @ ..] = rest else { return Err(JpegError::Broken) };
        if *marker == 0xff {
            rest = &rest[1..]; // a fill byte
            continue;
        }
        let length = after.first_chunk().map(|l| usize::from(u16::from_be_bytes(*l))).ok_or(JpegError::Broken)?;
        let segment = after.get(2..length).ok_or(JpegError::Broken)?;
        rest = &after[length..];
        match marker {
            0xc0 => frame = Some(segment),
            0xc1..=0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf => {
                return Err(JpegError::Unfit("progressive or extended coding", "baseline JPEG"));
            }
            0xc4 => standard_huffman(segment)?,
            0xdb => quantisation(segment, &mut tables)?,
            0xdd => {
                restart_interval = segment.first_chunk().map(|b| u16::from_be_bytes(*b)).ok_or(JpegError::Broken)?;
            }
            0xda => break,
            _ => {}
        }
    }
    // To the last EOI: some encoders pad the file behind it.
    let end = rest.windows(2).rposition(|w| w == [0xff, 0xd9]).unwrap_or(rest.len());
    let frame = frame.ok_or(JpegError::Broken)?;
    let [8, h1, h2, w1, w2, 3, _, luma, luma_table, _, cb, cb_table, _, cr, cr_table] = *frame else {
        return Err(JpegError::Unfit("other than three components of 8 bits", "4:2:0 with colour"));
    };
    let kind = match (luma, cb, cr) {
        (0x21, 0x11, 0x11) => 0,
        (0x22, 0x11, 0x11) => 1,
        _ => return Err(JpegError::Unfit("this chroma sampling", "4:2:0 (yuvj420p)")),
    };
    if cb_table != cr_table {
        return Err(JpegError::Unfit("three quantisation tables", "a file with one chroma table"));
    }
    let table = |id: u8| tables.get(usize::from(id)).copied().flatten().ok_or(JpegError::Broken);
    let (luma, chroma) = (table(luma_table)?, table(cb_table)?);
    let (width, height) = (u16::from_be_bytes([w1, w2]), u16::from_be_bytes([h1, h2]));
    if !(1..=2_040).contains(&width) || !(1..=2_040).contains(&height) {
        return Err(JpegError::Unfit("a side of more than 2040 pixels", "a smaller picture"));
    }
    Ok(Picture {
        kind,
        width,
        height,
        restart_interval,
        tables: [luma, chroma].concat(),
        precision: u8::from(luma.len() == 128) | u8::from(chroma.len() == 128) << 1,
        scan: &rest[..end],
    })
}

fn quantisation<'a>(mut segment: &'a [u8], tables: &mut [Option<&'a [u8]>; 4]) -> Result<(), JpegError> {
    while let [head, after @ ..] = segment {
        let size = if head >> 4 == 0 { 64 } else { 128 };
        let slot = tables.get_mut(usize::from(head & 15)).ok_or(JpegError::Broken)?;
        let (table, rest) = after.split_at_checked(size).ok_or(JpegError::Broken)?;
        *slot = Some(table);
        segment = rest;
    }
    Ok(())
}

fn standard_huffman(mut segment: &[u8]) -> Result<(), JpegError> {
    while let [head, after @ ..] = segment {
        let counts = after.get(..16).ok_or(JpegError::Broken)?;
        let size = 16 + counts.iter().map(|c| usize::from(*c)).sum::<usize>();
        let (table, rest) = after.split_at_checked(size).ok_or(JpegError::Broken)?;
        let known = STANDARD_HUFFMAN
            .iter()
            .any(|(id, counts, symbols)| id == head && table[..16] == **counts && table[16..] == **symbols);
        if !known {
            return Err(JpegError::Unfit(
                "Huffman tables of its own",
                "MJPEG with the standard ones (ffmpeg: -huffman default)",
            ));
        }
        segment = rest;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A picture with the given scan; the farm never looks inside a scan.
    fn file(scan: &[u8], restart: u16) -> Vec<u8> {
        let mut file = vec![0xff, 0xd8];
        for id in 0..2u8 {
            file.extend_from_slice(&[0xff, 0xdb, 0, 67, id]);
            file.extend((0..64).map(|v| v + id));
        }
        if restart > 0 {
            file.extend_from_slice(&[0xff, 0xdd, 0, 4]);
            file.extend_from_slice(&restart.to_be_bytes());
        }
        file.extend_from_slice(&[0xff, 0xc0, 0, 17, 8, 0, 240, 1, 64, 3, 1, 0x22, 0, 2, 0x11, 1, 3, 0x11, 1]);
        file.extend_from_slice(&[0xff, 0xda, 0, 12, 3, 1, 0, 2, 0x11, 3, 0x11, 0, 63, 0]);
        file.extend_from_slice(scan);
        file.extend_from_slice(&[0xff, 0xd9]);
        file
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_no_packet_is_too_large(
            scan in prop::collection::vec(0u8..0xff, 0..9_000),
            restart in prop_oneof![Just(0u16), 1u16..500],
            max in 300usize..1500,
        ) {
            let payloads = packetise(&file(&scan, restart), max).unwrap();
            let mut got = Vec::new();
            for (index, p) in payloads.iter().enumerate() {
                prop_assert!(p.len() <= max);
                prop_assert_eq!(u32::from_be_bytes([0, p[1], p[2], p[3]]) as usize, got.len());
                prop_assert_eq!((p[4] & 63, p[5], p[6], p[7]), (1, 255, 40, 30));
                let mut at = 8;
                if restart > 0 {
                    prop_assert_eq!(&p[8..10], &restart.to_be_bytes());
                    at += 4;
                }
                if index == 0 {
                    prop_assert_eq!(&p[at..at + 4], &[0, 0, 0, 128]);
                    prop_assert_eq!((p[at + 4], p[at + 4 + 64]), (0, 1));
                    at += 4 + 128;
                }
                got.extend_from_slice(&p[at..]);
            }
            prop_assert_eq!(&got[..scan.len()], &scan[..]);
            prop_assert_eq!(&got[scan.len()..], &[0xff, 0xd9]);
        }

        #[test]
        fn a_broken_file_is_refused_without_harm(
            scan in prop::collection::vec(any::<u8>(), 0..50),
            cut in 0usize..260,
            flips in prop::collection::vec((0usize..250, any::<u8>()), 0..6),
        ) {
            let mut file = file(&scan, 3);
            for (at, value) in flips {
                if let Some(byte) = file.get_mut(at) {
                    *byte = value;
                }
            }
            file.truncate(cut);
            if let Ok(payloads) = packetise(&file, 400) {
                prop_assert!(!payloads.is_empty());
            }
        }
    }
}
