//! What is beside the database: the model, the mail server, the address that people use, and the server that runs.

use std::time::Duration;

use reqwest::{
    StatusCode,
    header::{CACHE_CONTROL, CONNECTION, CONTENT_TYPE, ORIGIN, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE},
};
use serde_json::Value;

use super::{Finding, Verdict, time::Reference};
use crate::{
    features::{notifications::service::Mailer, search},
    server::{
        clock, cluster,
        config::{Config, EmbeddingBackend},
        error::chain,
        serve, tls,
    },
};

const LIMIT: Duration = Duration::from_secs(10);

pub fn model(config: &Config) -> Finding {
    const TOPIC: &str = "model";
    if config.embedding_backend == EmbeddingBackend::OpenAi {
        return match config.openai_api_key {
            Some(_) => Finding::good(TOPIC, format!("vectors come from {}", config.openai_base_url)),
            None => Finding::note(
                TOPIC,
                "EMBEDDING_BACKEND=openai, but the server has no key",
                "Set OPENAI_API_KEY, unless every team adds its own.",
            ),
        };
    }
    match search::service::look_at_model(&config.embedding_model_dir) {
        Ok(name) => Finding::good(TOPIC, format!("{name} in {}", config.embedding_model_dir.display())),
        Err(why) => Finding::note(
            TOPIC,
            format!("search goes by words: {why}"),
            "Fetch the model (llmos model fetch), or set EMBEDDING_MODEL_DIR to the folder of another one; then start again.",
        ),
    }
}

pub async fn mail(config: &Config) -> Finding {
    const TOPIC: &str = "mail";
    let Some(smtp) = &config.smtp else {
        return Finding::note(
            TOPIC,
            "there is none: people are told in the bell only",
            "Set SMTP_URL and SMTP_FROM if mail should go out.",
        );
    };
    let reached = match Mailer::new(smtp, &config.public_url()) {
        Ok(mailer) => mailer.reach().await,
        Err(error) => Err(error.to_string()),
    };
    match reached {
        Ok(()) => Finding::good(TOPIC, "the mail server answers and knows us"),
        Err(why) => Finding::wrong(TOPIC, why, "Mend SMTP_URL; what waits is sent by itself then."),
    }
}

/// Of a server that speaks TLS itself: the certificate that is kept, whether the server runs or not.
pub fn certificate(config: &Config) -> Option<Finding> {
    const TOPIC: &str = "certificate";
    let tls = config.tls.as_ref()?;
    let (certificate, trouble) = tls::kept(config, tls);
    let verdict = tls::verdict(tls, certificate.as_ref(), trouble.as_deref(), clock::now_ms());
    Some(match verdict.standing {
        tls::Standing::Good => Finding::good(TOPIC, verdict.says),
        tls::Standing::Ailing => Finding::note(TOPIC, verdict.says, verdict.todo),
        tls::Standing::Bad => Finding::wrong(TOPIC, verdict.says, verdict.todo),
    })
}

/// The way to other nodes, where there may be some.
pub async fn nodes(config: &Config) -> Option<Finding> {
    const TOPIC: &str = "nodes";
    let address = config.nats_url.as_deref()?;
    Some(match tokio::time::timeout(LIMIT, cluster::reach(address)).await {
        Ok(Ok(version)) => Finding::good(TOPIC, format!("NATS {version} answers")),
        Ok(Err(why)) => {
            Finding::wrong(TOPIC, format!("NATS cannot be reached: {why}"), "Start NATS or mend NATS_URL; nodes go on alone meanwhile.")
        }
        Err(_) => Finding::wrong(TOPIC, "NATS does not answer", "Start NATS or mend NATS_URL; nodes go on alone meanwhile."),
    })
}

/// What a service says that this server talks to anyway: its clock is none of this machine's.
pub async fn time(config: &Config) -> Option<Reference> {
    let github = (config.github.is_some() || config.github_token.is_some()).then_some(&config.github_api_url);
    let openai = (config.embedding_backend == EmbeddingBackend::OpenAi || config.llm_model.is_some()).then_some(&config.openai_base_url);
    let url = github.or(openai)?;
    let answer = client().build().ok()?.head(url).send().await.ok()?;
    let date = answer.headers().get(reqwest::header::DATE)?.to_str().ok()?;
    // RFC 9110, 5.6.7: as in mail.
    let at = jiff::fmt::rfc2822::parse(date).ok()?.timestamp().as_millisecond();
    Some(Reference { of: answer.url().host_str()?.to_owned(), at, own: clock::now_ms(), is_past: false })
}

/// The address that people use: the sockets and installing the app stand and fall with it.
pub async fn site(config: &Config) -> Vec<Finding> {
    const TOPIC: &str = "site address";
    let Some(site) = &config.site_url else {
        return vec![Finding::note(
            TOPIC,
            match config.secure() {
                true => "SITE_URL is not set: links in mail lead to this machine",
                false => "SITE_URL is not set: links in mail lead to this machine, and cookies are not Secure",
            },
            "Set SITE_URL to the address in people's browsers, such as https://skills.example.org.",
        )];
    };
    let mut findings = Vec::new();
    let is_here = |host: &str| ["localhost", "127.0.0.1", "[::1]"].iter().any(|here| host.starts_with(here));
    if site.strip_prefix("http://").is_some_and(|host| !is_here(host)) {
        findings.push(Finding::note(
            TOPIC,
            format!("{site} is not https: browsers neither install the app nor take push messages there"),
            "Let the server speak https (DOMAIN), or put TLS in front of it and set SITE_URL to the https address (docs/operations.md).",
        ));
    }
    findings.push(match get(&format!("{site}/healthz")).await {
        Ok((200, text)) if text.trim() == "ok" => Finding::good(TOPIC, format!("{site} leads here")),
        Ok((status, _)) => {
            Finding::wrong(TOPIC, format!("{site}/healthz answers {status}, but not as llmos"), "Look where the proxy sends it.")
        }
        Err(why) => Finding::note(
            TOPIC,
            format!("{site} cannot be reached from this machine: {why}"),
            "Try it in a browser; if it fails there too, look at the proxy, its certificate and DNS.",
        ),
    });
    if findings.last().is_some_and(|finding| finding.verdict == Verdict::Good) {
        findings.push(sockets(config.ws_url.as_deref().unwrap_or(site), site).await);
        findings.push(installing(site).await);
    }
    if let Some(url) = config.ws_url.as_ref().filter(|url| site.starts_with("https:") && url.starts_with("ws:")) {
        findings.push(Finding::wrong(
            "sockets",
            format!("{url} is not encrypted, so browsers refuse it on an https page"),
            "Set WS_URL to a wss:// address.",
        ));
    }
    findings
}

/// Whether what stands in front lets a socket be opened. It needs no account: who it is one says in it.
async fn sockets(at: &str, site: &str) -> Finding {
    const TOPIC: &str = "sockets";
    const TODO: &str = "Let the proxy pass `Upgrade` and `Connection` on, over HTTP/1.1 (docs/operations.md).";
    let url = format!("{}/ws", at.replacen("ws", "http", usize::from(at.starts_with("ws"))));
    let answer = async {
        let client = client().http1_only().build()?;
        let asked = client.get(&url).header(ORIGIN, site).header(CONNECTION, "Upgrade").header(UPGRADE, "websocket");
        // What the key is does not matter: it is the example of RFC 6455, 1.3.
        asked.header(SEC_WEBSOCKET_VERSION, "13").header(SEC_WEBSOCKET_KEY, "dGhlIHNhbXBsZSBub25jZQ==").send().await
    };
    match answer.await {
        Ok(answer) if answer.status() == StatusCode::SWITCHING_PROTOCOLS => Finding::good(TOPIC, format!("{url} opens one")),
        Ok(answer) => Finding::wrong(TOPIC, format!("{url} opens none: it answers {}", answer.status().as_u16()), TODO),
        Err(error) => Finding::note(
            TOPIC,
            format!("{url} cannot be reached from this machine: {}", chain(&error)),
            "Look at WS_URL, if it is set, and at what stands in front; try it in a browser.",
        ),
    }
}

/// Whether what a browser needs to install the app arrives as it is.
async fn installing(site: &str) -> Finding {
    const TOPIC: &str = "installing";
    for (path, kind) in [("/manifest.webmanifest", "manifest+json"), ("/sw.js", "javascript")] {
        let answer = async { client().build()?.get(format!("{site}{path}")).send().await };
        let trouble = match answer.await {
            Err(error) => Some(chain(&error)),
            Ok(answer) => {
                let header = |name| answer.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
                match answer.status().as_u16() {
                    200 if !header(CONTENT_TYPE).contains(kind) => Some(format!("it comes as “{}”", header(CONTENT_TYPE))),
                    // A worker that is kept somewhere on the way is one that is never updated.
                    200 if path == "/sw.js" && !["no-cache", "no-store"].iter().any(|fresh| header(CACHE_CONTROL).contains(fresh)) => {
                        Some("it may be kept on the way".to_owned())
                    }
                    200 => None,
                    status => Some(format!("the answer is {status}")),
                }
            }
        };
        if let Some(why) = trouble {
            return Finding::wrong(TOPIC, format!("{site}{path} does not arrive as it is: {why}"), "Let the proxy pass it on unchanged.");
        }
    }
    Finding::good(TOPIC, "manifest and worker arrive as they are")
}

/// The server whose registry the command line asks, where that is another one.
pub async fn market(config: &Config) -> Option<Finding> {
    const TOPIC: &str = "marketplace";
    let url = config.market_url.as_deref()?;
    Some(match get(&format!("{url}/api/marketplace/facets")).await {
        // A page in its place is what other sites answer to any path.
        Ok((200, text)) if serde_json::from_str::<Value>(&text).is_ok() => Finding::good(TOPIC, format!("{url} answers")),
        Ok((200, _)) => Finding::note(TOPIC, format!("{url} answers, but not as llmos"), "Look at MARKETPLACE_URL."),
        Ok((status, _)) => Finding::note(
            TOPIC,
            format!("{url} answers {status}"),
            "Look at MARKETPLACE_URL; a marketplace that is not public wants LLMOS_TOKEN for llmos market.",
        ),
        Err(why) => Finding::wrong(TOPIC, format!("{url} cannot be reached: {why}"), "Look at MARKETPLACE_URL and the way there."),
    })
}

fn client() -> reqwest::ClientBuilder {
    reqwest::Client::builder().timeout(LIMIT).redirect(reqwest::redirect::Policy::none())
}

async fn get(url: &str) -> Result<(u16, String), String> {
    let answer = async { client().build()?.get(url).send().await };
    let answer = answer.await.map_err(|error| chain(&error))?;
    let status = answer.status().as_u16();
    Ok((status, answer.text().await.unwrap_or_default()))
}

/// How the server on this DATA_DIR says that it is.
pub async fn server(config: &Config) -> Vec<Finding> {
    const TOPIC: &str = "server";
    let socket = serve::socket_path(&config.data_dir);
    if !socket.exists() {
        return vec![Finding::note(TOPIC, format!("none runs on {}", config.data_dir.display()), "Start it: llmos serve.")];
    }
    let asked = async { client().unix_socket(socket).build()?.get("http://llmos.local/readyz").send().await?.json::<Value>().await };
    let ready = match asked.await {
        Ok(ready) => ready,
        Err(error) => {
            return vec![Finding::wrong(
                TOPIC,
                format!("it does not answer on its socket: {error}"),
                "Look at its log; if the process is gone, start it again.",
            )];
        }
    };
    let states = ready["components"].as_object().into_iter().flatten();
    let bad: Vec<String> = states
        .filter(|(_, state)| *state != "ready")
        .map(|(name, state)| format!("{name} is {}", state.as_str().unwrap_or("unknown")))
        .collect();
    let finding = match (ready["ready"] == true, bad.as_slice()) {
        (true, []) => Finding::good(TOPIC, "it runs, and all of it is ready"),
        (true, bad) => Finding::note(TOPIC, format!("it runs; {}", bad.join(", ")), "Read more at /admin/health."),
        (false, bad) => {
            Finding::wrong(TOPIC, format!("it runs, but is not ready: {}", bad.join(", ")), "Read more at /admin/health, and in the log.")
        }
    };
    let waiting = ready["search"]["waiting"].as_u64().unwrap_or_default();
    let documents = ready["search"]["documents"].as_u64().unwrap_or_default();
    let search = match waiting {
        0 => Finding::good("search", format!("{documents} documents")),
        waiting => Finding::note(
            "search",
            format!("{waiting} of {documents} documents wait for their vectors"),
            "Wait; until then their words find them.",
        ),
    };
    vec![finding, search]
}
