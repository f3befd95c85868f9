//! Secrets in files: made with random content and mode 0600 where missing, written whole or not at all.

use std::{
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use super::password::{PasswordError, random};
use crate::types::Secret;

/// Why a token file could not be used.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    #[error("cannot read {path}: {source}; correct web.metrics_token_file or the file's rights")]
    Read { path: PathBuf, source: std::io::Error },
    #[error("cannot write {path}: {source}")]
    Write { path: PathBuf, source: std::io::Error },
    #[error("{path} holds no token of at least 16 characters on its first line; delete it to have one made")]
    Short { path: PathBuf },
    #[error(transparent)]
    Random(#[from] PasswordError),
}

/// The token on the file's first line; makes the file with a random one if it is missing. Blocking: for the start only.
pub fn read_or_make_token(path: &Path) -> Result<Secret, TokenError> {
    match std::fs::read_to_string(path) {
        Ok(text) => {
            let token = text.lines().next().unwrap_or_default().trim().to_owned();
            if token.len() < 16 {
                return Err(TokenError::Short { path: path.to_owned() });
            }
            Ok(Secret::new(token))
        }
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            let token = Secret::new(hex::encode(random::<32>()?));
            write_private(path, &token).map_err(|source| TokenError::Write { path: path.to_owned(), source })?;
            Ok(token)
        }
        Err(source) => Err(TokenError::Read { path: path.to_owned(), source }),
    }
}

/// Writes one line that only the owner can read; beside the file first, then renamed over it.
pub(super) fn write_private(path: &Path, secret: &Secret) -> std::io::Result<()> {
    if let Some(dir) = path.parent().filter(|d| !d.as_os_str().is_empty()) {
        std::fs::create_dir_all(dir)?;
    }
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    let new = PathBuf::from(name);
    match std::fs::remove_file(&new) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
    writeln!(file, "{}", secret.expose())?;
    file.sync_all()?;
    std::fs::rename(&new, path)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_missing_token_is_made_private_and_kept() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("deeper/token");
        let made = read_or_make_token(&path).unwrap();
        assert_eq!(made.expose().len(), 64);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(read_or_make_token(&path).unwrap().expose(), made.expose());
        std::fs::write(&path, "short\n").unwrap();
        assert!(read_or_make_token(&path).unwrap_err().to_string().contains("16 characters"));
    }
}
