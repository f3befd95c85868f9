//! The JSON Schemas that integrators get, made from the payload types.
//!
//! Within v1 payloads only grow: what the gateway publishes may have more members than a schema of an earlier version
//! names, so those schemas never forbid additional ones. The command is the other way round: the gateway refuses what it
//! does not understand, and its schema says so.

use std::collections::BTreeMap;

use schemars::{JsonSchema, generate::SchemaSettings};
use serde_json::{Value, json};

use crate::types::payload::{
    AlertPayload, CommandPayload, EventPayload, HealthPayload, NodePayload, ResultPayload, RuleCommandPayload,
};

/// Schema name, as it stands in the payload's `schema`, to the schema.
pub fn schemas() -> BTreeMap<&'static str, Value> {
    BTreeMap::from([
        ("skyeye.event", schema::<EventPayload>("skyeye.event", "Event", "channel/{channel}/event/{type}")),
        ("skyeye.alert", schema::<AlertPayload>("skyeye.alert", "Alert", "alert/{alert}")),
        ("skyeye.health", schema::<HealthPayload>("skyeye.health", "Channel health", "channel/{channel}/health")),
        ("skyeye.node", schema::<NodePayload>("skyeye.node", "Node status", "node/{node}/status")),
        ("skyeye.command", schema::<CommandPayload>("skyeye.command", "Command", "command/{user}/{request}")),
        (
            "skyeye.rule-command",
            schema::<RuleCommandPayload>("skyeye.rule-command", "Rule command", "command/{user}/{request}"),
        ),
        ("skyeye.result", schema::<ResultPayload>("skyeye.result", "Command result", "result/{user}/{request}")),
    ])
}

fn schema<T: JsonSchema>(name: &str, title: &str, topic: &str) -> Value {
    let generator = SchemaSettings::draft2020_12().into_generator();
    let mut schema = generator.into_root_schema_for::<T>().to_value();
    if let Some(root) = schema.as_object_mut() {
        root.insert("$id".into(), json!(format!("urn:skyeye:schema:v1:{name}")));
        root.insert("title".into(), json!(title));
        root.insert("description".into(), json!(format!("MQTT payload of skyeye/v1/{{site}}/{topic}")));
        if let Some(properties) = root.get_mut("properties").and_then(Value::as_object_mut) {
            for (key, value) in [("schema", json!(name)), ("version", json!(1))] {
                if let Some(property) = properties.get_mut(key).and_then(Value::as_object_mut) {
                    property.insert("const".into(), value);
                }
            }
        }
    }
    schema
}

#[cfg(test)]
mod tests {
    use super::*;

    fn closed(value: &Value, path: &str, found: &mut Vec<String>) {
        match value {
            Value::Object(map) => {
                for key in ["additionalProperties", "unevaluatedProperties"] {
                    if map.get(key) == Some(&json!(false)) {
                        found.push(format!("{path}/{key}"));
                    }
                }
                map.iter().for_each(|(key, v)| closed(v, &format!("{path}/{key}"), found));
            }
            Value::Array(list) => list.iter().for_each(|v| closed(v, path, found)),
            _ => {}
        }
    }

    #[test]
    fn what_is_published_may_grow_and_commands_may_not() {
        let schemas = schemas();
        assert_eq!(schemas.len(), 7);
        for (name, schema) in &schemas {
            let mut found = Vec::new();
            closed(schema, "", &mut found);
            assert_eq!(!found.is_empty(), name.ends_with("command"), "{name}: {found:?}");
            assert_eq!(schema["properties"]["schema"]["const"], json!(name));
            assert_eq!(schema["properties"]["version"]["const"], json!(1));
            assert!(jsonschema::meta::is_valid(schema), "{name} is a schema");
        }
        let event = &schemas["skyeye.event"]["properties"];
        for member in ["boot", "seq", "cursor", "channel_seq", "times", "objects", "type"] {
            assert!(event.get(member).is_some(), "{member} is described");
        }
        // What came later within v1 is not required: who reads what was kept from before finds it missing.
        let health = &schemas["skyeye.health"];
        for member in ["boot", "uptime_ms"] {
            assert!(health["properties"].get(member).is_some(), "{member} is described");
            assert!(!health["required"].as_array().unwrap().contains(&json!(member)), "{member}");
        }
    }

    #[test]
    fn payloads_fit_their_schemas() {
        let node = json!({"schema": "skyeye.node", "version": 1, "node": "n1", "site": "nb", "status": "online",
            "boot": "01936b2e-7d4a-7b6e-8000-000000000001", "program": "0.1.0", "degraded": [], "new_in_1_7": true});
        let check = |name: &str, value: &Value| jsonschema::is_valid(&schemas()[name], value);
        assert!(check("skyeye.node", &node));
        assert!(!check("skyeye.alert", &node));
        let mut command = json!({"schema": "skyeye.command", "version": 1, "action": "close",
            "alert": "01936b2e-7d4a-7b6e-8000-000000000001"});
        assert!(check("skyeye.command", &command));
        command["why"] = json!("x");
        assert!(!check("skyeye.command", &command));
    }
}
