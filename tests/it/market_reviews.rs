//! What is said of an item, what it looks like, what is in it and what is like it; and what is refused.

use std::io::Cursor;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use image::{DynamicImage, ImageFormat, Rgb, RgbImage};
use reqwest::{Method, multipart};
use serde_json::{Value, json};

use crate::{
    app::{Answer, Client, TestApp, text},
    marketplace::{Publisher, change, people, skill, stable, with},
    notifications::{list, unread},
    sessions::{begin, say},
    volumes::volume,
};

const ITEM: &str = "/marketplace/listings/lamp-care";

async fn rate(client: &Client, rating: i64, words: &str) -> (u16, Value) {
    client.json(Method::PUT, &format!("{ITEM}/review"), json!({ "rating": rating, "review": words })).await
}

/// Installs an item into one's own volume, and gives the artifact that it became.
async fn install(client: &Client, slug: &str) -> String {
    let own = volume(client, "user").await;
    let (status, lock) = change(client, &own, json!({ "install": [slug] })).await;
    assert_eq!(status, 200, "{lock}");
    let rows = lock["installations"].as_array().expect("rows");
    text(&rows.iter().find(|row| row["slug"] == slug).expect("it is there")["artifactId"])
}

async fn item(client: &Client) -> Value {
    let (status, item) = client.get(ITEM).await;
    assert_eq!(status, 200, "{item}");
    item
}

/// Mean, number of ratings, and how many there are of each.
fn figures(item: &Value) -> (Value, Value, Value) {
    (item["card"]["rating"].clone(), item["card"]["ratings"].clone(), item["histogram"].clone())
}

fn texts(page: &Value) -> Vec<String> {
    page["items"].as_array().expect("a list").iter().map(|review| text(&review["text"])).collect()
}

/// The first account, a publisher with a listing, and somebody who has it installed.
async fn listed(app: &TestApp) -> (Client, Publisher, Client) {
    let (maya, ines, tom) = people(app).await;
    ines.publish(&maya, skill("lamp-care", "1.0.0", "Trim the wicks.")).await;
    install(&tom, "lamp-care").await;
    (maya, ines, tom)
}

app_test!(a_review_is_answered_by_the_publisher_and_by_nobody_else, |app| {
    let (_, ines, tom) = listed(app).await;
    for rating in [0, 6, -1] {
        let (status, refused) = rate(&tom, rating, "").await;
        assert_eq!((status, &refused["fields"]["rating"]), (400, &json!("A rating is from 1 to 5.")), "{refused}");
    }
    assert_eq!(rate(&tom, 4, &"x".repeat(4_001)).await.0, 400);
    assert_eq!(rate(&tom, 4, "Bright, <script>alert(1)</script><img src=x onerror=alert(1)> mostly.").await.0, 200);

    // What is HTML in it stands on the page as words.
    let page = ines.client.answer(ines.client.request(Method::GET, "/marketplace/lamp-care")).await;
    assert_eq!(page.status, 200);
    assert!(page.text.contains("Bright, &lt;script"), "it stands there as it was written");
    assert!(!page.text.contains("<script>alert(1)") && !page.text.contains("<img src=x"), "and is no markup");

    let answer = format!("{ITEM}/reviews/{}/reply", tom.id);
    let (status, refused) = tom.json(Method::PUT, &answer, json!({ "text": "I agree with myself." })).await;
    assert_eq!(status, 403, "{refused}");
    assert_eq!(app.visitor().json(Method::PUT, &answer, json!({ "text": "Hello." })).await.0, 401);
    let reader = app.client_with_token(&ines.client, &["read", "write"]).await;
    assert_eq!(reader.json(Method::PUT, &answer, json!({ "text": "Hello." })).await.0, 403, "a token needs the scope");
    let nobody = format!("{ITEM}/reviews/{}/reply", ines.client.id);
    assert_eq!(ines.client.json(Method::PUT, &nobody, json!({ "text": "Hello." })).await.0, 404, "there is no such review");
    assert_eq!(ines.client.json(Method::PUT, &answer, json!({ "text": "x".repeat(2_001) })).await.0, 400);

    let (status, answered) = ines.client.json(Method::PUT, &answer, json!({ "text": "Thank you." })).await;
    assert_eq!((status, &answered["reply"]), (200, &json!("Thank you.")), "{answered}");
    assert_eq!(unread(&tom).await, 1);
    let told = list(&tom).await;
    assert_eq!((&told[0]["kind"], &told[0]["excerpt"]), (&json!("reply"), &json!("Thank you.")), "{told:?}");
    // Another answer in its place is told no second time.
    ines.client.json(Method::PUT, &answer, json!({ "text": "Thank you, Tom." })).await;
    let told = list(&tom).await;
    assert_eq!((told.len(), &told[0]["excerpt"]), (1, &json!("Thank you, Tom.")), "{told:?}");
    assert_eq!(item(&app.visitor()).await["reviews"][0]["reply"], "Thank you, Tom.");
    let (_, taken) = ines.client.json(Method::PUT, &answer, json!({ "text": "" })).await;
    assert_eq!((&taken["reply"], &taken["repliedAt"]), (&json!(""), &Value::Null), "{taken}");
    assert_eq!(unread(&tom).await, 0);
});

app_test!(what_a_moderator_hides_counts_nowhere, |app| {
    let (maya, ines, tom) = listed(app).await;
    let omar = app.sign_up(&maya, "omar@pier.example").await;
    install(&omar, "lamp-care").await;
    assert_eq!(rate(&tom, 1, "Buy mine at lamps.example instead.").await.0, 200);
    assert_eq!(rate(&omar, 5, "Bright.").await.0, 200);
    let before = figures(&item(&tom).await);
    assert_eq!(before, (json!(3.0), json!(2), json!([1, 0, 0, 0, 1])));

    let hidden = format!("{ITEM}/reviews/{}/hidden", tom.id);
    for other in [&tom, &omar, &ines.client] {
        assert_eq!(other.json(Method::PUT, &hidden, json!({ "reason": "I do not like it." })).await.0, 403);
    }
    assert_eq!(maya.json(Method::PUT, &hidden, json!({ "reason": " " })).await.0, 400, "say why");
    let (status, review) = maya.json(Method::PUT, &hidden, json!({ "reason": "Advertising." })).await;
    assert_eq!((status, &review["hidden"]), (200, &json!("Advertising.")), "{review}");

    // In no figure, in no list, for nobody but moderators and whoever wrote it.
    let counted = (json!(5.0), json!(1), json!([0, 0, 0, 0, 1]));
    for client in [&app.visitor(), &omar, &ines.client] {
        let seen = item(client).await;
        assert_eq!((figures(&seen), texts(&json!({ "items": seen["reviews"] }))), (counted.clone(), vec!["Bright.".to_owned()]), "{seen}");
        assert_eq!(texts(&client.get(&format!("{ITEM}/reviews")).await.1), ["Bright."]);
    }
    let own = item(&tom).await;
    assert_eq!((figures(&own), &own["ownReview"]["hidden"]), (counted.clone(), &json!("Advertising.")), "{own}");
    let (_, page) = app.visitor().get("/marketplace/listings?minRating=4").await;
    assert_eq!((&page["total"], &page["items"][0]["ratings"]), (&json!(1), &json!(1)), "{page}");
    let (_, program) = stable(&app.visitor(), Method::GET, "/items/lamp-care", Value::Null).await;
    assert_eq!((&program["rating"], &program["reviews"]), (&json!(5.0), &json!(1)));
    assert_eq!(texts(&maya.get(&format!("{ITEM}/reviews?sort=lowest")).await.1), ["Buy mine at lamps.example instead.", "Bright."]);
    assert_eq!(item(&maya).await["moderates"], true);
    assert_eq!(ines.client.json(Method::PUT, &format!("{ITEM}/reviews/{}/reply", tom.id), json!({ "text": "No." })).await.0, 404);

    // Neither other words nor taking it back and writing it anew shows it again.
    assert_eq!(rate(&tom, 1, "Buy mine!").await.0, 200);
    assert_eq!(tom.delete(&format!("{ITEM}/review")).await.0, 204);
    assert_eq!(item(&tom).await["ownReview"]["text"], "");
    assert_eq!(rate(&tom, 1, "Buy mine!!").await.0, 200);
    assert_eq!(figures(&item(&tom).await), counted);
    let (status, review) = maya.delete(&hidden).await;
    assert_eq!((status, &review["hidden"]), (200, &json!("")), "{review}");
    assert_eq!(figures(&item(&app.visitor()).await), before);

    let events: Vec<(String, String, String, String)> =
        sqlx::query_as("SELECT slug, action, detail, actor_name FROM marketplace_events WHERE action LIKE 'review.%' ORDER BY id")
            .fetch_all(app.state.db.read())
            .await
            .expect("the record is read");
    let line = |action: &str, detail: &str| ("lamp-care".to_owned(), action.to_owned(), detail.to_owned(), "Maya Chen".to_owned());
    assert_eq!(events, [line("review.hidden", "Advertising."), line("review.shown", "")]);
});

app_test!(a_publisher_who_moderates_leaves_reviews_to_another_moderator, |app| {
    let (maya, ines, tom) = listed(app).await;
    assert_eq!(rate(&tom, 1, "Dim.").await.0, 200);
    assert_eq!(maya.patch(&format!("/admin/users/{}", ines.client.id), json!({ "moderator": true })).await.0, 200);
    let (status, refused) =
        ines.client.json(Method::PUT, &format!("{ITEM}/reviews/{}/hidden", tom.id), json!({ "reason": "It is not nice." })).await;
    assert_eq!(status, 403, "{refused}");
    assert_eq!(figures(&item(&tom).await).1, json!(1));
});

app_test!(reviews_are_read_page_by_page_in_any_order_and_taken_back, |app| {
    let (maya, _, tom) = listed(app).await;
    let mut reviewers = vec![tom];
    for name in ["a", "b", "c", "d"] {
        let client = app.sign_up(&maya, &format!("{name}@pier.example")).await;
        install(&client, "lamp-care").await;
        reviewers.push(client);
    }
    for (client, rating) in reviewers.iter().zip([3, 5, 1, 5, 4]) {
        assert_eq!(rate(client, rating, &format!("{rating} from {}", client.id)).await.0, 200);
    }
    let visitor = app.visitor();
    let walk = async |query: &str| {
        let mut found = Vec::new();
        let mut cursor = String::new();
        loop {
            let (status, page) = visitor.get(&format!("{ITEM}/reviews?limit=2&{query}{cursor}")).await;
            assert_eq!(status, 200, "{page}");
            found.extend(page["items"].as_array().expect("a list").iter().map(|review| review["rating"].as_i64().unwrap_or_default()));
            match page["next"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return found,
            }
        }
    };
    assert_eq!(walk("sort=newest").await, [4, 5, 1, 5, 3]);
    assert_eq!(walk("sort=highest").await, [5, 5, 4, 3, 1]);
    assert_eq!(walk("sort=lowest").await, [1, 3, 4, 5, 5]);
    assert_eq!(walk("rating=5").await, [5, 5]);
    for bad in ["sort=helpful", "rating=0", "cursor=x", "cursor=1.2.3", "page=2"] {
        assert_eq!(visitor.get(&format!("{ITEM}/reviews?{bad}")).await.0, 400, "{bad}");
    }
    assert_eq!(visitor.get("/marketplace/listings/nothing/reviews").await.0, 404);

    let gone = &reviewers[2];
    assert_eq!(visitor.delete(&format!("{ITEM}/review")).await.0, 401);
    for _ in 0..2 {
        assert_eq!(gone.delete(&format!("{ITEM}/review")).await.0, 204);
    }
    let seen = item(gone).await;
    assert_eq!((&seen["ownReview"], &seen["histogram"]), (&Value::Null, &json!([0, 0, 1, 1, 2])), "{seen}");
    assert_eq!((&seen["card"]["rating"], &seen["mayRate"]), (&json!(4.25), &json!(true)));
});

app_test!(an_account_reviews_so_often_in_an_hour, |app| {
    let (_, _, tom) = listed(app).await;
    // What is refused for another reason does not count.
    assert_eq!(rate(&tom, 9, "").await.0, 400);
    let mut answers = Vec::new();
    for number in 0..22 {
        let answer = tom.answer(
            tom.request(Method::PUT, &format!("/api/v1{ITEM}/review"))
                .json(&json!({ "rating": 1 + number % 5, "review": number.to_string() })),
        );
        answers.push(answer.await);
    }
    assert!(answers[..20].iter().all(|answer| answer.status == 200), "{:?}", answers[19]);
    let refused = answers.last().expect("answers");
    assert_eq!((refused.status, &refused.json()["code"]), (429, &json!("too_many_requests")), "{refused:?}");
    assert!(refused.header("retry-after").parse::<u32>().is_ok_and(|seconds| (1..=181).contains(&seconds)), "{refused:?}");
    assert!(text(&refused.json()["message"]).starts_with("Too many tries. Wait"), "{refused:?}");
    assert_eq!(item(&tom).await["ownReview"]["text"], "19");
});

app_test!(whoever_named_it_in_a_session_has_used_it, |app| {
    let (maya, ines, tom) = listed(app).await;
    let omar = app.sign_up(&maya, "omar@pier.example").await;
    let artifact = install(&omar, "lamp-care").await;
    let used = async |client: &Client| item(client).await["ownReview"]["used"].clone();

    // The rating first, the session later.
    rate(&tom, 4, "Bright.").await;
    assert_eq!(used(&tom).await, false);
    let session = begin(&tom, None, "Night watch").await;
    say(&tom, &session, "`@lamp-care` in code names nothing, and @nothing neither.").await;
    assert_eq!(used(&tom).await, false);
    let entry = say(&tom, &session, "What does it say of the wicks?").await;
    assert_eq!(used(&tom).await, false);
    let edited =
        tom.patch(&format!("/sessions/{session}/messages/{}", text(&entry["id"])), json!({ "text": "What does @lamp-care say?" })).await;
    assert_eq!(edited.0, 200, "{}", edited.1);
    assert_eq!(used(&tom).await, true);

    // The session first, by the link that a message is stored with.
    let session = begin(&omar, None, "Day watch").await;
    say(&omar, &session, &format!("[@lamp-care](/artifacts/{artifact}) it is")).await;
    let (_, review) = rate(&omar, 5, "Very.").await;
    assert_eq!(review["used"], true, "{review}");
    // It stays so with other words.
    let (_, review) = rate(&omar, 4, "Rather.").await;
    assert_eq!(review["used"], true, "{review}");

    // An artifact of the same name that was not installed is none.
    let eve = app.sign_up(&maya, "eve@pier.example").await;
    let own = volume(&eve, "user").await;
    install(&eve, "lamp-care").await;
    rate(&eve, 3, "").await;
    assert_eq!(change(&eve, &own, json!({ "uninstall": ["lamp-care"] })).await.0, 200);
    crate::volumes::committed(&eve, &own, "lamp care").await;
    let session = begin(&eve, None, "Watch").await;
    let entry = say(&eve, &session, "@lamp-care").await;
    assert_eq!(entry["artifacts"][0]["slug"], "lamp-care", "{entry}");
    assert_eq!(used(&eve).await, false);
    drop(ines);
});

fn picture(width: u32, height: u32, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    let shade = [(width % 256) as u8, (height % 256) as u8, 90];
    DynamicImage::ImageRgb8(RgbImage::from_pixel(width, height, Rgb(shade))).write_to(&mut bytes, format).expect("encodes");
    bytes.into_inner()
}

async fn upload(client: &Client, alt: &str, kind: &str, body: Vec<u8>) -> Answer {
    let address = format!("/api/v1{ITEM}/screenshots?alt={}", llmos_lite::browser::data::encode(alt));
    client.answer(client.request(Method::POST, &address).header("content-type", kind).body(body)).await
}

app_test!(an_item_has_pictures_that_are_encoded_anew, |app| {
    let (maya, ines, tom) = listed(app).await;
    // JPEG with a place in it.
    let mut photo = picture(2_000, 1_000, ImageFormat::Jpeg);
    photo.splice(2..2, *b"\xff\xe1\x00\x11Exif\0\0GPS 52.51");
    let made = upload(&ines.client, "  The lamp at\nnight ", "image/jpeg", photo).await;
    assert_eq!(made.status, 201, "{made:?}");
    let first = made.json();
    assert_eq!((&first["alt"], &first["width"], &first["height"]), (&json!("The lamp at night"), &json!(1_600), &json!(800)), "{first}");
    let form = multipart::Form::new()
        .text("paths", "[\"a.png\"]")
        .part("file", multipart::Part::bytes(picture(30, 20, ImageFormat::Png)).file_name("a.png"));
    let made =
        ines.client.answer(ines.client.request(Method::POST, &format!("/api/v1{ITEM}/screenshots?alt=The+wick")).multipart(form)).await;
    assert_eq!(made.status, 201, "{made:?}");
    let second = made.json();

    // For everybody who may read the catalogue, for ever.
    let visitor = app.visitor();
    let seen = visitor.request(Method::GET, &text(&first["url"])).send().await.expect("an answer");
    let header = |name: &str| seen.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    assert_eq!(
        (seen.status().as_u16(), header("content-type"), header("x-content-type-options")),
        (200, "image/jpeg".to_owned(), "nosniff".to_owned())
    );
    assert!(header("cache-control").contains("immutable"));
    let bytes = seen.bytes().await.expect("bytes");
    assert!(!bytes.windows(3).any(|three| three == b"GPS"), "what was hidden in it is gone");
    assert_eq!(image::load_from_memory(&bytes).map(|picture| (picture.width(), picture.height())).ok(), Some((1_600, 800)));
    let urls = |item: &Value| item["screenshots"].as_array().expect("pictures").iter().map(|one| text(&one["alt"])).collect::<Vec<_>>();
    assert_eq!(urls(&item(&visitor).await), ["The lamp at night", "The wick"]);
    let (_, program) = stable(&visitor, Method::GET, "/items/lamp-care", Value::Null).await;
    assert_eq!(program["screenshots"], json!([first["url"], second["url"]]));

    // In another order, with other words; all of them or nothing.
    let ids = |list: &[(&Value, &str)]| json!({ "screenshots": list.iter().map(|(one, alt)| json!({ "id": one["id"], "alt": alt })).collect::<Vec<_>>() });
    let arrange = |body: Value| ines.client.json(Method::PUT, "/marketplace/listings/lamp-care/screenshots", body);
    let (status, arranged) = arrange(ids(&[(&second, "A wick"), (&first, "A lamp")])).await;
    assert_eq!((status, &arranged[0]["alt"]), (200, &json!("A wick")), "{arranged}");
    assert_eq!(urls(&item(&visitor).await), ["A wick", "A lamp"]);
    assert_eq!(arrange(ids(&[(&second, "A wick")])).await.0, 409);
    assert_eq!(arrange(ids(&[(&second, "A wick"), (&second, "A wick")])).await.0, 409);
    assert_eq!(arrange(ids(&[(&second, "A wick"), (&first, " ")])).await.0, 400);
    assert_eq!(tom.json(Method::PUT, "/marketplace/listings/lamp-care/screenshots", ids(&[])).await.0, 403);

    // The collector of blobs knows them.
    let mut named = Vec::new();
    let ctx = llmos_lite::server::context::Ctx::internal(app.state.clone(), None);
    let mut see = |sha: &str| named.push(sha.to_owned());
    llmos_lite::features::marketplace::service::each_blob(&ctx, &mut see).await.expect("they are listed");
    assert!(named.contains(&llmos_lite::server::secrets::sha256(&bytes)), "{named:?}");

    // Five, and one goes.
    for number in 0..3 {
        let made = upload(&ines.client, "Another", "image/webp", picture(10 + number, 10, ImageFormat::WebP)).await;
        assert_eq!((made.status, made.json()["width"].as_u64()), (201, Some(u64::from(10 + number))), "{made:?}");
    }
    let refused = upload(&ines.client, "One more", "image/png", picture(4, 4, ImageFormat::Png)).await;
    assert_eq!((refused.status, &refused.json()["message"]), (409, &json!("An item has at most 5 pictures: remove one first.")));
    let address = format!("{ITEM}/screenshots/{}", text(&first["id"]));
    assert_eq!(tom.delete(&address).await.0, 403);
    for _ in 0..2 {
        assert_eq!(ines.client.delete(&address).await.0, 204);
    }
    assert_eq!(visitor.answer(visitor.request(Method::GET, &text(&first["url"]))).await.status, 404);
    drop(maya);
});

app_test!(what_is_no_picture_of_an_item_changes_nothing, |app| {
    let (_, ines, tom) = listed(app).await;
    let png = || picture(4, 4, ImageFormat::Png);
    // A picture that says it is larger than anybody's screen: some hundred bytes that unpack to gigabytes.
    let mut bomb = picture(1, 1, ImageFormat::Png);
    bomb[16..24].copy_from_slice(&[0, 0, 0xea, 0x60, 0, 0, 0xea, 0x60]);
    let crc = png_crc(&bomb[12..29]);
    bomb[29..33].copy_from_slice(&crc.to_be_bytes());
    let mut cut = picture(64, 64, ImageFormat::Png);
    cut.truncate(60);
    let (svg, words) = (b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>".to_vec(), b"not a picture".to_vec());
    for (body, what) in [(svg, "SVG"), (words, "text"), (bomb, "a bomb"), (cut, "half a picture"), (Vec::new(), "nothing")] {
        let refused = upload(&ines.client, "A lamp", "image/png", body).await;
        assert_eq!((refused.status, refused.json()["fields"]["screenshot"].is_string()), (400, true), "{what}: {refused:?}");
    }
    let large = upload(&ines.client, "A lamp", "image/png", vec![0; 60 * 1024 * 1024]).await;
    assert_eq!((large.status, &large.json()["message"]), (413, &json!("A picture has at most 10 MB.")), "{large:?}");
    let form = multipart::Form::new().part("file", multipart::Part::bytes(vec![0; 60 * 1024 * 1024]).file_name("a.png"));
    let large = ines.client.answer(ines.client.request(Method::POST, &format!("/api/v1{ITEM}/screenshots?alt=x")).multipart(form)).await;
    assert_eq!((large.status, &large.json()["code"]), (413, &json!("too_large")), "{large:?}");
    assert_eq!(upload(&ines.client, "A lamp", "image/svg+xml", b"<svg/>".to_vec()).await.status, 400);
    assert_eq!(upload(&ines.client, "A lamp", "text/html", png()).await.status, 415);
    for alt in ["", "  ", &"x".repeat(251)] {
        let refused = upload(&ines.client, alt, "image/png", png()).await;
        assert_eq!((refused.status, refused.json()["fields"]["alt"].is_string()), (400, true), "{refused:?}");
    }
    assert_eq!(upload(&tom, "A lamp", "image/png", png()).await.status, 403);
    assert_eq!(upload(&app.visitor(), "A lamp", "image/png", png()).await.status, 401);
    assert_eq!(item(&tom).await["screenshots"], json!([]));
});

/// The check of a chunk of a PNG: CRC-32 as in RFC 2083.
fn png_crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0_u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 })
    })
}

app_test!(links_in_a_text_lead_to_files_of_its_release, |app| {
    let (maya, ines, _) = people(app).await;
    let file = |path: &str, bytes: &[u8]| json!({ "path": path, "content": BASE64_STANDARD.encode(bytes) });
    let files = [
        file("references/guide.md", b"Read this first."),
        file("assets/lamp.png", &picture(3, 2, ImageFormat::Png)),
        file("assets/page.html", b"<script>alert(1)</script>"),
    ];
    let words = "See [the guide](references/guide.md), [the rest](docs/none.md), [the folder](assets/) and [a page](/settings).\n\n![A lamp](assets/lamp.png) ![Gone](gone.png)";
    let release = ines.publish(&maya, with(skill("lamp-care", "1.0.0", words), json!({ "files": files }))).await;
    let visitor = app.visitor();
    let html = text(&item(&visitor).await["html"]);
    let base = format!("/api/v1/marketplace/releases/{release}/files");
    for there in [format!("href=\"{base}/references/guide.md\""), format!("src=\"{base}/assets/lamp.png\""), "href=\"#files-h\"".to_owned()]
    {
        assert!(html.contains(&there), "{there}: {html}");
    }
    assert!(html.contains("This release has no file “docs/none.md”.") && html.contains("This release has no file “gone.png”."), "{html}");
    assert!(!html.contains("none.md\"") && !html.contains("href=\"/settings"), "{html}");
    let get = |path: &str| visitor.answer(visitor.request(Method::GET, &format!("{base}/{path}")));
    let guide = get("references/guide.md").await;
    assert_eq!((guide.status, guide.text.as_str()), (200, "Read this first."));
    assert_eq!(get("assets/lamp.png").await.header("content-type"), "image/png");
    let page = get("assets/page.html").await;
    assert_eq!((page.header("content-type"), page.header("x-content-type-options")), ("text/plain; charset=utf-8", "nosniff"));
    assert!(get("SKILL.md").await.text.contains("# lamp-care"));
    for gone in ["gone.png", "references/../../etc/passwd", "references"] {
        assert_eq!(get(gone).await.status, 404, "{gone}");
    }
    // Of what nobody sees yet there is nothing to read.
    let next = ines.submit(with(skill("lamp-care", "1.1.0", "Soon."), json!({ "files": [file("a.md", b"Soon.")] }))).await;
    let soon = format!("/api/v1/marketplace/releases/{}/files/a.md", text(&next["submission"]["id"]));
    assert_eq!(visitor.answer(visitor.request(Method::GET, &soon)).await.status, 404);
    assert_eq!(ines.client.answer(ines.client.request(Method::GET, &soon)).await.text, "Soon.");
});

app_test!(items_know_what_is_like_them_where_they_are_and_how_often_they_are_taken, |app| {
    let (maya, ines, tom) = people(app).await;
    for slug in ["lamp-care", "lamp-oil", "night-watch"] {
        ines.publish(&maya, skill(slug, "1.0.0", "Trim the wicks.")).await;
    }
    install(&tom, "lamp-care").await;
    install(&maya, "lamp-care").await;
    install(&maya, "night-watch").await;
    let slugs = |cards: &Value| cards.as_array().expect("cards").iter().map(|card| text(&card["slug"])).collect::<Vec<_>>();

    // Not itself; by the words of names and tags where there are no vectors.
    let (status, similar) = app.visitor().get(&format!("{ITEM}/similar")).await;
    assert_eq!(status, 200, "{similar}");
    assert_eq!(slugs(&similar), ["lamp-oil"], "{similar}");
    let (_, similar) = maya.get("/marketplace/listings/lamp-oil/similar").await;
    let card = similar.as_array().expect("cards").iter().find(|card| card["slug"] == "lamp-care").expect("the other lamp");
    assert_eq!(card["installed"].as_array().map(Vec::len), Some(1), "{card}");
    assert_eq!(app.visitor().get("/marketplace/listings/nothing/similar").await.0, 404);

    // Each sees their own volumes.
    let installed = async |client: &Client| {
        let (_, page) = client.get("/marketplace/listings?sortBy=recent").await;
        let cards = page["items"].as_array().expect("cards").clone();
        cards.iter().filter(|card| card["installed"].is_array()).map(|card| text(&card["slug"])).collect::<Vec<_>>()
    };
    assert_eq!(installed(&tom).await, ["lamp-care"]);
    assert_eq!(installed(&maya).await, ["night-watch", "lamp-care"]);
    assert!(installed(&app.visitor()).await.is_empty() && installed(&ines.client).await.is_empty());

    // An installation that is older than a window is not in it.
    let old = "UPDATE listing_days SET day = day - 20 WHERE listing_id = (SELECT id FROM listings WHERE slug = 'night-watch')";
    sqlx::query(old).execute(app.state.db.read()).await.expect("aged");
    let (status, stats) = stable(&app.visitor(), Method::GET, "/stats", Value::Null).await;
    assert_eq!(status, 200, "{stats}");
    let top = |window: &str| {
        let items = stats["topItems"][window].as_array().expect("a window");
        items.iter().map(|item| (text(&item["slug"]), item["taken"].as_i64().unwrap_or_default())).collect::<Vec<_>>()
    };
    assert_eq!(top("7d"), [("lamp-care".to_owned(), 2)]);
    for window in ["30d", "90d", "all"] {
        assert_eq!(top(window), [("lamp-care".to_owned(), 2), ("night-watch".to_owned(), 1)], "{window}");
    }
});

app_test!(licences_are_offered_and_looked_at, |app| {
    let maya = app.sign_up_first().await;
    let (status, all) = maya.get("/marketplace/licences").await;
    assert_eq!(status, 200);
    assert!(all.as_array().is_some_and(|all| all.len() > 300 && all.contains(&json!("MIT"))), "{all}");
    let check = async |expression: &str| maya.get(&format!("/marketplace/licences/check?expression={expression}")).await.1;
    assert_eq!(check("MIT%20OR%20Apache-2.0").await["valid"], true);
    let close = check("apache2").await;
    assert_eq!((&close["valid"], &close["meant"]), (&json!(false), &json!("Apache-2.0")), "{close}");
    assert_eq!(check("as%20we%20say").await["valid"], false);
    assert_eq!(maya.get(&format!("/marketplace/licences/check?expression={}", "x".repeat(500))).await.0, 400);
});

app_test!(ones_own_part_of_the_marketplace_is_exported, |app| {
    let (maya, ines, tom) = listed(app).await;
    rate(&tom, 4, "Bright.").await;
    let mut tx = app.state.db.write_tx().await.expect("a transaction");
    sqlx::query("INSERT INTO item_reports (id, listing_id, user_id, reason, text, created_at) SELECT 'r', id, $1, 'broken', 'It smokes.', 7 FROM listings")
        .bind(tom.id.as_str())
        .execute(&mut *tx)
        .await
        .expect("reported");
    tx.commit().await.expect("commits");
    let (status, export) = tom.get("/me/export").await;
    assert_eq!(status, 200, "{export}");
    let own = &export["marketplace"];
    assert_eq!((&own["reviews"][0]["slug"], &own["reviews"][0]["text"]), (&json!("lamp-care"), &json!("Bright.")), "{own}");
    assert_eq!((&own["reports"][0]["text"], &own["listings"], &own["keys"]), (&json!("It smokes."), &json!([]), &json!([])), "{own}");
    let (_, export) = ines.client.get("/me/export").await;
    let own = &export["marketplace"];
    assert_eq!((&own["listings"][0]["slug"], &own["submissions"][0]["version"]), (&json!("lamp-care"), &json!("1.0.0")), "{own}");
    assert_eq!((&own["keys"][0]["id"], &own["reviews"]), (&json!(ines.key_id), &json!([])), "{own}");
    assert!(!export.to_string().to_lowercase().contains("private_key"));
    drop(maya);
});
