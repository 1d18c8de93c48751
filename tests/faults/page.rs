//! `docs/failures.md` names for each row the test that shows it: there is such a test.

use std::path::Path;

fn sources(folder: &Path, all: &mut String) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, all);
        } else if path.extension().is_some_and(|kind| kind == "rs") {
            all.push_str(&std::fs::read_to_string(path).unwrap());
        }
    }
}

#[test]
fn every_row_of_the_page_about_failures_is_shown_by_a_test() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = std::fs::read_to_string(root.join("docs/failures.md")).unwrap();
    let mut tests = String::new();
    sources(&root.join("tests"), &mut tests);
    let names = regex::Regex::new("`([a-z_0-9]{16,})`").unwrap();
    let mut rows = 0;
    // A table's rows, without its head and the line below it.
    for table in page.split("\n\n").filter(|part| part.starts_with("| what goes wrong |")) {
        for row in table.lines().skip(2) {
            rows += 1;
            let shown = row.trim_end_matches('|').rsplit('|').next().unwrap();
            let named: Vec<&str> =
                names.captures_iter(shown).map(|found| found.get(1).unwrap().as_str()).collect();
            assert!(!named.is_empty(), "no test is named: {row}");
            for name in named {
                assert!(tests.contains(&format!("fn {name}(")), "there is no test {name}: {row}");
            }
        }
    }
    assert!(rows > 20, "the page is read wrongly");
}

#[test]
fn the_page_about_failures_tells_the_times_as_they_are() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = std::fs::read_to_string(root.join("docs/failures.md")).unwrap();
    let told = regex::Regex::new("means after ([0-9., ]+) and ([0-9]+) s and then every 30 s").unwrap();
    let told = told.captures(&page).expect("the times of the first attempts");
    let times = told[1].split(", ").chain([&told[2]]).map(|time| time.parse::<f64>().unwrap());
    for (attempt, seconds) in (1..).zip(times) {
        let waits = flaglink::net::delay(attempt, None).as_secs_f64();
        assert!((seconds..=2.0 * seconds).contains(&waits), "attempt {attempt}: {waits} s, told {seconds} s");
    }
}
