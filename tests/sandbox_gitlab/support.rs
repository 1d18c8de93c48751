//! A small cast: a project with people in each role, a bot with a token, and a client that speaks HTTP.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use flaglink::sandbox::faults::Faults;
use flaglink::sandbox::gitlab::{Gitlab, NoteableRef, Visibility, level};
use flaglink::sandbox::server::{Handler, Request, Response, Server};
use http::StatusCode;
use reqwest::Method;
use serde_json::Value;

/// Longer than anything here takes.
pub(crate) const SOON: Duration = Duration::from_secs(10);

/// One answer, read whole.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) json: Value,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

pub(crate) struct Scene {
    pub(crate) gitlab: Gitlab,
    pub(crate) project: u64,
    pub(crate) maintainer: u64,
    pub(crate) alice: u64,
    pub(crate) guest: u64,
    pub(crate) stranger: u64,
    pub(crate) bot: u64,
    pub(crate) bot_name: String,
    pub(crate) token: String,
    pub(crate) issue: NoteableRef,
    client: reqwest::Client,
}

impl Scene {
    /// A private project `shop/checkout` with an issue by alice, who is a developer; the bot is a developer too.
    pub(crate) async fn new() -> Self {
        let gitlab = Gitlab::start().await.unwrap();
        let project = gitlab.project("shop/checkout", Visibility::Private);
        let (maintainer, alice) = (gitlab.user("mia"), gitlab.user("alice"));
        let (guest, stranger) = (gitlab.user("gus"), gitlab.user("stranger"));
        gitlab.member(project, maintainer, level::MAINTAINER);
        gitlab.member(project, alice, level::DEVELOPER);
        gitlab.member(project, guest, level::GUEST);
        let bot = gitlab.project_token(project, level::DEVELOPER, &["api"]);
        let issue = gitlab.issue(alice, project, "Checkout is slow", "Sometimes.").unwrap();
        let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Self {
            gitlab,
            project,
            maintainer,
            alice,
            guest,
            stranger,
            bot: bot.user,
            bot_name: bot.username,
            token: bot.secret,
            issue,
            client,
        }
    }

    /// A request by a token (empty: nobody in particular), to a path below `/api/v4`.
    pub(crate) async fn ask(&self, token: &str, method: Method, path: &str, body: Option<Value>) -> Answer {
        self.try_ask(token, method, path, body).await.unwrap()
    }

    pub(crate) async fn try_ask(
        &self,
        token: &str,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Result<Answer, reqwest::Error> {
        let mut request = self.client.request(method, format!("{}/api/v4{path}", self.gitlab.url()));
        if !token.is_empty() {
            request = request.header("PRIVATE-TOKEN", token);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await?;
        let json = serde_json::from_str(&text).unwrap_or(Value::String(text));
        Ok(Answer { status, headers, json })
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask(&self.token, Method::GET, path, None).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.ask(&self.token, Method::POST, path, Some(body)).await
    }

    pub(crate) async fn put(&self, path: &str, body: Value) -> Answer {
        self.ask(&self.token, Method::PUT, path, Some(body)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.ask(&self.token, Method::DELETE, path, None).await
    }

    pub(crate) async fn graphql(&self, token: &str, body: Value) -> Answer {
        let request = self.client.post(format!("{}/api/graphql", self.gitlab.url()));
        let response = request.bearer_auth(token).json(&body).send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Answer { status, headers, json: response.json().await.unwrap() }
    }

    /// The path of the scene's issue.
    pub(crate) fn at(&self, rest: &str) -> String {
        format!("/projects/{}/issues/{}{rest}", self.project, self.issue.iid)
    }

    pub(crate) async fn until(&self, wanted: impl FnMut(&flaglink::sandbox::gitlab::Model) -> bool) {
        self.gitlab.until(SOON, wanted).await.unwrap_or_else(|state| panic!("{state}"));
    }
}

/// Somebody who receives webhooks and answers them all with one status.
struct Receiver(StatusCode);

#[async_trait]
impl Handler for Receiver {
    async fn handle(&self, _request: Request) -> Response {
        Response::empty(self.0)
    }
}

/// Starts a receiver of webhooks; what it received is in its faults' log.
pub(crate) async fn receiver(status: u16) -> Server {
    let status = StatusCode::from_u16(status).unwrap();
    Server::start(Arc::new(Receiver(status)), Faults::new()).await.unwrap()
}
