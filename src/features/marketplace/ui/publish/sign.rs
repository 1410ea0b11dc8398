//! Signing a release with this device's key; without one, it is made in the same step.

use leptos::prelude::*;

use super::parts::Refused;
use crate::{
    browser::page,
    error::{AppError, AppResult},
    features::{
        accounts::state::{Running, use_session},
        marketplace::{
            model::{ReleaseState, SubmissionDetail},
            state::{PUBLISHER_KEYS, Standing, digits, have_key, look_at_device, sign_release},
            ui::parts::{Copyable, Fold},
        },
    },
    ids::UserId,
    ui::{Field, Icon, short_sha, toast, use_toasts},
};

/// Whoever has no key here, or no browser that signs, signs with this.
#[component]
fn CommandLine(slug: String, version: String, open: bool) -> impl IntoView {
    view! {
        <details open=open>
            <Fold words="With the command line instead"/>
            <Copyable what="the command" text=format!("llmos market sign {slug}@{version}")/>
        </details>
    }
}

#[component]
pub fn Sign(shown: RwSignal<SubmissionDetail>) -> impl IntoView {
    let session = use_session();
    let toasts = use_toasts();
    let running = Running::new();
    let here = RwSignal::new(None::<AppResult<(Standing, String)>>);
    let name = RwSignal::new(String::new());
    let (slug, version, digest) =
        shown.with_untracked(|detail| (detail.submission.slug.clone(), detail.submission.version.clone(), detail.digest.clone()));
    let account = move || session.account_untracked().map(|me| me.person.id);
    let look = Callback::new(move |()| {
        let Some(account) = account() else { return };
        leptos::task::spawn_local(async move {
            let found = look_at_device(account).await;
            if let Ok((_, device)) = &found
                && name.try_with_untracked(String::is_empty) == Some(true)
            {
                let _ = name.try_set(device.clone());
            }
            let _ = here.try_set(Some(found));
        });
    });
    Effect::new(move |_| {
        // After a refusal too: a key may have been made before it.
        running.error.track();
        look.run(());
    });
    let sign = Callback::new(move |standing: Standing| {
        let Some(account) = account() else {
            running.error.set(Some(AppError::unauthenticated()));
            return;
        };
        let name = name.with_untracked(|name| name.trim().to_owned());
        running.run(sign_with(account, standing, name, shown), move |detail: SubmissionDetail| {
            let name = format!("{} {}", detail.submission.name, detail.submission.version);
            let public = detail.submission.state.is_out();
            toast(toasts, if public { format!("{name} is public") } else { format!("{name} is signed") });
            shown.set(detail);
            page::focus("next");
        });
    });
    let cli = (slug, version.clone());
    let early = shown.with_untracked(|detail| detail.submission.state == ReleaseState::Review);
    let words = if early { "Sign" } else { "Sign and make public" };
    let unable = move || here.with(|here| matches!(here, Some(Ok((Standing::Unable(_), _))) | Some(Err(_))));
    view! {
        <section class="stack gap-12">
            <h3>"Sign " {version}</h3>
            <p class="t2">
                "Your signature says that these files are yours. Before it signs, this browser downloads the archive and compares its digest with "
                <code title=digest.clone()>{short_sha(digits(&digest))}</code> "."
                {early.then_some(" Signed now, it is public as soon as it is approved.")}
            </p>
            {move || match here.get() {
                None => view! { <p class="hint row gap-6" role="status"><span class="spin"></span>"Looking for your key on this device"</p> }.into_any(),
                Some(Err(error)) => {
                    view! {
                        <div class="banner bad inset" role="alert"><Icon name="alert"/><span>{error.message}</span></div>
                        <div class="row"><button type="button" class="btn" on:click=move |_| look.run(())><Icon name="refresh"/>"Look again"</button></div>
                    }
                        .into_any()
                }
                Some(Ok((Standing::Unable(why), _))) => {
                    view! { <div class="banner warn inset" role="status"><Icon name="alert"/><span>{why}" Sign with the command line, or in another browser."</span></div> }
                        .into_any()
                }
                Some(Ok((standing @ Standing::Ready { .. }, _))) => view! { <Ready standing=standing words=words running=running sign=sign/> }.into_any(),
                Some(Ok((standing, _))) => view! { <MakeAndSign standing=standing name=name running=running sign=sign/> }.into_any(),
            }}
            <Refused error=running.error/>
            {move || view! { <CommandLine slug=cli.0.clone() version=cli.1.clone() open=unable()/> }}
        </section>
    }
}

async fn sign_with(account: UserId, standing: Standing, name: String, shown: RwSignal<SubmissionDetail>) -> AppResult<SubmissionDetail> {
    let id = shown.with_untracked(|detail| detail.submission.id);
    let key = have_key(account, standing, name).await?;
    sign_release(account, &key, id).await
}

#[component]
fn Ready(standing: Standing, words: &'static str, running: Running, sign: Callback<Standing>) -> impl IntoView {
    let Standing::Ready { key, name } = &standing else { return ().into_any() };
    let key = format!("Signs with the key {} ({name}), which is in this browser.", key.key_id);
    view! {
        <p class="hint">{key} " " <a class="link" href=PUBLISHER_KEYS>"All keys"</a></p>
        <div class="row"><SignButton words=words running=running act=move |()| sign.run(standing.clone())/></div>
    }
    .into_any()
}

#[component]
fn MakeAndSign(standing: Standing, name: RwSignal<String>, running: Running, sign: Callback<Standing>) -> impl IntoView {
    let words = match standing {
        Standing::Unregistered(_) => "A key was made in this browser and is not registered yet.",
        Standing::Without { instead: Some(_) } => "The key in this browser was revoked. A new one takes its place.",
        _ => "This browser has no key of yours yet. It is made now, and its private half stays here.",
    };
    let send = {
        let standing = standing.clone();
        move |event: leptos::ev::SubmitEvent| {
            event.prevent_default();
            sign.run(standing.clone());
        }
    };
    view! {
        <form class="form" on:submit=send>
            <p class="hint">{words} " " <a class="link" href=PUBLISHER_KEYS>"What that means"</a></p>
            <Field id="key-name" name="name" label="Name of this device" value=name required=true autocomplete="off" hint="So that you know which key to revoke, should it get lost." error=running.error/>
            <div class="row">
                <button type="submit" class="btn primary" class:busy=move || running.busy.get() aria-disabled=move || running.busy.get().then_some("true")>
                    {move || running.busy.get().then(|| view! { <span class="spin"></span> })}
                    {move || if running.busy.get() { "Signing" } else { "Make a key and sign" }}
                </button>
            </div>
        </form>
    }
}

#[component]
fn SignButton(words: &'static str, running: Running, #[prop(into)] act: Callback<()>) -> impl IntoView {
    view! {
        <button
            type="button"
            class="btn primary"
            class:busy=move || running.busy.get()
            aria-disabled=move || running.busy.get().then_some("true")
            on:click=move |_| act.run(())
        >
            {move || if running.busy.get() { view! { <span class="spin"></span> }.into_any() } else { view! { <Icon name="signed"/> }.into_any() }}
            {move || if running.busy.get() { "Signing" } else { words }}
        </button>
    }
}
