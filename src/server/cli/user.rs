//! `llmos user …`: accounts, for whoever runs the server.

use clap::Subcommand as ClapSubcommand;

use super::{BoxError, Client, client};
use crate::{
    error::AppError,
    features::accounts::model::{SecretLink, UserPage},
    server::config::Config,
};

#[derive(ClapSubcommand)]
pub enum Command {
    /// Print a link, good for one day and one use, with which the account sets a new password.
    ResetPassword {
        /// The account's e-mail address.
        email: String,
    },
}

pub async fn run(config: Config, command: Command) -> Result<(), BoxError> {
    let client = client(config).await?;
    let result = match command {
        Command::ResetPassword { email } => reset_password(&client, &email).await,
    };
    client.close().await;
    println!("{}", result?);
    Ok(())
}

/// The link's address.
pub async fn reset_password(client: &Client, email: &str) -> Result<String, BoxError> {
    let email = email.trim().to_lowercase();
    let path = format!("/admin/users?q={}", crate::browser::data::encode(&email));
    let found: UserPage = read(client.http.get(client.url(&path)).send().await?).await?;
    let user = found.users.into_iter().find(|user| user.email.as_deref() == Some(email.as_str()));
    let user = user.ok_or_else(|| format!("there is no account with the e-mail address {email}"))?;
    let path = format!("/admin/users/{}/password-link", user.person.id);
    let link: SecretLink = read(client.http.post(client.url(&path)).send().await?).await?;
    Ok(link.url)
}

async fn read<T: serde::de::DeserializeOwned>(response: reqwest::Response) -> Result<T, BoxError> {
    let status = response.status();
    let bytes = response.bytes().await?;
    if status.is_success() {
        return Ok(serde_json::from_slice(&bytes)?);
    }
    if status == reqwest::StatusCode::UNAUTHORIZED {
        return Err("nobody has an account on this server yet: open it in a browser to make the first one".into());
    }
    Err(serde_json::from_slice::<AppError>(&bytes).map_or_else(|_| format!("the server answered {status}").into(), Into::into))
}
