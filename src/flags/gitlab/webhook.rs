//! GitLab's webhook about a feature flag. It comes only when a flag is switched on or off as a whole.

use serde_json::Value;

use crate::domain::{Claim, FlagPointer};
use crate::flags::Hint;

pub(super) fn read(project: Option<&str>, body: &[u8]) -> Option<Hint> {
    let body: Value = serde_json::from_slice(body).ok()?;
    if body.get("object_kind")?.as_str()? != "feature_flag" {
        return None;
    }
    let place = body.get("project")?;
    let scope = place.get("id")?.as_u64()?.to_string();
    if let Some(project) = project {
        let path = place.get("path_with_namespace").and_then(Value::as_str).unwrap_or_default();
        if project != scope && !project.eq_ignore_ascii_case(path) {
            return None;
        }
    }
    let flag = body.get("object_attributes")?;
    let key = flag.get("name")?.as_str().filter(|name| !name.is_empty())?.to_owned();
    let by = body.get("user").and_then(|user| user.get("username")?.as_str()).map(str::to_owned);
    let claim = Claim {
        everywhere: true,
        on: flag.get("active").and_then(Value::as_bool),
        by,
        visible: true,
        ..Claim::default()
    };
    Some(Hint { flag: FlagPointer::Key { scope, key }, claim: Some(claim) })
}
