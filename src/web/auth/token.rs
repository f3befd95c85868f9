//! The token that opens `/metrics` and `/readyz`: a secret in a file, made where it is missing.

use std::path::{Path, PathBuf};

use crate::{config::secret_file, types::Secret};

/// Guessing a shorter one is thinkable.
const MIN_TOKEN: usize = 16;

/// Why a token file could not be used.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    #[error("the token file {path} cannot be used: {source}; correct web.metrics_token_file or the file's rights")]
    File { path: PathBuf, source: std::io::Error },
    #[error("{path} holds no token of at least 16 characters on its first line; delete it to have one made")]
    Short { path: PathBuf },
}

/// The token on the file's first line; makes the file with a random one if it is missing. Blocking: for the start only.
pub fn read_or_make_token(path: &Path) -> Result<Secret, TokenError> {
    let line =
        secret_file::read_or_create(path).map_err(|source| TokenError::File { path: path.to_owned(), source })?;
    let token = line.expose().trim();
    if token.len() < MIN_TOKEN {
        return Err(TokenError::Short { path: path.to_owned() });
    }
    Ok(Secret::new(token))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_token_is_made_and_kept_and_a_short_one_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("deeper/token");
        let made = read_or_make_token(&path).unwrap();
        assert_eq!(made.expose().len(), 64);
        assert_eq!(read_or_make_token(&path).unwrap().expose(), made.expose());
        std::fs::write(&path, "short\n").unwrap();
        assert!(read_or_make_token(&path).unwrap_err().to_string().contains("16 characters"));
    }
}
