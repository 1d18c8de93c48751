//! The address is found, changes, goes and comes back.

use crate::kit::{Here, Stand, Way, cloudflared, ngrok_endpoints, nothing, settings};
use crate::tls_end::with_tls;

#[tokio::test]
async fn the_tunnel_that_leads_here_is_found_and_proven() {
    let here = Here::start().await;
    let mut ways = [Way::to(here.at).await, Way::to(here.at).await];
    ways.sort_by_key(|way| way.url());
    // The first is said to be another program's, so nobody there is asked anything.
    let [other, way] = ways;
    let agent = Stand::ngrok(&[(&other.url, "http://localhost:3000"), (&way.url, &here.to())]).await;
    let mut settings = settings();
    settings.ngrok = vec![agent.at()];
    let mut looking = here.look(&settings);
    assert_eq!(looking.address.now(), None);
    assert_eq!(looking.found().await, way.url);
    assert_eq!((way.asked(), other.asked()), (1, 0));
    // As long as it is offered it is not proven again.
    agent.asked(6).await;
    assert_eq!((way.asked(), looking.remark.line()), (1, None));
}

#[tokio::test]
async fn a_newer_agent_of_ngrok_is_understood() {
    let here = Here::start().await;
    let way = Way::to(here.at).await;
    let agent = Stand::new(ngrok_endpoints(&way.url, &here.to())).await;
    let mut settings = settings();
    settings.ngrok = vec![agent.at()];
    assert_eq!(here.look(&settings).found().await, way.url);
}

#[tokio::test]
async fn an_address_that_changes_while_flaglink_runs_is_taken_over() {
    let here = Here::start().await;
    let (first, second) = (Way::to(here.at).await, Way::to(here.at).await);
    let agent = Stand::ngrok(&[(&first.url, &here.to())]).await;
    let mut settings = settings();
    settings.ngrok = vec![agent.at()];
    let mut looking = here.look(&settings);
    assert_eq!(looking.found().await, first.url);
    agent.offers(&[(&second.url, &here.to())]);
    assert_eq!(looking.found().await, second.url);
    assert_eq!(looking.remark.line(), None);
}

#[tokio::test]
async fn an_agent_that_comes_late_is_found_late() {
    let here = Here::start().await;
    let way = Way::to(here.at).await;
    let agent = Stand::new(|_| nothing()).await;
    let mut settings = settings();
    // Where nothing listens at all, and where something else does.
    settings.ngrok = vec!["127.0.0.1:1".parse().unwrap(), agent.at()];
    let mut looking = here.look(&settings);
    let told = looking.told("the public address is not known yet").await;
    assert!(told.contains("it answers 404 at /api/tunnels"), "{told}");
    assert!(
        told.contains(&format!("Start a tunnel to {}, for example `ngrok http {}`", here.at, here.at.port())),
        "{told}"
    );
    assert!(!told.contains("127.0.0.1:1:"), "{told}");
    agent.offers(&[(&way.url, &here.to())]);
    assert_eq!(looking.found().await, way.url);
    looking.well().await;
}

#[tokio::test]
async fn a_tunnel_that_goes_away_is_told_of_and_its_address_kept() {
    let here = Here::start().await;
    let way = Way::to(here.at).await;
    let agent = Stand::ngrok(&[(&way.url, &here.to())]).await;
    let mut settings = settings();
    settings.ngrok = vec![agent.at()];
    let mut looking = here.look(&settings);
    looking.found().await;
    agent.offers(&[]);
    let told = looking.told("is still taken for the public address").await;
    assert!(told.starts_with(&way.url), "{told}");
    assert_eq!(looking.address.now(), Some(way.url()));
    agent.offers(&[(&way.url, &here.to())]);
    looking.well().await;
    assert_eq!((looking.address.now(), way.asked()), (Some(way.url()), 2));
}

#[tokio::test]
async fn of_several_addresses_the_first_by_a_fixed_order_is_taken_and_it_stays() {
    let here = Here::start().await;
    let (one, other) = (Way::to(here.at).await, Way::to(here.at).await);
    let mut urls = [one.url.as_str(), other.url.as_str()];
    urls.sort_unstable();
    let agent = Stand::ngrok(&[(urls[1], &here.to()), (urls[0], &here.to())]).await;
    let second = Stand::ngrok(&[(urls[0], &here.to())]).await;
    let mut settings = settings();
    settings.ngrok = vec![agent.at(), second.at()];
    let mut looking = here.look(&settings);
    assert_eq!(looking.found().await, urls[0]);
    // The other one comes up at the top: nobody wants webhooks to move for that.
    agent.offers(&[(urls[1], &here.to())]);
    second.asked(4).await;
    assert_eq!(looking.address.now().unwrap().as_str(), urls[0]);
    second.offers(&[]);
    assert_eq!(looking.found().await, urls[1]);
}

#[tokio::test]
async fn a_tunnel_without_tls_beyond_this_machine_is_not_taken_and_quick_tunnels_need_it() {
    let here = Here::start().await;
    let way = Way::to(here.at).await;
    let agent = Stand::ngrok(&[("http://quiet.ngrok.app", &here.to())]).await;
    // It names a host, and that is https: here nothing speaks it.
    let quick = Stand::new(cloudflared(way.url().authority())).await;
    let named = Stand::new(cloudflared("")).await;
    let mut settings = settings();
    (settings.ngrok, settings.cloudflared) = (vec![agent.at()], vec![named.at(), quick.at()]);
    let looking = here.look(&settings);
    let told = looking.told("does not speak TLS").await;
    assert!(told.contains("http://quiet.ngrok.app/ of ngrok is not https"), "{told}");
    assert!(
        told.contains(&format!("cloudflared offers https://{}/, which is not proven", way.url().authority())),
        "{told}"
    );
    assert_eq!((looking.address.now(), way.asked()), (None, 0));
}

#[tokio::test]
async fn a_quick_tunnel_of_cloudflared_says_only_its_host_and_is_proven_like_any() {
    let here = Here::start().await;
    let far = with_tls("good", here.at).await;
    // The other one leads to another program, which cannot be seen from what it says.
    let elsewhere = with_tls("good", Stand::new(|_| nothing()).await.at()).await;
    let quick = Stand::new(cloudflared(&far.to_string())).await;
    let other = Stand::new(cloudflared(&elsewhere.to_string())).await;
    let mut settings = settings();
    settings.cloudflared = vec![other.at(), quick.at()];
    let mut looking = here.look(&settings);
    assert_eq!(looking.found().await, format!("https://{far}/"));
    looking.well().await;
}
