//! Is there RTSP at a port? One OPTIONS request, which every server answers without a login.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::shown;

/// What a server says of itself; empty where it says nothing. `None`: no RTSP there within the time.
pub async fn options(address: SocketAddr, within: Duration) -> Option<String> {
    let asked = async {
        let mut stream = TcpStream::connect(address).await.ok()?;
        let request = format!(
            "OPTIONS rtsp://{address}/ RTSP/1.0\r\nCSeq: 1\r\nUser-Agent: skyeye/{}\r\n\r\n",
            env!("CARGO_PKG_VERSION")
        );
        stream.write_all(request.as_bytes()).await.ok()?;
        let mut answer = [0; 1024];
        let mut len = 0;
        while len < answer.len() && !answer[..len].windows(4).any(|w| w == b"\r\n\r\n") {
            match stream.read(answer.get_mut(len..)?).await.ok()? {
                0 => break,
                n => len += n,
            }
        }
        let text = String::from_utf8_lossy(answer.get(..len)?);
        text.starts_with("RTSP/").then(|| server(&text))
    };
    tokio::time::timeout(within, asked).await.ok().flatten()
}

fn server(answer: &str) -> String {
    let line = answer.lines().find(|l| l.get(..7).is_some_and(|n| n.eq_ignore_ascii_case("server:")));
    line.and_then(|l| l.get(7..)).map(|s| shown(s, 64)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_server_names_itself() {
        assert_eq!(
            server("RTSP/1.0 200 OK\r\nCSeq: 1\r\nServer:  Hipcam  RealServer/V1.0\r\n\r\n"),
            "Hipcam RealServer/V1.0"
        );
        assert_eq!(server("RTSP/1.0 200 OK\r\n\r\n"), "");
    }
}
