//! A proxy before a server: it serves under a path of its own, can stand still, be cut, and be led to another server.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

pub(crate) struct Proxy {
    address: SocketAddr,
    target: Arc<Mutex<SocketAddr>>,
    frozen: watch::Sender<bool>,
    cut: Arc<Mutex<CancellationToken>>,
    over: CancellationToken,
}

impl Proxy {
    /// `prefix` is taken off every path, as in `/voice`; what lies elsewhere is not found.
    pub(crate) async fn before(target: SocketAddr, prefix: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (frozen, is_frozen) = watch::channel(false);
        let proxy = Self {
            address: listener.local_addr().unwrap(),
            target: Arc::new(Mutex::new(target)),
            frozen,
            cut: Arc::default(),
            over: CancellationToken::new(),
        };
        let (target, cut, over) = (Arc::clone(&proxy.target), Arc::clone(&proxy.cut), proxy.over.clone());
        tokio::spawn(async move {
            loop {
                let accepted =
                    tokio::select! { accepted = listener.accept() => accepted, () = over.cancelled() => return };
                let (to, cut) = (*target.lock().unwrap(), cut.lock().unwrap().clone());
                let is_frozen = is_frozen.clone();
                if let Ok((client, _)) = accepted {
                    tokio::spawn(async move {
                        tokio::select! { () = carry(client, to, prefix, is_frozen) => {}, () = cut.cancelled() => {} }
                    });
                }
            }
        });
        proxy
    }

    /// The same link, by way of the proxy.
    pub(crate) fn link(&self, link: &str, prefix: &str) -> String {
        let rest = link.split_once("//").and_then(|(_, rest)| rest.split_once('/')).unwrap().1;
        format!("http://{}{prefix}/{rest}", self.address)
    }

    /// Nothing goes through any more, either way; connections stay.
    pub(crate) fn freeze(&self, still: bool) {
        self.frozen.send_replace(still);
    }

    /// Leads new connections elsewhere and breaks the old ones.
    pub(crate) fn lead_to(&self, target: SocketAddr) {
        *self.target.lock().unwrap() = target;
        std::mem::take(&mut *self.cut.lock().unwrap()).cancel();
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.over.cancel();
        self.cut.lock().unwrap().cancel();
    }
}

/// One request, or one WebSocket: its path loses the prefix; every other answer ends its connection, so that no second request needs a look.
async fn carry(mut client: TcpStream, to: SocketAddr, prefix: &str, frozen: watch::Receiver<bool>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let Ok(byte) = client.read_u8().await else { return };
        head.push(byte);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let Some((method, rest)) = head.split_once(' ') else { return };
    let Some(path) = rest.strip_prefix(prefix).filter(|rest| rest.starts_with('/')) else {
        let _ = client.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").await;
        return;
    };
    let is_upgrade = head.to_lowercase().contains("upgrade: websocket");
    let kept = |line: &&str| is_upgrade || !line.to_lowercase().starts_with("connection:");
    let mut lines: Vec<&str> = path.trim_end().split("\r\n").filter(kept).collect();
    if !is_upgrade {
        lines.push("Connection: close");
    }
    let Ok(mut server) = TcpStream::connect(to).await else { return };
    if server.write_all(format!("{method} {}\r\n\r\n", lines.join("\r\n")).as_bytes()).await.is_err() {
        return;
    }
    let ((mut from_client, mut to_client), (mut from_server, mut to_server)) = (client.split(), server.split());
    let (up, down) = (frozen.clone(), frozen);
    tokio::select! {
        () = pump(&mut from_client, &mut to_server, up) => {}
        () = pump(&mut from_server, &mut to_client, down) => {}
    }
}

async fn pump(
    from: &mut (impl tokio::io::AsyncRead + Unpin),
    to: &mut (impl tokio::io::AsyncWrite + Unpin),
    mut frozen: watch::Receiver<bool>,
) {
    let mut bytes = [0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut bytes).await {
        if frozen.wait_for(|still| !still).await.is_err() || to.write_all(&bytes[..count]).await.is_err() {
            return;
        }
    }
    // The last bytes are still on their way.
    tokio::time::sleep(Duration::from_millis(20)).await;
}
