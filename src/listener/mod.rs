//! A listener takes TCP connections and serves HTTP on them, within bounds: of time, of space, and of how many there are.
//!
//! It knows nothing of what is served. `heads` finds requests in bytes, `progress` says how long each part of one may take, `connections` says which
//! connection gives way when there are too many.

mod connections;
mod heads;
mod progress;
mod spare;
mod timer;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Extension};
use axum::http::uri::Authority;
use axum::http::{HeaderValue, Request, Response, StatusCode, Version, header};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::sync::CancellationToken;

pub use self::connections::Bounds;
use self::connections::Connections;
use self::progress::{NotedStream, Progress, WAITING_TIME_MAX};
use self::spare::Spare;
use self::timer::ClockTimer;
use crate::runtime::clock;

/// Serves until `stop`; then no more connections are taken, and those that are there end with it.
pub async fn serve(listener: TcpListener, router: Router, bounds: Bounds, stop: CancellationToken) {
    let connections = Arc::new(Connections::new(bounds));
    let mut spare = Spare::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => return,
        };
        match accepted {
            Ok((stream, peer)) => match connections.place().await {
                Some(place) => {
                    tokio::spawn(converse(stream, peer, place, Arc::clone(&connections), router.clone(), stop.clone()));
                }
                None => turn_away(&stream),
            },
            Err(error) => {
                // Most often no descriptor is left. The spare one is for the next connection; one that waits makes room for those after it.
                spare.give_up(&error);
                connections.make_room();
                clock::sleep(ACCEPT_PAUSE).await;
            }
        }
        spare.restore();
    }
}

/// Answers that there is no place, and closes. A connection that does not take the few bytes at once is closed without them.
fn turn_away(stream: &TcpStream) {
    // Bytes left unread would reset the connection, and with it the answer.
    let _asked = stream.try_read(&mut [0; HEAD_BYTES_MAX]);
    let _told = stream.try_write(TURNED_AWAY.as_bytes());
}

async fn converse(
    stream: TcpStream,
    peer: SocketAddr,
    place: OwnedSemaphorePermit,
    connections: Arc<Connections>,
    router: Router,
    stop: CancellationToken,
) {
    // Frames are small and wait for nobody. A socket that refuses this is gone already.
    let _ = stream.set_nodelay(true);
    let progress = Arc::new(Progress::new(connections, peer.ip().into()));
    let gives_way = progress.gives_way();
    let stream = NotedStream { stream, progress: Arc::clone(&progress), _place: place };
    let answering = Arc::clone(&progress);
    let routed = TowerToHyperService::new(router.layer(Extension(ConnectInfo(peer))));
    let service = service_fn(move |request| answer(Arc::clone(&answering), routed.clone(), request));
    let mut http = http1::Builder::new();
    // The times are kept by the progress; this one is behind it.
    http.timer(ClockTimer)
        .header_read_timeout(WAITING_TIME_MAX + ACCEPT_PAUSE)
        .max_buf_size(HEAD_BYTES_MAX)
        .max_headers(HEADERS_MAX);
    let serving = http.serve_connection(TokioIo::new(stream), service).with_upgrades();
    tokio::select! {
        // First, so that what has come is read before anything is found to be late.
        biased;
        served = serving => {
            if let Err(error) = served {
                tracing::trace!(%error, "a connection ended");
            }
        }
        () = progress.overdue() => tracing::trace!("a connection took too long"),
        () = gives_way.cancelled() => tracing::trace!("a connection gave way"),
        () = stop.cancelled() => {}
    }
}

async fn answer(
    progress: Arc<Progress>,
    routed: TowerToHyperService<Router>,
    request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    let has_one_length = progress.begin_request();
    let response = match fault_of(&request, has_one_length) {
        Some(fault) => bad_request(fault),
        None => routed.call(request).await?,
    };
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        progress.upgraded();
    } else {
        progress.end_request();
    }
    Ok(response)
}

/// Returns why two servers could read a request differently, if they could (RFC 9112 sections 3.2 and 6.3).
fn fault_of(request: &Request<Incoming>, has_one_length: bool) -> Option<&'static str> {
    if !has_one_length {
        return Some("`Content-Length` and `Transfer-Encoding` exclude each other");
    }
    let mut hosts = request.headers().get_all(header::HOST).iter();
    match (hosts.next(), hosts.next()) {
        (None, _) if request.version() < Version::HTTP_11 => None,
        (None, _) => Some("`Host` is missing"),
        (Some(_), Some(_)) => Some("`Host` stands more than once"),
        (Some(host), None) => (!is_host(host)).then_some("`Host` names no host"),
    }
}

fn is_host(host: &HeaderValue) -> bool {
    let authority = host.to_str().ok().map(|host| host.parse::<Authority>());
    host.is_empty() || authority.is_some_and(|host| host.is_ok_and(|host| !host.as_str().contains('@')))
}

fn bad_request(fault: &str) -> Response<Body> {
    let problem = serde_json::json!({
        "type": "about:blank",
        "title": "The request is not valid.",
        "status": 400,
        "code": "invalid_argument",
        "detail": fault,
    });
    let mut response = Response::new(Body::from(problem.to_string()));
    *response.status_mut() = StatusCode::BAD_REQUEST;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

/// A head larger than this is answered with 431 or the connection ends.
const HEAD_BYTES_MAX: usize = 16 * 1024;
const HEADERS_MAX: usize = 64;
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

const TURNED_AWAY: &str = concat!(
    "HTTP/1.1 503 Service Unavailable\r\n",
    "content-type: application/problem+json\r\n",
    "retry-after: 5\r\n",
    "connection: close\r\n",
    "content-length: 103\r\n",
    "\r\n",
    r#"{"type":"about:blank","title":"The server has no place for you now.","status":503,"code":"node_full"}"#,
    "\r\n",
);

#[cfg(test)]
mod tests {
    use super::progress::HEAD_TIME_MAX as HEAD_TIMEOUT;
    use super::*;
    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    async fn served() -> (SocketAddr, CancellationToken) {
        served_within(Bounds::of(1_000)).await
    }

    async fn served_within(bounds: Bounds) -> (SocketAddr, CancellationToken) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
        let address = listener.local_addr().expect("local");
        let stop = CancellationToken::new();
        let peer = async |ConnectInfo(peer): ConnectInfo<SocketAddr>| peer.ip().to_string();
        tokio::spawn(serve(
            listener,
            Router::new().route("/", get(peer).post(async |body: String| body)),
            bounds,
            stop.clone(),
        ));
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
    async fn a_request_that_two_servers_would_read_differently_is_refused() {
        let (address, _stop) = served().await;
        for head in [
            "GET / HTTP/1.1",
            "GET / HTTP/1.1\r\nHost: a\r\nHost: a",
            "GET / HTTP/1.1\r\nHost: a\r\nhost: b",
            "GET / HTTP/1.0\r\nHost: a\r\nHost: b",
            "GET / HTTP/1.1\r\nHost: a b",
            "GET / HTTP/1.1\r\nHost: a@b",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked",
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 4",
        ] {
            let answer = answer_to(address, format!("{head}\r\n\r\n0\r\n\r\n").as_bytes()).await;
            assert!(answer.starts_with("HTTP/1.1 400") || answer.starts_with("HTTP/1.0 400"), "{head}: {answer}");
            assert!(answer.contains("invalid_argument") && answer.contains("connection: close"), "{head}: {answer}");
        }
        for head in ["GET / HTTP/1.0", "GET / HTTP/1.1\r\nHost: [::1]:80", "GET http://a/ HTTP/1.1\r\nHost:"] {
            let answer = answer_to(address, format!("{head}\r\nConnection: close\r\n\r\n").as_bytes()).await;
            assert!(answer.contains(" 200 OK"), "{head}: {answer}");
        }
        let smuggled = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabcPOST / HTTP/1.1\r\nHost: a\r\n\
                        Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
        let answer = answer_to(address, smuggled.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("abcHTTP/1.1 400"), "{answer}");
    }

    #[tokio::test]
    async fn connections_without_a_request_give_way_to_one_that_asks() {
        let (address, _stop) = served_within(Bounds::of(8)).await;
        let mut silent = Vec::new();
        for _ in 0..100 {
            silent.push(TcpStream::connect(address).await.expect("connected"));
        }
        for _ in 0..20 {
            let answer = answer_to(address, b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
            assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        }
        // A body that does not come is no request either.
        let mut slow = Vec::new();
        for _ in 0..100 {
            let mut stream = TcpStream::connect(address).await.expect("connected");
            stream.write_all(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\na").await.expect("written");
            slow.push(stream);
        }
        let answer = answer_to(address, b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }

    #[tokio::test]
    async fn where_all_are_answered_a_newcomer_is_told_so() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
        let address = listener.local_addr().expect("local");
        let asked = Arc::new(tokio::sync::Semaphore::new(0));
        let asking = Arc::clone(&asked);
        let slow = async move || {
            asking.add_permits(1);
            std::future::pending::<()>().await;
        };
        tokio::spawn(serve(listener, Router::new().route("/", get(slow)), Bounds::of(4), CancellationToken::new()));
        let mut busy = Vec::new();
        for _ in 0..4 {
            let mut stream = TcpStream::connect(address).await.expect("connected");
            stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.expect("written");
            busy.push(stream);
            asked.acquire().await.expect("open").forget();
        }
        let answer = answer_to(address, b"").await;
        assert!(answer.starts_with("HTTP/1.1 503") && answer.contains("node_full"), "{answer}");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
        assert!(head.contains(&format!("content-length: {}", body.len())), "{answer}");
    }

    #[tokio::test]
    async fn a_connection_is_kept_for_longer_than_a_head_may_take() {
        let (address, _stop) = served().await;
        let mut stream = TcpStream::connect(address).await.expect("connected");
        for pause in [HEAD_TIMEOUT + Duration::from_secs(1), Duration::ZERO] {
            stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.expect("written");
            let mut answer = [0; 1024];
            let read = stream.read(&mut answer).await.expect("answered");
            assert!(answer[..read].starts_with(b"HTTP/1.1 200"));
            tokio::time::sleep(pause).await;
        }
        stream.write_all(b"GET / HTTP/1.1\r\n").await.expect("written");
        let mut rest = Vec::new();
        let closed = tokio::time::timeout(2 * HEAD_TIMEOUT, stream.read_to_end(&mut rest)).await;
        assert!(closed.is_ok(), "a later head has no more time than the first");
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
