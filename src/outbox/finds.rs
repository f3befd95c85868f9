//! Looking alerts up: the ledger's side of `store::search`.

use tokio::sync::SemaphorePermit;

use super::{Ledger, LedgerError};
use crate::{
    store::search::{self, Ask, Counted, Found},
    types::{AlertId, AreaId, find::CountBy, find::Find},
};

/// Searches at one time: the readers that are left serve logins, lists and the broker.
pub(super) const SEARCHES: usize = 2;

impl Ledger {
    async fn searches(&self) -> Option<SemaphorePermit<'_>> {
        // It is never closed.
        self.shared.searches.acquire().await.ok()
    }

    /// Alerts of these subtrees (`None`: of all) before a place, newest first, each with its place.
    pub async fn find(
        &self,
        find: &Find,
        within: Option<&[AreaId]>,
        before: Option<i64>,
        limit: usize,
    ) -> Result<Found, LedgerError> {
        let _turn = self.searches().await;
        let mut conn = self.reader().await?;
        let ask = Ask { find, within };
        self.read(search::page(&mut conn, ask, before.unwrap_or(i64::MAX), super::reads::rows(limit)).await)
    }

    /// How many there are of each kind; see `search::count`.
    pub async fn count(&self, find: &Find, within: Option<&[AreaId]>, by: CountBy) -> Result<Counted, LedgerError> {
        let _turn = self.searches().await;
        let mut conn = self.reader().await?;
        self.read(search::count(&mut conn, Ask { find, within }, by).await)
    }

    /// What people wrote of these alerts.
    pub async fn notes(&self, alerts: &[AlertId]) -> Result<Vec<(AlertId, String)>, LedgerError> {
        let _turn = self.searches().await;
        let mut conn = self.reader().await?;
        self.read(search::notes(&mut conn, alerts).await.map_err(Into::into))
    }
}
