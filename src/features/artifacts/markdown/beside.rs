//! Relative addresses in the text of a release: to one of its files, or to nothing, which is said.

use super::{escape, is_external, plain_path};
use crate::browser::data::encode;

/// What stands beside the main file of a release.
pub struct Beside {
    /// Where its files are, with a slash at the end.
    pub base: String,
    /// The main file's own path.
    pub main: String,
    pub paths: Vec<String>,
    /// Where the page has the main file, and where it lists the others.
    pub anchors: (&'static str, &'static str),
}

/// What an address means.
#[derive(Debug, PartialEq, Eq)]
enum Meant {
    /// What it says: it leads elsewhere, or stays in the text.
    Itself,
    Address(String),
    /// No file of the release: its path.
    Nothing(String),
}

impl Beside {
    /// Leads the links and pictures of sanitised HTML to where they mean.
    pub(super) fn lead(&self, html: &str) -> String {
        let mut out = String::with_capacity(html.len() + html.len() / 16);
        let mut rest = html;
        while let Some(at) = rest.find('<') {
            out.push_str(&rest[..at]);
            let (tag, after) = rest[at..].split_at(tag_end(&rest[at..]));
            if tag.starts_with("<a ") {
                out.push_str(&self.link(tag));
            } else if tag.starts_with("<img ") {
                out.push_str(&self.picture(tag));
            } else {
                out.push_str(tag);
            }
            rest = after;
        }
        out.push_str(rest);
        out
    }

    fn link(&self, tag: &str) -> String {
        let Some((before, address, after)) = attribute(tag, "href") else { return tag.to_owned() };
        match self.meant(&unescape(address)) {
            Meant::Itself => tag.to_owned(),
            Meant::Address(address) => format!("{before} href=\"{}\"{after}", escape(&address)),
            // A link without an address is one that leads nowhere yet.
            Meant::Nothing(path) => format!("<a class=\"no-file\" title=\"{}\">", escape(&absent(&path))),
        }
    }

    fn picture(&self, tag: &str) -> String {
        let Some((before, address, after)) = attribute(tag, "src") else { return tag.to_owned() };
        let words = |path: &str| {
            let alt = attribute(tag, "alt").map(|(_, alt, _)| alt.to_owned()).filter(|alt| !alt.trim().is_empty());
            alt.unwrap_or_else(|| escape(path))
        };
        match self.meant(&unescape(address)) {
            Meant::Itself => tag.to_owned(),
            Meant::Address(address) if is_shown(&address) => format!("{before} src=\"{}\"{after}", escape(&address)),
            // Its bytes are never shown as what they claim to be.
            Meant::Address(address) => format!("<span>{}</span>", words(address.strip_prefix(&self.base).unwrap_or(&address))),
            Meant::Nothing(path) => format!("<span class=\"no-file\" title=\"{}\">{}</span>", escape(&absent(&path)), words(&path)),
        }
    }

    fn meant(&self, address: &str) -> Meant {
        if address.is_empty() || address.starts_with('#') || is_external(address) {
            return Meant::Itself;
        }
        let (path, fragment) = address.split_once('#').unwrap_or((address, ""));
        let path = path.split('?').next().unwrap_or_default();
        let path = plain_path(&decode(path));
        let (readme, files) = self.anchors;
        if path == self.main {
            return Meant::Address(if fragment.is_empty() { readme.to_owned() } else { format!("#md-{fragment}") });
        }
        if self.paths.contains(&path) {
            let parts: Vec<String> = path.split('/').map(encode).collect();
            let fragment = if fragment.is_empty() { String::new() } else { format!("#{fragment}") };
            return Meant::Address(format!("{}{}{fragment}", self.base, parts.join("/")));
        }
        let inside = format!("{path}/");
        if path.is_empty() || self.paths.iter().any(|known| known.starts_with(&inside)) {
            return Meant::Address(files.to_owned());
        }
        Meant::Nothing(path)
    }
}

fn absent(path: &str) -> String {
    format!("This release has no file “{path}”.")
}

/// Pictures that are answered as such.
fn is_shown(address: &str) -> bool {
    let extension = address.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase());
    extension.is_some_and(|extension| matches!(extension.as_str(), "png" | "jpg" | "jpeg" | "gif" | "webp"))
}

/// Behind the `>` of the tag that `html` begins with.
fn tag_end(html: &str) -> usize {
    let mut quoted = false;
    for (at, byte) in html.bytes().enumerate() {
        match byte {
            b'"' => quoted = !quoted,
            b'>' if !quoted => return at + 1,
            _ => {}
        }
    }
    html.len()
}

/// What is before an attribute, its value as it is written, and what is after it. In a value there is no quotation mark.
fn attribute<'t>(tag: &'t str, name: &str) -> Option<(&'t str, &'t str, &'t str)> {
    let start = format!(" {name}=\"");
    let (before, rest) = tag.split_once(&start)?;
    let (value, after) = rest.split_once('"')?;
    Some((before, value, after))
}

fn unescape(value: &str) -> String {
    value.replace("&quot;", "\"").replace("&lt;", "<").replace("&gt;", ">").replace("&nbsp;", "\u{a0}").replace("&amp;", "&")
}

/// Without percent signs; as it is where they mean no text.
fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let digit = |at: usize| after.get(at).and_then(|digit| char::from(*digit).to_digit(16));
        match (first, digit(0), digit(1)) {
            (b'%', Some(high), Some(low)) => {
                bytes.push((high * 16 + low) as u8);
                rest = &after[2..];
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::{super::release_to_html, *};

    fn html(text: &str) -> String {
        let paths = ["references/guide.md", "assets/a b.png", "assets/mark.svg"].map(str::to_owned).to_vec();
        let beside = Beside { base: "/files/".to_owned(), main: "SKILL.md".to_owned(), paths, anchors: ("#readme", "#files") };
        release_to_html(text, &beside)
    }

    #[test]
    fn links_lead_to_files_of_the_release() {
        for (text, address) in [
            ("[x](references/guide.md)", "/files/references/guide.md"),
            ("[x](./references/../references/guide.md?raw=1#top)", "/files/references/guide.md#top"),
            ("[x](/references/guide.md)", "/files/references/guide.md"),
            ("[x](<assets/a b.png>)", "/files/assets/a%20b.png"),
            ("[x](assets/a%20b.png)", "/files/assets/a%20b.png"),
            ("<a href=\"references/guide.md\">x</a>", "/files/references/guide.md"),
            ("[x](references/)", "#files"),
            ("[x](SKILL.md)", "#readme"),
            ("[x](SKILL.md#part)", "#md-part"),
            ("[x](#part)", "#md-part"),
            ("[x](https://example.org/a.md)", "https://example.org/a.md"),
        ] {
            let html = html(text);
            assert!(html.contains(&format!("href=\"{address}\"")), "{text}: {html}");
        }
        assert!(html("![x](assets/a%20b.png)").contains("src=\"/files/assets/a%20b.png\""));
        assert!(html("<img src='assets/a b.png' alt='x'>").contains("src=\"/files/assets/a%20b.png\""));
    }

    #[test]
    fn what_is_not_there_is_said_and_leads_nowhere() {
        for text in ["[x](docs/setup.md)", "[x](../../etc/passwd)", "[x](/login)", "<a href=\"?a=1&b=2\">x</a>", "[x](/artifacts/7)"] {
            let html = html(text);
            assert!(!html.contains("href=\"/") && !html.contains("href=\"docs") && !html.contains("href=\"?"), "{text}: {html}");
        }
        let link = html("[x](docs/setup.md)");
        assert!(link.contains("<a class=\"no-file\" title=\"This release has no file “docs/setup.md”.\">x</a>"), "{link}");
        let picture = html("![The *lamp*](lamp.png)");
        assert!(
            !picture.contains("<img") && picture.contains("has no file “lamp.png”") && picture.contains(">The lamp</span>"),
            "{picture}"
        );
        let vector = html("![Mark](assets/mark.svg)");
        assert!(!vector.contains("<img") && vector.contains("<span>Mark</span>"), "{vector}");
    }

    #[test]
    fn nothing_gets_out_of_a_title() {
        for text in
            ["[x](<a\"><script>alert(1)</script>.md>)", "<img src='a\"onerror=alert(1)' alt='\"><script>'>", "[x](%22%3E%3Cscript%3E)"]
        {
            let html = html(text);
            assert!(!html.contains("<script") && !html.contains("\"onerror"), "{text}: {html}");
        }
    }

    #[test]
    fn code_stays_as_it_is_written() {
        let html = html("```html\n<a href=\"docs/setup.md\">x</a>\n```\n");
        assert!(!html.contains("no-file") && html.contains("docs/setup.md"), "{html}");
    }
}
