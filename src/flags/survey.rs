//! What a service tells about itself to whoever sets flaglink up, or looks for what is wrong.

/// Something that flags live in: a project of the service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceProject {
    /// As it is written in the configuration.
    pub id: String,
    /// As people know it.
    pub name: String,
}

/// A service of a version that is older than what flaglink is made for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TooOld {
    /// Its version, as it tells it.
    pub version: String,
    /// The oldest that flaglink is made for.
    pub least: &'static str,
}

/// The newest delivery of a webhook, which was not taken or went elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedDelivery {
    /// When, by the service's clock; `None` where it does not say.
    pub at: Option<jiff::Timestamp>,
    /// The status of the answer, as the service has it.
    pub status: Option<u16>,
    /// The answer for people: `401`, or the service's own words.
    pub answer: String,
    /// Where it went, if not to flaglink's address.
    pub to: Option<String>,
}

/// How flaglink's webhook stands at the service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WebhookThere {
    /// It is there, on, and with a secret that flaglink has.
    Good,
    /// It is there, on, and nobody can see whether its secret is flaglink's.
    Perhaps,
    /// It is there and on, and is not sent for all that flaglink needs; the text says for what, as half a sentence.
    Narrowed(String),
    /// It is there and on, and its newest delivery did not come through.
    Failing(FailedDelivery),
    /// It is there, and switched off.
    Off,
    /// It is there with a secret that flaglink does not have.
    OtherSecret,
    /// There is none that leads here; these lead to a flaglink at another address.
    Elsewhere(Vec<String>),
    /// The key may not look; says why.
    Unseen(String),
}
