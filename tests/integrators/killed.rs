//! The program itself, killed with deliveries under way, failing, hanging and still to come.

use serde_json::{Value, json};
use skyeye::{
    outbox::{Ledger, LedgerOptions},
    types::{Phase, Severity},
};

use crate::{
    gateway::{Change, Gateway, NODE, SITE},
    ledger::{fact, new_id, options},
    receiver::{Answer, LONG, Receiver, SECRET, assert_in_order, until},
};

const NO_MODEL: &str = "[infer]\nruntime = \"none.so\"\n";
const ROUNDS: usize = 3;
const NOTES: usize = 12;

/// An alert as a gateway that was here before has left it: there is no camera and no detector in this test.
async fn an_alert(gateway: &Gateway) -> String {
    let options =
        LedgerOptions { site: SITE.parse().unwrap(), node: NODE.parse().unwrap(), ..options(&gateway.path("data")) };
    let ledger = Ledger::open(options).await.unwrap();
    let opened = ledger.event(fact(new_id(), Phase::Start, "gate", Severity::High)).await.unwrap();
    ledger.close().await;
    opened.alert.to_string()
}

/// Changes of the alert, in commit order.
fn changes(gateway: &mut Gateway, alert: &str) -> Vec<Change> {
    let mut all = tokio::task::block_in_place(|| gateway.changes());
    all.retain(|c| c.topic.ends_with(&format!("/alert/{alert}")));
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn kill_nine_delivers_all_that_was_committed_in_order() {
    let receiver = Receiver::start().await;
    let secrets = tempfile::tempdir().unwrap();
    let secret = secrets.path().join("receiver.secret");
    std::fs::write(&secret, format!("{SECRET}\n")).unwrap();
    let hook = format!(
        "[[webhook]]\nid = \"desk\"\nurl = \"http://{}/in?token=canary\"\nsecret_file = {secret:?}\ntimeout_s = 1\n",
        receiver.addr
    );
    let mut gateway = tokio::task::block_in_place(|| {
        let mut gateway = Gateway::start(NO_MODEL, &hook);
        // From here on the receiver has its place.
        until_begun(&mut gateway);
        assert!(gateway.terminate().0.success());
        gateway
    });
    let alert = an_alert(&gateway).await;
    tokio::task::block_in_place(|| gateway.up());

    for round in 0..ROUNDS {
        // Takes some, fails some, and hangs at one when the kill comes.
        receiver.forget_script();
        let answers = [Answer::Status(204), Answer::Reset, Answer::Status(204), Answer::Status(500)];
        receiver.answer(answers.into_iter().chain(std::iter::repeat_n(Answer::Hang, 100)));
        let before = receiver.got().len();
        for n in 0..NOTES {
            let body = json!({ "note": format!("round {round}, note {n}") }).to_string();
            let path = format!("/api/v1/alerts/{alert}/note");
            let (status, said) = tokio::task::block_in_place(|| gateway.ask("POST", &path, body));
            assert_eq!(status, 200, "{said}");
        }
        until("one hangs", LONG, || receiver.got().len() >= before + 5).await;
        let taken: Vec<i64> = receiver.taken().iter().map(|g| g.cursor()).collect();
        let waiting = changes(&mut gateway, &alert).iter().filter(|c| !taken.contains(&c.cursor)).count();
        assert!(waiting > NOTES / 2, "{waiting} are still to come at the kill");
        tokio::task::block_in_place(|| {
            gateway.kill();
            gateway.up();
        });
    }
    receiver.forget_script();
    let committed = changes(&mut gateway, &alert);
    assert!(committed.len() > ROUNDS * NOTES, "{} notes and what became of the alert by itself", committed.len());
    let wanted: Vec<i64> = committed.iter().map(|c| c.cursor).collect();
    until("all have arrived", LONG, || {
        let taken: Vec<i64> = receiver.taken().iter().map(|g| g.cursor()).collect();
        wanted.iter().all(|c| taken.contains(c))
    })
    .await;
    let taken = receiver.taken();
    assert_eq!(assert_in_order(&taken), wanted, "each at least once, in commit order, and nothing else");
    for got in &taken {
        let of = committed.iter().find(|c| c.cursor == got.cursor()).unwrap();
        assert_eq!(got.body["payload"], of.payload, "as it was committed");
        assert_eq!(got.body["gap"], Value::Null);
    }
}

/// A new receiver begins with what happens after it has its place.
fn until_begun(gateway: &mut Gateway) {
    let began = std::time::Instant::now();
    while gateway.get("/api/v1/node")["hooks"][0]["id"] != "desk" {
        assert!(began.elapsed() < LONG);
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}
