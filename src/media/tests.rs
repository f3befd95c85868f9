//! The bounds, and what comes out of the rings, unit by unit.

use bytes::Bytes;
use proptest::prelude::*;

use super::ring::{MAX_RUN, UNIT_OVERHEAD};
use super::*;
use crate::types::{Codec, Mono, Wall};

fn unit(channel: &str, key: bool, bytes: usize, at_ms: u64) -> AccessUnit {
    AccessUnit {
        channel: ChannelId::new(channel).unwrap(),
        codec: Codec::H264,
        key,
        data: Bytes::from(vec![0; bytes]),
        timeline_90k: at_ms as i64 * 90,
        ingested: Mono(at_ms),
        ingested_wall: Wall(0),
        seen: Wall(0),
        camera_clock: false,
        session: 1,
    }
}

const WIDE: Limits = Limits { preroll_ms: 3000, channel_bytes: 1 << 20, total_bytes: 1 << 30 };

/// A 10 Hz stream with a key unit of 1,000 bytes each second and others of 100 bytes.
fn second(rings: &Media, channel: &str, from_ms: u64) {
    for i in 0..10 {
        rings.push(&unit(channel, i == 0, if i == 0 { 1000 } else { 100 }, from_ms + i * 100));
    }
}

#[test]
fn it_keeps_whole_groups_that_cover_the_preroll() {
    let rings = Media::with(WIDE);
    let a = ChannelId::new("a").unwrap();
    for s in 0..10 {
        second(&rings, "a", s * 1000);
    }
    let kept = rings.preroll(&a);
    assert!(kept[0].key);
    assert_eq!(kept[0].ingested, Mono(6000), "the group of 7,000 covers only 2.9 s of the 3 s");
    assert_eq!(rings.present_gop(&a).len(), 10);
    assert_eq!(rings.latest_key(&a).unwrap().ingested, Mono(9000));
}

#[test]
fn a_group_longer_than_the_preroll_stays_whole() {
    let rings = Media::with(WIDE);
    rings.push(&unit("a", true, 10, 0));
    for i in 1..200 {
        rings.push(&unit("a", false, 10, i * 100));
    }
    assert_eq!(rings.present_gop(&ChannelId::new("a").unwrap()).len(), 200);
}

#[test]
fn a_stream_that_begins_without_a_key_is_not_kept() {
    let rings = Media::with(WIDE);
    rings.push(&unit("a", false, 10, 0));
    assert_eq!(rings.bytes(), 0);
}

#[test]
fn under_the_total_the_longest_shrinks_first() {
    // A little over three seconds of `a` and one of `b` fit.
    let rings = Media::with(Limits { total_bytes: 15_800, ..WIDE });
    let (a, b) = (ChannelId::new("a").unwrap(), ChannelId::new("b").unwrap());
    second(&rings, "b", 0);
    for s in 0..4 {
        second(&rings, "a", s * 1000);
    }
    assert!(rings.bytes() <= 15_800);
    assert_eq!(rings.preroll(&b).len(), 10, "the shorter ring is untouched");
    assert!(rings.preroll(&a).len() < 40);
    assert!(rings.shrunk() > 0);
}

#[test]
fn after_a_hole_the_group_is_not_continued() {
    // Room for the key unit and a few more.
    let rings = Media::with(Limits { channel_bytes: 2200, ..WIDE });
    let a = ChannelId::new("a").unwrap();
    second(&rings, "a", 0);
    assert_eq!(rings.present_gop(&a).len(), 1, "only the key unit: what came later would follow a hole");
    rings.push(&unit("a", true, 1000, 1000));
    assert_eq!(rings.latest_key(&a).unwrap().ingested, Mono(1000));
}

#[test]
fn a_run_goes_from_what_was_decoded_to_the_present() {
    let rings = Media::with(WIDE);
    let a = ChannelId::new("a").unwrap();
    let times = |run: Option<Vec<AccessUnit>>| -> Option<Vec<i64>> {
        run.map(|r| r.iter().map(|u| u.timeline_90k / 90).collect())
    };
    assert_eq!(times(rings.run(&a, None)), None);
    rings.push(&unit("a", true, 10, 1000));
    (1..4).for_each(|i| rings.push(&unit("a", false, 10, 1000 + i * 100)));
    assert_eq!(times(rings.run(&a, None)), Some(vec![1000, 1100, 1200, 1300]));
    assert_eq!(times(rings.run(&a, Some((1100 * 90, 1)))), Some(vec![1200, 1300]));
    assert_eq!(times(rings.run(&a, Some((1300 * 90, 1)))), Some(vec![]));
    assert_eq!(times(rings.run(&a, Some((1150 * 90, 1)))), None, "not kept");
    assert_eq!(times(rings.run(&a, Some((1400 * 90, 1)))), None, "not kept");
    assert_eq!(times(rings.run(&a, Some((1100 * 90, 2)))), None, "another session");
    // A new group.
    rings.push(&unit("a", true, 10, 2000));
    rings.push(&unit("a", false, 10, 2100));
    assert_eq!(times(rings.run(&a, Some((1200 * 90, 1)))), Some(vec![2000, 2100]));
    assert_eq!(times(rings.run(&a, Some((1200 * 90, 2)))), None, "another session's");
    assert_eq!(times(rings.run(&a, Some((2000 * 90, 1)))), Some(vec![2100]));
}

#[test]
fn a_run_never_leaps_over_a_hole_and_is_bounded() {
    let rings = Media::with(Limits { channel_bytes: 2200, ..WIDE });
    let a = ChannelId::new("a").unwrap();
    second(&rings, "a", 0);
    assert_eq!(rings.preroll(&a).len(), 1, "what came later did not fit");
    assert!(rings.run(&a, None).is_none(), "the newest unit cannot be reached");
    let rings = Media::with(WIDE);
    rings.push(&unit("a", true, 0, 0));
    (1..MAX_RUN as u64).for_each(|i| rings.push(&unit("a", false, 0, i)));
    assert_eq!(rings.run(&a, None).unwrap().len(), MAX_RUN);
    for i in 0..10 {
        rings.push(&unit("a", false, 0, MAX_RUN as u64 + i));
    }
    // Longer than a run: part for part, to the newest.
    let mut after = None;
    let mut lengths = Vec::new();
    while let Some(last) = rings.run(&a, after).unwrap().last() {
        lengths.push((last.timeline_90k - after.map_or(-90, |(at, _)| at)) / 90);
        after = Some((last.timeline_90k, 1));
    }
    assert_eq!(lengths, [MAX_RUN as i64, 10]);
}

proptest! {
    #[test]
    fn the_bounds_hold_after_every_push(
        pushes in prop::collection::vec((0usize..4, prop::bool::weighted(0.2), 0usize..5000, 0u64..400), 1..400),
        channel_bytes in 1000u64..20_000,
        total_bytes in 1000u64..40_000,
    ) {
        let limits = Limits { preroll_ms: 1000, channel_bytes, total_bytes };
        let rings = Media::with(limits);
        let mut at = 0;
        for (channel, key, bytes, wait) in pushes {
            at += wait + 1;
            rings.push(&unit(["a", "b", "c", "d"][channel], key, bytes, at));
            let mut sum = 0;
            for id in ["a", "b", "c", "d"].map(|c| ChannelId::new(c).unwrap()) {
                let kept = rings.preroll(&id);
                let own: u64 = kept.iter().map(|u| u.data.len() as u64 + UNIT_OVERHEAD).sum();
                prop_assert!(own <= channel_bytes);
                sum += own;
                prop_assert!(kept.first().is_none_or(|u| u.key));
                let gop = rings.present_gop(&id);
                prop_assert!(gop.iter().skip(1).all(|u| !u.key));
                prop_assert_eq!(gop.first().map(|u| u.ingested), rings.latest_key(&id).map(|u| u.ingested));
                if let Some(run) = rings.run(&id, None) {
                    prop_assert_eq!(run.len(), gop.len());
                    for (i, unit) in gop.iter().enumerate() {
                        let rest = rings.run(&id, Some((unit.timeline_90k, 1))).unwrap();
                        prop_assert_eq!(rest.len(), gop.len() - i - 1);
                    }
                }
                // No hole: what is kept of the present group are its first units in order.
                prop_assert!(gop.windows(2).all(|w| w[0].timeline_90k <= w[1].timeline_90k));
            }
            prop_assert_eq!(sum, rings.bytes());
            prop_assert!(sum <= total_bytes);
        }
    }
}

#[test]
fn a_forgotten_channel_leaves_nothing_behind_even_in_the_middle_of_a_push() {
    let media = Media::with(WIDE);
    let a = ChannelId::new("a").unwrap();
    second(&media, "a", 0);
    // What a push holds that lost the race.
    let ring = media.ring(&a).unwrap();
    media.forget(&a);
    ring.lock().push(unit("a", true, 1000, 1000), &WIDE);
    assert_eq!((media.bytes(), ring.lock().bytes()), (0, 0));
    second(&media, "a", 2000);
    assert_eq!(media.present_gop(&a).len(), 10, "it may come back");
}

/// Channels are pushed by several threads at once; the sum stays what the rings hold, and within the bound when all is
/// done.
#[test]
fn threads_that_push_at_once_keep_the_sum() {
    let limits = Limits { preroll_ms: 1000, channel_bytes: 1 << 20, total_bytes: 20_000 };
    let media = Media::with(limits);
    std::thread::scope(|scope| {
        for n in 0..4 {
            let media = &media;
            scope.spawn(move || (0..40).for_each(|s| second(media, ["a", "b", "c", "d"][n], s * 1000)));
        }
    });
    let held: u64 =
        ["a", "b", "c", "d"].iter().map(|c| media.ring(&ChannelId::new(c).unwrap()).unwrap().lock().bytes()).sum();
    assert_eq!(held, media.bytes());
    assert!(media.shrunk() > 0);
    media.push(&unit("a", true, 10, 60_000));
    assert!(media.bytes() <= limits.total_bytes, "{}", media.bytes());
}
