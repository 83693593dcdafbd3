//! A target on a real socket, which answers as it is told to: well, late, wrongly or never.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

/// How a request is answered.
#[derive(Debug, Clone)]
pub(super) enum Answer {
    /// With a status and nothing else.
    Status(u16),
    /// With a redirect.
    Redirect(String),
    /// With these bytes, and then the connection is closed.
    Bytes(Vec<u8>),
    /// With these bytes, and then the last of them again for ever.
    Endless(Vec<u8>),
    /// Never.
    Never,
    /// After this time, with 200.
    After(Duration),
}

/// A request as it came.
#[derive(Debug, Clone)]
pub(super) struct Received {
    pub(super) head: String,
    pub(super) body: String,
}

impl Received {
    pub(super) fn header(&self, name: &str) -> &str {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        let mut values = lines.filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value);
        values.next().unwrap_or_default()
    }

    pub(super) fn event(&self) -> u64 {
        self.json()["event_id"].as_u64().unwrap()
    }

    pub(super) fn room(&self) -> String {
        self.json()["room"].as_str().unwrap().to_owned()
    }

    pub(super) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// A target. It is gone when it is dropped.
#[derive(Debug)]
pub(super) struct FakeTarget {
    address: SocketAddr,
    received: Arc<Mutex<Vec<Received>>>,
    _task: JoinSet<()>,
}

impl FakeTarget {
    /// One that answers each request as this says, which is told the request and how many came before it.
    pub(super) async fn start(answer: impl Fn(&Received, usize) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let received: Arc<Mutex<Vec<Received>>> = Arc::default();
        let (answer, seen) = (Arc::new(answer), Arc::clone(&received));
        let mut task = JoinSet::new();
        task.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((socket, _)) = listener.accept().await {
                let (answer, seen) = (Arc::clone(&answer), Arc::clone(&seen));
                connections.spawn(async move {
                    // The other side may go at any time.
                    let _ = serve(socket, &*answer, &seen).await;
                });
            }
        });
        Self { address, received, _task: task }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    pub(super) fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }

    /// The events that came, in order, of one room.
    pub(super) fn events_of(&self, room: &str) -> Vec<u64> {
        self.received().iter().filter(|one| one.room() == room).map(Received::event).collect()
    }
}

async fn serve(
    mut socket: TcpStream,
    answer: &(dyn Fn(&Received, usize) -> Answer + Send + Sync),
    seen: &Mutex<Vec<Received>>,
) -> std::io::Result<()> {
    while let Some(request) = read(&mut socket).await? {
        let how = {
            let mut seen = seen.lock().unwrap();
            seen.push(request.clone());
            answer(&request, seen.len() - 1)
        };
        match how {
            Answer::Status(status) => socket.write_all(head(status, "").as_bytes()).await?,
            Answer::Redirect(to) => socket.write_all(head(307, &format!("location: {to}\r\n")).as_bytes()).await?,
            Answer::Bytes(bytes) => {
                socket.write_all(&bytes).await?;
                return socket.shutdown().await;
            }
            Answer::Endless(bytes) => {
                socket.write_all(&bytes).await?;
                let more = vec![*bytes.last().unwrap(); 16 * 1024];
                loop {
                    socket.write_all(&more).await?;
                }
            }
            Answer::Never => std::future::pending().await,
            Answer::After(time) => {
                tokio::time::sleep(time).await;
                socket.write_all(head(200, "").as_bytes()).await?;
            }
        }
    }
    Ok(())
}

fn head(status: u16, more: &str) -> String {
    format!("HTTP/1.1 {status} Whatever\r\n{more}content-length: 0\r\n\r\n")
}

/// Reads one request; nothing if the connection is over.
async fn read(socket: &mut TcpStream) -> std::io::Result<Option<Received>> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
        if socket.read_buf(&mut bytes).await? == 0 {
            return Ok(None);
        }
    };
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let mut request = Received { head, body: String::new() };
    let length: usize = request.header("content-length").parse().unwrap();
    while bytes.len() < end + length {
        if socket.read_buf(&mut bytes).await? == 0 {
            return Ok(None);
        }
    }
    request.body = String::from_utf8(bytes[end..end + length].to_vec()).unwrap();
    Ok(Some(request))
}
