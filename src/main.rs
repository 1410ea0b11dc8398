//! The `llmos` binary: reads the configuration and runs a subcommand.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use llmos_lite::server::{self, config::Config};

/// Rendering a page is thousands of small allocations: a third of its time with the system's allocator, a tenth with this one.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A self-hosted workspace where a team and its AI agents keep their know-how.
#[derive(Parser)]
#[command(version, about)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Run the server (the default).
    Serve,
    #[command(flatten)]
    Client(server::cli::Command),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let config = match Config::load() {
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
        match cli.command.unwrap_or(Command::Serve) {
            Command::Serve => server::serve::serve(config).await,
            Command::Client(command) => server::cli::run(config, command).await,
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
