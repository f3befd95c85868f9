//! A batch that never gets to disk: the book is read again from what is written, and its facts come once more.

use super::{
    rows::{how, say, seen},
    *,
};
use crate::types::handling::ResultCode;

/// What the ledger does after a write that failed for good: nothing of the batch is written.
fn failed(book: &mut AlertBook, written: &[(Alert, Vec<EventId>)], now: Now) {
    Fold::reset(book);
    written.iter().for_each(|(alert, open)| book.admit(alert.clone(), open, now));
}

#[test]
fn what_is_tried_again_and_again_is_no_chatter() {
    let mut book = AlertBook::new(config::Alert::default());
    let gate = |phase, s| seen(1, phase, "gate/r", (0.8, 0.2), at(s));
    for n in 0..20u64 {
        let s = n * 31;
        let sure = say(&mut book, &gate(Phase::Start, s), s);
        assert_eq!((sure.handling.showing.how, sure.handling.chattering), (How::Row, false), "the {n}. time");
        // Its end waits behind it already.
        say(&mut book, &gate(Phase::End, s), s);
        failed(&mut book, &[], at(s + 30));
    }
    let sure = say(&mut book, &gate(Phase::Start, 620), 620);
    assert_eq!(sure.handling.showing.how, How::Row);
    Fold::written(&mut book);
    failed(&mut book, &[(sure.clone(), vec![sure.first_event])], at(650));
    assert_eq!(book.sources.get("gate/r").map(|s| s.familiar(&sure.objects, 0.65, false, at(651))), Some(1), "once");
}

#[test]
fn a_result_that_was_not_written_teaches_nothing() {
    let mut book = AlertBook::new(config::Alert::default());
    let opened = say(&mut book, &seen(1, Phase::Start, "gate/r", (0.8, 0.2), at(0)), 0);
    Fold::written(&mut book);
    let user = UserId::new("li").unwrap();
    for s in 1..4 {
        book.act(opened.id, &AlertAction::Acknowledge.into(), By::User(&user), None, at(s)).unwrap();
        let wish = Wish { result: Some(ResultCode::False), ..AlertAction::Resolve.into() };
        book.act(opened.id, &wish, By::User(&user), None, at(s)).unwrap();
        failed(&mut book, &[(opened.clone(), vec![opened.first_event])], at(s));
        assert_eq!(how(&book, opened.id), How::Row);
    }
    assert!(!book.sources.get("gate/r").unwrap().is_useless(), "nobody has said anything that is written");
}
