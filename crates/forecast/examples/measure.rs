//! How long a forecast takes, and how often its band holds what came: `cargo run --release -p llmos-forecast --example measure`.

use std::time::Instant;

use llmos_forecast::{HORIZON, anomalies, forecast};

/// A count of chance: Knuth's method for small means, the normal distribution for others.
fn poisson(random: &mut fastrand::Rng, mean: f64) -> u64 {
    if mean > 30.0 {
        let (a, b) = (1.0 - random.f64(), random.f64());
        let normal = (-2.0 * a.ln()).sqrt() * (std::f64::consts::TAU * b).cos();
        return (mean + normal * mean.sqrt()).round().max(0.0) as u64;
    }
    let (limit, mut count, mut product) = ((-mean).exp(), 0, random.f64());
    while product > limit {
        count += 1;
        product *= random.f64();
    }
    count
}

/// Quiet weekends, growth by so many percent a week, and days that are busier or quieter than others by up to `noise`.
fn series(random: &mut fastrand::Rng, days: usize, level: f64, growth: f64, noise: f64) -> Vec<u64> {
    let day = |day: usize| {
        let weekday = [1.0, 1.15, 1.1, 1.05, 0.8, 0.2, 0.15][day % 7];
        let mean = level * weekday * (1.0 + growth).powf(day as f64 / 7.0) * (1.0 + noise * (2.0 * random.f64() - 1.0));
        poisson(random, mean)
    };
    (0..days).map(day).collect()
}

fn main() {
    println!(
        "| days | mean day | growth a week | noise | p50 ms | p95 ms | WAPE said | WAPE found | band holds |\n|--:|--:|--:|--:|--:|--:|--:|--:|--:|"
    );
    let mut random = fastrand::Rng::with_seed(8);
    for days in [42, 90, 400] {
        for (level, growth, noise) in [(5.0, 0.0, 0.0), (50.0, 0.0, 0.2), (50.0, 0.02, 0.2), (1_000.0, 0.02, 0.3), (1_000.0, -0.01, 0.1)] {
            let (mut times, mut held, mut all, mut said, mut off, mut sum) = (Vec::new(), 0, 0, 0.0, 0.0, 0.0);
            let rounds = if days == 400 { 60 } else { 200 };
            for _ in 0..rounds {
                let whole = series(&mut random, days + HORIZON, level, growth, noise);
                let (known, came) = whole.split_at(days);
                let began = Instant::now();
                let told = forecast(known);
                let _ = std::hint::black_box(anomalies(known));
                times.push(began.elapsed().as_secs_f64() * 1e3);
                let Ok(told) = told else { continue };
                said += told.error.unwrap_or(0.0) / f64::from(rounds);
                for (point, day) in told.points.iter().zip(came) {
                    let day = *day as f64;
                    all += 1;
                    held += i32::from((point.low.floor()..=point.high.ceil()).contains(&day));
                    off += (day - point.mean).abs();
                    sum += day;
                }
            }
            times.sort_by(f64::total_cmp);
            let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
            println!(
                "| {days} | {level} | {:.0} % | {:.0} % | {:.1} | {:.1} | {:.0} % | {:.0} % | {:.0} % |",
                growth * 100.0,
                noise * 100.0,
                at(0.5),
                at(0.95),
                said * 100.0,
                off / sum * 100.0,
                f64::from(held) / f64::from(all) * 100.0
            );
        }
    }
}
