//! Snapshots on disk: `{dir}/YYYY-MM-DD/{event}.jpg`, the day taken from the event's id, so that reading needs no index
//! and the oldest are found by name. Further pictures of the same event are `{event}-1.jpg` and so on: by name they stand
//! before the first, which therefore is the last of an event to go.
//!
//! A file appears under its final name only when it is whole and synced. All file work runs on blocking threads. Over
//! the quota, and past retention, the oldest go first, counted; a picture that brings the rest over it does not wait for
//! that. The directory is readable by the gateway's user only.

use std::{
    fs, io,
    io::Write,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use parking_lot::Mutex;
use sha2::{Digest, Sha256};

use super::{EvidenceError, Jpeg};
use crate::{
    config,
    types::{Clock, EventId, Wall, payload::Media},
};

/// What is left for the outbox and the database.
const RESERVE_BYTES: u64 = 64 << 20;
/// A larger file was not written by us.
const MAX_READ_BYTES: u64 = 64 << 20;
const DAY_MS: i64 = 86_400_000;
/// Over the quota so many of a hundred bytes of it stay: at exactly the quota every picture would call for the next sweep,
/// each of which lists the oldest day.
const STAY_PERCENT: u64 = 97;

/// Handle to the evidence directory; cheap to clone.
#[derive(Clone)]
pub struct Files {
    inner: Arc<Inner>,
}

struct Inner {
    dir: PathBuf,
    clock: Clock,
    config: config::Evidence,
    reserve: u64,
    /// Bytes in all; right after the scan at `open`, kept up since.
    used: AtomicU64,
    serial: AtomicU64,
    sweeping: Mutex<()>,
    /// A sweep was asked for by a picture and has not ended.
    sweep_asked: AtomicBool,
}

/// What a sweep deleted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    pub files: u64,
    pub bytes: u64,
}

impl Files {
    /// Opens or makes the directory and adds up what it holds. Blocking; called once at start.
    pub fn open(dir: &Path, clock: Clock, config: config::Evidence) -> Result<Self, EvidenceError> {
        Self::open_with_reserve(dir, clock, config, RESERVE_BYTES)
    }

    fn open_with_reserve(
        dir: &Path,
        clock: Clock,
        config: config::Evidence,
        reserve: u64,
    ) -> Result<Self, EvidenceError> {
        make_dir(dir).map_err(io_at(dir))?;
        let inner = Inner {
            dir: dir.to_owned(),
            clock,
            config,
            reserve,
            used: AtomicU64::new(0),
            serial: AtomicU64::new(0),
            sweeping: Mutex::new(()),
            sweep_asked: AtomicBool::new(false),
        };
        inner.scan()?;
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Stores an event's picture, in place of an earlier one of the same event and number, and describes it. 0 is the
    /// picture of its start.
    pub async fn store_snapshot(&self, event: EventId, number: u8, jpeg: &Jpeg) -> Result<Media, EvidenceError> {
        let (inner, jpeg) = (self.inner.clone(), jpeg.clone());
        let stored = blocking(move || inner.store(event, number, &jpeg)).await;
        match &stored {
            Ok(_) => {
                metrics::counter!("skyeye_evidence_stored_total").increment(1);
                self.make_room();
            }
            Err(e) => metrics::counter!("skyeye_evidence_errors_total", "kind" => e.kind()).increment(1),
        }
        stored
    }

    /// Over the quota, has the oldest deleted beside the way.
    fn make_room(&self) {
        let inner = &self.inner;
        if !inner.is_over() || inner.sweep_asked.swap(true, Ordering::SeqCst) {
            return;
        }
        let inner = inner.clone();
        drop(tokio::task::spawn_blocking(move || {
            if let Err(e) = inner.sweep(None) {
                // The picture is stored; that there is too much is another matter.
                tracing::warn!("evidence over its quota could not be deleted: {e}");
            }
            inner.sweep_asked.store(false, Ordering::SeqCst);
        }));
    }

    /// A picture of an event; `None` if there is none (any more).
    pub async fn read_snapshot(&self, event: EventId, number: u8) -> Result<Option<Bytes>, EvidenceError> {
        let inner = self.inner.clone();
        blocking(move || inner.read(event, number)).await
    }

    /// Deletes what is past retention by the time `now`, which a clock that jumps must not move, and, oldest first, what is
    /// over the quota and a little more. To be called now and then; storing over the quota asks for the latter, too.
    pub async fn sweep(&self, now: Wall) -> Result<Swept, EvidenceError> {
        let inner = self.inner.clone();
        blocking(move || inner.sweep(Some(now))).await
    }

    /// Bytes of all evidence.
    pub fn used_bytes(&self) -> u64 {
        self.inner.used.load(Ordering::Relaxed)
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, EvidenceError> + Send + 'static,
) -> Result<T, EvidenceError> {
    tokio::task::spawn_blocking(work).await.map_err(|_| EvidenceError::Cancelled)?
}

fn io_at(path: &Path) -> impl FnOnce(io::Error) -> EvidenceError + '_ {
    move |source| match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => EvidenceError::Full(path.to_owned()),
        _ => EvidenceError::Io { path: path.to_owned(), source },
    }
}

fn make_dir(dir: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)
}

fn day_name(at: Wall) -> String {
    jiff::Timestamp::from_millisecond(at.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH).strftime("%Y-%m-%d").to_string()
}

fn is_day(name: &str) -> bool {
    name.len() == 10
        && name.bytes().enumerate().all(|(i, b)| if matches!(i, 4 | 7) { b == b'-' } else { b.is_ascii_digit() })
}

/// Name and bytes of an entry.
fn entries(dir: &Path) -> Result<Vec<(String, fs::Metadata)>, EvidenceError> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).map_err(io_at(dir))? {
        let entry = entry.map_err(io_at(dir))?;
        // Gone since: deleted by somebody, or renamed.
        let Ok(meta) = entry.metadata() else { continue };
        if let Ok(name) = entry.file_name().into_string() {
            found.push((name, meta));
        }
    }
    found.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(found)
}

impl Inner {
    /// Directory and final name of an event's picture.
    fn place(&self, event: EventId, number: u8) -> Result<(PathBuf, PathBuf), EvidenceError> {
        let stamp = event.0.get_timestamp().filter(|_| event.0.get_version_num() == 7);
        let (seconds, nanos) = stamp.ok_or(EvidenceError::NotAnEvent(event))?.to_unix();
        let ms =
            i64::try_from(seconds).ok().and_then(|s| s.checked_mul(1000)).unwrap_or(0) + i64::from(nanos / 1_000_000);
        let day = self.dir.join(day_name(Wall(ms)));
        let file = day.join(match number {
            0 => format!("{event}.jpg"),
            n => format!("{event}-{n}.jpg"),
        });
        Ok((day, file))
    }

    fn days(&self) -> Result<Vec<PathBuf>, EvidenceError> {
        let all = entries(&self.dir)?;
        Ok(all.into_iter().filter(|(n, m)| m.is_dir() && is_day(n)).map(|(n, _)| self.dir.join(n)).collect())
    }

    fn scan(&self) -> Result<(), EvidenceError> {
        let mut used = 0;
        for day in self.days()? {
            for (name, meta) in entries(&day)? {
                if name.ends_with(".tmp") {
                    // Left by a process that was killed; nobody else writes before `open` is done.
                    let path = day.join(name);
                    fs::remove_file(&path).map_err(io_at(&path))?;
                } else {
                    used += meta.len();
                }
            }
        }
        self.used.store(used, Ordering::Relaxed);
        metrics::gauge!("skyeye_evidence_bytes").set(used as f64);
        Ok(())
    }

    fn store(&self, event: EventId, number: u8, jpeg: &Jpeg) -> Result<Media, EvidenceError> {
        let (day, file) = self.place(event, number)?;
        let bytes = jpeg.bytes.len() as u64;
        let disk = rustix::fs::statvfs(&self.dir).map_err(|e| io_at(&self.dir)(e.into()))?;
        let free = disk.f_bavail.saturating_mul(disk.f_frsize);
        if free.saturating_sub(bytes) < self.reserve {
            return Err(EvidenceError::Full(self.dir.clone()));
        }
        if !day.is_dir() {
            make_dir(&day).and_then(|()| sync_dir(&self.dir)).map_err(io_at(&day))?;
        }
        let serial = self.serial.fetch_add(1, Ordering::Relaxed);
        let temp = day.join(format!(".{event}.{serial}.tmp"));
        let before = fs::metadata(&file).map_or(0, |m| m.len());
        let written = (|| {
            let mut out = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temp)?;
            out.write_all(&jpeg.bytes)?;
            out.sync_all()?;
            fs::rename(&temp, &file)?;
            sync_dir(&day)
        })();
        if let Err(e) = written {
            if let Err(left) = fs::remove_file(&temp)
                && left.kind() != io::ErrorKind::NotFound
            {
                tracing::warn!(file = %temp.display(), "a temporary file stays: {left}");
            }
            return Err(io_at(&file)(e));
        }
        self.add(bytes);
        self.subtract(before);
        Ok(Media {
            kind: "snapshot".into(),
            content_type: "image/jpeg".into(),
            url: match number {
                0 => format!("/api/v1/events/{event}/snapshot"),
                n => format!("/api/v1/events/{event}/pictures/{n}"),
            },
            sha256: hex::encode(Sha256::digest(&jpeg.bytes)),
            bytes,
            width: jpeg.width,
            height: jpeg.height,
            // Whoever stores the picture knows what was seen in it, and when.
            seen: None,
            objects: Vec::new(),
        })
    }

    fn read(&self, event: EventId, number: u8) -> Result<Option<Bytes>, EvidenceError> {
        let (_, file) = self.place(event, number)?;
        match fs::metadata(&file) {
            Ok(meta) if meta.len() > MAX_READ_BYTES => {
                let source = io::Error::other(format!("has {} bytes; no snapshot is so large", meta.len()));
                Err(EvidenceError::Io { path: file, source })
            }
            Ok(_) => match fs::read(&file) {
                Ok(bytes) => Ok(Some(bytes.into())),
                Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
                Err(e) => Err(io_at(&file)(e)),
            },
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(io_at(&file)(e)),
        }
    }

    fn is_over(&self) -> bool {
        self.used.load(Ordering::Relaxed) > self.config.quota_bytes
    }

    /// `by`: the time that retention is judged by; without, only the quota counts.
    fn sweep(&self, by: Option<Wall>) -> Result<Swept, EvidenceError> {
        // One at a time: a second would count the same files.
        let Some(_one) = self.sweeping.try_lock() else { return Ok(Swept::default()) };
        let mut swept = Swept::default();
        let stay = if self.is_over() { self.config.quota_bytes / 100 * STAY_PERCENT } else { u64::MAX };
        let kept_ms = i64::from(self.config.retention_days) * DAY_MS;
        let cutoff = by.map(|by| day_name(Wall(by.0 - kept_ms)));
        let yesterday = day_name(Wall(self.clock.wall().0 - DAY_MS));
        for day in self.days()? {
            let name = day.file_name().and_then(|n| n.to_str()).unwrap_or_default().to_owned();
            let expired = cutoff.as_ref().is_some_and(|cutoff| name < *cutoff);
            if !expired && self.used.load(Ordering::Relaxed) <= stay {
                break;
            }
            for (file, meta) in entries(&day)? {
                if !expired && self.used.load(Ordering::Relaxed) <= stay {
                    break;
                }
                if meta.is_file() && file.ends_with(".jpg") {
                    let path = day.join(file);
                    fs::remove_file(&path).map_err(io_at(&path))?;
                    self.subtract(meta.len());
                    swept.files += 1;
                    swept.bytes += meta.len();
                    let reason = if expired { "retention" } else { "quota" };
                    metrics::counter!("skyeye_evidence_swept_total", "reason" => reason).increment(1);
                }
            }
            // Never a day that may just be getting its first picture. One that still holds something stays.
            if name < yesterday
                && let Err(e) = fs::remove_dir(&day)
                && e.kind() != io::ErrorKind::DirectoryNotEmpty
            {
                return Err(io_at(&day)(e));
            }
        }
        if swept.files > 0 {
            tracing::info!(files = swept.files, bytes = swept.bytes, "old evidence deleted");
        }
        Ok(swept)
    }

    fn add(&self, bytes: u64) {
        let used = self.used.fetch_add(bytes, Ordering::Relaxed) + bytes;
        metrics::gauge!("skyeye_evidence_bytes").set(used as f64);
    }
    fn subtract(&self, bytes: u64) {
        // Never below 0, should somebody have changed the files meanwhile.
        let less = |used: u64| Some(used.saturating_sub(bytes));
        let before = self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).unwrap_or_default();
        metrics::gauge!("skyeye_evidence_bytes").set(before.saturating_sub(bytes) as f64);
    }
}

fn sync_dir(dir: &Path) -> io::Result<()> {
    fs::File::open(dir)?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn config(quota_bytes: u64, retention_days: u32) -> config::Evidence {
        config::Evidence { quota_bytes, retention_days, ..config::Evidence::default() }
    }
    fn jpeg(fill: u8, bytes: usize) -> Jpeg {
        Jpeg { bytes: vec![fill; bytes], width: 64, height: 48 }
    }
    fn event(days_ago: i64, ms: i64) -> EventId {
        EventId::at(Clock::start().wall().0 - days_ago * DAY_MS + ms)
    }
    async fn swept(files: &Files) {
        while files.inner.sweep_asked.load(Ordering::SeqCst) {
            tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        }
    }
    fn all_files(dir: &Path) -> Vec<String> {
        let files = walkdir::WalkDir::new(dir).into_iter().filter_map(Result::ok).filter(|e| e.file_type().is_file());
        files.map(|e| e.file_name().to_string_lossy().into_owned()).collect()
    }

    #[tokio::test]
    async fn a_snapshot_comes_back_as_it_was_described() {
        let dir = tempfile::tempdir().unwrap();
        let files = Files::open(dir.path(), Clock::start(), config(1 << 30, 30)).unwrap();
        let event: EventId = "01936b2e-7d4b-7b6e-8000-000000000001".parse().unwrap();
        assert_eq!(files.read_snapshot(event, 0).await.unwrap(), None);
        let media = files.store_snapshot(event, 0, &jpeg(1, 100)).await.unwrap();
        assert_eq!(media.url, "/api/v1/events/01936b2e-7d4b-7b6e-8000-000000000001/snapshot");
        assert_eq!((media.bytes, media.width, media.height), (100, 64, 48));
        let back = files.read_snapshot(event, 0).await.unwrap().unwrap();
        assert_eq!(hex::encode(Sha256::digest(&back)), media.sha256);
        let path = dir.path().join("2024-11-27/01936b2e-7d4b-7b6e-8000-000000000001.jpg");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600, "{path:?}");
        // A later picture of the same event takes its place.
        files.store_snapshot(event, 0, &jpeg(2, 60)).await.unwrap();
        assert_eq!(files.read_snapshot(event, 0).await.unwrap().unwrap()[0], 2);
        assert_eq!(files.used_bytes(), 60);
        assert_eq!(all_files(dir.path()).len(), 1);
        let reopened = Files::open(dir.path(), Clock::start(), config(1 << 30, 30)).unwrap();
        assert_eq!(reopened.used_bytes(), 60);
    }

    #[tokio::test]
    async fn further_pictures_of_an_event_stand_beside_its_first_and_go_before_it() {
        let dir = tempfile::tempdir().unwrap();
        let files = Files::open(dir.path(), Clock::start(), config(1000, 30)).unwrap();
        let (old, new) = (event(3, 0), event(0, -1));
        for number in 0..3 {
            let media = files.store_snapshot(old, number, &jpeg(number, 300)).await.unwrap();
            assert!(media.url.ends_with(["/snapshot", "/pictures/1", "/pictures/2"][usize::from(number)]));
        }
        assert_eq!(files.read_snapshot(old, 2).await.unwrap().unwrap()[0], 2);
        assert_eq!(files.read_snapshot(old, 3).await.unwrap(), None);
        files.store_snapshot(new, 0, &jpeg(9, 600)).await.unwrap();
        swept(&files).await;
        let mut left = Vec::new();
        for number in 0..3 {
            left.push(files.read_snapshot(old, number).await.unwrap().is_some());
        }
        assert_eq!(left, [true, false, false]);
    }

    #[tokio::test]
    async fn over_the_quota_the_oldest_go_first() {
        let dir = tempfile::tempdir().unwrap();
        let files = Files::open(dir.path(), Clock::start(), config(1000, 30)).unwrap();
        let events: Vec<EventId> = [(3, 0), (3, 1), (1, 0), (0, -2), (0, -1)].map(|(d, ms)| event(d, ms)).to_vec();
        for (i, event) in events.iter().enumerate() {
            files.store_snapshot(*event, 0, &jpeg(i as u8, 300)).await.unwrap();
        }
        swept(&files).await;
        assert!(files.used_bytes() <= 1000);
        let mut left = Vec::new();
        for event in &events {
            left.push(files.read_snapshot(*event, 0).await.unwrap().is_some());
        }
        assert_eq!(left, [false, false, true, true, true]);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2, "the empty day is gone");
    }

    #[tokio::test]
    async fn a_sweep_makes_room_for_more_than_one_picture() {
        let dir = tempfile::tempdir().unwrap();
        let files = Files::open(dir.path(), Clock::start(), config(20_000, 30)).unwrap();
        let mut used = Vec::new();
        for n in 0..23 {
            files.store_snapshot(event(1, n), 0, &jpeg(0, 1000)).await.unwrap();
            swept(&files).await;
            used.push(files.used_bytes());
        }
        assert_eq!(used[18..], [19_000, 20_000, 19_000, 20_000, 19_000]);
    }

    #[tokio::test]
    async fn past_retention_everything_goes() {
        let dir = tempfile::tempdir().unwrap();
        let files = Files::open(dir.path(), Clock::start(), config(1 << 30, 2)).unwrap();
        let (old, recent) = (event(4, 0), event(1, 0));
        for event in [old, recent] {
            files.store_snapshot(event, 0, &jpeg(0, 50)).await.unwrap();
        }
        let now = Clock::start().wall();
        assert_eq!(files.sweep(Wall(now.0 - 3 * DAY_MS)).await.unwrap(), Swept::default(), "by that time it is young");
        assert_eq!(files.sweep(now).await.unwrap(), Swept { files: 1, bytes: 50 });
        assert_eq!(files.sweep(now).await.unwrap(), Swept::default());
        assert!(files.read_snapshot(old, 0).await.unwrap().is_none());
        assert!(files.read_snapshot(recent, 0).await.unwrap().is_some());
        assert_eq!(files.used_bytes(), 50);
    }

    #[tokio::test]
    async fn a_full_disk_is_said_and_leaves_nothing_half() {
        let dir = tempfile::tempdir().unwrap();
        let files = Files::open_with_reserve(dir.path(), Clock::start(), config(1 << 30, 30), u64::MAX).unwrap();
        assert!(matches!(files.store_snapshot(event(0, 0), 0, &jpeg(0, 50)).await, Err(EvidenceError::Full(_))));
        assert!(all_files(dir.path()).is_empty());
        let full = io_at(dir.path())(io::Error::from(io::ErrorKind::StorageFull));
        assert_eq!(full.kind(), "full");
    }

    #[tokio::test]
    async fn a_failed_write_leaves_nothing_and_a_killed_one_is_cleared_away() {
        let dir = tempfile::tempdir().unwrap();
        let files = Files::open(dir.path(), Clock::start(), config(1 << 30, 30)).unwrap();
        let event = event(0, 0);
        let (day, file) = files.inner.place(event, 0).unwrap();
        // A directory in the file's place: the rename must fail.
        fs::create_dir_all(&file).unwrap();
        assert!(matches!(files.store_snapshot(event, 0, &jpeg(0, 50)).await, Err(EvidenceError::Io { .. })));
        assert!(all_files(dir.path()).is_empty());
        assert_eq!(files.used_bytes(), 0);
        fs::write(day.join(".x.0.tmp"), "half").unwrap();
        let reopened = Files::open(dir.path(), Clock::start(), config(1 << 30, 30)).unwrap();
        assert!(all_files(dir.path()).is_empty());
        drop(reopened);
    }

    #[tokio::test]
    async fn an_id_that_carries_no_time_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let files = Files::open(dir.path(), Clock::start(), config(1 << 30, 30)).unwrap();
        let foreign = EventId(uuid::Uuid::new_v4());
        assert!(matches!(files.store_snapshot(foreign, 0, &jpeg(0, 1)).await, Err(EvidenceError::NotAnEvent(_))));
        assert!(matches!(files.read_snapshot(foreign, 0).await, Err(EvidenceError::NotAnEvent(_))));
    }
}
