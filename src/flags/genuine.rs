//! Whether a webhook request knows one of the secrets, in the two ways in which services prove it.

use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use subtle::{Choice, ConstantTimeEq as _};

use super::Verdict;

/// By a signature: the HMAC-SHA256 of the body, in hex, without anything in front; `None` where there is none.
///
/// All secrets are tried, so that the time does not tell which of them it was.
pub(in crate::flags) fn signed(secrets: &[SecretString], signature: Option<&str>, body: &[u8]) -> Verdict {
    if secrets.is_empty() {
        return Verdict::NoSecret;
    }
    let Some(signature) = signature.and_then(|text| hex::decode(text.trim()).ok()) else {
        return Verdict::Forged;
    };
    let mut genuine = false;
    for secret in secrets {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes()) else { continue };
        mac.update(body);
        genuine |= mac.verify_slice(&signature).is_ok();
    }
    verdict(genuine)
}

/// By the secret itself, which stands in a header; `None` where it does not.
pub(in crate::flags) fn named(secrets: &[SecretString], given: Option<&str>) -> Verdict {
    if secrets.is_empty() {
        return Verdict::NoSecret;
    }
    let Some(given) = given else { return Verdict::Forged };
    // Digests have one length, so that the time tells nothing of that of a secret.
    let given = Sha256::digest(given.trim().as_bytes());
    let genuine = secrets.iter().fold(Choice::from(0), |genuine, secret| {
        genuine | Sha256::digest(secret.expose_secret().trim().as_bytes()).ct_eq(&given)
    });
    verdict(genuine.into())
}

fn verdict(genuine: bool) -> Verdict {
    if genuine { Verdict::Genuine } else { Verdict::Forged }
}
