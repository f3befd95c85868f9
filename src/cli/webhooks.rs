//! `skyeye webhooks`: the receivers of the configuration, and a signed delivery to try one.

use std::path::Path;

use clap::Subcommand;
use serde_json::json;

use super::{Exit, load};
use crate::{
    config::{Webhook, hook::address},
    hook::{self, Outcome},
    node,
    types::{Clock, Severity},
};

const TEST_AFTER: &str =
    "The receiver gets a body of the kind `ping`, signed as every delivery is. It is sent once, and also
where the webhook is switched off. A missing secret file is not made: that is for the gateway, whose user must read it.
Exit codes: 0 the receiver took it, 1 it did not, 64 no such webhook or a broken configuration.";

#[derive(Debug, Subcommand)]
pub enum WebhooksCommand {
    /// List the receivers and what each is told of
    List,
    /// Send one signed `ping` and say what the receiver answers
    #[command(after_help = TEST_AFTER)]
    Test {
        /// Id of the webhook
        id: String,
    },
}

pub async fn run(path: &Path, command: WebhooksCommand, json: bool) -> anyhow::Result<Exit> {
    let config = match load(path) {
        Ok(config) => config,
        Err(exit) => return Ok(exit),
    };
    let id = match command {
        WebhooksCommand::List => {
            list(&config.webhook, json);
            return Ok(Exit::Good);
        }
        WebhooksCommand::Test { id } => id,
    };
    let Some(webhook) = config.webhook.iter().find(|h| h.id.as_str() == id) else {
        eprintln!("{}: there is no [[webhook]] with the id '{id}'", path.display());
        return Ok(Exit::Usage);
    };
    let answer = hook::ping(webhook, &node::hook_options(&config, Clock::start())).await;
    let (taken, said) = match &answer {
        Ok(Outcome::Delivered) => (true, "the receiver took it".to_owned()),
        Ok(Outcome::Later { why, .. }) => (false, format!("the receiver {why}; a delivery would be tried again")),
        Ok(Outcome::GivenUp(why)) => (false, format!("the receiver {why}; a delivery would be given up")),
        Ok(Outcome::Gone(why)) => (false, format!("the receiver {why}; a delivery would pause the webhook")),
        Err(why) => (false, format!("it cannot be used: {why}")),
    };
    if json {
        println!("{}", json!({ "ok": taken, "webhook": id, "host": host(webhook), "answer": said }));
    } else {
        println!("{id} ({}): {said}", host(webhook));
    }
    Ok(if taken { Exit::Good } else { Exit::Failed })
}

fn list(hooks: &[Webhook], json: bool) {
    if json {
        let hooks: Vec<_> = hooks
            .iter()
            .map(|h| {
                json!({
                    "id": h.id, "host": host(h), "events": h.events, "states": h.states, "areas": h.areas,
                    "types": h.types, "min_priority": h.min_priority, "enabled": h.enabled,
                })
            })
            .collect();
        println!("{}", json!({ "ok": true, "webhooks": hooks }));
        return;
    }
    for h in hooks {
        println!("{}", sentence(h));
    }
    if hooks.is_empty() {
        println!("no [[webhook]] is configured");
    }
}

/// What a receiver is told of, in one line; path and query of its address may hold a token and are left out.
pub fn sentence(hook: &Webhook) -> String {
    let mut line = format!(
        "webhook {} to {}: {}",
        hook.id,
        host(hook),
        hook.events.iter().map(|e| e.as_str()).collect::<Vec<_>>().join(", ")
    );
    let mut only = |what: &str, of: Vec<&str>| {
        if !of.is_empty() {
            line.push_str(&format!("; only {what} {}", of.join(", ")));
        }
    };
    only("areas", hook.areas.iter().map(|a| a.as_str()).collect());
    only("types", hook.types.iter().map(String::as_str).collect());
    only("states", hook.states.iter().map(|s| s.as_str()).collect());
    if hook.min_priority > Severity::Low {
        line.push_str(&format!("; from priority {} on", hook.min_priority.as_str()));
    }
    if !hook.enabled {
        line.push_str("; switched off");
    }
    line
}

fn host(hook: &Webhook) -> String {
    address(&hook.url).map_or_else(|_| "?".into(), |url| url.origin().ascii_serialization())
}

/// What is allowed but hardly meant.
pub fn warnings(hooks: &[Webhook]) -> Vec<String> {
    let mut warnings = Vec::new();
    for (i, hook) in hooks.iter().enumerate().filter(|(_, h)| h.enabled) {
        let Ok(url) = address(&hook.url) else { continue };
        let here = match url.host() {
            Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
            Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
            Some(url::Host::Domain(name)) => name == "localhost",
            None => false,
        };
        if url.scheme() == "http" && !here {
            warnings.push(format!(
                "webhook[{i}].url: begins with http://, so whoever is on the way reads what is delivered; use https://"
            ));
        }
        if !hook.secret_file.exists() {
            warnings.push(format!(
                "webhook[{i}].secret_file: '{}' is not there; it is made with a random secret, which the receiver needs",
                hook.secret_file.display()
            ));
        }
    }
    warnings
}
