//! What keeps flaglink from starting on this machine, told while it does not run.

use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use crate::place::Place;

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_cannot_be_taken_is_named() {
    let place = Place::quiet().await;
    let found = place.doctor(&[], &[]).await;
    assert!(!found.report.to_string().contains("listen-address"), "{:#}", found.report);

    let other = std::net::TcpListener::bind(place.address.trim_start_matches("http://")).unwrap();
    let found = place.doctor(&["--patience", "5"], &[]).await;
    found.says(
        "wrong",
        "listen-address",
        &["`webhooks` in [listen]", "taken by another program", "ss -ltnp", "the proxy or the tunnel"],
    );
    assert!(!found.report.to_string().contains("Put `public_url` right"), "{:#}", found.report);
    found.says("note", "address-reachable", &["can be told when flaglink can listen"]);
    let admin = other.local_addr().unwrap().to_string();
    let env = [("FLAGLINK_LISTEN__WEBHOOKS", "127.0.0.1:0"), ("FLAGLINK_LISTEN__ADMIN", admin.as_str())];
    let found = place.doctor(&["--patience", "5"], &env).await;
    found.says("wrong", "listen-address", &["`admin` in [listen]", "taken by another program"]);
    drop(other);

    let env = [("FLAGLINK_LISTEN__WEBHOOKS", "192.0.2.1:8080")];
    let found = place.doctor(&["--patience", "5"], &env).await;
    found.says("wrong", "listen-address", &["no address 192.0.2.1", "`webhooks` in [listen]", "0.0.0.0"]);
}

fn belongs_to(place: &Place, name: &str, user: &str) -> bool {
    let path = place.path(name);
    Command::new("chown").args(["-R", user]).arg(path).status().is_ok_and(|status| status.success())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_and_a_marker_key_of_two_users_are_named() {
    let mut place = Place::new().await;
    place.stop().await;
    if !belongs_to(&place, "marker-key", "54321") {
        eprintln!("left out: only root can give a file to somebody else");
        return;
    }
    // The store was copied by root.
    let found = place.doctor(&[], &[]).await;
    found.says("look", "store-folder", &["belongs to root", "marker-key", "54321", "`chown -R"]);
    assert!(belongs_to(&place, ".", "54321") && belongs_to(&place, "store", "0"));
    let found = place.doctor(&[], &[]).await;
    found.says("wrong", "store-folder", &["belongs to root", "copied by root", "`chown -R"]);

    // The key was.
    assert!(belongs_to(&place, "store", "54321") && belongs_to(&place, "marker-key", "0"));
    let found = place.doctor(&[], &[]).await;
    found.says("wrong", "marker-key", &["only root can read", "54321", "`chown "]);
    place.mode("marker-key", 0o644);
    let found = place.doctor(&[], &[]).await;
    assert!(!found.all("wrong").iter().any(|said| said.starts_with("marker-key")), "{:#}", found.report);
}

/// So a volume is handed to a container: the folder is root's, and its group may write in it.
#[tokio::test(flavor = "multi_thread")]
async fn a_store_in_a_folder_of_roots_is_left_as_it_is() {
    let mut place = Place::new().await;
    place.stop().await;
    if !belongs_to(&place, "store", "54321") {
        eprintln!("left out: only root can give a file to somebody else");
        return;
    }
    std::os::unix::fs::chown(place.path("store"), Some(0), None).unwrap();
    place.mode("store", 0o770);
    let found = place.doctor(&["--fix"], &[]).await;
    found.says("good", "store-folder", &["is root's", "54321"]);
    let mode = place.path("store").metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o770, "{:#}", found.report);
    place.mode("store", 0o700);
    place.doctor(&[], &[]).await.says("wrong", "store-folder", &["only root may write", "`chown "]);
}
