//! Settings that make one thing together, read.

use std::path::Path;

use super::{ConfigError, Oidc, source::Source, values::place};
use crate::{
    features::jobs::service::Schedule,
    server::{
        backups::{self, Backups},
        outgoing::OidcRules,
        rates::RateSettings,
    },
};

const OIDC_NAME: &str = "Single sign-on";
const OIDC_SCOPES: &str = "openid profile email";

pub(super) fn rates_from(source: &Source<'_>) -> Result<RateSettings, ConfigError> {
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

pub(super) fn oidc_from(source: &Source<'_>) -> Result<Option<Oidc>, ConfigError> {
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

pub(super) fn backups_from(source: &Source<'_>, data_dir: &Path) -> Result<Option<Backups>, ConfigError> {
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
pub(super) fn s3_from(source: &Source<'_>) -> Result<Vec<(String, String)>, ConfigError> {
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
