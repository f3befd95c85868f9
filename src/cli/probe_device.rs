//! `skyeye probe HOST --onvif` and `--brand`: from a device to a picture, step by step, as the console's wizard does it.

use std::time::Duration;

use super::{
    Exit,
    probe::{ProbeArgs, login, refuse},
};
use crate::{
    config,
    decode::DecodeLimits,
    discover::{ProbeAsk, ProbeRun, ProbeView, brands, probe::Target},
    node::looks::Looks,
    types::Clock,
};

/// Runs the probe; steps go to standard error as they are done.
pub async fn run(args: ProbeArgs, json: bool) -> anyhow::Result<Exit> {
    let brand = match args.brand.as_deref() {
        None => None,
        Some(name) => match brands::find(name) {
            Some(brand) => Some(brand),
            None => return Ok(refuse("--brand: nobody in `skyeye channels brands` is called that", json)),
        },
    };
    let login = match login(args.user.as_deref(), args.password_file.as_deref()) {
        Ok(login) => login,
        Err(why) => return Ok(refuse(&why, json)),
    };
    let target = Target::Host {
        name: args.url.clone(),
        port: args.port.unwrap_or(0),
        onvif: args.onvif.then_some(true),
        brand,
        channel: args.channel,
    };
    let transport = if args.udp { config::Transport::Udp } else { config::Transport::default() };
    let ask = ProbeAsk { target, login, transport, allow_loopback: args.allow_loopback };
    let defaults = config::Config::default();
    let looks = Looks::new(
        DecodeLimits::default(),
        defaults.evidence.jpeg_quality,
        args.allow_loopback,
        defaults.sample.patrol_floor_s,
    );
    let run = ProbeRun::default();
    let work = run.run(ask, &looks, Clock::start());
    tokio::pin!(work);
    let mut tick = tokio::time::interval(Duration::from_millis(200));
    let mut said = 0;
    loop {
        let ended = tokio::select! {
            () = &mut work => true,
            _ = tick.tick() => false,
        };
        let steps = run.view().steps;
        steps.iter().skip(said).for_each(|s| eprintln!("{}", s.text));
        said = steps.len();
        if ended {
            break;
        }
    }
    let view = run.view();
    if let Some(file) = &args.picture {
        let first = (0..view.streams.len()).find_map(|n| run.picture(n));
        if let Some(jpeg) = first
            && let Err(e) = std::fs::write(file, jpeg)
        {
            eprintln!("skyeye: the picture cannot be written to {}: {e}", file.display());
        }
    }
    if json {
        println!("{}", serde_json::to_string(&view)?);
    } else {
        println!("{}", table(&view).trim_end());
    }
    Ok(if view.picture { Exit::Good } else { Exit::Failed })
}

fn table(view: &ProbeView) -> String {
    let mut text = String::new();
    if let Some(d) = &view.device {
        let skew = d.clock_skew_ms.map_or("unknown".into(), |ms| format!("{:+.1} s", ms as f64 / 1000.0));
        text += &format!(
            "device     {} {}, firmware {}, serial {}\nclock      {skew}\n",
            d.info.manufacturer, d.info.model, d.info.firmware, d.info.serial
        );
    }
    for s in &view.streams {
        let kind = if s.kind == config::StreamKind::Main { "main" } else { "sub" };
        let codec = s.codec.map_or("unknown", crate::types::Codec::as_str);
        let seen = match (&s.error, s.measured) {
            (Some(why), _) => why.clone(),
            (None, true) => {
                format!("{codec} {}x{} {:.1} Hz {:.0} kbit/s", s.width, s.height, s.fps, s.kbit_s)
            }
            (None, false) if s.width == 0 => "not looked at".to_owned(),
            (None, false) => format!("{codec} {}x{} as it says", s.width, s.height),
        };
        text += &format!("channel {} {kind:<5}{}\n           {seen}\n", s.channel_no, s.url);
    }
    for line in [&view.error, &view.advice].into_iter().flatten() {
        text += &format!("{line}\n");
    }
    text
}
