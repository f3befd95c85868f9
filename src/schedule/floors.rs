//! The arithmetic of floors: what all of them together need, and by how much they stretch where that is more than the
//! workers can do.
//!
//! A floor that cannot be kept is stretched by `max(1, k / weight)`, with the one `k` for which the stretched floors
//! need exactly what is there: heavy channels keep theirs longest, and channels of equal weight stretch alike.

/// Channels of one weight: the weight, and the looks a second that their floors need.
#[derive(Debug, Clone, Copy)]
pub(super) struct Need {
    pub weight: f64,
    pub hz: f64,
}

/// Where nothing is there at all: as long as can be said.
const MOST: f64 = 1e6;

/// The `k` for which the stretched floors need `available_hz`; 0 if they fit as they are. `needs` stand in order
/// of weight, as `gather` gives them.
pub(super) fn stretch(needs: &[Need], available_hz: f64) -> f64 {
    let total: f64 = needs.iter().map(|n| n.hz).sum();
    if total <= available_hz {
        return 0.0;
    }
    // With the lightest stretched and the others not: stretched / k + kept = available.
    let (mut stretched, mut kept) = (0.0, total);
    let mut k = 0.0;
    for (i, need) in needs.iter().enumerate() {
        stretched += need.weight * need.hz;
        kept -= need.hz;
        let rest = available_hz - kept;
        let next = needs.get(i + 1).map_or(f64::INFINITY, |n| n.weight);
        k = if rest > 0.0 { stretched / rest } else { f64::INFINITY };
        if k <= next && k.is_finite() {
            break;
        }
    }
    k.min(MOST)
}

/// The needs of channels with these weights and floors in milliseconds, lightest first.
pub(super) fn gather(channels: impl Iterator<Item = (f32, u64)>) -> Vec<Need> {
    let mut needs: Vec<_> =
        channels.map(|(weight, ms)| Need { weight: weight.into(), hz: 1000.0 / ms as f64 }).collect();
    needs.sort_by(|a, b| a.weight.total_cmp(&b.weight));
    needs.dedup_by(|next, first| {
        let same = next.weight == first.weight;
        if same {
            first.hz += next.hz;
        }
        same
    });
    needs
}

/// By how much the floor of a channel of this weight is longer.
pub(super) fn factor(stretch: f64, weight: f64) -> f64 {
    (stretch / weight).max(1.0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn equal_channels_stretch_alike_and_heavy_ones_last() {
        let equal = [Need { weight: 1.0, hz: 50.0 }];
        assert_eq!(stretch(&equal, 50.0), 0.0);
        assert_eq!(stretch(&equal, 25.0), 2.0);
        assert_eq!(stretch(&equal, 0.0), 1e6);
        // The light ones give up two thirds, the heavy one keeps all.
        let two = gather([(4.0, 200), (4.0, 200), (1.0, 50), (1.0, 100)].into_iter());
        let k = stretch(&two, 20.0);
        assert_eq!((factor(k, 1.0), factor(k, 4.0)), (3.0, 1.0));
    }

    proptest! {
        #[test]
        fn what_is_there_is_used_exactly(
            channels in prop::collection::vec((0.01f32..100.0, 20u64..20_000), 1..30),
            share in 0.01f64..0.99,
        ) {
            let needs = gather(channels.into_iter());
            let available = share * needs.iter().map(|n| n.hz).sum::<f64>();
            let k = stretch(&needs, available);
            let used: f64 = needs.iter().map(|n| n.hz / factor(k, n.weight)).sum();
            prop_assert!((used / available - 1.0).abs() < 1e-6, "{used} of {available}");
        }
    }
}
