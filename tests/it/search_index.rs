//! The copy of the search index that a process leaves for the next one, and what happens to it.

use reqwest::{Client, Method};
use serde_json::{Value, json};

use crate::{
    process::{Process, browser, first_account},
    process_test,
};

const COPY: &str = "derived/search.index";

async fn write(process: &Process, client: &Client, volume: &str, name: &str) -> String {
    let text = format!("---\nname: {name}\ndescription: Of the {name}.\n---\n\nHow one keeps the {name}.\n");
    let artifact = json!({ "volumeId": volume, "kind": "skill", "name": name, "text": text });
    let (status, made) = process.call(client, Method::POST, "/artifacts", artifact).await.expect("an answer");
    assert!(status < 300, "{made}");
    let id = made["summary"]["id"].as_str().expect("an id").to_owned();
    let commit = json!({ "message": "Write", "artifacts": [{ "id": id, "baseRevisionId": null }] });
    let (status, made) = process.call(client, Method::POST, "/commits", commit).await.expect("an answer");
    assert!(status < 300, "{made}");
    id
}

/// The names of what is found by words of mine.
async fn found(process: &Process, client: &Client, query: &str) -> Vec<String> {
    let (status, page) = process.call(client, Method::GET, &format!("/search?q={query}"), Value::Null).await.expect("an answer");
    assert_eq!(status, 200, "{page}");
    page["hits"].as_array().expect("hits").iter().map(|hit| hit["name"].as_str().unwrap_or_default().to_owned()).collect()
}

process_test!(a_server_goes_on_with_the_copy_of_its_index_and_makes_a_damaged_one_anew, |disk| {
    let client = browser();
    let process = disk.start(&[]).await;
    let volume = first_account(&process, &client).await;
    write(&process, &client, &volume, "windlass").await;
    let gone = write(&process, &client, &volume, "bollard").await;
    assert!(process.stop().await.success());
    let copy = std::fs::read(disk.file(COPY)).expect("a copy was left");

    // Killed right after commits: the copy is older, the numbers tell.
    let process = disk.start(&[]).await;
    assert_eq!(found(&process, &client, "bollard").await, ["bollard"]);
    write(&process, &client, &volume, "capstan").await;
    let (status, _) = process.call(&client, Method::DELETE, &format!("/artifacts/{gone}"), Value::Null).await.expect("an answer");
    assert_eq!(status, 204);
    process.kill();
    assert_eq!(std::fs::read(disk.file(COPY)).expect("a copy").len(), copy.len());
    let process = disk.start(&[]).await;
    for (query, expected) in [("windlass", vec!["windlass"]), ("capstan", vec!["capstan"]), ("bollard", vec![])] {
        assert_eq!(found(&process, &client, query).await, expected, "{query}");
    }
    assert!(process.stop().await.success());

    // Cut off, altered, and something else.
    let copy = std::fs::read(disk.file(COPY)).expect("a copy");
    let mut altered = copy.clone();
    let middle = altered.len() / 2;
    altered[middle] ^= 1;
    for damaged in [&copy[..middle], &altered, b"lamp", b"{}\n"] {
        std::fs::write(disk.file(COPY), damaged).expect("written");
        let process = disk.start(&[]).await;
        assert_eq!(found(&process, &client, "capstan").await, ["capstan"]);
        assert_eq!(found(&process, &client, "bollard").await, [] as [&str; 0]);
        assert!(process.stop().await.success());
    }
});
