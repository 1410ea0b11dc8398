//! What the running server reads, and what it makes of it; [`source`] says where from. A value that cannot be used stops the start with one
//! sentence.

pub mod proxies;
pub mod source;
pub mod tls;
mod values;

use std::{
    fmt,
    net::SocketAddr,
    num::{NonZeroU32, NonZeroUsize},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use serde::Deserialize;

use self::{
    proxies::Proxies,
    source::{Flags, Setting, Source},
    tls::Tls,
    values::{
        attributes, backup_secret, listed, log_filter, model_dir, nats_addresses, place, secret_key, smtp_url, socket_url, web_address,
    },
};
use super::{
    backups::{self, Backups},
    github_app::GitHubApp,
    outgoing::{GitRules, OidcRules, PushRules},
    rates::RateSettings,
    telemetry,
};
use crate::features::{
    accounts::model::KeyProvider, collaboration::service::limits::SocketLimits, jobs::service::Schedule, search::service::MODEL_HOME,
    webhooks::model::AllowList,
};

const EMBEDDED: &str = include_str!("../../Leptos.toml");
const FILE: &str = "Leptos.toml";

/// Which addresses of a release's texts are asked whether they are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Links {
    Unlooked,
    /// Those in the public network.
    Public,
    /// Any; for tests.
    Any,
}

const LLM_CONTEXT: usize = 32_000;
const LLM_CONTEXT_MIN: usize = 2_000;
const HIDE_AFTER: NonZeroUsize = NonZeroUsize::new(3).unwrap();
const SLOW_QUERY_MS: u64 = 1_000;
const BLOB_CACHE_MB: u64 = 1_024;
const RAW_MONTHS: NonZeroU32 = NonZeroU32::new(13).unwrap();
/// More than any person waits for; what comes then is told to come again, before everything gets slow.
const REQUESTS_AT_ONCE: NonZeroUsize = NonZeroUsize::new(1_024).unwrap();
const OIDC_NAME: &str = "Single sign-on";
const OIDC_SCOPES: &str = "openid profile email";

/// The configuration of one process. `Debug` leaves secrets out.
#[derive(Clone)]
pub struct Config {
    /// Where the one listener binds.
    pub addr: SocketAddr,
    /// TLS that the server speaks itself; without it a proxy in front does, or nobody.
    pub tls: Option<Tls>,
    /// Where the SQLite file, blobs, staged imports and the local socket live.
    pub data_dir: PathBuf,
    pub database_url: String,
    /// Where other nodes on the same database are heard; none: this one serves alone.
    pub nats_url: Option<String>,
    /// For so long a node that was asked to stop serves on, so that balancers send nobody there any more.
    pub drain: Duration,
    /// The address that people use, without a trailing slash; decides the Secure flag of cookies and what counts as our origin.
    pub site_url: Option<String>,
    pub analytics_enabled: bool,
    /// How long usage events are kept; what they add up to is kept for ever.
    pub analytics_raw_months: u32,
    pub github: Option<GitHub>,
    /// Another issuer that people sign in at.
    pub oidc: Option<Oidc>,
    /// Who may open an account where anybody may.
    pub sign_up: SignUp,
    pub github_url: String,
    pub github_api_url: String,
    /// What this server asks GitHub with on its own behalf.
    pub github_token: Option<String>,
    /// The app that links get their tokens of.
    pub github_app: Option<GitHubApp>,
    /// What GitHub signs its deliveries with; several while it is changed.
    pub webhook_secrets: Vec<String>,
    /// A listener of its own for GitHub's deliveries, beside the first one.
    pub webhook_addr: Option<SocketAddr>,
    pub webhook_allow_list: AllowList,
    /// Those whose deliveries are looked for at GitHub, beside those that have a secret of their own.
    pub webhook_repositories: Vec<String>,
    /// Peers whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Proxies,
    pub log_format: LogFormat,
    /// What is logged, as `tracing` reads it.
    pub log_filter: String,
    /// Signs tokens that last a minute; without one a file in DATA_DIR is made.
    pub secret_key: Option<String>,
    /// A listener of its own for the room socket, beside the first one.
    pub ws_addr: Option<SocketAddr>,
    /// Where pages find the sockets, when that is not where they came from: `wss://live.example.org`, without a slash at its end.
    pub ws_url: Option<String>,
    /// The directory of the model that search goes by meaning with, as Hugging Face lays it out.
    pub embedding_model_dir: PathBuf,
    /// What the names of its files are put behind, to fetch it.
    pub embedding_model_url: String,
    pub embedding_backend: EmbeddingBackend,
    /// The key of the server at OpenAI; teams may have their own.
    pub openai_api_key: Option<String>,
    /// What the paths of OpenAI's API are put behind: another service that speaks like it may stand there.
    pub openai_base_url: String,
    /// The language model that answers in sessions; without one there is no assistant.
    pub llm_model: Option<String>,
    /// Tokens that one request to it may have.
    pub llm_context: usize,
    /// Times of the assistant; not configurable from outside.
    pub assistant: AssistantTimes,
    /// Requests that one caller may make each minute.
    pub rates: RateSettings,
    /// Requests that are worked on at the same time.
    pub requests_at_once: usize,
    /// Times of open sockets; not configurable from outside.
    pub sockets: SocketLimits,
    /// The server whose registry the command line asks; none: this one.
    pub market_url: Option<String>,
    /// Whether the marketplace can be read without an account.
    pub market_public: bool,
    /// Whether somebody else than who submitted it has to look at a first release.
    pub market_four_eyes: bool,
    /// After so many independent grave reports an item is hidden until a moderator has looked at it.
    pub market_hide_after: usize,
    /// Whether clean updates of verified publishers pass without a moderator.
    pub market_auto_pass: bool,
    /// Whether the outside links of a release are looked at before its review.
    pub market_links: Links,
    /// Where ClamAV's daemon is: `host:port`, or the path of its socket.
    pub clamd_addr: Option<String>,
    /// Which servers of Git are talked to.
    pub git: GitRules,
    /// The server that takes our mail; without one there is no mail.
    pub smtp: Option<Smtp>,
    /// What push services know this server by; without one it is made from the server's own key.
    pub vapid_private_key: Option<String>,
    /// Whom push services write to: `mailto:…` or `https://…`.
    pub vapid_subject: Option<String>,
    /// Which push services are talked to.
    pub push: PushRules,
    /// Times of what goes out beside the bell; not configurable from outside.
    pub delivery: DeliveryTimes,
    /// What opens `/metrics` from elsewhere than this machine and its proxies.
    pub metrics_token: Option<String>,
    /// Statements of the database that take longer are in the log.
    pub slow_query: Duration,
    /// Where traces and logs are sent to besides: the address of a collector of OpenTelemetry, over HTTP.
    pub otlp_endpoint: Option<String>,
    /// What this server is called there, …
    pub otel_service_name: Option<String>,
    /// … and what else is said of it, by name.
    pub otel_attributes: Vec<(String, String)>,
    /// Every setting with its origin, as it may be shown.
    pub settings: Arc<[Setting]>,
    pub service_worker: ServiceWorker,
    /// Where blobs are, if not in DATA_DIR: a folder, or `s3://bucket/prefix`.
    pub blob_url: Option<String>,
    /// Bytes of them that this machine keeps as well.
    pub blob_cache: u64,
    /// What opens the buckets of files and of backups: names and values, as AWS' own programs have them.
    pub s3: Vec<(String, String)>,
    /// Where backups go by themselves.
    pub backups: Option<Backups>,
    /// What backups are encrypted with.
    pub backup_secret: Option<llmos_backup::Secret>,
    /// Log in people's sample team and volume at the first start.
    pub demo: bool,
}

/// What `/sw.js` is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServiceWorker {
    On,
    /// One that takes the place of a broken one, empties its caches and answers nothing.
    Recall,
}

/// A server that takes mail.
#[derive(Clone)]
pub struct Smtp {
    /// With credentials, as the crate that speaks to it reads it.
    pub url: String,
    pub from: String,
}

/// In milliseconds.
#[derive(Clone, Copy, Debug)]
pub struct DeliveryTimes {
    /// For so long what is about the same is gathered into one message.
    pub gather_ms: i64,
    /// Before the second try; later ones wait longer.
    pub first_pause_ms: i64,
}

impl Default for DeliveryTimes {
    fn default() -> Self {
        Self { gather_ms: 45_000, first_pause_ms: 30_000 }
    }
}

/// In milliseconds.
#[derive(Clone, Copy, Debug)]
pub struct AssistantTimes {
    /// For so long the language model's service may say nothing.
    pub idle_ms: u64,
    /// Before the second try; later ones wait longer.
    pub first_pause_ms: i64,
    /// For so long a call of a tool waits for somebody.
    pub decision_ms: u64,
}

impl Default for AssistantTimes {
    fn default() -> Self {
        Self { idle_ms: 90_000, first_pause_ms: 1_000, decision_ms: 15 * 60_000 }
    }
}

/// A GitHub OAuth application.
#[derive(Clone)]
pub struct GitHub {
    pub client_id: String,
    pub client_secret: String,
}

/// An issuer of OpenID Connect, and what this server is there.
#[derive(Clone)]
pub struct Oidc {
    /// To the letter as it calls itself.
    pub issuer: String,
    pub client_id: String,
    pub client_secret: String,
    /// As people are told.
    pub name: String,
    /// Words with spaces between; `openid` is among them.
    pub scopes: String,
    /// Where it may be.
    pub rules: OidcRules,
}

/// Who may open an account without an invitation, where an administrator has allowed that.
#[derive(Clone, Debug)]
pub struct SignUp {
    /// Mail domains in lower case; none: any.
    pub domains: Vec<String>,
}

/// Where the vectors of search come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EmbeddingBackend {
    /// A model on this machine.
    Local,
    OpenAi,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    Text,
    Json,
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("addr", &self.addr)
            .field("data_dir", &self.data_dir)
            .field("site_url", &self.site_url)
            .field("github", &self.github.is_some())
            .finish_non_exhaustive()
    }
}

/// A value that cannot be used, named so that a person can mend it.
#[derive(Debug, thiserror::Error)]
#[error("{name}: {problem}")]
pub struct ConfigError {
    name: String,
    problem: String,
}

impl ConfigError {
    fn new(name: &str, problem: impl Into<String>) -> Self {
        Self { name: name.to_owned(), problem: problem.into() }
    }
}

impl Config {
    /// Reads what the process was started with: its flags, its environment, and the file beside it.
    pub fn load(flags: &Flags) -> Result<Self, ConfigError> {
        let beside = match &flags.config_file {
            Some(path) => std::fs::read_to_string(path)
                .map_err(|error| ConfigError::new("--config-file", format!("{} cannot be read: {error}", path.display())))?,
            None => std::fs::read_to_string(FILE).unwrap_or_default(),
        };
        Self::read(flags.settings()?, &|name| std::env::var(name).ok(), &beside)
    }

    /// The same from given sources; pure, for tests.
    pub fn from_sources(environment: &dyn Fn(&str) -> Option<String>, beside: &str) -> Result<Self, ConfigError> {
        Self::read(Vec::new(), environment, beside)
    }

    fn read(flags: Vec<(String, String)>, environment: &dyn Fn(&str) -> Option<String>, beside: &str) -> Result<Self, ConfigError> {
        let source = Source::new(flags, environment, beside, EMBEDDED)?;
        let (tls, addr) = Tls::read(&source)?;
        let data_dir = PathBuf::from(source.get_or("DATA_DIR", "data")?);
        let database_url = source.get_or("DATABASE_URL", format!("sqlite:{}", data_dir.join("llmos.sqlite").display()))?;
        if !["sqlite:", "postgres:", "postgresql:"].iter().any(|scheme| database_url.starts_with(scheme)) {
            return Err(ConfigError::new("DATABASE_URL", "it starts neither with sqlite: nor with postgres:"));
        }
        let secret_key = source.get("SECRET_KEY")?.map(secret_key).transpose()?;
        let nats_url = source.get("NATS_URL")?.as_deref().map(nats_addresses).transpose()?;
        if nats_url.is_some() && database_url.starts_with("sqlite:") {
            return Err(ConfigError::new(
                "NATS_URL",
                "several nodes need PostgreSQL: set DATABASE_URL to postgres://…, or leave NATS_URL out",
            ));
        }
        if nats_url.is_some() && secret_key.is_none() {
            return Err(ConfigError::new("SECRET_KEY", "all nodes need the same one, so set it wherever NATS_URL is set"));
        }
        let github = match (source.get("GITHUB_CLIENT_ID")?, source.get("GITHUB_CLIENT_SECRET")?) {
            (Some(client_id), Some(client_secret)) => Some(GitHub { client_id, client_secret }),
            (None, None) => None,
            _ => {
                return Err(ConfigError::new("GITHUB_CLIENT_ID", "it and GITHUB_CLIENT_SECRET go together"));
            }
        };
        let oidc = oidc_from(&source)?;
        let github_app = match (source.get("GITHUB_APP_ID")?, source.get("GITHUB_APP_KEY")?) {
            (Some(id), Some(key)) => Some(GitHubApp::new(id, &key).map_err(|problem| ConfigError::new("GITHUB_APP_KEY", problem))?),
            (None, None) => None,
            _ => return Err(ConfigError::new("GITHUB_APP_ID", "it and GITHUB_APP_KEY go together")),
        };
        let smtp = match (source.get("SMTP_URL")?, source.get("SMTP_FROM")?) {
            (Some(url), Some(from)) => Some(Smtp { url: smtp_url(&url)?, from }),
            (Some(_), None) => {
                let problem = "the address that mail comes from is missing, such as “Harbor <llmos@example.org>”".to_owned();
                return Err(ConfigError::new("SMTP_FROM", problem));
            }
            (None, _) => None,
        };
        let vapid_subject = source.get("VAPID_SUBJECT")?;
        if let Some(subject) =
            vapid_subject.as_deref().filter(|subject| !(subject.starts_with("mailto:") || subject.starts_with("https://")))
        {
            let problem = format!("“{subject}” begins neither with mailto: nor with https://");
            return Err(ConfigError::new("VAPID_SUBJECT", problem));
        }
        let allow_list = source.get_or("WEBHOOK_ALLOW_LIST", AllowList::default().as_str())?;
        let webhook_allow_list = AllowList::parse(&allow_list)
            .ok_or_else(|| ConfigError::new("WEBHOOK_ALLOW_LIST", format!("“{allow_list}” is neither shadow, nor enforce, nor off")))?;
        let site_url = source.get("SITE_URL")?.map(|url| web_address("SITE_URL", url)).transpose()?;
        if let (Some(tls), Some(url)) = (&tls, &site_url) {
            tls.check_site(url)?;
        }
        let site_url = site_url.or_else(|| tls.as_ref()?.site_url(addr));
        let service_worker = match source.get_or("SERVICE_WORKER", "on")?.as_str() {
            "on" => ServiceWorker::On,
            "recall" => ServiceWorker::Recall,
            other => return Err(ConfigError::new("SERVICE_WORKER", format!("“{other}” is neither on nor recall"))),
        };
        let trusted_proxies = Proxies::read(&listed(source.get("TRUSTED_PROXIES")?))?;
        let log_format = match source.get_or("LOG_FORMAT", "text")?.as_str() {
            "text" => LogFormat::Text,
            "json" => LogFormat::Json,
            other => {
                return Err(ConfigError::new("LOG_FORMAT", format!("“{other}” is neither text nor json")));
            }
        };
        let (ws_url, alias) = (source.get("WS_URL")?, source.get("NEXT_PUBLIC_WS_URL")?);
        let ws_url = ws_url.or(alias).as_deref().map(socket_url).transpose()?;
        let (market_url, alias) = (source.get("MARKETPLACE_URL")?, source.get("NEXT_PUBLIC_MARKETPLACE_URL")?);
        // The alias had the path of the registry behind it.
        let market_url = market_url.or_else(|| alias.map(|url| url.trim_end_matches('/').trim_end_matches("/api/marketplace").to_owned()));
        let embedding_backend = match source.get_or("EMBEDDING_BACKEND", "local")?.as_str() {
            "local" => EmbeddingBackend::Local,
            "openai" => EmbeddingBackend::OpenAi,
            other => {
                return Err(ConfigError::new("EMBEDDING_BACKEND", format!("“{other}” is neither local nor openai")));
            }
        };
        let embedding_model_dir = source.get_or("EMBEDDING_MODEL_DIR", model_dir(&data_dir, environment).display())?;
        let llm_context = source.parse_or("LLM_CONTEXT", "a number of tokens from 2000", LLM_CONTEXT)?.max(LLM_CONTEXT_MIN);
        let backups = backups_from(&source, &data_dir)?;
        let config = Self {
            addr,
            tls,
            data_dir,
            database_url,
            nats_url,
            drain: Duration::from_secs(source.parse_or("DRAIN_SECONDS", "a number of seconds", 0_u64)?),
            site_url,
            analytics_enabled: source.parse_or("ANALYTICS_ENABLED", "true or false", true)?,
            analytics_raw_months: source.parse_or("ANALYTICS_RAW_MONTHS", "a number of months above 0", RAW_MONTHS)?.get(),
            github,
            oidc,
            sign_up: SignUp { domains: listed(source.get("SIGN_UP_DOMAINS")?.map(|domains| domains.to_lowercase())) },
            github_url: web_address("GITHUB_URL", source.get_or("GITHUB_URL", "https://github.com")?)?,
            github_api_url: web_address("GITHUB_API_URL", source.get_or("GITHUB_API_URL", "https://api.github.com")?)?,
            github_token: source.get("GITHUB_TOKEN")?,
            github_app,
            webhook_secrets: listed(source.get("GITHUB_WEBHOOK_SECRET")?),
            webhook_addr: source.parse("WEBHOOK_ADDR", "an address such as 127.0.0.1:3002")?,
            webhook_allow_list,
            webhook_repositories: listed(source.get("WEBHOOK_REPOSITORIES")?),
            trusted_proxies,
            log_format,
            log_filter: log_filter(source.get_or("RUST_LOG", telemetry::LOGGED)?)?,
            secret_key,
            ws_addr: source.parse("WS_ADDR", "an address such as 127.0.0.1:3001")?,
            ws_url,
            embedding_model_dir: PathBuf::from(embedding_model_dir),
            embedding_model_url: web_address("EMBEDDING_MODEL_URL", source.get_or("EMBEDDING_MODEL_URL", MODEL_HOME)?)?,
            embedding_backend,
            openai_api_key: source.get("OPENAI_API_KEY")?,
            openai_base_url: web_address("OPENAI_BASE_URL", source.get_or("OPENAI_BASE_URL", "https://api.openai.com/v1")?)?,
            llm_model: source.get("LLM_MODEL")?,
            llm_context,
            assistant: AssistantTimes::default(),
            rates: rates_from(&source)?,
            requests_at_once: source.parse_or("REQUESTS_AT_ONCE", "a number of requests above 0", REQUESTS_AT_ONCE)?.get(),
            sockets: SocketLimits::default(),
            market_url: market_url.map(|url| web_address("MARKETPLACE_URL", url)).transpose()?,
            market_public: source.parse_or("MARKETPLACE_PUBLIC", "true or false", true)?,
            market_four_eyes: source.parse_or("MARKETPLACE_FOUR_EYES", "true or false", true)?,
            market_auto_pass: source.parse_or("MARKETPLACE_AUTO_PASS", "true or false", false)?,
            market_links: if source.parse_or("MARKETPLACE_CHECK_LINKS", "true or false", true)? { Links::Public } else { Links::Unlooked },
            clamd_addr: source.get("CLAMD_ADDR")?,
            market_hide_after: source.parse_or("MARKETPLACE_HIDE_AFTER", "a number of reports above 0", HIDE_AFTER)?.get(),
            git: GitRules {
                hosts: listed(source.get("GIT_HOSTS")?.map(|hosts| hosts.to_lowercase())),
                private: source.parse_or("GIT_PRIVATE", "true or false", false)?,
                ..GitRules::default()
            },
            smtp,
            vapid_private_key: source.get("VAPID_PRIVATE_KEY")?,
            vapid_subject,
            push: PushRules {
                hosts: listed(source.get("PUSH_HOSTS")?.map(|hosts| hosts.to_lowercase())),
                private: source.parse_or("PUSH_PRIVATE", "true or false", false)?,
            },
            delivery: DeliveryTimes::default(),
            service_worker,
            demo: source.parse_or("LLMOS_DEMO", "true or false", false)?,
            metrics_token: source.get("METRICS_TOKEN")?,
            slow_query: Duration::from_millis(source.parse_or("SLOW_QUERY_MS", "a number of milliseconds", SLOW_QUERY_MS)?),
            otlp_endpoint: source
                .parse("OTEL_EXPORTER_OTLP_ENDPOINT", "an address such as http://127.0.0.1:4318")?
                .map(|url: reqwest::Url| url.as_str().trim_end_matches('/').to_owned()),
            otel_service_name: source.get("OTEL_SERVICE_NAME")?,
            otel_attributes: attributes(&source.get("OTEL_RESOURCE_ATTRIBUTES")?.unwrap_or_default())?,
            blob_url: source.get("BLOB_URL")?.map(|url| place("BLOB_URL", url)).transpose()?,
            blob_cache: source.parse_or("BLOB_CACHE_MB", "a number of megabytes", BLOB_CACHE_MB)?.saturating_mul(1 << 20),
            s3: s3_from(&source)?,
            backup_secret: backup_secret(source.get("BACKUP_PASSPHRASE")?, source.get("BACKUP_KEY")?)?,
            backups,
            settings: Arc::default(),
        };
        Ok(Self { settings: source.into_settings()?.into(), ..config })
    }

    /// Whether people reach us over https, so that cookies must be Secure.
    pub fn secure(&self) -> bool {
        self.site_url.as_deref().map_or(self.tls.is_some(), |url| url.starts_with("https:"))
    }

    /// The services outside that this server uses on behalf of teams.
    pub fn key_providers(&self) -> Vec<KeyProvider> {
        let is_used = self.embedding_backend == EmbeddingBackend::OpenAi || self.llm_model.is_some();
        if is_used { vec![KeyProvider::OpenAi] } else { Vec::new() }
    }

    /// The address to put into links.
    pub fn public_url(&self) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        self.site_url.clone().unwrap_or_else(|| format!("{scheme}://{}", self.addr))
    }
}

/// The parts of `a, b`.
pub fn parts(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|part| !part.is_empty())
}

fn rates_from(source: &Source<'_>) -> Result<RateSettings, ConfigError> {
    const WHAT: &str = "a number of requests each minute, or 0 for no limit";
    let usual = RateSettings::default();
    Ok(RateSettings {
        user: source.parse_or("RATE_USER", WHAT, usual.user)?,
        token: source.parse_or("RATE_PROGRAM", WHAT, usual.token)?,
        address: source.parse_or("RATE_ADDRESS", WHAT, usual.address)?,
        route: source.parse_or("RATE_ROUTE", WHAT, usual.route)?,
        costly: source.parse_or("RATE_COSTLY", WHAT, usual.costly)?,
        search: source.parse_or("SEARCH_RATE", "a number of queries above 0", usual.search)?,
        domain: source.parse_or("SIGN_UP_PER_DOMAIN", "a number of accounts above 0", usual.domain)?,
    })
}

fn oidc_from(source: &Source<'_>) -> Result<Option<Oidc>, ConfigError> {
    let (issuer, client_id, client_secret) = (source.get("OIDC_ISSUER")?, source.get("OIDC_CLIENT_ID")?, source.get("OIDC_CLIENT_SECRET")?);
    let name = source.get_or("OIDC_NAME", OIDC_NAME)?;
    let scopes = source.get_or("OIDC_SCOPES", OIDC_SCOPES)?;
    let rules = OidcRules { private: source.parse_or("OIDC_PRIVATE", "true or false", false)?, ..OidcRules::default() };
    let (Some(issuer), Some(client_id), Some(client_secret)) = (&issuer, &client_id, &client_secret) else {
        return if issuer.is_none() && client_id.is_none() && client_secret.is_none() {
            Ok(None)
        } else {
            Err(ConfigError::new("OIDC_ISSUER", "it, OIDC_CLIENT_ID and OIDC_CLIENT_SECRET go together"))
        };
    };
    let url = reqwest::Url::parse(issuer).map_err(|_| ConfigError::new("OIDC_ISSUER", format!("“{issuer}” is not an address")))?;
    rules.check(&url).map_err(|why| ConfigError::new("OIDC_ISSUER", why))?;
    if !scopes.split_whitespace().any(|scope| scope == "openid") {
        return Err(ConfigError::new("OIDC_SCOPES", "“openid” is missing, without which nobody is told who signed in"));
    }
    Ok(Some(Oidc {
        issuer: issuer.clone(),
        client_id: client_id.clone(),
        client_secret: client_secret.clone(),
        name,
        scopes: scopes.split_whitespace().collect::<Vec<_>>().join(" "),
        rules,
    }))
}

fn backups_from(source: &Source<'_>, data_dir: &Path) -> Result<Option<Backups>, ConfigError> {
    const SCHEDULE: &str = "30 1 * * *";
    const KEEP: usize = 14;
    let schedule = source.get_or("BACKUP_SCHEDULE", SCHEDULE)?;
    if Schedule::next(&schedule, "UTC", 0).is_none() {
        return Err(ConfigError::new("BACKUP_SCHEDULE", format!("“{schedule}” is not a cron expression such as {SCHEDULE}")));
    }
    let keep = source.parse_or("BACKUP_KEEP", "a number of backups above 0", KEEP)?.max(1);
    let log = source.parse_or("BACKUP_LOG", "true or false", true)?;
    let Some(url) = source.get("BACKUP_URL")?.map(|url| place("BACKUP_URL", url)).transpose()? else { return Ok(None) };
    if backups::is_inside(&url, data_dir) {
        let problem = format!("“{url}” is inside of DATA_DIR and would be lost with it: name another place");
        return Err(ConfigError::new("BACKUP_URL", problem));
    }
    Ok(Some(Backups { url, schedule, keep, log }))
}

/// What is asked for most of what AWS' programs read in their environment; the rest is taken from there as it is.
fn s3_from(source: &Source<'_>) -> Result<Vec<(String, String)>, ConfigError> {
    let plain: Option<bool> = source.parse("AWS_ALLOW_HTTP", "true or false")?;
    let found = [
        ("AWS_ACCESS_KEY_ID", source.get("AWS_ACCESS_KEY_ID")?),
        ("AWS_SECRET_ACCESS_KEY", source.get("AWS_SECRET_ACCESS_KEY")?),
        ("AWS_SESSION_TOKEN", source.get("AWS_SESSION_TOKEN")?),
        ("AWS_REGION", source.get("AWS_REGION")?),
        ("AWS_ENDPOINT", source.get("AWS_ENDPOINT")?),
        ("AWS_ALLOW_HTTP", plain.map(|allowed| allowed.to_string())),
    ];
    Ok(found.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect())
}

#[cfg(test)]
mod tests {
    use super::{source::HIDDEN, *};

    #[test]
    fn defaults_are_complete() {
        let config = Config::from_sources(&|_| None, "").expect("the embedded file is valid");
        assert_eq!(config.addr.to_string(), "127.0.0.1:3000");
        assert!(config.database_url.starts_with("sqlite:"));
        assert!(!config.secure());
    }

    #[test]
    fn environment_wins_over_the_file() {
        let file = "[app]\ndata-dir = \"/srv/file\"\nsite-url = \"https://file.example/\"";
        let config = Config::from_sources(&|name| (name == "DATA_DIR").then(|| "/srv/env".to_owned()), file).expect("valid");
        assert_eq!(config.data_dir, PathBuf::from("/srv/env"));
        assert_eq!(config.site_url.as_deref(), Some("https://file.example"));
        assert!(config.secure());
    }

    #[test]
    fn the_address_of_the_sockets_is_one_and_nothing_else() {
        let read = |name: &'static str, url: &'static str| {
            Config::from_sources(&move |asked| (asked == name).then(|| url.to_owned()), "").map(|config| config.ws_url)
        };
        assert_eq!(read("SITE_URL", "https://x.example").ok(), Some(None));
        for name in ["WS_URL", "NEXT_PUBLIC_WS_URL"] {
            assert_eq!(read(name, "wss://live.example/").ok().flatten().as_deref(), Some("wss://live.example"));
        }
        assert_eq!(read("WS_URL", "ws://127.0.0.1:3001/live").ok().flatten().as_deref(), Some("ws://127.0.0.1:3001/live"));
        for wrong in [
            "live.example",
            "https://live.example",
            "wss://",
            "wss://x; script-src *",
            "wss://*",
            "wss://a@b",
            "wss://a?b",
            "wss://a,wss://b",
        ] {
            assert!(read("WS_URL", wrong).is_err_and(|error| error.to_string().contains("WS_URL")), "{wrong}");
        }
    }

    #[test]
    fn mail_goes_encrypted_unless_somebody_says_otherwise() {
        let read = |url: &str| smtp_url(url).map_err(|error| error.to_string());
        assert_eq!(read("smtps://u:p@mail.example").as_deref(), Ok("smtps://u:p@mail.example"));
        assert_eq!(read("smtp://u:p@mail.example:587").as_deref(), Ok("smtp://u:p@mail.example:587?tls=required"));
        assert_eq!(read("smtp://mail.example").as_deref(), Ok("smtp://mail.example?tls=opportunistic"));
        assert_eq!(read("smtp://u:p@localhost:25").as_deref(), Ok("smtp://u:p@localhost:25?tls=opportunistic"));
        assert_eq!(read("smtp://10.0.0.1:25?tls=none").as_deref(), Ok("smtp://10.0.0.1:25"));
        for wrong in ["mail.example", "http://mail.example", "smtp://mail.example?tls=maybe", "smtps://mail.example?tls=none"] {
            assert!(read(wrong).is_err_and(|error| error.starts_with("SMTP_URL")), "{wrong}");
        }
        let alone = Config::from_sources(&|name| (name == "SMTP_URL").then(|| "smtp://mail.example".to_owned()), "");
        assert!(alone.is_err_and(|error| error.to_string().contains("SMTP_FROM")));
        let subject = Config::from_sources(&|name| (name == "VAPID_SUBJECT").then(|| "me".to_owned()), "");
        assert!(subject.is_err_and(|error| error.to_string().contains("VAPID_SUBJECT")));
    }

    #[test]
    fn an_app_of_githubs_has_an_id_and_a_key() {
        let read = |values: Vec<(&'static str, &'static str)>| {
            let found = move |asked: &str| values.iter().find(|(name, _)| *name == asked).map(|(_, value)| (*value).to_owned());
            Config::from_sources(&found, "").map(|config| config.github_app.is_some()).map_err(|error| error.to_string())
        };
        assert_eq!(read(Vec::new()), Ok(false));
        assert!(read(vec![("GITHUB_APP_ID", "1")]).is_err_and(|error| error.contains("go together")));
        assert!(read(vec![("GITHUB_APP_ID", "1"), ("GITHUB_APP_KEY", "x")]).is_err_and(|error| error.starts_with("GITHUB_APP_KEY")));
    }

    #[test]
    fn several_nodes_need_postgresql_and_one_key() {
        let read = |values: Vec<(&'static str, &'static str)>| {
            let found = move |asked: &str| values.iter().find(|(name, _)| *name == asked).map(|(_, value)| (*value).to_owned());
            Config::from_sources(&found, "").map(|config| config.nats_url).map_err(|error| error.to_string())
        };
        let several = ("NATS_URL", "nats://a:pw@one:4222, tls://two");
        let (postgres, key) = (("DATABASE_URL", "postgres://db/llmos"), ("SECRET_KEY", "the same at all nodes of this test"));
        assert_eq!(read(Vec::new()), Ok(None));
        assert_eq!(read(vec![several, postgres, key]), Ok(Some(several.1.to_owned())));
        assert!(read(vec![several, key]).is_err_and(|error| error.contains("PostgreSQL")));
        assert!(read(vec![several, postgres]).is_err_and(|error| error.contains("SECRET_KEY")));
        for wrong in ["one:4222", "http://one", "nats://a,"] {
            assert!(read(vec![("NATS_URL", wrong), postgres, key]).is_err_and(|error| error.contains("NATS_URL")), "{wrong}");
        }
    }

    #[test]
    fn limits_of_requests_are_read_and_may_be_none() {
        let read = |value: &'static str| Config::from_sources(&move |name| (name == "RATE_USER").then(|| value.to_owned()), "");
        assert_eq!(read("12").map(|config| config.rates.user).ok(), Some(12));
        assert_eq!(read("0").map(|config| config.rates.user).ok(), Some(0));
        assert!(read("many").is_err_and(|error| error.to_string().contains("RATE_USER")));
        let usual = Config::from_sources(&|_| None, "").expect("valid");
        assert_eq!((usual.rates, usual.requests_at_once), (RateSettings::default(), 1_024));
        assert!(Config::from_sources(&|name| (name == "REQUESTS_AT_ONCE").then(|| "0".to_owned()), "").is_err());
        // What is shown of settings hides secrets by their names; none of these is one.
        let shown = usual.settings.iter().filter(|setting| setting.name.starts_with("RATE_"));
        assert_eq!(shown.filter(|setting| setting.shown.as_deref() != Some(HIDDEN)).count(), 5);
    }

    #[test]
    fn an_issuer_is_named_whole_and_asked_over_https() {
        let read = |values: Vec<(&'static str, &'static str)>| {
            let found = move |asked: &str| values.iter().find(|(name, _)| *name == asked).map(|(_, value)| (*value).to_owned());
            Config::from_sources(&found, "")
                .map(|config| config.oidc.map(|oidc| (oidc.issuer, oidc.scopes)))
                .map_err(|error| error.to_string())
        };
        let (id, secret) = (("OIDC_CLIENT_ID", "llmos"), ("OIDC_CLIENT_SECRET", "s"));
        let issuer = ("OIDC_ISSUER", "https://id.example/realms/a");
        assert_eq!(read(Vec::new()), Ok(None));
        let whole = read(vec![issuer, id, secret]).expect("valid").expect("an issuer");
        assert_eq!(whole, (issuer.1.to_owned(), "openid profile email".to_owned()));
        assert!(read(vec![issuer, id]).is_err_and(|error| error.contains("OIDC_CLIENT_SECRET")));
        for wrong in ["http://id.example", "id.example", "https://10.0.0.1", "https://localhost"] {
            assert!(read(vec![("OIDC_ISSUER", wrong), id, secret]).is_err_and(|error| error.contains("OIDC_ISSUER")), "{wrong}");
        }
        let inside = ("OIDC_ISSUER", "http://10.0.0.1:8080");
        assert!(read(vec![inside, id, secret, ("OIDC_PRIVATE", "true")]).is_ok());
        assert!(read(vec![issuer, id, secret, ("OIDC_SCOPES", "email")]).is_err_and(|error| error.contains("OIDC_SCOPES")));
    }

    #[test]
    fn a_value_that_cannot_be_used_is_named() {
        const KEY: &str = "AGE-SECRET-KEY-1 and something else";
        let cases: [&[(&str, &str)]; 16] = [
            &[("ANALYTICS_ENABLED", "perhaps")],
            &[("SECRET_KEY", "short")],
            &[("GITHUB_URL", "github.example")],
            &[("GITHUB_API_URL", "ftp://github.example")],
            &[("OPENAI_BASE_URL", "http://")],
            &[("BLOB_URL", "gs://bucket/files")],
            &[("BLOB_URL", "s3://")],
            &[("BACKUP_URL", "ftp://elsewhere/backups")],
            &[("BACKUP_URL", "file://elsewhere/backups")],
            &[("BACKUP_URL", "data/backups")],
            &[("BACKUP_KEY", KEY)],
            &[("BACKUP_KEY", KEY), ("BACKUP_PASSPHRASE", "correct horse battery")],
            &[("RUST_LOG", "info,sqlx=quiet")],
            &[("OTEL_RESOURCE_ATTRIBUTES", "team=harbor,production")],
            &[("OTEL_EXPORTER_OTLP_ENDPOINT", "collector")],
            &[("AWS_ALLOW_HTTP", "perhaps")],
        ];
        for case in cases {
            let found = |asked: &str| case.iter().find(|(name, _)| *name == asked).map(|(_, value)| (*value).to_owned());
            let error = Config::from_sources(&found, "").err().map(|error| error.to_string()).unwrap_or_default();
            assert!(error.starts_with(case[0].0) && !error.contains('\n'), "{case:?}: {error}");
            assert!(!error.contains("AGE-SECRET-KEY-1 and"), "{error}");
        }
    }

    #[test]
    fn what_other_programs_name_can_be_set_as_everything_else() {
        let config = Config::from_sources(
            &|name| (name == "AWS_REGION").then(|| "eu-central-1".to_owned()),
            "[app]\nrust-log = \"debug\"\naws-endpoint = \"https://s3.example\"\notel-service-name = \"harbor\"\notel-resource-attributes = \"team=a%20b\"",
        );
        let config = config.expect("valid");
        assert_eq!((config.log_filter.as_str(), config.otel_service_name.as_deref()), ("debug", Some("harbor")));
        assert_eq!(config.otel_attributes, [("team".to_owned(), "a b".to_owned())]);
        assert_eq!(
            config.s3,
            [("AWS_REGION", "eu-central-1"), ("AWS_ENDPOINT", "https://s3.example")]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
        );
    }
}
