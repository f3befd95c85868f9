//! The key-frame decoder against ffmpeg's own decode of the same clips: one frame out for each key frame in, the same
//! pixels, and no harm from damaged input.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)] // tests panic

mod support;

use bytes::Bytes;
use proptest::test_runner::{Config, TestRng, TestRunner};
use skyeye::decode::{DecodeError, DecodeLimits, KeyDecoder, file, init};
use skyeye::types::{AccessUnit, ChannelId, Codec, Frame, Mono, PixelFormat, Wall};

fn unit(codec: Codec, data: Bytes) -> AccessUnit {
    AccessUnit {
        channel: ChannelId::new("test").unwrap(),
        codec,
        key: true,
        data,
        timeline_90k: 0,
        ingested: Mono(0),
        ingested_wall: Wall(0),
        seen: Wall(0),
        camera_clock: false,
        session: 0,
    }
}

struct Clip {
    name: &'static str,
    size: (u32, u32),
    codec: Codec,
    format: PixelFormat,
    full_range: bool,
    /// ffmpeg's pixel format of the same 8 bit planes.
    pix_fmt: &'static str,
    args: &'static [&'static str],
}

const CLIPS: &[Clip] = &[
    Clip {
        name: "baseline.mp4",
        size: (704, 576),
        codec: Codec::H264,
        format: PixelFormat::I420,
        full_range: false,
        pix_fmt: "yuv420p",
        args: &["-c:v", "libx264", "-profile:v", "baseline", "-g", "5", "-pix_fmt", "yuv420p"],
    },
    Clip {
        name: "high-b.mp4",
        size: (1920, 1080),
        codec: Codec::H264,
        format: PixelFormat::I420,
        full_range: false,
        pix_fmt: "yuv420p",
        args: &["-c:v", "libx264", "-profile:v", "high", "-bf", "3", "-g", "6", "-pix_fmt", "yuv420p"],
    },
    Clip {
        name: "open-gop.mkv",
        size: (640, 480),
        codec: Codec::H264,
        format: PixelFormat::I420,
        full_range: false,
        pix_fmt: "yuv420p",
        args: &[
            "-c:v",
            "libx264",
            "-bf",
            "2",
            "-g",
            "6",
            "-x264-params",
            "open-gop=1:bframes=2",
            "-pix_fmt",
            "yuv420p",
        ],
    },
    Clip {
        name: "odd.mp4",
        size: (638, 358),
        codec: Codec::H264,
        format: PixelFormat::I420,
        full_range: true,
        pix_fmt: "yuvj420p",
        args: &["-vf", "scale=out_range=full", "-c:v", "libx264", "-g", "4", "-pix_fmt", "yuvj420p"],
    },
    Clip {
        name: "high422.mp4",
        size: (640, 360),
        codec: Codec::H264,
        format: PixelFormat::Y42b,
        full_range: false,
        pix_fmt: "yuv422p",
        args: &["-c:v", "libx264", "-g", "4", "-pix_fmt", "yuv422p"],
    },
    Clip {
        name: "high444.mp4",
        size: (640, 360),
        codec: Codec::H264,
        format: PixelFormat::Y444,
        full_range: false,
        pix_fmt: "yuv444p",
        args: &["-c:v", "libx264", "-g", "4", "-pix_fmt", "yuv444p"],
    },
    Clip {
        name: "interlaced.mp4",
        size: (720, 576),
        codec: Codec::H264,
        format: PixelFormat::I420,
        full_range: false,
        pix_fmt: "yuv420p",
        args: &["-c:v", "libx264", "-flags", "+ildct+ilme", "-g", "4", "-pix_fmt", "yuv420p"],
    },
    Clip {
        name: "hevc.mp4",
        size: (1280, 720),
        codec: Codec::H265,
        format: PixelFormat::I420,
        full_range: false,
        pix_fmt: "yuv420p",
        args: &["-c:v", "libx265", "-x265-params", "keyint=6:log-level=none", "-pix_fmt", "yuv420p"],
    },
    Clip {
        name: "hevc-full.mp4",
        size: (640, 360),
        codec: Codec::H265,
        format: PixelFormat::I420,
        full_range: true,
        pix_fmt: "yuvj420p",
        args: &[
            "-vf",
            "scale=out_range=full",
            "-c:v",
            "libx265",
            "-x265-params",
            "keyint=6:log-level=none",
            "-pix_fmt",
            "yuvj420p",
        ],
    },
    Clip {
        name: "hevc-odd.mp4",
        size: (638, 358),
        codec: Codec::H265,
        format: PixelFormat::I420,
        full_range: false,
        pix_fmt: "yuv420p",
        args: &["-c:v", "libx265", "-x265-params", "keyint=5:log-level=none:bframes=0", "-pix_fmt", "yuv420p"],
    },
    Clip {
        name: "mjpeg420.avi",
        size: (704, 576),
        codec: Codec::Mjpeg,
        format: PixelFormat::I420,
        full_range: true,
        pix_fmt: "yuvj420p",
        args: &["-c:v", "mjpeg", "-q:v", "3", "-pix_fmt", "yuvj420p"],
    },
    Clip {
        name: "mjpeg422.avi",
        size: (638, 358),
        codec: Codec::Mjpeg,
        format: PixelFormat::Y42b,
        full_range: true,
        pix_fmt: "yuvj422p",
        args: &["-c:v", "mjpeg", "-q:v", "3", "-pix_fmt", "yuvj422p"],
    },
];

/// Encodes a moving test picture; returns the key units and ffmpeg's own luma of each.
fn make(clip: &Clip, dir: &std::path::Path) -> (Vec<Bytes>, Vec<u8>) {
    let path = dir.join(clip.name);
    let path = path.to_str().unwrap();
    let source = format!("testsrc2=size={}x{}:rate=10:duration=2", clip.size.0, clip.size.1);
    let mut args = vec!["-f", "lavfi", "-i", source.as_str()];
    args.extend(clip.args);
    if clip.codec != Codec::Mjpeg {
        args.extend(["-preset", "superfast"]);
    }
    args.push(path);
    support::ffmpeg(&args);
    let read = file::read_access_units(path.as_ref()).unwrap();
    assert_eq!(read.codec, clip.codec, "{}", clip.name);
    let keys = read.units.iter().filter(|u| u.key).map(|u| u.data.clone()).collect();
    let planes = support::ffmpeg(&[
        "-skip_frame",
        "nokey",
        "-i",
        path,
        "-fps_mode",
        "passthrough",
        "-f",
        "rawvideo",
        "-pix_fmt",
        clip.pix_fmt,
        "-",
    ]);
    (keys, planes)
}

/// All planes without padding, as ffmpeg writes them.
fn packed(frame: &Frame) -> Vec<u8> {
    let (w, h) = (frame.width as usize, frame.height as usize);
    let (cw, ch) = match frame.format {
        PixelFormat::I420 => (w.div_ceil(2), h.div_ceil(2)),
        PixelFormat::Y42b => (w.div_ceil(2), h),
        PixelFormat::Y444 => (w, h),
        other => panic!("{other:?} is not expected here"),
    };
    let mut out = Vec::new();
    for (index, (w, h)) in [(w, h), (cw, ch), (cw, ch)].into_iter().enumerate() {
        let (data, stride) = frame.planes.plane(index);
        for row in 0..h {
            out.extend_from_slice(&data[row * stride..row * stride + w]);
        }
    }
    out
}

#[test]
fn one_frame_for_each_key_frame_with_the_pixels_of_ffmpeg() {
    init().unwrap();
    let dir = tempfile::tempdir().unwrap();
    // One decoder for all clips, as in a worker: sizes, profiles and codecs change from unit to unit.
    let mut decoder = KeyDecoder::new(DecodeLimits::default());
    let clips: Vec<_> = CLIPS.iter().map(|c| (c, make(c, dir.path()))).collect();
    for (clip, (keys, _)) in &clips {
        assert!(keys.len() >= 3, "{} has {} key frames", clip.name, keys.len());
    }
    // Round robin: the first key of each, then the second of each, and so on.
    for round in 0..3 {
        for (clip, (keys, expected)) in &clips {
            let frame =
                decoder.decode(&unit(clip.codec, keys[round].clone())).unwrap_or_else(|e| panic!("{}: {e}", clip.name));
            assert_eq!((frame.width, frame.height), clip.size, "{}", clip.name);
            assert_eq!(frame.format, clip.format, "{}", clip.name);
            assert_eq!(frame.full_range, clip.full_range, "{}", clip.name);
            assert_eq!(frame.bt709, clip.size.1 > 576 && clip.codec != Codec::Mjpeg, "{}", clip.name);
            let got = packed(&frame);
            assert_eq!(expected.len(), got.len() * keys.len(), "{}: ffmpeg sees as many key frames as we", clip.name);
            let expected = &expected[round * got.len()..(round + 1) * got.len()];
            assert!(got == expected, "{} key frame {round}: {}", clip.name, difference(&got, expected));
        }
    }
}

fn difference(a: &[u8], b: &[u8]) -> String {
    let differing = a.iter().zip(b).filter(|(a, b)| a != b).count();
    let worst = a.iter().zip(b).map(|(a, b)| a.abs_diff(*b)).max();
    format!("{differing} of {} samples differ, by up to {worst:?}", a.len())
}

#[test]
fn ten_bit_is_narrowed_to_eight() {
    init().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let clip = Clip {
        name: "main10.mp4",
        size: (640, 360),
        codec: Codec::H265,
        format: PixelFormat::I420,
        full_range: false,
        pix_fmt: "yuv420p10le",
        args: &["-c:v", "libx265", "-x265-params", "keyint=5:log-level=none", "-pix_fmt", "yuv420p10le"],
    };
    let (keys, expected) = make(&clip, dir.path());
    let frame = KeyDecoder::new(DecodeLimits::default()).decode(&unit(clip.codec, keys[0].clone())).unwrap();
    let got = packed(&frame);
    let wide = expected.as_chunks::<2>().0;
    assert!(got.iter().zip(wide).all(|(g, w)| u16::from(*g) == u16::from_le_bytes(*w) >> 2));
}

#[test]
fn a_rare_jpeg_sampling_is_resampled() {
    init().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("440.jpg");
    let source = "testsrc2=size=320x240:rate=1:duration=1";
    support::ffmpeg(&[
        "-f",
        "lavfi",
        "-i",
        source,
        "-frames:v",
        "1",
        "-c:v",
        "mjpeg",
        "-pix_fmt",
        "yuvj420p",
        path.to_str().unwrap(),
    ]);
    let mut data = std::fs::read(&path).unwrap();
    // 2x2 becomes 1x2 in the frame header: the scan no longer fits, but the decoder must be chosen and cope.
    let sof = data.windows(2).position(|w| w == [0xff, 0xc0]).unwrap();
    assert_eq!(data[sof + 11], 0x22);
    data[sof + 11] = 0x12;
    let mut decoder = KeyDecoder::new(DecodeLimits::default());
    match decoder.decode(&unit(Codec::Mjpeg, data.into())) {
        Ok(frame) => assert_eq!((frame.width, frame.height), (320, 240)),
        Err(e) => assert!(!matches!(e, DecodeError::MissingElement { .. }), "{e}"),
    }
}

#[test]
fn a_picture_over_the_limit_is_refused_before_it_is_decoded() {
    init().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let mut small = KeyDecoder::new(DecodeLimits { max_pixels: 640 * 480 });
    for clip in CLIPS.iter().filter(|c| ["high-b.mp4", "hevc.mp4", "mjpeg420.avi"].contains(&c.name)) {
        let (keys, _) = make(clip, dir.path());
        let error = small.decode(&unit(clip.codec, keys[0].clone())).unwrap_err();
        assert!(matches!(error, DecodeError::TooLarge { .. }), "{}: {error}", clip.name);
        assert!(error.to_string().contains("307200"), "{error}");
    }
    // And another channel of the same worker goes on.
    let clip = CLIPS.iter().find(|c| c.name == "odd.mp4").unwrap();
    let (keys, _) = make(clip, dir.path());
    assert!(small.decode(&unit(clip.codec, keys[0].clone())).is_ok());
}

#[test]
fn damage_never_panics_and_the_next_key_frame_is_whole() {
    init().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let wanted = ["odd.mp4", "hevc-odd.mp4", "mjpeg422.avi"];
    let clips: Vec<_> = CLIPS.iter().filter(|c| wanted.contains(&c.name)).map(|c| (c, make(c, dir.path()))).collect();
    let mut decoder = KeyDecoder::new(DecodeLimits { max_pixels: 1 << 20 });
    let mut rng = TestRunner::new_with_rng(Config::default(), TestRng::deterministic_rng(Default::default())).new_rng();
    let (mut damaged, mut refused) = (0, 0);
    for round in 0..60u32 {
        for (clip, (keys, expected)) in &clips {
            let mut data = keys[1].to_vec();
            damage(&mut data, round, &mut rng);
            damaged += 1;
            refused += u32::from(decoder.decode(&unit(clip.codec, data.into())).is_err());

            let frame =
                decoder.decode(&unit(clip.codec, keys[0].clone())).unwrap_or_else(|e| panic!("{}: {e}", clip.name));
            let got = packed(&frame);
            assert!(
                got == expected[..got.len()],
                "{} after damage: {}",
                clip.name,
                difference(&got, &expected[..got.len()])
            );
        }
    }
    println!("{damaged} damaged units, {refused} refused, the others gave a picture");
    assert!(refused > 0);
}

fn damage(data: &mut Vec<u8>, round: u32, rng: &mut TestRng) {
    use proptest::prelude::Rng;
    let mut below = |n: usize| (rng.next_u64() % n.max(1) as u64) as usize;
    match round % 5 {
        0 => data.truncate(below(data.len())),
        1 => (0..8).for_each(|_| {
            let at = below(data.len());
            data[at] ^= 1 << below(8);
        }),
        2 => {
            // In the parameter sets or the header, where it hurts most.
            let at = below(data.len().min(80));
            data[at] = below(256) as u8;
        }
        3 => {
            let (from, count) = (below(data.len()), below(400));
            let to = (from + count).min(data.len());
            data.drain(from..to);
        }
        _ => *data = (0..below(2000)).map(|_| below(256) as u8).collect(),
    }
}

#[test]
fn what_is_not_decodable_alone_is_refused_with_a_reason() {
    let mut decoder = KeyDecoder::new(DecodeLimits::default());
    let mut delta = unit(Codec::H264, Bytes::from_static(&[0, 0, 1, 0x41, 0x9a]));
    assert!(decoder.decode(&delta).unwrap_err().to_string().contains("sequence parameter set"));
    delta.key = false;
    assert_eq!(
        decoder.decode(&delta).unwrap_err().to_string(),
        "the h264 unit gave no picture: the unit is not a key unit"
    );
    for codec in [Codec::H264, Codec::H265, Codec::Mjpeg] {
        assert!(decoder.decode(&unit(codec, Bytes::new())).is_err());
    }
}

#[test]
fn a_frame_outlives_the_next_unit_and_its_decoder() {
    init().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let clip = &CLIPS[0];
    let (keys, expected) = make(clip, dir.path());
    let mut decoder = KeyDecoder::new(DecodeLimits::default());
    let frames: Vec<Frame> = keys.iter().map(|k| decoder.decode(&unit(clip.codec, k.clone())).unwrap()).collect();
    drop(decoder);
    let got: Vec<u8> = frames.iter().flat_map(packed).collect();
    assert!(got == expected, "{}", difference(&got, &expected));
}

#[test]
fn decoders_come_and_go_without_threads_or_memory_left_behind() {
    init().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let clips: Vec<_> =
        ["baseline.mp4", "hevc-odd.mp4", "mjpeg422.avi"].map(|n| CLIPS.iter().find(|c| c.name == n).unwrap()).into();
    let keys: Vec<_> = clips.iter().map(|c| (c.codec, make(c, dir.path()).0)).collect();
    let turn = |rounds: usize| {
        for _ in 0..rounds {
            let mut decoder = KeyDecoder::new(DecodeLimits::default());
            for (codec, keys) in &keys {
                decoder.decode(&unit(*codec, keys[0].clone())).unwrap();
            }
        }
    };
    let status = |key: &str| -> u64 {
        let text = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = text.lines().find(|l| l.starts_with(key)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    };
    turn(20);
    let before = status("VmRSS:");
    turn(150);
    let grown = status("VmRSS:").saturating_sub(before);
    println!("{grown} KiB more after 150 decoders of three codecs; {} threads", status("Threads:"));
    // One picture left behind each time would be 150 * 3 * 500 KiB.
    assert!(grown < 20_000, "{grown} KiB");
    // The test's own two, and what GStreamer keeps for the process; under `cargo test` other tests run beside.
    if std::env::var_os("NEXTEST").is_some() {
        assert!(status("Threads:") <= 4, "{}", status("Threads:"));
    }
}

/// A worker that met one 4K channel must not hold its pictures for good.
#[test]
fn what_a_large_picture_took_goes_with_the_next_small_one() {
    init().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let clip = |name, size, args| Clip {
        name,
        size,
        codec: Codec::H264,
        format: PixelFormat::I420,
        full_range: false,
        pix_fmt: "yuv420p",
        args,
    };
    let args = &["-c:v", "libx264", "-g", "5", "-pix_fmt", "yuv420p"];
    let large = make(&clip("large.mp4", (3840, 2160), args), dir.path()).0;
    let small = make(&clip("small.mp4", (704, 576), args), dir.path()).0;
    let resident = || -> u64 {
        let text = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = text.lines().find(|l| l.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    };
    let mut decoders: Vec<_> = (0..4).map(|_| KeyDecoder::new(DecodeLimits::default())).collect();
    let mut round = |keys: &[Bytes]| {
        for decoder in &mut decoders {
            decoder.decode(&unit(Codec::H264, keys[0].clone())).unwrap();
        }
        resident()
    };
    let before = round(&small);
    let with_large = round(&large).saturating_sub(before) / 4;
    let after = round(&small).saturating_sub(before) / 4;
    println!("{with_large} KiB a decoder at 4K, {after} KiB more than before at 704x576 again");
    assert!(after < 6 * 1024, "{after} KiB");
}
