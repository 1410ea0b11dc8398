//! How often somebody may ask: one limiter for all of the server, in memory on each node and shared between nodes.
//!
//! A limit is a bucket that holds a number of requests and gets one more each period. It is kept as the generic cell rate algorithm does (ITU-T
//! I.371), as one number for each caller: when its bucket will be full again. What is taken at one node is told the others five times a second, so that all
//! together allow what one allows, give or take what is under way. Nothing of it is in the database: a restart forgets it.

use std::{
    collections::{HashMap, hash_map::RandomState},
    hash::BuildHasher as _,
    num::NonZeroU32,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use axum::{
    extract::{MatchedPath, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method},
    middleware::Next,
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};

use super::{
    assets,
    cluster::{Cluster, Notice},
    context::{Ctx, Via},
    middleware::{LocalSocket, bearer, busy, caller_of},
    secrets,
    state::{AppState, WeakState},
};
use crate::error::{AppError, AppResult};

/// What is counted. The names are told between nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    /// Tries at the password of one account.
    Account,
    /// Tries to sign in from one address.
    Address,
    SignUp,
    /// Accounts of one mail domain.
    Domain,
    /// Links and tokens that do not exist.
    Secret,
    Review,
    Search,
    UserRequests,
    TokenRequests,
    AddressRequests,
    /// Of one caller at one route.
    RouteRequests,
    /// Of one caller at all routes that cost seconds of a core.
    CostlyRequests,
}

/// A bucket: so many in a row, then one more each period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    pub burst: u32,
    pub every: Duration,
}

impl Rate {
    pub const fn new(burst: u32, every: Duration) -> Self {
        Self { burst, every }
    }

    /// As many in a row as in a minute; none of nothing, which is how a limit is switched off.
    pub fn each_minute(count: u32) -> Option<Self> {
        (count > 0).then(|| Self { burst: count, every: Duration::from_secs(60) / count })
    }

    fn period(self) -> u64 {
        u64::try_from(self.every.as_nanos()).unwrap_or(u64::MAX).max(1)
    }

    /// How long an empty bucket takes to be full.
    fn whole(self) -> u64 {
        self.period().saturating_mul(u64::from(self.burst))
    }

    /// Takes one at `now` from a bucket that is full at `full`; both in nanoseconds since the same moment.
    ///
    /// # Errors
    /// It is empty for so long.
    fn take(self, full: u64, now: u64) -> Result<u64, Duration> {
        let lacks = full.saturating_sub(now).saturating_add(self.period());
        match lacks.checked_sub(self.whole()) {
            None | Some(0) => Ok(now.saturating_add(lacks)),
            Some(wait) => Err(Duration::from_nanos(wait)),
        }
    }

    /// Takes what was taken elsewhere already: all that is left, if it was more.
    fn take_anyway(self, full: u64, now: u64, count: u32) -> u64 {
        let lacks = full.saturating_sub(now).saturating_add(self.period().saturating_mul(u64::from(count)));
        now.saturating_add(lacks.min(self.whole()))
    }

    fn left(self, full: u64, now: u64) -> Allowance {
        let lacks = full.saturating_sub(now);
        let remaining = self.whole().saturating_sub(lacks) / self.period();
        Allowance {
            limit: self.burst,
            remaining: u32::try_from(remaining).unwrap_or(u32::MAX),
            reset: u32::try_from(lacks.div_ceil(NANOS)).unwrap_or(u32::MAX),
        }
    }
}

/// Of a second.
const NANOS: u64 = 1_000_000_000;

/// What a caller has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    pub limit: u32,
    pub remaining: u32,
    /// Until the bucket is full again, in seconds.
    pub reset: u32,
}

/// What the operator allows, each minute; 0: without limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateSettings {
    /// Requests of one account, whatever it comes with.
    pub user: u32,
    /// Requests with one API token.
    pub token: u32,
    /// Requests from one address, signed in or not: it may be a whole office.
    pub address: u32,
    /// Requests of one caller at one route.
    pub route: u32,
    /// Requests of one caller at routes that cost seconds of a core.
    pub costly: u32,
    /// Queries of one account.
    pub search: NonZeroU32,
    /// Accounts that one mail domain opens, each hour, where anybody may open one.
    pub domain: NonZeroU32,
}

const SEARCH: NonZeroU32 = NonZeroU32::new(100).unwrap();
const DOMAIN: NonZeroU32 = NonZeroU32::new(60).unwrap();

impl Default for RateSettings {
    fn default() -> Self {
        Self { user: 6_000, token: 3_000, address: 24_000, route: 3_000, costly: 120, search: SEARCH, domain: DOMAIN }
    }
}

impl RateSettings {
    /// Nobody is limited in how often they ask; tries at secrets still are.
    pub const OFF: Self = Self { user: 0, token: 0, address: 0, route: 0, costly: 0, search: SEARCH, domain: DOMAIN };
}

/// Tries in a row, then one more each period. An account allows a person to be forgetful and a guesser 1,440 tries a day.
const ACCOUNT: Rate = Rate::new(10, Duration::from_secs(60));
/// One address may be a whole office.
const ADDRESS: Rate = Rate::new(100, Duration::from_secs(2));
const SIGN_UPS: Rate = Rate::new(60, Duration::from_secs(20));
/// A secret cannot be guessed, this only keeps the noise down.
const SECRETS: Rate = Rate::new(100, Duration::from_secs(1));
/// 20 an hour.
const REVIEWS: Rate = Rate::new(20, Duration::from_secs(180));

/// Parts that are locked by themselves, so that requests seldom wait for each other.
const PARTS: usize = 16;
/// In each of them. Above it those are dropped whose bucket is full; where all are in use, who is new is not counted until some are full.
const CALLERS: usize = 8_192;
/// How often that is looked for at most.
const PURGE_EVERY: u64 = NANOS;

/// Between two messages to the other nodes.
const TELL_EVERY: Duration = Duration::from_millis(200);
/// Of one message, so that it stays below [`super::cluster::LARGEST`].
const TOLD_AT_ONCE: usize = 1_000;

type Key = (Limit, Box<str>);

#[derive(Default)]
struct Part {
    full: HashMap<Key, u64>,
    purged: u64,
}

/// What was taken at another node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Use {
    pub limit: Limit,
    pub key: Box<str>,
    pub count: u32,
}

/// The limits, as this node knows them; cheap to clone.
#[derive(Clone)]
pub struct Rates(Arc<Inner>);

struct Inner {
    settings: RateSettings,
    parts: [Mutex<Part>; PARTS],
    hasher: RandomState,
    /// Moments are counted from here.
    began: Instant,
    cluster: Cluster,
    /// What the other nodes have to be told.
    untold: Mutex<HashMap<Key, u32>>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Rates {
    pub fn new(settings: RateSettings, cluster: Cluster) -> Self {
        Self(Arc::new(Inner {
            settings,
            parts: std::array::from_fn(|_| Mutex::default()),
            hasher: RandomState::new(),
            began: Instant::now(),
            cluster,
            untold: Mutex::default(),
        }))
    }

    /// None: this is not limited.
    fn rate(&self, limit: Limit) -> Option<Rate> {
        let settings = &self.0.settings;
        match limit {
            Limit::Account => Some(ACCOUNT),
            Limit::Address => Some(ADDRESS),
            Limit::SignUp => Some(SIGN_UPS),
            Limit::Domain => Some(Rate::new(settings.domain.get(), Duration::from_secs(3_600) / settings.domain.get())),
            Limit::Secret => Some(SECRETS),
            Limit::Review => Some(REVIEWS),
            Limit::Search => Rate::each_minute(settings.search.get()),
            Limit::UserRequests => Rate::each_minute(settings.user),
            Limit::TokenRequests => Rate::each_minute(settings.token),
            Limit::AddressRequests => Rate::each_minute(settings.address),
            Limit::RouteRequests => Rate::each_minute(settings.route),
            Limit::CostlyRequests => Rate::each_minute(settings.costly),
        }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.0.began.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    fn part(&self, key: &Key) -> MutexGuard<'_, Part> {
        locked(&self.0.parts[self.0.hasher.hash_one(key) as usize % PARTS])
    }

    /// Takes one of a limit; none: there is no such limit.
    ///
    /// # Errors
    /// It is used up: 429, with the seconds until there is one again.
    pub fn take(&self, limit: Limit, key: &str) -> AppResult<Option<Allowance>> {
        let Some(rate) = self.rate(limit) else { return Ok(None) };
        let (key, now) = ((limit, Box::from(key)), self.now());
        let mut part = self.part(&key);
        part.make_room(now);
        let full = part.full.get(&key).copied().unwrap_or_default();
        let full =
            rate.take(full, now).map_err(|wait| AppError::too_many(u32::try_from(wait.as_secs()).unwrap_or(u32::MAX).saturating_add(1)))?;
        part.set(key.clone(), full);
        drop(part);
        if self.0.cluster.is_shared() {
            *locked(&self.0.untold).entry(key).or_default() += 1;
        }
        Ok(Some(rate.left(full, now)))
    }

    /// Others took something at another node.
    pub fn hear(&self, uses: Vec<Use>) {
        let now = self.now();
        for Use { limit, key, count } in uses {
            let Some(rate) = self.rate(limit) else { continue };
            let key = (limit, key);
            let mut part = self.part(&key);
            part.make_room(now);
            let full = part.full.get(&key).copied().unwrap_or_default();
            part.set(key, rate.take_anyway(full, now, count));
        }
    }

    /// Tells the other nodes what was taken here since the last time.
    fn tell(&self) {
        let untold = std::mem::take(&mut *locked(&self.0.untold));
        let mut uses = untold.into_iter().map(|((limit, key), count)| Use { limit, key, count });
        loop {
            let used: Vec<Use> = uses.by_ref().take(TOLD_AT_ONCE).collect();
            if used.is_empty() {
                return;
            }
            self.0.cluster.announce(&Notice::Used { used });
        }
    }

    /// Drops the callers whose buckets are full.
    pub fn forget_old(&self) {
        let now = self.now();
        for part in &self.0.parts {
            let mut part = locked(part);
            part.purge(now);
            part.full.shrink_to_fit();
        }
    }

    /// One request, at all limits that it counts for. What the tightest of them leaves, with its name in the headers; none where nothing is limited.
    ///
    /// # Errors
    /// One of them is used up.
    fn request(&self, caller: &Caller) -> AppResult<Option<(&'static str, Allowance)>> {
        let mut tightest: Option<(&'static str, Allowance)> = None;
        for (name, limit, key) in caller.counted() {
            let Some(left) = self.take(limit, &key)? else { continue };
            // By what is left of each as a part of it.
            let is_tighter = tightest.is_none_or(|(_, known)| {
                u64::from(left.remaining) * u64::from(known.limit) < u64::from(known.remaining) * u64::from(left.limit)
            });
            if is_tighter {
                tightest = Some((name, left));
            }
        }
        Ok(tightest)
    }
}

impl Part {
    fn purge(&mut self, now: u64) {
        self.full.retain(|_, full| *full > now);
        self.purged = now;
    }

    fn make_room(&mut self, now: u64) {
        if self.full.len() >= CALLERS && now.saturating_sub(self.purged) >= PURGE_EVERY {
            self.purge(now);
        }
    }

    fn set(&mut self, key: Key, full: u64) {
        if self.full.len() < CALLERS || self.full.contains_key(&key) {
            self.full.insert(key, full);
        }
    }
}

/// Tells the other nodes what is taken here, for as long as the server lives.
pub async fn keep(state: WeakState) {
    loop {
        tokio::time::sleep(TELL_EVERY).await;
        let Some(state) = state.upgrade().filter(|state| !state.shutdown.is_cancelled()) else { return };
        state.rates.tell();
    }
}

/// Whom a request counts for.
struct Caller {
    /// Which route: its method and its template.
    route: String,
    address: String,
    user: Option<String>,
    /// The hash of the API token.
    token: Option<String>,
    costly: bool,
}

impl Caller {
    /// None: it is not limited here. Files of the build are given out of memory; the local socket is the operator's; deliveries of webhooks have an intake of their own
    /// (`webhooks::service::admit`), because GitHub is one caller for everybody.
    fn of(request: &Request) -> Option<Self> {
        let ctx = request.extensions().get::<Ctx>()?;
        if request.extensions().get::<LocalSocket>().is_some() {
            return None;
        }
        let matched = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
        let route = match matched {
            Some("/healthz" | "/readyz" | "/webhook/github" | "/sw.js") => return None,
            Some(route) => route,
            None if assets::is_file(request.uri().path().trim_start_matches('/')) => return None,
            None => "page",
        };
        let method = request.method();
        let actor = ctx.actor.as_deref();
        let by_token = actor.is_some_and(|actor| matches!(actor.via, Via::Token(_)));
        Some(Self {
            costly: is_costly(method, route),
            route: format!("{method} {route}"),
            address: address_key(&ctx.address),
            user: actor.map(|actor| actor.id().to_string()),
            token: bearer(request.headers()).filter(|_| by_token).map(secrets::hash),
        })
    }

    /// The name in the headers, the limit and its key; the narrowest first, so that a program that is refused takes nothing of its person's or its office's.
    fn counted(&self) -> Vec<(&'static str, Limit, String)> {
        let who = self.user.as_deref().unwrap_or(&self.address);
        let mut counted = Vec::with_capacity(5);
        counted.extend(self.token.clone().map(|token| ("token", Limit::TokenRequests, token)));
        if self.costly {
            counted.push(("costly", Limit::CostlyRequests, who.to_owned()));
        }
        counted.push(("route", Limit::RouteRequests, format!("{who} {}", self.route)));
        counted.extend(self.user.clone().map(|user| ("user", Limit::UserRequests, user)));
        counted.push(("address", Limit::AddressRequests, self.address.clone()));
        counted
    }
}

/// Ends of routes that cost seconds of a core, or a file of megabytes: they read, write or pack everything that somebody has.
const COSTLY: [&str; 8] =
    ["/imports", "/exports", "/export", "/git/import", "/git-upload-pack", "/search/reindex", "/analytics/rebuild", "/evolution/passes"];

/// Whether a route is one of those.
pub fn is_costly(method: &Method, route: &str) -> bool {
    *method != Method::HEAD && COSTLY.iter().any(|end| route.ends_with(end))
}

/// Counts a request, and refuses it where a limit is used up, or where it costs much and too many of those go on. Answers of the API say what is left, as draft-ietf-httpapi-ratelimit-headers-10 has it.
pub async fn layer(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let Some(caller) = Caller::of(&request) else { return next.run(request).await };
    match state.rates.request(&caller) {
        Ok(left) => {
            let place =
                caller.costly.then(|| state.costly_at_once.take(caller.user.clone().or_else(|| caller_of(&caller.address)).as_deref()));
            if matches!(place, Some(None)) {
                return busy().into_response();
            }
            let told = request.uri().path().starts_with("/api/");
            let mut response = next.run(request).await;
            if let Some((name, left)) = left.filter(|_| told) {
                tell(response.headers_mut(), name, left);
            }
            response
        }
        Err(error) => error.into_response(),
    }
}

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const LEFT: HeaderName = HeaderName::from_static("ratelimit");

/// `RateLimit-Policy: "user";q=6000;w=60` and `RateLimit: "user";r=5999;t=1`.
fn tell(headers: &mut HeaderMap, name: &str, left: Allowance) {
    let policy = HeaderValue::from_str(&format!("\"{name}\";q={};w=60", left.limit));
    let rest = HeaderValue::from_str(&format!("\"{name}\";r={};t={}", left.remaining, left.reset));
    if let (Ok(policy), Ok(rest)) = (policy, rest) {
        headers.insert(POLICY, policy);
        headers.insert(LEFT, rest);
    }
}

/// An IPv6 customer has a whole /64, so that is one address here.
pub fn address_key(address: &str) -> String {
    match address.parse::<std::net::IpAddr>() {
        Ok(std::net::IpAddr::V6(v6)) if v6.to_ipv4_mapped().is_none() => {
            let [a, b, c, d, ..] = v6.segments();
            std::net::Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).to_string()
        }
        _ => address.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::error::ErrorCode;

    fn rates(settings: RateSettings) -> Rates {
        Rates::new(settings, Cluster::alone())
    }

    #[test]
    fn a_bucket_gives_what_it_holds_and_then_one_each_period() {
        let rate = Rate::new(3, Duration::from_secs(2));
        let (mut full, second) = (0, NANOS);
        for left in [2, 1, 0] {
            full = rate.take(full, 0).expect("there is one");
            assert_eq!(rate.left(full, 0).remaining, left);
        }
        assert_eq!(rate.take(full, 0), Err(Duration::from_secs(2)));
        assert_eq!(rate.take(full, second), Err(Duration::from_secs(1)));
        full = rate.take(full, 2 * second).expect("one came");
        assert_eq!(rate.left(full, 2 * second), Allowance { limit: 3, remaining: 0, reset: 6 });
        assert_eq!(rate.left(full, 60 * second), Allowance { limit: 3, remaining: 3, reset: 0 });
    }

    #[test]
    fn nothing_each_minute_is_no_limit() {
        assert_eq!(Rate::each_minute(0), None);
        let rates = rates(RateSettings::OFF);
        assert_eq!((0..1_000).filter(|_| rates.take(Limit::UserRequests, "maya").is_ok_and(|left| left.is_none())).count(), 1_000);
    }

    #[test]
    fn callers_have_buckets_of_their_own_and_are_told_when_to_come_back() {
        let rates = rates(RateSettings { user: 2, ..RateSettings::OFF });
        assert_eq!(rates.take(Limit::UserRequests, "maya").ok().flatten().map(|left| left.remaining), Some(1));
        assert!(rates.take(Limit::UserRequests, "maya").is_ok());
        let error = rates.take(Limit::UserRequests, "maya").expect_err("used up");
        assert_eq!(error.code, ErrorCode::TooManyRequests);
        assert!(error.retry_after.is_some_and(|seconds| (1..=31).contains(&seconds)));
        assert!(rates.take(Limit::UserRequests, "priya").is_ok());
    }

    #[test]
    fn what_was_taken_elsewhere_counts_here_also_beyond_what_there_is() {
        let rates = rates(RateSettings { user: 100, ..RateSettings::OFF });
        let used = |count| vec![Use { limit: Limit::UserRequests, key: "maya".into(), count }];
        rates.hear(used(60));
        assert_eq!(rates.take(Limit::UserRequests, "maya").ok().flatten().map(|left| left.remaining), Some(39));
        rates.hear(used(5_000));
        let error = rates.take(Limit::UserRequests, "maya").expect_err("used up");
        assert_eq!(error.retry_after, Some(1), "and no longer than until one comes");
    }

    #[test]
    fn the_callers_that_are_kept_are_bounded_and_forgotten() {
        let rates = rates(RateSettings { address: 10, ..RateSettings::OFF });
        for number in 0..(PARTS * CALLERS + 10_000) {
            let _ = rates.take(Limit::AddressRequests, &number.to_string());
        }
        let kept = |rates: &Rates| rates.0.parts.iter().map(|part| locked(part).full.len()).sum::<usize>();
        assert!(kept(&rates) <= PARTS * CALLERS, "{}", kept(&rates));
        for part in &rates.0.parts {
            locked(part).purge(u64::MAX);
        }
        assert_eq!(kept(&rates), 0);
    }

    #[test]
    fn a_request_counts_for_each_of_its_limits_and_the_tightest_is_told() {
        let rates = rates(RateSettings { user: 100, token: 10, address: 1_000, route: 50, ..RateSettings::OFF });
        let caller = |user: &str, route: &str| Caller {
            route: format!("GET {route}"),
            address: "10.0.0.1".to_owned(),
            user: Some(user.to_owned()),
            token: Some(format!("{user}'s")),
            costly: false,
        };
        let (name, left) = rates.request(&caller("maya", "/a")).ok().flatten().expect("limited");
        assert_eq!((name, left.limit, left.remaining), ("token", 10, 9));
        (0..9).for_each(|_| assert!(rates.request(&caller("maya", "/b")).is_ok()));
        assert!(rates.request(&caller("maya", "/c")).is_err());
        assert!(rates.request(&caller("priya", "/c")).is_ok());
    }

    #[test]
    fn what_costs_much_is_known_by_its_route() {
        for (route, costly) in [
            ("/api/v1/volumes/{id}/imports", true),
            ("/git/{team}/{volume}/git-upload-pack", true),
            ("/api/v1/me/export", true),
            ("/api/v1/volumes/{id}", false),
            ("page", false),
        ] {
            assert_eq!(is_costly(&Method::POST, route), costly, "{route}");
        }
    }

    #[test]
    fn ipv6_is_counted_by_network() {
        assert_eq!(address_key("2001:db8:0:1:2:3:4:5"), address_key("2001:db8:0:1::9"));
        assert_ne!(address_key("2001:db8:0:1::9"), address_key("2001:db8:0:2::9"));
        assert_eq!(address_key("10.0.0.1"), "10.0.0.1");
    }

    proptest! {
        // In any stretch of time no more gets through than the bucket holds and what came into it meanwhile.
        #[test]
        fn no_window_lets_more_through(burst in 1_u32..20, every in 1_u64..5_000, steps in prop::collection::vec(0_u64..3_000, 1..200)) {
            let rate = Rate::new(burst, Duration::from_nanos(every));
            let (mut full, mut now, mut taken) = (0, 0_u64, Vec::new());
            for step in steps {
                now += step;
                match rate.take(full, now) {
                    Ok(next) => {
                        full = next;
                        taken.push(now);
                    }
                    Err(wait) => {
                        let wait = u64::try_from(wait.as_nanos()).expect("short");
                        prop_assert!(wait > 0 && rate.take(full, now + wait).is_ok(), "one is there when it says so");
                    }
                }
            }
            for (first, from) in taken.iter().enumerate() {
                for (last, to) in taken.iter().enumerate().skip(first) {
                    prop_assert!((last - first + 1) as u64 <= u64::from(burst) + (to - from) / every);
                }
            }
        }
    }
}
