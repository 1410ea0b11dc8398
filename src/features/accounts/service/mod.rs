//! Use cases of accounts, by what people come for. Other features ask here who calls ([`authorise_team`]) and who people are
//! ([`people`]).

mod access;
mod admin;
mod agents;
mod archived;
mod audit;
mod avatars;
mod built_in;
mod challenges;
mod confirmation;
mod factors;
mod github;
mod invitations;
mod keys;
mod limits;
mod members;
mod oidc;
mod passkeys;
mod passwords;
mod people;
mod samples;
mod second_step;
mod sign_in;
mod sign_up;
mod teams;
mod tokens;

use crate::{
    error::AppResult,
    features::{
        accounts::store,
        notifications::{
            self,
            model::{NotificationKind, SubjectKind},
            service::NewNotification,
        },
    },
    server::{clock, context::Ctx, db::Tx},
};

pub use access::{
    ActorCache, Changed, Credential, acting_for, actor_of, actor_of_sign_in, actor_of_token, administrators, authorise_team, operator,
    put_down_to, require_administrator, roles_of, room_access, team_ids_of,
};
pub use admin::{change_settings, change_user, instance, list_all_teams, list_users, settings, sign_out_user, team_names};
pub use agents::{create_agent, create_agent_token, list_agent_tokens, revoke_agent_token};
pub use archived::{archived_people, know_people, make_people, may_export_team, reveal_team, team_name_in, unmake_people};
pub use audit::{Audit, instance_audit, note, team_audit};
pub use avatars::{AVATAR_BYTES, avatar, each_blob, remove_avatar, set_avatar};
pub use built_in::{acting_as_assistant, acting_as_evolution, acting_at_github, assistant, ensure_built_in_author, member_at_github};
use confirmation::has_a_way_in;
pub use confirmation::{confirm, confirm_passkey, confirmed, protection};
pub use factors::{
    add_passkey, add_totp, make_recovery_codes, remove_factor, rename_factor, reset_factors, start_passkey, start_totp, unreadable_factors,
};
pub use github::{Callback, GitHubStart, finish_github, github_account, start_github, unlink_github};
pub use invitations::{
    accept_invitation, accept_own_invitation, create_invitation, list_invitations, preview_invitation, revoke_invitation,
};
pub use keys::{first_team_key, list_team_keys, remove_team_key, set_team_key, team_keys, unreadable_team_keys};
pub use limits::Limits;
pub use members::{
    change_role, count_by_team, leave_team, list_members, members_among, members_who_may, remove_member, transfer_ownership,
};
pub use oidc::{Arrival, Issuer, OidcCallback, OidcStart, finish_oidc, start_oidc, unlink_oidc};
pub use passkeys::{passkey_sign_in, start_passkey_sign_in};
pub use passwords::{change_password, create_password_link, look_at_password_link, use_password_link};
pub use people::{
    Own, active_account, active_people, delete_me, export_me, mail_addresses, me, moderators, people, people_around, people_in_figures,
    person_by_id, time_zone, update_me,
};
pub use samples::{add_sample_team, may_manage_samples, note_samples_given, remove_sample_team, sample_teams, samples_given};
pub use second_step::{HALF_COOKIE, HalfSignedIn, answer_second_step, second_step, second_step_passkey};
pub use sign_in::{
    COOKIE, DEVICE_COOKIE, Entrance, SignedIn, end_sign_in, list_sign_ins, sign_in, sign_out, sign_out_everywhere, sign_out_others,
};
pub use sign_up::sign_up;
pub use teams::{create_team, delete_team, list_teams, names_of_publishers, team, teams_called, update_team};
pub use tokens::{create_token, list_tokens, revoke_token};

/// Ended tokens and links stay listed nowhere; their rows go after this time.
const ENDED_KEPT_MS: i64 = 30 * clock::DAY;

/// A browser that an account has not signed in with for so long is a new one.
const DEVICE_KEPT_MS: i64 = 400 * clock::DAY;

/// Something about how somebody signs in. Each is a subject of its own: of one subject only the newest would be shown whole.
fn security_notice<'a>(title: &'a str, text: &'a str) -> NewNotification<'a> {
    NewNotification::new(NotificationKind::Security, (SubjectKind::Security, uuid::Uuid::now_v7()), title, text)
}

/// Tells the caller what changed about how they sign in, in the transaction of the change: if it was not them, they learn of it.
/// [`notifications::service::tell`] follows the commit.
async fn tell_of_security(ctx: &Ctx, tx: &mut Tx, title: &str, text: &str) -> AppResult<()> {
    notifications::service::remind(ctx, tx, &security_notice(title, text)).await
}

/// Removes sign-ins, links and tokens that had their time, and forgets who tried to sign in long ago.
pub async fn remove_expired(ctx: &Ctx) -> AppResult<()> {
    ctx.state.rates.forget_old();
    let now = ctx.now();
    let mut tx = ctx.db().write_tx().await?;
    store::sign_ins::delete_expired(&mut tx, now).await?;
    store::challenges::delete_expired(&mut tx, now).await?;
    store::devices::forget_old(&mut tx, now - DEVICE_KEPT_MS).await?;
    store::password_links::delete_expired(&mut tx, now - ENDED_KEPT_MS).await?;
    store::tokens::delete_ended(&mut tx, now - ENDED_KEPT_MS).await?;
    Ok(tx.commit().await?)
}
