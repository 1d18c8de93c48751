//! A proxy of the environment that is in the way.

use crate::loopback::free_port;
use crate::place::{Place, Said};
use crate::proxy::{BROKEN, CLOSED, STRICT, proxy};

/// Runs it with those variables.
async fn init(place: &Place, flags: &[String], env: &[(&str, &str)]) -> Said {
    let mut command = place.command(flags);
    command.envs(env.iter().copied()).stdin(std::process::Stdio::null());
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    Said {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap().split_whitespace().collect::<Vec<_>>().join(" "),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_in_the_way_is_named() {
    let place = Place::new().await;
    let dead = free_port().to_string();
    let (closed, strict, broken) = (proxy(CLOSED).await, proxy(STRICT).await, proxy(BROKEN).await);
    for (scheme, proxy, words) in [
        ("https", &dead, "there is no way there"),
        ("http", &dead, "there is no way there"),
        ("https", &closed, "wants a user and a password"),
        ("http", &closed, "wants a user and a password"),
        ("https", &strict, "does not let flaglink through"),
        ("http", &strict, "what refuses is not"),
        ("http", &broken, "no good answer came"),
    ] {
        let way = format!("http://me:hush-hush@{proxy}");
        let env = [("HTTPS_PROXY", way.as_str()), ("HTTP_PROXY", &way)];
        let name = format!("the proxy http://{proxy}");
        let url = format!("{scheme}://corp.test");
        for (flag, whom) in [("--gitlab-url", "GitLab"), ("--service-url", "Flagsmith")] {
            let said = init(&place, &place.flags_but(flag, &url), &env).await;
            assert_eq!(said.code, 2, "{said:?}");
            for word in [flag, &name, words, whom, "NO_PROXY"] {
                assert!(said.err.contains(word), "{scheme} {words}: no {word} in {}", said.err);
            }
            assert!(!said.err.contains("hush-hush"), "{}", said.err);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_variable_that_names_no_proxy_is_named() {
    let place = Place::new().await;
    let env = [("HTTPS_PROXY", "htp://me:hush-hush@proxy.corp.test:3128")];
    let flags = place.flags_but("--gitlab-url", "http://127.0.0.1:9");
    let said = init(&place, &flags, &env).await;
    assert!(said.code == 2 && said.err.contains("HTTPS_PROXY is not the address of a proxy"), "{said:?}");
    let said = init(&place, &place.flags(), &env).await;
    let out = said.out.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.code == 0 && out.contains("HTTPS_PROXY is not the address of a proxy"), "{said:?}");
    assert!(!out.contains("hush") && !said.err.contains("hush"), "{said:?}");
}
