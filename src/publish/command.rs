//! Commands from the broker: foreign bytes in, a checked command or a sentence out. Pure.

use serde::Deserialize;

use super::{
    source::{Command, IncomingCommand},
    topic::Topics,
};
use crate::types::payload::{CommandPayload, RuleCommandPayload};

/// A command is small.
const MAX_BYTES: usize = 16 << 10;
/// Longest note, characters.
const MAX_NOTE: usize = 2_000;

/// `None` if the topic is no command's: then there is nobody to answer.
pub(super) fn parse(topics: &Topics, topic: &str, payload: &[u8]) -> Option<IncomingCommand> {
    let (user, request) = topics.parse_command(topic)?;
    Some(IncomingCommand { user, request, command: check(payload) })
}

/// Channels that one command may name.
const MAX_CHANNELS: usize = 500;

fn check(payload: &[u8]) -> Result<Command, String> {
    /// Only this much is read first, to know what the rest should be.
    #[derive(Deserialize)]
    struct Head {
        #[serde(default)]
        schema: String,
    }
    if payload.len() > MAX_BYTES {
        return Err(format!("the command has {} bytes; at most {MAX_BYTES} are accepted", payload.len()));
    }
    match serde_json::from_slice::<Head>(payload) {
        Ok(head) if head.schema == "skyeye.rule-command" => rule(payload).map(Command::Rule),
        _ => alert(payload).map(Command::Alert),
    }
}

fn misfit(schema: &str, e: &serde_json::Error) -> String {
    let what: String = e.to_string().chars().take(300).collect();
    format!("the command is not what `skyeye check --schemas` describes as {schema}: {what}")
}

fn rule(payload: &[u8]) -> Result<RuleCommandPayload, String> {
    let command: RuleCommandPayload = serde_json::from_slice(payload).map_err(|e| misfit("skyeye.rule-command", &e))?;
    if command.version != 1 {
        return Err("the command's version must be 1".into());
    }
    if command.channels.len() > MAX_CHANNELS {
        return Err(format!("the command names {} channels; at most {MAX_CHANNELS}", command.channels.len()));
    }
    Ok(command)
}

fn alert(payload: &[u8]) -> Result<CommandPayload, String> {
    let command: CommandPayload = serde_json::from_slice(payload).map_err(|e| misfit("skyeye.command", &e))?;
    if command.schema != "skyeye.command" || command.version != 1 {
        return Err("the command's schema must be \"skyeye.command\" and its version 1".into());
    }
    if let Some(note) = &command.note {
        if note.chars().count() > MAX_NOTE {
            return Err(format!("the note has over {MAX_NOTE} characters"));
        }
        if note.chars().any(|c| c.is_control() && c != '\n') {
            return Err("the note holds control characters".into());
        }
    }
    Ok(command)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{
        SiteId,
        payload::{AlertAction, RuleAction},
    };

    fn any(json: &str) -> Result<Command, String> {
        let topics = Topics::new(&SiteId::new("nb").unwrap());
        let got = parse(&topics, "skyeye/v1/nb/command/alice/r1", json.as_bytes()).unwrap();
        assert_eq!((got.user.as_str(), got.request.as_str()), ("alice", "r1"));
        got.command
    }

    fn command(json: &str) -> Result<CommandPayload, String> {
        match any(json)? {
            Command::Alert(command) => Ok(command),
            Command::Rule(_) => Err("about a rule".into()),
        }
    }

    #[test]
    fn a_rule_is_armed_on_some_channels_or_on_all() {
        let with = |rest: &str| any(&format!(r#"{{"schema":"skyeye.rule-command","version":1,"rule":"gate",{rest}}}"#));
        let Ok(Command::Rule(got)) = with(r#""action":"arm","channels":["a","b"]"#) else { panic!("a good command") };
        assert_eq!((got.action, got.channels.len()), (RuleAction::Arm, 2));
        assert!(with(r#""action":"disarm""#).is_ok());
        for (bad, says) in [
            (r#""action":"close""#, "close"),
            (r#""action":"arm","alert":"x""#, "alert"),
            (r#""channels":[]"#, "action"),
        ] {
            assert!(with(bad).unwrap_err().contains(says), "{bad}");
        }
    }

    const ALERT: &str = r#""alert":"01936b2e-7d4a-7b6e-8000-000000000001""#;

    #[test]
    fn a_good_command() {
        let json = format!(r#"{{"schema":"skyeye.command","version":1,"action":"acknowledge",{ALERT},"rev":3}}"#);
        let got = command(&json).unwrap();
        assert_eq!((got.action, got.rev, got.note), (AlertAction::Acknowledge, Some(3), None));
    }

    #[test]
    fn every_bad_one_gets_a_sentence() {
        let with = |rest: &str| format!(r#"{{"schema":"skyeye.command","version":1,{rest}}}"#);
        for (json, says) in [
            ("".to_owned(), "skyeye.command"),
            ("[]".to_owned(), "skyeye.command"),
            (with(&format!(r#""action":"erase",{ALERT}"#)), "erase"),
            (with(r#""action":"close","alert":"7""#), "skyeye.command"),
            (with(&format!(r#""action":"close",{ALERT},"user":"bob""#)), "user"),
            (with(&format!(r#""action":"close",{ALERT},"note":"{}""#, "x".repeat(2001))), "2000"),
            (with(&format!(r#""action":"close",{ALERT},"note":"\u0007""#)), "control"),
            (format!(r#"{{"schema":"skyeye.alert","version":1,"action":"close",{ALERT}}}"#), "schema"),
            (format!(r#"{{"schema":"skyeye.command","version":2,"action":"close",{ALERT}}}"#), "version"),
            ("x".repeat(MAX_BYTES + 1), "bytes"),
        ] {
            let sentence = command(&json).unwrap_err();
            assert!(sentence.contains(says) && sentence.len() < 500, "{sentence}");
        }
    }
}
