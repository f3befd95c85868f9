//! The API without a feed: every route behind its door, odd paths, headers, lists, pictures, description, assets, sockets.

use std::time::Duration;

use axum::{
    body::Body,
    http::{Method, StatusCode, header},
};
use bytes::Bytes;
use serde_json::{Value, json};
use skyeye::{
    config,
    types::{ChannelId, Message, Scope, Wall},
    web::{self, WebError, ports::Picture},
};

use super::support::{Gateway, JPEG, Session, request};

const ID: &str = "01938f10-0000-7000-8000-000000000000";

/// All routes of the API's own description, with something in the place of parameters.
fn routes() -> Vec<(Method, String)> {
    let document = web::openapi_document();
    let mut routes = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys() {
            let path = path.replace("channels/{id}", "channels/gate").replace("{id}", ID).replace("{action}", "close");
            let path = path.replace("{rev}", "1").replace("{z}/{x}/{y}", "0/0/0").replace("{number}", "1");
            let path = path.replace("{user}", "alice").replace("{name}", "nothing");
            assert!(!path.contains('{'), "{path}");
            routes.push((method.to_uppercase().parse().unwrap(), path));
        }
    }
    routes
}

#[tokio::test]
async fn without_a_login_only_liveness_answers() {
    let g = Gateway::new().await;
    let routes = routes();
    assert!(routes.len() >= 34, "{routes:?}");
    for (method, path) in &routes {
        let answer = g.bare(method.clone(), path).await;
        match path.as_str() {
            "/healthz" => assert_eq!((answer.status, answer.json()), (StatusCode::OK, json!({ "status": "ok" }))),
            // No body: the login itself is there, and lets nobody in.
            "/api/v1/login" => assert_eq!(answer.status, StatusCode::UNSUPPORTED_MEDIA_TYPE),
            _ => assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{method} {path}"),
        }
        assert!(answer.headers.get(header::SET_COOKIE).is_none(), "{path}");
    }
    // What no description names.
    for path in ["/api", "/api/v1", "/api/v1/persons", "/api/v2/alerts", "/metrics/x", "/mqtt/x", "/healthz/x"] {
        assert_eq!(g.bare(Method::GET, path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    for (_, path) in &routes {
        for method in [Method::PUT, Method::DELETE, Method::PATCH, Method::OPTIONS, Method::TRACE] {
            let status = g.bare(method.clone(), path).await.status;
            assert!(
                [StatusCode::METHOD_NOT_ALLOWED, StatusCode::UNAUTHORIZED].contains(&status),
                "{method} {path}: {status}"
            );
        }
    }
}

#[tokio::test]
async fn with_a_login_every_route_answers() {
    let g = Gateway::new().await;
    let session = g.alice().await;
    for (method, path) in routes() {
        if method != Method::GET || path.contains(ID) || path == "/mqtt" {
            continue;
        }
        let answer = g.get(&session, &path).await;
        // `changes` wants a cursor, an export a kind, a handover a position; the channel has no picture, the inventory no
        // revision and the map no tile yet; all were let in.
        let want = match path.as_str() {
            "/api/v1/changes" | "/api/v1/inventory/export" | "/api/v1/handovers/now" => {
                StatusCode::UNPROCESSABLE_ENTITY
            }
            "/api/v1/channels/gate/picture" | "/api/v1/inventory/revisions/1" | "/api/v1/map/tiles/0/0/0" => {
                StatusCode::NOT_FOUND
            }
            _ => StatusCode::OK,
        };
        assert_eq!(answer.status, want, "{path}: {}", answer.text());
    }
}

#[tokio::test]
async fn odd_paths_are_refused_before_anything_reads_them() {
    let g = Gateway::new().await;
    let session = g.alice().await;
    for path in [
        "/api/v1/channels/..%2f..%2fmetrics",
        "/api%2fv1/session",
        "/api//v1/session",
        "//api/v1/session",
        "/api/v1/../v1/session",
        "/assets/../index.html",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/assets/%5c..%5c",
        "/api/v1/events/%00/snapshot",
    ] {
        let answer = g.get(&session, path).await;
        assert_eq!((answer.status, answer.kind().as_str()), (StatusCode::BAD_REQUEST, "bad_request"), "{path}");
    }
    let long = format!("/api/v1/alerts?channel={}", "x".repeat(20_000));
    assert_eq!(g.get(&session, &long).await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn every_answer_carries_the_headers() {
    let g = Gateway::new().await;
    let session = g.alice().await;
    for path in ["/", "/alerts", "/missing.js", "/healthz", "/api/v1/session", "/api/v1/nothing", "/a//b", "/metrics"] {
        let answer = g.get(&session, path).await;
        let csp = answer.header("content-security-policy");
        for part in [
            "default-src 'self'",
            "script-src 'self'",
            "worker-src 'self'",
            "frame-ancestors 'none'",
            "object-src 'none'",
        ] {
            assert!(csp.contains(part), "{path}: {csp}");
        }
        assert!(!csp.contains("unsafe") && !csp.contains('*'), "{csp}");
        for (name, want) in [
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
        ] {
            assert_eq!(answer.header(name), want, "{path}");
        }
        assert_eq!(answer.header("strict-transport-security"), "", "no TLS here");
        if path.starts_with("/api") || path == "/metrics" {
            assert_eq!(answer.header("cache-control"), "no-store", "{path}");
        }
    }
}

#[tokio::test]
async fn bodies_are_bounded_and_told_what_is_wrong() {
    let g = Gateway::new().await;
    let session = g.alice().await;
    let alert = g.world.open_alert("gate").id;
    let path = format!("/api/v1/alerts/{alert}/acknowledge");
    let cases = [
        (json!({ "note": "x".repeat(70_000) }), StatusCode::PAYLOAD_TOO_LARGE),
        (json!({ "note": "x".repeat(2001) }), StatusCode::UNPROCESSABLE_ENTITY),
        (json!({ "nota": "x" }), StatusCode::UNPROCESSABLE_ENTITY),
        (json!("x"), StatusCode::UNPROCESSABLE_ENTITY),
    ];
    for (body, want) in cases {
        assert_eq!(g.post(&session, &path, body).await.status, want);
    }
    let wrong = g.post(&session, "/api/v1/password", json!({ "old": "canary", "now": "canary" })).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(!wrong.text().contains("canary"), "{}", wrong.text());
}

#[tokio::test]
async fn alerts_are_listed_paged_and_handled() {
    let g = Gateway::new().await;
    let session = g.alice().await;
    let alerts: Vec<_> = (0..5).map(|i| g.world.open_alert(if i == 4 { "yard" } else { "gate" })).collect();
    let ids =
        |page: &Value| -> Vec<Value> { page["alerts"].as_array().unwrap().iter().map(|a| a["id"].clone()).collect() };
    let page = g.get(&session, "/api/v1/alerts?limit=2").await.json();
    assert_eq!(ids(&page), [json!(alerts[4].id), json!(alerts[3].id)]);
    assert_eq!((&page["cursor"], &page["next"]), (&json!(5), &json!(4)));
    let page = g.get(&session, "/api/v1/alerts?limit=2&before=2").await.json();
    assert_eq!((ids(&page), &page["next"]), (vec![json!(alerts[0].id)], &Value::Null));
    assert_eq!(ids(&g.get(&session, "/api/v1/alerts?channel=yard&state=new").await.json()).len(), 1);
    for bad in ["state=none", "channel=A%20b", "limit=x", "before=x"] {
        assert_eq!(g.get(&session, &format!("/api/v1/alerts?{bad}")).await.kind(), "invalid", "{bad}");
    }

    let id = alerts[0].id;
    let act = format!("/api/v1/alerts/{id}/acknowledge");
    let done = g.post(&session, &act, json!({ "rev": 1, "note": "on my way" })).await;
    assert_eq!((done.status, &done.json()["state"]), (StatusCode::OK, &json!("acknowledged")));
    assert_eq!(done.json()["owner"], json!("alice"));
    let late = g.post(&session, &act, json!({ "rev": 1 })).await;
    assert_eq!((late.status, late.kind().as_str()), (StatusCode::CONFLICT, "conflict"));
    assert_eq!(late.json()["alert"]["owner"], json!("alice"), "the one who was late sees who has it");
    assert!(late.json()["error"]["message"].as_str().unwrap().contains("alice"));
    let detail = g.get(&session, &format!("/api/v1/alerts/{id}")).await.json();
    assert_eq!((&detail["alert"]["rev"], &detail["history"][0]["action"]), (&json!(2), &json!("opened")));
    assert_eq!(
        g.post(&session, &format!("/api/v1/alerts/{id}/explode"), json!({})).await.status,
        StatusCode::NOT_FOUND
    );
    assert_eq!(g.post(&session, &format!("/api/v1/alerts/{ID}/close"), json!({})).await.status, StatusCode::NOT_FOUND);
    assert_eq!(g.get(&session, "/api/v1/alerts?state=open").await.json()["alerts"].as_array().unwrap().len(), 5);
    assert_eq!(g.get(&session, "/api/v1/alerts?state=new").await.json()["alerts"].as_array().unwrap().len(), 4);
}

#[tokio::test]
async fn changes_go_on_where_the_client_was_and_say_when_they_cannot() {
    let g = Gateway::new().await;
    let session = g.alice().await;
    for _ in 0..3 {
        g.world.open_alert("gate");
    }
    let cleared = Message {
        topic: "skyeye/v1/nb/alert/x".into(),
        payload: Bytes::new(),
        retain: true,
        scope: Scope::Node,
        cursor: Some(0),
    };
    g.world.say(cleared);
    let page = g.get(&session, "/api/v1/changes?after=0&limit=2").await.json();
    let cursors = |page: &Value| -> Vec<i64> {
        page["changes"].as_array().unwrap().iter().map(|c| c["cursor"].as_i64().unwrap()).collect()
    };
    assert_eq!((cursors(&page), &page["more"], &page["cursor"]), (vec![1, 2], &json!(true), &json!(2)));
    let page = g.get(&session, "/api/v1/changes?after=2").await.json();
    assert_eq!((cursors(&page), &page["more"]), (vec![3], &json!(false)));
    assert_eq!(page["cursor"], json!(4), "an empty payload says nothing but is passed");
    let page = g.get(&session, "/api/v1/changes?after=4").await.json();
    assert_eq!((cursors(&page), &page["cursor"]), (vec![], &json!(4)));
    *g.world.kept_after.lock().unwrap() = 2;
    let gone = g.get(&session, "/api/v1/changes?after=1").await;
    assert_eq!((gone.status, gone.kind().as_str()), (StatusCode::GONE, "gone"));
    assert_eq!(g.get(&session, "/api/v1/changes?after=-1").await.kind(), "invalid");
}

#[tokio::test]
async fn a_snapshot_is_cached_by_its_viewer_and_looking_is_on_record() {
    let g = Gateway::new().await;
    let session = g.alice().await;
    let alert = g.world.open_alert("gate");
    let path = format!("/api/v1/events/{}/snapshot", alert.last_event);
    let answer = g.get(&session, &path).await;
    assert_eq!((answer.status, &answer.body[..], answer.header("content-type")), (StatusCode::OK, JPEG, "image/jpeg"));
    assert!(answer.header("cache-control").contains("private") && answer.header("cache-control").contains("no-cache"));
    let again = request(Method::GET, &path)
        .header(header::COOKIE, &session.cookie)
        .header(header::IF_NONE_MATCH, answer.header("etag"));
    let again = g.send(again.body(Body::empty()).unwrap()).await;
    assert_eq!((again.status, again.body.len()), (StatusCode::NOT_MODIFIED, 0));
    assert_eq!(g.get(&session, &format!("/api/v1/events/{ID}/snapshot")).await.status, StatusCode::NOT_FOUND);
    let viewed: Vec<_> = g.audited().await.into_iter().filter(|(_, a, _)| a == "snapshot_viewed").collect();
    assert_eq!(viewed, [("alice".into(), "snapshot_viewed".into(), alert.last_event.to_string())]);
}

#[tokio::test]
async fn pictures_say_their_age_and_are_limited_a_session() {
    let g = Gateway::new().await;
    let session = g.alice().await;
    let path = "/api/v1/channels/gate/picture";
    assert_eq!(g.get(&session, path).await.kind(), "no_picture");
    let picture = Picture { jpeg: Bytes::from_static(JPEG), seen: Wall(1_795_335_330_123), age_ms: 1200 };
    g.world.pictures.lock().unwrap().insert(ChannelId::new("gate").unwrap(), picture);
    let answer = g.get(&session, path).await;
    assert_eq!((&answer.body[..], answer.header("content-type")), (JPEG, "image/jpeg"));
    assert_eq!(answer.header("x-skyeye-seen"), "2026-11-22T08:15:30.123Z");
    let viewed = async |g: &Gateway| g.audited().await.into_iter().filter(|(_, a, _)| a == "live_viewed").count();
    assert_eq!(viewed(&g).await, 1, "what was not shown is not on record");
    g.get(&session, path).await;
    assert_eq!(viewed(&g).await, 1, "one view, however many pictures");
    let another = g.alice().await;
    g.get(&another, path).await;
    let rows = g.audited().await;
    assert_eq!(rows.last().unwrap(), &("alice".into(), "live_viewed".into(), "gate".into()), "another login's view");
    assert_eq!(answer.header("x-skyeye-age-ms"), "1200");
    let mut limited = None;
    for _ in 0..200 {
        let answer = g.get(&session, path).await;
        if answer.status == StatusCode::TOO_MANY_REQUESTS {
            limited = Some(answer);
        }
    }
    let limited = limited.expect("two hundred at once are too many");
    assert_eq!((limited.kind().as_str(), limited.header("retry-after")), ("too_many", "1"));
    let other = g.alice().await;
    assert_eq!(g.get(&other, path).await.status, StatusCode::OK, "another session has its own share");
}

#[tokio::test]
async fn a_channel_shows_its_host_and_never_a_credential() {
    let g = Gateway::new().await;
    let session = g.alice().await;
    let answer = g.get(&session, "/api/v1/channels").await;
    assert!(!answer.text().contains("canary") && !answer.text().contains("stream1"), "{}", answer.text());
    let gate = answer.json()["channels"][0].clone();
    let want = json!({ "id": "gate", "name": "Gate <script>", "area": ["city", "north"], "area_names": ["City", "North"],
        "stream": "sub", "transport": "tcp", "host": "192.168.1.20", "rules": ["people"], "zones": [] });
    for (key, value) in want.as_object().unwrap() {
        assert_eq!(&gate[key], value, "{key}");
    }
    assert_eq!(gate["health"]["state"], json!("running"));
    let yard = g.get(&session, "/api/v1/channels/yard").await.json();
    assert_eq!((&yard["name"], &yard["host"]), (&json!("yard"), &json!("192.168.1.21")));
}

#[tokio::test]
async fn machines_come_in_by_their_token() {
    let g = Gateway::new().await;
    let token = std::fs::read_to_string(g.dir.path().join("metrics-token")).unwrap().trim().to_owned();
    let ask = |path: &'static str, auth: String| {
        g.send(request(Method::GET, path).header(header::AUTHORIZATION, auth).body(Body::empty()).unwrap())
    };
    let answer = ask("/metrics", format!("Bearer {token}")).await;
    assert_eq!((answer.status, answer.text().as_str()), (StatusCode::OK, "skyeye_channels 2\n"));
    assert_eq!(ask("/readyz", format!("Bearer {token}")).await.json(), json!({ "ready": true, "reasons": [] }));
    g.world.not_ready.lock().unwrap().push("no model".into());
    let answer = ask("/readyz", format!("Bearer {token}")).await;
    assert_eq!((answer.status, &answer.json()["reasons"]), (StatusCode::SERVICE_UNAVAILABLE, &json!(["no model"])));
    for wrong in [
        "Bearer ".to_owned(),
        "Bearer x".into(),
        token.clone(),
        format!("Basic {token}"),
        format!("Bearer {}", &token[1..]),
    ] {
        assert_eq!(ask("/metrics", wrong.clone()).await.status, StatusCode::UNAUTHORIZED, "{wrong}");
    }
    assert_eq!(
        ask("/api/v1/alerts", format!("Bearer {token}")).await.status,
        StatusCode::UNAUTHORIZED,
        "only those two"
    );
}

#[tokio::test]
async fn the_description_is_whole_and_true() {
    let g = Gateway::new().await;
    let session = g.alice().await;
    let document = g.get(&session, "/api/v1/openapi.json").await.json();
    assert_eq!(document["openapi"], json!("3.1.0"));
    assert_eq!(document, web::openapi_document());
    let mut refs = Vec::new();
    collect_refs(&document, &mut refs);
    assert!(refs.len() > 40, "{}", refs.len());
    for reference in refs {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
    }
    let alert = &document["components"]["schemas"]["AlertPayload"];
    assert!(jsonschema::draft202012::new(&inlined(&document, alert)).is_ok());
    let mut names: Vec<_> = document["paths"]
        .as_object()
        .unwrap()
        .values()
        .flat_map(|item| item.as_object().unwrap().values())
        .map(|operation| operation["operationId"].as_str().unwrap())
        .collect();
    let all = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), all, "each operation has a name of its own");
    // What is served is what is described.
    let list = g.get(&session, "/api/v1/channels").await.json();
    let schema = inlined(&document, &document["components"]["schemas"]["ChannelList"]);
    let problems: Vec<_> =
        jsonschema::draft202012::new(&schema).unwrap().iter_errors(&list).map(|e| e.to_string()).collect();
    assert!(problems.is_empty(), "{problems:?}");
}

fn collect_refs(value: &Value, refs: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            if let Some(Value::String(r)) = map.get("$ref") {
                refs.push(r.clone());
            }
            map.values().for_each(|v| collect_refs(v, refs));
        }
        Value::Array(list) => list.iter().for_each(|v| collect_refs(v, refs)),
        _ => {}
    }
}

/// A schema that stands alone, with the document's components beside it.
fn inlined(document: &Value, schema: &Value) -> Value {
    let mut schema = schema.clone();
    schema["components"] = document["components"].clone();
    schema
}

#[tokio::test]
async fn views_get_the_page_and_missing_files_do_not() {
    let g = Gateway::empty().await;
    for path in ["/", "/alerts", "/channels/gate"] {
        let answer = g.bare(Method::GET, path).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}");
        assert!(answer.header("content-type").starts_with("text/html"), "{path}");
        assert_eq!(answer.header("cache-control"), "no-cache", "{path}");
    }
    for path in ["/assets/none.js", "/none.map", "/skyeye.db", "/config/skyeye.toml"] {
        assert_eq!(g.bare(Method::GET, path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    assert_eq!(g.bare(Method::POST, "/").await.status, StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn no_socket_beyond_loopback_without_tls_or_a_word() {
    let with = |listen: &str| config::Web { listen: listen.into(), ..Default::default() };
    for listen in ["0.0.0.0:0", "[::]:0"] {
        assert!(matches!(web::bind(&with(listen)), Err(WebError::Plain(_))), "{listen}");
        assert!(web::bind(&config::Web { allow_plain: true, ..with(listen) }).is_ok(), "{listen}");
    }
    assert!(matches!(web::bind(&with("localhost")), Err(WebError::Address(_))));
    let bound = web::bind(&with("127.0.0.1:0")).unwrap();
    let taken = web::bind(&with(&bound.address().to_string())).unwrap_err();
    assert!(matches!(taken, WebError::Listen { .. }), "{taken}");
}

#[tokio::test]
async fn a_database_that_is_gone_is_said_and_not_shown() {
    let g = Gateway::new().await;
    let session: Session = g.alice().await;
    sqlx_free(&g).await;
    let answer = tokio::time::timeout(Duration::from_secs(20), g.get(&session, "/api/v1/alerts")).await.unwrap();
    assert_eq!((answer.status, answer.kind().as_str()), (StatusCode::SERVICE_UNAVAILABLE, "unavailable"));
    assert!(!answer.text().to_lowercase().contains("sql") && !answer.text().contains("pool"), "{}", answer.text());
    assert_eq!(g.bare(Method::GET, "/healthz").await.status, StatusCode::OK);
}

async fn sqlx_free(g: &Gateway) {
    g.store.close().await;
}

#[tokio::test]
async fn built_files_are_kept_by_the_browser_and_packed() {
    let page = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("console/dist/index.html");
    let Ok(page) = std::fs::read_to_string(page) else {
        println!("skipped: console/dist is not built");
        return;
    };
    let g = Gateway::empty().await;
    let script = page.split("src=\"").nth(1).unwrap().split('"').next().unwrap();
    assert!(!page.contains("<script>") && !page.contains("<style"), "the policy allows nothing inside the page");
    let get = |headers: &'static [(&'static str, &'static str)], tag: String| {
        let mut request = request(Method::GET, script);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if !tag.is_empty() {
            request = request.header(header::IF_NONE_MATCH, tag);
        }
        g.send(request.body(Body::empty()).unwrap())
    };
    let answer = get(&[], String::new()).await;
    assert_eq!(answer.status, StatusCode::OK, "{script}");
    assert!(answer.header("content-type").contains("javascript"), "{}", answer.header("content-type"));
    assert!(answer.header("cache-control").contains("immutable"));
    let packed = get(&[("accept-encoding", "gzip")], String::new()).await;
    assert_eq!(packed.header("content-encoding"), "gzip");
    assert!(packed.body.len() < answer.body.len() / 2, "{} {}", packed.body.len(), answer.body.len());
    let again = get(&[], answer.header("etag").to_owned()).await;
    assert_eq!((again.status, again.body.len()), (StatusCode::NOT_MODIFIED, 0));
}
