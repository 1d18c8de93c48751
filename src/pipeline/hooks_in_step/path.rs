//! The paths of registered webhooks, and the secrets that belong to them.
//!
//! A path is a random part and a keyed digest of it and of whom it is for. So this installation knows its own, also where its
//! store or an answer was lost; and no path is good anywhere but where it was registered. The secrets are derived from
//! the same key and the path: they are kept nowhere.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::SecretString;
use url::Url;

use crate::domain::HookTarget;
use crate::gitlab::WebhookSecrets;
use crate::markdown::MarkerKey;

/// Below which the paths are.
pub(super) const BELOW: &str = "hooks/gitlab/";
/// The random part, in bytes.
const RANDOM: usize = 16;
/// As much of the digest stands in the path, in hexadecimal digits.
const DIGEST: usize = 16;

/// A path that there never was. `None` where the system gives no random numbers.
pub(super) fn new(key: &MarkerKey, target: &HookTarget) -> Option<String> {
    let mut random = [0_u8; RANDOM];
    getrandom::fill(&mut random).ok()?;
    let random = hex::encode(random);
    let digest = digest(key, target, &random);
    Some(format!("{random}-{digest}"))
}

/// Whether this installation made that path for that target.
pub(in crate::pipeline) fn is_ours(key: &MarkerKey, target: &HookTarget, path: &str) -> bool {
    parts(path).is_some_and(|(random, given)| digest(key, target, random) == given)
}

/// Whether some flaglink made that path: people write none like it.
pub(super) fn is_registered(path: &str) -> bool {
    parts(path).is_some()
}

/// The random part and the digest of a path that is made of them.
fn parts(path: &str) -> Option<(&str, &str)> {
    let (random, digest) = path.rsplit_once('-')?;
    let is_hex = |part: &str| part.bytes().all(|byte| byte.is_ascii_hexdigit());
    (random.len() == RANDOM * 2 && digest.len() == DIGEST && is_hex(random) && is_hex(digest))
        .then_some((random, digest))
}

fn digest(key: &MarkerKey, target: &HookTarget, random: &str) -> String {
    let whole = hex::encode(key.derived("hook path", &format!("{target} {random}")));
    whole.chars().take(DIGEST).collect()
}

/// The path in the address of a webhook, whatever stands before it.
pub(in crate::pipeline) fn in_url(url: &str) -> Option<String> {
    let url = Url::parse(url).ok()?;
    let (_, id) = url.path().rsplit_once(&format!("/{BELOW}"))?;
    (!id.is_empty() && !id.contains('/')).then(|| id.to_owned())
}

/// The secret token of a path.
pub(super) fn token(key: &MarkerKey, path: &str) -> SecretString {
    hex::encode(key.derived("hook secret", path)).into()
}

/// The signing token of a path, as GitLab takes it.
pub(super) fn signing_token(key: &MarkerKey, path: &str) -> SecretString {
    format!("whsec_{}", STANDARD.encode(key.derived("hook signing", path))).into()
}

/// What requests to a path are checked against.
pub(super) fn secrets(key: &MarkerKey, path: &str, require_signature: bool) -> WebhookSecrets {
    WebhookSecrets {
        tokens: vec![token(key, path)],
        signing: vec![signing_token(key, path)],
        require_signature,
    }
}

/// By which another key is noticed.
pub(super) fn print_of(key: &MarkerKey) -> String {
    hex::encode(key.derived("hook key", "")).chars().take(16).collect()
}
