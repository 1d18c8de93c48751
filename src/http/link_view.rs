//! Links to be made or taken off, from the API's words to the house's and back.

use super::api_types::{
    ChangedLink, LinkBecame, LinkWish, LinksChange, LinksChanged, WantedAsExported, WantedLink,
};
use crate::bot::World;
use crate::bot::by_hand::{Became, NamedFlag, NamedWork, Wish};
use crate::domain::{NoteSource, NoteableKind, Person};
use crate::pipeline::by_hand::{Done, Hand, Named};

/// Does it, or says what would become of it.
pub async fn change(hand: &Hand<'_>, world: &World, change: LinksChange) -> LinksChanged {
    // Without the store nothing can be looked up by number; the rest says so itself.
    let ours = world.addresses().await.unwrap_or_default();
    let wish = match change.wish {
        LinkWish::Link => Wish::Link,
        LinkWish::Unlink => Wish::Unlink,
    };
    let wanted: Vec<Named> = change.links.iter().map(|link| named(link, &ours)).collect();
    let done = hand.change(wish, &wanted, change.apply).await;
    let links = change.links.into_iter().zip(done).map(|(link, done)| told(link, done));
    LinksChanged { applied: change.apply, links: links.collect() }
}

/// Numbers of an export mean something only in the GitLab that it is of.
fn named(link: &WantedLink, ours: &[String]) -> Named {
    let plain = |url: &str| url.trim_end_matches('/').to_ascii_lowercase();
    let of_ours = |exported: &&WantedAsExported| {
        exported.instance_urls.iter().any(|url| ours.iter().any(|our| plain(our) == plain(url)))
    };
    let exported = link.exported.as_ref();
    let here = exported.filter(of_ours);
    let known = here.and_then(|exported| {
        let kind = match exported.kind.as_str() {
            "issue" => NoteableKind::Issue,
            "merge_request" => NoteableKind::MergeRequest,
            _ => return None,
        };
        Some((exported.project_id, kind, exported.iid))
    });
    let linked = here.map(|exported| {
        let by = Person { id: exported.by_id, username: exported.by.clone() };
        (by, exported.at, exported.note.map_or(NoteSource::Description, NoteSource::Note))
    });
    Named {
        work: NamedWork { name: link.work.clone(), known },
        flag: NamedFlag {
            name: link.flag.clone(),
            internal_id: exported.map(|exported| exported.internal_id.clone()),
            linked,
        },
    }
}

fn told(link: WantedLink, Done { work, became }: Done) -> ChangedLink {
    let (became, why) = match became {
        Became::Linked => (LinkBecame::Linked, None),
        Became::LinkedBefore => (LinkBecame::LinkedBefore, None),
        Became::Unlinked => (LinkBecame::Unlinked, None),
        Became::NotLinked => (LinkBecame::NotLinked, None),
        Became::Refused(why) => (LinkBecame::Refused, Some(why)),
    };
    ChangedLink { work: work.unwrap_or(link.work), flag: link.flag, became, why }
}
