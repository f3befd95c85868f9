//! Open files: a channel is a socket or three, and the usual limit of 1,024 would end a district.
//!
//! The soft limit of the process is raised to what is needed, as far as the hard limit allows; where it does not, a
//! sentence says how many are needed and how to allow them.

use rustix::process::{Resource, getrlimit, setrlimit};

use crate::config::{Config, Transport};

/// Beside the cameras: console clients, the broker's clients, database, evidence, libraries.
const OTHERS: u64 = 2048;

/// Open files that a gateway of this configuration may come to need.
pub fn needed(config: &Config) -> u64 {
    let cameras = config.channel.iter().filter(|c| c.enabled).map(|c| match c.transport {
        Transport::Tcp => 1,
        // The RTSP dialogue, RTP and RTCP.
        Transport::Udp | Transport::Auto => 3,
    });
    cameras.sum::<u64>() + OTHERS
}

/// Raises this process's limit to `needed`, or as far as it may. The error is the sentence for who can raise it
/// further.
pub fn raise(needed: u64) -> Result<(), String> {
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|now| now >= needed) {
        return Ok(());
    }
    limit.current = Some(limit.maximum.map_or(needed, |max| needed.min(max)));
    setrlimit(Resource::Nofile, limit).map_err(|e| format!("the limit of open files stays as it is: {e}"))?;
    limit.maximum.map_or(Ok(()), |max| allowed(needed, max))
}

/// Whether this machine would allow as many; the error as with `raise`.
pub fn check(needed: u64) -> Result<(), String> {
    getrlimit(Resource::Nofile).maximum.map_or(Ok(()), |max| allowed(needed, max))
}

fn allowed(needed: u64, max: u64) -> Result<(), String> {
    if needed <= max {
        return Ok(());
    }
    Err(format!(
        "channels, clients and files may need {needed} open files and {max} are allowed, so that the last to come may be \
         refused; raise LimitNOFILE= of the systemd unit (deploy/skyeye.service) or the limit of the shell (`ulimit -Hn`)"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;

    #[test]
    fn a_channel_over_udp_needs_three() {
        let text = "[[channel]]\nid = \"a\"\nurl = \"rtsp://10.0.0.1/\"\n[[channel]]\nid = \"b\"\nurl = \
                    \"rtsp://10.0.0.1/\"\ntransport = \"udp\"\n[[channel]]\nid = \"c\"\nurl = \
                    \"rtsp://10.0.0.1/\"\nenabled = false\n";
        assert_eq!(needed(&config::parse("t", text).unwrap()), OTHERS + 4);
    }

    #[test]
    fn what_is_missing_is_named_with_its_remedy() {
        assert_eq!(allowed(100, 100), Ok(()));
        let sentence = allowed(8362, 1024).unwrap_err();
        assert!(
            sentence.contains("8362") && sentence.contains("1024") && sentence.contains("LimitNOFILE"),
            "{sentence}"
        );
    }

    #[test]
    fn the_limit_is_raised() {
        let before = getrlimit(Resource::Nofile);
        let Some(max) = before.maximum else { return };
        raise(max).unwrap();
        assert_eq!(getrlimit(Resource::Nofile).current, Some(max));
        assert!(raise(max + 1).is_err());
    }
}
