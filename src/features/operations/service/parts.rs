//! Each part of the server, and what there is to do where it is not well.

use std::time::Duration;

use crate::{
    features::{
        jobs,
        operations::model::{Component, Standing},
        search,
    },
    server::{
        backups::LAG_MS,
        clock,
        context::Ctx,
        db::Engine,
        doctor::{LITTLE, TOO_LITTLE, size},
        machine, tls,
    },
};

pub const DATABASE: &str = "database";
/// A job that is due should have begun long before.
const JOB_LAG_MS: i64 = 10 * clock::MINUTE;
/// For a store elsewhere: whoever asks how the server is waits for it.
const ASKED: Duration = Duration::from_secs(2);

/// All of them; of the database that is away, nothing that is in it.
pub async fn all(ctx: &Ctx) -> Vec<Component> {
    let mut parts = vec![process(ctx), disk(ctx), index(ctx), catalogue(ctx), model(ctx), backups(ctx)];
    parts.extend(certificate(ctx));
    parts.extend(nodes(ctx));
    let database = database(ctx).await;
    parts.extend(files(ctx).await);
    let answers = database.standing == Standing::Ready;
    parts.push(database);
    if answers {
        parts.push(migrations(ctx).await);
        parts.push(background(ctx).await);
    }
    parts
}

fn ready(name: &str, says: impl Into<String>) -> Component {
    Component { name: name.to_owned(), standing: Standing::Ready, says: says.into(), todo: None }
}

fn degraded(name: &str, says: impl Into<String>, todo: &str) -> Component {
    Component { standing: Standing::Degraded, todo: Some(todo.to_owned()), ..ready(name, says) }
}

fn down(name: &str, says: impl Into<String>, todo: &str) -> Component {
    Component { standing: Standing::Down, todo: Some(todo.to_owned()), ..ready(name, says) }
}

/// One that is being stopped finishes what it has, and wants nothing new.
fn process(ctx: &Ctx) -> Component {
    match ctx.state.shutdown.is_cancelled() || ctx.state.cluster.is_leaving() {
        true => down("process", "It is being stopped", "Nothing, or start it again."),
        false => ready("process", "It serves"),
    }
}

/// The others that it serves with, where there may be some. Without them it is still ready: it goes on alone.
fn nodes(ctx: &Ctx) -> Option<Component> {
    const NAME: &str = "nodes";
    let cluster = &ctx.state.cluster;
    if !cluster.is_shared() {
        return None;
    }
    let count = cluster.nodes().len();
    let alone: Vec<String> =
        cluster.nodes().into_iter().filter(|node| node.alone && node.id != cluster.id()).map(|node| node.name).collect();
    Some(match cluster.is_cut_off() {
        false if !alone.is_empty() => degraded(
            NAME,
            format!("NATS is not reached from {}: what is done there comes a second later", alone.join(", ")),
            "Mend the way from there to NATS.",
        ),
        false => ready(NAME, if count == 1 { "It is the only one".to_owned() } else { format!("{count} serve together") }),
        true => degraded(
            NAME,
            format!("NATS is away: each of {count} goes on alone, and reads what the others wrote"),
            "Start NATS, or mend the way to it.",
        ),
    })
}

async fn database(ctx: &Ctx) -> Component {
    match ctx.db().ping().await {
        Ok(()) => ready(
            DATABASE,
            match ctx.db().engine() {
                Engine::Sqlite => "SQLite answers",
                Engine::Postgres => "PostgreSQL answers",
            },
        ),
        Err(error) => {
            tracing::error!(%error, "the database does not answer");
            down(DATABASE, "It does not answer", "Run llmos doctor; the log says why.")
        }
    }
}

async fn migrations(ctx: &Ctx) -> Component {
    const NAME: &str = "migrations";
    match ctx.db().schema().await {
        Ok(schema) if schema.applied == schema.known => ready(NAME, format!("The schema is at {}", schema.applied)),
        // Migrations only add: while nodes are updated one after another, those that wait for their turn go on.
        Ok(schema) if schema.applied > schema.known && ctx.state.cluster.is_shared() => degraded(
            NAME,
            format!("Another node has brought the schema to {}, this one knows {}", schema.applied, schema.known),
            "Update this node too.",
        ),
        Ok(schema) if schema.applied > schema.known => down(
            NAME,
            format!("Another node has brought the schema to {}, this one knows {}", schema.applied, schema.known),
            "Update this node too.",
        ),
        Ok(schema) => down(NAME, format!("The schema is at {} of {}", schema.applied, schema.known), "Start the server again."),
        Err(error) => {
            tracing::error!(%error, "the schema cannot be read");
            down(NAME, "They cannot be read", "Run llmos doctor; the log says why.")
        }
    }
}

fn index(ctx: &Ctx) -> Component {
    const NAME: &str = "index";
    let search = search::service::status(ctx);
    match search.waiting {
        _ if !ctx.state.search.is_warm() => warming(ctx, NAME),
        0 => ready(NAME, format!("{} documents", search.documents)),
        waiting => ready(NAME, format!("{} documents, {waiting} wait for their vectors", search.documents)),
    }
}

/// What the marketplace's pages filter and sort by.
fn catalogue(ctx: &Ctx) -> Component {
    const NAME: &str = "catalogue";
    if ctx.state.market.is_warm() { ready(NAME, "It is in memory") } else { warming(ctx, NAME) }
}

/// What is read after a start, and whoever asks for it waits meanwhile: as long as other nodes have it, requests are better there.
fn warming(ctx: &Ctx, name: &str) -> Component {
    const TODO: &str = "Nothing: it takes some seconds after a start.";
    let says = "It is being read: the first who ask for it wait";
    match ctx.state.cluster.nodes().len() {
        0 | 1 => degraded(name, says, TODO),
        _ => down(name, says, TODO),
    }
}

fn model(ctx: &Ctx) -> Component {
    const NAME: &str = "model";
    match search::service::status(ctx).meaning.as_str() {
        "ready" => ready(NAME, "Search goes by meaning"),
        "loading" => ready(NAME, "It is being read"),
        "away" => degraded(NAME, "The service of the vectors does not answer", "Nothing: it is asked again by itself."),
        _ => degraded(NAME, "Search goes by words", "Set EMBEDDING_MODEL_DIR to the folder of a model, and start again."),
    }
}

fn disk(ctx: &Ctx) -> Component {
    const NAME: &str = "disk";
    let Some(disk) = machine::disk(&ctx.state.config.data_dir) else { return ready(NAME, "How much is free is not known") };
    let says = format!("{} of {} free", size(disk.free), size(disk.size));
    match disk.free {
        free if free < TOO_LITTLE => down(NAME, says, "Make room now: soon nothing can be stored."),
        free if free < LITTLE => degraded(NAME, says, "Make room before it is full."),
        _ => ready(NAME, says),
    }
}

/// The object store of files, where there is one.
async fn files(ctx: &Ctx) -> Option<Component> {
    const NAME: &str = "files";
    ctx.state.config.blob_url.as_ref()?;
    Some(match tokio::time::timeout(ASKED, ctx.state.blobs.ping()).await {
        Ok(Some(Err(error))) => {
            tracing::error!(%error, "the object store of files does not answer");
            degraded(
                NAME,
                "The object store does not answer",
                "Files that are kept here are still read. Run llmos doctor; the log says why.",
            )
        }
        Ok(_) => ready(NAME, "The object store answers"),
        Err(_) => degraded(NAME, "The object store takes too long", "Files that are kept here are still read. Run llmos doctor."),
    })
}

/// Whether a lost disk would cost more than it should.
fn backups(ctx: &Ctx) -> Component {
    const NAME: &str = "backups";
    if ctx.db().engine() == Engine::Postgres {
        return ready(NAME, "PostgreSQL has tools of its own");
    }
    let Some(backups) = &ctx.state.config.backups else { return ready(NAME, "None are made: BACKUP_URL is not set") };
    let (seen, now) = (ctx.state.backups.seen(), ctx.now());
    let Some(newest) = seen.newest else {
        return match seen.fails {
            true => degraded(NAME, "There is none yet, and none can be made", "Run llmos doctor; the log says why."),
            false => ready(NAME, "The first one is being made"),
        };
    };
    let made = format!("The newest is of {}", clock::rfc3339(newest));
    match seen.safe_until {
        _ if backups.is_overdue(newest, now) => {
            degraded(NAME, format!("{made}, and its time has passed"), "Run llmos doctor; the log says why.")
        }
        _ if seen.fails => degraded(
            NAME,
            format!("{made}; the store cannot be written"),
            "Look whether BACKUP_URL can be reached; it goes on by itself then.",
        ),
        Some(safe) if now - safe > LAG_MS => degraded(
            NAME,
            format!("{made}; what was written in the last {} s is only on this disk", (now - safe) / clock::SECOND),
            "Look whether BACKUP_URL is reached fast enough.",
        ),
        Some(safe) => ready(NAME, format!("{made}, the log behind it of {}", clock::rfc3339(safe))),
        None => ready(NAME, made),
    }
}

/// Of a server that speaks TLS itself. Never down: whoever got here was served, and the certificate that is there goes on being shown.
fn certificate(ctx: &Ctx) -> Option<Component> {
    const NAME: &str = "certificate";
    let state = &ctx.state;
    let trouble = state.certificates.trouble().map(|trouble| trouble.why);
    let verdict = tls::verdict(state.config.tls.as_ref()?, state.certificates.shown().as_deref(), trouble.as_deref(), ctx.now());
    let mut letters = verdict.says.chars();
    let says: String = letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect();
    Some(match verdict.standing {
        tls::Standing::Good => ready(NAME, says),
        tls::Standing::Ailing | tls::Standing::Bad => degraded(NAME, says, verdict.todo),
    })
}

async fn background(ctx: &Ctx) -> Component {
    const NAME: &str = "jobs";
    let Ok(queues) = jobs::service::queues(ctx).await else {
        return down(NAME, "They cannot be read", "Run llmos doctor; the log says why.");
    };
    let failed: i64 = queues.iter().map(|queue| queue.failed).sum();
    match queues.iter().max_by_key(|queue| queue.waiting_ms) {
        Some(last) if last.waiting_ms > JOB_LAG_MS => degraded(
            NAME,
            format!("{} has waited for {} minutes", last.kind, last.waiting_ms / clock::MINUTE),
            "Look under Jobs at what takes so long.",
        ),
        _ if failed > 0 => degraded(NAME, format!("{failed} failed"), "Read why under Jobs, and begin them again there."),
        _ => ready(NAME, "None failed"),
    }
}
