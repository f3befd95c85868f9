//! A channel that opens more alerts than it may: what is above joins, counted, and nothing of it is hidden by that.

use super::{
    rows::{say, seen},
    *,
};
use crate::types::{Details, HealthFact, fact::HealthScope};

fn shelve(book: &mut AlertBook, id: AlertId, s: u64) {
    let wish = Wish { minutes: Some(60), note: Some("wind".into()), ..AlertAction::Shelve.into() };
    book.act(id, &wish, By::User(&UserId::new("li").unwrap()), None, at(s)).unwrap().unwrap();
}

fn high(number: u8, key: &str, s: u64) -> EventPayload {
    EventPayload { severity: Severity::High, ..seen(number, Phase::Start, key, (0.9, 0.2), at(s)) }
}

#[test]
fn a_shelved_row_takes_nothing_that_is_above_the_limit() {
    for is_high in [true, false] {
        let mut book = AlertBook::new(cfg(10, 2));
        let of =
            |n, key: &str, s| if is_high { high(n, key, s) } else { seen(n, Phase::Start, key, (0.9, 0.2), at(s)) };
        let first = say(&mut book, &of(1, "gate/r/1", 0), 0);
        let second = say(&mut book, &of(2, "gate/r/2", 1), 1);
        shelve(&mut book, second.id, 2);
        let next = say(&mut book, &of(3, "gate/r/3", 3), 3);
        assert!(next.id != second.id && next.handling.shelved.is_none(), "high {is_high}");
        assert_eq!(next.handling.showing.how, How::Row);
        assert!(next.id != first.id && next.limited == 0);
    }
}

#[test]
fn what_joins_a_row_of_another_source_is_counted_and_leaves_what_it_says() {
    let mut book = AlertBook::new(cfg(10, 1));
    let (name, state) = (None, None);
    let fact = HealthFact { scope: HealthScope::Channel, name, what: "moved".into(), state, reason: "turned".into() };
    let moved = EventPayload { health: Some(fact), ..event(1, Phase::Start, "gate/health", Severity::Low, at(0)) };
    let moved = say(&mut book, &moved, 0);
    let crossing = |phase, s| EventPayload {
        kind: "line".into(),
        details: Some(Details { happenings: Some(1), ..Details::default() }),
        ..seen(2, phase, "gate/line", (0.9, 0.2), at(s))
    };
    for phase in [Phase::Start, Phase::Update, Phase::End] {
        let row = say(&mut book, &crossing(phase, 2), 2);
        assert_eq!((row.id, row.limited, row.events), (moved.id, 1, 2));
        assert_eq!((&row.health, &row.objects, &row.details), (&moved.health, &moved.objects, &None), "{phase:?}");
        assert_eq!((row.severity, row.updated), (Severity::Medium, at(2).wall));
    }
}

#[test]
fn a_crowd_that_crosses_a_line_with_a_cooldown_is_limited_too() {
    let mut book = AlertBook::new(cfg(10, 3));
    let pulse = |n: u32, severity| EventPayload {
        kind: "line".into(),
        severity,
        details: Some(Details { happenings: Some(n), ..Details::default() }),
        ..seen(1, if n == 1 { Phase::Start } else { Phase::Update }, "gate/line", (0.9, 0.2), at(u64::from(n) / 10))
    };
    let mut alerts = std::collections::BTreeSet::new();
    let mut last = None;
    for n in 1..=50 {
        let e = pulse(n, Severity::High);
        let own = book.on_event(&e, "Gate", at(u64::from(n) / 10)).unwrap().own;
        alerts.insert(own.alert.id);
        assert_eq!(own.limited, n > 3, "{n}");
        assert_eq!(own.alert.handling.showing.how, How::Row);
        last = Some(own.alert);
    }
    assert_eq!((alerts.len(), last.map(|a| a.limited)), (3, Some(47)));
    let critical = say(&mut book, &pulse(51, Severity::Critical), 6);
    assert!(!alerts.contains(&critical.id), "never what is critical");
    // A minute later it opens again.
    let later = say(&mut book, &pulse(52, Severity::High), 70);
    assert!(later.id != critical.id && !alerts.contains(&later.id));
}
