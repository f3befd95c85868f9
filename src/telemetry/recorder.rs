//! Where the numbers stand: every series of the process in atomics of fixed size, for Prometheus and for the console.
//!
//! In: what the `metrics` macros count. Out: Prometheus text, and the same numbers for the box's own page, so that the
//! console and a dashboard can never disagree. Names, units and help come from the table in `names`, which also says
//! the labels: a series whose labels are known is there from the start, at 0, so that a rate has a beginning.
//!
//! Why not an exporter crate: those keep each recorded value until the next scrape, so that their memory grows with
//! the load when nobody scrapes, and none gives its histograms back to the process. Here a record is three atomic
//! additions without an allocation. The number of series is bounded; what is over it is counted, not kept.

use std::{
    collections::{BTreeMap, HashMap},
    fmt::Write,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use metrics::{Counter, Gauge, Histogram, HistogramFn, Key, KeyName, Label, Metadata, Recorder, SharedString, Unit};
use parking_lot::RwLock;

use super::names::{self, Kind, Metric};

/// Upper bounds of the histograms of seconds: fine where the latency promise lies (20 ms to 1 s), so that a quantile
/// read from them is worth something.
const SECONDS: [f64; 24] = [
    0.0005, 0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4,
    0.5, 0.75, 1.0, 2.5, 5.0, 30.0,
];
/// Upper bounds of the histograms of rates, in 1/s: from a look in two minutes to ten a second.
const HZ: [f64; 14] =
    [1.0 / 240.0, 1.0 / 121.0, 1.0 / 60.0, 1.0 / 30.0, 0.05, 0.1, 0.2, 0.3, 0.45, 0.75, 1.0, 2.5, 5.0, 10.0];
/// More than the table and its labels make; a label that somebody filled with foreign text must not fill the memory.
const MAX_SERIES: usize = 4096;

/// A histogram: counts a bucket, and the sum.
#[derive(Debug)]
pub struct Buckets {
    bounds: &'static [f64],
    /// One more than bounds: the last is beyond all of them.
    counts: Box<[AtomicU64]>,
    /// Bits of an f64.
    sum: AtomicU64,
}

impl Buckets {
    fn new(bounds: &'static [f64]) -> Self {
        Self { bounds, counts: (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect(), sum: AtomicU64::new(0) }
    }

    fn read(&self) -> Counts {
        Counts {
            bounds: self.bounds,
            counts: self.counts.iter().map(|c| c.load(Ordering::Relaxed)).collect(),
            sum: f64::from_bits(self.sum.load(Ordering::Relaxed)),
        }
    }
}

impl HistogramFn for Buckets {
    fn record(&self, value: f64) {
        if !value.is_finite() {
            return;
        }
        let at = self.bounds.partition_point(|b| *b < value);
        if let Some(count) = self.counts.get(at) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        let add = |bits: u64| Some((f64::from_bits(bits) + value).to_bits());
        // Never fails: the closure always gives a value.
        self.sum.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add).ok();
    }
}

/// A histogram as it was at one moment, or what came into it between two moments.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Counts {
    bounds: &'static [f64],
    counts: Vec<u64>,
    pub sum: f64,
}

impl Counts {
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Adds another histogram with the same bounds.
    pub fn add(&mut self, other: &Counts) {
        if self.counts.is_empty() {
            self.clone_from(other);
            return;
        }
        for (a, b) in self.counts.iter_mut().zip(&other.counts) {
            *a += b;
        }
        self.sum += other.sum;
    }

    /// What came in since `earlier`.
    pub fn since(&self, earlier: &Counts) -> Counts {
        let mut rest = self.clone();
        for (a, b) in rest.counts.iter_mut().zip(&earlier.counts) {
            *a = a.saturating_sub(*b);
        }
        rest.sum -= earlier.sum;
        rest
    }

    pub fn mean(&self) -> Option<f64> {
        let count = self.count();
        (count > 0).then(|| self.sum / count as f64)
    }

    /// The value that a share `q` of all lies at or below, interpolated in its bucket as Prometheus does; `None` where
    /// nothing was recorded. What lies beyond the last bound is given as that bound.
    pub fn quantile(&self, q: f64) -> Option<f64> {
        let total = self.count();
        if total == 0 {
            return None;
        }
        let rank = q.clamp(0.0, 1.0) * total as f64;
        let (mut below, mut floor) = (0.0, 0.0);
        for (bound, count) in self.bounds.iter().zip(&self.counts) {
            let count = *count as f64;
            if count > 0.0 && below + count >= rank {
                return Some(floor + (bound - floor) * ((rank - below) / count).clamp(0.0, 1.0));
            }
            below += count;
            floor = *bound;
        }
        self.bounds.last().copied()
    }
}

type Family<T> = RwLock<HashMap<Key, Arc<T>>>;

#[derive(Default)]
struct Series {
    counters: Family<AtomicU64>,
    gauges: Family<AtomicU64>,
    histograms: Family<Buckets>,
    refused: AtomicU64,
}

/// All series of the process. Cheap to clone; every clone is the same.
#[derive(Clone, Default)]
pub struct Metrics(Arc<Series>);

impl Metrics {
    /// With the series of the table whose labels are known, at 0.
    pub fn new() -> Self {
        let metrics = Self::default();
        for metric in names::TABLE {
            for key in keys(metric) {
                match metric.kind {
                    Kind::Counter => drop(metrics.counter(&key)),
                    Kind::Gauge => drop(metrics.gauge_of(&key)),
                    Kind::Histogram => drop(metrics.histogram_of(&key)),
                }
            }
        }
        metrics
    }

    fn counter(&self, key: &Key) -> Option<Arc<AtomicU64>> {
        self.find(&self.0.counters, key, || AtomicU64::new(0))
    }
    fn gauge_of(&self, key: &Key) -> Option<Arc<AtomicU64>> {
        self.find(&self.0.gauges, key, || AtomicU64::new(0))
    }
    fn histogram_of(&self, key: &Key) -> Option<Arc<Buckets>> {
        self.find(&self.0.histograms, key, || Buckets::new(if key.name().ends_with("_hz") { &HZ } else { &SECONDS }))
    }

    fn find<T>(&self, family: &Family<T>, key: &Key, make: impl FnOnce() -> T) -> Option<Arc<T>> {
        if let Some(found) = family.read().get(key) {
            return Some(found.clone());
        }
        let mut all = family.write();
        if all.len() >= MAX_SERIES && !all.contains_key(key) {
            self.0.refused.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        Some(all.entry(key.to_retained()).or_insert_with(|| Arc::new(make())).clone())
    }

    /// Sum of a counter over its series with these labels; other labels may be anything.
    pub fn count(&self, name: &str, labels: &[(&str, &str)]) -> u64 {
        let all = self.0.counters.read();
        all.iter().filter(|(k, _)| is(k, name, labels)).map(|(_, v)| v.load(Ordering::Relaxed)).sum()
    }

    /// A counter by the values of one of its labels.
    pub fn counts_by(&self, name: &str, label: &str) -> BTreeMap<String, u64> {
        let mut by = BTreeMap::new();
        for (key, value) in self.0.counters.read().iter().filter(|(k, _)| k.name() == name) {
            let of = key.labels().find(|l| l.key() == label).map_or("", Label::value).to_owned();
            *by.entry(of).or_insert(0) += value.load(Ordering::Relaxed);
        }
        by
    }

    /// Sum of a gauge over its series with these labels; 0 where there is none.
    pub fn gauge(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let all = self.0.gauges.read();
        all.iter().filter(|(k, _)| is(k, name, labels)).map(|(_, v)| f64::from_bits(v.load(Ordering::Relaxed))).sum()
    }

    /// A histogram, summed over its series with these labels.
    pub fn histogram(&self, name: &str, labels: &[(&str, &str)]) -> Counts {
        let mut sum = Counts::default();
        for (_, value) in self.0.histograms.read().iter().filter(|(k, _)| is(k, name, labels)) {
            sum.add(&value.read());
        }
        sum
    }

    /// Prometheus text format 0.0.4, sorted.
    pub fn render(&self) -> String {
        let mut text = String::with_capacity(64 << 10);
        let number = |v: &AtomicU64| v.load(Ordering::Relaxed).to_string();
        write_family(&mut text, "counter", &self.0.counters, |text, name, labels, value| {
            line(text, name, "", labels, None, &number(value));
        });
        let float = |v: &AtomicU64| f64::from_bits(v.load(Ordering::Relaxed)).to_string();
        write_family(&mut text, "gauge", &self.0.gauges, |text, name, labels, value| {
            line(text, name, "", labels, None, &float(value));
        });
        write_family(&mut text, "histogram", &self.0.histograms, |text, name, labels, value| {
            let counts = value.read();
            let mut sum = 0;
            for (n, count) in counts.counts.iter().enumerate() {
                sum += count;
                let bound = counts.bounds.get(n).map_or_else(|| "+Inf".to_owned(), f64::to_string);
                line(text, name, "_bucket", labels, Some(&bound), &sum.to_string());
            }
            line(text, name, "_sum", labels, None, &counts.sum.to_string());
            line(text, name, "_count", labels, None, &sum.to_string());
        });
        let refused = self.0.refused.load(Ordering::Relaxed);
        let name = names::SERIES_REFUSED;
        head(&mut text, name, "counter");
        line(&mut text, name, "", "", None, &refused.to_string());
        text
    }
}

fn is(key: &Key, name: &str, labels: &[(&str, &str)]) -> bool {
    key.name() == name && labels.iter().all(|(k, v)| key.labels().any(|l| l.key() == *k && l.value() == *v))
}

/// Every combination of the labels that the table knows; none where a label may be anything.
fn keys(metric: &'static Metric) -> Vec<Key> {
    let mut sets: Vec<Vec<Label>> = vec![Vec::new()];
    for (label, values) in metric.labels {
        sets = sets
            .iter()
            .flat_map(|set| {
                values.iter().map(|v| set.iter().cloned().chain([Label::from_static_parts(label, v)]).collect())
            })
            .collect();
    }
    // The one that is rendered by itself.
    if metric.name == names::SERIES_REFUSED {
        return Vec::new();
    }
    sets.into_iter().map(|labels| Key::from_parts(metric.name, labels)).collect()
}

fn head(text: &mut String, name: &str, kind: &str) {
    if let Some(metric) = names::find(name) {
        writeln!(text, "# HELP {name} {}", metric.help).ok();
    }
    writeln!(text, "# TYPE {name} {kind}").ok();
}

fn write_family<T>(text: &mut String, kind: &str, family: &Family<T>, each: impl Fn(&mut String, &str, &str, &T)) {
    let mut sorted: BTreeMap<(String, String), Arc<T>> = BTreeMap::new();
    for (key, value) in family.read().iter() {
        sorted.insert((key.name().to_owned(), labels_text(key)), value.clone());
    }
    let mut last = "";
    for ((name, labels), value) in &sorted {
        if name != last {
            head(text, name, kind);
            last = name;
        }
        each(text, name, labels, value);
    }
}

fn labels_text(key: &Key) -> String {
    let mut pairs: Vec<String> = key
        .labels()
        .map(|l| {
            let value = l.value().replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            format!("{}=\"{value}\"", l.key())
        })
        .collect();
    pairs.sort();
    pairs.join(",")
}

fn line(text: &mut String, name: &str, suffix: &str, labels: &str, le: Option<&str>, value: &str) {
    let le = le.map(|le| format!("le=\"{le}\"")).unwrap_or_default();
    let comma = if labels.is_empty() || le.is_empty() { "" } else { "," };
    // Writing to a text does not fail.
    match labels.is_empty() && le.is_empty() {
        true => writeln!(text, "{name}{suffix} {value}").ok(),
        false => writeln!(text, "{name}{suffix}{{{labels}{comma}{le}}} {value}").ok(),
    };
}

impl Recorder for Metrics {
    // Units and help stand in the table, for all of them and nowhere else.
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        self.counter(key).map_or_else(Counter::noop, Counter::from_arc)
    }
    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        self.gauge_of(key).map_or_else(Gauge::noop, Gauge::from_arc)
    }
    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        self.histogram_of(key).map_or_else(Histogram::noop, Histogram::from_arc)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn with<T>(work: impl FnOnce() -> T) -> (Metrics, T) {
        let metrics = Metrics::new();
        let done = metrics::with_local_recorder(&metrics, work);
        (metrics, done)
    }

    #[test]
    fn what_was_counted_is_rendered_with_its_help() {
        let (metrics, ()) = with(|| {
            metrics::counter!("skyeye_ingest_reconnects_total", "reason" => "a \"b\"\\").increment(3);
            metrics::gauge!("skyeye_media_ring_bytes").set(1.5);
            metrics::histogram!("skyeye_outbox_commit_seconds").record(0.01);
            metrics::histogram!("skyeye_outbox_commit_seconds").record(99.0);
            metrics::histogram!("skyeye_outbox_commit_seconds").record(f64::NAN);
        });
        let text = metrics.render();
        for wanted in [
            "# TYPE skyeye_ingest_reconnects_total counter\nskyeye_ingest_reconnects_total{reason=\"a \\\"b\\\"\\\\\"} 3\n",
            "# TYPE skyeye_media_ring_bytes gauge\nskyeye_media_ring_bytes 1.5\n",
            "skyeye_outbox_commit_seconds_bucket{le=\"0.0075\"} 0\n",
            "skyeye_outbox_commit_seconds_bucket{le=\"0.01\"} 1\n",
            "skyeye_outbox_commit_seconds_bucket{le=\"30\"} 1\n",
            "skyeye_outbox_commit_seconds_bucket{le=\"+Inf\"} 2\n",
            "skyeye_outbox_commit_seconds_sum 99.01\n",
            "skyeye_outbox_commit_seconds_count 2\n",
            // Known from the start.
            "skyeye_schedule_dropped_samples_total{reason=\"expired\",tier=\"patrol\"} 0\n",
        ] {
            assert!(text.contains(wanted), "{wanted} is not in\n{text}");
        }
        assert_eq!(text.matches("# HELP skyeye_outbox_commit_seconds ").count(), 1);
        assert_eq!(metrics.count("skyeye_ingest_reconnects_total", &[]), 3);
        assert_eq!(metrics.counts_by("skyeye_ingest_reconnects_total", "reason")["a \"b\"\\"], 3);
    }

    #[test]
    fn series_are_bounded_and_what_is_over_is_told() {
        let (metrics, ()) = with(|| {
            for n in 0..MAX_SERIES * 2 {
                metrics::counter!("skyeye_ingest_reconnects_total", "reason" => n.to_string()).increment(1);
            }
        });
        assert!(metrics.0.counters.read().len() <= MAX_SERIES);
        let refused = metrics.0.refused.load(Ordering::Relaxed);
        assert!(refused >= MAX_SERIES as u64);
        assert!(metrics.render().contains(&format!("{} {refused}\n", names::SERIES_REFUSED)));
    }

    #[test]
    fn a_minute_is_what_came_since_its_beginning() {
        let (metrics, before) = with(|| {
            let h = metrics::histogram!("skyeye_outbox_commit_seconds");
            h.record(10.0);
            Metrics::default().histogram("skyeye_outbox_commit_seconds", &[])
        });
        assert_eq!(before.quantile(0.5), None);
        let before = metrics.histogram("skyeye_outbox_commit_seconds", &[]);
        metrics::with_local_recorder(&metrics, || metrics::histogram!("skyeye_outbox_commit_seconds").record(0.04));
        let since = metrics.histogram("skyeye_outbox_commit_seconds", &[]).since(&before);
        assert_eq!(since.count(), 1);
        assert!(since.quantile(0.99).is_some_and(|q| (0.03..=0.05).contains(&q)));
        assert!(since.mean().is_some_and(|m| (m - 0.04).abs() < 1e-9));
    }

    proptest! {
        /// A quantile is in the bucket in which the true value lies.
        #[test]
        fn quantiles_are_right_to_a_bucket(mut values in prop::collection::vec(0.0f64..20.0, 1..200), q in 0.01f64..1.0) {
            let buckets = Buckets::new(&SECONDS);
            values.iter().for_each(|v| buckets.record(*v));
            values.sort_by(f64::total_cmp);
            let at = ((q * values.len() as f64).ceil() as usize).clamp(1, values.len()) - 1;
            let truth = SECONDS.partition_point(|b| *b < values[at]);
            let found = buckets.read().quantile(q).unwrap();
            let (low, high) = (if truth == 0 { 0.0 } else { SECONDS[truth - 1] }, SECONDS[truth]);
            prop_assert!(found >= low - 1e-9 && found <= high + 1e-9, "{found} for {} in {low}..{high}", values[at]);
        }
    }
}
