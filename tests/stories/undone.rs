//! A switch that was made without flaglink's knowing, and that somebody has undone since.

use flaglink::sandbox::faults::{Fault, Rule};

use super::services::{SELDOM, Services};
use super::town::{PATIENCE, Plan};

#[tokio::test]
async fn what_somebody_undid_while_nobody_could_look_is_not_switched_again() {
    let plan = Plan { rule: "permissions = { toggle = \"developer\" }".to_owned(), ..Plan::default() };
    let services = Services::new(plan, SELDOM).await;
    let town = &services.town;
    services.uma.new_flag("new_search", "").unwrap();
    services.own_flag("fast_cart", &["production"]);
    town.gitlab.set_flag_active(town.tobias, town.shop, "fast_cart", false).unwrap();
    services.rest().await;
    let issue = town.issue();

    // Each service does as it is told, and goes away before it has answered.
    let switches = [
        ("checkout_v2", town.flagsmith.faults().clone(), ("PUT", r"/featurestates/\d+/$")),
        ("new_search", services.unleash.faults().clone(), ("POST", r"/environments/production/on$")),
        ("fast_cart", town.gitlab.faults().clone(), ("PUT", r"/feature_flags/fast_cart$")),
    ];
    for (_, faults, (method, path)) in &switches {
        faults.add(Rule::new(method, path, Fault::HoldAnswer));
    }
    let notes = switches.each_ref().map(|(flag, ..)| {
        town.gitlab.comment(town.mara, issue, &format!("/flag on {flag} --env production")).unwrap()
    });
    let is_on = |services: &Services| {
        let town = &services.town;
        [
            town.ada.state("checkout_v2", "production").unwrap().0,
            services.uma.is_on("new_search", "production").unwrap(),
            town.gitlab.read(|model| model.feature_flag(town.shop, "fast_cart").unwrap().active),
        ]
    };
    let all_on = async {
        let mut tick = tokio::time::interval(std::time::Duration::from_millis(10));
        while is_on(&services) != [true; 3] {
            tick.tick().await;
        }
    };
    tokio::time::timeout(PATIENCE, all_on).await.unwrap();
    let servers = [town.flagsmith.server(), services.unleash.server(), town.gitlab.server()];
    for server in servers {
        server.go_away().await;
    }
    // It says that it does not know, as soon as it can be heard.
    town.until_replies_wait(3).await;
    town.ada.switch("checkout_v2", "production", false).unwrap();
    services.uma.switch("new_search", "production", false).unwrap();
    town.gitlab.set_flag_active(town.tobias, town.shop, "fast_cart", false).unwrap();
    for ((_, faults, _), server) in switches.iter().zip(servers) {
        faults.clear();
        server.come_back().await.unwrap();
    }
    services.rest().await;

    assert_eq!(is_on(&services), [false; 3], "{}", town.gitlab.transcript(issue));
    for ((flag, faults, (method, path)), note) in switches.iter().zip(notes) {
        assert_eq!(town.reactions(note), ["eyes", "x"], "{flag}");
        let link = format!("#note_{note})");
        let answers: Vec<String> = town.replies(issue).into_iter().map(|reply| reply.body).collect();
        let answers: Vec<&String> = answers.iter().filter(|answer| answer.contains(&link)).collect();
        let [unknown, known] = answers.as_slice() else { panic!("{answers:?}") };
        assert!(unknown.contains("it is not known yet whether it was made"), "{unknown}");
        assert!(known.contains(" was changed in `production` by somebody else after you wrote"), "{known}");
        assert_eq!(faults.count(method, path), 1, "{flag}");
    }
    services.town.end().await;
}
