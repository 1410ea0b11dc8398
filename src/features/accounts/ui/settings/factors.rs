//! Second factors: passkeys, authenticator apps, recovery codes.

use leptos::prelude::*;

use crate::{
    browser::{data, page, passkey},
    features::accounts::{
        model::{AddPasskey, AddTotp, AddedFactor, Factor, FactorKind, NewTotp, PasskeyOptions, Protection, RecoveryCodes, RenameFactor},
        state::{Running, SettingsData},
        ui::parts::{FormError, Secret, Submit, shown},
    },
    ui::{ConfirmDialog, Dialog, Field, Icon, Time, plural, toast, use_toasts},
};

const APP: &str = "add-app";
const PASSKEY: &str = "add-passkey";
const CODES: &str = "recovery-codes";
const NEW_CODES: &str = "new-recovery-codes";
const RENAME: &str = "rename-factor";
const REMOVE: &str = "remove-factor";

/// What the dialogs are about, one of each.
#[derive(Clone, Copy)]
struct Open {
    data: SettingsData,
    app: RwSignal<Option<NewTotp>>,
    codes: RwSignal<Vec<String>>,
    chosen: RwSignal<Option<Factor>>,
}

impl Open {
    /// After a factor was added.
    fn added(self, added: AddedFactor) {
        self.changed();
        self.show_codes(added.recovery_codes);
    }

    fn changed(self) {
        self.data.protection.refetch();
        // All other sign-ins have ended.
        self.data.sign_ins.refetch();
    }

    fn show_codes(self, codes: Vec<String>) {
        if !codes.is_empty() {
            self.codes.set(codes);
            page::open_dialog(CODES);
        }
    }
}

#[component]
pub fn Factors(data: SettingsData) -> impl IntoView {
    let open = Open { data, app: RwSignal::new(None), codes: RwSignal::new(Vec::new()), chosen: RwSignal::new(None) };
    let running = Running::new();
    let add_app = move |_| {
        running.run(data::post::<NewTotp>("/me/totp/secret", &()), move |new| {
            open.app.set(Some(new));
            page::open_dialog(APP);
        });
    };
    view! {
        <section class="set">
            <header>
                <h2>"Second factor"</h2>
                <p>"Beside your password: a passkey of a device, or the codes of an app. Adding or removing one signs out your other browsers."</p>
            </header>
            <FormError error=running.error beside=&[]/>
            {move || shown(data.protection.get(), move |protection| view! { <List protection=protection open=open/> }.into_any())}
            <footer>
                <button type="button" class="btn" on:click=move |_| page::open_dialog(PASSKEY)><Icon name="key"/>"Add a passkey"</button>
                <button type="button" class="btn" aria-disabled=move || running.busy.get().then_some("true") on:click=add_app>
                    <Icon name="phone"/>
                    "Add an authenticator app"
                </button>
            </footer>
        </section>
        <AppDialog open=open/>
        <PasskeyDialog open=open/>
        <CodesDialog open=open/>
        <RenameDialog open=open/>
        <Questions open=open running=running/>
    }
}

#[component]
fn List(protection: Protection, open: Open) -> impl IntoView {
    let left = protection.recovery_codes;
    let any = !protection.factors.is_empty();
    view! {
        {if any {
            let rows = protection.factors.into_iter().map(|factor| view! { <FactorRow factor=factor open=open/> }).collect_view();
            view! { <ul class="rows">{rows}</ul> }.into_any()
        } else {
            view! { <p class="hint">"None yet: whoever knows your password signs in as you."</p> }.into_any()
        }}
        {(!protection.passkeys)
            .then(|| view! { <p class="hint">"Passkeys need this server to be reached by a name and over https; at this address browsers make none."</p> })}
        {any.then(|| {
            let words = match left {
                0 => "No recovery codes are left: make new ones.".to_owned(),
                left => format!("{} left, for when you have lost the others.", plural(left, "recovery code is", "recovery codes are")),
            };
            view! {
                <div class="between made">
                    <span class=if left < 3 { "hint warn" } else { "hint" }>{words}</span>
                    <button type="button" class="btn s" on:click=move |_| page::open_dialog(NEW_CODES)>"New recovery codes"</button>
                </div>
            }
        })}
    }
}

#[component]
fn FactorRow(factor: Factor, open: Open) -> impl IntoView {
    let (to_rename, to_remove) = (factor.clone(), factor.clone());
    let choose = move |factor: &Factor, dialog: &'static str| {
        open.chosen.set(Some(factor.clone()));
        page::open_dialog(dialog);
    };
    let (icon, kind) = match factor.kind {
        FactorKind::Totp => ("phone", "Authenticator app"),
        FactorKind::Passkey => ("key", if factor.backed_up { "Passkey, backed up" } else { "Passkey of one device" }),
    };
    view! {
        <li>
            <Icon name=icon/>
            <div class="tx">
                <b>{factor.name.clone()}</b>
                <small>
                    {kind} ", since " <Time at=factor.created_at/> {factor.last_used_at.map(|at| view! { ", last used " <Time at=at/> })}
                </small>
            </div>
            <span class="tail row">
                <button type="button" class="btn s" aria-label=format!("Rename {}", factor.name) on:click=move |_| choose(&to_rename, RENAME)>"Rename"</button>
                <button type="button" class="btn s danger" aria-label=format!("Remove {}", factor.name) on:click=move |_| choose(&to_remove, REMOVE)>"Remove"</button>
            </span>
        </li>
    }
}

/// The secret of an app, and the form for its first code.
#[component]
fn AppDialog(open: Open) -> impl IntoView {
    view! {
        <Dialog id=APP title="Add an authenticator app".to_owned()>
            {move || open.app.get().map(|new| view! { <AppForm new=new open=open/> })}
        </Dialog>
    }
}

#[component]
fn AppForm(new: NewTotp, open: Open) -> impl IntoView {
    let running = Running::new();
    let (name, code) = (RwSignal::new("Authenticator app".to_owned()), RwSignal::new(String::new()));
    let save = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        let wish = AddTotp { name: name.get_untracked(), code: code.get_untracked() };
        running.run(data::post::<AddedFactor>("/me/totp", &wish), move |added| {
            page::close_dialog(APP);
            open.app.set(None);
            open.added(added);
        });
    };
    let size = new.size;
    view! {
        <form on:submit=save>
            <div class="body">
                <p>"Scan this with the app, or " <a class="link" href=new.address>"open it on this device"</a> "."</p>
                <svg class="qr" viewBox=format!("0 0 {size} {size}") role="img" aria-label="QR code with the secret that stands below it">
                    <path d=new.qr></path>
                </svg>
                <Secret value=new.secret label="The secret, to type it in"/>
                <FormError error=running.error beside=&["name", "code"]/>
                <Field id="app-code" name="code" label="Code that the app shows now" value=code autocomplete="one-time-code" required=true error=running.error/>
                <Field id="app-name" name="name" label="Name" value=name hint="To tell it from others, such as the telephone's." required=true error=running.error/>
            </div>
            <footer>
                <button type="button" class="btn" on:click=move |_| page::close_dialog(APP)>"Cancel"</button>
                <Submit busy=running.busy words="Add the app" running="Adding"/>
            </footer>
        </form>
    }
}

#[component]
fn PasskeyDialog(open: Open) -> impl IntoView {
    let running = Running::new();
    let name = RwSignal::new("This device".to_owned());
    let save = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        let name = name.get_untracked();
        let made = async move {
            let options = data::post::<PasskeyOptions>("/me/passkeys/options", &()).await?;
            let credential = passkey::create(&options.0).await?;
            data::post::<AddedFactor>("/me/passkeys", &AddPasskey { name, credential }).await
        };
        running.run(made, move |added| {
            page::close_dialog(PASSKEY);
            open.added(added);
        });
    };
    view! {
        <Dialog id=PASSKEY title="Add a passkey".to_owned() size="s">
            <form on:submit=save>
                <div class="body">
                    <p>"The browser asks for a finger, a face, a PIN or a security key. The passkey also signs you in by itself."</p>
                    <FormError error=running.error beside=&["name"]/>
                    <Field id="passkey-name" name="name" label="Name" value=name hint="To tell it from others, such as “laptop”." required=true error=running.error/>
                </div>
                <footer>
                    <button type="button" class="btn" on:click=move |_| page::close_dialog(PASSKEY)>"Cancel"</button>
                    <Submit busy=running.busy words="Go on" running="Waiting for the device"/>
                </footer>
            </form>
        </Dialog>
    }
}

/// Recovery codes, shown this once.
#[component]
fn CodesDialog(open: Open) -> impl IntoView {
    let words = RwSignal::new("Copy");
    let copy = move |_| {
        page::copy(open.codes.get_untracked().join("\n"), move |done| {
            let _ = words.try_set(if done { "Copied" } else { "Select them" });
            page::after_forget(2_500, move || {
                let _ = words.try_set("Copy");
            });
        });
    };
    let file =
        move || open.codes.with(|codes| format!("data:text/plain;charset=utf-8,{}", data::encode(&format!("{}\n", codes.join("\n")))));
    let close = move |_| {
        page::close_dialog(CODES);
        open.codes.set(Vec::new());
    };
    view! {
        <Dialog id=CODES title="Your recovery codes".to_owned()>
            <div class="body">
                <p>"Each signs you in once when you have lost your factors. Keep them where you keep what is valuable: they are not shown again."</p>
                <ul class="codes">{move || open.codes.get().into_iter().map(|code| view! { <li><code>{code}</code></li> }).collect_view()}</ul>
                <div class="row">
                    <button type="button" class="btn s" aria-live="polite" on:click=copy><Icon name="copy"/>{move || words.get()}</button>
                    <a class="btn s" href=file download="llmos-recovery-codes.txt"><Icon name="download"/>"Download"</a>
                </div>
            </div>
            <footer><button type="button" class="btn primary" on:click=close>"I have kept them"</button></footer>
        </Dialog>
    }
}

#[component]
fn RenameDialog(open: Open) -> impl IntoView {
    let running = Running::new();
    let name = RwSignal::new(String::new());
    Effect::new(move |_| {
        if let Some(factor) = open.chosen.get() {
            name.set(factor.name);
        }
    });
    let save = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        let Some(factor) = open.chosen.get_untracked() else { return };
        let wish = RenameFactor { name: name.get_untracked() };
        running.run(data::send::<Factor>("PATCH", format!("/me/factors/{}", factor.id), &wish), move |_| {
            page::close_dialog(RENAME);
            open.data.protection.refetch();
        });
    };
    view! {
        <Dialog id=RENAME title="Rename".to_owned() size="s">
            <form on:submit=save>
                <div class="body">
                    <FormError error=running.error beside=&["name"]/>
                    <Field id="factor-name" name="name" label="Name" value=name required=true error=running.error/>
                </div>
                <footer>
                    <button type="button" class="btn" on:click=move |_| page::close_dialog(RENAME)>"Cancel"</button>
                    <Submit busy=running.busy words="Save" running="Saving"/>
                </footer>
            </form>
        </Dialog>
    }
}

/// What is asked before something cannot be undone.
#[component]
fn Questions(open: Open, running: Running) -> impl IntoView {
    let toasts = use_toasts();
    let remove = move |()| {
        let Some(factor) = open.chosen.get_untracked() else { return };
        running.run(data::send::<()>("DELETE", format!("/me/factors/{}", factor.id), &()), move |()| {
            toast(toasts, format!("“{}” is removed", factor.name));
            open.changed();
        });
    };
    let make_codes = move |()| {
        running.run(data::post::<RecoveryCodes>("/me/recovery-codes", &()), move |made| {
            open.data.protection.refetch();
            open.show_codes(made.codes);
        });
    };
    let named = move || open.chosen.with(|factor| factor.as_ref().map(|factor| factor.name.clone()).unwrap_or_default());
    view! {
        <ConfirmDialog
            id=REMOVE
            title=Signal::derive(move || format!("Remove {}?", named()))
            text="It no longer signs you in, and your other browsers are signed out. With the last factor the recovery codes go, too.".to_owned()
            confirm="Remove it".to_owned()
            act=remove
        />
        <ConfirmDialog
            id=NEW_CODES
            title="Make new recovery codes?".to_owned()
            text="Those that you have no longer work then.".to_owned()
            confirm="Make new codes".to_owned()
            act=make_codes
        />
    }
}
