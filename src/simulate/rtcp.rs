//! The farm's sender reports (RFC 3550 6.4.1) with the SDES that a compound packet needs.

/// Seconds from 1900 to 1970.
const NTP_EPOCH_S: i64 = 2_208_988_800;

#[derive(Debug, Clone, Copy)]
pub struct SenderReport {
    pub ssrc: u32,
    /// The camera's clock, milliseconds since 1970.
    pub wall_ms: i64,
    /// The RTP timestamp of the same moment.
    pub rtp: u32,
    pub packets: u32,
    pub octets: u32,
}

impl SenderReport {
    pub fn to_bytes(self) -> [u8; 48] {
        let seconds = (self.wall_ms.div_euclid(1_000) + NTP_EPOCH_S) as u32;
        let fraction = ((self.wall_ms.rem_euclid(1_000) as u64) << 32) / 1_000;
        let mut out = [0; 48];
        let words = [
            0x80c8_0006,
            self.ssrc,
            seconds,
            fraction as u32,
            self.rtp,
            self.packets,
            self.octets,
            0x81ca_0004, // one SDES chunk
            self.ssrc,
            u32::from_be_bytes([1, 6, b's', b'k']), // CNAME, six characters
            u32::from_be_bytes(*b"yeye"),
            0,
        ];
        for (place, word) in out.chunks_exact_mut(4).zip(words) {
            place.copy_from_slice(&word.to_be_bytes());
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wall_clock_is_in_ntp_format() {
        let report = SenderReport { ssrc: 7, wall_ms: 1_500, rtp: 9, packets: 1, octets: 2 };
        let bytes = report.to_bytes();
        assert_eq!(bytes[8..12], 2_208_988_801u32.to_be_bytes());
        assert_eq!(bytes[12..16], 0x8000_0000u32.to_be_bytes());
        assert_eq!(bytes.len(), 28 + 20);
        assert_eq!(&bytes[36..44], &[1, 6, b's', b'k', b'y', b'e', b'y', b'e']);
    }
}
