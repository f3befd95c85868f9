//! Users by the API: one-time passwords, roles and areas in force at once, and that somebody always stays who may do it.

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use skyeye::{
    store::users::{Changed, UserChange},
    types::{AlertId, AreaId, UserId, Wall},
    web::auth::{Areas, Role},
};

use super::support::{Answer, Gateway, PASSWORD, Session, USER};

fn north() -> Areas {
    Areas::Subtrees(vec![AreaId::new("north").unwrap()])
}

async fn delete(g: &Gateway, session: &Session, path: &str) -> Answer {
    g.change(session, Method::DELETE, path, Value::Null).await
}

async fn patch(g: &Gateway, session: &Session, user: &str, body: Value) -> Answer {
    g.change(session, Method::PATCH, &format!("/api/v1/users/{user}"), body).await
}

fn message(answer: &Answer) -> String {
    answer.json()["error"]["message"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_new_user_begins_with_a_one_time_password_and_sees_his_areas() {
    let g = Gateway::new().await;
    let alice = g.alice().await;
    let (near, far) = (g.world.open_alert("gate"), g.world.open_alert("yard"));
    let body = json!({ "user": "li.na", "role": "operator", "areas": ["north"] });
    let made = g.post(&alice, "/api/v1/users", body.clone()).await;
    assert_eq!((made.status, made.header("cache-control")), (StatusCode::CREATED, "no-store"), "{}", made.text());
    let once = made.json()["password"].as_str().unwrap().to_owned();
    assert_eq!(made.json()["user"]["must_change_password"], json!(true));
    assert_eq!(g.post(&alice, "/api/v1/users", body).await.kind(), "conflict");

    let first = g.login("li.na", &once).await;
    assert_eq!(g.get(&first, "/api/v1/alerts").await.kind(), "password_change_required");
    let set = g.post(&first, "/api/v1/password", json!({ "old": once, "new": "a good long one" })).await;
    let li = Session::of(&set);
    assert_eq!(
        (&set.json()["role"], &set.json()["rights"], &set.json()["areas"]),
        (&json!("operator"), &json!(["see", "feedback", "act", "hand_over"]), &json!(["north"]))
    );
    let take = |id: AlertId| format!("/api/v1/alerts/{id}/acknowledge");
    assert_eq!(g.post(&li, &take(near.id), json!({})).await.status, StatusCode::OK);
    assert_eq!(g.post(&li, &take(far.id), json!({})).await.kind(), "not_found", "outside is not there, not forbidden");
    assert_eq!(
        message(&g.post(&li, "/api/v1/rules", json!({})).await),
        "this takes the role engineer or administrator; this login has the role operator"
    );

    let list = g.get(&alice, "/api/v1/users").await.json();
    let names: Vec<_> = list["users"].as_array().unwrap().iter().map(|u| u["user"].as_str().unwrap()).collect();
    assert_eq!(names, ["alice", "li.na"]);
    assert_eq!(list["users"][1]["sessions"], json!(1));
    assert_eq!(list["roles"][0], json!({ "role": "viewer", "rights": ["see"] }));
    let row = ("alice".to_owned(), "user_added".to_owned(), "li.na: operator, areas north".to_owned());
    assert!(g.audited().await.contains(&row));
    for path in std::fs::read_dir(g.dir.path()).unwrap().map(|e| e.unwrap().path()).filter(|p| p.is_file()) {
        let bytes = std::fs::read(&path).unwrap();
        assert!(!bytes.windows(once.len()).any(|w| w == once.as_bytes()), "{} holds the password", path.display());
    }
}

#[tokio::test]
async fn what_a_user_cannot_be_is_said() {
    let g = Gateway::new().await;
    let alice = g.alice().await;
    for (body, why) in [
        (json!({ "user": "token.x", "role": "viewer" }), "names that begin with 'token.' are those of tokens"),
        (
            json!({ "user": "li", "role": "root" }),
            "role: must be one of viewer, operator, supervisor, engineer, administrator",
        ),
        (
            json!({ "user": "li", "role": "feedback" }),
            "role: must be one of viewer, operator, supervisor, engineer, administrator",
        ),
        (json!({ "user": "li", "role": "viewer", "areas": ["east"] }), "areas: there is no area 'east'"),
        (json!({ "user": "li", "role": "viewer", "areas": [] }), "areas: name 1 to 100, or give null for everything"),
    ] {
        let answer = g.post(&alice, "/api/v1/users", body).await;
        assert_eq!((answer.status, message(&answer).as_str()), (StatusCode::UNPROCESSABLE_ENTITY, why));
    }
    assert_eq!(patch(&g, &alice, "nobody", json!({ "role": "viewer" })).await.kind(), "not_found");
}

#[tokio::test]
async fn rights_change_with_the_next_request() {
    let g = Gateway::new().await;
    let alice = g.alice().await;
    g.add_user_as("li", Role::Viewer, north()).await;
    let li = g.login("li", PASSWORD).await;
    let alert = g.world.open_alert("yard").id;
    let take = format!("/api/v1/alerts/{alert}/acknowledge");
    assert_eq!(g.post(&li, &take, json!({})).await.kind(), "not_found");
    assert_eq!(patch(&g, &alice, "li", json!({ "areas": null })).await.status, StatusCode::OK);
    assert_eq!(g.post(&li, &take, json!({})).await.kind(), "forbidden");
    let now = patch(&g, &alice, "li", json!({ "role": "operator" })).await.json();
    assert_eq!((&now["role"], &now["areas"]), (&json!("operator"), &Value::Null), "what is not named stays");
    assert_eq!(g.post(&li, &take, json!({})).await.status, StatusCode::OK);

    assert_eq!(patch(&g, &alice, "li", json!({ "disabled": true })).await.json()["disabled"], json!(true));
    assert_eq!(g.get(&li, "/api/v1/session").await.status, StatusCode::UNAUTHORIZED);
    let (off, wrong) = (g.try_login("li", PASSWORD).await, g.try_login("li", "wrong").await);
    assert_eq!((off.status, off.text()), (wrong.status, wrong.text()), "a guess tells nothing");
    patch(&g, &alice, "li", json!({ "disabled": false })).await;
    g.login("li", PASSWORD).await;
}

#[tokio::test]
async fn an_operator_gives_back_only_what_is_his() {
    let g = Gateway::new().await;
    for (name, role) in [("li", Role::Operator), ("wang", Role::Operator), ("chen", Role::Supervisor)] {
        g.add_user_as(name, role, Areas::All).await;
    }
    let (li, wang, chen) =
        (g.login("li", PASSWORD).await, g.login("wang", PASSWORD).await, g.login("chen", PASSWORD).await);
    let alert = g.world.open_alert("gate").id;
    let act = |action: &str| format!("/api/v1/alerts/{alert}/{action}");
    assert_eq!(g.post(&li, &act("acknowledge"), json!({})).await.status, StatusCode::OK);
    assert_eq!(g.post(&wang, &act("release"), json!({})).await.kind(), "forbidden");
    assert_eq!(g.post(&li, &act("release"), json!({})).await.status, StatusCode::OK);
    assert_eq!(g.post(&li, &act("acknowledge"), json!({})).await.status, StatusCode::OK);
    assert_eq!(g.post(&chen, &act("release"), json!({})).await.status, StatusCode::OK);
}

#[tokio::test]
async fn nobody_changes_himself_and_one_administrator_stays() {
    let g = Gateway::new().await;
    let alice = g.alice().await;
    for body in [json!({ "role": "viewer" }), json!({ "disabled": true }), json!({ "areas": ["north"] })] {
        assert_eq!(
            message(&patch(&g, &alice, USER, body).await),
            "nobody changes his own rights; another administrator can"
        );
    }
    assert_eq!(delete(&g, &alice, "/api/v1/users/alice").await.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(g.post(&alice, "/api/v1/users/alice/reset", json!({})).await.status, StatusCode::UNPROCESSABLE_ENTITY);

    // Two who put each other out at the same moment: one is too late.
    for turn in 0..5 {
        let name = format!("bob{turn}");
        let alice = g.alice().await;
        g.add_user(&name, Areas::All).await;
        let bob = g.login(&name, PASSWORD).await;
        let (of_bob, of_alice) = tokio::join!(
            patch(&g, &alice, &name, json!({ "disabled": true })),
            patch(&g, &bob, USER, json!({ "disabled": true }))
        );
        let both = [of_bob.status, of_alice.status];
        assert!(both.contains(&StatusCode::OK), "{both:?}");
        let left = g.users.list(100).await.unwrap();
        let left = left.iter().filter(|e| !e.user.disabled && e.user.areas.is_none()).count();
        assert_eq!(left, 1, "{both:?}");
        let back = UserChange { disabled: Some(false), ..UserChange::default() };
        g.users.change(&UserId::new(USER).unwrap(), &back, "administrator", Wall(0)).await.unwrap();
        g.users
            .change(
                &UserId::new(&name).unwrap(),
                &UserChange { disabled: Some(true), ..back },
                "administrator",
                Wall(0),
            )
            .await
            .unwrap();
    }

    // One who is limited to areas cannot make anybody who is not: he does not count.
    g.add_user("nina", north()).await;
    let name = UserId::new(USER).unwrap();
    for change in [
        UserChange { role: Some("engineer".into()), ..UserChange::default() },
        UserChange { areas: Some(Some(vec![AreaId::new("north").unwrap()])), ..UserChange::default() },
        UserChange { disabled: Some(true), ..UserChange::default() },
    ] {
        assert_eq!(g.users.change(&name, &change, "administrator", Wall(0)).await.unwrap(), Changed::Last);
    }
    assert_eq!(g.users.remove(&name, "administrator", Wall(0)).await.unwrap(), Changed::Last);
    assert!(g.users.by_name(&name).await.unwrap().is_some_and(|u| u.role == "administrator" && u.areas.is_none()));
}

#[tokio::test]
async fn an_administrator_of_some_areas_keeps_neither_users_nor_tokens_nor_the_record() {
    let g = Gateway::new().await;
    g.add_user("nina", north()).await;
    let nina = g.login("nina", PASSWORD).await;
    for path in ["/api/v1/users", "/api/v1/tokens", "/api/v1/audit", "/api/v1/audit/export"] {
        let answer = g.get(&nina, path).await;
        assert_eq!((answer.status, answer.kind().as_str()), (StatusCode::FORBIDDEN, "forbidden"), "{path}");
        assert!(message(&answer).contains("limited to none"), "{path}");
    }
    let body = json!({ "user": "mallory", "role": "administrator" });
    assert_eq!(g.post(&nina, "/api/v1/users", body).await.status, StatusCode::FORBIDDEN);
    assert!(g.users.by_name(&UserId::new("mallory").unwrap()).await.unwrap().is_none());
}

#[tokio::test]
async fn sessions_are_listed_and_ended_one_by_one_or_all() {
    let g = Gateway::new().await;
    let alice = g.alice().await;
    g.add_user_as("li", Role::Operator, Areas::All).await;
    let (one, two, three) =
        (g.login("li", PASSWORD).await, g.login("li", PASSWORD).await, g.login("li", PASSWORD).await);
    let listed = g.get(&alice, "/api/v1/users/li/sessions").await.json()["sessions"].as_array().unwrap().clone();
    assert_eq!(listed.len(), 3);
    assert!(listed.iter().all(|s| s["own"] == json!(false) && s["address"] == json!("0.0.0.0")));
    let own = g.get(&alice, "/api/v1/users/alice/sessions").await.json();
    assert_eq!(own["sessions"][0]["own"], json!(true));

    let id = listed[0]["id"].as_str().unwrap();
    for session in [&one, &two, &three] {
        assert!(!session.cookie.contains(id), "no part of the token itself");
    }
    assert_eq!(delete(&g, &alice, &format!("/api/v1/users/li/sessions/{id}")).await.status, StatusCode::NO_CONTENT);
    assert_eq!(delete(&g, &alice, &format!("/api/v1/users/alice/sessions/{id}")).await.kind(), "not_found");
    let live = async || {
        let mut live = 0;
        for session in [&one, &two, &three] {
            live += usize::from(g.get(session, "/api/v1/session").await.status == StatusCode::OK);
        }
        live
    };
    assert_eq!(live().await, 2);
    assert_eq!(delete(&g, &alice, "/api/v1/users/li/sessions").await.status, StatusCode::NO_CONTENT);
    assert_eq!(live().await, 0);
    assert_eq!(delete(&g, &alice, "/api/v1/users/nobody/sessions").await.kind(), "not_found");
}

#[tokio::test]
async fn a_reset_and_a_removal_end_everything_but_the_record() {
    let g = Gateway::new().await;
    let alice = g.alice().await;
    g.add_user_as("li", Role::Operator, Areas::All).await;
    let li = g.login("li", PASSWORD).await;
    let alert = g.world.open_alert("gate").id;
    g.post(&li, &format!("/api/v1/alerts/{alert}/acknowledge"), json!({})).await;
    let reset = g.post(&alice, "/api/v1/users/li/reset", json!({})).await;
    assert_eq!(g.get(&li, "/api/v1/session").await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(g.try_login("li", PASSWORD).await.status, StatusCode::UNAUTHORIZED);
    let li = g.login("li", reset.json()["password"].as_str().unwrap()).await;
    assert_eq!(g.get(&li, "/api/v1/alerts").await.kind(), "password_change_required");

    assert_eq!(delete(&g, &alice, "/api/v1/users/li").await.status, StatusCode::NO_CONTENT);
    assert_eq!(g.get(&li, "/api/v1/session").await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(delete(&g, &alice, "/api/v1/users/li").await.kind(), "not_found");
    let rows = g.audited().await;
    let of = |user: &str, action: &str, what: String| rows.contains(&(user.into(), action.into(), what));
    assert!(of("li", "alert_action", format!("acknowledge {alert}")), "what he did stays");
    assert!(of(USER, "password_reset", "li".into()) && of(USER, "user_removed", "li".into()));
}
