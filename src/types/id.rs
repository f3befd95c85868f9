//! Typed identifiers. A configured id is one MQTT topic level, so its alphabet is small and it never changes; an event
//! or alert id is a UUIDv7, so that ids sort by the time at which they were made.

use std::{borrow::Borrow, fmt, str::FromStr, sync::Arc};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Why a string is not an id; the sentence names the offending text and the rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{text}' is not an id: use 1 to 64 of a-z, 0-9, '.', '_' and '-'")]
pub struct IdError {
    text: String,
}

fn checked(text: &str) -> Result<Arc<str>, IdError> {
    let ok = (1..=64).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'_' | b'-'));
    if ok { Ok(Arc::from(text)) } else { Err(IdError { text: text.chars().take(80).collect() }) }
}

macro_rules! level_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// Checks the text against the alphabet of a topic level.
            pub fn new(text: &str) -> Result<Self, IdError> {
                checked(text).map(Self)
            }
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl TryFrom<String> for $name {
            type Error = IdError;
            fn try_from(text: String) -> Result<Self, IdError> {
                Self::new(&text)
            }
        }
        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0.as_ref().to_owned()
            }
        }
        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                Self::new(text)
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0)
            }
        }
        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
        impl JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "string", "pattern": "^[a-z0-9._-]{1,64}$" })
            }
        }
    };
}

level_id!(/// One configured camera input.
    ChannelId);
level_id!(/// A node of the area tree.
    AreaId);
level_id!(/// A polygon on a channel's picture.
    ZoneId);
level_id!(/// A line on a channel's picture.
    LineId);
level_id!(/// A picture that is laid on the map.
    PlanId);
level_id!(/// Hours in which rules are in force.
    TimetableId);
level_id!(/// A rule of the configuration.
    RuleId);
level_id!(/// One running gateway process.
    NodeId);
level_id!(/// A desk with a set of areas.
    PositionId);
level_id!(/// What is to be done about an alert, step by step.
    ProcedureId);
level_id!(/// The deployment; first level of every topic.
    SiteId);
level_id!(/// A web login or broker user.
    UserId);
level_id!(/// A shared user name and password for cameras.
    CredentialId);
level_id!(/// A model of the manifest.
    ModelName);
level_id!(/// A receiver of facts over HTTP.
    HookId);
level_id!(/// A copy of what is published, for one area subtree.
    FeedId);

impl RuleId {
    /// The gateway's own rule, which tells of its channels' health.
    pub fn health() -> Self {
        Self(Arc::from("health"))
    }
}

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// A new id whose leading bits are `unix_ms`, so that ids sort by time; the rest is random.
            pub fn at(unix_ms: i64) -> Self {
                let ms = u64::try_from(unix_ms).unwrap_or(0);
                let ts = uuid::Timestamp::from_unix(uuid::NoContext, ms / 1000, ((ms % 1000) * 1_000_000) as u32);
                Self(Uuid::new_v7(ts))
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0)
            }
        }
        impl FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, uuid::Error> {
                text.parse().map(Self)
            }
        }
    };
}

uuid_id!(/// One happening: its start, updates and end carry the same id.
    EventId);
uuid_id!(/// What an operator handles.
    AlertId);
uuid_id!(/// Alerts grouped because they are one happening.
    IncidentId);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_one_topic_level() {
        for good in ["a", "gate-1", "44030500001320000001", "b_2.c"] {
            assert_eq!(ChannelId::new(good).unwrap().as_str(), good);
        }
        for bad in ["", "A", "a/b", "#", "+", "a b", "门", &"x".repeat(65)] {
            assert!(ChannelId::new(bad).is_err(), "{bad:?} must be refused");
        }
    }

    #[test]
    fn event_ids_sort_by_time() {
        assert!(EventId::at(1_000_000) < EventId::at(1_000_001));
    }
}
