//! An endpoint of the `gitlab` crate with one more parameter.
//!
//! Its builders take moments as the types of a library that flaglink does not use; GitLab takes them as text.

use gitlab::api::endpoint_prelude::*;

/// An endpoint and one more parameter of its query.
#[derive(Debug)]
pub(in crate::gitlab) struct Also<E> {
    pub(in crate::gitlab) of: E,
    pub(in crate::gitlab) name: &'static str,
    pub(in crate::gitlab) value: String,
}

impl<E: Endpoint> Endpoint for Also<E> {
    fn method(&self) -> Method {
        self.of.method()
    }

    fn endpoint(&self) -> Cow<'static, str> {
        self.of.endpoint()
    }

    fn parameters(&self) -> QueryParams<'_> {
        let mut parameters = self.of.parameters();
        parameters.push(self.name, self.value.as_str());
        parameters
    }
}
