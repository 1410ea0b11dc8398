//! Backups of this server: when they are made, where they go, what comes back. The format and the work are in `crates/backup`.
//!
//! With BACKUP_URL the server ships its log there twice a second, from a thread of its own, and makes a backup when its time has come.

use std::{
    path::{Component, Path, PathBuf},
    sync::atomic::{AtomicBool, AtomicI64, Ordering},
    time::{Duration, Instant},
};

use llmos_backup::{Cause, Fault, Manifest, Report, Shipper, Source, Store, Wish};
use tokio::{
    sync::oneshot::{self, error::TryRecvError},
    time::MissedTickBehavior,
};
use tokio_util::sync::CancellationToken;

use super::{
    clock,
    config::Config,
    db::{Db, Engine},
    machine,
    state::AppState,
};
use crate::features::jobs::service::Schedule;

/// Half of the second that may be lost: the other half is for the store.
const SHIP: Duration = Duration::from_millis(500);
/// A backup may take so long after its time.
const LATE_MS: i64 = clock::HOUR;
/// So far behind the log may be before somebody should look.
pub const LAG_MS: i64 = 10 * clock::SECOND;
/// After a backup that was not made.
const AGAIN_MS: i64 = clock::MINUTE;

/// Where backups go, and when.
#[derive(Clone)]
pub struct Backups {
    /// A folder, or `s3://bucket/prefix`.
    pub url: String,
    /// A cron expression, in UTC.
    pub schedule: String,
    /// How many backups stay.
    pub keep: usize,
    /// Whether the log is shipped between them.
    pub log: bool,
}

impl Backups {
    /// Whether a newer one than that of `newest` should be there; both in UTC milliseconds.
    pub fn is_overdue(&self, newest: i64, now: i64) -> bool {
        Schedule::next(&self.schedule, "UTC", newest).is_some_and(|due| now > due.saturating_add(LATE_MS))
    }
}

/// How the backups of this process stand, for those who look after it.
#[derive(Debug, Default)]
pub struct Watch {
    /// Both in UTC milliseconds; 0: not known yet.
    newest: AtomicI64,
    safe_until: AtomicI64,
    fails: AtomicBool,
}

/// The same at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// When the newest backup was made, in UTC milliseconds.
    pub newest: Option<i64>,
    /// Everything committed until then is in the store, in UTC milliseconds.
    pub safe_until: Option<i64>,
    /// Whether the last try to make one or to ship the log failed.
    pub fails: bool,
}

impl Watch {
    pub fn seen(&self) -> Seen {
        let known = |at: &AtomicI64| Some(at.load(Ordering::Relaxed)).filter(|at| *at > 0);
        Seen { newest: known(&self.newest), safe_until: known(&self.safe_until), fails: self.fails.load(Ordering::Relaxed) }
    }

    fn made(&self, at: i64) {
        self.newest.fetch_max(at, Ordering::Relaxed);
    }

    fn safe(&self, until: i64) {
        self.safe_until.store(until, Ordering::Relaxed);
    }

    fn fails(&self, fails: bool) {
        self.fails.store(fails, Ordering::Relaxed);
    }
}

/// When the newest backup of a store was made, in UTC milliseconds.
pub async fn newest(store: &Store) -> Result<Option<i64>, Fault> {
    Ok(llmos_backup::list(store).await?.last().and_then(|id| llmos_backup::moment_id(id)))
}

/// The file of the SQLite database that `config` names.
///
/// # Errors
/// It names PostgreSQL, which has tools of its own for this.
pub fn database_file(config: &Config) -> Result<PathBuf, Fault> {
    let file = Db::sqlite_file(&config.database_url).map(Path::to_owned);
    file.ok_or_else(|| {
        let said = "the database is PostgreSQL: back it up with pg_basebackup or pg_dump, and copy DATA_DIR beside it (docs/backups.md)";
        Fault::Refused(said.to_owned())
    })
}

fn source(config: &Config) -> Result<Source, Fault> {
    Ok(Source {
        database: database_file(config)?,
        files: config.data_dir.join("blobs"),
        secret_key: config.data_dir.join("secret.key"),
        scratch: config.data_dir.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    })
}

/// Opens the store at `url`, or at BACKUP_URL.
///
/// # Errors
/// There is neither, or it cannot be opened.
pub async fn store(config: &Config, url: Option<&str>, create: bool) -> Result<Store, Fault> {
    let url = url.or(config.backups.as_ref().map(|backups| backups.url.as_str()));
    let url =
        url.ok_or_else(|| Fault::Refused("say where backups are: set BACKUP_URL, or name a folder or s3://bucket/prefix".to_owned()))?;
    Store::open(url, &config.s3, config.backup_secret.as_ref(), create).await
}

/// Makes a backup now, beside a server that runs or without one.
pub async fn make(config: &Config, url: Option<&str>) -> Result<Manifest, Fault> {
    let source = source(config)?;
    llmos_backup::take(&store(config, url, true).await?, &source, Cause::Asked).await
}

/// Brings a backup back into DATA_DIR, which has to be empty.
pub async fn restore(config: &Config, url: Option<&str>, wish: &Wish) -> Result<Report, Fault> {
    let database = database_file(config)?;
    llmos_backup::restore(&store(config, url, false).await?, wish, &config.data_dir, &database).await
}

/// What a drill found out.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Drill {
    pub restored: Report,
    /// Milliseconds of work that would have been lost now. Without anything committed meanwhile this is how long nothing was said.
    pub rpo_ms: i64,
    /// Milliseconds until everything was back.
    pub rto_ms: i64,
}

/// Restores the newest backup and its log into a folder that is removed again, follows every page and index, and says how much would have
/// been lost and how long it took.
pub async fn restore_drill(config: &Config, url: Option<&str>) -> Result<Drill, Fault> {
    let store = store(config, url, false).await?;
    let room = |error| Fault::Io(config.data_dir.display().to_string(), error);
    machine::private_folder(&config.data_dir).map_err(room)?;
    let aside = tempfile::Builder::new().prefix(".drill-").tempdir_in(&config.data_dir).map_err(room)?;
    let (began, asked) = (Instant::now(), clock::now_ms());
    let wish = Wish { thorough: true, ..Wish::default() };
    let restored = llmos_backup::restore(&store, &wish, aside.path(), &aside.path().join("llmos.sqlite")).await?;
    let rto_ms = i64::try_from(began.elapsed().as_millis()).unwrap_or(i64::MAX);
    Ok(Drill { rpo_ms: (asked - restored.moment).max(0), restored, rto_ms })
}

/// Backs up, if it is configured to, until `quiet` says that nothing writes any more; what was written last is shipped then.
pub async fn keep(state: AppState, quiet: CancellationToken) {
    let Some(backups) = state.config.backups.clone() else { return };
    if state.db.engine() != Engine::Sqlite {
        tracing::warn!("BACKUP_URL is for SQLite: PostgreSQL has tools of its own (docs/backups.md)");
        return;
    }
    // The log is read and folded on a thread of its own: it waits for the disk, and nothing else has to.
    let runtime = tokio::runtime::Handle::current();
    let keeping = tokio::task::spawn_blocking(move || runtime.block_on(Keeper::new(state, backups).run(&quiet)));
    if let Err(error) = keeping.await {
        tracing::error!(%error, "backups have stopped");
    }
}

/// When a backup was made, in UTC milliseconds, and what ships the log to it.
type Begun = Result<(i64, Option<Shipper>), Fault>;

struct Keeper {
    state: AppState,
    backups: Backups,
    shipper: Option<Shipper>,
    beginning: Option<oneshot::Receiver<Begun>>,
    /// When the next backup is due, in UTC milliseconds.
    due: i64,
    /// Whether the store could be written at the last try: a fault is said once.
    reached: bool,
}

impl Keeper {
    fn new(state: AppState, backups: Backups) -> Self {
        let mut keeper = Self { state, backups, shipper: None, beginning: None, due: 0, reached: true };
        keeper.due = keeper.next_due();
        if keeper.backups.log {
            keeper.begin(Cause::Start);
        }
        keeper
    }

    fn next_due(&self) -> i64 {
        Schedule::next(&self.backups.schedule, "UTC", clock::now_ms()).unwrap_or(i64::MAX)
    }

    async fn run(mut self, quiet: &CancellationToken) {
        let mut tick = tokio::time::interval(SHIP);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let shutdown = self.state.shutdown.clone();
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = self.look_back() => {}
        }
        loop {
            tokio::select! {
                () = quiet.cancelled() => break,
                _ = tick.tick() => {}
            }
            self.ship().await;
            self.look_at_the_new_one().await;
            if clock::now_ms() >= self.due && self.beginning.is_none() && !shutdown.is_cancelled() {
                self.due = self.next_due();
                self.begin(Cause::Asked);
            }
        }
        self.ship().await;
        if self.shipper.is_some() && !self.reached {
            tracing::error!("what was written last is on this disk alone: the backup store could not be reached");
        }
    }

    /// Finds the newest backup of the process before this one.
    async fn look_back(&self) {
        // The one that begins beside this makes the store: two must not.
        let found = async { newest(&store(&self.state.config, None, false).await?).await };
        match found.await {
            Ok(newest) => self.state.backups.made(newest.unwrap_or_default()),
            Err(Fault::Refused(_)) => {}
            Err(error) => {
                tracing::error!(%error, "the backup store cannot be looked at");
                self.state.backups.fails(true);
            }
        }
    }

    /// Starts a backup beside the log that is being shipped: until it is there, the one before goes on.
    fn begin(&mut self, cause: Cause) {
        let (config, backups) = (self.state.config.clone(), self.backups.clone());
        // Packing takes a whole core for a while; whoever asks the server something meanwhile should not notice.
        self.beginning = Some(machine::giving_way("backup", async move {
            let source = source(&config)?;
            let store = store(&config, None, true).await?;
            let (id, shipper) = if backups.log {
                let shipper = Shipper::begin(store.clone(), source, cause).await?;
                (shipper.backup().to_owned(), Some(shipper))
            } else {
                (llmos_backup::take(&store, &source, cause).await?.id, None)
            };
            if let Err(error) = llmos_backup::keep(&store, backups.keep).await {
                tracing::warn!(%error, "old backups could not be removed");
            }
            Ok((llmos_backup::moment_id(&id).unwrap_or_default(), shipper))
        }));
    }

    async fn look_at_the_new_one(&mut self) {
        let Some(begun) = self.beginning.as_mut().map(oneshot::Receiver::try_recv) else { return };
        if matches!(begun, Err(TryRecvError::Empty)) {
            return;
        }
        self.beginning = None;
        match begun {
            Ok(Ok((made, shipper))) => {
                // The last of the one before, so that each moment is in one of the two.
                self.ship().await;
                self.shipper = shipper;
                self.reached = true;
                self.state.backups.made(made);
                self.state.backups.fails(false);
                tracing::info!(backup = self.shipper.as_ref().map(Shipper::backup), "a backup was made");
            }
            Ok(Err(error)) => self.failed(&error),
            Err(error) => self.failed(&error),
        }
    }

    fn failed(&mut self, error: &dyn std::fmt::Display) {
        tracing::error!(%error, "the backup was not made: it is tried again in a minute");
        self.state.backups.fails(true);
        self.due = self.due.min(clock::now_ms() + AGAIN_MS);
    }

    async fn ship(&mut self) {
        let Some(shipper) = &mut self.shipper else { return };
        let began = clock::now_ms();
        let shipped = match shipper.ship().await {
            Ok(()) if shipper.is_long() && self.beginning.is_none() => fold(&self.state, shipper).await,
            other => other,
        };
        match shipped {
            Ok(()) => {
                self.state.backups.safe(began);
                if !std::mem::replace(&mut self.reached, true) {
                    self.state.backups.fails(false);
                    tracing::info!("backups go on");
                }
            }
            Err(error) if error.is_passing() => {
                if std::mem::take(&mut self.reached) {
                    self.state.backups.fails(true);
                    tracing::error!(%error, "what was written does not reach the backup store: it waits here");
                }
            }
            Err(error) => {
                self.shipper = None;
                self.failed(&error);
            }
        }
    }
}

/// Folds the log: most of it while others write, the little that is left while nobody does.
async fn fold(state: &AppState, shipper: &mut Shipper) -> Result<(), Fault> {
    shipper.fold_ahead()?;
    let Ok(nobody_writes) = state.db.write_tx().await else { return Ok(()) };
    let folded = shipper.fold();
    if let Err(error) = nobody_writes.rollback().await {
        tracing::debug!(%error, "the writer was given back");
    }
    folded
}

/// Whether `url` is a folder inside of DATA_DIR, where it would be lost with it.
pub fn is_inside(url: &str, data_dir: &Path) -> bool {
    let path = Path::new(url.strip_prefix("file://").unwrap_or(url));
    !url.starts_with("s3://") && real(path).starts_with(real(data_dir))
}

/// Where a path leads: whole, and without links as far as it is there.
fn real(path: &Path) -> PathBuf {
    let whole = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let there = whole.ancestors().find_map(|ancestor| Some((ancestor.canonicalize().ok()?, whole.strip_prefix(ancestor).ok()?)));
    let Some((mut real, rest)) = there else { return whole.clone() };
    for part in rest.components() {
        if part == Component::ParentDir {
            real.pop();
        } else {
            real.push(part);
        }
    }
    real
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_in_the_data_folder_is_found_there_however_it_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let (data, link) = (folder.path().join("data"), folder.path().join("link"));
        std::fs::create_dir(&data).expect("made");
        std::os::unix::fs::symlink(&data, &link).expect("linked");
        let text = |path: &Path| path.display().to_string();
        for inside in [text(&data), text(&data.join("new/one")), text(&link.join("backups")), format!("file://{}", text(&data))] {
            assert!(is_inside(&inside, &data) && is_inside(&inside, &link), "{inside}");
        }
        for outside in
            [text(folder.path()), text(&folder.path().join("data.old")), text(&data.join("../backups")), "s3://data/x".to_owned()]
        {
            assert!(!is_inside(&outside, &data), "{outside}");
        }
        // As both are by default, below the folder that the server was started in.
        assert!(is_inside("data/backups", Path::new("data")) && is_inside("./data/x", Path::new("data")));
        let here = std::env::current_dir().expect("a folder");
        assert!(is_inside(&text(&here.join("data/backups")), Path::new("data")));
    }

    #[test]
    fn a_backup_is_overdue_when_its_time_and_an_hour_have_passed() {
        let at = |text: &str| clock::parse_rfc3339(text).expect("a time");
        let backups = Backups { url: "/elsewhere".to_owned(), schedule: "30 1 * * *".to_owned(), keep: 1, log: true };
        let made = at("2026-11-23T01:30:05Z");
        assert!(!backups.is_overdue(made, at("2026-11-24T02:29:00Z")));
        assert!(backups.is_overdue(made, at("2026-11-24T02:31:00Z")));
        assert!(!backups.is_overdue(made, made - clock::DAY), "a clock that went back makes none overdue");
    }
}
