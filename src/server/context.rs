//! Who asks, from where, on whose behalf: the first argument of every use case.

use std::{convert::Infallible, sync::Arc};

use axum::{extract::FromRequestParts, http::request::Parts};
use tokio::sync::OnceCell;

use super::{clock, db::Db, state::AppState};
use crate::{
    error::{AppError, AppResult},
    features::{
        accounts::{
            Scope,
            model::{Person, Scopes},
            service::Own,
        },
        artifacts::service::Marks,
        volumes::service::VolumeAccess,
    },
    ids::{SignInId, UserId},
};

/// A signed-in account.
#[derive(Clone, Debug)]
pub struct Actor {
    pub person: Person,
    pub administrator: bool,
    pub moderator: bool,
    pub via: Via,
}

/// How the account proved itself.
#[derive(Clone, Debug)]
pub enum Via {
    /// A browser with the login cookie.
    SignIn(SignInId),
    /// An API token: narrower than the account.
    Token(Scopes),
    /// The local socket, which only the user that runs the server can open.
    Operator,
}

impl Actor {
    /// An account with the rights that it has in its teams, and none of the server's.
    pub fn member(person: Person, via: Via) -> Self {
        Self { person, administrator: false, moderator: false, via }
    }

    pub fn id(&self) -> UserId {
        self.person.id
    }

    /// Whether the credential itself may be used for `scope`; the role is asked besides.
    pub fn has_scope(&self, scope: Scope) -> bool {
        match &self.via {
            Via::Token(scopes) => scopes.contain(scope),
            Via::SignIn(_) | Via::Operator => true,
        }
    }
}

/// The context of one request or job.
#[derive(Clone)]
pub struct Ctx {
    pub state: AppState,
    pub actor: Option<Arc<Actor>>,
    /// The peer's address, or the client's behind a trusted proxy.
    pub address: Arc<str>,
    pub user_agent: Arc<str>,
    pub request_id: Arc<str>,
    /// The secret by which an account knows this browser again; of no use but for that.
    pub device: Option<Arc<str>>,
    /// The secret of a sign-in that waits for its second half.
    pub half: Option<Arc<str>>,
    /// While a page is rendered.
    pub page: Option<Arc<PageReads>>,
    /// The `Idempotency-Key` that it came with (`idempotency::settle`).
    pub key: Option<Arc<str>>,
}

/// What the parts of a page all ask for: read once for each rendering of it. Rendering changes nothing, so it stays true.
#[derive(Default)]
pub struct PageReads {
    pub own: OnceCell<Own>,
    pub volumes: OnceCell<Vec<VolumeAccess>>,
    pub marks: OnceCell<Marks>,
}

impl Ctx {
    /// A context for work that no request asked for.
    pub fn internal(state: AppState, actor: Option<Actor>) -> Self {
        Self {
            state,
            actor: actor.map(Arc::new),
            address: "local".into(),
            user_agent: "".into(),
            request_id: "".into(),
            device: None,
            half: None,
            page: None,
            key: None,
        }
    }

    pub fn db(&self) -> &Db {
        &self.state.db
    }

    /// The signed-in account, or the error that asks to sign in.
    pub fn actor(&self) -> AppResult<&Actor> {
        self.actor.as_deref().ok_or_else(AppError::unauthenticated)
    }

    /// The signed-in account, if its credential may be used for `scope`.
    pub fn actor_with(&self, scope: Scope) -> AppResult<&Actor> {
        let actor = self.actor()?;
        if actor.has_scope(scope) {
            Ok(actor)
        } else {
            Err(AppError::forbidden(format!("This token has no “{}” scope: make one that has it.", scope.as_str())))
        }
    }

    /// The same request, now that it is known who sent it.
    pub fn on_behalf_of(&self, actor: Actor) -> Self {
        Self { actor: Some(Arc::new(actor)), page: None, ..self.clone() }
    }

    pub fn now(&self) -> i64 {
        clock::now_ms()
    }
}

/// Put there by the authentication middleware; a route outside of it has an anonymous one.
impl FromRequestParts<AppState> for Ctx {
    type Rejection = Infallible;
    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Infallible> {
        Ok(parts.extensions.get::<Ctx>().cloned().unwrap_or_else(|| Ctx::internal(state.clone(), None)))
    }
}
