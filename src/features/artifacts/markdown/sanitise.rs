//! What of HTML is harmless: an allowlist of elements, attributes and address schemes.

use std::{borrow::Cow, collections::HashSet, sync::OnceLock};

use ammonia::{Builder, UrlRelative};

/// Ids in a text get this before them, so that they cannot stand for anything of the page.
pub const ID_PREFIX: &str = "md-";

/// `pictures`: whether the text has files that they can be among.
pub fn clean(html: &str, pictures: bool) -> String {
    static WITH: OnceLock<Builder<'static>> = OnceLock::new();
    static WITHOUT: OnceLock<Builder<'static>> = OnceLock::new();
    let builder = if pictures { WITH.get_or_init(builder) } else { WITHOUT.get_or_init(without_pictures) };
    builder.clean(html).to_string()
}

fn without_pictures() -> Builder<'static> {
    let mut builder = builder();
    builder.rm_tags(["img"]);
    builder
}

fn builder() -> Builder<'static> {
    let mut builder = Builder::default();
    builder
        .tags(HashSet::from([
            "a",
            "abbr",
            "b",
            "blockquote",
            "br",
            "caption",
            "cite",
            "code",
            "col",
            "colgroup",
            "dd",
            "del",
            "details",
            "dfn",
            "div",
            "dl",
            "dt",
            "em",
            "figcaption",
            "figure",
            "h1",
            "h2",
            "h3",
            "h4",
            "h5",
            "h6",
            "hr",
            "i",
            "img",
            "input",
            "ins",
            "kbd",
            "li",
            "mark",
            "ol",
            "p",
            "pre",
            "q",
            "s",
            "samp",
            "section",
            "small",
            "span",
            "strong",
            "sub",
            "summary",
            "sup",
            "table",
            "tbody",
            "td",
            "tfoot",
            "th",
            "thead",
            "tr",
            "u",
            "ul",
            "var",
        ]))
        .add_tag_attributes("div", ["data-code"])
        .add_tag_attributes("input", ["checked"])
        .set_tag_attribute_value("input", "type", "checkbox")
        .set_tag_attribute_value("input", "disabled", "")
        .set_tag_attribute_value("input", "aria-label", "Task")
        .add_tag_attributes("img", ["width", "height"])
        .set_tag_attribute_value("img", "loading", "lazy")
        .add_tag_attributes("details", ["open"])
        .generic_attributes(HashSet::from(["id", "lang", "title", "dir"]))
        .add_allowed_classes("section", ["footnotes"])
        .add_allowed_classes("sup", ["footnote-ref"])
        .add_allowed_classes("a", ["anchor", "footnote-backref"])
        .add_allowed_classes("li", ["task-list-item"])
        .add_allowed_classes("ul", ["contains-task-list"])
        .add_tag_attributes("a", ["aria-hidden", "aria-label"])
        .id_prefix(Some(ID_PREFIX))
        .url_schemes(HashSet::from(["http", "https", "mailto"]))
        .url_relative(UrlRelative::PassThrough)
        .link_rel(Some("noopener noreferrer nofollow"))
        .attribute_filter(|element, attribute, value| match (element, attribute) {
            // Whom a message names: there is no page to go to.
            ("a", "href") if value.starts_with("/people/") => None,
            // Addresses inside the text follow its ids.
            ("a", "href") if value.len() > 1 && value.starts_with('#') => Some(Cow::Owned(format!("#{ID_PREFIX}{}", &value[1..]))),
            // Ours only: another origin would learn who reads.
            ("img", "src") if value.starts_with("//") || value.starts_with("\\") || value.contains(':') || value.starts_with("/\\") => None,
            _ => Some(Cow::Borrowed(value)),
        });
    builder
}
