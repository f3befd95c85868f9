//! What Home Assistant needs to find channels and node by itself: retained messages of its MQTT discovery.
//!
//! In go the configured channels; out come topics and payloads, pure. Each channel is a device with one binary sensor
//! (`problem`: no picture, or a condition), the node one with the number of open alerts and a problem sensor of its own.
//! All read topics that are published anyway, and all are unavailable while the node is. Object ids there know no full
//! stop, ids here know no capitals: `.` becomes `DOT`, so that no two become one.

use serde_json::{Value, json};

use super::topic::Topics;
use crate::{
    config::Channel,
    types::{ChannelId, NodeId, SiteId},
};

/// Whose discovery it is.
pub struct Discovery<'a> {
    pub prefix: &'a str,
    pub site: &'a SiteId,
    pub site_name: &'a str,
    pub node: &'a NodeId,
    pub topics: &'a Topics,
}

fn object(id: &str) -> String {
    id.replace('.', "DOT")
}

impl Discovery<'_> {
    fn device(&self, id: &str) -> String {
        format!("skyeye_{}_{}", object(self.site.as_str()), object(id))
    }

    /// What every entity has.
    fn entity(&self, device: &str, name: &str, what: &str, state_topic: &str) -> Value {
        json!({
            "name": name,
            "unique_id": format!("{device}_{what}"),
            "state_topic": state_topic,
            "qos": 1,
            "availability_topic": self.topics.status(self.node),
            "availability_template": "{{ value_json.status }}",
            "payload_available": "online",
            "payload_not_available": "offline",
            "origin": { "name": "skyeye", "sw_version": env!("CARGO_PKG_VERSION") },
        })
    }

    fn topic(&self, component: &str, device: &str, what: &str) -> String {
        format!("{}/{component}/{device}/{what}/config", self.prefix)
    }

    /// The topic of a channel's sensor.
    pub fn channel_topic(&self, channel: &ChannelId) -> String {
        self.topic("binary_sensor", &self.device(&format!("channel_{channel}")), "problem")
    }

    pub fn channel(&self, channel: &Channel, area: Option<&str>) -> (String, Value) {
        let health = self.topics.health(&channel.id);
        let device = self.device(&format!("channel_{}", channel.id));
        let mut payload = self.entity(&device, "Problem", "problem", &health);
        payload["device_class"] = "problem".into();
        payload["entity_category"] = "diagnostic".into();
        // Health of before there were conditions has none.
        payload["value_template"] = "{{ 'OFF' if value_json.state in ['running', 'connecting', 'disabled'] and \
                                     not value_json.conditions | default([]) else 'ON' }}"
            .into();
        payload["payload_on"] = "ON".into();
        payload["payload_off"] = "OFF".into();
        payload["json_attributes_topic"] = health.into();
        payload["json_attributes_template"] =
            "{{ {'state': value_json.state, 'reason': value_json.reason, 'since': value_json.since} | tojson }}".into();
        payload["device"] = json!({
            "identifiers": [device],
            "name": channel.display_name(),
            "manufacturer": "skyeye",
            "model": "channel",
            "via_device": self.device(&format!("node_{}", self.node)),
        });
        if let Some(area) = area {
            payload["device"]["suggested_area"] = area.into();
        }
        (self.channel_topic(&channel.id), payload)
    }

    /// The node's own sensors.
    pub fn node(&self) -> Vec<(String, Value)> {
        let status = self.topics.status(self.node);
        let device = self.device(&format!("node_{}", self.node));
        let about = json!({
            "identifiers": [device],
            "name": format!("{} ({})", self.site_name, self.node),
            "manufacturer": "skyeye",
            "model": "gateway",
            "sw_version": env!("CARGO_PKG_VERSION"),
        });
        let mut alerts = self.entity(&device, "Open alerts", "open_alerts", &status);
        alerts["value_template"] = "{{ value_json.open_alerts | default(0) }}".into();
        alerts["state_class"] = "measurement".into();
        alerts["icon"] = "mdi:alarm-light".into();
        alerts["device"] = about.clone();
        let mut problem = self.entity(&device, "Problem", "problem", &status);
        problem["device_class"] = "problem".into();
        problem["entity_category"] = "diagnostic".into();
        problem["value_template"] = "{{ 'ON' if value_json.degraded else 'OFF' }}".into();
        problem["payload_on"] = "ON".into();
        problem["payload_off"] = "OFF".into();
        problem["json_attributes_topic"] = status.clone().into();
        problem["json_attributes_template"] = "{{ {'degraded': value_json.degraded} | tojson }}".into();
        problem["device"] = about;
        vec![
            (self.topic("sensor", &device, "open_alerts"), alerts),
            (self.topic("binary_sensor", &device, "problem"), problem),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::parse;

    /// Keys as Home Assistant documents them for MQTT entities; it refuses an entity with any other.
    const ENTITY: &[&str] = &[
        "name",
        "unique_id",
        "state_topic",
        "value_template",
        "qos",
        "availability_topic",
        "availability_template",
        "payload_available",
        "payload_not_available",
        "origin",
        "device",
        "device_class",
        "entity_category",
        "json_attributes_topic",
        "json_attributes_template",
        "icon",
    ];
    const BINARY_SENSOR: &[&str] = &["payload_on", "payload_off"];
    const SENSOR: &[&str] = &["state_class"];
    const DEVICE: &[&str] =
        &["identifiers", "name", "manufacturer", "model", "sw_version", "via_device", "suggested_area"];

    fn all() -> Vec<(String, Value)> {
        let text = "[[channel]]\nid = \"gate.1\"\nname = \"Tor\"\nurl = \"rtsp://10.0.0.1/\"\n\
                    [[channel]]\nid = \"gate-1\"\nurl = \"rtsp://10.0.0.2/\"\n";
        let config = parse("t", text).unwrap();
        let (site, node) = (SiteId::new("nb.x").unwrap(), NodeId::new("n1").unwrap());
        let topics = Topics::new(&site);
        let d = Discovery { prefix: "homeassistant", site: &site, site_name: "NB", node: &node, topics: &topics };
        let mut all = d.node();
        all.extend(config.channel.iter().map(|c| d.channel(c, Some("North"))));
        all
    }

    #[test]
    fn topics_and_keys_are_those_that_are_documented() {
        let good = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
        let mut ids = std::collections::BTreeSet::new();
        for (topic, payload) in all() {
            let levels: Vec<&str> = topic.split('/').collect();
            let ["homeassistant", component, node, object, "config"] = levels[..] else { panic!("{topic}") };
            assert!(good(node) && good(object), "{topic}");
            let own = if component == "sensor" { SENSOR } else { BINARY_SENSOR };
            for key in payload.as_object().unwrap().keys() {
                assert!(ENTITY.contains(&key.as_str()) || own.contains(&key.as_str()), "{topic}: {key}");
            }
            for key in payload["device"].as_object().unwrap().keys() {
                assert!(DEVICE.contains(&key.as_str()), "{topic}: {key}");
            }
            for needed in ["unique_id", "state_topic", "value_template", "availability_topic", "device", "origin"] {
                assert!(!payload[needed].is_null(), "{topic} lacks {needed}");
            }
            assert!(ids.insert(payload["unique_id"].as_str().unwrap().to_owned()), "{topic}");
            assert_eq!(payload["availability_topic"], "skyeye/v1/nb.x/node/n1/status");
        }
        assert_eq!(ids.len(), 4);
    }

    #[test]
    fn a_channel_is_told_by_its_health() {
        let all = all();
        let (topic, gate) = all.iter().find(|(t, _)| t.contains("DOT1")).unwrap();
        assert_eq!(topic, "homeassistant/binary_sensor/skyeye_nbDOTx_channel_gateDOT1/problem/config");
        assert_eq!(gate["state_topic"], "skyeye/v1/nb.x/channel/gate.1/health");
        assert_eq!((&gate["device"]["name"], &gate["device"]["suggested_area"]), (&"Tor".into(), &"North".into()));
        assert_eq!(gate["device"]["via_device"], "skyeye_nbDOTx_node_n1");
    }
}
