//! What `/metrics` says, in Prometheus' text format 0.0.4. Requests are counted as they end; everything else is looked at when somebody asks.
//! Names follow <https://prometheus.io/docs/practices/naming/>: base units, `_total` for what only grows.

use std::{sync::atomic::AtomicU64, time::Duration};

use axum::{extract::MatchedPath, http::Method};
use prometheus_client::{
    encoding::{EncodeLabelSet, prometheus_text},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram, info::Info},
    registry::Registry,
};

use super::{
    clock,
    context::Ctx,
    db::{Db, Engine},
    machine,
};
use crate::features::{collaboration, jobs, notifications, search, webhooks};

pub use prometheus_text::CONTENT_TYPE;

/// Upper bounds of what requests took, in seconds.
const BOUNDS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Route {
    method: &'static str,
    /// The template, never the address: there are few of them, and they say nothing of anybody.
    route: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Ended {
    method: &'static str,
    route: String,
    status: u16,
}

/// What is counted as it happens.
#[derive(Clone, Debug)]
pub struct Metrics {
    requests: Family<Ended, Counter>,
    durations: Family<Route, Histogram, fn() -> Histogram>,
}

impl Default for Metrics {
    fn default() -> Self {
        Self { requests: Family::default(), durations: Family::new_with_constructor(|| Histogram::new(BOUNDS)) }
    }
}

impl Metrics {
    /// A request has ended.
    pub fn request(&self, method: &Method, route: &str, status: u16, took: Duration) {
        let (method, route) = (method_word(method), route.to_owned());
        self.durations.get_or_create(&Route { method, route: route.clone() }).observe(took.as_secs_f64());
        self.requests.get_or_create(&Ended { method, route, status }).inc();
    }
}

/// The template of a request's route. What matched none is a page or a file, which have too many addresses to be told apart.
pub fn route_of(matched: Option<&MatchedPath>, is_html: bool) -> &str {
    match (matched, is_html) {
        (Some(matched), _) => matched.as_str(),
        (None, true) => "page",
        (None, false) => "file",
    }
}

fn method_word(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

type Labels = Vec<(&'static str, String)>;
type Values = Family<Labels, Gauge<f64, AtomicU64>>;

/// Takes measurements and gives them names.
struct Taken(Registry);

impl Taken {
    fn gauge(&mut self, name: &str, help: &str, value: f64) {
        self.gauges(name, help, [(Labels::new(), value)]);
    }

    fn gauges(&mut self, name: &str, help: &str, values: impl IntoIterator<Item = (Labels, f64)>) {
        let family = Values::default();
        for (labels, value) in values {
            family.get_or_create(&labels).set(value);
        }
        self.0.register(name, help, family);
    }

    fn counter(&mut self, name: &str, help: &str, value: f64) {
        let counter = Counter::<f64, AtomicU64>::default();
        counter.inc_by(value);
        self.0.register(name, help, counter);
    }
}

fn label(name: &'static str, value: &str) -> Labels {
    vec![(name, value.to_owned())]
}

/// Everything, as text. What cannot be found out now is left out, so that a database that is away does not hide the rest.
pub async fn text(ctx: &Ctx) -> String {
    let mut taken = Taken(Registry::default());
    let state = &ctx.state;
    let version = label("version", env!("CARGO_PKG_VERSION"));
    taken.0.register("llmos_build", "The version that runs", Info::new(version));
    taken.0.register("llmos_http_requests", "Requests that ended", state.metrics.requests.clone());
    taken.0.register("llmos_http_request_duration_seconds", "How long requests took", state.metrics.durations.clone());
    rooms(ctx, &mut taken);
    nodes(ctx, &mut taken);
    index(ctx, &mut taken);
    database(&state.db, &state.config.database_url, &mut taken);
    queues(ctx, &mut taken).await;
    backups(ctx, &mut taken);
    if let Some(disk) = machine::disk(&state.config.data_dir) {
        taken.gauge("llmos_disk_free_bytes", "Free bytes where DATA_DIR is", disk.free as f64);
        taken.gauge("llmos_disk_size_bytes", "All bytes where DATA_DIR is", disk.size as f64);
    }
    certificate(ctx, &mut taken);
    process(&mut taken);
    let mut text = String::new();
    match prometheus_text::encode(&mut text, &taken.0) {
        Ok(()) => text,
        Err(error) => {
            tracing::error!(%error, "the metrics could not be written");
            String::new()
        }
    }
}

/// Of several: where one serves alone there is nothing to say.
fn nodes(ctx: &Ctx, taken: &mut Taken) {
    let cluster = &ctx.state.cluster;
    if cluster.is_shared() {
        taken.gauge("llmos_nodes", "Nodes that live, as this one knows", cluster.nodes().len() as f64);
        taken.gauge("llmos_nodes_heard", "1: other nodes can be heard; 0: this one goes on alone", f64::from(!cluster.is_cut_off()));
    }
}

fn rooms(ctx: &Ctx, taken: &mut Taken) {
    let (sockets, total) = collaboration::service::totals(ctx);
    taken.gauge("llmos_sockets", "Open sockets", sockets as f64);
    taken.gauge("llmos_rooms", "Rooms in memory", total.rooms as f64);
    taken.gauge("llmos_documents", "Documents that are being edited", total.documents as f64);
    taken.counter("llmos_room_events", "Events told in rooms", total.told as f64);
    taken.gauge("llmos_room_frames_dropped", "Frames left out for those who do not keep up, of the rooms in memory", total.dropped as f64);
    taken.gauge("llmos_room_events_unsaved", "Events that are not on disk yet", total.unsaved as f64);
    taken.gauge("llmos_room_queue_bytes", "What waits for readers of rooms", total.queued_bytes as f64);
    taken.gauge("llmos_room_lag_seconds", "How far the slowest reader of a room is behind", total.lag_ms as f64 / 1_000.0);
}

fn index(ctx: &Ctx, taken: &mut Taken) {
    let search = search::service::status(ctx);
    taken.gauge("llmos_search_documents", "Documents in the search index", search.documents as f64);
    taken.gauge("llmos_search_documents_waiting", "Documents whose vectors are still to be made", search.waiting as f64);
    taken.gauge("llmos_search_model_ready", "1: search goes by meaning; 0: by words", f64::from(search.meaning == "ready"));
}

fn database(db: &Db, url: &str, taken: &mut Taken) {
    let connections = db.pools().flat_map(|(name, pool)| {
        let of = |state: &str| vec![("pool", name.to_owned()), ("state", state.to_owned())];
        let idle = pool.num_idle() as f64;
        [(of("idle"), idle), (of("used"), (f64::from(pool.size()) - idle).max(0.0))]
    });
    taken.gauges("llmos_database_connections", "Connections to the database", connections);
    let help = "How long writing transactions waited to begin";
    taken.0.register("llmos_database_writer_wait_seconds", help, db.waits().0.clone());
    if let Some(size) = Db::sqlite_file(url).and_then(|file| std::fs::metadata(file).ok()) {
        taken.gauge("llmos_database_size_bytes", "The database's file", size.len() as f64);
    }
}

async fn queues(ctx: &Ctx, taken: &mut Taken) {
    if let Ok(queues) = jobs::service::queues(ctx).await {
        let jobs = queues.iter().flat_map(|queue| {
            let of = |state: &str| vec![("kind", queue.kind.clone()), ("state", state.to_owned())];
            [(of("queued"), queue.queued as f64), (of("running"), queue.running as f64), (of("failed"), queue.failed as f64)]
        });
        taken.gauges("llmos_jobs", "Background jobs", jobs);
        let waits = queues.iter().map(|queue| (label("kind", &queue.kind), queue.waiting_ms as f64 / 1_000.0));
        taken.gauges("llmos_job_wait_seconds", "How long the job that is due longest has waited", waits);
    }
    if let Ok((waiting, failed)) = webhooks::service::open(ctx).await {
        let values = [(label("state", "waiting"), waiting as f64), (label("state", "failed"), failed as f64)];
        taken.gauges("llmos_webhook_deliveries", "Deliveries from GitHub that are not done", values);
    }
    if let Ok(waiting) = notifications::service::waiting(ctx).await {
        taken.gauge("llmos_notification_deliveries_waiting", "Mail and push messages that wait", waiting as f64);
    }
}

/// Nothing where none are made.
fn backups(ctx: &Ctx, taken: &mut Taken) {
    if ctx.state.config.backups.is_none() || ctx.db().engine() != Engine::Sqlite {
        return;
    }
    let seen = ctx.state.backups.seen();
    if let Some(newest) = seen.newest {
        taken.gauge(
            "llmos_backup_newest_timestamp_seconds",
            "When the newest backup was made, in seconds since 1970",
            newest as f64 / 1_000.0,
        );
    }
    if let Some(safe) = seen.safe_until {
        let lag = (clock::now_ms() - safe).max(0);
        taken.gauge("llmos_backup_log_lag_seconds", "How far the log in the backup store is behind", lag as f64 / 1_000.0);
    }
    taken.gauge("llmos_backup_failing", "1: the last try to make a backup or to ship the log failed", f64::from(seen.fails));
}

/// Of a server that speaks TLS itself.
fn certificate(ctx: &Ctx, taken: &mut Taken) {
    if ctx.state.config.tls.is_none() {
        return;
    }
    let certificates = &ctx.state.certificates;
    let left = certificates.shown().map_or(0, |shown| shown.ends - ctx.now());
    taken.gauge("llmos_certificate_days_left", "Days until the certificate ends; below 0 it has", left as f64 / clock::DAY as f64);
    let failures = certificates.trouble().map_or(0, |trouble| trouble.failures);
    taken.gauge("llmos_certificate_failures", "Tries to get a newer certificate that failed in a row", f64::from(failures));
}

/// Under the names that all programs have them.
fn process(taken: &mut Taken) {
    let Some(process) = machine::process() else { return };
    taken.gauge("process_resident_memory_bytes", "Memory of the process", process.resident as f64);
    taken.gauge("process_open_fds", "Open files, sockets among them", process.files as f64);
    taken.counter("process_cpu_seconds", "Time of processors that the process used", process.cpu.as_secs_f64());
    taken.gauge("process_start_time_seconds", "When the process started, in seconds since 1970", process.started_ms as f64 / 1_000.0);
}
