//! Who is signed in, as the whole page knows it.

use leptos::prelude::*;

use super::model::{Instance, Me};
use crate::{browser::data, error::AppResult};

/// The account and the instance, read once for each document and again after a change to either.
#[derive(Clone, Copy)]
pub struct SessionContext {
    pub me: Resource<AppResult<Me>>,
    pub instance: Resource<AppResult<Instance>>,
}

/// Provides the [`SessionContext`] to everything below.
pub fn provide_session() {
    provide_context(SessionContext {
        me: Resource::new(|| (), |()| data::get("/me")),
        instance: Resource::new(|| (), |()| data::get("/instance")),
    });
}

pub fn use_session() -> SessionContext {
    expect_context()
}

impl SessionContext {
    /// The account, once it is here. Reactive; inside a `Suspense` or `Transition`.
    pub fn account(self) -> Option<Me> {
        self.me.get().and_then(Result::ok)
    }
    /// The account, without subscribing; for event handlers.
    pub fn account_untracked(self) -> Option<Me> {
        self.me.get_untracked().and_then(Result::ok)
    }
}
