//! The `llmos` binary: reads the configuration and runs a subcommand.

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};
use clap_complete::Shell;
use llmos_lite::server::{
    self,
    config::{Config, source::Flags},
};

/// Rendering a page is thousands of small allocations: a third of its time with the system's allocator, a tenth with this one.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A self-hosted workspace where a team and its AI agents keep their know-how.
///
/// Without a command the server is started: it needs nothing beside this binary, makes what it keeps in DATA_DIR, and prints its address. Commands
/// that change data go through the server that runs on the same DATA_DIR, and open the database themselves when none runs.
#[derive(Parser)]
#[command(version, about, after_long_help = EXAMPLES)]
struct Cli {
    #[command(flatten)]
    flags: Flags,
    #[command(subcommand)]
    command: Option<Command>,
}

const EXAMPLES: &str = "Settings:
  Each can be a flag (--set NAME=VALUE), a variable of the environment (NAME, or NAME_FILE with the path of a file that has the value), or a line in
  Leptos.toml in the working folder; “llmos config” shows all of them, what they are, and where that comes from. A value that cannot be used stops the start.

Examples:
  llmos serve --data-dir /var/lib/llmos --domain skills.example.org
  llmos model fetch
  llmos import ./skills --team Harbor
  llmos doctor
  SMTP_URL_FILE=/run/secrets/smtp llmos serve
  llmos completions bash > /usr/share/bash-completion/completions/llmos

The server stops on SIGTERM, after the requests that run. Exit codes: 0 done, 1 failed (one sentence says why), 2 a flag or a setting cannot be used.";

#[derive(Subcommand)]
enum Command {
    /// Run the server (the default).
    #[command(after_help = "Examples:
  llmos serve
  llmos serve --data-dir /var/lib/llmos --domain skills.example.org
  llmos serve --listen 0.0.0.0:3000 --site-url https://skills.example.org --set TRUSTED_PROXIES=10.0.0.1
  SMTP_URL_FILE=/run/secrets/smtp llmos serve

With --domain it speaks https itself and renews its certificate; otherwise a proxy with TLS belongs in front of it (docs/operations.md).")]
    Serve,
    /// Print the completions for a shell.
    #[command(after_help = "Examples:
  llmos completions bash > /usr/share/bash-completion/completions/llmos
  llmos completions zsh > \"${fpath[1]}/_llmos\"
  llmos completions fish > ~/.config/fish/completions/llmos.fish")]
    Completions {
        /// Whose completions.
        shell: Shell,
    },
    #[command(flatten)]
    Client(server::cli::Command),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    if let Some(Command::Completions { shell }) = cli.command {
        clap_complete::generate(shell, &mut Cli::command(), "llmos", &mut std::io::stdout());
        return ExitCode::SUCCESS;
    }
    let config = match Config::load(&cli.flags) {
        Ok(config) => config,
        Err(error) => {
            eprintln!("llmos: {error}");
            return ExitCode::from(2);
        }
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("llmos: the runtime did not start: {error}");
            return ExitCode::FAILURE;
        }
    };
    let result = runtime.block_on(async {
        match cli.command {
            Some(Command::Client(command)) => server::cli::run(config, command).await,
            None | Some(Command::Serve | Command::Completions { .. }) => server::serve::serve(config).await,
        }
    });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("llmos: {error}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_and_every_argument_says_what_it_is() {
        fn look(command: &clap::Command, path: &str) {
            assert!(command.get_about().is_some(), "{path} says what it does");
            for argument in command.get_arguments() {
                assert!(argument.get_help().is_some(), "{path}: {} says what it is", argument.get_id());
            }
            for inner in command.get_subcommands() {
                look(inner, &format!("{path} {}", inner.get_name()));
            }
        }
        let command = Cli::command();
        command.clone().debug_assert();
        look(&command, "llmos");
        for inner in command.get_subcommands() {
            let asks = inner.get_subcommands().next().is_some() || inner.get_arguments().next().is_some();
            let examples = inner.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(!asks || examples.contains(&format!("llmos {}", inner.get_name())), "{} has examples", inner.get_name());
        }
    }
}
