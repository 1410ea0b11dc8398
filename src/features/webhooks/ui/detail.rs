//! One delivery: what was done because of it, its headers, its payload.

use leptos::prelude::*;

use super::{
    super::{
        model::{DeliveriesQuery, DeliveryDetail, DeliveryOutcome, DeliveryState},
        state::{deliveries_address, fixture_address, replay},
    },
    state_icon, words_of,
};
use crate::{
    browser::{data::Fetched, page},
    features::accounts::state::Running,
    ids::DeliveryId,
    ui::{FieldError, Icon, SidePane, Time, bytes, toast, use_toasts},
};

/// Longer payloads are cut here; the export has all of it.
const SHOWN: usize = 200_000;

#[component]
pub fn DeliveryPane(open: Memo<Option<DeliveryId>>, query: Memo<DeliveriesQuery>, delivery: Fetched<DeliveryDetail>) -> impl IntoView {
    let back = move || deliveries_address(&query.get(), None);
    let view = move |(found, back)| view! { <Detail detail=found back=back again=delivery/> }.into_any();
    view! { <SidePane label="Delivery" open=Signal::derive(move || open.get().is_some()) back=Signal::derive(back) found=delivery view=view/> }
}

#[component]
fn Detail(detail: DeliveryDetail, back: String, again: Fetched<DeliveryDetail>) -> impl IntoView {
    let DeliveryDetail { delivery, headers, address, listed, signed_by, size, attempts, payload, payload_is_json } = detail;
    let (id, state, ended) = (delivery.id, delivery.state, delivery.ended());
    let outcome = |outcome: DeliveryOutcome| {
        let icon = if outcome.failed { "fail" } else { "check" };
        view! { <li class:c-bad=outcome.failed><Icon name=icon/><span>{outcome.sentence}</span></li> }
    };
    let outcomes = delivery.outcomes.into_iter().map(outcome).collect_view();
    let (running, toasts) = (Running::new(), use_toasts());
    let begin = move |_| {
        running.run(replay(id), move |()| {
            toast(toasts, "It is acted on once more");
            again.refetch();
        });
    };
    let about = if delivery.repository.is_empty() { String::new() } else { format!(" to {}", delivery.repository) };
    let effect = |words: String| view! { <li><Icon name="check"/><span>{words}</span></li> };
    // Why nothing was done stands there in place of what was.
    let (done, why) = if state == DeliveryState::Ignored { (Vec::new(), delivery.done.join(" ")) } else { (delivery.done, String::new()) };
    let why = if why.is_empty() { "Nothing acts on it".to_owned() } else { why };
    let from = match listed {
        Some(true) => " in GitHub’s list",
        Some(false) => " not in GitHub’s list",
        None => "",
    };
    let result = match ended {
        DeliveryState::Done => delivery.took.map_or_else(|| "Done".to_owned(), |took| format!("{took} ms")),
        state => words_of(state).to_owned(),
    };
    view! {
        <header class="bar">
            <a class="btn ghost icon-only phone-only" href=back.clone() aria-label="Back"><Icon name="chev-l"/></a>
            <h1>{delivery.event.clone()}<span class="t3">{about}</span></h1>
            <span class="push row gap-4">
                <button type="button" class="btn" class:busy=move || running.busy.get() on:click=begin><Icon name="refresh"/>"Replay"</button>
                <a class="btn ghost icon-only" href=fixture_address(id) download="" rel="external" aria-label="Export as a fixture, secrets removed" title="Export as a fixture, secrets removed">
                    <Icon name="download"/>
                </a>
                <a class="btn ghost icon-only wide-only" href=back aria-label="Close" title="Close"><Icon name="x"/></a>
            </span>
        </header>
        <div class="scroll" tabindex="0">
            <FieldError error=running.error/>
            <section class="deliv-part">
                <h2>"What was done"<span class="push chip line">{state_icon(ended)}{result}</span></h2>
                <ul class="effects">
                    <li><Icon name="check"/><span>"Signature matched"<small>{signed_by}</small></span></li>
                    <li><Icon name="check"/><span>"Stored before it was answered"<small><Time at=delivery.received_at/></small></span></li>
                    {done.into_iter().map(effect).collect_view()}
                    {outcomes}
                    {(state == DeliveryState::Ignored).then(|| view! { <li><Icon name="dashed"/><span>{why}</span></li> })}
                    {(state == DeliveryState::Received).then(|| view! { <li><Icon name="half"/><span>"It waits for its turn"</span></li> })}
                    {delivery
                        .error
                        .map(|error| {
                            let tries = (attempts > 1).then(|| view! { <small>{format!("Tried {attempts} times")}</small> });
                            view! { <li class="c-bad"><Icon name="fail"/><span>{error}{tries}</span></li> }
                        })}
                    {(delivery.repeats > 0).then(|| effect(format!("Delivered again ({} ×), nothing done twice", delivery.repeats)))}
                </ul>
            </section>
            <section class="deliv-part">
                <h2>"Headers"</h2>
                <dl class="dl">
                    {headers.into_iter().map(|(name, value)| view! { <dt>{name}</dt><dd><code class="wrap-any">{value}</code></dd> }).collect_view()}
                    <dt>"x-hub-signature-256"</dt>
                    <dd><code>"sha256=hidden"</code>" "<span class="chip ok">"Valid"</span></dd>
                    <dt>"From"</dt>
                    <dd><code>{address}</code><span class="t3">{from}</span></dd>
                </dl>
            </section>
            <Payload payload=payload is_json=payload_is_json size=size/>
        </div>
    }
}

#[component]
fn Payload(payload: String, is_json: bool, size: i64) -> impl IntoView {
    let toasts = use_toasts();
    let (mut text, cut) = shown(&payload);
    if is_json
        && !cut
        && let Some(pretty) =
            serde_json::from_str::<serde_json::Value>(&payload).ok().and_then(|value| serde_json::to_string_pretty(&value).ok())
    {
        text = pretty;
    }
    let copy = move |_| {
        page::copy(payload.clone(), move |done| toast(toasts, if done { "Payload copied" } else { "It could not be copied" }));
    };
    view! {
        <section class="deliv-part">
            <details>
                <summary><Icon name="chev-r"/><h2>"Payload"</h2><span class="count">{bytes(size)}</span></summary>
                <div class="row"><button type="button" class="btn s push" on:click=copy><Icon name="copy"/>"Copy"</button></div>
                <pre class="json" tabindex="0">{text}</pre>
                {cut.then(|| view! { <p class="hint">"The rest is in the export."</p> })}
            </details>
        </section>
    }
}

/// The beginning, and whether that is not all.
fn shown(payload: &str) -> (String, bool) {
    match payload.char_indices().nth(SHOWN) {
        Some((end, _)) => (payload[..end].to_owned(), true),
        None => (payload.to_owned(), false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_payload_is_cut_between_letters() {
        assert_eq!(shown("{}"), ("{}".to_owned(), false));
        let (text, cut) = shown(&"é".repeat(SHOWN + 1));
        assert!(cut && text.chars().count() == SHOWN);
    }
}
