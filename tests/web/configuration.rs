//! Changing what is configured: channels, areas, credentials, imports, taking back; who may, and what he is told.

use axum::{
    body::Body,
    http::{Method, StatusCode, header},
};
use serde_json::{Value, json};
use skyeye::{
    config::Channel,
    inventory::{Edit, Expect, Op, Source},
    types::AreaId,
    web::auth::Areas,
};

use super::support::{Answer, Gateway, PASSWORD, Session, request};

const URL: &str = "rtsp://192.168.1.30/stream2";

async fn north_only(g: &Gateway) -> Session {
    g.add_user("nina", Areas::Subtrees(vec![AreaId::new("north").unwrap()])).await;
    g.login("nina", PASSWORD).await
}

async fn add(g: &Gateway, session: &Session, body: Value) -> Answer {
    g.post(session, "/api/v1/channels", body).await
}

fn said(answer: &Answer) -> String {
    answer.json()["error"]["message"].as_str().unwrap_or_default().to_owned()
}

async fn import(g: &Gateway, session: &Session, query: &str, body: impl Into<Body>) -> Answer {
    let request = request(Method::POST, &format!("/api/v1/inventory/import?{query}"))
        .header(header::COOKIE, &session.cookie)
        .header("x-csrf-token", &session.csrf);
    g.send(request.body(body.into()).unwrap()).await
}

#[tokio::test]
async fn a_channel_is_added_changed_and_retired_and_all_of_it_is_on_record() {
    let g = Gateway::new().await;
    let alice = g.alice().await;
    let made = add(&g, &alice, json!({ "name": "North Gate", "url": URL, "area": "north", "tags": ["school"] })).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text());
    let made = made.json();
    assert_eq!(
        (&made["id"], &made["origin"], &made["config"]["rev"]),
        (&json!("north-gate"), &json!("inventory"), &json!(1))
    );
    assert_eq!((&made["config"]["url"], &made["area"]), (&json!(URL), &json!(["city", "north"])));

    let path = "/api/v1/channels/north-gate";
    let changed =
        g.change(&alice, Method::PATCH, path, json!({ "name": "Gate", "weight": 2.0, "expect_rev": 1 })).await;
    assert_eq!(changed.status, StatusCode::OK, "{}", changed.text());
    assert_eq!((&changed.json()["name"], &changed.json()["config"]["rev"]), (&json!("Gate"), &json!(2)));
    let late = g.change(&alice, Method::PATCH, path, json!({ "name": "Door", "expect_rev": 1 })).await;
    assert_eq!((late.status, late.kind().as_str()), (StatusCode::CONFLICT, "conflict"));
    assert!(said(&late).contains("revision 2"), "{}", late.text());

    assert_eq!(g.change(&alice, Method::DELETE, path, json!({})).await.status, StatusCode::NO_CONTENT);
    assert_eq!(g.get(&alice, path).await.status, StatusCode::NOT_FOUND);
    // Its id is not made again.
    let again = add(&g, &alice, json!({ "name": "North Gate", "url": URL })).await.json();
    assert_eq!(again["id"], json!("north-gate-2"));

    let on_record: Vec<_> = g
        .audited()
        .await
        .into_iter()
        .filter(|(_, a, _)| a == "configuration_changed")
        .map(|(u, _, w)| (u, w))
        .collect();
    let want = ["added", "changed", "removed", "added"];
    assert_eq!(on_record.len(), want.len(), "{on_record:?}");
    for (i, ((user, what), want)) in on_record.iter().zip(want).enumerate() {
        assert_eq!(user, "alice");
        assert!(what.starts_with(&format!("revision {}:", i + 1)) && what.contains(want), "{what}");
    }
    let history = g.get(&alice, "/api/v1/inventory/revisions").await.json();
    assert_eq!((&history["rev"], history["revisions"].as_array().unwrap().len()), (&json!(4), 4));
    assert_eq!(history["revisions"][2]["source"], json!("api"));
    let made = "north-gate-2";
    let of_one = g.get(&alice, &format!("/api/v1/inventory/revisions?channel={made}")).await.json();
    let told: Vec<_> = of_one["revisions"].as_array().unwrap().iter().map(|r| (&r["rev"], &r["changes"])).collect();
    assert_eq!((told.len(), told[0].0, &told[0].1[0]["id"]), (1, &json!(4), &json!(made)), "{of_one}");
    let of_none = g.get(&alice, "/api/v1/inventory/revisions?channel=nowhere").await.json();
    assert_eq!((&of_none["rev"], &of_none["revisions"]), (&json!(4), &json!([])));
    let one = g.get(&alice, "/api/v1/inventory/revisions/2").await.json();
    let fields: Vec<_> = one["changes"][0]["fields"].as_array().unwrap().iter().map(|f| f["field"].clone()).collect();
    assert_eq!(fields, [json!("name"), json!("weight")]);
}

#[tokio::test]
async fn what_is_wrong_is_said_and_changes_nothing() {
    let g = Gateway::new().await;
    let alice = g.alice().await;
    for (body, needle) in [
        (json!({ "url": "rtsp://root:canary@192.168.1.30/" }), "credential"),
        (json!({ "url": "rtsp://169.254.169.254/latest" }), "link-local"),
        (json!({ "name": "x" }), "url"),
        (json!({ "url": URL, "area": "nowhere" }), "nowhere"),
        (json!({ "url": URL, "wieght": 1 }), "wieght"),
        (json!({ "url": URL, "weight": "canary" }), "weight"),
        (json!({ "url": URL, "lat": 22.5 }), "lon"),
        (json!({ "url": URL, "id": "Bad Id" }), "id"),
    ] {
        let answer = add(&g, &alice, body.clone()).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{body}: {}", answer.text());
        assert!(said(&answer).contains(needle) && !answer.text().contains("canary"), "{body}: {}", answer.text());
    }
    let taken = add(&g, &alice, json!({ "id": "gate", "url": URL })).await;
    assert_eq!(taken.status, StatusCode::CONFLICT, "{}", taken.text());
    for (method, body) in [(Method::PATCH, json!({ "name": "x" })), (Method::DELETE, json!({}))] {
        let of_file = g.change(&alice, method, "/api/v1/channels/gate", body).await;
        assert_eq!(of_file.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(said(&of_file).contains("configuration file"), "{}", of_file.text());
    }
    let none = g.change(&alice, Method::PATCH, "/api/v1/channels/nowhere", json!({ "name": "x" })).await;
    assert_eq!(none.status, StatusCode::NOT_FOUND);
    assert_eq!(g.get(&alice, "/api/v1/inventory/revisions").await.json()["rev"], json!(0));
}

#[tokio::test]
async fn many_are_changed_in_one_revision_and_those_that_cannot_be_are_named() {
    let g = Gateway::new().await;
    let alice = g.alice().await;
    for i in 0..3 {
        let body = json!({ "id": format!("c{i}"), "url": format!("rtsp://10.0.0.{i}/"), "tags": ["old"] });
        assert_eq!(add(&g, &alice, body).await.status, StatusCode::CREATED);
    }
    let set = json!({ "enabled": false, "area": "south", "add_tags": ["new"], "remove_tags": ["old"] });
    let answer =
        g.post(&alice, "/api/v1/inventory/bulk", json!({ "ids": ["c0", "c1", "gate", "none"], "set": set })).await;
    let told = answer.json();
    assert_eq!((&told["rev"], &told["changed"]), (&json!(4), &json!(2)), "{told}");
    let reasons: Vec<_> = told["refused"].as_array().unwrap().iter().map(|r| r["id"].as_str().unwrap()).collect();
    assert_eq!(reasons, ["gate", "none"]);
    let c0 = g.get(&alice, "/api/v1/channels/c0").await.json();
    assert_eq!((&c0["enabled"], &c0["tags"], &c0["area"][1]), (&json!(false), &json!(["new"]), &json!("south")));
    assert_eq!(g.get(&alice, "/api/v1/channels/c2").await.json()["tags"], json!(["old"]));

    for (body, needle) in [
        (json!({ "ids": ["c0"] }), "remove"),
        (json!({ "ids": ["c0"], "set": { "url": URL } }), "url"),
        (json!({ "ids": ["c0"], "set": { "add_tags": "x" } }), "add_tags"),
        (json!({ "ids": ["c0"], "set": { "area": "nowhere" } }), "nowhere"),
    ] {
        let answer = g.post(&alice, "/api/v1/inventory/bulk", body.clone()).await;
        assert!(answer.text().contains(needle), "{body}: {}", answer.text());
    }
    let answer =
        g.post(&alice, "/api/v1/inventory/bulk", json!({ "ids": ["c0", "c1", "c2"], "remove": true })).await.json();
    assert_eq!(answer["changed"], json!(3));
    // A list of ten thousand is no large body.
    let ids: Vec<_> = (0..10_000).map(|i| format!("44030500001320{i:06}")).collect();
    let answer = g.post(&alice, "/api/v1/inventory/bulk", json!({ "ids": ids, "remove": true })).await;
    assert_eq!((answer.status, answer.json()["refused"].as_array().unwrap().len()), (StatusCode::OK, 10_000));
}

/// No id is a word of the API.
#[tokio::test]
async fn a_channel_may_be_called_as_any_route() {
    let g = Gateway::new().await;
    let alice = g.alice().await;
    for id in ["bulk", "import", "channels", "picture", "states"] {
        assert_eq!(add(&g, &alice, json!({ "id": id, "url": URL })).await.status, StatusCode::CREATED, "{id}");
        let path = format!("/api/v1/channels/{id}");
        let changed = g.change(&alice, Method::PATCH, &path, json!({ "name": "Door" })).await;
        assert_eq!((changed.status, &changed.json()["name"]), (StatusCode::OK, &json!("Door")), "{id}");
        assert_eq!(g.get(&alice, &path).await.json()["id"], json!(id));
        assert_eq!(g.change(&alice, Method::DELETE, &path, json!({})).await.status, StatusCode::NO_CONTENT, "{id}");
    }
}

#[tokio::test]
async fn areas_and_credentials_come_and_go_with_what_hangs_on_them() {
    let g = Gateway::new().await;
    let alice = g.alice().await;
    let area = json!({ "name": "East", "kind": "community", "parent": "north", "people": [{ "name": "Li Na" }] });
    let made = g.post(&alice, "/api/v1/areas", area).await;
    assert_eq!((made.status, &made.json()["id"]), (StatusCode::CREATED, &json!("east")), "{}", made.text());
    let cam = json!({ "username": "viewer", "password": "canary-viewer" });
    let put = g.change(&alice, Method::PUT, "/api/v1/credentials/rec", cam).await;
    assert_eq!(put.status, StatusCode::NO_CONTENT, "{}", put.text());
    add(&g, &alice, json!({ "id": "door", "url": URL, "area": "east", "credential": "rec" })).await;

    let areas = g.get(&alice, "/api/v1/areas").await.json();
    let of = |id: &str| areas["areas"].as_array().unwrap().iter().find(|a| a["id"] == id).unwrap().clone();
    assert_eq!(
        (&of("city")["channels"], &of("north")["channels"], &of("east")["channels"]),
        (&json!(3), &json!(2), &json!(1))
    );
    assert_eq!((&of("east")["origin"], &of("north")["origin"]), (&json!("inventory"), &json!("file")));
    let credentials = g.get(&alice, "/api/v1/credentials").await;
    assert!(!credentials.text().contains("canary"), "{}", credentials.text());
    let rec = credentials.json()["credentials"][1].clone();
    assert_eq!((&rec["id"], &rec["username"], &rec["channels"]), (&json!("rec"), &json!("viewer"), &json!(1)));

    for (path, needle) in [("/api/v1/areas/east", "1 channels"), ("/api/v1/credentials/rec", "1 channels")] {
        let kept = g.change(&alice, Method::DELETE, path, json!({})).await;
        assert_eq!(kept.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(said(&kept).contains(needle), "{}", kept.text());
    }
    let moved =
        g.change(&alice, Method::PATCH, "/api/v1/areas/east", json!({ "name": "Far east", "parent": "south" })).await;
    assert_eq!(
        (&moved.json()["name"], &moved.json()["parent"]),
        (&json!("Far east"), &json!("south")),
        "{}",
        moved.text()
    );
    assert_eq!(g.get(&alice, "/api/v1/channels/door").await.json()["area"], json!(["city", "south", "east"]));
    for path in ["/api/v1/channels/door", "/api/v1/areas/east", "/api/v1/credentials/rec"] {
        assert_eq!(g.change(&alice, Method::DELETE, path, json!({})).await.status, StatusCode::NO_CONTENT, "{path}");
    }
    let all = g.get(&alice, "/api/v1/inventory/revisions/2").await.text();
    assert!(all.contains("[changed]") && !all.contains("canary"), "{all}");
}

#[tokio::test]
async fn a_list_is_planned_applied_exported_and_taken_back() {
    let g = Gateway::new().await;
    let alice = g.alice().await;
    let csv = "id,name,url,area\r\na,East,rtsp://10.0.0.1/,north\r\nb,West,rtsp://10.0.0.2/,south\r\n";
    let plan = import(&g, &alice, "kind=channels&filename=list.csv", csv).await;
    assert_eq!(plan.status, StatusCode::OK, "{}", plan.text());
    let plan = plan.json();
    assert_eq!(
        (plan["added"].as_array().unwrap().len(), &plan["applied"], &plan["base_rev"]),
        (2, &json!(false), &json!(0))
    );
    assert_eq!(g.get(&alice, "/api/v1/channels/a").await.status, StatusCode::NOT_FOUND, "nothing was changed");
    let done = import(&g, &alice, "kind=channels&filename=list.csv&apply=true&expect_rev=0", csv).await.json();
    assert_eq!((&done["applied"], &done["rev"]), (&json!(true), &json!(1)), "{done}");
    assert_eq!(g.get(&alice, "/api/v1/channels/a").await.json()["name"], json!("East"));
    let late = import(&g, &alice, "kind=channels&filename=list.csv&apply=true&expect_rev=0", csv).await;
    assert_eq!(late.status, StatusCode::CONFLICT);

    let file = g.get(&alice, "/api/v1/inventory/export?kind=channels&format=csv").await;
    assert!(file.header("content-disposition").contains("channels.csv"));
    let same = import(&g, &alice, "kind=channels&filename=channels.csv", file.body.clone()).await.json();
    assert_eq!((&same["unchanged"], &same["added"], &same["changed"]), (&json!(2), &json!([]), &json!([])), "{same}");

    let bad = "id,url\r\nc,rtsp://u:canary@10.0.0.3/\r\nd,rtsp://10.0.0.4/\r\n";
    let refused = import(&g, &alice, "kind=channels&filename=bad.csv&apply=true", bad).await;
    assert_eq!((refused.status, &refused.json()["applied"]), (StatusCode::OK, &json!(false)));
    assert_eq!(refused.json()["refused"][0]["row"], json!(2));
    assert!(!refused.text().contains("canary"), "{}", refused.text());

    let undone = g.post(&alice, "/api/v1/inventory/revisions/1/undo", json!({})).await;
    assert_eq!((undone.status, &undone.json()["rev"]), (StatusCode::OK, &json!(2)), "{}", undone.text());
    assert_eq!(g.get(&alice, "/api/v1/channels/a").await.status, StatusCode::NOT_FOUND);
    let twice = g.post(&alice, "/api/v1/inventory/revisions/1/undo", json!({})).await;
    assert_eq!((twice.status, twice.kind().as_str()), (StatusCode::CONFLICT, "conflict"));
    assert!(said(&twice).contains("revision 2"), "{}", twice.text());

    for (query, want) in [
        ("kind=credentials&filename=x.csv", StatusCode::UNPROCESSABLE_ENTITY),
        ("kind=channels&filename=x.csv&map=x", StatusCode::UNPROCESSABLE_ENTITY),
        ("filename=x.csv", StatusCode::UNPROCESSABLE_ENTITY),
    ] {
        assert_eq!(import(&g, &alice, query, "id\r\n").await.status, want, "{query}");
    }
    let large = import(&g, &alice, "kind=channels&filename=x.csv", vec![b'x'; (32 << 20) + 1]).await;
    assert_eq!(large.status, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn a_login_of_one_street_changes_what_is_its_own_and_sees_no_more() {
    let g = Gateway::new().await;
    let (alice, nina) = (g.alice().await, north_only(&g).await);
    add(&g, &alice, json!({ "id": "n", "url": URL, "area": "north", "credential": "cam" })).await;
    add(&g, &alice, json!({ "id": "s", "url": "rtsp://10.0.0.9/", "area": "south" })).await;
    g.change(&alice, Method::PUT, "/api/v1/credentials/other", json!({ "username": "u", "password": "p" })).await;
    let put = |id: &'static str, body: Value| {
        let (g, nina) = (&g, &nina);
        async move { g.change(nina, Method::PATCH, &format!("/api/v1/channels/{id}"), body).await.status }
    };
    assert_eq!(put("n", json!({ "name": "x" })).await, StatusCode::OK);
    assert_eq!(put("s", json!({ "name": "x" })).await, StatusCode::NOT_FOUND, "not its own");
    assert_eq!(put("n", json!({ "area": "south" })).await, StatusCode::NOT_FOUND, "nor out of its own");
    assert_eq!(put("n", json!({ "area": null })).await, StatusCode::FORBIDDEN);
    assert_eq!(put("n", json!({ "credential": "other" })).await, StatusCode::NOT_FOUND, "a password of others");
    assert_eq!(add(&g, &nina, json!({ "id": "n2", "url": URL, "area": "north" })).await.status, StatusCode::CREATED);
    assert_eq!(add(&g, &nina, json!({ "id": "n3", "url": URL, "area": "south" })).await.status, StatusCode::NOT_FOUND);
    assert_eq!(add(&g, &nina, json!({ "id": "n3", "url": URL })).await.status, StatusCode::FORBIDDEN);
    assert_eq!(g.change(&nina, Method::DELETE, "/api/v1/channels/s", json!({})).await.status, StatusCode::NOT_FOUND);
    let bulk = json!({ "ids": ["n", "s"], "set": { "weight": 3.0 } });
    let bulk = g.post(&nina, "/api/v1/inventory/bulk", bulk).await.json();
    assert_eq!((&bulk["changed"], &bulk["refused"]), (&json!(1), &json!([{ "id": "s", "reason": "no such channel" }])));

    let area = |parent: &str| json!({ "name": "Grid", "kind": "grid", "parent": parent });
    assert_eq!(g.post(&nina, "/api/v1/areas", area("north")).await.status, StatusCode::CREATED);
    assert_eq!(g.post(&nina, "/api/v1/areas", area("south")).await.status, StatusCode::NOT_FOUND);
    let ids: Vec<_> = g.get(&nina, "/api/v1/areas").await.json()["areas"]
        .as_array()
        .unwrap()
        .iter()
        .map(|a| (a["id"].as_str().unwrap().to_owned(), a["channels"].as_u64().unwrap()))
        .collect();
    assert_eq!(
        ids,
        [("city".into(), 3), ("north".into(), 3), ("grid".into(), 0)],
        "what is above, with its own counts"
    );
    let credentials = g.get(&nina, "/api/v1/credentials").await.json();
    assert_eq!(credentials["credentials"].as_array().unwrap().len(), 1, "only what its channels use");
    let export = g.get(&nina, "/api/v1/inventory/export?kind=channels&format=json").await.text();
    assert!(export.contains("\"n2\"") && !export.contains("10.0.0.9"), "{export}");

    for path in ["/api/v1/inventory/revisions", "/api/v1/inventory/revisions/1"] {
        assert_eq!(g.get(&nina, path).await.status, StatusCode::FORBIDDEN, "{path}");
    }
    let undo = g.post(&nina, "/api/v1/inventory/revisions/1/undo", json!({})).await;
    assert_eq!(undo.status, StatusCode::FORBIDDEN);
    assert_eq!(import(&g, &nina, "kind=channels&filename=x.csv", "id,url\r\n").await.status, StatusCode::FORBIDDEN);
    let put = json!({ "username": "u", "password": "p" });
    for method in [Method::PUT, Method::DELETE] {
        let answer = g.change(&nina, method, "/api/v1/credentials/cam", put.clone()).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN);
    }
}

#[tokio::test]
async fn no_change_without_the_token_and_none_from_another_page() {
    let g = Gateway::new().await;
    let alice = g.alice().await;
    let routes = [
        (Method::POST, "/api/v1/channels"),
        (Method::PATCH, "/api/v1/channels/gate"),
        (Method::DELETE, "/api/v1/channels/gate"),
        (Method::POST, "/api/v1/inventory/bulk"),
        (Method::POST, "/api/v1/areas"),
        (Method::PUT, "/api/v1/credentials/cam"),
        (Method::POST, "/api/v1/inventory/import?kind=channels&apply=true"),
        (Method::POST, "/api/v1/inventory/revisions/1/undo"),
    ];
    for (method, path) in routes {
        let ask = |csrf: &str, origin: &'static str| {
            let request = request(method.clone(), path)
                .header(header::COOKIE, &alice.cookie)
                .header("x-csrf-token", csrf)
                .header(header::ORIGIN, origin)
                .header(header::CONTENT_TYPE, "application/json");
            g.send(request.body(Body::from("{}")).unwrap())
        };
        assert_eq!(ask("", "http://gateway.test:8080").await.status, StatusCode::FORBIDDEN, "{method} {path}");
        assert_eq!(ask(&alice.csrf, "https://evil.example").await.status, StatusCode::FORBIDDEN, "{method} {path}");
    }
    assert_eq!(g.get(&alice, "/api/v1/inventory/revisions").await.json()["rev"], json!(0));
}

#[tokio::test]
async fn who_may_change_a_thing_is_judged_by_where_it_is_and_not_by_where_it_runs() {
    let g = Gateway::new().await;
    let (alice, nina) = (g.alice().await, north_only(&g).await);
    let made = add(&g, &alice, json!({ "id": "n", "name": "North", "url": URL, "area": "north" })).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text());
    // Moved away by another, and not in force yet.
    let before = g.world.inventory.snapshot().await.unwrap();
    let stored = before.channel("n").unwrap().value.clone();
    let moved = Channel { area: Some(AreaId::new("south").unwrap()), ..stored };
    let edit = Edit {
        ops: vec![Op::PutChannel(Box::new(moved))],
        author: "alice".into(),
        source: Source::Cli,
        summary: String::new(),
        expect: Expect::Untouched(before.rev),
    };
    g.world.inventory.edit(&g.world.config, edit).await.unwrap();
    let path = "/api/v1/channels/n";
    for (method, body) in [(Method::PATCH, json!({ "name": "Mine" })), (Method::DELETE, json!({}))] {
        let refused = g.change(&nina, method.clone(), path, body).await;
        assert_eq!(refused.kind(), "not_found", "{method}: {}", refused.text());
    }
    let newest = g.world.inventory.snapshot().await.unwrap();
    let channel = &newest.channel("n").unwrap().value;
    assert_eq!((channel.name.as_str(), channel.area.as_ref().map(AreaId::as_str)), ("North", Some("south")));
}
