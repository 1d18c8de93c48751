//! A line for flaglink that cannot be understood: one short answer with the way out.

use super::Ran;
use crate::command::Misread;
use crate::markdown::{Markdown, reply};

pub(super) fn run(misread: &Misread) -> Ran {
    let text = match misread {
        Misread::Unknown { word, nearest } => {
            let mut text = Markdown::lit("there is no command ");
            text.push(reply::line(&format!("/flag {word}"))).push_lit(".");
            match nearest {
                Some(nearest) => {
                    text.push_lit(" Did you mean ")
                        .push(reply::line(&format!("/flag {nearest}")))
                        .push_lit("?");
                }
                None => {
                    text.push_lit(" Write ")
                        .push(reply::line("/flag help"))
                        .push_lit(" for those that there are.");
                }
            }
            text
        }
        Misread::NotYet { word } => {
            let mut text = reply::line(&format!("/flag {word}"));
            text.push_lit(" is not in this version of flaglink. Write ")
                .push(reply::line("/flag help"))
                .push_lit(" for what can be done here.");
            text
        }
        Misread::Missing { spec, what } => {
            let mut text = Markdown::code(spec.usage, 200);
            text.push_lit(" needs ").push_lit(what).push_lit(".");
            text
        }
        Misread::Unexpected { spec, word } => {
            let mut text = Markdown::code(spec.usage, 200);
            text.push_lit(" does not take ").push(reply::quoted(word)).push_lit(".");
            text
        }
        Misread::Malformed { why, .. } => {
            let mut text = Markdown::lit(why);
            text.push_lit(" Write ")
                .push(reply::line("/flag help"))
                .push_lit(" for how commands are written.");
            text
        }
    };
    Ran::not_done(text)
}
