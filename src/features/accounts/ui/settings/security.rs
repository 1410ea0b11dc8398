//! Password, accounts elsewhere, signed-in browsers, signing out.

use leptos::prelude::*;

use super::{factors::Factors, leave};
use crate::{
    browser::{data, page},
    features::{
        accounts::{
            api::SignOut,
            model::{ChangePassword, Me, SignIn},
            state::{Running, SettingsData, use_form_action, use_session},
            ui::parts::{FormError, NewPassword, Submit, shown},
        },
        outbox::{
            state::use_outbox,
            ui::{LEAVING, LeavingDialog},
        },
    },
    ui::{ConfirmDialog, Field, Suspense, Time, toast, toast_error, use_toasts},
};

const EVERYWHERE: &str = "sign-out-everywhere";
const OTHERS: &str = "sign-out-others";

#[component]
pub fn Security(me: Me, data: SettingsData) -> impl IntoView {
    view! {
        <Password me=me.clone()/>
        <Factors data=data/>
        <GitHub me=me.clone()/>
        <Issuer me=me/>
        <SignIns data=data/>
    }
}

#[component]
fn Password(me: Me) -> impl IntoView {
    let toasts = use_toasts();
    let running = Running::new();
    let (current, new) = (RwSignal::new(String::new()), RwSignal::new(String::new()));
    let has_password = me.has_password;
    let save = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        let wish = ChangePassword { current: has_password.then(|| current.get_untracked()), new: new.get_untracked() };
        running.run(data::post::<serde_json::Value>("/me/password", &wish), move |_| {
            current.set(String::new());
            new.set(String::new());
            toast(toasts, "Password changed");
        });
    };
    view! {
        <section class="set">
            <header>
                <h2>{if has_password { "Change the password" } else { "Set a password" }}</h2>
                <p>"The other browsers you are signed in with are signed out."{me.github_linked.then_some(" GitHub keeps working too.")}</p>
            </header>
            <form class="form" method="post" on:submit=save>
                <FormError error=running.error beside=&["current", "new"]/>
                <input type="text" name="username" autocomplete="username" value=me.email.unwrap_or_default() hidden/>
                <div class="form-2">
                    {has_password
                        .then(|| {
                            view! { <Field id="current-password" name="current" label="Current password" kind="password" autocomplete="current-password" value=current required=true error=running.error/> }
                        })}
                    <NewPassword id="new-password" label="New password" name="new" value=new error=running.error/>
                </div>
                <footer class="row"><Submit busy=running.busy words="Save the password" running="Saving"/></footer>
            </form>
        </section>
    }
}

/// The way in through GitHub: where it is set up, or was once.
#[component]
fn GitHub(me: Me) -> impl IntoView {
    let session = use_session();
    let toasts = use_toasts();
    let running = Running::new();
    let (linked, has_password) = (me.github_linked, me.has_password);
    let unlink = move |_| {
        running.run(data::send::<serde_json::Value>("DELETE", "/me/github", &()), move |_| {
            toast(toasts, "GitHub is no longer linked");
            session.me.refetch();
        });
    };
    let offered = move || linked || session.instance.get().is_some_and(|instance| instance.is_ok_and(|instance| instance.github));
    view! {
        <Suspense>
            {move || {
                offered()
                    .then(|| {
                        view! {
                            <section class="set">
                                <header>
                                    <h2>"GitHub"</h2>
                                    <p>{if linked { "Your GitHub account signs you in." } else { "Link your GitHub account to sign in with it." }}</p>
                                </header>
                                <FormError error=running.error beside=&[]/>
                                <footer class="row">
                                    {match (linked, has_password) {
                                        (false, _) => {
                                            view! {
                                                <a class="btn" rel="external" href="/auth/github?next=%2Fsettings%2Fsecurity">
                                                    <crate::ui::Icon name="branch"/>
                                                    "Link GitHub"
                                                </a>
                                            }
                                                .into_any()
                                        }
                                        (true, false) => {
                                            view! { <p class="hint">"Set a password before you unlink it: you could not sign in any more."</p> }.into_any()
                                        }
                                        (true, true) => view! { <button type="button" class="btn" on:click=unlink>"Unlink GitHub"</button> }.into_any(),
                                    }}
                                </footer>
                            </section>
                        }
                    })
            }}
        </Suspense>
    }
}

/// The way in through the issuer of OpenID Connect: where one is set up.
#[component]
fn Issuer(me: Me) -> impl IntoView {
    let session = use_session();
    let toasts = use_toasts();
    let running = Running::new();
    let linked = me.oidc_linked;
    let unlink = move |_| {
        running.run(data::send::<serde_json::Value>("DELETE", "/me/oidc", &()), move |_| {
            toast(toasts, "It is no longer linked");
            session.me.refetch();
        });
    };
    let name = move || session.instance.get().and_then(|instance| instance.ok()?.oidc);
    view! {
        <Suspense>
            {move || {
                name()
                    .map(|name| {
                        view! {
                            <section class="set">
                                <header>
                                    <h2>{name.clone()}</h2>
                                    <p>
                                        {if linked {
                                            format!("Your account of {name} signs you in.")
                                        } else {
                                            format!("Link your account of {name} to sign in with it.")
                                        }}
                                    </p>
                                </header>
                                <FormError error=running.error beside=&[]/>
                                <footer class="row">
                                    {if linked {
                                        view! { <button type="button" class="btn" on:click=unlink>"Unlink it"</button> }.into_any()
                                    } else {
                                        view! {
                                            <a class="btn" rel="external" href="/auth/oidc?next=%2Fsettings%2Fsecurity">
                                                <crate::ui::Icon name="key"/>
                                                "Link it"
                                            </a>
                                        }
                                            .into_any()
                                    }}
                                </footer>
                            </section>
                        }
                    })
            }}
        </Suspense>
    }
}

#[component]
fn SignIns(data: SettingsData) -> impl IntoView {
    let toasts = use_toasts();
    let action = use_form_action::<SignOut>();
    Effect::new(move |_| {
        // Everything this page holds belonged to the account: start from an empty one.
        if matches!(action.value().get(), Some(Ok(()))) {
            leptos::task::spawn_local(leave());
        }
    });
    let unsent = use_outbox().counts;
    let leaving = Callback::new(move |()| {
        action.dispatch(SignOut {});
    });
    let running = Running::new();
    let others = move |()| {
        running.run(data::post::<serde_json::Value>("/me/sign-out-others", &()), move |_| {
            toast(toasts, "The other browsers are signed out");
            data.sign_ins.refetch();
        });
    };
    let everywhere = move |()| {
        let change = data::post::<serde_json::Value>("/me/sign-out-everywhere", &());
        leptos::task::spawn_local(async move {
            match change.await {
                Ok(_) => leave().await,
                Err(error) => toast_error(toasts, &error),
            }
        });
    };
    view! {
        <section class="set">
            <header>
                <h2>"Where you are signed in"</h2>
                <p>"End what you do not recognise, then change the password."</p>
            </header>
            <FormError error=running.error beside=&[]/>
            {move || {
                shown(
                    data.sign_ins.get(),
                    move |list| {
                        view! {
                            <ul class="rows">{list.into_iter().map(|sign_in| view! { <SignInRow sign_in=sign_in data=data running=running/> }).collect_view()}</ul>
                        }
                            .into_any()
                    },
                )
            }}
            <footer>
                <ActionForm
                    action=action
                    on:submit:capture=move |event| {
                        if unsent.get_untracked().0 > 0 {
                            event.prevent_default();
                            page::open_dialog(LEAVING);
                        }
                    }
                >
                    <Submit busy=action.pending() words="Sign out" running="Signing out" look=""/>
                </ActionForm>
                <button type="button" class="btn" on:click=move |_| page::open_dialog(OTHERS)>"Sign out the others"</button>
                <button type="button" class="btn danger" on:click=move |_| page::open_dialog(EVERYWHERE)>"Sign out everywhere"</button>
            </footer>
            <LeavingDialog act=leaving/>
            <ConfirmDialog
                id=OTHERS
                title="Sign out the other browsers?".to_owned()
                text="Every browser but this one is signed out at once. API tokens keep working.".to_owned()
                confirm="Sign out the others".to_owned()
                act=others
            />
            <ConfirmDialog
                id=EVERYWHERE
                title="Sign out everywhere?".to_owned()
                text="Every browser is signed out, this one too. API tokens keep working.".to_owned()
                confirm="Sign out everywhere".to_owned()
                act=everywhere
            />
        </section>
    }
}

#[component]
fn SignInRow(sign_in: SignIn, data: SettingsData, running: Running) -> impl IntoView {
    let toasts = use_toasts();
    let device = sign_in.device.clone();
    let end = move |_| {
        let device = device.clone();
        running.run(data::send::<serde_json::Value>("DELETE", format!("/me/sign-ins/{}", sign_in.id), &()), move |_| {
            toast(toasts, format!("{device} is signed out"));
            data.sign_ins.refetch();
        });
    };
    view! {
        <li>
            <crate::ui::Icon name=if sign_in.device.contains("Android") || sign_in.device.contains("iOS") { "phone" } else { "globe" }/>
            <div class="tx">
                <b>{sign_in.device.clone()}</b>
                <small>{sign_in.address.clone()} ", since " <Time at=sign_in.created_at/> ", last seen " <Time at=sign_in.last_seen_at/></small>
            </div>
            <span class="tail">
                {if sign_in.current {
                    view! { <span class="chip ok">"This browser"</span> }.into_any()
                } else {
                    view! { <button type="button" class="btn s" aria-label=format!("End the sign-in of {}", sign_in.device) on:click=end>"End"</button> }.into_any()
                }}
            </span>
        </li>
    }
}
