//! From the shifted coordinates of Chinese maps (GCJ-02) to those of the world (WGS-84).
//!
//! The shift is known as a formula one way only; the other way is found by going back and forth until it fits, which ends
//! within centimetres after some steps. Outside China nothing is shifted.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// In which system a file gives coordinates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Coordinates {
    #[default]
    Wgs84,
    Gcj02,
}

/// Krasovsky's ellipsoid, as the shift uses it.
const A: f64 = 6_378_245.0;
const EE: f64 = 0.006_693_421_622_965_943;
/// A millionth of it is a tenth of a millimetre: what is stored has no more digits than that is worth.
const DIGITS: f64 = 1e7;

/// (latitude, longitude) in degrees, both ways.
pub fn gcj02_to_wgs84(lat: f64, lon: f64) -> (f64, f64) {
    if !in_china(lat, lon) {
        return (lat, lon);
    }
    let (mut at_lat, mut at_lon) = (lat, lon);
    for _ in 0..10 {
        let (shifted_lat, shifted_lon) = shifted(at_lat, at_lon);
        at_lat += lat - shifted_lat;
        at_lon += lon - shifted_lon;
    }
    ((at_lat * DIGITS).round() / DIGITS, (at_lon * DIGITS).round() / DIGITS)
}

fn in_china(lat: f64, lon: f64) -> bool {
    (0.8293..=55.8271).contains(&lat) && (72.004..=137.8347).contains(&lon)
}

fn shifted(lat: f64, lon: f64) -> (f64, f64) {
    use std::f64::consts::PI;
    let (x, y) = (lon - 105.0, lat - 35.0);
    let waves = |v: f64| (20.0 * (v * PI).sin() + 40.0 * (v / 3.0 * PI).sin()) * 2.0 / 3.0;
    let common = (20.0 * (6.0 * x * PI).sin() + 20.0 * (2.0 * x * PI).sin()) * 2.0 / 3.0;
    let d_lat = -100.0
        + 2.0 * x
        + 3.0 * y
        + 0.2 * y * y
        + 0.1 * x * y
        + 0.2 * x.abs().sqrt()
        + common
        + waves(y)
        + (160.0 * (y / 12.0 * PI).sin() + 320.0 * (y * PI / 30.0).sin()) * 2.0 / 3.0;
    let d_lon = 300.0
        + x
        + 2.0 * y
        + 0.1 * x * x
        + 0.1 * x * y
        + 0.1 * x.abs().sqrt()
        + common
        + waves(x)
        + (150.0 * (x / 12.0 * PI).sin() + 300.0 * (x / 30.0 * PI).sin()) * 2.0 / 3.0;
    let rad = lat.to_radians();
    let magic = 1.0 - EE * rad.sin() * rad.sin();
    let root = magic.sqrt();
    let d_lat = (d_lat * 180.0) / ((A * (1.0 - EE)) / (magic * root) * PI);
    let d_lon = (d_lon * 180.0) / (A / root * rad.cos() * PI);
    (lat + d_lat, lon + d_lon)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metres(a: (f64, f64), b: (f64, f64)) -> f64 {
        let (dy, dx) = ((a.0 - b.0) * 111_320.0, (a.1 - b.1) * 111_320.0 * a.0.to_radians().cos());
        dx.hypot(dy)
    }

    #[test]
    fn known_places_are_shifted_as_they_should_be() {
        // WGS-84 and GCJ-02 of the same places, as public converters give them.
        for (wgs, gcj) in [
            ((39.907_333, 116.391_083), (39.908_735, 116.397_325)),
            ((31.177_427_6, 121.527_210_6), (31.175_303_98, 121.531_541_86)),
            ((22.543_847, 113.912_316), (22.540_796_13, 113.917_176_48)),
            ((39.911_954, 116.377_817), (39.913_345_46, 116.384_047_22)),
        ] {
            let off = metres(shifted(wgs.0, wgs.1), gcj);
            assert!(off < 2.0, "{wgs:?} is {off} m off");
        }
    }

    #[test]
    fn the_way_back_is_the_inverse_within_a_centimetre() {
        for lat in (20..=50).step_by(3) {
            for lon in (80..=130).step_by(5) {
                let wgs = (f64::from(lat) + 0.1234, f64::from(lon) + 0.5678);
                let gcj = shifted(wgs.0, wgs.1);
                assert!(metres(wgs, gcj) > 30.0, "{wgs:?} is hardly shifted");
                let back = gcj02_to_wgs84(gcj.0, gcj.1);
                assert!(metres(wgs, back) < 0.02, "{wgs:?} came back as {back:?}");
            }
        }
    }

    #[test]
    fn elsewhere_nothing_is_shifted() {
        assert_eq!(gcj02_to_wgs84(48.137, 11.575), (48.137, 11.575));
    }
}
