//! Where all is well, and how the list looks.

use crate::place::Place;

#[tokio::test(flavor = "multi_thread")]
async fn all_is_well() {
    let place = Place::new().await;
    place.comment().await;
    let found = place.doctor(&[], &[]).await;
    assert_eq!((found.code, found.all("wrong").len()), (0, 0), "{:#}", found.report);
    assert_eq!(found.report["good"], true);
    for (id, words) in [
        ("config-file", "2 providers"),
        ("file-modes", "7 secret files"),
        ("gitlab-version", "18.5.1"),
        ("token-alive", "@flag-bot"),
        ("token-scope", "`api`"),
        ("rule-matches", "shop/web"),
        ("project-role", "Maintainer"),
        ("hook-there", "/hooks/gitlab"),
        ("address-answers", "this very flaglink"),
        ("provider-environments", "staging, production"),
        ("provider-webhook", "with our secret"),
        ("store-schema", "schema"),
        ("marker-key", "outside the store"),
        ("daemon-running", "has been running"),
        ("daemon-ready", "ready"),
        ("queue-waiting", "nothing waits"),
        ("dead-letters", "nothing was given up"),
    ] {
        let words = words.replace("2 providers", "flagsmith, unleash");
        found.says("good", id, &[words.as_str()]);
    }
    found.says("note", "epics", &["no project"]);

    let said = place.run(&["doctor"], &[]).await;
    assert_eq!((said.code, said.err.as_str()), (0, ""), "{}", said.out);
    assert!(said.out.starts_with("Configuration\n  ✔ good  flaglink.toml is good"), "{}", said.out);
    assert!(said.out.ends_with("\n✔ Nothing is wrong.\n"), "{}", said.out);
    assert!(!said.out.contains('\u{1b}'), "no colours into a pipe: {}", said.out);
    let quiet = place.run(&["doctor", "--quiet"], &[]).await;
    assert_eq!((quiet.code, quiet.out.as_str(), quiet.err.as_str()), (0, "", ""));
}

#[tokio::test(flavor = "multi_thread")]
async fn before_the_first_start_only_that_is_wrong() {
    let place = Place::quiet().await;
    let found = place.doctor(&[], &[]).await;
    let wrong = found.all("wrong");
    // Nothing answers at the public address either.
    assert!(
        wrong.iter().all(|said| said.starts_with("daemon-running") || said.starts_with("address-")),
        "{wrong:#?}"
    );
    found.says("wrong", "daemon-running", &["not running", "flaglink run"]);
    found.says("note", "store-folder", &["made at the first start"]);
    found.says("note", "marker-key", &["made at the first start"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_flaglink_does_not_run_its_store_is_looked_into() {
    let mut place = Place::new().await;
    place.stop().await;
    let found = place.doctor(&[], &[]).await;
    found.says("wrong", "daemon-running", &["nothing answers"]);
    found.says("wrong", "address-reachable", &["flaglink is not running", "start flaglink", "tunnel"]);
    found.says("good", "queue-waiting", &["nothing waits"]);
}
