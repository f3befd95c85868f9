//! Tokens for programs: 32 random bytes, shown once, of which the sha256 is kept; with a scope, areas and an end.
//!
//! They come in `Authorization: Bearer`, which no browser sends by itself, so no page of another site can use one. What is
//! done with a token stands on record under `token.NAME`, a name that no user can have.
//!
//! A token never has more than the one who made it has now: of its scope what his role allows, of its areas what lies in
//! his, and nothing while he is switched off. Who is removed takes his tokens with him.

use std::net::IpAddr;

use schemars::JsonSchema;
use serde::Serialize;

use super::{
    Areas, Auth, AuthError, Deed, Login, PeopleProof, Role, SessionKey, address_key, password::random,
    people::rights_in_words, session_key,
};
use crate::{
    store::tokens::TokenRow,
    types::{AreaId, Secret, UserId, Wall},
};

/// What every token begins with: scanners for leaked secrets find it, and no other kind of token is taken for one.
pub const PREFIX: &str = "skyeye_";
/// What the names of tokens begin with where authors are named.
pub(super) const TOKEN_USER: &str = "token.";
/// Tokens that a list shows; more are not made.
const MAX_TOKENS: u32 = 200;
/// The longest time that a token holds.
const MAX_DAYS: i64 = 366;
const DAY_MS: i64 = 24 * 3_600_000;

/// A token to be.
#[derive(Debug, Clone)]
pub struct NewToken {
    pub name: String,
    pub scope: Role,
    /// `None`: everything.
    pub areas: Option<Vec<AreaId>>,
    pub days: u32,
}

/// What is left of a token by what the one who made it has now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Left {
    /// All that it was made with.
    All,
    /// Its maker has lost rights or areas since, and it with him.
    Part,
    /// It opens nothing.
    Nothing,
}

impl Auth {
    /// Makes a token; it is given out here and nowhere else.
    pub async fn make_token(
        &self,
        proof: &PeopleProof,
        new: NewToken,
        address: IpAddr,
    ) -> Result<(Secret, TokenRow), AuthError> {
        let NewToken { name, scope, areas, days } = new;
        author(&name).ok_or_else(|| {
            AuthError::Invalid(format!("name: use 1 to {} of a-z, 0-9, '.', '_' and '-'", 64 - TOKEN_USER.len()))
        })?;
        if !Role::TOKENS.contains(&scope) {
            return Err(AuthError::Invalid(format!("scope: '{}' is for people", scope.as_str())));
        }
        if !(1..=MAX_DAYS).contains(&i64::from(days)) {
            return Err(AuthError::Invalid(format!("days: must be 1 to {MAX_DAYS}")));
        }
        self.are_areas(areas.as_deref())?;
        if self.users.tokens(MAX_TOKENS).await?.len() >= MAX_TOKENS as usize {
            return Err(AuthError::Invalid(format!("there are {MAX_TOKENS} tokens already; revoke some")));
        }
        let secret = Secret::new(format!("{PREFIX}{}", hex::encode(random::<32>()?)));
        let key = key_of(secret.expose().as_bytes()).ok_or(AuthError::Token)?;
        let now = self.clock.wall();
        let row = TokenRow {
            name,
            scope: scope.as_str().into(),
            areas,
            created_by: proof.author().to_string(),
            created: now,
            expires: Wall(now.0 + i64::from(days) * DAY_MS),
            last: None,
            address: String::new(),
        };
        if !self.users.insert_token(&row, &key).await? {
            return Err(AuthError::Conflict(format!("there is a token '{}' already; choose another name", row.name)));
        }
        let rights = rights_in_words(Some(scope), Some(row.areas.as_deref()), None);
        let what = format!("{}: {rights}, until {}", row.name, row.expires.to_rfc3339());
        self.record(proof.author(), Deed::TokenMade, &what, address).await;
        Ok((secret, row))
    }

    pub async fn tokens(&self, _: &PeopleProof) -> Result<Vec<(TokenRow, Left)>, AuthError> {
        let mut all = Vec::new();
        for row in self.users.tokens(MAX_TOKENS).await? {
            let left = match self.of_token(&row, [0; 32]).await? {
                None => Left::Nothing,
                Some(login) if login.rights().is_empty() || login.areas == Areas::Subtrees(vec![]) => Left::Nothing,
                Some(login) if login.rights() == login.role.rights() && login.areas == Areas::of(row.areas.clone()) => {
                    Left::All
                }
                Some(_) => Left::Part,
            };
            all.push((row, left));
        }
        Ok(all)
    }

    /// Ends a token and its feeds at once.
    pub async fn revoke_token(&self, proof: &PeopleProof, name: &str, address: IpAddr) -> Result<(), AuthError> {
        if !self.users.delete_token(name).await? {
            return Err(AuthError::NotFound("token"));
        }
        self.close_token(name);
        self.record(proof.author(), Deed::TokenRevoked, name, address).await;
        Ok(())
    }

    /// Ends the feeds of a token.
    pub(super) fn close_token(&self, name: &str) {
        if let Some(author) = author(name) {
            self.feeds.close_user(&author);
        }
    }

    /// The login of a token; counts as use. A right one is let in however many wrong ones come from the same address: it
    /// cannot be guessed, and a program gone astray must not shut out its neighbours.
    pub async fn authenticate_token(&self, sent: &[u8], address: IpAddr) -> Result<Login, AuthError> {
        let Some(key) = key_of(sent) else { return Err(self.wrong_token(address).await) };
        let Some((login, row)) = self.load_token(&key).await? else { return Err(self.wrong_token(address).await) };
        let now = self.clock.wall();
        let address = address.to_string();
        let stale = row.last.is_none_or(|last| (now.0 - last.0).abs() >= super::TOUCH_MS) || row.address != address;
        if stale && let Err(e) = self.users.touch_token(&key, now, &address).await {
            tracing::warn!("the use of a token was not written down: {e}");
        }
        Ok(login)
    }

    pub(super) async fn load_token(&self, key: &SessionKey) -> Result<Option<(Login, TokenRow)>, AuthError> {
        let Some(row) = self.users.token(key).await? else { return Ok(None) };
        if row.expires.0 <= self.clock.wall().0 {
            return Ok(None);
        }
        Ok(self.of_token(&row, *key).await?.map(|login| (login, row)))
    }

    /// What a token may by its maker, who may have lost rights and areas since, may be switched off, or gone. That he has to
    /// set a new password takes nothing from it: that is about how he logs in, not about what he may.
    async fn of_token(&self, row: &TokenRow, session: SessionKey) -> Result<Option<Login>, AuthError> {
        let (Some(user), Some(role)) = (author(&row.name), Role::of_token(&row.scope)) else { return Ok(None) };
        let Ok(maker) = UserId::new(&row.created_by) else { return Ok(None) };
        let Some(maker) = self.users.by_name(&maker).await?.filter(|maker| !maker.disabled) else { return Ok(None) };
        let Some(of_maker) = Role::of_person(&maker.role) else { return Ok(None) };
        let areas = self.shared(Areas::of(row.areas.clone()), &Areas::of(maker.areas));
        Ok(Some(Login { user, role, areas, must_change: false, session, csrf: None, maker: Some(of_maker) }))
    }

    /// What lies in both.
    fn shared(&self, own: Areas, of_maker: &Areas) -> Areas {
        match (own, of_maker) {
            (Areas::All, of_maker) => of_maker.clone(),
            (own, Areas::All) => own,
            (Areas::Subtrees(own), Areas::Subtrees(his)) => {
                let under = |id: &AreaId, roots: &[AreaId]| {
                    roots.contains(id)
                        || self.places.area(id).is_some_and(|path| path.iter().any(|a| roots.contains(a)))
                };
                let mut both: Vec<AreaId> = own.iter().filter(|id| under(id, &his[..])).cloned().collect();
                both.extend(his.iter().filter(|id| !own.contains(id) && under(id, &own)).cloned());
                Areas::Subtrees(both)
            }
        }
    }

    async fn wrong_token(&self, address: IpAddr) -> AuthError {
        let (key, now) = (address_key(address), self.clock.mono());
        let (wait_ms, on_record) = {
            let mut limits = self.limits.lock();
            let wait = limits.tokens.wait_ms(&key, now);
            if wait == 0 {
                limits.tokens.begin(key, now);
            }
            (wait, limits.refusals.take(&key, now))
        };
        metrics::counter!("skyeye_web_refused_total", "why" => "token").increment(1);
        if on_record {
            self.audit.record(self.clock.wall(), "?", Deed::TokenRefused, "", &address.to_string()).await;
        }
        match wait_ms {
            0 => AuthError::Token,
            ms => AuthError::TooMany { retry_s: u32::try_from(ms.div_ceil(1000)).unwrap_or(u32::MAX) },
        }
    }
}

/// Whom deeds by a token of this name are of; `None`: no token has such a name.
fn author(name: &str) -> Option<UserId> {
    if name.is_empty() { None } else { UserId::new(&format!("{TOKEN_USER}{name}")).ok() }
}

fn key_of(sent: &[u8]) -> Option<SessionKey> {
    session_key(std::str::from_utf8(sent).ok()?.strip_prefix(PREFIX)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_author_is_one_topic_level() {
        assert_eq!(author("night-report").unwrap().as_str(), "token.night-report");
        assert!(author(&"x".repeat(58)).is_some());
        for bad in ["", "Night", "a/b", &"x".repeat(59)] {
            assert!(author(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn a_token_is_its_prefix_and_64_hex_digits() {
        let digits = "ab".repeat(32);
        assert!(key_of(format!("{PREFIX}{digits}").as_bytes()).is_some());
        for bad in [digits.clone(), PREFIX.into(), format!("{PREFIX}{digits}0"), format!("SKYEYE_{digits}")] {
            assert!(key_of(bad.as_bytes()).is_none(), "{bad}");
        }
        assert!(key_of(&[0xff, 0xfe]).is_none());
    }
}
