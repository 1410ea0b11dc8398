//! `llmos market`: names, owners, deprecation and deletion of what one publishes.

use clap::Subcommand;

use super::{BoxError, Client, checked, market::confirmed, read};
use crate::features::marketplace::model::{AddOwner, ChangeListing, ListingOwners, ManagedListing, Reserve};

#[derive(Subcommand)]
pub enum Command {
    /// Take a name before anything is published under it.
    Reserve {
        /// The name, such as tide-tables.
        name: String,
        /// What it will be.
        #[arg(long = "type", default_value = "skill", value_parser = ["skill", "tool", "agent"])]
        kind: String,
        /// For a team that you publish for, by its id.
        #[arg(long)]
        team: Option<String>,
    },
    /// Whose an item is: its owner and its co-owners.
    Owner {
        #[command(subcommand)]
        command: Owner,
    },
    /// Advise against an item, or take that back.
    Deprecate {
        /// Its name in the marketplace.
        item: String,
        /// Why; everybody who has it reads it.
        #[arg(long, required_unless_present = "undo")]
        reason: Option<String>,
        /// What to use instead, by its name.
        #[arg(long, conflicts_with = "undo")]
        successor: Option<String>,
        /// It is fine again.
        #[arg(long, conflicts_with = "reason")]
        undo: bool,
    },
    /// Give an item another name; the one it has leads on for ever.
    Rename {
        /// The name that it has.
        item: String,
        /// The one that it gets.
        name: String,
        /// Do it without asking.
        #[arg(long, short)]
        yes: bool,
    },
    /// Delete an item within 72 hours of its first publication, or give a reserved name back.
    Delete {
        /// Its name in the marketplace.
        item: String,
        /// Do it without asking.
        #[arg(long, short)]
        yes: bool,
    },
}

#[derive(Subcommand)]
pub enum Owner {
    /// Show the owner and the co-owners.
    List {
        /// Its name in the marketplace.
        item: String,
    },
    /// Make an account a co-owner: it may publish and deprecate.
    Add {
        /// Its name in the marketplace.
        item: String,
        /// The e-mail address or the id of an account.
        account: String,
    },
    /// Take a co-owner off; with your own id, leave.
    Remove {
        /// Its name in the marketplace.
        item: String,
        /// The name or the id of an account, as “list” shows it.
        account: String,
    },
}

pub async fn run(client: &Client, command: Command) -> Result<(), BoxError> {
    let listing = |item: &str| client.url(&format!("/marketplace/listings/{item}"));
    match command {
        Command::Reserve { name, kind, team } => {
            let team = team.map(|team| team.parse().map_err(|_| format!("“{team}” is no id of a team"))).transpose()?;
            let input = Reserve { slug: name, kind: kind.parse().ok(), team };
            let made: ManagedListing = read(client.http.post(client.url("/marketplace/listings")).json(&input).send().await?).await?;
            println!("{} is reserved for {}", made.listing.slug, made.listing.owner.name);
        }
        Command::Owner { command: Owner::List { item } } => {
            shown(&read(client.http.get(format!("{}/owners", listing(&item))).send().await?).await?);
        }
        Command::Owner { command: Owner::Add { item, account } } => {
            let request = client.http.post(format!("{}/owners", listing(&item))).json(&AddOwner { account });
            shown(&read(request.send().await?).await?);
        }
        Command::Owner { command: Owner::Remove { item, account } } => {
            let owners: ListingOwners = read(client.http.get(format!("{}/owners", listing(&item))).send().await?).await?;
            let mut named = owners.co_owners.iter().map(|one| &one.person).filter(|person| person.name == account);
            let id = match (named.next(), named.next()) {
                (Some(person), None) => person.id.to_string(),
                (Some(_), Some(_)) => return Err(format!("several co-owners are called {account}: name one by its id").into()),
                (None, _) => account,
            };
            shown(&read(client.http.delete(format!("{}/owners/{id}", listing(&item))).send().await?).await?);
        }
        Command::Deprecate { item, reason, successor, undo } => {
            let input = ChangeListing { deprecated: Some(!undo), deprecation: reason, successor, ..ChangeListing::default() };
            let changed: ManagedListing = read(client.http.patch(listing(&item)).json(&input).send().await?).await?;
            let words = changed.deprecation.map_or_else(|| "no longer deprecated".to_owned(), |deprecation| deprecation.words());
            println!("{}: {words}", changed.listing.slug);
        }
        Command::Rename { item, name, yes } => {
            if !yes && !confirmed(&format!("Rename {item} to {name}? {item} then leads on to it and never is anything else."))? {
                println!("nothing was changed");
                return Ok(());
            }
            let input = ChangeListing { name: Some(name), ..ChangeListing::default() };
            let changed: ManagedListing = read(client.http.patch(listing(&item)).json(&input).send().await?).await?;
            println!("{item} is called {} now", changed.listing.slug);
        }
        Command::Delete { item, yes } => {
            if !yes && !confirmed(&format!("Delete {item} with all its releases? This cannot be undone."))? {
                println!("nothing was changed");
                return Ok(());
            }
            checked(client.http.delete(listing(&item)).send().await?).await?;
            println!("{item} is deleted");
        }
    }
    Ok(())
}

fn shown(owners: &ListingOwners) {
    let kind = if owners.owner.team { "team, owner" } else { "owner" };
    println!("{}  {}  {kind}", owners.owner.id, owners.owner.name);
    for one in &owners.co_owners {
        println!("{}  {}  co-owner", one.person.id, one.person.name);
    }
}
