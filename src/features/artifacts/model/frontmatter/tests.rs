use proptest::prelude::*;

use super::*;

fn yaml(yaml: &str) -> Frontmatter {
    Frontmatter::parse(&format!("---\n{yaml}---\nbody\n"))
}

fn codes(fm: &Frontmatter) -> Vec<(usize, ProblemCode)> {
    fm.problems.iter().map(|p| (p.line, p.code)).collect()
}

fn texts(items: &[&str]) -> Vec<String> {
    items.iter().map(|s| (*s).to_string()).collect()
}

#[test]
fn reads_known_fields() {
    let fm = yaml(
        "name: a\ndescription: >-\n  one\n  two\ntags: x, y ,\nversion: 1.10\nauthor: {name: Ann, email: a@b}\n\
         metadata:\n  category: legal\n  version: 3\ntype: skill\ndependencies:\n- b\n- c\nlicense: ~\n",
    );
    assert_eq!(fm.problems, []);
    assert_eq!(fm.name.as_deref(), Some("a"));
    assert_eq!(fm.description.as_deref(), Some("one two"));
    assert_eq!(fm.tags, ["x", "y"]);
    assert_eq!(fm.version.as_deref(), Some("1.10"));
    assert_eq!(fm.author.as_deref(), Some("Ann"));
    assert_eq!(fm.category.as_deref(), Some("legal"));
    assert_eq!(fm.kind.as_deref(), Some("skill"));
    assert_eq!(fm.dependencies, ["b", "c"]);
    assert_eq!(fm.license, None);
    assert_eq!(fm.body_line, 18);
    let lines: Vec<_> = fm.entries.iter().map(|e| (e.key.as_str(), e.lines)).collect();
    assert_eq!(
        lines,
        [
            ("name", (2, 2)),
            ("description", (3, 5)),
            ("tags", (6, 6)),
            ("version", (7, 7)),
            ("author", (8, 8)),
            ("metadata", (9, 11)),
            ("type", (12, 12)),
            ("dependencies", (13, 15)),
            ("license", (16, 16))
        ]
    );
}

#[test]
fn keeps_scalars_as_written() {
    for raw in ["1.0", "1.10", "007", "0x1F", "true", "Yes", "2026-01-20", "1e3", "1_000", ".inf", "-5"] {
        let fm = yaml(&format!("metadata:\n  version: {raw}\nx: [{raw}]\n"));
        assert_eq!(fm.version.as_deref(), Some(raw));
        assert_eq!(fm.get("x").map(Node::list), Some(texts(&[raw])));
    }
    let fm = yaml("a: &v 1.0\nversion: *v\n");
    assert_eq!(fm.version.as_deref(), Some("1.0"));
}

#[test]
fn recovers_broken_yaml() {
    use ProblemCode::*;
    let fm = yaml("name: a\ndescription: Use when: foo, \"bar\"\ntags: [x, 'y z', \"w\"\nlicense: MIT\n");
    assert_eq!(codes(&fm), [(3, BrokenYaml), (4, BrokenYaml)]);
    assert_eq!(fm.description.as_deref(), Some("Use when: foo, \"bar\""));
    assert_eq!(fm.tags, ["x", "y z", "w"]);
    assert_eq!(fm.license.as_deref(), Some("MIT"));
    assert!(fm.problems[0].message.contains("a value with a colon needs quotes"), "{:?}", fm.problems);

    let fm = yaml("name: \"a\ndescription: |\n  Use: x\n\n    # y\ntags:\n\t- p\n\t- q\n");
    assert_eq!(codes(&fm), [(2, BrokenYaml), (8, Tab)]);
    assert_eq!(fm.name.as_deref(), Some("a"));
    assert_eq!(fm.description.as_deref(), Some("Use: x\n\n  # y"));
    assert_eq!(fm.tags, ["p", "q"]);

    let fm = yaml("name: a\ndescription: first: line\n  second line\nNext to it: more\nmetadata:\n  author: b: c\n  version: 2\n");
    assert_eq!(fm.description.as_deref(), Some("first: line second line Next to it: more"));
    assert_eq!((fm.author.as_deref(), fm.version.as_deref()), (Some("b: c"), Some("2")));

    let fm = yaml("tags:\n- a: b: c\n- \"d\n");
    assert_eq!(fm.tags, ["a: b: c", "d"]);
    let fm = yaml("description: >\n\tfolded\n\ttext\n\n\tmore\nname: x: y\n");
    assert_eq!(fm.description.as_deref(), Some("folded text\nmore"));
    let fm = yaml("name: @a\ndescription: \"Foo\" and bar\n");
    assert_eq!((fm.name.as_deref(), fm.description.as_deref()), (Some("@a"), Some("\"Foo\" and bar")));
}

#[test]
fn reports_odd_blocks() {
    use ProblemCode::*;
    assert_eq!(codes(&Frontmatter::parse("# A\n")), [(1, Missing)]);
    assert_eq!(codes(&Frontmatter::parse("\n---\nname: a\n---\n")), [(2, NotFirst)]);
    let fm = Frontmatter::parse("---\nname: a\n\n# A\n");
    assert_eq!((codes(&fm), fm.name.as_deref()), (vec![(1, Unclosed)], Some("a")));
    let fm = yaml("name: a\nname: b\n");
    assert_eq!((codes(&fm), fm.name.as_deref()), (vec![(3, DuplicateKey)], Some("a")));
    let fm = yaml("{name: a, tags: [b]}\n");
    assert_eq!((codes(&fm), fm.name.as_deref(), fm.tags), (vec![], Some("a"), texts(&["b"])));
    let fm = yaml(&format!("name: a\nx: {}\n", "y".repeat(MAX_YAML)));
    assert_eq!((codes(&fm), fm.name), (vec![(1, TooLarge)], None));
}

#[test]
fn defuses_bombs() {
    let mut bomb = String::from("name: a\na0: &a0 [x, x, x, x, x, x, x, x, x]\n");
    for i in 1..12 {
        let refs = vec![format!("*a{}", i - 1); 9].join(", ");
        bomb += &format!("a{i}: &a{i} [{refs}]\n");
    }
    let fm = yaml(&bomb);
    assert_eq!(fm.name.as_deref(), Some("a"));
    assert!(!fm.problems.is_empty());
    for deep in ["[".repeat(30_000), "{a: ".repeat(10_000), format!("{}x", "- ".repeat(20_000))] {
        let fm = yaml(&format!("name: a\nx: {deep}\n"));
        assert_eq!(fm.name.as_deref(), Some("a"));
        assert!(!fm.problems.is_empty());
    }
    let nested: String = (0..300).map(|i| format!("{}k: \n", " ".repeat(i))).collect();
    yaml(&nested);
    yaml(&"a:\n".repeat(20_000));
    yaml(&"a: \"\n".repeat(10_000));
}

fn set(text: &str, key: &str, value: &str) -> String {
    set_key(text, key, &Value::Text(value.into()))
}

fn set_list(text: &str, key: &str, items: &[&str]) -> String {
    set_key(text, key, &Value::List(texts(items)))
}

#[test]
fn changes_only_its_lines() {
    let text = "---\n# top\nname: a  # the name\n\ndescription: |\n  x\n  # no comment\n\n# about tags\ntags:\n  # first\n  - a # one\n  - b\nlast: 1\n---\nbody";
    assert_eq!(set(text, "name", "b: c"), text.replace("a  # the name", "\"b: c\"  # the name"));
    assert_eq!(set(text, "description", "z"), text.replace("|\n  x\n  # no comment", "z"));
    assert_eq!(set(text, "description", "p\nq"), text.replace("|\n  x\n  # no comment", "|-\n  p\n  q"));
    assert_eq!(set_list(text, "tags", &["c", "a"]), text.replace("  # first\n  - a # one\n  - b\n", "  - c\n  # first\n  - a # one\n"));
    assert_eq!(set_list(text, "tags", &[]), text.replace(":\n  # first\n  - a # one\n  - b\n", ": []\n"));
    assert_eq!(set(text, "new", "true"), text.replace("last: 1\n", "last: 1\nnew: \"true\"\n"));
    assert_eq!(set_key(text, "last", &Value::Remove), text.replace("last: 1\n", ""));
    assert_eq!(set_key(text, "none", &Value::Remove), text);
}

#[test]
fn keeps_the_style() {
    assert_eq!(set("---\nn: 'a'\n---\n", "n", "it's"), "---\nn: 'it''s'\n---\n");
    assert_eq!(set("---\nn: \"a\"\n---\n", "n", "b"), "---\nn: \"b\"\n---\n");
    assert_eq!(set_list("---\nt: [a]  # c\n---\n", "t", &["a, b", "c"]), "---\nt: [\"a, b\", c]  # c\n---\n");
    assert_eq!(set_list("---\nt:\n- a\n---\n", "t", &["a", "b"]), "---\nt:\n- a\n- b\n---\n");
    assert_eq!(set("---\r\nn: a\r\nm: b\r\n---\r\n", "n", "x\ny"), "---\r\nn: |-\r\n  x\r\n  y\r\nm: b\r\n---\r\n");
    assert_eq!(set("---\nn: a\nm: b\nn: c\n---\n", "n", "d"), "---\nn: d\nm: b\n---\n");
}

#[test]
fn makes_and_mends_blocks() {
    assert_eq!(set("# A\n", "name", "a"), "---\nname: a\n---\n# A\n");
    assert_eq!(set("", "name", ""), "---\nname: \"\"\n---\n");
    assert_eq!(set("---\nname: a\n# A\n", "x", "b"), "---\nname: a\nx: b\n---\n# A\n");
    assert_eq!(set("---\nname: a", "name", "b"), "---\nname: b\n---\n");
    assert_eq!(set("---\n{name: a, t: [b, \"c,d\"]}\n---\n", "x", "z"), "---\nname: a\nt: [b, \"c,d\"]\nx: z\n---\n");
    assert_eq!(set("---\nname: a: b\nx: 1\n---\n", "name", "c"), "---\nname: c\nx: 1\n---\n");
    // A comment further in must not become text of the block.
    let text = set("---\na: b\n  # note\nc: d\n---\n", "a", "x\ny");
    assert_eq!(text, "---\na: \"x\\ny\"\n  # note\nc: d\n---\n");
    // Hidden characters are written visibly.
    assert_eq!(set("", "k", "a\u{200B}\u{202E}\u{E0041}"), "---\nk: \"a\\u200B\\u202E\\U000E0041\"\n---\n");
}

#[test]
fn an_empty_block_keeps_the_blank_line_behind_it() {
    for eol in ["\n", "\r\n"] {
        for blank in ["", eol, "\n\n\n"] {
            let text = format!("---{eol}---{eol}{blank}# A\n");
            assert_eq!(set(&text, "name", "a"), format!("---{eol}name: a{eol}---{eol}{blank}# A\n"));
            assert_eq!(set_list(&text, "tags", &["b"]), format!("---{eol}tags: [b]{eol}---{eol}{blank}# A\n"));
            assert_eq!(set_key(&text, "name", &Value::Remove), text);
            // Set and removed again, it is as before.
            assert_eq!(set_key(&set(&text, "name", "a"), "name", &Value::Remove), text);
        }
    }
    assert_eq!(set("---\n---", "name", "a"), "---\nname: a\n---");
}

fn value() -> impl Strategy<Value = Value> {
    let text = prop_oneof![
        any::<String>(),
        "[a-z]{1,8}",
        "([a-zA-Z0-9 :#'\"\\[\\]{},&*!|>%@`?.~=<\\\\-]|\n|\t|é|\u{200B}|\u{85}|\u{2028}|\u{FEFF}){0,24}",
        "([a-z #:]{0,8}\n){0,4}[a-z]{0,3}",
        "(true|No|null|~|1\\.0|0x1f|1e5|2026-01-01|12:30|---|\\.\\.\\.|- a|a: b|<<|\\.inf)",
    ];
    prop_oneof![text.clone().prop_map(Value::Text), proptest::collection::vec(text, 0..4).prop_map(Value::List), Just(Value::Remove),]
}

/// Blocks of entries in many styles, sound and broken, with comments in between.
fn block() -> impl Strategy<Value = String> {
    let entry = prop_oneof![
        Just("K: plain # c\n"),
        Just("K: \"dq # x\"  # c\n"),
        Just("K: 'it''s'\n"),
        Just("K: \"two\n  # lines\"\n"),
        Just("K: |\n  block\n\n  # text\n"),
        Just("K: >-\n  folded\n  text\n\n"),
        Just("K: |+\n  keep\n\n"),
        Just("K: [a, \"b\", c] # c\n"),
        Just("K: [a,\n  b\n]\n"),
        Just("K: # c\n  # d\n  - a\n  - b # e\n"),
        Just("K:\n- a\n# c\n- {x: y}\n"),
        Just("K:\n  sub: 1\n  # c\n  text: |\n    # t\n"),
        Just("K:\n"),
        Just("K: 1.0\n"),
        Just("K: plain\n  goes on\n"),
        Just("\"K\": quoted key\n"),
        Just("# comment\n\n"),
        Just("K: v\n  # indented\n"),
    ];
    let broken = prop_oneof![
        Just("K: Use when: foo\n"),
        Just("K: \"open\n"),
        Just("K: [a, b\n"),
        Just("K:\n\t- a\n"),
        Just("K: @x\n"),
        Just("K: one: two\nprose goes on\n"),
    ];
    let entries = prop_oneof![4 => proptest::collection::vec(entry.clone().boxed(), 0..7),
        1 => proptest::collection::vec(prop_oneof![entry, broken], 0..7)];
    entries.prop_map(|e| {
        let named = e.iter().enumerate().map(|(i, e)| e.replace('K', &format!("k{i}")));
        named.collect()
    })
}

fn check(text: &str, key: &str, value: &Value) -> Result<(), TestCaseError> {
    let old = Frontmatter::parse(text);
    let out = set_key(text, key, value);
    let new = Frontmatter::parse(&out);
    let expected = (*value != Value::Remove).then(|| value.node());
    prop_assert_eq!(new.get(key), expected.as_ref(), "{}", out);
    let others = |fm: &Frontmatter| -> Vec<(String, String, Node)> {
        let rest = fm.entries.iter().filter(|e| e.key != key);
        rest.map(|e| (e.key.clone(), e.raw.clone(), e.node.clone())).collect()
    };
    prop_assert_eq!(others(&old), others(&new), "{}", out);
    // Without the lines of the key, both texts are the same.
    let without = |text: &str, fm: &Frontmatter| -> Vec<String> {
        let own: Vec<_> = fm.entries.iter().filter(|e| e.key == key).map(|e| e.lines).collect();
        let lines = text.split_inclusive('\n').enumerate();
        let rest = lines.filter(|(i, _)| !own.iter().any(|(a, b)| (*a..=*b).contains(&(i + 1))));
        rest.map(|(_, l)| l.to_owned()).collect()
    };
    let (mut before, mut after) = (without(text, &old), without(&out, &new));
    // What a block scalar before a removed key would absorb goes too.
    if *value == Value::Remove && text.contains(['|', '>']) {
        let absorbed = |l: &String| l.trim().is_empty() || l.starts_with("  #");
        before.retain(|l| !absorbed(l));
        after.retain(|l| !absorbed(l));
    }
    prop_assert_eq!(before, after);
    prop_assert_eq!(Document::parse(text).body, Document::parse(&out).body);
    // In broken YAML the second edit may find another spelling.
    if old.problems.is_empty() {
        prop_assert_eq!(set_key(&out, key, value), out);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn edits_touch_nothing_else(block in block(), body in "\n{0,3}(# Body\n|---\n|body: text\n)?\n{0,2}", n in 0_usize..8, value in value()) {
        check(&format!("---\n{block}---\n{body}"), &format!("k{n}"), &value)?;
    }

    #[test]
    fn any_key_and_value_reads_back(key in "[ -~é\n]{0,12}", value in value(), body in "[a-z#\n-]{0,20}") {
        let out = set_key(&body, &key, &value);
        let fm = Frontmatter::parse(&out);
        if value != Value::Remove {
            prop_assert_eq!(fm.get(&key), Some(&value.node()), "{}", out);
            prop_assert!(out.ends_with(&body) || Document::parse(&body).has_frontmatter());
        }
    }

    #[test]
    fn never_panics(text in any::<String>(), yamlish in "(---\n)?([a-z]{1,3}:|- |\\[|\\]|\"|'|\\||>|&a |\\*a|\t|  |\n|\r\n|#|é|\\{|\\}|,|!|\\?|<<: |---\n|\\.\\.\\.\n){0,30}", value in value()) {
        for text in [text, yamlish.clone(), format!("---\n{yamlish}\n---\nx")] {
            let fm = Frontmatter::parse(&text);
            let lines = text.split_inclusive('\n').count();
            for entry in &fm.entries {
                prop_assert!(entry.lines.0 >= 2 && entry.lines.0 <= entry.lines.1 && entry.lines.1 <= lines);
            }
            set_key(&text, "k", &value);
            set_key(&text, "a", &value);
        }
    }
}
