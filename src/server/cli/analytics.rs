//! `llmos analytics rebuild`.

use clap::Subcommand;

use super::{BoxError, client, followed, read};
use crate::server::config::Config;

#[derive(Subcommand)]
pub enum Command {
    /// Make what usage events add up to anew, beside what answers meanwhile.
    Rebuild,
}

pub async fn run(config: Config, command: Command) -> Result<(), BoxError> {
    let Command::Rebuild = command;
    let client = client(config).await?;
    let made = async {
        let request = client.http.post(client.url("/admin/analytics/rebuild"));
        followed(&client, read(request.send().await?).await?).await
    }
    .await;
    client.close().await;
    let report = made?.report.unwrap_or_default();
    println!("the figures are made of {} usage events", report["events"]);
    Ok(())
}
