//! Pages that are made from the source: a test fails when one has drifted, and writes it anew when it is asked to.

use std::path::Path;

/// Compares the page with what it should be. With `UPDATE_DOCS=1` it is written instead.
pub(crate) fn check(page: &str, should: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(page);
    if std::env::var("UPDATE_DOCS").is_ok_and(|value| value == "1") {
        std::fs::write(&path, should).unwrap();
        return;
    }
    let is = std::fs::read_to_string(&path).unwrap_or_default();
    let differs = is.lines().zip(should.lines()).position(|(is, should)| is != should);
    let line = differs.unwrap_or_else(|| is.lines().count().min(should.lines().count())) + 1;
    assert!(
        is == should,
        "{page} is not what the source says any more, first in line {line}. Run the same test with UPDATE_DOCS=1."
    );
}
