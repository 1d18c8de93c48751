//! Unattended: from nothing to the first link, again without any change, and shown without doing.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use flaglink::config::Config;
use flaglink::daemon::Daemon;
use flaglink::sandbox::faults::{Fault, Rule};
use flaglink::sandbox::gitlab::{HookSpec, level};

use crate::place::{PATIENCE, Place, Said};

#[tokio::test(flavor = "multi_thread")]
async fn from_nothing_to_the_first_link() {
    let place = Place::new().await;
    let said = place.init(&place.flags()).await;
    assert_eq!((said.code, said.err.as_str()), (0, ""), "{said:?}");
    assert!(said.out.contains("/flag link checkout_v2") && said.out.contains("flaglink run"), "{said:?}");

    // Secrets are for their owner alone, and nothing secret is in the file.
    let files = place.files();
    let names: Vec<&str> = files.keys().map(String::as_str).collect();
    assert_eq!(names, ["flaglink.toml", "flagsmith-key", "flagsmith-webhook", "gitlab-token", "marker-key"]);
    for (name, text) in files.iter().filter(|(name, _)| *name != "flaglink.toml") {
        let mode = std::fs::metadata(place.path(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{name}");
        assert!(!files["flaglink.toml"].contains(text.trim()), "{name}");
    }
    assert_eq!(files["gitlab-token"].trim(), place.token, "what was pasted around it is gone");
    assert!(files["flaglink.toml"].contains("# what the tunnel"), "it has comments");

    // Webhooks are there, on both sides.
    let hooks = place.gitlab.read(|model| model.hooks.values().cloned().collect::<Vec<_>>());
    assert_eq!(hooks.len(), 1, "{said:?}");
    assert!(
        hooks[0].url.starts_with(&format!("http://{}/hooks/gitlab/", place.webhooks)),
        "{}",
        hooks[0].url
    );
    let webhooks = place.flagsmith.read(|world| world.webhooks.len());
    assert_eq!(webhooks, 1);

    place.own_admin();
    let config = Config::load(&place.path("flaglink.toml"), &BTreeMap::new()).unwrap();
    let daemon = Daemon::start(config).await.unwrap();
    tokio::time::timeout(PATIENCE, daemon.caught_up(1)).await.unwrap();
    let issue = place.gitlab.issue(place.mara, place.shop, "Checkout is slow", "").unwrap();
    let note = place.gitlab.comment(place.mara, issue, "/flag link checkout_v2").unwrap();
    let done = |model: &flaglink::sandbox::gitlab::Model| {
        model.reactions(note, place.bot).contains(&"white_check_mark")
    };
    place.gitlab.until(PATIENCE, done).await.unwrap();

    // Again, while it runs: nothing is different, and a test goes all the way.
    let before = place.files();
    let again = place.init(&place.flags()).await;
    assert_eq!(again.code, 0, "{again:?}");
    assert!(again.out.contains("Nothing to change"), "{again:?}");
    assert!(again.out.contains("a test from shop/web arrived here"), "{again:?}");
    assert_eq!(place.files(), before);
    assert_eq!(place.gitlab.read(|model| model.hooks.len()), 1);
    // And with nothing but what stands there.
    let again = place.init(&[]).await;
    assert!(again.code == 0 && again.out.contains("Nothing to change"), "{again:?}");
    assert_eq!(place.files(), before);
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_shows_all_and_does_nothing() {
    let place = Place::new().await;
    let said = place.init(&[place.flags(), vec!["--dry-run".to_owned()]].concat()).await;
    assert_eq!((said.code, said.err.as_str()), (0, ""), "{said:?}");
    for words in [
        "[gitlab]",
        "gitlab-token (mode 0600)",
        "…",
        "Webhooks would be registered in shop/web",
        "Nothing was written",
    ] {
        assert!(said.out.contains(words), "{words}: {said:?}");
    }
    assert!(place.files().is_empty() && !place.path("store").exists());
    assert_eq!(place.gitlab.read(|model| model.hooks.len()), 0);
    assert_eq!(place.flagsmith.read(|world| world.webhooks.len()), 0);
    let asked = place.gitlab.faults().log();
    assert!(asked.iter().all(|request| request.method == "GET"), "only read");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_differs_is_changed() {
    let place = Place::new().await;
    assert_eq!(place.init(&place.flags()).await.code, 0);
    let mine =
        place.read("flaglink.toml").replace("[gitlab]", "# my own words\n[gitlab]\ncatch_up = \"5m\" # mine");
    std::fs::write(place.path("flaglink.toml"), &mine).unwrap();
    let unasked = place.init(&place.flags()).await;
    assert!(unasked.out.contains("Nothing to change"), "{unasked:?}");
    assert_eq!(place.read("flaglink.toml"), mine);

    let other = place.gitlab.project("other/app", flaglink::sandbox::gitlab::Visibility::Private);
    place.gitlab.member(other, place.bot, level::MAINTAINER);
    let said = place.init(&place.flags_but("--projects", "shop/**,other/app")).await;
    assert!(
        said.out.contains("flaglink.toml is changed") && !said.out.contains("gitlab-token is written"),
        "{said:?}"
    );
    let now = place.read("flaglink.toml");
    assert!(now.starts_with(mine.trim_end()), "all that stood there stands there:\n{now}");
    assert!(now.trim_end().ends_with("match = \"other/app\"\ntell = [\"production\"]"), "{now}");
    assert_eq!(place.gitlab.read(|model| model.hooks.len()), 2);

    // A new token replaces the old one, and nothing else.
    let token = place.gitlab.token(place.bot, &["api"]);
    std::fs::write(place.path("given/token"), &token).unwrap();
    let said = place.init(&place.flags()).await;
    assert!(said.out.contains("gitlab-token is written") && !said.out.contains("toml is"), "{said:?}");
    assert_eq!(place.read("gitlab-token").trim(), token);
}

/// A flag that is given counts also for what is there.
#[tokio::test(flavor = "multi_thread")]
async fn who_says_anew_what_is_told_has_it_in_the_rules_that_are_there() {
    let place = Place::new().await;
    assert_eq!(place.init(&place.flags()).await.code, 0);
    assert!(place.read("flaglink.toml").contains("tell = [\"production\"]"));
    let again = async |tell: &str| {
        let said = place.init(&[place.flags(), vec!["--tell".to_owned(), tell.to_owned()]].concat()).await;
        assert_eq!(said.code, 0, "{said:?}");
        (said.out.contains("flaglink.toml is changed"), place.read("flaglink.toml"))
    };
    let (changed, now) = again("staging").await;
    assert!(changed && now.contains("tell = [\"staging\"]") && !now.contains("production"), "{now}");
    let (changed, same) = again("staging").await;
    assert!(!changed && same == now, "{same}");
    let (changed, now) = again("none").await;
    assert!(changed && !now.contains("tell ="), "{now}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_developers_token_and_no_address_are_enough() {
    let place = Place::new().await;
    place.gitlab.member(place.shop, place.bot, level::DEVELOPER);
    let said = place.init(&place.flags_but("--public-url", "none")).await;
    assert_eq!(said.code, 0, "{said:?}");
    for words in ["Settings → Webhooks", "/hooks/gitlab", "webhook-secret", "Confidential comments"] {
        assert!(said.out.contains(words), "{words}: {said:?}");
    }
    assert_eq!(place.read("webhook-secret").trim().len(), 64);
    Config::load(&place.path("flaglink.toml"), &BTreeMap::new()).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn unleash_and_gitlabs_own_flags() {
    let place = Place::new().await;
    std::fs::write(place.path("given/key"), place.unleash.token()).unwrap();
    let mut flags = place.flags_but("--service", "unleash");
    let at = flags.iter().position(|one| one == "--service-url").unwrap();
    flags[at + 1] = format!("{}/projects/default/features", place.unleash.url());
    flags.retain(|one| one != "--service-project" && *one != place.flags.to_string());
    let said = place.init(&flags).await;
    assert_eq!(said.code, 0, "{said:?}");
    let config = place.read("flaglink.toml");
    assert!(config.contains("[providers.unleash]") && config.contains("project = \"default\""), "{config}");

    let place = Place::new().await;
    let said = place.init(&place.flags_but("--service", "gitlab")).await;
    assert_eq!(said.code, 0, "{said:?}");
    assert!(place.read("flaglink.toml").contains("kind = \"gitlab\""));
}

/// Without its marker key the service would not know the webhooks that were just registered.
#[tokio::test(flavor = "multi_thread")]
async fn the_advice_for_a_service_is_what_it_takes() {
    let place = Place::new().await;
    let said = place.init(&place.flags()).await;
    let line = "install -D -m 600 -o flaglink -g flaglink marker-key /var/lib/flaglink-keys/marker-key";
    assert!(said.out.contains(line), "{said:?}");
    assert!(place.path("marker-key").exists());

    // Done as it is said, the file loads with what systemd hands over, and nothing is handed over that is not there.
    let service = said.out.split("As a service").nth(1).unwrap();
    let said_after = |title: &str| {
        let lines = service.split(title).nth(1).unwrap().lines().skip(1);
        lines.take_while(|line| line.starts_with("   ")).map(str::trim).collect::<Vec<_>>()
    };
    // As it stands there, but for where the system's folders are, and for whom the key is.
    let root = place.path("root");
    let here = |path: &str| root.join(path.trim_start_matches('/'));
    let typed = |line: &&str| line.starts_with("install ") || line.starts_with("mkdir ");
    for line in service.lines().map(str::trim).filter(typed) {
        let line = line.replace(" -o flaglink -g flaglink", "");
        let line = line.replace(" /etc/", &format!(" {}/etc/", root.display()));
        let line = line.replace(" /var/", &format!(" {}/var/", root.display()));
        let done = Command::new("sh").args(["-ec", &line]).current_dir(place.path(".")).status().unwrap();
        assert!(done.success(), "{line}");
    }
    let mode = |path: &str| here(path).metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode("/etc/flaglink/secrets"), 0o700);
    assert_eq!(mode("/etc/flaglink/flaglink.toml"), 0o644);
    assert_eq!(mode("/var/lib/flaglink-keys/marker-key"), 0o600);
    assert!(service.contains("In /etc/systemd/system/flaglink.service.d/secrets.conf"), "{service}");
    assert!(here("/etc/systemd/system/flaglink.service.d").is_dir(), "a file can be made in it");
    // The store goes along, with what is in it, to its user, and before the service starts.
    assert_eq!(mode("/var/lib/flaglink"), 0o700);
    assert!(here("/var/lib/flaglink/db").exists(), "{service}");
    let at = |words: &str| service.find(words).unwrap_or(usize::MAX);
    let (copied, owned) =
        (at("cp -a ./store/. /var/lib/flaglink/"), at("chown -R flaglink: /var/lib/flaglink"));
    assert!(copied < owned && owned < at("systemctl daemon-reload"), "{service}");
    let credentials = place.path("credentials");
    std::fs::create_dir(&credentials).unwrap();
    let drop_in = said_after("secrets.conf");
    assert_eq!(
        drop_in[..2],
        ["[Service]", "LoadCredential="],
        "what the unit loads is taken back: {service}"
    );
    for line in &drop_in[2..] {
        let (name, path) = line.strip_prefix("LoadCredential=").unwrap().split_once(':').unwrap();
        assert_eq!(mode(path), 0o600);
        std::fs::copy(here(path), credentials.join(name)).unwrap();
    }
    let store = said_after("under [store]").join("\n");
    let written = std::fs::read_to_string(here("/etc/flaglink/flaglink.toml")).unwrap();
    let (before, rest) = written.split_once("[store]").unwrap();
    let after = rest.split_once("\n[").map_or("", |(_, after)| after);
    let text = format!("{before}{store}\n[{after}");
    let env = BTreeMap::from([("CREDENTIALS_DIRECTORY".to_owned(), credentials.display().to_string())]);
    let config = Config::parse(&text, Path::new("/etc/flaglink/flaglink.toml"), &env).unwrap();
    assert_eq!(config.store.path, Path::new("/var/lib/flaglink"));

    // Where none is made yet the service makes its own.
    let place = Place::new().await;
    let said = place.init(&place.flags_but("--public-url", "none")).await;
    assert!(said.out.contains("As a service") && !said.out.contains("-o flaglink"), "{said:?}");
}

/// The service's own configuration, with its secrets in a folder that the environment names.
#[tokio::test(flavor = "multi_thread")]
async fn secrets_of_the_service_are_found_and_written_back_where_they_are() {
    let place = Place::new().await;
    assert_eq!(place.init(&place.flags()).await.code, 0);
    let names = ["gitlab-token", "flagsmith-key", "flagsmith-webhook"];
    std::fs::create_dir(place.path("secrets")).unwrap();
    for name in names {
        std::fs::rename(place.path(name), place.path("secrets").join(name)).unwrap();
    }

    // Not told where they are, nobody takes others in their place.
    let told = format!("CREDENTIALS_DIRECTORY={}", place.path("secrets").display());
    let blind = place.init(&[]).await;
    assert!(blind.code == 2 && blind.err.contains("nobody can be asked"), "{blind:?}");
    let check = place.program(&["config", "check"], &[]).await;
    assert!(check.code == 2 && check.err.contains("there is no file"), "{check:?}");
    for said in [&blind, &check] {
        assert!(said.err.contains("run this as root with") && said.err.contains(&told), "{said:?}");
    }

    let folder = place.path("secrets").display().to_string();
    let env = [("CREDENTIALS_DIRECTORY", folder.as_str())];
    let same = place.program(&["init"], &env).await;
    assert!(same.code == 0 && same.out.contains("Nothing to change"), "{same:?}");
    assert!(!same.out.contains("LoadCredential"), "{same:?}");

    // The one that runs has the secrets of its start: it is not asked how it gets on with them, but to be started again.
    place.own_admin();
    let at_start = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let daemon = Daemon::start(Config::load(&place.path("flaglink.toml"), &at_start).unwrap()).await.unwrap();
    let before = place.files();
    let (token, webhook) = (place.gitlab.token(place.bot, &["api"]), place.read("secrets/flagsmith-webhook"));
    std::fs::write(place.path("given/token"), &token).unwrap();
    let said = place.program(&["init", "--gitlab-token-file", "given/token"], &env).await;
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.out.contains("runs, with the secrets of its start"), "{said:?}");
    assert!(!said.out.contains("a test from"), "{said:?}");
    daemon.stop().await;
    assert_eq!(place.read("secrets/gitlab-token").trim(), token);
    assert_eq!(place.read("secrets/flagsmith-webhook"), webhook);
    assert_eq!(place.files(), before, "nothing new is beside the configuration");
    // What is in its place is not put there.
    assert!(!said.out.contains("install -m 600") && !said.out.contains("/etc/flaglink"), "{said:?}");
    for name in names {
        assert!(said.out.contains(&format!("LoadCredential={name}:{folder}/{name}")), "{said:?}");
    }
    assert!(said.out.contains("systemctl daemon-reload && systemctl restart flaglink"), "{said:?}");
    assert!(!said.out.contains("`flaglink run"), "{said:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_comes_later_brings_registered_webhooks() {
    let place = Place::new().await;
    let said = place.init(&place.flags_but("--public-url", "none")).await;
    assert!(said.out.contains("https://YOUR-ADDRESS/hooks/gitlab"), "{said:?}");
    assert_eq!(place.gitlab.read(|model| model.hooks.len()), 0);

    // Somebody made one by hand meanwhile: that goes on, and it is said how to change it.
    let by_hand = format!("http://{}/hooks/gitlab", place.webhooks);
    let hook =
        place.gitlab.hook(place.shop, HookSpec::everything(&by_hand, place.read("webhook-secret").trim()));
    let said = place.init(&place.flags()).await;
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.out.contains(&by_hand) && !said.out.contains("YOUR-ADDRESS"), "{said:?}");
    let out = said.out.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(out.contains(&format!("webhook {hook} of shop/web was made by hand")), "{out}");
    assert!(out.contains("take `webhook_secret_file` out of [gitlab]"), "{out}");
    assert_eq!(place.gitlab.read(|model| model.hooks.len()), 1);

    // Whether there is one in the group, only its owners see: that is in the way of nothing, and said.
    let group = place.gitlab.group("shop");
    place.gitlab.group_member(group, place.bot, level::MAINTAINER);
    place.gitlab.change(|model| model.hooks.clear());
    let said = place.init(&place.flags()).await;
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.out.contains("the webhook of shop/web: made"), "{said:?}");
    let out = said.out.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(out.contains("does not show the bot the webhooks of shop. If somebody made one there"), "{out}");
    assert!(!place.read("flaglink.toml").contains("webhook_secret_file = \"webhook-secret\""), "{said:?}");
    assert_eq!(place.gitlab.read(|model| model.hooks.len()), 1);
    let again = place.init(&place.flags()).await;
    assert!(again.out.contains("Nothing to change"), "{again:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_says_which_webhooks_are_there() {
    let place = Place::new().await;
    let dry = [place.flags(), vec!["--dry-run".to_owned()]].concat();
    let said = place.init(&dry).await;
    assert!(said.out.contains("A webhook would be registered at Flagsmith"), "{said:?}");
    assert_eq!(place.init(&place.flags()).await.code, 0);
    let said = place.init(&dry).await;
    assert!(said.out.contains("Webhooks are there already in shop/web."), "{said:?}");
    assert!(
        said.out.contains("Flagsmith's webhook to") && !said.out.contains("would be registered"),
        "{said:?}"
    );
    let said = place.init(&[dry, vec!["--json".to_owned()]].concat()).await;
    let told: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(told["webhooks"].as_array().unwrap().len(), 2, "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_there_is_not_written_over_without_a_word() {
    let place = Place::new().await;
    std::fs::write(place.path("gitlab-token"), "glpat-another").unwrap();
    let said = place.init(&place.flags()).await;
    let out = said.out.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        out.contains("gitlab-token is written anew, for its owner alone; it held another one"),
        "{said:?}"
    );
}

/// A store that holds nothing of the address that was mistyped goes with the right one; one that holds something does not.
#[tokio::test(flavor = "multi_thread")]
async fn a_mistyped_address_binds_no_store() {
    let place = Place::new().await;
    assert_eq!(place.init(&place.flags_but("--public-url", "none")).await.code, 0);
    place.own_admin();
    let right = place.read("flaglink.toml");
    let wrong = right.replace(&place.gitlab.url(), "http://127.0.0.1:9");
    let load = |text: &str| {
        std::fs::write(place.path("flaglink.toml"), text).unwrap();
        Config::load(&place.path("flaglink.toml"), &BTreeMap::new()).unwrap()
    };
    Daemon::start(load(&wrong)).await.unwrap().stop().await;

    let secret = place.read("webhook-secret");
    let address = format!("http://{}/hooks/gitlab", place.webhooks);
    place.gitlab.hook(place.shop, HookSpec::everything(&address, secret.trim()));
    let daemon = Daemon::start(load(&right)).await.unwrap();
    let issue = place.gitlab.issue(place.mara, place.shop, "Checkout is slow", "").unwrap();
    let note = place.gitlab.comment(place.mara, issue, "/flag link checkout_v2").unwrap();
    let done = |model: &flaglink::sandbox::gitlab::Model| {
        model.reactions(note, place.bot).contains(&"white_check_mark")
    };
    place.gitlab.until(PATIENCE, done).await.unwrap();
    daemon.stop().await;

    let refused = Daemon::start(load(&wrong)).await.err().unwrap().to_string();
    assert!(refused.contains("the store belongs to the GitLab at"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_certificates_that_were_tried_are_written_for_both_sides() {
    let place = Place::new().await;
    let ca = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/ca.pem");
    let said = place.init(&[place.flags(), vec!["--ca-file".to_owned(), ca.to_owned()]].concat()).await;
    assert_eq!(said.code, 0, "{said:?}");
    let file = place.files()["flaglink.toml"].clone();
    let config: toml_edit::DocumentMut = file.parse().unwrap();
    for table in [&config["gitlab"], &config["providers"]["flagsmith"]] {
        assert_eq!(table["ca_file"].as_str(), Some(ca), "{file}");
    }
    // A service may not read what lies in somebody's home.
    assert!(said.out.contains(&format!("install -D -m 644 {ca} /etc/flaglink/ca.pem")), "{said:?}");
    assert!(said.out.contains("ca_file = \"/etc/flaglink/ca.pem\""), "{said:?}");
    Config::load(&place.path("flaglink.toml"), &BTreeMap::new()).unwrap();
    // Said once, it stays as it is.
    assert!(place.init(&place.flags()).await.out.contains("Nothing to change"));
    assert_eq!(place.files()["flaglink.toml"], file);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_project_below_a_rule_that_is_there_gets_no_rule_that_would_never_hold() {
    let place = Place::new().await;
    assert_eq!(place.init(&place.flags()).await.code, 0);
    let before = place.files();
    let said = place.init(&place.flags_but("--projects", "shop/web")).await;
    let out = said.out.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(said.code, 0, "{said:?}");
    assert!(out.contains("\"shop/web\" needs no rule of its own: match = \"shop/**\" is about it"), "{out}");
    assert_eq!(place.files(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_is_given_up_goes_out_of_the_file() {
    let place = Place::new().await;
    assert_eq!(place.init(&place.flags()).await.code, 0);
    assert!(place.read("flaglink.toml").contains("\npublic_url"));
    let said = place.init(&place.flags_but("--public-url", "none")).await;
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.out.contains("https://YOUR-ADDRESS/hooks/gitlab"), "{said:?}");
    let config = Config::load(&place.path("flaglink.toml"), &BTreeMap::new()).unwrap();
    assert!(config.listen.public_url.is_none() && !config.listen.public_auto);
    let again = place.init(&place.flags_but("--public-url", "none")).await;
    assert!(again.out.contains("Nothing to change"), "{again:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_of_a_project_says_which_project_is_meant() {
    let place = Place::new().await;
    let other = place.flagsmith.new_project("Warehouse");
    let mut flags = place.flags_but("--service-project", "");
    let at = flags.iter().position(|one| one == "--service-url").unwrap();
    flags[at + 1] = format!("{}/project/{other}/environment/create", place.flagsmith.url());
    let said = place.init(&flags).await;
    assert_eq!(said.code, 0, "{said:?}");
    assert!(place.read("flaglink.toml").contains(&format!("project = {other}")), "{said:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn why_webhooks_are_made_by_hand_and_what_a_small_role_lacks() {
    let place = Place::new().await;
    for (role, service, has, lacks) in [
        (
            level::DEVELOPER,
            "flagsmith",
            vec!["is only Developer in shop/web"],
            vec!["labels", "Feature flag"],
        ),
        (
            level::REPORTER,
            "flagsmith",
            vec!["is only Reporter in shop/web", "not to put labels on merge requests"],
            vec!["Feature flag"],
        ),
        (
            level::DEVELOPER,
            "gitlab",
            vec!["is only Developer", "Feature flag events"],
            vec!["own flags need"],
        ),
        (
            level::REPORTER,
            "gitlab",
            vec!["is only Reporter", "GitLab's own flags need Developer", "Feature flag events"],
            vec!["labels"],
        ),
    ] {
        for file in place.files().keys() {
            std::fs::remove_file(place.path(file)).unwrap();
        }
        place.gitlab.member(place.shop, place.bot, role);
        let said = place.init(&place.flags_but("--service", service)).await;
        assert_eq!(said.code, 0, "{said:?}");
        let out = said.out.split_whitespace().collect::<Vec<_>>().join(" ");
        for words in has.iter().chain(&["As a Maintainer it registers them itself", "Merge request events"]) {
            assert!(out.contains(words), "{role} {service}: no {words} in {out}");
        }
        for words in lacks {
            assert!(!out.contains(words), "{role} {service}: {words} in {out}");
        }
    }
    // Nothing of that where it is a Maintainer.
    let place = Place::new().await;
    let said = place.init(&place.flags_but("--service", "gitlab")).await;
    assert!(said.code == 0 && !said.out.contains('⚠'), "{said:?}");
}

/// What has a ✘ is an exit code; what could not be tried has another sign, and is none.
#[tokio::test(flavor = "multi_thread")]
async fn a_test_that_fails_is_an_exit_code_and_one_that_cannot_be_sent_is_none() {
    let place = Place::new().await;
    assert_eq!(place.init(&place.flags()).await.code, 0);
    place.own_admin();
    let config = Config::load(&place.path("flaglink.toml"), &BTreeMap::new()).unwrap();
    let daemon = Daemon::start(config).await.unwrap();
    tokio::time::timeout(PATIENCE, daemon.caught_up(1)).await.unwrap();
    let begins = |said: &Said, sign: char| {
        let line = said.out.lines().find(|line| line.contains("a test from shop/web"));
        line.is_some_and(|line| line.starts_with(sign))
    };
    let said = place.init(&place.flags()).await;
    assert!(said.code == 0 && begins(&said, '…') && !said.out.contains('✘'), "{said:?}");

    place.gitlab.issue(place.mara, place.shop, "Checkout is slow", "").unwrap();
    let rule = place.gitlab.faults().add(Rule::new("POST", "/test/", Fault::status(422)).times(9));
    let said = place.init(&place.flags()).await;
    assert!(said.code == 1 && begins(&said, '✘'), "{said:?}");
    place.gitlab.faults().remove(rule);
    let said = place.init(&place.flags()).await;
    assert!(said.code == 0 && begins(&said, '✔'), "{said:?}");
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn webhooks_that_could_not_be_made_are_an_exit_code() {
    let place = Place::new().await;
    place.gitlab.change(|model| model.settings.local_hooks = false);
    let said = place.init(&place.flags()).await;
    assert_eq!(said.code, 1, "{said:?}");
    assert!(
        said.out.contains("does not take the address") && said.out.contains("flaglink.toml is made"),
        "{said:?}"
    );
    let said = place.init(&[place.flags(), vec!["--json".to_owned()]].concat()).await;
    let told: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert!(said.code == 1 && told["problems"].as_array().is_some_and(|all| !all.is_empty()), "{told}");
    place.gitlab.change(|model| model.settings.local_hooks = true);
    assert_eq!(place.init(&place.flags()).await.code, 0);
}

/// `auto` is good where no tunnel is there yet, and that is said.
#[tokio::test(flavor = "multi_thread")]
async fn without_a_tunnel_it_is_said_what_to_start() {
    let place = Place::new().await;
    let agent = crate::loopback::free_port();
    let tunnel = |allow: &str| {
        format!("[tunnel]\nallow = [\"{allow}\"]\nngrok = [\"{agent}\"]\ncloudflared = []\ntailscale = []\n")
    };
    std::fs::write(place.path("flaglink.toml"), tunnel("127.0.0.1")).unwrap();
    let auto = place.flags_but("--public-url", "auto");
    for more in [&["--dry-run"][..], &[]] {
        let more: Vec<String> = more.iter().map(|&flag| flag.to_owned()).collect();
        let said = place.init(&[auto.clone(), more].concat()).await;
        assert_eq!(said.code, 0, "{said:?}");
        let out = said.out.split_whitespace().collect::<Vec<_>>().join(" ");
        let start = format!("ngrok http {}", place.webhooks.port());
        for words in ["no tunnel that leads here was found", &start, "takes its address by itself"] {
            assert!(out.contains(words), "{words}: {out}");
        }
    }
}

/// A flaglink that is new finds the webhook of another one, and says so before anything is written.
#[tokio::test(flavor = "multi_thread")]
async fn the_webhook_of_another_flaglink_is_told() {
    let place = Place::new().await;
    let first = place.init(&place.flags()).await;
    assert!(first.code == 0 && !first.out.contains("another flaglink"), "{first:?}");
    let again = place.init(&place.flags()).await;
    assert!(again.code == 0 && !again.out.contains("another flaglink"), "its own: {again:?}");
    let hook = place.gitlab.read(|model| *model.hooks.keys().next().unwrap());

    std::fs::create_dir(place.path("second")).unwrap();
    let webhooks = crate::loopback::free_port();
    let mut flags = place.flags_but("--public-url", &format!("http://{webhooks}"));
    flags.extend(["--config", "second/flaglink.toml"].map(str::to_owned));
    let at = flags.iter().position(|one| one == "--webhooks").unwrap();
    flags[at + 1] = webhooks.to_string();
    for more in ["--dry-run", "--yes"] {
        let said = place.init(&[flags.clone(), vec![more.to_owned()]].concat()).await;
        assert_eq!(said.code, 0, "{said:?}");
        let out = said.out.split_whitespace().collect::<Vec<_>>().join(" ");
        let words = format!(
            "another flaglink has a webhook in shop/web already (webhook {hook}, to http://{})",
            place.webhooks
        );
        assert!(out.contains(&words) && out.contains("answered twice"), "{out}");
    }
    assert_eq!(place.gitlab.read(|model| model.hooks.len()), 2, "both stand");
}

/// An Unleash that flaglink is not made for is taken, and named.
#[tokio::test(flavor = "multi_thread")]
async fn an_unleash_that_is_too_old_is_named() {
    let place = Place::new().await;
    std::fs::write(place.path("given/key"), place.unleash.token()).unwrap();
    let mut flags = place.flags_but("--service", "unleash");
    let at = flags.iter().position(|one| one == "--service-url").unwrap();
    flags[at + 1] = place.unleash.url();
    let at = flags.iter().position(|one| one == "--service-project").unwrap();
    flags.drain(at..at + 2);
    flags.push("--dry-run".to_owned());
    let said = place.init(&flags).await;
    assert!(said.code == 0 && !said.out.contains("older than"), "{said:?}");
    place.unleash.change(|world| world.version = "7.4.1".to_owned());
    let said = place.init(&flags).await;
    assert_eq!(said.code, 0, "{said:?}");
    for words in
        ["Unleash 7.4.1 is older than what flaglink is made for", "Unleash 8 and later", "update Unleash"]
    {
        assert!(said.out.contains(words), "{words}: {said:?}");
    }
}
