//! Receivers over HTTP: where facts are delivered to, and which.

use std::{collections::BTreeSet, path::PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::Url;

use super::{Config, Problem, RuleKind, Tls, validate::holds_password};
use crate::types::{AreaId, HookId, Severity, payload::AlertState};

/// Receivers at most: each reads what is committed once more.
const MAX_HOOKS: usize = 32;

/// What a receiver is told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum HookEvent {
    /// Every change of an alert, but for those of the type `health`.
    Alert,
    /// Starts, updates and ends of events, those of the type `health` among them.
    Event,
    /// Every change of an alert of the type `health`.
    Health,
    /// An alert that becomes dispatched: who was sent where.
    Dispatch,
}

impl HookEvent {
    pub fn as_str(self) -> &'static str {
        match self {
            HookEvent::Alert => "alert",
            HookEvent::Event => "event",
            HookEvent::Health => "health",
            HookEvent::Dispatch => "dispatch",
        }
    }
}

/// One receiver.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Webhook {
    pub id: HookId,
    /// `https://host/path` or `http://`, without user and password.
    pub url: String,
    /// File with the secret that deliveries are signed with; made with a random one if it is missing.
    pub secret_file: PathBuf,
    /// What it is told of.
    #[serde(default = "alerts")]
    pub events: Vec<HookEvent>,
    /// Changes of alerts that lead to or stay in one of these states; empty: all.
    #[serde(default)]
    pub states: Vec<AlertState>,
    /// Only what happens in these areas and below; empty: everywhere.
    #[serde(default)]
    pub areas: Vec<AreaId>,
    /// Only these types; empty: all.
    #[serde(default)]
    pub types: Vec<String>,
    /// Only this priority and above: of an event its severity.
    #[serde(default = "low")]
    pub min_priority: Severity,
    /// How the certificate of an `https://` address is judged.
    #[serde(default)]
    #[schemars(with = "String")]
    pub tls: Tls,
    /// A delivery that is not answered within this time is tried again.
    #[serde(default = "ten")]
    pub timeout_s: u32,
    /// A receiver that is switched off keeps its place.
    #[serde(default = "yes")]
    pub enabled: bool,
}

fn alerts() -> Vec<HookEvent> {
    vec![HookEvent::Alert]
}
fn low() -> Severity {
    Severity::Low
}
fn ten() -> u32 {
    10
}
fn yes() -> bool {
    true
}

/// The address of a receiver. The sentence never repeats it: path and query may hold a token.
pub fn address(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|e| format!("is not an address ({e}); e.g. \"https://desk.example/skyeye\""))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("holds a user or password; deliveries are signed with the secret of secret_file instead".into());
    }
    if holds_password(&url) {
        return Err(
            "holds a password in its path or query; deliveries are signed with the secret of secret_file".into()
        );
    }
    if !matches!(url.scheme(), "https" | "http") {
        return Err(format!("begins with '{}:'; must be https:// or http://", url.scheme()));
    }
    if url.host().is_none() {
        return Err("names no host; e.g. \"https://desk.example/skyeye\"".into());
    }
    if url.fragment().is_some() {
        return Err("has a part behind '#', which no receiver ever sees; take it away".into());
    }
    Ok(url)
}

/// What is wrong with the receivers.
pub fn problems(c: &Config) -> Vec<Problem> {
    let mut found = Vec::new();
    if c.webhook.len() > MAX_HOOKS {
        found.push(Problem::new("webhook", format!("are {}; a gateway has at most {MAX_HOOKS}", c.webhook.len())));
    }
    let areas: BTreeSet<&AreaId> = c.area.iter().map(|a| &a.id).collect();
    let mut seen = BTreeSet::new();
    for (i, hook) in c.webhook.iter().enumerate() {
        let mut add = |key: &str, message: String| found.push(Problem::new(format!("webhook[{i}].{key}"), message));
        if !seen.insert(&hook.id) {
            add("id", format!("'{}' is taken by another webhook; ids are unique", hook.id));
        }
        if let Err(message) = address(&hook.url) {
            add("url", message);
        }
        if hook.events.is_empty() {
            add(
                "events",
                "is empty; name one or more of alert, event, health, dispatch, or set enabled = false".into(),
            );
        }
        for kind in hook.types.iter().filter(|k| !known(k)) {
            let all: Vec<&str> = RuleKind::ALL.iter().map(|k| k.as_str()).collect();
            add("types", format!("'{kind}' is no type; use {} or health", all.join(", ")));
        }
        if !(1..=60).contains(&hook.timeout_s) {
            add("timeout_s", format!("is {}; must be 1 to 60", hook.timeout_s));
        }
        for area in hook.areas.iter().filter(|a| !areas.contains(a)) {
            let message = format!("no area has the id '{area}'; add it or correct the name");
            found.push(Problem { elsewhere: true, ..Problem::new(format!("webhook[{i}].areas"), message) });
        }
    }
    found
}

fn known(kind: &str) -> bool {
    kind == "health" || RuleKind::ALL.iter().any(|k| k.as_str() == kind)
}

#[cfg(test)]
mod tests {
    use crate::config::parse;

    #[test]
    fn what_cannot_be_is_said_and_no_address_is_repeated() {
        let hook = |more: &str| format!("[[webhook]]\nid = \"a\"\nsecret_file = \"s\"\n{more}\n");
        let good = "url = \"https://desk.example/in?x=1\"\n";
        for (text, says) in [
            (hook("url = \"https://me:hunter2@desk.example/\""), "holds a user"),
            (hook("url = \"https://desk.example/?password=hunter2\""), "holds a password"),
            (hook("url = \"mqtt://desk.example/\""), "must be https://"),
            (hook("url = \"https://desk.example/#hunter2\""), "'#'"),
            (hook("url = \"desk\""), "not an address"),
            (hook(&format!("{good}events = []")), "is empty"),
            (hook(&format!("{good}types = [\"presense\"]")), "'presense' is no type"),
            (hook(&format!("{good}areas = [\"x\"]")), "no area has the id 'x'"),
            (hook(&format!("{good}timeout_s = 0")), "must be 1 to 60"),
            (format!("{}{}", hook(good), hook(good)), "taken by another webhook"),
            (hook(&format!("{good}tls = \"no\"")), "verify"),
        ] {
            let error = parse("t", &text).unwrap_err().to_string();
            assert!(error.contains(says) && !error.contains("hunter2"), "{text}: {error}");
        }
        let config = parse("t", &hook(good)).unwrap();
        assert!(config.webhook[0].enabled && config.webhook[0].events.len() == 1);
    }
}
