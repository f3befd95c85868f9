//! What receivers over HTTP are told of, and how far they have been told. All of it beside the writer: reading goes over
//! connections that cannot write, and a place is one short row that its receiver may lose without losing a fact.

use tokio::sync::watch;

use super::{Ledger, LedgerError, reads::rows};
use crate::{
    hook::{Behind, Source, SourceError},
    store::{
        StoreError,
        hooks::{self, Place},
    },
    types::{AlertId, HookId},
};

impl Ledger {
    /// What was committed behind `after`, in that order.
    async fn read_behind(&self, after: i64, limit: usize) -> Result<Behind, LedgerError> {
        let newest = *self.shared.newest.borrow();
        let floor = self.floor();
        if after < floor || after > newest {
            // Above the newest is a place of another file.
            return Ok(Behind::Gone { floor: if after > newest { newest } else { floor } });
        }
        let limit = rows(limit);
        let mut conn = self.reader().await?;
        let messages = self.read(hooks::behind(&mut conn, after, &self.feeds, limit).await)?;
        drop(conn);
        let floor = self.floor();
        if after < floor {
            return Ok(Behind::Gone { floor });
        }
        let full = i64::try_from(messages.len()).unwrap_or(i64::MAX) >= limit;
        let last = messages.last().and_then(|(m, _)| m.cursor).unwrap_or(after);
        // What follows the last one up to `newest` are copies.
        Ok(Behind::Here { messages, cursor: if full { last } else { last.max(newest) } })
    }

    /// Whether this change of an alert is the one that sent somebody.
    async fn read_was_dispatch(&self, alert: AlertId, rev: u64) -> Result<bool, LedgerError> {
        let mut conn = self.reader().await?;
        let found = hooks::was_dispatch(&mut conn, alert, rev).await.map_err(StoreError::from);
        self.read(found)
    }

    async fn read_place(&self, hook: &HookId) -> Result<Option<Place>, LedgerError> {
        let mut conn = self.reader().await?;
        let found = hooks::place(&mut conn, hook).await.map_err(StoreError::from);
        self.read(found)
    }

    async fn write_place(&self, hook: &HookId, place: &Place) -> Result<(), LedgerError> {
        let mut conn = self.store.writer().acquire().await.map_err(StoreError::from)?;
        Ok(hooks::set_place(&mut conn, hook, place).await.map_err(StoreError::from)?)
    }

    /// Forgets the places of receivers that are configured no more.
    async fn forget_others(&self, ids: &[HookId]) -> Result<(), LedgerError> {
        let mut conn = self.store.writer().acquire().await.map_err(StoreError::from)?;
        let gone = hooks::keep_only(&mut conn, ids).await.map_err(StoreError::from)?;
        if gone > 0 {
            tracing::info!("the places of {gone} webhooks that are configured no more are forgotten");
        }
        Ok(())
    }

    /// Retained topics that depend on the configuration and were announced.
    pub async fn announced(&self) -> Result<Vec<String>, LedgerError> {
        let mut conn = self.reader().await?;
        let found = hooks::announced(&mut conn).await.map_err(StoreError::from);
        self.read(found)
    }

    /// Notes topics before anything is said on them, and forgets those that the broker has cleared.
    pub async fn announce(&self, new: &[String], gone: &[String]) -> Result<(), LedgerError> {
        let mut conn = self.store.writer().acquire().await.map_err(StoreError::from)?;
        Ok(hooks::announce(&mut conn, new, gone).await.map_err(StoreError::from)?)
    }
}

fn failed(e: LedgerError) -> SourceError {
    SourceError(e.to_string())
}

impl Source for Ledger {
    async fn behind(&self, after: i64, limit: usize) -> Result<Behind, SourceError> {
        self.read_behind(after, limit).await.map_err(failed)
    }
    fn wake(&self) -> watch::Receiver<i64> {
        Ledger::wake(self)
    }
    async fn was_dispatch(&self, alert: AlertId, rev: u64) -> Result<bool, SourceError> {
        self.read_was_dispatch(alert, rev).await.map_err(failed)
    }
    async fn place(&self, hook: &HookId) -> Result<Option<Place>, SourceError> {
        self.read_place(hook).await.map_err(failed)
    }
    async fn set_place(&self, hook: &HookId, place: &Place) -> Result<(), SourceError> {
        self.write_place(hook, place).await.map_err(failed)
    }
    async fn keep_only(&self, hooks: &[HookId]) -> Result<(), SourceError> {
        self.forget_others(hooks).await.map_err(failed)
    }
}
