//! Secrets in files: passwords and tokens, one on the first line, readable by nobody else.
//!
//! A file is written beside its name first and synced, so that it is whole or not there. All functions block.

use std::{
    fs,
    io::{self, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::Path,
};

use rand::RngCore;

use crate::types::Secret;

/// A password file may hold this much.
const MAX_BYTES: u64 = 4096;

/// 256 random bits as hex.
pub fn random_password() -> Secret {
    let mut bytes = [0u8; 32];
    rand::rng().fill_bytes(&mut bytes);
    Secret::new(hex::encode(bytes))
}

/// First line of the file. Blocking.
pub fn read(path: &Path) -> io::Result<Secret> {
    let meta = fs::metadata(path)?;
    if meta.len() > MAX_BYTES {
        return Err(io::Error::other(format!("has {} bytes; a password file has at most {MAX_BYTES}", meta.len())));
    }
    if meta.permissions().mode() & 0o077 != 0 {
        tracing::warn!(file = %path.display(), "the password file can be read by others; chmod 600 it");
    }
    let text = fs::read_to_string(path)?;
    let line = text.lines().next().unwrap_or_default();
    if line.is_empty() {
        return Err(io::Error::other(
            "its first line is empty; put the password there, or remove the file to get a new one",
        ));
    }
    Ok(Secret::new(line))
}

/// Reads the file, or makes it with mode 0600 and a random password. Blocking.
pub fn read_or_create(path: &Path) -> io::Result<Secret> {
    match read(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => {}
        other => return other,
    }
    let secret = random_password();
    // Not `rename`: a file that appeared meanwhile is somebody's choice and must not be replaced.
    match put(path, &secret, |temp, path| fs::hard_link(temp, path).and_then(|()| fs::remove_file(temp))) {
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists && path.exists() => read(path),
        Err(e) => Err(e),
        Ok(()) => Ok(secret),
    }
}

/// Writes the file with mode 0600, in place of one that may be there. Blocking.
pub fn write(path: &Path, secret: &Secret) -> io::Result<()> {
    put(path, secret, |temp, path| fs::rename(temp, path))
}

fn put(path: &Path, secret: &Secret, place: impl FnOnce(&Path, &Path) -> io::Result<()>) -> io::Result<()> {
    let parent = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(parent)?;
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.tmp", std::process::id()));
    let temp = parent.join(name);
    // Left by a process of the same number that was killed.
    match fs::remove_file(&temp) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    let made = (|| {
        let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temp)?;
        writeln!(file, "{}", secret.expose())?;
        file.sync_all()?;
        place(&temp, path)?;
        fs::File::open(parent)?.sync_all()
    })();
    if made.is_err()
        && let Err(e) = fs::remove_file(&temp)
        && e.kind() != io::ErrorKind::NotFound
    {
        tracing::warn!(file = %temp.display(), "a temporary file with a secret stays: {e}");
    }
    made
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_file_is_made_once_and_private() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("deep/er/integrator.password");
        let first = read_or_create(&path).unwrap();
        assert_eq!(first.expose().len(), 64);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(read_or_create(&path).unwrap().expose(), first.expose());
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "no temporary file stays");
    }

    #[test]
    fn an_empty_file_is_no_password() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("p");
        fs::write(&path, "\nsecond").unwrap();
        assert!(read_or_create(&path).unwrap_err().to_string().contains("empty"));
    }

    #[test]
    fn a_new_secret_takes_the_place_of_the_old_one() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("p");
        fs::write(&path, "old").unwrap();
        fs::write(dir.path().join(format!("p.{}.tmp", std::process::id())), "of a killed process").unwrap();
        write(&path, &Secret::new("new")).unwrap();
        assert_eq!(read(&path).unwrap().expose(), "new");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "no temporary file stays");
    }
}
