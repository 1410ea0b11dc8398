//! What nodes tell all others, on one page, and what becomes of it. Each is a hint: what it is about is in the database, or does no harm
//! when it is not heard.

use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::{
    features::{artifacts, collaboration::service::documents},
    ids::{ArtifactId, RunId, UserId, VolumeId},
    server::{
        context::Ctx,
        rates::Use,
        state::{AppState, WeakState},
    },
};

/// How often it is looked whether the others can be heard.
const LOOK: Duration = Duration::from_secs(1);
/// While they cannot, open connections look at their rights every so many looks.
const RIGHTS_EVERY: u32 = 5;

/// A message to every node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Notice {
    /// Who somebody is, what they may do, or whether a credential works has changed; none: it is not known whose.
    Rights { user: Option<UserId> },
    /// What was taken of limits.
    Used { used: Vec<Use> },
    /// Artifacts whose committed text a job changed: whoever has them open follows.
    Heads { artifacts: Vec<ArtifactId> },
    /// Many artifacts of a volume may have another head, by somebody.
    Volume { volume: VolumeId, by: Option<UserId> },
    /// What is stored of the patterns of a place has changed.
    Patterns { place: String },
    /// GitHub's address ranges were read.
    Networks,
    /// Something was decided about an answer of the assistant; or it is to stop.
    Decided { run: RunId, stop: bool },
}

/// Takes what another node told.
pub fn hear(state: &AppState, payload: &Bytes) {
    match serde_json::from_slice(payload) {
        Ok(Notice::Rights { user }) => state.actors.hear(user),
        Ok(Notice::Used { used }) => state.rates.hear(used),
        Ok(Notice::Heads { artifacts }) => {
            let ctx = Ctx::internal(state.clone(), None);
            tokio::spawn(async move { documents::follow_heads_here(&ctx, &artifacts).await });
        }
        Ok(Notice::Volume { volume, by }) => {
            let ctx = Ctx::internal(state.clone(), None);
            tokio::spawn(async move { artifacts::service::follow_volume(&ctx, volume, by).await });
        }
        Ok(Notice::Patterns { place }) => state.engines.forget_place(&place),
        Ok(Notice::Networks) => state.networks.forget(),
        Ok(Notice::Decided { run, stop }) => state.answers.hear(run, stop),
        // A version after this one knows more; the database says the same to all.
        Err(error) => tracing::debug!(%error, "another node told something that is not known here"),
    }
}

/// Lets go of everything that others may have gone past, after this node was away.
pub fn drop_stale(state: &AppState) {
    state.rooms.drop_all();
    state.documents.drop_all();
    forget_all(state);
}

/// What is not compared with the database when it is used.
fn forget_all(state: &AppState) {
    state.actors.hear(None);
    state.engines.forget_all();
    state.networks.forget();
}

/// Does for the caches what the messages would have done that were not heard, and tells people whether the others can be heard.
pub async fn watch(state: WeakState) {
    let Some(mut missed) = state.upgrade().map(|state| state.cluster.missed()) else { return };
    let (mut was_cut_off, mut looks) = (false, 0_u32);
    loop {
        let heard_again = tokio::time::timeout(LOOK, missed.changed()).await.is_ok();
        let Some(state) = state.upgrade().filter(|state| !state.shutdown.is_cancelled()) else { return };
        if heard_again {
            forget_all(&state);
        }
        let cut_off = state.cluster.is_cut_off();
        if cut_off != was_cut_off {
            state.rooms.tell_cut_off(cut_off);
            was_cut_off = cut_off;
        }
        let unheard = !state.cluster.hears_all();
        looks = if unheard { looks.wrapping_add(1) } else { 0 };
        if unheard && looks.is_multiple_of(RIGHTS_EVERY) {
            state.actors.hear(None);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::rates::Limit;

    #[test]
    fn what_a_later_version_tells_is_no_fault_and_what_this_one_tells_is_read() {
        assert!(serde_json::from_str::<Notice>(r#"{"type":"moon","phase":3}"#).is_err());
        // More is known of it there.
        assert_eq!(serde_json::from_str(r#"{"type":"networks","count":3}"#).ok(), Some(Notice::Networks));
        let notice = Notice::Used { used: vec![Use { limit: Limit::SignUp, key: "10.0.0.1".into(), count: 2 }] };
        let text = serde_json::to_string(&notice).unwrap_or_default();
        assert_eq!(text, r#"{"type":"used","used":[{"limit":"sign_up","key":"10.0.0.1","count":2}]}"#);
        assert_eq!(serde_json::from_str(&text).ok(), Some(notice));
    }
}
