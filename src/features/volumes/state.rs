//! Volume state of pages.
