//! What runs of a tool: its code block, its inputs as a schema, the hosts it declares.

use serde_json::{Map, Value, json};

use super::{
    document::Document,
    frontmatter::{Frontmatter, Node},
};

/// More than an honest tool talks to; they all end in one header.
pub const MAX_HOSTS: usize = 10;
/// As long as a name in the DNS can be.
const MAX_HOST: usize = 253;
/// Code is held several times while it runs.
pub const MAX_CODE: usize = 256 * 1024;

/// A tool's code and what it declares.
#[derive(Clone, Debug, PartialEq)]
pub struct Tool {
    pub code: Code,
    /// A JSON schema of the inputs, as `parameters` of a function that models call.
    pub inputs: Value,
    /// The same of the outputs.
    pub outputs: Value,
    /// What it may reach.
    pub hosts: Vec<String>,
    /// Declared, but not to be reached from here: wildcards, addresses, or too many.
    pub refused: Vec<String>,
}

/// The code block of a tool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Code {
    /// Runs in the browser of the person who allows it.
    JavaScript(String),
    /// In another language, or without a `main`: shown, not run.
    Shown { language: String, code: String },
}

impl Tool {
    /// Reads a tool's main file; none if there is no code in it.
    pub fn read(text: &str) -> Option<Self> {
        let code = code_of(Document::parse(text).body)?;
        let frontmatter = Frontmatter::parse(text);
        let declared = frontmatter.get("capabilities").and_then(|node| node.get("hosts")).or_else(|| frontmatter.get("hosts"));
        let (mut hosts, mut refused) = (Vec::new(), Vec::new());
        for written in declared.map(Node::list).unwrap_or_default() {
            match host(&written) {
                Some(host) if hosts.contains(&host) => {}
                Some(host) if hosts.len() < MAX_HOSTS => hosts.push(host),
                _ => refused.push(written),
            }
        }
        Some(Self { code, inputs: schema(frontmatter.get("inputs")), outputs: schema(frontmatter.get("outputs")), hosts, refused })
    }
}

/// A host that a tool may declare, in lower case: a full name in the DNS, with `https://` before it or not. None for a wildcard, an
/// address, a port, and names of the own machine or network.
pub fn host(written: &str) -> Option<String> {
    let name = written.trim().to_ascii_lowercase();
    let name = name.strip_prefix("https://").unwrap_or(&name);
    let name = name.strip_suffix('/').unwrap_or(name);
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let (_, last) = name.rsplit_once('.')?;
    // Browsers read a name whose last label is a number (also `0x7f`) as an address.
    let named = last.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase());
    let own = ["localhost", "local", "internal", "home", "lan", "arpa", "onion"].contains(&last);
    (name.len() <= MAX_HOST && named && !own && name.split('.').all(label)).then(|| name.to_owned())
}

/// The first JavaScript block with a `main`, else the first block of all.
fn code_of(body: &str) -> Option<Code> {
    let blocks = blocks(body);
    let script = blocks
        .iter()
        .find(|(language, code)| matches!(language.as_str(), "js" | "javascript" | "mjs") && code.len() <= MAX_CODE && defines_main(code));
    match script {
        Some((_, code)) => Some(Code::JavaScript(code.clone())),
        None => blocks.into_iter().next().map(|(language, code)| Code::Shown { language, code }),
    }
}

/// Whether something is called `main` at the beginning of a line; running it tells the rest.
fn defines_main(code: &str) -> bool {
    code.lines().any(|line| {
        let named = ["async function ", "function ", "const ", "let ", "var "].iter().find_map(|word| line.trim_start().strip_prefix(word));
        named.and_then(|rest| rest.trim_start().strip_prefix("main")).is_some_and(|rest| rest.trim_start().starts_with(['(', '=']))
    })
}

/// Fenced code blocks with their languages.
fn blocks(body: &str) -> Vec<(String, String)> {
    let mut blocks = Vec::new();
    let mut open: Option<(&str, String, String)> = None;
    for line in body.lines() {
        let start = line.trim_start_matches(' ');
        let fence = |mark: char| &start[..start.len() - start.trim_start_matches(mark).len()];
        match open.take() {
            None => {
                let fence = if start.starts_with('~') { fence('~') } else { fence('`') };
                let info = start[fence.len()..].trim();
                if fence.len() >= 3 && line.len() - start.len() < 4 && !info.contains('`') {
                    open = Some((fence, info.split([' ', ',', '{']).next().unwrap_or_default().to_ascii_lowercase(), String::new()));
                }
            }
            Some((fence, language, code)) if start.starts_with(fence) && start.trim_end().chars().all(|mark| fence.starts_with(mark)) => {
                blocks.push((language, code));
            }
            Some((fence, language, mut code)) => {
                code.push_str(line);
                code.push('\n');
                open = Some((fence, language, code));
            }
        }
    }
    blocks
}

/// Inputs or outputs: a list of mappings with a `name`, a list of names, or a mapping of names to types or mappings.
fn schema(declared: Option<&Node>) -> Value {
    let (mut properties, mut required) = (Map::new(), Vec::new());
    let nothing = Node::Null;
    let fields: Vec<(String, &Node)> = match declared {
        Some(Node::Map(pairs)) => pairs.iter().map(|(name, node)| (name.clone(), node)).collect(),
        Some(Node::List(items)) => items
            .iter()
            .filter_map(|item| match item {
                Node::Map(_) => item.get("name").and_then(Node::text).map(|name| (name, item)),
                item => item.text().map(|name| (name, &nothing)),
            })
            .collect(),
        _ => Vec::new(),
    };
    for (name, node) in fields {
        if properties.contains_key(&name) {
            continue;
        }
        let (property, needed) = property(node);
        if needed {
            required.push(name.clone());
        }
        properties.insert(name, property);
    }
    if properties.is_empty() {
        return json!({ "type": "object", "properties": {} });
    }
    json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false })
}

/// One field, and whether it has to be there.
fn property(node: &Node) -> (Value, bool) {
    let text = |key: &str| node.get(key).and_then(Node::text);
    let kind = match node {
        Node::Map(_) => text("type"),
        node => node.text(),
    };
    let kind = kind.as_deref().and_then(type_named);
    let mut property = Map::new();
    if let Some(kind) = kind {
        property.insert("type".into(), kind.into());
        if kind == "array" {
            property.insert("items".into(), json!({}));
        }
    }
    if let Some(description) = text("description") {
        property.insert("description".into(), description.into());
    }
    if let Some(choices) = node.get("enum").map(Node::list).filter(|choices| !choices.is_empty()) {
        property.insert("enum".into(), choices.iter().map(|choice| value(choice, kind)).collect());
    }
    let default = text("default");
    let optional = default.is_some() || text("required").as_deref() == Some("false") || text("optional").as_deref() == Some("true");
    if let Some(default) = default {
        property.insert("default".into(), value(&default, kind));
    }
    (Value::Object(property), !optional)
}

fn type_named(name: &str) -> Option<&'static str> {
    Some(match name.trim().to_ascii_lowercase().as_str() {
        "string" | "text" => "string",
        "number" | "float" | "decimal" => "number",
        "integer" | "int" => "integer",
        "boolean" | "bool" | "flag" => "boolean",
        "array" | "list" => "array",
        "object" | "map" => "object",
        _ => return None,
    })
}

/// A scalar of the frontmatter as a value of its type; text where it is none.
fn value(written: &str, kind: Option<&str>) -> Value {
    match kind {
        Some("number" | "integer" | "boolean" | "array" | "object") => serde_json::from_str(written).unwrap_or_else(|_| written.into()),
        _ => written.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_javascript_block_runs_with_what_the_frontmatter_declares() {
        let text = "---\nname: rate\ndescription: Rates.\ninputs:\n  - name: amount\n    type: number\n    description: How much.\n  \
                    - name: days\n    type: integer\n    default: 30\noutputs:\n  total: number\ncapabilities:\n  \
                    hosts: [https://API.example.org/, '*.example.org', 127.0.0.1, api.example.org]\n---\n\n```bash\nmain\n```\n\n\
                    ```js\nasync function main(inputs) {\n  return { total: inputs.amount };\n}\n```\n";
        let tool = Tool::read(text).expect("it has code");
        assert!(matches!(&tool.code, Code::JavaScript(code) if code.starts_with("async function main") && code.ends_with("}\n")));
        assert_eq!(tool.hosts, ["api.example.org"]);
        assert_eq!(tool.refused, ["*.example.org", "127.0.0.1"]);
        assert_eq!(
            tool.inputs,
            json!({ "type": "object", "additionalProperties": false, "required": ["amount"], "properties": {
                "amount": { "type": "number", "description": "How much." }, "days": { "type": "integer", "default": 30 } } })
        );
        assert_eq!(tool.outputs["properties"], json!({ "total": { "type": "number" } }));
    }

    #[test]
    fn other_languages_are_shown_and_not_run() {
        for text in [
            include_str!("../../../../volumes/system/tools/contrast-checker/TOOL.md"),
            include_str!("../../../../volumes/system/tools/financial-calculator/TOOL.md"),
        ] {
            let tool = Tool::read(text).expect("it has code");
            assert!(matches!(&tool.code, Code::Shown { language, code } if language == "bash" && code.starts_with("python3 scripts/")));
            assert!(tool.hosts.is_empty());
        }
        assert!(matches!(Tool::read("```js\nconst mainly = 1;\n```\n"), Some(Tool { code: Code::Shown { .. }, .. })));
        assert_eq!(Tool::read("---\nname: a\n---\nNo code.\n"), None);
    }

    #[test]
    fn a_block_ends_at_its_own_fence() {
        assert_eq!(
            blocks("````md\n```js\n```\n````\n~~~py\na\n~~~\n"),
            [("md".into(), "```js\n```\n".into()), ("py".into(), "a\n".into())]
        );
        assert!(blocks("```js\nnever closed\n").is_empty());
    }

    #[test]
    fn only_full_names_are_hosts() {
        for good in ["api.example.org", "https://a-b.example.org", "xn--bcher-kva.example"] {
            assert!(host(good).is_some(), "{good}");
        }
        for bad in [
            "*",
            "*.example.org",
            "localhost",
            "a.localhost",
            "printer.local",
            "127.0.0.1",
            "0x7f.1",
            "1.0x7f",
            "[::1]",
            "example.org:8080",
            "http://example.org",
            "example.org/path",
            "a.org; script-src *",
            "a.org 'self'",
            "a..org",
            ".org",
            "org",
            "-a.org",
            "",
        ] {
            assert_eq!(host(bad), None, "{bad}");
        }
        assert_eq!(host(&format!("{}.org", "a.".repeat(200))), None);
    }

    proptest::proptest! {
        #[test]
        fn whatever_is_a_host_is_one_source_of_a_policy(written in "\\PC{0,80}") {
            if let Some(host) = host(&written) {
                proptest::prop_assert!(host.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-')));
            }
        }

        #[test]
        fn any_text_is_read(text in "(```|~~~|js|main|\\n|---|inputs:|[ \\PC]){0,40}") {
            let _ = Tool::read(&text);
        }
    }
}
