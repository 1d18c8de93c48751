//! What is asked about the instance and about the token itself.

use gitlab::api::endpoint_prelude::*;

/// `GET` of a path that never changes: `version`, `metadata`, `personal_access_tokens/self`.
#[derive(Debug)]
pub(in crate::gitlab) struct Plain(pub(in crate::gitlab) &'static str);

impl Endpoint for Plain {
    fn method(&self) -> Method {
        Method::GET
    }

    fn endpoint(&self) -> Cow<'static, str> {
        self.0.into()
    }
}
