//! Accounts: people, signing in, teams, tokens, administration.

mod admin;
mod avatars;
mod cli;
mod confirmation;
mod devices;
pub mod factors;
mod forms;
mod github;
mod invitations;
mod oidc;
mod passkeys;
mod passwords;
mod profile;
mod sign_in;
mod sign_up;
mod team_factor;
mod teams;
mod tokens;
