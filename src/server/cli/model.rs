//! `llmos model fetch`.

use std::io::{IsTerminal as _, Write as _};

use clap::Subcommand;

use super::{BoxError, line};
use crate::{
    features::search::service::{Fetched, fetch_model},
    server::config::Config,
};

#[derive(Subcommand)]
pub enum Command {
    /// Fetch it (91 MB) to where the server looks, compared with what is known of its files; one that was broken off goes on.
    Fetch,
}

pub async fn run(config: &Config, command: Command) -> Result<(), BoxError> {
    let Command::Fetch = command;
    let (folder, bar) = (&config.embedding_model_dir, std::io::stderr().is_terminal());
    let signed = |bytes: u64| i64::try_from(bytes).unwrap_or(i64::MAX);
    let fetched = fetch_model(&config.embedding_model_url, folder, |done, all| {
        if bar {
            eprint!("\r{} {:>4} of {} MB", line(signed(done), signed(all)), done >> 20, all >> 20);
            let _ = std::io::stderr().flush();
        }
    })
    .await;
    if bar {
        eprint!("\r\x1b[K");
    }
    println!(
        "{} {}",
        match fetched? {
            Fetched::New => "search goes by meaning from the next start of the server on: the model is in",
            Fetched::Kept => "the model is there already, and whole:",
        },
        folder.display()
    );
    Ok(())
}
