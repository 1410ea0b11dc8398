//! `/api/v1/analytics`.

mod kept;

use axum::{
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use llmos_analytics::{
    Day,
    model::{Cause, Dashboard, Forecasts, Query as Asked, Rows, Span},
};
use serde::Deserialize;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::service::{self, RowsQuery};
use crate::{
    error::{AppError, AppResult},
    features::jobs::model::JobStatus,
    server::{
        context::Ctx,
        extract::{Json, Query},
        state::AppState,
    },
};

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(dashboard))
        .routes(routes!(rows))
        .routes(routes!(causes))
        .routes(routes!(forecast))
        .routes(routes!(rebuild))
        .merge(kept::routes())
}

/// What is looked at.
#[derive(Clone, Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase", default)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
struct AnalyticsQuery {
    /// `7d`, `30d`, `90d`, `12m`, or `custom` with `from` and `to`.
    range: Option<String>,
    /// The first day, such as 2026-09-01.
    from: Option<String>,
    /// The last day; it is included.
    to: Option<String>,
    /// The time zone whose days are meant, by its IANA name; UTC without.
    zone: Option<String>,
    /// With the equal range before.
    compare: Option<bool>,
    /// A team's id, or `personal`; without one, all workspaces that the caller is in.
    team: Option<String>,
    person: Option<String>,
    volume: Option<String>,
    /// `skill`, `tool` or `agent`.
    kind: Option<String>,
    /// Such as `data-analysis`.
    category: Option<String>,
    /// `json` or `csv`.
    format: Option<String>,
}

impl AnalyticsQuery {
    fn read(self) -> AppResult<(Asked, Form)> {
        fn set(text: Option<String>) -> Option<String> {
            text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
        }
        let day = |field: &'static str, text: Option<String>| -> AppResult<Option<Day>> {
            set(text)
                .map(|text| text.parse().map_err(|fault: llmos_analytics::day::NoDay| AppError::field(field, fault.to_string())))
                .transpose()
        };
        let range = match set(self.range) {
            Some(text) => Span::parse(&text).ok_or_else(|| AppError::field("range", "A range is one of 7d, 30d, 90d, 12m and custom."))?,
            // Two days say what is meant.
            None if self.from.is_some() || self.to.is_some() => Span::Custom,
            None => Span::default(),
        };
        let form = match set(self.format).as_deref() {
            None | Some("json") => Form::Json,
            Some("csv") => Form::Csv,
            Some(_) => return Err(AppError::field("format", "A format is json or csv.")),
        };
        let asked = Asked {
            range,
            from: day("from", self.from)?,
            to: day("to", self.to)?,
            zone: set(self.zone),
            compare: self.compare.unwrap_or_default(),
            team: set(self.team),
            person: set(self.person),
            volume: set(self.volume),
            kind: set(self.kind),
            category: set(self.category),
        };
        Ok((asked, form))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Json,
    Csv,
}

fn csv(name: &str, table: String) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}.csv\"")),
    ];
    (headers, table).into_response()
}

/// All figures of what workspaces do, learn and ship (docs/metrics.md).
#[utoipa::path(get, path = "/analytics", tag = "analytics", params(AnalyticsQuery), responses((status = 200, body = Dashboard), (status = "4XX", body = AppError)))]
async fn dashboard(ctx: Ctx, Query(query): Query<AnalyticsQuery>) -> AppResult<Response> {
    let (asked, form) = query.read()?;
    let dashboard = service::dashboard(&ctx, &asked).await?;
    Ok(match form {
        Form::Json => Json(dashboard).into_response(),
        Form::Csv => csv("analytics", service::dashboard_csv(&dashboard)?),
    })
}

/// The events that one of these numbers is made of, the newest first. As CSV all of them from the cursor on, 10,000 at most, unless a limit is given.
#[utoipa::path(get, path = "/analytics/rows", tag = "analytics", params(AnalyticsQuery, RowsQuery), responses((status = 200, body = Rows), (status = "4XX", body = AppError)))]
async fn rows(ctx: Ctx, Query(query): Query<AnalyticsQuery>, Query(wanted): Query<RowsQuery>) -> AppResult<Response> {
    let (asked, form) = query.read()?;
    Ok(match form {
        Form::Json => Json(service::rows(&ctx, &asked, &wanted).await?).into_response(),
        Form::Csv => csv(&wanted.measure, service::rows_csv(&service::all_rows(&ctx, &asked, &wanted).await?)),
    })
}

/// What may have moved the numbers: commits, releases, accepted proposals and, for administrators, what went wrong.
#[utoipa::path(get, path = "/analytics/causes", tag = "analytics", params(AnalyticsQuery), responses((status = 200, body = Vec<Cause>), (status = "4XX", body = AppError)))]
async fn causes(ctx: Ctx, Query(query): Query<AnalyticsQuery>) -> AppResult<Json<Vec<Cause>>> {
    let (asked, _) = query.read()?;
    service::causes(&ctx, &asked).await.map(Json)
}

/// The next 14 days of sessions, artifacts and commits, each with a band and with the error of the same method on past days, and the past days that were unusual.
/// Made of whole past days once a day, whatever the range. Where history is too short, nothing is said.
#[utoipa::path(get, path = "/analytics/forecast", tag = "analytics", params(AnalyticsQuery), responses((status = 200, body = Forecasts), (status = "4XX", body = AppError)))]
async fn forecast(ctx: Ctx, Query(query): Query<AnalyticsQuery>) -> AppResult<Json<Forecasts>> {
    let (asked, _) = query.read()?;
    service::forecast(&ctx, &asked).await.map(Json)
}

/// Make what usage events add up to anew; what is there answers until it is whole. For administrators; `/jobs/{id}` says how far it is.
#[utoipa::path(post, path = "/admin/analytics/rebuild", tag = "administration", responses((status = 202, body = JobStatus), (status = "4XX", body = AppError)))]
async fn rebuild(ctx: Ctx) -> AppResult<(StatusCode, Json<JobStatus>)> {
    Ok((StatusCode::ACCEPTED, Json(service::request_rebuild(&ctx).await?)))
}
