//! A clip, packetised once: what all sessions of all its channels send.
//!
//! Every access unit becomes one block of bytes that already has the shape of the wire (RFC 2326 interleaving, RTP
//! header, payload); a session copies it and patches channel id, sequence number, timestamp and SSRC. Times are
//! 90 kHz ticks from the clip's start, and the clip's length is exact, so that a loop has neither gap nor overlap.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::packetise::{self, MAX_PAYLOAD, h264, h265, jpeg};
use crate::decode::file::{FileError, FileUnit, read_access_units};
use crate::types::Codec;

/// `$`, channel, length, then the RTP header.
pub const INTERLEAVE_BYTES: usize = 4;
pub const RTP_HEADER_BYTES: usize = 12;
const PREFIX_BYTES: usize = INTERLEAVE_BYTES + RTP_HEADER_BYTES;

#[derive(Debug, thiserror::Error)]
pub enum ClipError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error("{path}: {reason}")]
    Unfit { path: PathBuf, reason: String },
}

/// One access unit, ready to send.
#[derive(Debug)]
pub struct ClipUnit {
    /// All packets of the unit, one behind the other, each with its interleave and RTP header.
    pub wire: Box<[u8]>,
    /// Where each packet begins in `wire`.
    pub packets: Box<[u32]>,
    /// Presentation time from the clip's start; with B-frames not in order.
    pub pts_90k: i64,
    /// When it is sent, from the clip's start: in order, and never before its presentation time.
    pub send_90k: i64,
    pub key: bool,
}

/// A file, ready to be played by any number of channels.
#[derive(Debug)]
pub struct Clip {
    pub codec: Codec,
    pub width: u32,
    pub height: u32,
    pub units: Vec<ClipUnit>,
    /// Indices of the key units, ascending, never empty.
    pub keys: Vec<usize>,
    /// After this the clip begins again.
    pub length_90k: i64,
    /// The `m=` section of the SDP, up to and without `a=control`.
    pub sdp_media: String,
}

impl Clip {
    /// Reads and packetises a file. Blocking.
    pub fn load(path: &Path) -> Result<Clip, ClipError> {
        let file = read_access_units(path)?;
        let unfit = |reason: String| ClipError::Unfit { path: path.into(), reason };
        // A loop must begin with a picture that stands alone.
        let first = file.units.iter().position(|u| u.key).ok_or_else(|| unfit("has no key frame".into()))?;
        let units = &file.units[first..];
        let (sends, length_90k) = timetable(units).map_err(unfit)?;
        let pts_min = units.iter().map(|u| u.pts_90k).min().unwrap_or(0);
        let payload_type = if file.codec == Codec::Mjpeg { 26 } else { 96 };

        let mut built = Vec::with_capacity(units.len());
        for (index, (unit, send_90k)) in units.iter().zip(sends).enumerate() {
            let payloads = payloads(file.codec, &unit.data).map_err(|e| unfit(format!("picture {index} is {e}")))?;
            if payloads.is_empty() {
                continue;
            }
            let (wire, packets) = wire(&payloads, payload_type);
            built.push(ClipUnit { wire, packets, pts_90k: unit.pts_90k - pts_min, send_90k, key: unit.key });
        }
        let keys: Vec<usize> = built.iter().enumerate().filter(|(_, u)| u.key).map(|(i, _)| i).collect();
        if keys.is_empty() {
            return Err(unfit("has no key frame with data".into()));
        }
        let rate = units.len() as f64 * 90_000.0 / length_90k as f64;
        let sdp_media = sdp_media(file.codec, &units[0].data, payload_type, rate, file.width, file.height)
            .ok_or_else(|| unfit("its first key frame has no parameter sets".into()))?;
        Ok(Clip {
            codec: file.codec,
            width: file.width,
            height: file.height,
            units: built,
            keys,
            length_90k,
            sdp_media,
        })
    }

    pub fn bytes(&self) -> usize {
        self.units.iter().map(|u| u.wire.len()).sum()
    }

    /// Mean bits a second on the wire, headers included.
    pub fn bits_per_s(&self) -> u64 {
        (self.bytes() as u64 * 8 * 90_000).checked_div(self.length_90k as u64).unwrap_or(0)
    }
}

/// When each unit is sent, and how long the clip is. The n-th unit sent takes the n-th presentation time, later by the
/// depth of reordering: a camera cannot send a B-frame's reference before it has seen it.
fn timetable(units: &[FileUnit]) -> Result<(Vec<i64>, i64), String> {
    let mut sorted: Vec<i64> = units.iter().map(|u| u.pts_90k).collect();
    sorted.sort_unstable();
    let (Some(first), Some(last)) = (sorted.first().copied(), sorted.last().copied()) else {
        return Err("has no picture".into());
    };
    let shift = units.iter().zip(&sorted).map(|(u, s)| u.pts_90k - s).max().unwrap_or(0);
    let last_duration = units.iter().max_by_key(|u| u.pts_90k).map_or(0, |u| i64::from(u.duration_90k));
    // A wrong last duration would show as a jump once a loop; the usual distance is the better guess.
    let usual = if units.len() > 1 { (last - first) / (units.len() as i64 - 1) } else { last_duration };
    let closing = if (1..=usual.max(1) * 2).contains(&last_duration) { last_duration } else { usual };
    let length = last - first + closing;
    if length < 900 {
        return Err(format!("lasts only {:.1} ms; a clip needs 10 ms at least", length as f64 / 90.0));
    }
    Ok((sorted.iter().map(|s| s - first + shift).collect(), length))
}

fn payloads(codec: Codec, data: &[u8]) -> Result<Vec<Vec<u8>>, jpeg::JpegError> {
    let mut nals = packetise::split_annex_b(data);
    Ok(match codec {
        Codec::H264 => {
            nals.retain(|nal| h264::worth_sending(nal));
            h264::packetise(&nals, MAX_PAYLOAD)
        }
        Codec::H265 => {
            nals.retain(|nal| h265::worth_sending(nal));
            h265::packetise(&nals, MAX_PAYLOAD)
        }
        Codec::Mjpeg => return jpeg::packetise(data, MAX_PAYLOAD),
    })
}

fn wire(payloads: &[Vec<u8>], payload_type: u8) -> (Box<[u8]>, Box<[u32]>) {
    let mut bytes = Vec::with_capacity(payloads.iter().map(|p| p.len() + PREFIX_BYTES).sum());
    let mut starts = Vec::with_capacity(payloads.len());
    for (index, payload) in payloads.iter().enumerate() {
        starts.push(bytes.len() as u32);
        let marker = if index + 1 == payloads.len() { 0x80 } else { 0 };
        let length = (payload.len() + RTP_HEADER_BYTES) as u16;
        bytes.extend_from_slice(&[b'$', 0]);
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(&[0x80, marker | payload_type, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        bytes.extend_from_slice(payload);
    }
    (bytes.into(), starts.into())
}

fn sdp_media(codec: Codec, key_unit: &[u8], pt: u8, rate: f64, width: u32, height: u32) -> Option<String> {
    let nals = packetise::split_annex_b(key_unit);
    let h265_set = |kind: u8| nals.iter().find(|n| h265::nal_type(n) == kind).map(|n| BASE64.encode(n));
    let fmtp = match codec {
        Codec::H264 => {
            let of = |kind: u8| nals.iter().filter(move |n| n[0] & 0x1f == kind);
            let profile = hex::encode_upper(of(7).next()?.get(1..4)?);
            of(8).next()?;
            let sets: Vec<String> = of(7).chain(of(8)).map(|n| BASE64.encode(n)).collect();
            format!(
                "a=rtpmap:{pt} H264/90000\r\na=fmtp:{pt} packetization-mode=1;profile-level-id={profile};\
                 sprop-parameter-sets={}\r\n",
                sets.join(",")
            )
        }
        Codec::H265 => format!(
            "a=rtpmap:{pt} H265/90000\r\na=fmtp:{pt} sprop-vps={};sprop-sps={};sprop-pps={}\r\n",
            h265_set(32)?,
            h265_set(33)?,
            h265_set(34)?
        ),
        Codec::Mjpeg => format!("a=rtpmap:{pt} JPEG/90000\r\n"),
    };
    Some(format!(
        "m=video 0 RTP/AVP {pt}\r\n{fmtp}a=framerate:{rate:.2}\r\na=x-dimensions:{width},{height}\r\na=recvonly\r\n"
    ))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn units(pts: &[i64]) -> Vec<FileUnit> {
        let unit = |p: &i64| FileUnit { data: Bytes::new(), pts_90k: *p, duration_90k: 3_600, key: false };
        pts.iter().map(unit).collect()
    }

    #[test]
    fn reordered_pictures_are_sent_in_order_and_never_early() {
        // I P B B P, decode order, at 25 fps and a clip that does not begin at 0
        let units = units(&[7_200, 18_000, 10_800, 14_400, 21_600]);
        let (sends, length) = timetable(&units).unwrap();
        assert_eq!(length, 18_000);
        assert_eq!(sends, [7_200, 10_800, 14_400, 18_000, 21_600]);
        for (unit, send) in units.iter().zip(&sends) {
            assert!(*send >= unit.pts_90k - 7_200);
        }
    }

    #[test]
    fn a_wrong_last_duration_does_not_stretch_the_loop() {
        let mut wrong = units(&[0, 3_600, 7_200]);
        wrong[2].duration_90k = 900_000;
        assert_eq!(timetable(&wrong).unwrap().1, 10_800);
        assert!(timetable(&units(&[5])).is_ok(), "one picture lasts as long as it says");
        assert!(timetable(&[]).is_err());
    }
}
