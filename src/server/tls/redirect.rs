//! From plain http to https, and from the other names to the one that people use.

use axum::{
    Router,
    extract::{Request, State},
    http::{HeaderValue, StatusCode, Uri, header, uri::Authority},
    middleware::Next,
    response::{IntoResponse, Response},
};

use crate::server::{config::Config, middleware, state::AppState};

/// What a listener of plain HTTP answers: the same place on https, for good.
pub fn redirects(state: AppState) -> Router {
    Router::new().fallback(to_https).with_state(state)
}

async fn to_https(State(state): State<AppState>, request: Request) -> Response {
    let site = state.config.site_url.clone().or_else(|| {
        // Without a name of our own: the one that was asked for.
        let host: Authority = middleware::host(&request)?.parse().ok()?;
        (!host.as_str().contains('@') && !host.host().is_empty()).then(|| format!("https://{}", https_host(&state.config, &host)))
    });
    match site {
        Some(site) => permanently(&site, request.uri()),
        None => (StatusCode::BAD_REQUEST, "This server speaks https.\n").into_response(),
    }
}

fn https_host(config: &Config, host: &Authority) -> String {
    match config.addr.port() {
        crate::server::config::tls::HTTPS_PORT => host.host().to_owned(),
        port => format!("{}:{port}", host.host()),
    }
}

/// Whoever asks for another name of this server is sent to the one that people use: cookies, sign-ins and what counts as our origin belong to that one.
pub async fn other_names(State(state): State<AppState>, request: Request, next: Next) -> Response {
    match elsewhere(&state.config, middleware::host(&request)) {
        Some(site) => permanently(site, request.uri()),
        None => next.run(request).await,
    }
}

/// The address that people use, where `host` is one of our names and not that.
fn elsewhere<'a>(config: &'a Config, host: Option<&str>) -> Option<&'a str> {
    let domains = &config.tls.as_ref()?.domains;
    if domains.len() < 2 {
        return None;
    }
    let site = config.site_url.as_deref()?;
    let asked = host?.parse::<Authority>().ok()?.host().to_ascii_lowercase();
    let ours = site.parse::<Uri>().ok()?.host()?.to_ascii_lowercase();
    (asked != ours && domains.contains(&asked)).then_some(site)
}

/// 308: whatever is sent is sent again there, in the same way.
fn permanently(site: &str, uri: &Uri) -> Response {
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let address = format!("{site}{}", if path.starts_with('/') { path } else { "/" });
    match HeaderValue::from_str(&address) {
        Ok(address) => (StatusCode::PERMANENT_REDIRECT, [(header::LOCATION, address)]).into_response(),
        Err(_) => StatusCode::BAD_REQUEST.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_names_lead_to_the_first() {
        let read =
            |domains: &'static str| Config::from_sources(&move |name| (name == "DOMAIN").then(|| domains.to_owned()), "").expect("usable");
        let config = read("skills.example.org,www.example.org");
        for (host, expected) in [
            (Some("www.example.org"), Some("https://skills.example.org")),
            (Some("WWW.example.org:443"), Some("https://skills.example.org")),
            (Some("skills.example.org"), None),
            (Some("127.0.0.1:443"), None),
            (Some("elsewhere.example"), None),
            (None, None),
        ] {
            assert_eq!(elsewhere(&config, host), expected, "{host:?}");
        }
        assert_eq!(elsewhere(&read("skills.example.org"), Some("www.example.org")), None);
    }

    #[test]
    fn the_place_stays_and_the_site_is_ours() {
        let location = |uri: &str| {
            let response = permanently("https://a.example", &uri.parse().expect("an address"));
            assert_eq!(response.status(), StatusCode::PERMANENT_REDIRECT);
            response.headers()[header::LOCATION].to_str().expect("text").to_owned()
        };
        assert_eq!(location("/artifacts?tab=edit&x=%20"), "https://a.example/artifacts?tab=edit&x=%20");
        assert_eq!(location("//elsewhere.example/"), "https://a.example//elsewhere.example/");
        assert_eq!(location("http://www.a.example/x"), "https://a.example/x");
        assert_eq!(location("*"), "https://a.example/");
    }
}
