//! `skyeye bench events`: how many events a second go through the outbox and the embedded broker to a subscriber.
//!
//! The subject is the real ledger, publisher and broker as one process: each event is folded into its alert, committed
//! (SQLite, WAL, synchronous FULL), published with QoS 1 and deleted on its PUBACK; with each event goes the message of
//! its alert. The subscriber sits in the measuring process. Counted are events, from the first that is handed to the
//! ledger to the last that is in the subscriber's hand; each must come, in order for its channel.
//!
//! The floor is what remains without us: the very same messages from memory through a bare MQTT client with QoS 1 and
//! the same broker to the same subscriber, nothing on disk. Beside it stands what the disk alone gives: the same bytes,
//! as many at a time, appended to a file and synced.

use std::{
    io::Write as _,
    net::SocketAddr,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, bail};
use clap::Args;
use rumqttc::{AsyncClient, Event as MqttEvent, MqttOptions, Packet, QoS};
use serde_json::json;
use tokio::{sync::mpsc, time::Instant};

use super::{
    Report, Setting,
    child::{Child, Scratch},
    measure,
    subscriber::{self, Got, PASSWORD, SITE, Subscriber, USER},
};
use crate::{
    alert::AlertBook,
    config::{self, Config},
    node::{ages::Ages, source::LedgerSource},
    outbox::{FactIn, Ledger, LedgerOptions},
    publish::{
        PublishOptions, Publisher, States,
        broker::{Broker, EmbeddedBroker},
    },
    types::{
        AreaId, BBox, ChannelId, Clock, Event, EventEnd, EventId, ModelName, ModelRef, Phase, RuleId, RuleRef, Secret,
        Severity, fact::Object,
    },
};

#[derive(Debug, Clone, Args)]
pub struct EventsArgs {
    /// Channels that the events come from
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    channels: u32,
    /// Facts that wait for their commit at one time
    #[arg(long, value_name = "N", default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..=4096))]
    waiting: u32,
    /// Rounds, each of ours and of the floor
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: u32,
}

#[derive(Debug, Clone, Args)]
pub struct SubjectArgs {
    #[arg(long)]
    dir: PathBuf,
    #[arg(long)]
    channels: u32,
    #[arg(long)]
    waiting: u32,
}

/// A message must have come within this time after the last commit.
const DRAIN: Duration = Duration::from_secs(60);

pub fn run(setting: &Setting, args: &EventsArgs) -> anyhow::Result<Report> {
    let scratch = Scratch::on_disk("events")?;
    let words = ["bench", "subject", "events", "--dir"].map(str::to_owned);
    let mut words = words.to_vec();
    words.extend([scratch.path().display().to_string(), "--channels".into(), args.channels.to_string()]);
    words.extend(["--waiting".into(), args.waiting.to_string()]);
    let mut subject = Child::start("the outbox", &words)?;
    let hello = subject.object(Duration::from_secs(30))?;
    let addr: SocketAddr = hello["broker"].as_str().unwrap_or_default().parse().context("the broker's address")?;
    let text = |name: &str| hello[name].as_str().unwrap_or_default().to_owned();
    let login = (text("user"), Secret::new(text("password")));
    let each = setting.seconds(30) / f64::from(args.rounds) / 2.0;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let hand = runtime.block_on(Subscriber::start(addr, &format!("skyeye/v1/{SITE}/#")))?;
    setting.say(&format!(
        "events: {} channels, {} facts at a time, {} rounds of {each:.1} s",
        args.channels, args.waiting, args.rounds
    ));
    let (mut ours, mut floor, mut disk, mut cpu) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let (mut lost, mut twice, mut events_all, mut transactions) = (0u64, 0u64, 0u64, 0u64);
    for _ in 0..args.rounds {
        hand.take()?;
        let (before, began) = (subject.usage()?, subscriber::wall_ms());
        subject.say(&format!("events {each}"))?;
        let done = subject.object(Duration::from_secs_f64(each) + DRAIN)?;
        let sent = done["events"].as_u64().context("how many events")?;
        let got = wait_for(&hand, sent, "/event/")?;
        let read = subscriber::events(&got)?;
        let last = read.iter().map(|(_, at)| *at).fold(0.0, f64::max);
        let after = subject.usage()?;
        let unique = unbroken(&read)?;
        lost += sent.saturating_sub(unique);
        twice += (read.len() as u64).saturating_sub(unique);
        events_all += sent;
        transactions += done["transactions"].as_u64().unwrap_or(0);
        ours.push(unique as f64 / ((last - began) / 1000.0));
        cpu.push((after.cpu_s - before.cpu_s) / sent.max(1) as f64 * 1e6);
        let bytes: Vec<usize> = got.iter().map(|g| g.payload.len() + g.topic.len()).collect();
        let grouped = (sent * 2).checked_div(done["transactions"].as_u64().unwrap_or(1)).unwrap_or(1).max(1);
        // The floor: the same messages, from memory.
        floor.push(runtime.block_on(bare(addr, &login, &got, &hand, each))?);
        disk.push(disk_alone(&scratch.path().join("floor"), &bytes, grouped as usize, (each / 3.0).min(2.0))?);
    }
    let rss_kib = subject.usage()?.rss_kib;
    let ratio = measure::median_ratio(&ours, &floor);
    let (value, floor) = (measure::median(&mut ours), measure::median(&mut floor));
    Ok(Report::new("events", value, floor, "events/s")
        .with("ratio_by_round", ratio)
        .with("events", events_all)
        .with("lost", lost)
        .with("twice", twice)
        .with("messages_per_event", 2u64)
        .with("cpu_us_per_event", measure::median(&mut cpu))
        .with("messages_per_commit", (events_all * 2) as f64 / transactions.max(1) as f64)
        .with("disk_alone_events_s", measure::median(&mut disk))
        .with("rss_mib", rss_kib / 1024.0))
}

/// Waits until `wanted` messages with `part` in their topic came, and a moment longer for those beside them.
fn wait_for(hand: &Subscriber, wanted: u64, part: &str) -> anyhow::Result<Vec<Got>> {
    let (began, mut all, mut seen) = (Instant::now(), Vec::new(), 0u64);
    while seen < wanted && began.elapsed() < DRAIN {
        std::thread::sleep(Duration::from_millis(20));
        let more = hand.take()?;
        seen += more.iter().filter(|g| g.topic.contains(part)).count() as u64;
        all.extend(more);
    }
    std::thread::sleep(Duration::from_millis(200));
    all.extend(hand.take()?);
    Ok(all)
}

/// Events that came at least once; an error if a channel's order has a step back or a gap.
fn unbroken(read: &[(crate::types::payload::EventPayload, f64)]) -> anyhow::Result<u64> {
    let mut last = std::collections::HashMap::new();
    let mut unique = 0;
    for (event, _) in read {
        let at = last.entry(event.channel.clone()).or_insert(event.channel_seq - 1);
        match event.channel_seq {
            seq if seq == *at + 1 => {
                *at = seq;
                unique += 1;
            }
            seq if seq <= *at => {}
            seq => bail!("channel {}: message {seq} came after {at}", event.channel),
        }
    }
    Ok(unique)
}

/// Events a second when nothing but the broker stands between memory and the subscriber.
async fn bare(
    addr: SocketAddr,
    login: &(String, Secret),
    of: &[Got],
    hand: &Subscriber,
    seconds: f64,
) -> anyhow::Result<f64> {
    /// As many as our publisher has on their way.
    const WINDOW: u16 = 64;
    let mut options = MqttOptions::new("bench-floor", addr.ip().to_string(), addr.port());
    options.set_keep_alive(Duration::from_secs(30)).set_max_packet_size(1 << 20, 1 << 20).set_inflight(WINDOW);
    // Only the gateway's own user may publish anything.
    options.set_credentials(login.0.clone(), login.1.expose());
    let (client, mut events) = AsyncClient::new(options, 1024);
    events.network_options.set_tcp_nodelay(true);
    hand.take()?;
    let acked = Arc::new(AtomicU64::new(0));
    let poll = tokio::spawn({
        let acked = acked.clone();
        async move {
            while let Ok(event) = events.poll().await {
                if let MqttEvent::Incoming(Packet::PubAck(_)) = event {
                    acked.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
    });
    let began = Instant::now();
    let (mut sent, mut of_events) = (0u64, 0u64);
    for got in of.iter().cycle() {
        if measure::since(began) > seconds {
            break;
        }
        let retain = got.topic.contains("/alert/");
        client.publish(&got.topic, QoS::AtLeastOnce, retain, got.payload.clone()).await?;
        sent += 1;
        of_events += u64::from(got.topic.contains("/event/"));
    }
    while acked.load(Ordering::Relaxed) < sent && began.elapsed() < DRAIN {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let took = measure::since(began);
    tokio::time::sleep(Duration::from_millis(200)).await;
    poll.abort();
    hand.take()?;
    Ok(of_events as f64 / took)
}

/// Events a second when their messages are only appended to a file, as many at a time, and synced.
fn disk_alone(path: &std::path::Path, bytes: &[usize], at_once: usize, seconds: f64) -> anyhow::Result<f64> {
    let mut file = std::fs::File::create(path)?;
    let (began, mut messages) = (Instant::now(), 0usize);
    let largest = bytes.iter().max().copied().unwrap_or(1);
    let block = vec![0x20u8; largest];
    'time: loop {
        for group in bytes.chunks(at_once.max(1)) {
            for size in group {
                file.write_all(block.get(..*size).unwrap_or_default())?;
            }
            file.sync_data()?;
            messages += group.len();
            if measure::since(began) > seconds {
                break 'time;
            }
        }
        if bytes.is_empty() {
            break;
        }
    }
    Ok(messages as f64 / 2.0 / measure::since(began))
}

/// The real ledger, publisher and broker.
pub fn subject(_: &Setting, args: &SubjectArgs) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(serve(args))
}

async fn serve(args: &SubjectArgs) -> anyhow::Result<()> {
    crate::publish::tls::install();
    let clock = Clock::start();
    let config = configuration(&args.dir)?;
    let ledger =
        Ledger::open(LedgerOptions::new(&config, Box::new(AlertBook::new(config.alert.clone())), clock)).await?;
    let broker = EmbeddedBroker::start(&config.publish, &config.node, clock).await?;
    let options = PublishOptions::from_config(
        &config.publish,
        &config.node,
        ledger.boot(),
        env!("CARGO_PKG_VERSION"),
        clock,
        Some(&broker as &dyn Broker),
    )?;
    let (commands, _kept) = mpsc::channel(1);
    let source = LedgerSource { ledger: ledger.clone(), ages: Arc::new(Ages::new(clock)) };
    let publisher = Publisher::start(options, Arc::new(source), States::new(clock), commands);
    // To the bench that started us, by the pipe between us; the password ends with this process.
    let (user, password) = broker.login();
    println!("{}", json!({ "broker": broker.addr().to_string(), "user": user, "password": password.expose() }));
    let mut lines = tokio::io::AsyncBufReadExt::lines(tokio::io::BufReader::new(tokio::io::stdin()));
    while let Some(line) = lines.next_line().await? {
        let seconds: f64 = match line.strip_prefix("events ") {
            Some(seconds) => seconds.parse()?,
            None => bail!("what is '{line}'?"),
        };
        let before = ledger.stats().transactions;
        let events = produce(&ledger, clock, args, seconds).await?;
        let transactions = ledger.stats().transactions - before;
        println!("{}", json!({ "events": events, "transactions": transactions }));
    }
    publisher.shutdown(Duration::from_secs(1)).await;
    ledger.close().await;
    broker.shutdown().await;
    Ok(())
}

fn configuration(dir: &std::path::Path) -> anyhow::Result<Config> {
    let password = dir.join("password");
    std::fs::write(&password, PASSWORD)?;
    let mut config = Config::default();
    config.node.site = crate::types::SiteId::new(SITE)?;
    config.node.data_dir = dir.join("data");
    config.publish.listen = "127.0.0.1:0".into();
    config.publish.user =
        vec![config::BrokerUser { name: crate::types::UserId::new(USER)?, password_file: password, feeds: Vec::new() }];
    Ok(config)
}

/// Hands events to the ledger for a while, `waiting` at a time, and gives how many were committed.
async fn produce(ledger: &Ledger, clock: Clock, args: &SubjectArgs, seconds: f64) -> anyhow::Result<u64> {
    let until = Instant::now() + Duration::from_secs_f64(seconds);
    let lanes = args.waiting.min(args.channels);
    let tasks: Vec<_> = (0..lanes)
        .map(|lane| {
            let ledger = ledger.clone();
            let channels: Vec<u32> = (lane..args.channels).step_by(lanes as usize).collect();
            tokio::spawn(async move {
                let mut committed = 0u64;
                'time: loop {
                    for channel in &channels {
                        let mut fact = fact(*channel, clock)?;
                        for phase in [Phase::Start, Phase::Update, Phase::Update, Phase::End] {
                            fact.event.phase = phase;
                            fact.event.end = (phase == Phase::End).then_some(EventEnd::Cleared);
                            (fact.event.at, fact.event.ingested) = (clock.mono(), clock.wall());
                            fact.event.seen = fact.event.ingested;
                            ledger.event(fact.clone()).await?;
                            committed += 1;
                        }
                        if Instant::now() >= until {
                            break 'time;
                        }
                    }
                }
                anyhow::Ok(committed)
            })
        })
        .collect();
    let mut events = 0;
    for task in tasks {
        events += task.await??;
    }
    Ok(events)
}

/// An event as a rule makes it, of two people.
fn fact(channel: u32, clock: Clock) -> anyhow::Result<FactIn> {
    let now = clock.now();
    let id = ChannelId::new(&format!("c{channel}"))?;
    let object = |track: u64, x: f32| Object {
        track,
        label: "person".into(),
        score: 0.8123,
        bbox: BBox { x, y: 0.3127, w: 0.0512, h: 0.1873 },
    };
    let event = Event {
        id: EventId::at(now.wall.0),
        phase: Phase::Start,
        end: None,
        channel: id.clone(),
        kind: "presence",
        rule: RuleRef { id: RuleId::new("people")?, revision: "0123456789ab".into() },
        severity: Severity::Medium,
        zone: None,
        objects: vec![object(1, 0.1274), object(2, 0.6311)],
        dedupe_key: format!("{id}/people/"),
        at: now.mono,
        seen: now.wall,
        ingested: now.wall,
        camera_clock: true,
        model: Some(ModelRef { name: ModelName::new("efficientdet-lite0")?, sha256: "0".repeat(64).into() }),
        rate_hz: 0.5,
        health: None,
        subjects: None,
        details: None,
    };
    let area = ["district", "street-3", "community-12", "grid-120"].map(AreaId::new);
    Ok(FactIn {
        event,
        channel_name: format!("Channel {channel}"),
        area: area.into_iter().collect::<Result<_, _>>()?,
        skew_ms: Some(12),
        media: Vec::new(),
        recorder: Some("10.0.0.7".into()),
    })
}
