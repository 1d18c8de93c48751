//! Stories behind the reverse proxies that docs/tunnels.md has samples for: the real nginx, the real Caddy, and these samples.
//! `tests/all --install` gets both and tells them.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a story that cannot go on has failed")]

#[expect(dead_code, reason = "each binary of stories needs another part of it")]
#[path = "../hooks/kit.rs"]
mod kit;
mod proxy;
mod sender;
mod stories;
#[expect(dead_code, reason = "TLS ends in the proxy here")]
#[path = "../support/tls_end.rs"]
mod tls_end;

/// Tells each story behind both.
macro_rules! behind_both {
    ($($story:ident),* $(,)?) => {
        mod nginx {$(
            #[tokio::test]
            #[ignore = "needs nginx: tests/all --install"]
            async fn $story() {
                crate::stories::$story(&crate::proxy::Nginx).await;
            }
        )*}

        mod caddy {$(
            #[tokio::test]
            #[ignore = "needs Caddy: tests/all --install"]
            async fn $story() {
                crate::stories::$story(&crate::proxy::Caddy).await;
            }
        )*}
    };
}

behind_both! {
    a_signed_webhook_comes_through_and_is_answered,
    who_sent_what_was_refused_is_named_and_nobody_else,
    only_what_webhooks_need_comes_through,
    as_large_a_body_as_gitlab_sends_comes_through_and_no_larger_one,
    below_a_path_it_works_whether_the_proxy_takes_it_away_or_not,
    while_flaglink_is_away_the_proxy_says_so_and_doctor_names_it,
    a_proxy_that_leads_elsewhere_is_named,
    connections_to_flaglink_are_given_up_before_flaglink_does,
}
