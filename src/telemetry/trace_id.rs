//! The id that follows one webhook through everything.

use std::fmt;

/// A short random id, given to a webhook request when it comes in. Every log line about what follows from it carries
/// it, so that one `grep` shows the whole way. Not a secret, and no proof of anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceId(u64);

/// Its letters: 40 bits in 8 of them. Without those that people read as one another.
const LETTERS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

impl TraceId {
    /// A new one. Where the system has no randomness to give, all are the same: lines are then harder to
    /// tell apart, which is no reason to refuse a webhook.
    pub fn random() -> Self {
        let mut bytes = [0_u8; 8];
        match getrandom::fill(&mut bytes) {
            Ok(()) => Self(u64::from_be_bytes(bytes) >> 24),
            Err(_) => Self(0),
        }
    }

    /// The span in which a webhook is worked on. `source` is `gitlab` or a provider's name.
    pub fn span(self, source: &str) -> tracing::Span {
        tracing::info_span!("webhook", id = %self, source)
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for place in (0..8).rev() {
            let letter = usize::try_from((self.0 >> (place * 5)) & 31).ok().and_then(|at| LETTERS.get(at));
            write!(f, "{}", char::from(*letter.unwrap_or(&b'0')))?;
        }
        Ok(())
    }
}
