//! Whom we speak to: an address that was asked for, checked, and never another one.
//!
//! A name is resolved once and its addresses pass the address policy of cameras. Addresses that a device gives (its
//! services, its streams, its snapshot) may name another host: a recorder behind address translation does not know the
//! one under which we reach it, and a hostile device may name anything. They are rewritten to the host that was asked.

use std::net::{IpAddr, SocketAddr};

use url::{Host as UrlHost, Url};

use crate::config::validate;

/// Longest address that is taken from a device.
const MAX_URL: usize = 2048;

/// A device's host, resolved and allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// As it was asked for: a name or an address.
    pub name: String,
    pub ip: IpAddr,
}

/// Something a device said, set right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rewritten {
    pub url: Url,
    /// The host that it named instead of the one that was asked.
    pub named: Option<String>,
    /// A user or password stood in it and was taken out.
    pub stripped: bool,
}

impl Host {
    /// Resolves a name, or takes an address. The error is a sentence about the host, beginning with a verb.
    pub async fn resolve(name: &str, allow_loopback: bool) -> Result<Self, String> {
        let bare = name.trim().trim_start_matches('[').trim_end_matches(']');
        if bare.is_empty() || bare.len() > 253 || bare.contains(|c: char| c.is_whitespace() || "/@?#\\".contains(c)) {
            return Err("is no host; give a name or an address such as 192.168.1.20".into());
        }
        if let Ok(ip) = bare.parse::<IpAddr>() {
            validate::address_allowed(ip, allow_loopback)?;
            return Ok(Self { name: bare.into(), ip });
        }
        let found = tokio::net::lookup_host((bare, 80))
            .await
            .map_err(|_| "has no address; correct the name or use the IP address".to_owned())?;
        let mut why = "has no address".to_owned();
        for ip in found.map(|a| a.ip()) {
            match validate::address_allowed(ip, allow_loopback) {
                Ok(()) => return Ok(Self { name: bare.into(), ip }),
                Err(e) => why = e,
            }
        }
        Err(why)
    }

    pub fn at(&self, port: u16) -> SocketAddr {
        SocketAddr::new(self.ip, port)
    }

    /// The host as it stands in a URL.
    pub fn in_url(&self) -> String {
        match self.name.parse::<IpAddr>() {
            Ok(IpAddr::V6(ip)) => format!("[{ip}]"),
            _ => self.name.clone(),
        }
    }

    /// Whether a URL names this host.
    fn is(&self, url: &Url) -> bool {
        match url.host() {
            Some(UrlHost::Ipv4(ip)) => IpAddr::from(ip) == self.ip,
            Some(UrlHost::Ipv6(ip)) => IpAddr::from(ip).to_canonical() == self.ip.to_canonical(),
            // A scheme that the URL standard does not know keeps an IPv4 address as a name.
            Some(UrlHost::Domain(name)) => name.parse() == Ok(self.ip) || name.eq_ignore_ascii_case(&self.name),
            None => false,
        }
    }

    /// Takes a URL of one of these schemes that the device gave: host and login are set right, the rest stays. `None` for
    /// anything else, and for one that is too long to be kept.
    pub fn rewrite(&self, text: &str, schemes: &[&str]) -> Option<Rewritten> {
        let text = text.trim();
        let url = (text.len() <= MAX_URL).then(|| Url::parse(text).ok())?;
        let mut url = url.filter(|u| schemes.contains(&u.scheme()))?;
        let stripped = !url.username().is_empty() || url.password().is_some();
        if stripped {
            url.set_username("").ok()?;
            url.set_password(None).ok()?;
        }
        let named = (!self.is(&url)).then(|| url.host_str().unwrap_or("no host").chars().take(80).collect());
        url.set_host(Some(&self.in_url())).ok()?;
        Some(Rewritten { url, named, stripped })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(name: &str, ip: &str) -> Host {
        Host { name: name.into(), ip: ip.parse().unwrap() }
    }

    #[tokio::test]
    async fn only_addresses_that_the_policy_allows_are_spoken_to() {
        assert_eq!(Host::resolve("10.1.2.3", false).await.unwrap(), host("10.1.2.3", "10.1.2.3"));
        assert_eq!(Host::resolve("[fd00::5]", false).await.unwrap().in_url(), "[fd00::5]");
        assert!(Host::resolve("127.0.0.1", true).await.is_ok());
        for bad in [
            "127.0.0.1",
            "localhost",
            "169.254.169.254",
            "100.100.100.200",
            "fd00:ec2::254",
            "::1",
            "224.0.0.1",
            "0x7f.1",
            "",
            "a b",
            "u@h",
            "h/x",
        ] {
            let why = Host::resolve(bad, false).await.unwrap_err();
            assert!(why.contains(' '), "{bad}: {why}");
        }
    }

    #[test]
    fn what_a_device_names_is_rewritten_to_the_host_that_was_asked() {
        let at = host("10.0.0.5", "10.0.0.5");
        let same = at.rewrite("http://10.0.0.5:8000/onvif/media", &["http"]).unwrap();
        assert_eq!((same.url.as_str(), same.named), ("http://10.0.0.5:8000/onvif/media", None));
        let nat = at.rewrite("rtsp://admin:x@192.168.1.64:554/a?b=c", &["rtsp"]).unwrap();
        assert_eq!((nat.url.as_str(), nat.stripped), ("rtsp://10.0.0.5:554/a?b=c", true));
        assert_eq!(nat.named.as_deref(), Some("192.168.1.64"));
        let cloud = at.rewrite("http://169.254.169.254/latest/meta-data", &["http"]).unwrap();
        assert_eq!(cloud.url.as_str(), "http://10.0.0.5/latest/meta-data");
        let name = host("cam.local", "10.0.0.5").rewrite("rtsp://10.0.0.5/x", &["rtsp"]).unwrap();
        assert_eq!((name.url.as_str(), name.named), ("rtsp://cam.local/x", None));
        let six = host("fd00::5", "fd00::5").rewrite("rtsp://[fd00::5]:554/x", &["rtsp"]).unwrap();
        assert_eq!((six.url.as_str(), six.named), ("rtsp://[fd00::5]:554/x", None));
        let long = format!("rtsp://10.0.0.5/{}", "x".repeat(MAX_URL));
        for bad in [long.as_str(), "ftp://10.0.0.5/", "file:///etc/passwd", "", "10.0.0.5"] {
            assert_eq!(at.rewrite(bad, &["http", "rtsp"]), None, "{bad}");
        }
    }
}
