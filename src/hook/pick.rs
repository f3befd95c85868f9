//! Which of what is committed a receiver is told of. Pure, and reads no more of a payload than it takes to decide.

use serde::Deserialize;

use crate::{
    config::{HookEvent, Webhook},
    types::{AlertId, Message, PositionId, Scope, Severity, Wall, payload::AlertState},
};

/// What decides, out of an event's or an alert's payload.
#[derive(Debug, Deserialize)]
pub struct Fact {
    schema: String,
    id: uuid::Uuid,
    #[serde(rename = "type")]
    kind: String,
    severity: Severity,
    #[serde(default)]
    rev: u64,
    #[serde(default)]
    state: Option<AlertState>,
    #[serde(default)]
    priority: Option<Severity>,
    #[serde(default)]
    position: Option<PositionId>,
    #[serde(default)]
    due: Option<Wall>,
    #[serde(default)]
    dispatched_to: Option<String>,
}

/// Who was sent, for those who look at nothing else.
#[derive(Debug, PartialEq, Eq, serde::Serialize)]
pub struct Dispatch {
    pub alert: AlertId,
    /// As the operator wrote it.
    pub to: Option<String>,
    pub position: Option<PositionId>,
    pub priority: Severity,
    pub due: Option<Wall>,
    /// Where what they say is posted to, on the gateway's web address; needs a login.
    pub feedback: String,
}

/// As what a receiver is told of a fact.
#[derive(Debug, PartialEq, Eq)]
pub enum Pick {
    No,
    Yes(HookEvent),
    /// It is a dispatch if this change sent somebody, else what stands here.
    Ask {
        alert: AlertId,
        rev: u64,
        otherwise: Option<HookEvent>,
    },
}

impl Fact {
    /// Of a message about a channel; commands' results and cleared topics are none.
    pub fn of(message: &Message) -> Option<Fact> {
        if message.payload.is_empty() || !matches!(message.scope, Scope::Channel { .. }) {
            return None;
        }
        serde_json::from_slice(&message.payload).ok()
    }

    fn priority(&self) -> Severity {
        self.priority.unwrap_or(self.severity)
    }

    pub fn pick(&self, hook: &Webhook, scope: &Scope) -> Pick {
        let Scope::Channel { area, .. } = scope else { return Pick::No };
        let here = hook.areas.is_empty() || hook.areas.iter().any(|a| area.contains(a));
        let typed = hook.types.is_empty() || hook.types.contains(&self.kind);
        if !here || !typed || self.priority() < hook.min_priority {
            return Pick::No;
        }
        let wants = |event| hook.events.contains(&event).then_some(event);
        let Some(state) = self.state.filter(|_| self.schema == "skyeye.alert") else {
            let event = if self.schema == "skyeye.event" { wants(HookEvent::Event) } else { None };
            return event.map_or(Pick::No, Pick::Yes);
        };
        let change = if self.kind == "health" { HookEvent::Health } else { HookEvent::Alert };
        let change = wants(change).filter(|_| hook.states.is_empty() || hook.states.contains(&state));
        if state == AlertState::Dispatched && wants(HookEvent::Dispatch).is_some() {
            return Pick::Ask { alert: AlertId(self.id), rev: self.rev, otherwise: change };
        }
        change.map_or(Pick::No, Pick::Yes)
    }

    /// Of an alert that is dispatched.
    pub fn dispatch(&self) -> Option<Dispatch> {
        if self.state != Some(AlertState::Dispatched) {
            return None;
        }
        Some(Dispatch {
            alert: AlertId(self.id),
            to: self.dispatched_to.clone(),
            position: self.position.clone(),
            priority: self.priority(),
            due: self.due,
            feedback: format!("/api/v1/alerts/{}/feedback", self.id),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{config::parse, types::ChannelId};

    fn hook(more: &str) -> Webhook {
        let areas = "[[area]]\nid = \"north\"\nname = \"N\"\nkind = \"street\"\n";
        let text =
            format!("{areas}[[webhook]]\nid = \"h\"\nurl = \"http://127.0.0.1/\"\nsecret_file = \"s\"\n{more}\n");
        parse("t", &text).unwrap().webhook.remove(0)
    }

    fn message(payload: serde_json::Value, area: &[&str]) -> Message {
        let scope = Scope::Channel {
            channel: ChannelId::new("gate").unwrap(),
            area: area.iter().map(|a| a.parse().unwrap()).collect(),
        };
        let payload = serde_json::to_vec(&payload).unwrap().into();
        Message { topic: "t".into(), payload, retain: false, scope, cursor: Some(1) }
    }

    fn alert(kind: &str, state: &str) -> serde_json::Value {
        serde_json::json!({
            "schema": "skyeye.alert", "id": "01936b2e-7d4a-7b6e-8000-000000000001", "type": kind, "severity": "medium",
            "priority": "high", "rev": 3, "state": state, "dispatched_to": "patrol 2", "position": "desk",
            "due": "2026-11-22T08:15:30.123Z",
        })
    }

    fn picked(more: &str, payload: serde_json::Value, area: &[&str]) -> String {
        let message = message(payload, area);
        match Fact::of(&message).unwrap().pick(&hook(more), &message.scope) {
            Pick::No => "no".into(),
            Pick::Yes(event) => event.as_str().into(),
            Pick::Ask { rev, otherwise, .. } => format!("ask {rev} {}", otherwise.map_or("no", |o| o.as_str())),
        }
    }

    #[test]
    fn each_key_of_a_receiver_decides() {
        let event = || {
            serde_json::json!({
                "schema": "skyeye.event", "id": "01936b2e-7d4a-7b6e-8000-000000000001", "type": "line", "severity": "low",
            })
        };
        for (more, payload, area, want) in [
            ("", alert("presence", "new"), &["town"][..], "alert"),
            ("", alert("health", "new"), &["town"], "no"),
            ("", event(), &["town"], "no"),
            ("events = [\"health\"]", alert("health", "new"), &["town"], "health"),
            ("events = [\"event\"]", event(), &["town"], "event"),
            ("events = [\"event\"]\nmin_priority = \"medium\"", event(), &["town"], "no"),
            ("min_priority = \"high\"", alert("presence", "new"), &["town"], "alert"),
            ("min_priority = \"critical\"", alert("presence", "new"), &["town"], "no"),
            ("states = [\"closed\"]", alert("presence", "new"), &["town"], "no"),
            ("states = [\"closed\"]", alert("presence", "closed"), &["town"], "alert"),
            ("types = [\"line\"]", alert("presence", "new"), &["town"], "no"),
            ("areas = [\"north\"]", alert("presence", "new"), &["town"], "no"),
            ("areas = [\"north\"]", alert("presence", "new"), &["town", "north", "grid-7"], "alert"),
            ("events = [\"dispatch\"]", alert("presence", "dispatched"), &[], "ask 3 no"),
            ("events = [\"dispatch\", \"alert\"]", alert("presence", "dispatched"), &[], "ask 3 alert"),
            ("events = [\"dispatch\"]", alert("presence", "resolved"), &[], "no"),
        ] {
            assert_eq!(picked(more, payload.clone(), area), want, "{more} {payload}");
        }
    }

    #[test]
    fn a_dispatch_says_who_and_where_the_answer_goes() {
        let fact = Fact::of(&message(alert("presence", "dispatched"), &[])).unwrap();
        let dispatch = serde_json::to_value(fact.dispatch().unwrap()).unwrap();
        assert_eq!(dispatch["to"], "patrol 2");
        assert_eq!(dispatch["feedback"], "/api/v1/alerts/01936b2e-7d4a-7b6e-8000-000000000001/feedback");
        assert_eq!((&dispatch["priority"], &dispatch["position"]), (&"high".into(), &"desk".into()));
        assert!(Fact::of(&message(alert("presence", "resolved"), &[])).unwrap().dispatch().is_none());
    }
}
