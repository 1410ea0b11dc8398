//! What `llmos market` takes.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::volumes::Target;

#[derive(Args)]
pub struct Market {
    /// Another server, such as https://skills.example.org; not given: MARKETPLACE_URL, or else the one of this machine.
    #[arg(long, global = true, env = "LLMOS_SERVER")]
    pub(super) server: Option<String>,
    /// An API token for it: installing takes the scope “write”, publishing “publish”.
    #[arg(long, global = true, env = "LLMOS_TOKEN", hide_env_values = true)]
    pub(super) token: Option<String>,
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Subcommand)]
pub(super) enum Command {
    /// Find items in your own words.
    Search {
        /// What it should be good for; without any, all of them.
        words: Vec<String>,
        /// Only this kind.
        #[arg(long = "type", value_parser = ["skill", "tool", "agent"])]
        kind: Option<String>,
        /// Only this category, such as data-analysis.
        #[arg(long)]
        category: Option<String>,
        /// At most so many.
        #[arg(long, default_value_t = 20)]
        limit: u32,
    },
    /// Show one item: what it is, what it may use, its versions.
    Show {
        /// Its name in the marketplace, such as dcf-valuation.
        item: String,
        /// Another version than the newest.
        #[arg(long)]
        version: Option<String>,
    },
    /// Install items with what they need, after showing what would change.
    Install {
        /// `slug` or `slug@range`, such as dcf-valuation@^1.2.
        #[arg(required = true)]
        items: Vec<String>,
        #[command(flatten)]
        target: Target,
        /// Do it without asking.
        #[arg(long, short)]
        yes: bool,
    },
    /// Update items, or all of them, after showing what would change.
    Update {
        /// Their names; without any, all that are installed.
        items: Vec<String>,
        #[command(flatten)]
        target: Target,
        /// Do it without asking.
        #[arg(long, short)]
        yes: bool,
    },
    #[command(flatten)]
    Owners(super::market_owners::Command),
    /// Submit a folder, or one file, as a release, and sign it.
    Publish(Box<PublishArgs>),
    /// Sign a release of yours that is not signed yet.
    Sign {
        /// `slug@version`.
        release: String,
        /// The file of the key; not given: the usual one (LLMOS_KEY_FILE, or publisher.key in your configuration).
        #[arg(long)]
        key: Option<PathBuf>,
    },
    /// Make the key that you publish with, if there is none, and register it.
    Key {
        /// The file of the key; not given: the usual one (LLMOS_KEY_FILE, or publisher.key in your configuration).
        #[arg(long)]
        key: Option<PathBuf>,
        /// Make a new key in the place of the one in the file; that one is kept beside it and signs nothing any more.
        #[arg(long)]
        rotate: bool,
    },
    /// Save the archive of a release and what proves it.
    Download {
        /// `slug` or `slug@version`.
        item: String,
        /// The folder to write into.
        #[arg(long, default_value = ".")]
        to: PathBuf,
    },
    /// Check that a release is what its publisher signed and the registry logged.
    Verify {
        /// `slug` or `slug@version`.
        item: String,
        /// A saved archive; not given: it is downloaded.
        #[arg(long, requires = "bundle")]
        archive: Option<PathBuf>,
        /// The saved proof of it.
        #[arg(long, requires = "archive")]
        bundle: Option<PathBuf>,
        /// The registry that you trust, as `ORIGIN ed25519:KEY`; with saved files no server is asked then.
        #[arg(long)]
        trust: Option<String>,
    },
}

#[derive(Args)]
pub(super) struct PublishArgs {
    /// A folder with a SKILL.md or TOOL.md, or the one file of an agent.
    pub(super) source: PathBuf,
    /// Its name in the marketplace; not given: made of the name of the folder or file.
    #[arg(long)]
    pub(super) slug: Option<String>,
    /// Without it, the next patch.
    #[arg(long)]
    pub(super) version: Option<String>,
    /// What is new, in markdown.
    #[arg(long, default_value = "")]
    pub(super) changelog: String,
    /// An SPDX expression, such as MIT.
    #[arg(long)]
    pub(super) license: Option<String>,
    /// Such as data-analysis; not given: the one of its frontmatter, or of the release before.
    #[arg(long)]
    pub(super) category: Option<String>,
    /// The address of the repository that it is from.
    #[arg(long)]
    pub(super) repository: Option<String>,
    /// What it needs, as `slug@range`; may be repeated.
    #[arg(long = "depends-on")]
    pub(super) dependencies: Vec<String>,
    /// A network host that it uses; may be repeated, as the next four.
    #[arg(long = "host")]
    pub(super) hosts: Vec<String>,
    /// A path of the file system that it reads or writes.
    #[arg(long = "path")]
    pub(super) paths: Vec<String>,
    /// A program that it starts.
    #[arg(long = "command")]
    pub(super) commands: Vec<String>,
    /// A variable of the environment that it reads.
    #[arg(long = "env")]
    pub(super) env: Vec<String>,
    /// A tool of the agent that it calls.
    #[arg(long = "tool")]
    pub(super) tools: Vec<String>,
    /// Sign with this key; not given: with the usual one, if there is one.
    #[arg(long)]
    pub(super) key: Option<PathBuf>,
}
