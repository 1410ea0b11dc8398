//! How one publishes, for who has not said what.

use leptos::prelude::*;

use crate::{
    features::marketplace::{
        state::{PUBLISHER_KEYS, SUBMISSIONS},
        ui::parts::Copyable,
    },
    ui::Icon,
};

const REQUEST: &str = "curl -X POST https://…/api/v1/marketplace/submissions \\
  -H \"Authorization: Bearer $TOKEN\" -H \"Content-Type: application/json\" \\
  -d '{\"artifactId\": \"…\", \"license\": \"MIT\", \"changelog\": \"First release.\"}'";

const COMMAND: &str = "llmos market publish skills/my-skill";

#[component]
pub fn HowToPublish() -> impl IntoView {
    view! {
        <div class="page how">
            <p class="t2">
                "A release is a committed skill, tool or agent with the files beside it. The checks look at it, a moderator decides, its author signs it; then it is public."
            </p>
            <section>
                <h2>"From the library"</h2>
                <p>"Open what you want to publish and choose “Publish” from its menu. It has to be committed."</p>
                <div class="row wrap">
                    <a class="btn primary" href="/artifacts"><Icon name="artifacts"/>"Open the library"</a>
                    <a class="btn" href=SUBMISSIONS>"What you submitted"</a>
                </div>
            </section>
            <section>
                <h2>"From the command line"</h2>
                <p>"A folder with a SKILL.md, or a single file:"</p>
                <Copyable what="the command" text=COMMAND.to_owned()/>
            </section>
            <section>
                <h2>"From a program"</h2>
                <p>
                    "With an " <a class="link" href="/settings/tokens">"API token"</a> " that may publish. The "
                    <a class="link" href="/api/docs" rel="external">"description of the API"</a> " has all fields; what is left out is read from the frontmatter."
                </p>
                <Copyable what="the request" text=REQUEST.to_owned()/>
            </section>
            <section>
                <h2>"Before it is public"</h2>
                <p>
                    "You sign each release with a key of yours. It is made in the same step as your first signature, or in "
                    <a class="link" href=PUBLISHER_KEYS>"Publishing keys"</a> "."
                </p>
            </section>
        </div>
    }
}
