//! Passwords at rest: XChaCha20-Poly1305 under a key file, bound to the id of their credential.
//!
//! A sealed text is base64 of one byte of version, four bytes that name the key, 24 of nonce, and the ciphertext with its
//! tag. The name of the key (the head of its sha256) tells "another key" from "damaged". The key file holds 32 bytes as
//! hex, mode 0600, and is made at the first password; never while passwords are there that another key has sealed.

use std::{io, path::Path};

use base64::{Engine, prelude::BASE64_STANDARD};
use chacha20poly1305::{
    Key as CipherKey, KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use rand::RngCore;
use sha2::{Digest, Sha256};

use crate::config::secret_file;
use crate::types::Secret;

const VERSION: u8 = 1;
const NAME: usize = 4;
const NONCE: usize = 24;

/// The key of all passwords of one inventory.
pub struct Key {
    cipher: XChaCha20Poly1305,
    name: [u8; NAME],
}

impl Key {
    /// Reads the file. Blocking. The error is a sentence.
    pub fn read(path: &Path) -> Result<Key, String> {
        match secret_file::read(path) {
            Ok(text) => Self::of(&text, path),
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                Err(format!("the key file {} is missing; restore it from the backup", path.display()))
            }
            Err(e) => Err(format!("the key file {} cannot be read: {e}", path.display())),
        }
    }

    /// Reads the file, or makes it. Blocking.
    pub fn read_or_create(path: &Path) -> Result<Key, String> {
        let text = secret_file::read_or_create(path)
            .map_err(|e| format!("the key file {} cannot be read or made: {e}", path.display()))?;
        Self::of(&text, path)
    }

    fn of(text: &Secret, path: &Path) -> Result<Key, String> {
        let bytes = hex::decode(text.expose()).ok().and_then(|b| <[u8; 32]>::try_from(b).ok());
        let bytes = bytes.ok_or_else(|| {
            format!("the key file {} holds no key (64 hex digits); restore it from the backup", path.display())
        })?;
        let mut name = [0; NAME];
        name.copy_from_slice(&Sha256::digest(bytes)[..NAME]);
        Ok(Key { cipher: XChaCha20Poly1305::new(&CipherKey::from(bytes)), name })
    }

    pub fn seal(&self, credential: &str, password: &Secret) -> Result<String, String> {
        let mut nonce = [0u8; NONCE];
        rand::rng().fill_bytes(&mut nonce);
        let payload = Payload { msg: password.expose().as_bytes(), aad: &bound(credential) };
        let sealed = self
            .cipher
            .encrypt(&XNonce::from(nonce), payload)
            .map_err(|_| "the password cannot be sealed; is it of a usual length?".to_owned())?;
        let mut all = vec![VERSION];
        all.extend_from_slice(&self.name);
        all.extend_from_slice(&nonce);
        all.extend_from_slice(&sealed);
        Ok(BASE64_STANDARD.encode(all))
    }

    /// The error is a sentence for the health of the channels that want the password.
    pub fn open(&self, credential: &str, sealed: &str) -> Result<Secret, String> {
        const DAMAGED: &str = "its sealed password is damaged; set it again";
        let all = BASE64_STANDARD.decode(sealed).map_err(|_| DAMAGED.to_owned())?;
        let (head, rest) = all.split_at_checked(1 + NAME).ok_or(DAMAGED)?;
        if head[0] != VERSION {
            return Err("its password was sealed by a newer skyeye; run that version".into());
        }
        if head[1..] != self.name {
            return Err("its password was sealed under another key; restore the key file, or set it again".into());
        }
        let (nonce, text) = rest.split_at_checked(NONCE).ok_or(DAMAGED)?;
        let nonce = <[u8; NONCE]>::try_from(nonce).map_err(|_| DAMAGED)?;
        let payload = Payload { msg: text, aad: &bound(credential) };
        let clear = self.cipher.decrypt(&XNonce::from(nonce), payload).map_err(|_| DAMAGED)?;
        String::from_utf8(clear).map(Secret::new).map_err(|_| DAMAGED.into())
    }
}

/// A sealed password opens only as that of its own credential.
fn bound(credential: &str) -> Vec<u8> {
    format!("skyeye/credential/{credential}").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_opens_with_the_same_key_for_the_same_credential_only() {
        let dir = tempfile::tempdir().unwrap();
        let key = Key::read_or_create(&dir.path().join("a.key")).unwrap();
        let sealed = key.seal("cam", &Secret::new("hunter2")).unwrap();
        assert_ne!(sealed, key.seal("cam", &Secret::new("hunter2")).unwrap(), "each time another nonce");
        assert!(!sealed.contains("hunter2"));
        let again = Key::read(&dir.path().join("a.key")).unwrap();
        assert_eq!(again.open("cam", &sealed).unwrap().expose(), "hunter2");
        assert!(again.open("other", &sealed).unwrap_err().contains("damaged"));
        let other = Key::read_or_create(&dir.path().join("b.key")).unwrap();
        assert!(other.open("cam", &sealed).unwrap_err().contains("another key"));
        let mut bytes = BASE64_STANDARD.decode(&sealed).unwrap();
        for i in 0..bytes.len() {
            bytes[i] ^= 1;
            assert!(key.open("cam", &BASE64_STANDARD.encode(&bytes)).is_err(), "byte {i}");
            bytes[i] ^= 1;
        }
        for short in 0..bytes.len() {
            assert!(key.open("cam", &BASE64_STANDARD.encode(&bytes[..short])).is_err());
        }
    }

    #[test]
    fn a_missing_or_wrong_key_file_says_so() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("k");
        assert!(Key::read(&path).err().unwrap().contains("is missing"));
        std::fs::write(&path, "short\n").unwrap();
        assert!(Key::read_or_create(&path).err().unwrap().contains("holds no key"));
    }
}
