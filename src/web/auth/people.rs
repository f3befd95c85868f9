//! Who may log in and with which rights: adding, changing, resetting and removing users, and ending their sessions.
//!
//! Only for those who see everything: whoever is limited to areas must not make one who is not. Nobody changes his own
//! rights, and one administrator who sees everything always stays. A change of rights ends the feeds of the user and of his
//! tokens at once; the next request of a session or token finds the new rights.

use std::net::IpAddr;

use super::{Areas, Auth, AuthError, Deed, Login, PeopleProof, Right, Role, SessionKey, password, tokens::TOKEN_USER};
use crate::{
    store::users::{Changed, SessionEntry, UserChange, UserEntry, UserRow},
    types::{AreaId, Secret, UserId},
};

/// Users that a list shows; more are not made.
const MAX_USERS: u32 = 1000;
/// Areas that one login is limited to.
const MAX_AREAS: usize = 100;
/// Digits of a session's name in lists: enough to tell a user's sessions apart, and no token can be made of them.
const SESSION_DIGITS: usize = 16;

/// A user to be.
#[derive(Debug, Clone)]
pub struct NewUser {
    pub name: UserId,
    pub role: Role,
    /// `None`: everything.
    pub areas: Option<Vec<AreaId>>,
}

/// What is to become of a user; what is `None` stays.
#[derive(Debug, Clone, Default)]
pub struct Rights {
    pub role: Option<Role>,
    /// `Some(None)`: everything.
    pub areas: Option<Option<Vec<AreaId>>>,
    pub disabled: Option<bool>,
}

impl Auth {
    /// Managing users and tokens.
    pub fn people(&self, login: &Login) -> Result<PeopleProof, AuthError> {
        login.needs(Right::People)?;
        login.sees_all()?;
        Ok(PeopleProof::new(login.user.clone()))
    }

    pub async fn users(&self, _: &PeopleProof) -> Result<Vec<UserEntry>, AuthError> {
        Ok(self.users.list(MAX_USERS).await?)
    }

    pub async fn user(&self, proof: &PeopleProof, name: &UserId) -> Result<UserEntry, AuthError> {
        let all = self.users(proof).await?;
        all.into_iter().find(|entry| entry.user.name == *name).ok_or(AuthError::NotFound("user"))
    }

    /// Adds a user; the one-time password is given out here and nowhere else.
    pub async fn add(&self, proof: &PeopleProof, new: NewUser, address: IpAddr) -> Result<Secret, AuthError> {
        let NewUser { name, role, areas } = new;
        if name.as_str().starts_with(TOKEN_USER) {
            return Err(AuthError::Invalid(format!("names that begin with '{TOKEN_USER}' are those of tokens")));
        }
        self.are_areas(areas.as_deref())?;
        if self.users.count().await? >= u64::from(MAX_USERS) {
            return Err(AuthError::Invalid(format!("there are {MAX_USERS} users already; remove those that are gone")));
        }
        let secret = password::one_time()?;
        let hash = self.hasher.hash(secret.clone()).await?;
        let what = format!("{name}: {}", rights_in_words(Some(role), Some(areas.as_deref()), None));
        let row = UserRow { name, role: role.as_str().into(), areas, hash, must_change: true, disabled: false };
        if !self.users.insert(&row, self.clock.wall()).await? {
            return Err(AuthError::Conflict(format!("the user '{}' exists already", row.name)));
        }
        self.record(proof.author(), Deed::UserAdded, &what, address).await;
        Ok(secret)
    }

    /// Changes role, areas, or whether he may log in.
    pub async fn change(
        &self,
        proof: &PeopleProof,
        name: &UserId,
        rights: Rights,
        address: IpAddr,
    ) -> Result<(), AuthError> {
        not_oneself(proof, name, "nobody changes his own rights; another administrator can")?;
        self.are_areas(rights.areas.as_ref().and_then(Option::as_deref))?;
        let words = rights_in_words(rights.role, rights.areas.as_ref().map(Option::as_deref), rights.disabled);
        if words.is_empty() {
            return Err(AuthError::Invalid("nothing is to change; give role, areas or disabled".into()));
        }
        let change = UserChange {
            role: rights.role.map(|r| r.as_str().to_owned()),
            areas: rights.areas,
            disabled: rights.disabled,
        };
        let must_stay = Role::Administrator.as_str();
        done(self.users.change(name, &change, must_stay, self.clock.wall()).await?)?;
        self.feeds.close_user(name);
        // They come back with what is left of them, if anything is.
        match self.users.tokens_of(name).await {
            Ok(tokens) => tokens.iter().for_each(|token| self.close_token(token)),
            Err(e) => tracing::warn!("feeds of the tokens of {name} end with their next check only: {e}"),
        }
        self.record(proof.author(), Deed::UserChanged, &format!("{name}: {words}"), address).await;
        Ok(())
    }

    /// Gives a user a new one-time password and ends his sessions.
    pub async fn reset_password(
        &self,
        proof: &PeopleProof,
        name: &UserId,
        address: IpAddr,
    ) -> Result<Secret, AuthError> {
        not_oneself(proof, name, "set a password of your own choice instead")?;
        let secret = self.new_one_time(name).await?;
        self.record(proof.author(), Deed::PasswordReset, name.as_str(), address).await;
        Ok(secret)
    }

    /// Removes a user with his sessions and tokens; what he did stays on record under his name.
    pub async fn remove(&self, proof: &PeopleProof, name: &UserId, address: IpAddr) -> Result<(), AuthError> {
        not_oneself(proof, name, "nobody removes himself; another administrator can")?;
        let tokens = self.users.tokens_of(name).await?;
        done(self.users.remove(name, Role::Administrator.as_str(), self.clock.wall()).await?)?;
        self.feeds.close_user(name);
        self.record(proof.author(), Deed::UserRemoved, name.as_str(), address).await;
        for token in tokens {
            self.close_token(&token);
            self.record(proof.author(), Deed::TokenRevoked, &format!("{token}: with {name}, who made it"), address)
                .await;
        }
        Ok(())
    }

    /// A user's sessions that still hold, the one used last first.
    pub async fn sessions(&self, proof: &PeopleProof, name: &UserId) -> Result<Vec<SessionEntry>, AuthError> {
        self.user(proof, name).await?;
        let mut all = self.users.sessions(name).await?;
        let now = self.clock.wall().0;
        all.retain(|s| now - s.last.0 <= self.idle_ms);
        Ok(all)
    }

    /// Ends all sessions of a user and their feeds; how many.
    pub async fn end_sessions(&self, proof: &PeopleProof, name: &UserId, address: IpAddr) -> Result<u64, AuthError> {
        self.user(proof, name).await?;
        let ended = self.users.delete_sessions(name).await?;
        self.feeds.close_user(name);
        self.record(proof.author(), Deed::SessionsEnded, &format!("{name}: all {ended}"), address).await;
        Ok(ended)
    }

    /// Ends one session of a user and its feeds.
    pub async fn end_session(
        &self,
        proof: &PeopleProof,
        name: &UserId,
        session: &str,
        address: IpAddr,
    ) -> Result<(), AuthError> {
        let found = self.users.sessions(name).await?.into_iter().find(|s| session_name(&s.token_sha256) == session);
        let key = found.ok_or(AuthError::NotFound("session"))?.token_sha256;
        self.users.delete_session(&key).await?;
        self.feeds.close_session(key);
        self.record(proof.author(), Deed::SessionsEnded, &format!("{name}: {session}"), address).await;
        Ok(())
    }

    /// Areas that somebody is to be limited to must be there: a slip of the pen would show him nothing.
    pub(super) fn are_areas(&self, areas: Option<&[AreaId]>) -> Result<(), AuthError> {
        let Some(areas) = areas else { return Ok(()) };
        if areas.is_empty() || areas.len() > MAX_AREAS {
            return Err(AuthError::Invalid(format!("areas: name 1 to {MAX_AREAS}, or give null for everything")));
        }
        match areas.iter().find(|id| self.places.area(id).is_none()) {
            Some(id) => Err(AuthError::Invalid(format!("areas: there is no area '{id}'"))),
            None => Ok(()),
        }
    }
}

/// How a session is named in lists.
pub fn session_name(key: &SessionKey) -> String {
    let mut name = hex::encode(key);
    name.truncate(SESSION_DIGITS);
    name
}

impl Areas {
    pub(super) fn of(areas: Option<Vec<AreaId>>) -> Self {
        areas.map_or(Areas::All, Areas::Subtrees)
    }
}

fn not_oneself(proof: &PeopleProof, name: &UserId, why: &str) -> Result<(), AuthError> {
    if proof.author() == name { Err(AuthError::Invalid(why.into())) } else { Ok(()) }
}

fn done(changed: Changed) -> Result<(), AuthError> {
    match changed {
        Changed::Done => Ok(()),
        Changed::Absent => Err(AuthError::NotFound("user")),
        Changed::Last => Err(AuthError::Conflict(
            "this is the last administrator who sees everything and may log in; make another one first".into(),
        )),
    }
}

/// For the record: `operator, areas north south, disabled`.
pub(super) fn rights_in_words(role: Option<Role>, areas: Option<Option<&[AreaId]>>, disabled: Option<bool>) -> String {
    let areas = areas.map(|areas| match areas {
        None => "all areas".to_owned(),
        Some(ids) => {
            let ids: Vec<_> = ids.iter().map(AreaId::as_str).collect();
            format!("areas {}", ids.join(" "))
        }
    });
    let disabled = disabled.map(|off| if off { "disabled" } else { "enabled" }.to_owned());
    let words = [role.map(|r| r.as_str().to_owned()), areas, disabled];
    words.into_iter().flatten().collect::<Vec<_>>().join(", ")
}
