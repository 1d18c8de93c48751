//! The page that says more: each check has its heading, and each heading a check.

use std::collections::BTreeSet;

#[test]
fn each_check_has_its_heading_and_the_reverse() {
    let page = include_str!("../../docs/troubleshooting.md");
    let headings: Vec<&str> = page.lines().filter_map(|line| line.strip_prefix("### ")).collect();
    let checks = flaglink::cli::doctor::checks();
    assert_eq!(headings, checks, "in the order of the checklist");
    assert_eq!(checks.iter().collect::<BTreeSet<_>>().len(), checks.len(), "each name stands for one check");
}
