//! SOAP 1.2 as ONVIF uses it: envelopes, the login in their header, and faults as sentences.

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use sha1::{Digest as _, Sha1};

use super::{
    Login, shown,
    xml::{Element, escaped},
};
use crate::types::Wall;

const ENVELOPE: &str = "http://www.w3.org/2003/05/soap-envelope";
const WSSE: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd";
const WSU: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd";
const TOKEN: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0";
const MESSAGE: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-soap-message-security-1.0";

/// A whole envelope; header and body are XML with their own namespaces.
pub fn envelope(header: &str, body: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><s:Envelope xmlns:s=\"{ENVELOPE}\"><s:Header>{header}</s:Header>\
         <s:Body>{body}</s:Body></s:Envelope>"
    )
}

/// A WS-UsernameToken with a password digest, fresh by the device's own clock: devices refuse a `Created` that is
/// minutes off, and theirs often are.
pub fn username_token(login: &Login, device_time: Wall) -> String {
    token_of(login, rand::random(), &device_time.to_rfc3339())
}

fn token_of(login: &Login, nonce: [u8; 16], created: &str) -> String {
    format!(
        "<w:Security s:mustUnderstand=\"true\" xmlns:w=\"{WSSE}\" xmlns:u=\"{WSU}\"><w:UsernameToken>\
         <w:Username>{}</w:Username><w:Password Type=\"{TOKEN}#PasswordDigest\">{}</w:Password>\
         <w:Nonce EncodingType=\"{MESSAGE}#Base64Binary\">{}</w:Nonce><u:Created>{created}</u:Created>\
         </w:UsernameToken></w:Security>",
        escaped(&login.user),
        password_digest(&nonce, created, login.password.expose()),
        BASE64.encode(nonce),
    )
}

/// Base64 of the SHA-1 of nonce, creation time and password, as the token profile has it.
pub fn password_digest(nonce: &[u8], created: &str, password: &str) -> String {
    let mut hash = Sha1::new();
    hash.update(nonce);
    hash.update(created.as_bytes());
    hash.update(password.as_bytes());
    BASE64.encode(hash.finalize())
}

/// What a device says instead of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub kind: FaultKind,
    /// What the device says, made safe to show; may be empty.
    pub text: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// User name, password or right.
    NotAuthorized,
    /// It does not know the question.
    NotSupported,
    /// It is locked after too many tries.
    Locked,
    Other,
}

/// The fault in an answer, SOAP 1.2 or 1.1.
pub fn fault(root: &Element) -> Option<Fault> {
    let fault = root.child("Body").unwrap_or(root).find("Fault")?;
    let codes = fault.all("Value").iter().chain(fault.all("faultcode").iter()).map(|e| e.text()).collect::<Vec<_>>();
    let text = ["Text", "faultstring"].iter().find_map(|n| fault.find(n)).map(Element::text).unwrap_or_default();
    let lower = format!("{} {text}", codes.join(" ")).to_ascii_lowercase();
    let has = |words: &[&str]| words.iter().any(|w| lower.contains(w));
    // As words: "Clock out of sync" and "blocked" are other matters.
    let mut words = lower.split(|c: char| !c.is_ascii_alphanumeric());
    let kind = if words.any(|w| matches!(w, "lock" | "locked" | "lockout" | "accountlocked" | "userlocked")) {
        FaultKind::Locked
    } else if has(&[
        "notauthorized",
        "not authorized",
        "unauthorized",
        "failedauthentication",
        "authority",
        "invalidsecurity",
    ]) {
        FaultKind::NotAuthorized
    } else if has(&["actionnotsupported", "not implemented", "notsupported", "unknownaction", "not supported"]) {
        FaultKind::NotSupported
    } else {
        FaultKind::Other
    };
    Some(Fault { kind, text: shown(if text.is_empty() { codes.last().copied().unwrap_or("") } else { text }, 160) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{discover::xml, types::Secret};

    #[test]
    fn the_digest_is_that_of_the_token_profile() {
        // The worked example of the ONVIF Application Programmer's Guide.
        let nonce = BASE64.decode("LKqI6G/AikKCQrN0zqZFlg==").unwrap();
        assert_eq!(password_digest(&nonce, "2010-09-16T07:50:45Z", "userpassword"), "tuOSpGlFlIXsozq4HFNeeGeFLEI=");
    }

    #[test]
    fn a_token_is_xml_and_holds_no_password() {
        let login = Login { user: "a<b>&".into(), password: Secret::new("geheim-1") };
        let text = envelope(&username_token(&login, Wall(1_795_335_330_123)), "<x/>");
        assert!(!text.contains("geheim-1"));
        let root = xml::parse(text.as_bytes()).unwrap();
        assert_eq!(root.find("Username").unwrap().text(), "a<b>&");
        let nonce = BASE64.decode(root.find("Nonce").unwrap().text()).unwrap();
        let created = root.find("Created").unwrap().text();
        assert_eq!(root.find("Password").unwrap().text(), password_digest(&nonce, created, "geheim-1"));
    }

    #[test]
    fn faults_of_both_versions_are_told() {
        let of = |text: &str| fault(&xml::parse(text.as_bytes()).unwrap()).unwrap();
        let new = of("<e:Envelope><e:Body><e:Fault><e:Code><e:Value>e:Sender</e:Value><e:Subcode>\
             <e:Value>ter:NotAuthorized</e:Value></e:Subcode></e:Code><e:Reason><e:Text>Sender not\n Authorized</e:Text>\
             </e:Reason></e:Fault></e:Body></e:Envelope>");
        assert_eq!(new, Fault { kind: FaultKind::NotAuthorized, text: "Sender not Authorized".into() });
        let old =
            of("<E><Body><Fault><faultcode>x:Server</faultcode><faultstring>Method not implemented</faultstring>\
             </Fault></Body></E>");
        assert_eq!(old.kind, FaultKind::NotSupported);
        assert_eq!(fault(&xml::parse(b"<E><Body><R/></Body></E>").unwrap()), None);
    }

    #[test]
    fn a_clock_is_no_lock() {
        let kind = |text: &str| {
            let soap = format!("<E><Body><Fault><faultstring>{text}</faultstring></Fault></Body></E>");
            fault(&xml::parse(soap.as_bytes()).unwrap()).unwrap().kind
        };
        assert_eq!(kind("Clock out of sync: NotAuthorized"), FaultKind::NotAuthorized);
        assert_eq!(kind("The user is blocked by a clock"), FaultKind::Other);
        assert_eq!(kind("User account is locked!"), FaultKind::Locked);
        assert_eq!(kind("ter:AccountLocked"), FaultKind::Locked);
    }
}
