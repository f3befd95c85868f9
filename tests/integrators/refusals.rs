//! Receivers that fail, refuse, hang and are gone, and what is told of facts that are gone too.

use std::time::{Duration, Instant};

use skyeye::{
    hook::{Hooks, Outcome, ping},
    node::hook_options,
    outbox::Ledger,
    types::{Clock, HookState as Step, Phase, Severity},
};
use tempfile::TempDir;

use crate::{
    ledger::{fact, new_id, open, options},
    receiver::{Answer, LONG, PATIENCE_MS, Receiver, assert_in_order, begun, hook, hooks, hooks_with, until, view},
};

const EVENTS: &str = "events = [\"event\"]\ntimeout_s = 1";

async fn start(ledger: &Ledger, channel: &str) -> i64 {
    ledger.event(fact(new_id(), Phase::Start, channel, Severity::Low)).await.unwrap().cursor
}

/// A ledger, and the receiver "desk" that is sent its events from now on.
async fn desk(patience_ms: u64) -> (TempDir, Ledger, Receiver, Hooks<Ledger>) {
    let dir = tempfile::tempdir().unwrap();
    let ledger = Ledger::open(options(dir.path())).await.unwrap();
    let receiver = Receiver::start().await;
    let hooks = hooks_with(&ledger, patience_ms);
    hooks.apply(&[receiver.hook(dir.path(), "desk", EVENTS)]).await;
    begun(&ledger, &["desk"]).await;
    (dir, ledger, receiver, hooks)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_is_tried_again_and_what_is_behind_it_waits() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = Ledger::open(options(dir.path())).await.unwrap();
    let (receiver, elsewhere) = (Receiver::start().await, Receiver::start().await);
    let hooks = hooks(&ledger);
    hooks.apply(&[receiver.hook(dir.path(), "desk", EVENTS)]).await;
    begun(&ledger, &["desk"]).await;
    receiver.answer([
        Answer::Status(500),
        Answer::Wait(429, "0"),
        Answer::Status(408),
        Answer::Hang,
        Answer::Reset,
        Answer::Redirect(elsewhere.addr),
        Answer::Status(200),
        Answer::Status(503),
    ]);
    let cursors = [start(&ledger, "a").await, start(&ledger, "b").await];
    receiver.has_taken(2).await;
    let got = receiver.got();
    let seen: Vec<_> = got.iter().map(|g| (g.cursor(), g.attempt())).collect();
    let mut first: Vec<_> = (1..=7).map(|n| (cursors[0], n)).collect();
    first.extend([(cursors[1], 1), (cursors[1], 2)]);
    assert_eq!(seen, first);
    assert!(got[..7].iter().all(|g| g.delivery == got[0].delivery) && got[7].delivery != got[0].delivery);
    assert!(elsewhere.got().is_empty(), "no redirect is followed");
    assert_eq!(view(&hooks, "desk").failed, 7);
    until("it is well again", LONG, || view(&hooks, "desk").state == Step::Good).await;
    assert!(hooks.degraded().is_empty());
    hooks.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_given_up_counted_and_said_until_the_next_is_taken() {
    let (_dir, ledger, receiver, hooks) = desk(PATIENCE_MS).await;
    receiver.answer([Answer::Status(400), Answer::Status(422)]);
    let cursors = [start(&ledger, "a").await, start(&ledger, "b").await];
    until("both are given up", LONG, || view(&hooks, "desk").given_up == 2).await;
    let said = hooks.degraded();
    assert!(said.len() == 1 && said[0].contains("422") && said[0].contains("2 deliveries"), "{said:?}");
    let third = start(&ledger, "c").await;
    receiver.has_taken(1).await;
    until("it is well again", LONG, || hooks.degraded().is_empty()).await;
    let seen: Vec<_> = receiver.got().iter().map(|g| g.cursor()).collect();
    assert_eq!(seen, [cursors[0], cursors[1], third], "each once");
    let gap = &receiver.taken()[0].body["gap"];
    assert!(
        gap["after"].as_i64().unwrap() < cursors[0] && gap["until"] == cursors[1],
        "what was not taken is told: {gap}"
    );
    hooks.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_is_away_behind_its_proxy_misses_nothing() {
    let (_dir, ledger, receiver, hooks) = desk(PATIENCE_MS).await;
    let mut tries = 0;
    receiver.refuse(move |body| {
        tries += usize::from(body["payload"]["channel"] == "a");
        (tries <= 30).then_some([401, 403, 404, 405, 502][tries % 5])
    });
    let cursors = [start(&ledger, "a").await, start(&ledger, "b").await, start(&ledger, "c").await];
    receiver.has_taken(3).await;
    let taken: Vec<_> = receiver.taken().iter().map(|g| g.cursor()).collect();
    assert_eq!(taken, cursors);
    assert!(receiver.taken().iter().all(|g| g.body["gap"].is_null()));
    let behind = |g: &crate::receiver::Got| !g.taken && g.cursor() != cursors[0];
    assert!(receiver.got().iter().any(behind), "what is behind it was tried, too");
    until("it is well again", LONG, || view(&hooks, "desk").delivered == 3).await;
    assert_eq!(view(&hooks, "desk").given_up, 0);
    hooks.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_receiver_stumbles_over_holds_the_rest_up_for_a_while_only() {
    let (_dir, ledger, receiver, hooks) = desk(PATIENCE_MS).await;
    receiver.refuse(|body| ["b", "c"].iter().any(|id| body["payload"]["channel"] == *id).then_some(500));
    let mut cursors = Vec::new();
    for channel in ["a", "b", "c", "d", "e"] {
        cursors.push(start(&ledger, channel).await);
    }
    receiver.has_taken(5).await;
    cursors.push(start(&ledger, "f").await);
    cursors.push(start(&ledger, "g").await);
    receiver.has_taken(7).await;
    let taken = receiver.taken();
    let order: Vec<_> = taken.iter().map(|g| g.cursor()).collect();
    assert_eq!(order, [0, 3, 4, 3, 4, 5, 6].map(|n| cursors[n]), "two before their turn, and again in it");
    assert!((1..=2).all(|n| taken[n].delivery == taken[n + 2].delivery), "with the ids that they had");
    let gap = &taken[5].body["gap"];
    let after = gap["after"].as_i64().unwrap();
    assert!((cursors[0]..cursors[1]).contains(&after) && gap["until"] == cursors[2], "{gap} of {cursors:?}");
    assert_eq!(taken[3].body["gap"], *gap, "one that comes again may be ignored, and so is told it, too");
    assert!(taken[6].body["gap"].is_null(), "told");
    assert!(receiver.got().iter().filter(|g| g.cursor() == cursors[1]).count() >= 5, "not at the first error");
    until("it is well again", LONG, || view(&hooks, "desk").delivered == 5).await;
    assert_eq!((view(&hooks, "desk").given_up, view(&hooks, "desk").state), (2, Step::Good));
    assert!(hooks.degraded().is_empty());
    hooks.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_failed_in_an_outage_is_not_given_up_with_what_the_receiver_stumbles_over() {
    for stumbles in [true, false] {
        let (_dir, ledger, receiver, hooks) = desk(PATIENCE_MS).await;
        // All is refused until some behind the first were tried; then the first until another one was taken.
        let (mut behind, mut taken) = (0, false);
        receiver.refuse(move |body| {
            if body["payload"]["channel"] == "a" {
                return (stumbles || !taken).then_some(503);
            }
            behind += 1;
            taken |= behind > 4;
            (!taken).then_some(503)
        });
        let mut cursors = Vec::new();
        for channel in ["a", "b", "c", "d", "e", "f", "g"] {
            cursors.push(start(&ledger, channel).await);
        }
        let rest = &cursors[usize::from(stumbles)..];
        until("all others are taken", LONG, || view(&hooks, "desk").delivered == rest.len() as u64).await;
        assert!(receiver.got().iter().filter(|g| !g.taken && g.cursor() != cursors[0]).count() == 4);
        let mut taken: Vec<_> = receiver.taken().iter().map(|g| g.cursor()).collect();
        taken.sort_unstable();
        taken.dedup();
        assert_eq!(taken, rest);
        assert_eq!(view(&hooks, "desk").given_up, u64::from(stumbles));
        hooks.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_receiver_refuses_on_purpose_costs_the_long_patience_once() {
    const PATIENCE_MS: u64 = 3000;
    let patience = Duration::from_millis(PATIENCE_MS);
    for status in [404, 500] {
        let (_dir, ledger, receiver, hooks) = desk(PATIENCE_MS).await;
        receiver.refuse(move |body| body["payload"]["channel"].as_str()?.starts_with("foreign").then_some(status));
        let since = Instant::now();
        let mut cursors = Vec::new();
        for n in 0..6 {
            start(&ledger, &format!("foreign-{n}")).await;
            cursors.push(start(&ledger, &format!("own-{n}")).await);
        }
        until("all own ones are taken in their turn", LONG, || view(&hooks, "desk").delivered == 6).await;
        let (took, given_up) = (since.elapsed(), view(&hooks, "desk").given_up);
        assert!(took >= patience && took < patience * 3, "{took:?}");
        assert_eq!(given_up, 6, "{status}");
        for cursor in cursors {
            assert!(receiver.taken().iter().any(|g| g.cursor() == cursor));
        }
        hooks.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_tried_before_its_turn_is_judged_by_its_answer() {
    let (_dir, ledger, receiver, hooks) = desk(PATIENCE_MS).await;
    let mut tries = 0;
    receiver.refuse(move |body| match body["payload"]["channel"].as_str() {
        Some("a") => Some(500),
        Some("b") => {
            tries += 1;
            [429, 408, 500].get(tries - 1).copied()
        }
        _ => Some(410),
    });
    let mut cursors = Vec::new();
    for channel in ["a", "b", "c"] {
        cursors.push(start(&ledger, channel).await);
    }
    until("it is paused", LONG, || view(&hooks, "desk").state == Step::Paused).await;
    let behind: Vec<_> = receiver.got().iter().map(|g| g.cursor()).filter(|c| *c != cursors[0]).collect();
    assert_eq!(behind, [1, 1, 1, 2].map(|n| cursors[n]), "too busy is no answer, and 410 is the last one");
    assert_eq!((view(&hooks, "desk").given_up, receiver.taken().len()), (0, 0));
    hooks.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_is_gone_is_paused_over_restarts_until_it_is_changed() {
    let dir = tempfile::tempdir().unwrap();
    let receiver = Receiver::start().await;
    let hook = receiver.hook(dir.path(), "desk", EVENTS);
    let ledger = Ledger::open(options(dir.path())).await.unwrap();
    let first = hooks(&ledger);
    first.apply(std::slice::from_ref(&hook)).await;
    begun(&ledger, &["desk"]).await;
    receiver.answer([Answer::Status(410)]);
    let refused = start(&ledger, "a").await;
    until("it is paused", LONG, || view(&first, "desk").state == Step::Paused).await;
    assert!(first.degraded()[0].contains("paused"), "{:?}", first.degraded());
    first.close().await;
    ledger.close().await;

    let ledger = open(|| options(dir.path())).await;
    let second = hooks(&ledger);
    second.apply(std::slice::from_ref(&hook)).await;
    until("it is paused still", LONG, || view(&second, "desk").state == Step::Paused).await;
    let later = start(&ledger, "b").await;
    // Switched off and on, and nothing that was committed meanwhile is missing.
    second.apply(&[skyeye::config::Webhook { enabled: false, ..hook.clone() }]).await;
    until("it is off", LONG, || view(&second, "desk").state == Step::Off).await;
    assert_eq!(receiver.got().len(), 1, "nobody asks one that is gone");
    second.apply(std::slice::from_ref(&hook)).await;
    until("all is delivered", LONG, || {
        let taken: Vec<_> = receiver.taken().iter().map(|g| g.cursor()).collect();
        taken.contains(&refused) && taken.contains(&later)
    })
    .await;
    assert_in_order(&receiver.taken());
    second.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_hangs_delays_neither_another_nor_the_ledger_nor_the_stop() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = Ledger::open(options(dir.path())).await.unwrap();
    let (dead, good) = (Receiver::start().await, Receiver::start().await);
    dead.answer(std::iter::repeat_n(Answer::Hang, 1000));
    // A socket that takes connections and bytes and never says a word.
    let mute = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mute_url = format!("https://{}/", mute.local_addr().unwrap());
    let hooks = hooks(&ledger);
    let slow = "events = [\"event\"]\ntimeout_s = 60";
    hooks
        .apply(&[
            dead.hook(dir.path(), "dead", slow),
            hook(dir.path(), "mute", &mute_url, slow),
            hook(dir.path(), "away", "http://127.0.0.1:9/", slow),
            good.hook(dir.path(), "good", slow),
        ])
        .await;
    begun(&ledger, &["dead", "mute", "away", "good"]).await;
    for n in 0..100 {
        start(&ledger, &format!("gate-{n}")).await;
    }
    good.has_taken(100).await;
    let rows = ledger.pending(0, 1000).await.unwrap();
    assert!(rows.len() >= 100, "the broker's rows are there as ever");
    until("the one that is away is named", LONG, || hooks.degraded().iter().any(|d| d.contains("'away'"))).await;
    assert_eq!((dead.got().len(), view(&hooks, "dead").delivered), (1, 0), "one at a time");
    // Far below the sixty seconds that they would wait.
    tokio::time::timeout(Duration::from_secs(20), hooks.close()).await.expect("a stop waits for nobody");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_deleted_before_its_turn_is_told_with_the_next_delivery() {
    let dir = tempfile::tempdir().unwrap();
    let receiver = Receiver::start().await;
    let hook = receiver.hook(dir.path(), "desk", EVENTS);
    let ledger = Ledger::open(options(dir.path())).await.unwrap();
    let first = hooks(&ledger);
    first.apply(std::slice::from_ref(&hook)).await;
    begun(&ledger, &["desk"]).await;
    let told = start(&ledger, "a").await;
    receiver.has_taken(1).await;
    receiver.answer(std::iter::repeat_n(Answer::Status(500), 10_000));
    let lost = [start(&ledger, "b").await, start(&ledger, "c").await];
    until("it fails", LONG, || view(&first, "desk").failed > 0).await;
    first.close().await;
    // As housekeeping leaves it when messages grow old.
    let floor = lost[1];
    for sql in [
        "DELETE FROM outbox".to_owned(),
        format!("DELETE FROM message WHERE cursor <= {floor}"),
        format!("INSERT OR REPLACE INTO meta (key, value) VALUES ('changes_floor', '{floor}')"),
    ] {
        sqlx::query(sqlx::AssertSqlSafe(sql)).execute(ledger.store().writer()).await.unwrap();
    }
    ledger.close().await;

    receiver.forget_script();
    let before = receiver.taken().len();
    let ledger = open(|| options(dir.path())).await;
    let second = hooks(&ledger);
    second.apply(std::slice::from_ref(&hook)).await;
    let next = start(&ledger, "d").await;
    until("the next is taken", LONG, || receiver.taken().iter().any(|g| g.cursor() == next)).await;
    let gaps: Vec<_> =
        receiver.taken()[before..].iter().filter(|g| !g.body["gap"].is_null()).map(|g| g.body["gap"].clone()).collect();
    assert_eq!(gaps.len(), 1, "told once: {gaps:?}");
    let (after, until) = (gaps[0]["after"].as_i64().unwrap(), gaps[0]["until"].as_i64().unwrap());
    assert!(after >= told && after < lost[0] && until == floor, "{after} {until} {told} {lost:?}");
    assert!(view(&second, "desk").missed >= 2);
    second.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ping_says_what_the_receiver_says() {
    let dir = tempfile::tempdir().unwrap();
    let receiver = Receiver::start().await;
    let options = hook_options(&skyeye::config::Config::default(), Clock::start());
    let hook = receiver.hook(dir.path(), "desk", "enabled = false");
    assert_eq!(ping(&hook, &options).await.unwrap(), Outcome::Delivered);
    let got = &receiver.got()[0].body;
    assert_eq!((&got["kind"], &got["payload"]), (&"ping".into(), &serde_json::Value::Null));
    receiver.answer([Answer::Status(401), Answer::Status(410)]);
    assert!(matches!(ping(&hook, &options).await.unwrap(), Outcome::Later { why, .. } if why.contains("401")));
    assert!(matches!(ping(&hook, &options).await.unwrap(), Outcome::Gone(_)));

    let file = dir.path().join("skyeye.toml");
    let text = |more: &str| {
        format!(
            "[[webhook]]\nid = \"desk\"\nurl = \"http://{}/in?token=canary\"\nsecret_file = {:?}\n{more}",
            receiver.addr, hook.secret_file
        )
    };
    std::fs::write(&file, text("")).unwrap();
    let run = async |id: &str| {
        let out = tokio::process::Command::new(env!("CARGO_BIN_EXE_skyeye"))
            .args(["webhooks", "test", id, "--json", "--config"])
            .arg(&file)
            .output()
            .await
            .unwrap();
        assert!(!format!("{out:?}").contains("canary"));
        (out.status.code(), String::from_utf8(out.stdout).unwrap())
    };
    let (code, said) = run("desk").await;
    assert!(code == Some(0) && said.contains("\"ok\":true"), "{said}");
    receiver.answer([Answer::Status(500)]);
    let (code, said) = run("desk").await;
    assert!(code == Some(1) && said.contains("500"), "{said}");
    assert_eq!(run("desks").await.0, Some(64));

    // A command of another user must not leave a secret behind that the gateway cannot read.
    std::fs::remove_file(&hook.secret_file).unwrap();
    let asked = receiver.got().len();
    let (code, said) = run("desk").await;
    assert!(code == Some(1) && said.contains("is not there") && said.contains("receiver.secret"), "{said}");
    assert!(!hook.secret_file.exists() && receiver.got().len() == asked);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_judged_as_the_receiver_says() {
    use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
    use sha2::Digest;
    let fixture = |name: &str| std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/tls").join(name);
    let certificate = CertificateDer::from_pem_file(fixture("cert.pem")).unwrap();
    let config = rustls::ServerConfig::builder_with_provider(rustls::crypto::ring::default_provider().into())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], PrivateKeyDer::from_pem_file(fixture("key.pem")).unwrap())
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(std::sync::Arc::new(config));
    let receiver = Receiver::start().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}/in", listener.local_addr().unwrap());
    let to = receiver.addr;
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut client) = acceptor.accept(client).await else { return };
                let mut server = tokio::net::TcpStream::connect(to).await.unwrap();
                tokio::io::copy_bidirectional(&mut client, &mut server).await.ok();
            });
        }
    });
    let dir = tempfile::tempdir().unwrap();
    let options = hook_options(&skyeye::config::Config::default(), Clock::start());
    let pin = format!("pin:{}", hex::encode(sha2::Sha256::digest(certificate.as_ref())));
    for (tls, good) in [("verify", false), (pin.as_str(), true), ("accept-any", true)] {
        let hook = hook(dir.path(), "desk", &url, &format!("tls = \"{tls}\""));
        match ping(&hook, &options).await.unwrap() {
            Outcome::Delivered => assert!(good, "{tls}"),
            Outcome::Later { why, .. } => {
                assert!(!good && why.contains(&pin) && why.contains("webhook"), "{tls}: {why}")
            }
            other => panic!("{tls}: {other:?}"),
        }
    }
    assert_eq!(receiver.got().len(), 2);
}
