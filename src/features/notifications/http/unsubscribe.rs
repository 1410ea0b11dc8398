//! `/unsubscribe?t=…`: looking changes nothing, since scanners of mail open every link; sending the form does, and so does a program of mail
//! by itself (RFC 8058). Plain HTML: it works for everybody who gets mail, signed in or not.

use std::collections::HashMap;

use axum::{
    body::Bytes,
    http::{HeaderValue, StatusCode, header},
    response::{Html, IntoResponse as _, Response},
};
use serde::Deserialize;

use super::super::service::{self, Link, MailScope};
use crate::{
    error::AppError,
    features::artifacts::markdown::escape,
    server::{assets, context::Ctx, extract::Query},
};

#[derive(Deserialize)]
pub struct Token {
    #[serde(default)]
    t: String,
}

/// Asks whether it is meant.
pub async fn unsubscribe_page(ctx: Ctx, Query(token): Query<Token>) -> Response {
    let link = match service::link(&ctx, &token.t) {
        Ok(link) => link,
        Err(error) => return refused(&error),
    };
    let everything = Link { user: link.user, scope: MailScope::All };
    let mut body = format!("<p>Press the button, and you get no more mail {}. The bell goes on.</p>", escape(&link.scope.words()));
    body.push_str(&form(&ctx, &link, &[("act", "off")], "btn primary l block", "No more of it"));
    if link.scope != MailScope::All {
        body.push_str(&form(&ctx, &everything, &[("act", "off")], "btn l block", "No mail at all"));
    }
    page(StatusCode::OK, "End this mail?", &body)
}

/// Ends it, or takes that back. A program of mail sends `List-Unsubscribe=One-Click` and reads nothing but the status.
pub async fn unsubscribe(ctx: Ctx, Query(token): Query<Token>, body: Bytes) -> Response {
    let fields: HashMap<String, String> = form_urlencoded::parse(&body).into_owned().collect();
    let field = |name: &str| fields.get(name).map_or("", String::as_str);
    let link = match service::link(&ctx, &token.t) {
        Ok(link) => link,
        Err(error) => return refused(&error),
    };
    let words = escape(&link.scope.words());
    let changed = if field("act") == "on" {
        service::resubscribe(&ctx, &link, field("was")).await.map(|()| {
            let body =
                format!("<p>You get mail {words} again.</p>{}", form(&ctx, &link, &[("act", "off")], "btn l block", "No more of it"));
            page(StatusCode::OK, "It goes on", &body)
        })
    } else {
        service::unsubscribe(&ctx, &link).await.map(|was| {
            let back = form(&ctx, &link, &[("act", "on"), ("was", &was)], "btn l block", "Take it back");
            page(StatusCode::OK, "It has ended", &format!("<p>You get no more mail {words}.</p>{back}"))
        })
    };
    changed.unwrap_or_else(|error| refused(&error))
}

fn refused(error: &AppError) -> Response {
    let status = StatusCode::from_u16(error.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    page(status, "That did not work", &format!("<p>{}</p>", escape(&error.message)))
}

fn form(ctx: &Ctx, link: &Link, fields: &[(&str, &str)], look: &str, words: &str) -> String {
    let hidden: String =
        fields.iter().map(|(name, value)| format!("<input type=\"hidden\" name=\"{name}\" value=\"{}\">", escape(value))).collect();
    let token = link.token(&ctx.state.signing_key);
    format!("<form method=\"post\" action=\"/unsubscribe?t={token}\">{hidden}<button class=\"{look}\">{words}</button></form>")
}

fn page(status: StatusCode, title: &str, body: &str) -> Response {
    const POLICY: &str = "default-src 'none'; style-src 'self'; font-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
    let html = format!(
        "<!DOCTYPE html><html lang=\"en\" data-theme=\"auto\"><head><meta charset=\"utf-8\"><title>{title} · LLMos-Lite</title>\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><meta name=\"robots\" content=\"noindex\">\
         <link rel=\"icon\" href=\"/favicon.svg\"><link rel=\"stylesheet\" href=\"{}\"></head>\
         <body><main class=\"login\"><section class=\"form\"><div class=\"box\"><div class=\"head\"><h1>{title}</h1></div>{body}\
         <p class=\"hint\"><a class=\"link\" href=\"/settings/notifications\">All settings of notifications</a></p></div></section></main></body></html>",
        assets::links().css
    );
    let mut response = (status, Html(html)).into_response();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::CACHE_CONTROL, "no-store"),
        // The address is a credential, if a small one.
        (header::REFERRER_POLICY, "no-referrer"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}
