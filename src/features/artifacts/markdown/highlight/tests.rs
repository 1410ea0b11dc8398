use proptest::prelude::*;

use super::*;

/// The text of the HTML again.
fn text(html: &str) -> String {
    let mut out = String::new();
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        out.push_str(&rest[..at]);
        rest = rest[at..].split_once('>').map_or("", |(_, rest)| rest);
    }
    out.push_str(rest);
    out.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&")
}

const NAMES: [&str; 12] = ["bash", "python", "json", "yaml", "ts", "rust", "sql", "html", "diff", "css", "powershell", "lua"];

proptest! {
    #[test]
    fn nothing_is_lost_and_nothing_becomes_markup(code in "[ a-z0-9\"'`<>&$#/*{}()=:;\\\\\n-éß世]{0,200}", name in 0usize..12) {
        let html = classes(NAMES[name], &code).expect("a known language");
        prop_assert_eq!(text(&html), code);
        for tag in html.split('<').skip(1) {
            prop_assert!(tag.starts_with("span class=\"hl-") || tag.starts_with("/span>"), "{}", html);
        }
    }
}

#[test]
fn languages_show_what_matters() {
    let shown = |name: &str, code: &str, class: &str, word: &str| {
        let html = classes(name, code).expect("a known language");
        assert!(html.contains(&format!("<span class=\"{class}\">{word}</span>")), "{name}: {html}");
    };
    shown("rust", "fn main() { let x: &'a str = \"y\"; } // end", KEYWORD, "fn");
    shown("rust", "fn main() { let x: &'a str = \"y\"; } // end", STRING, "&quot;y&quot;");
    shown("rust", "fn main() {} // end", COMMENT, "// end");
    shown("python", "def f():\n    \"\"\"two\nlines\"\"\"", STRING, "&quot;&quot;&quot;two\nlines&quot;&quot;&quot;");
    shown("bash", "echo \"$x\" # why\ncurl http://a/#b", COMMENT, "# why");
    shown("bash", "cd $HOME", VARIABLE, "$HOME");
    shown("json", "{ \"key\": 1 }", KEY, "&quot;key&quot;");
    shown("yaml", "- name: x # y", KEY, "name");
    shown("sql", "SELECT count(*) FROM t -- all", KEYWORD, "SELECT");
    shown("html", "<a href=\"x\">y</a>", ATTRIBUTE, "href");
    shown("diff", "+new\n-old\n", "hl-markup hl-deleted", "-old\n");
    assert!(classes("brainfuck", "+").is_none());
}
