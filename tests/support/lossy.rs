//! A camera of one session over UDP that loses, doubles and reorders packets as it is told, and knows how many.

use std::time::Duration;

use skyeye::decode::file::FileUnits;
use skyeye::simulate::packetise::split_annex_b;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, UdpSocket};
use tokio::sync::oneshot;

/// What happens to packet `n`, counted from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    Sent,
    Lost,
    Twice,
    /// Sent after the one behind it: without a reorder buffer it is lost to the receiver.
    Late,
}

/// RTP packets of H.264 units (RFC 6184: single NAL units and FU-A), 90 kHz at 10 Hz, sequence numbers that wrap.
fn packets(file: &FileUnits, units: usize) -> Vec<Vec<u8>> {
    let mut out: Vec<Vec<u8>> = Vec::new();
    for (i, unit) in file.units.iter().cycle().take(units).enumerate() {
        let mut payloads: Vec<Vec<u8>> = Vec::new();
        for nal in split_annex_b(&unit.data) {
            if nal.len() <= 1200 {
                payloads.push(nal.to_vec());
                continue;
            }
            let parts: Vec<_> = nal[1..].chunks(1200).collect();
            for (p, part) in parts.iter().enumerate() {
                let flags = (u8::from(p == 0) << 7) | (u8::from(p + 1 == parts.len()) << 6);
                payloads.push([&[(nal[0] & 0xe0) | 28, flags | (nal[0] & 0x1f)], *part].concat());
            }
        }
        let last = payloads.len() - 1;
        for (p, payload) in payloads.into_iter().enumerate() {
            let seq = (65_500 + out.len()) as u16;
            let mut packet = vec![0x80, 96 | (u8::from(p == last) << 7)];
            packet.extend(seq.to_be_bytes());
            packet.extend((i as u32 * 9000).to_be_bytes());
            packet.extend(7u32.to_be_bytes());
            packet.extend(payload);
            out.push(packet);
        }
    }
    out
}

/// Serves one session; sends `units` of the file, then nothing. Gives the port and, at the end, the packets that a
/// receiver without a reorder buffer must miss. The last packets are always sent, so that the loss before them shows.
pub async fn serve(file: FileUnits, units: usize, fate: fn(usize) -> Fate) -> (u16, oneshot::Receiver<u64>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (tx, rx) = oneshot::channel();
    tokio::spawn(async move {
        let (socket, _) = listener.accept().await.unwrap();
        let (read, mut write) = socket.into_split();
        let mut lines = BufReader::new(read).lines();
        let udp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let (mut method, mut cseq, mut client) = (String::new(), String::new(), 0u16);
        let mut tx = Some(tx);
        while let Ok(Some(line)) = lines.next_line().await {
            if method.is_empty() {
                method = line.split(' ').next().unwrap_or_default().to_owned();
            } else if let Some(n) = line.to_ascii_lowercase().strip_prefix("cseq:") {
                cseq = n.trim().to_owned();
            } else if let Some((_, ports)) = line.split_once("client_port=") {
                client = ports.split('-').next().unwrap().parse().unwrap();
            }
            if !line.is_empty() {
                continue;
            }
            let (head, body) = match method.as_str() {
                "DESCRIBE" => (
                    "Content-Type: application/sdp\r\n".to_owned(),
                    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=x\r\nt=0 0\r\nm=video 0 RTP/AVP 96\r\n\
                     a=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1\r\na=control:v\r\n",
                ),
                "SETUP" => (
                    format!(
                        "Session: 1\r\nTransport: RTP/AVP/UDP;unicast;client_port={client}-{};server_port={}-{}\r\n",
                        client + 1,
                        udp.local_addr().unwrap().port(),
                        udp.local_addr().unwrap().port() + 1
                    ),
                    "",
                ),
                _ => ("Session: 1\r\n".to_owned(), ""),
            };
            let answer =
                format!("RTSP/1.0 200 OK\r\nCSeq: {cseq}\r\n{head}Content-Length: {}\r\n\r\n{body}", body.len());
            write.write_all(answer.as_bytes()).await.unwrap();
            if method == "PLAY"
                && let Some(tx) = tx.take()
            {
                udp.connect(("127.0.0.1", client)).await.unwrap();
                tx.send(send(&udp, packets(&file, units), fate).await).ok();
            }
            method.clear();
        }
    });
    (port, rx)
}

async fn send(udp: &UdpSocket, packets: Vec<Vec<u8>>, fate: fn(usize) -> Fate) -> u64 {
    let mut missing = 0;
    let mut late: Option<Vec<u8>> = None;
    let count = packets.len();
    for (n, packet) in packets.into_iter().enumerate() {
        let fate = if n == 0 || n + 3 > count { Fate::Sent } else { fate(n) };
        match fate {
            Fate::Lost => missing += 1,
            Fate::Late => {
                missing += 1;
                late = Some(packet);
                continue;
            }
            Fate::Sent => assert!(udp.send(&packet).await.is_ok()),
            Fate::Twice => {
                udp.send(&packet).await.unwrap();
                udp.send(&packet).await.unwrap();
            }
        }
        if fate != Fate::Lost
            && let Some(packet) = late.take()
        {
            udp.send(&packet).await.unwrap();
        }
        // Slow enough that the kernel drops none of its own.
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    missing
}
