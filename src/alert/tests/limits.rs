//! A channel that opens more alerts than it may: what is above joins, counted, and nothing of it is hidden by that.

use super::{
    rows::{say, seen},
    *,
};

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
        let of = |n, key: &str, s| if is_high { high(n, key, s) } else { seen(n, Phase::Start, key, (0.9, 0.2), at(s)) };
        let first = say(&mut book, &of(1, "gate/r/1", 0), 0);
        let second = say(&mut book, &of(2, "gate/r/2", 1), 1);
        shelve(&mut book, second.id, 2);
        let next = say(&mut book, &of(3, "gate/r/3", 3), 3);
        assert!(next.id != second.id && next.handling.shelved.is_none(), "high {is_high}");
        assert_eq!(next.handling.showing.how, How::Row);
        assert!(next.id != first.id && next.limited == 0);
    }
}
