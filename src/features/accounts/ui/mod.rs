//! Pages of accounts: signing in and up, one's own settings, teams, the administration.

mod admin;
mod audit;
mod confirm;
mod demo;
mod frame;
mod invitations;
mod invite;
mod login;
mod parts;
mod reset;
mod second_step;
mod settings;
mod sign_up;
mod team;
mod tokens;
mod workspace;
mod zone;

pub use admin::AdminPage;
pub use invite::InvitePage;
pub use login::LoginPage;
pub use parts::{FormError, Secret, Submit, shown};
pub use reset::ResetPage;
pub use second_step::SecondStepPage;
pub use settings::SettingsPage;
pub use sign_up::SignUpPage;
pub use team::TeamPage;
pub use workspace::WorkspaceChoice;
pub use zone::ZoneSelect;
