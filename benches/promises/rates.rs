//! Limits: what counting a request costs, with many callers known.

use std::{hint::black_box, time::Instant};

use llmos_lite::server::{
    cluster::Cluster,
    rates::{Limit, RateSettings, Rates},
};

use crate::{Figure, Result, percentile};

const CALLERS: usize = 10_000;
/// Requests in one sample: a single one is too short to be timed.
const TOGETHER: usize = 100;
const SAMPLES: usize = 5_000;

pub fn run() -> Result<Vec<Figure>> {
    // So large that nobody is refused: a refusal costs less.
    let settings =
        RateSettings { user: u32::MAX, token: u32::MAX, address: u32::MAX, route: u32::MAX, costly: u32::MAX, ..RateSettings::OFF };
    let rates = Rates::new(settings, Cluster::alone());
    let callers: Vec<[String; 4]> = (0..CALLERS)
        .map(|number| {
            let user = uuid::Uuid::now_v7().to_string();
            [
                format!("10.0.{}.{}", number / 250, number % 250),
                user.clone(),
                format!("{number:064x}"),
                format!("{user} GET /api/v1/artifacts/{{id}}"),
            ]
        })
        .collect();
    let mut micros = Vec::with_capacity(SAMPLES);
    for sample in 0..SAMPLES {
        let began = Instant::now();
        for number in 0..TOGETHER {
            let [address, user, token, route] = &callers[(sample * TOGETHER + number) % CALLERS];
            for (limit, key) in [
                (Limit::AddressRequests, address),
                (Limit::UserRequests, user),
                (Limit::TokenRequests, token),
                (Limit::RouteRequests, route),
            ] {
                let _ = black_box(rates.take(limit, key));
            }
        }
        micros.push(began.elapsed().as_secs_f64() * 1e6 / TOGETHER as f64);
    }
    Ok(vec![
        Figure::at_most("the four limits of a request with a token counted, 10,000 callers, p50", 5.0, percentile(&mut micros, 0.5), "µs"),
        Figure::at_most("… p99", 20.0, percentile(&mut micros, 0.99), "µs"),
    ])
}
