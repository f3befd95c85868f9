//! Numbers and handovers through the server, over the real database: who sees what, and who may sign what when.

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use skyeye::{
    store::{alerts::AlertRow, facts::Facts},
    types::{
        AlertId, AreaId, ChannelId, EventId, PositionId, Severity, UserId, Wall,
        alert::{Alert, AlertHistory},
        fact::RuleRef,
        handling::{Handling, How, ResultCode, Shelf, Showing},
        payload::{AlertState, Order},
    },
    web::auth::{Areas, Role},
};
use uuid::Uuid;

use super::support::{Answer, Gateway, PASSWORD, Session};

const HOUR: i64 = 3_600_000;

/// Two positions of an area each, and one for the rest.
async fn gateway() -> Gateway {
    let g = Gateway::with(|c| {
        let position = |id: &str, areas: &[&str]| skyeye::config::Position {
            id: PositionId::new(id).unwrap(),
            name: String::new(),
            areas: areas.iter().map(|a| AreaId::new(a).unwrap()).collect(),
            escalate_to: None,
        };
        c.position =
            vec![position("north-desk", &["north"]), position("south-desk", &["south"]), position("rest", &[])];
    })
    .await;
    g.add_user("bob", Areas::All).await;
    let north_and_south = [
        ("nina", "north", Role::Administrator),
        ("noah", "north", Role::Operator),
        ("olga", "north", Role::Supervisor),
        ("sam", "south", Role::Administrator),
    ];
    for (name, area, role) in north_and_south {
        g.add_user_as(name, role, Areas::Subtrees(vec![AreaId::new(area).unwrap()])).await;
    }
    g
}

struct Row<'a> {
    area: &'a str,
    ago_ms: i64,
    state: AlertState,
    priority: Severity,
}

impl Gateway {
    fn now(&self) -> i64 {
        self.state.auth().now().0
    }

    /// Writes an alert that is a row as the ledger would; `change` makes it another one.
    async fn row(&self, n: u128, row: Row<'_>, change: impl FnOnce(&mut Alert)) -> AlertId {
        let since = Wall(self.now() - row.ago_ms);
        let channel = if row.area == "north" { "gate" } else { "yard" };
        let mut alert = Alert {
            id: AlertId(Uuid::from_u128(n)),
            rev: 2,
            channel: ChannelId::new(channel).unwrap(),
            channel_name: format!("{channel} <b>"),
            area: ["city", row.area].iter().map(|a| AreaId::new(a).unwrap()).collect(),
            kind: "presence".into(),
            state: row.state,
            severity: row.priority,
            rule: RuleRef { id: "people".parse().unwrap(), revision: String::new() },
            zone: None,
            dedupe_key: String::new(),
            incident: None,
            first_event: EventId::at(since.0),
            last_event: EventId::at(since.0),
            events: 1,
            opened: since,
            updated: since,
            owner: None,
            objects: vec![],
            media: vec![],
            health: None,
            subjects: None,
            details: None,
            open_events: 0,
            last_end: None,
            limited: 0,
            handling: Handling {
                priority: Some(row.priority),
                position: Some(PositionId::new(&format!("{}-desk", row.area)).unwrap()),
                showing: Showing { how: How::Row, since: Some(since), ..Showing::default() },
                ..Handling::default()
            },
        };
        change(&mut alert);
        let order = Order { boot: Uuid::nil(), seq: 1, cursor: n as i64 };
        let payload = alert.payload(order, &self.config.node.id, &self.config.node.site, since);
        let payload = serde_json::to_vec(&payload).unwrap().into();
        let id = alert.id;
        let mut conn = self.store.writer().acquire().await.unwrap();
        let row = (AlertRow { alert, cursor: n as i64, payload }, n as i64);
        Facts { alerts: &[row], ..Facts::default() }.write(&mut conn).await.unwrap();
        id
    }

    async fn say(&self, id: AlertId, rev: u64, author: &str, note: &str, after_ms: i64) {
        let line = AlertHistory {
            rev,
            at: Wall(self.now() - after_ms),
            author: Some(UserId::new(author).unwrap()),
            action: "note".into(),
            from: None,
            to: AlertState::Acknowledged,
            note: Some(note.into()),
        };
        let mut conn = self.store.writer().acquire().await.unwrap();
        Facts { history: &[(id, line)], ..Facts::default() }.write(&mut conn).await.unwrap();
    }

    async fn as_user(&self, name: &str) -> Session {
        self.login(name, PASSWORD).await
    }

    async fn write(&self, who: &Session, position: &str, notes: &str, offer: bool) -> Answer {
        self.post(who, "/api/v1/handovers", json!({ "position": position, "notes": notes, "offer": offer })).await
    }

    async fn listed(&self, who: &Session) -> Vec<(i64, String)> {
        let list = self.get(who, "/api/v1/handovers").await.json();
        let line = |h: &Value| (h["id"].as_i64().unwrap(), h["state"].as_str().unwrap().to_owned());
        list["handovers"].as_array().unwrap().iter().map(line).collect()
    }
}

fn row(area: &str, ago_ms: i64) -> Row<'_> {
    Row { area, ago_ms, state: AlertState::New, priority: Severity::Low }
}

/// Three rows in the north, two in the south.
async fn some_rows(g: &Gateway) {
    g.row(1, row("north", HOUR), |_| {}).await;
    g.row(2, row("north", 2 * HOUR), |a| a.handling.result = Some(ResultCode::False)).await;
    let high = Row { priority: Severity::High, ..row("north", 30 * HOUR) };
    g.row(3, high, |a| a.owner = Some(UserId::new("nina").unwrap())).await;
    g.row(4, row("south", HOUR), |_| {}).await;
    let closed = Row { state: AlertState::Closed, ..row("south", 3 * HOUR) };
    g.row(5, closed, |_| {}).await;
}

#[tokio::test]
async fn numbers_are_those_of_the_logins_own_areas() {
    let g = gateway().await;
    some_rows(&g).await;
    let (alice, nina, sam) = (g.alice().await, g.as_user("nina").await, g.as_user("sam").await);
    let rows = async |who: &Session, query: &str| {
        let n = g.get(who, &format!("/api/v1/numbers{query}")).await.json();
        let stale = n["stale"]["rows"].as_array().unwrap().len();
        (n["rows"].as_u64().unwrap(), n["positions"].as_u64().unwrap(), stale)
    };
    assert_eq!(rows(&alice, "").await, (4, 3, 1));
    assert_eq!(rows(&alice, "?position=north-desk").await, (2, 1, 1));
    assert_eq!(rows(&nina, "").await, (2, 1, 1), "one position answers for the north");
    assert_eq!(rows(&sam, "").await, (2, 1, 0));
    assert_eq!(rows(&nina, "?position=south-desk").await, (0, 1, 0), "what is hidden is not counted");
    let from = Wall(g.now() - 40 * HOUR).to_rfc3339();
    assert_eq!(rows(&nina, &format!("?from={from}")).await, (3, 1, 1));

    let n = g.get(&nina, "/api/v1/numbers").await.json();
    assert_eq!(n["chosen"], "hours");
    assert_eq!((&n["false"]["judged"], &n["false"]["false"]), (&json!(1), &json!(1)));
    let source = &n["top"]["sources"][0];
    assert_eq!(
        (&source["channel"], &source["channel_name"], &source["rows"]),
        (&json!("gate"), &json!("Gate <script>"), &json!(2))
    );
    assert_eq!((&n["rows_per_hour"]["value"], &n["rows_per_hour"]["verdict"]), (&json!(0.25), &json!("good")));
    // Windows lie on the clock: eight hours that begin within one have a part of one more.
    assert!((48..=49).contains(&n["windows"]["rows"].as_array().unwrap().len()));
    assert_eq!(n["times"]["due"], 0, "low ones have eight hours");

    let positions = async |who: &Session| {
        let list = g.get(who, "/api/v1/numbers/positions").await.json();
        let list = list["positions"].as_array().unwrap().clone();
        list.into_iter()
            .map(|p| (p["id"].as_str().unwrap().to_owned(), p["whole"].as_bool().unwrap()))
            .collect::<Vec<_>>()
    };
    let all = [("north-desk", true), ("south-desk", true), ("rest", true)].map(|(id, whole)| (id.to_owned(), whole));
    assert_eq!(positions(&alice).await, all);
    assert_eq!(positions(&nina).await, [("north-desk".to_owned(), true)]);
}

#[tokio::test]
async fn a_span_that_cannot_be_counted_is_refused() {
    let g = gateway().await;
    let alice = g.alice().await;
    let ago = |hours: i64| Wall(g.now() - hours * HOUR).to_rfc3339();
    for query in [
        format!("from={}", ago(40 * 24)),
        format!("from={}&to={}", ago(1), ago(2)),
        format!("from={}", ago(-1)),
        "from=yesterday".to_owned(),
        "position=No!".to_owned(),
    ] {
        let answer = g.get(&alice, &format!("/api/v1/numbers?{query}")).await;
        assert_eq!((answer.status, answer.kind().as_str()), (StatusCode::UNPROCESSABLE_ENTITY, "invalid"), "{query}");
    }
    let answer = g.get(&alice, &format!("/api/v1/numbers?to={}", ago(5))).await.json();
    assert_eq!(answer["chosen"], "asked", "eight hours before that");
}

#[tokio::test]
async fn a_shift_is_handed_from_one_login_to_another() {
    let g = gateway().await;
    some_rows(&g).await;
    let shelf = Shelf {
        by: UserId::new("nina").unwrap(),
        reason: "road works".into(),
        at: Wall(g.now()),
        until: Wall(g.now() + HOUR),
    };
    let shelved = g.row(6, row("north", HOUR / 2), |a| a.handling.shelved = Some(shelf)).await;
    g.say(shelved, 2, "nina", "asked the \"owner\"", HOUR / 4).await;
    let (nina, noah) = (g.as_user("nina").await, g.as_user("noah").await);

    let now = g.get(&nina, "/api/v1/handovers/now?position=north-desk").await.json();
    assert_eq!(
        (&now["open"], &now["shelved"], &now["draft"], &now["offered"]),
        (&json!(4), &json!(1), &json!(null), &json!(null))
    );
    assert_eq!(now["rows"][0]["priority"], "high", "most urgent first");
    assert_eq!(now["rows"][0]["owner"], "nina");

    let draft = g.write(&nina, "north-desk", "gate is  being repaired", false).await.json();
    assert_eq!((&draft["state"], &draft["offered"]), (&json!("draft"), &json!(null)));
    let id = draft["id"].as_i64().unwrap();
    let path = format!("/api/v1/handovers/{id}");
    assert_eq!(g.get(&noah, &path).await.status, StatusCode::NOT_FOUND, "a draft is its author's alone");
    assert_eq!(g.listed(&noah).await, []);
    assert_eq!(g.listed(&nina).await, [(id, "draft".to_owned())]);
    let early = g.post(&nina, &format!("{path}/accept"), json!({})).await;
    assert_eq!((early.status, early.kind().as_str()), (StatusCode::CONFLICT, "conflict"));

    let offer = g.write(&nina, "north-desk", "gate is being repaired", true).await.json();
    assert_eq!(
        (&offer["id"], &offer["state"], &offer["open"], &offer["shelved"]),
        (&json!(id), &json!("offered"), &json!(4), &json!(1))
    );
    assert_eq!(offer["numbers"]["rows"], 3, "of the last eight hours");
    let frozen = offer["rows"].as_array().unwrap().iter().find(|r| r["id"] == json!(shelved)).unwrap().clone();
    assert_eq!(frozen["shelved"]["reason"], "road works");
    assert_eq!((&frozen["note"]["by"], &frozen["note"]["text"]), (&json!("nina"), &json!("asked the \"owner\"")));

    // What happens afterwards changes nothing that is signed.
    g.row(7, row("north", 1000), |_| {}).await;
    let own = g.post(&nina, &format!("{path}/accept"), json!({})).await;
    assert_eq!(own.status, StatusCode::CONFLICT);
    assert!(own.text().contains("you have signed handover") && own.text().contains("another login"), "{}", own.text());
    let other = g.post(&noah, &format!("{path}/withdraw"), json!({})).await;
    assert_eq!(other.status, StatusCode::CONFLICT, "{}", other.text());
    assert!(other.text().contains("nina has written"), "{}", other.text());
    let second = g.write(&noah, "north-desk", "", true).await;
    assert_eq!(second.status, StatusCode::CONFLICT, "one at a time");
    assert!(second.text().contains("nina has signed handover"), "{}", second.text());

    let accepted = g.post(&noah, &format!("{path}/accept"), json!({ "remark": " read \n" })).await;
    assert_eq!(accepted.status, StatusCode::OK, "{}", accepted.text());
    let accepted = accepted.json();
    assert_eq!(
        (&accepted["state"], &accepted["incoming"], &accepted["remark"]),
        (&json!("accepted"), &json!("noah"), &json!("read"))
    );
    for key in ["rows", "numbers", "notes", "open", "shelved", "from", "to", "offered"] {
        assert_eq!(accepted[key], offer[key], "{key}");
    }
    for (who, act) in [(&noah, "accept"), (&nina, "accept"), (&nina, "withdraw")] {
        let late = g.post(who, &format!("{path}/{act}"), json!({})).await;
        assert_eq!(late.status, StatusCode::CONFLICT);
        assert!(late.text().contains("accepted by noah already"), "{act}: {}", late.text());
    }

    // The next shift begins where that one was signed.
    let now = g.get(&noah, "/api/v1/handovers/now?position=north-desk").await.json();
    assert_eq!((&now["numbers"]["chosen"], &now["numbers"]["from"]), (&json!("shift"), &offer["to"]));
    assert_eq!(now["open"], 5);
    let audit = g.audited().await;
    let deeds: Vec<_> = audit
        .iter()
        .filter(|(_, deed, _)| deed == "handover")
        .map(|(who, _, what)| (who.as_str(), what.clone()))
        .collect();
    assert_eq!(
        deeds,
        [("nina", format!("draft {id}")), ("nina", format!("offer {id}")), ("noah", format!("accept {id}"))]
    );
}

#[tokio::test]
async fn what_is_not_listed_is_counted_shelved_or_not() {
    let g = gateway().await;
    let nina = g.as_user("nina").await;
    for n in 1..=304 {
        let shelf = || Shelf {
            by: UserId::new("nina").unwrap(),
            reason: "road works".into(),
            at: Wall(g.now()),
            until: Wall(g.now() + HOUR),
        };
        // The longest open come first: one shelved row is listed, three stand behind the last that is.
        let urgent = Row { priority: Severity::High, ..row("north", HOUR + 1000 * (400 - n as i64)) };
        g.row(n, urgent, |a| a.handling.shelved = (n == 1 || n > 301).then(shelf)).await;
    }
    let now = g.get(&nina, "/api/v1/handovers/now?position=north-desk").await.json();
    let listed = now["rows"].as_array().unwrap();
    assert_eq!((listed.len(), listed.iter().filter(|r| !r["shelved"].is_null()).count()), (300, 1));
    assert_eq!((&now["open"], &now["shelved"], &now["unlisted"]), (&json!(304), &json!(4), &json!(4)));
    let offer = g.write(&nina, "north-desk", "", true).await.json();
    assert_eq!((&offer["open"], &offer["shelved"], &offer["unlisted"]), (&json!(304), &json!(4), &json!(4)));
    let read = g.get(&nina, &format!("/api/v1/handovers/{}", offer["id"])).await.json();
    assert_eq!((&read["shelved"], &read["unlisted"]), (&json!(4), &json!(4)), "and stays so, signed");
}

#[tokio::test]
async fn an_offer_is_taken_back_by_who_made_it_or_a_supervisor() {
    let g = gateway().await;
    let (nina, noah) = (g.as_user("nina").await, g.as_user("noah").await);
    let id = g.write(&nina, "north-desk", "", true).await.json()["id"].as_i64().unwrap();
    let withdrawn = g.post(&nina, &format!("/api/v1/handovers/{id}/withdraw"), json!({})).await.json();
    assert_eq!(withdrawn["state"], "withdrawn");
    for act in ["accept", "withdraw"] {
        let late = g.post(&noah, &format!("/api/v1/handovers/{id}/{act}"), json!({})).await;
        assert_eq!(late.status, StatusCode::CONFLICT, "{}", late.text());
    }
    // It does not begin a shift, and another can be made.
    let now = g.get(&nina, "/api/v1/handovers/now?position=north-desk").await.json();
    assert_eq!(now["numbers"]["chosen"], "hours");
    let next = g.write(&noah, "north-desk", "", true).await;
    assert_eq!(next.status, StatusCode::OK, "{}", next.text());
    assert_eq!(g.listed(&nina).await, [(id + 1, "offered".to_owned()), (id, "withdrawn".to_owned())]);
    let olga = g.as_user("olga").await;
    let for_him = g.post(&olga, &format!("/api/v1/handovers/{}/withdraw", id + 1), json!({})).await.json();
    assert_eq!(for_him["state"], "withdrawn");
    // A draft that was never signed is its author's alone, taken back or not.
    let draft = g.write(&nina, "north-desk", "not for others", false).await.json()["id"].as_i64().unwrap();
    g.post(&nina, &format!("/api/v1/handovers/{draft}/withdraw"), json!({})).await;
    assert_eq!(g.get(&olga, &format!("/api/v1/handovers/{draft}")).await.status, StatusCode::NOT_FOUND);
    assert!(g.listed(&olga).await.iter().all(|(id, _)| *id != draft));
}

#[tokio::test]
async fn who_does_not_see_all_of_a_position_neither_signs_nor_reads() {
    let g = gateway().await;
    some_rows(&g).await;
    let (alice, nina, sam) = (g.alice().await, g.as_user("nina").await, g.as_user("sam").await);
    for position in ["south-desk", "rest", "nowhere"] {
        let answer = g.write(&nina, position, "", true).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{position}");
        let answer = g.get(&nina, &format!("/api/v1/handovers/now?position={position}")).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{position}");
    }
    let id = g.write(&nina, "north-desk", "", true).await.json()["id"].as_i64().unwrap();
    let path = format!("/api/v1/handovers/{id}");
    assert_eq!(g.get(&sam, &path).await.status, StatusCode::NOT_FOUND);
    for act in ["accept", "withdraw"] {
        assert_eq!(g.post(&sam, &format!("{path}/{act}"), json!({})).await.status, StatusCode::NOT_FOUND, "{act}");
    }
    assert_eq!(g.listed(&sam).await, []);
    assert_eq!(g.listed(&alice).await, [(id, "offered".to_owned())]);
    let rest = g.write(&alice, "rest", "", true).await.json()["id"].as_i64().unwrap();
    assert_eq!(g.listed(&nina).await, [(id, "offered".to_owned())], "that of the rest is for those who see everything");
    assert_eq!(g.get(&nina, &format!("/api/v1/handovers/{rest}")).await.status, StatusCode::NOT_FOUND);
    let accepted = g.post(&alice, &format!("{path}/accept"), json!({})).await;
    assert_eq!(accepted.status, StatusCode::OK, "who sees everything may take it over");
}

/// Its area was the position's once: the row keeps the position, and who sees the position's areas does not see it.
#[tokio::test]
async fn a_handover_holds_nothing_of_an_area_that_is_the_positions_no_more() {
    let g = gateway().await;
    some_rows(&g).await;
    let moved = Row { priority: Severity::High, ..row("south", 30 * HOUR) };
    let north_desk = || Some(PositionId::new("north-desk").unwrap());
    let old = g.row(8, moved, |a| a.handling.position = north_desk()).await;
    g.row(9, row("south", HOUR), |a| a.handling.position = north_desk()).await;
    let (alice, nina) = (g.alice().await, g.as_user("nina").await);
    let now = g.get(&nina, "/api/v1/handovers/now?position=north-desk").await.json();
    // Who sees everything writes what others of the position read.
    let id = g.write(&alice, "north-desk", "", true).await.json()["id"].as_i64().unwrap();
    let read = g.get(&nina, &format!("/api/v1/handovers/{id}")).await.json();
    for held in [now, read] {
        assert_eq!((&held["open"], held["rows"].as_array().unwrap().len()), (&json!(3), 3));
        assert_eq!(
            (&held["numbers"]["rows"], held["numbers"]["stale"]["rows"].as_array().unwrap().len()),
            (&json!(2), 1)
        );
        let text = held.to_string();
        assert!(!text.contains("yard") && !text.contains(&old.to_string()), "{text}");
    }
    // That of a position for the rest is read by those who see everything alone.
    let rest = || Some(PositionId::new("rest").unwrap());
    g.row(10, row("south", HOUR), |a| a.handling.position = rest()).await;
    assert_eq!(g.get(&alice, "/api/v1/handovers/now?position=rest").await.json()["open"], 1);
}

/// Whoever may make one would sign twice.
#[tokio::test]
async fn a_token_signs_no_handover() {
    let g = gateway().await;
    let alice = g.alice().await;
    let token = g.token("second", "act", None).await;
    let ask = async |method, path: &str, body| g.with_token(&token, method, path, body).await;
    let id = g.write(&alice, "rest", "", true).await.json()["id"].as_i64().unwrap();
    let path = format!("/api/v1/handovers/{id}");
    for (path, body) in [
        (format!("{path}/accept"), json!({})),
        (format!("{path}/withdraw"), json!({})),
        ("/api/v1/handovers".to_owned(), json!({ "position": "north-desk", "offer": true })),
        ("/api/v1/handovers".to_owned(), json!({ "position": "north-desk" })),
    ] {
        let refused = ask(Method::POST, &path, body).await;
        assert_eq!(refused.kind(), "forbidden", "{path}: {}", refused.text());
        assert!(refused.text().contains("no token may do it"), "{}", refused.text());
    }
    for path in [path, "/api/v1/handovers/now?position=rest".to_owned()] {
        assert_eq!(ask(Method::GET, &path, Value::Null).await.status, StatusCode::OK, "it may be read: {path}");
    }
    assert_eq!(g.listed(&alice).await, [(id, "offered".to_owned())]);
}

#[tokio::test]
async fn what_is_too_long_or_odd_is_refused_and_pages_go_on() {
    let g = gateway().await;
    let (alice, bob) = (g.alice().await, g.as_user("bob").await);
    let refused = async |body: Value| {
        let answer = g.change(&alice, Method::POST, "/api/v1/handovers", body).await;
        (answer.status, answer.kind())
    };
    let invalid = (StatusCode::UNPROCESSABLE_ENTITY, "invalid".to_owned());
    assert_eq!(refused(json!({ "position": "rest", "notes": "x".repeat(4001) })).await, invalid);
    assert_eq!(refused(json!({ "position": "rest", "why": 1 })).await, invalid);
    let days = |n: i64| Wall(g.now() - n * 24 * HOUR).to_rfc3339();
    for from in [days(3), days(-1)] {
        assert_eq!(refused(json!({ "position": "rest", "from": from })).await, invalid);
    }
    for path in ["0", "999999", "-1", "x"] {
        assert_eq!(g.get(&alice, &format!("/api/v1/handovers/{path}")).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    let mut made = Vec::new();
    for _ in 0..5 {
        let id = g.write(&alice, "rest", "", true).await.json()["id"].as_i64().unwrap();
        let long = g.post(&bob, &format!("/api/v1/handovers/{id}/accept"), json!({ "remark": "x".repeat(2001) })).await;
        assert_eq!(long.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(g.post(&bob, &format!("/api/v1/handovers/{id}/accept"), json!({})).await.status, StatusCode::OK);
        made.insert(0, id);
    }
    let (mut read, mut before) = (Vec::new(), String::new());
    loop {
        let page = g.get(&alice, &format!("/api/v1/handovers?position=rest&limit=2{before}")).await.json();
        read.extend(page["handovers"].as_array().unwrap().iter().map(|h| h["id"].as_i64().unwrap()));
        let Some(next) = page["next"].as_i64() else { break };
        before = format!("&before={next}");
    }
    assert_eq!(read, made);
}

#[tokio::test]
async fn two_who_take_over_at_once_are_one() {
    let g = gateway().await;
    let (alice, nina, noah) = (g.alice().await, g.as_user("nina").await, g.as_user("noah").await);
    let id = g.write(&nina, "north-desk", "", true).await.json()["id"].as_i64().unwrap();
    let path = format!("/api/v1/handovers/{id}/accept");
    let (a, b) = tokio::join!(g.post(&alice, &path, json!({})), g.post(&noah, &path, json!({})));
    let mut all = [a.status, b.status];
    all.sort();
    assert_eq!(all, [StatusCode::OK, StatusCode::CONFLICT]);
}
