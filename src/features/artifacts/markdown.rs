//! Markdown to sanitised HTML: comrak parses, ammonia lets through what is harmless, code gets its colours.
//!
//! Code blocks are cut out before and put back after sanitising: our own markup is trusted, and the sanitiser need not read it.

mod beside;
mod highlight;
mod sanitise;

use std::{fmt::Write as _, sync::Arc, time::Instant};

use comrak::{
    Arena, Options,
    html::format_document,
    nodes::{AstNode, NodeHtmlBlock, NodeLink, NodeValue},
    parse_document,
};

use super::model::document::Document;
use crate::{
    ids::{ArtifactId, ReleaseId},
    server::secrets,
};

pub use beside::Beside;
pub use sanitise::ID_PREFIX;

/// Bytes of rendered pages kept.
const CACHE_BYTES: u64 = 16 * 1024 * 1024;
/// Code that is coloured in one document; what is beyond is shown plain.
const COLOURED_BYTES: usize = 256 * 1024;
/// Lists and quotes nested deeper are no longer told apart by anybody.
const DEPTH: usize = 60;

/// Renders and remembers.
pub struct Renderer {
    cache: moka::sync::Cache<(String, ArtifactId), Arc<str>>,
}

impl Renderer {
    pub fn new() -> Self {
        let cache = moka::sync::Cache::builder()
            .max_capacity(CACHE_BYTES)
            .weigher(|_, html: &Arc<str>| u32::try_from(html.len() + 200).unwrap_or(u32::MAX))
            .build();
        Self { cache }
    }

    /// The body of a main file as HTML. Relative addresses mean the artifact's own files.
    pub async fn render(&self, text: &str, artifact: ArtifactId) -> Arc<str> {
        self.cached(text, artifact, move |body| to_html(body, artifact)).await
    }

    /// The same of a release, whose files are fixed: what a relative address means is in `beside`.
    pub async fn render_release(&self, text: &str, release: ReleaseId, beside: Beside) -> Arc<str> {
        self.cached(text, release.same_as(), move |body| release_to_html(body, &beside)).await
    }

    async fn cached(&self, text: &str, id: ArtifactId, to_html: impl FnOnce(&str) -> String + Send + 'static) -> Arc<str> {
        let key = (secrets::sha256(text.as_bytes()), id);
        if let Some(html) = self.cache.get(&key) {
            return html;
        }
        let body = Document::parse(text).body.to_owned();
        let started = Instant::now();
        let html: Arc<str> = match tokio::task::spawn_blocking(move || to_html(&body)).await {
            Ok(html) => html.into(),
            Err(error) => {
                tracing::error!(%error, "markdown could not be rendered");
                "<p>This text cannot be shown here. The source view has it.</p>".into()
            }
        };
        tracing::debug!(millis = started.elapsed().as_millis() as u64, bytes = text.len(), "rendered");
        self.cache.insert(key, html.clone());
        html
    }
}

impl Default for Renderer {
    fn default() -> Self {
        Self::new()
    }
}

/// The whole way from markdown to HTML that may be put into a page.
pub fn to_html(body: &str, artifact: ArtifactId) -> String {
    convert(body, Files::Of(artifact), &options())
}

/// The same of a release.
fn release_to_html(body: &str, beside: &Beside) -> String {
    convert(body, Files::Beside(beside), &options())
}

/// The same of a document that has no files of its own.
pub fn document_to_html(text: &str) -> String {
    convert(text, Files::None, &options())
}

/// What people write to one another: a line end is one, and headings are no places of the page. A text of which nothing would be seen, as it is
/// HTML alone, is shown as it was written.
pub fn message_to_html(text: &str) -> String {
    let mut options = options();
    options.render.hardbreaks = true;
    options.extension.header_id_prefix = None;
    options.extension.footnotes = false;
    let html = convert(text, Files::None, &options);
    if text.trim().is_empty() || !shows_nothing(&html) {
        return html;
    }
    let mut budget = COLOURED_BYTES;
    code_block("html", text, &mut budget)
}

/// Whether sanitised HTML has neither words nor a line or a box, which need none.
fn shows_nothing(html: &str) -> bool {
    let words = |(index, part): (usize, &str)| {
        let after = if index == 0 { part } else { part.split_once('>').map_or("", |(_, after)| after) };
        !after.trim().is_empty()
    };
    !html.split('<').enumerate().any(words) && !html.contains("<hr") && !html.contains("<input")
}

/// The words of such a text, for where it is only told of: without marks and addresses, and no HTML.
pub fn message_to_text(text: &str) -> String {
    let arena = Arena::new();
    let mut words = String::with_capacity(text.len());
    for node in parse_document(&arena, &flatten(text), &options()).descendants() {
        match &node.data.borrow().value {
            NodeValue::Text(text) => words.push_str(text),
            NodeValue::Code(code) => words.push_str(&code.literal),
            NodeValue::CodeBlock(code) => {
                words.push(' ');
                words.push_str(&code.literal);
            }
            NodeValue::SoftBreak | NodeValue::LineBreak => words.push(' '),
            value if value.block() => words.push(' '),
            _ => {}
        }
    }
    words
}

/// Whose files a relative address means.
#[derive(Clone, Copy)]
enum Files<'a> {
    /// A message has none of its own.
    None,
    Of(ArtifactId),
    /// They are looked for when the text is HTML, with those that HTML in it names.
    Beside(&'a Beside),
}

fn convert(body: &str, files: Files<'_>, options: &Options<'_>) -> String {
    let arena = Arena::new();
    let root = parse_document(&arena, &flatten(body), options);
    let mut blocks = Vec::new();
    let mut budget = COLOURED_BYTES;
    for node in root.descendants() {
        rewrite(&arena, node, files, &mut blocks, &mut budget);
    }
    let mut html = String::new();
    if format_document(root, options, &mut html).is_err() {
        return String::new();
    }
    let clean = sanitise::clean(&html, !matches!(files, Files::None));
    let clean = if let Files::Beside(beside) = files { beside.lead(&clean) } else { clean };
    put_back(&clean, &blocks)
}

fn options() -> Options<'static> {
    let mut options = Options::default();
    let extension = &mut options.extension;
    extension.strikethrough = true;
    extension.table = true;
    extension.autolink = true;
    extension.tasklist = true;
    extension.footnotes = true;
    extension.header_id_prefix = Some(String::new());
    // Raw HTML goes through the sanitiser like everything else.
    options.render.r#unsafe = true;
    options
}

/// Cuts nesting that no person wrote, before a parser that recurses meets it.
fn flatten(body: &str) -> String {
    let nested = |line: &str| {
        let marks = line.chars().take_while(|c| matches!(c, '>' | ' ' | '\t' | '-' | '*' | '+')).filter(|c| !c.is_whitespace()).count();
        marks > DEPTH
    };
    if !body.lines().any(nested) {
        return body.to_owned();
    }
    body.lines().map(|line| if nested(line) { line.trim_start_matches(['>', ' ', '\t', '-', '*', '+']) } else { line }).fold(
        String::with_capacity(body.len()),
        |mut text, line| {
            text.push_str(line);
            text.push('\n');
            text
        },
    )
}

/// Code becomes a placeholder, addresses become what they mean here.
fn rewrite<'a>(arena: &'a Arena<'a>, node: &'a AstNode<'a>, files: Files<'_>, blocks: &mut Vec<String>, budget: &mut usize) {
    let mut data = node.data.borrow_mut();
    match &mut data.value {
        NodeValue::CodeBlock(code) => {
            let language = code.info.split([' ', ',', '{']).next().unwrap_or_default().to_owned();
            let html = code_block(&language, &code.literal, budget);
            let literal = format!("{}{}\"></div>\n", PLACEHOLDER, blocks.len());
            blocks.push(html);
            data.value = NodeValue::HtmlBlock(NodeHtmlBlock { block_type: 6, literal });
        }
        NodeValue::Link(link) => link.url = own_address(&link.url, files),
        NodeValue::Image(image) => {
            if matches!(files, Files::None) || is_external(&image.url) {
                // Pictures from elsewhere would tell that elsewhere who reads, and a message has no files of its own: they are links.
                let link = NodeLink { url: image.url.clone(), title: image.title.clone() };
                if node.first_child().is_none() {
                    let text = NodeValue::Text(image.url.clone().into());
                    node.append(arena.alloc(AstNode::from(text)));
                }
                data.value = NodeValue::Link(Box::new(link));
            } else {
                image.url = own_address(&image.url, files);
            }
        }
        _ => {}
    }
}

fn is_external(url: &str) -> bool {
    url.starts_with("//")
        || url.split_once(':').is_some_and(|(scheme, _)| {
            !scheme.is_empty() && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
        })
}

/// A relative address means a file beside the main file, where there is one.
fn own_address(url: &str, files: Files<'_>) -> String {
    let Files::Of(artifact) = files else { return url.to_owned() };
    if url.is_empty() || url.starts_with(['#', '/', '?']) || is_external(url) {
        return url.to_owned();
    }
    let (path, fragment) = url.split_once('#').map_or((url, ""), |(path, fragment)| (path, fragment));
    let mut address = format!("/api/v1/artifacts/{artifact}/files/{}", plain_path(path));
    if !fragment.is_empty() {
        let _ = write!(address, "#{fragment}");
    }
    address
}

/// A path without what only leads around.
fn plain_path(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

const PLACEHOLDER: &str = "<div data-code=\"";

/// A block with its language, a copy button and coloured text.
fn code_block(language: &str, code: &str, budget: &mut usize) -> String {
    let coloured = if code.len() <= *budget { highlight::classes(language, code) } else { None };
    if coloured.is_some() {
        *budget -= code.len();
    }
    let text = coloured.unwrap_or_else(|| escape(code));
    let button = "<button type=\"button\" class=\"btn ghost s\" data-copy-code><svg class=\"icon\" aria-hidden=\"true\"><use href=\"/icons.svg#copy\"></use></svg>Copy</button>";
    let label: String = language.chars().filter(|c| !c.is_control()).take(30).collect();
    format!(
        "<figure class=\"codeblock\"><figcaption>{}{button}</figcaption><pre tabindex=\"0\"><code>{text}</code></pre></figure>",
        escape(if label.is_empty() { "text" } else { &label })
    )
}

/// Replaces each placeholder by its block. A text that writes such a placeholder itself only repeats a block of its own.
fn put_back(html: &str, blocks: &[String]) -> String {
    let mut out = String::with_capacity(html.len() + blocks.iter().map(String::len).sum::<usize>());
    let mut rest = html;
    let mut left: usize = blocks.len();
    while let Some(at) = rest.find(PLACEHOLDER) {
        out.push_str(&rest[..at]);
        rest = &rest[at + PLACEHOLDER.len()..];
        let Some((number, after)) = rest.split_once('"') else { break };
        rest = after.strip_prefix("></div>").unwrap_or(after.strip_prefix('>').unwrap_or(after));
        if let Some(block) = number.parse::<usize>().ok().and_then(|number| blocks.get(number)).filter(|_| left > 0) {
            out.push_str(block);
            left -= 1;
        }
    }
    out.push_str(rest);
    out
}

/// Text as it stands in HTML, also between double quotes.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 16);
    escape_into(text, &mut out);
    out
}

fn escape_into(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests;
