//! Search: what is found, for whom, how it is narrowed, and how soon.

use serde_json::{Value, json};

use llmos_lite::{features::search::service::SearchIndex, server::context::Ctx};

use crate::{
    app::{Client, TestApp, text},
    sessions::{begin, say},
    volumes::{commit, create, save, volume},
};

async fn written(client: &Client, volume: &str, name: &str, words: &str) -> String {
    let made = create(client, volume, name).await;
    let id = text(&made["summary"]["id"]);
    let saves = made["draft"]["saves"].as_i64().unwrap_or_default();
    assert_eq!(save(client, &id, words, saves).await.0, 200);
    commit(client, &[(&id, None)], "Write").await;
    id
}

fn skill(name: &str, description: &str, more: &str, body: &str) -> String {
    format!("---\nname: {name}\ndescription: {description}\n{more}---\n\n{body}\n")
}

async fn found(client: &Client, query: &str) -> Vec<String> {
    let (status, page) = client.get(&format!("/search?{query}")).await;
    assert_eq!(status, 200, "{page}");
    page["hits"].as_array().expect("hits").iter().map(|hit| text(&hit["slug"])).collect()
}

async fn team_volume(client: &Client, team: &str) -> String {
    let (_, volumes) = client.get("/volumes").await;
    let volume = volumes.as_array().expect("volumes").iter().find(|volume| volume["team"] == team).expect("it has one");
    text(&volume["id"])
}

app_test!(what_is_committed_is_found_at_once_with_the_words_that_matched, |app| {
    let maya = app.sign_up_first().await;
    let own = volume(&maya, "user").await;
    let words = skill(
        "lamp-keeping",
        "How the harbor lamps are kept.",
        "tags: [harbor, night]\n",
        "# Lamps\n\nTrim the wicks each evening before dusk.",
    );
    let id = written(&maya, &own, "lamp-keeping", &words).await;
    for query in ["q=lamp-keeping", "q=trimming%20wick", "q=%22before%20dusk%22", "q=lapms%20dusk", "q=wic&partial=true"] {
        assert_eq!(found(&maya, query).await.first().map(String::as_str), Some("lamp-keeping"), "{query}");
    }
    assert!(!found(&maya, "q=lamps%20-wicks").await.contains(&"lamp-keeping".to_owned()));
    let (_, page) = maya.get("/search?q=wicks%20at%20dusk&explain=true").await;
    let hit = &page["hits"][0];
    let marks: Vec<String> =
        hit["passage"].as_array().expect("pieces").iter().filter(|piece| piece["mark"] == true).map(|piece| text(&piece["text"])).collect();
    assert_eq!(marks, ["wicks", "dusk"], "{hit}");
    assert!(hit["score"].as_f64().is_some_and(|score| (0.0..=1.0).contains(&score)));
    assert!(hit["why"]["words"].as_array().is_some_and(|words| !words.is_empty()), "{hit}");
    assert_eq!(page["facets"]["tags"].as_array().map(|tags| tags.iter().any(|tag| tag["value"] == "night")), Some(true));

    // Another text, the trash, and back.
    let (_, detail) = maya.get(&format!("/artifacts/{id}")).await;
    let again = skill("lamp-keeping", "How the harbor lamps are kept.", "", "# Lamps\n\nPolish the brass.");
    assert_eq!(save(&maya, &id, &again, 0).await.0, 200);
    commit(&maya, &[(&id, detail["head"]["id"].as_str())], "Brass").await;
    assert!(found(&maya, "q=wicks").await.is_empty());
    assert_eq!(found(&maya, "q=brass").await, ["lamp-keeping"]);
    assert_eq!(maya.delete(&format!("/artifacts/{id}")).await.0, 204);
    assert!(found(&maya, "q=brass").await.is_empty());
    assert_eq!(maya.post(&format!("/artifacts/{id}/undelete"), Value::Null).await.0, 204);
    assert_eq!(found(&maya, "q=brass").await, ["lamp-keeping"]);
});

app_test!(a_number_that_a_volume_has_yet_to_reach_hides_no_later_commit, |app| {
    let maya = app.sign_up_first().await;
    let own = volume(&maya, "user").await;
    let early = written(&maya, &own, "lamp-keeping", &skill("lamp-keeping", "How the harbor lamps are kept.", "", "Trim the wicks.")).await;
    assert_eq!(found(&maya, "q=wicks").await, ["lamp-keeping"]);
    // As while a large import is being published.
    let mut tx = app.state.db.write_tx().await.expect("a transaction");
    sqlx::query("UPDATE artifacts SET seq = seq + 1000 WHERE id = $1").bind(&early).execute(&mut *tx).await.expect("written");
    sqlx::query("UPDATE volumes SET seq = seq + 1 WHERE id = $1").bind(&own).execute(&mut *tx).await.expect("written");
    tx.commit().await.expect("committed");
    assert_eq!(found(&maya, "q=wicks").await, ["lamp-keeping"]);
    written(&maya, &own, "rope-work", &skill("rope-work", "How ropes are spliced.", "", "Unlay the strands.")).await;
    assert_eq!(found(&maya, "q=strands").await, ["rope-work"]);
});

app_test!(what_an_import_has_only_staged_does_not_end_the_reading_of_a_volume, |app| {
    let maya = app.sign_up_first().await;
    let own = volume(&maya, "user").await;
    let id = written(&maya, &own, "lamp-keeping", &skill("lamp-keeping", "How the harbor lamps are kept.", "", "Trim the wicks.")).await;
    let ctx = Ctx::internal(app.state.clone(), None);
    let mut tx = app.state.db.write_tx().await.expect("a transaction");
    for number in 0..600 {
        let row = "INSERT INTO artifacts (id, volume_id, state, kind, slug, path, name, description, category, tags, version, author, hints, has_draft, seq, created_by, created_at, updated_at) \
             SELECT $1, volume_id, 0, kind, $2, $2, name, description, category, tags, version, author, hints, 0, 0, created_by, created_at, updated_at FROM artifacts WHERE id = $3";
        let (staged, slug) = (uuid::Uuid::now_v7().to_string(), format!("staged-{number}"));
        sqlx::query(row).bind(staged).bind(slug).bind(&id).execute(&mut *tx).await.expect("staged");
    }
    tx.commit().await.expect("committed");
    let fresh = SearchIndex::default();
    fresh.take_in_all(&ctx).await.expect("taken in");
    // The question sees to it that the server's own has everything.
    assert_eq!(found(&maya, "q=wicks").await, ["lamp-keeping"]);
    assert_eq!(fresh.read().len(), ctx.state.search.read().len());
});

app_test!(an_older_index_that_takes_the_place_of_a_newer_one_has_what_was_committed_meanwhile, |app| {
    let maya = app.sign_up_first().await;
    let own = volume(&maya, "user").await;
    let ctx = Ctx::internal(app.state.clone(), None);
    let older = SearchIndex::default();
    older.take_in_all(&ctx).await.expect("taken in");
    written(&maya, &own, "lamp-keeping", &skill("lamp-keeping", "How the harbor lamps are kept.", "", "Trim the wicks.")).await;
    assert_eq!(found(&maya, "q=wicks").await, ["lamp-keeping"]);
    let documents = ctx.state.search.read().len();
    assert_eq!(older.read().len() + 1, documents);
    ctx.state.search.replace(&ctx, std::future::ready(Some(older))).await.expect("replaced");
    // No question has asked for it since.
    assert_eq!(ctx.state.search.read().len(), documents);
    assert_eq!(found(&maya, "q=wicks").await, ["lamp-keeping"]);
});

app_test!(nobody_finds_counts_or_completes_what_they_may_not_read, |app| {
    let maya = app.sign_up_first().await;
    let priya = app.sign_up(&maya, "priya@harbor.example").await;
    let team = maya.team("Harbor").await;
    let volume = team_volume(&maya, &team).await;
    let words = skill("zanzibar-run", "The zanzibar run.", "tags: [zanzibar]\ncategory: legal\n", "Sail to zanzibar.");
    let id = written(&maya, &volume, "zanzibar-run", &words).await;
    assert_eq!(found(&maya, "q=zanzibar").await, ["zanzibar-run"]);
    let seen = async |client: &Client| {
        let (_, page) = client.get("/search?q=zanzibar").await;
        let (_, suggested) = client.get("/search/suggest?q=zanz").await;
        (page["total"].as_i64(), page["facets"]["tags"].as_array().map(Vec::len), suggested.as_array().map(Vec::len))
    };
    assert_eq!(seen(&priya).await, (Some(0), Some(0), Some(0)));
    assert_eq!(priya.get(&format!("/artifacts/{id}/similar")).await.0, 404);
    assert_eq!(priya.get(&format!("/search?q=zanzibar&volume={volume}")).await.0, 404);
    assert_eq!(app.visitor().get("/search?q=zanzibar").await.0, 401);

    // Whoever comes in finds it with the next question, and no longer after leaving.
    let link = maya.invite(&team, "viewer").await;
    assert_eq!(priya.post(&format!("/invitations/{link}/accept"), json!({})).await.0, 200);
    assert_eq!(seen(&priya).await.0, Some(1));
    assert_eq!(priya.post(&format!("/teams/{team}/leave"), Value::Null).await.0, 204);
    assert_eq!(seen(&priya).await, (Some(0), Some(0), Some(0)));
});

app_test!(moved_to_another_volume_it_is_found_there, |app| {
    let maya = app.sign_up_first().await;
    let own = volume(&maya, "user").await;
    let team = maya.team("Harbor").await;
    let other = team_volume(&maya, &team).await;
    let id = written(&maya, &own, "buoys", &skill("buoys", "Of buoys.", "", "Buoys mark shoals.")).await;
    assert_eq!(found(&maya, &format!("q=shoals&volume={own}")).await, ["buoys"]);
    assert_eq!(maya.post(&format!("/artifacts/{id}/move"), json!({ "volumeId": other })).await.0, 200);
    assert!(found(&maya, &format!("q=shoals&volume={own}")).await.is_empty());
    assert_eq!(found(&maya, &format!("q=shoals&team={team}")).await, ["buoys"]);
});

app_test!(filters_narrow_and_what_is_none_is_refused_with_those_that_are, |app| {
    let maya = app.sign_up_first().await;
    let own = volume(&maya, "user").await;
    for (name, more) in [
        ("tide-a", "category: legal\nversion: 1.2.0\ntags: [sea]\n"),
        ("tide-b", "category: research\nversion: 2.0.0\ntags: [sea, moon]\n"),
        ("tide-c", ""),
    ] {
        written(&maya, &own, name, &skill(name, "Of tides.", more, "Tideworks turn with the moon.")).await;
    }
    let all = async |query: &str| {
        let mut slugs = found(&maya, &format!("q=tideworks&{query}")).await;
        slugs.sort();
        slugs
    };
    assert_eq!(all("limit=100").await, ["tide-a", "tide-b", "tide-c"]);
    assert_eq!(all("category=legal,research").await, ["tide-a", "tide-b"]);
    assert_eq!(all("tag=sea,moon").await, ["tide-b"]);
    assert_eq!(all("minVersion=1.5").await, ["tide-b"]);
    assert_eq!(all("maxVersion=1.5").await, ["tide-a"]);
    assert_eq!(all("kind=tool").await, [] as [String; 0]);
    assert_eq!(all(&format!("author={}", maya.id)).await.len(), 3);
    assert_eq!(all("updatedSince=99999999999999").await.len(), 0);
    assert_eq!(all("minRating=4").await.len(), 0);
    // Counts say what one more choice would find.
    let (_, page) = maya.get("/search?q=tideworks&category=legal&kind=skill").await;
    let counts = |facet: &str| page["facets"][facet].as_array().expect("counts").iter().map(|one| text(&one["value"])).collect::<Vec<_>>();
    assert_eq!((page["total"].as_i64(), counts("categories")), (Some(1), vec!["legal".to_owned(), "research".to_owned()]), "{page}");
    assert_eq!(counts("tags"), ["sea"], "{page}");
    assert_eq!(all("limit=1&sort=name").await, ["tide-a"]);
    assert_eq!(all("limit=1&offset=1&sort=name").await, ["tide-b"]);
    for (query, word) in [
        ("colour=red", "category"),
        ("kind=potion", "skill, tool, agent"),
        ("category=alchemy", "data-analysis"),
        ("minVersion=latest", "1.2.0"),
        ("minRating=9", "1 to 5"),
        ("author=maya", "id of an account"),
        ("offset=99999", "narrow"),
    ] {
        let (status, error) = maya.get(&format!("/search?q=x&{query}")).await;
        assert_eq!(status, 400, "{query}: {error}");
        assert!(error.to_string().contains(word), "{query}: {error}");
    }
});

app_test!(no_question_is_an_error, |app| {
    let maya = app.sign_up_first().await;
    let long = "word%20".repeat(1_400);
    for query in [
        "",
        "%20%20",
        "%00%01%1b",
        "%F0%9F%A6%80%F0%9F%9A%80",
        "%D7%A9%D7%9C%D7%95%D7%9D%20%D8%B3%D9%84%D8%A7%D9%85",
        "%22",
        "%22%22%20-",
        "-%22",
        "(%20AND%20OR",
        "%25_*%3F",
        &long,
    ] {
        let (status, page) = maya.get(&format!("/search?q={query}")).await;
        assert_eq!(status, 200, "{query}: {page}");
    }
    // Nothing asked: everything, the newest first.
    let (_, page) = maya.get("/search").await;
    assert!(page["total"].as_i64().is_some_and(|total| total >= 24), "{page}");
});

app_test!(the_built_in_skills_answer_what_they_are_for, |app| {
    let maya = app.sign_up_first().await;
    let names = found(&maya, "q=valuation&limit=10").await;
    for wanted in ["dcf-valuation", "comparable-company-analysis"] {
        assert!(names.iter().any(|name| name == wanted), "{wanted}: {names:?}");
    }
    let (_, suggested) = maya.get("/search/suggest?q=dcf").await;
    let first = &suggested[0];
    assert_eq!(first["text"], "DCF Valuation", "{suggested}");
    let (status, alike) = maya.get(&format!("/artifacts/{}/similar?limit=3", text(&first["id"]))).await;
    assert_eq!(status, 200, "{alike}");
    assert!(alike.as_array().is_some_and(|hits| !hits.is_empty() && hits.iter().all(|hit| hit["id"] != first["id"])), "{alike}");
});

app_test!(
    one_account_may_ask_so_often_and_is_told_what_is_left,
    |config| {
        config.rates.search = std::num::NonZeroU32::new(3).expect("not zero");
    },
    |app| {
        let maya = app.sign_up_first().await;
        let ask = async || maya.answer(maya.request(reqwest::Method::GET, "/api/v1/search?q=x")).await;
        for left in ["2", "1", "0"] {
            let answer = ask().await;
            assert_eq!((answer.status, answer.header("ratelimit-limit"), answer.header("ratelimit-remaining")), (200, "3", left));
        }
        let refused = ask().await;
        assert_eq!(refused.status, 429);
        assert!(refused.header("retry-after").parse::<u32>().is_ok_and(|wait| wait > 0), "{}", refused.text);
    }
);

/// The model that `scripts/setup` fetches; without it, a loud line.
pub fn model() -> Option<std::path::PathBuf> {
    let folder =
        std::env::var_os("EMBEDDING_MODEL_DIR").map(std::path::PathBuf::from).filter(|folder| folder.join("model.safetensors").exists());
    if folder.is_none() {
        crate::app::skipped("an embedding model", "scripts/setup fetches it; EMBEDDING_MODEL_DIR names its folder.");
    }
    folder
}

pub async fn embedded(app: &TestApp) {
    // What is built in waits until somebody needs the model.
    app.state.search_model.wake().await;
    // A model takes its time where nothing is optimised.
    for _ in 0..9_000 {
        let status: Value =
            app.visitor().request(reqwest::Method::GET, "/readyz").send().await.expect("an answer").json().await.expect("JSON");
        let search = &status["search"];
        if search["meaning"] == "ready" && search["waiting"] == 0 && search["documents"].as_i64() > Some(0) {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("everything is embedded");
}

app_test!(
    what_no_word_says_is_found_by_meaning,
    |config| {
        if let Some(folder) = model() {
            config.embedding_model_dir = folder;
        }
    },
    |app| {
        if model().is_none() {
            return;
        }
        let maya = app.sign_up_first().await;
        let own = volume(&maya, "user").await;
        embedded(app).await;
        let five = found(&maya, "q=calculate%20company%20worth&limit=5").await;
        for wanted in ["dcf-valuation", "comparable-company-analysis", "equity-valuation", "financial-calculator"] {
            assert!(five.iter().any(|name| name == wanted), "{wanted}: {five:?}");
        }
        let (_, page) = maya.get("/search?q=calculate%20company%20worth&explain=true").await;
        assert_eq!(page["semantic"], true);
        assert!(page["hits"][0]["why"]["semantic"].as_f64() > Some(0.0), "{page}");
        // A new one, soon by meaning as well; a secret in it is nowhere.
        written(&maya, &own, "sourdough", &skill("sourdough", "Bread with wild yeast.", "", "Feed the starter. token: abcdefgh12345678"))
            .await;
        // A question takes it in; then it is embedded.
        assert_eq!(found(&maya, "q=sourdough&limit=1").await, ["sourdough"]);
        embedded(app).await;
        assert_eq!(found(&maya, "q=how%20to%20bake%20a%20loaf&limit=1").await, ["sourdough"]);
        // A device is given the same vectors, and the same model in a quarter of its size.
        let (_, manifest) = maya.get("/search/offline").await;
        let record = records(&maya, &[text(&page["hits"][0]["id"])]).await.remove(0);
        assert!(record["vectors"].as_str().is_some_and(|vectors| vectors.len() >= 384), "{record}");
        let mut files = Vec::new();
        for file in ["config", "weights", "tokenizer"] {
            let answer =
                maya.request(reqwest::Method::GET, &format!("/api/v1/search/offline/model/{file}")).send().await.expect("an answer");
            assert_eq!(answer.status(), 200, "{file}");
            files.push(answer.bytes().await.expect("a body"));
        }
        assert_eq!(files.iter().map(|file| file.len() as u64).sum::<u64>(), manifest["model"]["bytes"].as_u64().expect("a size"));
        assert!(files[1].len() < 30_000_000, "{}", files[1].len());
        let name = text(&manifest["model"]["name"]);
        let small = llmos_search::embed::Embedder::load(&llmos_search::embed::ModelFiles {
            name: &name,
            config: &files[0],
            weights: &files[1],
            tokenizer: &files[2],
            pooling: None,
        });
        assert_eq!(json!(small.expect("it loads").identity().to_string()), manifest["model"]["identity"]);
        let count: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM embeddings").fetch_one(app.state.db.read()).await.expect("a number");
        assert!(count > 24, "{count}");
    }
);

app_test!(
    what_is_built_in_does_not_wake_the_model_and_a_question_does,
    |config| {
        if let Some(folder) = model() {
            config.embedding_model_dir = folder;
        }
    },
    |app| {
        if model().is_none() {
            return;
        }
        let maya = app.sign_up_first().await;
        let status = async || -> Value {
            app.visitor().request(reqwest::Method::GET, "/readyz").send().await.expect("an answer").json::<Value>().await.expect("JSON")
                ["search"]
                .clone()
        };
        let until = async |is_so: &dyn Fn(&Value) -> bool| {
            for _ in 0..9_000 {
                let now = status().await;
                if is_so(&now) {
                    return;
                }
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
            panic!("{}", status().await);
        };
        let sleeps = || app.state.search_model.backend().expect("there is a model").sleeps();
        let kept = async || -> i64 {
            sqlx::query_scalar("SELECT COUNT(*) FROM embeddings").fetch_one(app.state.db.read()).await.expect("a number")
        };
        // Everything was looked at, and says that search goes by meaning; nothing was embedded.
        until(&|now| now["meaning"] == "ready" && now["waiting"] == 0 && now["documents"].as_i64() > Some(0)).await;
        assert!(sleeps());
        assert_eq!(kept().await, 0);
        assert_eq!(maya.get("/search?q=calculate%20company%20worth").await.0, 200);
        assert!(!sleeps());
        until(&|now| now["waiting"] == 0).await;
        assert!(kept().await > 24);
        assert!(found(&maya, "q=calculate%20company%20worth&limit=5").await.iter().any(|name| name == "dcf-valuation"));
    }
);

app_test!(
    with_a_damaged_model_search_goes_by_words_and_says_so,
    |config| {
        config.embedding_model_dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    },
    |app| {
        let maya = app.sign_up_first().await;
        let (_, page) = maya.get("/search?q=valuation").await;
        assert_eq!(page["semantic"], false);
        assert!(page["total"].as_i64() > Some(0), "{page}");
        for _ in 0..500 {
            let status: Value =
                app.visitor().request(reqwest::Method::GET, "/readyz").send().await.expect("an answer").json().await.expect("JSON");
            if status["search"]["meaning"] == "missing" {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        panic!("it says so");
    }
);

app_test!(sessions_are_found_by_what_is_said_in_them_by_those_who_may_read_them, |app| {
    let maya = app.sign_up_first().await;
    let team = maya.team("Harbor").await;
    let ines = app.join(&maya, &team, "viewer", "ines@harbor.internal").await;
    let stranger = app.sign_up(&maya, "priya@harbor.example").await;
    let shared = begin(&maya, Some(&team), "Lantern repairs").await;
    let private = begin(&maya, None, "My own lanterns").await;
    say(&maya, &shared, "First of all: good morning.").await;
    let said = say(&maya, &shared, "The frobnicator of the east pier rattles.").await;
    say(&maya, &private, "Buy a new frobnicator.").await;
    let sessions = async |client: &Client, query: &str| -> Vec<Value> {
        let (status, page) = client.get(&format!("/search?kind=session&{query}")).await;
        assert_eq!(status, 200, "{page}");
        page["hits"].as_array().expect("hits").clone()
    };
    let names = async |client: &Client, query: &str| {
        let mut names: Vec<String> = sessions(client, query).await.iter().map(|hit| text(&hit["name"])).collect();
        names.sort();
        names
    };
    assert_eq!(names(&maya, "q=frobnicator").await, ["Lantern repairs", "My own lanterns"]);
    assert_eq!(names(&ines, "q=frobnicator").await, ["Lantern repairs"]);
    assert_eq!(names(&stranger, "q=frobnicator").await, [] as [&str; 0]);
    assert_eq!(names(&maya, &format!("q=frobnicator&team={team}")).await, ["Lantern repairs"]);
    let hit = sessions(&ines, "q=frobnicator&explain=true").await.remove(0);
    assert_eq!((&hit["id"], &hit["place"], &hit["teamId"]), (&json!(shared), &json!("Harbor"), &json!(team)), "{hit}");
    assert_eq!(hit["entry"], said["number"], "{hit}");
    let (_, suggested) = ines.get("/search/suggest?q=lantern").await;
    assert!(suggested.as_array().expect("a list").iter().any(|one| one["id"] == json!(shared) && one["kind"] == "session"), "{suggested}");

    // Edited, deleted, renamed, thrown away and taken back.
    let message = format!("/sessions/{shared}/messages/{}", text(&said["id"]));
    assert_eq!(maya.patch(&message, json!({ "text": "The windlass rattles." })).await.0, 200);
    assert_eq!(names(&ines, "q=frobnicator").await, [] as [&str; 0]);
    assert_eq!(names(&ines, "q=windlass").await, ["Lantern repairs"]);
    assert_eq!(maya.delete(&message).await.0, 204);
    assert_eq!(names(&ines, "q=windlass").await, [] as [&str; 0]);
    assert_eq!(maya.patch(&format!("/sessions/{shared}"), json!({ "title": "Capstan repairs" })).await.0, 200);
    assert_eq!(names(&ines, "q=capstan").await, ["Capstan repairs"]);
    assert_eq!(maya.delete(&format!("/sessions/{shared}")).await.0, 204);
    assert_eq!(names(&ines, "q=capstan").await, [] as [&str; 0]);
    assert_eq!(maya.post(&format!("/sessions/{shared}/undelete"), Value::Null).await.0, 204);
    assert_eq!(names(&ines, "q=capstan").await, ["Capstan repairs"]);
});

app_test!(a_place_narrows_what_is_found_and_changes_no_score, |app| {
    let maya = app.sign_up_first().await;
    let own = volume(&maya, "user").await;
    let team = maya.team("Harbor").await;
    let other = team_volume(&maya, &team).await;
    for (volume, name) in [(&own, "tide-a"), (&other, "tide-b"), (&other, "tide-c")] {
        written(&maya, volume, name, &skill(name, "Of tides.", "", "Tideworks turn with the moon.")).await;
    }
    let scores = async |query: &str| -> Vec<(String, f64)> {
        let (_, page) = maya.get(&format!("/search?q=tideworks%20moon&{query}")).await;
        page["hits"].as_array().expect("hits").iter().map(|hit| (text(&hit["slug"]), hit["score"].as_f64().expect("a score"))).collect()
    };
    let all = scores("").await;
    assert_eq!(all.len(), 3);
    assert_eq!(scores(&format!("volume={own}")).await, all.iter().filter(|(name, _)| name == "tide-a").cloned().collect::<Vec<_>>());
    assert_eq!(scores(&format!("team={team}")).await, all.iter().filter(|(name, _)| name != "tide-a").cloned().collect::<Vec<_>>());
    assert_eq!(maya.get(&format!("/search?q=x&team={team}&volume={own}")).await.0, 400);
});

/// Records for a device, by id.
async fn records(client: &Client, ids: &[String]) -> Vec<Value> {
    let path = format!("/api/v1/search/offline/documents?ids={}", ids.join(","));
    let answer = client.answer(client.request(reqwest::Method::GET, &path)).await;
    assert_eq!((answer.status, answer.header("content-type")), (200, "application/x-ndjson"), "{}", answer.text);
    answer.text.lines().map(|line| serde_json::from_str(line).expect("a record on each line")).collect()
}

/// Ids and states of what a device would be given.
async fn manifest(client: &Client) -> std::collections::BTreeMap<String, String> {
    let (status, manifest) = client.get("/search/offline").await;
    assert_eq!(status, 200, "{manifest}");
    serde_json::from_value(Value::Object(
        manifest["documents"].as_array().expect("documents").iter().map(|pair| (text(&pair[0]), pair[1].clone())).collect(),
    ))
    .expect("ids and states")
}

app_test!(a_device_is_given_what_its_person_may_read_and_told_what_changed, |app| {
    let maya = app.sign_up_first().await;
    let stranger = app.sign_up(&maya, "priya@harbor.example").await;
    let own = volume(&maya, "user").await;
    let words = skill("lamp-keeping", "How the harbor lamps are kept.", "version: 1.2.0\ntags: [night]\n", "Trim the wicks.");
    let id = written(&maya, &own, "lamp-keeping", &words).await;
    let session = begin(&maya, None, "My own lanterns").await;
    say(&maya, &session, "Buy wicks.").await;

    let before = manifest(&maya).await;
    assert!(before.contains_key(&id) && before.contains_key(&session));
    let theirs = manifest(&stranger).await;
    assert!(!theirs.contains_key(&id) && !theirs.contains_key(&session) && !theirs.is_empty(), "the built-in volume is everybody's");
    assert_eq!(records(&stranger, &[id.clone(), session.clone()]).await, Vec::<Value>::new());
    let found = records(&maya, &[id.clone(), session.clone()]).await;
    let of = |id: &str| found.iter().find(|record| record["id"] == id).unwrap_or_else(|| panic!("no {id} in {found:?}"));
    let record = of(&id);
    assert_eq!(
        (&record["name"], &record["version"], &record["tags"], &record["kind"], &record["author"]["name"]),
        (&json!("lamp-keeping"), &json!("1.2.0"), &json!(["night"]), &json!("skill"), &json!("Maya Chen")),
    );
    assert!(text(&record["body"]).contains("Trim the wicks."));
    assert_eq!((&of(&session)["kind"], of(&session)["messages"].as_array().map(Vec::len)), (&json!("session"), Some(1)), "{found:?}");
    assert_eq!(record["state"], json!(before[&id]));

    // A change, a move and the trash: the state tells.
    let (_, detail) = maya.get(&format!("/artifacts/{id}")).await;
    assert_eq!(save(&maya, &id, &words.replace("wicks", "brass"), 0).await.0, 200);
    commit(&maya, &[(&id, detail["head"]["id"].as_str())], "Brass").await;
    let changed = manifest(&maya).await;
    assert_ne!(changed[&id], before[&id]);
    assert_eq!(changed[&session], before[&session]);
    assert_eq!(maya.delete(&format!("/artifacts/{id}")).await.0, 204);
    assert!(!manifest(&maya).await.contains_key(&id));
    assert!(records(&maya, &[id]).await.is_empty());

    // What is asked wrongly, and by whom nobody knows.
    assert_eq!(maya.get("/search/offline/documents?ids=lamp").await.0, 400);
    let many = vec!["00000000-0000-0000-0000-000000000001"; 101].join(",");
    assert_eq!(maya.get(&format!("/search/offline/documents?ids={many}")).await.0, 400);
    assert_eq!(maya.get("/search/offline/model/passwords").await.0, 404);
    let nobody = app.visitor();
    for path in ["/search/offline", "/search/offline/documents?ids=00000000-0000-7000-8000-000000000001", "/search/offline/model/config"] {
        assert_eq!(nobody.get(path).await.0, 401, "{path}");
    }
});
