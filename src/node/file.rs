//! The configuration file as it lies on the disk: whether it is another than the one that was read.
//!
//! Asked every two seconds. Editors replace a file in several steps, and a copy over the network takes its time: it counts
//! as changed only when it was found twice the same, so that half a file is rarely read, and never acted upon twice.

use std::{os::unix::fs::MetadataExt, path::Path};

/// What tells one state of a file from another: when it was written, how long it is, which file it is. `None`: not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp(Option<(i64, i64, u64, u64)>);

impl Stamp {
    pub fn of(path: &Path) -> Stamp {
        Stamp(std::fs::metadata(path).ok().map(|m| (m.mtime(), m.mtime_nsec(), m.size(), m.ino())))
    }
}

/// Whether the file changed since it was read, and has stopped changing.
#[derive(Debug)]
pub struct Watched {
    read: Stamp,
    seen: Stamp,
}

impl Watched {
    pub fn new(read: Stamp) -> Self {
        Self { read, seen: read }
    }

    /// The file is being read in this state: only another one counts from here.
    pub fn read(&mut self, stamp: Stamp) {
        *self = Self::new(stamp);
    }

    /// True once for a state that was seen at two times in a row and is not the one that was read.
    pub fn changed(&mut self, now: Stamp) -> bool {
        let settled = std::mem::replace(&mut self.seen, now) == now;
        settled && now != self.read
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_counts_as_changed_when_it_has_settled() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        std::fs::write(&path, "a").unwrap();
        let mut watched = Watched::new(Stamp::of(&path));
        let mut ask = || watched.changed(Stamp::of(&path));
        assert!(!ask() && !ask());
        std::fs::write(&path, "ab").unwrap();
        assert!(!ask(), "it may still be written");
        std::fs::write(&path, "abc").unwrap();
        assert!(!ask());
        assert!(ask());
        std::fs::remove_file(&path).unwrap();
        assert!(!ask(), "an editor may be about to put another in its place");
        std::fs::write(&path, "abcd").unwrap();
        assert!(!ask());
        assert!(ask());
        watched.read(Stamp::of(&path));
        assert!(!watched.changed(Stamp::of(&path)) && !watched.changed(Stamp::of(&path)));
    }
}
