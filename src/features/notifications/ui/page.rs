//! What concerns one, grouped by what it is about.

use leptos::prelude::*;
use leptos_router::{
    NavigateOptions,
    hooks::{use_navigate, use_query_map},
};

use super::bell::ADDRESS;
use crate::{
    browser::data,
    features::{
        accounts::state::use_session,
        notifications::{
            model::{KindGroup, Notification, NotificationGroup, NotificationPage, NotificationQuery, SubjectKind},
            state::{accept_invitation, mark_all_read, mark_read, mark_subject_read, use_notification_page, use_notifications},
        },
        outbox::state::say_waiting,
        volumes::state::use_volumes,
    },
    ids::InvitationId,
    ui::{Again, Avatar, EmptyState, ErrorView, Icon, Loading, PageTitle, Time, Transition, plural, toast, toast_error, use_toasts},
};

#[component]
pub fn NotificationsPage() -> impl IntoView {
    let params = use_query_map();
    let query = Memo::new(move |_| NotificationQuery {
        cursor: params.with(|params| params.get("cursor")).filter(|cursor| !cursor.is_empty()),
        limit: None,
    });
    let page = use_notification_page(query);
    let news = use_notifications().news;
    Effect::new(move |before: Option<u32>| {
        let now = news.get();
        if before.is_some_and(|before| before != now) {
            page.refetch();
        }
        now
    });
    let reload = Callback::new(move |()| page.refetch());
    view! {
        <PageTitle text="Notifications"/>
        <main class="main panes" id="main" tabindex="-1">
            <section class="pane" aria-label="Notifications">
                <header class="bar">
                    <h1>"Notifications"</h1>
                    <span class="push row gap-4">
                        <Transition>
                            {move || page.get().and_then(Result::ok).filter(|page| page.unread > 0).map(|page| view! { <ReadAll page=page reload=reload/> })}
                        </Transition>
                        <Again act=reload/>
                        <a class="btn ghost icon-only" href="/settings/notifications" title="How you are told" aria-label="How you are told"><Icon name="settings"/></a>
                    </span>
                </header>
                <div class="scroll">
                    <Transition fallback=|| view! { <Loading/> }>
                        {move || {
                            page.get()
                                .map(|page| match page {
                                    Ok(page) if page.items.is_empty() => {
                                        view! { <EmptyState icon="bell" title="Nothing yet" text="When somebody names you, answers you or invites you, it stands here."/> }.into_any()
                                    }
                                    Ok(page) => view! { <Groups page=page reload=reload/> }.into_any(),
                                    Err(error) => view! { <ErrorView error=error/> }.into_any(),
                                })
                        }}
                    </Transition>
                </div>
            </section>
        </main>
    }
}

#[component]
fn ReadAll(page: NotificationPage, reload: Callback<()>) -> impl IntoView {
    let toasts = use_toasts();
    // What comes between showing and pressing stays unread.
    let newest = page.items.iter().flat_map(|group| &group.items).map(|one| one.id).max();
    let read = move |_| {
        let answer = mark_all_read(newest);
        leptos::task::spawn_local(async move {
            match answer.await {
                Ok(sent) => {
                    say_waiting(toasts, sent);
                    reload.try_run(());
                }
                Err(error) => toast_error(toasts, &error),
            }
        });
    };
    view! {
        <span class="hint wide-only" role="status">{format!("{} unread", page.unread)}</span>
        <button type="button" class="btn" on:click=read><Icon name="check"/>"Read all"</button>
    }
}

#[component]
fn Groups(page: NotificationPage, reload: Callback<()>) -> impl IntoView {
    let next = page.next_cursor.map(|cursor| format!("{ADDRESS}?cursor={}", data::encode(&cursor)));
    view! {
        <div class="notifications">
            {page.items.into_iter().map(|group| view! { <Group group=group reload=reload/> }).collect_view()}
        </div>
        {next.map(|address| view! { <nav class="more" aria-label="Pages"><a class="btn" href=address>"Older"</a></nav> })}
    }
}

#[component]
fn Group(group: NotificationGroup, reload: Callback<()>) -> impl IntoView {
    let toasts = use_toasts();
    let icon = match group.subject {
        SubjectKind::Session => "session",
        SubjectKind::Artifact => "artifacts",
        SubjectKind::Team => "users",
        SubjectKind::Listing | SubjectKind::Ownership | SubjectKind::Moderation | SubjectKind::Submission | SubjectKind::Lock => "market",
        SubjectKind::Volume => "branch",
        SubjectKind::Tasks => "list",
        SubjectKind::Evolution | SubjectKind::OwnEvolution | SubjectKind::AllEvolution => "evolution",
        SubjectKind::Alert | SubjectKind::Week => "analytics",
        SubjectKind::Security => "lock",
    };
    let more = group.count - group.items.len() as i64;
    let (title, unread, id) = (group.title.clone(), group.unread, group.subject_id.clone());
    let heading = match group.subject {
        // Somebody who is only invited sees nothing of a team yet.
        SubjectKind::Team => view! { <h2 class="trunc">{title.clone()}</h2> }.into_any(),
        // Its title says what happened.
        SubjectKind::Security => view! { <h2 class="trunc"><a href=group.address()>{KindGroup::Account.words()}</a></h2> }.into_any(),
        _ => view! { <h2 class="trunc"><a href=group.address()>{title.clone()}</a></h2> }.into_any(),
    };
    let read = move |_| {
        let answer = mark_subject_read(id.clone());
        leptos::task::spawn_local(async move {
            match answer.await {
                Ok(sent) => {
                    say_waiting(toasts, sent);
                    reload.try_run(());
                }
                Err(error) => toast_error(toasts, &error),
            }
        });
    };
    let items = group.items.clone();
    view! {
        <section class="group">
            <header>
                <Icon name=icon/>
                {heading}
                {(unread > 0)
                    .then(|| {
                        view! {
                            <button type="button" class="btn s ghost push" aria-label=format!("Mark as read: {title}") on:click=read>
                                <Icon name="check"/>
                                <span class="wide-only">"Mark as read"</span>
                            </button>
                        }
                    })}
            </header>
            <ul class="rows">
                {items.into_iter().map(|one| view! { <Row address=group.address_of(&one.spot) about=group.subject title=group.title.clone() one=one reload=reload/> }).collect_view()}
            </ul>
            {(more > 0).then(|| view! { <p class="hint">{format!("and {}", plural(more, "older one", "older ones"))}</p> })}
        </section>
    }
}

#[component]
fn Row(one: Notification, about: SubjectKind, title: String, address: String, reload: Callback<()>) -> impl IntoView {
    let id = one.id;
    let unread = one.read_at.is_none();
    let (name, words) =
        if about == SubjectKind::Security { (title, "") } else { (one.actor.name.clone(), one.kind.deed(about, &one.spot)) };
    // The address opens at once; that it was read is told beside that.
    let opened = move |_| {
        if unread {
            let answer = mark_read(vec![id]);
            leptos::task::spawn_local(async move {
                let _ = answer.await;
            });
        }
    };
    let role = one.spot.role.map(|role| format!("as {role}")).unwrap_or_default();
    let line = match one.spot.invitation_id {
        Some(invitation) => view! {
            <div class="tx"><b>{name}</b>" "{words}" "{role}</div>
            <span class="tail"><Accept invitation=invitation reload=reload/></span>
        }
        .into_any(),
        None => view! {
            <div class="tx">
                <a class="cover" href=address on:click=opened><b>{name}</b>" "{words}</a>
                <small>{one.excerpt.clone()}</small>
            </div>
        }
        .into_any(),
    };
    view! {
        <li class:unread=unread>
            <Avatar person=one.actor.clone() size="s"/>
            {line}
            <span class="tail">
                {unread.then(|| view! { <i class="dot live"></i><span class="sr">"unread"</span> })}
                <Time at=one.created_at/>
            </span>
        </li>
    }
}

/// Joins the team that one is invited to.
#[component]
fn Accept(invitation: InvitationId, reload: Callback<()>) -> impl IntoView {
    let toasts = use_toasts();
    let session = use_session();
    let volumes = use_volumes();
    let navigate = use_navigate();
    let busy = RwSignal::new(false);
    let accept = move |_| {
        let navigate = navigate.clone();
        busy.set(true);
        leptos::task::spawn_local(async move {
            match accept_invitation(invitation).await {
                Ok(team) => {
                    session.refetch();
                    volumes.refresh();
                    toast(toasts, format!("You are in {} now", team.name));
                    navigate(&format!("/teams/{}", team.id), NavigateOptions::default());
                }
                Err(error) => {
                    toast_error(toasts, &error);
                    reload.try_run(());
                }
            }
            busy.try_set(false);
        });
    };
    view! { <button type="button" class="btn s" disabled=move || busy.get() on:click=accept>"Accept"</button> }
}
