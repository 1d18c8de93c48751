//! Answers that do not do, and servers that answer strangely: a sentence with the remedy, or simply understood.

use std::os::unix::fs::PermissionsExt;

use flaglink::sandbox::faults::{Fault, Rule};
use flaglink::sandbox::gitlab::{Visibility, level};

use crate::place::Place;
use crate::tls_end::{tls, with_tls};

impl Place {
    /// It ends with an error that names the flag and says these words, and nothing is written.
    async fn refuses(&self, flags: &[String], flag: &str, words: &[&str]) {
        let said = self.init(flags).await;
        assert_eq!(said.code, 2, "{said:?}");
        assert!(said.err.starts_with("✘ ") && said.err.contains(flag), "{flag}: {said:?}");
        for word in words {
            assert!(said.err.contains(word), "no {word} in {}", said.err);
        }
        assert!(self.files().is_empty(), "something was written: {:?}", self.files().keys());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_answer_names_its_flag() {
    let place = Place::new().await;
    for flag in [
        "--gitlab-url",
        "--gitlab-token-file",
        "--service",
        "--service-url",
        "--service-key-file",
        "--public-url",
    ] {
        place.refuses(&place.flags_but(flag, ""), flag, &["nobody can be asked"]).await;
    }
    // The first that is proposed is taken with --yes; there is but one project of the service anyway.
    let flags = place.flags_but("--service-project", "");
    let said = place.init(&[flags, vec!["--dry-run".to_owned(), "--yes".to_owned()]].concat()).await;
    assert_eq!(said.code, 0, "{said:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_as_people_paste_them() {
    let place = Place::new().await;
    let url = place.gitlab.url();
    let bare = url.trim_start_matches("http://");
    for pasted in [
        format!("{url}/api/v4"),
        format!("{url}/api/v4/"),
        format!("{url}/shop/web"),
        format!("{url}/shop/web/-/issues/7?x=y#note_3"),
        format!("  <{url}/>  "),
        format!("https://{bare}"),
        bare.to_owned(),
    ] {
        let flags = place.flags_but("--gitlab-url", &pasted);
        let said = place.init(&[flags, vec!["--dry-run".to_owned()]].concat()).await;
        assert_eq!(said.code, 0, "{pasted}: {said:?}");
        assert!(said.out.contains(&format!("url = \"{url}\"")), "{pasted}: {said:?}");
    }
    place
        .refuses(&place.flags_but("--gitlab-url", "what is this"), "--gitlab-url", &["no web address"])
        .await;
    place.refuses(&place.flags_but("--gitlab-url", "glpat-1234"), "--gitlab-url", &["that is a token"]).await;
    let of_flags = place.flags_but("--gitlab-url", &place.flagsmith.url());
    place.refuses(&of_flags, "--gitlab-url", &["not GitLab's API"]).await;
    place
        .refuses(&place.flags_but("--gitlab-url", "http://127.0.0.1:9"), "--gitlab-url", &["nothing listens"])
        .await;
}

/// There webhooks would go, with their secrets.
#[tokio::test(flavor = "multi_thread")]
async fn a_public_address_that_is_somebody_elses() {
    let place = Place::new().await;
    for (address, whose) in [
        (place.gitlab.url(), "GitLab's own address"),
        (format!("{}/hooks/gitlab", place.gitlab.url()), "GitLab's own address"),
        (place.flagsmith.url(), "Flagsmith's own address"),
    ] {
        place.refuses(&place.flags_but("--public-url", &address), "--public-url", &[whose]).await;
    }
    // What it is nobody knows: that is told, and it is taken.
    let dry =
        |address: &str| [place.flags_but("--public-url", address), vec!["--dry-run".to_owned()]].concat();
    let said = place.init(&dry(&place.unleash.url())).await;
    assert!(said.code == 0 && said.out.contains("something else than flaglink answers at"), "{said:?}");
    let said = place.init(&dry(&format!("http://{}", place.webhooks))).await;
    assert!(said.code == 0 && !said.out.contains("something else"), "nothing runs there yet: {said:?}");
    // Of a webhook's whole address the path goes, and not a host that begins like it.
    let said = place.init(&dry("https://hooks.example.invalid/hooks/gitlab")).await;
    assert!(said.out.contains("public_url = \"https://hooks.example.invalid\""), "{said:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gitlab_that_is_something_else() {
    let place = Place::new().await;
    let faults = place.gitlab.faults();
    for (fault, words) in [
        (Fault::html(200), "a web page answers"),
        (Fault::html(502), "a proxy answers 502"),
        (
            Fault::redirect("https://login.example.com/sso?next=secret"),
            "leads to https://login.example.com/sso",
        ),
        (Fault::Close, "does not answer"),
    ] {
        let rule = faults.add(Rule::everything(fault));
        place.refuses(&place.flags(), "--gitlab-url", &[words]).await;
        faults.remove(rule);
    }
    place.gitlab.change(|model| model.settings.version = "16.4.1".to_owned());
    // No other token would do there.
    place.refuses(&place.flags(), "--gitlab-url", &["16.4.1 is too old", "16.11"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_that_do_not_do() {
    let place = Place::new().await;
    let give = |text: &str| std::fs::write(place.path("given/token"), text).unwrap();
    for (text, words) in [
        ("glpat-wrong", "does not accept this token"),
        ("https://gitlab.example.com", "an address, not a token"),
        ("glpät", "characters that no token has"),
        (" \n", "is empty"),
    ] {
        give(text);
        place.refuses(&place.flags(), "--gitlab-token-file", &[words]).await;
    }
    give(&place.gitlab.token(place.bot, &["read_api"]));
    place.refuses(&place.flags(), "--gitlab-token-file", &["read_api", "`api`"]).await;
    give(&place.token);
    place.gitlab.member(place.shop, place.bot, level::GUEST);
    place.refuses(&place.flags(), "--projects", &["Guest", "shop/web", "Reporter"]).await;
    place.gitlab.member(place.shop, place.bot, level::MAINTAINER);
    let elsewhere = place.flags_but("--projects", "shopp/**");
    place.refuses(&elsewhere, "--projects", &["`shopp/**` matches none", "shop/web"]).await;
    // In the file they are understood with whatever was pasted around them.
    give(&format!("\u{feff}  {} {}\r\n\r\n", &place.token[..8], &place.token[8..]));
    let said = place.init(&[place.flags(), vec!["--dry-run".to_owned()]].concat()).await;
    assert_eq!(said.code, 0, "{said:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn services_that_do_not_do() {
    let place = Place::new().await;
    place
        .refuses(
            &place.flags_but("--service-project", "77"),
            "--service-project",
            &["no project 77", "Web shop"],
        )
        .await;
    place
        .refuses(&place.flags_but("--service-url", &place.gitlab.url()), "--service-url", &["Flagsmith"])
        .await;
    std::fs::write(place.path("given/key"), "not.a-key").unwrap();
    place.refuses(&place.flags(), "--service-key-file", &["Flagsmith does not accept this key"]).await;
    std::fs::write(place.path("given/key"), &place.key).unwrap();
    let refusal = r#"{"detail":"You do not have permission to perform this action."}"#;
    let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
    let refused = Fault::Answer { status: 403, headers: headers.clone(), body: refusal.to_owned() };
    let rule = place.flagsmith.faults().add(Rule::everything(refused));
    let may_not = "knows this key, and it may not do what flaglink needs";
    let words = [may_not, "You do not have permission", "Organisation settings → API keys"];
    place.refuses(&place.flags(), "--service-key-file", &words).await;
    place.flagsmith.faults().remove(rule);
    // A token for a client of Unleash is one, too.
    std::fs::write(place.path("given/key"), "default:development.a-client's").unwrap();
    let refusal = r#"{"message":"invalid token: expected a different token type for this endpoint"}"#;
    let refused = Fault::Answer { status: 403, headers, body: refusal.to_owned() };
    place.unleash.faults().add(Rule::everything(refused));
    let mut flags = place.flags_but("--service", "unleash");
    let at = flags.iter().position(|one| one == "--service-url").unwrap();
    flags[at + 1] = place.unleash.url();
    let words = [may_not, "expected a different token type", "personal access token of an admin"];
    place.refuses(&flags, "--service-key-file", &words).await;
    std::fs::write(place.path("given/key"), &place.key).unwrap();
    place.flagsmith.faults().add(Rule::everything(Fault::html(200)));
    place.refuses(&place.flags(), "--service-url", &["web page"]).await;
    place.flagsmith.faults().clear();
    let said = place.init(&place.flags_but("--service", "launchdarkly")).await;
    assert!(said.code == 2 && said.err.contains("--service") && said.err.contains("unleash"), "{said:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_there_and_is_not_good() {
    let place = Place::new().await;
    std::fs::write(place.path("flaglink.toml"), "[gitlab]\nurl = \"x\ntoken = glpat-secret\n").unwrap();
    let said = place.init(&place.flags()).await;
    assert_eq!(said.code, 2, "{said:?}");
    assert!(said.err.contains("flaglink.toml: line 2") && !said.err.contains("glpat-secret"), "{said:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_environment_that_is_not_there_is_refused_with_the_nearest_name() {
    let place = Place::new().await;
    let told = |tell: &str| [place.flags(), vec!["--tell".to_owned(), tell.to_owned()]].concat();
    let words = ["there is no environment `prodution`", "Did you mean `production`?"];
    place.refuses(&told("staging,prodution"), "--tell", &words).await;
    place.refuses(&told("flagsmith:nope"), "--tell", &["`flagsmith:nope`", "`staging`, `production`"]).await;
    for good in ["Production", "flagsmith:staging", "prod*", "*", "none", "other:nope"] {
        let said = place.init(&[told(good), vec!["--dry-run".to_owned()]].concat()).await;
        assert_eq!(said.code, 0, "{good}: {said:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_token_is_said_in_words_that_fit_init() {
    let place = Place::new().await;
    std::fs::write(place.path("given/key"), "https://app.flagsmith.com/project/3").unwrap();
    place.refuses(&place.flags(), "--service-key-file", &["an address, not a key"]).await;
    std::fs::write(place.path("given/key"), &place.key).unwrap();
    std::fs::write(place.path("given/token"), "glpat-mistyped").unwrap();
    let said = place.init(&place.flags()).await;
    assert!(!said.err.contains("reload") && said.err.contains("Access tokens"), "nothing runs yet: {said:?}");

    // Good for three days more: it does, and that is said.
    std::fs::write(place.path("given/token"), &place.token).unwrap();
    let end = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date() + jiff::ToSpan::days(3);
    place.gitlab.change(|model| model.tokens.iter_mut().for_each(|token| token.expires_at = Some(end)));
    let said = place.init(&place.flags()).await;
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.out.contains("⚠ the token expires in 3 days"), "{said:?}");
    let end = end - jiff::ToSpan::days(2);
    place.gitlab.change(|model| model.tokens.iter_mut().for_each(|token| token.expires_at = Some(end)));
    let said = place.init(&place.flags()).await;
    assert!(said.out.contains("⚠ the token expires tomorrow, on"), "{said:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn projects_as_people_paste_them() {
    let place = Place::new().await;
    let url = place.gitlab.url();
    let dry =
        |projects: &str| [place.flags_but("--projects", projects), vec!["--dry-run".to_owned()]].concat();
    for pasted in [
        format!("{url}/shop/web"),
        format!("{url}/shop/web/-/issues/7?x=y#note_3"),
        format!("{url}/shop/web.git"),
        format!("{}/shop/web/", url.trim_start_matches("http://")),
    ] {
        let said = place.init(&dry(&pasted)).await;
        assert_eq!(said.code, 0, "{pasted}: {said:?}");
        assert!(said.out.contains("match = \"shop/web\""), "{pasted}: {said:?}");
    }
    for group in
        ["shop".to_owned(), "shop/".to_owned(), format!("{url}/shop"), format!("{url}/groups/shop/-/issues")]
    {
        let flags = place.flags_but("--projects", &group);
        place.refuses(&flags, "--projects", &["`shop` is a group: write `shop/**`"]).await;
    }
    let elsewhere = place.flags_but("--projects", "https://gitlab.example.com/shop/web");
    place.refuses(&elsewhere, "--projects", &["is no project of the GitLab at", &url]).await;
}

/// A host without a dot may be a group as well; it is one where there is such a group.
#[tokio::test(flavor = "multi_thread")]
async fn projects_are_pasted_from_a_gitlab_whose_host_has_no_dot() {
    let place = Place::new().await;
    let port = place.gitlab.url().rsplit(':').next().unwrap().to_owned();
    let mut flags = place.flags_but("--gitlab-url", &format!("http://localhost:{port}"));
    flags.push("--dry-run".to_owned());
    let at = flags.iter().position(|one| one == "--projects").unwrap() + 1;
    let mut dry = |projects: &str| {
        flags[at] = projects.to_owned();
        flags.clone()
    };
    for pasted in
        ["localhost/shop/web", "LOCALHOST/shop/web/-/issues/7", &format!("localhost:{port}/shop/web.git")]
    {
        let said = place.init(&dry(pasted)).await;
        assert_eq!(said.code, 0, "{pasted}: {said:?}");
        assert!(said.out.contains("match = \"shop/web\""), "{pasted}: {said:?}");
    }
    let said = place.init(&dry("localhost/**")).await;
    assert!(said.code == 2 && said.err.contains("`localhost/**` matches none"), "{said:?}");
    let own = place.gitlab.project("localhost/shop/web", Visibility::Private);
    place.gitlab.member(own, place.bot, level::MAINTAINER);
    let said = place.init(&dry("localhost/shop/web")).await;
    assert!(said.out.contains("match = \"localhost/shop/web\""), "{said:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_holds_no_token_says_which_of_all_that_it_is() {
    let place = Place::new().await;
    std::fs::write(place.path("given/empty"), " \n\n").unwrap();
    std::fs::write(place.path("given/utf16"), [0xff, 0xfe, b'g', 0, b'l', 0]).unwrap();
    std::fs::write(place.path("given/closed"), "glpat-x").unwrap();
    std::fs::set_permissions(place.path("given/closed"), std::fs::Permissions::from_mode(0o000)).unwrap();
    let mut all = vec![
        ("../nope", "there is no file ../nope"),
        ("given", "given is a folder"),
        ("given/empty", "given/empty is empty"),
        ("given/utf16", "given/utf16 is not text in UTF-8"),
    ];
    // Nothing is closed to root.
    if std::fs::read(place.path("given/closed")).is_err() {
        all.push(("given/closed", "given/closed may not be read"));
    }
    for flag in ["--gitlab-token-file", "--service-key-file"] {
        for (file, words) in &all {
            place.refuses(&place.flags_but(flag, file), flag, &[words]).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gitlab_below_a_path_is_found_by_where_it_leads() {
    let place = Place::new().await;
    let url = place.gitlab.url();
    let faults = place.gitlab.faults();
    let there = format!("{url}/gitlab/api/v4/version");
    faults.add(Rule::new("GET", r"^/api/v4/", Fault::redirect(&there)));
    let said = format!("if GitLab is at {url}/gitlab/, give that");
    // Nothing of GitLab's is there in truth.
    let place_says = ["leads to", "/gitlab/api/v4/version", &said];
    place.refuses(&place.flags(), "--gitlab-url", &place_says).await;
    let asked = Fault::Answer {
        status: 401,
        headers: vec![("content-type".into(), "application/json".into())],
        body: "{\"message\":\"401 Unauthorized\"}".into(),
    };
    faults.add(Rule::new("GET", r"^/gitlab/api/v4/version", asked));
    faults.add(Rule::new("GET", r"^/gitlab/api/v4/(user|personal)", Fault::status(503)));
    // Its address is taken; what it answers further is another matter.
    place.refuses(&place.flags(), "--gitlab-token-file", &["/gitlab/api/v4/user"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_nobody_knows_and_a_clock_that_is_off_are_told() {
    let place = Place::new().await;
    place.gitlab.change(|model| model.settings.clock_ahead = jiff::SignedDuration::from_mins(10));
    let mut flags = place.flags_but("--public-url", "https://flags.example.invalid");
    flags.push("--dry-run".to_owned());
    let said = place.init(&flags).await;
    assert_eq!(said.code, 0, "{said:?}");
    for words in ["flags.example.invalid is not known from this machine", "behind GitLab's", "NTP"] {
        assert!(said.out.contains(words), "{words}: {said:?}");
    }
    let said = place.init(&[flags, vec!["--json".to_owned()]].concat()).await;
    let told: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(told["warnings"].as_array().unwrap().len(), 2, "{told}");
    place.gitlab.change(|model| model.settings.clock_ahead = jiff::SignedDuration::ZERO);
    let said = place.init(&place.flags_but("--public-url", "http://localhost:9")).await;
    assert!(said.code == 0 && !said.out.contains('⚠'), "{said:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_did_not_sign_is_not_asked_for_again() {
    let place = Place::new().await;
    let gitlab = place.gitlab.url().trim_start_matches("http://").parse().unwrap();
    let flags = place.flags_but("--gitlab-url", &format!("https://{}", with_tls("good", gitlab).await));
    place.refuses(&flags, "--gitlab-url", &["name that with --ca-file"]).await;
    let with = |name: &str| {
        [flags.clone(), vec!["--ca-file".to_owned(), tls(name).display().to_string(), "--dry-run".to_owned()]]
            .concat()
    };
    place.refuses(&with("good"), "--gitlab-url", &["--ca-file is not the one that signed GitLab's"]).await;
    let said = place.init(&with("ca")).await;
    assert_eq!(said.code, 0, "{said:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pattern_where_the_bot_is_a_member_of_nothing_is_told_with_what_to_do() {
    let place = Place::new().await;
    place.gitlab.remove_member(place.shop, place.bot);
    let said = place.init(&place.flags()).await;
    let all = format!("{}{}", said.out, said.err);
    assert!(said.code != 0 && all.contains("a member of no project") && !all.contains("()"), "{all}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_with_the_wrong_scheme_is_told_by_what_is_spoken_there() {
    let place = Place::new().await;
    let at = |url: String| url.trim_start_matches("http://").to_owned();
    let flagsmith = at(place.flagsmith.url());
    let flags = place.flags_but("--service-url", &format!("https://{flagsmith}"));
    let give = format!("give http://{flagsmith}");
    place.refuses(&flags, "--service-url", &["seems to speak plain http, and not https", &give]).await;
    let behind_tls = with_tls("good", flagsmith.parse().unwrap()).await;
    let flags = place.flags_but("--service-url", &format!("http://{behind_tls}"));
    let give = format!("give https://{behind_tls}");
    place.refuses(&flags, "--service-url", &["seems to speak https, and not plain http", &give]).await;
    let flags = place.flags_but("--service-url", &format!("https://{behind_tls}"));
    place.refuses(&flags, "--service-url", &["name that with --ca-file"]).await;

    // GitLab is looked for with both; what is in the way then is that of the right one.
    let flags = place.flags_but("--gitlab-url", &format!("https://{flagsmith}"));
    let words = ["seems to speak plain http, and not https", "not GitLab's API"];
    place.refuses(&flags, "--gitlab-url", &words).await;
    let behind_tls = with_tls("good", at(place.gitlab.url()).parse().unwrap()).await;
    let flags = place.flags_but("--gitlab-url", &format!("http://{behind_tls}"));
    let words = ["seems to speak https, and not plain http", "name that with --ca-file"];
    place.refuses(&flags, "--gitlab-url", &words).await;
}

/// Nobody types a key for something that is not the service.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_the_service_is_told_before_the_key_is_asked_for() {
    let place = Place::new().await;
    for (service, title) in [("flagsmith", "Flagsmith"), ("unleash", "Unleash")] {
        let mut flags = place.flags_but("--service", service);
        let at = flags.iter().position(|one| one == "--service-key-file").unwrap();
        flags.drain(at..at + 2);
        let at = flags.iter().position(|one| one == "--service-url").unwrap();
        flags[at + 1] = place.gitlab.url();
        let words = [format!("not {title}'s API")];
        place.refuses(&flags, "--service-url", &[words[0].as_str()]).await;
        flags[at + 1] = "http://127.0.0.1:9".to_owned();
        place.refuses(&flags, "--service-url", &["nothing listens there"]).await;
    }
}
