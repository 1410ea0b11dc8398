//! What a new artifact begins with.

use super::{
    Kind,
    frontmatter::{Value, set_key},
};

/// What a new artifact begins with: enough to show the format, little to delete.
pub fn template(kind: Kind, name: &str, slug: &str) -> String {
    let (description, body) = match kind {
        Kind::Skill => (
            "What it does, and when to use it.",
            "## When to use it\n\nName the situations, in the words that people use.\n\n## Steps\n\n1. First step.\n2. Second step.\n\n## Example\n\nOne worked example says more than a rule.\n",
        ),
        Kind::Tool => (
            "What it takes, what it gives back, and when to call it.",
            "## Input\n\n| Name | Type | Meaning |\n| --- | --- | --- |\n| value | number | What it stands for |\n\n## Output\n\nWhat comes back, with an example.\n",
        ),
        Kind::Agent => (
            "What the agent is responsible for, and when to hand work to it.",
            "You are responsible for one thing. Say what it is.\n\n## How you work\n\n1. Read what you were given.\n2. Ask when something decisive is missing.\n3. Answer in the form below.\n\n## Form of the answer\n\nA short result first, then the reasons.\n",
        ),
    };
    let mut text = format!("---\n---\n\n# {name}\n\n{body}");
    for (key, value) in [("name", slug), ("title", name), ("description", description), ("version", "0.1.0")] {
        text = set_key(&text, key, &Value::Text(value.to_owned()));
    }
    text
}
