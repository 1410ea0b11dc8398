//! What runs of a tool: its code block, its inputs, the hosts it declares.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{
    document::Document,
    frontmatter::{Frontmatter, Node},
};

/// More than an honest tool talks to; they all end in one header.
pub const MAX_HOSTS: usize = 10;
/// As long as a name in the DNS can be.
const MAX_HOST: usize = 253;
/// In bytes. Code is held several times while it runs.
pub const MAX_CODE: usize = 256 * 1024;
/// More than a form or a model fills in; further ones are not read.
const MAX_INPUTS: usize = 64;

/// A tool's code and what it declares.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Tool {
    /// Empty if the frontmatter has none.
    pub name: String,
    /// Empty if the frontmatter has none.
    pub description: String,
    /// As its block names it, in lower case; empty if it does not.
    pub language: String,
    pub code: String,
    /// Whether it runs in the browser of the person who allows it: JavaScript with a `main`. Anything else is shown.
    pub runs: bool,
    pub inputs: Vec<ToolInput>,
    /// What it may reach.
    pub hosts: Vec<String>,
    /// Declared, but not to be reached from here: wildcards, addresses, or too many.
    pub refused: Vec<String>,
}

/// One member of the object that `main` gets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ToolInput {
    pub name: String,
    /// None if any value will do.
    pub kind: Option<InputType>,
    pub description: Option<String>,
    /// The only values that it takes, as written; any if empty.
    pub choices: Vec<String>,
    /// As written.
    pub default: Option<String>,
    pub required: bool,
}

/// The types of JSON schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum InputType {
    String,
    Number,
    Integer,
    Boolean,
    Array,
    Object,
}

impl Tool {
    /// Reads a tool's main file; none if there is no code in it.
    pub fn read(text: &str) -> Option<Self> {
        let (language, code) = code_of(Document::parse(text).body)?;
        let runs = is_script(&language, &code);
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
        let inputs = inputs(frontmatter.get("inputs"));
        let (name, description) = (frontmatter.name.unwrap_or_default(), frontmatter.description.unwrap_or_default());
        Some(Self { name, description, language, code, runs, inputs, hosts, refused })
    }

    /// The inputs as a JSON schema (an object without other members): the `parameters` of a function that models call.
    pub fn parameters(&self) -> Value {
        let properties: Map<String, Value> = self.inputs.iter().map(|input| (input.name.clone(), input.schema())).collect();
        let required: Vec<&str> = self.inputs.iter().filter(|input| input.required).map(|input| input.name.as_str()).collect();
        json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false })
    }
}

impl ToolInput {
    fn schema(&self) -> Value {
        let mut schema = Map::new();
        if let Some(kind) = self.kind {
            schema.insert("type".into(), kind.name().into());
            if kind == InputType::Array {
                schema.insert("items".into(), json!({}));
            }
        }
        if let Some(description) = &self.description {
            schema.insert("description".into(), description.as_str().into());
        }
        if !self.choices.is_empty() {
            schema.insert("enum".into(), self.choices.iter().map(|choice| self.value(choice)).collect());
        }
        if let Some(default) = &self.default {
            schema.insert("default".into(), self.value(default));
        }
        Value::Object(schema)
    }

    /// A scalar of the frontmatter as a value of its type; text where it is none.
    fn value(&self, written: &str) -> Value {
        match self.kind {
            None | Some(InputType::String) => written.into(),
            // YAML writes `True`, too.
            Some(InputType::Boolean) if written.eq_ignore_ascii_case("true") => true.into(),
            Some(InputType::Boolean) if written.eq_ignore_ascii_case("false") => false.into(),
            Some(_) => serde_json::from_str(written).unwrap_or_else(|_| written.into()),
        }
    }
}

impl InputType {
    /// By its name in JSON schema or another usual one.
    fn named(name: &str) -> Option<Self> {
        Some(match name.trim().to_ascii_lowercase().as_str() {
            "string" | "text" => Self::String,
            "number" | "float" | "decimal" => Self::Number,
            "integer" | "int" => Self::Integer,
            "boolean" | "bool" | "flag" => Self::Boolean,
            "array" | "list" => Self::Array,
            "object" | "map" | "json" => Self::Object,
            _ => return None,
        })
    }

    /// Its name in JSON schema.
    pub const fn name(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Number => "number",
            Self::Integer => "integer",
            Self::Boolean => "boolean",
            Self::Array => "array",
            Self::Object => "object",
        }
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
    let own =
        ["localhost", "localdomain", "local", "internal", "intranet", "private", "corp", "home", "lan", "arpa", "onion"].contains(&last);
    (name.len() <= MAX_HOST && named && !own && name.split('.').all(label)).then(|| name.to_owned())
}

/// Language and text of the first JavaScript block with a `main`, else of the first block of all.
fn code_of(body: &str) -> Option<(String, String)> {
    let mut blocks = blocks(body);
    let script = blocks.iter().position(|(language, code)| is_script(language, code)).unwrap_or(0);
    (script < blocks.len()).then(|| blocks.swap_remove(script))
}

fn is_script(language: &str, code: &str) -> bool {
    matches!(language, "js" | "javascript" | "mjs") && code.len() <= MAX_CODE && defines_main(code)
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

/// A list of mappings with a `name`, a list of names, or a mapping of names to types or mappings.
fn inputs(declared: Option<&Node>) -> Vec<ToolInput> {
    let fields: Vec<(String, &Node)> = match declared {
        Some(Node::Map(pairs)) => pairs.iter().map(|(name, node)| (name.clone(), node)).collect(),
        Some(Node::List(items)) => items
            .iter()
            .filter_map(|item| match item {
                Node::Map(_) => item.get("name").and_then(Node::text).map(|name| (name, item)),
                item => item.text().map(|name| (name, &Node::Null)),
            })
            .collect(),
        _ => Vec::new(),
    };
    let mut inputs: Vec<ToolInput> = Vec::new();
    for (name, node) in fields {
        if inputs.len() < MAX_INPUTS && inputs.iter().all(|known| known.name != name) {
            inputs.push(input(name, node));
        }
    }
    inputs
}

fn input(name: String, node: &Node) -> ToolInput {
    let text = |key: &str| node.get(key).and_then(Node::text);
    let kind = match node {
        Node::Map(_) => text("type"),
        node => node.text(),
    };
    let default = text("default");
    let optional = default.is_some() || text("required").as_deref() == Some("false") || text("optional").as_deref() == Some("true");
    ToolInput {
        name,
        kind: kind.as_deref().and_then(InputType::named),
        description: text("description"),
        choices: node.get("enum").map(Node::list).unwrap_or_default(),
        default,
        required: !optional,
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
        assert!(tool.runs && tool.code.starts_with("async function main") && tool.code.ends_with("}\n"));
        assert_eq!((tool.name.as_str(), tool.description.as_str(), tool.language.as_str()), ("rate", "Rates.", "js"));
        assert_eq!(tool.hosts, ["api.example.org"]);
        assert_eq!(tool.refused, ["*.example.org", "127.0.0.1"]);
        assert_eq!(
            tool.parameters(),
            json!({ "type": "object", "additionalProperties": false, "required": ["amount"], "properties": {
                "amount": { "type": "number", "description": "How much." }, "days": { "type": "integer", "default": 30 } } })
        );
    }

    #[test]
    fn inputs_are_declared_in_three_ways() {
        let parameters = |inputs: &str| {
            let text = format!("---\nname: a\ninputs:{inputs}\n---\n\n```js\nfunction main() {{}}\n```\n");
            Tool::read(&text).expect("it has code").parameters()
        };
        let schema = |properties: Value, required: Value| json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false });
        assert_eq!(parameters(" []"), schema(json!({}), json!([])));
        assert_eq!(parameters(" [from, to, from]"), schema(json!({ "from": {}, "to": {} }), json!(["from", "to"])));
        assert_eq!(
            parameters(
                "\n  text: string\n  tags: list\n  unit:\n    type: text\n    enum: [m, ft]\n    default: m\n  steps:\n    type: int\n    enum: [1, 2]\n  exact:\n    type: bool\n    required: false\n  round:\n    type: bool\n    default: True"
            ),
            schema(
                json!({
                    "text": { "type": "string" }, "tags": { "type": "array", "items": {} },
                    "unit": { "type": "string", "enum": ["m", "ft"], "default": "m" }, "steps": { "type": "integer", "enum": [1, 2] },
                    "exact": { "type": "boolean" }, "round": { "type": "boolean", "default": true },
                }),
                json!(["text", "tags", "steps"])
            )
        );
        let many: Vec<String> = (0..1_000).map(|number| format!("i{number}")).collect();
        assert_eq!(parameters(&format!(" [{}]", many.join(", ")))["required"].as_array().map(Vec::len), Some(MAX_INPUTS));
    }

    #[test]
    fn other_languages_are_shown_and_not_run() {
        for text in [
            include_str!("../../../../volumes/system/tools/contrast-checker/TOOL.md"),
            include_str!("../../../../volumes/system/tools/financial-calculator/TOOL.md"),
        ] {
            let tool = Tool::read(text).expect("it has code");
            assert!(!tool.runs && tool.language == "bash" && tool.code.starts_with("python3 scripts/"));
            assert!(tool.hosts.is_empty());
        }
        assert!(matches!(Tool::read("```js\nconst mainly = 1;\n```\n"), Some(Tool { runs: false, .. })));
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
            "wiki.corp",
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
