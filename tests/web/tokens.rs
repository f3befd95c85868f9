//! Tokens for programs: what each scope reaches, under which name it acts, and that a token ends.

use axum::http::{Method, StatusCode, header};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use skyeye::{
    store::tokens::TokenRow,
    types::{AlertId, Wall},
    web::auth::Areas,
};

use super::support::{Gateway, PASSWORD, Session, request};

#[tokio::test]
async fn a_token_is_shown_once_and_stored_as_a_digest() {
    let g = Gateway::new().await;
    let alice = g.alice().await;
    let body = json!({ "name": "report", "scope": "read", "areas": ["north"], "days": 30 });
    let made = g.post(&alice, "/api/v1/tokens", body.clone()).await;
    assert_eq!((made.status, made.header("cache-control")), (StatusCode::CREATED, "no-store"));
    let token = made.json()["token"].as_str().unwrap().to_owned();
    assert!(token.starts_with("skyeye_") && token.len() == 71, "{token}");
    assert_eq!(g.post(&alice, "/api/v1/tokens", body).await.kind(), "conflict");

    let list = g.get(&alice, "/api/v1/tokens").await;
    assert!(!list.text().contains(&token));
    let row = &list.json()["tokens"][0];
    assert_eq!((&row["name"], &row["last"], &row["expired"]), (&json!("report"), &Value::Null, &json!(false)));
    let session = g.with_token(&token, Method::GET, "/api/v1/session", Value::Null).await.json();
    assert_eq!(
        (&session["user"], &session["role"], &session["areas"], &session["rights"], &session["csrf"]),
        (&json!("token.report"), &json!("read"), &json!(["north"]), &json!(["see"]), &json!(""))
    );
    assert!(g.get(&alice, "/api/v1/tokens").await.json()["tokens"][0]["last"].is_string(), "its use is written down");

    let raw = hex::decode(&token[7..]).unwrap();
    for path in std::fs::read_dir(g.dir.path()).unwrap().map(|e| e.unwrap().path()).filter(|p| p.is_file()) {
        let bytes = std::fs::read(&path).unwrap();
        let holds = |needle: &[u8]| bytes.windows(needle.len()).any(|w| w == needle);
        assert!(!holds(&token.as_bytes()[7..]) && !holds(&raw), "{} holds a token", path.display());
    }
    for (body, why) in [
        (json!({ "name": "a b", "scope": "read", "days": 1 }), "name: use"),
        (json!({ "name": "x".repeat(59), "scope": "read", "days": 1 }), "name: use"),
        (
            json!({ "name": "x", "scope": "administrator", "days": 1 }),
            "scope: must be one of read, act, feedback, configure",
        ),
        (json!({ "name": "x", "scope": "read", "days": 367 }), "days: must be 1 to 366"),
        (json!({ "name": "x", "scope": "read", "days": 0 }), "days: must be 1 to 366"),
        (json!({ "name": "x", "scope": "read", "days": 1, "areas": ["east"] }), "areas: there is no area 'east'"),
    ] {
        let answer = g.post(&alice, "/api/v1/tokens", body).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(answer.text().contains(why), "{}", answer.text());
    }
}

#[tokio::test]
async fn a_program_acts_under_its_tokens_name_and_within_its_areas() {
    let g = Gateway::new().await;
    let (near, far) = (g.world.open_alert("gate"), g.world.open_alert("yard"));
    let token = g.token("dispatch-desk", "act", Some(&["north"])).await;
    let act = async |id: AlertId, action: &str, body: Value| {
        g.with_token(&token, Method::POST, &format!("/api/v1/alerts/{id}/{action}"), body).await
    };
    let taken = act(near.id, "acknowledge", json!({})).await;
    assert_eq!((taken.status, &taken.json()["owner"]), (StatusCode::OK, &json!("token.dispatch-desk")));
    assert_eq!(act(far.id, "acknowledge", json!({})).await.kind(), "not_found");
    let ids = g.with_token(&token, Method::GET, "/api/v1/channels", Value::Null).await.json();
    assert_eq!(ids["channels"].as_array().unwrap().len(), 1);
    let row = ("token.dispatch-desk".to_owned(), "alert_action".to_owned(), format!("acknowledge {}", near.id));
    assert!(g.audited().await.contains(&row));
}

#[tokio::test]
async fn a_feedback_token_posts_feedback_and_sees_nothing() {
    let g = Gateway::new().await;
    let (near, far) = (g.world.open_alert("gate"), g.world.open_alert("yard"));
    let token = g.token("patrol", "feedback", Some(&["north"])).await;
    let ask = async |method, path: &str, body: Value| g.with_token(&token, method, path, body).await;
    let note = json!({ "note": "on the spot" });
    for action in ["feedback", "note"] {
        let done = ask(Method::POST, &format!("/api/v1/alerts/{}/{action}", near.id), note.clone()).await;
        assert_eq!((done.status, done.text().as_str()), (StatusCode::NO_CONTENT, ""), "the alert itself is not told");
    }
    let history = g.world.alerts.lock().unwrap()[&near.id].history.clone();
    let written: Vec<_> =
        history.iter().skip(1).map(|h| (h.author.as_ref().unwrap().as_str(), h.action.as_str())).collect();
    assert_eq!(written, [("token.patrol", "feedback"), ("token.patrol", "note")]);

    let outside = ask(Method::POST, &format!("/api/v1/alerts/{}/feedback", far.id), note.clone()).await;
    assert_eq!(outside.kind(), "not_found");
    let resolve = ask(Method::POST, &format!("/api/v1/alerts/{}/resolve", near.id), json!({})).await;
    assert_eq!(
        resolve.json()["error"]["message"],
        json!("this takes a token with the scope act; this one has the scope feedback")
    );
    for path in [
        "/api/v1/alerts",
        &format!("/api/v1/alerts/{}", near.id),
        "/api/v1/channels",
        "/api/v1/changes?after=0",
        "/metrics",
    ] {
        assert_eq!(ask(Method::GET, path, Value::Null).await.kind(), "forbidden", "{path}");
    }
}

#[tokio::test]
async fn a_token_that_has_expired_or_was_revoked_opens_nothing() {
    let g = Gateway::new().await;
    let alice = g.alice().await;
    let token = g.token("report", "read", None).await;
    let status = async |token: &str| g.with_token(token, Method::GET, "/api/v1/alerts", Value::Null).await.status;
    assert_eq!(status(&token).await, StatusCode::OK);
    let revoke = g.change(&alice, Method::DELETE, "/api/v1/tokens/report", Value::Null).await;
    assert_eq!(revoke.status, StatusCode::NO_CONTENT);
    assert_eq!(status(&token).await, StatusCode::UNAUTHORIZED);
    assert_eq!(g.change(&alice, Method::DELETE, "/api/v1/tokens/report", Value::Null).await.kind(), "not_found");

    let now = skyeye::types::Clock::start().wall().0;
    for (name, expires, want) in [("old", now - 1, StatusCode::UNAUTHORIZED), ("young", now + 60_000, StatusCode::OK)] {
        let raw: [u8; 32] = Sha256::digest(name).into();
        let row = TokenRow {
            name: name.into(),
            scope: "read".into(),
            areas: None,
            created_by: "alice".into(),
            created: Wall(0),
            expires: Wall(expires),
            last: None,
            address: String::new(),
        };
        g.users.insert_token(&row, &Sha256::digest(raw).into()).await.unwrap();
        assert_eq!(status(&format!("skyeye_{}", hex::encode(raw))).await, want, "{name}");
    }
    let listed = g.get(&alice, "/api/v1/tokens").await.json();
    let expired: Vec<_> = listed["tokens"].as_array().unwrap().iter().filter(|t| t["expired"] == json!(true)).collect();
    assert_eq!((expired.len(), &expired[0]["name"]), (1, &json!("old")));
}

/// What is left of each token, by name.
async fn left(g: &Gateway, alice: &Session) -> Vec<(String, String)> {
    let listed = g.get(alice, "/api/v1/tokens").await.json();
    let text = |v: &Value| v.as_str().unwrap().to_owned();
    let mut all: Vec<_> =
        listed["tokens"].as_array().unwrap().iter().map(|t| (text(&t["name"]), text(&t["left"]))).collect();
    all.sort();
    all
}

#[tokio::test]
async fn a_token_has_no_more_than_its_maker_has_now() {
    let g = Gateway::new().await;
    g.add_user("bob", Areas::All).await;
    let (alice, bob) = (g.alice().await, g.login("bob", PASSWORD).await);
    let (near, far) = (g.world.open_alert("gate"), g.world.open_alert("yard"));
    let make = async |name: &str, scope: &str, areas: Value| {
        let body = json!({ "name": name, "scope": scope, "areas": areas, "days": 1 });
        g.post(&bob, "/api/v1/tokens", body).await.json()["token"].as_str().unwrap().to_owned()
    };
    let actor = make("actor", "act", Value::Null).await;
    let north = make("north", "read", json!(["north"])).await;
    let setter = make("setter", "configure", json!(["city"])).await;
    let becomes = async |rights: Value| {
        let answer = g.change(&alice, Method::PATCH, "/api/v1/users/bob", rights).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    };
    let get = async |token: &str, path: &str| g.with_token(token, Method::GET, path, Value::Null).await;
    let take = async |id: AlertId| {
        g.with_token(&actor, Method::POST, &format!("/api/v1/alerts/{id}/acknowledge"), json!({})).await
    };
    let all = |of: [&str; 3]| -> Vec<(String, String)> {
        ["actor", "north", "setter"].into_iter().zip(of).map(|(n, l)| (n.to_owned(), l.to_owned())).collect()
    };
    assert_eq!(left(&g, &alice).await, all(["all", "all", "all"]));

    // Of the scope what the role allows.
    becomes(json!({ "role": "viewer" })).await;
    let refused = take(near.id).await;
    assert_eq!(refused.kind(), "forbidden");
    assert_eq!(
        refused.json()["error"]["message"],
        json!(
            "this takes the role operator, supervisor or administrator of the one who made the token, too; \
             he has the role viewer now"
        )
    );
    assert_eq!(get(&actor, "/api/v1/session").await.json()["rights"], json!(["see"]));
    assert_eq!(get(&setter, "/api/v1/session").await.json()["rights"], json!(["see"]));
    assert_eq!(left(&g, &alice).await, all(["part", "all", "part"]));

    // Of the areas what lies in both.
    becomes(json!({ "role": "administrator", "areas": ["south"] })).await;
    assert_eq!(take(near.id).await.kind(), "not_found");
    assert_eq!(take(far.id).await.status, StatusCode::OK);
    assert_eq!(get(&north, "/api/v1/channels").await.json()["channels"], json!([]));
    assert_eq!(get(&setter, "/api/v1/session").await.json()["areas"], json!(["south"]), "the city's that is his");
    assert_eq!(left(&g, &alice).await, all(["part", "nothing", "part"]));
    becomes(json!({ "areas": ["city"] })).await;
    assert_eq!(get(&north, "/api/v1/session").await.json()["areas"], json!(["north"]));
    assert_eq!(left(&g, &alice).await, all(["part", "all", "all"]));

    // Nothing while he is switched off; all of it when he is back as he was.
    becomes(json!({ "disabled": true, "areas": null })).await;
    for token in [&actor, &north, &setter] {
        assert_eq!(get(token, "/api/v1/session").await.status, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(left(&g, &alice).await, all(["nothing", "nothing", "nothing"]));
    becomes(json!({ "disabled": false })).await;
    assert_eq!(left(&g, &alice).await, all(["all", "all", "all"]));
    assert_eq!(take(near.id).await.status, StatusCode::OK);

    // Removed, they go with him, and are not his who has the name next.
    let gone = g.change(&alice, Method::DELETE, "/api/v1/users/bob", Value::Null).await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT);
    assert!(left(&g, &alice).await.is_empty());
    g.add_user("bob", Areas::All).await;
    assert_eq!(get(&actor, "/api/v1/session").await.status, StatusCode::UNAUTHORIZED);
    let row = (super::support::USER.to_owned(), "token_revoked".to_owned(), "north: with bob, who made it".to_owned());
    assert!(g.audited().await.contains(&row));
}

/// From when tokens outlived their maker.
#[tokio::test]
async fn a_token_without_a_maker_opens_nothing_and_is_nobodys() {
    let g = Gateway::new().await;
    let alice = g.alice().await;
    let raw: [u8; 32] = Sha256::digest("orphan").into();
    let row = TokenRow {
        name: "orphan".into(),
        scope: "read".into(),
        areas: None,
        created_by: "ghost".into(),
        created: Wall(0),
        expires: Wall(i64::MAX),
        last: None,
        address: String::new(),
    };
    g.users.insert_token(&row, &Sha256::digest(raw).into()).await.unwrap();
    let token = format!("skyeye_{}", hex::encode(raw));
    let ask = async || g.with_token(&token, Method::GET, "/api/v1/alerts", Value::Null).await.status;
    assert_eq!(ask().await, StatusCode::UNAUTHORIZED);
    assert_eq!(left(&g, &alice).await, [("orphan".to_owned(), "nothing".to_owned())]);
    g.add_user("ghost", Areas::All).await;
    assert_eq!(ask().await, StatusCode::UNAUTHORIZED, "who comes under that name later has not made it");
    assert!(left(&g, &alice).await.is_empty());
}

#[tokio::test]
async fn wrong_tokens_get_slow_and_right_ones_do_not() {
    let g = Gateway::new().await;
    let token = g.token("report", "read", None).await;
    let wrong = format!("skyeye_{}", "0".repeat(64));
    let mut limited = 0;
    for n in 0..60 {
        let bad = if n % 2 == 0 { wrong.as_str() } else { "skyeye_x" };
        let answer = g.with_token(bad, Method::GET, "/api/v1/alerts", Value::Null).await;
        match answer.status {
            StatusCode::UNAUTHORIZED => assert_eq!(answer.kind(), "unauthenticated"),
            StatusCode::TOO_MANY_REQUESTS => {
                assert!(!answer.header("retry-after").is_empty());
                limited += 1;
            }
            other => panic!("{other}"),
        }
    }
    assert!(limited >= 30, "{limited}");
    assert_eq!(g.with_token(&token, Method::GET, "/api/v1/alerts", Value::Null).await.status, StatusCode::OK);
    g.alice().await;
    let recorded = g.audited().await.iter().filter(|(_, action, _)| action == "token_refused").count();
    assert!((1..=6).contains(&recorded), "{recorded}");
}

#[tokio::test]
async fn a_token_is_no_session() {
    let g = Gateway::new().await;
    let token = g.token("report", "act", None).await;
    for (path, body) in
        [("/api/v1/logout", json!({})), ("/api/v1/password", json!({ "old": "a", "new": "a good long one" }))]
    {
        assert_eq!(g.with_token(&token, Method::POST, path, body).await.kind(), "forbidden", "{path}");
    }
    // As a cookie it is none, and a bearer of another make leaves the cookie alone.
    let cookie =
        request(Method::GET, "/api/v1/session").header(header::COOKIE, format!("skyeye_session={}", &token[7..]));
    assert_eq!(g.send(cookie.body(axum::body::Body::empty()).unwrap()).await.status, StatusCode::UNAUTHORIZED);
    let alice = g.alice().await;
    let both = request(Method::GET, "/api/v1/session")
        .header(header::COOKIE, &alice.cookie)
        .header(header::AUTHORIZATION, "Bearer eyJhbGciOi.of.a-proxy");
    assert_eq!(g.send(both.body(axum::body::Body::empty()).unwrap()).await.json()["user"], json!("alice"));
}
