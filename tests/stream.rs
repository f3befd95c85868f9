//! The continuous decoder against ffmpeg's own decode of the same clips: which picture comes out when, the same pixels,
//! and no harm from damaged input.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)] // tests panic

mod support;

use std::path::Path;

use proptest::test_runner::{Config, TestRng, TestRunner};
use skyeye::config::DecoderChoice;
use skyeye::decode::{DecodeError, DecodeLimits, StreamDecoder, file, init};
use skyeye::types::{AccessUnit, ChannelId, Codec, Frame, Mono, Wall};

struct Film {
    name: &'static str,
    units: Vec<AccessUnit>,
    /// For each unit in decode order the luma of its picture, as ffmpeg decodes it, and when it is shown.
    luma: Vec<Vec<u8>>,
    shown: Vec<i64>,
}

const X264: &[&str] =
    &["-c:v", "libx264", "-preset", "veryfast", "-g", "30", "-keyint_min", "30", "-sc_threshold", "0"];

/// Name, size, encoder's arguments.
const FILMS: &[(&str, &str, &[&str])] = &[
    ("baseline.mp4", "352x288", &["-profile:v", "baseline"]),
    ("main.mp4", "352x288", &["-profile:v", "main", "-bf", "0"]),
    ("high.mp4", "352x288", &["-profile:v", "high", "-bf", "0", "-refs", "4"]),
    ("high-b.mp4", "352x288", &["-profile:v", "high", "-bf", "3", "-b-pyramid", "normal"]),
    ("open-gop.mkv", "352x288", &["-bf", "2", "-x264-params", "open-gop=1:keyint=12:min-keyint=12"]),
    ("recovery.mkv", "352x288", &["-bf", "0", "-x264-params", "open-gop=1:keyint=12:min-keyint=12:bframes=0"]),
    ("hevc.mp4", "416x240", &["-c:v", "libx265", "-x265-params", "keyint=30:min-keyint=30:bframes=0:log-level=none"]),
    ("hevc-b.mp4", "416x240", &["-c:v", "libx265", "-x265-params", "keyint=30:min-keyint=30:bframes=3:log-level=none"]),
];

fn film(name: &str, dir: &Path) -> Film {
    let (name, size, args) = FILMS.iter().find(|f| f.0 == name).unwrap();
    make(name, size, args, dir)
}

fn make(name: &'static str, size: &str, args: &[&str], dir: &Path) -> Film {
    let path = dir.join(name);
    let path = path.to_str().unwrap();
    let source = format!("testsrc2=size={size}:rate=15:duration=5");
    let mut all = vec!["-f", "lavfi", "-i", source.as_str(), "-pix_fmt", "yuv420p"];
    all.extend(X264);
    all.extend(args);
    all.push(path);
    support::ffmpeg(&all);
    let read = file::read_access_units(path.as_ref()).unwrap();
    let raw = support::ffmpeg(&["-i", path, "-fps_mode", "passthrough", "-f", "rawvideo", "-pix_fmt", "yuv420p", "-"]);
    let area = (read.width * read.height) as usize;
    let pictures: Vec<&[u8]> = raw.chunks(area * 3 / 2).map(|p| &p[..area]).collect();
    assert_eq!(pictures.len(), read.units.len(), "{name}");
    let mut order: Vec<i64> = read.units.iter().map(|u| u.pts_90k).collect();
    order.sort_unstable();
    let units: Vec<AccessUnit> = read
        .units
        .iter()
        .enumerate()
        .map(|(i, u)| AccessUnit {
            channel: ChannelId::new("test").unwrap(),
            codec: read.codec,
            key: u.key,
            data: u.data.clone(),
            timeline_90k: i as i64 * 6000,
            ingested: Mono(0),
            ingested_wall: Wall(0),
            seen: Wall(0),
            camera_clock: false,
            session: 1,
        })
        .collect();
    let luma = read.units.iter().map(|u| pictures[order.iter().position(|p| *p == u.pts_90k).unwrap()].to_vec());
    Film { name, luma: luma.collect(), shown: read.units.iter().map(|u| u.pts_90k).collect(), units }
}

fn decoder() -> StreamDecoder {
    StreamDecoder::new(DecodeLimits::default(), DecoderChoice::Software)
}

fn luma(frame: &Frame) -> Vec<u8> {
    let (data, stride) = frame.planes.plane(0);
    (0..frame.height as usize).flat_map(|y| &data[y * stride..][..frame.width as usize]).copied().collect()
}

/// Index of the unit whose picture was given last.
fn index(decoder: &StreamDecoder) -> usize {
    usize::try_from(decoder.shown().expect("the decoder tells") / 6000).unwrap()
}

#[test]
fn every_unit_gives_its_own_picture_at_once_without_b_frames() {
    init().unwrap();
    let dir = tempfile::tempdir().unwrap();
    for name in ["baseline.mp4", "main.mp4", "high.mp4", "recovery.mkv", "hevc.mp4"] {
        let film = film(name, dir.path());
        let mut decoder = decoder();
        for (i, unit) in film.units.iter().enumerate() {
            let frame =
                decoder.run(std::slice::from_ref(unit)).unwrap().unwrap_or_else(|| panic!("{name}: none of {i}"));
            assert_eq!(index(&decoder), i, "{name}");
            assert!(luma(&frame) == film.luma[i], "{name}: picture {i} differs");
        }
    }
}

/// Cuts the video usability information off an SPS of x264, which begins at its profile. Without it nothing says
/// whether pictures are reordered: so it is with many cameras.
fn without_usability(sps: &[u8]) -> Vec<u8> {
    let bit = |at: usize| sps[at / 8] >> (7 - at % 8) & 1;
    let mut at = 24;
    // Bits of an exponential Golomb number; type 2 of the order of pictures is written 011.
    let length = |at: usize| 2 * (at..).take_while(|at| bit(*at) == 0).count() + 1;
    at += length(at);
    if sps[0] == 100 {
        (0..3).for_each(|_| at += length(at));
        at += 2;
    }
    at += length(at);
    assert_eq!([bit(at), bit(at + 1), bit(at + 2)], [0, 1, 1], "pictures are numbered in decode order");
    at += 3;
    at += length(at) + 1;
    (0..2).for_each(|_| at += length(at));
    at += 3;
    if bit(at - 1) == 1 {
        (0..4).for_each(|_| at += length(at));
    }
    assert_eq!(bit(at), 1, "it has usability information");
    // No information, then the bit that ends the set.
    let mut out = sps[..=at / 8].to_vec();
    out.push(0);
    out[at / 8] &= !(0xff >> (at % 8));
    out[(at + 1) / 8] |= 0x80 >> ((at + 1) % 8);
    out.truncate((at + 1) / 8 + 1);
    out
}

#[test]
fn without_a_word_on_reordering_there_is_no_delay_not_even_after_a_loss() {
    init().unwrap();
    let dir = tempfile::tempdir().unwrap();
    for name in ["baseline.mp4", "high.mp4"] {
        let mut film = film(name, dir.path());
        for unit in film.units.iter_mut().filter(|u| u.key) {
            let data = &unit.data;
            let start = data.windows(4).position(|w| w[..3] == [0, 0, 1] && w[3] & 31 == 7).unwrap() + 4;
            let end = start + data[start..].windows(3).position(|w| w == [0, 0, 1] || w == [0, 0, 0]).unwrap();
            unit.data = [&data[..start], &without_usability(&data[start..end]), &data[end..]].concat().into();
        }
        let mut decoder = decoder();
        for (i, unit) in film.units.iter().enumerate().filter(|(i, _)| ![10, 12].contains(i)) {
            let frame = decoder.run(std::slice::from_ref(unit)).unwrap();
            let frame = frame.unwrap_or_else(|| panic!("{name}: none of {i}"));
            assert_eq!(index(&decoder), i, "{name}");
            assert!((10..30).contains(&i) || luma(&frame) == film.luma[i], "{name}: {i}");
        }
    }
}

#[test]
fn with_b_frames_pictures_come_in_order_with_a_bounded_delay() {
    init().unwrap();
    let dir = tempfile::tempdir().unwrap();
    for name in ["high-b.mp4", "hevc-b.mp4", "open-gop.mkv"] {
        let film = film(name, dir.path());
        let mut decoder = decoder();
        let (mut last, mut late, mut given) = (i64::MIN, 0, 0);
        // As a focus at 5 looks a second does: three units a run.
        for (i, run) in film.units.chunks(3).enumerate() {
            let Some(frame) = decoder.run(run).unwrap() else { continue };
            let at = index(&decoder);
            assert!(film.shown[at] >= last, "{name}");
            assert!(luma(&frame) == film.luma[at], "{name}: picture {at} differs");
            last = film.shown[at];
            given += 1;
            let newest = film.shown[..(i * 3 + run.len())].iter().max().unwrap();
            late = late.max((newest - film.shown[at]) / 6000);
        }
        println!("{name}: {given} pictures of {} runs, at most {late} pictures late", film.units.len().div_ceil(3));
        assert!(late <= 6 && given >= film.units.len() / 3 - 3, "{name}: {late} {given}");
    }
}

#[test]
fn a_catch_up_gives_the_newest_picture_of_every_length() {
    init().unwrap();
    let dir = tempfile::tempdir().unwrap();
    for (name, _, _) in FILMS {
        let film = film(name, dir.path());
        let gop = film.units.iter().skip(1).position(|u| u.key).unwrap() + 1;
        for length in 1..=gop {
            let units = &film.units[gop..(gop + length).min(film.units.len())];
            let mut decoder = decoder();
            let frame = decoder.run_to_present(units).unwrap().unwrap_or_else(|| panic!("{name}: none of {length}"));
            let at = index(&decoder);
            let newest = (gop..gop + units.len()).max_by_key(|i| film.shown[*i]).unwrap();
            assert_eq!(at, newest, "{name} at length {length}");
            // Pictures of an open group that are shown before its key unit refer to the group before.
            assert!(luma(&frame) == film.luma[at], "{name}: picture {at} differs");
            // Without B-frames decoding simply goes on.
            if !name.contains("-b.") && !name.contains("open") && gop + length < film.units.len() {
                assert!(decoder.goes_on(), "{name} at length {length}");
                let frame = decoder.run(&film.units[gop + length..=gop + length]).unwrap().unwrap();
                assert!(luma(&frame) == film.luma[gop + length], "{name}");
            }
        }
    }
}

#[test]
fn a_run_with_a_new_group_in_it_begins_there() {
    init().unwrap();
    let dir = tempfile::tempdir().unwrap();
    for name in ["high.mp4", "hevc.mp4", "recovery.mkv"] {
        let film = film(name, dir.path());
        let gop = film.units.iter().skip(1).position(|u| u.key).unwrap() + 1;
        let mut decoder = decoder();
        decoder.run(&film.units[..gop - 3]).unwrap().unwrap();
        let frame = decoder.run(&film.units[gop - 3..gop + 5]).unwrap().unwrap();
        assert!(luma(&frame) == film.luma[gop + 4], "{name}");
        // Units left out before the next group do no harm either.
        let frame = decoder.run(&film.units[2 * gop..2 * gop + 2]).unwrap().unwrap();
        assert!(luma(&frame) == film.luma[2 * gop + 1], "{name}");
    }
}

#[test]
fn what_continues_nothing_is_refused_and_a_key_unit_begins_anew() {
    init().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let (small, hevc, main) =
        (film("high.mp4", dir.path()), film("hevc.mp4", dir.path()), film("main.mp4", dir.path()));
    let mut decoder = decoder();
    assert!(decoder.run(&[]).unwrap().is_none());
    assert!(decoder.run(&small.units[1..3]).unwrap_err().to_string().contains("continues nothing"));
    for film in [&small, &hevc, &main, &small] {
        let frame = decoder.run(&film.units[..3]).unwrap().unwrap();
        assert!(luma(&frame) == film.luma[2], "{}", film.name);
    }
    // Another session of the same camera.
    let mut next = small.units[3].clone();
    next.session = 2;
    assert!(decoder.run(&[next]).is_err());
    assert!(!decoder.goes_on());
    let again: Vec<_> = small.units[..2].iter().cloned().map(|u| AccessUnit { session: 2, ..u }).collect();
    assert!(decoder.run(&again).unwrap().is_some());
    // A picture over the limit, and one within it.
    let mut bounded = StreamDecoder::new(DecodeLimits { max_pixels: 352 * 288 }, DecoderChoice::Software);
    let larger = make("large.mp4", "640x480", &[], dir.path());
    assert!(matches!(bounded.run(&larger.units[..2]), Err(DecodeError::TooLarge { .. })));
    assert!(bounded.run(&small.units[..2]).unwrap().is_some());
}

#[test]
fn a_stream_whose_size_changes_is_followed() {
    init().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let args = ["-profile:v", "high", "-bf", "0"];
    let (a, b) = (make("a.mp4", "640x480", &args, dir.path()), make("b.mp4", "1280x720", &args, dir.path()));
    let mut decoder = decoder();
    for film in [&a, &b, &a] {
        for i in 0..8 {
            let frame = decoder.run(&film.units[i..=i]).unwrap().unwrap();
            assert!(luma(&frame) == film.luma[i], "{}: picture {i}", film.name);
        }
    }
}

#[test]
fn mjpeg_decodes_the_newest_alone() {
    init().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("m.avi");
    support::ffmpeg(&[
        "-f",
        "lavfi",
        "-i",
        "testsrc2=size=320x240:rate=5:duration=1",
        "-c:v",
        "mjpeg",
        path.to_str().unwrap(),
    ]);
    let read = file::read_access_units(&path).unwrap();
    let base = film("main.mp4", dir.path()).units[0].clone();
    let mut units: Vec<_> = read
        .units
        .iter()
        .enumerate()
        .map(|(i, u)| AccessUnit { codec: Codec::Mjpeg, data: u.data.clone(), timeline_90k: i as i64, ..base.clone() })
        .collect();
    units[0].data = bytes::Bytes::from_static(b"not looked at");
    let mut decoder = decoder();
    let frame = decoder.run(&units).unwrap().unwrap();
    assert_eq!((frame.width, decoder.shown()), (320, Some(4)));
}

fn resident_kib() -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = text.lines().find(|l| l.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn a_channel_in_focus_keeps_a_few_pictures_and_gives_them_back() {
    init().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let films = [
        make("plain.mp4", "704x576", &["-bf", "0", "-refs", "1"], dir.path()),
        make("refs.mp4", "704x576", &["-bf", "3", "-refs", "4"], dir.path()),
        make("h265.mp4", "704x576", FILMS.iter().find(|f| f.0 == "hevc.mp4").unwrap().2, dir.path()),
    ];
    for film in &films {
        let decode = |decoder: &mut StreamDecoder| {
            film.units[..45].chunks(3).for_each(|run| {
                decoder.run(run).unwrap();
            });
        };
        // What the process takes once is not a decoder's.
        decode(&mut decoder());
        let before = resident_kib();
        let mut decoders: Vec<_> = (0..20).map(|_| decoder()).collect();
        decoders.iter_mut().for_each(decode);
        let each = resident_kib().saturating_sub(before) / 20;
        drop(decoders);
        let left = resident_kib().saturating_sub(before) / 20;
        println!("{}: {each} KiB a decoder, {left} KiB after it is gone", film.name);
        assert!(each < 7 * 1024, "{}: {each} KiB", film.name);
        assert!(left < each / 2, "{}: {left} KiB stay of {each}", film.name);
    }
}

/// Bits flipped, units cut, left out, doubled and replaced by noise.
#[test]
fn damage_never_panics_and_the_next_group_is_whole() {
    init().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let films: Vec<Film> = ["high.mp4", "high-b.mp4", "hevc-b.mp4"].map(|n| film(n, dir.path())).into();
    let mut rng = TestRunner::new_with_rng(Config::default(), TestRng::deterministic_rng(Default::default())).new_rng();
    let mut below = move |n: usize| {
        use proptest::prelude::Rng;
        (rng.next_u64() % n.max(1) as u64) as usize
    };
    let (mut decoder, mut refused, mut given) = (decoder(), 0, 0);
    for round in 0..40 {
        for film in &films {
            let mut units = film.units[..30].to_vec();
            for _ in 0..=below(3) {
                let at = below(units.len());
                let mut data = units[at].data.to_vec();
                match round % 5 {
                    0 => data.truncate(below(data.len())),
                    1 => (0..6).for_each(|_| {
                        let at = below(data.len());
                        data[at] ^= 1 << below(8);
                    }),
                    2 => data = (0..below(3000)).map(|_| below(256) as u8).collect(),
                    3 => {
                        let twice = units[at].clone();
                        units.insert(at, twice);
                        continue;
                    }
                    _ => {
                        units.remove(at);
                        continue;
                    }
                }
                units[at].data = data.into();
            }
            for run in units.chunks(1 + below(9)) {
                match if below(4) == 0 { decoder.run_to_present(run) } else { decoder.run(run) } {
                    Ok(Some(_)) => given += 1,
                    Ok(None) => {}
                    Err(_) => refused += 1,
                }
            }
            let key = film.units.iter().skip(1).position(|u| u.key).unwrap() + 1;
            let frame = decoder.run_to_present(&film.units[key..key + 8]).unwrap().unwrap();
            let newest = (key..key + 8).max_by_key(|i| film.shown[*i]).unwrap();
            assert_eq!(index(&decoder), newest, "{} in round {round}", film.name);
            assert!(luma(&frame) == film.luma[newest], "{} in round {round}", film.name);
        }
    }
    println!("{given} pictures, {refused} runs refused");
    assert!(given > 0 && refused > 0);
}
