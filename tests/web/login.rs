//! Logging in: the first password, limits, cross-site requests, the end of sessions, and what is written down.

use std::os::unix::fs::PermissionsExt;

use axum::{
    body::Body,
    http::{Method, StatusCode, header},
};
use serde_json::json;
use skyeye::{
    store::users::AuditRow,
    types::{Secret, UserId, Wall},
};

use super::support::{Gateway, PASSWORD, Session, USER, request};

#[tokio::test]
async fn the_first_password_opens_only_the_door_to_a_new_one() {
    let g = Gateway::empty().await;
    let first = g.state.auth().ensure_first().await.unwrap().expect("made at the first start");
    let file = g.dir.path().join("first-password");
    assert_eq!(std::fs::read_to_string(&file).unwrap().trim(), first.expose());
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(g.state.auth().ensure_first().await.unwrap().is_none(), "made once");

    let session = g.login("admin", first.expose()).await;
    let answer = g.get(&session, "/api/v1/session").await;
    assert_eq!((answer.status, answer.json()["must_change_password"].clone()), (StatusCode::OK, json!(true)));
    for path in ["/api/v1/alerts", "/api/v1/channels/gate/picture", "/api/v1/openapi.json", "/metrics", "/mqtt"] {
        let answer = g.get(&session, path).await;
        assert_eq!(
            (answer.status, answer.kind().as_str()),
            (StatusCode::FORBIDDEN, "password_change_required"),
            "{path}"
        );
    }

    let set = async |old: &str, new: &str| {
        let answer = g.post(&session, "/api/v1/password", json!({ "old": old, "new": new })).await;
        (answer.status, answer)
    };
    assert_eq!(set(first.expose(), "short").await.0, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(set(first.expose(), first.expose()).await.0, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(set("wrong", "a good long one").await.0, StatusCode::UNPROCESSABLE_ENTITY);
    let (status, answer) = set(first.expose(), "a good long one").await;
    assert_eq!(status, StatusCode::OK, "{}", answer.text());
    let renewed = Session::of(&answer);

    assert!(!file.exists(), "the file holds no password that is no longer valid");
    assert_eq!(g.get(&session, "/api/v1/session").await.status, StatusCode::UNAUTHORIZED, "the old session is over");
    assert_eq!(g.get(&renewed, "/api/v1/alerts").await.status, StatusCode::OK);
    assert_eq!(g.try_login("admin", first.expose()).await.status, StatusCode::UNAUTHORIZED);
    g.login("admin", "a good long one").await;
}

#[tokio::test]
async fn a_reset_password_is_a_one_time_one_and_ends_all_sessions() {
    let g = Gateway::new().await;
    let user = UserId::new(USER).unwrap();
    let session = g.alice().await;
    assert!(!g.state.auth().one_time_pending(&user).await.unwrap());
    let secret = g.state.auth().reset_one_time(&user).await.unwrap();
    assert!(g.state.auth().one_time_pending(&user).await.unwrap());
    assert_eq!(g.get(&session, "/api/v1/session").await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(g.try_login(USER, PASSWORD).await.status, StatusCode::UNAUTHORIZED);
    let session = g.login(USER, secret.expose()).await;
    assert_eq!(g.get(&session, "/api/v1/alerts").await.kind(), "password_change_required");
    assert!(g.state.auth().reset_one_time(&UserId::new("nobody").unwrap()).await.is_err());
}

#[tokio::test]
async fn the_session_says_what_the_console_needs() {
    let g = Gateway::new().await;
    let answer = g.try_login(USER, PASSWORD).await;
    let cookie = answer.header("set-cookie").to_owned();
    for part in ["HttpOnly", "SameSite=Strict", "Path=/"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert!(!cookie.contains("Secure"), "a browser would not send it back over plain HTTP");
    let (csrf, session) = (answer.json()["csrf"].clone(), Session::of(&answer));
    let want = json!({
        "user": "alice", "role": "administrator", "areas": null, "csrf": csrf,
        "rights": ["see", "feedback", "act", "act_over_others", "hand_over", "hand_over_for_others", "numbers", "configure", "people", "audit"],
         "must_change_password": false, "site": "nb",
        "site_name": "North <b>", "node": "n1", "version": env!("CARGO_PKG_VERSION"), "time_zone": "Asia/Shanghai",
    });
    assert_eq!(answer.json(), want);
    assert_eq!(g.get(&session, "/api/v1/session").await.json(), want);
    let other = g.alice().await;
    assert_ne!((&other.cookie, &other.csrf), (&session.cookie, &session.csrf));

    let secure = request(Method::POST, "/api/v1/login")
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::ORIGIN, "https://skyeye.example")
        .body(Body::from(json!({ "user": USER, "password": PASSWORD }).to_string()));
    let answer = g.send(secure.unwrap()).await;
    assert!(answer.header("set-cookie").contains("Secure"), "behind a proxy with TLS");
}

#[tokio::test]
async fn a_change_needs_the_sessions_token() {
    let g = Gateway::new().await;
    let (session, other) = (g.alice().await, g.alice().await);
    let alert = g.world.open_alert("gate").id;
    let path = format!("/api/v1/alerts/{alert}/acknowledge");
    for token in [None, Some(""), Some("x"), Some(other.csrf.as_str())] {
        for path in [path.as_str(), "/api/v1/logout", "/api/v1/password"] {
            let mut request = request(Method::POST, path).header(header::COOKIE, &session.cookie);
            if let Some(token) = token {
                request = request.header("x-csrf-token", token);
            }
            let answer = g.send(request.body(Body::from("{}")).unwrap()).await;
            assert_eq!(
                (answer.status, answer.kind().as_str()),
                (StatusCode::FORBIDDEN, "forbidden"),
                "{path} {token:?}"
            );
        }
    }
    assert_eq!(g.post(&session, &path, json!({})).await.status, StatusCode::OK);
}

#[tokio::test]
async fn another_sites_page_changes_nothing() {
    let g = Gateway::new().await;
    let login = |origin: Option<&'static str>, site: Option<&'static str>| {
        let mut request = request(Method::POST, "/api/v1/login").header(header::CONTENT_TYPE, "application/json");
        for (name, value) in [("origin", origin), ("sec-fetch-site", site)] {
            if let Some(value) = value {
                request = request.header(name, value);
            }
        }
        let body = json!({ "user": USER, "password": PASSWORD }).to_string();
        g.send(request.body(Body::from(body)).unwrap())
    };
    let own = "http://gateway.test:8080";
    for (origin, site) in [(None, None), (Some(own), Some("same-origin")), (Some("https://SKYEYE.example"), None)] {
        assert_eq!(login(origin, site).await.status, StatusCode::OK, "{origin:?}");
    }
    let foreign = [
        Some("http://evil.example"),
        Some("null"),
        Some(""),
        Some("https://gateway.test:8080"),
        Some("http://gateway.test"),
        Some("http://gateway.test:8080.evil.example"),
        Some("https://skyeye.example.evil"),
    ];
    for origin in foreign {
        assert_eq!(login(origin, None).await.kind(), "forbidden", "{origin:?}");
    }
    assert_eq!(login(None, Some("cross-site")).await.kind(), "forbidden");

    // A form of another site can send text, not JSON.
    let form = request(Method::POST, "/api/v1/login").header(header::CONTENT_TYPE, "text/plain");
    let body = json!({ "user": USER, "password": PASSWORD }).to_string();
    assert_eq!(g.send(form.body(Body::from(body)).unwrap()).await.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
}

#[tokio::test]
async fn guessing_gets_slow_for_the_account_and_for_the_address() {
    let g = Gateway::new().await;
    let wrong = g.try_login(USER, "wrong").await;
    let unknown = g.try_login("nobody", "wrong").await;
    assert_eq!(wrong.status, StatusCode::UNAUTHORIZED);
    assert_eq!((wrong.status, wrong.text()), (unknown.status, unknown.text()), "a guess at a name tells nothing");
    for _ in 0..4 {
        assert_eq!(g.try_login(USER, "wrong").await.status, StatusCode::UNAUTHORIZED);
    }
    let limited = g.try_login(USER, PASSWORD).await;
    assert_eq!((limited.status, limited.kind().as_str()), (StatusCode::TOO_MANY_REQUESTS, "too_many"));
    assert_eq!(limited.header("retry-after"), "1", "also for the right password: else guessing would go on");
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    g.login(USER, PASSWORD).await;

    // Many names from one address; six failures so far, one of which a right password took back.
    let mut refused = 0;
    for i in 0..20 {
        let status = g.try_login(&format!("user-{i}"), "wrong").await.status;
        refused += u32::from(status == StatusCode::TOO_MANY_REQUESTS);
    }
    assert!(refused >= 4, "{refused}");
    assert_eq!(g.try_login(USER, PASSWORD).await.status, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn guesses_at_one_time_are_counted_one_by_one() {
    let g = Gateway::new().await;
    let all = futures_util::future::join_all((0..40).map(|_| g.try_login(USER, "wrong"))).await;
    let tried = all.iter().filter(|a| a.status == StatusCode::UNAUTHORIZED).count();
    assert_eq!(tried, 5, "no more than one after the other");
}

#[tokio::test]
async fn a_session_ends_by_logout_and_by_idleness() {
    let g = Gateway::new().await;
    let (left, idle, live) = (g.alice().await, g.alice().await, g.alice().await);
    let answer = g.post(&left, "/api/v1/logout", json!({})).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
    assert!(answer.header("set-cookie").contains("Max-Age=0"));
    assert_eq!(g.get(&left, "/api/v1/session").await.kind(), "unauthenticated");

    let hour = 3_600_000;
    let now = skyeye::types::Clock::start().wall().0;
    g.users.touch_session(&key(&idle), Wall(now - 13 * hour)).await.unwrap();
    g.users.touch_session(&key(&live), Wall(now - 11 * hour)).await.unwrap();
    assert_eq!(g.get(&idle, "/api/v1/session").await.kind(), "unauthenticated");
    assert_eq!(g.get(&live, "/api/v1/session").await.status, StatusCode::OK);
    let last = g.users.session(&key(&live)).await.unwrap().unwrap().last;
    assert!(now - last.0 < hour, "a request counts as use");
    g.state.auth().sweep().await.unwrap();
    assert!(g.users.session(&key(&idle)).await.unwrap().is_none(), "what is over is deleted");
}

fn key(session: &Session) -> [u8; 32] {
    use sha2::{Digest, Sha256};
    let token = session.cookie.strip_prefix("skyeye_session=").unwrap();
    Sha256::digest(hex::decode(token).unwrap()).into()
}

#[tokio::test]
async fn forged_and_broken_cookies_are_no_login() {
    let g = Gateway::new().await;
    let mut session = g.alice().await;
    let good = session.cookie.clone();
    for cookie in [
        "skyeye_session=".to_owned(),
        format!("skyeye_session={}", "0".repeat(64)),
        "skyeye_session=%00' OR 1=1 --".into(),
        good[..good.len() - 2].into(),
        good.replace("skyeye_session", "session"),
    ] {
        session.cookie = cookie;
        assert_eq!(g.get(&session, "/api/v1/session").await.status, StatusCode::UNAUTHORIZED, "{}", session.cookie);
    }
}

#[tokio::test]
async fn a_flood_of_refused_tries_is_not_a_flood_of_records() {
    let g = Gateway::new().await;
    let mut refused = 0;
    for _ in 0..60 {
        refused += usize::from(g.try_login(USER, "wrong").await.status == StatusCode::TOO_MANY_REQUESTS);
    }
    assert!(refused > 30, "{refused}");
    let recorded = g.audited().await.iter().filter(|(_, action, _)| action == "login_refused").count();
    assert!((1..=6).contains(&recorded), "{recorded} of {refused}");
}

#[tokio::test]
async fn deeds_are_on_record_and_secrets_nowhere() {
    let g = Gateway::new().await;
    let first = g.state.auth().ensure_first().await.unwrap();
    assert!(first.is_none(), "there is a login");
    let alert = g.world.open_alert("gate");
    g.try_login(USER, "canary-wrong-password").await;
    let session = g.alice().await;
    g.get(&session, &format!("/api/v1/events/{}/snapshot", alert.last_event)).await;
    g.post(&session, &format!("/api/v1/alerts/{}/acknowledge", alert.id), json!({})).await;
    g.post(&session, &format!("/api/v1/alerts/{}/priority", alert.id), json!({ "priority": "high" })).await;
    let body = json!({ "old": PASSWORD, "new": "canary-new-password" });
    let session = Session::of(&g.post(&session, "/api/v1/password", body).await);
    g.post(&session, "/api/v1/logout", json!({})).await;
    let rows = g.audited().await;
    let got: Vec<_> = rows.iter().map(|(u, a, w)| (u.as_str(), a.as_str(), w.clone())).collect();
    let want = [
        ("login_failed", String::new()),
        ("login", String::new()),
        ("snapshot_viewed", alert.last_event.to_string()),
        ("alert_action", format!("acknowledge {}", alert.id)),
        ("alert_action", format!("priority {}: low -> high", alert.id)),
        ("password_changed", String::new()),
        ("logout", String::new()),
    ];
    assert_eq!(got, want.map(|(action, what)| (USER, action, what)));

    // Whoever gets a copy of the files gets no login.
    let token = session.cookie.strip_prefix("skyeye_session=").unwrap();
    let mut read = 0;
    for entry in std::fs::read_dir(g.dir.path()).unwrap() {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        read += bytes.len();
        for canary in ["canary", token] {
            let found = bytes.windows(canary.len()).any(|w| w == canary.as_bytes());
            assert!(!found, "{} holds {canary}", path.display());
        }
        let raw = hex::decode(token).unwrap();
        assert!(!bytes.windows(32).any(|w| w == raw), "{} holds a session token", path.display());
    }
    assert!(read > 10_000, "the files were not read");
    assert_eq!(format!("{:?}", Secret::new("canary")), "[redacted]");
}

#[tokio::test]
async fn a_clock_that_is_far_ahead_takes_no_records_away() {
    const DAY_MS: i64 = 86_400_000;
    let g = Gateway::new().await;
    let wall = g.state.auth().now().0;
    // Of the day on which a clock went wrong that now shows two hundred days too many.
    let row = AuditRow {
        at: Wall(wall - 200 * DAY_MS),
        user: USER.into(),
        action: "login".into(),
        what: "long ago".into(),
        address: String::new(),
    };
    g.users.audit(&[row]).await.unwrap();
    for (ledger_says, kept) in [(wall - 200 * DAY_MS, true), (wall, false)] {
        let sql = format!("INSERT OR REPLACE INTO meta (key, value) VALUES ('time', '{ledger_says}')");
        sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(g.store.writer()).await.unwrap();
        g.state.auth().sweep().await.unwrap();
        assert_eq!(g.audited().await.iter().any(|(_, _, what)| what == "long ago"), kept);
    }
}
