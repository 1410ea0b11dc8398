//! Server functions: the forms that must work before (or without) JavaScript. Everything else of accounts is under `/api/v1`.
//!
//! Each sets or clears the login cookie and leads on. Without JavaScript a refused form comes back to its page with the
//! error in the address, where `ServerAction` finds it, and with what was typed, except passwords.

use leptos::prelude::*;

use crate::error::AppResult;

/// Signs in and leads to `next`, a path of ours.
#[server(name = SignIn, prefix = "/fn", endpoint = "sign-in")]
pub async fn sign_in(email: String, password: String, #[server(default)] next: String) -> AppResult<()> {
    use crate::{
        features::accounts::{model::Credentials, service},
        server::forms,
    };
    let ctx = forms::context()?;
    let entrance = service::sign_in(&ctx, Credentials { email: email.clone(), password }).await;
    let next = entrance.as_ref().map_or_else(|_| next.clone(), |entrance| entrance.leads_to(&next));
    forms::lead_on(entrance.map(service::Entrance::cookies), &next, &[("email", &email)])
}

/// Ends a sign-in with a code of an app, or a recovery code, and leads to `next`.
#[server(name = AnswerSecondStep, prefix = "/fn", endpoint = "second-step")]
pub async fn answer_second_step(code: String, #[server(default)] next: String) -> AppResult<()> {
    use crate::{
        features::accounts::{model::AnswerFactor, service},
        server::forms,
    };
    let ctx = forms::context()?;
    let answer = AnswerFactor { code: Some(code), passkey: None };
    let signed_in = service::answer_second_step(&ctx, answer).await;
    forms::lead_on(signed_in.map(|signed_in| signed_in.cookies), &next, &[])
}

/// Opens an account, by invitation or openly, and signs it in. With an invitation the account joins its team too.
#[server(name = SignUp, prefix = "/fn", endpoint = "sign-up")]
pub async fn sign_up(
    name: String,
    email: String,
    password: String,
    #[server(default)] invitation: Option<String>,
    #[server(default)] website: Option<String>,
    #[server(default)] next: String,
) -> AppResult<()> {
    use crate::{
        features::accounts::{model, service},
        server::forms,
    };
    let ctx = forms::context()?;
    // An empty field of a form is no invitation.
    let invitation = invitation.filter(|secret| !secret.is_empty());
    let signed_in = service::sign_up(&ctx, model::SignUp { name: name.clone(), email: email.clone(), password, invitation, website }).await;
    forms::lead_on(signed_in.map(|signed_in| signed_in.cookies), &next, &[("name", &name), ("email", &email)])
}

/// Ends this browser's sign-in and leads to the login page.
#[server(name = SignOut, prefix = "/fn", endpoint = "sign-out")]
pub async fn sign_out() -> AppResult<()> {
    use crate::{features::accounts::service, server::forms};
    let ctx = forms::context()?;
    forms::lead_on(service::sign_out(&ctx).await.map(|cookie| vec![cookie]), "/login", &[])
}

/// Sets the password of the account that a one-time link is for, and signs in with it.
#[server(name = SetNewPassword, prefix = "/fn", endpoint = "set-new-password")]
pub async fn set_new_password(secret: String, password: String) -> AppResult<()> {
    use crate::{
        features::accounts::{model, service},
        server::forms,
    };
    let ctx = forms::context()?;
    let entrance = service::use_password_link(&ctx, &secret, model::NewPassword { password }).await;
    let next = entrance.as_ref().map_or_else(|_| "/".to_owned(), |entrance| entrance.leads_to("/"));
    forms::lead_on(entrance.map(service::Entrance::cookies), &next, &[])
}
