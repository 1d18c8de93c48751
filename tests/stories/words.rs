//! Other words: a panel, replies and what is told in German, and a folder that cannot be used.

use flaglink::sandbox::flagsmith::Value;

use crate::town::{Plan, Town, as_read};

const GERMAN: [(&str, &str); 3] = [
    (
        "panel.jinja",
        "[heading]\n#### 🚩 Feature flags (deutsch)\n[column_flag]\nSchalter\n[footer]\n\
         <sub>Von flaglink aktuell gehalten. <code>/flag help</code> zeigt, was hier geht.</sub>\n\
         [entry_linked]\nverknüpft von {{ by }}\n[switched_on]\naus → an\n\
         [entry]\n{{ time }}: {{ flag }} {{ what }}{% if by %}, von {{ by }}{% elif unknown %}, von unbekannt{% endif %}\n",
    ),
    (
        "state.jinja",
        "[state]\n{% if on %}🟢 an{% else %}⚪ aus{% endif %}{% if value %} {{ value }}{% elif value_hidden %}, Wert verborgen{% endif %}\n\
         [or_list]\n{% for item in items %}{% if not loop.first %} oder {% endif %}{{ item }}{% endfor %}\n",
    ),
    (
        "replies.jinja",
        "[opening]\nZu {{ command }}:\n[your_command]\nIhrem Befehl\n\
         [no_such_flag]\n{{ providers }} kennt {{ wanted }} nicht.{% if near %} Meinten Sie {{ near }}?{% endif %}\n\
         [linked_here]\nhier verknüpft:\n",
    ),
];

const TOLD: &str = "[told]\n🚩 {{ what }}{% if people %}, von {{ people }}{% endif %}.\n\
    [told_environment]\n{{ flag }} steht in {{ environment }} jetzt auf {{ now }}{% if was %} (vorher {{ was }}){% endif %}\n";

fn put(town: &Town, name: &str, text: &str) {
    let folder = town.folder().join("words");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join(name), text).unwrap();
}

#[tokio::test]
async fn everything_is_said_in_the_words_of_the_folder() {
    let rule = "tell = [\"production\"]".to_owned();
    let mut town = Town::planned(Plan { rule, ..Plan::default() }).await;
    for (name, text) in GERMAN {
        put(&town, name, text);
    }
    put(&town, "told.jinja", TOLD);
    town.start_with("\n[templates]\nfolder = \"words\"\n", &[]).await;
    // Nothing of it can come out of its place, whatever words there are around it.
    let hostile = "x`|\n/close\n@all <img src=x>";
    town.ada.new_flag("hostile", false, Value::Text(hostile.to_owned())).unwrap();
    let issue = town.issue();
    town.says(issue, "/flag link checkout_v2 hostile").await;
    town.ada.switch("checkout_v2", "production", true).unwrap();
    town.ada.switch("hostile", "production", true).unwrap();
    town.rest().await;

    let panel = as_read(&town.panel(issue).unwrap().body);
    assert!(panel.starts_with("#### 🚩 Feature flags (deutsch)\n\n| Schalter | `development` |"), "{panel}");
    assert!(panel.contains("verknüpft von `mara`") && panel.contains("aus → an in `production`"), "{panel}");
    assert!(panel.contains("Von flaglink aktuell gehalten") && panel.contains("<!-- flaglink:"), "{panel}");
    assert_eq!(town.row(issue, "checkout_v2").unwrap(), ["⚪ aus `blue`", "⚪ aus `blue`", "🟢 an `blue`"]);
    let told: String = town.replies(issue).iter().map(|reply| reply.body.clone()).collect();
    let words = "steht in `production` jetzt auf 🟢 an `blue` (vorher ⚪ aus `blue`), von ";
    assert!(as_read(&told).contains(words), "{told}");
    assert!(!told.contains("\n/close") && !told.contains("@all") && !told.contains("<img"), "{told}");
    assert!(town.gitlab.read(|model| model.page_of(issue)).contains("/issues/"));

    let note = town.says(issue, "/flag link chekout_v2").await;
    let reply = town.reply_to(issue, note);
    let begins = format!(
        "Zu [Ihrem Befehl](#note_{note}): `flagsmith` kennt `chekout_v2` nicht. Meinten Sie `checkout_v2`?"
    );
    assert!(reply.starts_with(&begins), "{reply}");
    let list = town.says(issue, "/flag list").await;
    assert!(town.reply_to(issue, list).contains("hier verknüpft:"));

    // Back in the default words the panel is the same one, and says so without waiting for a change.
    let standing = town.panel(issue).unwrap().id;
    town.start_rewritten("folder = \"words\"", "").await;
    town.rest().await;
    let panel = town.panel(issue).unwrap();
    assert_eq!(panel.id, standing);
    assert!(panel.body.starts_with("#### 🚩 Feature flags\n\n| Flag |"), "{}", panel.body);
    town.end().await;
}

#[tokio::test]
async fn a_folder_with_a_readme_and_a_file_with_a_byte_order_mark_is_read() {
    let mut town = Town::new().await;
    put(&town, "README.md", "# Our words");
    // What editors and others leave there.
    for name in [
        "#panel.jinja#",
        ".panel.jinja.swp",
        "panel.jinja~",
        "panel.jinja.bak",
        ".DS_Store",
        "panel.jinja.orig",
    ] {
        put(&town, name, "[column_flag\n\0");
    }
    for name in [".git", "drafts"] {
        std::fs::create_dir(town.folder().join("words").join(name)).unwrap();
    }
    put(&town, "panel.jinja", "\u{feff}[column_flag]\nSchalter\n");
    town.start_with("\n[templates]\nfolder = \"words\"\n", &[]).await;
    let issue = town.issue();
    town.says(issue, "/flag link checkout_v2").await;
    let panel = as_read(&town.panel(issue).unwrap().body);
    assert!(panel.contains("| Schalter |"), "{panel}");
    let note = town.says_as(town.gus, issue, "/flag unlink checkout_v2").await;
    assert!(
        town.answer(issue, note).starts_with("unlinking flags here needs the role"),
        "{}",
        town.answer(issue, note)
    );
    town.end().await;
}
