//! Arming by hand: a rule is switched on or off as a whole, or for single channels by their exceptions. Pure.

use serde_json::Value;

use crate::{
    config::{Exception, Rule},
    types::ChannelId,
};

/// The rule armed or not: on all channels that it is for, also those that will come, or on these alone.
pub fn armed(rule: &Rule, channels: &[ChannelId], on: bool) -> Rule {
    let mut rule = rule.clone();
    let own = |e: &mut Exception| e.keys.remove("enabled");
    if channels.is_empty() {
        rule.enabled = on;
        rule.exceptions.iter_mut().for_each(|e| drop(own(e)));
    }
    for channel in channels {
        let at = rule.exceptions.iter().position(|e| e.channel == *channel).unwrap_or_else(|| {
            rule.exceptions.push(Exception { channel: channel.clone(), keys: Default::default() });
            rule.exceptions.len() - 1
        });
        if let Some(exception) = rule.exceptions.get_mut(at) {
            own(exception);
            if rule.enabled != on {
                exception.keys.insert("enabled".into(), Value::Bool(on));
            }
        }
    }
    // An exception that says nothing is none.
    rule.exceptions.retain(|e| !e.keys.is_empty());
    rule
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_channels_first_then_all_and_back() {
        let id = |text: &str| ChannelId::new(text).unwrap();
        let text = "id = \"r\"\ntype = \"presence\"\nchannels = [\"*\"]\nenabled = false\n[[for]]\nchannel = \"b\"\nmin_score = 0.7\n";
        let rule: Rule = toml::from_str(text).unwrap();
        let on = |r: &Rule, c: &str| r.on(&id(c)).enabled;
        let some = armed(&rule, &[id("a"), id("b")], true);
        assert_eq!([on(&some, "a"), on(&some, "b"), on(&some, "c")], [true, true, false]);
        assert_eq!(some.on(&id("b")).min_score, 0.7);
        let all = armed(&some, &[], true);
        assert_eq!([on(&all, "a"), on(&all, "b"), on(&all, "c"), all.exceptions.len() == 1], [true; 4]);
        let but_one = armed(&all, &[id("a")], false);
        assert_eq!([on(&but_one, "a"), on(&but_one, "c")], [false, true]);
        assert_eq!(armed(&armed(&but_one, &[id("a")], true), &[], false), rule);
    }
}
