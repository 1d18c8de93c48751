//! What comes over the path of webhooks made by hand and is refused: the running flaglink alone knows of it where the bot is no
//! Maintainer.

use flaglink::sandbox::gitlab::level;

use crate::place::Place;

fn secret(place: &Place, text: &str) {
    place.gitlab.change(|model| model.hooks.get_mut(&place.hook).unwrap().token = Some(text.to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn another_secret_is_named_also_where_gitlab_shows_no_webhooks() {
    let place = Place::new().await;
    place.gitlab.member(place.shop, place.bot, level::DEVELOPER);
    secret(&place, "another one");
    place.comment().await;
    let found = place.doctor(&[], &[]).await;
    found.names("hook-secret", &["/hooks/gitlab", "refused (401) 2 times", "`webhook_secret_file`", "Test"]);
    let list = place.run(&["hooks", "list"], &[]).await;
    assert!(list.code == 1 && list.out.contains("refused (401) 2 times"), "{}{}", list.out, list.err);

    // Mended: one more may be wrong beside it, until enough that was right has come.
    secret(&place, "a-secret-of-gitlabs-webhook");
    place.comment().await;
    let found = place.doctor(&[], &[]).await;
    found.says("look", "hook-secret", &["2 that were right came since", "several webhooks"]);
    assert_eq!((found.code, found.all("wrong").len()), (0, 0), "{:#}", found.report);
    for _ in 0..4 {
        place.comment().await;
    }
    let found = place.doctor(&[], &[]).await;
    assert!(!found.report.to_string().contains("refused (401)"), "{:#}", found.report);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guess_of_a_stranger_makes_nothing_wrong() {
    let place = Place::new().await;
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let target = format!("{}/hooks/gitlab", place.address);
    let guess = client.post(target).header("x-gitlab-token", "a guess").body("{}");
    assert_eq!(guess.send().await.unwrap().status().as_u16(), 401);
    let found = place.doctor(&[], &[]).await;
    found.says("look", "hook-secret", &["refused (401) once", "somebody else"]);
    assert_eq!((found.code, found.all("wrong").len()), (0, 0), "{:#}", found.report);
    assert_eq!(place.run(&["hooks", "list"], &[]).await.code, 0);
}
