use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst};

use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::*;
use crate::types::Secret;

fn governor(per_host: u32, per_s: u32) -> Governor {
    Governor::new(&config::Ingest { connects_per_host: per_host, connects_per_host_per_s: per_s, ..Default::default() })
}

/// Channel number `n` of a host.
fn at(host: &str, n: usize) -> Applicant {
    Applicant { channel: ChannelId::new(&format!("c{n}")).unwrap(), to: (host.to_owned(), 554), login: None }
}

async fn turn(g: &Governor, host: &str) -> Permit {
    g.turn(&at(host, 0), |_| {}).await
}

#[tokio::test(start_paused = true)]
async fn so_many_at_one_time_at_one_host() {
    let g = governor(2, 1000);
    let first = turn(&g, "a").await;
    let _second = g.turn(&Applicant { to: ("a".into(), 8554), ..at("a", 1) }, |_| {}).await;
    let wait = Duration::from_secs(5);
    assert!(timeout(wait, turn(&g, "a")).await.is_err());
    assert!(timeout(wait, turn(&g, "b")).await.is_ok(), "another host is not concerned");
    drop(first);
    assert!(timeout(wait, turn(&g, "a")).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn so_many_a_second() {
    let g = governor(100, 4);
    let begin = Instant::now();
    for _ in 0..9 {
        drop(turn(&g, "a").await);
    }
    assert_eq!(begin.elapsed().as_millis(), 2000);
}

/// The general client connects anew where our own way found that a camera is not for it.
#[tokio::test(start_paused = true)]
async fn a_further_connection_of_a_session_waits_for_its_own_time() {
    let g = governor(100, 4);
    let begin = Instant::now();
    for _ in 0..5 {
        turn(&g, "a").await.another().await;
    }
    assert!(begin.elapsed() >= Duration::from_secs(2), "ten connections at four a second: {:?}", begin.elapsed());
    let g = governor(1, 1);
    let mut one = turn(&g, "b").await;
    timeout(Duration::from_secs(2), one.another()).await.expect("it does not wait for itself");
}

#[tokio::test(start_paused = true)]
async fn hosts_without_use_are_forgotten() {
    let g = governor(1, 1000);
    let _kept = turn(&g, "kept").await;
    for n in 0..5000 {
        let permit = turn(&g, &format!("h{n}")).await;
        permit.failed(&Failure::unreachable("no route"), false);
        tokio::time::advance(Duration::from_secs(1)).await;
    }
    let (hosts, circuits) = (g.hosts.lock(), g.circuits.lock());
    assert!(hosts.map.len() <= SWEEP_AT + 1 && circuits.map.len() <= SWEEP_AT + 1, "{}", hosts.map.len());
    assert!(hosts.map.contains_key("kept"));
}

/// A recorder, and what it has seen.
#[derive(Default)]
struct Recorder {
    up: AtomicBool,
    /// Packets to it are lost: whoever tries waits for his deadline.
    mute: AtomicBool,
    tries: AtomicU32,
    trying: AtomicU32,
    most: AtomicU32,
    running: AtomicU32,
}

/// A channel as `task` does it: tries until it runs, and again when the recorder falls.
async fn channel(g: Arc<Governor>, r: Arc<Recorder>, n: usize) {
    let mut backoff = super::super::backoff::Backoff::new(1, 60);
    loop {
        let permit = g.turn(&at("recorder", n), |_| {}).await;
        r.tries.fetch_add(1, SeqCst);
        r.most.fetch_max(r.trying.fetch_add(1, SeqCst) + 1, SeqCst);
        sleep(if r.mute.load(SeqCst) { Duration::from_secs(10) } else { Duration::from_millis(30) }).await;
        r.trying.fetch_sub(1, SeqCst);
        if r.up.load(SeqCst) {
            let _standing = permit.answered();
            r.running.fetch_add(1, SeqCst);
            while r.up.load(SeqCst) {
                sleep(Duration::from_secs(1)).await;
            }
            r.running.fetch_sub(1, SeqCst);
            backoff.next(0.5);
            sleep(Duration::from_millis(1000 + (n as u64 * 7) % 500)).await;
        } else if permit.failed(&Failure::unreachable("connection refused"), true) {
            sleep(Duration::from_millis(1000 + (n as u64 * 7) % 500)).await;
        } else {
            sleep(backoff.next(0.5)).await;
        }
    }
}

/// A recorder with 300 channels loses its power for ten minutes, once refusing and once silent.
#[tokio::test(start_paused = true)]
async fn a_power_cut_is_no_storm() {
    const CHANNELS: usize = 300;
    for mute in [false, true] {
        let (g, r) = (Arc::new(governor(4, 10)), Arc::new(Recorder::default()));
        r.up.store(true, SeqCst);
        let tasks: Vec<_> = (0..CHANNELS).map(|n| tokio::spawn(channel(g.clone(), r.clone(), n))).collect();
        sleep(Duration::from_secs(40)).await;
        assert_eq!((r.running.load(SeqCst), r.tries.load(SeqCst)), (300, 300), "all run after the first try");

        r.up.store(false, SeqCst);
        r.mute.store(mute, SeqCst);
        sleep(Duration::from_secs(600)).await;
        let tries = r.tries.load(SeqCst) - 300;
        assert_eq!(r.running.load(SeqCst), 0);
        assert!((20..=70).contains(&tries), "{tries} tries in ten minutes, mute: {mute}");

        r.up.store(true, SeqCst);
        r.mute.store(false, SeqCst);
        let (begin, before) = (Instant::now(), r.tries.load(SeqCst));
        let mut a_second = Vec::new();
        while r.running.load(SeqCst) < CHANNELS as u32 {
            let so_far = r.tries.load(SeqCst);
            sleep(Duration::from_secs(1)).await;
            a_second.push(r.tries.load(SeqCst) - so_far);
        }
        // The longest wait for a probe, its deadline if it was under way, and 300 at ten a second.
        assert!(begin.elapsed() <= Duration::from_secs(15 + 10 + 31), "{:?}, mute: {mute}", begin.elapsed());
        assert!(a_second.iter().all(|n| *n <= 11), "{a_second:?}");
        assert!(r.most.load(SeqCst) <= 4);
        let tries = r.tries.load(SeqCst) - before;
        assert!(tries <= 303, "{tries} tries: some for nothing");
        tasks.iter().for_each(tokio::task::JoinHandle::abort);
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_is_told_why_and_let_go_at_the_first_answer() {
    let g = Arc::new(governor(4, 1000));
    let silent = || Failure::unreachable("no route");
    for n in 0..3 {
        let permit = g.turn(&at("a", n), |_| panic!("it is closed")).await;
        assert_eq!(permit.failed(&silent(), true), n == 2);
    }
    let mut told = Vec::new();
    // Another port of the host is another device.
    let other = Applicant { to: ("a".into(), 8554), ..at("a", 9) };
    drop(g.turn(&other, |_| panic!("not that one")).await.answered());
    let probe = g.turn(&at("a", 3), |why| told.push(why)).await;
    assert_eq!(told.len(), 1);
    assert!(told[0].reason.starts_with("a:554 does not answer (cannot be reached (no route)"), "{told:?}");
    let others: Vec<_> = (4..20)
        .map(|n| {
            let g = g.clone();
            tokio::spawn(async move { drop(g.turn(&at("a", n), |_| {}).await) })
        })
        .collect();
    sleep(Duration::from_secs(3600)).await;
    assert!(others.iter().all(|o| !o.is_finished()), "one at a time");
    // The one who tried is taken away (its channel was removed): the next one tries.
    drop(probe);
    sleep(Duration::from_secs(1)).await;
    assert_eq!(others.iter().filter(|o| o.is_finished()).count(), 16, "each tries and says nothing");
    // A refusal is an answer.
    let probe = g.turn(&at("a", 3), |_| {}).await;
    assert!(!probe.failed(&Failure::of_status(401, ""), false));
    let closed = timeout(Duration::from_millis(100), g.turn(&at("a", 4), |_| panic!("closed"))).await;
    drop(closed.unwrap());
}

/// Many channels with one login.
fn with_login(n: usize, password: &str) -> Applicant {
    let of = at("recorder", n);
    let login = Some(login::key(&of.to, "admin", &Secret::new(password)));
    Applicant { login, ..of }
}

/// A recorder counts wrong passwords.
async fn logs_in(g: Arc<Governor>, n: usize, right: Arc<AtomicBool>, wrong: Arc<AtomicU32>, running: Arc<AtomicU32>) {
    let mut ran = false;
    loop {
        let permit = g.turn(&with_login(n, "x"), |held| assert_eq!(held.state, ChannelState::AuthFailed)).await;
        sleep(Duration::from_millis(30)).await;
        if right.load(SeqCst) {
            let _standing = permit.answered();
            ran = true;
            running.fetch_add(1, SeqCst);
            while right.load(SeqCst) {
                sleep(Duration::from_secs(1)).await;
            }
            running.fetch_sub(1, SeqCst);
            sleep(Duration::from_millis(1000 + (n as u64 * 7) % 500)).await;
        } else {
            wrong.fetch_add(1, SeqCst);
            permit.failed(&Failure::of_status(401, ""), ran);
            sleep(login::AUTH_WAIT).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_password_that_hundreds_share_does_not_lock_the_account() {
    for right_first in [false, true] {
        let g = Arc::new(governor(4, 10));
        let (right, wrong, running) = (Arc::new(AtomicBool::new(right_first)), Arc::default(), Arc::default());
        let tasks: Vec<_> = (0..300)
            .map(|n| tokio::spawn(logs_in(g.clone(), n, right.clone(), Arc::clone(&wrong), Arc::clone(&running))))
            .collect();
        if right_first {
            sleep(Duration::from_secs(60)).await;
            assert_eq!(running.load(SeqCst), 300, "a good login is tried alone once, and then by all");
            right.store(false, SeqCst);
        }
        sleep(Duration::from_secs(600)).await;
        assert!((2..=5).contains(&wrong.load(SeqCst)), "{} wrong tries in ten minutes", wrong.load(SeqCst));
        right.store(true, SeqCst);
        sleep(Duration::from_secs(167 + 31)).await;
        assert_eq!(running.load(SeqCst), 300);
        tasks.iter().for_each(tokio::task::JoinHandle::abort);
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_is_refused_to_a_good_login_holds_up_nobody() {
    let g = governor(4, 1000);
    let refused = || Failure::of_status(401, "");
    let soon = Duration::from_secs(1);
    // The first one is refused, the second is not.
    g.turn(&with_login(0, "x"), |_| {}).await.failed(&refused(), false);
    let standing = timeout(soon, g.turn(&with_login(1, "x"), |_| panic!("held"))).await.unwrap().answered();
    for n in 2..6 {
        timeout(soon, g.turn(&with_login(n, "x"), |_| panic!("held"))).await.unwrap().failed(&refused(), false);
    }
    timeout(soon, g.turn(&with_login(6, "x"), |_| panic!("held"))).await.unwrap().answered();
    // No session stands any more: two in a row are the login's.
    drop(standing);
    for n in 2..4 {
        timeout(soon, g.turn(&with_login(n, "x"), |_| panic!("held"))).await.unwrap().failed(&refused(), false);
    }
    assert!(timeout(login::AUTH_WAIT, g.turn(&with_login(6, "x"), |_| {})).await.is_err());
    let other = timeout(soon, g.turn(&with_login(6, "another"), |_| panic!("held"))).await;
    assert!(other.is_ok(), "a corrected password is tried at once");
}
