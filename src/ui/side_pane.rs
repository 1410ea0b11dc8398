//! What is open beside a list.

use leptos::prelude::*;

use super::{ErrorView, Icon, Loading, Transition, late};
use crate::browser::{data::Fetched, response};

/// Shown while something is open. `view` gets what arrived and the address of the list alone; what cannot be read says so, with the way back.
#[component]
pub fn SidePane<T: Send + Sync + 'static>(
    label: &'static str,
    #[prop(into)] open: Signal<bool>,
    #[prop(into)] back: Signal<String>,
    found: Fetched<T>,
    #[prop(into)] view: Callback<(T, String), AnyView>,
) -> impl IntoView {
    view! {
        <aside class="pane side" data-part="side" aria-label=label hidden=move || !open.get()>
            <Transition fallback=|| view! { <div class="scroll"><Loading/></div> }>
                {move || {
                    let back = back.get();
                    found
                        .arrived()
                        .filter(|_| open.get())
                        .map(|arrived| late(move || match arrived.read() {
                            Ok(found) => view.run((found, back)),
                            Err(error) => {
                                response::set_status(error.code.status());
                                view! {
                                    <header class="bar"><h1>{label}</h1><a class="btn ghost icon-only push" href=back aria-label="Close" title="Close"><Icon name="x"/></a></header>
                                    <div class="scroll"><ErrorView error=error/></div>
                                }
                                    .into_any()
                            }
                        }))
                }}
            </Transition>
        </aside>
    }
}
