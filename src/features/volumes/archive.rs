//! Folders and zip archives in and out.
