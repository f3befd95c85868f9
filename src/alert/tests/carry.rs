//! A process that was killed and the one after it: what went on goes on in the alert that is there.

use super::{
    rows::{say, seen},
    *,
};
use crate::types::handling::{How, Showing};

const KILLED: u64 = 20;
const BACK: u64 = 23;
const JOIN_S: u32 = 60;

/// A moment by the clock of the process that began at `BACK`.
fn anew(s: u64) -> Now {
    Now { mono: Mono((s - BACK) * 1000 + 50), ..at(s) }
}

/// What a kill leaves of a book: alerts as their payloads tell, what was learnt, and which events were open.
#[derive(Default)]
struct Written {
    alerts: BTreeMap<AlertId, Alert>,
    open: BTreeMap<EventId, EventPayload>,
    learnt: BTreeMap<String, Learnt>,
}

impl Written {
    fn event(&mut self, book: &mut AlertBook, e: EventPayload, now: Now) -> Alert {
        let Folded { own, others } = book.on_event(&e, "Gate", now).unwrap();
        let alert = own.alert.clone();
        let e = EventPayload { alert: Some(alert.id), ..e };
        match e.phase {
            Phase::End => self.open.remove(&e.id),
            Phase::Start | Phase::Update => self.open.insert(e.id, e),
        };
        [own].into_iter().chain(others).for_each(|c| self.take(c));
        alert
    }

    fn act(&mut self, book: &mut AlertBook, id: AlertId, wish: impl Into<Wish>) {
        let li = UserId::new("li").unwrap();
        let done = book.act(id, &wish.into(), By::Supervisor(&li), None, at(10)).unwrap().unwrap();
        self.take(done);
    }

    fn take(&mut self, change: AlertChange) {
        if let Some(learnt) = change.learnt {
            self.learnt.insert(learnt.key.clone(), learnt);
        }
        let (a, node, site) = (change.alert, NodeId::new("n").unwrap(), SiteId::new("s").unwrap());
        let json =
            serde_json::to_string(&a.payload(Order { boot: Uuid::nil(), seq: 0, cursor: 0 }, &node, &site, Wall(0)));
        let payload = serde_json::from_str(&json.unwrap()).unwrap();
        self.alerts.insert(a.id, Alert::from_payload(payload, 0, a.last_end, a.limited));
    }

    /// As the ledger opens: those with open events first, then the others, the newest first; what was learnt; then the ends.
    fn load(&mut self, now: Now) -> AlertBook {
        let mut book = AlertBook::new(cfg(JOIN_S, 30));
        let open_of = |id| self.open.values().filter(|e| e.alert == Some(id)).map(|e| e.id).collect::<Vec<_>>();
        let (active, quiet): (Vec<_>, Vec<_>) = self.alerts.values().rev().partition(|a| !open_of(a.id).is_empty());
        active.iter().for_each(|a| book.admit((*a).clone(), &open_of(a.id), now));
        self.learnt.values().for_each(|l| book.restore(l, now));
        quiet.iter().for_each(|a| book.admit((*a).clone(), &[], now));
        for e in std::mem::take(&mut self.open).into_values() {
            self.event(&mut book, EventPayload { phase: Phase::End, end: Some(EventEnd::Interrupted), ..e }, now);
        }
        book
    }
}

fn shelve(minutes: u32) -> Wish {
    Wish { minutes: Some(minutes), note: Some("wind".into()), ..AlertAction::Shelve.into() }
}

/// One presence at the gate that a kill cuts, and what comes of what is seen of it afterwards.
fn cut_in_two(state: AlertState, active: bool, shelved: bool, held_back: bool, member: bool) {
    let case = format!("{} active {active} shelved {shelved} held back {held_back} member {member}", state.as_str());
    let (mut book, mut written) = (AlertBook::new(cfg(JOIN_S, 30)), Written::default());
    let gate = |n, phase, place, s| seen(n, phase, "gate/r", place, at(s));
    if member {
        written.event(&mut book, seen(1, Phase::Start, "yard/r", (0.9, 0.2), at(0)), at(0));
    }
    let id = written.event(&mut book, gate(2, Phase::Start, (0.7, 0.2), 1), at(1)).id;
    let mut open = 2;
    if held_back {
        written.event(&mut book, gate(2, Phase::End, (0.7, 0.2), 5), at(5));
        open = 3;
        let joined = written.event(&mut book, gate(3, Phase::Start, (0.7, 0.2), 8), at(8));
        assert_eq!((joined.id, joined.events, joined.handling.held_back), (id, 2, 1), "{case}");
    }
    if shelved {
        written.act(&mut book, id, shelve(15));
    }
    let steps = [AlertAction::Acknowledge, AlertAction::Dispatch, AlertAction::Resolve];
    let so_many = match state {
        AlertState::New => 0,
        AlertState::Acknowledged => 1,
        AlertState::Dispatched => 2,
        AlertState::Resolved | AlertState::Closed => 3,
    };
    steps.into_iter().take(so_many).for_each(|step| written.act(&mut book, id, step));
    // Its last look is an unsure one.
    written.event(&mut book, gate(open, Phase::Update, (0.5, 0.25), 12), at(12));
    if !active {
        written.event(&mut book, gate(open, Phase::End, (0.5, 0.25), 15), at(15));
    }
    let before = written.alerts[&id].clone();
    assert!(before.state == state && before.handling.shelved.is_some() == shelved, "{case}");
    let how = if member { How::Under } else { How::Row };
    assert_eq!(before.handling.showing.how, how, "{case}");

    drop(book);
    const { assert!(BACK > KILLED) };
    let mut book = written.load(anew(BACK));
    // Surer than it was looked at last, and elsewhere; then elsewhere again.
    for (n, place, s) in [(8, (0.9, 0.8), BACK + 7), (9, (0.8, 0.5), BACK + 12)] {
        let next = written.event(&mut book, gate(n, Phase::Start, place, s), anew(s));
        if state == AlertState::Resolved {
            assert!(next.id != id && next.handling.recurs == Some(id), "{case}: a person has finished it");
            return;
        }
        assert_eq!(next.id, id, "{case}: {n}");
        assert_eq!(next.handling.showing.since, before.handling.showing.since, "{case}: no other row");
        assert_eq!((next.handling.shelved.is_some(), next.state), (shelved, state), "{case}");
        written.event(&mut book, gate(n, Phase::End, place, s + 2), anew(s + 2));
    }
    assert_eq!(written.alerts[&id].events, before.events + 2, "{case}");
    assert_eq!(written.alerts.len(), if member { 2 } else { 1 }, "{case}");
    let rang: Vec<_> = book.tick(anew(BACK + 60)).into_iter().filter(|c| c.alert.id == id).collect();
    assert!(rang.is_empty(), "{case}: {rang:?}");
}

#[test]
fn what_a_kill_has_cut_goes_on_in_its_alert() {
    use AlertState as S;
    for state in [S::New, S::Acknowledged, S::Dispatched, S::Resolved] {
        for bits in 0..16u8 {
            let is = |n: u8| bits & (1 << n) != 0;
            // What is resolved lies on no shelf.
            if !(is(1) && state == S::Resolved) {
                cut_in_two(state, is(0), is(1), is(2), is(3));
            }
        }
    }
}

#[test]
fn what_was_cut_goes_on_where_it_was_and_not_for_ever() {
    let (mut book, mut written) = (AlertBook::new(cfg(JOIN_S, 30)), Written::default());
    let gate = |n, phase, x, s| seen(n, phase, "gate/r", (0.9, x), at(s));
    let left = written.event(&mut book, gate(1, Phase::Start, 0.1, 0), at(0)).id;
    let right = written.event(&mut book, gate(2, Phase::Start, 0.8, 1), at(1)).id;
    assert_ne!(left, right);
    let mut book = written.load(anew(BACK));
    for (n, x, of) in [(3, 0.75, right), (4, 0.15, left), (5, 0.45, right)] {
        assert_eq!(written.event(&mut book, gate(n, Phase::Start, x, 30), anew(30)).id, of, "{n}");
    }
    let line =
        |n, score, s| EventPayload { kind: "line".into(), ..seen(n, Phase::Start, "gate/l", (score, 0.4), at(s)) };
    let crossed = written.event(&mut book, line(10, 0.55, 40), anew(40)).id;
    written.event(&mut book, EventPayload { phase: Phase::End, ..line(10, 0.55, 40) }, anew(40));
    let mut again = written.load(anew(BACK));
    let sure = written.event(&mut again, line(11, 0.9, 50), anew(50));
    assert_ne!(sure.id, crossed, "a moment does not go on: it is another one, and sure");
    let late = BACK + u64::from(JOIN_S) + 1;
    let apart = written.event(&mut again, gate(6, Phase::Start, 0.45, late), anew(late));
    assert!(apart.id != left && apart.id != right, "a minute later it is elsewhere");
}

#[test]
fn what_is_put_aside_stays_so_after_a_restart() {
    let (mut book, mut written) = (AlertBook::new(cfg(JOIN_S, 30)), Written::default());
    let gate = |n, phase, place, s| seen(n, phase, "gate/r", place, at(s));
    let mut id = None;
    for n in 1..4 {
        // Two places, each seen twice or more; the last is not the one that was seen often.
        for (m, x) in [(n, 0.2), (n + 10, 0.4)] {
            id = Some(written.event(&mut book, gate(m, Phase::Start, (0.7, x), 2), at(2)).id);
            written.event(&mut book, gate(m, Phase::End, (0.7, x), 3), at(3));
        }
    }
    let id = id.unwrap();
    written.act(&mut book, id, shelve(60));
    let mut book = written.load(anew(BACK));
    let late = BACK + 600;
    for (n, x) in [(20, 0.2), (21, 0.4), (22, 0.2)] {
        let same = written.event(&mut book, gate(n, Phase::Start, (0.7, x), late), anew(late));
        assert_eq!(same.id, id, "long after its join time, where it was: {x}");
        written.event(&mut book, gate(n, Phase::End, (0.7, x), late + 1), anew(late + 1));
    }
    let news = written.event(&mut book, gate(30, Phase::Start, (0.8, 0.8), late + 10), anew(late + 10));
    assert_ne!(news.id, id, "news stays news");
}

#[test]
fn where_it_was_when_it_was_shelved_is_known_at_first_sight() {
    let (mut book, mut written) = (AlertBook::new(cfg(JOIN_S, 30)), Written::default());
    let gate = |n, phase, place| seen(n, phase, "gate/r", place, at(2));
    let id = written.event(&mut book, gate(1, Phase::Start, (0.7, 0.2)), at(2)).id;
    written.act(&mut book, id, shelve(60));
    let later = [anew(BACK + 600), anew(BACK + 5)];
    for (mut book, now) in later.map(|now| (written.load(anew(BACK)), now)) {
        assert_eq!(book.on_event(&gate(3, Phase::Start, (0.7, 0.2)), "Gate", now).unwrap().own.alert.id, id);
        let urgent = EventPayload { severity: Severity::High, ..gate(4, Phase::Start, (0.7, 0.2)) };
        assert_ne!(
            book.on_event(&urgent, "Gate", now).unwrap().own.alert.id,
            id,
            "more urgent than what was put aside"
        );
    }
}

#[test]
fn a_shelf_on_which_nothing_was_for_hours_takes_no_news_after_a_restart() {
    let (mut book, mut written) = (AlertBook::new(cfg(JOIN_S, 30)), Written::default());
    let gate = |n, phase, place, s| seen(n, phase, "gate/r", place, at(s));
    let id = written.event(&mut book, gate(1, Phase::Start, (0.55, 0.2), 1), at(1)).id;
    written.event(&mut book, gate(1, Phase::End, (0.55, 0.2), 2), at(2));
    written.act(&mut book, id, shelve(480));
    // The clock of a process that begins four hours later.
    let back = |s: u64| Now { mono: Mono(50 + s * 1000), ..at(4 * 3600 + s) };
    let mut book = written.load(back(0));
    let person = written.event(&mut book, gate(2, Phase::Start, (0.95, 0.8), 4 * 3600 + 30), back(30));
    assert!(person.id != id && person.handling.showing.how == How::Row);
    let branch = written.event(&mut book, gate(3, Phase::Start, (0.55, 0.2), 4 * 3600 + 40), back(40));
    assert_eq!(branch.id, id, "what it is for stays on it");
}

#[test]
fn the_second_shelf_of_a_source_outlives_the_first() {
    let (mut book, mut written) = (AlertBook::new(cfg(JOIN_S, 30)), Written::default());
    let gate = |n, phase, x, s| seen(n, phase, "gate/r", (0.9, x), at(s));
    let ids = [(1, 0.1), (2, 0.8)].map(|(n, x)| {
        let id = written.event(&mut book, gate(n, Phase::Start, x, 0), at(0)).id;
        written.event(&mut book, gate(n, Phase::End, x, 1), at(1));
        id
    });
    written.act(&mut book, ids[0], shelve(60));
    written.act(&mut book, ids[1], shelve(1));
    let ended = book.tick(at(100));
    assert!(ended.iter().any(|c| c.alert.id == ids[1] && c.alert.handling.shelved.is_none()));
    let still = written.event(&mut book, gate(3, Phase::Start, 0.1, 600), at(600));
    assert_eq!(still.id, ids[0]);
}

#[test]
fn what_goes_on_is_joined_though_a_clock_was_set_back() {
    let mut book = AlertBook::new(cfg(JOIN_S, 30));
    let gate = |n, phase, s| seen(n, phase, "gate/r", (0.9, 0.2), at(s));
    let goes_on = say(&mut book, &gate(1, Phase::Start, 10), 10);
    // From before the clock was set back: of a later time, and over.
    let mut over = goes_on.clone();
    (over.id, over.last_end) = (AlertId::at(at(3600).wall.0), Some(at(12).wall));
    let resolved = Alert { state: AlertState::Resolved, ..over.clone() };
    for other in [over, resolved] {
        for other_first in [false, true] {
            let mut book = AlertBook::new(cfg(JOIN_S, 30));
            let admit = |book: &mut AlertBook, a: &Alert, open: &[EventId]| book.admit(a.clone(), open, at(20));
            if other_first {
                admit(&mut book, &other, &[]);
            }
            admit(&mut book, &goes_on, &[goes_on.first_event]);
            if !other_first {
                admit(&mut book, &other, &[]);
            }
            // When the other one takes nothing any more.
            let next = say(&mut book, &gate(2, Phase::Start, 85), 85);
            assert_eq!(next.id, goes_on.id, "{} first: {other_first}", other.state.as_str());
        }
    }
}

#[test]
fn a_cooldown_outlives_the_process() {
    let mut book = AlertBook::new(config::Alert::default());
    let mut old = say(&mut book, &seen(1, Phase::Start, "tree/r", (0.55, 0.2), at(0)), 0);
    old.handling.chattering = true;
    old.handling.showing = Showing { how: How::Brief, ..Showing::default() };
    old.last_end = Some(at(1).wall);
    let cooldown = u64::from(config::Alert::default().cooldown_s);
    assert!(cooldown > 200);
    for (s, joins) in [(150, true), (cooldown + 2, false)] {
        let mut book = AlertBook::new(config::Alert::default());
        book.admit(old.clone(), &[], at(100));
        let next = say(&mut book, &seen(2, Phase::Start, "tree/r", (0.55, 0.2), at(s)), s);
        assert_eq!(next.id == old.id, joins, "at {s} s");
    }
}
