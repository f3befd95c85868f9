//! Slice QPs against what the encoder was told and what ffmpeg reads.

use std::{path::Path, process::Command};

use proptest::prelude::*;

use super::*;
use crate::decode::file::read_access_units;

/// Runs ffmpeg and gives its log; `None`, and a line that says so, without ffmpeg.
#[allow(clippy::print_stdout, clippy::disallowed_methods)]
fn ffmpeg(args: &[&str]) -> Option<String> {
    let Ok(out) = Command::new("ffmpeg").args(["-nostdin", "-hide_banner", "-y"]).args(args).output() else {
        println!("skipped: no ffmpeg");
        return None;
    };
    let log = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(out.status.success(), "{log}");
    Some(log)
}

/// A second of made-up pictures that move, encoded.
fn clip(dir: &Path, name: &str, args: &[&str]) -> Option<std::path::PathBuf> {
    let path = dir.join(name);
    let mut all = vec!["-f", "lavfi", "-i", "testsrc2=size=352x288:rate=25,noise=alls=6:allf=t", "-frames:v", "40"];
    all.extend(["-pix_fmt", "yuv420p"]);
    all.extend(args);
    all.push(path.to_str().unwrap());
    ffmpeg(&all)?;
    Some(path)
}

fn pictures(path: &Path) -> Vec<Picture> {
    let file = read_access_units(path).unwrap();
    let mut headers = Headers::default();
    file.units.iter().map(|u| headers.read(file.codec, &u.data).expect("a picture")).collect()
}

/// 26 + init + delta of each slice (of a picture with several: the last one), as ffmpeg traces them.
fn traced(path: &Path) -> Option<Vec<(String, i32)>> {
    let log = ffmpeg(&[
        "-v",
        "trace",
        "-i",
        path.to_str().unwrap(),
        "-c",
        "copy",
        "-bsf:v",
        "trace_headers",
        "-f",
        "null",
        "-",
    ])?;
    let value = |line: &str| line.rsplit('=').next().and_then(|v| v.trim().parse::<i32>().ok());
    let (mut init, mut kind, mut found) = (0, String::new(), Vec::new());
    for line in log.lines().filter(|l| l.contains("trace_headers")) {
        if line.contains(" pic_init_qp_minus26 ") || line.contains(" init_qp_minus26 ") {
            init = value(line).unwrap();
        } else if line.contains(" slice_type ") {
            kind = value(line).unwrap().to_string();
        } else if line.contains(" slice_qp_delta ") {
            found.push((kind.clone(), 26 + init + value(line).unwrap()));
        }
    }
    Some(found)
}

#[test]
fn the_qp_is_the_one_that_ffmpeg_reads() {
    let dir = tempfile::tempdir().unwrap();
    let cases: [(&str, &[&str]); 12] = [
        ("default.mp4", &["-c:v", "libx264", "-g", "20"]),
        ("baseline.mp4", &["-c:v", "libx264", "-profile:v", "baseline", "-b:v", "200k", "-g", "20"]),
        (
            "cbr.mp4",
            &["-c:v", "libx264", "-b:v", "256k", "-maxrate", "256k", "-bufsize", "256k", "-x264-params", "nal-hrd=cbr"],
        ),
        (
            "slow.mp4",
            &["-c:v", "libx264", "-preset", "slow", "-weightp", "2", "-bf", "4", "-x264-params", "b-pyramid=normal"],
        ),
        ("refresh.mp4", &["-c:v", "libx264", "-x264-params", "intra-refresh=1:keyint=10", "-preset", "veryfast"]),
        ("high422.mp4", &["-c:v", "libx264", "-pix_fmt", "yuv422p10le"]),
        ("gray.mp4", &["-c:v", "libx264", "-pix_fmt", "gray", "-weightp", "2"]),
        ("interlaced.mp4", &["-c:v", "libx264", "-x264-params", "interlaced=1", "-bf", "2"]),
        ("x265.mp4", &["-c:v", "libx265", "-x265-params", "keyint=20:log-level=none"]),
        (
            "x265cbr.mp4",
            &[
                "-c:v",
                "libx265",
                "-b:v",
                "200k",
                "-x265-params",
                "keyint=20:bframes=0:strict-cbr=1:vbv-maxrate=200:vbv-bufsize=200:log-level=none",
            ],
        ),
        (
            "x265slow.mp4",
            &[
                "-c:v",
                "libx265",
                "-preset",
                "slow",
                "-x265-params",
                "weightb=1:weightp=1:ref=5:bframes=4:scaling-list=default:log-level=none",
            ],
        ),
        (
            "x265444.mp4",
            &["-c:v", "libx265", "-preset", "fast", "-pix_fmt", "yuv444p", "-x265-params", "log-level=none"],
        ),
    ];
    for (name, args) in cases {
        let Some(path) = clip(dir.path(), name, args) else { return };
        let Some(expected) = traced(&path) else { return };
        let read = pictures(&path);
        let h265 = name.starts_with("x265");
        assert_eq!(read.len(), expected.len(), "{name}: one slice a picture");
        for (index, (read, (kind, qp))) in read.iter().zip(&expected).enumerate() {
            assert_eq!(read.qp, Some(*qp as f32), "{name}: picture {index}");
            let told = match kind.as_str() {
                "2" | "7" => Kind::I,
                "0" | "5" if !h265 => Kind::P,
                "1" if h265 => Kind::P,
                _ => Kind::B,
            };
            assert_eq!(read.kind, Some(told), "{name}: picture {index}");
        }
    }
}

#[test]
fn several_slices_count_by_their_bytes_and_filler_does_not_count() {
    let dir = tempfile::tempdir().unwrap();
    let slices = ["-c:v", "libx264", "-qp", "30", "-x264-params", "slices=4:b-adapt=0:bframes=0:ipratio=1"];
    let Some(path) = clip(dir.path(), "slices.mp4", &slices) else { return };
    let read = pictures(&path);
    assert!(read.iter().all(|p| p.qp == Some(30.0)), "{read:?}");
    let file = read_access_units(&path).unwrap();
    for (read, unit) in read.iter().zip(&file.units).skip(1).filter(|(_, u)| !u.key) {
        // All but the start codes and what little stands around.
        assert!(u64::from(read.bytes) + 64 > unit.data.len() as u64, "{} of {}", read.bytes, unit.data.len());
    }
    // A picture of strict constant bit rate: most of it is filler.
    let still = dir.path().join("still.264");
    let made = ffmpeg(&[
        "-f",
        "lavfi",
        "-i",
        "color=gray:size=352x288:rate=25",
        "-frames:v",
        "30",
        "-c:v",
        "libx264",
        "-b:v",
        "256k",
        "-minrate",
        "256k",
        "-maxrate",
        "256k",
        "-bufsize",
        "64k",
        "-x264-params",
        "nal-hrd=cbr",
        still.to_str().unwrap(),
    ]);
    let Some(_) = made else { return };
    let file = read_access_units(&still).unwrap();
    let mut headers = Headers::default();
    let read: Vec<_> = file.units.iter().filter_map(|u| headers.read(file.codec, &u.data)).collect();
    let (told, whole) = (
        read.iter().map(|p| u64::from(p.bytes)).sum::<u64>(),
        file.units.iter().map(|u| u.data.len() as u64).sum::<u64>(),
    );
    assert!(told * 4 < whole, "{told} of {whole}");
}

#[test]
fn without_its_parameter_sets_a_slice_has_no_qp() {
    let mut headers = Headers::default();
    let read = headers.read(Codec::H264, &[0, 0, 0, 1, 0x41, 0x9a, 0x24, 0x6c, 0x41, 0x3f]).unwrap();
    assert_eq!((read.qp, read.kind, read.bytes), (None, Some(Kind::P), 6));
    assert_eq!(headers.read(Codec::H264, &[0, 0, 0, 1, 9, 16]), None, "no slice in it");
    assert_eq!(headers.read(Codec::Mjpeg, &[1; 500]).unwrap().bytes, 500);
}

proptest! {
    #[test]
    fn foreign_bytes_never_panic(units in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..150), 1..6), h265 in any::<bool>()) {
        let codec = if h265 { Codec::H265 } else { Codec::H264 };
        let mut headers = Headers::default();
        let kinds: &[&[u8]] = if h265 { &[&[0x42, 1], &[0x44, 1], &[0x02, 1], &[0x26, 1]] } else { &[&[0x67, 100], &[0x68], &[0x41], &[0x65]] };
        for (index, noise) in units.iter().enumerate() {
            let unit = [&[0, 0, 1], kinds[index % kinds.len()], noise].concat();
            if let Some(read) = headers.read(codec, &unit) {
                prop_assert!(read.qp.is_none_or(|qp| (-48.0..=51.0).contains(&qp)));
                prop_assert!(read.bytes as usize <= unit.len());
            }
        }
    }

    /// A real stream with bytes changed anywhere.
    #[test]
    fn damaged_streams_never_panic(at in 0usize..64, value in any::<u8>()) {
        let mut unit = vec![0, 0, 0, 1, 0x67, 0x42, 0xc0, 0x1e, 0xd9, 0x00, 0xb0, 0x12, 0x68, 0x40, 0, 0, 1, 0x68, 0xce, 0x3c, 0x80];
        unit.extend([0, 0, 1, 0x65, 0x88, 0x84, 0x12, 0xff, 0xfe, 0xf7, 0xb4, 0, 0, 3, 1, 2, 3]);
        if let Some(byte) = unit.get_mut(at) {
            *byte = value;
        }
        let _picture = Headers::default().read(Codec::H264, &unit);
    }
}
