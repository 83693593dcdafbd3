//! A listener takes TCP connections and serves HTTP on them, within bounds: a connection has so long for its request's head, and so much space.
//!
//! It knows nothing of what is served.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{ConnectInfo, Extension};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// Serves until `stop`; then no more connections are taken, and those that are there end with it.
pub async fn serve(listener: TcpListener, router: Router, stop: CancellationToken) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return;
        };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => return,
        };
        match accepted {
            Ok((stream, peer)) => {
                let (router, stop) = (router.clone(), stop.clone());
                tokio::spawn(async move {
                    tokio::select! {
                        () = converse(stream, peer, router) => {}
                        () = stop.cancelled() => {}
                    }
                    drop(place);
                });
            }
            Err(error) => {
                // Most often no descriptor is left: one of those that are there must end first.
                tracing::debug!(%error, "a connection could not be taken");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn converse(stream: TcpStream, peer: SocketAddr, router: Router) {
    // Frames are small and wait for nobody. A socket that refuses this is gone already.
    let _ = stream.set_nodelay(true);
    let service = TowerToHyperService::new(router.layer(Extension(ConnectInfo(peer))));
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(HEAD_BYTES_MAX)
        .max_headers(HEADERS_MAX);
    if let Err(error) = http.serve_connection(TokioIo::new(stream), service).with_upgrades().await {
        tracing::trace!(%error, "a connection ended");
    }
}

/// Connections of one listener at once; further ones wait in the kernel's queue.
pub const CONNECTIONS_MAX: usize = 60_000;
/// A request's head must be there within this time, also the next one on a connection that is kept.
pub const HEAD_TIMEOUT: Duration = Duration::from_secs(5);
/// A head larger than this is answered with 431 or the connection ends.
const HEAD_BYTES_MAX: usize = 16 * 1024;
const HEADERS_MAX: usize = 64;
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;
    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    async fn served() -> (SocketAddr, CancellationToken) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
        let address = listener.local_addr().expect("local");
        let stop = CancellationToken::new();
        let peer = async |ConnectInfo(peer): ConnectInfo<SocketAddr>| peer.ip().to_string();
        tokio::spawn(serve(listener, Router::new().route("/", get(peer)), stop.clone()));
        (address, stop)
    }

    async fn answer_to(address: SocketAddr, request: &[u8]) -> String {
        let mut stream = TcpStream::connect(address).await.expect("connected");
        // The server may close before it has read all.
        let _ = stream.write_all(request).await;
        let mut answer = Vec::new();
        let _ = tokio::time::timeout(2 * HEAD_TIMEOUT, stream.read_to_end(&mut answer)).await.expect("closed in time");
        String::from_utf8_lossy(&answer).into_owned()
    }

    #[tokio::test]
    async fn a_request_is_answered_and_knows_its_peer() {
        let (address, _stop) = served().await;
        let answer = answer_to(address, b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
        assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("127.0.0.1"), "{answer}");
    }

    #[tokio::test]
    async fn a_head_that_does_not_end_or_is_too_large_ends_the_connection() {
        let (address, _stop) = served().await;
        let endless = async { answer_to(address, b"GET / HTTP/1.1\r\nHost: x\r\n").await };
        let many = [b"GET / HTTP/1.1\r\n".to_vec(), b"a: b\r\n".repeat(1_000), b"\r\n".to_vec()].concat();
        let long = [b"GET / HTTP/1.1\r\na: ".to_vec(), vec![b'x'; 1 << 20], b"\r\n\r\n".to_vec()].concat();
        let (endless, many, long) = tokio::join!(endless, answer_to(address, &many), answer_to(address, &long));
        assert!(!endless.contains("200"), "{endless}");
        for refused in [many, long] {
            assert!(refused.is_empty() || refused.starts_with("HTTP/1.1 431"), "{refused}");
        }
    }

    #[tokio::test]
    async fn what_is_no_http_ends_the_connection() {
        let (address, _stop) = served().await;
        for garbage in
            [&b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..], b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", &[0; 64]]
        {
            let answer = answer_to(address, garbage).await;
            assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");
        }
    }

    #[tokio::test]
    async fn a_stop_ends_connections_that_are_kept() {
        let (address, stop) = served().await;
        let mut stream = TcpStream::connect(address).await.expect("connected");
        stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.expect("written");
        stop.cancel();
        let mut answer = Vec::new();
        let closed = tokio::time::timeout(HEAD_TIMEOUT / 2, stream.read_to_end(&mut answer)).await;
        assert!(closed.is_ok(), "well before the time for a head is over");
    }
}
