//! Whose key it is, for how long, and what that means for what it signed.

use llmos_trust::{Bundle, Expected, PublicKey, SigningKey, TrustRoot};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    app::{Client, text},
    marketplace::{Publisher, change, introduction, people, skill, team_volume},
};

async fn register(client: &Client, body: Value) -> (u16, Value) {
    client.post("/marketplace/keys", body).await
}

async fn trust(client: &Client) -> TrustRoot {
    let (_, registry) = client.get("/log").await;
    TrustRoot { origin: text(&registry["origin"]), keys: vec![text(&registry["key"]).parse::<PublicKey>().expect("a key")] }
}

/// Proof and archive of a release, as whoever downloads them gets them.
async fn downloaded(client: &Client, release: &str) -> (Bundle, Vec<u8>) {
    let address = format!("/api/v1/marketplace/submissions/{release}");
    let bundle = client.answer(client.request(Method::GET, &format!("{address}/bundle"))).await;
    let archive = client.request(Method::GET, &format!("{address}/archive")).send().await.expect("an answer").bytes().await.expect("bytes");
    (Bundle::from_bytes(bundle.text.as_bytes()).expect("a bundle"), archive.to_vec())
}

app_test!(nobody_registers_a_key_that_is_not_theirs, |app| {
    let (_maya, ines, tom) = people(app).await;
    let mine = SigningKey::from_seed(&[21; 32]);
    let bare = json!({ "publicKey": mine.public().to_string(), "name": "Test" });
    assert_eq!(register(&tom, bare).await.0, 400, "without a statement");
    // A statement of Tom's about a key that he only knows the public half of.
    let mut stolen = introduction(&tom.id, &mine, None);
    stolen["publicKey"] = json!(ines.key.public().to_string());
    assert_eq!(register(&tom, stolen).await.0, 400);
    let mut unsigned = introduction(&tom.id, &mine, None);
    unsigned["signatures"] = json!([]);
    let (status, refused) = register(&tom, unsigned).await;
    assert_eq!(status, 400, "{refused}");
    assert_eq!(register(&tom, introduction(&ines.client.id, &mine, None)).await.0, 400, "about another account");
    // Another account's own words, sent once more.
    assert_eq!(register(&tom, introduction(&ines.client.id, &ines.key, None)).await.0, 400);
    let mut nameless = introduction(&tom.id, &mine, None);
    nameless["name"] = json!(" ");
    let (status, refused) = register(&tom, nameless).await;
    assert!(status == 400 && refused["fields"]["name"].is_string(), "{refused}");
    let (status, made) = register(&tom, introduction(&tom.id, &mine, None)).await;
    assert_eq!(status, 201, "{made}");
    // In place of a key that is not one's own.
    let next = SigningKey::from_seed(&[22; 32]);
    assert_eq!(register(&tom, introduction(&tom.id, &next, Some(&ines.key))).await.0, 400);
    assert_eq!(tom.get("/marketplace/keys").await.1.as_array().map(Vec::len), Some(1), "nothing of that is left");
});

app_test!(a_key_that_takes_the_place_of_another_is_followed_by_who_trusted_that_one, |app| {
    let (maya, mut ines, _tom) = people(app).await;
    let first = ines.publish(&maya, skill("lamp-care", "1.0.0", "Trim the wicks.")).await;
    let old = SigningKey::from_seed(&[7; 32]);
    let next = SigningKey::from_seed(&[31; 32]);
    let (status, made) = register(&ines.client, introduction(&ines.client.id, &next, Some(&old))).await;
    assert_eq!(status, 201, "{made}");
    let made = ines.submit(skill("lamp-care", "1.0.1", "Trim them twice.")).await;
    assert_eq!(ines.sign(&made).await.0, 400, "the old key signs nothing any more");
    (ines.key_id, ines.key) = (next.public().id().to_string(), next);
    let second = ines.publish(&maya, skill("lamp-care", "1.0.2", "Trim them twice, keeper.")).await;

    let trust = trust(&app.visitor()).await;
    let (bundle, archive) = downloaded(&app.visitor(), &second).await;
    let expected = |version, key: &SigningKey| Expected { slug: "lamp-care", version, publisher_key: Some(key.public()) };
    // Whoever remembers the old key follows: it said so itself.
    bundle.verify(&archive, &trust, &expected("1.0.2", &old)).expect("it descends");
    assert!(bundle.verify(&archive, &trust, &expected("1.0.2", &SigningKey::from_seed(&[99; 32]))).is_err());
    let (bundle, archive) = downloaded(&app.visitor(), &first).await;
    bundle.verify(&archive, &trust, &expected("1.0.0", &old)).expect("what it signed when it was the key stays good");
});

app_test!(what_was_published_with_a_key_since_it_was_compromised_is_installed_nowhere_and_what_was_before_is, |app| {
    let (maya, ines, tom) = people(app).await;
    ines.publish(&maya, skill("lamp-care", "1.0.0", "Trim the wicks.")).await;
    let (_, log) = tom.get("/log").await;
    tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    let stolen_at = llmos_lite::server::clock::now_ms();
    let bad = ines.publish(&maya, skill("lamp-care", "1.1.0", "Sell the wicks.")).await;
    let place = team_volume(&tom, &tom.team("Pier").await).await;
    assert_eq!(change(&tom, &place, json!({ "install": ["lamp-care@=1.1.0"] })).await.0, 200, "nobody knows yet");
    let path = format!("/marketplace/keys/{}?reason=The%20laptop%20is%20gone&compromisedSince={stolen_at}", ines.key_id);
    assert_eq!(ines.client.delete(&path).await.0, 204);
    assert!(tom.get("/log").await.1["size"].as_i64() > log["size"].as_i64());

    let other = team_volume(&tom, &tom.team("Quay").await).await;
    let (status, refused) = change(&tom, &other, json!({ "install": ["lamp-care@=1.1.0"] })).await;
    assert_eq!(status, 409, "{refused}");
    let why = text(&refused["message"]);
    assert!(why.contains("may have been used by others") && why.contains("The laptop is gone"), "{why}");
    assert_eq!(change(&tom, &other, json!({ "install": ["lamp-care@=1.0.0"] })).await.0, 200);
    let (bundle, archive) = downloaded(&app.visitor(), &bad).await;
    let expected = Expected { slug: "lamp-care", version: "1.1.0", publisher_key: None };
    assert!(bundle.verify(&archive, &trust(&app.visitor()).await, &expected).is_err(), "without asking this server too");
    // A new key goes on.
    let again = Publisher::new(ines.client, 41).await;
    again.publish(&maya, skill("lamp-care", "1.2.0", "Trim the wicks again.")).await;
    assert_eq!(change(&tom, &place, json!({ "update": ["lamp-care"] })).await.0, 200);
});
