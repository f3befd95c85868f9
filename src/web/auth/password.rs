//! Passwords: argon2id strings in, yes or no out. Hashing takes 19 MiB and tens of milliseconds each, so it runs on
//! blocking threads, few at a time, and with a short queue: a flood of logins must not take the box's memory or its cores.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use argon2::{
    Argon2,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use rand::{TryRngCore, rngs::OsRng};
use tokio::sync::Semaphore;

use crate::types::Secret;

/// Hashes computed at one time.
const AT_ONCE: usize = 2;
/// Callers that may wait for their turn.
const WAITING: usize = 16;

/// Why nothing was hashed.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    #[error("too many logins at once; try again in a few seconds")]
    Busy,
    #[error("the machine gives no random numbers: {0}")]
    Random(String),
    #[error("hashing failed: {0}")]
    Hash(String),
}

/// `N` random bytes from the operating system.
pub fn random<const N: usize>() -> Result<[u8; N], PasswordError> {
    let mut bytes = [0u8; N];
    OsRng.try_fill_bytes(&mut bytes).map_err(|e| PasswordError::Random(e.to_string()))?;
    Ok(bytes)
}

/// A password that can be read out and typed: four groups of four, 80 bits, without look-alikes.
pub fn one_time() -> Result<Secret, PasswordError> {
    const ALPHABET: &[u8; 32] = b"abcdefghjkmnpqrstuvwxyz23456789x";
    let mut text = String::with_capacity(19);
    for (i, byte) in random::<16>()?.iter().enumerate() {
        if i > 0 && i % 4 == 0 {
            text.push('-');
        }
        text.push(char::from(ALPHABET[usize::from(byte % 32)]));
    }
    Ok(Secret::new(text))
}

/// Computes argon2id, bounded.
#[derive(Debug, Clone)]
pub struct Hasher {
    permits: Arc<Semaphore>,
    waiting: Arc<AtomicUsize>,
    /// What an unknown user's password is compared with, so that it takes as long as a known one's.
    decoy: Arc<str>,
}

struct Waiting<'a>(&'a AtomicUsize);
impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn hash_now(password: &str) -> Result<String, PasswordError> {
    let salt = random::<16>()?;
    let hash: PasswordHash = Argon2::default()
        .hash_password_with_salt(password.as_bytes(), &salt)
        .map_err(|e| PasswordError::Hash(e.to_string()))?;
    Ok(hash.to_string())
}

impl Hasher {
    pub async fn new() -> Result<Self, PasswordError> {
        let nobody = hex::encode(random::<16>()?);
        let decoy = tokio::task::spawn_blocking(move || hash_now(&nobody))
            .await
            .map_err(|e| PasswordError::Hash(e.to_string()))??;
        Ok(Self { permits: Arc::new(Semaphore::new(AT_ONCE)), waiting: Arc::default(), decoy: decoy.into() })
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, PasswordError> + Send + 'static,
    ) -> Result<T, PasswordError> {
        if self.waiting.fetch_add(1, Ordering::Relaxed) >= AT_ONCE + WAITING {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            metrics::counter!("skyeye_web_logins_shed_total").increment(1);
            return Err(PasswordError::Busy);
        }
        let _waiting = Waiting(&self.waiting);
        let permit = Arc::clone(&self.permits).acquire_owned().await.map_err(|_| PasswordError::Busy)?;
        tokio::task::spawn_blocking(move || {
            // Held by the work itself: a client that goes away does not free the place before the work is done.
            let _permit = permit;
            work()
        })
        .await
        .map_err(|e| PasswordError::Hash(e.to_string()))?
    }

    pub async fn hash(&self, password: Secret) -> Result<String, PasswordError> {
        self.blocking(move || hash_now(password.expose())).await
    }

    /// Whether the password fits; without a hash (no such user) it takes the same time and says no.
    pub async fn verify(&self, password: Secret, hash: Option<String>) -> Result<bool, PasswordError> {
        let known = hash.is_some();
        let hash = hash.unwrap_or_else(|| self.decoy.to_string());
        self.blocking(move || {
            let hash = PasswordHash::new(&hash).map_err(|e| PasswordError::Hash(e.to_string()))?;
            let fits = Argon2::default().verify_password(password.expose().as_bytes(), &hash).is_ok();
            Ok(fits && known)
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_right_password_of_a_known_user_fits() {
        let hasher = Hasher::new().await.unwrap();
        let hash = hasher.hash(Secret::new("correct horse")).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert!(hasher.verify(Secret::new("correct horse"), Some(hash.clone())).await.unwrap());
        assert!(!hasher.verify(Secret::new("correct horsf"), Some(hash)).await.unwrap());
        assert!(!hasher.verify(Secret::new("anything"), None).await.unwrap());
    }

    #[tokio::test]
    async fn a_flood_is_shed() {
        let hasher = Hasher::new().await.unwrap();
        let all = (0..60).map(|_| hasher.verify(Secret::new("x"), None));
        let answers = futures_util::future::join_all(all).await;
        let shed = answers.iter().filter(|a| matches!(a, Err(PasswordError::Busy))).count();
        assert_eq!(shed, 60 - AT_ONCE - WAITING);
        assert!(!hasher.verify(Secret::new("x"), None).await.unwrap(), "works again afterwards");
    }

    #[test]
    fn one_time_passwords_are_long_and_differ() {
        let (a, b) = (one_time().unwrap(), one_time().unwrap());
        assert_eq!(a.expose().len(), 19);
        assert_ne!(a.expose(), b.expose());
    }
}
