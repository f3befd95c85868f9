//! Looking alerts up, for `web`: the login's areas go into the question.

use std::collections::HashMap;

use futures_util::future::{BoxFuture, FutureExt};

use super::ports::WebPorts;
use crate::{
    outbox::LedgerError,
    store::{StoreError, search::QUARTER_MS},
    types::{
        AlertId, Wall,
        find::{CountBy, Find},
        payload::AlertPayload,
    },
    web::{
        auth::ListProof,
        ports::{
            PortError,
            search::{Counted, FoundList, Group, Search, SearchError, Written, WrittenAlert},
        },
    },
};

fn failed(e: LedgerError) -> SearchError {
    if let LedgerError::Store(store) = &e
        && let StoreError::TimeLimit { limit_s } = **store
    {
        return SearchError::TooWide { limit_s };
    }
    SearchError::Port(PortError(e.to_string()))
}

impl Search for WebPorts {
    fn find<'a>(
        &'a self,
        proof: &'a ListProof,
        find: &'a Find,
        before: Option<i64>,
        limit: usize,
    ) -> BoxFuture<'a, Result<FoundList, SearchError>> {
        async move {
            let found = self.0.ledger.find(find, proof.areas(), before, limit).await.map_err(failed)?;
            let alerts = found.alerts.into_iter().map(|(_, alert)| alert).collect();
            Ok(FoundList { alerts, unreadable: found.unreadable, next: found.next, filling: found.filling })
        }
        .boxed()
    }

    fn count<'a>(
        &'a self,
        proof: &'a ListProof,
        find: &'a Find,
        by: CountBy,
    ) -> BoxFuture<'a, Result<Counted, SearchError>> {
        async move {
            let counted = self.0.ledger.count(find, proof.areas(), by).await.map_err(failed)?;
            let group = |(what, many): (String, i64)| {
                let many = u64::try_from(many).unwrap_or(0);
                match by {
                    CountBy::Hour | CountBy::Day => {
                        let quarter = what.parse().unwrap_or(0i64);
                        Group::Quarter(Wall(quarter.saturating_mul(QUARTER_MS)), many)
                    }
                    _ => Group::Named(what, many),
                }
            };
            let groups = counted.groups.into_iter().map(group).collect();
            Ok(Counted { groups, more: counted.more, filling: counted.filling })
        }
        .boxed()
    }

    fn written<'a>(
        &'a self,
        proof: &'a ListProof,
        find: &'a Find,
        before: Option<i64>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Written, SearchError>> {
        async move {
            let FoundList { alerts, unreadable, next, .. } = Search::find(self, proof, find, before, limit).await?;
            let ids: Vec<AlertId> = alerts.iter().map(|a| a.id).collect();
            let mut notes: HashMap<AlertId, Vec<String>> = HashMap::new();
            for (id, note) in self.0.ledger.notes(&ids).await.map_err(failed)? {
                notes.entry(id).or_default().push(note);
            }
            let written = |alert: AlertPayload| {
                let notes = notes.remove(&alert.id).unwrap_or_default();
                WrittenAlert { alert, notes }
            };
            Ok(Written { alerts: alerts.into_iter().map(written).collect(), unreadable, next })
        }
        .boxed()
    }
}
