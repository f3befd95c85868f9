//! Retained topics that a configuration makes besides each channel's own health: Home Assistant's discovery, and copies of
//! health for feeds; as many of them as there is room for.
//!
//! Pure. A gateway has a bounded number of retained topics (`MAX_RETAINED`), and each channel's own health comes before all
//! that is announced to others. What is left over goes to discovery, then to the feeds in their order, channel by
//! channel; what finds no room is named.

use super::{Channel, Config, Feed};
use crate::types::{AreaId, ChannelId};

/// Retained topics of one gateway at most: five times the reference district.
pub const MAX_RETAINED: usize = 32_768;
/// Kept free for what is taken back, and for the node's own status.
pub const SPARE: usize = 256;
/// Topics that discovery has for the node itself.
const OF_NODE: usize = 2;
/// Feeds, and channels of each, that a sentence names.
const NAMED: usize = 4;

/// Who a channel is announced to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum To<'a> {
    HomeAssistant,
    Feed(&'a Feed),
}

/// A channel, with the path of areas that it hangs on.
pub type Hanging<'a> = (&'a Channel, Vec<AreaId>);

/// What is announced, and what finds no room.
#[derive(Debug)]
pub struct Announced<'a> {
    /// Topics that may be there beside the channels' own, `SPARE` not counted.
    pub room: usize,
    /// Whether discovery tells of the node itself.
    pub node: bool,
    pub channels: Vec<(To<'a>, Vec<Hanging<'a>>)>,
    /// Those that find no room; no empty ones.
    pub left_out: Vec<(To<'a>, Vec<&'a ChannelId>)>,
}

impl Config {
    pub fn announced(&self) -> Announced<'_> {
        self.announced_within(MAX_RETAINED)
    }

    /// As `announced`, with another bound.
    pub fn announced_within(&self, max: usize) -> Announced<'_> {
        let room = max.saturating_sub(self.channel.len() + SPARE);
        let paths = self.area_paths();
        let to: Vec<To<'_>> = self
            .homeassistant
            .enabled
            .then_some(To::HomeAssistant)
            .into_iter()
            .chain(self.feed.iter().map(To::Feed))
            .collect();
        let places: Vec<Hanging<'_>> = match to.is_empty() {
            true => Vec::new(),
            false => self.channel.iter().map(|c| (c, paths.of(c))).collect(),
        };
        let node = self.homeassistant.enabled && room >= OF_NODE;
        let mut free = if node { room - OF_NODE } else { room };
        let (mut channels, mut left_out) = (Vec::new(), Vec::new());
        for to in to {
            let belongs = |(_, path): &&Hanging<'_>| match to {
                To::HomeAssistant => true,
                To::Feed(feed) => feed.holds(path),
            };
            let mut of: Vec<_> = places.iter().filter(belongs).cloned().collect();
            let over = of.split_off(free.min(of.len()));
            free -= of.len();
            channels.push((to, of));
            if !over.is_empty() {
                left_out.push((to, over.into_iter().map(|(c, _)| &c.id).collect()));
            }
        }
        Announced { room, node, channels, left_out }
    }
}

impl Announced<'_> {
    /// Topics for which there is no room.
    pub fn missing(&self) -> usize {
        self.left_out.iter().map(|(_, channels)| channels.len()).sum()
    }

    /// What finds no room, in one sentence.
    pub fn sentence(&self) -> Option<String> {
        if self.left_out.is_empty() {
            return None;
        }
        let one = |(to, channels): &(To<'_>, Vec<&ChannelId>)| {
            let named: Vec<&str> = channels.iter().take(NAMED).map(|c| c.as_str()).collect();
            let more = if channels.len() > NAMED { ", ..." } else { "" };
            let to = match to {
                To::HomeAssistant => "Home Assistant".to_owned(),
                To::Feed(feed) => format!("'{}'", feed.id),
            };
            format!("{to} {} ({}{more})", channels.len(), named.join(", "))
        };
        let mut list: Vec<String> = self.left_out.iter().take(NAMED).map(one).collect();
        if self.left_out.len() > NAMED {
            list.push(format!("and {} more", self.left_out.len() - NAMED));
        }
        Some(format!(
            "there is no room for all retained topics ({MAX_RETAINED} at most, each channel's own health first), so these \
             lack channels: {}; name fewer feeds or smaller areas",
            list.join(", ")
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::parse;

    fn config(channels: usize, more: &str) -> Config {
        let mut text = String::from(
            "[[area]]\nid = \"town\"\nname = \"T\"\nkind = \"district\"\n[[area]]\nid = \"north\"\nname = \"N\"\n\
             kind = \"street\"\nparent = \"town\"\n",
        );
        for n in 0..channels {
            let area = if n % 2 == 0 { "north" } else { "town" };
            text += &format!("[[channel]]\nid = \"c{n}\"\nurl = \"rtsp://10.0.0.1/{n}\"\narea = \"{area}\"\n");
        }
        parse("t", &(text + more)).unwrap()
    }

    const THREE: &str = "[homeassistant]\nenabled = true\n[[feed]]\nid = \"all\"\nareas = [\"town\"]\n\
                         [[feed]]\nid = \"some\"\nareas = [\"north\"]\n";

    fn counted(of: &Announced<'_>) -> Vec<usize> {
        of.channels.iter().map(|(_, channels)| channels.len()).collect()
    }

    #[test]
    fn channels_come_first_then_discovery_then_the_feeds_in_their_order() {
        let config = config(6, THREE);
        let all = config.announced();
        assert_eq!((counted(&all), all.node, all.sentence()), (vec![6, 6, 3], true, None));
        // Six of their own, two of the node's, six of discovery, and four are left.
        let few = config.announced_within(SPARE + 18);
        assert_eq!((few.room, counted(&few), few.missing()), (12, vec![6, 4, 0], 5));
        assert_eq!(few.left_out[0].1.iter().map(|c| c.as_str()).collect::<Vec<_>>(), ["c4", "c5"]);
        let told = few.sentence().unwrap();
        assert!(told.contains("lack channels: 'all' 2 (c4, c5), 'some' 3 (c0, c2, c4); name fewer"), "{told}");
        let none = config.announced_within(SPARE + 7);
        assert_eq!((none.node, counted(&none), none.missing()), (false, vec![1, 0, 0], 14));
        assert!(none.sentence().unwrap().contains("Home Assistant 5 (c1, c2, c3, c4, ...), 'all' 6 ("));
        assert_eq!(config.announced_within(3).room, 0, "channels alone are more than there is room for");
    }

    #[test]
    fn a_file_that_asks_for_more_than_there_is_room_for_is_refused_with_what_lacks() {
        let feeds: String = (0..32).map(|n| format!("[[feed]]\nid = \"f{n}\"\nareas = [\"town\"]\n")).collect();
        assert!(config(900, &feeds).announced().sentence().is_none());
        let mut more = config(1000, "");
        more.feed = config(0, &feeds).feed;
        let problems = crate::config::feed::problems(&more);
        let told: Vec<_> = problems.iter().map(|p| format!("{}: {}", p.key, p.message)).collect();
        assert!(
            told.len() == 1 && told[0].starts_with("feed: there is no room for all retained topics (32768"),
            "{told:?}"
        );
        assert!(told[0].contains("'f31' 488 (c512, c513, c514, c515, ...)"), "{told:?}");
        let told = more.announced_within(SPARE + 27_600).sentence().unwrap();
        assert!(
            told.ends_with("'f29' 1000 (c0, c1, c2, c3, ...), and 2 more; name fewer feeds or smaller areas"),
            "{told}"
        );
    }
}
