//! Secrets, and looking for them in any clothes.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What most encoders leave as it is.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Secrets by name, each in all the forms in which it would still be one.
#[derive(Default)]
pub(super) struct Needles(Vec<(String, Vec<u8>)>);

impl Needles {
    /// Adds a secret; each line of it is one.
    pub(super) fn add(&mut self, name: &str, secret: &str) {
        for secret in secret.lines().map(str::trim).filter(|line| !line.is_empty()) {
            // A scheme in front of it is none, nor is the public half of Flagsmith's keys or the mark of a signing token.
            let bare = secret.rsplit([' ', '.']).next().unwrap().trim_start_matches("whsec_");
            for secret in [secret, bare] {
                assert!(secret.len() >= 12, "{name} is too short to be told from other text: {secret}");
                self.0.extend(forms(secret).into_iter().map(|form| (name.to_owned(), form)));
            }
        }
    }

    /// Which of them stand in this, and what is around them. Empty: none.
    pub(super) fn found_in(&self, place: &str, text: &[u8]) -> Vec<String> {
        let mut found = Vec::new();
        for (name, form) in &self.0 {
            let Some(at) = memmem(text, form) else { continue };
            let around = &text[at.saturating_sub(120)..(at + form.len() + 40).min(text.len())];
            found.push(format!("{name} in {place}: …{}…", String::from_utf8_lossy(around)));
        }
        found
    }
}

/// As it is, as Base64 wherever in a longer text it stands, percent-encoded, in hexadecimal, and with the escapes of JSON.
fn forms(secret: &str) -> Vec<Vec<u8>> {
    let mut forms = vec![secret.to_owned(), hex::encode(secret), secret.replace('/', "\\/")];
    for set in [NON_ALPHANUMERIC, UNRESERVED] {
        let escaped = utf8_percent_encode(secret, set).to_string();
        forms.extend([escaped.to_ascii_lowercase(), escaped]);
    }
    for before in ["", "x", "xx"] {
        for engine in [&STANDARD, &URL_SAFE] {
            // The characters at both ends depend on what stands beside it.
            let encoded = engine.encode(format!("{before}{secret}"));
            let encoded = encoded.trim_end_matches('=');
            let start = if before.is_empty() { 0 } else { 4 };
            forms.push(encoded[start..encoded.len() - 1].to_owned());
        }
    }
    forms.sort();
    forms.dedup();
    forms.into_iter().map(String::into_bytes).collect()
}

fn memmem(text: &[u8], wanted: &[u8]) -> Option<usize> {
    let first = wanted.first()?;
    let mut from = 0;
    loop {
        let at = from + text.get(from..)?.iter().position(|byte| byte == first)?;
        if text[at..].starts_with(wanted) {
            return Some(at);
        }
        from = at + 1;
    }
}

/// A search that finds nothing anywhere would find nothing here either.
#[test]
fn a_secret_is_found_in_every_clothing() {
    let mut needles = Needles::default();
    let secret = "a+secret/of-mine,\u{fc}ber=alles";
    needles.add("it", &format!("Bearer {secret}"));
    for text in [
        format!("token {secret}."),
        format!("Basic {}", STANDARD.encode(format!("Bearer {secret}"))),
        format!("Basic {}", URL_SAFE.encode(format!("user:Bearer {secret}@host"))),
        format!("?token={}&x=1", utf8_percent_encode(&format!("Bearer {secret}"), NON_ALPHANUMERIC)),
        hex::encode(format!("xBearer {secret}")),
    ] {
        // What a form is found by is the secret after the scheme.
        assert!(!needles.found_in("text", text.as_bytes()).is_empty(), "{text}");
    }
    assert!(needles.found_in("text", b"Bearer a secret of mine").is_empty());
}
