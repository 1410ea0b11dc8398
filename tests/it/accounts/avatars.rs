//! Pictures of people.

use std::io::Cursor;

use image::{DynamicImage, ImageFormat, Rgb, RgbImage};
use reqwest::{Method, multipart};
use serde_json::Value;

use crate::app::text;

fn png(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    let shade = (width % 256) as u8;
    DynamicImage::ImageRgb8(RgbImage::from_pixel(width, height, Rgb([shade; 3]))).write_to(&mut bytes, ImageFormat::Png).expect("encodes");
    bytes.into_inner()
}

app_test!(a_picture_is_made_small_and_served_for_ever, |app| {
    let maya = app.sign_up_first().await;
    let put = |body: Vec<u8>| maya.request(Method::PUT, "/api/v1/me/avatar").header("content-type", "image/png").body(body);
    let answer = maya.answer(put(png(400, 300))).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let address = text(&answer.json()["person"]["avatar"]);
    let picture = maya.request(Method::GET, &address).send().await.expect("an answer");
    assert_eq!(picture.status(), 200);
    let header = |name: &str| picture.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    assert_eq!((header("content-type"), header("x-content-type-options")), ("image/webp".to_owned(), "nosniff".to_owned()));
    assert!(header("cache-control").contains("immutable"));
    let decoded = image::load_from_memory(&picture.bytes().await.expect("bytes")).expect("a picture");
    assert_eq!((decoded.width(), decoded.height()), (256, 256));

    let form = multipart::Form::new().part("file", multipart::Part::bytes(png(20, 20)).file_name("me.png"));
    let answer = maya.answer(maya.request(Method::PUT, "/api/v1/me/avatar").multipart(form)).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(maya.answer(maya.request(Method::GET, &address)).await.status, 404, "the old one is gone");
    let address = text(&answer.json()["person"]["avatar"]);
    assert_eq!(app.visitor().answer(app.visitor().request(Method::GET, &address)).await.status, 401, "for people who are signed in");

    let (status, me) = maya.delete("/me/avatar").await;
    assert_eq!((status, &me["person"]["avatar"]), (200, &Value::Null));
});

app_test!(what_is_no_picture_changes_nothing, |app| {
    let maya = app.sign_up_first().await;
    let put =
        |kind: &str, body: Vec<u8>| maya.answer(maya.request(Method::PUT, "/api/v1/me/avatar").header("content-type", kind).body(body));
    assert_eq!(put("image/png", b"<svg/>".to_vec()).await.status, 400);
    assert_eq!(put("text/html", b"<b>".to_vec()).await.status, 415);
    assert_eq!(put("multipart/form-data; boundary=x", b"nothing".to_vec()).await.status, 400);
    let large = put("image/png", vec![0; 6 * 1024 * 1024]).await;
    assert_eq!((large.status, &large.json()["code"]), (413, &Value::from("too_large")));
    // Another blob's hash is no picture's address.
    let sha = app.state.blobs.put(b"private".to_vec()).await.expect("stored");
    assert_eq!(maya.answer(maya.request(Method::GET, &format!("/avatars/{}/{sha}", maya.id))).await.status, 404);
    assert_eq!(maya.get("/me").await.1["person"]["avatar"], Value::Null);
});
