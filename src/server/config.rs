//! What the running server reads, and what it makes of it; [`source`] says where from. A value that cannot be used stops the start with one
//! sentence.

mod groups;
pub mod proxies;
pub mod source;
pub mod tls;
mod values;

use std::{
    fmt,
    net::SocketAddr,
    num::{NonZeroU32, NonZeroUsize},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use serde::Deserialize;

use self::{
    groups::{backups_from, oidc_from, rates_from, s3_from},
    proxies::Proxies,
    source::{Flags, Setting, Source},
    tls::Tls,
    values::{
        attributes, backup_secret, listed, log_filter, model_dir, nats_addresses, place, secret_key, smtp_url, socket_url, web_address,
    },
};
use super::{
    backups::Backups,
    connections,
    github_app::GitHubApp,
    outgoing::{GitRules, OidcRules, PushRules},
    rates::RateSettings,
    telemetry,
};
use crate::features::{
    accounts::model::KeyProvider, collaboration::service::limits::SocketLimits, search::service::MODEL_HOME, webhooks::model::AllowList,
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
    /// The address that webhooks at GitHub have, where it is not `site_url`'s; see [`webhook_address`](Self::webhook_address).
    pub webhook_url: Option<String>,
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
    /// How long the head of a request may take; not configurable from outside.
    pub head: Duration,
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
            None => match std::fs::read_to_string(FILE) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(ConfigError::new(FILE, format!("it cannot be read: {error}")));
                }
                read => read.unwrap_or_default(),
            },
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
            webhook_url: source.get("WEBHOOK_URL")?.map(|url| web_address("WEBHOOK_URL", url)).transpose()?,
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
            head: connections::HEAD,
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

    /// The address by which a webhook at GitHub is known as this server's; none: it is not known.
    pub fn webhook_address(&self) -> Option<String> {
        self.webhook_url.clone().or_else(|| self.site_url.as_ref().map(|site| format!("{site}/webhook/github")))
    }
}

/// The parts of `a, b`.
pub fn parts(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|part| !part.is_empty())
}

#[cfg(test)]
mod tests;
