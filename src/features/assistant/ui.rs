//! The assistant in a session's page.
