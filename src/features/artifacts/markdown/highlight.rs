//! Code in colours, as classes that the style sheet knows.

use std::sync::OnceLock;

use syntect::{
    html::{ClassStyle, ClassedHTMLGenerator},
    parsing::SyntaxSet,
    util::LinesWithEndings,
};

/// A line longer than that is data; colouring it costs much and helps nobody.
const LINE_BYTES: usize = 2_000;

/// Loaded when code is first shown.
fn syntaxes() -> &'static SyntaxSet {
    static SYNTAXES: OnceLock<SyntaxSet> = OnceLock::new();
    SYNTAXES.get_or_init(SyntaxSet::load_defaults_newlines)
}

/// The code with `hl-` classes; none for a language that is not known.
pub fn classes(language: &str, code: &str) -> Option<String> {
    if language.is_empty() || code.lines().any(|line| line.len() > LINE_BYTES) {
        return None;
    }
    let language = language.to_ascii_lowercase();
    let token = match language.as_str() {
        "shell" | "console" | "zsh" | "sh" => "bash",
        "typescript" | "ts" | "tsx" | "jsx" | "mjs" => "js",
        "jsonc" | "json5" => "json",
        "c++" => "cpp",
        "text" | "txt" | "plain" | "plaintext" => return None,
        other => other,
    };
    let syntaxes = syntaxes();
    let syntax = syntaxes.find_syntax_by_token(token)?;
    let mut generator = ClassedHTMLGenerator::new_with_class_style(syntax, syntaxes, ClassStyle::SpacedPrefixed { prefix: "hl-" });
    for line in LinesWithEndings::from(code) {
        generator.parse_html_for_line_which_includes_newline(line).ok()?;
    }
    Some(generator.finalize())
}
