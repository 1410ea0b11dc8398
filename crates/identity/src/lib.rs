//! What proves who somebody is, as far as it needs neither clock, nor storage, nor network: all of these come in as arguments.
//!
//! - [`totp`]: one-time codes of an app (RFC 6238).
//! - [`recovery`]: codes for when the app is lost.
//! - [`passwords`]: passwords that are among the first to be tried.
//! - [`oidc`]: signing in elsewhere (OpenID Connect Core 1.0): what is asked, and whether the answer is to be believed.

pub mod oidc;
pub mod passwords;
pub mod recovery;
pub mod totp;
