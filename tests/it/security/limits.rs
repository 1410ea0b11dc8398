//! How often, how much and how many at once: what every route refuses, with which words, and that nodes count together.

use std::time::{Duration, Instant};

use llmos_lite::server::{config::Config, rates::RateSettings};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::routes;
use crate::{
    app::{Answer, Client},
    nodes::{until, with_nodes_of},
};

async fn get(client: &Client, path: &str) -> Answer {
    client.answer(client.request(Method::GET, path)).await
}

fn is_limited(answer: &Answer) -> bool {
    let seconds = answer.header("retry-after").parse::<u32>().ok();
    if answer.status == 429 {
        assert!(seconds.is_some_and(|seconds| (1..=60).contains(&seconds)), "{:?}", answer.headers);
        assert_eq!(answer.json()["code"], "too_many_requests", "{}", answer.text);
    }
    answer.status == 429
}

app_test!(
    each_account_has_its_own_amount_whatever_it_comes_with,
    |config| {
        config.rates = RateSettings { user: 20, ..RateSettings::OFF };
    },
    |app| {
        let maya = app.sign_up_first().await;
        let ines = app.sign_up(&maya, "ines@harbor.internal").await;
        let token = app.client_with_token(&ines, &["read"]).await;
        let first = get(&ines, "/api/v1/me").await;
        assert_eq!((first.status, first.header("ratelimit-policy")), (200, "\"user\";q=20;w=60"));
        assert!(first.header("ratelimit").starts_with("\"user\";r="), "{}", first.header("ratelimit"));
        let mut refused = 0;
        for number in 0..40 {
            let who = if number % 2 == 0 { &ines } else { &token };
            refused += usize::from(is_limited(&get(who, "/api/v1/me").await));
        }
        // One comes back each three seconds.
        assert!((15..=30).contains(&refused), "{refused}");
        assert_eq!(get(&maya, "/api/v1/me").await.status, 200, "somebody else is not held up");
        assert_eq!(get(&ines, "/healthz").await.status, 200, "whether it lives is always told");
    }
);

app_test!(
    a_token_a_route_and_an_address_have_amounts_of_their_own,
    |config| {
        config.rates = RateSettings { token: 5, route: 12, address: 60, ..RateSettings::OFF };
    },
    |app| {
        let maya = app.sign_up_first().await;
        let tokens = [app.client_with_token(&maya, &["read"]).await, app.client_with_token(&maya, &["read"]).await];
        let mut answered = 0;
        for _ in 0..8 {
            answered += usize::from(!is_limited(&get(&tokens[0], "/api/v1/me").await));
        }
        assert!((5..8).contains(&answered), "{answered}");
        assert_eq!(get(&tokens[1], "/api/v1/me").await.status, 200, "the other token goes on");
        let mut answered = 0;
        for _ in 0..20 {
            answered += usize::from(!is_limited(&get(&maya, "/api/v1/teams").await));
        }
        assert!((12..20).contains(&answered), "{answered}");
        assert_eq!(get(&maya, "/api/v1/volumes").await.status, 200, "another route goes on");
        let visitor = app.visitor();
        let mut refused = None;
        for number in 0..80 {
            // Pages count as one route, so each asks for another one of the API.
            if is_limited(&get(&visitor, &format!("/api/v1/{}", ["instance", "log", "log/checkpoint", "log/entries"][number % 4])).await) {
                refused = Some(Instant::now());
            }
        }
        let refused = refused.expect("one is refused");
        let mut answered = 0;
        for _ in 0..20 {
            answered += u64::from(get(&visitor, "/pkg/none.js").await.status != 429);
        }
        // One more is let through each second, and a request may take one.
        assert!(answered <= refused.elapsed().as_secs() + 1, "only files that are there are not counted: {answered}");
    }
);

app_test!(
    what_costs_much_may_be_asked_for_less_often,
    |config| {
        config.rates = RateSettings { costly: 3, ..RateSettings::OFF };
    },
    |app| {
        let maya = app.sign_up_first().await;
        let mut answered = 0;
        for _ in 0..6 {
            answered += usize::from(!is_limited(&get(&maya, "/api/v1/me/export").await));
        }
        assert!((3..6).contains(&answered), "{answered}");
        assert_eq!(get(&maya, "/api/v1/me").await.status, 200);
    }
);

app_test!(
    who_is_one_too_many_at_once_is_told_to_come_again,
    |config| {
        config.requests_at_once = 1;
    },
    |app| {
        let maya = app.sign_up_first().await;
        // A body that does not end keeps the only place, unless one of ours has it when it comes.
        let head = b"POST /api/v1/sign-in HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{";
        let began = Instant::now();
        let slow = loop {
            let mut slow = TcpStream::connect(app.url.trim_start_matches("http://")).await.expect("connects");
            slow.write_all(head).await.expect("sends");
            tokio::time::sleep(Duration::from_millis(100)).await;
            let answer = get(&maya, "/api/v1/me").await;
            if answer.status == 503 {
                assert_eq!((answer.header("retry-after"), &answer.json()["code"]), ("2", &json!("unavailable")), "{}", answer.text);
                break slow;
            }
            assert!(began.elapsed() < Duration::from_secs(20), "it is taken in");
        };
        assert_eq!(get(&maya, "/healthz").await.status, 200);
        drop(slow);
        let began = Instant::now();
        while get(&maya, "/api/v1/me").await.status != 200 {
            assert!(began.elapsed() < Duration::from_secs(20), "the place is given back");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
);

app_test!(a_connection_that_does_not_say_what_it_wants_in_time_is_closed, |config| { config.head = Duration::from_millis(500) }, |app| {
    let address = app.url.trim_start_matches("http://");
    // Nothing at all; half a head; and half of the head after an answer.
    for said in ["", "GET /healthz HTTP/1.1\r\nhost:", "GET /healthz HTTP/1.1\r\nhost: x\r\n\r\nGET /healthz HTT"] {
        let mut silent = TcpStream::connect(address).await.expect("connects");
        silent.write_all(said.as_bytes()).await.expect("sends");
        let mut answer = String::new();
        let closed = tokio::time::timeout(Duration::from_secs(20), silent.read_to_string(&mut answer)).await;
        assert!(closed.is_ok(), "“{said}” waits for ever");
        assert_eq!(answer.starts_with("HTTP/1.1 200"), said.contains("\r\n\r\n"), "{answer}");
    }
    assert_eq!(get(&app.visitor(), "/healthz").await.status, 200);
});

// The largest bodies that routes take are a few megabytes, but for archives, files, pictures and traces, which have limits of their own.
app_test!(every_route_refuses_a_body_that_is_too_large, |app| {
    let maya = app.sign_up_first().await;
    let description = routes::description();
    let ids = routes::Ids::from([("provider".to_owned(), "openai".to_owned())]);
    let body = format!("{{\"x\": \"{}\"}}", "x".repeat(4 * 1024 * 1024 + 1));
    let mut tried = 0;
    for route in routes::all().into_iter().filter(|route| !route.is_safe() && route.operation.is_some()) {
        if !matches!(routes::body(&route, &description, &ids), Some(routes::Body::Json(_))) || OWN_LIMIT.contains(&route.path.as_str()) {
            continue;
        }
        let request = maya.request(route.method.parse().expect("a method"), &routes::address(&route, &ids));
        let answer = maya.answer(request.header("content-type", "application/json").body(body.clone())).await;
        assert_eq!((answer.status, answer.json()["code"].as_str()), (413, Some("too_large")), "{}: {}", route.name(), answer.text);
        tried += 1;
    }
    assert!(tried > 60, "{tried}");
});

/// The page of what is limited has the numbers with which a server begins.
#[test]
fn what_is_limited_is_written_down() {
    let page = include_str!("../../../docs/security/README.md");
    let config = Config::from_sources(&|_| None, "").expect("valid");
    let RateSettings { user, token, address, route, costly, search, domain } = config.rates;
    let at_once = u32::try_from(config.requests_at_once).expect("not that many");
    for (settings, numbers) in [
        ("`RATE_USER`, `RATE_PROGRAM`, `RATE_ADDRESS`", vec![user, token, address]),
        ("`RATE_ROUTE`, `RATE_COSTLY`", vec![route, costly]),
        ("`REQUESTS_AT_ONCE`", vec![at_once]),
        ("`SEARCH_RATE`", vec![search.get()]),
        ("`SIGN_UP_PER_DOMAIN`", vec![domain.get()]),
    ] {
        let row = page.lines().find(|line| line.starts_with("| ") && line.contains(settings)).expect(settings);
        let said: Vec<u32> = row.split(" | ").nth(1).into_iter().flat_map(|cell| cell.split(" / ")).filter_map(number).collect();
        assert!(said.starts_with(&numbers), "{row}: {numbers:?}");
    }
}

/// The number that a text begins with: `1,024 at once`.
fn number(text: &str) -> Option<u32> {
    text.split(' ').next()?.replace(',', "").parse().ok()
}

/// What takes more: whole folders of a release, traces, texts with their history.
const OWN_LIMIT: [&str; 4] = ["/api/v1/marketplace/submissions", "/api/marketplace/publish", "/api/v1/traces", "/api/v1/otlp/v1/traces"];

#[test]
fn what_is_asked_at_one_node_counts_at_the_others() {
    let set = |config: &mut Config| config.rates = RateSettings { user: 100, ..RateSettings::OFF };
    with_nodes_of(2, set, async |nodes, _| {
        let maya = nodes[0].sign_up_first().await;
        for _ in 0..60 {
            assert_eq!(maya.get("/me").await.0, 200);
        }
        let elsewhere = maya.at(&nodes[1]);
        // As seldom as what it asks comes back: by itself it never gets there.
        until("the other node knows of it", async || {
            tokio::time::sleep(Duration::from_millis(500)).await;
            let answer = get(&elsewhere, "/api/v1/me").await;
            let left = answer.header("ratelimit").split(";r=").nth(1).and_then(|rest| rest.split(';').next()?.parse::<u32>().ok());
            left.is_some_and(|left| left < 90)
        })
        .await;
        // Guesses at a password are counted together as well.
        let guess = json!({ "email": "maya@harbor.internal", "password": "not this one" });
        for number in 0..10 {
            nodes[number % 2].visitor().post("/sign-in", guess.clone()).await;
        }
        until("both nodes refuse", async || {
            let first: (u16, Value) = nodes[0].visitor().post("/sign-in", guess.clone()).await;
            let second: (u16, Value) = nodes[1].visitor().post("/sign-in", guess.clone()).await;
            (first.0, second.0) == (429, 429)
        })
        .await;
    });
}
