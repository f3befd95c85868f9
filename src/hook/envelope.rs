//! The body of a delivery: the very payload that was published, and around it what a receiver needs to sort, to count
//! and to notice that something is missing.

use bytes::Bytes;
use schemars::JsonSchema;
use serde::Serialize;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::pick::Dispatch;
use crate::types::{HookId, NodeId, SiteId, Wall};

/// Facts that were deleted before they could be delivered, or given up because the receiver did not take them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Gap {
    /// Cursor up to which all was delivered.
    pub after: i64,
    /// Cursor up to which it is told no more; what the alerts are by now says `GET /api/v1/alerts`.
    pub until: i64,
}

/// What stands before `payload`.
#[derive(Serialize)]
pub struct Head<'a> {
    pub id: Uuid,
    pub hook: &'a HookId,
    pub site: &'a SiteId,
    pub node: &'a NodeId,
    /// `alert`, `event`, `health`, `dispatch` or `ping`.
    pub kind: &'a str,
    pub cursor: i64,
    pub topic: &'a str,
    /// When the fact was committed.
    pub at: Wall,
    /// From 1.
    pub attempt: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gap: Option<Gap>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dispatch: Option<&'a Dispatch>,
}

/// The same for every attempt, also after a restart.
pub fn delivery_id(node: &NodeId, hook: &HookId, cursor: i64) -> Uuid {
    let sum = Sha256::digest(format!("{node}/{hook}/{cursor}"));
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&sum[..16]);
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}

/// The whole body. The payload is taken over byte for byte: it is JSON of our own.
pub fn body(head: &Head<'_>, payload: &[u8]) -> Bytes {
    #[derive(Serialize)]
    struct Named<'a> {
        schema: &'static str,
        version: u32,
        #[serde(flatten)]
        head: &'a Head<'a>,
    }
    let mut bytes =
        serde_json::to_vec(&Named { schema: "skyeye.delivery", version: 1, head }).unwrap_or_else(|_| b"{}".to_vec());
    bytes.pop();
    bytes.extend_from_slice(b",\"payload\":");
    bytes.extend_from_slice(payload);
    bytes.push(b'}');
    bytes.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_payload_stays_as_it_is() {
        let (hook, node) = (HookId::new("desk").unwrap(), NodeId::new("n1").unwrap());
        let head = Head {
            id: delivery_id(&node, &hook, 7),
            hook: &hook,
            site: &SiteId::new("nb").unwrap(),
            node: &node,
            kind: "alert",
            cursor: 7,
            topic: "skyeye/v1/nb/alert/x",
            at: Wall(0),
            attempt: 2,
            gap: Some(Gap { after: 1, until: 5 }),
            dispatch: None,
        };
        let payload = br#"{"z":1,  "a":[1.50]}"#;
        let body = body(&head, payload);
        assert!(body.ends_with(br#","payload":{"z":1,  "a":[1.50]}}"#));
        let value: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!((&value["schema"], &value["gap"]["until"]), (&"skyeye.delivery".into(), &5.into()));
        assert!(value.get("dispatch").is_none());
        assert_eq!(value["id"], delivery_id(&node, &hook, 7).to_string());
        assert_ne!(delivery_id(&node, &hook, 8), head.id);
    }
}
