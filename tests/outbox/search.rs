//! What was committed is found at once, by whoever may see it.

use skyeye::{
    outbox::Ledger,
    types::{
        AreaId, Phase, Severity,
        find::{CountBy, Find, InState},
        handling::ResultCode,
        payload::AlertAction,
    },
};

use super::support::*;

fn text(text: &str) -> Find {
    Find { text: text.into(), ..Find::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alert_is_found_from_its_commit_on_by_what_is_written_of_it_and_what_becomes_of_it() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = Ledger::open(options(dir.path())).await.unwrap();
    let mut opened = Vec::new();
    for (channel, name) in [("gate", "消防通道东门"), ("yard", "Yard 7")] {
        let mut fact = fact(new_id(), Phase::Start, channel, Severity::High);
        fact.channel_name = name.into();
        opened.push(ledger.event(fact).await.unwrap());
    }
    let found = async |find: &Find, within: Option<&[AreaId]>| -> Vec<_> {
        let found = ledger.find(find, within, None, 10).await.unwrap();
        found.alerts.into_iter().map(|(_, a)| a.id).collect()
    };
    let north = [AreaId::new("north").unwrap()];
    let south = [AreaId::new("south").unwrap()];
    assert_eq!(found(&text("通道"), None).await, [opened[0].alert]);
    assert_eq!(found(&text("yard 7"), Some(&north)).await, [opened[1].alert]);
    assert_eq!(found(&text("yard"), Some(&south)).await, []);
    assert_eq!(found(&Find::default(), Some(&south)).await, []);
    assert_eq!(found(&Find::default(), Some(&north)).await, [opened[1].alert, opened[0].alert], "newest first");

    ledger.act(command(&opened[0], AlertAction::Acknowledge, "li", None)).await.unwrap();
    let mut resolve = command(&opened[0], AlertAction::Resolve, "li", None);
    resolve.wish.result = Some(ResultCode::False);
    resolve.wish.note = Some("树影晃动".into());
    ledger.act(resolve).await.unwrap();
    assert_eq!(found(&text("树影"), None).await, [opened[0].alert]);
    let wrong = Find { result: Some(ResultCode::False), ..Find::default() };
    assert_eq!(found(&wrong, None).await, [opened[0].alert]);
    let open = Find { state: Some(InState::Open), owner: Some(user("li")), ..Find::default() };
    assert_eq!(found(&open, None).await, [opened[0].alert]);
    let by = ledger.count(&Find::default(), Some(&north), CountBy::Result).await.unwrap();
    assert_eq!(by.groups, [(String::new(), 1), ("false".into(), 1)]);
    assert_eq!(ledger.notes(&[opened[0].alert]).await.unwrap(), [(opened[0].alert, "树影晃动".to_owned())]);
    ledger.close().await;

    // And after a start.
    let ledger = Ledger::open(options(dir.path())).await.unwrap();
    let again = ledger.find(&text("树影"), None, None, 10).await.unwrap();
    assert_eq!(again.alerts.len(), 1);
    assert!(!again.filling);
    ledger.close().await;
}
