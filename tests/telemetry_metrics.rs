//! The metrics: what is counted stands on the page, and the documentation lists all of it.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the report")]

use std::collections::BTreeSet;
use std::time::Duration;

use flaglink::telemetry::{METRICS, Metrics, VERSION, metrics_markdown};

#[path = "support/generated_page.rs"]
mod generated_page;

/// One of everything.
fn used() -> Metrics {
    let metrics = Metrics::default();
    metrics.delivery("gitlab", "kept");
    metrics.ignored("gitlab", "system_note");
    metrics.command("link", "done");
    metrics.effect("panel", "unchanged");
    metrics.flag_change("flagsmith", "webhook");
    metrics.caught_up("comments", 3);
    metrics.catch_up_run("complete");
    metrics.hooks_off(1);
    metrics.hook_test("on");
    metrics.request("gitlab", "200", Duration::from_millis(30));
    metrics.comment_put_off(Duration::from_secs(4));
    metrics.doubted("flagsmith", 6);
    metrics.backlog(1, 2, 3);
    metrics.dead_letters([("reply", 4)], Duration::from_secs(5));
    metrics
}

#[test]
fn what_is_counted_stands_on_the_page() {
    let metrics = used();
    metrics.delivery("gitlab", "kept");
    metrics.delivery("flagsmith", "forged");
    metrics.request("gitlab", "timeout", Duration::from_secs(80));
    metrics.request("gitlab", "held", Duration::ZERO);
    metrics.backlog(7, 0, u64::MAX);
    metrics.dead_letters([("reply", 2), ("event", 0)], Duration::from_secs(90));
    let text = metrics.text();
    for line in [
        r#"flaglink_deliveries_total{source="gitlab",answer="kept"} 2"#,
        r#"flaglink_deliveries_total{source="flagsmith",answer="forged"} 1"#,
        r#"flaglink_ignored_total{source="gitlab",reason="system_note"} 1"#,
        r#"flaglink_comment_put_off_seconds_sum 4.0"#,
        r#"flaglink_flags_doubted{provider="flagsmith"} 6"#,
        r#"flaglink_commands_total{command="link",outcome="done"} 1"#,
        r#"flaglink_effects_total{kind="panel",outcome="unchanged"} 1"#,
        r#"flaglink_flag_changes_total{provider="flagsmith",noticed_by="webhook"} 1"#,
        r#"flaglink_caught_up_total{way="comments"} 3"#,
        r#"flaglink_catch_up_runs_total{outcome="complete"} 1"#,
        "flaglink_hooks_off 1",
        r#"flaglink_hook_tests_total{outcome="on"} 1"#,
        r#"flaglink_requests_total{peer="gitlab",status="200"} 1"#,
        r#"flaglink_requests_total{peer="gitlab",status="held"} 1"#,
        r#"flaglink_request_duration_seconds_bucket{le="0.05",peer="gitlab"} 1"#,
        r#"flaglink_request_duration_seconds_bucket{le="65.0",peer="gitlab"} 1"#,
        r#"flaglink_request_duration_seconds_bucket{le="+Inf",peer="gitlab"} 2"#,
        r#"flaglink_request_duration_seconds_count{peer="gitlab"} 2"#,
        r#"flaglink_waiting{queue="inbox"} 7"#,
        r#"flaglink_waiting{queue="edges"} 0"#,
        r#"flaglink_waiting{queue="levels"} 9223372036854775807"#,
        r#"flaglink_dead_letters{kind="reply"} 2"#,
        r#"flaglink_dead_letters{kind="event"} 0"#,
        "flaglink_oldest_dead_letter_seconds 90",
        &format!(r#"flaglink_build_info{{version="{VERSION}"}} 1"#),
    ] {
        assert!(text.lines().any(|has| has == line), "no line `{line}` in\n{text}");
    }
    assert!(text.ends_with("# EOF\n"));
    let started = text.lines().find_map(|line| line.strip_prefix("process_start_time_seconds ")).unwrap();
    let age = jiff::Timestamp::now().as_second() as f64 - started.parse::<f64>().unwrap();
    assert!((-2.0..3600.0).contains(&age), "{age}");
}

#[test]
fn a_label_cannot_break_the_page() {
    let metrics = Metrics::default();
    metrics.delivery("a\"\n# EOF\nb\\", "kept");
    let text = metrics.text();
    assert_eq!(text.matches("\n# EOF\n").count(), 1, "{text}");
    assert!(text.contains(r#"source="a\"\n# EOF\nb\\""#), "{text}");
}

#[test]
fn the_catalogue_lists_what_is_scraped_and_nothing_else() {
    let text = used().text();
    let scraped: BTreeSet<(String, String)> = text
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE "))
        .map(|line| {
            let (name, kind) = line.split_once(' ').unwrap();
            let suffix = match kind {
                "counter" => "_total",
                "info" => "_info",
                _ => "",
            };
            (format!("{name}{suffix}"), kind.to_owned())
        })
        .collect();
    let listed: BTreeSet<(String, String)> =
        METRICS.iter().map(|spec| (spec.name.to_owned(), spec.kind.to_owned())).collect();
    assert_eq!(scraped, listed);
    for spec in METRICS {
        assert!(text.contains(&format!("{}.", spec.help)), "no help for {}", spec.name);
        for label in spec.labels.split("; ").filter(|label| !label.is_empty()) {
            let label = label.split('`').nth(1).unwrap();
            assert!(
                text.lines().any(|line| line.starts_with(spec.name) && line.contains(&format!("{label}=\""))),
                "{} has no label {label}",
                spec.name
            );
        }
    }
}

#[test]
fn the_page_of_metrics_is_up_to_date() {
    generated_page::check("docs/metrics.md", &metrics_markdown());
}
