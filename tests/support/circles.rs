//! Inside a room, too, and in each folder of it, parts use each other in one direction only: whoever reads one of them need not read
//! all.

use std::collections::{BTreeMap, BTreeSet};

use super::rust_text::{Source, first_segments};

/// The parts of a folder that each part uses. A part is a file of the folder, or a folder with all in it.
type Uses = BTreeMap<String, BTreeSet<String>>;

/// A circle in each folder that has one: parts that use each other, in order.
pub(crate) fn in_folders(sources: &[Source]) -> Vec<String> {
    let folders: BTreeSet<&[String]> = sources
        .iter()
        .flat_map(|source| (1..source.parts.len()).map(|depth| &source.parts[..depth]))
        .collect();
    folders
        .into_iter()
        .filter_map(|folder| {
            Some(format!("{}: {}", folder.join("/"), circle(&uses(sources, folder))?.join(" → ")))
        })
        .collect()
}

fn uses(sources: &[Source], folder: &[String]) -> Uses {
    let depth = folder.len();
    let inside = || {
        sources.iter().filter(move |source| source.parts.len() > depth && source.parts.starts_with(folder))
    };
    let is_front = |source: &Source| source.parts.len() == depth + 1 && source.parts[depth] == "mod";
    let parts: BTreeSet<&String> =
        inside().filter(|source| !is_front(source)).map(|source| &source.parts[depth]).collect();
    // What the folder's front hands on is asked of its part, whatever it is called by.
    let mut from: BTreeMap<String, &String> = BTreeMap::new();
    for front in inside().filter(|source| is_front(source)) {
        for part in &parts {
            from.extend(first_segments(&front.code, part).into_iter().map(|name| (name, *part)));
        }
    }
    let mut uses = Uses::new();
    for source in inside().filter(|source| !is_front(source)) {
        let up = vec!["super"; source.depth() - depth].join("::");
        let mut names = first_segments(&source.code, &format!("crate::{}", folder.join("::")));
        names.extend(first_segments(&source.code, &up));
        let own = &source.parts[depth];
        let used =
            names.iter().filter_map(|name| parts.get(name).copied().or_else(|| from.get(name).copied()));
        uses.entry(own.clone()).or_default().extend(used.filter(|part| *part != own).cloned());
    }
    uses
}

fn circle(uses: &Uses) -> Option<Vec<String>> {
    // What uses nothing that is left is in no circle.
    let mut left = uses.clone();
    loop {
        let there: BTreeSet<String> = left.keys().cloned().collect();
        left.values_mut().for_each(|used| used.retain(|part| there.contains(part)));
        let before = left.len();
        left.retain(|_, used| !used.is_empty());
        if left.len() == before {
            break;
        }
    }
    let mut way = vec![left.keys().next()?.clone()];
    loop {
        let next = left.get(way.last()?)?.first()?.clone();
        if let Some(at) = way.iter().position(|part| *part == next) {
            way.push(next);
            return Some(way.split_off(at));
        }
        way.push(next);
    }
}

#[test]
fn circles_are_found_however_they_are_written() {
    let found = |files: &[(&str, &str)]| {
        let sources: Vec<Source> = files.iter().map(|(path, text)| Source::new(path, text)).collect();
        in_folders(&sources)
    };
    let one = [("net/a.rs", "use super::b::B;"), ("net/b.rs", "use crate::net::{a, c};")];
    assert_eq!(found(&one), ["net: a → b → a"]);
    let handed_on = [
        ("net/mod.rs", "mod a; mod b; pub use a::{A, other};"),
        ("net/a.rs", "use super::b;"),
        ("net/b/deep.rs", "use super::super::A;"),
    ];
    assert_eq!(found(&handed_on), ["net: a → b → a"]);
    let three =
        [("bot/a.rs", "super::b::f()"), ("bot/b/mod.rs", "use super::c::C;"), ("bot/c.rs", "use super::a;")];
    assert_eq!(found(&three), ["bot: a → b → c → a"]);
    let deep = [("net/a/b.rs", "use super::c::C;"), ("net/a/c/mod.rs", "use crate::net::a::b::B;")];
    assert_eq!(found(&deep), ["net/a: b → c → b"]);
    let none = [
        ("net/mod.rs", "mod a; mod b; pub use a::A; pub use b::B;"),
        ("net/a.rs", "use super::B; use super::b::{self, C};"),
        ("net/b/mod.rs", "mod a; use a::X;"),
        ("net/b/a.rs", "use super::X; // super::super::a"),
        ("bot/a.rs", "use crate::net::A;"),
    ];
    assert_eq!(found(&none), [""; 0]);
}
