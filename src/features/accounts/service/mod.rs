//! Use cases of accounts, by what people come for. Other features ask here who calls ([`authorise_team`]) and who people are
//! ([`people`]).

mod access;
mod admin;
mod agents;
mod archived;
mod audit;
mod avatars;
mod built_in;
mod github;
mod invitations;
mod keys;
mod limits;
mod members;
mod passwords;
mod people;
mod samples;
mod sign_in;
mod sign_up;
mod teams;
mod tokens;

use crate::{
    error::AppResult,
    features::accounts::store,
    server::{clock, context::Ctx},
};

pub use access::{
    ActorCache, Changed, Credential, acting_for, actor_of, actor_of_sign_in, actor_of_token, administrators, authorise_team, operator,
    require_administrator, roles_of, room_access, team_ids_of,
};
pub use admin::{change_settings, change_user, instance, list_all_teams, list_users, settings, team_names};
pub use agents::{create_agent, create_agent_token, list_agent_tokens, revoke_agent_token};
pub use archived::{archived_people, know_people, make_people, may_export_team, reveal_team, team_name_in, unmake_people};
pub use audit::{Audit, instance_audit, note, team_audit};
pub use avatars::{AVATAR_BYTES, avatar, each_blob, remove_avatar, set_avatar};
pub use built_in::{acting_as_assistant, acting_as_evolution, acting_at_github, assistant, ensure_built_in_author, member_at_github};
pub use github::{Callback, GitHubStart, finish_github, github_account, start_github, unlink_github};
pub use invitations::{
    accept_invitation, accept_own_invitation, create_invitation, list_invitations, preview_invitation, revoke_invitation,
};
pub use keys::{first_team_key, list_team_keys, remove_team_key, set_team_key, team_keys, unreadable_team_keys};
pub use limits::Limits;
pub use members::{
    change_role, count_by_team, leave_team, list_members, members_among, members_who_may, remove_member, transfer_ownership,
};
pub use passwords::{change_password, create_password_link, look_at_password_link, use_password_link};
pub use people::{
    Own, active_account, active_people, delete_me, export_me, mail_addresses, me, moderators, people, people_in_figures, person_by_id,
    time_zone, update_me,
};
pub use samples::{add_sample_team, may_manage_samples, note_samples_given, remove_sample_team, sample_teams, samples_given};
pub use sign_in::{COOKIE, SignedIn, end_sign_in, list_sign_ins, sign_in, sign_out, sign_out_everywhere};
pub use sign_up::sign_up;
pub use teams::{create_team, delete_team, list_teams, names_of_publishers, rename_team, team, teams_called};
pub use tokens::{create_token, list_tokens, revoke_token};

/// Ended tokens and links stay listed nowhere; their rows go after this time.
const ENDED_KEPT_MS: i64 = 30 * clock::DAY;

/// Removes sign-ins, links and tokens that had their time, and forgets who tried to sign in long ago.
pub async fn remove_expired(ctx: &Ctx) -> AppResult<()> {
    ctx.state.limits.forget_old();
    let now = ctx.now();
    let mut tx = ctx.db().write_tx().await?;
    store::sign_ins::delete_expired(&mut tx, now).await?;
    store::password_links::delete_expired(&mut tx, now - ENDED_KEPT_MS).await?;
    store::tokens::delete_ended(&mut tx, now - ENDED_KEPT_MS).await?;
    Ok(tx.commit().await?)
}
