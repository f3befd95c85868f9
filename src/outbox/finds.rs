//! Looking alerts up: the ledger's side of `store::search`.

use super::{Ledger, LedgerError};
use crate::{
    store::search::{self, Ask, Counted, Found},
    types::{AlertId, AreaId, find::CountBy, find::Find},
};

impl Ledger {
    /// Alerts of these subtrees (`None`: of all) before a place, newest first, each with its place.
    pub async fn find(
        &self,
        find: &Find,
        within: Option<&[AreaId]>,
        before: Option<i64>,
        limit: usize,
    ) -> Result<Found, LedgerError> {
        let mut conn = self.reader().await?;
        let ask = Ask { find, within };
        self.read(search::page(&mut conn, ask, before.unwrap_or(i64::MAX), super::reads::rows(limit)).await)
    }

    /// How many there are of each kind; see `search::count`.
    pub async fn count(&self, find: &Find, within: Option<&[AreaId]>, by: CountBy) -> Result<Counted, LedgerError> {
        let mut conn = self.reader().await?;
        self.read(search::count(&mut conn, Ask { find, within }, by).await)
    }

    /// What people wrote of these alerts.
    pub async fn notes(&self, alerts: &[AlertId]) -> Result<Vec<(AlertId, String)>, LedgerError> {
        let mut conn = self.reader().await?;
        self.read(search::notes(&mut conn, alerts).await.map_err(Into::into))
    }
}
