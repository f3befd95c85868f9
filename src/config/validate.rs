//! What a type cannot say: references, ranges, addresses. Pure; gives all problems, not just the first.

mod rules;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

use url::Url;

use super::{Area, BrokerKind, Channel, Config, Person, Problem, Refs, Transport, timetable::Hours};
use crate::types::Point;

pub use rules::{RuleRefs, rule};

struct Found(Vec<Problem>);

impl Found {
    fn add(&mut self, key: impl Into<String>, message: impl Into<String>) {
        self.0.push(Problem::new(key, message));
    }
    /// What is named is not here; it may stand in the inventory.
    fn missing(&mut self, key: impl Into<String>, message: impl Into<String>) {
        self.0.push(Problem { elsewhere: true, ..Problem::new(key, message) });
    }
    fn range<T: PartialOrd + std::fmt::Display>(&mut self, key: &str, value: T, low: T, high: T) {
        if !(value >= low && value <= high) {
            self.add(key, format!("is {value}; must be {low} to {high}"));
        }
    }
}

/// Everything wrong with a configuration that parsed.
pub fn problems(config: &Config) -> Vec<Problem> {
    let mut found = Found(Vec::new());
    sections(config, &mut found);
    listeners(config, &mut found);
    areas(config, &mut found);
    found.0.extend(super::alert::problems(config));
    found.0.extend(super::map::problems(config));
    found.0.extend(super::procedure::problems(config));
    credentials(config, &mut found);
    let refs = config.refs();
    for (i, one) in config.channel.iter().enumerate() {
        let problems = channel(one, &refs, config.ingest.allow_loopback);
        found.0.extend(problems.into_iter().map(|p| Problem { key: format!("channel[{i}].{}", p.key), ..p }));
    }
    let ids = config.channel.iter().map(|c| c.id.as_str());
    duplicates("channel", ids, &mut found);
    for (i, table) in config.timetable.iter().enumerate() {
        let problems = Hours::read(table, &config.node.time_zone).err().unwrap_or_default();
        found.0.extend(problems.into_iter().map(|p| Problem { key: format!("timetable[{i}].{}", p.key), ..p }));
    }
    duplicates("timetable", config.timetable.iter().map(|t| t.id.as_str()), &mut found);
    let refs = config.rule_refs();
    for (i, one) in config.rule.iter().enumerate() {
        let problems = rule(one, &refs);
        found.0.extend(problems.into_iter().map(|p| Problem { key: format!("rule[{i}].{}", p.key), ..p }));
    }
    duplicates("rule", config.rule.iter().map(|r| r.id.as_str()), &mut found);
    found.0.extend(super::hook::problems(config));
    found.0.extend(super::feed::problems(config));
    found.0
}

fn sections(c: &Config, f: &mut Found) {
    f.range("ingest.stall_deadline_s", c.ingest.stall_deadline_s, 1, 600);
    f.range("ingest.connect_timeout_s", c.ingest.connect_timeout_s, 1, 120);
    f.range("ingest.backoff_min_s", c.ingest.backoff_min_s, 1, 600);
    f.range("ingest.backoff_max_s", c.ingest.backoff_max_s, c.ingest.backoff_min_s, 3600);
    f.range("ingest.connects_per_host", c.ingest.connects_per_host, 1, 10_000);
    f.range("ingest.connects_per_host_per_s", c.ingest.connects_per_host_per_s, 1, 10_000);
    f.range("ingest.max_unit_bytes", c.ingest.max_unit_bytes, 1 << 16, 64 << 20);
    f.range("media.preroll_s", c.media.preroll_s, 0, 600);
    f.range("media.preroll_channel_bytes", c.media.preroll_channel_bytes, 1 << 16, 1 << 32);
    f.range("sample.patrol_floor_s", c.sample.patrol_floor_s, 1, 86_400);
    f.range("sample.patrol_interval_ms", c.sample.patrol_interval_ms, 0, 86_400_000);
    f.range("sample.rest_interval_ms", c.sample.rest_interval_ms, 0, 86_400_000);
    f.range("schedule.focus_share", c.schedule.focus_share, 0.0, 0.9);
    f.range("infer.batch_max", c.infer.batch_max, 1, 256);
    f.range("infer.batch_wait_ms", c.infer.batch_wait_ms, 0, 1000);
    f.range("schedule.deadline_ms", c.schedule.deadline_ms, 50, 60_000);
    f.range("decode.workers", c.decode.workers, 0, 1024);
    f.range("decode.max_pixels", c.decode.max_pixels, 1 << 12, 1 << 27);
    f.range("infer.min_score", c.infer.min_score, 0.01, 1.0);
    f.range("infer.nms_iou", c.infer.nms_iou, 0.05, 1.0);
    f.range("track.max_gap_ms", c.track.max_gap_ms, 100, 600_000);
    f.range("track.keep_looks_h", c.track.keep_looks_h, 1, 24 * 7);
    f.range("track.max_tracks", c.track.max_tracks, 1, 1000);
    f.range("evidence.jpeg_quality", c.evidence.jpeg_quality, 1, 100);
    f.range("evidence.retention_days", c.evidence.retention_days, 1, 3650);
    f.range("outbox.max_bytes", c.outbox.max_bytes, 1 << 20, 1 << 40);
    f.range("outbox.keep_changes_h", c.outbox.keep_changes_h, 1, 24 * 365);
    f.range("publish.keepalive_s", c.publish.keepalive_s, 5, 600);
    f.range("web.session_idle_h", c.web.session_idle_h, 1, 24 * 30);
    f.range("store.group_commit_ms", c.store.group_commit_ms, 0, 1000);
    f.range("store.read_timeout_s", c.store.read_timeout_s, 1, 600);
    if jiff::tz::TimeZone::get(&c.node.time_zone).is_err() {
        f.add("node.time_zone", format!("'{}' is not an IANA time zone; e.g. \"Asia/Shanghai\"", c.node.time_zone));
    }
}

fn listeners(c: &Config, f: &mut Found) {
    let mut check = |key: &str, text: &str, secured: bool, how: &str| match text.parse::<SocketAddr>() {
        Err(_) => f.add(key, format!("'{text}' is not ADDRESS:PORT; e.g. \"127.0.0.1:8080\" or \"[::1]:8080\"")),
        Ok(addr) if !addr.ip().is_loopback() && !secured => {
            f.add(key, format!("listens beyond this machine without encryption; {how}"));
        }
        Ok(_) => {}
    };
    let tls = c.web.tls_cert.is_some() && c.web.tls_key.is_some();
    check(
        "web.listen",
        &c.web.listen,
        tls || c.web.allow_plain,
        "set web.tls_cert and web.tls_key, or web.allow_plain = true where a proxy encrypts",
    );
    if c.publish.broker == BrokerKind::Embedded {
        check(
            "publish.listen",
            &c.publish.listen,
            c.publish.allow_plain,
            "set publish.allow_plain = true on a closed network, or use an external broker with TLS",
        );
    }
    let same_port = c.web.listen == c.publish.listen && !c.web.listen.ends_with(":0");
    if c.publish.broker == BrokerKind::Embedded && same_port {
        f.add("publish.listen", format!("'{}' is web.listen's address too; give each its own port", c.publish.listen));
    }
    if c.web.tls_cert.is_some() != c.web.tls_key.is_some() {
        f.add("web.tls_cert", "certificate and key go together; set both web.tls_cert and web.tls_key");
    }
    if c.publish.broker == BrokerKind::External {
        match Url::parse(&c.publish.url) {
            Ok(url) if matches!(url.scheme(), "mqtt" | "mqtts") && url.host().is_some() => {
                if url.password().is_some() || !url.username().is_empty() {
                    f.add("publish.url", "holds a user or password; set publish.username and publish.password_file");
                }
            }
            _ => f.add("publish.url", "an external broker needs an address such as \"mqtt://10.0.0.5:1883\""),
        }
    }
    let names = c.publish.user.iter().map(|u| u.name.as_str());
    duplicates_at("publish.user", "name", names, f);
    for (i, user) in c.publish.user.iter().enumerate() {
        if user.name.as_str().starts_with("skyeye-") {
            f.add(
                format!("publish.user[{i}].name"),
                "names beginning with 'skyeye-' are the gateway's own; choose another",
            );
        }
    }
}

/// Areas of one site, those of the file and those that are stored together. A district has some 2,400.
pub const MAX_AREAS: usize = 20_000;

/// What is wrong with so many areas, and what would be right.
pub fn too_many_areas(count: usize) -> String {
    format!(
        "there would be {count} areas; at most {MAX_AREAS}, of the configuration file and the inventory together: leave out \
         those on which no channel and nobody hangs, or divide the site among several gateways"
    )
}

fn areas(c: &Config, f: &mut Found) {
    if c.area.len() > MAX_AREAS {
        f.add(format!("area[{MAX_AREAS}]"), too_many_areas(c.area.len()));
        // Each by itself would be as many sentences again.
        return;
    }
    duplicates("area", c.area.iter().map(|a| a.id.as_str()), f);
    let parents: BTreeMap<_, _> = c.area.iter().map(|a| (&a.id, a.parent.as_ref())).collect();
    for (i, one) in c.area.iter().enumerate() {
        f.0.extend(area(one).into_iter().map(|p| Problem { key: format!("area[{i}].{}", p.key), ..p }));
        let mut seen = BTreeSet::from([&one.id]);
        let mut at = one.parent.as_ref();
        while let Some(id) = at {
            if !parents.contains_key(id) {
                if Some(id) == one.parent.as_ref() {
                    f.missing(
                        format!("area[{i}].parent"),
                        format!("no area has the id '{id}'; add it or correct the name"),
                    );
                }
                break;
            }
            if !seen.insert(id) {
                f.add(format!("area[{i}].parent"), "the parents form a circle; one area must have no parent");
                break;
            }
            at = parents.get(id).copied().flatten();
        }
    }
}

/// What is wrong with an area by itself; keys are those of the area.
pub fn area(area: &Area) -> Vec<Problem> {
    let mut f = Found(Vec::new());
    text("name", &area.name, &mut f);
    place(area.lat, area.lon, &mut f);
    if let Some(message) = super::map::border_problem(&area.polygon) {
        f.add("polygon", message);
    }
    if area.people.len() > 20 {
        f.add("people", format!("has {} people; an area has at most 20", area.people.len()));
    }
    for Person { name, role, phone, email } in &area.people {
        if name.is_empty() {
            f.add("people", "has somebody without a name; give it with name = \"...\"");
        }
        for (key, value) in [("name", name), ("role", role), ("phone", phone), ("email", email)] {
            text(&format!("people.{key}"), value, &mut f);
        }
    }
    f.0
}

/// A text for people: one line of at most 200 characters.
fn text(key: &str, value: &str, f: &mut Found) {
    if value.chars().count() > 200 || value.chars().any(char::is_control) {
        f.add(key, "is over 200 characters or holds control characters");
    }
}

fn place(lat: Option<f64>, lon: Option<f64>, f: &mut Found) {
    match (lat, lon) {
        (None, None) => {}
        (None, Some(_)) => f.add("lat", "is missing; lat and lon go together"),
        (Some(_), None) => f.add("lon", "is missing; lat and lon go together"),
        (Some(lat), Some(lon)) => {
            if !(-90.0..=90.0).contains(&lat) {
                f.add("lat", format!("is {lat}; must be -90 to 90 degrees (are latitude and longitude interchanged?)"));
            }
            if !(-180.0..=180.0).contains(&lon) {
                f.add("lon", format!("is {lon}; must be -180 to 180 degrees"));
            }
        }
    }
}

fn credentials(c: &Config, f: &mut Found) {
    duplicates("credential", c.credential.iter().map(|x| x.id.as_str()), f);
    for (i, cred) in c.credential.iter().enumerate() {
        match (&cred.password_file, &cred.password) {
            (None, None) => f.add(format!("credential[{i}]"), "has no password; set password_file = \"FILE\""),
            (Some(_), Some(_)) => {
                f.add(format!("credential[{i}].password"), "stands beside password_file; keep only password_file");
            }
            (Some(path), None) => {
                if let Err(e) = std::fs::metadata(path) {
                    f.add(
                        format!("credential[{i}].password_file"),
                        format!("'{}' cannot be read: {e}", path.display()),
                    );
                }
            }
            (None, Some(_)) => {}
        }
    }
}

/// What is wrong with a channel; keys are those of the channel.
pub fn channel(channel: &Channel, refs: &Refs<'_>, allow_loopback: bool) -> Vec<Problem> {
    let mut f = Found(Vec::new());
    if let Err(message) = camera_address(&channel.url, allow_loopback) {
        f.add("url", message);
    }
    if channel.url.starts_with("rtsps:") && channel.transport == Transport::Udp {
        f.add("transport", "is udp, but rtsps:// is encrypted over TCP; set transport = \"tcp\"");
    }
    if let Some(url) = &channel.main_url
        && let Err(message) = camera_address(url, allow_loopback)
    {
        f.add("main_url", message);
    }
    if let Some(id) = &channel.credential
        && !refs.credentials.contains(id)
    {
        f.missing("credential", format!("no [[credential]] has the id '{id}'"));
    }
    if let Some(id) = &channel.area
        && !refs.areas.contains(id)
    {
        f.missing("area", format!("no [[area]] has the id '{id}'"));
    }
    f.range("weight", channel.weight, 0.01, 100.0);
    text("name", &channel.name, &mut f);
    external_id(&channel.external_id, &mut f);
    tags(&channel.tags, &mut f);
    place(channel.lat, channel.lon, &mut f);
    duplicates_at("zone", "id", channel.zone.iter().map(|z| z.id.as_str()), &mut f);
    for (j, zone) in channel.zone.iter().enumerate() {
        points(&format!("zone[{j}].polygon"), &zone.polygon, "polygon", 3, &mut f);
    }
    duplicates_at("line", "id", channel.line.iter().map(|l| l.id.as_str()), &mut f);
    for (j, line) in channel.line.iter().enumerate() {
        points(&format!("line[{j}].points"), &line.points, "line", 2, &mut f);
        if line.points.windows(2).any(|p| p[0] == p[1]) {
            f.add(format!("line[{j}].points"), "has one point twice in a row; take one of them away");
        }
    }
    for (j, mask) in channel.mask.iter().enumerate() {
        points(&format!("mask[{j}].polygon"), &mask.polygon, "polygon", 3, &mut f);
    }
    f.0
}

fn external_id(id: &str, f: &mut Found) {
    if id.chars().count() > 64 || id.chars().any(|c| c.is_control() || c.is_whitespace()) {
        f.add("external_id", "is over 64 characters or holds spaces; a device's number is one word");
    }
}

fn tags(tags: &[String], f: &mut Found) {
    if tags.len() > 32 {
        f.add("tags", format!("has {} tags; a channel has at most 32", tags.len()));
    }
    for tag in tags {
        let good = |c: char| {
            matches!(c, 'a'..='z' | '0'..='9' | '.' | '_' | '-')
                || (c.is_alphabetic() && !c.is_lowercase() && !c.is_uppercase())
        };
        if !(1..=32).contains(&tag.chars().count()) || !tag.chars().all(good) {
            let tag: String = tag.chars().take(40).collect();
            f.add("tags", format!("'{tag}' is no tag: use 1 to 32 of a-z, 0-9, '.', '_', '-' and Chinese letters"));
        }
    }
}

/// The port of a camera's address; 322 is the registered one of `rtsps`.
pub fn camera_port(url: &Url) -> u16 {
    url.port().unwrap_or(if url.scheme() == "rtsps" { 322 } else { 554 })
}

/// Whether an address carries a password among its parameters, as some cheap recorders write it.
pub fn holds_password(url: &Url) -> bool {
    let text = format!("{}?{}", url.path(), url.query().unwrap_or_default()).to_ascii_lowercase();
    ["password=", "passwd=", "pwd=", "pass=", "authbasic="].iter().any(|w| text.contains(w))
}

/// Checks an address that the gateway is asked to pull from. The sentence never repeats the address: it may hold a
/// password.
pub fn camera_address(text: &str, allow_loopback: bool) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|e| format!("is not an address ({e}); e.g. \"rtsp://192.168.1.20/stream1\""))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(
            "holds a user or password; put them into a [[credential]] and name it with credential = \"ID\"".into()
        );
    }
    if holds_password(&url) {
        return Err("holds a password in its path or query, where it would be stored, shown and exported in clear; \
             use a path of the device without one, with the login in a [[credential]]"
            .into());
    }
    if !matches!(url.scheme(), "rtsp" | "rtsps") {
        return Err(format!("begins with '{}://'; must be rtsp:// or rtsps://", url.scheme()));
    }
    let ip = match url.host() {
        None => return Err("names no host; e.g. \"rtsp://192.168.1.20/stream1\"".into()),
        Some(url::Host::Domain("localhost")) => Some(IpAddr::from([127, 0, 0, 1])),
        // A scheme that the URL standard does not know keeps an IPv4 address as a name.
        Some(url::Host::Domain(name)) => name.parse().ok(),
        Some(url::Host::Ipv4(ip)) => Some(ip.into()),
        Some(url::Host::Ipv6(ip)) => Some(ip.into()),
    };
    if let Some(ip) = ip {
        address_allowed(ip, allow_loopback)?;
    }
    Ok(url)
}

/// Where clouds answer their machines' questions for secrets, besides the link-local 169.254.169.254: Alibaba Cloud, Azure,
/// Oracle Cloud, AWS over IPv6.
const METADATA: [IpAddr; 4] = [
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
    IpAddr::V4(Ipv4Addr::new(192, 0, 0, 192)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
];

/// The address policy, for literal and for resolved addresses alike.
pub fn address_allowed(ip: IpAddr, allow_loopback: bool) -> Result<(), String> {
    let ip = ip.to_canonical();
    if ip.is_loopback() && !allow_loopback {
        return Err("is a loopback address; cameras are elsewhere (for tests: ingest.allow_loopback = true)".into());
    }
    if METADATA.contains(&ip) {
        return Err("is the metadata address of a cloud; no camera is pulled from there".into());
    }
    let link_local = match ip {
        IpAddr::V4(v4) => v4.is_link_local() || v4.is_broadcast(),
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    };
    if link_local || ip.is_unspecified() || ip.is_multicast() {
        return Err("is a link-local, multicast or unspecified address; no camera is pulled from there".into());
    }
    Ok(())
}

fn points(key: &str, points: &[Point], what: &str, least: usize, f: &mut Found) {
    if !(least..=64).contains(&points.len()) {
        f.add(key, format!("has {} points; a {what} has {least} to 64", points.len()));
    }
    if points.iter().any(|p| !(0.0..=1.0).contains(&p.x) || !(0.0..=1.0).contains(&p.y)) {
        f.add(key, "has a coordinate outside 0..1; coordinates are shares of the picture's width and height");
    }
}

fn duplicates<'a>(table: &str, ids: impl Iterator<Item = &'a str>, f: &mut Found) {
    duplicates_at(table, "id", ids, f);
}

fn duplicates_at<'a>(table: &str, field: &str, ids: impl Iterator<Item = &'a str>, f: &mut Found) {
    let mut seen = BTreeMap::new();
    for (i, id) in ids.enumerate() {
        if let Some(first) = seen.insert(id, i) {
            f.add(format!("{table}[{i}].{field}"), format!("'{id}' is taken by {table}[{first}]; ids are unique"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_among_the_parameters_are_seen() {
        let has = |t: &str| holds_password(&Url::parse(t).unwrap());
        assert!(has("rtsp://h/user=admin_password=tlJw_channel=1_stream=0.sdp"));
        assert!(has("rtsp://h/cam?channel=1&authbasic=YWR"));
        assert!(!has("rtsp://h/cam/realmonitor?channel=1&subtype=0&unicast=true&proto=Onvif"));
        let refused = camera_address("rtsp://10.0.0.5/user=admin_password=tlJw_channel=1", false).unwrap_err();
        assert!(refused.contains("password") && !refused.contains("tlJw"), "{refused}");
    }
}
