//! What `web` may ask of the inventory, given by the node: each change is written, then waited for until it is in force.

use futures_util::future::{BoxFuture, FutureExt};

use super::{Inner, ports::WebPorts};
use crate::{
    inventory::{ChangeView, Done, Edit, Import, InventoryError, Kind, Plan, Rev, Revision, Source},
    web::{
        auth::{EditProof, ManageProof},
        ports::{
            Configuration,
            configuration::{Asked, Held},
        },
    },
};

impl WebPorts {
    /// Waits until a revision is in force. What is written stays written where that takes too long.
    async fn reached(&self, rev: Rev) {
        if !self.0.stored.applied(rev).await {
            tracing::warn!(rev, "a change is written, and not in force within ten seconds");
        }
    }
}

impl Configuration for WebPorts {
    fn in_force(&self) -> Held {
        let Inner { config, stored, .. } = &*self.0;
        Held { running: config.load_full(), file: stored.file(), stored: stored.snapshot() }
    }

    fn newest(&self) -> BoxFuture<'_, Result<Held, InventoryError>> {
        async move {
            let held = self.in_force();
            Ok(match self.0.stored.existing().await? {
                Some(inventory) => Held { stored: inventory.snapshot().await?, ..held },
                None => held,
            })
        }
        .boxed()
    }

    fn edit<'a>(&'a self, proof: &'a EditProof, asked: Asked) -> BoxFuture<'a, Result<Done, InventoryError>> {
        async move {
            let edit = Edit {
                ops: proof.ops().to_vec(),
                author: proof.author().to_string(),
                source: asked.source,
                summary: String::new(),
                expect: asked.expect,
            };
            let done = self.0.stored.open().await?.edit(&self.0.stored.file(), edit).await?;
            self.reached(done.rev).await;
            Ok(done)
        }
        .boxed()
    }

    fn import<'a>(&'a self, proof: &'a ManageProof, import: Import) -> BoxFuture<'a, Result<Plan, InventoryError>> {
        async move {
            let import = Import { author: proof.author().to_string(), ..import };
            let plan = self.0.stored.open().await?.import(&self.0.stored.file(), import).await?;
            if let Some(rev) = plan.rev {
                self.reached(rev).await;
            }
            Ok(plan)
        }
        .boxed()
    }

    fn revisions<'a>(
        &'a self,
        _proof: &'a ManageProof,
        before: Option<Rev>,
        limit: u32,
    ) -> BoxFuture<'a, Result<Vec<Revision>, InventoryError>> {
        async move {
            match self.0.stored.existing().await? {
                Some(inventory) => inventory.revisions(before, limit).await,
                None => Ok(Vec::new()),
            }
        }
        .boxed()
    }

    fn revisions_of<'a>(
        &'a self,
        _proof: &'a ManageProof,
        kind: Kind,
        id: &'a str,
        before: Option<Rev>,
        limit: u32,
    ) -> BoxFuture<'a, Result<Vec<(Revision, ChangeView)>, InventoryError>> {
        async move {
            match self.0.stored.existing().await? {
                Some(inventory) => inventory.revisions_of(kind, id, before, limit).await,
                None => Ok(Vec::new()),
            }
        }
        .boxed()
    }

    fn revision<'a>(
        &'a self,
        _proof: &'a ManageProof,
        rev: Rev,
    ) -> BoxFuture<'a, Result<(Revision, Vec<ChangeView>), InventoryError>> {
        async move {
            match self.0.stored.existing().await? {
                Some(inventory) => inventory.revision(rev).await,
                None => Err(InventoryError::NotFound(format!("there is no revision {rev}"))),
            }
        }
        .boxed()
    }

    fn undo<'a>(
        &'a self,
        proof: &'a ManageProof,
        rev: Rev,
        source: Source,
    ) -> BoxFuture<'a, Result<Done, InventoryError>> {
        async move {
            let Some(inventory) = self.0.stored.existing().await? else {
                return Err(InventoryError::NotFound(format!("there is no revision {rev}")));
            };
            let done = inventory.undo(&self.0.stored.file(), rev, proof.author().as_str(), source).await?;
            self.reached(done.rev).await;
            Ok(done)
        }
        .boxed()
    }
}
