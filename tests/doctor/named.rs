//! What the configuration names and what is not there, or cannot be used: environments, projects, files, the store.

use flaglink::sandbox::gitlab::{Visibility, level};

use crate::place::Place;

#[tokio::test(flavor = "multi_thread")]
async fn environments_that_no_flag_service_has() {
    let place = Place::new().await;
    let rule = |tell: &str| {
        format!(
            "match = \"shop/**\"\ntell = [\"{tell}\"]\ntoggle_in = {{ \"stag*\" = \"developer\", Production = \"none\" }}"
        )
    };
    place.rewrite("match = \"shop/**\"", &rule("prodution"));
    let found = place.doctor(&[], &[]).await;
    found.names("environment-names", &["`tell`", "`shop/**`", "\"prodution\"", "Did you mean `production`?"]);
    place.rewrite(&rule("prodution"), &rule("PRODUCTION"));
    assert_eq!(place.doctor(&[], &[]).await.code, 0);
    place.rewrite("\"stag*\"", "\"qa-*\"");
    place
        .doctor(&[], &[])
        .await
        .names("environment-names", &["`toggle_in`", "\"qa-*\"", "no environment fits"]);
    place.rewrite("\"qa-*\"", "\"*\"");
    place.rewrite(
        "[[projects]]",
        "[[reminders]]\nprovider = \"flagsmith\"\nproject = \"shop/web\"\nenvironments = [\"live\"]\n\n[[projects]]",
    );
    place.doctor(&[], &[]).await.names("environment-names", &["[[reminders]]", "\"live\"", "`staging`"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_project_that_is_archived() {
    let place = Place::new().await;
    place.gitlab.set_archived(place.shop, true);
    place.doctor(&[], &[]).await.names("project-archived", &["shop/web", "archived", "/flag does nothing"]);
    let other = place.gitlab.project("shop/app", Visibility::Private);
    place.gitlab.member(other, place.bot, level::REPORTER);
    let found = place.doctor(&[], &[]).await;
    found.says("note", "project-archived", &["shop/web"]);
    assert_eq!(found.code, 0, "{:#}", found.report);
    place.rewrite("match = \"shop/**\"", "match = \"shop/web\"");
    place.doctor(&[], &[]).await.names("project-archived", &["shop/web", "unarchive it"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reminder_whose_project_is_not_there() {
    let place = Place::new().await;
    place.rewrite(
        "[[projects]]",
        "[[reminders]]\nprovider = \"flagsmith\"\nproject = \"shop/web\"\n\n[[projects]]",
    );
    place.doctor(&[], &[]).await.says("good", "reminder-project", &["shop/web"]);
    place.gitlab.move_project(place.shop, "shop/moved");
    place.doctor(&[], &[]).await.says(
        "look",
        "reminder-project",
        &["shop/web", "is shop/moved now", "`project`"],
    );
    let said = place.run(&["reminders", "--dry-run"], &[]).await;
    assert!(said.out.contains("that project is shop/moved now"), "{}{}", said.out, said.err);
    place.rewrite("project = \"shop/web\"\n", "project = \"shop/web\"\nenvironments = [\"production\"]\n");
    let said = place.run(&["reminders", "--dry-run"], &[]).await;
    assert!(said.out.contains("the same in all environments that count"), "{}{}", said.out, said.err);
    place.gitlab.set_archived(place.shop, true);
    place.doctor(&[], &[]).await.says("wrong", "reminder-project", &["is archived", "unarchive it"]);
    let said = place.run(&["reminders", "--dry-run"], &[]).await;
    assert!(said.out.contains("shop/moved is archived"), "{}{}", said.out, said.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_in_which_nothing_can_be_written() {
    let place = Place::new().await;
    place.mode("store", 0o500);
    place.doctor(&[], &[]).await.names("store-folder", &["may not write in it", "500", "chmod 700"]);
    let fixed = place.doctor(&["--fix"], &[]).await;
    assert_eq!(fixed.code, 0, "{:#}", fixed.report);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_could_not_be_repaired_is_not_called_fixed() {
    let place = Place::quiet().await;
    // Nobody can make a folder there.
    place.rewrite("path = \"store\"", "path = \"/proc/flaglink\"");
    let found = place.doctor(&["--fix"], &[]).await;
    assert!(!found.report["fixed"].to_string().contains("folder"), "{:#}", found.report);
    assert!(
        found.report["not_fixed"].to_string().contains("/proc/flaglink could not be made"),
        "{:#}",
        found.report
    );
    let said = place.run(&["doctor", "--fix"], &[]).await;
    assert!(said.out.contains("✘ not fixed the folder /proc/flaglink could not be made"), "{}", said.out);
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_are_not_there_or_empty() {
    let place = Place::quiet().await;
    let said = place.run(&["--config", "nowhere.toml", "doctor"], &[]).await;
    assert!(said.out.contains("is it the right file?"), "{}", said.out);
    place.rewrite("catch_up = \"1h\"", "catch_up = \"1h\"\nca_file = \"our-ca.pem\"");
    place.doctor(&[], &[]).await.says("wrong", "config-file", &["ca_file", "certificate of your CA"]);
    place.rewrite("ca_file = \"our-ca.pem\"", "");
    // A secret that is a folder, or no text, is not a matter of the configuration.
    std::fs::remove_file(place.path("webhook-secret")).unwrap();
    std::fs::create_dir(place.path("webhook-secret")).unwrap();
    let words = ["webhook-secret", "it is a directory", "the secret itself"];
    place.doctor(&[], &[]).await.says("wrong", "config-file", &words);
    std::fs::remove_dir(place.path("webhook-secret")).unwrap();
    std::fs::write(place.path("webhook-secret"), [0xff, 0xfe, 0x00]).unwrap();
    place.doctor(&[], &[]).await.says("wrong", "config-file", &["webhook-secret", "the secret itself"]);
    place.write("webhook-secret", "");
    place.doctor(&[], &[]).await.says(
        "wrong",
        "config-file",
        &["is empty", "write the secret into that file"],
    );
}
