//! How a receiver knows that a delivery is ours: HMAC-SHA256 over the time and the very bytes of the body.
//!
//! The time is signed along, so that one who has caught a delivery cannot send it again later as if it were new.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::types::{Secret, Wall};

/// `X-Skyeye-Signature`: `t=<Unix seconds>,v1=<hex>`, of `t`, a full stop and the body.
pub fn signature(secret: &Secret, at: Wall, body: &[u8]) -> String {
    let t = at.0.div_euclid(1000).to_string();
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes()) else {
        // HMAC takes a key of any length.
        return String::new();
    };
    mac.update(t.as_bytes());
    mac.update(b".");
    mac.update(body);
    format!("t={t},v1={}", hex::encode(mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_what_openssl_says() {
        // printf '%s' '1795335330.{"a":1}' | openssl dgst -sha256 -hmac 'a secret of the desk'
        let signed = signature(&Secret::new("a secret of the desk"), Wall(1_795_335_330_999), b"{\"a\":1}");
        assert_eq!(signed, "t=1795335330,v1=3f907d3d5111b59d906f4bb1a8252591efc86fc0f588e719064d095a50961ed7");
    }
}
