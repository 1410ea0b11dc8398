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
    for wrong in
        ["live.example", "https://live.example", "wss://", "wss://x; script-src *", "wss://*", "wss://a@b", "wss://a?b", "wss://a,wss://b"]
    {
        assert!(read("WS_URL", wrong).is_err_and(|error| error.to_string().contains("WS_URL")), "{wrong}");
    }
}

#[test]
fn a_webhook_is_known_by_its_own_address_or_else_by_that_of_the_site() {
    let (site, own) = (("SITE_URL", "https://x.example/"), ("WEBHOOK_URL", "https://relay.example/harbor/"));
    let read = |values: Vec<(&'static str, &'static str)>| {
        let found = move |asked: &str| values.iter().find(|(name, _)| *name == asked).map(|(_, value)| (*value).to_owned());
        Config::from_sources(&found, "").expect("valid").webhook_address()
    };
    assert_eq!(read(Vec::new()), None);
    assert_eq!(read(vec![site]).as_deref(), Some("https://x.example/webhook/github"));
    for values in [vec![own], vec![site, own]] {
        assert_eq!(read(values).as_deref(), Some("https://relay.example/harbor"));
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
        Config::from_sources(&found, "").map(|config| config.oidc.map(|oidc| (oidc.issuer, oidc.scopes))).map_err(|error| error.to_string())
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
    let cases: [&[(&str, &str)]; 17] = [
        &[("ANALYTICS_ENABLED", "perhaps")],
        &[("SECRET_KEY", "short")],
        &[("GITHUB_URL", "github.example")],
        &[("GITHUB_API_URL", "ftp://github.example")],
        &[("WEBHOOK_URL", "hooks.example/webhook/github")],
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
        [("AWS_REGION", "eu-central-1"), ("AWS_ENDPOINT", "https://s3.example")].map(|(name, value)| (name.to_owned(), value.to_owned()))
    );
}
