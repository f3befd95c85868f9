//! Discovery and probes by API: who may, who sees whose, and what never comes back.

use std::{collections::HashMap, sync::Mutex};

use axum::http::{StatusCode, header};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use skyeye::{
    discover::{DiscoverView, ProbeView, brands},
    types::{AreaId, UserId},
    web::{
        auth::{Areas, DiscoveryProof},
        ports::discover::{DiscoverRequest, Discovery, ProbeRequest, StartError, Started},
    },
};
use uuid::Uuid;

use super::support::{Gateway, JPEG, PASSWORD};

/// Begins every job and has done it at once; keeps who asked.
#[derive(Default)]
pub struct Desk {
    jobs: Mutex<HashMap<Uuid, UserId>>,
}

impl Desk {
    fn start(&self, proof: &DiscoveryProof) -> Result<Started, StartError> {
        let mut jobs = self.jobs.lock().unwrap();
        if jobs.len() >= 2 {
            return Err(StartError::Busy("two probes run already; wait for one to end".into()));
        }
        let id = Uuid::new_v4();
        jobs.insert(id, proof.author().clone());
        Ok(Started { id })
    }
    fn owns(&self, proof: &DiscoveryProof, id: Uuid) -> bool {
        self.jobs.lock().unwrap().get(&id).is_some_and(|owner| owner == proof.author())
    }
}

impl Discovery for Desk {
    fn probe<'a>(
        &'a self,
        proof: &'a DiscoveryProof,
        request: ProbeRequest,
    ) -> BoxFuture<'a, Result<Started, StartError>> {
        Box::pin(async move {
            if request.host.is_none() {
                return Err(StartError::Invalid("give the url of a stream, or the host of a device".into()));
            }
            assert_eq!(request.password.as_ref().map(|p| p.expose()), Some("canary-camera-password"));
            assert!(!format!("{request:?}").contains("canary"));
            self.start(proof)
        })
    }
    fn probed(&self, proof: &DiscoveryProof, id: Uuid) -> Option<ProbeView> {
        self.owns(proof, id).then(|| ProbeView { done: true, picture: true, ..ProbeView::default() })
    }
    fn picture(&self, proof: &DiscoveryProof, id: Uuid, stream: usize) -> Option<Bytes> {
        (self.owns(proof, id) && stream == 1).then(|| Bytes::from_static(JPEG))
    }
    fn discover<'a>(
        &'a self,
        proof: &'a DiscoveryProof,
        _: DiscoverRequest,
    ) -> BoxFuture<'a, Result<Started, StartError>> {
        Box::pin(async move { self.start(proof) })
    }
    fn discovered(&self, proof: &DiscoveryProof, id: Uuid) -> Option<DiscoverView> {
        self.owns(proof, id).then(DiscoverView::default)
    }
}

fn probe() -> Value {
    json!({ "host": "10.0.0.5", "onvif": true, "username": "admin", "password": "canary-camera-password" })
}

#[tokio::test]
async fn a_probe_is_begun_watched_and_seen_by_its_owner_alone() {
    let g = Gateway::new().await;
    g.add_user("bob", Areas::All).await;
    let (alice, bob) = (g.alice().await, g.login("bob", PASSWORD).await);
    let begun = g.post(&alice, "/api/v1/probe", probe()).await;
    assert_eq!(begun.status, StatusCode::ACCEPTED, "{}", begun.text());
    assert!(!begun.text().contains("canary"));
    let path = format!("/api/v1/probe/{}", begun.json()["id"].as_str().unwrap());
    let view = g.get(&alice, &path).await;
    assert_eq!((view.status, view.json()["done"].clone()), (StatusCode::OK, json!(true)));
    let picture = g.get(&alice, &format!("{path}/picture?stream=1")).await;
    assert_eq!(
        (picture.status, picture.headers[header::CONTENT_TYPE].to_str().unwrap()),
        (StatusCode::OK, "image/jpeg")
    );
    assert_eq!(g.get(&alice, &format!("{path}/picture")).await.status, StatusCode::NOT_FOUND, "stream 0 has none");
    for hidden in [path.clone(), format!("{path}/picture?stream=1")] {
        assert_eq!(g.get(&bob, &hidden).await.status, StatusCode::NOT_FOUND, "{hidden}");
    }
    let search = g.post(&bob, "/api/v1/discover", json!({ "kind": "list", "addresses": "10.0.0.0/24" })).await;
    assert_eq!(search.status, StatusCode::ACCEPTED);
    let path = format!("/api/v1/discover/{}", search.json()["id"].as_str().unwrap());
    assert_eq!(g.get(&bob, &path).await.status, StatusCode::OK);
    assert_eq!(g.get(&alice, &path).await.status, StatusCode::NOT_FOUND);

    let busy = g.post(&alice, "/api/v1/probe", probe()).await;
    assert_eq!((busy.status, busy.kind().as_str()), (StatusCode::TOO_MANY_REQUESTS, "too_many"));
    assert!(busy.headers.contains_key(header::RETRY_AFTER));

    // Who asked whom is on record, without a login.
    let rows = g.audited().await;
    let has = |user: &str, deed: &str, what: &str| rows.contains(&(user.to_owned(), deed.to_owned(), what.to_owned()));
    assert!(has("alice", "probe", "10.0.0.5") && has("bob", "discovery", "10.0.0.0/24"), "{rows:?}");
    assert!(!format!("{rows:?}").contains("canary-camera"));
}

#[tokio::test]
async fn one_who_sees_a_street_may_not_ask_the_network() {
    let g = Gateway::new().await;
    g.add_user("nina", Areas::Subtrees(vec![AreaId::new("north").unwrap()])).await;
    let nina = g.login("nina", PASSWORD).await;
    for (path, body) in [("/api/v1/probe", probe()), ("/api/v1/discover", json!({ "kind": "ws" }))] {
        let answer = g.post(&nina, path, body).await;
        assert_eq!((answer.status, answer.kind().as_str()), (StatusCode::FORBIDDEN, "forbidden"), "{path}");
    }
    assert_eq!(g.get(&nina, &format!("/api/v1/probe/{}", Uuid::new_v4())).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn bad_requests_are_said_and_never_repeated() {
    let g = Gateway::new().await;
    let alice = g.alice().await;
    let nothing = g.post(&alice, "/api/v1/probe", json!({})).await;
    assert_eq!((nothing.status, nothing.kind().as_str()), (StatusCode::UNPROCESSABLE_ENTITY, "invalid"));
    for body in [json!({ "host": "h", "password": 12345678 }), json!({ "host": "h", "pasword": "canary-x" })] {
        let answer = g.post(&alice, "/api/v1/probe", body).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(!answer.text().contains("12345678") && !answer.text().contains("canary"), "{}", answer.text());
    }
    assert_eq!(g.get(&alice, "/api/v1/probe/nonsense").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn brands_come_as_a_table() {
    let g = Gateway::new().await;
    let list = g.get(&g.alice().await, "/api/v1/brands").await.json();
    let list = list["brands"].as_array().unwrap();
    assert_eq!(list.len(), brands::all().len());
    let hikvision = list.iter().find(|b| b["id"] == "hikvision").unwrap();
    assert_eq!(hikvision["sub"], "/Streaming/Channels/{channel}02");
    assert!(hikvision["note"].is_string() && hikvision["default_user"] == "admin");
}
