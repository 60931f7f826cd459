//! A person's browser: cookies, the CSRF header, and nothing that a browser would not do.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{Method, Request, header};
use axum::response::Response;
use serde_json::Value;
use tower::ServiceExt as _;

use crate::{EventStream, Reply, logs};

/// Talks to the application as a browser does. Public fields are there to be tampered with.
#[derive(Clone)]
pub struct Browser {
    router: Router,
    /// Cookies by name.
    pub cookies: BTreeMap<String, String>,
    /// Sent with every request besides the browser's own.
    pub headers: Vec<(&'static str, String)>,
    /// The address it comes from.
    pub address: SocketAddr,
}

impl Browser {
    pub(crate) fn new(router: Router, address: SocketAddr) -> Self {
        Self { router, cookies: BTreeMap::new(), headers: Vec::new(), address }
    }

    /// From now on talks to the application as it is after a restart.
    pub fn reconnect(&mut self, app: &crate::TestApp) {
        self.reconnect_to(&app.app);
    }

    /// From now on talks to this node.
    pub fn reconnect_to(&mut self, node: &proofline_server::App) {
        self.router = node.router.clone();
    }

    /// Sends one request and keeps the cookies that come back.
    pub async fn send(&mut self, method: Method, path: &str, body: Option<&Value>) -> Reply {
        let reply = Reply::read(self.answer(method, path, body).await).await;
        self.keep_cookies(&reply);
        reply
    }

    /// Sends one request with a body that need not be JSON; what it is said to be is in `headers`, or nowhere.
    pub async fn send_bytes(&mut self, method: Method, path: &str, body: Vec<u8>) -> Reply {
        let reply = Reply::read(self.answer_to(method, path, Body::from(body)).await).await;
        self.keep_cookies(&reply);
        reply
    }

    /// Opens a stream of events.
    pub async fn open(&mut self, path: &str) -> EventStream {
        EventStream::of(self.answer(Method::GET, path, None).await)
    }

    async fn answer(&self, method: Method, path: &str, body: Option<&Value>) -> Response {
        match body {
            Some(json) => {
                logs::watch_sent(json);
                let mut typed = self.clone();
                if !self.says("content-type") {
                    typed.headers.push(("content-type", "application/json".to_owned()));
                }
                typed.answer_to(method, path, Body::from(json.to_string())).await
            }
            None => self.answer_to(method, path, Body::empty()).await,
        }
    }

    fn says(&self, name: &str) -> bool {
        self.headers.iter().any(|(n, _)| n.eq_ignore_ascii_case(name))
    }

    async fn answer_to(&self, method: Method, path: &str, body: Body) -> Response {
        let mut request = Request::builder().method(&method).uri(path).extension(ConnectInfo(self.address));
        if !self.cookies.is_empty() {
            let cookies: Vec<String> =
                self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            request = request.header(header::COOKIE, cookies.join("; "));
        }
        if let Some(csrf) = self.cookies.get("__Host-csrf")
            && method != Method::GET
            && !self.says("x-csrf-token")
        {
            request = request.header("x-csrf-token", csrf);
        }
        for (name, value) in &self.headers {
            logs::watch_header(name, value);
            request = request.header(*name, value);
        }
        self.router.clone().oneshot(request.body(body).expect("a request")).await.expect("an answer")
    }

    fn keep_cookies(&mut self, reply: &Reply) {
        for value in reply.headers.get_all(header::SET_COOKIE) {
            let text = value.to_str().expect("a cookie is text");
            let (pair, rest) = text.split_once(';').unwrap_or((text, ""));
            let (name, value) = pair.split_once('=').expect("a cookie has a value");
            if rest.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                logs::must_not_hold(value);
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
    }

    /// `GET`.
    pub async fn get(&mut self, path: &str) -> Reply {
        self.send(Method::GET, path, None).await
    }

    /// `POST` with a body.
    pub async fn post(&mut self, path: &str, body: Value) -> Reply {
        self.send(Method::POST, path, Some(&body)).await
    }

    /// `POST` without one.
    pub async fn post_empty(&mut self, path: &str) -> Reply {
        self.send(Method::POST, path, None).await
    }

    /// `PUT`.
    pub async fn put(&mut self, path: &str, body: Value) -> Reply {
        self.send(Method::PUT, path, Some(&body)).await
    }

    /// `PATCH`.
    pub async fn patch(&mut self, path: &str, body: Value) -> Reply {
        self.send(Method::PATCH, path, Some(&body)).await
    }

    /// `DELETE`.
    pub async fn delete(&mut self, path: &str) -> Reply {
        self.send(Method::DELETE, path, None).await
    }
}
