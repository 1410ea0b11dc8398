use super::*;

fn html(text: &str) -> String {
    to_html(text, "00000000-0000-7000-8000-0000000000aa".parse().expect("an id"))
}

#[test]
fn nothing_that_runs_gets_through() {
    let attempts = [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "<a href=\"javascript:alert(1)\">x</a>",
        "[x](javascript:alert(1))",
        "[x](JaVaScRiPt:alert(1))",
        "[x](data:text/html;base64,PHNjcmlwdD4=)",
        "![x](javascript:alert(1))",
        "<svg onload=alert(1)><script>alert(1)</script></svg>",
        "<iframe src=\"https://evil.example\"></iframe>",
        "<style>body{display:none}</style>",
        "<div style=\"position:fixed\">x</div>",
        "<form action=\"https://evil.example\"><input name=p type=password></form>",
        "<object data=x></object><embed src=x>",
        "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
        "<meta http-equiv=refresh content=0>",
        "```html\n<script>alert(1)</script>\n```",
        "```\"><script>alert(1)</script>\nx\n```",
        "`<script>alert(1)</script>`",
        "<div data-code=\"0\"><script>alert(1)</script></div>",
        "# <img src=x onerror=alert(1)>",
        "[^1]\n\n[^1]: <script>alert(1)</script>",
        "<base href=\"https://evil.example/\">",
        "<button formaction=\"javascript:alert(1)\">x</button>",
    ];
    for attempt in attempts {
        let html = html(attempt).to_lowercase();
        for bad in [
            "<script",
            "onerror=",
            "onload=",
            "href=\"javascript",
            "src=\"javascript",
            "href=\"data:",
            "<iframe",
            "<style",
            "style=\"",
            "<form",
            "password",
            "<object",
            "<meta",
            "<base",
            "formaction",
        ] {
            // Inside code it may stand as text, which is escaped.
            assert!(!html.contains(bad), "{attempt} gave {html}");
        }
    }
}

#[test]
fn ids_and_addresses_stay_inside_the_text() {
    let html = html("# Main\n\n[up](#main) <p id=\"login\">x</p>");
    assert!(html.contains("id=\"md-main\"") && html.contains("href=\"#md-main\"") && html.contains("id=\"md-login\""), "{html}");
    assert!(!html.contains("id=\"main\"") && !html.contains("id=\"login\""), "{html}");
}

#[test]
fn relative_addresses_are_the_artifacts_files() {
    let html = html(
        "[a](references/a.md#x) ![p](./assets/../assets/p.png) ![e](https://evil.example/p.png) [w](https://example.org) [up](../../etc/passwd)",
    );
    let base = "/api/v1/artifacts/00000000-0000-7000-8000-0000000000aa/files/";
    assert!(html.contains(&format!("href=\"{base}references/a.md#x\"")), "{html}");
    assert!(html.contains(&format!("src=\"{base}assets/p.png\"")), "{html}");
    assert!(html.contains(&format!("href=\"{base}etc/passwd\"")), "{html}");
    assert!(!html.contains("<img src=\"https:"), "{html}");
    assert!(html.contains("href=\"https://evil.example/p.png\""), "{html}");
    assert!(html.contains("rel=\"noopener noreferrer nofollow\""), "{html}");
}

#[test]
fn code_is_coloured_and_can_be_copied() {
    let html = html("```rust\nfn main() { let x = \"<b>\"; }\n```\n\n```\nplain & <simple>\n```\n\n<div data-code=\"9\"></div>");
    assert!(html.contains("class=\"hl-") && html.contains("<figcaption>rust<button") && html.contains("data-copy-code"), "{html}");
    assert!(html.contains("plain &amp; &lt;simple&gt;"), "{html}");
    assert_eq!(html.matches("<figure class=\"codeblock\">").count(), 2);
    assert!(!html.contains("data-code="), "{html}");
}

// Without a name a screen reader says only that there is a box.
#[test]
fn the_boxes_of_tasks_have_a_name() {
    assert_eq!(html("- [x] done\n- [ ] open\n").matches("aria-label=\"Task\"").count(), 2);
}

#[test]
fn tables_tasks_and_footnotes_are_there() {
    let html = html("| a | b |\n|:-|-:|\n| 1 | 2 |\n\n- [x] done\n- [ ] open\n\n~~old~~ https://example.org\n\nNote[^n].\n\n[^n]: Text.\n");
    assert!(
        html.contains("<table>") && html.contains("type=\"checkbox\"") && html.contains("checked") && html.contains("<del>old</del>"),
        "{html}"
    );
    assert!(html.contains("href=\"https://example.org\"") && html.contains("class=\"footnotes\""), "{html}");
    assert!(html.contains("href=\"#md-fn-n\"") && html.contains("id=\"md-fn-n\""), "{html}");
}

#[test]
fn hostile_nesting_ends() {
    for text in
        [">".repeat(20_000), "- ".repeat(5_000), "[".repeat(20_000), "*a ".repeat(10_000), "<div>".repeat(2_000), "`".repeat(10_001)]
    {
        let _ = html(&text);
    }
}

#[test]
fn a_message_has_no_pictures_of_its_own() {
    for text in ["see <img src=x> there", "see ![it](x.png) there", "see ![it](https://example.org/p.png) there"] {
        let html = message_to_html(text);
        assert!(!html.contains("<img") && html.contains("see") && html.contains("there"), "{html}");
    }
    assert!(message_to_html("![it](https://example.org/p.png)").contains("href=\"https://example.org/p.png\""));
}

// Such a message stood there as an empty one.
#[test]
fn a_message_that_is_html_alone_is_shown_as_it_was_written() {
    for text in ["<div></div>", "<script>alert(1)</script>", "<!-- later -->"] {
        let html = message_to_html(text);
        assert!(html.contains("<figure class=\"codeblock\">") && html.contains("&lt;") && !html.contains("<script"), "{html}");
    }
    for text in ["", " \n", "---", "- [ ] ", "No <script>alert(1)</script>", "```\n\n```", "<b>bold</b>"] {
        let html = message_to_html(text);
        assert!(!html.contains("&lt;") && !html.contains("<script"), "{html}");
    }
}

#[test]
fn what_is_only_told_of_shows_words_and_no_marks() {
    let words = |text: &str| message_to_text(text).split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(words("# Which **channel** is\nit in `docs/x.md`?"), "Which channel is it in docs/x.md?");
    assert_eq!(words("[@Maya O.](/people/1) see [this](https://example.org/a) \\*not bold\\*"), "@Maya O. see this *not bold*");
    assert_eq!(words("> quoted\n\n- [ ] one\n- two\n\n```rust\nfn main() {}\n```\n"), "quoted one two fn main() {}");
    assert_eq!(words("| Step | Who |\n|---|---|\n| a | b |\n"), "Step Who a b");
    assert_eq!(words("a <b>c</b> <script>x</script>"), "a c x");
    assert_eq!(words(&">".repeat(20_000)), "");
}
