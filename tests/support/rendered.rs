//! What a comment is once it is rendered: its structure and words outside of code, and what stands in code.

use comrak::nodes::{Node, NodeValue};
use comrak::{Arena, parse_document};

use super::quick_actions::gitlab_markdown;

/// A comment, read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Rendered {
    /// Every element and every word outside of code, in order; code is `[code]`.
    pub(crate) shape: String,
    /// The text of each piece of inline code, as people see it.
    pub(crate) codes: Vec<String>,
    /// Cells per row of every table.
    pub(crate) rows: Vec<usize>,
    /// Addresses of links and images.
    pub(crate) links: Vec<String>,
    /// Inline and block HTML, apart from `<code>` and what is in it.
    pub(crate) html: Vec<String>,
}

/// Reads a comment as GitLab renders it.
pub(crate) fn render(text: &str) -> Rendered {
    let arena = Arena::new();
    let mut out = Rendered::default();
    let mut open = None;
    walk(parse_document(&arena, text, &gitlab_markdown()), &mut out, &mut open);
    assert_eq!(open, None, "a <code> is never closed in {text:?}");
    out
}

fn walk<'a>(node: Node<'a>, out: &mut Rendered, open: &mut Option<String>) {
    let value = node.data().value.clone();
    match &value {
        NodeValue::Text(text) => match open {
            Some(code) => code.push_str(text),
            None => out.shape.push_str(text),
        },
        NodeValue::Code(code) => out.code(code.literal.clone()),
        NodeValue::HtmlInline(html) => match (html.as_str(), open.take()) {
            ("<code>", None) => *open = Some(String::new()),
            ("</code>", Some(code)) => out.code(code),
            // The comment that keeps mail addresses from being linked.
            ("<!-- -->", Some(code)) => *open = Some(code),
            (other, code) => {
                *open = code;
                out.html.push(other.to_owned());
                out.shape.push_str(other);
            }
        },
        NodeValue::HtmlBlock(block) => html_block(&block.literal, out),
        other => {
            if let NodeValue::Link(link) | NodeValue::Image(link) = other {
                out.links.push(link.url.clone());
            }
            if matches!(other, NodeValue::TableRow(_)) {
                out.rows.push(node.children().count());
            }
            out.shape.push_str(&format!("<{}>", other.xml_node_name()));
            for child in node.children() {
                walk(child, out, open);
            }
            out.shape.push_str(&format!("</{}>", other.xml_node_name()));
        }
    }
}

fn html_block(literal: &str, out: &mut Rendered) {
    let mut rest = literal;
    let mut html = String::new();
    while let Some((before, after)) = rest.split_once("<code>") {
        let (code, after) = after.split_once("</code>").unwrap();
        html.push_str(before);
        html.push_str("[code]");
        out.codes.push(decoded(&code.replace("<!-- -->", "")));
        rest = after;
    }
    html.push_str(rest);
    out.shape.push_str(&html);
    out.html.push(html);
}

/// Numeric character references to characters; nothing else may be escaped, and nothing may be left open.
fn decoded(html: &str) -> String {
    let mut out = String::new();
    let mut rest = html;
    while let Some((before, after)) = rest.split_once("&#") {
        let (number, after) = after.split_once(';').unwrap();
        out.push_str(before);
        out.push(char::from_u32(number.parse().unwrap()).unwrap());
        rest = after;
    }
    out.push_str(rest);
    assert!(!rest.contains(['<', '>', '&']), "something means something in {html:?}");
    out
}

impl Rendered {
    fn code(&mut self, text: String) {
        self.shape.push_str("[code]");
        self.codes.push(text);
    }
}
