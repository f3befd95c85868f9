//! The farm's login: none, Basic, or Digest as cameras do it (RFC 2617 with or without qop, RFC 2069).
//!
//! In goes a request's method and Authorization header, out comes yes or no. One user, one password, one nonce a farm:
//! it plays a camera and protects nothing.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use md5::{Digest as _, Md5};
use subtle::ConstantTimeEq as _;

use crate::types::Secret;

pub const REALM: &str = "skyeye camera farm";

/// How a client must log in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum AuthScheme {
    #[default]
    None,
    Basic,
    Digest,
}

#[derive(Debug)]
pub struct Gate {
    scheme: AuthScheme,
    user: String,
    password: Secret,
    nonce: String,
}

impl Gate {
    pub fn new(scheme: AuthScheme, user: &str, password: &Secret) -> Self {
        let nonce = hex::encode(rand::random::<[u8; 16]>());
        Self { scheme, user: user.into(), password: password.clone(), nonce }
    }

    /// The value of WWW-Authenticate.
    pub fn challenge(&self) -> String {
        match self.scheme {
            AuthScheme::Digest => format!("Digest realm=\"{REALM}\", nonce=\"{}\"", self.nonce),
            AuthScheme::None | AuthScheme::Basic => format!("Basic realm=\"{REALM}\""),
        }
    }

    pub fn allows(&self, method: &str, authorization: Option<&str>) -> bool {
        let given = authorization.and_then(|a| a.trim().split_once(' '));
        match (self.scheme, given) {
            (AuthScheme::None, _) => true,
            (AuthScheme::Basic, Some((scheme, rest))) if scheme.eq_ignore_ascii_case("basic") => {
                let wanted = BASE64.encode(format!("{}:{}", self.user, self.password.expose()));
                wanted.as_bytes().ct_eq(rest.trim().as_bytes()).into()
            }
            (AuthScheme::Digest, Some((scheme, rest))) if scheme.eq_ignore_ascii_case("digest") => {
                self.digest_matches(method, &parameters(rest))
            }
            _ => false,
        }
    }

    fn digest_matches(&self, method: &str, given: &HashMap<String, String>) -> bool {
        let of = |name: &str| given.get(name).map(String::as_str).unwrap_or_default();
        if of("nonce") != self.nonce || of("username") != self.user || of("realm") != REALM {
            return false;
        }
        let ha1 = md5_hex(&format!("{}:{REALM}:{}", self.user, self.password.expose()));
        let ha2 = md5_hex(&format!("{method}:{}", of("uri")));
        let wanted = if of("qop").is_empty() {
            md5_hex(&format!("{ha1}:{}:{ha2}", self.nonce))
        } else {
            md5_hex(&format!("{ha1}:{}:{}:{}:{}:{ha2}", self.nonce, of("nc"), of("cnonce"), of("qop")))
        };
        wanted.as_bytes().ct_eq(of("response").to_ascii_lowercase().as_bytes()).into()
    }
}

fn md5_hex(text: &str) -> String {
    hex::encode(Md5::digest(text.as_bytes()))
}

/// `name="value", name=value` with commas allowed inside quotes.
fn parameters(text: &str) -> HashMap<String, String> {
    let mut found = HashMap::new();
    let mut rest = text;
    while let Some((name, after)) = rest.split_once('=') {
        let after = after.trim_start();
        let (value, after) = match after.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
            None => after.split_once(',').map_or((after, ""), |(value, _)| (value, &after[value.len()..])),
        };
        found.insert(name.trim_matches([',', ' ', '\t']).to_ascii_lowercase(), value.trim().to_owned());
        rest = after;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gate(scheme: AuthScheme) -> Gate {
        Gate { scheme, user: "admin".into(), password: Secret::new("a:b, c"), nonce: "abc".into() }
    }

    #[test]
    fn basic_and_digest_tell_right_from_wrong() {
        assert!(gate(AuthScheme::None).allows("DESCRIBE", None));
        let basic = format!("Basic {}", BASE64.encode("admin:a:b, c"));
        assert!(gate(AuthScheme::Basic).allows("DESCRIBE", Some(&basic)));
        assert!(!gate(AuthScheme::Basic).allows("DESCRIBE", Some("Basic YWRtaW46eA==")));
        assert!(!gate(AuthScheme::Digest).allows("DESCRIBE", Some(&basic)), "a weaker scheme than asked for");
        assert!(!gate(AuthScheme::Basic).allows("DESCRIBE", None));

        let ha1 = md5_hex(&format!("admin:{REALM}:a:b, c"));
        let ha2 = md5_hex("DESCRIBE:rtsp://h/cam/1?a=1,2");
        let plain = md5_hex(&format!("{ha1}:abc:{ha2}"));
        let header = |response: &str, more: &str| {
            format!(
                "Digest username=\"admin\", realm=\"{REALM}\",nonce=\"abc\", uri=\"rtsp://h/cam/1?a=1,2\", \
                 response=\"{response}\"{more}"
            )
        };
        let digest = gate(AuthScheme::Digest);
        assert!(digest.allows("DESCRIBE", Some(&header(&plain, ""))));
        assert!(!digest.allows("SETUP", Some(&header(&plain, ""))), "signed for another method");
        assert!(!digest.allows("DESCRIBE", Some(&header(&ha1, ""))));
        let with_qop = md5_hex(&format!("{ha1}:abc:00000001:xyz:auth:{ha2}"));
        assert!(digest.allows("DESCRIBE", Some(&header(&with_qop, ", qop=auth, nc=00000001, cnonce=\"xyz\""))));
    }

    proptest::proptest! {
        #[test]
        fn no_made_up_header_gets_in(header in "(Basic|Digest)? ?[ -~]{0,120}") {
            for scheme in [AuthScheme::Basic, AuthScheme::Digest] {
                proptest::prop_assert!(!gate(scheme).allows("DESCRIBE", Some(&header)));
            }
        }
    }
}
