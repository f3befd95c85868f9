//! Rules and timetables by the API: adding, changing, arming for a few, trying, taking back; who may.

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use skyeye::{
    types::{AreaId, ChannelId, RuleId},
    web::auth::Areas,
};

use super::support::{Answer, Gateway, PASSWORD, Session};

async fn south_only(g: &Gateway) -> Session {
    g.add_user("sam", Areas::Subtrees(vec![AreaId::new("south").unwrap()])).await;
    g.login("sam", PASSWORD).await
}

fn said(answer: &Answer) -> String {
    answer.json()["error"]["message"].as_str().unwrap_or_default().to_owned()
}

async fn patch(g: &Gateway, session: &Session, path: &str, body: Value) -> Answer {
    g.change(session, Method::PATCH, path, body).await
}

#[tokio::test]
async fn a_rule_is_added_armed_for_a_few_and_taken_back() {
    let g = Gateway::new().await;
    let alice = g.alice().await;
    g.world.raised.lock().unwrap().insert((RuleId::new("loitering-1").unwrap(), ChannelId::new("yard").unwrap()), 3);
    let body = json!({ "type": "loitering", "areas": ["city"], "labels": ["person"], "dwell_s": 30, "enabled": false });
    let made = g.post(&alice, "/api/v1/rules", body).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text());
    let made = made.json();
    let figures = |v: &Value| (v["chosen"].clone(), v["placed"].clone(), v["armed"].clone(), v["raised_24h"].clone());
    assert_eq!((&made["id"], &made["origin"], &made["rev"]), (&json!("loitering-1"), &json!("inventory"), &json!(1)));
    assert_eq!(figures(&made), (json!(2), json!(2), json!(0), json!(3)));

    let path = "/api/v1/rules/loitering-1";
    let few = json!({ "for": [{ "channel": "gate", "enabled": true }], "expect_rev": 1 });
    let armed = patch(&g, &alice, path, few.clone()).await.json();
    assert_eq!(figures(&armed), (json!(2), json!(2), json!(1), json!(3)));
    let of: Vec<_> = armed["of"].as_array().unwrap().iter().map(|c| (c["id"].clone(), c["armed"].clone())).collect();
    assert_eq!(of, [(json!("gate"), json!(true)), (json!("yard"), json!(false))]);
    let late = patch(&g, &alice, path, few).await;
    assert_eq!(late.status, StatusCode::CONFLICT, "{}", late.text());

    let listed = g.get(&alice, "/api/v1/rules").await.json();
    let ids: Vec<_> =
        listed["rules"].as_array().unwrap().iter().map(|r| (r["id"].clone(), r["origin"].clone())).collect();
    assert_eq!(ids, [(json!("people"), json!("file")), (json!("loitering-1"), json!("inventory"))]);
    let of_one = g.get(&alice, "/api/v1/inventory/revisions?kind=rule&id=loitering-1").await.json();
    assert_eq!(of_one["revisions"].as_array().unwrap().len(), 2, "{of_one}");
    assert_eq!(of_one["revisions"][0]["changes"][0]["fields"][0]["field"], json!("for"));

    // The same by the route for it, which needs no revision; and for all.
    let arm = async |body: Value| g.post(&alice, &format!("{path}/arm"), body).await;
    let more = arm(json!({ "armed": true, "channels": ["yard"] })).await.json();
    assert_eq!(more["armed"], json!(2), "{more}");
    assert_eq!(arm(json!({ "armed": false })).await.json()["armed"], json!(0));
    assert_eq!(arm(json!({ "armed": true, "channels": ["nobody"] })).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(g.post(&alice, "/api/v1/inventory/revisions/4/undo", json!({})).await.status, StatusCode::OK);
    assert_eq!(g.post(&alice, "/api/v1/inventory/revisions/3/undo", json!({})).await.status, StatusCode::OK);

    let back = g.post(&alice, "/api/v1/inventory/revisions/2/undo", json!({})).await;
    assert_eq!(back.status, StatusCode::OK, "{}", back.text());
    assert_eq!(g.get(&alice, path).await.json()["armed"], json!(0));
    assert_eq!(g.change(&alice, Method::DELETE, path, json!({})).await.status, StatusCode::NO_CONTENT);
    assert_eq!(g.get(&alice, path).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_camera_whose_key_frames_come_too_seldom_for_a_rule_is_named() {
    let g = Gateway::new().await;
    let alice = g.alice().await;
    let body = json!({ "id": "waits", "type": "loitering", "channels": ["*"], "dwell_s": 10, "looks_needed": 5 });
    assert_eq!(g.post(&alice, "/api/v1/rules", body).await.status, StatusCode::CREATED);
    let shown = async || g.get(&alice, "/api/v1/rules/waits").await.json();
    assert_eq!(shown().await["warning"], Value::Null);
    g.world
        .key_intervals
        .lock()
        .unwrap()
        .extend([("gate", 2.0), ("yard", 8.0)].map(|(c, s)| (ChannelId::new(c).unwrap(), s)));
    let rule = shown().await;
    assert!(rule["warning"].as_str().is_some_and(|w| w.contains("'yard'") && w.contains("8.0 s")), "{rule}");
    let of: Vec<_> = rule["of"].as_array().unwrap().iter().map(|c| c["warning"].is_string()).collect();
    assert_eq!(of, [false, true]);
}

#[tokio::test]
async fn what_is_wrong_with_a_rule_is_said_and_the_files_own_stays() {
    let g = Gateway::new().await;
    let alice = g.alice().await;
    for (body, needle) in [
        (json!({ "type": "dance", "channels": ["*"] }), "type:"),
        (json!({ "type": "presence" }), "channels"),
        (json!({ "type": "line", "channels": ["gate"] }), "lines"),
        (json!({ "type": "presence", "channels": ["nobody"] }), "nobody"),
        (json!({ "type": "presence", "channels": ["*"], "min_score": 0.4, "keep_score": 0.5 }), "keep_score"),
        (json!({ "type": "presence", "channels": ["*"], "timetable": "never" }), "timetable"),
        (json!({ "type": "presence", "channels": ["*"], "colour": "red" }), "colour: there is no such field"),
    ] {
        let answer = g.post(&alice, "/api/v1/rules", body.clone()).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{body}: {}", answer.text());
        assert!(said(&answer).contains(needle), "{body}: {}", said(&answer));
    }
    let fixed = patch(&g, &alice, "/api/v1/rules/people", json!({ "min_score": 0.9 })).await;
    assert!(said(&fixed).contains("configuration file"), "{}", fixed.text());
    let taken = g.post(&alice, "/api/v1/rules", json!({ "id": "people", "type": "presence", "channels": ["*"] })).await;
    assert_eq!(taken.status, StatusCode::CONFLICT, "{}", taken.text());
}

#[tokio::test]
async fn who_is_limited_to_areas_sees_the_rules_of_his_channels_and_changes_none() {
    let g = Gateway::new().await;
    let (alice, sam) = (g.alice().await, south_only(&g).await);
    for (id, channels) in [("north-only", json!(["gate"])), ("both", json!(["gate", "yard"]))] {
        let body = json!({ "id": id, "type": "presence", "channels": channels, "for": [{ "channel": "gate", "min_score": 0.7 }] });
        assert_eq!(g.post(&alice, "/api/v1/rules", body).await.status, StatusCode::CREATED);
    }
    let seen = g.get(&sam, "/api/v1/rules").await;
    let ids: Vec<_> = seen.json()["rules"].as_array().unwrap().iter().map(|r| r["id"].clone()).collect();
    assert_eq!(ids, [json!("people"), json!("both")]);
    assert!(!seen.text().contains("gate"), "{}", seen.text());
    assert_eq!(g.get(&sam, "/api/v1/rules/north-only").await.status, StatusCode::NOT_FOUND);
    let body = json!({ "type": "presence", "channels": ["yard"] });
    assert_eq!(g.post(&sam, "/api/v1/rules", body).await.status, StatusCode::FORBIDDEN);
    assert_eq!(patch(&g, &sam, "/api/v1/rules/both", json!({ "min_score": 0.9 })).await.status, StatusCode::FORBIDDEN);
    assert_eq!(g.get(&sam, "/api/v1/channels/gate/traces").await.status, StatusCode::NOT_FOUND);
    assert_eq!(g.get(&sam, "/api/v1/channels/yard/traces?hours=2&labels=person,car").await.status, StatusCode::OK);
    let tried =
        g.post(&sam, "/api/v1/dry-run", json!({ "id": "people", "rule": { "min_score": 0.6 }, "hours": 3 })).await;
    assert_eq!(tried.status, StatusCode::OK, "{}", tried.text());
    let hidden = g.post(&sam, "/api/v1/dry-run", json!({ "id": "north-only" })).await;
    assert_eq!(hidden.status, StatusCode::NOT_FOUND, "{}", hidden.text());
    let asked = g.world.asked.lock().unwrap().clone();
    assert_eq!(
        asked,
        ["traces yard 2 [\"person\", \"car\"]", "dry run people presence 0.6 [] 3 north false south true"]
    );
}

#[tokio::test]
async fn a_dry_run_takes_a_rule_that_is_not_there_yet_and_refuses_what_could_not_be_saved() {
    let g = Gateway::new().await;
    let alice = g.alice().await;
    let ask = json!({ "rule": { "type": "crowd", "channels": ["*"] }, "channels": ["gate"] });
    let tried = g.post(&alice, "/api/v1/dry-run", ask).await;
    assert_eq!(tried.status, StatusCode::OK, "{}", tried.text());
    assert_eq!(g.world.asked.lock().unwrap()[0], "dry run new crowd 0.5 [ChannelId(gate)] 24 north true south true");
    for (ask, status, needle) in [
        (json!({ "rule": { "type": "line", "channels": ["*"] } }), StatusCode::UNPROCESSABLE_ENTITY, "lines"),
        (
            json!({ "rule": { "type": "crowd", "channels": ["*"] }, "hours": 0 }),
            StatusCode::UNPROCESSABLE_ENTITY,
            "hours",
        ),
        (json!({ "id": "nobody" }), StatusCode::NOT_FOUND, "rule"),
    ] {
        let answer = g.post(&alice, "/api/v1/dry-run", ask.clone()).await;
        assert_eq!(answer.status, status, "{ask}: {}", answer.text());
        assert!(said(&answer).contains(needle), "{ask}: {}", said(&answer));
    }
}

#[tokio::test]
async fn a_timetable_is_made_used_and_not_removed_while_it_is() {
    let g = Gateway::new().await;
    let alice = g.alice().await;
    let body = json!({ "name": "Nights", "weekly": ["00:00-24:00"] });
    let made = g.post(&alice, "/api/v1/timetables", body).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text());
    let made = made.json();
    assert_eq!((&made["id"], &made["zone"], &made["on"]), (&json!("nights"), &json!("Asia/Shanghai"), &json!(true)));
    let bad = patch(&g, &alice, "/api/v1/timetables/nights", json!({ "weekly": ["monday 8-9"] })).await;
    assert_eq!(bad.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(said(&bad).contains("weekly[0]"), "{}", said(&bad));

    let rule = json!({ "id": "r", "type": "presence", "channels": ["*"], "timetable": "nights" });
    assert_eq!(g.post(&alice, "/api/v1/rules", rule).await.status, StatusCode::CREATED);
    let kept = g.change(&alice, Method::DELETE, "/api/v1/timetables/nights", json!({})).await;
    assert_eq!(kept.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(said(&kept).contains("1 rules go by it"), "{}", said(&kept));
    let listed = g.get(&alice, "/api/v1/timetables").await.json();
    assert_eq!(listed["timetables"][0]["rules"], json!(1));
    assert_eq!(patch(&g, &alice, "/api/v1/rules/r", json!({ "timetable": null })).await.status, StatusCode::OK);
    let gone = g.change(&alice, Method::DELETE, "/api/v1/timetables/nights", json!({})).await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT, "{}", gone.text());
}

#[tokio::test]
async fn zones_lines_and_masks_are_drawn_on_a_channel_and_seen() {
    let g = Gateway::new().await;
    let alice = g.alice().await;
    let body = json!({ "id": "door", "url": "rtsp://192.168.1.30/", "area": "north" });
    assert_eq!(g.post(&alice, "/api/v1/channels", body).await.status, StatusCode::CREATED);
    let square = json!([[0.1, 0.1], [0.5, 0.1], [0.5, 0.5]]);
    let drawn = json!({
        "zone": [{ "id": "yard", "name": "Yard", "polygon": square }],
        "line": [{ "id": "way", "points": [[0.1, 0.5], [0.9, 0.5]] }],
        "mask": [{ "kind": "ignore", "polygon": square }, { "polygon": square }],
        "expect_rev": 1,
    });
    let door = patch(&g, &alice, "/api/v1/channels/door", drawn).await;
    assert_eq!(door.status, StatusCode::OK, "{}", door.text());
    let door = door.json();
    assert_eq!((&door["lines"][0]["name"], &door["zones"][0]["name"]), (&json!("way"), &json!("Yard")));
    assert_eq!(
        (&door["config"]["mask"][0]["kind"], &door["config"]["mask"][1]["kind"]),
        (&json!("ignore"), &json!("privacy"))
    );
    let bad =
        patch(&g, &alice, "/api/v1/channels/door", json!({ "zone": [{ "id": "z", "polygon": [[0, 0], [1, 1]] }] }))
            .await;
    assert!(said(&bad).contains("zone[0].polygon"), "{}", said(&bad));
}
