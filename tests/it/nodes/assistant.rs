//! An answer of the assistant that one node gives, as people at others see it.

use serde_json::{Value, json};

use super::{until, with_nodes_of};
use crate::{
    app::{Client, text},
    assistant::model::Model,
    rooms::people,
    sessions::{begin, say},
};

async fn run_of(client: &Client, session: &str) -> Value {
    client.get(&format!("/sessions/{session}/assistant")).await.1["runs"][0].clone()
}

#[test]
fn what_was_said_so_far_is_read_at_every_node_and_each_of_them_stops_it() {
    let model = Model::default();
    with_nodes_of(
        2,
        |config| model.start(config),
        async |nodes, _| {
            let (maya, ines, _, team) = people(&nodes[0]).await;
            let there = ines.at(&nodes[1]);
            let session = begin(&maya, Some(&team), "Outage").await;
            let mut socket = nodes[1].socket_of(&there).await;
            socket.join(&session, "session", None).await;
            say(&maya, &session, "@assistant stall").await;
            // Whichever node gives it: its pieces are heard at the other, and who comes late reads them.
            assert_eq!(socket.until("assistant_delta").await["event"]["text"], "Half of");
            for client in [&maya, &there] {
                until("it is read", async || run_of(client, &session).await["text"] == "Half of").await;
            }
            let run = text(&run_of(&maya, &session).await["id"]);
            assert_eq!(there.post(&format!("/sessions/{session}/assistant/runs/{run}/stop"), json!({})).await.0, 204);
            until("it is over", async || run_of(&maya, &session).await.is_null()).await;
            let (_, page) = there.get(&format!("/sessions/{session}/entries?limit=200")).await;
            let answer = page["items"].as_array().into_iter().flatten().find(|entry| entry["author"]["name"] == "Assistant").cloned();
            assert_eq!(answer.unwrap_or_default()["text"], "Half of", "{page}");
        },
    );
}
