//! A clock that jumps a day ahead and back again while people work.

use llmos_analytics::model::{Query, Span};
use llmos_lite::{
    ids,
    server::clock::{self, DAY, MINUTE},
};
use serde_json::Value;

use crate::{
    analytics::{Question, same},
    app::{Client, text},
    import::{import, pack},
    sessions::{begin, entries, say},
    volumes::{commit, create, head, save, volume},
};

/// Rows and ids made from now on have that time.
fn jump(by: i64) {
    clock::jump(by);
    ids::follow_clock(by);
}

/// Whatever the time is: a message, a commit and a job of the background.
async fn work(client: &Client, session: &str, artifact: &str, own: &str, round: i64) -> String {
    say(client, session, &format!("round {round}")).await;
    let (_, detail) = client.get(&format!("/artifacts/{artifact}")).await;
    let saves = detail["draft"]["saves"].as_i64().unwrap_or(0);
    let (status, saved) = save(client, artifact, &format!("---\nname: tide\n---\nround {round}\n"), saves).await;
    assert_eq!(status, 200, "{saved}");
    let base = detail["head"]["id"].as_str();
    commit(client, &[(artifact, base)], &format!("round {round}")).await;
    let report = import(client, own, pack(&[(&format!("skills/of-{round}/SKILL.md"), b"text", 0)])).await;
    assert_eq!(report["created"], 1, "a job that is queued now runs now: {report}");
    head(client, artifact).await
}

// Alone in its process: the clock is everybody's.
app_test!(work_goes_on_when_the_clock_jumps_ahead_and_back, |app| {
    let maya = app.sign_up_first().await;
    let own = volume(&maya, "user").await;
    let artifact = text(&create(&maya, &own, "Tide").await["summary"]["id"]);
    let session = begin(&maya, None, "Clocks").await;
    let mut heads = Vec::new();
    for (round, by) in [0, DAY, 0, -10 * MINUTE, 0].into_iter().enumerate() {
        jump(by);
        heads.push(work(&maya, &session, &artifact, &own, i64::try_from(round).expect("few")).await);
        assert_eq!(maya.get("/me").await.0, 200, "a sign-in outlives a day");
    }
    jump(0);
    let mut numbers: Vec<i64> = Vec::new();
    let mut said = Vec::new();
    for entry in
        entries(&maya, &session).await.into_iter().filter(|entry| entry["text"].as_str().is_some_and(|text| text.starts_with("round")))
    {
        numbers.push(entry["number"].as_i64().expect("a number"));
        said.push(text(&entry["text"]));
    }
    if numbers.first() > numbers.last() {
        numbers.reverse();
        said.reverse();
    }
    assert!(
        numbers.is_sorted() && said == (0..5).map(|round| format!("round {round}")).collect::<Vec<_>>(),
        "in the order in which they were said: {said:?}"
    );
    heads.dedup();
    assert_eq!(heads.len(), 5, "each commit became the head");
    let (_, detail) = maya.get(&format!("/artifacts/{artifact}")).await;
    assert!(detail["text"].as_str().is_some_and(|text| text.ends_with("round 4\n")), "{detail}");
    // What was counted meanwhile is what the events say: those of the day to come wait for it.
    let query = Query { range: Span::Week, zone: Some("Asia/Kathmandu".to_owned()), compare: true, ..Query::default() };
    same(&app.state.db, &maya, &Question { query, mine: vec![maya.id.clone()], operations: true }).await;
    let (_, history): (u16, Value) = maya.get(&format!("/volumes/{own}/commits")).await;
    assert!(history["commits"].as_array().is_some_and(|commits| commits.len() >= 10), "{history}");
});
