//! Two clocks, never mixed up: `Mono` orders and measures inside the process and never jumps; `Wall` is what people
//! and cameras call the time and may jump either way. Logic takes a `Now` as an argument; only the edges read a `Clock`.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Milliseconds on the process's own monotonic clock, from its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize)]
pub struct Mono(pub u64);

impl Mono {
    /// Milliseconds from `earlier` to `self`; 0 if `earlier` is later.
    pub fn since_ms(self, earlier: Mono) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
    pub fn plus_ms(self, ms: u64) -> Mono {
        Mono(self.0.saturating_add(ms))
    }
}

/// Milliseconds since 1970-01-01T00:00:00Z; in JSON an RFC 3339 string with milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Wall(pub i64);

impl Wall {
    /// `2026-11-22T08:15:30.123Z`; a time outside the representable range shows as the epoch.
    pub fn to_rfc3339(self) -> String {
        let ts = jiff::Timestamp::from_millisecond(self.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        format!("{ts:.3}")
    }
}

impl Serialize for Wall {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&self.to_rfc3339())
    }
}
impl<'de> Deserialize<'de> for Wall {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(d)?;
        let ts: jiff::Timestamp = text.parse().map_err(serde::de::Error::custom)?;
        Ok(Wall(ts.as_millisecond()))
    }
}
impl JsonSchema for Wall {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Time".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "format": "date-time", "description": "RFC 3339, UTC, milliseconds" })
    }
}

/// Something that was, in this process or before it: what is older than the process has no place on its clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Past {
    at: Mono,
    /// How much longer ago than `at`, which is then the process's start.
    before_ms: u64,
}

impl Past {
    /// So many milliseconds ago, also from before the process.
    pub fn ago(ms: u64, now: Mono) -> Self {
        Self { at: Mono(now.0.saturating_sub(ms)), before_ms: ms.saturating_sub(now.0) }
    }
    /// Something of which only the wall clock is known; a clock that was set back counts as now.
    pub fn by_wall(at: Wall, now: Now) -> Self {
        Self::ago(u64::try_from(now.wall.0.saturating_sub(at.0)).unwrap_or(0), now.mono)
    }
    /// How long ago it was.
    pub fn ms(self, now: Mono) -> u64 {
        now.since_ms(self.at).saturating_add(self.before_ms)
    }
}

impl From<Mono> for Past {
    fn from(at: Mono) -> Self {
        Self { at, before_ms: 0 }
    }
}

/// Both clocks read at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Now {
    pub mono: Mono,
    pub wall: Wall,
}

/// Reads the machine's clocks. Cheap to copy; all copies share one origin.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    origin: Instant,
}

impl Clock {
    /// A clock whose `Mono` starts at 0 now.
    #[allow(clippy::disallowed_methods)] // the one place that may
    pub fn start() -> Self {
        Self { origin: Instant::now() }
    }
    #[allow(clippy::disallowed_methods)]
    pub fn mono(&self) -> Mono {
        Mono(u64::try_from(self.origin.elapsed().as_millis()).unwrap_or(u64::MAX))
    }
    #[allow(clippy::disallowed_methods)]
    pub fn wall(&self) -> Wall {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        Wall(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }
    pub fn now(&self) -> Now {
        Now { mono: self.mono(), wall: self.wall() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_before_the_process_has_its_age() {
        let now = Now { mono: Mono(1000), wall: Wall(1_000_000) };
        let later = Mono(3000);
        assert_eq!(Past::from(Mono(400)).ms(later), 2600);
        assert_eq!(Past::by_wall(Wall(999_500), now).ms(later), 2500);
        assert_eq!(Past::by_wall(Wall(400_000), now).ms(later), 602_000);
        assert_eq!(Past::by_wall(Wall(2_000_000), now).ms(later), 2000, "the clock was set back");
    }

    #[test]
    fn wall_round_trips_as_rfc3339() {
        let json = serde_json::to_string(&Wall(1_795_335_330_123)).unwrap();
        assert_eq!(json, "\"2026-11-22T08:15:30.123Z\"");
        assert_eq!(serde_json::from_str::<Wall>(&json).unwrap(), Wall(1_795_335_330_123));
    }
}
