//! Use cases of accounts.
use crate::{error::{AppError, AppResult}, server::context::{Actor, Ctx}, features::accounts::{Action, Role}, ids::TeamId};
pub const COOKIE: &str = "llmos_session";
pub struct Limits;
impl Limits { pub fn new() -> Self { Self } }
/// The account that acts for whoever runs the server: the first administrator; none before the first visit.
pub async fn operator(_ctx: &Ctx) -> AppResult<Option<Actor>> { Ok(None) }
pub async fn actor_of_token(_ctx: &Ctx, _token: &str) -> AppResult<Actor> { Err(AppError::unauthenticated()) }
pub async fn actor_of_sign_in(_ctx: &Ctx, _secret: &str) -> AppResult<Option<Actor>> { Ok(None) }
pub async fn remove_expired(_ctx: &Ctx) -> AppResult<()> { Ok(()) }
pub async fn note_demo_wanted(_ctx: &Ctx) -> AppResult<()> { Ok(()) }
/// The caller's role in `team`, if it (and the credential) allows `action`. Not a member: not found.
pub async fn authorise_team(_ctx: &Ctx, _team: TeamId, _action: Action) -> AppResult<Role> { Err(AppError::not_found("team")) }
/// The caller's teams with the role in each.
pub async fn roles_of(_ctx: &Ctx) -> AppResult<Vec<(TeamId, Role)>> { Ok(Vec::new()) }
/// Who of the caller's teams was active since a time.
pub async fn active_people(_ctx: &Ctx, _since: i64) -> AppResult<Vec<crate::features::accounts::model::Person>> { Ok(Vec::new()) }
