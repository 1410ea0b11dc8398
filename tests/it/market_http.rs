//! The interface of the marketplace that stays (`/api/marketplace`), request by request: addresses, names of fields, statuses, headers, filters.
//!
//! It is the contract that programs are written against, so the names stand here as they are sent, and not as our types have them.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    app::{Answer, Client, TestApp, text},
    marketplace::{Publisher, ask, looked_at, people, skill, with},
    volumes::volume,
};

const ITEM: [&str; 20] = [
    "id",
    "type",
    "name",
    "description",
    "author",
    "version",
    "downloads",
    "rating",
    "reviews",
    "category",
    "tags",
    "license",
    "content",
    "readme",
    "repository",
    "dependencies",
    "screenshots",
    "createdAt",
    "updatedAt",
    "slug",
];

async fn read(client: &Client, path: &str) -> Answer {
    let answer = ask(client, Method::GET, path, Value::Null).await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.text);
    assert!(answer.header("content-type").starts_with("application/json"), "{path}");
    answer
}

fn slugs(page: &Value) -> Vec<String> {
    page.as_array().unwrap_or_else(|| panic!("a bare array, not {page}")).iter().map(|item| text(&item["slug"])).collect()
}

/// The address that `Link` names as the next page, below `/api/marketplace`.
fn next(answer: &Answer) -> Option<String> {
    let (address, rest) = answer.header("link").strip_prefix('<')?.split_once('>')?;
    assert_eq!(rest, "; rel=\"next\"");
    Some(address.strip_prefix("/api/marketplace").expect("an address of ours").to_owned())
}

/// Approves and signs what was submitted.
async fn go_public(maya: &Client, publisher: &Publisher, made: &Value) {
    let id = text(&made["submission"]["id"]);
    looked_at(maya, made).await;
    let verdict = json!({ "verdict": "approve", "reason": "Fine." });
    assert_eq!(maya.post(&format!("/marketplace/submissions/{id}/review"), verdict).await.0, 200);
    let (status, signed) = publisher.sign(made).await;
    assert_eq!((status, &signed["submission"]["state"]), (200, &json!("public")), "{signed}");
}

struct Stall {
    maya: Client,
    ines: Publisher,
    omar: Publisher,
    tom: Client,
}

/// Five items of two publishers, some of them installed and rated.
async fn stall(app: &TestApp) -> Stall {
    let (maya, ines, tom) = people(app).await;
    let omar = Publisher::new(app.sign_up(&maya, "omar@pier.example").await, 9).await;
    let tool = |mut body: Value| {
        body["type"] = json!("tool");
        body
    };
    ines.publish(&maya, with(skill("lamp-care", "1.0.0", "Trim."), json!({ "repository": "https://git.example.org/lamp" }))).await;
    ines.publish(&maya, with(skill("night-watch", "2.0.0", "Walk."), json!({ "category": "security", "tags": ["pier", "harbor"] }))).await;
    omar.publish(&maya, with(tool(skill("rope-work", "0.1.0", "Splice.")), json!({ "license": "Apache-2.0" }))).await;
    omar.publish(&maya, with(skill("tide-table", "1.0.0", "High at noon."), json!({ "dependencies": ["lamp-care@^1", "night-watch"] })))
        .await;
    let agent = json!({ "type": "agent", "category": "automation", "tags": ["pier"] });
    omar.publish(&maya, with(skill("pilot", "1.0.0", "Steer."), agent)).await;
    let place = volume(&tom, "user").await;
    assert_eq!(tom.post(&format!("/volumes/{place}/lock"), json!({ "install": ["tide-table", "rope-work"] })).await.0, 200);
    assert_eq!(maya.post(&format!("/volumes/{}/lock", volume(&maya, "user").await), json!({ "install": ["rope-work"] })).await.0, 200);
    for (slug, rating) in [("lamp-care", 2), ("rope-work", 5)] {
        let path = format!("/items/{slug}/rate");
        assert_eq!(ask(&tom, Method::POST, &path, json!({ "rating": rating, "review": "It does." })).await.status, 200);
    }
    Stall { maya, ines, omar, tom }
}

app_test!(lists_are_bare_arrays_that_filters_and_orders_narrow, |app| {
    let stall = stall(app).await;
    let visitor = app.visitor();
    let ines = &stall.ines.client.id;
    for (filter, expected) in [
        ("type=tool", vec!["rope-work"]),
        ("type=skill,agent&sortBy=recent", vec!["pilot", "tide-table", "night-watch", "lamp-care"]),
        ("category=security", vec!["night-watch"]),
        ("category=security,automation&sortBy=recent", vec!["pilot", "night-watch"]),
        ("tags=pier&sortBy=recent", vec!["pilot", "night-watch"]),
        ("tags=pier,harbor", vec!["night-watch"]),
        ("minRating=2&sortBy=rating", vec!["rope-work", "lamp-care"]),
        ("minRating=4.5", vec!["rope-work"]),
        (&format!("author={ines}&sortBy=recent"), vec!["night-watch", "lamp-care"]),
        ("sortBy=popular&limit=1", vec!["rope-work"]),
        ("sortBy=recent&limit=2", vec!["pilot", "tide-table"]),
        ("sortBy=recent&limit=2&offset=3", vec!["night-watch", "lamp-care"]),
        ("sortBy=rating&limit=2", vec!["rope-work", "lamp-care"]),
        ("category=design", vec![]),
        ("offset=5", vec![]),
    ] {
        let page = read(&visitor, &format!("/browse?{filter}")).await;
        assert_eq!(slugs(&page.json()), expected, "{filter}");
    }
    // The whole of it: all, in pages, with its number and the next one.
    let mut page = read(&visitor, "/browse?limit=2&sortBy=recent").await;
    let mut all = slugs(&page.json());
    while let Some(address) = next(&page) {
        page = read(&visitor, &address).await;
        assert_eq!(page.header("x-total-count"), "5");
        all.extend(slugs(&page.json()));
    }
    assert_eq!(all, ["pilot", "tide-table", "rope-work", "night-watch", "lamp-care"]);
    let page = read(&visitor, "/browse").await;
    assert_eq!((page.header("x-total-count"), page.header("link")), ("5", ""));
    for item in page.json().as_array().into_iter().flatten() {
        for key in ITEM.iter().filter(|key| !matches!(**key, "content" | "readme" | "repository" | "dependencies" | "screenshots")) {
            assert!(!item[key].is_null(), "{key}: {item}");
        }
    }
    // A count of downloads is of who is known, once for each day.
    let id = text(&read(&visitor, "/items/pilot").await.json()["id"]);
    let (_, item) = stall.tom.get("/marketplace/listings/pilot").await;
    let archive = format!("/api/v1/marketplace/submissions/{}/archive", text(&item["versions"][0]["id"]));
    for client in [&visitor, &stall.tom, &stall.tom] {
        assert_eq!(client.answer(client.request(Method::GET, &archive)).await.status, 200);
    }
    let page = read(&visitor, "/browse?sortBy=downloads&limit=1").await.json();
    assert_eq!((&page[0]["id"], &page[0]["downloads"]), (&json!(id), &json!(1)), "{page}");

    let found = read(&visitor, "/search?q=splicing&type=tool").await;
    assert_eq!((slugs(&found.json()), found.header("x-total-count")), (vec!["rope-work".to_owned()], "1"));
    assert!(slugs(&read(&visitor, "/search?q=steer&type=tool").await.json()).iter().all(|slug| slug == "rope-work"), "filters hold");
    assert_eq!(slugs(&read(&visitor, "/search?q=harbor&sortBy=recent&limit=1").await.json()).len(), 1);
    let facets = read(&visitor, "/facets?type=skill").await.json();
    let counts = |group: &str| -> Vec<(String, i64)> {
        let values = facets[group].as_array().unwrap_or_else(|| panic!("{group} in {facets}"));
        values.iter().map(|count| (text(&count["value"]), count["count"].as_i64().unwrap_or_default())).collect()
    };
    assert_eq!(counts("kinds"), [("skill".to_owned(), 3), ("tool".to_owned(), 1), ("agent".to_owned(), 1)], "as if no type were chosen");
    assert_eq!(counts("categories"), [("legal".to_owned(), 2), ("security".to_owned(), 1)]);
    assert_eq!(counts("tags"), [("harbor".to_owned(), 3), ("pier".to_owned(), 1)]);
    for wrong in [
        "type=boat",
        "category=boats",
        "minRating=0",
        "minRating=6",
        "minRating=x",
        "sortBy=colour",
        "limit=-1",
        "limit=x",
        "offset=-1",
        "cursor=x",
        "nothing=1",
    ] {
        for path in ["/browse", "/facets"] {
            let answer = ask(&visitor, Method::GET, &format!("{path}?{wrong}"), Value::Null).await;
            assert_eq!((answer.status, &answer.json()["code"]), (400, &json!("invalid_input")), "{path}?{wrong}: {}", answer.text);
        }
    }
    for path in ["/search", "/search?q=", "/search?q=%20"] {
        assert_eq!(ask(&visitor, Method::GET, path, Value::Null).await.status, 400, "{path}");
    }
});

app_test!(an_item_has_the_fields_that_were_agreed, |app| {
    let stall = stall(app).await;
    let visitor = app.visitor();
    let item = read(&visitor, "/items/lamp-care").await.json();
    for key in ITEM.iter().filter(|key| !matches!(**key, "dependencies" | "screenshots")) {
        assert!(!item[key].is_null(), "{key}: {item}");
    }
    assert_eq!(item["author"]["id"], stall.ines.client.id);
    assert_eq!(item["author"]["name"], "ines");
    assert_eq!((&item["type"], &item["version"], &item["license"]), (&json!("skill"), &json!("1.0.0"), &json!("MIT")));
    assert_eq!((&item["rating"], &item["reviews"], &item["category"]), (&json!(2.0), &json!(1), &json!("legal")));
    assert_eq!((&item["tags"], &item["repository"]), (&json!(["harbor"]), &json!("https://git.example.org/lamp")));
    assert!(text(&item["content"]).starts_with("---\nname: lamp-care\n"), "the file as it is");
    assert!(text(&item["readme"]).starts_with("# lamp-care"), "without its frontmatter");
    for key in ["createdAt", "updatedAt"] {
        assert!(text(&item[key]).ends_with('Z') && text(&item[key]).contains('T'), "RFC 3339: {item}");
    }
    assert_eq!(read(&visitor, "/items/tide-table").await.json()["dependencies"], json!(["lamp-care@^1", "night-watch"]));
    let by_id = read(&visitor, &format!("/items/{}", text(&item["id"]))).await.json();
    assert_eq!(by_id, item, "by its id as by its slug");
    for unknown in ["nothing", "0192a000-0000-7000-8000-0000000000aa", "LAMP-CARE", "..%2Flamp-care"] {
        let answer = ask(&visitor, Method::GET, &format!("/items/{unknown}"), Value::Null).await;
        assert_eq!((answer.status, &answer.json()["code"]), (404, &json!("not_found")), "{unknown}");
    }
    let stats = read(&visitor, "/stats").await.json();
    assert_eq!((&stats["totalItems"], &stats["totalDownloads"]), (&json!(5), &json!(0)), "{stats}");
    assert_eq!(stats["categories"][0], json!({ "name": "legal", "count": 3 }), "{stats}");
    let authors = stats["topAuthors"].as_array().expect("a list");
    assert_eq!((&authors[0], &authors[1]), (&json!({ "name": "omar", "items": 3 }), &json!({ "name": "ines", "items": 2 })), "{stats}");
});

app_test!(what_is_sent_without_a_version_is_the_next_patch, |app| {
    let stall = stall(app).await;
    let publisher = app.client_with_token(&stall.ines.client, &["publish"]).await;
    let body = |slug: &str| {
        let mut body = skill(slug, "", "Words.");
        body.as_object_mut().expect("an object").remove("version");
        body
    };
    let publish = async |body: Value| ask(&publisher, Method::POST, "/publish", body).await;
    let first = publish(body("buoy-log")).await;
    assert_eq!((first.status, &first.json()["submission"]["version"]), (201, &json!("1.0.0")), "{}", first.text);
    assert_eq!((&first.json()["submission"]["state"], &first.json()["submission"]["signed"]), (&json!("review"), &json!(false)));
    assert_eq!(ask(&app.visitor(), Method::GET, "/items/buoy-log", Value::Null).await.status, 404, "nobody sees it before it is signed");
    go_public(&stall.maya, &stall.ines, &first.json()).await;
    let second = publish(with(body("buoy-log"), json!({ "changelog": "More words." }))).await;
    assert_eq!((second.status, &second.json()["submission"]["version"]), (201, &json!("1.0.1")), "{}", second.text);
    // One that waits counts as well.
    assert_eq!(publish(body("buoy-log")).await.json()["submission"]["version"], "1.0.2");
    assert_eq!(publish(with(body("buoy-log"), json!({ "version": "2.1.0-rc.1" }))).await.status, 201);
    assert_eq!(publish(body("buoy-log")).await.json()["submission"]["version"], "2.1.0", "what a pre-release leads to");
    // The slug is made from the name; a whole folder goes along.
    let mut named = body("x");
    named.as_object_mut().expect("an object").remove("slug");
    named["name"] = json!("Harbor Dues 2026");
    named["files"] = json!([{ "path": "scripts/dues.py", "content": BASE64_STANDARD.encode("print(1)\n") }]);
    let made = publish(named).await.json();
    assert_eq!((&made["submission"]["slug"], made["changes"].as_array().map(Vec::len)), (&json!("harbor-dues-2026"), Some(2)), "{made}");
    for (who, status) in
        [(&app.visitor(), 401), (&app.client_with_token(&stall.ines.client, &["read", "write"]).await, 403), (&stall.omar.client, 403)]
    {
        assert_eq!(ask(who, Method::POST, "/publish", body("buoy-log")).await.status, status);
    }
    assert_eq!(publish(json!({})).await.status, 400);
    let mine = ask(&app.client_with_token(&stall.ines.client, &["read"]).await, Method::GET, "/my-items", Value::Null).await.json();
    let own: Vec<String> = slugs(&mine);
    assert!(
        own.contains(&"lamp-care".to_owned()) && own.contains(&"harbor-dues-2026".to_owned()) && !own.contains(&"pilot".to_owned()),
        "{own:?}"
    );
});

app_test!(what_is_signed_before_it_is_sent_is_public_once_it_is_approved, |app| {
    let (maya, ines, _) = people(app).await;
    assert_eq!(ines.client.post("/marketplace/listings", json!({ "slug": "lamp-care" })).await.0, 201);
    // What a program makes by itself: the statement of a release that nobody has yet.
    let draft = ines.submit(skill("lamp-care", "1.0.0", "Trim.")).await;
    let address = format!("/marketplace/submissions/{}", text(&draft["submission"]["id"]));
    let (_, draft) = ines.client.get(&address).await;
    assert_eq!(ines.client.delete(&address).await.0, 204);
    let mut signature = ines.signature(&draft);
    signature["payload"] = draft["payload"].clone();
    let signed = |body: Value, signature: &Value| with(body, json!({ "signature": signature }));
    let publish = async |body: Value| ask(&ines.client, Method::POST, "/publish", body).await;

    let forged = with(signature.clone(), json!({ "signature": BASE64_STANDARD.encode([7; 64]) }));
    let nameless = with(signature.clone(), json!({ "keyId": "0123456789abcdef" }));
    for (body, says) in [
        (signed(skill("lamp-care", "1.0.0", "Other words."), &signature), "digest"),
        (signed(skill("lamp-care", "1.0.1", "Trim."), &signature), "version"),
        (signed(skill("buoy-log", "1.0.0", "Trim."), &signature), "item"),
        (signed(skill("lamp-care", "1.0.0", "Trim."), &forged), "not of this release"),
        (signed(skill("lamp-care", "1.0.0", "Trim."), &nameless), "none of your publishing keys"),
        (signed(skill("lamp-care", "1.0.0", "Trim."), &with(signature.clone(), json!({ "payload": "e30=" }))), "no statement"),
    ] {
        let refused = publish(body).await;
        assert_eq!(refused.status, 400, "{says}: {}", refused.text);
        assert!(refused.text.contains(says), "{says}: {}", refused.text);
    }
    assert_eq!(ines.client.get("/marketplace/mine").await.1, json!([]), "nothing half-done");

    let made = publish(signed(skill("lamp-care", "1.0.0", "Trim."), &signature)).await;
    assert_eq!((made.status, &made.json()["submission"]["signed"]), (201, &json!(true)), "{}", made.text);
    let made = made.json();
    looked_at(&maya, &made).await;
    let address = format!("/marketplace/submissions/{}/review", text(&made["submission"]["id"]));
    let (_, approved) = maya.post(&address, json!({ "verdict": "approve", "reason": "Fine." })).await;
    assert_eq!(approved["submission"]["state"], "public", "{approved}");
});

app_test!(items_are_installed_rated_and_kept_up_to_date, |app| {
    let stall = stall(app).await;
    let tom = app.client_with_token(&stall.tom, &["read", "write"]).await;
    let install = async |body: Value| ask(&tom, Method::POST, "/install", body).await;
    let id = text(&read(&tom, "/items/pilot").await.json()["id"]);
    let made = install(json!({ "itemId": id, "volumeType": "user" })).await;
    assert_eq!((made.status, &made.json()["slug"], &made.json()["version"]), (201, &json!("pilot"), &json!("1.0.0")), "{}", made.text);
    let team = stall.tom.team("Pier").await;
    let volumes = stall.tom.get("/volumes").await.1;
    let of_team =
        volumes.as_array().into_iter().flatten().find(|volume| volume["team"] == team.as_str()).expect("it has one")["id"].clone();
    let made = install(json!({ "itemId": "lamp-care", "volumeType": "team", "volumeId": of_team, "version": "1.0.0" })).await;
    assert_eq!((made.status, &made.json()["version"]), (201, &json!("1.0.0")), "{}", made.text);
    for (body, status) in [
        (json!({ "itemId": "nothing", "volumeType": "user" }), 404),
        (json!({ "itemId": "lamp-care", "volumeType": "user", "version": "9.0.0" }), 409),
        (json!({ "itemId": "lamp-care", "volumeType": "user", "version": "one" }), 400),
        (json!({ "itemId": "lamp-care", "volumeType": "system" }), 400),
        (json!({ "itemId": "lamp-care", "volumeType": "boat" }), 400),
        (json!({ "volumeType": "user" }), 400),
        (json!({ "itemId": "lamp-care", "volumeType": "user", "volumeId": "0192a000-0000-7000-8000-0000000000aa" }), 404),
    ] {
        let answer = install(body.clone()).await;
        assert_eq!(answer.status, status, "{body}: {}", answer.text);
        assert!(!text(&answer.json()["message"]).is_empty(), "{body}");
    }
    assert_eq!(
        slugs(&read(&tom, "/installed").await.json()),
        ["lamp-care", "lamp-care", "night-watch", "pilot", "rope-work", "tide-table"]
    );
    assert_eq!(read(&tom, "/check-updates").await.json(), json!([]));
    stall.omar.publish(&stall.maya, with(skill("pilot", "1.1.0", "Steer well."), json!({ "type": "agent" }))).await;
    let offers = json!([{ "itemId": "pilot", "currentVersion": "1.0.0", "latestVersion": "1.1.0" }]);
    assert_eq!(read(&tom, "/check-updates").await.json(), offers);

    let rate = async |who: &Client, slug: &str, body: Value| ask(who, Method::POST, &format!("/items/{slug}/rate"), body).await;
    let rated = rate(&tom, &id, json!({ "rating": 4, "review": "<img src=x onerror=alert(1)>" })).await;
    assert_eq!((rated.status, &rated.json()["rating"]), (200, &json!(4)), "by id: {}", rated.text);
    assert_eq!(rate(&tom, "pilot", json!({ "rating": 3 })).await.status, 200, "without words, and once more");
    let item = read(&tom, "/items/pilot").await.json();
    assert_eq!((&item["rating"], &item["reviews"]), (&json!(3.0), &json!(1)), "one each: {item}");
    for (who, slug, body, status) in [
        (&tom, "pilot", json!({ "rating": 0 }), 400),
        (&tom, "pilot", json!({ "rating": 6 }), 400),
        (&tom, "pilot", json!({ "rating": 4.5 }), 400),
        (&tom, "pilot", json!({ "review": "no stars" }), 400),
        (&tom, "pilot", json!({ "rating": 4, "review": "x".repeat(4_001) }), 400),
        (&tom, "nothing", json!({ "rating": 4 }), 404),
        (&stall.ines.client, "pilot", json!({ "rating": 4 }), 403),
        (&stall.omar.client, "pilot", json!({ "rating": 5 }), 403),
    ] {
        let answer = rate(who, slug, body.clone()).await;
        assert_eq!(answer.status, status, "{slug} {body}: {}", answer.text);
    }
    // Who is not signed in reads, and does nothing else.
    let visitor = app.visitor();
    for path in ["/browse", "/search?q=lamp", "/facets", "/items/pilot", "/stats"] {
        read(&visitor, path).await;
    }
    for path in ["/my-items", "/installed", "/check-updates"] {
        assert_eq!(ask(&visitor, Method::GET, path, Value::Null).await.status, 401, "{path}");
    }
    for (path, body) in [
        ("/install", json!({ "itemId": "pilot", "volumeType": "user" })),
        ("/items/pilot/rate", json!({ "rating": 5 })),
        ("/publish", json!({})),
    ] {
        assert_eq!(ask(&visitor, Method::POST, path, body).await.status, 401, "{path}");
    }
    let reader = app.client_with_token(&stall.tom, &["read"]).await;
    assert_eq!(ask(&reader, Method::POST, "/install", json!({ "itemId": "pilot", "volumeType": "user" })).await.status, 403);
    assert_eq!(ask(&visitor, Method::PUT, "/install", Value::Null).await.status, 405);
    assert_eq!(ask(&visitor, Method::GET, "/nothing", Value::Null).await.status, 404);
});

app_test!(
    a_server_of_its_own_people_shows_nothing_to_others,
    |config| {
        config.market_public = false;
    },
    |app| {
        let (maya, ines, _) = people(app).await;
        ines.publish(&maya, skill("lamp-care", "1.0.0", "Trim.")).await;
        let visitor = app.visitor();
        for path in ["/browse", "/search?q=lamp", "/facets", "/items/lamp-care", "/stats"] {
            assert_eq!(ask(&visitor, Method::GET, path, Value::Null).await.status, 401, "{path}");
            read(&maya, path).await;
        }
        for path in ["/marketplace", "/marketplace/lamp-care", "/marketplace/record"] {
            let answer = visitor.answer(visitor.request(Method::GET, path)).await;
            let to = format!("/login?next={}", path.replace('/', "%2F"));
            assert_eq!((answer.status, answer.header("location")), (303, to.as_str()), "{path}");
        }
        assert_eq!(visitor.get("/instance").await.1["marketPublic"], Value::Null);
    }
);
