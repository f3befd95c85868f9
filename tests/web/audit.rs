//! The record of who did what: searched, paged, taken along.

use axum::{
    body::Body,
    http::{Method, StatusCode, header},
};
use futures_util::StreamExt;
use serde_json::json;
use skyeye::{store::users::AuditRow, types::Wall, web::auth::Areas};
use tower::ServiceExt;

use super::support::{Gateway, PASSWORD, request};

/// Twelve records, one a minute from 2026-01-01.
async fn with_records() -> (Gateway, super::support::Session) {
    let g = Gateway::new().await;
    let row = |n: i64| AuditRow {
        at: Wall(1_767_225_600_000 + n * 60_000),
        user: if n % 3 == 0 { "wang" } else { "li" }.into(),
        action: if n % 2 == 0 { "alert_action" } else { "snapshot_viewed" }.into(),
        what: format!("close Alert-{n}"),
        address: "10.0.0.7".into(),
    };
    g.users.audit(&(0..12).map(row).collect::<Vec<_>>()).await.unwrap();
    let alice = g.alice().await;
    (g, alice)
}

#[tokio::test]
async fn filters_leave_what_was_asked_for_and_pages_join() {
    let (g, alice) = with_records().await;
    let read = async |query: &str| -> Vec<String> {
        let (mut all, mut before) = (Vec::new(), String::new());
        loop {
            let answer = g.get(&alice, &format!("/api/v1/audit?limit=5&{query}{before}")).await;
            assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
            let page = answer.json();
            all.extend(page["records"].as_array().unwrap().iter().map(|r| r["what"].as_str().unwrap().to_owned()));
            let Some(next) = page["next"].as_str() else { return all };
            before = format!("&before={next}");
        }
    };
    let want = |ns: &[i64]| ns.iter().map(|n| format!("close Alert-{n}")).collect::<Vec<_>>();
    // The login of the one who asks is the newest.
    let mut all = want(&[11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0]);
    all.insert(0, String::new());
    assert_eq!(read("").await, all);
    assert_eq!(read("user=wang").await, want(&[9, 6, 3, 0]));
    assert_eq!(read("action=alert_action&user=li").await, want(&[10, 8, 4, 2]));
    assert_eq!(read("from=2026-01-01T00:03:00Z&to=2026-01-01T00:06:00Z").await, want(&[5, 4, 3]));
    assert_eq!(read("text=alert-1").await, want(&[11, 10, 1]));
    assert_eq!(read("user=&action=&text=10.0.0.7&from=").await.len(), 12);
    for bad in ["action=nothing", "from=yesterday", "before=x", "limit=x"] {
        let answer = g.get(&alice, &format!("/api/v1/audit?{bad}")).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{bad}");
    }
}

#[tokio::test]
async fn the_export_is_whole_and_on_record_itself() {
    let (g, alice) = with_records().await;
    let many: Vec<_> = (0..2500)
        .map(|n| AuditRow {
            at: Wall(n),
            user: "=li".into(),
            action: "login".into(),
            what: "a, \"b\"".into(),
            address: String::new(),
        })
        .collect();
    g.users.audit(&many).await.unwrap();
    let answer = g.get(&alice, "/api/v1/audit/export?to=2026-02-01T00:00:00Z").await;
    assert_eq!((answer.status, answer.header("content-type")), (StatusCode::OK, "text/csv; charset=utf-8"));
    let text = answer.text();
    let lines: Vec<_> = text.trim_start_matches('\u{feff}').lines().collect();
    assert_eq!(lines.len(), 1 + 12 + 2500);
    assert_eq!(lines[0], "time,user,action,object,address");
    assert_eq!(lines[1], "2026-01-01T00:11:00.000Z,li,snapshot_viewed,close Alert-11,10.0.0.7");
    assert_eq!(lines[13], "1970-01-01T00:00:02.499Z,'=li,login,\"a, \"\"b\"\"\",");
    let row = ("alice".to_owned(), "audit_exported".to_owned(), "to 2026-02-01T00:00:00.000Z".to_owned());
    assert!(g.audited().await.contains(&row));
    let newest = g.get(&alice, "/api/v1/audit?limit=1").await.json();
    assert_eq!(newest["records"][0]["action"], json!("audit_exported"), "what was done before the question is in it");
}

#[tokio::test]
async fn the_export_breaks_off_where_its_login_loses_rights() {
    let (g, alice) = with_records().await;
    g.add_user("bob", Areas::All).await;
    let bob = g.login("bob", PASSWORD).await;
    let row = |n| AuditRow {
        at: Wall(n),
        user: "li".into(),
        action: "login".into(),
        what: String::new(),
        address: String::new(),
    };
    g.users.audit(&(0..2500).map(row).collect::<Vec<_>>()).await.unwrap();
    let ask = request(Method::GET, "/api/v1/audit/export").header(header::COOKIE, &bob.cookie);
    let answer = g.app.clone().oneshot(ask.body(Body::empty()).unwrap()).await.unwrap();
    let mut body = answer.into_body().into_data_stream();
    assert!(body.next().await.unwrap().is_ok() && body.next().await.unwrap().is_ok(), "headings and a page");
    let becomes = json!({ "role": "viewer" });
    assert_eq!(g.change(&alice, Method::PATCH, "/api/v1/users/bob", becomes).await.status, StatusCode::OK);
    assert!(body.next().await.unwrap().is_err());
}
