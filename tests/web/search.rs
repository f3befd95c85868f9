//! Looking alerts up over the API: what is asked reaches the store as it was meant, what comes back is what may be seen, and
//! files are safe to open. What is found by which filter is tested where it is read (store::search).

use axum::{
    body::Body,
    http::{Method, StatusCode, header},
};
use futures_util::{StreamExt, future::BoxFuture};
use serde_json::json;
use skyeye::{
    types::{
        AreaId, Wall,
        find::{CountBy, Find, InState},
    },
    web::{
        auth::{Areas, ListProof},
        ports::{
            PortError,
            search::{Counted, FoundList, Group, Search, SearchError, Written, WrittenAlert},
        },
    },
};

use tower::ServiceExt;

use super::support::{Gateway, PASSWORD, World, request};

/// Finds by channel and text only. Gives what it may not on purpose: the web stage must not rely on the port alone.
impl Search for World {
    fn find<'a>(
        &'a self,
        _: &'a ListProof,
        find: &'a Find,
        before: Option<i64>,
        limit: usize,
    ) -> BoxFuture<'a, Result<FoundList, SearchError>> {
        Box::pin(async move {
            self.asked.lock().unwrap().push(format!("{find:?} before {before:?} limit {limit}"));
            match find.text.as_str() {
                "wide" => return Err(SearchError::TooWide { limit_s: 10 }),
                "broken" => return Err(PortError("disk /secret/path".into()).into()),
                _ => {}
            }
            let alerts = self.alerts.lock().unwrap();
            let mut all: Vec<_> = alerts.values().map(|d| d.alert.clone()).collect();
            all.retain(|a| find.channel.as_ref().is_none_or(|c| *c == a.channel));
            all.retain(|a| before.is_none_or(|b| a.order.cursor < b));
            all.sort_by_key(|a| std::cmp::Reverse(a.order.cursor));
            let more = all.len() > limit;
            all.truncate(limit);
            let next = all.last().filter(|_| more).map(|a| a.order.cursor);
            // Their records are damaged.
            let unreadable = if find.text == "damaged" { std::mem::take(&mut all) } else { Vec::new() };
            let unreadable = unreadable.into_iter().map(|a| a.id).collect();
            Ok(FoundList { alerts: all, unreadable, next, filling: false })
        })
    }
    fn count<'a>(
        &'a self,
        _: &'a ListProof,
        find: &'a Find,
        by: CountBy,
    ) -> BoxFuture<'a, Result<Counted, SearchError>> {
        Box::pin(async move {
            self.asked.lock().unwrap().push(format!("{find:?} by {by:?}"));
            let groups = match by {
                CountBy::Hour | CountBy::Day => vec![Group::Quarter(Wall(1_795_335_300_000), 3)],
                CountBy::Priority => vec![Group::Named("3".into(), 2), Group::Named("0".into(), 1)],
                _ => vec![Group::Named("city/north".into(), 2)],
            };
            Ok(Counted { groups, more: false, filling: false })
        })
    }
    fn written<'a>(
        &'a self,
        proof: &'a ListProof,
        find: &'a Find,
        before: Option<i64>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Written, SearchError>> {
        Box::pin(async move {
            let FoundList { alerts, unreadable, next, .. } = Search::find(self, proof, find, before, limit).await?;
            let notes = vec!["=1+1".to_owned(), "two, \"lines\"".to_owned()];
            let alerts = alerts.into_iter().map(|alert| WrittenAlert { alert, notes: notes.clone() }).collect();
            Ok(Written { alerts, unreadable, next })
        })
    }
}

async fn north_only() -> (Gateway, super::support::Session) {
    let g = Gateway::new().await;
    g.add_user("nina", Areas::Subtrees(vec![AreaId::new("north").unwrap()])).await;
    let nina = g.login("nina", PASSWORD).await;
    (g, nina)
}

#[tokio::test]
async fn a_search_is_asked_as_it_was_meant() {
    let g = Gateway::new().await;
    let alice = g.alice().await;
    for n in 0..3 {
        g.world.open_alert(if n == 1 { "yard" } else { "gate" });
    }
    let path = "/api/v1/alerts/search?from=2026-11-01T00:00:00Z&to=2026-11-02T08:00:00%2B08:00&area=north&channel=&type=presence\
                &priority=high&state=open&result=false&owner=li&rule=people&position=desk-1&text=%E6%B6%88%E9%98%B2%20x\
                &before=77&limit=9999";
    assert_eq!(g.get(&alice, path).await.status, StatusCode::OK);
    let asked = g.world.asked.lock().unwrap().pop().unwrap();
    let want = Find {
        from: Some(Wall(1_793_491_200_000)),
        to: Some(Wall(1_793_577_600_000)),
        area: Some(AreaId::new("north").unwrap()),
        channel: None,
        kind: Some("presence".into()),
        priority: Some(skyeye::types::Severity::High),
        state: Some(InState::Open),
        result: Some(skyeye::types::handling::ResultCode::False),
        owner: Some("li".parse().unwrap()),
        rule: Some("people".parse().unwrap()),
        position: Some("desk-1".parse().unwrap()),
        text: "消防 x".into(),
    };
    assert_eq!(asked, format!("{want:?} before Some(77) limit 500"));

    // Page by page to the end.
    let first = g.get(&alice, "/api/v1/alerts/search?limit=2").await.json();
    assert_eq!(first["alerts"].as_array().unwrap().len(), 2);
    let next = first["next"].as_i64().unwrap();
    let second = g.get(&alice, &format!("/api/v1/alerts/search?limit=2&before={next}")).await.json();
    assert_eq!((second["alerts"].as_array().unwrap().len(), &second["next"]), (1, &json!(null)));

    for (query, named) in [
        ("from=yesterday", "from"),
        ("area=North%22", "area"),
        ("state=gone", "state"),
        ("result=maybe", "result"),
        ("text=%22-*", "text"),
        ("limit=ten", "limit"),
        ("before=x", "before"),
    ] {
        let refused = g.get(&alice, &format!("/api/v1/alerts/search?{query}")).await;
        assert_eq!((refused.status, refused.kind().as_str()), (StatusCode::UNPROCESSABLE_ENTITY, "invalid"), "{query}");
        let message = refused.json()["error"]["message"].as_str().unwrap().to_owned();
        assert!(message.starts_with(&format!("{named}: ")), "{message}");
    }
    let wide = g.get(&alice, "/api/v1/alerts/search?text=wide").await;
    assert_eq!((wide.status, wide.kind().as_str()), (StatusCode::UNPROCESSABLE_ENTITY, "too_wide"));
    assert!(wide.text().contains("narrow it"), "{}", wide.text());
    let broken = g.get(&alice, "/api/v1/alerts/search?text=broken").await;
    assert_eq!(broken.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(!broken.text().contains("secret"), "{}", broken.text());
}

#[tokio::test]
async fn counts_are_told_by_the_sites_clock_and_in_the_apis_words() {
    let g = Gateway::new().await;
    let alice = g.alice().await;
    let day = g.get(&alice, "/api/v1/alerts/summary?by=day&text=x").await.json();
    // 2026-11-22T08:15Z is 16:15 in Shanghai, and that day begins at 16:00Z.
    assert_eq!(day["groups"], json!([{ "key": "2026-11-21T16:00:00Z", "count": 3 }]));
    assert_eq!((&day["total"], &day["by"]), (&json!(3), &json!("day")));
    let priority = g.get(&alice, "/api/v1/alerts/summary?by=priority").await.json();
    assert_eq!(priority["groups"], json!([{ "key": "critical", "count": 2 }, { "key": "low", "count": 1 }]));
    let area = g.get(&alice, "/api/v1/alerts/summary?by=area").await.json();
    assert_eq!(area["groups"], json!([{ "key": "north", "count": 2 }]));
    assert_eq!(g.get(&alice, "/api/v1/alerts/summary?by=moon").await.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn a_file_holds_only_what_may_be_seen_no_formula_and_is_on_record() {
    let (g, nina) = north_only().await;
    let north = g.world.open_alert("gate");
    let south = g.world.open_alert("yard");
    let csv = g.get(&nina, "/api/v1/alerts/export?format=csv&text=gate").await;
    assert_eq!(csv.status, StatusCode::OK);
    assert_eq!(csv.header("content-type"), "text/csv; charset=utf-8");
    assert!(csv.header("content-disposition").contains("alerts.csv"));
    let text = csv.text();
    assert!(text.starts_with("\u{feff}id,opened,"), "{text}");
    assert!(text.contains(&north.id.to_string()) && !text.contains(&south.id.to_string()), "{text}");
    assert!(text.contains(",2026-11-22 16:15:30,"), "the site's clock: {text}");
    assert!(text.contains("\"'=1+1\ntwo, \"\"lines\"\"\""), "{text}");
    assert!(text.ends_with("\r\n") && !text.contains("cut after"), "{text}");

    let json = g.get(&nina, "/api/v1/alerts/export?format=json").await.json();
    assert_eq!((json["alerts"].as_array().unwrap().len(), &json["cut"]), (1, &json!(false)));
    assert_eq!(json["alerts"][0]["id"], json!(north.id));
    assert_eq!(json["alerts"][0]["notes"][0], json!("=1+1"));

    let wide = g.get(&nina, "/api/v1/alerts/export?format=csv&text=wide").await;
    assert_eq!(wide.kind(), "too_wide", "said before the file begins");
    assert_eq!(g.get(&nina, "/api/v1/alerts/export?format=xls").await.status, StatusCode::UNPROCESSABLE_ENTITY);
    let exports: Vec<_> = g.audited().await.into_iter().filter(|(_, action, _)| action == "alerts_exported").collect();
    let record = |what: &str| ("nina".to_owned(), "alerts_exported".to_owned(), what.to_owned());
    assert_eq!(exports, [record("csv: text=gate"), record("json: everything")]);

    let found = g.get(&nina, "/api/v1/alerts/search").await.json();
    assert_eq!(found["alerts"].as_array().unwrap().len(), 1);
    assert_eq!(found["alerts"][0]["id"], json!(north.id));
}

#[tokio::test]
async fn what_cannot_be_read_is_named_and_the_rest_is_told() {
    let g = Gateway::new().await;
    let alice = g.alice().await;
    let ids = [g.world.open_alert("gate").id, g.world.open_alert("yard").id];
    let page = g.get(&alice, "/api/v1/alerts/search?text=damaged&limit=1").await;
    assert_eq!(page.status, StatusCode::OK);
    let page = page.json();
    assert_eq!((&page["alerts"], page["unreadable"].as_array().unwrap().len()), (&json!([]), 1));
    assert!(page["next"].is_i64(), "a page of nothing that can be read is not the last one");
    let csv = g.get(&alice, "/api/v1/alerts/export?text=damaged").await.text();
    let end = format!("2 alerts cannot be read and are left out: {} {}\r\n", ids[1], ids[0]);
    assert!(csv.ends_with(&end), "{csv}");
    let json = g.get(&alice, "/api/v1/alerts/export?text=damaged&format=json").await.json();
    assert_eq!(json["unreadable"], json!([ids[1], ids[0]]));
    assert_eq!((&json["alerts"], &json["cut"]), (&json!([]), &json!(false)));
}

/// The answer of an export that nobody reads yet.
async fn begun(g: &Gateway, session: &super::support::Session) -> axum::response::Response {
    let request = request(Method::GET, "/api/v1/alerts/export?format=csv").header(header::COOKIE, &session.cookie);
    g.app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
}

/// Takes what there is of a body: how many bytes, and whether it came to its end.
async fn taken(answer: axum::response::Response) -> (usize, bool) {
    let mut body = answer.into_body().into_data_stream();
    let mut bytes = 0;
    while let Some(piece) = body.next().await {
        match piece {
            Ok(piece) => bytes += piece.len(),
            Err(_) => return (bytes, false),
        }
    }
    (bytes, true)
}

#[tokio::test]
async fn readers_that_take_nothing_are_broken_off_and_others_have_their_turn() {
    let g = Gateway::new().await;
    let alice = g.alice().await;
    // Three pieces of a file.
    for _ in 0..1200 {
        g.world.open_alert("gate");
    }
    let whole = taken(begun(&g, &alice).await).await;
    assert!(whole.1 && whole.0 > 1200 * 50, "{whole:?}");
    let (first, second) = (begun(&g, &alice).await, begun(&g, &alice).await);
    assert_eq!((first.status(), second.status()), (StatusCode::OK, StatusCode::OK));
    let mut second = second.into_body().into_data_stream();
    assert!(second.next().await.unwrap().is_ok(), "a piece, and then nothing more");
    assert_eq!(begun(&g, &alice).await.status(), StatusCode::TOO_MANY_REQUESTS);

    tokio::time::pause();
    tokio::time::advance(std::time::Duration::from_secs(31)).await;
    tokio::time::resume();
    assert_eq!(taken(begun(&g, &alice).await).await, whole, "their turns are given back");
    assert_eq!(taken(first).await, (0, false), "no part is taken for the whole");
    assert!(second.next().await.unwrap().is_err());
    // One who is through gives his turn back at once, whether or not he is gone.
    let (one, two) = (begun(&g, &alice).await, begun(&g, &alice).await);
    assert!(taken(one).await.1 && taken(two).await.1);
    assert_eq!(begun(&g, &alice).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_file_breaks_off_where_its_login_loses_rights() {
    for rights in [json!({ "disabled": true }), json!({ "areas": ["south"] }), json!({ "role": "viewer" })] {
        let (g, nina) = north_only().await;
        let alice = g.alice().await;
        for _ in 0..1200 {
            g.world.open_alert("gate");
        }
        let mut body = begun(&g, &nina).await.into_body().into_data_stream();
        assert!(body.next().await.unwrap().is_ok(), "the first of three pieces");
        let answer = g.change(&alice, Method::PATCH, "/api/v1/users/nina", rights.clone()).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        assert!(body.next().await.unwrap().is_err(), "{rights}");
    }
}
