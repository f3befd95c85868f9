//! What the desk asks for: positions, members of an incident, procedures; each only as far as the login may see.

use axum::http::StatusCode;
use serde_json::{Value, json};
use skyeye::{
    config::{Procedure, procedure},
    types::{
        AlertId, AreaId, ChannelId, IncidentId, PositionId, ProcedureId, Wall,
        payload::AlertPayload,
        position::{Came, Digest, FloodState, Lead},
    },
    web::{
        auth::Areas,
        ports::{PositionView, RowsView},
    },
};

use super::support::{Gateway, JPEG, PASSWORD, Session};

async fn with_nina(g: &Gateway) -> Session {
    g.add_user("nina", Areas::Subtrees(vec![AreaId::new("north").unwrap()])).await;
    g.login("nina", PASSWORD).await
}

fn change(g: &Gateway, id: AlertId, change: impl FnOnce(&mut AlertPayload)) {
    change(&mut g.world.alerts.lock().unwrap().get_mut(&id).unwrap().alert);
}

fn ids(answer: &Value) -> Vec<String> {
    answer["alerts"].as_array().unwrap().iter().map(|a| a["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn members_are_given_to_those_who_may_see_them() {
    let g = Gateway::new().await;
    let (alice, nina) = (g.alice().await, with_nina(&g).await);
    let (north, south, other) = (g.world.open_alert("gate"), g.world.open_alert("yard"), g.world.open_alert("gate"));
    let incident = IncidentId::at(1);
    for id in [north.id, south.id] {
        change(&g, id, |a| a.incident = Some(incident));
    }
    change(&g, south.id, |a| a.handling.showing.row = Some(other.id));
    let of = format!("/api/v1/alerts?incident={incident}");
    let mut all = ids(&g.get(&alice, &of).await.json());
    all.sort();
    let mut want = vec![north.id.to_string(), south.id.to_string()];
    want.sort();
    assert_eq!(all, want);
    assert_eq!(ids(&g.get(&nina, &of).await.json()), [north.id.to_string()]);
    let under = format!("/api/v1/alerts?under={}", other.id);
    assert_eq!(ids(&g.get(&alice, &under).await.json()), [south.id.to_string()]);
    assert!(ids(&g.get(&nina, &under).await.json()).is_empty());
    for bad in [format!("{of}&under={}", other.id), "/api/v1/alerts?incident=x".into()] {
        let answer = g.get(&alice, &bad).await;
        assert!(answer.status.is_client_error(), "{bad}: {}", answer.status);
    }
}

#[tokio::test]
async fn positions_tell_of_a_flood_and_name_only_what_may_be_seen() {
    let g = Gateway::new().await;
    let (alice, nina) = (g.alice().await, with_nina(&g).await);
    let lead = |area: &str, under| Lead {
        alert: AlertId::at(1),
        kind: "line".into(),
        channel: ChannelId::new("gate").unwrap(),
        channel_name: "Gate".into(),
        area: vec![AreaId::new("city").unwrap(), AreaId::new(area).unwrap()],
        under,
    };
    let digest = Digest {
        since: Wall(0),
        until: Wall(60_000),
        rows: 12,
        collapsed: 40,
        came: vec![Came { kind: "line".into(), count: 52 }],
        leads: vec![lead("north", 30), lead("south", 10)],
    };
    let view = |id: &str, flood, digest| PositionView {
        id: PositionId::new(id).unwrap(),
        name: id.to_uppercase(),
        areas: vec![],
        escalate_to: None,
        flood,
        digest,
        rows: RowsView { high: 2, waiting: 1, ..RowsView::default() },
    };
    let flood = FloodState { since: Wall(0), rows: 11, collapsed: 3 };
    *g.world.positions.lock().unwrap() = vec![view("a", Some(flood), None), view("b", None, Some(digest))];
    let answer = g.get(&alice, "/api/v1/positions").await.json();
    let positions = answer["positions"].as_array().unwrap();
    assert_eq!(positions[0]["flood"], json!({ "since": "1970-01-01T00:00:00.000Z", "rows": 11, "collapsed": 3 }));
    assert_eq!((&positions[0]["name"], &positions[0]["rows"]["high"]), (&json!("A"), &json!(2)));
    assert_eq!(positions[1]["digest"]["came"], json!([{ "type": "line", "count": 52 }]));
    assert_eq!(positions[1]["digest"]["leads"].as_array().unwrap().len(), 2);
    let hers = g.get(&nina, "/api/v1/positions").await.json();
    let leads = hers["positions"][1]["digest"]["leads"].as_array().unwrap();
    assert_eq!((leads.len(), &leads[0]["under"]), (1, &json!(30)));
    assert_eq!(g.bare(axum::http::Method::GET, "/api/v1/positions").await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn an_alert_has_the_procedures_of_its_place_and_type() {
    let one = |id: &str, types: &[&str], areas: &[&str]| Procedure {
        id: ProcedureId::new(id).unwrap(),
        title: id.to_owned(),
        types: types.iter().map(|t| (*t).to_owned()).collect(),
        areas: areas.iter().map(|a| AreaId::new(a).unwrap()).collect(),
        steps: vec!["Look".into(), "Call".into()],
    };
    let g = Gateway::with(|c| {
        c.procedure = vec![
            one("usual", &[], &[]),
            one("south-only", &[], &["south"]),
            one("north-presence", &["presence"], &["north"]),
            one("crowds", &["crowd"], &[]),
        ];
        assert!(procedure::problems(c).is_empty());
    })
    .await;
    let (alice, nina) = (g.alice().await, with_nina(&g).await);
    let (north, south) = (g.world.open_alert("gate"), g.world.open_alert("yard"));
    let of = |answer: Value| -> Vec<String> {
        let list = answer["procedures"].as_array().unwrap();
        list.iter().map(|p| p["id"].as_str().unwrap().to_owned()).collect()
    };
    let path = |id: AlertId| format!("/api/v1/procedures?alert={id}");
    assert_eq!(of(g.get(&nina, &path(north.id)).await.json()), ["north-presence", "usual"]);
    assert_eq!(of(g.get(&alice, &path(south.id)).await.json()), ["south-only", "usual"]);
    assert_eq!(g.get(&nina, &path(south.id)).await.status, StatusCode::NOT_FOUND, "what is hidden stays hidden");
    let all = g.get(&alice, "/api/v1/procedures").await.json();
    assert_eq!(all["procedures"][0]["steps"], json!(["Look", "Call"]));
    assert_eq!(of(all).len(), 4);
}

#[tokio::test]
async fn further_pictures_of_an_event_are_shown_to_those_who_may_see_it() {
    let g = Gateway::new().await;
    let (alice, nina) = (g.alice().await, with_nina(&g).await);
    let south = g.world.open_alert("yard");
    let path = |number: &str| format!("/api/v1/events/{}/pictures/{number}", south.last_event);
    let answer = g.get(&alice, &path("1")).await;
    assert_eq!((answer.status, &answer.body[..]), (StatusCode::OK, JPEG));
    let tag = answer.header("etag").to_owned();
    let first = g.get(&alice, &format!("/api/v1/events/{}/snapshot", south.last_event)).await;
    assert_ne!(first.header("etag"), tag, "it is another picture");
    for number in ["2", "300", "x"] {
        assert_eq!(g.get(&alice, &path(number)).await.status, StatusCode::NOT_FOUND, "{number}");
    }
    assert_eq!(g.get(&nina, &path("1")).await.status, StatusCode::NOT_FOUND);
    let seen: Vec<_> =
        g.audited().await.into_iter().filter(|(_, _, what)| *what == south.last_event.to_string()).collect();
    assert_eq!(seen.len(), 2, "who looked is on record: {seen:?}");
}
