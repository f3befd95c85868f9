//! Who sees everything and who sees one street: the same answer by list, by id, by picture and by cursor.

use axum::http::StatusCode;
use bytes::Bytes;
use serde_json::json;
use skyeye::{
    types::{AreaId, ChannelId, Wall},
    web::{auth::Areas, ports::Picture},
};

use super::support::{Gateway, JPEG, PASSWORD};

async fn north_only() -> (Gateway, super::support::Session) {
    let g = Gateway::new().await;
    g.add_user("nina", Areas::Subtrees(vec![AreaId::new("north").unwrap()])).await;
    let nina = g.login("nina", PASSWORD).await;
    (g, nina)
}

#[tokio::test]
async fn what_a_list_hides_no_id_opens() {
    let (g, nina) = north_only().await;
    let alice = g.alice().await;
    let (north, south) = (g.world.open_alert("gate"), g.world.open_alert("yard"));
    for id in ["gate", "yard"] {
        let picture = Picture { jpeg: Bytes::from_static(JPEG), seen: Wall(0), age_ms: 5 };
        g.world.pictures.lock().unwrap().insert(ChannelId::new(id).unwrap(), picture);
    }
    let paths = |alert: &skyeye::types::payload::AlertPayload| {
        [
            format!("/api/v1/alerts/{}", alert.id),
            format!("/api/v1/events/{}/snapshot", alert.last_event),
            format!("/api/v1/channels/{}", alert.channel),
            format!("/api/v1/channels/{}/picture", alert.channel),
        ]
    };
    for path in paths(&south) {
        assert_eq!(g.get(&alice, &path).await.status, StatusCode::OK, "{path}");
        let hidden = g.get(&nina, &path).await;
        assert_eq!((hidden.status, hidden.kind().as_str()), (StatusCode::NOT_FOUND, "not_found"), "{path}");
    }
    for path in paths(&north) {
        assert_eq!(g.get(&nina, &path).await.status, StatusCode::OK, "{path}");
    }
    let act = format!("/api/v1/alerts/{}/acknowledge", south.id);
    assert_eq!(g.post(&nina, &act, json!({})).await.status, StatusCode::NOT_FOUND);
    let state = g.world.alerts.lock().unwrap()[&south.id].alert.state;
    assert_eq!(state.as_str(), "new", "nothing was changed");

    let ids = |value: &serde_json::Value, key: &str| -> Vec<String> {
        value[key].as_array().unwrap().iter().map(|v| v["id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(ids(&g.get(&nina, "/api/v1/alerts").await.json(), "alerts"), [north.id.to_string()]);
    assert_eq!(ids(&g.get(&nina, "/api/v1/channels").await.json(), "channels"), ["gate"]);
    assert_eq!(ids(&g.get(&alice, "/api/v1/channels").await.json(), "channels"), ["gate", "yard"]);
}

#[tokio::test]
async fn the_box_names_late_channels_only_to_those_who_may_see_them() {
    let (g, nina) = north_only().await;
    let alice = g.alice().await;
    let named = |answer: serde_json::Value| -> (u64, Vec<String>) {
        let late = answer["floors"]["latest"].as_array().unwrap();
        let names = late.iter().map(|l| l["channel"].as_str().unwrap().to_owned()).collect();
        (answer["floors"]["late"].as_u64().unwrap(), names)
    };
    assert_eq!(named(g.get(&nina, "/api/v1/box").await.json()), (2, vec!["gate".to_owned()]));
    assert_eq!(named(g.get(&alice, "/api/v1/box").await.json()), (2, vec!["gate".to_owned(), "yard".to_owned()]));
}

#[tokio::test]
async fn changes_hold_only_what_may_be_seen_and_the_cursor_goes_on() {
    let (g, nina) = north_only().await;
    let north = g.world.open_alert("gate");
    g.world.open_alert("yard");
    let answer = g.get(&nina, "/api/v1/changes?after=0").await.json();
    let topics: Vec<_> = answer["changes"].as_array().unwrap().iter().map(|c| c["topic"].as_str().unwrap()).collect();
    assert_eq!(topics, [format!("skyeye/v1/nb/alert/{}", north.id)]);
    assert_eq!(answer["changes"][0]["payload"]["id"], json!(north.id));
    assert_eq!((&answer["cursor"], &answer["more"]), (&json!(2), &json!(false)), "past what is hidden");
    let answer = g.get(&nina, "/api/v1/changes?after=1&limit=1").await.json();
    assert_eq!((answer["changes"].as_array().unwrap().len(), &answer["cursor"]), (0, &json!(2)));
}

#[tokio::test]
async fn a_channel_on_no_area_and_a_channel_that_is_none() {
    let (g, nina) = north_only().await;
    for path in ["/api/v1/channels/nowhere", "/api/v1/channels/nowhere/picture", "/api/v1/channels/Bad!Id"] {
        assert_eq!(g.get(&nina, path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
}
