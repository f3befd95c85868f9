//! From RTP time to wall time by the camera's sender reports, RFC 3550 section 6.4.1.

use crate::types::Wall;

/// A camera whose clock is further off than this has no clock: its time of day would mislead more than ours.
const BELIEVE_MS: u64 = 24 * 3600 * 1000;
/// From the NTP epoch (1900) to the Unix epoch.
const NTP_TO_UNIX_S: i64 = 2_208_988_800;

/// Camera clock minus ours, by a report that arrived at `now`; `None` where the camera says that it has no clock.
pub fn skew_ms(ntp: u64, now: Wall) -> Option<i64> {
    (ntp != 0).then(|| wall_of(ntp).0.saturating_sub(now.0))
}

/// The latest sender report of a session.
#[derive(Debug, Default)]
pub struct CameraClock {
    report: Option<Report>,
}

#[derive(Debug)]
struct Report {
    rtp_90k: i64,
    wall: Wall,
    skew_ms: i64,
}

impl CameraClock {
    /// Takes a report that arrived at `now`. `ntp` 0 means that the camera has no clock.
    pub fn report(&mut self, rtp_90k: i64, ntp: u64, now: Wall) {
        if let Some(skew_ms) = skew_ms(ntp, now) {
            self.report = Some(Report { rtp_90k, wall: wall_of(ntp), skew_ms });
        }
    }

    /// Camera clock minus ours at the latest report.
    pub fn skew_ms(&self) -> Option<i64> {
        self.report.as_ref().map(|r| r.skew_ms)
    }

    /// When the camera says a picture was taken, where it can be believed.
    pub fn seen(&self, rtp_90k: i64) -> Option<Wall> {
        let report = self.report.as_ref().filter(|r| r.skew_ms.unsigned_abs() <= BELIEVE_MS)?;
        let since_ms = rtp_90k.saturating_sub(report.rtp_90k) / 90;
        // The RTP clock jumped since the report: the next one tells.
        (since_ms.unsigned_abs() <= 600_000).then(|| Wall(report.wall.0.saturating_add(since_ms)))
    }
}

fn wall_of(ntp: u64) -> Wall {
    let seconds = (ntp >> 32) as i64;
    let ms = (((ntp & 0xffff_ffff) * 1000) >> 32) as i64;
    // Seconds below this are of the era that begins in 2036.
    let seconds = if seconds < NTP_TO_UNIX_S { seconds + (1 << 32) } else { seconds };
    Wall((seconds - NTP_TO_UNIX_S) * 1000 + ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ntp(unix_ms: i64) -> u64 {
        let s = (unix_ms / 1000 + NTP_TO_UNIX_S) as u64;
        ((s & 0xffff_ffff) << 32) | (((unix_ms % 1000) as u64) << 32).div_ceil(1000)
    }

    #[test]
    fn a_report_places_pictures_before_and_after_it() {
        let mut c = CameraClock::default();
        assert_eq!(c.seen(0), None);
        c.report(90_000, ntp(1_795_335_330_500), Wall(1_795_335_330_000));
        assert_eq!(c.skew_ms(), Some(500));
        assert_eq!(c.seen(180_000), Some(Wall(1_795_335_331_500)));
        assert_eq!(c.seen(0), Some(Wall(1_795_335_329_500)));
    }

    #[test]
    fn a_clock_far_off_is_told_but_not_believed() {
        let mut c = CameraClock::default();
        c.report(0, ntp(3_600_000), Wall(1_795_335_330_000));
        assert!(c.skew_ms().unwrap() < -1_700_000_000_000);
        assert_eq!(c.seen(0), None);
        c.report(0, 0, Wall(0));
        assert!(c.skew_ms().is_some(), "a report without a clock says nothing");
    }

    #[test]
    fn the_era_after_2036_is_known() {
        assert_eq!(wall_of(ntp(2_200_000_000_000)).0, 2_200_000_000_000);
    }
}
