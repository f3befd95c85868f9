//! What is taken up from the store, what happens again within one event, and what comes out from under another's row.

use super::{
    rows::{how, say, seen},
    *,
};
use crate::types::{Details, HealthFact, fact::HealthScope, handling::ResultCode};

fn of_kind(kind: &str, severity: Severity, e: EventPayload) -> EventPayload {
    EventPayload { kind: kind.into(), severity, ..e }
}

fn again(number: u8, key: &str, at_place: (f32, f32), happenings: u32, s: u64) -> EventPayload {
    let details = Details { happenings: Some(happenings), ..Details::default() };
    let phase = if happenings == 1 { Phase::Start } else { Phase::Update };
    EventPayload { details: Some(details), ..seen(number, phase, key, at_place, at(s)) }
}

fn acts(book: &mut AlertBook, id: AlertId, wish: impl Into<Wish>, who: &str, s: u64) {
    let user = UserId::new(who).unwrap();
    book.act(id, &wish.into(), By::User(&user), None, at(s)).unwrap().unwrap();
}

#[test]
fn what_had_no_position_gets_one_and_is_told_of() {
    let mut book = AlertBook::new(cfg(60, 30));
    let old = say(&mut book, &seen(1, Phase::Start, "gate/r", (0.9, 0.2), at(0)), 0);
    for position in [None, Some(crate::types::PositionId::new("renamed").unwrap())] {
        let mut alert = old.clone();
        alert.handling.position = position;
        let mut book = AlertBook::new(cfg(60, 30));
        book.admit(alert, &[], at(100));
        let told = book.tick(at(101));
        assert_eq!(told.len(), 1);
        let now = &told[0].alert;
        assert_eq!((now.id, now.rev, now.handling.position.as_ref().unwrap().as_str()), (old.id, old.rev + 1, "desk"));
    }
    let mut book = AlertBook::new(cfg(60, 30));
    book.admit(old, &[], at(1));
    assert!(book.tick(at(2)).is_empty(), "its position is there");
}

#[test]
fn what_is_of_an_area_that_moved_to_another_position_moves_too() {
    let area = |a: &str| crate::types::AreaId::new(a).unwrap();
    let site = |north: &[&str], south: &[&str], rest: &[&str]| {
        let position = |id: &str, areas: &[&str]| config::Position {
            id: crate::types::PositionId::new(id).unwrap(),
            areas: areas.iter().map(|a| area(a)).collect(),
            name: String::new(),
            escalate_to: None,
        };
        let position = vec![position("north", north), position("south", south), position("rest", rest)];
        Config { position, ..Config::default() }
    };
    let start =
        EventPayload { area: vec![area("city"), area("yard")], ..seen(1, Phase::Start, "gate/r", (0.9, 0.2), at(0)) };
    let row = say(&mut AlertBook::of(&site(&["yard"], &[], &["elsewhere"])), &start, 0);
    let of = |a: &Alert| a.handling.position.as_ref().unwrap().as_str().to_owned();
    assert_eq!(of(&row), "north");
    let closed = Alert { state: AlertState::Closed, ..row.clone() };
    for (row, config, wanted) in [
        (&row, site(&["gate"], &["yard"], &[]), "south"),
        (&row, site(&["gate"], &["door"], &[]), "rest"),
        (&row, site(&["gate"], &["yard"], &["door"]), "south"),
        (&row, site(&["gate"], &["door"], &["hall"]), "north"),
        (&row, site(&["city"], &["yard"], &[]), "north"),
        (&row, site(&[], &["yard"], &["door"]), "north"),
        (&closed, site(&["gate"], &["yard"], &[]), "north"),
    ] {
        let mut book = AlertBook::of(&config);
        book.admit(row.clone(), &[], at(1));
        let told: Vec<_> = book.tick(at(2)).into_iter().map(|c| (c.alert.rev, of(&c.alert))).collect();
        assert_eq!(of(book.get(row.id).unwrap()), wanted);
        assert_eq!(told, if wanted == "north" { vec![] } else { vec![(row.rev + 1, wanted.to_owned())] });
    }
}

#[test]
fn what_was_held_waits_on() {
    let mut book = AlertBook::new(config::Alert::default());
    let start = seen(1, Phase::Start, "gate/r", (0.55, 0.2), at(0));
    let held = say(&mut book, &start, 0);
    assert_eq!(held.handling.showing.how, How::Held);
    let mut book = AlertBook::new(config::Alert::default());
    book.admit(held.clone(), &[start.id], at(5));
    assert!(book.tick(at(24)).is_empty());
    assert_eq!(book.tick(at(25))[0].alert.handling.showing.how, How::Row);
    let mut book = AlertBook::new(config::Alert::default());
    book.admit(held.clone(), &[], at(5));
    book.tick(at(5));
    assert_eq!(how(&book, held.id), How::Row, "its event is over and nobody judged it: better once too often");
}

#[test]
fn what_was_finished_while_it_was_held_waits_on_when_it_is_reopened() {
    let start = seen(1, Phase::Start, "gate/r", (0.55, 0.2), at(0));
    for (reopened, reloaded) in [(3, None), (100, None), (10, Some(5))] {
        let mut book = AlertBook::new(config::Alert::default());
        let id = say(&mut book, &start, 0).id;
        acts(&mut book, id, AlertAction::Acknowledge, "li", 1);
        acts(&mut book, id, AlertAction::Resolve, "li", 2);
        if let Some(s) = reloaded {
            let written = book.get(id).unwrap().clone();
            book = AlertBook::new(config::Alert::default());
            book.admit(written, &[start.id], at(s));
        }
        book.tick(at(reopened));
        acts(&mut book, id, AlertAction::Reopen, "li", reopened);
        let lasted = reopened.max(20 + reloaded.unwrap_or(0));
        if lasted > reopened {
            book.tick(at(lasted - 1));
            assert_eq!(how(&book, id), How::Held, "reopened at {reopened} s");
        }
        book.tick(at(lasted));
        assert_eq!(how(&book, id), How::Row, "reopened at {reopened} s");
    }
}

#[test]
fn what_is_under_a_row_that_is_reopened_stays_there() {
    for reopened in [false, true] {
        let mut book = AlertBook::new(config::Alert::default());
        let lead = say(&mut book, &seen(1, Phase::Start, "gate/r", (0.9, 0.2), at(0)), 0).id;
        let folded = say(&mut book, &seen(2, Phase::Start, "yard/r", (0.9, 0.2), at(5)), 5);
        assert_eq!(folded.handling.showing.row, Some(lead));
        acts(&mut book, lead, AlertAction::Acknowledge, "li", 6);
        acts(&mut book, lead, AlertAction::Resolve, "li", 7);
        if reopened {
            acts(&mut book, lead, AlertAction::Reopen, "li", 8);
        }
        let again = say(&mut book, &seen(3, Phase::Start, "yard/r", (0.9, 0.2), at(9)), 9);
        let wanted = if reopened { How::Under } else { How::Row };
        assert_eq!((again.id, again.handling.showing.how), (folded.id, wanted), "reopened: {reopened}");
    }
}

#[test]
fn what_chatters_leaves_the_book_after_its_cooldown() {
    let mut book = AlertBook::new(config::Alert { auto_close: false, ..config::Alert::default() });
    for n in 0..8u8 {
        let s = u64::from(n) * 70;
        say(&mut book, &seen(n, Phase::Start, "tree/r", (0.55, 0.2), at(s)), s);
        say(&mut book, &seen(n, Phase::End, "tree/r", (0.55, 0.2), at(s + 3)), s + 3);
    }
    book.sweep(at(700));
    assert_eq!(book.len(), 1, "within its cooldown");
    book.sweep(at(1400));
    assert!(book.is_empty());
}

#[test]
fn nothing_of_anothers_is_done_unseen() {
    let mut book = AlertBook::new(cfg(60, 30));
    let id = say(&mut book, &seen(1, Phase::Start, "gate/r", (0.9, 0.2), at(0)), 0).id;
    let wang = UserId::new("wang").unwrap();
    let by_wang = |book: &mut AlertBook, wish: Wish, rev| book.act(id, &wish, By::User(&wang), rev, at(2));
    let priority = || Wish { priority: Some(Severity::Low), ..AlertAction::Priority.into() };
    acts(&mut book, id, priority(), "li", 1);
    let li = UserId::new("li").unwrap();
    assert_eq!(by_wang(&mut book, priority(), None).unwrap_err(), ActRefused::Theirs { by: li.clone(), rev: 2 });
    acts(&mut book, id, AlertAction::Acknowledge, "li", 1);
    let note = || Wish { note: Some("x".into()), ..AlertAction::Note.into() };
    for wish in [AlertAction::Dispatch.into(), AlertAction::Resolve.into(), note()] {
        assert_eq!(by_wang(&mut book, wish, None).unwrap_err(), ActRefused::Taken { owner: li.clone() });
    }
    let feedback = Wish { note: Some("on the spot".into()), ..AlertAction::Feedback.into() };
    assert!(by_wang(&mut book, feedback, None).is_ok(), "who was dispatched is not the owner");
    let stale = by_wang(&mut book, AlertAction::Dispatch.into(), Some(3));
    assert_eq!(stale.unwrap_err(), ActRefused::Rev { seen: 3, now: 4 });
    let done = by_wang(&mut book, AlertAction::Dispatch.into(), Some(4)).unwrap().unwrap();
    assert_eq!((done.alert.state, done.alert.owner), (AlertState::Dispatched, Some(li)), "he looked");
}

#[test]
fn what_another_holds_is_given_back_by_a_supervisor_only() {
    let mut book = AlertBook::new(cfg(60, 30));
    let id = say(&mut book, &seen(1, Phase::Start, "gate/r", (0.9, 0.2), at(0)), 0).id;
    let (li, wang) = (UserId::new("li").unwrap(), UserId::new("wang").unwrap());
    let shelve = || Wish { minutes: Some(60), note: Some("wind".into()), ..AlertAction::Shelve.into() };
    let others = |action| ActRefused::Others { holder: li.clone(), action };
    let mut act = |wish: Wish, by: By<'_>, rev| book.act(id, &wish, by, rev, at(2));
    let rev = |done: Result<Option<AlertChange>, ActRefused>| done.unwrap().unwrap().alert.rev;

    let taken = rev(act(AlertAction::Acknowledge.into(), By::User(&li), None));
    // That he has looked is not enough.
    for (wish, rev) in
        [(AlertAction::Release.into(), None), (AlertAction::Release.into(), Some(taken)), (shelve(), Some(taken))]
    {
        let action = wish.action;
        assert_eq!(act(wish, By::User(&wang), rev).unwrap_err(), others(action));
    }
    let seen = act(AlertAction::Release.into(), By::Supervisor(&wang), None);
    assert_eq!(seen.unwrap_err(), ActRefused::Taken { owner: li.clone() }, "a supervisor looks first, too");
    let sent = rev(act(AlertAction::Dispatch.into(), By::User(&li), None));
    assert_eq!(act(AlertAction::Return.into(), By::User(&wang), Some(sent)).unwrap_err(), others(AlertAction::Return));
    let back = rev(act(AlertAction::Return.into(), By::Supervisor(&wang), Some(sent)));
    let freed = act(AlertAction::Release.into(), By::Supervisor(&wang), Some(back)).unwrap().unwrap();
    assert_eq!(
        (freed.alert.state, freed.alert.owner, freed.history.unwrap().author),
        (AlertState::New, None, Some(wang.clone()))
    );

    let aside = rev(act(shelve(), By::User(&li), None));
    for wish in [AlertAction::Unshelve.into(), shelve()] {
        let action = wish.action;
        assert_eq!(act(wish, By::User(&wang), Some(aside)).unwrap_err(), others(action));
    }
    rev(act(AlertAction::Unshelve.into(), By::User(&li), None));
    let again = rev(act(shelve(), By::User(&li), None));
    rev(act(AlertAction::Unshelve.into(), By::Supervisor(&wang), Some(again)));
}

#[test]
fn a_further_happening_is_what_a_start_is() {
    let mut book = AlertBook::new(config::Alert::default());
    let first = say(&mut book, &again(1, "gate/r", (0.9, 0.2), 1, 0), 0);
    let same = say(&mut book, &again(1, "gate/r", (0.9, 0.2), 1, 5).clone_as_update(), 5);
    assert_eq!((same.id, same.priority()), (first.id, Severity::Medium), "nothing new");
    let risen = book.on_event(&again(1, "gate/r", (0.9, 0.7), 2, 9), "Gate", at(9)).unwrap().own;
    assert_eq!((risen.alert.id, risen.alert.priority()), (first.id, Severity::High));
    assert_eq!(risen.history.map(|h| h.action).as_deref(), Some("raised"));
    let apart = say(&mut book, &again(1, "gate/r", (0.9, 0.5), 3, 12), 12);
    assert!(apart.id != first.id && apart.active(), "the row cannot rise any more: its own");
    assert_eq!((apart.handling.showing.how, apart.handling.recurs), (How::Row, Some(first.id)));
    assert!(!book.get(first.id).unwrap().active(), "its event went on elsewhere");
    acts(&mut book, apart.id, AlertAction::Acknowledge, "li", 13);
    acts(&mut book, apart.id, Wish { result: Some(ResultCode::True), ..AlertAction::Resolve.into() }, "li", 14);
    let next = say(&mut book, &again(1, "gate/r", (0.5, 0.5), 4, 20), 20);
    assert!(next.id != apart.id && next.state == AlertState::New, "handled before: a new alert");
    let end = EventPayload { phase: Phase::End, ..again(1, "gate/r", (0.5, 0.5), 4, 30) };
    assert_eq!(say(&mut book, &end, 30).id, next.id);
    assert_eq!(book.open_events(), 0);
}

#[test]
fn a_shelf_takes_no_news_of_an_event_that_goes_on() {
    let mut book = AlertBook::new(config::Alert::default());
    let line = |place, happenings, s| of_kind("line", Severity::Medium, again(1, "gate/line", place, happenings, s));
    let id = say(&mut book, &line((0.55, 0.2), 1, 0), 0).id;
    let wish = Wish { minutes: Some(480), note: Some("wind".into()), ..AlertAction::Shelve.into() };
    acts(&mut book, id, wish, "li", 1);
    for n in 2..6u32 {
        let s = u64::from(n) * 20;
        assert_eq!(say(&mut book, &line((0.55, 0.2), n, s), s).id, id, "the branch stays on it");
    }
    let somebody = say(&mut book, &line((0.9, 0.7), 6, 200), 200);
    assert!(somebody.id != id && somebody.handling.showing.how == How::Row && somebody.active());
    assert!(book.get(id).is_some_and(|a| a.handling.shelved.is_some() && a.objects[0].score < 0.6));
    let branch = say(&mut book, &line((0.55, 0.2), 7, 220), 220);
    assert_eq!((branch.id, branch.handling.showing.raised), (somebody.id, None), "and makes no other row rise");
    let urgent = EventPayload { severity: Severity::High, ..line((0.55, 0.2), 8, 240) };
    assert!(say(&mut book, &urgent, 240).handling.showing.raised.is_some());
}

trait AsUpdate {
    fn clone_as_update(&self) -> EventPayload;
}

impl AsUpdate for EventPayload {
    fn clone_as_update(&self) -> EventPayload {
        EventPayload { phase: Phase::Update, ..self.clone() }
    }
}

#[test]
fn what_an_outage_explained_comes_out_when_it_is_long_over() {
    let mut book = AlertBook::new(config::Alert::default());
    let health = |phase, s| {
        let fact = HealthFact {
            scope: HealthScope::Channel,
            name: None,
            what: "dark".into(),
            state: None,
            reason: "dark".into(),
        };
        EventPayload { health: Some(fact), ..event(1, phase, "gate/health", Severity::Medium, at(s)) }
    };
    say(&mut book, &health(Phase::Start, 0), 0);
    say(&mut book, &health(Phase::End, 10), 10);
    let guard = of_kind("absence", Severity::Medium, event(2, Phase::Start, "gate/guard", Severity::Medium, at(100)));
    let absent = say(&mut book, &guard, 100);
    assert_eq!(absent.handling.showing.how, How::Under);
    book.tick(at(129));
    assert_eq!(how(&book, absent.id), How::Under);
    book.tick(at(131));
    assert_eq!(how(&book, absent.id), How::Row);
}

#[test]
fn what_comes_again_under_an_outage_that_is_over_comes_out_too() {
    let mut book = AlertBook::new(config::Alert::default());
    let health = |phase, s| {
        let (name, state) = (None, None);
        let fact = HealthFact { scope: HealthScope::Channel, name, what: "down".into(), state, reason: "gone".into() };
        EventPayload { health: Some(fact), ..event(1, phase, "gate/health", Severity::Medium, at(s)) }
    };
    let guard =
        |n, phase, s| of_kind("absence", Severity::Medium, event(n, phase, "gate/guard", Severity::Medium, at(s)));
    say(&mut book, &health(Phase::Start, 0), 0);
    let absent = say(&mut book, &guard(2, Phase::Start, 60), 60);
    say(&mut book, &guard(2, Phase::End, 80), 80);
    let branch = say(&mut book, &seen(3, Phase::Start, "gate/r", (0.55, 0.2), at(90)), 90);
    say(&mut book, &health(Phase::End, 100), 100);
    assert_eq!((how(&book, absent.id), how(&book, branch.id)), (How::Under, How::Under));
    // It starts again while the outage explains it still, and goes on.
    assert_eq!(say(&mut book, &guard(4, Phase::Start, 110), 110).id, absent.id);
    book.tick(at(219));
    assert_eq!(how(&book, absent.id), How::Under);
    book.tick(at(222));
    assert_eq!(how(&book, absent.id), How::Row);
    // And what comes again when nothing explains it any more is as any other.
    let mut book = AlertBook::new(config::Alert::default());
    say(&mut book, &health(Phase::Start, 0), 0);
    say(&mut book, &health(Phase::End, 1), 1);
    let unsure = |n, phase, s| seen(n, phase, "gate/r", (0.55, 0.2), at(s));
    let id = say(&mut book, &unsure(2, Phase::Start, 100), 100).id;
    say(&mut book, &unsure(2, Phase::End, 110), 110);
    let next = say(&mut book, &unsure(3, Phase::Start, 130), 130);
    assert_eq!((next.id, next.handling.showing.how), (id, How::Held));
    book.tick(at(151));
    assert_eq!(how(&book, id), How::Row, "it has lasted");
}

#[test]
fn a_position_is_told_of_what_an_outage_explains_to_another() {
    let position = |id: &str, area: &str| config::Position {
        id: crate::types::PositionId::new(id).unwrap(),
        areas: vec![crate::types::AreaId::new(area).unwrap()],
        name: String::new(),
        escalate_to: None,
    };
    let config = Config { position: vec![position("all", "city"), position("north", "north")], ..Config::default() };
    let mut book = AlertBook::of(&config);
    let on = |path: &[&str], e: EventPayload| {
        let area = path.iter().map(|a| crate::types::AreaId::new(a).unwrap()).collect();
        EventPayload { area, recorder: Some("10.0.0.2".into()), ..e }
    };
    let fact = HealthFact {
        scope: HealthScope::Host,
        name: Some("10.0.0.2".into()),
        what: "down".into(),
        state: None,
        reason: "it does not answer".into(),
    };
    let down = event(1, Phase::Start, "gate/health", Severity::Medium, at(0));
    let down = on(&["city"], EventPayload { health: Some(fact), ..down });
    let down = say(&mut book, &down, 0);
    let guard =
        |n, key: &str| of_kind("absence", Severity::Medium, event(n, Phase::Start, key, Severity::Medium, at(5)));
    let north = say(&mut book, &on(&["city", "north"], guard(2, "c2/guard")), 5);
    assert_eq!(north.handling.showing.how, How::Row, "north does not see the row of the recorder");
    let city = say(&mut book, &on(&["city"], guard(3, "c3/guard")), 5);
    assert_eq!(city.handling.showing.row, Some(down.id));
}

#[test]
fn what_two_outages_explained_one_after_the_other_comes_out_too() {
    let mut book = AlertBook::new(config::Alert::default());
    let health = |n, what: &str, phase, s| {
        let (name, state) = (None, None);
        let fact = HealthFact { scope: HealthScope::Channel, name, what: what.into(), state, reason: what.into() };
        EventPayload { health: Some(fact), ..event(n, phase, &format!("gate/{what}"), Severity::Medium, at(s)) }
    };
    say(&mut book, &health(1, "frozen", Phase::Start, 0), 0);
    say(&mut book, &health(2, "dark", Phase::Start, 5), 5);
    say(&mut book, &health(2, "dark", Phase::End, 10), 10);
    let guard = of_kind("absence", Severity::Medium, event(3, Phase::Start, "gate/guard", Severity::Medium, at(20)));
    let absent = say(&mut book, &guard, 20);
    assert_eq!(absent.handling.showing.how, How::Under);
    say(&mut book, &health(1, "frozen", Phase::End, 100), 100);
    for (s, shown) in [(131, How::Under), (219, How::Under), (222, How::Row)] {
        book.tick(at(s));
        assert_eq!(how(&book, absent.id), shown, "at {s} s");
    }
}

#[test]
fn what_is_seen_on_and_off_is_one_thing() {
    let mut book = AlertBook::new(config::Alert::default());
    let (mut id, mut shown) = (None, None);
    for n in 0..10u8 {
        let s = u64::from(n) * 8;
        id = Some(say(&mut book, &seen(n, Phase::Start, "wall/r", (0.6, 0.2), at(s)), s).id);
        for t in s..s + 5 {
            book.tick(at(t));
            if how(&book, id.unwrap()) == How::Row {
                shown.get_or_insert(t);
            }
        }
        say(&mut book, &seen(n, Phase::End, "wall/r", (0.6, 0.2), at(s + 5)), s + 5);
        book.tick(at(s + 7));
    }
    assert!(shown.is_some_and(|s| s <= 60), "{shown:?} {id:?}");
}

#[test]
fn a_crossing_where_others_cross_counts_with_their_row_and_is_never_unseen() {
    let mut book = AlertBook::new(config::Alert::default());
    let line =
        |n: u8, severity, score, s| of_kind("line", severity, seen(n, Phase::Start, "gate/line", (score, 0.4), at(s)));
    let cross = |book: &mut AlertBook, e: EventPayload, s| {
        let alert = say(book, &e, s);
        say(book, &EventPayload { phase: Phase::End, ..e }, s);
        alert
    };
    let first = cross(&mut book, line(1, Severity::Medium, 0.55, 0), 0);
    assert_eq!(first.handling.showing.how, How::Row);
    for n in 2..20u8 {
        let s = u64::from(n) * 200;
        let next = cross(&mut book, line(n, Severity::Medium, 0.55, s), s);
        assert_eq!((next.id, next.handling.showing.how), (first.id, How::Row));
    }
    let burglar = cross(&mut book, line(30, Severity::Medium, 0.9, 4000), 4000);
    assert!(burglar.id != first.id && burglar.handling.showing.how == How::Row, "sure");
    acts(&mut book, burglar.id, AlertAction::Acknowledge, "li", 4001);
    acts(&mut book, burglar.id, AlertAction::Resolve, "li", 4002);
    acts(&mut book, first.id, AlertAction::Acknowledge, "li", 4001);
    acts(&mut book, first.id, AlertAction::Resolve, "li", 4002);
    let next = cross(&mut book, line(31, Severity::Medium, 0.55, 4010), 4010);
    assert!(next.id != first.id && next.handling.showing.how == How::Row, "their row is handled");
    for n in 40..43u8 {
        let s = u64::from(n) * 200;
        let high = cross(&mut book, line(n, Severity::High, 0.8, s), s);
        assert!(high.events == 1 && high.handling.showing.how == How::Row, "high and sure: each its own");
    }
}

/// A position with more rows than it can bear.
fn flooded() -> AlertBook {
    let mut book = AlertBook::new(config::Alert::default());
    for n in 0..12u8 {
        let e = EventPayload {
            area: vec![],
            recorder: None,
            ..seen(100 + n, Phase::Start, &format!("c{n}/r"), (0.9, 0.2), at(0))
        };
        say(&mut book, &e, 0);
    }
    book
}

#[test]
fn what_a_flood_came_to_is_told_for_a_day_also_over_a_restart() {
    let mut book = flooded();
    let digest = |book: &mut AlertBook| book.desks.news().map(|mut all| all.remove(0).digest.is_some());
    book.tick(at(700));
    assert_eq!(digest(&mut book), Some(true));
    let kept = book.desks.keeps();
    let day = 700 + 24 * 3600;
    book.tick(at(day - 1));
    assert_eq!(digest(&mut book), None, "nothing new");
    book.tick(at(day));
    assert_eq!(digest(&mut book), Some(false));
    assert_eq!(book.desks.keeps().len(), 1, "that it went is kept");

    for (back, wanted) in [(day - 60, Some(true)), (day + 60, Some(false))] {
        let mut another = AlertBook::new(config::Alert::default());
        let now = Now { mono: Mono(5), ..at(back) };
        another.restore_position(&kept[0], now).unwrap();
        assert_eq!(digest(&mut another), wanted);
        assert_eq!(another.next_tick().is_some(), wanted == Some(true), "it is to end by itself");
    }
}

#[test]
fn in_a_flood_what_is_sure_rises_or_is_a_row_and_what_is_folded_comes_out() {
    let mut book = flooded();
    let yard = |n: u8, c: &str, severity, score, s| {
        of_kind("intrusion", severity, seen(n, Phase::Start, &format!("{c}/i"), (score, 0.2), at(s)))
    };
    let low = say(&mut book, &yard(9, "d", Severity::Medium, 0.9, 20), 20);
    let lead = say(&mut book, &yard(1, "a", Severity::High, 0.9, 60), 60);
    assert!(low.id != lead.id && low.priority() < lead.priority());
    let second = say(&mut book, &yard(2, "b", Severity::High, 0.9, 90), 90);
    assert!(lead.handling.showing.how == How::Row && second.handling.showing.how == How::Row, "two burglaries");
    // Unsure, of a lower severity: it goes under the row when it has gone on for long without being one thing.
    let weak = yard(3, "c", Severity::Medium, 0.7, 95);
    let folded = say(&mut book, &weak, 95);
    assert_eq!(folded.handling.showing.how, How::Row, "sure, and the row of the place cannot rise");
}

#[test]
fn what_is_under_a_row_comes_out_when_that_is_finished() {
    let mut book = AlertBook::new(config::Alert::default());
    let lead = say(&mut book, &seen(1, Phase::Start, "gate/r", (0.9, 0.2), at(0)), 0);
    let next = say(&mut book, &seen(2, Phase::Start, "yard/r", (0.9, 0.2), at(5)), 5);
    assert_eq!(next.handling.showing.row, Some(lead.id));
    acts(&mut book, lead.id, AlertAction::Acknowledge, "li", 60);
    acts(&mut book, lead.id, AlertAction::Resolve, "li", 61);
    let out = book.tick(at(62));
    assert_eq!((out.len(), out[0].alert.id, out[0].alert.handling.showing.how), (1, next.id, How::Row));
    assert_eq!(out[0].history.as_ref().map(|h| h.action.as_str()), Some("shown"));
}

#[test]
fn what_comes_again_under_a_row_that_is_finished_is_judged() {
    let mut book = AlertBook::new(config::Alert::default());
    let yard = |n, phase, score, s| seen(n, phase, "yard/r", (score, 0.2), at(s));
    let lead = say(&mut book, &seen(1, Phase::Start, "gate/r", (0.9, 0.2), at(0)), 0);
    let folded = say(&mut book, &yard(2, Phase::Start, 0.9, 5), 5);
    assert_eq!(folded.handling.showing.row, Some(lead.id));
    say(&mut book, &yard(2, Phase::End, 0.9, 10), 10);
    acts(&mut book, lead.id, AlertAction::Acknowledge, "li", 11);
    let still = say(&mut book, &yard(3, Phase::Start, 0.55, 12), 12);
    assert_eq!((still.id, still.handling.showing.how), (folded.id, How::Under), "its row is there");
    say(&mut book, &yard(3, Phase::End, 0.55, 13), 13);
    acts(&mut book, lead.id, AlertAction::Resolve, "li", 20);
    let next = say(&mut book, &yard(4, Phase::Start, 0.55, 40), 40);
    assert_eq!((next.id, next.handling.showing.how), (folded.id, How::Held));
    book.tick(at(76));
    assert_eq!(how(&book, folded.id), How::Row, "unsure, and it has lasted");
}

#[test]
fn what_is_finished_is_no_row_afterwards() {
    let finish = |book: &mut AlertBook, id, s| {
        acts(book, id, AlertAction::Acknowledge, "li", s);
        acts(book, id, AlertAction::Resolve, "li", s);
    };
    let gate = |phase, score, s| seen(1, phase, "gate/r", (score, 0.2), at(s));
    // It waited.
    let mut book = AlertBook::new(config::Alert::default());
    let id = say(&mut book, &gate(Phase::Start, 0.55, 0), 0).id;
    finish(&mut book, id, 5);
    assert!(book.tick(at(60)).is_empty());
    assert_eq!(how(&book, id), How::Held);
    let same = say(&mut book, &gate(Phase::Update, 0.55, 61), 61);
    assert_eq!(same.id, id);
    let sure = say(&mut book, &gate(Phase::Update, 0.9, 62), 62);
    assert!(sure.id != id && sure.state == AlertState::New && sure.handling.showing.how == How::Row);
    assert_eq!((sure.handling.recurs, how(&book, id)), (Some(id), How::Held));
    assert_eq!(say(&mut book, &gate(Phase::End, 0.9, 70), 70).id, sure.id);
    // And ends without having become sure.
    let mut book = AlertBook::new(config::Alert::default());
    let id = say(&mut book, &gate(Phase::Start, 0.55, 0), 0).id;
    finish(&mut book, id, 5);
    assert_eq!(say(&mut book, &gate(Phase::End, 0.55, 60), 60).handling.showing.how, How::Brief);
    // It was counted under another row, unsure.
    let mut book = AlertBook::new(config::Alert::default());
    let lead = say(&mut book, &seen(2, Phase::Start, "yard/r", (0.9, 0.2), at(0)), 0);
    let id = say(&mut book, &gate(Phase::Start, 0.9, 5), 5).id;
    book.held.get_mut(&id).unwrap().alert.handling.showing.sure = false;
    assert_eq!(book.get(id).unwrap().handling.showing.row, Some(lead.id));
    finish(&mut book, id, 30);
    let sure = say(&mut book, &gate(Phase::Update, 0.9, 40), 40);
    assert!(sure.id != id && sure.state == AlertState::New && sure.handling.showing.how == How::Row);
}

#[test]
fn what_is_high_joins_only_a_row_of_its_own_rule() {
    let mut book = AlertBook::new(cfg(10, 2));
    say(&mut book, &event(1, Phase::Start, "gate/r/1", Severity::Low, at(0)), 0);
    let low = say(&mut book, &event(2, Phase::Start, "gate/s/1", Severity::Low, at(1)), 1);
    let high = say(&mut book, &event(3, Phase::Start, "gate/t/1", Severity::High, at(2)), 2);
    assert!(high.id != low.id && high.events == 1);
    let more = say(&mut book, &event(4, Phase::Start, "gate/t/2", Severity::High, at(3)), 3);
    assert_eq!((more.id, more.limited), (high.id, 1));
}

#[test]
fn the_history_says_who_was_sent_and_which_priority_became_which() {
    let mut book = AlertBook::new(cfg(60, 30));
    let id = say(&mut book, &seen(1, Phase::Start, "gate/r", (0.9, 0.2), at(0)), 0).id;
    let li = UserId::new("li").unwrap();
    let mut told = |action: AlertAction, with: &dyn Fn(&mut Wish)| {
        let mut wish = Wish::from(action);
        with(&mut wish);
        let done = book.act(id, &wish, By::User(&li), None, at(1)).unwrap().unwrap();
        done.history.unwrap().note
    };
    let to = |name: &str, note: Option<&str>| {
        let (name, note) = (name.to_owned(), note.map(str::to_owned));
        move |w: &mut Wish| (w.to, w.note) = (Some(name.clone()), note.clone())
    };
    let as_urgent = |priority, note: Option<&'static str>| {
        move |w: &mut Wish| (w.priority, w.note) = (Some(priority), note.map(str::to_owned))
    };
    let note = |text: Option<String>| text.unwrap_or_else(|| "null".into());
    let priority = AlertAction::Priority;
    assert_eq!(note(told(priority, &as_urgent(Severity::Critical, None))), "medium -> critical");
    assert_eq!(note(told(priority, &as_urgent(Severity::Medium, None))), "critical -> medium");
    assert_eq!(note(told(priority, &as_urgent(Severity::High, Some("a fire")))), "medium -> high: a fire");
    assert_eq!(note(told(AlertAction::Acknowledge, &|_| ())), "null");
    for (to, want) in [
        (to("巡逻车 7", None), "巡逻车 7"),
        (to("patrol: north", Some("quick")), "patrol: north: quick"),
        (to("patrol 2", Some(" ")), "patrol 2"),
        (to(" ", Some("whoever is near")), "whoever is near"),
        (to(" ", None), "null"),
    ] {
        assert_eq!(note(told(AlertAction::Dispatch, &to)), want);
        assert_eq!(note(told(AlertAction::Return, &|_| ())), "null");
    }
}
