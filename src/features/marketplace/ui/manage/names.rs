//! One's own names: what one publishes, and what one has only reserved.

use leptos::prelude::*;
use leptos_router::{NavigateOptions, hooks::use_navigate};

use super::name::state_words;
use crate::{
    browser::{page, response},
    features::{
        accounts::{
            model::Action,
            state::{Running, use_session},
        },
        marketplace::{
            model::{OwnListing, Reserve, UNUSED_NAMES},
            state::{manage_address, reserve, use_own_listings},
            ui::publish::Refused,
        },
        pwa::ui::NeedsNetwork,
    },
    ui::{
        Dialog, EmptyState, ErrorView, Field, Icon, KindMark, Loading, PageTitle, SelectField, Suspense, Time, Transition, late, toast,
        use_toasts,
    },
};

const RESERVE: &str = "reserve-name";
const KINDS: [(&str, &str); 3] = [("skill", "A skill"), ("tool", "A tool"), ("agent", "An agent")];

#[component]
pub fn NamesPage() -> impl IntoView {
    let names = use_own_listings();
    view! {
        <PageTitle text="Your names".to_owned()/>
        <main class="main panes" id="main" tabindex="-1">
            <section class="pane" aria-label="Your names">
                <header class="bar">
                    <a class="btn ghost icon-only" href="/marketplace/submissions" aria-label="Back to the submissions" title="Back to the submissions"><Icon name="chev-l"/></a>
                    <h1>"Your names"</h1>
                    <span class="push row gap-4">
                        <button type="button" class="btn" on:click=move |_| page::open_dialog(RESERVE)><Icon name="plus"/>"Reserve a name"</button>
                    </span>
                </header>
                <NeedsNetwork what="Reserving a name"/>
                <div class="scroll">
                    <div class="page">
                        <Transition fallback=|| view! { <Loading/> }>
                            {move || {
                                names
                                    .arrived()
                                    .map(|names| late(move || match names.read() {
                                        Ok(names) => list(names),
                                        Err(error) => {
                                            response::set_status(error.code.status());
                                            view! { <ErrorView error=error/> }.into_any()
                                        }
                                    }))
                            }}
                        </Transition>
                    </div>
                </div>
                <ReserveDialog/>
            </section>
        </main>
    }
}

fn list(names: Vec<OwnListing>) -> AnyView {
    if names.is_empty() {
        return view! { <EmptyState icon="market" title="No names yet" text="What you, your teams and those who made you a co-owner publish stands here, and what you reserve before that."/> }
            .into_any();
    }
    let row = |one: OwnListing| {
        view! {
            <li>
                <KindMark kind=one.kind/>
                <div class="tx">
                    <a class="cover" href=manage_address(&one.slug)><b>{one.slug.clone()}</b></a>
                    <small>{format!("{}, {}", state_words(&one.state, &one.version), one.owner.name)}</small>
                </div>
                <span class="tail">
                    {one.deprecated.then(|| view! { <span class="chip warn">"Deprecated"</span> })}
                    <Time at=one.updated_at/>
                </span>
            </li>
        }
    };
    view! { <ul class="rows">{names.into_iter().map(row).collect_view()}</ul> }.into_any()
}

#[component]
fn ReserveDialog() -> impl IntoView {
    let session = use_session();
    let toasts = use_toasts();
    let navigate = use_navigate();
    let running = Running::new();
    let (name, kind, team) = (RwSignal::new(String::new()), RwSignal::new("skill".to_owned()), RwSignal::new(String::new()));
    let send = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        let navigate = navigate.clone();
        let wish = Reserve {
            slug: name.with_untracked(|name| name.trim().to_owned()),
            kind: kind.with_untracked(|kind| kind.parse().ok()),
            team: team.with_untracked(|team| team.parse().ok()),
        };
        running.run(reserve(wish), move |made| {
            page::close_dialog(RESERVE);
            toast(toasts, format!("{} is reserved for {}", made.listing.slug, made.listing.owner.name));
            navigate(&manage_address(&made.listing.slug), NavigateOptions::default());
        });
    };
    let kinds: Vec<(String, String)> = KINDS.iter().map(|(kind, words)| ((*kind).to_owned(), (*words).to_owned())).collect();
    view! {
        <Dialog id=RESERVE title="Reserve a name".to_owned() size="s">
            <form on:submit=send>
                <div class="body">
                    <p>{format!("Nobody else can publish under it. You may hold {UNUSED_NAMES} names without having published anything.")}</p>
                    <Field id="reserve-slug" name="slug" label="Name" value=name required=true autocomplete="off" hint="Lower-case letters, digits and hyphens, such as dcf-valuation." error=running.error/>
                    <SelectField id="reserve-kind" label="For" value=kind options=Signal::stored(kinds)/>
                    <Suspense>
                        {move || {
                            session
                                .account()
                                .map(|me| {
                                    let mut options = vec![(String::new(), format!("Yourself ({})", me.person.name))];
                                    let teams = me.teams.into_iter().filter(|team| team.role.allows(Action::Publish));
                                    options.extend(teams.map(|team| (team.id.to_string(), team.name)));
                                    view! { <SelectField id="reserve-team" label="In whose name" value=team options=Signal::stored(options)/> }
                                })
                        }}
                    </Suspense>
                    <Refused error=running.error/>
                </div>
                <footer>
                    <button type="button" class="btn" on:click=move |_| page::close_dialog(RESERVE)>"Cancel"</button>
                    <button type="submit" class="btn primary" class:busy=move || running.busy.get()>"Reserve"</button>
                </footer>
            </form>
        </Dialog>
    }
}
