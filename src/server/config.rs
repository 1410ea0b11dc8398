//! What the running server reads: Leptos.toml's defaults (embedded in the binary), then a Leptos.toml beside it, then the
//! environment. Each variable may also be given as `NAME_FILE`, the path of a file that holds the value (for secrets).

use std::{
    fmt,
    net::SocketAddr,
    num::NonZeroU32,
    path::{Path, PathBuf},
};

use serde::Deserialize;

use super::outgoing::{GitRules, PushRules};
use crate::features::{accounts::model::KeyProvider, collaboration::service::limits::SocketLimits, webhooks::model::AllowList};

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
const HIDE_AFTER: usize = 3;
const SEARCH_RATE: NonZeroU32 = NonZeroU32::new(100).unwrap();

/// The configuration of one process. `Debug` leaves secrets out.
#[derive(Clone)]
pub struct Config {
    /// Where the one listener binds.
    pub addr: SocketAddr,
    /// Where the SQLite file, blobs, staged imports and the local socket live.
    pub data_dir: PathBuf,
    pub database_url: String,
    /// The address that people use, without a trailing slash; decides the Secure flag of cookies and what counts as our origin.
    pub site_url: Option<String>,
    pub analytics_enabled: bool,
    pub github: Option<GitHub>,
    pub github_url: String,
    pub github_api_url: String,
    /// What this server asks GitHub with on its own behalf.
    pub github_token: Option<String>,
    /// What GitHub signs its deliveries with; several while it is changed.
    pub webhook_secrets: Vec<String>,
    /// A listener of its own for GitHub's deliveries, beside the first one.
    pub webhook_addr: Option<SocketAddr>,
    pub webhook_allow_list: AllowList,
    /// Those whose deliveries are looked for at GitHub, beside those that have a secret of their own.
    pub webhook_repositories: Vec<String>,
    /// Peers whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<std::net::IpAddr>,
    pub log_format: LogFormat,
    /// Signs tokens that last a minute; without one a file in DATA_DIR is made.
    pub secret_key: Option<String>,
    /// A listener of its own for the room socket, beside the first one.
    pub ws_addr: Option<SocketAddr>,
    /// Where pages find the sockets, when that is not where they came from: `wss://live.example.org`, without a slash at its end.
    pub ws_url: Option<String>,
    /// The directory of the model that search goes by meaning with, as Hugging Face lays it out.
    pub embedding_model_dir: PathBuf,
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
    /// Queries that one account may ask each minute.
    pub search_rate: NonZeroU32,
    /// Times of open sockets; not configurable from outside.
    pub sockets: SocketLimits,
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
    /// Log in people's sample team and volume at the first start.
    pub demo: bool,
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

struct File {
    site_addr: Option<String>,
    app: Option<toml::Table>,
}

/// Looks a name up in the environment, then in the files' `[app]` table (there in lower case with hyphens).
struct Source<'a> {
    environment: &'a dyn Fn(&str) -> Option<String>,
    tables: Vec<toml::Table>,
}

impl Source<'_> {
    fn get(&self, name: &str) -> Result<Option<String>, ConfigError> {
        if let Some(value) = (self.environment)(name).filter(|value| !value.is_empty()) {
            return Ok(Some(value));
        }
        if let Some(path) = (self.environment)(&format!("{name}_FILE")) {
            return match std::fs::read_to_string(&path) {
                Ok(value) => Ok(Some(value.trim_end().to_owned())),
                Err(error) => Err(ConfigError { name: format!("{name}_FILE"), problem: format!("{path} cannot be read: {error}") }),
            };
        }
        let key = name.to_lowercase().replace('_', "-");
        Ok(self.tables.iter().find_map(|table| table.get(&key)).map(|value| match value {
            toml::Value::String(text) => text.clone(),
            other => other.to_string(),
        }))
    }

    fn parse<T: std::str::FromStr>(&self, name: &str, what: &str) -> Result<Option<T>, ConfigError> {
        match self.get(name)? {
            None => Ok(None),
            Some(text) => match text.trim().parse() {
                Ok(value) => Ok(Some(value)),
                Err(_) => Err(ConfigError { name: name.to_owned(), problem: format!("“{text}” is not {what}") }),
            },
        }
    }
}

impl Config {
    /// Reads the process' environment and the file beside it.
    pub fn load() -> Result<Self, ConfigError> {
        let beside = std::fs::read_to_string(FILE).unwrap_or_default();
        Self::from_sources(&|name| std::env::var(name).ok(), &beside)
    }

    /// The same from given sources; pure, for tests.
    pub fn from_sources(environment: &dyn Fn(&str) -> Option<String>, beside: &str) -> Result<Self, ConfigError> {
        let mut tables = Vec::new();
        let mut site_addr = None;
        for text in [beside, EMBEDDED] {
            let file = leptos_table(text).map_err(|problem| ConfigError { name: FILE.to_owned(), problem })?;
            site_addr = site_addr.or(file.site_addr);
            tables.extend(file.app);
        }
        let source = Source { environment, tables };
        let addr = source.parse("LEPTOS_SITE_ADDR", "an address such as 127.0.0.1:3000")?;
        let addr = match (addr, site_addr) {
            (Some(addr), _) => addr,
            (None, Some(text)) => text
                .parse()
                .map_err(|_| ConfigError { name: "site-addr".to_owned(), problem: format!("“{text}” is not an address") })?,
            (None, None) => SocketAddr::from(([127, 0, 0, 1], 3000)),
        };
        let data_dir = PathBuf::from(source.get("DATA_DIR")?.unwrap_or_else(|| "data".to_owned()));
        let database_url = match source.get("DATABASE_URL")? {
            Some(url) if url.starts_with("sqlite:") || url.starts_with("postgres:") || url.starts_with("postgresql:") => url,
            Some(_) => {
                return Err(ConfigError {
                    name: "DATABASE_URL".to_owned(),
                    problem: "it starts neither with sqlite: nor with postgres:".to_owned(),
                });
            }
            None => format!("sqlite:{}", data_dir.join("llmos.sqlite").display()),
        };
        let github = match (source.get("GITHUB_CLIENT_ID")?, source.get("GITHUB_CLIENT_SECRET")?) {
            (Some(client_id), Some(client_secret)) => Some(GitHub { client_id, client_secret }),
            (None, None) => None,
            _ => {
                return Err(ConfigError {
                    name: "GITHUB_CLIENT_ID".to_owned(),
                    problem: "it and GITHUB_CLIENT_SECRET go together".to_owned(),
                });
            }
        };
        let smtp = match (source.get("SMTP_URL")?, source.get("SMTP_FROM")?) {
            (Some(url), Some(from)) => Some(Smtp { url: smtp_url(&url)?, from }),
            (Some(_), None) => {
                let problem = "the address that mail comes from is missing, such as “Harbor <llmos@example.org>”".to_owned();
                return Err(ConfigError { name: "SMTP_FROM".to_owned(), problem });
            }
            (None, _) => None,
        };
        let vapid_subject = source.get("VAPID_SUBJECT")?;
        if let Some(subject) =
            vapid_subject.as_deref().filter(|subject| !(subject.starts_with("mailto:") || subject.starts_with("https://")))
        {
            let problem = format!("“{subject}” begins neither with mailto: nor with https://");
            return Err(ConfigError { name: "VAPID_SUBJECT".to_owned(), problem });
        }
        let webhook_allow_list = match source.get("WEBHOOK_ALLOW_LIST")? {
            None => AllowList::default(),
            Some(text) => AllowList::parse(&text).ok_or_else(|| ConfigError {
                name: "WEBHOOK_ALLOW_LIST".to_owned(),
                problem: format!("“{text}” is neither shadow, nor enforce, nor off"),
            })?,
        };
        let mut trusted_proxies = Vec::new();
        for text in listed(source.get("TRUSTED_PROXIES")?) {
            trusted_proxies.push(
                text.parse()
                    .map_err(|_| ConfigError {
                        name: "TRUSTED_PROXIES".to_owned(), problem: format!("“{text}” is not an IP address")
                    })?,
            );
        }
        let log_format = match source.get("LOG_FORMAT")?.as_deref() {
            None | Some("text") => LogFormat::Text,
            Some("json") => LogFormat::Json,
            Some(other) => {
                return Err(ConfigError { name: "LOG_FORMAT".to_owned(), problem: format!("“{other}” is neither text nor json") });
            }
        };
        let ws_url = match source.get("WS_URL")? {
            None => source.get("NEXT_PUBLIC_WS_URL")?,
            url => url,
        };
        let ws_url = ws_url.as_deref().map(socket_url).transpose()?;
        let embedding_backend = match source.get("EMBEDDING_BACKEND")?.as_deref() {
            None | Some("local") => EmbeddingBackend::Local,
            Some("openai") => EmbeddingBackend::OpenAi,
            Some(other) => {
                return Err(ConfigError {
                    name: "EMBEDDING_BACKEND".to_owned(),
                    problem: format!("“{other}” is neither local nor openai"),
                });
            }
        };
        let embedding_model_dir = match source.get("EMBEDDING_MODEL_DIR")? {
            Some(folder) => PathBuf::from(folder),
            None => model_dir(&data_dir, environment),
        };
        Ok(Self {
            addr,
            data_dir,
            database_url,
            site_url: source.get("SITE_URL")?.map(|url| url.trim_end_matches('/').to_owned()),
            analytics_enabled: source.parse("ANALYTICS_ENABLED", "true or false")?.unwrap_or(true),
            github,
            github_url: source.get("GITHUB_URL")?.unwrap_or_else(|| "https://github.com".to_owned()),
            github_api_url: source.get("GITHUB_API_URL")?.unwrap_or_else(|| "https://api.github.com".to_owned()),
            github_token: source.get("GITHUB_TOKEN")?,
            webhook_secrets: listed(source.get("GITHUB_WEBHOOK_SECRET")?),
            webhook_addr: source.parse("WEBHOOK_ADDR", "an address such as 127.0.0.1:3002")?,
            webhook_allow_list,
            webhook_repositories: listed(source.get("WEBHOOK_REPOSITORIES")?),
            trusted_proxies,
            log_format,
            secret_key: source.get("SECRET_KEY")?,
            ws_addr: source.parse("WS_ADDR", "an address such as 127.0.0.1:3001")?,
            ws_url,
            embedding_model_dir,
            embedding_backend,
            openai_api_key: source.get("OPENAI_API_KEY")?,
            openai_base_url: source.get("OPENAI_BASE_URL")?.unwrap_or_else(|| "https://api.openai.com/v1".to_owned()),
            llm_model: source.get("LLM_MODEL")?,
            llm_context: source.parse("LLM_CONTEXT", "a number of tokens from 2000")?.unwrap_or(LLM_CONTEXT).max(LLM_CONTEXT_MIN),
            assistant: AssistantTimes::default(),
            search_rate: source.parse("SEARCH_RATE", "a number of queries above 0")?.unwrap_or(SEARCH_RATE),
            sockets: SocketLimits::default(),
            market_public: source.parse("MARKETPLACE_PUBLIC", "true or false")?.unwrap_or(true),
            market_four_eyes: source.parse("MARKETPLACE_FOUR_EYES", "true or false")?.unwrap_or(true),
            market_auto_pass: source.parse("MARKETPLACE_AUTO_PASS", "true or false")?.unwrap_or(false),
            market_links: match source.parse("MARKETPLACE_CHECK_LINKS", "true or false")? {
                Some(false) => Links::Unlooked,
                _ => Links::Public,
            },
            clamd_addr: source.get("CLAMD_ADDR")?,
            market_hide_after: source
                .parse("MARKETPLACE_HIDE_AFTER", "a number of reports above 0")?
                .filter(|count| *count > 0)
                .unwrap_or(HIDE_AFTER),
            git: GitRules {
                hosts: listed(source.get("GIT_HOSTS")?.map(|hosts| hosts.to_lowercase())),
                private: source.parse("GIT_PRIVATE", "true or false")?.unwrap_or(false),
                ..GitRules::default()
            },
            smtp,
            vapid_private_key: source.get("VAPID_PRIVATE_KEY")?,
            vapid_subject,
            push: PushRules {
                hosts: listed(source.get("PUSH_HOSTS")?.map(|hosts| hosts.to_lowercase())),
                private: source.parse("PUSH_PRIVATE", "true or false")?.unwrap_or(false),
            },
            delivery: DeliveryTimes::default(),
            demo: source.parse("LLMOS_DEMO", "true or false")?.unwrap_or(false),
        })
    }

    /// Whether people reach us over https, so that cookies must be Secure.
    pub fn secure(&self) -> bool {
        self.site_url.as_deref().is_some_and(|url| url.starts_with("https:"))
    }

    /// The services outside that this server uses on behalf of teams.
    pub fn key_providers(&self) -> Vec<KeyProvider> {
        let is_used = self.embedding_backend == EmbeddingBackend::OpenAi || self.llm_model.is_some();
        if is_used { vec![KeyProvider::OpenAi] } else { Vec::new() }
    }

    /// The address to put into links.
    pub fn public_url(&self) -> String {
        self.site_url.clone().unwrap_or_else(|| format!("http://{}", self.addr))
    }
}

/// The parts of `a, b`.
pub fn parts(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|part| !part.is_empty())
}

fn listed(text: Option<String>) -> Vec<String> {
    parts(&text.unwrap_or_default()).map(str::to_owned).collect()
}

/// In the data folder, or else where `scripts/setup` puts it.
fn model_dir(data_dir: &Path, environment: &dyn Fn(&str) -> Option<String>) -> PathBuf {
    let model = Path::new("models").join("all-MiniLM-L6-v2");
    let own = data_dir.join(&model);
    let cache = environment("XDG_CACHE_HOME").map(PathBuf::from).or_else(|| Some(Path::new(&environment("HOME")?).join(".cache")));
    cache.map(|cache| cache.join("llmos-lite").join(&model)).filter(|cached| !own.exists() && cached.exists()).unwrap_or(own)
}

/// The address of the sockets as pages put a path behind it. It stands in the policy of every page, so nothing in it may end a word there.
fn socket_url(text: &str) -> Result<String, ConfigError> {
    let url = text.trim().trim_end_matches('/');
    let fits = url.parse::<axum::http::Uri>().is_ok_and(|uri| {
        matches!(uri.scheme_str(), Some("ws" | "wss"))
            && uri.authority().is_some_and(|authority| !authority.as_str().contains('@'))
            && uri.query().is_none()
    });
    if fits && !url.contains([';', ',', '*', '\'', '"', '#']) {
        return Ok(url.to_owned());
    }
    let problem = format!("“{text}” is not an address such as wss://live.example.org");
    Err(ConfigError { name: "WS_URL".to_owned(), problem })
}

/// The address of a server of mail. What it does not say about encryption is what is safest: STARTTLS where it is offered, and in any case
/// where a password goes over a network.
fn smtp_url(text: &str) -> Result<String, ConfigError> {
    let wrong = |problem: String| ConfigError { name: "SMTP_URL".to_owned(), problem };
    // The address may have a password in it: it is not shown.
    let mut url = reqwest::Url::parse(text.trim()).map_err(|error| wrong(format!("it is not an address: {error}")))?;
    let tls = url.query_pairs().find(|(name, _)| name == "tls").map(|(_, value)| value.into_owned());
    let here = url.host_str().is_some_and(|host| matches!(host, "localhost" | "127.0.0.1" | "[::1]"));
    let tls = match (url.scheme(), tls.as_deref()) {
        ("smtps", None) => None,
        ("smtp", None) if url.password().is_some() && !here => Some("required"),
        ("smtp", None) => Some("opportunistic"),
        ("smtp", Some("none")) => None,
        ("smtp", Some(known @ ("required" | "opportunistic"))) => Some(if known == "required" { "required" } else { "opportunistic" }),
        _ => {
            return Err(wrong(
                "it is smtps://host or smtp://host, the latter with tls=required, opportunistic or none behind a ?".to_owned(),
            ));
        }
    };
    url.set_query(tls.map(|tls| format!("tls={tls}")).as_deref());
    Ok(url.to_string())
}

/// Takes `[package.metadata.leptos]` and `[app]` out of a Leptos.toml.
fn leptos_table(text: &str) -> Result<File, String> {
    let mut table: toml::Table = text.parse().map_err(|error: toml::de::Error| error.to_string())?;
    let app = table.remove("app").and_then(|app| app.as_table().cloned());
    let leptos = table.get("package").and_then(|package| package.get("metadata")).and_then(|metadata| metadata.get("leptos"));
    let site_addr = leptos.and_then(|leptos| leptos.get("site-addr")).and_then(|addr| addr.as_str()).map(str::to_owned);
    Ok(File { site_addr, app })
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn a_value_that_cannot_be_used_is_named() {
        let error = Config::from_sources(&|name| (name == "ANALYTICS_ENABLED").then(|| "perhaps".to_owned()), "").expect_err("not a flag");
        assert!(error.to_string().contains("ANALYTICS_ENABLED"));
    }
}
