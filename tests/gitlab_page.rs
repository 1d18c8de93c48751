//! Addresses of issues and merge requests as people copy them.

use flaglink::domain::NoteableKind::{self, Issue, MergeRequest};
use flaglink::gitlab::WorkPage;

fn read(address: &str, base: &str) -> Option<(String, NoteableKind, u64)> {
    WorkPage::read(address, [base]).map(|page| (page.project_path, page.kind, page.iid))
}

#[test]
fn every_way_to_write_the_address_of_a_page_is_read() {
    let base = "https://gitlab.example.com";
    for (address, path, kind, iid) in [
        ("https://gitlab.example.com/shop/web/-/issues/7", "shop/web", Issue, 7),
        ("https://gitlab.example.com/shop/web/-/work_items/7", "shop/web", Issue, 7),
        ("https://gitlab.example.com/shop/web/-/merge_requests/12", "shop/web", MergeRequest, 12),
        ("https://gitlab.example.com/shop/web/-/merge_requests/12/diffs", "shop/web", MergeRequest, 12),
        ("https://gitlab.example.com/a/b/c/d/-/issues/7#note_5", "a/b/c/d", Issue, 7),
        ("https://gitlab.example.com/shop/web/-/issues/7/?a=b&c#x", "shop/web", Issue, 7),
        ("https://gitlab.example.com/shop/web/-/issues/7/designs/one.png", "shop/web", Issue, 7),
        (" HTTPS://GitLab.Example.COM:443/shop//web/-/issues/7/ ", "shop/web", Issue, 7),
        ("https://gitlab.example.com./shop/we%62/-/issues/007", "shop/web", Issue, 7),
    ] {
        assert_eq!(read(address, base), Some((path.to_owned(), kind, iid)), "{address}");
    }
    let below = "https://example.com/gitlab/";
    let page = read("https://example.com/gitlab/shop/web/-/issues/7", below);
    assert_eq!(page, Some(("shop/web".to_owned(), Issue, 7)));
    assert_eq!(read("https://example.com/shop/web/-/issues/7", below), None);
    assert_eq!(read("https://example.com/gitlabs/shop/web/-/issues/7", below), None);
}

#[test]
fn what_is_no_page_of_this_gitlab_names_nothing() {
    let base = "https://gitlab.example.com";
    for address in [
        "",
        "shop/web/-/issues/7",
        "https://gitlab.example.com",
        "https://evil.example/shop/web/-/issues/7",
        "https://gitlab.example.com@evil.example/shop/web/-/issues/7",
        "https://gitlab.example.com.evil.example/shop/web/-/issues/7",
        "https://gitlab.example.com:8443/shop/web/-/issues/7",
        "http://gitlab.example.com/shop/web/-/issues/7",
        "javascript://gitlab.example.com/shop/web/-/issues/7",
        "https://gitlab.example.com/web/-/issues/7",
        "https://gitlab.example.com/shop/web/issues/7",
        "https://gitlab.example.com/shop/web/-/issues/",
        "https://gitlab.example.com/shop/web/-/issues/0",
        "https://gitlab.example.com/shop/web/-/issues/+7",
        "https://gitlab.example.com/shop/web/-/issues/99999999999999999999",
        "https://gitlab.example.com/shop/web/-/epics/7",
        "https://gitlab.example.com/shop/web%2F-/issues/7",
        "https://gitlab.example.com/shop/w%00eb/-/issues/7",
        "https://gitlab.example.com/shop/w%FFeb/-/issues/7",
    ] {
        assert_eq!(read(address, base), None, "{address}");
    }
}
