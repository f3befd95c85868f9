//! One who keeps the users and tokens. Whoever may not is refused before a body is read.

use std::net::IpAddr;

use axum::{extract::FromRequestParts, http::request::Parts};
use serde::{Deserialize, Deserializer};

use crate::web::{
    AppState,
    auth::{PeopleProof, SessionKey},
    error::ApiError,
    session::{Me, Peer},
};

pub struct Registrar {
    pub state: AppState,
    pub proof: PeopleProof,
    pub address: IpAddr,
    /// His own session.
    pub session: SessionKey,
}

impl FromRequestParts<AppState> for Registrar {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        let Me(login) = Me::from_request_parts(parts, state).await?;
        let proof = state.auth().people(&login)?;
        let Ok(Peer(address)) = Peer::from_request_parts(parts, state).await;
        Ok(Self { state: state.clone(), proof, address, session: login.session() })
    }
}

/// A field where `null` says something else than leaving it out.
pub fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(d: D) -> Result<Option<Option<T>>, D::Error> {
    Option::<T>::deserialize(d).map(Some)
}
