//! WS-Discovery: who is there? One Probe by multicast into a network, or to each address of a list; answers come from
//! the devices one by one.
//!
//! Only on request: the gateway announces nothing and listens to no announcements. Answers are foreign datagrams: read
//! by the bounded reader, believed in nothing but what they say of their sender. An address in them that is not the
//! sender's counts as a port and a path only.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};

use tokio::net::UdpSocket;

use super::{address::Host, onvif::DEVICE_PATH, shown, soap, xml};
use crate::config::validate;

/// Where devices listen.
pub const GROUP: Ipv4Addr = Ipv4Addr::new(239, 255, 255, 250);
pub const PORT: u16 = 3702;
const ADDRESSING: &str = "http://schemas.xmlsoap.org/ws/2004/08/addressing";
const DISCOVERY: &str = "http://schemas.xmlsoap.org/ws/2005/04/discovery";
/// Devices that are remembered of one question.
const MAX_HEARD: usize = 4096;
/// A datagram that is sent to each of a list: so many at once, then a breath.
const BURST: usize = 64;
const BREATH: Duration = Duration::from_millis(10);

/// What a device said of itself; texts are foreign and made safe to show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    pub from: IpAddr,
    /// Port and path of its device service.
    pub port: u16,
    pub path: String,
    pub name: String,
    pub hardware: String,
    pub location: String,
}

/// The Probe for one type of device: `dn:NetworkVideoTransmitter`, which all cameras are, or `tds:Device`, to which
/// some recorders alone answer.
fn message(kind: &str) -> String {
    let header = format!(
        "<a:MessageID xmlns:a=\"{ADDRESSING}\">uuid:{}</a:MessageID><a:To xmlns:a=\"{ADDRESSING}\">\
         urn:schemas-xmlsoap-org:ws:2005:04:discovery</a:To><a:Action xmlns:a=\"{ADDRESSING}\">{DISCOVERY}/Probe</a:Action>",
        uuid::Uuid::new_v4()
    );
    let body = format!(
        "<p:Probe xmlns:p=\"{DISCOVERY}\"><p:Types xmlns:dn=\"http://www.onvif.org/ver10/network/wsdl\" \
         xmlns:tds=\"http://www.onvif.org/ver10/device/wsdl\">{kind}</p:Types></p:Probe>"
    );
    soap::envelope(&header, &body)
}

/// Asks the networks of this machine's addresses, or only that of `interface`. `to` is [`GROUP`] and [`PORT`], but for
/// tests. The error is a sentence.
pub async fn multicast(
    interface: Option<Ipv4Addr>,
    to: SocketAddr,
    wait: Duration,
    allow_loopback: bool,
) -> Result<Vec<Heard>, String> {
    let mut from = match interface {
        Some(address) => vec![address],
        None => local_addresses(),
    };
    from.retain(|a| allow_loopback || !a.is_loopback());
    if from.is_empty() {
        return Err("this machine has no IPv4 address to ask from".into());
    }
    let asked = from.into_iter().map(|own| async move {
        let failed = |e: std::io::Error| format!("cannot ask from {own}: {}", super::http::plain(&e));
        let socket = UdpSocket::bind((own, 0)).await.map_err(failed)?;
        if to.ip().is_multicast() {
            // The socket's own address chooses the interface, but only this says so in as many words.
            rustix::net::sockopt::set_ip_multicast_if(&socket, &own).map_err(|e| failed(e.into()))?;
        }
        ask(&socket, &[to], wait, |ip| validate::address_allowed(ip, allow_loopback).is_ok()).await.map_err(failed)
    });
    let (mut heard, mut why) = (BTreeMap::new(), None);
    for answered in futures_util::future::join_all(asked).await {
        match answered {
            Ok(some) => heard.extend(some.into_iter().map(|h| (h.from, h))),
            Err(e) => why = Some(e),
        }
    }
    match why {
        // One network that cannot be asked does not matter while another answers.
        Some(why) if heard.is_empty() => Err(why),
        _ => Ok(heard.into_values().collect()),
    }
}

/// Asks each address of a list at `port`.
pub async fn unicast(list: &[IpAddr], port: u16, wait: Duration) -> std::io::Result<Vec<Heard>> {
    let mut heard = Vec::new();
    for six in [false, true] {
        let to: Vec<_> = list.iter().filter(|ip| ip.is_ipv6() == six).map(|ip| SocketAddr::new(*ip, port)).collect();
        if to.is_empty() {
            continue;
        }
        let own: SocketAddr = if six { ([0u16; 8], 0).into() } else { ([0u8; 4], 0).into() };
        let socket = UdpSocket::bind(own).await?;
        heard.extend(ask(&socket, &to, wait, |ip| list.contains(&ip)).await?);
    }
    Ok(heard)
}

/// Sends the Probes and listens until nothing can come any more. What a single address refuses is no error.
async fn ask(
    socket: &UdpSocket,
    to: &[SocketAddr],
    wait: Duration,
    welcome: impl Fn(IpAddr) -> bool,
) -> std::io::Result<Vec<Heard>> {
    let messages = [message("dn:NetworkVideoTransmitter"), message("tds:Device")];
    let mut heard = BTreeMap::new();
    let mut buffer = vec![0; 64 << 10];
    let send = async {
        let mut sent = 0;
        let mut last = None;
        for (n, address) in to.iter().enumerate() {
            for message in &messages {
                match socket.send_to(message.as_bytes(), address).await {
                    Ok(_) => sent += 1,
                    Err(e) => last = Some(e),
                }
            }
            if n % BURST == BURST - 1 {
                tokio::time::sleep(BREATH).await;
            }
        }
        tokio::time::sleep(wait).await;
        match last {
            Some(e) if sent == 0 => Err(e),
            _ => Ok(()),
        }
    };
    tokio::pin!(send);
    loop {
        tokio::select! {
            sent = &mut send => {
                sent?;
                return Ok(heard.into_values().collect());
            }
            received = socket.recv_from(&mut buffer) => {
                // An address that answers "no such port" shows as an error of the socket: the others still come.
                let Ok((len, from)) = received else { continue };
                let ip = from.ip().to_canonical();
                if heard.len() >= MAX_HEARD || !welcome(ip) {
                    continue;
                }
                if let Some(said) = buffer.get(..len).and_then(|b| read(b, ip)) {
                    heard.entry(ip).or_insert(said);
                }
            }
        }
    }
}

/// Reads a ProbeMatches that came from an address; `None` for anything else.
pub fn read(datagram: &[u8], from: IpAddr) -> Option<Heard> {
    let root = xml::parse(datagram).ok()?;
    let matched = root.find("ProbeMatches")?.child("ProbeMatch")?;
    let host = Host { name: from.to_string(), ip: from };
    let list = |name: &str| matched.text_at(&[name]).unwrap_or_default().split_whitespace();
    let mut services: Vec<_> = list("XAddrs").take(16).filter_map(|x| host.rewrite(x, &["http"])).collect();
    // The one that names the sender itself, if any; else the first, of which port and path count.
    services.sort_by_key(|s| s.named.is_some());
    let service = services.first();
    let scopes: Vec<&str> = list("Scopes").take(64).collect();
    Some(Heard {
        from,
        port: service.and_then(|s| s.url.port_or_known_default()).unwrap_or(80),
        path: service.map_or_else(|| DEVICE_PATH.to_owned(), |s| s.url.path().to_owned()),
        name: scope(&scopes, "name"),
        hardware: scope(&scopes, "hardware"),
        location: scope(&scopes, "location"),
    })
}

/// `onvif://www.onvif.org/name/Gate%201` is the scope `name` with the value `Gate 1`. Of several the last, most exact part.
fn scope(scopes: &[&str], kind: &str) -> String {
    let prefix = format!("onvif://www.onvif.org/{kind}/");
    let last = scopes.iter().rev().find_map(|s| {
        let head = s.get(..prefix.len())?;
        head.eq_ignore_ascii_case(&prefix).then(|| s.get(prefix.len()..)).flatten()
    });
    let last = last.unwrap_or_default();
    shown(&decoded(last.rsplit_once('/').map_or(last, |(_, value)| value)), 64)
}

/// Percent-decodes; a `%` without two digits stays.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let byte = match (first, after) {
            (b'%', [a, b, ..]) => std::str::from_utf8(&[*a, *b]).ok().and_then(|h| u8::from_str_radix(h, 16).ok()),
            _ => None,
        };
        bytes.push(byte.unwrap_or(first));
        rest = if byte.is_some() { after.get(2..).unwrap_or_default() } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The IPv4 addresses of this machine, as the kernel's routing table has them.
fn local_addresses() -> Vec<Ipv4Addr> {
    std::fs::read_to_string("/proc/net/fib_trie").map(|t| local_of(&t)).unwrap_or_default()
}

/// An address stands in a line `|-- 10.0.0.5`, and is our own where the next one is `/32 host LOCAL`.
fn local_of(trie: &str) -> Vec<Ipv4Addr> {
    let mut found = Vec::new();
    let mut last = None;
    for line in trie.lines() {
        if let Some(address) = line.trim().strip_prefix("|-- ") {
            last = address.parse::<Ipv4Addr>().ok();
        } else if line.contains("/32 host LOCAL")
            && let Some(address) = last
            && !found.contains(&address)
            && found.len() < 16
        {
            found.push(address);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn answer(xaddrs: &str, scopes: &str) -> String {
        format!(
            "<E xmlns:d='x'><Body><d:ProbeMatches><d:ProbeMatch><d:Types>dn:NetworkVideoTransmitter</d:Types>\
             <d:Scopes>{scopes}</d:Scopes><d:XAddrs>{xaddrs}</d:XAddrs></d:ProbeMatch></d:ProbeMatches></Body></E>"
        )
    }

    #[test]
    fn a_device_is_known_by_its_sender_whatever_it_names() {
        let from = "10.0.0.5".parse().unwrap();
        let said = |x: &str| {
            read(
                answer(x, "onvif://www.onvif.org/name/Gate%201 onvif://www.onvif.org/location/city/Jin%E8%B7%AF")
                    .as_bytes(),
                from,
            )
            .unwrap()
        };
        let own = said("http://169.254.3.4/onvif/device_service http://10.0.0.5:8000/onvif/device_service");
        assert_eq!((own.from, own.port, own.name.as_str(), own.location.as_str()), (from, 8000, "Gate 1", "Jin路"));
        let nat = said("http://192.168.1.64:8080/onvif/ds");
        assert_eq!((nat.from, nat.port, nat.path.as_str()), (from, 8080, "/onvif/ds"));
        assert_eq!(said("").path, DEVICE_PATH);
        assert_eq!(read(b"<E><Body><Hello/></Body></E>", from), None);
    }

    #[test]
    fn our_own_question_is_xml_and_no_answer() {
        let text = message("dn:NetworkVideoTransmitter");
        assert!(xml::parse(text.as_bytes()).unwrap().find("Types").is_some());
        assert_eq!(read(text.as_bytes(), IpAddr::from([10, 0, 0, 1])), None);
    }

    #[test]
    fn own_addresses_are_read_from_the_kernels_table() {
        let trie = "Main:\n  +-- 0.0.0.0/0 3 0 5\n     |-- 0.0.0.0\n        /0 universe UNICAST\n     |-- 10.0.0.5\n        \
                    /32 host LOCAL\n     |-- 10.0.0.255\n        /32 link BROADCAST\n     |-- 127.0.0.1\n        /32 host LOCAL\n\
                    Local:\n     |-- 10.0.0.5\n        /32 host LOCAL\n";
        assert_eq!(local_of(trie), [Ipv4Addr::new(10, 0, 0, 5), Ipv4Addr::LOCALHOST]);
    }

    proptest! {
        #[test]
        fn any_datagram_is_answered(bytes in prop::collection::vec(any::<u8>(), 0..400), scopes in "[ -~]{0,80}", x in "[ -~]{0,80}") {
            let from = IpAddr::from([10, 0, 0, 1]);
            drop(read(&bytes, from));
            if let Some(heard) = read(answer(&xml::escaped(&x), &xml::escaped(&scopes)).as_bytes(), from) {
                prop_assert_eq!(heard.from, from);
                prop_assert!(heard.name.chars().count() <= 64);
            }
        }
    }
}
