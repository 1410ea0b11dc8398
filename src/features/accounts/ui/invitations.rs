//! Links that let people in: into a team, or only into the instance.

use leptos::prelude::*;

use super::parts::{FormError, Secret, Submit, day, role_options, role_words, shown};
use crate::{
    browser::{
        data::{self, Fetched},
        page,
    },
    features::accounts::{
        model::{CreateInvitation, Invitation, NewInvitation, Role},
        state::Running,
    },
    ui::{ConfirmDialog, EmptyState, Field, SelectField, toast, toast_error, use_toasts},
};

const REVOKE: &str = "revoke-invitation";

/// The links below `path`. `own` is the caller's role in the team; none: the links open accounts and nothing else.
#[component]
pub fn Invitations(#[prop(into)] path: String, own: Option<Role>, invitations: Fetched<Vec<Invitation>>) -> impl IntoView {
    let path = StoredValue::new(path);
    let chosen = RwSignal::new(None::<Invitation>);
    view! {
        <NewLink path=path own=own invitations=invitations/>
        <section class="set">
            <header><h2>"Open links"</h2><p>"Anybody who has one can use it until it is used up or expires."</p></header>
            {move || {
                shown(
                    invitations.get(),
                    move |invitations| {
                        if invitations.is_empty() {
                            view! { <EmptyState icon="link" title="No open links" text="Make one above and send it to whom you want to have here."/> }.into_any()
                        } else {
                            view! { <InvitationTable invitations=invitations chosen=chosen team=own.is_some()/> }.into_any()
                        }
                    },
                )
            }}
        </section>
        <RevokeQuestion path=path chosen=chosen invitations=invitations/>
    }
}

/// The form, and below it the link that it made.
#[component]
fn NewLink(path: StoredValue<String>, own: Option<Role>, invitations: Fetched<Vec<Invitation>>) -> impl IntoView {
    let running = Running::new();
    let role = RwSignal::new(Role::Member.as_str().to_owned());
    let uses = RwSignal::new("1".to_owned());
    let days = RwSignal::new("7".to_owned());
    let email = RwSignal::new(String::new());
    let made = RwSignal::new(None::<NewInvitation>);
    let create = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        let wish = CreateInvitation {
            id: None,
            role: role.get_untracked().parse().unwrap_or(Role::Viewer),
            max_uses: uses.get_untracked().parse().unwrap_or(1),
            expires_in_days: days.get_untracked().parse().unwrap_or(7),
            email: Some(email.with_untracked(|email| email.trim().to_owned())).filter(|email| !email.is_empty()),
        };
        running.run(data::post::<NewInvitation>(path.get_value(), &wish), move |new| {
            made.set(Some(new));
            email.set(String::new());
            invitations.refetch();
        });
    };
    let options =
        |of: &[(&str, &str)]| Signal::stored(of.iter().map(|(key, words)| ((*key).to_owned(), (*words).to_owned())).collect::<Vec<_>>());
    view! {
        <section class="set">
            <header><h2>"Invite people"</h2><p>
                    {if own.is_some() {
                        "A link opens an account, or takes an existing one, and puts it in the team."
                    } else {
                        "A link opens an account on this server and nothing else; teams invite their members themselves."
                    }}
                </p></header>
            <form class="form" on:submit=create>
                <FormError error=running.error beside=&["email"]/>
                <div class="form-2">
                    {own.map(|own| view! { <SelectField id="invitation-role" label="They become" value=role options=Signal::stored(role_options(own))/> })}
                    <SelectField
                        id="invitation-uses"
                        label="How many people"
                        value=uses
                        options=options(&[("1", "1 person"), ("5", "up to 5"), ("20", "up to 20"), ("100", "up to 100")])
                    />
                    <SelectField id="invitation-days" label="It works for" value=days options=options(&[("1", "1 day"), ("7", "7 days"), ("30", "30 days"), ("90", "90 days")])/>
                </div>
                {own.map(|_| {
                    view! {
                        <Field
                            id="invitation-email"
                            name="email"
                            label="Their e-mail address (optional)"
                            kind="email"
                            value=email
                            error=running.error
                            hint="Somebody who has an account here finds the invitation behind the bell too."
                        />
                    }
                })}
                <footer class="row"><Submit busy=running.busy words="Make a link" running="Making the link"/></footer>
            </form>
            <div role="status">
                {move || {
                    made.get()
                        .map(|new| {
                            let label = match own {
                                Some(_) => format!("Send this to whom you want in the team as {}. It is shown only now.", role_words(new.invitation.role).to_lowercase()),
                                None => "Send this to whom you want to have an account. It is shown only now.".to_owned(),
                            };
                            view! { <div class="made"><Secret value=new.url label=label/></div> }
                        })
                }}
            </div>
        </section>
    }
}

#[component]
fn InvitationTable(invitations: Vec<Invitation>, chosen: RwSignal<Option<Invitation>>, team: bool) -> impl IntoView {
    view! {
        <table class="table flush stacks">
            <thead>
                <tr>
                    <th>{if team { "Role" } else { "For" }}</th>
                    <th>"Made by"</th>
                    <th class="num">"Used"</th>
                    <th>"Works until"</th>
                    <th><span class="sr">"Acts"</span></th>
                </tr>
            </thead>
            <tbody>
                {invitations
                    .into_iter()
                    .map(|invitation| {
                        let row = invitation.clone();
                        view! {
                            <tr>
                                <td class="main-cell">{if team { role_words(invitation.role) } else { "An account" }}</td>
                                <td data-l="Made by">{invitation.created_by.name}</td>
                                <td class="num" data-l="Used">{format!("{} of {}", invitation.uses, invitation.max_uses)}</td>
                                <td class="nowrap" data-l="Works until">{day(invitation.expires_at)}</td>
                                <td class="acts">
                                    <div class="row">
                                        <button
                                            type="button"
                                            class="btn s ghost danger"
                                            aria-label=format!("Revoke the link for {} of {}", role_words(invitation.role), day(invitation.created_at))
                                            on:click=move |_| {
                                                chosen.set(Some(row.clone()));
                                                page::open_dialog(REVOKE);
                                            }
                                        >
                                            "Revoke"
                                        </button>
                                    </div>
                                </td>
                            </tr>
                        }
                    })
                    .collect_view()}
            </tbody>
        </table>
    }
}

#[component]
fn RevokeQuestion(path: StoredValue<String>, chosen: RwSignal<Option<Invitation>>, invitations: Fetched<Vec<Invitation>>) -> impl IntoView {
    let toasts = use_toasts();
    let revoke = move |()| {
        let Some(invitation) = chosen.get_untracked() else { return };
        let change = data::send::<serde_json::Value>("DELETE", format!("{}/{}", path.get_value(), invitation.id), &());
        leptos::task::spawn_local(async move {
            match change.await {
                Ok(_) => {
                    toast(toasts, "The link no longer works");
                    invitations.refetch();
                }
                Err(error) => toast_error(toasts, &error),
            }
        });
    };
    view! {
        <ConfirmDialog
            id=REVOKE
            title="Revoke this link?".to_owned()
            text="Whoever has it can no longer join with it. People who joined already stay.".to_owned()
            confirm="Revoke link".to_owned()
            act=revoke
        />
    }
}
