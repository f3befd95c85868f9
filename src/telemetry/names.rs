//! The table of all metrics: name, kind, unit, help and labels, each once and nowhere else.
//!
//! A test holds it to the source in both directions: what is counted stands here, what stands here is counted. The
//! dashboard and the alert rules in `deploy/` are held to it as well. A name is `skyeye_`, the module, what it is, and
//! its unit; counters end in `_total`. Labels are few and bounded, never a channel: what is said of one channel stands
//! in its health. A series whose labels are all known is there from the start, at 0.

/// What a metric is for Prometheus.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Counter,
    Gauge,
    Histogram,
}

impl Kind {
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        }
    }
}

/// One metric.
#[derive(Debug, Clone, Copy)]
pub struct Metric {
    pub name: &'static str,
    pub kind: Kind,
    /// What is counted or measured, in words.
    pub unit: &'static str,
    pub help: &'static str,
    /// Labels and the values that they can have; `ANY` where the values are words of the code that nobody lists.
    pub labels: &'static [(&'static str, &'static [&'static str])],
}

impl Metric {
    /// True if it stands in `/metrics` from the start.
    pub fn is_always_there(&self) -> bool {
        self.labels.iter().all(|(_, values)| !values.is_empty())
    }
}

const ANY: &[&str] = &[];
const TIERS: &[&str] = &["patrol", "catch_up", "focus"];
const CODECS: &[&str] = &["h264", "h265", "mjpeg"];
const DROPS: &[&str] = &["replaced", "expired", "unknown_channel"];
const BLIND: &[&str] = &["gone", "rests", "not_yet", "no_way", "decode", "infer", "panicked", "hung"];
const SEVERITIES: &[&str] = &["low", "medium", "high", "critical"];
const ACTIVITY: &[&str] = &["learning", "quiet", "active", "mute"];
const CONDITIONS: &[&str] = &[
    "frozen",
    "dark",
    "bright",
    "blurred",
    "covered",
    "moved",
    "bitrate_collapsed",
    "key_interval_long",
    "clock_skew",
];
const CHANNEL_STATES: &[&str] = &[
    "connecting",
    "running",
    "stalled",
    "offline",
    "auth_failed",
    "unreachable",
    "refused",
    "misconfigured",
    "disabled",
];

/// Counted by the recorder itself.
pub const SERIES_REFUSED: &str = "skyeye_telemetry_series_refused_total";

type Labels = &'static [(&'static str, &'static [&'static str])];

const fn counter(name: &'static str, unit: &'static str, help: &'static str, labels: Labels) -> Metric {
    Metric { name, kind: Kind::Counter, unit, help, labels }
}
const fn gauge(name: &'static str, unit: &'static str, help: &'static str, labels: Labels) -> Metric {
    Metric { name, kind: Kind::Gauge, unit, help, labels }
}
const fn histogram(name: &'static str, unit: &'static str, help: &'static str, labels: Labels) -> Metric {
    Metric { name, kind: Kind::Histogram, unit, help, labels }
}

/// The entry of a name.
pub fn find(name: &str) -> Option<&'static Metric> {
    TABLE.iter().find(|m| m.name == name)
}

/// In the order of the way of the data.
#[rustfmt::skip] // a table: a line a metric
pub const TABLE: &[Metric] = &[
    counter("skyeye_ingest_units_total", "units", "Access units read from cameras.", &[]),
    counter("skyeye_ingest_bytes_total", "bytes", "Bytes of access units read from cameras.", &[]),
    counter("skyeye_ingest_lost_packets_total", "packets", "RTP packets known to be lost on the way from cameras.", &[]),
    counter(
        "skyeye_ingest_sessions_total",
        "sessions",
        "RTSP sessions begun, in our own way or by the general client.",
        &[("way", &["direct", "general"])],
    ),
    counter("skyeye_ingest_dropped_units_total", "units", "Access units not given on, by reason; before_key: a loss or a start waits for the next key frame.", &[("reason", ANY)]),
    counter("skyeye_ingest_reconnects_total", "sessions", "RTSP sessions that ended or could not be begun, by reason.", &[("reason", ANY)]),
    gauge("skyeye_ingest_breakers_open", "addresses", "Addresses of cameras (host and port) that do not answer, at which one channel asks for all.", &[]),
    counter(
        "skyeye_ingest_breaker_changes_total",
        "changes",
        "Changes of those circuit breakers; open: several channels in a row got no answer, half_open: one asks for all, closed: an answer came.",
        &[("to", &["open", "half_open", "closed"])],
    ),
    counter("skyeye_ingest_task_panics_total", "panics", "Tasks of a channel that panicked and were started again.", &[]),
    gauge("skyeye_media_ring_bytes", "bytes", "Pre-roll held in memory, over all channels.", &[]),
    gauge("skyeye_media_ring_bound_bytes", "bytes", "What the pre-roll of all channels may hold at most.", &[]),
    counter("skyeye_media_shrunk_units_total", "units", "Access units that left the pre-roll early because the bound over all channels was reached.", &[]),
    counter("skyeye_sample_chosen_total", "samples", "Access units chosen to be looked at.", &[("tier", TIERS)]),
    gauge("skyeye_channel_state", "channels", "Channels by state.", &[("state", CHANNEL_STATES)]),
    gauge("skyeye_channel_condition", "channels", "Channels in a condition, by kind.", &[("kind", CONDITIONS)]),
    histogram("skyeye_channel_look_rate_hz", "hertz", "Looks a second of a channel over its last minute, each watched channel recorded every ten seconds: its distribution over channels.", &[]),
    histogram("skyeye_schedule_age_seconds", "seconds", "Age of a sample when a worker takes it, since the last byte of its access unit was read.", &[("tier", TIERS)]),
    counter("skyeye_schedule_offered_samples_total", "samples", "Samples offered to the schedule.", &[]),
    counter("skyeye_schedule_taken_samples_total", "samples", "Samples taken by a worker.", &[]),
    counter("skyeye_schedule_dropped_samples_total", "samples", "Samples given up, by tier and reason; replaced: a newer one of the channel came, expired: past its deadline, unknown_channel: the channel is gone.", &[("tier", TIERS), ("reason", DROPS)]),
    counter("skyeye_decode_frames_total", "frames", "Pictures decoded.", &[]),
    counter("skyeye_decode_errors_total", "units", "Access units that gave no picture, by kind.", &[("kind", ANY)]),
    counter("skyeye_decode_extra_pictures_total", "frames", "Pictures that a decoder gave beyond the one asked for.", &[]),
    counter("skyeye_decode_replaced_total", "decoders", "Decoders that failed and were replaced.", &[]),
    counter("skyeye_decode_hardware_given_up_total", "decoders", "Hardware decoders that failed where software did not, which went on.", &[]),
    counter("skyeye_infer_looks_total", "looks", "Runs of the model.", &[]),
    counter("skyeye_infer_errors_total", "looks", "Runs of the model that failed.", &[]),
    counter("skyeye_infer_batches_total", "batches", "Batches run on an accelerator.", &[]),
    counter("skyeye_infer_batch_pictures_total", "pictures", "Pictures in those batches.", &[]),
    counter("skyeye_infer_stalled_total", "looks", "Looks lost because the accelerator did not come back.", &[]),
    counter("skyeye_infer_devices_given_up_total", "devices", "Times that the accelerator hung at a batch and was opened again.", &[]),
    histogram("skyeye_node_look_seconds", "seconds", "Time of a worker for a whole look, from the sample to its events.", &[("tier", TIERS)]),
    counter("skyeye_node_looks_total", "looks", "Looks finished.", &[("tier", TIERS)]),
    counter("skyeye_node_blind_looks_total", "looks", "Looks that saw nothing, by tier and reason; not_yet: nothing new came or the way to the present is not done, no_way: there is none and no new key frame, decode and infer: no picture or no answer of the model, rests: a worker hung at the channel before, hung: it does now, gone: no more under watch.", &[("tier", TIERS), ("reason", BLIND)]),
    counter("skyeye_node_runs_cut_total", "runs", "Ways to the present so long that they are done over several samples.", &[]),
    counter("skyeye_node_runs_missing_total", "looks", "Looks of catch-up or focus for which the pre-roll had no way to the present, because it was cut or the decoder could not be kept; the latest key frame is looked at instead where it is new.", &[("tier", TIERS)]),
    gauge("skyeye_node_kept_decoders", "decoders", "Decoders kept by channels in catch-up or focus.", &[]),
    counter("skyeye_node_workers_given_up_total", "workers", "Workers given up because they hung at one picture.", &[]),
    gauge("skyeye_node_workers_hanging", "workers", "Workers that hang in decoding or inference now.", &[]),
    gauge("skyeye_node_resting_channels", "channels", "Channels not looked at for a while because a worker hung at their pictures.", &[]),
    counter("skyeye_node_worker_panics_total", "panics", "Looks that panicked.", &[]),
    counter("skyeye_node_commands_failed_total", "commands", "Commands from the broker that have no result.", &[]),
    gauge("skyeye_node_disk_used_ratio", "ratio", "Share of the disk under node.data_dir that is in use, 0 to 1.", &[]),
    counter("skyeye_config_reloads_total", "reloads", "Reloads of the configuration, by outcome.", &[("outcome", &["applied", "refused"])]),
    gauge("skyeye_config_refused", "files", "1 while the configuration file is broken and the last good one is in use.", &[]),
    counter("skyeye_track_dropped_total", "boxes and tracks", "Not followed because a channel had more than track.max_tracks.", &[]),
    gauge("skyeye_track_kept_looks", "looks", "Looks of the last hours that are kept in memory.", &[]),
    gauge("skyeye_track_kept_bytes", "bytes", "Memory of the kept looks.", &[]),
    gauge("skyeye_track_kept_dropped", "looks", "Kept looks that went before their time because there was no more room.", &[]),
    histogram("skyeye_rule_age_seconds", "seconds", "Age of a look when tracker and rules have seen it.", &[]),
    gauge("skyeye_rule_health_events", "events", "Events of the type health that are open: what is wrong with channels and their hosts.", &[]),
    counter("skyeye_alert_limited_total", "events", "Events whose alert was folded because the channel raised too many.", &[]),
    gauge("skyeye_evidence_bytes", "bytes", "Evidence on disk.", &[]),
    counter("skyeye_evidence_stored_total", "files", "Snapshots stored.", &[]),
    counter("skyeye_evidence_errors_total", "files", "Snapshots that could not be stored, by kind.", &[("kind", ANY)]),
    counter("skyeye_evidence_hurried_total", "pictures", "Snapshots that a worker encoded itself, because too many waited to be encoded beside the looks.", &[]),
    counter("skyeye_evidence_swept_total", "files", "Snapshots deleted, by reason.", &[("reason", &["retention", "quota"])]),
    histogram("skyeye_outbox_commit_seconds", "seconds", "Time of a commit of facts, until the disk has it.", &[]),
    gauge("skyeye_outbox_rows", "messages", "Messages that wait for the broker's acknowledgement.", &[]),
    gauge("skyeye_outbox_bytes", "bytes", "Bytes of the messages that wait for the broker.", &[]),
    gauge("skyeye_outbox_open_events", "events", "Events that have begun and not ended.", &[]),
    gauge("skyeye_outbox_degraded", "boolean", "1 while facts cannot be written to the disk.", &[]),
    counter("skyeye_outbox_failed_writes_total", "writes", "Commits that failed and were tried again.", &[]),
    counter("skyeye_outbox_lost_total", "messages", "Messages given up because the disk did not take them in time; their events are tried again.", &[]),
    counter("skyeye_outbox_messages_total", "messages", "Messages committed.", &[]),
    counter("skyeye_outbox_transactions_total", "transactions", "Commits of facts.", &[]),
    counter("skyeye_outbox_dropped_total", "messages", "Messages given up because the outbox was at its cap, by severity.", &[("severity", SEVERITIES)]),
    counter("skyeye_outbox_interrupted_total", "events", "Events ended as interrupted at a start.", &[]),
    counter("skyeye_outbox_pruned_total", "messages", "Acknowledged messages deleted after the time they are kept.", &[]),
    counter("skyeye_outbox_refused_total", "events", "Events that the ledger refused for good.", &[]),
    counter("skyeye_outbox_retries_total", "events", "Events that waited for the disk and were tried again.", &[]),
    counter("skyeye_store_history_pruned_total", "rows", "Old events and closed alerts deleted.", &[]),
    counter("skyeye_store_quarantined_total", "databases", "Damaged databases moved aside at a start.", &[]),
    gauge("skyeye_publish_connected", "boolean", "1 while connected to the broker.", &[]),
    gauge("skyeye_publish_inflight", "messages", "Messages sent and not yet acknowledged.", &[]),
    gauge("skyeye_publish_retained", "messages", "Retained messages that the embedded broker keeps: states and open alerts.", &[]),
    counter("skyeye_publish_published_total", "messages", "Messages sent to the broker, by kind.", &[("kind", &["fact", "state", "again"])]),
    counter("skyeye_publish_acked_total", "messages", "Messages acknowledged by the broker, by kind.", &[("kind", &["fact", "state", "again"])]),
    counter("skyeye_publish_reconnects_total", "connections", "Connections to the broker that ended or failed.", &[]),
    counter("skyeye_publish_half_open_total", "connections", "Connections given up because the broker no longer answered.", &[]),
    counter("skyeye_publish_unacknowledged_total", "messages", "Messages that were on their way when the connection ended; they are sent again.", &[]),
    counter("skyeye_publish_unsendable_total", "messages", "Messages that no broker would take.", &[]),
    counter("skyeye_publish_source_errors_total", "reads", "Reads of the outbox that failed.", &[]),
    counter("skyeye_publish_state_refused_total", "states", "States refused because there are too many topics.", &[]),
    gauge("skyeye_node_unannounced_topics", "topics", "Retained topics of discovery and feeds for which there is no room; the node's status says which.", &[]),
    counter("skyeye_publish_state_replaced_total", "states", "States replaced by a newer one before they were sent.", &[]),
    counter("skyeye_publish_commands_total", "commands", "Commands received from the broker.", &[]),
    counter("skyeye_publish_commands_dropped_total", "commands", "Commands dropped because too many waited.", &[]),
    counter("skyeye_publish_broker_dropped_total", "messages", "Messages that the embedded broker dropped, the oldest first, because the queue of a client that is away or slow was full.", &[]),
    counter("skyeye_publish_broker_ended_total", "brokers", "Times that the embedded broker ended by itself.", &[]),
    counter("skyeye_publish_broker_refused_total", "requests", "What the embedded broker refused, by reason.", &[("reason", &["topic", "command_limit", "login"])]),
    counter("skyeye_hook_delivered_total", "deliveries", "Deliveries that a webhook's receiver took.", &[("hook", ANY)]),
    counter("skyeye_hook_failed_total", "deliveries", "Tries to deliver that failed and are made again.", &[("hook", ANY)]),
    counter("skyeye_hook_given_up_total", "deliveries", "Deliveries that a receiver did not take and that are made no more; the next delivery says so.", &[("hook", ANY)]),
    counter("skyeye_hook_missed_total", "messages", "Messages deleted before a webhook got to them; the next delivery says so.", &[("hook", ANY)]),
    gauge("skyeye_hook_lag_messages", "messages", "Committed messages behind a webhook's place, of whatever kind.", &[("hook", ANY)]),
    gauge("skyeye_hook_failing", "boolean", "1 while a webhook is tried again, paused or unusable.", &[("hook", ANY)]),
    counter("skyeye_web_responses_total", "responses", "HTTP answers, by class of their status.", &[("class", &["1xx", "2xx", "3xx", "4xx", "5xx"])]),
    counter("skyeye_web_failed_total", "responses", "Requests that failed inside the gateway.", &[]),
    counter("skyeye_web_refused_total", "requests", "Requests refused, by reason.", &[("why", &["path", "origin", "csrf", "publish", "token"])]),
    counter("skyeye_web_connections_refused_total", "connections", "Connections refused because too many were open.", &[]),
    counter("skyeye_web_logins_failed_total", "logins", "Logins with a wrong name or password.", &[]),
    counter("skyeye_web_logins_limited_total", "logins", "Logins refused because of too many tries.", &[]),
    counter("skyeye_web_logins_shed_total", "logins", "Logins refused because too many were being checked.", &[]),
    counter("skyeye_web_pictures_made_total", "pictures", "Pictures made for the console.", &[]),
    counter("skyeye_web_pictures_limited_total", "pictures", "Pictures refused because one login asked for too many.", &[]),
    counter("skyeye_web_exports_cut_total", "exports", "Exports of alerts broken off because their client took nothing of them for long (stalled) or was not through in time (late).", &[("why", &["stalled", "late"])]),
    counter("skyeye_web_audit_lost_total", "rows", "Records of who saw what that could not be written.", &[]),
    counter("skyeye_discover_probes_total", "probes", "Probes of cameras begun in the console or by API.", &[]),
    counter("skyeye_discover_searches_total", "searches", "Searches for cameras begun in the console or by API.", &[]),
    gauge("skyeye_web_feeds", "feeds", "Live feeds open now.", &[]),
    counter("skyeye_web_feed_lost_total", "messages", "Messages that a slow feed did not get and was told of.", &[]),
    counter("skyeye_web_feed_lagged_total", "messages", "Messages that the hub of the feeds missed; feeds find them in the changes.", &[]),
    counter("skyeye_web_feeds_let_go_total", "feeds", "Feeds closed because the client was too slow.", &[]),
    counter(SERIES_REFUSED, "series", "Series refused because there are too many; a label holds what it should not.", &[]),
    histogram("skyeye_decode_age_seconds", "seconds", "Age of a sample after decoding.", &[("tier", TIERS)]),
    histogram("skyeye_infer_age_seconds", "seconds", "Age of a sample after inference.", &[("tier", TIERS)]),
    histogram("skyeye_outbox_age_seconds", "seconds", "Age of an event when it is committed to the outbox.", &[]),
    histogram("skyeye_publish_age_seconds", "seconds", "Age of an event when the broker has acknowledged it; only events of this run of the process.", &[]),
    histogram("skyeye_decode_seconds", "seconds", "Time to decode a sample.", &[("tier", TIERS), ("codec", CODECS)]),
    histogram("skyeye_infer_letterbox_seconds", "seconds", "Time to scale a picture into the tensor.", &[]),
    histogram("skyeye_infer_run_seconds", "seconds", "Time of a run of the model.", &[]),
    histogram("skyeye_infer_postprocess_seconds", "seconds", "Time to read the detections from the model's output.", &[]),
    histogram("skyeye_rule_seconds", "seconds", "Time of the tracker and the rules for a look.", &[]),
    histogram("skyeye_evidence_jpeg_seconds", "seconds", "Time to draw the masks and encode a snapshot.", &[]),
    gauge("skyeye_schedule_capacity_looks", "looks per second", "Looks a second that the workers can do, as measured; 0 until known.", &[]),
    gauge("skyeye_schedule_utilisation_ratio", "ratio", "Share of the workers' time that is used, 0 to 1.", &[]),
    gauge("skyeye_schedule_focus_share_ratio", "ratio", "Share of the workers' time that focus and catch-up take, 0 to 1.", &[]),
    gauge("skyeye_schedule_pending_samples", "samples", "Samples that wait for a worker.", &[]),
    gauge("skyeye_schedule_focus_channels", "channels", "Channels decoded continuously.", &[]),
    gauge("skyeye_schedule_focus_wanted_channels", "channels", "Channels whose rules want to be decoded continuously.", &[]),
    gauge("skyeye_schedule_focus_budget_channels", "channels", "Channels that may be decoded continuously at the same time.", &[]),
    gauge("skyeye_schedule_floors_kept_channels", "channels", "Channels looked at as often as their floor asks.", &[]),
    gauge("skyeye_schedule_floors_missed_channels", "channels", "Channels looked at less often than their floor asks.", &[]),
    gauge("skyeye_schedule_floors_silent_channels", "channels", "Channels that offered nothing to look at within their floor: offline, or their key frames are too rare.", &[]),
    gauge("skyeye_schedule_floor_stretch_ratio", "ratio", "By how much the floors are stretched because the box cannot keep them all; 1 where they are kept.", &[]),
    gauge("skyeye_channel_activity", "channels", "Watched channels by what their picture sizes tell: learning, quiet, active, or mute where they tell nothing.", &[("state", ACTIVITY)]),
    counter("skyeye_node_cpu_ms_total", "milliseconds", "CPU time of the process, all cores together.", &[]),
    gauge("skyeye_node_machine_busy_ratio", "ratio", "Share of the machine's cores that is busy, with all its processes, 0 to 1.", &[]),
    gauge("skyeye_node_memory_bytes", "bytes", "Resident memory of the process.", &[]),
    gauge("skyeye_node_memory_machine_bytes", "bytes", "Memory of the machine.", &[]),
    gauge("skyeye_node_files", "files", "Open file descriptors.", &[]),
    gauge("skyeye_node_files_bound", "files", "Limit of open file descriptors.", &[]),
    gauge("skyeye_node_workers", "workers", "Workers at work.", &[]),
    gauge("skyeye_outbox_bound_bytes", "bytes", "What the outbox may hold at most.", &[]),
];

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn names_follow_the_rules() {
        let mut seen = HashSet::new();
        for m in TABLE {
            assert!(seen.insert(m.name), "{} stands twice", m.name);
            assert!(m.name.starts_with("skyeye_"), "{}", m.name);
            assert!(m.name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{}", m.name);
            assert_eq!(m.kind == Kind::Counter, m.name.ends_with("_total"), "{}: counters end in _total", m.name);
            assert!(m.help.ends_with('.') && m.help.len() > 8 && !m.help.contains('\n'), "{}: {}", m.name, m.help);
            for (unit, suffix) in [("bytes", "_bytes"), ("seconds", "_seconds"), ("ratio", "_ratio"), ("hertz", "_hz")]
            {
                let name = m.name.trim_end_matches("_total");
                assert_eq!(
                    m.unit == unit,
                    name.ends_with(suffix),
                    "{}: the unit {} stands in the name",
                    m.name,
                    m.unit
                );
            }
        }
    }
}
