//! The map: tiles and plans come from the folder that is configured and from nowhere else, and a plan is shown to those
//! who may see its area.

use std::path::Path;

use axum::http::{Method, StatusCode, header};
use serde_json::{Value, json};
use skyeye::{config::Plan, types::AreaId, web::auth::Areas};

use super::support::{Gateway, PASSWORD, Session, request};

const PNG: &[u8] = b"\x89PNG\r\n\x1a\ntile";
const WEBP: &[u8] = b"RIFF\0\0\0\0WEBPtile";

fn put(path: &Path, bytes: &[u8]) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, bytes).unwrap();
}

fn plan(id: &str, area: &str, image: &Path) -> Plan {
    let corners = vec![[22.6, 114.0], [22.6, 114.1], [22.5, 114.1]];
    Plan {
        id: id.parse().unwrap(),
        name: format!("Plan {id}"),
        area: area.parse().unwrap(),
        image: image.into(),
        corners,
    }
}

/// With tiles of zoom 2 to 3 and a plan in either street.
async fn mapped() -> (Gateway, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    put(&at("tiles/2/1/3.png"), PNG);
    put(&at("tiles/3/7/0.webp"), WEBP);
    put(&at("tiles/2/0/0.png"), b"<svg onload=alert(1)>");
    put(&at("tiles/2/0/1.png"), &[PNG, &vec![0; 1 << 20]].concat());
    put(&at("tiles/4/1/1.png"), PNG);
    put(&at("secret.png"), PNG);
    put(&at("hall.jpg"), super::support::JPEG);
    let g = Gateway::with(|c| {
        c.map.tiles = Some(at("tiles"));
        c.map.attribution = "© somebody <b>".into();
        (c.map.min_zoom, c.map.max_zoom) = (2, 3);
        c.map.plan = vec![plan("hall", "north", &at("hall.jpg")), plan("yard", "south", &at("secret.png"))];
        c.area[1].polygon = vec![[22.5, 114.0], [22.6, 114.0], [22.6, 114.1]];
        c.area[0].polygon = vec![[22.0, 114.0], [23.0, 114.0], [23.0, 115.0]];
    })
    .await;
    (g, dir)
}

async fn nina(g: &Gateway) -> Session {
    g.add_user("nina", Areas::Subtrees(vec![AreaId::new("north").unwrap()])).await;
    g.login("nina", PASSWORD).await
}

#[tokio::test]
async fn without_a_map_there_is_a_plain_one() {
    let g = Gateway::new().await;
    let alice = g.alice().await;
    let answer = g.get(&alice, "/api/v1/map").await;
    assert_eq!(answer.json(), json!({ "tiles": null, "bounds": null, "plans": [] }));
    assert_eq!(g.get(&alice, "/api/v1/map/tiles/0/0/0").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn tiles_come_from_the_folder_by_numbers_only() {
    let (g, _dir) = mapped().await;
    let alice = g.alice().await;
    let view = g.get(&alice, "/api/v1/map").await.json();
    assert_eq!(
        view["tiles"],
        json!({ "url": "/api/v1/map/tiles/{z}/{x}/{y}", "attribution": "© somebody <b>", "min_zoom": 2, "max_zoom": 3 })
    );
    for (path, kind, bytes) in [("2/1/3", "image/png", PNG), ("3/7/0", "image/webp", WEBP)] {
        let answer = g.get(&alice, &format!("/api/v1/map/tiles/{path}")).await;
        assert_eq!((answer.status, answer.header("content-type")), (StatusCode::OK, kind), "{path}");
        assert_eq!(&answer.body[..], bytes);
        assert_eq!(answer.header("cache-control"), "private, max-age=3600");
        let again = request(Method::GET, &format!("/api/v1/map/tiles/{path}"))
            .header(header::COOKIE, &alice.cookie)
            .header(header::IF_NONE_MATCH, answer.header("etag"));
        let again = g.send(again.body(axum::body::Body::empty()).unwrap()).await;
        assert_eq!((again.status, again.body.len()), (StatusCode::NOT_MODIFIED, 0));
    }
    // Not there, outside of the square, outside of the zooms, no picture, too large, no number.
    for path in
        ["2/1/2", "2/4/0", "2/0/4", "4/1/1", "1/0/0", "2/0/0", "2/0/1", "2/1/3.png", "255/0/0", "2/-1/0", "2/x/0"]
    {
        let answer = g.get(&alice, &format!("/api/v1/map/tiles/{path}")).await;
        assert_eq!((answer.status, answer.kind().as_str()), (StatusCode::NOT_FOUND, "not_found"), "{path}");
    }
    for path in ["2/1/..%2f..%2fsecret", "2/../secret", "../secret.png/0/0", "%2e%2e/0/0"] {
        let status = g.get(&alice, &format!("/api/v1/map/tiles/{path}")).await.status;
        assert!(matches!(status, StatusCode::BAD_REQUEST | StatusCode::NOT_FOUND), "{path}: {status}");
    }
    assert_eq!(g.bare(Method::GET, "/api/v1/map/tiles/2/1/3").await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_plan_and_a_border_are_for_those_who_may_see_the_area() {
    let (g, _dir) = mapped().await;
    let (alice, nina) = (g.alice().await, nina(&g).await);
    let ids = |view: &Value| -> Vec<String> {
        view["plans"].as_array().unwrap().iter().map(|p| p["id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(ids(&g.get(&alice, "/api/v1/map").await.json()), ["hall", "yard"]);
    let view = g.get(&nina, "/api/v1/map").await.json();
    assert_eq!(ids(&view), ["hall"]);
    assert_eq!(view["plans"][0]["image"], "/api/v1/map/plans/hall/image");
    assert_eq!(view["plans"][0]["corners"].as_array().unwrap().len(), 4);
    let image = |id: &str| format!("/api/v1/map/plans/{id}/image");
    let answer = g.get(&nina, &image("hall")).await;
    assert_eq!((answer.status, answer.header("content-type")), (StatusCode::OK, "image/jpeg"));
    assert_eq!(g.get(&alice, &image("yard")).await.status, StatusCode::OK);
    for id in ["yard", "none", "..%2f..%2fsecret", "Bad!"] {
        let status = g.get(&nina, &image(id)).await.status;
        assert!(matches!(status, StatusCode::BAD_REQUEST | StatusCode::NOT_FOUND), "{id}: {status}");
    }
    let borders = |answer: Value| -> Vec<(String, usize)> {
        let areas = answer["areas"].as_array().unwrap().iter();
        areas.map(|a| (a["id"].as_str().unwrap().to_owned(), a["polygon"].as_array().unwrap().len())).collect()
    };
    let told = |of: &[(&str, usize)]| of.iter().map(|(id, n)| ((*id).to_owned(), *n)).collect::<Vec<_>>();
    let seen = borders(g.get(&nina, "/api/v1/areas").await.json());
    assert_eq!(seen, told(&[("city", 0), ("north", 3)]), "the area above is only named");
    let seen = borders(g.get(&alice, "/api/v1/areas").await.json());
    assert_eq!(seen, told(&[("city", 3), ("north", 3), ("south", 0)]));
}

#[tokio::test]
async fn a_plan_that_went_missing_is_no_fault_of_others() {
    let (g, dir) = mapped().await;
    let alice = g.alice().await;
    std::fs::remove_file(dir.path().join("hall.jpg")).unwrap();
    assert_eq!(g.get(&alice, "/api/v1/map/plans/hall/image").await.status, StatusCode::NOT_FOUND);
    assert_eq!(g.get(&alice, "/api/v1/map").await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_border_is_set_changed_and_taken_away_like_any_field() {
    let g = Gateway::new().await;
    let alice = g.alice().await;
    let border = json!([[22.5, 114.0], [22.6, 114.0], [22.6, 114.1]]);
    let made =
        g.post(&alice, "/api/v1/areas", json!({ "id": "east", "name": "East", "kind": "street", "polygon": border }));
    let made = made.await;
    assert_eq!((made.status, &made.json()["polygon"]), (StatusCode::CREATED, &border), "{}", made.text());
    let crossed = json!({ "polygon": [[114.0, 22.5], [114.0, 22.6], [114.1, 22.6]] });
    let refused = g.change(&alice, Method::PATCH, "/api/v1/areas/east", crossed).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(refused.text().contains("polygon") && refused.text().contains("interchanged"), "{}", refused.text());
    let none = g.change(&alice, Method::PATCH, "/api/v1/areas/east", json!({ "polygon": null })).await;
    assert_eq!((none.status, &none.json()["polygon"]), (StatusCode::OK, &json!([])), "{}", none.text());
}
