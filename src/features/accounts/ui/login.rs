//! Signing in. Everything here works before, or without, JavaScript.

use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

use super::{
    confirm::by_passkey,
    parts::{FormError, Submit},
};
use crate::{
    browser::{data, page, response},
    features::accounts::{
        api::SignIn,
        model::{Instance, Me, PasskeySignIn, safe_next},
        state::{Running, use_form_action, use_session, use_typed},
    },
    ui::{Field, Icon, PageTitle, Shell, Suspense},
};

/// The frame of the pages outside of the workspace: a form, and on a wide window a drawing beside it.
#[component]
pub fn Entry(#[prop(into)] title: Signal<String>, children: Children) -> impl IntoView {
    view! {
        <Shell>
            <PageTitle text=title/>
            <main class="login" id="main" tabindex="-1">
                <section class="form" aria-label="Account">{children()}</section>
                <section class="scene" aria-hidden="true">
                    <svg viewBox="0 0 560 420" focusable="false"><use href="/scene.svg#scene"></use></svg>
                </section>
            </main>
        </Shell>
    }
}

/// The mark, the heading and one line below it.
#[component]
pub fn EntryHead(#[prop(into)] title: String, #[prop(into)] text: String) -> impl IntoView {
    view! {
        <div class="head">
            <Icon name="mark" class="brand"/>
            <h1>{title}</h1>
            <p>{text}</p>
        </div>
    }
}

/// "or", and the ways in through where else people have accounts: those that are set up.
#[component]
pub fn Elsewhere(
    #[prop(into)] next: String,
    /// The secret of an invitation, for somebody who has no account yet.
    #[prop(optional, into)]
    invitation: String,
    github: bool,
    /// What the issuer is called.
    oidc: Option<String>,
) -> impl IntoView {
    let address = move |way: &str| {
        let mut address = format!("/auth/{way}?next={}", data::encode(&next));
        if !invitation.is_empty() {
            address.push_str(&format!("&invitation={}", data::encode(&invitation)));
        }
        address
    };
    let any = github || oidc.is_some();
    view! {
        {any.then(|| view! { <div class="or">"or"</div> })}
        {oidc
            .map(|name| {
                view! {
                    <a class="btn l block" rel="external" href=address("oidc")>
                        <Icon name="key"/>
                        {format!("Continue with {name}")}
                    </a>
                }
            })}
        {github
            .then(|| {
                view! {
                    <a class="btn l block" rel="external" href=address("github")>
                        <Icon name="branch"/>
                        "Continue with GitHub"
                    </a>
                }
            })}
    }
}

/// Signs in with a passkey alone. It takes a script; without one the button is not there.
#[component]
fn PasskeyButton(next: Memo<String>) -> impl IntoView {
    let running = Running::new();
    let here = RwSignal::new(false);
    Effect::new(move |_| here.set(true));
    let sign = move |_| {
        let answered = |passkey| async move { data::post::<Me>("/sign-in/passkey", &PasskeySignIn { passkey }).await };
        running.run(by_passkey("/sign-in/passkey/challenge", answered), move |_| page::go(&next.get_untracked()));
    };
    view! {
        {move || {
            here.get()
                .then(|| {
                    view! {
                        <FormError error=running.error beside=&[]/>
                        <button type="button" class="btn l block" aria-disabled=move || running.busy.get().then_some("true") on:click=sign>
                            <Icon name="key"/>
                            "Sign in with a passkey"
                        </button>
                    }
                })
        }}
    }
}

#[component]
pub fn LoginPage() -> impl IntoView {
    let session = use_session();
    let query = use_query_map();
    let next = Memo::new(move |_| query.read().get("next").map_or_else(|| "/".to_owned(), |next| safe_next(&next).to_owned()));
    let action = use_form_action::<SignIn>();
    let typed = use_typed::<SignIn>();
    let error = Signal::derive(move || action.value().get().and_then(Result::err));
    response::describe("Sign in to the skills, tools and agents that your team keeps.");
    Effect::new(move |_| {
        if matches!(action.value().get(), Some(Ok(()))) {
            session.refetch();
        }
    });
    view! {
        <Entry title="Sign in".to_owned()>
            <Suspense>
                {move || {
                    session
                        .instance
                        .get()
                        .map(|instance| match instance {
                            Ok(instance) if instance.first_visit => view! { <FirstVisit instance=instance/> }.into_any(),
                            instance => {
                                let instance = instance.ok();
                                let title = instance.as_ref().map_or_else(|| "Sign in".to_owned(), |instance| format!("Sign in to {}", instance.name));
                                let github = instance.as_ref().is_some_and(|instance| instance.github);
                                let oidc = instance.as_ref().and_then(|instance| instance.oidc.clone());
                                let passkeys = instance.as_ref().is_some_and(|instance| instance.passkeys);
                                let market = instance.as_ref().is_some_and(|instance| instance.market_public);
                                let open = instance.is_some_and(|instance| instance.open_registration);
                                view! {
                                    <ActionForm action=action>
                                        <EntryHead title=title text="Skills, tools and agents, kept by your team"/>
                                        <FormError error=error beside=&["email"]/>
                                        <input type="hidden" name="next" value=move || next.get()/>
                                        <Field id="email" label="E-mail" kind="email" autocomplete="username" required=true autofocus=true initial=typed.of("email") error=error/>
                                        <PasswordField/>
                                        <Submit busy=action.pending() words="Sign in" running="Signing in" look="primary l block"/>
                                        {passkeys.then(|| view! { <PasskeyButton next=next/> })}
                                        {move || view! { <Elsewhere next=next.get() github=github oidc=oidc.clone()/> }}
                                        <p class="hint">
                                            {if open {
                                                view! {
                                                    "New here? "
                                                    <a class="link" href=move || with_next("/sign-up", &next.get())>"Create an account"</a>
                                                    "."
                                                }
                                                    .into_any()
                                            } else {
                                                "New here? You need an invitation link from an owner of a team.".into_any()
                                            }}
                                        </p>
                                        // The browser's own to follow: the server makes another document for visitors.
                                        {market
                                            .then(|| {
                                                view! { <p class="hint"><a class="link" href="/marketplace" rel="external">"Browse the marketplace"</a></p> }
                                            })}
                                    </ActionForm>
                                }
                                    .into_any()
                            }
                        })
                }}
            </Suspense>
        </Entry>
    }
}

/// `path`, keeping where to go on to.
pub fn with_next(path: &str, next: &str) -> String {
    if next == "/" { path.to_owned() } else { format!("{path}?next={}", data::encode(next)) }
}

#[component]
fn PasswordField() -> impl IntoView {
    view! {
        <div class="field">
            <label for="password">"Password"</label>
            <input class="input" id="password" name="password" type="password" autocomplete="current-password" required/>
            <button type="button" class="link at-label" popovertarget="forgot">"Forgot it"</button>
            <div class="pop forgot" id="forgot" popover="auto">
                <p class="med">"Forgot the password?"</p>
                <p class="t2">"Ask an administrator of this server for a one-time link. It lets you set a new password."</p>
            </div>
        </div>
    }
}

/// Nobody has an account yet: the way to the first one.
#[component]
fn FirstVisit(instance: Instance) -> impl IntoView {
    view! {
        <div class="box">
            <EntryHead
                title=format!("Welcome to {}", instance.name)
                text="Nobody has an account on this server yet. The first one becomes the administrator: it invites the others and runs the server."
            />
            <a class="btn primary l block" href="/sign-up">"Create the first account"</a>
        </div>
    }
}
