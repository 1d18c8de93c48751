//! Secrets: where they come from, what is wrong with them, and that nothing ever shows them.

#![expect(clippy::unwrap_used, clippy::panic, reason = "in a test a panic is the report")]

use std::path::Path;

use flaglink::config::MarkerKeySource;
use flaglink::flags::{Registry, Surroundings};
use secrecy::{ExposeSecret, SecretString};

#[path = "support/config_dir.rs"]
mod config_dir;
use config_dir::{ConfigDir, LEAST};

fn shown(secrets: &[SecretString]) -> Vec<&str> {
    secrets.iter().map(|secret| secret.expose_secret()).collect()
}

#[cfg(unix)]
fn mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn each_line_is_a_secret_of_a_webhook_and_the_first_is_the_token() {
    let dir = ConfigDir::new();
    dir.write("webhook-secret", "\u{feff}first secret of all\r\n\r\n  second-secret-of-all\t\n\n");
    dir.write("gitlab-token", "\n\nnew-token\r\nold-token\n");
    let config = dir.good(LEAST);
    assert_eq!(shown(&config.gitlab.webhook_secrets), ["first secret of all", "second-secret-of-all"]);
    assert_eq!(config.gitlab.token.expose_secret(), "new-token");
}

#[test]
fn credentials_come_before_what_is_beside_the_file() {
    let dir = ConfigDir::new();
    let credentials = dir.path().join("credentials");
    let dir = dir.set("CREDENTIALS_DIRECTORY", credentials.to_str().unwrap());
    assert_eq!(dir.good(LEAST).gitlab.token.expose_secret(), "a-token-of-the-bot", "none there yet");
    dir.write("credentials/gitlab-token", "from-the-service-manager");
    assert_eq!(dir.good(LEAST).gitlab.token.expose_secret(), "from-the-service-manager");
    let absolute = dir.write("elsewhere/token", "absolute-token");
    let text = LEAST.replace("\"gitlab-token\"", &format!("{absolute:?}"));
    assert_eq!(dir.good(&text).gitlab.token.expose_secret(), "absolute-token");
    let error = dir.bad(&LEAST.replace("\"gitlab-token\"", "\"gitlab-tokn\""));
    assert!(error.contains("there is no file credentials/gitlab-tokn, and no gitlab-tokn"), "{error}");
}

#[test]
fn the_environment_can_hold_secrets_and_replaces_a_file_of_the_configuration() {
    let dir = ConfigDir::new()
        .set("BOT_TOKEN", "token-from-a-variable\n")
        .set("HOOKS", "one-secret-of-two\ntwo-secret-of-two")
        .set("FLAGLINK_GITLAB__WEBHOOK_SECRET_ENV", "HOOKS");
    let config = dir.good(&LEAST.replace("token_file = \"gitlab-token\"", "token_env = \"BOT_TOKEN\""));
    assert_eq!(config.gitlab.token.expose_secret(), "token-from-a-variable");
    assert_eq!(shown(&config.gitlab.webhook_secrets), ["one-secret-of-two", "two-secret-of-two"]);
    let error = dir.set("FLAGLINK_GITLAB__WEBHOOK_SECRET_FILE", "webhook-secret").bad(LEAST);
    assert!(error.contains("`webhook_secret_file` is given as well; take one of them away"), "{error}");
}

#[test]
fn bad_secrets_are_named_and_never_shown() {
    let dir = ConfigDir::new()
        .set("EMPTY", " \n")
        .set("SET", "hush-hush-hush")
        .set("FLAGLINK_GITLAB__TOKEN", "hush-hush");
    let error = dir.bad(LEAST);
    assert!(
        error.contains("secrets are never written into the configuration") && !error.contains("hush"),
        "{error}"
    );

    let dir = ConfigDir::new()
        .set("EMPTY", " \n")
        .set("SET", "hush-hush-hush")
        .set("QUOTED", "\u{201c}hush-hush\u{201d}");
    dir.write("quoted", "\u{feff}\"hush-hush\"\n");
    dir.write("header", "private-token: hush-hush\n");
    dir.write("two", "hush hush\n");
    dir.write("unseen", "hush\u{200b}-hush\n");
    dir.write("empty", " \r\n\n");
    dir.write("binary", "hush\u{0}hush");
    dir.write("long", &"hush".repeat(100_000));
    std::fs::write(dir.path().join("latin1"), [b'h', 0xfc, b'h']).unwrap();
    let token = |line: &str| LEAST.replace("token_file = \"gitlab-token\"", line);
    for (line, expected) in [
        ("token_file = \"nowhere\"", "`token_file` in [gitlab]: there is no file nowhere"),
        ("token_file = \"empty\"", "empty is empty; it should hold the secret"),
        ("token_file = \"binary\"", "control characters"),
        ("token_file = \"quoted\"", "what stands in quoted has quotes around it: write the token alone"),
        ("token_file = \"header\"", "what stands in header begins with the name of a header"),
        ("token_file = \"two\"", "what stands in two has a space in it"),
        ("token_file = \"unseen\"", "what stands in unseen has an invisible letter in it"),
        ("token_env = \"QUOTED\"", "what is in that environment variable has quotes around it"),
        ("token_file = \"long\"", "far too long"),
        ("token_file = \"latin1\"", "cannot be read"),
        ("token_file = \".\"", "cannot be read: it is a directory"),
        ("token_file = \"\"", "names no file"),
        ("token_file = \"glpat-hushhush\"", "looks like a secret itself"),
        ("token_file = \"gitlab-token\"\ntoken_env = \"SET\"", "`token_file` is given as well"),
        ("token_env = \"NOT_SET\"", "the environment variable NOT_SET is not set"),
        ("token_env = \"EMPTY\"", "the environment variable EMPTY is empty"),
        ("token_env = \"glpat-hushhush\"", "the name of an environment variable, not the secret itself"),
        ("token_env = \"glpat_hush hush\"", "the name of an environment variable, not the secret itself"),
        ("token_file = 12345", "this should be a text, not a whole number"),
        ("token = \"hush\"", "Put it into a file and write `token_file"),
        ("token_fil = \"hush\"", "Did you mean `token_file`?"),
        ("token = \"hush", "this is not TOML"),
        ("token_file = \"gitlab-token\"\nsigning_token_env = \"SET\"", "a signing token is `whsec_`"),
    ] {
        let error = dir.bad(&token(line));
        assert!(error.contains(expected), "\n  it said   {error}\n  expected  {expected}");
        assert!(!error.contains("hush"), "a secret is shown: {error}");
    }
    let whole = dir.good(&token("token_env = \"SET\""));
    assert!(!format!("{whole:?}").contains("hush"), "{whole:?}");
}

#[cfg(unix)]
#[test]
fn a_secret_that_everybody_can_read_is_warned_about_and_works() {
    let dir = ConfigDir::new();
    dir.write("flagsmith-key", "k");
    let text = LEAST.replace("kind = ", "api_key_file = \"flagsmith-key\"\nkind = ");
    assert_eq!(dir.good(&text).warnings, Vec::<String>::new());
    mode(&dir.path().join("gitlab-token"), 0o644);
    mode(&dir.path().join("flagsmith-key"), 0o604);
    mode(&dir.path().join("webhook-secret"), 0o640);
    let warnings = dir.good(&text).warnings;
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    assert!(
        warnings[0].contains("gitlab-token, which `token_file` in [gitlab] names; `chmod 600` it"),
        "{warnings:?}"
    );
    assert!(warnings[1].contains("`api_key_file` in [providers.flagsmith]"), "{warnings:?}");
}

#[test]
fn a_short_webhook_secret_is_warned_about() {
    let dir = ConfigDir::new();
    dir.write("webhook-secret", "0123456789abcdef\nshort");
    let warnings = dir.good(LEAST).warnings;
    assert!(warnings[0].contains("can be guessed") && !warnings[0].contains("short\n"), "{warnings:?}");
}

#[test]
fn a_provider_reads_its_secrets_and_files_the_same_way() {
    let dir = ConfigDir::new().set("KEY", "key-in-a-variable");
    dir.write("hooks", "new\nold\n");
    dir.write("ca.pem", "-----BEGIN");
    let table = |lines: &str| {
        dir.good(&LEAST.replace("kind = ", &format!("{lines}\nkind = ")))
            .providers
            .into_iter()
            .next()
            .unwrap()
    };
    let flagsmith = table("api_key_env = \"KEY\"\nwebhook_secret_file = \"hooks\"\nca_file = \"ca.pem\"");
    assert_eq!(shown(&flagsmith.secrets("api_key").unwrap().unwrap()), ["key-in-a-variable"]);
    assert_eq!(shown(&flagsmith.secrets("webhook_secret").unwrap().unwrap()), ["new", "old"]);
    assert!(flagsmith.secrets("other").unwrap().is_none());
    assert_eq!(flagsmith.file("ca_file").unwrap().unwrap(), dir.path().join("ca.pem"));
    assert!(flagsmith.file("other_file").unwrap().is_none());
    let missing = table("api_key_file = \"nowhere\"");
    let error = missing.secrets("api_key").unwrap_err().to_string();
    assert!(error.contains("`api_key_file` in [providers.flagsmith]: there is no file"), "{error}");
    assert!(missing.file("api_key_file").is_err());
    assert!(!format!("{flagsmith:?}").contains("variable"), "{flagsmith:?}");
}

fn key_of(dir: &ConfigDir, store_is_new: bool) -> Result<Vec<u8>, String> {
    let config = dir.good(&format!("[store]\npath = \"data\"\n{LEAST}"));
    let key = config.store.marker_key.read_or_make(store_is_new).map_err(|error| error.to_string())?;
    Ok(key.expose_secret().to_vec())
}

#[test]
fn the_marker_key_is_made_once_beside_the_file_for_its_owner_alone() {
    let dir = ConfigDir::new();
    let path = dir.path().join("marker-key");
    let key = key_of(&dir, true).unwrap();
    assert_eq!(key.len(), 32);
    assert_ne!(key, [0; 32]);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
    // The next starts, of this store or one that was emptied, have the same key, and nothing else is left behind.
    assert_eq!(key_of(&dir, false).unwrap(), key);
    assert_eq!(key_of(&dir, true).unwrap(), key);
    let drafts = std::fs::read_dir(dir.path()).unwrap();
    assert!(drafts.flatten().all(|entry| !entry.file_name().to_string_lossy().contains(".new")));
    // Another installation has another key.
    assert_ne!(key_of(&ConfigDir::new(), true).unwrap(), key);
}

#[test]
fn a_lost_marker_key_is_not_replaced_in_silence() {
    let dir = ConfigDir::new();
    let key = key_of(&dir, true).unwrap();
    std::fs::rename(dir.path().join("marker-key"), dir.path().join("copy")).unwrap();
    let error = key_of(&dir, false).unwrap_err();
    assert!(error.contains("Put it back") && error.contains("openssl rand -hex 32 >"), "{error}");
    assert!(!dir.path().join("marker-key").exists());
    std::fs::rename(dir.path().join("copy"), dir.path().join("marker-key")).unwrap();
    assert_eq!(key_of(&dir, false).unwrap(), key);
}

#[test]
fn a_marker_key_that_is_no_key_is_never_overwritten() {
    for text in ["", "short\n", "0123456789abcdef0123456789abcde"] {
        let dir = ConfigDir::new();
        dir.write("marker-key", text);
        let error = key_of(&dir, true).unwrap_err();
        assert!(error.contains("too short"), "{error}");
        assert_eq!(std::fs::read_to_string(dir.path().join("marker-key")).unwrap(), text);
    }
}

#[test]
fn where_the_marker_key_cannot_be_kept_the_error_says_what_to_do() {
    let dir = ConfigDir::new();
    dir.write("file", "");
    for place in ["nowhere/marker-key", "file/marker-key"] {
        let text = format!("[store]\npath = \"data\"\nmarker_key_file = \"{place}\"\n{LEAST}");
        let error = dir.good(&text).store.marker_key.read_or_make(true).unwrap_err().to_string();
        assert!(error.contains(place) && error.contains("`marker_key_file` in [store]"), "{error}");
    }
}

#[test]
fn however_many_start_at_once_they_end_with_one_key() {
    let dir = ConfigDir::new();
    let source = MarkerKeySource::File(dir.path().join("marker-key"));
    let start = std::sync::Barrier::new(8);
    let keys: Vec<Vec<u8>> = std::thread::scope(|scope| {
        let starts: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    start.wait();
                    source.read_or_make(true).unwrap().expose_secret().to_vec()
                })
            })
            .collect();
        starts.into_iter().map(|start| start.join().unwrap()).collect()
    });
    assert!(keys.iter().all(|key| *key == keys[0]));
    assert_eq!(source.read_or_make(false).unwrap().expose_secret(), keys[0]);
}

#[test]
fn the_marker_key_may_come_from_the_environment_or_the_credentials() {
    let dir = ConfigDir::new().set("MARKER", "any text of at least 32 characters");
    let text = format!("[store]\nmarker_key_env = \"MARKER\"\n{LEAST}");
    let key = dir.good(&text).store.marker_key.read_or_make(false).unwrap();
    assert_eq!(key.expose_secret(), b"any text of at least 32 characters");
    let both = format!("[store]\nmarker_key_env = \"MARKER\"\nmarker_key_file = \"marker-key\"\n{LEAST}");
    assert!(dir.bad(&both).contains("is given as well"));

    let credentials = dir.path().join("credentials");
    let dir = dir.set("CREDENTIALS_DIRECTORY", credentials.to_str().unwrap());
    dir.write("credentials/marker-key", &"5a".repeat(32));
    assert_eq!(key_of(&dir, false).unwrap(), [0x5a; 32]);
}

#[test]
fn what_stands_around_the_key_of_a_service_is_named_too() {
    let dir = ConfigDir::new();
    dir.write("flagsmith-key", "'hush.hush'");
    let text = LEAST.replace("kind = ", "project = 3\napi_key_file = \"flagsmith-key\"\nkind = ");
    let config = dir.good(&text);
    let error = Registry::build(&config.providers, &Surroundings::default()).unwrap_err().to_string();
    assert!(
        error.contains("`api_key_file`") && error.contains("flagsmith-key has quotes around it"),
        "{error}"
    );
    assert!(!error.contains("hush"), "{error}");
}
