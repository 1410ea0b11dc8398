//! Browsers that take push messages: this one and the others; and whether anything arrives.

use leptos::prelude::*;

use crate::{
    browser::push::{self, PushState},
    error::AppResult,
    features::{
        accounts::{
            state::Running,
            ui::{FormError, shown},
        },
        notifications::{
            model::{Channel, PushDevice, SendTest},
            state::{NotificationSettingsData, remove_device, send_test, turn_on_push},
        },
    },
    ui::{EmptyState, Icon, Loading, Time, Transition, toast, use_toasts},
};

#[component]
pub fn Devices(settings: NotificationSettingsData, push_key: String, mail_to: Option<String>) -> impl IntoView {
    // What the browser says; nothing until it was asked.
    let here = RwSignal::new(None::<AppResult<PushState>>);
    let look = Callback::new(move |()| {
        leptos::task::spawn_local(async move {
            let state = push::state().await;
            here.try_set(Some(state));
        });
    });
    Effect::new(move |_| look.run(()));
    view! {
        <section class="set">
            <header>
                <h2>"Push messages"</h2>
                <p>"They appear on the device, also while no page of this site is open there. Whoever ends a sign-in ends its messages."</p>
            </header>
            <ThisDevice here=here look=look settings=settings push_key=push_key/>
            <Transition fallback=|| view! { <Loading/> }>
            {move || {
                shown(
                    settings.devices.get(),
                    move |devices| {
                        if devices.is_empty() {
                            return view! { <EmptyState icon="phone" title="No device yet" text="Turn messages on in each browser, or installed app, that is to show them."/> }.into_any();
                        }
                        let rows = devices.into_iter().map(|device| view! { <Device device=device here=here look=look settings=settings/> });
                        view! { <ul class="rows">{rows.collect_view()}</ul> }.into_any()
                    },
                )
            }}
            </Transition>
        </section>
        {mail_to.map(|address| view! { <TestMail address=address/> })}
    }
}

fn mark(here: RwSignal<Option<AppResult<PushState>>>) -> Option<String> {
    here.with(|here| here.as_ref()?.as_ref().ok()?.mark.clone())
}

#[component]
fn ThisDevice(
    here: RwSignal<Option<AppResult<PushState>>>,
    look: Callback<()>,
    settings: NotificationSettingsData,
    push_key: String,
) -> impl IntoView {
    let toasts = use_toasts();
    let running = Running::new();
    let key = StoredValue::new(push_key);
    let turn_on = move |_| {
        running.run(turn_on_push(key.get_value()), move |_| {
            toast(toasts, "This browser shows messages now");
            look.run(());
            settings.devices.refetch();
        });
    };
    // A subscription that the server does not know any more is as good as none.
    let known = move || {
        let mark = mark(here)?;
        settings.devices.get()?.ok().map(|devices| devices.iter().any(|device| device.mark == mark))
    };
    view! {
        <FormError error=running.error beside=&[]/>
        {move || match here.get() {
            None => ().into_any(),
            Some(Err(error)) => view! { <p class="hint">{error.message}</p> }.into_any(),
            Some(Ok(PushState { unable: Some(why), .. })) => view! { <div class="banner inset"><Icon name="info"/><span>{why}</span></div> }.into_any(),
            Some(Ok(_)) if known() == Some(true) => ().into_any(),
            Some(Ok(_)) => {
                view! {
                    <div class="frow end">
                        <div><b>"This browser"</b><span class="hint">"It asks you whether this site may show messages."</span></div>
                        <div class="ctl">
                            <button type="button" class="btn primary" class:busy=move || running.busy.get() on:click=turn_on>"Turn on"</button>
                        </div>
                    </div>
                }
                    .into_any()
            }
        }}
    }
}

#[component]
fn Device(
    device: PushDevice,
    here: RwSignal<Option<AppResult<PushState>>>,
    look: Callback<()>,
    settings: NotificationSettingsData,
) -> impl IntoView {
    let toasts = use_toasts();
    let running = Running::new();
    let (id, name) = (device.id, device.name.clone());
    let own = device.mark.clone();
    let is_here = Memo::new(move |_| mark(here).as_deref() == Some(own.as_str()));
    let remove = move |_| {
        let this = is_here.get_untracked();
        let change = async move {
            if this {
                push::forget().await;
            }
            remove_device(id).await
        };
        running.run(change, move |()| {
            toast(toasts, "It gets no messages any more");
            look.run(());
            settings.devices.refetch();
        });
    };
    let test = move |_| {
        running.run(send_test(SendTest { channel: Channel::Push, device: Some(id) }), move |()| toast(toasts, "A test is on its way"));
    };
    view! {
        <li>
            <Icon name=if device.name.contains("Android") || device.name.contains("iOS") { "phone" } else { "globe" }/>
            <div class="tx">
                <b>{device.name.clone()}</b>
                <small>
                    {match (device.last_error.clone(), device.last_sent_at) {
                        (Some(error), _) => error.into_any(),
                        (None, Some(at)) => view! { "last message " <Time at=at/> }.into_any(),
                        (None, None) => view! { "since " <Time at=device.created_at/> }.into_any(),
                    }}
                </small>
                <FormError error=running.error beside=&[]/>
            </div>
            <span class="tail">
                {move || is_here.get().then(|| view! { <span class="chip ok">"This browser"</span> })}
                <button type="button" class="btn s" class:busy=move || running.busy.get() aria-label=format!("Send a test to {name}") on:click=test>"Send a test"</button>
                <button type="button" class="btn s" aria-label=format!("Remove {name}") on:click=remove>"Remove"</button>
            </span>
        </li>
    }
}

#[component]
fn TestMail(address: String) -> impl IntoView {
    let toasts = use_toasts();
    let running = Running::new();
    let test = move |_| {
        running.run(send_test(SendTest { channel: Channel::Mail, device: None }), move |()| toast(toasts, "The mail server took it"));
    };
    view! {
        <section class="set">
            <header>
                <h2>"Does mail arrive?"</h2>
                <p>{format!("A mail that says nothing else goes to {address}.")}</p>
                <button type="button" class="btn" class:busy=move || running.busy.get() on:click=test>"Send a test"</button>
            </header>
            <FormError error=running.error beside=&[]/>
        </section>
    }
}
