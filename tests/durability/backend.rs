//! A back end asks by HTTP, with a token for whatever it asks for.

use std::time::Duration;

use podium::runtime::clock;
use podium_loadtest::token::sign;
use reqwest::Method;
use serde_json::{Value, json};

use crate::console::Gone;
use crate::process::{KEY, SECRET};

/// A back end with a name of its own.
#[derive(Clone)]
pub(crate) struct Backend {
    client: reqwest::Client,
    server: String,
    who: String,
}

/// A request that changes something.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) body: Value,
    /// Its idempotency key, if it has one.
    pub(crate) key: Option<String>,
}

/// An answer, as far as it must be the same when it is given again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) etag: Option<String>,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or(Value::Null)
    }

    /// Whether it was accepted and is on the disk.
    pub(crate) fn is_durable(&self) -> bool {
        (200..300).contains(&self.status) && self.json()["durable"] != false
    }
}

impl Backend {
    pub(crate) fn new(server: &str, who: &str) -> Self {
        let client = reqwest::Client::builder().timeout(ANSWER_WITHIN).build().unwrap();
        Self { client, server: server.to_owned(), who: who.to_owned() }
    }

    /// Asks, and waits for the answer.
    pub(crate) async fn ask(&self, request: &Request) -> Result<Answer, Gone> {
        let url = format!("http://{}{}", self.server, request.path);
        let mut asking = self.client.request(request.method.clone(), url).bearer_auth(self.token(&request.path));
        if !request.body.is_null() {
            asking = asking.json(&request.body);
        }
        if let Some(key) = &request.key {
            asking = asking.header("idempotency-key", key);
        }
        let response = asking.send().await.map_err(|_| Gone)?;
        let status = response.status().as_u16();
        let etag = response.headers().get("etag").map(|tag| tag.to_str().unwrap().to_owned());
        let body = response.text().await.map_err(|_| Gone)?;
        Ok(Answer { status, etag, body })
    }

    /// A token for the room that a path names, or for making and listing all of them.
    fn token(&self, path: &str) -> String {
        let path = path.split('?').next().unwrap();
        let video = match path.strip_prefix("/v1/rooms/").and_then(|rest| rest.split('/').next()) {
            Some(room) => json!({ "room": room, "roomAdmin": true }),
            None => json!({ "roomCreate": true, "roomList": true }),
        };
        sign(&json!({ "iss": KEY, "sub": self.who, "exp": clock::unix_seconds() + 600, "video": video }), SECRET)
            .unwrap()
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.ask(&Request { method: Method::POST, path: path.to_owned(), body, key: None }).await.unwrap()
    }

    /// Reads what must be there.
    pub(crate) async fn get(&self, path: &str) -> Value {
        let request = Request { method: Method::GET, path: path.to_owned(), body: Value::Null, key: None };
        let answer = self.ask(&request).await.unwrap();
        assert_eq!(answer.status, 200, "GET {path}: {}", answer.body);
        answer.json()
    }

    /// All items behind `after` of a list that is read page by page.
    pub(crate) async fn all(&self, path: &str, after: u64) -> Vec<Value> {
        let (mut items, mut after) = (Vec::new(), after);
        loop {
            let page = self.get(&format!("{path}?after={after}&limit={PAGE}")).await;
            items.extend(page["items"].as_array().unwrap().iter().cloned());
            match page["next"].as_u64() {
                Some(next) => after = next,
                None => return items,
            }
        }
    }

    /// The ids of all rooms.
    pub(crate) async fn rooms(&self) -> Vec<String> {
        let (mut rooms, mut query) = (Vec::new(), String::new());
        loop {
            let page = self.get(&format!("/v1/rooms{query}")).await;
            rooms.extend(page["rooms"].as_array().unwrap().iter().map(|room| room["id"].as_str().unwrap().to_owned()));
            match page["next"].as_str() {
                Some(next) => query = format!("?after={next}"),
                None => return rooms,
            }
        }
    }
}

const PAGE: usize = 500;
const ANSWER_WITHIN: Duration = Duration::from_secs(20);
