//! What is the matter with TLS, from what rustls says: its errors come wrapped, as words alone.

/// What rustls puts before whatever is wrong with a certificate.
const CERTIFICATE: &str = "invalid peer certificate: ";

/// Why TLS was not agreed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsTrouble {
    /// The certificate has expired.
    Expired,
    /// It is not valid yet.
    NotYetValid,
    /// It is for another name.
    OtherName,
    /// Nobody who is trusted vouches for it, or it is no good otherwise.
    Untrusted,
    /// What answers does not speak TLS.
    NotTls,
    /// Something else.
    Other,
}

impl TlsTrouble {
    /// From rustls' words. They name hosts too, so only their beginnings count.
    pub fn of(said: &str) -> Self {
        let lower = said.to_ascii_lowercase();
        let begins = |words: &[&str]| words.iter().any(|word| lower.starts_with(word));
        if begins(&["received corrupt message"]) {
            return Self::NotTls;
        }
        let Some(of_certificate) = lower.strip_prefix(CERTIFICATE) else { return Self::Other };
        let begins = |words: &[&str]| words.iter().any(|word| of_certificate.starts_with(word));
        if begins(&["expired", "certificate expired"]) {
            Self::Expired
        } else if begins(&["notvalidyet", "certificate not valid yet"]) {
            Self::NotYetValid
        } else if begins(&["notvalidforname", "certificate not valid for "]) {
            Self::OtherName
        } else {
            Self::Untrusted
        }
    }
}
