//! Why something could not be read.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Why a trace could not be read: one sentence for a person, and where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{place}{message}")]
pub struct Fault {
    pub place: Place,
    pub message: String,
}

/// Where in what was given; lines and items are counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Place {
    /// All of it.
    File,
    Line(usize),
    /// One of an array, or one span of many.
    Item(usize),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File => Ok(()),
            Self::Line(n) => write!(f, "Line {n}: "),
            Self::Item(n) => write!(f, "Item {n}: "),
        }
    }
}

impl Fault {
    pub(crate) fn file(message: impl Into<String>) -> Self {
        Self { place: Place::File, message: message.into() }
    }

    pub(crate) fn line(number: usize, message: impl Into<String>) -> Self {
        Self { place: Place::Line(number), message: message.into() }
    }

    pub(crate) fn at(place: Place, message: impl Into<String>) -> Self {
        Self { place, message: message.into() }
    }
}
