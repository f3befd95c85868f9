//! A batch that never gets to disk: the book is read again from what is written, and its facts come once more.

use super::{
    rows::{how, say, seen},
    *,
};
use crate::types::{
    Details, HealthFact,
    fact::HealthScope,
    handling::{Because, ResultCode},
};

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

#[test]
fn what_is_folded_comes_out_when_it_becomes_sure_whoever_reads_it_again() {
    for sure in [false, true] {
        let mut book = AlertBook::new(config::Alert::default());
        let yard = |phase, s| seen(2, phase, "yard/r", (0.9, 0.2), at(s));
        let lead = say(&mut book, &seen(1, Phase::Start, "gate/r", (0.9, 0.2), at(0)), 0);
        let mut folded = say(&mut book, &yard(Phase::Start, 5), 5);
        assert_eq!(folded.handling.showing.row, Some(lead.id));
        assert!(folded.handling.showing.sure);
        folded.handling.showing.sure = sure;
        Fold::written(&mut book);
        let id = folded.id;
        let written = [(lead.clone(), vec![lead.first_event]), (folded.clone(), vec![folded.first_event])];
        failed(&mut book, &written, at(100));
        book.tick(at(100));
        assert_eq!(how(&book, id), How::Under, "its row is there");
        say(&mut book, &yard(Phase::Update, 101), 101);
        assert_eq!(how(&book, id), if sure { How::Under } else { How::Row }, "sure before: {sure}");
    }
}

#[test]
fn what_is_folded_under_a_finished_row_comes_out_whoever_reads_it_again() {
    let mut book = AlertBook::new(config::Alert::default());
    let mut lead = say(&mut book, &seen(1, Phase::Start, "gate/r", (0.9, 0.2), at(0)), 0);
    let folded = say(&mut book, &seen(2, Phase::Start, "yard/r", (0.9, 0.2), at(5)), 5);
    lead.state = AlertState::Resolved;
    let written = [(folded.clone(), vec![folded.first_event]), (lead.clone(), vec![lead.first_event])];
    failed(&mut book, &written, at(30));
    book.tick(at(30));
    assert_eq!(how(&book, folded.id), How::Row);
}

/// The channel is down.
fn health(phase: Phase, s: u64) -> EventPayload {
    let (name, state) = (None, None);
    let fact = HealthFact { scope: HealthScope::Channel, name, what: "down".into(), state, reason: "gone".into() };
    EventPayload { health: Some(fact), ..event(1, phase, "gate/health", Severity::Medium, at(s)) }
}

/// Nobody is at its gate.
fn guard(n: u8, s: u64) -> EventPayload {
    EventPayload { kind: "absence".into(), ..event(n, Phase::Start, "gate/guard", Severity::Medium, at(s)) }
}

#[test]
fn an_outage_explains_as_long_as_it_goes_on_whoever_reads_it_again() {
    let mut book = AlertBook::new(config::Alert::default());
    let down = say(&mut book, &health(Phase::Start, 0), 0);
    let absent = say(&mut book, &guard(2, 5), 5);
    assert_eq!(absent.handling.showing.because, Some(Because::Explained));
    let both = [(down.clone(), vec![down.first_event]), (absent.clone(), vec![absent.first_event])];
    failed(&mut book, &both, at(20));
    book.tick(at(200));
    assert_eq!(how(&book, absent.id), How::Under, "it goes on");
    say(&mut book, &health(Phase::End, 300), 300);
    book.tick(at(421));
    assert_eq!(how(&book, absent.id), How::Row);

    // It ended just before: what it explained is looked at once more all the same.
    let mut book = AlertBook::new(config::Alert::default());
    failed(&mut book, &[(absent.clone(), vec![absent.first_event])], at(20));
    book.tick(at(139));
    assert_eq!(how(&book, absent.id), How::Under);
    book.tick(at(141));
    assert_eq!(how(&book, absent.id), How::Row);
}

#[test]
fn what_only_joined_an_outage_is_none_whoever_reads_it_again() {
    let mut book = AlertBook::new(cfg(10, 1));
    say(&mut book, &health(Phase::Start, 0), 0);
    let both = say(&mut book, &seen(2, Phase::Start, "gate/r", (0.9, 0.2), at(2)), 2);
    assert_eq!((both.first_event, both.limited, both.health.is_some()), (EventId(Uuid::from_u128(1)), 1, true));
    failed(&mut book, &[(both.clone(), vec![both.first_event, both.last_event])], at(20));
    say(&mut book, &health(Phase::End, 30), 30);
    let absent = say(&mut book, &guard(3, 300), 300);
    assert_eq!(absent.handling.showing.how, How::Row, "the picture is back, though somebody is still seen");

    // An end that says nothing of the health ends it, too.
    let mut book = AlertBook::new(config::Alert::default());
    let down = say(&mut book, &health(Phase::Start, 0), 0);
    failed(&mut book, &[(down.clone(), vec![down.first_event])], at(20));
    say(&mut book, &EventPayload { health: None, ..health(Phase::End, 30) }, 30);
    let absent = say(&mut book, &guard(3, 300), 300);
    assert_eq!(absent.handling.showing.how, How::Row);
}

#[test]
fn what_only_joined_happens_again_by_its_own_count_whoever_reads_it_again() {
    let line = |n, phase, happenings, s| EventPayload {
        kind: "line".into(),
        details: Some(Details { happenings: Some(happenings), ..Details::default() }),
        ..seen(n, phase, &format!("gate/line{n}"), (0.9, 0.2), at(s))
    };
    let mut book = AlertBook::new(cfg(10, 1));
    let row = say(&mut book, &line(1, Phase::Start, 9, 0), 0);
    assert_eq!(say(&mut book, &line(2, Phase::Start, 1, 2), 2).details, row.details);
    let row = book.get(row.id).unwrap().clone();
    assert_eq!((row.limited, row.events, row.last_event), (1, 2, EventId(Uuid::from_u128(2))));
    failed(&mut book, &[(row.clone(), vec![row.first_event, row.last_event])], at(20));
    let mut again = |happenings, s| {
        let own = book.on_event(&line(2, Phase::Update, happenings, s), "Gate", at(s)).unwrap().own;
        own.history.is_some()
    };
    assert_eq!([again(1, 21), again(2, 22), again(2, 23)], [false, true, false]);
}

#[test]
fn what_ended_while_nothing_could_be_written_is_shown_once_too_often() {
    let mut book = AlertBook::new(config::Alert::default());
    let gate = |phase, s| seen(1, phase, "gate/r", (0.55, 0.2), at(s));
    let held = say(&mut book, &gate(Phase::Start, 5), 5);
    assert_eq!(held.handling.showing.how, How::Held);
    failed(&mut book, &[(held.clone(), vec![held.first_event])], at(70));
    book.on_late_event(&gate(Phase::End, 50), "Gate", at(50).mono, at(70)).unwrap();
    assert_eq!(how(&book, held.id), How::Row);
}
