//! Artifact state of pages.
