//! What every change of the configuration has in common: who makes it, that it is made from what is there now, and that it
//! is put on record.

use std::net::IpAddr;

use axum::{
    extract::FromRequestParts,
    http::{StatusCode, request::Parts},
};
use serde_json::Value;

use super::fields::Fields;
use crate::{
    inventory::{Done, Expect, InventoryError, Op, Rev, Source, summary},
    web::{
        AppState,
        auth::{Deed, Login},
        error::ApiError,
        ports::configuration::{Asked, Held},
        session::{Me, Peer, Via},
    },
};

/// Another edit may come in between reading and writing; after so many it is said.
const TRIES: usize = 5;
/// What is said of what the file holds.
pub const IN_FILE: &str = "stands in the configuration file; change it there";

/// What a change may be made from.
#[derive(Debug, Clone, Copy)]
pub enum From {
    /// Whatever is there at the moment of the change.
    Now,
    /// What the author knew: nothing that is changed was changed after this revision.
    Known(Rev),
    /// Something new: nobody else made anything meanwhile.
    Nothing,
}

/// Why a change was not made.
#[derive(Debug)]
pub enum EditError {
    Asked(ApiError),
    Inventory(InventoryError),
}

impl std::convert::From<EditError> for ApiError {
    fn from(e: EditError) -> Self {
        match e {
            EditError::Asked(e) => e,
            EditError::Inventory(e) => e.into(),
        }
    }
}

/// One who may change the configuration, and how he came in. Whoever may not is refused before a body is read.
pub struct Author {
    pub state: AppState,
    pub login: std::sync::Arc<Login>,
    address: IpAddr,
    pub source: Source,
}

impl FromRequestParts<AppState> for Author {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        let Me(login) = Me::from_request_parts(parts, state).await?;
        state.auth().configures(&login)?;
        let Ok(Peer(address)) = Peer::from_request_parts(parts, state).await;
        let Ok(Via(source)) = Via::from_request_parts(parts, state).await;
        Ok(Self { state: state.clone(), login, address, source })
    }
}

impl Author {
    /// Makes the changes that `wishes` reads off what is there; reads again where somebody came in between.
    pub async fn make(
        &self,
        from: From,
        mut wishes: impl FnMut(&Held) -> Result<Vec<Op>, ApiError>,
    ) -> Result<Done, EditError> {
        let configuration = &self.state.ports().configuration;
        for _ in 0..TRIES {
            let held = configuration.newest().await.map_err(EditError::Inventory)?;
            let ops = wishes(&held).map_err(EditError::Asked)?;
            let at = held.stored.rev;
            if ops.is_empty() {
                return Ok(Done { rev: at, changes: Vec::new() });
            }
            let proof = self.state.auth().edit(&self.login, &held, ops).map_err(|e| EditError::Asked(e.into()))?;
            let expect = match from {
                From::Now => Expect::Untouched(at),
                From::Known(rev) => Expect::Untouched(rev),
                From::Nothing => Expect::Exactly(at),
            };
            match configuration.edit(&proof, Asked { source: self.source, expect }).await {
                Err(InventoryError::Conflict { .. }) if !matches!(from, From::Known(_)) => {}
                Ok(done) => {
                    self.record(&done).await;
                    return Ok(done);
                }
                Err(e) => return Err(EditError::Inventory(e)),
            }
        }
        let sentence = "others are changing the same at this moment; look at it again";
        Err(EditError::Asked(ApiError::new(StatusCode::CONFLICT, "conflict", sentence)))
    }

    /// Puts what was done on record.
    pub async fn record(&self, done: &Done) {
        if !done.changes.is_empty() {
            let what = format!("revision {}: {}", done.rev, summary(&done.changes));
            self.record_as(Deed::ConfigurationChanged, &what).await;
        }
    }

    pub async fn record_as(&self, deed: Deed, what: &str) {
        self.state.auth().record(self.login.user(), deed, what, self.address).await;
    }
}

/// The revision that the author of a change knew.
pub fn expected(body: &mut Fields) -> Result<From, ApiError> {
    match body.remove("expect_rev") {
        None | Some(Value::Null) => Ok(From::Now),
        Some(value) => {
            let rev =
                value.as_u64().ok_or_else(|| ApiError::invalid("expect_rev: must be the number of a revision"))?;
            Ok(From::Known(rev))
        }
    }
}

/// The id that was chosen for something new; `new` stands for it until one is made.
pub fn chosen(body: &mut Fields) -> bool {
    let chosen = body.get("id").is_some_and(|id| !id.is_null());
    if !chosen {
        body.insert("id".into(), "new".into());
    }
    chosen
}

pub fn taken(id: &impl std::fmt::Display) -> ApiError {
    ApiError::new(StatusCode::CONFLICT, "conflict", format!("the id '{id}' is taken; choose another"))
}
