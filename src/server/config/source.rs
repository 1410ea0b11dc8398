//! Where settings come from, strongest first: flags of the command line, the environment (`NAME`, then `NAME_FILE`, the path of a file with
//! the value), the Leptos.toml beside the process, the defaults. What was looked up is remembered, so that nothing has to list the settings
//! a second time.

use std::{cell::RefCell, fmt, path::PathBuf, str::FromStr};

use super::ConfigError;

/// What stands for a secret wherever settings are shown.
pub const HIDDEN: &str = "(hidden)";
/// Parts of the names of settings whose values are never shown.
const SECRETS: [&str; 5] = ["SECRET", "TOKEN", "PASSWORD", "PASSPHRASE", "_KEY"];
/// It only says where a key is.
const PATH_OF_KEY: &str = "TLS_KEY";

/// Settings by flag: those that are asked for most by names of their own, and `--set` for any.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Settings (stronger than the environment and Leptos.toml)")]
pub struct Flags {
    /// The address to listen on, such as 0.0.0.0:3000 [LEPTOS_SITE_ADDR].
    #[arg(long, global = true, value_name = "ADDRESS")]
    listen: Option<String>,
    /// The folder of everything that the server keeps [DATA_DIR].
    #[arg(long, global = true, value_name = "FOLDER")]
    data_dir: Option<String>,
    /// sqlite:… or postgres://… [DATABASE_URL].
    #[arg(long, global = true, value_name = "URL")]
    database_url: Option<String>,
    /// The address that people use, such as https://skills.example.org [SITE_URL].
    #[arg(long, global = true, value_name = "URL")]
    site_url: Option<String>,
    /// Speak https as this name, with a certificate from Let's Encrypt; may be repeated, the first is the address that people use [DOMAIN].
    #[arg(long, global = true, value_name = "NAME", value_delimiter = ',')]
    domain: Vec<String>,
    /// Read this file in place of the Leptos.toml in the working folder.
    #[arg(long, global = true, value_name = "FILE")]
    pub config_file: Option<PathBuf>,
    /// Any other setting, as often as wanted; secrets are better in NAME_FILE, because others see the arguments of a process.
    #[arg(long = "set", global = true, value_name = "NAME=VALUE")]
    set: Vec<String>,
}

impl Flags {
    /// Names and values, the strongest first.
    pub(super) fn settings(&self) -> Result<Vec<(String, String)>, ConfigError> {
        let domains = (!self.domain.is_empty()).then(|| self.domain.join(","));
        let own = [
            ("LEPTOS_SITE_ADDR", &self.listen),
            ("DATA_DIR", &self.data_dir),
            ("DATABASE_URL", &self.database_url),
            ("SITE_URL", &self.site_url),
            ("DOMAIN", &domains),
        ];
        let mut settings: Vec<_> =
            own.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value.as_deref()?.to_owned()))).collect();
        for text in &self.set {
            let Some((name, value)) = text.split_once('=') else {
                return Err(ConfigError::new("--set", format!("“{text}” is not NAME=VALUE")));
            };
            settings.push((name.trim().to_uppercase().replace('-', "_"), value.to_owned()));
        }
        Ok(settings)
    }
}

/// Where the value of a setting was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    Flag,
    Environment,
    /// The file that `NAME_FILE` names.
    ValueFile(String),
    /// Leptos.toml, or what `--config-file` names.
    File,
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag => f.write_str("flag"),
            Self::Environment => f.write_str("environment"),
            Self::ValueFile(path) => write!(f, "file {path}"),
            Self::File => f.write_str("Leptos.toml"),
            Self::Default => f.write_str("default"),
        }
    }
}

/// A setting as it may be shown to whoever runs the server: without its value where that is a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    pub name: String,
    /// None: it is not set, and has no default.
    pub shown: Option<String>,
    pub origin: Origin,
}

/// Looks settings up.
pub struct Source<'a> {
    flags: Vec<(String, String)>,
    environment: &'a dyn Fn(&str) -> Option<String>,
    /// The `[app]` tables, where names are in lower case with hyphens: of the file beside the process, then of the one in the binary.
    tables: [toml::Table; 2],
    looked_up: RefCell<Vec<Setting>>,
}

impl<'a> Source<'a> {
    pub fn new(
        flags: Vec<(String, String)>,
        environment: &'a dyn Fn(&str) -> Option<String>,
        beside: &str,
        embedded: &str,
    ) -> Result<Self, ConfigError> {
        let read = |text| app_table(text).map_err(|problem| ConfigError::new("Leptos.toml", problem));
        Ok(Self { flags, environment, tables: [read(beside)?, read(embedded)?], looked_up: RefCell::default() })
    }

    /// The value of a setting that has no default.
    pub fn get(&self, name: &str) -> Result<Option<String>, ConfigError> {
        let found = self.find(name)?;
        self.remember(name, found.as_ref().map(|(value, _)| value.as_str()), found.as_ref().map(|(_, origin)| origin.clone()));
        Ok(found.map(|(value, _)| value))
    }

    /// The value of a setting, or its default.
    pub fn get_or(&self, name: &str, default: impl fmt::Display) -> Result<String, ConfigError> {
        Ok(self.found_or(name, self.find(name)?, default))
    }

    /// The same, read as a `T`, which `what` describes for whoever wrote something else.
    pub fn parse<T: FromStr>(&self, name: &str, what: &str) -> Result<Option<T>, ConfigError> {
        self.get(name)?.map(|text| read(name, &text, what)).transpose()
    }

    /// The same with a default.
    pub fn parse_or<T: FromStr + fmt::Display>(&self, name: &str, what: &str, default: T) -> Result<T, ConfigError> {
        read(name, &self.get_or(name, default)?, what)
    }

    /// The same for a default that depends on other settings: it stands in the place of what the file in the binary has.
    pub fn parse_or_instead<T: FromStr + fmt::Display>(&self, name: &str, what: &str, default: T) -> Result<T, ConfigError> {
        let given = self.find(name)?.filter(|(_, origin)| *origin != Origin::Default);
        read(name, &self.found_or(name, given, default), what)
    }

    /// What was looked up, by name; or which name was given that no setting has.
    pub fn into_settings(self) -> Result<Vec<Setting>, ConfigError> {
        let mut settings = self.looked_up.into_inner();
        settings.sort_by(|a, b| a.name.cmp(&b.name));
        settings.dedup_by(|a, b| a.name == b.name);
        let is_known = |name: &str| settings.iter().any(|setting| setting.name == name);
        if let Some((name, _)) = self.flags.iter().find(|(name, _)| !is_known(name)) {
            return Err(ConfigError::new("--set", format!("there is no setting {name}: “llmos config” lists all")));
        }
        if let Some(key) = self.tables[0].keys().find(|key| !is_known(&name_of(key))) {
            return Err(ConfigError::new("Leptos.toml", format!("there is no setting “{key}”: “llmos config” lists all")));
        }
        Ok(settings)
    }

    fn find(&self, name: &str) -> Result<Option<(String, Origin)>, ConfigError> {
        if let Some((_, value)) = self.flags.iter().find(|(given, value)| given == name && !value.is_empty()) {
            return Ok(Some((value.clone(), Origin::Flag)));
        }
        if let Some(value) = (self.environment)(name).filter(|value| !value.is_empty()) {
            return Ok(Some((value, Origin::Environment)));
        }
        if let Some(path) = (self.environment)(&format!("{name}_FILE")).filter(|path| !path.is_empty()) {
            return match std::fs::read_to_string(&path) {
                // Nobody means that: taken for a value, an empty key would be one that everybody knows.
                Ok(value) if value.trim().is_empty() => Err(ConfigError::new(&format!("{name}_FILE"), format!("{path} is empty"))),
                Ok(value) => Ok(Some((value.trim_end().to_owned(), Origin::ValueFile(path)))),
                Err(error) => Err(ConfigError::new(&format!("{name}_FILE"), format!("{path} cannot be read: {error}"))),
            };
        }
        let key = name.to_lowercase().replace('_', "-");
        let found = self.tables.iter().zip([Origin::File, Origin::Default]).find_map(|(table, origin)| Some((table.get(&key)?, origin)));
        Ok(found.map(|(value, origin)| match value {
            toml::Value::String(text) => (text.clone(), origin),
            other => (other.to_string(), origin),
        }))
    }

    fn found_or(&self, name: &str, found: Option<(String, Origin)>, default: impl fmt::Display) -> String {
        let (value, origin) = found.unwrap_or_else(|| (default.to_string(), Origin::Default));
        self.remember(name, Some(&value), Some(origin));
        value
    }

    fn remember(&self, name: &str, value: Option<&str>, origin: Option<Origin>) {
        let shown = value.map(|value| shown(name, value));
        self.looked_up.borrow_mut().push(Setting { name: name.to_owned(), shown, origin: origin.unwrap_or(Origin::Default) });
    }
}

fn read<T: FromStr>(name: &str, text: &str, what: &str) -> Result<T, ConfigError> {
    text.trim().parse().map_err(|_| ConfigError::new(name, format!("“{}” is not {what}", shown(name, text))))
}

/// `data-dir` is DATA_DIR.
fn name_of(key: &str) -> String {
    key.to_uppercase().replace('-', "_")
}

/// A value as it may be shown: a secret is hidden, and so is what an address has for a password.
pub fn shown(name: &str, value: &str) -> String {
    if name != PATH_OF_KEY && SECRETS.iter().any(|part| name.contains(part)) {
        return HIDDEN.to_owned();
    }
    if !value.contains("://") || !(value.contains('@') || value.contains("password")) {
        return value.to_owned();
    }
    // Several have commas between them. A comma in a password parts what is no address then, and all of it is hidden.
    let addresses: Option<Vec<String>> = value.split(',').map(|address| shown_address(address.trim())).collect();
    addresses.map_or_else(|| HIDDEN.to_owned(), |addresses| addresses.join(","))
}

/// Without its password; what stands alone before the @ of a server of NATS is a token, and as secret. None: it is no address.
fn shown_address(text: &str) -> Option<String> {
    let mut url = reqwest::Url::parse(text).ok()?;
    if url.password().is_some() {
        url.set_password(Some("hidden")).ok()?;
    } else if matches!(url.scheme(), "nats" | "tls") && !url.username().is_empty() {
        url.set_username("hidden").ok()?;
    }
    if url.query().is_some_and(|query| query.contains("password")) {
        url.set_query(None);
    }
    Some(url.to_string())
}

/// Of a Leptos.toml: its `[app]`, and the address that cargo-leptos has in its own table as `leptos-site-addr`.
fn app_table(text: &str) -> Result<toml::Table, String> {
    let mut table: toml::Table = text.parse().map_err(|error: toml::de::Error| error.to_string())?;
    let mut app = match table.remove("app") {
        Some(toml::Value::Table(app)) => app,
        _ => toml::Table::new(),
    };
    let leptos = table.get("package").and_then(|package| package.get("metadata")).and_then(|metadata| metadata.get("leptos"));
    if let Some(addr) = leptos.and_then(|leptos| leptos.get("site-addr")) {
        app.entry("leptos-site-addr").or_insert(addr.clone());
    }
    Ok(app)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_secret_is_not_shown() {
        for name in ["SECRET_KEY", "GITHUB_WEBHOOK_SECRET", "GITHUB_TOKEN", "OPENAI_API_KEY", "VAPID_PRIVATE_KEY", "METRICS_TOKEN"] {
            assert_eq!(shown(name, "hunter2"), HIDDEN, "{name}");
        }
        assert_eq!(shown("DATABASE_URL", "postgres://llmos:hunter2@db/llmos"), "postgres://llmos:hidden@db/llmos");
        assert_eq!(shown("SMTP_URL", "smtp://mail.example:25"), "smtp://mail.example:25");
        for url in ["postgres://db/llmos?user=a&password=hunter2", "smtp://a:hunter2@", "smtps://u:hunter2@mail.example?tls=required"] {
            assert!(!shown("SMTP_URL", url).contains("hunter2"), "{url}");
        }
        let several = "nats://u:pw1@n1, nats://u:pw2@n2:4222,nats://token@n3";
        assert_eq!(shown("NATS_URL", several), "nats://u:hidden@n1,nats://u:hidden@n2:4222,nats://hidden@n3");
        assert_eq!(shown("NATS_URL", "nats://u:a,b@n1"), HIDDEN, "a comma in a password");
        assert_eq!(shown("DATA_DIR", "/srv/a@b"), "/srv/a@b");
        assert_eq!(shown("TLS_KEY", "/etc/llmos/key.pem"), "/etc/llmos/key.pem");
    }

    #[test]
    fn the_strongest_source_wins_and_is_named() {
        let flags = Flags { set: vec!["log-format=json".to_owned()], ..Flags::default() }.settings().expect("flags");
        let environment = |name: &str| match name {
            "LOG_FORMAT" | "SITE_URL" => Some("environment".to_owned()),
            _ => None,
        };
        let file = "[app]\nsite-url = \"file\"\ndata-dir = \"file\"";
        let source = Source::new(flags, &environment, file, "[app]\ndata-dir = \"data\"\nother = 3").expect("readable");
        for (name, value) in [("LOG_FORMAT", "json"), ("SITE_URL", "environment"), ("DATA_DIR", "file"), ("OTHER", "3")] {
            assert_eq!(source.get(name).expect("readable").as_deref(), Some(value), "{name}");
        }
        assert_eq!(source.parse_or("NUMBER", "a number", 5).expect("the default"), 5);
        let origins: Vec<_> = source.into_settings().expect("all known").into_iter().map(|setting| setting.origin).collect();
        assert_eq!(origins, [Origin::File, Origin::Flag, Origin::Default, Origin::Default, Origin::Environment]);
    }

    #[test]
    fn an_empty_file_is_no_value() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("key").display().to_string();
        std::fs::write(&path, "\n").expect("written");
        let given = |path: String| move |name: &str| (name == "SECRET_KEY_FILE").then(|| path.clone());
        let empty = given(path.clone());
        let source = Source::new(Vec::new(), &empty, "", "").expect("readable");
        assert!(source.get("SECRET_KEY").is_err_and(|error| error.to_string() == format!("SECRET_KEY_FILE: {path} is empty")));
        let unnamed = given(String::new());
        let source = Source::new(Vec::new(), &unnamed, "", "").expect("readable");
        assert_eq!(source.get("SECRET_KEY").ok(), Some(None), "as a variable that is empty");
    }

    #[test]
    fn a_name_that_no_setting_has_is_refused() {
        let source = Source::new(vec![("DATA_DIRR".to_owned(), "x".to_owned())], &|_| None, "", "").expect("readable");
        let _ = source.get("DATA_DIR");
        assert!(source.into_settings().is_err_and(|error| error.to_string().contains("DATA_DIRR")));
        let source = Source::new(Vec::new(), &|_| None, "[app]\nsit-url = \"x\"", "").expect("readable");
        let _ = source.get("SITE_URL");
        assert!(source.into_settings().is_err_and(|error| error.to_string().contains("sit-url")));
    }
}
