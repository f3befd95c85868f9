use std::time::Duration;

use proptest::prelude::*;
use tokio::io::{AsyncWriteExt as _, DuplexStream};

use super::super::wire::Wire;
use super::*;
use crate::types::Codec;

const SPS: &[u8] = &[0x67, 0x42, 0, 0x29, 0xe2, 0x90];
const PPS: &[u8] = &[0x68, 0xce, 0x3c, 0x80];

/// A session that plays, and the camera's end of its connection.
fn session(max_bytes: usize, early: Vec<u8>) -> (Direct, DuplexStream) {
    let (ours, camera) = tokio::io::duplex(1 << 20);
    let video = Video {
        codec: Codec::H264,
        track: String::new(),
        whole: "rtsp://10.0.0.1/".into(),
        sets: vec![SPS.to_vec(), PPS.to_vec()],
    };
    let mut direct = Direct::new(Dialogue::new(Wire::Test(ours), None), [0, 1], &video, early);
    direct.set_max_bytes(max_bytes);
    (direct, camera)
}

fn framed(channel: u8, data: &[u8]) -> Vec<u8> {
    [&[b'$', channel][..], &(data.len() as u16).to_be_bytes(), data].concat()
}

fn rtp(sequence: u16, timestamp: u32, ssrc: u32, marker: bool, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x80, 96 | (u8::from(marker) << 7)];
    packet.extend(sequence.to_be_bytes());
    packet.extend(timestamp.to_be_bytes());
    packet.extend(ssrc.to_be_bytes());
    packet.extend(payload);
    framed(0, &packet)
}

/// What a camera sends in one go: a picture in fragments or alone, and what else comes over such a connection.
#[derive(Debug, Clone)]
enum Sent {
    Key(Vec<u8>, usize),
    Picture(Vec<u8>),
    Lost(u16),
    Report,
    Other(u8, Vec<u8>),
    Answer,
    WrongSource,
    Noise(Vec<u8>),
}

fn sent() -> impl Strategy<Value = Sent> {
    let bytes = |n: usize| prop::collection::vec(2u8..=255, 1..n);
    prop_oneof![
        3 => (bytes(3000), 1..1400usize).prop_map(|(data, part)| Sent::Key(data, part)),
        6 => bytes(900).prop_map(Sent::Picture),
        1 => (1u16..300).prop_map(Sent::Lost),
        1 => Just(Sent::Report),
        1 => (2u8..9, bytes(50)).prop_map(|(channel, data)| Sent::Other(channel, data)),
        1 => Just(Sent::Answer),
        1 => Just(Sent::WrongSource),
        1 => bytes(60).prop_map(Sent::Noise),
    ]
}

/// The bytes of it all, and the pictures that are in it whole.
fn wire_of(all: &[Sent]) -> (Vec<u8>, Vec<Vec<u8>>, u64) {
    let (mut bytes, mut pictures, mut lost) = (Vec::new(), Vec::new(), 0);
    let (mut sequence, mut time) = (65_530u16, u32::MAX - 50_000);
    // The first packet says where counting begins.
    let mut begun = false;
    for one in all {
        time = time.wrapping_add(6000);
        match one {
            Sent::Key(data, part) => {
                let parts: Vec<_> = data.chunks(*part).collect();
                for (i, p) in parts.iter().enumerate() {
                    let (first, last) = (i == 0, i + 1 == parts.len());
                    let fu = [0x7c, (u8::from(first) << 7) | (u8::from(last) << 6) | 5];
                    let payload = [&fu[..], if first { &[0x88] } else { &[] }, p].concat();
                    bytes.extend(rtp(sequence, time, 7, last, &payload));
                    sequence = sequence.wrapping_add(1);
                }
                let start = [0, 0, 0, 1];
                pictures.push([&start[..], SPS, &start, PPS, &start, &[0x65, 0x88], data].concat());
                begun = true;
            }
            Sent::Picture(data) => {
                let unit = [&[0x41, 0x9a], &data[..]].concat();
                bytes.extend(rtp(sequence, time, 7, true, &unit));
                sequence = sequence.wrapping_add(1);
                pictures.push([&[0, 0, 0, 1], &unit[..]].concat());
                begun = true;
            }
            Sent::Lost(n) => {
                sequence = sequence.wrapping_add(*n);
                lost += if begun { u64::from(*n) } else { 0 };
            }
            Sent::Report => bytes.extend(framed(1, &[&[0x80, 200, 0, 6, 0, 0, 0, 7][..], &[1; 20]].concat())),
            Sent::Other(channel, data) => bytes.extend(framed(*channel, data)),
            Sent::Answer => bytes.extend(b"RTSP/1.0 200 OK\r\nCSeq: 9\r\nContent-Length: 3\r\n\r\n$\x00\x00"),
            Sent::WrongSource if begun => bytes.extend(rtp(1, 1, 8, true, &[0x41, 0x9a, 9])),
            Sent::WrongSource => {}
            // What looks like framing would rightly be taken for it.
            Sent::Noise(data) => bytes.extend(data.iter().map(|b| if *b == b'$' { b'%' } else { *b | 0x80 })),
        }
    }
    // What was lost is told with what comes after it.
    bytes.extend(rtp(sequence, time.wrapping_add(6000), 7, true, &[0x41, 0x9a, 1]));
    pictures.push(vec![0, 0, 0, 1, 0x41, 0x9a, 1]);
    (bytes, pictures, lost)
}

/// All items of a connection on which these pieces come one by one; none of them waits for more than there is.
fn items(pieces: &[&[u8]], early: &[u8], max_bytes: usize) -> Vec<Received> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(tokio::task::unconstrained(async {
        let (mut direct, mut camera) = session(max_bytes, early.to_vec());
        let mut all = Vec::new();
        for piece in pieces {
            camera.write_all(piece).await.unwrap();
            while let Poll::Ready(item) = std::future::poll_fn(|cx| Poll::Ready(direct.poll_next(cx))).await {
                all.push(item);
            }
            assert!(direct.rest.len() <= 128 * 1024, "{} bytes are held", direct.rest.len());
            assert!(direct.picture.len() <= max_bytes);
        }
        drop(camera);
        loop {
            match direct.next_item().await {
                Received::Ended(failure) => break assert_eq!(failure.kind, "closed"),
                item => all.push(item),
            }
        }
        all
    }))
}

impl Direct {
    async fn next_item(&mut self) -> Received {
        std::future::poll_fn(|cx| self.poll_next(cx)).await
    }
}

fn pictures(items: &[Received]) -> Vec<Vec<u8>> {
    items.iter().filter_map(|i| if let Received::Unit(u) = i { Some(u.data.to_vec()) } else { None }).collect()
}

fn lost(items: &[Received]) -> u64 {
    let lost = |i: &Received| match i {
        Received::Unit(u) => u.lost,
        Received::Damaged { lost, .. } => *lost,
        _ => 0,
    };
    items.iter().map(lost).sum()
}

/// `bytes` cut at `cuts`, which wrap round.
fn cut<'a>(mut bytes: &'a [u8], cuts: &[usize]) -> Vec<&'a [u8]> {
    let mut pieces = Vec::new();
    for n in cuts.iter().cycle() {
        if bytes.is_empty() {
            break;
        }
        let (piece, rest) = bytes.split_at((*n).min(bytes.len()));
        pieces.push(piece);
        bytes = rest;
    }
    pieces
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// However the bytes are cut, and however many came before PLAY was answered: the pictures that were sent, in
    /// order, and exactly what is missing.
    #[test]
    fn pictures_are_the_same_however_the_bytes_are_cut(
        all in prop::collection::vec(sent(), 1..25),
        cuts in prop::collection::vec(prop_oneof![1..8usize, 1..3000usize], 1..12),
        early in 0..3000usize,
    ) {
        let (bytes, sent, missing) = wire_of(&all);
        for (pieces, early) in [
            (vec![&bytes[..]], &[][..]),
            (cut(&bytes, &cuts), &[][..]),
            (cut(&bytes[early.min(bytes.len())..], &cuts), &bytes[..early.min(bytes.len())]),
        ] {
            let items = items(&pieces, early, 1 << 20);
            prop_assert!(pictures(&items) == sent, "{} of {} in {} pieces", pictures(&items).len(), sent.len(), pieces.len());
            prop_assert_eq!(lost(&items), missing);
        }
    }

    /// A picture over the bound is dropped and named, the others come; nothing beyond the bound is held meanwhile.
    #[test]
    fn a_picture_over_the_bound_is_dropped(all in prop::collection::vec(sent(), 1..25), cuts in prop::collection::vec(1..2000usize, 1..5)) {
        let (bytes, sent, _) = wire_of(&all);
        let bound = 700;
        let items = items(&cut(&bytes, &cuts), &[], bound);
        // The parameter sets before a key picture count with the description, not with the picture.
        let sets = 4 + SPS.len() + 4 + PPS.len();
        let fits = |p: &&Vec<u8>| p.len() - if p[4] == 0x67 { sets } else { 0 } <= bound;
        prop_assert!(pictures(&items).iter().eq(sent.iter().filter(fits)));
        let oversized = items.iter().filter(|i| matches!(i, Received::Damaged { reason: "oversized", .. })).count();
        prop_assert_eq!(oversized, sent.iter().filter(|p| !fits(p)).count());
    }

    #[test]
    fn any_bytes_are_answered_within_the_bounds(
        bytes in prop::collection::vec(prop_oneof![Just(b'$'), Just(0u8), Just(1u8), Just(0x80u8), Just(0x7cu8), any::<u8>()], 0..4000),
        cuts in prop::collection::vec(1..600usize, 1..5),
    ) {
        items(&cut(&bytes, &cuts), &[], 500);
    }
}

/// Sixteen thousand items in one read: others on the thread have their turn, and each byte is moved but a few times.
#[tokio::test]
async fn many_items_in_one_read_do_not_hold_the_thread() {
    const MANY: u32 = 16_000;
    let (mut direct, mut camera) = session(1 << 20, Vec::new());
    let good = rtp(1, 1, 7, true, &[0x65, 0x88, 1]);
    let bad: Vec<u8> = (0..MANY).flat_map(|_| rtp(1, 1, 8, true, &[])).collect();
    camera.write_all(&[&good[..], &bad].concat()).await.unwrap();
    drop(camera);
    let others = std::sync::Arc::new(std::sync::atomic::AtomicU32::new(0));
    let count = others.clone();
    let other = tokio::spawn(async move {
        loop {
            count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            tokio::task::yield_now().await;
        }
    });
    let mut damaged = 0;
    let read = async {
        loop {
            match direct.next_item().await {
                Received::Damaged { reason: "garbage", .. } => damaged += 1,
                Received::Ended(_) => break,
                _ => {}
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(20), read).await.unwrap();
    other.abort();
    assert_eq!(damaged, MANY);
    let turns = others.load(std::sync::atomic::Ordering::Relaxed);
    assert!(turns >= MANY / 200, "{turns} turns");
}
