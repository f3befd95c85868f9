//! How a camera's certificate is judged where its stream comes over TLS (`rtsps://`).
//!
//! Cameras seldom have a certificate that anybody signed. Where theirs cannot be replaced, a pin is the better way out:
//! it is this certificate and no other. `accept-any` is encryption against whoever only listens.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Tls {
    /// Signed by one whom this machine trusts, for the host of the address.
    #[default]
    Verify,
    /// SHA-256 of the certificate, DER.
    Pin([u8; 32]),
    AcceptAny,
}

impl FromStr for Tls {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "must be \"verify\", \"accept-any\" or \"pin:\" and the certificate's SHA-256 in 64 hex digits";
        match text {
            "verify" => Ok(Tls::Verify),
            "accept-any" => Ok(Tls::AcceptAny),
            _ => {
                // As openssl prints it, with colons, too.
                let digits = text.strip_prefix("pin:").ok_or_else(wrong)?.replace(':', "");
                let mut sum = [0; 32];
                hex::decode_to_slice(digits, &mut sum).map_err(|_| wrong())?;
                Ok(Tls::Pin(sum))
            }
        }
    }
}

impl fmt::Display for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Tls::Verify => f.write_str("verify"),
            Tls::Pin(sum) => write!(f, "pin:{}", hex::encode(sum)),
            Tls::AcceptAny => f.write_str("accept-any"),
        }
    }
}

impl TryFrom<String> for Tls {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Tls> for String {
    fn from(tls: Tls) -> Self {
        tls.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_read_as_it_is_written() {
        let pin = format!("pin:{}", "0aF1".repeat(16));
        for text in ["verify", "accept-any", &pin] {
            let tls: Tls = text.parse().unwrap();
            assert_eq!(tls.to_string(), text.to_lowercase());
        }
        let colons = format!("pin:{}", ["AB"; 32].join(":"));
        assert_eq!(colons.parse(), Ok(Tls::Pin([0xab; 32])));
        for text in ["", "yes", "pin:", "pin:00", "pin:zz"] {
            assert!(text.parse::<Tls>().unwrap_err().contains("64 hex digits"), "{text}");
        }
    }
}
