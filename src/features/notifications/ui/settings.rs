//! How one is told beside the bell: what by mail, what by push, from which teams, when not. A plain form.

use leptos::prelude::*;

use super::devices::Devices;
use crate::{
    browser::page,
    features::{
        accounts::{
            state::use_form_action,
            ui::{FormError, Submit, ZoneSelect, shown},
        },
        notifications::{
            api::SaveNotifications,
            model::{
                DigestPace, KindChoice, KindGroup, MailMode, NotificationKind, Preferences, QuietHours, TeamChoice, TeamKindLevel,
                TeamLevel, time_of_day,
            },
            state::NotificationSettingsData,
        },
    },
    ui::{Icon, late, toast, use_toasts},
};

/// What is offered to whoever has none yet.
const NIGHT: QuietHours = QuietHours { from: 22 * 60, to: 7 * 60 };

#[component]
pub fn NotificationSettings(account_zone: String, settings: NotificationSettingsData) -> impl IntoView {
    view! {
        {move || {
            let zone = account_zone.clone();
            shown(
                settings.preferences.get(),
                move |preferences| {
                    let (key, mail_to) = (preferences.push_key.clone(), preferences.mail_to.clone());
                    late(move || {
                        view! {
                            <Told preferences=preferences account_zone=zone/>
                            <Devices settings=settings push_key=key mail_to=mail_to/>
                        }
                    })
                        .into_any()
                },
            )
        }}
    }
}

#[component]
fn Told(preferences: Preferences, account_zone: String) -> impl IntoView {
    let toasts = use_toasts();
    let action = use_form_action::<SaveNotifications>();
    let error = Signal::derive(move || action.value().get().and_then(Result::err));
    Effect::new(move |_| {
        if matches!(action.value().get(), Some(Ok(()))) {
            toast(toasts, "Saved");
        }
    });
    let Preferences { mail, kinds, teams, digest, digest_hour, quiet, time_zone, mail_to, .. } = preferences;
    let mailed = mail_to.is_some();
    let of = |group: KindGroup| kinds.iter().copied().filter(|choice| choice.kind.group() == group).collect::<Vec<KindChoice>>();
    let groups: Vec<_> = KindGroup::ALL
        .into_iter()
        .map(|group| (group, of(group)))
        .filter(|(_, kinds)| !kinds.is_empty())
        .map(|(group, kinds)| view! { <Group group=group kinds=kinds mailed=mailed/> })
        .collect();
    view! {
        <section class="set">
            <header>
                <h2>"What you are told"</h2>
                <p>{if mailed {
                    "The bell has everything. This is what comes by mail and to your devices besides. What you have read meanwhile is not sent."
                } else {
                    "The bell has everything. This is what comes to your devices besides."
                }}</p>
            </header>
            <ActionForm action=action attr:class="form">
                <FormError error=error beside=&[]/>
                {mail_to
                    .map(|address| {
                        view! {
                            <label class="switch">
                                <input type="checkbox" role="switch" name="form[mailed]" value="on" checked=mail/>
                                {format!("Mail to {address}")}
                            </label>
                        }
                    })}
                {groups}
                {(!teams.is_empty()).then(|| view! { <Teams teams=teams/> })}
                {mailed.then(|| view! { <Digest pace=digest hour=digest_hour/> })}
                <Quiet quiet=quiet time_zone=time_zone account_zone=account_zone/>
                <footer class="row"><Submit busy=action.pending() words="Save" running="Saving"/></footer>
            </ActionForm>
        </section>
    }
}

#[component]
fn Group(group: KindGroup, kinds: Vec<KindChoice>, mailed: bool) -> impl IntoView {
    let row = move |choice: KindChoice| {
        let (kind, words) = (choice.kind.as_str(), choice.kind.words());
        let options = MailMode::ALL.map(|mode| {
            view! { <option value=format!("{kind}:{}", mode.as_str()) selected=mode == choice.mail>{mode.words()}</option> }
        });
        view! {
            <div>
                <span>{words}</span>
                {mailed
                    .then(|| {
                        view! {
                            <span class="select">
                                <select class="input s" name="form[mail][]" aria-label=format!("Mail: {words}")>{options.into_iter().collect_view()}</select>
                                <Icon name="chev-d"/>
                            </span>
                        }
                    })}
                <label class="check">
                    <input type="checkbox" name="form[push][]" value=kind checked=choice.push aria-label=format!("Push: {words}")/>
                    "Push"
                </label>
            </div>
        }
    };
    view! {
        <fieldset class="told">
            <legend>{group.words()}</legend>
            {kinds.into_iter().map(row).collect_view()}
        </fieldset>
    }
}

#[component]
fn Teams(teams: Vec<TeamChoice>) -> impl IntoView {
    let row = |choice: TeamChoice| {
        let team = choice.team;
        let options = TeamLevel::ALL.map(|level| {
            view! { <option value=format!("{team}:{}", level.as_str()) selected=level == choice.level>{level.words()}</option> }
        });
        view! {
            <div>
                <span class="trunc">{choice.name.clone()}</span>
                <span class="select">
                    <select class="input s" name="form[teams][]" aria-label=format!("From {}", choice.name)>{options.into_iter().collect_view()}</select>
                    <Icon name="chev-d"/>
                </span>
            </div>
            <TeamKinds choice=choice/>
        }
    };
    view! {
        <fieldset class="told">
            <legend>"From your teams"</legend>
            {teams.into_iter().map(row).collect_view()}
        </fieldset>
    }
}

/// What of a team's repositories is told another way: the kinds whose number differs most from team to team.
#[component]
fn TeamKinds(choice: TeamChoice) -> impl IntoView {
    let TeamChoice { team, name, kinds, .. } = choice;
    let chosen = !kinds.is_empty();
    let row = |kind: NotificationKind| {
        let here = kinds.iter().find(|choice| choice.kind == kind).map_or(TeamKindLevel::Usual, |choice| choice.level);
        let words = kind.words();
        let options = TeamKindLevel::ALL.map(|level| {
            let value = format!("{team}:{}:{}", kind.as_str(), level.as_str());
            view! { <option value=value selected=level == here>{level.words()}</option> }
        });
        view! {
            <div>
                <span>{words}</span>
                <span class="select">
                    <select class="input s" name="form[team_kinds][]" aria-label=format!("{name}: {words}")>{options.into_iter().collect_view()}</select>
                    <Icon name="chev-d"/>
                </span>
            </div>
        }
    };
    let rows: Vec<_> = NotificationKind::ALL.iter().copied().filter(|kind| kind.group() == KindGroup::Repositories).map(row).collect();
    view! {
        <details class="told" open=chosen>
            <summary>{format!("Repositories of {name}, another way")}</summary>
            {rows}
        </details>
    }
}

#[component]
fn Digest(pace: DigestPace, hour: i64) -> impl IntoView {
    let paces = DigestPace::ALL.map(|one| {
        let words = match one {
            DigestPace::Daily => "Once a day",
            DigestPace::Hourly => "Every hour",
        };
        view! { <option value=one.as_str() selected=one == pace>{words}</option> }
    });
    let hours = (0..24).map(|one| view! { <option value=one.to_string() selected=one == hour>{time_of_day(one * 60)}</option> });
    view! {
        <fieldset class="told">
            <legend>"The digest"</legend>
            <div class="form-2">
                <div class="field">
                    <label for="digest">"How often"</label>
                    <span class="select"><select class="input" id="digest" name="form[digest]">{paces.into_iter().collect_view()}</select><Icon name="chev-d"/></span>
                </div>
                <div class="field">
                    <label for="digest-hour">"When, of a daily one"</label>
                    <span class="select"><select class="input" id="digest-hour" name="form[digest_hour]">{hours.collect_view()}</select><Icon name="chev-d"/></span>
                </div>
            </div>
        </fieldset>
    }
}

#[component]
fn Quiet(quiet: Option<QuietHours>, time_zone: Option<String>, account_zone: String) -> impl IntoView {
    let chosen = time_zone.is_some();
    let zone = RwSignal::new(time_zone.unwrap_or(account_zone));
    // Nobody chose one yet: it is most likely that of the device.
    Effect::new(move |_| {
        if !chosen && let Some(here) = page::time_zone() {
            zone.set(here);
        }
    });
    let QuietHours { from, to } = quiet.unwrap_or(NIGHT);
    view! {
        <fieldset class="told">
            <legend>"Quiet hours"</legend>
            <label class="check">
                <input type="checkbox" name="form[quiet]" value="on" checked=quiet.is_some()/>
                <span>
                    "Keep quiet at night"
                    <span class="hint">"Push messages and mail wait until they end; a daily digest comes at its hour."</span>
                </span>
            </label>
            <div class="form-2">
                <div class="field"><label for="quiet-from">"From"</label><input class="input" id="quiet-from" type="time" name="form[quiet_from]" value=time_of_day(from)/></div>
                <div class="field"><label for="quiet-to">"To"</label><input class="input" id="quiet-to" type="time" name="form[quiet_to]" value=time_of_day(to)/></div>
            </div>
            <ZoneSelect zone=zone name="form[time_zone]" hint="The clock of quiet hours and of the digest."/>
        </fieldset>
    }
}
