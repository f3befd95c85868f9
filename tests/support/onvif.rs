//! A device of cardboard: answers HTTP on loopback as a test tells it, and remembers what it was asked.

use std::{
    net::SocketAddr,
    path::Path,
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// One request as it came.
#[derive(Debug, Clone)]
pub struct Asked {
    pub path: String,
    /// The element in its body, e.g. `GetProfiles`.
    pub question: String,
    /// Head and body.
    pub text: String,
}

impl Asked {
    pub fn header(&self, name: &str) -> Option<&str> {
        let head = self.text.split("\r\n\r\n").next()?;
        head.lines()
            .find_map(|l| l.split_once(':').filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.trim()))
    }
}

pub struct Stub {
    pub address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Stub {
    /// Serves; `answer` gives the whole response, head included. Connections are closed after it.
    pub async fn serve(answer: impl Fn(&Asked) -> Vec<u8> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::<Mutex<Vec<Asked>>>::default();
        let (record, answer) = (asked.clone(), Arc::new(answer));
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (record, answer) = (record.clone(), answer.clone());
                tokio::spawn(async move {
                    let Some(request) = read(&mut stream).await else { return };
                    record.lock().unwrap().push(request.clone());
                    stream.write_all(&answer(&request)).await.ok();
                    stream.shutdown().await.ok();
                });
            }
        });
        Self { address, asked }
    }

    /// Plays a maker's fixtures: the file is named after the question, for streams with the profile's token.
    pub async fn of(maker: &str, login: Wants) -> Self {
        let dir = super::root().join("tests/fixtures/onvif").join(maker);
        Self::serve(move |asked| {
            let free = asked.question == "GetSystemDateAndTime";
            match login {
                Wants::Token if !free && !asked.text.contains("PasswordDigest") => {
                    let shared = dir.parent().unwrap().join("hikvision/NotAuthorized.xml");
                    return response("400 Bad Request", "", &std::fs::read(shared).unwrap());
                }
                Wants::Digest if !free && !asked.header("authorization").is_some_and(|a| a.starts_with("Digest ")) => {
                    let challenge = "WWW-Authenticate: Digest realm=\"AXIS_B8A44F123456\", nonce=\"00abc\", algorithm=MD5, qop=\"auth\"\r\n";
                    return response("401 Unauthorized", challenge, b"");
                }
                _ => {}
            }
            fixture(&dir, asked)
        })
        .await
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

/// How a device of cardboard wants the login.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wants {
    Token,
    Digest,
}

fn fixture(dir: &Path, asked: &Asked) -> Vec<u8> {
    let token = asked.text.split("ProfileToken>").nth(1).and_then(|t| t.split('<').next()).unwrap_or_default();
    let exact = dir.join(format!("{}-{token}.xml", asked.question));
    let path = if exact.exists() { exact } else { dir.join(format!("{}.xml", asked.question)) };
    match std::fs::read_to_string(path) {
        Ok(text) => {
            let status = if text.contains(":Fault>") { "500 Internal Server Error" } else { "200 OK" };
            response(status, "", text.replace("{token}", token).as_bytes())
        }
        Err(_) => response("404 Not Found", "", b""),
    }
}

pub fn response(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/soap+xml; charset=utf-8\r\nContent-Length: {}\r\n{headers}\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

async fn read(stream: &mut TcpStream) -> Option<Asked> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|l| {
                l.to_ascii_lowercase().strip_prefix("content-length:").map(|n| n.trim().parse::<usize>().unwrap())
            });
            if body.len() >= length.unwrap_or(0) {
                let path = head.split(' ').nth(1)?.to_owned();
                let question =
                    body.split("Body><d:").nth(1).and_then(|t| t.split([' ', '>']).next()).unwrap_or_default();
                return Some(Asked { path, question: question.to_owned(), text: text.clone() });
            }
        }
        match stream.read(&mut buffer).await.ok()? {
            0 => return None,
            n => bytes.extend_from_slice(&buffer[..n]),
        }
    }
}
