//! `skyeye bench whole`: what a whole channel costs, in patrol or in focus, of the whole gateway over RTSP.
//!
//! The measured process is `skyeye run` as it is: sessions, pre-roll, activity, decoding, inference, rules, outbox,
//! broker, console. Its CPU is the kernel's, over the time measured and divided by the channels; nothing is taken off.
//! Memory a channel is what a gateway of all channels holds beyond one of a few (a sixth, one at least), so that what
//! a gateway needs once, for its workers and the model, is no channel's; how much that is stands beside it. Without
//! the pre-roll is without the bytes that the ring holds, as the gateway's own gauge says.
//!
//! In patrol every key frame is looked at (0.5 looks a second for the usual clip), and then once more with activity as
//! it is shipped. In focus a rule wants `--hz` looks a second, always. The floor is what those looks cost bare:
//! decoding and the session alone, and nothing else; in focus every picture of the film has to be decoded.

use std::time::Duration;

use clap::{Args, ValueEnum};
use tokio::time::Instant;

use super::{
    Report, Setting,
    child::{Cameras, Scratch, thread_cpu_s},
    clip,
    gateway::{Configuration, Gateway},
    patrol::Look,
};
use crate::{
    config::DecoderChoice,
    decode::{DecodeLimits, StreamDecoder},
    types::ChannelId,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TierArg {
    Patrol,
    Focus,
}

#[derive(Debug, Clone, Args)]
pub struct WholeArgs {
    /// How the channels are looked at
    #[arg(long, value_enum, default_value_t = TierArg::Patrol)]
    tier: TierArg,
    /// Channels; 0: 48 in patrol, 4 in focus
    #[arg(long, value_name = "N", default_value_t = 0)]
    channels: u32,
    /// Looks a second that the rule wants in focus
    #[arg(long, value_name = "HZ", default_value_t = 5.0)]
    hz: f64,
}

/// Sessions stand and the first events are out, after this or as long as is measured.
const SETTLE_S: f64 = 12.0;
/// The figures that others were measured at, on two cores of such a machine, same clip: an `ffmpeg -skip_frame nokey` a
/// camera into a Python ONNX loop (percent of a core, MiB), and Frigate (least of both).
const NOKEY: (f64, f64) = (0.96, 18.0);
const FRIGATE: (f64, f64) = (24.0, 154.0);

/// What a gateway used over a while.
struct Used {
    cpu_pct: f64,
    rss_kib: f64,
    looks_hz: f64,
    dropped: f64,
    preroll_kib: f64,
    channels_up: f64,
}

pub fn run(setting: &Setting, args: &WholeArgs) -> anyhow::Result<Report> {
    let path = setting.clip()?;
    let film = clip::units(&path)?;
    let units = clip::access_units(&film, &ChannelId::new("bench")?);
    let keys = units.iter().filter(|u| u.key).count().max(1);
    let length_s = (film.units.iter().map(|u| u.pts_90k).max().unwrap_or(0) as f64 / 90_000.0).max(0.1);
    let channels = match (args.channels, args.tier) {
        (0, TierArg::Patrol) => 48,
        (0, TierArg::Focus) => 4,
        (n, _) => n,
    };
    let seconds = setting.seconds(30);
    let mut look = Look::new(setting, units.iter().filter(|u| u.key).cloned().collect())?;
    let key_cpu_s = bare_key_s(&mut look)?;
    let farm = Cameras::start(setting.common.url.as_deref(), &path, channels, &[])?;
    setting.say(&format!("whole: {channels} channels in {:?}, {seconds:.0} s", args.tier).to_lowercase());
    let idle = measure(setting, &farm, 0, "", "", 5.0_f64.min(seconds))?;
    let few = (channels / 6).max(1);
    let (value, base, second, floor) = match args.tier {
        TierArg::Patrol => {
            let every = "[sample]\npatrol_interval_ms = 0\nrest_interval_ms = 0\nactivity = false\ncatch_up = false\n";
            let base = measure(setting, &farm, few, every, "", 5.0_f64.min(seconds))?;
            let plain = measure(setting, &farm, channels, every, "", seconds)?;
            let shipped = measure(setting, &farm, channels, "", "", seconds)?;
            let floor = 100.0 * key_cpu_s * keys as f64 / length_s;
            (plain, base, Some(shipped), floor)
        }
        TierArg::Focus => {
            let rule = format!("focus_hz = {:.2}\nfocus_when = \"always\"", args.hz);
            let base = measure(setting, &farm, few, "", &rule, 5.0_f64.min(seconds))?;
            let focus = measure(setting, &farm, channels, "", &rule, seconds)?;
            let unit_cpu_s = bare_unit_s(&units)?;
            let run_cpu_s = bare_run_s(&mut look)?;
            let floor = 100.0 * (unit_cpu_s * units.len() as f64 / length_s + run_cpu_s * args.hz);
            (focus, base, None, floor)
        }
    };
    let a_channel = |used: &Used| used.cpu_pct / f64::from(channels);
    let more = f64::from(channels.saturating_sub(few).max(1));
    let beyond = |used: &Used| (used.rss_kib - base.rss_kib) / more;
    let preroll = (value.preroll_kib - base.preroll_kib) / more;
    let reference = if args.tier == TierArg::Patrol { NOKEY } else { FRIGATE };
    let mut report = Report::new("whole", a_channel(&value), floor, "% of a core a channel")
        .with("tier", format!("{:?}", args.tier).to_lowercase())
        .with("channels", channels)
        .with("channels_up", value.channels_up as u64)
        .with("looks_hz_a_channel", value.looks_hz / f64::from(channels))
        .with("dropped", value.dropped as u64)
        .with("idle_cpu_pct", idle.cpu_pct)
        .with("idle_rss_mib", idle.rss_kib / 1024.0)
        .with("few_channels", few)
        .with("few_rss_mib", base.rss_kib / 1024.0)
        .with("rss_mib", value.rss_kib / 1024.0)
        .with("kib_a_channel", beyond(&value))
        .with("preroll_kib_a_channel", preroll)
        .with("kib_a_channel_beyond_preroll", beyond(&value) - preroll)
        .with("reference", if args.tier == TierArg::Patrol { "nokey loop" } else { "Frigate" })
        .with("reference_cpu_pct", reference.0)
        .with("reference_mib", reference.1)
        .with("of_reference_cpu", a_channel(&value) / reference.0)
        .with("of_reference_memory", (beyond(&value) - preroll) / 1024.0 / reference.1)
        .with("model", setting.model()?.name.as_str());
    if let Some(shipped) = second {
        report = report
            .with("shipped_cpu_pct_a_channel", a_channel(&shipped))
            .with("shipped_looks_hz_a_channel", shipped.looks_hz / f64::from(channels))
            .with("shipped_kib_a_channel", beyond(&shipped))
            .with("shipped_of_reference_cpu", a_channel(&shipped) / reference.0);
    }
    Ok(report)
}

/// Runs a gateway on the farm's channels and gives what it used over `seconds`.
fn measure(
    setting: &Setting,
    farm: &Cameras,
    channels: u32,
    sections: &str,
    rule: &str,
    seconds: f64,
) -> anyhow::Result<Used> {
    let scratch = Scratch::on_disk("whole")?;
    let ingest = "[ingest]\nallow_loopback = true\nconnects_per_host = 64\nconnects_per_host_per_s = 1000\n";
    let mut configuration = Configuration::new(setting, scratch.path(), &format!("{ingest}{sections}"))?;
    let names: Vec<String> = (1..=channels).map(|n| format!("cam-{n}")).collect();
    for (n, id) in (1..).zip(&names) {
        configuration.channel(id, &farm.url(n));
    }
    if channels > 0 {
        configuration.rule("people", &names, &format!("labels = [\"person\"]\n{rule}"));
    }
    let gateway = Gateway::start(setting, scratch, configuration)?;
    let settle = SETTLE_S.min(seconds);
    std::thread::sleep(Duration::from_secs_f64(if channels == 0 { settle / 4.0 } else { settle }));
    let (before, from, began) = (gateway.usage()?, gateway.metrics()?, Instant::now());
    std::thread::sleep(Duration::from_secs_f64(seconds));
    let (after, until) = (gateway.usage()?, gateway.metrics()?);
    let took = began.elapsed().as_secs_f64();
    let grown = |name: &str| until.sum(name, "") - from.sum(name, "");
    Ok(Used {
        cpu_pct: 100.0 * (after.cpu_s - before.cpu_s) / took,
        rss_kib: after.rss_kib,
        looks_hz: grown("skyeye_node_looks_total") / took,
        dropped: grown("skyeye_schedule_dropped_samples_total"),
        preroll_kib: until.sum("skyeye_media_ring_bytes", "") / 1024.0,
        channels_up: until.sum("skyeye_channel_state", "state=\"running\""),
    })
}

/// Processor seconds of one bare decode and run of a key frame.
fn bare_key_s(look: &mut Look) -> anyhow::Result<f64> {
    look.ours()?;
    let times = look.units.len().clamp(20, 60);
    let start = thread_cpu_s();
    for _ in 0..times {
        look.floor()?;
    }
    Ok((thread_cpu_s() - start) / times as f64)
}

/// Processor seconds of one run of the session.
fn bare_run_s(look: &mut Look) -> anyhow::Result<f64> {
    let start = thread_cpu_s();
    for _ in 0..40 {
        look.run_alone()?;
    }
    Ok((thread_cpu_s() - start) / 40.0)
}

/// Processor seconds of decoding one picture of the film in its order.
fn bare_unit_s(units: &[crate::types::AccessUnit]) -> anyhow::Result<f64> {
    let mut decoder = StreamDecoder::new(DecodeLimits::default(), DecoderChoice::Software);
    let some = units.get(..units.len().min(600)).unwrap_or(units);
    let start = thread_cpu_s();
    for unit in some {
        drop(decoder.run(std::slice::from_ref(unit))?);
    }
    Ok((thread_cpu_s() - start) / some.len().max(1) as f64)
}
