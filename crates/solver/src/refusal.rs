//! Why something cannot be done.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Limits;
use crate::problem::Stop;

/// Why there is no plan. `Display` is the first view, its sentences one after another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    pub kind: Kind,
    /// The items that it is about; of a circle, each before the next that it needs.
    pub slugs: Vec<String>,
    /// What to tell first: at most five sentences, ways out last. A way out was tried and works.
    pub sentences: Vec<String>,
    /// The whole argument, if the search made one.
    pub explanation: Option<Explanation>,
}

/// What a refusal is about, for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// There is no item of that name.
    NoSuchItem,
    /// The item has no release in the range.
    NoRelease,
    /// Every release in the range is withdrawn.
    Withdrawn,
    /// Items need releases of another that are none of the same.
    Conflict,
    /// A pinned item is in the way.
    Pinned,
    /// Items need one another.
    Circle,
    /// More items, dependencies or releases than [`Limits`] allow.
    TooLarge,
    /// More work than [`Limits::work`].
    TooHard,
    /// The catalogue lacks items that it has to have: a mistake of the program, see [`missing`](crate::missing).
    NotLoaded,
}

/// A sentence and what it follows from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    pub sentence: String,
    pub because: Vec<Explanation>,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.sentences.join(" "))
    }
}

impl std::error::Error for Refusal {}

impl Refusal {
    pub(crate) fn too_many_items(limit: usize) -> Self {
        Self::brief(
            Kind::TooLarge,
            Vec::new(),
            format!("This leads to more than {limit} items, which is more than can be put into a volume at once."),
        )
    }

    pub(crate) fn brief(kind: Kind, slugs: Vec<String>, sentence: String) -> Self {
        Refusal { kind, slugs, sentences: vec![sentence], explanation: None }
    }

    pub(crate) fn stopped(stop: Stop, limits: &Limits) -> Self {
        match stop {
            Stop::Items => Self::too_many_items(limits.items),
            Stop::Dependencies => {
                let limit = limits.dependencies;
                Self::brief(
                    Kind::TooLarge,
                    Vec::new(),
                    format!("These items have more than {limit} dependencies, which is more than can be looked at."),
                )
            }
            Stop::Releases(slug) => {
                let sentence = format!("{slug} has more than {} releases, which is more than can be looked at.", limits.releases);
                Self::brief(Kind::TooLarge, vec![slug], sentence)
            }
            Stop::Work => Self::brief(
                Kind::TooHard,
                Vec::new(),
                "The releases of these items fit together in too few of too many ways: none was found within the time for it. \
                 Ask for narrower ranges, or for fewer items at once."
                    .into(),
            ),
            Stop::NotLoaded(slug) => {
                let sentence = format!("The releases of {slug} have not been looked up.");
                Self::brief(Kind::NotLoaded, vec![slug], sentence)
            }
        }
    }
}
