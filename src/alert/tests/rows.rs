//! What becomes a row, and what happens to an alert by itself.

use super::*;
use crate::types::{
    BBox, HealthFact,
    fact::{HealthScope, Object},
    handling::ResultCode,
};

pub(super) fn seen(number: u8, phase: Phase, key: &str, (score, x): (f32, f32), now: Now) -> EventPayload {
    let bbox = BBox { x, y: 0.4, w: 0.05, h: 0.2 };
    let objects = vec![Object { track: 1, label: "person".into(), score, bbox }];
    let area = vec![crate::types::AreaId::new("yard").unwrap()];
    EventPayload { objects, area, ..event(number, phase, key, Severity::Medium, now) }
}

pub(super) fn how(book: &AlertBook, id: AlertId) -> How {
    book.get(id).map_or(How::Brief, |a| a.handling.showing.how)
}

pub(super) fn say(book: &mut AlertBook, e: &EventPayload, s: u64) -> Alert {
    book.on_event(e, "Gate", at(s)).unwrap().own.alert
}

#[test]
fn what_is_sure_is_a_row_at_once_and_what_is_not_must_last() {
    let mut book = AlertBook::new(config::Alert::default());
    let sure = say(&mut book, &seen(1, Phase::Start, "gate/r", (0.9, 0.2), at(0)), 0);
    assert_eq!((sure.handling.showing.how, sure.handling.priority), (How::Row, Some(Severity::Medium)));
    assert_eq!(sure.handling.position.as_ref().map(ToString::to_string).as_deref(), Some("desk"));
    assert!(sure.handling.due.is_some() && sure.incident.is_some());

    let far = EventPayload { area: vec![], ..seen(2, Phase::Start, "far/r", (0.55, 0.2), at(0)) };
    let lasts = say(&mut book, &far, 0);
    assert_eq!(lasts.handling.showing.how, How::Held);
    assert!(book.tick(at(19)).is_empty());
    let shown = book.tick(at(20));
    assert_eq!((shown.len(), shown[0].alert.id, shown[0].alert.handling.showing.how), (1, lasts.id, How::Row));
    assert_eq!(shown[0].history.as_ref().map(|h| h.action.as_str()), Some("shown"));

    say(&mut book, &seen(3, Phase::Start, "tree/r", (0.55, 0.2), at(100)), 100);
    let brief = say(&mut book, &seen(3, Phase::End, "tree/r", (0.55, 0.2), at(103)), 103);
    assert_eq!(brief.handling.showing.how, How::Brief);
    let closed: Vec<_> = book.tick(at(170)).into_iter().filter(|c| c.alert.id == brief.id).collect();
    assert_eq!((closed.len(), closed[0].alert.state), (1, AlertState::Closed), "over and never a row");
}

#[test]
fn a_chattering_source_is_named_and_news_of_it_is_a_row() {
    let mut book = AlertBook::new(config::Alert::default());
    let mut last = None;
    for n in 0..8u8 {
        let s = u64::from(n) * 70;
        say(&mut book, &seen(n, Phase::Start, "tree/r", (0.55, 0.2), at(s)), s);
        last = Some(say(&mut book, &seen(n, Phase::End, "tree/r", (0.55, 0.2), at(s + 3)), s + 3));
    }
    let last = last.unwrap();
    assert!(last.handling.chattering && last.handling.showing.how == How::Brief);
    assert!(last.handling.held_back > 0, "the cooldown counts");
    let news = say(&mut book, &seen(50, Phase::Start, "tree/r", (0.55, 0.7), at(600)), 600);
    assert_eq!(news.handling.showing.how, How::Held, "elsewhere, and unsure");
    let news = say(&mut book, &seen(51, Phase::Start, "tree/r", (0.9, 0.2), at(601)), 601);
    assert_eq!(news.handling.showing.how, How::Held, "sure, but a glimpse is not enough where all was nothing");
    let told = book.tick(at(606)).into_iter().find(|c| c.alert.id == news.id).unwrap();
    assert_eq!(told.alert.handling.showing.how, How::Row, "sure, and there for longer than a glimpse");
}

#[test]
fn a_shelf_keeps_what_it_is_for_and_comes_back() {
    let mut book = AlertBook::new(config::Alert::default());
    let user = UserId::new("li").unwrap();
    let a = say(&mut book, &seen(1, Phase::Start, "tree/r", (0.7, 0.2), at(0)), 0);
    say(&mut book, &seen(1, Phase::End, "tree/r", (0.7, 0.2), at(1)), 1);
    for n in 2..4 {
        say(&mut book, &seen(n, Phase::Start, "tree/r", (0.7, 0.2), at(2)), 2);
        say(&mut book, &seen(n, Phase::End, "tree/r", (0.7, 0.2), at(3)), 3);
    }
    let shelve =
        |minutes, note: Option<&str>| Wish { minutes, note: note.map(Into::into), ..AlertAction::Shelve.into() };
    let no_reason = book.act(a.id, &shelve(Some(60), None), By::User(&user), None, at(5));
    assert!(matches!(no_reason, Err(ActRefused::Unfit(_))));
    assert!(matches!(
        book.act(a.id, &shelve(None, Some("wind")), By::User(&user), None, at(5)),
        Err(ActRefused::Unfit(_))
    ));
    book.act(a.id, &shelve(Some(60), Some("wind")), By::User(&user), None, at(5)).unwrap();
    let same = say(&mut book, &seen(10, Phase::Start, "tree/r", (0.7, 0.2), at(600)), 600);
    assert_eq!(same.id, a.id, "long after its join time");
    say(&mut book, &seen(10, Phase::End, "tree/r", (0.7, 0.2), at(601)), 601);
    let news = say(&mut book, &seen(11, Phase::Start, "tree/r", (0.8, 0.7), at(700)), 700);
    assert!(news.id != a.id && news.handling.showing.how == How::Row);
    let back = book.tick(at(3606)).into_iter().find(|c| c.alert.id == a.id).unwrap();
    assert!(back.alert.handling.shelved.is_none() && back.alert.handling.showing.since == Some(at(3606).wall));
    let critical =
        EventPayload { severity: Severity::Critical, ..seen(20, Phase::Start, "door/r", (0.5, 0.2), at(4000)) };
    let critical = say(&mut book, &critical, 4000);
    assert_eq!(critical.handling.showing.how, How::Row, "critical never waits");
    let refused = book.act(critical.id, &shelve(Some(5), Some("no")), By::User(&user), None, at(4001));
    assert_eq!(refused.unwrap_err(), ActRefused::Critical);
}

/// A desk whose late alerts another one hears of.
fn with_one_above() -> AlertBook {
    let position = |id: &str, area: Option<&str>, to: Option<&str>| config::Position {
        id: id.parse().unwrap(),
        name: String::new(),
        areas: area.map(|a| a.parse().unwrap()).into_iter().collect(),
        escalate_to: to.map(|to| to.parse().unwrap()),
    };
    let position = vec![position("desk", None, Some("duty")), position("duty", Some("nowhere"), None)];
    AlertBook::of(&Config { position, ..Config::default() })
}

#[test]
fn what_is_released_is_new_again_also_where_it_had_been_escalated() {
    let mut book = with_one_above();
    let li = UserId::new("li").unwrap();
    let a = say(&mut book, &seen(1, Phase::Start, "gate/r", (0.9, 0.2), at(0)), 0);
    let level = |book: &AlertBook| book.get(a.id).and_then(|a| a.handling.escalated.as_ref().map(|e| e.level));
    book.tick(at(1800));
    assert_eq!(level(&book), Some(1));
    book.act(a.id, &AlertAction::Acknowledge.into(), By::User(&li), None, at(1900)).unwrap();
    let freed = book.act(a.id, &AlertAction::Release.into(), By::User(&li), None, at(9000)).unwrap().unwrap().alert;
    assert_eq!((freed.handling.escalated, freed.handling.due), (None, Some(at(10_800).wall)));
    for (s, wanted) in [(10_799, None), (10_800, Some(1)), (12_599, Some(1)), (12_600, Some(2))] {
        book.tick(at(s));
        assert_eq!(level(&book), wanted, "{s}");
    }
}

#[test]
fn what_nobody_takes_goes_up_twice_and_a_recurrence_names_what_was_before() {
    let mut book = with_one_above();
    let user = UserId::new("li").unwrap();
    let a = say(&mut book, &seen(1, Phase::Start, "gate/r", (0.9, 0.2), at(0)), 0);
    let level = |book: &AlertBook| book.get(a.id).and_then(|a| a.handling.escalated.as_ref().map(|e| e.level));
    book.tick(at(1799));
    assert_eq!(level(&book), None);
    book.tick(at(1800));
    assert_eq!(level(&book), Some(1));
    book.tick(at(3600));
    assert_eq!(level(&book), Some(2));
    book.tick(at(9000));
    assert_eq!(level(&book), Some(2));
    say(&mut book, &seen(1, Phase::End, "gate/r", (0.9, 0.2), at(9001)), 9001);
    book.act(a.id, &AlertAction::Acknowledge.into(), By::User(&user), None, at(9002)).unwrap();
    let wish = Wish { result: Some(ResultCode::Nuisance), ..AlertAction::Resolve.into() };
    let resolved = book.act(a.id, &wish, By::User(&user), None, at(9003)).unwrap().unwrap();
    assert_eq!(resolved.alert.handling.result, Some(ResultCode::Nuisance));
    assert!(resolved.learnt.is_some_and(|l| l.key == "gate/r"));
    let again = say(&mut book, &seen(2, Phase::Start, "gate/r", (0.9, 0.2), at(9010)), 9010);
    assert_eq!(again.handling.recurs, Some(a.id));
}

#[test]
fn a_second_step_comes_as_soon_as_its_priority_says() {
    let user = UserId::new("li").unwrap();
    let level = |book: &AlertBook, id| book.get(id).and_then(|a| a.handling.escalated.as_ref().map(|e| e.level));
    let priority = |to| Wish { priority: Some(to), ..AlertAction::Priority.into() };
    // Critical of a sudden, an hour after nobody took it: a minute, and a minute.
    let mut book = AlertBook::new(config::Alert::default());
    let id = say(&mut book, &seen(1, Phase::Start, "gate/r", (0.9, 0.2), at(0)), 0).id;
    book.tick(at(1800));
    assert_eq!(level(&book, id), Some(1));
    book.act(id, &priority(Severity::Critical), By::User(&user), None, at(3000)).unwrap();
    for (s, want) in [(3059, None), (3060, Some(1)), (3119, Some(1)), (3120, Some(2)), (9000, Some(2))] {
        book.tick(at(s));
        assert_eq!(level(&book, id), want, "at {s} s");
    }
    book.act(id, &priority(Severity::High), By::User(&user), None, at(9000)).unwrap();
    book.tick(at(9000 + u64::from(config::Alert::default().due_high_s)));
    assert_eq!(level(&book, id), Some(1), "it begins anew");

    // And a row that rises by another.
    let mut book = AlertBook::new(config::Alert { neighbour_s: 3000, ..config::Alert::default() });
    let id = say(&mut book, &seen(1, Phase::Start, "gate/r", (0.9, 0.2), at(0)), 0).id;
    book.tick(at(1800));
    say(&mut book, &seen(2, Phase::Start, "yard/r", (0.9, 0.2), at(1810)), 1810);
    assert_eq!(book.get(id).unwrap().priority(), Severity::High);
    let due = 1810 + u64::from(config::Alert::default().due_high_s);
    assert!(due < 3600);
    for (s, want) in [(due - 1, Some(1)), (due, Some(2))] {
        book.tick(at(s));
        assert_eq!(level(&book, id), want, "at {s} s");
    }
}

#[test]
fn a_clock_that_is_wrong_or_jumps_moves_no_timer() {
    let user = UserId::new("li").unwrap();
    let off = |s: u64, wall_s: i64| Now { mono: at(s).mono, wall: Wall(at(s).wall.0 + wall_s * 1000) };
    let level = |book: &AlertBook, id| book.get(id).and_then(|a| a.handling.escalated.as_ref().map(|e| e.level));
    let is_shelved = |book: &AlertBook, id| book.get(id).is_some_and(|a| a.handling.shelved.is_some());
    let gate = || seen(1, Phase::Start, "gate/r", (0.9, 0.2), at(0));
    let shelve = Wish { minutes: Some(60), note: Some("wind".into()), ..AlertAction::Shelve.into() };
    // It jumps while the gateway runs, and somebody writes a note.
    let note = Wish { note: Some("x".into()), ..AlertAction::Note.into() };
    for jump in [-3600, 3600] {
        let mut book = AlertBook::new(config::Alert::default());
        let id = say(&mut book, &gate(), 0).id;
        book.act(id, &note, By::User(&user), None, off(600, jump)).unwrap();
        for (s, want) in [(1799, None), (1800, Some(1)), (3599, Some(1)), (3600, Some(2))] {
            book.tick(off(s, jump));
            assert_eq!(level(&book, id), want, "by {jump} s, at {s} s");
        }
        let mut book = AlertBook::new(config::Alert::default());
        let id = say(&mut book, &gate(), 0).id;
        book.act(id, &shelve, By::User(&user), None, at(1)).unwrap();
        book.act(id, &note, By::User(&user), None, off(600, jump)).unwrap();
        for (s, want) in [(3600, true), (3601, false)] {
            book.tick(off(s, jump));
            assert_eq!(is_shelved(&book, id), want, "by {jump} s, at {s} s");
        }
    }
    // It has no battery: the process begins in 1970, and later it is set.
    let mut book = AlertBook::new(config::Alert::default());
    let mut waiting = say(&mut book, &gate(), 0);
    let shelved = book.act(waiting.id, &shelve, By::User(&user), None, at(1)).unwrap().unwrap().alert;
    waiting.id = AlertId::at(1);
    let mut book = AlertBook::new(config::Alert::default());
    let without = |s: u64| Now { mono: at(s).mono, wall: Wall(i64::try_from(s).unwrap() * 1000) };
    for alert in [&waiting, &shelved] {
        book.admit(alert.clone(), &[], without(0));
    }
    book.tick(without(1799));
    assert_eq!(level(&book, waiting.id), None);
    book.tick(at(1800));
    assert_eq!(level(&book, waiting.id), Some(1));
    book.tick(at(3599));
    assert!(is_shelved(&book, shelved.id));
    book.tick(at(3600));
    assert!(!is_shelved(&book, shelved.id));
}

#[test]
fn a_row_that_rises_waits_no_longer_for_a_clock_that_jumped() {
    let due_high_s = u64::from(config::Alert::default().due_high_s);
    let level = |book: &AlertBook, id| book.get(id).and_then(|a| a.handling.escalated.as_ref().map(|e| e.level));
    // It rises before the first step, or before the second; by one jump what is said to be its time stays the same.
    for (rises, first) in [(610, None), (1810, Some(1))] {
        let same = i64::try_from(first.map_or(1800, |_| 3600) - rises - due_high_s).unwrap();
        for jump in [-3600, 0, same, 3600] {
            let off = |s: u64| Now { mono: at(s).mono, wall: Wall(at(s).wall.0 + jump * 1000) };
            let mut book = AlertBook::new(config::Alert { neighbour_s: 3000, ..config::Alert::default() });
            let id = say(&mut book, &seen(1, Phase::Start, "gate/r", (0.9, 0.2), at(0)), 0).id;
            book.tick(at(rises - 10));
            assert_eq!(level(&book, id), first);
            let next = seen(2, Phase::Start, "yard/r", (0.9, 0.2), off(rises));
            book.on_event(&next, "Yard", off(rises)).unwrap();
            assert_eq!(book.get(id).unwrap().priority(), Severity::High);
            assert_eq!(book.get(id).unwrap().escalates(), Some(off(rises + due_high_s).wall), "by {jump} s");
            book.tick(off(rises + due_high_s - 1));
            assert_eq!(level(&book, id), first, "by {jump} s");
            book.tick(off(rises + due_high_s));
            assert_eq!(level(&book, id), first.map_or(Some(1), |l| Some(l + 1)), "by {jump} s");
        }
    }
}

#[test]
fn a_lost_picture_explains_and_a_neighbour_folds_and_rises() {
    let mut book = AlertBook::new(config::Alert::default());
    let mut down = event(1, Phase::Start, "gate/health", Severity::Medium, at(0));
    let reason = "gone".into();
    down.health =
        Some(HealthFact { scope: HealthScope::Channel, name: None, what: "down".into(), state: None, reason });
    let down = say(&mut book, &down, 0);
    let absent =
        EventPayload { kind: "absence".into(), ..event(2, Phase::Start, "gate/guard", Severity::Medium, at(5)) };
    let absent = say(&mut book, &absent, 5);
    assert_eq!((absent.handling.showing.how, absent.handling.showing.row), (How::Under, Some(down.id)));
    let sure = say(&mut book, &seen(3, Phase::Start, "gate/r", (0.9, 0.2), at(6)), 6);
    assert_eq!(sure.handling.showing.how, How::Row, "what is seen for sure is not explained");
    let next = book.on_event(&seen(4, Phase::Start, "yard/r", (0.9, 0.2), at(10)), "Yard", at(10)).unwrap();
    assert_eq!(next.own.alert.handling.showing.row, Some(sure.id));
    let raised = &next.others[0].alert;
    assert_eq!((raised.id, raised.priority(), raised.handling.under), (sure.id, Severity::High, 1));
    assert_eq!(how(&book, sure.id), How::Row);
}

#[test]
fn what_lasts_is_no_branch_though_its_source_is_shelved() {
    let mut book = AlertBook::new(config::Alert::default());
    let user = UserId::new("li").unwrap();
    let tree = |n: u8, phase, s: u64| seen(n, phase, "tree/r", (0.55, 0.2), at(s));
    let mut id = None;
    for n in 0..6u8 {
        let s = u64::from(n) * 70;
        id = Some(say(&mut book, &tree(n, Phase::Start, s), s).id);
        say(&mut book, &tree(n, Phase::End, s + 3), s + 3);
    }
    let id = id.unwrap();
    let wish = Wish { minutes: Some(60), note: Some("wind".into()), ..AlertAction::Shelve.into() };
    book.act(id, &wish, By::User(&user), None, at(400)).unwrap();
    assert_eq!(say(&mut book, &tree(20, Phase::Start, 500), 500).id, id);
    assert_eq!(say(&mut book, &tree(20, Phase::Update, 519), 519).id, id, "not yet");
    let out = say(&mut book, &tree(20, Phase::Update, 520), 520);
    assert!(out.id != id && out.handling.showing.how == How::Row && out.active());
    assert!(book.get(id).unwrap().handling.shelved.is_some(), "the tree stays on its shelf");
    assert_eq!(say(&mut book, &tree(20, Phase::Update, 550), 550).id, out.id, "once");
}

/// A book in which a tree that says the same again and again is on the shelf.
fn with_a_tree_on_its_shelf() -> (AlertBook, AlertId) {
    let mut book = AlertBook::new(config::Alert::default());
    let mut id = None;
    for n in 0..6u8 {
        let s = u64::from(n) * 70;
        let tree = |phase, s| seen(n, phase, "tree/r", (0.55, 0.2), at(s));
        id = Some(say(&mut book, &tree(Phase::Start, s), s).id);
        say(&mut book, &tree(Phase::End, s + 3), s + 3);
    }
    let wish = Wish { minutes: Some(60), note: Some("wind".into()), ..AlertAction::Shelve.into() };
    book.act(id.unwrap(), &wish, By::User(&UserId::new("li").unwrap()), None, at(400)).unwrap();
    (book, id.unwrap())
}

#[test]
fn who_is_taller_than_what_was_put_aside_is_no_branch() {
    let (mut book, tree) = with_a_tree_on_its_shelf();
    let tall = |n, phase, h, s| {
        let mut e = seen(n, phase, "tree/r", (0.55, 0.2), at(s));
        e.objects[0].bbox = BBox { y: 0.5 - h / 2.0, h, ..e.objects[0].bbox };
        e
    };
    assert_eq!(say(&mut book, &tall(20, Phase::Start, 0.21, 500), 500).id, tree, "the same tree");
    say(&mut book, &tall(20, Phase::End, 0.21, 502), 502);
    let man = say(&mut book, &tall(21, Phase::Start, 0.4, 510), 510);
    assert!(man.id != tree && man.handling.shelved.is_none());
    book.tick(at(531));
    assert_eq!(how(&book, man.id), How::Row, "and he lasts");
}

#[test]
fn each_of_those_in_view_is_what_was_put_aside_or_none_is() {
    let (mut book, tree) = with_a_tree_on_its_shelf();
    let with = |n, other: (f32, f32), s| {
        let mut e = seen(n, Phase::Start, "tree/r", (0.55, 0.2), at(s));
        e.objects.extend(seen(n, Phase::Start, "tree/r", other, at(s)).objects);
        e
    };
    assert_eq!(say(&mut book, &with(20, (0.55, 0.21), 500), 500).id, tree, "two branches of it");
    let beside = say(&mut book, &with(21, (0.6, 0.8), 510), 510);
    assert!(beside.id != tree && beside.handling.shelved.is_none(), "somebody beside the tree");
    let plainer = say(&mut book, &seen(22, Phase::Start, "tree/r", (0.64, 0.2), at(520)), 520);
    assert_ne!(plainer.id, tree, "no tree was ever as plain");
}

#[test]
fn who_comes_at_another_hour_than_those_who_pass_is_on_nobodys_shelf() {
    let mut book = AlertBook::new(config::Alert::default());
    let passes = |n, phase, s| seen(n, phase, "tree/r", (0.8, 0.8), at(s));
    for n in 0..12u8 {
        let s = u64::from(n) * 700;
        say(&mut book, &passes(n, Phase::Start, s), s);
        say(&mut book, &passes(n, Phase::End, s + 5), s + 5);
    }
    let tree = say(&mut book, &seen(50, Phase::Start, "tree/r", (0.55, 0.2), at(8000)), 8000);
    let wish = Wish { minutes: Some(600), note: Some("wind".into()), ..AlertAction::Shelve.into() };
    book.act(tree.id, &wish, By::User(&UserId::new("li").unwrap()), None, at(8010)).unwrap();
    say(&mut book, &seen(50, Phase::End, "tree/r", (0.55, 0.2), at(8020)), 8020);
    let night = say(&mut book, &passes(60, Phase::Start, 20_000), 20_000);
    assert!(night.id != tree.id && night.handling.shelved.is_none());
    assert_eq!(night.handling.showing.how, How::Row);
}

#[test]
fn news_that_is_seen_on_and_off_stays_news_beside_what_is_put_aside() {
    let (mut book, tree) = with_a_tree_on_its_shelf();
    let other = |n, phase, s| seen(n, phase, "tree/r", (0.55, 0.8), at(s));
    let branch = |phase, s| seen(30, phase, "tree/r", (0.55, 0.2), at(s));
    assert_eq!(say(&mut book, &branch(Phase::Start, 495), 495).id, tree);
    for (n, s) in [(20, 500), (21, 508)] {
        assert_ne!(say(&mut book, &other(n, Phase::Start, s), s).id, tree, "elsewhere");
        say(&mut book, &other(n, Phase::End, s + 4), s + 4);
    }
    let lasts = say(&mut book, &branch(Phase::Update, 516), 516);
    assert!(lasts.id != tree && lasts.handling.showing.how == How::Row, "the latest of its source now");
    for (n, s) in [(22, 518), (23, 526), (24, 534)] {
        let on = say(&mut book, &other(n, Phase::Start, s), s);
        assert!(on.handling.shelved.is_none(), "{s}");
        say(&mut book, &other(n, Phase::End, s + 4), s + 4);
    }
}

#[test]
fn who_comes_while_another_is_in_view_is_another() {
    let mut book = AlertBook::new(config::Alert::default());
    let person = |n, phase, x, s| seen(n, phase, "yard/r", (0.9, x), at(s));
    let first = say(&mut book, &person(1, Phase::Start, 0.2, 0), 0);
    let split = say(&mut book, &person(2, Phase::Start, 0.22, 20), 20);
    assert_eq!(split.id, first.id, "the tracker has two of one");
    let second = say(&mut book, &person(3, Phase::Start, 0.3, 30), 30);
    assert!(second.id != first.id && second.handling.showing.how == How::Row, "nobody comes again who has not gone");
    for n in [1, 2, 3] {
        say(&mut book, &person(n, Phase::End, 0.2, 40), 40);
    }
    let back = say(&mut book, &person(4, Phase::Start, 0.35, 50), 50);
    assert_eq!(back.id, second.id, "he comes again");
}

#[test]
fn what_its_rule_has_waited_for_needs_no_steady_track() {
    for (kind, wanted) in [("loitering", How::Row), ("presence", How::Held)] {
        let mut book = AlertBook::new(config::Alert::default());
        let seen = |phase, track, s| {
            let mut e = seen(1, phase, "yard/r", (0.55, 0.2), at(s));
            e.objects[0].track = track;
            EventPayload { kind: kind.into(), ..e }
        };
        let id = say(&mut book, &seen(Phase::Start, 1, 0), 0).id;
        say(&mut book, &seen(Phase::Update, 2, 10), 10);
        say(&mut book, &seen(Phase::Update, 3, 19), 19);
        book.tick(at(20));
        assert_eq!(how(&book, id), wanted, "{kind}");
    }
}

#[test]
fn what_was_before_the_shelf_stays_on_it() {
    let mut book = AlertBook::new(config::Alert::default());
    let user = UserId::new("li").unwrap();
    let cleaner = |phase, s: u64| seen(1, phase, "hall/r", (0.9, 0.2), at(s));
    let id = say(&mut book, &cleaner(Phase::Start, 0), 0).id;
    let wish = Wish { minutes: Some(60), note: Some("cleaner".into()), ..AlertAction::Shelve.into() };
    book.act(id, &wish, By::User(&user), None, at(5)).unwrap();
    for s in [30, 60, 600] {
        assert_eq!(say(&mut book, &cleaner(Phase::Update, s), s).id, id);
    }
}

#[test]
fn what_has_lasted_does_not_rise_by_itself_afterwards() {
    let mut book = AlertBook::new(config::Alert::default());
    let wall =
        |phase, score, s| EventPayload { severity: Severity::High, ..seen(1, phase, "wall/r", (score, 0.2), at(s)) };
    let id = say(&mut book, &wall(Phase::Start, 0.6, 0), 0).id;
    let shown = book.tick(at(10)).remove(0).alert;
    assert_eq!((shown.handling.showing.how, shown.priority()), (How::Row, Severity::High));
    let on = say(&mut book, &wall(Phase::Update, 0.7, 12), 12);
    assert_eq!((on.id, on.handling.showing.raised), (id, None));
}

#[test]
fn how_long_it_lasted_is_known_though_the_disk_was_slow() {
    let wall = |phase, s| EventPayload { severity: Severity::High, ..seen(1, phase, "wall/r", (0.55, 0.2), at(s)) };
    // The disk stood still until second 60; start and end waited.
    for (ended, want) in [(50, How::Row), (7, How::Brief)] {
        let mut book = AlertBook::new(config::Alert::default());
        book.on_late_event(&wall(Phase::Start, 5), "Wall", at(5).mono, at(60)).unwrap();
        let own = book.on_late_event(&wall(Phase::End, ended), "Wall", at(ended).mono, at(60)).unwrap().own;
        assert_eq!(own.alert.handling.showing.how, want, "it ended at {ended} s");
    }
    let mut book = AlertBook::new(config::Alert::default());
    let id = book.on_late_event(&wall(Phase::Start, 5), "Wall", at(5).mono, at(60)).unwrap().own.alert.id;
    assert_eq!(how(&book, id), How::Held, "its end may be next");
    book.tick(at(62));
    assert_eq!(how(&book, id), How::Row, "it has lasted for almost a minute");
}

#[test]
fn a_surer_one_waits_no_longer_than_it_has_to() {
    let mut book = AlertBook::new(config::Alert::default());
    let wall = |n: u8, phase, score, s| EventPayload {
        severity: Severity::High,
        ..seen(n, phase, "wall/r", (score, 0.2), at(s))
    };
    for n in 0..6u8 {
        let s = u64::from(n) * 100;
        say(&mut book, &wall(n, Phase::Start, 0.52, s), s);
        say(&mut book, &wall(n, Phase::End, 0.52, s + 2), s + 2);
    }
    let bush = say(&mut book, &wall(10, Phase::Start, 0.52, 900), 900);
    assert_eq!(bush.handling.showing.how, How::Held);
    let somebody = say(&mut book, &wall(11, Phase::Start, 0.63, 901), 901);
    assert_eq!((somebody.id, somebody.handling.showing.how), (bush.id, How::Held));
    book.tick(at(906));
    assert_eq!(how(&book, bush.id), How::Row);
}

#[test]
fn a_crossing_is_not_explained_for_nobody_could_look_again() {
    let mut book = AlertBook::new(config::Alert::default());
    let health = |phase, s| {
        let (name, state) = (None, None);
        let (what, reason) = ("down".into(), "gone".into());
        let fact = HealthFact { scope: HealthScope::Channel, name, what, state, reason };
        EventPayload { health: Some(fact), ..event(1, phase, "gate/health", Severity::Medium, at(s)) }
    };
    say(&mut book, &health(Phase::Start, 0), 0);
    say(&mut book, &health(Phase::End, 60), 60);
    let box_of = |n, kind: &str| EventPayload {
        kind: kind.into(),
        ..seen(n, Phase::Start, &format!("gate/{kind}"), (0.55, 0.2), at(70))
    };
    assert_eq!(say(&mut book, &box_of(2, "presence"), 70).handling.showing.how, How::Under);
    assert_eq!(say(&mut book, &box_of(3, "line"), 70).handling.showing.how, How::Row);
}
