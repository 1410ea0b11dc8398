//! The kinds of artifacts and their categories.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Skill,
    Tool,
    Agent,
}

impl Kind {
    pub const ALL: [Kind; 3] = [Kind::Skill, Kind::Tool, Kind::Agent];

    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Skill => "skill",
            Kind::Tool => "tool",
            Kind::Agent => "agent",
        }
    }
    /// The folder of the kind inside a volume.
    pub fn folder(self) -> &'static str {
        match self {
            Kind::Skill => "skills",
            Kind::Tool => "tools",
            Kind::Agent => "agents",
        }
    }
    /// Where a new artifact of this kind keeps its main file.
    pub fn main_path(self, slug: &str) -> String {
        match self {
            Kind::Skill => format!("skills/{slug}/SKILL.md"),
            Kind::Tool => format!("tools/{slug}/TOOL.md"),
            Kind::Agent => format!("agents/{slug}.md"),
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Kind {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        Kind::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or(())
    }
}

/// The categories: id and the words shown.
pub const CATEGORIES: [(&str, &str); 12] = [
    ("data-analysis", "Data Analysis"),
    ("web-dev", "Web Development"),
    ("machine-learning", "Machine Learning"),
    ("automation", "Automation"),
    ("security", "Security"),
    ("testing", "Testing"),
    ("documentation", "Documentation"),
    ("deployment", "Deployment"),
    ("legal", "Legal"),
    ("financial", "Financial"),
    ("research", "Research"),
    ("design", "Design"),
];

/// The words shown for a category; its id where it is none of ours.
pub fn category_words(id: &str) -> String {
    CATEGORIES.iter().find(|(known, _)| *known == id).map_or(id, |(_, words)| words).to_owned()
}
