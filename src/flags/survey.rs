//! What a service tells about itself to whoever sets flaglink up, or looks for what is wrong.

/// Something that flags live in: a project of the service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceProject {
    /// As it is written in the configuration.
    pub id: String,
    /// As people know it.
    pub name: String,
}

/// How flaglink's webhook stands at the service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WebhookThere {
    /// It is there, on, and with a secret that flaglink has.
    Good,
    /// It is there, on, and nobody can see whether its secret is flaglink's.
    Perhaps,
    /// It is there, and switched off.
    Off,
    /// It is there with a secret that flaglink does not have.
    OtherSecret,
    /// There is none that leads here; these lead to a flaglink at another address.
    Elsewhere(Vec<String>),
    /// The key may not look; says why.
    Unseen(String),
}
