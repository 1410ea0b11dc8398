//! `llmos user …`: accounts, for whoever runs the server.

use clap::Subcommand as ClapSubcommand;

use super::{BoxError, Client, client, read};
use crate::{
    features::accounts::model::{AdminUser, SecretLink, UserPage},
    server::config::Config,
};

#[derive(ClapSubcommand)]
pub enum Command {
    /// Print a link, good for one day and one use, with which the account sets a new password.
    ResetPassword {
        /// The account's e-mail address.
        email: String,
    },
    /// Take all second factors of an account away that somebody has lost, and sign it out everywhere. Make sure first who asks.
    ResetFactors {
        /// The account's e-mail address.
        email: String,
    },
}

pub async fn run(config: Config, command: Command) -> Result<(), BoxError> {
    let client = client(config).await?;
    let result = match command {
        Command::ResetPassword { email } => reset_password(&client, &email).await,
        Command::ResetFactors { email } => reset_factors(&client, &email).await,
    };
    client.close().await;
    println!("{}", result?);
    Ok(())
}

async fn find(client: &Client, email: &str) -> Result<AdminUser, BoxError> {
    let email = email.trim().to_lowercase();
    let path = format!("/admin/users?q={}", crate::browser::data::encode(&email));
    let found: UserPage = read(client.http.get(client.url(&path)).send().await?).await?;
    let user = found.users.into_iter().find(|user| user.email.as_deref() == Some(email.as_str()));
    Ok(user.ok_or_else(|| format!("there is no account with the e-mail address {email}"))?)
}

/// The link's address.
pub async fn reset_password(client: &Client, email: &str) -> Result<String, BoxError> {
    let user = find(client, email).await?;
    let path = format!("/admin/users/{}/password-link", user.person.id);
    let link: SecretLink = read(client.http.post(client.url(&path)).send().await?).await?;
    Ok(link.url)
}

/// What was done, in a sentence.
async fn reset_factors(client: &Client, email: &str) -> Result<String, BoxError> {
    let user = find(client, email).await?;
    let path = format!("/admin/users/{}/factors", user.person.id);
    let _: serde_json::Value = read(client.http.delete(client.url(&path)).send().await?).await?;
    Ok(format!("{} signs in with a password alone now, and is signed out everywhere.", user.person.name))
}
