//! What the holder of an invitation link sees: who invites, to what, and how to accept.

use leptos::prelude::*;
use leptos_router::{
    NavigateOptions,
    hooks::{use_navigate, use_params_map},
};

use super::{
    login::{Elsewhere, Entry, EntryHead, with_next},
    parts::{FormError, day, role_promise},
    sign_up::SignUpForm,
};
use crate::{
    browser::{data, response},
    error::{AppError, ErrorCode},
    features::accounts::{
        api::SignUp,
        model::{InvitationPreview, Me},
        state::{Running, Typed, invitation_preview, use_form_action, use_session, use_typed},
    },
    ui::{Suspense, toast, use_toasts},
};

#[component]
pub fn InvitePage() -> impl IntoView {
    let params = use_params_map();
    let token = Memo::new(move |_| params.read().get("token").unwrap_or_default());
    let session = use_session();
    let preview = invitation_preview(token);
    let action = use_form_action::<SignUp>();
    let typed = use_typed::<SignUp>();
    view! {
        <Entry title="Invitation".to_owned()>
            <Suspense>
                {move || {
                    // Both are read before either is looked at, so that both are waited for.
                    let (preview, me, instance) = (preview.get(), session.me.get(), session.instance.get());
                    let (preview, me) = (preview?, me?);
                    let instance = instance?.ok();
                    let github = instance.as_ref().is_some_and(|instance| instance.github);
                    let oidc = instance.and_then(|instance| instance.oidc);
                    Some(
                        match (preview, me) {
                            (Err(error), _) => view! { <BadLink error=error what="invitation"/> }.into_any(),
                            (Ok(preview), Ok(me)) => view! { <Accept token=token preview=preview me=me/> }.into_any(),
                            (Ok(preview), Err(_)) => view! { <Join token=token preview=preview action=action typed=typed github=github oidc=oidc/> }.into_any(),
                        },
                    )
                }}
            </Suspense>
        </Entry>
    }
}

fn heading(preview: &InvitationPreview) -> (String, String) {
    let until = day(preview.expires_at);
    match &preview.team {
        Some(team) => (
            format!("Join {team}"),
            format!("{} invites you. {} The link works until {until}.", preview.invited_by, role_promise(preview.role)),
        ),
        None => ("Create your account".to_owned(), format!("{} invites you. The link works until {until}.", preview.invited_by)),
    }
}

/// For somebody who is not signed in: a new account, or the old one first.
#[component]
fn Join(
    token: Memo<String>,
    preview: InvitationPreview,
    action: ServerAction<SignUp>,
    typed: Typed,
    github: bool,
    oidc: Option<String>,
) -> impl IntoView {
    let (title, text) = heading(&preview);
    let next = preview.team_id.map_or_else(|| "/".to_owned(), |team| format!("/teams/{team}"));
    let back = Memo::new(move |_| format!("/invite/{}", token.get()));
    view! {
        <div class="box">
            <EntryHead title=title text=text/>
            <SignUpForm action=action typed=typed invitation=token next=Signal::stored(next) words="Create account and join"/>
            {move || view! { <Elsewhere next=back.get() invitation=token.get() github=github oidc=oidc.clone()/> }}
            <p class="hint">
                "You have an account? " <a class="link" href=move || with_next("/login", &back.get())>"Sign in first"</a> ", then accept."
            </p>
        </div>
    }
}

/// For somebody who is signed in: one button.
#[component]
fn Accept(token: Memo<String>, preview: InvitationPreview, me: Me) -> impl IntoView {
    let session = use_session();
    let toasts = use_toasts();
    let navigate = use_navigate();
    let running = Running::new();
    let (title, text) = heading(&preview);
    let home = preview.team_id.map_or_else(|| "/".to_owned(), |team| format!("/teams/{team}"));
    if preview.member || preview.team.is_none() {
        let words =
            if preview.member { "You are in this team already." } else { "You have an account already: there is nothing to accept." };
        return view! {
            <div class="box">
                <EntryHead title=title text=words/>
                <a class="btn primary l block" href=home>"Go on"</a>
            </div>
        }
        .into_any();
    }
    let team = preview.team.unwrap_or_default();
    let accept = move |_| {
        let (navigate, home, team) = (navigate.clone(), home.clone(), team.clone());
        let path = format!("/invitations/{}/accept", data::encode(&token.get_untracked()));
        running.run(data::post::<serde_json::Value>(path, &()), move |_| {
            session.refetch();
            toast(toasts, format!("You are in {team} now"));
            navigate(&home, NavigateOptions::default());
        });
    };
    view! {
        <div class="box">
            <EntryHead title=title text=text/>
            <FormError error=running.error beside=&[]/>
            <button
                type="button"
                class=move || if running.busy.get() { "btn primary l block busy" } else { "btn primary l block" }
                aria-disabled=move || running.busy.get().then_some("true")
                on:click=accept
            >
                {move || running.busy.get().then(|| view! { <span class="spin"></span> })}
                {move || if running.busy.get() { "Joining" } else { "Accept the invitation" }}
            </button>
            <p class="hint">{format!("You are signed in as {}.", me.person.name)}</p>
        </div>
    }
    .into_any()
}

/// A link that does not work (any more).
#[component]
pub fn BadLink(error: AppError, what: &'static str) -> impl IntoView {
    response::set_status(error.code.status());
    let title = match error.code {
        ErrorCode::Expired => format!("This {what} has expired"),
        ErrorCode::NotFound => format!("This {what} does not work"),
        _ => "This did not load".to_owned(),
    };
    view! {
        <div class="box" role="alert">
            <EntryHead title=title text=error.message/>
            <a class="btn l block" href="/login">"Go to sign in"</a>
        </div>
    }
}
