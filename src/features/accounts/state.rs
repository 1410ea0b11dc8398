//! Who is signed in, as the whole page knows it, and what each page of accounts reads.
//!
//! A page makes its resources once, at its top. What only one of its parts shows is asked for when that part is open.

use std::{collections::BTreeMap, future::Future};

use leptos::{
    prelude::*,
    server::{ServerAction, ServerActionError, SharedValue},
    server_fn::ServerFn,
};
use leptos_router::hooks::{use_location, use_query_map};
use serde::Serialize;

use super::model::{
    AdminTeam, ApiToken, AuditPage, Instance, InstanceSettings, Invitation, InvitationPreview, Me, Member, Protection, SecondStep, SignIn,
    Team, TeamKey, UpdateMe, UserPage, login_address,
};
use crate::{
    browser::{
        data::{self, Fetched, Sent},
        outbox::Wish,
        page, response,
    },
    error::{AppError, AppResult, ErrorCode},
    features::{
        collaboration::{
            model::{RoomType, RoomsQuery, RoomsReport},
            state::rooms_address,
        },
        jobs::{
            model::{JobState, JobsQuery, JobsReport},
            state::jobs_address,
        },
        operations::{self, model::Health},
        tasks::{
            model::TaskPage,
            state::{tasks_path, tasks_query},
        },
    },
};

/// The account and the instance, read once for each document and again after a change to either.
#[derive(Clone, Copy)]
pub struct SessionContext {
    /// The document was made for a visitor, who reads what is public: nothing is asked for that needs an account.
    pub visitor: bool,
    pub me: Fetched<Me>,
    pub instance: Fetched<Instance>,
}

/// Provides the [`SessionContext`] to everything below.
pub fn provide_session() {
    let visitor = SharedValue::new_str(response::is_for_visitor).into_inner();
    provide_context(SessionContext {
        visitor,
        me: data::fetch(move || (!visitor).then(|| "/me".to_owned())),
        instance: data::fetch(|| Some("/instance".to_owned())),
    });
}

pub fn use_session() -> SessionContext {
    expect_context()
}

/// Where to sign in, to come back to what is shown now.
pub fn sign_in_here() -> Signal<String> {
    let location = use_location();
    Signal::derive(move || {
        let (path, search) = (location.pathname.get(), location.search.get());
        let search = search.trim_start_matches('?');
        login_address(&if search.is_empty() { path } else { format!("{path}?{search}") })
    })
}

/// What an account has that never chose one: then times are the device's.
const NO_ZONE: &str = "UTC";

/// Minutes that the clock of the reader's zone is ahead of UTC; 0 on the server, and until the page is attached.
pub fn use_utc_offset() -> RwSignal<i64> {
    let offset = RwSignal::new(0);
    let zone = use_session().account_untracked().map(|me| me.time_zone).filter(|zone| zone != NO_ZONE);
    Effect::new(move |_| offset.set(page::utc_offset(zone.as_deref())));
    offset
}

/// Changes one's own account, now or when the server can be reached.
pub async fn update_me(wish: UpdateMe) -> AppResult<Sent> {
    data::send_later(Wish::new("me".to_owned(), "PATCH", "/me".to_owned(), &wish, "Settings of the account".to_owned()).alone()).await
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
    /// Reads both again, after signing in or a change to either.
    pub fn refetch(self) {
        self.me.refetch();
        self.instance.refetch();
    }
}

/// The action of a form that also works without JavaScript: then the server leads back to the page with what it refused in
/// the address (marked, so that nobody else can put it there), and both halves find it here.
pub fn use_form_action<S>() -> ServerAction<S>
where
    S: ServerFn<Error = AppError> + Clone + Send + Sync + 'static,
    S::Output: Send + Sync + 'static,
{
    let query = use_query_map().read_untracked();
    if let (Some(path), Some(error)) = (query.get("__path"), query.get("__err")) {
        provide_context(ServerActionError::new(&path, &error));
    }
    ServerAction::new()
}

/// What a form begins with: nothing, or what was typed before the server refused it.
#[derive(Clone, Copy)]
pub struct Typed(StoredValue<BTreeMap<String, String>>);

impl Typed {
    /// Of the field with this name.
    pub fn of(self, field: &str) -> String {
        self.0.with_value(|typed| typed.get(field).cloned().unwrap_or_default())
    }
}

/// The twin of [`use_form_action`] for the fields; the browser gets the same as the server has rendered.
pub fn use_typed<S: ServerFn>() -> Typed {
    Typed(StoredValue::new(SharedValue::new(|| response::typed(S::PATH)).into_inner()))
}

/// What the holder of an invitation link sees.
pub fn invitation_preview(token: Memo<String>) -> Fetched<InvitationPreview> {
    data::fetch(move || Some(format!("/invitations/{}", data::encode(&token.get()))))
}

/// What is missing of the sign-in that this browser has begun.
pub fn second_step() -> Fetched<SecondStep> {
    data::fetch(|| Some("/sign-in/second-step".to_owned()))
}

/// Whether a one-time link to set a password still works.
pub fn password_link(token: Memo<String>) -> Fetched<serde_json::Value> {
    data::fetch(move || Some(format!("/password-links/{}", data::encode(&token.get()))))
}

/// What the parts of the settings page read, beside the session.
#[derive(Clone, Copy)]
pub struct SettingsData {
    pub sign_ins: Fetched<Vec<SignIn>>,
    pub protection: Fetched<Protection>,
    pub tokens: Fetched<Vec<ApiToken>>,
}

impl SettingsData {
    pub fn new(part: Memo<String>) -> Self {
        let open = move |name: &'static str, path: &'static str| move || (part.get() == name).then(|| path.to_owned());
        Self {
            sign_ins: data::fetch(open("security", "/me/sign-ins")),
            protection: data::fetch(open("security", "/me/protection")),
            tokens: data::fetch(open("tokens", "/me/tokens")),
        }
    }
}

/// What the parts of a team's page read.
#[derive(Clone, Copy)]
pub struct TeamData {
    pub team: Fetched<Team>,
    pub members: Fetched<Vec<Member>>,
    pub invitations: Fetched<Vec<Invitation>>,
    /// Tokens of the agent that the address names.
    pub agent_tokens: Fetched<Vec<ApiToken>>,
    pub audit: Fetched<AuditPage>,
    pub keys: Fetched<Vec<TeamKey>>,
    pub tasks: Fetched<TaskPage>,
}

impl TeamData {
    pub fn new(id: Memo<String>, part: Memo<String>) -> Self {
        let query = use_query_map();
        Self {
            team: data::fetch(move || Some(format!("/teams/{}", data::encode(&id.get())))),
            members: data::fetch(move || {
                matches!(part.get().as_str(), "members" | "agents" | "tasks").then(|| format!("/teams/{}/members", data::encode(&id.get())))
            }),
            invitations: data::fetch(move || {
                (part.get() == "invitations").then(|| format!("/teams/{}/invitations", data::encode(&id.get())))
            }),
            agent_tokens: data::fetch(move || {
                let agent = query.read().get("agent").filter(|_| part.get() == "agents")?;
                Some(format!("/teams/{}/agents/{}/tokens", data::encode(&id.get()), data::encode(&agent)))
            }),
            audit: data::fetch(move || {
                let before = query.read().get("before");
                (part.get() == "audit").then(|| paged(&format!("/teams/{}/audit", data::encode(&id.get())), None, before))
            }),
            tasks: data::fetch(move || (part.get() == "tasks").then(|| query.with(|query| tasks_path(&id.get(), &tasks_query(query))))),
            keys: data::fetch(move || (part.get() == "settings").then(|| format!("/teams/{}/keys", data::encode(&id.get())))),
        }
    }
}

/// What the parts of the administration read.
#[derive(Clone, Copy)]
pub struct AdminData {
    pub users: Fetched<UserPage>,
    pub teams: Fetched<Vec<AdminTeam>>,
    /// Links that open accounts without a team.
    pub invitations: Fetched<Vec<Invitation>>,
    pub settings: Fetched<InstanceSettings>,
    pub rooms: Fetched<RoomsReport>,
    /// Which rooms the address asks for.
    pub rooms_query: Memo<RoomsQuery>,
    pub health: Fetched<Health>,
    pub jobs: Fetched<JobsReport>,
    pub jobs_query: Memo<JobsQuery>,
    pub audit: Fetched<AuditPage>,
}

impl AdminData {
    pub fn new(part: Memo<String>) -> Self {
        let query = use_query_map();
        let open = move |name: &'static str| part.get() == name;
        let rooms_query = Memo::new(move |_| RoomsQuery { kind: query.read().get("kind").as_deref().and_then(RoomType::parse) });
        let jobs_query = Memo::new(move |_| JobsQuery {
            state: query.read().get("state").as_deref().and_then(JobState::parse),
            kind: query.read().get("kind").filter(|kind| !kind.is_empty()),
        });
        Self {
            users: data::fetch(move || {
                let (q, before) = (query.read().get("q"), query.read().get("before"));
                open("users").then(|| paged("/admin/users", q, before))
            }),
            teams: data::fetch(move || open("teams").then(|| "/admin/teams".to_owned())),
            invitations: data::fetch(move || open("invitations").then(|| "/admin/invitations".to_owned())),
            settings: data::fetch(move || open("settings").then(|| "/admin/settings".to_owned())),
            rooms: data::fetch(move || open("rooms").then(|| rooms_address(rooms_query.get()))),
            rooms_query,
            health: data::fetch(move || open("health").then(|| operations::state::ADDRESS.to_owned())),
            jobs: data::fetch(move || open("jobs").then(|| jobs_address(&jobs_query.get()))),
            jobs_query,
            audit: data::fetch(move || {
                let before = query.read().get("before");
                open("audit").then(|| paged("/admin/audit", None, before))
            }),
        }
    }
}

#[derive(Serialize)]
struct PageQuery {
    q: Option<String>,
    before: Option<String>,
}

fn paged(path: &str, q: Option<String>, before: Option<String>) -> String {
    let filled = |text: Option<String>| text.filter(|text| !text.is_empty());
    data::with_query(path, &PageQuery { q: filled(q), before: filled(before) })
}

/// The dialog of a page in which one proves once more who one is.
pub const CONFIRM: &str = "confirm-identity";

/// Of pages where something is done that asks for such a proof.
#[derive(Clone, Copy)]
pub struct Confirmation {
    /// Whether the dialog asks: what is in it is made then.
    pub asked: RwSignal<bool>,
}

impl Confirmation {
    /// Opens the dialog, if that is what an error is about.
    pub fn asks(self, error: &AppError) -> bool {
        let asks = error.code == ErrorCode::ConfirmationRequired;
        if asks {
            let _ = self.asked.try_set(true);
            page::open_dialog(CONFIRM);
        }
        asks
    }
}

/// Provides it to everything below, and gives it for the dialog.
pub fn provide_confirmation() -> Confirmation {
    let confirmation = Confirmation { asked: RwSignal::new(false) };
    provide_context(confirmation);
    confirmation
}

/// Where a form or a button stands: running or not, and what the server last refused.
#[derive(Clone, Copy)]
pub struct Running {
    pub busy: RwSignal<bool>,
    pub error: RwSignal<Option<AppError>>,
    confirmation: Option<Confirmation>,
}

impl Running {
    pub fn new() -> Self {
        Self { busy: RwSignal::new(false), error: RwSignal::new(None), confirmation: use_context() }
    }

    /// Runs a change unless one runs already; `done` gets what the server answered.
    pub fn run<T: 'static>(self, change: impl Future<Output = AppResult<T>> + 'static, done: impl FnOnce(T) + 'static) {
        if self.busy.get_untracked() {
            return;
        }
        self.busy.set(true);
        leptos::task::spawn_local(async move {
            let answer = change.await;
            // The person may have left the page by now.
            let _ = self.busy.try_set(false);
            match answer {
                Ok(answer) => {
                    let _ = self.error.try_set(None);
                    done(answer);
                }
                // Another sentence is of what was proved wrongly.
                Err(error) if error.code == ErrorCode::Unauthenticated && error.message == AppError::unauthenticated().message => {
                    let _ = self
                        .error
                        .try_set(Some(AppError::new(error.code, "You are signed out. Sign in again in another tab, then repeat this.")));
                }
                Err(error) => {
                    if let Some(confirmation) = self.confirmation {
                        confirmation.asks(&error);
                    }
                    let _ = self.error.try_set(Some(error));
                }
            }
        });
    }

    pub fn reset(self) {
        self.error.set(None);
    }
}

impl Default for Running {
    fn default() -> Self {
        Self::new()
    }
}
