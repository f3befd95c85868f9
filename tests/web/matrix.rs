//! Every route, every role: the right that a route takes stands here, and a route of the description that has none fails.

use std::collections::BTreeMap;

use axum::{
    body::Body,
    http::{Method, StatusCode, header},
};
use serde_json::{Value, json};
use skyeye::web::{
    auth::{Areas, Right, Role, rights::may},
    openapi_document,
};

use super::support::{Answer, Gateway, PASSWORD, Session, request};

/// What a route takes: no login, any login, or a right.
const OPEN: &str = "-";
const ANY: &str = "any";

/// Route and right, in the order in which they are asked: what ends a session comes last.
const ROUTES: &str = "
    GET    /healthz                                     -
    POST   /api/v1/login                                -
    GET    /readyz                                      see
    GET    /metrics                                     see
    GET    /mqtt                                        see
    GET    /api/v1/openapi.json                         see
    GET    /api/v1/alerts                               see
    GET    /api/v1/alerts/{id}                          see
    POST   /api/v1/alerts/{id}/{action}                 act
    GET    /api/v1/alerts/search                        see
    GET    /api/v1/alerts/summary                       see
    GET    /api/v1/alerts/export                        see
    GET    /api/v1/events/{id}/snapshot                 see
    GET    /api/v1/events/{id}/pictures/{number}        see
    GET    /api/v1/positions                            see
    GET    /api/v1/procedures                           see
    GET    /api/v1/map                                  see
    GET    /api/v1/map/tiles/{z}/{x}/{y}                see
    GET    /api/v1/map/plans/{id}/image                 see
    GET    /api/v1/numbers                              numbers
    GET    /api/v1/numbers/positions                    see
    GET    /api/v1/handovers                            see
    GET    /api/v1/handovers/now                        act
    GET    /api/v1/handovers/{id}                       see
    POST   /api/v1/handovers                            hand_over
    POST   /api/v1/handovers/{id}/accept                hand_over
    POST   /api/v1/handovers/{id}/withdraw              hand_over
    GET    /api/v1/changes                              see
    GET    /api/v1/channels                             see
    GET    /api/v1/channels/{id}                        see
    GET    /api/v1/channels/{id}/picture                see
    GET    /api/v1/channels/{id}/states                 see
    GET    /api/v1/channels/{id}/traces                 see
    GET    /api/v1/areas                                see
    GET    /api/v1/rules                                see
    GET    /api/v1/rules/{id}                           see
    GET    /api/v1/timetables                           see
    GET    /api/v1/brands                               see
    GET    /api/v1/node                                 see
    GET    /api/v1/box                                  see
    POST   /api/v1/channels                             configure
    PATCH  /api/v1/channels/{id}                        configure
    DELETE /api/v1/channels/{id}                        configure
    POST   /api/v1/inventory/bulk                       configure
    POST   /api/v1/inventory/import                     configure
    GET    /api/v1/inventory/export                     configure
    GET    /api/v1/inventory/revisions                  configure
    GET    /api/v1/inventory/revisions/{rev}            configure
    POST   /api/v1/inventory/revisions/{rev}/undo       configure
    POST   /api/v1/areas                                configure
    PATCH  /api/v1/areas/{id}                           configure
    DELETE /api/v1/areas/{id}                           configure
    GET    /api/v1/credentials                          configure
    PUT    /api/v1/credentials/{id}                     configure
    DELETE /api/v1/credentials/{id}                     configure
    POST   /api/v1/rules                                configure
    PATCH  /api/v1/rules/{id}                           configure
    DELETE /api/v1/rules/{id}                           configure
    POST   /api/v1/rules/{id}/arm                       configure
    POST   /api/v1/dry-run                              configure
    POST   /api/v1/timetables                           configure
    PATCH  /api/v1/timetables/{id}                      configure
    DELETE /api/v1/timetables/{id}                      configure
    POST   /api/v1/probe                                configure
    GET    /api/v1/probe/{id}                           configure
    GET    /api/v1/probe/{id}/picture                   configure
    POST   /api/v1/discover                             configure
    GET    /api/v1/discover/{id}                        configure
    GET    /api/v1/users                                people
    POST   /api/v1/users                                people
    PATCH  /api/v1/users/{user}                         people
    DELETE /api/v1/users/{user}                         people
    POST   /api/v1/users/{user}/reset                   people
    GET    /api/v1/users/{user}/sessions                people
    DELETE /api/v1/users/{user}/sessions                people
    DELETE /api/v1/users/{user}/sessions/{id}           people
    GET    /api/v1/tokens                               people
    POST   /api/v1/tokens                               people
    DELETE /api/v1/tokens/{name}                        people
    GET    /api/v1/audit                                audit
    GET    /api/v1/audit/export                         audit
    GET    /api/v1/session                              any
    POST   /api/v1/password                             any
    POST   /api/v1/logout                               any";

fn routes() -> Vec<(Method, &'static str, &'static str)> {
    let line = |l: &'static str| {
        let words: Vec<_> = l.split_whitespace().collect();
        (words[0].parse().unwrap(), words[1], words[2])
    };
    ROUTES.lines().filter(|l| !l.trim().is_empty()).map(line).collect()
}

/// Whoever asks.
enum Caller {
    Nobody,
    Person(Role, Session),
    Program(Role, String),
}

impl Caller {
    fn role(&self) -> Option<Role> {
        match self {
            Caller::Nobody => None,
            Caller::Person(role, _) | Caller::Program(role, _) => Some(*role),
        }
    }

    async fn ask(&self, g: &Gateway, method: &Method, path: &str, body: &Value) -> Answer {
        let mut request = request(method.clone(), path).header(header::CONTENT_TYPE, "application/json");
        if path == "/mqtt" {
            request = request.header(header::ORIGIN, "http://gateway.test:8080");
        }
        request = match self {
            Caller::Nobody => request,
            Caller::Person(_, s) => request.header(header::COOKIE, &s.cookie).header("x-csrf-token", &s.csrf),
            Caller::Program(_, token) => request.header(header::AUTHORIZATION, format!("Bearer {token}")),
        };
        g.send(request.body(Body::from(body.to_string())).unwrap()).await
    }
}

/// A path that is really there, and a body that is read as far as the right.
fn example(path: &str, alert: &str, event: &str) -> (String, Value) {
    let uuid = "019ac000-0000-7000-8000-000000000000";
    let id = match path {
        p if p.starts_with("/api/v1/alerts") => alert,
        p if p.starts_with("/api/v1/events") => event,
        p if p.starts_with("/api/v1/probe") || p.starts_with("/api/v1/discover") => uuid,
        p if p.starts_with("/api/v1/rules") => "people",
        p if p.starts_with("/api/v1/areas") => "north",
        p if p.starts_with("/api/v1/handovers") => "1",
        _ => "gate",
    };
    let filled = path
        .replace("{id}", id)
        .replace("{action}", "acknowledge")
        .replace("{rev}", "1")
        .replace("{user}", "nobody")
        .replace("{name}", "nothing")
        .replace("{z}/{x}/{y}", "0/0/0")
        .replace("{number}", "1");
    let body = match path {
        "/api/v1/handovers" => json!({ "position": "desk" }),
        "/api/v1/discover" => json!({ "kind": "list", "addresses": "192.168.1.20" }),
        _ => json!({}),
    };
    let query = match path {
        "/api/v1/changes" => "?after=0",
        "/api/v1/handovers/now" => "?position=desk",
        _ => "",
    };
    (filled + query, body)
}

#[test]
fn every_route_of_the_description_has_its_right() {
    let mut said = BTreeMap::new();
    for (method, path, right) in routes() {
        assert!(
            said.insert((path.to_owned(), method.to_string()), right).is_none(),
            "{method} {path} stands here twice"
        );
        let known = Right::ALL.iter().any(|r| serde_json::to_value(r).unwrap() == right);
        assert!(known || [OPEN, ANY].contains(&right), "{right}");
    }
    let document = openapi_document();
    let mut described = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        described.extend(item.as_object().unwrap().keys().map(|m| (path.clone(), m.to_uppercase())));
    }
    let silent: Vec<_> = described.iter().filter(|r| !said.contains_key(*r)).collect();
    assert!(silent.is_empty(), "say in ROUTES which right these take: {silent:?}");
    let gone: Vec<_> = said.keys().filter(|r| !described.contains(r)).collect();
    assert!(gone.is_empty(), "these are routes no longer: {gone:?}");
}

#[tokio::test]
async fn every_role_gets_what_the_table_gives_it_and_no_more() {
    let g = Gateway::new().await;
    let alert = g.world.open_alert("gate");
    let (alert, event) = (alert.id.to_string(), alert.last_event.to_string());
    let mut callers = vec![Caller::Nobody];
    for role in Role::PEOPLE {
        g.add_user_as(role.as_str(), role, Areas::All).await;
        callers.push(Caller::Person(role, g.login(role.as_str(), PASSWORD).await));
    }
    for scope in Role::TOKENS {
        callers.push(Caller::Program(scope, g.token(scope.as_str(), scope.as_str(), None).await));
    }
    let (mut allowed, mut refused) = (0, 0);
    for (method, path, takes) in routes() {
        let right = Right::ALL.into_iter().find(|r| serde_json::to_value(r).unwrap() == takes);
        for caller in &callers {
            let (filled, body) = example(path, &alert, &event);
            let answer = caller.ask(&g, &method, &filled, &body).await;
            let who = caller.role().map_or("nobody", Role::as_str);
            let told = format!("{who} {method} {filled}: {} {}", answer.status, answer.text());
            match (caller.role(), right) {
                (None, _) if takes == OPEN => assert_ne!(answer.status, StatusCode::FORBIDDEN, "{told}"),
                (None, _) => assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{told}"),
                (Some(role), Some(right)) if !may(role, right) => {
                    refused += 1;
                    assert_eq!(answer.status, StatusCode::FORBIDDEN, "{told}");
                    let message = answer.json()["error"]["message"].as_str().unwrap().to_owned();
                    assert!(message.starts_with("this takes"), "{told}");
                }
                // A token has neither password nor session; what it hears then is its own test.
                (Some(_), None) if matches!(caller, Caller::Program(..)) => {
                    assert_ne!(answer.status, StatusCode::UNAUTHORIZED, "{told}");
                }
                _ => {
                    allowed += 1;
                    let shut = [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN, StatusCode::METHOD_NOT_ALLOWED];
                    assert!(!shut.contains(&answer.status) && !answer.status.is_server_error(), "{told}");
                }
            }
        }
    }
    assert!(allowed > 150 && refused > 200, "{allowed} {refused}");
}

#[tokio::test]
async fn every_action_on_an_alert_takes_its_right() {
    let g = Gateway::new().await;
    let mut callers = Vec::new();
    for role in Role::PEOPLE {
        g.add_user_as(role.as_str(), role, Areas::All).await;
        callers.push(Caller::Person(role, g.login(role.as_str(), PASSWORD).await));
    }
    for scope in Role::TOKENS {
        callers.push(Caller::Program(scope, g.token(scope.as_str(), scope.as_str(), None).await));
    }
    let body = json!({ "note": "x", "minutes": 5, "priority": "low" });
    for action in skyeye::types::payload::AlertAction::ALL {
        let right = if ["note", "feedback"].contains(&action.as_str()) { Right::Feedback } else { Right::Act };
        for caller in &callers {
            let alert = g.world.open_alert("gate").id;
            let path = format!("/api/v1/alerts/{alert}/{}", action.as_str());
            let status = caller.ask(&g, &Method::POST, &path, &body).await.status;
            let role = caller.role().unwrap();
            assert_eq!(status != StatusCode::FORBIDDEN, may(role, right), "{} {}", role.as_str(), action.as_str());
        }
    }
}
