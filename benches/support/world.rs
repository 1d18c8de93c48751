//! A GitLab and a Flagsmith in this process, and the real daemon between them in its own.

use bytes::Bytes;
use flaglink::sandbox::flagsmith::{Flagsmith, Person};
use flaglink::sandbox::gitlab::{Gitlab, HookSpec, NoteableRef, Visibility, level};
use http_body_util::Full;
use hyper::Request;

use super::house::{Around, FLAGSMITH_SECRET, GITLAB_SECRET, House};

/// The two servers and who uses them.
pub(crate) struct World {
    pub(crate) gitlab: Gitlab,
    pub(crate) flagsmith: Flagsmith,
    pub(crate) house: House,
    pub(crate) bot: u64,
    pub(crate) bot_token: String,
    pub(crate) mara: u64,
    pub(crate) shop: u64,
    pub(crate) ada: Person,
}

impl World {
    pub(crate) async fn new() -> Self {
        let gitlab = Gitlab::start().await.unwrap();
        let flagsmith = Flagsmith::start().await.unwrap();
        flagsmith.take_private_addresses(true);
        let bot = gitlab.bot("flag-bot");
        let bot_token = gitlab.token(bot, &["api"]);
        let shop = gitlab.project("shop/web", Visibility::Private);
        let mara = gitlab.user("mara");
        gitlab.member(shop, bot, level::MAINTAINER);
        gitlab.member(shop, mara, level::DEVELOPER);
        let project = flagsmith.new_project("Web shop");
        let ada = flagsmith.person("ada@example.com", project);
        for environment in ["development", "staging", "production"] {
            ada.new_environment(environment).unwrap();
        }
        ada.new_flag("checkout_v2", false, "blue").unwrap();
        let house = House::new(&Around {
            gitlab: gitlab.url(),
            gitlab_token: bot_token.clone(),
            flagsmith: flagsmith.url(),
            flagsmith_key: flagsmith.api_key(),
            flagsmith_project: project,
        });
        Self { gitlab, flagsmith, house, bot, bot_token, mara, shop, ada }
    }

    /// Both servers send their webhooks to the daemon from now on.
    pub(crate) fn send_webhooks(&self) {
        let address = self.house.webhooks;
        let hook = HookSpec::everything(&format!("http://{address}/hooks/gitlab"), GITLAB_SECRET);
        self.gitlab.hook(self.shop, hook);
        let flags = format!("http://{address}/hooks/providers/flagsmith");
        self.flagsmith.organisation_webhook(&flags, FLAGSMITH_SECRET);
    }

    /// A new issue of mara's.
    pub(crate) fn issue(&self) -> NoteableRef {
        self.gitlab.issue(self.mara, self.shop, "Checkout is slow", "").unwrap()
    }

    /// The webhook about a comment of mara's.
    pub(crate) fn webhook(&self, on: NoteableRef, note: u64, text: &str) -> Request<Full<Bytes>> {
        let iid = self.gitlab.read(|model| model.noteables[&on].place.iid);
        let body = serde_json::json!({
            "object_kind": "note",
            "user": { "id": self.mara },
            "project": { "id": self.shop, "path_with_namespace": "shop/web" },
            "object_attributes": { "id": note, "author_id": self.mara, "noteable_type": "Issue", "system": false, "note": text },
            "issue": { "iid": iid }
        });
        Request::post("/hooks/gitlab")
            .header("Host", self.house.webhooks.to_string())
            .header("Content-Type", "application/json")
            .header("X-Gitlab-Token", GITLAB_SECRET)
            .header("Idempotency-Key", format!("note-{note}"))
            .body(Full::new(Bytes::from(body.to_string())))
            .unwrap()
    }
}
