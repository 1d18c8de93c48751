//! From the address of an issue's or merge request's page to what it names.

use percent_encoding::percent_decode_str;
use url::Url;

use crate::domain::NoteableKind;

/// What the address of a page names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkPage {
    /// The project's path with its namespace, as written.
    pub project_path: String,
    /// Issue or merge request.
    pub kind: NoteableKind,
    /// Its number.
    pub iid: u64,
}

impl WorkPage {
    /// Reads an address as people copy it: `/-/issues/`, `/-/work_items/` or `/-/merge_requests/`, with whatever tab, query or
    /// fragment behind it, the host in any letter case. `None` where it does not lead to such a page of the instance, which is at
    /// `bases` (with its path, for a GitLab that is not at the root of its host).
    pub fn read<'a>(address: &str, bases: impl IntoIterator<Item = &'a str>) -> Option<Self> {
        let url = Url::parse(address.trim()).ok()?;
        bases.into_iter().find_map(|base| Self::under(&url, &Url::parse(base).ok()?))
    }

    fn under(url: &Url, base: &Url) -> Option<Self> {
        let same_host = url.scheme() == base.scheme()
            && url.host_str()?.trim_end_matches('.') == base.host_str()?.trim_end_matches('.')
            && url.port_or_known_default() == base.port_or_known_default();
        if !same_host {
            return None;
        }
        let mut segments = segments(url)?.into_iter();
        for expected in self::segments(base)? {
            if segments.next()? != expected {
                return None;
            }
        }
        let segments: Vec<String> = segments.collect();
        let dash = segments.iter().position(|segment| segment == "-")?;
        let (project, rest) = segments.split_at_checked(dash)?;
        let (kind, iid) = (rest.get(1)?, rest.get(2)?);
        if project.len() < 2 {
            return None;
        }
        let kind = match kind.as_str() {
            "issues" | "work_items" => NoteableKind::Issue,
            "merge_requests" => NoteableKind::MergeRequest,
            _ => return None,
        };
        let digits = iid.len() <= 18 && iid.bytes().all(|byte| byte.is_ascii_digit());
        let iid = iid.parse().ok().filter(|iid| digits && *iid > 0)?;
        Some(Self { project_path: project.join("/"), kind, iid })
    }
}

/// The parts of the path; `None` where one of them cannot be part of a page's.
fn segments(url: &Url) -> Option<Vec<String>> {
    let parts = url.path().split('/').filter(|part| !part.is_empty());
    parts
        .map(|part| {
            let part = percent_decode_str(part).decode_utf8().ok()?.into_owned();
            let odd = part.contains('/') || part.chars().any(char::is_control);
            (!odd).then_some(part)
        })
        .collect()
}
