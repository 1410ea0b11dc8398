//! Accounts: people, signing in, teams, tokens, administration.

mod admin;
mod avatars;
mod cli;
mod forms;
mod github;
mod invitations;
mod passwords;
mod profile;
mod sign_in;
mod sign_up;
mod teams;
mod tokens;
