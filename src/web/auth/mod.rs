//! The one authorisation module: who somebody is, and what he may see and do.
//!
//! In: passwords, session tokens, ids. Out: a `Login`, and proofs (`proof`) that a port takes before it gives out media or
//! alerts. What is outside a login's areas does not exist for it: the answer is "not found", never "forbidden". What is
//! inside and not for its role (`rights`) is "forbidden", with a sentence that names the roles that may.
//!
//! Passwords are argon2id strings, session tokens are 32 random bytes of which only the sha256 is stored. Tries are
//! limited by account and by address. The first start makes the user `admin` with a one-time password; whoever logs in
//! with a one-time password can do nothing but set a new one. Nothing here ever logs a password, token or hash.

pub mod audit;
mod change;
mod feeds;
mod handover;
pub mod limit;
mod looking;
pub mod password;
mod people;
pub mod proof;
mod record;
pub mod rights;
mod token;
mod tokens;

use std::{net::IpAddr, path::PathBuf, sync::Arc};

use parking_lot::Mutex;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

pub use audit::{Audit, Deed, acted};
pub use feeds::{Feed, Feeds};
pub use people::{NewUser, Rights, session_name};
pub use proof::{
    ActProof, AlertProof, AuditProof, DiscoveryProof, EditProof, HandoverProof, ListProof, ManageProof, MediaProof,
    PeopleProof, PositionProof, SignProof, SnapshotProof,
};
pub use rights::{Right, Role};
pub use token::{TokenError, read_or_make_token};
pub use tokens::{Left, NewToken, PREFIX as TOKEN_PREFIX};

use self::{
    limit::{Policy, Tally, address_key},
    looking::Looking,
    password::{Hasher, PasswordError},
};
use super::ports::{Places, PortError};
use crate::{
    config::secret_file,
    store::{
        StoreError,
        users::{UserRow, Users},
    },
    types::{
        AlertId, AreaId, Buckets, ChannelId, Clock, EventId, Scope, Secret, UserId, Wall, ages::TOLD_EVERY_MS,
        payload::AlertAction,
    },
};

/// Sha256 of a session token.
pub type SessionKey = [u8; 32];

/// The first login.
pub const FIRST_USER: &str = "admin";
/// File in the data directory that holds the one-time password until it is changed.
pub const FIRST_PASSWORD_FILE: &str = "first-password";
/// Characters that a new password must have, and bytes that any password may have.
pub const MIN_PASSWORD: usize = 10;
pub const MAX_PASSWORD_BYTES: usize = 1024;
/// A session's last use is written at most this often.
const TOUCH_MS: i64 = 60_000;
/// Records of who did what are kept this long.
const AUDIT_KEEP_MS: i64 = 180 * 24 * 3_600_000;
/// A wrong password may be tried this often before one has to wait. An address may be a proxy with a whole command centre behind it.
const BY_ACCOUNT: Policy = Policy { free: 5, max_wait_ms: 60_000 };
const BY_ADDRESS: Policy = Policy { free: 20, max_wait_ms: 15 * 60_000 };
/// Pictures of a session: a wall of sixty at once, then ten a second.
const PICTURES_AT_ONCE: u32 = 60;
const PICTURES_PER_S: f64 = 10.0;
const PICTURE_TAKERS: usize = 4096;
/// Refused tries of an address that are put on record; all are counted.
const REFUSALS: u32 = 5;
const REFUSALS_PER_S: f64 = 1.0 / 60.0;
const REFUSED: usize = 4096;

/// Where a login may look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Areas {
    All,
    /// Everything that hangs on or below one of these areas.
    Subtrees(Vec<AreaId>),
}

impl Areas {
    /// `path`: ids from the root of the tree. What hangs on no area is for those who see everything.
    pub fn cover(&self, path: &[AreaId]) -> bool {
        match self {
            Areas::All => true,
            Areas::Subtrees(roots) => path.iter().any(|id| roots.contains(id)),
        }
    }
}

/// One who has logged in, or a program with a token. Only this module makes one.
#[derive(Debug, Clone)]
pub struct Login {
    user: UserId,
    role: Role,
    areas: Areas,
    must_change: bool,
    session: SessionKey,
    /// `None`: a token, which no browser sends by itself.
    csrf: Option<Secret>,
    /// Of a token: the role of the one who made it, as it is now.
    maker: Option<Role>,
}

impl Login {
    pub fn user(&self) -> &UserId {
        &self.user
    }
    pub fn role(&self) -> Role {
        self.role
    }
    pub fn areas(&self) -> &Areas {
        &self.areas
    }
    /// A token never has more than the one who made it has now.
    pub fn may(&self, right: Right) -> bool {
        rights::may(self.role, right) && self.maker.is_none_or(|maker| rights::may(maker, right))
    }
    pub fn rights(&self) -> Vec<Right> {
        Right::ALL.into_iter().filter(|right| self.may(*right)).collect()
    }
    /// Refuses whom the role does not allow it, and says which would.
    pub fn needs(&self, right: Right) -> Result<(), AuthError> {
        if self.may(right) {
            return Ok(());
        }
        Err(AuthError::Forbidden(match self.maker {
            Some(maker) if rights::may(self.role, right) => rights::outlived(maker, right),
            _ => rights::refusal(self.role, right),
        }))
    }
    /// A program's, without a session.
    pub fn is_token(&self) -> bool {
        self.csrf.is_none()
    }
    /// Logged in with a one-time password: may only set a new one.
    pub fn must_change(&self) -> bool {
        self.must_change
    }
    pub fn session(&self) -> SessionKey {
        self.session
    }
    /// What the console must send as `X-CSRF-Token`; `None` for a token.
    pub fn csrf(&self) -> Option<&Secret> {
        self.csrf.as_ref()
    }
    /// Whether this is a request of the session's own page; of a token every one is. Compares in constant time.
    pub fn csrf_fits(&self, sent: &[u8]) -> bool {
        self.csrf.as_ref().is_none_or(|csrf| csrf.expose().as_bytes().ct_eq(sent).into())
    }
    /// Whether a message may be shown to this login.
    pub fn may_read(&self, scope: &Scope) -> bool {
        self.may(Right::See) && self.in_scope(scope)
    }
    fn in_scope(&self, scope: &Scope) -> bool {
        match scope {
            Scope::Channel { area, .. } => self.areas.cover(area),
            Scope::Node => true,
            Scope::User(user) => *user == self.user,
        }
    }
    /// For lists; what they hold is restricted to the login's areas. For whom it is not to see anything they are empty.
    pub fn lists(&self) -> ListProof {
        let none = || Areas::Subtrees(Vec::new());
        ListProof::new(if self.may(Right::See) { self.areas.clone() } else { none() })
    }
    /// Refuses logins that are limited to areas, for what is about all of them.
    fn sees_all(&self) -> Result<(), AuthError> {
        if self.areas == Areas::All {
            return Ok(());
        }
        Err(AuthError::Forbidden("this is about all areas; it needs a login that is limited to none".into()))
    }
    fn same_rights(&self, other: &Login) -> bool {
        self.role == other.role && self.maker == other.maker && self.areas == other.areas && !other.must_change
    }
}

/// A session as handed to a client, once.
#[derive(Debug)]
pub struct Issued {
    pub login: Login,
    /// For the cookie.
    pub token: Secret,
}

/// Why somebody was not let in, or a thing not given.
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    #[error("user or password is wrong")]
    Wrong,
    #[error("too many tries; try again in {retry_s} s")]
    TooMany { retry_s: u32 },
    #[error("the token is unknown, has expired, was revoked, or the one who made it may not log in any more")]
    Token,
    #[error("{0}")]
    Conflict(String),
    #[error("no such {0}")]
    NotFound(&'static str),
    #[error("{0}")]
    Invalid(String),
    #[error("{0}")]
    Forbidden(String),
    #[error(transparent)]
    Password(#[from] PasswordError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Below(#[from] PortError),
    #[error("cannot write {path}: {source}")]
    File { path: String, source: std::io::Error },
}

struct Limits {
    account: Tally<String>,
    address: Tally<IpAddr>,
    /// Wrong tokens; a program gone astray must not lock the people behind the same address out.
    tokens: Tally<IpAddr>,
    pictures: Buckets<SessionKey>,
    /// Records of tries that were refused unlooked at: a flood of them must not become a flood of writes.
    refusals: Buckets<IpAddr>,
}

/// The service; one a gateway.
pub struct Auth {
    users: Users,
    clock: Clock,
    idle_ms: i64,
    data_dir: PathBuf,
    hasher: Hasher,
    limits: Mutex<Limits>,
    places: Arc<dyn Places>,
    feeds: Feeds,
    audit: Audit,
    looking: Mutex<Looking>,
}

impl Auth {
    /// `idle_h`: a session ends after this many hours without a request. Must be called on a tokio runtime.
    pub async fn new(
        users: Users,
        clock: Clock,
        idle_h: u32,
        data_dir: PathBuf,
        places: Arc<dyn Places>,
    ) -> Result<Self, AuthError> {
        Ok(Self {
            audit: Audit::start(users.clone()),
            users,
            clock,
            idle_ms: i64::from(idle_h) * 3_600_000,
            data_dir,
            hasher: Hasher::new().await?,
            limits: Mutex::new(Limits {
                account: Tally::new(BY_ACCOUNT),
                address: Tally::new(BY_ADDRESS),
                tokens: Tally::new(BY_ADDRESS),
                pictures: Buckets::new(PICTURES_AT_ONCE, PICTURES_PER_S, PICTURE_TAKERS),
                refusals: Buckets::new(REFUSALS, REFUSALS_PER_S, REFUSED),
            }),
            places,
            feeds: Feeds::default(),
            looking: Mutex::default(),
        })
    }

    pub fn feeds(&self) -> &Feeds {
        &self.feeds
    }

    pub fn audit(&self) -> &Audit {
        &self.audit
    }

    /// What people call the time.
    pub fn now(&self) -> Wall {
        self.clock.wall()
    }

    /// Records a deed under the login's name.
    pub async fn record(&self, user: &UserId, deed: Deed, what: &str, address: IpAddr) {
        self.audit.record(self.clock.wall(), user.as_str(), deed, what, &address.to_string()).await;
    }

    // ---- Who somebody is

    /// At the very first start: makes the user `admin` with a one-time password, which also stands in
    /// `<data_dir>/first-password` (mode 0600) until it is changed. `None` if there is a login already.
    pub async fn ensure_first(&self) -> Result<Option<Secret>, AuthError> {
        if self.users.count().await? > 0 {
            return Ok(None);
        }
        let user = UserId::new(FIRST_USER).map_err(|e| AuthError::Invalid(e.to_string()))?;
        let secret = password::one_time()?;
        let hash = self.hasher.hash(secret.clone()).await?;
        let role = Role::Administrator.as_str().to_owned();
        let row = UserRow { name: user, role, areas: None, hash, must_change: true, disabled: false };
        // The file first: a login whose password nobody can know would lock everybody out.
        self.write_first_password(&secret)?;
        Ok(self.users.insert(&row, self.clock.wall()).await?.then_some(secret))
    }

    /// Whether this user still has a one-time password (then a new one may be made without taking anything away).
    pub async fn one_time_pending(&self, user: &UserId) -> Result<bool, AuthError> {
        Ok(self.users.by_name(user).await?.is_some_and(|u| u.must_change))
    }

    /// Gives the user a new one-time password and ends his sessions.
    pub async fn reset_one_time(&self, user: &UserId) -> Result<Secret, AuthError> {
        let secret = self.new_one_time(user).await?;
        self.audit.record(self.clock.wall(), user.as_str(), Deed::PasswordReset, "", "").await;
        Ok(secret)
    }

    async fn new_one_time(&self, user: &UserId) -> Result<Secret, AuthError> {
        let secret = password::one_time()?;
        let hash = self.hasher.hash(secret.clone()).await?;
        if user.as_str() == FIRST_USER {
            self.write_first_password(&secret)?;
        }
        if !self.users.set_password(user, None, &hash, true, self.clock.wall()).await? {
            return Err(AuthError::NotFound("user"));
        }
        self.feeds.close_user(user);
        Ok(secret)
    }

    /// Adds an administrator; the password is taken as chosen by the user himself.
    pub async fn add_user(&self, user: &UserId, areas: Areas, secret: Secret) -> Result<(), AuthError> {
        self.add_user_as(user, Role::Administrator, areas, secret).await
    }

    /// As `add_user`, of any role.
    pub async fn add_user_as(&self, user: &UserId, role: Role, areas: Areas, secret: Secret) -> Result<(), AuthError> {
        check_new_password(user, &secret)?;
        let hash = self.hasher.hash(secret).await?;
        let areas = match areas {
            Areas::All => None,
            Areas::Subtrees(roots) => Some(roots),
        };
        let role = role.as_str().to_owned();
        let row = UserRow { name: user.clone(), role, areas, hash, must_change: false, disabled: false };
        if self.users.insert(&row, self.clock.wall()).await? {
            Ok(())
        } else {
            Err(AuthError::Invalid(format!("the login '{user}' exists already")))
        }
    }

    /// Checks user and password and begins a session.
    pub async fn login(&self, name: &str, secret: Secret, address: IpAddr) -> Result<Issued, AuthError> {
        let user = UserId::new(name).ok();
        let account: String = user.as_ref().map_or_else(|| "?".to_owned(), ToString::to_string);
        let found = self.checked(&account, user.as_ref(), secret, address).await?;
        let issued = self.issue(found, address).await?;
        self.record(issued.login.user(), Deed::Login, "", address).await;
        Ok(issued)
    }

    /// Sets a new password; ends all sessions of the user and begins a new one.
    pub async fn change_password(
        &self,
        login: &Login,
        old: Secret,
        new: Secret,
        address: IpAddr,
    ) -> Result<Issued, AuthError> {
        no_token(login, "a token has no password")?;
        check_new_password(&login.user, &new)?;
        if new.expose() == old.expose() {
            return Err(AuthError::Invalid("the new password is the old one; choose another".into()));
        }
        let row = self.checked(login.user.as_str(), Some(&login.user), old, address).await?;
        let hash = self.hasher.hash(new).await?;
        if !self.users.set_password(&login.user, Some(&row.hash), &hash, false, self.clock.wall()).await? {
            return Err(AuthError::Invalid("the password was changed elsewhere meanwhile; log in anew".into()));
        }
        self.feeds.close_user(&login.user);
        if login.user.as_str() == FIRST_USER {
            self.remove_first_password();
        }
        self.record(&login.user, Deed::PasswordChanged, "", address).await;
        self.issue(UserRow { hash, must_change: false, ..row }, address).await
    }

    /// Ends the session and its feeds.
    pub async fn logout(&self, login: &Login, address: IpAddr) -> Result<(), AuthError> {
        no_token(login, "a token has no session; it ends by being revoked")?;
        self.users.delete_session(&login.session).await?;
        self.feeds.close_session(login.session);
        self.record(&login.user, Deed::Logout, "", address).await;
        Ok(())
    }

    /// The login of a session token, if it still holds; counts as use.
    pub async fn authenticate(&self, token: &str) -> Result<Option<Login>, AuthError> {
        let Some(session) = session_key(token) else { return Ok(None) };
        let Some((login, last)) = self.load(session).await? else { return Ok(None) };
        let now = self.clock.wall();
        // The wall clock may jump either way; a use in the future is set right.
        if (now.0 - last.0).abs() >= TOUCH_MS
            && let Err(e) = self.users.touch_session(&session, now).await
        {
            // A database that cannot write must not lock the operators out.
            tracing::warn!("the use of a session was not written down: {e}");
        }
        Ok(Some(login))
    }

    /// Whether a login still holds with the same rights; for feeds, does not count as use.
    pub async fn still_holds(&self, login: &Login) -> Result<bool, AuthError> {
        let now = if login.is_token() {
            self.load_token(&login.session).await?.map(|(now, _)| now)
        } else {
            self.load(login.session).await?.map(|(now, _)| now)
        };
        Ok(now.is_some_and(|now| login.same_rights(&now)))
    }

    /// Deletes what is over: idle sessions, old records. Not by the clock alone: one that jumps ahead takes nothing away.
    pub async fn sweep(&self) -> Result<(), AuthError> {
        let (wall, told) = (self.clock.wall(), self.users.time_of_ages().await?);
        let now = told.map_or(wall, |told| wall.min(Wall(told.0.saturating_add(TOLD_EVERY_MS))));
        Ok(self.users.purge(Wall(now.0 - self.idle_ms), Wall(now.0 - AUDIT_KEEP_MS)).await?)
    }

    async fn load(&self, session: SessionKey) -> Result<Option<(Login, Wall)>, AuthError> {
        let Some(row) = self.users.session(&session).await? else { return Ok(None) };
        if self.clock.wall().0 - row.last.0 > self.idle_ms || row.user.disabled {
            return Ok(None);
        }
        let Some(login) = login_of(&row.user, session, Secret::new(row.csrf)) else { return Ok(None) };
        Ok(Some((login, row.last)))
    }

    /// Limits, then the password, with the same work for users that do not exist.
    async fn checked(
        &self,
        account: &str,
        user: Option<&UserId>,
        secret: Secret,
        address: IpAddr,
    ) -> Result<UserRow, AuthError> {
        let (key, now) = (address_key(address), self.clock.mono());
        let (wait_ms, on_record) = {
            let mut limits = self.limits.lock();
            let wait = limits.account.wait_ms(&account.to_owned(), now).max(limits.address.wait_ms(&key, now));
            if wait == 0 {
                limits.account.begin(account.to_owned(), now);
                limits.address.begin(key, now);
            }
            (wait, wait > 0 && limits.refusals.take(&key, now))
        };
        if wait_ms > 0 {
            metrics::counter!("skyeye_web_logins_limited_total").increment(1);
            if on_record {
                self.audit.record(self.clock.wall(), account, Deed::LoginRefused, "", &address.to_string()).await;
            }
            return Err(AuthError::TooMany { retry_s: u32::try_from(wait_ms.div_ceil(1000)).unwrap_or(u32::MAX) });
        }
        let row = match user {
            Some(user) => self.users.by_name(user).await?,
            None => None,
        };
        let fits = secret.expose().len() <= MAX_PASSWORD_BYTES
            && self.hasher.verify(secret, row.as_ref().map(|r| r.hash.clone())).await?;
        // Who is switched off hears no more than who guesses.
        match row.filter(|row| fits && !row.disabled) {
            Some(row) => {
                let mut limits = self.limits.lock();
                limits.account.forget(&account.to_owned());
                limits.address.take_back(&key);
                Ok(row)
            }
            None => {
                metrics::counter!("skyeye_web_logins_failed_total").increment(1);
                self.audit.record(self.clock.wall(), account, Deed::LoginFailed, "", &address.to_string()).await;
                Err(AuthError::Wrong)
            }
        }
    }

    async fn issue(&self, row: UserRow, address: IpAddr) -> Result<Issued, AuthError> {
        let token = Secret::new(hex::encode(password::random::<32>()?));
        let csrf = Secret::new(hex::encode(password::random::<32>()?));
        let session = session_key(token.expose()).ok_or(AuthError::Wrong)?;
        let login = login_of(&row, session, csrf.clone())
            .ok_or_else(|| AuthError::Invalid(format!("the role '{}' is unknown to this version", row.role)))?;
        let (address, now) = (address.to_string(), self.clock.wall());
        self.users.insert_session(&session, &row.name, csrf.expose(), &address, now).await?;
        Ok(Issued { login, token })
    }

    fn write_first_password(&self, secret: &Secret) -> Result<(), AuthError> {
        let path = self.data_dir.join(FIRST_PASSWORD_FILE);
        secret_file::write(&path, secret).map_err(|source| AuthError::File { path: path.display().to_string(), source })
    }

    fn remove_first_password(&self) {
        let path = self.data_dir.join(FIRST_PASSWORD_FILE);
        if let Err(e) = std::fs::remove_file(&path)
            && e.kind() != std::io::ErrorKind::NotFound
        {
            tracing::warn!("{} holds a password that is no longer valid and cannot be removed: {e}", path.display());
        }
    }

    // ---- What he may see and do

    /// Pictures and details of a channel.
    pub fn media(&self, login: &Login, channel: &ChannelId) -> Result<MediaProof, AuthError> {
        match self.places.channel(channel) {
            Some(path) if login.areas.cover(&path) => login.needs(Right::See)?,
            _ => return Err(AuthError::NotFound("channel")),
        }
        Ok(MediaProof::new(channel.clone()))
    }

    /// The evidence of an event.
    pub async fn snapshot(&self, login: &Login, event: EventId) -> Result<SnapshotProof, AuthError> {
        match self.places.event(event).await? {
            Some(place) if login.areas.cover(&place.area) => {
                login.needs(Right::See)?;
                Ok(SnapshotProof::new(event, place.channel))
            }
            _ => Err(AuthError::NotFound("event")),
        }
    }

    pub async fn alert(&self, login: &Login, alert: AlertId) -> Result<AlertProof, AuthError> {
        self.is_of_its_areas(login, alert).await?;
        login.needs(Right::See)?;
        Ok(AlertProof::new(alert))
    }

    /// Doing this to an alert.
    pub async fn act(&self, login: &Login, alert: AlertId, action: AlertAction) -> Result<ActProof, AuthError> {
        self.is_of_its_areas(login, alert).await?;
        login.needs(match action {
            AlertAction::Note | AlertAction::Feedback => Right::Feedback,
            _ => Right::Act,
        })?;
        Ok(ActProof::new(alert, action, login.user.clone(), login.may(Right::ActOverOthers)))
    }

    async fn is_of_its_areas(&self, login: &Login, alert: AlertId) -> Result<(), AuthError> {
        match self.places.alert(alert).await? {
            Some(path) if login.areas.cover(&path) => Ok(()),
            _ => Err(AuthError::NotFound("alert")),
        }
    }

    /// Asking the network for devices, with logins of cameras: for those who may change the configuration everywhere,
    /// since no device says which area it is in.
    pub fn discovery(&self, login: &Login) -> Result<DiscoveryProof, AuthError> {
        login.needs(Right::Configure)?;
        match login.areas {
            Areas::All => Ok(DiscoveryProof::new(login.user.clone())),
            Areas::Subtrees(_) => Err(AuthError::Forbidden("looking for devices needs a login for all areas".into())),
        }
    }

    /// Who a name at the broker is here: his login's rights where he has one, an operator's of all areas where the broker
    /// alone knows him. Its list says who may speak, not who may stand over others or configure.
    pub async fn of_broker(&self, user: &UserId) -> Result<Login, AuthError> {
        let unknown = UserRow {
            name: user.clone(),
            role: Role::Operator.as_str().into(),
            areas: None,
            hash: String::new(),
            must_change: false,
            disabled: false,
        };
        let row = match self.users.by_name(user).await? {
            Some(row) => row,
            None if self.users.was_removed(user).await? => {
                return Err(AuthError::Forbidden(format!("the login '{user}' was removed")));
            }
            None => unknown,
        };
        if row.disabled {
            return Err(AuthError::Forbidden(format!("the login '{user}' is switched off")));
        }
        if row.must_change {
            return Err(AuthError::Forbidden("set a new password first".into()));
        }
        let stranger = || AuthError::Forbidden(format!("the role '{}' is unknown to this version", row.role));
        login_of(&row, [0; 32], Secret::new("")).ok_or_else(stranger)
    }

    /// Puts on record that somebody looks at a channel: once for a view that is opened, not for each of its pictures.
    pub async fn looks(&self, login: &Login, proof: &MediaProof, address: IpAddr) {
        if self.looking.lock().opens(login.session, proof.channel(), self.clock.mono()) {
            self.record(&login.user, Deed::LiveViewed, proof.channel().as_str(), address).await;
        }
    }

    /// Whether this session may have a further picture now.
    pub fn picture_allowed(&self, login: &Login) -> bool {
        self.limits.lock().pictures.take(&login.session, self.clock.mono())
    }
}

fn login_of(row: &UserRow, session: SessionKey, csrf: Secret) -> Option<Login> {
    Some(Login {
        user: row.name.clone(),
        role: Role::of_person(&row.role)?,
        areas: row.areas.clone().map_or(Areas::All, Areas::Subtrees),
        must_change: row.must_change,
        session,
        csrf: Some(csrf),
        maker: None,
    })
}

fn no_token(login: &Login, why: &str) -> Result<(), AuthError> {
    if login.is_token() { Err(AuthError::Forbidden(why.into())) } else { Ok(()) }
}

/// 64 hex digits to the sha256 of the 32 bytes; anything else is no token.
fn session_key(token: &str) -> Option<SessionKey> {
    let mut bytes = [0u8; 32];
    hex::decode_to_slice(token, &mut bytes).ok()?;
    Some(Sha256::digest(bytes).into())
}

fn check_new_password(user: &UserId, secret: &Secret) -> Result<(), AuthError> {
    let text = secret.expose();
    if text.chars().count() < MIN_PASSWORD {
        return Err(AuthError::Invalid(format!(
            "the new password is too short; use at least {MIN_PASSWORD} characters"
        )));
    }
    if text.len() > MAX_PASSWORD_BYTES {
        return Err(AuthError::Invalid(format!(
            "the new password is over {MAX_PASSWORD_BYTES} bytes; use a shorter one"
        )));
    }
    if text.eq_ignore_ascii_case(user.as_str()) {
        return Err(AuthError::Invalid("the new password is the user's name; choose another".into()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(ids: &[&str]) -> Vec<AreaId> {
        ids.iter().map(|id| AreaId::new(id).unwrap()).collect()
    }

    #[test]
    fn areas_cover_their_subtrees_only() {
        let north = Areas::Subtrees(path(&["north"]));
        assert!(north.cover(&path(&["city", "north"])));
        assert!(north.cover(&path(&["city", "north", "grid-7"])));
        assert!(!north.cover(&path(&["city", "south"])));
        assert!(!north.cover(&path(&["city"])), "the parent is not in the subtree");
        assert!(!north.cover(&[]), "what hangs nowhere is for those who see everything");
        assert!(Areas::All.cover(&[]));
        assert!(!Areas::Subtrees(vec![]).cover(&path(&["city"])), "no area is nothing, not everything");
    }

    #[test]
    fn a_token_is_64_hex_digits() {
        assert!(session_key(&"ab".repeat(32)).is_some());
        for bad in ["", "ab", &"ab".repeat(33), &"zz".repeat(32), &"é".repeat(32)] {
            assert!(session_key(bad).is_none(), "{bad}");
        }
    }
}
